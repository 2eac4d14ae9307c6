/* SPDX-License-Identifier: Apache-2.0 */
/* test_support.c - an engine that reads a directory made for the test. */
#include "test_support.h"

#include <glib/gstdio.h>
#include <string.h>

#include <ikebana/auth.h>
#include <ikebana/model.h>

/* One test at a time: the plugins below find it here. */
static Bench *present;

/* -- a plugin that names what connections would name, and one that has keys */

static void
require_all (IkePlugin *self)
{
  static const struct {
    const char *prefix;
    IkeCredentialKind kind;
  } kinds[] = { { "cert:", IKE_CREDENTIAL_CERT },
                { "ca:", IKE_CREDENTIAL_CA },
                { "pubkey:", IKE_CREDENTIAL_PUBKEY } };
  const IkeProvided *service = ike_feature_find (present->engine, "service:credentials", NULL);
  const IkeCredentialsOps *ops = service->ops;

  g_string_truncate (present->refused, 0);
  for (guint i = 0; i < present->required->len; i++)
    for (guint k = 0; k < G_N_ELEMENTS (kinds); k++) {
      const char *text = present->required->pdata[i];
      g_autoptr (GError) error = NULL;
      if (g_str_has_prefix (text, kinds[k].prefix)
          && !ops->require (service->plugin, kinds[k].kind, text + strlen (kinds[k].prefix),
                            &error))
        g_string_append_printf (present->refused, "%s: %s\n", text, error->message);
    }
}

static void
add_nothing (IkePlugin *self, const IkeTree *section, GPtrArray *problems)
{
}

static void
load_later (IkePlugin *self, const IkeTree *section, IkeCall *call)
{
  g_autofree char *text = ike_tree_serialize (section, FALSE);

  g_string_append_printf (present->sections, "%s\n", text);
  g_ptr_array_add (present->loads, call);
}

static void
write_log (IkePlugin *self, const IkeLogRecord *record)
{
  static const char *const levels[] = { "error", "notice", "info", "debug" };

  g_string_append_printf (present->log, "%s: %s\n", levels[record->level], record->text);
}

static void
heard_before_sinks (const IkeLogRecord *record, gpointer data)
{
  write_log (NULL, record);
}

static const char *const after_service[] = { "section:authorities", NULL };
static const IkeSectionClass section_class = { .struct_size = sizeof section_class,
                                               .begin = require_all,
                                               .add = add_nothing };
static const IkeFeature section_feature = { .struct_size = sizeof section_feature,
                                            .provides = "section:tests",
                                            .ops = &section_class,
                                            .wants = after_service };
static const IkeKeysClass keys_class = { .struct_size = sizeof keys_class, .load = load_later };
static const IkeFeature keys_feature = { .struct_size = sizeof keys_feature,
                                         .provides = "keys:fake",
                                         .ops = &keys_class };

static const IkeLogSinkClass sink_class = { .struct_size = sizeof sink_class, .write = write_log };
static const IkeFeature sink_feature = { .struct_size = sizeof sink_feature,
                                         .provides = "log-sink:bench",
                                         .ops = &sink_class };

static const IkeAuthClass auth_class = { .struct_size = sizeof auth_class };
static const IkeFeature auth_feature = { .struct_size = sizeof auth_feature,
                                         .provides = "auth:psk",
                                         .ops = &auth_class };

static const IkeFeature *const naming_features[] = { &section_feature, &sink_feature, &auth_feature,
                                                     NULL };
static const IkeFeature *const keys_features[] = { &keys_feature, NULL };

#define PLUGIN(symbol, plugin_name, plugin_features)                                               \
  static const IkePluginInfo symbol = { .struct_size = sizeof symbol,                              \
                                        .abi_major = IKE_ABI_MAJOR,                                \
                                        .abi_minor = IKE_ABI_MINOR,                                \
                                        .name = plugin_name,                                       \
                                        .version = "1.0",                                          \
                                        .license = "Apache-2.0",                                   \
                                        .summary = "a part of the test",                           \
                                        .features = plugin_features }

PLUGIN (naming_plugin, "naming", naming_features);
PLUGIN (fake_keys_plugin, "fake-keys", keys_features);

/* -- files */

static char *
path_of (Bench *bench, const char *file)
{
  return g_build_filename (bench->dir, file, NULL);
}

/* A new file in place of the old one, as editors do it. */
static void
write_data (Bench *bench, const char *file, const void *data, gsize len)
{
  g_autofree char *path = path_of (bench, file), *directory = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (directory, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, data, (gssize) len, NULL));
  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
}

void
bench_write (Bench *bench, const char *file, const char *text)
{
  write_data (bench, file, text, strlen (text));
}

