/* SPDX-License-Identifier: Apache-2.0 */
/* gateway.c - tickets are given, and those that come back are judged. */
#include "resumption.h"
#include "ticket.h"
#include <string.h>

enum { LEAST_S = 60, CANDIDATES_MAX = 16, DATAGRAM_MAX = 1200 };

/* -- until when */

static gint64
wall_s (const Resumption *self)
{
  return ike_engine_wall_us (self->engine) / G_USEC_PER_SEC;
}

static gint64
sooner (gint64 a, gint64 b)
{
  return !b ? a : MIN (a, b);
}

/* When the SA ends unless its peer authenticates anew: as the core knows it, and as others do. */
static gint64
end_of_proof (Resumption *self, IkeSa *sa, const Seat *seat)
{
  guint64 left_s = ike_sa_ends_in (sa);
  IkeProofLimitEvent limit = { sizeof limit, ike_sa_conn (sa)->reauth_time };
  gint64 end = left_s ? wall_s (self) + (gint64) left_s : 0;

  ike_proof_limit_hook_emit (self->on_limit, sa, &limit);
  if (!limit.seconds)
    return end;
  return sooner (seat->proven_s + (gint64) MIN (limit.seconds, G_MAXUINT32), end);
}

/* RFC 5723, 6.2: "The lifetime of the ticket sent by the gateway SHOULD be the minimum of the IKE
 * SA lifetime (per the gateway's local policy) and its re-authentication time, according to
 * [RFC4478]. Even if neither of these are enforced by the gateway, a finite lifetime MUST be
 * specified". */
static void
set_ends (Resumption *self, IkeSa *sa, const Seat *seat, Session *session)
{
  const IkeConn *conn = ike_sa_conn (sa);
  gint64 now = wall_s (self), expires = now + (gint64) atomic_load (&self->lifetime_s);

  session->proven_s = seat->proven_s;
  session->ends_s = end_of_proof (self, sa, seat);
  session->certs_end_s = seat->certs_end_s;
  if (conn->rekey_time)
    expires = MIN (expires, now + (gint64) (conn->rekey_time + conn->over_time));
  expires = sooner (sooner (expires, session->ends_s), session->certs_end_s);
  session->expires_s = MIN (expires, seat->proven_s + (gint64) atomic_load (&self->max_age_s));
}

/* -- giving one */

static gboolean
current_key (Resumption *self, IkeTicketKey *key)
{
  const IkeProvided *by = self->keys_by;

  return by ? ((const IkeTicketKeysClass *) by->ops)->current (by->plugin, key)
            : key_ring_current (&self->ring, self->engine, atomic_load (&self->rotation_s), key);
}

static gboolean
write_ticket (Resumption *self, const Session *session, IkeWriter *w)
{
  guint8 ref[STORE_REF_LEN];
  IkeTicketKey key;
  gboolean is_good;

  if (atomic_load (&self->by_reference)) {
    if (!store_keep (self->store, session, ref))
      return FALSE;
    ticket_write_ref (w, ref);
    return !w->failed;
  }
  is_good = current_key (self, &key) && ticket_seal (self->engine, &key, session, w);
  ike_wipe (&key, sizeof key);
  return is_good;
}

/* RFC 5723, 4.1: "it returns an N(TICKET_ACK), if it cannot grant a ticket immediately, e.g., due
 * to packet size limitations. In this case, the client MAY request a ticket later using an
 * Informational exchange". */
static gboolean
is_too_long (const IkeSa *sa, const IkeExchange *x, const IkeWriter *out, gsize len)
{
  return strcmp (ike_exchange_name (x), "INFORMATIONAL") != 0 && !ike_sa_has_fragmentation (sa)
         && out->len + len > DATAGRAM_MAX;
}

static void
grant (Resumption *self, IkeSa *sa, Seat *seat, const Session *session, IkeWriter *out,
       IkeExchange *x)
{
  guint8 body[4 + TICKET_MAX];
  IkeWriter w;

  ike_writer_init (&w, body, sizeof body);
  ike_writer_u32 (&w, (guint32) (session->expires_s - wall_s (self)));
  if (!write_ticket (self, session, &w)) {
    ike_notify_write (out, 0, N_TICKET_NACK, NULL, 0, NULL, 0);
    return;
  }
  if (is_too_long (sa, x, out, w.len)) {
    ike_notify_write (out, 0, N_TICKET_ACK, NULL, 0, NULL, 0);
    return;
  }
  seat->granted_s = MAX (seat->granted_s, session->expires_s);
  ike_counter_add (self->engine, self->count.given, 1);
  ike_notify_write (out, 0, N_TICKET_LT_OPAQUE, NULL, 0, body, w.len);
}

/* "When an IKEv2 responder receives a request for a ticket using the N(TICKET_REQUEST) payload, it
 * MUST perform one of the following operations if it supports the extension". */
void
gateway_answer (Resumption *self, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  Seat *seat = seat_of (self, sa);
  g_autoptr (Session) session = NULL;

  /* The SA that is being made has no keys yet, and this one gives no tickets any more. */
  if (!strcmp (ike_exchange_name (x), "CREATE_CHILD_SA")) {
    ike_notify_write (out, 0, N_TICKET_ACK, NULL, 0, NULL, 0);
    return;
  }
  /* What a plugin has of it once only, such as an account, a resumed one would not have. */
  if (resumption_is_on (self, ike_sa_conn (sa)) && !ike_sa_was_ours (sa)
      && !ike_sa_stands_alone (sa))
    session = session_of (sa, seat->method);
  if (session)
    set_ends (self, sa, seat, session);
  if (session && session->expires_s - wall_s (self) >= LEAST_S)
    grant (self, sa, seat, session, out, x);
  else
    ike_notify_write (out, 0, N_TICKET_NACK, NULL, 0, NULL, 0);
}

