/* SPDX-License-Identifier: Apache-2.0 */
/* log-file.c - plugin log-file: writes the log to files, and to standard error.
 *
 * The options of the section plugins.log-file describe one target (`path = stderr` unless changed);
 * each sub-section of `files` describes a further one with the same keys:
 *
 *     plugins { log-file { level = notice
 *                          files { net { path = /var/log/ikebana-net.log  level = none  groups =
 * net=debug } } } }
 *
 * `ikebana reload` (and SIGHUP) opens all files anew, so that they can be rotated by renaming.  A
 * reload that cannot open one of them is refused, and the old ones stay. */
#include <string.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/plugin.h>
#include <ikebana/runtime.h>
#include "target.h"

typedef struct {
  GPtrArray *targets;                         /* LogTarget; observer's once the engine runs */
  GPtrArray *next; /* opened by reload_check, not yet handed over; control's */
  guint32    lost_counter;
} LogFile;

typedef struct {
  LogFile   *state;
  GPtrArray *targets;
} Swap;

static const char *const target_keys[] = { "path", "level",        "groups", "time_format",
                                           "utc",  "milliseconds", "append", NULL };

static gboolean
check_keys (const IkeTree *section, GError **error)
{
  for (guint i = 0; i < ike_tree_n (section); i++) {
    const char *name = ike_tree_name (ike_tree_nth (section, i));
    const char *near;
    if (g_strv_contains (target_keys, name))
      continue;
    near = ike_nearest (name, target_keys);
    g_set_error (
        error, IKE_ERROR, IKE_ERROR_CONFIG, "%s: log-file has no key \"%s\" for a file%s%s%s",
        ike_tree_where (ike_tree_nth (section, i)), name, near != NULL ? "; did you mean " : "",
        near != NULL ? near : "", near != NULL ? "?" : "");
    return FALSE;
  }
  return TRUE;
}

static gboolean
open_section (IkePlugin *self, const IkeTree *section, GPtrArray *targets, GError **error)
{
  LogTargetOptions options = {
    .path = ike_tree_string (section, "path", NULL),
    .level = ike_tree_string (section, "level", ike_plugin_option (self, "level")),
    .groups = ike_tree_string (section, "groups", ""),
    .time_format =
        ike_tree_string (section, "time_format", ike_plugin_option (self, "time_format")),
    .is_utc = ike_tree_bool (section, "utc", ike_plugin_option_bool (self, "utc")),
    .has_milliseconds =
        ike_tree_bool (section, "milliseconds", ike_plugin_option_bool (self, "milliseconds")),
    .appends = ike_tree_bool (section, "append", TRUE),
  };
  LogTarget *target;
  if (!check_keys (section, error))
    return FALSE;
  if (options.path == NULL) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "%s: the log file \"%s\" has no path; set one",
                 ike_tree_where (section), ike_tree_name (section));
    return FALSE;
  }
  target = log_target_new (&options, error);
  if (target == NULL)
    return FALSE;
  g_ptr_array_add (targets, target);
  return TRUE;
}

static gboolean
open_first (IkePlugin *self, GPtrArray *targets, GError **error)
{
  LogTargetOptions options = {
    .path = ike_plugin_option (self, "path"),
    .level = ike_plugin_option (self, "level"),
    .groups = ike_plugin_option (self, "groups"),
    .time_format = ike_plugin_option (self, "time_format"),
    .is_utc = ike_plugin_option_bool (self, "utc"),
    .has_milliseconds = ike_plugin_option_bool (self, "milliseconds"),
    .appends = ike_plugin_option_bool (self, "append"),
  };
  LogTarget *target;
  if (options.path == NULL || options.path[0] == 0)
    return TRUE;
  target = log_target_new (&options, error);
  if (target == NULL)
    return FALSE;
  g_ptr_array_add (targets, target);
  return TRUE;
}

static GPtrArray *
open_all (IkePlugin *self, GError **error)
{
  g_autoptr (GPtrArray) targets = g_ptr_array_new_with_free_func ((GDestroyNotify) log_target_free);
  const IkeTree *files =
      ike_tree_get (ike_engine_settings (ike_plugin_engine (self)), "plugins.log-file.files");
  if (!open_first (self, targets, error))
    return NULL;
  for (guint i = 0; files != NULL && i < ike_tree_n (files); i++) {
    const IkeTree *section = ike_tree_nth (files, i);
    if (ike_tree_type (section) != IKE_TREE_SECTION) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                   "%s: in plugins.log-file.files each file is a section { path = … }",
                   ike_tree_where (section));
      return NULL;
    }
    if (!open_section (self, section, targets, error))
      return NULL;
  }
  return g_steal_pointer (&targets);
}

