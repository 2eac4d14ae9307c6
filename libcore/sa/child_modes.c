/* SPDX-License-Identifier: Apache-2.0 */
/* child_modes.c - what the mode of a CHILD_SA and its marks, label and compression make of a
 * request to the kernel plugin. */
#include "sa/sa_private.h"
#include <string.h>

void
ike_child_set_originals (IkeChild *child, const IkeAddr *local, const IkeAddr *remote)
{
  child->original_local = *local;
  child->original_remote = *remote;
}

void
ike_child_set_ipcomp (IkeChild *child, guint8 transform, guint16 cpi)
{
  child->ipcomp = transform;
  child->cpi_out = cpi;
}

guint16
ike_child_cpi (const IkeChild *child, gboolean is_inbound)
{
  return is_inbound ? child->cpi_in : child->cpi_out;
}

guint8
ike_child_mode (const IkeChild *child)
{
  return child->mode;
}

void
ike_child_drop_cpi (IkeChild *child)
{
  IkeSaManager *manager = child->sa->shard->manager;

  if (child->cpi_in && manager->kernel_class)
    manager->kernel_class->free_spi (manager->kernel->plugin, IKE_PROTOCOL_IPCOMP, child->cpi_in,
                                     &child->local);
  child->cpi_in = 0;
}

/* -- marks */

/* The number of the child is nobody else's; the two directions get two of them. */
static IkeMark
mark_of (const IkeChild *child, gboolean is_inbound)
{
  IkeMark mark = is_inbound ? child->conf->mark_in : child->conf->mark_out;

  if (mark.value == IKE_MARK_UNIQUE)
    mark.value = 2 * child->mark_id & mark.mask;
  else if (mark.value == IKE_MARK_UNIQUE_DIR)
    mark.value = (2 * child->mark_id + !is_inbound) & mark.mask;
  return mark;
}

static IkeMark
set_mark_of (const IkeChild *child, gboolean is_inbound)
{
  IkeMark mark = is_inbound ? child->conf->set_mark_in : child->conf->set_mark_out;

  return mark.value == IKE_MARK_SAME ? mark_of (child, is_inbound) : mark;
}

/* -- requests */

static void
host_of (const IkeSelector *selector, IkeSelector *out)
{
  *out = *selector;
  out->protocol = 0;
  out->port_first = 0;
  out->port_last = G_MAXUINT16;
}

void
ike_child_fill_modes (const IkeChild *child, gboolean is_inbound, IkeKernelSa *out)
{
  const IkeChildConf *conf = child->conf;

  if (!is_inbound || conf->mark_in_sa)
    out->mark = mark_of (child, is_inbound);
  out->set_mark = set_mark_of (child, is_inbound);
  out->ipcomp = child->ipcomp;
  out->cpi = child->ipcomp ? ike_child_cpi (child, is_inbound) : 0;
  out->offload = (guint8) conf->offload;
  out->label = conf->label;
  if ((child->mode != IKE_MODE_TRANSPORT && child->mode != IKE_MODE_BEET) || !child->n_local
      || !child->n_remote)
    return;
  host_of (&child->selectors[is_inbound ? child->n_local : 0], &out->inner_source);
  host_of (&child->selectors[is_inbound ? 0 : child->n_local], &out->inner_destination);
  if (is_inbound && child->mode == IKE_MODE_TRANSPORT) {
    out->original_source = child->original_remote;
    out->original_destination = child->original_local;
  }
}

void
ike_child_fill_policy_modes (const IkeChild *child, gboolean is_out, IkeKernelPolicy *out)
{
  out->mark = mark_of (child, !is_out);
  out->ipcomp = child->ipcomp;
  out->offload = (guint8) child->conf->offload;
  out->label = child->conf->label;
}

void
ike_child_describe_modes (const IkeChild *child, IkeTree *into)
{
  if (child->ipcomp) {
    ike_tree_set_format (into, "cpi-in", "%04x", child->cpi_in);
    ike_tree_set_format (into, "cpi-out", "%04x", child->cpi_out);
  }
  if (child->conf->label)
    ike_tree_set_string (into, "label", child->conf->label);
}
