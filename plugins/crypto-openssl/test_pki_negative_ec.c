/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_negative_ec.c - signatures by ECDSA and EdDSA that say the same as a good one in another
 * form, or nothing at all. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "test_pki_support.h"

static const char text[] = "octets that are signed";

typedef struct {
  Pki pki;
  EVP_PKEY *pkey;
  IkeKey *key;
} Fixture;

static void
fixture_open (Fixture *fixture, const char *type, const char *curve)
{
  pki_open (&fixture->pki, 1);
  fixture->pkey = curve ? make_ec (curve) : make_key (type);
  fixture->key = key_of (&fixture->pki, fixture->pkey);
}

static void
fixture_close (Fixture *fixture)
{
  ike_key_unref (fixture->key);
  EVP_PKEY_free (fixture->pkey);
  pki_close (&fixture->pki);
}

static gboolean
is_taken (Fixture *fixture, const char *scheme, const guint8 *data, gsize len)
{
  /* Exactly as long, for the checker of addresses. */
  g_autofree guint8 *copy = g_memdup2 (len ? data : (const guint8 *) "x", len ? len : 1);

  return verify (&fixture->pki, fixture->key->pubkey, scheme_of (&fixture->pki, scheme), text, copy,
                 len);
}

static void
expect (Fixture *fixture, const char *scheme, GByteArray *take, gboolean is_good, const char *what)
{
  if (is_taken (fixture, scheme, take->data, take->len) != is_good)
    g_error ("%s: %s is %s", scheme, what, is_good ? "refused" : "taken");
  g_byte_array_unref (take);
}

/* -- pieces of DER */

/* How an element departs from the rules. */
typedef struct {
  guint8 tag;          /* instead of the right one, or 0 */
  guint8 long_lengths; /* bytes of length more than needed */
  gboolean is_indefinite;
  guint8 n_zeros; /* in front of a number */
  gint8 length_off;
} Style;

static void
put_element (GByteArray *out, guint8 tag, const Style *style, const guint8 *content, gsize len)
{
  gsize says = (gsize) ((gssize) len + style->length_off);
  guint8 head[6] = { style->tag ? style->tag : tag };
  guint n = 1;

  if (style->is_indefinite) {
    head[n++] = 0x80;
  } else if (style->long_lengths || says > 127) {
    guint extra = style->long_lengths + (says > 127 && style->long_lengths == 0);

    head[n++] = (guint8) (0x80 | extra);
    while (extra > 1 && n < 5) {
      head[n++] = 0;
      extra--;
    }
    head[n++] = (guint8) says;
  } else {
    head[n++] = (guint8) says;
  }
  g_byte_array_append (out, head, n);
  if (len)
    g_byte_array_append (out, content, (guint) len);
  if (style->is_indefinite)
    g_byte_array_append (out, (const guint8 *) "\0", 2);
}

/* A number may be negative: then in two's complement, as short as can be. */
static void
put_number (GByteArray *out, const BIGNUM *number, const Style *style)
{
  BIGNUM *value = BN_dup (number);
  int len = BN_num_bits (number) / 8 + 1;
  guint8 bytes[80] = { 0 };
  gsize skip = 0;

  if (BN_is_negative (number)) {
    BIGNUM *whole = BN_new ();

    BN_set_bit (whole, 8 * len);
    BN_add (value, value, whole);
    BN_free (whole);
  }
  g_assert_cmpint (BN_bn2binpad (value, bytes + style->n_zeros, len), ==, len);
  BN_free (value);
  if (BN_is_negative (number) && len > 1 && bytes[0] == 0xff && bytes[1] & 0x80)
    skip = 1;
  put_element (out, 2, style, bytes + skip, (gsize) len + style->n_zeros - skip);
}

static const Style plain = { 0 };

