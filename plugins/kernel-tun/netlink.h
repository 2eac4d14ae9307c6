/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.h - addresses, routes and rules by rtnetlink, one question and its answer at a time.
 *
 * Blocking, for a thread that may wait for the kernel; one Netlink is used by one thread at a
 * time. */
#pragma once
#include <ikebana/addr.h>
#include <ikebana/error.h>
#include <ikebana/kernel.h>

typedef struct {
  int     fd;
  guint32 sequence;
} Netlink;

typedef struct {
  IkeAddr net;
  guint8  prefix_len;
  guint8  type;                               /* RTN_… */
  guint32 table;
  guint32 interface;                          /* index; 0: none */
  IkeAddr source;                             /* preferred; unset: none */
} NetlinkRoute;

/* "from this machine, from @source, @protocol, from @port, to @peer: look up @table".  Zeros: not said. */
typedef struct {
  guint8  family;
  guint8  protocol;
  guint16 port_first, port_last;              /* of the source */
  guint16 peer_port_first, peer_port_last;
  guint16 reserved;
  guint32 mark;
  IkeAddr source, peer;                       /* family 0: any */
  guint8  source_len, peer_len;               /* of the prefixes */
  guint32 priority, table;
  gboolean is_local;                          /* only packets made here */
  gboolean skips_default;                     /* a default route of @table does not count */
} NetlinkRule;

gboolean netlink_open    (Netlink *netlink, GError **error);
void     netlink_close   (Netlink *netlink);
gboolean netlink_address (Netlink *netlink, gboolean add, const IkeAddr *addr, guint prefix_len,
                          guint32 interface,
                          GError **error);
gboolean netlink_route   (Netlink *netlink, gboolean add, const NetlinkRoute *route,
                          GError **error);
gboolean netlink_rule    (Netlink *netlink, gboolean add, const NetlinkRule *rule, GError **error);
/* What the kernel would do with a UDP packet to @peer from @port. */
typedef struct {
  IkeAddr source;                             /* our address */
  IkeAddr gateway;                            /* family 0: it is on the link */
  guint32 interface;                          /* index */
  guint32 mtu;                                /* of the path, as far as known */
} NetlinkPath;
gboolean netlink_path    (Netlink *netlink, const IkeAddr *peer, guint16 port, NetlinkPath *path,
                          GError **error);
typedef struct {
  IkeAddr addr;
  guint32 interface;
  guint8  scope, flags;                       /* RT_SCOPE_…, IFA_F_… */
} NetlinkAddress;
/* Appends the addresses of this machine to a GArray of NetlinkAddress. */
gboolean netlink_addresses (Netlink *netlink, GArray *into, GError **error);
/* A socket that becomes readable when an address, a link or a route comes or goes; -1 when there is none. */
int      netlink_watch (void);
/* What came on it: bits 1 << IkeKernelChange, without what is about the interface @but. */
guint32  netlink_changes (int fd, guint32 but);
