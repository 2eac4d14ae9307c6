/* SPDX-License-Identifier: Apache-2.0 */
/* scan.c - the files that lie in the directories. */
#include <string.h>

#include <ikebana/log.h>

#include "private.h"

/* Files that editors and package managers leave beside the one that is meant. */
static gboolean
is_leftover (const char *name)
{
  static const char *const ends[] = { "~",       ".bak",      ".swp",      ".orig",      ".rpmsave",
                                      ".rpmnew", ".dpkg-old", ".dpkg-new", ".dpkg-dist", ".tmp" };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    if (g_str_has_suffix (name, ends[i]))
      return TRUE;
  return name[0] == '.' || name[0] == '#';
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static void
note_problem (Set *set, char *text_take)
{
  g_ptr_array_add (set->problems, text_take);
  ike_log_text (set->state->engine, IKE_LOG_ERROR, LOG_GROUP, NULL, text_take);
}

/* Sorted, so that logs and choices do not depend on the file system. */
static GPtrArray *
list_names (Set *set, const char *path)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (path, 0, &error);
  const char *name;

  if (!dir && !g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    note_problem (set, g_strdup_printf ("%s cannot be listed: %s", path, error->message));
  while (dir && (name = g_dir_read_name (dir)))
    if (!is_leftover (name))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  return names;
}

/* What is locked may still get its passphrase. */
static void
tell (Set *set, const Source *source)
{
  if (source->problem && !source->is_locked)
    ike_log (set->state->engine, IKE_LOG_ERROR, LOG_GROUP, "%s: %s", source->label,
             source->problem);
  if (source->warning)
    ike_log (set->state->engine, IKE_LOG_NOTICE, LOG_GROUP, "%s: %s", source->label,
             source->warning);
}

static guint
scan (Set *set, SourceKind kind, guint n_left)
{
  g_autofree char *directory = g_build_filename (set->directory, source_directory (kind), NULL);
  g_autoptr (GPtrArray) names = list_names (set, directory);
  guint n = 0;

  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename (directory, names->pdata[i], NULL);
    const SourceQuery query = { .kind = kind, .path = path, .is_in_directory = TRUE };
    gboolean is_news;
    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      continue;
    if (n == n_left) {
      note_problem (set, g_strdup_printf ("%s and what follows is left out: there are more than %u "
                                          "files",
                                          path, (guint) FILES_MAX));
      break;
    }
    n++;
    const Source *source = set_take (set, &query, &is_news);
    if (is_news)
      tell (set, source);
  }
  return n;
}

void
scan_directories (Set *set)
{
  guint n_left = FILES_MAX;

  for (SourceKind kind = 0; set->directory && kind < N_DIRECTORIES && n_left > 0; kind++)
    n_left -= scan (set, kind, n_left);
}
