/* SPDX-License-Identifier: Apache-2.0 */
/* query.c - what the kernel has counted, and SPIs. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include "selectors.h"
#include "xfrm.h"

/* -- use */

/* The kernel has the time of day in seconds. */
static gint64
monotonic_of (Xfrm *xfrm, guint64 wall_s)
{
  gint64 age_us = ike_engine_wall_us (xfrm->engine) - (gint64) wall_s * G_USEC_PER_SEC;
  return wall_s ? MAX (ike_engine_now_us (xfrm->engine) - MAX (age_us, 0), 1) : 0;
}

/* Kernels before 6.2 do not tell when an SA was last used: then it was when more packets than last
 * time have passed. */
static gint64
last_use (Xfrm *xfrm, const struct nlattr *attribute, const IkeKernelUse *use, XfrmSa *sa)
{
  const guint64 *last = netlink_content (attribute, sizeof *last);
  if (last) {
    guint64 wall_s;
    memcpy (&wall_s, last, sizeof wall_s);
    return monotonic_of (xfrm, wall_s);
  }
  if (sa && use->packets != sa->n_packets) {
    sa->n_packets = use->packets;
    sa->used_us = ike_engine_now_us (xfrm->engine);
  }
  return sa ? sa->used_us : 0;
}

static void
get_sequence (const struct nlattr **table, gboolean is_out, IkeKernelUse *use)
{
  const struct xfrm_replay_state_esn *esn
      = netlink_content (table[XFRMA_REPLAY_ESN_VAL], sizeof *esn);
  const struct xfrm_replay_state *plain = netlink_content (table[XFRMA_REPLAY_VAL], sizeof *plain);
  if (esn) {
    use->sequence = is_out ? esn->oseq : esn->seq;
    use->sequence_high = is_out ? esn->oseq_hi : esn->seq_hi;
  } else if (plain)
    use->sequence = is_out ? plain->oseq : plain->seq;
}

static void
know_sa (gpointer data, const NetlinkAnswer *answer)
{
  Xfrm *xfrm = data;
  XfrmRequest *request = xfrm->current;
  const struct xfrm_usersa_info *info;
  const struct nlattr *table[XFRMA_MAX + 1];
  IkeKernelUse *use;
  if (answer->error == ECANCELED)
    return;
  info = answer->message ? netlink_body (answer->message, sizeof *info) : NULL;
  if (!info) {
    g_autofree char *why
        = g_strdup_printf ("the kernel tells nothing of SA %08x: %s", request->sas[0].spi,
                           answer->error ? answer->reason : "no answer");
    xfrm_request_fail (request, why);
    xfrm_done (xfrm);
    return;
  }
  netlink_attributes (answer->message, sizeof *info, table, XFRMA_MAX);
  use = g_new0 (IkeKernelUse, 1);
  use->bytes = info->curlft.bytes;
  use->packets = info->curlft.packets;
  use->n_replay = info->stats.replay_window + (guint64) info->stats.replay;
  use->n_bad_icv = info->stats.integrity_failed;
  get_sequence (table, request->sas[0].direction == IKE_DIR_OUT, use);
  use->last_use_us = last_use (xfrm, table[XFRMA_LASTUSED], use,
                               xfrm_find_sa (xfrm, &request->sas[0]));
  xfrm_request_answer (request, use);
  xfrm_done (xfrm);
}

void
xfrm_query (Xfrm *xfrm)
{
  XfrmMessage message;
  XfrmSaId id;
  xfrm_sa_id (&xfrm->current->sas[0], &id);
  xfrm_message_sa_id (&message, XFRM_MSG_GETSA, &id);
  netlink_ask (xfrm->requests, &message.header, know_sa, xfrm);
}

/* -- use of a policy: the latest of its pieces */

typedef struct {
  GArray *pieces;                             /* IkeKernelPolicy */
  guint   at;
  guint64 wall_s;
} PolicyUse;

static void
policy_use_free (gpointer data)
{
  PolicyUse *use = data;
  g_array_unref (use->pieces);
  g_free (use);
}

