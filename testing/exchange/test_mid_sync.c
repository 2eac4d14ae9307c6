/* SPDX-License-Identifier: Apache-2.0 */
/* test_mid_sync.c - another member of a cluster goes on with an IKE SA, from a snapshot that is
 * older than what was done since (RFC 6311): b is the cluster, a its peer. */
#include "exchange/forge.h"
#include <string.h>

enum { INFORMATIONAL = 37, IDS = 16422, REPLAY = 16423, GAP = 1048576 };

static const guint8 key[32] = { 1, 2, 3 };
static const char *const plugins[] = { "mid-sync", NULL }, *const plugins_again[] = { "forge",
                                                                                      "mid-sync",
                                                                                      NULL };
static const IkePluginInfo *const builtin_again[] = { &forge_plugin, NULL };

typedef struct {
  Forge *forge;
  Pair *pair;
  PairOptions options; /* for an end that starts again */
  guint n_done;        /* operations of tests that ended well */
} Ends;

static Ends *
ends_new (gconstpointer flags, const char *more_a, const char *more_b)
{
  Ends *ends = g_new0 (Ends, 1);

  ends->options = (PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                                 .plugins = plugins,
                                 .more = { more_a, more_b } };
  ends->forge = forge_new (&ends->options);
  ends->pair = ends->forge->pair;
  ends->options.plugins = plugins_again;
  ends->options.builtin = builtin_again;
  return ends;
}

static void
ends_free (Ends *ends)
{
  forge_free (ends->forge);
  g_free (ends);
}

static PairEnd *
end_of (Ends *ends, gboolean is_b)
{
  return is_b ? &ends->pair->b : &ends->pair->a;
}

static ForgeEnd *
heard_of (Ends *ends, gboolean is_b)
{
  return is_b ? &ends->forge->b : &ends->forge->a;
}

static void
on_sa (Ends *ends, gboolean is_b, void (*run) (IkeSa *sa, gpointer data), gpointer data)
{
  forge_on_sa (end_of (ends, is_b), heard_of (ends, is_b), run, data);
}

static void
up (Ends *ends, gboolean by_b)
{
  g_autofree char *error = pair_up_of (ends->pair, end_of (ends, by_b), "pair", NULL);

  g_assert_cmpstr (error, ==, NULL);
  pair_run (ends->pair, 1);
}

static void
done (IkeSa *sa, gpointer data, const char *error)
{
  ((Ends *) data)->n_done += error == NULL;
}

static void
begin_liveness (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_begin (sa, "liveness", NULL, done, data));
}

static void
assert_talk (Ends *ends, gboolean is_b, guint n)
{
  while (n--) {
    guint before = ends->n_done;
    on_sa (ends, is_b, begin_liveness, ends);
    pair_run (ends->pair, 1);
    g_assert_cmpuint (ends->n_done, ==, before + 1);
  }
}

typedef struct {
  guint32 sent, received;
} Ids;

static void
get_ids (IkeSa *sa, gpointer data)
{
  Ids *ids = data;

  ike_sa_message_ids (sa, &ids->sent, &ids->received);
}

static Ids
ids_of (Ends *ends, gboolean is_b)
{
  Ids ids = { 0, 0 };

  on_sa (ends, is_b, get_ids, &ids);
  return ids;
}

static guint64
count (Ends *ends, gboolean is_b, const char *what)
{
  g_autofree char *name = g_strconcat ("mid-sync.", what, NULL);

  return pair_count (end_of (ends, is_b), name);
}

/* -- an end goes, and another goes on */

static void
take_snapshot (IkeSa *sa, gpointer data)
{
  *(GBytes **) data = ike_sa_snapshot (sa, key, NULL);
  g_assert_nonnull (*(GBytes **) data);
}

static GBytes *
snapshot (Ends *ends, gboolean is_b)
{
  GBytes *blob = NULL;

  on_sa (ends, is_b, take_snapshot, &blob);
  return blob;
}

static void
restore (Ends *ends, gboolean is_b, GBytes *blob)
{
  g_autofree char *error =
      pair_restore (ends->pair, end_of (ends, is_b), blob, key, &heard_of (ends, is_b)->sa);

  g_assert_cmpstr (error, ==, NULL);
}

static void
crash (Ends *ends, gboolean is_b)
{
  pair_restart (ends->pair, end_of (ends, is_b), &ends->options);
}

