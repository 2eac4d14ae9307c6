/* SPDX-License-Identifier: Apache-2.0 */
/* sequence.c - sequence numbers of AKA, counted and checked. */
#include "card.h"

/* TS 33.102, C.2.2: a card refuses a SEQ that is more than this above what it has seen, so that
 * nobody can wear its numbers out.  C.3.1 has 2^28. */
#define SEQ_JUMP_MAX (G_GUINT64_CONSTANT (1) << 28)

void
sim_window_init (SimWindow *window, guint64 sqn)
{
  for (guint i = 0; i < SIM_INDS; i++)
    window->seq[i] = sqn >> SIM_IND_BITS;
  window->highest = sqn;
}

gboolean
sim_window_takes (SimWindow *window, guint64 sqn)
{
  guint64 seq = sqn >> SIM_IND_BITS, highest = window->highest >> SIM_IND_BITS;
  guint64 *seen = &window->seq[sqn % SIM_INDS];

  if (seq <= *seen || (seq > highest && seq - highest > SEQ_JUMP_MAX))
    return FALSE;
  *seen = seq;
  window->highest = MAX (window->highest, sqn);
  return TRUE;
}

/* TS 33.102, C.1.1.1: both parts go on by one, IND modulo its range. */
guint64
sim_sqn_next (guint64 sqn)
{
  guint64 seq = (sqn >> SIM_IND_BITS) + 1, ind = (sqn + 1) % SIM_INDS;
  guint64 next = seq << SIM_IND_BITS | ind;

  return next <= SIM_SQN_MAX ? next : 0;
}

guint64
sim_sqn_read (const guint8 in[static SIM_SQN_LEN])
{
  guint64 sqn = 0;

  for (guint i = 0; i < SIM_SQN_LEN; i++)
    sqn = sqn << 8 | in[i];
  return sqn;
}

void
sim_sqn_write (guint64 sqn, guint8 out[static SIM_SQN_LEN])
{
  for (guint i = SIM_SQN_LEN; i-- > 0; sqn >>= 8)
    out[i] = (guint8) sqn;
}
