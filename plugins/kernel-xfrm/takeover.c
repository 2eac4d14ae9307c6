/* SPDX-License-Identifier: Apache-2.0 */
/* takeover.c - what an earlier process of ours left in the kernel, and what we leave at the end.
 *
 * SAs of the journal go at once: nobody has their keys any more.  Its policies stay for a while
 * (`takeover_delay`): what they cover is not sent in the clear while connections are loaded and
 * SAs are made anew.  A policy that is wanted again takes the place of the old one in one step;
 * what nobody wanted when the time is over is deleted.  Requests wait until it is known what is
 * there. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <ikebana/log.h>
#include "selectors.h"
#include "xfrm.h"

/* -- what is there */

static gboolean
is_ipsec (guint8 protocol)
{
  return protocol == IPPROTO_ESP || protocol == IPPROTO_AH || protocol == IPPROTO_COMP;
}

static void
get_mark (const struct nlattr *attribute, IkeMark *mark)
{
  const struct xfrm_mark *from = netlink_content (attribute, sizeof *from);
  *mark = from ? (IkeMark){ from->v, from->m } : (IkeMark){ 0, 0 };
}

static void
found_sa (gpointer data, const struct nlmsghdr *message)
{
  Xfrm *xfrm = data;
  const struct xfrm_usersa_info *state = netlink_body (message, sizeof *state);
  const struct nlattr *table[XFRMA_MAX + 1];
  XfrmMessage deletion;
  XfrmSaId id;
  if (!state || !state->id.spi || !is_ipsec (state->id.proto)
      || !xfrm_journal_had_reqid (xfrm->journal, state->reqid))
    return;
  netlink_attributes (message, sizeof *state, table, XFRMA_MAX);
  id = (XfrmSaId){ .spi = ntohl (state->id.spi), .protocol = state->id.proto };
  xfrm_address_get (&id.destination, &state->id.daddr, state->family);
  get_mark (table[XFRMA_MARK], &id.mark);
  xfrm_message_sa_id (&deletion, XFRM_MSG_DELSA, &id);
  netlink_ask (xfrm->requests, &deletion.header, NULL, NULL);
  xfrm->n_taken_over++;
}

static gboolean
is_ours (Xfrm *xfrm, const IkeKernelPolicy *policy, const struct nlattr *attribute)
{
  const struct xfrm_user_tmpl *template = netlink_content (attribute, sizeof *template);
  g_autofree char *text = NULL;
  if (template)
    return xfrm_journal_had_reqid (xfrm->journal, template->reqid);
  text = xfrm_policy_text (policy);
  return xfrm_journal_had_shunt (xfrm->journal, text);
}

static gboolean
is_main (const struct nlattr *attribute)
{
  const struct xfrm_userpolicy_type *type = netlink_content (attribute, sizeof *type);
  return !type || type->type == XFRM_POLICY_TYPE_MAIN;
}

/* Policies of sockets have other directions. */
static void
found_policy (gpointer data, const struct nlmsghdr *message)
{
  Xfrm *xfrm = data;
  const struct xfrm_userpolicy_info *info = netlink_body (message, sizeof *info);
  const struct nlattr *table[XFRMA_MAX + 1];
  IkeKernelPolicy policy = { .struct_size = sizeof policy };
  char name[IF_NAMESIZE];
  XfrmPolicy *stale;
  if (!info || info->dir > XFRM_POLICY_FWD)
    return;
  netlink_attributes (message, sizeof *info, table, XFRMA_MAX);
  xfrm_selector_get (&info->sel, &policy.source, &policy.destination);
  policy.direction = info->dir == XFRM_POLICY_OUT  ? IKE_DIR_OUT
                     : info->dir == XFRM_POLICY_IN ? IKE_DIR_IN
                                                   : IKE_DIR_FWD;
  get_mark (table[XFRMA_MARK], &policy.mark);
  if (netlink_content (table[XFRMA_IF_ID], sizeof policy.if_id))
    memcpy (&policy.if_id, mnl_attr_get_payload (table[XFRMA_IF_ID]), sizeof policy.if_id);
  policy.label = xfrm_label_of (table[XFRMA_SEC_CTX]);
  if (info->sel.ifindex && if_indextoname ((guint) info->sel.ifindex, name))
    policy.interface = name;
  if (!is_main (table[XFRMA_POLICY_TYPE]) || !is_ours (xfrm, &policy, table[XFRMA_TMPL]))
    return;
  stale = xfrm_policy_new (&policy);
  stale->bound = info->sel.ifindex;
  g_hash_table_replace (xfrm->stale, &stale->policy, stale);
}

/* -- the course of it */

static void
delete_stale (gpointer data)
{
  Xfrm *xfrm = data;
  GHashTableIter iter;
  gpointer value;
  XfrmMessage message;
  guint n = g_hash_table_size (xfrm->stale);
  g_hash_table_iter_init (&iter, xfrm->stale);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const XfrmPolicy *stale = value;
    if (xfrm_message_policy_id (&message, XFRM_MSG_DELPOLICY, &stale->policy, stale->bound, NULL))
      netlink_ask (xfrm->requests, &message.header, NULL, NULL);
  }
  g_hash_table_remove_all (xfrm->stale);
  xfrm_journal_forget (xfrm->journal);
  if (n)
    ike_log (xfrm->engine, IKE_LOG_NOTICE, "kernel-xfrm",
             "deleted %u policies of an earlier process that nobody wanted again", n);
}

