/* SPDX-License-Identifier: Apache-2.0 */
/* inbound.c - from the sockets through the SAs to the TUN device. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include "shared/ah/ah.h"
#include "kernel_tun.h"

enum { FORWARDED_MAX = 1024, MAPPING_AGAIN_US = 1000 * 1000, KEEPALIVE = 0xff, MARKER_LEN = 4 };

/* -- one ESP packet */

/* Puts the header before what came without it. */
static gboolean
dress (TunSa *sa, EspPayload *payload, const TunArrival *arrival)
{
  BareHeader header = { payload->next_header, arrival->traffic_class, arrival->hop_limit };
  gsize header_len;
  if (sa->original.family)
    bare_fix_checksum (&sa->hosts, &sa->original, payload->next_header, payload->payload,
                       payload->len);
  header_len = bare_build (&sa->hosts, &header, payload->payload, payload->len);
  payload->payload -= header_len;
  payload->len += header_len;
  payload->next_header = sa->hosts.family == 4 ? ESP_NEXT_IPV4 : ESP_NEXT_IPV6;
  return header_len != 0;
}

/* RFC 4301, 5.2, step 4: what came out of the SA must be what it was negotiated for. */
static gboolean
deliver (TunLoop *loop, TunSa *sa, EspPayload *payload, const TunArrival *arrival)
{
  TunKernel *kernel = loop->kernel;
  Packet packet;
  const char *reason;
  if (payload->next_header == ESP_NEXT_NONE) {
    tun_count (kernel, kernel->counters.dummy);
    return TRUE;
  }
  if ((sa->mode != IKE_MODE_TUNNEL && !dress (sa, payload, arrival))
      || !packet_parse (&packet, payload->payload, payload->len, &reason)
      || payload->next_header != (packet.family == 4 ? ESP_NEXT_IPV4 : ESP_NEXT_IPV6)) {
    tun_count (kernel, kernel->counters.malformed);
    return FALSE;
  }
  if (!sad_permits (sa, &packet)) {
    atomic_fetch_add_explicit (&sa->n_bad_selector, 1, memory_order_relaxed);
    tun_count (kernel, kernel->counters.bad_selector);
    return FALSE;
  }
  if (sa->mode == IKE_MODE_TUNNEL
      && !packet_merge_class (&packet, payload->payload, arrival->traffic_class, sa->flags)) {
    tun_count (kernel, kernel->counters.bad_ecn);
    return FALSE;
  }
  if (sa->original.family)
    flows_note (&kernel->flows, &packet, sa->reqid);
  /* The header says where the packet ends; what follows is TFC padding. */
  tun_deliver (loop, &packet, payload->payload);
  return TRUE;
}

/* RFC 7296, 2.23: the peer's address is learned from authenticated packets only, and an old one
 * that is repeated late proves nothing, so it takes the newest. */
static void
watch_mapping (TunLoop *loop, TunSa *sa, const TunArrival *arrival, gboolean is_newest)
{
  const TunPath *path = atomic_load_explicit (&sa->path, memory_order_acquire);
  gint64 now = ike_loop_now_us (loop->loop);
  if (!arrival->is_encap || !path->is_encap || !is_newest)
    return;
  if (ike_addr_equal (&path->source, &arrival->remote))
    return;
  if (ike_addr_equal (&sa->seen_from, &arrival->remote) && now - sa->seen_us < MAPPING_AGAIN_US)
    return;
  sa->seen_from = arrival->remote;
  sa->seen_us = now;
  ike_kernel_mapping (loop->kernel->plugin, sa->owner, sa->child, sa->spi, &arrival->remote);
}

static void
reject (TunKernel *kernel, TunSa *sa, EspVerdict verdict)
{
  if (verdict == ESP_BAD_ICV)
    atomic_fetch_add_explicit (&sa->n_bad_icv, 1, memory_order_relaxed);
  tun_count (kernel,
             verdict == ESP_BAD_ICV ? kernel->counters.bad_icv : kernel->counters.malformed);
}

/* The ICV covers the IP header: that of IPv4 came with the packet, that of IPv6 is made again from
 * what the socket told, which is all but extension headers. */
