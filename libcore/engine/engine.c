/* SPDX-License-Identifier: Apache-2.0 */
/* engine.c - one instance of everything: how it begins and how it ends. */
#include "config.h"
#include <string.h>
#include "engine/commands.h"
#include "runtime/loop_private.h"
#include "runtime/offload_private.h"
#include "runtime/sim_private.h"

/* A shard is one of 256 buckets of our SPIs. */
enum { SHARDS_MAX = 256, OFFLOAD_DEFAULT = 2 };
enum { STAGE_NEW, STAGE_LOADED, STAGE_CONTROL, STAGE_RUNNING };

/* -- new */

static guint
builtin_count (const IkePluginInfo *const *builtin)
{
  guint n = 0;

  while (builtin && builtin[n])
    n++;
  return n;
}

static void
options_copy (IkeEngine *engine, const IkeEngineOptions *given)
{
  IkeEngineOptions *options = &engine->options;
  guint n_builtin;

  memcpy (options, given, MIN (given->struct_size, sizeof *options));
  options->struct_size = sizeof *options;
  n_builtin = builtin_count (options->builtin);
  options->name = engine->name = g_strdup (options->name ? options->name : "ikebana");
  options->config_file = g_strdup (options->config_file);
  options->settings = g_strdup (options->settings);
  options->plugin_dir = g_strdup (options->plugin_dir);
  options->catalog_file = g_strdup (options->catalog_file);
  options->plugins = (const char *const *) g_strdupv ((char **) options->plugins);
  if (options->builtin)
    options->builtin = g_memdup2 (options->builtin, (n_builtin + 1) * sizeof *options->builtin);
  engine->sim = options->sim;
  engine->core_plugins = ike_core_plugins;
}

static void
options_free (IkeEngineOptions *options)
{
  g_free ((char *) options->name);
  g_free ((char *) options->config_file);
  g_free ((char *) options->settings);
  g_free ((char *) options->plugin_dir);
  g_free ((char *) options->catalog_file);
  g_strfreev ((char **) options->plugins);
  g_free ((gpointer) options->builtin);
}

static gboolean
engine_make_loops (IkeEngine *engine, GError **error)
{
  engine->control = ike_loop_make (engine, "control", G_MAXUINT32, FALSE, error);
  if (!engine->control)
    return FALSE;
  engine->io = ike_loop_make (engine, "io", G_MAXUINT32, TRUE, error);
  if (!engine->io)
    return FALSE;
  engine->observer = ike_loop_make (engine, "observer", G_MAXUINT32, TRUE, error);
  if (!engine->observer)
    return FALSE;
  if (engine->sim)
    engine->runtime->offload_loop = ike_loop_make (engine, "offload", G_MAXUINT32, FALSE, error);
  return TRUE;
}

IkeEngine *
ike_engine_new (const IkeEngineOptions *options, GError **error)
{
  IkeEngine *engine;
  IkeRuntime *runtime;

  g_return_val_if_fail (options && options->struct_size, NULL);
  engine = g_new0 (IkeEngine, 1);
  runtime = engine->runtime = g_new0 (IkeRuntime, 1);
  options_copy (engine, options);
  if (engine->sim)
    engine->serial = ike_sim_enter (engine->sim, engine, runtime->rng);
  engine->counters = ike_counters_new (engine);
  runtime->stalls = ike_counter (engine, "loop.stalls");
  runtime->new_refused = ike_counter (engine, "shard.new-refused");
  engine->logger = ike_logger_new (engine);
  engine->bus = ike_bus_new (engine);
  engine->settings = ike_settings_state_new (engine);
  engine->registry = ike_registry_new (engine);
  if (!engine_make_loops (engine, error)) {
    ike_engine_free (engine);
    return NULL;
  }
  return engine;
}

/* -- start */

