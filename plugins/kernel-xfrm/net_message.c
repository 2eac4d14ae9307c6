/* SPDX-License-Identifier: Apache-2.0 */
/* net_message.c - speaks rtnetlink. */
#include "config.h"
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include "net_message.h"
#include "netlink.h"

enum {
  ADDRESS_PROTOCOL = 11,                      /* IFA_PROTO, since Linux 5.18; others ignore it */
  NOT_LIMITED = 0xffffffff,
};

static guint8
af_of (guint8 family)
{
  return family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
}

/* -- reading */

static void
read_addr (IkeAddr *addr, guint8 family, const struct nlattr *attribute)
{
  gsize len = family == 4 ? 4 : 16;
  const void *bytes = netlink_content (attribute, len);
  if (!bytes)
    return;
  memset (addr, 0, sizeof *addr);
  addr->family = family;
  memcpy (addr->bytes, bytes, len);
}

static void
read_u32 (guint32 *value, const struct nlattr *attribute)
{
  const void *bytes = netlink_content (attribute, 4);
  if (bytes)
    memcpy (value, bytes, 4);
}

static gboolean
is_text (const struct nlattr *attribute, const char *text)
{
  return attribute && mnl_attr_validate (attribute, MNL_TYPE_NUL_STRING) >= 0
         && strcmp (mnl_attr_get_str (attribute), text) == 0;
}

static const struct nlattr *
find_nested (const struct nlattr *nest, guint type)
{
  const struct nlattr *attribute;
  if (nest)
    mnl_attr_for_each_nested (attribute, nest)
      if (mnl_attr_get_type (attribute) == type)
        return attribute;
  return NULL;
}

static void
read_kind (const struct nlattr *info, NetLinkInfo *out)
{
  const struct nlattr *kind = find_nested (info, IFLA_INFO_KIND);
  const struct nlattr *data = find_nested (info, IFLA_INFO_DATA);
  if (is_text (kind, "xfrm")) {
    out->kind = NET_KIND_XFRM;
    read_u32 (&out->if_id, find_nested (data, IFLA_XFRM_IF_ID));
  } else if (is_text (kind, "vrf")) {
    out->kind = NET_KIND_VRF;
    read_u32 (&out->table, find_nested (data, IFLA_VRF_TABLE));
  }
}

gboolean
net_read_link (const struct nlmsghdr *message, NetLinkInfo *out)
{
  const struct ifinfomsg *body = netlink_body (message, sizeof *body);
  const struct nlattr *attributes[IFLA_IFALIAS + 1];
  memset (out, 0, sizeof *out);
  /* AF_BRIDGE and AF_INET6 tell of the same links again, in part. */
  if (!body || (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK)
      || body->ifi_family != AF_UNSPEC || body->ifi_index <= 0)
    return FALSE;
  netlink_attributes (message, sizeof *body, attributes, IFLA_IFALIAS);
  out->index = (guint32) body->ifi_index;
  out->flags = body->ifi_flags;
  read_u32 (&out->mtu, attributes[IFLA_MTU]);
  read_u32 (&out->master, attributes[IFLA_MASTER]);
  if (attributes[IFLA_IFNAME]
      && mnl_attr_validate (attributes[IFLA_IFNAME], MNL_TYPE_NUL_STRING) >= 0)
    g_strlcpy (out->name, mnl_attr_get_str (attributes[IFLA_IFNAME]), sizeof out->name);
  read_kind (attributes[IFLA_LINKINFO], out);
  out->is_ours = out->kind == NET_KIND_XFRM && is_text (attributes[IFLA_IFALIAS], NET_ALIAS);
  return TRUE;
}

