/* SPDX-License-Identifier: Apache-2.0 */
/* remove.c - SAs and policies out of the kernel: policies first, for an SA that still has one would
 * be asked for again.  What is not there is no error. */
#include "config.h"
#include <string.h>
#include <netinet/in.h>
#include "selectors.h"
#include "xfrm.h"

static void
remove_piece (Xfrm *xfrm, XfrmSteps *steps, const IkeKernelPolicy *piece)
{
  XfrmPolicy *policy = g_hash_table_lookup (xfrm->policies, piece);
  guint32 reqid = xfrm_reqid (xfrm, piece->reqid, piece->flags);
  XfrmMessage message;
  XfrmUse before, top, popped;
  gboolean is_left;
  if (!policy)
    return;
  before = xfrm_policy_top (policy);
  is_left = xfrm_policy_pop (policy, piece->spi, reqid, &popped);
  if (popped.policy.mode <= IKE_MODE_BEET)
    xfrm_reqid_remove_policy (xfrm, popped.reqid, policy);
  top = xfrm_policy_top (policy);
  if (is_left && memcmp (&top, &before, sizeof top) != 0)
    xfrm_steps_add (steps, &(XfrmStep){ .message = xfrm_use_message (XFRM_MSG_UPDPOLICY, &top,
                                                               policy->bound, NULL) });
  if (!is_left) {
    xfrm_message_policy_id (&message, XFRM_MSG_DELPOLICY, piece, policy->bound, NULL);
    xfrm_steps_add (steps, &(XfrmStep){ .message = xfrm_steps_message (&message) });
    g_hash_table_remove (xfrm->policies, piece);
  }
  /* Struck out when the kernel has forgotten it. */
  if (popped.policy.mode <= IKE_MODE_BEET)
    g_array_append_val (xfrm->current->reqids, popped.reqid);
}

static void
remove_sa (Xfrm *xfrm, XfrmSteps *steps, const IkeKernelSa *which)
{
  XfrmSa *sa = xfrm_find_sa (xfrm, which);
  if (!sa)
    return;
  xfrm_add_delete (steps, &sa->id);
  if (sa->cpi) {
    XfrmSaId id = sa->id;
    id.spi = sa->cpi;
    id.protocol = IPPROTO_COMP;
    xfrm_add_delete (steps, &id);
  }
  g_array_append_val (xfrm->current->reqids, sa->reqid);
  g_hash_table_remove (xfrm->sas, &sa->id);
}

static void
removed (Xfrm *xfrm, const GError *error)
{
  XfrmRequest *request = xfrm->current;
  IkeKernelBatch batch = xfrm_request_batch (request);
  const GArray *pieces = request->state;
  if (xfrm->net)
    net_drop (xfrm->net, &batch);
  for (guint i = 0; i < request->reqids->len; i++)
    xfrm_reqid_drop (xfrm, g_array_index (request->reqids, guint32, i));
  for (guint i = 0; i < pieces->len; i++) {
    const IkeKernelPolicy *piece = &g_array_index (pieces, IkeKernelPolicy, i);
    if (piece->mode > IKE_MODE_BEET)
      xfrm_forget_shunt (xfrm, piece);
  }
  xfrm_request_answer (request, GUINT_TO_POINTER (1));
  xfrm_done (xfrm);
}

void
xfrm_remove (Xfrm *xfrm)
{
  XfrmRequest *request = xfrm->current;
  XfrmSteps *steps = xfrm_steps_new (xfrm);
  GArray *pieces = g_array_new (FALSE, FALSE, sizeof (IkeKernelPolicy));
  request->state = pieces;
  request->free_state = (GDestroyNotify) g_array_unref;
  /* What cannot be expanded was never installed. */
  for (guint i = 0; i < request->policies->len; i++)
    (void) xfrm_policy_expand (&g_array_index (request->policies, IkeKernelPolicy, i), pieces,
                               NULL);
  for (guint i = 0; i < pieces->len; i++)
    remove_piece (xfrm, steps, &g_array_index (pieces, IkeKernelPolicy, i));
  for (guint i = 0; i < request->n_sas; i++)
    remove_sa (xfrm, steps, &request->sas[i]);
  xfrm_steps_run (steps, removed);
}
