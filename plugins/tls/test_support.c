/* SPDX-License-Identifier: Apache-2.0 */
/* test_support.c - certificates, an engine, and two sessions that talk. */
#include "test_support.h"

#include <glib/gstdio.h>
#include <string.h>

#include "credentials/test_support.h"

enum { PLUGINS_MAX = 24 };

/* -- certificates */

static void
put (const TlsBench *bench, const char *directory, const char *name, char *text_take)
{
  g_autofree char *above = g_build_filename (bench->dir, directory, NULL);
  g_autofree char *path = g_build_filename (above, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (above, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text_take, -1, NULL));
  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
  g_free (text_take);
}

static void
put_pair (const TlsBench *bench, const MakeCert *what, X509 *ca, const char *ca_key)
{
  g_autofree char *names = g_strdup_printf ("DNS:%s.test,email:%s@test", what->cn, what->cn);
  g_autofree char *cert_file = g_strconcat (what->cn, ".pem", NULL);
  g_autofree char *key_file = g_strconcat (what->cn, ".key", NULL);
  MakeCert full = *what;
  X509 *x509;

  full.names = names;
  x509 = make_cert (&full, what->cn, ca, ca_key);
  put (bench, "x509", cert_file, pem_certs (x509, NULL));
  put (bench, "private", key_file, pem_key (what->cn, NULL));
  X509_free (x509);
}

static void
put_all (const TlsBench *bench)
{
  static const MakeCert root = { .cn = "root", .is_ca = TRUE },
                        stranger = { .cn = "stranger", .is_ca = TRUE },
                        own[] = { { .cn = "server" },
                                  { .cn = "client" },
                                  { .cn = "old", .from = -20, .to = -10 },
                                  { .cn = "onlyserver", .purpose = "serverAuth" } },
                        foreign = { .cn = "foreign" };
  X509 *ca = make_cert (&root, "root", NULL, "root"),
       *other = make_cert (&stranger, "stranger", NULL, "stranger");

  put (bench, "x509ca", "root.pem", pem_certs (ca, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    put_pair (bench, &own[i], ca, "root");
  put_pair (bench, &foreign, other, "stranger");
  X509_free (ca);
  X509_free (other);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *below = g_build_filename (path, name, NULL);
    if (g_file_test (below, G_FILE_TEST_IS_DIR))
      remove_tree (below);
    else
      g_unlink (below);
  }
  g_rmdir (path);
}

/* -- the engine */

static void
write_log (const IkeLogRecord *record, gpointer data)
{
  if (record->level == IKE_LOG_ERROR)
    g_test_message ("%s", record->text);
}

static void
make_settings (TlsBench *bench, const TlsBenchOptions *options)
{
  g_autofree char *store = NULL;

  if (options->connections)
    store = g_strdup_printf ("store-file { files = %s/swanctl.conf }\n", bench->dir);
  if (options->connections)
    put (bench, ".", "swanctl.conf", g_strdup (options->connections));
  put (bench, ".", "ikebana.conf",
       g_strdup_printf ("plugins {\n credentials { directory = %s }\n%s%s}\n", bench->dir,
                        store ? store : "", options->settings ? options->settings : ""));
}

void
tls_bench_open (TlsBench *bench, const TlsBenchOptions *options_or_null)
{
  static const TlsBenchOptions nothing;
  const TlsBenchOptions *options = options_or_null ? options_or_null : &nothing;
  const char *plugins[PLUGINS_MAX] = { "crypto-openssl", "credentials", "tls" };
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *plugin_dir = g_build_filename (top ? top : "..", "plugins", ".libs", NULL);
  g_autofree char *settings = NULL;
  g_autoptr (GError) error = NULL;
  const IkeProvided *service;

  for (guint i = 0; options->plugins && options->plugins[i]; i++) {
    g_assert_cmpuint (i + 4, <, PLUGINS_MAX);
    plugins[3 + i] = options->plugins[i];
  }
  memset (bench, 0, sizeof *bench);
  bench->dir = g_dir_make_tmp ("ikebana-tls-XXXXXX", NULL);
  settings = g_build_filename (bench->dir, "ikebana.conf", NULL);
  put_all (bench);
  make_settings (bench, options);
  bench->sim = ike_sim_new (1);
  bench->engine = ike_engine_new (&(IkeEngineOptions){ .struct_size = sizeof (IkeEngineOptions),
                                                       .sim = bench->sim,
                                                       .n_shards = 1,
                                                       .config_file = settings,
                                                       .plugin_dir = plugin_dir,
                                                       .plugins = plugins,
                                                       .builtin = options->builtin,
                                                       .log_fallback = write_log },
                                  &error);
  g_assert_no_error (error);
  ike_engine_start (bench->engine, &error);
  g_assert_no_error (error);
  service = ike_feature_find (bench->engine, "service:tls", &error);
  g_assert_no_error (error);
  bench->tls = service->ops;
  bench->plugin = service->plugin;
}

void
tls_bench_close (TlsBench *bench)
{
  ike_engine_free (bench->engine);
  ike_sim_free (bench->sim);
  remove_tree (bench->dir);
  g_free (bench->dir);
}

/* -- sessions */

IkeTls *
tls_bench_session (TlsBench *bench, const IkeTlsConf *conf)
{
  g_autoptr (GError) error = NULL;
  IkeTls *session = bench->tls->open (bench->plugin, conf, &error);

  g_assert_no_error (error);
  g_assert_nonnull (session);
  return session;
}

gsize
tls_bench_carry (TlsBench *bench, IkeTls *from, IkeTls *to, gsize piece)
{
  guint8 buffer[4096];
  gsize all = 0, n;

  while ((n = bench->tls->drain (from, buffer, piece ? piece : sizeof buffer)) > 0) {
    bench->tls->feed (to, buffer, n);
    all += n;
  }
  return all;
}

void
tls_bench_pump (TlsBench *bench, IkeTls *a, IkeTls *b, gsize piece)
{
  for (guint i = 0; i < 32; i++) {
    gsize there = tls_bench_carry (bench, a, b, piece), back = tls_bench_carry (bench, b, a, piece);

    if (there + back == 0)
      return;
  }
  g_assert_not_reached ();
}
