/* SPDX-License-Identifier: Apache-2.0 */
/* ask.c - one request: where it goes, how often it is sent, and when it is over.
 *
 * Among the servers of its group the living go before the dead, those with an identifier to give
 * before those that have none left, the preferred before others, and of equals the one with the
 * least to do.  One that does not answer is left for the next one,
 * until all were asked or the time of the request is over. */
#include <string.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include "client.h"

/* RFC 5080, 2.2.1: RAND, "a random number chosen with a uniform distribution between -0.1 and
 * +0.1", in thousandths. */
enum { JITTER = 100, WAIT_MAX_MS = 16000 };

/* -- its end */

/* A password that is hidden in it may be guessed, and one in an EAP-Message may be in the clear. */
static void
forget_packet (Ask *ask)
{
  ike_wipe (ask->packet, ask->packet_len);
  g_clear_pointer (&ask->packet, g_free);
  ask->packet_len = 0;
}

void
ask_free (Ask *ask)
{
  if (ask->password)
    ike_secret_blob_unref (ask->password);
  forget_packet (ask);
  if (ask->why)
    g_string_free (ask->why, TRUE);
  ike_wipe (ask->attributes, ask->len);
  g_free (ask->attributes);
  g_free (ask->group);
  g_free (ask);
}

/* Out of everything; its call is not answered yet. */
static void
ask_leave (Ask *ask)
{
  Client *client = ask->client;

  if (ask->link.data)
    g_queue_unlink (&client->asks, &ask->link);
  ask->link.data = NULL;
  ike_timer_stop (g_steal_pointer (&ask->deadline));
  if (ask->port)
    port_release (ask);
  if (ask->call)
    atomic_fetch_sub (&client->n_pending, 1);
  else
    port_probe_is_over (ask->probed);
}

void
ask_fail (Ask *ask, const char *reason)
{
  ask_leave (ask);
  if (ask->call)
    ike_call_fail (ask->call, reason);
  ask_free (ask);
}

static gboolean
is_key (const IkeRadiusAttribute *attribute, guint8 type)
{
  return attribute->vendor == IKE_RADIUS_VENDOR_MICROSOFT && attribute->type == type;
}

static void
read_keys (IkeRadiusReply *reply, const guint8 *authenticator, RadiusSecret secret)
{
  IkeRadiusIter iter;
  IkeRadiusAttribute attribute;

  ike_radius_iter_init (&iter, reply->attributes, reply->len);
  while (ike_radius_next (&iter, &attribute)) {
    if (is_key (&attribute, IKE_RADIUS_MS_MPPE_SEND_KEY) && !reply->mppe_send)
      reply->mppe_send = radius_read_mppe_key (&attribute, authenticator, secret);
    if (is_key (&attribute, IKE_RADIUS_MS_MPPE_RECV_KEY) && !reply->mppe_recv)
      reply->mppe_recv = radius_read_mppe_key (&attribute, authenticator, secret);
  }
}

static IkeRadiusReply *
reply_new (const Ask *ask, const RadiusPacket *packet)
{
  const ServerConf *conf = ask->port->conf;
  RadiusSecret secret = { ike_secret_blob_data (conf->secret), ike_secret_blob_len (conf->secret) };
  IkeRadiusReply *reply = g_new0 (IkeRadiusReply, 1);

  reply->struct_size = sizeof *reply;
  reply->code = packet->code;
  reply->server = ask->port->server;
  g_strlcpy (reply->server_name, conf->name, sizeof reply->server_name);
  reply->len = packet->attributes_len;
  reply->attributes = g_malloc (reply->len + 1);
  memcpy (reply->attributes, packet->attributes, reply->len);
  if (packet->code == IKE_RADIUS_ACCESS_ACCEPT)
    read_keys (reply, ask->authenticator, secret);
  return reply;
}

void
ask_answered (Ask *ask, const RadiusPacket *packet)
{
  IkeRadiusReply *reply = ask->call ? reply_new (ask, packet) : NULL;

  ask_leave (ask);
  if (ask->call) {
    ike_counter_add (ask->client->engine, ask->client->c_answers, 1);
    ike_call_answer (ask->call, reply);
  }
  ask_free (ask);
}

/* -- where it goes */

static Port *
port_of (const Ask *ask, guint i)
{
  gboolean is_acct = ask->code == IKE_RADIUS_ACCOUNTING_REQUEST;
  const ServerConf *conf = g_ptr_array_index (ask->client->conf->servers, i);
  Port *port = g_ptr_array_index (is_acct ? ask->client->acct : ask->client->auth, i);

  if (!port || ask->tried & (guint64) 1 << i || (ask->only && ask->only != i + 1)
      || (!ask->only && !server_conf_is_of (conf, ask->group)))
    return NULL;
  return port;
}

