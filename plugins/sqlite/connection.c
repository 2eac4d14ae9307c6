/* SPDX-License-Identifier: Apache-2.0 */
/* connection.c - opening a database, its transactions, and what its errors mean for people. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include <ikebana/error.h>
#include "private.h"

/* So that we never write into the database of another program: "IKEB". */
enum { APPLICATION_ID = 0x494b4542 };

/* -- errors */

static const char *
explain (int code)
{
  switch (code & 0xff) {
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return "it is damaged or no database; restore it from a copy";
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return "another process holds it; try again, or see who has it open";
  case SQLITE_FULL:
    return "the disk is full";
  case SQLITE_READONLY:
  case SQLITE_PERM:
  case SQLITE_CANTOPEN:
  case SQLITE_AUTH:
    return "it and its directory must be writable for this process";
  default:
    return NULL;
  }
}

gboolean
connection_fail (Connection *connection, int code, GError **error)
{
  gboolean is_constraint = (code & 0xff) == SQLITE_CONSTRAINT;
  const char *hint = explain (code);

  g_set_error (error, IKE_ERROR, is_constraint ? IKE_ERROR_CONFIG : IKE_ERROR_SYSTEM, "%s: %s%s%s",
               connection->path,
               connection->sqlite ? sqlite3_errmsg (connection->sqlite) : sqlite3_errstr (code),
               hint ? ": " : "", hint ? hint : "");
  return FALSE;
}

static gboolean
run_script (Connection *connection, const char *script, GError **error)
{
  int code = sqlite3_exec (connection->sqlite, script, NULL, NULL, NULL);

  return code == SQLITE_OK || connection_fail (connection, code, error);
}

static gint64
ask_number (Connection *connection, const char *sql, gint64 fallback)
{
  sqlite3_stmt *statement = NULL;
  gint64 value = fallback;

  if (sqlite3_prepare_v2 (connection->sqlite, sql, -1, &statement, NULL) == SQLITE_OK
      && sqlite3_step (statement) == SQLITE_ROW)
    value = sqlite3_column_int64 (statement, 0);
  sqlite3_finalize (statement);
  return value;
}

/* -- opening */

/* SQLite would make it with the umask's permissions, and it holds secrets.  A descriptor of a
 * database must not be closed while a connection has it open (that drops its locks), so a file that
 * is there is not touched. */
static gboolean
prepare_file (const char *path, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (path);
  struct stat at;
  int fd;

  g_mkdir_with_parents (directory, 0700);
  fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0) {
    close (fd);
    return TRUE;
  }
  if (errno != EEXIST || stat (path, &at) < 0) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "%s cannot be made: %s", path,
                 g_strerror (errno));
    return FALSE;
  }
  if (S_ISREG (at.st_mode) && (at.st_mode & S_IRWXO) == 0)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED,
               S_ISREG (at.st_mode) ? "%s is open to everybody and holds secrets; chmod 600 %s"
                                    : "%s is no file",
               path, path);
  return FALSE;
}

static gboolean
check_application (Connection *connection, GError **error)
{
  gint64 id = ask_number (connection, "PRAGMA application_id", 0);
  gint64 n = ask_number (connection, "SELECT count(*) FROM sqlite_master", -1);

  /* Of what is no database at all, the first statement says so. */
  if (n < 0)
    return run_script (connection, "SELECT count(*) FROM sqlite_master", error);
  if (id == APPLICATION_ID || (id == 0 && n == 0))
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED,
               "%s is the database of another program; name another file", connection->path);
  return FALSE;
}

