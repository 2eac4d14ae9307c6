/* SPDX-License-Identifier: Apache-2.0 */
/* bus.c - hook points: lists of functions in declared order, frozen before the first event. */
#include "config.h"
#include "runtime/bus_private.h"
#include "base/order.h"
#include <ikebana/error.h>
#include <ikebana/tree.h>
#include <string.h>

typedef struct {
  IkePlugin *plugin;
  IkeAnyFunc func;
  char *label;
  char **after;
} Hook;

/* @hooks is what walks read: with no lock, because nothing writes it once the bus is frozen. */
struct _IkeHookPoint {
  char *name;
  Hook **hooks;
  guint n_hooks;
  gboolean is_emitted; /* somebody here asked for it */
  GPtrArray *added; /* owner of the hooks, in the order they came */
};

static void
hook_free (gpointer data)
{
  Hook *hook = data;
  g_free (hook->label);
  g_strfreev (hook->after);
  g_free (hook);
}

static void
point_free (gpointer data)
{
  IkeHookPoint *point = data;
  g_ptr_array_unref (point->added);
  g_free (point->hooks);
  g_free (point->name);
  g_free (point);
}

IkeBus *
ike_bus_new (IkeEngine *engine)
{
  IkeBus *bus = g_new0 (IkeBus, 1);
  bus->engine = engine;
  bus->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  bus->points = g_ptr_array_new_with_free_func (point_free);
  bus->observer = ike_observer_new (engine);
  return bus;
}

void
ike_bus_free (IkeBus *bus)
{
  if (!bus)
    return;
  ike_observer_free (bus->observer);
  g_hash_table_unref (bus->by_name);
  g_ptr_array_unref (bus->points);
  g_free (bus);
}

static IkeHookPoint *
point_of (IkeBus *bus, const char *name)
{
  IkeHookPoint *point = g_hash_table_lookup (bus->by_name, name);
  if (point)
    return point;
  point = g_new0 (IkeHookPoint, 1);
  point->name = g_strdup (name);
  point->added = g_ptr_array_new_with_free_func (hook_free);
  g_ptr_array_add (bus->points, point);
  g_hash_table_insert (bus->by_name, point->name, point);
  return point;
}

IkeHookPoint *
ike_hook_point (IkeEngine *engine, const char *name)
{
  IkeHookPoint *point = point_of (engine->bus, name);
  point->is_emitted = TRUE;
  return point;
}

static Hook *
find_hook (const IkeHookPoint *point, const char *label)
{
  for (guint i = 0; i < point->added->len; i++) {
    Hook *hook = g_ptr_array_index (point->added, i);
    if (strcmp (hook->label, label) == 0)
      return hook;
  }
  return NULL;
}

gboolean
ike_hook_add (IkePlugin *plugin, const char *point_name, const char *label, const char *after,
              IkeAnyFunc func, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (plugin);
  g_return_val_if_fail (func, FALSE);
  if (engine->bus->is_frozen) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                 "hook %s of plugin %s comes too late: hooks are added by activate", label,
                 ike_plugin_name (plugin));
    return FALSE;
  }
  IkeHookPoint *point = point_of (engine->bus, point_name);
  const Hook *other = find_hook (point, label);
  if (other) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                 "hook point %s has a hook labelled %s already, by plugin %s", point_name, label,
                 ike_plugin_name (other->plugin));
    return FALSE;
  }
  Hook *hook = g_new0 (Hook, 1);
  hook->plugin = plugin;
  hook->func = func;
  hook->label = g_strdup (label);
  hook->after = g_strsplit (after ? after : "", " ", -1);
  g_ptr_array_add (point->added, hook);
  return TRUE;
}

void
ike_bus_forget (IkeBus *bus, const IkePlugin *plugin)
{
  g_return_if_fail (!bus->is_frozen);
  for (guint i = 0; i < bus->points->len; i++) {
    IkeHookPoint *point = g_ptr_array_index (bus->points, i);
    for (guint k = point->added->len; k-- > 0;)
      if (((Hook *) g_ptr_array_index (point->added, k))->plugin == plugin)
        g_ptr_array_remove_index (point->added, k);
  }
  ike_observer_forget (bus->observer, plugin);
}

