/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_run.c - runs a command of the daemon: words to request, parts and result to the screen. */
#include <stdio.h>
#include <string.h>
#include "args.h"
#include "cmd.h"
#include "show.h"

typedef struct {
  const Tool *tool;
  Json *rows; /* streamed rows of a table, shown together at the end */
} Output;

static void
take_part (const char *kind, Json *part, gpointer data)
{
  Output *output = data;
  if (output->tool->is_json) {
    g_autoptr (Json) line = json_object_new_object ();
    json_object_object_add (line, "kind", json_object_new_string (kind));
    json_object_object_add (line, "part", json_object_get (part));
    show_json (line, FALSE);
    fflush (stdout);
  } else if (strcmp (kind, "row") == 0) {
    json_object_array_add (output->rows, json_object_get (part));
  } else {
    show_record (output->tool, part);
  }
}

static Json *
rows_of (Json *command, Json *result)
{
  const char *path = tool_text (command, "rows", NULL);
  return path != NULL ? tool_get (result, path) : NULL;
}

void
cmd_show_result (const Tool *tool, Json *command, Json *result)
{
  const char *name = tool_text (command, "name", ""),
             *columns = tool_text (command, "columns", NULL);
  const char *text = tool_text (result, "text", NULL);
  Json *rows = rows_of (command, result);
  if (cmd_show_explain (tool, name, result) || cmd_show_status (tool, name, result)
      || cmd_show_reload (tool, name, result) || cmd_show_plugins (tool, name, result))
    return;
  if (columns != NULL && json_object_is_type (rows, json_type_array)) {
    show_table (tool, columns, rows);
  } else if (text != NULL) {
    g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
      g_autofree char *clean = show_clean (lines[i]);
      printf ("%s\n", clean);
    }
  } else {
    show_indented (tool, result, 0);
  }
}

static void
show_end (const Tool *tool, Json *command, Output *output, Json *result)
{
  const char *columns = tool_text (command, "columns", NULL);
  if (tool->is_json) {
    show_json (result, TRUE);
    return;
  }
  if (json_object_array_length (output->rows) > 0) {
    if (columns != NULL)
      show_table (tool, columns, output->rows);
    else
      show_indented (tool, output->rows, 0);
  }
  if (json_object_object_length (result) > 0)
    cmd_show_result (tool, command, result);
}

static void
show_failure (const Tool *tool, const char *name, const ClientAnswer *answer)
{
  if (tool->is_json) {
    g_autoptr (Json) line = json_object_new_object ();
    Json *error = json_object_new_object ();
    json_object_object_add (line, "error", error);
    json_object_object_add (error, "code", json_object_new_string (answer->code));
    json_object_object_add (error, "message", json_object_new_string (answer->message));
    show_json (line, TRUE);
  }
  fflush (stdout);
  tool_complain ("%s: %s", name, answer->message);
}

static ToolStatus
run (const Tool *tool, Client *client, Json *command, Json *args)
{
  const char *name = tool_text (command, "name", "");
  g_autoptr (Json) rows = json_object_new_array ();
  Output output = { tool, rows };
  ClientAnswer answer;
  ToolStatus status = client_run (client, name, args, tool->wait_s, take_part, &output, &answer);
  if (status == TOOL_OK)
    show_end (tool, command, &output, answer.result);
  else
    show_failure (tool, name, &answer);
  client_answer_clear (&answer);
  return status;
}

ToolStatus
cmd_unknown (const Tool *tool, const Schema *schema, const char *name)
{
  g_autofree const char **names = schema_names (schema);
  const char *near = tool_nearest (name, names);
  g_autofree char *note =
      schema->is_builtin
          ? g_strdup (" (the daemon does not run, so commands of plugins are not known)")
          : g_strdup_printf ("; if a plugin has it, \"ikebana plugins --why=command:%s\" says why "
                             "it is not there",
                             name);
  if (near != NULL)
    tool_complain ("there is no command \"%s\"; did you mean \"%s\"?%s", name, near, note);
  else
    tool_complain ("there is no command \"%s\"; see \"ikebana help\"%s", name, note);
  return TOOL_USAGE;
}

ToolStatus
cmd_run (const Tool *tool, const char *name, const char *const *argv)
{
  ToolStatus status = TOOL_OK;
  g_autoptr (Client) client = client_open (tool, TRUE, &status);
  g_autoptr (Schema) schema = schema_load (client);
  g_autofree char *message = NULL;
  g_autoptr (Json) args = NULL;
  Json *command = schema_find (schema, name);
  if (command == NULL)
    return cmd_unknown (tool, schema, name);
  args = args_parse (command, argv, &message);
  if (args == NULL) {
    tool_complain ("%s", message);
    return TOOL_USAGE;
  }
  /* Once more, for its sentence: only now is it sure that nothing else is wrong. */
  if (client == NULL)
    client = client_open (tool, FALSE, &status);
  return client != NULL ? run (tool, client, command, args) : status;
}
