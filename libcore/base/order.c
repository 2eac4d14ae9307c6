/* SPDX-License-Identifier: Apache-2.0 */
/* order.c - a stable topological order: of features, plugins, hooks, tasks and phases.
 *
 * Of all items that may come next, the one that was added first does; so the order depends on
 * what was declared and on nothing else.  Runs while starting, on a few hundred items: the plain
 * quadratic search is meant. */
#include "base/order.h"

typedef struct {
  char *label;
  gpointer item;
  GArray *firsts; /* guint: what this one comes after */
} Node;

struct _IkeOrder {
  GPtrArray *nodes;
  GArray *cycle; /* guint, of the last sort; empty when it went well */
};

static void
node_free (gpointer data)
{
  Node *node = data;
  g_free (node->label);
  g_array_unref (node->firsts);
  g_free (node);
}

static Node *
node_at (const IkeOrder *order, guint index)
{
  return g_ptr_array_index (order->nodes, index);
}

IkeOrder *
ike_order_new (void)
{
  IkeOrder *order = g_new0 (IkeOrder, 1);
  order->nodes = g_ptr_array_new_with_free_func (node_free);
  order->cycle = g_array_new (FALSE, FALSE, sizeof (guint));
  return order;
}

void
ike_order_free (IkeOrder *order)
{
  if (!order)
    return;
  g_ptr_array_unref (order->nodes);
  g_array_unref (order->cycle);
  g_free (order);
}

guint
ike_order_add (IkeOrder *order, const char *label, gpointer item)
{
  Node *node = g_new0 (Node, 1);
  node->label = g_strdup (label);
  node->item = item;
  node->firsts = g_array_new (FALSE, FALSE, sizeof (guint));
  g_ptr_array_add (order->nodes, node);
  return order->nodes->len - 1;
}

void
ike_order_after (IkeOrder *order, guint item, guint first)
{
  g_return_if_fail (item < order->nodes->len && first < order->nodes->len);
  g_array_append_val (node_at (order, item)->firsts, first);
}

/* What @index comes after and is not placed yet; -1 when there is none. */
static gint
first_unplaced (const IkeOrder *order, const gboolean *placed, guint index)
{
  const GArray *firsts = node_at (order, index)->firsts;
  for (guint i = 0; i < firsts->len; i++)
    if (!placed[g_array_index (firsts, guint, i)])
      return (gint) g_array_index (firsts, guint, i);
  return -1;
}

/* Every item that could not be placed waits for one that could not be placed either: following
 * them ends in a circle. */
static void
find_cycle (IkeOrder *order, const gboolean *placed)
{
  g_autofree gboolean *seen = g_new0 (gboolean, order->nodes->len);
  guint at = 0;
  while (placed[at])
    at++;
  while (!seen[at]) {
    seen[at] = TRUE;
    at = (guint) first_unplaced (order, placed, at);
  }
  guint start = at;
  do {
    g_array_append_val (order->cycle, at);
    at = (guint) first_unplaced (order, placed, at);
  } while (at != start);
}

static char *
cycle_text (const IkeOrder *order)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < order->cycle->len; i++)
    g_string_append_printf (text, "%s -> ",
                            node_at (order, g_array_index (order->cycle, guint, i))->label);
  g_string_append (text, node_at (order, g_array_index (order->cycle, guint, 0))->label);
  return g_string_free (text, FALSE);
}

gboolean
ike_order_sort (IkeOrder *order, gpointer *out, char **cycle)
{
  guint n = order->nodes->len;
  g_autofree gboolean *placed = g_new0 (gboolean, n + 1);
  g_array_set_size (order->cycle, 0);
  for (guint n_out = 0; n_out < n; n_out++) {
    guint next = 0;
    while (next < n && (placed[next] || first_unplaced (order, placed, next) >= 0))
      next++;
    if (next == n) {
      find_cycle (order, placed);
      if (cycle)
        *cycle = cycle_text (order);
      return FALSE;
    }
    placed[next] = TRUE;
    out[n_out] = node_at (order, next)->item;
  }
  return TRUE;
}

guint
ike_order_cycle_n (const IkeOrder *order)
{
  return order->cycle->len;
}

gpointer
ike_order_cycle_nth (const IkeOrder *order, guint i)
{
  return node_at (order, g_array_index (order->cycle, guint, i))->item;
}
