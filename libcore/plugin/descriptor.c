/* SPDX-License-Identifier: Apache-2.0 */
/* descriptor.c - takes over a plugin's descriptor: checked, copied to our sizes, with the kinds
 * and options it declares. */
#include "config.h"
#include "plugin/plugin_private.h"
#include <ikebana/error.h>
#include <string.h>

enum { MAX_FEATURES = 4096, MAX_NAME = 128 };

/* "kind:name" or "kind:name/param": what can stand in a settings file, a log line and a catalog
 * unquoted. */
static gboolean
is_feature_name (const char *name)
{
  gsize kind_len = name ? strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-") : 0;
  if (kind_len == 0 || name[kind_len] != ':' || !name[kind_len + 1] || strlen (name) > MAX_NAME)
    return FALSE;
  for (const char *p = name + kind_len; *p; p++)
    if (!g_ascii_isgraph (*p) || strchr (",{}#\"'\\=", *p))
      return FALSE;
  return TRUE;
}

static gboolean
has_feature (const IkePlugin *plugin, const char *name)
{
  for (guint i = 0; i < plugin->features->len; i++)
    if (strcmp (((IkeFeatureNode *) g_ptr_array_index (plugin->features, i))->name, name) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
take_features (IkePlugin *plugin, GError **error)
{
  const IkeFeature *const *features = plugin->info.features;
  for (guint i = 0; features && features[i]; i++) {
    const IkeFeature *theirs = features[i];
    if (i == MAX_FEATURES || theirs->struct_size < IKE_SIZE_UP_TO (IkeFeature, probe)
        || !is_feature_name (theirs->provides)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                   "entry %u of its features is no proper feature", i);
      return FALSE;
    }
    gboolean is_twice = has_feature (plugin, theirs->provides);
    IkeFeatureNode *feature = ike_registry_add_feature (plugin, theirs->provides);
    memcpy (&feature->info, theirs, MIN (theirs->struct_size, sizeof feature->info));
    if (is_twice)
      ike_feature_settle (feature, IKE_STATE_BROKEN, "plugin %s lists it twice", plugin->name);
  }
  return TRUE;
}

static gboolean
take_kinds (IkePlugin *plugin)
{
  const IkeFeatureKind *const *kinds = plugin->info.kinds;
  for (guint i = 0; kinds && kinds[i] && i < MAX_FEATURES; i++) {
    g_autoptr (GError) error = NULL;
    if (!ike_kind_add (plugin->engine->registry, kinds[i], plugin->name, &error)) {
      ike_plugin_settle (plugin, IKE_STATE_ABI, "%s", error->message);
      return FALSE;
    }
  }
  return TRUE;
}

void
ike_plugin_take_descriptor (IkePlugin *plugin, const IkePluginInfo *info)
{
  g_autoptr (GError) error = NULL;
  if (info->struct_size < IKE_SIZE_UP_TO (IkePluginInfo, reload_commit)) {
    ike_plugin_settle (plugin, IKE_STATE_BROKEN, "its descriptor is too short (%u bytes)",
                       info->struct_size);
    return;
  }
  if (info->abi_major != IKE_ABI_MAJOR || info->abi_minor > IKE_ABI_MINOR
      || g_strcmp0 (info->name, plugin->name) != 0) {
    ike_plugin_settle (plugin, IKE_STATE_BROKEN,
                       "its descriptor says %s, ABI %u.%u; its note says otherwise",
                       info->name ? info->name : "no name", info->abi_major, info->abi_minor);
    return;
  }
  memcpy (&plugin->info, info, MIN (info->struct_size, sizeof plugin->info));
  plugin->is_opened = TRUE;
  plugin->version = g_strdup (info->version);
  plugin->license = g_strdup (info->license);
  plugin->summary = g_strdup (info->summary);
  if (!take_features (plugin, &error) || !ike_options_declare (plugin, &error)) {
    ike_plugin_settle (plugin, IKE_STATE_BROKEN, "%s", error->message);
    return;
  }
  if (take_kinds (plugin) && !ike_options_check_settings (plugin, &error))
    ike_plugin_settle (plugin, IKE_STATE_FAILED, "%s", error->message);
}
