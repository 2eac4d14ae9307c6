/* SPDX-License-Identifier: Apache-2.0 */
/* pool_memory.c - pools of virtual addresses in memory: `pools` of the settings, as `pool:memory`.
 *
 * What is read while a configuration is built takes effect with it.  Leases that still fit stay;
 * a pool that was taken out of the settings is kept, unseen, until its last client is gone, so that
 * nobody gets the address of somebody who still uses it. */
#include "config.h"
#include "shared/pool/pool_conf.h"
#include "shared/pool/pool_leases.h"
#include "shared/pool/pool_others.h"
#include "shared/pool/pool_tell.h"
#include <ikebana/engine.h>
#include <ikebana/model.h>
#include <ikebana/plugin.h>
#include <pthread.h>

enum { LISTED_MAX = 100000 };

typedef struct _Memory Memory;

typedef struct {
  Memory *memory;
  PoolConf *conf;
  PoolLeases *leases;
  gboolean is_gone; /* out of the settings */
} Pool;

struct _Memory {
  IkeEngine *engine;
  guint max_offline;
  GPtrArray *pending; /* PoolConf; control */
  GPtrArray *others;  /* see pool_others.h; control */
  /* Guards @pools: all shards ask, for a table look-up each.  A job on one loop would cost every
   * setup two trips to another thread. */
  pthread_mutex_t lock;
  GHashTable *pools; /* Pool, by name */
};

static void
pool_free (gpointer data)
{
  Pool *pool = data;

  pool_leases_free (pool->leases);
  pool_conf_free (pool->conf);
  g_free (pool);
}

static Pool *
find (Memory *self, const char *name)
{
  Pool *pool = g_hash_table_lookup (self->pools, name);

  return pool && !pool->is_gone ? pool : NULL;
}

static void
memory_free (gpointer data)
{
  Memory *self = data;

  g_hash_table_unref (self->pools);
  g_ptr_array_unref (self->pending);
  g_ptr_array_unref (self->others);
  pthread_mutex_destroy (&self->lock);
  g_free (self);
}

/* Made when it is first needed: `ikebanad --check` reads sections without activating anything. */
static Memory *
memory_of (IkePlugin *plugin)
{
  Memory *self = ike_plugin_state (plugin);

  if (self)
    return self;
  self = g_new0 (Memory, 1);
  self->engine = ike_plugin_engine (plugin);
  self->max_offline = (guint) MIN (ike_plugin_option_uint (plugin, "max_offline"), 100000000);
  self->pending = g_ptr_array_new_with_free_func ((GDestroyNotify) pool_conf_free);
  self->others = pool_others_new ();
  self->pools = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, pool_free);
  pthread_mutex_init (&self->lock, NULL);
  ike_plugin_set_state (plugin, self, memory_free);
  return self;
}

/* -- settings */

static void
begin (IkePlugin *plugin)
{
  Memory *self = memory_of (plugin);

  g_ptr_array_set_size (self->pending, 0);
  g_ptr_array_set_size (self->others, 0);
}

/* Between two pools of ours, too: each has its own leases. */
static gboolean
is_apart (const Memory *self, const PoolConf *conf, GPtrArray *problems)
{
  for (guint i = 0; i < self->pending->len; i++) {
    const PoolConf *other = self->pending->pdata[i];
    if (!pool_addrs_overlap (conf->addrs, other->addrs))
      continue;
    g_ptr_array_add (problems,
                     g_strdup_printf ("addrs: has addresses of pool %s; name that pool in "
                                      "both connections instead",
                                      other->name));
    return FALSE;
  }
  return pool_others_check (self->others, conf, "memory", problems);
}

static void
add (IkePlugin *plugin, const IkeTree *section, GPtrArray *problems)
{
  Memory *self = ike_plugin_state (plugin);
  PoolConf *conf;

  if (!pool_conf_is_of (section, "memory")) {
    pool_others_note (self->others, self->engine, section);
    return;
  }
  conf = pool_conf_read (section, problems);
  if (conf && is_apart (self, conf, problems))
    g_ptr_array_add (self->pending, conf);
  else
    pool_conf_free (conf);
}

/* A pool that is gone, or has other addresses now, may still have a client at this one. */
static gboolean
is_used_elsewhere (const IkeAddr *addr, gpointer data)
{
  const Pool *pool = data;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, pool->memory->pools);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Pool *other = value;
    if (other != pool && pool_leases_is_online (other->leases, addr))
      return TRUE;
  }
  return FALSE;
}

