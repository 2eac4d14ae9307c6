/* SPDX-License-Identifier: Apache-2.0 */
/* test_calls.c - tests runtime/calls.c: who wins, what is undone, and that everything is freed
 * once. */
#include "config.h"
#include "runtime_test.h"

typedef struct {
  IkeEngine  *engine;
  IkeCall    *call;
  guint       n_then, n_freed, n_undone, n_cancelled;
  gpointer    result;
  char       *error;
} Caller;

/* -- one thread, virtual time */

static void
caller_then (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Caller *caller = data;

  g_assert_true (owner == caller);
  caller->n_then++;
  caller->result = result;
  caller->error = g_strdup (error);
  caller->call = NULL;
}

static void
caller_undo (gpointer result)
{
  ((Caller *) result)->n_undone++;
}

static void
caller_freed (gpointer data)
{
  ((Caller *) data)->n_freed++;
}

static const IkeCallClass caller_call = { sizeof (IkeCallClass), "test-call", 1000,        0,
                                          caller_then,           caller_undo, caller_freed };

typedef struct {
  IkeSim *sim;
  Caller  caller;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;

  fixture->sim = ike_sim_new (7);
  *caller = (Caller) { test_engine_new (fixture->sim, GPOINTER_TO_UINT (flags)) };
  caller->call = ike_loop_call (ike_engine_shard (caller->engine, 0), &caller_call, caller, caller);
}

static void
tear_down (Fixture *fixture, gconstpointer flags)
{
  ike_engine_free (fixture->caller.engine);
  ike_sim_free (fixture->sim);
  g_assert_cmpuint (fixture->caller.n_freed, ==, 1);
  g_free (fixture->caller.error);
}

static void
run_all (Fixture *fixture)
{
  while (ike_sim_step (fixture->sim, G_MAXINT64))
    ;
}

static void
test_answer_reaches_then (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;

  ike_call_answer (caller->call, caller);
  g_assert_cmpuint (caller->n_then, ==, 0);
  run_all (fixture);
  g_assert_cmpuint (caller->n_then, ==, 1);
  g_assert_true (caller->result == caller);
  g_assert_null (caller->error);
  g_assert_cmpuint (caller->n_undone, ==, 0);
  g_assert_cmpint (ike_sim_now_us (fixture->sim), ==, 0);
}

