/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_negative.c - RSA signatures that are wrong in one thing each, made with the private key
 * itself (so that nothing else is wrong), and forged ones that need none; beside each its good
 * twin. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "test_pki_support.h"

enum { K = 256 }; /* bytes of the modulus */

static const char text[] = "octets that are signed";

typedef struct {
  Pki pki;
  EVP_PKEY *pkey;
  IkePubkey *pubkey;
  BIGNUM *n;
} Fixture;

/* Exponent 3: where padding is not looked at, a cube root is a signature. */
static void
fixture_open (Fixture *fixture)
{
  pki_open (&fixture->pki, 1);
  fixture->pkey = make_rsa ("RSA", 8 * K, 3);
  fixture->pubkey = pubkey_of (&fixture->pki, fixture->pkey);
  fixture->n = NULL;
  g_assert_cmpint (EVP_PKEY_get_bn_param (fixture->pkey, OSSL_PKEY_PARAM_RSA_N, &fixture->n), ==,
                   1);
}

static void
fixture_close (Fixture *fixture)
{
  fixture->pki.ops->pubkey_unref (fixture->pubkey);
  EVP_PKEY_free (fixture->pkey);
  BN_free (fixture->n);
  pki_close (&fixture->pki);
}

/* FALSE: the number is not below the modulus. */
static gboolean
raw_sign (Fixture *fixture, const guint8 encoded[static K], guint8 signature[static K])
{
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey (NULL, fixture->pkey, NULL);
  gsize len = K;
  gboolean is_done = EVP_PKEY_sign_init (context) == 1
                     && EVP_PKEY_CTX_set_rsa_padding (context, RSA_NO_PADDING) == 1
                     && EVP_PKEY_sign (context, signature, &len, encoded, K) == 1;

  EVP_PKEY_CTX_free (context);
  return is_done && len == K;
}

static gboolean
is_taken (Fixture *fixture, const char *scheme, const guint8 *signature, gsize len)
{
  return verify (&fixture->pki, fixture->pubkey, scheme_of (&fixture->pki, scheme), text, signature,
                 len);
}

static void
expect (Fixture *fixture, const char *scheme, const guint8 encoded[static K], gboolean is_good,
        const char *what)
{
  guint8 signature[K];

  g_assert_true (raw_sign (fixture, encoded, signature));
  if (is_taken (fixture, scheme, signature, K) != is_good)
    g_error ("%s: %s is %s", scheme, what, is_good ? "refused" : "taken");
}

/* What stands behind the padding; lengths are those of SHA-256, "H" is the hash, "h" the hash
 * without its last byte, "w" another hash. */
static const struct {
  const char *what, *digest_info;
  gboolean is_good;
} infos[] = {
  { "the right one", "3031300d060960864801650304020105000420H", TRUE },
  { "NULL left out",
    "302f300b0609608648016503040201"
    "0420H",
    FALSE },
  { "NULL twice", "3033300f0609608648016503040201050005000420H", FALSE },
  { "NULL with content", "3032300e06096086480165030402010501000420H", FALSE },
  { "an octet string for NULL", "3031300d060960864801650304020104000420H", FALSE },
  { "garbage in the parameters",
    "3039301506096086480165030402010500"
    "04060102030405060420H",
    FALSE },
  { "long form of the outer length", "308131300d060960864801650304020105000420H", FALSE },
  { "longer form of the outer length", "30820031300d060960864801650304020105000420H", FALSE },
  { "long form of the inner length", "303230810d060960864801650304020105000420H", FALSE },
  { "long form of the hash's length", "3032300d06096086480165030402010500048120H", FALSE },
  { "long form of the identifier's length", "3032300e06810960864801650304020105000420H", FALSE },
  { "long form of NULL's length",
    "3032300e060960864801650304020105810004"
    "20H",
    FALSE },
  { "indefinite outer length", "3080300d060960864801650304020105000420H0000", FALSE },
  { "indefinite inner length", "303330800609608648016503040201050000000420H", FALSE },
  { "SHA-384's identifier", "3031300d060960864801650304020205000420H", FALSE },
  { "SHA-512/256's identifier", "3031300d060960864801650304020605000420H", FALSE },
  { "SHA3-256's identifier", "3031300d060960864801650304020805000420H", FALSE },
  { "an identifier with a zero in front", "3032300e060a8060864801650304020105000420H", FALSE },
  { "an empty identifier",
    "3028300406000500"
    "0420H",
    FALSE },
  { "a hash that is short", "3030300d06096086480165030402010500041fh", FALSE },
  { "a hash that is long", "3032300d060960864801650304020105000421H00", FALSE },
  { "a hash in pieces",
    "3035300d060960864801650304020105002424"
    "0420H0400",
    FALSE },
  { "another hash", "3031300d060960864801650304020105000420w", FALSE },
  { "the hash alone", "H", FALSE },
  { "the hash as an octet string", "0420H", FALSE },
  { "nothing", "", FALSE },
  { "a byte behind it", "3031300d060960864801650304020105000420H00", FALSE },
  { "a byte within it at the end", "3032300d060960864801650304020105000420H00", FALSE },
  { "an element within it at the end", "3033300d060960864801650304020105000420H0500", FALSE },
  { "an outer length too small", "3030300d060960864801650304020105000420H", FALSE },
  { "an outer length too large", "3032300d060960864801650304020105000420H", FALSE },
  { "an inner length too small", "3031300c060960864801650304020105000420H", FALSE },
  { "a set for the sequence", "3131300d060960864801650304020105000420H", FALSE },
  { "no content", "3000", FALSE },
};