/* How many of its leases are not among its addresses any more. */
static guint
put (Memory *self, PoolConf *conf_take)
{
  Pool *pool = g_hash_table_lookup (self->pools, conf_take->name);
  guint n_left = 0;

  if (!pool) {
    pool = g_new0 (Pool, 1);
    pool->memory = self;
    pool->leases = pool_leases_new (conf_take->addrs, self->max_offline);
  } else {
    g_hash_table_steal (self->pools, conf_take->name);
    n_left = pool_leases_set_addrs (pool->leases, conf_take->addrs);
    pool_conf_free (pool->conf);
  }
  pool->conf = conf_take;
  pool->is_gone = FALSE;
  g_hash_table_insert (self->pools, conf_take->name, pool);
  return n_left;
}

/* Those that nobody named again keep what their clients still use. */
static guint
retire (Memory *self)
{
  static const PoolAddrs none;
  GHashTableIter iter;
  gpointer value;
  guint n_left = 0;

  g_hash_table_iter_init (&iter, self->pools);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Pool *pool = value;
    guint n = pool->is_gone ? pool_leases_set_addrs (pool->leases, &none) : 0;
    if (pool->is_gone && !n)
      g_hash_table_iter_remove (&iter);
    n_left += n;
  }
  return n_left;
}

static void
commit (IkePlugin *plugin)
{
  Memory *self = ike_plugin_state (plugin);
  GHashTableIter iter;
  gpointer value;
  guint n_left = 0;

  pthread_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->pools);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    ((Pool *) value)->is_gone = TRUE;
  while (self->pending->len)
    n_left += put (self, g_ptr_array_steal_index (self->pending, 0));
  n_left += retire (self);
  g_hash_table_iter_init (&iter, self->pools);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    pool_leases_set_guard (((Pool *) value)->leases, n_left ? is_used_elsewhere : NULL, value);
  pthread_mutex_unlock (&self->lock);
}

static const IkeSectionClass section_class = {
  .struct_size = sizeof (IkeSectionClass),
  .begin = begin,
  .add = add,
  .commit = commit,
};

/* -- the pool */

static gboolean
has (IkePlugin *plugin, const char *name)
{
  Memory *self = ike_plugin_state (plugin);
  gboolean is_there;

  pthread_mutex_lock (&self->lock);
  is_there = find (self, name) != NULL;
  pthread_mutex_unlock (&self->lock);
  return is_there;
}

static gboolean
pick (Memory *self, const IkeLeaseQuery *query, IkeAddr *addr, char **why)
{
  gint64 now_us = ike_engine_wall_us (self->engine);
  Pool *pool = find (self, query->pool);

  if (!pool) {
    *why = g_strdup_printf ("pool %s is gone", query->pool);
    return FALSE;
  }
  return pool_leases_acquire (pool->leases, query, now_us, addr, why);
}

static void
acquire (IkePlugin *plugin, const IkeLeaseQuery *query, IkeCall *call)
{
  Memory *self = ike_plugin_state (plugin);
  g_autofree char *why = NULL;
  IkeAddr addr;
  gboolean is_picked;

  pthread_mutex_lock (&self->lock);
  is_picked = pick (self, query, &addr, &why);
  pthread_mutex_unlock (&self->lock);
  if (is_picked)
    ike_call_answer (call, g_memdup2 (&addr, sizeof addr));
  else
    ike_call_fail (call, why);
}

static void
release (IkePlugin *plugin, const IkeLeaseQuery *query, const IkeAddr *addr)
{
  Memory *self = ike_plugin_state (plugin);
  Pool *pool;

  pthread_mutex_lock (&self->lock);
  pool = g_hash_table_lookup (self->pools, query->pool);
  if (pool)
    pool_leases_release (pool->leases, query, addr, ike_engine_wall_us (self->engine));
  if (pool && pool->is_gone && !pool_leases_n_online (pool->leases))
    g_hash_table_remove (self->pools, query->pool);
  pthread_mutex_unlock (&self->lock);
}

static void
attributes (IkePlugin *plugin, const char *name,
            void (*add_one) (guint16 type, const void *value, gsize len, gpointer data),
            gpointer data)
{
  Memory *self = ike_plugin_state (plugin);
  Pool *pool;

  pthread_mutex_lock (&self->lock);
  pool = find (self, name);
  if (pool)
    pool_conf_each (pool->conf, add_one, data);
  pthread_mutex_unlock (&self->lock);
}

