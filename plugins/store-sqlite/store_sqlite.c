/* SPDX-License-Identifier: Apache-2.0 */
/* store_sqlite.c - connections, secrets, pools, authorities and users from a database.
 *
 * `ikebana store` writes it, other programs may too (plugins/shared/store says how it is laid
 * out). A load reads a snapshot of it, on a connection that waits for no writer.  Changes are
 * followed: the database's loop looks now and then whether anybody has committed something, and
 * when that was to the configuration, it is loaded as by `ikebana reload`; what changes
 * meanwhile is one reload. */
#include <stdatomic.h>
#include <ikebana/crypto.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/model.h>
#include "shared/store/store.h"

enum { AES_GCM_16 = 20, KEY_BITS = 256, SALT_LEN = 4 };

typedef struct {
  IkePlugin *plugin;
  IkeEngine *engine;
  const IkeSqliteClass *class;
  IkeSqliteDb *db;
  atomic_llong revision; /* that was loaded last */
  gboolean has_warned;
} Store;

/* -- the key: AES-GCM as the registry has it takes the nonce as salt and IV */

static void
lay_out (guint8 out[static STORE_KEY_LEN + SALT_LEN], const guint8 *key, const guint8 *nonce)
{
  memcpy (out, key, STORE_KEY_LEN);
  memcpy (out + STORE_KEY_LEN, nonce, SALT_LEN);
}

static gboolean
open_secret (gpointer self, const guint8 *key, const guint8 *nonce, const char *aad, guint8 *data,
             gsize len, const guint8 *tag)
{
  guint8 salted[STORE_KEY_LEN + SALT_LEN];
  gboolean is_open;

  lay_out (salted, key, nonce);
  is_open = ike_aead_open (self, salted, nonce + SALT_LEN, (const guint8 *) aad, strlen (aad), data,
                           len, tag);
  ike_wipe (salted, sizeof salted);
  return is_open;
}

static gboolean
read_key (Store *store, StoreKey *key, GError **error)
{
  const char *path = ike_plugin_option (store->plugin, "key_file");

  if (!path || !*path)
    return TRUE;
  key->cipher.self = (gpointer) ike_aead_find (store->engine, AES_GCM_16, KEY_BITS);
  key->cipher.open = open_secret;
  if (!key->cipher.self) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                 "secrets are wrapped with AES-256-GCM, which no plugin provides");
    return FALSE;
  }
  key->key = store_key_read (path, error);
  return key->key != NULL;
}

/* -- loading */

typedef struct {
  Store *store;
  StoreKey *key;
  IkeTree *tree;
  gint64 revision;
  gboolean has_clear; /* a secret that is not wrapped */
} Load;

static gboolean
read_all (IkeSqliteTx *tx, gpointer data, GError **error)
{
  Load *load = data;
  const Store *store = load->store;
  const char *origin = store->class->path (store->db);

  load->tree = store_read (tx, load->key, NULL, origin, error);
  if (!load->tree || !store_users_read (tx, load->key, load->tree, error)) {
    g_prefix_error (error, "%s: ", origin);
    return FALSE;
  }
  if (!store_revision (tx, &load->revision, error)
      || !store_has_clear (tx, &load->has_clear, error))
    return FALSE;
  ike_tree_set_origin (load->tree, origin);
  return TRUE;
}

static void
warn_clear (Store *store, const Load *load)
{
  if (!load->has_clear || store->has_warned)
    return;
  store->has_warned = TRUE;
  ike_log (store->engine, IKE_LOG_NOTICE, "store-sqlite",
           "%s has secrets in clear; name a key file in plugins.store-sqlite.key_file and run "
           "\"ikebana store wrap\"",
           store->class->path (store->db));
}

static IkeTree *
load_open (Store *store, GError **error)
{
  StoreKey key = { .key = NULL };
  Load load = { .store = store, .key = &key };

  if (read_key (store, &key, error) && store->class->read (store->db, read_all, &load, error)) {
    atomic_store (&store->revision, load.revision);
    warn_clear (store, &load);
  } else {
    g_clear_pointer (&load.tree, ike_tree_free);
  }
  ike_secret_blob_unref (key.key);
  return load.tree;
}

/* -- changes */

