/* SPDX-License-Identifier: Apache-2.0 */
/* send.c - sends the sealed packets of a batch, as many as possible with one system call. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include "kernel_tun.h"

/* What UDP_SEGMENT takes at once. */
enum { SEGMENTS_MAX = 64, DATAGRAM_MAX = 65000 };

/* The source address of an IPv4 packet, and its traffic class. */
static gsize
control_ipv4 (struct cmsghdr *head, const TunOut *out)
{
  struct in_pktinfo info = { 0 };
  int traffic_class = out->traffic_class;
  gsize used = CMSG_SPACE (sizeof traffic_class);
  head->cmsg_level = IPPROTO_IP;
  head->cmsg_type = IP_TOS;
  head->cmsg_len = CMSG_LEN (sizeof traffic_class);
  memcpy (CMSG_DATA (head), &traffic_class, sizeof traffic_class);
  if (ike_addr_is_any (&out->path->source))
    return used;
  memcpy (&info.ipi_spec_dst, out->path->source.bytes, 4);
  head = (struct cmsghdr *) ((guint8 *) head + used);
  head->cmsg_level = IPPROTO_IP;
  head->cmsg_type = IP_PKTINFO;
  head->cmsg_len = CMSG_LEN (sizeof info);
  memcpy (CMSG_DATA (head), &info, sizeof info);
  return used + CMSG_SPACE (sizeof info);
}

static gsize
control_ipv6 (struct cmsghdr *head, const TunOut *out)
{
  struct in6_pktinfo info = { 0 };
  int traffic_class = out->traffic_class;
  gsize used = CMSG_SPACE (sizeof traffic_class);
  head->cmsg_level = IPPROTO_IPV6;
  head->cmsg_type = IPV6_TCLASS;
  head->cmsg_len = CMSG_LEN (sizeof traffic_class);
  memcpy (CMSG_DATA (head), &traffic_class, sizeof traffic_class);
  if (ike_addr_is_any (&out->path->source))
    return used;
  memcpy (&info.ipi6_addr, out->path->source.bytes, 16);
  info.ipi6_ifindex = out->path->source.scope;
  head = (struct cmsghdr *) ((guint8 *) head + used);
  head->cmsg_level = IPPROTO_IPV6;
  head->cmsg_type = IPV6_PKTINFO;
  head->cmsg_len = CMSG_LEN (sizeof info);
  memcpy (CMSG_DATA (head), &info, sizeof info);
  return used + CMSG_SPACE (sizeof info);
}

/* One sendmmsg: messages, each of one packet or of several that the kernel cuts apart. */
typedef struct {
  struct mmsghdr          headers[TUN_OUT_BATCH];
  struct iovec            parts[TUN_OUT_BATCH];
  struct sockaddr_storage to[TUN_OUT_BATCH];
  guint                   first[TUN_OUT_BATCH + 1];   /* packet of each message */
  union {
    struct cmsghdr align;
    guint8         bytes[TUN_CONTROL_SIZE];
  } control[TUN_OUT_BATCH];
} Messages;

/* Of a packet whose header the outer one is. */
static gsize
control_hop_limit (struct cmsghdr *head, const TunOut *out)
{
  int value = out->hop_limit;
  head->cmsg_level = out->path->destination.family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
  head->cmsg_type = out->path->destination.family == 4 ? IP_TTL : IPV6_HOPLIMIT;
  head->cmsg_len = CMSG_LEN (sizeof value);
  memcpy (CMSG_DATA (head), &value, sizeof value);
  return CMSG_SPACE (sizeof value);
}

static gsize
control_segments (struct cmsghdr *head, gsize len)
{
  guint16 segment_len = (guint16) len;
  head->cmsg_level = IPPROTO_UDP;
  head->cmsg_type = UDP_SEGMENT;
  head->cmsg_len = CMSG_LEN (sizeof segment_len);
  memcpy (CMSG_DATA (head), &segment_len, sizeof segment_len);
  return CMSG_SPACE (sizeof segment_len);
}

/* How many of the packets from @out on can be one message: of one SA and traffic class, of one
 * length but for the last one, which may be shorter. */
