/* SPDX-License-Identifier: Apache-2.0 */
/* accounts.c - delivers accounts (RFC 2866): in order for each session, several sessions at a time,
 * and not before a server has answered that it took one.
 *
 * The accounts of a group of servers are a lane.  While no server of it answers, its accounts wait,
 * one of them is tried now and then, and of each session the newest interim account stands for those
 * before it.  What waits is bounded, and is written down if there is a `queue:accounting`. */
#include "accounts.h"

enum {
  IN_FLIGHT_MAX = 32,
  PAUSE_MIN_S = 5,
  PAUSE_MAX_S = 300,
  LAST_WORDS_MS = 4000,
  SERVERS_MAX = 64
};

typedef struct _Stream Stream;

typedef struct {
  Accounts *accounts;
  char *group;
  GQueue ready; /* Stream: with something to send, nothing under way */
  guint n_in_flight;
  guint pause_s;   /* 0: the last one was taken */
  IkeTimer *timer; /* NULL: no pause at present */
} Lane;

/* The accounts of a session. */
struct _Stream {
  GList link; /* in lane->ready */
  Lane *lane;
  Record *first, *last;
  gboolean is_ready, is_busy; /* busy: the first is under way */
};

struct _Accounts {
  EapRadius *self;
  GHashTable *streams;         /* Acct-Session-Id (of the last record) → Stream */
  GHashTable *lanes;           /* group → Lane */
  const IkeProvided *provided; /* of the queue that outlives us; NULL: none */
  const IkeQueueClass *queue;
  guint64 next_id;
  guint n, max;
  guint n_before;     /* what is to be over before the first is delivered */
  guint n_last;       /* last words that are under way */
  IkeCall *finishing; /* to be answered when all is said; NULL: not yet */
  guint32 delivered, lost;
};

static void pump (Lane *lane);
static void finish_if_done (Accounts *accounts);

/* -- the queue that outlives us */

static void
keep (Accounts *accounts, Record *record)
{
  guint8 bytes[IKE_QUEUE_RECORD_MAX];
  IkeWriter w;

  ike_writer_init (&w, bytes, sizeof bytes);
  if (!accounts->queue || record->id || !record_write (record, &w))
    return;
  record->id = accounts->next_id++;
  accounts->queue->keep (accounts->provided->plugin, record->id, bytes, w.len);
}

static void
forget (Accounts *accounts, Record *record)
{
  if (record->id)
    accounts->queue->drop (accounts->provided->plugin, record->id);
  accounts->n--;
  record_free (record);
}

/* -- lanes and streams */

static const char *
group_key (const char *group)
{
  return group ? group : "";
}

static Lane *
lane_of (Accounts *accounts, const char *group)
{
  Lane *lane = g_hash_table_lookup (accounts->lanes, group_key (group));

  if (lane)
    return lane;
  lane = g_new0 (Lane, 1);
  lane->accounts = accounts;
  lane->group = g_strdup (group);
  g_queue_init (&lane->ready);
  g_hash_table_insert (accounts->lanes, g_strdup (group_key (group)), lane);
  return lane;
}

static void
lane_free (gpointer data)
{
  Lane *lane = data;

  g_free (lane->group);
  g_free (lane);
}

static Stream *
stream_of (Accounts *accounts, const Record *record)
{
  Stream *stream = g_hash_table_lookup (accounts->streams, record->session);

  if (stream)
    return stream;
  stream = g_new0 (Stream, 1);
  stream->link.data = stream;
  stream->lane = lane_of (accounts, record->group);
  g_hash_table_insert (accounts->streams, g_strdup (record->session), stream);
  return stream;
}

static void
stream_free (gpointer data)
{
  Stream *stream = data;
  Record *record;

  while ((record = stream->first)) {
    stream->first = record->next;
    record_free (record);
  }
  g_free (stream);
}

static void
make_ready (Stream *stream, gboolean is_first)
{
  stream->is_ready = TRUE;
  if (is_first)
    g_queue_push_head_link (&stream->lane->ready, &stream->link);
  else
    g_queue_push_tail_link (&stream->lane->ready, &stream->link);
}

/* RFC 2869, 2.1: "Since all the information is cumulative, a NAS MUST ensure that only a single
 * generation of an interim Accounting message for a given session is present in the retransmission
 * queue at any given time." */
static void
drop_older_interim (Accounts *accounts, Stream *stream)
{
  Record **link = &stream->first, *record, *last = NULL;

  if (stream->is_busy)
    link = &stream->first->next;
  last = stream->is_busy ? stream->first : NULL;
  while ((record = *link)) {
    if (record->status == ACCT_INTERIM) {
      *link = record->next;
      forget (accounts, record);
      continue;
    }
    last = record;
    link = &record->next;
  }
  stream->last = last;
}

