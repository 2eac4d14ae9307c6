/* SPDX-License-Identifier: Apache-2.0 */
/* move.c - gives an SA other addresses, and its policies with it.
 *
 * XFRM_MSG_MIGRATE is not used: it is missing from many kernels, wants a policy for each call, and
 * older ones forget the interface ID and the ports of UDP encapsulation.  The SA is read, deleted
 * and installed again with all that it has counted.  Meanwhile its policies stand, so nothing
 * leaves in the clear; what they ask for is not passed on.  What was sent between reading and
 * deleting is skipped in the sequence numbers (message.c). */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include "xfrm.h"

/* What changes with the SA. */
typedef struct {
  GPtrArray *policies;                        /* XfrmPolicy, each once */
  GArray    *befores;                         /* XfrmUse: as they were in the kernel */
} Move;

static void
move_free (gpointer data)
{
  Move *move = data;
  g_ptr_array_unref (move->policies);
  g_array_unref (move->befores);
  g_free (move);
}

static gboolean
is_between (const IkeKernelPolicy *policy, const IkeKernelSa *sa)
{
  return (policy->direction == IKE_DIR_OUT) == (sa->direction == IKE_DIR_OUT)
         && ike_addr_same_host (&policy->outer_source, &sa->source)
         && ike_addr_same_host (&policy->outer_destination, &sa->destination);
}

static void
move_use (IkeKernelPolicy *policy, const IkeKernelSa *from, const IkeKernelSa *to)
{
  if (!is_between (policy, from))
    return;
  policy->outer_source = to->source;
  policy->outer_destination = to->destination;
}

static void
move_uses (XfrmPolicy *policy, guint32 reqid, const IkeKernelSa *from, const IkeKernelSa *to)
{
  if (policy->reqid == reqid)
    move_use (&policy->policy, from, to);
  for (guint i = 0; policy->others && i < policy->others->len; i++) {
    XfrmUse *use = &g_array_index (policy->others, XfrmUse, i);
    if (use->reqid == reqid)
      move_use (&use->policy, from, to);
  }
}

/* Children that are rekeyed share a policy: it is listed once for each of them. */
static void
find_policies (Xfrm *xfrm, const XfrmSa *sa, Move *move)
{
  const XfrmReqid *own = xfrm_reqid_get (xfrm, sa->reqid);
  for (guint i = 0; own && own->policies && i < own->policies->len; i++) {
    XfrmPolicy *policy = g_ptr_array_index (own->policies, i);
    XfrmUse top = xfrm_policy_top (policy);
    if (g_ptr_array_find (move->policies, policy, NULL))
      continue;
    g_ptr_array_add (move->policies, policy);
    g_array_append_val (move->befores, top);
  }
}

static void
add_policies (XfrmSteps *steps, const Move *move)
{
  for (guint i = 0; i < move->policies->len; i++) {
    const XfrmPolicy *policy = g_ptr_array_index (move->policies, i);
    const XfrmUse *before = &g_array_index (move->befores, XfrmUse, i);
    XfrmUse top = xfrm_policy_top (policy);
    if (ike_addr_same_host (&top.policy.outer_source, &before->policy.outer_source)
        && ike_addr_same_host (&top.policy.outer_destination, &before->policy.outer_destination))
      continue;
    xfrm_steps_add (steps,
                    &(XfrmStep){ .message = xfrm_use_message (XFRM_MSG_UPDPOLICY, &top,
                                                              policy->bound, NULL),
                                 .undo = xfrm_use_message (XFRM_MSG_UPDPOLICY, before,
                                                           policy->bound, NULL),
                                 .what = g_strdup ("policy of an SA that moves") });
  }
}

static gboolean
add_ipcomp (Xfrm *xfrm, XfrmSteps *steps, const IkeKernelSa *from, const IkeKernelSa *to,
            GError **error)
{
  XfrmTerms terms = { .reqid = xfrm_reqid (xfrm, to->reqid, to->flags) };
  XfrmMessage before, after;
  XfrmSaId old, new_;
  if (!to->ipcomp)
    return TRUE;
  xfrm_ipcomp_id (from, &old);
  xfrm_ipcomp_id (to, &new_);
  if (!xfrm_message_ipcomp (&before, XFRM_MSG_NEWSA, from, &terms, error)
      || !xfrm_message_ipcomp (&after, XFRM_MSG_NEWSA, to, &terms, error))
    return FALSE;
  xfrm_steps_add (steps, &(XfrmStep){ .message = xfrm_deletion_of (&old),
                                      .undo = xfrm_steps_message (&before) });
  xfrm_steps_add (steps, &(XfrmStep){ .message = xfrm_steps_message (&after),
                                      .undo = xfrm_deletion_of (&new_),
                                      .what = g_strdup ("IPComp SA at its new address") });
  return TRUE;
}

/* A packet that met the policy meanwhile left a placeholder with this SPI in the kernel, whose
 * place the SA may take: what was really there was deleted before. */
static XfrmMessage *
as_update (const XfrmMessage *message)
{
  XfrmMessage *update = xfrm_steps_message (message);
  update->header.nlmsg_type = XFRM_MSG_UPDSA;
  return update;
}

