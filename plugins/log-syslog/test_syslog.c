/* SPDX-License-Identifier: Apache-2.0 */
/* test_syslog.c - a datagram socket in the place of /dev/log, and what a real engine sends to it.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <ikebana/engine.h>
#include <ikebana/model.h>

typedef struct {
  char      *directory, *socket, *settings;
  int        fd;
  IkeEngine *engine;
} Fixture;

static void
listen_at (Fixture *fixture)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_strlcpy (address.sun_path, fixture->socket, sizeof address.sun_path);
  fixture->fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  g_assert_cmpint (fixture->fd, >=, 0);
  g_assert_cmpint (bind (fixture->fd, (struct sockaddr *) &address, sizeof address), ==, 0);
}

static void
write_settings (Fixture *fixture, const char *more)
{
  g_autofree char *text = g_strdup_printf (
      "plugins { log-syslog { load = yes\n critical = yes\n socket = %s\n%s\n } }\n",
      fixture->socket, more);
  g_assert_true (g_file_set_contents (fixture->settings, text, -1, NULL));
}

static void
set_up (Fixture *fixture, gconstpointer settings)
{
  static const char *const plugins[] = { "log-syslog", NULL };
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *plugin_dir =
      g_build_filename (top != NULL ? top : "..", "plugins", ".libs", NULL);
  IkeEngineOptions options = { .struct_size = sizeof options, .n_shards = 1,
                               .plugin_dir = plugin_dir, .plugins = plugins };
  g_autoptr (GError) error = NULL;
  fixture->directory = g_dir_make_tmp ("ikebana-syslog-XXXXXX", NULL);
  fixture->socket = g_build_filename (fixture->directory, "log", NULL);
  fixture->settings = g_build_filename (fixture->directory, "settings", NULL);
  listen_at (fixture);
  write_settings (fixture, settings);
  options.config_file = fixture->settings;
  fixture->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (fixture->engine, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer settings)
{
  ike_engine_free (fixture->engine);
  close (fixture->fd);
  g_unlink (fixture->socket);
  g_unlink (fixture->settings);
  g_rmdir (fixture->directory);
  g_free (fixture->directory);
  g_free (fixture->socket);
  g_free (fixture->settings);
}

/* The next line with @group in it. */
static char *
receive (Fixture *fixture, const char *group)
{
  gint64 deadline = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;
  g_autofree char *wanted = g_strdup_printf (": [%s] ", group);
  char line[4096];
  while (g_get_monotonic_time () < deadline) {
    GPollFD poll = { .fd = fixture->fd, .events = G_IO_IN };
    ssize_t n = recv (fixture->fd, line, sizeof line - 1, 0);
    if (n < 0)
      g_poll (&poll, 1, 100);
    line[MAX (n, 0)] = 0;
    if (strstr (line, wanted) != NULL)
      return g_strdup (line);
  }
  g_error ("no line of %s came", group);
}

/* Behind what was logged before: these come in order. */
static void
assert_last (Fixture *fixture, const char *group, const char *text)
{
  g_autofree char *line = receive (fixture, group);
  if (!g_str_has_suffix (line, text))
    g_error ("expected \"… %s\", got \"%s\"", text, line);
}

static void
test_lines (Fixture *fixture, gconstpointer settings)
{
  g_autofree char *line = NULL, *head = g_strdup_printf (" gate[%d]: [test] ", (int) getpid ());
  ike_log_text (fixture->engine, IKE_LOG_INFO, "test", NULL, "too much detail");
  ike_log_text (fixture->engine, IKE_LOG_ERROR, "test", "home[1]", "red\033[31m\nline %s");
  line = receive (fixture, "test");
  /* local0 is 16, an error 3. */
  g_assert_true (g_str_has_prefix (line, "<131>"));
  g_assert_nonnull (strstr (line, head));
  g_assert_true (g_str_has_suffix (line, "home[1]: red\\x1b[31m\\x0aline %s"));
  ike_log_text (fixture->engine, IKE_LOG_INFO, "chatty", NULL, "this one");
  assert_last (fixture, "chatty", "this one");
}

static void
test_long_line (Fixture *fixture, gconstpointer settings)
{
  g_autofree char *text = g_strnfill (100000, 'x'), *line = NULL;
  ike_log_text (fixture->engine, IKE_LOG_NOTICE, "test", NULL, text);
  line = receive (fixture, "test");
  g_assert_cmpuint (strlen (line), ==, 2048);
}

/* It was restarted: the next line finds its new socket, and what came between is counted. */
static void
test_restart (Fixture *fixture, gconstpointer settings)
{
  gint64 deadline = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;
  ike_log_text (fixture->engine, IKE_LOG_NOTICE, "test", NULL, "before");
  assert_last (fixture, "test", "before");
  close (fixture->fd);
  g_unlink (fixture->socket);
  ike_log_text (fixture->engine, IKE_LOG_NOTICE, "test", NULL, "lost");
  while (ike_counter_get (fixture->engine, "log-syslog.lost") == 0)
    g_assert_cmpint (g_get_monotonic_time (), <, deadline);
  listen_at (fixture);
  ike_log_text (fixture->engine, IKE_LOG_NOTICE, "test", NULL, "after");
  assert_last (fixture, "test", "after");
}

static void
test_reload (Fixture *fixture, gconstpointer settings)
{
  g_autoptr (GError) error = NULL;
  ike_log_text (fixture->engine, IKE_LOG_INFO, "test", NULL, "unheard");
  write_settings (fixture, "level = info");
  ike_tree_free (ike_engine_reload (fixture->engine, FALSE, &error));
  g_assert_no_error (error);
  ike_log_text (fixture->engine, IKE_LOG_INFO, "test", NULL, "heard");
  assert_last (fixture, "test", "heard");
  write_settings (fixture, "groups = nonsense");
  g_assert_null (ike_engine_reload (fixture->engine, FALSE, &error));
  g_assert_nonnull (error);
  ike_log_text (fixture->engine, IKE_LOG_INFO, "test", NULL, "still");
  assert_last (fixture, "test", "still");
}

#define ADD(name, settings, function)                                                              \
  g_test_add ("/syslog/" name, Fixture, settings, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("lines-are-escaped-and-have-their-level",
       "facility = local0\n ident = gate\n groups = \"chatty=info\"", test_lines);
  ADD ("lines-are-cut", "", test_long_line);
  ADD ("a-syslog-daemon-may-be-restarted", "", test_restart);
  ADD ("a-reload-sets-the-level", "", test_reload);
  return g_test_run ();
}
