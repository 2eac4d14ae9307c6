/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_runs.c - a plugin in engines: it loads, two ends with it come up, also when answers are
 * late, it unloads, and leaves nothing behind and nobody waiting.  Each of these has a process of
 * its own, so what one of them breaks the others do not see. */
#include <string.h>
#include <unistd.h>
#include "plugin.h"

enum { STALL_US = 5000, RUNS_MAX = 12, N_ROUNDS = 4, QUIET_S = 5, LOG_LINES_MAX = 8 };

/* -- options of the engines */

typedef struct {
  TwoOptions options;
  GPtrArray *plugins;
  char *dirs, *auth[2];
} Setup;

static void
setup_clear (Setup *setup)
{
  g_ptr_array_unref (setup->plugins);
  g_free (setup->dirs);
  g_free (setup->auth[0]);
  g_free (setup->auth[1]);
}

/* Whoever offers a method is to be asked for it. */
static void
choose_auth (const PluginCase *c, Setup *setup)
{
  g_autoptr (GString) unused = g_string_new (NULL);
  const IkePluginInfo *info = plugin_open (c, unused);
  g_auto (GStrv) asked = c->tool->auth ? g_strsplit (c->tool->auth, ",", 2) : NULL;

  if (asked) {
    setup->auth[0] = g_strdup (asked[0]);
    setup->auth[1] = g_strdup (asked[1] ? asked[1] : asked[0]);
    return;
  }
  for (guint i = 0; info && info->features && info->features[i] && !setup->auth[0]; i++) {
    const char *name = info->features[i]->provides;
    if (g_str_has_prefix (name, "auth:"))
      setup->auth[0] = g_strdup (name + 5), setup->auth[1] = g_strdup (name + 5);
    else if (g_str_has_prefix (name, "eap-server:"))
      setup->auth[0] = g_strconcat ("eap-", name + 11, NULL);
  }
}

/* @is_with: the plugin is among them. */
static void
setup_init (Setup *setup, const PluginCase *c, gboolean is_with)
{
  g_autofree char *dir = g_path_get_dirname (c->file->file);
  g_auto (GStrv) others = c->tool->with ? ike_value_list (c->tool->with) : NULL;

  *setup = (Setup){ .plugins = g_ptr_array_new_with_free_func (g_free) };
  for (guint i = 0; others && others[i]; i++)
    g_ptr_array_add (setup->plugins, g_strdup (others[i]));
  if (is_with) {
    g_ptr_array_add (setup->plugins, g_strdup (c->file->name));
    choose_auth (c, setup);
  }
  g_ptr_array_add (setup->plugins, NULL);
  setup->dirs =
      g_strconcat (dir, ":", c->tool->plugin_dir ? c->tool->plugin_dir : IKE_PLUGIN_DIR, NULL);
  setup->options = (TwoOptions){
    .plugins = (const char *const *) setup->plugins->pdata,
    .auth = { setup->auth[0], setup->auth[1] },
    .more = { is_with ? c->more : NULL, is_with ? c->more : NULL },
    .flags = c->file->flags & IKE_PLUGIN_FOR_TESTS ? IKE_ENGINE_FOR_TESTS : 0,
    .plugin_dir = setup->dirs,
    .now_us = g_get_monotonic_time,
  };
}

/* -- load */

static const IkeTree *
find_plugin (const IkeTree *all, const char *name)
{
  const IkeTree *list = ike_tree_get (all, "plugins");

  for (guint i = 0; list && i < ike_tree_n (list); i++)
    if (strcmp (ike_tree_string (ike_tree_nth (list, i), "name", ""), name) == 0)
      return ike_tree_nth (list, i);
  return NULL;
}

static gboolean
look_at_states (const IkeTree *plugin, GString *text)
{
  const IkeTree *features = ike_tree_get (plugin, "features");
  const char *state = ike_tree_string (plugin, "state", "");
  guint n = features ? ike_tree_n (features) : 0;

  if (strcmp (state, "ready") != 0) {
    g_string_printf (text,
                     "it is not ready (%s): %s; plugins that it needs are named with --with, "
                     "settings with --settings",
                     state, ike_tree_string (plugin, "reason", ""));
    return FALSE;
  }
  for (guint i = 0; i < n; i++) {
    const IkeTree *feature = ike_tree_nth (features, i);
    if (strcmp (ike_tree_string (feature, "state", ""), "ready") != 0)
      g_string_append_printf (text, "%s%s is not ready: %s", text->len ? "; " : "",
                              ike_tree_string (feature, "name", ""),
                              ike_tree_string (feature, "reason", ""));
  }
  if (text->len) {
    g_string_append (text, "; plugins that it needs are named with --with");
    return FALSE;
  }
  g_string_printf (text, "ready, with %u feature%s", n, n == 1 ? "" : "s");
  return TRUE;
}

