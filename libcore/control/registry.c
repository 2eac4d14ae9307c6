/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c - commands are found, checked and run here; a request lives until it is finished.
 *
 * A client that goes away leaves an orphan: its command still finishes the request, and nobody
 * hears it.  When the engine ends, every client gets an error, and what is unfinished is freed
 * after all plugins are gone. */
#include "control/control_private.h"
#include "base/tree_private.h"
#include <ikebana/plugin.h>
#include <string.h>

gboolean
ike_control_start (IkeEngine *engine, GError **error)
{
  IkeControlTable *table = g_new0 (IkeControlTable, 1);

  table->engine = engine;
  table->running = g_ptr_array_new ();
  ike_listeners_init (table);
  engine->commands = table;
  return TRUE;
}

static void
request_free (IkeRequest *request)
{
  ike_tree_free (request->args);
  g_free (request);
}

void
ike_control_free (IkeControlTable *table)
{
  if (!table)
    return;
  for (guint i = 0; i < table->running->len; i++)
    request_free (table->running->pdata[i]);
  g_ptr_array_unref (table->running);
  ike_listeners_clear (table);
  g_free (table);
}

/* -- the command's side */

IkeEngine *
ike_request_engine (IkeRequest *request)
{
  return request->engine;
}

const IkeTree *
ike_request_args (IkeRequest *request)
{
  return request->args;
}

void
ike_request_part (IkeRequest *request, const char *kind, IkeTree *part_take)
{
  if (!request->is_orphan && request->sink.part)
    request->sink.part (request->transport, kind, part_take);
  ike_tree_free (part_take);
}

/* The request is gone before the client hears it, so that a client may end the connection in its
 * answer. */
static void
request_end (IkeRequest *request, const IkeTree *result, const char *code, const char *message)
{
  IkeRequestSink sink = request->sink;
  gpointer transport = request->transport;
  gboolean is_orphan = request->is_orphan;

  g_ptr_array_remove_fast (request->engine->commands->running, request);
  if (request->is_finished)
    *request->is_finished = TRUE;
  request_free (request);
  if (!is_orphan)
    sink.done (transport, result, code, message);
}

void
ike_request_finish (IkeRequest *request, IkeTree *result_take)
{
  g_autoptr (IkeTree) result = result_take ? result_take : ike_tree_new_section ();
  request_end (request, result, NULL, NULL);
}

void
ike_request_fail (IkeRequest *request, const char *code, const char *message)
{
  request_end (request, NULL, code, message);
}

void
ike_request_on_gone (IkeRequest *request, void (*gone) (gpointer data), gpointer data)
{
  request->gone = gone;
  request->gone_data = data;
}

/* -- the transport's side */

/* The function may finish the request: nothing touches it afterwards. */
static void
tell_gone (IkeRequest *request)
{
  void (*gone) (gpointer data) = request->gone;

  request->is_orphan = TRUE;
  request->gone = NULL;
  if (gone)
    gone (request->gone_data);
}

void
ike_request_client_gone (IkeRequest *request)
{
  g_return_if_fail (request && !request->is_orphan);
  tell_gone (request);
}

void
ike_control_stop (IkeEngine *engine)
{
  IkeControlTable *table = engine->commands;
  g_autoptr (GPtrArray) all = NULL;

  if (!table)
    return;
  table->is_stopped = TRUE;
  all = g_ptr_array_copy (table->running, NULL, NULL);
  for (guint i = 0; i < all->len; i++) {
    IkeRequest *request = all->pdata[i];
    if (!g_ptr_array_find (table->running, request, NULL))
      continue;
    if (!request->is_orphan) {
      request->is_orphan = TRUE;
      request->sink.done (request->transport, NULL, "failed", "the daemon ends");
    }
    tell_gone (request);
  }
}

static const char *
nearest_command (IkeEngine *engine, const char *name)
{
  guint n = 0;
  const IkeProvided *const *commands = ike_feature_list (engine, "command", &n);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (names, (gpointer) commands[i]->name);
  g_ptr_array_add (names, NULL);
  return ike_nearest (name, (const char *const *) names->pdata);
}

