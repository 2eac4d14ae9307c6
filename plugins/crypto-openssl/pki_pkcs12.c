/* SPDX-License-Identifier: Apache-2.0 */
/* pki_pkcs12.c - a private key with its certificates, from a PKCS#12 file (RFC 7292).
 *
 * Such files are BER as often as DER.  One without a MAC is refused: with the MAC it is known that
 * the passphrase is right and nothing was changed, before anything inside is looked at. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include <ikebana/error.h>

#include "pki.h"

/* Who writes such files takes some thousands; a million is half a second. */
enum { ITERATIONS_MAX = 2000000, CERTS_MAX = 256 };

static void
fail_denied (GError **error, gboolean has_passphrase)
{
  pki_fail (error, IKE_ERROR_DENIED,
            has_passphrase ? "the passphrase does not open the PKCS#12 file"
                           : "the PKCS#12 file needs a passphrase, and none is known; give "
                             "one in section secrets");
}

/* NULL with @error.  Nothing may stand behind it. */
static PKCS12 *
file_read (State *state, const guint8 *data, gsize len, GError **error)
{
  PKCS12 *file = PKCS12_init_ex (NID_pkcs7_data, state->library, NULL);
  const guint8 *at = data;

  if (file && d2i_PKCS12 (&file, &at, (long) len) && at == data + len)
    return file;
  PKCS12_free (file);
  pki_fail (error, IKE_ERROR_CRYPTO, "this is no PKCS#12 file that can be read");
  return NULL;
}

static gboolean
mac_is_sane (PKCS12 *file, GError **error)
{
  const ASN1_INTEGER *iterations = NULL;
  gint64 n = 1;

  if (PKCS12_mac_present (file) != 1) {
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                         "the PKCS#12 file has no MAC; write it anew, without -nomac");
    return FALSE;
  }
  PKCS12_get0_mac (NULL, NULL, NULL, &iterations, file);
  if (!iterations
      || (ASN1_INTEGER_get_int64 (&n, iterations) == 1 && n >= 0 && n <= ITERATIONS_MAX))
    return TRUE;
  ERR_clear_error ();
  g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
               "the MAC of the PKCS#12 file takes more than %d iterations", ITERATIONS_MAX);
  return FALSE;
}

/* Text with a zero at the end, which may be NULL; no passphrase is written in two ways. */
static gboolean
mac_is_right (PKCS12 *file, const char **text)
{
  if (*text && **text)
    return PKCS12_verify_mac (file, *text, -1) == 1;
  *text = NULL;
  if (PKCS12_verify_mac (file, NULL, 0) == 1)
    return TRUE;
  *text = "";
  return PKCS12_verify_mac (file, "", 0) == 1;
}

/* The passphrase was right: what is left is a cipher that is not there, or a file that was written
 * wrongly. */
static void
fail_inside (GError **error)
{
  gboolean is_unsupported = FALSE;
  unsigned long code;

  while ((code = ERR_get_error ())) {
    int reason = ERR_GET_REASON (code);

    is_unsupported =
        is_unsupported || reason == ERR_R_UNSUPPORTED
        || (ERR_GET_LIB (code) == ERR_LIB_EVP
            && (reason == EVP_R_UNSUPPORTED_ALGORITHM || reason == EVP_R_UNKNOWN_PBE_ALGORITHM
                || reason == EVP_R_UNSUPPORTED_CIPHER));
  }
  if (is_unsupported)
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                         "the PKCS#12 file is encrypted by a cipher that libcrypto does not have "
                         "(RC2 of older programs, most likely); write it anew: \"openssl pkcs12 "
                         "-legacy -in FILE -nodes | openssl pkcs12 -export -out NEW\"");
  else
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                         "the passphrase of the PKCS#12 file is right, but what is inside cannot "
                         "be read");
}