void
bench_write_bytes (Bench *bench, const char *file, GBytes *bytes_take)
{
  gsize len;
  const void *data = g_bytes_get_data (bytes_take, &len);

  write_data (bench, file, data, len);
  g_bytes_unref (bytes_take);
}

void
bench_put_cert (Bench *bench, const char *file, X509 *cert)
{
  g_autofree char *text = pem_certs (cert, NULL);

  bench_write (bench, file, text);
}

void
bench_put_key (Bench *bench, const char *file, const char *key, const char *passphrase_or_null)
{
  g_autofree char *text = pem_key (key, passphrase_or_null);

  bench_write (bench, file, text);
}

void
bench_remove (Bench *bench, const char *file)
{
  g_autofree char *path = path_of (bench, file);

  g_assert_cmpint (g_unlink (path), ==, 0);
}

void
bench_chmod (Bench *bench, const char *file, int mode)
{
  g_autofree char *path = path_of (bench, file);

  g_assert_cmpint (g_chmod (path, mode), ==, 0);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *below = g_build_filename (path, name, NULL);
    if (g_file_test (below, G_FILE_TEST_IS_DIR) && !g_file_test (below, G_FILE_TEST_IS_SYMLINK))
      remove_tree (below);
    else
      g_unlink (below);
  }
  g_rmdir (path);
}

void
bench_settings (Bench *bench, const char *text)
{
  bench_write (bench, "ikebana.conf", text);
}

/* -- the engine */

void
bench_init (Bench *bench)
{
  memset (bench, 0, sizeof *bench);
  bench->dir = g_dir_make_tmp ("ikebana-credentials-XXXXXX", NULL);
  bench->log = g_string_new (NULL);
  bench->required = g_ptr_array_new_with_free_func (g_free);
  bench->refused = g_string_new (NULL);
  bench->loads = g_ptr_array_new ();
  bench->sections = g_string_new (NULL);
  bench_settings (bench, "");
  present = bench;
}

static void
make_engine (Bench *bench, guint32 flags)
{
  static const char *const plugins[] = { "crypto-openssl", "credentials", "naming", "fake-keys",
                                         NULL };
  static const IkePluginInfo *const builtin[] = { &naming_plugin, &fake_keys_plugin, NULL };
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *plugin_dir = g_build_filename (top ? top : "..", "plugins", ".libs", NULL);
  g_autofree char *settings = path_of (bench, "ikebana.conf");
  g_autoptr (GError) error = NULL;

  bench->sim = ike_sim_new (1);
  const IkeEngineOptions options = {
    .struct_size = sizeof options,
    .flags = flags,
    .sim = bench->sim,
    .n_shards = 1,
    .config_file = settings,
    .plugin_dir = plugin_dir,
    .plugins = plugins,
    .builtin = builtin,
    .log_fallback = heard_before_sinks,
  };

  bench->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
}

void
bench_start (Bench *bench)
{
  const IkeProvided *service;
  g_autoptr (GError) error = NULL;

  make_engine (bench, 0);
  ike_engine_start (bench->engine, &error);
  g_assert_no_error (error);
  service = ike_feature_find (bench->engine, "service:credentials", &error);
  g_assert_no_error (error);
  bench->plugin = service->plugin;
  bench->ops = service->ops;
  bench->pki = (IkePkiOps *) ike_feature_find (bench->engine, "service:pki", &error)->ops;
}

void
bench_check (Bench *bench)
{
  g_autoptr (GError) error = NULL;

  make_engine (bench, IKE_ENGINE_CHECK);
  if (!ike_engine_start (bench->engine, &error))
    g_string_append_printf (bench->log, "%s\n", error->message);
}

void
bench_clear (Bench *bench)
{
  ike_engine_free (bench->engine);
  if (bench->sim)
    ike_sim_free (bench->sim);
  remove_tree (bench->dir);
  g_free (bench->dir);
  g_string_free (bench->log, TRUE);
  g_string_free (bench->refused, TRUE);
  g_string_free (bench->sections, TRUE);
  g_ptr_array_unref (bench->required);
  g_ptr_array_unref (bench->loads);
  present = NULL;
}

void
bench_require (Bench *bench, const char *what)
{
  g_ptr_array_add (bench->required, g_strdup (what));
}

char *
bench_reload (Bench *bench)
{
  GString *text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) result = ike_engine_reload (bench->engine, FALSE, &error);
  const IkeTree *problems;

  g_assert_no_error (error);
  problems = ike_tree_get (result, "problems");
  for (guint i = 0; i < ike_tree_n (problems); i++)
    g_string_append_printf (text, "%s\n", ike_tree_string (ike_tree_nth (problems, i), NULL, ""));
  return g_string_free (text, FALSE);
}

