/* SPDX-License-Identifier: Apache-2.0 */
/* sim_peer.c - the peer of EAP-SIM. */
#include "eap_sim.h"

#include <string.h>

typedef struct {
  SimTalk talk;
  SimIdLevel level; /* of the last Start */
  gboolean is_started;
  SimInputs inputs;
  guint8 versions[SIM_VERSIONS_MAX];
} SimPeer;

/* RFC 4186, 7: "The Version List denotes the 2-byte-long supported version numbers from
 * AT_VERSION_LIST, in the order in which they appear in the attribute": so that it goes into the
 * keys, and nobody can take a version out of it. */
static gboolean
take_versions (SimPeer *peer, const SimPacket *packet)
{
  IkeReader reader = packet->value[AT_VERSION_LIST];
  gboolean is_there = FALSE;

  memcpy (peer->versions, reader.data, reader.len);
  peer->inputs.versions = (IkePart){ peer->versions, reader.len };
  while (ike_reader_left (&reader))
    is_there |= ike_reader_u16 (&reader) == SIM_VERSION;
  return is_there && !reader.failed;
}

static void
start (SimPeer *peer, const SimPacket *packet)
{
  SimTalk *talk = &peer->talk;
  SimIdLevel level = sim_packet_level (packet);
  IkeWriter *writer;

  if (!sim_packet_fits (packet, SIM_BIT (AT_VERSION_LIST), SIM_ID_REQUESTS)) {
    sim_talk_fail (talk, "the server's Start has not the attributes that it must have");
    return;
  }
  /* RFC 4186, 4.2.5: "At most, three EAP/SIM/Start rounds can be used", each for more. */
  if (peer->is_started && level <= peer->level) {
    sim_talk_fail (talk, "the server asks for an identity out of turn");
    return;
  }
  if (!take_versions (peer, packet)) {
    sim_talk_error (talk, SIM_ERROR_VERSION, "the server has no version of EAP-SIM that we have");
    return;
  }
  /* 10.4: "If an EAP-SIM exchange includes several EAP/SIM/Start rounds, then the peer SHOULD use
   * the same NONCE_MT value". */
  if (!peer->is_started)
    ike_engine_random (talk->context->engine, peer->inputs.nonce, sizeof peer->inputs.nonce);
  peer->is_started = TRUE;
  peer->level = level;
  writer = sim_talk_packet (talk, SIM_START);
  if (level != SIM_ID_NONE)
    sim_write_counted (writer, AT_IDENTITY, talk->identity, talk->identity_len);
  sim_write_value (writer, AT_NONCE_MT, peer->inputs.nonce, sizeof peer->inputs.nonce);
  sim_write_number (writer, AT_SELECTED_VERSION, SIM_VERSION);
  sim_talk_send (talk);
}

static void
send_answer (SimPeer *peer, const IkeSimTriplets *triplets)
{
  SimTalk *talk = &peer->talk;
  gboolean indicate = (talk->packet.has & SIM_BIT (AT_RESULT_IND)) != 0;
  IkeWriter *writer = sim_talk_packet (talk, SIM_CHALLENGE);
  guint8 sres[IKE_SIM_TRIPLETS_MAX * IKE_SIM_SRES_LEN];

  for (guint i = 0; i < triplets->n; i++)
    memcpy (sres + i * IKE_SIM_SRES_LEN, triplets->triplets[i].sres, IKE_SIM_SRES_LEN);
  /* RFC 4186, 6.2: "If the peer also wants this, the peer includes AT_RESULT_IND". */
  if (indicate) {
    sim_write_empty (writer, AT_RESULT_IND);
    talk->phase = SIM_PHASE_INDICATING;
  }
  sim_talk_send_mac (talk, (IkePart){ sres, triplets->n * IKE_SIM_SRES_LEN },
                     indicate ? IKE_EAP_MORE : IKE_EAP_DONE);
  ike_wipe (sres, sizeof sres);
}

/* The card has answered; now it can be seen whether the challenge is the server's. */
static void
told_answers (SimTalk *talk, gpointer result, const char *error)
{
  SimPeer *peer = (SimPeer *) talk;
  IkeSimTriplets *triplets = result;
  const SimPacket *packet = &talk->packet;
  IkePart nonce = { peer->inputs.nonce, sizeof peer->inputs.nonce };
  const char *wrong = NULL;

  if (!triplets) {
    sim_talk_fail (talk, "our card does not answer: %s", error ? error : "nobody here knows it");
    return;
  }
  peer->inputs.identity = sim_talk_identity (talk);
  peer->inputs.version = SIM_VERSION;
  if (triplets->n != talk->query.n || triplets->n > IKE_SIM_TRIPLETS_MAX)
    wrong = "our card did not answer every challenge";
  else if (!sim_keys_gsm (&talk->crypto, &talk->keys, &peer->inputs, triplets))
    wrong = "the keys cannot be derived";
  else if (!sim_mac_is_right (&talk->crypto, &talk->keys, packet, nonce))
    wrong = "the challenge is not by a server that knows our card: its MAC is wrong";
  else
    wrong = sim_talk_sealed (talk);
  if (wrong)
    sim_talk_fail (talk, "%s", wrong);
  else
    send_answer (peer, triplets);
  ike_sim_triplets_free (triplets);
}

/* RFC 4186, 10.9: "the peer MUST check that the RANDs are different". */
static gboolean
are_different (const guint8 *rands, guint n)
{
  for (guint i = 1; i < n; i++)
    for (guint k = 0; k < i; k++)
      if (memcmp (rands + i * IKE_SIM_RAND_LEN, rands + k * IKE_SIM_RAND_LEN, IKE_SIM_RAND_LEN)
          == 0)
        return FALSE;
  return TRUE;
}

static void
challenged (SimPeer *peer, const SimPacket *packet)
{
  SimTalk *talk = &peer->talk;
  const EapSimOptions *options = ike_plugin_state (talk->plugin);
  gsize len;
  const guint8 *rands = sim_packet_value (packet, AT_RAND, &len);
  guint n = (guint) (len / IKE_SIM_RAND_LEN);

  if (!peer->is_started)
    sim_talk_fail (talk, "a challenge before the beginning");
  else if (!sim_packet_fits (packet, SIM_BIT (AT_RAND) | SIM_BIT (AT_MAC), 0))
    sim_talk_fail (talk, "the server's challenge has not the attributes that it must have");
  else if (len % IKE_SIM_RAND_LEN || !are_different (rands, n))
    sim_talk_fail (talk, "the server's challenge holds a RAND twice, or half of one");
  else if (n < options->min_challenges)
    sim_talk_error (talk, SIM_ERROR_TOO_FEW, "the server sends fewer challenges than we ask for");
  else
    sim_talk_ask (talk, SIM_ASK_GSM, &(IkeSimQuery){ .n = n, .rand = rands }, told_answers);
}

static void
received (SimTalk *talk, const SimPacket *packet)
{
  SimPeer *peer = (SimPeer *) talk;

  if (packet->subtype == SIM_START)
    start (peer, packet);
  else if (packet->subtype == SIM_CHALLENGE)
    challenged (peer, packet);
  else
    sim_talk_fail (talk, "the server sent a packet that is not due: subtype %u", packet->subtype);
}

const SimTalkClass sim_peer_class = { .type = IKE_EAP_TYPE_SIM,
                                      .size = sizeof (SimPeer),
                                      .received = received };
