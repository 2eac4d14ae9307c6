/* SPDX-License-Identifier: Apache-2.0 */
/* test_ke.c - key exchange: both sides agree, bad public values are the peer's fault, one seed
 * gives one key, and calls keep or give back what they made. */
#include <openssl/bn.h>
#include <stdatomic.h>
#include <string.h>

#include "test_support.h"

enum { VALUE_MAX = 1024 };

static const char *const all_groups[] = {
  "modp1024",     "modp1536",     "modp2048",     "modp3072",   "modp4096",
  "modp6144",     "modp8192",     "ecp256",       "ecp384",     "ecp521",
  "brainpool256", "brainpool384", "brainpool512", "curve25519", "curve448",
};

static const IkeProvided *
group_of (Bench *bench, const char *name)
{
  g_autofree char *feature = g_strconcat ("ke:", name, NULL);

  return bench_feature (bench, feature);
}

static void
test_both_sides_agree (void)
{
  Bench bench;

  bench_open (&bench, 1);
  for (guint i = 0; i < G_N_ELEMENTS (all_groups); i++) {
    const IkeProvided *group = group_of (&bench, all_groups[i]);
    const IkeKeClass *ke = group->ops;
    guint8 offer[VALUE_MAX], answer[VALUE_MAX];
    gboolean is_peers_fault = FALSE;
    const char *error = NULL;
    gpointer pair = ke->offer (group->plugin, offer, &error);

    g_assert_nonnull (pair);
    g_autoptr (IkeSecretBlob) theirs =
        ke->answer (group->plugin, offer, ke->offer_len, answer, &is_peers_fault, &error);
    g_assert_nonnull (theirs);
    g_autoptr (IkeSecretBlob) ours =
        ke->finish (group->plugin, pair, answer, ke->answer_len, &is_peers_fault, &error);
    g_assert_nonnull (ours);
    g_assert_cmpmem (ike_secret_blob_data (ours), ike_secret_blob_len (ours),
                     ike_secret_blob_data (theirs), ke->secret_len);
    g_assert_cmpint (memcmp (offer, answer, ke->offer_len), !=, 0);
    ke->pair_free (pair);
  }
  bench_close (&bench);
}

/* Both as an answer's and as an offer's peer. */
static void
assert_refused (const IkeProvided *group, const guint8 *value, gsize len)
{
  const IkeKeClass *ke = group->ops;
  guint8 public_value[VALUE_MAX];
  gboolean is_peers_fault = FALSE;
  const char *error = NULL;

  g_assert_null (ke->answer (group->plugin, value, len, public_value, &is_peers_fault, &error));
  g_assert_true (is_peers_fault);
  g_assert_nonnull (error);

  gpointer pair = ke->offer (group->plugin, public_value, &error);

  is_peers_fault = FALSE;
  error = NULL;
  g_assert_null (ke->finish (group->plugin, pair, value, len, &is_peers_fault, &error));
  g_assert_true (is_peers_fault);
  g_assert_nonnull (error);
  ke->pair_free (pair);
}

static void
test_wrong_lengths_are_refused (void)
{
  guint8 value[VALUE_MAX + 8];
  Bench bench;

  bench_open (&bench, 1);
  memset (value, 7, sizeof value);
  for (guint i = 0; i < G_N_ELEMENTS (all_groups); i++) {
    const IkeProvided *group = group_of (&bench, all_groups[i]);
    gsize right = ((const IkeKeClass *) group->ops)->offer_len,
          wrong[] = { 0, 1, right / 2, right - 1, right + 1 };

    for (guint k = 0; k < G_N_ELEMENTS (wrong); k++)
      assert_refused (group, value, wrong[k]);
  }
  bench_close (&bench);
}

/* Independent of the plugin's own table of primes. */
static BIGNUM *
prime_of (const char *name)
{
  BIGNUM *(*const make[]) (BIGNUM *) = { BN_get_rfc2409_prime_1024, BN_get_rfc3526_prime_1536,
                                         BN_get_rfc3526_prime_2048, BN_get_rfc3526_prime_3072,
                                         BN_get_rfc3526_prime_4096, BN_get_rfc3526_prime_6144,
                                         BN_get_rfc3526_prime_8192 };

  for (guint i = 0; i < G_N_ELEMENTS (make); i++)
    if (strcmp (name, all_groups[i]) == 0)
      return make[i](NULL);
  g_assert_not_reached ();
}

