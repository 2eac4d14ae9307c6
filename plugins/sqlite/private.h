/* SPDX-License-Identifier: Apache-2.0 */
/* private.h - what connection.c and statement.c share. */
#pragma once
#include <sqlite3.h>
#include "connection.h"

struct _Connection {
  IkeSqliteTx tx;                             /* first: a transaction is its connection */
  sqlite3    *sqlite;
  char       *path;
  GHashTable *kept;                           /* SQL → sqlite3_stmt; its keys belong to these */
};

/* Fills @error with what went wrong last, for people; FALSE. */
gboolean connection_fail    (Connection *connection, int code, GError **error);
void     connection_tx_init (Connection *connection);
void     statement_free     (gpointer statement);