void
bench_reload_fine (Bench *bench)
{
  g_autofree char *problems = bench_reload (bench);

  g_assert_cmpstr (problems, ==, "");
  g_assert_cmpstr (bench->refused->str, ==, "");
}

void
bench_add_conn (Bench *bench)
{
  static const char text[] = "remote_addrs = 192.0.2.1\n local { auth = psk }\n"
                             "remote { auth = psk }\n children { net { } }";
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) section = ike_settings_parse (text, strlen (text), "test", &error);

  g_assert_no_error (error);
  ike_engine_load_conn (bench->engine, "added", section, &error);
  g_assert_no_error (error);
}

/* -- what it said */

static gboolean
was_logged (Bench *bench, const char *pattern)
{
  ike_sim_settle (bench->sim);

  g_auto (GStrv) lines = g_strsplit (bench->log->str, "\n", -1);

  for (guint i = 0; lines[i]; i++)
    if (g_pattern_match_simple (pattern, lines[i]))
      return TRUE;
  return FALSE;
}

void
bench_assert_log (Bench *bench, const char *pattern)
{
  if (!was_logged (bench, pattern))
    g_error ("no line of the log is like \"%s\":\n%s", pattern, bench->log->str);
}

void
bench_assert_no_log (Bench *bench, const char *pattern)
{
  if (was_logged (bench, pattern))
    g_error ("a line of the log is like \"%s\":\n%s", pattern, bench->log->str);
}

void
bench_forget_log (Bench *bench)
{
  ike_sim_settle (bench->sim);
  g_string_truncate (bench->log, 0);
}

typedef struct {
  IkeTree *result;
  char *error;
  gboolean is_done;
} Answer;

static void
answer_done (gpointer transport, const IkeTree *result, const char *error_code, const char *message)
{
  Answer *answer = transport;

  answer->is_done = TRUE;
  answer->result = result ? ike_tree_copy (result) : NULL;
  answer->error = error_code ? g_strdup_printf ("%s: %s", error_code, message) : NULL;
}

IkeTree *
bench_command (Bench *bench, const char *name, IkeTree *args_take, char **error)
{
  static const IkeRequestSink sink = { .struct_size = sizeof sink, .done = answer_done };
  Answer answer = { 0 };

  ike_command_run (bench->engine, name, args_take ? args_take : ike_tree_new_section (), FALSE,
                   &sink, &answer);
  ike_sim_settle (bench->sim);
  g_assert_true (answer.is_done);
  if (error)
    *error = answer.error;
  else
    g_assert_cmpstr (answer.error, ==, NULL);
  return answer.result;
}

guint
bench_row (const IkeTree *certs, const char *file)
{
  const IkeTree *list = ike_tree_get (certs, "certs");

  for (guint i = 0; i < ike_tree_n (list); i++)
    if (g_str_equal (ike_tree_string (ike_tree_nth (list, i), "file", ""), file))
      return i;
  return G_MAXUINT;
}

/* -- what is there */

char *
subject (Bench *bench, const IkeCert *cert)
{
  char text[128];

  return g_strdup (ike_ident_format (bench->pki->cert_info (cert)->subject, text, sizeof text));
}

char *
bench_own (Bench *bench, const IkeOwnQuery *query)
{
  IkeCredentials *credentials = bench->ops->get (bench->plugin);
  GString *text = g_string_new (NULL);
  g_autofree char *why = NULL;
  IkeOwn own;

  if (bench->ops->own (credentials, query, &own, &why)) {
    g_autofree char *name = own.cert ? subject (bench, own.cert) : g_strdup ("raw");
    g_string_printf (text, "%s %s", name, own.key->label);
    for (guint i = 0; i < own.n_chain; i++) {
      g_autofree char *issuer = subject (bench, own.chain[i]);
      g_string_append_printf (text, " +%s", issuer);
    }
    bench->ops->own_clear (&own);
  } else
    g_string_printf (text, "- %s", why);
  bench->ops->unref (credentials);
  return g_string_free (text, FALSE);
}

char *
bench_own_of (Bench *bench, const char *id_or_null)
{
  g_autoptr (IkeIdent) id = id_or_null ? ike_ident_parse (id_or_null, NULL) : NULL;
  const IkeOwnQuery query = { .struct_size = sizeof query, .id = id, .now = NOW };

  return bench_own (bench, &query);
}

char *
bench_cas (Bench *bench, const char *const *names)
{
  IkeCredentials *credentials = bench->ops->get (bench->plugin);
  GString *text = g_string_new (NULL);
  IkeCert *cert;

  for (guint i = 0; (cert = bench->ops->ca (credentials, names, i)); i++) {
    g_autofree char *name = subject (bench, cert);
    g_string_append_printf (text, "%s%s", text->len ? ", " : "", name);
  }
  bench->ops->unref (credentials);
  return g_string_free (text, FALSE);
}