/* Interim accounts do not take the last places, which beginnings and ends have more need of. */
static gboolean
has_room (const Accounts *accounts, const Record *record)
{
  guint max = record->status == ACCT_INTERIM ? accounts->max / 4 * 3 : accounts->max;

  return accounts->n < max;
}

static void
enqueue (Accounts *accounts, Record *record)
{
  Stream *stream;

  if (!has_room (accounts, record)) {
    ike_counter_add (accounts->self->engine, accounts->lost, 1);
    ike_log (accounts->self->engine, IKE_LOG_INFO, "eap-radius",
             "%u accounts wait for a RADIUS server: one more is lost (accounting_queue)",
             accounts->n);
    if (record->id)
      accounts->queue->drop (accounts->provided->plugin, record->id);
    record_free (record);
    return;
  }
  stream = stream_of (accounts, record);
  if (record->status == ACCT_INTERIM && stream->first)
    drop_older_interim (accounts, stream);
  accounts->n++;
  if (!accounts->n_before)
    keep (accounts, record);
  if (!stream->is_ready && !stream->is_busy)
    make_ready (stream, FALSE);
  if (stream->first)
    stream->last->next = record;
  else
    stream->first = record;
  stream->last = record;
  pump (stream->lane);
}

/* -- delivering */

static void
pop (Accounts *accounts, Stream *stream)
{
  Record *record = stream->first;
  char session[SESSION_ID_SIZE];

  stream->first = record->next;
  memcpy (session, record->session, sizeof session);
  forget (accounts, record);
  if (stream->first)
    make_ready (stream, FALSE);
  else
    g_hash_table_remove (accounts->streams, session);
}

static void
pause_over (gpointer data)
{
  Lane *lane = data;

  lane->timer = NULL;
  pump (lane);
}

static void
wait_a_while (Lane *lane, const char *why)
{
  Accounts *accounts = lane->accounts;

  if (!lane->pause_s)
    ike_log (accounts->self->engine, IKE_LOG_NOTICE, "eap-radius",
             "accounts for %s%s wait until a server takes them: %s", lane->group ? "group " : "",
             lane->group ? lane->group : "the RADIUS servers", why);
  if (lane->timer)
    return;
  lane->pause_s = CLAMP (2 * lane->pause_s, PAUSE_MIN_S, PAUSE_MAX_S);
  lane->timer =
      ike_loop_timer_add (accounts->self->io, lane->pause_s * 1000ull, pause_over, lane, NULL);
}

static void
resume (Lane *lane)
{
  if (lane->pause_s)
    ike_log (lane->accounts->self->engine, IKE_LOG_NOTICE, "eap-radius",
             "accounts for %s%s are taken again, %u wait", lane->group ? "group " : "",
             lane->group ? lane->group : "the RADIUS servers", lane->accounts->n);
  lane->pause_s = 0;
}

static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Stream *stream = data;
  Lane *lane = stream->lane;
  Accounts *accounts = lane->accounts;
  IkeRadiusReply *reply = result;

  lane->n_in_flight--;
  stream->is_busy = FALSE;
  if (reply && reply->code == IKE_RADIUS_ACCOUNTING_RESPONSE) {
    resume (lane);
    ike_counter_add (accounts->self->engine, accounts->delivered, 1);
    pop (accounts, stream);
  } else {
    make_ready (stream, TRUE);
    wait_a_while (lane, error ? error : "it answered with something else");
  }
  ike_radius_reply_free (reply);
  pump (lane);
  finish_if_done (accounts);
}

static const IkeCallClass account_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "Accounting-Request",
  .timeout_ms = 300 * 1000,
  .then = answered,
  .undo = ike_radius_reply_free,
};

/* RFC 2866, 5.2: "how many seconds the client has been trying to send this record for". */
static void
request (Accounts *accounts, const Record *record, guint32 server, IkeCall *call)
{
  EapRadius *self = accounts->self;
  gint64 delay_us = MAX (ike_engine_wall_us (self->engine) - record->wall_us, 0);
  guint8 attributes[IKE_RADIUS_ATTRIBUTES_MAX + 8];
  IkeRadiusRequest request = { .struct_size = sizeof request,
                               .code = IKE_RADIUS_ACCOUNTING_REQUEST,
                               .group = record->group,
                               .server = server,
                               .attributes = attributes };
  IkeWriter w;

  ike_writer_init (&w, attributes, sizeof attributes);
  ike_writer_bytes (&w, record->attributes, record->len);
  ike_radius_add_u32 (&w, IKE_RADIUS_ACCT_DELAY_TIME, (guint32) (delay_us / G_USEC_PER_SEC));
  request.len = w.len;
  self->radius->request (self->service->plugin, &request, call);
}