static EspVerdict
open_ah (const EspKeys *keys, guint64 sequence, TunArrival *arrival, EspPayload *payload)
{
  AhKeys ah = { keys->integ, keys->integ_scratch, keys->integ_key, keys->is_esn };
  guint header_len, before = arrival->header_len;
  guint8 *packet = arrival->data - before;
  AhVerdict verdict;
  if (arrival->remote.family == 6) {
    before = 40;
    packet = arrival->data - before;
    memset (packet, 0, before);
    packet[0] = 0x60;
    packet[4] = (guint8) (arrival->len >> 8);
    packet[5] = (guint8) arrival->len;
    packet[6] = AH_PROTOCOL;
    memcpy (packet + 8, arrival->remote.bytes, 16);
    memcpy (packet + 24, arrival->local.bytes, 16);
  }
  verdict = ah_open (&ah, sequence, packet, before + arrival->len, before, &header_len,
                     &payload->next_header);
  if (verdict != AH_OK)
    return verdict == AH_BAD_ICV ? ESP_BAD_ICV : ESP_SHORT;
  payload->payload = arrival->data + header_len;
  payload->len = arrival->len - header_len;
  return ESP_OK;
}

static void
open_packet (TunLoop *loop, TunSa *sa, TunArrival *arrival, guint64 sequence)
{
  TunKernel *kernel = loop->kernel;
  gboolean is_newest = sequence > sa->replay->top;
  EspPayload payload;
  EspKeys keys;
  EspVerdict verdict;
  guint32 crossed;
  if (!tun_keys (loop, sa, &keys)) {
    tun_count (kernel, kernel->counters.malformed);
    return;
  }
  verdict = sa->protocol == IKE_PROTOCOL_AH
                ? open_ah (&keys, sequence, arrival, &payload)
                : esp_open (&keys, &sa->sizes, sequence, arrival->data, arrival->len, &payload);
  /* Padding is behind the ICV: such a packet is authentic and its number is used up. */
  if (verdict == ESP_OK || verdict == ESP_BAD_PADDING) {
    replay_update (sa->replay, sequence);
    atomic_store_explicit (&sa->sequence, sa->replay->top, memory_order_relaxed);
  }
  if (verdict != ESP_OK) {
    reject (kernel, sa, verdict);
    return;
  }
  tun_count (kernel, kernel->counters.esp_in);
  watch_mapping (loop, sa, arrival, is_newest);
  deliver (loop, sa, &payload, arrival);
  crossed = sad_account (sa, payload.len, ike_loop_now_us (loop->loop));
  if (crossed)
    ike_kernel_expire (kernel->plugin, sa->owner, sa->child, sa->spi,
                       (crossed & SAD_HARD_EXPIRED) != 0);
}

void
tun_inbound (TunLoop *loop, TunArrival *arrival)
{
  TunKernel *kernel = loop->kernel;
  guint32 spi, sequence_low;
  guint64 sequence;
  TunSa *sa;
  if (!(arrival->protocol == IKE_PROTOCOL_AH
            ? ah_peek (arrival->data, arrival->len, &spi, &sequence_low)
            : esp_peek (arrival->data, arrival->len, &spi, &sequence_low))) {
    tun_count (kernel, kernel->counters.malformed);
    return;
  }
  if (spi >> 24 != loop->index + 1) {
    tun_inbound_forward (kernel, arrival);
    return;
  }
  sa = sad_table_find (&loop->inbound, spi);
  if (!sa || sa->protocol != arrival->protocol) {
    tun_count (kernel, kernel->counters.no_sa);
    return;
  }
  if (atomic_load_explicit (&sa->expired, memory_order_relaxed) & SAD_HARD_EXPIRED) {
    tun_count (kernel, kernel->counters.expired);
    return;
  }
  sequence = replay_infer (sa->replay, sequence_low);
  if (replay_check (sa->replay, sequence) != REPLAY_OK) {
    atomic_fetch_add_explicit (&sa->n_replay, 1, memory_order_relaxed);
    tun_count (kernel, kernel->counters.replay);
    return;
  }
  open_packet (loop, sa, arrival, sequence);
}

/* -- packets for another loop */

typedef struct {
  TunLoop   *loop;
  TunArrival arrival;
  guint8     data[];
} Forwarded;

static void
run_forwarded (gpointer data)
{
  Forwarded *forwarded = data;
  forwarded->arrival.data = forwarded->data + TUN_ROOM;
  tun_inbound (forwarded->loop, &forwarded->arrival);
  tun_deliver_end (forwarded->loop);
}

static void
free_forwarded (gpointer data)
{
  Forwarded *forwarded = data;
  atomic_fetch_sub (&forwarded->loop->n_forwarded, 1);
  g_free (forwarded);
}

