/* SPDX-License-Identifier: Apache-2.0 */
/* resumption.c - the plugin `resumption`: an IKE SA that was lost comes up again with a ticket,
 * without a key exchange, a signature or a user who types a password (RFC 5723).
 *
 * Whoever began an IKE SA (the client) asks for a ticket in IKE_AUTH, and again before it expires
 * and when the SA was replaced. The ticket stays with the SA. When that is lost - its peer did not
 * answer - the next attempt begins with IKE_SESSION_RESUME; when it is closed by either end, the
 * ticket goes with it. A peer that does not take the ticket, or does not answer that exchange,
 * gets IKE_SA_INIT.
 *
 * Whoever answered (the gateway) gives tickets by value, all that it needs sealed under a key of
 * its own or of a group of gateways, or by reference, all that it needs kept here, and in a queue
 * where one is. It remembers nothing of tickets by value but those that were used or whose SA was
 * closed, so many at most: after a restart, or at another gateway of the group, the owner of a
 * used ticket could use it again until it expires. */
#include "config.h"
#include "resumption.h"
#include <ikebana/error.h>
#include <ikebana/log.h>
#include <string.h>

/* -- seats */

Seat *
seat_find (const Resumption *self, const IkeSa *sa)
{
  return ike_sa_slot (sa, self->slot);
}

static gint64
proven_s (const IkeSa *sa)
{
  gint64 established = ike_sa_established_us (sa), now = ike_sa_now_us (sa);

  return (ike_engine_wall_us (ike_sa_engine (sa)) - (established ? now - established : 0))
         / G_USEC_PER_SEC;
}

Seat *
seat_of (Resumption *self, IkeSa *sa)
{
  const IkeConn *conn = ike_sa_conn (sa);
  Seat *seat = seat_find (self, sa);

  if (!seat) {
    seat = g_new0 (Seat, 1);
    seat->self = self;
    ike_sa_set_slot (sa, self->slot, seat);
  }
  if (!seat->method && conn && ike_sa_state (sa) >= IKE_SA_ESTABLISHED) {
    seat->proven_s = proven_s (sa);
    seat->method = g_strdup (conn->n_remote ? conn->remote[0].auth : "");
  }
  return seat;
}

/* A ticket that nobody answered may be presented again. */
static void
seat_free (gpointer data)
{
  Seat *seat = data;

  if (seat->presented)
    client_lost (seat->self, seat->presented);
  ticket_free (seat->ticket);
  session_free (seat->session);
  g_free (seat->method);
  g_free (seat);
}

/* RFC 5723, 6.2: "When the IKE SA is rekeyed, the ticket is invalidated". */
static gpointer
seat_inherit (IkeSa *from, IkeSa *to, gpointer data)
{
  const Seat *old = data;
  Seat *seat = g_new0 (Seat, 1);

  seat->self = old->self;
  seat->proven_s = old->proven_s;
  seat->certs_end_s = old->certs_end_s;
  seat->method = g_strdup (old->method);
  return seat;
}

/* The gateway that sent us elsewhere has not opened it; of the same group, the other one can. */
static gpointer
seat_restart (IkeSa *from, IkeSa *to, gpointer data)
{
  Seat *seat = data;

  if (seat->presented)
    client_lost (seat->self, g_steal_pointer (&seat->presented));
  return NULL;
}

static const IkeSlotClass seat_slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "resumption",
  .destroy = seat_free,
  .inherit = seat_inherit,
  .restart = seat_restart,
  .share = seat_inherit,
};

/* Whoever is to be asked about each peer is not asked about one that is resumed. */
static gboolean
is_anybody_asked (const Resumption *self)
{
  guint n;

  ike_feature_list (self->engine, "authorizer", &n);
  return n > 0;
}

gboolean
resumption_is_on (const Resumption *self, const IkeConn *conn)
{
  return conn && ike_option_uint (conn->options, self->option) && !is_anybody_asked (self);
}

/* -- what becomes of SAs */

static void
revoke_given (Resumption *self, const IkeSa *sa, const Seat *seat)
{
  if (seat->granted_s > ike_engine_wall_us (self->engine) / G_USEC_PER_SEC)
    store_revoke (self->store, ike_sa_spi (sa, TRUE), ike_sa_spi (sa, FALSE), seat->granted_s);
}

static void
came_up (Resumption *self, IkeSa *sa)
{
  Seat *seat = seat_of (self, sa);

  if (!ike_sa_was_ours (sa))
    return;
  g_clear_pointer (&seat->presented, ticket_free);
  client_forget (self, ike_sa_conn (sa));
}

