/* SPDX-License-Identifier: Apache-2.0 */
/* start.c - `start_action`: what shall be up when a configuration comes into force is begun then,
 * behind the traps, so that no packet leaves in the clear meanwhile. */
#include "sa/sa_private.h"

typedef struct {
  IkeEngine *engine;
  char      *what;                            /* "home.net", for the log */
} Start;

static void
started (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Start *start = data;

  if (error)
    ike_log (start->engine, IKE_LOG_ERROR, "ike", "%s was to be started and did not come up: %s",
             start->what, error);
  ike_tree_free (result);
}

static void
start_free (gpointer data)
{
  Start *start = data;

  g_free (start->what);
  g_free (start);
}

static const IkeCallClass start_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "start action",
  .timeout_ms = 3600 * 1000,
  .then = started,
  .undo = (GDestroyNotify) ike_tree_free,
  .free_data = start_free,
};

static void
start_child (IkeEngine *engine, IkeConn *conn, const IkeChildConf *conf)
{
  Start *start = g_new0 (Start, 1);

  start->engine = engine;
  start->what = g_strdup_printf ("%s.%s", conn->name, conf->name);
  ike_initiate (engine, conn, conf->name,
                ike_loop_call (ike_engine_control (engine), &start_call, NULL, start));
}

typedef struct {
  IkeEngine *engine;
  IkeConfig *config, *previous;
} Apply;

static void
start_all (IkeEngine *engine, const IkeConfig *config, const IkeConfig *previous)
{
  guint i, k;

  for (i = 0; i < config->n_conns; i++) {
    IkeConn *conn = config->conns[i];
    if (previous && ike_config_conn (previous, conn->name) == conn)
      continue;
    for (k = 0; k < conn->n_children; k++)
      if (conn->children[k]->start_action & IKE_ACTION_START
          && conn->children[k]->mode <= IKE_MODE_BEET)
        start_child (engine, conn, conn->children[k]);
  }
}

static void
apply (gpointer data)
{
  Apply *a = data;

  if (a->engine->sas->traps)
    ike_traps_apply (a->engine->sas->traps, a->config, a->previous);
  start_all (a->engine, a->config, a->previous);
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
  if (!engine->sas || (engine->options.flags & IKE_ENGINE_CHECK))
    return;
  a = g_new0 (Apply, 1);
  a->engine = engine;
  a->config = ike_config_ref (config);
  a->previous = previous_or_null ? ike_config_ref (previous_or_null) : NULL;
  ike_loop_post (ike_engine_control (engine), apply, a, apply_free);
}
