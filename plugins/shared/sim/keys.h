/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h - keys of EAP-SIM, EAP-AKA and EAP-AKA', and what is done with them.
 *
 * Functions return FALSE when the crypto library fails. */
#pragma once
#include <ikebana/crypto.h>
#include <ikebana/sim.h>
#include "attributes.h"

enum { SIM_SEED_LEN = 20, SIM_NONCE_LEN = 16, SIM_CHECKCODE_MAX = 32 };

/* The algorithms, found once. */
typedef struct {
  const IkeCipher *aes;
  const IkePrf    *hmac_sha1, *hmac_sha256;
  const IkeHash   *sha1, *sha256;
} SimCrypto;

/* The features that a method needs for it. */
#define SIM_NEEDS      "cipher:aes-cbc/128", "hash:sha1", "prf:hmac-sha1"
#define SIM_NEEDS_PRIME "cipher:aes-cbc/128", "hash:sha256", "prf:hmac-sha2-256"

typedef struct {
  guint8 encr[16], aut[32], msk[64], emsk[64];
  guint8 aut_len;                             /* 16: HMAC-SHA1-128; 32: HMAC-SHA-256-128; 0: no keys yet */
} SimKeys;

void sim_crypto_find (SimCrypto *crypto, IkeEngine *engine);

/* The generator of FIPS 186-2, change notice 1. */
void sim_prf (const guint8 seed[static SIM_SEED_LEN], guint8 *out, gsize len);

/* What the keys of EAP-SIM come from beside the triplets. */
typedef struct {
  IkePart identity, versions;                 /* versions: as in AT_VERSION_LIST */
  guint16 version;                            /* selected */
  guint8  nonce[SIM_NONCE_LEN];
} SimInputs;

gboolean sim_keys_gsm   (const SimCrypto *crypto, SimKeys *keys, const SimInputs *inputs,
                         const IkeSimTriplets *triplets);
gboolean sim_keys_aka   (const SimCrypto *crypto, SimKeys *keys, IkePart identity,
                         const IkeSimQuintuplet *quintuplet);
/* CK' and IK' (RFC 9048, 3.3), and the keys from them. */
gboolean sim_keys_prime (const SimCrypto *crypto, SimKeys *keys, IkePart identity, IkePart network,
                         const IkeSimQuintuplet *quintuplet);

/* AT_MAC of a packet followed by @extra, its value taken as zeros. */
gboolean sim_mac (const SimCrypto *crypto, const SimKeys *keys, const SimPacket *packet, IkePart extra,
                  guint8 out[static SIM_MAC_LEN]);
/* Is AT_MAC there and right? */
gboolean sim_mac_is_right (const SimCrypto *crypto, const SimKeys *keys, const SimPacket *packet, IkePart extra);
/* Appends AT_MAC, and ends the packet. */
gboolean sim_write_mac (IkeWriter *writer, const SimCrypto *crypto, const SimKeys *keys, IkePart extra);
/* The attributes in AT_ENCR_DATA, read into @inner, whose views point into @plain (SIM_PACKET_MAX bytes). */
const char *sim_open (const SimCrypto *crypto, const SimKeys *keys, const SimPacket *packet, guint8 *plain,
                      SimPacket *inner);
