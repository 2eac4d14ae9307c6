/* SPDX-License-Identifier: Apache-2.0 */
/* test_stand_in.c - an operation begins with the exchange that stands in for its first one, and
 * goes on with that one when the peer refuses, or does not answer. */
#include "exchange/pair.h"
#include "seams/seams.h"

enum { INIT = 34, KNOCK = 240 };

typedef struct {
  Pair *pair;
  SeamStandIn *ends[2];
  guint n_requests[256];
  guint32 last_init_id;
} Bed;

static void
count_packet (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  Bed *bed = data;

  if (event != IKE_SIM_SENT || !packet->ike || packet->is_response)
    return;
  bed->n_requests[packet->ike[18]]++;
  if (packet->ike[18] == INIT)
    bed->last_init_id = packet->ike[23];
}

static void
setup (Bed *bed, gconstpointer flags)
{
  static const IkePluginInfo *const builtin[] = { &seam_stand_in_plugin, NULL };

  *bed = (Bed){ .pair = pair_new (
                    &(PairOptions){ .flags = GPOINTER_TO_UINT (flags), .builtin = builtin }) };
  for (guint i = 0; i < 2; i++) {
    PairEnd *end = i ? &bed->pair->b : &bed->pair->a;
    const IkeProvided *at = ike_feature_find (end->engine, "service:seam-stand-in", NULL);
    bed->ends[i] = ike_plugin_state (at->plugin);
  }
  bed->pair->a.net_ops->tap_add (bed->pair->a.net, count_packet, bed);
}

static void
assert_up (Bed *bed)
{
  pair_assert_up (bed->pair, NULL);
  pair_assert_twins (bed->pair);
  g_assert_cmpuint (bed->last_init_id, ==, 0);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.established"), ==, 1);
  g_assert_cmpuint (pair_count (&bed->pair->b, "ike.established"), ==, 1);
}

static void
test_unwanted (gconstpointer flags)
{
  Bed bed;

  setup (&bed, flags);
  assert_up (&bed);
  g_assert_cmpuint (bed.ends[0]->n_asked, ==, 1);
  g_assert_cmpuint (bed.n_requests[KNOCK], ==, 0);
  pair_free (bed.pair);
}

static void
test_refused (gconstpointer flags)
{
  Bed bed;

  setup (&bed, flags);
  bed.ends[0]->is_wanted = TRUE;
  assert_up (&bed);
  g_assert_cmpuint (bed.n_requests[KNOCK], ==, 1);
  g_assert_cmpuint (bed.n_requests[INIT], ==, 1);
  g_assert_cmpuint (bed.ends[0]->n_disposed, ==, 1);
  /* At once, and nothing was kept of it. */
  g_assert_cmpint (ike_sim_now_us (bed.pair->sim), <, G_USEC_PER_SEC);
  g_assert_cmpuint (bed.ends[1]->n_judged, ==, 1);
  pair_free (bed.pair);
}

static void
test_silent (gconstpointer flags)
{
  Bed bed;

  setup (&bed, flags);
  bed.ends[0]->is_wanted = bed.ends[1]->is_silent = TRUE;
  assert_up (&bed);
  g_assert_cmpuint (bed.n_requests[KNOCK], ==, 6);
  g_assert_cmpuint (bed.n_requests[INIT], ==, 1);
  pair_run (bed.pair, 300);
  g_assert_cmpuint (pair_count (&bed.pair->a, "ike.closed"), ==, 0);
  pair_free (bed.pair);
}

/* A peer that answers neither is given up, after both. */
static void
test_dead (gconstpointer flags)
{
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP };
  g_autofree char *error = NULL;
  Bed bed;

  setup (&bed, flags);
  bed.ends[0]->is_wanted = TRUE;
  bed.pair->a.net_ops->rule_add (bed.pair->a.net, &rule);
  error = pair_up (bed.pair, NULL);
  g_assert_nonnull (error);
  g_assert_cmpuint (bed.n_requests[KNOCK], ==, 6);
  g_assert_cmpuint (bed.n_requests[INIT], ==, 6);
  pair_free (bed.pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("stand-in", "where-it-is-not-wanted-nothing-is-different", test_unwanted);
  pair_add_test ("stand-in", "a-refusal-gives-way-at-once", test_refused);
  pair_add_test ("stand-in", "silence-gives-way-in-time", test_silent);
  pair_add_test ("stand-in", "a-dead-peer-is-given-up", test_dead);
  return g_test_run ();
}
