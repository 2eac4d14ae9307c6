/* SPDX-License-Identifier: Apache-2.0 */
/* test_keep_up.c - connections that shall be up: tried again and again, at all their addresses,
 * until they are, or until nobody wants them any more; and two ends that both begin. */
#include "exchange/life.h"
#include <glib/gstdio.h>
#include <string.h>

/* A request without an answer: 2 + 4 + 8 + 16 s. */
#define QUICK "retransmit_timeout = 2\n retransmit_base = 2\n retransmit_tries = 3\n"
/* 1 s, once. */
#define ONCE "retransmit_timeout = 1\n retransmit_tries = 0\n"
#define NET(own, other, more)                                                                      \
  "net { local_ts = 10." own ".0.0/16\n remote_ts = 10." other ".0.0/16\n" more "}\n"
#define START " start_action = start\n"
#define CHILD_A "children { " NET ("1", "2", "") "}\n"
#define CHILD_B "children { " NET ("2", "1", "") "}\n"
#define START_A "children { " NET ("1", "2", START) "}\n"
#define START_B "children { " NET ("2", "1", START) "}\n"

enum { INIT = 34, ATTEMPT_S = 30 };

static Pair *
begin_apart (gconstpointer flags, const char *settings, const char *more, LifeWire *wire)
{
  Pair *pair = life_new (flags, settings, CHILD_B, more, NULL);

  *wire = (LifeWire){ .exchange = INIT, .from = 'a' };
  life_part (pair, TRUE);
  life_watch (pair, wire);
  return pair;
}

static IkeAddr
host (const char *text)
{
  IkeAddr addr;

  g_assert_true (ike_addr_parse (&addr, text, NULL));
  return addr;
}

static void
assert_to (const LifeWire *wire, guint i, const char *text)
{
  char to[IKE_ADDR_TEXT_SIZE];

  g_assert_cmpuint (i, <, wire->n);
  g_assert_cmpstr (ike_addr_format (&wire->to[i], FALSE, to), ==, text);
}

static guint
n_in_log (const PairEnd *end, const char *text)
{
  const char *at = end->log->str;
  guint n = 0;

  while ((at = strstr (at, text))) {
    at += strlen (text);
    n++;
  }
  return n;
}

/* -- again and again */

static void
test_until_up (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (flags, QUICK START_A, NULL, &wire);
  g_autoptr (IkeTree) row = NULL, first = NULL;
  gint64 wait;
  guint i;

  life_run_ms (pair, 1000);
  first = life_waiting (&pair->a);
  g_assert_cmpstr (ike_tree_string (first, "connection", ""), ==, "pair");
  g_assert_cmpstr (ike_tree_string (first, "children.0", ""), ==, "net");
  g_assert_null (ike_tree_get (first, "next-try"));
  life_run_ms (pair, ATTEMPT_S * 1000);
  row = life_waiting (&pair->a);
  g_assert_cmpint (ike_tree_int (row, "failures", 0), ==, 1);
  g_assert_nonnull (strstr (ike_tree_string (row, "reason", ""), "no answer from 10.0.0.2"));
  g_assert_cmpint (ike_tree_int (row, "next-try", 0), >=, 6);
  g_assert_cmpint (ike_tree_int (row, "next-try", 0), <=, 10);
  pair_run (pair, 3600 * 3);
  /* 10, 20, 40, 80, 160, 320, then 600 s after each attempt, less a quarter at most. */
  g_assert_cmpuint (wire.n, >, 4 * 16);
  for (i = 0; i + 4 < wire.n; i += 4) {
    gint64 most = MIN (10 << (i / 4), 600) * G_USEC_PER_SEC;
    wait = wire.at_us[i + 4] - wire.at_us[i] - ATTEMPT_S * G_USEC_PER_SEC;
    g_assert_cmpint (wait, <=, most + 5000);
    g_assert_cmpint (wait, >=, most * 3 / 4 - 5000);
  }
  /* Said once, for it is always the same. */
  g_assert_cmpuint (n_in_log (&pair->a, "is tried again in"), ==, 1);
  g_assert_cmpuint (n_in_log (&pair->a, "no answer from"), <=, 3);
  life_part (pair, FALSE);
  pair_run (pair, 601);
  life_assert_one (pair, 1);
  g_assert_cmpuint (n_in_log (&pair->a, "pair is up after"), ==, 1);
  ike_tree_free (row);
  row = life_waiting (&pair->a);
  g_assert_null (row);
  life_free (pair);
}

