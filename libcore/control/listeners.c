/* SPDX-License-Identifier: Apache-2.0 */
/* listeners.c - clients that follow the log or the events: from the observer loop to their requests
 * on the control loop.
 *
 * A client that follows costs nothing while it is not there.  What cannot be carried over fast
 * enough is lost, and counted; the observer never waits. */
#include "control/control_private.h"
#include "base/tree_private.h"
#include "runtime/bus_private.h"
#include <ikebana/log.h>
#include <ikebana/plugin.h>
#include <string.h>

enum { IN_FLIGHT_MAX = 2048 };

static const char *const level_names[] = { "error", "notice", "info", "debug" };

typedef struct {
  IkeControlTable *table;
  IkeTree         *part;                      /* of a log record */
  guint32          level;
  IkeEvent        *event;                     /* or an event */
} Carried;

void
ike_listeners_init (IkeControlTable *table)
{
  table->log_listeners = g_ptr_array_new ();
  table->event_listeners = g_ptr_array_new ();
  table->lost = ike_counter (table->engine, "control.parts-lost");
}

void
ike_listeners_clear (IkeControlTable *table)
{
  g_ptr_array_unref (table->log_listeners);
  g_ptr_array_unref (table->event_listeners);
}

/* -- observer loop */

static gboolean
may_carry (IkeControlTable *table)
{
  if (atomic_fetch_add_explicit (&table->n_in_flight, 1, memory_order_relaxed) < IN_FLIGHT_MAX)
    return TRUE;
  atomic_fetch_sub_explicit (&table->n_in_flight, 1, memory_order_relaxed);
  ike_counter_add (table->engine, table->lost, 1);
  return FALSE;
}

static void
carried_free (gpointer data)
{
  Carried *carried = data;

  atomic_fetch_sub_explicit (&carried->table->n_in_flight, 1, memory_order_relaxed);
  ike_tree_free (carried->part);
  ike_event_unref (carried->event);
  g_free (carried);
}

static IkeTree *
record_part (const IkeLogRecord *record)
{
  IkeTree *part = ike_tree_new_section ();

  ike_tree_set_int (part, "time-us", record->time_us);
  ike_tree_set_string (part, "level",
                       level_names[MIN (record->level, G_N_ELEMENTS (level_names) - 1)]);
  ike_tree_set_string (part, "group", record->group);
  if (record->subject)
    ike_tree_set_string (part, "subject", record->subject);
  ike_tree_set_string (part, "text", record->text);
  return part;
}

/* -- control loop */

static gboolean
wants_record (const IkeRequest *request, const Carried *carried)
{
  const char *level = ike_tree_string (request->args, "level", "debug");
  const char *group = ike_tree_string (request->args, "group", NULL);
  guint32 limit = 0;

  while (limit < G_N_ELEMENTS (level_names) - 1 && !g_str_equal (level_names[limit], level))
    limit++;
  return carried->level <= limit
         && (!group || g_str_equal (group, ike_tree_string (carried->part, "group", "")));
}

static void
deliver_record (gpointer data)
{
  const Carried *carried = data;
  g_autoptr (GPtrArray) listeners = g_ptr_array_copy (carried->table->log_listeners, NULL, NULL);

  for (guint i = 0; i < listeners->len; i++)
    if (g_ptr_array_find (carried->table->log_listeners, listeners->pdata[i], NULL)
        && wants_record (listeners->pdata[i], carried))
      ike_request_part (listeners->pdata[i], "log", ike_tree_copy (carried->part));
}

static gboolean
wants_event (const IkeRequest *request, const char *name)
{
  const IkeTree *patterns = ike_tree_get (request->args, "events");

  for (guint i = 0; i < ike_tree_n (patterns); i++) {
    const char *pattern = ike_tree_string (ike_tree_nth (patterns, i), NULL, "");
    gsize len = strlen (pattern);
    if (len && pattern[len - 1] == '*' ? strncmp (pattern, name, len - 1) == 0
                                       : g_str_equal (pattern, name))
      return TRUE;
  }
  return ike_tree_n (patterns) == 0;
}

