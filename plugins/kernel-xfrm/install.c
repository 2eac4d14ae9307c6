/* SPDX-License-Identifier: Apache-2.0 */
/* install.c - SAs and policies into the kernel, all of a batch or nothing. */
#include "config.h"
#include <errno.h>
#include <ifaddrs.h>
#include <string.h>
#include <net/if.h>
#include <netinet/in.h>
#include "selectors.h"
#include "xfrm.h"

void
xfrm_sa_id (const IkeKernelSa *sa, XfrmSaId *id)
{
  memset (id, 0, sizeof *id);
  id->spi = sa->spi;
  id->protocol = xfrm_protocol (sa->protocol);
  id->destination = sa->destination;
  id->mark = sa->mark;
}

void
xfrm_ipcomp_id (const IkeKernelSa *sa, XfrmSaId *id)
{
  xfrm_sa_id (sa, id);
  id->spi = sa->cpi;
  id->protocol = IPPROTO_COMP;
}

XfrmSa *
xfrm_find_sa (Xfrm *xfrm, const IkeKernelSa *sa)
{
  XfrmSaId id;
  xfrm_sa_id (sa, &id);
  return g_hash_table_lookup (xfrm->sas, &id);
}

int
xfrm_interface (const Xfrm *xfrm, const char *interface)
{
  return xfrm->net ? (int) net_interface (xfrm->net, interface)
                   : (int) if_nametoindex (interface);
}

int
xfrm_device (const Xfrm *xfrm, const char *interface, const IkeAddr *addr)
{
  struct ifaddrs *all = NULL;
  int index = 0;
  if (interface)
    return xfrm_interface (xfrm, interface);
  if (xfrm->net)
    return (int) net_interface_of (xfrm->net, addr);
  if (getifaddrs (&all) < 0)
    return 0;
  for (const struct ifaddrs *at = all; at && !index; at = at->ifa_next) {
    IkeAddr own;
    if (at->ifa_addr && ike_addr_from_sockaddr (&own, at->ifa_addr, sizeof (struct sockaddr_in6))
        && ike_addr_same_host (&own, addr))
      index = (int) if_nametoindex (at->ifa_name);
  }
  freeifaddrs (all);
  return index;
}

/* -- SAs */

static gboolean
set_terms (Xfrm *xfrm, const IkeKernelSa *sa, XfrmTerms *terms, GError **error)
{
  char text[IKE_ADDR_TEXT_SIZE];
  const IkeAddr *own = sa->direction == IKE_DIR_IN ? &sa->destination : &sa->source;
  *terms = (XfrmTerms){ .reqid = xfrm_reqid (xfrm, sa->reqid, sa->flags), .offload = sa->offload };
  if (sa->offload == IKE_HW_OFFLOAD_NO)
    return TRUE;
  terms->interface = xfrm_device (xfrm, sa->interface, own);
  if (terms->interface) {
    if (sa->offload == IKE_HW_OFFLOAD_AUTO)
      terms->offload = IKE_HW_OFFLOAD_CRYPTO;
    return TRUE;
  }
  terms->offload = IKE_HW_OFFLOAD_NO;
  if (sa->offload == IKE_HW_OFFLOAD_AUTO)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND,
               "there is no device %s to offload to",
               sa->interface ? sa->interface : ike_addr_format (own, FALSE, text));
  return FALSE;
}

XfrmMessage *
xfrm_deletion_of (const XfrmSaId *id)
{
  XfrmMessage message;
  xfrm_message_sa_id (&message, XFRM_MSG_DELSA, id);
  return xfrm_steps_message (&message);
}

void
xfrm_add_delete (XfrmSteps *steps, const XfrmSaId *id)
{
  xfrm_steps_add (steps, &(XfrmStep){ .message = xfrm_deletion_of (id) });
}