static gboolean
add_sa (XfrmSteps *steps, const XfrmSa *sa, const struct nlmsghdr *state, const IkeKernelSa *from,
        const IkeKernelSa *to, GError **error)
{
  XfrmMessage before, after;
  XfrmSaId id;
  gboolean is_good = xfrm_message_moved (&before, state, from, error)
                     && xfrm_message_moved (&after, state, to, error);
  if (is_good) {
    xfrm_sa_id (to, &id);
    xfrm_steps_add (steps, &(XfrmStep){ .message = xfrm_deletion_of (&sa->id),
                                        .undo = xfrm_steps_message (&before) });
    xfrm_steps_add (steps, &(XfrmStep){ .message = xfrm_steps_message (&after),
                                        .otherwise = as_update (&after),
                                        .otherwise_error = EEXIST,
                                        .undo = xfrm_deletion_of (&id),
                                        .what = xfrm_sa_text (to) });
  }
  ike_wipe (&before, sizeof before);
  ike_wipe (&after, sizeof after);
  return is_good;
}

/* -- the course of it */

static void
end (Xfrm *xfrm, const GError *error)
{
  XfrmRequest *request = xfrm->current;
  guint32 reqid = xfrm_reqid (xfrm, request->sas[0].reqid, request->sas[0].flags);
  g_hash_table_remove (xfrm->moving, GUINT_TO_POINTER (reqid));
  if (error)
    xfrm_request_fail (request, error->message);
  else
    xfrm_request_answer (request, GUINT_TO_POINTER (1));
  xfrm_done (xfrm);
}

static void
moved (Xfrm *xfrm, const GError *error)
{
  const IkeKernelSa *from = &xfrm->current->sas[0], *to = &xfrm->current->sas[1];
  const Move *move = xfrm->current->state;
  XfrmSa *sa = xfrm_find_sa (xfrm, from);
  for (guint i = 0; error && sa && i < move->policies->len; i++)
    move_uses (g_ptr_array_index (move->policies, i), sa->reqid, to, from);
  if (!error && sa) {
    g_hash_table_steal (xfrm->sas, &sa->id);
    xfrm_sa_id (to, &sa->id);
    sa->source = to->source;
    sa->flags = to->flags;
    sa->stamp = ++xfrm->last_stamp;
    g_hash_table_replace (xfrm->sas, &sa->id, sa);
    if (xfrm->net && to->direction == IKE_DIR_OUT)
      net_moved (xfrm->net, from, to);
  }
  end (xfrm, error);
}

static void
know_state (gpointer data, const NetlinkAnswer *answer)
{
  Xfrm *xfrm = data;
  const IkeKernelSa *from, *to;
  g_autoptr (GError) error = NULL;
  XfrmSteps *steps;
  XfrmSa *sa;
  Move *move;
  if (answer->error == ECANCELED)
    return;
  from = &xfrm->current->sas[0];
  to = &xfrm->current->sas[1];
  sa = xfrm_find_sa (xfrm, from);
  move = xfrm->current->state;
  steps = xfrm_steps_new (xfrm);
  if (answer->error || !answer->message)
    g_set_error (&error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "the kernel has no SA %08x to move: %s",
                 from->spi, answer->error ? answer->reason : "no answer");
  if (error || !add_ipcomp (xfrm, steps, from, to, &error)
      || !add_sa (steps, sa, answer->message, from, to, &error)) {
    xfrm_steps_free (steps);
    end (xfrm, error);
    return;
  }
  find_policies (xfrm, sa, move);
  for (guint i = 0; i < move->policies->len; i++)
    move_uses (g_ptr_array_index (move->policies, i), sa->reqid, from, to);
  add_policies (steps, move);
  xfrm_steps_run (steps, moved);
}

static gboolean
can_move (Xfrm *xfrm, const IkeKernelSa *from, const IkeKernelSa *to, GError **error)
{
  const XfrmSa *sa = xfrm_find_sa (xfrm, from), *other = xfrm_find_sa (xfrm, to);
  if (!sa || sa->direction != from->direction)
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "there is no SA with SPI %08x", from->spi);
  else if (other && other != sa)
    g_set_error (error, IKE_ERROR, IKE_ERROR_BUSY, "there is an SA with SPI %08x already", to->spi);
  else if (to->spi != from->spi || to->protocol != from->protocol || to->reqid != from->reqid)
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, "only the addresses of an SA can change");
  else
    return TRUE;
  return FALSE;
}

void
xfrm_update (Xfrm *xfrm)
{
  XfrmRequest *request = xfrm->current;
  const XfrmSa *sa = xfrm_find_sa (xfrm, &request->sas[0]);
  g_autoptr (GError) error = NULL;
  Move *move = g_new0 (Move, 1);
  XfrmMessage message;
  move->policies = g_ptr_array_new ();
  move->befores = g_array_new (FALSE, FALSE, sizeof (XfrmUse));
  request->state = move;
  request->free_state = move_free;
  if (!can_move (xfrm, &request->sas[0], &request->sas[1], &error)) {
    end (xfrm, error);
    return;
  }
  g_hash_table_add (xfrm->moving, GUINT_TO_POINTER (sa->reqid));
  xfrm_message_sa_id (&message, XFRM_MSG_GETSA, &sa->id);
  netlink_ask (xfrm->requests, &message.header, know_state, xfrm);
}
