/* SPDX-License-Identifier: Apache-2.0 */
/* tun.c - opens the TUN device with its queues, and raw ESP sockets. */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include "tun.h"

static const char tun_path[] = "/dev/net/tun";

static gboolean
fail (GError **error, const char *what, int number)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "%s: %s", what, g_strerror (number));
  return FALSE;
}

/* The two usual reasons have sentences of their own. */
static gboolean
fail_open (GError **error, int number)
{
  if (number == ENOENT || number == ENODEV || number == ENXIO)
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM,
                 "%s is not there; load the kernel module tun (modprobe tun), or give the "
                 "container the device",
                 tun_path);
  else if (number == EPERM || number == EACCES)
    g_set_error (
        error, IKE_ERROR, IKE_ERROR_DENIED,
        "no permission to make a TUN device; run the daemon with CAP_NET_ADMIN and access to %s",
        tun_path);
  else
    return fail (error, "cannot make a TUN device", number);
  return FALSE;
}

/* Makes a device that is gone again when it is closed. */
gboolean
tun_probe (GError **error)
{
  struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
  int fd = open (tun_path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  int result;
  if (fd < 0)
    return fail_open (error, errno);
  result = ioctl (fd, TUNSETIFF, &request) < 0 ? errno : 0;
  close (fd);
  return result == 0 || fail_open (error, result);
}

/* Newer than the headers of some systems. */
enum { OFFLOAD_USO4 = 0x20, OFFLOAD_USO6 = 0x40 };

/* The kernel then need not cut what it sends in large pieces; where it knows nothing of UDP, TCP
 * alone is good too, and where it refuses both it goes on cutting. */
static void
set_offload (int fd)
{
  unsigned long tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
  if (ioctl (fd, TUNSETOFFLOAD, tcp | OFFLOAD_USO4 | OFFLOAD_USO6) < 0
      && ioctl (fd, TUNSETOFFLOAD, tcp) < 0)
    errno = 0;
}

static int
open_queue (char name[IFNAMSIZ], gboolean has_offload, GError **error)
{
  short header = has_offload ? IFF_VNET_HDR : 0;
  struct ifreq request = { .ifr_flags = (short) (IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE | header) };
  int fd = open (tun_path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    fail_open (error, errno);
    return -1;
  }
  memcpy (request.ifr_name, name, IFNAMSIZ);
  if (ioctl (fd, TUNSETIFF, &request) < 0) {
    int number = errno;
    close (fd);
    if (number == EBUSY || number == EINVAL)
      g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM,
                   "device %s is in use by another program; set another `device` for kernel-tun",
                   name);
    else
      fail_open (error, number);
    return -1;
  }
  memcpy (name, request.ifr_name, IFNAMSIZ);
  if (has_offload)
    set_offload (fd);
  return fd;
}

/* Without this the kernel gives the device a link-local address and talks to itself through us.
 * Where there is no IPv6 there is nothing to switch off. */
static void
silence_ipv6 (const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/sys/net/ipv6/conf/%s/addr_gen_mode", name);
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  if (write (fd, "1", 1) < 0)
    errno = 0;
  close (fd);
}

static gboolean
bring_up (TunDevice *device, guint mtu, GError **error)
{
  struct ifreq request = { 0 };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), number = 0;
  if (fd < 0)
    return fail (error, "cannot open a socket to set up the TUN device", errno);
  memcpy (request.ifr_name, device->name, IFNAMSIZ);
  request.ifr_mtu = (int) mtu;
  if (ioctl (fd, SIOCSIFMTU, &request) < 0)
    number = errno;
  request.ifr_flags = 0;
  if (!number && ioctl (fd, SIOCGIFFLAGS, &request) < 0)
    number = errno;
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  if (!number && ioctl (fd, SIOCSIFFLAGS, &request) < 0)
    number = errno;
  close (fd);
  return number == 0 || fail (error, "cannot bring up the TUN device", number);
}

gboolean
tun_open (TunDevice *device, const TunWanted *wanted, GError **error)
{
  memset (device, 0, sizeof *device);
  if (strlen (wanted->pattern) >= IFNAMSIZ || strchr (wanted->pattern, '/')) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "`device = %s` is no name of an interface",
                 wanted->pattern);
    return FALSE;
  }
  g_strlcpy (device->name, wanted->pattern, sizeof device->name);
  device->has_offload = wanted->has_offload;
  for (; device->n_queues < wanted->n_queues; device->n_queues++) {
    int fd = open_queue (device->name, device->has_offload, error);
    if (fd < 0) {
      tun_close (device);
      return FALSE;
    }
    device->queues[device->n_queues] = fd;
  }
  device->interface = if_nametoindex (device->name);
  silence_ipv6 (device->name);
  if (bring_up (device, wanted->mtu, error))
    return TRUE;
  tun_close (device);
  return FALSE;
}

void
tun_close (TunDevice *device)
{
  for (guint i = 0; i < device->n_queues; i++)
    close (device->queues[i]);
  device->n_queues = 0;
}

/* An IPv4 raw socket sees the IP header, an IPv6 one does not.  The SPI is at @at of the rest. */
static gboolean
filter_spi (int fd, guint8 family, guint at, guint8 first)
{
  struct sock_filter ipv4[] = {
    { BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0 },
    { BPF_LD | BPF_B | BPF_IND, 0, 0, at },
    { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, first },
    { BPF_RET | BPF_K, 0, 0, G_MAXUINT32 },
    { BPF_RET | BPF_K, 0, 0, 0 },
  };
  struct sock_filter ipv6[] = {
    { BPF_LD | BPF_B | BPF_ABS, 0, 0, at },
    { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, first },
    { BPF_RET | BPF_K, 0, 0, G_MAXUINT32 },
    { BPF_RET | BPF_K, 0, 0, 0 },
  };
  struct sock_fprog program = { family == 4 ? G_N_ELEMENTS (ipv4) : G_N_ELEMENTS (ipv6),
                                family == 4 ? ipv4 : ipv6 };
  return setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

void
tun_socket_tell (int fd, guint8 family)
{
  int on = 1;
  if (family == 4) {
    setsockopt (fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    setsockopt (fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
    setsockopt (fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    return;
  }
  setsockopt (fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  setsockopt (fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on);
  setsockopt (fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on);
}

gboolean
tun_socket_gather (int fd)
{
  int on = 1;
  return setsockopt (fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0;
}

/* The ICV of AH covers the identification of an IPv4 header, so that header is made here. */
static gboolean
set_up_raw (int fd, const TunRaw *wanted)
{
  gboolean is_ah = wanted->protocol == IPPROTO_AH;
  int on = 1;
  if (!filter_spi (fd, wanted->family, is_ah ? 4 : 0, wanted->first))
    return FALSE;
  return !is_ah || wanted->family != 4
         || (setsockopt (fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof on) == 0
             && setsockopt (fd, SOL_SOCKET, SO_MARK, &wanted->mark, sizeof wanted->mark) == 0);
}

int
tun_raw_socket (const TunRaw *wanted, GError **error)
{
  int size = 4 << 20;
  int fd = socket (wanted->family == 4 ? AF_INET : AF_INET6,
                   SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, wanted->protocol);
  if (fd < 0 || !set_up_raw (fd, wanted)) {
    fail (error, "cannot open a raw socket (it takes CAP_NET_RAW)", errno);
    if (fd >= 0)
      close (fd);
    return -1;
  }
  setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  tun_socket_tell (fd, wanted->family);
  return fd;
}
