/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - ikebanad: reads the command line, gives up privileges, and runs one engine until a
 * signal ends it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ikebana/error.h>
#include "daemon.h"

/* -- command line */

static gboolean
read_level (Daemon *daemon, const char *text)
{
  for (guint i = 0; daemon_levels[i] != NULL; i++) {
    if (strcmp (daemon_levels[i], text) == 0) {
      daemon->log_level = i;
      daemon->has_log_level = TRUE;
      return TRUE;
    }
  }
  daemon_complain (daemon, "--log-level is error, notice, info or debug, not \"%s\"", text);
  return FALSE;
}

/* TRUE: go on; FALSE: end with @status. */
static gboolean
read_command_line (Daemon *daemon, int argc, char **argv, DaemonStatus *status)
{
  g_autofree char *config = NULL, *level = NULL, *plugin_dir = NULL, *socket_dir = NULL;
  gboolean is_foreground = FALSE, wants_version = FALSE;
  const GOptionEntry entries[] = {
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, &config,
      "Settings file (default: " IKE_CONFIG_FILE ")", "FILE" },
    { "check", 0, 0, G_OPTION_ARG_NONE, &daemon->is_check,
      "Check settings and plugins, print their states, and end", NULL },
    { "foreground", 'f', 0, G_OPTION_ARG_NONE, &is_foreground,
      "Stay in the foreground (the default)", NULL },
    { "daemonize", 'd', 0, G_OPTION_ARG_NONE, &daemon->is_daemonized,
      "Go to the background once the daemon is ready", NULL },
    { "plugin-dir", 0, 0, G_OPTION_ARG_FILENAME, &plugin_dir,
      "Directories of plugins, separated by ':'", "DIR" },
    { "socket-dir", 0, 0, G_OPTION_ARG_FILENAME, &socket_dir,
      "Directory of the control sockets and the lock file", "DIR" },
    { "for-tests", 0, 0, G_OPTION_ARG_NONE, &daemon->is_for_tests,
      "Let plugins load that harm on purpose, such as impair", NULL },
    { "log-level", 'l', 0, G_OPTION_ARG_STRING, &level, "error, notice, info or debug", "LEVEL" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &wants_version, "Print the version", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GOptionContext) context = g_option_context_new ("- the Ikebana IKE daemon");
  g_option_context_add_main_entries (context, entries, NULL);
  *status = DAEMON_USAGE;
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    daemon_complain (daemon, "%s; see ikebanad --help", error->message);
    return FALSE;
  }
  if (wants_version) {
    printf ("ikebanad %s (plugin ABI %d.%d)\n", IKE_VERSION, IKE_ABI_MAJOR, IKE_ABI_MINOR);
    *status = DAEMON_OK;
    return FALSE;
  }
  if (argc > 1 || (is_foreground && daemon->is_daemonized)) {
    daemon_complain (daemon, argc > 1 ? "there are no arguments, only options; see ikebanad --help"
                                      : "--foreground and --daemonize exclude each other");
    return FALSE;
  }
  if (level != NULL && !read_level (daemon, level))
    return FALSE;
  daemon->config_file = g_canonicalize_filename (config != NULL ? config : IKE_CONFIG_FILE, NULL);
  daemon->socket_dir = socket_dir != NULL ? g_canonicalize_filename (socket_dir, NULL) : NULL;
  daemon->plugin_dir = g_steal_pointer (&plugin_dir);
  return TRUE;
}

static void
append_quoted (GString *out, const char *text)
{
  g_string_append_c (out, '"');
  for (; *text != 0; text++) {
    if (*text == '"' || *text == '\\')
      g_string_append_c (out, '\\');
    g_string_append_c (out, *text);
  }
  g_string_append_c (out, '"');
}

