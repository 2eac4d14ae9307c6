/* SPDX-License-Identifier: Apache-2.0 */
/* catalog.c - what plugins offer that are not open: read from a file made at build.
 *
 * One fact per line; each belongs to the `plugin` line before it.  A '#' begins a comment line;
 * unknown words are for newer versions and skipped:
 *
 *     plugin NAME VERSION PACKAGE
 *     feature KIND:NAME
 *     kind NAME
 *     option PATH TYPE DEFAULT-IN-QUOTES-OR-DASH
 *
 * A catalog that is missing or damaged costs sentences, not function. */
#include "config.h"
#include "plugin/plugin_private.h"
#include <ikebana/log.h>
#include <string.h>

enum { MAX_CATALOG = 4 * 1024 * 1024, MAX_ENTRIES = 65536 };

void
ike_catalog_entry_free (gpointer data)
{
  IkeCatalogEntry *entry = data;
  g_free (entry->name);
  g_free (entry->version);
  g_free (entry->package);
  g_ptr_array_unref (entry->features);
  g_ptr_array_unref (entry->kinds);
  g_ptr_array_unref (entry->options);
  g_free (entry);
}

static IkeCatalogEntry *
add_entry (IkeRegistry *registry, char **words)
{
  IkeCatalogEntry *entry = g_new0 (IkeCatalogEntry, 1);
  entry->name = g_strdup (words[1]);
  entry->version = g_strdup (words[2]);
  entry->package = g_strdup (words[3]);
  entry->features = g_ptr_array_new_with_free_func (g_free);
  entry->kinds = g_ptr_array_new_with_free_func (g_free);
  entry->options = g_ptr_array_new_with_free_func (ike_option_node_free);
  g_ptr_array_add (registry->catalog, entry);
  return entry;
}

static void
add_option (IkeCatalogEntry *entry, char **words)
{
  gsize len = strlen (words[3]);
  IkeOptionNode *node = g_new0 (IkeOptionNode, 1);
  node->info.struct_size = sizeof node->info;
  node->info.path = g_strdup (words[1]);
  node->info.type = g_strdup (words[2]);
  node->info.doc = g_strdup ("");
  if (len >= 2 && words[3][0] == '"' && words[3][len - 1] == '"') {
    words[3][len - 1] = '\0';
    node->info.fallback = g_strcompress (words[3] + 1);
  }
  node->plugin = g_strdup (entry->name);
  if (ike_option_verify (&node->info, NULL))
    g_ptr_array_add (entry->options, node);
  else
    ike_option_node_free (node);
}

static void
read_line (IkeRegistry *registry, const char *line, IkeCatalogEntry **entry)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 4);
  guint n = g_strv_length (words);
  if (n == 4 && strcmp (words[0], "plugin") == 0 && registry->catalog->len < MAX_ENTRIES)
    *entry = add_entry (registry, words);
  else if (*entry && n == 2 && strcmp (words[0], "feature") == 0)
    g_ptr_array_add ((*entry)->features, g_strdup (words[1]));
  else if (*entry && n == 2 && strcmp (words[0], "kind") == 0)
    g_ptr_array_add ((*entry)->kinds, g_strdup (words[1]));
  else if (*entry && n == 4 && strcmp (words[0], "option") == 0)
    add_option (*entry, words);
}

void
ike_catalog_read (IkeRegistry *registry, const char *file)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize len = 0;
  IkeCatalogEntry *entry = NULL;
  if (!g_file_get_contents (file, &text, &len, &error)) {
    ike_log (registry->engine, IKE_LOG_DEBUG, "plugin", "no catalog: %s", error->message);
    return;
  }
  if (len > MAX_CATALOG || memchr (text, '\0', len)) {
    ike_log (registry->engine, IKE_LOG_ERROR, "plugin", "%s: not a catalog of plugins", file);
    return;
  }
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++)
    read_line (registry, lines[i], &entry);
}

const IkeCatalogEntry *
ike_catalog_plugin (const IkeRegistry *registry, const char *name)
{
  for (guint i = 0; i < registry->catalog->len; i++) {
    const IkeCatalogEntry *entry = g_ptr_array_index (registry->catalog, i);
    if (strcmp (entry->name, name) == 0)
      return entry;
  }
  return NULL;
}

static gboolean
has_name (const GPtrArray *names, const char *name)
{
  for (guint i = 0; i < names->len; i++)
    if (strcmp (g_ptr_array_index (names, i), name) == 0)
      return TRUE;
  return FALSE;
}

const IkeCatalogEntry *
ike_catalog_feature (const IkeRegistry *registry, const char *feature)
{
  for (guint i = 0; i < registry->catalog->len; i++) {
    const IkeCatalogEntry *entry = g_ptr_array_index (registry->catalog, i);
    if (has_name (entry->features, feature))
      return entry;
  }
  return NULL;
}

const IkeCatalogEntry *
ike_catalog_kind (const IkeRegistry *registry, const char *kind)
{
  for (guint i = 0; i < registry->catalog->len; i++) {
    const IkeCatalogEntry *entry = g_ptr_array_index (registry->catalog, i);
    if (has_name (entry->kinds, kind))
      return entry;
  }
  return NULL;
}
