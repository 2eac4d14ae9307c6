/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - the options that plugins declare: checked when declared, looked up by path or
 * index, read by type. */
#include "config.h"
#include "plugin/plugin_private.h"
#include <ikebana/error.h>
#include <string.h>

void
ike_option_node_free (gpointer data)
{
  IkeOptionNode *node = data;
  g_free ((char *) node->info.path);
  g_free ((char *) node->info.type);
  g_free ((char *) node->info.fallback);
  g_free ((char *) node->info.doc);
  g_free (node->plugin);
  g_free (node);
}

/* Is @text one of the words of "enum:a|b|c"? */
static gboolean
is_enum_word (const char *type, const char *text)
{
  g_auto (GStrv) words = g_strsplit (type + strlen ("enum:"), "|", -1);
  return g_strv_contains ((const char *const *) words, text);
}

const char *
ike_option_hint (const IkeOptionInfo *option)
{
  if (strcmp (option->type, "bool") == 0)
    return ": write yes or no";
  if (strcmp (option->type, "time") == 0)
    return ": write 90, 90s, 5m, 2h or 1d";
  return strcmp (option->type, "bytes") == 0 ? ": write 500, 64k, 10m or 1g" : "";
}

gboolean
ike_option_check (const IkeOptionInfo *option, const char *text, GError **error)
{
  guint64 number;
  gboolean truth, is_good = TRUE;
  if (strcmp (option->type, "bool") == 0)
    is_good = ike_value_bool (text, &truth);
  else if (strcmp (option->type, "uint") == 0)
    is_good = ike_value_uint (text, &number);
  else if (strcmp (option->type, "time") == 0)
    is_good = ike_value_time (text, &number);
  else if (strcmp (option->type, "bytes") == 0)
    is_good = ike_value_bytes (text, &number);
  else if (g_str_has_prefix (option->type, "enum:"))
    is_good = is_enum_word (option->type, text);
  if (!is_good)
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "%s is no value of type %s%s", text,
                 option->type, ike_option_hint (option));
  return is_good;
}

static gboolean
is_known (const char *word, gsize len, const char *const *words)
{
  for (guint i = 0; words[i]; i++)
    if (strlen (words[i]) == len && memcmp (words[i], word, len) == 0)
      return TRUE;
  return FALSE;
}

/* A wrong declaration shows when the plugin is loaded, not when somebody first uses the option. */
gboolean
ike_option_verify (const IkeOptionInfo *option, GError **error)
{
  static const char *const places[] = { "plugin", "connection", "child", "local", "remote",
                                        "secret", "pool",       "core",  NULL };
  static const char *const types[] = { "bool",   "uint", "time",    "bytes",
                                       "string", "list", "section", NULL };
  const char *path = option->path ? option->path : "(null)";
  const char *slash = strchr (path, '/');
  if (option->struct_size < IKE_SIZE_UP_TO (IkeOptionInfo, doc) || !slash || !slash[1]
      || !is_known (path, (gsize) (slash - path), places) || !option->doc) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "option %s is not declared properly", path);
    return FALSE;
  }
  if (!option->type
      || (!g_str_has_prefix (option->type, "enum:")
          && !is_known (option->type, strlen (option->type), types))) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "option %s has the unknown type %s", path,
                 option->type ? option->type : "(null)");
    return FALSE;
  }
  if (option->fallback && !ike_option_check (option, option->fallback, error)) {
    g_prefix_error (error, "option %s has a bad default: ", path);
    return FALSE;
  }
  return TRUE;
}

/* "plugin/NAME" means something else in each plugin; all other paths are one option, whoever
 * declares it. */
static IkeOptionNode *
find_node (const IkeRegistry *registry, const char *plugin, const char *path, guint32 *index)
{
  gboolean is_own = g_str_has_prefix (path, "plugin/");
  for (guint i = 0; i < registry->options->len; i++) {
    IkeOptionNode *node = g_ptr_array_index (registry->options, i);
    if (strcmp (node->info.path, path) != 0
        || (is_own && plugin && strcmp (node->plugin, plugin) != 0))
      continue;
    if (index)
      *index = i;
    return node;
  }
  return NULL;
}

static void
add_node (IkeRegistry *registry, const char *plugin, const IkeOptionInfo *info)
{
  IkeOptionNode *node = g_new0 (IkeOptionNode, 1);
  node->info.struct_size = sizeof node->info;
  node->info.path = g_strdup (info->path);
  node->info.type = g_strdup (info->type);
  node->info.fallback = g_strdup (info->fallback);
  node->info.doc = g_strdup (info->doc);
  node->plugin = g_strdup (plugin);
  g_ptr_array_add (registry->options, node);
}

