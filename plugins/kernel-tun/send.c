/* SPDX-License-Identifier: Apache-2.0 */
/* send.c - sends the sealed packets of a batch, as many as possible with one system call. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include "kernel_tun.h"

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

/* Arrays for one sendmmsg. */
typedef struct {
  struct mmsghdr          headers[TUN_BATCH];
  struct iovec            parts[TUN_BATCH];
  struct sockaddr_storage to[TUN_BATCH];
  union {
    struct cmsghdr align;
    guint8         bytes[TUN_CONTROL_SIZE];
  } control[TUN_BATCH];
} Messages;

static void
prepare (Messages *messages, guint i, const TunOut *out)
{
  struct msghdr *header = &messages->headers[i].msg_hdr;
  IkeAddr to = out->path->destination;
  memset (&messages->headers[i], 0, sizeof messages->headers[i]);
  memset (&messages->control[i], 0, sizeof messages->control[i]);
  /* A raw socket takes no port. */
  if (!out->path->is_encap)
    to.port = 0;
  messages->parts[i].iov_base = out->data;
  messages->parts[i].iov_len = out->len;
  header->msg_iov = &messages->parts[i];
  header->msg_iovlen = 1;
  header->msg_name = &messages->to[i];
  header->msg_namelen = ike_addr_to_sockaddr (&to, &messages->to[i]);
  header->msg_control = &messages->control[i];
  header->msg_controllen = to.family == 4 ? control_ipv4 (&messages->control[i].align, out)
                                          : control_ipv6 (&messages->control[i].align, out);
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
refused (TunLoop *loop, const TunOut *out, int number)
{
  TunKernel *kernel = loop->kernel;
  tun_count (kernel, number == EMSGSIZE ? kernel->counters.too_big : kernel->counters.send_failed);
  if (number == EMSGSIZE)
    tun_admin_measure (kernel, out->sa);
}

/* Packets of one socket and one way to fragment. */
static void
send_run (TunLoop *loop, const TunOut *out, guint n)
{
  static const int no_more_room = EAGAIN;
  Messages messages;
  guint sent = 0;
  for (guint i = 0; i < n; i++)
    prepare (&messages, i, &out[i]);
  set_fragmenting (loop, out);
  while (sent < n) {
    int got = sendmmsg (out->fd, messages.headers + sent, n - sent, MSG_DONTWAIT);
    if (got > 0) {
      sent += (guint) got;
      ike_counter_add (loop->kernel->engine, loop->kernel->counters.esp_out, (guint64) got);
      continue;
    }
    if (got < 0 && errno == EINTR)
      continue;
    refused (loop, &out[sent], got < 0 ? errno : no_more_room);
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
    while (i + n < loop->n_out && loop->out[i + n].fd == loop->out[i].fd
           && loop->out[i + n].fragmenting == loop->out[i].fragmenting)
      n++;
    send_run (loop, &loop->out[i], n);
    i += n;
  }
  loop->n_out = 0;
}
