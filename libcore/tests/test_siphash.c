/* SPDX-License-Identifier: Apache-2.0 */
/* test_siphash.c - SipHash against the vectors of its authors, in one piece and in many. */
#include <string.h>
#include "base/siphash.h"

static guint8 key[16], input[64];

static void
fill (void)
{
  for (guint i = 0; i < sizeof key; i++)
    key[i] = (guint8) i;
  for (guint i = 0; i < sizeof input; i++)
    input[i] = (guint8) i;
}

static void
test_vectors_64 (void)
{
  fill ();
  g_assert_cmphex (ike_siphash (key, input, 0), ==, G_GUINT64_CONSTANT (0x726fdb47dd0e0e31));
  g_assert_cmphex (ike_siphash (key, input, 1), ==, G_GUINT64_CONSTANT (0x74f839c593dc67fd));
  g_assert_cmphex (ike_siphash (key, input, 8), ==, G_GUINT64_CONSTANT (0x93f5f5799a932462));
  g_assert_cmphex (ike_siphash (key, input, 15), ==, G_GUINT64_CONSTANT (0xa129ca6149be45e5));
}

static void
test_vectors_128 (void)
{
  static const guint8 empty[] = { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
                                  0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93 };
  static const guint8 one[] = { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44,
                                0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45 };
  guint8 out[16];

  fill ();
  ike_siphash128 (key, input, 0, out);
  g_assert_cmpmem (out, 16, empty, 16);
  ike_siphash128 (key, input, 1, out);
  g_assert_cmpmem (out, 16, one, 16);
}

static void
test_pieces (void)
{
  fill ();
  for (gsize len = 0; len <= sizeof input; len++) {
    for (gsize cut = 0; cut <= len; cut++) {
      guint8 whole[16], pieces[16];
      IkeSipHash hash;
      ike_siphash_init (&hash, key, TRUE);
      ike_siphash_update (&hash, input, cut);
      ike_siphash_update (&hash, input + cut, (len - cut) / 2);
      ike_siphash_update (&hash, input + cut + (len - cut) / 2, len - cut - (len - cut) / 2);
      ike_siphash_end128 (&hash, pieces);
      ike_siphash128 (key, input, len, whole);
      g_assert_cmpmem (whole, 16, pieces, 16);
    }
  }
}

static void
test_key_matters (void)
{
  guint64 before;

  fill ();
  before = ike_siphash (key, input, 32);
  key[15] ^= 0x80;
  g_assert_cmphex (ike_siphash (key, input, 32), !=, before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/siphash/vectors-of-64-bits", test_vectors_64);
  g_test_add_func ("/siphash/vectors-of-128-bits", test_vectors_128);
  g_test_add_func ("/siphash/pieces-give-what-the-whole-gives", test_pieces);
  g_test_add_func ("/siphash/another-key-gives-another-hash", test_key_matters);
  return g_test_run ();
}
