/* SPDX-License-Identifier: Apache-2.0 */
/* aka_server.c - the server of EAP-AKA and EAP-AKA': an identity, a challenge, and after a failed
 * synchronization one more. */
#include "eap_aka.h"

#include <string.h>

typedef struct {
  AkaTalk aka;
  gboolean is_resynced;
  IkeSimQuintuplet *quintuplet; /* of the challenge that is under way */
} AkaServer;

static const char default_network[] = "WLAN";

static IkePart
network_of (const SimTalk *talk)
{
  const char *name = aka_options (talk)->network_name;

  if (!name)
    name = default_network;
  return (IkePart){ (const guint8 *) name, MIN (strlen (name), AKA_NETWORK_MAX) };
}

static void
send_identity (AkaServer *server)
{
  SimTalk *talk = &server->aka.talk;

  sim_write_empty (sim_talk_packet (talk, SIM_AKA_IDENTITY), sim_level_request (server->aka.level));
  sim_talk_send (talk);
}

/* The identity is none of a card: the next kind of it, if there is one. */
static void
ask_again (AkaServer *server)
{
  SimTalk *talk = &server->aka.talk;
  char name[4 * IKE_EAP_IDENTITY_MAX];

  if (++server->aka.level < SIM_ID_END) {
    send_identity (server);
    return;
  }
  ike_escape (name, sizeof name, talk->identity, talk->identity_len);
  sim_talk_fail (talk, "nobody here knows the card of \"%s\"", name);
}

/* RFC 9048, 3: the first KDF is the only one, and the name of the network goes along. */
static void
send_challenge (AkaServer *server)
{
  SimTalk *talk = &server->aka.talk;
  const IkeSimQuintuplet *quintuplet = server->quintuplet;
  IkeWriter *writer = sim_talk_packet (talk, SIM_AKA_CHALLENGE);
  IkePart network = network_of (talk);

  sim_write_value (writer, AT_RAND, quintuplet->rand, sizeof quintuplet->rand);
  sim_write_value (writer, AT_AUTN, quintuplet->autn, sizeof quintuplet->autn);
  if (aka_is_prime (talk)) {
    sim_write_number (writer, AT_KDF, AKA_KDF);
    sim_write_counted (writer, AT_KDF_INPUT, network.data, network.len);
  }
  if (!aka_derive (&server->aka, quintuplet, network)
      || !aka_write_checkcode (&server->aka, writer)) {
    sim_talk_fail (talk, "the keys cannot be derived");
    return;
  }
  if (sim_options (talk)->result_indications)
    sim_write_empty (writer, AT_RESULT_IND);
  /* RFC 9048, 4: "This bit is set to 1 if the sender supports EAP-AKA', is willing to use it, and
   * prefers it over EAP-AKA." */
  if (!aka_is_prime (talk) && aka_options (talk)->prefers_prime)
    sim_write_number (writer, AT_BIDDING, AKA_BIDDING_D);
  sim_talk_send_mac (talk, (IkePart){ 0 }, IKE_EAP_MORE);
}

static void
told_quintuplet (SimTalk *talk, gpointer result, const char *error)
{
  AkaServer *server = (AkaServer *) talk;
  IkeSimQuintuplet *quintuplet = result;

  ike_sim_quintuplet_free (server->quintuplet);
  server->quintuplet = quintuplet;
  if (!quintuplet && !error)
    ask_again (server);
  else if (!quintuplet)
    sim_talk_fail (talk, "no quintuplet of the card: %s", error);
  else if (quintuplet->outcome != IKE_SIM_DONE)
    sim_talk_fail (talk, "the peer's AUTS is not by the card");
  else if (quintuplet->res_len < 4 || quintuplet->res_len > IKE_SIM_RES_MAX)
    sim_talk_fail (talk, "the card's RES has a length that it cannot have");
  else
    send_challenge (server);
}

static void
ask_quintuplet (SimTalk *talk)
{
  sim_talk_ask (talk, SIM_ASK_QUINTUPLET, &(IkeSimQuery){ .is_separated = aka_is_prime (talk) },
                told_quintuplet);
}

/* RFC 4187, 4.1.2.2: "the server is strongly discouraged from relying upon the
 * EAP-Response/Identity." */
static void
begin (SimTalk *talk)
{
  AkaServer *server = (AkaServer *) talk;

  if (!sim_options (talk)->request_identity && talk->card[0]) {
    ask_quintuplet (talk);
    return;
  }
  server->aka.level = SIM_ID_ANY;
  send_identity (server);
}

