/* SPDX-License-Identifier: Apache-2.0 */
/* test_mschap.c - the examples of RFC 2759, 9.2 and RFC 3079, 3.5. */
#include <string.h>

#include <ikebana/engine.h>

#include "mschap.h"

typedef struct {
  IkeSim *sim;
  IkeEngine *engine;
  MschapCrypto crypto;
} Bench;

static void
bench_open (Bench *bench)
{
  static const char *const plugins[] = { "crypto-openssl", NULL };
  g_autofree char *directory = g_strconcat (g_getenv ("IKE_TOP_BUILDDIR"), "/plugins/.libs", NULL);
  g_autoptr (GError) error = NULL;

  bench->sim = ike_sim_new (1);
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .name = "bench",
                               .sim = bench->sim,
                               .n_shards = 1,
                               .settings = "",
                               .plugin_dir = directory,
                               .plugins = plugins };

  bench->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (bench->engine, &error);
  g_assert_no_error (error);
  g_assert_true (mschap_crypto_find (bench->engine, &bench->crypto));
}

static void
bench_close (Bench *bench)
{
  ike_engine_free (bench->engine);
  ike_sim_free (bench->sim);
}

static void
assert_bytes (const guint8 *bytes, gsize len, const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (gsize i = 0; i < len; i++)
    g_string_append_printf (text, "%02x", bytes[i]);
  g_assert_cmpstr (text->str, ==, expected);
}

static const guint8 challenge[MSCHAP_CHALLENGE_LEN] = {
  0x5b, 0x5d, 0x7c, 0x7d, 0x7b, 0x3f, 0x2f, 0x3e, 0x3c, 0x2c, 0x60, 0x21, 0x32, 0x26, 0x26, 0x28,
};
static const guint8 peer_challenge[MSCHAP_CHALLENGE_LEN] = {
  0x21, 0x40, 0x23, 0x24, 0x25, 0x5e, 0x26, 0x2a, 0x28, 0x29, 0x5f, 0x2b, 0x3a, 0x33, 0x7c, 0x7e,
};

static IkePart
part_of (const char *text)
{
  return (IkePart){ (const guint8 *) text, strlen (text) };
}

/* What follows from the password "clientPass". */
static void
respond (Bench *bench, guint8 *hash, guint8 *short_challenge, guint8 *response)
{
  IkePart user = part_of ("User");

  g_assert_true (mschap_nt_hash (&bench->crypto, (const guint8 *) "clientPass", 10, hash));
  g_assert_true (
      mschap_challenge_hash (&bench->crypto, peer_challenge, challenge, &user, short_challenge));
  g_assert_true (mschap_response (&bench->crypto, hash, short_challenge, response));
}

static void
test_example_of_rfc_2759 (void)
{
  guint8 hash[MSCHAP_HASH_LEN], short_challenge[MSCHAP_SHORT_LEN], response[MSCHAP_RESPONSE_LEN],
      proof[MSCHAP_PROOF_LEN];
  Bench bench;

  bench_open (&bench);
  respond (&bench, hash, short_challenge, response);
  assert_bytes (short_challenge, sizeof short_challenge, "d02e4386bce91226");
  assert_bytes (hash, sizeof hash, "44ebba8d5312b8d611474411f56989ae");
  assert_bytes (response, sizeof response, "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df");
  g_assert_true (mschap_proof (&bench.crypto, hash, response, short_challenge, proof));
  assert_bytes (proof, sizeof proof, "407a5589115fd0d6209f510fe9c04566932cda56");
  bench_close (&bench);
}

/* RFC 3079, 3.5.3: the SendStartKey of the server; the other half has no example there, and is
 * what other makes of this derivation have for it. */
static void
test_example_of_rfc_3079 (void)
{
  guint8 hash[MSCHAP_HASH_LEN], short_challenge[MSCHAP_SHORT_LEN], response[MSCHAP_RESPONSE_LEN],
      msk[MSCHAP_MSK_LEN];
  static const guint8 zeros[32];
  Bench bench;

  bench_open (&bench);
  respond (&bench, hash, short_challenge, response);
  g_assert_true (mschap_msk (&bench.crypto, hash, response, msk));
  assert_bytes (msk, 16, "d5f0e9521e3ea9589645e86051c82226");
  assert_bytes (msk + 16, 16, "8b7cdc149b993a1ba118cb153f56dccb");
  g_assert_cmpmem (msk + 32, 32, zeros, sizeof zeros);
  bench_close (&bench);
}