/* What @end has to say that matters: the last lines, each behind a newline. */
static void
append_log_of (const Two *two, guint end, GString *text)
{
  g_auto (GStrv) lines = g_strsplit (two->log[end]->str, "\n", -1);
  guint n = g_strv_length (lines), first = n, found = 0;

  for (; first > 0 && found < LOG_LINES_MAX; first--)
    found += g_str_has_prefix (lines[first - 1], "error ")
             || g_str_has_prefix (lines[first - 1], "notice ");
  for (; first < n; first++)
    if (g_str_has_prefix (lines[first], "error ") || g_str_has_prefix (lines[first], "notice "))
      g_string_append_printf (text, "\n%s logs: %.400s", end ? "b" : "a", lines[first]);
}

static void
append_log (const Two *two, GString *text)
{
  append_log_of (two, 0, text);
  append_log_of (two, 1, text);
}

static Two *
begin (const PluginCase *c, const TwoOptions *options, GString *text)
{
  g_autoptr (GError) error = NULL;
  Two *two;

  plugin_is_doing (c, "two engines with it started");
  two = two_new (options, &error);

  if (!two)
    g_string_printf (text, "the engine does not start: %s", error->message);
  return two;
}

/* The process ends without unloading: that is another check. */
gboolean
plugin_check_load (const PluginCase *c, GString *text)
{
  Setup setup;
  Two *two;
  g_autoptr (IkeTree) all = NULL;

  setup_init (&setup, c, TRUE);
  two = begin (c, &setup.options, text);
  if (!two)
    return FALSE;
  all = ike_engine_plugins (two->engine[0]);
  if (look_at_states (find_plugin (all, c->file->name), text))
    return TRUE;
  append_log (two, text);
  return FALSE;
}

/* -- exchange */

static char *
round_trip (const PluginCase *c, Two *two)
{
  g_autofree char *why_down = NULL;
  IkeTree *args = ike_tree_new_section ();
  char *why;

  plugin_is_doing (c, "the two ends came up");
  why = two_up (two);
  plugin_is_doing (c, "the two ends went down");
  ike_tree_set_string (args, "name", "two");
  ike_tree_free (two_command (two, 0, "down", args, &why_down));
  two_run (two, QUIET_S);
  return why;
}

/* NULL, or why the two ends do not come up, with what they log about it in @log. */
static char *
try_with (const PluginCase *c, const TwoOptions *options, GString *log)
{
  g_autoptr (GString) text = g_string_new (NULL);
  Two *two = begin (c, options, text);
  char *why = two ? round_trip (c, two) : g_strdup (text->str);

  if (two && why)
    append_log (two, log);
  return why;
}

gboolean
plugin_check_exchange (const PluginCase *c, GString *text)
{
  g_autoptr (GString) log = g_string_new (NULL), unused = g_string_new (NULL);
  g_autofree char *why = NULL, *why_psk = NULL;
  Setup setup;

  setup_init (&setup, c, TRUE);
  why = try_with (c, &setup.options, log);
  if (!why) {
    g_string_printf (text, "two ends come up (%s) and go down",
                     setup.auth[0] ? setup.auth[0] : "psk");
    return TRUE;
  }
  if (!c->tool->auth && setup.auth[0]) {
    setup.options.auth[0] = setup.options.auth[1] = NULL;
    why_psk = try_with (c, &setup.options, unused);
    g_string_printf (text,
                     "two ends do not come up by %s: %s; give its settings with --settings, or "
                     "choose with --auth (by psk they %s)",
                     setup.auth[0], why, why_psk ? "do not either" : "do");
  } else
    g_string_printf (text,
                     "two ends with it do not come up: %s; without it they do, so see what it "
                     "refuses, or what it needs in --settings",
                     why);
  g_string_append (text, log->str);
  return FALSE;
}

/* -- late answers */

gboolean
plugin_check_waits (const PluginCase *c, GString *text)
{
  static const struct {
    guint32 flags;
    const char *name;
  } modes[] = {
    { IKE_ENGINE_FORCE_WAITS, "answered after the function that asked has returned" },
    { IKE_ENGINE_FORCE_WAITS | IKE_ENGINE_FOREIGN_ANSWERS, "answered by another thread" },
    { IKE_ENGINE_SHUFFLE, "in another order" },
  };
  Setup setup;

  setup_init (&setup, c, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++) {
    TwoOptions options = setup.options;
    g_autoptr (GString) log = g_string_new (NULL);
    g_autofree char *why = NULL;

    options.flags |= modes[i].flags;
    g_snprintf (c->trace->how, sizeof c->trace->how, "calls are %s", modes[i].name);
    why = try_with (c, &options, log);
    if (why) {
      g_string_printf (text,
                       "two ends do not come up where calls are %s: %s; after starting a call "
                       "return WAIT, and look at its result only when called again%s",
                       modes[i].name, why, log->str);
      return FALSE;
    }
  }
  g_string_append (text, "the same comes of calls that are answered late");
  return TRUE;
}

