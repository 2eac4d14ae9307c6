/* SPDX-License-Identifier: Apache-2.0 */
/* trap_check.c - can the policies of a child be installed before it has an SA? */
#include "config/model_private.h"
#include <string.h>

static gboolean
is_unique (guint32 if_id)
{
  return if_id == IKE_IF_ID_UNIQUE || if_id == IKE_IF_ID_UNIQUE_DIR;
}

static const char *
why_nothing_to_bear (const IkeConn *conn, const IkeChildConf *child)
{
  if (is_unique (child->if_id_in) || is_unique (child->if_id_out) || is_unique (conn->if_id_in)
      || is_unique (conn->if_id_out))
    return "the interface of if_id = %unique comes with the SA, so no packet reaches it before; "
           "write a number";
  if (child->mark_in.value >= IKE_MARK_UNIQUE_DIR || child->mark_out.value >= IKE_MARK_UNIQUE_DIR)
    return "a mark of %unique comes with the SA, so no packet bears it before; write a number";
  return NULL;
}

/* 1: an address, 4: a name. */
static gboolean
has_peer (const IkeConn *conn)
{
  return conn->n_remote_addrs
         && (conn->remote_addrs[0].kind == 1 || conn->remote_addrs[0].kind == 4);
}

char *
ike_trap_why_not (IkeEngine *engine, const IkeConn *conn, const IkeChildConf *child)
{
  const IkeProvided *kernel = ike_feature_find (engine, "kernel:ipsec", NULL);
  gboolean is_shunt = child->mode > IKE_MODE_BEET;
  const char *why = why_nothing_to_bear (conn, child);

  if (why)
    return g_strdup (why);
  if (!child->has_policies)
    return g_strdup ("with policies = no there is no policy that a packet could meet");
  if (!is_shunt && !has_peer (conn))
    return g_strdup ("a packet does not say which peer its SA is to be made with; write the "
                     "address or the name of one in remote_addrs");
  if (kernel
      && !(ike_kernel_offers (engine) & (is_shunt ? IKE_KERNEL_CAN_SHUNT : IKE_KERNEL_CAN_TRAP)))
    return g_strdup_printf ("the kernel plugin %s installs no %s; core.kernel chooses another",
                            ike_plugin_name (kernel->plugin), is_shunt ? "shunts" : "traps");
  return NULL;
}

/* What was written as a protection and is none fails the connection; where the operator said that
 * policies are his own affair, a trap is merely without effect. */
void
ike_traps_check (IkeBuilder *builder, const IkeTree *children, const IkeConn *conn)
{
  for (guint i = 0; i < conn->n_children; i++) {
    const IkeChildConf *child = conn->children[i];
    const IkeTree *section = ike_tree_get (children, child->name);
    const IkeTree *leaf = ike_tree_child (section, "start_action", strlen ("start_action"), FALSE);
    g_autofree char *why = NULL;
    gsize len;
    if (!(child->start_action & IKE_ACTION_TRAP)
        || !(why = ike_trap_why_not (builder->engine, conn, child)))
      continue;
    len = ike_builder_push (builder, child->name);
    if (child->has_policies)
      ike_builder_fail (builder, leaf ? leaf : section, "start_action", "%s", why);
    else
      ike_builder_warn (builder, leaf ? leaf : section, "start_action", "%s", why);
    ike_builder_pop (builder, len);
  }
}
