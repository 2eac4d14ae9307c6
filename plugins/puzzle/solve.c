/* SPDX-License-Identifier: Apache-2.0 */
/* solve.c - trying keys, and checking them; see solve.h. */
#include "config.h"
#include <string.h>

#include "puzzle/solve.h"

enum { KEY_LEN = 4 };

static guint
zero_bits (const guint8 *value, gsize len)
{
  guint n = 0;

  while (len > 0 && value[len - 1] == 0) {
    n += 8;
    len--;
  }
  return len ? n + (guint) __builtin_ctz (value[len - 1]) : n;
}

/* -1: the PRF failed. */
static int
bits_of (const IkePrf *prf, const guint8 *key, gsize key_len, const guint8 *text, gsize text_len)
{
  IkePart part = { text, text_len };
  guint8 out[IKE_SECRET_MAX];

  if (!ike_prf_run (prf, key, key_len, &part, 1, out))
    return -1;
  return (int) zero_bits (out, ike_prf_class (prf)->out_len);
}

/* RFC 8019, 8.2: "If the selected PRF accepts only fixed-size keys, then the size of each key MUST
 * be of that fixed size". */
gboolean
puzzle_begin (PuzzleWork *work, const IkePrf *prf, guint8 difficulty, const guint8 *text, gsize len)
{
  const IkePrfClass *klass = ike_prf_class (prf);
  guint key_len = klass->is_key_fixed ? klass->key_len : KEY_LEN;

  memset (work, 0, sizeof *work);
  if (len > sizeof work->text || key_len < KEY_LEN || key_len > IKE_SECRET_MAX)
    return FALSE;
  work->prf = prf;
  work->difficulty = difficulty;
  work->key_len = (guint8) key_len;
  work->text_len = (guint16) len;
  memcpy (work->text, text, len);
  return TRUE;
}

static void
write_key (const PuzzleWork *work, guint32 number, guint8 *key)
{
  guint32 wire = GUINT32_TO_BE (number);

  memset (key, 0, work->key_len);
  memcpy (key + work->key_len - sizeof wire, &wire, sizeof wire);
}

gboolean
puzzle_work_on (PuzzleWork *work, guint n_tries)
{
  guint8 key[IKE_SECRET_MAX];

  for (; work->n_found < PUZZLE_N_KEYS && n_tries > 0 && work->next < G_MAXUINT32; n_tries--) {
    guint32 number = work->next++;
    write_key (work, number, key);
    if (bits_of (work->prf, key, work->key_len, work->text, work->text_len) >= work->difficulty)
      work->found[work->n_found++] = number;
  }
  return work->n_found == PUZZLE_N_KEYS;
}

gsize
puzzle_solution (const PuzzleWork *work, guint8 out[static PUZZLE_SOLUTION_MAX])
{
  guint i;

  for (i = 0; i < PUZZLE_N_KEYS; i++)
    write_key (work, work->found[i], out + i * work->key_len);
  return PUZZLE_N_KEYS * (gsize) work->key_len;
}

/* RFC 8019, 8.2: "the size of each key MUST be between 1 octet and the preferred key length of the
 * PRF (inclusive)"; 4.4: "four different keys". */
static gboolean
is_well_formed (const IkePrfClass *klass, const guint8 *solution, gsize len)
{
  gsize key_len = len / PUZZLE_N_KEYS;
  guint i, k;

  if (len == 0 || len % PUZZLE_N_KEYS || key_len > klass->key_len || key_len > IKE_SECRET_MAX
      || (klass->is_key_fixed && key_len != klass->key_len))
    return FALSE;
  for (i = 0; i < PUZZLE_N_KEYS; i++)
    for (k = 0; k < i; k++)
      if (!memcmp (solution + i * key_len, solution + k * key_len, key_len))
        return FALSE;
  return TRUE;
}

/* RFC 8019, 7.1.4: "The Responder MUST check all of the four returned keys", and "MUST take the
 * smallest number of trailing zero bits among the checked results". */
int
puzzle_bits (const IkePrf *prf, const guint8 *solution, gsize len, const guint8 *text,
             gsize text_len)
{
  gsize key_len = len / PUZZLE_N_KEYS;
  int least = G_MAXINT;
  guint i;

  if (!is_well_formed (ike_prf_class (prf), solution, len))
    return -1;
  for (i = 0; i < PUZZLE_N_KEYS; i++)
    least = MIN (least, bits_of (prf, solution + i * key_len, key_len, text, text_len));
  return least;
}