static gboolean
engine_make_shards (IkeEngine *engine, GError **error)
{
  const IkeTree *settings = ike_engine_settings (engine);
  gint64 n = engine->options.n_shards, n_offload = engine->options.n_offload;

  if (!n)
    n = ike_tree_int (settings, "core.shards", 0);
  if (n <= 0)
    n = engine->sim ? 1 : (gint64) g_get_num_processors ();
  n = MIN (n, SHARDS_MAX);
  engine->shards = g_new0 (IkeLoop *, n);
  engine->net_changes = g_new0 (atomic_uint, n);
  for (; engine->n_shards < n; engine->n_shards++) {
    g_autofree char *name = g_strdup_printf ("shard%u", engine->n_shards);

    engine->shards[engine->n_shards] = ike_loop_make (engine, name, engine->n_shards, TRUE, error);
    if (!engine->shards[engine->n_shards])
      return FALSE;
  }
  if (n_offload == G_MAXUINT32)
    n_offload = ike_tree_int (settings, "core.offload_threads", OFFLOAD_DEFAULT);
  engine->offload = ike_offload_new (engine, (guint) CLAMP (n_offload, 0, G_MAXINT32));
  return TRUE;
}

static gboolean
engine_start_threads (IkeEngine *engine, GError **error)
{
  engine->is_running = TRUE;
  for (IkeLoop *loop = engine->runtime->loops; loop; loop = loop->next)
    if (!ike_loop_start (loop, error))
      return FALSE;
  return ike_offload_start (engine->offload, error);
}

static gboolean
engine_start (IkeEngine *engine, GError **error)
{
  IkeRuntime *runtime = engine->runtime;
  const IkeProvided *const *sinks;
  guint n_sinks;

  if (!ike_settings_state_read (engine, error))
    return FALSE;
  ike_logger_configure (engine);
  runtime->reports_stalls =
      ike_tree_bool (ike_engine_settings (engine), "core.stall_report", FALSE);
  if (!ike_registry_load (engine, error) || !engine_make_shards (engine, error))
    return FALSE;
  /* Nothing is active, so nothing may be called: no sink, no thread; and at the end nothing is
   * deactivated. */
  if (engine->options.flags & IKE_ENGINE_CHECK)
    return ike_registry_activate (engine, error) && ike_crypto_start (engine, error)
           && ike_settings_state_start (engine, error);
  runtime->stage = STAGE_LOADED;
  ike_sas_new (engine);
  if (!ike_registry_activate (engine, error) || !ike_bus_freeze (engine, error))
    return FALSE;
  sinks = ike_feature_list (engine, "log-sink", &n_sinks);
  ike_logger_start (engine, sinks, n_sinks);
  if (!ike_crypto_start (engine, error) || !ike_control_start (engine, error))
    return FALSE;
  runtime->stage = STAGE_CONTROL;
  if (!ike_sas_start (engine, error) || !ike_settings_state_start (engine, error))
    return FALSE;
  runtime->stage = STAGE_RUNNING;
  return engine_start_threads (engine, error);
}

gboolean
ike_engine_start (IkeEngine *engine, GError **error)
{
  IkeLoop *before;
  gboolean is_started;

  g_return_val_if_fail (engine->runtime->stage == STAGE_NEW, FALSE);
  before = ike_loop_enter (engine->control);
  is_started = engine_start (engine, error);
  ike_loop_enter (before);
  return is_started;
}

/* -- run and quit */

void
ike_engine_run (IkeEngine *engine)
{
  if (!engine->sim)
    ike_loop_run (engine->control);
  else
    while (!ike_engine_is_quitting (engine) && ike_sim_step (engine->sim, G_MAXINT64))
      ;
  engine->is_quitting = TRUE;
}

void
ike_engine_quit (IkeEngine *engine)
{
  atomic_store_explicit (&engine->runtime->is_quitting, TRUE, memory_order_release);
  atomic_store_explicit (&engine->control->is_stopping, TRUE, memory_order_release);
  ike_loop_wake (engine->control);
}

gboolean
ike_engine_is_quitting (IkeEngine *engine)
{
  return atomic_load_explicit (&engine->runtime->is_quitting, memory_order_acquire);
}

static void
shutdown_timed_out (IkeTimer *timer)
{
  IkeEngine *engine = timer->loop->engine;

  ike_log (engine, IKE_LOG_NOTICE, "core",
           "not every peer has answered that its SA is deleted; ending without them");
  ike_engine_quit (engine);
}

static const IkeTimerClass shutdown_timer_class = { shutdown_timed_out, NULL };

static void
one_is_done (IkeEngine *engine)
{
  if (--engine->runtime->n_ending)
    return;
  ike_timer_disarm (&engine->runtime->shutdown_timer);
  ike_engine_quit (engine);
}

static void
plugin_is_done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  one_is_done (owner);
}

/* Long after the shutdown timer. */
static const IkeCallClass plugin_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "last words of a plugin",
  .timeout_ms = 3600 * 1000,
  .then = plugin_is_done,
};

