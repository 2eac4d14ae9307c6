/* SPDX-License-Identifier: Apache-2.0 */
/* roam.c - what an extension that moves SAs stands on: it hears that the network changed, holds
 * CHILD_SAs where they are, has what was asked sent again, shares the default's pace, and shows in
 * listings. */
#include "seams/seams.h"
#include <ikebana/kernel.h>
#include <ikebana/tree.h>

static SeamRoam *
roam_of (IkePlugin *self)
{
  return ike_plugin_state (self);
}

static IkeHookVerdict
net_change (IkePlugin *self, IkeSa *none, IkeNetChangeEvent *event)
{
  SeamRoam *roam = roam_of (self);

  roam->n_changes[event->shard % G_N_ELEMENTS (roam->n_changes)]++;
  roam->what |= event->what;
  return none ? IKE_HOOK_REJECT : IKE_HOOK_PASS;
}

static IkeHookVerdict
describe (IkePlugin *self, IkeSa *sa, IkeDescribeEvent *event)
{
  ike_tree_set_int (event->tree, "roamed", roam_of (self)->n_changes[0]);
  return IKE_HOOK_PASS;
}

static gboolean
takes (IkePlugin *self, IkeSa *sa, const IkeExchange *x)
{
  return ike_sa_state (sa) >= IKE_SA_ESTABLISHED;
}

/* Twice as fast as the default, and no longer. */
static guint32
pace (IkePlugin *self, IkeSa *sa, const IkeExchange *x, guint n, IkeAddr *local, IkeAddr *remote)
{
  roam_of (self)->n_paced++;
  return ike_exchange_pace (x, n) / 2;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, g_new0 (SeamRoam, 1), g_free);
  return ike_net_change_hook_add (self, "roam", NULL, net_change, error)
         && ike_describe_hook_add (self, "roam", NULL, describe, error);
}

/* As a kernel plugin does that takes away what it made: all SAs are gone by then. */
static void
deactivate (IkePlugin *self)
{
  IkeKernelNetEvent event = { .struct_size = sizeof event, .what = IKE_CHANGE_LINK };

  ike_kernel_net_changed (self, &event);
}

static const IkeTransmitClass transmit = {
  .struct_size = sizeof (IkeTransmitClass),
  .takes = takes,
  .pace = pace,
};
SEAM_FEATURE (transmit_feature, "transmit:roam", transmit);
static const IkeFeature *const features[] = { &transmit_feature, NULL };

IKE_PLUGIN (seam_roam_plugin, "seam-roam", 0, .version = "0", .license = "Apache-2.0",
            .summary = "hears of changes, and holds", .features = features, .activate = activate,
            .deactivate = deactivate);
