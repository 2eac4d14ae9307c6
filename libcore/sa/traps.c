/* SPDX-License-Identifier: Apache-2.0 */
/* traps.c - policies without an SA: traps, which ask for one when a packet meets them, and shunts,
 * which let packets pass or drop them.  The control loop owns the table; who else wants something
 * posts.
 *
 * What a trap covers does not leave in the clear: the policy is there before an SA, beside it and
 * after it.  So a change of the settings installs the new policies before it removes the old ones,
 * and a policy that the kernel plugin did not take is tried again for as long as it is wanted. */
#include "sa/traps_private.h"

enum { RETRY_MS = 1000, RETRY_MAX_MS = 5 * 60 * 1000 };

static void look_for_hosts (Trap *trap);

/* -- the table */

IkeTraps *
ike_traps_new (IkeEngine *engine)
{
  IkeTraps *traps = g_new0 (IkeTraps, 1);

  traps->engine = engine;
  traps->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  traps->by_reqid = g_hash_table_new (NULL, NULL);
  traps->by_serial = g_hash_table_new (g_int64_hash, g_int64_equal);
  traps->all = g_ptr_array_new ();
  return traps;
}

Trap *
trap_find (IkeEngine *engine, guint64 serial)
{
  IkeTraps *traps = engine->sas ? engine->sas->traps : NULL;

  return traps ? g_hash_table_lookup (traps->by_serial, &serial) : NULL;
}

static char *
name_of (const char *conn, const char *child)
{
  return g_strdup_printf ("%s.%s", conn, child);
}

static gboolean
is_shunt (const IkeChildConf *conf)
{
  return conf->mode > IKE_MODE_BEET;
}

static const char *
kind_of (const Trap *trap)
{
  return is_shunt (trap->conf) ? "shunt" : "trap";
}

static Trap *
trap_new (IkeTraps *traps, IkeConn *conn, const IkeChildConf *conf)
{
  Trap *trap = g_new0 (Trap, 1);

  trap->traps = traps;
  trap->serial = ++traps->last_serial;
  trap->name = name_of (conn->name, conf->name);
  trap->conn = ike_conn_ref (conn);
  trap->conf = conf;
  g_hash_table_insert (traps->by_name, trap->name, trap);
  g_hash_table_insert (traps->by_serial, &trap->serial, trap);
  g_ptr_array_add (traps->all, trap);
  return trap;
}

/* -- in the kernel */

static void
set_clear (TrapSet *set)
{
  ike_conn_unref (set->conn);
  g_free (set->policies);
  memset (set, 0, sizeof *set);
}

/* Also of what it was asked to install and has not answered yet: it does one request after the
 * other. */
static void
set_remove (Trap *trap, TrapSet *set)
{
  const IkeSaManager *manager = trap->traps->engine->sas;
  IkeKernelBatch batch = { sizeof batch, 0, set->n, NULL, set->policies };

  if (set->n && manager->kernel_class)
    manager->kernel_class->remove (manager->kernel->plugin, NULL, &batch);
  set_clear (set);
}

static void
try_again (gpointer data)
{
  Trap *trap = data;

  trap->retry = NULL;
  look_for_hosts (trap);
}

static void
fail (Trap *trap, const char *why)
{
  IkeLoop *control = ike_engine_control (trap->traps->engine);

  if (g_strcmp0 (trap->why, why) != 0)
    ike_log (trap->traps->engine, IKE_LOG_ERROR, "ike",
             "the policies of %s are not installed: %s; tried again until they are%s", trap->name,
             why,
             trap->present.n ? "; those of before stay" : ", nothing waits for an SA meanwhile");
  g_free (trap->why);
  trap->why = g_strdup (why);
  trap->state = TRAP_FAILED;
  trap->retry_ms = CLAMP (2 * trap->retry_ms, (guint32) RETRY_MS, (guint32) RETRY_MAX_MS);
  ike_timer_stop (trap->retry);
  trap->retry = ike_loop_timer_add (control, trap->retry_ms, try_again, trap, NULL);
}

static void
succeed (Trap *trap)
{
  trap->retry_ms = 0;
  g_clear_pointer (&trap->why, g_free);
  if (trap->state != TRAP_INSTALLED)
    ike_log (trap->traps->engine, IKE_LOG_NOTICE, "ike", "the %s %s is installed", kind_of (trap),
             trap->name);
  trap->state = TRAP_INSTALLED;
}

/* Calls outlive traps: each knows whose it is by number. */
typedef struct {
  IkeEngine *engine;
  guint64 serial;
} Whose;

