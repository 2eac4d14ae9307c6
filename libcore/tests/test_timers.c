/* SPDX-License-Identifier: Apache-2.0 */
/* test_timers.c - tests runtime/timers.c: the wheel by itself, timers in virtual time, and timers
 * of a real loop. */
#include "config.h"
#include "runtime_test.h"

/* -- the wheel */

enum { N_RANDOM = 4000 };

typedef struct {
  IkeTimer timer;
  guint64  fired_at;                          /* tick; 0: not yet */
  guint    n_fired, n_dropped;
  IkeWheel *wheel;
} Probe;

static void
probe_fire (IkeTimer *timer)
{
  Probe *probe = (Probe *) timer;

  probe->n_fired++;
  probe->fired_at = probe->wheel->tick;
}

static void
probe_drop (IkeTimer *timer)
{
  ((Probe *) timer)->n_dropped++;
}

static const IkeTimerClass probe_class = { probe_fire, probe_drop };

static Probe *
probes_new (IkeEngine *engine, IkeWheel *wheel, guint n)
{
  Probe *probes = g_new0 (Probe, n);

  for (guint i = 0; i < n; i++) {
    ike_timer_init (&probes[i].timer, ike_engine_control (engine), &probe_class, "probe");
    probes[i].wheel = wheel;
  }
  return probes;
}

/* Spread over all levels: the number of bits is random first. */
static guint64
random_delay (guint64 rng[4])
{
  return ike_rng_next (rng) >> (20 + ike_rng_next (rng) % 43);
}

static void
test_each_timer_fires_at_its_tick_whatever_the_distance (void)
{
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine = test_engine_new (sim, 0);
  IkeWheel *wheel = g_new0 (IkeWheel, 1);
  Probe *probes = probes_new (engine, wheel, N_RANDOM);
  guint64 rng[4], next = 0, n_steps = 0;

  ike_rng_seed (rng, 4711, 0);
  ike_wheel_init (wheel, 123456789);
  for (guint i = 0; i < N_RANDOM; i++) {
    probes[i].timer.tick = wheel->tick + 1 + random_delay (rng);
    ike_wheel_add (wheel, &probes[i].timer);
  }
  for (; ike_wheel_next (wheel, &next); n_steps++) {
    g_assert_cmpuint (next, >, wheel->tick);
    ike_wheel_run (wheel, next);
  }
  for (guint i = 0; i < N_RANDOM; i++) {
    g_assert_cmpuint (probes[i].n_fired, ==, 1);
    g_assert_cmpuint (probes[i].fired_at, ==, probes[i].timer.tick);
  }
  /* A timer is dealt out at most once per level. */
  g_assert_cmpuint (n_steps, <=, 8 * N_RANDOM);
  g_free (probes);
  g_free (wheel);
  ike_engine_free (engine);
  ike_sim_free (sim);
}

static void
test_leaps_lose_nothing_and_fire_in_order (void)
{
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine = test_engine_new (sim, 0);
  IkeWheel *wheel = g_new0 (IkeWheel, 1);
  Probe *probes = probes_new (engine, wheel, N_RANDOM);
  guint64 rng[4], tick = 5;
  guint n_fired = 0;

  ike_rng_seed (rng, 4712, 0);
  ike_wheel_init (wheel, tick);
  for (guint i = 0; i < N_RANDOM; i++) {
    probes[i].timer.tick = tick + ike_rng_next (rng) % 1000000;
    ike_wheel_add (wheel, &probes[i].timer);
  }
  while (tick < 1000005) {
    tick += ike_rng_next (rng) % 5000;
    ike_wheel_run (wheel, tick);
    g_assert_cmpuint (wheel->tick, ==, tick);
    for (guint i = 0; i < N_RANDOM; i++)
      g_assert_cmpuint (probes[i].n_fired, ==, probes[i].timer.tick <= tick);
  }
  for (guint i = 0; i < N_RANDOM; i++) {
    n_fired += probes[i].n_fired;
    g_assert_cmpuint (probes[i].fired_at, ==, probes[i].timer.tick);
  }
  g_assert_cmpuint (n_fired, ==, N_RANDOM);
  g_free (probes);
  g_free (wheel);
  ike_engine_free (engine);
  ike_sim_free (sim);
}

