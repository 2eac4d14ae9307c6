/* SPDX-License-Identifier: Apache-2.0 */
/* sa.c - the life of an IKE SA: made, decided upon, established, destroyed at the end of a turn;
 * and its accessors. */
#include "sa/sa_private.h"
#include "runtime/loop_private.h"
#include <stdarg.h>
#include <string.h>

void
ike_sa_assert_owner (const IkeSa *sa)
{
  g_assert (ike_loop_is_current (sa->shard->loop));
}

/* -- birth */

static IkeSa *
new_in (IkeShard *shard, int bucket, guint8 major, gboolean is_initiator)
{
  IkeSaManager *manager = shard->manager;
  IkeSa *sa = g_new0 (IkeSa, 1);

  sa->shard = shard;
  if (!ike_table_add (shard, sa, bucket)) {
    g_free (sa);
    return NULL;
  }
  sa->major = major;
  sa->is_initiator = sa->was_ours = is_initiator != 0;
  sa->serial = atomic_fetch_add (&manager->next_serial, 1) + 1;
  sa->unique_id = atomic_fetch_add (&manager->next_unique, 1) + 1;
  sa->created_us = ike_sa_now_us (sa);
  ike_window_init (&sa->window);
  if (manager->n_slots)
    sa->slots = g_new0 (gpointer, manager->n_slots);
  return sa;
}

IkeSa *
ike_sa_new (IkeShard *shard, guint8 major, gboolean is_initiator, const IkeAddr *local,
            const IkeAddr *remote, IkeConn *conn)
{
  IkeSa *sa = new_in (shard, -1, major, is_initiator);

  if (!sa)
    return NULL;
  sa->local = *local;
  sa->remote = *remote;
  sa->conn = conn ? ike_conn_ref (conn) : NULL;
  return sa;
}

IkeSa *
ike_sa_new_beside (IkeSa *old, gboolean is_initiator)
{
  IkeSa *sa = new_in (old->shard, (int) (old->our_spi >> 56), old->major, is_initiator);

  if (!sa)
    return NULL;
  sa->local = old->local;
  sa->remote = old->remote;
  sa->conn = old->conn ? ike_conn_ref (old->conn) : NULL;
  return sa;
}

IkeSa *
ike_sa_make (IkeEngine *engine, guint shard, guint8 major, gboolean is_initiator,
             const IkeAddr *local, const IkeAddr *remote, IkeConn *conn_or_null)
{
  return ike_sa_new (engine->sas->shards[shard], major, is_initiator, local, remote, conn_or_null);
}

IkeSa *
ike_sa_by_spi (IkeEngine *engine, guint shard, guint64 our_spi)
{
  return ike_table_find (engine->sas->shards[shard], our_spi);
}

guint64
ike_sa_our_spi (const IkeSa *sa)
{
  return sa->our_spi;
}

enum { SETUP_EXTENSIONS_MAX = 10 };

/* Is it we whom the peer waits for? */
static gboolean
is_at_work (const IkeSa *sa)
{
  const IkeOperation *op;

  for (op = sa->operations; op; op = op->next)
    if (op->exchange && op->exchange->is_parked)
      return TRUE;
  for (op = sa->passive; op; op = op->next)
    if (op->exchange && op->exchange->is_parked)
      return TRUE;
  return FALSE;
}

static void
setup_timeout (IkeSa *sa, gpointer data)
{
  char remote[IKE_ADDR_TEXT_SIZE];
  g_autofree char *why = NULL;

  sa->setup_timer = NULL;
  /* What we look up or compute is bounded by time-outs of its own. */
  if (is_at_work (sa) && sa->n_setup_extensions < SETUP_EXTENSIONS_MAX) {
    sa->n_setup_extensions++;
    ike_sa_arm_setup (sa);
    return;
  }
  sa->has_timed_out = TRUE;
  ike_addr_format (&sa->remote, TRUE, remote);
  why = sa->is_initiator
            ? g_strdup_printf ("peer %s answered, but the IKE SA did not come up in time", remote)
            : g_strdup_printf ("peer %s began and did not go on", remote);
  ike_counter_add (sa->shard->manager->engine, sa->shard->manager->count.timeouts, 1);
  ike_explain_failed (sa, "timeout", why, NULL);
  ike_sa_destroy (sa, why);
}