static void
sha256_hex (const char *message, gsize keep, GString *out)
{
  guint8 hash[32];

  g_assert_cmpint (EVP_Digest (message, strlen (message), hash, NULL, EVP_sha256 (), NULL), ==, 1);
  for (gsize i = 0; i < keep; i++)
    g_string_append_printf (out, "%02x", hash[i]);
}

static guint8 *
info_new (const char *pattern, gsize *len)
{
  g_autoptr (GString) hexadecimal = g_string_new (NULL);

  for (; *pattern; pattern++)
    if (*pattern == 'H' || *pattern == 'h')
      sha256_hex (text, *pattern == 'H' ? 32 : 31, hexadecimal);
    else if (*pattern == 'w')
      sha256_hex ("other octets", 32, hexadecimal);
    else
      g_string_append_c (hexadecimal, *pattern);
  return bytes_of (hexadecimal->str, len);
}

/* RFC 8017, 9.2: 00 01 FF… 00 T. */
static void
pkcs1_encode (guint8 out[static K], const guint8 *info, gsize len)
{
  memset (out, 0xff, K);
  out[0] = 0;
  out[1] = 1;
  out[K - len - 1] = 0;
  memcpy (out + K - len, info, len);
}

static void
test_digest_info_has_one_form (void)
{
  static const char *const schemes[] = { "rsa-sha256", "rsa-sha256-v1" };
  guint8 encoded[K];
  Fixture fixture;

  fixture_open (&fixture);
  for (guint i = 0; i < G_N_ELEMENTS (infos); i++) {
    gsize len;
    g_autofree guint8 *info = info_new (infos[i].digest_info, &len);

    pkcs1_encode (encoded, info, len);
    for (guint k = 0; k < G_N_ELEMENTS (schemes); k++)
      expect (&fixture, schemes[k], encoded, infos[i].is_good, infos[i].what);
    expect (&fixture, "rsa-sha512", encoded, FALSE, infos[i].what);
    expect (&fixture, "rsa-pss-sha256", encoded, FALSE, infos[i].what);
  }
  fixture_close (&fixture);
}

static void
test_padding_has_one_form (void)
{
  gsize len;
  g_autofree guint8 *info = info_new (infos[0].digest_info, &len);
  guint8 good[K], bad[K];
  Fixture fixture;

  fixture_open (&fixture);
  pkcs1_encode (good, info, len);
  expect (&fixture, "rsa-sha256", good, TRUE, "the right padding");
  /* Each byte of it, the two in front and the zero behind included. */
  for (gsize i = 0; i < K - len; i += i < 12 || i > K - len - 6 ? 1 : 9) {
    memcpy (bad, good, K);
    bad[i] ^= i == 0 ? 1 : 2;
    expect (&fixture, "rsa-sha256", bad, FALSE, "a changed byte");
    memcpy (bad, good, K);
    bad[i] = i == 1 ? 2 : 0;
    if (memcmp (bad, good, K) != 0)
      expect (&fixture, "rsa-sha256", bad, FALSE, "a zero, or block type 2");
  }
  memcpy (bad, good, K);
  bad[1] = 0;
  expect (&fixture, "rsa-sha256", bad, FALSE, "block type 0");
  memcpy (bad, good, K);
  bad[K - len - 1] = 0xff;
  expect (&fixture, "rsa-sha256", bad, FALSE, "no zero in front of the hash");
  /* Everything one byte to the left, and padding of any length with garbage behind. */
  memcpy (bad, good + 1, K - 1);
  bad[K - 1] = 0;
  expect (&fixture, "rsa-sha256", bad, FALSE, "no leading zero");
  for (gsize n = 0; n < K - len - 3; n += 8) {
    RAND_bytes (bad, K);
    pkcs1_encode (bad, (const guint8 *) "", 0);
    RAND_bytes (bad + 3 + n + len, (int) (K - 3 - n - len));
    bad[2 + n] = 0;
    memcpy (bad + 3 + n, info, len);
    expect (&fixture, "rsa-sha256", bad, FALSE, "short padding with garbage behind");
  }
  fixture_close (&fixture);
}

