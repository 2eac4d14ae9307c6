/* SPDX-License-Identifier: Apache-2.0 */
/* transmit.c - sending, and asking again (RFC 7296, 2.1 and 2.4): only requests are repeated, by
 * their initiator, the very same bytes each time. */
#include "sa/sa_private.h"
#include <math.h>

enum { BASE_MS = 4000, TRIES = 5, HINTED_MS = 2000, LONGEST_MS = 3600 * 1000 };

static void on_timer (IkeSa *sa, gpointer data);

static const IkeJobClass retransmit_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "retransmit",
  .lane = IKE_LANE_ESTABLISHED,
  .run = on_timer,
};

/* Of fragments behind each other the first one's length, else all of it. */
static gsize
first_len (const guint8 *data, gsize len)
{
  IkeReader r;
  gsize own;

  ike_reader_init (&r, data, len);
  ike_reader_bytes (&r, 24);
  own = ike_reader_u32 (&r);
  return r.failed || own < IKE_HEADER_LEN || own > len ? len : own;
}

static gboolean
send_one (IkeSa *sa, const guint8 *data, gsize len, const IkeAddr *local, const IkeAddr *remote,
          gboolean is_marked)
{
  IkeSaManager *manager = sa->shard->manager;
  IkeDatagram datagram = { .struct_size = sizeof datagram,
                           .flags = is_marked ? IKE_NET_MARKED : 0,
                           .local = *local,
                           .remote = *remote,
                           .data = data,
                           .len = len };

  if (!manager->net_class)
    return FALSE;
  sa->last_out_us = ike_sa_now_us (sa);
  ike_counter_add (manager->engine, manager->count.sent, 1);
  if (!ike_datagram_passes (sa->shard, sa, FALSE, &datagram))
    return TRUE;
  return manager->net_class->send (manager->net->plugin, sa->shard->index, &datagram);
}

static gboolean
send_datagram (IkeSa *sa, const guint8 *data, gsize len, const IkeAddr *local,
               const IkeAddr *remote, gboolean is_marked)
{
  gboolean is_sent = len > 0;

  while (len) {
    gsize n = first_len (data, len);
    is_sent = send_one (sa, data, n, local, remote, is_marked) && is_sent;
    data += n;
    len -= n;
  }
  return is_sent;
}

/* RFC 7296, 2.11: an implementation "MUST reply to the address and port from which the request was
 * received". */
gboolean
ike_transmit (IkeSa *sa, const guint8 *data, gsize len, const IkeExchange *x)
{
  if (x)
    return send_datagram (sa, data, len, &x->local, &x->remote, x->is_marked);
  return send_datagram (sa, data, len, &sa->local, &sa->remote, sa->is_marked);
}

void
ike_sa_send_raw (IkeSa *sa, const guint8 *data, gsize len)
{
  ike_transmit (sa, data, len, NULL);
}

/* The same answer once more, to where the repeated request came from. */
void
ike_transmit_repeat (IkeSa *sa, const IkeReceived *entry, const IkeDatagram *datagram)
{
  send_datagram (sa, entry->response, entry->response_len, &datagram->local, &datagram->remote,
                 (datagram->flags & IKE_NET_MARKED) != 0);
}

/* The wait after try @n, without its random part: base * factor^(n - 1), capped; 0: no more tries.
 */
static double
wait_ms (const IkeConn *conn, guint n)
{
  guint32 base = conn ? conn->retransmit_base_ms : BASE_MS,
          tries = conn ? conn->retransmit_tries : TRIES;
  double delay = base * pow (conn ? conn->retransmit_factor : 1.8, n - 1);

  if (n > tries + 1)
    return 0;
  if (conn && conn->retransmit_limit_ms)
    delay = MIN (delay, conn->retransmit_limit_ms);
  return CLAMP (delay, 1, LONGEST_MS);
}

guint64
ike_transmit_longest_ms (const IkeConn *conn)
{
  guint64 sum = 0;
  double delay;
  guint n;

  for (n = 1; (delay = wait_ms (conn, n)) > 0; n++)
    sum += (guint64) delay;
  return sum;
}

guint32
ike_exchange_pace (const IkeExchange *x, guint n)
{
  const IkeConn *conn = x->sa->conn;
  double delay = wait_ms (conn, n);
  guint32 random;

  if (delay > 0 && conn && conn->retransmit_jitter) {
    ike_engine_random (x->sa->shard->manager->engine, &random, sizeof random);
    delay -= delay * MIN (conn->retransmit_jitter, 100) / 100 * (random / 4294967296.0);
  }
  return delay > 0 ? MAX ((guint32) delay, 1) : 0;
}

static guint32
pace_of (IkeExchange *x, IkeAddr *local, IkeAddr *remote)
{
  const IkeClasses *classes = &x->sa->shard->manager->classes;
  guint i;

  for (i = 0; i < classes->n_transmits; i++) {
    const IkeTransmitClass *klass = classes->transmits[i].ops;
    if (klass->takes (classes->transmits[i].plugin, x->sa, x))
      return klass->pace (classes->transmits[i].plugin, x->sa, x, x->n_sent, local, remote);
  }
  return ike_exchange_pace (x, x->n_sent);
}