static const IkeJobClass setup_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "half-open time-out",
  .lane = IKE_LANE_SETUP,
  .run = setup_timeout,
};

/* What we began ourselves may first use up all tries of two requests: they have an end of their
 * own, and this is for a peer that keeps answering. */
void
ike_sa_arm_setup (IkeSa *sa)
{
  guint64 ms = sa->shard->manager->half_open_timeout_s * 1000ull;

  if (sa->is_initiator && !sa->n_setup_extensions)
    ms += 2 * ike_transmit_longest_ms (sa->conn);
  sa->setup_timer = ike_sa_timer_add (sa, ms, &setup_job, NULL);
}

/* -- IKE_SA_INIT remembered until AUTH is done */

void
ike_init_keep (IkeSa *sa, gboolean is_request, const guint8 *data, gsize len)
{
  guint8 **to;

  if (!sa->init)
    sa->init = g_new0 (IkeInit, 1);
  to = is_request ? &sa->init->request : &sa->init->response;
  g_free (*to);
  *to = g_memdup2 (data, len);
  *(is_request ? &sa->init->request_len : &sa->init->response_len) = len;
}

void
ike_init_clear (IkeSa *sa)
{
  IkeInit *init = sa->init;

  if (!init)
    return;
  sa->init = NULL;
  g_free (init->request);
  g_free (init->response);
  g_free (init->nonce_i);
  g_free (init->nonce_r);
  g_free (init);
}

/* -- death */

static void
free_exchanges (IkeSa *sa)
{
  IkeExchange *x;
  guint i;

  while ((x = sa->window.in_flight)) {
    sa->window.in_flight = x->next;
    ike_exchange_free (x);
  }
  for (i = 0; sa->window.received && i < sa->window.size_received; i++)
    if ((x = sa->window.received[i].exchange)) {
      sa->window.received[i].exchange = NULL;
      ike_exchange_free (x);
    }
}

/* An exchange of ours that parked while it was built is in flight nowhere, only with its operation.
 */
static void
free_operations (IkeSa *sa, IkeOperation **list, const char *why)
{
  IkeOperation *op;

  while ((op = *list)) {
    *list = op->next;
    if (op->exchange)
      ike_exchange_free (op->exchange);
    ike_operation_free (op, why);
  }
}

static void
emit_down (IkeSa *sa, const char *why)
{
  IkeEngine *engine = sa->shard->manager->engine;
  IkeUpDownEvent event = { sizeof event, FALSE, why };
  const char *name = sa->was_up ? "ike-down" : "ike-failed";
  IkeTree *body;

  if (sa->is_silent)
    return;
  if (sa->was_up)
    ike_ike_updown_hook_emit (sa->shard->manager->on_updown, sa, &event);
  if ((!sa->conn && !sa->was_up) || !ike_event_is_wanted (engine, name))
    return;
  body = ike_sa_event_body (sa);
  ike_tree_set_string (body, "reason", why);
  ike_event_emit (engine, ike_event_new (engine, name, body));
}

static void
free_watchers (IkeSa *sa)
{
  IkeWatcher *w;

  while ((w = sa->watchers)) {
    sa->watchers = w->next;
    ike_progress_unref (w->progress);
    g_free (w);
  }
}

