/* SPDX-License-Identifier: Apache-2.0 */
/* scan.c - finds plugin files, reads their notes, decides which are wanted, and opens those.
 *
 * A plugin that is not wanted is never opened: what it would offer comes from the catalog. */
#include "config.h"
#include "plugin/plugin_private.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever can write the file runs code as us.  Without privileges that is the user's own matter,
 * unless everybody can. */
static gboolean
check_owner (const struct stat *st, const char *what, GError **error)
{
  gboolean is_privileged = geteuid () == 0 || getauxval (AT_SECURE);
  if (S_ISDIR (st->st_mode) && !is_privileged)
    return TRUE;
  if (st->st_mode & S_IWOTH)
    g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED, "%s can be written by everybody: chmod o-w",
                 what);
  else if (is_privileged && st->st_uid != 0 && st->st_uid != geteuid ())
    g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED, "%s belongs to user %lu: chown root", what,
                 (gulong) st->st_uid);
  else if (is_privileged && (st->st_mode & S_IWGRP) && st->st_gid != 0)
    g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED, "%s can be written by group %lu: chmod g-w",
                 what, (gulong) st->st_gid);
  else
    return TRUE;
  return FALSE;
}

static gboolean
check_file (int fd, const char *file, GError **error)
{
  struct stat st, dir_st;
  g_autofree char *dir = g_path_get_dirname (file);
  if (fstat (fd, &st) != 0 || stat (dir, &dir_st) != 0) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "%s", g_strerror (errno));
    return FALSE;
  }
  if (!S_ISREG (st.st_mode)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "not a regular file");
    return FALSE;
  }
  return check_owner (&st, "the file", error) && check_owner (&dir_st, "its directory", error);
}

