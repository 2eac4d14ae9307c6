/* SPDX-License-Identifier: Apache-2.0 */
/* test_sim.c - tests runtime/sim.c, foreign.c, rng.c and clock.c: one order for everything, decided
 * by the seed. */
#include "config.h"
#include <sys/epoll.h>
#include "runtime_test.h"

typedef struct {
  GString   *trace;
  IkeEngine *engines[2];
  IkeSim    *sim;
} World;

typedef struct {
  World *world;
  char   letter;
} Step;

static void
step_run (gpointer data)
{
  Step *step = data;

  g_string_append_c (step->world->trace, step->letter);
}

static Step *
step_new (World *world, char letter)
{
  Step *step = g_new (Step, 1);

  *step = (Step) { world, letter };
  return step;
}

static void
post (World *world, guint engine, guint shard, char letter)
{
  ike_loop_post (ike_engine_shard (world->engines[engine], shard), step_run,
                 step_new (world, letter), g_free);
}

static World
world_new (guint64 seed, guint32 flags)
{
  World world = { g_string_new (NULL), { NULL, NULL }, ike_sim_new (seed) };

  world.engines[0] = test_engine_new (world.sim, flags);
  world.engines[1] = test_engine_new (world.sim, flags);
  return world;
}

static char *
world_end (World *world)
{
  ike_engine_free (world->engines[1]);
  ike_engine_free (world->engines[0]);
  ike_sim_free (world->sim);
  return g_string_free (world->trace, FALSE);
}

static void
test_without_shuffle_things_run_in_the_order_they_came (void)
{
  World world = world_new (1, 0);
  g_autofree char *trace = NULL;

  ike_sim_at (world.sim, 2000, step_run, step_new (&world, 'z'), g_free);
  ike_loop_timer_add (ike_engine_shard (world.engines[1], 0), 1, step_run, step_new (&world, 'y'),
                      g_free);
  for (guint i = 0; i < 8; i++)
    post (&world, i % 2, i % 4, (char) ('a' + i));
  while (ike_sim_step (world.sim, G_MAXINT64))
    ;
  g_assert_cmpint (ike_sim_now_us (world.sim), ==, 2000);
  trace = world_end (&world);
  g_assert_cmpstr (trace, ==, "abcdefghyz");
}

static char *
shuffled (guint64 seed)
{
  World world = world_new (seed, IKE_ENGINE_SHUFFLE);

  for (guint i = 0; i < 12; i++)
    post (&world, i % 2, i % 3, (char) ('a' + i));
  for (guint i = 0; i < 6; i++)
    ike_loop_timer_add (ike_engine_control (world.engines[0]), 7, step_run,
                        step_new (&world, (char) ('A' + i)), g_free);
  while (ike_sim_step (world.sim, G_MAXINT64))
    ;
  return world_end (&world);
}

/* Letters of one loop: i and i + 6. */
static void
assert_posts_of_a_loop_in_order (const char *trace)
{
  g_assert_cmpuint (strlen (trace), ==, 18);
  for (char letter = 'a'; letter < 'g'; letter++)
    g_assert_true (strchr (trace, letter) < strchr (trace, letter + 6));
}

static void
test_a_shuffled_order_is_drawn_from_the_seed_and_keeps_each_queue (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint64 seed = 1; seed <= 50; seed++) {
    g_autofree char *first = shuffled (seed), *again = shuffled (seed);

    g_assert_cmpstr (first, ==, again);
    assert_posts_of_a_loop_in_order (first);
    g_hash_table_add (seen, g_steal_pointer (&first));
  }
  g_assert_cmpuint (g_hash_table_size (seen), >, 40);
}

static void
test_settling_does_not_move_the_clock (void)
{
  World world = world_new (1, 0);
  g_autofree char *trace = NULL;

  ike_loop_timer_add (ike_engine_control (world.engines[0]), 1, step_run, step_new (&world, 'b'),
                      g_free);
  post (&world, 0, 0, 'a');
  ike_sim_settle (world.sim);
  g_assert_cmpstr (world.trace->str, ==, "a");
  g_assert_cmpint (ike_sim_now_us (world.sim), ==, 0);
  g_assert_true (ike_engine_step (world.engines[0]));
  g_assert_cmpstr (world.trace->str, ==, "ab");
  g_assert_cmpint (ike_engine_now_us (world.engines[0]), ==, 1000);
  g_assert_false (ike_engine_step (world.engines[0]));
  trace = world_end (&world);
}

