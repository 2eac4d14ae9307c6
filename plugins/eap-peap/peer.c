/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c - answers what it is asked in the tunnel, and believes a success only from within it. */
#include "private.h"

/* Messages of the server without data, such as one that only ends the handshake. */
enum { SILENCES_MAX = 3 };

typedef struct {
  EapTunnel *tunnel;
  const PeapPlugin *plugin;
  const IkeEapContext *context;
  IkeEapContext inner_context;
  EapPeer *inner;
  guint n_silences;
} Peer;

static void
peer_free (gpointer data)
{
  g_free (data);
}

static void
inner_stepped (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Peer *peer = owner;
  IkeEapStep *step = result;

  if (error || eap_tunnel_has_ended (peer->tunnel))
    eap_tunnel_fail (peer->tunnel, error ? error : "the conversation was ended");
  else if (step->outcome == IKE_EAP_FAILED || step->len <= IKE_EAP_HEADER_LEN)
    eap_tunnel_fail (peer->tunnel,
                     step->reason ? step->reason : "the method in the tunnel is mute");
  else if (eap_tunnel_say (peer->tunnel, step->packet + IKE_EAP_HEADER_LEN,
                           step->len - IKE_EAP_HEADER_LEN))
    eap_tunnel_more (peer->tunnel);
  else
    eap_tunnel_fail (peer->tunnel, "the method in the tunnel says more than fits");
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

/* -- what the server says came of it */

/* A success is one if the method in the tunnel thinks so, too: else the server would let us believe
 * what nobody has proven. */
static void
take_result (Peer *peer, const guint8 *packet, gsize len)
{
  gboolean is_content = eap_peer_is_content (peer->inner);
  guint8 answer[PEAP_RESULT_LEN];
  guint16 result;
  const char *why;

  if (!peap_result_read (packet, len, &result, &why)) {
    eap_tunnel_fail (peer->tunnel, why);
    return;
  }
  peap_result_write (IKE_EAP_CODE_RESPONSE, packet[1],
                     result == PEAP_SUCCESS && is_content ? PEAP_SUCCESS : PEAP_FAILURE, answer);
  if (!eap_tunnel_say (peer->tunnel, answer, sizeof answer))
    eap_tunnel_fail (peer->tunnel, "the result cannot be answered");
  else if (result != PEAP_SUCCESS)
    eap_tunnel_say_and_fail (peer->tunnel, "the server refuses us in the tunnel");
  else if (!is_content)
    eap_tunnel_say_and_fail (peer->tunnel,
                             "the server says success in the tunnel before anything was proven");
  else
    eap_tunnel_done (peer->tunnel, NULL, NULL);
}

static void
take_verdict (Peer *peer, guint8 code)
{
  if (code == IKE_EAP_CODE_SUCCESS && eap_peer_is_content (peer->inner))
    eap_tunnel_done (peer->tunnel, NULL, NULL);
  else
    eap_tunnel_say_and_fail (
        peer->tunnel, code == IKE_EAP_CODE_SUCCESS
                          ? "the server says success in the tunnel before anything was proven"
                          : "the server refuses us in the tunnel");
}

static void
take (Peer *peer, const guint8 *packet, gsize len)
{
  if (packet[0] != IKE_EAP_CODE_REQUEST)
    take_verdict (peer, packet[0]);
  else if (peap_is_extensions (packet, len))
    take_result (peer, packet, len);
  else
    eap_peer_step (
        peer->inner,
        ike_loop_call (peer->context->loop, &inner_call, peer, eap_tunnel_ref (peer->tunnel)),
        packet, len);
}

static void
peer_talk (gpointer user, const guint8 *data, gsize len)
{
  Peer *peer = user;
  g_autofree guint8 *packet = NULL;
  g_autofree char *why = NULL;
  gsize packet_len = 0;

  if (len == 0 && !peer->inner && peer->n_silences++ < SILENCES_MAX) {
    eap_tunnel_more (peer->tunnel);
    return;
  }
  packet = peap_expand (data, len, IKE_EAP_CODE_REQUEST, eap_tunnel_identifier (peer->tunnel),
                        &packet_len);
  if (packet && !peer->inner) {
    peer->inner_context = *peer->context;
    peer->inner_context.depth++;
    peer->inner = eap_peer_new (&peer->inner_context, NULL, &why);
  }
  if (packet && peer->inner)
    take (peer, packet, packet_len);
  else
    eap_tunnel_fail (peer->tunnel, why ? why : "the server says nothing in the tunnel");
}

static const EapTunnelUser user_class = { .talk = peer_talk,
                                          .free_user = peer_free,
                                          .own = IKE_TLS_NONE };

gpointer
peap_peer_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  Peer *peer;

  if (context->depth) {
    *why = g_strdup ("PEAP does not go into the tunnel of another method");
    return NULL;
  }
  peer = g_new0 (Peer, 1);
  peer->plugin = ike_plugin_state (self);
  peer->context = context;
  peer->tunnel = eap_tunnel_new (&peer->plugin->tunnel, context, FALSE, &user_class, peer, why);
  if (peer->tunnel)
    return peer;
  peer_free (peer);
  return NULL;
}

void
peap_peer_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  eap_tunnel_step (((Peer *) state)->tunnel, call, packet, len, identifier);
}

void
peap_peer_end (gpointer state)
{
  Peer *peer = state;

  g_clear_pointer (&peer->inner, eap_peer_free);
  eap_tunnel_end (peer->tunnel);
}
