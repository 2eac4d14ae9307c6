/* SPDX-License-Identifier: Apache-2.0 */
/* test_reload.c - settings that change while the daemon runs: what is wrong is refused, and what is
 * right is said to count later. */
#include <glib/gstdio.h>
#include <ikebana/engine.h>
#include <ikebana/model.h>
#include <string.h>

#define SERVER "plugins { radius { servers { a { address = 192.0.2.1\n secret = "

typedef struct {
  IkeSim *sim;
  IkeEngine *engine;
  char *directory, *settings;
  guint n_said;
} Fixture;

static void
heard (const IkeLogRecord *record, gpointer data)
{
  Fixture *fixture = data;

  g_assert_null (strstr (record->text, "swordfish"));
  fixture->n_said += strstr (record->text, "plugins.radius has changed") != NULL;
}

static void
write_settings (Fixture *fixture, const char *text)
{
  g_assert_true (g_file_set_contents (fixture->settings, text, -1, NULL));
}

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  static const char *const plugins[] = { "radius", NULL };
  g_autofree char *plugin_dir =
      g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", ".libs", NULL);
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .n_shards = 1,
                               .plugin_dir = plugin_dir,
                               .plugins = plugins,
                               .log_fallback = heard,
                               .log_data = fixture };
  g_autoptr (GError) error = NULL;

  fixture->directory = g_dir_make_tmp ("ikebana-radius-XXXXXX", NULL);
  fixture->settings = g_build_filename (fixture->directory, "settings", NULL);
  write_settings (fixture, SERVER "swordfish } } } }\n");
  options.config_file = fixture->settings;
  options.sim = fixture->sim = ike_sim_new (1);
  fixture->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (fixture->engine, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  ike_engine_free (fixture->engine);
  ike_sim_free (fixture->sim);
  g_unlink (fixture->settings);
  g_rmdir (fixture->directory);
  g_free (fixture->settings);
  g_free (fixture->directory);
}

static void
reload (Fixture *fixture, GError **error)
{
  ike_tree_free (ike_engine_reload (fixture->engine, FALSE, error));
  ike_sim_settle (fixture->sim);
}

static void
test_same (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  reload (fixture, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (fixture->n_said, ==, 0);
}

static void
test_changed (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  write_settings (fixture, SERVER "swordfish2 } } } }\n");
  reload (fixture, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (fixture->n_said, ==, 1);
}

/* Not a secret, and deep in it. */
static void
test_little_changed (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  write_settings (fixture, SERVER "swordfish\n groups = x } } } }\n");
  reload (fixture, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (fixture->n_said, ==, 1);
}

static void
test_wrong (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  write_settings (fixture, SERVER "swordfish\n port = none } } } }\n");
  reload (fixture, &error);
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, "settings:3"));
  g_assert_nonnull (strstr (error->message, "plugins.radius.servers.a.port"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
  g_test_add ("/radius/reload/" path, Fixture, NULL, set_up, function, tear_down)
  ADD ("nothing-changed", test_same);
  ADD ("what-changed-counts-later", test_changed);
  ADD ("however-little-it-is", test_little_changed);
  ADD ("what-is-wrong-is-refused", test_wrong);
  return g_test_run ();
}
