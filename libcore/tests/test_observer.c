/* SPDX-License-Identifier: Apache-2.0 */
/* test_observer.c - tests runtime/observer.c, log.c and counters.c: what taps and sinks hear, and
 * what is lost. */
#include "config.h"
#include <ikebana/bus.h>
#include "runtime_test.h"

/* What the plugin of these tests heard; its state.  Between the observer's thread, which writes,
 * and the test's. */
typedef struct {
  pthread_mutex_t lock;
  GString        *events, *logs;
  guint64         last_serial;
  atomic_int      n_events, n_logs, n_flushed, n_blocked;
  atomic_bool     is_blocking;
} Heard;

static void
heard_free (gpointer data)
{
  Heard *heard = data;

  g_string_free (heard->events, TRUE);
  g_string_free (heard->logs, TRUE);
  pthread_mutex_destroy (&heard->lock);
  g_free (heard);
}

static void
hear_event (IkePlugin *self, const IkeEvent *event)
{
  Heard *heard = ike_plugin_state (self);

  g_assert_true (ike_loop_is_current (ike_engine_observer (ike_plugin_engine (self))));
  atomic_fetch_add (&heard->n_blocked, 1);
  while (atomic_load (&heard->is_blocking))
    g_thread_yield ();
  pthread_mutex_lock (&heard->lock);
  g_assert_cmpuint (ike_event_serial (event), >, heard->last_serial);
  heard->last_serial = ike_event_serial (event);
  if (heard->events->len < 4000)
    g_string_append_printf (heard->events, "%s:%d ", ike_event_name (event),
                            (int) ike_tree_int (ike_event_body (event), "n", -1));
  pthread_mutex_unlock (&heard->lock);
  atomic_fetch_add (&heard->n_events, 1);
}

static void
hear_record (IkePlugin *self, const IkeLogRecord *record)
{
  Heard *heard = ike_plugin_state (self);

  pthread_mutex_lock (&heard->lock);
  if (heard->logs->len < 4000)
    g_string_append_printf (heard->logs, "%u %s %s %s|", record->level, record->group,
                            record->subject ? record->subject : "-", record->text);
  pthread_mutex_unlock (&heard->lock);
  atomic_fetch_add (&heard->n_logs, 1);
}

static void
hear_flush (IkePlugin *self)
{
  Heard *heard = ike_plugin_state (self);

  atomic_fetch_add (&heard->n_flushed, 1);
}

static gboolean
heard_activate (IkePlugin *self, GError **error)
{
  Heard *heard = g_new0 (Heard, 1);

  pthread_mutex_init (&heard->lock, NULL);
  heard->events = g_string_new (NULL);
  heard->logs = g_string_new (NULL);
  ike_plugin_set_state (self, heard, heard_free);
  ike_tap_add (self, "ike-up child-*", hear_event);
  return TRUE;
}

static const IkeLogSinkClass sink = { sizeof sink, hear_record, hear_flush };
static const IkeFeature sink_feature = {
  sizeof sink_feature, "log-sink:test", &sink, NULL, NULL, NULL
};
static const IkeFeature *const features[] = { &sink_feature, NULL };
static const IkePluginInfo heard_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "heard",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "hears",
  .features = features,
  .activate = heard_activate,
};
static const IkePluginInfo *const builtin[] = { &heard_plugin, NULL };

static Heard *
heard_of (IkeEngine *engine)
{
  const IkeProvided *provided = ike_feature_find (engine, "log-sink:test", NULL);

  g_assert_nonnull (provided);
  return ike_plugin_state (provided->plugin);
}

static void
emit (IkeEngine *engine, const char *name, gint64 n)
{
  IkeTree *body = ike_tree_new_section ();

  ike_tree_set_int (body, "n", n);
  ike_event_emit (engine, ike_event_new (engine, name, body));
}