/* RFC 6989, 2.1: 1 < r < p-1. */
static void
test_illegal_modp_values_are_refused (void)
{
  Bench bench;

  bench_open (&bench, 1);
  for (guint i = 0; i < 7; i++) {
    const IkeProvided *group = group_of (&bench, all_groups[i]);
    const IkeKeClass *ke = group->ops;
    BIGNUM *prime = prime_of (all_groups[i]), *value = BN_dup (prime);
    guint8 bytes[VALUE_MAX] = { 0 }, public_value[VALUE_MAX];
    gboolean is_peers_fault = FALSE;
    const char *error = NULL;

    assert_refused (group, bytes, ke->offer_len);
    bytes[ke->offer_len - 1] = 1;
    assert_refused (group, bytes, ke->offer_len);
    g_assert_cmpint (BN_sub_word (value, 1), ==, 1);
    for (guint above = 0; above < 4; above++) { /* p-1 … p+2 */
      BN_bn2binpad (value, bytes, (int) ke->offer_len);
      assert_refused (group, bytes, ke->offer_len);
      g_assert_cmpint (BN_add_word (value, 1), ==, 1);
    }
    memset (bytes, 0xff, sizeof bytes);
    assert_refused (group, bytes, ke->offer_len);
    g_assert_cmpint (BN_sub_word (value, 5), ==, 1); /* p-2 is the largest legal one */
    BN_bn2binpad (value, bytes, (int) ke->offer_len);
    g_autoptr (IkeSecretBlob) secret =
        ke->answer (group->plugin, bytes, ke->offer_len, public_value, &is_peers_fault, &error);
    g_assert_nonnull (secret);
    BN_free (prime);
    BN_free (value);
  }
  bench_close (&bench);
}

/* RFC 6989, 2.3: the point must satisfy the curve equation. */
static void
test_points_off_the_curve_are_refused (void)
{
  Bench bench;

  bench_open (&bench, 1);
  for (guint i = 7; i < 13; i++) {
    const IkeProvided *group = group_of (&bench, all_groups[i]);
    const IkeKeClass *ke = group->ops;
    guint8 value[VALUE_MAX] = { 0 };
    const char *error = NULL;

    assert_refused (group, value, ke->offer_len);
    memset (value, 0xff, sizeof value);
    assert_refused (group, value, ke->offer_len);

    gpointer pair = ke->offer (group->plugin, value, &error);
    guint bits[] = { 0, 8 * (ke->offer_len / 2) - 1, 8 * (ke->offer_len / 2),
                     8 * ke->offer_len - 1 };

    ke->pair_free (pair);
    for (guint k = 0; k < G_N_ELEMENTS (bits); k++) {
      value[bits[k] / 8] ^= (guint8) (0x80 >> bits[k] % 8);
      assert_refused (group, value, ke->offer_len);
      value[bits[k] / 8] ^= (guint8) (0x80 >> bits[k] % 8);
    }
    /* x alone, as the compressed form would begin. */
    assert_refused (group, value, ke->offer_len / 2);
    assert_refused (group, value, ke->offer_len / 2 + 1);
  }
  bench_close (&bench);
}

/* The points of small order of both curves, and their forms that are not reduced: each gives the
 * all-zero result. */
static void
test_points_of_small_order_are_refused (void)
{
  static const char *const curve25519[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
  };
  static const char *const curve448[] = {
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000",
    "fefffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffff",
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffff",
  };
  Bench bench;
  gsize len;

  bench_open (&bench, 1);
  for (guint i = 0; i < G_N_ELEMENTS (curve25519); i++) {
    g_autofree guint8 *value = bytes_of (curve25519[i], &len);

    g_assert_cmpuint (len, ==, 32);
    assert_refused (group_of (&bench, "curve25519"), value, len);
  }
  for (guint i = 0; i < G_N_ELEMENTS (curve448); i++) {
    g_autofree guint8 *value = bytes_of (curve448[i], &len);

    g_assert_cmpuint (len, ==, 56);
    assert_refused (group_of (&bench, "curve448"), value, len);
  }
  bench_close (&bench);
}