/* The command line wins over the file: settings that include it, and go on. */
static char *
make_overrides (const Daemon *daemon)
{
  GString *text;
  if (daemon->socket_dir == NULL && !daemon->has_log_level)
    return NULL;
  text = g_string_new ("include ");
  append_quoted (text, daemon->config_file);
  g_string_append (text, "\nplugins {\n");
  if (daemon->socket_dir != NULL) {
    g_string_append (text, "  control-json {\n    socket_dir = ");
    append_quoted (text, daemon->socket_dir);
    g_string_append (text, "\n  }\n");
  }
  if (daemon->has_log_level)
    g_string_append_printf (text, "  log-file {\n    level = %s\n  }\n",
                            daemon_levels[daemon->log_level]);
  g_string_append (text, "}\n");
  if (daemon->has_log_level)
    g_string_append_printf (text, "core {\n  log {\n    default = %s\n  }\n}\n",
                            daemon_levels[daemon->log_level]);
  return g_string_free (text, FALSE);
}

/* What is needed before there is an engine, which starts threads. */
static gboolean
read_settings (Daemon *daemon)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) tree = NULL;
  const char *directory;
  if (access (daemon->config_file, R_OK) < 0) {
    daemon_complain (
        daemon, "cannot read the settings %s: %s; make the file, or name another with --config",
        daemon->config_file, g_strerror (errno));
    return FALSE;
  }
  tree = ike_settings_load (daemon->config_file, &error);
  if (tree == NULL) {
    daemon_complain (daemon, "%s", error->message);
    return FALSE;
  }
  directory = ike_tree_string (tree, "plugins.control-json.socket_dir", IKE_RUN_DIR);
  daemon->run_dir = g_strdup (daemon->socket_dir != NULL ? daemon->socket_dir : directory);
  daemon->user = g_strdup (ike_tree_string (tree, "core.user", NULL));
  daemon->group = g_strdup (ike_tree_string (tree, "core.group", NULL));
  daemon->overrides = make_overrides (daemon);
  return TRUE;
}

/* -- the engine */

static DaemonStatus
run_engine (Daemon *daemon, int fd)
{
  g_autoptr (GError) error = NULL;
  IkeEngineOptions options = daemon_engine_options (daemon);
  IkeEngine *engine = ike_engine_new (&options, &error);
  gboolean is_started = engine != NULL && ike_engine_start (engine, &error);
  guint n_sinks = 0;
  DaemonSignals signals = { .engine = engine, .fd = fd };
  if (is_started) {
    ike_feature_list (engine, "log-sink", &n_sinks);
    daemon->has_sinks = n_sinks > 0;
    daemon_watch_signals (&signals);
    daemon_is_ready (daemon);
    ike_engine_run (engine);
    daemon_notify ("STOPPING=1");
    daemon_unwatch_signals (&signals);
  } else {
    daemon_complain (daemon, "cannot start: %s", error->message);
  }
  ike_engine_free (engine);
  return is_started ? DAEMON_OK : DAEMON_FAILED;
}

static DaemonStatus
run (Daemon *daemon)
{
  g_autoptr (GError) error = NULL;
  DaemonStatus status;
  int signals;
  if (daemon->is_daemonized && !daemon_background (daemon))
    return DAEMON_FAILED;
  if (!daemon_lock (daemon, &status))
    return status;
  if (!daemon_drop_privileges (daemon, &error)) {
    daemon_complain (daemon, "%s", error->message);
    return DAEMON_DENIED;
  }
  signals = daemon_block_signals ();
  if (signals < 0) {
    daemon_complain (daemon, "cannot read signals: %s", g_strerror (errno));
    return DAEMON_FAILED;
  }
  status = run_engine (daemon, signals);
  close (signals);
  return status;
}

int
main (int argc, char **argv)
{
  Daemon daemon = { .log_level = IKE_LOG_NOTICE, .messages = -1 };
  DaemonStatus status;
  if (read_command_line (&daemon, argc, argv, &status)) {
    if (!read_settings (&daemon))
      status = DAEMON_CONFIG;
    else
      status = daemon.is_check ? daemon_check (&daemon) : run (&daemon);
  }
  g_free (daemon.config_file);
  g_free (daemon.plugin_dir);
  g_free (daemon.socket_dir);
  g_free (daemon.overrides);
  g_free (daemon.run_dir);
  g_free (daemon.user);
  g_free (daemon.group);
  return (int) status;
}