/* While one is installed in the place of an old one, that stays known. */
static void
time_is_up (gpointer data)
{
  Xfrm *xfrm = data;
  if (xfrm->current)
    ike_loop_timer_add (xfrm->loop, 100, time_is_up, xfrm, NULL);
  else
    delete_stale (xfrm);
}

static void
know_policies (gpointer data, const NetlinkAnswer *answer)
{
  Xfrm *xfrm = data;
  if (answer->error == ECANCELED)
    return;
  if (answer->error)
    ike_log (xfrm->engine, IKE_LOG_ERROR, "kernel-xfrm",
             "policies of an earlier process could not be found: %s", answer->reason);
  ike_log (xfrm->engine, IKE_LOG_NOTICE, "kernel-xfrm",
           "an earlier process left %u SAs, which were deleted, and %u policies, which stay for %u "
           "seconds unless they are taken over",
           xfrm->n_taken_over, g_hash_table_size (xfrm->stale), xfrm->stale_delay_s);
  ike_loop_timer_add (xfrm->loop, 1000u * xfrm->stale_delay_s, time_is_up, xfrm, NULL);
  xfrm_hold (xfrm, FALSE);
}

static void
know_sas (gpointer data, const NetlinkAnswer *answer)
{
  Xfrm *xfrm = data;
  XfrmMessage message;
  if (answer->error == ECANCELED)
    return;
  if (answer->error)
    ike_log (xfrm->engine, IKE_LOG_ERROR, "kernel-xfrm",
             "SAs of an earlier process could not be found: %s", answer->reason);
  xfrm_message_dump (&message, XFRM_MSG_GETPOLICY);
  netlink_dump (xfrm->requests, &message.header, found_policy, know_policies, xfrm);
}

void
xfrm_take_over (Xfrm *xfrm)
{
  XfrmMessage message;
  if (!xfrm->journal || !xfrm_journal_n_found (xfrm->journal))
    return;
  xfrm->is_held = TRUE;
  xfrm_message_dump (&message, XFRM_MSG_GETSA);
  netlink_dump (xfrm->requests, &message.header, found_sa, know_sas, xfrm);
}

/* -- the end */

typedef struct {
  Xfrm    *xfrm;
  guint32  sequence;
  gboolean is_broken;
} Flush;

static void
flush_one (Flush *flush, XfrmMessage *message)
{
  char reason[128];
  int error;
  if (flush->is_broken)
    return;
  message->header.nlmsg_seq = flush->sequence--;
  error = netlink_ask_now (netlink_fd (flush->xfrm->requests), flush->xfrm->io, &message->header,
                           NULL, reason, sizeof reason);
  flush->is_broken = error == ETIMEDOUT || error == ECONNRESET || error == EBADF || error == EPERM
                     || error == EPIPE;
}

static void
flush_policies (Flush *flush, GHashTable *policies)
{
  GHashTableIter iter;
  gpointer value;
  XfrmMessage message;
  g_hash_table_iter_init (&iter, policies);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const XfrmPolicy *policy = value;
    if (xfrm_message_policy_id (&message, XFRM_MSG_DELPOLICY, &policy->policy, policy->bound, NULL))
      flush_one (flush, &message);
  }
}

static void
flush_sas (Flush *flush)
{
  GHashTableIter iter;
  gpointer key, value;
  XfrmMessage message;
  g_hash_table_iter_init (&iter, flush->xfrm->sas);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const XfrmSa *sa = value;
    XfrmSaId id = sa->id;
    xfrm_message_sa_id (&message, XFRM_MSG_DELSA, &id);
    flush_one (flush, &message);
    id.spi = sa->cpi;
    id.protocol = IPPROTO_COMP;
    xfrm_message_sa_id (&message, XFRM_MSG_DELSA, &id);
    if (sa->cpi)
      flush_one (flush, &message);
  }
  g_hash_table_iter_init (&iter, flush->xfrm->reserved);
  while (g_hash_table_iter_next (&iter, &key, NULL)) {
    xfrm_message_sa_id (&message, XFRM_MSG_DELSA, key);
    flush_one (flush, &message);
  }
}

/* What is struck out is gone; what a request was in the middle of stays in the journal. */
static void
strike_out (Xfrm *xfrm)
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, xfrm->sas);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    xfrm_reqid_drop (xfrm, ((const XfrmSa *) value)->reqid);
  g_hash_table_iter_init (&iter, xfrm->policies);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const XfrmPolicy *policy = value;
    g_autofree char *text = xfrm_policy_text (&policy->policy);
    if (policy->policy.mode <= IKE_MODE_BEET)
      xfrm_reqid_drop (xfrm, policy->reqid);
    else
      xfrm_journal_drop_shunt (xfrm->journal, text);
    for (guint i = 0; policy->others && i < policy->others->len; i++) {
      const XfrmUse *use = &g_array_index (policy->others, XfrmUse, i);
      if (use->policy.mode <= IKE_MODE_BEET)
        xfrm_reqid_drop (xfrm, use->reqid);
    }
  }
  xfrm_journal_forget (xfrm->journal);
}

void
xfrm_flush (Xfrm *xfrm)
{
  Flush flush = { .xfrm = xfrm, .sequence = G_MAXUINT32 };
  flush_policies (&flush, xfrm->policies);
  flush_policies (&flush, xfrm->stale);
  flush_sas (&flush);
  if (xfrm->journal && !flush.is_broken)
    strike_out (xfrm);
}
