/* SPDX-License-Identifier: Apache-2.0 */
/* known.c - the SAs of each connection, on the control loop; and of two that both ends began at the
 * same time one too many. */
#include "sa/elsewhere.h"
#include "sa/known.h"

IkeKnown *
ike_known_of (IkeEngine *engine, const char *conn)
{
  GHashTable *table = engine->sas->by_conn;
  IkeKnown *known = g_hash_table_lookup (table, conn);

  if (!known) {
    known = g_new0 (IkeKnown, 1);
    known->engine = engine;
    known->waiting = g_ptr_array_new ();
    g_hash_table_insert (table, g_strdup (conn), known);
  }
  return known;
}

void
ike_known_free (gpointer data)
{
  IkeKnown *known = data;

  while (known->n)
    g_free (known->sas[--known->n].peer);
  g_free (known->sas);
  g_free (known->addrs);
  g_ptr_array_unref (known->waiting);
  g_free (known->why);
  g_free (known);
}

static IkeKnownSa *
find (IkeKnown *known, guint64 serial)
{
  guint i;

  for (i = 0; i < known->n; i++)
    if (known->sas[i].sa.serial == serial)
      return &known->sas[i];
  return NULL;
}

void
ike_known_forget (IkeKnown *known, guint64 serial)
{
  IkeKnownSa *sa = find (known, serial);

  if (!sa)
    return;
  g_free (sa->peer);
  known->n--;
  memmove (sa, sa + 1, (gsize) ((guint8 *) &known->sas[known->n] - (guint8 *) sa));
}

void
ike_known_add (IkeKnown *known, const IkeKnownSa *sa)
{
  ike_known_forget (known, sa->sa.serial);
  if (known->n == IKE_KNOWN_SAS_MAX)
    g_free (known->sas[--known->n].peer);
  known->sas = g_renew (IkeKnownSa, known->sas, known->n + 1);
  memmove (&known->sas[1], &known->sas[0], known->n * sizeof known->sas[0]);
  known->sas[0] = *sa;
  known->n++;
}

void
ike_known_rewind (IkeKnown *known)
{
  known->host = known->n_addrs = known->addr = 0;
  known->was_silent = FALSE;
  g_clear_pointer (&known->addrs, g_free);
}

void
ike_known_set_addrs (IkeKnown *known, const IkeAddr *addrs, guint n)
{
  g_free (known->addrs);
  known->n_addrs = MIN (n, IKE_KNOWN_ADDRS_MAX);
  known->addrs = g_memdup2 (addrs, known->n_addrs * sizeof *addrs);
  known->addr = 0;
}

gboolean
ike_conn_has_address (const IkeConn *conn)
{
  guint i;

  for (i = 0; i < conn->n_remote_addrs; i++)
    if (conn->remote_addrs[i].kind == 1 || conn->remote_addrs[i].kind == 4)
      return TRUE;
  return FALSE;
}

/* -- twins */

static void
end_twin (IkeSa *sa, gpointer data)
{
  if (sa->state != IKE_SA_ESTABLISHED)
    return;
  ike_sa_ends (sa, IKE_END_TWIN);
  ike_sa_progress (sa, IKE_LOG_NOTICE,
                   "both ends began at the same time; the other IKE SA stays, this one goes");
  if (!ike_sa_begin (sa, "delete", NULL, NULL, NULL))
    ike_sa_destroy (sa, "both ends began at the same time");
}

static const IkeJobClass twin_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "IKE SA too many",
  .lane = IKE_LANE_ESTABLISHED,
  .run = end_twin,
};

/* Each was on its way before the other was up: so neither end could have known. */
static gboolean
are_twins (const IkeKnownSa *a, const IkeKnownSa *b)
{
  return a->is_up && b->is_up && a->nonce_len && b->nonce_len && a->is_initiator != b->is_initiator
         && a->created_us <= b->up_us && b->created_us <= a->up_us && !g_strcmp0 (a->peer, b->peer);
}

static gboolean
is_lower (const IkeKnownSa *a, const IkeKnownSa *b)
{
  int order = memcmp (a->nonce, b->nonce, MIN (a->nonce_len, b->nonce_len));

  return order ? order < 0 : a->nonce_len < b->nonce_len;
}

/* RFC 7296, 2.8.1, of SAs that both ends rekeyed: "the SA created with the lowest of the four
 * nonces used in the two exchanges SHOULD be closed by the endpoint that created it".  It serves
 * as well for two that both ends began; a peer that knows no such rule keeps both. */
