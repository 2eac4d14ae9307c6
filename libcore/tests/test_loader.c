/* SPDX-License-Identifier: Apache-2.0 */
/* test_loader.c - real plugin files, most of them wrong in one way each.
 *
 * The fixtures of tests/plugins link no library; this program exports the functions of the core
 * to them. */
#include "config.h"
#include "tests/plugin_fixture.h"
#include <ikebana/bus.h>
#include <ikebana/error.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char settings[] = "plugins {\n"
                               "  closed { load = no }\n"
                               "  good { level = 5 }\n"
                               "}\n";

static guint32 fixture_flags;

static char *
fixture_dir (void)
{
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  return g_build_filename (top ? top : "..", "libcore", "tests", "plugins", ".libs", NULL);
}

static void
start (Fixture *fixture, const char *text, const char *dirs, const char *const *plugins)
{
  g_autoptr (GError) error = NULL;
  const char *top = g_getenv ("IKE_TOP_SRCDIR");
  g_autofree char *catalog =
      g_build_filename (top ? top : "..", "libcore", "tests", "plugins", "catalog", NULL);
  fixture_init (fixture, text, NULL);
  const IkeEngineOptions before = fixture->engine->options;
  fixture->engine->options.plugin_dir = dirs;
  fixture->engine->options.catalog_file = catalog;
  fixture->engine->options.plugins = plugins;
  fixture->engine->options.flags |= fixture_flags;
  g_assert_true (ike_registry_load (fixture->engine, &error));
  g_assert_no_error (error);
  fixture->engine->options = before;
  g_assert_true (ike_registry_activate (fixture->engine, &error));
  g_assert_no_error (error);
}

static void
start_all (Fixture *fixture)
{
  g_autofree char *dir = fixture_dir ();
  g_unsetenv ("IKE_FIXTURE_CLOSED_RAN");
  g_unsetenv ("IKE_FIXTURE_STALE_RAN");
  start (fixture, settings, dir, NULL);
}

static void
test_states (void)
{
  Fixture fixture;
  start_all (&fixture);
  fixture_assert_state (&fixture, "good", "ready: ");
  fixture_assert_state (&fixture, "service:good", "ready: ");
  fixture_assert_state (&fixture, "stale", "abi: *wanted 1, has 7: rebuild *");
  fixture_assert_state (&fixture, "newer", "abi: *wanted at most 1.0, has 1.99: *");
  fixture_assert_state (&fixture, "noteless", "broken: has no Ikebana note*");
  fixture_assert_state (&fixture, "unresolved", "broken: *ike_fixture_function_of_nobody*");
  fixture_assert_state (
      &fixture, "bad-default",
      "broken: option plugin/patience has a bad default: soon is no value of type time: *");
  fixture_assert_state (&fixture, "service:needy",
                        "missing: needs service:closed: plugin closed is disabled (*:2)");
  fixture_assert_state (
      &fixture, "service:needier",
      "missing: needs service:needy: *needs service:closed: plugin closed is disabled (*:2)");
  fixture_assert_state (&fixture, "service:far",
                        "missing: needs service:elsewhere: no plugin provides it*");
  fixture_assert_state (&fixture, "service:modest", "ready: ");
  fixture_assert_state (&fixture, "service:cycle-a",
                        "cycle: service:cycle-a -> service:cycle-b -> service:cycle-a");
  fixture_assert_state (&fixture, "cycle-b", "cycle: *");
  fixture_assert_state (&fixture, "service:weak", "failed: known answer 2 is wrong");
  fixture_assert_state (&fixture, "service:after-weak",
                        "missing: needs service:weak: *known answer 2 is wrong");
  fixture_assert_state (&fixture, "service:strong", "ready: ");
  fixture_assert_state (&fixture, "refuses", "failed: no device /dev/fixture");
  fixture_assert_state (
      &fixture, "service:leaning",
      "missing: needs service:refused: plugin refuses failed: no device /dev/fixture");
  fixture_assert_state (&fixture, "leans", "missing: *");
  fixture_assert_state (&fixture, "service:twin",
                        "shadowed: plugin twin-b provides it too: *prefer = service:twin*");
  fixture_assert_state (&fixture, "servise:x",
                        "broken: unknown kind servise, did you mean service?");
  fixture_assert_state (&fixture, "command:small", "abi: *kind command*rebuild plugin misspelt");
  fixture_assert_state (&fixture, "command:empty", "broken: has no functions*");
  fixture_assert_state (&fixture, "on-request", "disabled: on request only*");
  fixture_assert_state (&fixture, "harmful", "disabled: for tests only: *--for-tests");
  fixture_assert_state (&fixture, "closed", "disabled: *:2");
  fixture_assert_state (&fixture, "service:closed", "disabled: *:2");
  fixture_clear (&fixture);
}

