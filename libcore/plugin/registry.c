/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c - the plugins of an engine: the passes of loading, activation, and finding
 * features. */
#include "config.h"
#include "plugin/plugin_private.h"
#include "runtime/bus_private.h"
#include <ikebana/error.h>
#include <ikebana/log.h>
#include <string.h>

static void
feature_free (gpointer data)
{
  IkeFeatureNode *feature = data;
  g_free (feature->name);
  g_free (feature->ops);
  g_free (feature->reason);
  g_free (feature->probe_failure);
  g_free (feature);
}

static void
plugin_drop_state (IkePlugin *plugin)
{
  if (plugin->user_state && plugin->free_user_state)
    plugin->free_user_state (plugin->user_state);
  plugin->user_state = NULL;
  plugin->free_user_state = NULL;
}

static void
plugin_free (gpointer data)
{
  IkePlugin *plugin = data;
  g_ptr_array_unref (plugin->features);
  g_free (plugin->name);
  g_free (plugin->file);
  g_free (plugin->version);
  g_free (plugin->license);
  g_free (plugin->summary);
  g_free (plugin->reason);
  g_free (plugin->critical_where);
  g_free (plugin);
}

IkeRegistry *
ike_registry_new (IkeEngine *engine)
{
  IkeRegistry *registry = g_new0 (IkeRegistry, 1);
  registry->engine = engine;
  registry->plugins = g_ptr_array_new_with_free_func (plugin_free);
  registry->order = g_ptr_array_new ();
  registry->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  registry->features = g_hash_table_new (g_str_hash, g_str_equal);
  registry->kinds = g_ptr_array_new_with_free_func (ike_kind_free);
  registry->options = g_ptr_array_new_with_free_func (ike_option_node_free);
  registry->catalog = g_ptr_array_new_with_free_func (ike_catalog_entry_free);
  return registry;
}

/* By now all threads are joined: only here is it certain that no loop, hook or scratch context
 * still uses the state that a plugin set.  Backwards, as in deactivation. */
void
ike_registry_free (IkeRegistry *registry)
{
  if (!registry)
    return;
  for (guint i = registry->order->len; i-- > 0;)
    plugin_drop_state (g_ptr_array_index (registry->order, i));
  for (guint i = 0; i < registry->plugins->len; i++)
    plugin_drop_state (g_ptr_array_index (registry->plugins, i));
  g_ptr_array_unref (registry->order);
  g_hash_table_unref (registry->by_name);
  g_hash_table_unref (registry->features);
  g_ptr_array_unref (registry->options);
  g_ptr_array_unref (registry->catalog);
  g_ptr_array_unref (registry->kinds);
  g_ptr_array_unref (registry->plugins);
  g_free (registry);
}

IkePlugin *
ike_registry_add_plugin (IkeRegistry *registry, const char *name)
{
  IkePlugin *plugin = g_new0 (IkePlugin, 1);
  plugin->engine = registry->engine;
  plugin->name = g_strdup (name);
  plugin->features = g_ptr_array_new_with_free_func (feature_free);
  g_ptr_array_add (registry->plugins, plugin);
  if (!g_hash_table_contains (registry->by_name, name))
    g_hash_table_insert (registry->by_name, plugin->name, plugin);
  return plugin;
}

IkeFeatureNode *
ike_registry_add_feature (IkePlugin *plugin, const char *name)
{
  IkeFeatureNode *feature = g_new0 (IkeFeatureNode, 1);
  const char *colon = strchr (name, ':');
  feature->name = g_strdup (name);
  feature->plugin = plugin;
  feature->provided.feature = feature->name;
  feature->provided.name = feature->name + (colon ? colon + 1 - name : 0);
  feature->provided.plugin = plugin;
  g_ptr_array_add (plugin->features, feature);
  return feature;
}

void
ike_feature_settle (IkeFeatureNode *feature, IkeFeatureState state, const char *format, ...)
{
  va_list args;
  if (feature->is_settled)
    return;
  va_start (args, format);
  feature->reason = g_strdup_vprintf (format, args);
  va_end (args);
  feature->is_settled = TRUE;
  feature->state = state;
}

