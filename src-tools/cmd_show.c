/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_show.c - results with a form of their own: explain (side by side), reload (what changes), plugins (states). */
#include <stdio.h>
#include <string.h>
#include "cmd.h"
#include "show.h"

static gsize
length (Json *list)
{
  return json_object_is_type (list, json_type_array) ? json_object_array_length (list) : 0;
}

static void
print_sentence (const Tool *tool, ShowColor color, const char *text)
{
  g_autofree char *clean = show_clean (text);
  printf ("%s%s%s\n", show_color (tool, color), clean, show_color (tool, SHOW_PLAIN));
}

/* -- explain -------------------------------------------------------------------------------------------------------- */

static void
print_sides (const Tool *tool, Json *differences)
{
  if (length (differences) > 0)
    show_table (tool, "what:what peer:peer ours:ours setting:setting", differences);
}

static void
print_explanation (const Tool *tool, Json *event)
{
  static const char *const shown[] = { "text", "differences", "advice", NULL };
  const char *text = tool_text (event, "text", NULL), *advice = tool_text (event, "advice", NULL);
  if (text != NULL)
    print_sentence (tool, SHOW_BOLD, text);
  print_sides (tool, tool_get (event, "differences"));
  json_object_object_foreach (event, key, value) {
    g_autoptr (Json) one = NULL;
    if (g_strv_contains (shown, key) || value == NULL)
      continue;
    one = json_object_new_object ();
    json_object_object_add (one, key, json_object_get (value));
    show_indented (tool, one, 1);
  }
  if (advice != NULL)
    print_sentence (tool, SHOW_GOOD, advice);
}

gboolean
cmd_show_explain (const Tool *tool, const char *name, Json *result)
{
  Json *events = tool_get (result, "explanations");
  if (strcmp (name, "explain") != 0 || !json_object_is_type (events, json_type_array))
    return FALSE;
  if (length (events) == 0)
    printf ("no negotiation failed since the daemon was started\n");
  for (gsize i = 0; i < length (events); i++) {
    Json *event = json_object_array_get_idx (events, i);
    if (i > 0)
      printf ("\n");
    if (json_object_is_type (event, json_type_object))
      print_explanation (tool, event);
  }
  return TRUE;
}

/* -- reload --------------------------------------------------------------------------------------------------------- */

gboolean
cmd_show_reload (const Tool *tool, const char *name, Json *result)
{
  static const struct { const char *key, *sign; ShowColor color; } lists[] = {
    { "added", "+", SHOW_GOOD }, { "changed", "~", SHOW_WARN }, { "removed", "-", SHOW_BAD }, { "kept", "=", SHOW_DIM },
  };
  Json *problems = tool_get (result, "problems");
  if (strcmp (name, "reload") != 0 || !json_object_is_type (tool_get (result, "added"), json_type_array))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    Json *list = tool_get (result, lists[i].key);
    for (gsize k = 0; k < length (list); k++) {
      g_autofree char *item = show_inline (json_object_array_get_idx (list, k));
      printf ("%s%s %s%s\n", show_color (tool, lists[i].color), lists[i].sign, item, show_color (tool, SHOW_PLAIN));
    }
  }
  for (gsize i = 0; i < length (problems); i++) {
    g_autofree char *problem = show_inline (json_object_array_get_idx (problems, i));
    print_sentence (tool, SHOW_BAD, problem);
  }
  return TRUE;
}

/* -- plugins -------------------------------------------------------------------------------------------------------- */

static void
print_features (const Tool *tool, Json *features)
{
  for (gsize i = 0; i < length (features); i++) {
    Json *feature = json_object_array_get_idx (features, i);
    const char *state = tool_text (feature, "state", "");
    g_autofree char *name = show_clean (tool_text (feature, "name", "")), *word = show_clean (state);
    g_autofree char *reason = show_clean (tool_text (feature, "reason", ""));
    /* What is ready in a ready plugin needs no line. */
    if (strcmp (state, "ready") != 0)
      printf ("    %s  %s%s%s  %s\n", name, show_color (tool, show_color_of_state (state)), word,
              show_color (tool, SHOW_PLAIN), reason);
  }
}

gboolean
cmd_show_plugins (const Tool *tool, const char *name, Json *result)
{
  Json *plugins = tool_get (result, "plugins");
  const char *why = tool_text (result, "why", NULL);
  gsize width = 0;
  if (strcmp (name, "plugins") == 0 && why != NULL) {
    print_sentence (tool, SHOW_PLAIN, why);
    return TRUE;
  }
  /* Of the orders, `plugins` is a list of names. */
  if (strcmp (name, "plugins") != 0 || tool_get (result, "hooks") != NULL || !json_object_is_type (plugins, json_type_array))
    return FALSE;
  for (gsize i = 0; i < length (plugins); i++)
    width = MAX (width, strlen (tool_text (json_object_array_get_idx (plugins, i), "name", "")));
  for (gsize i = 0; i < length (plugins); i++) {
    Json *plugin = json_object_array_get_idx (plugins, i);
    const char *state = tool_text (plugin, "state", "");
    g_autofree char *title = show_clean (tool_text (plugin, "name", "")), *word = show_clean (state);
    g_autofree char *reason = show_clean (tool_text (plugin, "reason", ""));
    printf ("%-*s  %s%-8s%s  %s\n", (int) width, title, show_color (tool, show_color_of_state (state)), word,
            show_color (tool, SHOW_PLAIN), reason);
    if (strcmp (state, "ready") == 0)
      print_features (tool, tool_get (plugin, "features"));
  }
  return TRUE;
}
