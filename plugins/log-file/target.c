/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - formats records as lines and writes them in batches to one file or to standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <ikebana/error.h>
#include "target.h"

enum { BUFFER_MAX = 64 * 1024 };

struct _LogTarget {
  int       fd;
  LogFilter filter;
  char     *time_format;
  gboolean  is_utc, has_milliseconds;
  GString  *buffer;
  guint64   lost;
};

/* O_NONBLOCK: a pipe that nobody reads is an error at once, instead of a daemon that does not
 * start. */
static int
open_file (const LogTargetOptions *options, GError **error)
{
  int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_APPEND;
  int fd;
  if (options->path[0] != '/') {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "log file \"%s\": give an absolute path, or \"stderr\"", options->path);
    return -1;
  }
  fd = open (options->path, options->appends ? flags : flags | O_TRUNC, 0640);
  if (fd < 0)
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot open log file %s: %s", options->path,
                 g_strerror (errno));
  return fd;
}

LogTarget *
log_target_new (const LogTargetOptions *options, GError **error)
{
  LogFilter filter;
  LogTarget *target;
  int fd;
  if (!log_filter_parse (&filter, options->level, options->groups, error)) {
    g_prefix_error (error, "log file %s: ", options->path);
    return NULL;
  }
  if (strcmp (options->path, "stderr") == 0)
    fd = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  else
    fd = open_file (options, error);
  if (fd < 0) {
    if (error != NULL && *error == NULL)
      g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot log to standard error: %s",
                   g_strerror (errno));
    return NULL;
  }
  target = g_new0 (LogTarget, 1);
  target->fd = fd;
  target->filter = filter;
  target->time_format = g_strdup (options->time_format);
  target->is_utc = options->is_utc;
  target->has_milliseconds = options->has_milliseconds;
  target->buffer = g_string_sized_new (1024);
  return target;
}

void
log_target_free (LogTarget *target)
{
  if (target == NULL)
    return;
  log_target_flush (target);
  close (target->fd);
  g_free (target->time_format);
  g_string_free (target->buffer, TRUE);
  g_free (target);
}

guint64
log_target_lost (const LogTarget *target)
{
  return target->lost;
}

static void
append_time (LogTarget *target, gint64 time_us)
{
  time_t seconds = (time_t) (time_us / G_USEC_PER_SEC);
  struct tm tm = { 0 };
  char text[128];
  if (target->time_format == NULL || target->time_format[0] == 0)
    return;
  if (target->is_utc)
    gmtime_r (&seconds, &tm);
  else
    localtime_r (&seconds, &tm);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"   /* the operator's format is the point */
  if (strftime (text, sizeof text, target->time_format, &tm) == 0)
    return;
#pragma GCC diagnostic pop
  g_string_append (target->buffer, text);
  if (target->has_milliseconds)
    g_string_append_printf (target->buffer, ".%03d", (int) (time_us / 1000 % 1000));
  g_string_append_c (target->buffer, ' ');
}

void
log_target_write (LogTarget *target, const IkeLogRecord *record)
{
  if (!log_filter_wants (&target->filter, record))
    return;
  append_time (target, record->time_us);
  g_string_append_printf (target->buffer, "%s [%s] ", log_level_name (record->level),
                          record->group != NULL ? record->group : "core");
  if (record->subject != NULL) {
    log_append_text (target->buffer, record->subject);
    g_string_append (target->buffer, ": ");
  }
  log_append_text (target->buffer, record->text);
  g_string_append_c (target->buffer, '\n');
  if (target->buffer->len >= BUFFER_MAX)
    log_target_flush (target);
}

/* What a full disk or a full pipe does not take is lost and counted: the observer never waits. */
void
log_target_flush (LogTarget *target)
{
  gsize done = 0;
  while (done < target->buffer->len) {
    ssize_t n = write (target->fd, target->buffer->str + done, target->buffer->len - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      target->lost += target->buffer->len - done;
      break;
    }
    done += (gsize) n;
  }
  g_string_truncate (target->buffer, 0);
}
