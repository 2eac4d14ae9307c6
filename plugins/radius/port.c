/* SPDX-License-Identifier: Apache-2.0 */
/* port.c - one port of one server: its sockets and their identifiers, what is believed that comes
 * from there, and whether it is alive.
 *
 * Dead is who left a request unanswered, and said nothing else since that was begun.  It is left
 * alone for a time, then one request is tried with it; or, if it knows Status-Server, it is asked
 * that until it answers.  When all are dead, they are asked all the same. */
#include <string.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include "client.h"

enum { IDENTIFIERS = 256 };

static const char *const drop_texts[N_DROPS] = {
  [DROP_SOURCE] = "not from that server",
  [DROP_MALFORMED] = "malformed",
  [DROP_UNKNOWN] = "nobody waits for its identifier: it is late, or a second one",
  [DROP_CODE] = "no answer to what was asked",
  [DROP_AUTHENTICATOR] = "its authenticator is wrong; is the secret the same at both ends?",
  [DROP_MAC] = "its Message-Authenticator is wrong",
  [DROP_NO_MAC] = "it has no Message-Authenticator; require_message_authenticator wants one",
};

const char *
drop_text (Drop drop)
{
  return drop_texts[drop];
}

const char *
port_name (const Port *port, char *out, gsize size)
{
  char addr[IKE_ADDR_TEXT_SIZE];

  g_snprintf (out, size, "%s (%s)", port->conf->name, ike_addr_format (&port->addr, TRUE, addr));
  return out;
}

/* -- sockets */

static void
socket_free (gpointer data)
{
  Socket *socket = data;

  socket->transport->close (socket->handle);
  g_free (socket);
}

static void
received (gpointer socket, const IkeAddr *from, const guint8 *data, gsize len)
{
  socket_take (socket, from, data, len);
}

static const IkeRadiusReceiver receiver = { sizeof (IkeRadiusReceiver), received };

static Socket *
socket_new (Port *port, GError **error)
{
  Client *client = port->client;
  Socket *socket = g_new0 (Socket, 1);

  if (!client->udp)
    client->udp = client_datagrams (client, &client->udp_plugin);
  socket->port = port;
  socket->is_up = !port->conf->is_tls;
  socket->transport = port->conf->is_tls ? &radsec_transport : client->udp;
  socket->handle =
      socket->transport->open (port->conf->is_tls ? client->plugin : client->udp_plugin,
                               &port->conf->source, &port->addr, &receiver, socket, error);
  if (!socket->handle) {
    g_free (socket);
    return NULL;
  }
  g_ptr_array_add (port->sockets, socket);
  return socket;
}

/* One that is up before one that may never be. */
static Socket *
socket_with_room (Port *port, GError **error)
{
  Socket *found = NULL;

  for (guint i = 0; i < port->sockets->len; i++) {
    Socket *socket = g_ptr_array_index (port->sockets, i);
    if (socket->n_used < IDENTIFIERS && (!found || (socket->is_up && !found->is_up)))
      found = socket;
  }
  if (found)
    return found;
  if (port->sockets->len >= port->conf->n_sockets)
    return NULL;
  return socket_new (port, error);
}

void
socket_is_up (Socket *socket)
{
  socket->is_up = TRUE;
  port_lives (socket->port);
  for (guint i = 0; i < IDENTIFIERS; i++)
    if (socket->by_id[i])
      ask_send (socket->by_id[i], TRUE);
}

void
socket_has_room (Socket *socket)
{
  for (guint i = 0; i < IDENTIFIERS; i++) {
    Ask *ask = socket->by_id[i];

    if (ask && ask->is_unsent)
      ask_send (ask, TRUE);
    if (ask && ask->is_unsent)
      return;
  }
}

gboolean
socket_is_down (Socket *socket, const char *why)
{
  Port *port = socket->port;

  socket->is_up = FALSE;
  for (guint i = 0; i < port->sockets->len; i++)
    if (((const Socket *) g_ptr_array_index (port->sockets, i))->is_up)
      return FALSE;
  g_strlcpy (port->trouble, why, sizeof port->trouble);
  return TRUE;
}

/* -- identifiers */

/* RFC 5080, 2.2.2 wants an identifier not to be used again soon: the one that was used longest ago
 * is next. */
static void
give_identifier (Socket *socket, Ask *ask)
{
  while (socket->by_id[socket->next])
    socket->next++;
  ask->socket = socket;
  ask->identifier = socket->next++;
  socket->by_id[ask->identifier] = ask;
  socket->n_used++;
  socket->port->n_used++;
  ask_send (ask, FALSE);
}

