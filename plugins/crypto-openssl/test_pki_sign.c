/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_sign.c - every scheme with every kind of key: what fits signs and verifies, what does
 * not is refused. */
#include <string.h>

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "test_pki_support.h"

/* Every scheme, the ones that are liked best first. */
static const char *const all_schemes[] = {
  "ed25519",        "ed448",          "ecdsa-sha256",   "ecdsa-sha384",  "ecdsa-sha512",
  "rsa-pss-sha256", "rsa-pss-sha384", "rsa-pss-sha512", "rsa-sha256",    "rsa-sha384",
  "rsa-sha512",     "ecdsa-sha1",     "rsa-sha1",       "ecdsa-p256-v1", "ecdsa-p384-v1",
  "ecdsa-p521-v1",  "rsa-sha1-v1",    "rsa-sha256-v1",  "rsa-sha384-v1", "rsa-sha512-v1",
};

#define ANY_EC "ecdsa-sha256 ecdsa-sha384 ecdsa-sha512 ecdsa-sha1"

/* By which schemes a key signs. */
static const struct {
  const char *name, *type, *curve, *schemes;
} kinds[] = {
  { "RSA 2048", "RSA", NULL,
    "rsa-pss-sha256 rsa-pss-sha384 rsa-pss-sha512 rsa-sha256 rsa-sha384 rsa-sha512 rsa-sha1 "
    "rsa-sha1-v1" },
  { "RSA 2048", "RSA-PSS", NULL, "rsa-pss-sha256 rsa-pss-sha384 rsa-pss-sha512" },
  { "ECDSA P-256", "EC", "P-256", ANY_EC " ecdsa-p256-v1" },
  { "ECDSA P-384", "EC", "P-384", ANY_EC " ecdsa-p384-v1" },
  { "ECDSA P-521", "EC", "P-521", ANY_EC " ecdsa-p521-v1" },
  { "ECDSA brainpoolP256r1", "EC", "brainpoolP256r1", ANY_EC },
  { "ECDSA brainpoolP384r1", "EC", "brainpoolP384r1", ANY_EC },
  { "ECDSA brainpoolP512r1", "EC", "brainpoolP512r1", ANY_EC },
  { "Ed25519", "ED25519", NULL, "ed25519" },
  { "Ed448", "ED448", NULL, "ed448" },
};

static EVP_PKEY *
make_kind (guint i)
{
  if (kinds[i].curve)
    return make_ec (kinds[i].curve);
  if (g_str_has_prefix (kinds[i].type, "RSA"))
    return make_rsa (kinds[i].type, 2048, 65537);
  return make_key (kinds[i].type);
}

static gboolean
is_in (const char *list, const char *name)
{
  g_auto (GStrv) names = g_strsplit (list, " ", -1);

  return g_strv_contains ((const char *const *) names, name);
}

static void
test_all_are_there (void)
{
  const IkeSigScheme *scheme;
  guint n = 0;
  Pki pki;

  pki_open (&pki, 1);
  for (; (scheme = pki.ops->scheme (pki.plugin, n)); n++) {
    g_assert_cmpuint (n, <, G_N_ELEMENTS (all_schemes));
    g_assert_cmpstr (scheme->name, ==, all_schemes[n]);
    g_assert_cmpuint (scheme->struct_size, ==, sizeof *scheme);
    g_assert_true ((scheme->method == IKE_AUTH_SIGNATURE) == (scheme->algorithms[0].data != NULL));
  }
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (all_schemes));
  g_assert_null (pki.ops->scheme (pki.plugin, 1000));
  pki_close (&pki);
}

/* As printed in RFC 7427, A and RFC 8420, A; the one of RSASSA-PSS with its trailer field. */
static void
test_identifiers_are_those_of_the_standards (void)
{
  static const struct {
    const char *scheme;
    guint form;
    const char *der;
  } printed[] = {
    { "rsa-sha1", 0, "300d06092a864886f70d0101050500" },
    { "rsa-sha256", 0, "300d06092a864886f70d01010b0500" },
    { "rsa-sha384", 0, "300d06092a864886f70d01010c0500" },
    { "rsa-sha512", 0, "300d06092a864886f70d01010d0500" },
    { "ecdsa-sha1", 0, "300906072a8648ce3d0401" },
    { "ecdsa-sha256", 0, "300a06082a8648ce3d040302" },
    { "ecdsa-sha384", 0, "300a06082a8648ce3d040303" },
    { "ecdsa-sha512", 0, "300a06082a8648ce3d040304" },
    { "rsa-pss-sha256", 1,
      "304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d0101"
      "08300d06096086480165030402010500a203020120a303020101" },
    { "ed25519", 0, "300506032b6570" },
    { "ed448", 0, "300506032b6571" },
  };
  Pki pki;

  pki_open (&pki, 1);
  for (guint i = 0; i < G_N_ELEMENTS (printed); i++) {
    const IkePart *has = &scheme_of (&pki, printed[i].scheme)->algorithms[printed[i].form];
    gsize len;
    g_autofree guint8 *der = bytes_of (printed[i].der, &len);

    g_assert_cmpmem (has->data, has->len, der, len);
  }
  pki_close (&pki);
}