static IkeTree *
event_part (const IkeEvent *event)
{
  IkeTree *part = ike_tree_new_section ();

  ike_tree_set_string (part, "event", ike_event_name (event));
  ike_tree_set_int (part, "time-us", ike_event_time_us (event));
  ike_tree_set_int (part, "serial", (gint64) ike_event_serial (event));
  ike_tree_set_take (part, "body", ike_tree_copy (ike_event_body (event)));
  return part;
}

static void
deliver_event (gpointer data)
{
  const Carried *carried = data;
  g_autoptr (GPtrArray) listeners = g_ptr_array_copy (carried->table->event_listeners, NULL, NULL);

  for (guint i = 0; i < listeners->len; i++)
    if (g_ptr_array_find (carried->table->event_listeners, listeners->pdata[i], NULL)
        && wants_event (listeners->pdata[i], ike_event_name (carried->event)))
      ike_request_part (listeners->pdata[i], "event", event_part (carried->event));
}

/* -- from the observer */

static void
carry (IkeControlTable *table, IkeTree *part_take, guint32 level, const IkeEvent *event)
{
  Carried *carried = g_new0 (Carried, 1);

  carried->table = table;
  carried->part = part_take;
  carried->level = level;
  carried->event = event ? ike_event_ref (event) : NULL;
  ike_loop_post (table->engine->control, event ? deliver_event : deliver_record, carried,
                 carried_free);
}

/* This sink is always there; where it is the only one, records still belong to whoever made the
 * engine.  (Errors went there at once.) */
static void
sink_write (IkePlugin *self, const IkeLogRecord *record)
{
  IkeEngine *engine = ike_plugin_engine (self);
  IkeControlTable *table = engine->commands;
  guint n_sinks = 0;

  ike_feature_list (engine, "log-sink", &n_sinks);
  if (n_sinks == 1 && engine->options.log_fallback && record->level != IKE_LOG_ERROR)
    engine->options.log_fallback (record, engine->options.log_data);
  if (table && atomic_load_explicit (&table->n_log_listeners, memory_order_acquire)
      && may_carry (table))
    carry (table, record_part (record), record->level, NULL);
}

const IkeLogSinkClass ike_listeners_sink = { .struct_size = sizeof (IkeLogSinkClass),
                                             .write = sink_write };

static void
event_heard (IkeEngine *engine, const IkeEvent *event)
{
  if (may_carry (engine->commands))
    carry (engine->commands, NULL, 0, event);
}

/* -- the commands */

static void
log_gone (gpointer data)
{
  IkeRequest *request = data;
  IkeControlTable *table = request->engine->commands;

  g_ptr_array_remove (table->log_listeners, request);
  atomic_store_explicit (&table->n_log_listeners, table->log_listeners->len, memory_order_release);
  ike_request_finish (request, NULL);
}

void
ike_listen_log (IkePlugin *self, IkeRequest *request)
{
  IkeControlTable *table = request->engine->commands;

  g_ptr_array_add (table->log_listeners, request);
  atomic_store_explicit (&table->n_log_listeners, table->log_listeners->len, memory_order_release);
  ike_request_on_gone (request, log_gone, request);
}

static void
events_gone (gpointer data)
{
  IkeRequest *request = data;
  IkeControlTable *table = request->engine->commands;

  g_ptr_array_remove (table->event_listeners, request);
  if (!table->event_listeners->len)
    ike_observer_watch (request->engine, NULL);
  ike_request_finish (request, NULL);
}

void
ike_listen_events (IkePlugin *self, IkeRequest *request)
{
  IkeControlTable *table = request->engine->commands;

  g_ptr_array_add (table->event_listeners, request);
  ike_observer_watch (request->engine, event_heard);
  ike_request_on_gone (request, events_gone, request);
}
