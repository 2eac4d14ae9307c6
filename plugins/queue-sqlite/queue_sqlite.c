/* SPDX-License-Identifier: Apache-2.0 */
/* queue_sqlite.c - plugin queue-sqlite: records that outlive the process, in a database.
 *
 * `queue:accounting`: what a RADIUS server was not told yet; `queue:tickets`: what tickets of lost
 * IKE SAs stand for.  Whoever has the records delivers them; here they are only written down. */
#include "config.h"
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include <ikebana/queue.h>
#include <ikebana/sqlite.h>

typedef struct {
  IkeEngine *engine;
  const IkeSqliteClass *class;
  IkeSqliteDb *db;
} Queue;

/* Several queues may be in one file. */
static const char *const migrations[] = {
  "CREATE TABLE queue (name TEXT NOT NULL, id INTEGER NOT NULL, record BLOB NOT NULL,"
  "  PRIMARY KEY (name, id)) WITHOUT ROWID",
  NULL
};

/* -- works */

typedef struct {
  const char *queue;
  guint64 id;
  GBytes *bytes;
} Record;

static Record *
record_new (const char *queue, guint64 id, GBytes *bytes_take)
{
  Record *record = g_new (Record, 1);

  *record = (Record){ queue, id, bytes_take };
  return record;
}

static void
record_free (gpointer data)
{
  Record *record = data;

  g_bytes_unref (record->bytes);
  g_free (record);
}

typedef struct {
  IkeEngine *engine;
  const char *queue;
  guint max;
} Loading;

static gboolean
add_record (const IkeSqliteValue *row, guint n, gpointer data)
{
  const IkeQueueRecord record = { (guint64) row[0].integer, g_bytes_new (row[1].data, row[1].len) };

  g_array_append_val ((GArray *) data, record);
  return TRUE;
}

/* New ones are numbered from the last of @records on, so none may be left behind that. */
static gboolean
give_up_rest (IkeSqliteTx *tx, const Loading *loading, const GArray *records, GError **error)
{
  const IkeQueueRecord *last =
      records->len ? &g_array_index (records, IkeQueueRecord, records->len - 1) : NULL;
  const IkeSqliteValue args[] = { ike_sqlite_text (loading->queue),
                                  ike_sqlite_int (last ? (gint64) last->id : G_MININT64) };
  const IkeSqliteStatement statement = { "DELETE FROM queue WHERE name = ?1 AND id > ?2", args, 2 };

  if (!tx->exec (tx, &statement, error))
    return FALSE;
  if (tx->n_changed)
    ike_log (loading->engine, IKE_LOG_ERROR, "queue-sqlite",
             "of the records in %s the first %u are loaded; %" G_GINT64_FORMAT
             " behind them are too many and given up",
             loading->queue, records->len, tx->n_changed);
  return TRUE;
}

static gpointer
run_load (IkeSqliteTx *tx, gpointer data, GError **error)
{
  const Loading *loading = data;
  const IkeSqliteValue args[] = { ike_sqlite_text (loading->queue),
                                  ike_sqlite_int (MIN (loading->max, G_MAXINT32)) };
  const IkeSqliteStatement statement = {
    "SELECT id, record FROM queue WHERE name = ?1 AND length (record) > 0 ORDER BY id LIMIT ?2",
    args, 2
  };
  GArray *records = g_array_new (FALSE, FALSE, sizeof (IkeQueueRecord));

  if (tx->each (tx, &statement, add_record, records, error)
      && give_up_rest (tx, loading, records, error))
    return records;
  ike_queue_records_free (records);
  return NULL;
}

static gpointer
run_keep (IkeSqliteTx *tx, gpointer data, GError **error)
{
  const Record *record = data;
  const IkeSqliteValue args[] = {
    ike_sqlite_text (record->queue), ike_sqlite_int ((gint64) record->id),
    ike_sqlite_blob (g_bytes_get_data (record->bytes, NULL), g_bytes_get_size (record->bytes))
  };
  const IkeSqliteStatement statement = { "INSERT INTO queue (name, id, record) VALUES (?1, ?2, ?3)",
                                         args, 3 };

  tx->exec (tx, &statement, error);
  return NULL;
}

static gpointer
run_drop (IkeSqliteTx *tx, gpointer data, GError **error)
{
  const Record *record = data;
  const IkeSqliteValue args[] = { ike_sqlite_text (record->queue),
                                  ike_sqlite_int ((gint64) record->id) };
  const IkeSqliteStatement statement = { "DELETE FROM queue WHERE name = ?1 AND id = ?2", args, 2 };

  tx->exec (tx, &statement, error);
  return NULL;
}

