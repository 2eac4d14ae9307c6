/* SPDX-License-Identifier: Apache-2.0 */
/* pool_sqlite.h - the plugin's state: which pools there are, and the database of their leases. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <ikebana/engine.h>
#include "leases.h"
#include "shared/pool/pool_others.h"

/* The settings of a pool, counted: works on the database's loop outlive a reload. */
typedef struct {
  PoolConf   *conf;
  atomic_uint references;
} Pool;

typedef struct {
  IkeEngine            *engine;
  const IkeSqliteClass *class;
  IkeSqliteDb          *db;
  LeasesRules           rules;
  gint64                history_us;           /* how long it is kept; 0: for ever */
  IkeTimer             *timer;
  int                   lock_fd;
  atomic_bool           is_over;              /* control sets it, and who gives back reads it */
  GPtrArray            *pending;              /* PoolConf; control */
  GPtrArray            *others;               /* see pool_others.h; control */
  /* Guards @pools: all shards look up names in it, and a reload on control changes it. */
  pthread_mutex_t       lock;
  GHashTable           *pools;                /* Pool, by name */
} Pools;

Pool    *pool_ref   (Pool *pool);
void     pool_unref (gpointer pool);

/* -- works.c: what is done on the database's loop */

void     pools_acquire (IkePlugin *plugin, const IkeLeaseQuery *query, IkeCall *call);
void     pools_release (IkePlugin *plugin, const IkeLeaseQuery *query, const IkeAddr *addr);
void     pools_list    (IkePlugin *plugin, gboolean are_leases, IkeCall *call);
void     pools_forget  (Pools *pools);
extern const IkeFeature pools_history_feature;