static void
send_first (Stream *stream)
{
  Accounts *accounts = stream->lane->accounts;

  stream->is_ready = FALSE;
  stream->is_busy = TRUE;
  stream->lane->n_in_flight++;
  request (accounts, stream->first, 0,
           ike_loop_call (accounts->self->io, &account_call, NULL, stream));
}

static void
pump (Lane *lane)
{
  guint max = lane->pause_s ? 1 : IN_FLIGHT_MAX;
  GList *link;

  while (!lane->accounts->n_before && !lane->timer && lane->n_in_flight < max
         && (link = g_queue_pop_head_link (&lane->ready)))
    send_first (link->data);
}

/* -- from elsewhere */

typedef struct {
  Accounts *accounts;
  Record *record;
} Addition;

static void
run_addition (gpointer data)
{
  Addition *addition = data;

  enqueue (addition->accounts, g_steal_pointer (&addition->record));
}

static void
addition_free (gpointer data)
{
  record_free (((Addition *) data)->record);
  g_free (data);
}

/* RFC 2869, 5.3: Event-Timestamp is "to record the time that this event occurred on the NAS". */
static Record *
make_record (Accounts *accounts, AcctStatus status, const char *group, IkeWriter *w)
{
  gint64 wall_us = ike_engine_wall_us (accounts->self->engine);
  Record *record;

  ike_radius_add_u32 (w, IKE_RADIUS_ACCT_STATUS_TYPE, status);
  ike_radius_add_u32 (w, IKE_RADIUS_EVENT_TIMESTAMP, (guint32) (wall_us / G_USEC_PER_SEC));
  record = record_new (status, group, w->data, w->len);
  record->wall_us = wall_us;
  return record;
}

void
accounts_add (Accounts *accounts, Session *session, AcctStatus status, const IkeWriter *more)
{
  guint8 attributes[IKE_RADIUS_ATTRIBUTES_MAX];
  Addition *addition = g_new (Addition, 1);
  IkeWriter w;

  ike_writer_init (&w, attributes, sizeof attributes);
  ike_writer_bytes (&w, session->attributes, session->len);
  /* Only what is longer than any server may send would not fit. */
  ike_writer_bytes (&w, more->data, more->len);
  addition->accounts = accounts;
  addition->record = make_record (accounts, status, session->group, &w);
  ike_loop_post (accounts->self->io, run_addition, addition, addition_free);
}

/* -- On and Off (RFC 2866, 5.1), to each server */

typedef struct {
  Accounts *accounts;
  gboolean is_on;
} Notice;

static void
pump_all (Accounts *accounts)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, accounts->lanes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    pump (value);
}

static void
keep_all (Accounts *accounts)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, accounts->streams);
  while (accounts->queue && g_hash_table_iter_next (&iter, NULL, &value))
    for (Record *record = ((Stream *) value)->first; record; record = record->next)
      keep (accounts, record);
}

/* What happened before the servers heard that all earlier sessions are over comes after it. */
static void
one_before_is_over (Accounts *accounts)
{
  if (--accounts->n_before)
    return;
  keep_all (accounts);
  pump_all (accounts);
  finish_if_done (accounts);
}

static void
last_words_said (Accounts *accounts)
{
  if (--accounts->n_last || !accounts->finishing)
    return;
  if (accounts->n)
    ike_log (accounts->self->engine, IKE_LOG_NOTICE, "eap-radius",
             "%u accounts were not delivered: %s", accounts->n,
             accounts->queue ? "they are when the daemon runs again" : "they are lost");
  ike_call_answer (g_steal_pointer (&accounts->finishing), NULL);
}

static void
noticed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  const Notice *notice = data;

  if (error)
    ike_log (notice->accounts->self->engine, IKE_LOG_INFO, "eap-radius", "Accounting-%s: %s",
             notice->is_on ? "On" : "Off", error);
  ike_radius_reply_free (result);
  if (notice->is_on)
    one_before_is_over (notice->accounts);
  else
    last_words_said (notice->accounts);
}

static const IkeCallClass on_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "Accounting-On",
  .timeout_ms = 60 * 1000,
  .then = noticed,
  .undo = ike_radius_reply_free,
  .free_data = g_free,
};

static const IkeCallClass off_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "Accounting-Off",
  .timeout_ms = LAST_WORDS_MS,
  .then = noticed,
  .undo = ike_radius_reply_free,
  .free_data = g_free,
};