gboolean
net_read_address (const struct nlmsghdr *message, NetAddressInfo *out)
{
  const struct ifaddrmsg *body = netlink_body (message, sizeof *body);
  const struct nlattr *attributes[ADDRESS_PROTOCOL + 1];
  const guint8 *protocol;
  memset (out, 0, sizeof *out);
  if (!body || (message->nlmsg_type != RTM_NEWADDR && message->nlmsg_type != RTM_DELADDR)
      || (body->ifa_family != AF_INET && body->ifa_family != AF_INET6))
    return FALSE;
  netlink_attributes (message, sizeof *body, attributes, ADDRESS_PROTOCOL);
  /* On a point-to-point link IFA_ADDRESS is the other end. */
  read_addr (&out->addr, body->ifa_family == AF_INET ? 4 : 6,
             attributes[IFA_LOCAL] ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS]);
  out->prefix_len = body->ifa_prefixlen;
  out->scope = body->ifa_scope;
  out->interface = body->ifa_index;
  out->flags = body->ifa_flags;
  read_u32 (&out->flags, attributes[IFA_FLAGS]);
  protocol = netlink_content (attributes[ADDRESS_PROTOCOL], 1);
  out->protocol = protocol ? *protocol : 0;
  if (out->addr.family == 6 && out->addr.bytes[0] == 0xfe && (out->addr.bytes[1] & 0xc0) == 0x80)
    out->addr.scope = out->interface;
  return out->addr.family != 0;
}

/* Of several ways the first one counts. */
static void
read_first_hop (const struct nlattr *multipath, guint8 family, NetRouteInfo *out)
{
  const struct rtnexthop *hop = netlink_content (multipath, sizeof *hop);
  const struct nlattr *attr;
  if (!hop || hop->rtnh_len < sizeof *hop || hop->rtnh_len > mnl_attr_get_payload_len (multipath))
    return;
  out->interface = (guint32) hop->rtnh_ifindex;
  out->is_dead |= (hop->rtnh_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) != 0;
  mnl_attr_for_each_payload ((const void *) (hop + 1), hop->rtnh_len - (int) sizeof *hop)
    if (mnl_attr_get_type (attr) == RTA_GATEWAY)
      read_addr (&out->gateway, family, attr);
}

gboolean
net_read_route (const struct nlmsghdr *message, NetRouteInfo *out)
{
  const struct rtmsg *body = netlink_body (message, sizeof *body);
  const struct nlattr *attributes[RTA_TABLE + 1];
  memset (out, 0, sizeof *out);
  if (!body || (message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE)
      || (body->rtm_family != AF_INET && body->rtm_family != AF_INET6))
    return FALSE;
  netlink_attributes (message, sizeof *body, attributes, RTA_TABLE);
  out->family = body->rtm_family == AF_INET ? 4 : 6;
  out->net.family = out->family;
  read_addr (&out->net, out->family, attributes[RTA_DST]);
  read_addr (&out->gateway, out->family, attributes[RTA_GATEWAY]);
  read_addr (&out->source, out->family, attributes[RTA_PREFSRC]);
  out->prefix_len = body->rtm_dst_len;
  out->type = body->rtm_type;
  out->protocol = body->rtm_protocol;
  out->table = body->rtm_table;
  read_u32 (&out->table, attributes[RTA_TABLE]);
  read_u32 (&out->interface, attributes[RTA_OIF]);
  read_u32 (&out->metric, attributes[RTA_PRIORITY]);
  read_u32 (&out->mtu, find_nested (attributes[RTA_METRICS], RTAX_MTU));
  out->is_cloned = (body->rtm_flags & RTM_F_CLONED) != 0;
  out->is_dead = (body->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) != 0;
  if (attributes[RTA_MULTIPATH])
    read_first_hop (attributes[RTA_MULTIPATH], out->family, out);
  return TRUE;
}

