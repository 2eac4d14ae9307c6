/* SPDX-License-Identifier: Apache-2.0 */
/* if_ids.c - which interface IDs the SAs and policies of a CHILD_SA bear, and what the interfaces
 * are called that the kernel plugin is to make for them.
 *
 * A number is the operator's, and so is the interface.  `%unique` is ours: the engine counts, from
 * FIRST so that the numbers that people write stay free, and asks for an interface with it. */
#include "sa/sa_private.h"

enum { FIRST = 0x10000 };

static guint32
next_id (IkeSaManager *manager)
{
  return FIRST + atomic_fetch_add (&manager->next_if_id, 1) + 1;
}

static gboolean
is_unique (guint32 id)
{
  return id >= IKE_IF_ID_UNIQUE_DIR;
}

/* %unique gives one ID to both directions, %unique-dir one to each. */
static void
give_ids (IkeSaManager *manager, guint32 *in, guint32 *out)
{
  gboolean is_each = *in == IKE_IF_ID_UNIQUE_DIR || *out == IKE_IF_ID_UNIQUE_DIR;
  guint32 id = is_each || (!is_unique (*in) && !is_unique (*out)) ? 0 : next_id (manager);

  if (is_unique (*in))
    *in = is_each ? next_id (manager) : id;
  if (is_unique (*out))
    *out = is_each ? next_id (manager) : id;
}

/* Those of the connection count where the child has none, and are the same for all children of
 * the IKE_SA. */
static void
inherit_ids (IkeSa *sa, guint32 *in, guint32 *out)
{
  if (*in && *out)
    return;
  if (!sa->if_id_in && !sa->if_id_out) {
    sa->if_id_in = sa->conn->if_id_in;
    sa->if_id_out = sa->conn->if_id_out;
    give_ids (sa->shard->manager, &sa->if_id_in, &sa->if_id_out);
  }
  if (!*in)
    *in = sa->if_id_in;
  if (!*out)
    *out = sa->if_id_out;
}

/* Was this ID given by the engine? */
static gboolean
is_given (const IkeChild *child, gboolean is_inbound)
{
  const IkeChildConf *conf = child->conf;
  const IkeConn *conn = child->conn;
  guint32 own = is_inbound ? conf->if_id_in : conf->if_id_out;

  return is_unique (own ? own : is_inbound ? conn->if_id_in : conn->if_id_out);
}

static char *
name_link (guint32 id)
{
  return g_strdup_printf ("ike-%u", id - FIRST);
}

void
ike_child_take_if_ids (IkeChild *child)
{
  const IkeChildConf *conf = child->conf;
  const IkeConn *conn = child->conn;

  if (!conf->if_id_in && !conf->if_id_out && !conn->if_id_in && !conn->if_id_out)
    return;
  child->if_id_in = conf->if_id_in;
  child->if_id_out = conf->if_id_out;
  give_ids (child->sa->shard->manager, &child->if_id_in, &child->if_id_out);
  inherit_ids (child->sa, &child->if_id_in, &child->if_id_out);
  if (is_given (child, TRUE))
    child->link_in = name_link (child->if_id_in);
  if (is_given (child, FALSE))
    child->link_out = name_link (child->if_id_out);
}

/* A successor is to the kernel, and to routes, what the one before it was. */
void
ike_child_inherit_if_ids (IkeChild *child, const IkeChild *old)
{
  child->if_id_in = old->if_id_in;
  child->if_id_out = old->if_id_out;
  child->link_in = g_strdup (old->link_in);
  child->link_out = g_strdup (old->link_out);
}

void
ike_child_free_if_ids (IkeChild *child)
{
  g_free (child->link_in);
  g_free (child->link_out);
}

void
ike_child_fill_link (const IkeChild *child, gboolean is_inbound, IkeKernelSa *out)
{
  const IkeSaManager *manager = child->sa->shard->manager;
  const char *name = is_inbound ? child->link_in : child->link_out;

  if (!name)
    return;
  out->flags |= IKE_KERNEL_MAKE_INTERFACE;
  out->link_name = name;
  if (manager->has_vrf_option)
    out->link_master = ike_option_text (child->conn->options, manager->vrf_option);
}

void
ike_child_describe_if_ids (const IkeChild *child, IkeTree *into)
{
  const char *interface = child->link_out  ? child->link_out
                          : child->link_in ? child->link_in
                                           : child->conf->interface;

  if (child->if_id_in)
    ike_tree_set_int (into, "if-id-in", child->if_id_in);
  if (child->if_id_out)
    ike_tree_set_int (into, "if-id-out", child->if_id_out);
  if (interface)
    ike_tree_set_string (into, "interface", interface);
}
