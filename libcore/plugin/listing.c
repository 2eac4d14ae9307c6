/* SPDX-License-Identifier: Apache-2.0 */
/* listing.c - plugins, their states and their order, as trees. */
#include "config.h"
#include "plugin/plugin_private.h"

static IkeTree *
list_feature (IkeTree *list, const IkeFeatureNode *feature)
{
  IkeTree *item = ike_tree_add_section (list, NULL);
  ike_tree_set_string (item, "name", feature->name);
  ike_tree_set_string (item, "state",
                       feature->is_settled ? ike_state_name (feature->state) : "loaded");
  if (feature->reason)
    ike_tree_set_string (item, "reason", feature->reason);
  return item;
}

static void
list_plugin (IkeTree *list, const IkePlugin *plugin)
{
  IkeTree *item = ike_tree_add_section (list, NULL);
  ike_tree_set_string (item, "name", plugin->name);
  ike_tree_set_string (item, "file",
                       plugin->file         ? plugin->file
                       : plugin->is_builtin ? "built in"
                                            : "");
  ike_tree_set_string (item, "version", plugin->version ? plugin->version : "");
  ike_tree_set_string (item, "summary", plugin->summary ? plugin->summary : "");
  ike_tree_set_string (item, "state",
                       plugin->is_settled ? ike_state_name (plugin->state) : "loaded");
  ike_tree_set_string (item, "reason", plugin->reason ? plugin->reason : "");
  ike_tree_set_bool (item, "critical", plugin->is_critical);
  IkeTree *features = ike_tree_add_list (item, "features");
  for (guint i = 0; i < plugin->features->len; i++)
    list_feature (features, g_ptr_array_index (plugin->features, i));
}

IkeTree *
ike_engine_plugins (IkeEngine *engine)
{
  IkeTree *tree = ike_tree_new_section ();
  IkeTree *list = ike_tree_add_list (tree, "plugins");
  for (guint i = 0; i < engine->registry->plugins->len; i++)
    list_plugin (list, g_ptr_array_index (engine->registry->plugins, i));
  return tree;
}

IkeTree *
ike_registry_providers (IkeEngine *engine, const char *feature)
{
  IkeTree *list = ike_tree_new_list ();

  for (guint i = 0; i < engine->registry->plugins->len; i++) {
    const IkePlugin *plugin = g_ptr_array_index (engine->registry->plugins, i);
    for (guint k = 0; k < plugin->features->len; k++) {
      const IkeFeatureNode *node = g_ptr_array_index (plugin->features, k);
      if (strcmp (node->name, feature) == 0)
        ike_tree_set_string (list_feature (list, node), "plugin", plugin->name);
    }
  }
  return list;
}

void
ike_registry_list_order (IkeEngine *engine, IkeTree *list)
{
  for (guint i = 0; i < engine->registry->order->len; i++) {
    const IkePlugin *plugin = g_ptr_array_index (engine->registry->order, i);
    if (plugin->state == IKE_STATE_READY && plugin->is_settled)
      ike_tree_set_string (list, NULL, plugin->name);
  }
}
