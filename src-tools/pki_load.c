/* SPDX-License-Identifier: Apache-2.0 */
/* pki_load.c - keys, certificates, CRLs and requests out of files, PEM or DER. */
#define _GNU_SOURCE /* memmem */
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>
#include "pki.h"

static const char pem_mark[] = "-----BEGIN ";
static const char *const kind_names[] = { "nothing that is known here",
                                          "a certificate",
                                          "a CRL",
                                          "a private key",
                                          "a public key",
                                          "a certificate request",
                                          "a PKCS#12 file",
                                          "an OCSP response" };

/* -- what is in a file */

static const char *
find_pem (GBytes *bytes)
{
  gsize len;
  const char *data = g_bytes_get_data (bytes, &len);
  const char *mark = memmem (data, len, pem_mark, sizeof pem_mark - 1);

  return mark ? mark + sizeof pem_mark - 1 : NULL;
}

static PkiKind
kind_of_label (const char *label, gsize left)
{
  static const struct {
    const char *label;
    PkiKind kind;
  } labels[] = {
    { "CERTIFICATE-----", PKI_CERT },
    { "TRUSTED CERTIFICATE-----", PKI_CERT },
    { "X509 CRL-----", PKI_CRL },
    { "CERTIFICATE REQUEST-----", PKI_REQ },
    { "NEW CERTIFICATE REQUEST-----", PKI_REQ },
    { "PUBLIC KEY-----", PKI_PUB },
    { "PRIVATE KEY-----", PKI_KEY },
    { "ENCRYPTED PRIVATE KEY-----", PKI_KEY },
    { "RSA PRIVATE KEY-----", PKI_KEY },
    { "EC PRIVATE KEY-----", PKI_KEY },
    { "EC PARAMETERS-----", PKI_KEY },
  };

  for (guint i = 0; i < G_N_ELEMENTS (labels); i++)
    if (left >= strlen (labels[i].label)
        && memcmp (label, labels[i].label, strlen (labels[i].label)) == 0)
      return labels[i].kind;
  return PKI_UNKNOWN;
}

static gboolean
is_a (const ASN1_ITEM *item, const guint8 *data, gsize len)
{
  const guint8 *end = data;
  ASN1_VALUE *value = ASN1_item_d2i (NULL, &end, (long) len, item);

  ASN1_item_free (value, item);
  return value && end == data + len;
}

PkiKind
pki_kind_of (GBytes *bytes)
{
  const struct {
    const ASN1_ITEM *item;
    PkiKind kind;
  } items[] = {
    { ASN1_ITEM_rptr (X509), PKI_CERT },          { ASN1_ITEM_rptr (X509_CRL), PKI_CRL },
    { ASN1_ITEM_rptr (X509_REQ), PKI_REQ },       { ASN1_ITEM_rptr (PKCS12), PKI_P12 },
    { ASN1_ITEM_rptr (OCSP_RESPONSE), PKI_OCSP }, { ASN1_ITEM_rptr (X509_PUBKEY), PKI_PUB },
  };
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  const char *label = find_pem (bytes);
  PkiKind kind = PKI_UNKNOWN;

  if (label)
    return kind_of_label (label, len - (gsize) (label - (const char *) data));
  for (guint i = 0; i < G_N_ELEMENTS (items) && kind == PKI_UNKNOWN; i++)
    kind = is_a (items[i].item, data, len) ? items[i].kind : PKI_UNKNOWN;
  /* The many forms of private keys begin alike, and all are a SEQUENCE. */
  if (kind == PKI_UNKNOWN && data[0] == 0x30)
    kind = PKI_KEY;
  ERR_clear_error ();
  return kind;
}

PkiKind
pki_kind (const char *word, GBytes *bytes)
{
  static const char *const words[] = { "auto", "cert", "crl", "key", "pub", "req", "p12", "ocsp" };

  for (guint i = 1; word && i < G_N_ELEMENTS (words); i++)
    if (strcmp (words[i], word) == 0)
      return (PkiKind) i;
  return pki_kind_of (bytes);
}

