/* SPDX-License-Identifier: Apache-2.0 */
/* outbound.c - from the TUN device to sealed packets. */
#include "config.h"
#include <string.h>
#include <unistd.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include "kernel_tun.h"

/* A packet that has waited longer has been sent again, or nobody waits for it any more. */
enum {
  ACQUIRE_AGAIN_US = 5 * 1000 * 1000, PENDING_MAX_US = 30 * 1000 * 1000, IPV6_MTU_MIN = 1280
};

/* -- packets that wait for an SA */

static void
clear_pending (TunPending *pending)
{
  g_free (pending->data);
  memset (pending, 0, sizeof *pending);
}

void
tun_outbound_forget (TunLoop *loop, SpdPolicy *policy)
{
  for (guint i = 0; i < TUN_PENDING; i++)
    if (loop->pending[i].policy && (!policy || loop->pending[i].policy == policy))
      clear_pending (&loop->pending[i]);
}

static gboolean
is_stale (TunLoop *loop, const TunPending *pending)
{
  return ike_loop_now_us (loop->loop) - pending->since_us > PENDING_MAX_US;
}

/* The first few packets are kept; a peer that cannot be reached must not hold memory for more. */
static void
keep (TunLoop *loop, SpdPolicy *policy, const TunInner *inner)
{
  TunPending *empty = NULL;
  guint n = 0;
  for (guint i = 0; i < TUN_PENDING; i++) {
    if (loop->pending[i].policy && is_stale (loop, &loop->pending[i]))
      clear_pending (&loop->pending[i]);
    if (!loop->pending[i].policy)
      empty = &loop->pending[i];
    n += loop->pending[i].policy == policy;
  }
  tun_count (loop->kernel, loop->kernel->counters.no_tunnel);
  if (!empty || n >= TUN_PENDING_PER_POLICY)
    return;
  empty->policy = policy;
  empty->len = inner->len;
  empty->since_us = ike_loop_now_us (loop->loop);
  empty->was_fragmented = inner->was_fragmented;
  empty->data = g_memdup2 (inner->data, inner->len);
}

static void
acquire (TunLoop *loop, SpdPolicy *policy, const Packet *packet)
{
  gint64 now = ike_loop_now_us (loop->loop), last = atomic_load (&policy->acquired_us);
  IkeKernelAcquire event = { .struct_size = sizeof event, .reqid = policy->reqid };
  IkeAddr source, destination;
  if (last && now - last < ACQUIRE_AGAIN_US)
    return;
  if (!atomic_compare_exchange_strong (&policy->acquired_us, &last, MAX (now, 1)))
    return;
  packet_source (packet, &source);
  packet_destination (packet, &destination);
  ike_selector_of_addr (&event.source, packet->protocol, &source);
  ike_selector_of_addr (&event.destination, packet->protocol, &destination);
  ike_kernel_acquire (loop->kernel->plugin, &event);
}

/* -- one packet */

/* Without a route of its own to the peer, our own packets would come back to us out of the
 * device, and again. */
static gboolean
is_own_packet (TunKernel *kernel, const TunPath *path, const Packet *packet)
{
  IkeAddr to;
  packet_destination (packet, &to);
  if (!ike_addr_same_host (&to, &path->destination))
    return FALSE;
  return packet->protocol == IPPROTO_ESP || packet->protocol == IPPROTO_AH
         || (packet->protocol == PACKET_PROTO_UDP && packet->ports == PACKET_PORTS_KNOWN
             && (packet->source_port == kernel->plain_port
                 || packet->source_port == kernel->marked_port));
}

/* The largest inner packet that fits @path_mtu. */
static guint32
inner_mtu (const TunSa *sa, const TunPath *path, guint32 path_mtu)
{
  guint32 overhead = (path->destination.family == 4 ? 20 : 40) + (path->is_encap ? 8 : 0)
                     + sad_overhead (sa, path->destination.family);
  return path_mtu > overhead ? path_mtu - overhead : 0;
}