static void
test_settings (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair =
      begin_apart (flags, ONCE START_A,
                   "core { retry_initiate_interval = 4\n retry_initiate_limit = 8s\n }\n", &wire);

  pair_run (pair, 100);
  /* 1 + 4, then 1 + 8 s at most, 1 + 6 at least. */
  g_assert_cmpuint (wire.n, >=, 2 + 94 / 9);
  g_assert_cmpuint (wire.n, <=, 2 + 96 / 7);
  life_free (pair);
}

static void
test_never_again (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (flags, ONCE START_A, "core { retry_initiate_interval = 0 }\n", &wire);

  pair_run (pair, 10000);
  g_assert_cmpuint (wire.n, ==, 1);
  g_assert_null (life_waiting (&pair->a));
  g_assert_cmpuint (n_in_log (&pair->a, "it is not tried again: no answer"), ==, 1);
  life_free (pair);
}

/* What will hardly get better is tried, too, and said once. */
static void
test_refused (gconstpointer flags)
{
  Pair *pair = pair_new (
      &(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                      .connection = { "proposals = aes256gcm16-prfsha256-x25519\n" START_A,
                                      "proposals = aes256gcm16-prfsha256-x25519\n" CHILD_B },
                      .secrets = { "secret = wrong\n", NULL } });
  guint n;

  pair_run (pair, 3600);
  n = (guint) pair_count (&pair->a, "ike.initiated");
  g_assert_cmpuint (n, >=, 10);
  g_assert_cmpuint (n, <=, 16);
  g_assert_cmpuint (n_in_log (&pair->a, "is tried again in"), ==, 1);
  g_assert_cmpuint (n_in_log (&pair->a, "AUTHENTICATION_FAILED"), <=, 3);
  pair_free (pair);
}

/* -- until nobody wants it */

static void
assert_silence (Pair *pair, LifeWire *wire)
{
  guint n = wire->n;

  pair_run (pair, 2000);
  g_assert_cmpuint (wire->n, ==, n);
  g_assert_null (life_waiting (&pair->a));
  life_assert_none (&pair->a);
}

static void
test_down_waiting (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (flags, ONCE START_A, NULL, &wire);

  life_run_ms (pair, 3000);
  g_assert_cmpuint (life_down (pair, &pair->a, NULL, FALSE), ==, 1);
  assert_silence (pair, &wire);
  life_free (pair);
}

static void
test_down_trying (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (flags, QUICK START_A, NULL, &wire);

  life_run_ms (pair, 1000);
  g_assert_cmpuint (wire.n, ==, 1);
  g_assert_cmpuint (life_down (pair, &pair->a, NULL, FALSE), >=, 1);
  assert_silence (pair, &wire);
  life_free (pair);
}

static void
test_down_child (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (flags, ONCE START_A, NULL, &wire);

  life_run_ms (pair, 3000);
  g_assert_cmpuint (life_down (pair, &pair->a, "other", FALSE), ==, 0);
  g_assert_cmpuint (life_down (pair, &pair->a, "net", FALSE), ==, 1);
  assert_silence (pair, &wire);
  life_free (pair);
}

#define IN_A_FILE                                                                                  \
  "connections { other {\n local_addrs = 10.0.0.1\n remote_addrs = 10.0.0.2\n"                     \
  " proposals = aes256gcm16-prfsha256-x25519\n" QUICK                                              \
  " local { auth = psk\n id = a.test\n }\n remote { auth = psk\n id = b.test\n }\n"                \
  " children { " NET ("1", "2", "%s") " } } }\n"

typedef struct {
  Pair *pair;
  LifeWire wire;
  char *file;
} Reload;

static void
reload_init (Reload *r, gconstpointer flags)
{
  int fd = g_file_open_tmp ("ikebana-keep-up-XXXXXX", &r->file, NULL);
  g_autofree char *include = g_strdup_printf ("include %s\n", r->file);
  g_autofree char *text = g_strdup_printf (IN_A_FILE, START);

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (g_close (fd, NULL));
  g_assert_true (g_file_set_contents (r->file, text, -1, NULL));
  r->pair = life_new (flags, "remote_addrs = 10.9.9.9\n" CHILD_A, CHILD_B, include, NULL);
  r->wire = (LifeWire){ .exchange = INIT };
  life_watch (r->pair, &r->wire);
}

static void
reload (Reload *r, const char *text)
{
  g_assert_true (g_file_set_contents (r->file, text, -1, NULL));
  ike_tree_free (pair_command (&r->pair->a, "reload", NULL, NULL));
}

