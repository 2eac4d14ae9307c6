/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_sqlite.c - the store in an engine: what is loaded, how changes of others are followed,
 * and how what is wrong is told. */
#include <glib/gstdio.h>
#include <ikebana/engine.h>
#include <ikebana/model.h>
#include "shared/store/store.h"
#include "sqlite/connection.h"

typedef struct {
  char *directory, *path, *key_path;
  IkeSim *sim;
  IkeEngine *engine;
  GString *log;
} Fixture;

/* "geheim" of secrets.ike-1.secret, wrapped with 32 bytes 'k' and the nonce 01 02 … 0c. */
static const char wrapped[] = "SUtXMQECAwQFBgcICQoLDBB3PggEdBg1DSWB1lZyOcVGl0lbOcw=";

static void
say (const IkeLogRecord *record, gpointer data)
{
  Fixture *f = data;

  g_test_message ("%s: %s", record->group, record->text);
  g_string_append_printf (f->log, "%s\n", record->text);
}

static IkeEngine *
make_engine (Fixture *f, guint32 flags, const char *more, GError **error)
{
  static const char *const plugins[] = { "sqlite", "store-sqlite", "crypto-openssl", "auth-psk",
                                         NULL };
  g_autofree char *settings = g_strdup_printf (
      "plugins { store-sqlite { critical = yes\n database = %s\n %s } }", f->path, more);
  g_autofree char *directory = g_strconcat (g_getenv ("IKE_TOP_BUILDDIR"), "/plugins/.libs", NULL);
  IkeEngineOptions options = {
    .struct_size = sizeof options,
    .flags = IKE_ENGINE_NO_CONFIG | flags,
    .sim = f->sim,
    .n_shards = 1,
    .settings = settings,
    .plugin_dir = directory,
    .plugins = plugins,
    .log_fallback = say,
    .log_data = f,
  };

  return ike_engine_new (&options, error);
}

static void
start (Fixture *f, const char *more)
{
  g_autoptr (GError) error = NULL;

  f->engine = make_engine (f, 0, more, &error);
  g_assert_no_error (error);
  ike_engine_start (f->engine, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *f, gconstpointer unused)
{
  f->directory = g_dir_make_tmp ("ikebana-store-XXXXXX", NULL);
  f->path = g_build_filename (f->directory, "store.db", NULL);
  f->key_path = g_build_filename (f->directory, "key", NULL);
  f->log = g_string_new (NULL);
  f->sim = ike_sim_new (1);
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  static const char *const names[] = { "store.db", "store.db-wal", "store.db-shm", "key" };

  ike_engine_free (f->engine);
  ike_sim_free (f->sim);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (f->directory, names[i], NULL);
    g_unlink (path);
  }
  g_assert_cmpint (g_rmdir (f->directory), ==, 0);
  g_string_free (f->log, TRUE);
  g_free (f->key_path);
  g_free (f->path);
  g_free (f->directory);
}

/* -- somebody else writes */

static Connection *
open_file (Fixture *f)
{
  const ConnectionOptions options = { f->path, CONNECTION_WRITES, 1000, FALSE };
  Connection *connection = connection_open (&options, NULL);

  g_assert_true (connection_migrate (connection, "store", store_migrations, NULL));
  return connection;
}

static void
import (Fixture *f, const char *text, gboolean is_whole)
{
  g_autoptr (Connection) connection = open_file (f);
  g_autoptr (IkeTree) tree = ike_settings_parse (text, strlen (text), "test", NULL);
  const StoreKey key = { .key = NULL };
  const StoreContext context = { &key, "tester" };
  g_autoptr (GError) error = NULL;
  guint n;

  g_assert_true (connection_begin (connection, FALSE, 0, NULL));
  store_import (connection_tx (connection), &context, tree, is_whole, &n, &error);
  g_assert_no_error (error);
  g_assert_true (connection_commit (connection, NULL));
}

static void
wait_s (Fixture *f, guint seconds)
{
  gint64 until_us = ike_sim_now_us (f->sim) + seconds * G_USEC_PER_SEC;

  while (ike_sim_step (f->sim, until_us))
    ;
}

static guint
count_in_log (const Fixture *f, const char *words)
{
  guint n = 0;

  for (const char *at = f->log->str; (at = strstr (at, words)); at++)
    n++;
  return n;
}

static const char home[] =
    "connections { home { version = 2\n remote_addrs = 192.0.2.1\n local { auth = psk\n id = moon "
    "}\n"
    " remote { auth = psk } children { net { local_ts = 10.1.0.0/16 } } } }\n"
    "secrets { ike-1 { id = sun\n secret = a-long-secret } }\n";

/* -- tests */

static void
test_load (Fixture *f, gconstpointer unused)
{
  g_autoptr (IkeIdent) sun = ike_ident_parse ("sun", NULL);
  g_autoptr (IkeSecretBlob) secret = NULL;
  g_autoptr (IkeConfig) config = NULL;

  import (f, home, FALSE);
  start (f, "");
  config = ike_engine_config (f->engine);
  g_assert_cmpuint (config->n_conns, ==, 1);
  g_assert_cmpuint (ike_config_conn (config, "home")->version, ==, 2);
  secret = ike_config_find_secret (config, "ike", NULL, sun);
  g_assert_cmpmem (ike_secret_blob_data (secret), ike_secret_blob_len (secret), "a-long-secret",
                   13);
  wait_s (f, 2);
  g_assert_cmpuint (count_in_log (f, "has secrets in clear"), ==, 1);
}

