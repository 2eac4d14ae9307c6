/* SPDX-License-Identifier: Apache-2.0 */
/* initiate.c - `up`: from a connection to an SA.  Addresses are found on the control loop, through
 * calls; the SA is made on a shard.  Whoever asks twice gets the one SA. */
#include "sa/sa_private.h"
#include <string.h>

typedef struct {
  IkeEngine   *engine;
  IkeConn     *conn;
  char        *child;                         /* NULL: none */
  IkeProgress *progress;                      /* may be NULL */
  IkeCall     *call;                          /* whoever asked; answered once */
  IkeAddr      local, remote;
  IkeSaRef     known;
  gboolean     is_wary;                       /* the second attempt; see ike_exchange_doubt() */
} Initiate;

/* What the control loop knows of a connection: the SA that was begun or came up last, whoever began
 * it, and, while one is being made, who waits for it.  So two that ask at once find one SA. */
typedef struct {
  IkeSaRef   sa;
  gboolean   is_making;
  GPtrArray *waiting;                         /* Initiate */
} IkeKnown;

static void look_for_known (gpointer data);

/* -- progress */

IkeProgress *
ike_progress_new (IkeEngine *engine, void (*heard) (gpointer data, const char *text), gpointer data)
{
  IkeProgress *progress = g_new0 (IkeProgress, 1);

  atomic_init (&progress->references, 1);
  progress->engine = engine;
  progress->heard = heard;
  progress->data = data;
  return progress;
}

IkeProgress *
ike_progress_ref (IkeProgress *progress)
{
  atomic_fetch_add (&progress->references, 1);
  return progress;
}

void
ike_progress_unref (IkeProgress *progress)
{
  if (progress && atomic_fetch_sub (&progress->references, 1) == 1)
    g_free (progress);
}

typedef struct { IkeProgress *progress; char *text; } Sentence;

static void
hear (gpointer data)
{
  Sentence *s = data;

  if (s->progress->data)
    s->progress->heard (s->progress->data, s->text);
}

static void
sentence_free (gpointer data)
{
  Sentence *s = data;

  ike_progress_unref (s->progress);
  g_free (s->text);
  g_free (s);
}

void
ike_progress_tell (IkeProgress *progress, const char *text)
{
  Sentence *s = g_new0 (Sentence, 1);

  s->progress = ike_progress_ref (progress);
  s->text = g_strdup (text);
  ike_loop_post (ike_engine_control (progress->engine), hear, s, sentence_free);
}

/* -- the answer */

static void
initiate_free (Initiate *in)
{
  ike_conn_unref (in->conn);
  ike_progress_unref (in->progress);
  g_free (in->child);
  g_free (in);
}

void
ike_known_free (gpointer data)
{
  IkeKnown *known = data;

  g_ptr_array_unref (known->waiting);
  g_free (known);
}

static IkeKnown *
known_of (Initiate *in)
{
  GHashTable *table = in->engine->sas->by_conn;
  IkeKnown *known = g_hash_table_lookup (table, in->conn->name);

  if (!known) {
    known = g_new0 (IkeKnown, 1);
    known->waiting = g_ptr_array_new ();
    g_hash_table_insert (table, g_strdup (in->conn->name), known);
  }
  return known;
}

/* An SA was made, or could not be: whoever waited looks again. */
static void
making_is_over (Initiate *in)
{
  IkeKnown *known = known_of (in);
  guint i;

  known->is_making = FALSE;
  for (i = 0; i < known->waiting->len; i++)
    ike_loop_post (ike_engine_control (in->engine), look_for_known, known->waiting->pdata[i], NULL);
  g_ptr_array_set_size (known->waiting, 0);
}

/* Before there is an SA: control loop. */
static void
fail_early (Initiate *in, const char *why)
{
  making_is_over (in);
  ike_call_fail (g_steal_pointer (&in->call), why);
  initiate_free (in);
}

static void
answer (Initiate *in, IkeSa *sa, const char *error)
{
  IkeCall *call = g_steal_pointer (&in->call);

  if (error)
    ike_call_fail (call, error);
  else
    ike_call_answer (call, ike_sa_describe (sa, in->child));
}