static void
reload_clear (Reload *r)
{
  life_free (r->pair);
  g_unlink (r->file);
  g_free (r->file);
}

static void
test_removed (gconstpointer flags)
{
  static const gint64 moments_ms[] = { 1000, ATTEMPT_S * 1000 + 3000 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (moments_ms); i++) {
    Reload r;
    reload_init (&r, flags);
    life_part (r.pair, TRUE);
    life_run_ms (r.pair, moments_ms[i]);
    g_assert_cmpuint (r.wire.n, >, 0);
    reload (&r, "");
    life_run_ms (r.pair, 10);
    assert_silence (r.pair, &r.wire);
    reload_clear (&r);
  }
}

static void
test_not_wanted (gconstpointer flags)
{
  Reload r;
  g_autofree char *text = g_strdup_printf (IN_A_FILE, "");

  reload_init (&r, flags);
  life_part (r.pair, TRUE);
  life_run_ms (r.pair, 1000);
  reload (&r, text);
  life_run_ms (r.pair, 10);
  assert_silence (r.pair, &r.wire);
  reload_clear (&r);
}

/* What is up when its connection is removed stays up; what asks for it afterwards gets nothing, and
 * no action brings it back. */
static void
test_removed_up (gconstpointer flags)
{
  Reload r;
  g_autofree char *text = g_strdup_printf (IN_A_FILE, START "close_action = start\n"),
                  *error = NULL;
  g_autoptr (IkeTree) record = NULL;

  reload_init (&r, flags);
  reload (&r, text);
  pair_run (r.pair, 5);
  life_assert_one (r.pair, 1);
  reload (&r, "");
  pair_run (r.pair, 5);
  life_assert_one (r.pair, 1);
  life_down (r.pair, &r.pair->b, NULL, FALSE);
  assert_silence (r.pair, &r.wire);
  error = pair_up_of (r.pair, &r.pair->b, "pair", NULL);
  g_assert_nonnull (strstr (error, "NO_PROPOSAL_CHOSEN"));
  record = pair_explain (&r.pair->a);
  g_assert_cmpstr (ike_tree_string (record, "phase", ""), ==, "connection");
  reload_clear (&r);
}

/* -- addresses */

static void
test_next_address (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (flags, QUICK "remote_addrs = 10.0.0.9, 10.0.0.8, 10.0.0.2\n" CHILD_A,
                            NULL, &wire);
  g_autofree char *error = NULL;

  life_part (pair, FALSE);
  pair_assert_up (pair, NULL);
  g_assert_cmpuint (wire.n, ==, 9);
  assert_to (&wire, 0, "10.0.0.9");
  assert_to (&wire, 3, "10.0.0.9");
  assert_to (&wire, 4, "10.0.0.8");
  assert_to (&wire, 8, "10.0.0.2");
  g_assert_cmpint (wire.at_us[8] - wire.at_us[0], <=, 2 * ATTEMPT_S * G_USEC_PER_SEC + 10000);
  life_assert_one (pair, 1);
  life_free (pair);
}

/* The other family, from an address of its own. */
static void
test_families (gconstpointer flags)
{
  LifeWire wire = { .exchange = INIT };
  Pair *pair = life_new (
      flags, ONCE "local_addrs = 10.0.0.1, fd00::1\n remote_addrs = fd00::9, 10.0.0.2\n" CHILD_A,
      CHILD_B, NULL, NULL);

  life_watch (pair, &wire);
  pair_assert_up (pair, NULL);
  g_assert_cmpuint (wire.n, ==, 2);
  assert_to (&wire, 0, "fd00::9");
  assert_to (&wire, 1, "10.0.0.2");
  life_assert_one (pair, 1);
  life_free (pair);
}

/* Nothing leads there: at once the next one. */
static void
test_unreachable (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (
      flags, QUICK "local_addrs = %any\n remote_addrs = 10.0.0.9, 10.0.0.2\n" CHILD_A, NULL, &wire);

  life_part (pair, FALSE);
  pair->a.kernel_ops->fail_next (pair->a.kernel, IKE_FAKE_SOURCE, "network is unreachable");
  pair_assert_up (pair, NULL);
  g_assert_cmpuint (wire.n, ==, 1);
  assert_to (&wire, 0, "10.0.0.2");
  life_free (pair);
}

