/* SPDX-License-Identifier: Apache-2.0 */
/* pool_sqlite.c - plugin pool-sqlite: pools of virtual addresses whose leases are in a database.
 *
 * What a client was told is durable: after a crash nobody gets the address of another, and each
 * client that comes back gets its own.  Leases that are asked for at one time share a transaction.
 *
 *   leases.c       who gets which address, in SQL
 *   forget.c       what is old, or too many
 *   list.c         leases and history for people
 *   works.c        on the way to the database's loop
 *   pool_sqlite.c  pools of the settings, and the plugin */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <ikebana/error.h>
#include <ikebana/model.h>
#include "pool_sqlite.h"

enum { FORGET_EVERY_MS = 3600 * 1000 };

Pool *
pool_ref (Pool *pool)
{
  atomic_fetch_add (&pool->references, 1);
  return pool;
}

void
pool_unref (gpointer data)
{
  Pool *pool = data;

  if (atomic_fetch_sub (&pool->references, 1) != 1)
    return;
  pool_conf_free (pool->conf);
  g_free (pool);
}

/* -- settings */

static void
pools_free (gpointer data)
{
  Pools *pools = data;

  if (pools->lock_fd >= 0)
    close (pools->lock_fd);
  g_hash_table_unref (pools->pools);
  g_ptr_array_unref (pools->pending);
  g_ptr_array_unref (pools->others);
  pthread_mutex_destroy (&pools->lock);
  g_free (pools);
}

/* Made when it is first needed: `ikebanad --check` reads sections without activating anything. */
static Pools *
pools_of (IkePlugin *self)
{
  Pools *pools = ike_plugin_state (self);

  if (pools)
    return pools;
  pools = g_new0 (Pools, 1);
  pools->engine = ike_plugin_engine (self);
  pools->lock_fd = -1;
  pools->pending = g_ptr_array_new_with_free_func ((GDestroyNotify) pool_conf_free);
  pools->others = pool_others_new ();
  pools->pools = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, pool_unref);
  pthread_mutex_init (&pools->lock, NULL);
  pools->rules.max_leases = ike_plugin_option_uint (self, "max_leases");
  pools->history_us =
      (gint64) MIN (ike_plugin_option_uint (self, "history"), G_MAXUINT32) * G_USEC_PER_SEC;
  ike_plugin_set_state (self, pools, pools_free);
  return pools;
}

static void
begin (IkePlugin *plugin)
{
  Pools *pools = pools_of (plugin);

  g_ptr_array_set_size (pools->pending, 0);
  g_ptr_array_set_size (pools->others, 0);
}

/* Addresses that two pools of ours share are no harm here: an address has one lease. */
static void
add (IkePlugin *plugin, const IkeTree *section, GPtrArray *problems)
{
  Pools *pools = ike_plugin_state (plugin);
  PoolConf *conf;

  if (!pool_conf_is_of (section, "sqlite")) {
    pool_others_note (pools->others, pools->engine, section);
    return;
  }
  conf = pool_conf_read (section, problems);
  if (conf && pool_others_check (pools->others, conf, "sqlite", problems))
    g_ptr_array_add (pools->pending, conf);
  else
    pool_conf_free (conf);
}

static void
commit (IkePlugin *plugin)
{
  Pools *pools = ike_plugin_state (plugin);

  pthread_mutex_lock (&pools->lock);
  g_hash_table_remove_all (pools->pools);
  while (pools->pending->len) {
    Pool *pool = g_new0 (Pool, 1);
    atomic_init (&pool->references, 1);
    pool->conf = g_ptr_array_steal_index (pools->pending, 0);
    g_hash_table_replace (pools->pools, pool->conf->name, pool);
  }
  pthread_mutex_unlock (&pools->lock);
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
  Pools *pools = ike_plugin_state (plugin);
  gboolean is_there;

  pthread_mutex_lock (&pools->lock);
  is_there = g_hash_table_contains (pools->pools, name);
  pthread_mutex_unlock (&pools->lock);
  return is_there;
}

static void
attributes (IkePlugin *plugin, const char *name,
            void (*add_one) (guint16 type, const void *value, gsize len, gpointer data),
            gpointer data)
{
  Pools *pools = ike_plugin_state (plugin);
  Pool *pool;

  pthread_mutex_lock (&pools->lock);
  pool = g_hash_table_lookup (pools->pools, name);
  if (pool)
    pool_conf_each (pool->conf, add_one, data);
  pthread_mutex_unlock (&pools->lock);
}

