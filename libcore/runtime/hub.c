/* SPDX-License-Identifier: Apache-2.0 */
/* hub.c - what hangs off an engine, for whoever asks: its loops, its settings, and whose plugin a
 * plugin is. */
#include "runtime/loop_private.h"
#include "runtime/sim_private.h"

enum { DRAIN_ROUNDS_MAX = 1000 };

IkeLoop *
ike_engine_control (IkeEngine *engine)
{
  return engine->control;
}

guint
ike_engine_n_shards (IkeEngine *engine)
{
  return engine->n_shards;
}

IkeLoop *
ike_engine_shard (IkeEngine *engine, guint k)
{
  g_return_val_if_fail (k < engine->n_shards, NULL);
  return engine->shards[k];
}

IkeLoop *
ike_engine_io (IkeEngine *engine)
{
  return engine->io;
}

IkeLoop *
ike_engine_observer (IkeEngine *engine)
{
  return engine->observer;
}

/* What posts itself again and again is left to be freed. */
void
ike_engine_drain (IkeEngine *engine)
{
  gboolean is_any = TRUE;

  for (guint round = 0; is_any && round < DRAIN_ROUNDS_MAX; round++) {
    is_any = FALSE;
    if (engine->sim)
      ike_sim_flush (engine->sim);
    for (IkeLoop *loop = engine->runtime->loops; loop; loop = loop->next)
      if (!loop->is_started)
        is_any |= ike_loop_drain (loop);
  }
}

const IkeTree *
ike_engine_settings (IkeEngine *engine)
{
  return engine->settings_tree;
}

const char *
ike_plugin_name (const IkePlugin *self)
{
  return ((const IkePluginHead *) self)->name;
}

IkeEngine *
ike_plugin_engine (const IkePlugin *self)
{
  return ((const IkePluginHead *) self)->engine;
}
