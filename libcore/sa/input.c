/* SPDX-License-Identifier: Apache-2.0 */
/* input.c - a datagram on its way in: header, shard, gate or SA, window, tag, state gate, exchange.
 *
 * Whatever fails is counted and gets the answer that RFC 7296 prescribes, or none.  Nothing is
 * allocated for a first message before its gates passed, and nothing is decrypted before the window
 * was asked. */
#include "sa/sa_private.h"
#include "runtime/loop_private.h"
#include <string.h>

enum { FLAGS_AT = 19 };

typedef struct {
  guint shard;
  IkeEngine *engine;
  IkeDatagram datagram;
  IkeAttachment *attached; /* of a first message: what gates attached to it */
  guint8 data[];
} Forward;

static void
count (IkeShard *shard, guint32 counter)
{
  ike_counter_add (shard->manager->engine, counter, 1);
}

/* -- which shard */

/* The Initiator flag tells which SPI is ours (RFC 7296, 3.1); the cBPF program of net-udp does the
 * same. */
int
ike_input_shard (IkeEngine *engine, const guint8 *data, gsize len)
{
  static const guint8 none[8] = { 0 };
  const guint8 *spi;

  if (len <= FLAGS_AT)
    return -1;
  spi = data[FLAGS_AT] & IKE_FLAG_INITIATOR ? data + 8 : data;
  return memcmp (spi, none, sizeof none) ? engine->sas->buckets[spi[0]] : -1;
}

const guint8 *
ike_engine_buckets (IkeEngine *engine)
{
  return engine->sas->buckets;
}

static void
run_forward (IkeSa *sa, gpointer data)
{
  Forward *f = data;
  IkeShard *shard = f->engine->sas->shards[f->shard];

  shard->forwarded = g_steal_pointer (&f->attached);
  ike_input (f->engine, f->shard, &f->datagram);
  ike_attachments_free (g_steal_pointer (&shard->forwarded));
}

static void
free_forward (gpointer data)
{
  Forward *f = data;

  ike_attachments_free (f->attached);
  g_free (f);
}

static const IkeJobClass forward_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "forwarded datagram",
  .lane = IKE_LANE_ESTABLISHED,
  .run = run_forward,
  .free = free_forward,
};
static const IkeJobClass forward_new_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "forwarded first message",
  .lane = IKE_LANE_NEW,
  .run = run_forward,
  .free = free_forward,
};

static void
forward (IkeShard *shard, guint to, const IkeDatagram *datagram, gboolean is_first,
         IkeAttachment *attached_take)
{
  IkeEngine *engine = shard->manager->engine;
  Forward *f;

  if (datagram->flags & IKE_NET_FORWARDED) {
    count (shard, shard->manager->count.forwarded_twice);
    ike_attachments_free (attached_take);
    return;
  }
  count (shard, is_first ? shard->manager->count.forwarded_first : shard->manager->count.forwarded);
  f = g_malloc (sizeof *f + datagram->len);
  f->engine = engine;
  f->shard = to;
  f->datagram = *datagram;
  f->datagram.flags |= IKE_NET_FORWARDED;
  f->datagram.data = f->data;
  f->attached = attached_take;
  memcpy (f->data, datagram->data, datagram->len);
  if (!ike_shard_post (ike_engine_shard (engine, to), is_first ? &forward_new_job : &forward_job,
                       f))
    count (shard, shard->manager->count.refused);
}

/* -- payloads */

/* Reads the chain into @arena.  The verdict says what is wrong. */
static gboolean
read_payloads (IkeShard *shard, IkeArena *arena, IkeMessage *message, guint8 first,
               const guint8 *data, gsize len, guint32 offset, IkeVerdict *verdict)
{
  const IkeClasses *classes = &shard->manager->classes;
  IkePayload payloads[IKE_PAYLOADS_MAX];
  guint n, i;

  message->n = 0;
  message->payloads = NULL;
  if (!ike_payloads_read (first, data, len, offset, ike_classes_knows_payload, classes, payloads,
                          IKE_PAYLOADS_MAX, &n, verdict))
    return FALSE;
  for (i = 0; i < n; i++) {
    const IkePayloadClass *klass = classes->payloads[payloads[i].type];
    if (klass && klass->check && !klass->check (&payloads[i], verdict))
      return FALSE;
  }
  message->payloads = ike_arena_copy (arena, payloads, n * sizeof *payloads);
  message->n = message->payloads ? n : 0;
  if (n && !message->payloads)
    return ike_verdict_set (verdict, IKE_N_TEMPORARY_FAILURE, 0, 0, "no room for the message");
  return TRUE;
}

