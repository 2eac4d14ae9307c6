/* SPDX-License-Identifier: Apache-2.0 */
/* prf.c - the pseudo-random generator of FIPS 186-2 with change notice 1, as RFC 4186, appendix B
 * has it.
 *
 * It needs the compression of SHA-1 alone, without the padding at the end, which no hash class has:
 * so that one function stands here. */
#include "keys.h"

#include <string.h>

enum { G_LEN = 20, WORDS = 5, BLOCK = 64, ROUNDS = 80 };

static guint32
rotate (guint32 x, guint n)
{
  return x << n | x >> (32 - n);
}

/* G (t, c): c of 160 bits, zeros up to a block, one compression of the initial value. */
static void
compress_block (const guint8 c[static G_LEN], guint8 out[static G_LEN])
{
  static const guint32 t[WORDS] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
  guint32 w[ROUNDS] = { 0 }, s[WORDS];

  for (guint i = 0; i < G_LEN; i++)
    w[i / 4] |= (guint32) c[i] << (24 - i % 4 * 8);
  for (guint i = BLOCK / 4; i < ROUNDS; i++)
    w[i] = rotate (w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  memcpy (s, t, sizeof s);
  for (guint i = 0; i < ROUNDS; i++) {
    static const guint32 k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
    guint32 choice = (s[1] & s[2]) | (~s[1] & s[3]), parity = s[1] ^ s[2] ^ s[3];
    guint32 majority = (s[1] & s[2]) | (s[1] & s[3]) | (s[2] & s[3]);
    guint32 f = i < 20 ? choice : i < 40 || i >= 60 ? parity : majority;
    guint32 next = rotate (s[0], 5) + f + s[4] + k[i / 20] + w[i];

    s[4] = s[3];
    s[3] = s[2];
    s[2] = rotate (s[1], 30);
    s[1] = s[0];
    s[0] = next;
  }
  for (guint i = 0; i < G_LEN; i++)
    out[i] = (guint8) ((t[i / 4] + s[i / 4]) >> (24 - i % 4 * 8));
  ike_wipe (w, sizeof w);
  ike_wipe (s, sizeof s);
}

/* RFC 4186, appendix B: "c. XKEY = (1 + XKEY + w_i) mod 2^b". */
static void
add_one_and (guint8 key[static G_LEN], const guint8 w[static G_LEN])
{
  guint carry = 1;

  for (guint i = G_LEN; i-- > 0;) {
    carry += (guint) key[i] + w[i];
    key[i] = (guint8) carry;
    carry >>= 8;
  }
}

void
sim_prf (const guint8 seed[static SIM_SEED_LEN], guint8 *out, gsize len)
{
  guint8 key[G_LEN], w[G_LEN];

  memcpy (key, seed, sizeof key);
  for (gsize done = 0; done < len;) {
    gsize n = MIN (len - done, sizeof w);

    compress_block (key, w);
    add_one_and (key, w);
    memcpy (out + done, w, n);
    done += n;
  }
  ike_wipe (key, sizeof key);
  ike_wipe (w, sizeof w);
}