static gboolean
is_better (const Port *a, const Port *b)
{
  gboolean a_lives = port_is_available (a), b_lives = port_is_available (b);
  gboolean a_has_room = port_has_room (a), b_has_room = port_has_room (b);

  if (a_lives != b_lives)
    return a_lives;
  if (!a_lives)
    return a->dead_until_us < b->dead_until_us;
  if (a_has_room != b_has_room)
    return a_has_room;
  if (a->conf->preference != b->conf->preference)
    return a->conf->preference > b->conf->preference;
  return port_load (a) < port_load (b);
}

static Port *
best_port (Ask *ask)
{
  guint n = ask->client->conf->servers->len, first = ask->client->rotation++;
  Port *best = NULL;

  for (guint i = 0; i < n; i++) {
    Port *port = port_of (ask, (first + i) % n);
    if (port && (!best || is_better (port, best)))
      best = port;
  }
  return best;
}

gboolean
ask_has_alternative (const Ask *ask)
{
  for (guint i = 0; i < ask->client->conf->servers->len; i++) {
    const Port *port = port_of (ask, i);
    if (port && port_is_available (port))
      return TRUE;
  }
  return FALSE;
}

void
ask_explain (Ask *ask, const char *format, ...)
{
  va_list args;

  if (!ask->why)
    ask->why = g_string_new (NULL);
  if (ask->why->len > 0)
    g_string_append (ask->why, "; ");
  va_start (args, format);
  g_string_append_vprintf (ask->why, format, args);
  va_end (args);
}

static void
fail_for_good (Ask *ask, const char *what)
{
  char reason[RADIUS_REASON_SIZE];

  if (ask->why)
    g_snprintf (reason, sizeof reason, "%s: %s", what, ask->why->str);
  else if (ask->group)
    g_snprintf (reason, sizeof reason, "no RADIUS server of the group %s is configured for it",
                ask->group);
  else
    g_snprintf (reason, sizeof reason, "no RADIUS server is configured for it");
  ask_fail (ask, reason);
}

/* @ask is nowhere. */
static void
place (Ask *ask)
{
  char name[128];

  for (Port *port = best_port (ask); port; port = best_port (ask)) {
    g_autoptr (GError) error = NULL;

    ask->tried |= (guint64) 1 << (port->server - 1);
    port_is_tried (port);
    if (port_admit (port, ask, &error))
      return;
    ask_explain (ask, "%s: %s", port_name (port, name, sizeof name), error->message);
  }
  fail_for_good (ask, "no RADIUS server answers");
}

void
ask_move (Ask *ask)
{
  if (ask->port)
    port_release (ask);
  place (ask);
}

/* -- its clock */

/* What is dropped says nothing about who sent it, but something to who reads this. */
static void
explain_silence (const Ask *ask, char *out, gsize size)
{
  double waited_s = (double) (ike_loop_now_us (ask->client->io) - ask->begun_us) / 1e6;

  if (ask->port->trouble[0])
    g_strlcpy (out, ask->port->trouble, size);
  else if (ask->dropped != N_DROPS)
    g_snprintf (out, size, "gave no good reply in %.1f s: %s", waited_s, drop_text (ask->dropped));
  else
    g_snprintf (out, size, "did not answer %u %s in %.1f s", ask->n_sent,
                ask->n_sent == 1 ? "request" : "requests", waited_s);
}

/* Nothing came for as long as we wait at this port, or for as long as its owner does: leaves it.
 * @is_long: that was long enough to tell something about the port. */
static void
leave_silent (Ask *ask, gboolean is_long)
{
  Port *port = ask->port;
  char name[128], why[RADIUS_REASON_SIZE];
  /* Who answered others meanwhile lives, and has only nothing to say about this one. */
  gboolean is_dead = is_long && ask->socket && port->last_heard_us <= ask->begun_us;

  port_name (port, name, sizeof name);
  explain_silence (ask, why, sizeof why);
  if (ask->socket) {
    ask_explain (ask, "%s %s", name, why);
    port->n_timeouts++;
    ike_counter_add (ask->client->engine, ask->client->c_timeouts, 1);
  } else
    ask_explain (ask, "%s has more requests than it answers", name);
  if (is_dead)
    port_dies_of (ask, why);
  else
    port_release (ask);
}

/* With this port, at least as long as any request would: if less, it had what another one left
 * over. */
static gboolean
has_waited_long (const Ask *ask)
{
  guint32 patience_ms = server_conf_patience_ms (ask->port->conf);
  gint64 least_ms = MIN (patience_ms, ask->client->conf->timeout_ms);

  return ike_loop_now_us (ask->client->io) - ask->begun_us >= least_ms * (1000 - JITTER);
}

static void
on_deadline (gpointer data)
{
  Ask *ask = data;

  ask->deadline = NULL;
  if (ask->port)
    leave_silent (ask, has_waited_long (ask));
  fail_for_good (ask, "no RADIUS server answered in time");
}

static void on_timer (gpointer data);

static guint32
jittered (const Ask *ask, guint32 wait_ms)
{
  guint16 random;

  ike_engine_random (ask->client->engine, &random, sizeof random);
  return wait_ms - wait_ms * JITTER / 1000 + wait_ms * (random % (2 * JITTER + 1)) / 1000;
}

