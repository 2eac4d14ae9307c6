/* SPDX-License-Identifier: Apache-2.0 */
/* mschap.c - see mschap.h. */
#include "mschap.h"

#include <string.h>

#include <ikebana/secret.h>

enum { SHA1_LEN = 20, DES_KEY_LEN = 8, DES_BLOCK_LEN = 8, SEVEN = 7, START_KEY_LEN = 16 };

gboolean
mschap_crypto_find (IkeEngine *engine, MschapCrypto *crypto)
{
  crypto->md4 = ike_hash_find (engine, "md4");
  crypto->sha1 = ike_hash_find (engine, "sha1");
  crypto->des = ike_cipher_find_name (engine, "des-ecb");
  return crypto->md4 && crypto->sha1 && crypto->des;
}

static guint8 *
put_unit (guint8 *at, gunichar unit)
{
  at[0] = (guint8) unit;
  at[1] = (guint8) (unit >> 8);
  return at + 2;
}

/* RFC 2759, 8.3: the password is "0-to-256-unicode-char", 16 bits each, the lower byte first. */
gboolean
mschap_nt_hash (const MschapCrypto *crypto, const guint8 *password, gsize len,
                guint8 hash[static MSCHAP_HASH_LEN])
{
  const char *text = (const char *) password, *end = text + len;
  guint8 wide[2 * MSCHAP_PASSWORD_MAX], *at = wide;
  IkePart part = { wide, 0 };
  gboolean is_done = g_utf8_validate (text, (gssize) len, NULL);

  for (; is_done && text < end; text = g_utf8_next_char (text)) {
    gunichar c = g_utf8_get_char (text);
    gsize room = (gsize) (wide + sizeof wide - at);

    is_done = room >= (c > 0xffff ? 4u : 2u);
    if (is_done && c > 0xffff)
      at = put_unit (put_unit (at, 0xd800 + ((c - 0x10000) >> 10)), 0xdc00 + (c & 0x3ff));
    else if (is_done)
      at = put_unit (at, c);
  }
  part.len = (gsize) (at - wide);
  is_done = is_done && ike_hash_run (crypto->md4, &part, 1, hash);
  ike_wipe (wide, sizeof wide);
  return is_done;
}

/* RFC 2759, 8.2: "Only the user name (as presented by the peer and excluding any prepended domain
 * name) is used". */
static IkePart
without_domain (const IkePart *user)
{
  const guint8 *slash = user->len ? memchr (user->data, '\\', user->len) : NULL;

  if (!slash)
    return *user;
  return (IkePart){ slash + 1, user->len - (gsize) (slash + 1 - user->data) };
}

gboolean
mschap_challenge_hash (const MschapCrypto *crypto, const guint8 *peer_challenge,
                       const guint8 *challenge, const IkePart *user,
                       guint8 out[static MSCHAP_SHORT_LEN])
{
  IkePart parts[] = { { peer_challenge, MSCHAP_CHALLENGE_LEN },
                      { challenge, MSCHAP_CHALLENGE_LEN },
                      without_domain (user) };
  guint8 digest[SHA1_LEN];

  if (!ike_hash_run (crypto->sha1, parts, G_N_ELEMENTS (parts), digest))
    return FALSE;
  memcpy (out, digest, MSCHAP_SHORT_LEN);
  return TRUE;
}

/* RFC 2759, 8.6: 56 bits become 64; "the 8th, 16th, 24th, etc. bits are parity bits ignored by the
 * encrypting algorithm". */
static void
spread_key (const guint8 in[static SEVEN], guint8 out[static DES_KEY_LEN])
{
  guint64 bits = 0;

  for (guint i = 0; i < SEVEN; i++)
    bits = bits << 8 | in[i];
  for (guint i = 0; i < DES_KEY_LEN; i++)
    out[i] = (guint8) (bits >> (SEVEN * (DES_KEY_LEN - 1 - i)) << 1);
  ike_wipe (&bits, sizeof bits);
}

/* RFC 2759, 8.5: "Set ZPasswordHash to PasswordHash zero-padded to 21 octets", three keys of
 * seven. */