static void
test_failure_reaches_then_with_its_reason (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;
  g_autofree char *long_reason = g_strnfill (250, 'x');
  g_autofree char *reason = g_strconcat (long_reason, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", NULL);

  ike_call_fail (caller->call, reason);
  run_all (fixture);
  g_assert_cmpuint (caller->n_then, ==, 1);
  g_assert_null (caller->result);
  g_assert_cmpuint (strlen (caller->error), ==, 254);
  g_assert_true (g_utf8_validate (caller->error, -1, NULL));
}

static void
test_a_second_answer_is_said_and_changes_nothing (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;
  IkeCall *call = caller->call;

  ike_call_answer (call, caller);
  g_test_expect_message (NULL, G_LOG_LEVEL_CRITICAL, "*\"test-call\" is answered twice*");
  ike_call_fail (call, "again");
  g_test_expect_message (NULL, G_LOG_LEVEL_CRITICAL, "*\"test-call\" is answered twice*");
  ike_call_answer (call, caller);
  g_test_assert_expected_messages ();
  g_assert_cmpuint (caller->n_undone, ==, 1);
  run_all (fixture);
  g_assert_cmpuint (caller->n_then, ==, 1);
  g_assert_true (caller->result == caller);
  g_assert_null (caller->error);
}

static void
caller_hears (gpointer worker)
{
  ((Caller *) worker)->n_cancelled++;
}

static void
test_time_out_wins_over_a_late_answer (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;
  IkeCall *call = caller->call;

  ike_call_on_cancel (call, caller_hears, caller);
  run_all (fixture);
  g_assert_cmpint (ike_sim_now_us (fixture->sim), ==, 1000000);
  g_assert_cmpstr (caller->error, ==, "timed out");
  g_assert_cmpuint (caller->n_cancelled, ==, 1);
  ike_call_answer (call, caller);
  run_all (fixture);
  g_assert_cmpuint (caller->n_undone, ==, 1);
  g_assert_cmpuint (caller->n_then, ==, 1);
}

static void
test_a_worker_that_asks_late_hears_of_the_cancel (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;
  IkeCall *call = caller->call;

  ike_call_cancel (call);
  g_assert_cmpuint (caller->n_freed, ==, 1);
  ike_call_on_cancel (call, caller_hears, caller);
  g_assert_cmpuint (caller->n_cancelled, ==, 1);
  ike_call_fail (call, "too late");
  run_all (fixture);
  g_assert_cmpuint (caller->n_then, ==, 0);
}

static void
test_cancel_wins_over_an_answer_under_way (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;

  ike_call_on_cancel (caller->call, caller_hears, caller);
  ike_call_answer (caller->call, caller);
  ike_call_cancel (caller->call);
  run_all (fixture);
  g_assert_cmpuint (caller->n_then, ==, 0);
  g_assert_cmpuint (caller->n_undone, ==, 1);
  /* With another thread's help the answer had not been given yet. */
  g_assert_cmpuint (caller->n_cancelled, ==,
                    GPOINTER_TO_UINT (flags) & IKE_ENGINE_FOREIGN_ANSWERS ? 1 : 0);
}

/* A worker may answer from inside its cancel function. */
static void
caller_gives_up (gpointer worker)
{
  Caller *caller = worker;

  caller->n_cancelled++;
  ike_call_fail (caller->call, "cancelled");
}

static void
test_a_worker_may_answer_when_it_hears_of_a_cancel (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;

  ike_call_on_cancel (caller->call, caller_gives_up, caller);
  ike_call_cancel (caller->call);
  g_assert_cmpuint (caller->n_cancelled, ==, 1);
  g_assert_cmpuint (caller->n_then, ==, 0);
}

static void
test_the_end_of_the_engine_drops_open_calls (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;

  ike_call_on_cancel (caller->call, caller_gives_up, caller);
}

/* -- owners that ask */

static void
count_delivery (IkeCall *call, gpointer owner)
{
  ((Caller *) owner)->n_cancelled += 100;
}

static IkeCall *
held_call (Fixture *fixture)
{
  Caller *caller = &fixture->caller;
  IkeLoop *before;

  ike_call_cancel (caller->call);
  ike_call_fail (caller->call, "not this one");
  caller->n_freed = 0;
  before = ike_loop_enter (ike_engine_shard (caller->engine, 0));
  caller->call = ike_call_new (ike_loop_current (), &caller_call, caller, caller, count_delivery);
  ike_call_hold (caller->call);
  ike_call_answer (caller->call, caller);
  ike_loop_enter (before);
  return caller->call;
}

static void
test_an_answer_given_at_once_needs_no_job (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;
  IkeCall *call = held_call (fixture);

  g_assert_true (ike_call_poll (call));
  g_assert_cmpuint (caller->n_then, ==, 0);
  ike_call_finish (call);
  g_assert_cmpuint (caller->n_then, ==, 1);
  g_assert_true (caller->result == caller);
  g_assert_false (ike_sim_step (fixture->sim, G_MAXINT64));
  g_assert_cmpuint (caller->n_cancelled, ==, 0);
}

static void
test_a_forced_wait_is_never_answered_at_once (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;
  IkeCall *call = held_call (fixture);

  g_assert_false (ike_call_poll (call));
  run_all (fixture);
  g_assert_cmpuint (caller->n_cancelled, ==, 100);
  g_assert_cmpuint (caller->n_then, ==, 0);
  ike_call_finish (call);
  g_assert_cmpuint (caller->n_then, ==, 1);
}

static void
test_an_answer_that_its_owner_never_took_is_undone (Fixture *fixture, gconstpointer flags)
{
  IkeCall *call = held_call (fixture);

  ike_call_poll (call);
  run_all (fixture);
  ike_call_drop (call);
  g_assert_cmpuint (fixture->caller.n_undone, ==, 1);
  g_assert_cmpuint (fixture->caller.n_then, ==, 0);
}

/* -- work for the pool */

static gpointer
work_of_caller (gpointer arg, const char **error)
{
  Caller *caller = arg;

  if (caller->n_cancelled)
    *error = "cannot work like this";
  return caller->n_cancelled ? NULL : caller;
}

static void
test_long_work_is_done_and_answered (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;

  ike_call_run (caller->call, caller->engine, 50000, work_of_caller, caller, NULL);
  run_all (fixture);
  g_assert_true (caller->result == caller);
}

static void
test_short_work_that_fails_says_why (Fixture *fixture, gconstpointer flags)
{
  Caller *caller = &fixture->caller;

  caller->n_cancelled = 1;
  ike_call_run (caller->call, caller->engine, 0, work_of_caller, caller, NULL);
  run_all (fixture);
  g_assert_cmpstr (caller->error, ==, "cannot work like this");
}

/* -- from four threads */

enum { STORM_THREADS = 4, STORM_CALLS = 5000 };

/* Every call has a result on the heap; each must be freed exactly once, by `then` or by `undo`. */
typedef struct {
  IkeEngine  *engine;
  atomic_int  n_then, n_error, n_undone, n_freed, n_told, n_cancelled, n_workers_freed;
  atomic_bool is_ending;
} Storm;

typedef struct {
  Storm *storm;
} Result;

typedef struct {
  Storm      *storm;
  IkeCall    *call;
  guint       number;
} StormWorker;

static void
storm_then (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Storm *storm = owner;

  atomic_fetch_add (&storm->n_then, 1);
  if (error)
    atomic_fetch_add (&storm->n_error, 1);
  g_free (result);
}

static void
storm_undo (gpointer result)
{
  atomic_fetch_add (&((Result *) result)->storm->n_undone, 1);
  g_free (result);
}

static void
storm_freed (gpointer data)
{
  atomic_fetch_add (&((Storm *) data)->n_freed, 1);
}

static const IkeCallClass storm_call = {
  sizeof (IkeCallClass), "storm", 60000, 0, storm_then, storm_undo, storm_freed
};
static const IkeCallClass hasty_call = {
  sizeof (IkeCallClass), "hasty", 1, 0, storm_then, storm_undo, storm_freed
};

static void
storm_told (gpointer data)
{
  StormWorker *worker = data;

  /* Touches the worker, which must be alive as long as this runs. */
  atomic_fetch_add (&worker->storm->n_told, (int) (worker->number * 0 + 1));
}

static void
storm_work (gpointer data)
{
  StormWorker *worker = data;
  Result *result = g_new (Result, 1);

  result->storm = worker->storm;
  if (worker->number % 3 == 0)
    ike_call_on_cancel (worker->call, storm_told, worker);
  if (worker->number % 7 == 0) {
    g_free (result);
    ike_call_fail (worker->call, "failed");
  } else
    ike_call_answer (worker->call, result);
  atomic_fetch_add (&worker->storm->n_workers_freed, 1);
  g_free (worker);
}

/* Posts to itself: one call after the other, each answered by another loop, some cancelled
 * meanwhile. */
static void
storm_blow (gpointer data)
{
  StormWorker *turn = data;
  Storm *storm = turn->storm;
  StormWorker *worker = g_new (StormWorker, 1);
  IkeLoop *self = ike_loop_current ();

  worker->storm = storm;
  worker->number = turn->number;
  worker->call =
      ike_loop_call (self, turn->number % 5 == 0 ? &hasty_call : &storm_call, storm, storm);
  turn->call = worker->call;
  ike_loop_post (ike_engine_shard (storm->engine, (ike_loop_shard_index (self) + 1 + turn->number)
                                                      % STORM_THREADS),
                 storm_work, worker, NULL);
  /* A call of 60 s cannot be over in this turn, so its pointer is good. */
  if (turn->number % 4 == 0 && turn->number % 5 != 0) {
    for (guint spin = 0; spin < turn->number % 64; spin++)
      g_thread_yield ();
    ike_call_cancel (turn->call);
    atomic_fetch_add (&storm->n_cancelled, 1);
  }
  if (--turn->number && !atomic_load (&storm->is_ending))
    ike_loop_post (self, storm_blow, turn, NULL);
  else
    g_free (turn);
}

static void
storm_begin (Storm *storm)
{
  for (guint k = 0; k < STORM_THREADS; k++) {
    StormWorker *turn = g_new0 (StormWorker, 1);

    turn->storm = storm;
    turn->number = STORM_CALLS;
    ike_loop_post (ike_engine_shard (storm->engine, k), storm_blow, turn, NULL);
  }
}

static void
test_every_result_of_a_storm_is_taken_or_undone (void)
{
  Storm storm = { test_engine_new (NULL, 0) };
  int n_all = STORM_THREADS * STORM_CALLS, n_failed = STORM_THREADS * (STORM_CALLS / 7);

  storm_begin (&storm);
  test_wait_for (&storm.n_freed, n_all);
  test_wait_for (&storm.n_workers_freed, n_all);
  ike_engine_free (storm.engine);
  g_assert_cmpint (storm.n_then + storm.n_cancelled, ==, n_all);
  g_assert_cmpint (storm.n_undone, <=, n_all - n_failed);
  g_assert_cmpint (storm.n_then - storm.n_error + storm.n_undone, ==, n_all - n_failed);
  g_assert_cmpint (storm.n_freed, ==, n_all);
}

/* What is left undone shows as a leak or a use after free. */
static void
test_the_end_of_the_engine_in_a_storm_is_safe (void)
{
  for (guint i = 0; i < 10; i++) {
    Storm storm = { test_engine_new (NULL, 0) };
    gint64 deadline_us = ike_clock_monotonic_us () + PATIENCE_US;

    storm_begin (&storm);
    while (atomic_load (&storm.n_freed) < 200 && ike_clock_monotonic_us () < deadline_us)
      g_thread_yield ();
    atomic_store (&storm.is_ending, TRUE);
    ike_engine_free (storm.engine);
  }
}

#define CALLS(path, func, flags)                                                                   \
  g_test_add (path, Fixture, GUINT_TO_POINTER (flags), set_up, func, tear_down)

static void
add_for_all_ways (const char *name, void (*func) (Fixture *, gconstpointer))
{
  static const struct { const char *name; guint flags; } ways[] = {
    { "plain", 0 }, { "waits", IKE_ENGINE_FORCE_WAITS }, { "foreign", IKE_ENGINE_FOREIGN_ANSWERS },
    { "shuffled", IKE_ENGINE_SHUFFLE | IKE_ENGINE_FOREIGN_ANSWERS },
  };

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    g_autofree char *path = g_strdup_printf ("/calls/%s/%s", ways[i].name, name);
    CALLS (path, func, ways[i].flags);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_for_all_ways ("answer-reaches-then", test_answer_reaches_then);
  add_for_all_ways ("failure-reaches-then-with-its-reason",
                    test_failure_reaches_then_with_its_reason);
  add_for_all_ways ("second-answer-is-said-and-changes-nothing",
                    test_a_second_answer_is_said_and_changes_nothing);
  add_for_all_ways ("time-out-wins-over-a-late-answer", test_time_out_wins_over_a_late_answer);
  add_for_all_ways ("worker-that-asks-late-hears-of-the-cancel",
                    test_a_worker_that_asks_late_hears_of_the_cancel);
  add_for_all_ways ("cancel-wins-over-an-answer-under-way",
                    test_cancel_wins_over_an_answer_under_way);
  add_for_all_ways ("worker-may-answer-when-it-hears-of-a-cancel",
                    test_a_worker_may_answer_when_it_hears_of_a_cancel);
  add_for_all_ways ("end-of-the-engine-drops-open-calls",
                    test_the_end_of_the_engine_drops_open_calls);
  add_for_all_ways ("long-work-is-done-and-answered", test_long_work_is_done_and_answered);
  add_for_all_ways ("short-work-that-fails-says-why", test_short_work_that_fails_says_why);
  add_for_all_ways ("answer-never-taken-is-undone",
                    test_an_answer_that_its_owner_never_took_is_undone);
  CALLS ("/calls/plain/answer-given-at-once-needs-no-job",
         test_an_answer_given_at_once_needs_no_job, 0);
  CALLS ("/calls/waits/never-answered-at-once", test_a_forced_wait_is_never_answered_at_once,
         IKE_ENGINE_FORCE_WAITS);
  CALLS ("/calls/foreign/never-answered-at-once", test_a_forced_wait_is_never_answered_at_once,
         IKE_ENGINE_FOREIGN_ANSWERS);
  g_test_add_func ("/calls/every-result-of-a-storm-is-taken-or-undone",
                   test_every_result_of_a_storm_is_taken_or_undone);
  g_test_add_func ("/calls/the-end-of-the-engine-in-a-storm-is-safe",
                   test_the_end_of_the_engine_in_a_storm_is_safe);
  return g_test_run ();
}
