/* SPDX-License-Identifier: Apache-2.0 */
/* explain.c - why something is not there, in one sentence. */
#include "config.h"
#include "plugin/plugin_private.h"
#include <ikebana/error.h>
#include <string.h>

const char *
ike_state_name (IkeFeatureState state)
{
  static const char *const names[] = { "ready",   "disabled", "abi",    "broken",
                                       "missing", "cycle",    "failed", "shadowed" };
  return (guint) state < G_N_ELEMENTS (names) ? names[state] : "unknown";
}

char *
ike_plugin_why (const IkePlugin *plugin)
{
  gboolean is_absent = !plugin->file && !plugin->is_builtin;
  if (!plugin->is_settled)
    return g_strdup_printf ("plugin %s is not active yet", plugin->name);
  switch (plugin->state) {
  case IKE_STATE_READY:
    return g_strdup_printf ("plugin %s is ready", plugin->name);
  case IKE_STATE_DISABLED:
    return g_strdup_printf ("plugin %s is disabled (%s)", plugin->name, plugin->reason);
  case IKE_STATE_ABI:
    return g_strdup_printf ("plugin %s does not fit: %s", plugin->name, plugin->reason);
  case IKE_STATE_BROKEN:
    return g_strdup_printf ("plugin %s is broken: %s", plugin->name, plugin->reason);
  case IKE_STATE_MISSING:
    return g_strdup_printf (is_absent ? "plugin %s is %s" : "plugin %s lacks what it needs: %s",
                            plugin->name, plugin->reason);
  case IKE_STATE_CYCLE:
    return g_strdup_printf ("plugin %s is part of a circle: %s", plugin->name, plugin->reason);
  case IKE_STATE_FAILED:
    return g_strdup_printf ("plugin %s failed: %s", plugin->name, plugin->reason);
  case IKE_STATE_SHADOWED:
    break;
  }
  return g_strdup_printf ("plugin %s is shadowed: %s", plugin->name, plugin->reason);
}

static gboolean
is_plugins_fault (const IkeFeatureNode *feature)
{
  return feature->plugin->is_settled && feature->plugin->state != IKE_STATE_READY
         && feature->plugin->state == feature->state
         && g_strcmp0 (feature->plugin->reason, feature->reason) == 0;
}

/* About @feature, which is not ready, without its name: to stand behind a colon. */
static char *
why_not (const IkeFeatureNode *feature)
{
  const char *plugin = feature->plugin->name;
  if (!feature->is_settled)
    return g_strdup_printf ("plugin %s is not active yet", plugin);
  if (is_plugins_fault (feature))
    return ike_plugin_why (feature->plugin);
  if (feature->state == IKE_STATE_READY)
    return g_strdup_printf ("provided by plugin %s, ready", plugin);
  const char *what = feature->state == IKE_STATE_MISSING  ? "it "
                     : feature->state == IKE_STATE_CYCLE  ? "it is part of a circle: "
                     : feature->state == IKE_STATE_FAILED ? "it failed: "
                     : feature->state == IKE_STATE_ABI    ? "it does not fit: "
                     : feature->state == IKE_STATE_BROKEN ? "it is broken: "
                                                          : "it is shadowed: ";
  return g_strdup_printf ("plugin %s has it, but %s%s", plugin, what, feature->reason);
}

/* Nobody here has it: does the catalog know who would? */
static char *
why_unknown (const IkeRegistry *registry, const char *feature)
{
  const IkeCatalogEntry *entry = ike_catalog_feature (registry, feature);
  if (entry)
    return g_strdup_printf ("would be provided by plugin %s (package %s), which is not installed",
                            entry->name, entry->package);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (guint i = 0; i < registry->plugins->len; i++) {
    const IkePlugin *plugin = g_ptr_array_index (registry->plugins, i);
    for (guint k = 0; k < plugin->features->len; k++)
      g_ptr_array_add (names, ((IkeFeatureNode *) g_ptr_array_index (plugin->features, k))->name);
  }
  g_ptr_array_add (names, NULL);
  const char *nearest = ike_nearest (feature, (const char *const *) names->pdata);
  return nearest ? g_strdup_printf ("no plugin provides it, did you mean %s?", nearest)
                 : g_strdup ("no plugin provides it");
}

char *
ike_feature_why (const IkeRegistry *registry, const char *name)
{
  const IkeFeatureNode *feature = ike_registry_satisfies (registry, name);
  return feature ? why_not (feature) : why_unknown (registry, name);
}

static char *
explain_feature (const IkeRegistry *registry, const char *name)
{
  const IkeFeatureNode *feature = ike_registry_satisfies (registry, name);
  if (feature && feature->is_settled && feature->state == IKE_STATE_MISSING
      && !is_plugins_fault (feature))
    return g_strdup_printf ("%s %s", feature->name, feature->reason);
  if (!feature && ike_catalog_feature (registry, name)) {
    g_autofree char *text = why_unknown (registry, name);
    return g_strdup_printf ("%s %s", name, text);
  }
  g_autofree char *text = ike_feature_why (registry, name);
  return g_strdup_printf ("%s: %s", feature ? feature->name : name, text);
}

/* A plugin may be ready although some of what it offers is not. */
static char *
explain_plugin (const IkePlugin *plugin)
{
  GString *text = g_string_new (NULL);
  g_autofree char *why = ike_plugin_why (plugin);
  g_string_append (text, why);
  for (guint i = 0; plugin->state == IKE_STATE_READY && i < plugin->features->len; i++) {
    const IkeFeatureNode *feature = g_ptr_array_index (plugin->features, i);
    if (feature->is_settled && feature->state != IKE_STATE_READY)
      g_string_append_printf (text, "; but %s is %s: %s", feature->name,
                              ike_state_name (feature->state), feature->reason);
  }
  return g_string_free (text, FALSE);
}

/* "peap" alone: the first feature of that name, of whatever kind. */
static const char *
full_name (const IkeRegistry *registry, const char *name)
{
  for (guint i = 0; i < registry->plugins->len; i++) {
    const IkePlugin *plugin = g_ptr_array_index (registry->plugins, i);
    for (guint k = 0; k < plugin->features->len; k++) {
      const IkeFeatureNode *feature = g_ptr_array_index (plugin->features, k);
      if (strcmp (feature->provided.name, name) == 0)
        return feature->name;
    }
  }
  return NULL;
}

char *
ike_plugin_explain (IkeEngine *engine, const char *name)
{
  const IkeRegistry *registry = engine->registry;
  const IkePlugin *plugin = g_hash_table_lookup (registry->by_name, name);
  if (plugin)
    return explain_plugin (plugin);
  if (strchr (name, ':'))
    return explain_feature (registry, name);
  const IkeCatalogEntry *entry = ike_catalog_plugin (registry, name);
  if (entry)
    return g_strdup_printf ("plugin %s is not installed (package %s)", name, entry->package);
  const char *feature = full_name (registry, name);
  if (feature)
    return explain_feature (registry, feature);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (guint i = 0; i < registry->plugins->len; i++)
    g_ptr_array_add (names, ((IkePlugin *) g_ptr_array_index (registry->plugins, i))->name);
  g_ptr_array_add (names, NULL);
  const char *nearest = ike_nearest (name, (const char *const *) names->pdata);
  return nearest ? g_strdup_printf ("no plugin %s is known, did you mean %s?", name, nearest)
                 : g_strdup_printf ("no plugin %s is known", name);
}
