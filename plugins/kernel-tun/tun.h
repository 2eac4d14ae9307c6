/* SPDX-License-Identifier: Apache-2.0 */
/* tun.h - the TUN device and the raw sockets: everything that is opened once, with the
 * privileges it takes. */
#pragma once
#include <net/if.h>
#include <ikebana/error.h>

enum { TUN_QUEUES_MAX = 255 };

typedef struct {
  char    name[IFNAMSIZ];
  guint32 interface;
  guint   n_queues;
  int     queues[TUN_QUEUES_MAX];
  /* Packets have a `struct virtio_net_hdr` before them, and may be large. */
  gboolean has_offload;
} TunDevice;

/* Is this machine able to?  FALSE with one sentence that says what to do. */
gboolean tun_probe  (GError **error);
/* What is to be made; @pattern: "ipsec0", or "ike%d" for the first free number. */
typedef struct {
  const char *pattern;
  guint       n_queues, mtu;
  gboolean    has_offload;
} TunWanted;

gboolean tun_open   (TunDevice *device, const TunWanted *wanted, GError **error);
void     tun_close  (TunDevice *device);

/* A raw socket that gets only the packets of @protocol (ESP or AH) whose SPI begins with byte
 * @first; -1 with @error.  One of AH over IPv4 takes packets with their IP header, which it marks
 * with @mark. */
typedef struct {
  guint8  family, protocol, first;
  guint32 mark;
} TunRaw;

int      tun_raw_socket (const TunRaw *wanted, GError **error);
/* Makes an ESP socket tell what a tunnel endpoint must know: local address and traffic class. */
void     tun_socket_tell (int fd, guint8 family);
/* Makes a UDP socket give packets of one sender together.  FALSE: this system cannot. */
gboolean tun_socket_gather (int fd);
