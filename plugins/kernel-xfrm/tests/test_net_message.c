/* SPDX-License-Identifier: Apache-2.0 */
/* test_net_message.c - tests net_message.c: what is written can be read, and what is cut or wrong
 * is not believed. */
#include "config.h"
#include <string.h>
#include <sys/socket.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include "../net_message.h"

static IkeAddr
addr_of (const char *text)
{
  IkeAddr addr;
  g_assert_true (ike_addr_parse (&addr, text, NULL));
  return addr;
}

static void
test_route (void)
{
  guint8 buffer[NET_MESSAGE_SIZE];
  NetRouteInfo route = { .net = addr_of ("10.2.0.0"),
                         .gateway = addr_of ("192.0.2.254"),
                         .source = addr_of ("10.1.0.1"),
                         .prefix_len = 16,
                         .type = RTN_UNICAST,
                         .table = 1000,
                         .interface = 7 },
               back;
  const struct nlmsghdr *message = net_write_route (buffer, TRUE, &route, TRUE);
  g_assert_cmphex (message->nlmsg_flags, ==, NLM_F_CREATE | NLM_F_REPLACE);
  g_assert_true (net_read_route (message, &back));
  g_assert_true (ike_addr_same_host (&back.net, &route.net));
  g_assert_true (ike_addr_same_host (&back.gateway, &route.gateway));
  g_assert_true (ike_addr_same_host (&back.source, &route.source));
  g_assert_cmpuint (back.prefix_len, ==, 16);
  g_assert_cmpuint (back.table, ==, 1000);
  g_assert_cmpuint (back.interface, ==, 7);
  g_assert_cmpuint (back.protocol, ==, NET_PROTOCOL);
  route.net = addr_of ("::");
  route.prefix_len = 0;
  message = net_write_route (buffer, FALSE, &route, FALSE);
  g_assert_cmpuint (message->nlmsg_type, ==, RTM_DELROUTE);
  g_assert_true (net_read_route (message, &back));
  g_assert_cmpuint (back.family, ==, 6);
  g_assert_cmpuint (back.gateway.family, ==, 0);
  g_assert_cmpuint (back.interface, ==, 0);
}

static void
test_address (void)
{
  guint8 buffer[NET_MESSAGE_SIZE];
  NetAddressInfo address = { .addr = addr_of ("2001:db8::5"), .prefix_len = 128, .interface = 3 },
                 back;
  g_assert_true (net_read_address (net_write_address (buffer, TRUE, &address), &back));
  g_assert_true (ike_addr_same_host (&back.addr, &address.addr));
  g_assert_cmpuint (back.protocol, ==, NET_PROTOCOL);
  g_assert_cmpuint (back.interface, ==, 3);
  address.addr = addr_of ("fe80::1");
  g_assert_true (net_read_address (net_write_address (buffer, TRUE, &address), &back));
  g_assert_cmpuint (back.addr.scope, ==, 3);
}

static void
test_link_and_rule (void)
{
  guint8 buffer[NET_MESSAGE_SIZE];
  struct nlmsghdr *message = (struct nlmsghdr *) net_write_link_new (buffer, "ike-1", 65537);
  NetRuleInfo rule = { .family = 6, .priority = 220, .table = 220 }, same;
  NetLinkInfo link;
  /* An interface that is to be has no index. */
  g_assert_false (net_read_link (message, &link));
  ((struct ifinfomsg *) mnl_nlmsg_get_payload (message))->ifi_index = 9;
  g_assert_true (net_read_link (message, &link));
  g_assert_cmpstr (link.name, ==, "ike-1");
  g_assert_cmpuint (link.kind, ==, NET_KIND_XFRM);
  g_assert_cmpuint (link.if_id, ==, 65537);
  g_assert_false (link.is_ours);
  g_assert_true (net_read_link (net_write_link_set (buffer, 9, 4), &link));
  g_assert_cmpuint (link.master, ==, 4);
  g_assert_cmpuint (link.flags, ==, IFF_UP);
  g_assert_true (net_read_rule (net_write_rule (buffer, TRUE, &rule), &same));
  g_assert_cmpuint (same.priority, ==, 220);
  g_assert_cmpuint (same.table, ==, 220);
  g_assert_cmpuint (same.protocol, ==, NET_PROTOCOL);
  g_assert_cmpuint (same.family, ==, 6);
}

