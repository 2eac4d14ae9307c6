/* SPDX-License-Identifier: Apache-2.0 */
/* commands_trap.c - list-policies, install, uninstall. */
#include "sa/commands_sa.h"

static void
run_list (IkePlugin *self, IkeRequest *request)
{
  IkeTree *result = ike_tree_new_section ();

  ike_tree_set_take (result, "policies",
                     ike_traps_describe (ike_request_engine (request)->sas->traps));
  ike_request_finish (request, result);
}

static const IkeCommandClass list_class = {
  .struct_size = sizeof (IkeCommandClass),
  .flags = IKE_COMMAND_READ_ONLY,
  .summary = "Show traps, which make SAs when packets come, and shunts",
  .run = run_list,
  .rows_path = "policies",
  .columns = "NAME:name CONNECTION:connection KIND:kind MODE:mode STATE:state",
};

const IkeFeature ike_command_list_policies = { .struct_size = sizeof (IkeFeature),
                                               .provides = "command:list-policies",
                                               .ops = &list_class };

/* -- install and uninstall */

/* NULL: the request has failed. */
static IkeConn *
find_child (IkeRequest *request, const IkeConfig *config, const IkeChildConf **child)
{
  const char *name = ike_tree_string (ike_request_args (request), "child", NULL);
  const char *of = ike_tree_string (ike_request_args (request), "connection", NULL);
  IkeConn *conn = NULL;
  g_autofree char *why = NULL;

  if (config && of) {
    conn = ike_config_conn (config, of);
    *child = conn ? ike_conn_child (conn, name) : NULL;
  } else if (config)
    conn = ike_config_conn_of_child (config, name, child);
  if (conn && *child)
    return conn;
  why = g_strdup_printf ("there is no child %s%s%s; see `ikebana list-conns`", name,
                         of ? " of a connection " : "", of ? of : "");
  ike_request_fail (request, "not-found", why);
  return NULL;
}

static void
finish (IkeRequest *request, const IkeConn *conn, const IkeChildConf *child)
{
  IkeTree *result = ike_tree_new_section ();

  ike_tree_set_string (result, "connection", conn->name);
  ike_tree_set_string (result, "child", child->name);
  ike_request_finish (request, result);
}

static void
run_install (IkePlugin *self, IkeRequest *request)
{
  IkeEngine *engine = ike_request_engine (request);
  g_autoptr (IkeConfig) config = ike_engine_config (engine);
  const IkeChildConf *child = NULL;
  IkeConn *conn = find_child (request, config, &child);
  g_autofree char *why = NULL;

  if (!conn)
    return;
  why = ike_trap_why_not (engine, conn, child);
  if (why) {
    ike_request_fail (request, "failed", why);
    return;
  }
  ike_traps_add (engine, conn, child);
  finish (request, conn, child);
}

static void
run_uninstall (IkePlugin *self, IkeRequest *request)
{
  IkeEngine *engine = ike_request_engine (request);
  g_autoptr (IkeConfig) config = ike_engine_config (engine);
  const IkeChildConf *child = NULL;
  IkeConn *conn = find_child (request, config, &child);

  if (!conn)
    return;
  if (!ike_traps_have (engine->sas->traps, conn, child)) {
    ike_request_fail (request, "not-found",
                      "it has no trap and no shunt; see `ikebana list-policies`");
    return;
  }
  ike_traps_remove (engine, conn, child);
  finish (request, conn, child);
}

static const IkeCommandArg child_args[] = {
  { "child", "string", TRUE, TRUE, "whose policies" },
  { "connection", "string", FALSE, TRUE,
    "its connection, where several have a child of this name" },
  { NULL, NULL, FALSE, FALSE, NULL },
};

static const IkeCommandClass install_class = {
  .struct_size = sizeof (IkeCommandClass),
  .summary = "Install the trap or shunt of a child",
  .args = child_args,
  .run = run_install,
};

const IkeFeature ike_command_install = { .struct_size = sizeof (IkeFeature),
                                         .provides = "command:install",
                                         .ops = &install_class };

static const IkeCommandClass uninstall_class = {
  .struct_size = sizeof (IkeCommandClass),
  .summary = "Remove the trap or shunt of a child",
  .args = child_args,
  .run = run_uninstall,
};

const IkeFeature ike_command_uninstall = { .struct_size = sizeof (IkeFeature),
                                           .provides = "command:uninstall",
                                           .ops = &uninstall_class };
