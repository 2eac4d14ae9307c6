/* SPDX-License-Identifier: Apache-2.0 */
/* dae.c - Disconnect- and CoA-Requests (RFC 5176): who may send them, and each of them once.
 *
 * What was answered is kept for as long as it could be sent again: the same request from the same
 * port gets the same answer, from another one none.  Only what is authentic gets as far as that
 * table, which is bounded all the same: when it is full, requests get a NAK and are not kept. */
#include <string.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include "client.h"

enum { TABLE_MAX = 65536, HANDLER_MS = 10000 };

typedef enum {
  REFUSED_SOURCE,
  REFUSED_MALFORMED,
  REFUSED_CODE,
  REFUSED_AUTHENTICATOR,
  REFUSED_MAC,
  REFUSED_TIMESTAMP,
  REFUSED_REPLAY,
  REFUSED_FULL,
  N_REFUSALS
} Refusal;

static const struct {
  const char *key, *text;
} refusals[N_REFUSALS] = {
  [REFUSED_SOURCE] = { "source", "nobody there may ask (plugins.radius.dae.clients)" },
  [REFUSED_MALFORMED] = { "malformed", "malformed" },
  [REFUSED_CODE] = { "code", "neither a Disconnect- nor a CoA-Request" },
  [REFUSED_AUTHENTICATOR] = { "authenticator", "its authenticator is wrong; is the secret the same "
                                               "at both ends?" },
  [REFUSED_MAC] = { "message-authenticator", "its Message-Authenticator is wrong, or missing" },
  [REFUSED_TIMESTAMP] = { "event-timestamp", "its Event-Timestamp is not of now, or missing" },
  [REFUSED_REPLAY] = { "replayed", "somebody else has sent it before" },
  [REFUSED_FULL] = { "full", "too many requests in too short a time" },
};

/* A request that was taken.  The key is its authenticator, which signs all of it. */
typedef struct {
  Dae *dae;
  const DaeClient *client;
  IkeAddr from;
  guint8 authenticator[RADIUS_AUTHENTICATOR_LEN];
  guint8 code, identifier;
  gboolean has_mac, is_pending;
  gint64 expires_us;
  IkeRadiusDynamic request;
  guint8 *attributes; /* NULL: nobody reads them any more */
  guint8 *answer;     /* NULL: there is none yet */
  gsize answer_len;
} Entry;

struct _Dae {
  Client *client;
  const DaeConf *conf;
  const IkeRadiusTransportClass *transport;
  gpointer socket;
  IkePlugin *handler;
  IkeRadiusDynamicFunc received;
  GHashTable *table; /* Entry by authenticator */
  GQueue order;      /* Entry, the oldest first */
  guint64 n_requests, n_acks, n_naks, n_repeated, n_refused[N_REFUSALS];
  guint32 c_requests, c_refused;
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->attributes);
  g_free (entry->answer);
  g_free (entry);
}

static guint
authenticator_hash (gconstpointer key)
{
  guint hash;

  memcpy (&hash, key, sizeof hash);
  return hash;
}

static gboolean
authenticator_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, RADIUS_AUTHENTICATOR_LEN) == 0;
}

/* -- answers */

static RadiusSecret
secret_of (const DaeClient *client)
{
  return (RadiusSecret){ ike_secret_blob_data (client->secret),
                         ike_secret_blob_len (client->secret) };
}

/* RFC 5176, 3.1: "If there are any Proxy-State attributes in a Disconnect-Request or CoA-Request
 * received from the Dynamic Authorization Client, the Dynamic Authorization Server MUST include
 * those Proxy-State attributes in its response". */
static void
add_proxy_states (IkeWriter *w, const Entry *entry)
{
  IkeRadiusIter iter;
  IkeRadiusAttribute attribute;

  ike_radius_iter_init (&iter, entry->request.attributes, entry->request.len);
  while (ike_radius_next (&iter, &attribute))
    if (attribute.vendor == 0 && attribute.type == IKE_RADIUS_PROXY_STATE)
      ike_radius_add (w, IKE_RADIUS_PROXY_STATE, attribute.value, attribute.len);
}

