/* SPDX-License-Identifier: Apache-2.0 */
/* initiate.c - `up`: from a connection to an SA.  Addresses are found on the control loop, through
 * calls, and tried one after the other; the SA is made on a shard.  Whoever asks twice gets the one
 * SA. */
#include "sa/elsewhere.h"
#include "sa/known.h"
#include <string.h>

typedef struct {
  IkeEngine   *engine;
  IkeConn     *conn;
  char        *child;                         /* NULL: none */
  IkeTrigger  *trigger;                       /* NULL: no packet asked */
  IkeProgress *progress;                      /* may be NULL */
  IkeCall     *call;                          /* whoever asked; answered once */
  IkeAddr      local, remote;
  IkeSaRef     known;                         /* the SA that it is about */
  char        *why;                           /* that SA did not answer, was not reached */
  gboolean     was_silent;                    /* nobody said a word */
  gboolean     is_wary;                       /* the second attempt; see ike_exchange_doubt() */
  gboolean     is_retry, wants_outcome;
  atomic_bool  is_unwanted;                   /* whoever asked has gone */
} Initiate;

enum { COMING_MS = 100 };

static void look_for_known (gpointer data);
static void next_address (Initiate *in);

const IkeChildConf *
ike_conn_first_tunnel (const IkeConn *conn)
{
  guint i;

  for (i = 0; i < conn->n_children; i++)
    if (conn->children[i]->mode <= IKE_MODE_BEET)
      return conn->children[i];
  return NULL;
}

/* -- the answer */

static void
initiate_free (Initiate *in)
{
  ike_conn_unref (in->conn);
  ike_progress_unref (in->progress);
  g_free (in->child);
  g_free (in->trigger);
  g_free (in->why);
  g_free (in);
}

void
ike_outcome_free (IkeOutcome *outcome)
{
  if (outcome)
    g_free (outcome->error);
  g_free (outcome);
}

/* Takes @in.  @sa: on its shard; NULL: there is none. */
static void
answer (Initiate *in, IkeSa *sa, const char *error)
{
  IkeCall *call = g_steal_pointer (&in->call);
  IkeOutcome *outcome;

  if (in->wants_outcome) {
    outcome = g_new0 (IkeOutcome, 1);
    outcome->is_ike_up =
        sa && (sa->state == IKE_SA_ESTABLISHED || sa->state == IKE_SA_REKEYING);
    outcome->is_taken_down = sa && sa->is_taken_down;
    outcome->error = g_strdup (error);
    ike_call_answer (call, outcome);
  } else if (error)
    ike_call_fail (call, error);
  else
    ike_call_answer (call, ike_sa_describe (sa, in->child));
  initiate_free (in);
}

static IkeKnown *
known_of (Initiate *in)
{
  return ike_known_of (in->engine, in->conn->name);
}

/* An SA was made, or is not made: whoever waited looks again. */
static void
making_is_over (IkeKnown *known)
{
  guint i;

  known->is_making = FALSE;
  for (i = 0; i < known->waiting->len; i++)
    ike_loop_post (ike_engine_control (known->engine), look_for_known, known->waiting->pdata[i],
                   NULL);
  g_ptr_array_set_size (known->waiting, 0);
}

/* No address is left: for those either who waited meanwhile. */
static void
fail_all (Initiate *in, const char *why_take)
{
  g_autofree char *why = (char *) why_take;
  IkeKnown *known = known_of (in);
  GPtrArray *waiting = g_steal_pointer (&known->waiting);
  guint i;

  known->waiting = g_ptr_array_new ();
  known->is_making = FALSE;
  answer (in, NULL, why);
  for (i = 0; i < waiting->len; i++)
    answer (waiting->pdata[i], NULL, why);
  g_ptr_array_unref (waiting);
}

/* TRUE: it is over, for whoever asked has gone. */
static gboolean
is_given_up (Initiate *in)
{
  if (!atomic_load (&in->is_unwanted))
    return FALSE;
  making_is_over (known_of (in));
  answer (in, NULL, "not wanted any more");
  return TRUE;
}

/* The SA of @in did not come up: the next address, for the first who comes; the others wait.  Those
 * who come when no address was left hear why. */
