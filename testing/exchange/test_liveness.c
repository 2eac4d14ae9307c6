/* SPDX-License-Identifier: Apache-2.0 */
/* test_liveness.c - dead peers are found, living ones are left alone; requests are repeated as they
 * should be, and what does not come up is given up. */
#include "exchange/life.h"
#include <string.h>

#define CHILD "children { net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n%s } }\n"
#define OUR_CHILD "children { net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n } }\n"
#define OTHER_CHILD "children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n } }\n"
/* A request without an answer: 2 + 4 + 8 + 16 s. */
#define QUICK "retransmit_timeout = 2\n retransmit_base = 2\n retransmit_tries = 3\n"

enum { INFORMATIONAL = 37, INIT = 34, LATENCY_US = 10000, DEAD_AFTER_US = 30 * 1000000 };

static const char asking[] = "dpd_delay = 10s\n" QUICK OUR_CHILD;

static Pair *
pair_up_asking (gconstpointer flags, const char *b, LifeWire *wire)
{
  Pair *pair = life_new (flags, asking, b, NULL, NULL);

  *wire = (LifeWire){ .exchange = INFORMATIONAL, .from = 'a' };
  life_watch (pair, wire);
  pair_assert_up (pair, NULL);
  return pair;
}

/* -- asking */

static void
test_idle (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = pair_up_asking (flags, OTHER_CHILD, &wire);
  gint64 up_us = life_of (&pair->a)->up_us;
  guint i;

  pair_run (pair, 35);
  g_assert_cmpuint (wire.n, ==, 3);
  g_assert_cmpuint (life_of (&pair->a)->n_alive, ==, 3);
  /* Ten seconds after what was heard last: the answer to the one before. */
  for (i = 0; i < wire.n; i++) {
    gint64 heard = i ? wire.at_us[i - 1] + 2 * LATENCY_US : up_us;
    g_assert_cmpint (ABS (wire.at_us[i] - heard - 10 * G_USEC_PER_SEC), <=, 2000);
  }
  g_assert_cmpuint (life_of (&pair->b)->n_alive + life_of (&pair->b)->n_dead, ==, 0);
  life_assert_one (pair, 1);
  life_free (pair);
}

static void
test_inbound_esp (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = pair_up_asking (flags, OTHER_CHILD, &wire);
  guint64 before;
  gint64 last;
  guint i;

  for (i = 0; i < 12; i++) {
    life_run_ms (pair, 5000);
    life_use (pair, &pair->a, IKE_DIR_IN);
  }
  last = life_now_us (pair);
  g_assert_cmpuint (wire.n, ==, 0);
  /* Asked only when it was due: once for the first ten seconds, then each time that they might be
   * over. */
  before = pair->a.kernel_ops->n_calls (pair->a.kernel, IKE_FAKE_QUERY);
  g_assert_cmpuint (before, >, 0);
  g_assert_cmpuint (before, <=, 13);
  pair_run (pair, 12);
  g_assert_cmpuint (wire.n, ==, 1);
  g_assert_cmpint (ABS (wire.at_us[0] - last - 10 * G_USEC_PER_SEC), <=, 2000);
  life_free (pair);
}

/* RFC 7296, 2.4: what we send ourselves proves nothing. */
static void
test_outbound_esp (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = pair_up_asking (flags, OTHER_CHILD, &wire);
  guint i;

  for (i = 0; i < 7; i++) {
    life_run_ms (pair, 5000);
    life_use (pair, &pair->a, IKE_DIR_OUT);
  }
  g_assert_cmpuint (wire.n, ==, 3);
  life_free (pair);
}

static void
test_kernel_silent (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = pair_up_asking (flags, OTHER_CHILD, &wire);

  pair->a.kernel_ops->fail_next (pair->a.kernel, IKE_FAKE_QUERY, "broken");
  pair_run (pair, 11);
  g_assert_cmpuint (wire.n, ==, 1);
  life_assert_one (pair, 1);
  life_free (pair);
}

