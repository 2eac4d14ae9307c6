/* SPDX-License-Identifier: Apache-2.0 */
/* test_resync.c - what another node counted: message IDs and sequence numbers that go up, and the
 * answers to requests with ID 0. */
#include "exchange/pair.h"
#include "seams/probe.h"
#include "seams/seams.h"
#include <string.h>

static const IkePluginInfo *const sync_plugins[] = { &seam_sync_plugin, &probe_plugin, NULL };

typedef struct {
  guint8 data[200];
  gsize len;
  guint n;
} Captured;

static void
assert_ends (Pair *pair, PairEnd *end, const char *operation)
{
  g_autofree char *error = probe_begin (pair, end, operation, NULL);

  g_assert_cmpstr (error, ==, NULL);
}

static void
count_done (IkeSa *sa, gpointer data, const char *error)
{
  (*(guint *) data)++;
}

static void
begin_counted_sync (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_begin (sa, "sync", NULL, count_done, data));
}

static void
begin_counted_liveness (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_begin (sa, "liveness", NULL, count_done, data));
}

static void
capture_answer (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  Captured *c = data;

  if (event == IKE_SIM_SENT && packet->ike && packet->ike[18] == 37 && packet->is_response && !c->n
      && packet->len <= sizeof c->data) {
    memcpy (c->data, packet->data, packet->len);
    c->len = packet->len;
    c->n++;
  }
}

/* All have message ID 0: the answer to an older one, put in front of the true one, is none. */
static void
test_sync_replayed_answer (gconstpointer flags)
{
  Pair *pair =
      pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags), .builtin = sync_plugins });
  IkeSimRule rule = {
    .struct_size = sizeof rule, .action = IKE_SIM_DROP, .which = IKE_SIM_RESPONSE, .n_times = 1
  };
  Captured captured = { 0 };
  guint n_done = 0;
  guint64 bad;

  pair_assert_up (pair, NULL);
  pair->a.net_ops->tap_add (pair->a.net, capture_answer, &captured);
  assert_ends (pair, &pair->a, "sync");
  g_assert_cmpuint (captured.n, ==, 1);
  pair->a.net_ops->rule_add (pair->a.net, &rule);
  bad = pair_count (&pair->a, "input.bad-message-id");
  g_assert_true (probe_run (pair, &pair->a, begin_counted_sync, &n_done));
  pair_run (pair, 1);
  pair_inject (pair, "10.0.0.2", "10.0.0.1", captured.data, captured.len);
  pair_run (pair, 1);
  g_assert_cmpuint (pair_count (&pair->a, "input.bad-message-id"), ==, bad + 1);
  g_assert_cmpuint (n_done, ==, 0);
  pair_run (pair, 10);
  g_assert_cmpuint (n_done, ==, 1);
  g_assert_cmpuint (probe_of (&pair->a)->n_down, ==, 0);
  assert_ends (pair, &pair->a, "liveness");
  pair_free (pair);
}

/* -- what another node counted */

typedef struct {
  guint32 sent, received;
} Ids;

static void
raise_ids (IkeSa *sa, gpointer data)
{
  const Ids *ids = data;

  ike_sa_raise_message_ids (sa, ids->sent, ids->received);
}

static void
assert_ids (IkeSa *sa, gpointer data)
{
  const Ids *wanted = data;
  Ids ids;

  ike_sa_message_ids (sa, &ids.sent, &ids.received);
  g_assert_cmpuint (ids.sent, ==, wanted->sent);
  g_assert_cmpuint (ids.received, ==, wanted->received);
}

