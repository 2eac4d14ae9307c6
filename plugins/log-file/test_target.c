/* SPDX-License-Identifier: Apache-2.0 */
/* test_target.c - log files: filters, formats, appending, and what cannot be written. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "target.h"

typedef struct { char *directory, *path; } Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = g_dir_make_tmp ("ikebana-log-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->directory, "log", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_unlink (fixture->path);
  g_rmdir (fixture->directory);
  g_free (fixture->path);
  g_free (fixture->directory);
}

static LogTarget *
open_target (Fixture *fixture, const char *level, const char *groups, const char *time_format,
             gboolean appends)
{
  g_autoptr (GError) error = NULL;
  LogTargetOptions options = { fixture->path, level, groups, time_format, TRUE, FALSE, appends };
  LogTarget *target = log_target_new (&options, &error);
  g_assert_no_error (error);
  return target;
}

static void
put (LogTarget *target, guint32 level, const char *group, const char *subject, const char *text)
{
  IkeLogRecord record = { sizeof record, level,   G_GINT64_CONSTANT (86400123456),
                          group,         subject, text };
  log_target_write (target, &record);
}

static void
assert_content (Fixture *fixture, const char *expected)
{
  g_autofree char *content = NULL;
  g_assert_true (g_file_get_contents (fixture->path, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, expected);
}

static void
test_format (Fixture *fixture, gconstpointer data)
{
  LogTarget *target = open_target (fixture, "debug", "", "%Y-%m-%d %H:%M:%S", TRUE);
  struct stat status;
  put (target, IKE_LOG_NOTICE, "ike", "home[1]", "established");
  put (target, IKE_LOG_DEBUG, "net", NULL, "a packet");
  log_target_free (target);
  assert_content (fixture, "1970-01-02 00:00:00 notice [ike] home[1]: established\n"
                           "1970-01-02 00:00:00 debug [net] a packet\n");
  g_assert_cmpint (stat (fixture->path, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 07, ==, 0);
}

static void
test_milliseconds (Fixture *fixture, gconstpointer data)
{
  LogTargetOptions options = { fixture->path, "info", NULL, "%S", TRUE, TRUE, TRUE };
  LogTarget *target = log_target_new (&options, NULL);
  put (target, IKE_LOG_INFO, "ike", NULL, "x");
  log_target_free (target);
  assert_content (fixture, "00.123 info [ike] x\n");
}

static void
test_filter (Fixture *fixture, gconstpointer data)
{
  LogTarget *target = open_target (fixture, "notice", "net=debug, config = none", "", TRUE);
  put (target, IKE_LOG_INFO, "ike", NULL, "too detailed");
  put (target, IKE_LOG_DEBUG, "net", NULL, "wanted");
  put (target, IKE_LOG_ERROR, "config", NULL, "silenced");
  put (target, IKE_LOG_ERROR, NULL, NULL, "no group");
  log_target_free (target);
  assert_content (fixture, "debug [net] wanted\nerror [core] no group\n");
}

static void
test_control_characters (Fixture *fixture, gconstpointer data)
{
  LogTarget *target = open_target (fixture, "notice", "", "", TRUE);
  put (target, IKE_LOG_ERROR, "ike", "a\nb", "x\033[31m\ny\x7f");
  log_target_free (target);
  assert_content (fixture, "error [ike] a\\x0ab: x\\x1b[31m\\x0ay\\x7f\n");
}

static void
test_append (Fixture *fixture, gconstpointer data)
{
  LogTarget *target = open_target (fixture, "notice", "", "", TRUE);
  put (target, IKE_LOG_ERROR, "a", NULL, "1");
  log_target_free (target);
  target = open_target (fixture, "notice", "", "", TRUE);
  put (target, IKE_LOG_ERROR, "a", NULL, "2");
  log_target_free (target);
  assert_content (fixture, "error [a] 1\nerror [a] 2\n");
  target = open_target (fixture, "notice", "", "", FALSE);
  put (target, IKE_LOG_ERROR, "a", NULL, "3");
  log_target_free (target);
  assert_content (fixture, "error [a] 3\n");
}

static void
test_full_disk (Fixture *fixture, gconstpointer data)
{
  LogTargetOptions options = { "/dev/full", "notice", "", "", TRUE, FALSE, TRUE };
  LogTarget *target = log_target_new (&options, NULL);
  g_assert_nonnull (target);
  put (target, IKE_LOG_ERROR, "a", NULL, "1");
  log_target_flush (target);
  g_assert_cmpuint (log_target_lost (target), ==, strlen ("error [a] 1\n"));
  log_target_free (target);
}

static void
assert_refused (const LogTargetOptions *options, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (log_target_new (options, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, words));
}

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  LogTargetOptions options = { fixture->path, "notise", "", "", TRUE, FALSE, TRUE };
  g_autofree char *missing = g_build_filename (fixture->directory, "missing", "log", NULL);
  assert_refused (&options, "did you mean notice");
  options.level = "notice";
  options.groups = "net";
  assert_refused (&options, "GROUP=LEVEL");
  options.groups = "net=loud";
  assert_refused (&options, "no log level");
  options.groups = "";
  options.path = "relative";
  assert_refused (&options, "absolute path");
  options.path = missing;
  assert_refused (&options, "cannot open log file");
}

static void
test_pipe_without_reader (Fixture *fixture, gconstpointer data)
{
  LogTargetOptions options = { fixture->path, "notice", "", "", TRUE, FALSE, TRUE };
  g_assert_cmpint (mkfifo (fixture->path, 0600), ==, 0);
  assert_refused (&options, "cannot open log file");
}

#define ADD(name, function)                                                                        \
  g_test_add ("/log-file/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("lines-have-time-level-group-subject-and-text", test_format);
  ADD ("milliseconds-come-from-the-record", test_milliseconds);
  ADD ("a-groups-level-wins-over-the-general-one", test_filter);
  ADD ("control-characters-never-reach-the-file", test_control_characters);
  ADD ("a-file-is-appended-to-or-emptied", test_append);
  ADD ("what-a-full-disk-does-not-take-is-counted", test_full_disk);
  ADD ("a-wrong-option-is-refused-with-a-sentence", test_refused);
  ADD ("a-pipe-without-a-reader-is-an-error-and-no-wait", test_pipe_without_reader);
  return g_test_run ();
}