gboolean
mschap_response (const MschapCrypto *crypto, const guint8 hash[static MSCHAP_HASH_LEN],
                 const guint8 short_challenge[static MSCHAP_SHORT_LEN],
                 guint8 out[static MSCHAP_RESPONSE_LEN])
{
  guint8 padded[3 * SEVEN] = { 0 }, key[DES_KEY_LEN];
  gboolean is_done = TRUE;

  memcpy (padded, hash, MSCHAP_HASH_LEN);
  for (guint i = 0; is_done && i < 3; i++) {
    guint8 *block = out + i * DES_BLOCK_LEN;

    memcpy (block, short_challenge, DES_BLOCK_LEN);
    spread_key (padded + i * SEVEN, key);
    is_done = ike_cipher_encrypt (crypto->des, key, NULL, block, DES_BLOCK_LEN);
  }
  ike_wipe (padded, sizeof padded);
  ike_wipe (key, sizeof key);
  return is_done;
}

static gboolean
hash_of_hash (const MschapCrypto *crypto, const guint8 *hash, guint8 out[static MSCHAP_HASH_LEN])
{
  IkePart part = { hash, MSCHAP_HASH_LEN };

  return ike_hash_run (crypto->md4, &part, 1, out);
}

gboolean
mschap_proof (const MschapCrypto *crypto, const guint8 hash[static MSCHAP_HASH_LEN],
              const guint8 response[static MSCHAP_RESPONSE_LEN],
              const guint8 short_challenge[static MSCHAP_SHORT_LEN],
              guint8 out[static MSCHAP_PROOF_LEN])
{
  static const char signing[] = "Magic server to client signing constant";
  static const char pad[] = "Pad to make it do more than one iteration";
  guint8 twice[MSCHAP_HASH_LEN], digest[SHA1_LEN];
  IkePart inner[] = { { twice, sizeof twice },
                      { response, MSCHAP_RESPONSE_LEN },
                      { (const guint8 *) signing, sizeof signing - 1 } };
  IkePart outer[] = { { digest, sizeof digest },
                      { short_challenge, MSCHAP_SHORT_LEN },
                      { (const guint8 *) pad, sizeof pad - 1 } };
  gboolean is_done = hash_of_hash (crypto, hash, twice)
                     && ike_hash_run (crypto->sha1, inner, G_N_ELEMENTS (inner), digest)
                     && ike_hash_run (crypto->sha1, outer, G_N_ELEMENTS (outer), out);

  ike_wipe (twice, sizeof twice);
  ike_wipe (digest, sizeof digest);
  return is_done;
}

/* RFC 3079, 3.4: SHA-1 over the master key, 40 zeros, a sentence, and 40 times 0xf2. */
static gboolean
start_key (const MschapCrypto *crypto, const guint8 *master, const char *sentence,
           guint8 out[static START_KEY_LEN])
{
  static const guint8 zeros[40];
  guint8 pad[40], digest[SHA1_LEN];
  IkePart parts[] = { { master, START_KEY_LEN },
                      { zeros, sizeof zeros },
                      { (const guint8 *) sentence, strlen (sentence) },
                      { pad, sizeof pad } };

  memset (pad, 0xf2, sizeof pad);
  if (!ike_hash_run (crypto->sha1, parts, G_N_ELEMENTS (parts), digest))
    return FALSE;
  memcpy (out, digest, START_KEY_LEN);
  ike_wipe (digest, sizeof digest);
  return TRUE;
}

/* MSK = MasterReceiveKey | MasterSendKey | 32 zeros, as the server sees them: what it receives with
 * is what the peer sends with, so that each end finds the same by the sentence. */
gboolean
mschap_msk (const MschapCrypto *crypto, const guint8 hash[static MSCHAP_HASH_LEN],
            const guint8 response[static MSCHAP_RESPONSE_LEN], guint8 out[static MSCHAP_MSK_LEN])
{
  static const char master_sentence[] = "This is the MPPE Master Key";
  static const char to_server[] = "On the client side, this is the send key; "
                                  "on the server side, it is the receive key.";
  static const char to_client[] = "On the client side, this is the receive key; "
                                  "on the server side, it is the send key.";
  guint8 twice[MSCHAP_HASH_LEN], master[SHA1_LEN];
  IkePart parts[] = { { twice, sizeof twice },
                      { response, MSCHAP_RESPONSE_LEN },
                      { (const guint8 *) master_sentence, sizeof master_sentence - 1 } };
  gboolean is_done;

  memset (out, 0, MSCHAP_MSK_LEN);
  is_done = hash_of_hash (crypto, hash, twice)
            && ike_hash_run (crypto->sha1, parts, G_N_ELEMENTS (parts), master)
            && start_key (crypto, master, to_server, out)
            && start_key (crypto, master, to_client, out + START_KEY_LEN);
  ike_wipe (twice, sizeof twice);
  ike_wipe (master, sizeof master);
  return is_done;
}
