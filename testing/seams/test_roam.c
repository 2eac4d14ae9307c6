/* SPDX-License-Identifier: Apache-2.0 */
/* test_roam.c - seams of what moves SAs; see roam.c. */
#include "seams/probe.h"
#include "seams/seams.h"
#include <ikebana/tree.h>

static const IkePluginInfo *const roam[] = { &seam_roam_plugin, &probe_plugin, NULL };

static Pair *
roam_pair (gconstpointer flags, guint n_shards)
{
  Pair *pair = pair_new (
      &(PairOptions){ .flags = GPOINTER_TO_UINT (flags), .n_shards = n_shards, .builtin = roam });

  pair_assert_up (pair, NULL);
  return pair;
}

static SeamRoam *
roam_of (const PairEnd *end)
{
  return ike_plugin_state (ike_feature_find (end->engine, "transmit:roam", NULL)->plugin);
}

static void
run_ms (Pair *pair, gint64 ms)
{
  gint64 until = ike_sim_now_us (pair->sim) + ms * 1000;

  while (ike_sim_step (pair->sim, until))
    ;
}

/* A thousand changes at one time are one event for each shard. */
static void
test_net_change (gconstpointer flags)
{
  Pair *pair = roam_pair (flags, 3);
  SeamRoam *heard = roam_of (&pair->a);
  IkeAddr addr = { .family = 4, .bytes = { 10, 0, 0, 1 } };
  g_autoptr (IkeTree) status = NULL;
  guint i;

  for (i = 0; i < 1000; i++)
    pair->a.kernel_ops->set_local (pair->a.kernel, &addr, 1);
  run_ms (pair, 1);
  for (i = 0; i < 3; i++)
    g_assert_cmpuint (heard->n_changes[i], ==, 1);
  g_assert_cmpuint (heard->what, ==, 1 << IKE_CHANGE_ADDRESS);
  pair->a.kernel_ops->set_local (pair->a.kernel, &addr, 1);
  run_ms (pair, 1);
  g_assert_cmpuint (heard->n_changes[2], ==, 2);
  status = pair_status (&pair->a);
  g_assert_cmpint (ike_tree_int (ike_tree_nth (ike_tree_get (status, "sas"), 0), "roamed", 0), ==,
                   2);
  pair_free (pair);
}

/* -- children that are held */

static void
hold (IkeSa *sa, gpointer is_held)
{
  ike_sa_hold_children (sa, is_held != NULL);
}

static void
move_to (IkeSa *sa, gpointer to)
{
  IkeAddr local = *ike_sa_local (sa);

  local.bytes[3] = (guint8) GPOINTER_TO_UINT (to);
  ike_sa_set_endpoints (sa, &local, ike_sa_remote (sa), G_MAXUINT32);
}

static void
assert_children_at (PairEnd *end, guint8 last)
{
  IkeFakeSa sa = { .struct_size = sizeof sa };
  guint i;

  for (i = 0; end->kernel_ops->nth_sa (end->kernel, i, &sa); i++)
    g_assert_cmpuint ((sa.direction == IKE_DIR_OUT ? sa.source : sa.destination).bytes[3], ==,
                      last);
  g_assert_cmpuint (i, >, 0);
}

static void
rekey_child (IkeSa *sa, gpointer unused)
{
  IkeChildRef ref = ike_child_ref (ike_sa_child (sa, 0));

  g_assert_true (ike_sa_begin (sa, "rekey-child", g_memdup2 (&ref, sizeof ref), NULL, NULL));
}

static void
test_hold (gconstpointer flags)
{
  Pair *pair = roam_pair (flags, 1);
  PairEnd *a = &pair->a;
  IkeAddr second = { .family = 4, .bytes = { 10, 0, 0, 9 } };

  g_assert_true (a->net_ops->address_add (a->net, &second));
  g_assert_true (probe_run (pair, a, hold, GUINT_TO_POINTER (1)));
  g_assert_true (probe_run (pair, a, move_to, GUINT_TO_POINTER (9)));
  assert_children_at (a, 1);
  /* Nor is a new one made where the SA is now. */
  g_assert_true (probe_run (pair, a, rekey_child, NULL));
  run_ms (pair, 1000);
  g_assert_cmpuint (pair_count (a, "child.rekeyed"), ==, 1);
  assert_children_at (a, 1);
  pair_run (pair, 60);
  g_assert_true (probe_run (pair, a, hold, NULL));
  run_ms (pair, 100);
  assert_children_at (a, 9);
  /* Set twice it is still the first place that counts. */
  g_assert_true (probe_run (pair, a, hold, GUINT_TO_POINTER (1)));
  g_assert_true (probe_run (pair, a, move_to, GUINT_TO_POINTER (1)));
  g_assert_true (probe_run (pair, a, hold, GUINT_TO_POINTER (1)));
  assert_children_at (a, 9);
  g_assert_true (probe_run (pair, a, hold, NULL));
  run_ms (pair, 100);
  assert_children_at (a, 1);
  pair_free (pair);
}

/* -- pace */

static void
ask_for_life (IkeSa *sa, gpointer unused)
{
  g_assert_true (ike_sa_begin (sa, "liveness", NULL, NULL, NULL));
}

static void
send_again (IkeSa *sa, gpointer unused)
{
  ike_sa_send_again (sa);
}

static void
test_pace (gconstpointer flags)
{
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP };
  Pair *pair = roam_pair (flags, 1);
  PairEnd *a = &pair->a;
  guint id = a->net_ops->rule_add (a->net, &rule);

  g_assert_true (probe_run (pair, a, ask_for_life, NULL));
  run_ms (pair, 1900);
  g_assert_cmpuint (a->net_ops->rule_hits (a->net, id), ==, 1);
  g_assert_true (probe_run (pair, a, send_again, NULL));
  g_assert_cmpuint (a->net_ops->rule_hits (a->net, id), ==, 2);
  /* From the beginning: two seconds to the next, half of all that the default takes to the end. */
  run_ms (pair, 1900);
  g_assert_cmpuint (a->net_ops->rule_hits (a->net, id), ==, 2);
  run_ms (pair, 200);
  g_assert_cmpuint (a->net_ops->rule_hits (a->net, id), ==, 3);
  run_ms (pair, 76 * 1000);
  g_assert_cmpuint (pair_count (a, "ike.closed"), ==, 0);
  run_ms (pair, 8 * 1000);
  g_assert_cmpuint (pair_count (a, "ike.closed"), ==, 1);
  g_assert_cmpuint (roam_of (a)->n_paced, ==, 8);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("roam", "many-changes-are-one-event", test_net_change);
  pair_add_test ("roam", "children-are-held-where-they-are", test_hold);
  pair_add_test ("roam", "the-defaults-pace-is-shared", test_pace);
  return g_test_run ();
}