static void
note_addresses (const IkeSa *sa, Addresses *had)
{
  const IkeAddr *addrs = ike_sa_virtual_ips (sa, TRUE, &had->n);

  for (guint i = 0; i < had->n; i++)
    had->addrs[i] = addrs[i];
}

/* The gateway may have sent its Delete when it ended: it goes on with the tickets that it gave. */
static void
went_down (Resumption *self, IkeSa *sa, Seat *seat)
{
  IkeEnding ending = ike_sa_ending (sa);

  if (seat->ticket && ending == IKE_END_DEAD) {
    note_addresses (sa, &seat->ticket->had);
    client_lost (self, g_steal_pointer (&seat->ticket));
  }
  if (ending != IKE_END_DEAD && ending != IKE_END_SHUTDOWN)
    revoke_given (self, sa, seat);
}

static IkeHookVerdict
on_updown (IkePlugin *plugin, IkeSa *sa, IkeUpDownEvent *event)
{
  Resumption *self = ike_plugin_state (plugin);
  Seat *seat = seat_find (self, sa);

  if (event->is_up && resumption_is_on (self, ike_sa_conn (sa)))
    came_up (self, sa);
  else if (event->is_up)
    ike_sa_set_slot (sa, self->slot, NULL);
  else if (!event->is_up && seat)
    went_down (self, sa, seat);
  return IKE_HOOK_PASS;
}

/* A ticket stands for the proof, so it is good no longer than the chain that the proof was made
 * with. */
static IkeHookVerdict
on_certificate (IkePlugin *plugin, IkeSa *sa, IkeCertificateEvent *event)
{
  Resumption *self = ike_plugin_state (plugin);
  Seat *seat = self->pki && !ike_sa_was_ours (sa) ? seat_of (self, sa) : NULL;

  for (guint i = 0; seat && i < event->n; i++) {
    gint64 end = self->pki->cert_info (event->chain[i])->not_after;
    seat->certs_end_s = seat->certs_end_s ? MIN (seat->certs_end_s, end) : end;
  }
  return IKE_HOOK_PASS;
}

/* A moment later, when the peer surely uses the new SA. */
static IkeHookVerdict
on_rekeyed (IkePlugin *plugin, IkeSa *sa, IkeRekeyEvent *event)
{
  Resumption *self = ike_plugin_state (plugin);
  Seat *old = seat_find (self, event->old);

  if (old && ike_sa_was_ours (sa))
    g_clear_pointer (&old->ticket, ticket_free);
  else if (old)
    revoke_given (self, event->old, old);
  if (ike_sa_was_ours (sa) && resumption_is_on (self, ike_sa_conn (sa)))
    client_ask_in (sa, 1000);
  return IKE_HOOK_PASS;
}

/* Whoever tells clients when to authenticate is to know that a part of the time is over. */
static IkeHookVerdict
on_proof_limit (IkePlugin *plugin, IkeSa *sa, IkeProofLimitEvent *event)
{
  const Seat *seat = seat_find (ike_plugin_state (plugin), sa);
  guint64 left = seat && seat->is_resumed ? ike_sa_ends_in (sa) : 0;

  if (left && (!event->seconds || left < event->seconds))
    event->seconds = left;
  return IKE_HOOK_PASS;
}

/* RFC 5723, 5, note 5: "The client can request the address it was using earlier". */
static IkeHookVerdict
on_request (IkePlugin *plugin, IkeSa *sa, IkeRequestEvent *event)
{
  const Seat *seat = seat_find (ike_plugin_state (plugin), sa);

  for (guint i = 0; seat && i < seat->had.n && event->n_wishes < IKE_VIRTUAL_IPS_MAX; i++)
    event->wishes[event->n_wishes++] = seat->had.addrs[i];
  return IKE_HOOK_PASS;
}

/* In seconds: how long the ticket is good that the client has, or that the gateway gave. */
static IkeHookVerdict
describe (IkePlugin *plugin, IkeSa *sa, IkeDescribeEvent *event)
{
  const Resumption *self = ike_plugin_state (plugin);
  const Seat *seat = seat_find (self, sa);
  gint64 given_s;

  if (!seat)
    return IKE_HOOK_PASS;
  ike_tree_set_bool (event->tree, "resumed", seat->is_resumed);
  if (seat->ticket)
    ike_tree_set_int (event->tree, "ticket",
                      MAX (seat->ticket->expires_us - ike_sa_now_us (sa), 0) / G_USEC_PER_SEC);
  given_s = seat->granted_s - ike_engine_wall_us (self->engine) / G_USEC_PER_SEC;
  if (given_s > 0)
    ike_tree_set_int (event->tree, "ticket-given", given_s);
  return IKE_HOOK_PASS;
}

