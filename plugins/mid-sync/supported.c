/* SPDX-License-Identifier: Apache-2.0 */
/* supported.c - both ends say in IKE_AUTH what they can (RFC 6311, 5). */
#include "config.h"
#include <ikebana/kernel.h>
#include "mid_sync.h"

/* RFC 6311, 5: "the responder MUST NOT assert support of a capability unless such support was
 * asserted by the initiator."  Ours is asserted once, and that of replay counters if the kernel
 * plugin can raise them. */
static gboolean
send_supported (IkePlugin *plugin, IkeSa *sa, IkeExchange *x, IkeWriter *out, guint8 what,
                guint16 type)
{
  const MidSync *self = ike_plugin_state (plugin);
  Sync *sync = mid_sync_of (self, sa);

  if (!(self->offers & what) || (sync->ours & what)
      || (!ike_exchange_is_initiator (x)
          && (!(sync->theirs & what) || ike_sa_state (sa) < IKE_SA_ESTABLISHED))
      || (what == CAN_REPLAY && !(ike_kernel_offers (ike_sa_engine (sa)) & IKE_KERNEL_CAN_SKIP)))
    return FALSE;
  sync->ours |= what;
  ike_notify_write (out, 0, type, NULL, 0, NULL, 0);
  return TRUE;
}

static gboolean
send_ids_supported (IkePlugin *plugin, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  return send_supported (plugin, sa, x, out, CAN_IDS, MID_SYNC_IDS_SUPPORTED);
}

static gboolean
send_replay_supported (IkePlugin *plugin, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  return send_supported (plugin, sa, x, out, CAN_REPLAY, MID_SYNC_REPLAY_SUPPORTED);
}

/* What an end says that then does not authenticate itself goes with its SA. */
static gboolean
received_supported (IkePlugin *plugin, IkeSa *sa, IkeExchange *x, const IkeNotify *notify)
{
  mid_sync_of (ike_plugin_state (plugin), sa)->theirs |=
      notify->type == MID_SYNC_IDS_SUPPORTED ? CAN_IDS : CAN_REPLAY;
  return TRUE;
}

#define NOTIFY(symbol, name, number, sender)                                                       \
  static const IkeNotifyClass symbol##_notify = { .struct_size = sizeof (IkeNotifyClass),          \
                                                  .type = number,                                  \
                                                  .max_count = 1,                                  \
                                                  .exchanges = "IKE_AUTH",                         \
                                                  .send = sender,                                  \
                                                  .received = received_supported };                \
  const IkeFeature mid_sync_##symbol##_feature = { .struct_size = sizeof (IkeFeature),             \
                                                   .provides = name,                               \
                                                   .ops = &symbol##_notify }

NOTIFY (ids_supported, "notify:IKEV2_MESSAGE_ID_SYNC_SUPPORTED", MID_SYNC_IDS_SUPPORTED,
        send_ids_supported);
NOTIFY (replay_supported, "notify:IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED", MID_SYNC_REPLAY_SUPPORTED,
        send_replay_supported);
