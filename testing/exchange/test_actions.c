/* SPDX-License-Identifier: Apache-2.0 */
/* test_actions.c - close_action and dpd_action: what comes up again, and what does not, by each way
 * in which it may end. */
#include "exchange/life.h"
#include <string.h>

#define QUICK                                                                                      \
  "dpd_delay = 10s\n retransmit_timeout = 2\n retransmit_base = 2\n retransmit_tries = 3\n"
/* Found dead at most 40 s after the last sign of life. */
enum { DEAD_S = 41 };

#define THEIRS                                                                                     \
  "children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n }"                          \
  " more { local_ts = 10.4.0.0/16\n remote_ts = 10.3.0.0/16\n } }\n"

/* `a` has two children with these actions, both up; @theirs_or_null: of `b`. */
static Pair *
actions_pair (gconstpointer flags, const char *net, const char *more, const char *theirs_or_null)
{
  g_autofree char *body = g_strdup_printf (
      QUICK "children { net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n %s }\n"
            " more { local_ts = 10.3.0.0/16\n remote_ts = 10.4.0.0/16\n %s } }\n",
      net, more);
  Pair *pair = life_new (flags, body, theirs_or_null ? theirs_or_null : THEIRS, NULL, NULL);

  pair_assert_up (pair, "net");
  pair_assert_up (pair, "more");
  life_assert_one (pair, 2);
  return pair;
}

/* -- the peer takes away */

static void
test_child_closed (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, "close_action = start\n", "", NULL);
  Life *life = life_of (&pair->a);

  life_down (pair, &pair->b, "net", FALSE);
  pair_run (pair, 2);
  g_assert_cmpuint (life->n_child_down, ==, 1);
  g_assert_cmpuint (life->n_child_up, ==, 3);
  g_assert_cmpuint (life->n_up, ==, 1);
  life_assert_one (pair, 2);
  life_free (pair);
}

static void
test_child_closed_none (gconstpointer flags)
{
  Pair *pair =
      actions_pair (flags, "close_action = none\n dpd_action = start\n start_action = start\n",
                    "close_action = start\n", NULL);

  life_down (pair, &pair->b, "net", FALSE);
  pair_run (pair, 700);
  g_assert_cmpuint (life_of (&pair->a)->n_child_up, ==, 2);
  life_assert_one (pair, 1);
  life_free (pair);
}

/* One IKE SA, with those that shall be up again. */
static void
test_sa_closed (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, "close_action = start\n", "close_action = restart\n", NULL);
  Life *life = life_of (&pair->a);

  life_down (pair, &pair->b, NULL, FALSE);
  pair_run (pair, 2);
  g_assert_cmpuint (life->n_up, ==, 2);
  g_assert_cmpuint (life->n_child_up, ==, 4);
  g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 2);
  life_assert_one (pair, 2);
  life_free (pair);
}

static void
test_sa_closed_mixed (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, "close_action = start\n", "close_action = none\n", NULL);

  life_down (pair, &pair->b, NULL, FALSE);
  pair_run (pair, 700);
  g_assert_cmpuint (life_of (&pair->a)->n_child_up, ==, 3);
  life_assert_one (pair, 1);
  life_free (pair);
}

static void
test_hard_expire (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, "close_action = start\n", "", NULL);
  IkeFakeSa sa = { .struct_size = sizeof sa };

  g_assert_true (pair->a.kernel_ops->nth_sa (pair->a.kernel, 0, &sa));
  g_assert_true (
      pair->a.kernel_ops->expire (pair->a.kernel, (IkeDirection) sa.direction, sa.spi, TRUE));
  pair_run (pair, 2);
  g_assert_cmpuint (life_of (&pair->a)->n_child_up, ==, 3);
  life_assert_one (pair, 2);
  life_free (pair);
}

/* -- we take down */