static IkeMessage *
message_new (IkeExchange *x, const IkeHeader *header, const IkeDatagram *datagram,
             gboolean is_clear)
{
  IkeMessage *m;

  ike_arena_clear (&x->in_arena);
  m = ike_arena_alloc (&x->in_arena, sizeof *m);
  if (!m)
    return NULL;
  m->header = *header;
  m->raw = is_clear ? ike_arena_copy (&x->in_arena, datagram->data, datagram->len) : datagram->data;
  m->raw_len = datagram->len;
  return m->raw ? m : NULL;
}

static void
set_path (IkeExchange *x, const IkeDatagram *datagram)
{
  x->local = datagram->local;
  x->remote = datagram->remote;
  x->is_marked = (datagram->flags & IKE_NET_MARKED) != 0;
}

/* The message hook for a clear one.  What that puts in its place is read and judged anew; what AUTH
 * signs are the bytes that came. */
static gboolean
show_clear (IkeShard *shard, IkeExchange *x, IkeMessage *m, gboolean is_response)
{
  const guint8 *came = m->raw + IKE_HEADER_LEN, *plain = came;
  gsize came_len = m->raw_len - IKE_HEADER_LEN, len = came_len;
  guint8 first = m->header.next_payload;
  IkeSa shape = { .shard = shard, .state = IKE_SA_CREATED };
  IkeVerdict verdict = { 0 };

  if (!ike_exchange_show (x, &plain, &len, &first))
    return FALSE;
  if (plain == came && len == came_len && first == m->header.next_payload)
    return TRUE;
  return read_payloads (shard, &x->in_arena, m, first, plain, len, IKE_HEADER_LEN, &verdict)
         && ike_stategate_check (x->info, is_response ? x->sa : &shape, is_response, m, &verdict);
}

/* -- first messages */

static void
accept_first (IkeShard *shard, const IkeDatagram *datagram, const IkeHeader *header,
              const IkeExchangeInfo *info, IkeAttachment *attached)
{
  IkeVerdict verdict = { 0 };
  IkeExchange *x;
  IkeSa *sa = ike_first_new (shard, 2, header->spi_initiator, datagram);

  if (!sa) {
    ike_attachments_free (attached);
    return;
  }
  sa->attachments = attached;
  x = ike_exchange_new (sa, info, FALSE, 0);
  set_path (x, datagram);
  sa->window.received[0].exchange = x;
  x->in = message_new (x, header, datagram, TRUE);
  if (!x->in
      || !read_payloads (shard, &x->in_arena, x->in, header->next_payload,
                         x->in->raw + IKE_HEADER_LEN, x->in->raw_len - IKE_HEADER_LEN,
                         IKE_HEADER_LEN, &verdict)) {
    count (shard, shard->manager->count.bad_syntax);
    ike_sa_destroy (sa, "the first message is malformed");
    return;
  }
  if (!show_clear (shard, x, x->in, FALSE)) {
    ike_sa_destroy (sa, "a plugin dropped its first message");
    return;
  }
  ike_init_keep (sa, TRUE, x->in->raw, x->in->raw_len);
  ike_exchange_respond (sa, x);
}

/* RFC 7296, 1.5 and 2.21.1: what is wrong with an unprotected first message is answered at most
 * with what does not help an attacker; a critical payload that we do not know is named. */
static void
refuse_first (IkeShard *shard, const IkeDatagram *datagram, const IkeHeader *header,
              const IkeVerdict *verdict)
{
  IkeWriter w;

  count (shard, shard->manager->count.bad_syntax);
  if (verdict->notify != IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD
      && verdict->notify != IKE_N_INVALID_SYNTAX)
    return;
  if (!ike_clear_may_answer (shard))
    return;
  ike_clear_open (shard, header, &w);
  ike_notify_write (&w, 0, verdict->notify, NULL, 0, &verdict->payload,
                    verdict->notify == IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD);
  ike_clear_send (shard, datagram, datagram->len, &w);
}

