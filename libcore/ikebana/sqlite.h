/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite.h - databases in files, as a service: `service:sqlite`.
 *
 * A database has a loop of its own, on which everything is done that takes time.  What a plugin wants done is a
 * function (IkeSqliteWork) that runs there inside a transaction, and a call that is answered when that is durable.
 * All that waits at one time shares one transaction, so that a disk that needs 5 ms to sync still takes thousands of
 * writes a second; a function that fails takes back only what it did itself.
 *
 * Several plugins may keep their tables in one file: each is a component with a schema of its own, whose version
 * stands in the table `schema (component, version)`.  Other processes may read and write the file at the same time
 * (WAL). Statements have parameters ("?1"), and whatever came from a peer or from a person is one of these, never
 * SQL. */
#pragma once
#include <string.h>
#include <ikebana/plugin.h>
#include <ikebana/runtime.h>
#include <ikebana/secret.h>

IKE_BEGIN_DECLS

typedef struct _IkeSqliteDb IkeSqliteDb;      /* a database as one component sees it */
typedef struct _IkeSqliteTx IkeSqliteTx;

typedef enum { IKE_SQLITE_NULL, IKE_SQLITE_INT, IKE_SQLITE_TEXT, IKE_SQLITE_BLOB } IkeSqliteType;

typedef struct {
  guint8      type;                           /* IkeSqliteType */
  gint64      integer;
  const void *data;                           /* text: also terminated by a zero when it comes from the database */
  gsize       len;                            /* bytes, without that zero */
} IkeSqliteValue;

static inline IkeSqliteValue
ike_sqlite_null (void)
{
  IkeSqliteValue value;

  memset (&value, 0, sizeof value);
  return value;
}

static inline IkeSqliteValue
ike_sqlite_int (gint64 integer)
{
  IkeSqliteValue value = ike_sqlite_null ();

  value.type = IKE_SQLITE_INT;
  value.integer = integer;
  return value;
}

static inline IkeSqliteValue
ike_sqlite_text (const char *text_or_null)
{
  IkeSqliteValue value = ike_sqlite_null ();

  value.type = text_or_null ? IKE_SQLITE_TEXT : IKE_SQLITE_NULL;
  value.data = text_or_null;
  value.len = text_or_null ? strlen (text_or_null) : 0;
  return value;
}

static inline IkeSqliteValue
ike_sqlite_blob (const void *data, gsize len)
{
  IkeSqliteValue value = ike_sqlite_null ();

  value.type = IKE_SQLITE_BLOB;
  value.data = data;
  value.len = len;
  return value;
}

enum { IKE_SQLITE_VALUE_MAX = 1 << 20 };      /* bytes of one value; a larger one is an error */

/* One statement: @sql is static text. */
typedef struct {
  const char           *sql;
  const IkeSqliteValue *args;                 /* ?1, ?2, …; what they point to need only live until it ran */
  guint                 n_args;
} IkeSqliteStatement;

/* What a statement found.  Freed with ike_sqlite_rows_free(), which wipes it. */
typedef struct {
  guint           n_rows, n_columns;
  gboolean        is_cut;                     /* there was more than was asked for */
  IkeSqliteValue *values;                     /* row by row */
  guint8         *data;
  gsize           data_len;
} IkeSqliteRows;

static inline const IkeSqliteValue *
ike_sqlite_rows_get (const IkeSqliteRows *rows, guint row, guint column)
{
  return &rows->values[(gsize) row * rows->n_columns + column];
}

/* The text of a value; "" when it has none. */
static inline const char *
ike_sqlite_value_text (const IkeSqliteValue *value)
{
  return value->type == IKE_SQLITE_TEXT ? (const char *) value->data : "";
}

static inline void
ike_sqlite_rows_free (gpointer rows_or_null)
{
  IkeSqliteRows *rows = (IkeSqliteRows *) rows_or_null;

  if (!rows)
    return;
  if (rows->data_len)
    ike_wipe (rows->data, rows->data_len);
  g_free (rows->data);
  g_free (rows->values);
  g_free (rows);
}

/* A transaction under way: for the length of the function that got it, on its thread. */
struct _IkeSqliteTx {
  guint32         struct_size;
  gint64          now_us;                     /* wall clock when it began */
  gint64          last_id;                    /* of the row that exec inserted last */
  gint64          n_changed;                  /* rows that exec changed last */
  /* Errors are IKE_ERROR_SYSTEM; IKE_ERROR_CONFIG when a constraint of the schema forbids it (a key that is there). */
  gboolean       (*exec)  (IkeSqliteTx *tx, const IkeSqliteStatement *statement, GError **error);
  /* At most @max_rows. */
  IkeSqliteRows *(*query) (IkeSqliteTx *tx, const IkeSqliteStatement *statement, guint max_rows, GError **error);
  /* Calls @row for each until it returns FALSE; its values are valid for the length of that call. */
  gboolean       (*each)  (IkeSqliteTx *tx, const IkeSqliteStatement *statement,
                           gboolean (*row) (const IkeSqliteValue *values, guint n, gpointer data), gpointer data,
                           GError **error);
};

/* What is to be done.  Once on the database's loop: @run; NULL without @error is a result like any other. */
typedef struct {
  guint32        struct_size;
  const char    *name;                        /* for the log: "pool: acquire" */
  gboolean       is_reading;                  /* it changes nothing */
  gpointer     (*run)  (IkeSqliteTx *tx, gpointer data, GError **error);
  GDestroyNotify free_result;                 /* may be NULL; of a result that was not committed after all */
  GDestroyNotify free_data;                   /* may be NULL; exactly once, on any thread */
} IkeSqliteWork;

typedef struct {
  guint32            struct_size;
  const char        *path;                    /* NULL: that of the option plugins.sqlite.database; ":memory:": in
                                               * simulations only */
  const char        *component;               /* "store", "pool" */
  /* Scripts, NULL-terminated; the first makes the tables of version 1, each further one makes the next version of the
   * one before.  Each runs once, in a transaction.  A file whose component is newer is refused. */
  const char *const *migrations;
  /* May be NULL; on the database's loop, at most every @poll_ms: somebody else, maybe another process, has changed
   * something in the file. */
  void             (*changed) (gpointer data);
  gpointer           data;
  guint32            poll_ms;
} IkeSqliteOptions;

typedef struct {
  guint32        struct_size;
  /* Control, while activating, when no loop runs yet: makes the file (for its owner only) and the tables if they are
   * not there.  One connection is kept for each file, whoever opens it.  Under --check, in a store's load: what is in
   * the file now, copied; nothing on the disk changes. */
  IkeSqliteDb *(*open)  (IkePlugin *self, const IkeSqliteOptions *options, GError **error);
  /* Control, in deactivate: what was asked for before is done first. */
  void         (*close) (IkeSqliteDb *db);
  /* Any thread.  Answers @call_or_null with the result when it is durable, else fails it (without a call: logs) with a
   * sentence that names the file.  The result of a call that nobody waits for any more goes to the call's `undo`, but
   * what was done stays done. */
  void         (*run)   (IkeSqliteDb *db, const IkeSqliteWork *work, gpointer data_take, IkeCall *call_or_null);
  /* Control: a read-only transaction at once, on a connection of its own that waits for no writer. */
  gboolean     (*read)  (IkeSqliteDb *db, gboolean (*run) (IkeSqliteTx *tx, gpointer data, GError **error),
                         gpointer data, GError **error);
  const char  *(*path)  (IkeSqliteDb *db);    /* for people */
} IkeSqliteClass;

G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeSqliteRows, ike_sqlite_rows_free)

IKE_END_DECLS
