/* SPDX-License-Identifier: Apache-2.0 */
/* test_make.c - certificates, keys, CRLs and containers for tests, in the forms of files. */
#include <string.h>

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "test_support.h"

EVP_PKEY *
make_key (const char *name)
{
  static GHashTable *keys;
  EVP_PKEY *key;

  if (!keys)
    keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) EVP_PKEY_free);
  key = g_hash_table_lookup (keys, name);
  if (!key) {
    key = EVP_EC_gen ("P-256");
    g_assert_nonnull (key);
    g_hash_table_insert (keys, g_strdup (name), key);
  }
  return key;
}

static void
add_extension (X509 *cert, X509 *issuer, int nid, const char *value)
{
  X509V3_CTX context;
  X509_EXTENSION *extension;

  X509V3_set_ctx (&context, issuer, cert, NULL, NULL, 0);
  extension = X509V3_EXT_nconf_nid (NULL, &context, nid, value);
  g_assert_nonnull (extension);
  g_assert_cmpint (X509_add_ext (cert, extension, -1), ==, 1);
  X509_EXTENSION_free (extension);
}

static void
set_names (X509 *cert, const char *cn, X509 *issuer_or_null)
{
  X509_NAME *name = X509_NAME_new ();

  X509_NAME_add_entry_by_txt (name, "CN", MBSTRING_UTF8, (const guint8 *) cn, -1, -1, 0);
  g_assert_cmpint (X509_set_subject_name (cert, name), ==, 1);
  g_assert_cmpint (
      X509_set_issuer_name (cert, issuer_or_null ? X509_get_subject_name (issuer_or_null) : name),
      ==, 1);
  X509_NAME_free (name);
}

static void
set_times (X509 *cert, const MakeCert *what)
{
  gboolean is_usual = what->from == 0 && what->to == 0;

  ASN1_TIME_set (X509_getm_notBefore (cert), NOW + (is_usual ? -10 : what->from) * (time_t) DAY);
  ASN1_TIME_set (X509_getm_notAfter (cert), NOW + (is_usual ? 400 : what->to) * (time_t) DAY);
}

X509 *
make_cert (const MakeCert *what, const char *key, X509 *issuer_or_null, const char *issuer_key)
{
  static long serial;
  X509 *cert = X509_new (), *issuer = issuer_or_null ? issuer_or_null : cert;

  X509_set_version (cert, X509_VERSION_3);
  ASN1_INTEGER_set (X509_get_serialNumber (cert), ++serial);
  set_names (cert, what->cn, issuer_or_null);
  set_times (cert, what);
  g_assert_cmpint (X509_set_pubkey (cert, make_key (key)), ==, 1);
  add_extension (cert, issuer, NID_basic_constraints,
                 what->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  add_extension (cert, issuer, NID_subject_key_identifier, "hash");
  if (what->names)
    add_extension (cert, issuer, NID_subject_alt_name, what->names);
  if (what->usage)
    add_extension (cert, issuer, NID_key_usage, what->usage);
  if (what->purpose)
    add_extension (cert, issuer, NID_ext_key_usage, what->purpose);
  g_assert_cmpint (X509_sign (cert, make_key (issuer_key), EVP_sha256 ()), >, 0);
  return cert;
}

/* -- files */

static char *
take_text (BIO *bio)
{
  char *data;
  long len = BIO_get_mem_data (bio, &data);
  char *text = g_strndup (data, (gsize) len);

  BIO_free (bio);
  return text;
}

char *
pem_certs (X509 *first, ...)
{
  BIO *bio = BIO_new (BIO_s_mem ());
  va_list args;

  va_start (args, first);
  for (X509 *cert = first; cert; cert = va_arg (args, X509 *))
    g_assert_cmpint (PEM_write_bio_X509 (bio, cert), ==, 1);
  va_end (args);
  return take_text (bio);
}

char *
pem_key (const char *key, const char *passphrase_or_null)
{
  BIO *bio = BIO_new (BIO_s_mem ());

  g_assert_cmpint (PEM_write_bio_PKCS8PrivateKey (
                       bio, make_key (key), passphrase_or_null ? EVP_aes_256_cbc () : NULL,
                       passphrase_or_null,
                       passphrase_or_null ? (int) strlen (passphrase_or_null) : 0, NULL, NULL),
                   ==, 1);
  return take_text (bio);
}

char *
pem_pubkey (const char *key)
{
  BIO *bio = BIO_new (BIO_s_mem ());

  g_assert_cmpint (PEM_write_bio_PUBKEY (bio, make_key (key)), ==, 1);
  return take_text (bio);
}

char *
pem_crl (X509 *issuer, const char *issuer_key)
{
  BIO *bio = BIO_new (BIO_s_mem ());
  X509_CRL *crl = X509_CRL_new ();
  ASN1_TIME *time = ASN1_TIME_set (NULL, NOW - DAY);

  X509_CRL_set_version (crl, X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name (crl, X509_get_subject_name (issuer));
  X509_CRL_set1_lastUpdate (crl, time);
  ASN1_TIME_set (time, NOW + 5 * DAY);
  X509_CRL_set1_nextUpdate (crl, time);
  g_assert_cmpint (X509_CRL_sign (crl, make_key (issuer_key), EVP_sha256 ()), >, 0);
  g_assert_cmpint (PEM_write_bio_X509_CRL (bio, crl), ==, 1);
  ASN1_TIME_free (time);
  X509_CRL_free (crl);
  return take_text (bio);
}

GBytes *
der_cert (X509 *cert)
{
  guint8 *der = NULL;
  int len = i2d_X509 (cert, &der);
  GBytes *bytes = g_bytes_new (der, (gsize) len);

  OPENSSL_free (der);
  return bytes;
}

GBytes *
der_pkcs12 (const char *key, X509 *cert, X509 *ca, const char *passphrase)
{
  STACK_OF (X509) *cas = sk_X509_new_null ();
  guint8 *der = NULL;
  PKCS12 *container;
  GBytes *bytes;
  int len;

  sk_X509_push (cas, ca);
  container = PKCS12_create (passphrase, "moon", make_key (key), cert, cas, 0, 0, 0, 0, 0);
  g_assert_nonnull (container);
  len = i2d_PKCS12 (container, &der);
  bytes = g_bytes_new (der, (gsize) len);
  OPENSSL_free (der);
  PKCS12_free (container);
  sk_X509_free (cas);
  return bytes;
}

char *
hex_of (GBytes *bytes)
{
  GString *text = g_string_new (NULL);
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);

  for (gsize i = 0; i < len; i++)
    g_string_append_printf (text, "%02x", data[i]);
  return g_string_free (text, FALSE);
}

char *
fingerprint (X509 *cert)
{
  g_autoptr (GBytes) der = der_cert (cert);

  return g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, der);
}
