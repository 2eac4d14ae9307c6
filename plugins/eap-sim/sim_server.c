/* SPDX-License-Identifier: Apache-2.0 */
/* sim_server.c - the server of EAP-SIM: Start until a card is known, then one Challenge. */
#include "eap_sim.h"

#include <string.h>

typedef struct {
  SimTalk talk;
  SimIdLevel level;
  gboolean is_challenging;
  SimInputs inputs;
  IkeSimTriplets *triplets;
} SimServer;

static const guint8 versions[] = { 0, SIM_VERSION };

static void
send_start (SimServer *server)
{
  IkeWriter *writer = sim_talk_packet (&server->talk, SIM_START);

  if (server->level != SIM_ID_NONE)
    sim_write_empty (writer, sim_level_request (server->level));
  sim_write_counted (writer, AT_VERSION_LIST, versions, sizeof versions);
  sim_talk_send (&server->talk);
}

/* RFC 4186, 4.2.4: "the server SHOULD NOT rely on an identity string received in
 * EAP-Response/Identity."  4.2.5: "AT_ANY_ID_REQ MUST NOT be used in the second or third
 * EAP-Request/SIM/Start." */
static void
begin (SimTalk *talk)
{
  SimServer *server = (SimServer *) talk;

  if (sim_options (talk)->request_identity || !talk->card[0])
    server->level = SIM_ID_ANY;
  send_start (server);
}

/* The identity is none of a card: the next kind of it, if there is one. */
static void
ask_again (SimServer *server)
{
  char name[4 * IKE_EAP_IDENTITY_MAX];

  server->level = server->level < SIM_ID_FULLAUTH ? SIM_ID_FULLAUTH : server->level + 1;
  if (server->level == SIM_ID_END) {
    ike_escape (name, sizeof name, server->talk.identity, server->talk.identity_len);
    sim_talk_fail (&server->talk, "nobody here knows the card of \"%s\"", name);
    return;
  }
  send_start (server);
}

static gboolean
are_different (const IkeSimTriplets *triplets)
{
  for (guint i = 1; i < triplets->n; i++)
    for (guint k = 0; k < i; k++)
      if (memcmp (triplets->triplets[i].rand, triplets->triplets[k].rand, IKE_SIM_RAND_LEN) == 0)
        return FALSE;
  return TRUE;
}

static void
send_challenge (SimServer *server)
{
  SimTalk *talk = &server->talk;
  IkeSimTriplets *triplets = server->triplets;
  IkeWriter *writer = sim_talk_packet (talk, SIM_CHALLENGE);
  guint8 rands[IKE_SIM_TRIPLETS_MAX * IKE_SIM_RAND_LEN];

  for (guint i = 0; i < triplets->n; i++)
    memcpy (rands + i * IKE_SIM_RAND_LEN, triplets->triplets[i].rand, IKE_SIM_RAND_LEN);
  sim_write_value (writer, AT_RAND, rands, triplets->n * IKE_SIM_RAND_LEN);
  if (sim_options (talk)->result_indications)
    sim_write_empty (writer, AT_RESULT_IND);
  server->is_challenging = TRUE;
  sim_talk_send_mac (talk, (IkePart){ server->inputs.nonce, SIM_NONCE_LEN }, IKE_EAP_MORE);
}

static void
told_triplets (SimTalk *talk, gpointer result, const char *error)
{
  SimServer *server = (SimServer *) talk;
  IkeSimTriplets *triplets = server->triplets = result;

  if (!triplets && !error) {
    ask_again (server);
    return;
  }
  if (!triplets) {
    sim_talk_fail (talk, "no triplets of the card: %s", error);
    return;
  }
  /* RFC 4186, 10.9: "The number of RAND challenges (n) MUST be two or three.  ...  The server MUST
   * use different RAND values." */
  if (triplets->n < SIM_CHALLENGES_MIN || triplets->n > IKE_SIM_TRIPLETS_MAX
      || !are_different (triplets)) {
    sim_talk_fail (talk, "the card has less than two different triplets");
    return;
  }
  server->inputs.identity = sim_talk_identity (talk);
  server->inputs.versions = (IkePart){ versions, sizeof versions };
  server->inputs.version = SIM_VERSION;
  if (sim_keys_gsm (&talk->crypto, &talk->keys, &server->inputs, triplets))
    send_challenge (server);
  else
    sim_talk_fail (talk, "the keys cannot be derived");
}

