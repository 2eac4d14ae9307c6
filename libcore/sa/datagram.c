/* SPDX-License-Identifier: Apache-2.0 */
/* datagram.c - the hook `datagram`: whoever listens sees each one once, on the shard that handles
 * it. */
#include "sa/sa_private.h"

gboolean
ike_datagram_passes (IkeShard *shard, IkeSa *sa, gboolean is_inbound, IkeDatagram *datagram)
{
  IkeDatagramEvent event = { sizeof event, is_inbound, shard->index, datagram };

  return ike_datagram_hook_emit (shard->manager->on_datagram, sa, &event) != IKE_HOOK_REJECT;
}

/* Of version 2, whose header tells which SPI is ours. */
static IkeSa *
sa_of (IkeShard *shard, const IkeDatagram *datagram)
{
  IkeReader r;
  guint64 of_initiator, of_responder;

  if (datagram->len < IKE_HEADER_LEN || datagram->data[17] >> 4 != 2)
    return NULL;
  ike_reader_init (&r, datagram->data, datagram->len);
  of_initiator = ike_reader_u64 (&r);
  of_responder = ike_reader_u64 (&r);
  return ike_table_find (shard,
                         datagram->data[19] & IKE_FLAG_INITIATOR ? of_responder : of_initiator);
}

/* What goes on to another shard is seen there; a first message may stay anywhere, so it is seen
 * where it came. */
gboolean
ike_datagram_comes_in (IkeShard *shard, int wanted, IkeDatagram *datagram)
{
  gboolean is_first = wanted < 0, is_elsewhere = !is_first && (guint) wanted != shard->index;

  if (is_elsewhere || (datagram->flags & IKE_NET_RELEASED)
      || (is_first && (datagram->flags & IKE_NET_FORWARDED)))
    return TRUE;
  return ike_datagram_passes (shard, is_first ? NULL : sa_of (shard, datagram), TRUE, datagram);
}