/* The largest number whose cube is not above @cube. */
static BIGNUM *
cube_root (const BIGNUM *cube)
{
  BN_CTX *context = BN_CTX_new ();
  BIGNUM *root = BN_new (), *trial = BN_new ();

  BN_zero (root);
  for (int bit = BN_num_bits (cube) / 3 + 1; bit >= 0; bit--) {
    BN_set_bit (root, bit);
    BN_sqr (trial, root, context);
    BN_mul (trial, trial, root, context);
    if (BN_cmp (trial, cube) > 0)
      BN_clear_bit (root, bit);
  }
  BN_free (trial);
  BN_CTX_free (context);
  return root;
}

/* Bleichenbacher, 2006: with exponent 3 and garbage allowed behind the hash (or within the
 * parameters) nobody needs a private key. */
static void
test_cube_roots_are_refused (void)
{
  static const char *const patterns[] = {
    "0001ffffffffffffffff003031300d060960864801650304020105000420H",
    "0001ff003031300d060960864801650304020105000420H",
    "0001003031300d060960864801650304020105000420H",
    "0001ffffffffffffffff0030820062300d060960864801650304020105000420H04"
  };
  BN_CTX *context = BN_CTX_new ();
  Fixture fixture;

  fixture_open (&fixture);
  for (guint i = 0; i < G_N_ELEMENTS (patterns); i++) {
    guint8 encoded[K], signature[K];
    gsize len;
    g_autofree guint8 *wanted = info_new (patterns[i], &len);
    BIGNUM *cube, *root;

    memset (encoded, 0xff, K);
    memcpy (encoded, wanted, len);
    cube = BN_bin2bn (encoded, K, NULL);
    root = cube_root (cube);
    g_assert_cmpint (BN_bn2binpad (root, signature, K), ==, K);
    BN_sqr (cube, root, context);
    BN_mul (cube, cube, root, context);
    g_assert_cmpint (BN_bn2binpad (cube, encoded, K), ==, K);
    g_assert_cmpmem (encoded, len, wanted, len);
    g_assert_false (is_taken (&fixture, "rsa-sha256", signature, K));
    g_assert_false (is_taken (&fixture, "rsa-sha256-v1", signature, K));
    BN_free (cube);
    BN_free (root);
  }
  BN_CTX_free (context);
  fixture_close (&fixture);
}

static void
assert_number_refused (Fixture *fixture, const BIGNUM *number)
{
  static const char *const schemes[] = { "rsa-sha1", "rsa-sha256", "rsa-sha512", "rsa-pss-sha256",
                                         "rsa-sha1-v1" };
  guint8 signature[K];

  if (BN_bn2binpad (number, signature, K) != K)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    g_assert_false (is_taken (fixture, schemes[i], signature, K));
}

static void
test_numbers_at_the_edges_are_refused (void)
{
  BIGNUM *number = BN_new ();
  Fixture fixture;

  fixture_open (&fixture);
  BN_zero (number);
  assert_number_refused (&fixture, number);
  BN_one (number);
  assert_number_refused (&fixture, number);
  BN_copy (number, fixture.n);
  assert_number_refused (&fixture, number);
  BN_sub_word (number, 1);
  assert_number_refused (&fixture, number);
  BN_add_word (number, 2);
  assert_number_refused (&fixture, number);
  BN_zero (number);
  BN_set_bit (number, 8 * K);
  BN_sub_word (number, 1);
  assert_number_refused (&fixture, number);
  BN_free (number);
  fixture_close (&fixture);
}

/* The same number with the modulus added is the same to who only computes. */
static void
assert_not_above_modulus (Fixture *fixture, const char *scheme, const guint8 good[static K])
{
  BIGNUM *number = BN_bin2bn (good, K, NULL);
  guint8 above[K + 1];

  BN_add (number, number, fixture->n);
  g_assert_cmpint (BN_bn2binpad (number, above, K + 1), ==, K + 1);
  g_assert_false (is_taken (fixture, scheme, above, K + 1));
  if (above[0] == 0)
    g_assert_false (is_taken (fixture, scheme, above + 1, K));
  BN_free (number);
}