/* Both count the same, and go on. */
static void
assert_in_step (Ends *ends)
{
  Ids a = ids_of (ends, FALSE), b = ids_of (ends, TRUE);

  g_assert_cmpuint (a.sent, ==, b.received);
  g_assert_cmpuint (b.sent, ==, a.received);
  assert_talk (ends, FALSE, 2);
  assert_talk (ends, TRUE, 2);
  g_assert_cmpuint (forge_n_sas (&ends->pair->a), ==, 1);
  g_assert_cmpuint (forge_n_sas (&ends->pair->b), ==, 1);
}

static void
test_taken_over (gconstpointer flags)
{
  guint by_b;

  for (by_b = 0; by_b < 2; by_b++) {
    Ends *ends = ends_new (flags, NULL, NULL);
    g_autoptr (GBytes) blob = NULL;
    guint64 resent;
    up (ends, by_b);
    blob = snapshot (ends, TRUE);
    assert_talk (ends, FALSE, 3);
    assert_talk (ends, TRUE, 5);
    crash (ends, TRUE);
    restore (ends, TRUE, blob);
    pair_run (ends->pair, 1);
    g_assert_cmpuint (count (ends, TRUE, "asked"), ==, 1);
    g_assert_cmpuint (count (ends, TRUE, "agreed"), ==, 1);
    g_assert_cmpuint (count (ends, FALSE, "agreed"), ==, 1);
    resent = pair_count (&ends->pair->a, "output.retransmits");
    assert_in_step (ends);
    g_assert_cmpuint (pair_count (&ends->pair->a, "output.retransmits"), ==, resent);
    g_assert_cmpuint (pair_count (&ends->pair->b, "output.retransmits"), ==, 0);
    ends_free (ends);
  }
}

/* RFC 6311, 9: "The peer should not wait for any pending responses while responding with the new
 * Message ID values."  What it wanted to know it asks anew; so does the member. */
static void
test_under_way (gconstpointer flags)
{
  Ends *ends = ends_new (flags, NULL, NULL);
  IkeSimRule rule = { .struct_size = sizeof rule,
                      .action = IKE_SIM_DROP,
                      .exchange = INFORMATIONAL };
  g_autoptr (GBytes) blob = NULL;
  guint id;

  up (ends, FALSE);
  blob = snapshot (ends, TRUE);
  assert_talk (ends, FALSE, 2);
  id = ends->pair->a.net_ops->rule_add (ends->pair->a.net, &rule);
  on_sa (ends, FALSE, begin_liveness, ends);
  on_sa (ends, TRUE, begin_liveness, ends);
  pair_run (ends->pair, 1);
  crash (ends, TRUE);
  ends->pair->a.net_ops->rule_remove (ends->pair->a.net, id);
  restore (ends, TRUE, blob);
  on_sa (ends, TRUE, begin_liveness, ends);
  pair_run (ends->pair, 20);
  g_assert_cmpuint (ends->n_done, ==, 2 + 2);
  assert_in_step (ends);
  ends_free (ends);
}

static void
test_lost (gconstpointer flags)
{
  guint nth;

  for (nth = 1; nth <= 4; nth++) {
    Ends *ends = ends_new (flags, NULL, NULL);
    IkeSimRule rule = {
      .struct_size = sizeof rule, .action = IKE_SIM_DROP, .first = nth, .n_times = 1
    };
    g_autoptr (GBytes) blob = NULL;
    up (ends, FALSE);
    blob = snapshot (ends, TRUE);
    assert_talk (ends, TRUE, 2);
    crash (ends, TRUE);
    ends->pair->a.net_ops->rule_add (ends->pair->a.net, &rule);
    restore (ends, TRUE, blob);
    pair_run (ends->pair, 10);
    g_assert_cmpuint (count (ends, TRUE, "agreed"), ==, 1);
    g_assert_cmpuint (count (ends, FALSE, "agreed"), ==, 1);
    if (nth > 2) {
      on_sa (ends, FALSE, begin_liveness, ends);
      pair_run (ends->pair, 10);
    }
    assert_in_step (ends);
    ends_free (ends);
  }
}

/* RFC 6311, 2: "the implementation should be able to handle this situation": the third member has
 * the same snapshot as the second, and never heard what that asked for. */
