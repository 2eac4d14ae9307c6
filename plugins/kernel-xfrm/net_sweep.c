/* SPDX-License-Identifier: Apache-2.0 */
/* net_sweep.c - what a daemon that was killed has left, and what is left of ours at the end. */
#include "config.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <unistd.h>
#include "net_private.h"

/* -- at the start: links and addresses are in the cache; rules and routes are listed once */

static void
swept (gpointer data, const NetlinkAnswer *answer)
{
  Net *net = data;
  if (answer->error && answer->error != ESRCH && answer->error != ENOENT
      && answer->error != ENODEV && answer->error != ECANCELED)
    ike_log (net->engine, IKE_LOG_ERROR, "kernel-xfrm",
             "cannot remove what an earlier process left: %s", answer->reason);
}

static void
each_old_route (gpointer data, const struct nlmsghdr *message)
{
  Net *net = data;
  NetRouteInfo route;
  if (net_read_route (message, &route) && route.protocol == NET_PROTOCOL && !route.is_cloned)
    g_array_append_val (net->old_routes, route);
}

static void
routes_done (gpointer data, const NetlinkAnswer *answer)
{
  Net *net = data;
  g_autoptr (GArray) old = g_steal_pointer (&net->old_routes);
  guint8 buffer[NET_MESSAGE_SIZE];
  for (guint i = 0; i < old->len && answer->error != ECANCELED; i++)
    net_ask (net, net_write_route (buffer, FALSE, &g_array_index (old, NetRouteInfo, i), FALSE),
             swept, net);
  if (answer->error != ECANCELED)
    net_is_ready (net);
}

static void
each_old_rule (gpointer data, const struct nlmsghdr *message)
{
  Net *net = data;
  NetRuleInfo rule;
  if (net_read_rule (message, &rule) && rule.protocol == NET_PROTOCOL)
    g_array_append_val (net->old_rules, rule);
}

static void
rules_done (gpointer data, const NetlinkAnswer *answer)
{
  Net *net = data;
  g_autoptr (GArray) old = g_steal_pointer (&net->old_rules);
  guint8 buffer[NET_MESSAGE_SIZE];
  for (guint i = 0; i < old->len && answer->error != ECANCELED; i++)
    net_ask (net, net_write_rule (buffer, FALSE, &g_array_index (old, NetRuleInfo, i)), swept, net);
}

void
net_sweep_start (Net *net)
{
  guint8 buffer[NET_MESSAGE_SIZE];
  net->old_rules = g_array_new (FALSE, FALSE, sizeof (NetRuleInfo));
  net->old_routes = g_array_new (FALSE, FALSE, sizeof (NetRouteInfo));
  net_cache_drop_ours (net);
  net_dump (net, net_write_dump (buffer, RTM_GETRULE, 0), each_old_rule, rules_done, net);
  net_dump (net, net_write_dump (buffer, RTM_GETROUTE, 0), each_old_route, routes_done, net);
}

/* -- at the end */

static void
remove_now (Net *net, const struct nlmsghdr *message)
{
  char reason[256];
  int error = netlink_ask_now (net->last_fd, NULL, message, NULL, reason, sizeof reason);
  /* A route goes with its interface or its source. */
  if (error && error != ESRCH && error != ENODEV && error != EADDRNOTAVAIL && error != ENOENT)
    ike_log (net->engine, IKE_LOG_ERROR, "kernel-xfrm",
             "something stays in the kernel when the plugin stops: %s", reason);
}

void
net_sweep_end (Net *net)
{
  if (net->last_fd < 0)
    return;
  net_route_sweep (net, remove_now);
  net_link_sweep (net, remove_now);
  net_vip_sweep (net, remove_now);
  close (net->last_fd);
}
