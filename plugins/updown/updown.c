/* SPDX-License-Identifier: Apache-2.0 */
/* updown.c - plugin updown: runs a program when a CHILD_SA comes and goes.
 *
 * The program is the `updown` of the child in the configuration: an absolute path and arguments,
 * run directly, by no shell, once per pair of traffic selectors, with the PLUTO_* variables that
 * strongSwan's updown documents (ikebanad(8)). Runs of one child are in order; those of different
 * children are beside each other, up to `max_running`.  Events arrive on the observer; programs are
 * started and watched on the io loop. */
#include <poll.h>
#include <string.h>
#include <ikebana/bus.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/plugin.h>
#include <ikebana/runtime.h>
#include <ikebana/tree.h>
#include "environment.h"
#include "shared/process/process.h"

enum { CLOSE_MS = 5000 };

typedef struct {
  IkeEngine *engine;
  guint64    timeout_ms;
  guint      max_running, max_queued;
  guint32    lost_counter, failed_counter;
  GHashTable *up;                             /* what was told to be up, and how often; observer */
  GQueue     waiting;                         /* Run; io loop, as the next */
  GPtrArray *running;                         /* Run */
} Updown;

typedef struct {
  Updown  *state;
  char *name, *key; /* key: runs with the same one are never beside each other */
  char   **argv, **environment;
  Process *process;
} Run;

typedef struct {
  Updown    *state;
  GPtrArray *runs;
} Batch;

static void start_waiting (Updown *state);

static void
run_free (gpointer data)
{
  Run *run = data;
  if (run->process != NULL)
    process_abandon (run->process);
  g_free (run->name);
  g_free (run->key);
  g_strfreev (run->argv);
  g_strfreev (run->environment);
  g_free (run);
}

/* -- io loop */

static void
run_ended (gpointer data)
{
  Run *run = data;
  Updown *state = run->state;
  run->process = NULL;
  g_ptr_array_remove_fast (state->running, run);
  start_waiting (state);
}

static gboolean
is_running (Updown *state, const char *key)
{
  for (guint i = 0; i < state->running->len; i++) {
    if (strcmp (((Run *) g_ptr_array_index (state->running, i))->key, key) == 0)
      return TRUE;
  }
  return FALSE;
}

static void
start (Updown *state, Run *run)
{
  g_autoptr (GError) error = NULL;
  ProcessOptions options = {
    .engine = state->engine, .group = "updown", .what = "the updown program",
    .hint = "raise plugins.updown.timeout if it needs longer", .name = run->name,
    .argv = run->argv, .environment = run->environment,
    .timeout_ms = state->timeout_ms, .ended = run_ended, .data = run,
  };
  run->process = process_start (&options, &error);
  if (run->process != NULL) {
    g_ptr_array_add (state->running, run);
    return;
  }
  ike_counter_add (state->engine, state->failed_counter, 1);
  ike_log (state->engine, IKE_LOG_ERROR, "updown", "%s: %s", run->name, error->message);
  run_free (run);
}

static void
start_waiting (Updown *state)
{
  GList *next;
  for (GList *link = state->waiting.head; link != NULL && state->running->len < state->max_running;
       link = next) {
    Run *run = link->data;
    next = link->next;
    if (is_running (state, run->key))
      continue;
    g_queue_delete_link (&state->waiting, link);
    start (state, run);
  }
}

static void
take_batch (gpointer data)
{
  Batch *batch = data;
  Updown *state = batch->state;
  while (batch->runs->len > 0) {
    Run *run = g_ptr_array_steal_index (batch->runs, 0);
    if (state->waiting.length < state->max_queued) {
      g_queue_push_tail (&state->waiting, run);
      continue;
    }
    ike_counter_add (state->engine, state->lost_counter, 1);
    ike_log (state->engine, IKE_LOG_ERROR, "updown",
             "%s: the updown program is not run, %u others wait already; raise "
             "plugins.updown.max_queued",
             run->name, state->max_queued);
    run_free (run);
  }
  start_waiting (state);
}

static void
batch_free (gpointer data)
{
  Batch *batch = data;
  g_ptr_array_unref (batch->runs);
  g_free (batch);
}

/* -- observer */

static void
log_refused (Updown *state, const char *name, GPtrArray *refused)
{
  for (guint i = 0; i < refused->len; i++)
    ike_log (state->engine, IKE_LOG_NOTICE, "updown",
             "%s: %s is left out, its value has characters that are not safe in a script", name,
             (const char *) g_ptr_array_index (refused, i));
}

static void
add_list (GString *text, const IkeTree *list)
{
  char buffer[32];
  for (guint i = 0; list != NULL && i < ike_tree_n (list); i++)
    g_string_append_printf (text, "\n%s", ike_tree_text (ike_tree_nth (list, i), buffer));
}

/* Everything that a program makes rules of. */
static char *
what_of (const IkeTree *body)
{
  GString *text = g_string_new (ike_tree_string (body, "updown", ""));
  g_string_append_printf (text, "\n%s\n%s\n%s\n%" G_GINT64_FORMAT,
                          ike_tree_string (body, "connection", ""),
                          ike_tree_string (body, "child", ""),
                          ike_tree_string (body, "ike.remote-id", ""),
                          ike_tree_int (body, "reqid", 0));
  add_list (text, ike_tree_get (body, "local-ts"));
  add_list (text, ike_tree_get (body, "remote-ts"));
  return g_string_free (text, FALSE);
}

/* While an IKE SA is authenticated anew, its CHILD_SAs are there twice, with the same reqid and
 * selectors: the program runs for the first that comes and the last that goes, else the second
 * would find its rules there and the first take them away from it. */