static IkeCall *
call_of (Trap *trap, const IkeCallClass *klass)
{
  Whose *whose = g_new0 (Whose, 1);

  *whose = (Whose){ trap->traps->engine, trap->serial };
  return ike_loop_call (ike_engine_control (whose->engine), klass, NULL, whose);
}

static Trap *
trap_of (gconstpointer data)
{
  const Whose *whose = data;

  return trap_find (whose->engine, whose->serial);
}

static void
installed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Trap *trap = trap_of (data);

  if (!trap)
    return;
  if (error) {
    set_clear (&trap->next);
    fail (trap, error);
  } else {
    set_remove (trap, &trap->present);
    trap->present = trap->next;
    memset (&trap->next, 0, sizeof trap->next);
    succeed (trap);
  }
  if (trap->is_outdated) {
    trap->is_outdated = FALSE;
    look_for_hosts (trap);
  }
}

static const IkeCallClass install_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "install policies",
  .timeout_ms = 60000,
  .then = installed,
  .free_data = g_free,
};

/* First the new ones, then the old ones are gone: no packet finds none. */
static void
install (Trap *trap)
{
  IkeSaManager *manager = trap->traps->engine->sas;
  IkeKernelBatch batch = { .struct_size = sizeof batch };
  TrapSet set = { .conn = NULL };

  trap->is_outdated = trap->next.conn != NULL;
  if (trap->is_outdated)
    return;
  if (!manager->kernel_class) {
    fail (trap, "no kernel plugin is ready; see `ikebana plugins --why kernel:ipsec`");
    return;
  }
  set.policies = ike_trap_policies (trap->conn, trap->conf, &trap->local, &trap->remote, &set.n);
  set.conn = ike_conn_ref (trap->conn);
  if (set.n
      && !ike_trap_policies_equal (trap->present.policies, trap->present.n, set.policies, set.n)) {
    trap->next = set;
    batch.policies = set.policies;
    batch.n_policies = set.n;
    manager->kernel_class->install (manager->kernel->plugin, call_of (trap, &install_call), &batch);
    return;
  }
  if (set.n)
    succeed (trap);
  else
    fail (trap, "local_ts and remote_ts have no addresses of one family, or none of the two ends");
  set_clear (&set);
}

/* -- between whom: asked only where a selector is `dynamic` */

static void
local_found (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Trap *trap = trap_of (data);
  IkeAddr *source = result;

  if (trap && error) {
    g_autofree char *why = g_strdup_printf ("no way to the peer: %s", error);
    fail (trap, why);
  } else if (trap) {
    trap->local = *source;
    trap->local.port = 0;
    install (trap);
  }
  g_free (source);
}

static const IkeCallClass local_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "source address",
  .timeout_ms = 5000,
  .then = local_found,
  .undo = g_free,
  .free_data = g_free,
};

static void
look_for_local (Trap *trap)
{
  IkeSaManager *manager = trap->traps->engine->sas;
  const IkeConn *conn = trap->conn;
  guint8 family = trap->remote.family;
  guint i;

  memset (&trap->local, 0, sizeof trap->local);
  for (i = 0; i < conn->n_local_addrs && !trap->local.family; i++)
    if (conn->local_addrs[i].kind == 1 && (!family || conn->local_addrs[i].addr.family == family))
      trap->local = conn->local_addrs[i].addr;
  if (trap->local.family || !ike_trap_needs_hosts (trap->conf, TRUE))
    install (trap);
  else if (manager->kernel_net)
    ((const IkeKernelNetClass *) manager->kernel_net->ops)
        ->source_for (manager->kernel_net->plugin, call_of (trap, &local_call), &trap->remote);
  else
    fail (trap, "local_ts is dynamic, and nothing knows our address; set local_addrs");
}

static void
remote_found (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Trap *trap = trap_of (data);
  GArray *addrs = result;

  if (trap && (error || !addrs->len)) {
    g_autofree char *why =
        g_strdup_printf ("%s: %s", trap->conn->remote_addrs[0].text, error ? error : "no address");
    fail (trap, why);
  } else if (trap) {
    trap->remote = g_array_index (addrs, IkeAddr, 0);
    trap->remote.port = 0;
    look_for_local (trap);
  }
  if (addrs)
    g_array_unref (addrs);
}

static const IkeCallClass remote_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "host name",
  .timeout_ms = 20000,
  .then = remote_found,
  .undo = (GDestroyNotify) g_array_unref,
  .free_data = g_free,
};

/* A packet brings the SA up, which finds the addresses itself; so policies do without those that
 * are not known. */