static void
settle_twins (IkeKnown *known, guint64 newest)
{
  guint i;

  for (i = 0; i < known->n; i++) {
    IkeKnownSa *sa = find (known, newest), *other = &known->sas[i], *loser, winner;
    if (!sa || other == sa || !are_twins (sa, other))
      continue;
    loser = is_lower (sa, other) ? sa : other;
    winner = loser == sa ? *other : *sa;
    /* The lane of established SAs refuses nothing. */
    if (loser->is_initiator)
      (void) !ike_sa_post (known->engine, loser->sa, &twin_job, NULL);
    winner.peer = g_strdup (winner.peer);
    ike_known_add (known, &winner);
    return;
  }
}

/* -- what SAs say */

typedef struct {
  IkeEngine *engine;
  char *conn;
  IkeKnownSa sa;
} Note;

static void
note_free (gpointer data)
{
  Note *note = data;

  g_free (note->conn);
  g_free (note->sa.peer);
  g_free (note);
}

/* The round through the addresses is where it was: what is up may be sent elsewhere, where nobody
 * is.  The next `up' begins a new one. */
static void
remember_up (gpointer data)
{
  Note *note = data;
  IkeKnown *known = ike_known_of (note->engine, note->conn);

  ike_known_add (known, &note->sa);
  note->sa.peer = NULL;
  settle_twins (known, note->sa.sa.serial);
}

static void
take_lower_nonce (const IkeInit *init, IkeKnownSa *to)
{
  IkeKnownSa i = { 0 }, r = { 0 };
  const IkeKnownSa *lower;

  if (!init || !init->nonce_i || !init->nonce_r)
    return;
  i.nonce_len = MIN (init->nonce_i_len, sizeof i.nonce);
  r.nonce_len = MIN (init->nonce_r_len, sizeof r.nonce);
  memcpy (i.nonce, init->nonce_i, i.nonce_len);
  memcpy (r.nonce, init->nonce_r, r.nonce_len);
  lower = is_lower (&i, &r) ? &i : &r;
  memcpy (to->nonce, lower->nonce, lower->nonce_len);
  to->nonce_len = lower->nonce_len;
}

/* It is up, whoever began it.  To a connection without an address nobody says `up`, and it may have
 * any number of peers. */
void
ike_initiate_remember (IkeSa *sa)
{
  IkeEngine *engine = sa->shard->manager->engine;
  char peer[256];
  Note *note;

  if (!sa->conn || !ike_conn_has_address (sa->conn))
    return;
  note = g_new0 (Note, 1);
  note->engine = engine;
  note->conn = g_strdup (sa->conn->name);
  note->sa = (IkeKnownSa){ .sa = ike_sa_ref (sa),
                           .is_up = TRUE,
                           .is_initiator = sa->is_initiator,
                           .created_us = sa->created_us,
                           .up_us = sa->established_us };
  if (sa->remote_id)
    note->sa.peer = g_strdup (ike_ident_format (sa->remote_id, peer, sizeof peer));
  take_lower_nonce (sa->init, &note->sa);
  ike_loop_post (ike_engine_control (engine), remember_up, note, note_free);
}

/* -- what began elsewhere */

typedef struct {
  IkeEngine *engine;
  char *conn;
  guint64 old;
  IkeKnownSa sa;
} Moved;

static void
remember_moved (gpointer data)
{
  const Moved *moved = data;
  IkeKnown *known = ike_known_of (moved->engine, moved->conn);

  ike_known_forget (known, moved->old);
  ike_known_add (known, &moved->sa);
  if (known->made == moved->old)
    known->made = moved->sa.sa.serial;
}

static void
moved_free (gpointer data)
{
  g_free (((Moved *) data)->conn);
  g_free (data);
}

void
ike_initiate_moved (IkeSa *old, IkeSa *next)
{
  Moved *moved = g_new0 (Moved, 1);

  moved->engine = next->shard->manager->engine;
  moved->conn = g_strdup (next->conn->name);
  moved->old = old->serial;
  moved->sa = (IkeKnownSa){ .sa = ike_sa_ref (next),
                            .is_initiator = TRUE,
                            .created_us = next->created_us };
  ike_loop_post (ike_engine_control (moved->engine), remember_moved, moved, moved_free);
}
