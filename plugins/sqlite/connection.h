/* SPDX-License-Identifier: Apache-2.0 */
/* connection.h - one connection to a database: how it is opened, transactions, statements, schemas.
 *
 * It knows nothing of engines and loops, so that tools can have one too; one thread at a time. */
#pragma once
#include <ikebana/sqlite.h>

enum { CONNECTION_STATEMENTS_MAX = 256 };     /* prepared ones that are kept */

typedef enum {
  CONNECTION_WRITES,                          /* made when it is not there */
  CONNECTION_READS,                           /* of a file that somebody has made */
  CONNECTION_COPIES,                          /* what is in the file now, in memory: nothing on disk changes */
} ConnectionKind;

typedef struct {
  const char    *path;                        /* or ":memory:" */
  ConnectionKind kind;
  guint          busy_ms;                     /* how long to wait for others' locks */
  gboolean       is_synced;                   /* a commit is on the disk, not only with the kernel */
} ConnectionOptions;

typedef struct _Connection Connection;

Connection  *connection_open    (const ConnectionOptions *options, GError **error);
void         connection_close   (Connection *connection);
/* Makes, or brings up to date, the tables of @component; see IkeSqliteOptions. */
gboolean     connection_migrate (Connection *connection, const char *component, const char *const *migrations,
                                 GError **error);

/* Between begin and commit the transaction is used; commit takes back everything when it fails. */
gboolean     connection_begin    (Connection *connection, gboolean is_reading, gint64 now_us, GError **error);
IkeSqliteTx *connection_tx       (Connection *connection);
gboolean     connection_commit   (Connection *connection, GError **error);
void         connection_rollback (Connection *connection);
/* What runs between mark and keep can be taken back alone. */
gboolean     connection_mark     (Connection *connection, GError **error);
gboolean     connection_keep     (Connection *connection, GError **error);
void         connection_unmark   (Connection *connection);
/* FALSE: SQLite itself took back the whole transaction, as it does when the disk is full. */
gboolean     connection_is_in_transaction (Connection *connection);
/* Another number whenever another connection has committed something. */
gint64       connection_data_version      (Connection *connection);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Connection, connection_close)