static void
operation_done (IkeSa *sa, gpointer data, const char *error)
{
  Initiate *in = data;

  if (error && sa->is_doubtful && sa->state != IKE_SA_DEAD && !sa->was_up && !in->is_wary) {
    in->is_wary = TRUE;
    ike_sa_progress (sa, IKE_LOG_NOTICE,
                     "somebody else may have answered in the peer's place; tried once more");
    ike_loop_post (ike_engine_control (in->engine), look_for_known, in, NULL);
    return;
  }
  answer (in, sa, error);
  initiate_free (in);
}

static void
begin (Initiate *in, IkeSa *sa, const char *operation)
{
  ike_sa_watch (sa, in->progress);
  if (!ike_sa_begin (sa, operation, g_strdup (in->child ? in->child : ""), operation_done, in)) {
    answer (in, sa, "no plugin provides this operation; see `ikebana plugins --why ikev2`");
    initiate_free (in);
  }
}

/* -- a new SA */

static void
remember_sa (gpointer data)
{
  Initiate *in = data;

  known_of (in)->sa = in->known;
  making_is_over (in);
}

static void
remember_up (gpointer data)
{
  Initiate *in = data;

  known_of (in)->sa = in->known;
}

/* An SA that `up` did not make, but would: the peer's, or one that was begun again elsewhere.  To a
 * connection without an address nobody says `up`, and it may have any number of peers. */
void
ike_initiate_remember (IkeSa *sa)
{
  IkeEngine *engine = sa->shard->manager->engine;
  const IkeConn *conn = sa->conn;
  Initiate *note;

  if (sa->is_known || !conn || !conn->n_remote_addrs
      || (conn->remote_addrs[0].kind != 1 && conn->remote_addrs[0].kind != 4))
    return;
  sa->is_known = TRUE;
  note = g_new0 (Initiate, 1);
  note->engine = engine;
  note->conn = ike_conn_ref (sa->conn);
  note->known = ike_sa_ref (sa);
  ike_loop_post (ike_engine_control (engine), remember_up, note, (GDestroyNotify) initiate_free);
}

static void
make_sa (gpointer data)
{
  Initiate *in = data, *note;
  IkeSaManager *manager = in->engine->sas;
  IkeShard *shard = manager->shards[ike_loop_shard_index (ike_loop_current ())];
  IkeSa *sa = shard->is_closing
                  ? NULL
                  : ike_sa_new (shard, 2, TRUE, &in->local, &in->remote, in->conn);
  char remote[IKE_ADDR_TEXT_SIZE];

  note = g_new0 (Initiate, 1);
  note->engine = in->engine;
  note->conn = ike_conn_ref (in->conn);
  if (sa) {
    sa->is_known = TRUE;
    note->known = ike_sa_ref (sa);
  }
  ike_loop_post (ike_engine_control (in->engine), remember_sa, note,
                 (GDestroyNotify) initiate_free);
  if (!sa) {
    ike_call_fail (g_steal_pointer (&in->call),
                   shard->is_closing ? "the daemon ends" : "too many SAs");
    initiate_free (in);
    return;
  }
  sa->is_wary = in->is_wary != 0;
  ike_counter_add (in->engine, manager->count.initiated, 1);
  ike_sa_progress (sa, IKE_LOG_INFO, "initiating to %s",
                   ike_addr_format (&in->remote, TRUE, remote));
  begin (in, sa, "establish");
}

static void
start_new (Initiate *in)
{
  ike_loop_post (ike_engine_shard (in->engine, ike_sas_pick_shard (in->engine->sas)), make_sa, in,
                 NULL);
}

/* -- addresses */

static void
source_found (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Initiate *in = owner;
  IkeAddr *source = result;

  if (error) {
    g_autofree char *why = g_strdup_printf ("no way to the peer: %s", error);
    fail_early (in, why);
    return;
  }
  source->port = in->local.port;
  in->local = *source;
  g_free (source);
  start_new (in);
}

static const IkeCallClass source_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "source address",
  .timeout_ms = 5000,
  .then = source_found,
  .undo = g_free,
};