static void
test_twice (gconstpointer flags)
{
  Ends *ends = ends_new (flags, NULL, NULL);
  g_autoptr (GBytes) blob = NULL;
  guint i;

  up (ends, TRUE);
  blob = snapshot (ends, TRUE);
  for (i = 1; i <= 4; i++) {
    crash (ends, TRUE);
    pair_run (ends->pair, 2);
    restore (ends, TRUE, blob);
    pair_run (ends->pair, 1);
    g_assert_cmpuint (count (ends, TRUE, "agreed"), ==, 1);
    g_assert_cmpuint (count (ends, FALSE, "agreed"), ==, i);
    if (i == 4)
      assert_in_step (ends);
  }
  ends_free (ends);
}

/* RFC 6311, A.4: "both sides send their synchronization requests simultaneously." */
static void
test_both (gconstpointer flags)
{
  Ends *ends = ends_new (flags, NULL, NULL);
  g_autoptr (GBytes) a = NULL, b = NULL;

  up (ends, FALSE);
  a = snapshot (ends, FALSE);
  assert_talk (ends, FALSE, 3);
  b = snapshot (ends, TRUE);
  assert_talk (ends, TRUE, 4);
  crash (ends, FALSE);
  crash (ends, TRUE);
  restore (ends, FALSE, a);
  restore (ends, TRUE, b);
  pair_run (ends->pair, 10);
  g_assert_cmpuint (count (ends, FALSE, "agreed"), ==, 2);
  g_assert_cmpuint (count (ends, TRUE, "agreed"), ==, 2);
  assert_in_step (ends);
  ends_free (ends);
}

static void
begin_rekey (IkeSa *sa, gpointer data)
{
  ike_sa_replace (sa);
}

/* What was agreed on holds for what takes the place of the IKE SA, and its IDs begin anew. */
static void
test_rekeyed (gconstpointer flags)
{
  guint by_b;

  for (by_b = 0; by_b < 2; by_b++) {
    Ends *ends = ends_new (flags, NULL, NULL);
    g_autoptr (GBytes) blob = NULL;
    up (ends, FALSE);
    assert_talk (ends, TRUE, 3);
    on_sa (ends, by_b, begin_rekey, NULL);
    pair_run (ends->pair, 2);
    g_assert_cmpuint (pair_count (&ends->pair->a, "ike.rekeyed"), ==, 1);
    blob = snapshot (ends, TRUE);
    crash (ends, TRUE);
    restore (ends, TRUE, blob);
    pair_run (ends->pair, 1);
    g_assert_cmpuint (count (ends, FALSE, "agreed"), ==, 1);
    assert_in_step (ends);
    ends_free (ends);
  }
}

/* -- replay counters */

static void
test_replay_counters (gconstpointer flags)
{
  static const struct {
    const char *a, *b;
    guint32 raised;
  } ways[] = {
    { NULL, NULL, GAP },
    { NULL, "plugins { mid-sync { replay_gap = 77 } }", 77 },
    { NULL, "plugins { mid-sync { replay_gap = 0 } }", 0 },
    { NULL, "plugins { mid-sync { replay_counters = no } }", 0 },
    { "plugins { mid-sync { replay_counters = no } }", NULL, 0 },
    { "plugins { kernel-fake { lacks = skip } }", NULL, 0 },
  };
  guint i, by_b;

  for (i = 0; i < 2 * G_N_ELEMENTS (ways); i++) {
    Ends *ends = ends_new (flags, ways[i / 2].a, ways[i / 2].b);
    g_autoptr (GBytes) blob = NULL;
    by_b = i & 1;
    up (ends, by_b);
    blob = snapshot (ends, TRUE);
    g_assert_cmpuint (pair_sequence (&ends->pair->a), ==, 1);
    crash (ends, TRUE);
    restore (ends, TRUE, blob);
    pair_run (ends->pair, 1);
    g_assert_cmpuint (count (ends, FALSE, "agreed"), ==, 1);
    g_assert_cmpuint (pair_sequence (&ends->pair->a), ==, 2 + ways[i / 2].raised);
    ends_free (ends);
  }
}

/* More than a peer would take is not asked for, and that is said. */
static void
test_large_gap (gconstpointer flags)
{
  Ends *ends = ends_new (flags, "plugins { mid-sync { replay_gap = 1073741823 } }",
                         "plugins { mid-sync { replay_gap = 1073741824 } }");

  g_assert_null (strstr (ends->pair->a.log->str, "is the most, and is taken"));
  g_assert_nonnull (strstr (ends->pair->b.log->str, "1073741823 is the most, and is taken"));
  ends_free (ends);
}