static void
look_for_hosts (Trap *trap)
{
  IkeSaManager *manager = trap->traps->engine->sas;
  const IkeHostConf *host = trap->conn->n_remote_addrs ? &trap->conn->remote_addrs[0] : NULL;

  memset (&trap->remote, 0, sizeof trap->remote);
  if (is_shunt (trap->conf)) {
    memset (&trap->local, 0, sizeof trap->local);
    install (trap);
    return;
  }
  if (host && host->kind == 1)
    trap->remote = host->addr;
  if (trap->remote.family
      || (!ike_trap_needs_hosts (trap->conf, FALSE) && !ike_trap_needs_hosts (trap->conf, TRUE)))
    look_for_local (trap);
  else if (host && host->kind == 4 && manager->net_class)
    manager->net_class->resolve (manager->net->plugin, call_of (trap, &remote_call), host->text, 0);
  else
    fail (trap, "remote_addrs has no address to go to");
}

/* -- what comes and goes; control */

/* The reqid stays with the name, so that SAs that are up go on with the policies. */
static void
take_reqid (Trap *trap)
{
  guint32 reqid = ike_child_conf_reqid (trap->traps->engine->sas, trap->conf, trap->reqid);

  if (reqid == trap->reqid)
    return;
  if (trap->reqid)
    g_hash_table_remove (trap->traps->by_reqid, GUINT_TO_POINTER (trap->reqid));
  trap->reqid = reqid;
  g_hash_table_insert (trap->traps->by_reqid, GUINT_TO_POINTER (reqid), trap);
}

static void
trap_remove (Trap *trap)
{
  IkeTraps *traps = trap->traps;

  trap_stop_asking (trap);
  ike_timer_stop (trap->retry);
  set_remove (trap, &trap->present);
  set_remove (trap, &trap->next);
  if (g_hash_table_lookup (traps->by_reqid, GUINT_TO_POINTER (trap->reqid)) == trap)
    g_hash_table_remove (traps->by_reqid, GUINT_TO_POINTER (trap->reqid));
  g_hash_table_remove (traps->by_name, trap->name);
  g_hash_table_remove (traps->by_serial, &trap->serial);
  g_ptr_array_remove (traps->all, trap);
  ike_conn_unref (trap->conn);
  g_free (trap->name);
  g_free (trap->why);
  g_free (trap);
}

static Trap *
find_of (IkeTraps *traps, const char *conn, const char *child)
{
  g_autofree char *name = name_of (conn, child);

  return g_hash_table_lookup (traps->by_name, name);
}

gboolean
ike_traps_have (IkeTraps *traps, const IkeConn *conn, const IkeChildConf *conf)
{
  return find_of (traps, conn->name, conf->name) != NULL;
}

static void
want (IkeTraps *traps, IkeConn *conn, const IkeChildConf *conf, gboolean is_by_hand)
{
  Trap *trap = find_of (traps, conn->name, conf->name);

  if (!conf->has_policies || traps->is_closed)
    return;
  if (!trap)
    trap = trap_new (traps, conn, conf);
  else if (trap->conf == conf)
    return;
  ike_conn_ref (conn);
  ike_conn_unref (trap->conn);
  trap->conn = conn;
  trap->conf = conf;
  trap->is_by_hand |= is_by_hand;
  take_reqid (trap);
  ike_timer_stop (g_steal_pointer (&trap->retry));
  look_for_hosts (trap);
}

static void
drop (Trap *trap)
{
  ike_log (trap->traps->engine, IKE_LOG_NOTICE, "ike", "the %s %s is removed", kind_of (trap),
           trap->name);
  trap_remove (trap);
}

static gboolean
is_wanted (const IkeChildConf *conf, const Trap *there)
{
  return conf->start_action & IKE_ACTION_TRAP || (there && there->is_by_hand);
}

static void
add_wanted (IkeTraps *traps, const IkeConfig *config, const IkeConfig *previous)
{
  guint i, k;

  for (i = 0; i < config->n_conns; i++) {
    IkeConn *conn = config->conns[i];
    gboolean is_same = previous && ike_config_conn (previous, conn->name) == conn;
    for (k = 0; k < conn->n_children && !is_same; k++) {
      const IkeChildConf *conf = conn->children[k];
      if (is_wanted (conf, find_of (traps, conn->name, conf->name)))
        want (traps, conn, conf, FALSE);
    }
  }
}

static void
drop_unwanted (IkeTraps *traps, const IkeConfig *config)
{
  guint i = 0;

  while (i < traps->all->len) {
    Trap *trap = traps->all->pdata[i];
    const IkeConn *conn = ike_config_conn (config, trap->conn->name);
    const IkeChildConf *conf = conn ? ike_conn_child (conn, trap->conf->name) : NULL;
    if (conf && conf->has_policies && is_wanted (conf, trap))
      i++;
    else
      drop (trap);
  }
}

