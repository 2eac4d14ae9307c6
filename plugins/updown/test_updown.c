/* SPDX-License-Identifier: Apache-2.0 */
/* test_updown.c - programs that a real engine runs: in order, with their environment, and to their
 * end. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ikebana/bus.h>
#include <ikebana/engine.h>
#include <ikebana/tree.h>

typedef struct {
  char      *directory, *program, *output;
  IkeEngine *engine;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autofree char *script = NULL;
  fixture->directory = g_dir_make_tmp ("ikebana-updown-XXXXXX", NULL);
  fixture->program = g_build_filename (fixture->directory, "program", NULL);
  fixture->output = g_build_filename (fixture->directory, "output", NULL);
  script =
      g_strdup_printf ("#!/bin/sh\necho \"$1 $PLUTO_VERB $PLUTO_PEER $PLUTO_PEER_ID.\" >> %s\n%s\n",
                       fixture->output, (const char *) data);
  g_assert_true (g_file_set_contents (fixture->program, script, -1, NULL));
  g_assert_cmpint (g_chmod (fixture->program, 0700), ==, 0);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_unlink (fixture->program);
  g_unlink (fixture->output);
  g_rmdir (fixture->directory);
  g_free (fixture->directory);
  g_free (fixture->program);
  g_free (fixture->output);
}

static void
emit (Fixture *fixture, const char *name, const char *id)
{
  IkeTree *body = ike_tree_new_section (), *ike = ike_tree_add_section (body, "ike");
  ike_tree_set_string (body, "connection", "home");
  ike_tree_set_string (body, "child", "net");
  ike_tree_set_format (body, "updown", "%s word", fixture->program);
  ike_tree_set_string (ike, "local-host", "192.0.2.1");
  ike_tree_set_string (ike, "remote-host", "192.0.2.2");
  ike_tree_set_string (ike, "remote-id", id);
  ike_tree_set_string (ike_tree_add_list (body, "local-ts"), NULL, "10.1.0.0/16");
  ike_tree_set_string (ike_tree_add_list (body, "remote-ts"), NULL, "10.2.0.0/16");
  ike_event_emit (fixture->engine, ike_event_new (fixture->engine, name, body));
}

static void
start (Fixture *fixture, const char *settings,
       void (*heard) (const IkeLogRecord *record, gpointer data), gpointer data)
{
  static const char *const plugins[] = { "updown", NULL };
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *plugin_dir =
      g_build_filename (top != NULL ? top : "..", "plugins", ".libs", NULL);
  IkeEngineOptions options = { .struct_size = sizeof options, .settings = settings, .n_shards = 1,
                               .plugin_dir = plugin_dir, .plugins = plugins,
                               .log_fallback = heard, .log_data = data };
  g_autoptr (GError) error = NULL;
  fixture->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (fixture->engine, &error);
  g_assert_no_error (error);
}

/* The engine ends at once: what was asked for until then is run, in order, before it is gone. */
static void
run (Fixture *fixture, const char *const *events, const char *settings)
{
  start (fixture, settings, NULL, NULL);
  for (guint i = 0; events[i] != NULL; i++)
    emit (fixture, events[i], "sun; reboot");
  ike_engine_quit (fixture->engine);
  ike_engine_run (fixture->engine);
  ike_engine_free (fixture->engine);
}

static void
test_order (Fixture *fixture, gconstpointer data)
{
  static const char *const events[] = { "child-up", "child-down", "ike-down", "child-up", NULL };
  g_autofree char *output = NULL;
  run (fixture, events, "plugins { updown { critical = yes } }");
  g_assert_true (g_file_get_contents (fixture->output, &output, NULL, NULL));
  g_assert_cmpstr (
      output, ==,
      "word up-client 192.0.2.2 .\nword down-client 192.0.2.2 .\nword up-client 192.0.2.2 .\n");
}

/* What an IKE SA that is authenticated anew makes of one child. */
static void
test_twice (Fixture *fixture, gconstpointer data)
{
  static const char *const events[]
    = { "child-up", "child-up", "child-down", "child-up", "child-down", "child-down", NULL };
  g_autofree char *output = NULL;
  run (fixture, events, "plugins { updown { critical = yes } }");
  g_assert_true (g_file_get_contents (fixture->output, &output, NULL, NULL));
  g_assert_cmpstr (output, ==, "word up-client 192.0.2.2 .\nword down-client 192.0.2.2 .\n");
}

static void
test_slow (Fixture *fixture, gconstpointer data)
{
  static const char *const events[] = { "child-up", NULL };
  g_autofree char *output = NULL;
  run (fixture, events, "plugins { updown { critical = yes } }");
  g_assert_true (g_file_get_contents (fixture->output, &output, NULL, NULL));
  g_assert_cmpstr (output, ==, "word up-client 192.0.2.2 .\n");
}

/* -- a program that hangs */

typedef struct {
  Fixture *fixture;
  gint64   deadline;
  int      fifo;
  gboolean is_seen, is_gone;
} Hanging;

/* The program and its child hold the other end until they are dead. */
static void
look (gpointer data)
{
  Hanging *h = data;
  IkeEngine *engine = h->fixture->engine;
  char byte;
  ssize_t n = read (h->fifo, &byte, 1);
  h->is_seen |= n == 1;
  h->is_gone = h->is_seen && n == 0;
  if (h->is_gone || g_get_monotonic_time () > h->deadline)
    ike_engine_quit (engine);
  else
    ike_loop_timer_add (ike_engine_control (engine), 20, look, h, NULL);
}

static void
keep_line (const IkeLogRecord *record, gpointer data)
{
  if (record->level == IKE_LOG_ERROR)
    __atomic_add_fetch ((guint *) data, strstr (record->text, "is killed") != NULL,
                        __ATOMIC_RELAXED);
}

static void
begin_hanging (gpointer data)
{
  Hanging *h = data;
  emit (h->fixture, "child-up", "sun");
  look (h);
}

static void
test_hanging (Fixture *fixture, gconstpointer data)
{
  Hanging h = { .fixture = fixture,
                .deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC };
  g_autofree char *path = g_build_filename (fixture->directory, "fifo", NULL);
  guint n_said = 0;
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  h.fifo = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  g_assert_cmpint (h.fifo, >=, 0);
  start (fixture, "plugins { updown { critical = yes\n timeout = 1\n } }", keep_line, &n_said);
  ike_loop_post (ike_engine_control (fixture->engine), begin_hanging, &h, NULL);
  ike_engine_run (fixture->engine);
  ike_engine_free (fixture->engine);
  g_assert_true (h.is_seen);
  g_assert_true (h.is_gone);
  g_assert_cmpuint (n_said, ==, 1);
  close (h.fifo);
  g_unlink (path);
}

#define ADD(name, script, function)                                                                \
  g_test_add ("/updown/" name, Fixture, script, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("programs-of-one-child-run-in-order-also-at-the-end", "echo said; exit 3", test_order);
  ADD ("what-is-up-twice-is-told-once", "exit 0", test_twice);
  ADD ("a-program-that-takes-long-does-not-hold-the-end-up",
       "sleep 20; echo late >> ${0%/*}/output", test_slow);
  ADD ("a-program-that-hangs-is-killed-with-its-children",
       "exec 3> ${0%/*}/fifo; echo >&3; trap '' TERM INT; sleep 1000 & sleep 1000", test_hanging);
  return g_test_run ();
}