/* -- unload */

/* The end that goes first is that of @first; the other one goes on meanwhile. */
static void
unload_in_order (const PluginCase *c, const TwoOptions *options, guint first, GString *text)
{
  Two *two = begin (c, options, text);

  if (!two)
    return;
  plugin_is_doing (c, "the two ends came up");
  g_free (two_up (two));
  plugin_is_doing (c, first ? "b ended and a went on" : "a ended and b went on");
  ike_engine_free (g_steal_pointer (&two->engine[first]));
  two_run (two, QUIET_S);
  two_free (two);
}

gboolean
plugin_check_unload (const PluginCase *c, GString *text)
{
  Setup setup;

  Two *unused;

  setup_init (&setup, c, TRUE);
  unused = begin (c, &setup.options, text);
  plugin_is_doing (c, "engines ended that had not used it");
  two_free (unused);
  unload_in_order (c, &setup.options, 0, text);
  unload_in_order (c, &setup.options, 1, text);
  setup_clear (&setup);
  if (text->len)
    return FALSE;
  g_string_append (text, "unused and used, of one engine while another has it");
  return TRUE;
}

/* -- leaks */

static void
live_once (const PluginCase *c, const TwoOptions *options)
{
  g_autoptr (GString) text = g_string_new (NULL);
  Two *two = begin (c, options, text);

  if (two)
    g_free (round_trip (c, two));
  plugin_is_doing (c, "the two engines ended");
  two_free (two);
}

/* What each further life leaves behind: the least, because the first ones fill caches. */
static gint64
left_behind (const PluginCase *c, const TwoOptions *options)
{
  gint64 least = G_MAXINT64, before;

  for (guint i = 0; i < N_ROUNDS; i++) {
    before = plugin_memory ();
    live_once (c, options);
    least = MIN (least, plugin_memory () - before);
  }
  return least;
}

gboolean
plugin_check_leaks (const PluginCase *c, GString *text)
{
  Setup with, without;
  gint64 leaked, usual;

  setup_init (&with, c, TRUE);
  setup_init (&without, c, FALSE);
  usual = left_behind (c, &without.options);
  leaked = left_behind (c, &with.options) - MAX (usual, 0);
  setup_clear (&with);
  setup_clear (&without);
  if (leaked <= 0) {
    g_string_append (text, "memory is as before when its engines are gone");
    return TRUE;
  }
  g_string_printf (text,
                   "each two engines leave %" G_GINT64_FORMAT
                   " allocations (or octets) behind: free what you allocate, the state with the "
                   "function given to ike_plugin_set_state (); -fsanitize=address says where",
                   leaked);
  return FALSE;
}

/* -- stalls */

/* The longest job on a shard: the least of some runs, because others use the machine, too; one that
 * keeps to the limit is enough. */
static gint64
longest_us (const PluginCase *c, const TwoOptions *options, gint64 limit_us)
{
  gint64 least = G_MAXINT64;

  for (guint i = 0; i < RUNS_MAX && least > limit_us; i++) {
    g_autoptr (GString) text = g_string_new (NULL);
    Two *two = begin (c, options, text);

    if (!two)
      return 0;
    g_free (round_trip (c, two));
    least = MIN (least, two->longest_us);
  }
  return least;
}

gboolean
plugin_check_stalls (const PluginCase *c, GString *text)
{
  Setup with, without;
  gint64 own, usual, limit;

  setup_init (&with, c, TRUE);
  setup_init (&without, c, FALSE);
  usual = longest_us (c, &without.options, STALL_US / 2);
  limit = MAX (2 * usual, STALL_US);
  own = longest_us (c, &with.options, limit);
  if (own <= limit) {
    g_string_printf (text, "no job holds a shard longer than %" G_GINT64_FORMAT " ms",
                     limit / 1000);
    return TRUE;
  }
  g_string_printf (text,
                   "a job holds a shard for %" G_GINT64_FORMAT
                   " ms: what takes time is a call (ike_call_run (), or a loop of its own); "
                   "core.stall_report = yes names the job in a daemon",
                   own / 1000);
  return FALSE;
}
