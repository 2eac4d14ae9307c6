/* SPDX-License-Identifier: Apache-2.0 */
/* spd.c - finds the policy of an outbound packet. */
#include "config.h"
#include <string.h>
#include "spd.h"

typedef struct {
  guint32    n;
  SpdPolicy *policies[];                      /* by priority */
} Bucket;

struct _Spd {
  SpdRetire         retire;
  gpointer          data;
  guint32           n_by_len[2][129];         /* writer: policies per prefix length */
  _Atomic guint64   lens[2][3];               /* readers: which prefix lengths there are */
  _Atomic (Bucket *) buckets[SPD_BUCKETS];
};

static guint
addr_bits (guint8 family)
{
  return family == 4 ? 32 : 128;
}

guint
spd_prefix_len (const IkeSelector *selector)
{
  guint bits = addr_bits (selector->family), i = 0;
  for (; i < bits && selector->first[i / 8] == selector->last[i / 8]; i += 8)
    continue;
  while (i < bits && ((selector->first[i / 8] ^ selector->last[i / 8]) & (0x80 >> i % 8)) == 0)
    i++;
  return i;
}

/* FNV-1a over the first @prefix_len bits. */
static guint
hash_prefix (guint8 family, const guint8 *addr, guint prefix_len)
{
  guint32 hash = 2166136261u ^ family ^ prefix_len << 8;
  guint i;
  for (i = 0; i < prefix_len / 8; i++)
    hash = (hash ^ addr[i]) * 16777619u;
  if (prefix_len % 8)
    hash = (hash ^ (addr[i] & (0xff << (8 - prefix_len % 8)))) * 16777619u;
  return (hash ^ hash >> 15) % SPD_BUCKETS;
}

static gboolean
is_any_port (const IkeSelector *selector)
{
  return selector->port_first == 0 && selector->port_last == G_MAXUINT16;
}

guint32
spd_priority (const IkeSelector *source, const IkeSelector *destination)
{
  guint32 width = 2 * 128 - spd_prefix_len (source) - spd_prefix_len (destination);
  if (source->family == 4)
    width -= 2 * 96;
  width = width * 4 + (source->protocol == 0 && destination->protocol == 0 ? 2 : 0);
  return 1 + width + (is_any_port (source) && is_any_port (destination) ? 1 : 0);
}

/* -- matching */

static gboolean
port_matches (const IkeSelector *selector, const Packet *packet, guint16 port)
{
  if (is_any_port (selector))
    return TRUE;
  if (packet->ports == PACKET_PORTS_OPAQUE)
    return selector->port_first == G_MAXUINT16 && selector->port_last == 0;
  return port >= selector->port_first && port <= selector->port_last;
}

static gboolean
side_matches (const IkeSelector *selector, const Packet *packet, const guint8 *addr, guint16 port)
{
  gsize len = packet->family == 4 ? 4 : 16;
  if (selector->family != packet->family || memcmp (addr, selector->first, len) < 0
      || memcmp (addr, selector->last, len) > 0)
    return FALSE;
  if (selector->protocol && (packet->is_protocol_opaque || selector->protocol != packet->protocol))
    return FALSE;
  return port_matches (selector, packet, port);
}

gboolean
spd_matches (const IkeSelector *source, const IkeSelector *destination, const Packet *packet)
{
  return side_matches (destination, packet, packet->destination, packet->destination_port)
         && side_matches (source, packet, packet->source, packet->source_port);
}

static SpdPolicy *
lookup_in (Spd *spd, const Packet *packet, guint prefix_len, SpdPolicy *best)
{
  const Bucket *bucket = atomic_load_explicit (
      &spd->buckets[hash_prefix (packet->family, packet->destination, prefix_len)],
      memory_order_acquire);
  for (guint32 i = 0; bucket && i < bucket->n; i++) {
    SpdPolicy *policy = bucket->policies[i];
    if (best && policy->priority >= best->priority)
      return best;
    if (spd_matches (&policy->source, &policy->destination, packet))
      return policy;
  }
  return best;
}

SpdPolicy *
spd_lookup (Spd *spd, const Packet *packet)
{
  SpdPolicy *best = NULL;
  for (int word = 2; word >= 0; word--) {
    guint64 lens =
        atomic_load_explicit (&spd->lens[packet->family == 6][word], memory_order_acquire);
    while (lens) {
      guint bit = 63 - (guint) __builtin_clzll (lens);
      lens ^= G_GUINT64_CONSTANT (1) << bit;
      best = lookup_in (spd, packet, (guint) word * 64 + bit, best);
    }
  }
  return best;
}

