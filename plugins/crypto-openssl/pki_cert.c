/* SPDX-License-Identifier: Apache-2.0 */
/* pki_cert.c - certificates: read once, with all that is asked of them later.
 *
 * What comes in may be a peer's: it is DER or refused, and has a bound for everything that it
 * lists.  What libcrypto would find out at first use is asked for here, so that an IkeCert is
 * not changed by anybody who looks at it. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <ikebana/error.h>

#include "pki.h"

enum { EXTENSIONS_MAX = 64, FILE_CERTS_MAX = 1000, SERIAL_MAX = 64 };

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CRYPTO, why);
  return FALSE;
}

/* -- extensions */

/* Those that somebody here reads; what others hold is nobody's business. */
static gboolean
is_read (X509_EXTENSION *extension)
{
  static const int beside[] = { NID_crl_distribution_points, NID_info_access,
                                NID_subject_key_identifier, NID_authority_key_identifier,
                                NID_freshest_crl };
  int nid = OBJ_obj2nid (X509_EXTENSION_get_object (extension));

  for (guint i = 0; i < G_N_ELEMENTS (beside); i++)
    if (nid == beside[i])
      return TRUE;
  return X509_supported_extension (extension) == 1;
}

static gboolean
is_repeated (const X509 *x509, int i)
{
  ASN1_OBJECT *object = X509_EXTENSION_get_object (X509_get_ext (x509, i));

  return X509_get_ext_by_OBJ (x509, object, i) >= 0;
}

/* RFC 5280, 4.2: "A certificate MUST NOT include more than one instance of a particular
 * extension."  4.1.2.1: "When extensions are used, as expected in this profile, version MUST be
 * 3". */
static gboolean
judge_extensions (X509 *x509, GError **error)
{
  int n = X509_get_ext_count (x509);
  char name[64];

  if (n > EXTENSIONS_MAX)
    return refuse (error, "the certificate has more than 64 extensions");
  if (n > 0 && X509_get_version (x509) != X509_VERSION_3)
    return refuse (error, "the certificate has extensions, but is not of X.509 version 3");
  for (int i = 0; i < n; i++) {
    X509_EXTENSION *extension = X509_get_ext (x509, i);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data (extension);

    OBJ_obj2txt (name, sizeof name, X509_EXTENSION_get_object (extension), 0);
    if (is_repeated (x509, i)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                   "the certificate has the extension %s more than once", name);
      return FALSE;
    }
    if (is_read (extension)
        && !pki_der_is_strict (ASN1_STRING_get0_data (value), (gsize) ASN1_STRING_length (value))) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                   "the certificate's extension %s is not one value in DER", name);
      return FALSE;
    }
  }
  /* This makes libcrypto read them all. */
  if (X509_get_extension_flags (x509) & EXFLAG_INVALID)
    return refuse (error, "the certificate has an extension that cannot be read");
  return TRUE;
}

/* -- flags */