static void
test_a_domain_is_left_out (void)
{
  IkePart user = part_of ("User"), with_domain = part_of ("CORP\\User"), other = part_of ("Usera"),
          nobody = { NULL, 0 };
  guint8 a[MSCHAP_SHORT_LEN], b[MSCHAP_SHORT_LEN];
  Bench bench;

  bench_open (&bench);
  g_assert_true (mschap_challenge_hash (&bench.crypto, peer_challenge, challenge, &user, a));
  g_assert_true (mschap_challenge_hash (&bench.crypto, peer_challenge, challenge, &with_domain, b));
  g_assert_cmpmem (a, sizeof a, b, sizeof b);
  g_assert_true (mschap_challenge_hash (&bench.crypto, peer_challenge, challenge, &other, b));
  g_assert_cmpint (memcmp (a, b, sizeof a), !=, 0);
  g_assert_true (mschap_challenge_hash (&bench.crypto, peer_challenge, challenge, &nobody, b));
  g_assert_cmpint (memcmp (a, b, sizeof a), !=, 0);
  bench_close (&bench);
}

/* MD4 of the UTF-16 of these, computed apart. */
static void
test_passwords_are_unicode (void)
{
  static const struct {
    const char *password, *hash;
  } rows[] = {
    { "", "31d6cfe0d16ae931b73c59d7e0c089c0" },
    { "password", "8846f7eaee8fb117ad06bdd830b7586c" },
    { "Gr\xc3\xbc\xc3\x9f"
      "e \xe2\x82\xac",
      "04dbed810eb24e45f8ed4f68a420b6ff" },
    { "\xf0\x9f\x8c\xb8\xf0\x90\x80\x80", "637383f39ae3412d1bda34860b8bd3bf" },
  };
  guint8 hash[MSCHAP_HASH_LEN];
  Bench bench;

  bench_open (&bench);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    IkePart password = part_of (rows[i].password);

    g_assert_true (mschap_nt_hash (&bench.crypto, password.data, password.len, hash));
    assert_bytes (hash, sizeof hash, rows[i].hash);
  }
  bench_close (&bench);
}

static void
test_other_passwords_are_none (void)
{
  static const char *const broken[] = { "\xff", "a\xc3", "\xed\xa0\x80", "\xf5\x80\x80\x80" };
  guint8 hash[MSCHAP_HASH_LEN], many[MSCHAP_PASSWORD_MAX + 4];
  Bench bench;

  bench_open (&bench);
  for (guint i = 0; i < G_N_ELEMENTS (broken); i++) {
    IkePart password = part_of (broken[i]);

    g_assert_false (mschap_nt_hash (&bench.crypto, password.data, password.len, hash));
  }
  memset (many, 'a', sizeof many);
  g_assert_true (mschap_nt_hash (&bench.crypto, many, MSCHAP_PASSWORD_MAX, hash));
  g_assert_false (mschap_nt_hash (&bench.crypto, many, MSCHAP_PASSWORD_MAX + 1, hash));
  /* The last one needs two units: there is room for them, then for one. */
  memcpy (many + MSCHAP_PASSWORD_MAX - 1, "\xf0\x9f\x8c\xb8", 4);
  g_assert_true (mschap_nt_hash (&bench.crypto, many + 1, MSCHAP_PASSWORD_MAX + 2, hash));
  g_assert_false (mschap_nt_hash (&bench.crypto, many, MSCHAP_PASSWORD_MAX + 3, hash));
  bench_close (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mschap/example-of-rfc-2759", test_example_of_rfc_2759);
  g_test_add_func ("/mschap/example-of-rfc-3079", test_example_of_rfc_3079);
  g_test_add_func ("/mschap/a-domain-is-left-out", test_a_domain_is_left_out);
  g_test_add_func ("/mschap/passwords-are-unicode", test_passwords_are_unicode);
  g_test_add_func ("/mschap/other-passwords-are-none", test_other_passwords_are_none);
  return g_test_run ();
}
