/* SPDX-License-Identifier: Apache-2.0 */
/* test_service.c - the service in engines: works that share transactions, that fail alone, that
 * wait at the end; changes that others make; what --check leaves alone. */
#include <glib/gstdio.h>
#include "shared/consumer/test_consumer.h"
#include "sqlite/connection.h"

enum { PATIENCE_S = 60 };

typedef struct {
  char *directory, *path;
  IkeSim *sim;
  IkeEngine *engine;
  const IkeSqliteClass *class;
  IkePlugin *plugin;
  IkeSqliteDb *db;
  guint n_ok, n_failed, n_wanted, n_changes, n_freed;
  char *error;
  gint64 deadline_us;
} Fixture;

static const char *const tables[] = { "CREATE TABLE t (n INTEGER PRIMARY KEY)", NULL };

/* -- engines */

TEST_CONSUMER ("service:sqlite", IkeSqliteClass);

static void
start (Fixture *f, gboolean is_simulated, guint32 flags)
{
  static const char *const plugins[] = { "sqlite", "consumer", NULL };
  const IkePluginInfo *builtin[] = { &test_consumer, NULL };
  g_autofree char *settings =
      g_strdup_printf ("plugins { sqlite { critical = yes\n database = %s\n } }", f->path);
  const IkeProvided *provided;

  f->sim = is_simulated ? ike_sim_new (1) : NULL;
  f->engine = test_engine_new ((IkeEngineOptions){ .flags = flags,
                                                   .sim = f->sim,
                                                   .settings = settings,
                                                   .plugins = plugins,
                                                   .builtin = builtin });
  provided = test_find (f->engine, "service:sqlite");
  f->class = provided->ops;
  f->plugin = provided->plugin;
}

static void
changed (gpointer data)
{
  ((Fixture *) data)->n_changes++;
}

static IkeSqliteDb *
try_open (Fixture *f, const char *path, GError **error)
{
  const IkeSqliteOptions options = {
    .struct_size = sizeof options,
    .path = path,
    .component = "test",
    .migrations = tables,
    .changed = f->sim ? changed : NULL,
    .data = f,
    .poll_ms = 1000,
  };

  return f->class->open (f->plugin, &options, error);
}

static void
open_db (Fixture *f, const char *path)
{
  g_autoptr (GError) error = NULL;

  f->db = try_open (f, path, &error);
  g_assert_no_error (error);
}

static void
end (Fixture *f)
{
  g_clear_pointer (&f->engine, ike_engine_free);
  g_clear_pointer (&f->sim, ike_sim_free);
}

static void
set_up (Fixture *f, gconstpointer unused)
{
  f->directory = g_dir_make_tmp ("ikebana-sqlite-XXXXXX", NULL);
  f->path = g_build_filename (f->directory, "store.db", NULL);
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  static const char *const suffixes[] = { "", "-wal", "-shm" };

  end (f);
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++) {
    g_autofree char *path = g_strconcat (f->path, suffixes[i], NULL);
    g_unlink (path);
  }
  g_assert_cmpint (g_rmdir (f->directory), ==, 0);
  g_free (f->error);
  g_free (f->path);
  g_free (f->directory);
}

/* -- works */

/* Two rows of which the second may be there already; then the first must go too. */
static gpointer
insert_two (IkeSqliteTx *tx, gpointer data, GError **error)
{
  gint64 n = GPOINTER_TO_INT (data);

  for (guint i = 0; i < 2; i++) {
    const IkeSqliteValue args[] = { ike_sqlite_int (i ? n : -n) };
    const IkeSqliteStatement statement = { "INSERT INTO t (n) VALUES (?1)", args, 1 };
    if (!tx->exec (tx, &statement, error))
      return NULL;
  }
  return g_strdup ("result");
}

static const IkeSqliteWork insert_work = { .struct_size = sizeof insert_work,
                                           .name = "test: insert",
                                           .run = insert_two,
                                           .free_result = g_free };

static void
done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Fixture *f = owner;

  if (error) {
    g_free (f->error);
    f->error = g_strdup (error);
    f->n_failed++;
  } else {
    g_assert_cmpstr (result, ==, "result");
    f->n_ok++;
  }
  g_free (result);
  if (!f->sim && f->n_ok + f->n_failed == f->n_wanted)
    ike_engine_quit (f->engine);
}

