/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - `ikebanad --check`: says what a start would say, without root, beside a running daemon.
 *
 * The settings are read, plugins are loaded, probed and resolved, the connections are built;
 * nothing is activated and nothing is opened.  Problems are printed as they are found; the states
 * of plugins and features go to standard output. */
#include <stdio.h>
#include <string.h>
#include "daemon.h"

static void
print_features (const IkeTree *features)
{
  for (guint i = 0; features != NULL && i < ike_tree_n (features); i++) {
    const IkeTree *feature = ike_tree_nth (features, i);
    const char *state = ike_tree_string (feature, "state", "");
    if (strcmp (state, "loaded") != 0 && strcmp (state, "ready") != 0)
      printf ("  %-22s  %-8s  %s\n", ike_tree_string (feature, "name", ""), state,
              ike_tree_string (feature, "reason", ""));
  }
}

static void
print_states (const IkeTree *tree)
{
  const IkeTree *plugins = ike_tree_get (tree, "plugins");
  for (guint i = 0; plugins != NULL && i < ike_tree_n (plugins); i++) {
    const IkeTree *plugin = ike_tree_nth (plugins, i);
    const char *state = ike_tree_string (plugin, "state", "");
    gboolean is_good = strcmp (state, "loaded") == 0 || strcmp (state, "ready") == 0;
    printf ("%-24s  %-8s  %s\n", ike_tree_string (plugin, "name", ""), is_good ? "ready" : state,
            ike_tree_string (plugin, "reason", ""));
    if (is_good)
      print_features (ike_tree_get (plugin, "features"));
  }
}

DaemonStatus
daemon_check (Daemon *daemon)
{
  g_autoptr (GError) error = NULL;
  IkeEngineOptions options = daemon_engine_options (daemon);
  IkeEngine *engine;
  gboolean is_started;
  options.flags |= IKE_ENGINE_CHECK;
  engine = ike_engine_new (&options, &error);
  if (engine == NULL) {
    daemon_complain (daemon, "%s", error->message);
    return DAEMON_FAILED;
  }
  is_started = ike_engine_start (engine, &error);
  {
    g_autoptr (IkeTree) plugins = ike_engine_plugins (engine);
    print_states (plugins);
  }
  ike_engine_free (engine);
  /* Problems of connections were logged one by one. */
  if (!is_started && daemon->n_errors == 0) {
    daemon_complain (daemon, "%s", error->message);
    return DAEMON_FAILED;
  }
  if (!is_started || daemon->n_errors > 0) {
    daemon_complain (daemon, "%s has %u problem%s, see above", daemon->config_file,
                     daemon->n_errors, daemon->n_errors == 1 ? "" : "s");
    return DAEMON_FAILED;
  }
  return DAEMON_OK;
}