static void
assert_stays_down (Pair *pair)
{
  LifeWire wire = { .exchange = 34 };

  life_watch (pair, &wire);
  pair_run (pair, 1000);
  g_assert_cmpuint (wire.n, ==, 0);
  life_assert_none (&pair->a);
}

#define ALWAYS "start_action = start\n close_action = start\n dpd_action = start\n"

static void
test_down (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, ALWAYS, ALWAYS, NULL);

  life_down (pair, &pair->a, NULL, FALSE);
  assert_stays_down (pair);
  life_assert_none (&pair->b);
  life_free (pair);
}

static void
test_down_forced (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, ALWAYS, ALWAYS, NULL);

  life_down (pair, &pair->a, NULL, TRUE);
  assert_stays_down (pair);
  life_free (pair);
}

/* Nobody hears the Delete: then the peer is not "dead", for we had done with it. */
static void
test_down_unheard (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, ALWAYS, ALWAYS, NULL);

  life_part (pair, TRUE);
  life_down (pair, &pair->a, NULL, FALSE);
  assert_stays_down (pair);
  life_free (pair);
}

static void
test_down_child (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, ALWAYS, ALWAYS, NULL);

  life_down (pair, &pair->a, "net", FALSE);
  pair_run (pair, 700);
  g_assert_cmpuint (life_of (&pair->a)->n_child_up, ==, 2);
  life_assert_one (pair, 1);
  life_free (pair);
}

/* -- the peer is dead */

static void
test_dead_start (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, "dpd_action = start\n", "dpd_action = restart\n", NULL);
  Life *life = life_of (&pair->a);

  life_crash (pair, &pair->b);
  pair_run (pair, DEAD_S + 2);
  g_assert_cmpuint (life->n_dead, ==, 1);
  g_assert_cmpuint (life->n_up, ==, 2);
  g_assert_cmpint (life->up_us - life->dead_us, <, G_USEC_PER_SEC);
  life_assert_one (pair, 2);
  life_free (pair);
}

#define KEPT(quick, more)                                                                          \
  quick "children { net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n"                      \
        " start_action = start\n dpd_action = start\n" more " } }\n"
#define AT_ONCE "dpd_delay = 1s\n retransmit_timeout = 1\n retransmit_tries = 0\n"

/* However short it was up: who died is not waited for, and people hear how it was. */
static void
test_dead_soon (gconstpointer flags)
{
  Pair *pair = life_new (flags, KEPT (QUICK, ""), THEIRS, NULL, NULL);
  Life *life = life_of (&pair->a);
  g_autoptr (IkeTree) row = NULL;

  pair_run (pair, 1);
  life_assert_one (pair, 1);
  life_crash (pair, &pair->b);
  pair_run (pair, DEAD_S + 2);
  g_assert_cmpuint (life->n_dead, ==, 1);
  g_assert_cmpuint (life->n_up, ==, 2);
  g_assert_cmpint (life->up_us - life->dead_us, <, G_USEC_PER_SEC);
  life_assert_one (pair, 1);
  life_part (pair, TRUE);
  pair_run (pair, DEAD_S + 2);
  g_assert_cmpuint (life->n_dead, ==, 2);
  row = life_waiting (&pair->a);
  g_assert_null (ike_tree_get (row, "next-try"));
  g_assert_nonnull (strstr (ike_tree_string (row, "reason", ""), "no answer from 10.0.0.2"));
  life_free (pair);
}

/* But what dies as soon as it answered is. */
static void
test_dead_at_once (gconstpointer flags)
{
  Pair *pair = life_new (flags, KEPT (AT_ONCE, ""), THEIRS, NULL, NULL);
  Life *life = life_of (&pair->a);
  g_autoptr (IkeTree) row = NULL;

  pair_run (pair, 1);
  life_assert_one (pair, 1);
  life_crash (pair, &pair->b);
  pair_run (pair, 4);
  g_assert_cmpuint (life->n_dead, ==, 1);
  row = life_waiting (&pair->a);
  g_assert_cmpint (ike_tree_int (row, "next-try", 0), >=, 4);
  g_assert_nonnull (strstr (ike_tree_string (row, "reason", ""), "no answer from 10.0.0.2"));
  pair_run (pair, 15);
  life_assert_one (pair, 1);
  g_assert_cmpint (life->up_us - life->dead_us, >=, 7 * G_USEC_PER_SEC);
  life_free (pair);
}

