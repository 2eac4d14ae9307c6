/* SPDX-License-Identifier: Apache-2.0 */
/* keep_up.c - connections that shall be up: begun, and begun again until they are.
 *
 * All on the control loop, an entry per connection.  An attempt brings up one child after the
 * other, so there is one IKE SA for all of them; when that does not come up, the attempt is over.
 * Then there is a wait, twice as long each time, up to a limit, less a random part, so that many
 * peers of one gateway do not come back at the same moment. */
#include "sa/keep_up.h"
#include "sa/sa_private.h"

enum { JITTER_PERCENT = 25, DOUBLINGS_MAX = 20, STEADY_S = 60, MOMENT_S = 5 };

typedef struct {
  char *name;
  gboolean is_again; /* asked for once more while it was in hand */
  gboolean is_moved; /* it was up, so it is tried once in any case */
} Wanted;

typedef struct {
  IkeEngine *engine;
  char *conn;
  GPtrArray *wanted;     /* Wanted: not up yet, as far as is known */
  guint n_tried;         /* in this attempt */
  guint at;              /* the one in hand */
  IkeCall *call;         /* of the attempt; NULL: none runs */
  IkeTimer *timer;       /* the next one; NULL: none is planned */
  guint n_failures;      /* in a row */
  gint64 next_us, up_us; /* up_us: when all were up last; 0: never */
  gboolean is_due;       /* a job that begins one is under way */
  char *why, *told;      /* of the last failure; what the log said of it */
  char *gone;            /* why it went last; NULL: it did not */
} KeepUp;

static void begin (KeepUp *keep);

static void
wanted_free (gpointer data)
{
  Wanted *wanted = data;

  g_free (wanted->name);
  g_free (wanted);
}

void
ike_keep_up_free (gpointer entry)
{
  KeepUp *keep = entry;

  if (keep->call)
    ike_call_cancel (keep->call);
  ike_timer_stop (keep->timer);
  g_ptr_array_unref (keep->wanted);
  g_free (keep->conn);
  g_free (keep->why);
  g_free (keep->told);
  g_free (keep->gone);
  g_free (keep);
}

static GHashTable *
table_of (IkeEngine *engine)
{
  return engine->sas->kept_up;
}

/* -- what is wanted */

static Wanted *
find_wanted (const KeepUp *keep, const char *child, guint *at)
{
  guint i;

  for (i = 0; i < keep->wanted->len; i++) {
    Wanted *wanted = keep->wanted->pdata[i];
    if (!g_strcmp0 (wanted->name, child)) {
      *at = i;
      return wanted;
    }
  }
  return NULL;
}

static void
drop_wanted (KeepUp *keep, guint i)
{
  g_ptr_array_remove_index (keep->wanted, i);
  if (keep->at > i)
    keep->at--;
}

/* The connection as it is configured now, if anything about it still asks to be up. */
static IkeConn *
conn_of (const KeepUp *keep)
{
  g_autoptr (IkeConfig) config = ike_engine_config (keep->engine);
  IkeConn *conn = config ? ike_config_conn (config, keep->conn) : NULL;

  return conn ? ike_conn_ref (conn) : NULL;
}

static gboolean
may_be_wanted (const IkeConn *conn, const char *child)
{
  const IkeChildConf *conf = conn ? ike_conn_child (conn, child) : NULL;

  return conf && (conf->start_action | conf->close_action | conf->dpd_action) & IKE_ACTION_START;
}

/* -- the wait */

static void
on_timer (gpointer data)
{
  KeepUp *keep = data;

  keep->timer = NULL;
  begin (keep);
}

static guint64
wait_ms (const KeepUp *keep)
{
  const IkeSaManager *manager = keep->engine->sas;
  guint64 wait = manager->retry_s * G_GUINT64_CONSTANT (1000)
                 << MIN (MAX (keep->n_failures, 1) - 1, DOUBLINGS_MAX);
  guint32 random;

  wait = MIN (wait, MAX (manager->retry_limit_s, manager->retry_s) * G_GUINT64_CONSTANT (1000));
  ike_engine_random (keep->engine, &random, sizeof random);
  return wait - wait * JITTER_PERCENT / 100 * (random >> 8) / (1 << 24);
}

