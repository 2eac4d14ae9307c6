/* SPDX-License-Identifier: Apache-2.0 */
/* aka_peer.c - the peer of EAP-AKA and EAP-AKA'. */
#include "eap_aka.h"

#include <string.h>

enum { AMF_AT = 6, SEPARATION = 0x80 };

typedef struct {
  AkaTalk aka;
  gboolean is_resynced;
  guint16 offered[SIM_KDFS_MAX]; /* EAP-AKA': the KDFs of a challenge that we asked to change */
  guint n_offered;
} AkaPeer;

/* RFC 4187, 4.1.5: "At most three EAP/AKA-Identity rounds can be used", each for more. */
static void
asked (AkaPeer *peer, const SimPacket *packet)
{
  SimTalk *talk = &peer->aka.talk;
  SimIdLevel level = sim_packet_level (packet);
  IkeWriter *writer;

  if (!sim_packet_fits (packet, 0, SIM_ID_REQUESTS) || level <= peer->aka.level || peer->is_resynced
      || peer->n_offered) {
    sim_talk_fail (talk, "the server asks for an identity out of turn");
    return;
  }
  peer->aka.level = level;
  writer = sim_talk_packet (talk, SIM_AKA_IDENTITY);
  sim_write_counted (writer, AT_IDENTITY, talk->identity, talk->identity_len);
  if (sim_write_end (writer)) {
    aka_remember (&peer->aka, packet->data, packet->len);
    aka_remember (&peer->aka, writer->data, writer->len);
  }
  sim_talk_send (talk);
}

/* RFC 4187, 6.3.1: "if the peer does not accept AUTN, the peer responds with
 * EAP-Response/AKA-Authentication-Reject". */
static void
reject (SimTalk *talk, const char *reason)
{
  sim_talk_packet (talk, SIM_AKA_REJECT);
  sim_talk_give_up (talk, TRUE, reason);
}

/* -- the key derivation function of EAP-AKA' */

static gboolean
has_kdf (const guint16 *kdfs, guint n, guint16 kdf)
{
  for (guint i = 0; i < n; i++)
    if (kdfs[i] == kdf)
      return TRUE;
  return FALSE;
}

/* RFC 9048, 3.2: "The peer fails the authentication also if there are any duplicate values within
 * the list of AT_KDF attributes". */
static gboolean
is_twice (const guint16 *kdfs, guint n)
{
  for (guint i = 0; i < n; i++)
    if (has_kdf (kdfs, i, kdfs[i]))
      return TRUE;
  return FALSE;
}

/* "it MUST check that the requested change, and only the requested change, occurred in the list of
 * AT_KDF attributes". */
static gboolean
is_change (const AkaPeer *peer, const SimPacket *packet)
{
  return packet->n_kdfs == peer->n_offered + 1 && packet->kdfs[0] == AKA_KDF
         && memcmp (packet->kdfs + 1, peer->offered, peer->n_offered * sizeof *peer->offered) == 0;
}

/* RFC 9048, 3.1: names "match only if they are equal character by character", field by field, and
 * "additional fields are ignored". */
static gboolean
is_network_ours (const SimTalk *talk, const SimPacket *packet)
{
  const char *ours = aka_options (talk)->network_name;
  gsize len, ours_len = ours ? strlen (ours) : 0;
  const guint8 *theirs = sim_packet_value (packet, AT_KDF_INPUT, &len);
  gsize common = MIN (len, ours_len);

  if (!ours_len)
    return TRUE;
  if (memcmp (theirs, ours, common) != 0)
    return FALSE;
  return len == ours_len || (len > common ? theirs[common] == ':' : ours[common] == ':');
}

