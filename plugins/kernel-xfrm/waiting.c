/* SPDX-License-Identifier: Apache-2.0 */
/* waiting.c - what stands in the kernel for packets that wait for an SA.
 *
 * When a packet meets a trap, the kernel makes a state without an SPI and asks once; as long as
 * that state stands it asks no more, be it minutes (net.core.xfrm_acq_expires).  An SA that is
 * added with the sequence number of the question takes its place.  When there will be none, it is
 * deleted, so that the next packet asks again.  It has no name without an SPI: so it gets one
 * first. */
#include "config.h"
#include <arpa/inet.h>
#include <linux/xfrm.h>
#include "selectors.h"
#include "xfrm.h"

enum { WAITING_MAX = 1024 };

typedef struct {
  Xfrm *xfrm;
  XfrmSaId id;
  IkeAddr source;
} Waiting;

GHashTable *
xfrm_waiting_new (void)
{
  return g_hash_table_new_full (NULL, NULL, NULL, g_free);
}

void
xfrm_waiting_add (Xfrm *xfrm, guint32 sequence, guint8 protocol, const IkeAddr *source,
                  const IkeAddr *destination)
{
  Waiting *waiting;
  if (!sequence)
    return;
  /* So many are there only when nobody answers; the kernel gives them up by itself. */
  if (g_hash_table_size (xfrm->waiting) >= WAITING_MAX)
    g_hash_table_remove_all (xfrm->waiting);
  waiting = g_new0 (Waiting, 1);
  waiting->xfrm = xfrm;
  waiting->id.protocol = protocol;
  waiting->id.destination = *destination;
  waiting->source = *source;
  g_hash_table_replace (xfrm->waiting, GUINT_TO_POINTER (sequence), waiting);
}

static void
named (gpointer data, const NetlinkAnswer *answer)
{
  g_autofree Waiting *waiting = data;
  const struct xfrm_usersa_info *state =
      answer->message ? netlink_body (answer->message, sizeof *state) : NULL;
  XfrmMessage deletion;
  if (!state || !state->id.spi)
    return;
  waiting->id.spi = ntohl (state->id.spi);
  xfrm_message_sa_id (&deletion, XFRM_MSG_DELSA, &waiting->id);
  netlink_ask (waiting->xfrm->requests, &deletion.header, NULL, NULL);
}

void
xfrm_waiting_end (Xfrm *xfrm, guint32 sequence)
{
  XfrmMessage message;
  gpointer value;
  Waiting *waiting;
  if (!g_hash_table_steal_extended (xfrm->waiting, GUINT_TO_POINTER (sequence), NULL, &value))
    return;
  waiting = value;
  xfrm_message_alloc (&message, waiting->id.protocol, &waiting->source, &waiting->id.destination);
  ((struct xfrm_userspi_info *) mnl_nlmsg_get_payload (&message.header))->info.seq = sequence;
  netlink_ask (xfrm->requests, &message.header, named, waiting);
}
