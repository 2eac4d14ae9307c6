/* SPDX-License-Identifier: Apache-2.0 */
/* test_resolve.c - which servers and domains are believed, what becomes of resolv.conf, and what
 * programs are told by a real engine. */
#include "resolve.h"
#include <glib/gstdio.h>
#include <ikebana/engine.h>
#include <string.h>
#include <unistd.h>

static void
test_servers (void)
{
  static const char *const good[] = { "10.0.0.53", "192.0.2.1", "fd00::53", "2001:db8::1" };
  static const char *const bad[] = { "0.0.0.0", "127.0.0.53", "224.0.0.251", "255.255.255.255",
                                     "0.1.2.3", "::",         "::1",         "ff02::fb",
                                     "fe80::1", "::ffff:0:1" };
  IkeAddr addr;

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (ike_addr_parse (&addr, good[i], NULL) && policy_takes_server (&addr));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_true (ike_addr_parse (&addr, bad[i], NULL) && !policy_takes_server (&addr));
}

static void
test_domains (void)
{
  static const char *const some[] = { "corp.example", "internal", NULL }, *const any[] = { "*",
                                                                                           NULL };
  static const struct {
    const char *name;
    gboolean some, any;
  } cases[] = {
    { "corp.example", TRUE, TRUE },
    { "a.b.Corp.Example", TRUE, TRUE },
    { "notcorp.example", FALSE, TRUE },
    { "example", FALSE, FALSE },
    { "internal", TRUE, FALSE },
    { "x.internal", TRUE, TRUE },
    { "com", FALSE, FALSE },
    { "localhost", FALSE, FALSE },
    { "a.localhost", FALSE, FALSE },
    { "printer.local", FALSE, FALSE },
    { "10.in-addr.arpa", FALSE, FALSE },
    { "x.onion", FALSE, FALSE },
    { ".", FALSE, FALSE },
    { "", FALSE, FALSE },
    { "a b.corp.example", FALSE, FALSE },
    { "-x.corp.example", FALSE, FALSE },
    { "x\n.corp.example", FALSE, FALSE },
    { "$(id).corp.example", FALSE, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_assert_false (policy_takes_domain (cases[i].name, NULL));
    g_assert_cmpint (policy_takes_domain (cases[i].name, some), ==, cases[i].some);
    g_assert_cmpint (policy_takes_domain (cases[i].name, any), ==, cases[i].any);
  }
}

static void
want (GPtrArray *wants, guint32 sa, const char *text)
{
  Want *one = g_new0 (Want, 1);

  *one = (Want){ text, sa, FALSE, g_strdup (text) };
  wants_add (wants, one);
}

static void
assert_wanted (const GPtrArray *wants, const char *expected)
{
  g_autoptr (GPtrArray) texts = wants_collect (wants, FALSE);
  g_autofree char *text = NULL;

  g_ptr_array_add (texts, NULL);
  text = g_strjoinv (" ", (char **) texts->pdata);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_newest (void)
{
  static const char first[] = "10.1.0.1", second[] = "10.1.0.2", other[] = "10.2.0.1",
                    late[] = "10.1.0.3", again[] = "10.1.0.1";
  g_autoptr (GPtrArray) wants = wants_new ();

  want (wants, 7, first);
  want (wants, 7, second);
  want (wants, 9, other);
  want (wants, 7, late);
  assert_wanted (wants, "10.2.0.1 10.1.0.1 10.1.0.2 10.1.0.3");
  want (wants, 12, again);
  assert_wanted (wants, "10.1.0.1 10.2.0.1 10.1.0.2 10.1.0.3");
  wants_forget (wants, again);
  assert_wanted (wants, "10.2.0.1 10.1.0.1 10.1.0.2 10.1.0.3");
}

static void
test_edit (void)
{
  static const char before[] = "# mine\nsearch example.com\nnameserver 192.0.2.1\n";
  g_autoptr (GPtrArray) servers = g_ptr_array_new ();
  g_autofree char *with = NULL, *again = NULL, *without = NULL, *empty = NULL;

  g_ptr_array_add (servers, (char *) "10.2.0.53");
  with = resolv_conf_edit (before, servers);
  g_assert_cmpstr (with, ==,
                   "nameserver 10.2.0.53   # by ikebana\n# mine\nsearch example.com\n"
                   "nameserver 192.0.2.1\n");
  again = resolv_conf_edit (with, servers);
  g_assert_cmpstr (again, ==, with);
  without = resolv_conf_edit (with, NULL);
  g_assert_cmpstr (without, ==, before);
  empty = resolv_conf_edit ("", NULL);
  g_assert_cmpstr (empty, ==, "");
}

static void
test_file (void)
{
  g_autofree char *dir = g_dir_make_tmp ("ikebana-resolve-XXXXXX", NULL);
  g_autofree char *real = g_build_filename (dir, "real", NULL),
                  *link = g_build_filename (dir, "link", NULL), *text = NULL,
                  *binary = g_build_filename (dir, "binary", NULL);
  g_autoptr (GPtrArray) servers = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (servers, (char *) "10.2.0.53");
  g_assert_true (g_file_set_contents (real, "nameserver 192.0.2.1\n", -1, NULL));
  g_assert_cmpint (symlink ("real", link), ==, 0);
  g_assert_true (resolv_conf_write (link, servers, NULL));
  g_assert_true (g_file_test (link, G_FILE_TEST_IS_SYMLINK));
  g_assert_true (resolv_conf_write (link, NULL, NULL));
  g_assert_true (g_file_get_contents (real, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "nameserver 192.0.2.1\n");
  g_assert_true (g_file_set_contents (binary, "a\0b", 3, NULL));
  g_assert_false (resolv_conf_write (binary, servers, &error));
  g_assert_nonnull (error);
  g_unlink (real);
  g_unlink (link);
  g_unlink (binary);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

/* The user's servers are not lost because they cannot be read. */
static void
test_unreadable (void)
{
  g_autofree char *dir = g_dir_make_tmp ("ikebana-resolve-XXXXXX", NULL);
  g_autofree char *link = g_build_filename (dir, "link", NULL),
                  *is_new = g_build_filename (dir, "new", NULL), *text = NULL;
  g_autoptr (GPtrArray) servers = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (servers, (char *) "10.2.0.53");
  g_assert_cmpint (symlink ("nowhere", link), ==, 0);
  g_assert_false (resolv_conf_write (link, servers, &error));
  g_assert_nonnull (error);
  g_assert_true (g_file_test (link, G_FILE_TEST_IS_SYMLINK));
  g_unlink (link);
  /* A link to itself: for root too, this cannot be read. */
  g_assert_cmpint (symlink ("link", link), ==, 0);
  g_assert_false (resolv_conf_write (link, servers, NULL));
  g_assert_true (g_file_test (link, G_FILE_TEST_IS_SYMLINK));
  g_assert_true (resolv_conf_write (is_new, servers, NULL));
  g_assert_true (g_file_get_contents (is_new, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "nameserver 10.2.0.53   # by ikebana\n");
  g_unlink (link);
  g_unlink (is_new);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

/* What cannot be replaced, and is not mounted there by itself, is not cut off either. */
static void
test_no_room (void)
{
  g_autofree char *dir = g_dir_make_tmp ("ikebana-resolve-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "resolv.conf", NULL),
                  *blocked = g_strconcat (path, ".ikebana", NULL), *text = NULL;
  g_autoptr (GPtrArray) servers = g_ptr_array_new ();

  g_ptr_array_add (servers, (char *) "10.2.0.53");
  g_assert_true (g_file_set_contents (path, "nameserver 192.0.2.1\n", -1, NULL));
  g_assert_cmpint (g_mkdir (blocked, 0700), ==, 0);
  g_assert_false (resolv_conf_write (path, servers, NULL));
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "nameserver 192.0.2.1\n");
  g_unlink (path);
  g_rmdir (blocked);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

/* -- a real engine, whose programs write down what they were told */

static const guint8 server[4] = { 10, 2, 0, 53 };

static void
emit (IkePlugin *self, gboolean is_gone)
{
  IkeHandleEvent event = { sizeof event, is_gone, IKE_CFG_INTERNAL_IP4_DNS, server, sizeof server };

  ike_handle_hook_emit (ike_plugin_state (self), NULL, &event);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, ike_hook_point (ike_plugin_engine (self), "handle"), NULL);
  return TRUE;
}

static void
run_tell (IkePlugin *self, gpointer unused)
{
  emit (self, FALSE);
}

typedef struct {
  IkeEngine *engine;
  IkePlugin *plugin;
  const char *output;
  guint n_polls;
} Bench;

/* Until the first program has written its line: then the engine ends, and takes all back. */
static void
poll_output (gpointer data)
{
  Bench *bench = data;
  g_autofree char *text = NULL;

  if ((g_file_get_contents (bench->output, &text, NULL, NULL) && strchr (text, '\n'))
      || bench->n_polls++ > 2000) {
    ike_engine_quit (bench->engine);
    return;
  }
  ike_loop_timer_add (ike_engine_control (bench->engine), 5, poll_output, bench, NULL);
}

static const guint32 ops = sizeof (guint32);
static const IkeFeature teller_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "acts:connection/unique",
                                           .ops = &ops };
static const IkeFeature *const features[] = { &teller_feature, NULL };
static const IkePluginInfo teller = { .struct_size = sizeof (IkePluginInfo),
                                      .abi_major = IKE_ABI_MAJOR,
                                      .abi_minor = IKE_ABI_MINOR,
                                      .name = "teller",
                                      .version = "1",
                                      .license = "Apache-2.0",
                                      .summary = "for the test",
                                      .features = features,
                                      .activate = activate };
static const IkePluginInfo *const builtin[] = { &teller, NULL };

static char *
run_engine (const char *settings, const char *output)
{
  static const char *const plugins[] = { "resolve", "teller", NULL };
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *plugin_dir = g_build_filename (top ? top : "..", "plugins", ".libs", NULL);
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .settings = settings,
                               .n_shards = 1,
                               .plugin_dir = plugin_dir,
                               .plugins = plugins,
                               .builtin = builtin };
  g_autoptr (GError) error = NULL;
  Bench bench = { ike_engine_new (&options, &error), NULL, output, 0 };
  char *text = NULL;

  g_assert_no_error (error);
  ike_engine_start (bench.engine, &error);
  g_assert_no_error (error);
  bench.plugin = ike_feature_find (bench.engine, "acts:connection/unique", &error)->plugin;
  run_tell (bench.plugin, NULL);
  poll_output (&bench);
  ike_engine_run (bench.engine);
  ike_engine_free (bench.engine);
  g_file_get_contents (output, &text, NULL, NULL);
  return text;
}

static void
test_programs (gconstpointer method)
{
  g_autofree char *dir = g_dir_make_tmp ("ikebana-resolve-XXXXXX", NULL);
  g_autofree char *program = g_build_filename (dir, "program", NULL),
                  *output = g_build_filename (dir, "output", NULL),
                  *script = g_strdup_printf ("#!/bin/sh\necho \"$*\" $(cat) >> %s\n", output),
                  *settings = g_strdup_printf (
                      "plugins { resolve { critical = yes\n method = %s\n resolvconf = %s\n"
                      "resolvectl = %s\n interface = tun7\n } }",
                      (const char *) method, program, program),
                  *text = NULL;

  g_assert_true (g_file_set_contents (program, script, -1, NULL));
  g_assert_cmpint (g_chmod (program, 0700), ==, 0);
  text = run_engine (settings, output);
  if (!strcmp (method, "resolvconf"))
    g_assert_cmpstr (text, ==, "-a lo.ikebana nameserver 10.2.0.53\n-d lo.ikebana\n");
  else
    g_assert_cmpstr (text, ==, "dns tun7 10.2.0.53\ndomain tun7 ~.\nrevert tun7\n");
  g_unlink (program);
  g_unlink (output);
  g_rmdir (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/resolve/servers-are-hosts-elsewhere", test_servers);
  g_test_add_func ("/resolve/domains-as-far-as-allowed", test_domains);
  g_test_add_func ("/resolve/the-newest-sas-servers-come-first", test_newest);
  g_test_add_func ("/resolve/the-file-is-as-it-was-when-all-is-over", test_edit);
  g_test_add_func ("/resolve/what-a-link-leads-to-is-written", test_file);
  g_test_add_func ("/resolve/what-cannot-be-read-is-not-replaced", test_unreadable);
  g_test_add_func ("/resolve/what-cannot-be-replaced-stays-whole", test_no_room);
  g_test_add_data_func ("/resolve/resolvconf-is-told-and-told-again", "resolvconf", test_programs);
  g_test_add_data_func ("/resolve/resolved-is-told-and-reverted", "resolved", test_programs);
  return g_test_run ();
}
