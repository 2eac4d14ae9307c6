/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c - refuses packets that were seen, or are too old to tell. */
#include "config.h"
#include <string.h>
#include "replay.h"

Replay *
replay_new (guint32 window, gboolean is_esn)
{
  guint32 n_words = 1;
  Replay *replay;
  window = MIN (window, (guint32) REPLAY_WINDOW_MAX);
  /* RFC 6479: the ring is larger than the window by at least one word, which is cleared before
   * it comes into use. */
  while (window && n_words * 64 < window + 64)
    n_words *= 2;
  replay = g_malloc0 (sizeof *replay + n_words * sizeof (guint64));
  replay->window = window;
  replay->n_words = n_words;
  replay->is_esn = is_esn != FALSE;
  return replay;
}

/* RFC 4303, A2.2, with one reading more: without a window nothing says how late a packet may be,
 * so the half of the number space behind T counts as late. */
guint64
replay_infer (const Replay *replay, guint32 sequence_low)
{
  guint32 window = replay->window ? replay->window : G_MAXINT32;
  guint32 top_low = (guint32) replay->top, top_high = (guint32) (replay->top >> 32);
  guint32 bottom_low = top_low - window + 1;
  if (!replay->is_esn)
    return sequence_low;
  if (top_low >= window - 1)                  /* Case A: the window lies within one subspace */
    top_high += sequence_low < bottom_low;
  else if (sequence_low >= bottom_low)        /* Case B: it spans two */
    top_high--;
  return (guint64) top_high << 32 | sequence_low;
}

/* Is @sequence from before the first packet?  In the first subspace case B wraps to the last
 * one, where no sender can be: RFC 4303, 3.3.3: "the sender … MUST NOT allow the sequence number
 * to cycle". */
static gboolean
is_impossible (const Replay *replay, guint64 sequence)
{
  return sequence == 0
         || (replay->is_esn && (sequence >> 32) == G_MAXUINT32 && (replay->top >> 32) == 0);
}

ReplayVerdict
replay_check (const Replay *replay, guint64 sequence)
{
  guint32 word;
  if (is_impossible (replay, sequence))
    return REPLAY_OLD;
  if (!replay->window || sequence > replay->top)
    return REPLAY_OK;
  if (replay->top - sequence >= replay->window)
    return REPLAY_OLD;
  word = (guint32) (sequence / 64) & (replay->n_words - 1);
  return replay->words[word] >> (sequence % 64) & 1 ? REPLAY_SEEN : REPLAY_OK;
}

static void
advance (Replay *replay, guint64 sequence)
{
  guint64 from = replay->top / 64, to = sequence / 64;
  replay->top = sequence;
  if (to - from >= replay->n_words) {
    memset (replay->words, 0, replay->n_words * sizeof (guint64));
    return;
  }
  while (from != to)
    replay->words[++from & (replay->n_words - 1)] = 0;
}

void
replay_update (Replay *replay, guint64 sequence)
{
  if (sequence > replay->top)
    advance (replay, sequence);
  if (replay->window)
    replay->words[(sequence / 64) & (replay->n_words - 1)] |= G_GUINT64_CONSTANT (1)
                                                              << (sequence % 64);
}
