/* SPDX-License-Identifier: Apache-2.0 */
/* sockets.c - opens the reuseport groups, and says what to do when that is refused. */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "udp.h"

enum { RECEIVE_BUFFER = 8 * 1024 * 1024, PRIVILEGED_PORTS = 1024 };

void
udp_group_free (gpointer data)
{
  UdpGroup *group = data;
  /* Closing one socket moves the last of the group into its place: so all of them, from the end. */
  for (guint i = group->n; i-- > 0;) {
    if (group->sockets[i].fd >= 0)
      close (group->sockets[i].fd);
  }
  g_free (group);
}

static const char *
option_of (gboolean is_marked)
{
  return is_marked ? "plugins.net-udp.port_nat_t" : "plugins.net-udp.port";
}

static void
set_bind_error (GError **error, int why, const IkeAddr *address, gboolean is_marked)
{
  char text[IKE_ADDR_TEXT_SIZE];
  if (ike_addr_is_any (address))
    g_strlcpy (text, address->family == 4 ? "IPv4" : "IPv6", sizeof text);
  else
    ike_addr_format (address, FALSE, text);
  if (why == EADDRINUSE)
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM,
                 "UDP port %u (%s) is in use, probably by another IKE daemon: stop that one, or "
                 "set %s to another port",
                 address->port, text, option_of (is_marked));
  else if ((why == EACCES || why == EPERM) && address->port < PRIVILEGED_PORTS)
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM,
                 "UDP port %u (%s) is privileged: start as root or with CAP_NET_BIND_SERVICE, or "
                 "set %s to a port above %d",
                 address->port, text, option_of (is_marked), PRIVILEGED_PORTS - 1);
  else if (why == EADDRNOTAVAIL)
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM,
                 "%s is no address of this machine: correct plugins.net-udp.addresses", text);
  else
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "UDP port %u (%s): %s", address->port, text,
                 g_strerror (why));
}

static int
new_socket (guint8 family)
{
  return socket (family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                 IPPROTO_UDP);
}

static gboolean
set_option (int fd, int level, int name, int value)
{
  return setsockopt (fd, level, name, &value, sizeof value) == 0;
}

static int
bind_to (int fd, const IkeAddr *address)
{
  struct sockaddr_storage storage;
  socklen_t len = ike_addr_to_sockaddr (address, &storage);
  return bind (fd, (struct sockaddr *) &storage, len) == 0 ? 0 : errno;
}

/* Two daemons with SO_REUSEPORT of one user would share the port, each with a part of the
 * datagrams. */
static gboolean
probe (const IkeAddr *address, gboolean is_marked, GError **error)
{
  int fd = new_socket (address->family), why;
  if (fd < 0)
    return TRUE;
  if (address->family == 6)
    set_option (fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  why = bind_to (fd, address);
  close (fd);
  if (why == 0)
    return TRUE;
  set_bind_error (error, why, address, is_marked);
  return FALSE;
}

/* IKE over UDP relies on IP fragments where it has none of its own: so the DF bit stays off (RFC
 * 7383, 1). */
static gboolean
prepare (int fd, guint8 family)
{
  gboolean is_good = set_option (fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (family == 4) {
    is_good &= set_option (fd, IPPROTO_IP, IP_PKTINFO, 1);
    set_option (fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  } else {
    is_good &= set_option (fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    is_good &= set_option (fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set_option (fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
  }
  /* As much as we may have: root exceeds the limit of the system, everybody else gets that
   * limit. */
  if (!set_option (fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
    set_option (fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
  return is_good;
}

static gboolean
attach_program (int fd, const UdpGroup *group, const guint8 *buckets)
{
  struct sock_filter program[STEER_MAX];
  struct sock_fprog description = { 0, program };
  SteerPlan plan = { .is_marked = group->is_marked != FALSE,
                     .n_shards = (guint8) group->udp->n_shards };
  memcpy (plan.buckets, buckets, sizeof plan.buckets);
  description.len = (unsigned short) steer_program (&plan, program);
  return setsockopt (fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &description, sizeof description)
         == 0;
}

/* The program goes onto the first socket before it is bound: from the first datagram on, nothing
 * that is not ESP can land on an ESP socket (an index that is not there yet is replaced by the
 * kernel's hash over those that are). */
static gboolean
open_socket (UdpGroup *group, guint i, const guint8 *buckets_or_null, GError **error)
{
  UdpSocket *own = &group->sockets[i];
  struct sockaddr_storage storage;
  socklen_t len = sizeof storage;
  int why;
  own->fd = new_socket (group->family);
  if (own->fd < 0 || !prepare (own->fd, group->family)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "UDP socket for IPv%u: %s", group->family,
                 g_strerror (errno));
    return FALSE;
  }
  if (i == 0 && buckets_or_null)
    group->is_steered = attach_program (own->fd, group, buckets_or_null);
  why = bind_to (own->fd, &group->address);
  if (why) {
    set_bind_error (error, why, &group->address, group->is_marked);
    return FALSE;
  }
  if (group->address.port == 0 && getsockname (own->fd, (struct sockaddr *) &storage, &len) == 0) {
    IkeAddr bound;
    ike_addr_from_sockaddr (&bound, (struct sockaddr *) &storage, len);
    group->address.port = bound.port;
  }
  return TRUE;
}

static UdpGroup *
group_new (Udp *udp, const IkeAddr *address, gboolean is_marked)
{
  guint most = 3 * udp->n_shards;
  UdpGroup *group = g_malloc0 (sizeof *group + most * sizeof group->sockets[0]);
  group->udp = udp;
  group->family = address->family;
  group->is_marked = is_marked;
  group->address = *address;
  for (guint i = 0; i < most; i++)
    group->sockets[i] = (UdpSocket){ .group = group,
                                     .fd = -1,
                                     .role = (guint8) (i / udp->n_shards),
                                     .shard = (guint8) (i % udp->n_shards) };
  return group;
}

/* Without steering every socket may get anything: one per shard is all there is then. */
gboolean
udp_open_group (Udp *udp, const UdpOptions *options, const IkeAddr *address, gboolean is_marked,
                GError **error)
{
  UdpGroup *group;
  guint wanted;
  if (address->port != 0 && !probe (address, is_marked, error))
    return FALSE;
  group = group_new (udp, address, is_marked);
  g_ptr_array_add (udp->groups, group);
  if (!open_socket (group, 0, options->wants_steering ? options->buckets : NULL, error))
    return FALSE;
  group->n = 1;
  if (options->wants_steering && !group->is_steered)
    udp->klass->warn (
        udp->owner,
        "the kernel takes no steering program (SO_ATTACH_REUSEPORT_CBPF); datagrams are forwarded "
        "between threads instead, which is slower: needs Linux 4.5 or newer");
  wanted = !group->is_steered ? udp->n_shards : is_marked ? 3 * udp->n_shards : 2 * udp->n_shards;
  while (group->n < wanted) {
    if (!open_socket (group, group->n++, NULL, error))
      return FALSE;
  }
  return TRUE;
}