static void
sa_free (IkeSa *sa)
{
  IkeSaManager *manager = sa->shard->manager;
  const char *why = sa->down_reason ? sa->down_reason : "closed";

  ike_unique_leave (sa);
  /* Operations first: one of them may know who inherits the children. */
  free_exchanges (sa);
  free_operations (sa, &sa->operations, why);
  free_operations (sa, &sa->passive, why);
  ike_reauth_move (sa, NULL);
  while (sa->children)
    ike_child_free (sa->children, why);
  ike_children_end_lingering (sa);
  emit_down (sa, why);
  if (!sa->is_silent)
    ike_counter_add (manager->engine, sa->was_up ? manager->count.closed : manager->count.failed,
                     1);
  ike_sa_drop_calls (sa);
  ike_slots_clear (sa);
  ike_fragments_clear (sa);
  ike_timer_list_stop_all (&sa->timers);
  ike_half_open_remove (sa);
  ike_table_remove (sa->shard, sa);
  ike_window_clear (&sa->window);
  if (sa->outside)
    g_free (sa->outside->response);
  g_free (sa->outside);
  ike_init_clear (sa);
  ike_keys_free (sa->keys);
  ike_attachments_free (sa->attachments);
  free_watchers (sa);
  g_free (sa->choice);
  ike_ident_unref (sa->local_id);
  ike_ident_unref (sa->remote_id);
  ike_user_leave (sa);
  ike_conn_unref (sa->conn);
  g_free (sa->down_reason);
  g_free (sa->proof_end_why);
  g_free (sa->sent_by);
  g_free (sa->hint);
  g_free (sa);
}

static void
free_doomed (IkeShard *shard)
{
  IkeSa *sa;

  while ((sa = shard->doomed)) {
    shard->doomed = sa->doomed_next;
    sa_free (sa);
  }
  ike_children_bury (shard);
}

static void
reap (gpointer data)
{
  IkeShard *shard = data;

  shard->is_reaping = FALSE;
  free_doomed (shard);
  ike_shard_check_empty (shard);
}

/* At the end of the turn: whoever is in the middle of something with it may still look. */
void
ike_shard_reap_later (IkeShard *shard)
{
  if (shard->is_reaping)
    return;
  shard->is_reaping = TRUE;
  ike_loop_post (shard->loop, reap, shard, NULL);
}

void
ike_sa_destroy (IkeSa *sa, const char *reason)
{
  IkeShard *shard = sa->shard;

  ike_sa_assert_owner (sa);
  if (sa->is_doomed)
    return;
  /* First of all: a hook that hears of it may ask for the same. */
  sa->is_doomed = TRUE;
  sa->doomed_next = shard->doomed;
  shard->doomed = sa;
  ike_sa_progress (sa, sa->was_up ? IKE_LOG_NOTICE : IKE_LOG_INFO, "IKE SA gone: %s", reason);
  if (reason != sa->down_reason) {
    g_free (sa->down_reason);
    sa->down_reason = g_strdup (reason);
  }
  ike_sa_set_state (sa, IKE_SA_DEAD);
  ike_shard_reap_later (shard);
}

/* When the engine ends: everything, without a word. */
static void
doom_each (IkeSa *sa, gpointer data)
{
  ike_sa_ends (sa, IKE_END_SHUTDOWN);
  ike_sa_destroy (sa, "the daemon ends");
}

void
ike_shard_clear (IkeShard *shard)
{
  guint32 from = 0;

  shard->is_closing = TRUE;
  while (from != G_MAXUINT32)
    from = ike_table_walk (shard, from, doom_each, NULL);
  free_doomed (shard);
}

/* -- what is decided */

void
ike_sa_set_state (IkeSa *sa, IkeSaState state)
{
  IkeEngine *engine = sa->shard->manager->engine;
  IkeStateEvent event = { sizeof event, (IkeSaState) sa->state, state };
  IkeTree *body;

  if (sa->state == state || sa->state == IKE_SA_DEAD)
    return;
  sa->state = (guint8) state;
  if (state >= IKE_SA_REKEYED)
    ike_unique_leave (sa);
  ike_state_hook_emit (sa->shard->manager->on_state, sa, &event);
  if (!ike_event_is_wanted (engine, "ike-state"))
    return;
  body = ike_tree_new_section ();
  ike_tree_set_int (body, "unique-id", sa->unique_id);
  ike_tree_set_string (body, "connection", sa->conn ? sa->conn->name : "");
  ike_tree_set_string (body, "from", ike_sa_state_name (event.from));
  ike_tree_set_string (body, "to", ike_sa_state_name (state));
  ike_event_emit (engine, ike_event_new (engine, "ike-state", body));
}