/* -- other messages */

typedef struct {
  guint8 ids[4 + 16], replay[4 + 16];
  ForgeChain chain;
} Sync;

static void
put32 (guint8 *at, guint32 value)
{
  value = GUINT32_TO_BE (value);
  memcpy (at, &value, sizeof value);
}

static void
add_ids (Sync *sync, guint32 nonce, guint32 send, guint32 receive, gsize len)
{
  memcpy (sync->ids, (guint8[]){ 0, 0, IDS >> 8, IDS & 0xff }, 4);
  put32 (sync->ids + 4, nonce);
  put32 (sync->ids + 8, send);
  put32 (sync->ids + 12, receive);
  forge_add (&sync->chain, IKE_PAYLOAD_NOTIFY, sync->ids, 4 + len);
}

static void
add_replay (Sync *sync, guint32 high, guint32 low, gsize len)
{
  memcpy (sync->replay, (guint8[]){ 0, 0, REPLAY >> 8, REPLAY & 0xff }, 4);
  put32 (sync->replay + 4, len == 8 ? high : low);
  put32 (sync->replay + 8, low);
  forge_add (&sync->chain, IKE_PAYLOAD_NOTIFY, sync->replay, 4 + len);
}

/* To a, from the original responder; what it answers. */
static int
send_to_a (Ends *ends, Sync *sync, guint32 id, gboolean is_response)
{
  ForgeHead head = { .exchange = INFORMATIONAL, .id = id, .is_response = is_response };

  forge_clear (ends->forge);
  forge_send (ends->forge, &head, &sync->chain);
  forge_run_ms (ends->forge, 1);
  return forge_says (ends->forge, forge_sent (ends->forge, FALSE, 0));
}

/* RFC 6311, 5.1: what contradicts the rules is dropped, and changes nothing. */
static void
test_refused (gconstpointer flags)
{
  static const struct {
    guint32 send, receive;
    gsize len;
    guint extra;
  } bad[] = {
    { 2, 2, 12, 0 },  { 0, 100, 12, 0 }, { 1, 2, 12, 0 },          { 50, 2, 11, 0 },
    { 50, 2, 13, 0 }, { 50, 2, 0, 0 },   { 50, 2, 12, 1 },         { 50, 2, 12, 2 },
    { 50, 2, 12, 3 }, { 50, 2, 12, 4 },  { 0xf0000000, 2, 12, 0 }, { 50, 0xffffffff, 12, 0 },
  };
  Ends *ends = ends_new (flags, NULL, NULL);
  guint8 other[4] = { 0, 0, 16400 >> 8, 16400 & 0xff };
  Ids before, after;
  guint i;

  up (ends, FALSE);
  assert_talk (ends, TRUE, 3);
  before = ids_of (ends, FALSE);
  g_assert_cmpuint (before.received, ==, 3);
  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    Sync sync = { .chain = { 0 } };
    add_ids (&sync, 7, bad[i].send, bad[i].receive, bad[i].len);
    if (bad[i].extra == 1)
      forge_add (&sync.chain, IKE_PAYLOAD_NOTIFY, other, sizeof other);
    else if (bad[i].extra == 2)
      forge_add (&sync.chain, IKE_PAYLOAD_NOTIFY, sync.ids, 16);
    else if (bad[i].extra == 3)
      add_replay (&sync, 0, 5, 5);
    else if (bad[i].extra == 4)
      forge_add (&sync.chain, IKE_PAYLOAD_VENDOR, "vendor", 6);
    g_assert_cmpint (send_to_a (ends, &sync, 0, FALSE), ==, FORGE_NONE);
  }
  after = ids_of (ends, FALSE);
  g_assert_cmpuint (after.sent, ==, before.sent);
  g_assert_cmpuint (after.received, ==, before.received);
  g_assert_cmpuint (count (ends, FALSE, "agreed"), ==, 0);
  assert_in_step (ends);
  ends_free (ends);
}

/* RFC 6311, 11: "the Send counter sent by the cluster member should always be monotonically
 * increasing, a rule that the peer enforces by silently dropping messages that contradict it." */
