/* SPDX-License-Identifier: Apache-2.0 */
/* common.c - what the two ends of EAP-AKA share: keys, and AT_CHECKCODE. */
#include "eap_aka.h"

#include <string.h>

enum { SHA1_LEN = 20, SHA256_LEN = 32 };

const AkaOptions *
aka_options (const SimTalk *talk)
{
  return ike_plugin_state (talk->plugin);
}

gboolean
aka_is_prime (const SimTalk *talk)
{
  return talk->klass->type == IKE_EAP_TYPE_AKA_PRIME;
}

/* At most three rounds, of packets that are bounded. */
void
aka_remember (AkaTalk *aka, const guint8 *packet, gsize len)
{
  if (!aka->identities)
    aka->identities = g_byte_array_new ();
  g_byte_array_append (aka->identities, packet, (guint) len);
}

void
aka_clear (SimTalk *talk)
{
  g_clear_pointer (&((AkaTalk *) talk)->identities, g_byte_array_unref);
}

/* RFC 4187, 10.13: "EAP packets are included in the hash calculation "as-is"", and "If the
 * checkcode is not included in AT_CHECKCODE, then the attribute indicates that no
 * EAP/-AKA-Identity messages were exchanged."  In EAP-AKA' it is of SHA-256 (RFC 9048, 3.4.3). */
static gboolean
make_checkcode (AkaTalk *aka, guint8 out[static SIM_CHECKCODE_MAX], gsize *len)
{
  const SimTalk *talk = &aka->talk;
  gboolean is_prime = aka_is_prime (talk);
  IkePart part;

  *len = 0;
  if (!aka->identities)
    return TRUE;
  part = (IkePart){ aka->identities->data, aka->identities->len };
  *len = is_prime ? SHA256_LEN : SHA1_LEN;
  return ike_hash_run (is_prime ? talk->crypto.sha256 : talk->crypto.sha1, &part, 1, out);
}

gboolean
aka_write_checkcode (AkaTalk *aka, IkeWriter *writer)
{
  guint8 code[SIM_CHECKCODE_MAX];
  gsize len;

  if (!make_checkcode (aka, code, &len))
    return FALSE;
  sim_write_value (writer, AT_CHECKCODE, code, len);
  return TRUE;
}

gboolean
aka_checkcode_is_right (AkaTalk *aka, const SimPacket *packet)
{
  guint8 code[SIM_CHECKCODE_MAX];
  gsize len, said_len;
  const guint8 *said = sim_packet_value (packet, AT_CHECKCODE, &said_len);

  if (!(packet->has & SIM_BIT (AT_CHECKCODE)))
    return TRUE;
  return make_checkcode (aka, code, &len) && said_len == len
         && (len == 0 || memcmp (said, code, len) == 0);
}

gboolean
aka_derive (AkaTalk *aka, const IkeSimQuintuplet *quintuplet, IkePart network)
{
  SimTalk *talk = &aka->talk;
  IkePart identity = sim_talk_identity (talk);

  return aka_is_prime (talk)
             ? sim_keys_prime (&talk->crypto, &talk->keys, identity, network, quintuplet)
             : sim_keys_aka (&talk->crypto, &talk->keys, identity, quintuplet);
}
