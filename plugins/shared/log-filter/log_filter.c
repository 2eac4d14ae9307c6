/* SPDX-License-Identifier: Apache-2.0 */
/* log_filter.c - parses and applies the level and group filter that the log sinks share. */
#include <string.h>
#include <ikebana/error.h>
#include <ikebana/tree.h>
#include "log_filter.h"

static const char *const level_names[] = { "error", "notice", "info", "debug", "none", NULL };

enum { LEVEL_NONE = 4 };

const char *
log_level_name (guint32 level)
{
  return level < LEVEL_NONE ? level_names[level] : "debug";
}

static gboolean
parse_level (const char *text, int *level, GError **error)
{
  const char *near;
  for (int i = 0; level_names[i] != NULL; i++) {
    if (g_ascii_strcasecmp (text, level_names[i]) == 0) {
      *level = i == LEVEL_NONE ? -1 : i;
      return TRUE;
    }
  }
  near = ike_nearest (text, level_names);
  g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
               "\"%s\" is no log level%s%s%s; use error, notice, info, debug or none", text,
               near != NULL ? " (did you mean " : "", near != NULL ? near : "",
               near != NULL ? "?)" : "");
  return FALSE;
}

static gboolean
parse_group (LogFilter *filter, const char *item, GError **error)
{
  const char *equals = strchr (item, '=');
  LogFilterGroup *group = &filter->groups[filter->n_groups];
  g_autofree char *name = NULL, *level = NULL;
  if (equals == NULL || equals == item) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "\"%s\" is no group filter; write GROUP=LEVEL",
                 item);
    return FALSE;
  }
  if (filter->n_groups == LOG_FILTER_GROUPS_MAX) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "more than %d group filters",
                 LOG_FILTER_GROUPS_MAX);
    return FALSE;
  }
  name = g_strstrip (g_strndup (item, (gsize) (equals - item)));
  level = g_strstrip (g_strdup (equals + 1));
  if (g_strlcpy (group->name, name, sizeof group->name) >= sizeof group->name) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "the group name \"%s\" is too long", name);
    return FALSE;
  }
  if (!parse_level (level, &group->level, error))
    return FALSE;
  filter->n_groups++;
  return TRUE;
}

gboolean
log_filter_parse (LogFilter *filter, const char *level, const char *groups, GError **error)
{
  g_auto (GStrv) items = NULL;
  memset (filter, 0, sizeof *filter);
  if (!parse_level (level, &filter->level, error))
    return FALSE;
  items = g_strsplit (groups != NULL ? groups : "", ",", -1);
  for (guint i = 0; items[i] != NULL; i++) {
    g_strstrip (items[i]);
    if (items[i][0] != 0 && !parse_group (filter, items[i], error))
      return FALSE;
  }
  return TRUE;
}

gboolean
log_filter_wants (const LogFilter *filter, const IkeLogRecord *record)
{
  int level = filter->level;
  for (guint i = 0; i < filter->n_groups && record->group != NULL; i++) {
    if (strcmp (filter->groups[i].name, record->group) == 0)
      level = filter->groups[i].level;
  }
  return (gint64) record->level <= level;
}

void
log_append_text (GString *out, const char *text)
{
  for (const guchar *p = (const guchar *) text; p != NULL && *p != 0; p++) {
    if (*p < 0x20 || *p == 0x7f)
      g_string_append_printf (out, "\\x%02x", *p);
    else
      g_string_append_c (out, (char) *p);
  }
}