void
ike_sa_set_conn (IkeSa *sa, IkeConn *conn)
{
  IkeConnEvent event = { sizeof event, conn };

  ike_sa_assert_owner (sa);
  if (sa->conn == conn)
    return;
  ike_conn_unref (sa->conn);
  sa->conn = conn ? ike_conn_ref (conn) : NULL;
  sa->auth_rounds[FALSE] = sa->auth_rounds[TRUE] = 0;
  ike_conn_selected_hook_emit (sa->shard->manager->on_conn, sa, &event);
}

void
ike_sa_set_local_id (IkeSa *sa, IkeIdent *id_take)
{
  ike_ident_unref (sa->local_id);
  sa->local_id = id_take;
}

void
ike_sa_set_remote_id (IkeSa *sa, IkeIdent *id_take)
{
  ike_ident_unref (sa->remote_id);
  sa->remote_id = id_take;
}

void
ike_sa_resolve_crypto (IkeSa *sa)
{
  IkeEngine *engine = sa->shard->manager->engine;
  const IkeTransform *t = sa->choice->chosen;

  sa->aead = ike_aead_find (engine, t[IKE_TRANSFORM_ENCR].id, t[IKE_TRANSFORM_ENCR].key_bits);
  sa->cipher =
      sa->aead ? NULL
               : ike_cipher_find (engine, t[IKE_TRANSFORM_ENCR].id, t[IKE_TRANSFORM_ENCR].key_bits);
  sa->integ = ike_integ_find (engine, t[IKE_TRANSFORM_INTEG].id);
  sa->prf = ike_prf_find (engine, t[IKE_TRANSFORM_PRF].id);
}

void
ike_sa_set_choice (IkeSa *sa, const IkeChoice *choice)
{
  IkeChoiceEvent event = { sizeof event, FALSE, choice };

  ike_sa_assert_owner (sa);
  g_free (sa->choice);
  sa->choice = g_memdup2 (choice, sizeof *choice);
  ike_sa_resolve_crypto (sa);
  ike_proposal_hook_emit (sa->shard->manager->on_proposal, sa, &event);
}

void
ike_sa_set_peer_spi (IkeSa *sa, guint64 spi)
{
  sa->peer_spi = spi;
}

void
ike_sa_set_deleting (IkeSa *sa)
{
  ike_sa_assert_owner (sa);
  ike_sa_ends (sa, IKE_END_OURS);
  ike_sa_set_state (sa, IKE_SA_DELETING);
}

static void
apply_window (IkeSa *sa)
{
  if (sa->state >= IKE_SA_ESTABLISHED)
    ike_window_resize (&sa->window, MAX (sa->window_theirs, sa->window.size_sent),
                       MAX (sa->window_ours, sa->window.size_received));
}

/* RFC 7296, 2.3: "The window size is always one until the initial exchanges complete", and "there
 * is currently no way to reduce the window size of an existing IKE SA". */
void
ike_sa_set_window (IkeSa *sa, guint ours, guint theirs)
{
  ike_sa_assert_owner (sa);
  sa->window_ours = (guint8) CLAMP (ours, MAX (sa->window_ours, 1u), IKE_WINDOW_MAX);
  sa->window_theirs = (guint8) CLAMP (theirs, MAX (sa->window_theirs, 1u), IKE_WINDOW_MAX);
  apply_window (sa);
}

void
ike_sa_window (const IkeSa *sa, guint *ours, guint *theirs)
{
  *ours = MAX (sa->window_ours, 1u);
  *theirs = MAX (sa->window_theirs, 1u);
}

void
ike_sa_set_established (IkeSa *sa)
{
  IkeEngine *engine = sa->shard->manager->engine;
  IkeUpDownEvent event = { sizeof event, TRUE, NULL };

  ike_sa_assert_owner (sa);
  if (sa->is_doomed)
    return;
  ike_timer_stop (sa->setup_timer);
  sa->setup_timer = NULL;
  ike_half_open_remove (sa);
  sa->established_us = ike_sa_now_us (sa);
  sa->was_up = TRUE;
  ike_sa_set_state (sa, IKE_SA_ESTABLISHED);
  ike_unique_enter (sa);
  apply_window (sa);
  ike_counter_add (engine, sa->shard->manager->count.established, 1);
  ike_sa_arm_life (sa);
  ike_liveness_begin (sa);
  ike_initiate_remember (sa);
  ike_keepalive_start (sa);
  ike_ike_updown_hook_emit (sa->shard->manager->on_updown, sa, &event);
  if (ike_event_is_wanted (engine, "ike-up"))
    ike_event_emit (engine, ike_event_new (engine, "ike-up", ike_sa_event_body (sa)));
}

