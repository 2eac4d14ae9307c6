/* SPDX-License-Identifier: Apache-2.0 */
/* radius_server.c - see radius_server.h. */
#include "bench/radius_server.h"
#include "shared/eap/host.h"
#include "shared/radius/wire.h"
#include <string.h>

enum { WAY_US = 2000 };

struct _RadiusServer {
  IkeSim *sim;
  IkeEngine *engine;
  const char *method;
  gboolean is_stopped;
  GHashTable *sessions; /* number → Session; the State of packets */
  guint32 n_sessions;
};

/* Of the engine that asks. */
typedef struct {
  RadiusServer *server;
  IkeEngine *engine;
  const IkeRadiusReceiver *receiver;
  gpointer owner;
  gint references;
  gboolean is_closed;
} Socket;

typedef struct {
  RadiusServer *server;
  Socket *socket;
  IkeAddr at;
  guint32 number;
  IkeEapContext context;
  IkeIdent *identity;
  EapServer *eap;
  guint8 identifier, authenticator[RADIUS_AUTHENTICATOR_LEN]; /* of the request in hand */
  guint8 first[256];                                          /* the response to EAP-Identity */
  gboolean is_begun;
} Session;

typedef struct {
  Socket *socket;
  IkeAddr from;
  gsize len;
  guint8 data[];
} Datagram;

static const RadiusSecret secret = { (const guint8 *) RADIUS_SERVER_SECRET,
                                     sizeof RADIUS_SERVER_SECRET - 1 };

static void
socket_unref (Socket *socket)
{
  if (--socket->references == 0)
    g_free (socket);
}

static void
datagram_free (gpointer data)
{
  socket_unref (((Datagram *) data)->socket);
  g_free (data);
}

/* In a while, on the loop that @run posts to. */
static void
put_on_the_way (Socket *socket, const IkeAddr *from, const guint8 *data, gsize len, IkeFunc arrive)
{
  Datagram *datagram = g_malloc (sizeof *datagram + len);
  IkeSim *sim = socket->server->sim;

  *datagram = (Datagram){ socket, *from, len };
  memcpy (datagram->data, data, len);
  socket->references++;
  ike_sim_at (sim, ike_sim_now_us (sim) + WAY_US, arrive, datagram, NULL);
}

/* -- answers */

static void
receive (gpointer data)
{
  Datagram *datagram = data;
  Socket *socket = datagram->socket;

  if (!socket->is_closed)
    socket->receiver->received (socket->owner, &datagram->from, datagram->data, datagram->len);
}

static void
arrive_at_client (gpointer data)
{
  Datagram *datagram = data;

  ike_loop_post (ike_engine_io (datagram->socket->engine), receive, datagram, datagram_free);
}

static void
session_free (gpointer data)
{
  Session *session = data;

  eap_server_free (session->eap);
  ike_ident_unref (session->identity);
  g_free (session);
}

static void
add_keys (IkeWriter *w, const Session *session, const IkeEapStep *step)
{
  const guint8 *msk = step->msk ? ike_secret_blob_data (step->msk) : NULL;

  if (!msk)
    return;
  radius_add_mppe_key (w, IKE_RADIUS_MS_MPPE_RECV_KEY, 1, session->authenticator, secret, msk, 32);
  radius_add_mppe_key (w, IKE_RADIUS_MS_MPPE_SEND_KEY, 2, session->authenticator, secret, msk + 32,
                       32);
}

static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  static const guint8 codes[] = { IKE_RADIUS_ACCESS_CHALLENGE, IKE_RADIUS_ACCESS_ACCEPT,
                                  IKE_RADIUS_ACCESS_REJECT };
  Session *session = owner;
  IkeEapStep *step = result;
  guint8 packet[IKE_RADIUS_PACKET_MAX];
  IkeWriter w;

  if (!step)
    g_error ("%s", error);
  ike_writer_init (&w, packet, sizeof packet);
  radius_begin (&w, codes[step->outcome], session->identifier, TRUE);
  ike_radius_add_long (&w, IKE_RADIUS_EAP_MESSAGE, step->packet, step->len);
  ike_radius_add_u32 (&w, IKE_RADIUS_STATE, session->number);
  if (step->outcome == IKE_EAP_DONE)
    add_keys (&w, session, step);
  if (!radius_end_response (&w, session->authenticator, TRUE, secret))
    g_error ("an answer was not made");
  put_on_the_way (session->socket, &session->at, packet, w.len, arrive_at_client);
  if (step->outcome != IKE_EAP_MORE)
    g_hash_table_remove (session->server->sessions, GUINT_TO_POINTER (session->number));
  ike_eap_step_free (step);
}

static const IkeCallClass answer_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "bench answer",
  .timeout_ms = 60000,
  .then = answered,
  .undo = ike_eap_step_free,
};

