/* SPDX-License-Identifier: Apache-2.0 */
/* test_connection.c - a connection: who may open what, statements, schemas that grow. */
#include <sqlite3.h>
#include <sys/stat.h>
#include <glib/gstdio.h>
#include <ikebana/error.h>
#include "sqlite/connection.h"

typedef struct {
  char *directory, *path;
} Fixture;

static const char *const first[] = { "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
                                     NULL };
static const char *const second[] = { "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
                                      "ALTER TABLE t ADD COLUMN age INTEGER DEFAULT 7", NULL };

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

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++) {
    g_autofree char *path = g_strconcat (f->path, suffixes[i], NULL);
    g_unlink (path);
  }
  g_assert_cmpint (g_rmdir (f->directory), ==, 0);
  g_free (f->path);
  g_free (f->directory);
}

static Connection *
try_open (const char *path, ConnectionKind kind, GError **error)
{
  const ConnectionOptions options = { path, kind, 100, FALSE };

  return connection_open (&options, error);
}

static Connection *
open_it (const char *path, ConnectionKind kind)
{
  g_autoptr (GError) error = NULL;
  Connection *connection = try_open (path, kind, &error);

  g_assert_no_error (error);
  return connection;
}

static gboolean
insert (Connection *connection, const char *name, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (name) };
  const IkeSqliteStatement statement = { "INSERT INTO t (name) VALUES (?1)", args, 1 };

  return connection_tx (connection)->exec (connection_tx (connection), &statement, error);
}

static IkeSqliteRows *
ask (Connection *connection, const char *sql, guint max)
{
  const IkeSqliteStatement statement = { sql, NULL, 0 };
  g_autoptr (GError) error = NULL;
  IkeSqliteRows *rows =
      connection_tx (connection)->query (connection_tx (connection), &statement, max, &error);

  g_assert_no_error (error);
  return rows;
}

static gint64
ask_number (Connection *connection, const char *sql)
{
  g_autoptr (IkeSqliteRows) rows = ask (connection, sql, 1);

  g_assert_cmpuint (rows->n_rows, ==, 1);
  return ike_sqlite_rows_get (rows, 0, 0)->integer;
}

/* -- who may open what */

static void
test_permissions (Fixture *f, gconstpointer unused)
{
  g_autoptr (Connection) refused = NULL, made = open_it (f->path, CONNECTION_WRITES);
  g_autoptr (GError) error = NULL;
  struct stat at;

  g_assert_cmpint (stat (f->path, &at), ==, 0);
  g_assert_cmpuint (at.st_mode & 0777, ==, 0600);
  g_clear_pointer (&made, connection_close);
  g_assert_cmpint (g_chmod (f->path, 0644), ==, 0);
  refused = try_open (f->path, CONNECTION_WRITES, &error);
  g_assert_null (refused);
  g_assert_error (error, IKE_ERROR, IKE_ERROR_DENIED);
  g_assert_nonnull (strstr (error->message, "chmod 600"));
}

static void
test_others (Fixture *f, gconstpointer unused)
{
  g_autoptr (Connection) refused = NULL;
  g_autoptr (GError) error = NULL;
  sqlite3 *other = NULL;

  g_assert_cmpint (sqlite3_open (f->path, &other), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (other, "CREATE TABLE theirs (x)", NULL, NULL, NULL), ==,
                   SQLITE_OK);
  sqlite3_close (other);
  g_assert_cmpint (g_chmod (f->path, 0600), ==, 0);
  refused = try_open (f->path, CONNECTION_WRITES, &error);
  g_assert_null (refused);
  g_assert_nonnull (strstr (error->message, "of another program"));
}

static void
test_damaged (Fixture *f, gconstpointer unused)
{
  g_autoptr (Connection) refused = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *junk = g_strnfill (8192, 'x');

  g_assert_true (g_file_set_contents (f->path, junk, 8192, NULL));
  g_assert_cmpint (g_chmod (f->path, 0600), ==, 0);
  refused = try_open (f->path, CONNECTION_WRITES, &error);
  g_assert_null (refused);
  g_assert_true (g_str_has_prefix (error->message, f->path));
  g_assert_nonnull (strstr (error->message, "damaged"));
}