/* What EAP-AKA' asks of a challenge before the card sees it; FALSE: it was answered. */
static gboolean
is_prime_right (AkaPeer *peer, const SimPacket *packet)
{
  SimTalk *talk = &peer->aka.talk;
  const guint8 *autn = sim_packet_value (packet, AT_AUTN, NULL);
  guint n = packet->n_kdfs;

  if (peer->n_offered ? !is_change (peer, packet) : is_twice (packet->kdfs, n)) {
    sim_talk_fail (talk, "the server's key derivation functions are not those that it may name");
    return FALSE;
  }
  /* 3.2: "If there is no suitable alternative, the peer behaves as if AUTN had been incorrect". */
  if (!has_kdf (packet->kdfs, n, AKA_KDF)) {
    reject (talk, "the server has no key derivation function that we have");
    return FALSE;
  }
  if (packet->kdfs[0] != AKA_KDF) {
    peer->n_offered = n;
    memcpy (peer->offered, packet->kdfs, n * sizeof *packet->kdfs);
    sim_write_number (sim_talk_packet (talk, SIM_AKA_CHALLENGE), AT_KDF, AKA_KDF);
    sim_talk_send (talk);
    return FALSE;
  }
  if (!is_network_ours (talk, packet)) {
    reject (talk, "the server's network has another name than plugins.eap-aka.network_name");
    return FALSE;
  }
  /* 3.3: "If the bit is not set to 1, the peer behaves as if the AUTN had been incorrect". */
  if (!(autn[AMF_AT] & SEPARATION)) {
    reject (talk, "the server's AUTN is not for EAP-AKA': its separation bit is not set");
    return FALSE;
  }
  return TRUE;
}

/* -- a challenge */

static void
send_resync (AkaPeer *peer, const IkeSimQuintuplet *quintuplet)
{
  SimTalk *talk = &peer->aka.talk;
  IkeWriter *writer;

  if (peer->is_resynced) {
    sim_talk_fail (talk, "the number of the server's second challenge is not fresh either");
    return;
  }
  peer->is_resynced = TRUE;
  writer = sim_talk_packet (talk, SIM_AKA_SYNC_FAILURE);
  sim_write_value (writer, AT_AUTS, quintuplet->auts, sizeof quintuplet->auts);
  for (guint i = 0; i < talk->packet.n_kdfs && aka_is_prime (talk); i++)
    sim_write_number (writer, AT_KDF, talk->packet.kdfs[i]);
  sim_talk_send (talk);
}

static void
send_answer (AkaPeer *peer, const IkeSimQuintuplet *quintuplet)
{
  SimTalk *talk = &peer->aka.talk;
  gboolean indicate = (talk->packet.has & SIM_BIT (AT_RESULT_IND)) != 0;
  IkeWriter *writer = sim_talk_packet (talk, SIM_AKA_CHALLENGE);

  sim_write_counted (writer, AT_RES, quintuplet->res, quintuplet->res_len);
  if (!aka_write_checkcode (&peer->aka, writer)) {
    sim_talk_fail (talk, "the check code cannot be computed");
    return;
  }
  if (indicate) {
    sim_write_empty (writer, AT_RESULT_IND);
    talk->phase = SIM_PHASE_INDICATING;
  }
  sim_talk_send_mac (talk, (IkePart){ 0 }, indicate ? IKE_EAP_MORE : IKE_EAP_DONE);
}

/* RFC 9048, 4: "If it turns out that both the server and peer would have been able to use EAP-AKA'
 * and preferred it over EAP-AKA, the peer behaves as if AUTN had been incorrect". */
static gboolean
was_bid_down (const SimTalk *talk)
{
  const SimPacket *packet = &talk->packet;

  return !aka_is_prime (talk) && aka_options (talk)->prefers_prime
         && packet->has & SIM_BIT (AT_BIDDING)
         && sim_packet_number (packet, AT_BIDDING) & AKA_BIDDING_D;
}