/* Disconnect and CoA: ACK is the request's code and one, NAK and two. */
static void
reply (Entry *entry, const IkeRadiusDynamicAnswer *answer)
{
  Dae *dae = entry->dae;
  guint8 code = (guint8) (entry->code + (answer->is_done ? 1 : 2));
  guint8 buffer[IKE_RADIUS_PACKET_MAX];
  IkeWriter w;

  ike_writer_init (&w, buffer, sizeof buffer);
  radius_begin (&w, code, entry->identifier, entry->has_mac);
  if (answer->error_cause)
    ike_radius_add_u32 (&w, IKE_RADIUS_ERROR_CAUSE, answer->error_cause);
  ike_writer_bytes (&w, answer->attributes, answer->len);
  add_proxy_states (&w, entry);
  if (!radius_end_response (&w, entry->authenticator, entry->has_mac, secret_of (entry->client)))
    return;
  dae->n_acks += answer->is_done;
  dae->n_naks += !answer->is_done;
  entry->answer = g_malloc (w.len);
  entry->answer_len = w.len;
  memcpy (entry->answer, w.data, w.len);
  if (dae->socket)
    dae->transport->send (dae->socket, &entry->from, entry->answer, entry->answer_len);
}

/* They are many times as long as what is kept of it. */
static void
forget_attributes (Entry *entry)
{
  g_clear_pointer (&entry->attributes, g_free);
  entry->request.attributes = NULL;
  entry->request.len = 0;
}

/* After a time-out the handler may still read the request. */
static void
handled (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Entry *entry = owner;
  IkeRadiusDynamicAnswer failed = { .error_cause = IKE_RADIUS_RESOURCES_UNAVAILABLE };

  entry->is_pending = FALSE;
  if (error)
    ike_log (entry->dae->client->engine, IKE_LOG_INFO, "radius",
             "a request of DAE client %s cannot be followed: %s", entry->client->name, error);
  reply (entry, result ? result : &failed);
  if (result)
    forget_attributes (entry);
  ike_radius_dynamic_answer_free (result);
}

static const IkeCallClass handle_class = {
  .struct_size = sizeof handle_class,
  .name = "DAE request",
  .timeout_ms = HANDLER_MS,
  .then = handled,
  .undo = ike_radius_dynamic_answer_free,
};

static void
hand_on (Entry *entry)
{
  Dae *dae = entry->dae;
  IkeRadiusDynamicAnswer nobody = { .error_cause = IKE_RADIUS_UNSUPPORTED_EXTENSION };

  if (!dae->received) {
    reply (entry, &nobody);
    forget_attributes (entry);
    return;
  }
  entry->is_pending = TRUE;
  dae->received (dae->handler, &entry->request,
                 ike_loop_call (dae->client->io, &handle_class, entry, NULL));
}

/* -- requests */

/* Those that could be accepted again are kept: a timestamp may be a window early, and is good for
 * one more. */
static void
forget_old (Dae *dae)
{
  gint64 now = ike_loop_now_us (dae->client->io);

  while (dae->order.head) {
    Entry *entry = dae->order.head->data;
    if (entry->expires_us > now || entry->is_pending)
      return;
    g_queue_pop_head (&dae->order);
    g_hash_table_remove (dae->table, entry->authenticator);
  }
}

/* Attributes are those of @packet. */
static void
entry_init (Entry *entry, Dae *dae, const DaeClient *client, const IkeAddr *from,
            const RadiusPacket *packet)
{
  *entry = (Entry){ .dae = dae,
                    .client = client,
                    .from = *from,
                    .code = packet->code,
                    .identifier = packet->identifier,
                    .has_mac = packet->mac_at != 0 };
  memcpy (entry->authenticator, packet->authenticator, RADIUS_AUTHENTICATOR_LEN);
  entry->request = (IkeRadiusDynamic){ .struct_size = sizeof entry->request,
                                       .code = packet->code,
                                       .from = *from,
                                       .client = client->name,
                                       .attributes = packet->attributes,
                                       .len = packet->attributes_len };
}