/* RFC 4301, 8.2: what does not fit and may not be fragmented is reported to its sender.  An IPv6
 * packet of 1280 bytes always has to pass (RFC 8200, 5), so the outer packet is then fragmented. */
static gboolean
is_too_big (TunLoop *loop, TunSa *sa, const TunPath *path, const TunInner *inner)
{
  guint32 path_mtu = atomic_load_explicit (&sa->path_mtu, memory_order_relaxed), mtu;
  guint8 error[PACKET_ERROR_MAX];
  gsize len;
  if (!path_mtu || !inner->packet.has_df || inner->was_fragmented
      || (sa->mode == IKE_MODE_TUNNEL && !(sa->flags & IKE_KERNEL_COPY_DF)))
    return FALSE;
  mtu = inner_mtu (sa, path, path_mtu);
  if (inner->packet.family == 6)
    mtu = MAX (mtu, (guint32) IPV6_MTU_MIN);
  if (inner->packet.len <= mtu)
    return FALSE;
  tun_count (loop->kernel, loop->kernel->counters.too_big);
  len = packet_too_big (&inner->packet, inner->data, mtu, error);
  if (len)
    tun_write (loop, error, len);
  return TRUE;
}

static void
send_through (TunLoop *loop, TunSa *sa, const TunInner *inner)
{
  TunKernel *kernel = loop->kernel;
  const TunPath *path = atomic_load_explicit (&sa->path, memory_order_acquire);
  TunOut *out = &loop->out[loop->n_out];
  if (atomic_load_explicit (&sa->expired, memory_order_relaxed) & SAD_HARD_EXPIRED) {
    tun_count (kernel, kernel->counters.expired);
    return;
  }
  if (is_own_packet (kernel, path, &inner->packet)) {
    tun_count (kernel, kernel->counters.own_packet);
    return;
  }
  if (is_too_big (loop, sa, path, inner))
    return;
  if (!tun_seal (loop, sa, path, inner, out))
    return;
  loop->n_out++;
  loop->out_used = (gsize) (out->data + out->len - loop->out_buffer);
  tun_expire (kernel, sa, sad_account (sa, inner->packet.len, ike_loop_now_us (loop->loop)));
}

static void process_copy (TunLoop *loop, const guint8 *data, gsize len, gboolean was_fragmented);

static void
put_together (TunLoop *loop, const TunInner *inner)
{
  gsize len;
  const guint8 *whole = reassemble (&loop->reassembly, &inner->packet, inner->data, &len);
  if (whole)
    process_copy (loop, whole, len, TRUE);
}

/* Whose flow is it, of several peers at one address?  A policy that is narrower than theirs still
 * goes first. */
static SpdPolicy *
choose_peer (TunKernel *kernel, SpdPolicy *policy, const Packet *packet)
{
  guint32 reqid = flows_find (&kernel->flows, packet);
  SpdPolicy *other
    = reqid && reqid != policy->reqid ? spd_lookup_hosts (kernel->spd, packet, reqid) : NULL;
  return other && other->priority <= policy->priority ? other : policy;
}

/* RFC 4301, 5.1: a policy says discard, bypass or protect; what matches none is discarded. */
static void
process (TunLoop *loop, TunInner *inner)
{
  TunKernel *kernel = loop->kernel;
  const char *reason;
  SpdPolicy *policy;
  TunSa *sa;
  if (!packet_parse (&inner->packet, inner->data, inner->len, &reason)) {
    tun_count (kernel, kernel->counters.tun_malformed);
    return;
  }
  if (inner->packet.is_fragment && spd_is_bare (kernel->spd, &inner->packet)) {
    put_together (loop, inner);
    return;
  }
  policy = spd_lookup (kernel->spd, &inner->packet);
  if (!policy) {
    tun_count (kernel, kernel->counters.no_policy);
    return;
  }
  /* What a PASS policy lets go has a route around the device; what comes here anyway cannot be
   * put back. */
  if (policy->mode == IKE_MODE_PASS || policy->mode == IKE_MODE_DROP) {
    tun_count (kernel, kernel->counters.policy_drop);
    return;
  }
  if (policy->mode == IKE_MODE_TRANSPORT)
    policy = choose_peer (kernel, policy, &inner->packet);
  sa = atomic_load_explicit (&policy->sa, memory_order_acquire);
  if (sa)
    send_through (loop, sa, inner);
  else {
    keep (loop, policy, inner);
    acquire (loop, policy, &inner->packet);
  }
}

