/* SPDX-License-Identifier: Apache-2.0 */
/* commands_sa.c - status, up, down, explain. */
#include "sa/commands_sa.h"
#include "sa/keep_up.h"
#include <string.h>

/* -- status */

typedef struct {
  IkeEngine  *engine;
  IkeRequest *request;
  char       *conn;                           /* NULL: all */
  IkeTree    *sas;                            /* control */
  guint       shard;                          /* the one walked now */
} Status;

typedef struct {
  Status *status;
  guint32 from;
  IkeTree *rows;
  guint pending;
  gboolean is_walked;
} StatusWalk;

static void status_walk (gpointer data);

static void
status_next_shard (gpointer data)
{
  StatusWalk *w = data;
  Status *status = w->status;
  IkeTree *result, *about;
  IkeSaManager *manager = status->engine->sas;
  guint i;

  for (i = 0; i < ike_tree_n (w->rows); i++)
    ike_tree_set_take (status->sas, NULL, ike_tree_copy (ike_tree_nth (w->rows, i)));
  ike_tree_free (w->rows);
  g_free (w);
  if (++status->shard < status->engine->n_shards) {
    StatusWalk *next = g_new0 (StatusWalk, 1);
    next->status = status;
    next->rows = ike_tree_new_list ();
    ike_loop_post (ike_engine_shard (status->engine, status->shard), status_walk, next, NULL);
    return;
  }
  result = ike_tree_new_section ();
  about = ike_tree_add_section (result, "kernel");
  if (manager->kernel_class && manager->kernel_class->describe)
    manager->kernel_class->describe (manager->kernel->plugin, about);
  ike_tree_set_take (about, "providers", ike_registry_providers (status->engine, "kernel:ipsec"));
  about = ike_tree_add_section (result, "net");
  if (manager->net_class && manager->net_class->describe)
    manager->net_class->describe (manager->net->plugin, about);
  ike_tree_set_int (result, "half-open", atomic_load (&manager->n_half_open));
  ike_tree_set_take (result, "sas", g_steal_pointer (&status->sas));
  ike_tree_set_take (result, "waiting", ike_keep_up_describe (status->engine, status->conn));
  ike_request_finish (status->request, result);
  g_free (status->conn);
  g_free (status);
}

static void
status_release (StatusWalk *w)
{
  if (--w->pending == 0)
    ike_loop_post (ike_engine_control (w->status->engine), status_next_shard, w, NULL);
}

typedef struct { StatusWalk *walk; IkeTree *child; gboolean is_inbound; } UseOf;

/* The row belongs to @walk, which waits for all its calls, also for those whose SA goes meanwhile.
 */
static void
use_known (gpointer owner, gpointer data, gpointer result, const char *error)
{
  UseOf *of = data;
  IkeKernelUse *use = result;

  if (use) {
    ike_tree_set_int (of->child, of->is_inbound ? "bytes-in" : "bytes-out", (gint64) use->bytes);
    ike_tree_set_int (of->child, of->is_inbound ? "packets-in" : "packets-out",
                      (gint64) use->packets);
  }
  g_free (use);
}

static void
use_free (gpointer data)
{
  UseOf *of = data;

  status_release (of->walk);
  g_free (of);
}

static const IkeCallClass use_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "query CHILD_SA",
  .timeout_ms = 3000,
  .then = use_known,
  .undo = g_free,
  .free_data = use_free,
};

static void
query_use (StatusWalk *w, const IkeChild *child, IkeTree *row)
{
  guint i;

  for (i = 0; i < 2; i++) {
    UseOf *of = g_new0 (UseOf, 1);
    of->walk = w;
    of->child = row;
    of->is_inbound = i == 0;
    w->pending++;
    ike_child_query (child, i == 0, ike_loop_call (child->sa->shard->loop, &use_call, NULL, of));
  }
}

static void
status_one (IkeSa *sa, gpointer data)
{
  StatusWalk *w = data;
  IkeTree *row, *children;
  IkeChild *child;
  guint i = 0;

  if (w->status->conn && (!sa->conn || strcmp (sa->conn->name, w->status->conn) != 0))
    return;
  row = ike_sa_describe (sa, NULL);
  ike_tree_set_take (w->rows, NULL, row);
  children = (IkeTree *) ike_tree_get (row, "children");
  for (child = sa->children; child; child = child->next, i++)
    if (child->is_installed && sa->shard->manager->kernel_class)
      query_use (w, child, (IkeTree *) ike_tree_nth (children, i));
}

