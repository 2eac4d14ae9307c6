/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_help.c - `ikebana help`, `ikebana version`, and the words for the shells' completion. */
#include <stdio.h>
#include <string.h>
#include "args.h"
#include "cmd.h"
#include "show.h"

static const ToolCommand *
find_own (const char *name)
{
  for (guint i = 0; tool_commands[i].name != NULL; i++) {
    if (strcmp (tool_commands[i].name, name) == 0)
      return &tool_commands[i];
  }
  return NULL;
}

static void
print_options (void)
{
  printf ("\nOptions of every command:\n"
          "  --json           print JSON instead of text\n"
          "  --socket=PATH    control socket of the daemon (or IKEBANA_SOCKET)\n"
          "  --wait=SECONDS   give up when there is no answer by then\n"
          "  --color=WHEN     always, never, or auto: on a terminal unless NO_COLOR is set\n"
          "\nExit status: 0 done, 1 failed, 2 usage, 3 daemon not running, 4 not allowed, 5 timed "
          "out,\n"
          "6 no such thing, 7 connection broken.  More in ikebana(8).\n");
}

static void
print_all (const Tool *tool, const Schema *schema)
{
  g_autofree const char **names = schema_names (schema);
  gsize width = 0;
  printf ("Usage: ikebana COMMAND [ARGUMENT…]\n\n%sCommands:%s\n", show_color (tool, SHOW_BOLD),
          show_color (tool, SHOW_PLAIN));
  for (guint i = 0; names[i] != NULL; i++)
    width = MAX (width, strlen (names[i]));
  for (guint i = 0; names[i] != NULL; i++) {
    const ToolCommand *own = find_own (names[i]);
    Json *command = schema_find (schema, names[i]);
    g_autofree char *summary =
        show_clean (command != NULL ? tool_text (command, "summary", "") : own->summary);
    printf ("  %-*s  %s\n", (int) width, names[i], summary);
  }
  if (schema->is_builtin)
    printf ("\nThe daemon does not run: commands that plugins add are not listed.\n");
  print_options ();
}

static void
print_one (Json *command)
{
  g_autofree char *usage = args_usage (command),
                  *summary = show_clean (tool_text (command, "summary", ""));
  Json *args = tool_get (command, "args");
  printf ("Usage: ikebana %s\n\n%s\n", usage, summary);
  for (size_t i = 0;
       json_object_is_type (args, json_type_array) && i < json_object_array_length (args); i++) {
    Json *arg = json_object_array_get_idx (args, i);
    g_autofree char *doc = show_clean (tool_text (arg, "doc", ""));
    g_autofree char *name = args_is_positional (arg)
                                ? g_ascii_strup (tool_text (arg, "name", ""), -1)
                                : g_strconcat ("--", tool_text (arg, "name", ""), NULL);
    printf ("%s  %-16s %s%s\n", i == 0 ? "\n" : "", name, doc,
            args_is_required (arg) ? " (required)" : "");
  }
  print_options ();
}

ToolStatus
cmd_help (const Tool *tool, const char *const *argv)
{
  ToolStatus status;
  g_autoptr (Client) client = client_open (tool, TRUE, &status);
  g_autoptr (Schema) schema = schema_load (client);
  const ToolCommand *own;
  if (cmd_is_program (argv[0])) {
    static const char *const all[] = { "--help", NULL };
    return cmd_program (argv[0], all);
  }
  if (argv[0] == NULL) {
    if (tool->is_json)
      show_json (schema->root, TRUE);
    else
      print_all (tool, schema);
    return TOOL_OK;
  }
  if (schema_find (schema, argv[0]) != NULL) {
    if (tool->is_json)
      show_json (schema_find (schema, argv[0]), TRUE);
    else
      print_one (schema_find (schema, argv[0]));
    return TOOL_OK;
  }
  own = find_own (argv[0]);
  if (own == NULL)
    return cmd_unknown (tool, schema, argv[0]);
  printf ("Usage: ikebana %s %s\n\n%s\n", own->name, own->usage, own->summary);
  return TOOL_OK;
}

ToolStatus
cmd_version (const Tool *tool, const char *const *argv)
{
  ToolStatus status;
  g_autoptr (Client) client = client_open (tool, TRUE, &status);
  ClientAnswer answer = { 0 };
  if (client != NULL)
    client_run (client, "version", NULL, 5, NULL, NULL, &answer);
  if (tool->is_json) {
    g_autoptr (Json) all = json_object_new_object ();
    json_object_object_add (all, "tool", json_object_new_string (IKE_VERSION));
    json_object_object_add (all, "daemon",
                            answer.result != NULL ? json_object_get (answer.result) : NULL);
    show_json (all, TRUE);
  } else {
    printf ("ikebana %s\n", IKE_VERSION);
    if (answer.result != NULL)
      show_indented (tool, answer.result, 0);
    else
      printf ("the daemon does not run, or gives no answer\n");
  }
  client_answer_clear (&answer);
  return TOOL_OK;
}