/* Who is asked has heard, too. */
static void
test_both_ask (gconstpointer flags)
{
  LifeWire theirs = { .exchange = INFORMATIONAL, .from = 'b' }, ours;
  Pair *pair = pair_up_asking (flags, "dpd_delay = 4s\n" OTHER_CHILD, &ours);

  life_watch (pair, &theirs);
  pair_run (pair, 41);
  g_assert_cmpuint (ours.n, ==, 0);
  g_assert_cmpuint (theirs.n, ==, 10);
  life_assert_one (pair, 1);
  life_free (pair);
}

/* While another request waits for its answer there is no need to ask. */
static void
test_other_request (gconstpointer flags)
{
  static const char body[] = "dpd_delay = 1s\n" QUICK
                             "children { net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n }"
                             " more { local_ts = 10.3.0.0/16\n remote_ts = 10.4.0.0/16\n } }\n";
  static const char other[] = "children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n "
                              "} more { local_ts = 10.4.0.0/16\n remote_ts = 10.3.0.0/16\n } }\n";
  Pair *pair = life_new (flags, body, other, NULL, NULL);
  IkeSimRule rule = {
    .struct_size = sizeof rule, .action = IKE_SIM_DROP, .exchange = 36, .n_times = 3
  };
  LifeWire wire = { .exchange = INFORMATIONAL, .from = 'a' };
  char *error;

  pair_assert_up (pair, "net");
  pair->a.net_ops->rule_add (pair->a.net, &rule);
  life_watch (pair, &wire);
  pair_begin_up (pair, &pair->a, "pair", "more", &error);
  life_run_ms (pair, 13500);
  g_assert_null (error);
  g_assert_cmpuint (wire.n, ==, 0);
  pair_run (pair, 3);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  g_assert_cmpuint (wire.n, >, 0);
  life_assert_one (pair, 2);
  life_free (pair);
}

static void
test_loss (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = pair_up_asking (flags, OTHER_CHILD, &wire);
  IkeSimRule rule = {
    .struct_size = sizeof rule, .action = IKE_SIM_DROP, .exchange = INFORMATIONAL, .n_times = 3
  };

  pair->a.net_ops->rule_add (pair->a.net, &rule);
  pair_run (pair, 26);
  g_assert_cmpuint (wire.n, ==, 4);
  g_assert_cmpuint (life_of (&pair->a)->n_alive, ==, 1);
  g_assert_cmpuint (life_of (&pair->a)->n_dead, ==, 0);
  life_assert_one (pair, 1);
  life_free (pair);
}

/* -- dead */

static void
test_dead (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = pair_up_asking (flags, OTHER_CHILD, &wire);
  Life *life = life_of (&pair->a);
  gint64 asked;

  life_run_ms (pair, 15000);
  g_assert_cmpuint (wire.n, ==, 1);
  asked = wire.at_us[0] + 2 * LATENCY_US + 10 * G_USEC_PER_SEC;
  life_part (pair, TRUE);
  pair_run (pair, 60);
  g_assert_cmpuint (wire.n, ==, 5);
  g_assert_cmpuint (life->n_dead, ==, 1);
  g_assert_cmpint (ABS (life->dead_us - asked - DEAD_AFTER_US), <=, 5000);
  g_assert_cmpuint (life->n_down, ==, 1);
  life_assert_none (&pair->a);
  life_free (pair);
}

/* What the new one says of SAs that it does not know is said in the clear: it changes nothing, and
 * the time is the same. */
static void
test_restarted (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = pair_up_asking (flags, OTHER_CHILD, &wire);
  Life *life = life_of (&pair->a);

  life_run_ms (pair, 5000);
  life_crash (pair, &pair->b);
  pair_run (pair, 60);
  g_assert_cmpuint (life->n_dead, ==, 1);
  g_assert_cmpint (ABS (life->dead_us - wire.at_us[0] - DEAD_AFTER_US), <=, 5000);
  life_assert_none (&pair->a);
  life_free (pair);
}

/* -- children that carry nothing */

static Pair *
pair_idle (gconstpointer flags, const char *more)
{
  g_autofree char *a = g_strdup_printf (CHILD, "inactivity = 20s\n close_action = start\n");
  Pair *pair = life_new (flags, a, OTHER_CHILD, more, NULL);

  pair_assert_up (pair, NULL);
  return pair;
}