/* SEQUENCE { @r, @s }, each element in a style of its own. */
static GByteArray *
sequence (const BIGNUM *r, const Style *r_style, const BIGNUM *s, const Style *s_style,
          const Style *outer)
{
  g_autoptr (GByteArray) content = g_byte_array_new ();
  GByteArray *out = g_byte_array_new ();

  put_number (content, r, r_style);
  put_number (content, s, s_style);
  put_element (out, 0x30, outer, content->data, content->len);
  return out;
}

static GByteArray *
pair (const BIGNUM *r, const BIGNUM *s)
{
  return sequence (r, &plain, s, &plain, &plain);
}

static GByteArray *
with_tail (GByteArray *take, const char *tail, guint len)
{
  g_byte_array_append (take, (const guint8 *) tail, len);
  return take;
}

static GByteArray *
raw (const BIGNUM *r, const BIGNUM *s, int r_len, int s_len)
{
  GByteArray *out = g_byte_array_new ();

  g_byte_array_set_size (out, (guint) (r_len + s_len));
  BN_bn2binpad (r, out->data, r_len);
  BN_bn2binpad (s, out->data + r_len, s_len);
  return out;
}

/* -- ECDSA */

typedef struct {
  BIGNUM *r, *s, *n, *zero, *one, *minus_one, *r_and_n, *s_and_n, *r_less_n, *s_less_n;
} Numbers;

static void
numbers_fill (Numbers *self, EVP_PKEY *pkey, GBytes *signature)
{
  const guint8 *at = g_bytes_get_data (signature, NULL);
  ECDSA_SIG *parsed = d2i_ECDSA_SIG (NULL, &at, (long) g_bytes_get_size (signature));

  g_assert_nonnull (parsed);
  *self = (Numbers){ BN_dup (ECDSA_SIG_get0_r (parsed)),
                     BN_dup (ECDSA_SIG_get0_s (parsed)),
                     NULL,
                     BN_new (),
                     BN_new (),
                     BN_new (),
                     BN_new (),
                     BN_new (),
                     BN_new (),
                     BN_new () };
  g_assert_cmpint (EVP_PKEY_get_bn_param (pkey, OSSL_PKEY_PARAM_EC_ORDER, &self->n), ==, 1);
  BN_one (self->one);
  BN_sub (self->minus_one, self->zero, self->one);
  BN_add (self->r_and_n, self->r, self->n);
  BN_add (self->s_and_n, self->s, self->n);
  BN_sub (self->r_less_n, self->r, self->n);
  BN_sub (self->s_less_n, self->s, self->n);
  ECDSA_SIG_free (parsed);
}

static void
numbers_clear (Numbers *self)
{
  BIGNUM **all = (BIGNUM **) self;

  for (guint i = 0; i < sizeof *self / sizeof *all; i++)
    BN_free (all[i]);
}

static const char *const curves[] = { "P-256", "P-384", "P-521", "brainpoolP256r1",
                                      "brainpoolP512r1" };

static void
fixture_open_ec (Fixture *fixture, Numbers *numbers, const char *curve)
{
  fixture_open (fixture, "EC", curve);
  g_autoptr (GBytes) good =
      sign (&fixture->pki, fixture->key, scheme_of (&fixture->pki, "ecdsa-sha256"), text, NULL);

  numbers_fill (numbers, fixture->pkey, good);
  expect (fixture, "ecdsa-sha256", pair (numbers->r, numbers->s), TRUE, "the right one");
}

static void
fixture_close_ec (Fixture *fixture, Numbers *numbers)
{
  numbers_clear (numbers);
  fixture_close (fixture);
}

