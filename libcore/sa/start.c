/* SPDX-License-Identifier: Apache-2.0 */
/* start.c - `start_action`: what shall be up when a configuration comes into force is begun then,
 * behind the traps, so that no packet leaves in the clear meanwhile. */
#include "sa/keep_up.h"
#include "sa/sa_private.h"

typedef struct {
  IkeEngine *engine;
  IkeConfig *config, *previous;
} Apply;

static void
start_conn (IkeEngine *engine, const IkeConn *conn)
{
  guint i;

  for (i = 0; i < conn->n_children; i++)
    if (conn->children[i]->start_action & IKE_ACTION_START
        && conn->children[i]->mode <= IKE_MODE_BEET)
      ike_keep_up (engine, conn->name, conn->children[i]->name, IKE_KEEP_START, NULL);
}

static void
apply (gpointer data)
{
  Apply *a = data;
  guint i;

  if (a->engine->sas->traps)
    ike_traps_apply (a->engine->sas->traps, a->config, a->previous);
  ike_keep_up_apply (a->engine, a->config);
  for (i = 0; i < a->config->n_conns; i++) {
    const IkeConn *conn = a->config->conns[i];
    if (!a->previous || ike_config_conn (a->previous, conn->name) != conn)
      start_conn (a->engine, conn);
  }
}

static void
apply_free (gpointer data)
{
  Apply *a = data;

  ike_config_unref (a->config);
  ike_config_unref (a->previous);
  g_free (a);
}

void
ike_sas_apply_config (IkeEngine *engine, IkeConfig *config, IkeConfig *previous_or_null)
{
  Apply *a;

  if (previous_or_null)
    ike_sas_log_removed (engine, config, previous_or_null);
  if (!engine->sas || (engine->options.flags & IKE_ENGINE_CHECK)
      || (!config->n_conns && !previous_or_null))
    return;
  a = g_new0 (Apply, 1);
  a->engine = engine;
  a->config = ike_config_ref (config);
  a->previous = previous_or_null ? ike_config_ref (previous_or_null) : NULL;
  ike_loop_post (ike_engine_control (engine), apply, a, apply_free);
}