static void
first_message (IkeShard *shard, const IkeDatagram *datagram, const IkeHeader *header,
               const IkeExchangeInfo *info)
{
  IkeSaManager *manager = shard->manager;
  IkeMessage message = { .header = *header, .raw = datagram->data, .raw_len = datagram->len };
  IkeAttachment *attached = NULL;
  IkeVerdict verdict = { 0 };
  IkePayload payloads[IKE_PAYLOADS_MAX];
  guint to = ike_shard_of_first (manager->engine, header->spi_initiator);
  IkeSa *sa, shape = { .shard = shard, .state = IKE_SA_CREATED };

  if (header->message_id != 0 || header->spi_initiator == 0 || !(header->flags & IKE_FLAG_INITIATOR)
      || datagram->len > IKE_FIRST_MESSAGE_MAX) {
    count (shard, manager->count.bad_header);
    return;
  }
  message.payloads = payloads;
  if (!ike_payloads_read (header->next_payload, datagram->data + IKE_HEADER_LEN,
                          datagram->len - IKE_HEADER_LEN, IKE_HEADER_LEN, ike_classes_knows_payload,
                          &manager->classes, payloads, IKE_PAYLOADS_MAX, &message.n, &verdict)
      || !ike_stategate_check (info, &shape, FALSE, &message, &verdict)) {
    refuse_first (shard, datagram, header, &verdict);
    return;
  }
  /* Gates need no SA, so a flood is stopped where it came in.  What gets through is not judged a
   * second time. */
  if (to != shard->index) {
    if (ike_gates_pass (shard, datagram, &message, info, &attached))
      forward (shard, to, datagram, TRUE, attached);
    else
      ike_attachments_free (attached);
    return;
  }
  sa = ike_half_open_find (shard, header->spi_initiator, &datagram->remote, datagram->data,
                           datagram->len);
  if (sa) {
    IkeReceived *entry = &sa->window.received[0];
    count (shard, manager->count.retransmit);
    if (entry->response)
      ike_transmit (sa, entry->response, entry->response_len, NULL);
    return;
  }
  if (!ike_first_may_come (shard, &datagram->remote))
    return;
  attached = g_steal_pointer (&shard->forwarded);
  if (datagram->flags & IKE_NET_FORWARDED
      || ike_gates_pass (shard, datagram, &message, info, &attached))
    accept_first (shard, datagram, header, info, attached);
  else
    ike_attachments_free (attached);
}

/* -- messages of an SA */

/* RFC 9242, 3.3: keys change between exchanges, so each message ID has the generation that it
 * belongs to.  Of the original responder the requests are counted; whoever began sends its own and
 * has the newest. */
static const IkeKeys *
keys_of_request (const IkeSa *sa, guint32 id)
{
  const IkeKeys *keys = sa->keys;

  /* Beyond IKE_AUTH there is one generation; an ID of 0 then stands outside the window. */
  while (!sa->is_initiator && sa->state < IKE_SA_ESTABLISHED && keys && keys->older
         && id < keys->first_request_received)
    keys = keys->older;
  return keys;
}

static gboolean
is_fragment (const IkeMessage *outer)
{
  return outer->payloads[outer->n - 1].type == IKE_PAYLOAD_SKF;
}

/* FALSE: it does not open, or is a fragment of which others are still missing. */
static gboolean
open_protected (IkeSa *sa, IkeExchange *x, IkeMessage *m, IkeVerdict *verdict)
{
  IkeShard *shard = sa->shard;
  const guint8 *plain;
  guint8 first;
  gsize len;

  if (is_fragment (m)) {
    if (!ike_fragment_take (sa, x->keys, &x->in_arena, m, &first, &plain, &len))
      return FALSE;
  } else if (!ike_open (sa, x->keys, &x->in_arena, m, &first, &plain, &len)) {
    count (shard, shard->manager->count.bad_icv);
    return FALSE;
  }
  m->is_protected = TRUE;
  sa->last_in_us = ike_sa_now_us (sa);
  if (!ike_exchange_show (x, &plain, &len, &first))
    return FALSE;
  if (!read_payloads (shard, &x->in_arena, m, first, plain, len, 0, verdict))
    count (shard, shard->manager->count.bad_syntax);
  return TRUE;
}

/* RFC 7383, 2.6.1: "only the first fragment (with the Fragment Number field equal to 1) triggers
 * a response retransmission", and it must be authentic.  The others, and what was not cut the first
 * time, have other bytes than those we remember. */