static const IkeCallClass call_class = { .struct_size = sizeof call_class,
                                         .name = "test",
                                         .timeout_ms = PATIENCE_S * 1000,
                                         .then = done,
                                         .undo = g_free };

static void
insert (Fixture *f, gint n)
{
  f->class->run (f->db, &insert_work, GINT_TO_POINTER (n),
                 ike_loop_call (ike_engine_control (f->engine), &call_class, f, NULL));
}

static gboolean
count (IkeSqliteTx *tx, gpointer data, GError **error)
{
  const IkeSqliteStatement statement = { "SELECT count(*) FROM t", NULL, 0 };
  g_autoptr (IkeSqliteRows) rows = tx->query (tx, &statement, 1, error);

  if (rows)
    *(gint64 *) data = ike_sqlite_rows_get (rows, 0, 0)->integer;
  return rows != NULL;
}

static gint64
count_rows (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  gint64 n = -1;

  f->class->read (f->db, count, &n, &error);
  g_assert_no_error (error);
  return n;
}

/* -- tests */

static void
test_alone (Fixture *f, gconstpointer path)
{
  start (f, TRUE, 0);
  open_db (f, path ? path : f->path);
  insert (f, 1);
  insert (f, 2);
  insert (f, 1);
  insert (f, 3);
  g_assert_cmpuint (f->n_ok + f->n_failed, ==, 0);
  ike_sim_settle (f->sim);
  g_assert_cmpuint (f->n_ok, ==, 3);
  g_assert_cmpuint (f->n_failed, ==, 1);
  g_assert_nonnull (strstr (f->error, "UNIQUE"));
  g_assert_true (g_str_has_prefix (f->error, path ? path : f->path));
  g_assert_cmpint (count_rows (f), ==, 6);
  g_assert_cmpuint (ike_counter_get (f->engine, "sqlite.transactions"), ==, 1);
}

static void
post_many (gpointer data)
{
  Fixture *f = data;

  for (guint i = 1; i <= f->n_wanted; i++)
    insert (f, (gint) i);
}

static void
test_group (Fixture *f, gconstpointer unused)
{
  start (f, FALSE, 0);
  open_db (f, NULL);
  f->n_wanted = 1000;
  ike_loop_post (ike_engine_control (f->engine), post_many, f, NULL);
  ike_engine_run (f->engine);
  g_assert_cmpuint (f->n_ok, ==, 1000);
  g_assert_cmpint (count_rows (f), ==, 2000);
  g_assert_cmpuint (ike_counter_get (f->engine, "sqlite.works"), ==, 1000);
  g_assert_cmpuint (ike_counter_get (f->engine, "sqlite.transactions"), <, 500);
}

static gpointer
insert_quietly (IkeSqliteTx *tx, gpointer data, GError **error)
{
  Fixture *f = data;
  gpointer result = insert_two (tx, GUINT_TO_POINTER (++f->n_ok), error);

  g_free (result);
  return NULL;
}

static void
count_freed (gpointer data)
{
  ((Fixture *) data)->n_freed++;
}

static const IkeSqliteWork quiet_work = { .struct_size = sizeof quiet_work,
                                          .name = "test: insert",
                                          .run = insert_quietly,
                                          .free_data = count_freed };

static void
test_end (Fixture *f, gconstpointer unused)
{
  start (f, FALSE, 0);
  open_db (f, NULL);
  for (guint i = 0; i < 300; i++)
    f->class->run (f->db, &quiet_work, f, NULL);
  f->class->close (f->db);
  end (f);
  g_assert_cmpuint (f->n_freed, ==, 300);
  start (f, TRUE, 0);
  open_db (f, NULL);
  g_assert_cmpint (count_rows (f), ==, 600);
}

/* Somebody gives back something while all ends: done or refused, and freed once. */
static gpointer
ask_again (IkeSqliteTx *tx, gpointer data, GError **error)
{
  Fixture *f = data;

  f->class->run (f->db, &quiet_work, f, NULL);
  return NULL;
}

static const IkeSqliteWork late_work = { .struct_size = sizeof late_work,
                                         .name = "test: late",
                                         .run = ask_again };