static gboolean
add_ipcomp (Xfrm *xfrm, XfrmSteps *steps, const IkeKernelSa *sa, const XfrmTerms *terms,
            GError **error)
{
  XfrmSaId id;
  XfrmStep step = { .otherwise_error = ESRCH };
  XfrmMessage message;
  gboolean is_reserved;
  xfrm_ipcomp_id (sa, &id);
  is_reserved = g_hash_table_contains (xfrm->reserved, &id);
  if (!xfrm_message_ipcomp (&message, XFRM_MSG_NEWSA, sa, terms, error))
    return FALSE;
  step.message = xfrm_steps_message (&message);
  if (is_reserved) {
    step.otherwise = xfrm_steps_message (&message);
    step.message->header.nlmsg_type = XFRM_MSG_UPDSA;
  }
  step.undo = xfrm_deletion_of (&id);
  step.what = g_strdup_printf ("IPComp SA %04x", sa->cpi);
  xfrm_steps_add (steps, &step);
  return TRUE;
}

/* An SPI that was given out stands in the kernel for a while: the SA takes that place, or its own
 * when it came too late. */
static gboolean
add_sa (Xfrm *xfrm, XfrmSteps *steps, const IkeKernelSa *sa, GError **error)
{
  XfrmSaId id;
  XfrmTerms terms;
  XfrmStep step = { .otherwise_error = ESRCH };
  XfrmMessage message;
  guint16 type;
  gboolean is_good;
  xfrm_sa_id (sa, &id);
  type = g_hash_table_contains (xfrm->reserved, &id) ? XFRM_MSG_UPDSA : XFRM_MSG_NEWSA;
  if (!set_terms (xfrm, sa, &terms, error)
      || (sa->ipcomp && !add_ipcomp (xfrm, steps, sa, &terms, error)))
    return FALSE;
  is_good = xfrm_message_sa (&message, type, sa, &terms, error);
  if (is_good) {
    step.message = xfrm_steps_message (&message);
    if (sa->offload == IKE_HW_OFFLOAD_AUTO && terms.offload != IKE_HW_OFFLOAD_NO) {
      terms.offload = IKE_HW_OFFLOAD_NO;
      step.otherwise_error = 0;
      is_good = xfrm_message_sa (&message, type, sa, &terms, error);
      step.otherwise = xfrm_steps_message (&message);
    } else if (type == XFRM_MSG_UPDSA) {
      step.otherwise = xfrm_steps_message (&message);
      step.otherwise->header.nlmsg_type = XFRM_MSG_NEWSA;
    }
    step.undo = xfrm_deletion_of (&id);
    step.what = xfrm_sa_text (sa);
    xfrm_steps_add (steps, &step);
  }
  ike_wipe (&message, sizeof message);
  return is_good;
}

static gboolean
add_sas (Xfrm *xfrm, XfrmSteps *steps, GError **error)
{
  const XfrmRequest *request = xfrm->current;
  for (guint i = 0; i < request->n_sas; i++) {
    const IkeKernelSa *sa = &request->sas[i];
    if (xfrm_find_sa (xfrm, sa)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_BUSY, "there is an SA with SPI %08x already",
                   sa->spi);
      return FALSE;
    }
    if (!add_sa (xfrm, steps, sa, error)) {
      g_autofree char *text = xfrm_sa_text (sa);
      g_prefix_error (error, "%s: ", text);
      return FALSE;
    }
  }
  return TRUE;
}

static void
commit_sa (Xfrm *xfrm, const IkeKernelSa *from)
{
  XfrmSa *sa = g_new0 (XfrmSa, 1);
  xfrm_sa_id (from, &sa->id);
  sa->source = from->source;
  sa->reqid = xfrm_reqid (xfrm, from->reqid, from->flags);
  sa->flags = from->flags;
  sa->owner = from->sa;
  sa->child = from->child;
  sa->stamp = ++xfrm->last_stamp;
  sa->direction = from->direction;
  sa->cpi = from->ipcomp ? from->cpi : 0;
  g_hash_table_replace (xfrm->sas, &sa->id, sa);
}