static gboolean
read_any (const struct nlmsghdr *message)
{
  NetLinkInfo link;
  NetAddressInfo address;
  NetRouteInfo route;
  NetRuleInfo rule;
  return (net_read_link (message, &link) && memchr (link.name, 0, sizeof link.name))
         | net_read_address (message, &address) | net_read_route (message, &route)
         | net_read_rule (message, &rule);
}

/* Every length, with each attribute's length and type changed: the sanitizers watch. */
static void
spoil (const struct nlmsghdr *message)
{
  for (guint len = NLMSG_HDRLEN; len <= message->nlmsg_len; len++) {
    struct nlmsghdr *cut = g_memdup2 (message, len);
    cut->nlmsg_len = len;
    read_any (cut);
    for (guint at = NLMSG_HDRLEN; at + 4 <= len; at += 2)
      for (guint value = 0; value < 260; value += 13) {
        guint8 *byte = (guint8 *) cut + at, before = *byte;
        *byte = (guint8) value;
        read_any (cut);
        *byte = before;
      }
    g_free (cut);
  }
}

static void
test_spoilt (void)
{
  guint8 buffer[NET_MESSAGE_SIZE];
  NetRouteInfo route = { .net = addr_of ("10.2.0.0"), .gateway = addr_of ("192.0.2.254"),
                         .prefix_len = 16, .type = RTN_UNICAST, .interface = 7 };
  NetAddressInfo address = { .addr = addr_of ("10.9.0.5"), .prefix_len = 32, .interface = 3 };
  NetRuleInfo rule = { .family = 4, .priority = 220, .table = 220 };
  struct nlmsghdr *link = (struct nlmsghdr *) net_write_link_new (buffer, "ike-1", 65537);
  ((struct ifinfomsg *) mnl_nlmsg_get_payload (link))->ifi_index = 9;
  spoil (link);
  spoil (net_write_link_set (buffer, 9, 4));
  spoil (net_write_route (buffer, TRUE, &route, TRUE));
  spoil (net_write_address (buffer, TRUE, &address));
  spoil (net_write_rule (buffer, TRUE, &rule));
}

/* Several next hops, the first of which counts; and one whose length lies. */
static void
test_next_hops (void)
{
  guint8 buffer[NET_MESSAGE_SIZE];
  struct nlmsghdr *message;
  struct nlattr *nest;
  struct rtnexthop hop = { .rtnh_len = sizeof hop + 8, .rtnh_ifindex = 5 };
  struct rtmsg *body;
  NetRouteInfo route;
  memset (buffer, 0, sizeof buffer);
  message = mnl_nlmsg_put_header (buffer);
  message->nlmsg_type = RTM_NEWROUTE;
  body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  body->rtm_family = AF_INET;
  nest = mnl_attr_nest_start (message, RTA_MULTIPATH);
  memcpy (mnl_nlmsg_get_payload_tail (message), &hop, sizeof hop);
  message->nlmsg_len += sizeof hop;
  mnl_attr_put (message, RTA_GATEWAY, 4, "\xc0\x00\x02\xfe");
  mnl_attr_nest_end (message, nest);
  g_assert_true (net_read_route (message, &route));
  g_assert_cmpuint (route.interface, ==, 5);
  g_assert_cmpuint (route.gateway.bytes[3], ==, 0xfe);
  spoil (message);
}

static void
test_others (void)
{
  guint8 buffer[NET_MESSAGE_SIZE];
  struct nlmsghdr *message;
  NetLinkInfo link;
  memset (buffer, 0, sizeof buffer);
  message = mnl_nlmsg_put_header (buffer);
  for (guint type = 0; type < 200; type++) {
    message->nlmsg_type = (guint16) type;
    g_assert_false (read_any (message));
  }
  message = (struct nlmsghdr *) net_write_link_set (buffer, 9, 0);
  ((struct ifinfomsg *) mnl_nlmsg_get_payload (message))->ifi_family = AF_BRIDGE;
  g_assert_false (net_read_link (message, &link));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/net-message/routes-come-back", test_route);
  g_test_add_func ("/net-message/addresses-come-back", test_address);
  g_test_add_func ("/net-message/links-and-rules-come-back", test_link_and_rule);
  g_test_add_func ("/net-message/what-is-spoilt-is-not-believed", test_spoilt);
  g_test_add_func ("/net-message/the-first-next-hop-counts", test_next_hops);
  g_test_add_func ("/net-message/other-messages-are-not-for-us", test_others);
  return g_test_run ();
}