static void
test_never_opened (void)
{
  Fixture fixture;
  start_all (&fixture);
  g_assert_null (g_getenv ("IKE_FIXTURE_CLOSED_RAN"));
  g_assert_null (g_getenv ("IKE_FIXTURE_STALE_RAN"));
  fixture_clear (&fixture);
  g_autofree char *dir = fixture_dir ();
  start (&fixture, "", dir, (const char *const[]){ "closed", NULL });
  fixture_assert_state (&fixture, "closed", "ready: ");
  g_assert_cmpstr (g_getenv ("IKE_FIXTURE_CLOSED_RAN"), ==, "1");
  fixture_clear (&fixture);
}

typedef struct {
  guint32 struct_size;
  guint64 (*level) (IkePlugin *self);
} Service;

/* Each engine has its own instance, with its own state. */
static void
test_instances (void)
{
  Fixture one, two;
  start_all (&one);
  g_autofree char *dir = fixture_dir ();
  start (&two, "", dir, NULL);
  const IkeProvided *first = ike_feature_find (one.engine, "service:good", NULL);
  const IkeProvided *second = ike_feature_find (two.engine, "service:good", NULL);
  g_assert_cmpuint (((const Service *) first->ops)->level (first->plugin), ==, 5);
  g_assert_cmpuint (((const Service *) second->ops)->level (second->plugin), ==, 3);
  fixture_clear (&one);
  fixture_clear (&two);
}

static void
test_failure_leaves_nothing (void)
{
  Fixture fixture;
  start_all (&fixture);
  g_assert_true (ike_bus_freeze (fixture.engine, NULL));
  g_autoptr (IkeTree) order = ike_bus_order (fixture.engine);
  g_assert_cmpuint (ike_tree_n (ike_tree_get (order, "hooks.fixture")), ==, 1);
  fixture_clear (&fixture);
}

static void
test_explain (void)
{
  Fixture fixture;
  start_all (&fixture);
  fixture_assert_explained (&fixture, "good", "plugin good is ready");
  fixture_assert_explained (&fixture, "closed", "plugin closed is disabled (*:2)");
  fixture_assert_explained (&fixture, "service:closed",
                            "service:closed: plugin closed is disabled (*:2)");
  fixture_assert_explained (&fixture, "service:needy",
                            "service:needy needs service:closed: plugin closed is disabled (*:2)");
  fixture_assert_explained (
      &fixture, "needier",
      "service:needier needs service:needy: *needs service:closed: plugin closed is disabled (*)");
  fixture_assert_explained (&fixture, "eap-server:peap",
                            "eap-server:peap would be provided by plugin eap-peap (package "
                            "ikebana-eap-peap), which is not installed");
  fixture_assert_explained (&fixture, "eap-peap",
                            "plugin eap-peap is not installed (package ikebana-eap-peap)");
  fixture_assert_explained (&fixture, "stale", "plugin stale does not fit: *");
  fixture_assert_explained (&fixture, "service:goood",
                            "service:goood: no plugin provides it, did you mean service:good?");
  fixture_assert_explained (&fixture, "closd", "no plugin closd is known, did you mean closed?");
  fixture_assert_explained (&fixture, "zzzzzzzzzzzzzz", "no plugin zzzzzzzzzzzzzz is known");
  fixture_clear (&fixture);
}