/* Those that are equal modulo n would pass who does not look. */
static void
test_numbers_are_between_zero_and_order (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (curves); i++) {
    Fixture fixture;
    Numbers n;

    fixture_open_ec (&fixture, &n, curves[i]);

    const BIGNUM *bad[] = { n.zero,    n.one,      n.minus_one, n.n, n.r_and_n,
                            n.s_and_n, n.r_less_n, n.s_less_n,  n.s, n.r };

    for (guint k = 0; k < G_N_ELEMENTS (bad); k++) {
      if (bad[k] != n.r)
        expect (&fixture, "ecdsa-sha256", pair (bad[k], n.s), FALSE, "a number for r");
      if (bad[k] != n.s)
        expect (&fixture, "ecdsa-sha256", pair (n.r, bad[k]), FALSE, "a number for s");
      for (guint m = 0; m < G_N_ELEMENTS (bad); m++)
        if (bad[k] != n.r || bad[m] != n.s)
          expect (&fixture, "ecdsa-sha256", pair (bad[k], bad[m]), FALSE, "two numbers");
    }
    fixture_close_ec (&fixture, &n);
  }
}

static void
test_der_has_one_form (void)
{
  static const Style styles[] = {
    { .long_lengths = 1 }, { .long_lengths = 2 }, { .long_lengths = 4 }, { .is_indefinite = TRUE },
    { .n_zeros = 1 },      { .n_zeros = 2 },      { .n_zeros = 9 },      { .length_off = 1 },
    { .length_off = -1 },  { .length_off = 100 }, { .tag = 0x03 },       { .tag = 0x04 },
    { .tag = 0x0a },       { .tag = 0x22 },       { .tag = 0x82 },       { .tag = 0x05 },
  };
  static const Style outer[] = {
    { .long_lengths = 2 }, { .long_lengths = 4 }, { .is_indefinite = TRUE }, { .length_off = 1 },
    { .length_off = -1 },  { .length_off = 10 },  { .tag = 0x31 },           { .tag = 0x10 },
    { .tag = 0x02 },       { .tag = 0xb0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (curves); i++) {
    Fixture fixture;
    Numbers n;

    fixture_open_ec (&fixture, &n, curves[i]);
    for (guint k = 0; k < G_N_ELEMENTS (styles); k++) {
      expect (&fixture, "ecdsa-sha256", sequence (n.r, &styles[k], n.s, &plain, &plain), FALSE,
              "a style of r");
      expect (&fixture, "ecdsa-sha256", sequence (n.r, &plain, n.s, &styles[k], &plain), FALSE,
              "a style of s");
    }
    for (guint k = 0; k < G_N_ELEMENTS (outer); k++)
      expect (&fixture, "ecdsa-sha256", sequence (n.r, &plain, n.s, &plain, &outer[k]), FALSE,
              "a style of the sequence");
    fixture_close_ec (&fixture, &n);
  }
}

/* A sequence around @content. */
static GByteArray *
around (GByteArray *take)
{
  GByteArray *out = g_byte_array_new ();

  put_element (out, 0x30, &plain, take->data, take->len);
  g_byte_array_unref (take);
  return out;
}

static GByteArray *
numbers_only (const BIGNUM *const *numbers, guint n)
{
  GByteArray *out = g_byte_array_new ();

  for (guint i = 0; i < n; i++)
    put_number (out, numbers[i], &plain);
  return out;
}

static void
test_nothing_stands_behind_or_within (void)
{
  static const char *const tails[] = { "\0", "\x05\0", "\0\0", "\x02\x01\x01", "\x30\x80" };
  static const guint tail_lens[] = { 1, 2, 2, 3, 2 };

  for (guint i = 0; i < G_N_ELEMENTS (curves); i++) {
    Fixture fixture;
    Numbers n;

    fixture_open_ec (&fixture, &n, curves[i]);

    const BIGNUM *three[] = { n.r, n.s, n.one };

    for (guint k = 0; k < G_N_ELEMENTS (tails); k++) {
      expect (&fixture, "ecdsa-sha256", with_tail (pair (n.r, n.s), tails[k], tail_lens[k]), FALSE,
              "something behind");
      expect (&fixture, "ecdsa-sha256",
              around (with_tail (numbers_only (three, 2), tails[k], tail_lens[k])), FALSE,
              "something within");
    }
    expect (&fixture, "ecdsa-sha256", around (numbers_only (three, 3)), FALSE, "three numbers");
    expect (&fixture, "ecdsa-sha256", around (numbers_only (three, 1)), FALSE, "one number");
    expect (&fixture, "ecdsa-sha256", around (numbers_only (three, 0)), FALSE, "no number");
    expect (&fixture, "ecdsa-sha256", numbers_only (three, 2), FALSE, "no sequence");
    expect (&fixture, "ecdsa-sha256", around (pair (n.r, n.s)), FALSE, "a sequence within another");
    expect (&fixture, "ecdsa-sha256", with_tail (g_byte_array_new (), "\x05\0", 2), FALSE, "NULL");
    expect (&fixture, "ecdsa-sha256", with_tail (g_byte_array_new (), "\x30\x04\x02\0\x02\0", 6),
            FALSE, "empty numbers");
    expect (&fixture, "ecdsa-sha256", with_tail (g_byte_array_new (), "\x30\x04\x05\0\x05\0", 6),
            FALSE, "NULL for numbers");
    expect (&fixture, "ecdsa-sha256",
            with_tail (g_byte_array_new (), "\x30\x06\x09\x01\x40\x09\x01\x40", 8), FALSE,
            "reals for numbers");
    expect (&fixture, "ecdsa-sha256",
            with_tail (g_byte_array_new (), "\x30\x06\x01\x01\xff\x01\x01\xff", 8), FALSE,
            "truth for numbers");
    fixture_close_ec (&fixture, &n);
  }
}

static void
test_der_cut_anywhere_is_refused (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (curves); i++) {
    Fixture fixture;
    Numbers n;

    fixture_open_ec (&fixture, &n, curves[i]);
    g_autoptr (GByteArray) good = pair (n.r, n.s);

    for (guint cut = 0; cut < good->len; cut++) {
      g_assert_false (is_taken (&fixture, "ecdsa-sha256", good->data, cut));
      g_assert_false (
          is_taken (&fixture, "ecdsa-sha256", good->data + cut + 1, good->len - cut - 1));
    }
    fixture_close_ec (&fixture, &n);
  }
}