static IkeWindowVerdict
judge_fragment (IkeSa *sa, const IkeMessage *outer, IkeWindowVerdict verdict,
                const IkeReceived *entry)
{
  if (verdict != IKE_WINDOW_OTHER && verdict != IKE_WINDOW_REPEAT && verdict != IKE_WINDOW_PARKED)
    return verdict;
  if (!ike_fragment_is_first (sa, keys_of_request (sa, outer->header.message_id), outer))
    return IKE_WINDOW_OTHER;
  return entry->response ? IKE_WINDOW_REPEAT : IKE_WINDOW_PARKED;
}

/* TRUE: it is new, or @may_be_outside of the window; else it was dealt with. */
static gboolean
judge_request (IkeSa *sa, const IkeDatagram *datagram, const IkeMessage *outer,
               const guint8 digest[16], gboolean may_be_outside, IkeWindowVerdict *verdict)
{
  IkeShard *shard = sa->shard;
  IkeReceived *entry;

  *verdict = ike_window_judge (&sa->window, outer->header.message_id, digest, &entry);
  if (is_fragment (outer))
    *verdict = judge_fragment (sa, outer, *verdict, entry);
  switch (*verdict) {
  case IKE_WINDOW_NEW:
    return TRUE;
  case IKE_WINDOW_REPEAT:
    count (shard, shard->manager->count.retransmit);
    ike_transmit_repeat (sa, entry, datagram);
    return FALSE;
  case IKE_WINDOW_PARKED:
    count (shard, shard->manager->count.retransmit);
    if (entry->exchange)
      set_path (entry->exchange, datagram);
    return FALSE;
  default:
    if (!may_be_outside)
      count (shard, shard->manager->count.bad_id);
    return may_be_outside;
  }
}

/* The exchange of a request whose tag is good; @verdict says what is wrong inside. NULL: drop it.
 */
static IkeExchange *
open_request (IkeSa *sa, const IkeDatagram *datagram, const IkeMessage *outer,
              const IkeExchangeInfo *info, IkeVerdict *verdict)
{
  IkeExchange *x = ike_exchange_new (sa, info, FALSE, outer->header.message_id);
  IkeMessage *m;

  set_path (x, datagram);
  x->keys = keys_of_request (sa, outer->header.message_id);
  m = message_new (x, &outer->header, datagram, FALSE);
  if (m) {
    m->payloads = outer->payloads;
    m->n = outer->n;
  }
  x->in = m;
  if (m && x->keys && open_protected (sa, x, m, verdict))
    return x;
  ike_exchange_free (x);
  return NULL;
}

/* FALSE: it is dropped unseen.  With a reason in @refusal it is opened, and answered with that. */
static gboolean
may_come (const IkeSa *sa, const IkeExchangeInfo *info, IkeVerdict *refusal)
{
  IkeSa up = { .state = IKE_SA_ESTABLISHED, .is_initiator = sa->is_initiator };

  /* RFC 7296, 2.21.3: "After the IKE SA is authenticated, all requests having errors MUST result in
   * a response notifying the other end of the error"; the one whose "type, length, or value was out
   * of range" is INVALID_SYNTAX (3.10.1), which ends the SA: the peers do not agree on what was
   * negotiated. */
  if (info == &sa->shard->manager->classes.unknown) {
    ike_verdict_set (refusal, IKE_N_INVALID_SYNTAX, 0, 0, "an exchange type that nobody agreed on");
    return sa->state >= IKE_SA_ESTABLISHED;
  }
  if (ike_stategate_is_state_ok (info, sa, FALSE))
    return TRUE;
  /* RFC 7296, 2.25: "A TEMPORARY_FAILURE notification SHOULD be sent when a peer receives a request
   * that cannot be completed due to a temporary condition": it would have been right while the SA
   * was up, and the peer cannot know yet that it is going. */
  ike_verdict_set (refusal, IKE_N_TEMPORARY_FAILURE, 0, 0, "the SA is going");
  return sa->state > IKE_SA_ESTABLISHED && ike_stategate_is_state_ok (info, &up, FALSE);
}

/* @outer holds the outer chain; it ends in SK.  A request is remembered once its tag was good: from
 * then on it is answered. */