static void
status_walk (gpointer data)
{
  StatusWalk *w = data;
  IkeShard *shard = w->status->engine->sas->shards[w->status->shard];

  if (!w->is_walked) {
    w->is_walked = TRUE;
    w->pending = 1;
  }
  w->from = ike_table_walk (shard, w->from, status_one, w);
  if (w->from != G_MAXUINT32)
    ike_loop_post (shard->loop, status_walk, w, NULL);
  else
    status_release (w);
}

static void
run_status (IkePlugin *self, IkeRequest *request)
{
  IkeEngine *engine = ike_request_engine (request);
  Status *status = g_new0 (Status, 1);
  StatusWalk *w = g_new0 (StatusWalk, 1);

  status->engine = engine;
  status->request = request;
  status->conn = g_strdup (ike_tree_string (ike_request_args (request), "connection", NULL));
  status->sas = ike_tree_new_list ();
  w->status = status;
  w->rows = ike_tree_new_list ();
  ike_loop_post (ike_engine_shard (engine, 0), status_walk, w, NULL);
}

static const IkeCommandArg status_args[] = {
  { "connection", "string", FALSE, TRUE, "only SAs of this connection" },
  { NULL, NULL, FALSE, FALSE, NULL },
};

static const IkeCommandClass status_class = {
  .struct_size = sizeof (IkeCommandClass),
  .flags = IKE_COMMAND_READ_ONLY,
  .summary = "Show IKE SAs and their CHILD_SAs",
  .args = status_args,
  .run = run_status,
  .rows_path = "sas",
  .columns = "name:name state:state local:local-host remote:remote-host peer:remote-id "
             "proposal:proposal since:established",
};

const IkeFeature ike_command_status = { .struct_size = sizeof (IkeFeature),
                                        .provides = "command:status",
                                        .ops = &status_class };

/* -- up */

static void
up_heard (gpointer data, const char *text)
{
  IkeTree *part = ike_tree_new_section ();

  ike_tree_set_string (part, "text", text);
  ike_request_part (data, "progress", part);
}

typedef struct { IkeRequest *request; IkeProgress *progress; } Up;

static void
up_done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Up *up = data;

  up->progress->data = NULL;
  if (error)
    ike_request_fail (up->request, "failed", error);
  else
    ike_request_finish (up->request, result);
}

static void
up_free (gpointer data)
{
  Up *up = data;

  ike_progress_unref (up->progress);
  g_free (up);
}

static const IkeCallClass up_call = {
  .struct_size = sizeof (IkeCallClass), .name = "up", .timeout_ms = 3600 * 1000, .then = up_done,
  .undo = (GDestroyNotify) ike_tree_free, .free_data = up_free,
};

/* A connection nobody configured: `up HOST`. A secret for it, and nothing else, is needed. */
static IkeConn *
conn_for_host (IkeEngine *engine, const char *name, GError **error)
{
  g_autoptr (IkeTree) section = ike_tree_new_section ();
  IkeTree *side;
  IkeAddr addr;
  g_autoptr (IkeConfig) config = NULL;

  if (!ike_addr_parse (&addr, name, NULL) && !strchr (name, '.')) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND,
                 "there is no connection and no child %s, and it is not the address of a host "
                 "either; see `ikebana list-conns`",
                 name);
    return NULL;
  }
  ike_tree_set_string (section, "remote_addrs", name);
  ike_tree_set_string (ike_tree_add_section (section, "local"), "auth", "psk");
  side = ike_tree_add_section (section, "remote");
  ike_tree_set_string (side, "auth", "psk");
  ike_tree_add_section (ike_tree_add_section (section, "children"), "host");
  if (!ike_engine_load_conn (engine, name, section, error))
    return NULL;
  config = ike_engine_config (engine);
  {
    IkeConn *conn = ike_config_conn (config, name);
    return conn ? ike_conn_ref (conn) : NULL;
  }
}

static void
run_up (IkePlugin *self, IkeRequest *request)
{
  IkeEngine *engine = ike_request_engine (request);
  const char *name = ike_tree_string (ike_request_args (request), "name", NULL);
  const char *child = ike_tree_string (ike_request_args (request), "child", NULL);
  g_autoptr (IkeConfig) config = ike_engine_config (engine);
  g_autoptr (IkeConn) conn = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *why = NULL;
  const IkeChildConf *found = NULL;
  IkeConn *known = config ? ike_config_conn (config, name) : NULL;
  Up *up;

  if (!known && config && (known = ike_config_conn_of_child (config, name, &found)) && !child)
    child = found->name;
  if (!known && (why = ike_config_why_not (engine, name))) {
    g_autofree char *sentence = g_strdup_printf ("connection %s is not loaded: %s", name, why);
    ike_request_fail (request, "failed", sentence);
    return;
  }
  conn = known ? ike_conn_ref (known) : conn_for_host (engine, name, &error);
  if (!conn) {
    ike_request_fail (request, "not-found", error ? error->message : "no such connection");
    return;
  }
  up = g_new0 (Up, 1);
  up->request = request;
  up->progress = ike_progress_new (engine, up_heard, request);
  ike_initiate_watched (engine, conn, child, up->progress,
                        ike_loop_call (ike_engine_control (engine), &up_call, NULL, up));
}