/* A request is under way at both ends, and none of them gets an answer: they begin anew. */
static void
test_raised (gconstpointer flags)
{
  Pair *pair =
      pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags), .builtin = sync_plugins });
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP, .n_times = 2 };
  guint n_done = 0;

  pair_assert_up (pair, NULL);
  pair->a.net_ops->rule_add (pair->a.net, &rule);
  g_assert_true (probe_run (pair, &pair->a, begin_counted_liveness, &n_done));
  g_assert_true (probe_run (pair, &pair->b, begin_counted_liveness, &n_done));
  g_assert_true (probe_run (pair, &pair->a, raise_ids, &(Ids){ 50, 70 }));
  g_assert_true (probe_run (pair, &pair->b, raise_ids, &(Ids){ 70, 50 }));
  pair_run (pair, 10);
  g_assert_cmpuint (n_done, ==, 2);
  g_assert_true (probe_run (pair, &pair->a, assert_ids, &(Ids){ 51, 71 }));
  /* Never down. */
  g_assert_true (probe_run (pair, &pair->a, raise_ids, &(Ids){ 3, 4 }));
  g_assert_true (probe_run (pair, &pair->a, assert_ids, &(Ids){ 51, 71 }));
  assert_ends (pair, &pair->a, "liveness");
  assert_ends (pair, &pair->b, "liveness");
  g_assert_cmpuint (pair_count (&pair->a, "output.retransmits"), ==, 0);
  pair_free (pair);
}

static void
skip (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_skip_sequences (sa, *(guint64 *) data));
}

static void
cannot_skip (IkeSa *sa, gpointer data)
{
  g_assert_false (ike_sa_skip_sequences (sa, 1));
}

static void
test_skipped (gconstpointer flags)
{
  PairOptions o = { .flags = GPOINTER_TO_UINT (flags),
                    .builtin = sync_plugins,
                    .more = { NULL, "plugins { kernel-fake { lacks = skip } }" } };
  Pair *pair = pair_new (&o);

  pair_assert_up (pair, NULL);
  g_assert_cmpuint (pair_sequence (&pair->a), ==, 1);
  g_assert_true (probe_run (pair, &pair->a, skip, &(guint64){ 1000 }));
  g_assert_cmpuint (pair_sequence (&pair->a), ==, 1002);
  g_assert_true (probe_run (pair, &pair->a, skip, &(guint64){ G_MAXUINT32 - 1003 }));
  g_assert_cmpuint (pair_sequence (&pair->a), ==, G_MAXUINT32);
  g_assert_true (probe_run (pair, &pair->b, cannot_skip, NULL));
  pair_free (pair);
}

/* -- of what is restored, CHILD_SAs are in the kernel later */

static const guint8 key[32] = { 4, 5, 6 }, nonces[2][16];

static void
take_snapshot (IkeSa *sa, gpointer data)
{
  *(GBytes **) data = ike_sa_snapshot (sa, key, NULL);
}

static void
child_installed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  IkeSa *sa = owner;

  g_assert_cmpstr (error, ==, NULL);
  /* Too late for that, but not for the first packet. */
  g_assert_true (ike_sa_skip_sequences (sa, 3));
  ike_child_set_up (ike_sa_child (sa, 0));
}

static const IkeCallClass install_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "install",
  .timeout_ms = 1000,
  .then = child_installed,
};

static void
install (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_skip_sequences (sa, 1000));
  g_assert_true (ike_sa_skip_sequences (sa, 20));
  ike_child_install (ike_sa_child (sa, 0), FALSE, NULL, 0, nonces[0], sizeof nonces[0], nonces[1],
                     sizeof nonces[1], ike_sa_call (sa, &install_call, NULL));
}

static void
test_skipped_before (gconstpointer flags)
{
  PairOptions o = { .flags = GPOINTER_TO_UINT (flags), .builtin = sync_plugins };
  Pair *pair = pair_new (&o);
  g_autoptr (GBytes) blob = NULL;
  g_autofree char *error = NULL;

  pair_assert_up (pair, NULL);
  g_assert_true (probe_run (pair, &pair->b, take_snapshot, &blob));
  pair_restart (pair, &pair->b, &o);
  error = pair_restore (pair, &pair->b, blob, key, &probe_of (&pair->b)->sa);
  g_assert_cmpstr (error, ==, NULL);
  g_assert_true (probe_run (pair, &pair->b, install, NULL));
  pair_run (pair, 1);
  g_assert_cmpuint (pair_sequence (&pair->b), ==, 1000 + 20 + 3 + 1);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("seams", "resync/an-older-answer-is-none", test_sync_replayed_answer);
  pair_add_test ("seams", "resync/message-ids-go-up-and-requests-begin-anew", test_raised);
  pair_add_test ("seams", "resync/sequence-numbers-go-up", test_skipped);
  pair_add_test ("seams", "resync/sequence-numbers-begin-higher", test_skipped_before);
  return g_test_run ();
}
