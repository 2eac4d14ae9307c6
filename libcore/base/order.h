/* SPDX-License-Identifier: Apache-2.0 */
/* order.h - topological order, for features, tasks, hooks and phases.  Stable: ties keep the order in which they were
 * added. */
#pragma once
#include <ikebana/defs.h>

typedef struct _IkeOrder IkeOrder;

IkeOrder *ike_order_new   (void);
void      ike_order_free  (IkeOrder *order);
guint     ike_order_add   (IkeOrder *order, const char *label, gpointer item);       /* index */
void      ike_order_after (IkeOrder *order, guint item, guint first);                /* @item comes after @first */
/* FALSE: cycle = "a -> b -> a", g_free */
gboolean  ike_order_sort  (IkeOrder *order, gpointer *out, char **cycle);
/* After a sort that failed, the items of the circle. */
guint     ike_order_cycle_n   (const IkeOrder *order);
gpointer  ike_order_cycle_nth (const IkeOrder *order, guint i);