/* Where the next packet of at most @len bytes goes; what is there already is sent for want of
 * room. */
static guint8 *
out_slot (TunLoop *loop, gsize len)
{
  gsize wanted = TUN_HEAD_MAX + len + loop->kernel->mtu + ESP_TAIL_MAX;
  if (loop->n_out == TUN_OUT_BATCH || TUN_OUT_SIZE - loop->out_used < wanted)
    tun_flush (loop);
  return loop->out_buffer + loop->out_used + TUN_HEAD_MAX;
}

static void
process_copy (TunLoop *loop, const guint8 *data, gsize len, gboolean was_fragmented)
{
  TunInner inner = {
    .data = out_slot (loop, len), .len = len, .was_fragmented = was_fragmented
  };
  memcpy (inner.data, data, len);
  process (loop, &inner);
}

static void
process_large (TunLoop *loop, const SegmentHeader *header, gsize len)
{
  const char *reason;
  Segments segments;
  gsize next;
  if (!segments_init (&segments, header, loop->read_buffer, len, &reason)) {
    tun_count (loop->kernel, loop->kernel->counters.tun_malformed);
    return;
  }
  while ((next = segments_peek (&segments)) != 0) {
    TunInner inner = { .data = out_slot (loop, next), .len = next };
    segments_next (&segments, inner.data);
    process (loop, &inner);
  }
}

static void
process_read (TunLoop *loop, const SegmentHeader *header, gsize len)
{
  if (header->kind != SEGMENT_NONE)
    process_large (loop, header, len);
  else if (segment_finish (header, loop->read_buffer, len))
    process_copy (loop, loop->read_buffer, len, FALSE);
  else
    tun_count (loop->kernel, loop->kernel->counters.tun_malformed);
}

void
tun_outbound_ready (int fd, guint32 events, gpointer data)
{
  TunLoop *loop = data;
  gsize before = loop->kernel->device.has_offload ? sizeof (SegmentHeader) : 0;
  for (guint i = 0; i < TUN_READ_BATCH; i++) {
    SegmentHeader header = { 0 };
    struct iovec parts[2] = { { &header, before }, { loop->read_buffer, 65536 } };
    ssize_t got = readv (fd, parts, 2);
    if (got < (ssize_t) before)
      break;
    process_read (loop, &header, (gsize) got - before);
  }
  tun_flush (loop);
}

/* The policy that carries a packet may be a narrower one than that which it waits for. */
static SpdPolicy *
policy_of (TunLoop *loop, const TunPending *pending, Packet *packet)
{
  const char *reason;
  return packet_parse (packet, pending->data, pending->len, &reason)
             ? spd_lookup (loop->kernel->spd, packet)
             : NULL;
}

void
tun_outbound_retry (TunLoop *loop)
{
  for (guint i = 0; i < TUN_PENDING; i++) {
    TunPending waiting = loop->pending[i];
    SpdPolicy *policy;
    Packet packet;
    if (!waiting.policy)
      continue;
    policy = policy_of (loop, &waiting, &packet);
    if (is_stale (loop, &waiting)) {
      clear_pending (&loop->pending[i]);
    } else if (policy && atomic_load (&policy->sa)) {
      memset (&loop->pending[i], 0, sizeof loop->pending[i]);
      process_copy (loop, waiting.data, waiting.len, waiting.was_fragmented);
      clear_pending (&waiting);
    } else if (policy && !atomic_load (&policy->acquired_us))
      acquire (loop, policy, &packet);
  }
  tun_flush (loop);
}