/* One whose first byte is zero may be shortened without becoming another number. */
static void
test_length_is_that_of_the_modulus (void)
{
  static const char *const schemes[] = { "rsa-sha256", "rsa-pss-sha256" };
  guint8 encoded[K], signature[K], longer[K + 2] = { 0 };
  Fixture fixture;
  gsize len;
  g_autofree guint8 *info = info_new (infos[0].digest_info, &len);

  fixture_open (&fixture);
  pkcs1_encode (encoded, info, len);
  g_assert_true (raw_sign (&fixture, encoded, signature));
  memcpy (longer + 1, signature, K);
  g_assert_true (is_taken (&fixture, "rsa-sha256", longer + 1, K));
  g_assert_false (is_taken (&fixture, "rsa-sha256", longer, K + 1));
  g_assert_false (is_taken (&fixture, "rsa-sha256", longer + 1, K + 1));
  g_assert_false (is_taken (&fixture, "rsa-sha256", longer + 1, K - 1));
  assert_not_above_modulus (&fixture, "rsa-sha256", signature);

  IkeKey *key = key_of (&fixture.pki, fixture.pkey);

  for (guint i = 0; i < 4000; i++) {
    const char *scheme = schemes[1];
    g_autoptr (GBytes) one = sign (&fixture.pki, key, scheme_of (&fixture.pki, scheme), text, NULL);
    const guint8 *data = g_bytes_get_data (one, NULL);

    if (data[0])
      continue;
    g_assert_true (is_taken (&fixture, scheme, data, K));
    g_assert_false (is_taken (&fixture, scheme, data + 1, K - 1));
    assert_not_above_modulus (&fixture, scheme, data);
    break;
  }
  ike_key_unref (key);
  fixture_close (&fixture);
}

/* RFC 8017, 9.1.1, and how to depart from it. */
typedef struct {
  const char *what;
  const EVP_MD *(*digest) (void), *(*mask_digest) (void);
  gsize salt_len;
  guint8 trailer, separator, first_of_padding, top_bits, zeros;
  const char *message;
  gboolean is_good;
} Pss;

static void
mask (guint8 *data, gsize len, const guint8 *seed, gsize seed_len, const EVP_MD *digest)
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  guint8 block[EVP_MAX_MD_SIZE];
  gsize size = (gsize) EVP_MD_get_size (digest);

  for (gsize at = 0; at < len; at += size) {
    guint8 counter[4] = { 0, 0, 0, (guint8) (at / size) };

    EVP_DigestInit_ex (context, digest, NULL);
    EVP_DigestUpdate (context, seed, seed_len);
    EVP_DigestUpdate (context, counter, 4);
    EVP_DigestFinal_ex (context, block, NULL);
    for (gsize i = 0; i < MIN (size, len - at); i++)
      data[at + i] ^= block[i];
  }
  EVP_MD_CTX_free (context);
}

static void
pss_encode (guint8 out[static K], const Pss *pss)
{
  const EVP_MD *digest = pss->digest ();
  gsize hash_len = (gsize) EVP_MD_get_size (digest), data_len = K - hash_len - 1;
  const char *message = pss->message ? pss->message : text;
  guint8 hash[EVP_MAX_MD_SIZE], salt[K], zeros[8];
  EVP_MD_CTX *context = EVP_MD_CTX_new ();

  memset (zeros, pss->zeros, 8);
  RAND_bytes (salt, (int) sizeof salt);
  EVP_Digest (message, strlen (message), hash, NULL, digest, NULL);
  EVP_DigestInit_ex (context, digest, NULL);
  EVP_DigestUpdate (context, zeros, 8);
  EVP_DigestUpdate (context, hash, hash_len);
  EVP_DigestUpdate (context, salt, pss->salt_len);
  EVP_DigestFinal_ex (context, out + data_len, NULL);
  EVP_MD_CTX_free (context);
  memset (out, 0, data_len);
  out[0] = pss->first_of_padding;
  out[data_len - pss->salt_len - 1] |= pss->separator;
  memcpy (out + data_len - pss->salt_len, salt, pss->salt_len);
  mask (out, data_len, out + data_len, hash_len, pss->mask_digest ());
  out[0] = (guint8) ((out[0] & 0x7f) | pss->top_bits);
  out[K - 1] = pss->trailer;
}

