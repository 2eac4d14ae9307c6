/* SPDX-License-Identifier: Apache-2.0 */
/* test_spki.c - DER that is made of a token's numbers, held against libcrypto's; mechanisms. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "private.h"

enum { LONGER = MAX_MODULUS + 1024 };

static GBytes *
der_of (EVP_PKEY *key)
{
  guint8 *der = NULL;
  int len = i2d_PUBKEY (key, &der);
  GBytes *bytes;

  g_assert_cmpint (len, >, 0);
  bytes = g_bytes_new (der, (gsize) len);
  OPENSSL_free (der);
  return bytes;
}

static GBytes *
number_of (EVP_PKEY *key, const char *name)
{
  BIGNUM *number = NULL;
  guint8 bytes[512];
  int len;

  g_assert_cmpint (EVP_PKEY_get_bn_param (key, name, &number), ==, 1);
  len = BN_bn2bin (number, bytes);
  BN_free (number);
  return g_bytes_new (bytes, (gsize) len);
}

static void
same (GBytes *a, GBytes *b)
{
  g_assert_nonnull (a);
  g_assert_cmpmem (g_bytes_get_data (a, NULL), g_bytes_get_size (a), g_bytes_get_data (b, NULL),
                   g_bytes_get_size (b));
}

/* An OCTET STRING around it. */
static GBytes *
wrapped (const guint8 *data, gsize len)
{
  GByteArray *array = g_byte_array_new ();

  if (len < 0x80)
    g_byte_array_append (array, (const guint8[]){ 4, (guint8) len }, 2);
  else
    g_byte_array_append (array, (const guint8[]){ 4, 0x81, (guint8) len }, 3);
  g_byte_array_append (array, data, (guint) len);
  return g_byte_array_free_to_bytes (array);
}

static void
test_rsa (void)
{
  static const guint sizes[] = { 1024, 2048, 3072 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    EVP_PKEY *key = EVP_RSA_gen (sizes[i]);
    g_autoptr (GBytes) wanted = der_of (key), n = number_of (key, OSSL_PKEY_PARAM_RSA_N),
                       e = number_of (key, OSSL_PKEY_PARAM_RSA_E), made = spki_rsa (n, e);
    same (made, wanted);
    EVP_PKEY_free (key);
  }
}

static void
test_rsa_bounds (void)
{
  static const guint8 zeros[4] = { 0 };
  g_autofree guint8 *long_data = g_malloc (LONGER);
  g_autoptr (GBytes) e = g_bytes_new_static ("\1\0\1", 3),
                     zero = g_bytes_new_static (zeros, sizeof zeros), n = NULL, longest = NULL;

  memset (long_data, 0xff, LONGER);
  n = g_bytes_new (long_data, LONGER);
  longest = g_bytes_new (long_data, MAX_MODULUS);
  g_assert_null (spki_rsa (n, e));
  g_assert_null (spki_rsa (e, n));
  g_assert_null (spki_rsa (zero, e));
  g_assert_null (spki_rsa (e, zero));
  g_assert_null (spki_rsa (NULL, NULL));
  g_bytes_unref (spki_rsa (longest, e));
}

static void
test_ec (gconstpointer data)
{
  EVP_PKEY *key = EVP_EC_gen (data);
  ASN1_OBJECT *object = OBJ_nid2obj (EC_curve_nist2nid (data));
  g_autoptr (GBytes) wanted = der_of (key), params = NULL, raw = NULL, inner = NULL, made = NULL,
                     made_raw = NULL;
  guint8 point[200], *oid = NULL;
  gsize len;
  int oid_len = i2d_ASN1_OBJECT (object, &oid);

  g_assert_cmpint (
      EVP_PKEY_get_octet_string_param (key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len), ==,
      1);
  params = g_bytes_new (oid, (gsize) oid_len);
  raw = g_bytes_new (point, len);
  inner = wrapped (point, len);
  made = spki_ec (params, inner, FALSE);
  made_raw = spki_ec (params, raw, TRUE);
  same (made, wanted);
  same (made_raw, wanted);
  OPENSSL_free (oid);
  EVP_PKEY_free (key);
}

typedef struct {
  const char *params, *point;
  guint8 params_len, point_len;
} Pieces;

