/* SPDX-License-Identifier: Apache-2.0 */
/* statement.c - statements of a transaction: prepared once, parameters bound, rows copied out. */
#include <ikebana/error.h>
#include "private.h"

/* -- preparing */

void
statement_free (gpointer statement)
{
  sqlite3_finalize (statement);
}

static sqlite3_stmt *
prepare (Connection *connection, const char *sql, guint flags, GError **error)
{
  sqlite3_stmt *statement = NULL;
  const char *rest = NULL;
  int code = sqlite3_prepare_v3 (connection->sqlite, sql, -1, flags, &statement, &rest);

  if (code == SQLITE_OK && statement && !*rest)
    return statement;
  sqlite3_finalize (statement);
  if (code != SQLITE_OK)
    connection_fail (connection, code, error);
  else
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX, "%s: not one statement: %s", connection->path,
                 sql);
  return NULL;
}

/* One that is running, because a function that gets its rows asks the same, is made a second
 * time. */
static sqlite3_stmt *
take_statement (Connection *connection, const char *sql, GError **error)
{
  sqlite3_stmt *statement = g_hash_table_lookup (connection->kept, sql);

  if (statement && !sqlite3_stmt_busy (statement))
    return statement;
  if (statement || g_hash_table_size (connection->kept) >= CONNECTION_STATEMENTS_MAX)
    return prepare (connection, sql, 0, error);
  statement = prepare (connection, sql, SQLITE_PREPARE_PERSISTENT, error);
  if (statement)
    g_hash_table_insert (connection->kept, (gpointer) sqlite3_sql (statement), statement);
  return statement;
}

static void
give_back (Connection *connection, sqlite3_stmt *statement)
{
  if (g_hash_table_lookup (connection->kept, sqlite3_sql (statement)) != statement) {
    sqlite3_finalize (statement);
    return;
  }
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
}

static int
bind_value (sqlite3_stmt *statement, int at, const IkeSqliteValue *value)
{
  if (value->len > IKE_SQLITE_VALUE_MAX)
    return SQLITE_TOOBIG;
  switch ((IkeSqliteType) value->type) {
  case IKE_SQLITE_INT:
    return sqlite3_bind_int64 (statement, at, value->integer);
  case IKE_SQLITE_TEXT:
    return sqlite3_bind_text64 (statement, at, value->data, value->len, SQLITE_STATIC, SQLITE_UTF8);
  case IKE_SQLITE_BLOB:
    return sqlite3_bind_blob64 (statement, at, value->len ? value->data : "", value->len,
                                SQLITE_STATIC);
  case IKE_SQLITE_NULL:
    break;
  }
  return sqlite3_bind_null (statement, at);
}

static gboolean
bind_all (Connection *connection, sqlite3_stmt *statement, const IkeSqliteStatement *what,
          GError **error)
{
  if ((guint) sqlite3_bind_parameter_count (statement) != what->n_args) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX, "%s: %u parameters do not fit: %s",
                 connection->path, what->n_args, what->sql);
    return FALSE;
  }
  for (guint i = 0; i < what->n_args; i++) {
    int code = bind_value (statement, (int) i + 1, &what->args[i]);
    if (code != SQLITE_OK)
      return connection_fail (connection, code, error);
  }
  return TRUE;
}

/* -- rows */

enum { COLUMNS_MAX = 64 };

static IkeSqliteValue
read_value (sqlite3_stmt *statement, int column)
{
  int type = sqlite3_column_type (statement, column);

  if (type == SQLITE_INTEGER)
    return ike_sqlite_int (sqlite3_column_int64 (statement, column));
  if (type == SQLITE_NULL)
    return ike_sqlite_null ();
  if (type == SQLITE_BLOB) {
    const void *data = sqlite3_column_blob (statement, column);
    return ike_sqlite_blob (data, (gsize) sqlite3_column_bytes (statement, column));
  }
  const char *text = (const char *) sqlite3_column_text (statement, column);
  IkeSqliteValue value = ike_sqlite_text (text);
  value.len = (gsize) sqlite3_column_bytes (statement, column);
  return value;
}

typedef struct {
  gboolean (*row) (const IkeSqliteValue *values, guint n, gpointer data);
  gpointer data;
} Receiver;

