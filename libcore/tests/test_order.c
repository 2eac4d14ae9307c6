/* SPDX-License-Identifier: Apache-2.0 */
/* test_order.c - the stable topological order. */
#include "config.h"
#include "engine_private.h"
#include "base/order.h"
#include <string.h>

/* Sorts labels; @edges: "a<b" means b comes after a.  Returns the order, or "cycle: …". */
static char *
sorted (const char *labels, const char *edges)
{
  g_autofree char *cycle = NULL;
  g_auto (GStrv) names = g_strsplit (labels, " ", -1);
  g_auto (GStrv) pairs = g_strsplit (edges, " ", -1);
  IkeOrder *order = ike_order_new ();
  for (guint i = 0; names[i]; i++)
    g_assert_cmpuint (ike_order_add (order, names[i], names[i]), ==, i);
  for (guint i = 0; pairs[i] && pairs[i][0]; i++)
    ike_order_after (order, (guint) (strchr (labels, pairs[i][2]) - labels) / 2,
                     (guint) (strchr (labels, pairs[i][0]) - labels) / 2);
  g_autofree gpointer *out = g_new0 (gpointer, g_strv_length (names) + 1);
  gboolean is_sorted = ike_order_sort (order, out, &cycle);
  ike_order_free (order);
  return is_sorted ? g_strjoinv (" ", (char **) out) : g_strconcat ("cycle: ", cycle, NULL);
}

static void
assert_sorted (const char *labels, const char *edges, const char *expected)
{
  g_autofree char *order = sorted (labels, edges);
  g_assert_cmpstr (order, ==, expected);
}

static void
test_ties (void)
{
  assert_sorted ("a b c d", "", "a b c d");
  assert_sorted ("d c b a", "", "d c b a");
}

static void
test_after (void)
{
  assert_sorted ("a b c", "c<a", "b c a");
  assert_sorted ("a b c d", "b<a d<b d<b", "c d b a");
}

static void
test_cycle (void)
{
  assert_sorted ("a b", "a<b b<a", "cycle: a -> b -> a");
  assert_sorted ("a", "a<a", "cycle: a -> a");
}

/* What only waits for the circle is not blamed. */
static void
test_cycle_exact (void)
{
  assert_sorted ("x a b c", "a<x b<a c<b a<c", "cycle: a -> b -> c -> a");
}

static void
test_empty (void)
{
  IkeOrder *order = ike_order_new ();
  g_assert_true (ike_order_sort (order, NULL, NULL));
  ike_order_free (order);
  ike_order_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/order/ties-keep-the-order-of-insertion", test_ties);
  g_test_add_func ("/order/what-comes-after-waits-for-what-goes-first", test_after);
  g_test_add_func ("/order/a-circle-is-an-error-that-names-its-path", test_cycle);
  g_test_add_func ("/order/the-path-holds-the-circle-alone", test_cycle_exact);
  g_test_add_func ("/order/nothing-is-in-order", test_empty);
  return g_test_run ();
}
