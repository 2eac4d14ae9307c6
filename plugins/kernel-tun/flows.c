/* SPDX-License-Identifier: Apache-2.0 */
/* flows.c - remembers by which SA flows came. */
#include "config.h"
#include <stdatomic.h>
#include "flows.h"

static guint32
mix (guint32 hash, const guint8 *bytes, gsize len)
{
  for (gsize i = 0; i < len; i++)
    hash = (hash ^ bytes[i]) * 16777619u;
  return hash;
}

/* The same for both directions.  What has no ports, or types in their place, is one flow. */
static guint32
hash_of (const Packet *packet, gboolean is_inbound)
{
  const guint8 *remote = is_inbound ? packet->source : packet->destination;
  const guint8 *local = is_inbound ? packet->destination : packet->source;
  guint16 ports[2] = { is_inbound ? packet->source_port : packet->destination_port,
                       is_inbound ? packet->destination_port : packet->source_port };
  guint32 hash = mix (2166136261u, &packet->protocol, 1);
  hash = mix (mix (hash, remote, 16), local, 16);
  if (packet->protocol != PACKET_PROTO_ICMP && packet->protocol != PACKET_PROTO_ICMPV6)
    hash = mix (hash, (const guint8 *) ports, sizeof ports);
  return hash ^ hash >> 13;
}

void
flows_note (Flows *flows, const Packet *inbound, guint32 reqid)
{
  guint32 hash = hash_of (inbound, TRUE);
  atomic_store_explicit (&flows->slots[hash % FLOWS_SLOTS], (guint64) hash << 32 | reqid,
                         memory_order_relaxed);
}

guint32
flows_find (Flows *flows, const Packet *outbound)
{
  guint32 hash = hash_of (outbound, FALSE);
  guint64 slot
    = atomic_load_explicit (&flows->slots[hash % FLOWS_SLOTS], memory_order_relaxed);
  return slot >> 32 == hash ? (guint32) slot : 0;
}
