/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - keys of EAP-SIM, EAP-AKA and EAP-AKA', AT_MAC and AT_ENCR_DATA. */
#include "keys.h"

#include <string.h>

enum { TRANSFORM_AES_CBC = 12, PRF_HMAC_SHA1 = 2, PRF_HMAC_SHA2_256 = 5, SHA256_LEN = 32 };

void
sim_crypto_find (SimCrypto *crypto, IkeEngine *engine)
{
  *crypto = (SimCrypto){
    .aes = ike_cipher_find (engine, TRANSFORM_AES_CBC, 128),
    .hmac_sha1 = ike_prf_find (engine, PRF_HMAC_SHA1),
    .hmac_sha256 = ike_prf_find (engine, PRF_HMAC_SHA2_256),
    .sha1 = ike_hash_find (engine, "sha1"),
    .sha256 = ike_hash_find (engine, "sha256"),
  };
}

/* RFC 4186, 7: "the resulting 320-bit random numbers (x_0, x_1, ..., x_m-1) are concatenated and
 * partitioned into suitable-sized chunks and used as keys in the following order: K_encr (128
 * bits), K_aut (128 bits), Master Session Key (64 bytes), Extended Master Session Key (64
 * bytes)." */
static gboolean
expand (const SimCrypto *crypto, SimKeys *keys, const IkePart *parts, guint n)
{
  struct {
    guint8 encr[16], aut[16], msk[64], emsk[64];
  } stream;
  guint8 master[SIM_SEED_LEN];

  if (!ike_hash_run (crypto->sha1, parts, n, master))
    return FALSE;
  sim_prf (master, (guint8 *) &stream, sizeof stream);
  memcpy (keys->encr, stream.encr, sizeof stream.encr);
  memcpy (keys->aut, stream.aut, sizeof stream.aut);
  memcpy (keys->msk, stream.msk, sizeof stream.msk);
  memcpy (keys->emsk, stream.emsk, sizeof stream.emsk);
  keys->aut_len = sizeof stream.aut;
  ike_wipe (master, sizeof master);
  ike_wipe (&stream, sizeof stream);
  return TRUE;
}

/* RFC 4186, 7: "MK = SHA1(Identity|n*Kc| NONCE_MT| Version List| Selected Version)". */
gboolean
sim_keys_gsm (const SimCrypto *crypto, SimKeys *keys, const SimInputs *inputs,
              const IkeSimTriplets *triplets)
{
  const guint8 version[] = { (guint8) (inputs->version >> 8), (guint8) inputs->version };
  IkePart parts[4 + IKE_SIM_TRIPLETS_MAX];
  guint n = 0;

  parts[n++] = inputs->identity;
  for (guint i = 0; i < MIN (triplets->n, IKE_SIM_TRIPLETS_MAX); i++)
    parts[n++] = (IkePart){ triplets->triplets[i].kc, IKE_SIM_KC_LEN };
  parts[n++] = (IkePart){ inputs->nonce, sizeof inputs->nonce };
  parts[n++] = inputs->versions;
  parts[n++] = (IkePart){ version, sizeof version };
  return expand (crypto, keys, parts, n);
}

/* RFC 4187, 7: "MK = SHA1(Identity|IK|CK)". */
gboolean
sim_keys_aka (const SimCrypto *crypto, SimKeys *keys, IkePart identity,
              const IkeSimQuintuplet *quintuplet)
{
  const IkePart parts[] = { identity,
                            { quintuplet->ik, sizeof quintuplet->ik },
                            { quintuplet->ck, sizeof quintuplet->ck } };

  return expand (crypto, keys, parts, G_N_ELEMENTS (parts));
}

/* RFC 9048, 3.3: "IK' and CK' are derived as specified in [TS-3GPP.33.402]": HMAC-SHA-256 with the
 * key CK | IK over FC = 0x20, the network name, its length, SQN xor AK, and the length of that. */
static gboolean
bind_to_network (const SimCrypto *crypto, IkePart network, const IkeSimQuintuplet *quintuplet,
                 guint8 ck_ik[static SHA256_LEN])
{
  enum { SQN_LEN = 6 };
  static const guint8 fc = 0x20;
  const guint8 name_len[] = { (guint8) (network.len >> 8), (guint8) network.len };
  const guint8 sqn_len[] = { 0, SQN_LEN };
  const IkePart parts[] = { { &fc, 1 },
                            network,
                            { name_len, sizeof name_len },
                            { quintuplet->autn, SQN_LEN },
                            { sqn_len, sizeof sqn_len } };
  guint8 key[2 * IKE_SIM_KEY_LEN];
  gboolean is_done;

  memcpy (key, quintuplet->ck, IKE_SIM_KEY_LEN);
  memcpy (key + IKE_SIM_KEY_LEN, quintuplet->ik, IKE_SIM_KEY_LEN);
  is_done = ike_prf_run (crypto->hmac_sha256, key, sizeof key, parts, G_N_ELEMENTS (parts), ck_ik);
  ike_wipe (key, sizeof key);
  return is_done;
}