/* -- the plugin */

static void
read_options (IkePlugin *plugin, Resumption *self)
{
  atomic_store (&self->lifetime_s,
                MIN (ike_plugin_option_uint (plugin, "lifetime"), (guint64) G_MAXINT32));
  atomic_store (&self->max_age_s,
                MIN (ike_plugin_option_uint (plugin, "max_age"), (guint64) G_MAXINT32));
  atomic_store (&self->rotation_s,
                MIN (ike_plugin_option_uint (plugin, "key_rotation"), (guint64) G_MAXINT32));
  atomic_store (&self->by_reference,
                !g_strcmp0 (ike_plugin_option (plugin, "tickets"), "reference"));
}

/* A ticket is to be good for a while. */
static gboolean
check_times (IkePlugin *plugin, GError **error)
{
  static const char *const names[] = { "lifetime", "max_age" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (!ike_plugin_option_uint (plugin, names[i])) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                   "plugins.resumption.%s = 0: no ticket would ever be good; set a time, and "
                   "resumption = no where there are to be none",
                   names[i]);
      return FALSE;
    }
  return TRUE;
}

static gboolean
reload_check (IkePlugin *plugin, GError **error)
{
  Resumption *self = ike_plugin_state (plugin);
  const char *file = ike_plugin_option (plugin, "key_file");

  if (!check_times (plugin, error))
    return FALSE;
  self->next_ring.n = 0;
  return !file || !*file || key_ring_load (&self->next_ring, file, error);
}

static void
reload_commit (IkePlugin *plugin)
{
  Resumption *self = ike_plugin_state (plugin);

  if (self->next_ring.n)
    key_ring_take (&self->ring, &self->next_ring);
  else
    key_ring_forget (&self->ring);
  read_options (plugin, self);
}

static void
resumption_free (gpointer data)
{
  Resumption *self = data;

  g_hash_table_unref (self->lost);
  store_free (self->store);
  key_ring_clear (&self->ring);
  key_ring_clear (&self->next_ring);
  pthread_mutex_destroy (&self->lock);
  g_free (self);
}

static void
count_things (Resumption *self)
{
  self->count.given = ike_counter (self->engine, "resumption.given");
  self->count.resumed = ike_counter (self->engine, "resumption.resumed");
  self->count.refused = ike_counter (self->engine, "resumption.refused");
  self->count.fell_back = ike_counter (self->engine, "resumption.fell-back");
}

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  Resumption *self = g_new0 (Resumption, 1);
  guint n;
  const IkeProvided *const *sources;
  const IkeProvided *pki;

  self->engine = ike_plugin_engine (plugin);
  pthread_mutex_init (&self->lock, NULL);
  key_ring_init (&self->ring);
  key_ring_init (&self->next_ring);
  self->lost =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) ticket_free);
  self->store = store_new (self->engine, (guint) ike_plugin_option_uint (plugin, "remembered"),
                           ike_feature_find (self->engine, "queue:tickets", NULL));
  sources = ike_feature_list (self->engine, "ticket-keys", &n);
  self->keys_by = n ? sources[0] : NULL;
  pki = ike_feature_find (self->engine, "service:pki", NULL);
  self->pki = pki ? pki->ops : NULL;
  self->slot = ike_slot_register (plugin, &seat_slot);
  self->on_limit = ike_hook_point (self->engine, "proof-limit");
  self->on_authorize = ike_hook_point (self->engine, "authorize");
  count_things (self);
  ike_plugin_set_state (plugin, self, resumption_free);
  if (!reload_check (plugin, error))
    return FALSE;
  reload_commit (plugin);
  store_load (self->store);
  return ike_option_find (self->engine, "connection/resumption", &self->option, error)
         && ike_ike_updown_hook_add (plugin, "resumption", NULL, on_updown, error)
         && ike_rekey_hook_add (plugin, "resumption", NULL, on_rekeyed, error)
         && ike_proof_limit_hook_add (plugin, "resumption", NULL, on_proof_limit, error)
         && ike_certificate_hook_add (plugin, "resumption", NULL, on_certificate, error)
         && ike_request_hook_add (plugin, "resumption", NULL, on_request, error)
         && ike_describe_hook_add (plugin, "resumption", NULL, describe, error);
}