static void
test_removed_timers_leave_no_trace (void)
{
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine = test_engine_new (sim, 0);
  IkeWheel *wheel = g_new0 (IkeWheel, 1);
  Probe *probes = probes_new (engine, wheel, N_RANDOM);
  guint64 rng[4], next;

  ike_rng_seed (rng, 4713, 0);
  ike_wheel_init (wheel, 77);
  for (guint i = 0; i < N_RANDOM; i++) {
    probes[i].timer.tick = wheel->tick + random_delay (rng);
    ike_wheel_add (wheel, &probes[i].timer);
  }
  for (guint i = 0; i < N_RANDOM; i++)
    ike_wheel_remove (wheel, &probes[i].timer);
  g_assert_false (ike_wheel_next (wheel, &next));
  ike_wheel_add (wheel, &probes[0].timer);
  ike_wheel_clear (wheel);
  g_assert_cmpuint (probes[0].n_dropped, ==, 1);
  g_assert_cmpuint (probes[0].n_fired, ==, 0);
  g_free (probes);
  g_free (wheel);
  ike_engine_free (engine);
  ike_sim_free (sim);
}

/* -- timers of a simulated loop */

typedef struct {
  IkeEngine *engine;
  IkeTimer  *timer, *other;
  gint64     at_us;
  guint      n_run, n_freed;
} Clocked;

static void
clocked_run (gpointer data)
{
  Clocked *clocked = data;

  clocked->n_run++;
  clocked->at_us = ike_engine_now_us (clocked->engine);
  g_assert_true (ike_loop_current () == ike_engine_shard (clocked->engine, 0));
}

static void
clocked_freed (gpointer data)
{
  ((Clocked *) data)->n_freed++;
}

static void
test_a_timer_fires_at_its_time_once_and_frees_its_data (void)
{
  IkeSim *sim = ike_sim_new (1);
  Clocked clocked = { test_engine_new (sim, 0) };

  ike_loop_timer_add (ike_engine_shard (clocked.engine, 0), 1500, clocked_run, &clocked,
                      clocked_freed);
  g_assert_false (ike_sim_step (sim, 1499999));
  g_assert_cmpuint (clocked.n_run, ==, 0);
  g_assert_cmpint (ike_sim_now_us (sim), ==, 1499999);
  while (ike_sim_step (sim, G_MAXINT64))
    ;
  g_assert_cmpuint (clocked.n_run, ==, 1);
  g_assert_cmpuint (clocked.n_freed, ==, 1);
  g_assert_cmpint (clocked.at_us, ==, 1500000);
  ike_engine_free (clocked.engine);
  ike_sim_free (sim);
}

static void
test_a_stopped_timer_frees_its_data_and_never_fires (void)
{
  IkeSim *sim = ike_sim_new (1);
  Clocked clocked = { test_engine_new (sim, 0) };

  ike_timer_stop (NULL);
  ike_timer_stop (ike_loop_timer_add (ike_engine_shard (clocked.engine, 0), 10, clocked_run,
                                      &clocked, clocked_freed));
  g_assert_cmpuint (clocked.n_freed, ==, 1);
  g_assert_false (ike_sim_step (sim, G_MAXINT64));
  g_assert_cmpuint (clocked.n_run, ==, 0);
  ike_loop_timer_add (ike_engine_shard (clocked.engine, 0), 10, clocked_run, &clocked,
                      clocked_freed);
  ike_engine_free (clocked.engine);
  g_assert_cmpuint (clocked.n_freed, ==, 2);
  g_assert_cmpuint (clocked.n_run, ==, 0);
  ike_sim_free (sim);
}

static void
stop_both (gpointer data)
{
  Clocked *clocked = data;

  clocked->n_run++;
  ike_timer_stop (clocked->timer);
  ike_timer_stop (g_steal_pointer (&clocked->other));
}

static void
stops_in_its_own_function (IkeSim *sim)
{
  Clocked clocked = { test_engine_new (sim, 0) };
  IkeLoop *control = ike_engine_control (clocked.engine);
  gint64 deadline_us = ike_clock_monotonic_us () + PATIENCE_US;

  clocked.timer = ike_loop_timer_add (control, 5, stop_both, &clocked, clocked_freed);
  clocked.other = ike_loop_timer_add (control, 5, stop_both, &clocked, clocked_freed);
  if (sim)
    while (ike_sim_step (sim, G_MAXINT64))
      ;
  else {
    ike_loop_timer_add (control, 20, (IkeFunc) ike_engine_quit, clocked.engine, NULL);
    ike_engine_run (clocked.engine);
    g_assert_cmpint (ike_clock_monotonic_us (), <, deadline_us);
  }
  g_assert_cmpuint (clocked.n_run, ==, 1);
  g_assert_cmpuint (clocked.n_freed, ==, 2);
  ike_engine_free (clocked.engine);
}

static void
test_a_timer_may_stop_itself_and_others_while_it_fires (void)
{
  IkeSim *sim = ike_sim_new (1);

  stops_in_its_own_function (sim);
  ike_sim_free (sim);
  stops_in_its_own_function (NULL);
}

/* -- timers of an SA */

static void
owned_run (IkeSa *sa, gpointer data)
{
  g_assert_true (sa == (IkeSa *) (gpointer) "the SA");
  ((Clocked *) data)->n_run++;
}