/* Pass 2.  Everything that can be said without running any code of it. */
static gboolean
check_note (IkePlugin *plugin, IkePluginNote *note)
{
  g_autoptr (GError) error = NULL;
  int fd = open (plugin->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  gboolean is_good =
      fd >= 0 && check_file (fd, plugin->file, &error) && ike_note_read (fd, note, &error);
  if (fd < 0)
    ike_plugin_settle (plugin, IKE_STATE_BROKEN, "%s", g_strerror (errno));
  else
    close (fd);
  if (!is_good) {
    ike_plugin_settle (plugin, IKE_STATE_BROKEN, "%s", error ? error->message : "cannot be read");
    return FALSE;
  }
  if (note->abi_major != IKE_ABI_MAJOR)
    ike_plugin_settle (plugin, IKE_STATE_ABI, "plugin ABI: wanted %u, has %u: rebuild the %s",
                       IKE_ABI_MAJOR, note->abi_major,
                       note->abi_major < IKE_ABI_MAJOR
                           ? "plugin against the headers of this version"
                           : "core, the plugin is newer");
  else if (note->abi_minor > IKE_ABI_MINOR)
    ike_plugin_settle (plugin, IKE_STATE_ABI,
                       "plugin ABI: wanted at most %u.%u, has %u.%u: update the core, or rebuild "
                       "the plugin against its headers",
                       IKE_ABI_MAJOR, IKE_ABI_MINOR, note->abi_major, note->abi_minor);
  else if (strcmp (note->plugin, plugin->name) != 0)
    ike_plugin_settle (plugin, IKE_STATE_BROKEN, "the file holds plugin %s: call it %s.so",
                       note->plugin, note->plugin);
  return !plugin->is_settled;
}

/* What a plugin that stays closed would offer, from the catalog. */
static void
add_features_of_catalog (IkePlugin *plugin)
{
  const IkeCatalogEntry *entry = ike_catalog_plugin (plugin->engine->registry, plugin->name);
  for (guint i = 0; entry && plugin->features->len == 0 && i < entry->features->len; i++)
    ike_registry_add_feature (plugin, g_ptr_array_index (entry->features, i));
  if (entry && !plugin->version)
    plugin->version = g_strdup (entry->version);
  if (plugin->is_settled)
    for (guint i = 0; i < plugin->features->len; i++)
      ike_feature_settle (g_ptr_array_index (plugin->features, i), plugin->state, "%s",
                          plugin->reason);
}

/* Is it wanted?  Configuration speaks first, then who made the engine; then, in check_request(),
 * its own flag. */
static void
check_wanted (IkePlugin *plugin)
{
  char buffer[32];
  gboolean load = TRUE;
  const char *const *asked = plugin->engine->options.plugins;
  const IkeTree *node = ike_plugin_setting (plugin, "load");
  const char *text = node ? ike_tree_text (node, buffer) : NULL;
  if (node && (!text || !ike_value_bool (text, &load)))
    ike_plugin_settle (plugin, IKE_STATE_FAILED, "load is neither yes nor no (%s)",
                       ike_tree_where (node));
  else if (node && !load)
    ike_plugin_settle (plugin, IKE_STATE_DISABLED, "%s",
                       ike_tree_where (node)[0] ? ike_tree_where (node) : "load = no");
  else if (asked && !plugin->is_builtin && !g_strv_contains (asked, plugin->name))
    ike_plugin_settle (plugin, IKE_STATE_DISABLED, "not among the plugins that were asked for");
}

/* Settings alone never suffice for a plugin that harms: who can write a file of conf.d need not be
 * the one who starts the daemon. */
static void
check_request (IkePlugin *plugin, guint32 flags)
{
  const char *const *asked = plugin->engine->options.plugins;
  if ((flags & IKE_PLUGIN_FOR_TESTS) && !(plugin->engine->options.flags & IKE_ENGINE_FOR_TESTS))
    ike_plugin_settle (plugin, IKE_STATE_DISABLED,
                       "for tests only: loads where ikebanad was started with --for-tests");
  else if ((flags & IKE_PLUGIN_ON_REQUEST) && !ike_plugin_setting (plugin, "load")
           && !(asked && g_strv_contains (asked, plugin->name)))
    ike_plugin_settle (plugin, IKE_STATE_DISABLED, "on request only: set plugins.%s.load = yes",
                       plugin->name);
}

static void
read_critical (IkePlugin *plugin)
{
  char buffer[32];
  const IkeTree *node = ike_plugin_setting (plugin, "critical");
  const char *text = node ? ike_tree_text (node, buffer) : NULL;
  if (text && ike_value_bool (text, &plugin->is_critical) && plugin->is_critical)
    plugin->critical_where = g_strdup (ike_tree_where (node));
}

static IkePlugin *
add_found (IkeRegistry *registry, const char *name)
{
  const IkePlugin *first = g_hash_table_lookup (registry->by_name, name);
  IkePlugin *plugin = ike_registry_add_plugin (registry, name);
  read_critical (plugin);
  if (first)
    ike_plugin_settle (plugin, IKE_STATE_SHADOWED, "by plugin %s of the same name (%s)",
                       first->name, first->file ? first->file : "built in");
  return plugin;
}

/* A built-in plugin that is not wanted needs no catalog: its descriptor is in the process
 * anyway. */
static void
add_features_of_builtin (IkePlugin *plugin, const IkePluginInfo *info)
{
  for (guint i = 0; info->features && info->features[i]; i++)
    ike_feature_settle (ike_registry_add_feature (plugin, info->features[i]->provides),
                        plugin->state, "%s", plugin->reason);
}

static void
add_builtins (IkeRegistry *registry, const IkePluginInfo *const *builtin)
{
  for (guint i = 0; builtin && builtin[i]; i++) {
    IkePlugin *plugin = add_found (registry, builtin[i]->name);
    plugin->is_builtin = TRUE;
    check_wanted (plugin);
    check_request (plugin, builtin[i]->flags);
    if (!plugin->is_settled)
      ike_plugin_take_descriptor (plugin, builtin[i]);
    else
      add_features_of_builtin (plugin, builtin[i]);
  }
}

static void
add_file (IkeRegistry *registry, const char *dir, const char *file_name)
{
  IkePluginNote note = { 0 };
  g_autofree char *name = g_strndup (file_name, strlen (file_name) - 3);
  IkePlugin *plugin = add_found (registry, name);
  g_autofree char *path = g_build_filename (dir, file_name, NULL);
  /* A link is followed here, once, so that what is checked is what is opened. */
  char *real = realpath (path, NULL);
  plugin->file = g_strdup (real ? real : path);
  free (real);
  check_wanted (plugin);
  if (!plugin->is_settled && check_note (plugin, &note))
    check_request (plugin, note.flags);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* In the order of their names, so that nothing depends on the file system. */
static void
scan_directory (IkeRegistry *registry, const char *dir)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) handle = g_dir_open (dir, 0, &error);
  if (!handle) {
    ike_log (registry->engine, IKE_LOG_ERROR, "plugin", "plugin directory: %s", error->message);
    return;
  }
  for (const char *name = g_dir_read_name (handle); name; name = g_dir_read_name (handle))
    if (g_str_has_suffix (name, ".so") && name[0] != '.' && strlen (name) > 3)
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    add_file (registry, dir, g_ptr_array_index (names, i));
}