static void
test_replayed (gconstpointer flags)
{
  Ends *ends = ends_new (flags, NULL, NULL);
  Sync first = { .chain = { 0 } }, same = first, next = first;
  guint8 message[512], plain[512], type;
  const ForgePacket *answer;
  ForgeHead head = { .exchange = INFORMATIONAL };
  gsize len, plain_len;

  up (ends, FALSE);
  add_ids (&first, 0x01020304, 50, 60, 12);
  len = forge_write (ends->forge, &head, &first.chain, message);
  forge_clear (ends->forge);
  forge_inject (ends->forge, FALSE, message, len);
  answer = forge_sent (ends->forge, FALSE, 0);
  g_assert_nonnull (answer);
  g_assert_true (forge_open (ends->forge, answer, &type, plain, &plain_len));
  /* The nonce, what a sends next, what it expects. */
  g_assert_cmpuint (plain_len, ==, 4 + 4 + 12);
  g_assert_cmpmem (plain + 8, 12, ((guint8[]){ 1, 2, 3, 4, 0, 0, 0, 60, 0, 0, 0, 50 }), 12);
  /* The same bytes get the same answer. */
  forge_clear (ends->forge);
  forge_inject (ends->forge, FALSE, message, len);
  g_assert_cmpint (forge_says (ends->forge, forge_sent (ends->forge, FALSE, 0)), ==, IDS);
  g_assert_cmpuint (count (ends, FALSE, "agreed"), ==, 1);
  add_ids (&same, 5, 50, 60, 12);
  g_assert_cmpint (send_to_a (ends, &same, 0, FALSE), ==, FORGE_NONE);
  add_ids (&next, 6, 51, 60, 12);
  g_assert_cmpint (send_to_a (ends, &next, 0, FALSE), ==, IDS);
  forge_clear (ends->forge);
  forge_inject (ends->forge, FALSE, message, len);
  g_assert_cmpint (forge_says (ends->forge, forge_sent (ends->forge, FALSE, 0)), ==, FORGE_NONE);
  g_assert_cmpuint (count (ends, FALSE, "agreed"), ==, 2);
  g_assert_cmpuint (count (ends, FALSE, "dropped"), ==, 2);
  g_assert_cmpuint (ids_of (ends, FALSE).received, ==, 51);
  ends_free (ends);
}

static guint32
asked_nonce (Ends *ends, Ids *asked)
{
  guint8 plain[512], type;
  const ForgePacket *packet = forge_sent (ends->forge, TRUE, 0);
  guint32 at[3];
  gsize len;

  g_assert_nonnull (packet);
  g_assert_true (forge_open (ends->forge, packet, &type, plain, &len));
  memcpy (at, plain + 8, sizeof at);
  *asked = (Ids){ GUINT32_FROM_BE (at[1]), GUINT32_FROM_BE (at[2]) };
  return GUINT32_FROM_BE (at[0]);
}

/* Answers that are none: the true one still comes. */
static void
test_other_answers (gconstpointer flags)
{
  Ends *ends = ends_new (flags, NULL, NULL);
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP, .n_times = 1 };
  ForgeHead head = { .from_a = TRUE, .is_response = TRUE, .exchange = INFORMATIONAL };
  g_autoptr (GBytes) blob = NULL;
  guint32 nonce;
  Ids asked;
  guint i;

  up (ends, FALSE);
  blob = snapshot (ends, TRUE);
  crash (ends, TRUE);
  ends->pair->a.net_ops->rule_add (ends->pair->a.net, &rule);
  forge_clear (ends->forge);
  restore (ends, TRUE, blob);
  forge_run_ms (ends->forge, 50);
  nonce = asked_nonce (ends, &asked);
  for (i = 0; i < 6; i++) {
    Sync sync = { .chain = { 0 } };
    if (i < 5)
      add_ids (&sync, nonce ^ (i == 0), asked.received - (i == 1), asked.sent - (i == 2),
               i == 3 ? 11 : 12);
    if (i == 4)
      add_replay (&sync, 0, 1, 4);
    forge_send (ends->forge, &head, &sync.chain);
  }
  g_assert_cmpuint (count (ends, TRUE, "agreed"), ==, 0);
  g_assert_cmpuint (count (ends, TRUE, "dropped"), ==, 6);
  pair_run (ends->pair, 10);
  g_assert_cmpuint (count (ends, TRUE, "agreed"), ==, 1);
  /* "it MUST NOT process the same response again" */
  {
    Sync sync = { .chain = { 0 } };
    add_ids (&sync, nonce, asked.received + 9, asked.sent + 9, 12);
    forge_send (ends->forge, &head, &sync.chain);
  }
  g_assert_cmpuint (count (ends, TRUE, "agreed"), ==, 1);
  assert_in_step (ends);
  ends_free (ends);
}