static void
protected_request (IkeSa *sa, const IkeDatagram *datagram, const IkeMessage *outer,
                   const IkeExchangeInfo *info)
{
  IkeShard *shard = sa->shard;
  gboolean may_be_0 = !is_fragment (outer) && ike_outside_may_be (sa, &outer->header, info);
  IkeWindowVerdict judged;
  IkeVerdict verdict = { 0 }, refusal = { 0 };
  guint8 digest[16];
  IkeExchange *x;

  ike_message_digest (shard->manager, datagram->data, datagram->len, digest);
  if ((outer->header.message_id == 0 && ike_outside_repeat (sa, digest, datagram))
      || !judge_request (sa, datagram, outer, digest, may_be_0, &judged))
    return;
  if (!may_come (sa, info, &refusal)) {
    count (shard, shard->manager->count.bad_state);
    return;
  }
  if (judged == IKE_WINDOW_NEW && !ike_outer_check (sa, info, outer)) {
    count (shard, shard->manager->count.bad_state);
    return;
  }
  x = open_request (sa, datagram, outer, info, &verdict);
  if (!x)
    return;
  x->is_outside = may_be_0 && !verdict.reason && ike_outside_is (sa, x->in, info);
  if (x->is_outside)
    ike_outside_accept (sa, digest);
  else if (judged == IKE_WINDOW_NEW) {
    ike_window_accept (&sa->window, outer->header.message_id, digest, x);
    ike_path_of_request (sa, x);
  } else {
    count (shard, shard->manager->count.bad_id);
    ike_exchange_free (x);
    return;
  }
  if (!verdict.reason && refusal.reason)
    verdict = refusal;
  if (!verdict.reason)
    ike_stategate_check (info, sa, FALSE, x->in, &verdict);
  if (verdict.reason) {
    count (shard, shard->manager->count.bad_state);
    ike_exchange_fail (x, verdict.notify, &verdict.payload,
                       verdict.notify == IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, verdict.reason);
  }
  ike_exchange_respond (sa, x);
}

static IkeExchange *
find_in_flight (IkeSa *sa, guint32 id, const IkeExchangeInfo *info)
{
  IkeExchange *x;

  for (x = sa->window.in_flight; x; x = x->next)
    if (x->message_id == id && x->info == info && x->packet && !x->is_answered)
      return x;
  return NULL;
}

static void
protected_response (IkeSa *sa, const IkeDatagram *datagram, const IkeHeader *header,
                    const IkeMessage *outer, const IkeExchangeInfo *info)
{
  IkeShard *shard = sa->shard;
  IkeExchange *x = find_in_flight (sa, header->message_id, info);
  IkeVerdict verdict = { 0 };
  IkeMessage *m;

  if (!x || !x->keys) {
    count (shard, shard->manager->count.bad_id);
    return;
  }
  m = message_new (x, header, datagram, FALSE);
  if (!m)
    return;
  m->payloads = outer->payloads;
  m->n = outer->n;
  if (!open_protected (sa, x, m, &verdict)) {
    ike_arena_clear (&x->in_arena);
    return;
  }
  if (x->is_outside && (verdict.reason || !ike_outside_answers (sa, m, info))) {
    count (shard, shard->manager->count.bad_id);
    ike_arena_clear (&x->in_arena);
    return;
  }
  set_path (x, datagram);
  ike_path_of_response (sa, x);
  if (!verdict.reason && !ike_stategate_check (info, sa, TRUE, m, &verdict) && !verdict.notify)
    verdict.notify = IKE_N_INVALID_SYNTAX;
  if (verdict.reason) {
    count (shard, shard->manager->count.bad_state);
    ike_exchange_fail (x, verdict.notify, NULL, 0, verdict.reason);
  }
  m->raw = NULL;
  ike_exchange_response (x, m);
}

/* RFC 7296, 2.21.1: an error in the clear is a hint, no more; the others of its kind are retries
 * that a task knows. */
static gboolean
is_hint (IkeExchange *x, const IkeMessage *m)
{
  const IkePayload *payload;
  IkeNotify notify;
  IkeVerdict verdict = { 0 };
  guint i;

  for (i = 0; (payload = ike_message_find (m, IKE_PAYLOAD_NOTIFY, i)); i++) {
    const IkeNotifyInfo *info;
    const char *name;
    if (!ike_notify_read (payload, &notify, &verdict) || notify.type >= IKE_N_FIRST_STATUS)
      continue;
    info = ike_classes_notify (&x->sa->shard->manager->classes, notify.type);
    if (info && (info->exchanges >> x->info->index & 1) && !info->klass->is_unprotected_ok)
      continue;
    name = ike_notify_name (notify.type);
    ike_transmit_hint (x, name ? name : "an error we do not know");
    return TRUE;
  }
  return FALSE;
}