/* A label of a plugin that is not loaded orders nothing; that is no error, the other plugin is
 * optional. */
static void
declare_after (IkeOrder *order, const IkeHookPoint *point, guint index)
{
  const Hook *hook = g_ptr_array_index (point->added, index);
  for (guint i = 0; hook->after[i]; i++)
    for (guint k = 0; k < point->added->len; k++)
      if (strcmp (((Hook *) g_ptr_array_index (point->added, k))->label, hook->after[i]) == 0)
        ike_order_after (order, index, k);
}

static gboolean
freeze_point (IkeHookPoint *point, GError **error)
{
  g_autofree char *cycle = NULL;
  IkeOrder *order = ike_order_new ();
  for (guint i = 0; i < point->added->len; i++) {
    Hook *hook = g_ptr_array_index (point->added, i);
    g_autofree char *label =
        g_strdup_printf ("%s (plugin %s)", hook->label, ike_plugin_name (hook->plugin));
    ike_order_add (order, label, hook);
  }
  for (guint i = 0; i < point->added->len; i++)
    declare_after (order, point, i);
  point->hooks = g_new0 (Hook *, point->added->len + 1);
  gboolean is_sorted = ike_order_sort (order, (gpointer *) point->hooks, &cycle);
  ike_order_free (order);
  if (is_sorted)
    point->n_hooks = point->added->len;
  else
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "hooks at %s come after each other: %s",
                 point->name, cycle);
  return is_sorted;
}

/* A point of a plugin that is not loaded is none: its name looks like no other. */
static void
tell_slip (IkeEngine *engine, const IkeHookPoint *point)
{
  g_autoptr (GPtrArray) emitted = g_ptr_array_new ();
  const char *nearest;
  for (guint i = 0; i < engine->bus->points->len; i++) {
    const IkeHookPoint *other = g_ptr_array_index (engine->bus->points, i);
    if (other->is_emitted)
      g_ptr_array_add (emitted, other->name);
  }
  g_ptr_array_add (emitted, NULL);
  nearest = ike_nearest (point->name, (const char *const *) emitted->pdata);
  if (nearest)
    ike_log (engine, IKE_LOG_ERROR, "plugin",
             "plugin %s has a hook at %s, which nobody emits: did you mean %s?",
             ike_plugin_name (point->hooks[0]->plugin), point->name, nearest);
}

gboolean
ike_bus_freeze (IkeEngine *engine, GError **error)
{
  IkeBus *bus = engine->bus;
  g_return_val_if_fail (!bus->is_frozen, FALSE);
  bus->is_frozen = TRUE;
  ike_observer_freeze (bus->observer);
  for (guint i = 0; i < bus->points->len; i++)
    if (!freeze_point (g_ptr_array_index (bus->points, i), error))
      return FALSE;
  for (guint i = 0; i < bus->points->len; i++) {
    const IkeHookPoint *point = g_ptr_array_index (bus->points, i);
    if (point->n_hooks && !point->is_emitted)
      tell_slip (engine, point);
  }
  return TRUE;
}

IkeTree *
ike_bus_order (IkeEngine *engine)
{
  IkeTree *tree = ike_tree_new_section ();
  IkeTree *hooks = ike_tree_add_section (tree, "hooks");
  for (guint i = 0; i < engine->bus->points->len; i++) {
    const IkeHookPoint *point = g_ptr_array_index (engine->bus->points, i);
    IkeTree *labels = ike_tree_add_list (hooks, point->name);
    for (guint k = 0; k < point->n_hooks; k++)
      ike_tree_set_string (labels, NULL, point->hooks[k]->label);
  }
  return tree;
}

gboolean
ike_hook_point_is_used (const IkeHookPoint *point)
{
  return point && point->n_hooks > 0;
}

IkeHookVerdict
ike_hook_walk (const IkeHookPoint *point,
               IkeHookVerdict (*emit) (IkePlugin *, IkeAnyFunc, IkeSa *, gpointer), IkeSa *sa,
               gpointer event)
{
  for (guint i = 0; i < point->n_hooks; i++) {
    IkeHookVerdict verdict = emit (point->hooks[i]->plugin, point->hooks[i]->func, sa, event);
    if (verdict != IKE_HOOK_PASS)
      return verdict;
  }
  return IKE_HOOK_PASS;
}