static void
go_on (gpointer data)
{
  Initiate *in = data;
  IkeKnown *known = known_of (in);

  ike_known_forget (known, in->known.serial);
  if (known->failed == in->known.serial) {
    answer (in, NULL, known->why);
    return;
  }
  if (known->is_making || known->n || known->made != in->known.serial) {
    look_for_known (in);
    return;
  }
  known->is_making = TRUE;
  known->was_silent |= in->was_silent;
  g_free (known->why);
  known->why = g_steal_pointer (&in->why);
  if (in->is_wary && known->addr)
    known->addr--;
  next_address (in);
}

/* A peer that refused under its protection would do so at any of its addresses. */
static gboolean
may_go_on (const Initiate *in, const IkeSa *sa)
{
  return sa->has_timed_out && !sa->was_up && !sa->ending && !sa->shard->is_closing
         && !atomic_load (&in->is_unwanted);
}

static void
operation_done (IkeSa *sa, gpointer data, const char *error)
{
  Initiate *in = data;
  gboolean is_doubted =
      error && sa->is_doubtful && sa->state != IKE_SA_DEAD && !sa->was_up && !in->is_wary;

  if (!error || (!is_doubted && !may_go_on (in, sa))) {
    answer (in, sa, error);
    return;
  }
  if (is_doubted)
    ike_sa_progress (sa, IKE_LOG_NOTICE,
                     "somebody else may have answered in the peer's place; tried once more");
  in->is_wary = is_doubted;
  in->was_silent = !is_doubted && !sa->hint;
  in->known = ike_sa_ref (sa);
  g_free (in->why);
  in->why = g_strdup (error);
  ike_loop_post (ike_engine_control (in->engine), go_on, in, NULL);
}

static void
begin (Initiate *in, IkeSa *sa, const char *operation)
{
  ike_sa_watch (sa, in->progress);
  if (!ike_sa_begin_for (sa, operation, g_strdup (in->child ? in->child : ""), in->trigger,
                         (IkeDone) { NULL, operation_done, in }))
    answer (in, sa, "no plugin provides this operation; see `ikebana plugins --why ikev2`");
}

/* -- a new SA */

typedef struct {
  IkeEngine *engine;
  char *conn;
  IkeSaRef sa;
  gint64 created_us;
} Made;

static void
remember_made (gpointer data)
{
  Made *made = data;
  IkeKnown *known = ike_known_of (made->engine, made->conn);

  if (made->sa.serial) {
    ike_known_add (
        known,
        &(IkeKnownSa){ .sa = made->sa, .is_initiator = TRUE, .created_us = made->created_us });
    known->made = made->sa.serial;
  }
  making_is_over (known);
}

static void
made_free (gpointer data)
{
  Made *made = data;

  g_free (made->conn);
  g_free (made);
}