static void
write_record (IkePlugin *self, const IkeLogRecord *record)
{
  LogFile *state = ike_plugin_state (self);
  for (guint i = 0; i < state->targets->len; i++)
    log_target_write (g_ptr_array_index (state->targets, i), record);
}

static void
flush_all (IkePlugin *self)
{
  LogFile *state = ike_plugin_state (self);
  guint64 lost = 0, before = 0;
  for (guint i = 0; i < state->targets->len; i++) {
    LogTarget *target = g_ptr_array_index (state->targets, i);
    before += log_target_lost (target);
    log_target_flush (target);
    lost += log_target_lost (target);
  }
  if (lost > before)
    ike_counter_add (ike_plugin_engine (self), state->lost_counter, lost - before);
}

static void
state_free (gpointer data)
{
  LogFile *state = data;
  g_clear_pointer (&state->targets, g_ptr_array_unref);
  g_clear_pointer (&state->next, g_ptr_array_unref);
  g_free (state);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  GPtrArray *targets = open_all (self, error);
  LogFile *state;
  if (targets == NULL)
    return FALSE;
  state = g_new0 (LogFile, 1);
  state->targets = targets;
  state->lost_counter = ike_counter (ike_plugin_engine (self), "log-file.lost-bytes");
  ike_plugin_set_state (self, state, state_free);
  return TRUE;
}

static gboolean
reload_check (IkePlugin *self, GError **error)
{
  LogFile *state = ike_plugin_state (self);
  GPtrArray *targets = open_all (self, error);
  if (targets == NULL)
    return FALSE;
  g_clear_pointer (&state->next, g_ptr_array_unref);
  state->next = targets;
  return TRUE;
}

static void
swap_run (gpointer data)
{
  Swap *swap = data;
  GPtrArray *old = swap->state->targets;
  swap->state->targets = swap->targets;
  swap->targets = old;
}

static void
swap_free (gpointer data)
{
  Swap *swap = data;
  g_ptr_array_unref (swap->targets);
  g_free (swap);
}

/* The observer writes while we are here, so it is the observer that changes over. */
static void
reload_commit (IkePlugin *self)
{
  LogFile *state = ike_plugin_state (self);
  Swap *swap;
  if (state->next == NULL)
    return;
  swap = g_new0 (Swap, 1);
  swap->state = state;
  swap->targets = g_steal_pointer (&state->next);
  ike_loop_post (ike_engine_observer (ike_plugin_engine (self)), swap_run, swap, swap_free);
}

#define OPTION(symbol, name, kind, value, text) \
  static const IkeOptionInfo symbol = { sizeof (IkeOptionInfo), "plugin/" name, kind, value, text }

OPTION (
    option_path, "path", "string", "stderr",
    "File to log to: an absolute path, or stderr. \"\": only the files of the section `files`.");
OPTION (option_level, "level", "enum:error|notice|info|debug|none", "notice",
        "Most detailed level that is written: error, notice (states of SAs), info (exchanges), "
        "debug (payloads).");
OPTION (option_groups, "groups", "string", "",
        "Levels of single groups, which win over `level`: net=debug, config=none.");
OPTION (option_time_format, "time_format", "string", "%Y-%m-%d %H:%M:%S",
        "strftime format of the time before each line; \"\" for none (the journal has its own).");
OPTION (option_utc, "utc", "bool", "no", "Write times in UTC instead of local time.");
OPTION (option_milliseconds, "milliseconds", "bool", "no", "Add milliseconds to the time.");
OPTION (option_append, "append", "bool", "yes",
        "Append to the file; otherwise it is emptied when it is opened.");

OPTION (option_files, "files", "section", NULL,
        "Further files: one section each, with the keys path, level, groups, time_format, utc, "
        "milliseconds, append.");

static const IkeOptionInfo *const options[] = {
  &option_files, &option_path,         &option_level,  &option_groups, &option_time_format,
  &option_utc,   &option_milliseconds, &option_append, NULL,
};

static const IkeLogSinkClass sink = { sizeof (IkeLogSinkClass), write_record, flush_all };
static const IkeFeature feature = { .struct_size = sizeof (IkeFeature),
                                    .provides = "log-sink:file",
                                    .ops = &sink };
static const IkeFeature *const features[] = { &feature, NULL };

IKE_PLUGIN (ike_plugin, "log-file", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "writes the log to files and to standard error", .features = features,
            .options = options, .activate = activate, .reload_check = reload_check,
            .reload_commit = reload_commit);
