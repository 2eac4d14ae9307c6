/* SPDX-License-Identifier: Apache-2.0 */
/* test_arena.c - arenas: zeroed, aligned, bounded, and given back wiped to the cache. */
#include <string.h>
#include <ikebana/arena.h>

static void
assert_zero (const guint8 *data, gsize len)
{
  for (gsize i = 0; i < len; i++)
    g_assert_cmpuint (data[i], ==, 0);
}

static void
test_zero_and_aligned (void)
{
  IkeArena arena;

  ike_arena_init (&arena, NULL, 1 << 20);
  for (gsize size = 0; size < 6000; size += 37) {
    guint8 *at = ike_arena_alloc (&arena, size);
    g_assert_nonnull (at);
    g_assert_cmpuint (GPOINTER_TO_SIZE (at) % 16, ==, 0);
    assert_zero (at, size);
    memset (at, 0xaa, size);
  }
  ike_arena_clear (&arena);
}

static void
test_limit (void)
{
  IkeArena arena;

  ike_arena_init (&arena, NULL, 160);
  for (guint i = 0; i < 10; i++)
    g_assert_nonnull (ike_arena_alloc (&arena, 16));
  g_assert_null (ike_arena_alloc (&arena, 1));
  g_assert_cmpuint (arena.used, ==, 160);
  ike_arena_clear (&arena);
  g_assert_nonnull (ike_arena_alloc (&arena, 160));
  ike_arena_clear (&arena);
  g_assert_null (ike_arena_alloc (&arena, 161));
  g_assert_null (ike_arena_alloc (&arena, G_MAXSIZE));
  g_assert_null (ike_arena_alloc (&arena, G_MAXSIZE - 8));
  ike_arena_clear (&arena);
}

static void
test_no_limit_no_overflow (void)
{
  IkeArena arena;

  ike_arena_init (&arena, NULL, G_MAXSIZE / 2);
  g_assert_nonnull (ike_arena_alloc (&arena, 100000));
  g_assert_nonnull (ike_arena_alloc (&arena, 10));
  g_assert_nonnull (ike_arena_alloc (&arena, 100000));
  ike_arena_clear (&arena);
}

static void
test_large_keeps_room (void)
{
  IkeArena arena;

  ike_arena_init (&arena, NULL, 1 << 20);
  guint8 *small = ike_arena_alloc (&arena, 16);
  ike_arena_alloc (&arena, 50000);
  g_assert_true ((guint8 *) ike_arena_alloc (&arena, 16) == small + 16);
  ike_arena_clear (&arena);
}

static void
test_copy (void)
{
  IkeArena arena;

  ike_arena_init (&arena, NULL, 64);
  g_assert_cmpmem (ike_arena_copy (&arena, "hello", 5), 5, "hello", 5);
  g_assert_nonnull (ike_arena_copy (&arena, NULL, 0));
  g_assert_null (ike_arena_copy (&arena, "hello", 64));
  ike_arena_clear (&arena);
}

static void
test_cache_reuses_wiped (void)
{
  IkeArenaCache *cache = ike_arena_cache_new (8192);
  IkeArena arena;
  guint8 *first, *second;

  ike_arena_init (&arena, cache, 1 << 20);
  first = ike_arena_alloc (&arena, 1000);
  memset (first, 0xaa, 1000);
  ike_arena_clear (&arena);
  second = ike_arena_alloc (&arena, 1000);
  g_assert_true (first == second);
  assert_zero (second, 1000);
  for (guint i = 0; i < 10; i++)
    g_assert_nonnull (ike_arena_alloc (&arena, 1000));
  ike_arena_clear (&arena);
  ike_arena_clear (&arena);
  ike_arena_cache_free (cache);
  ike_arena_cache_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/arena/memory-is-zero-and-aligned", test_zero_and_aligned);
  g_test_add_func ("/arena/beyond-the-limit-is-null", test_limit);
  g_test_add_func ("/arena/large-limit-does-not-overflow", test_no_limit_no_overflow);
  g_test_add_func ("/arena/large-piece-does-not-lose-the-room-left", test_large_keeps_room);
  g_test_add_func ("/arena/copy-is-bounded-too", test_copy);
  g_test_add_func ("/arena/cached-chunk-comes-back-wiped", test_cache_reuses_wiped);
  return g_test_run ();
}