static guint
n_together (const TunLoop *loop, const TunOut *out, guint n)
{
  gsize len = out->len;
  guint i = 1;
  if (!loop->has_segments || !out->path->is_encap)
    return 1;
  for (; i < n && i < SEGMENTS_MAX; i++) {
    if (out[i].path != out->path || out[i].traffic_class != out->traffic_class
        || out[i].hop_limit != out->hop_limit
        || out[i].len > out->len || len + out[i].len > DATAGRAM_MAX)
      break;
    len += out[i].len;
    if (out[i].len < out->len)
      return i + 1;
  }
  return i;
}

/* Message @m: the @n packets from @out on. */
static void
prepare (Messages *messages, guint m, guint first, const TunOut *out, guint n)
{
  struct msghdr *header = &messages->headers[m].msg_hdr;
  struct cmsghdr *control = &messages->control[m].align;
  IkeAddr to = out->path->destination;
  memset (&messages->headers[m], 0, sizeof messages->headers[m]);
  memset (&messages->control[m], 0, sizeof messages->control[m]);
  /* A raw socket takes no port. */
  if (!out->path->is_encap)
    to.port = 0;
  for (guint i = 0; i < n; i++)
    messages->parts[first + i] = (struct iovec) { out[i].data, out[i].len };
  messages->first[m] = first;
  header->msg_iov = &messages->parts[first];
  header->msg_iovlen = n;
  header->msg_name = &messages->to[m];
  header->msg_namelen = ike_addr_to_sockaddr (&to, &messages->to[m]);
  header->msg_control = control;
  header->msg_controllen =
      to.family == 4 ? control_ipv4 (control, out) : control_ipv6 (control, out);
  if (out->hop_limit)
    header->msg_controllen += control_hop_limit (
        (struct cmsghdr *) ((guint8 *) control + header->msg_controllen), out);
  if (n > 1) {
    control = (struct cmsghdr *) ((guint8 *) control + header->msg_controllen);
    header->msg_controllen += control_segments (control, out->len);
  }
}

static void
set_fragmenting (TunLoop *loop, const TunOut *out)
{
  for (guint i = 0; i < TUN_SOCKETS; i++) {
    if (loop->sockets[i] != out->fd || loop->fragmenting[i] == out->fragmenting)
      continue;
    /* The values of IPV6_MTU_DISCOVER are the same. */
    if (i % 2 == 0)
      setsockopt (out->fd, IPPROTO_IP, IP_MTU_DISCOVER, &out->fragmenting, sizeof out->fragmenting);
    else
      setsockopt (out->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &out->fragmenting,
                  sizeof out->fragmenting);
    loop->fragmenting[i] = out->fragmenting;
  }
}

static void
refused (TunLoop *loop, const TunOut *out, guint n, int number)
{
  TunKernel *kernel = loop->kernel;
  ike_counter_add (kernel->engine,
                   number == EMSGSIZE ? kernel->counters.too_big : kernel->counters.send_failed, n);
  if (number == EMSGSIZE)
    tun_admin_measure (kernel, out->sa);
}

static guint
arrange (const TunLoop *loop, Messages *messages, const TunOut *out, guint n)
{
  guint m = 0;
  for (guint i = 0; i < n; m++) {
    guint together = n_together (loop, &out[i], n - i);
    prepare (messages, m, i, &out[i], together);
    i += together;
  }
  messages->first[m] = n;
  return m;
}

static void send_run (TunLoop *loop, const TunOut *out, guint n);

/* What the kernel cannot cut apart on this way (the path takes less, or its device makes no
 * checksums) is sent one by one: then each packet has a result of its own. */
static void
send_apart (TunLoop *loop, const TunOut *out, guint n, int number)
{
  gboolean has_segments = loop->has_segments && number != EIO;
  loop->has_segments = FALSE;
  send_run (loop, out, n);
  loop->has_segments = has_segments;
}