static void
take (Dae *dae, const DaeClient *client, const IkeAddr *from, const RadiusPacket *packet)
{
  Entry *entry = g_new (Entry, 1);

  entry_init (entry, dae, client, from, packet);
  entry->expires_us = ike_loop_now_us (dae->client->io) + (gint64) dae->conf->window_ms * 2 * 1000;
  entry->attributes = g_malloc (packet->attributes_len + 1);
  memcpy (entry->attributes, packet->attributes, packet->attributes_len);
  entry->request.attributes = entry->attributes;
  g_hash_table_insert (dae->table, entry->authenticator, entry);
  g_queue_push_tail (&dae->order, entry);
  dae->n_requests++;
  ike_counter_add (dae->client->engine, dae->c_requests, 1);
  hand_on (entry);
}

static const DaeClient *
client_of (const Dae *dae, const IkeAddr *from)
{
  const DaeClient *best = NULL;

  for (guint i = 0; i < dae->conf->clients->len; i++) {
    const DaeClient *client = g_ptr_array_index (dae->conf->clients, i);
    if (ike_addr_in_prefix (from, &client->net, client->prefix_len)
        && (!best || client->prefix_len > best->prefix_len))
      best = client;
  }
  return best;
}

/* RFC 5176, 6.3: "When the Event-Timestamp Attribute is present, both … MUST check that the
 * Event-Timestamp Attribute is current within an acceptable time window." */
static gboolean
is_of_now (const Dae *dae, const RadiusPacket *packet)
{
  IkeRadiusAttribute found;
  guint32 said, now = (guint32) (ike_engine_wall_us (dae->client->engine) / G_USEC_PER_SEC);

  if (!ike_radius_find (packet->attributes, packet->attributes_len, 0, IKE_RADIUS_EVENT_TIMESTAMP,
                        &found))
    return !dae->conf->requires_timestamp;
  return ike_radius_get_u32 (&found, &said)
         && ABS ((gint64) said - (gint64) now) * 1000 <= (gint64) dae->conf->window_ms;
}

/* N_REFUSALS: it may be handed on. */
static Refusal
judge (const Dae *dae, const DaeClient *client, const RadiusPacket *packet)
{
  RadiusSecret secret = secret_of (client);

  if (packet->code != IKE_RADIUS_DISCONNECT_REQUEST && packet->code != IKE_RADIUS_COA_REQUEST)
    return REFUSED_CODE;
  if (!radius_request_is_authentic (packet, secret))
    return REFUSED_AUTHENTICATOR;
  if (packet->mac_at ? !radius_mac_is_authentic (packet, NULL, secret) : dae->conf->requires_mac)
    return REFUSED_MAC;
  return is_of_now (dae, packet) ? N_REFUSALS : REFUSED_TIMESTAMP;
}

static void
refuse (Dae *dae, const IkeAddr *from, Refusal why)
{
  char addr[IKE_ADDR_TEXT_SIZE];

  dae->n_refused[why]++;
  ike_counter_add (dae->client->engine, dae->c_refused, 1);
  ike_log (dae->client->engine, IKE_LOG_INFO, "radius", "a DAE request from %s is not followed: %s",
           ike_addr_format (from, TRUE, addr), refusals[why].text);
}

/* RFC 5176, 3.5: ""Resources Unavailable" is a fatal error sent when a CoA or Disconnect-Request
 * could not be honored due to lack of available NAS resources".  Nothing was done and nothing is
 * kept, so it may be tried again. */
static void
refuse_full (Dae *dae, const DaeClient *client, const IkeAddr *from, const RadiusPacket *packet)
{
  IkeRadiusDynamicAnswer full = { .error_cause = IKE_RADIUS_RESOURCES_UNAVAILABLE };
  Entry entry;

  refuse (dae, from, REFUSED_FULL);
  entry_init (&entry, dae, client, from, packet);
  reply (&entry, &full);
  g_free (entry.answer);
}

