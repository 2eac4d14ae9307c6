/* SPDX-License-Identifier: Apache-2.0 */
/* milenage.c - the functions f1 to f5* of 3GPP TS 35.206 over AES-128. */
#include "milenage.h"

#include <string.h>

enum { BLOCK = 16 };

/* One block of AES: CBC of one block with a zero IV. */
static gboolean
encrypt (const IkeCipher *aes, const guint8 k[static BLOCK], guint8 block[static BLOCK])
{
  static const guint8 iv[BLOCK];

  return ike_cipher_encrypt (aes, k, iv, block, BLOCK);
}

static void
xor_into (guint8 *to, const guint8 *with, gsize len)
{
  for (gsize i = 0; i < len; i++)
    to[i] ^= with[i];
}

/* TS 35.206, 4.1: rot (x, r), @r in bytes. */
static void
rotate (const guint8 in[static BLOCK], guint r, guint8 out[static BLOCK])
{
  for (guint i = 0; i < BLOCK; i++)
    out[i] = in[(i + r) % BLOCK];
}

gboolean
milenage_opc (const IkeCipher *aes, const guint8 k[static IKE_SIM_KEY_LEN],
              const guint8 op[static IKE_SIM_KEY_LEN], guint8 opc[static IKE_SIM_KEY_LEN])
{
  memcpy (opc, op, BLOCK);
  if (!encrypt (aes, k, opc))
    return FALSE;
  xor_into (opc, op, BLOCK);
  return TRUE;
}

static gboolean
make_temp (const IkeCipher *aes, const Milenage *card, const guint8 *rand,
           guint8 temp[static BLOCK])
{
  memcpy (temp, rand, BLOCK);
  xor_into (temp, card->opc, BLOCK);
  return encrypt (aes, card->k, temp);
}

gboolean
milenage_macs (const IkeCipher *aes, const Milenage *card,
               const guint8 rand[static IKE_SIM_RAND_LEN],
               const guint8 sqn_amf[static MILENAGE_SQN_LEN + MILENAGE_AMF_LEN],
               guint8 out[static 2 * MILENAGE_MAC_LEN])
{
  enum { HALF = MILENAGE_SQN_LEN + MILENAGE_AMF_LEN, R1 = 8 };
  guint8 temp[BLOCK], in[BLOCK];
  gboolean is_done = make_temp (aes, card, rand, temp);

  memcpy (in, sqn_amf, HALF);
  memcpy (in + HALF, sqn_amf, HALF);
  xor_into (in, card->opc, BLOCK);
  rotate (in, R1, out);
  xor_into (out, temp, BLOCK);
  is_done = is_done && encrypt (aes, card->k, out);
  xor_into (out, card->opc, BLOCK);
  ike_wipe (temp, sizeof temp);
  ike_wipe (in, sizeof in);
  return is_done;
}

gboolean
milenage_keys (const IkeCipher *aes, const Milenage *card,
               const guint8 rand[static IKE_SIM_RAND_LEN], MilenageKeys *out)
{
  /* r2 to r5 in bytes, c2 to c5. */
  static const struct {
    guint8 rotation, constant;
  } turns[] = { { 0, 1 }, { 4, 2 }, { 8, 4 }, { 12, 8 } };
  guint8 temp[BLOCK], blocks[G_N_ELEMENTS (turns)][BLOCK];
  gboolean is_done = make_temp (aes, card, rand, temp);

  xor_into (temp, card->opc, BLOCK);
  for (guint i = 0; i < G_N_ELEMENTS (turns); i++) {
    rotate (temp, turns[i].rotation, blocks[i]);
    blocks[i][BLOCK - 1] ^= turns[i].constant;
    is_done = is_done && encrypt (aes, card->k, blocks[i]);
    xor_into (blocks[i], card->opc, BLOCK);
  }
  memcpy (out->ak, blocks[0], sizeof out->ak);
  memcpy (out->res, blocks[0] + BLOCK - sizeof out->res, sizeof out->res);
  memcpy (out->ck, blocks[1], sizeof out->ck);
  memcpy (out->ik, blocks[2], sizeof out->ik);
  memcpy (out->ak_star, blocks[3], sizeof out->ak_star);
  ike_wipe (temp, sizeof temp);
  ike_wipe (blocks, sizeof blocks);
  return is_done;
}

void
milenage_gsm (const MilenageKeys *keys, IkeSimTriplet *triplet)
{
  memcpy (triplet->sres, keys->res, IKE_SIM_SRES_LEN);
  xor_into (triplet->sres, keys->res + IKE_SIM_SRES_LEN, IKE_SIM_SRES_LEN);
  memcpy (triplet->kc, keys->ck, IKE_SIM_KC_LEN);
  xor_into (triplet->kc, keys->ck + IKE_SIM_KC_LEN, IKE_SIM_KC_LEN);
  xor_into (triplet->kc, keys->ik, IKE_SIM_KC_LEN);
  xor_into (triplet->kc, keys->ik + IKE_SIM_KC_LEN, IKE_SIM_KC_LEN);
}