static gboolean
set_up (Connection *connection, const ConnectionOptions *options, GError **error)
{
  static const char common[] = "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; "
                               "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON;";

  sqlite3_busy_timeout (connection->sqlite, (int) options->busy_ms);
  sqlite3_db_config (connection->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  /* Room for the rest of a row beside its largest value. */
  sqlite3_limit (connection->sqlite, SQLITE_LIMIT_LENGTH, IKE_SQLITE_VALUE_MAX * 2);
  if (!check_application (connection, error) || !run_script (connection, common, error))
    return FALSE;
  if (options->kind == CONNECTION_READS)
    return run_script (connection, "PRAGMA query_only=ON", error);
  return run_script (connection, "PRAGMA application_id=1229669698", error)
         && run_script (connection, "PRAGMA journal_mode=WAL; PRAGMA secure_delete=ON", error)
         && run_script (
             connection,
             options->is_synced ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", error);
}

static int
open_file (const char *path, gboolean is_made, sqlite3 **sqlite)
{
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (is_made ? SQLITE_OPEN_CREATE : 0);

  return sqlite3_open_v2 (path, sqlite, flags, NULL);
}

/* Of sqlite3_backup_step(): "SQLITE_BUSY or SQLITE_LOCKED is not a permanent error and does not
 * affect the return value of sqlite3_backup_finish()".  So what the step said counts. */
static int
copy_all (Connection *connection, sqlite3 *from)
{
  sqlite3_backup *backup = sqlite3_backup_init (connection->sqlite, "main", from, "main");
  int code, finished;

  if (!backup)
    return sqlite3_errcode (connection->sqlite);
  code = sqlite3_backup_step (backup, -1);
  finished = sqlite3_backup_finish (backup);
  return code == SQLITE_DONE ? finished : code == SQLITE_OK ? SQLITE_ERROR : code;
}

/* Nothing is copied when there is no file.  What is wrong with it our connection does not know. */
static gboolean
copy_file (Connection *connection, const ConnectionOptions *options, GError **error)
{
  sqlite3 *from = NULL;
  const char *hint;
  int code;

  if (!g_file_test (options->path, G_FILE_TEST_EXISTS))
    return TRUE;
  code = sqlite3_open_v2 (options->path, &from, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
  if (code == SQLITE_OK) {
    sqlite3_busy_timeout (from, (int) options->busy_ms);
    code = copy_all (connection, from);
  }
  sqlite3_close (from);
  if (code == SQLITE_OK)
    return TRUE;
  hint = explain (code);
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "%s cannot be looked at: %s%s%s", options->path,
               sqlite3_errstr (code), hint ? ": " : "", hint ? hint : "");
  return FALSE;
}

static gboolean
open_connection (Connection *connection, const ConnectionOptions *options, GError **error)
{
  gboolean is_memory = g_str_equal (options->path, ":memory:");
  int code;

  if (options->kind == CONNECTION_WRITES && !is_memory && !prepare_file (options->path, error))
    return FALSE;
  code = open_file (options->kind == CONNECTION_COPIES ? ":memory:" : options->path,
                    is_memory || options->kind == CONNECTION_COPIES, &connection->sqlite);
  if (code != SQLITE_OK)
    return connection_fail (connection, code, error);
  if (options->kind == CONNECTION_COPIES && !copy_file (connection, options, error))
    return FALSE;
  return set_up (connection, options, error);
}

Connection *
connection_open (const ConnectionOptions *options, GError **error)
{
  g_autoptr (Connection) connection = g_new0 (Connection, 1);

  connection->path = g_strdup (options->path);
  connection->kept = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, statement_free);
  connection_tx_init (connection);
  return open_connection (connection, options, error) ? g_steal_pointer (&connection) : NULL;
}

void
connection_close (Connection *connection)
{
  if (!connection)
    return;
  g_hash_table_unref (connection->kept);
  sqlite3_close (connection->sqlite);
  g_free (connection->path);
  g_free (connection);
}

/* -- transactions */

static gboolean
run (Connection *connection, const char *sql, GError **error)
{
  const IkeSqliteStatement statement = { sql, NULL, 0 };

  return connection->tx.exec (&connection->tx, &statement, error);
}

IkeSqliteTx *
connection_tx (Connection *connection)
{
  return &connection->tx;
}

gboolean
connection_begin (Connection *connection, gboolean is_reading, gint64 now_us, GError **error)
{
  connection->tx.now_us = now_us;
  return run (connection, is_reading ? "BEGIN" : "BEGIN IMMEDIATE", error);
}

gboolean
connection_commit (Connection *connection, GError **error)
{
  if (run (connection, "COMMIT", error))
    return TRUE;
  connection_rollback (connection);
  return FALSE;
}

void
connection_rollback (Connection *connection)
{
  if (connection_is_in_transaction (connection))
    run (connection, "ROLLBACK", NULL);
}

gboolean
connection_mark (Connection *connection, GError **error)
{
  return run (connection, "SAVEPOINT one", error);
}

gboolean
connection_keep (Connection *connection, GError **error)
{
  return run (connection, "RELEASE one", error);
}

void
connection_unmark (Connection *connection)
{
  if (connection_is_in_transaction (connection) && run (connection, "ROLLBACK TO one", NULL))
    run (connection, "RELEASE one", NULL);
}

gboolean
connection_is_in_transaction (Connection *connection)
{
  return !sqlite3_get_autocommit (connection->sqlite);
}

gint64
connection_data_version (Connection *connection)
{
  return ask_number (connection, "PRAGMA data_version", 0);
}

/* -- schemas */

static gboolean
read_version (Connection *connection, const char *component, gint64 *version, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (component) };
  const IkeSqliteStatement ask = { "SELECT version FROM schema WHERE component = ?1", args, 1 };
  g_autoptr (IkeSqliteRows) rows = connection->tx.query (&connection->tx, &ask, 1, error);

  if (!rows)
    return FALSE;
  *version = rows->n_rows ? ike_sqlite_rows_get (rows, 0, 0)->integer : 0;
  return TRUE;
}

static gboolean
write_version (Connection *connection, const char *component, gint64 version, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (component), ike_sqlite_int (version) };
  const IkeSqliteStatement tell = {
    "INSERT OR REPLACE INTO schema (component, version) VALUES (?1, ?2)", args, 2
  };

  return connection->tx.exec (&connection->tx, &tell, error);
}

static gboolean
bring_up (Connection *connection, const char *component, const char *const *migrations,
          GError **error)
{
  gint64 n = g_strv_length ((char **) migrations), version;

  if (!run_script (connection,
                   "CREATE TABLE IF NOT EXISTS schema (component TEXT PRIMARY KEY, version INTEGER "
                   "NOT NULL)",
                   error)
      || !read_version (connection, component, &version, error))
    return FALSE;
  if (version < 0 || version > n) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "%s: its tables for %s are of version %" G_GINT64_FORMAT ", of a newer Ikebana; "
                 "this one knows %" G_GINT64_FORMAT,
                 connection->path, component, version, n);
    return FALSE;
  }
  if (version == n)
    return TRUE;
  for (gint64 i = version; i < n; i++)
    if (!run_script (connection, migrations[i], error)) {
      g_prefix_error (error, "tables for %s, from version %" G_GINT64_FORMAT ": ", component, i);
      return FALSE;
    }
  return write_version (connection, component, n, error);
}

gboolean
connection_migrate (Connection *connection, const char *component, const char *const *migrations,
                    GError **error)
{
  if (!connection_begin (connection, FALSE, 0, error))
    return FALSE;
  if (bring_up (connection, component, migrations, error))
    return connection_commit (connection, error);
  connection_rollback (connection);
  return FALSE;
}
