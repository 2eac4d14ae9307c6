/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - sentences for people.
 *
 * Levels: error (the operator must act), notice (the state of an SA), info (an exchange), debug (a payload).  A record
 * goes to the observer thread, where the log sinks (features `log-sink:…`) write it; a slow sink loses records,
 * counted. Secrets never; strings from a peer through ike_escape(). */
#pragma once
#include <stdarg.h>
#include <ikebana/defs.h>

IKE_BEGIN_DECLS

typedef enum { IKE_LOG_ERROR, IKE_LOG_NOTICE, IKE_LOG_INFO, IKE_LOG_DEBUG } IkeLogLevel;

typedef struct {
  guint32     struct_size;
  guint32     level;                          /* IkeLogLevel */
  gint64      time_us;                        /* wall clock, microseconds since 1970; the engine's clock */
  const char *group;                          /* "ike", "net", "config", … or the plugin's name */
  const char *subject;                        /* connection and SA ("home[3]"), or NULL */
  const char *text;                           /* one line, no newline */
} IkeLogRecord;

/* Kind `log-sink`.  Called on the observer thread, one at a time. */
typedef struct {
  guint32  struct_size;
  void   (*write) (IkePlugin *self, const IkeLogRecord *record);
  void   (*flush) (IkePlugin *self);          /* may be NULL: after a batch of records */
} IkeLogSinkClass;

/* Any thread.  Copies. Rate-limited per group for levels below notice that a peer can cause (see engine.h). */
void     ike_log_text  (IkeEngine *engine, guint32 level, const char *group, const char *subject, const char *text);
gboolean ike_log_wants (IkeEngine *engine, guint32 level, const char *group);
/* ike_log() for an SA: the subject is its connection's name and number. Owner shard. */
void     ike_sa_log_text (IkeSa *sa, guint32 level, const char *group, const char *text);

static inline void ike_log (IkeEngine *engine, guint32 level, const char *group, const char *format, ...)
  G_GNUC_PRINTF (4, 5);

static inline void
ike_log (IkeEngine *engine, guint32 level, const char *group, const char *format, ...)
{
  char text[1024];
  va_list args;
  if (!ike_log_wants (engine, level, group))
    return;
  va_start (args, format);
  g_vsnprintf (text, sizeof text, format, args);
  va_end (args);
  ike_log_text (engine, level, group, NULL, text);
}

IKE_END_DECLS