gboolean
port_admit (Port *port, Ask *ask, GError **error)
{
  g_autoptr (GError) why = NULL;
  Socket *socket = socket_with_room (port, &why);

  if (!socket && port->sockets->len == 0) {
    g_propagate_error (error, g_steal_pointer (&why));
    return FALSE;
  }
  ask->port = port;
  if (socket)
    give_identifier (socket, ask);
  else {
    ask->wait_link.data = ask;
    g_queue_push_tail_link (&port->waiting, &ask->wait_link);
  }
  return TRUE;
}

/* NULL: it had no identifier. */
static Socket *
detach (Ask *ask)
{
  Port *port = ask->port;
  Socket *socket = g_steal_pointer (&ask->socket);

  ask->port = NULL;
  ike_timer_stop (g_steal_pointer (&ask->timer));
  if (!socket) {
    g_queue_unlink (&port->waiting, &ask->wait_link);
    return NULL;
  }
  socket->by_id[ask->identifier] = NULL;
  socket->n_used--;
  port->n_used--;
  return socket;
}

/* An identifier is free. */
static void
serve_next (Socket *socket)
{
  Port *port = socket->port;
  GList *next = port->client->is_closed ? NULL : g_queue_pop_head_link (&port->waiting);

  if (next)
    give_identifier (socket, next->data);
}

void
port_release (Ask *ask)
{
  Socket *socket = detach (ask);

  if (socket)
    serve_next (socket);
}

gboolean
port_has_room (const Port *port)
{
  return port->n_used < port->sockets->len * IDENTIFIERS
         || port->sockets->len < port->conf->n_sockets;
}

guint
port_load (const Port *port)
{
  return port->n_used + port->waiting.length;
}

/* -- health */

/* Whether a connection can be had is found out by trying to, and Status-Server is asked by itself;
 * so nobody's request has to. */
gboolean
port_is_available (const Port *port)
{
  gboolean finds_out = port->conf->asks_status || port->trouble[0];

  return !port->is_dead
         || (!finds_out && ike_loop_now_us (port->client->io) >= port->dead_until_us);
}

void
port_is_tried (Port *port)
{
  if (port->is_dead)
    port->dead_until_us =
        ike_loop_now_us (port->client->io) + (gint64) server_conf_patience_ms (port->conf) * 1000;
}

static void
probe (gpointer data)
{
  Port *port = data;
  g_autoptr (GError) error = NULL;

  port->probe_timer = NULL;
  port->probe = ask_new_probe (port);
  if (!port_admit (port, port->probe, &error))
    ask_fail (port->probe, error->message);
}

static void
arm_probe (Port *port)
{
  if (port->conf->asks_status && !port->probe && !port->probe_timer)
    port->probe_timer =
        ike_loop_timer_add (port->client->io, port->conf->dead_ms, probe, port, NULL);
}

void
port_probe_is_over (Port *port)
{
  port->probe = NULL;
  if (port->is_dead && !port->client->is_closed)
    arm_probe (port);
}

static void
add_movable (const Port *port, gboolean waits, GPtrArray *into)
{
  for (GList *link = port->client->asks.head; link; link = link->next) {
    Ask *ask = link->data;
    if (ask->port == port && ask->call && (ask->socket == NULL) == waits
        && ask_has_alternative (ask))
      g_ptr_array_add (into, ask);
  }
}

/* First those that wait: else they got the identifiers of those that leave, and were sent. */
static void
move_all (Port *port, const char *why)
{
  g_autoptr (GPtrArray) moved = g_ptr_array_new ();
  char name[128];

  port_name (port, name, sizeof name);
  add_movable (port, TRUE, moved);
  add_movable (port, FALSE, moved);
  /* Moving one neither ends nor moves another. */
  for (guint i = 0; i < moved->len; i++) {
    Ask *ask = g_ptr_array_index (moved, i);
    ask_explain (ask, "%s %s", name, why);
    ask_move (ask);
  }
}

void
port_dies (Port *port, const char *why)
{
  Client *client = port->client;
  char name[128];

  if (!port->is_dead) {
    port->n_deaths++;
    ike_log (client->engine, IKE_LOG_ERROR, "radius",
             "RADIUS server %s %s; it is left alone for %u s where there is another one",
             port_name (port, name, sizeof name), why, port->conf->dead_ms / 1000);
  }
  port->is_dead = TRUE;
  port->dead_until_us = ike_loop_now_us (client->io) + (gint64) port->conf->dead_ms * 1000;
  arm_probe (port);
  move_all (port, why);
}

void
port_dies_of (Ask *ask, const char *why)
{
  Port *port = ask->port;
  Socket *socket = detach (ask);

  port_dies (port, why);
  serve_next (socket);
}