static guint
families (IkePlugin *plugin, const char *name)
{
  Pools *pools = ike_plugin_state (plugin);
  const Pool *pool;
  guint found;

  pthread_mutex_lock (&pools->lock);
  pool = g_hash_table_lookup (pools->pools, name);
  found = pool ? pool_conf_families (pool->conf) : 0;
  pthread_mutex_unlock (&pools->lock);
  return found;
}

static const IkePoolClass pool_class = {
  .struct_size = sizeof (IkePoolClass),
  .has = has,
  .acquire = pools_acquire,
  .release = pools_release,
  .attributes = attributes,
  .list = pools_list,
  .families = families,
};

/* -- beginning and ending */

/* What one process holds, another one that begins would take away: so there is one.  The lock goes
 * with the process, however that ends. */
static gboolean
lock_database (Pools *pools, GError **error)
{
  g_autofree char *path = g_strconcat (pools->class->path (pools->db), ".pools", NULL);

  if (g_str_equal (path, ":memory:.pools"))
    return TRUE;
  pools->lock_fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (pools->lock_fd >= 0 && flock (pools->lock_fd, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "%s: %s", path,
               errno == EWOULDBLOCK ? "another daemon gives addresses out of this database"
                                    : g_strerror (errno));
  return FALSE;
}

static void
forget_now (gpointer data)
{
  Pools *pools = data;

  pools_forget (pools);
  pools->timer = ike_loop_timer_add (ike_engine_control (pools->engine), FORGET_EVERY_MS,
                                     forget_now, pools, NULL);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  Pools *pools = pools_of (self);
  const IkeSqliteOptions options = {
    .struct_size = sizeof options,
    .path = ike_plugin_option (self, "database"),
    .component = "pools",
    .migrations = leases_migrations,
  };
  const IkeProvided *service;

  ike_engine_random (pools->engine, &pools->rules.session, sizeof pools->rules.session);
  service = ike_feature_find (pools->engine, "service:sqlite", error);
  if (!service)
    return FALSE;
  pools->class = service->ops;
  pools->db = pools->class->open (service->plugin, &options, error);
  if (!pools->db || !lock_database (pools, error))
    return FALSE;
  forget_now (pools);
  return TRUE;
}

static void
deactivate (IkePlugin *self)
{
  Pools *pools = ike_plugin_state (self);

  atomic_store (&pools->is_over, TRUE);
  ike_timer_stop (pools->timer);
  pools->class->close (pools->db);
}

static const char *const needs[] = { "service:sqlite", NULL };
static const IkeFeature pool_feature = {
  .struct_size = sizeof (IkeFeature), .provides = "pool:sqlite", .ops = &pool_class, .needs = needs
};
static const IkeFeature section_feature = { .struct_size = sizeof (IkeFeature),
                                            .provides = "section:pools/sqlite",
                                            .ops = &section_class,
                                            .needs = needs };
static const IkeFeature *const features[] = { &pool_feature, &section_feature,
                                              &pools_history_feature, NULL };

static const IkeFeatureKind sqlite_kind = { sizeof (IkeFeatureKind), "service:sqlite",       1, 0,
                                            sizeof (IkeSqliteClass), sizeof (IkeSqliteClass) };
static const IkeFeatureKind *const kinds[] = { &sqlite_kind, NULL };

#define OPTION(symbol, name, kind, value, text)                                                    \
  static const IkeOptionInfo symbol = { sizeof (IkeOptionInfo), "plugin/" name, kind, value, text }

OPTION (option_database, "database", "string", NULL,
        "The file; without it that of plugins.sqlite.database.");
OPTION (
    option_max_leases, "max_leases", "uint", "1000000",
    "Leases of one pool, with those of clients that are gone; then new clients get the oldest of "
    "these.");
OPTION (option_history, "history", "time", "90d",
        "How long to remember who had which address; 0: for ever.");

static const IkeOptionInfo *const options[] = { &option_database, &option_max_leases,
                                                &option_history, NULL };

IKE_PLUGIN (ike_plugin, "pool-sqlite", IKE_PLUGIN_ON_REQUEST, .version = PACKAGE_VERSION,
            .license = "Apache-2.0", .summary = "pools of virtual addresses, in a database",
            .features = features, .kinds = kinds, .options = options, .activate = activate,
            .deactivate = deactivate);
