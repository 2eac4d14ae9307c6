/* SPDX-License-Identifier: Apache-2.0 */
/* test_loop.c - tests runtime/loop.c, runtime/jobs.c and how an engine begins and ends. */
#include "config.h"
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "runtime_test.h"

static void
test_posts_run_once_on_their_loop (void)
{
  IkeEngine *engine = test_engine_new (NULL, 0);
  atomic_int n_run = 0, n_freed = 0;

  for (guint k = 0; k < ike_engine_n_shards (engine); k++)
    ike_loop_post (ike_engine_shard (engine, k), test_add_one, &n_run, NULL);
  ike_loop_post (ike_engine_io (engine), test_add_one, &n_run, NULL);
  test_wait_for (&n_run, 5);
  for (guint i = 0; i < 1000; i++)
    ike_loop_post (ike_engine_observer (engine), test_add_one, &n_run, NULL);
  test_wait_for (&n_run, 1005);
  ike_engine_free (engine);
  g_assert_cmpint (n_run, ==, 1005);
  g_assert_cmpint (n_freed, ==, 0);
}

typedef struct {
  IkeEngine *engine;
  atomic_int n_right, n_freed;
} Where;

static void
where_am_i (gpointer data)
{
  Where *where = data;
  IkeLoop *loop = ike_loop_current ();

  if (loop && ike_loop_engine (loop) == where->engine && ike_loop_is_current (loop)
      && !ike_loop_is_current (ike_engine_control (where->engine)))
    atomic_fetch_add (&where->n_right, 1);
}

static void
where_freed (gpointer data)
{
  atomic_fetch_add (&((Where *) data)->n_freed, 1);
}

static void
test_a_loop_knows_that_it_is_current (void)
{
  Where where = { test_engine_new (NULL, 0) };

  for (guint k = 0; k < 4; k++)
    ike_loop_post (ike_engine_shard (where.engine, k), where_am_i, &where, where_freed);
  test_wait_for (&where.n_freed, 4);
  g_assert_cmpint (where.n_right, ==, 4);
  g_assert_null (ike_loop_current ());
  g_assert_true (ike_loop_is_current (ike_engine_control (where.engine)));
  g_assert_false (ike_loop_is_current (ike_engine_shard (where.engine, 0)));
  g_assert_cmpuint (ike_loop_shard_index (ike_engine_shard (where.engine, 3)), ==, 3);
  g_assert_cmpuint (ike_loop_shard_index (ike_engine_io (where.engine)), ==, G_MAXUINT);
  ike_engine_free (where.engine);
}

/* -- posts from many threads */

enum { HAMMER_THREADS = 4, HAMMER_POSTS = 20000 };

typedef struct {
  IkeEngine *engine;
  atomic_int n_run, n_freed;
  int last[HAMMER_THREADS]; /* shard 0 only */
  int n_out_of_order;
} Hammer;

typedef struct {
  Hammer *hammer;
  int thread, number;
} Blow;

static void
blow_lands (gpointer data)
{
  Blow *blow = data;
  Hammer *hammer = blow->hammer;

  if (blow->number != hammer->last[blow->thread] + 1)
    hammer->n_out_of_order++;
  hammer->last[blow->thread] = blow->number;
  atomic_fetch_add (&hammer->n_run, 1);
}

static void
blow_free (gpointer data)
{
  atomic_fetch_add (&((Blow *) data)->hammer->n_freed, 1);
  g_free (data);
}

static void *
hammer_thread (void *data)
{
  Blow *first = data;

  for (int i = 1; i <= HAMMER_POSTS; i++) {
    Blow *blow = g_new (Blow, 1);

    *blow = *first;
    blow->number = i;
    ike_loop_post (ike_engine_shard (first->hammer->engine, 0), blow_lands, blow, blow_free);
  }
  return NULL;
}

static void
hammer_all (Hammer *hammer)
{
  pthread_t threads[HAMMER_THREADS];
  Blow firsts[HAMMER_THREADS];

  for (int i = 0; i < HAMMER_THREADS; i++) {
    firsts[i] = (Blow){ hammer, i, 0 };
    g_assert_cmpint (pthread_create (&threads[i], NULL, hammer_thread, &firsts[i]), ==, 0);
  }
  for (int i = 0; i < HAMMER_THREADS; i++)
    pthread_join (threads[i], NULL);
}