static BIO *
bio_of (GBytes *bytes)
{
  gsize len;
  const void *data = g_bytes_get_data (bytes, &len);

  ERR_clear_error ();
  return BIO_new_mem_buf (data, (int) len);
}

static gboolean
refuse (GBytes *bytes, const char *path, PkiKind wanted, GError **error)
{
  PkiKind found;
  unsigned long first = ERR_peek_error ();
  g_autofree char *reason = g_strdup (first ? ERR_reason_error_string (first) : NULL);

  found = pki_kind_of (bytes);
  if (found != wanted && found != PKI_UNKNOWN && (found != PKI_KEY || find_pem (bytes)))
    g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "%s holds %s, not %s", pki_path (path),
                 kind_names[found], kind_names[wanted]);
  else
    g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "%s cannot be read as %s%s%s", pki_path (path),
                 kind_names[wanted], reason ? ": " : "", reason ? reason : "");
  ERR_clear_error ();
  return FALSE;
}

/* -- certificates, CRLs, requests, public keys */

static int
no_passphrase (char *buffer, int size, int is_writing, void *data)
{
  return -1;
}

X509 *
pki_cert_from (GBytes *bytes, const char *path, GError **error)
{
  g_autoptr (BIO) bio = bio_of (bytes);
  X509 *cert = find_pem (bytes) ? PEM_read_bio_X509 (bio, NULL, no_passphrase, NULL)
                                : d2i_X509_bio (bio, NULL);

  if (!cert)
    refuse (bytes, path, PKI_CERT, error);
  return cert;
}

X509_CRL *
pki_crl_from (GBytes *bytes, const char *path, GError **error)
{
  g_autoptr (BIO) bio = bio_of (bytes);
  X509_CRL *crl = find_pem (bytes) ? PEM_read_bio_X509_CRL (bio, NULL, no_passphrase, NULL)
                                   : d2i_X509_CRL_bio (bio, NULL);

  if (!crl)
    refuse (bytes, path, PKI_CRL, error);
  return crl;
}

X509_REQ *
pki_req_from (GBytes *bytes, const char *path, GError **error)
{
  g_autoptr (BIO) bio = bio_of (bytes);
  X509_REQ *req = find_pem (bytes) ? PEM_read_bio_X509_REQ (bio, NULL, no_passphrase, NULL)
                                   : d2i_X509_REQ_bio (bio, NULL);

  if (!req)
    refuse (bytes, path, PKI_REQ, error);
  return req;
}

EVP_PKEY *
pki_pub_from (GBytes *bytes, const char *path, GError **error)
{
  g_autoptr (BIO) bio = bio_of (bytes);
  EVP_PKEY *key = find_pem (bytes) ? PEM_read_bio_PUBKEY (bio, NULL, no_passphrase, NULL)
                                   : d2i_PUBKEY_bio (bio, NULL);

  if (!key)
    refuse (bytes, path, PKI_PUB, error);
  return key;
}

X509 *
pki_read_cert (const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = pki_read_bytes (path, error);

  return bytes ? pki_cert_from (bytes, path, error) : NULL;
}

X509_CRL *
pki_read_crl (const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = pki_read_bytes (path, error);

  return bytes ? pki_crl_from (bytes, path, error) : NULL;
}

gboolean
pki_certs_from (GBytes *bytes, const char *path, X509Stack *out, GError **error)
{
  X509 *cert = pki_cert_from (bytes, path, error);
  g_autoptr (BIO) bio = NULL;

  if (!cert)
    return FALSE;
  if (!find_pem (bytes)) {
    sk_X509_push (out, cert);
    return TRUE;
  }
  X509_free (cert);
  bio = bio_of (bytes);
  while ((cert = PEM_read_bio_X509 (bio, NULL, no_passphrase, NULL)))
    sk_X509_push (out, cert);
  ERR_clear_error ();
  return TRUE;
}

gboolean
pki_read_certs (const char *path, X509Stack *out, GError **error)
{
  g_autoptr (GBytes) bytes = pki_read_bytes (path, error);

  return bytes && pki_certs_from (bytes, path, out, error);
}