/* The old methods: r | s. */
static void
try_raw (const char *scheme, const char *curve, int half)
{
  Fixture fixture;
  Numbers n;

  fixture_open (&fixture, "EC", curve);
  g_autoptr (GBytes) good =
      sign (&fixture.pki, fixture.key, scheme_of (&fixture.pki, scheme), text, NULL);
  const guint8 *data = g_bytes_get_data (good, NULL);
  BIGNUM *r = BN_bin2bn (data, half, NULL), *s = BN_bin2bn (data + half, half, NULL);
  g_autoptr (GByteArray) as_der = pair (r, s);
  g_autoptr (GBytes) der = g_bytes_new (as_der->data, as_der->len);

  g_assert_cmpuint (g_bytes_get_size (good), ==, 2 * half);
  numbers_fill (&n, fixture.pkey, der);
  BN_free (r);
  BN_free (s);
  expect (&fixture, scheme, raw (n.r, n.s, half, half), TRUE, "the right one");
  expect (&fixture, scheme, raw (n.s, n.r, half, half), FALSE, "s | r");
  expect (&fixture, scheme, raw (n.r, n.s, half, half + 1), FALSE, "a longer s");
  expect (&fixture, scheme, raw (n.r, n.s, half + 1, half), FALSE, "a longer r");
  expect (&fixture, scheme, raw (n.r, n.s, half + 1, half + 1), FALSE, "both longer");
  expect (&fixture, scheme, with_tail (raw (n.r, n.s, half, half), "\0", 1), FALSE, "a byte more");
  expect (&fixture, scheme, pair (n.r, n.s), FALSE, "DER");
  for (gsize cut = 0; cut < 2 * (gsize) half; cut++)
    g_assert_false (is_taken (&fixture, scheme, data, cut));

  const BIGNUM *bad[] = { n.zero, n.one, n.n, n.r_and_n, n.s_and_n };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    if (BN_num_bytes (bad[i]) <= half) {
      expect (&fixture, scheme, raw (bad[i], n.s, half, half), FALSE, "a number for r");
      expect (&fixture, scheme, raw (n.r, bad[i], half, half), FALSE, "a number for s");
      expect (&fixture, scheme, raw (bad[i], bad[i], half, half), FALSE, "a number for both");
    }
  fixture_close_ec (&fixture, &n);
}