/* Who refuses under his protection would do so everywhere. */
static void
test_refused_once (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (
      flags, QUICK "remote_addrs = 10.0.0.2, 10.0.0.9\n remote { id = c.test }\n" CHILD_A, NULL,
      &wire);
  g_autofree char *error = NULL;

  life_part (pair, FALSE);
  error = pair_up (pair, NULL);
  g_assert_nonnull (error);
  g_assert_cmpuint (wire.n, ==, 1);
  life_assert_none (&pair->a);
  life_free (pair);
}

/* After all have failed, the wait, then the first again; names are looked up each time. */
static void
test_names (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (flags, ONCE "remote_addrs = gw.test, 10.0.0.9\n" START_A, NULL, &wire);
  IkeAddr wrong = host ("10.0.0.7"), right = host ("10.0.0.2");
  g_autoptr (IkeTree) row = NULL;

  life_part (pair, FALSE);
  /* The name is not known at first. */
  life_run_ms (pair, 1500);
  g_assert_cmpuint (wire.n, ==, 1);
  assert_to (&wire, 0, "10.0.0.9");
  row = life_waiting (&pair->a);
  g_assert_nonnull (strstr (ike_tree_string (row, "reason", ""), "10.0.0.9"));
  pair->a.net_ops->host_add (pair->a.net, "gw.test", &wrong);
  pair_run (pair, 13);
  g_assert_cmpuint (wire.n, ==, 3);
  assert_to (&wire, 1, "10.0.0.7");
  assert_to (&wire, 2, "10.0.0.9");
  pair->a.net_ops->host_add (pair->a.net, "gw.test", &right);
  pair_run (pair, 23);
  g_assert_cmpuint (wire.n, ==, 4);
  assert_to (&wire, 3, "10.0.0.2");
  life_assert_one (pair, 1);
  life_free (pair);
}

static void
test_unknown_name (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair =
      begin_apart (flags, ONCE "remote_addrs = gw.test\n keyingtries = 0\n" START_A, NULL, &wire);
  IkeAddr right = host ("10.0.0.2");
  g_autoptr (IkeTree) row = NULL;

  life_part (pair, FALSE);
  pair_run (pair, 3600);
  g_assert_cmpuint (wire.n, ==, 0);
  row = life_waiting (&pair->a);
  g_assert_cmpint (ike_tree_int (row, "failures", 0), <=, 14);
  g_assert_nonnull (strstr (ike_tree_string (row, "reason", ""), "gw.test"));
  pair->a.net_ops->host_add (pair->a.net, "gw.test", &right);
  pair_run (pair, 601);
  life_assert_one (pair, 1);
  life_free (pair);
}

/* All that a name stands for, in order, and no more than eight. */
static void
test_many_addresses (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (flags, ONCE "remote_addrs = gw.test\n" CHILD_A, NULL, &wire);
  g_autofree char *error = NULL;
  guint i;

  for (i = 0; i < 12; i++) {
    g_autofree char *text = g_strdup_printf ("10.0.1.%u", i + 1);
    IkeAddr addr = host (text);
    pair->a.net_ops->host_add_further (pair->a.net, "gw.test", &addr);
  }
  error = pair_up (pair, NULL);
  g_assert_nonnull (strstr (error, "10.0.1.8"));
  g_assert_cmpuint (wire.n, ==, 8);
  assert_to (&wire, 0, "10.0.1.1");
  assert_to (&wire, 7, "10.0.1.8");
  life_assert_none (&pair->a);
  life_free (pair);
}

/* -- keyingtries */

static void
test_keyingtries (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (
      flags, ONCE "keyingtries = 3\n remote_addrs = 10.0.0.9, 10.0.0.2\n" CHILD_A, NULL, &wire);
  g_autofree char *error = pair_up (pair, NULL);

  g_assert_nonnull (error);
  g_assert_cmpuint (wire.n, ==, 6);
  assert_to (&wire, 4, "10.0.0.9");
  life_assert_none (&pair->a);
  life_free (pair);
}

static void
test_for_ever (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (flags, ONCE "keyingtries = 0\n" CHILD_A, NULL, &wire);
  char *error;

  pair_begin_up (pair, &pair->a, "pair", NULL, &error);
  life_run_ms (pair, 100500);
  g_assert_null (error);
  g_assert_cmpuint (wire.n, ==, 101);
  life_part (pair, FALSE);
  pair_run (pair, 2);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  life_assert_one (pair, 1);
  life_free (pair);
}