/* -- policies */

/* How a piece of the batch gets into the kernel, and what it is there. */
typedef struct {
  IkeKernelPolicy piece;
  XfrmUse         use;
  int             bound;
} Plan;

static gboolean
find_interfaces (Xfrm *xfrm, Plan *plan, GError **error)
{
  const IkeKernelPolicy *piece = &plan->piece;
  const IkeAddr *own = piece->direction == IKE_DIR_OUT ? &piece->outer_source
                                                       : &piece->outer_destination;
  if (piece->direction == IKE_DIR_OUT && piece->interface)
    plan->bound = xfrm_interface (xfrm, piece->interface);
  if (piece->offload == IKE_HW_OFFLOAD_PACKET && piece->mode <= IKE_MODE_BEET)
    plan->use.device = xfrm_device (xfrm, piece->interface, own);
  if ((piece->direction == IKE_DIR_OUT && piece->interface && !plan->bound)
      || (plan->use.offload == IKE_HW_OFFLOAD_PACKET && !plan->use.device)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "there is no interface %s for a policy",
                 piece->interface ? piece->interface : "with the outer address");
    return FALSE;
  }
  return TRUE;
}

static XfrmTerms
terms_of (const XfrmUse *use, int bound)
{
  return (XfrmTerms){
    .reqid = use->reqid, .interface = use->device, .offload = use->offload, .bound = bound
  };
}

XfrmMessage *
xfrm_use_message (guint16 type, const XfrmUse *use, int bound, GError **error)
{
  XfrmTerms terms = terms_of (use, bound);
  XfrmMessage message;
  if (!xfrm_message_policy (&message, type, &use->policy, &terms, error))
    return NULL;
  return xfrm_steps_message (&message);
}

static guint8
rank_of (const XfrmRequest *request, const IkeKernelPolicy *piece)
{
  return piece->mode == IKE_MODE_PASS   ? XFRM_RANK_PASS
         : piece->mode == IKE_MODE_DROP ? XFRM_RANK_DROP
         : request->n_sas               ? XFRM_RANK_SA
                                        : XFRM_RANK_TRAP;
}

static gboolean
add_policy (Xfrm *xfrm, XfrmSteps *steps, Plan *plan, GError **error)
{
  const XfrmPolicy *there = g_hash_table_lookup (xfrm->policies, &plan->piece);
  gboolean is_stale = g_hash_table_contains (xfrm->stale, &plan->piece);
  XfrmStep step = { 0 };
  XfrmMessage message;
  if (there && plan->use.rank > there->rank)
    return TRUE;
  step.message = xfrm_use_message (there || is_stale ? XFRM_MSG_UPDPOLICY : XFRM_MSG_NEWPOLICY,
                             &plan->use, plan->bound, error);
  if (!step.message)
    return FALSE;
  if (there) {
    XfrmUse top = xfrm_policy_top (there);
    step.undo = xfrm_use_message (XFRM_MSG_UPDPOLICY, &top, there->bound, NULL);
  } else if (!is_stale) {
    xfrm_message_policy_id (&message, XFRM_MSG_DELPOLICY, &plan->piece, plan->bound, NULL);
    step.undo = xfrm_steps_message (&message);
  }
  if (TRUE) {
    g_autofree char *text = xfrm_policy_text (&plan->piece);
    step.what = g_strconcat ("policy ", text, NULL);
  }
  xfrm_steps_add (steps, &step);
  return TRUE;
}

