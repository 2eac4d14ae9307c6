/* SPDX-License-Identifier: Apache-2.0 */
/* test_replay.c - tests replay.c: window edges, extended sequence numbers. */
#include "config.h"
#include "kernel-tun/replay.h"

/* What an ESP loop does with a packet whose ICV is good. */
static ReplayVerdict
receive (Replay *replay, guint64 sequence)
{
  ReplayVerdict verdict = replay_check (replay, sequence);
  if (verdict == REPLAY_OK)
    replay_update (replay, sequence);
  return verdict;
}

static void
test_edges (gconstpointer data)
{
  guint32 window = GPOINTER_TO_UINT (data);
  g_autofree Replay *replay = replay_new (window, FALSE);
  guint64 top = 10000;
  g_assert_cmpint (receive (replay, 0), ==, REPLAY_OLD);
  g_assert_cmpint (receive (replay, 1), ==, REPLAY_OK);
  g_assert_cmpint (receive (replay, 1), ==, REPLAY_SEEN);
  g_assert_cmpint (receive (replay, top), ==, REPLAY_OK);
  g_assert_cmpint (receive (replay, top), ==, REPLAY_SEEN);
  g_assert_cmpint (receive (replay, top - window), ==, REPLAY_OLD);
  g_assert_cmpint (receive (replay, top - window + 1), ==, REPLAY_OK);
  g_assert_cmpint (receive (replay, top - window + 1), ==, REPLAY_SEEN);
  g_assert_cmpint (receive (replay, top + 1), ==, REPLAY_OK);
  g_assert_cmpint (receive (replay, top - window + 1), ==, REPLAY_OLD);
}

/* Against a list of everything that was seen. */
static void
test_model (gconstpointer data)
{
  guint32 window = GPOINTER_TO_UINT (data), seed = 7;
  g_autofree Replay *replay = replay_new (window, FALSE);
  g_autofree guint8 *seen = g_malloc0 (20000 * 40);
  guint64 top = 0;
  for (guint i = 0; i < 20000; i++) {
    guint64 sequence;
    ReplayVerdict expected = REPLAY_OK;
    seed = seed * 1664525u + 1013904223u;
    sequence = (top > window + 10 ? top - window - 10 : 0) + (seed >> 8) % (window + 40);
    if (sequence == 0 || (sequence <= top && top - sequence >= window))
      expected = REPLAY_OLD;
    else if (seen[sequence])
      expected = REPLAY_SEEN;
    g_assert_cmpint (receive (replay, sequence), ==, expected);
    seen[sequence] = 1;
    top = MAX (top, sequence);
  }
  g_assert_cmpuint (top, >, window);
}

static void
test_large_jump (void)
{
  g_autofree Replay *replay = replay_new (64, FALSE);
  for (guint i = 1; i <= 64; i++)
    g_assert_cmpint (receive (replay, i), ==, REPLAY_OK);
  g_assert_cmpint (receive (replay, 64 + 128 * 3), ==, REPLAY_OK);
  for (guint i = 1; i < 64; i++)
    g_assert_cmpint (receive (replay, 64 + 128 * 3 - i), ==, REPLAY_OK);
}

static void
test_esn_wrap (gconstpointer data)
{
  guint32 window = GPOINTER_TO_UINT (data);
  g_autofree Replay *replay = replay_new (window, TRUE);
  guint64 edge = G_GUINT64_CONSTANT (1) << 32;
  replay_update (replay, edge - 2);
  /* Case A: what lies below the window belongs to the next subspace. */
  g_assert_cmpuint (replay_infer (replay, 0xfffffffe), ==, edge - 2);
  g_assert_cmpuint (replay_infer (replay, 0xfffffffe - window + 1), ==, edge - 2 - window + 1);
  g_assert_cmpuint (replay_infer (replay, 0xfffffffe - window), ==, 2 * edge - 2 - window);
  g_assert_cmpuint (replay_infer (replay, 1), ==, edge + 1);
  g_assert_cmpint (receive (replay, edge + 1), ==, REPLAY_OK);
  /* Case B: the window spans both. */
  g_assert_cmpuint (replay_infer (replay, 0xffffffff), ==, edge - 1);
  g_assert_cmpint (receive (replay, replay_infer (replay, 0xffffffff)), ==, REPLAY_OK);
  g_assert_cmpint (receive (replay, replay_infer (replay, 0xffffffff)), ==, REPLAY_SEEN);
  g_assert_cmpint (receive (replay, replay_infer (replay, 0xfffffffe)), ==, REPLAY_SEEN);
  g_assert_cmpint (receive (replay, replay_infer (replay, 0)), ==, REPLAY_OK);
  g_assert_cmpint (receive (replay, replay_infer (replay, 1)), ==, REPLAY_SEEN);
}

static void
test_esn_start (void)
{
  g_autofree Replay *replay = replay_new (64, TRUE);
  g_assert_cmpuint (replay_infer (replay, 1), ==, 1);
  g_assert_cmpint (receive (replay, replay_infer (replay, 0xfffffff0)), ==, REPLAY_OLD);
  g_assert_cmpint (receive (replay, replay_infer (replay, 0)), ==, REPLAY_OLD);
  g_assert_cmpint (receive (replay, replay_infer (replay, 5)), ==, REPLAY_OK);
}

static void
test_off (void)
{
  g_autofree Replay *replay = replay_new (0, FALSE);
  g_assert_cmpint (receive (replay, 7), ==, REPLAY_OK);
  g_assert_cmpint (receive (replay, 7), ==, REPLAY_OK);
  g_assert_cmpint (receive (replay, 1), ==, REPLAY_OK);
  g_assert_cmpint (receive (replay, 0), ==, REPLAY_OLD);
}

int
main (int argc, char **argv)
{
  static const guint windows[] = { 32, 64, 65, 1000, 4096 };
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (windows); i++) {
    g_autofree char *edges = g_strdup_printf ("/replay/edges-of-a-window-of-%u", windows[i]);
    g_autofree char *model =
        g_strdup_printf ("/replay/agrees-with-a-list-of-all-seen-%u", windows[i]);
    g_autofree char *wrap = g_strdup_printf ("/replay/esn-goes-on-over-the-wrap-%u", windows[i]);
    g_test_add_data_func (edges, GUINT_TO_POINTER (windows[i]), test_edges);
    g_test_add_data_func (model, GUINT_TO_POINTER (windows[i]), test_model);
    g_test_add_data_func (wrap, GUINT_TO_POINTER (windows[i]), test_esn_wrap);
  }
  g_test_add_func ("/replay/a-jump-over-the-ring-clears-it", test_large_jump);
  g_test_add_func ("/replay/esn-has-nothing-before-its-start", test_esn_start);
  g_test_add_func ("/replay/without-a-window-nothing-is-seen", test_off);
  return g_test_run ();
}