static void
test_copy (Fixture *f, gconstpointer unused)
{
  g_autoptr (Connection) copy = open_it (f->path, CONNECTION_COPIES), made = NULL,
                         second_copy = NULL;

  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
  g_assert_true (connection_migrate (copy, "test", first, NULL));
  made = open_it (f->path, CONNECTION_WRITES);
  g_assert_true (connection_migrate (made, "test", first, NULL));
  g_assert_true (insert (made, "a", NULL));
  second_copy = open_it (f->path, CONNECTION_COPIES);
  g_assert_true (connection_migrate (second_copy, "test", second, NULL));
  g_assert_true (insert (second_copy, "b", NULL));
  g_assert_cmpint (ask_number (second_copy, "SELECT count(*) FROM t"), ==, 2);
  g_assert_cmpint (ask_number (made, "SELECT count(*) FROM t"), ==, 1);
  g_assert_cmpint (ask_number (made, "SELECT version FROM schema"), ==, 1);
}

static void
test_copy_nothing (Fixture *f, gconstpointer unused)
{
  g_autoptr (Connection) refused = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir (f->path, 0700), ==, 0);
  refused = try_open (f->path, CONNECTION_COPIES, &error);
  g_assert_null (refused);
  g_assert_true (g_str_has_prefix (error->message, f->path));
  g_assert_null (strstr (error->message, "not an error"));
  g_assert_cmpint (g_rmdir (f->path), ==, 0);
}

/* What cannot be copied was not looked at, which is no empty database. */
static void
test_copy_busy (Fixture *f, gconstpointer unused)
{
  const ConnectionOptions options = { f->path, CONNECTION_COPIES, 0, FALSE };
  g_autoptr (Connection) refused = NULL, copy = NULL;
  g_autoptr (GError) error = NULL;
  sqlite3 *other = NULL;

  g_assert_cmpint (sqlite3_open (f->path, &other), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (other,
                                 "PRAGMA application_id=1229669698; CREATE TABLE t (name TEXT); "
                                 "INSERT INTO t VALUES ('a'); BEGIN EXCLUSIVE",
                                 NULL, NULL, NULL),
                   ==, SQLITE_OK);
  refused = connection_open (&options, &error);
  g_assert_null (refused);
  g_assert_nonnull (strstr (error->message, "another process holds it"));
  g_assert_true (g_str_has_prefix (error->message, f->path));
  sqlite3_close (other);
  copy = open_it (f->path, CONNECTION_COPIES);
  g_assert_cmpint (ask_number (copy, "SELECT count(*) FROM t"), ==, 1);
}

/* -- schemas */

static void
test_migrations (Fixture *f, gconstpointer unused)
{
  static const char *const broken[] = { first[0], second[1], "CREATE TABLE u (x); nonsense", NULL };
  g_autoptr (Connection) connection = open_it (f->path, CONNECTION_WRITES);
  g_autoptr (GError) error = NULL, newer = NULL;

  g_assert_true (connection_migrate (connection, "test", first, NULL));
  g_assert_true (insert (connection, "old", NULL));
  g_assert_true (connection_migrate (connection, "test", second, NULL));
  g_assert_true (connection_migrate (connection, "test", second, NULL));
  g_assert_cmpint (ask_number (connection, "SELECT age FROM t"), ==, 7);
  g_assert_false (connection_migrate (connection, "test", broken, &error));
  g_assert_nonnull (strstr (error->message, "tables for test, from version 2"));
  g_assert_cmpint (ask_number (connection, "SELECT count(*) FROM sqlite_master WHERE name = 'u'"),
                   ==, 0);
  g_assert_cmpint (ask_number (connection, "SELECT version FROM schema"), ==, 2);
  g_assert_false (connection_migrate (connection, "test", first, &newer));
  g_assert_error (newer, IKE_ERROR, IKE_ERROR_UNSUPPORTED);
}

/* -- statements */

static void
test_parameters (Fixture *f, gconstpointer unused)
{
  static const char evil[] = "x'); DROP TABLE t; --";
  static const guint8 blob[] = { 0, 1, 0, 255 };
  g_autoptr (Connection) connection = open_it (":memory:", CONNECTION_WRITES);
  const IkeSqliteValue args[] = { ike_sqlite_text (evil), ike_sqlite_blob (blob, sizeof blob),
                                  ike_sqlite_null (), ike_sqlite_int (G_MININT64),
                                  ike_sqlite_blob (NULL, 0) };
  const IkeSqliteStatement statement = { "SELECT ?1, ?2, ?3, ?4, ?5", args, 5 };
  const IkeSqliteStatement few = { "SELECT ?1, ?2", args, 1 },
                           two = { "SELECT 1; SELECT 2", NULL, 0 };
  IkeSqliteTx *tx = connection_tx (connection);
  g_autoptr (IkeSqliteRows) rows = tx->query (tx, &statement, 10, NULL);

  g_assert_cmpuint (rows->n_rows, ==, 1);
  g_assert_cmpuint (rows->n_columns, ==, 5);
  g_assert_cmpstr (ike_sqlite_value_text (ike_sqlite_rows_get (rows, 0, 0)), ==, evil);
  g_assert_cmpmem (ike_sqlite_rows_get (rows, 0, 1)->data, ike_sqlite_rows_get (rows, 0, 1)->len,
                   blob, sizeof blob);
  g_assert_cmpuint (ike_sqlite_rows_get (rows, 0, 2)->type, ==, IKE_SQLITE_NULL);
  g_assert_cmpint (ike_sqlite_rows_get (rows, 0, 3)->integer, ==, G_MININT64);
  g_assert_cmpuint (ike_sqlite_rows_get (rows, 0, 4)->type, ==, IKE_SQLITE_BLOB);
  g_assert_null (tx->query (tx, &few, 10, NULL));
  g_assert_null (tx->query (tx, &two, 10, NULL));
}

