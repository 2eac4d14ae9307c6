/* SPDX-License-Identifier: Apache-2.0 */
/* milenage.h - the functions f1 to f5* of 3GPP TS 35.206 over AES-128.
 *
 * Functions return FALSE when the crypto library fails. */
#pragma once
#include <ikebana/crypto.h>
#include <ikebana/sim.h>

enum { MILENAGE_SQN_LEN = 6, MILENAGE_AMF_LEN = 2, MILENAGE_MAC_LEN = 8, MILENAGE_RES_LEN = 8 };

typedef struct {
  guint8 k[IKE_SIM_KEY_LEN], opc[IKE_SIM_KEY_LEN];
} Milenage;

typedef struct {
  guint8 res[MILENAGE_RES_LEN], ck[IKE_SIM_KEY_LEN], ik[IKE_SIM_KEY_LEN];
  guint8 ak[MILENAGE_SQN_LEN], ak_star[MILENAGE_SQN_LEN];
} MilenageKeys;

/* OPc of a card from OP of its operator. */
gboolean milenage_opc (const IkeCipher *aes, const guint8 k[static IKE_SIM_KEY_LEN],
                       const guint8 op[static IKE_SIM_KEY_LEN], guint8 opc[static IKE_SIM_KEY_LEN]);
/* f1 (MAC-A) and behind it f1* (MAC-S). */
gboolean milenage_macs (const IkeCipher *aes, const Milenage *card, const guint8 rand[static IKE_SIM_RAND_LEN],
                        const guint8 sqn_amf[static MILENAGE_SQN_LEN + MILENAGE_AMF_LEN],
                        guint8 out[static 2 * MILENAGE_MAC_LEN]);
/* f2, f3, f4, f5 and f5*. */
gboolean milenage_keys (const IkeCipher *aes, const Milenage *card, const guint8 rand[static IKE_SIM_RAND_LEN],
                        MilenageKeys *out);
/* SRES and Kc of a card that is asked as one of GSM (TS 33.102, 6.8.1.2: c2 and c3). */
void     milenage_gsm  (const MilenageKeys *keys, IkeSimTriplet *triplet);