/* RFC 5176, 2.3: it is a duplicate "if it has the same source IP address, source UDP port, and
 * Identifier within a short span of time". */
static void
repeat (Dae *dae, const Entry *entry, const IkeAddr *from)
{
  if (!ike_addr_equal (&entry->from, from)) {
    refuse (dae, from, REFUSED_REPLAY);
    return;
  }
  dae->n_repeated++;
  if (entry->answer)
    dae->transport->send (dae->socket, from, entry->answer, entry->answer_len);
}

static void
dae_received (gpointer owner, const IkeAddr *from, const guint8 *data, gsize len)
{
  Dae *dae = owner;
  const DaeClient *client = client_of (dae, from);
  RadiusPacket packet;
  Entry *known;
  Refusal why = REFUSED_SOURCE;

  if (client)
    why = radius_parse (&packet, data, len) ? REFUSED_MALFORMED : judge (dae, client, &packet);
  if (why != N_REFUSALS) {
    refuse (dae, from, why);
    return;
  }
  forget_old (dae);
  known = g_hash_table_lookup (dae->table, packet.authenticator);
  if (known)
    repeat (dae, known, from);
  else if (dae->order.length >= TABLE_MAX)
    refuse_full (dae, client, from, &packet);
  else
    take (dae, client, from, &packet);
}

/* -- beginning and ending */

gboolean
dae_open (Client *client, GError **error)
{
  static const IkeRadiusReceiver receiver = { sizeof receiver, dae_received };
  static const IkeAddr anybody;
  const DaeConf *conf = &client->conf->dae;
  IkePlugin *plugin;
  Dae *dae;

  if (!conf->is_on)
    return TRUE;
  dae = client->dae = g_new0 (Dae, 1);
  dae->client = client;
  dae->conf = conf;
  dae->c_requests = ike_counter (client->engine, "radius.dae-requests");
  dae->c_refused = ike_counter (client->engine, "radius.dae-dropped");
  dae->table = g_hash_table_new_full (authenticator_hash, authenticator_equal, NULL, entry_free);
  g_queue_init (&dae->order);
  dae->transport = client_datagrams (client, &plugin);
  dae->socket = dae->transport->open (plugin, &conf->listen, &anybody, &receiver, dae, error);
  if (dae->socket)
    return TRUE;
  g_prefix_error (error, "plugins.radius.dae: port %u: ", conf->listen.port);
  return FALSE;
}

void
dae_close (Client *client)
{
  Dae *dae = client->dae;

  if (dae && dae->socket)
    dae->transport->close (g_steal_pointer (&dae->socket));
}

void
dae_free (Client *client)
{
  Dae *dae = g_steal_pointer (&client->dae);

  if (!dae)
    return;
  g_queue_clear (&dae->order);
  g_hash_table_unref (dae->table);
  g_free (dae);
}

void
dae_set_handler (IkePlugin *self, IkePlugin *handler, IkeRadiusDynamicFunc received)
{
  Client *client = ike_plugin_state (self);

  if (!client->dae)
    return;
  client->dae->handler = handler;
  client->dae->received = received;
}

void
dae_describe (Client *client, IkeTree *into)
{
  const Dae *dae = client->dae;
  IkeTree *section, *dropped;
  char addr[IKE_ADDR_TEXT_SIZE];

  if (!dae)
    return;
  section = ike_tree_add_section (into, "dae");
  ike_tree_set_string (section, "listen", ike_addr_format (&dae->conf->listen, TRUE, addr));
  ike_tree_set_int (section, "requests", (gint64) dae->n_requests);
  ike_tree_set_int (section, "acks", (gint64) dae->n_acks);
  ike_tree_set_int (section, "naks", (gint64) dae->n_naks);
  ike_tree_set_int (section, "repeated", (gint64) dae->n_repeated);
  dropped = ike_tree_add_section (section, "dropped");
  for (guint i = 0; i < N_REFUSALS; i++)
    ike_tree_set_int (dropped, refusals[i].key, (gint64) dae->n_refused[i]);
}