/* "Option X belongs to plugin Y, which is not loaded because …" */
static void
test_options_of_absent (void)
{
  Fixture fixture;
  const char *owner = NULL;
  gboolean is_ready = TRUE;
  start_all (&fixture);
  const IkeOptionInfo *info =
      ike_registry_option (fixture.engine, "connection/closure", NULL, &owner, &is_ready);
  g_assert_cmpstr (info->fallback, ==, "5m");
  g_assert_cmpstr (owner, ==, "closed");
  g_assert_false (is_ready);
  info = ike_registry_option (fixture.engine, "connection/peap_phases", NULL, &owner, &is_ready);
  g_assert_cmpstr (owner, ==, "eap-peap");
  g_assert_null (info->fallback);
  info = ike_registry_option (fixture.engine, "connection/extra", NULL, &owner, &is_ready);
  g_assert_cmpstr (owner, ==, "good");
  g_assert_true (is_ready);
  fixture_clear (&fixture);
}

static void
test_choice (void)
{
  Fixture fixture;
  g_autofree char *dir = fixture_dir ();
  start (&fixture, "", dir, (const char *const[]){ "good", "on-request", "nowhere", NULL });
  fixture_assert_state (&fixture, "on-request", "ready: ");
  fixture_assert_state (&fixture, "twin-a", "disabled: not among the plugins that were asked for");
  fixture_assert_state (&fixture, "nowhere", "missing: not installed, asked for by *");
  fixture_clear (&fixture);
  start (&fixture, "plugins { on-request { load = yes } twin-b { prefer = service:twin } }", dir,
         NULL);
  fixture_assert_state (&fixture, "on-request", "ready: ");
  const IkeProvided *twin = ike_feature_find (fixture.engine, "service:twin", NULL);
  g_assert_cmpstr (ike_plugin_name (twin->plugin), ==, "twin-b");
  fixture_clear (&fixture);
}

/* Neither the settings nor who names it open it; only an engine that runs for tests does, and there
 * it still wants to be asked for. */
static void
test_for_tests (void)
{
  static const char *const asked[] = { "harmful", NULL };
  static const char *const texts[] = { "plugins { harmful { load = yes } }",
                                       "plugins { harmful { load = yes\n prefer = yes } }" };
  Fixture fixture;
  g_autofree char *dir = fixture_dir ();
  g_unsetenv ("IKE_FIXTURE_HARMFUL_RAN");
  for (guint i = 0; i < 4; i++) {
    start (&fixture, texts[i % 2], dir, i < 2 ? NULL : asked);
    fixture_assert_state (&fixture, "harmful", "disabled: for tests only: *--for-tests");
    fixture_clear (&fixture);
  }
  fixture_flags = IKE_ENGINE_FOR_TESTS;
  start (&fixture, "", dir, NULL);
  fixture_assert_state (&fixture, "harmful", "disabled: on request only*");
  fixture_clear (&fixture);
  g_assert_null (g_getenv ("IKE_FIXTURE_HARMFUL_RAN"));
  start (&fixture, texts[0], dir, NULL);
  fixture_assert_state (&fixture, "harmful", "ready: ");
  fixture_clear (&fixture);
  fixture_flags = 0;
}

static void
copy_plugin (const char *name, const char *dir, const char *as, guint mode)
{
  gsize len;
  g_autofree char *bytes = NULL, *from_dir = fixture_dir ();
  g_autofree char *from = g_strdup_printf ("%s/%s.so", from_dir, name);
  g_autofree char *to = g_strdup_printf ("%s/%s.so", dir, as);
  g_assert_true (g_file_get_contents (from, &bytes, &len, NULL));
  g_assert_true (g_file_set_contents (to, bytes, (gssize) len, NULL));
  g_assert_cmpint (g_chmod (to, (int) mode), ==, 0);
}

static void
remove_dir (const char *dir)
{
  GDir *handle = g_dir_open (dir, 0, NULL);
  for (const char *name = g_dir_read_name (handle); name; name = g_dir_read_name (handle)) {
    g_autofree char *path = g_build_filename (dir, name, NULL);
    g_remove (path);
  }
  g_dir_close (handle);
  g_rmdir (dir);
}