static void
public_values_of (guint64 seed, guint8 values[G_N_ELEMENTS (all_groups)][VALUE_MAX])
{
  Bench bench;

  bench_open (&bench, seed);
  for (guint i = 0; i < G_N_ELEMENTS (all_groups); i++) {
    const IkeProvided *group = group_of (&bench, all_groups[i]);
    const char *error = NULL;
    gpointer pair = ((const IkeKeClass *) group->ops)->offer (group->plugin, values[i], &error);

    ((const IkeKeClass *) group->ops)->pair_free (pair);
  }
  bench_close (&bench);
}

static void
test_one_seed_gives_one_key (void)
{
  gsize size = G_N_ELEMENTS (all_groups) * VALUE_MAX;
  g_autofree guint8 *first = g_malloc0 (size), *second = g_malloc0 (size),
                    *other = g_malloc0 (size);

  public_values_of (42, (guint8 (*)[VALUE_MAX]) first);
  public_values_of (42, (guint8 (*)[VALUE_MAX]) second);
  public_values_of (43, (guint8 (*)[VALUE_MAX]) other);
  g_assert_cmpmem (first, size, second, size);
  for (guint i = 0; i < G_N_ELEMENTS (all_groups); i++)
    g_assert_cmpint (memcmp (first + i * VALUE_MAX, other + i * VALUE_MAX, 32), !=, 0);
}

typedef struct {
  Bench *bench;
  const IkeKe *ke;
  IkeKeOffer *offer;
  IkeKeAnswer *answer;
  IkeSecretBlob *secret;
  char *error;
  gboolean is_short;    /* the peer sends one byte too few */
  gboolean is_illegal;  /* the peer sends zeros */
  gboolean is_given_up; /* cancelled as soon as it was asked */
  atomic_bool is_over;
} Talk;

static void
talk_failed (Talk *talk, const char *error)
{
  talk->error = g_strdup (error);
  talk->is_over = TRUE;
}

static void
on_finished (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Talk *talk = owner;

  talk->secret = result;
  if (error)
    talk_failed (talk, error);
  talk->is_over = TRUE;
}

static const IkeCallClass finish_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "finish",
  .timeout_ms = 10000,
  .then = on_finished,
  .undo = ike_ke_finish_undo,
};

static void
on_answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Talk *talk = owner;
  IkeCall *call;

  talk->answer = result;
  if (error) {
    talk_failed (talk, error);
    return;
  }
  call = ike_loop_call (ike_engine_shard (talk->bench->engine, 0), &finish_call, talk, NULL);
  ike_ke_finish (talk->ke, call, g_steal_pointer (&talk->offer->pair), talk->answer->public_value,
                 talk->answer->public_len);
}

static const IkeCallClass answer_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "answer",
  .timeout_ms = 10000,
  .then = on_answered,
  .undo = ike_ke_answer_undo,
};

static void
on_offered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Talk *talk = owner;
  IkeCall *call;

  talk->offer = result;
  if (error) {
    talk_failed (talk, error);
    return;
  }
  call = ike_loop_call (ike_engine_shard (talk->bench->engine, 0), &answer_call, talk, NULL);
  if (talk->is_illegal)
    memset (talk->offer->public_value, 0, talk->offer->public_len);
  ike_ke_answer (talk->ke, call, talk->offer->public_value,
                 talk->offer->public_len - talk->is_short);
}

static const IkeCallClass offer_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "offer",
  .timeout_ms = 10000,
  .then = on_offered,
  .undo = ike_ke_offer_undo,
};

static void
talk_begin (gpointer data)
{
  Talk *talk = data;
  IkeCall *call =
      ike_loop_call (ike_engine_shard (talk->bench->engine, 0), &offer_call, talk, NULL);

  ike_ke_offer (talk->ke, call);
  if (talk->is_given_up)
    ike_call_cancel (call);
}

static void
talk_clear (Talk *talk)
{
  ike_ke_offer_free (talk->ke, talk->offer);
  ike_ke_answer_free (talk->answer);
  ike_secret_blob_unref (talk->secret);
  g_free (talk->error);
}

/* Curve25519 is done at once, MODP 4096 by the offload pool. */
static const guint16 talk_groups[] = { 31, 16 };