static void
identified (AkaServer *server, const SimPacket *packet)
{
  SimTalk *talk = &server->aka.talk;
  gsize len;
  const guint8 *identity = sim_packet_value (packet, AT_IDENTITY, &len);

  if (!sim_packet_fits (packet, SIM_BIT (AT_IDENTITY), 0)) {
    sim_talk_fail (talk, "the peer does not say its identity");
    return;
  }
  aka_remember (&server->aka, talk->buffer, talk->out.len);
  aka_remember (&server->aka, packet->data, packet->len);
  sim_talk_identify (talk, identity, len);
  ask_quintuplet (talk);
}

static gboolean
is_res_right (const AkaServer *server, const SimPacket *packet)
{
  gsize len;
  const guint8 *res = sim_packet_value (packet, AT_RES, &len);

  return len == server->quintuplet->res_len && ike_equal (res, server->quintuplet->res, len);
}

static void
answered (AkaServer *server, const SimPacket *packet)
{
  SimTalk *talk = &server->aka.talk;
  gboolean indicate = (packet->has & SIM_BIT (AT_RESULT_IND)) != 0;

  /* RFC 9048, 3.2: "The first AT_KDF value in the message from the server is not a valid
   * alternative": and no other was offered. */
  if (!sim_packet_fits (packet, SIM_BIT (AT_RES) | SIM_BIT (AT_MAC), 0)
      || (indicate && !sim_options (talk)->result_indications))
    sim_talk_fail (talk, "the peer's answer has not the attributes that it must have");
  else if (!sim_mac_is_right (&talk->crypto, &talk->keys, packet, (IkePart){ 0 })
           || !is_res_right (server, packet))
    sim_talk_fail (talk, "the peer's answer is not that of the card");
  else if (!aka_checkcode_is_right (&server->aka, packet))
    sim_talk_fail (talk, "somebody changed the identity on its way: the check code is wrong");
  else
    sim_talk_succeed (talk, indicate);
}

/* RFC 4187, 6.3.1: "the peer responds with EAP-Response/AKA-Synchronization-Failure, and the server
 * proceeds with a new EAP-Request/AKA-Challenge": once. */
static void
out_of_step (AkaServer *server, const SimPacket *packet)
{
  SimTalk *talk = &server->aka.talk;
  guint32 kdf = aka_is_prime (talk) ? SIM_BIT (AT_KDF) : 0;
  IkeSimQuery query = { .rand = server->quintuplet->rand, .is_separated = kdf != 0 };

  if (!sim_packet_fits (packet, SIM_BIT (AT_AUTS), kdf)) {
    sim_talk_fail (talk, "the peer refuses our number without AUTS");
    return;
  }
  if (server->is_resynced) {
    sim_talk_fail (talk, "the card refuses the number of a second challenge too");
    return;
  }
  server->is_resynced = TRUE;
  query.auts = sim_packet_value (packet, AT_AUTS, NULL);
  sim_talk_ask (talk, SIM_ASK_QUINTUPLET, &query, told_quintuplet);
}

static void
received (SimTalk *talk, const SimPacket *packet)
{
  AkaServer *server = (AkaServer *) talk;
  gboolean is_challenging = server->quintuplet != NULL;

  if (packet->subtype == SIM_AKA_IDENTITY && !is_challenging)
    identified (server, packet);
  else if (packet->subtype == SIM_AKA_CHALLENGE && is_challenging)
    answered (server, packet);
  else if (packet->subtype == SIM_AKA_SYNC_FAILURE && is_challenging)
    out_of_step (server, packet);
  else if (packet->subtype == SIM_AKA_REJECT && is_challenging)
    sim_talk_give_up (talk, FALSE, "the card refuses us: our keys are not its network's");
  else
    sim_talk_fail (talk, "the peer sent a packet that is not due: subtype %u", packet->subtype);
}

static void
clear (SimTalk *talk)
{
  ike_sim_quintuplet_free (((AkaServer *) talk)->quintuplet);
  aka_clear (talk);
}

#define SERVER_CLASS(eap_type)                                                                     \
  {                                                                                                \
    .type = eap_type, .is_server = TRUE, .size = sizeof (AkaServer), .begin = begin,               \
    .received = received, .clear = clear                                                           \
  }

const SimTalkClass aka_server_class = SERVER_CLASS (IKE_EAP_TYPE_AKA);
const SimTalkClass aka_prime_server_class = SERVER_CLASS (IKE_EAP_TYPE_AKA_PRIME);