static void
clear_response (IkeSa *sa, const IkeDatagram *datagram, const IkeHeader *header,
                const IkeExchangeInfo *info)
{
  IkeShard *shard = sa->shard;
  IkeExchange *x = find_in_flight (sa, header->message_id, info);
  IkeVerdict verdict = { 0 };
  IkeMessage *m;

  if (!x || sa->state != IKE_SA_CONNECTING) {
    ike_exchange_doubt (sa);
    count (shard, shard->manager->count.bad_id);
    return;
  }
  m = message_new (x, header, datagram, TRUE);
  /* Whatever is wrong with it: it may be forged, so it is dropped, and the true one may still come.
   */
  if (!m
      || !read_payloads (shard, &x->in_arena, m, header->next_payload, m->raw + IKE_HEADER_LEN,
                         m->raw_len - IKE_HEADER_LEN, IKE_HEADER_LEN, &verdict)
      || is_hint (x, m) || !ike_stategate_check (info, sa, TRUE, m, &verdict)) {
    count (shard, shard->manager->count.bad_syntax);
    ike_arena_clear (&x->in_arena);
    return;
  }
  if (!show_clear (shard, x, m, TRUE)) {
    ike_arena_clear (&x->in_arena);
    return;
  }
  set_path (x, datagram);
  sa->peer_spi = header->spi_responder;
  ike_exchange_response (x, m);
}

/* A clear message on a live SA: only notify classes that prove what they are told hear of it. */
static void
unprotected (IkeSa *sa, const IkeDatagram *datagram, const IkeMessage *m)
{
  const IkeClasses *classes = &sa->shard->manager->classes;
  IkeNotify notify;
  IkeVerdict verdict = { 0 };
  guint i;

  count (sa->shard, sa->shard->manager->count.bad_state);
  for (i = 0; i < m->n && !sa->is_doomed; i++) {
    const IkeNotifyInfo *info;
    if (m->payloads[i].type != IKE_PAYLOAD_NOTIFY
        || !ike_notify_read (&m->payloads[i], &notify, &verdict))
      continue;
    info = ike_classes_notify (classes, notify.type);
    if (info && info->klass->is_unprotected_ok && info->klass->unprotected
        && notify.len >= info->klass->min_len && notify.len <= info->klass->max_len)
      info->klass->unprotected (info->plugin, sa, &notify, datagram);
  }
}

static void
message_of_sa (IkeSa *sa, const IkeDatagram *datagram, const IkeHeader *header,
               const IkeExchangeInfo *info)
{
  IkeShard *shard = sa->shard;
  gboolean is_response = header->flags & IKE_FLAG_RESPONSE;
  IkePayload payloads[IKE_PAYLOADS_MAX];
  IkeMessage outer = {
    .header = *header, .raw = datagram->data, .raw_len = datagram->len, .payloads = payloads
  };
  IkeVerdict verdict = { 0 };

  if (info && (info->klass->flags & IKE_EXCHANGE_CLEAR) && is_response) {
    clear_response (sa, datagram, header, info);
    return;
  }
  if (!info && is_response) {
    count (shard, shard->manager->count.bad_state);
    return;
  }
  if (!info)
    info = &shard->manager->classes.unknown;
  if (!ike_payloads_read (header->next_payload, datagram->data + IKE_HEADER_LEN,
                          datagram->len - IKE_HEADER_LEN, IKE_HEADER_LEN, ike_classes_knows_payload,
                          &shard->manager->classes, payloads, IKE_PAYLOADS_MAX, &outer.n,
                          &verdict)) {
    count (shard, shard->manager->count.bad_syntax);
    return;
  }
  if (outer.n == 0
      || (payloads[outer.n - 1].type != IKE_PAYLOAD_SK
          && !(is_fragment (&outer) && sa->may_fragment))) {
    unprotected (sa, datagram, &outer);
    return;
  }
  if (!sa->keys || (info->klass->flags & IKE_EXCHANGE_CLEAR))
    count (shard, shard->manager->count.bad_state);
  else if (is_response)
    protected_response (sa, datagram, header, &outer, info);
  else
    protected_request (sa, datagram, &outer, info);
}