static void
test_raw_has_one_form (void)
{
  try_raw ("ecdsa-p256-v1", "P-256", 32);
  try_raw ("ecdsa-p384-v1", "P-384", 48);
  try_raw ("ecdsa-p521-v1", "P-521", 66);
}

/* RFC 4754, 7: zeros in front make up the length, and there must be as many. */
static void
test_raw_numbers_keep_their_zeros (void)
{
  Fixture fixture;
  guint n_short = 0;

  fixture_open (&fixture, "EC", "P-256");
  for (guint i = 0; i < 4000 && n_short < 2; i++) {
    g_autoptr (GBytes) one =
        sign (&fixture.pki, fixture.key, scheme_of (&fixture.pki, "ecdsa-p256-v1"), text, NULL);
    const guint8 *data = g_bytes_get_data (one, NULL);

    g_assert_cmpuint (g_bytes_get_size (one), ==, 64);
    if (data[0] && data[32])
      continue;
    n_short++;
    g_assert_true (is_taken (&fixture, "ecdsa-p256-v1", data, 64));
    if (data[0] == 0)
      g_assert_false (is_taken (&fixture, "ecdsa-p256-v1", data + 1, 63));
  }
  g_assert_cmpuint (n_short, ==, 2);
  fixture_close (&fixture);
}

/* -- EdDSA */

typedef struct {
  const char *type, *scheme, *order; /* big endian */
  gsize half;
} Edwards;

static const Edwards edwards[] = {
  { "ED25519", "ed25519", "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 32 },
  { "ED448", "ed448",
    "3fffffffffffffffffffffffffffffffffffffffffffffffffffffff7cca23e9c44edb49aed63690216cc2728dc58f"
    "552378c292ab5844f3",
    57 },
};

/* RFC 8032, 5.1.7 and 5.2.7: S must be "in the range 0 <= s < L". */
static void
test_eddsa_s_is_below_the_order (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (edwards); i++) {
    const Edwards *curve = &edwards[i];
    int half = (int) curve->half;
    BIGNUM *order = NULL, *s;
    guint8 bad[114];
    guint n_tried = 0;
    Fixture fixture;

    fixture_open (&fixture, curve->type, NULL);
    g_autoptr (GBytes) good =
        sign (&fixture.pki, fixture.key, scheme_of (&fixture.pki, curve->scheme), text, NULL);

    g_assert_cmpuint (g_bytes_get_size (good), ==, 2 * curve->half);
    memcpy (bad, g_bytes_get_data (good, NULL), 2 * curve->half);
    g_assert_true (is_taken (&fixture, curve->scheme, bad, 2 * curve->half));
    BN_hex2bn (&order, curve->order);
    s = BN_lebin2bn (bad + half, half, NULL);
    g_assert_cmpint (BN_cmp (s, order), <, 0);
    for (BN_add (s, s, order); BN_num_bytes (s) <= half && n_tried < 40; BN_add (s, s, order)) {
      g_assert_cmpint (BN_bn2lebinpad (s, bad + half, half), ==, half);
      g_assert_false (is_taken (&fixture, curve->scheme, bad, 2 * curve->half));
      n_tried++;
    }
    g_assert_cmpuint (n_tried, >=, 3);
    BN_free (s);
    BN_free (order);
    fixture_close (&fixture);
  }
}