static void
test_bounds (Fixture *f, gconstpointer unused)
{
  g_autoptr (Connection) connection = open_it (":memory:", CONNECTION_WRITES);
  g_autofree char *large = g_strnfill (IKE_SQLITE_VALUE_MAX + 1, 'x');
  g_autoptr (GError) error = NULL, twice = NULL;
  g_autoptr (IkeSqliteRows) some = NULL, all = NULL;

  g_assert_true (connection_migrate (connection, "test", first, NULL));
  g_assert_false (insert (connection, large, &error));
  large[IKE_SQLITE_VALUE_MAX] = 0;
  g_assert_true (insert (connection, large, NULL));
  g_assert_true (insert (connection, "b", NULL));
  g_assert_false (insert (connection, "b", &twice));
  g_assert_error (twice, IKE_ERROR, IKE_ERROR_CONFIG);
  some = ask (connection, "SELECT name FROM t ORDER BY id", 1);
  g_assert_true (some->is_cut);
  g_assert_cmpuint (ike_sqlite_rows_get (some, 0, 0)->len, ==, IKE_SQLITE_VALUE_MAX);
  all = ask (connection, "SELECT name FROM t ORDER BY id", 2);
  g_assert_false (all->is_cut);
  g_assert_cmpstr (ike_sqlite_value_text (ike_sqlite_rows_get (all, 1, 0)), ==, "b");
}

static void
test_marks (Fixture *f, gconstpointer unused)
{
  g_autoptr (Connection) connection = open_it (f->path, CONNECTION_WRITES);
  g_autoptr (Connection) reader = open_it (f->path, CONNECTION_READS);
  gint64 version;

  g_assert_true (connection_migrate (connection, "test", first, NULL));
  version = connection_data_version (reader);
  g_assert_true (connection_begin (connection, FALSE, 5, NULL));
  g_assert_cmpint (connection_tx (connection)->now_us, ==, 5);
  g_assert_true (connection_mark (connection, NULL));
  g_assert_true (insert (connection, "taken back", NULL));
  connection_unmark (connection);
  g_assert_true (connection_mark (connection, NULL));
  g_assert_true (insert (connection, "kept", NULL));
  g_assert_true (connection_keep (connection, NULL));
  g_assert_cmpint (ask_number (reader, "SELECT count(*) FROM t"), ==, 0);
  g_assert_cmpint (connection_data_version (reader), ==, version);
  g_assert_true (connection_commit (connection, NULL));
  g_assert_cmpint (ask_number (reader, "SELECT count(*) FROM t WHERE name = 'kept'"), ==, 1);
  g_assert_cmpint (ask_number (reader, "SELECT count(*) FROM t"), ==, 1);
  g_assert_cmpint (connection_data_version (reader), !=, version);
  g_assert_false (insert (reader, "by a reader", NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)
  ADD ("/sqlite/a-new-file-is-its-owner's-and-an-open-one-is-refused", test_permissions);
  ADD ("/sqlite/the-database-of-another-program-is-refused", test_others);
  ADD ("/sqlite/what-is-no-database-is-said-to-be-damaged", test_damaged);
  ADD ("/sqlite/a-copy-changes-nothing-on-disk", test_copy);
  ADD ("/sqlite/why-a-file-cannot-be-copied-is-said", test_copy_nothing);
  ADD ("/sqlite/what-is-locked-is-not-taken-for-empty", test_copy_busy);
  ADD ("/sqlite/a-schema-grows-by-whole-versions-and-a-newer-one-is-refused", test_migrations);
  ADD ("/sqlite/parameters-are-data-whatever-stands-in-them", test_parameters);
  ADD ("/sqlite/values-and-rows-are-bounded", test_bounds);
  ADD ("/sqlite/one-work-is-taken-back-alone-and-others-see-what-was-committed", test_marks);
#undef ADD
  return g_test_run ();
}