/* -- private keys */

typedef struct {
  const PkiArgs *args;
  const char *path;
  GError **error;
  gboolean is_asked;
} Asking;

static int
give_passphrase (char *buffer, int size, int is_writing, void *data)
{
  Asking *asking = data;
  g_autofree char *what = g_strdup_printf ("the key in %s", pki_path (asking->path));
  char *passphrase;
  gsize len;

  if (asking->is_asked && *asking->error)
    return -1;
  asking->is_asked = TRUE;
  passphrase = pki_passphrase (asking->args, what, FALSE, asking->error);
  if (!passphrase)
    return -1;
  len = MIN (strlen (passphrase), (gsize) size);
  memcpy (buffer, passphrase, len);
  pki_passphrase_free (passphrase);
  return (int) len;
}

static EVP_PKEY *
decode_key (GBytes *bytes, Asking *asking)
{
  g_autoptr (BIO) bio = bio_of (bytes), again = bio_of (bytes);
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  EVP_PKEY *key;

  if (find_pem (bytes))
    return PEM_read_bio_PrivateKey (bio, NULL, give_passphrase, asking);
  key = d2i_AutoPrivateKey (NULL, &data, (long) len);
  return key ? key : d2i_PKCS8PrivateKey_bio (again, NULL, give_passphrase, asking);
}

EVP_PKEY *
pki_key_from (const PkiArgs *args, GBytes *bytes, const char *path, GError **error)
{
  g_autoptr (GError) wrong = NULL;
  Asking asking = { args, path, &wrong, FALSE };
  EVP_PKEY *key = decode_key (bytes, &asking);

  if (key) {
    ERR_clear_error ();
    return key;
  }
  if (wrong) {
    ERR_clear_error ();
    g_propagate_error (error, g_steal_pointer (&wrong));
  } else if (asking.is_asked) {
    ERR_clear_error ();
    g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED, "%s: the passphrase is wrong",
                 pki_path (path));
  } else {
    refuse (bytes, path, PKI_KEY, error);
  }
  return NULL;
}

EVP_PKEY *
pki_read_key (const PkiArgs *args, const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = pki_read_bytes (path, error);

  return bytes ? pki_key_from (args, bytes, path, error) : NULL;
}

EVP_PKEY *
pki_any_pub (const PkiArgs *args, GBytes *bytes, const char *path, PkiKind kind, GError **error)
{
  g_autoptr (X509) cert = NULL;
  g_autoptr (X509_REQ) req = NULL;
  EVP_PKEY *key = NULL;

  if (kind == PKI_CERT) {
    cert = pki_cert_from (bytes, path, error);
    key = cert ? X509_get_pubkey (cert) : NULL;
  } else if (kind == PKI_REQ) {
    req = pki_req_from (bytes, path, error);
    key = req ? X509_REQ_get_pubkey (req) : NULL;
  } else if (kind == PKI_KEY) {
    return pki_key_from (args, bytes, path, error);
  } else {
    return pki_pub_from (bytes, path, error);
  }
  if (!key && (cert || req))
    pki_fail (error, "the public key in %s cannot be used", pki_path (path));
  return key;
}

gboolean
pki_read_ca (const PkiArgs *args, X509 **cert, EVP_PKEY **key, GError **error)
{
  const char *cert_path = pki_need (args, "cacert", error), *key_path;

  if (!cert_path || !(key_path = pki_need (args, "cakey", error))
      || !(*cert = pki_read_cert (cert_path, error))
      || !(*key = pki_read_key (args, key_path, error)))
    return FALSE;
  if (X509_check_private_key (*cert, *key) != 1) {
    ERR_clear_error ();
    return pki_fail (error, "the key in %s does not belong to the certificate in %s", key_path,
                     cert_path);
  }
  if (X509_check_ca (*cert) == 0 && !pki_has (args, "force"))
    return pki_fail (error, "the certificate in %s is no CA's; make one with --ca, or use --force",
                     cert_path);
  return TRUE;
}
