/* SPDX-License-Identifier: Apache-2.0 */
/* listings.c - what is configured and what could be: connections, and all options with their
 * documentation. */
#include "config/model_private.h"
#include "engine/commands.h"
#include <string.h>

static void
list_hosts (IkeTree *into, const char *key, const IkeHostConf *hosts, guint n)
{
  IkeTree *list = ike_tree_add_list (into, key);

  for (guint i = 0; i < n; i++)
    ike_tree_set_string (list, NULL, hosts[i].text);
}

static void
list_auths (IkeTree *into, const char *key, const IkeAuthConf *auths, guint n)
{
  IkeTree *list = ike_tree_add_list (into, key);

  for (guint i = 0; i < n; i++) {
    IkeTree *one = ike_tree_add_section (list, NULL);
    ike_tree_set_string (one, "auth", auths[i].auth);
    ike_tree_set_string (one, "id", auths[i].id ? auths[i].id_text : "%any");
  }
}

static void
list_selectors (IkeTree *into, const char *key, const IkeSelector *selectors, guint n)
{
  IkeTree *list = ike_tree_add_list (into, key);
  char text[160];

  for (guint i = 0; i < n; i++)
    ike_tree_set_string (list, NULL, ike_selector_format (&selectors[i], text, sizeof text));
}

static void
list_proposals (IkeTree *into, const char *key, const IkeProposals *proposals)
{
  IkeTree *list = ike_tree_add_list (into, key);
  char text[512];

  for (guint i = 0; proposals && i < ike_proposals_n (proposals); i++)
    ike_tree_set_string (list, NULL,
                         ike_proposal_format (ike_proposals_nth (proposals, i), text, sizeof text));
}

static void
list_child (IkeTree *into, const IkeChildConf *child)
{
  static const char *const modes[] = { "tunnel", "transport", "beet", "pass", "drop" };
  IkeTree *one = ike_tree_add_section (into, NULL);

  ike_tree_set_string (one, "name", child->name);
  ike_tree_set_string (one, "mode", modes[MIN (child->mode, G_N_ELEMENTS (modes) - 1)]);
  list_selectors (one, "local-ts", child->local_ts, child->n_local_ts);
  list_selectors (one, "remote-ts", child->remote_ts, child->n_remote_ts);
  list_proposals (one, "proposals",
                  child->ah_proposals ? child->ah_proposals : child->esp_proposals);
  ike_tree_set_int (one, "rekey-time", (gint64) child->rekey_time);
  ike_tree_set_int (one, "life-time", (gint64) child->life_time);
}

static IkeTree *
describe_conn (const IkeConn *conn)
{
  IkeTree *one = ike_tree_new_section (), *children;

  ike_tree_set_string (one, "name", conn->name);
  ike_tree_set_int (one, "version", conn->version);
  list_hosts (one, "local-addrs", conn->local_addrs, conn->n_local_addrs);
  list_hosts (one, "remote-addrs", conn->remote_addrs, conn->n_remote_addrs);
  list_auths (one, "local", conn->local, conn->n_local);
  list_auths (one, "remote", conn->remote, conn->n_remote);
  list_proposals (one, "proposals", conn->proposals);
  ike_tree_set_int (one, "rekey-time", (gint64) conn->rekey_time);
  ike_tree_set_int (one, "reauth-time", (gint64) conn->reauth_time);
  ike_tree_set_string (one, "where", ike_tree_where (conn->settings));
  children = ike_tree_add_list (one, "children");
  for (guint i = 0; i < conn->n_children; i++)
    list_child (children, conn->children[i]);
  return one;
}

void
ike_list_conns (IkePlugin *self, IkeRequest *request)
{
  const char *name = ike_tree_string (ike_request_args (request), "name", NULL);
  g_autoptr (IkeConfig) config = ike_engine_config (ike_request_engine (request));
  IkeTree *result = ike_tree_new_section (), *list = ike_tree_add_list (result, "connections");

  for (guint i = 0; config && i < config->n_conns; i++)
    if (!name || g_str_equal (name, config->conns[i]->name))
      ike_tree_set_take (list, NULL, describe_conn (config->conns[i]));
  if (name && !ike_tree_n (list)) {
    g_autofree char *message = g_strdup_printf ("no connection is called %s", name);
    ike_tree_free (result);
    ike_request_fail (request, "not-found", message);
    return;
  }
  ike_request_finish (request, result);
}

static void
describe_option (IkeTree *list, const IkeOptionInfo *option, const char *plugin, gboolean is_ready)
{
  IkeTree *one = ike_tree_add_section (list, NULL);

  ike_tree_set_string (one, "path", option->path);
  ike_tree_set_string (one, "plugin", plugin);
  ike_tree_set_bool (one, "ready", is_ready);
  ike_tree_set_string (one, "type", option->type);
  ike_tree_set_string (one, "default", option->fallback);
  ike_tree_set_string (one, "doc", option->doc);
}

void
ike_list_options (IkePlugin *self, IkeRequest *request)
{
  IkeEngine *engine = ike_request_engine (request);
  const char *wanted = ike_tree_string (ike_request_args (request), "plugin", NULL);
  IkeTree *result = ike_tree_new_section (), *list = ike_tree_add_list (result, "options");
  const IkeOptionInfo *option;
  const char *plugin;
  gboolean is_ready;

  for (guint32 i = 0; (option = ike_registry_option_nth (engine, i, &plugin, &is_ready)); i++)
    if (!wanted || g_str_equal (wanted, plugin))
      describe_option (list, option, plugin, is_ready);
  ike_request_finish (request, result);
}
