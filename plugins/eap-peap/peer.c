/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c - answers what it is asked in the tunnel, and believes a success only from within it. */
#include "private.h"

/* Messages of the server without data, such as one that only ends the handshake. */
enum { SILENCES_MAX = 3 };

typedef struct {
  EapInner inner;
  guint n_silences;
} Peer;

static gboolean
say (EapInner *inner, const guint8 *packet, gsize len)
{
  return eap_tunnel_say (inner->tunnel, packet + IKE_EAP_HEADER_LEN, len - IKE_EAP_HEADER_LEN);
}

/* -- what the server says came of it */

/* A success is one if the method in the tunnel thinks so, too: else the server would let us believe
 * what nobody has proven. */
static void
take_result (EapInner *inner, const guint8 *packet, gsize len)
{
  gboolean is_content = eap_peer_is_content (inner->peer);
  guint8 answer[PEAP_RESULT_LEN];
  guint16 result;
  const char *why;

  if (!peap_result_read (packet, len, &result, &why)) {
    eap_tunnel_fail (inner->tunnel, why);
    return;
  }
  peap_result_write (IKE_EAP_CODE_RESPONSE, packet[1],
                     result == PEAP_SUCCESS && is_content ? PEAP_SUCCESS : PEAP_FAILURE, answer);
  if (!eap_tunnel_say (inner->tunnel, answer, sizeof answer))
    eap_tunnel_fail (inner->tunnel, "the result cannot be answered");
  else if (result != PEAP_SUCCESS)
    eap_tunnel_say_and_fail (inner->tunnel, "the server refuses us in the tunnel");
  else if (!is_content)
    eap_tunnel_say_and_fail (inner->tunnel,
                             "the server says success in the tunnel before anything was proven");
  else
    eap_tunnel_done (inner->tunnel, NULL, NULL);
}

static void
take_verdict (EapInner *inner, guint8 code)
{
  if (code == IKE_EAP_CODE_SUCCESS && eap_peer_is_content (inner->peer))
    eap_tunnel_done (inner->tunnel, NULL, NULL);
  else
    eap_tunnel_say_and_fail (
        inner->tunnel, code == IKE_EAP_CODE_SUCCESS
                           ? "the server says success in the tunnel before anything was proven"
                           : "the server refuses us in the tunnel");
}

static void
take (EapInner *inner, const guint8 *packet, gsize len)
{
  if (packet[0] != IKE_EAP_CODE_REQUEST)
    take_verdict (inner, packet[0]);
  else if (peap_is_extensions (packet, len))
    take_result (inner, packet, len);
  else
    eap_inner_run (inner, packet, len);
}

static void
talk (EapInner *inner, const guint8 *data, gsize len)
{
  g_autofree guint8 *packet = NULL;
  gsize packet_len = 0;

  if (len == 0 && !inner->peer && ((Peer *) inner)->n_silences++ < SILENCES_MAX) {
    eap_tunnel_more (inner->tunnel);
    return;
  }
  packet = peap_expand (data, len, IKE_EAP_CODE_REQUEST, eap_tunnel_identifier (inner->tunnel),
                        &packet_len);
  if (!packet)
    eap_tunnel_fail (inner->tunnel, "the server says nothing in the tunnel");
  else if (inner->peer || eap_inner_be_peer (inner))
    take (inner, packet, packet_len);
  if (packet)
    ike_wipe (packet, packet_len);
}

static const EapInnerClass peer_class = {
  .name = "PEAP", .size = sizeof (Peer), .talk = talk, .say = say
};

gpointer
peap_peer_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  return eap_inner_new (&peer_class, self, context, why);
}
