/* SPDX-License-Identifier: Apache-2.0 */
/* server.c - asks in the tunnel who the peer is, runs a method, and says what came of it. */
#include "private.h"

typedef enum { TLS_DONE, IN_EAP, SAID_RESULT } State;

typedef struct {
  EapInner inner;
  State state;
  gboolean has_said_finished;
  guint8 identifier; /* of what is asked in the tunnel */
  IkeIdent *identity;
  char **groups;
} Server;

static void
clear (EapInner *inner)
{
  Server *server = (Server *) inner;

  ike_ident_unref (server->identity);
  g_strfreev (server->groups);
}

static gboolean
say (EapInner *inner, const guint8 *packet, gsize len)
{
  ((Server *) inner)->identifier = packet[1];
  return eap_tunnel_say (inner->tunnel, packet + IKE_EAP_HEADER_LEN, len - IKE_EAP_HEADER_LEN);
}

/* What is said in the tunnel when the method there is done. */
static void
say_result (Server *server, guint16 result, const char *reason)
{
  guint8 packet[PEAP_RESULT_LEN];

  server->state = SAID_RESULT;
  peap_result_write (IKE_EAP_CODE_REQUEST, ++server->identifier, result, packet);
  if (!eap_tunnel_say (server->inner.tunnel, packet, sizeof packet))
    eap_tunnel_fail (server->inner.tunnel, reason ? reason : "the result cannot be said");
  else if (reason)
    eap_tunnel_say_and_fail (server->inner.tunnel, reason);
  else
    eap_tunnel_more (server->inner.tunnel);
}

static void
ended (EapInner *inner, IkeEapStep *step)
{
  Server *server = (Server *) inner;

  if (step->outcome == IKE_EAP_DONE) {
    server->identity = g_steal_pointer (&step->identity);
    server->groups = g_steal_pointer (&step->groups);
    say_result (server, PEAP_SUCCESS, NULL);
  } else
    say_result (server, PEAP_FAILURE, step->reason);
}

/* What has no header in the tunnel has the identifier of the packet outside, which some methods put
 * into their hashes. */
static void
run (EapInner *inner, const guint8 *packet, gsize len)
{
  eap_server_set_identifier (inner->server, eap_tunnel_identifier (inner->tunnel));
  eap_inner_run (inner, packet, len);
}

static void
begin (Server *server)
{
  const PeapPlugin *plugin = server->inner.plugin;

  server->state = IN_EAP;
  if (eap_inner_be_server (&server->inner, plugin->method, NULL))
    run (&server->inner, NULL, 0);
}

/* With TLS 1.2 our Finished goes first, and is answered by a packet without data. */
static void
begin_phase_2 (Server *server, gsize len)
{
  gboolean is_new = eap_tunnel_info (server->inner.tunnel)->version == IKE_TLS_1_3;

  if (len)
    eap_tunnel_fail (server->inner.tunnel, "the peer speaks first in the tunnel");
  else if (!is_new && !server->has_said_finished) {
    server->has_said_finished = TRUE;
    eap_tunnel_more (server->inner.tunnel);
  } else
    begin (server);
}

static void
take_result (Server *server, const guint8 *packet, gsize len)
{
  guint16 result;
  const char *why;

  if (!peap_is_extensions (packet, len) || packet[1] != server->identifier)
    eap_tunnel_fail (server->inner.tunnel, "the peer does not answer the result in the tunnel");
  else if (!peap_result_read (packet, len, &result, &why))
    eap_tunnel_fail (server->inner.tunnel, why);
  else if (result != PEAP_SUCCESS)
    eap_tunnel_fail (server->inner.tunnel,
                     "the peer is not content with what was said in the tunnel");
  else
    eap_tunnel_done (server->inner.tunnel, g_steal_pointer (&server->identity),
                     g_steal_pointer (&server->groups));
}

static void
talk (EapInner *inner, const guint8 *data, gsize len)
{
  Server *server = (Server *) inner;
  g_autofree guint8 *packet = NULL;
  gsize packet_len = 0;

  if (server->state == TLS_DONE) {
    begin_phase_2 (server, len);
    return;
  }
  packet = peap_expand (data, len, IKE_EAP_CODE_RESPONSE, server->identifier, &packet_len);
  if (!packet)
    eap_tunnel_fail (inner->tunnel, "the peer says nothing in the tunnel");
  else if (server->state == SAID_RESULT)
    take_result (server, packet, packet_len);
  else
    run (inner, packet, packet_len);
  if (packet)
    ike_wipe (packet, packet_len);
}

static const EapInnerClass server_class = { .name = "PEAP",
                                            .is_server = TRUE,
                                            .size = sizeof (Server),
                                            .talk = talk,
                                            .say = say,
                                            .ended = ended,
                                            .clear = clear };

gpointer
peap_server_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  return eap_inner_new (&server_class, self, context, why);
}
