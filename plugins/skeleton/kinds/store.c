/* SPDX-License-Identifier: Apache-2.0 */
/* skeleton.c - a source of configuration: pre-shared keys from a file with one `ID SECRET` a line.
 *
 * A store gives a tree with the sections connections, secrets, pools and authorities, as they stand
 * in swanctl.conf; what several stores give is merged.  It is asked on the control loop each time
 * the configuration is loaded, and keeps nothing. */
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/model.h>
#include <ikebana/plugin.h>
#include <ikebana/tree.h>
#include <string.h>

/* One for each engine; a plugin has no variables of its own. */
typedef struct {
  guint32 n_loaded;
} Skeleton;

static gboolean
add_line (IkeTree *secrets, const char *file, guint number, char *line, GError **error)
{
  g_autofree char *key = g_strdup_printf ("ike-skeleton-%u", number);
  char *secret = line + strcspn (line, " \t");
  IkeTree *section;

  if (line[0] == '\0' || line[0] == '#')
    return TRUE;
  if (*secret == '\0') {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
                 "%s:%u: there is no secret behind the identity", file, number);
    return FALSE;
  }
  *secret++ = '\0';
  section = ike_tree_add_section (secrets, key);
  ike_tree_set_string (section, "id", line);
  ike_tree_set_string (section, "secret", g_strstrip (secret));
  return TRUE;
}

static IkeTree *
skeleton_load (IkePlugin *self, GError **error)
{
  Skeleton *state = ike_plugin_state (self);
  const char *file = ike_plugin_option (self, "file");
  g_autoptr (IkeTree) tree = ike_tree_new_section ();
  IkeTree *secrets = ike_tree_add_section (tree, "secrets");
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  ike_counter_add (ike_plugin_engine (self), state->n_loaded, 1);
  if (*file == '\0')
    return g_steal_pointer (&tree);
  if (!g_file_get_contents (file, &text, NULL, error)) {
    g_prefix_error (error, "plugins.skeleton.file cannot be read: ");
    return NULL;
  }
  lines = g_strsplit (text, "\n", -1);
  ike_wipe (text, strlen (text));
  for (guint i = 0; lines[i]; i++)
    if (!add_line (secrets, file, i + 1, g_strstrip (lines[i]), error))
      return NULL;
  return g_steal_pointer (&tree);
}

static gboolean
skeleton_activate (IkePlugin *self, GError **error)
{
  Skeleton *state = g_new0 (Skeleton, 1);

  ike_plugin_set_state (self, state, g_free);
  state->n_loaded = ike_counter (ike_plugin_engine (self), "skeleton.called");
  return TRUE;
}

static const IkeStoreClass store_class = {
  .struct_size = sizeof store_class,
  .load = skeleton_load,
};

static const IkeFeature store_feature = {
  .struct_size = sizeof store_feature,
  .provides = "store:skeleton",
  .ops = &store_class,
};

static const IkeFeature *const features[] = { &store_feature, NULL };

static const IkeOptionInfo file_option = {
  .struct_size = sizeof file_option,
  .path = "plugin/file",
  .type = "string",
  .fallback = "",
  .doc = "The file with identities and secrets. Empty: none.",
};

static const IkeOptionInfo *const options[] = { &file_option, NULL };

IKE_PLUGIN (ike_plugin, "skeleton", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "pre-shared keys from a plain file", .features = features,
            .options = options, .activate = skeleton_activate);