/* -- one that comes back */

static Session *
open_value (Resumption *self, const TicketView *view, const char **why)
{
  const IkeProvided *by = self->keys_by;
  Session *session;
  IkeTicketKey key;

  *why = "it is sealed with a key that is not here: it was replaced, is another gateway's, or is "
         "from before a restart; see plugins.resumption.key_file";
  if (!(by ? ((const IkeTicketKeysClass *) by->ops)->find (by->plugin, view->key_id, &key)
           : key_ring_find (&self->ring, view->key_id, &key)))
    return NULL;
  *why = "it is not what was sealed";
  session = ticket_open (self->engine, &key, view);
  ike_wipe (&key, sizeof key);
  return session;
}

static Session *
open_any (Resumption *self, const guint8 *data, gsize len, const char **why)
{
  TicketView view;

  *why = "it is no ticket of this daemon";
  if (!ticket_read (data, len, &view))
    return NULL;
  if (view.kind == TICKET_KIND_VALUE)
    return open_value (self, &view, why);
  *why = "nothing is known by that reference: it was used, or has expired";
  return store_find (self->store, view.ref);
}

static gboolean
is_good (Resumption *self, const Session *session, const char **why)
{
  gint64 now = wall_s (self);

  *why = "it has expired";
  if (session->expires_s <= now || (session->ends_s && session->ends_s <= now)
      || now - session->proven_s > (gint64) atomic_load (&self->max_age_s))
    return FALSE;
  /* RFC 5723, 4.3.2: "One such case is when the responder receives a ticket for an IKE SA that has
   * previously been terminated on the responder itself". */
  *why = "it was used, or its IKE SA was closed";
  return !store_is_revoked (self->store, session->spi_i, session->spi_r);
}

static gboolean
would_take (IkeEngine *engine, const IkeConn *conn, const Session *session, const char **why)
{
  IkeProposal chosen = { .number = 1, .protocol = IKE_PROTOCOL_IKE };
  guint8 sections[SESSION_SECTIONS_LEN];
  IkeChoice choice;

  *why = "its connection asks for another authentication by now";
  if (!session_sections (engine, conn, sections)
      || !ike_equal (sections, session->sections, sizeof sections))
    return FALSE;
  for (guint i = 1; i < IKE_TRANSFORM_TYPES; i++)
    if (session->choice.chosen[i].type)
      chosen.transforms[chosen.n_transforms++] = session->choice.chosen[i];
  *why = "its connection does not take its algorithms any more";
  return ike_proposals_select (conn->proposals, &chosen, 1, 0, &choice);
}

IkeConn *
gateway_conn (Resumption *self, const IkeAddr *local, const IkeAddr *remote, const Session *session,
              const char **why)
{
  g_autoptr (IkeConfig) config = ike_engine_config (self->engine);
  IkeConn *found[CANDIDATES_MAX];
  guint n = config ? ike_config_match (config, 2, local, remote, session->id_r, session->id_i,
                                       found, CANDIDATES_MAX, NULL)
                   : 0;

  *why = "its connection is not there any more, or not for this address and these identities";
  for (guint i = 0; i < n; i++) {
    if (strcmp (found[i]->name, session->conn) != 0)
      continue;
    if (!resumption_is_on (self, found[i])) {
      *why = "its connection has not resumption = yes, or an authorizer is to be asked about each "
             "peer";
      return NULL;
    }
    return would_take (self->engine, found[i], session, why) ? ike_conn_ref (found[i]) : NULL;
  }
  return NULL;
}

Session *
gateway_open (Resumption *self, const IkeAddr *local, const IkeAddr *remote, const guint8 *data,
              gsize len, const char **why)
{
  g_autoptr (Session) session = open_any (self, data, len, why);
  g_autoptr (IkeConn) conn = NULL;

  if (!session || !is_good (self, session, why))
    return NULL;
  conn = gateway_conn (self, local, remote, session, why);
  return conn ? g_steal_pointer (&session) : NULL;
}

/* -- it is used */

typedef struct {
  IkeEngine *engine;
  guint shard;
  guint64 ours, theirs;
} Old;

/* RFC 5723, 4.3.4: "When the responder receives a ticket for an IKE SA that is still active and if
 * the responder accepts it (i.e., following successful completion of the IKE_AUTH exchange), the
 * old SA SHOULD be silently deleted without sending a DELETE informational exchange." */
static void
forget_old (gpointer data)
{
  const Old *old = data;
  IkeSa *sa = ike_sa_by_spi (old->engine, old->shard, old->ours);

  if (sa && ike_sa_spi (sa, TRUE) + ike_sa_spi (sa, FALSE) == old->ours + old->theirs)
    ike_sa_destroy (sa, "its client resumed it");
}

/* Of the two SPIs one was chosen here, or by another gateway, and names the shard. */
static void
look_for_old (IkeEngine *engine, guint64 ours, guint64 theirs)
{
  Old *old = g_new (Old, 1);

  *old = (Old){ engine, ike_engine_buckets (engine)[ours >> 56], ours, theirs };
  if (old->shard < ike_engine_n_shards (engine))
    ike_loop_post (ike_engine_shard (engine, old->shard), forget_old, old, g_free);
  else
    g_free (old);
}

gboolean
gateway_use (Resumption *self, IkeSa *sa, const Session *session)
{
  if (!store_revoke (self->store, session->spi_i, session->spi_r, session->expires_s))
    return FALSE;
  look_for_old (self->engine, session->spi_r, session->spi_i);
  look_for_old (self->engine, session->spi_i, session->spi_r);
  ike_counter_add (self->engine, self->count.resumed, 1);
  return TRUE;
}