/* The card trusts AUTN; do MAC and what it covers fit? */
static void
check_and_answer (AkaPeer *peer, const IkeSimQuintuplet *quintuplet)
{
  SimTalk *talk = &peer->aka.talk;
  const SimPacket *packet = &talk->packet;
  IkePart network = { 0 };
  const char *wrong;

  network.data = sim_packet_value (packet, AT_KDF_INPUT, &network.len);
  if (!aka_derive (&peer->aka, quintuplet, network))
    wrong = "the keys cannot be derived";
  else if (!sim_mac_is_right (&talk->crypto, &talk->keys, packet, (IkePart){ 0 }))
    wrong = "the challenge was changed on its way: its MAC is wrong";
  else if (!aka_checkcode_is_right (&peer->aka, packet))
    wrong = "somebody changed our identity on its way: the check code is wrong";
  else
    wrong = sim_talk_sealed (talk);
  if (wrong)
    sim_talk_fail (talk, "%s", wrong);
  else if (was_bid_down (talk))
    reject (talk, "both ends prefer EAP-AKA' (eap-aka.prefer_prime), and somebody kept us from it");
  else
    send_answer (peer, quintuplet);
}

static void
told_answer (SimTalk *talk, gpointer result, const char *error)
{
  AkaPeer *peer = (AkaPeer *) talk;
  IkeSimQuintuplet *quintuplet = result;

  if (!quintuplet)
    sim_talk_fail (talk, "our card does not answer: %s", error ? error : "nobody here knows it");
  else if (quintuplet->outcome == IKE_SIM_RESYNC)
    send_resync (peer, quintuplet);
  else if (quintuplet->outcome == IKE_SIM_REFUSED)
    reject (talk, "the challenge is not by our card's network: AUTN is wrong");
  else
    check_and_answer (peer, quintuplet);
  ike_sim_quintuplet_free (quintuplet);
}

static void
challenged (AkaPeer *peer, const SimPacket *packet)
{
  SimTalk *talk = &peer->aka.talk;
  guint32 prime = aka_is_prime (talk) ? SIM_BIT (AT_KDF) | SIM_BIT (AT_KDF_INPUT) : 0;
  guint32 must = SIM_BIT (AT_RAND) | SIM_BIT (AT_AUTN) | SIM_BIT (AT_MAC);
  gsize len;
  IkeSimQuery query = { .n = 1, .rand = sim_packet_value (packet, AT_RAND, &len) };

  if (!sim_packet_fits (packet, must, prime) || len != IKE_SIM_RAND_LEN) {
    sim_talk_fail (talk, "the server's challenge has not the attributes that it must have");
    return;
  }
  /* RFC 9048, 3.1: "If the AT_KDF_INPUT attribute is empty, the peer behaves as if AUTN had been
   * incorrect"; 3.3: so too where "AT_KDF is missing". */
  if (prime && ((packet->has & prime) != prime || packet->value[AT_KDF_INPUT].len == 0)) {
    reject (talk, "the server's challenge names no network, or no key derivation function");
    return;
  }
  if (prime && !is_prime_right (peer, packet))
    return;
  query.autn = sim_packet_value (packet, AT_AUTN, NULL);
  sim_talk_ask (talk, SIM_ASK_AKA, &query, told_answer);
}

static void
received (SimTalk *talk, const SimPacket *packet)
{
  AkaPeer *peer = (AkaPeer *) talk;

  if (packet->subtype == SIM_AKA_IDENTITY)
    asked (peer, packet);
  else if (packet->subtype == SIM_AKA_CHALLENGE)
    challenged (peer, packet);
  else
    sim_talk_fail (talk, "the server sent a packet that is not due: subtype %u", packet->subtype);
}

const SimTalkClass aka_peer_class = {
  .type = IKE_EAP_TYPE_AKA, .size = sizeof (AkaPeer), .received = received, .clear = aka_clear
};
const SimTalkClass aka_prime_peer_class = {
  .type = IKE_EAP_TYPE_AKA_PRIME, .size = sizeof (AkaPeer), .received = received, .clear = aka_clear
};