static void
make_sa (gpointer data)
{
  Initiate *in = data;
  IkeSaManager *manager = in->engine->sas;
  IkeShard *shard = manager->shards[ike_loop_shard_index (ike_loop_current ())];
  gboolean is_wanted = !shard->is_closing && !atomic_load (&in->is_unwanted);
  IkeSa *sa = is_wanted ? ike_sa_new (shard, 2, TRUE, &in->local, &in->remote, in->conn) : NULL;
  Made *made = g_new0 (Made, 1);
  char remote[IKE_ADDR_TEXT_SIZE];

  *made = (Made){ .engine = in->engine, .conn = g_strdup (in->conn->name) };
  if (sa) {
    made->sa = ike_sa_ref (sa);
    made->created_us = sa->created_us;
  }
  ike_loop_post (ike_engine_control (in->engine), remember_made, made, made_free);
  if (!sa) {
    answer (in, NULL,
            shard->is_closing ? "the daemon ends"
            : is_wanted       ? "too many SAs"
                              : "not wanted any more");
    return;
  }
  sa->is_wary = in->is_wary != 0;
  sa->is_retry = in->is_retry != 0;
  ike_sa_arm_setup (sa);
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

/* Remembers why, and goes on with the next one. */
static void
not_reached (Initiate *in, char *why_take)
{
  IkeKnown *known = known_of (in);

  g_free (known->why);
  known->why = why_take;
  next_address (in);
}

static void
source_found (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Initiate *in = owner;
  IkeAddr *source = result;

  if (error) {
    not_reached (in, g_strdup_printf ("no way to the peer: %s", error));
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

  memset (&in->local, 0, sizeof in->local);
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
  IkeKnown *known = known_of (in);
  GArray *addrs = result;

  if (error || addrs->len == 0) {
    if (addrs)
      g_array_unref (addrs);
    not_reached (in, g_strdup_printf ("%s: %s", in->conn->remote_addrs[known->host - 1].text,
                                      error ? error : "no address"));
    return;
  }
  ike_known_set_addrs (known, (const IkeAddr *) addrs->data, addrs->len);
  g_array_unref (addrs);
  next_address (in);
}

static const IkeCallClass resolve_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "host name",
  .timeout_ms = 20000,
  .then = name_resolved,
  .undo = (GDestroyNotify) g_array_unref,
};

/* TRUE: @known has the address, or it is being asked for. */
static gboolean
next_host (Initiate *in, IkeKnown *known)
{
  IkeSaManager *manager = in->engine->sas;

  while (known->host < in->conn->n_remote_addrs) {
    const IkeHostConf *host = &in->conn->remote_addrs[known->host++];
    if (host->kind == 1) {
      ike_known_set_addrs (known, &host->addr, 1);
      next_address (in);
      return TRUE;
    }
    /* A name is looked up at each try: what it stands for may have changed. */
    if (host->kind == 4 && manager->net_class) {
      IkeCall *call = ike_loop_call (ike_engine_control (in->engine), &resolve_call, in, NULL);
      manager->net_class->resolve (manager->net->plugin, call, host->text, 0);
      return TRUE;
    }
  }
  return FALSE;
}

/* `keyingtries` counts rounds in which somebody did not answer, as each takes its time.  Whoever
 * was refused by all, or could not even send, is answered. */
static gboolean
may_begin_again (const Initiate *in, IkeKnown *known)
{
  return known->was_silent && (!in->conn->keyingtries || ++known->n_rounds < in->conn->keyingtries);
}

static void
next_address (Initiate *in)
{
  IkeKnown *known = known_of (in);

  if (is_given_up (in))
    return;
  if (known->addr < known->n_addrs) {
    in->remote = known->addrs[known->addr++];
    in->remote.port = in->conn->remote_port;
    find_source (in);
  } else if (next_host (in, known)) {
    return;
  } else if (may_begin_again (in, known)) {
    ike_known_rewind (known);
    next_address (in);
  } else {
    known->failed = known->made;
    if (!known->why)
      known->why = g_strdup_printf ("connection %s has no address to go to; set remote_addrs",
                                    in->conn->name);
    fail_all (in, g_strdup (known->why));
  }
}

/* -- an SA that is there */

static void
again (gpointer data)
{
  Initiate *in = data;

  ike_known_forget (known_of (in), in->known.serial);
  look_for_known (in);
}

static gboolean
has_one_that_covers (const IkeChild *child, gboolean is_local, const IkeSelector *packet)
{
  guint n;
  const IkeSelector *selectors = ike_child_selectors (child, is_local, &n);

  while (n-- > 0)
    if (ike_selector_covers (&selectors[n], packet))
      return TRUE;
  return FALSE;
}

static gboolean
carries (const IkeChild *child, const IkeTrigger *trigger)
{
  return has_one_that_covers (child, TRUE, &trigger->local)
         && has_one_that_covers (child, FALSE, &trigger->remote);
}

/* One that is up, or is being replaced by another; for a packet, one that carries it. */
static gboolean
has_child (const IkeSa *sa, const Initiate *in)
{
  const IkeChild *child;

  for (child = sa->children; in->child && child; child = child->next)
    if (!strcmp (child->conf->name, in->child) && child->is_installed && !child->is_going
        && !child->is_redundant && (!in->trigger || carries (child, in->trigger)))
      return TRUE;
  return FALSE;
}

static gboolean
is_making_child (const IkeSa *sa, const Initiate *in)
{
  const IkeChild *child;

  for (child = sa->children; in->child && child; child = child->next)
    if (!strcmp (child->conf->name, in->child) && child->state == IKE_CHILD_CREATED)
      return TRUE;
  return FALSE;
}

/* Is that very thing being done already?  What is made for one packet may not carry another. */
static gboolean
does_the_same (const IkeOperation *op, const Initiate *in)
{
  return op->info && op->args
         && (!strcmp (op->name, "establish")
             || (!strcmp (op->name, "create-child") && !in->trigger))
         && !g_strcmp0 (op->args, in->child ? in->child : "");
}

static void use_known (IkeSa *sa, gpointer data);

/* Nobody took it out: the SA is gone, or going: a new one. */
static void
known_job_free (gpointer data)
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
  .free = known_job_free,
};