static gboolean
plan_policies (Xfrm *xfrm, GArray *plans, GError **error)
{
  const XfrmRequest *request = xfrm->current;
  g_autoptr (GArray) pieces = g_array_new (FALSE, FALSE, sizeof (IkeKernelPolicy));
  for (guint i = 0; i < request->policies->len; i++)
    if (!xfrm_policy_expand (&g_array_index (request->policies, IkeKernelPolicy, i), pieces, error))
      return FALSE;
  for (guint i = 0; i < pieces->len; i++) {
    const IkeKernelPolicy *piece = &g_array_index (pieces, IkeKernelPolicy, i);
    Plan plan = { .piece = *piece,
                  .use = { .policy = *piece,
                           .reqid = xfrm_reqid (xfrm, piece->reqid, piece->flags),
                           .rank = rank_of (request, piece),
                           .offload = piece->offload == IKE_HW_OFFLOAD_PACKET
                                          ? (guint8) IKE_HW_OFFLOAD_PACKET
                                          : (guint8) IKE_HW_OFFLOAD_NO } };
    if (!find_interfaces (xfrm, &plan, error))
      return FALSE;
    g_array_append_val (plans, plan);
  }
  return TRUE;
}

static gboolean
add_policies (Xfrm *xfrm, XfrmSteps *steps, GArray *plans, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (xfrm_policy_hash, xfrm_policy_equal);
  for (guint i = 0; i < plans->len; i++) {
    Plan *plan = &g_array_index (plans, Plan, i);
    if (g_hash_table_add (seen, &plan->piece) && !add_policy (xfrm, steps, plan, error))
      return FALSE;
  }
  return TRUE;
}

static void
commit_policy (Xfrm *xfrm, const Plan *plan)
{
  XfrmPolicy *policy = g_hash_table_lookup (xfrm->policies, &plan->piece);
  if (policy)
    xfrm_policy_push (policy, &plan->use);
  else {
    policy = xfrm_policy_new (&plan->piece);
    policy->reqid = plan->use.reqid;
    policy->offload = plan->use.offload;
    policy->rank = plan->use.rank;
    policy->device = plan->use.device;
    policy->bound = plan->bound;
    g_hash_table_replace (xfrm->policies, &policy->policy, policy);
    g_hash_table_remove (xfrm->stale, &plan->piece);
  }
  if (plan->piece.mode <= IKE_MODE_BEET)
    xfrm_reqid_add_policy (xfrm, plan->use.reqid, policy);
}

/* -- the journal: before the kernel hears of it, and after it forgot */

static gboolean
write_down (Xfrm *xfrm, const GArray *plans, GArray *reqids, GError **error)
{
  const XfrmRequest *request = xfrm->current;
  for (guint i = 0; i < request->n_sas + plans->len; i++) {
    const IkeKernelPolicy *piece
        = i < request->n_sas ? NULL : &g_array_index (plans, Plan, i - request->n_sas).piece;
    guint32 reqid = piece ? xfrm_reqid (xfrm, piece->reqid, piece->flags)
                          : xfrm_reqid (xfrm, request->sas[i].reqid, request->sas[i].flags);
    if (piece && piece->mode > IKE_MODE_BEET) {
      g_autofree char *text = xfrm_policy_text (piece);
      if (xfrm->journal && !xfrm_journal_add_shunt (xfrm->journal, text, error))
        return FALSE;
      continue;
    }
    if (!xfrm_reqid_use (xfrm, reqid, error))
      return FALSE;
    g_array_append_val (reqids, reqid);
  }
  return TRUE;
}

void
xfrm_forget_shunt (Xfrm *xfrm, const IkeKernelPolicy *piece)
{
  g_autofree char *text = xfrm_policy_text (piece);
  if (xfrm->journal && !g_hash_table_contains (xfrm->policies, piece))
    xfrm_journal_drop_shunt (xfrm->journal, text);
}

static void
strike_out (Xfrm *xfrm, const GArray *plans, const GArray *reqids)
{
  for (guint i = 0; i < reqids->len; i++)
    xfrm_reqid_drop (xfrm, g_array_index (reqids, guint32, i));
  for (guint i = 0; i < plans->len; i++) {
    const IkeKernelPolicy *piece = &g_array_index (plans, Plan, i).piece;
    if (piece->mode > IKE_MODE_BEET)
      xfrm_forget_shunt (xfrm, piece);
  }
}