/* The peer that closes it is waited for, and the reason is what happened. */
static void
test_closed_soon (gconstpointer flags)
{
  Pair *pair = life_new (flags, KEPT (QUICK, " close_action = start\n"), THEIRS, NULL, NULL);
  g_autoptr (IkeTree) row = NULL;

  pair_run (pair, 20);
  life_assert_one (pair, 1);
  life_down (pair, &pair->b, NULL, FALSE);
  pair_run (pair, 2);
  row = life_waiting (&pair->a);
  g_assert_cmpint (ike_tree_int (row, "next-try", 0), >=, 4);
  g_assert_nonnull (strstr (ike_tree_string (row, "reason", ""), "the peer"));
  pair_run (pair, 12);
  life_assert_one (pair, 1);
  life_free (pair);
}

static void
test_dead_clear (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, "dpd_action = clear\n close_action = start\n", "", NULL);
  LifeWire wire = { .exchange = 34 };

  life_crash (pair, &pair->b);
  life_watch (pair, &wire);
  pair_run (pair, 700);
  g_assert_cmpuint (life_of (&pair->a)->n_dead, ==, 1);
  g_assert_cmpuint (wire.n, ==, 0);
  life_assert_none (&pair->a);
  life_free (pair);
}

static void
test_dead_mixed (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, "dpd_action = clear\n", "dpd_action = start\n", NULL);

  life_crash (pair, &pair->b);
  pair_run (pair, 700);
  g_assert_cmpuint (life_of (&pair->a)->n_child_up, ==, 3);
  life_assert_one (pair, 1);
  life_free (pair);
}

/* The way is cut for longer than one attempt takes. */
static void
test_dead_for_long (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, "dpd_action = start\n", "", QUICK THEIRS);

  life_part (pair, TRUE);
  pair_run (pair, 400);
  life_assert_none (&pair->a);
  life_part (pair, FALSE);
  pair_run (pair, 400);
  life_assert_one (pair, 1);
  life_free (pair);
}

/* -- both ends */

static const char both[] =
    QUICK "children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n dpd_action = start\n"
          " close_action = start\n }"
          " more { local_ts = 10.4.0.0/16\n remote_ts = 10.3.0.0/16\n dpd_action = start\n"
          " close_action = start\n } }\n";

/* Each finds the other one dead and begins anew; when they meet again, there is one SA, and it
 * stays. */
static void
test_both_restart (gconstpointer flags)
{
  gint64 apart_s;

  for (apart_s = 60; apart_s < 300; apart_s += 37) {
    Pair *pair = actions_pair (flags, ALWAYS, ALWAYS, both);
    guint n_up;
    life_part (pair, TRUE);
    pair_run (pair, apart_s);
    life_part (pair, FALSE);
    pair_run (pair, 300);
    life_assert_one (pair, 2);
    n_up = life_of (&pair->a)->n_child_up + life_of (&pair->b)->n_child_up;
    pair_run (pair, 1000);
    g_assert_cmpuint (life_of (&pair->a)->n_child_up + life_of (&pair->b)->n_child_up, ==, n_up);
    life_assert_one (pair, 2);
    life_free (pair);
  }
}

static void
test_both_crash (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, ALWAYS, ALWAYS, both);

  life_crash (pair, &pair->b);
  life_crash (pair, &pair->a);
  pair_run (pair, 100);
  life_assert_one (pair, 2);
  life_free (pair);
}

