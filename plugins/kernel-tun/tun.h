/* SPDX-License-Identifier: Apache-2.0 */
/* tun.h - the TUN device and the raw ESP sockets: everything that is opened once, with the
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
} TunDevice;

/* Is this machine able to?  FALSE with one sentence that says what to do. */
gboolean tun_probe  (GError **error);
/* @pattern: "ipsec0", or "ike%d" for the first free number. */
gboolean tun_open   (TunDevice *device, const char *pattern, guint n_queues, guint mtu,
                     GError **error);
void     tun_close  (TunDevice *device);

/* A raw ESP socket that gets only the packets whose SPI begins with byte @first; -1 with @error. */
int      tun_raw_socket (guint8 family, guint8 first, GError **error);
/* Makes an ESP socket tell what a tunnel endpoint must know: local address and traffic class. */
void     tun_socket_tell (int fd, guint8 family);