static IkeCall *
call_for_plugin (IkeEngine *engine)
{
  engine->runtime->n_ending++;
  return ike_loop_call (engine->control, &plugin_call, engine, NULL);
}

/* Plugins hear of it when their SAs have told them all. */
static void
sas_are_gone (IkeEngine *engine)
{
  engine->runtime->n_ending = 1;
  ike_registry_each_shutdown (engine, call_for_plugin);
  one_is_done (engine);
}

void
ike_engine_shutdown (IkeEngine *engine, guint32 timeout_ms)
{
  IkeRuntime *runtime = engine->runtime;

  g_return_if_fail (ike_loop_is_current (engine->control));
  if (runtime->stage < STAGE_RUNNING) {
    ike_engine_quit (engine);
    return;
  }
  if (runtime->shutdown_timer.loop)
    return;
  ike_timer_init (&runtime->shutdown_timer, engine->control, &shutdown_timer_class, "shutdown");
  ike_timer_arm (&runtime->shutdown_timer, timeout_ms);
  ike_sas_shutdown (engine, sas_are_gone);
}

/* -- free */

/* The observer last: it hears what the others still say.  Loops of plugins run on until their
 * plugin frees them. */
static void
engine_stop_threads (IkeEngine *engine)
{
  for (guint k = 0; k < engine->n_shards; k++)
    ike_loop_stop (engine->shards[k]);
  ike_loop_stop (engine->io);
  if (engine->offload)
    ike_offload_stop (engine->offload);
  ike_loop_stop (engine->observer);
  engine->is_running = FALSE;
  ike_engine_drain (engine);
}

/* While the functions of plugins still find their state. */
static void
engine_end (IkeEngine *engine)
{
  IkeRuntime *runtime = engine->runtime;

  if (runtime->stage >= STAGE_CONTROL)
    ike_control_stop (engine);
  engine_stop_threads (engine);
  ike_sas_free (engine->sas);
  engine->sas = NULL;
  ike_engine_drain (engine);
  ike_logger_stop (engine);
  if (runtime->stage >= STAGE_LOADED)
    ike_registry_deactivate (engine);
  ike_engine_drain (engine);
  if (runtime->shutdown_timer.loop)
    ike_timer_disarm (&runtime->shutdown_timer);
}

void
ike_engine_free (IkeEngine *engine)
{
  IkeLoop *before;

  if (!engine)
    return;
  before = ike_loop_enter (engine->control);
  if (engine->observer)
    engine_end (engine);
  ike_loop_enter (NULL);
  while (engine->runtime->loops)
    ike_loop_free (engine->runtime->loops);
  ike_loop_enter (before == engine->control ? NULL : before);
  ike_control_free (engine->commands);
  ike_crypto_free (engine->crypto);
  ike_registry_free (engine->registry);
  ike_settings_state_free (engine->settings);
  ike_bus_free (engine->bus);
  ike_logger_free (engine->logger);
  ike_offload_free (engine->offload);
  ike_counters_free (engine->counters);
  g_free (engine->shards);
  g_free (engine->net_changes);
  options_free (&engine->options);
  g_free (engine->runtime);
  g_free (engine);
}

/* -- what it does */

IkeTree *
ike_engine_jobs (IkeEngine *engine)
{
  IkeTree *tree = ike_tree_new_section (), *loops = ike_tree_add_list (tree, "loops");

  for (IkeLoop *loop = engine->runtime->loops; loop; loop = loop->next)
    ike_tree_set_take (loops, NULL, ike_loop_describe (loop));
  if (engine->offload)
    ike_tree_set_take (tree, "offload", ike_offload_describe (engine->offload));
  return tree;
}

static void
merge (IkeTree *tree, IkeTree *part_take)
{
  for (guint i = 0; part_take && i < ike_tree_n (part_take); i++) {
    const IkeTree *child = ike_tree_nth (part_take, i);
    ike_tree_set_take (tree, ike_tree_name (child), ike_tree_copy (child));
  }
  ike_tree_free (part_take);
}

IkeTree *
ike_engine_order (IkeEngine *engine)
{
  IkeTree *tree = ike_tree_new_section ();

  ike_registry_list_order (engine, ike_tree_add_list (tree, "plugins"));
  merge (tree, ike_bus_order (engine));
  merge (tree, ike_sas_order (engine));
  return tree;
}