/* RFC 7296 knows no such thing as "the same SA": two that ask for one connection mean one. */
static void
use_known (IkeSa *sa, gpointer data)
{
  Initiate **box = data, *in = *box;
  IkeOperation *op;

  if (sa->state > IKE_SA_REKEYING || sa->ending || !sa->conn
      || strcmp (sa->conn->name, in->conn->name) != 0)
    return;
  *box = NULL;
  if (sa->state >= IKE_SA_ESTABLISHED && has_child (sa, in)) {
    ike_sa_watch (sa, in->progress);
    ike_sa_progress (sa, IKE_LOG_INFO, "%s is up already", in->child);
    operation_done (sa, in, NULL);
    return;
  }
  for (op = sa->operations; op; op = op->next)
    if (does_the_same (op, in)) {
      IkeDone *done = g_new0 (IkeDone, 1);
      ike_sa_watch (sa, in->progress);
      *done = (IkeDone){ op->dones, operation_done, in };
      op->dones = done;
      return;
    }
  if (is_making_child (sa, in))
    /* The peer is about to make it. */
    ike_sa_timer_add (sa, COMING_MS, &known_job, g_memdup2 (&in, sizeof in));
  else if (in->child)
    begin (in, sa, "create-child");
  else
    operation_done (sa, in, NULL);
}

static void
look_for_known (gpointer data)
{
  Initiate *in = data;
  IkeKnown *known = known_of (in);

  if (known->is_making) {
    g_ptr_array_add (known->waiting, in);
  } else if (!known->n) {
    known->is_making = TRUE;
    known->n_rounds = 0;
    g_clear_pointer (&known->why, g_free);
    ike_known_rewind (known);
    next_address (in);
  } else {
    in->known = known->sas[0].sa;
    /* The lane of setups refuses nothing; a job that finds no SA comes back by known_job_free(). */
    (void) !ike_sa_post (in->engine, in->known, &known_job, g_memdup2 (&in, sizeof in));
  }
}

/* -- asking */

static void
unwanted (gpointer worker)
{
  Initiate *in = worker;

  atomic_store (&in->is_unwanted, TRUE);
}

/* Takes @in.  @child NULL: the first that is no shunt; "": none. */
static void
ask (Initiate *in, const char *child)
{
  const IkeChildConf *conf = !child    ? ike_conn_first_tunnel (in->conn)
                             : !*child ? NULL
                                       : ike_conn_child (in->conn, child);
  g_autofree char *why = NULL;

  if (child && *child && !conf)
    why = g_strdup_printf ("connection %s has no child %s", in->conn->name, child);
  else if (conf && conf->mode > IKE_MODE_BEET)
    why = g_strdup_printf ("%s.%s is a shunt, for which no SA is made; `ikebana install %s` "
                           "installs its policies",
                           in->conn->name, conf->name, conf->name);
  if (why) {
    answer (in, NULL, why);
    return;
  }
  in->child = conf ? g_strdup (conf->name) : NULL;
  ike_call_on_cancel (in->call, unwanted, in);
  ike_loop_post (ike_engine_control (in->engine), look_for_known, in, NULL);
}

static Initiate *
initiate_new (IkeEngine *engine, IkeConn *conn, IkeCall *call)
{
  Initiate *in = g_new0 (Initiate, 1);

  in->engine = engine;
  in->conn = ike_conn_ref (conn);
  in->call = call;
  atomic_init (&in->is_unwanted, FALSE);
  return in;
}

void
ike_initiate_watched (IkeEngine *engine, IkeConn *conn, const char *child, IkeProgress *progress,
                      IkeCall *call)
{
  Initiate *in = initiate_new (engine, conn, call);

  in->progress = progress ? ike_progress_ref (progress) : NULL;
  ask (in, child);
}

void
ike_initiate_outcome (IkeEngine *engine, IkeConn *conn, const char *child, gboolean is_retry,
                      IkeCall *call)
{
  Initiate *in = initiate_new (engine, conn, call);

  in->wants_outcome = TRUE;
  in->is_retry = is_retry;
  ask (in, child);
}

void
ike_initiate_for (IkeEngine *engine, IkeConn *conn, const char *child, const IkeTrigger *trigger,
                  IkeCall *call)
{
  Initiate *in = initiate_new (engine, conn, call);

  in->trigger = trigger ? g_memdup2 (trigger, sizeof *trigger) : NULL;
  ask (in, child);
}

void
ike_initiate (IkeEngine *engine, IkeConn *conn, const char *child_name_or_null, IkeCall *call)
{
  ike_initiate_watched (engine, conn, child_name_or_null, NULL, call);
}