static gboolean
add_cert (State *state, X509 *x509, GPtrArray *certs, GError **error)
{
  guint8 *der = NULL;
  int len = i2d_X509 (x509, &der);
  IkeCert *cert = NULL;

  if (len > 0)
    cert = pki_cert_new (state, der, (gsize) len, error);
  else
    pki_fail (error, IKE_ERROR_CRYPTO, "a certificate cannot be written as DER");
  OPENSSL_free (der);
  if (!cert) {
    g_prefix_error (error, "a certificate in the PKCS#12 file: ");
    return FALSE;
  }
  g_ptr_array_add (certs, cert);
  return TRUE;
}

static gboolean
add_certs (State *state, X509 *first, STACK_OF (X509) * others, GPtrArray *certs, GError **error)
{
  int n = others ? sk_X509_num (others) : 0;

  if (n > CERTS_MAX) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "the PKCS#12 file has more than %d certificates", CERTS_MAX);
    return FALSE;
  }
  if (first && !add_cert (state, first, certs, error))
    return FALSE;
  for (int i = 0; i < n; i++)
    if (!add_cert (state, sk_X509_value (others, i), certs, error))
      return FALSE;
  return TRUE;
}

/* Puts what @file holds, all of it or nothing, into the arrays; of several keys the first. */
static gboolean
file_take (State *state, PKCS12 *file, const char *text, const char *label, GPtrArray *keys,
           GPtrArray *certs, GError **error)
{
  STACK_OF (X509) *others = NULL;
  EVP_PKEY *pkey = NULL;
  X509 *first = NULL;
  IkeKey *key = NULL;
  guint n_before = certs->len;
  gboolean is_done;

  ERR_clear_error ();
  if (PKCS12_parse (file, text, &pkey, &first, &others) != 1) {
    fail_inside (error);
    return FALSE;
  }
  ERR_clear_error ();
  if (pkey)
    key = pki_key_new (state, pkey, label, error);
  is_done = (!pkey || key) && add_certs (state, first, others, certs, error);
  if (is_done && !key && certs->len == n_before) {
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                         "the PKCS#12 file has neither a private key nor a certificate");
    is_done = FALSE;
  }
  if (is_done && key)
    g_ptr_array_add (keys, g_steal_pointer (&key));
  while (!is_done && certs->len > n_before)
    pki_cert_unref (g_ptr_array_steal_index (certs, certs->len - 1));
  ike_key_unref (key);
  EVP_PKEY_free (pkey);
  X509_free (first);
  sk_X509_pop_free (others, X509_free);
  ERR_clear_error ();
  return is_done;
}

/* What libcrypto takes ends with a zero.  NULL: it has one within. */
static IkeSecretBlob *
text_new (IkeSecretBlob *passphrase)
{
  gsize len = ike_secret_blob_len (passphrase);
  const guint8 *data = ike_secret_blob_data (passphrase);
  IkeSecretBlob *text;

  if (len && memchr (data, 0, len))
    return NULL;
  text = ike_secret_blob_new (NULL, len + 1);
  if (len)
    memcpy (ike_secret_blob_data (text), data, len);
  return text;
}

gboolean
pki_pkcs12_parse (IkePlugin *self, const guint8 *data, gsize len, IkeSecretBlob *passphrase_or_null,
                  const char *label, GPtrArray *keys, GPtrArray *certs, GError **error)
{
  State *state = state_get (self, error);
  g_autoptr (IkeSecretBlob) passphrase = passphrase_or_null ? text_new (passphrase_or_null) : NULL;
  const char *text = passphrase ? (const char *) ike_secret_blob_data (passphrase) : NULL;
  gboolean is_done = FALSE;
  PKCS12 *file;

  if (!state)
    return FALSE;
  if (len == 0 || len > IKE_CERT_MAX_FILE) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                 "no PKCS#12 file has %" G_GSIZE_FORMAT " bytes", len);
    return FALSE;
  }
  file = file_read (state, data, len, error);
  if (!file)
    return FALSE;
  if (mac_is_sane (file, error)) {
    if ((passphrase_or_null && !passphrase) || !mac_is_right (file, &text))
      fail_denied (error, passphrase_or_null != NULL);
    else
      is_done = file_take (state, file, text, label, keys, certs, error);
  }
  PKCS12_free (file);
  ERR_clear_error ();
  return is_done;
}
