/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - gets the description of the commands from the daemon, or from the built-in list. */
#include <stdlib.h>
#include <string.h>
#include "schema.h"

enum { ASK_SECONDS = 5 };

const ToolCommand tool_commands[] = {
  { "help", "[COMMAND]", "show the commands, or the arguments of one" },
  { "pki", "COMMAND [OPTION…]", "make and show keys, certificates and CRLs" },
  { "plugin", "COMMAND [OPTION…]", "begin a plugin, and test one" },
  { "store", "COMMAND [OPTION…]", "connections, secrets and users in a database" },
  { "version", "", "show the versions of this tool and of the daemon" },
  { NULL, NULL, NULL },
};

/* What the core registers; help, usage and completion work from it when no daemon runs. */
static const char builtin[] =
    "{\"commands\":["
    "{\"name\":\"status\",\"summary\":\"IKE SAs and their CHILD_SAs\",\"args\":["
    "{\"name\":\"connection\",\"type\":\"string\",\"positional\":true,"
    "\"doc\":\"only SAs of this connection\"}"
    "]},"
    "{\"name\":\"list-conns\",\"summary\":\"Show the connections that are loaded\",\"args\":["
    "{\"name\":\"name\",\"type\":\"string\",\"positional\":true,"
    "\"doc\":\"Only this connection.\"}"
    "]},"
    "{\"name\":\"up\",\"summary\":\"bring up a connection or a child\",\"args\":["
    "{\"name\":\"name\",\"type\":\"string\",\"required\":true,\"positional\":true,"
    "\"doc\":\"connection, child, or the address of a host\"},"
    "{\"name\":\"child\",\"type\":\"string\",\"positional\":true,"
    "\"doc\":\"which child of the connection; the first by default\"}"
    "]},"
    "{\"name\":\"down\",\"summary\":\"take down IKE SAs or CHILD_SAs\",\"args\":["
    "{\"name\":\"name\",\"type\":\"string\",\"positional\":true,"
    "\"doc\":\"connection or child\"},"
    "{\"name\":\"child\",\"type\":\"string\",\"positional\":true,"
    "\"doc\":\"only this child of the connection\"},"
    "{\"name\":\"id\",\"type\":\"uint\","
    "\"doc\":\"only the IKE SA of this number\"},"
    "{\"name\":\"all\",\"type\":\"bool\","
    "\"doc\":\"every IKE SA\"},"
    "{\"name\":\"force\",\"type\":\"bool\","
    "\"doc\":\"at once, without telling the peer\"}"
    "]},"
    "{\"name\":\"plugins\",\"summary\":\"Show plugins, their states and the reasons\",\"args\":["
    "{\"name\":\"why\",\"type\":\"string\","
    "\"doc\":\"Explain why this plugin or feature is not there.\"},"
    "{\"name\":\"order\",\"type\":\"bool\","
    "\"doc\":\"Show in which order features, tasks and hooks run.\"}"
    "]},"
    "{\"name\":\"explain\",\"summary\":\"why negotiations failed\",\"args\":["
    "{\"name\":\"which\",\"type\":\"string\",\"positional\":true,"
    "\"doc\":\"only failures of this connection or peer address\"}"
    "]},"
    "{\"name\":\"log\",\"summary\":\"Follow the log\",\"args\":["
    "{\"name\":\"level\",\"type\":\"enum:error|notice|info|debug\","
    "\"doc\":\"Leave out what is less important.\"},"
    "{\"name\":\"group\",\"type\":\"string\","
    "\"doc\":\"Only this group, such as ike, net or config.\"}"
    "]},"
    "{\"name\":\"events\",\"summary\":\"Follow events\",\"args\":["
    "{\"name\":\"events\",\"type\":\"list\",\"positional\":true,"
    "\"doc\":\"Only events of these names.\"}"
    "]},"
    "{\"name\":\"reload\",\"summary\":\"Read the settings anew and change only what "
    "changed\",\"args\":["
    "{\"name\":\"dry-run\",\"type\":\"bool\","
    "\"doc\":\"Only show what would change.\"}"
    "]},"
    "{\"name\":\"options\",\"summary\":\"Show all options of settings, with their "
    "meaning\",\"args\":["
    "{\"name\":\"plugin\",\"type\":\"string\",\"positional\":true,"
    "\"doc\":\"Only options of this plugin.\"}"
    "]},"
    "{\"name\":\"jobs\",\"summary\":\"Show what the threads do\",\"args\":["
    "]},"
    "{\"name\":\"stats\",\"summary\":\"Show counters\",\"args\":["
    "]}"
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
