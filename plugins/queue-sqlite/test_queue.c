/* SPDX-License-Identifier: Apache-2.0 */
/* test_queue.c - records that were kept and not dropped are there after a restart. */
#include <string.h>
#include <glib/gstdio.h>
#include <ikebana/queue.h>
#include "shared/consumer/test_consumer.h"

typedef struct {
  IkeSim *sim;
  IkeEngine *engine;
  const IkeQueueClass *class;
  IkePlugin *plugin;
  GArray *records;
} Bench;

TEST_CONSUMER ("queue", IkeQueueClass);

static void
start (Bench *bench, const char *path)
{
  static const char *const plugins[] = { "sqlite", "queue-sqlite", "consumer", NULL };
  const IkePluginInfo *builtin[] = { &test_consumer, NULL };
  g_autofree char *settings = g_strdup_printf ("plugins { queue-sqlite { database = %s } }", path);
  const IkeProvided *provided;

  bench->sim = ike_sim_new (1);
  bench->engine = test_engine_new ((IkeEngineOptions){
      .sim = bench->sim, .settings = settings, .plugins = plugins, .builtin = builtin });
  provided = test_find (bench->engine, "queue:accounting");
  bench->class = provided->ops;
  bench->plugin = provided->plugin;
}

static void
stop (Bench *bench)
{
  ike_queue_records_free (bench->records);
  ike_engine_free (bench->engine);
  ike_sim_free (bench->sim);
  *bench = (Bench){ NULL };
}

static void
loaded (gpointer owner, gpointer data, gpointer result, const char *error)
{
  g_assert_cmpstr (error, ==, NULL);
  ((Bench *) owner)->records = result;
}

static const IkeCallClass call_class = { .struct_size = sizeof call_class,
                                         .name = "test: load",
                                         .timeout_ms = 10000,
                                         .then = loaded,
                                         .undo = ike_queue_records_free };

static void
load (Bench *bench, guint max)
{
  g_clear_pointer (&bench->records, ike_queue_records_free);
  bench->class->load (bench->plugin, max,
                      ike_loop_call (ike_engine_control (bench->engine), &call_class, bench, NULL));
  ike_sim_settle (bench->sim);
  g_assert_nonnull (bench->records);
}

static void
test_restart (void)
{
  g_autofree char *directory = g_dir_make_tmp ("ikebana-queue-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "queue.db", NULL);
  static const char record[] = "a\0record'); DROP TABLE queue; --";
  const IkeQueueRecord *first;
  Bench bench = { NULL };

  start (&bench, path);
  load (&bench, 10);
  g_assert_cmpuint (bench.records->len, ==, 0);
  for (guint64 id = 1; id <= 5; id++)
    bench.class->keep (bench.plugin, id, record, sizeof record);
  ike_sim_settle (bench.sim);
  bench.class->drop (bench.plugin, 1);
  bench.class->drop (bench.plugin, 3);
  bench.class->drop (bench.plugin, 77);
  stop (&bench);
  start (&bench, path);
  load (&bench, 10);
  g_assert_cmpuint (bench.records->len, ==, 3);
  first = &g_array_index (bench.records, IkeQueueRecord, 0);
  g_assert_cmpuint (first->id, ==, 2);
  g_assert_cmpuint (g_bytes_get_size (first->bytes), ==, sizeof record);
  g_assert_true (memcmp (g_bytes_get_data (first->bytes, NULL), record, sizeof record) == 0);
  load (&bench, 2);
  g_assert_cmpuint (bench.records->len, ==, 2);
  stop (&bench);
  g_unlink (path);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

/* Two in one file know nothing of each other. */
static void
test_apart (void)
{
  g_autofree char *directory = g_dir_make_tmp ("ikebana-queue-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "queue.db", NULL);
  const IkeProvided *other;
  Bench bench = { NULL };

  start (&bench, path);
  other = test_find (bench.engine, "queue:tickets");
  bench.class->keep (bench.plugin, 1, "a", 1);
  ((const IkeQueueClass *) other->ops)->keep (other->plugin, 1, "t", 1);
  ((const IkeQueueClass *) other->ops)->keep (other->plugin, 2, "t", 1);
  ike_sim_settle (bench.sim);
  load (&bench, 10);
  g_assert_cmpuint (bench.records->len, ==, 1);
  bench.class = other->ops;
  load (&bench, 10);
  g_assert_cmpuint (bench.records->len, ==, 2);
  stop (&bench);
  g_unlink (path);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

static void
assert_first_byte (const Bench *bench, guint i, guint64 id, char expected)
{
  const IkeQueueRecord *record = &g_array_index (bench->records, IkeQueueRecord, i);

  g_assert_cmpuint (record->id, ==, id);
  g_assert_cmpint (*(const char *) g_bytes_get_data (record->bytes, NULL), ==, expected);
}

/* Who loads goes on behind what it got. */
static void
test_too_many (void)
{
  g_autofree char *directory = g_dir_make_tmp ("ikebana-queue-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "queue.db", NULL);
  Bench bench = { NULL };

  start (&bench, path);
  for (guint64 id = 1; id <= 5; id++)
    bench.class->keep (bench.plugin, id, "old", 3);
  stop (&bench);
  start (&bench, path);
  load (&bench, 2);
  g_assert_cmpuint (bench.records->len, ==, 2);
  bench.class->keep (bench.plugin, 3, "new", 3);
  /* What is there stays. */
  bench.class->keep (bench.plugin, 2, "new", 3);
  stop (&bench);
  start (&bench, path);
  load (&bench, 10);
  g_assert_cmpuint (bench.records->len, ==, 3);
  assert_first_byte (&bench, 1, 2, 'o');
  assert_first_byte (&bench, 2, 3, 'n');
  stop (&bench);
  g_unlink (path);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/queue/two-in-one-file-are-apart", test_apart);
  g_test_add_func ("/queue-sqlite/what-was-not-dropped-is-there-after-a-restart", test_restart);
  g_test_add_func ("/queue-sqlite/what-is-too-much-is-given-up-and-nothing-replaced",
                   test_too_many);
  return g_test_run ();
}