static const IkeCommandArg up_args[] = {
  { "name", "string", TRUE, TRUE, "connection, child, or the address of a host" },
  { "child", "string", FALSE, TRUE, "which child of the connection; the first by default" },
  { NULL, NULL, FALSE, FALSE, NULL },
};

static const IkeCommandClass up_class = {
  .struct_size = sizeof (IkeCommandClass),
  .flags = IKE_COMMAND_STREAMS,
  .summary = "Bring up a connection or a child",
  .args = up_args,
  .run = run_up,
};

const IkeFeature ike_command_up = { .struct_size = sizeof (IkeFeature),
                                    .provides = "command:up",
                                    .ops = &up_class };

/* -- down */

static void
down_done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  if (error)
    ike_request_fail (data, "failed", error);
  else if (ike_tree_int (result, "n", 0) == 0) {
    ike_tree_free (result);
    ike_request_fail (data, "not-found", "nothing of that name is up; see `ikebana status`");
  } else
    ike_request_finish (data, result);
}

static const IkeCallClass down_call = {
  .struct_size = sizeof (IkeCallClass), .name = "down", .timeout_ms = 600 * 1000, .then = down_done,
  .undo = (GDestroyNotify) ike_tree_free,
};

static void
run_down (IkePlugin *self, IkeRequest *request)
{
  IkeEngine *engine = ike_request_engine (request);
  const IkeTree *args = ike_request_args (request);
  g_autoptr (IkeConfig) config = ike_engine_config (engine);
  IkeWhich which = ike_chosen_asked (request, config);

  if (!which.conn && !which.child && !which.unique_id && !ike_tree_bool (args, "all", FALSE)) {
    ike_request_fail (request, "usage", "which one? Give a name, --id=NUMBER or --all");
    return;
  }
  ike_terminate (engine, which.conn, which.child, which.unique_id,
                 ike_tree_bool (args, "force", FALSE),
                 ike_loop_call (ike_engine_control (engine), &down_call, NULL, request));
}

static const IkeCommandArg down_args[] = {
  { "name", "string", FALSE, TRUE, "connection or child" },
  { "child", "string", FALSE, TRUE, "only this child of the connection" },
  { "id", "uint", FALSE, FALSE, "only the IKE SA of this number" },
  { "all", "bool", FALSE, FALSE, "every IKE SA" },
  { "force", "bool", FALSE, FALSE, "at once, without telling the peer" },
  { NULL, NULL, FALSE, FALSE, NULL },
};

static const IkeCommandClass down_class = {
  .struct_size = sizeof (IkeCommandClass),
  .summary = "Take down IKE SAs or CHILD_SAs",
  .args = down_args,
  .run = run_down,
};

const IkeFeature ike_command_down = { .struct_size = sizeof (IkeFeature),
                                      .provides = "command:down",
                                      .ops = &down_class };

/* -- explain */

static void
run_explain (IkePlugin *self, IkeRequest *request)
{
  IkeSaManager *manager = ike_request_engine (request)->sas;
  const char *which = ike_tree_string (ike_request_args (request), "which", NULL);
  IkeTree *result = ike_tree_new_section (), *list = ike_tree_add_list (result, "failures");
  guint i;

  for (i = 0; i < IKE_EXPLAIN_RECORDS; i++) {
    const IkeTree *record = manager->records[(manager->next_record + i) % IKE_EXPLAIN_RECORDS];
    if (!record || (which && strcmp (which, ike_tree_string (record, "connection", "")) != 0
                    && !g_str_has_prefix (ike_tree_string (record, "peer", ""), which)))
      continue;
    ike_tree_set_take (list, NULL, ike_tree_copy (record));
  }
  ike_request_finish (request, result);
}

static const IkeCommandArg explain_args[] = {
  { "which", "string", FALSE, TRUE, "only failures of this connection or peer address" },
  { NULL, NULL, FALSE, FALSE, NULL },
};

static const IkeCommandClass explain_class = {
  .struct_size = sizeof (IkeCommandClass),
  .flags = IKE_COMMAND_READ_ONLY,
  .summary = "Show why negotiations failed: what was offered, what would have been accepted, what "
             "to change",
  .args = explain_args,
  .run = run_explain,
};

const IkeFeature ike_command_explain = { .struct_size = sizeof (IkeFeature),
                                         .provides = "command:explain",
                                         .ops = &explain_class };