static void
reload (gpointer data)
{
  Store *store = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) result = NULL;

  if (ike_engine_is_quitting (store->engine))
    return;
  result = ike_engine_reload (store->engine, FALSE, &error);
  if (result)
    ike_log (store->engine, IKE_LOG_NOTICE, "store-sqlite",
             "%s has changed: configuration reloaded", store->class->path (store->db));
  else
    ike_log (store->engine, IKE_LOG_ERROR, "store-sqlite",
             "%s has changed, but everything stays as it was: %s", store->class->path (store->db),
             error->message);
}

/* Leases and other tables may be in the same file. */
static gpointer
compare (IkeSqliteTx *tx, gpointer data, GError **error)
{
  Store *store = data;
  gint64 revision;

  if (store_revision (tx, &revision, error) && revision != atomic_load (&store->revision))
    ike_loop_post (ike_engine_control (store->engine), reload, store, NULL);
  return NULL;
}

static const IkeSqliteWork compare_work = { .struct_size = sizeof compare_work,
                                            .name = "store: has the configuration changed?",
                                            .is_reading = TRUE,
                                            .run = compare };

static void
changed (gpointer data)
{
  Store *store = data;

  store->class->run (store->db, &compare_work, store, NULL);
}

/* -- beginning and ending */

static gboolean
open_store (Store *store, IkePlugin *self, GError **error)
{
  const IkeProvided *service;
  IkeSqliteOptions options = {
    .struct_size = sizeof options,
    .path = ike_plugin_option (self, "database"),
    .component = "store",
    .migrations = store_migrations,
    .changed = changed,
    .data = store,
    .poll_ms = (guint32) CLAMP (ike_plugin_option_uint (self, "poll"), 1, 3600) * 1000,
  };

  store->plugin = self;
  store->engine = ike_plugin_engine (self);
  service = ike_feature_find (store->engine, "service:sqlite", error);
  if (!service)
    return FALSE;
  store->class = service->ops;
  store->db = store->class->open (service->plugin, &options, error);
  return store->db != NULL;
}

/* Under --check nothing was activated. */
static IkeTree *
load_for_check (IkePlugin *self, GError **error)
{
  Store store = { .has_warned = FALSE };
  IkeTree *tree;

  if (!open_store (&store, self, error))
    return NULL;
  tree = load_open (&store, error);
  store.class->close (store.db);
  return tree;
}

static IkeTree *
load (IkePlugin *self, GError **error)
{
  Store *store = ike_plugin_state (self);

  return store ? load_open (store, error) : load_for_check (self, error);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  Store *store = g_new0 (Store, 1);

  ike_plugin_set_state (self, store, g_free);
  return open_store (store, self, error);
}

static void
deactivate (IkePlugin *self)
{
  Store *store = ike_plugin_state (self);

  store->class->close (store->db);
}

static const IkeStoreClass store_class = { .struct_size = sizeof (IkeStoreClass), .load = load };
static const char *const needs[] = { "service:sqlite", NULL };
static const char *const wants[] = { "aead:aes-gcm-16/256", NULL };
static const IkeFeature store_feature = { .struct_size = sizeof (IkeFeature),
                                          .provides = "store:sqlite",
                                          .ops = &store_class,
                                          .needs = needs,
                                          .wants = wants };
static const IkeFeature *const features[] = { &store_feature, NULL };

static const IkeFeatureKind sqlite_kind = { sizeof (IkeFeatureKind), "service:sqlite",       1, 0,
                                            sizeof (IkeSqliteClass), sizeof (IkeSqliteClass) };
static const IkeFeatureKind *const kinds[] = { &sqlite_kind, NULL };

#define OPTION(symbol, name, kind, value, text)                                                    \
  static const IkeOptionInfo symbol = { sizeof (IkeOptionInfo), "plugin/" name, kind, value, text }

OPTION (option_database, "database", "string", NULL,
        "The file; without it that of plugins.sqlite.database.");
OPTION (option_key_file, "key_file", "string", NULL,
        "A file of 32 random bytes, readable for its owner only, with which secrets are wrapped; "
        "without it they are kept in clear.");
OPTION (option_poll, "poll", "time", "1s",
        "How often to look whether somebody has changed the configuration.");

static const IkeOptionInfo *const options[] = { &option_database, &option_key_file, &option_poll,
                                                NULL };

IKE_PLUGIN (ike_plugin, "store-sqlite", IKE_PLUGIN_ON_REQUEST, .version = "1.0",
            .license = "Apache-2.0", .summary = "connections, secrets and users from a database",
            .features = features, .kinds = kinds, .options = options, .activate = activate,
            .deactivate = deactivate);