static char *
not_found (IkeEngine *engine, const char *name)
{
  const char *nearest = nearest_command (engine, name);
  char shown[64];

  ike_escape (shown, sizeof shown, name, strlen (name));
  return g_strdup_printf ("unknown command %s%s%s%s", shown, nearest ? ", did you mean " : "",
                          nearest ? nearest : "", nearest ? "?" : "");
}

/* What speaks against running it: a code, and a sentence in @message (g_free). */
static const char *
refuse (IkeEngine *engine, const char *name, const IkeProvided *command, IkeTree *args,
        gboolean is_read_only, char **message)
{
  const IkeCommandClass *klass = command ? command->ops : NULL;

  if (!command) {
    *message = not_found (engine, name);
    return "not-found";
  }
  if (is_read_only && !(klass->flags & IKE_COMMAND_READ_ONLY)) {
    *message = g_strdup_printf ("command %s changes something; this socket only reads", name);
    return "denied";
  }
  if (engine->commands->is_stopped) {
    *message = g_strdup ("the daemon ends");
    return "failed";
  }
  return ike_arguments_check (klass, args, message) ? NULL : "usage";
}

IkeRequest *
ike_command_run (IkeEngine *engine, const char *name, IkeTree *args_take, gboolean is_read_only,
                 const IkeRequestSink *sink, gpointer transport)
{
  g_autofree char *feature = g_strconcat ("command:", name, NULL), *message = NULL;
  g_autoptr (IkeTree) args = args_take ? args_take : ike_tree_new_section ();
  const IkeProvided *command = ike_feature_find (engine, feature, NULL);
  const char *code = refuse (engine, name, command, args, is_read_only, &message);
  gboolean is_finished = FALSE;
  IkeRequest *request;

  if (code) {
    sink->done (transport, NULL, code, message);
    return NULL;
  }
  request = g_new0 (IkeRequest, 1);
  request->engine = engine;
  request->provided = command;
  request->klass = command->ops;
  request->args = g_steal_pointer (&args);
  memcpy (&request->sink, sink, MIN (sink->struct_size, sizeof request->sink));
  request->transport = transport;
  request->is_finished = &is_finished;
  g_ptr_array_add (engine->commands->running, request);
  request->klass->run (command->plugin, request);
  if (is_finished)
    return NULL;
  request->is_finished = NULL;
  return request;
}

/* -- schema */

static void
describe_args (IkeTree *into, const IkeCommandArg *arg)
{
  IkeTree *list = ike_tree_add_list (into, "args");

  for (; arg && arg->name; arg++) {
    IkeTree *one = ike_tree_add_section (list, NULL);
    ike_tree_set_string (one, "name", arg->name);
    ike_tree_set_string (one, "type", arg->type);
    ike_tree_set_bool (one, "required", arg->is_required);
    ike_tree_set_bool (one, "positional", arg->is_positional);
    ike_tree_set_string (one, "doc", arg->doc);
  }
}

IkeTree *
ike_command_schema (IkeEngine *engine)
{
  guint n = 0;
  const IkeProvided *const *commands = ike_feature_list (engine, "command", &n);
  IkeTree *tree = ike_tree_new_section (), *list = ike_tree_add_list (tree, "commands");

  for (guint i = 0; i < n; i++) {
    const IkeCommandClass *klass = commands[i]->ops;
    IkeTree *one = ike_tree_add_section (list, NULL), *flags;
    ike_tree_set_string (one, "name", commands[i]->name);
    ike_tree_set_string (one, "summary", klass->summary);
    ike_tree_set_string (one, "plugin", ike_plugin_name (commands[i]->plugin));
    flags = ike_tree_add_list (one, "flags");
    if (klass->flags & IKE_COMMAND_READ_ONLY)
      ike_tree_set_string (flags, NULL, "read-only");
    if (klass->flags & IKE_COMMAND_STREAMS)
      ike_tree_set_string (flags, NULL, "streams");
    describe_args (one, klass->args);
    if (klass->columns)
      ike_tree_set_string (one, "columns", klass->columns);
    if (klass->rows_path)
      ike_tree_set_string (one, "rows", klass->rows_path);
  }
  return tree;
}