/* A queue that is full loses packets, as a network card would. */
void
tun_inbound_forward (TunKernel *kernel, const TunArrival *arrival)
{
  Forwarded *forwarded;
  TunLoop *loop;
  guint index, spi_at = arrival->protocol == IKE_PROTOCOL_AH ? 4 : 0;
  if (arrival->len < spi_at + ESP_HEADER_LEN || arrival->data[spi_at] == 0
      || arrival->data[spi_at] > kernel->n_loops) {
    tun_count (kernel, kernel->counters.no_sa);
    return;
  }
  index = arrival->data[spi_at] - 1u;
  loop = kernel->loops[index];
  if (atomic_fetch_add (&loop->n_forwarded, 1) >= FORWARDED_MAX) {
    atomic_fetch_sub (&loop->n_forwarded, 1);
    tun_count (kernel, kernel->counters.overload);
    return;
  }
  forwarded = g_malloc (sizeof *forwarded + TUN_ROOM + arrival->len);
  forwarded->loop = loop;
  forwarded->arrival = *arrival;
  forwarded->arrival.n_before = TUN_ROOM;
  memcpy (forwarded->data + TUN_ROOM - arrival->n_before, arrival->data - arrival->n_before,
          arrival->n_before + arrival->len);
  tun_post (kernel, &loop->loop, run_forwarded, forwarded, free_forwarded);
}

/* -- IKE that came to an ESP socket */

typedef struct {
  IkeEngine  *engine;
  guint       shard;
  IkeDatagram datagram;
  guint8      data[];
} Ike;

static void
run_ike (IkeSa *sa, gpointer data)
{
  Ike *ike = data;
  ike->datagram.data = ike->data;
  ike_input (ike->engine, ike->shard, &ike->datagram);
}

static const IkeJobClass ike_established = { sizeof (IkeJobClass), "ike-on-esp-socket",
                                             IKE_LANE_ESTABLISHED, run_ike, g_free };
static const IkeJobClass ike_new = { sizeof (IkeJobClass), "new-ike-on-esp-socket", IKE_LANE_NEW,
                                     run_ike, g_free };

static void
hand_over_ike (TunLoop *loop, const TunArrival *arrival, const IkeAddr *local)
{
  TunKernel *kernel = loop->kernel;
  gsize len = arrival->len - MARKER_LEN;
  int shard = ike_input_shard (kernel->engine, arrival->data + MARKER_LEN, len);
  Ike *ike = g_malloc (sizeof *ike + len);
  ike->engine = kernel->engine;
  ike->shard = shard >= 0 ? (guint) shard : loop->index;
  ike->datagram = (IkeDatagram){ .struct_size = sizeof (IkeDatagram),
                                 .flags = IKE_NET_MARKED,
                                 .local = *local,
                                 .remote = arrival->remote,
                                 .len = len };
  memcpy (ike->data, arrival->data + MARKER_LEN, len);
  if (!ike_shard_post (ike_engine_shard (kernel->engine, ike->shard),
                       shard >= 0 ? &ike_established : &ike_new, ike))
    tun_count (kernel, kernel->counters.overload);
}

/* -- batches */

typedef struct {
  struct mmsghdr          headers[TUN_IN_BATCH];
  struct iovec            parts[TUN_IN_BATCH];
  struct sockaddr_storage from[TUN_IN_BATCH];
  union {
    struct cmsghdr align;
    guint8         bytes[TUN_CONTROL_SIZE];
  } control[TUN_IN_BATCH];
} Messages;

/* What came beside a datagram. */
typedef struct {
  IkeAddr local;
  int     segment_len;                        /* of packets that came together, 0: one alone */
  guint8  traffic_class, hop_limit;
} Beside;

static void
read_one_control (const struct cmsghdr *c, Beside *beside)
{
  int value;
  if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
    beside->traffic_class = *(const guint8 *) CMSG_DATA (c);
  if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
    memcpy (&value, CMSG_DATA (c), sizeof value);
    beside->traffic_class = (guint8) value;
  }
  if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
      || (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
    memcpy (&value, CMSG_DATA (c), sizeof value);
    beside->hop_limit = (guint8) value;
  }
  if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
    memcpy (&beside->segment_len, CMSG_DATA (c), sizeof beside->segment_len);
  if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
    beside->local.family = 4;
    memcpy (beside->local.bytes, &((const struct in_pktinfo *) CMSG_DATA (c))->ipi_addr, 4);
  }
  if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
    beside->local.family = 6;
    memcpy (beside->local.bytes, &((const struct in6_pktinfo *) CMSG_DATA (c))->ipi6_addr, 16);
  }
}

