/* SPDX-License-Identifier: Apache-2.0 */
/* net_message.h - links, addresses, routes and rules as messages of rtnetlink, written and read. */
#pragma once
#include <net/if.h>
#include <libmnl/libmnl.h>
#include <ikebana/addr.h>

enum {
  NET_MESSAGE_SIZE = 512,                     /* of what is written here; attributes are far below it */
  /* What we make bears this number as its "protocol", or NET_ALIAS: so it is known again after we
   * were killed, and told from what others made. */
  NET_PROTOCOL = 73,
};
#define NET_ALIAS "ikebana"

typedef enum { NET_KIND_OTHER, NET_KIND_XFRM, NET_KIND_VRF } NetKind;

typedef struct {
  guint32  index, flags, mtu, master;         /* flags: IFF_… */
  char     name[IFNAMSIZ];
  guint8   kind;                              /* NetKind */
  gboolean is_ours;
  guint32  if_id;                             /* of XFRM */
  guint32  table;                             /* of a VRF */
} NetLinkInfo;

typedef struct {
  IkeAddr addr;
  guint8  prefix_len, scope, protocol;        /* scope: RT_SCOPE_… */
  guint32 interface, flags;                   /* IFA_F_… */
  gboolean is_deprecated;                     /* to write: never the source of what does not ask for it */
} NetAddressInfo;

typedef struct {
  IkeAddr net, gateway, source;               /* family 0: none; of @net: not known */
  guint8  prefix_len, family, type, protocol;
  guint32 table, interface, metric, mtu;
  gboolean is_cloned, is_dead;
} NetRouteInfo;

typedef struct {
  guint8  family, protocol;                   /* family: 4, 6 */
  guint32 priority, table;
} NetRuleInfo;

/* -- read: FALSE when it is something else */
gboolean net_read_link    (const struct nlmsghdr *message, NetLinkInfo *out);
gboolean net_read_address (const struct nlmsghdr *message, NetAddressInfo *out);
gboolean net_read_route   (const struct nlmsghdr *message, NetRouteInfo *out);
gboolean net_read_rule    (const struct nlmsghdr *message, NetRuleInfo *out);

/* -- write, into @buffer of NET_MESSAGE_SIZE */
const struct nlmsghdr *net_write_link_new    (guint8 *buffer, const char *name, guint32 if_id);
/* up, ours, with @master unless that is 0 */
const struct nlmsghdr *net_write_link_set    (guint8 *buffer, guint32 index, guint32 master);
const struct nlmsghdr *net_write_link_delete (guint8 *buffer, guint32 index);
const struct nlmsghdr *net_write_link_get    (guint8 *buffer, const char *name);
const struct nlmsghdr *net_write_address     (guint8 *buffer, gboolean add, const NetAddressInfo *address);
/* To add: @replaces what is there, or else fails. */
const struct nlmsghdr *net_write_route       (guint8 *buffer, gboolean add, const NetRouteInfo *route,
                                              gboolean replaces);
const struct nlmsghdr *net_write_rule        (guint8 *buffer, gboolean add, const NetRuleInfo *rule);
/* What the kernel would do with a UDP packet to @peer from @port (0: any). */
const struct nlmsghdr *net_write_lookup      (guint8 *buffer, const IkeAddr *peer, guint16 port);
/* RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETRULE; family 0: of all. */
const struct nlmsghdr *net_write_dump        (guint8 *buffer, guint16 type, guint8 family);
