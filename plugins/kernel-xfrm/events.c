/* SPDX-License-Identifier: Apache-2.0 */
/* events.c - what the kernel says by itself, and how to go on when some of it was lost.
 *
 * After a loss all SAs are listed: those of ours that are not there any more have expired, those
 * that are over a soft limit did so unheard, and what waits for an SA is asked for again. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <ikebana/log.h>
#include "selectors.h"
#include "xfrm.h"

enum { MAPPING_REPEAT_US = 1000000 };

const guint xfrm_groups[] = { XFRMNLGRP_ACQUIRE, XFRMNLGRP_EXPIRE, XFRMNLGRP_MAPPING, 0 };

const char *
xfrm_label_of (const struct nlattr *attribute)
{
  const struct xfrm_user_sec_ctx *context = netlink_content (attribute, sizeof *context);
  const char *text = (const char *) (context + 1);
  if (!context || !context->ctx_len
      || mnl_attr_get_payload_len (attribute) < sizeof *context + context->ctx_len
      || text[context->ctx_len - 1] != 0)
    return NULL;
  return text;
}

static XfrmSa *
find (Xfrm *xfrm, const xfrm_address_t *destination, guint32 spi, guint8 protocol, guint16 family)
{
  XfrmSaId id = { .spi = ntohl (spi), .protocol = protocol };
  xfrm_address_get (&id.destination, destination, family);
  return g_hash_table_lookup (xfrm->sas, &id);
}

/* -- acquire */

static guint32
get_u32 (const struct nlattr *attribute)
{
  const guint32 *value = netlink_content (attribute, sizeof *value);
  return value ? *value : 0;
}

/* What the kernel asks, be it in an event or, listed after a loss, by a state that waits. */
typedef struct {
  guint32 reqid, sequence;
  const struct xfrm_selector *packet;
  const struct xfrm_id *id;
  const xfrm_address_t *source;
  guint16 family;
} Asked;

static void
note_waiting (Xfrm *xfrm, const Asked *asked)
{
  IkeAddr source, destination;
  xfrm_address_get (&source, asked->source, asked->family);
  xfrm_address_get (&destination, &asked->id->daddr, asked->family);
  xfrm_waiting_add (xfrm, asked->sequence, asked->id->proto, &source, &destination);
}

static void
tell_acquire (Xfrm *xfrm, const Asked *asked, const struct nlattr **table)
{
  IkeKernelAcquire acquire = { .struct_size = sizeof acquire,
                               .sequence = asked->sequence,
                               .if_id = get_u32 (table[XFRMA_IF_ID]),
                               .label = xfrm_label_of (table[XFRMA_SEC_CTX]) };
  if (!xfrm_reqid_back (xfrm, asked->reqid, &acquire.reqid)) {
    ike_counter_add (xfrm->engine, xfrm->foreign, 1);
    return;
  }
  if (g_hash_table_contains (xfrm->moving, GUINT_TO_POINTER (asked->reqid)))
    return;
  note_waiting (xfrm, asked);
  xfrm_selector_get (asked->packet, &acquire.source, &acquire.destination);
  ike_counter_add (xfrm->engine, xfrm->acquires, 1);
  ike_kernel_acquire (xfrm->plugin, &acquire);
}

static void
heard_acquire (Xfrm *xfrm, const struct nlmsghdr *message)
{
  const struct xfrm_user_acquire *body = netlink_body (message, sizeof *body);
  const struct nlattr *table[XFRMA_MAX + 1];
  const struct xfrm_user_tmpl *template;
  if (!body)
    return;
  netlink_attributes (message, sizeof *body, table, XFRMA_MAX);
  template = netlink_content (table[XFRMA_TMPL], sizeof *template);
  if (template)
    tell_acquire (xfrm, &(Asked){ template->reqid, body->seq, &body->sel, &body->id, &body->saddr,
                                  template->family }, table);
}

/* -- expire */

static void
tell_expire (Xfrm *xfrm, XfrmSa *sa, gboolean is_hard)
{
  guint8 what = is_hard ? XFRM_HARD_TOLD : XFRM_SOFT_TOLD;
  if (sa->told & what)
    return;
  sa->told |= what;
  ike_counter_add (xfrm->engine, xfrm->expires, 1);
  ike_kernel_expire (xfrm->plugin, sa->owner, sa->child, sa->id.spi, is_hard);
}

static void
heard_expire (Xfrm *xfrm, const struct nlmsghdr *message)
{
  const struct xfrm_user_expire *body = netlink_body (message, sizeof *body);
  const struct xfrm_usersa_info *state = body ? &body->state : NULL;
  XfrmSa *sa = state ? find (xfrm, &state->id.daddr, state->id.spi, state->id.proto, state->family)
                     : NULL;
  if (sa)
    tell_expire (xfrm, sa, body->hard != 0);
}