/* RFC 3948, 2: a keepalive is one byte 0xFF; four zeros announce IKE; the rest is ESP. */
static void
receive_udp (TunLoop *loop, TunArrival *arrival, const IkeAddr *local)
{
  static const guint8 marker[MARKER_LEN];
  arrival->is_encap = TRUE;
  if (arrival->len == 1 && arrival->data[0] == KEEPALIVE)
    return;
  if (arrival->len > MARKER_LEN && memcmp (arrival->data, marker, MARKER_LEN) == 0)
    hand_over_ike (loop, arrival, local);
  else
    tun_inbound (loop, arrival);
}

/* An IPv4 raw socket gives the IP header too. */
static void
receive_raw (TunLoop *loop, TunArrival *arrival, gboolean has_header)
{
  gsize skip = has_header && arrival->len ? (arrival->data[0] & 15) * 4u : 0;
  if (skip > arrival->len || (has_header && skip < 20)) {
    tun_count (loop->kernel, loop->kernel->counters.malformed);
    return;
  }
  arrival->data += skip;
  arrival->len -= skip;
  arrival->header_len = (guint8) skip;
  tun_inbound (loop, arrival);
}

/* RFC 3948 knows nothing of packets that come together: they are of one sender and one length, but
 * for the last one. */
static void
receive_together (TunLoop *loop, const TunArrival *all, const Beside *beside)
{
  gsize step = beside->segment_len > 0 ? (gsize) beside->segment_len : all->len;
  for (gsize at = 0; at < all->len; at += step) {
    TunArrival arrival = *all;
    arrival.data = all->data + at;
    arrival.len = MIN (step, all->len - at);
    receive_udp (loop, &arrival, &beside->local);
  }
}

static void
receive_one (TunLoop *loop, guint kind, struct mmsghdr *message)
{
  TunArrival arrival = { .data = message->msg_hdr.msg_iov->iov_base,
                         .len = message->msg_len,
                         .n_before = TUN_ROOM,
                         .protocol = kind >= TUN_AH4 ? IKE_PROTOCOL_AH : IKE_PROTOCOL_ESP };
  Beside beside = { .local.port = loop->kernel->marked_port };
  if (message->msg_hdr.msg_flags & MSG_TRUNC || arrival.len == 0
      || !ike_addr_from_sockaddr (&arrival.remote, message->msg_hdr.msg_name,
                                  message->msg_hdr.msg_namelen)) {
    tun_count (loop->kernel, loop->kernel->counters.malformed);
    return;
  }
  for (struct cmsghdr *c = CMSG_FIRSTHDR (&message->msg_hdr); c;
       c = CMSG_NXTHDR (&message->msg_hdr, c))
    read_one_control (c, &beside);
  arrival.traffic_class = beside.traffic_class;
  arrival.hop_limit = beside.hop_limit;
  arrival.local = beside.local;
  if (kind == TUN_UDP4 || kind == TUN_UDP6)
    receive_together (loop, &arrival, &beside);
  else
    receive_raw (loop, &arrival, kind % 2 == 0);
}

static void
prepare (TunLoop *loop, Messages *messages, guint i)
{
  struct msghdr *header = &messages->headers[i].msg_hdr;
  messages->headers[i].msg_len = 0;
  messages->parts[i] =
      (struct iovec) { loop->in_slots + (gsize) i * TUN_SLOT_SIZE + TUN_ROOM, 65536 };
  *header = (struct msghdr){ .msg_name = &messages->from[i],
                             .msg_namelen = sizeof messages->from[i],
                             .msg_iov = &messages->parts[i],
                             .msg_iovlen = 1,
                             .msg_control = &messages->control[i],
                             .msg_controllen = sizeof messages->control[i] };
}

void
tun_inbound_ready (int fd, guint32 events, gpointer data)
{
  TunLoop *loop = data;
  Messages messages;
  guint kind = 0;
  int n;
  while (kind < TUN_SOCKETS - 1 && loop->sockets[kind] != fd)
    kind++;
  for (guint i = 0; i < TUN_IN_BATCH; i++)
    prepare (loop, &messages, i);
  n = recvmmsg (fd, messages.headers, TUN_IN_BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < n; i++)
    receive_one (loop, kind, &messages.headers[i]);
  tun_deliver_end (loop);
}