gboolean
net_read_rule (const struct nlmsghdr *message, NetRuleInfo *out)
{
  const struct fib_rule_hdr *body = netlink_body (message, sizeof *body);
  const struct nlattr *attributes[FRA_PROTOCOL + 1];
  const guint8 *protocol;
  memset (out, 0, sizeof *out);
  if (!body || (message->nlmsg_type != RTM_NEWRULE && message->nlmsg_type != RTM_DELRULE)
      || (body->family != AF_INET && body->family != AF_INET6))
    return FALSE;
  netlink_attributes (message, sizeof *body, attributes, FRA_PROTOCOL);
  out->family = body->family == AF_INET ? 4 : 6;
  out->table = body->table;
  read_u32 (&out->table, attributes[FRA_TABLE]);
  read_u32 (&out->priority, attributes[FRA_PRIORITY]);
  protocol = netlink_content (attributes[FRA_PROTOCOL], 1);
  out->protocol = protocol ? *protocol : 0;
  return TRUE;
}

/* -- writing */

static struct nlmsghdr *
begin (guint8 *buffer, guint16 type, guint16 flags)
{
  struct nlmsghdr *message;
  memset (buffer, 0, NET_MESSAGE_SIZE);
  message = mnl_nlmsg_put_header (buffer);
  message->nlmsg_type = type;
  message->nlmsg_flags = flags;
  return message;
}

static void
put_addr (struct nlmsghdr *message, guint16 type, const IkeAddr *addr)
{
  if (addr->family)
    mnl_attr_put (message, type, ike_addr_len (addr), addr->bytes);
}