/* Packets of one socket and one way to fragment. */
static void
send_run (TunLoop *loop, const TunOut *out, guint n)
{
  static const int no_more_room = EAGAIN;
  Messages messages;
  guint n_messages = arrange (loop, &messages, out, n), sent = 0;
  set_fragmenting (loop, out);
  while (sent < n_messages) {
    int got = sendmmsg (out->fd, messages.headers + sent, n_messages - sent, MSG_DONTWAIT);
    guint first = messages.first[sent], number;
    if (got > 0) {
      sent += (guint) got;
      ike_counter_add (loop->kernel->engine, loop->kernel->counters.esp_out,
                       messages.first[sent] - first);
      continue;
    }
    if (got < 0 && errno == EINTR)
      continue;
    number = (guint) (got < 0 ? errno : no_more_room);
    if (messages.first[sent + 1] - first > 1 && number != EAGAIN && number != ENOBUFS)
      send_apart (loop, &out[first], messages.first[sent + 1] - first, (int) number);
    else
      refused (loop, &out[first], messages.first[sent + 1] - first, (int) number);
    sent++;
  }
}

/* Where the net plugin has no socket for us. */
static void
send_by_plugin (TunLoop *loop, const TunOut *out)
{
  TunKernel *kernel = loop->kernel;
  IkeDatagram datagram = { .struct_size = sizeof datagram,
                           .local = out->path->source,
                           .remote = out->path->destination,
                           .data = out->data,
                           .len = out->len };
  if (out->path->is_encap && kernel->net->esp_send
      && kernel->net->esp_send (kernel->net_plugin, &datagram, 1))
    tun_count (kernel, kernel->counters.esp_out);
  else
    tun_count (kernel, kernel->counters.send_failed);
}

/* -- IPv4 headers that were made here */

enum { IPV4_LEN = 20, MTU = 1500, MORE_FRAGMENTS = 0x20 };

static guint32
mtu_of (const TunOut *out)
{
  guint32 mtu = atomic_load_explicit (&out->sa->path_mtu, memory_order_relaxed);
  return mtu ? mtu : MTU;
}

/* RFC 4302, 3.3.4: "If required, IP fragmentation occurs after AH processing".  The kernel cuts no
 * packet whose header is not its own. */
static gboolean
is_to_be_cut (const TunLoop *loop, const TunOut *out)
{
  return out->fd >= 0 && out->fd == loop->sockets[TUN_AH4] && out->fragmenting != IP_PMTUDISC_DO
         && out->len > mtu_of (out);
}

static void
send_cut (TunLoop *loop, const TunOut *out)
{
  gsize step = (MAX (mtu_of (out), 68u) - IPV4_LEN) & ~(gsize) 7;
  struct sockaddr_storage to;
  IkeAddr peer = out->path->destination;
  guint8 header[IPV4_LEN];
  peer.port = 0;
  for (gsize at = 0; at < out->len - IPV4_LEN; at += step) {
    gsize len = MIN (step, out->len - IPV4_LEN - at);
    gboolean is_last = at + len == out->len - IPV4_LEN;
    struct iovec parts[2] = { { header, sizeof header }, { out->data + IPV4_LEN + at, len } };
    struct msghdr message = { .msg_name = &to, .msg_iov = parts, .msg_iovlen = 2 };
    memcpy (header, out->data, sizeof header);
    header[2] = (guint8) ((len + IPV4_LEN) >> 8);
    header[3] = (guint8) (len + IPV4_LEN);
    header[6] = (guint8) ((is_last ? 0 : MORE_FRAGMENTS) | at / 8 >> 8);
    header[7] = (guint8) (at / 8);
    message.msg_namelen = ike_addr_to_sockaddr (&peer, &to);
    if (sendmsg (out->fd, &message, MSG_DONTWAIT) < 0) {
      refused (loop, out, 1, errno);
      return;
    }
  }
  tun_count (loop->kernel, loop->kernel->counters.esp_out);
}

void
tun_flush (TunLoop *loop)
{
  guint i = 0;
  while (i < loop->n_out) {
    guint n = 1;
    if (loop->out[i].fd < 0) {
      send_by_plugin (loop, &loop->out[i++]);
      continue;
    }
    if (is_to_be_cut (loop, &loop->out[i])) {
      send_cut (loop, &loop->out[i++]);
      continue;
    }
    while (i + n < loop->n_out && loop->out[i + n].fd == loop->out[i].fd
           && !is_to_be_cut (loop, &loop->out[i + n])
           && loop->out[i + n].fragmenting == loop->out[i].fragmenting)
      n++;
    send_run (loop, &loop->out[i], n);
    i += n;
  }
  loop->n_out = 0;
  loop->out_used = 0;
}