/* The identifier that libcrypto writes into a certificate request which it signs so. */
static void
assert_libcrypto_writes (const IkeSigScheme *scheme, EVP_PKEY *pkey)
{
  static const char *const digests[] = { NULL, "SHA1", "SHA256", "SHA384", "SHA512", NULL };
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  X509_REQ *request = X509_REQ_new ();
  EVP_PKEY_CTX *key_context = NULL;
  const X509_ALGOR *algorithm;
  guint8 *der = NULL;
  int len;

  g_assert_cmpint (EVP_DigestSignInit_ex (context, &key_context, digests[scheme->hash_id], NULL,
                                          NULL, pkey, NULL),
                   ==, 1);
  if (scheme->is_pss) {
    EVP_PKEY_CTX_set_rsa_padding (key_context, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen (key_context, RSA_PSS_SALTLEN_DIGEST);
  }
  X509_REQ_set_pubkey (request, pkey);
  g_assert_cmpint (X509_REQ_sign_ctx (request, context), >, 0);
  X509_REQ_get0_signature (request, NULL, &algorithm);
  len = i2d_X509_ALGOR (algorithm, &der);
  g_assert_cmpmem (scheme->algorithms[0].data, scheme->algorithms[0].len, der, len);
  OPENSSL_free (der);
  X509_REQ_free (request);
  EVP_MD_CTX_free (context);
}

static void
test_identifiers_are_those_of_libcrypto (void)
{
  EVP_PKEY *keys[] = { make_rsa ("RSA", 2048, 65537), make_ec ("P-256"), make_key ("ED25519"),
                       make_key ("ED448") };
  Pki pki;

  pki_open (&pki, 1);
  for (guint i = 0; i < G_N_ELEMENTS (all_schemes); i++) {
    const IkeSigScheme *scheme = scheme_of (&pki, all_schemes[i]);

    if (scheme->method == IKE_AUTH_SIGNATURE)
      assert_libcrypto_writes (scheme, keys[scheme->key_type - IKE_KEY_RSA]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    EVP_PKEY_free (keys[i]);
  pki_close (&pki);
}

static void
assert_pss_says (const IkePart *form, int digest, guint salt)
{
  const guint8 *at = form->data;
  X509_ALGOR *algorithm = d2i_X509_ALGOR (NULL, &at, (long) form->len), *inner;
  RSA_PSS_PARAMS *params;

  g_assert_nonnull (algorithm);
  g_assert_true (at == form->data + form->len);
  g_assert_cmpint (OBJ_obj2nid (algorithm->algorithm), ==, NID_rsassaPss);
  params = ASN1_TYPE_unpack_sequence (ASN1_ITEM_rptr (RSA_PSS_PARAMS), algorithm->parameter);
  g_assert_nonnull (params);
  g_assert_cmpint (OBJ_obj2nid (params->hashAlgorithm->algorithm), ==, digest);
  g_assert_cmpint (OBJ_obj2nid (params->maskGenAlgorithm->algorithm), ==, NID_mgf1);
  inner =
      ASN1_TYPE_unpack_sequence (ASN1_ITEM_rptr (X509_ALGOR), params->maskGenAlgorithm->parameter);
  g_assert_cmpint (OBJ_obj2nid (inner->algorithm), ==, digest);
  g_assert_cmpint (ASN1_INTEGER_get (params->saltLength), ==, salt);
  if (params->trailerField)
    g_assert_cmpint (ASN1_INTEGER_get (params->trailerField), ==, 1);
  X509_ALGOR_free (inner);
  RSA_PSS_PARAMS_free (params);
  X509_ALGOR_free (algorithm);
}

static void
test_eight_forms_of_pss_say_the_same (void)
{
  static const struct {
    const char *scheme;
    int digest;
    guint salt;
  } cases[] = {
    { "rsa-pss-sha256", NID_sha256, 32 },
    { "rsa-pss-sha384", NID_sha384, 48 },
    { "rsa-pss-sha512", NID_sha512, 64 },
  };
  Pki pki;

  pki_open (&pki, 1);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const IkePart *forms = scheme_of (&pki, cases[i].scheme)->algorithms;
    guint n = 0;

    for (; forms[n].data; n++) {
      assert_pss_says (&forms[n], cases[i].digest, cases[i].salt);
      for (guint k = 0; k < n; k++)
        g_assert_true (forms[k].len != forms[n].len
                       || memcmp (forms[k].data, forms[n].data, forms[n].len) != 0);
    }
    g_assert_cmpuint (n, ==, 8);
  }
  pki_close (&pki);
}

/* RSA with one hash is the same signature by the old method and the new one. */
static gboolean
are_twins (const char *one, const char *other)
{
  gsize len = MIN (strlen (one), strlen (other));

  return strncmp (one, other, len) == 0
         && (strcmp (one + len, "-v1") == 0 || strcmp (other + len, "-v1") == 0);
}

/* The signature with each byte changed in one bit, one byte shorter, one longer. */
static void
assert_only_as_it_is (Pki *pki, const IkePubkey *pubkey, const IkeSigScheme *scheme, GBytes *good)
{
  gsize len, step;
  const guint8 *data = g_bytes_get_data (good, &len);
  g_autofree guint8 *bad = g_malloc0 (len + 1);

  memcpy (bad, data, len);
  g_assert_true (verify (pki, pubkey, scheme, "octets", bad, len));
  g_assert_false (verify (pki, pubkey, scheme, "octet", bad, len));
  g_assert_false (verify (pki, pubkey, scheme, "Octets", bad, len));
  g_assert_false (verify (pki, pubkey, scheme, "", bad, len));
  g_assert_false (verify (pki, pubkey, scheme, "octets", bad, len - 1));
  g_assert_false (verify (pki, pubkey, scheme, "octets", bad, len + 1));
  g_assert_false (verify (pki, pubkey, scheme, "octets", bad, 0));
  step = len > 150 ? 7 : 3;
  for (gsize i = 0; i < len; i += step) {
    bad[i] ^= (guint8) (1 << i % 8);
    g_assert_false (verify (pki, pubkey, scheme, "octets", bad, len));
    bad[i] ^= (guint8) (1 << i % 8);
  }
}

static void
assert_no_other_scheme_takes_it (Pki *pki, const IkePubkey *pubkey, const IkeSigScheme *scheme,
                                 GBytes *good)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (good, &len);

  for (guint i = 0; i < G_N_ELEMENTS (all_schemes); i++) {
    const IkeSigScheme *other = scheme_of (pki, all_schemes[i]);

    if (other != scheme && !are_twins (other->name, scheme->name))
      g_assert_false (verify (pki, pubkey, other, "octets", data, len));
  }
}

static void
try_scheme (Pki *pki, IkeKey *key, const IkePubkey *other_key, const IkeSigScheme *scheme)
{
  g_autofree char *error = NULL;
  g_autoptr (GBytes) signature = sign (pki, key, scheme, "octets", &error);
  gsize len;
  const guint8 *data;

  g_assert_cmpstr (error, ==, NULL);
  data = g_bytes_get_data (signature, &len);
  assert_only_as_it_is (pki, key->pubkey, scheme, signature);
  assert_no_other_scheme_takes_it (pki, key->pubkey, scheme, signature);
  g_assert_false (verify (pki, other_key, scheme, "octets", data, len));
}

static void
refuse_scheme (Pki *pki, IkeKey *key, const IkeSigScheme *scheme)
{
  g_autofree char *error = NULL;

  g_assert_null (sign (pki, key, scheme, "octets", &error));
  g_assert_nonnull (strstr (error, "made.pem"));
  g_assert_nonnull (strstr (error, scheme->name));
}

static void
test_each_key_signs_by_its_schemes (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  EVP_PKEY *pkey = make_kind (i), *other = make_kind (i);
  IkePubkey *other_pubkey;
  IkeKey *key;
  Pki pki;

  pki_open (&pki, 1);
  key = key_of (&pki, pkey);
  other_pubkey = pubkey_of (&pki, other);
  g_assert_cmpstr (pki.ops->pubkey_info (key->pubkey)->name, ==, kinds[i].name);
  g_assert_cmpstr (key->label, ==, "made.pem");
  g_assert_cmpstr (key->klass->origin, ==, "file");
  for (guint k = 0; k < G_N_ELEMENTS (all_schemes); k++) {
    const IkeSigScheme *scheme = scheme_of (&pki, all_schemes[k]);

    g_assert_cmpint (key->klass->can (key, scheme), ==, is_in (kinds[i].schemes, scheme->name));
    if (is_in (kinds[i].schemes, scheme->name))
      try_scheme (&pki, key, other_pubkey, scheme);
    else
      refuse_scheme (&pki, key, scheme);
  }
  pki.ops->pubkey_unref (other_pubkey);
  ike_key_unref (key);
  pki_close (&pki);
  EVP_PKEY_free (pkey);
  EVP_PKEY_free (other);
}

/* RFC 7296, 3.8: a peer may have taken another hash, with method 1; we do not. */
static void
test_method_1_verifies_hashes_that_it_does_not_sign_by (void)
{
  static const char *const hashes[] = { "sha256", "sha384", "sha512" };
  EVP_PKEY *pkey = make_rsa ("RSA", 2048, 65537);
  IkeKey *key;
  Pki pki;

  pki_open (&pki, 1);
  key = key_of (&pki, pkey);
  for (guint i = 0; i < G_N_ELEMENTS (hashes); i++) {
    g_autofree char *newer = g_strconcat ("rsa-", hashes[i], NULL),
                    *older = g_strconcat (newer, "-v1", NULL);
    g_autoptr (GBytes) signature = sign (&pki, key, scheme_of (&pki, newer), "octets", NULL);

    g_assert_false (key->klass->can (key, scheme_of (&pki, older)));
    g_assert_true (verify (&pki, key->pubkey, scheme_of (&pki, older), "octets",
                           g_bytes_get_data (signature, NULL), g_bytes_get_size (signature)));
  }
  ike_key_unref (key);
  pki_close (&pki);
  EVP_PKEY_free (pkey);
}

/* RSASSA-PSS with SHA-512 needs 1042 bits. */
static void
test_a_key_too_short_for_its_salt_cannot (void)
{
  EVP_PKEY *pkey = make_rsa ("RSA", 1024, 65537);
  GBytes *signature;
  IkeKey *key;
  Pki pki;

  pki_open (&pki, 1);
  key = key_of (&pki, pkey);
  g_assert_false (key->klass->can (key, scheme_of (&pki, "rsa-pss-sha512")));
  refuse_scheme (&pki, key, scheme_of (&pki, "rsa-pss-sha512"));
  signature = sign (&pki, key, scheme_of (&pki, "rsa-pss-sha384"), "octets", NULL);
  assert_only_as_it_is (&pki, key->pubkey, scheme_of (&pki, "rsa-pss-sha384"), signature);
  g_bytes_unref (signature);
  ike_key_unref (key);
  pki_close (&pki);
  EVP_PKEY_free (pkey);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crypto-openssl/sign/all-schemes-are-there", test_all_are_there);
  g_test_add_func ("/crypto-openssl/sign/identifiers-are-those-of-the-standards",
                   test_identifiers_are_those_of_the_standards);
  g_test_add_func ("/crypto-openssl/sign/identifiers-are-those-of-libcrypto",
                   test_identifiers_are_those_of_libcrypto);
  g_test_add_func ("/crypto-openssl/sign/eight-forms-of-pss-say-the-same",
                   test_eight_forms_of_pss_say_the_same);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    g_autofree char *path =
        g_strdup_printf ("/crypto-openssl/sign/%s-%s-signs-by-its-schemes-only", kinds[i].type,
                         kinds[i].curve ? kinds[i].curve : "any");

    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_each_key_signs_by_its_schemes);
  }
  g_test_add_func ("/crypto-openssl/sign/method-1-verifies-hashes-that-it-does-not-sign-by",
                   test_method_1_verifies_hashes_that_it_does_not_sign_by);
  g_test_add_func ("/crypto-openssl/sign/a-key-too-short-for-its-salt-cannot",
                   test_a_key_too_short_for_its_salt_cannot);
  return g_test_run ();
}