static gboolean
step (Connection *connection, sqlite3_stmt *statement, const Receiver *receiver, GError **error)
{
  guint n = (guint) MIN (sqlite3_column_count (statement), COLUMNS_MAX);
  IkeSqliteValue values[COLUMNS_MAX];
  int code;

  while ((code = sqlite3_step (statement)) == SQLITE_ROW) {
    for (guint i = 0; i < n; i++)
      values[i] = read_value (statement, (int) i);
    if (receiver && !receiver->row (values, n, receiver->data))
      return TRUE;
  }
  return code == SQLITE_DONE || connection_fail (connection, code, error);
}

static gboolean
run_statement (Connection *connection, const IkeSqliteStatement *what, const Receiver *receiver,
               GError **error)
{
  sqlite3_stmt *statement = take_statement (connection, what->sql, error);
  gboolean is_done;

  if (!statement)
    return FALSE;
  is_done = bind_all (connection, statement, what, error)
            && step (connection, statement, receiver, error);
  give_back (connection, statement);
  return is_done;
}

/* -- as the transaction offers it */

static gboolean
tx_exec (IkeSqliteTx *tx, const IkeSqliteStatement *statement, GError **error)
{
  Connection *connection = (Connection *) tx;

  if (!run_statement (connection, statement, NULL, error))
    return FALSE;
  tx->n_changed = sqlite3_changes (connection->sqlite);
  tx->last_id = sqlite3_last_insert_rowid (connection->sqlite);
  return TRUE;
}

static gboolean
tx_each (IkeSqliteTx *tx, const IkeSqliteStatement *statement,
         gboolean (*row) (const IkeSqliteValue *values, guint n, gpointer data), gpointer data,
         GError **error)
{
  const Receiver receiver = { row, data };

  return run_statement ((Connection *) tx, statement, &receiver, error);
}

/* While they are gathered, values say where in the data theirs is. */
typedef struct {
  IkeSqliteRows *rows;
  GArray *values;
  gsize size;
  guint max;
} Gathered;

/* What grows is copied and wiped: it may be secrets. */
static gsize
add_data (Gathered *gathered, const IkeSqliteValue *value)
{
  IkeSqliteRows *rows = gathered->rows;
  gsize at = rows->data_len, need = at + value->len + 1;

  if (need > gathered->size) {
    gsize size = MAX (need, gathered->size * 2);
    guint8 *data = g_malloc (MAX (size, 256));
    if (at) {
      memcpy (data, rows->data, at);
      ike_wipe (rows->data, at);
    }
    g_free (rows->data);
    rows->data = data;
    gathered->size = MAX (size, 256);
  }
  if (value->len)
    memcpy (rows->data + at, value->data, value->len);
  rows->data[need - 1] = 0;
  rows->data_len = need;
  return at;
}

static gboolean
gather (const IkeSqliteValue *values, guint n, gpointer data)
{
  Gathered *gathered = data;

  if (gathered->rows->n_rows == gathered->max) {
    gathered->rows->is_cut = TRUE;
    return FALSE;
  }
  for (guint i = 0; i < n; i++) {
    IkeSqliteValue value = values[i];
    if (value.type == IKE_SQLITE_TEXT || value.type == IKE_SQLITE_BLOB)
      value.data = GSIZE_TO_POINTER (add_data (gathered, &values[i]));
    g_array_append_val (gathered->values, value);
  }
  gathered->rows->n_columns = n;
  gathered->rows->n_rows++;
  return TRUE;
}

static IkeSqliteRows *
tx_query (IkeSqliteTx *tx, const IkeSqliteStatement *statement, guint max_rows, GError **error)
{
  g_autoptr (IkeSqliteRows) rows = g_new0 (IkeSqliteRows, 1);
  Gathered gathered = { rows, g_array_new (FALSE, FALSE, sizeof (IkeSqliteValue)), 0, max_rows };
  gboolean is_done = tx_each (tx, statement, gather, &gathered, error);
  guint n = gathered.values->len;

  rows->values = (IkeSqliteValue *) (gpointer) g_array_free (gathered.values, FALSE);
  for (guint i = 0; i < n; i++) {
    IkeSqliteValue *value = &rows->values[i];
    if (value->type == IKE_SQLITE_TEXT || value->type == IKE_SQLITE_BLOB)
      value->data = rows->data + GPOINTER_TO_SIZE (value->data);
  }
  return is_done ? g_steal_pointer (&rows) : NULL;
}

void
connection_tx_init (Connection *connection)
{
  connection->tx = (IkeSqliteTx){
    .struct_size = sizeof (IkeSqliteTx),
    .exec = tx_exec,
    .query = tx_query,
    .each = tx_each,
  };
}