static void
find_source (Initiate *in)
{
  IkeSaManager *manager = in->engine->sas;
  const IkeConn *conn = in->conn;
  guint16 plain = 500, marked = 4500;
  guint i;

  if (manager->net_class)
    manager->net_class->ports (manager->net->plugin, &plain, &marked);
  in->local.port = conn->local_port && conn->local_port != 500 ? conn->local_port : plain;
  if (!in->remote.port)
    in->remote.port = conn->remote_port ? conn->remote_port : 500;
  for (i = 0; i < conn->n_local_addrs; i++)
    if (conn->local_addrs[i].kind == 1 && conn->local_addrs[i].addr.family == in->remote.family) {
      guint16 port = in->local.port;
      in->local = conn->local_addrs[i].addr;
      in->local.port = port;
      start_new (in);
      return;
    }
  if (manager->kernel_net) {
    const IkeKernelNetClass *net = manager->kernel_net->ops;
    IkeCall *call = ike_loop_call (ike_engine_control (in->engine), &source_call, in, NULL);
    net->source_for (manager->kernel_net->plugin, call, &in->remote);
    return;
  }
  in->local.family = in->remote.family;
  start_new (in);
}

static void
name_resolved (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Initiate *in = owner;
  GArray *addrs = result;

  if (error || addrs->len == 0) {
    g_autofree char *why =
        g_strdup_printf ("%s: %s", in->conn->remote_addrs[0].text, error ? error : "no address");
    if (addrs)
      g_array_unref (addrs);
    fail_early (in, why);
    return;
  }
  in->remote = g_array_index (addrs, IkeAddr, 0);
  in->remote.port = in->conn->remote_port;
  g_array_unref (addrs);
  find_source (in);
}

static const IkeCallClass resolve_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "resolve",
  .timeout_ms = 20000,
  .then = name_resolved,
  .undo = (GDestroyNotify) g_array_unref,
};

static void
find_remote (Initiate *in)
{
  IkeSaManager *manager = in->engine->sas;
  const IkeHostConf *host = in->conn->n_remote_addrs ? &in->conn->remote_addrs[0] : NULL;
  g_autofree char *why = NULL;

  if (host && host->kind == 1) {
    in->remote = host->addr;
    in->remote.port = in->conn->remote_port;
    find_source (in);
  } else if (host && host->kind == 4 && manager->net_class) {
    IkeCall *call = ike_loop_call (ike_engine_control (in->engine), &resolve_call, in, NULL);
    manager->net_class->resolve (manager->net->plugin, call, host->text, 0);
  } else {
    why =
        g_strdup_printf ("connection %s has no address to go to; set remote_addrs", in->conn->name);
    fail_early (in, why);
  }
}

/* -- an SA that is there */

static void
again (gpointer data)
{
  Initiate *in = data;
  IkeKnown *known = known_of (in);

  if (known->sa.serial == in->known.serial)
    known->sa.serial = 0;
  look_for_known (in);
}

static const IkeChild *
find_child_named (const IkeSa *sa, const char *name)
{
  const IkeChild *child;

  for (child = sa->children; child; child = child->next)
    if (!strcmp (child->conf->name, name) && child->state == IKE_CHILD_INSTALLED
        && !child->is_going)
      return child;
  return NULL;
}

/* RFC 7296 knows no such thing as "the same SA": two that ask for one connection mean one. */
static void
use_known (IkeSa *sa, gpointer data)
{
  Initiate **box = data, *in = *box;
  IkeOperation *op;

  if (sa->state > IKE_SA_REKEYING || !sa->conn || strcmp (sa->conn->name, in->conn->name) != 0)
    return;
  *box = NULL;
  if (in->child && sa->state >= IKE_SA_ESTABLISHED && find_child_named (sa, in->child)) {
    ike_sa_watch (sa, in->progress);
    ike_sa_progress (sa, IKE_LOG_INFO, "%s is up already", in->child);
    operation_done (sa, in, NULL);
    return;
  }
  for (op = sa->operations; op; op = op->next)
    if (op->name && op->args && !strcmp (op->name, "establish")
        && !g_strcmp0 (op->args, in->child ? in->child : "")) {
      IkeDone *done = g_new0 (IkeDone, 1);
      ike_sa_watch (sa, in->progress);
      *done = (IkeDone) { op->dones, operation_done, in };
      op->dones = done;
      return;
    }
  if (in->child)
    begin (in, sa, "create-child");
  else
    operation_done (sa, in, NULL);
}

/* Nobody took it out: the SA is gone, or going: a new one. */
static void
known_free (gpointer data)
{
  Initiate **box = data;

  if (*box)
    ike_loop_post (ike_engine_control ((*box)->engine), again, *box, NULL);
  g_free (box);
}