static void
test_for_ever_until_down (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (flags, ONCE "keyingtries = 0\n" CHILD_A, NULL, &wire);
  char *error;

  pair_begin_up (pair, &pair->a, "pair", NULL, &error);
  life_run_ms (pair, 10500);
  g_assert_cmpuint (life_down (pair, &pair->a, NULL, FALSE), ==, 1);
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error, "taken down"));
  g_free (error);
  assert_silence (pair, &wire);
  life_free (pair);
}

/* Two that ask at once make one SA, and hear the same. */
static void
test_two_ask (gconstpointer flags)
{
  LifeWire wire;
  Pair *pair = begin_apart (
      flags, ONCE "keyingtries = 2\n remote_addrs = 10.0.0.9, 10.0.0.2\n" CHILD_A, NULL, &wire);
  char *first, *second;

  pair_begin_up (pair, &pair->a, "pair", NULL, &first);
  pair_begin_up (pair, &pair->a, "pair", NULL, &second);
  life_run_ms (pair, 3500);
  g_assert_null (first);
  g_assert_null (second);
  pair_run (pair, 1);
  g_assert_nonnull (first);
  g_assert_cmpstr (first, ==, second);
  g_assert_cmpuint (wire.n, ==, 4);
  g_free (first);
  g_free (second);
  assert_silence (pair, &wire);
  life_free (pair);
}

/* -- several children */

static void
test_children (gconstpointer flags)
{
  Pair *pair =
      life_new (flags,
                "children { " NET ("1", "2", START) " more { local_ts = 10.3.0.0/16\n"
                                                    " remote_ts = 10.4.0.0/16\n" START " } }\n",
                "children { " NET ("2", "1", "") " more { local_ts = 10.4.0.0/16\n"
                                                 " remote_ts = 10.3.0.0/16\n } }\n",
                NULL, NULL);

  pair_run (pair, 5);
  life_assert_one (pair, 2);
  g_assert_cmpuint (pair_count (&pair->a, "ike.initiated"), ==, 1);
  life_free (pair);
}

/* The one that is refused is tried again, in the IKE SA that is there. */
static void
test_child_refused (gconstpointer flags)
{
  Pair *pair =
      life_new (flags,
                "children { wrong { local_ts = 10.3.0.0/16\n remote_ts = 10.4.0.0/16\n" START
                " } " NET ("1", "2", START) " }\n",
                CHILD_B, NULL, NULL);
  g_autoptr (IkeTree) row = NULL;

  pair_run (pair, 300);
  life_assert_one (pair, 1);
  g_assert_cmpuint (pair_count (&pair->a, "ike.initiated"), ==, 1);
  row = life_waiting (&pair->a);
  g_assert_cmpuint (ike_tree_n (ike_tree_get (row, "children")), ==, 1);
  g_assert_cmpstr (ike_tree_string (row, "children.0", ""), ==, "wrong");
  g_assert_nonnull (strstr (ike_tree_string (row, "reason", ""), "TS_UNACCEPTABLE"));
  life_free (pair);
}

/* -- both begin */

static void
test_both (gconstpointer flags)
{
  Pair *pair = life_new (flags, START_A, START_B, NULL, NULL);

  pair_run (pair, 5);
  /* They had begun both. */
  g_assert_cmpuint (pair_count (&pair->a, "ike.initiated"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->b, "ike.initiated"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->a, "ike.established"), ==, 2);
  life_assert_one (pair, 1);
  pair_run (pair, 3600);
  g_assert_cmpuint (pair_count (&pair->a, "ike.established"), ==, 2);
  g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 2);
  life_assert_one (pair, 1);
  life_free (pair);
}

/* Whatever is lost, and whoever restarts what is closed: one SA in the end. */
static void
test_both_lossy (gconstpointer flags)
{
  static const IkeSimChaos chaos = { sizeof chaos, .loss = 200, .duplicate = 50, .reorder = 50 };
  static const char ours[] =
      "dpd_delay = 10\n" QUICK
      "children { " NET ("1", "2", START "close_action = start\n dpd_action = start\n") "}\n";
  static const char theirs[] =
      "dpd_delay = 10\n" QUICK
      "children { " NET ("2", "1", START "close_action = start\n dpd_action = start\n") "}\n";
  guint seed;

  for (seed = 1; seed <= 8; seed++) {
    Pair *pair = life_new (flags, ours, theirs, NULL, NULL);
    guint64 n_up;
    guint i;
    for (i = 0; i < seed; i++)
      life_run_ms (pair, 0);
    pair->a.net_ops->set_latency (pair->a.net, 1000 * seed, 20000 * seed);
    pair->a.net_ops->set_chaos (pair->a.net, &chaos);
    pair_run (pair, 300);
    pair->a.net_ops->set_chaos (pair->a.net, NULL);
    pair_run (pair, 900);
    life_assert_one (pair, 1);
    n_up = pair_count (&pair->a, "ike.established");
    pair_run (pair, 3600);
    g_assert_cmpuint (pair_count (&pair->a, "ike.established"), ==, n_up);
    life_assert_one (pair, 1);
    life_free (pair);
  }
}

