/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - gets the description of the commands from the daemon, or from the built-in list. */
#include <stdlib.h>
#include <string.h>
#include "schema.h"

enum { ASK_SECONDS = 5 };

const ToolCommand tool_commands[] = {
  { "help", "[COMMAND]", "show the commands, or the arguments of one" },
  { "version", "", "show the versions of this tool and of the daemon" },
  { NULL, NULL, NULL },
};

/* What the core registers; help, usage and completion work from it when no daemon runs. */
static const char builtin[] =
  "{\"commands\":["
  "{\"name\":\"status\",\"summary\":\"show IKE and CHILD SAs\","
  "\"args\":[{\"name\":\"name\",\"type\":\"string\",\"positional\":true,\"doc\":\"connection or number of an SA\"}]},"
  "{\"name\":\"list-conns\",\"summary\":\"show the loaded connections\","
  "\"args\":[{\"name\":\"name\",\"type\":\"string\",\"positional\":true,\"doc\":\"connection\"}]},"
  "{\"name\":\"up\",\"summary\":\"bring a connection or a child up\","
  "\"args\":[{\"name\":\"name\",\"type\":\"string\",\"required\":true,\"positional\":true,"
  "\"doc\":\"connection or child\"}]},"
  "{\"name\":\"down\",\"summary\":\"take an SA, a connection or a child down\","
  "\"args\":[{\"name\":\"name\",\"type\":\"string\",\"required\":true,\"positional\":true,"
  "\"doc\":\"connection, child or number of an SA\"}]},"
  "{\"name\":\"plugins\",\"summary\":\"show plugins and features with their states\","
  "\"args\":[{\"name\":\"why\",\"type\":\"string\",\"doc\":\"say why this plugin or feature is not there\"},"
  "{\"name\":\"order\",\"type\":\"bool\",\"doc\":\"show the frozen orders of tasks and hooks\"}]},"
  "{\"name\":\"explain\",\"summary\":\"say why the last negotiations failed\","
  "\"args\":[{\"name\":\"name\",\"type\":\"string\",\"positional\":true,\"doc\":\"peer or connection\"}]},"
  "{\"name\":\"log\",\"summary\":\"follow the log\","
  "\"args\":[{\"name\":\"level\",\"type\":\"enum:error|notice|info|debug\",\"doc\":\"most detailed level\"}]},"
  "{\"name\":\"reload\",\"summary\":\"read the configuration again\","
  "\"args\":[{\"name\":\"dry-run\",\"type\":\"bool\",\"doc\":\"only show what would change\"}]},"
  "{\"name\":\"stats\",\"summary\":\"show counters\",\"args\":[]}"
  "]}";

static gboolean
is_schema (Json *root)
{
  return json_object_is_type (tool_get (root, "commands"), json_type_array);
}

Schema *
schema_load (Client *client_or_null)
{
  Schema *schema = g_new0 (Schema, 1);
  ClientAnswer answer = { 0 };
  if (client_or_null != NULL
      && client_run (client_or_null, "schema", NULL, ASK_SECONDS, NULL, NULL, &answer) == TOOL_OK
      && is_schema (answer.result))
    schema->root = json_object_get (answer.result);
  client_answer_clear (&answer);
  if (schema->root == NULL) {
    schema->root = json_tokener_parse (builtin);
    schema->is_builtin = TRUE;
  }
  return schema;
}

void
schema_free (Schema *schema)
{
  if (schema == NULL)
    return;
  json_object_put (schema->root);
  g_free (schema);
}

guint
schema_n (const Schema *schema)
{
  return (guint) json_object_array_length (tool_get (schema->root, "commands"));
}

Json *
schema_nth (const Schema *schema, guint i)
{
  return json_object_array_get_idx (tool_get (schema->root, "commands"), i);
}

Json *
schema_find (const Schema *schema, const char *command)
{
  for (guint i = 0; i < schema_n (schema); i++) {
    if (g_strcmp0 (tool_text (schema_nth (schema, i), "name", NULL), command) == 0)
      return schema_nth (schema, i);
  }
  return NULL;
}

static int
compare_names (const void *a, const void *b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

const char **
schema_names (const Schema *schema)
{
  guint n = schema_n (schema), n_names = 0;
  const char **names = g_new0 (const char *, n + G_N_ELEMENTS (tool_commands));
  for (guint i = 0; i < n; i++) {
    const char *name = tool_text (schema_nth (schema, i), "name", NULL);
    if (name != NULL)
      names[n_names++] = name;
  }
  for (guint i = 0; tool_commands[i].name != NULL; i++) {
    if (schema_find (schema, tool_commands[i].name) == NULL)
      names[n_names++] = tool_commands[i].name;
  }
  qsort (names, n_names, sizeof *names, compare_names);
  return names;
}
