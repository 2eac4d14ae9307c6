/* SPDX-License-Identifier: Apache-2.0 */
/* net_lookup.c - the way to a peer, past the routes that we made ourselves.
 *
 * The kernel is asked first, for only it knows all rules.  When a route of ours answers (a tunnel
 * may lead to the peer's own address), the routes of the main table are listed and the best one is
 * taken that is not ours.  They are not kept: a router may have a million of them. */
#include "config.h"
#include <string.h>
#include <linux/rtnetlink.h>
#include "net_private.h"

typedef struct {
  Net         *net;
  IkeAddr      peer;                          /* of the default route: only its family */
  gboolean     is_default;
  NetWayFound  found;
  gpointer     data;
  gboolean     has_best;
  NetRouteInfo best;
} Lookup;

static Lookup *
lookup_new (Net *net, const IkeAddr *peer, NetWayFound found, gpointer data)
{
  Lookup *lookup = g_new0 (Lookup, 1);
  lookup->net = net;
  lookup->peer = *peer;
  lookup->found = found;
  lookup->data = data;
  return lookup;
}

static void
end (Lookup *lookup, const NetWay *way, const char *reason)
{
  char text[IKE_ADDR_TEXT_SIZE];
  g_autofree char *why = NULL;
  if (!way && lookup->is_default)
    why = g_strdup_printf ("no default route for IPv%u: %s", lookup->peer.family, reason);
  else if (!way)
    why = g_strdup_printf ("no route to %s: %s", ike_addr_format (&lookup->peer, FALSE, text),
                           reason);
  lookup->found (lookup->data, way, why);
  g_free (lookup);
}

static void
end_with (Lookup *lookup, const NetRouteInfo *route)
{
  NetWay way = { .peer = lookup->peer,
                 .source = route->source,
                 .gateway = route->gateway,
                 .interface = route->interface,
                 .mtu = route->mtu };
  const IkeAddr *next = way.gateway.family ? &way.gateway : &way.peer;
  NetLinkInfo link;
  if (!way.source.family && !net_find_source (lookup->net, way.interface, next, &way.source)
      && !lookup->is_default) {
    end (lookup, NULL, "there is no address to send from");
    return;
  }
  if (!way.mtu && net_find_index (lookup->net, way.interface, &link))
    way.mtu = link.mtu;
  way.source.port = 0;
  if (way.gateway.family == 6 && way.gateway.bytes[0] == 0xfe
      && (way.gateway.bytes[1] & 0xc0) == 0x80)
    way.gateway.scope = way.interface;
  end (lookup, &way, NULL);
}

/* -- the best of the main table */

static gboolean
is_better (const Lookup *lookup, const NetRouteInfo *route)
{
  return !lookup->has_best || route->prefix_len > lookup->best.prefix_len
         || (route->prefix_len == lookup->best.prefix_len
             && route->metric < lookup->best.metric);
}

static gboolean
may_lead (const Lookup *lookup, const NetRouteInfo *route)
{
  return route->type == RTN_UNICAST && route->interface && !route->is_dead && !route->is_cloned
         && (route->table == RT_TABLE_MAIN || route->table == RT_TABLE_DEFAULT)
         && !net_route_is_ours (lookup->net, route)
         && !net_link_is_made (lookup->net, route->interface)
         && (lookup->is_default ? route->prefix_len == 0
                                : ike_addr_in_prefix (&lookup->peer, &route->net,
                                                      route->prefix_len));
}

static void
each_route (gpointer data, const struct nlmsghdr *message)
{
  Lookup *lookup = data;
  NetRouteInfo route;
  if (!net_read_route (message, &route) || route.family != lookup->peer.family
      || !may_lead (lookup, &route) || !is_better (lookup, &route))
    return;
  lookup->best = route;
  lookup->has_best = TRUE;
}

static void
listed (gpointer data, const NetlinkAnswer *answer)
{
  Lookup *lookup = data;
  if (answer->error)
    end (lookup, NULL, answer->reason);
  else if (!lookup->has_best)
    end (lookup, NULL, "the main table has none");
  else
    end_with (lookup, &lookup->best);
}

static void
list (Lookup *lookup)
{
  guint8 buffer[NET_MESSAGE_SIZE];
  net_dump (lookup->net,
                net_write_dump (buffer, RTM_GETROUTE, lookup->peer.family), each_route, listed,
                lookup);
}

/* -- the kernel's own answer */

static gboolean
is_of_ours (Net *net, const NetRouteInfo *route)
{
  NetAddressInfo own;
  return net_route_is_ours (net, route) || net_link_is_made (net, route->interface)
         || (route->source.family && net_find_address (net, &route->source, &own)
             && own.protocol == NET_PROTOCOL);
}

static void
answered (gpointer data, const NetlinkAnswer *answer)
{
  Lookup *lookup = data;
  NetRouteInfo route;
  if (answer->error)
    end (lookup, NULL, answer->reason);
  else if (!answer->message || !net_read_route (answer->message, &route))
    end (lookup, NULL, "the kernel's answer is not understood");
  else if (is_of_ours (lookup->net, &route))
    list (lookup);
  else
    end_with (lookup, &route);
}

void
net_lookup (Net *net, const IkeAddr *peer, NetWayFound found, gpointer data)
{
  Lookup *lookup = lookup_new (net, peer, found, data);
  guint8 buffer[NET_MESSAGE_SIZE];
  if (peer->family != 4 && peer->family != 6)
    end (lookup, NULL, "it is no address");
  else
    net_ask (net, net_write_lookup (buffer, peer, net->options.port), answered, lookup);
}

void
net_lookup_default (Net *net, guint8 family, NetWayFound found, gpointer data)
{
  IkeAddr any = { .family = family };
  Lookup *lookup = lookup_new (net, &any, found, data);
  lookup->is_default = TRUE;
  list (lookup);
}