static void
test_posts_of_one_thread_stay_in_order (void)
{
  Hammer hammer = { test_engine_new (NULL, 0) };

  hammer_all (&hammer);
  test_wait_for (&hammer.n_freed, HAMMER_THREADS * HAMMER_POSTS);
  g_assert_cmpint (hammer.n_run, ==, HAMMER_THREADS * HAMMER_POSTS);
  ike_engine_free (hammer.engine);
  g_assert_cmpint (hammer.n_out_of_order, ==, 0);
}

static void
test_what_is_queued_when_the_engine_ends_is_freed (void)
{
  Hammer hammer = { test_engine_new (NULL, 0) };

  hammer_all (&hammer);
  ike_engine_free (hammer.engine);
  g_assert_cmpint (hammer.n_freed, ==, HAMMER_THREADS * HAMMER_POSTS);
}

/* -- jobs in lanes */

typedef struct {
  GString *order;
  atomic_int n;
} Lanes;

static void
lane_established (IkeSa *sa, gpointer data)
{
  g_string_append_c (((Lanes *) data)->order, 'e');
}

static void
lane_setup (IkeSa *sa, gpointer data)
{
  g_string_append_c (((Lanes *) data)->order, 's');
}

static void
lane_new (IkeSa *sa, gpointer data)
{
  g_assert_null (sa);
  g_string_append_c (((Lanes *) data)->order, 'n');
}

static void
lane_free (gpointer data)
{
  atomic_fetch_add (&((Lanes *) data)->n, 1);
}

static const IkeJobClass established_job = { sizeof (IkeJobClass), "test-established",
                                             IKE_LANE_ESTABLISHED, lane_established, lane_free };
static const IkeJobClass setup_job = { sizeof (IkeJobClass), "test-setup", IKE_LANE_SETUP,
                                       lane_setup, lane_free };
static const IkeJobClass new_job = { sizeof (IkeJobClass), "test-new", IKE_LANE_NEW, lane_new,
                                     lane_free };

typedef struct {
  Lanes *lanes;
  IkeEngine *engine;
  guint n_refused;
} Flood;

static void
flood_with_new (gpointer data)
{
  Flood *flood = data;

  for (guint i = 0; i < IKE_NEW_JOBS_MAX + 10; i++)
    if (!ike_shard_post (ike_engine_shard (flood->engine, 0), &new_job, flood->lanes))
      flood->n_refused++;
  for (guint i = 0; i < 20; i++)
    g_assert_true (ike_shard_post (ike_engine_shard (flood->engine, 0), &setup_job, flood->lanes));
  for (guint i = 0; i < 20; i++)
    g_assert_true (
        ike_shard_post (ike_engine_shard (flood->engine, 0), &established_job, flood->lanes));
}

static void
test_a_flood_of_new_peers_is_bounded_and_goes_last (void)
{
  Lanes lanes = { g_string_new (NULL) };
  Flood flood = { &lanes, test_engine_new (NULL, 0) };
  int n_all = IKE_NEW_JOBS_MAX + 10 + 20 + 20;

  ike_loop_post (ike_engine_shard (flood.engine, 0), flood_with_new, &flood, NULL);
  test_wait_for (&lanes.n, n_all);
  g_assert_cmpuint (ike_counter_get (flood.engine, "shard.new-refused"), ==, 10);
  ike_engine_free (flood.engine);
  g_assert_cmpuint (flood.n_refused, ==, 10);
  g_assert_cmpuint (lanes.order->len, ==, n_all - 10);
  g_assert_true (g_str_has_prefix (lanes.order->str, "eeeeeeeeeeeeeeeeeeee"
                                                     "ssssssssssssssssssss"
                                                     "nnnn"));
  g_string_free (lanes.order, TRUE);
}