#define NOTIFY(symbol, name, number, least, most, where)                                           \
  static const IkeNotifyClass symbol##_class = { .struct_size = sizeof (IkeNotifyClass),           \
                                                 .type = number,                                   \
                                                 .min_len = least,                                 \
                                                 .max_len = most,                                  \
                                                 .max_count = 1,                                   \
                                                 .exchanges = where };                             \
  static const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                 \
                                               .provides = "notify:" name,                         \
                                               .ops = &symbol##_class }
NOTIFY (lt_opaque, "TICKET_LT_OPAQUE", N_TICKET_LT_OPAQUE, 5, 16384,
        "IKE_AUTH CREATE_CHILD_SA INFORMATIONAL");
NOTIFY (request, "TICKET_REQUEST", N_TICKET_REQUEST, 0, 0,
        "IKE_AUTH CREATE_CHILD_SA INFORMATIONAL");
NOTIFY (ack, "TICKET_ACK", N_TICKET_ACK, 0, 0, "IKE_AUTH CREATE_CHILD_SA INFORMATIONAL");
NOTIFY (nack, "TICKET_NACK", N_TICKET_NACK, 0, 0,
        "IKE_SESSION_RESUME IKE_AUTH CREATE_CHILD_SA INFORMATIONAL");
NOTIFY (opaque, "TICKET_OPAQUE", N_TICKET_OPAQUE, 1, 16384, "IKE_SESSION_RESUME");

#define OPTION(symbol, where, kind, value, about)                                                  \
  static const IkeOptionInfo option_##symbol = { .struct_size = sizeof (IkeOptionInfo),            \
                                                 .path = where,                                    \
                                                 .type = kind,                                     \
                                                 .fallback = value,                                \
                                                 .doc = about }
OPTION (on, "connection/resumption", "bool", "no",
        "Tickets: who began the IKE SA asks for one, and resumes with it what was lost; who "
        "answered gives and takes them.");
OPTION (tickets, "plugin/tickets", "enum:value|reference", "value",
        "What a ticket is: all that is needed, sealed, or a name for what is kept here.");
OPTION (lifetime, "plugin/lifetime", "time", "1h",
        "How long a ticket is good; never longer than the IKE SA, or the authentication, would "
        "have been.");
OPTION (max_age, "plugin/max_age", "time", "1d",
        "How long after an authentication tickets that go back to it are given and taken.");
OPTION (key_file, "plugin/key_file", "string", NULL,
        "Keys that gateways share, a line each: ID of 16 hex digits, key of 64. The first seals, "
        "all open. Without it keys are random and this daemon's own.");
OPTION (rotation, "plugin/key_rotation", "time", "1d",
        "How long a random key seals tickets; it opens them longer.");
OPTION (remembered, "plugin/remembered", "uint", "100000",
        "How many tickets by reference are kept at most, and of how many used or closed SAs it is "
        "remembered that their tickets are not good.");

static const IkeOptionInfo *const options[] = { &option_on,         &option_tickets,
                                                &option_lifetime,   &option_max_age,
                                                &option_key_file,   &option_rotation,
                                                &option_remembered, NULL };
static const IkeFeature *const features[] = {
  &resume_exchange_feature,
  &resume_task_feature,
  &resume_gate_feature,
  &resume_auth_feature,
  &ticket_task_feature,
  &ticket_operation_feature,
  &lt_opaque_feature,
  &request_feature,
  &ack_feature,
  &nack_feature,
  &opaque_feature,
  NULL,
};

static const IkeFeatureKind queue_kind = {
  sizeof (IkeFeatureKind), "queue", 1, 0, sizeof (IkeQueueClass), sizeof (IkeQueueClass)
};
static const IkeFeatureKind keys_kind = {
  sizeof (IkeFeatureKind),    "ticket-keys", 1, 0, sizeof (IkeTicketKeysClass),
  sizeof (IkeTicketKeysClass)
};
static const IkeFeatureKind *const kinds[] = { &queue_kind, &keys_kind, NULL };

IKE_PLUGIN (ike_plugin, "resumption", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "session resumption by tickets (RFC 5723)", .features = features,
            .kinds = kinds, .options = options, .activate = activate, .reload_check = reload_check,
            .reload_commit = reload_commit);
