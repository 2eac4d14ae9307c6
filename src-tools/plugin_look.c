/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_look.c - the descriptor of a plugin, and its options against its file for conf.d. */
#include <dlfcn.h>
#include <ikebana/tree.h>
#include <string.h>
#include "plugin.h"

enum { CLASS_SIZE_MAX = 4096 };

const IkePluginInfo *
plugin_open (const PluginCase *c, GString *text)
{
  void *handle;
  const IkePluginInfo *info;

  plugin_is_doing (c, "it was opened");
  handle = dlopen (c->file->file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  info = handle ? dlsym (handle, "ike_plugin") : NULL;

  if (!info)
    g_string_printf (text,
                     "it cannot be opened: %s: link it with what it calls (pkg-config "
                     "--libs ikebana-1)",
                     dlerror ());
  return info;
}

/* -- the descriptor */

static void
wrong (GString *text, const char *format, ...)
{
  va_list args;

  if (text->len)
    g_string_append (text, "; ");
  va_start (args, format);
  g_string_append_vprintf (text, format, args);
  va_end (args);
}

static void
look_at_features (const IkePluginInfo *info, GString *text)
{
  for (guint i = 0; info->features && info->features[i]; i++) {
    const IkeFeature *feature = info->features[i];
    const char *name = feature->provides ? feature->provides : "(no name)";
    guint32 ops_size = 0;

    if (feature->struct_size < G_STRUCT_OFFSET (IkeFeature, probe)
        || feature->struct_size > sizeof *feature)
      wrong (text, "feature %s: set .struct_size = sizeof (IkeFeature)", name);
    if (!feature->provides || !strchr (feature->provides, ':'))
      wrong (text, "feature %u: .provides is \"KIND:NAME\"", i);
    if (feature->ops)
      memcpy (&ops_size, feature->ops, sizeof ops_size);
    else if (!g_str_has_prefix (name, "acts:"))
      wrong (text, "feature %s: set .ops to its table", name);
    if (feature->ops && (ops_size < sizeof ops_size || ops_size > CLASS_SIZE_MAX))
      wrong (text, "feature %s: its table begins with .struct_size = sizeof of it", name);
  }
}

static gboolean
is_short (const char *text)
{
  return !text || !*text;
}

gboolean
plugin_check_descriptor (const PluginCase *c, GString *text)
{
  const PluginFile *file = c->file;
  const IkePluginInfo *info = plugin_open (c, text);

  if (!info)
    return FALSE;
  if (info->struct_size < G_STRUCT_OFFSET (IkePluginInfo, shutdown)
      || info->struct_size > sizeof *info) {
    wrong (text, "its size is %u: use IKE_PLUGIN, and rebuild", info->struct_size);
    return FALSE;
  }
  if (info->abi_major != file->abi_major || info->abi_minor != file->abi_minor
      || info->flags != file->flags || g_strcmp0 (info->name, file->note_name) != 0)
    wrong (text, "it says something else than the note: use IKE_PLUGIN for both, and rebuild");
  if (is_short (info->version) || is_short (info->license) || is_short (info->summary))
    wrong (text, "set .version, .license and .summary");
  look_at_features (info, text);
  if (text->len)
    return FALSE;
  g_string_printf (text, "%s %s, %s", info->name, info->version, info->license);
  return TRUE;
}

/* -- options */

static const char *const of_all[] = { "load", "critical", "prefer", NULL };

static char *
find_conf (const PluginCase *c)
{
  g_autofree char *dir = g_path_get_dirname (c->file->file), *above = g_path_get_dirname (dir),
                  *name = g_strconcat (c->file->name, ".conf", NULL);
  char *path;

  if (c->tool->conf)
    return g_strdup (c->tool->conf);
  path = g_build_filename (dir, name, NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_free (path);
    path = g_build_filename (above, name, NULL);
  }
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return path;
  g_free (path);
  return NULL;
}

/* A line `# name = value`: gives both, to be freed.  What is longer is a sentence. */
static gboolean
read_line (char *line, char **name, char **value)
{
  char *at = g_strstrip (line), *equals;

  if (*at == '#')
    at = g_strchug (at + 1);
  equals = strchr (at, '=');
  if (!equals)
    return FALSE;
  *equals = '\0';
  at = g_strchomp (at);
  if (!*at || at[strspn (at, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
    return FALSE;
  *name = g_strdup (at);
  *value = g_strdup (g_strstrip (equals + 1));
  return TRUE;
}

/* name → default */
static GHashTable *
read_conf (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  GHashTable *found;

  if (!g_file_get_contents (path, &text, NULL, error))
    return NULL;
  found = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    char *name, *value;
    if (read_line (lines[i], &name, &value))
      g_hash_table_insert (found, name, value);
  }
  return found;
}

static gboolean
is_same_list (const char *a, const char *b)
{
  g_auto (GStrv) of_a = ike_value_list (a), of_b = ike_value_list (b);

  return g_strv_equal ((const char *const *) of_a, (const char *const *) of_b);
}

/* As whoever reads the option would see them: 300 and 5m are one time. */
static gboolean
is_same_value (const char *type, const char *a, const char *b)
{
  static const struct {
    const char *type;
    gboolean (*read) (const char *text, guint64 *value);
  } numbers[] = { { "uint", ike_value_uint },
                  { "time", ike_value_time },
                  { "bytes", ike_value_bytes } };
  gboolean yes_a, yes_b;
  guint64 n_a, n_b;

  if (strcmp (a, b) == 0)
    return TRUE;
  if (strcmp (type, "list") == 0)
    return is_same_list (a, b);
  if (strcmp (type, "bool") == 0)
    return ike_value_bool (a, &yes_a) && ike_value_bool (b, &yes_b) && !yes_a == !yes_b;
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (strcmp (type, numbers[i].type) == 0)
      return numbers[i].read (a, &n_a) && numbers[i].read (b, &n_b) && n_a == n_b;
  return FALSE;
}

static void
look_at_option (const IkeOptionInfo *option, GHashTable *conf, const char *path, GString *text)
{
  const char *slash = option->path ? strchr (option->path, '/') : NULL;
  const char *name = slash ? slash + 1 : "", *fallback = option->fallback ? option->fallback : "";
  const char *written;

  if (option->struct_size < sizeof *option || !*name || is_short (option->type)) {
    wrong (text, "option %s: set .struct_size, .path (\"plugin/NAME\") and .type",
           option->path ? option->path : "(no path)");
    return;
  }
  if (is_short (option->doc))
    wrong (text, "option %s: set .doc, a sentence on what it is for", option->path);
  if (!conf || !g_str_has_prefix (option->path, "plugin/") || strcmp (option->type, "section") == 0)
    return;
  written = g_hash_table_lookup (conf, name);
  if (!written)
    wrong (text, "%s lacks %s: add \"# %s = %s\"", path, name, name, fallback);
  else if (!is_same_value (option->type, written, fallback))
    wrong (text, "%s says %s = %s, but the default is \"%s\": let them agree", path, name, written,
           fallback);
  g_hash_table_remove (conf, name);
}

static void
look_at_rest (GHashTable *conf, const char *path, GString *text)
{
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, conf);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (!g_strv_contains (of_all, name))
      wrong (text,
             "%s has %s, which is not declared: declare it with IkeOptionInfo, or take it out",
             path, (const char *) name);
}

/* What is installed may have been changed by whoever runs the daemon: nobody takes it unasked. */
static void
tell_of_conf (const char *name, GString *text)
{
  g_autofree char *file = g_strconcat (name, ".conf", NULL);
  g_autofree char *installed = g_build_filename (IKE_SYSCONFDIR, "conf.d", file, NULL);
  gboolean is_there = g_file_test (installed, G_FILE_TEST_IS_REGULAR);

  wrong (text, "there is no %s beside it: %s%s", file,
         is_there ? "to take the installed one, say --conf="
                  : "write one with every option and its default, or name it with --conf",
         is_there ? installed : "");
}

gboolean
plugin_check_options (const PluginCase *c, GString *text)
{
  const IkePluginInfo *info = plugin_open (c, text);
  g_autofree char *path = find_conf (c), *name = path ? g_path_get_basename (path) : NULL;
  g_autoptr (GHashTable) conf = NULL;
  g_autoptr (IkeTree) tree = NULL;
  g_autoptr (GError) error = NULL;
  guint n = 0;

  if (!info)
    return FALSE;
  if (path && (!(tree = ike_settings_load (path, &error)) || !(conf = read_conf (path, &error)))) {
    wrong (text, "%s", error->message);
    return FALSE;
  }
  for (; info->options && info->options[n]; n++)
    look_at_option (info->options[n], conf, name, text);
  if (conf)
    look_at_rest (conf, name, text);
  if (!conf && n > 0)
    tell_of_conf (c->file->name, text);
  if (text->len)
    return FALSE;
  g_string_printf (text, "%u%s%s", n, conf ? ", as in " : "", conf ? name : "");
  return TRUE;
}
