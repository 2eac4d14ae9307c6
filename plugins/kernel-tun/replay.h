/* SPDX-License-Identifier: Apache-2.0 */
/* replay.h - the anti-replay window of an inbound SA, and the high half of extended sequence
 * numbers.
 *
 * The window is a ring of 64-bit words with one word more than the window needs, so that it
 * never shifts (RFC 6479). Use: replay_infer() gives the 64-bit number of a packet,
 * replay_check() refuses before any cryptography, and replay_update() is called only when the
 * ICV was good. */
#pragma once
#include <glib.h>

enum { REPLAY_WINDOW_MAX = 4096 };

typedef struct {
  /* T: the highest number that was authenticated; 0: none yet */
  guint64 top;
  guint32 window;                             /* W, packets; 0: nothing is refused */
  guint32 n_words;                            /* a power of two */
  guint8  is_esn;
  guint64 words[];
} Replay;

typedef enum { REPLAY_OK, REPLAY_SEEN, REPLAY_OLD } ReplayVerdict;

/* @window is cut at REPLAY_WINDOW_MAX.  Free with g_free. */
Replay       *replay_new    (guint32 window, gboolean is_esn);
guint64       replay_infer  (const Replay *replay, guint32 sequence_low);
ReplayVerdict replay_check  (const Replay *replay, guint64 sequence);
void          replay_update (Replay *replay, guint64 sequence);