static void
tell_wait (KeepUp *keep, guint seconds)
{
  IkeTree *body;

  if (g_strcmp0 (keep->why, keep->told) != 0) {
    ike_log (keep->engine, IKE_LOG_ERROR, "ike",
             "%s is not up, and is tried again in %u s and so on: %s", keep->conn, seconds,
             keep->why);
    g_free (keep->told);
    keep->told = g_strdup (keep->why);
  }
  if (!ike_event_is_wanted (keep->engine, "connection-waits"))
    return;
  body = ike_tree_new_section ();
  ike_tree_set_string (body, "connection", keep->conn);
  ike_tree_set_int (body, "seconds", seconds);
  ike_tree_set_int (body, "failures", keep->n_failures);
  ike_tree_set_string (body, "reason", keep->why);
  ike_event_emit (keep->engine, ike_event_new (keep->engine, "connection-waits", body));
}

static void
plan (KeepUp *keep)
{
  guint64 wait = wait_ms (keep);

  keep->next_us = ike_engine_now_us (keep->engine) + (gint64) wait * 1000;
  keep->timer = ike_loop_timer_add (ike_engine_control (keep->engine), wait, on_timer, keep, NULL);
  tell_wait (keep, (guint) ((wait + 999) / 1000));
}

static void
failed (KeepUp *keep)
{
  keep->n_failures++;
  if (keep->engine->sas->retry_s) {
    plan (keep);
    return;
  }
  ike_log (keep->engine, IKE_LOG_ERROR, "ike",
           "%s was to be up and is not; it is not tried again: %s", keep->conn, keep->why);
  g_hash_table_remove (table_of (keep->engine), keep->conn);
}

/* -- an attempt */

static char *
went_at_once (const KeepUp *keep)
{
  return g_strdup_printf ("it went as soon as it was up: %s", keep->gone ? keep->gone : "closed");
}

static void
attempt_over (KeepUp *keep)
{
  keep->at = 0;
  if (keep->wanted->len) {
    failed (keep);
    return;
  }
  keep->up_us = ike_engine_now_us (keep->engine);
  if (keep->n_failures)
    ike_log (keep->engine, IKE_LOG_NOTICE, "ike", "%s is up after %u failures", keep->conn,
             keep->n_failures);
  g_clear_pointer (&keep->told, g_free);
}

static void next_child (KeepUp *keep);

static void
outcome_known (gpointer owner, gpointer data, gpointer result, const char *error)
{
  KeepUp *keep = owner;
  IkeOutcome *outcome = result;
  Wanted *wanted = keep->wanted->pdata[keep->at];
  g_autofree char *why = g_strdup (outcome ? outcome->error : error);
  gboolean goes_on = !why || (outcome && outcome->is_ike_up);

  if (!why && wanted->is_again)
    why = went_at_once (keep);
  wanted->is_again = FALSE;
  keep->call = NULL;
  if (outcome && outcome->is_taken_down) {
    ike_outcome_free (outcome);
    g_hash_table_remove (table_of (keep->engine), keep->conn);
    return;
  }
  if (why) {
    g_free (keep->why);
    keep->why = g_steal_pointer (&why);
    keep->at++;
  } else
    drop_wanted (keep, keep->at);
  ike_outcome_free (outcome);
  if (goes_on)
    next_child (keep);
  else
    attempt_over (keep);
}

static const IkeCallClass outcome_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "connection that shall be up",
  .timeout_ms = G_MAXINT32,
  .then = outcome_known,
  .undo = (GDestroyNotify) ike_outcome_free,
};

static void
next_child (KeepUp *keep)
{
  g_autoptr (IkeConn) conn = conn_of (keep);
  Wanted *wanted;

  if (!conn) {
    g_hash_table_remove (table_of (keep->engine), keep->conn);
    return;
  }
  while (keep->at < keep->wanted->len) {
    wanted = keep->wanted->pdata[keep->at];
    if (may_be_wanted (conn, wanted->name)
        || (wanted->is_moved && ike_conn_child (conn, wanted->name)))
      break;
    g_ptr_array_remove_index (keep->wanted, keep->at);
  }
  if (keep->at == keep->wanted->len) {
    attempt_over (keep);
    return;
  }
  /* One goes while the next one comes, over and over. */
  if (keep->n_tried++ >= 2 * conn->n_children) {
    g_free (keep->why);
    keep->why = went_at_once (keep);
    attempt_over (keep);
    return;
  }
  wanted = keep->wanted->pdata[keep->at];
  wanted->is_moved = FALSE;
  keep->call = ike_loop_call (ike_engine_control (keep->engine), &outcome_call, keep, NULL);
  ike_initiate_outcome (keep->engine, conn, wanted->name, keep->n_failures > 0, keep->call);
}

