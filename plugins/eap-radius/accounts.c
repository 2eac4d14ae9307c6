/* SPDX-License-Identifier: Apache-2.0 */
/* accounts.c - delivers accounts (RFC 2866): in order for each session, several sessions at a time,
 * and not before a server has answered that it took one.
 *
 * The accounts of a group of servers are a lane.  While no server of it answers, its accounts wait,
 * one of them is tried now and then, and of each session the newest interim account stands for
 * those before it.  What waits is bounded, and is written down if there is a `queue:accounting`. */
#include "accounts.h"

enum { IN_FLIGHT_MAX = 32, PAUSE_MIN_S = 5, PAUSE_MAX_S = 300, GIVE_UP_S = 24 * 3600 };

/* -- the queue that outlives us */

void
accounts_keep (Accounts *accounts, Record *record)
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
  lane->since_us = ike_loop_now_us (accounts->self->io);
  g_queue_init (&lane->ready);
  g_hash_table_insert (accounts->lanes, g_strdup (group_key (group)), lane);
  return lane;
}

void
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

void
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

/* Behind the others: one that a server does not take holds up its own session only. */
static void
make_ready (Stream *stream)
{
  stream->is_ready = TRUE;
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

void
accounts_enqueue (Accounts *accounts, Record *record)
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
    accounts_keep (accounts, record);
  if (!stream->is_ready && !stream->is_busy)
    make_ready (stream);
  if (stream->first)
    stream->last->next = record;
  else
    stream->first = record;
  stream->last = record;
  lane_pump (stream->lane);
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
    make_ready (stream);
  else
    g_hash_table_remove (accounts->streams, session);
}

static void
pause_over (gpointer data)
{
  Lane *lane = data;

  lane->timer = NULL;
  lane_pump (lane);
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

/* It has had a day, and either others were taken since it was made, or its group has no servers
 * any more, as when the configuration changed: nobody will ever take it, but whoever took them out
 * of it has had a day of this run, too. */
static gboolean
is_hopeless (const Lane *lane, const Record *record)
{
  EapRadius *self = lane->accounts->self;
  gint64 age_us = ike_engine_wall_us (self->engine) - record->wall_us;
  gint64 now_us = ike_engine_now_us (self->engine);
  gint64 least_us = (gint64) GIVE_UP_S * G_USEC_PER_SEC;
  guint32 any;

  if (age_us < least_us)
    return FALSE;
  if (lane->taken_us && now_us - lane->taken_us < age_us)
    return TRUE;
  return now_us - lane->since_us >= least_us
         && self->radius->servers (self->service->plugin, lane->group, &any, 1) == 0;
}

/* Others that were taken meanwhile show that a server is there: then nothing else has to wait. */
static void
not_taken (Accounts *accounts, Stream *stream, const char *why)
{
  Lane *lane = stream->lane;

  if (!is_hopeless (lane, stream->first)) {
    make_ready (stream);
    if (lane->taken_us <= stream->sent_us)
      wait_a_while (lane, why);
    return;
  }
  ike_counter_add (accounts->self->engine, accounts->lost, 1);
  ike_log (accounts->self->engine, IKE_LOG_NOTICE, "eap-radius",
           "an account of session %s is given up after a day: %s", stream->first->session, why);
  pop (accounts, stream);
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
    lane->taken_us = ike_loop_now_us (accounts->self->io);
    pop (accounts, stream);
  } else
    not_taken (accounts, stream, error ? error : "it answered with something else");
  ike_radius_reply_free (reply);
  lane_pump (lane);
  accounts_end_if_done (accounts);
}

static const IkeCallClass account_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "Accounting-Request",
  .timeout_ms = 300 * 1000,
  .then = answered,
  .undo = ike_radius_reply_free,
};

/* RFC 2866, 5.2: "how many seconds the client has been trying to send this record for". */
void
accounts_request (Accounts *accounts, const Record *record, guint32 server, IkeCall *call)
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
  stream->sent_us = ike_loop_now_us (accounts->self->io);
  stream->lane->n_in_flight++;
  accounts_request (accounts, stream->first, 0,
                    ike_loop_call (accounts->self->io, &account_call, NULL, stream));
}

void
lane_pump (Lane *lane)
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
  Accounts *accounts = addition->accounts;
  gboolean is_stop = addition->record->status == ACCT_STOP;

  accounts_enqueue (accounts, g_steal_pointer (&addition->record));
  if (is_stop)
    g_atomic_int_add (&accounts->self->n_open, -1);
  accounts_end_if_done (accounts);
}

static void
addition_free (gpointer data)
{
  record_free (((Addition *) data)->record);
  g_free (data);
}

/* RFC 2869, 5.3: Event-Timestamp is "to record the time that this event occurred on the NAS". */
Record *
accounts_record (Accounts *accounts, AcctStatus status, const char *group, IkeWriter *w)
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
  ike_writer_bytes (&w, more->data, more->len);
  addition->accounts = accounts;
  addition->record = accounts_record (accounts, status, session->group, &w);
  ike_loop_post (accounts->self->io, run_addition, addition, addition_free);
}
