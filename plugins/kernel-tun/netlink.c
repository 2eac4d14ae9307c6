/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.c - speaks rtnetlink. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include "netlink.h"

enum { REQUEST_SIZE = 512, ANSWER_SIZE = 32768, ANSWER_TIMEOUT_S = 5 };

typedef struct {
  struct nlmsghdr header;
  guint8          body[REQUEST_SIZE];
} Request;

/* Called for each message of an answer. */
typedef void (*Heard) (const struct nlmsghdr *message, gpointer data);

static int
af_of (guint8 family)
{
  return family == 4 ? AF_INET : AF_INET6;
}

static gboolean
fail (GError **error, const char *what, int number)
{
  g_set_error (error, IKE_ERROR, number == EPERM ? IKE_ERROR_DENIED : IKE_ERROR_SYSTEM, "%s: %s%s",
               what, g_strerror (number),
               number == EPERM ? "; the daemon needs CAP_NET_ADMIN" : "");
  return FALSE;
}

static int
open_socket (guint32 groups)
{
  struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_groups = groups };
  struct timeval patience = { .tv_sec = ANSWER_TIMEOUT_S };
  int fd =
      socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0), NETLINK_ROUTE);
  if (fd < 0)
    return -1;
  if (bind (fd, (struct sockaddr *) &self, sizeof self) < 0) {
    close (fd);
    return -1;
  }
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

gboolean
netlink_open (Netlink *netlink, GError **error)
{
  netlink->sequence = 0;
  netlink->fd = open_socket (0);
  return netlink->fd >= 0 || fail (error, "cannot open a netlink socket", errno);
}

void
netlink_close (Netlink *netlink)
{
  if (netlink->fd >= 0)
    close (netlink->fd);
  netlink->fd = -1;
}

int
netlink_watch (void)
{
  return open_socket (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE
                      | RTMGRP_IPV6_ROUTE);
}

static gpointer
begin (Request *request, guint16 type, guint16 flags, gsize body_len)
{
  memset (request, 0, sizeof *request);
  request->header.nlmsg_len = NLMSG_LENGTH (body_len);
  request->header.nlmsg_type = type;
  request->header.nlmsg_flags = NLM_F_REQUEST | flags;
  return NLMSG_DATA (&request->header);
}

/* All attributes we send together are far below REQUEST_SIZE. */
static void
attribute (Request *request, guint16 type, const void *data, guint16 len)
{
  gsize at = NLMSG_ALIGN (request->header.nlmsg_len);
  struct rtattr *attr = (struct rtattr *) ((guint8 *) request + at);
  g_assert (at + RTA_SPACE (len) <= sizeof *request);
  attr->rta_type = type;
  attr->rta_len = (guint16) RTA_LENGTH (len);
  memcpy (RTA_DATA (attr), data, len);
  request->header.nlmsg_len = (guint32) (at + RTA_SPACE (len));
}

/* Reads one datagram of the answer.  Returns 1 when more is to come, 0 at the end, or a negative
 * errno. */
static int
read_answer (Netlink *netlink, guint8 *buffer, gboolean is_dump, Heard heard, gpointer data)
{
  ssize_t got = recv (netlink->fd, buffer, ANSWER_SIZE, 0);
  int left = (int) got;
  if (got < 0)
    return errno == EINTR ? 1 : -errno;
  for (struct nlmsghdr *m = (struct nlmsghdr *) buffer; NLMSG_OK (m, (guint32) left);
       m = NLMSG_NEXT (m, left)) {
    if (m->nlmsg_seq != netlink->sequence)
      continue;
    if (m->nlmsg_type == NLMSG_DONE)
      return 0;
    if (m->nlmsg_type == NLMSG_ERROR)
      return m->nlmsg_len >= NLMSG_LENGTH (sizeof (int)) ? *(int *) NLMSG_DATA (m) : -EPROTO;
    if (heard)
      heard (m, data);
    if (!is_dump && heard)
      return 0;
  }
  return 1;
}

