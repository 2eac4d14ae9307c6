/* SPDX-License-Identifier: Apache-2.0 */
/* test_certs.c - certificates beside keys in a token of SoftHSM. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "test_bench.h"
#include "test_softhsm.h"

static SoftHsm hsm;
static EVP_PKEY *ca;
static GBytes *with_key, *without_public, *alone;
static char *settings;

#define SECTION(handle, more) "handle = " handle "\nmodule = soft\n" more

static const NewKey keys[] = {
  { CKM_EC_KEY_PAIR_GEN, curve_p256, sizeof curve_p256, 1, "key" },
  { CKM_EC_KEY_PAIR_GEN, curve_p256, sizeof curve_p256, 2, "alone", .has_no_public = TRUE },
};

/* The public half of the key that was made last; its point stands behind two bytes of an OCTET
 * STRING. */
static EVP_PKEY *
last_key (void)
{
  OSSL_PARAM params[] = {
    OSSL_PARAM_utf8_string (OSSL_PKEY_PARAM_GROUP_NAME, (char *) "P-256", 5),
    OSSL_PARAM_octet_string (OSSL_PKEY_PARAM_PUB_KEY, hsm.point + 2, hsm.point_len - 2),
    OSSL_PARAM_END,
  };
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name (NULL, "EC", NULL);
  EVP_PKEY *key = NULL;

  g_assert_cmpint (EVP_PKEY_fromdata_init (context), ==, 1);
  g_assert_cmpint (EVP_PKEY_fromdata (context, &key, EVP_PKEY_PUBLIC_KEY, params), ==, 1);
  EVP_PKEY_CTX_free (context);
  return key;
}

static GBytes *
certify (EVP_PKEY *key, const char *name)
{
  X509 *cert = X509_new ();
  X509_NAME *subject = X509_get_subject_name (cert);
  guint8 *der = NULL;
  GBytes *bytes;
  int len;

  g_assert_cmpint (X509_set_version (cert, 2), ==, 1);
  ASN1_INTEGER_set (X509_get_serialNumber (cert), 7);
  X509_gmtime_adj (X509_getm_notBefore (cert), 0);
  X509_gmtime_adj (X509_getm_notAfter (cert), 86400);
  X509_NAME_add_entry_by_txt (subject, "CN", MBSTRING_ASC, (const guint8 *) name, -1, -1, 0);
  X509_set_issuer_name (cert, subject);
  X509_set_pubkey (cert, key);
  g_assert_cmpint (X509_sign (cert, ca, EVP_sha256 ()), >, 0);
  len = i2d_X509 (cert, &der);
  g_assert_cmpint (len, >, 0);
  bytes = g_bytes_new (der, (gsize) len);
  OPENSSL_free (der);
  X509_free (cert);
  return bytes;
}

static void
put (guint8 id, GBytes *cert)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (cert, &len);

  softhsm_cert (&hsm, 0, id, data, len);
}

static void
fill_token (void)
{
  EVP_PKEY *key;
  g_autoptr (GBytes) garbage = g_bytes_new_static ("garbage", 7);

  ca = EVP_EC_gen ("P-256");
  g_assert_cmpint (softhsm_key (&hsm, 0, &keys[0]), ==, CKR_OK);
  key = last_key ();
  with_key = certify (key, "with key");
  EVP_PKEY_free (key);
  g_assert_cmpint (softhsm_key (&hsm, 0, &keys[1]), ==, CKR_OK);
  key = last_key ();
  without_public = certify (key, "without public key");
  EVP_PKEY_free (key);
  alone = certify (ca, "alone");
  put (1, garbage);
  put (1, with_key);
  put (2, without_public);
  put (3, alone);
}

static IkeKeySet *
load (Bench *bench, const char *section, guint n_keys)
{
  char *error;
  IkeKeySet *set = bench_load (bench, section, &error);

  g_assert_cmpstr (error, ==, NULL);
  g_assert_cmpuint (set->keys->len, ==, n_keys);
  return set;
}

static void
only_cert_is (Bench *bench, const IkeKeySet *set, GBytes *wanted)
{
  g_assert_cmpuint (set->certs->len, ==, 1);
  g_assert_true (g_bytes_equal (bench->pki->cert_der (set->certs->pdata[0]), wanted));
}

static void
test_beside (void)
{
  Bench bench;
  IkeKeySet *set;

  bench_open (&bench, settings);
  set = load (&bench, SECTION ("01", "pin = " USER_PIN), 1);
  only_cert_is (&bench, set, with_key);
  bench_prove (&bench, set->keys->pdata[0], "ecdsa-sha256");
  key_set_clear (&bench, set);
  bench_close (&bench);
}

static void
test_public_key (void)
{
  Bench bench;
  IkeKeySet *set;

  bench_open (&bench, settings);
  set = load (&bench, SECTION ("02", "pin = " USER_PIN), 1);
  only_cert_is (&bench, set, without_public);
  bench_prove (&bench, set->keys->pdata[0], "ecdsa-sha256");
  key_set_clear (&bench, set);
  bench_close (&bench);
}

static void
test_alone (void)
{
  Bench bench;
  IkeKeySet *set;

  bench_open (&bench, settings);
  set = load (&bench, SECTION ("03", ""), 0);
  only_cert_is (&bench, set, alone);
  key_set_clear (&bench, set);
  /* Of a CA: what else such a section has is not ours. */
  set = load (&bench, SECTION ("03", "crl_uris = http://crl.test/"), 0);
  key_set_clear (&bench, set);
  bench_no_key (&bench, SECTION ("03", "pin = " USER_PIN), "no such private key");
  bench_close (&bench);
}

/* The key cannot be seen, its certificate can. */
static void
test_without_pin (void)
{
  Bench bench;
  IkeKeySet *set;

  bench_open (&bench, settings);
  set = load (&bench, SECTION ("01", ""), 0);
  only_cert_is (&bench, set, with_key);
  key_set_clear (&bench, set);
  bench_close (&bench);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  if (!softhsm_open (&hsm))
    return 77;
  fill_token ();
  settings = g_strdup_printf ("plugins { pkcs11 { modules { soft { path = %s } } } }", hsm.path);
  g_test_add_func ("/certs/those-with-the-id-of-the-key-come-with-it", test_beside);
  g_test_add_func ("/certs/the-public-key-is-taken-from-one-if-need-be", test_public_key);
  g_test_add_func ("/certs/one-without-a-key-will-do-where-there-is-no-pin", test_alone);
  g_test_add_func ("/certs/a-key-that-is-not-seen-leaves-its-certificate", test_without_pin);
  result = g_test_run ();
  g_bytes_unref (with_key);
  g_bytes_unref (without_public);
  g_bytes_unref (alone);
  EVP_PKEY_free (ca);
  g_free (settings);
  softhsm_close (&hsm);
  return result;
}