/* RFC 6311, 5: replay counters alone, "a regular IKEv2 Informational exchange". */
static void
test_replay_alone (gconstpointer flags)
{
  static const struct {
    guint32 high, low;
    gsize len;
    guint32 raised;
  } asked[] = {
    { 0, 1000, 4, 1000 }, { 0, 5, 8, 0 }, { 0, 0, 0, 0 }, { 0, 0, 3, 0 }, { 0, 1u << 30, 4, 0 },
  };
  Ends *ends = ends_new (flags, NULL, NULL);
  guint32 before, i;

  up (ends, FALSE);
  for (i = 0; i < G_N_ELEMENTS (asked); i++) {
    Sync sync = { .chain = { 0 } };
    before = pair_sequence (&ends->pair->a);
    add_replay (&sync, asked[i].high, asked[i].low, asked[i].len);
    g_assert_cmpint (send_to_a (ends, &sync, i, FALSE), ==, FORGE_EMPTY);
    if (asked[i].low < 1u << 30)
      g_assert_cmpuint (pair_sequence (&ends->pair->a), ==, before + 1 + asked[i].raised);
  }
  /* By so much that not many are left: it is replaced. */
  pair_run (ends->pair, 2);
  g_assert_cmpuint (pair_sequence (&ends->pair->a), <, 100);
  g_assert_cmpuint (pair_count (&ends->pair->a, "child.rekeyed"), ==, 1);
  ends_free (ends);
}

/* -- without it */

static void
test_one_without (gconstpointer flags)
{
  static const char off[] = "plugins { mid-sync { load = no } }",
                    no_ids[] = "plugins { mid-sync { message_ids = no } }";
  static const char *const ways[][2] = {
    { off, NULL }, { NULL, off }, { no_ids, NULL }, { NULL, no_ids }, { off, off }
  };
  guint i;

  for (i = 0; i < 2 * G_N_ELEMENTS (ways); i++) {
    Ends *ends = ends_new (flags, ways[i / 2][0], ways[i / 2][1]);
    Sync sync = { .chain = { 0 } };
    g_autoptr (GBytes) blob = NULL;
    up (ends, i & 1);
    assert_talk (ends, FALSE, 2);
    assert_talk (ends, TRUE, 2);
    blob = snapshot (ends, TRUE);
    crash (ends, TRUE);
    restore (ends, TRUE, blob);
    pair_run (ends->pair, 10);
    g_assert_cmpuint (count (ends, TRUE, "asked"), ==, 0);
    /* Nothing was counted since the snapshot; and who did not agree on it drops it. */
    assert_in_step (ends);
    add_ids (&sync, 7, 100, 100, 12);
    if (!(i & 1))
      g_assert_cmpint (send_to_a (ends, &sync, 0, FALSE), ==, FORGE_NONE);
    assert_in_step (ends);
    ends_free (ends);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("mid-sync", "another-member-goes-on", test_taken_over);
  pair_add_test ("mid-sync", "what-is-under-way-begins-anew", test_under_way);
  pair_add_test ("mid-sync", "every-datagram-may-be-lost-once", test_lost);
  pair_add_test ("mid-sync", "and-a-third-one-and-a-fourth", test_twice);
  pair_add_test ("mid-sync", "both-ends-are-clusters", test_both);
  pair_add_test ("mid-sync", "holds-for-what-takes-its-place", test_rekeyed);
  pair_add_test ("mid-sync", "replay-counters-go-up", test_replay_counters);
  pair_add_test ("mid-sync", "a-gap-that-is-too-large-is-cut", test_large_gap);
  pair_add_test ("mid-sync", "replay-counters-alone", test_replay_alone);
  pair_add_test ("mid-sync", "what-contradicts-the-rules-is-dropped", test_refused);
  pair_add_test ("mid-sync", "what-is-repeated-does-nothing", test_replayed);
  pair_add_test ("mid-sync", "other-answers-are-none", test_other_answers);
  pair_add_test ("mid-sync", "one-end-or-both-do-without", test_one_without);
  return g_test_run ();
}