/* Sends @request and reads until its end.  Returns 0 or a negative errno. */
static int
ask (Netlink *netlink, Request *request, Heard heard, gpointer data)
{
  struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
  g_autofree guint8 *buffer = g_malloc (ANSWER_SIZE);
  gboolean is_dump = (request->header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  int result = 1;
  request->header.nlmsg_seq = ++netlink->sequence;
  if (!heard)
    request->header.nlmsg_flags |= NLM_F_ACK;
  if (sendto (netlink->fd, request, request->header.nlmsg_len, 0, (struct sockaddr *) &kernel,
              sizeof kernel)
      < 0)
    return -errno;
  while (result > 0)
    result = read_answer (netlink, buffer, is_dump, heard, data);
  return result;
}

gboolean
netlink_address (Netlink *netlink, gboolean add, const IkeAddr *addr, guint prefix_len,
                 guint32 interface, GError **error)
{
  Request request;
  struct ifaddrmsg *body = begin (&request, add ? RTM_NEWADDR : RTM_DELADDR,
                                  add ? NLM_F_CREATE | NLM_F_REPLACE : 0, sizeof *body);
  int result;
  body->ifa_family = (guint8) af_of (addr->family);
  body->ifa_prefixlen = (guint8) prefix_len;
  body->ifa_index = interface;
  body->ifa_flags = addr->family == 6 ? IFA_F_NODAD : 0;
  attribute (&request, IFA_LOCAL, addr->bytes, (guint16) ike_addr_len (addr));
  attribute (&request, IFA_ADDRESS, addr->bytes, (guint16) ike_addr_len (addr));
  result = ask (netlink, &request, NULL, NULL);
  if (result == 0 || (!add && result == -EADDRNOTAVAIL))
    return TRUE;
  return fail (error, add ? "cannot add an address" : "cannot remove an address", -result);
}

gboolean
netlink_route (Netlink *netlink, gboolean add, const NetlinkRoute *route, GError **error)
{
  Request request;
  struct rtmsg *body = begin (&request, add ? RTM_NEWROUTE : RTM_DELROUTE,
                              add ? NLM_F_CREATE | NLM_F_REPLACE : 0, sizeof *body);
  int result;
  body->rtm_family = (guint8) af_of (route->net.family);
  body->rtm_dst_len = route->prefix_len;
  body->rtm_table = RT_TABLE_UNSPEC;
  body->rtm_protocol = RTPROT_STATIC;
  body->rtm_type = route->type;
  body->rtm_scope =
      route->type == RTN_UNICAST && route->net.family == 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  if (!add)
    body->rtm_scope = RT_SCOPE_NOWHERE;
  attribute (&request, RTA_TABLE, &route->table, 4);
  if (route->prefix_len)
    attribute (&request, RTA_DST, route->net.bytes, (guint16) ike_addr_len (&route->net));
  if (route->interface)
    attribute (&request, RTA_OIF, &route->interface, 4);
  if (add && route->source.family)
    attribute (&request, RTA_PREFSRC, route->source.bytes, (guint16) ike_addr_len (&route->source));
  result = ask (netlink, &request, NULL, NULL);
  if (result == 0 || (!add && (result == -ESRCH || result == -ENODEV)))
    return TRUE;
  return fail (error, add ? "cannot add a route" : "cannot remove a route", -result);
}

gboolean
netlink_rule (Netlink *netlink, gboolean add, const NetlinkRule *rule, GError **error)
{
  static const char loopback[] = "lo";
  Request request;
  struct fib_rule_hdr *body = begin (&request, add ? RTM_NEWRULE : RTM_DELRULE,
                                     add ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof *body);
  struct fib_rule_port_range ports = { rule->port_first, rule->port_last },
                             peer_ports = { rule->peer_port_first, rule->peer_port_last };
  guint32 no_default = 0;
  int result;
  body->family = (guint8) af_of (rule->family);
  body->action = FR_ACT_TO_TBL;
  attribute (&request, FRA_PRIORITY, &rule->priority, 4);
  attribute (&request, FRA_TABLE, &rule->table, 4);
  if (rule->is_local)
    attribute (&request, FRA_IIFNAME, loopback, sizeof loopback);
  if (rule->protocol)
    attribute (&request, FRA_IP_PROTO, &rule->protocol, 1);
  if (rule->port_last)
    attribute (&request, FRA_SPORT_RANGE, &ports, sizeof ports);
  if (rule->peer_port_last)
    attribute (&request, FRA_DPORT_RANGE, &peer_ports, sizeof peer_ports);
  if (rule->mark)
    attribute (&request, FRA_FWMARK, &rule->mark, 4);
  if (rule->peer.family) {
    body->dst_len = rule->peer_len;
    attribute (&request, FRA_DST, rule->peer.bytes, (guint16) ike_addr_len (&rule->peer));
  }
  if (rule->source.family) {
    body->src_len = rule->source_len;
    attribute (&request, FRA_SRC, rule->source.bytes, (guint16) ike_addr_len (&rule->source));
  }
  if (rule->skips_default)
    attribute (&request, FRA_SUPPRESS_PREFIXLEN, &no_default, 4);
  result = ask (netlink, &request, NULL, NULL);
  if (result == 0 || (add && result == -EEXIST) || (!add && result == -ENOENT))
    return TRUE;
  return fail (error, add ? "cannot add a routing rule" : "cannot remove a routing rule", -result);
}

static void
address_of (IkeAddr *addr, int af, const struct rtattr *attr)
{
  guint len = af == AF_INET ? 4 : 16;
  if (RTA_PAYLOAD (attr) < len)
    return;
  memset (addr, 0, sizeof *addr);
  addr->family = af == AF_INET ? 4 : 6;
  memcpy (addr->bytes, RTA_DATA (attr), len);
}

static void
heard_metrics (NetlinkPath *path, struct rtattr *metrics)
{
  int left = (int) RTA_PAYLOAD (metrics);
  for (struct rtattr *attr = RTA_DATA (metrics); RTA_OK (attr, left); attr = RTA_NEXT (attr, left))
    if (attr->rta_type == RTAX_MTU && RTA_PAYLOAD (attr) >= 4)
      memcpy (&path->mtu, RTA_DATA (attr), 4);
}

static void
heard_route (const struct nlmsghdr *message, gpointer data)
{
  const struct rtmsg *body = NLMSG_DATA (message);
  NetlinkPath *path = data;
  int left = (int) message->nlmsg_len - (int) NLMSG_LENGTH (sizeof *body);
  for (struct rtattr *attr = RTM_RTA (body); RTA_OK (attr, left); attr = RTA_NEXT (attr, left)) {
    if (attr->rta_type == RTA_PREFSRC)
      address_of (&path->source, body->rtm_family, attr);
    if (attr->rta_type == RTA_GATEWAY)
      address_of (&path->gateway, body->rtm_family, attr);
    if (attr->rta_type == RTA_OIF && RTA_PAYLOAD (attr) >= 4)
      memcpy (&path->interface, RTA_DATA (attr), 4);
    if (attr->rta_type == RTA_METRICS)
      heard_metrics (path, attr);
  }
}

/* A route says its MTU only when it differs from the device's. */
static guint32
device_mtu (guint32 interface)
{
  struct ifreq request = { 0 };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  guint32 mtu = 0;
  if (fd < 0)
    return 0;
  if (if_indextoname (interface, request.ifr_name) && ioctl (fd, SIOCGIFMTU, &request) == 0)
    mtu = (guint32) request.ifr_mtu;
  close (fd);
  return mtu;
}

gboolean
netlink_path (Netlink *netlink, const IkeAddr *peer, guint16 port, NetlinkPath *path,
              GError **error)
{
  guint8 udp = 17;
  guint16 wire_port = GUINT16_TO_BE (port);
  Request request;
  struct rtmsg *body = begin (&request, RTM_GETROUTE, 0, sizeof *body);
  int result;
  memset (path, 0, sizeof *path);
  body->rtm_family = (guint8) af_of (peer->family);
  body->rtm_dst_len = (guint8) (ike_addr_len (peer) * 8);
  attribute (&request, RTA_DST, peer->bytes, (guint16) ike_addr_len (peer));
  attribute (&request, RTA_IP_PROTO, &udp, 1);
  attribute (&request, RTA_SPORT, &wire_port, 2);
  if (peer->scope)
    attribute (&request, RTA_OIF, &peer->scope, 4);
  result = ask (netlink, &request, heard_route, path);
  if (result || !path->source.family)
    return fail (error, "no route to the peer", result ? -result : ENETUNREACH);
  if (!path->mtu)
    path->mtu = device_mtu (path->interface);
  return TRUE;
}

static void
heard_address (const struct nlmsghdr *message, gpointer data)
{
  const struct ifaddrmsg *body = NLMSG_DATA (message);
  int left = (int) message->nlmsg_len - (int) NLMSG_LENGTH (sizeof *body);
  NetlinkAddress address = { .interface = body->ifa_index,
                             .scope = body->ifa_scope,
                             .flags = body->ifa_flags };
  gboolean is_local = FALSE;
  if (message->nlmsg_type != RTM_NEWADDR)
    return;
  /* On a point-to-point link IFA_ADDRESS is the other end. */
  for (struct rtattr *attr = IFA_RTA (body); RTA_OK (attr, left); attr = RTA_NEXT (attr, left)) {
    if (attr->rta_type == IFA_LOCAL || (attr->rta_type == IFA_ADDRESS && !is_local))
      address_of (&address.addr, body->ifa_family, attr);
    is_local |= attr->rta_type == IFA_LOCAL;
  }
  if (address.addr.family)
    g_array_append_val ((GArray *) data, address);
}

gboolean
netlink_addresses (Netlink *netlink, GArray *into, GError **error)
{
  Request request;
  struct ifaddrmsg *body = begin (&request, RTM_GETADDR, NLM_F_DUMP, sizeof *body);
  int result = ask (netlink, &request, heard_address, into);
  return result == 0 || fail (error, "cannot list the addresses", -result);
}

/* -- what others change */

/* Our own device, the routes into it and the addresses on it are nobody's news. */
static guint32
change_of (const struct nlmsghdr *message, guint32 but)
{
  const struct ifinfomsg *link = NLMSG_DATA (message);
  const struct ifaddrmsg *address = NLMSG_DATA (message);
  NetlinkPath path = { .interface = 0 };
  switch (message->nlmsg_type) {
  case RTM_NEWLINK:
  case RTM_DELLINK:
    return (guint32) link->ifi_index == but ? 0 : 1 << IKE_CHANGE_LINK;
  case RTM_NEWADDR:
  case RTM_DELADDR:
    return address->ifa_index == but ? 0 : 1 << IKE_CHANGE_ADDRESS;
  case RTM_NEWROUTE:
  case RTM_DELROUTE:
    heard_route (message, &path);
    return path.interface == but ? 0 : 1 << IKE_CHANGE_ROUTE;
  default:
    return 0;
  }
}

guint32
netlink_changes (int fd, guint32 but)
{
  union {
    struct nlmsghdr header;
    guint8 bytes[16384];
  } buffer;
  guint32 changes = 0;
  gssize n;
  while ((n = recv (fd, &buffer, sizeof buffer, MSG_DONTWAIT)) > 0 || (n < 0 && errno == ENOBUFS)) {
    int left = (int) MAX (n, 0);
    if (n < 0)
      changes |= 1 << IKE_CHANGE_LOST;
    for (const struct nlmsghdr *message = &buffer.header; NLMSG_OK (message, left);
         message = NLMSG_NEXT (message, left))
      changes |= change_of (message, but);
  }
  return changes;
}