static void
test_follow (Fixture *f, gconstpointer unused)
{
  g_autoptr (IkeConfig) before = NULL, after = NULL, wrong = NULL;

  import (f, home, FALSE);
  start (f, "poll = 1s");
  before = ike_engine_config (f->engine);
  import (f, "connections { a { local { auth = psk }\n remote { auth = psk } } }", FALSE);
  import (f, "connections { b { local { auth = psk }\n remote { auth = psk } } }", FALSE);
  wait_s (f, 3);
  after = ike_engine_config (f->engine);
  g_assert_cmpuint (after->n_conns, ==, 3);
  g_assert_true (ike_config_conn (after, "home") == ike_config_conn (before, "home"));
  g_assert_cmpuint (count_in_log (f, "has changed: configuration reloaded"), ==, 1);
  import (f, "connections { a { versoin = 2\n local { auth = psk }\n remote { auth = psk } } }",
          FALSE);
  wait_s (f, 3);
  wrong = ike_engine_config (f->engine);
  g_assert_cmpuint (wrong->n_conns, ==, 3);
  g_assert_cmpuint (count_in_log (f, "store.db: connections.a.versoin: "), ==, 1);
  wait_s (f, 30);
  g_assert_cmpuint (count_in_log (f, "has changed"), ==, 2);
}

/* Leases, for one, are in the same file. */
static void
test_other_tables (Fixture *f, gconstpointer unused)
{
  const IkeSqliteStatement make = { "CREATE TABLE other (x)", NULL, 0 };

  import (f, home, FALSE);
  start (f, "poll = 1s");
  {
    g_autoptr (Connection) connection = open_file (f);
    g_assert_true (connection_tx (connection)->exec (connection_tx (connection), &make, NULL));
  }
  wait_s (f, 5);
  g_assert_cmpuint (count_in_log (f, "has changed"), ==, 0);
}

static void
put_wrapped (Fixture *f)
{
  g_autoptr (Connection) connection = open_file (f);
  gsize len;
  g_autofree guint8 *blob = g_base64_decode (wrapped, &len);
  const IkeSqliteValue args[] = { ike_sqlite_blob (blob, len) };
  const IkeSqliteStatement put = {
    "UPDATE settings SET value = ?1 WHERE path = 'secrets.ike-1.secret'", args, 1
  };

  g_assert_true (connection_tx (connection)->exec (connection_tx (connection), &put, NULL));
  g_assert_cmpint (connection_tx (connection)->n_changed, ==, 1);
}

static void
test_wrapped (Fixture *f, gconstpointer unused)
{
  g_autofree char *option = g_strdup_printf ("key_file = %s", f->key_path);
  g_autoptr (IkeIdent) sun = ike_ident_parse ("sun", NULL);
  g_autoptr (IkeSecretBlob) secret = NULL;
  g_autoptr (IkeConfig) config = NULL;

  g_assert_true (g_file_set_contents (f->key_path, "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", 32, NULL));
  g_chmod (f->key_path, 0600);
  import (f, home, FALSE);
  put_wrapped (f);
  start (f, option);
  config = ike_engine_config (f->engine);
  secret = ike_config_find_secret (config, "ike", NULL, sun);
  g_assert_nonnull (secret);
  g_assert_cmpmem (ike_secret_blob_data (secret), ike_secret_blob_len (secret), "geheim", 6);
  g_assert_cmpuint (count_in_log (f, "in clear"), ==, 0);
}

static void
test_no_key (Fixture *f, gconstpointer unused)
{
  g_autoptr (IkeConfig) config = NULL;

  import (f, home, FALSE);
  put_wrapped (f);
  start (f, "");
  config = ike_engine_config (f->engine);
  g_assert_cmpuint (config->n_conns, ==, 0);
  wait_s (f, 1);
  g_assert_cmpuint (
      count_in_log (f, "store.db: secrets.ike-1.secret: is wrapped, and no key file is configured"),
      ==, 1);
}

static void
test_check (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL, wrong = NULL;

  g_clear_pointer (&f->sim, ike_sim_free);
  f->engine = make_engine (f, IKE_ENGINE_CHECK, "", &error);
  g_assert_true (ike_engine_start (f->engine, &error));
  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
  g_clear_pointer (&f->engine, ike_engine_free);
  import (f, "connections { a { versoin = 2\n local { auth = psk }\n remote { auth = psk } } }",
          FALSE);
  f->engine = make_engine (f, IKE_ENGINE_CHECK, "", &error);
  g_assert_false (ike_engine_start (f->engine, &wrong));
  g_assert_nonnull (strstr (wrong->message, "store.db: connections.a.versoin: unknown key"));
}

int
main (int argc, char **argv)
{
  /* Nothing here ends a machine: memory will do for a disk, and is faster. */
  if (g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR))
    g_setenv ("TMPDIR", "/dev/shm", TRUE);
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)
  ADD ("/store-sqlite/connections-and-secrets-are-loaded", test_load);
  ADD ("/store-sqlite/changes-are-followed-and-wrong-ones-named", test_follow);
  ADD ("/store-sqlite/other-tables-are-no-change", test_other_tables);
  ADD ("/store-sqlite/wrapped-secrets-are-loaded-with-the-key-file", test_wrapped);
  ADD ("/store-sqlite/without-its-key-nothing-is-loaded-and-it-says-why", test_no_key);
  ADD ("/store-sqlite/a-check-reads-and-changes-nothing", test_check);
#undef ADD
  return g_test_run ();
}