static void
test_eddsa_is_of_one_length_and_all_its_bits_count (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (edwards); i++) {
    const Edwards *curve = &edwards[i];
    gsize len = 2 * curve->half;
    guint8 bad[116] = { 0 };
    Fixture fixture;

    fixture_open (&fixture, curve->type, NULL);
    g_autoptr (GBytes) good =
        sign (&fixture.pki, fixture.key, scheme_of (&fixture.pki, curve->scheme), text, NULL);

    memcpy (bad, g_bytes_get_data (good, NULL), len);
    for (gsize n = 0; n <= len + 2; n++)
      g_assert_cmpint (is_taken (&fixture, curve->scheme, bad, n), ==, n == len);
    for (gsize bit = 0; bit < 8 * len; bit++) {
      bad[bit / 8] ^= (guint8) (1 << bit % 8);
      g_assert_false (is_taken (&fixture, curve->scheme, bad, len));
      bad[bit / 8] ^= (guint8) (1 << bit % 8);
    }
    memset (bad, 0, sizeof bad);
    g_assert_false (is_taken (&fixture, curve->scheme, bad, len));
    memset (bad, 0xff, sizeof bad);
    g_assert_false (is_taken (&fixture, curve->scheme, bad, len));
    fixture_close (&fixture);
  }
}

/* The secret scalar of RFC 8032, 5.1.5 and 5.2.5, and the hash of 5.1.7 and 5.2.7 as a number. */
static BIGNUM *
hash_number (gboolean is_448, const IkePart *parts, guint n)
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  gsize len = is_448 ? 114 : 64;
  guint8 out[114];

  EVP_DigestInit_ex (context, is_448 ? EVP_shake256 () : EVP_sha512 (), NULL);
  for (guint i = 0; i < n; i++)
    EVP_DigestUpdate (context, parts[i].data, parts[i].len);
  if (is_448)
    EVP_DigestFinalXOF (context, out, len);
  else
    EVP_DigestFinal_ex (context, out, NULL);
  EVP_MD_CTX_free (context);
  return BN_lebin2bn (out, (int) len, NULL);
}

static BIGNUM *
secret_scalar (EVP_PKEY *pkey, gboolean is_448)
{
  guint8 secret[57], bytes[114] = { 0 };
  gsize len = sizeof secret;
  IkePart part = { secret, 0 };
  BIGNUM *hash;

  g_assert_cmpint (EVP_PKEY_get_raw_private_key (pkey, secret, &len), ==, 1);
  part.len = len;
  hash = hash_number (is_448, &part, 1);
  BN_bn2lebinpad (hash, bytes, is_448 ? 114 : 64);
  BN_free (hash);
  if (is_448) {
    bytes[0] &= 0xfc;
    bytes[55] |= 0x80;
    bytes[56] = 0;
    return BN_lebin2bn (bytes, 57, NULL);
  }
  bytes[0] &= 0xf8;
  bytes[31] = (guint8) ((bytes[31] & 0x7f) | 0x40);
  return BN_lebin2bn (bytes, 32, NULL);
}

/* S = H(R, A, M) a: right for R = 0 to who only computes. */
static void
forge (EVP_PKEY *pkey, const Edwards *curve, const guint8 *point, guint8 *signature)
{
  gboolean is_448 = curve->half == 57;
  int half = (int) curve->half;
  guint8 public_key[57];
  gsize len = sizeof public_key;
  IkePart parts[] = { { (const guint8 *) "SigEd448\0", is_448 ? 10 : 0 },
                      { point, curve->half },
                      { public_key, curve->half },
                      { (const guint8 *) text, strlen (text) } };
  BN_CTX *context = BN_CTX_new ();
  BIGNUM *order = NULL, *number, *secret = secret_scalar (pkey, is_448);

  g_assert_cmpint (EVP_PKEY_get_raw_public_key (pkey, public_key, &len), ==, 1);
  number = hash_number (is_448, parts, G_N_ELEMENTS (parts));
  BN_hex2bn (&order, curve->order);
  BN_mod_mul (number, number, secret, order, context);
  memcpy (signature, point, curve->half);
  g_assert_cmpint (BN_bn2lebinpad (number, signature + half, half), ==, half);
  BN_free (number);
  BN_free (secret);
  BN_free (order);
  BN_CTX_free (context);
}