static void
started (SimServer *server, const SimPacket *packet)
{
  const guint32 full = SIM_BIT (AT_NONCE_MT) | SIM_BIT (AT_SELECTED_VERSION);
  const guint32 identity = server->level != SIM_ID_NONE ? SIM_BIT (AT_IDENTITY) : 0;
  SimTalk *talk = &server->talk;
  gsize len;
  const guint8 *said = sim_packet_value (packet, AT_IDENTITY, &len);

  /* RFC 4186, 9.2: "The AT_NONCE_MT attribute MUST NOT be included if the AT_IDENTITY attribute
   * includes a fast re-authentication identity": we never gave one, so it is not known. */
  if (identity && packet->has == identity && sim_talk_identify (talk, said, len)) {
    ask_again (server);
    return;
  }
  if (!sim_packet_fits (packet, full | identity, 0)) {
    sim_talk_fail (talk, "the peer's Start has not the attributes that it must have");
    return;
  }
  if (sim_packet_number (packet, AT_SELECTED_VERSION) != SIM_VERSION) {
    sim_talk_fail (talk, "the peer selects a version that was not offered");
    return;
  }
  memcpy (server->inputs.nonce, sim_packet_value (packet, AT_NONCE_MT, NULL), SIM_NONCE_LEN);
  if (identity)
    sim_talk_identify (talk, said, len);
  sim_talk_ask (talk, SIM_ASK_TRIPLETS, &(IkeSimQuery){ .n = IKE_SIM_TRIPLETS_MAX }, told_triplets);
}

/* RFC 4186, 9.4: "EAP packet| n*SRES". */
static void
answered (SimServer *server, const SimPacket *packet)
{
  SimTalk *talk = &server->talk;
  guint8 sres[IKE_SIM_TRIPLETS_MAX * IKE_SIM_SRES_LEN];
  IkePart extra = { sres, server->triplets->n * IKE_SIM_SRES_LEN };
  gboolean indicate = (packet->has & SIM_BIT (AT_RESULT_IND)) != 0;
  gboolean is_right;

  if (!sim_packet_fits (packet, SIM_BIT (AT_MAC), 0)
      || (indicate && !sim_options (talk)->result_indications)) {
    sim_talk_fail (talk, "the peer's answer has not the attributes that it must have");
    return;
  }
  for (guint i = 0; i < server->triplets->n; i++)
    memcpy (sres + i * IKE_SIM_SRES_LEN, server->triplets->triplets[i].sres, IKE_SIM_SRES_LEN);
  is_right = sim_mac_is_right (&talk->crypto, &talk->keys, packet, extra);
  ike_wipe (sres, sizeof sres);
  if (is_right)
    sim_talk_succeed (talk, indicate);
  else
    sim_talk_fail (talk, "the peer's answer is not that of the card");
}

static void
received (SimTalk *talk, const SimPacket *packet)
{
  SimServer *server = (SimServer *) talk;

  if (packet->subtype == SIM_START && !server->is_challenging)
    started (server, packet);
  else if (packet->subtype == SIM_CHALLENGE && server->is_challenging)
    answered (server, packet);
  else
    sim_talk_fail (talk, "the peer sent a packet that is not due: subtype %u", packet->subtype);
}

static void
clear (SimTalk *talk)
{
  ike_sim_triplets_free (((SimServer *) talk)->triplets);
}

const SimTalkClass sim_server_class = { .type = IKE_EAP_TYPE_SIM,
                                        .is_server = TRUE,
                                        .size = sizeof (SimServer),
                                        .begin = begin,
                                        .received = received,
                                        .clear = clear };