static void
test_a_job_for_an_sa_that_is_gone_is_freed_not_run (void)
{
  Lanes lanes = { g_string_new (NULL) };
  IkeEngine *engine = test_engine_new (NULL, 0);

  g_assert_true (ike_sa_post (engine, (IkeSaRef){ 0, 0, 0 }, &setup_job, &lanes));
  g_assert_true (ike_sa_post (engine, (IkeSaRef){ 77, 12, 1 }, &setup_job, &lanes));
  g_assert_true (ike_sa_post (engine, (IkeSaRef){ 77, 12, 9999 }, &setup_job, &lanes));
  test_wait_for (&lanes.n, 3);
  ike_engine_free (engine);
  g_assert_cmpuint (lanes.order->len, ==, 0);
  g_string_free (lanes.order, TRUE);
}

/* -- watches */

typedef struct {
  IkeEngine *engine;
  int pairs[3][2];
  IkeWatch *watches[3];
  atomic_int n_ready, n_watching;
} Watched;

/* Whichever comes first frees all of them, so the others of the same batch must not be called any
 * more. */
static void
watched_ready (int fd, guint32 events, gpointer data)
{
  Watched *watched = data;

  for (guint i = 0; i < 3; i++)
    ike_watch_free (g_steal_pointer (&watched->watches[i]));
  atomic_fetch_add (&watched->n_ready, 1);
}

static void
watched_begin (gpointer data)
{
  Watched *watched = data;

  for (guint i = 0; i < 3; i++) {
    g_assert_cmpint (write (watched->pairs[i][1], "x", 1), ==, 1);
    watched->watches[i] =
        ike_loop_watch (ike_loop_current (), watched->pairs[i][0], EPOLLIN, watched_ready, watched);
  }
  atomic_fetch_add (&watched->n_watching, 1);
}

static void
test_watches_may_be_freed_inside_callbacks (void)
{
  Watched watched = { test_engine_new (NULL, 0) };
  atomic_int n_turns = 0;

  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, watched.pairs[i]), ==, 0);
  ike_loop_post (ike_engine_io (watched.engine), watched_begin, &watched, NULL);
  test_wait_for (&watched.n_ready, 1);
  for (guint i = 0; i < 100; i++) {
    ike_loop_post (ike_engine_io (watched.engine), test_add_one, &n_turns, NULL);
    test_wait_for (&n_turns, (int) i + 1);
  }
  ike_engine_free (watched.engine);
  g_assert_cmpint (watched.n_ready, ==, 1);
  for (guint i = 0; i < 3; i++) {
    close (watched.pairs[i][0]);
    close (watched.pairs[i][1]);
  }
}

static void
watched_never (int fd, guint32 events, gpointer data)
{
  atomic_fetch_add ((atomic_int *) data, 1);
}

typedef struct {
  int fd;
  IkeWatch *watch;
  atomic_int n_ready, n_set;
} Switched;

static void
switched_begin (gpointer data)
{
  Switched *switched = data;

  switched->watch = ike_loop_watch (ike_loop_current (), switched->fd, EPOLLOUT, watched_never,
                                    &switched->n_ready);
  ike_watch_set_events (switched->watch, 0);
  atomic_fetch_add (&switched->n_set, 1);
}

static void
switched_on (gpointer data)
{
  ike_watch_set_events (((Switched *) data)->watch, EPOLLOUT);
}

