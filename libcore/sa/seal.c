/* SPDX-License-Identifier: Apache-2.0 */
/* seal.c - the Encrypted payload (RFC 7296, 3.14; RFC 5282 for combined modes): sealed where the
 * message was built, opened in a copy that belongs to its exchange. */
#include "sa/sa_private.h"
#include <string.h>

enum { SK_HEADER_LEN = 4 };

static guint
iv_len (const IkeSa *sa)
{
  return sa->aead ? ike_aead_class (sa->aead)->iv_len : ike_cipher_class (sa->cipher)->iv_len;
}

static guint
icv_len (const IkeSa *sa)
{
  return sa->aead ? ike_aead_class (sa->aead)->icv_len : ike_integ_class (sa->integ)->icv_len;
}

/* SK_e of the direction: the original initiator's keys protect what the original initiator sends.
 */
static const guint8 *
encr_key (const IkeSa *sa, const IkeKeys *keys, gboolean is_ours)
{
  gsize len;

  return ike_keys_part (keys, is_ours == (gboolean) sa->is_initiator ? 3 : 4, &len);
}

static const guint8 *
integ_key (const IkeSa *sa, const IkeKeys *keys, gboolean is_ours)
{
  gsize len;

  return ike_keys_part (keys, is_ours == (gboolean) sa->is_initiator ? 1 : 2, &len);
}

guint
ike_seal_prefix (const IkeSa *sa)
{
  return IKE_HEADER_LEN + SK_HEADER_LEN + iv_len (sa);
}

static void
make_iv (IkeSa *sa, IkeKeys *keys, guint8 *iv)
{
  guint32 flags =
      sa->aead ? ike_aead_class (sa->aead)->flags : ike_cipher_class (sa->cipher)->flags;
  guint len = iv_len (sa);
  guint64 counter;

  if (!(flags & IKE_CRYPTO_IV_COUNTER)) {
    ike_engine_random (sa->shard->manager->engine, iv, len);
    return;
  }
  keys->iv_counter++;
  counter = GUINT64_TO_BE (keys->iv_counter);
  memset (iv, 0, len);
  memcpy (iv + (len > 8 ? len - 8 : 0), &counter, MIN (len, 8));
}

/* Padding as long as the block wants, ending in its own length; zero for combined modes and
 * counters. */
static gboolean
pad (IkeSa *sa, IkeWriter *w, gsize inner_at)
{
  guint block = sa->aead ? 1 : ike_cipher_class (sa->cipher)->block_len;
  gsize plain = w->len - inner_at + 1;
  guint n = block > 1 ? (guint) ((block - plain % block) % block) : 0;
  guint8 *at = ike_writer_reserve (w, n + 1);

  if (!at)
    return FALSE;
  memset (at, 0, n);
  at[n] = (guint8) n;
  return TRUE;
}

gsize
ike_sealed_len (const IkeSa *sa, gsize inner_at, gsize inner_len)
{
  gsize block = sa->aead ? 1 : ike_cipher_class (sa->cipher)->block_len;

  return inner_at + (inner_len + 1 + block - 1) / block * block + icv_len (sa);
}

gsize
ike_seal_room (const IkeSa *sa, gsize inner_at, gsize limit)
{
  gsize block = sa->aead ? 1 : ike_cipher_class (sa->cipher)->block_len;
  gsize fixed = inner_at + icv_len (sa);

  return limit < fixed + block ? 0 : (limit - fixed) / block * block - 1;
}

gboolean
ike_seal (IkeSa *sa, IkeKeys *keys, IkeWriter *w, gsize inner_at)
{
  guint8 *iv, *icv;
  gsize plain_len, sk_at;
  guint n_icv = icv_len (sa);

  if (w->failed || !pad (sa, w, inner_at))
    return FALSE;
  plain_len = w->len - inner_at;
  icv = ike_writer_reserve (w, n_icv);
  if (!icv || w->len > IKE_MESSAGE_MAX)
    return FALSE;
  sk_at = ike_outer_end (w);
  iv = w->data + inner_at - iv_len (sa);
  make_iv (sa, keys, iv);
  w->data[sk_at + 2] = (guint8) ((w->len - sk_at) >> 8);
  w->data[sk_at + 3] = (guint8) (w->len - sk_at);
  ike_message_close (w);
  if (sa->aead)
    return ike_aead_seal (sa->aead, encr_key (sa, keys, TRUE), iv, w->data, (gsize) (iv - w->data),
                          w->data + inner_at, plain_len, icv);
  {
    IkePart all = { w->data, w->len - n_icv };
    return ike_cipher_encrypt (sa->cipher, encr_key (sa, keys, TRUE), iv, w->data + inner_at,
                               plain_len)
           && ike_integ_mac (sa->integ, integ_key (sa, keys, TRUE), &all, 1, icv);
  }
}

/* Checks the tag, and decrypts @body (IV | ciphertext | ICV) into @plain.  For the others than
 * combined modes the tag covers the message as it came, so it is checked before anything is
 * decrypted. */
static gboolean
open_body (IkeSa *sa, const IkeKeys *keys, const IkeMessage *message, const IkePayload *sk,
           guint8 *plain, gsize len)
{
  const guint8 *iv = sk->data, *icv = sk->data + sk->len - icv_len (sa);

  memcpy (plain, sk->data + iv_len (sa), len);
  if (sa->aead)
    return ike_aead_open (sa->aead, encr_key (sa, keys, FALSE), iv, message->raw,
                          (gsize) (iv - message->raw), plain, len, icv);
  {
    IkePart all = { message->raw, (gsize) (icv - message->raw) };
    guint8 mac[64];
    return ike_integ_mac (sa->integ, integ_key (sa, keys, FALSE), &all, 1, mac)
           && ike_equal (mac, icv, icv_len (sa))
           && ike_cipher_decrypt (sa->cipher, encr_key (sa, keys, FALSE), iv, plain, len);
  }
}

gboolean
ike_open (IkeSa *sa, const IkeKeys *keys, IkeArena *arena, IkeMessage *message, guint8 *first,
          const guint8 **plain_out, gsize *plain_len)
{
  const IkePayload *sk = message->n ? &message->payloads[message->n - 1] : NULL;
  guint overhead = iv_len (sa) + icv_len (sa),
        block = sa->aead ? 1 : ike_cipher_class (sa->cipher)->block_len;
  guint8 *plain;
  gsize len;

  /* The tag must be the last bytes of the message, else what it covers is not what is read. */
  if (!sk || sk->type != IKE_PAYLOAD_SK || sk->len < overhead + 1
      || sk->data + sk->len != message->raw + message->raw_len)
    return FALSE;
  len = sk->len - overhead;
  if (len % block != 0)
    return FALSE;
  plain = ike_arena_alloc (arena, len);
  if (!plain || !open_body (sa, keys, message, sk, plain, len) || plain[len - 1] + 1u > len)
    return FALSE;
  *first = sk->next;
  *plain_out = plain;
  *plain_len = len - 1 - plain[len - 1];
  return TRUE;
}