static const IkeJobClass known_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "up",
  .lane = IKE_LANE_SETUP,
  .run = use_known,
  .free = known_free,
};

static void
look_for_known (gpointer data)
{
  Initiate *in = data;
  IkeKnown *known = known_of (in);

  if (known->is_making) {
    g_ptr_array_add (known->waiting, in);
  } else if (!known->sa.serial) {
    known->is_making = TRUE;
    find_remote (in);
  } else {
    in->known = known->sa;
    /* The lane of setups refuses nothing; a job that finds no SA comes back by known_free(). */
    (void) !ike_sa_post (in->engine, known->sa, &known_job, g_memdup2 (&in, sizeof in));
  }
}

void
ike_initiate_watched (IkeEngine *engine, IkeConn *conn, const char *child, IkeProgress *progress,
                      IkeCall *call)
{
  const IkeChildConf *conf = child && !*child ? NULL : ike_conn_child (conn, child);
  Initiate *in = g_new0 (Initiate, 1);

  in->engine = engine;
  in->conn = ike_conn_ref (conn);
  in->child = conf ? g_strdup (conf->name) : NULL;
  in->progress = progress ? ike_progress_ref (progress) : NULL;
  in->call = call;
  if (child && *child && !conf) {
    g_autofree char *why = g_strdup_printf ("connection %s has no child %s", conn->name, child);
    ike_call_fail (g_steal_pointer (&in->call), why);
    initiate_free (in);
    return;
  }
  ike_loop_post (ike_engine_control (engine), look_for_known, in, NULL);
}

void
ike_initiate (IkeEngine *engine, IkeConn *conn, const char *child_name_or_null, IkeCall *call)
{
  ike_initiate_watched (engine, conn, child_name_or_null, NULL, call);
}

/* -- elsewhere */

enum { RESTARTS_MAX = 5 };

/* The children that @sa has, each once; the first child of the connection if it has none yet. */
static void
begin_children (IkeSa *sa, IkeSa *next, void (*done) (IkeSa *, gpointer, const char *),
                gpointer data, guint *n_begun)
{
  const char *operation = "establish";
  IkeChild *child;
  guint n = 0;

  for (child = sa->children; child; child = child->next) {
    if (child->is_replaced || child->is_redundant || child->is_going
        || (child->replaces && !child->is_installed))
      continue;
    n += ike_sa_begin (next, operation, g_strdup (child->conf->name), done, data);
    operation = "create-child";
  }
  if (!strcmp (operation, "establish"))
    n += ike_sa_begin (next, operation,
                       g_strdup (sa->conn->n_children ? sa->conn->children[0]->name : ""), done,
                       data);
  if (n_begun)
    *n_begun += n;
}

IkeSa *
ike_sa_begin_like (IkeSa *sa, const IkeAddr *where, void (*done) (IkeSa *, gpointer, const char *),
                   gpointer data, guint *n_begun)
{
  IkeAddr local = sa->local, remote = where ? *where : sa->remote;
  guint16 plain = 500, marked = 4500;
  IkeSa *next;

  if (!sa->conn || sa->shard->is_closing)
    return NULL;
  if (sa->shard->manager->net_class)
    sa->shard->manager->net_class->ports (sa->shard->manager->net->plugin, &plain, &marked);
  local.port = plain;
  if (!remote.port || !where)
    remote.port = sa->conn->remote_port;
  next = ike_sa_new (sa->shard, sa->major, TRUE, &local, &remote, sa->conn);
  if (!next)
    return NULL;
  ike_sa_progress (sa, IKE_LOG_NOTICE, "begins anew as [%u]", next->unique_id);
  begin_children (sa, next, done, data, n_begun);
  return next;
}

IkeSaRef
ike_sa_restart (IkeSa *sa, const IkeAddr *where, const char *why)
{
  IkeSaRef none = { 0, 0, 0 };
  IkeSa *next;

  if (sa->n_restarts >= RESTARTS_MAX || !sa->conn) {
    ike_sa_destroy (sa, "begun again elsewhere too often");
    return none;
  }
  next = ike_sa_begin_like (sa, where, NULL, NULL, NULL);
  if (!next)
    return none;
  next->n_restarts = sa->n_restarts + 1;
  ike_sa_destroy (sa, why);
  return ike_sa_ref (next);
}