static void
test_a_watch_hears_only_what_it_asks_for_and_dies_with_the_engine (void)
{
  IkeEngine *engine = test_engine_new (NULL, 0);
  Switched switched = { 0 };
  gint64 deadline_us = ike_clock_monotonic_us () + PATIENCE_US;
  int pair[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
  switched.fd = pair[0];
  ike_loop_post (ike_engine_io (engine), switched_begin, &switched, NULL);
  test_wait_for (&switched.n_set, 1);
  ike_loop_post (ike_engine_io (engine), test_add_one, &switched.n_set, NULL);
  test_wait_for (&switched.n_set, 2);
  g_assert_cmpint (switched.n_ready, ==, 0);
  ike_loop_post (ike_engine_io (engine), switched_on, &switched, NULL);
  while (!atomic_load (&switched.n_ready) && ike_clock_monotonic_us () < deadline_us)
    g_thread_yield ();
  g_assert_cmpint (switched.n_ready, >, 0);
  ike_engine_free (engine);
  close (pair[0]);
  close (pair[1]);
}

/* -- stalls */

static void
stall_run (IkeSa *sa, gpointer data)
{
  gint64 until_us = ike_clock_monotonic_us () + 2 * IKE_STALL_US;

  while (ike_clock_monotonic_us () < until_us)
    ;
}

static const IkeJobClass stall_job = { sizeof (IkeJobClass), "test-stall", IKE_LANE_SETUP,
                                       stall_run, NULL };

static const IkeTree *
find_job (const IkeTree *loops, const char *loop_name, const char *job_name)
{
  for (guint i = 0; i < ike_tree_n (loops); i++) {
    const IkeTree *jobs = ike_tree_get (ike_tree_nth (loops, i), "jobs");

    if (strcmp (ike_tree_string (ike_tree_nth (loops, i), "name", ""), loop_name) != 0)
      continue;
    for (guint k = 0; k < ike_tree_n (jobs); k++)
      if (strcmp (ike_tree_string (ike_tree_nth (jobs, k), "name", ""), job_name) == 0)
        return ike_tree_nth (jobs, k);
  }
  return NULL;
}

static void
test_a_job_that_holds_its_loop_is_found_by_name (void)
{
  IkeEngine *engine = test_engine_new (NULL, 0);
  atomic_int n = 0;
  IkeTree *tree;
  const IkeTree *job;

  g_assert_true (ike_shard_post (ike_engine_shard (engine, 1), &stall_job, NULL));
  /* The first post may overtake it within a turn; the second comes at least a turn later. */
  for (int i = 1; i <= 2; i++) {
    ike_loop_post (ike_engine_shard (engine, 1), test_add_one, &n, NULL);
    test_wait_for (&n, i);
  }
  g_assert_cmpuint (ike_counter_get (engine, "loop.stalls"), >=, 1);
  tree = ike_engine_jobs (engine);
  job = find_job (ike_tree_get (tree, "loops"), "shard1", "test-stall");
  g_assert_nonnull (job);
  g_assert_cmpint (ike_tree_int (job, "longest_us", 0), >=, 2 * IKE_STALL_US);
  g_assert_cmpint (ike_tree_int (job, "stalls", 0), ==, 1);
  ike_tree_free (tree);
  ike_engine_free (engine);
}

/* -- a plugin's own loop */

typedef struct {
  IkeLoop *loop;
  IkeWatch *watch;
  int pair[2];
  atomic_int n_ready, n_run, n_freed, n_undone, n_then;
} Owner;

static void
owner_ready (int fd, guint32 events, gpointer data)
{
  Owner *owner = data;
  char byte;

  if (read (fd, &byte, 1) == 1)
    atomic_fetch_add (&owner->n_ready, 1);
}

static gboolean
owner_activate (IkePlugin *self, GError **error)
{
  Owner *owner = g_new0 (Owner, 1);

  ike_plugin_set_state (self, owner, g_free);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, owner->pair), ==, 0);
  owner->loop = ike_loop_new (self, "owned", error);
  g_assert_nonnull (owner->loop);
  owner->watch = ike_loop_watch (owner->loop, owner->pair[0], EPOLLIN, owner_ready, owner);
  return owner->watch != NULL;
}

static void
owner_then (gpointer data, gpointer call_data, gpointer result, const char *error)
{
  atomic_fetch_add (&((Owner *) data)->n_then, 1);
}

static void
owner_undo (gpointer result)
{
  atomic_fetch_add (&((Owner *) result)->n_undone, 1);
}

static void
owner_freed (gpointer data)
{
  atomic_fetch_add (&((Owner *) data)->n_freed, 1);
}

static const IkeCallClass owner_call = {
  sizeof (IkeCallClass), "owned", 60000, 0, owner_then, owner_undo, owner_freed
};

/* The loop goes while a call of it is open; its worker answers afterwards and must find nobody, but
 * no freed memory. */
static void
owner_deactivate (IkePlugin *self)
{
  Owner *owner = ike_plugin_state (self);
  IkeCall *call;

  ike_loop_stop (owner->loop);
  call = ike_loop_call (owner->loop, &owner_call, owner, owner);
  ike_loop_free (owner->loop);
  g_assert_cmpint (owner->n_freed, ==, 1);
  ike_call_answer (call, owner);
  g_assert_cmpint (owner->n_undone, ==, 1);
  g_assert_cmpint (owner->n_then, ==, 0);
  g_assert_cmpint (owner->n_ready, ==, 1);
  close (owner->pair[0]);
  close (owner->pair[1]);
}