static const IkeJobClass owned_job = { sizeof (IkeJobClass), "test-owned", IKE_LANE_ESTABLISHED,
                                       owned_run, clocked_freed };

static void
test_an_owner_stops_all_that_it_has_left (void)
{
  IkeSim *sim = ike_sim_new (1);
  Clocked clocked = { test_engine_new (sim, 0) };
  IkeLoop *shard = ike_engine_shard (clocked.engine, 0);
  IkeTimerList list = { NULL };
  IkeSa *sa = (IkeSa *) (gpointer) "the SA";
  IkeTimer *second = NULL;

  for (guint i = 1; i <= 5; i++) {
    IkeTimer *timer = ike_owned_timer_add (shard, &list, i * 100, &owned_job, sa, &clocked);
    if (i == 2)
      second = timer;
  }
  while (ike_sim_step (sim, 100000))
    ;
  ike_timer_stop (second);
  g_assert_cmpuint (clocked.n_run, ==, 1);
  g_assert_cmpuint (clocked.n_freed, ==, 2);
  ike_timer_list_stop_all (&list);
  g_assert_null (list.first);
  g_assert_cmpuint (clocked.n_freed, ==, 5);
  g_assert_false (ike_sim_step (sim, G_MAXINT64));
  ike_engine_free (clocked.engine);
  ike_sim_free (sim);
}

/* -- timers of a real loop */

enum { N_REAL = 200 };

typedef struct {
  IkeEngine *engine;
  gint64     begun_us;
  atomic_int n_run, n_early;
} Real;

typedef struct {
  Real  *real;
  gint64 due_us;
} RealTimer;

static void
real_fires (gpointer data)
{
  RealTimer *timer = data;

  if (ike_clock_monotonic_us () < timer->due_us)
    atomic_fetch_add (&timer->real->n_early, 1);
  atomic_fetch_add (&timer->real->n_run, 1);
}

static void
real_begin (gpointer data)
{
  Real *real = data;

  for (guint i = 0; i < N_REAL; i++) {
    RealTimer *timer = g_new0 (RealTimer, 1);

    timer->real = real;
    timer->due_us = ike_loop_now_us (ike_loop_current ()) + i * 1000;
    ike_loop_timer_add (ike_loop_current (), i, real_fires, timer, g_free);
  }
  ike_loop_timer_add (ike_loop_current (), 3600 * 1000, real_fires, g_new0 (RealTimer, 1), g_free);
}

static void
test_timers_of_a_sleeping_loop_fire_and_never_early (void)
{
  Real real = { test_engine_new (NULL, 0) };

  ike_loop_post (ike_engine_shard (real.engine, 1), real_begin, &real, NULL);
  test_wait_for (&real.n_run, N_REAL);
  ike_engine_free (real.engine);
  g_assert_cmpint (real.n_run, ==, N_REAL);
  g_assert_cmpint (real.n_early, ==, 0);
}

typedef struct {
  atomic_int n_left;
} Again;

static void
fires_again (gpointer data)
{
  Again *again = data;

  if (atomic_fetch_sub (&again->n_left, 1) > 1)
    ike_loop_timer_add (ike_loop_current (), 0, fires_again, again, NULL);
}

static void
test_a_timer_without_delay_may_add_itself_again (void)
{
  IkeEngine *engine = test_engine_new (NULL, 0);
  Again again = { 50 };

  ike_loop_post (ike_engine_shard (engine, 0), fires_again, &again, NULL);
  test_wait_for (&again.n_left, 0);
  ike_engine_free (engine);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wheel/each-timer-fires-at-its-tick",
                   test_each_timer_fires_at_its_tick_whatever_the_distance);
  g_test_add_func ("/wheel/leaps-lose-nothing", test_leaps_lose_nothing_and_fire_in_order);
  g_test_add_func ("/wheel/removed-timers-leave-no-trace", test_removed_timers_leave_no_trace);
  g_test_add_func ("/timer/fires-once-and-frees-its-data",
                   test_a_timer_fires_at_its_time_once_and_frees_its_data);
  g_test_add_func ("/timer/stopped-never-fires",
                   test_a_stopped_timer_frees_its_data_and_never_fires);
  g_test_add_func ("/timer/may-stop-itself-and-others-while-it-fires",
                   test_a_timer_may_stop_itself_and_others_while_it_fires);
  g_test_add_func ("/timer/an-owner-stops-all-that-it-has-left",
                   test_an_owner_stops_all_that_it_has_left);
  g_test_add_func ("/timer/of-a-sleeping-loop-fires-and-never-early",
                   test_timers_of_a_sleeping_loop_fire_and_never_early);
  g_test_add_func ("/timer/without-delay-may-add-itself-again",
                   test_a_timer_without_delay_may_add_itself_again);
  return g_test_run ();
}