const struct nlmsghdr *
net_write_link_new (guint8 *buffer, const char *name, guint32 if_id)
{
  struct nlmsghdr *message = begin (buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  struct nlattr *info, *data;
  mnl_nlmsg_put_extra_header (message, sizeof (struct ifinfomsg));
  mnl_attr_put_strz (message, IFLA_IFNAME, name);
  info = mnl_attr_nest_start (message, IFLA_LINKINFO);
  mnl_attr_put_strz (message, IFLA_INFO_KIND, "xfrm");
  data = mnl_attr_nest_start (message, IFLA_INFO_DATA);
  mnl_attr_put_u32 (message, IFLA_XFRM_IF_ID, if_id);
  mnl_attr_nest_end (message, data);
  mnl_attr_nest_end (message, info);
  return message;
}

const struct nlmsghdr *
net_write_link_set (guint8 *buffer, guint32 index, guint32 master)
{
  struct nlmsghdr *message = begin (buffer, RTM_NEWLINK, 0);
  struct ifinfomsg *body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  body->ifi_index = (int) index;
  body->ifi_flags = body->ifi_change = IFF_UP;
  mnl_attr_put_strz (message, IFLA_IFALIAS, NET_ALIAS);
  if (master)
    mnl_attr_put_u32 (message, IFLA_MASTER, master);
  return message;
}

const struct nlmsghdr *
net_write_link_delete (guint8 *buffer, guint32 index)
{
  struct nlmsghdr *message = begin (buffer, RTM_DELLINK, 0);
  struct ifinfomsg *body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  body->ifi_index = (int) index;
  return message;
}

const struct nlmsghdr *
net_write_link_get (guint8 *buffer, const char *name)
{
  struct nlmsghdr *message = begin (buffer, RTM_GETLINK, 0);
  mnl_nlmsg_put_extra_header (message, sizeof (struct ifinfomsg));
  mnl_attr_put_strz (message, IFLA_IFNAME, name);
  return message;
}

const struct nlmsghdr *
net_write_address (guint8 *buffer, gboolean add, const NetAddressInfo *address)
{
  struct nlmsghdr *message = begin (buffer, add ? RTM_NEWADDR : RTM_DELADDR,
                                    add ? NLM_F_CREATE | NLM_F_EXCL : 0);
  struct ifaddrmsg *body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  struct ifa_cacheinfo life = { .ifa_valid = NOT_LIMITED, .ifa_prefered = 0 };
  body->ifa_family = af_of (address->addr.family);
  body->ifa_prefixlen = address->prefix_len;
  body->ifa_index = address->interface;
  /* Nobody else on the link has an address that a peer gave us. */
  body->ifa_flags = address->addr.family == 6 ? IFA_F_NODAD : 0;
  put_addr (message, IFA_LOCAL, &address->addr);
  put_addr (message, IFA_ADDRESS, &address->addr);
  if (add)
    mnl_attr_put_u8 (message, ADDRESS_PROTOCOL, NET_PROTOCOL);
  if (add && address->is_deprecated)
    mnl_attr_put (message, IFA_CACHEINFO, sizeof life, &life);
  return message;
}

static guint8
scope_of (gboolean add, const NetRouteInfo *route)
{
  if (!add)
    return RT_SCOPE_NOWHERE;
  return route->type == RTN_UNICAST && route->net.family == 4 && !route->gateway.family
             ? RT_SCOPE_LINK
             : RT_SCOPE_UNIVERSE;
}

const struct nlmsghdr *
net_write_route (guint8 *buffer, gboolean add, const NetRouteInfo *route, gboolean replaces)
{
  guint16 flags = !add ? 0 : replaces ? NLM_F_CREATE | NLM_F_REPLACE : NLM_F_CREATE | NLM_F_EXCL;
  struct nlmsghdr *message = begin (buffer, add ? RTM_NEWROUTE : RTM_DELROUTE, flags);
  struct rtmsg *body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  body->rtm_family = af_of (route->net.family);
  body->rtm_dst_len = route->prefix_len;
  body->rtm_protocol = NET_PROTOCOL;
  body->rtm_type = route->type;
  body->rtm_scope = scope_of (add, route);
  mnl_attr_put_u32 (message, RTA_TABLE, route->table);
  if (route->prefix_len)
    put_addr (message, RTA_DST, &route->net);
  if (add && route->interface)
    mnl_attr_put_u32 (message, RTA_OIF, route->interface);
  if (add)
    put_addr (message, RTA_GATEWAY, &route->gateway);
  if (add)
    put_addr (message, RTA_PREFSRC, &route->source);
  return message;
}

const struct nlmsghdr *
net_write_rule (guint8 *buffer, gboolean add, const NetRuleInfo *rule)
{
  struct nlmsghdr *message = begin (buffer, add ? RTM_NEWRULE : RTM_DELRULE,
                                    add ? NLM_F_CREATE | NLM_F_EXCL : 0);
  struct fib_rule_hdr *body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  body->family = af_of (rule->family);
  body->action = FR_ACT_TO_TBL;
  mnl_attr_put_u32 (message, FRA_PRIORITY, rule->priority);
  mnl_attr_put_u32 (message, FRA_TABLE, rule->table);
  mnl_attr_put_u8 (message, FRA_PROTOCOL, NET_PROTOCOL);
  return message;
}

const struct nlmsghdr *
net_write_lookup (guint8 *buffer, const IkeAddr *peer, guint16 port)
{
  struct nlmsghdr *message = begin (buffer, RTM_GETROUTE, 0);
  struct rtmsg *body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  body->rtm_family = af_of (peer->family);
  body->rtm_dst_len = (guint8) (ike_addr_len (peer) * 8);
  /* Else IPv4 says that it was the main table whatever it was. */
  body->rtm_flags = RTM_F_LOOKUP_TABLE;
  put_addr (message, RTA_DST, peer);
  if (peer->scope)
    mnl_attr_put_u32 (message, RTA_OIF, peer->scope);
  if (port) {
    mnl_attr_put_u8 (message, RTA_IP_PROTO, IPPROTO_UDP);
    mnl_attr_put_u16 (message, RTA_SPORT, GUINT16_TO_BE (port));
  }
  return message;
}

const struct nlmsghdr *
net_write_dump (guint8 *buffer, guint16 type, guint8 family)
{
  struct nlmsghdr *message = begin (buffer, type, 0);
  gsize len = type == RTM_GETLINK   ? sizeof (struct ifinfomsg)
              : type == RTM_GETADDR ? sizeof (struct ifaddrmsg)
              : type == RTM_GETRULE ? sizeof (struct fib_rule_hdr)
                                    : sizeof (struct rtmsg);
  guint8 *body;
  body = mnl_nlmsg_put_extra_header (message, len);
  /* The first byte of each of them. */
  body[0] = af_of (family);
  return message;
}
