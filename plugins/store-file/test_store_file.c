/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_file.c - the store in an engine: a swanctl.conf beside the settings, a reload, wrong
 * files. */
#include <glib/gstdio.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/model.h>

typedef struct {
  char      *directory;
  IkeSim    *sim;
  IkeEngine *engine;
} Fixture;

static const char swanctl[] =
  "connections {\n"
  "  rw : conn-defaults {\n"
  "    local_addrs = 192.0.2.1\n"
  "    local { auth = psk\n id = moon.example }\n"
  "    remote { auth = psk }\n"
  "    children { net { local_ts = 10.1.0.0/16\n updown = /usr/libexec/updown\n } }\n"
  "    mobike = no\n"
  "  }\n"
  "}\n"
  "conn-defaults { version = 2\n rekey_time = 1h }\n"
  "secrets { ike-rw { id = sun.example\n secret = 0sFpZAZqEN6Ti9sqt4ZP5EWcqx } }\n"
  "include more/*.conf\n";

static void
write_file (Fixture *fixture, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (fixture->directory, name, NULL);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
start (Fixture *fixture, const char *settings)
{
  static const char *const plugins[] = { "store-file", "auth-psk", "crypto-openssl", NULL };
  g_autofree char *main_file = g_build_filename (fixture->directory, "ikebana.conf", NULL);
  g_autofree char *plugin_dir =
      g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", ".libs", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (g_getenv ("IKE_TOP_BUILDDIR"));
  write_file (fixture, "ikebana.conf", settings);
  fixture->sim = ike_sim_new (1);
  IkeEngineOptions options = {
    .struct_size = sizeof options,
    .name = "test",
    .sim = fixture->sim,
    .n_shards = 1,
    .config_file = main_file,
    .plugin_dir = plugin_dir,
    .catalog_file = "/nonexistent",
    .plugins = plugins,
  };
  fixture->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (fixture->engine, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  fixture->directory = g_dir_make_tmp ("ikebana-store-XXXXXX", NULL);
  g_assert_nonnull (fixture->directory);
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  static const char *const names[] = { "ikebana.conf", "connections.conf", "swanctl.conf",
                                       "extra.conf" };

  ike_engine_free (fixture->engine);
  ike_sim_free (fixture->sim);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (fixture->directory, names[i], NULL);
    g_unlink (path);
  }
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0);
  g_free (fixture->directory);
}

static void
test_swanctl (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (IkeConfig) config = NULL;
  g_autoptr (IkeIdent) remote = ike_ident_parse ("sun.example", NULL);
  g_autoptr (IkeSecretBlob) secret = NULL;
  const IkeConn *conn;

  write_file (fixture, "swanctl.conf", swanctl);
  start (fixture, "plugins { store-file { files = swanctl.conf } }\n"
                  "connections { own { local { auth = psk }\n remote { auth = psk } } }\n");
  config = ike_engine_config (fixture->engine);
  g_assert_cmpuint (config->n_conns, ==, 2);
  g_assert_nonnull (ike_config_conn (config, "own"));
  conn = ike_config_conn (config, "rw");
  g_assert_nonnull (conn);
  g_assert_cmpuint (conn->version, ==, 2);
  g_assert_cmpuint (conn->rekey_time, ==, 3600);
  g_assert_cmpstr (conn->children[0]->updown, ==, "/usr/libexec/updown");
  secret = ike_config_find_secret (config, "ike", NULL, remote);
  g_assert_nonnull (secret);
  g_assert_cmpuint (ike_secret_blob_len (secret), ==, 18);
}

static void
test_reload (Fixture *fixture, gconstpointer unused)
{
  static const char one[] = "connections { a { local { auth = psk }\n remote { auth = psk } } }\n";
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) added = NULL, refused = NULL;
  g_autoptr (IkeConfig) before = NULL, after = NULL, last = NULL;

  start (fixture, "");
  before = ike_engine_config (fixture->engine);
  g_assert_cmpuint (before->n_conns, ==, 0);
  write_file (fixture, "connections.conf", one);
  added = ike_engine_reload (fixture->engine, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ike_tree_string (added, "added.0", NULL), ==, "a");
  after = ike_engine_config (fixture->engine);
  g_assert_cmpuint (after->n_conns, ==, 1);
  write_file (fixture, "connections.conf", "connections {");
  refused = ike_engine_reload (fixture->engine, FALSE, &error);
  g_assert_null (refused);
  g_assert_error (error, IKE_ERROR, IKE_ERROR_SYNTAX);
  g_assert_nonnull (
      g_strrstr (error->message, "connections.conf:1: section 'connections' begins here"));
  last = ike_engine_config (fixture->engine);
  g_assert_true (last == after);
}

static void
test_missing_file (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) refused = NULL;

  start (fixture, "");
  write_file (fixture, "ikebana.conf", "plugins { store-file { files = extra.conf } }\n");
  refused = ike_engine_reload (fixture->engine, TRUE, &error);
  g_assert_null (refused);
  g_assert_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/store-file/a-swanctl-conf-loads-unchanged", Fixture, NULL, set_up, test_swanctl,
              tear_down);
  g_test_add ("/store-file/a-reload-adds-and-a-wrong-file-changes-nothing", Fixture, NULL, set_up,
              test_reload, tear_down);
  g_test_add ("/store-file/a-file-that-is-named-must-exist", Fixture, NULL, set_up,
              test_missing_file, tear_down);
  return g_test_run ();
}
