/* SPDX-License-Identifier: Apache-2.0 */
/* solve.h - puzzles of RFC 8019, 4.4: four keys whose PRF of a text ends in enough zero bits. */
#pragma once
#include <ikebana/crypto.h>

enum { PUZZLE_N_KEYS = 4, PUZZLE_TEXT_MAX = 264, PUZZLE_SOLUTION_MAX = PUZZLE_N_KEYS * IKE_SECRET_MAX };

typedef struct {
  const IkePrf *prf;
  guint8        difficulty;                   /* bits */
  guint8        key_len, n_found;
  guint16       text_len;
  guint8        text[PUZZLE_TEXT_MAX];
  guint32       found[PUZZLE_N_KEYS];         /* as numbers, the end of a key */
  guint32       next;                         /* to be tried */
} PuzzleWork;

/* FALSE: the text is too long, or the PRF has no keys that we could try. */
gboolean puzzle_begin (PuzzleWork *work, const IkePrf *prf, guint8 difficulty, const guint8 *text, gsize len);
/* Tries so many keys at most; TRUE when it is solved.  Offload pool. */
gboolean puzzle_work_on (PuzzleWork *work, guint n_tries);
/* The keys behind each other, as they go into the payload; their length. */
gsize    puzzle_solution (const PuzzleWork *work, guint8 out[static PUZZLE_SOLUTION_MAX]);

/* Zero bits at the end of the least of the four; -1 when it is no solution at all: of a length that may not be, or with
 * a key twice. */
int      puzzle_bits (const IkePrf *prf, const guint8 *solution, gsize len, const guint8 *text, gsize text_len);
