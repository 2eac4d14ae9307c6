/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_calls.c - signing is a call: at once or on the offload pool, given up, with the key gone
 * meanwhile, from several threads; and one seed gives one signature. */
#include <stdatomic.h>
#include <string.h>

#include "test_pki_support.h"

/* Schemes that draw random numbers: nonces, salts, and the blinding of RSA. */
static const struct {
  const char *type, *curve, *scheme;
} drawing[] = {
  { "EC", "P-256", "ecdsa-sha256" },           { "EC", "P-384", "ecdsa-p384-v1" },
  { "EC", "P-521", "ecdsa-sha512" },           { "EC", "brainpoolP256r1", "ecdsa-sha256" },
  { "EC", "brainpoolP512r1", "ecdsa-sha512" }, { "RSA", NULL, "rsa-pss-sha256" },
};

enum { N_DRAWING = G_N_ELEMENTS (drawing), N_ROUNDS = 70 };

static void
make_keys (EVP_PKEY *keys[N_DRAWING])
{
  for (guint i = 0; i < N_DRAWING; i++)
    keys[i] = drawing[i].curve ? make_ec (drawing[i].curve) : make_rsa ("RSA", 2048, 65537);
}

/* All signatures of one engine, RSA's and others' by turns, so that one draw too many shows in
 * what comes after it.  Blinding is made anew after 32 signatures. */
static GBytes *
signatures_of (EVP_PKEY *const keys[N_DRAWING], guint64 seed)
{
  GByteArray *all = g_byte_array_new ();
  IkeKey *parsed[N_DRAWING];
  Pki pki;

  pki_open (&pki, seed);
  for (guint i = 0; i < N_DRAWING; i++)
    parsed[i] = key_of (&pki, keys[i]);
  for (guint round = 0; round < N_ROUNDS; round++)
    for (guint i = 0; i < N_DRAWING; i++) {
      const IkeSigScheme *scheme = scheme_of (&pki, drawing[i].scheme);
      g_autoptr (GBytes) one = sign (&pki, parsed[i], scheme, "octets", NULL);

      g_byte_array_append (all, g_bytes_get_data (one, NULL), (guint) g_bytes_get_size (one));
    }
  for (guint i = 0; i < N_DRAWING; i++)
    ike_key_unref (parsed[i]);
  pki_close (&pki);
  return g_byte_array_free_to_bytes (all);
}

static void
test_one_seed_gives_one_signature (void)
{
  EVP_PKEY *keys[N_DRAWING];

  make_keys (keys);
  g_autoptr (GBytes) first = signatures_of (keys, 42), second = signatures_of (keys, 42),
                     other = signatures_of (keys, 43);

  g_assert_true (g_bytes_equal (first, second));
  g_assert_false (g_bytes_equal (first, other));
  for (guint i = 0; i < N_DRAWING; i++)
    EVP_PKEY_free (keys[i]);
}

static void
test_no_nonce_comes_twice (void)
{
  EVP_PKEY *pkey = make_ec ("P-256");
  g_autoptr (GHashTable) seen =
      g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  IkeKey *key;
  Pki pki;

  pki_open (&pki, 1);
  key = key_of (&pki, pkey);
  for (guint i = 0; i < 100; i++) {
    g_autoptr (GBytes) both = sign (&pki, key, scheme_of (&pki, "ecdsa-p256-v1"), "octets", NULL);

    g_assert_cmpuint (g_bytes_get_size (both), ==, 64);
    g_assert_true (g_hash_table_add (seen, g_bytes_new_from_bytes (both, 0, 32)));
  }
  ike_key_unref (key);
  pki_close (&pki);
  EVP_PKEY_free (pkey);
}

typedef struct {
  Pki *pki;
  IkeKey *key;
  const IkeSigScheme *scheme;
  GBytes *octets, *signature;
  char *error;
  gboolean is_given_up;
  atomic_bool is_over;
} Talk;

static void
on_signed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Talk *talk = owner;

  talk->signature = result;
  talk->error = g_strdup (error);
  talk->is_over = TRUE;
}

static void
signature_undo (gpointer result)
{
  g_bytes_unref (result);
}

static const IkeCallClass sign_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "sign",
  .timeout_ms = 30000,
  .then = on_signed,
  .undo = signature_undo,
};

/* Gives its references away as soon as it asked. */
static void
talk_begin (gpointer data)
{
  Talk *talk = data;
  IkeLoop *shard = ike_engine_shard (talk->pki->bench.engine, 0);
  IkeCall *call = ike_loop_call (shard, &sign_call, talk, NULL);

  talk->key->klass->sign (talk->key, talk->pki->bench.engine, talk->scheme, talk->octets, call);
  g_clear_pointer (&talk->octets, g_bytes_unref);
  g_clear_pointer (&talk->key, ike_key_unref);
  if (talk->is_given_up)
    ike_call_cancel (call);
}

