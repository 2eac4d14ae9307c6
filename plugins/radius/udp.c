/* SPDX-License-Identifier: Apache-2.0 */
/* udp.c - UDP sockets on the io loop, for servers (connected, so that the kernel knows whom we
 * hear) and for DAE. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>
#include <ikebana/error.h>
#include "client.h"

/* Datagrams that are read in a row before others on the loop get their turn. */
enum { BATCH = 64 };

typedef struct {
  int fd;
  gboolean is_connected;
  IkeWatch *watch;
  IkeRadiusReceiver receiver;
  gpointer owner;
} Udp;

/* One byte more than a packet may have: what is longer is cut, and is then no packet. */
static void
udp_ready (int fd, guint32 events, gpointer data)
{
  Udp *udp = data;
  guint8 buffer[IKE_RADIUS_PACKET_MAX + 1];

  for (guint i = 0; i < BATCH; i++) {
    struct sockaddr_storage storage;
    socklen_t size = sizeof storage;
    ssize_t len = recvfrom (fd, buffer, sizeof buffer, 0, (struct sockaddr *) &storage, &size);
    IkeAddr from;

    /* A port where nobody listens is told as an error, too; whoever says so may be anybody. */
    if (len < 0 && errno == ECONNREFUSED)
      continue;
    if (len < 0)
      return;
    if (ike_addr_from_sockaddr (&from, (const struct sockaddr *) &storage, size))
      udp->receiver.received (udp->owner, &from, buffer, (gsize) len);
  }
}

static gboolean
udp_name (int fd, const IkeAddr *addr, int (*name) (int, const struct sockaddr *, socklen_t))
{
  struct sockaddr_storage storage;
  socklen_t size = ike_addr_to_sockaddr (addr, &storage);

  return size > 0 && name (fd, (const struct sockaddr *) &storage, size) == 0;
}

static int
udp_socket (const IkeAddr *local, const IkeAddr *remote, GError **error)
{
  gboolean is_ipv6 = (remote->family ? remote->family : local->family) == 6;
  int fd = socket (is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int yes = 1;

  if (fd >= 0 && (!is_ipv6 || setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) == 0)
      && (!local->family || udp_name (fd, local, bind))
      && (!remote->family || udp_name (fd, remote, connect)))
    return fd;
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot make a socket: %s", g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return -1;
}

static gpointer
udp_open (IkePlugin *self, const IkeAddr *local, const IkeAddr *remote,
          const IkeRadiusReceiver *receiver, gpointer owner, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (self);
  Udp *udp;
  int fd;

  if (ike_engine_is_simulated (engine)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "there is no network in a simulation, and no plugin provides radius-transport");
    return NULL;
  }
  fd = udp_socket (local, remote, error);
  if (fd < 0)
    return NULL;
  udp = g_new0 (Udp, 1);
  udp->fd = fd;
  udp->is_connected = remote->family != 0;
  udp->receiver = *receiver;
  udp->owner = owner;
  udp->watch = ike_loop_watch (ike_engine_io (engine), fd, EPOLLIN, udp_ready, udp);
  return udp;
}

static gboolean
udp_send (gpointer socket, const IkeAddr *to, const guint8 *data, gsize len)
{
  Udp *udp = socket;
  struct sockaddr_storage storage;
  socklen_t size = udp->is_connected ? 0 : ike_addr_to_sockaddr (to, &storage);

  return sendto (udp->fd, data, len, MSG_NOSIGNAL, size ? (const struct sockaddr *) &storage : NULL,
                 size)
         >= 0;
}

static void
udp_close (gpointer socket)
{
  Udp *udp = socket;

  ike_watch_free (udp->watch);
  close (udp->fd);
  g_free (udp);
}

const IkeRadiusTransportClass udp_transport = { sizeof (IkeRadiusTransportClass), udp_open,
                                                udp_send, udp_close };