/* RFC 5080, 2.2.1: "RT = 2*RTprev + RAND*RTprev" with our factor; a stream repeats by itself, and
 * its asks wait once for all of it. */
static void
arm (Ask *ask)
{
  const ServerConf *conf = ask->port->conf;

  if (conf->is_tls)
    ask->wait_ms = server_conf_patience_ms (conf);
  else
    ask->wait_ms = ask->n_sent == 1 ? conf->pace.first_ms
                                    : (guint32) MIN (ask->wait_ms * conf->pace.factor, WAIT_MAX_MS);
  ike_timer_stop (ask->timer);
  ask->timer =
      ike_loop_timer_add (ask->client->io, jittered (ask, ask->wait_ms), on_timer, ask, NULL);
}

static void
on_timer (gpointer data)
{
  Ask *ask = data;

  ask->timer = NULL;
  if (!ask->port->conf->is_tls && ask->n_sent < ask->port->conf->pace.tries) {
    ask_send (ask, TRUE);
    return;
  }
  leave_silent (ask, TRUE);
  place (ask);
}

/* -- what is sent */

static gboolean
has_attribute (const Ask *ask, guint8 type)
{
  IkeRadiusAttribute found;

  return ike_radius_find (ask->attributes, ask->len, 0, type, &found);
}

/* RFC 3579, 3.2 and the advice since CVE-2024-3596: Message-Authenticator is in every
 * Access-Request, before all else; RFC 5997, 3: "Status-Server packets MUST include a
 * Message-Authenticator attribute." */
static gboolean
build (Ask *ask)
{
  const ServerConf *conf = ask->port->conf;
  RadiusSecret secret = { ike_secret_blob_data (conf->secret), ike_secret_blob_len (conf->secret) };
  gboolean is_signed = ask->code == IKE_RADIUS_ACCOUNTING_REQUEST;
  guint8 buffer[IKE_RADIUS_PACKET_MAX];
  IkeWriter w;

  ike_engine_random (ask->client->engine, ask->authenticator, sizeof ask->authenticator);
  ike_writer_init (&w, buffer, sizeof buffer);
  radius_begin (&w, ask->code, ask->identifier, !is_signed);
  ike_writer_bytes (&w, ask->attributes, ask->len);
  if (conf->nas_identifier && conf->nas_identifier[0]
      && !has_attribute (ask, IKE_RADIUS_NAS_IDENTIFIER))
    ike_radius_add_text (&w, IKE_RADIUS_NAS_IDENTIFIER, conf->nas_identifier);
  if (ask->password)
    radius_add_password (&w, ask->authenticator, secret, ike_secret_blob_data (ask->password),
                         ike_secret_blob_len (ask->password));
  if (!radius_end_request (&w, is_signed ? NULL : ask->authenticator, !is_signed, secret))
    return FALSE;
  if (is_signed)
    memcpy (ask->authenticator, w.data + 4, RADIUS_AUTHENTICATOR_LEN);
  forget_packet (ask);
  ask->packet = g_malloc (w.len);
  ask->packet_len = w.len;
  memcpy (ask->packet, w.data, w.len);
  ike_wipe (buffer, w.len);
  return TRUE;
}

/* What cannot be sent now (no route, a connection that is being made, or that has taken all it can)
 * is sent again like what got lost, or when its stream says so. */
void
ask_send (Ask *ask, gboolean again)
{
  Port *port = ask->port;

  if (!again) {
    ask->begun_us = ike_loop_now_us (ask->client->io);
    ask->n_sent = 0;
    ask->dropped = N_DROPS;
    if (!build (ask))
      g_return_if_reached ();
  }
  ask->n_sent++;
  port->n_sent += !again;
  port->n_resent += again;
  if (again)
    ike_counter_add (ask->client->engine, ask->client->c_resent, 1);
  ask->is_unsent = !ask->socket->transport->send (ask->socket->handle, &port->addr, ask->packet,
                                                  ask->packet_len);
  if (!again || !port->conf->is_tls)
    arm (ask);
}

/* -- its beginning */

void
ask_begin (Ask *ask)
{
  Client *client = ask->client;

  ike_counter_add (client->engine, client->c_requests, 1);
  ask->link.data = ask;
  g_queue_push_tail_link (&client->asks, &ask->link);
  ask->deadline = ike_loop_timer_add (client->io, client->conf->timeout_ms, on_deadline, ask, NULL);
  place (ask);
}

Ask *
ask_new_probe (Port *port)
{
  Client *client = port->client;
  Ask *ask = g_new0 (Ask, 1);

  ask->client = client;
  ask->code = IKE_RADIUS_STATUS_SERVER;
  ask->attributes = g_malloc0 (1);
  ask->probed = port;
  ask->tried = ~(guint64) 0;
  ask->link.data = ask;
  g_queue_push_tail_link (&client->asks, &ask->link);
  return ask;
}