static void
test_what_waits_is_counted (void)
{
  World world = world_new (1, 0);
  g_autofree char *trace = NULL;
  guint before;

  ike_sim_settle (world.sim);
  before = ike_sim_n_waiting (world.sim);
  ike_sim_at (world.sim, 2000, step_run, step_new (&world, 'b'), g_free);
  post (&world, 1, 0, 'a');
  g_assert_cmpuint (ike_sim_n_waiting (world.sim), ==, before + 2);
  ike_sim_settle (world.sim);
  g_assert_cmpuint (ike_sim_n_waiting (world.sim), ==, before + 1);
  while (ike_sim_step (world.sim, 2000))
    ;
  g_assert_cmpuint (ike_sim_n_waiting (world.sim), ==, before);
  trace = world_end (&world);
  g_assert_cmpstr (trace, ==, "ab");
}

static void
test_the_wall_clock_of_one_engine_jumps (void)
{
  World world = world_new (1, 0);
  gint64 wall = ike_engine_wall_us (world.engines[0]), now = ike_engine_now_us (world.engines[0]);

  ike_sim_shift_wall (world.engines[0], -5000);
  g_assert_cmpint (ike_engine_wall_us (world.engines[0]), ==, wall - 5000);
  g_assert_cmpint (ike_engine_wall_us (world.engines[1]), ==, wall);
  g_assert_cmpint (ike_engine_now_us (world.engines[0]), ==, now);
  g_free (world_end (&world));
}

static void
test_the_clock_stops_where_it_was_told_to (void)
{
  World world = world_new (1, 0);
  g_autofree char *trace = NULL;

  ike_sim_at (world.sim, 5000000, step_run, step_new (&world, 'a'), g_free);
  g_assert_false (ike_sim_step (world.sim, 1000000));
  g_assert_cmpint (ike_sim_now_us (world.sim), ==, 1000000);
  g_assert_true (ike_sim_step (world.sim, 5000000));
  g_assert_false (ike_sim_step (world.sim, 6000000));
  g_assert_cmpint (ike_sim_now_us (world.sim), ==, 6000000);
  ike_sim_at (world.sim, 1, step_run, step_new (&world, 'b'), g_free);
  g_assert_true (ike_sim_step (world.sim, 6000000));
  g_assert_cmpint (ike_sim_now_us (world.sim), ==, 6000000);
  ike_sim_at (world.sim, 7000000, step_run, step_new (&world, 'c'), g_free);
  trace = world_end (&world);
  g_assert_cmpstr (trace, ==, "ab");
}

static void
test_only_the_running_loop_is_current (void)
{
  World world = world_new (1, 0);
  g_autofree char *trace = NULL;
  IkeLoop *shard = ike_engine_shard (world.engines[0], 0), *before;

  g_assert_true (ike_loop_is_current (shard));
  before = ike_loop_enter (ike_engine_shard (world.engines[1], 0));
  g_assert_false (ike_loop_is_current (shard));
  ike_loop_enter (before);
  trace = world_end (&world);
}

static void
test_random_bytes_depend_on_seed_and_engine_only (void)
{
  guint8 bytes[4][100], zero[100] = { 0 };

  for (guint i = 0; i < 2; i++) {
    World world = world_new (99, 0);
    g_autofree char *trace = NULL;

    ike_sim_random (world.sim, bytes[3], i * 13);
    ike_engine_random (world.engines[0], bytes[2 * i], 100);
    ike_engine_random (world.engines[1], bytes[2 * i + 1], 100);
    trace = world_end (&world);
  }
  g_assert_cmpmem (bytes[0], 100, bytes[2], 100);
  g_assert_cmpmem (bytes[1], 100, bytes[3], 100);
  g_assert_cmpint (memcmp (bytes[0], bytes[1], 100), !=, 0);
  g_assert_cmpint (memcmp (bytes[0], zero, 100), !=, 0);
}

static void
test_real_random_bytes_differ (void)
{
  IkeEngine *engine = test_engine_new (NULL, 0);
  guint8 one[64] = { 0 }, two[64] = { 0 };

  ike_engine_random (engine, one, sizeof one);
  ike_engine_random (engine, two, sizeof two);
  g_assert_cmpint (memcmp (one, two, sizeof one), !=, 0);
  g_assert_false (ike_engine_is_simulated (engine));
  g_assert_cmpint (ike_engine_wall_us (engine), >, G_GINT64_CONSTANT (1600000000000000));
  ike_engine_free (engine);
}

static gpointer
shared_make (IkeSim *sim)
{
  return g_new0 (int, 1);
}

static void
shared_free (gpointer data)
{
  g_free (data);
}

static void
test_shared_objects_are_made_once_by_name (void)
{
  World world = world_new (1, 0);
  g_autofree char *trace = NULL;
  gpointer wire = ike_sim_shared (world.sim, "wire", shared_make, shared_free);

  g_assert_true (ike_sim_shared (world.sim, "wire", shared_make, shared_free) == wire);
  g_assert_true (ike_sim_shared (world.sim, "other", shared_make, shared_free) != wire);
  trace = world_end (&world);
}

