/* SPDX-License-Identifier: Apache-2.0 */
/* passwords.c - PAP, CHAP and MS-CHAP-V2 in the tunnel (RFC 5281, 11.2), each end's half. */
#include "private.h"

#include <string.h>

#include <ikebana/runtime.h>

/* RFC 5281, 11.2.5: "The client SHOULD, however, null-pad the password to a multiple of 16 octets,
 * to obfuscate its length." */
enum { PAD = 16, PASSWORD_MAX = 256 };
/* Of MS-CHAP2-Response (RFC 2548, 2.3.2). */
enum { AT_PEER_CHALLENGE = 2, AT_NT_RESPONSE = 26 };

static const char no_match[] = "the password is wrong";

gboolean
ttls_challenge (EapTunnel *tunnel, TtlsChallenge *out)
{
  G_STATIC_ASSERT (sizeof *out == TTLS_CHALLENGE_LEN + 1);
  return eap_tunnel_export (tunnel, "ttls challenge", (guint8 *) out, sizeof *out);
}

/* -- PAP */

gboolean
ttls_check_pap (const TtlsAvps *avps, IkeSecretBlob *password, const char **why)
{
  gsize len = avps->password.len;

  while (len && avps->password.data[len - 1] == 0)
    len--;
  *why = no_match;
  return len && len == ike_secret_blob_len (password)
         && ike_equal (avps->password.data, ike_secret_blob_data (password), len);
}

gboolean
ttls_say_pap (GByteArray *out, IkeSecretBlob *password)
{
  guint8 padded[PASSWORD_MAX] = { 0 };
  gsize len = ike_secret_blob_len (password);

  if (len > sizeof padded)
    return FALSE;
  memcpy (padded, ike_secret_blob_data (password), len);
  ttls_avp_add (out, TTLS_PASSWORD, 0, padded, MAX ((len + PAD - 1) / PAD, 1) * PAD);
  ike_wipe (padded, sizeof padded);
  return TRUE;
}

/* -- CHAP */

/* RFC 1994, 4.1: a hash over "the Identifier, followed by ... the "secret", followed by ... the
 * Challenge Value". */
void
ttls_chap (const TtlsChallenge *challenge, IkeSecretBlob *password, guint8 out[static TTLS_MD5_LEN])
{
  GChecksum *md5 = g_checksum_new (G_CHECKSUM_MD5);
  gsize len = TTLS_MD5_LEN;

  g_checksum_update (md5, &challenge->identifier, 1);
  g_checksum_update (md5, ike_secret_blob_data (password), (gssize) ike_secret_blob_len (password));
  g_checksum_update (md5, challenge->challenge, sizeof challenge->challenge);
  g_checksum_get_digest (md5, out, &len);
  g_checksum_free (md5);
}

/* RFC 5281, 11.2.2: "the TTLS server must verify that the value of the CHAP-Challenge AVP and the
 * value of the CHAP Identifier in the CHAP-Password AVP are equal to the values generated as
 * challenge material." */
gboolean
ttls_check_chap (EapTunnel *tunnel, const TtlsAvps *avps, IkeSecretBlob *password, const char **why)
{
  guint8 expected[TTLS_MD5_LEN];
  TtlsChallenge challenge;
  gboolean is_right;

  *why = "the peer answers another challenge than that of this tunnel";
  if (!ttls_challenge (tunnel, &challenge) || avps->chap_password.len != 1 + TTLS_MD5_LEN
      || avps->chap_challenge.len != sizeof challenge.challenge
      || memcmp (avps->chap_challenge.data, challenge.challenge, sizeof challenge.challenge) != 0
      || avps->chap_password.data[0] != challenge.identifier)
    return FALSE;
  *why = no_match;
  ttls_chap (&challenge, password, expected);
  is_right = ike_equal (expected, avps->chap_password.data + 1, sizeof expected);
  ike_wipe (expected, sizeof expected);
  return is_right;
}

gboolean
ttls_say_chap (EapTunnel *tunnel, GByteArray *out, IkeSecretBlob *password)
{
  TtlsChallenge challenge;
  guint8 value[1 + TTLS_MD5_LEN];

  if (!ttls_challenge (tunnel, &challenge))
    return FALSE;
  value[0] = challenge.identifier;
  ttls_chap (&challenge, password, value + 1);
  ttls_avp_add (out, TTLS_CHAP_CHALLENGE, 0, challenge.challenge, sizeof challenge.challenge);
  ttls_avp_add (out, TTLS_CHAP_PASSWORD, 0, value, sizeof value);
  ike_wipe (value, sizeof value);
  return TRUE;
}