void
ike_plugin_settle (IkePlugin *plugin, IkeFeatureState state, const char *format, ...)
{
  va_list args;
  if (plugin->is_settled)
    return;
  va_start (args, format);
  plugin->reason = g_strdup_vprintf (format, args);
  va_end (args);
  plugin->is_settled = TRUE;
  plugin->state = state;
  for (guint i = 0; i < plugin->features->len; i++)
    ike_feature_settle (g_ptr_array_index (plugin->features, i), state, "%s", plugin->reason);
}

const IkeTree *
ike_plugin_setting (const IkePlugin *plugin, const char *key)
{
  g_autofree char *path = g_strdup_printf ("plugins.%s.%s", plugin->name, key);
  return ike_tree_get (ike_engine_settings (plugin->engine), path);
}

const IkeTree *
ike_plugin_prefers (const IkePlugin *plugin, const char *feature)
{
  char buffer[32];
  gboolean all = FALSE;
  const IkeTree *prefer = ike_plugin_setting (plugin, "prefer");
  const char *text = prefer ? ike_tree_text (prefer, buffer) : NULL;
  if (!text)
    return NULL;
  if (ike_value_bool (text, &all))
    return all ? prefer : NULL;
  g_auto (GStrv) names = ike_value_list (text);
  return g_strv_contains ((const char *const *) names, feature) ? prefer : NULL;
}

/* A critical plugin must be ready with all that it offers; what the operator gave to another
 * plugin is not lost. */
static gboolean
check_critical (const IkeRegistry *registry, GError **error)
{
  for (guint i = 0; i < registry->plugins->len; i++) {
    const IkePlugin *plugin = g_ptr_array_index (registry->plugins, i);
    if (!plugin->is_critical || g_hash_table_lookup (registry->by_name, plugin->name) != plugin)
      continue;
    if (plugin->is_settled && plugin->state != IKE_STATE_READY) {
      g_autofree char *why = ike_plugin_why (plugin);
      g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "%s, but it is marked critical (%s)", why,
                   plugin->critical_where);
      return FALSE;
    }
    for (guint k = 0; k < plugin->features->len; k++) {
      const IkeFeatureNode *feature = g_ptr_array_index (plugin->features, k);
      if (!feature->is_settled || feature->state == IKE_STATE_READY
          || feature->state == IKE_STATE_SHADOWED)
        continue;
      g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                   "plugin %s is marked critical (%s), but its feature %s is %s: %s", plugin->name,
                   plugin->critical_where, feature->name, ike_state_name (feature->state),
                   feature->reason);
      return FALSE;
    }
  }
  return TRUE;
}

/* Who was to say which peers may come in, and cannot, lets nobody in: the engine does not start
 * without what the operator did not switch off. */
static gboolean
check_guards (const IkeRegistry *registry, GError **error)
{
  for (guint i = 0; i < registry->plugins->len; i++) {
    const IkePlugin *plugin = g_ptr_array_index (registry->plugins, i);
    if (g_hash_table_lookup (registry->by_name, plugin->name) != plugin
        || plugin->state == IKE_STATE_DISABLED)
      continue;
    for (guint k = 0; k < plugin->features->len; k++) {
      const IkeFeatureNode *feature = g_ptr_array_index (plugin->features, k);
      if (!g_str_has_prefix (feature->name, "authorizer:") || !feature->is_settled
          || feature->state == IKE_STATE_READY || feature->state == IKE_STATE_SHADOWED)
        continue;
      g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                   "plugin %s is to say who may come in, but its %s is %s: %s; mend that, or set "
                   "plugins.%s.load = no",
                   plugin->name, feature->name, ike_state_name (feature->state), feature->reason,
                   plugin->name);
      return FALSE;
    }
  }
  return TRUE;
}

/* What the operator chose is no news; what was chosen for want of a choice is. */
static guint32
level_of (IkeFeatureState state)
{
  return state == IKE_STATE_DISABLED   ? IKE_LOG_DEBUG
         : state == IKE_STATE_SHADOWED ? IKE_LOG_NOTICE
                                       : IKE_LOG_ERROR;
}

static void
log_state (const IkePlugin *plugin)
{
  g_autofree char *why = ike_plugin_why (plugin);

  ike_log (plugin->engine, level_of (plugin->state), "plugin", "%s", why);
}

