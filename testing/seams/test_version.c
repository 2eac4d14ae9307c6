/* SPDX-License-Identifier: Apache-2.0 */
/* test_version.c - another major version, by the throw-away plugin v1.c, between two engines. */
#include "exchange/pair.h"
#include "seams/seams.h"
#include <string.h>

static const IkePluginInfo *const v1[] = { &seam_v1_plugin, NULL };

typedef struct { guint8 cookie[8]; guint n; } V1Answers;

static void
take_v1 (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  V1Answers *answers = data;

  if (event == IKE_SIM_SENT && packet->ike && packet->ike[17] == 0x10
      && packet->from.bytes[3] == 2) {
    answers->n++;
    memcpy (answers->cookie, packet->ike + 8, 8);
  }
}

/* A message of 28 + 12 bytes: SA, or KE behind a cookie. */
static void
send_v1 (Pair *pair, guint8 cookie, const guint8 *answer)
{
  guint8 message[40] = {
    cookie, 2, 3, 4, 5, 6, 7, 8, [16] = answer ? 4 : 1, [17] = 0x10, [18] = 2, [27] = 40, [31] = 12
  };
  gint64 until;

  if (answer)
    memcpy (message + 8, answer, 8);
  pair_inject (pair, "10.0.0.1", "10.0.0.2", message, sizeof message);
  until = ike_sim_now_us (pair->sim) + G_USEC_PER_SEC / 10;
  while (ike_sim_step (pair->sim, until))
    ;
}

static const SeamV1 *
v1_of (const PairEnd *end)
{
  return ike_plugin_state (ike_feature_find (end->engine, "protocol:1", NULL)->plugin);
}

static void
test_v1 (gconstpointer flags)
{
  Pair *pair =
      pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .builtin = v1, .n_shards = 2 });
  V1Answers answers = { { 0 }, 0 };
  guint8 cookie, other[8], previous[8];

  pair->a.net_ops->tap_add (pair->a.net, take_v1, &answers);
  for (cookie = 1; cookie <= 16; cookie++) {
    send_v1 (pair, cookie, NULL);
    g_assert_cmpuint (answers.n, ==, 3u * cookie - 2);
    memcpy (previous, answers.cookie, 8);
    /* The same again is no second SA. */
    send_v1 (pair, cookie, NULL);
    g_assert_cmpuint (answers.n, ==, 3u * cookie - 1);
    g_assert_cmpmem (answers.cookie, 8, previous, 8);
    send_v1 (pair, cookie, previous);
    g_assert_cmpuint (answers.n, ==, 3u * cookie);
    g_assert_cmpuint (v1_of (&pair->b)->n_second, ==, cookie);
  }
  g_assert_cmpuint (pair_count (&pair->b, "shard.forwarded"), >, 4);
  g_assert_cmpuint (pair_count (&pair->b, "shard.forwarded-twice"), ==, 0);
  memcpy (other, previous, 8);
  other[7] ^= 1;
  send_v1 (pair, 16, other);
  send_v1 (pair, 15, previous);
  g_assert_cmpuint (v1_of (&pair->b)->n_unknown, ==, 2);
  {
    g_autoptr (IkeTree) status = pair_status (&pair->b);
    g_assert_cmpuint (ike_tree_n (ike_tree_get (status, "sas")), ==, 16);
  }
  pair_run (pair, 60);
  {
    g_autoptr (IkeTree) status = pair_status (&pair->b);
    g_assert_cmpuint (ike_tree_n (ike_tree_get (status, "sas")), ==, 0);
  }
  send_v1 (pair, 16, previous);
  g_assert_cmpuint (v1_of (&pair->b)->n_unknown, ==, 3);
  pair_assert_up (pair, NULL);
  pair_free (pair);
}

static void
test_v1_limited (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .builtin = v1,
                                          .more = { NULL, "core { max_half_open = 3 }" } });
  V1Answers answers = { { 0 }, 0 };
  guint8 cookie;

  pair->a.net_ops->tap_add (pair->a.net, take_v1, &answers);
  for (cookie = 1; cookie <= 5; cookie++)
    send_v1 (pair, cookie, NULL);
  g_assert_cmpuint (answers.n, ==, 3);
  g_assert_cmpuint (pair_count (&pair->b, "input.half-open-limit"), ==, 2);
  pair_free (pair);
}

static void
test_v1_not_there (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags) });
  V1Answers answers = { { 0 }, 0 };

  pair->a.net_ops->tap_add (pair->a.net, take_v1, &answers);
  send_v1 (pair, 1, NULL);
  g_assert_cmpuint (pair_count (&pair->b, "input.bad-version"), ==, 1);
  g_assert_cmpuint (answers.n, ==, 0);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("seams", "version-1/a-first-round-trip-finds-its-shard", test_v1);
  pair_add_test ("seams", "version-1/first-messages-are-limited", test_v1_limited);
  pair_add_test ("seams", "version-1/is-dropped-without-its-plugin", test_v1_not_there);
  return g_test_run ();
}
