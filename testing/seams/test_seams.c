/* SPDX-License-Identifier: Apache-2.0 */
/* test_seams.c - the throw-away plugins beside this file, between two engines: plain, every wait forced, every completion
 * from another thread in random order, shuffled. */
#include "exchange/pair.h"
#include "seams/seams.h"
#include <string.h>

static const guint32 modes[]
  = { 0, IKE_ENGINE_FORCE_WAITS, IKE_ENGINE_FORCE_WAITS | IKE_ENGINE_FOREIGN_ANSWERS, IKE_ENGINE_SHUFFLE };

static void
assert_up (Pair *pair, const char *child)
{
  g_autofree char *error = pair_up (pair, child);

  if (error)
    g_test_message ("%s\n-- a --\n%s-- b --\n%s", error, pair->a.log->str, pair->b.log->str);
  g_assert_cmpstr (error, ==, NULL);
}

/* The bytes that went over the wire, by exchange. */
typedef struct { guint n_requests[256], n_responses[256]; guint n_bytes_out; } Wire;

static void
count_packet (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  Wire *wire = data;

  if (event == IKE_SIM_SENT && packet->ike)
    (packet->is_response ? wire->n_responses : wire->n_requests)[packet->ike[18]]++;
}

static void
watch (Pair *pair, Wire *wire)
{
  pair->a.net_ops->tap_add (pair->a.net, count_packet, wire);
}

/* -- an exchange before IKE_AUTH that changes keys and AUTH octets --------------------------------------------------- */

static const IkePluginInfo *const intermediate[] = { &seam_intermediate_plugin, NULL };

static void
test_intermediate (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .builtin = intermediate });
  Wire wire = { { 0 } };

  watch (pair, &wire);
  assert_up (pair, NULL);
  g_assert_cmpuint (wire.n_requests[43], ==, 2);
  g_assert_cmpuint (wire.n_responses[43], ==, 2);
  pair_assert_twins (pair);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 1);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 0);
  pair_free (pair);
}

static void
test_intermediate_lost (gconstpointer flags)
{
  guint nth;

  for (nth = 1; nth <= 8; nth++) {
    Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .builtin = intermediate });
    IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP, .first = nth, .n_times = 1 };
    guint id = pair->a.net_ops->rule_add (pair->a.net, &rule);

    assert_up (pair, NULL);
    g_assert_cmpuint (pair->a.net_ops->rule_hits (pair->a.net, id), ==, 1);
    pair_run (pair, 40);
    g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 1);
    g_assert_cmpuint (pair_count (&pair->b, "input.bad-icv"), ==, 0);
    pair_assert_twins (pair);
    pair_free (pair);
  }
}

static void
test_intermediate_twice (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .builtin = intermediate });
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DUPLICATE };

  pair->a.net_ops->rule_add (pair->a.net, &rule);
  assert_up (pair, NULL);
  pair_run (pair, 40);
  g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->b, "input.retransmits"), >=, 4);
  pair_assert_twins (pair);
  pair_free (pair);
}

static void
test_intermediate_tampered (gconstpointer flags)
{
  guint side;

  for (side = 0; side < 2; side++) {
    PairOptions o = { .flags = GPOINTER_TO_UINT (flags), .builtin = intermediate };
    g_autofree char *error = NULL;
    g_autoptr (IkeTree) record = NULL;
    Pair *pair;

    o.more[side] = "plugins { seam-intermediate { tamper = yes } }";
    pair = pair_new (&o);
    error = pair_up (pair, NULL);
    g_assert_nonnull (error);
    record = pair_explain (&pair->b);
    g_assert_cmpstr (ike_tree_string (record, "phase", ""), ==, "auth");
    pair_run (pair, 40);
    g_assert_cmpuint (pair_count (&pair->a, "ike.established"), ==, 0);
    g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 0);
    pair_free (pair);
  }
}

/* ------------------------------------------------------------------------------------------------------------------- */

static void
add (const char *name, GTestDataFunc func)
{
  static const char *const words[] = { "plain", "every-wait-forced", "foreign-answers", "shuffled" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (modes); i++) {
    g_autofree char *path = g_strdup_printf ("/seams/%s/%s", name, words[i]);
    g_test_add_data_func (path, GUINT_TO_POINTER (modes[i]), func);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("intermediate/keys-change-before-auth", test_intermediate);
  add ("intermediate/every-datagram-may-be-lost-once", test_intermediate_lost);
  add ("intermediate/every-datagram-may-come-twice", test_intermediate_twice);
  add ("intermediate/what-was-said-before-auth-is-authenticated", test_intermediate_tampered);
  return g_test_run ();
}