gboolean
ike_options_declare (IkePlugin *plugin, GError **error)
{
  IkeRegistry *registry = plugin->engine->registry;
  const IkeOptionInfo *const *options = plugin->info.options;
  for (guint i = 0; options && options[i]; i++) {
    if (!ike_option_verify (options[i], error))
      return FALSE;
    const IkeOptionNode *other = find_node (registry, plugin->name, options[i]->path, NULL);
    if (!other)
      add_node (registry, plugin->name, options[i]);
    else if (strcmp (other->plugin, plugin->name) == 0
             || strcmp (other->info.type, options[i]->type) != 0) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                   "option %s is declared by plugin %s already, of type %s", options[i]->path,
                   other->plugin, other->info.type);
      return FALSE;
    }
  }
  return TRUE;
}

/* Of plugins that are not open, so that an error can say whose option it is. */
void
ike_options_from_catalog (IkeRegistry *registry)
{
  for (guint i = 0; i < registry->catalog->len; i++) {
    const IkeCatalogEntry *entry = g_ptr_array_index (registry->catalog, i);
    const IkePlugin *plugin = g_hash_table_lookup (registry->by_name, entry->name);
    for (guint k = 0; (!plugin || !plugin->is_opened) && k < entry->options->len; k++) {
      const IkeOptionNode *known = g_ptr_array_index (entry->options, k);
      if (!find_node (registry, entry->name, known->info.path, NULL))
        add_node (registry, entry->name, &known->info);
    }
  }
}

/* Of several who declare an option, one that is ready answers for it. */
void
ike_options_mark_ready (IkeRegistry *registry)
{
  for (guint i = 0; i < registry->plugins->len; i++) {
    const IkePlugin *plugin = g_ptr_array_index (registry->plugins, i);
    const IkeOptionInfo *const *options =
        plugin->is_settled && plugin->state == IKE_STATE_READY ? plugin->info.options : NULL;
    for (guint k = 0; options && options[k]; k++) {
      IkeOptionNode *node = find_node (registry, plugin->name, options[k]->path, NULL);
      if (!node || node->is_ready)
        continue;
      node->is_ready = TRUE;
      g_free (node->plugin);
      node->plugin = g_strdup (plugin->name);
    }
  }
}

static const IkeOptionInfo *
own_option (const IkePlugin *plugin, const char *name)
{
  const IkeOptionInfo *const *options = plugin->info.options;
  for (guint i = 0; options && options[i]; i++)
    if (g_str_has_prefix (options[i]->path, "plugin/")
        && strcmp (options[i]->path + strlen ("plugin/"), name) == 0)
      return options[i];
  return NULL;
}

static void
set_unknown (GError **error, const IkePlugin *plugin, const IkeTree *node)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const IkeOptionInfo *const *options = plugin->info.options;
  for (guint i = 0; options && options[i]; i++)
    if (g_str_has_prefix (options[i]->path, "plugin/"))
      g_ptr_array_add (names, (char *) options[i]->path + strlen ("plugin/"));
  g_ptr_array_add (names, (char *) "load");
  g_ptr_array_add (names, (char *) "prefer");
  g_ptr_array_add (names, (char *) "critical");
  g_ptr_array_add (names, NULL);
  const char *nearest = ike_nearest (ike_tree_name (node), (const char *const *) names->pdata);
  g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "%s: plugins.%s.%s: unknown option%s%s%s",
               ike_tree_where (node), plugin->name, ike_tree_name (node),
               nearest ? ", did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static gboolean
check_setting (const IkePlugin *plugin, const IkeTree *node, GError **error)
{
  static const char *const ours[] = { "load", "prefer", "critical", NULL };
  char buffer[32];
  const char *name = ike_tree_name (node), *text = ike_tree_text (node, buffer);
  if (!name || g_strv_contains (ours, name))
    return TRUE;
  const IkeOptionInfo *option = own_option (plugin, name);
  if (!option) {
    set_unknown (error, plugin, node);
    return FALSE;
  }
  /* `key =` unsets: the default applies. */
  if (ike_tree_type (node) == IKE_TREE_NULL)
    return TRUE;
  gboolean is_section = strcmp (option->type, "section") == 0;
  if (is_section != !text) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "%s: plugins.%s.%s: wants a %s",
                 ike_tree_where (node), plugin->name, name, is_section ? "section" : "value");
    return FALSE;
  }
  if (text && !ike_option_check (option, text, error)) {
    g_prefix_error (error, "%s: plugins.%s.%s: ", ike_tree_where (node), plugin->name, name);
    return FALSE;
  }
  return TRUE;
}

