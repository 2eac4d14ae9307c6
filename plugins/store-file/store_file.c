/* SPDX-License-Identifier: Apache-2.0 */
/* store_file.c - connections, secrets, pools and authorities from settings files.
 *
 * They may stand in the settings file of the engine itself, and in files of their own, which have
 * the grammar and the keys of swanctl.conf: such a file loads unchanged.  Files are merged in the
 * order in which they are named, as if each were included at the end of the one before.  The store
 * keeps nothing: every load reads the files anew. */
#include "config.h"
#include <string.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/model.h>
#include <ikebana/plugin.h>

#define DEFAULT_FILES "connections.conf"

/* Relative to the directory of the engine's settings file; NULL when the engine has none. */
static char *
file_path (IkeEngine *engine, const char *file)
{
  const char *settings_file = ike_engine_config_file (engine);
  g_autofree char *directory = NULL;

  if (g_path_is_absolute (file))
    return g_strdup (file);
  if (!settings_file)
    return NULL;
  directory = g_path_get_dirname (settings_file);
  return g_build_filename (directory, file, NULL);
}

/* What the default names need not be there; what somebody wrote must. */
static gboolean
merge_files (IkePlugin *self, IkeTree *tree, GError **error)
{
  g_auto (GStrv) files = ike_plugin_option_list (self, "files");
  gboolean is_default = strcmp (ike_plugin_option (self, "files"), DEFAULT_FILES) == 0;

  for (guint i = 0; files[i]; i++) {
    g_autofree char *path = file_path (ike_plugin_engine (self), files[i]);
    g_autoptr (GError) local = NULL;
    if (!path || ike_settings_merge_file (tree, path, &local))
      continue;
    if (is_default && g_error_matches (local, IKE_ERROR, IKE_ERROR_NOT_FOUND))
      continue;
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "connections cannot be read: ");
    return FALSE;
  }
  return TRUE;
}

static IkeTree *
store_load (IkePlugin *self, GError **error)
{
  static const char *const sections[] = { "connections", "secrets", "pools", "authorities" };
  g_autoptr (IkeTree) all = ike_tree_copy (ike_engine_settings (ike_plugin_engine (self)));
  IkeTree *tree;

  if (!merge_files (self, all, error))
    return NULL;
  tree = ike_tree_new_section ();
  for (guint i = 0; i < G_N_ELEMENTS (sections); i++) {
    const IkeTree *section = ike_tree_get (all, sections[i]);
    if (section && ike_tree_type (section) == IKE_TREE_SECTION) {
      g_autoptr (IkeTree) copy = ike_tree_copy (section);
      ike_tree_set_take (tree, sections[i], g_steal_pointer (&copy));
    }
  }
  return tree;
}

static const IkeStoreClass store_class = { .struct_size = sizeof (IkeStoreClass),
                                           .load = store_load };

static const IkeFeature store_feature
  = { .struct_size = sizeof (IkeFeature), .provides = "store:file", .ops = &store_class };
static const IkeFeature *const features[] = { &store_feature, NULL };

static const IkeOptionInfo files_option = {
  sizeof (IkeOptionInfo), "plugin/files", "list", DEFAULT_FILES,
  "Files with connections, secrets, pools and authorities, in the format of swanctl.conf; relative "
  "to the directory of "
  "ikebana.conf. The default need not exist."
};
static const IkeOptionInfo *const options[] = { &files_option, NULL };

IKE_PLUGIN (ike_plugin, "store-file", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "connections from settings files", .features = features, .options = options);