/* Each has begun a child of its own: both are in the SA that stays. */
static void
test_both_other_children (gconstpointer flags)
{
  Pair *pair =
      life_new (flags,
                "children { " NET ("1", "2", START) " more { local_ts = 10.3.0.0/16\n remote_ts = "
                                                    "10.4.0.0/16\n } }\n",
                "children { more { local_ts = 10.4.0.0/16\n remote_ts = 10.3.0.0/16\n" START
                " } " NET ("2", "1", "") " }\n",
                NULL, NULL);

  pair_run (pair, 30);
  life_assert_one (pair, 2);
  g_assert_cmpuint (pair_count (&pair->a, "ike.established"), ==, 2);
  life_free (pair);
}

/* What the peer is just making is not made once more. */
static void
test_being_made (gconstpointer flags)
{
  Pair *pair = life_new (flags, CHILD_A, CHILD_B, NULL, NULL);
  char *ours, *theirs;

  pair->b.kernel_ops->delay (pair->b.kernel, 1000);
  pair_begin_up (pair, &pair->a, "pair", "net", &ours);
  life_run_ms (pair, 300);
  pair_begin_up (pair, &pair->b, "pair", "net", &theirs);
  life_run_ms (pair, 300);
  g_assert_null (ours);
  g_assert_null (theirs);
  pair_run (pair, 10);
  g_assert_cmpstr (ours, ==, "");
  g_assert_cmpstr (theirs, ==, "");
  g_free (ours);
  g_free (theirs);
  g_assert_cmpuint (pair_count (&pair->b, "ike.initiated"), ==, 0);
  life_assert_one (pair, 1);
  life_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("keep-up", "tries-until-it-is-up", test_until_up);
  pair_add_test ("keep-up", "as-often-as-is-set", test_settings);
  pair_add_test ("keep-up", "or-never-again", test_never_again);
  pair_add_test ("keep-up", "a-refusal-is-said-once", test_refused);
  pair_add_test ("keep-up", "down-ends-a-wait", test_down_waiting);
  pair_add_test ("keep-up", "down-ends-a-try", test_down_trying);
  pair_add_test ("keep-up", "down-ends-a-child", test_down_child);
  pair_add_test ("keep-up", "not-what-was-removed", test_removed);
  pair_add_test ("keep-up", "not-what-is-not-wanted", test_not_wanted);
  pair_add_test ("keep-up", "nobody-brings-back-what-was-removed", test_removed_up);
  pair_add_test ("keep-up", "several-children-in-one-sa", test_children);
  pair_add_test ("keep-up", "a-refused-child-alone", test_child_refused);
  pair_add_test ("addresses", "one-after-the-other", test_next_address);
  pair_add_test ("addresses", "of-both-families", test_families);
  pair_add_test ("addresses", "at-once-when-none-leads-there", test_unreachable);
  pair_add_test ("addresses", "not-after-a-refusal", test_refused_once);
  pair_add_test ("addresses", "names-are-looked-up-again", test_names);
  pair_add_test ("addresses", "names-nobody-knows-yet", test_unknown_name);
  pair_add_test ("addresses", "all-of-a-name-up-to-eight", test_many_addresses);
  pair_add_test ("keyingtries", "are-rounds", test_keyingtries);
  pair_add_test ("keyingtries", "zero-is-for-ever", test_for_ever);
  pair_add_test ("keyingtries", "until-it-is-taken-down", test_for_ever_until_down);
  pair_add_test ("keyingtries", "are-shared", test_two_ask);
  pair_add_test ("both-begin", "one-stays", test_both);
  pair_add_test ("both-begin", "one-stays-whatever-is-lost", test_both_lossy);
  pair_add_test ("both-begin", "not-what-is-being-made", test_being_made);
  pair_add_test ("both-begin", "with-the-children-of-both", test_both_other_children);
  return g_test_run ();
}