static Talk
talk_new (Pki *pki, EVP_PKEY *pkey, const char *scheme)
{
  return (Talk){ .pki = pki,
                 .key = key_of (pki, pkey),
                 .scheme = scheme_of (pki, scheme),
                 .octets = g_bytes_new ("octets", 6) };
}

/* A short one is done at once, a long one on the offload pool: Brainpool takes a millisecond. */
static const struct {
  const char *curve, *scheme;
} both[] = { { "P-256", "ecdsa-sha256" }, { "brainpoolP384r1", "ecdsa-sha384" } };

static void
test_a_key_lives_until_it_has_signed (void)
{
  Pki pki;

  pki_open (&pki, 1);
  for (guint i = 0; i < G_N_ELEMENTS (both); i++) {
    EVP_PKEY *pkey = make_ec (both[i].curve);
    IkePubkey *pubkey = pubkey_of (&pki, pkey);
    Talk talk = talk_new (&pki, pkey, both[i].scheme);

    EVP_PKEY_free (pkey);
    bench_on_shard (&pki.bench, talk_begin, &talk);
    g_assert_cmpstr (talk.error, ==, NULL);
    g_assert_true (verify (&pki, pubkey, talk.scheme, "octets",
                           g_bytes_get_data (talk.signature, NULL),
                           g_bytes_get_size (talk.signature)));
    g_bytes_unref (talk.signature);
    pki.ops->pubkey_unref (pubkey);
  }
  pki_close (&pki);
}

/* The leak checker looks at the end. */
static void
test_a_signature_nobody_wants_is_given_back (void)
{
  EVP_PKEY *pkey = make_ec (both[1].curve);
  Talk talk;
  Pki pki;

  pki_open (&pki, 1);
  talk = talk_new (&pki, pkey, both[1].scheme);
  talk.is_given_up = TRUE;
  bench_on_shard (&pki.bench, talk_begin, &talk);
  g_assert_false (talk.is_over);
  g_assert_null (talk.signature);
  pki_close (&pki);
  EVP_PKEY_free (pkey);
}

/* A shard and two threads of the pool, with the same keys. */
static void
test_threads_share_a_key (void)
{
  gint64 deadline = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND;
  EVP_PKEY *keys[] = { make_ec (both[0].curve), make_ec (both[1].curve),
                       make_rsa ("RSA", 3584, 65537) };
  static const char *const schemes[] = { "ecdsa-sha256", "ecdsa-sha384", "rsa-pss-sha256" };
  const IkeProvided *provided;
  IkeKey *shared[G_N_ELEMENTS (keys)];
  Talk talks[24] = { { 0 } };
  Pki pki;

  bench_open_real (&pki.bench);
  provided = bench_feature (&pki.bench, "service:pki");
  pki.ops = provided->ops;
  pki.plugin = provided->plugin;
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    shared[i] = key_of (&pki, keys[i]);
  for (guint i = 0; i < G_N_ELEMENTS (talks); i++) {
    talks[i].pki = &pki;
    talks[i].key = ike_key_ref (shared[i % G_N_ELEMENTS (keys)]);
    talks[i].scheme = scheme_of (&pki, schemes[i % G_N_ELEMENTS (keys)]);
    talks[i].octets = g_bytes_new ("octets", 6);
    ike_loop_post (ike_engine_shard (pki.bench.engine, 0), talk_begin, &talks[i], NULL);
  }
  for (guint i = 0; i < G_N_ELEMENTS (talks); i++) {
    while (!talks[i].is_over && g_get_monotonic_time () < deadline)
      g_usleep (1000);
    g_assert_true (talks[i].is_over);
    g_assert_cmpstr (talks[i].error, ==, NULL);
    g_assert_true (verify (&pki, shared[i % G_N_ELEMENTS (keys)]->pubkey, talks[i].scheme, "octets",
                           g_bytes_get_data (talks[i].signature, NULL),
                           g_bytes_get_size (talks[i].signature)));
    g_bytes_unref (talks[i].signature);
  }
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    ike_key_unref (shared[i]);
    EVP_PKEY_free (keys[i]);
  }
  bench_close (&pki.bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crypto-openssl/calls/one-seed-gives-one-signature",
                   test_one_seed_gives_one_signature);
  g_test_add_func ("/crypto-openssl/calls/no-nonce-comes-twice", test_no_nonce_comes_twice);
  g_test_add_func ("/crypto-openssl/calls/a-key-lives-until-it-has-signed",
                   test_a_key_lives_until_it_has_signed);
  g_test_add_func ("/crypto-openssl/calls/a-signature-nobody-wants-is-given-back",
                   test_a_signature_nobody_wants_is_given_back);
  g_test_add_func ("/crypto-openssl/calls/threads-share-a-key", test_threads_share_a_key);
  return g_test_run ();
}