/* -- completion */

static void
offer (const char *word, const char *prefix, const char *doc)
{
  g_autofree char *clean_word = show_clean (word), *clean_doc = show_clean (doc);
  if (g_str_has_prefix (word, prefix))
    printf ("%s\t%s\n", clean_word, clean_doc);
}

static void
offer_commands (const Schema *schema, const char *prefix)
{
  g_autofree const char **names = schema_names (schema);
  for (guint i = 0; names[i] != NULL; i++) {
    const ToolCommand *own = find_own (names[i]);
    Json *command = schema_find (schema, names[i]);
    offer (names[i], prefix, command != NULL ? tool_text (command, "summary", "") : own->summary);
  }
}

static void
offer_options (Json *command, const char *prefix)
{
  Json *args = tool_get (command, "args");
  for (size_t i = 0;
       json_object_is_type (args, json_type_array) && i < json_object_array_length (args); i++) {
    Json *arg = json_object_array_get_idx (args, i);
    gboolean is_switch = strcmp (tool_text (arg, "type", ""), "bool") == 0;
    g_autofree char *word =
        g_strconcat ("--", tool_text (arg, "name", ""), is_switch ? "" : "=", NULL);
    if (!args_is_positional (arg))
      offer (word, prefix, tool_text (arg, "doc", ""));
  }
  offer ("--json", prefix, "print JSON instead of text");
  offer ("--socket=", prefix, "control socket of the daemon");
  offer ("--wait=", prefix, "seconds to wait for the answer");
}

static void
offer_names (Json *list, const char *prefix)
{
  for (size_t i = 0;
       json_object_is_type (list, json_type_array) && i < json_object_array_length (list); i++) {
    Json *item = json_object_array_get_idx (list, i);
    const char *name = json_object_is_type (item, json_type_string)
                           ? json_object_get_string (item)
                           : tool_text (item, "name", NULL);
    if (name != NULL)
      offer (name, prefix, "");
  }
}

/* Connections and children are what the first word of up, down, status, … names. */
static void
offer_connections (Client *client, const Schema *schema, const char *prefix)
{
  Json *command = schema_find (schema, "list-conns");
  const char *path = tool_text (command, "rows", "connections");
  ClientAnswer answer = { 0 };
  Json *rows;
  if (client == NULL || command == NULL
      || client_run (client, "list-conns", NULL, 2, NULL, NULL, &answer) != TOOL_OK) {
    client_answer_clear (&answer);
    return;
  }
  rows = tool_get (answer.result, path);
  offer_names (rows, prefix);
  for (size_t i = 0;
       json_object_is_type (rows, json_type_array) && i < json_object_array_length (rows); i++)
    offer_names (tool_get (json_object_array_get_idx (rows, i), "children"), prefix);
  client_answer_clear (&answer);
}

static gboolean
takes_connection (Json *command)
{
  Json *args = tool_get (command, "args");
  for (size_t i = 0;
       json_object_is_type (args, json_type_array) && i < json_object_array_length (args); i++) {
    Json *arg = json_object_array_get_idx (args, i);
    const char *name = tool_text (arg, "name", "");
    if (args_is_positional (arg)
        && (strcmp (name, "name") == 0 || strcmp (name, "connection") == 0
            || strcmp (name, "child") == 0))
      return TRUE;
  }
  return FALSE;
}

static ToolStatus
complete_program (const char *program, const char *const *argv)
{
  guint n = g_strv_length ((char **) argv);
  g_autofree const char **words = g_new0 (const char *, n + 2);
  words[0] = "__complete";
  for (guint i = 0; i < n; i++)
    words[i + 1] = argv[i];
  return cmd_program (program, words);
}

ToolStatus
cmd_complete (const Tool *tool, const char *const *argv)
{
  ToolStatus status;
  g_autoptr (Client) client = client_open (tool, TRUE, &status);
  g_autoptr (Schema) schema = schema_load (client);
  const char *prefix;
  Json *command;
  guint n;
  /* The completion files write "--" first, so that half-written options are no options of ours. */
  argv += argv[0] != NULL && strcmp (argv[0], "--") == 0;
  n = g_strv_length ((char **) argv);
  if (n > 1 && cmd_is_program (argv[0]))
    return complete_program (argv[0], argv + 1);
  prefix = n > 0 ? argv[n - 1] : "";
  command = n > 1 ? schema_find (schema, argv[0]) : NULL;
  if (n <= 1 || (n == 2 && strcmp (argv[0], "help") == 0))
    offer_commands (schema, prefix);
  else if (prefix[0] == '-')
    offer_options (command, prefix);
  else if (takes_connection (command))
    offer_connections (client, schema, prefix);
  return TOOL_OK;
}
