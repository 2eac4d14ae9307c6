/* SPDX-License-Identifier: Apache-2.0 */
/* test_offload.c - tests runtime/offload.c: work goes to the pool and comes back to where it was
 * sent from. */
#include "config.h"
#include "runtime_test.h"

typedef struct {
  IkeEngine  *engine;
  IkeLoop    *back;
  atomic_int  n_worked, n_done, n_blocked;
  atomic_bool is_open;
  int         n_wrong;
} Job;

static void
job_work (gpointer data)
{
  Job *job = data;

  if (ike_loop_current () && !job->engine->sim)
    job->n_wrong++;
  atomic_fetch_add (&job->n_worked, 1);
}

static void
job_done (gpointer data)
{
  Job *job = data;

  if (!ike_loop_is_current (job->back))
    job->n_wrong++;
  atomic_fetch_add (&job->n_done, 1);
}

static void
test_work_runs_on_the_pool_and_is_done_where_it_came_from (void)
{
  Job job = { test_engine_new (NULL, 0) };

  job.back = ike_engine_shard (job.engine, 2);
  for (guint i = 0; i < 500; i++)
    g_assert_true (ike_offload (job.engine, "test", job_work, job.back, job_done, &job));
  test_wait_for (&job.n_done, 500);
  ike_engine_free (job.engine);
  g_assert_cmpint (job.n_worked, ==, 500);
  g_assert_cmpint (job.n_wrong, ==, 0);
}

static void
test_what_is_under_way_when_the_engine_ends_is_done (void)
{
  Job job = { test_engine_new (NULL, 0) };

  job.back = ike_engine_io (job.engine);
  for (guint i = 0; i < 500; i++)
    g_assert_true (ike_offload (job.engine, "test", job_work, job.back, job_done, &job));
  ike_engine_free (job.engine);
  g_assert_cmpint (job.n_worked, ==, 500);
  g_assert_cmpint (job.n_done, ==, 500);
}

static void
job_block (gpointer data)
{
  Job *job = data;

  atomic_fetch_add (&job->n_blocked, 1);
  while (!atomic_load (&job->is_open))
    g_thread_yield ();
  atomic_fetch_add (&job->n_worked, 1);
}

static void
test_a_full_queue_refuses_and_takes_nothing (void)
{
  Job job = { test_engine_new (NULL, 0) };
  int n_taken = 2;

  job.back = ike_engine_io (job.engine);
  for (guint i = 0; i < 2; i++)
    g_assert_true (ike_offload (job.engine, "block", job_block, job.back, job_done, &job));
  test_wait_for (&job.n_blocked, 2);
  while (ike_offload (job.engine, "test", job_work, job.back, job_done, &job) && n_taken < 100000)
    n_taken++;
  g_assert_cmpint (n_taken, ==, 2 + 1024);
  g_assert_cmpuint (ike_offload_depth (job.engine), ==, 1024);
  atomic_store (&job.is_open, TRUE);
  test_wait_for (&job.n_done, n_taken);
  g_assert_cmpuint (ike_offload_depth (job.engine), ==, 0);
  ike_engine_free (job.engine);
  g_assert_cmpint (job.n_worked, ==, n_taken);
}

static void
test_without_threads_work_is_done_at_once (void)
{
  Job job = { test_engine_new_full (NULL, 0, 1, 0, NULL, NULL) };

  job.back = ike_engine_io (job.engine);
  g_assert_true (ike_offload (job.engine, "test", job_work, job.back, job_done, &job));
  g_assert_cmpint (job.n_worked, ==, 1);
  test_wait_for (&job.n_done, 1);
  ike_engine_free (job.engine);
}

static void
test_in_simulation_it_is_a_queue_like_the_others (void)
{
  IkeSim *sim = ike_sim_new (3);
  Job job = { test_engine_new (sim, 0) };

  job.back = ike_engine_shard (job.engine, 1);
  g_assert_true (ike_offload (job.engine, "test", job_work, job.back, job_done, &job));
  g_assert_cmpint (job.n_worked, ==, 0);
  ike_sim_settle (sim);
  g_assert_cmpint (job.n_worked, ==, 1);
  g_assert_cmpint (job.n_done, ==, 1);
  g_assert_true (ike_offload (job.engine, "test", job_work, job.back, job_done, &job));
  ike_engine_free (job.engine);
  g_assert_cmpint (job.n_done, ==, 2);
  g_assert_cmpint (job.n_wrong, ==, 0);
  ike_sim_free (sim);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/offload/runs-on-the-pool-and-comes-back",
                   test_work_runs_on_the_pool_and_is_done_where_it_came_from);
  g_test_add_func ("/offload/under-way-when-the-engine-ends-is-done",
                   test_what_is_under_way_when_the_engine_ends_is_done);
  g_test_add_func ("/offload/full-queue-refuses-and-takes-nothing",
                   test_a_full_queue_refuses_and_takes_nothing);
  g_test_add_func ("/offload/without-threads-work-is-done-at-once",
                   test_without_threads_work_is_done_at_once);
  g_test_add_func ("/offload/in-simulation-it-is-a-queue-like-the-others",
                   test_in_simulation_it_is_a_queue_like_the_others);
  return g_test_run ();
}