void
port_lives (Port *port)
{
  char name[128];

  port->last_heard_us = ike_loop_now_us (port->client->io);
  port->trouble[0] = '\0';
  if (!port->is_dead)
    return;
  port->is_dead = FALSE;
  ike_timer_stop (g_steal_pointer (&port->probe_timer));
  ike_log (port->client->engine, IKE_LOG_NOTICE, "radius", "RADIUS server %s is back",
           port_name (port, name, sizeof name));
}

/* -- what comes in */

void
port_drop (Port *port, Drop drop)
{
  char name[128];

  port->n_drops[drop]++;
  ike_counter_add (port->client->engine, port->client->c_dropped, 1);
  ike_log (port->client->engine, IKE_LOG_INFO, "radius",
           "a reply of RADIUS server %s is dropped: %s", port_name (port, name, sizeof name),
           drop_texts[drop]);
}

static gboolean
answers (const Ask *ask, guint8 code)
{
  switch (ask->code) {
  case IKE_RADIUS_ACCESS_REQUEST:
    return code == IKE_RADIUS_ACCESS_ACCEPT || code == IKE_RADIUS_ACCESS_REJECT
           || code == IKE_RADIUS_ACCESS_CHALLENGE;
  case IKE_RADIUS_ACCOUNTING_REQUEST:
    return code == IKE_RADIUS_ACCOUNTING_RESPONSE;
  /* RFC 5997, 4.2: Access-Accept on the authentication port, Accounting-Response on the other. */
  default:
    return code == (ask->port->is_acct ? IKE_RADIUS_ACCOUNTING_RESPONSE : IKE_RADIUS_ACCESS_ACCEPT);
  }
}

/* RFC 3579, 3.2: "A RADIUS client receiving an Access-Accept, Access-Reject or Access-Challenge
 * with a Message-Authenticator attribute present MUST calculate the correct value … and silently
 * discard the packet if it does not match the value sent.", and of replies with EAP-Message that
 * lack it it says the same.  Over UDP others may lack it only where the operator says so
 * (CVE-2024-3596). */
static Drop
judge (const Ask *ask, const RadiusPacket *packet)
{
  const ServerConf *conf = ask->port->conf;
  RadiusSecret secret = { ike_secret_blob_data (conf->secret), ike_secret_blob_len (conf->secret) };
  gboolean is_required = ask->code != IKE_RADIUS_ACCOUNTING_REQUEST
                         && packet->code != IKE_RADIUS_ACCOUNTING_RESPONSE
                         && (ask->has_eap || packet->has_eap || conf->requires_mac);

  if (!answers (ask, packet->code))
    return DROP_CODE;
  if (!radius_response_is_authentic (packet, ask->authenticator, secret))
    return DROP_AUTHENTICATOR;
  if (!packet->mac_at)
    return is_required ? DROP_NO_MAC : N_DROPS;
  return radius_mac_is_authentic (packet, ask->authenticator, secret) ? N_DROPS : DROP_MAC;
}

static Drop
dropped (Port *port, Ask *ask, Drop drop)
{
  if (ask)
    ask->dropped = drop;
  port_drop (port, drop);
  return drop;
}

Drop
socket_take (Socket *socket, const IkeAddr *from, const guint8 *data, gsize len)
{
  Port *port = socket->port;
  RadiusPacket packet;
  Ask *ask;
  Drop drop;

  if (!ike_addr_equal (from, &port->addr))
    return dropped (port, NULL, DROP_SOURCE);
  if (radius_parse (&packet, data, len))
    return dropped (port, NULL, DROP_MALFORMED);
  ask = socket->by_id[packet.identifier];
  drop = ask ? judge (ask, &packet) : DROP_UNKNOWN;
  if (drop != N_DROPS)
    return dropped (port, ask, drop);
  port->n_answered++;
  port->last_rtt_us =
      (guint32) MIN (ike_loop_now_us (port->client->io) - ask->begun_us, G_MAXINT32);
  port_lives (port);
  ask_answered (ask, &packet);
  return N_DROPS;
}

/* -- beginning and ending */

Port *
port_new (Client *client, guint32 server, gboolean is_acct)
{
  Port *port = g_new0 (Port, 1);

  port->client = client;
  port->conf = g_ptr_array_index (client->conf->servers, server - 1);
  port->server = server;
  port->is_acct = is_acct;
  port->addr = port->conf->address;
  port->addr.port = is_acct ? port->conf->acct_port : port->conf->auth_port;
  port->sockets = g_ptr_array_new_with_free_func (socket_free);
  port->last_heard_us = G_MININT64;
  g_queue_init (&port->waiting);
  return port;
}

void
port_free (Port *port)
{
  if (!port)
    return;
  ike_timer_stop (port->probe_timer);
  g_ptr_array_unref (port->sockets);
  g_free (port);
}
