/* SPDX-License-Identifier: Apache-2.0 */
/* message_policy.c - policies as messages of XFRM. */
#include "config.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include "message_private.h"
#include "selectors.h"

static void
set_template (struct xfrm_user_tmpl *to, const IkeKernelPolicy *policy, const XfrmTerms *terms,
              guint8 mode)
{
  const IkeAddr *destination = &policy->outer_destination;
  guint8 family = destination->family ? destination->family : policy->source.family;
  to->family = (guint16) xfrm_family (family);
  to->reqid = terms->reqid;
  to->mode = xfrm_mode_of (mode);
  to->aalgos = to->ealgos = to->calgos = G_MAXUINT32;
  /* In transport mode the packet has the addresses itself. */
  if (mode == IKE_MODE_TRANSPORT)
    return;
  xfrm_address_set (&to->id.daddr, destination);
  xfrm_address_set (&to->saddr, &policy->outer_source);
}

/* RFC 3173, 2.2: what does not get smaller is sent uncompressed; so in what comes in the template
 * for IPComp is optional. */
static void
put_templates (XfrmMessage *message, const IkeKernelPolicy *policy, const XfrmTerms *terms)
{
  struct xfrm_user_tmpl templates[2] = { 0 }, *to = templates;
  guint8 mode = policy->mode;
  if (policy->ipcomp) {
    set_template (to, policy, terms, mode);
    to->id.proto = IPPROTO_COMP;
    to->optional = policy->direction != IKE_DIR_OUT;
    mode = IKE_MODE_TRANSPORT;
    to++;
  }
  set_template (to, policy, terms, mode);
  to->id.proto = xfrm_protocol (policy->protocol);
  if (policy->direction == IKE_DIR_OUT)
    to->id.spi = htonl (policy->spi);
  to++;
  xfrm_put (message, XFRMA_TMPL, templates, (gsize) (to - templates) * sizeof *to);
}

static guint8
direction_of (const IkeKernelPolicy *policy)
{
  return policy->direction == IKE_DIR_OUT  ? XFRM_POLICY_OUT
         : policy->direction == IKE_DIR_IN ? XFRM_POLICY_IN
                                           : XFRM_POLICY_FWD;
}

static void
put_key (XfrmMessage *message, const IkeKernelPolicy *policy)
{
  xfrm_put_mark (message, &policy->mark);
  if (policy->if_id)
    xfrm_put (message, XFRMA_IF_ID, &policy->if_id, sizeof policy->if_id);
}

gboolean
xfrm_message_policy (XfrmMessage *message, guint16 type, const IkeKernelPolicy *policy,
                     const XfrmTerms *terms, GError **error)
{
  struct xfrm_userpolicy_info *info;
  xfrm_begin (message, type, NLM_F_CREATE | NLM_F_EXCL);
  info = mnl_nlmsg_put_extra_header (&message->header, sizeof *info);
  if (!xfrm_selector_set (&info->sel, &policy->source, &policy->destination, error))
    return FALSE;
  info->sel.ifindex = terms->bound;
  info->lft.soft_byte_limit = info->lft.hard_byte_limit = XFRM_INF;
  info->lft.soft_packet_limit = info->lft.hard_packet_limit = XFRM_INF;
  info->priority = xfrm_policy_priority (policy);
  info->dir = direction_of (policy);
  info->action = policy->mode == IKE_MODE_DROP ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
  info->share = XFRM_SHARE_ANY;
  if (policy->mode <= IKE_MODE_BEET)
    put_templates (message, policy, terms);
  put_key (message, policy);
  /* Only packets that the device handles whole are looked up there. */
  if (terms->offload == IKE_HW_OFFLOAD_PACKET)
    xfrm_put_offload (message, terms, 0);
  return xfrm_put_label (message, policy->label, error);
}

void
xfrm_message_thresholds (XfrmMessage *message, guint8 family, guint local, guint remote)
{
  struct xfrmu_spdhthresh threshold = { (guint8) local, (guint8) remote };
  xfrm_begin (message, XFRM_MSG_NEWSPDINFO, 0);
  *(guint32 *) mnl_nlmsg_put_extra_header (&message->header, sizeof (guint32)) = G_MAXUINT32;
  xfrm_put (message, family == 6 ? XFRMA_SPD_IPV6_HTHRESH : XFRMA_SPD_IPV4_HTHRESH, &threshold,
            sizeof threshold);
}

gboolean
xfrm_message_policy_id (XfrmMessage *message, guint16 type, const IkeKernelPolicy *policy,
                        int bound, GError **error)
{
  struct xfrm_userpolicy_id *id;
  xfrm_begin (message, type, 0);
  id = mnl_nlmsg_put_extra_header (&message->header, sizeof *id);
  if (!xfrm_selector_set (&id->sel, &policy->source, &policy->destination, error))
    return FALSE;
  id->sel.ifindex = bound;
  id->dir = direction_of (policy);
  put_key (message, policy);
  return xfrm_put_label (message, policy->label, error);
}
