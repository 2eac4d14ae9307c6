/* SPDX-License-Identifier: Apache-2.0 */
/* log_filter.h - which records a log sink writes: one level, and levels of its own for some groups.
 *
 * "net=debug, ike=info, plugin=none": what is not named gets the general level.  The filter is a value; parsing it
 * is the only thing that can fail. */
#pragma once
#include <ikebana/log.h>

enum { LOG_FILTER_GROUPS_MAX = 32 };

typedef struct {
  char name[32];
  int  level;                                 /* IkeLogLevel, or -1: nothing */
} LogFilterGroup;

typedef struct {
  int            level;
  guint          n_groups;
  LogFilterGroup groups[LOG_FILTER_GROUPS_MAX];
} LogFilter;

/* @level: "error" … "debug" or "none".  @groups: as above, NULL or "" for none.  @error says what is wrong. Any
 * thread. */
gboolean log_filter_parse (LogFilter *filter, const char *level, const char *groups, GError **error);
gboolean log_filter_wants (const LogFilter *filter, const IkeLogRecord *record);
const char *log_level_name (guint32 level);
/* Appends the text of @record with its subject; what is not printable, and so could act on a terminal, as \xNN. */
void log_append_text (GString *out, const char *text);