static guint
families (IkePlugin *plugin, const char *name)
{
  Memory *self = ike_plugin_state (plugin);
  const Pool *pool;
  guint found;

  pthread_mutex_lock (&self->lock);
  pool = find (self, name);
  found = pool ? pool_conf_families (pool->conf) : 0;
  pthread_mutex_unlock (&self->lock);
  return found;
}

/* -- for people */

static void
list_pool (const Pool *pool, IkeTree *row)
{
  pool_list_row (row, pool->conf, "memory", (gint64) pool_leases_n_online (pool->leases),
                 (gint64) pool_leases_n_offline (pool->leases));
}

/* Copied under the lock, told without it. */
typedef struct {
  const char *pool;
  GArray *rows;
} Copy;

typedef struct {
  char *pool;
  PoolLease lease;
} Row;

static void
row_clear (gpointer data)
{
  Row *row = data;

  g_free (row->pool);
  ike_ident_unref (row->lease.identity);
}

static void
copy_lease (const PoolLease *lease, gpointer data)
{
  Copy *copy = data;
  Row row = { NULL, *lease };

  if (copy->rows->len == LISTED_MAX)
    return;
  row.pool = g_strdup (copy->pool);
  row.lease.identity = lease->identity ? ike_ident_ref (lease->identity) : NULL;
  g_array_append_val (copy->rows, row);
}

static void
list_lease (const Row *at, gint64 now_us, IkeTree *row)
{
  char text[IKE_ADDR_TEXT_SIZE];
  PoolLeaseRow lease = { at->pool, ike_addr_format (&at->lease.addr, FALSE, text),
                         at->lease.identity, at->lease.n_holders, at->lease.since_us };

  pool_lease_row (row, &lease, now_us);
}

static GArray *
copy_leases (Memory *self)
{
  GArray *rows = g_array_new (FALSE, FALSE, sizeof (Row));
  GHashTableIter iter;
  gpointer value;

  g_array_set_clear_func (rows, row_clear);
  pthread_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->pools);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Pool *pool = value;
    Copy copy = { pool->conf->name, rows };
    pool_leases_each (pool->leases, copy_lease, &copy);
  }
  pthread_mutex_unlock (&self->lock);
  return rows;
}

static IkeTree *
list_pools (Memory *self)
{
  IkeTree *list = ike_tree_new_list ();
  GHashTableIter iter;
  gpointer pool;

  pthread_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->pools);
  while (g_hash_table_iter_next (&iter, NULL, &pool))
    if (!((Pool *) pool)->is_gone)
      list_pool (pool, ike_tree_add_section (list, NULL));
  pthread_mutex_unlock (&self->lock);
  return list;
}

static void
list (IkePlugin *plugin, gboolean are_leases, IkeCall *call)
{
  Memory *self = ike_plugin_state (plugin);
  g_autoptr (GArray) rows = NULL;
  IkeTree *tree;

  if (!are_leases) {
    ike_call_answer (call, list_pools (self));
    return;
  }
  rows = copy_leases (self);
  tree = ike_tree_new_list ();
  for (guint i = 0; i < rows->len; i++)
    list_lease (&g_array_index (rows, Row, i), ike_engine_wall_us (self->engine),
                ike_tree_add_section (tree, NULL));
  ike_call_answer (call, tree);
}

static const IkePoolClass pool_class = {
  .struct_size = sizeof (IkePoolClass),
  .has = has,
  .acquire = acquire,
  .release = release,
  .attributes = attributes,
  .list = list,
  .families = families,
};

/* -- the plugin */

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  return memory_of (plugin) != NULL;
}

static const IkeOptionInfo option_offline = {
  .struct_size = sizeof (IkeOptionInfo),
  .path = "plugin/max_offline",
  .type = "uint",
  .fallback = "65536",
  .doc = "Leases of clients that are gone which a pool remembers; then new clients get the oldest.",
};
static const IkeOptionInfo *const options[] = { &option_offline, NULL };

static const IkeFeature pool_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "pool:memory",
                                         .ops = &pool_class };
static const IkeFeature section_feature = { .struct_size = sizeof (IkeFeature),
                                            .provides = "section:pools/memory",
                                            .ops = &section_class };
static const IkeFeature *const features[] = { &pool_feature, &section_feature, NULL };

IKE_PLUGIN (ike_plugin, "pool-memory", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "pools of virtual addresses, in memory", .features = features,
            .options = options, .activate = activate);