static void
test_late (Fixture *f, gconstpointer unused)
{
  start (f, FALSE, 0);
  open_db (f, NULL);
  for (guint i = 0; i < 300; i++)
    f->class->run (f->db, &late_work, f, NULL);
  f->class->close (f->db);
  end (f);
  g_assert_cmpuint (f->n_freed, ==, 300);
  start (f, TRUE, 0);
  open_db (f, NULL);
  g_assert_cmpint (count_rows (f), ==, 2 * f->n_ok);
}

static void
test_too_many (Fixture *f, gconstpointer unused)
{
  start (f, TRUE, 0);
  open_db (f, ":memory:");
  for (guint i = 0; i < 65537; i++)
    f->class->run (f->db, &quiet_work, f, NULL);
  g_assert_cmpuint (f->n_freed, ==, 1);
  g_assert_cmpuint (ike_counter_get (f->engine, "sqlite.failures"), ==, 1);
}

static void
change_file (Fixture *f, const char *sql)
{
  const ConnectionOptions options = { f->path, CONNECTION_WRITES, 1000, FALSE };
  g_autoptr (Connection) other = connection_open (&options, NULL);
  const IkeSqliteStatement statement = { sql, NULL, 0 };

  g_assert_true (connection_tx (other)->exec (connection_tx (other), &statement, NULL));
}

static void
wait_s (Fixture *f, guint seconds)
{
  gint64 until_us = ike_sim_now_us (f->sim) + seconds * G_USEC_PER_SEC;

  while (ike_sim_step (f->sim, until_us))
    ;
}

static void
test_changes (Fixture *f, gconstpointer unused)
{
  start (f, TRUE, 0);
  open_db (f, NULL);
  insert (f, 1);
  wait_s (f, 5);
  g_assert_cmpuint (f->n_changes, ==, 0);
  change_file (f, "INSERT INTO t VALUES (50)");
  change_file (f, "INSERT INTO t VALUES (51)");
  wait_s (f, 2);
  g_assert_cmpuint (f->n_changes, ==, 1);
  g_assert_cmpint (count_rows (f), ==, 4);
  f->class->close (f->db);
  change_file (f, "DELETE FROM t");
  wait_s (f, 5);
  g_assert_cmpuint (f->n_changes, ==, 1);
}

static void
test_check (Fixture *f, gconstpointer unused)
{
  start (f, FALSE, IKE_ENGINE_CHECK);
  open_db (f, NULL);
  g_assert_cmpint (count_rows (f), ==, 0);
  f->class->close (f->db);
  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
}

static void
test_memory (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  start (f, FALSE, 0);
  g_assert_null (try_open (f, ":memory:", &error));
  g_assert_nonnull (strstr (error->message, "for simulations"));
}

static void
test_locked (Fixture *f, gconstpointer unused)
{
  const ConnectionOptions options = { f->path, CONNECTION_WRITES, 1000, FALSE };
  g_autoptr (Connection) other = NULL;

  start (f, TRUE, 0);
  open_db (f, NULL);
  insert (f, 1);
  ike_sim_settle (f->sim);
  other = connection_open (&options, NULL);
  g_assert_true (connection_begin (other, FALSE, 0, NULL));
  /* Readers wait for no writer. */
  g_assert_cmpint (count_rows (f), ==, 2);
  g_assert_true (connection_commit (other, NULL));
  insert (f, 2);
  ike_sim_settle (f->sim);
  g_assert_cmpuint (f->n_ok, ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, data, function) g_test_add (name, Fixture, data, set_up, function, tear_down)
  ADD ("/sqlite/a-work-that-fails-is-taken-back-alone", NULL, test_alone);
  ADD ("/sqlite/in-memory-it-is-the-same", ":memory:", test_alone);
  ADD ("/sqlite/works-that-wait-at-one-time-share-transactions", NULL, test_group);
  ADD ("/sqlite/what-waits-at-the-end-is-done", NULL, test_end);
  ADD ("/sqlite/what-comes-while-all-ends-is-done-or-refused", NULL, test_late);
  ADD ("/sqlite/too-many-that-wait-are-refused", NULL, test_too_many);
  ADD ("/sqlite/changes-of-others-are-told-once-and-own-ones-are-not", NULL, test_changes);
  ADD ("/sqlite/a-check-leaves-no-file", NULL, test_check);
  ADD ("/sqlite/a-database-in-memory-is-for-simulations", NULL, test_memory);
  ADD ("/sqlite/a-reader-waits-for-no-writer", NULL, test_locked);
#undef ADD
  return g_test_run ();
}