/* A plugin does not run on settings that it would not understand: what was meant might be a
 * protection. */
gboolean
ike_options_check_settings (const IkePlugin *plugin, GError **error)
{
  g_autofree char *path = g_strdup_printf ("plugins.%s", plugin->name);
  const IkeTree *section = ike_tree_get (ike_engine_settings (plugin->engine), path);
  for (guint i = 0; section && i < ike_tree_n (section); i++)
    if (!check_setting (plugin, ike_tree_nth (section, i), error))
      return FALSE;
  return TRUE;
}

/* @path may also be "plugin/PLUGIN/NAME". */
const IkeOptionInfo *
ike_registry_option (IkeEngine *engine, const char *path, guint32 *index, const char **plugin,
                     gboolean *is_ready)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", 3);
  gboolean is_full = g_strv_length (parts) == 3 && strcmp (parts[0], "plugin") == 0;
  g_autofree char *own_path = is_full ? g_strconcat ("plugin/", parts[2], NULL) : g_strdup (path);
  const IkeOptionNode *node =
      find_node (engine->registry, is_full ? parts[1] : NULL, own_path, index);
  if (!node)
    return NULL;
  if (plugin)
    *plugin = node->plugin;
  if (is_ready)
    *is_ready = node->is_ready;
  return &node->info;
}

const IkeOptionInfo *
ike_registry_option_nth (IkeEngine *engine, guint32 index, const char **plugin, gboolean *is_ready)
{
  if (index >= engine->registry->options->len)
    return NULL;
  const IkeOptionNode *node = g_ptr_array_index (engine->registry->options, index);
  if (plugin)
    *plugin = node->plugin;
  if (is_ready)
    *is_ready = node->is_ready;
  return &node->info;
}

/* A slip of whoever wrote the plugin: said, and read as if it were not set. */
static const IkeOptionInfo *
option_to_read (const IkePlugin *plugin, const char *name, const char *const *types)
{
  const IkeOptionInfo *option = own_option (plugin, name);
  if (!option)
    ike_log (plugin->engine, IKE_LOG_ERROR, "plugin",
             "plugin %s reads its option %s without having declared it with IkeOptionInfo",
             plugin->name, name);
  else if (types && !g_strv_contains (types, option->type)) {
    ike_log (plugin->engine, IKE_LOG_ERROR, "plugin",
             "plugin %s reads its option %s, which it declares as %s, as %s", plugin->name, name,
             option->type, types[0]);
    return NULL;
  }
  return option;
}

static const char *
read_option (IkePlugin *self, const IkeOptionInfo *option)
{
  const IkeTree *node = ike_plugin_setting (self, option->path + strlen ("plugin/"));
  const char *text =
      node && ike_tree_type (node) == IKE_TREE_STRING ? ike_tree_text (node, NULL) : NULL;
  return text ? text : option->fallback;
}

const char *
ike_plugin_option (IkePlugin *self, const char *name)
{
  const IkeOptionInfo *option = option_to_read (self, name, NULL);
  return option ? read_option (self, option) : NULL;
}

gboolean
ike_plugin_option_bool (IkePlugin *self, const char *name)
{
  static const char *const types[] = { "bool", NULL };
  const IkeOptionInfo *option = option_to_read (self, name, types);
  const char *text = option ? read_option (self, option) : NULL;
  gboolean value = FALSE;
  return text && ike_value_bool (text, &value) && value;
}

guint64
ike_plugin_option_uint (IkePlugin *self, const char *name)
{
  static const char *const types[] = { "uint", "time", "bytes", NULL };
  const IkeOptionInfo *option = option_to_read (self, name, types);
  const char *text = option ? read_option (self, option) : NULL;
  guint64 value = 0;
  if (!text)
    return 0;
  if (strcmp (option->type, "time") == 0)
    return ike_value_time (text, &value) ? value : 0;
  if (strcmp (option->type, "bytes") == 0)
    return ike_value_bytes (text, &value) ? value : 0;
  return ike_value_uint (text, &value) ? value : 0;
}

char **
ike_plugin_option_list (IkePlugin *self, const char *name)
{
  static const char *const types[] = { "list", NULL };
  const IkeOptionInfo *option = option_to_read (self, name, types);
  const char *text = option ? read_option (self, option) : NULL;
  return ike_value_list (text ? text : "");
}