static gboolean
is_between (const SpdPolicy *policy, const Packet *packet)
{
  gsize len = packet->family == 4 ? 4 : 16;
  return (policy->mode == IKE_MODE_TRANSPORT || policy->mode == IKE_MODE_BEET)
         && policy->source.family == packet->family
         && memcmp (packet->source, policy->source.first, len) == 0
         && memcmp (packet->destination, policy->destination.first, len) == 0;
}

/* Such policies are between two hosts, so they stand where the whole address is looked up. */
gboolean
spd_is_bare (Spd *spd, const Packet *packet)
{
  guint index = hash_prefix (packet->family, packet->destination, addr_bits (packet->family));
  const Bucket *bucket = atomic_load_explicit (&spd->buckets[index], memory_order_acquire);
  for (guint32 i = 0; bucket && i < bucket->n; i++)
    if (is_between (bucket->policies[i], packet))
      return TRUE;
  return FALSE;
}

SpdPolicy *
spd_lookup_hosts (Spd *spd, const Packet *packet, guint32 reqid)
{
  guint index = hash_prefix (packet->family, packet->destination, addr_bits (packet->family));
  const Bucket *bucket = atomic_load_explicit (&spd->buckets[index], memory_order_acquire);
  for (guint32 i = 0; bucket && i < bucket->n; i++) {
    SpdPolicy *policy = bucket->policies[i];
    if (policy->reqid == reqid && policy->mode == IKE_MODE_TRANSPORT
        && spd_matches (&policy->source, &policy->destination, packet))
      return policy;
  }
  return NULL;
}

/* -- the writer */

Spd *
spd_new (SpdRetire retire, gpointer data)
{
  Spd *spd = g_new0 (Spd, 1);
  spd->retire = retire;
  spd->data = data;
  return spd;
}

void
spd_free (Spd *spd)
{
  for (guint i = 0; spd && i < SPD_BUCKETS; i++)
    g_free (atomic_load (&spd->buckets[i]));
  g_free (spd);
}

static void
count_len (Spd *spd, const SpdPolicy *policy, int change)
{
  guint side = policy->destination.family == 6, len = policy->prefix_len;
  guint64 bit = G_GUINT64_CONSTANT (1) << len % 64;
  spd->n_by_len[side][len] += (guint32) change;
  if (spd->n_by_len[side][len])
    atomic_fetch_or (&spd->lens[side][len / 64], bit);
  else
    atomic_fetch_and (&spd->lens[side][len / 64], ~bit);
}

static void
swap_bucket (Spd *spd, guint index, Bucket *bucket)
{
  Bucket *old = atomic_exchange_explicit (&spd->buckets[index], bucket, memory_order_acq_rel);
  if (old)
    spd->retire (spd->data, old, g_free);
}

void
spd_add (Spd *spd, SpdPolicy *policy)
{
  guint index, at = 0;
  Bucket *old, *bucket;
  policy->prefix_len = (guint8) spd_prefix_len (&policy->destination);
  index = hash_prefix (policy->destination.family, policy->destination.first, policy->prefix_len);
  old = atomic_load (&spd->buckets[index]);
  bucket = g_malloc (sizeof *bucket + ((old ? old->n : 0) + 1) * sizeof bucket->policies[0]);
  bucket->n = (old ? old->n : 0) + 1;
  /* Equal priorities keep the order in which they came. */
  for (; old && at < old->n && old->policies[at]->priority <= policy->priority; at++)
    bucket->policies[at] = old->policies[at];
  bucket->policies[at] = policy;
  for (guint i = at + 1; i < bucket->n; i++)
    bucket->policies[i] = old->policies[i - 1];
  swap_bucket (spd, index, bucket);
  count_len (spd, policy, 1);
}

void
spd_remove (Spd *spd, SpdPolicy *policy)
{
  guint index =
      hash_prefix (policy->destination.family, policy->destination.first, policy->prefix_len);
  Bucket *old = atomic_load (&spd->buckets[index]), *bucket = NULL;
  count_len (spd, policy, -1);
  if (old->n > 1) {
    bucket = g_malloc (sizeof *bucket + (old->n - 1) * sizeof bucket->policies[0]);
    bucket->n = 0;
    for (guint32 i = 0; i < old->n; i++)
      if (old->policies[i] != policy)
        bucket->policies[bucket->n++] = old->policies[i];
  }
  swap_bucket (spd, index, bucket);
}