static void ask_piece (Xfrm *xfrm);

static void
know_policy (gpointer data, const NetlinkAnswer *answer)
{
  Xfrm *xfrm = data;
  const struct xfrm_userpolicy_info *info;
  PolicyUse *use;
  if (answer->error == ECANCELED)
    return;
  use = xfrm->current->state;
  info = answer->message ? netlink_body (answer->message, sizeof *info) : NULL;
  if (info)
    use->wall_s = MAX (use->wall_s, info->curlft.use_time);
  use->at++;
  ask_piece (xfrm);
}

static void
ask_piece (Xfrm *xfrm)
{
  PolicyUse *use = xfrm->current->state;
  const IkeKernelPolicy *piece;
  const XfrmPolicy *policy;
  XfrmMessage message;
  IkeKernelUse *answer;
  if (use->at < use->pieces->len) {
    piece = &g_array_index (use->pieces, IkeKernelPolicy, use->at);
    policy = g_hash_table_lookup (xfrm->policies, piece);
    xfrm_message_policy_id (&message, XFRM_MSG_GETPOLICY, piece, policy ? policy->bound : 0, NULL);
    netlink_ask (xfrm->requests, &message.header, know_policy, xfrm);
    return;
  }
  answer = g_new0 (IkeKernelUse, 1);
  answer->last_use_us = monotonic_of (xfrm, use->wall_s);
  xfrm_request_answer (xfrm->current, answer);
  xfrm_done (xfrm);
}

void
xfrm_query_policy (Xfrm *xfrm)
{
  XfrmRequest *request = xfrm->current;
  PolicyUse *use = g_new0 (PolicyUse, 1);
  const IkeKernelPolicy *which = &g_array_index (request->policies, IkeKernelPolicy, 0);
  g_autoptr (GError) error = NULL;
  use->pieces = g_array_new (FALSE, FALSE, sizeof (IkeKernelPolicy));
  request->state = use;
  request->free_state = policy_use_free;
  if (xfrm_policy_expand (which, use->pieces, &error)) {
    ask_piece (xfrm);
    return;
  }
  xfrm_request_fail (request, error->message);
  xfrm_done (xfrm);
}

/* -- SPIs */

static XfrmSaId
id_of (const XfrmRequest *request)
{
  return (XfrmSaId){ .spi = request->spi,
                     .protocol = request->protocol,
                     .destination = request->destination };
}

static void
know_spi (gpointer data, const NetlinkAnswer *answer)
{
  XfrmRequest *request = data;
  const struct xfrm_usersa_info *info
      = answer->message ? netlink_body (answer->message, sizeof *info) : NULL;
  if (info && !answer->error) {
    XfrmSaId id;
    request->spi = ntohl (info->id.spi);
    id = id_of (request);
    g_hash_table_add (request->xfrm->reserved, g_memdup2 (&id, sizeof id));
    xfrm_request_answer (request, GUINT_TO_POINTER (request->spi));
  } else {
    g_autofree char *why
        = g_strdup_printf ("the kernel gives no SPI: %s",
                           answer->error ? answer->reason : "it did not tell which");
    xfrm_request_fail (request, why);
  }
  xfrm_request_free (request);
}

void
xfrm_get_spi (XfrmRequest *request_take)
{
  XfrmMessage message;
  xfrm_message_alloc (&message, request_take->protocol, &request_take->source,
                      &request_take->destination);
  netlink_ask (request_take->xfrm->requests, &message.header, know_spi, request_take);
}

/* One that is not reserved (any more) may be somebody else's. */
void
xfrm_free_spi (XfrmRequest *request_take)
{
  XfrmSaId id = id_of (request_take);
  XfrmMessage message;
  if (g_hash_table_remove (request_take->xfrm->reserved, &id)) {
    xfrm_message_sa_id (&message, XFRM_MSG_DELSA, &id);
    netlink_ask (request_take->xfrm->requests, &message.header, NULL, NULL);
  }
  xfrm_request_free (request_take);
}