gboolean
sim_keys_prime (const SimCrypto *crypto, SimKeys *keys, IkePart identity, IkePart network,
                const IkeSimQuintuplet *quintuplet)
{
  static const char label[] = "EAP-AKA'";
  const IkePart parts[] = { { (const guint8 *) label, sizeof label - 1 }, identity };
  guint8 ck_ik[SHA256_LEN], key[SHA256_LEN];
  struct {
    guint8 encr[16], aut[32], re[32], msk[64], emsk[64];
  } stream;
  gboolean is_done = bind_to_network (crypto, network, quintuplet, ck_ik);

  /* RFC 9048, 3.3: "MK = PRF'(IK'|CK',"EAP-AKA'"|Identity)", and 3.4.1: PRF' is that of IKEv2. */
  memcpy (key, ck_ik + IKE_SIM_KEY_LEN, IKE_SIM_KEY_LEN);
  memcpy (key + IKE_SIM_KEY_LEN, ck_ik, IKE_SIM_KEY_LEN);
  is_done = is_done
            && ike_prf_plus (crypto->hmac_sha256, key, sizeof key, parts, G_N_ELEMENTS (parts),
                             (guint8 *) &stream, sizeof stream);
  if (is_done) {
    memcpy (keys->encr, stream.encr, sizeof stream.encr);
    memcpy (keys->aut, stream.aut, sizeof stream.aut);
    memcpy (keys->msk, stream.msk, sizeof stream.msk);
    memcpy (keys->emsk, stream.emsk, sizeof stream.emsk);
    keys->aut_len = sizeof stream.aut;
  }
  ike_wipe (ck_ik, sizeof ck_ik);
  ike_wipe (key, sizeof key);
  ike_wipe (&stream, sizeof stream);
  return is_done;
}

/* RFC 4186, 10.14: "The MAC is calculated over the whole EAP packet and concatenated with optional
 * message-specific data, with the exception that the value field of the MAC attribute is set to
 * zero".  RFC 9048, 3.4.2 has HMAC-SHA-256-128 instead. */
gboolean
sim_mac (const SimCrypto *crypto, const SimKeys *keys, const SimPacket *packet, IkePart extra,
         guint8 out[static SIM_MAC_LEN])
{
  static const guint8 zeros[SIM_MAC_LEN];
  const guint8 *behind = packet->data + packet->mac_at + SIM_MAC_LEN;
  const IkePart parts[] = { { packet->data, packet->mac_at },
                            { zeros, sizeof zeros },
                            { behind, (gsize) (packet->data + packet->len - behind) },
                            extra };
  const IkePrf *prf = keys->aut_len == 16 ? crypto->hmac_sha1 : crypto->hmac_sha256;
  guint8 whole[IKE_SECRET_MAX];

  if (!keys->aut_len
      || !ike_prf_run (prf, keys->aut, keys->aut_len, parts, G_N_ELEMENTS (parts), whole))
    return FALSE;
  memcpy (out, whole, SIM_MAC_LEN);
  return TRUE;
}

gboolean
sim_mac_is_right (const SimCrypto *crypto, const SimKeys *keys, const SimPacket *packet,
                  IkePart extra)
{
  guint8 expected[SIM_MAC_LEN];

  return (packet->has & SIM_BIT (AT_MAC)) && sim_mac (crypto, keys, packet, extra, expected)
         && ike_equal (expected, packet->data + packet->mac_at, sizeof expected);
}

gboolean
sim_write_mac (IkeWriter *writer, const SimCrypto *crypto, const SimKeys *keys, IkePart extra)
{
  static const guint8 zeros[SIM_MAC_LEN];
  SimPacket packet = { .data = writer->data };

  sim_write_value (writer, AT_MAC, zeros, sizeof zeros);
  if (!sim_write_end (writer))
    return FALSE;
  packet.len = writer->len;
  packet.mac_at = writer->len - SIM_MAC_LEN;
  return sim_mac (crypto, keys, &packet, extra, writer->data + packet.mac_at);
}

const char *
sim_open (const SimCrypto *crypto, const SimKeys *keys, const SimPacket *packet, guint8 *plain,
          SimPacket *inner)
{
  gsize len;
  const guint8 *sealed = sim_packet_value (packet, AT_ENCR_DATA, &len);

  /* RFC 4186, 10.12: "The length of the padding must be chosen so that the length of the value
   * field of the AT_ENCR_DATA attribute becomes a multiple of 16 bytes." */
  if (len % 16 || len > SIM_PACKET_MAX)
    return "encrypted attributes of an odd length";
  memcpy (plain, sealed, len);
  if (!ike_cipher_decrypt (crypto->aes, keys->encr, sim_packet_value (packet, AT_IV, NULL), plain,
                           len))
    return "encrypted attributes that cannot be decrypted";
  return sim_attributes_read (inner, plain, len);
}