static void
test_inactivity (gconstpointer flags)
{
  Pair *pair = pair_idle (flags, NULL);
  Life *life = life_of (&pair->a);
  gint64 last;
  guint i;

  for (i = 0; i < 6; i++) {
    life_run_ms (pair, 15000);
    life_use (pair, &pair->a, i % 2 ? IKE_DIR_IN : IKE_DIR_OUT);
  }
  last = life_now_us (pair);
  g_assert_cmpuint (life->n_child_down, ==, 0);
  life_run_ms (pair, 19900);
  g_assert_cmpuint (life->n_child_down, ==, 0);
  life_run_ms (pair, 200);
  g_assert_cmpuint (life->n_child_down, ==, 1);
  g_assert_cmpint (life_now_us (pair) - last, >=, 20 * G_USEC_PER_SEC);
  /* Nothing begins it again, and the IKE SA stays. */
  pair_run (pair, 600);
  g_assert_cmpuint (life->n_child_up, ==, 1);
  g_assert_cmpuint (life_of (&pair->b)->n_child_down, ==, 1);
  life_assert_one (pair, 0);
  life_free (pair);
}

static void
test_inactivity_ike (gconstpointer flags)
{
  Pair *pair = pair_idle (flags, "core { inactivity_close_ike = yes }\n");

  life_run_ms (pair, 19900);
  life_assert_one (pair, 1);
  pair_run (pair, 1);
  life_assert_none (&pair->a);
  life_assert_none (&pair->b);
  life_free (pair);
}

/* -- how requests are repeated */

typedef struct {
  const char *settings;
  guint n;
  guint32 waits_ms[8];
} Pace;

static void
assert_pace (gconstpointer flags, const Pace *pace)
{
  g_autofree char *a = g_strconcat (pace->settings, OUR_CHILD, NULL);
  Pair *pair = life_new (flags, a, OTHER_CHILD, NULL, NULL);
  LifeWire wire = { .exchange = INIT, .from = 'a' };
  g_autofree char *error = NULL;
  guint i;

  life_part (pair, TRUE);
  life_watch (pair, &wire);
  error = pair_up (pair, NULL);
  g_assert_nonnull (strstr (error, "no answer from 10.0.0.2"));
  g_assert_cmpuint (wire.n, ==, pace->n);
  for (i = 0; i < pace->n; i++) {
    gint64 next = i + 1 < pace->n ? wire.at_us[i + 1] : life_now_us (pair);
    g_assert_cmpint (ABS (next - wire.at_us[i] - pace->waits_ms[i] * 1000), <=, 1000);
  }
  life_free (pair);
}

static void
test_pace (gconstpointer flags)
{
  static const Pace paces[] = {
    { "", 6, { 4000, 7200, 12960, 23328, 41990, 75582 } },
    { "retransmit_limit = 10\n", 6, { 4000, 7200, 10000, 10000, 10000, 10000 } },
    { "retransmit_timeout = 0.5\n retransmit_base = 1\n retransmit_tries = 2\n",
      3,
      { 500, 500, 500 } },
    { "retransmit_tries = 0\n", 1, { 4000 } },
    { "retransmit_timeout = 1\n retransmit_base = 3\n retransmit_tries = 3\n retransmit_limit = "
      "20\n",
      4,
      { 1000, 3000, 9000, 20000 } },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (paces); i++)
    assert_pace (flags, &paces[i]);
}

static void
test_jitter (gconstpointer flags)
{
  Pair *pair = life_new (
      flags, "retransmit_jitter = 50\n retransmit_base = 1\n retransmit_tries = 60\n" OUR_CHILD,
      OTHER_CHILD, NULL, NULL);
  LifeWire wire = { .exchange = INIT, .from = 'a' };
  gint64 least = G_MAXINT64, most = 0;
  g_autofree char *error = NULL;
  guint i;

  life_part (pair, TRUE);
  life_watch (pair, &wire);
  error = pair_up (pair, NULL);
  g_assert_cmpuint (wire.n, ==, 61);
  for (i = 1; i < wire.n; i++) {
    gint64 wait = wire.at_us[i] - wire.at_us[i - 1];
    least = MIN (least, wait);
    most = MAX (most, wait);
  }
  g_assert_cmpint (least, >=, 1999 * 1000);
  g_assert_cmpint (most, <=, 4000 * 1000);
  g_assert_cmpint (most - least, >, 1000 * 1000);
  life_free (pair);
}