/* -- install */

/* What an installation needs until the kernel has answered. */
typedef struct {
  GArray    *plans, *reqids;
  XfrmSteps *steps;                           /* not run yet */
  gboolean   has_net;
} Install;

static Install *
install_new (void)
{
  Install *install = g_new0 (Install, 1);
  install->plans = g_array_new (FALSE, FALSE, sizeof (Plan));
  install->reqids = g_array_new (FALSE, FALSE, sizeof (guint32));
  return install;
}

static void
install_free (gpointer data)
{
  Install *install = data;
  g_array_unref (install->plans);
  g_array_unref (install->reqids);
  xfrm_steps_free (install->steps);
  g_free (install);
}

/* Whoever asked to install SPIs does not give them back. */
static void
settle_spis (Xfrm *xfrm, gboolean is_failed)
{
  const XfrmRequest *request = xfrm->current;
  for (guint i = 0; i < request->n_sas; i++) {
    XfrmSaId ids[2];
    xfrm_sa_id (&request->sas[i], &ids[0]);
    xfrm_ipcomp_id (&request->sas[i], &ids[1]);
    for (guint k = 0; k < 2; k++) {
      XfrmMessage message;
      if (!g_hash_table_remove (xfrm->reserved, &ids[k]) || !is_failed)
        continue;
      xfrm_message_sa_id (&message, XFRM_MSG_DELSA, &ids[k]);
      netlink_ask (xfrm->requests, &message.header, NULL, NULL);
    }
  }
}

static void
fail (Xfrm *xfrm, const GError *error)
{
  const Install *install = xfrm->current->state;
  IkeKernelBatch batch = xfrm_request_batch (xfrm->current);
  if (install->has_net)
    net_drop (xfrm->net, &batch);
  settle_spis (xfrm, TRUE);
  strike_out (xfrm, install->plans, install->reqids);
  xfrm_request_fail (xfrm->current, error->message);
}

static void
installed (Xfrm *xfrm, const GError *error)
{
  XfrmRequest *request = xfrm->current;
  const Install *install = request->state;
  if (error)
    fail (xfrm, error);
  else {
    for (guint i = 0; i < request->n_sas; i++)
      commit_sa (xfrm, &request->sas[i]);
    for (guint i = 0; i < install->plans->len; i++)
      commit_policy (xfrm, &g_array_index (install->plans, Plan, i));
    settle_spis (xfrm, FALSE);
    xfrm_request_answer (request, GUINT_TO_POINTER (1));
  }
  xfrm_done (xfrm);
}

static void
have_net (gpointer data, const char *why)
{
  Xfrm *xfrm = data;
  Install *install;
  g_autoptr (GError) error = NULL;
  if (xfrm->is_stopping)
    return;
  install = xfrm->current->state;
  if (!why) {
    install->has_net = xfrm->net != NULL;
    xfrm_steps_run (g_steal_pointer (&install->steps), installed);
    return;
  }
  g_set_error_literal (&error, IKE_ERROR, IKE_ERROR_SYSTEM, why);
  fail (xfrm, error);
  xfrm_done (xfrm);
}

void
xfrm_install (Xfrm *xfrm)
{
  Install *install = install_new ();
  IkeKernelBatch batch = xfrm_request_batch (xfrm->current);
  g_autoptr (GError) error = NULL;
  install->steps = xfrm_steps_new (xfrm);
  xfrm->current->state = install;
  xfrm->current->free_state = install_free;
  if (!plan_policies (xfrm, install->plans, &error) || !add_sas (xfrm, install->steps, &error)
      || !add_policies (xfrm, install->steps, install->plans, &error)
      || !write_down (xfrm, install->plans, install->reqids, &error)) {
    fail (xfrm, error);
    xfrm_done (xfrm);
  } else if (xfrm->net)
    net_need (xfrm->net, &batch, have_net, xfrm);
  else
    have_net (xfrm, NULL);
}