/* Which features this machine has is no matter of the settings. */
static void
log_states_for_check (const IkeRegistry *registry)
{
  for (guint i = 0; i < registry->plugins->len; i++) {
    const IkePlugin *plugin = g_ptr_array_index (registry->plugins, i);
    if (plugin->is_settled && plugin->state != IKE_STATE_READY)
      log_state (plugin);
  }
}

static void
log_states (const IkeRegistry *registry)
{
  for (guint i = 0; i < registry->plugins->len; i++) {
    const IkePlugin *plugin = g_ptr_array_index (registry->plugins, i);
    if (plugin->state != IKE_STATE_READY) {
      log_state (plugin);
      continue;
    }
    for (guint k = 0; k < plugin->features->len; k++) {
      const IkeFeatureNode *feature = g_ptr_array_index (plugin->features, k);
      if (feature->state != IKE_STATE_READY)
        ike_log (plugin->engine, MAX (level_of (feature->state), IKE_LOG_NOTICE), "plugin",
                 "plugin %s: feature %s is %s: %s", plugin->name, feature->name,
                 ike_state_name (feature->state), feature->reason);
    }
  }
}

static void
publish (IkePlugin *plugin)
{
  plugin->is_settled = TRUE;
  plugin->state = IKE_STATE_READY;
  for (guint i = 0; i < plugin->features->len; i++) {
    IkeFeatureNode *feature = g_ptr_array_index (plugin->features, i);
    if (feature->is_settled)
      continue;
    feature->is_settled = TRUE;
    feature->state = IKE_STATE_READY;
    feature->provided.ops = feature->ops;
    feature->provided.index = feature->kind->ready->len;
    g_ptr_array_add (feature->kind->ready, &feature->provided);
  }
}

/* An engine that only checks activates nothing; what would get ready counts as ready, so that a
 * configuration can be checked against it. */
static void
publish_for_check (IkeRegistry *registry)
{
  for (guint i = 0; i < registry->order->len; i++) {
    IkePlugin *plugin = g_ptr_array_index (registry->order, i);
    if (!plugin->is_settled)
      publish (plugin);
  }
  ike_options_mark_ready (registry);
}

/* A name that nobody has is a slip; a plugin that cannot get ready has its state, and the daemon
 * runs. */
static gboolean
check_kernel (IkeRegistry *registry, GError **error)
{
  const IkeTree *setting = ike_tree_get (ike_engine_settings (registry->engine), "core.kernel");
  const char *name = ike_tree_string (setting, NULL, "auto");
  g_autoptr (IkeTree) providers = ike_registry_providers (registry->engine, "kernel:ipsec");
  g_autoptr (GString) known = g_string_new ("auto");
  if (strcmp (name, "auto") == 0)
    return TRUE;
  for (guint i = 0; i < ike_tree_n (providers); i++) {
    const char *plugin = ike_tree_string (ike_tree_nth (providers, i), "plugin", "");
    if (strcmp (plugin, name) == 0)
      return TRUE;
    g_string_append_printf (known, ", %s", plugin);
  }
  g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
               "%s: core.kernel: no plugin %s carries data; known here: %s",
               ike_tree_where (setting), name, known->str);
  return FALSE;
}

gboolean
ike_registry_load (IkeEngine *engine, GError **error)
{
  IkeRegistry *registry = engine->registry;
  g_return_val_if_fail (!registry->is_loaded, FALSE);
  ike_catalog_read (registry,
                    engine->options.catalog_file ? engine->options.catalog_file : IKE_CATALOG);
  for (guint i = 0; ike_core_kinds[i]; i++)
    if (!ike_kind_add (registry, ike_core_kinds[i], "core", error))
      return FALSE;
  ike_registry_scan (registry);
  ike_registry_open (registry);
  ike_options_from_catalog (registry);
  ike_registry_resolve (registry);
  registry->is_loaded = TRUE;
  if (engine->options.flags & IKE_ENGINE_CHECK) {
    publish_for_check (registry);
    log_states_for_check (registry);
  }
  return check_kernel (registry, error) && check_critical (registry, error)
         && check_guards (registry, error);
}

/* What a plugin did before it failed is undone, so that nothing calls into it later. */
static void
fail_activation (IkeRegistry *registry, IkePlugin *plugin, const GError *error)
{
  ike_bus_forget (registry->engine->bus, plugin);
  plugin_drop_state (plugin);
  ike_plugin_settle (plugin, IKE_STATE_FAILED, "%s", error ? error->message : "it gave no reason");
  ike_registry_settle_missing (registry);
}