static void
tell_servers (Accounts *accounts, gboolean is_on)
{
  EapRadius *self = accounts->self;
  guint32 servers[SERVERS_MAX];
  guint n = self->radius->servers (self->service->plugin, NULL, servers, SERVERS_MAX);
  guint8 attributes[256];
  char id[SESSION_ID_SIZE];
  IkeWriter w;
  Record *record;

  session_id_new (self, id);
  ike_writer_init (&w, attributes, sizeof attributes);
  ike_radius_add_text (&w, IKE_RADIUS_ACCT_SESSION_ID, id);
  record = make_record (accounts, is_on ? ACCT_ON : ACCT_OFF, NULL, &w);
  *(is_on ? &accounts->n_before : &accounts->n_last) += MIN (n, SERVERS_MAX);
  for (guint i = 0; i < MIN (n, SERVERS_MAX); i++) {
    Notice *notice = g_new (Notice, 1);
    *notice = (Notice){ accounts, is_on };
    request (accounts, record, servers[i],
             ike_loop_call (self->io, is_on ? &on_call : &off_call, NULL, notice));
  }
  record_free (record);
}

/* -- the beginning */

static void
take_back (Accounts *accounts, const IkeQueueRecord *kept)
{
  gsize len;
  const guint8 *bytes = g_bytes_get_data (kept->bytes, &len);
  Record *record = record_read (bytes, len);

  accounts->next_id = MAX (accounts->next_id, kept->id + 1);
  if (!record) {
    accounts->queue->drop (accounts->provided->plugin, kept->id);
    return;
  }
  record->id = kept->id;
  enqueue (accounts, record);
}

static void
loaded (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Accounts *accounts = data;
  GArray *records = result;

  if (error) {
    ike_log (accounts->self->engine, IKE_LOG_ERROR, "eap-radius",
             "accounts of the last run cannot be read, and none are written down: %s", error);
    accounts->queue = NULL;
  }
  for (guint i = 0; records && i < records->len; i++)
    take_back (accounts, &g_array_index (records, IkeQueueRecord, i));
  if (records && records->len)
    ike_log (accounts->self->engine, IKE_LOG_NOTICE, "eap-radius",
             "%u accounts of the last run are still to be delivered", records->len);
  ike_queue_records_free (records);
  one_before_is_over (accounts);
}

static const IkeCallClass load_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "accounts of the last run",
  .timeout_ms = 60 * 1000,
  .then = loaded,
  .undo = ike_queue_records_free,
};

static void
begin (gpointer data)
{
  Accounts *accounts = data;

  if (accounts->provided) {
    accounts->n_before++;
    accounts->queue->load (accounts->provided->plugin, accounts->max,
                           ike_loop_call (accounts->self->io, &load_call, NULL, accounts));
  }
  tell_servers (accounts, TRUE);
  one_before_is_over (accounts);
}

Accounts *
accounts_new (EapRadius *self, guint max)
{
  Accounts *accounts = g_new0 (Accounts, 1);

  accounts->self = self;
  accounts->max = max;
  accounts->next_id = 1;
  accounts->n_before = 1;
  accounts->streams = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, stream_free);
  accounts->lanes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, lane_free);
  accounts->provided = ike_feature_find (self->engine, "queue:accounting", NULL);
  accounts->queue = accounts->provided ? accounts->provided->ops : NULL;
  accounts->delivered = ike_counter (self->engine, "eap-radius.accounts-delivered");
  accounts->lost = ike_counter (self->engine, "eap-radius.accounts-lost");
  ike_loop_post (self->io, begin, accounts, NULL);
  return accounts;
}

void
accounts_free (Accounts *accounts)
{
  if (!accounts)
    return;
  g_hash_table_unref (accounts->streams);
  g_hash_table_unref (accounts->lanes);
  g_free (accounts);
}

/* -- the end */

static gboolean
is_waiting (const Accounts *accounts)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, accounts->lanes);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Lane *lane = value;
    if (lane->n_in_flight || (lane->ready.length && !lane->timer))
      return TRUE;
  }
  return accounts->n_before > 0;
}

/* What a server would not take before is not waited for now. */
static void
finish_if_done (Accounts *accounts)
{
  if (!accounts->finishing || accounts->n_last || is_waiting (accounts))
    return;
  accounts->n_last = 1;
  tell_servers (accounts, FALSE);
  last_words_said (accounts);
}

typedef struct {
  Accounts *accounts;
  IkeCall *call;
} Finish;

static void
run_finish (gpointer data)
{
  Finish *finish = data;

  finish->accounts->finishing = g_steal_pointer (&finish->call);
  finish_if_done (finish->accounts);
}

static void
finish_free (gpointer data)
{
  Finish *finish = data;

  if (finish->call)
    ike_call_answer (finish->call, NULL);
  g_free (finish);
}

void
accounts_finish (Accounts *accounts, IkeCall *call)
{
  Finish *finish = g_new (Finish, 1);

  *finish = (Finish){ accounts, call };
  ike_loop_post (accounts->self->io, run_finish, finish, finish_free);
}

void
accounts_stop (Accounts *accounts)
{
  if (accounts && accounts->finishing)
    ike_call_answer (g_steal_pointer (&accounts->finishing), NULL);
}