/* -- sentences about it */

void
ike_sa_watch (IkeSa *sa, IkeProgress *progress)
{
  IkeWatcher *w;

  if (!progress)
    return;
  w = g_new0 (IkeWatcher, 1);
  w->progress = ike_progress_ref (progress);
  w->next = sa->watchers;
  sa->watchers = w;
}

void
ike_watchers_move (IkeSa *from, IkeSa *to)
{
  IkeWatcher **end = &to->watchers;

  while (*end)
    end = &(*end)->next;
  *end = from->watchers;
  from->watchers = NULL;
}

void
ike_sa_log_text (IkeSa *sa, guint32 level, const char *group, const char *text)
{
  gboolean is_quiet = sa->is_retry && !sa->was_up;
  guint32 log_level = is_quiet ? IKE_LOG_DEBUG : level;
  IkeWatcher *w;

  if (ike_log_wants (sa->shard->manager->engine, log_level, group))
    ike_log_text (sa->shard->manager->engine, log_level, group, ike_sa_name (sa), text);
  if (level <= IKE_LOG_INFO)
    for (w = sa->watchers; w; w = w->next)
      ike_progress_tell (w->progress, text);
}

void
ike_sa_progress (IkeSa *sa, guint32 level, const char *format, ...)
{
  char text[1024];
  va_list args;

  if (!sa->watchers && !ike_log_wants (sa->shard->manager->engine, level, "ike"))
    return;
  va_start (args, format);
  g_vsnprintf (text, sizeof text, format, args);
  va_end (args);
  ike_sa_log_text (sa, level, "ike", text);
}

/* -- accessors */

IkeEngine *ike_sa_engine (const IkeSa *sa) { return sa->shard->manager->engine; }
IkeLoop *ike_sa_loop (const IkeSa *sa) { return sa->shard->loop; }
guint32 ike_sa_unique_id (const IkeSa *sa) { return sa->unique_id; }
IkeSaState ike_sa_state (const IkeSa *sa) { return (IkeSaState) sa->state; }
gboolean ike_sa_is_initiator (const IkeSa *sa) { return sa->is_initiator; }
gboolean ike_sa_was_ours (const IkeSa *sa) { return sa->was_ours; }
IkeConn *ike_sa_conn (const IkeSa *sa) { return sa->conn; }
const IkeAddr *ike_sa_local (const IkeSa *sa) { return &sa->local; }
const IkeAddr *ike_sa_remote (const IkeSa *sa) { return &sa->remote; }
const IkeIdent *ike_sa_local_id (const IkeSa *sa) { return sa->local_id; }
const IkeIdent *ike_sa_remote_id (const IkeSa *sa) { return sa->remote_id; }
const IkeChoice *ike_sa_choice (const IkeSa *sa) { return sa->choice; }
gint64 ike_sa_now_us (const IkeSa *sa) { return ike_loop_now_us (sa->shard->loop); }
gint64 ike_sa_established_us (const IkeSa *sa) { return sa->established_us; }
gboolean ike_sa_nat_local (const IkeSa *sa) { return sa->nat_local; }
gboolean ike_sa_nat_remote (const IkeSa *sa) { return sa->nat_remote; }
gboolean ike_sa_has_floated (const IkeSa *sa) { return sa->is_marked; }

IkeSaRef
ike_sa_ref (const IkeSa *sa)
{
  return (IkeSaRef) { sa->serial, sa->slot, sa->shard->index };
}

guint64
ike_sa_spi (const IkeSa *sa, gboolean of_initiator)
{
  return (gboolean) sa->is_initiator == (of_initiator != 0) ? sa->our_spi : sa->peer_spi;
}