void
ike_traps_apply (IkeTraps *traps, IkeConfig *config, const IkeConfig *previous)
{
  add_wanted (traps, config, previous);
  drop_unwanted (traps, config);
}

/* -- from anywhere */

typedef struct {
  IkeEngine *engine;
  char *conn, *child;
  gboolean is_wanted;
} Change;

/* What counts is what is configured now: of a connection that was removed nothing comes to life. */
static void
run_change (gpointer data)
{
  Change *change = data;
  IkeTraps *traps = change->engine->sas->traps;
  g_autoptr (IkeConfig) config = ike_engine_config (change->engine);
  IkeConn *conn = config ? ike_config_conn (config, change->conn) : NULL;
  const IkeChildConf *conf = conn ? ike_conn_child (conn, change->child) : NULL;
  Trap *trap = traps ? find_of (traps, change->conn, change->child) : NULL;

  g_autofree char *why =
      conf && change->is_wanted ? ike_trap_why_not (change->engine, conn, conf) : NULL;

  if (why)
    ike_log (change->engine, IKE_LOG_ERROR, "ike", "%s.%s gets no trap: %s", change->conn,
             change->child, why);
  else if (traps && conf && change->is_wanted)
    want (traps, conn, conf, TRUE);
  else if (trap && !change->is_wanted)
    drop (trap);
}

static void
change_free (gpointer data)
{
  Change *change = data;

  g_free (change->conn);
  g_free (change->child);
  g_free (change);
}

static void
post_change (IkeEngine *engine, const IkeConn *conn, const IkeChildConf *conf, gboolean is_wanted)
{
  Change *change = g_new0 (Change, 1);

  *change = (Change){ engine, g_strdup (conn->name), g_strdup (conf->name), is_wanted };
  ike_loop_post (ike_engine_control (engine), run_change, change, change_free);
}

void
ike_traps_add (IkeEngine *engine, const IkeConn *conn, const IkeChildConf *conf)
{
  post_change (engine, conn, conf, TRUE);
}

void
ike_traps_remove (IkeEngine *engine, const IkeConn *conn, const IkeChildConf *conf)
{
  post_change (engine, conn, conf, FALSE);
}

/* -- the end */

void
ike_traps_close (IkeTraps *traps)
{
  guint i;

  traps->is_closed = TRUE;
  for (i = 0; i < traps->all->len; i++)
    trap_stop_asking (traps->all->pdata[i]);
}

void
ike_traps_free (IkeTraps *traps)
{
  if (!traps)
    return;
  while (traps->all->len)
    trap_remove (traps->all->pdata[traps->all->len - 1]);
  g_hash_table_unref (traps->by_name);
  g_hash_table_unref (traps->by_reqid);
  g_hash_table_unref (traps->by_serial);
  g_ptr_array_unref (traps->all);
  g_free (traps);
}

/* -- listing */

static void
describe (const Trap *trap, IkeTree *row)
{
  static const char *const modes[] = { "TUNNEL", "TRANSPORT", "BEET", "PASS", "DROP" };
  static const char *const states[] = { "INSTALLING", "INSTALLED", "FAILED" };
  static const char *const stages[] = { "", "ASKING", "RESTING" };
  const TrapSet *set = trap->present.n ? &trap->present : &trap->next;
  IkeTree *list;
  char from[128], to[128];
  guint i;

  ike_tree_set_string (row, "name", trap->conf->name);
  ike_tree_set_string (row, "connection", trap->conn->name);
  ike_tree_set_string (row, "kind", kind_of (trap));
  ike_tree_set_string (row, "mode", modes[trap->conf->mode]);
  ike_tree_set_string (row, "state",
                       trap->stage != TRAP_QUIET ? stages[trap->stage] : states[trap->state]);
  if (!is_shunt (trap->conf))
    ike_tree_set_int (row, "reqid", trap->reqid);
  if (trap->why)
    ike_tree_set_string (row, "why", trap->why);
  list = ike_tree_add_list (row, "policies");
  for (i = 0; i < set->n; i++) {
    const IkeKernelPolicy *policy = &set->policies[i];
    if (policy->direction != IKE_DIR_OUT)
      continue;
    ike_selector_format (&policy->source, from, sizeof from);
    ike_selector_format (&policy->destination, to, sizeof to);
    ike_tree_set_format (list, NULL, "%s === %s", from, to);
  }
}

IkeTree *
ike_traps_describe (IkeTraps *traps)
{
  IkeTree *rows = ike_tree_new_list ();
  guint i;

  for (i = 0; i < traps->all->len; i++)
    describe (traps->all->pdata[i], ike_tree_add_section (rows, NULL));
  return rows;
}