/* Two directories: the first file of a name counts, the other one is listed as shadowed by it. */
static void
test_two_directories (void)
{
  Fixture fixture;
  g_autofree char *dir = g_dir_make_tmp ("ike-loader-XXXXXX", NULL);
  g_autofree char *from = fixture_dir (), *both = g_strdup_printf ("%s:%s:/nonexistent", dir, from);
  copy_plugin ("good", dir, "good", 0755);
  copy_plugin ("good", dir, "liar", 0755);
  start (&fixture, "", both, NULL);
  fixture_assert_state (&fixture, "liar", "broken: the file holds plugin good: call it good.so");
  g_autofree char *mine = g_build_filename (dir, "good.so", NULL);
  g_assert_cmpstr (fixture_plugin (&fixture, "good")->file, ==, mine);
  guint n_shadowed = 0;
  for (guint i = 0; i < fixture.engine->registry->plugins->len; i++) {
    const IkePlugin *plugin = g_ptr_array_index (fixture.engine->registry->plugins, i);
    n_shadowed += strcmp (plugin->name, "good") == 0 && plugin->state == IKE_STATE_SHADOWED;
  }
  g_assert_cmpuint (n_shadowed, ==, 1);
  fixture_clear (&fixture);
  remove_dir (dir);
}

static void
test_owner (void)
{
  Fixture fixture;
  g_autofree char *dir = g_dir_make_tmp ("ike-loader-XXXXXX", NULL);
  copy_plugin ("good", dir, "good", 0757);
  copy_plugin ("twin-a", dir, "twin-a", 0755);
  g_autofree char *twin = g_build_filename (dir, "twin-a.so", NULL);
  gboolean is_root = geteuid () == 0;
  if (is_root)
    g_assert_cmpint (chown (twin, 65534, 65534), ==, 0);
  start (&fixture, "", dir, NULL);
  fixture_assert_state (&fixture, "good", "broken: the file can be written by everybody*");
  fixture_assert_state (&fixture, "twin-a",
                        is_root ? "broken: the file belongs to user 65534*" : "ready: ");
  fixture_clear (&fixture);
  g_assert_cmpint (g_chmod (dir, 0777), ==, 0);
  copy_plugin ("good", dir, "good", 0755);
  start (&fixture, "", dir, NULL);
  fixture_assert_state (&fixture, "good",
                        is_root ? "broken: its directory can be written by everybody*" : "ready: ");
  fixture_clear (&fixture);
  remove_dir (dir);
}

/* A plugin file cut, zeroed or changed at any place is refused or read; it never makes the
 * reader fall. */
static void
test_damaged (void)
{
  gsize len;
  g_autofree char *bytes = NULL, *dir = fixture_dir (),
                  *path = g_build_filename (dir, "good.so", NULL);
  g_assert_true (g_file_get_contents (path, &bytes, &len, NULL));
  g_autofree char *name = NULL;
  int fd = g_file_open_tmp ("ike-note-XXXXXX", &name, NULL);
  guint n_refused = 0;
  for (guint i = 0; i < 2000; i++) {
    IkePluginNote note;
    g_autofree char *copy = g_memdup2 (bytes, len);
    gsize cut = i % 3 == 0 ? (gsize) g_test_rand_int_range (0, (int) MIN (len, 8192)) : len;
    for (guint k = 0; k < 6; k++)
      copy[g_test_rand_int_range (0, k < 3 ? 64 : 1024)] = (char) g_test_rand_int ();
    g_assert_cmpint (ftruncate (fd, 0), ==, 0);
    g_assert_cmpint (pwrite (fd, copy, cut, 0), ==, (gssize) cut);
    n_refused += !ike_note_read (fd, &note, NULL);
  }
  g_assert_cmpuint (n_refused, >, 500);
  close (fd);
  g_remove (name);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/loader/every-plugin-and-feature-has-one-state-with-a-reason", test_states);
  g_test_add_func ("/loader/what-is-disabled-or-stale-is-never-opened", test_never_opened);
  g_test_add_func ("/loader/two-engines-have-an-instance-each", test_instances);
  g_test_add_func ("/loader/a-plugin-that-fails-leaves-nothing-behind",
                   test_failure_leaves_nothing);
  g_test_add_func ("/loader/the-explanation-is-one-sentence", test_explain);
  g_test_add_func ("/loader/options-of-absent-plugins-are-known", test_options_of_absent);
  g_test_add_func ("/loader/who-makes-the-engine-chooses", test_choice);
  g_test_add_func ("/loader/what-harms-loads-only-for-tests", test_for_tests);
  g_test_add_func ("/loader/directories-come-in-their-order", test_two_directories);
  g_test_add_func ("/loader/what-others-can-write-is-refused", test_owner);
  g_test_add_func ("/loader/a-damaged-file-is-refused", test_damaged);
  return g_test_run ();
}