static void
test_taps_hear_what_they_asked_for_in_order (void)
{
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine = test_engine_new_full (sim, 0, 2, 0, NULL, builtin);
  Heard *heard = heard_of (engine);

  emit (engine, "ike-up", 1);
  emit (engine, "ike-down", 2);
  emit (engine, "child-up", 3);
  emit (engine, "child", 4);
  emit (engine, "child-", 5);
  emit (engine, "ike-upper", 6);
  g_assert_cmpint (heard->n_events, ==, 0);
  ike_sim_settle (sim);
  g_assert_cmpstr (heard->events->str, ==, "ike-up:1 child-up:3 child-:5 ");
  emit (engine, "ike-up", 7);
  ike_engine_free (engine);
  ike_sim_free (sim);
}

static void
test_emitters_can_ask_whether_anybody_listens (void)
{
  IkeEngine *engine = test_engine_new_full (NULL, 0, 2, 0, NULL, builtin);

  g_assert_true (ike_event_is_wanted (engine, "ike-up"));
  g_assert_true (ike_event_is_wanted (engine, "child-rekey"));
  g_assert_false (ike_event_is_wanted (engine, "ike-down"));
  g_assert_cmpuint (ike_engine_event_hash (engine), ==, 0);
  ike_engine_free (engine);
}

static guint64
hash_of (gint64 n)
{
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine = test_engine_new (sim, 0);
  guint64 hash;

  emit (engine, "one", 1);
  emit (engine, "two", n);
  hash = ike_engine_event_hash (engine);
  ike_engine_free (engine);
  ike_sim_free (sim);
  return hash;
}

static void
test_the_hash_is_of_names_and_bodies (void)
{
  g_assert_cmpuint (hash_of (5), ==, hash_of (5));
  g_assert_cmpuint (hash_of (5), !=, hash_of (6));
}

static void
test_a_slow_tap_loses_events_and_holds_nobody (void)
{
  IkeEngine *engine = test_engine_new_full (NULL, 0, 2, 0, NULL, builtin);
  Heard *heard = heard_of (engine);
  int n_lost;

  atomic_store (&heard->is_blocking, TRUE);
  emit (engine, "ike-up", 0);
  test_wait_for (&heard->n_blocked, 1);
  for (int i = 0; i < 10000; i++)
    emit (engine, "ike-up", i);
  n_lost = (int) ike_counter_get (engine, "observer.events-lost");
  g_assert_cmpint (n_lost, >, 1000);
  atomic_store (&heard->is_blocking, FALSE);
  test_wait_for (&heard->n_events, 10001 - n_lost);
  ike_engine_free (engine);
}

/* -- logging */

static void
test_records_reach_the_sinks (void)
{
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine = test_engine_new_full (
      sim, 0, 2, 0, "core { log { net = debug\n ike = notice\n net-udp = none } }", builtin);
  Heard *heard = heard_of (engine);

  ike_sim_settle (sim);
  g_string_truncate (heard->logs, 0);
  ike_log (engine, IKE_LOG_DEBUG, "net", "sent %d bytes", 17);
  ike_log (engine, IKE_LOG_INFO, "ike", "not wanted");
  ike_log (engine, IKE_LOG_NOTICE, "ike", "up");
  ike_log (engine, IKE_LOG_DEBUG, "config", "not wanted");
  ike_log (engine, IKE_LOG_ERROR, "net-udp", "not wanted");
  ike_log_text (engine, IKE_LOG_INFO, "config", "home[3]", "read");
  g_assert_true (ike_log_wants (engine, IKE_LOG_DEBUG, "net"));
  g_assert_false (ike_log_wants (engine, IKE_LOG_INFO, "ike"));
  ike_sim_settle (sim);
  g_assert_cmpstr (heard->logs->str, ==, "3 net - sent 17 bytes|1 ike - up|2 config home[3] read|");
  g_assert_cmpint (heard->n_flushed, >, 0);
  ike_engine_free (engine);
  ike_sim_free (sim);
}

