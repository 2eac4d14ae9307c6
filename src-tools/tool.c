/* SPDX-License-Identifier: Apache-2.0 */
/* tool.c - complaints, the nearest name, and values by path. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "show.h"
#include "tool.h"

enum { NAME_MAX_LEN = 64 };

void
tool_complain (const char *format, ...)
{
  g_autofree char *text = NULL, *clean = NULL;
  va_list args;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  clean = show_clean (text);
  fprintf (stderr, "ikebana: %s\n", clean);
}

/* Edit distance in which two swapped neighbours count as one mistake. */
static guint
distance (const char *a, const char *b)
{
  guint rows[3][NAME_MAX_LEN + 1], *before = rows[0], *above = rows[1], *row = rows[2];
  gsize len_a = strlen (a), len_b = strlen (b);
  if (len_a > NAME_MAX_LEN || len_b > NAME_MAX_LEN)
    return G_MAXUINT;
  for (guint j = 0; j <= len_b; j++)
    row[j] = j;
  for (guint i = 1; i <= len_a; i++) {
    guint *oldest = before;
    before = above;
    above = row;
    row = oldest;
    row[0] = i;
    for (guint j = 1; j <= len_b; j++) {
      row[j] = MIN (above[j - 1] + (a[i - 1] != b[j - 1]), MIN (above[j], row[j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = MIN (row[j], before[j - 2] + 1);
    }
  }
  return row[len_b];
}

const char *
tool_nearest (const char *name, const char *const *candidates)
{
  const char *best = NULL;
  gsize len = strlen (name);
  guint best_score = ((guint) len / 3 + 2) * 2;
  for (guint i = 0; candidates[i] != NULL; i++) {
    /* Among equals, the one as long as what was written. */
    guint d = distance (name, candidates[i]), score;
    if (len >= 2 && g_str_has_prefix (candidates[i], name))
      d = MIN (d, 1);
    if (d > len / 3 + 1)
      continue;
    score = d * 2 + (strlen (candidates[i]) != len);
    if (score < best_score) {
      best = candidates[i];
      best_score = score;
    }
  }
  return best;
}

Json *
tool_get (Json *object, const char *path)
{
  g_auto (GStrv) names = g_strsplit (path, ".", -1);
  for (guint i = 0; names[i] != NULL; i++) {
    if (!json_object_is_type (object, json_type_object)
        || !json_object_object_get_ex (object, names[i], &object))
      return NULL;
  }
  return object;
}

const char *
tool_text (Json *object, const char *path, const char *fallback)
{
  Json *value = tool_get (object, path);
  return json_object_is_type (value, json_type_string) ? json_object_get_string (value) : fallback;
}

gboolean
tool_truth (Json *object, const char *path)
{
  return json_object_get_boolean (tool_get (object, path)) ? TRUE : FALSE;
}

gboolean
tool_parse (const GOptionEntry *entries, char ***words, GError **error)
{
  GOptionContext *context = g_option_context_new (NULL);
  gboolean is_read;

  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_add_main_entries (context, entries, NULL);
  is_read = g_option_context_parse_strv (context, words, error);
  g_option_context_free (context);
  return is_read;
}

gboolean
tool_wants_help (const char *const *argv)
{
  return argv[0] != NULL && argv[1] != NULL
         && (strcmp (argv[1], "help") == 0 || g_strv_contains (argv + 1, "--help")
             || g_strv_contains (argv + 1, "-h"));
}