const char *
ike_sa_state_name (IkeSaState state)
{
  static const char *const names[]
    = { "CREATED", "CONNECTING", "ESTABLISHED", "REKEYING", "REKEYED", "DELETING", "DEAD" };

  return state < G_N_ELEMENTS (names) ? names[state] : "?";
}

const char *
ike_sa_name (const IkeSa *sa)
{
  g_snprintf (sa->shard->name, sizeof sa->shard->name, "%s[%u]",
              sa->conn ? sa->conn->name : "(unnamed)", sa->unique_id);
  return sa->shard->name;
}

GBytes *
ike_sa_attachment (const IkeSa *sa, const char *gate)
{
  const IkeAttachment *a;

  for (a = sa->attachments; a; a = a->next)
    if (!strcmp (a->gate, gate))
      return a->bytes;
  return NULL;
}

/* -- as trees */

static void
set_ident (IkeTree *tree, const char *key, const IkeIdent *id)
{
  char text[256];

  if (id)
    ike_tree_set_string (tree, key, ike_ident_format (id, text, sizeof text));
}

static void
set_sa (IkeSa *sa, IkeTree *tree)
{
  char text[256];

  ike_tree_set_int (tree, "unique-id", sa->unique_id);
  ike_tree_set_string (tree, "state", ike_sa_state_name ((IkeSaState) sa->state));
  ike_tree_set_int (tree, "version", sa->major);
  ike_tree_set_string (tree, "local-host", ike_addr_format (&sa->local, FALSE, text));
  ike_tree_set_int (tree, "local-port", sa->local.port);
  ike_tree_set_string (tree, "remote-host", ike_addr_format (&sa->remote, FALSE, text));
  ike_tree_set_int (tree, "remote-port", sa->remote.port);
  set_ident (tree, "local-id", sa->local_id);
  set_ident (tree, "remote-id", sa->remote_id);
  ike_user_describe (sa, tree);
  ike_tree_set_bool (tree, "initiator", sa->is_initiator);
  ike_tree_set_format (tree, "initiator-spi", "%016" G_GINT64_MODIFIER "x", ike_sa_spi (sa, TRUE));
  ike_tree_set_format (tree, "responder-spi", "%016" G_GINT64_MODIFIER "x", ike_sa_spi (sa, FALSE));
  ike_tree_set_bool (tree, "nat-local", sa->nat_local);
  ike_tree_set_bool (tree, "nat-remote", sa->nat_remote);
  ike_tree_set_bool (tree, "fragmentation", sa->may_fragment);
  if (sa->choice)
    ike_tree_set_string (tree, "proposal", ike_choice_format (sa->choice, text, sizeof text));
}

IkeTree *
ike_sa_event_body (IkeSa *sa)
{
  IkeTree *body = ike_tree_new_section ();

  ike_tree_set_string (body, "connection", sa->conn ? sa->conn->name : "");
  set_sa (sa, ike_tree_add_section (body, "ike"));
  return body;
}

IkeTree *
ike_sa_describe (IkeSa *sa, const char *child_or_null)
{
  IkeTree *tree = ike_tree_new_section (), *children;
  gint64 now = ike_sa_now_us (sa);
  IkeDescribeEvent event = { sizeof event, tree };
  IkeChild *child;
  IkeOperation *op;

  ike_tree_set_string (tree, "connection", sa->conn ? sa->conn->name : "");
  ike_tree_set_format (tree, "name", "%s", ike_sa_name (sa));
  set_sa (sa, tree);
  ike_tree_set_int (tree, "shard", sa->shard->index);
  if (sa->established_us)
    ike_tree_set_int (tree, "established", (now - sa->established_us) / G_USEC_PER_SEC);
  for (op = sa->operations; op; op = op->next)
    if (op->is_running)
      ike_tree_set_string (tree, "operation", op->name);
  ike_describe_hook_emit (sa->shard->manager->on_describe, sa, &event);
  children = ike_tree_add_list (tree, "children");
  for (child = sa->children; child; child = child->next)
    if (!child_or_null || g_str_equal (child->conf->name, child_or_null))
      ike_tree_set_take (children, NULL, ike_child_describe (child));
  return tree;
}