static void
test_what_is_left_at_the_end_is_freed (void)
{
  World world = world_new (1, IKE_ENGINE_SHUFFLE);
  g_autofree char *trace = NULL;

  for (guint i = 0; i < 20; i++) {
    ike_loop_timer_add (ike_engine_shard (world.engines[i % 2], i % 4), i * 10, step_run,
                        step_new (&world, 't'), g_free);
    ike_sim_at (world.sim, i * 1000 + 1, step_run, step_new (&world, 'c'), g_free);
  }
  trace = world_end (&world);
  g_assert_cmpstr (trace, ==, "");
}

static void
watched_never (int fd, guint32 events, gpointer data)
{
  g_assert_not_reached ();
}

static void
test_watches_are_refused (void)
{
  if (g_test_subprocess ()) {
    World world = world_new (1, 0);

    ike_loop_watch (ike_engine_io (world.engines[0]), 0, EPOLLIN, watched_never, NULL);
    return;
  }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*sim*");
}

/* -- answers from elsewhere */

typedef struct {
  World    *world;
  pthread_t home;
} Asked;

static void
asked_then (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Asked *asked = owner;

  g_assert_true (pthread_equal (asked->home, pthread_self ()));
  g_assert_null (error);
  g_string_append_c (asked->world->trace, *(char *) result);
}

static const IkeCallClass asked_call = {
  sizeof (IkeCallClass), "asked", 1000, 0, asked_then, NULL, NULL
};

static char *
ask_and_answer (guint64 seed, guint32 flags)
{
  static char letters[] = "abcdefghijkl";
  World world = world_new (seed, flags);
  Asked asked = { &world, pthread_self () };

  for (guint i = 0; letters[i]; i++) {
    IkeCall *call =
        ike_loop_call (ike_engine_shard (world.engines[0], 0), &asked_call, &asked, NULL);
    ike_call_answer (call, &letters[i]);
  }
  for (guint i = 0; i < 6; i++)
    post (&world, 1, i % 4, '.');
  ike_sim_settle (world.sim);
  g_assert_cmpuint (world.trace->len, ==, 18);
  return world_end (&world);
}

static void
test_foreign_answers_come_late_in_any_order_but_all (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *plain = ask_and_answer (1, 0);

  g_assert_cmpstr (plain, ==, "abcdefghijkl......");
  for (guint64 seed = 1; seed <= 50; seed++) {
    g_autofree char *first = ask_and_answer (seed, IKE_ENGINE_FOREIGN_ANSWERS);
    g_autofree char *again = ask_and_answer (seed, IKE_ENGINE_FOREIGN_ANSWERS);

    g_assert_cmpstr (first, ==, again);
    g_hash_table_add (seen, g_steal_pointer (&first));
  }
  g_assert_cmpuint (g_hash_table_size (seen), >, 40);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sim/without-shuffle-things-run-in-the-order-they-came",
                   test_without_shuffle_things_run_in_the_order_they_came);
  g_test_add_func ("/sim/shuffled-order-is-drawn-from-the-seed-and-keeps-each-queue",
                   test_a_shuffled_order_is_drawn_from_the_seed_and_keeps_each_queue);
  g_test_add_func ("/sim/settling-does-not-move-the-clock", test_settling_does_not_move_the_clock);
  g_test_add_func ("/sim/clock-stops-where-it-was-told-to",
                   test_the_clock_stops_where_it_was_told_to);
  g_test_add_func ("/sim/what-waits-is-counted", test_what_waits_is_counted);
  g_test_add_func ("/sim/the-wall-clock-of-one-engine-jumps",
                   test_the_wall_clock_of_one_engine_jumps);
  g_test_add_func ("/sim/only-the-running-loop-is-current", test_only_the_running_loop_is_current);
  g_test_add_func ("/sim/random-bytes-depend-on-seed-and-engine-only",
                   test_random_bytes_depend_on_seed_and_engine_only);
  g_test_add_func ("/sim/shared-objects-are-made-once-by-name",
                   test_shared_objects_are_made_once_by_name);
  g_test_add_func ("/sim/what-is-left-at-the-end-is-freed", test_what_is_left_at_the_end_is_freed);
  g_test_add_func ("/sim/watches-are-refused", test_watches_are_refused);
  g_test_add_func ("/sim/foreign-answers-come-late-in-any-order-but-all",
                   test_foreign_answers_come_late_in_any_order_but_all);
  g_test_add_func ("/rng/real-random-bytes-differ", test_real_random_bytes_differ);
  return g_test_run ();
}
