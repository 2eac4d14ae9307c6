/* SPDX-License-Identifier: Apache-2.0 */
/* test_reload.c - log files of a real engine, rotated by renaming: a reload, which SIGHUP asks for,
 * opens them anew. */
#include <glib/gstdio.h>
#include <string.h>
#include <ikebana/engine.h>
#include <ikebana/model.h>

typedef struct {
  char      *directory, *log, *rotated, *settings;
  IkeEngine *engine;
} Fixture;

static void
write_settings (Fixture *fixture, const char *path)
{
  g_autofree char *text = g_strdup_printf (
      "plugins { log-file { critical = yes\n path = %s\n time_format = \"\"\n }\n"
      "absent { load = yes }\n }\n", path);
  g_assert_true (g_file_set_contents (fixture->settings, text, -1, NULL));
}

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  static const char *const plugins[] = { "log-file", NULL };
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *plugin_dir =
      g_build_filename (top != NULL ? top : "..", "plugins", ".libs", NULL);
  IkeEngineOptions options = { .struct_size = sizeof options, .n_shards = 1,
                               .plugin_dir = plugin_dir, .plugins = plugins };
  g_autoptr (GError) error = NULL;
  fixture->directory = g_dir_make_tmp ("ikebana-log-XXXXXX", NULL);
  fixture->log = g_build_filename (fixture->directory, "log", NULL);
  fixture->rotated = g_build_filename (fixture->directory, "log.1", NULL);
  fixture->settings = g_build_filename (fixture->directory, "settings", NULL);
  write_settings (fixture, fixture->log);
  options.config_file = fixture->settings;
  fixture->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (fixture->engine, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  g_unlink (fixture->log);
  g_unlink (fixture->rotated);
  g_unlink (fixture->settings);
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0);
  g_free (fixture->directory);
  g_free (fixture->log);
  g_free (fixture->rotated);
  g_free (fixture->settings);
}

static void
say (Fixture *fixture, const char *text)
{
  ike_log_text (fixture->engine, IKE_LOG_NOTICE, "test", NULL, text);
}

/* The engine writes all that was said until it is gone. */
static void
assert_written (const char *file, const char *there, const char *not_there)
{
  g_autofree char *text = NULL;
  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, there));
  g_assert_null (strstr (text, not_there));
}

static void
test_rotate (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  say (fixture, "the first day");
  g_assert_cmpint (g_rename (fixture->log, fixture->rotated), ==, 0);
  ike_tree_free (ike_engine_reload (fixture->engine, FALSE, &error));
  g_assert_no_error (error);
  say (fixture, "the second day");
  ike_engine_free (fixture->engine);
  assert_written (fixture->rotated, "the first day", "the second day");
  assert_written (fixture->log, "the second day", "the first day");
}

/* Before any file was open. */
static void
test_start (Fixture *fixture, gconstpointer unused)
{
  ike_engine_free (fixture->engine);
  assert_written (fixture->log, "plugin absent is not installed", "the first day");
}

/* A dry run changes over to nothing. */
static void
test_dry_run (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (g_rename (fixture->log, fixture->rotated), ==, 0);
  ike_tree_free (ike_engine_reload (fixture->engine, TRUE, &error));
  g_assert_no_error (error);
  say (fixture, "the first day");
  ike_engine_free (fixture->engine);
  assert_written (fixture->rotated, "the first day", "the second day");
}

/* A file that cannot be opened: the reload is refused, and the old one is written on. */
static void
test_refused (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (fixture->directory, "no", "such", "log", NULL);
  write_settings (fixture, path);
  g_assert_null (ike_engine_reload (fixture->engine, FALSE, &error));
  g_assert_nonnull (strstr (error->message, path));
  say (fixture, "the first day");
  ike_engine_free (fixture->engine);
  assert_written (fixture->log, "the first day", "the second day");
}

#define ADD(name, function)                                                                        \
  g_test_add ("/log-file/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("why-a-plugin-is-not-there-is-in-the-log", test_start);
  ADD ("a-renamed-file-is-followed-by-a-new-one", test_rotate);
  ADD ("a-dry-run-changes-over-to-nothing", test_dry_run);
  ADD ("a-reload-that-cannot-open-is-refused", test_refused);
  return g_test_run ();
}
