/* SPDX-License-Identifier: Apache-2.0 */
/* service.c - databases as plugins see them: open, close, run, read, and who hears of changes. */
#include <ikebana/error.h>
#include "service.h"

Service *
service_new (IkePlugin *plugin, GError **error)
{
  Service *service = g_new0 (Service, 1);
  const char *sync = ike_plugin_option (plugin, "synchronous");

  service->plugin = plugin;
  service->engine = ike_plugin_engine (plugin);
  service->path = g_strdup (ike_plugin_option (plugin, "database"));
  service->busy_ms = (guint) CLAMP (ike_plugin_option_uint (plugin, "busy_timeout"), 1, 60) * 1000;
  service->is_synced = g_strcmp0 (sync, "full") == 0;
  service->files = g_ptr_array_new_with_free_func (file_free);
  service->n_commits = ike_counter (service->engine, "sqlite.transactions");
  service->n_works = ike_counter (service->engine, "sqlite.works");
  service->n_failures = ike_counter (service->engine, "sqlite.failures");
  service->loop = ike_loop_new (plugin, "store", error);
  if (service->loop)
    return service;
  service_free (service);
  return NULL;
}

void
service_stop (Service *service)
{
  ike_loop_free (service->loop);
  service->loop = NULL;
  for (guint i = 0; i < service->files->len; i++)
    file_flush (service->files->pdata[i]);
}

void
service_free (gpointer data)
{
  Service *service = data;

  g_ptr_array_unref (service->files);
  g_free (service->path);
  g_free (service);
}

/* -- changes of others */

static void poll_again (gpointer data);

static void
poll_changes (gpointer data)
{
  IkeSqliteDb *db = data;
  gint64 before = db->data_version;

  db->data_version = connection_data_version (db->file->writer);
  if (db->data_version != before && !atomic_load (&db->is_closed))
    db->changed (db->data);
  poll_again (db);
}

static void
poll_again (gpointer data)
{
  IkeSqliteDb *db = data;

  if (!atomic_load (&db->is_closed))
    ike_loop_timer_add (db->file->service->loop, db->poll_ms, poll_changes, db, NULL);
}

/* -- the class */

static const char *
path_of (Service *service, const char *wanted)
{
  return wanted ? wanted : service->path;
}

static File *
find_file (Service *service, const char *path, GError **error)
{
  File *file;

  for (guint i = 0; i < service->files->len; i++) {
    file = service->files->pdata[i];
    if (g_str_equal (file->path, path))
      return file;
  }
  if (g_str_equal (path, ":memory:") && !ike_engine_is_simulated (service->engine)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "a database in memory is for simulations; name a file");
    return NULL;
  }
  file = file_new (service, path, error);
  if (file)
    g_ptr_array_add (service->files, file);
  return file;
}

/* Under --check nothing is active.  Then a database is a copy in memory, and dies with its
 * store. */
static Service *
service_for_check (IkePlugin *self)
{
  Service *service = g_new0 (Service, 1);

  service->plugin = self;
  service->engine = ike_plugin_engine (self);
  service->path = g_strdup (ike_plugin_option (self, "database"));
  service->busy_ms = 1000;
  service->files = g_ptr_array_new_with_free_func (file_free);
  ike_plugin_set_state (self, service, service_free);
  return service;
}

static IkeSqliteDb *
db_open (IkePlugin *self, const IkeSqliteOptions *options, GError **error)
{
  Service *service = ike_plugin_state (self);
  IkeSqliteDb *db;
  File *file;

  if (!service)
    service = service_for_check (self);
  file = find_file (service, path_of (service, options->path), error);
  if (!file || !connection_migrate (file->writer, options->component, options->migrations, error))
    return NULL;
  db = g_new0 (IkeSqliteDb, 1);
  db->file = file;
  db->changed = options->changed;
  db->data = options->data;
  db->poll_ms = MAX (options->poll_ms, 100);
  db->data_version = connection_data_version (file->writer);
  g_ptr_array_add (file->dbs, db);
  if (db->changed && service->loop)
    ike_loop_post (service->loop, poll_again, db, NULL);
  return db;
}

static void
db_close (IkeSqliteDb *db)
{
  atomic_store (&db->is_closed, TRUE);
}

/* A database in memory has one connection, and nobody else who could be using it. */
static Connection *
reader_of (File *file, GError **error)
{
  const ConnectionOptions options = { .path = file->path,
                                      .kind = CONNECTION_READS,
                                      .busy_ms = file->service->busy_ms };

  if (!file->service->loop || g_str_equal (file->path, ":memory:"))
    return file->writer;
  if (!file->reader)
    file->reader = connection_open (&options, error);
  return file->reader;
}

static gboolean
db_read (IkeSqliteDb *db, gboolean (*run) (IkeSqliteTx *tx, gpointer data, GError **error),
         gpointer data, GError **error)
{
  Connection *reader = reader_of (db->file, error);
  gboolean is_done;

  if (!reader
      || !connection_begin (reader, TRUE, ike_engine_wall_us (db->file->service->engine), error))
    return FALSE;
  is_done = run (connection_tx (reader), data, error);
  connection_rollback (reader);
  return is_done;
}

static const char *
db_path (IkeSqliteDb *db)
{
  return db->file->path;
}

const IkeSqliteClass service_class = {
  .struct_size = sizeof (IkeSqliteClass),
  .open = db_open,
  .close = db_close,
  .run = file_run,
  .read = db_read,
  .path = db_path,
};