static void
test_calls_agree (void)
{
  Bench bench;

  bench_open (&bench, 1);
  for (guint i = 0; i < G_N_ELEMENTS (talk_groups); i++) {
    Talk talk = { .bench = &bench, .ke = ike_ke_find (bench.engine, talk_groups[i]) };

    bench_on_shard (&bench, talk_begin, &talk);
    g_assert_cmpstr (talk.error, ==, NULL);
    g_assert_cmpmem (ike_secret_blob_data (talk.secret), ike_secret_blob_len (talk.secret),
                     ike_secret_blob_data (talk.answer->secret),
                     ike_secret_blob_len (talk.answer->secret));
    g_assert_null (talk.offer->pair);
    talk_clear (&talk);
  }
  bench_close (&bench);
}

static void
test_calls_say_whose_fault_it_was (void)
{
  Bench bench;

  bench_open (&bench, 1);
  for (guint i = 0; i < 2 * G_N_ELEMENTS (talk_groups); i++) {
    Talk talk = { .bench = &bench,
                  .ke = ike_ke_find (bench.engine, talk_groups[i / 2]),
                  .is_short = i % 2,
                  .is_illegal = !(i % 2) };

    bench_on_shard (&bench, talk_begin, &talk);
    g_assert_null (talk.secret);
    g_assert_true (ike_ke_is_peers_fault (talk.error));
    talk_clear (&talk);
  }
  g_assert_false (ike_ke_is_peers_fault (NULL));
  g_assert_false (ike_ke_is_peers_fault ("timed out"));
  bench_close (&bench);
}

/* What is made too late must not leak; the leak checker looks at the end. */
static void
test_an_offer_nobody_wants_is_given_back (void)
{
  Talk talk = { 0 };
  Bench bench;

  bench_open (&bench, 1);
  talk = (Talk){ .bench = &bench, .ke = ike_ke_find (bench.engine, 16), .is_given_up = TRUE };
  bench_on_shard (&bench, talk_begin, &talk);
  g_assert_null (talk.offer);
  bench_close (&bench);
}

/* Eight talks at once, on a shard and two threads of the pool. */
static void
test_threads_agree (void)
{
  gint64 deadline = g_get_monotonic_time () + 30 * G_TIME_SPAN_SECOND;
  Talk talks[8] = { { 0 } };
  Bench bench;

  bench_open_real (&bench);
  for (guint i = 0; i < G_N_ELEMENTS (talks); i++) {
    talks[i].bench = &bench;
    talks[i].ke = ike_ke_find (bench.engine, talk_groups[i % 2]);
    ike_loop_post (ike_engine_shard (bench.engine, 0), talk_begin, &talks[i], NULL);
  }
  for (guint i = 0; i < G_N_ELEMENTS (talks); i++) {
    while (!talks[i].is_over && g_get_monotonic_time () < deadline)
      g_usleep (1000);
    g_assert_true (talks[i].is_over);
    g_assert_cmpstr (talks[i].error, ==, NULL);
    g_assert_cmpmem (ike_secret_blob_data (talks[i].secret), ike_secret_blob_len (talks[i].secret),
                     ike_secret_blob_data (talks[i].answer->secret),
                     ike_secret_blob_len (talks[i].answer->secret));
    talk_clear (&talks[i]);
  }
  bench_close (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crypto-openssl/ke/both-sides-agree", test_both_sides_agree);
  g_test_add_func ("/crypto-openssl/ke/wrong-lengths-are-refused", test_wrong_lengths_are_refused);
  g_test_add_func ("/crypto-openssl/ke/illegal-modp-values-are-refused",
                   test_illegal_modp_values_are_refused);
  g_test_add_func ("/crypto-openssl/ke/points-off-the-curve-are-refused",
                   test_points_off_the_curve_are_refused);
  g_test_add_func ("/crypto-openssl/ke/points-of-small-order-are-refused",
                   test_points_of_small_order_are_refused);
  g_test_add_func ("/crypto-openssl/ke/one-seed-gives-one-key", test_one_seed_gives_one_key);
  g_test_add_func ("/crypto-openssl/ke/calls-agree", test_calls_agree);
  g_test_add_func ("/crypto-openssl/ke/calls-say-whose-fault-it-was",
                   test_calls_say_whose_fault_it_was);
  g_test_add_func ("/crypto-openssl/ke/an-offer-nobody-wants-is-given-back",
                   test_an_offer_nobody_wants_is_given_back);
  g_test_add_func ("/crypto-openssl/ke/threads-agree", test_threads_agree);
  return g_test_run ();
}
