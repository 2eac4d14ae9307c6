/* SPDX-License-Identifier: Apache-2.0 */
/* show.c - single values for people: colours, indented sections, log lines. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "show.h"

enum { INLINE_DEPTH_MAX = 4, INDENT_DEPTH_MAX = 16 };

const char *
show_color (const Tool *tool, ShowColor color)
{
  static const char *const codes[] = { "\033[0m",  "\033[1m",  "\033[32m",
                                       "\033[33m", "\033[31m", "\033[2m" };
  return tool->has_color ? codes[color] : "";
}

ShowColor
show_color_of_state (const char *word)
{
  static const char *const good[] = { "established", "installed", "ready",  "up",
                                      "ok",          "added",     "routed", NULL };
  static const char *const warn[] = { "connecting", "rekeying", "rekeyed", "deleting",   "disabled",
                                      "shadowed",   "changed",  "created", "installing", "updating",
                                      "notice",     "removed",  NULL };
  static const char *const bad[] = { "failed", "missing", "broken", "abi",
                                     "cycle",  "error",   "down",   NULL };
  g_autofree char *lower = g_ascii_strdown (word, -1);
  if (g_strv_contains (good, lower))
    return SHOW_GOOD;
  if (g_strv_contains (warn, lower))
    return SHOW_WARN;
  return g_strv_contains (bad, lower) ? SHOW_BAD : SHOW_PLAIN;
}

void
show_json (Json *value, gboolean pretty)
{
  int flags =
      JSON_C_TO_STRING_NOSLASHESCAPE
      | (pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN);
  printf ("%s\n", json_object_to_json_string_ext (value, flags));
}

/* Depth is bounded here and by the reader of the connection. */
static void
append_inline (GString *out, Json *value, guint depth)
{
  if (value == NULL) {
    g_string_append_c (out, '-');
  } else if (depth == INLINE_DEPTH_MAX) {
    g_string_append (out, "…");
  } else if (json_object_is_type (value, json_type_array)) {
    for (size_t i = 0; i < json_object_array_length (value); i++) {
      g_string_append (out, i > 0 ? ", " : "");
      append_inline (out, json_object_array_get_idx (value, i), depth + 1);
    }
  } else if (json_object_is_type (value, json_type_object)) {
    gboolean is_first = TRUE;
    json_object_object_foreach (value, key, child) {
      g_string_append_printf (out, "%s%s=", is_first ? "" : " ", key);
      append_inline (out, child, depth + 1);
      is_first = FALSE;
    }
  } else if (json_object_is_type (value, json_type_boolean)) {
    g_string_append (out, json_object_get_boolean (value) ? "yes" : "no");
  } else {
    g_string_append (out, json_object_get_string (value));
  }
}

char *
show_inline (Json *value)
{
  g_autoptr (GString) out = g_string_new (NULL);
  append_inline (out, value, 0);
  return show_clean (out->str);
}

static gboolean
is_container (Json *value)
{
  return json_object_is_type (value, json_type_object)
         || json_object_is_type (value, json_type_array);
}

static void
show_member (const Tool *tool, const char *key, Json *value, guint indent)
{
  g_autofree char *name = show_clean (key), *text = NULL;
  ShowColor color;
  if (is_container (value)) {
    printf ("%*s%s%s:%s\n", (int) indent * 2, "", show_color (tool, SHOW_BOLD), name,
            show_color (tool, SHOW_PLAIN));
    show_indented (tool, value, indent + 1);
    return;
  }
  text = show_inline (value);
  color = show_color_of_state (text);
  printf ("%*s%s: %s%s%s\n", (int) indent * 2, "", name,
          color != SHOW_PLAIN ? show_color (tool, color) : "", text,
          color != SHOW_PLAIN ? show_color (tool, SHOW_PLAIN) : "");
}

void
show_indented (const Tool *tool, Json *value, guint indent)
{
  if (indent > INDENT_DEPTH_MAX || !is_container (value)) {
    g_autofree char *text = show_inline (value);
    printf ("%*s%s\n", (int) indent * 2, "", text);
    return;
  }
  if (json_object_is_type (value, json_type_object)) {
    json_object_object_foreach (value, key, child)
      show_member (tool, key, child, indent);
    return;
  }
  for (size_t i = 0; i < json_object_array_length (value); i++) {
    Json *item = json_object_array_get_idx (value, i);
    if (is_container (item) && i > 0)
      printf ("\n");
    show_indented (tool, item, indent);
  }
}

static void
show_time (const Tool *tool, Json *record)
{
  gint64 time_us = json_object_get_int64 (tool_get (record, "time-us"));
  const char *text = tool_text (record, "time", NULL);
  time_t seconds = (time_t) (time_us / G_USEC_PER_SEC);
  struct tm tm = { 0 };
  char buffer[64] = "";
  if (time_us > 0 && localtime_r (&seconds, &tm) != NULL
      && strftime (buffer, sizeof buffer, "%Y-%m-%d %H:%M:%S", &tm) > 0)
    text = buffer;
  if (text != NULL)
    printf ("%s%s%s ", show_color (tool, SHOW_DIM), text, show_color (tool, SHOW_PLAIN));
}

void
show_record (const Tool *tool, Json *record)
{
  const char *level = tool_text (record, "level", NULL), *group = tool_text (record, "group", NULL);
  const char *subject = tool_text (record, "subject", NULL),
             *text = tool_text (record, "text", NULL);
  g_autofree char *line = text != NULL ? show_clean (text) : show_inline (record);
  if (text != NULL) {
    show_time (tool, record);
    if (level != NULL)
      printf ("%s%s%s ", show_color (tool, show_color_of_state (level)), level,
              show_color (tool, SHOW_PLAIN));
    if (group != NULL)
      printf ("[%s] ", group);
    if (subject != NULL) {
      g_autofree char *clean = show_clean (subject);
      printf ("%s: ", clean);
    }
  }
  printf ("%s\n", line);
  fflush (stdout);
}