static guint32
eku_flag (const ASN1_OBJECT *purpose)
{
  static const struct {
    const char *oid;
    gsize len;
    guint32 flag;
  } known[] = {
    { "\x55\x1d\x25\x00", 4, IKE_CERT_EKU_ANY },
    { "\x2b\x06\x01\x05\x05\x07\x03\x01", 8, IKE_CERT_EKU_SERVER },
    { "\x2b\x06\x01\x05\x05\x07\x03\x02", 8, IKE_CERT_EKU_CLIENT },
    { "\x2b\x06\x01\x05\x05\x07\x03\x09", 8, IKE_CERT_EKU_OCSP },
    { "\x2b\x06\x01\x05\x05\x07\x03\x11", 8, IKE_CERT_EKU_IPSEC_IKE },
    { "\x2b\x06\x01\x05\x05\x08\x02\x02", 8, IKE_CERT_EKU_IKE_INTERMEDIATE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (OBJ_length (purpose) == known[i].len
        && memcmp (OBJ_get0_data (purpose), known[i].oid, known[i].len) == 0)
      return known[i].flag;
  return 0;
}

static guint32
eku_flags (X509 *x509)
{
  EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i (x509, NID_ext_key_usage, NULL, NULL);
  guint32 flags = purposes ? IKE_CERT_HAS_EKU : 0;

  for (int i = 0; i < sk_ASN1_OBJECT_num (purposes); i++)
    flags |= eku_flag (sk_ASN1_OBJECT_value (purposes, i));
  EXTENDED_KEY_USAGE_free (purposes);
  return flags;
}

static guint32
key_usage_flags (X509 *x509)
{
  guint32 usage = X509_get_key_usage (x509), flags = 0;

  if (X509_get_extension_flags (x509) & EXFLAG_KUSAGE)
    flags |= IKE_CERT_HAS_KEY_USAGE;
  else
    usage = G_MAXUINT32;
  if (usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION))
    flags |= IKE_CERT_CAN_SIGN;
  if (usage & KU_CRL_SIGN)
    flags |= IKE_CERT_CAN_SIGN_CRL;
  return flags;
}

static guint32
flags_of (X509 *x509)
{
  guint32 extension = X509_get_extension_flags (x509);
  guint32 flags = eku_flags (x509) | key_usage_flags (x509);
  gboolean is_self_signed =
      (extension & EXFLAG_SI) && X509_verify (x509, X509_get0_pubkey (x509)) == 1;

  ERR_clear_error ();
  if (is_self_signed)
    flags |= IKE_CERT_IS_SELF_SIGNED;
  if ((extension & EXFLAG_CA) || ((extension & EXFLAG_V1) && is_self_signed))
    flags |= IKE_CERT_IS_CA;
  return flags;
}

/* -- where revocation is asked for */

/* An empty one, and one with bytes that no URI has, is nowhere to ask. */
static void
add_uri (GPtrArray *out, const GENERAL_NAME *name)
{
  const guint8 *text;
  int len;

  if (name->type != GEN_URI || out->len >= IKE_CERT_MAX_URIS)
    return;
  text = ASN1_STRING_get0_data (name->d.uniformResourceIdentifier);
  len = ASN1_STRING_length (name->d.uniformResourceIdentifier);
  for (int i = 0; i < len; i++)
    if (!g_ascii_isgraph ((char) text[i]))
      return;
  if (len > 0)
    g_ptr_array_add (out, g_strndup ((const char *) text, (gsize) len));
}

/* A point with an issuer of its own has indirect CRLs, one with reasons a part of them only: both
 * are of no use to us. */
void
pki_add_crl_uris (GPtrArray *out, const CRL_DIST_POINTS *points)
{
  for (int i = 0; i < sk_DIST_POINT_num (points); i++) {
    const DIST_POINT *point = sk_DIST_POINT_value (points, i);
    const DIST_POINT_NAME *name = point->distpoint;

    if (!name || name->type != 0 || point->CRLissuer || point->reasons)
      continue;
    for (int j = 0; j < sk_GENERAL_NAME_num (name->name.fullname); j++)
      add_uri (out, sk_GENERAL_NAME_value (name->name.fullname, j));
  }
}

static void
fill_uris (IkeCert *cert)
{
  CRL_DIST_POINTS *points = X509_get_ext_d2i (cert->x509, NID_crl_distribution_points, NULL, NULL);
  AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i (cert->x509, NID_info_access, NULL, NULL);

  pki_add_crl_uris (cert->crl_uris, points);
  for (int i = 0; i < sk_ACCESS_DESCRIPTION_num (access); i++) {
    const ACCESS_DESCRIPTION *description = sk_ACCESS_DESCRIPTION_value (access, i);

    if (OBJ_obj2nid (description->method) == NID_ad_OCSP)
      add_uri (cert->ocsp_uris, description->location);
  }
  CRL_DIST_POINTS_free (points);
  AUTHORITY_INFO_ACCESS_free (access);
  g_ptr_array_add (cert->crl_uris, NULL);
  g_ptr_array_add (cert->ocsp_uris, NULL);
  cert->info.crl_uris = (const char *const *) cert->crl_uris->pdata;
  cert->info.ocsp_uris = (const char *const *) cert->ocsp_uris->pdata;
}

/* -- the rest of IkeCertInfo */

static IkeIdent *
ident_of_name (const X509_NAME *name)
{
  const guint8 *der = NULL;
  gsize len = 0;

  if (X509_NAME_get0_der (name, &der, &len) != 1)
    return NULL;
  return ike_ident_new (IKE_ID_DER_ASN1_DN, der, len);
}

static gboolean
digest (const EVP_MD *md, const guint8 *data, gsize len, guint8 *out)
{
  return md && EVP_Digest (data, len, out, NULL, md, NULL) == 1;
}

/* TBSCertificate ::= SEQUENCE { [0] version, serialNumber, signature, issuer, validity, subject,
 * subjectPublicKeyInfo, … }: two of them as they stand there.  What a peer hashes is the key as
 * it came, which need not be how libcrypto would write it: RSA without NULL parameters. */
static gboolean
find_in_der (const GBytes *certificate_der, IkePart *serial, IkePart *spki)
{
  gsize len;
  const guint8 *der = g_bytes_get_data ((GBytes *) certificate_der, &len);
  IkeReader r, certificate, tbs, skipped;
  guint8 tag;
  gsize from;

  ike_reader_init (&r, der, len);
  pki_der_take (&r, 0x30, &certificate);
  pki_der_take (&certificate, 0x30, &tbs);
  if (ike_reader_left (&tbs) && tbs.data[0] == 0xa0)
    pki_der_next (&tbs, &tag, &skipped);
  pki_der_take (&tbs, 0x02, &skipped);
  *serial = (IkePart){ skipped.data, skipped.len };
  for (guint i = 0; i < 4; i++)
    pki_der_next (&tbs, &tag, &skipped);
  from = tbs.pos;
  if (!pki_der_take (&tbs, 0x30, &skipped))
    return FALSE;
  *spki = (IkePart){ tbs.data + from, tbs.pos - from };
  return serial->len <= SERIAL_MAX;
}

static void
fill_signature (IkeCert *cert)
{
  static const struct {
    int nid;
    guint16 hash;
  } hashes[] = {
    { NID_sha1, IKE_SIGHASH_SHA1 },
    { NID_sha256, IKE_SIGHASH_SHA2_256 },
    { NID_sha384, IKE_SIGHASH_SHA2_384 },
    { NID_sha512, IKE_SIGHASH_SHA2_512 },
  };
  int digest_nid = NID_undef, key_nid = NID_undef;

  X509_get_signature_info (cert->x509, &digest_nid, &key_nid, NULL, NULL);
  cert->info.signature_type = key_nid == EVP_PKEY_RSA || key_nid == EVP_PKEY_RSA_PSS ? IKE_KEY_RSA
                              : key_nid == EVP_PKEY_EC                               ? IKE_KEY_ECDSA
                              : key_nid == EVP_PKEY_ED25519 ? IKE_KEY_ED25519
                              : key_nid == EVP_PKEY_ED448   ? IKE_KEY_ED448
                                                            : IKE_KEY_OTHER;
  if (key_nid == EVP_PKEY_ED25519 || key_nid == EVP_PKEY_ED448)
    cert->info.signature_hash = IKE_SIGHASH_IDENTITY;
  for (guint i = 0; i < G_N_ELEMENTS (hashes); i++)
    if (hashes[i].nid == digest_nid)
      cert->info.signature_hash = hashes[i].hash;
}

static IkePart
part_of (const ASN1_OCTET_STRING *octets)
{
  if (!octets)
    return (IkePart){ NULL, 0 };
  return (IkePart){ ASN1_STRING_get0_data (octets), (gsize) ASN1_STRING_length (octets) };
}

static gboolean
fill (IkeCert *cert, GError **error)
{
  IkeCertInfo *info = &cert->info;
  gsize len;
  const guint8 *der = g_bytes_get_data (cert->der, &len);

  info->subject = cert->subject = ident_of_name (X509_get_subject_name (cert->x509));
  info->issuer = cert->issuer = ident_of_name (X509_get_issuer_name (cert->x509));
  if (!cert->subject || !cert->issuer)
    return refuse (error, "the certificate's names cannot be read");
  if (!pki_time_of (X509_get0_notBefore (cert->x509), &info->not_before)
      || !pki_time_of (X509_get0_notAfter (cert->x509), &info->not_after))
    return refuse (error, "the certificate's dates are not of the form that RFC 5280 gives them");
  if (!pki_cert_fill_names (cert, error))
    return FALSE;
  fill_uris (cert);
  fill_signature (cert);
  info->subject_key_id = part_of (X509_get0_subject_key_id (cert->x509));
  info->authority_key_id = part_of (X509_get0_authority_key_id (cert->x509));
  info->flags = flags_of (cert->x509);
  if (!digest (cert->state->digests[DIGEST_SHA2_256], der, len, info->sha256)
      || !digest (cert->state->digests[DIGEST_SHA1], der, len, info->sha1))
    return pki_fail (error, IKE_ERROR_CRYPTO, "libcrypto cannot hash the certificate");
  return TRUE;
}

/* -- to make one */

static X509 *
read_x509 (State *state, const guint8 *der, gsize len, GError **error)
{
  X509 *x509 = X509_new_ex (state->library, NULL);
  const guint8 *at = der;

  /* d2i frees what it cannot fill. */
  if (!x509 || !d2i_X509 (&x509, &at, (long) len)) {
    pki_fail (error, IKE_ERROR_CRYPTO, "this is no certificate");
    return NULL;
  }
  if (at != der + len || X509_get_version (x509) > X509_VERSION_3) {
    refuse (error, at != der + len ? "something stands behind the certificate"
                                   : "this is no certificate of X.509 version 1, 2 or 3");
    X509_free (x509);
    return NULL;
  }
  return x509;
}

static gboolean
read_pubkey (IkeCert *cert, GError **error)
{
  EVP_PKEY *pkey = X509_get0_pubkey (cert->x509);
  IkePart spki;

  if (!find_in_der (cert->der, &cert->info.serial, &spki))
    return refuse (error, "the certificate's serial number is longer than 64 bytes");
  if (!pkey)
    return pki_fail (error, IKE_ERROR_UNSUPPORTED, "the certificate's key cannot be read");
  cert->pubkey = pki_pubkey_new_from (pkey, spki.data, spki.len, error);
  cert->info.pubkey = cert->pubkey;
  if (!cert->pubkey)
    g_prefix_error (error, "the certificate's key: ");
  return cert->pubkey != NULL;
}

IkeCert *
pki_cert_new (State *state, const guint8 *der, gsize len, GError **error)
{
  IkeCert *cert;

  if (len > IKE_CERT_MAX_SIZE || !pki_der_is_strict (der, len)) {
    refuse (error, len > IKE_CERT_MAX_SIZE ? "a certificate is at most 65535 bytes long"
                                           : "this is no certificate in DER");
    return NULL;
  }
  cert = g_new0 (IkeCert, 1);
  cert->references = 1;
  cert->state = state;
  cert->info.struct_size = sizeof cert->info;
  cert->names = g_ptr_array_new_with_free_func ((GDestroyNotify) ike_ident_unref);
  cert->crl_uris = g_ptr_array_new_with_free_func (g_free);
  cert->ocsp_uris = g_ptr_array_new_with_free_func (g_free);
  cert->der = g_bytes_new (der, len);
  cert->x509 = read_x509 (state, der, len, error);
  if (!cert->x509 || !judge_extensions (cert->x509, error) || !read_pubkey (cert, error)
      || !fill (cert, error))
    g_clear_pointer (&cert, pki_cert_unref);
  ERR_clear_error ();
  return cert;
}

IkeCert *
pki_cert_parse (IkePlugin *self, const guint8 *data, gsize len, GError **error)
{
  State *state = state_get (self, error);

  return state ? pki_cert_new (state, data, len, error) : NULL;
}

/* Adds to @out what stands in @text; where one cannot be read, says which. */
static gboolean
read_pem (State *state, const guint8 *data, gsize len, GPtrArray *out, GError **error)
{
  IkeReader text;
  guint before = out->len, n = 0;
  guint8 *der;
  gsize der_len;
  int found;

  ike_reader_init (&text, data, len);
  while ((found = pki_pem_next (&text, "CERTIFICATE", &der, &der_len)) > 0) {
    IkeCert *cert = NULL;

    if (++n > FILE_CERTS_MAX)
      refuse (error, "more than 1000 certificates");
    else
      cert = pki_cert_new (state, der, der_len, error);
    g_free (der);
    if (!cert) {
      g_prefix_error (error, "certificate %u of the text: ", n);
      return FALSE;
    }
    g_ptr_array_add (out, cert);
  }
  if (found < 0)
    g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                 "certificate %u of the text: what stands between BEGIN and END is not base64",
                 n + 1);
  else if (out->len == before)
    refuse (error, "there is no certificate here, neither PEM nor DER");
  return found == 0 && out->len > before;
}