/* What goes as soon as it is up is not begun at once: each time it waits longer. */
static void
test_no_loop (gconstpointer flags)
{
  Pair *pair = actions_pair (flags, "close_action = start\n", "", NULL);
  LifeWire wire = { .exchange = 34, .from = 'a' };
  guint i;

  life_watch (pair, &wire);
  for (i = 0; i < 40; i++) {
    life_down (pair, &pair->b, NULL, FALSE);
    pair_run (pair, 15);
  }
  /* At once, then after 10, 20, 40, … seconds, less a quarter at most; they ended it every 15. */
  g_assert_cmpuint (wire.n, >=, 5);
  g_assert_cmpuint (wire.n, <=, 9);
  g_assert_cmpint (wire.at_us[1] - wire.at_us[0], >=, 7 * G_USEC_PER_SEC);
  g_assert_cmpint (wire.at_us[4] - wire.at_us[3], >=, 60 * G_USEC_PER_SEC);
  life_free (pair);
}

/* What is replaced has not ended: no action, no new SA; and the heir is asked for life. */
static void
test_rekeyed (gconstpointer flags)
{
  static const char ours[]
    = QUICK "unique = never\n rekey_time = 100s\n children { net { local_ts = 10.1.0.0/16\n"
            " remote_ts = 10.2.0.0/16\n rekey_time = 60s\n" ALWAYS "} }\n";
  static const char theirs[]
    = QUICK "children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n" ALWAYS "} }\n";
  Pair *pair = life_new (flags, ours, theirs, NULL, NULL);
  LifeWire wire = { .exchange = 34 };
  gint64 crash_us;

  pair_run (pair, 10);
  life_assert_one (pair, 1);
  life_watch (pair, &wire);
  pair_run (pair, 1000);
  g_assert_cmpuint (wire.n, ==, 0);
  g_assert_cmpuint (pair_count (&pair->a, "ike.rekeyed"), >=, 8);
  life_assert_one (pair, 1);
  crash_us = life_now_us (pair);
  life_crash (pair, &pair->b);
  pair_run (pair, 2 * DEAD_S);
  g_assert_cmpuint (life_of (&pair->a)->n_dead, ==, 1);
  g_assert_cmpint (life_of (&pair->a)->dead_us - crash_us, <=, DEAD_S * G_USEC_PER_SEC);
  life_assert_one (pair, 1);
  life_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("close-action", "start-brings-a-child-back", test_child_closed);
  pair_add_test ("close-action", "none-does-not", test_child_closed_none);
  pair_add_test ("close-action", "start-brings-one-sa-back-with-all", test_sa_closed);
  pair_add_test ("close-action", "with-those-that-ask-for-it", test_sa_closed_mixed);
  pair_add_test ("close-action", "what-expired-was-closed", test_hard_expire);
  pair_add_test ("close-action", "what-goes-at-once-waits", test_no_loop);
  pair_add_test ("down", "ends-it", test_down);
  pair_add_test ("down", "ends-it-by-force", test_down_forced);
  pair_add_test ("down", "ends-it-unheard", test_down_unheard);
  pair_add_test ("down", "ends-a-child", test_down_child);
  pair_add_test ("dpd-action", "start-brings-one-sa-back", test_dead_start);
  pair_add_test ("dpd-action", "who-died-is-not-waited-for", test_dead_soon);
  pair_add_test ("dpd-action", "but-who-dies-at-once", test_dead_at_once);
  pair_add_test ("close-action", "what-is-closed-soon-waits", test_closed_soon);
  pair_add_test ("dpd-action", "clear-does-not", test_dead_clear);
  pair_add_test ("dpd-action", "with-those-that-ask-for-it", test_dead_mixed);
  pair_add_test ("dpd-action", "tries-until-it-is-up", test_dead_for_long);
  pair_add_test ("dpd-action", "rekeying-is-no-end", test_rekeyed);
  pair_add_test ("both", "that-restart-agree-on-one", test_both_restart);
  pair_add_test ("both", "that-crash-agree-on-one", test_both_crash);
  return g_test_run ();
}