static gboolean
is_first_or_last (Updown *state, const IkeTree *body, gboolean is_up)
{
  char *what = what_of (body);
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (state->up, what));
  guint left = is_up ? n + 1 : MAX (n, 1) - 1;
  if (left > 0)
    g_hash_table_replace (state->up, what, GUINT_TO_POINTER (left));
  else {
    g_hash_table_remove (state->up, what);
    g_free (what);
  }
  return is_up ? left == 1 : left == 0;
}

static void
heard (IkePlugin *self, const IkeEvent *event)
{
  Updown *state = ike_plugin_state (self);
  const IkeTree *body = ike_event_body (event);
  const char *configured = ike_tree_string (body, "updown", NULL);
  const char *connection = ike_tree_string (body, "connection", "?"),
             *child = ike_tree_string (body, "child", "?");
  g_autoptr (GPtrArray) environments = NULL, refused = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *name = g_strdup_printf ("%s/%s", connection, child);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) argv = NULL;
  Batch *batch;
  gboolean is_up = strcmp (ike_event_name (event), "child-up") == 0;
  if (configured == NULL || configured[0] == 0 || !is_first_or_last (state, body, is_up))
    return;
  argv = updown_argv (configured, &error);
  if (argv == NULL) {
    ike_log (state->engine, IKE_LOG_ERROR, "updown", "%s: %s", name, error->message);
    return;
  }
  environments = updown_environments (body, is_up, refused);
  log_refused (state, name, refused);
  batch = g_new0 (Batch, 1);
  batch->state = state;
  batch->runs = g_ptr_array_new_with_free_func (run_free);
  for (guint i = 0; i < environments->len; i++) {
    Run *run = g_new0 (Run, 1);
    run->state = state;
    run->name = g_strdup (name);
    run->key = g_strdup_printf ("%s/%" G_GINT64_FORMAT, name, ike_tree_int (body, "reqid", 0));
    run->argv = g_strdupv (argv);
    run->environment = g_strdupv (g_ptr_array_index (environments, i));
    g_ptr_array_add (batch->runs, run);
  }
  ike_loop_post (ike_engine_io (state->engine), take_batch, batch, batch_free);
}

/* -- control */

/* The daemon ends and the loop turns no more: what the last child-down events started is waited for
 * here, bounded, so that no rule stays behind in a firewall.  A program that needs longer goes on
 * by itself. */
static void
finish (gpointer data)
{
  Updown *state = data;
  gint64 limit_us = ike_engine_now_us (state->engine) + CLOSE_MS * 1000;
  while (state->running->len > 0 && ike_engine_now_us (state->engine) < limit_us) {
    Run *first = g_ptr_array_index (state->running, 0);
    struct pollfd waiting = { .fd = process_fd (first->process), .events = POLLIN };
    poll (&waiting, 1, CLOSE_MS / 50);
    for (guint i = state->running->len; i-- > 0;) {
      if (i < state->running->len)
        process_poll (((Run *) g_ptr_array_index (state->running, i))->process);
    }
  }
  if (state->waiting.length > 0)
    ike_log (state->engine, IKE_LOG_ERROR, "updown",
             "the daemon ends before %u updown programs were run", state->waiting.length);
  g_queue_clear_full (&state->waiting, run_free);
  g_ptr_array_set_size (state->running, 0);
}

/* Behind the last event on the observer, whose runs are then with the io loop. */
static void
pass_on (gpointer data)
{
  Updown *state = data;
  ike_loop_post (ike_engine_io (state->engine), finish, state, NULL);
}

static void
deactivate (IkePlugin *self)
{
  Updown *state = ike_plugin_state (self);
  if (state != NULL)
    ike_loop_post (ike_engine_observer (state->engine), pass_on, state, NULL);
}

static void
state_free (gpointer data)
{
  Updown *state = data;
  g_queue_clear_full (&state->waiting, run_free);
  g_ptr_array_unref (state->running);
  g_hash_table_unref (state->up);
  g_free (state);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (self);
  Updown *state;
  /* A simulated engine starts no programs. */
  if (ike_engine_is_simulated (engine))
    return TRUE;
  state = g_new0 (Updown, 1);
  state->engine = engine;
  state->timeout_ms = MAX (ike_plugin_option_uint (self, "timeout"), 1) * 1000;
  state->max_running = (guint) CLAMP (ike_plugin_option_uint (self, "max_running"), 1, 1024);
  state->max_queued = (guint) CLAMP (ike_plugin_option_uint (self, "max_queued"), 1, 1000000);
  state->lost_counter = ike_counter (engine, "updown.lost");
  state->failed_counter = ike_counter (engine, "updown.not-started");
  state->running = g_ptr_array_new_with_free_func (run_free);
  state->up = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  ike_plugin_set_state (self, state, state_free);
  ike_tap_add (self, "child-up child-down", heard);
  return TRUE;
}

#define OPTION(symbol, name, kind, value, text) \
  static const IkeOptionInfo symbol = { sizeof (IkeOptionInfo), "plugin/" name, kind, value, text }

OPTION (option_timeout, "timeout", "time", "60s",
        "A program that runs longer is killed, with its children.");
OPTION (option_max_running, "max_running", "uint", "16", "Programs that run at a time.");
OPTION (option_max_queued, "max_queued", "uint", "4096",
        "Programs that wait for others; further ones are not run.");

static const IkeOptionInfo *const options[] = { &option_timeout, &option_max_running,
                                                &option_max_queued, NULL };
static const IkeFeature *const features[] = { NULL };

IKE_PLUGIN (ike_plugin, "updown", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "runs a program when a CHILD_SA comes and goes", .features = features,
            .options = options, .activate = activate, .deactivate = deactivate);