static void
test_ec_refused (void)
{
  static const Pieces bad[] = {
    { "\x06\x02\x2a\x03", "\x05\x03\x04\x01\x02", 4, 5 },         /* no OCTET STRING */
    { "\x06\x02\x2a\x03", "\x04\x04\x04\x01\x02", 4, 5 },         /* too short */
    { "\x06\x02\x2a\x03", "\x04\x02\x04\x01\x02", 4, 5 },         /* something behind it */
    { "\x06\x02\x2a\x03", "\x04\x81\x03\x04\x01\x02", 4, 6 },     /* length in a form too long */
    { "\x06\x02\x2a\x03", "\x04\x82\x00\x03\x04\x01\x02", 4, 7 }, /* likewise */
    { "\x06\x02\x2a\x03", "\x04\x80\x04\x01\x02", 4, 5 },         /* indefinite */
    { "\x06\x02\x2a\x03", "\x04\x03\x05\x01\x02", 4, 5 },         /* no form of a point */
    { "\x06\x02\x2a\x03", "\x04\x01\x04", 4, 3 },                 /* nothing but the form */
    { "\x06\x02\x2a\x03", "", 4, 0 },
    { "\x06\x03\x2a\x03", "\x04\x03\x04\x01\x02", 4, 5 }, /* OID too short */
    { "\x06\x01\x2a\x03", "\x04\x03\x04\x01\x02", 4, 5 }, /* something behind it */
    { "\x30\x02\x2a\x03", "\x04\x03\x04\x01\x02", 4, 5 }, /* parameters in full */
    { "\x06\x00", "\x04\x03\x04\x01\x02", 2, 5 },
    { "", "\x04\x03\x04\x01\x02", 0, 5 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GBytes) params = g_bytes_new_static (bad[i].params, bad[i].params_len),
                       point = g_bytes_new_static (bad[i].point, bad[i].point_len);
    g_assert_null (spki_ec (params, point, FALSE));
  }
}

static void
test_edwards (gconstpointer data)
{
  EVP_PKEY *key = EVP_PKEY_Q_keygen (NULL, NULL, data);
  guint8 point[64];
  gsize len = sizeof point;
  g_autoptr (GBytes) wanted = der_of (key), raw = NULL, inner = NULL, short_one = NULL, made = NULL,
                     made_raw = NULL;

  g_assert_cmpint (EVP_PKEY_get_raw_public_key (key, point, &len), ==, 1);
  raw = g_bytes_new (point, len);
  inner = wrapped (point, len);
  short_one = wrapped (point, len - 1);
  made = spki_edwards (inner);
  made_raw = spki_edwards (raw);
  same (made, wanted);
  same (made_raw, wanted);
  g_assert_null (spki_edwards (short_one));
  g_assert_null (spki_edwards (NULL));
  EVP_PKEY_free (key);
}

static void
test_sig_value (void)
{
  static const guint8 raw[] = { 0x80, 1, 2, 3, 0, 0, 0x7f, 4 },
                      wanted[] = { 0x30, 11, 2, 5, 0, 0x80, 1, 2, 3, 2, 2, 0x7f, 4 };
  guint8 longest[2 * 67] = { 0 };
  g_autoptr (GBytes) made = ecdsa_sig_value (raw, sizeof raw), long_one = NULL;

  g_assert_cmpmem (g_bytes_get_data (made, NULL), g_bytes_get_size (made), wanted, sizeof wanted);
  memset (longest, 0xff, sizeof longest);
  long_one = ecdsa_sig_value (longest, 2 * 66);
  g_assert_cmpuint (g_bytes_get_size (long_one), ==, 3 + 2 * (3 + 66));
  g_assert_null (ecdsa_sig_value (longest, 2 * 67));
  g_assert_null (ecdsa_sig_value (raw, 7));
  g_assert_null (ecdsa_sig_value (raw, 0));
  memset (longest, 0, 32);
  g_assert_null (ecdsa_sig_value (longest, 64));
}

/* -- mechanisms */

static IkeSigScheme
scheme_of (guint8 type, guint16 hash, gboolean is_pss)
{
  return (IkeSigScheme){
    .struct_size = sizeof (IkeSigScheme), .key_type = type, .hash_id = hash, .is_pss = is_pss
  };
}