static void
begin (KeepUp *keep)
{
  keep->is_due = FALSE;
  if (keep->call)
    return;
  ike_timer_stop (g_steal_pointer (&keep->timer));
  keep->at = keep->n_tried = 0;
  next_child (keep);
}

/* -- asking */

typedef struct {
  IkeEngine *engine;
  char *conn, *child;
  IkeKeepWhy why;
  char *gone; /* NULL: nothing was up */
  gint64 lived_us;
} Ask;

static void
ask_free (gpointer data)
{
  Ask *ask = data;

  g_free (ask->conn);
  g_free (ask->child);
  g_free (ask->gone);
  g_free (ask);
}

static KeepUp *
entry_of (Ask *ask)
{
  GHashTable *table = table_of (ask->engine);
  KeepUp *keep = g_hash_table_lookup (table, ask->conn);

  if (keep)
    return keep;
  keep = g_new0 (KeepUp, 1);
  keep->engine = ask->engine;
  keep->conn = g_strdup (ask->conn);
  keep->wanted = g_ptr_array_new_with_free_func (wanted_free);
  g_hash_table_insert (table, keep->conn, keep);
  return keep;
}

/* All that go in one turn are asked for before the attempt begins. */
static void
begin_due (gpointer data)
{
  const Ask *ask = data;
  KeepUp *keep = g_hash_table_lookup (table_of (ask->engine), ask->conn);

  if (keep && keep->is_due)
    begin (keep);
}

static void
want (KeepUp *keep, const char *child, gboolean is_moved)
{
  Wanted *wanted;
  guint at;

  if ((wanted = find_wanted (keep, child, &at))) {
    wanted->is_again = keep->call && at == keep->at;
    return;
  }
  wanted = g_new0 (Wanted, 1);
  wanted->name = g_strdup (child);
  wanted->is_moved = is_moved;
  g_ptr_array_add (keep->wanted, wanted);
}

/* Two ends that restart what the other one takes down, again and again, wait for each other.  A
 * peer that died does nothing of the kind, and may have another address: it is not waited for,
 * unless what is there in its place dies as soon as it answered. */
static gboolean
is_too_soon (const KeepUp *keep, const Ask *ask)
{
  gint64 up_us = keep->up_us ? ike_engine_now_us (keep->engine) - keep->up_us : 0;

  /* The first time it may be chance. */
  if (ask->why == IKE_KEEP_DEAD)
    return (keep->up_us || keep->timer) && MAX (up_us, ask->lived_us) < MOMENT_S * G_USEC_PER_SEC;
  return ask->why == IKE_KEEP_RESTART && keep->up_us && up_us < STEADY_S * G_USEC_PER_SEC;
}

/* It is why it is not up, until a try fails. */
static void
note_gone (KeepUp *keep, Ask *ask)
{
  if (!ask->gone)
    return;
  g_free (keep->gone);
  keep->gone = g_steal_pointer (&ask->gone);
  if (keep->call)
    return;
  g_free (keep->why);
  keep->why = g_strdup (keep->gone);
}

static void
asked (gpointer data)
{
  Ask *ask = data, *due;
  IkeSaManager *manager = ask->engine->sas;
  KeepUp *keep;

  if (manager->is_ending)
    return;
  keep = entry_of (ask);
  want (keep, ask->child, ask->why == IKE_KEEP_MOVE);
  note_gone (keep, ask);
  if (keep->call || keep->is_due || (keep->timer && ask->why == IKE_KEEP_RESTART))
    return;
  if (is_too_soon (keep, ask) && manager->retry_s) {
    if (!keep->timer)
      failed (keep);
    return;
  }
  if (ask->why != IKE_KEEP_MOVE)
    keep->n_failures = 0;
  keep->is_due = TRUE;
  due = g_new0 (Ask, 1);
  due->engine = ask->engine;
  due->conn = g_strdup (ask->conn);
  ike_loop_post (ike_engine_control (ask->engine), begin_due, due, ask_free);
}