/* -- requests */

static Session *
session_new (RadiusServer *self, const Datagram *datagram, const RadiusPacket *packet)
{
  Session *session = g_new0 (Session, 1);
  IkeRadiusAttribute name;
  g_autofree char *why = NULL;

  if (!ike_radius_find (packet->attributes, packet->attributes_len, 0, IKE_RADIUS_USER_NAME, &name))
    g_error ("a request without User-Name");
  session->server = self;
  session->socket = datagram->socket;
  session->number = ++self->n_sessions;
  session->identity = eap_identity_new (name.value, name.len);
  session->context = (IkeEapContext){ .struct_size = sizeof (IkeEapContext),
                                      .engine = self->engine,
                                      .loop = ike_engine_io (self->engine),
                                      .identity = session->identity };
  session->eap = eap_server_new (&session->context, self->method, FALSE, &why);
  if (!session->eap)
    g_error ("%s", why);
  g_hash_table_insert (self->sessions, GUINT_TO_POINTER (session->number), session);
  return session;
}

static Session *
session_of (RadiusServer *self, const Datagram *datagram, const RadiusPacket *packet)
{
  IkeRadiusAttribute state;
  guint32 number;

  if (!ike_radius_find (packet->attributes, packet->attributes_len, 0, IKE_RADIUS_STATE, &state))
    return session_new (self, datagram, packet);
  return ike_radius_get_u32 (&state, &number)
             ? g_hash_table_lookup (self->sessions, GUINT_TO_POINTER (number))
             : NULL;
}

static void
serve (gpointer data)
{
  const Datagram *datagram = data;
  RadiusServer *self = datagram->socket->server;
  RadiusPacket packet;
  Session *session;
  g_autofree guint8 *eap = NULL;
  gsize len;

  if (self->is_stopped || radius_parse (&packet, datagram->data, datagram->len)
      || !radius_mac_is_authentic (&packet, packet.authenticator, secret))
    return;
  session = session_of (self, datagram, &packet);
  if (!session)
    return;
  session->at = datagram->from;
  session->identifier = packet.identifier;
  memcpy (session->authenticator, packet.authenticator, RADIUS_AUTHENTICATOR_LEN);
  eap = ike_radius_join (packet.attributes, packet.attributes_len, IKE_RADIUS_EAP_MESSAGE, &len);
  eap_server_step (session->eap, ike_loop_call (session->context.loop, &answer_call, session, NULL),
                   session->is_begun ? eap : NULL, session->is_begun ? len : 0);
  session->is_begun = TRUE;
}

static void
arrive_at_server (gpointer data)
{
  Datagram *datagram = data;

  ike_loop_post (ike_engine_io (datagram->socket->server->engine), serve, datagram, datagram_free);
}

/* -- the transport */

static gpointer
transport_open (IkePlugin *plugin, const IkeAddr *local, const IkeAddr *remote,
                const IkeRadiusReceiver *receiver, gpointer owner, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (plugin);
  Socket *socket = g_new0 (Socket, 1);

  *socket = (Socket){ ike_sim_shared (ike_engine_sim (engine), RADIUS_SERVER, NULL, NULL),
                      engine,
                      receiver,
                      owner,
                      1,
                      FALSE };
  return socket;
}

static gboolean
transport_send (gpointer data, const IkeAddr *to, const guint8 *packet, gsize len)
{
  put_on_the_way (data, to, packet, len, arrive_at_server);
  return TRUE;
}

static void
transport_close (gpointer data)
{
  Socket *socket = data;

  socket->is_closed = TRUE;
  socket_unref (socket);
}

static const IkeRadiusTransportClass transport_class = {
  .struct_size = sizeof (IkeRadiusTransportClass),
  .open = transport_open,
  .send = transport_send,
  .close = transport_close,
};
static const IkeFeature transport_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "radius-transport:bench",
  .ops = &transport_class,
};
static const IkeFeature *const features[] = { &transport_feature, NULL };

const IkePluginInfo radius_server_transport = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "bench-radius",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "the way to a RADIUS server in simulation",
  .features = features,
  .activate = radius_server_watch,
};

/* -- the server */

gpointer
radius_server_new (IkeSim *sim)
{
  RadiusServer *self = g_new0 (RadiusServer, 1);

  self->sim = sim;
  self->sessions = g_hash_table_new_full (NULL, NULL, NULL, session_free);
  return self;
}

void
radius_server_free (gpointer data)
{
  RadiusServer *self = data;

  g_hash_table_unref (self->sessions);
  g_free (self);
}

void
radius_server_serve (RadiusServer *self, IkeEngine *engine, const char *method)
{
  self->engine = engine;
  self->method = method;
}

void
radius_server_stop (RadiusServer *self)
{
  self->is_stopped = TRUE;
}
