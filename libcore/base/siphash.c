/* SPDX-License-Identifier: Apache-2.0 */
/* siphash.c - SipHash-2-4 with 64 and 128 bits of result (Aumasson and Bernstein, 2012), in pieces.
 */
#include <string.h>
#include "base/siphash.h"

static inline guint64
rotate (guint64 x, int bits)
{
  return x << bits | x >> (64 - bits);
}

static inline guint64
load_word (const guint8 *at)
{
  guint64 word;
  memcpy (&word, at, sizeof word);
  return GUINT64_FROM_LE (word);
}

static void
rounds (guint64 v[4], int n)
{
  while (n-- > 0) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate (v[1], 13) ^ v[0];
    v[3] = rotate (v[3], 16) ^ v[2];
    v[0] = rotate (v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate (v[1], 17) ^ v[2];
    v[3] = rotate (v[3], 21) ^ v[0];
    v[2] = rotate (v[2], 32);
  }
}

static void
compress (IkeSipHash *hash, guint64 word)
{
  hash->v[3] ^= word;
  rounds (hash->v, 2);
  hash->v[0] ^= word;
}

void
ike_siphash_init (IkeSipHash *hash, const guint8 key[static 16], gboolean is_128)
{
  guint64 k0 = load_word (key), k1 = load_word (key + 8);

  hash->v[0] = k0 ^ G_GUINT64_CONSTANT (0x736f6d6570736575);
  hash->v[1] = k1 ^ G_GUINT64_CONSTANT (0x646f72616e646f6d);
  hash->v[2] = k0 ^ G_GUINT64_CONSTANT (0x6c7967656e657261);
  hash->v[3] = k1 ^ G_GUINT64_CONSTANT (0x7465646279746573);
  if (is_128)
    hash->v[1] ^= 0xee;
  hash->tail = 0;
  hash->len = 0;
  hash->is_wide = is_128;
}

void
ike_siphash_update (IkeSipHash *hash, const void *data, gsize len)
{
  const guint8 *at = data;

  for (; len && hash->len % 8; len--) {
    hash->tail |= (guint64) *at++ << 8 * (hash->len++ % 8);
    if (hash->len % 8 == 0) {
      compress (hash, hash->tail);
      hash->tail = 0;
    }
  }
  for (; len >= 8; len -= 8, at += 8) {
    compress (hash, load_word (at));
    hash->len += 8;
  }
  for (; len; len--)
    hash->tail |= (guint64) *at++ << 8 * (hash->len++ % 8);
}

static guint64
finish (IkeSipHash *hash)
{
  compress (hash, hash->tail | hash->len << 56);
  hash->v[2] ^= hash->is_wide ? 0xee : 0xff;
  rounds (hash->v, 4);
  return hash->v[0] ^ hash->v[1] ^ hash->v[2] ^ hash->v[3];
}

guint64
ike_siphash_end (IkeSipHash *hash)
{
  g_return_val_if_fail (!hash->is_wide, 0);
  return finish (hash);
}

void
ike_siphash_end128 (IkeSipHash *hash, guint8 out[static 16])
{
  guint64 word;

  g_return_if_fail (hash->is_wide);
  word = GUINT64_TO_LE (finish (hash));
  memcpy (out, &word, 8);
  hash->v[1] ^= 0xdd;
  rounds (hash->v, 4);
  word = GUINT64_TO_LE (hash->v[0] ^ hash->v[1] ^ hash->v[2] ^ hash->v[3]);
  memcpy (out + 8, &word, 8);
}

guint64
ike_siphash (const guint8 key[static 16], const void *data, gsize len)
{
  IkeSipHash hash;

  ike_siphash_init (&hash, key, FALSE);
  ike_siphash_update (&hash, data, len);
  return ike_siphash_end (&hash);
}

void
ike_siphash128 (const guint8 key[static 16], const void *data, gsize len, guint8 out[static 16])
{
  IkeSipHash hash;

  ike_siphash_init (&hash, key, TRUE);
  ike_siphash_update (&hash, data, len);
  ike_siphash_end128 (&hash, out);
}