void
ike_keep_up (IkeEngine *engine, const char *conn, const char *child, IkeKeepWhy why,
             const IkeKeepGone *gone)
{
  Ask *ask = g_new0 (Ask, 1);

  *ask = (Ask){ engine, g_strdup (conn), g_strdup (child), why };
  ask->gone = gone ? g_strdup (gone->reason) : NULL;
  ask->lived_us = gone ? gone->lived_us : 0;
  ike_loop_post (ike_engine_control (engine), asked, ask, ask_free);
}

/* -- the end */

/* TRUE: nothing is left of it. */
static gboolean
end_one (KeepUp *keep, const char *child, GPtrArray *names)
{
  gboolean is_in_hand;
  guint at;

  if (!child) {
    if (names && keep->wanted->len)
      g_ptr_array_add (names, g_strdup (keep->conn));
    return TRUE;
  }
  if (!find_wanted (keep, child, &at))
    return FALSE;
  if (names)
    g_ptr_array_add (names, g_strdup_printf ("%s.%s", keep->conn, child));
  is_in_hand = keep->call && at == keep->at;
  drop_wanted (keep, at);
  if (!is_in_hand)
    return keep->wanted->len == 0 && !keep->call;
  ike_call_cancel (g_steal_pointer (&keep->call));
  next_child (keep);
  return FALSE;
}

void
ike_keep_up_end (IkeEngine *engine, const char *conn, const char *child, GPtrArray *names)
{
  g_autoptr (GList) keys = g_hash_table_get_keys (table_of (engine));
  GList *at;

  keys = g_list_sort (keys, (GCompareFunc) strcmp);
  for (at = keys; at; at = at->next)
    if ((!conn || !strcmp (conn, at->data))
        && end_one (g_hash_table_lookup (table_of (engine), at->data), child, names))
      g_hash_table_remove (table_of (engine), at->data);
}

void
ike_keep_up_apply (IkeEngine *engine, const IkeConfig *config)
{
  g_autoptr (GList) keys = g_hash_table_get_keys (table_of (engine));
  GList *at;

  keys = g_list_sort (keys, (GCompareFunc) strcmp);
  for (at = keys; at; at = at->next) {
    KeepUp *keep = g_hash_table_lookup (table_of (engine), at->data);
    IkeConn *conn = ike_config_conn (config, keep->conn);
    guint i;
    for (i = 0; i < keep->wanted->len; i++)
      if (may_be_wanted (conn, ((Wanted *) keep->wanted->pdata[i])->name))
        break;
    if (conn && i < keep->wanted->len)
      continue;
    if (keep->wanted->len)
      ike_log (engine, IKE_LOG_NOTICE, "ike",
               "%s is not tried any more: the configuration does not ask for it", keep->conn);
    if (keep->call)
      ike_terminate_begun (engine, keep->conn);
    g_hash_table_remove (table_of (engine), keep->conn);
  }
}

/* -- for people */

IkeTree *
ike_keep_up_describe (IkeEngine *engine, const char *conn)
{
  g_autoptr (GList) keys = g_hash_table_get_keys (table_of (engine));
  IkeTree *list = ike_tree_new_list ();
  GList *at;

  keys = g_list_sort (keys, (GCompareFunc) strcmp);
  for (at = keys; at; at = at->next) {
    const KeepUp *keep = g_hash_table_lookup (table_of (engine), at->data);
    gint64 left = keep->next_us - ike_engine_now_us (engine);
    IkeTree *row, *children;
    guint i;
    if ((conn && strcmp (conn, keep->conn) != 0) || !keep->wanted->len)
      continue;
    row = ike_tree_add_section (list, NULL);
    ike_tree_set_string (row, "connection", keep->conn);
    children = ike_tree_add_list (row, "children");
    for (i = 0; i < keep->wanted->len; i++)
      ike_tree_set_string (children, NULL, ((Wanted *) keep->wanted->pdata[i])->name);
    ike_tree_set_int (row, "failures", keep->n_failures);
    if (keep->why)
      ike_tree_set_string (row, "reason", keep->why);
    if (keep->timer)
      ike_tree_set_int (row, "next-try", MAX (left + G_USEC_PER_SEC - 1, 0) / G_USEC_PER_SEC);
  }
  return list;
}
