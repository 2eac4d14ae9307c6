/* SPDX-License-Identifier: Apache-2.0 */
/* test_solve.c - puzzles: solving them, checking them, and what is no solution. */
#include <string.h>

#include <glib.h>

#include "puzzle/solve.h"

/* What is asked of the PRF, by GLib's HMAC. */
static IkePrfClass prf_class = {
  .struct_size = sizeof (IkePrfClass), .transform = 5, .out_len = 32, .key_len = 32
};

const IkePrfClass *
ike_prf_class (const IkePrf *prf)
{
  return (const IkePrfClass *) prf;
}

gboolean
ike_prf_run (const IkePrf *prf, const guint8 *key, gsize key_len, const IkePart *parts,
             guint n_parts, guint8 *out)
{
  g_autoptr (GHmac) hmac = g_hmac_new (G_CHECKSUM_SHA256, key, key_len);
  gsize len = 32;

  for (guint i = 0; i < n_parts; i++)
    g_hmac_update (hmac, parts[i].data, (gssize) parts[i].len);
  g_hmac_get_digest (hmac, out, &len);
  return TRUE;
}

static const IkePrf *
prf (void)
{
  return (const IkePrf *) &prf_class;
}

static const guint8 cookie[] = { 0x73, 0x9a, 0xe7, 0x49, 0x2d, 0x8a, 0x81, 0x0c, 0xf5, 0xe8,
                                 0xdc, 0x0f, 0x96, 0x26, 0xc9, 0xdd, 0xa7, 0x73, 0xc5, 0xa3 };

static int
bits (const guint8 *solution, gsize len)
{
  return puzzle_bits (prf (), solution, len, cookie, sizeof cookie);
}

/* The cookie of the example in RFC 8019, 4.4.  The keys of its tables are none with HMAC as RFC
 * 4868 has it, for that or any reading of the cookie; these were found, and their bits counted,
 * with the HMAC of Python: the first four of 3 octets with 18 bits, the first four of 4 octets
 * with 16. */
static void
test_vector (void)
{
  static const guint8 of_18[] = { 0x00, 0xcd, 0x8a, 0x03, 0x90, 0xf7,
                                  0x08, 0x82, 0x88, 0x10, 0xef, 0xbe };
  static const guint8 of_16[] = { 0x00, 0x00, 0xc5, 0x15, 0x00, 0x02, 0x48, 0x70,
                                  0x00, 0x02, 0x87, 0xcf, 0x00, 0x03, 0x49, 0x92 };
  guint8 solution[PUZZLE_SOLUTION_MAX];
  PuzzleWork work;

  g_assert_cmpint (bits (of_18, sizeof of_18), ==, 18);
  g_assert_cmpint (bits (of_16, sizeof of_16), ==, 16);
  g_assert_true (puzzle_begin (&work, prf (), 16, cookie, sizeof cookie));
  g_assert_false (puzzle_work_on (&work, 215442));
  g_assert_true (puzzle_work_on (&work, 1));
  g_assert_cmpmem (solution, puzzle_solution (&work, solution), of_16, sizeof of_16);
}

static void
test_solve (void)
{
  static const guint8 difficulties[] = { 0, 1, 8, 9, 12 };
  guint8 solution[PUZZLE_SOLUTION_MAX];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (difficulties); i++) {
    PuzzleWork work;
    gsize len;
    guint n = 0;
    g_assert_true (puzzle_begin (&work, prf (), difficulties[i], cookie, sizeof cookie));
    while (!puzzle_work_on (&work, 100))
      g_assert_cmpuint (++n, <, 10000);
    len = puzzle_solution (&work, solution);
    g_assert_cmpuint (len, ==, 16);
    g_assert_cmpint (bits (solution, len), >=, difficulties[i]);
    /* Of another text it is none. */
    if (difficulties[i] >= 8)
      g_assert_cmpint (puzzle_bits (prf (), solution, len, cookie, sizeof cookie - 1), <,
                       difficulties[i]);
    solution[3] ^= 1;
    g_assert_cmpint (bits (solution, len), <, MAX (difficulties[i], 8));
  }
}

static void
test_fixed_keys (void)
{
  guint8 solution[PUZZLE_SOLUTION_MAX];
  PuzzleWork work;

  prf_class.is_key_fixed = TRUE;
  prf_class.key_len = 16;
  g_assert_true (puzzle_begin (&work, prf (), 8, cookie, sizeof cookie));
  while (!puzzle_work_on (&work, 1000))
    ;
  g_assert_cmpuint (puzzle_solution (&work, solution), ==, 64);
  g_assert_cmpint (bits (solution, 64), >=, 8);
  g_assert_cmpint (bits (solution, 60), ==, -1);
  g_assert_cmpint (bits (solution, 16), ==, -1);
  prf_class.is_key_fixed = FALSE;
  prf_class.key_len = 32;
}

static void
test_malformed (void)
{
  guint8 many[PUZZLE_SOLUTION_MAX], text[PUZZLE_TEXT_MAX + 1] = { 0 };
  PuzzleWork work;
  guint i;

  for (i = 0; i < sizeof many; i++)
    many[i] = (guint8) (i * 7 + i / 64);
  for (i = 0; i <= sizeof many; i++)
    if (i == 0 || i % 4 || i > 4 * 32)
      g_assert_cmpint (bits (many, i), ==, -1);
    else
      g_assert_cmpint (bits (many, i), >=, 0);
  /* "Four different keys". */
  memset (many, 0, sizeof many);
  g_assert_cmpint (bits (many, 16), ==, -1);
  many[0] = 1, many[4] = 2, many[8] = 3, many[12] = 1;
  g_assert_cmpint (bits (many, 16), ==, -1);
  many[12] = 4;
  g_assert_cmpint (bits (many, 16), >=, 0);
  g_assert_false (puzzle_begin (&work, prf (), 8, text, sizeof text));
  g_assert_true (puzzle_begin (&work, prf (), 8, text, sizeof text - 1));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/solve/as-somebody-else-computes-it", test_vector);
  g_test_add_func ("/solve/what-is-solved-is-a-solution", test_solve);
  g_test_add_func ("/solve/keys-of-fixed-length", test_fixed_keys);
  g_test_add_func ("/solve/what-is-malformed-is-no-solution", test_malformed);
  return g_test_run ();
}
