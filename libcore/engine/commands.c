/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - the core's own control commands. */
#include <string.h>
#include "control/listeners.h"
#include "engine/commands.h"
#include <ikebana/error.h>
#include <ikebana/log.h>

static void
run_plugins (IkePlugin *self, IkeRequest *request)
{
  IkeEngine *engine = ike_request_engine (request);
  const IkeTree *args = ike_request_args (request);
  const char *why = ike_tree_string (args, "why", NULL);
  IkeTree *result;

  if (why) {
    g_autofree char *text = ike_plugin_explain (engine, why);
    result = ike_tree_new_section ();
    ike_tree_set_string (result, "name", why);
    ike_tree_set_string (result, "why", text);
  } else
    result = ike_tree_bool (args, "order", FALSE) ? ike_engine_order (engine)
                                                  : ike_engine_plugins (engine);
  ike_request_finish (request, result);
}

static void
reloaded (gpointer data, IkeTree *result_take)
{
  ike_request_finish (data, result_take);
}

static void
run_reload (IkePlugin *self, IkeRequest *request)
{
  g_autoptr (GError) error = NULL;
  gboolean is_dry = ike_tree_bool (ike_request_args (request), "dry-run", FALSE);
  IkeTree *result = ike_engine_reload (ike_request_engine (request), is_dry, &error);

  if (result)
    ike_sas_count_removed (ike_request_engine (request), result, reloaded, request);
  else
    ike_request_fail (request, "failed", error->message);
}

static void
run_stats (IkePlugin *self, IkeRequest *request)
{
  ike_request_finish (request, ike_engine_stats (ike_request_engine (request)));
}

static void
run_version (IkePlugin *self, IkeRequest *request)
{
  IkeTree *result = ike_tree_new_section ();

  ike_tree_set_string (result, "version", IKE_VERSION);
  ike_tree_set_format (result, "abi", "%d.%d", IKE_ABI_MAJOR, IKE_ABI_MINOR);
  ike_tree_set_string (result, "settings", ike_engine_config_file (ike_request_engine (request)));
  ike_request_finish (request, result);
}

static void
run_jobs (IkePlugin *self, IkeRequest *request)
{
  ike_request_finish (request, ike_engine_jobs (ike_request_engine (request)));
}

static const IkeCommandArg plugins_args[] = {
  { "why", "string", FALSE, FALSE, "Explain why this plugin or feature is not there." },
  { "order", "bool", FALSE, FALSE, "Show in which order features, tasks and hooks run." },
  { NULL },
};
static const IkeCommandArg reload_args[] = {
  { "dry-run", "bool", FALSE, FALSE, "Only show what would change." },
  { NULL },
};
static const IkeCommandArg conns_args[] = {
  { "name", "string", FALSE, TRUE, "Only this connection." },
  { NULL },
};
static const IkeCommandArg log_args[] = {
  { "level", "enum:error|notice|info|debug", FALSE, FALSE, "Leave out what is less important." },
  { "group", "string", FALSE, FALSE, "Only this group, such as ike, net or config." },
  { NULL },
};
static const IkeCommandArg events_args[] = {
  { "events", "list", FALSE, TRUE,
    "Only events of these names; child-* matches what begins with child-." },
  { NULL },
};
static const IkeCommandArg options_args[] = {
  { "plugin", "string", FALSE, TRUE, "Only options of this plugin." },
  { NULL },
};

#define COMMAND(symbol, command_name, command_flags, command_args, command_run, show, rows, text)  \
  static const IkeCommandClass symbol##_class = { .struct_size = sizeof (IkeCommandClass),         \
                                                  .flags = command_flags,                          \
                                                  .summary = text,                                 \
                                                  .args = command_args,                            \
                                                  .columns = show,                                 \
                                                  .rows_path = rows,                               \
                                                  .run = command_run };                            \
  static const IkeFeature symbol = { .struct_size = sizeof (IkeFeature),                           \
                                     .provides = "command:" command_name,                          \
                                     .ops = &symbol##_class }

COMMAND (plugins, "plugins", IKE_COMMAND_READ_ONLY, plugins_args, run_plugins,
         "PLUGIN:name STATE:state VERSION:version REASON:reason", "plugins",
         "Show plugins, their states and the reasons");
COMMAND (reload, "reload", 0, reload_args, run_reload, NULL, NULL,
         "Read the settings anew and change only what changed");
COMMAND (stats, "stats", IKE_COMMAND_READ_ONLY, NULL, run_stats, NULL, NULL, "Show counters");
COMMAND (version, "version", IKE_COMMAND_READ_ONLY, NULL, run_version, NULL, NULL,
         "Show version and ABI of the daemon");
COMMAND (list_conns, "list-conns", IKE_COMMAND_READ_ONLY, conns_args, ike_list_conns,
         "NAME:name LOCAL:local-addrs REMOTE:remote-addrs WHERE:where", "connections",
         "Show the connections that are loaded");
COMMAND (log_command, "log", IKE_COMMAND_READ_ONLY | IKE_COMMAND_STREAMS, log_args, ike_listen_log,
         NULL, NULL, "Follow the log");
COMMAND (events, "events", IKE_COMMAND_READ_ONLY | IKE_COMMAND_STREAMS, events_args,
         ike_listen_events, NULL, NULL, "Follow events");
COMMAND (jobs, "jobs", IKE_COMMAND_READ_ONLY, NULL, run_jobs, "LOOP:name JOBS:jobs", "loops",
         "Show what the threads do");
COMMAND (options, "options", IKE_COMMAND_READ_ONLY, options_args, ike_list_options,
         "OPTION:path PLUGIN:plugin TYPE:type DEFAULT:default", "options",
         "Show all options of settings, with their meaning");

static const IkeFeature log_sink = { .struct_size = sizeof (IkeFeature),
                                     .provides = "log-sink:control",
                                     .ops = &ike_listeners_sink };

const IkeFeature *const ike_control_features[] = {
  &plugins, &reload, &stats,   &version,  &list_conns, &log_command,
  &events,  &jobs,   &options, &log_sink, NULL,
};
