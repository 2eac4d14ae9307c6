/* SPDX-License-Identifier: Apache-2.0 */
/* target.h - one place that log lines are written to: a file, or standard error. */
#pragma once
#include <ikebana/log.h>
#include "../shared/log-filter/log_filter.h"

typedef struct {
  const char *path;                           /* absolute, or "stderr" */
  const char *level, *groups;
  const char *time_format;                    /* of strftime; "" for none */
  gboolean    is_utc, has_milliseconds, appends;
} LogTargetOptions;

typedef struct _LogTarget LogTarget;

/* Opens the file (made with mode 0640).  Control. */
LogTarget *log_target_new   (const LogTargetOptions *options, GError **error);
void       log_target_free  (LogTarget *target);             /* writes what is buffered; NULL is fine */
/* Observer, or whoever owns the target: */
void       log_target_write (LogTarget *target, const IkeLogRecord *record);
void       log_target_flush (LogTarget *target);
guint64    log_target_lost  (const LogTarget *target);       /* bytes that could not be written */
