/* SPDX-License-Identifier: Apache-2.0 */
/* server.c - asks in the tunnel who the peer is, runs a method, and says what came of it. */
#include "private.h"

typedef enum { TLS_DONE, IN_EAP, SAID_RESULT } State;

typedef struct {
  EapTunnel *tunnel;
  const PeapPlugin *plugin;
  const IkeEapContext *context;
  IkeEapContext inner_context;
  EapServer *inner;
  State state;
  gboolean has_said_finished;
  guint8 identifier; /* of what is asked in the tunnel */
  IkeIdent *identity;
  char **groups;
} Server;

static void
server_free (gpointer data)
{
  Server *server = data;

  ike_ident_unref (server->identity);
  g_strfreev (server->groups);
  g_free (server);
}

/* What is said in the tunnel when the method there is done. */
static void
say_result (Server *server, guint16 result, const char *reason)
{
  guint8 packet[PEAP_RESULT_LEN];

  server->state = SAID_RESULT;
  peap_result_write (IKE_EAP_CODE_REQUEST, ++server->identifier, result, packet);
  if (!eap_tunnel_say (server->tunnel, packet, sizeof packet))
    eap_tunnel_fail (server->tunnel, reason ? reason : "the result cannot be said");
  else if (reason)
    eap_tunnel_say_and_fail (server->tunnel, reason);
  else
    eap_tunnel_more (server->tunnel);
}

static void
inner_stepped (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Server *server = owner;
  IkeEapStep *step = result;

  if (error || eap_tunnel_has_ended (server->tunnel))
    eap_tunnel_fail (server->tunnel, error ? error : "the conversation was ended");
  else if (step->outcome == IKE_EAP_DONE) {
    server->identity = g_steal_pointer (&step->identity);
    server->groups = g_steal_pointer (&step->groups);
    say_result (server, PEAP_SUCCESS, NULL);
  } else if (step->outcome == IKE_EAP_FAILED)
    say_result (server, PEAP_FAILURE, step->reason);
  else {
    server->identifier = step->packet[1];
    eap_tunnel_warn (server->tunnel, step->reason);
    if (eap_tunnel_say (server->tunnel, step->packet + IKE_EAP_HEADER_LEN,
                        step->len - IKE_EAP_HEADER_LEN))
      eap_tunnel_more (server->tunnel);
    else
      eap_tunnel_fail (server->tunnel, "the method in the tunnel says more than fits");
  }
  ike_eap_step_free (step);
}

static void
tunnel_unref (gpointer data)
{
  eap_tunnel_unref (data);
}

static const IkeCallClass inner_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "method in PEAP",
  .timeout_ms = 60000,
  .then = inner_stepped,
  .undo = ike_eap_step_free,
  .free_data = tunnel_unref,
};

/* What has no header in the tunnel has the identifier of the packet outside, which some methods put
 * into their hashes. */
static void
run_inner (Server *server, const guint8 *packet, gsize len)
{
  eap_server_set_identifier (server->inner, eap_tunnel_identifier (server->tunnel));
  eap_server_step (
      server->inner,
      ike_loop_call (server->context->loop, &inner_call, server, eap_tunnel_ref (server->tunnel)),
      packet, len);
}

static void
begin_inner (Server *server)
{
  g_autofree char *why = NULL;

  server->inner_context = *server->context;
  server->inner_context.identity = NULL;
  server->inner_context.depth++;
  server->inner = eap_server_new (&server->inner_context, server->plugin->method, TRUE, &why);
  server->state = IN_EAP;
  if (server->inner)
    run_inner (server, NULL, 0);
  else
    eap_tunnel_fail (server->tunnel, why);
}

/* With TLS 1.2 our Finished goes first, and is answered by a packet without data. */
static void
begin_phase_2 (Server *server, gsize len)
{
  gboolean is_new = eap_tunnel_info (server->tunnel)->version == IKE_TLS_1_3;

  if (len)
    eap_tunnel_fail (server->tunnel, "the peer speaks first in the tunnel");
  else if (!is_new && !server->has_said_finished) {
    server->has_said_finished = TRUE;
    eap_tunnel_more (server->tunnel);
  } else
    begin_inner (server);
}

static void
take_result (Server *server, const guint8 *packet, gsize len)
{
  guint16 result;
  const char *why;

  if (!peap_is_extensions (packet, len) || packet[1] != server->identifier)
    eap_tunnel_fail (server->tunnel, "the peer does not answer the result in the tunnel");
  else if (!peap_result_read (packet, len, &result, &why))
    eap_tunnel_fail (server->tunnel, why);
  else if (result != PEAP_SUCCESS)
    eap_tunnel_fail (server->tunnel, "the peer is not content with what was said in the tunnel");
  else
    eap_tunnel_done (server->tunnel, g_steal_pointer (&server->identity),
                     g_steal_pointer (&server->groups));
}

static void
server_talk (gpointer user, const guint8 *data, gsize len)
{
  Server *server = user;
  g_autofree guint8 *packet = NULL;
  gsize packet_len = 0;

  if (server->state == TLS_DONE) {
    begin_phase_2 (server, len);
    return;
  }
  packet = peap_expand (data, len, IKE_EAP_CODE_RESPONSE, server->identifier, &packet_len);
  if (!packet)
    eap_tunnel_fail (server->tunnel, "the peer says nothing in the tunnel");
  else if (server->state == SAID_RESULT)
    take_result (server, packet, packet_len);
  else
    run_inner (server, packet, packet_len);
}

static const EapTunnelUser user_class = { .talk = server_talk,
                                          .free_user = server_free,
                                          .peer = IKE_TLS_NONE };

gpointer
peap_server_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  Server *server;

  if (context->depth) {
    *why = g_strdup ("PEAP does not go into the tunnel of another method");
    return NULL;
  }
  server = g_new0 (Server, 1);
  server->plugin = ike_plugin_state (self);
  server->context = context;
  server->tunnel =
      eap_tunnel_new (&server->plugin->tunnel, context, TRUE, &user_class, server, why);
  if (server->tunnel)
    return server;
  server_free (server);
  return NULL;
}

void
peap_server_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  eap_tunnel_step (((Server *) state)->tunnel, call, packet, len, identifier);
}

void
peap_server_end (gpointer state)
{
  Server *server = state;

  g_clear_pointer (&server->inner, eap_server_free);
  eap_tunnel_end (server->tunnel);
}