static void
owner_write (IkePlugin *self, const IkeLogRecord *record)
{
}

static const IkeLogSinkClass owner_sink_class = { sizeof (IkeLogSinkClass), owner_write, NULL };
static const IkeFeature owner_feature = {
  sizeof owner_feature, "log-sink:owner", &owner_sink_class, NULL, NULL, NULL
};
static const IkeFeature *const owner_features[] = { &owner_feature, NULL };
static const IkePluginInfo owner_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "owner",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "has a loop",
  .features = owner_features,
  .activate = owner_activate,
  .deactivate = owner_deactivate,
};
static const IkePluginInfo *const owner_builtin[] = { &owner_plugin, NULL };

static void
test_a_plugin_has_a_loop_of_its_own (void)
{
  IkeEngine *engine = test_engine_new_full (NULL, 0, 2, 0, NULL, owner_builtin);
  const IkeProvided *provided = ike_feature_find (engine, "log-sink:owner", NULL);
  Owner *owner;

  g_assert_nonnull (provided);
  owner = ike_plugin_state (provided->plugin);
  ike_loop_post (owner->loop, test_add_one, &owner->n_run, NULL);
  test_wait_for (&owner->n_run, 1);
  g_assert_cmpint (write (owner->pair[1], "x", 1), ==, 1);
  test_wait_for (&owner->n_ready, 1);
  ike_engine_free (engine);
}

/* -- the control loop */

static void
quit_now (gpointer data)
{
  ike_engine_quit (data);
}

static void
test_run_ends_with_quit_from_another_thread (void)
{
  IkeEngine *engine = test_engine_new (NULL, 0);

  ike_loop_post (ike_engine_shard (engine, 2), quit_now, engine, NULL);
  ike_engine_run (engine);
  g_assert_true (ike_engine_is_quitting (engine));
  ike_engine_free (engine);
}

static void
test_quit_before_run_is_not_lost (void)
{
  IkeEngine *engine = test_engine_new (NULL, 0);

  ike_engine_quit (engine);
  ike_engine_run (engine);
  ike_engine_free (engine);
}

static void
test_shutdown_quits_when_all_sas_are_gone (void)
{
  IkeEngine *engine = test_engine_new (NULL, 0);

  ike_engine_shutdown (engine, 60000);
  ike_engine_shutdown (engine, 60000);
  ike_engine_run (engine);
  ike_engine_free (engine);
}

/* Says its last words from the io loop, a while after it was asked. */
static atomic_int n_asked, n_said;

static void
say (gpointer data)
{
  atomic_fetch_add (&n_said, 1);
  ike_call_answer (data, NULL);
}

static void
say_later (gpointer data)
{
  ike_loop_timer_add (ike_loop_current (), 50, say, data, NULL);
}

static void
shut_down (IkePlugin *self, IkeCall *call)
{
  g_assert_false (ike_engine_is_quitting (ike_plugin_engine (self)));
  atomic_fetch_add (&n_asked, 1);
  ike_loop_post (ike_engine_io (ike_plugin_engine (self)), say_later, call, NULL);
}

static const IkePluginInfo talker = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .name = "talker",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "has something to say at the end",
  .features = (const IkeFeature *const[]){ NULL },
  .shutdown = shut_down,
};

static void
test_shutdown_waits_for_what_plugins_have_to_say (void)
{
  static const IkePluginInfo *const builtin[] = { &talker, NULL };
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .n_shards = 1,
                               .plugins = (const char *const[]){ "talker", NULL },
                               .builtin = builtin };
  g_autoptr (GError) error = NULL;
  IkeEngine *engine = ike_engine_new (&options, &error);

  g_assert_no_error (error);
  ike_engine_start (engine, &error);
  g_assert_no_error (error);
  atomic_store (&n_asked, 0);
  atomic_store (&n_said, 0);
  ike_engine_shutdown (engine, 60000);
  ike_engine_run (engine);
  g_assert_cmpint (atomic_load (&n_said), ==, 1);
  ike_engine_free (engine);
  g_assert_cmpint (atomic_load (&n_asked), ==, 1);
}