static gboolean
libcrypto_takes (EVP_PKEY *pkey, const guint8 *signature, gsize len)
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  gboolean is_right =
      EVP_DigestVerifyInit_ex (context, NULL, NULL, NULL, NULL, pkey, NULL) == 1
      && EVP_DigestVerify (context, signature, len, (const guint8 *) text, strlen (text)) == 1;

  EVP_MD_CTX_free (context);
  return is_right;
}

/* With the neutral element libcrypto alone would be content, and for Ed448 with all. */
static const struct {
  guint curve;
  const char *point;
} small_order[] = {
  { 0, "0100000000000000000000000000000000000000000000000000000000000000" },
  { 0, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
  { 0, "0000000000000000000000000000000000000000000000000000000000000000" },
  { 0, "0000000000000000000000000000000000000000000000000000000000000080" },
  { 0, "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a" },
  { 0, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05" },
  { 0, "0100000000000000000000000000000000000000000000000000000000000080" },
  { 0, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
  { 1, "0100000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
       "00000000000000000000000000" },
  { 1, "fefffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffff"
       "ffffffffffffffffffffffff00" },
  { 1, "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
       "00000000000000000000000000" },
};

static void
test_eddsa_points_of_small_order_are_refused (void)
{
  guint n_content = 0;

  for (guint i = 0; i < G_N_ELEMENTS (small_order); i++) {
    const Edwards *curve = &edwards[small_order[i].curve];
    guint8 signature[114];
    Fixture fixture;
    gsize len;
    g_autofree guint8 *point = bytes_of (small_order[i].point, &len);

    g_assert_cmpuint (len, ==, curve->half);
    fixture_open (&fixture, curve->type, NULL);
    forge (fixture.pkey, curve, point, signature);
    n_content += libcrypto_takes (fixture.pkey, signature, 2 * len);
    g_assert_false (is_taken (&fixture, curve->scheme, signature, 2 * len));
    fixture_close (&fixture);
  }
  /* Else the numbers above were computed wrongly. */
  g_assert_cmpuint (n_content, >=, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crypto-openssl/negative-ec/numbers-are-between-zero-and-order",
                   test_numbers_are_between_zero_and_order);
  g_test_add_func ("/crypto-openssl/negative-ec/der-has-one-form", test_der_has_one_form);
  g_test_add_func ("/crypto-openssl/negative-ec/nothing-stands-behind-or-within",
                   test_nothing_stands_behind_or_within);
  g_test_add_func ("/crypto-openssl/negative-ec/der-cut-anywhere-is-refused",
                   test_der_cut_anywhere_is_refused);
  g_test_add_func ("/crypto-openssl/negative-ec/raw-has-one-form", test_raw_has_one_form);
  g_test_add_func ("/crypto-openssl/negative-ec/raw-numbers-keep-their-zeros",
                   test_raw_numbers_keep_their_zeros);
  g_test_add_func ("/crypto-openssl/negative-ec/eddsa-s-is-below-the-order",
                   test_eddsa_s_is_below_the_order);
  g_test_add_func ("/crypto-openssl/negative-ec/eddsa-is-of-one-length-and-all-its-bits-count",
                   test_eddsa_is_of_one_length_and_all_its_bits_count);
  g_test_add_func ("/crypto-openssl/negative-ec/eddsa-points-of-small-order-are-refused",
                   test_eddsa_points_of_small_order_are_refused);
  return g_test_run ();
}
