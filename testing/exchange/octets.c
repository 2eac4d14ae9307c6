/* SPDX-License-Identifier: Apache-2.0 */
/* octets.c - see octets.h. */
#include "exchange/octets.h"
#include <openssl/evp.h>
#include <string.h>

enum { IV_LEN = 8, SALT_LEN = 4, ICV_LEN = 16, GENERIC = 4 };

void
octets_hmac (const guint8 *key, gsize key_len, const IkePart *parts, guint n,
             guint8 out[static OCTETS_MAC])
{
  GHmac *mac = g_hmac_new (G_CHECKSUM_SHA256, key, key_len);
  gsize len = OCTETS_MAC;

  for (guint i = 0; i < n; i++)
    if (parts[i].len)
      g_hmac_update (mac, parts[i].data, (gssize) parts[i].len);
  g_hmac_get_digest (mac, out, &len);
  g_hmac_unref (mac);
}

void
octets_expand (const guint8 key[static OCTETS_MAC], const IkePart *seed, guint8 *out, gsize len)
{
  guint8 last[OCTETS_MAC], count = 1;
  gsize done = 0;

  while (done < len) {
    IkePart parts[] = { { last, done ? OCTETS_MAC : 0 }, *seed, { &count, 1 } };
    octets_hmac (key, OCTETS_MAC, parts, 3, last);
    memcpy (out + done, last, MIN (OCTETS_MAC, len - done));
    done += MIN (OCTETS_MAC, len - done);
    count++;
  }
}

/* RFC 5723, 5.1: "SKEYSEED = prf(SK_d_old, "Resumption" | Ni | Nr)"; "{SK_d | SK_ai | SK_ar | SK_ei
 * | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr)".  An AEAD has no SK_a. */
void
octets_resume (const guint8 old_d[static OCTETS_MAC], const IkePart *ni, const IkePart *nr,
               const guint8 spis[static 16], OctetsKeys *out)
{
  const IkePart parts[] = { { (const guint8 *) "Resumption", 10 }, *ni, *nr };
  g_autoptr (GByteArray) seed = g_byte_array_new ();
  guint8 skeyseed[OCTETS_MAC];

  G_STATIC_ASSERT (sizeof *out == 3 * OCTETS_MAC + 2 * OCTETS_KEY);
  octets_hmac (old_d, OCTETS_MAC, parts, 3, skeyseed);
  g_byte_array_append (seed, ni->data, (guint) ni->len);
  g_byte_array_append (seed, nr->data, (guint) nr->len);
  g_byte_array_append (seed, spis, 16);
  octets_expand (skeyseed, &(IkePart){ seed->data, seed->len }, (guint8 *) out, sizeof *out);
}

/* RFC 7296, 2.15: "RealMessage1 | NonceRData | MACedIDForI", "MACedIDForI = prf(SK_pi,
 * RestOfInitIDPayload)". */
gboolean
octets_is_auth (const IkePart *auth, const guint8 key[static OCTETS_MAC], const IkePart *message,
                const IkePart *nonce, const guint8 sk_p[static OCTETS_MAC], const IkePart *id)
{
  static const guint8 shared_key[4] = { 2 };
  guint8 maced[OCTETS_MAC], value[OCTETS_MAC];

  octets_hmac (sk_p, OCTETS_MAC, id, 1, maced);
  octets_hmac (key, OCTETS_MAC, (const IkePart[]){ *message, *nonce, { maced, OCTETS_MAC } }, 3,
               value);
  return auth->len == 4 + OCTETS_MAC && !memcmp (auth->data, shared_key, 4)
         && !memcmp (auth->data + 4, value, OCTETS_MAC);
}

/* RFC 5282, 5.1: the associated data are the octets up to the IV; RFC 7296, 3.14: the last octet of
 * the plaintext is the length of the padding before it. */
gboolean
octets_open (const IkePart *message, const guint8 key[static OCTETS_KEY], guint8 *plain, gsize *len)
{
  const gsize aad = OCTETS_HEADER + GENERIC, head = aad + IV_LEN;
  EVP_CIPHER_CTX *c;
  guint8 nonce[SALT_LEN + IV_LEN], icv[ICV_LEN];
  gboolean is_good;
  int n = 0, n_more = 0;

  if (message->len <= head + ICV_LEN)
    return FALSE;
  *len = message->len - head - ICV_LEN;
  memcpy (nonce, key + OCTETS_KEY - SALT_LEN, SALT_LEN);
  memcpy (nonce + SALT_LEN, message->data + aad, IV_LEN);
  memcpy (icv, message->data + head + *len, ICV_LEN);
  c = EVP_CIPHER_CTX_new ();
  is_good = EVP_DecryptInit_ex (c, EVP_aes_256_gcm (), NULL, key, nonce) == 1
            && EVP_CIPHER_CTX_ctrl (c, EVP_CTRL_GCM_SET_TAG, ICV_LEN, icv) == 1
            && EVP_DecryptUpdate (c, NULL, &n, message->data, (int) aad) == 1
            && EVP_DecryptUpdate (c, plain, &n, message->data + head, (int) *len) == 1
            && EVP_DecryptFinal_ex (c, plain + n, &n_more) == 1;
  EVP_CIPHER_CTX_free (c);
  if (!is_good || plain[*len - 1] >= *len)
    return FALSE;
  *len -= plain[*len - 1] + 1u;
  return TRUE;
}

/* -- payloads */

guint
octets_split (guint8 first, const guint8 *at, gsize len,
              OctetsPayload out[static OCTETS_PAYLOADS_MAX])
{
  guint n = 0;

  while (first) {
    gsize size;
    g_assert_cmpuint (len, >=, GENERIC);
    g_assert_cmpuint (n, <, OCTETS_PAYLOADS_MAX);
    size = (gsize) at[2] << 8 | at[3];
    g_assert_cmpuint (size, >=, GENERIC);
    g_assert_cmpuint (size, <=, len);
    out[n++] = (OctetsPayload){ first, at[1], { at + GENERIC, size - GENERIC } };
    first = at[0];
    at += size;
    len -= size;
  }
  g_assert_cmpuint (len, ==, 0);
  return n;
}

const OctetsPayload *
octets_find (const OctetsPayload *payloads, guint n, guint8 type)
{
  for (guint i = 0; i < n; i++)
    if (payloads[i].type == type)
      return &payloads[i];
  return NULL;
}

guint
octets_notify_type (const OctetsPayload *payload)
{
  if (payload->type != IKE_PAYLOAD_NOTIFY)
    return 0;
  g_assert_cmpuint (payload->body.len, >=, 4);
  return (guint) payload->body.data[2] << 8 | payload->body.data[3];
}

const OctetsPayload *
octets_find_notify (const OctetsPayload *payloads, guint n, guint type)
{
  for (guint i = 0; i < n; i++)
    if (octets_notify_type (&payloads[i]) == type)
      return &payloads[i];
  return NULL;
}