/* -- entries */

void
ike_input_v2 (IkeShard *shard, const IkeDatagram *datagram)
{
  IkeSaManager *manager = shard->manager;
  IkeVerdict verdict = { 0 };
  const IkeExchangeInfo *info;
  gboolean from_initiator;
  guint64 ours, theirs;
  IkeHeader header;
  IkeSa *sa;
  int to;

  if (!ike_header_read (datagram->data, datagram->len, &header, &verdict)) {
    count (shard, manager->count.bad_header);
    return;
  }
  info = manager->classes.by_number[header.exchange];
  from_initiator = (header.flags & IKE_FLAG_INITIATOR) != 0;
  ours = from_initiator ? header.spi_responder : header.spi_initiator;
  theirs = from_initiator ? header.spi_initiator : header.spi_responder;
  if (info && (info->klass->flags & IKE_EXCHANGE_INITIAL) && !(header.flags & IKE_FLAG_RESPONSE)
      && ours == 0) {
    first_message (shard, datagram, &header, info);
    return;
  }
  to = ike_input_shard (manager->engine, datagram->data, datagram->len);
  if (to >= 0 && (guint) to != shard->index) {
    forward (shard, (guint) to, datagram, FALSE, NULL);
    return;
  }
  sa = to < 0 ? NULL : ike_table_find (shard, ours);
  if (!sa || sa->major != 2 || sa->is_initiator == from_initiator
      || (sa->peer_spi && sa->peer_spi != theirs
          && !(info && (info->klass->flags & IKE_EXCHANGE_CLEAR)
               && sa->state == IKE_SA_CONNECTING))) {
    ike_clear_answer_orphan (shard, datagram, &header);
    return;
  }
  message_of_sa (sa, datagram, &header, info);
}

/* The shard that is to handle it, of any version; -1: any. */
static int
wanted_shard (IkeSaManager *manager, const IkeDatagram *datagram)
{
  const IkeClasses *classes = &manager->classes;
  guint major = datagram->len < IKE_HEADER_LEN ? 0 : datagram->data[17] >> 4;
  const IkeProtocolClass *klass = classes->protocols[major];
  int to = -1;

  if (major == 2)
    return ike_input_shard (manager->engine, datagram->data, datagram->len);
  if (klass && klass->peek)
    to = klass->peek (classes->protocol_plugins[major], datagram->data, datagram->len);
  return to >= 0 && (guint) to < manager->engine->n_shards ? to : -1;
}

static void
take_datagram (IkeShard *shard, const IkeDatagram *datagram)
{
  static const guint8 none[8] = { 0 };
  const IkeClasses *classes = &shard->manager->classes;
  guint8 major;

  if (datagram->len < IKE_HEADER_LEN) {
    count (shard, shard->manager->count.bad_header);
    return;
  }
  major = datagram->data[17] >> 4;
  if (major == 2) {
    ike_input_v2 (shard, datagram);
    return;
  }
  if (classes->protocols[major]) {
    int to = wanted_shard (shard->manager, datagram);
    if (to >= 0 && (guint) to != shard->index)
      forward (shard, (guint) to, datagram, memcmp (datagram->data + 8, none, sizeof none) == 0,
               NULL);
    else
      classes->protocols[major]->input (classes->protocol_plugins[major], shard->index, datagram);
    return;
  }
  if (major > 2) {
    IkeHeader header;
    IkeVerdict verdict = { 0 };
    if (ike_header_read (datagram->data, datagram->len, &header, &verdict)) {
      ike_clear_answer_version (shard, datagram, &header);
      return;
    }
  }
  count (shard, shard->manager->count.bad_version);
}

void
ike_input (IkeEngine *engine, guint k, const IkeDatagram *datagram)
{
  IkeSaManager *manager = engine->sas;
  IkeShard *shard = manager->shards[k];
  IkeDatagram shown;

  count (shard, manager->count.received);
  if (!ike_hook_point_is_used (manager->on_datagram)) {
    take_datagram (shard, datagram);
    return;
  }
  shown = *datagram;
  if (ike_datagram_comes_in (shard, wanted_shard (manager, datagram), &shown))
    take_datagram (shard, &shown);
}