static void
test_pss_has_one_form (void)
{
  static const Pss cases[] = {
    { "the right one", EVP_sha256, EVP_sha256, 32, 0xbc, 1, 0, 0, 0, NULL, TRUE },
    { "no salt", EVP_sha256, EVP_sha256, 0, 0xbc, 1, 0, 0, 0, NULL, FALSE },
    { "a salt of 20", EVP_sha256, EVP_sha256, 20, 0xbc, 1, 0, 0, 0, NULL, FALSE },
    { "a salt of one less", EVP_sha256, EVP_sha256, 31, 0xbc, 1, 0, 0, 0, NULL, FALSE },
    { "a salt of one more", EVP_sha256, EVP_sha256, 33, 0xbc, 1, 0, 0, 0, NULL, FALSE },
    { "the longest salt", EVP_sha256, EVP_sha256, K - 34, 0xbc, 1, 0, 0, 0, NULL, FALSE },
    { "trailer cc", EVP_sha256, EVP_sha256, 32, 0xcc, 1, 0, 0, 0, NULL, FALSE },
    { "trailer 00", EVP_sha256, EVP_sha256, 32, 0x00, 1, 0, 0, 0, NULL, FALSE },
    { "trailer bd", EVP_sha256, EVP_sha256, 32, 0xbd, 1, 0, 0, 0, NULL, FALSE },
    { "a mask by SHA-1", EVP_sha256, EVP_sha1, 32, 0xbc, 1, 0, 0, 0, NULL, FALSE },
    { "a mask by SHA-512", EVP_sha256, EVP_sha512, 32, 0xbc, 1, 0, 0, 0, NULL, FALSE },
    { "a hash by SHA-1", EVP_sha1, EVP_sha1, 20, 0xbc, 1, 0, 0, 0, NULL, FALSE },
    { "a hash by SHA-512", EVP_sha512, EVP_sha512, 64, 0xbc, 1, 0, 0, 0, NULL, FALSE },
    { "a hash by SHA-512/256", EVP_sha512_256, EVP_sha256, 32, 0xbc, 1, 0, 0, 0, NULL, FALSE },
    { "separator 0", EVP_sha256, EVP_sha256, 32, 0xbc, 0, 0, 0, 0, NULL, FALSE },
    { "separator 2", EVP_sha256, EVP_sha256, 32, 0xbc, 2, 0, 0, 0, NULL, FALSE },
    { "separator 81", EVP_sha256, EVP_sha256, 32, 0xbc, 0x81, 0, 0, 0, NULL, FALSE },
    { "padding that begins with 1", EVP_sha256, EVP_sha256, 32, 0xbc, 1, 1, 0, 0, NULL, FALSE },
    { "padding that begins with 40", EVP_sha256, EVP_sha256, 32, 0xbc, 1, 0x40, 0, 0, NULL, FALSE },
    { "the top bit set", EVP_sha256, EVP_sha256, 32, 0xbc, 1, 0, 0x80, 0, NULL, FALSE },
    { "ones for the eight zeros", EVP_sha256, EVP_sha256, 32, 0xbc, 1, 0, 0, 0xff, NULL, FALSE },
    { "another message", EVP_sha256, EVP_sha256, 32, 0xbc, 1, 0, 0, 0, "other octets", FALSE },
  };
  guint8 encoded[K], signature[K];
  Fixture fixture;

  fixture_open (&fixture);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gboolean is_below = FALSE;

    /* With the top bit set only some are below the modulus: another salt, then. */
    for (guint k = 0; k < 200 && !is_below; k++) {
      pss_encode (encoded, &cases[i]);
      is_below = raw_sign (&fixture, encoded, signature);
    }
    g_assert_true (is_below);
    expect (&fixture, "rsa-pss-sha256", encoded, cases[i].is_good, cases[i].what);
    expect (&fixture, "rsa-sha256", encoded, FALSE, cases[i].what);
  }
  for (guint i = 0; i < K; i += 5) {
    pss_encode (encoded, &cases[0]);
    encoded[i] ^= 1;
    expect (&fixture, "rsa-pss-sha256", encoded, FALSE, "a flipped bit");
  }
  fixture_close (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crypto-openssl/negative/digest-info-has-one-form",
                   test_digest_info_has_one_form);
  g_test_add_func ("/crypto-openssl/negative/padding-has-one-form", test_padding_has_one_form);
  g_test_add_func ("/crypto-openssl/negative/cube-roots-are-refused", test_cube_roots_are_refused);
  g_test_add_func ("/crypto-openssl/negative/numbers-at-the-edges-are-refused",
                   test_numbers_at_the_edges_are_refused);
  g_test_add_func ("/crypto-openssl/negative/length-is-that-of-the-modulus",
                   test_length_is_that_of_the_modulus);
  g_test_add_func ("/crypto-openssl/negative/pss-has-one-form", test_pss_has_one_form);
  return g_test_run ();
}
