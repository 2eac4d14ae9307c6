/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_check.c - what a child asks of the data path against what the kernel plugin can do.
 *
 * What would leave packets without the protection that is written fails the connection; what only
 * makes packets smaller or faster is a warning, and is not asked for. */
#include "config/model_private.h"
#include <string.h>

guint32
ike_kernel_offers (IkeEngine *engine)
{
  const IkeProvided *kernel = ike_feature_find (engine, "kernel:ipsec", NULL);
  const IkeKernelClass *klass = kernel ? kernel->ops : NULL;

  if (!klass)
    return 0;
  return klass->offers ? klass->offers (kernel->plugin) : klass->features;
}

static gboolean
is_asked (IkeMark mark)
{
  return mark.mask != 0;
}

static void
check_marks (IkeBuilder *builder, const IkeTree *section, const IkeChildConf *child)
{
  if (child->mark_in.value == IKE_MARK_SAME)
    ike_builder_fail (builder, section, "mark_in", "%%same is for set_mark_in");
  if (child->mark_out.value == IKE_MARK_SAME)
    ike_builder_fail (builder, section, "mark_out", "%%same is for set_mark_out");
  if (child->set_mark_in.value >= IKE_MARK_UNIQUE_DIR)
    ike_builder_fail (builder, section, "set_mark_in", "write %%same to set the mark of the SA");
  if (child->set_mark_out.value >= IKE_MARK_UNIQUE_DIR)
    ike_builder_fail (builder, section, "set_mark_out", "write %%same to set the mark of the SA");
}

/* AH has no transforms beyond these: what cannot be carried is not offered to a peer. */
static void
check_ah (IkeBuilder *builder, const IkeTree *section, const IkeChildConf *child,
          const IkeProvided *kernel)
{
  const IkeKernelClass *klass = kernel->ops;

  if (!(ike_kernel_offers (builder->engine) & IKE_KERNEL_CAN_AH)) {
    ike_builder_fail (builder, section, "ah_proposals", "the kernel plugin %s cannot do AH",
                      ike_plugin_name (kernel->plugin));
    return;
  }
  for (guint i = 0; i < ike_proposals_n (child->ah_proposals); i++) {
    const IkeProposal *proposal = ike_proposals_nth (child->ah_proposals, i);
    for (guint k = 0; k < proposal->n_transforms; k++) {
      char name[48];
      if (klass->can (kernel->plugin, IKE_PROTOCOL_AH, &proposal->transforms[k]))
        continue;
      ike_builder_fail (builder, section, "ah_proposals",
                        "the kernel plugin %s cannot do %s; remove it",
                        ike_plugin_name (kernel->plugin),
                        ike_transform_format (&proposal->transforms[k], name));
    }
  }
}

static void
check_needed (IkeBuilder *builder, const IkeTree *section, const IkeChildConf *child,
              const char *plugin)
{
  guint32 offers = ike_kernel_offers (builder->engine);
  const char *key = is_asked (child->mark_in)        ? "mark_in"
                    : is_asked (child->mark_out)     ? "mark_out"
                    : is_asked (child->set_mark_in)  ? "set_mark_in"
                    : is_asked (child->set_mark_out) ? "set_mark_out"
                                                     : NULL;

  if (key && !(offers & IKE_KERNEL_CAN_MARK))
    ike_builder_fail (builder, section, key, "the kernel plugin %s knows no marks", plugin);
  if (child->label && !(offers & IKE_KERNEL_CAN_LABEL))
    ike_builder_fail (builder, section, "label", "the kernel plugin %s knows no security labels",
                      plugin);
}

static void
drop_unable (IkeBuilder *builder, const IkeTree *section, IkeChildConf *child, const char *plugin)
{
  guint32 offers = ike_kernel_offers (builder->engine);

  if (child->ipcomp && !(offers & IKE_KERNEL_CAN_IPCOMP)) {
    ike_builder_warn (builder, section, "ipcomp",
                      "the kernel plugin %s does not compress; it has no effect", plugin);
    child->ipcomp = FALSE;
  }
  if (child->offload != IKE_HW_OFFLOAD_NO && !(offers & IKE_KERNEL_CAN_OFFLOAD)) {
    if (child->offload != IKE_HW_OFFLOAD_AUTO)
      ike_builder_warn (builder, section, "hw_offload",
                        "the kernel plugin %s leaves nothing to devices; it has no effect", plugin);
    child->offload = IKE_HW_OFFLOAD_NO;
  }
}

void
ike_kernel_check (IkeBuilder *builder, const IkeTree *section, IkeChildConf *child)
{
  const IkeProvided *kernel = ike_feature_find (builder->engine, "kernel:ipsec", NULL);

  check_marks (builder, section, child);
  if (!kernel)
    return;
  if (child->ah_proposals)
    check_ah (builder, section, child, kernel);
  check_needed (builder, section, child, ike_plugin_name (kernel->plugin));
  drop_unable (builder, section, child, ike_plugin_name (kernel->plugin));
}