static void
activate_one (IkeRegistry *registry, IkePlugin *plugin)
{
  g_autoptr (GError) error = NULL;
  if (plugin->is_settled)
    return;
  gboolean is_good = !plugin->info.activate || plugin->info.activate (plugin, &error);
  if (is_good) {
    plugin->is_active = TRUE;
    publish (plugin);
  } else
    fail_activation (registry, plugin, error);
}

gboolean
ike_registry_activate (IkeEngine *engine, GError **error)
{
  IkeRegistry *registry = engine->registry;
  g_return_val_if_fail (registry->is_loaded && !registry->is_activating, FALSE);
  registry->is_activating = TRUE;
  if (engine->options.flags & IKE_ENGINE_CHECK)
    return TRUE;
  for (guint i = 0; i < registry->order->len; i++)
    activate_one (registry, g_ptr_array_index (registry->order, i));
  ike_options_mark_ready (registry);
  log_states (registry);
  return check_critical (registry, error) && check_guards (registry, error);
}

void
ike_registry_each_shutdown (IkeEngine *engine, IkeCall *(*call_for) (IkeEngine *engine))
{
  const GPtrArray *order = engine->registry->order;
  for (guint i = order->len; i-- > 0;) {
    IkePlugin *plugin = g_ptr_array_index (order, i);
    if (plugin->is_active && plugin->info.shutdown)
      plugin->info.shutdown (plugin, call_for (engine));
  }
}

void
ike_registry_deactivate (IkeEngine *engine)
{
  IkeRegistry *registry = engine->registry;
  for (guint i = registry->order->len; i-- > 0;) {
    IkePlugin *plugin = g_ptr_array_index (registry->order, i);
    if (!plugin->is_active)
      continue;
    plugin->is_active = FALSE;
    if (plugin->info.deactivate)
      plugin->info.deactivate (plugin);
  }
}

/* The engine's settings are the new ones already, for as long as this takes. */
gboolean
ike_registry_reload_check (IkeEngine *engine, GError **error)
{
  const GPtrArray *order = engine->registry->order;
  for (guint i = 0; i < order->len; i++) {
    IkePlugin *plugin = g_ptr_array_index (order, i);
    if (!plugin->is_active)
      continue;
    if (!ike_options_check_settings (plugin, error)
        || (plugin->info.reload_check && !plugin->info.reload_check (plugin, error))) {
      g_prefix_error (error, "plugin %s: ", plugin->name);
      return FALSE;
    }
  }
  return TRUE;
}

void
ike_registry_reload_commit (IkeEngine *engine)
{
  const GPtrArray *order = engine->registry->order;
  for (guint i = 0; i < order->len; i++) {
    IkePlugin *plugin = g_ptr_array_index (order, i);
    if (plugin->is_active && plugin->info.reload_commit)
      plugin->info.reload_commit (plugin);
  }
}

const IkeProvided *
ike_feature_find (IkeEngine *engine, const char *name, GError **error)
{
  const IkeFeatureNode *feature = g_hash_table_lookup (engine->registry->features, name);
  if (feature && feature->is_settled && feature->state == IKE_STATE_READY)
    return &feature->provided;
  if (feature && !feature->is_settled)
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                 "feature %s of plugin %s is not active yet: who uses it while activating lists it "
                 "in needs or wants",
                 name, feature->plugin->name);
  else if (error) {
    g_autofree char *why = ike_plugin_explain (engine, name);
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "%s", why);
  }
  return NULL;
}

const IkeProvided *const *
ike_feature_list (IkeEngine *engine, const char *name, guint *n)
{
  static const IkeProvided *const none[1] = { NULL };
  const IkeKindNode *kind = ike_kind_by_name (engine->registry, name);
  *n = kind ? kind->ready->len : 0;
  return *n ? (const IkeProvided *const *) kind->ready->pdata : none;
}

void *
ike_plugin_state (IkePlugin *self)
{
  return self->user_state;
}

void
ike_plugin_set_state (IkePlugin *self, gpointer state_take, GDestroyNotify free_state)
{
  plugin_drop_state (self);
  self->user_state = state_take;
  self->free_user_state = free_state;
}