static void
test_a_group_that_logs_too_much_is_limited (void)
{
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine =
      test_engine_new_full (sim, 0, 2, 0, "core { log_rate = 10\n log { } }", builtin);
  Heard *heard = heard_of (engine);

  ike_sim_settle (sim);
  atomic_store (&heard->n_logs, 0);
  for (guint i = 0; i < 100; i++) {
    ike_log (engine, IKE_LOG_INFO, "ike", "a peer makes noise");
    ike_log (engine, IKE_LOG_ERROR, "ike", "an operator must know");
  }
  ike_log (engine, IKE_LOG_INFO, "net", "others are heard");
  ike_sim_settle (sim);
  g_assert_cmpint (heard->n_logs, ==, 10 + 100 + 1);
  g_assert_cmpuint (ike_counter_get (engine, "log.limited"), ==, 90);
  g_string_truncate (heard->logs, 0);
  ike_sim_step (sim, 1500000);
  ike_log (engine, IKE_LOG_INFO, "ike", "quiet again");
  ike_sim_settle (sim);
  g_assert_cmpstr (heard->logs->str, ==,
                   "1 ike - 90 lines were left out: more than core.log_rate = 10 in a second|2 ike "
                   "- quiet again|");
  ike_engine_free (engine);
  ike_sim_free (sim);
}

static void
fallback_hears (const IkeLogRecord *record, gpointer data)
{
  g_string_append_printf (data, "%s:%s ", record->group, record->text);
}

static void
test_the_fallback_hears_until_there_is_a_sink_and_all_errors (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  IkeEngineOptions options = {
    .struct_size = sizeof options,
    .flags = IKE_ENGINE_NO_CONFIG,
    .settings = "",
    .plugin_dir = "/nonexistent",
    .builtin = builtin,
    .log_fallback = fallback_hears,
    .log_data = text,
    .sim = ike_sim_new (1),
  };
  IkeEngine *engine = ike_engine_new (&options, NULL);

  ike_log (engine, IKE_LOG_INFO, "core", "early");
  g_assert_cmpstr (text->str, ==, "core:early ");
  g_assert_true (ike_engine_start (engine, NULL));
  g_string_truncate (text, 0);
  ike_log (engine, IKE_LOG_INFO, "core", "later");
  ike_log (engine, IKE_LOG_ERROR, "core", "trouble");
  g_assert_cmpstr (text->str, ==, "core:trouble ");
  ike_engine_free (engine);
  ike_sim_free (options.sim);
}

enum { LOGGING_THREADS = 4, LOGGING_LINES = 500 };

static void
log_lines (gpointer data)
{
  for (guint i = 0; i < LOGGING_LINES; i++)
    ike_log (data, IKE_LOG_NOTICE, "ike", "line %u", i);
}

static void
test_every_loop_may_log_and_count (void)
{
  IkeEngine *engine = test_engine_new_full (NULL, 0, LOGGING_THREADS, 0,
                                            "core { log_rate = 0\n log { } }", builtin);
  Heard *heard = heard_of (engine);
  gint64 deadline_us = ike_clock_monotonic_us () + PATIENCE_US;
  int n_before = atomic_load (&heard->n_logs), n_all = LOGGING_THREADS * LOGGING_LINES;

  for (guint k = 0; k < LOGGING_THREADS; k++)
    ike_loop_post (ike_engine_shard (engine, k), log_lines, engine, NULL);
  while (atomic_load (&heard->n_logs) + (int) ike_counter_get (engine, "log.lost")
             < n_before + n_all
         && ike_clock_monotonic_us () < deadline_us)
    g_thread_yield ();
  g_assert_cmpint (atomic_load (&heard->n_logs) + (int) ike_counter_get (engine, "log.lost"), >=,
                   n_all);
  ike_engine_free (engine);
}

/* -- counters */

typedef struct {
  IkeEngine *engine;
  guint32    handle;
} Counted;

static void
count_some (gpointer data)
{
  Counted *counted = data;

  for (guint i = 0; i < 1000; i++)
    ike_counter_add (counted->engine, counted->handle, 2);
}