static const IkeSqliteWork load_work = { .struct_size = sizeof (IkeSqliteWork),
                                         .name = "queue: load",
                                         .run = run_load,
                                         .free_result = ike_queue_records_free,
                                         .free_data = g_free };
static const IkeSqliteWork keep_work = { .struct_size = sizeof (IkeSqliteWork),
                                         .name = "queue: keep",
                                         .run = run_keep,
                                         .free_data = record_free };
static const IkeSqliteWork drop_work = { .struct_size = sizeof (IkeSqliteWork),
                                         .name = "queue: drop",
                                         .run = run_drop,
                                         .free_data = record_free };

/* -- the queue */

static void
load (IkePlugin *self, const char *name, guint max, IkeCall *call)
{
  Queue *queue = ike_plugin_state (self);
  Loading *loading = g_new (Loading, 1);

  *loading = (Loading){ queue->engine, name, max };
  queue->class->run (queue->db, &load_work, loading, call);
}

static void
keep (IkePlugin *self, const char *name, guint64 id, const void *data, gsize len)
{
  Queue *queue = ike_plugin_state (self);

  if (len > 0 && len <= IKE_QUEUE_RECORD_MAX)
    queue->class->run (queue->db, &keep_work, record_new (name, id, g_bytes_new (data, len)), NULL);
}

static void
drop (IkePlugin *self, const char *name, guint64 id)
{
  Queue *queue = ike_plugin_state (self);

  queue->class->run (queue->db, &drop_work, record_new (name, id, NULL), NULL);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  Queue *queue = g_new0 (Queue, 1);
  const IkeProvided *service;
  const IkeSqliteOptions options = {
    .struct_size = sizeof options,
    .path = ike_plugin_option (self, "database"),
    .component = "queue",
    .migrations = migrations,
  };

  queue->engine = ike_plugin_engine (self);
  ike_plugin_set_state (self, queue, g_free);
  service = ike_feature_find (ike_plugin_engine (self), "service:sqlite", error);
  if (!service)
    return FALSE;
  queue->class = service->ops;
  queue->db = queue->class->open (service->plugin, &options, error);
  return queue->db != NULL;
}

static void
deactivate (IkePlugin *self)
{
  Queue *queue = ike_plugin_state (self);

  queue->class->close (queue->db);
}

static const char *const needs[] = { "service:sqlite", NULL };

#define QUEUE(symbol, name)                                                                        \
  static void symbol##_load (IkePlugin *self, guint max, IkeCall *call)                            \
  {                                                                                                \
    load (self, name, max, call);                                                                  \
  }                                                                                                \
  static void symbol##_keep (IkePlugin *self, guint64 id, const void *data, gsize len)             \
  {                                                                                                \
    keep (self, name, id, data, len);                                                              \
  }                                                                                                \
  static void symbol##_drop (IkePlugin *self, guint64 id)                                          \
  {                                                                                                \
    drop (self, name, id);                                                                         \
  }                                                                                                \
  static const IkeQueueClass symbol##_class = { .struct_size = sizeof (IkeQueueClass),             \
                                                .load = symbol##_load,                             \
                                                .keep = symbol##_keep,                             \
                                                .drop = symbol##_drop };                           \
  static const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                 \
                                               .provides = "queue:" name,                          \
                                               .ops = &symbol##_class,                             \
                                               .needs = needs }

QUEUE (accounting, "accounting");
QUEUE (tickets, "tickets");
static const IkeFeature *const features[] = { &accounting_feature, &tickets_feature, NULL };

static const IkeFeatureKind sqlite_kind = { sizeof (IkeFeatureKind), "service:sqlite",       1, 0,
                                            sizeof (IkeSqliteClass), sizeof (IkeSqliteClass) };
static const IkeFeatureKind *const kinds[] = { &sqlite_kind, NULL };

static const IkeOptionInfo option_database = {
  sizeof (IkeOptionInfo), "plugin/database", "string", NULL,
  "The file; without it that of plugins.sqlite.database."
};
static const IkeOptionInfo *const options[] = { &option_database, NULL };

IKE_PLUGIN (ike_plugin, "queue-sqlite", IKE_PLUGIN_ON_REQUEST, .version = PACKAGE_VERSION,
            .license = "Apache-2.0", .summary = "records that outlive the process, in a database",
            .features = features, .kinds = kinds, .options = options, .activate = activate,
            .deactivate = deactivate);