static void
add_absent (IkeRegistry *registry, const char *name, const char *asked_by)
{
  if (g_hash_table_contains (registry->by_name, name))
    return;
  IkePlugin *plugin = ike_registry_add_plugin (registry, name);
  const IkeCatalogEntry *entry = ike_catalog_plugin (registry, name);
  read_critical (plugin);
  if (entry)
    ike_plugin_settle (plugin, IKE_STATE_MISSING, "not installed (package %s), asked for by %s",
                       entry->package, asked_by);
  else
    ike_plugin_settle (plugin, IKE_STATE_MISSING, "not installed, asked for by %s", asked_by);
}

/* Who is named with `load = yes`, as critical, or by the maker of the engine, and has no file:
 * has a state too. */
static void
add_all_absent (IkeRegistry *registry)
{
  const IkeTree *plugins = ike_tree_get (ike_engine_settings (registry->engine), "plugins");
  for (guint i = 0; plugins && i < ike_tree_n (plugins); i++) {
    const IkeTree *section = ike_tree_nth (plugins, i);
    if (ike_tree_type (section) == IKE_TREE_SECTION
        && (ike_tree_bool (section, "load", FALSE) || ike_tree_bool (section, "critical", FALSE)))
      add_absent (registry, ike_tree_name (section),
                  ike_tree_where (section)[0] ? ike_tree_where (section) : "the settings");
  }
  const char *const *asked = registry->engine->options.plugins;
  for (guint i = 0; asked && asked[i]; i++)
    add_absent (registry, asked[i], "whoever started the engine");
}

void
ike_registry_scan (IkeRegistry *registry)
{
  const char *dirs = registry->engine->options.plugin_dir;
  g_auto (GStrv) list = g_strsplit (dirs ? dirs : IKE_PLUGIN_DIR, ":", -1);
  add_builtins (registry, registry->engine->core_plugins);
  add_builtins (registry, registry->engine->options.builtin);
  for (guint i = 0; list[i]; i++)
    if (list[i][0])
      scan_directory (registry, list[i]);
  add_all_absent (registry);
}

/* Pass 3. */
void
ike_registry_open (IkeRegistry *registry)
{
  for (guint i = 0; i < registry->plugins->len; i++) {
    IkePlugin *plugin = g_ptr_array_index (registry->plugins, i);
    if (!plugin->is_settled && !plugin->is_opened) {
      plugin->handle = dlopen (plugin->file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
      const IkePluginInfo *info = plugin->handle ? dlsym (plugin->handle, "ike_plugin") : NULL;
      if (!info) {
        const char *message = dlerror ();
        ike_plugin_settle (plugin, IKE_STATE_BROKEN, "%s",
                           message ? message : "it exports no ike_plugin");
      } else
        ike_plugin_take_descriptor (plugin, info);
    }
    if (plugin->is_settled)
      add_features_of_catalog (plugin);
  }
}