gboolean
pki_certs_parse (IkePlugin *self, const guint8 *data, gsize len, GPtrArray *out, GError **error)
{
  State *state = state_get (self, error);
  guint before = out->len;
  IkeCert *cert;

  if (!state)
    return FALSE;
  if (len > IKE_CERT_MAX_FILE)
    return refuse (error, "a file of certificates is at most 4 MB long");
  if (!pki_looks_like_der (data, len)) {
    if (read_pem (state, data, len, out, error))
      return TRUE;
    while (out->len > before)
      pki_cert_unref (g_ptr_array_steal_index (out, out->len - 1));
    return FALSE;
  }
  cert = pki_cert_new (state, data, len, error);
  if (cert)
    g_ptr_array_add (out, cert);
  return cert != NULL;
}

IkeCert *
pki_cert_ref (const IkeCert *cert)
{
  g_atomic_int_inc (&((IkeCert *) cert)->references);
  return (IkeCert *) cert;
}

void
pki_cert_unref (IkeCert *cert)
{
  if (!cert || !g_atomic_int_dec_and_test (&cert->references))
    return;
  X509_free (cert->x509);
  pki_pubkey_unref (cert->pubkey);
  ike_ident_unref (cert->subject);
  ike_ident_unref (cert->issuer);
  g_ptr_array_unref (cert->names);
  g_ptr_array_unref (cert->crl_uris);
  g_ptr_array_unref (cert->ocsp_uris);
  g_bytes_unref (cert->der);
  g_free (cert);
}

GBytes *
pki_cert_der (const IkeCert *cert)
{
  return cert->der;
}

const IkeCertInfo *
pki_cert_info (const IkeCert *cert)
{
  return &cert->info;
}
