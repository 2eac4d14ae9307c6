/* SPDX-License-Identifier: Apache-2.0 */
/* service.h - the databases that are open, what waits for them, and the loop on which it is done. */
#pragma once
#include <stdatomic.h>
#include <ikebana/engine.h>
#include "connection.h"

enum {
  SERVICE_WAITING_MAX = 65536,                /* for one file; more is refused at once */
  SERVICE_BATCH_MAX = 1024,                   /* in one transaction */
};

typedef struct {
  IkePlugin *plugin;
  IkeEngine *engine;
  IkeLoop   *loop;                            /* NULL: not active, or no longer */
  char      *path;                            /* default */
  guint      busy_ms;
  gboolean   is_synced;
  GPtrArray *files;                           /* File; control, and never freed before the loop is */
  guint32    n_commits, n_works, n_failures;  /* counters */
} Service;

/* One file that is open.  Its writer is the loop's, its reader is control's. */
typedef struct {
  Service     *service;
  char        *path;
  Connection  *writer, *reader;
  GPtrArray   *dbs;                           /* IkeSqliteDb */
  GQueue       waiting;                       /* Job; the loop's */
  gboolean     is_flushing;                   /* a flush is posted */
  atomic_uint  n_waiting;                     /* with those on their way to the loop */
} File;

struct _IkeSqliteDb {
  File        *file;
  void       (*changed) (gpointer data);
  gpointer     data;
  guint32      poll_ms;
  gint64       data_version;                  /* the loop's, as the timer */
  atomic_bool  is_closed;
};

Service     *service_new   (IkePlugin *plugin, GError **error);
void         service_stop  (Service *service);         /* control: does what waits, and ends the loop */
void         service_free  (gpointer service);

extern const IkeSqliteClass service_class;

/* -- file.c: what waits for a file */

File        *file_new      (Service *service, const char *path, GError **error);
void         file_free     (gpointer file);
/* The loop, or control when that has ended: one transaction for all that waits, until nothing does. */
void         file_flush    (File *file);
void         file_run      (IkeSqliteDb *db, const IkeSqliteWork *work, gpointer data_take, IkeCall *call_or_null);