static void
test_a_new_engine_that_never_started_can_be_freed (void)
{
  IkeEngineOptions options = { .struct_size = sizeof options, .flags = IKE_ENGINE_NO_CONFIG };
  IkeEngine *engine = ike_engine_new (&options, NULL);

  g_assert_nonnull (engine);
  ike_engine_free (engine);
  ike_engine_free (NULL);
}

static void
test_bad_settings_are_an_error_of_start (void)
{
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .settings = "core {" };
  IkeEngine *engine = ike_engine_new (&options, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (ike_engine_start (engine, &error));
  g_assert_nonnull (error);
  ike_engine_free (engine);
}

static void
test_the_number_of_shards_comes_from_the_settings (void)
{
  IkeEngine *engine = test_engine_new_full (NULL, 0, 0, 0, "core { shards = 3 }", NULL);

  g_assert_cmpuint (ike_engine_n_shards (engine), ==, 3);
  ike_engine_free (engine);
}

static void
test_two_engines_run_side_by_side (void)
{
  IkeEngine *one = test_engine_new (NULL, 0), *two = test_engine_new (NULL, 0);
  atomic_int n = 0;

  ike_loop_post (ike_engine_shard (one, 0), test_add_one, &n, NULL);
  ike_loop_post (ike_engine_shard (two, 0), test_add_one, &n, NULL);
  test_wait_for (&n, 2);
  ike_engine_free (one);
  ike_engine_free (two);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/loop/posts-run-once-on-their-loop", test_posts_run_once_on_their_loop);
  g_test_add_func ("/loop/knows-that-it-is-current", test_a_loop_knows_that_it_is_current);
  g_test_add_func ("/loop/posts-of-one-thread-stay-in-order",
                   test_posts_of_one_thread_stay_in_order);
  g_test_add_func ("/loop/what-is-queued-when-the-engine-ends-is-freed",
                   test_what_is_queued_when_the_engine_ends_is_freed);
  g_test_add_func ("/jobs/flood-of-new-peers-is-bounded-and-goes-last",
                   test_a_flood_of_new_peers_is_bounded_and_goes_last);
  g_test_add_func ("/jobs/for-an-sa-that-is-gone-are-freed-not-run",
                   test_a_job_for_an_sa_that_is_gone_is_freed_not_run);
  g_test_add_func ("/watch/may-be-freed-inside-callbacks",
                   test_watches_may_be_freed_inside_callbacks);
  g_test_add_func ("/watch/hears-only-what-it-asks-for",
                   test_a_watch_hears_only_what_it_asks_for_and_dies_with_the_engine);
  g_test_add_func ("/loop/job-that-holds-it-is-found-by-name",
                   test_a_job_that_holds_its_loop_is_found_by_name);
  g_test_add_func ("/loop/a-plugin-has-one-of-its-own", test_a_plugin_has_a_loop_of_its_own);
  g_test_add_func ("/engine/run-ends-with-quit-from-another-thread",
                   test_run_ends_with_quit_from_another_thread);
  g_test_add_func ("/engine/quit-before-run-is-not-lost", test_quit_before_run_is_not_lost);
  g_test_add_func ("/engine/shutdown-quits-when-all-sas-are-gone",
                   test_shutdown_quits_when_all_sas_are_gone);
  g_test_add_func ("/engine/shutdown-waits-for-what-plugins-have-to-say",
                   test_shutdown_waits_for_what_plugins_have_to_say);
  g_test_add_func ("/engine/that-never-started-can-be-freed",
                   test_a_new_engine_that_never_started_can_be_freed);
  g_test_add_func ("/engine/bad-settings-are-an-error-of-start",
                   test_bad_settings_are_an_error_of_start);
  g_test_add_func ("/engine/number-of-shards-comes-from-the-settings",
                   test_the_number_of_shards_comes_from_the_settings);
  g_test_add_func ("/engine/two-run-side-by-side", test_two_engines_run_side_by_side);
  return g_test_run ();
}