static void
test_counters_sum_up_over_loops (void)
{
  Counted counted = { test_engine_new (NULL, 0) };
  atomic_int n = 0;
  IkeTree *stats;

  counted.handle = ike_counter (counted.engine, "test.many");
  g_assert_cmpuint (ike_counter (counted.engine, "test.many"), ==, counted.handle);
  for (guint k = 0; k < 4; k++) {
    ike_loop_post (ike_engine_shard (counted.engine, k), count_some, &counted, NULL);
    ike_loop_post (ike_engine_shard (counted.engine, k), test_add_one, &n, NULL);
  }
  test_wait_for (&n, 4);
  ike_counter_add (counted.engine, counted.handle, 1);
  g_assert_cmpuint (ike_counter_get (counted.engine, "test.many"), ==, 8001);
  g_assert_cmpuint (ike_counter_get (counted.engine, "test.unknown"), ==, 0);
  ike_counter_add (counted.engine, ike_counter (counted.engine, "test"), 5);
  stats = ike_engine_stats (counted.engine);
  g_assert_cmpint (ike_tree_int (stats, "test.many", -1), ==, 8001);
  g_assert_cmpint (ike_tree_int (stats, "test.total", -1), ==, 5);
  ike_tree_free (stats);
  ike_engine_free (counted.engine);
}

static void
test_more_counters_than_fit_share_one (void)
{
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine = test_engine_new (sim, 0);

  for (guint i = 0; i < 2000; i++) {
    g_autofree char *name = g_strdup_printf ("test.n%u", i);
    ike_counter_add (engine, ike_counter (engine, name), 1);
  }
  g_assert_cmpuint (ike_counter_get (engine, "counters.overflow"), >, 900);
  ike_engine_free (engine);
  ike_sim_free (sim);
}

static void
test_jobs_are_listed_by_name (void)
{
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine = test_engine_new (sim, 0);
  IkeTree *jobs;
  atomic_int n = 0;
  const IkeTree *loops;
  gboolean is_found = FALSE;

  ike_loop_post (ike_engine_shard (engine, 1), test_add_one, &n, NULL);
  ike_sim_settle (sim);
  jobs = ike_engine_jobs (engine);
  loops = ike_tree_get (jobs, "loops");
  for (guint i = 0; i < ike_tree_n (loops); i++) {
    const IkeTree *loop = ike_tree_nth (loops, i),
                  *first = ike_tree_nth (ike_tree_get (loop, "jobs"), 0);

    if (strcmp (ike_tree_string (loop, "name", ""), "shard1") == 0)
      is_found = first && ike_tree_int (first, "count", 0) == 1
                 && strcmp (ike_tree_string (first, "name", ""), "post") == 0;
  }
  g_assert_true (is_found);
  ike_tree_free (jobs);
  ike_engine_free (engine);
  ike_sim_free (sim);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/taps/hear-what-they-asked-for-in-order",
                   test_taps_hear_what_they_asked_for_in_order);
  g_test_add_func ("/taps/emitters-can-ask-whether-anybody-listens",
                   test_emitters_can_ask_whether_anybody_listens);
  g_test_add_func ("/taps/slow-one-loses-events-and-holds-nobody",
                   test_a_slow_tap_loses_events_and_holds_nobody);
  g_test_add_func ("/events/hash-is-of-names-and-bodies", test_the_hash_is_of_names_and_bodies);
  g_test_add_func ("/log/records-reach-the-sinks", test_records_reach_the_sinks);
  g_test_add_func ("/log/group-that-logs-too-much-is-limited",
                   test_a_group_that_logs_too_much_is_limited);
  g_test_add_func ("/log/fallback-hears-until-there-is-a-sink-and-all-errors",
                   test_the_fallback_hears_until_there_is_a_sink_and_all_errors);
  g_test_add_func ("/log/every-loop-may-log", test_every_loop_may_log_and_count);
  g_test_add_func ("/counters/sum-up-over-loops", test_counters_sum_up_over_loops);
  g_test_add_func ("/counters/more-than-fit-share-one", test_more_counters_than_fit_share_one);
  g_test_add_func ("/jobs/are-listed-by-name", test_jobs_are_listed_by_name);
  return g_test_run ();
}