static void
test_plans (void)
{
  static const struct {
    guint8 type;
    guint16 hash;
    gboolean is_pss;
    guint32 mechanisms;
    CK_MECHANISM_TYPE wanted; /* 0: none */
    guint prefix_len;
    const char *hashed;
  } cases[] = {
    { IKE_KEY_RSA, 2, FALSE, MECHANISM_RSA_PKCS | MECHANISM_HASH_RSA_PKCS << 1, CKM_SHA256_RSA_PKCS,
      0, NULL },
    { IKE_KEY_RSA, 2, FALSE, MECHANISM_RSA_PKCS | MECHANISM_HASH_RSA_PKCS << 2, CKM_RSA_PKCS, 19,
      "sha256" },
    { IKE_KEY_RSA, 1, FALSE, MECHANISM_RSA_PKCS, CKM_RSA_PKCS, 15, "sha1" },
    { IKE_KEY_RSA, 2, FALSE, MECHANISM_RSA_PSS | MECHANISM_ECDSA, 0, 0, NULL },
    { IKE_KEY_RSA, 4, TRUE, MECHANISM_HASH_RSA_PSS << 3, CKM_SHA512_RSA_PKCS_PSS, 0, NULL },
    { IKE_KEY_RSA, 3, TRUE, MECHANISM_RSA_PSS, CKM_RSA_PKCS_PSS, 0, "sha384" },
    { IKE_KEY_RSA, 3, TRUE, MECHANISM_RSA_PKCS, 0, 0, NULL },
    { IKE_KEY_RSA, 5, FALSE, MECHANISM_RSA_PKCS, 0, 0, NULL },
    { IKE_KEY_ECDSA, 4, FALSE, MECHANISM_ECDSA, CKM_ECDSA, 0, "sha512" },
    { IKE_KEY_ECDSA, 4, FALSE, MECHANISM_EDDSA | MECHANISM_RSA_PKCS, 0, 0, NULL },
    { IKE_KEY_ED25519, 5, FALSE, MECHANISM_EDDSA, CKM_EDDSA, 0, NULL },
    { IKE_KEY_ED25519, 2, FALSE, MECHANISM_EDDSA, 0, 0, NULL },
    { IKE_KEY_ED25519, 5, FALSE, MECHANISM_ECDSA, 0, 0, NULL },
    { IKE_KEY_ED448, 5, FALSE, MECHANISM_EDDSA, 0, 0, NULL },
    { IKE_KEY_OTHER, 2, FALSE, G_MAXUINT32, 0, 0, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    IkeSigScheme scheme = scheme_of (cases[i].type, cases[i].hash, cases[i].is_pss);
    SignPlan plan;
    gboolean is_there = sign_plan (cases[i].mechanisms, &scheme, &plan);
    g_assert_cmpint (is_there, ==, cases[i].wanted != 0);
    if (!is_there)
      continue;
    g_assert_cmpuint (plan.mechanism.mechanism, ==, cases[i].wanted);
    g_assert_cmpuint (plan.prefix.len, ==, cases[i].prefix_len);
    g_assert_cmpstr (plan.hash, ==, cases[i].hashed);
    g_assert_cmpint (plan.mechanism.pParameter != NULL, ==, cases[i].is_pss);
  }
}

static void
test_salt (void)
{
  IkeSigScheme scheme = scheme_of (IKE_KEY_RSA, IKE_SIGHASH_SHA2_384, TRUE);
  SignPlan plan;

  g_assert_true (sign_plan (MECHANISM_RSA_PSS, &scheme, &plan));
  g_assert_cmpuint (plan.pss.sLen, ==, 48);
  g_assert_cmpuint (plan.pss.hashAlg, ==, CKM_SHA384);
  g_assert_cmpuint (plan.pss.mgf, ==, CKG_MGF1_SHA384);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/spki/rsa-is-what-libcrypto-writes", test_rsa);
  g_test_add_func ("/spki/rsa-without-numbers-or-with-too-long-ones-is-none", test_rsa_bounds);
  g_test_add_data_func ("/spki/p256-is-what-libcrypto-writes", "P-256", test_ec);
  g_test_add_data_func ("/spki/p384-is-what-libcrypto-writes", "P-384", test_ec);
  g_test_add_data_func ("/spki/p521-is-what-libcrypto-writes", "P-521", test_ec);
  g_test_add_func ("/spki/a-point-or-curve-that-is-broken-is-none", test_ec_refused);
  g_test_add_data_func ("/spki/ed25519-is-what-libcrypto-writes", "ED25519", test_edwards);
  g_test_add_data_func ("/spki/ed448-is-what-libcrypto-writes", "ED448", test_edwards);
  g_test_add_func ("/spki/r-and-s-become-integers", test_sig_value);
  g_test_add_func ("/mechanism/each-scheme-has-its-own-or-none", test_plans);
  g_test_add_func ("/mechanism/salt-is-as-long-as-the-hash", test_salt);
  return g_test_run ();
}