/* -- mapping: said with each packet that comes from there, so not each time */

static void
heard_mapping (Xfrm *xfrm, const struct nlmsghdr *message)
{
  const struct xfrm_user_mapping *body = netlink_body (message, sizeof *body);
  gint64 now_us = ike_engine_now_us (xfrm->engine);
  IkeAddr source;
  XfrmSa *sa = body ? find (xfrm, &body->id.daddr, body->id.spi, body->id.proto, body->id.family)
                    : NULL;
  if (!sa)
    return;
  xfrm_address_get (&source, &body->new_saddr, body->id.family);
  source.port = ntohs (body->new_sport);
  if (ike_addr_equal (&source, &sa->mapped) && now_us - sa->mapped_us < MAPPING_REPEAT_US)
    return;
  sa->mapped = source;
  sa->mapped_us = now_us;
  ike_kernel_mapping (xfrm->plugin, sa->owner, sa->child, sa->id.spi, &source);
}

/* -- after a loss */

static void resync (Xfrm *xfrm);

static gboolean
is_over_soft (Xfrm *xfrm, const struct xfrm_usersa_info *state)
{
  const struct xfrm_lifetime_cfg *limit = &state->lft;
  const struct xfrm_lifetime_cur *now = &state->curlft;
  guint64 wall_s = (guint64) (ike_engine_wall_us (xfrm->engine) / G_USEC_PER_SEC);
  return now->bytes >= limit->soft_byte_limit || now->packets >= limit->soft_packet_limit
         || (limit->soft_add_expires_seconds && now->add_time
             && wall_s >= now->add_time + limit->soft_add_expires_seconds);
}

static void
resync_one (gpointer data, const struct nlmsghdr *message)
{
  Xfrm *xfrm = data;
  const struct xfrm_usersa_info *state = netlink_body (message, sizeof *state);
  const struct nlattr *table[XFRMA_MAX + 1];
  XfrmSa *sa;
  if (!state)
    return;
  /* One without an SPI stands for packets that wait. */
  if (!state->id.spi) {
    netlink_attributes (message, sizeof *state, table, XFRMA_MAX);
    tell_acquire (xfrm, &(Asked){ state->reqid, state->seq, &state->sel, &state->id, &state->saddr,
                                  state->family }, table);
    return;
  }
  sa = find (xfrm, &state->id.daddr, state->id.spi, state->id.proto, state->family);
  if (!sa)
    return;
  sa->seen = xfrm->resync_turn;
  if (is_over_soft (xfrm, state))
    tell_expire (xfrm, sa, FALSE);
}

static void
tell_gone (Xfrm *xfrm)
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, xfrm->sas);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    XfrmSa *sa = value;
    if (sa->seen != xfrm->resync_turn && sa->stamp <= xfrm->resync_stamp
        && !g_hash_table_contains (xfrm->moving, GUINT_TO_POINTER (sa->reqid)))
      tell_expire (xfrm, sa, TRUE);
  }
}

static void
resynced (gpointer data, const NetlinkAnswer *answer)
{
  Xfrm *xfrm = data;
  if (answer->error == ECANCELED)
    return;
  xfrm->is_resyncing = FALSE;
  if (answer->error)
    ike_log (xfrm->engine, IKE_LOG_ERROR, "kernel-xfrm",
             "events of the kernel were lost, and the SAs could not be listed: %s", answer->reason);
  else
    tell_gone (xfrm);
  if (xfrm->is_lost_again)
    resync (xfrm);
}

static void
resync (Xfrm *xfrm)
{
  XfrmMessage message;
  xfrm->is_lost_again = xfrm->is_resyncing;
  if (xfrm->is_resyncing)
    return;
  xfrm->is_resyncing = TRUE;
  xfrm->resync_turn++;
  xfrm->resync_stamp = xfrm->last_stamp;
  xfrm_message_dump (&message, XFRM_MSG_GETSA);
  netlink_dump (xfrm->requests, &message.header, resync_one, resynced, xfrm);
}

static void
lost (gpointer data)
{
  Xfrm *xfrm = data;
  ike_counter_add (xfrm->engine, xfrm->lost, 1);
  ike_log (xfrm->engine, IKE_LOG_NOTICE, "kernel-xfrm",
           "the kernel lost events for lack of room; looking at all SAs instead");
  resync (xfrm);
}

static void
event (gpointer data, const struct nlmsghdr *message)
{
  switch (message->nlmsg_type) {
  case XFRM_MSG_ACQUIRE:
    heard_acquire (data, message);
    break;
  case XFRM_MSG_EXPIRE:
    heard_expire (data, message);
    break;
  case XFRM_MSG_MAPPING:
    heard_mapping (data, message);
    break;
  default:
    break;
  }
}

const NetlinkListener xfrm_listener = { event, lost };