/* What we offered, for whoever has to compare it with the peer's side; NULL: that is not what the
 * peer refused. */
static IkeTree *
offered (const IkeSa *sa)
{
  const IkeConn *conn = sa->conn;
  IkeTree *details, *list;
  char text[512];
  guint i;

  if (!conn || g_strcmp0 (sa->hint, ike_notify_name (IKE_N_NO_PROPOSAL_CHOSEN)) != 0)
    return NULL;
  details = ike_tree_new_section ();
  list = ike_tree_add_list (details, "offered");
  for (i = 0; i < ike_proposals_n (conn->proposals); i++)
    ike_tree_set_string (
        list, NULL,
        ike_proposal_format (ike_proposals_nth (conn->proposals, i), text, sizeof text));
  return details;
}

static void
give_up (IkeExchange *x)
{
  IkeSa *sa = x->sa;
  char remote[IKE_ADDR_TEXT_SIZE];
  g_autofree char *why = NULL;

  if (ike_exchange_give_way (x))
    return;
  ike_addr_format (&sa->remote, TRUE, remote);
  if (sa->hint)
    why = g_strdup_printf ("peer %s refused: %s", remote, sa->hint);
  else if (sa->sent_by)
    why = g_strdup_printf ("no answer from %s (sent there by %s) to %u tries of %s; is it there, "
                           "and UDP port %u open on the way?",
                           remote, sa->sent_by, x->n_sent, x->info->name, sa->remote.port);
  else
    why = g_strdup_printf ("no answer from %s to %u tries of %s; is the address right, and UDP "
                           "port %u open on the way?",
                           remote, x->n_sent, x->info->name, sa->remote.port);
  ike_explain_failed (sa, sa->hint ? "refused" : "timeout", why, offered (sa));
  ike_exchange_gave_up (x, why);
}

/* Sends the request once, and plans the next try. */
void
ike_transmit_request (IkeExchange *x)
{
  IkeSa *sa = x->sa;
  IkeAddr local = sa->local, remote = sa->remote;
  guint32 delay;

  x->n_sent++;
  delay = pace_of (x, &local, &remote);
  if (delay == 0) {
    x->n_sent--;
    give_up (x);
    return;
  }
  if (x->n_sent > 1) {
    ike_counter_add (sa->shard->manager->engine, sa->shard->manager->count.resent, 1);
    ike_sa_progress (sa, IKE_LOG_INFO, "no answer yet to %s (message %u), sent again, try %u",
                     x->info->name, x->message_id, x->n_sent);
  }
  x->timer = ike_sa_timer_add (sa, delay, &retransmit_job, x);
  send_datagram (sa, x->packet, x->packet_len, &local, &remote, sa->is_marked);
}

static void
wait_hinted (IkeExchange *x)
{
  gint64 left_ms = (x->hint_until_us - ike_sa_now_us (x->sa)) / 1000;

  x->timer = ike_sa_timer_add (x->sa, (guint64) MAX (left_ms, 1), &retransmit_job, x);
}

/* After a hint the request goes out once more: the true answer, or the way to it, may just have
 * been lost. */
static void
on_hint_timer (IkeExchange *x)
{
  IkeSa *sa = x->sa;

  if (x->is_asked_again) {
    give_up (x);
    return;
  }
  x->is_asked_again = TRUE;
  x->hint_until_us = ike_sa_now_us (sa) + HINTED_MS * 1000;
  wait_hinted (x);
  send_datagram (sa, x->packet, x->packet_len, &sa->local, &sa->remote, sa->is_marked);
}

static void
on_timer (IkeSa *sa, gpointer data)
{
  IkeExchange *x = data;

  x->timer = NULL;
  if (x->is_hinted && sa->state < IKE_SA_ESTABLISHED)
    on_hint_timer (x);
  else
    ike_transmit_request (x);
}

void
ike_transmit_stop (IkeExchange *x)
{
  if (x->timer)
    ike_timer_stop (x->timer);
  x->timer = NULL;
}

/* RFC 7296, 2.21.1: "the recipient should continue trying for some time before giving up": what
 * came unprotected is a hint, for anybody could have sent it.  The first one counts, and however
 * many follow, the time is not prolonged. */
void
ike_transmit_hint (IkeExchange *x, const char *reason)
{
  IkeSa *sa = x->sa;

  if (!x->is_hinted) {
    x->is_hinted = TRUE;
    x->hint_until_us = ike_sa_now_us (sa) + HINTED_MS * 1000;
    g_free (sa->hint);
    sa->hint = g_strdup (reason);
  }
  ike_transmit_stop (x);
  wait_hinted (x);
}

/* The first send gives up nothing, but a plugin may. */
void
ike_sa_send_again (IkeSa *sa)
{
  IkeExchange *x, *next;

  ike_sa_assert_owner (sa);
  for (x = sa->window.in_flight; x && !sa->is_doomed; x = next) {
    next = x->next;
    if (!x->packet || x->is_answered || x->is_hinted)
      continue;
    ike_transmit_stop (x);
    x->n_sent = 0;
    ike_transmit_request (x);
  }
}