/* -- what does not come up */

/* An end that is at work itself is not given up for it. */
static void
test_at_work (gconstpointer flags)
{
  Pair *pair = life_new (flags, OUR_CHILD, OTHER_CHILD, NULL, "core { half_open_timeout = 1 }\n");
  char *error;

  life_of (&pair->b)->hold_ms = 3500;
  life_of (&pair->b)->n_holds = 1;
  pair_begin_up (pair, &pair->a, "pair", NULL, &error);
  life_run_ms (pair, 3000);
  g_assert_null (error);
  g_assert_cmpuint (life_n_sas (&pair->b), ==, 1);
  pair_run (pair, 2);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  life_assert_one (pair, 1);
  life_free (pair);
}

/* But not for ever. */
static void
test_at_work_too_long (gconstpointer flags)
{
  Pair *pair = life_new (flags, OUR_CHILD, OTHER_CHILD, NULL, "core { half_open_timeout = 1 }\n");
  char *error;

  life_of (&pair->b)->hold_ms = 900;
  life_of (&pair->b)->n_holds = 1000;
  pair_begin_up (pair, &pair->a, "pair", NULL, &error);
  life_run_ms (pair, 10500);
  g_assert_cmpuint (life_n_sas (&pair->b), ==, 1);
  life_run_ms (pair, 1000);
  life_assert_none (&pair->b);
  pair_run (pair, 200);
  g_assert_nonnull (strstr (error, "no answer from"));
  g_free (error);
  life_assert_none (&pair->a);
  life_free (pair);
}

/* Our own: all tries of two requests (here 1 + 1 s each), the half-open time, and ten times that.
 */
static void
test_own_too_long (gconstpointer flags)
{
  Pair *pair = life_new (
      flags, "retransmit_timeout = 1\n retransmit_base = 1\n retransmit_tries = 1\n" OUR_CHILD,
      OTHER_CHILD, "core { half_open_timeout = 1 }\n", NULL);
  gint64 begin = life_now_us (pair);
  g_autofree char *error = NULL;

  life_of (&pair->a)->hold_ms = 900;
  life_of (&pair->a)->n_holds = 1000;
  error = pair_up (pair, NULL);
  g_assert_nonnull (strstr (error, "did not come up in time"));
  g_assert_cmpint (ABS (life_now_us (pair) - begin - 15 * G_USEC_PER_SEC), <=, 5000);
  life_assert_none (&pair->a);
  life_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("liveness", "an-idle-peer-is-asked", test_idle);
  pair_add_test ("liveness", "inbound-esp-is-life", test_inbound_esp);
  pair_add_test ("liveness", "outbound-esp-is-none", test_outbound_esp);
  pair_add_test ("liveness", "a-kernel-that-cannot-tell-is-silence", test_kernel_silent);
  pair_add_test ("liveness", "who-was-asked-does-not-ask", test_both_ask);
  pair_add_test ("liveness", "another-request-asks-as-well", test_other_request);
  pair_add_test ("liveness", "three-losses-are-survived", test_loss);
  pair_add_test ("liveness", "the-dead-are-found-in-time", test_dead);
  pair_add_test ("liveness", "who-was-restarted-is-found-in-time", test_restarted);
  pair_add_test ("inactivity", "a-child-that-carries-nothing-ends", test_inactivity);
  pair_add_test ("inactivity", "and-the-ike-sa-if-it-shall", test_inactivity_ike);
  pair_add_test ("retransmit", "the-waits-are-those-of-the-settings", test_pace);
  pair_add_test ("retransmit", "jitter-shortens-them", test_jitter);
  pair_add_test ("half-open", "not-while-we-are-at-work", test_at_work);
  pair_add_test ("half-open", "which-has-an-end", test_at_work_too_long);
  pair_add_test ("half-open", "our-own-have-one-too", test_own_too_long);
  return g_test_run ();
}