/* -- MS-CHAP-V2 */

/* What @password makes of a challenge: the response, and what proves the server. */
static gboolean
compute (IkeEngine *engine, const TtlsChallenge *challenge, const guint8 *peer_challenge,
         const IkePart *user, IkeSecretBlob *password, guint8 response[static MSCHAP_RESPONSE_LEN],
         guint8 success[static TTLS_MS_SUCCESS_LEN])
{
  static const char digits[] = "0123456789ABCDEF";
  guint8 hash[MSCHAP_HASH_LEN], small[MSCHAP_SHORT_LEN], proof[MSCHAP_PROOF_LEN];
  MschapCrypto crypto;
  gboolean is_done =
      mschap_crypto_find (engine, &crypto)
      && mschap_nt_hash (&crypto, ike_secret_blob_data (password), ike_secret_blob_len (password),
                         hash)
      && mschap_challenge_hash (&crypto, peer_challenge, challenge->challenge, user, small)
      && mschap_response (&crypto, hash, small, response)
      && mschap_proof (&crypto, hash, response, small, proof);

  ike_wipe (hash, sizeof hash);
  if (!is_done)
    return FALSE;
  success[0] = challenge->identifier;
  success[1] = 'S';
  success[2] = '=';
  for (gsize i = 0; i < sizeof proof; i++) {
    success[3 + 2 * i] = (guint8) digits[proof[i] >> 4];
    success[4 + 2 * i] = (guint8) digits[proof[i] & 15];
  }
  return TRUE;
}

gboolean
ttls_check_mschapv2 (EapTunnel *tunnel, IkeEngine *engine, const TtlsAvps *avps,
                     IkeSecretBlob *password, guint8 success[static TTLS_MS_SUCCESS_LEN],
                     const char **why)
{
  const guint8 *value = avps->ms_response.data;
  guint8 response[MSCHAP_RESPONSE_LEN];
  TtlsChallenge challenge;
  gboolean is_right;

  *why = "the peer answers another challenge than that of this tunnel";
  if (!ttls_challenge (tunnel, &challenge) || avps->ms_response.len != TTLS_MS_RESPONSE_LEN
      || avps->ms_challenge.len != sizeof challenge.challenge
      || memcmp (avps->ms_challenge.data, challenge.challenge, sizeof challenge.challenge) != 0
      || value[0] != challenge.identifier)
    return FALSE;
  *why = "MS-CHAP-V2 cannot be computed; it needs MD4 and DES, which `ikebana plugins` tells of";
  if (!compute (engine, &challenge, value + AT_PEER_CHALLENGE, &avps->user, password, response,
                success))
    return FALSE;
  *why = no_match;
  is_right = ike_equal (response, value + AT_NT_RESPONSE, sizeof response);
  ike_wipe (response, sizeof response);
  return is_right;
}

gboolean
ttls_say_mschapv2 (EapTunnel *tunnel, IkeEngine *engine, const IkePart *user,
                   IkeSecretBlob *password, GByteArray *out,
                   guint8 success[static TTLS_MS_SUCCESS_LEN])
{
  guint8 value[TTLS_MS_RESPONSE_LEN] = { 0 };
  TtlsChallenge challenge;

  if (!ttls_challenge (tunnel, &challenge))
    return FALSE;
  value[0] = challenge.identifier;
  ike_engine_random (engine, value + AT_PEER_CHALLENGE, MSCHAP_CHALLENGE_LEN);
  if (!compute (engine, &challenge, value + AT_PEER_CHALLENGE, user, password,
                value + AT_NT_RESPONSE, success))
    return FALSE;
  ttls_avp_add (out, TTLS_MS_CHALLENGE, TTLS_MICROSOFT, challenge.challenge,
                sizeof challenge.challenge);
  ttls_avp_add (out, TTLS_MS_RESPONSE, TTLS_MICROSOFT, value, sizeof value);
  ike_wipe (value, sizeof value);
  return TRUE;
}
