/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - the tickets of who began an IKE SA: in its seat while it lives, kept when it was
 * lost, gone when it was closed.
 *
 * RFC 5723, 6.2: "when an IKE SA is deleted by the client or the gateway, the client MUST delete
 * its stored ticket"; 4.3.1: "a client MUST NOT reuse a ticket". */
#include "resumption.h"

enum { ASK_AGAIN_MS = 10 * 1000, ASKED_MAX = 3, LEAST_S = 60, MOST_S = 30 * 24 * 3600 };

void
ticket_free (Ticket *ticket)
{
  if (!ticket)
    return;
  ike_conn_unref (ticket->conn);
  session_free (ticket->session);
  g_bytes_unref (ticket->bytes);
  g_free (ticket);
}

/* "A client MUST NOT present a ticket when it knows that the ticket's lifetime has expired." */
static gboolean
is_for (const Ticket *ticket, const IkeSa *sa)
{
  return ticket->conn == ike_sa_conn (sa) && ike_sa_now_us (sa) < ticket->expires_us;
}

gboolean
client_take (Resumption *self, IkeSa *sa)
{
  const IkeConn *conn = ike_sa_conn (sa);
  Ticket *ticket = NULL;
  gpointer name = NULL, found = NULL;

  if (!resumption_is_on (self, conn))
    return FALSE;
  pthread_mutex_lock (&self->lock);
  if (g_hash_table_steal_extended (self->lost, conn->name, &name, &found))
    ticket = found;
  pthread_mutex_unlock (&self->lock);
  g_free (name);
  if (ticket && !is_for (ticket, sa))
    g_clear_pointer (&ticket, ticket_free);
  if (ticket)
    seat_of (self, sa)->presented = ticket;
  return ticket != NULL;
}

void
client_lost (Resumption *self, Ticket *ticket)
{
  pthread_mutex_lock (&self->lock);
  g_hash_table_replace (self->lost, g_strdup (ticket->conn->name), ticket);
  pthread_mutex_unlock (&self->lock);
}

void
client_forget (Resumption *self, const IkeConn *conn)
{
  pthread_mutex_lock (&self->lock);
  g_hash_table_remove (self->lost, conn->name);
  pthread_mutex_unlock (&self->lock);
}

/* -- getting one */

static void
ask (IkeSa *sa, gpointer data)
{
  if (ike_sa_state (sa) == IKE_SA_ESTABLISHED)
    ike_sa_begin (sa, "ticket", NULL, NULL, NULL);
}

static const IkeJobClass ask_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "a ticket is asked for",
  .lane = IKE_LANE_ESTABLISHED,
  .run = ask,
};

void
client_ask_in (IkeSa *sa, guint64 ms)
{
  ike_sa_timer_add (sa, ms, &ask_job, NULL);
}

/* RFC 5723, 4.1: "following a gateway-initiated IKE rekey", "when the ticket lifetime is about to
 * expire", and where "the gateway previously replied with an N(TICKET_ACK)". */
static void
come_back (IkeSa *sa, Seat *seat)
{
  if (++seat->n_asked < ASKED_MAX)
    client_ask_in (sa, ASK_AGAIN_MS);
}

static void
keep (IkeSa *sa, Seat *seat, const IkeNotify *notify, guint32 lifetime_s)
{
  Session *session = session_of (sa, seat->method);

  if (!session)
    return;
  ticket_free (seat->ticket);
  session->proven_s = seat->proven_s;
  seat->ticket = g_new0 (Ticket, 1);
  seat->ticket->conn = ike_conn_ref (ike_sa_conn (sa));
  seat->ticket->session = session;
  seat->ticket->bytes = g_bytes_new (notify->data + 4, notify->len - 4);
  seat->ticket->expires_us = ike_sa_now_us (sa) + (gint64) lifetime_s * G_USEC_PER_SEC;
  seat->n_asked = 0;
  client_ask_in (sa, MAX (lifetime_s / 5 * 4, LEAST_S) * 1000ull);
}

/* RFC 5723, 7.1: "The four octet Lifetime field contains a relative time value, the number of
 * seconds until the ticket expires". */
static void
take_ticket (IkeSa *sa, Seat *seat, const IkeNotify *notify)
{
  IkeReader r;
  guint32 lifetime_s;

  ike_reader_init (&r, notify->data, notify->len);
  lifetime_s = ike_reader_u32 (&r);
  lifetime_s = MIN (lifetime_s, MOST_S);
  if (!r.failed && lifetime_s && ike_reader_left (&r))
    keep (sa, seat, notify, lifetime_s);
}

void
client_heard (Resumption *self, IkeSa *sa, const IkeExchange *x)
{
  const IkeNotify *notify = ike_exchange_record (x, N_TICKET_LT_OPAQUE, 0);

  if (notify)
    take_ticket (sa, seat_of (self, sa), notify);
  else if (ike_exchange_record (x, N_TICKET_ACK, 0))
    come_back (sa, seat_of (self, sa));
}
