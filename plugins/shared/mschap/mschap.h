/* SPDX-License-Identifier: Apache-2.0 */
/* mschap.h - what MS-CHAP-V2 computes (RFC 2759, 8) and the keys that come of it (RFC 3079).
 *
 * Pure functions over MD4, SHA-1 and DES of the crypto plugins; no state, any thread.  They return
 * FALSE when one of these failed, and then nothing of @out may be used.  Whoever calls wipes hashes
 * of passwords and keys. */
#pragma once
#include <ikebana/crypto.h>

enum {
  MSCHAP_CHALLENGE_LEN = 16,                  /* the authenticator's and the peer's */
  MSCHAP_SHORT_LEN = 8,                       /* what DES encrypts */
  MSCHAP_HASH_LEN = 16,                       /* NT hash of a password */
  MSCHAP_RESPONSE_LEN = 24,
  MSCHAP_PROOF_LEN = 20,                      /* the authenticator's answer, as bytes */
  MSCHAP_MSK_LEN = 64,
  MSCHAP_PASSWORD_MAX = 256,                  /* UTF-16 code units */
};

typedef struct {
  const IkeHash   *md4, *sha1;
  const IkeCipher *des;
} MschapCrypto;

/* The features that a method needs. */
#define MSCHAP_NEEDS "hash:md4", "hash:sha1", "cipher:des-ecb"

gboolean mschap_crypto_find (IkeEngine *engine, MschapCrypto *crypto);

/* RFC 2759, 8.3: of a password in UTF-8.  FALSE also where it is no UTF-8, or too long. */
gboolean mschap_nt_hash (const MschapCrypto *crypto, const guint8 *password, gsize len,
                         guint8 hash[static MSCHAP_HASH_LEN]);
/* RFC 2759, 8.2.  @user as the peer says it: a domain in front of it (DOMAIN\user) is left out. */
gboolean mschap_challenge_hash (const MschapCrypto *crypto, const guint8 *peer_challenge,
                                const guint8 *challenge, const IkePart *user,
                                guint8 out[static MSCHAP_SHORT_LEN]);
/* RFC 2759, 8.5: the NT-Response. */
gboolean mschap_response (const MschapCrypto *crypto, const guint8 hash[static MSCHAP_HASH_LEN],
                          const guint8 short_challenge[static MSCHAP_SHORT_LEN],
                          guint8 out[static MSCHAP_RESPONSE_LEN]);
/* RFC 2759, 8.7: what follows "S=" in Success, before it is written in hexadecimal. */
gboolean mschap_proof (const MschapCrypto *crypto, const guint8 hash[static MSCHAP_HASH_LEN],
                       const guint8 response[static MSCHAP_RESPONSE_LEN],
                       const guint8 short_challenge[static MSCHAP_SHORT_LEN],
                       guint8 out[static MSCHAP_PROOF_LEN]);
/* RFC 3079, 3.3 and 3.4, as EAP exports it: the same 64 bytes at both ends. */
gboolean mschap_msk (const MschapCrypto *crypto, const guint8 hash[static MSCHAP_HASH_LEN],
                     const guint8 response[static MSCHAP_RESPONSE_LEN],
                     guint8 out[static MSCHAP_MSK_LEN]);
