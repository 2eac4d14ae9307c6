/* SPDX-License-Identifier: Apache-2.0 */
/* net_class.c - `kernel:net`: what anybody asks, copied and brought to the loop. */
#include "config.h"
#include <string.h>
#include <linux/rtnetlink.h>
#include "net_private.h"

typedef enum { ADD_ADDRESS, REMOVE_ADDRESS, ADD_ROUTE, REMOVE_ROUTE, SOURCE_FOR, ROUTE_TO } Kind;

typedef struct {
  Net     *net;
  Kind     kind;
  /* NULL when nobody wants to know, or somebody else will answer */
  IkeCall *call;
  IkeAddr  addr, source;
  guint    prefix_len;
  char     interface[IFNAMSIZ];               /* "": none */
} Ask;

static void
ask_free (gpointer data)
{
  Ask *ask = data;
  if (ask->call)
    ike_call_fail (ask->call, "kernel-xfrm was stopped");
  g_free (ask);
}

/* -- routes */

static void
run_route (Ask *ask)
{
  Net *net = ask->net;
  IkeCall *call = g_steal_pointer (&ask->call);
  NetRouteInfo route = { .net = ask->addr,
                         .family = ask->addr.family,
                         .prefix_len = (guint8) ask->prefix_len,
                         .table = net_route_table (net),
                         .type = RTN_UNICAST,
                         .source = ask->source };
  NetLinkInfo link;
  route.net.port = 0;
  if (!net_find_link (net, ask->interface, &link)) {
    g_autofree char *why =
        g_strdup_printf ("cannot make a route to interface %s: there is none", ask->interface);
    if (call && ask->kind == ADD_ROUTE)
      ike_call_fail (call, why);
    else if (call)
      ike_call_answer (call, GUINT_TO_POINTER (1));
    return;
  }
  route.interface = link.index;
  /* The interface tells those apart that may want the same. */
  if (ask->kind == ADD_ROUTE) {
    net_route_want (net, GUINT_TO_POINTER (link.index), &route, call);
    return;
  }
  net_route_unwant (net, GUINT_TO_POINTER (link.index), &route);
  if (call)
    ike_call_answer (call, GUINT_TO_POINTER (1));
}

/* -- ways */

static void
source_found (gpointer data, const NetWay *way, const char *error)
{
  if (way)
    ike_call_answer (data, g_memdup2 (&way->source, sizeof way->source));
  else
    ike_call_fail (data, error);
}

typedef struct {
  Net     *net;
  IkeCall *call;
} RouteTo;

static void
route_found (gpointer data, const NetWay *way, const char *error)
{
  g_autofree RouteTo *asked = data;
  IkeKernelRoute *route;
  NetLinkInfo link;
  if (!way) {
    ike_call_fail (asked->call, error);
    return;
  }
  route = g_new0 (IkeKernelRoute, 1);
  route->struct_size = sizeof *route;
  route->source = way->source;
  route->gateway = way->gateway;
  route->mtu = way->mtu;
  if (net_find_index (asked->net, way->interface, &link))
    g_strlcpy (route->interface, link.name, sizeof route->interface);
  ike_call_answer (asked->call, route);
}

static void
run_ask (gpointer data)
{
  Ask *ask = data;
  const char *interface = ask->interface[0] ? ask->interface : NULL;
  RouteTo *route_to;
  switch (ask->kind) {
  case ADD_ADDRESS:
    net_add_address (ask->net, g_steal_pointer (&ask->call), &ask->addr, ask->prefix_len,
                     interface);
    break;
  case REMOVE_ADDRESS:
    net_remove_address (ask->net, g_steal_pointer (&ask->call), &ask->addr, interface);
    break;
  case ADD_ROUTE:
  case REMOVE_ROUTE:
    run_route (ask);
    break;
  case SOURCE_FOR:
    net_lookup (ask->net, &ask->addr, source_found, g_steal_pointer (&ask->call));
    break;
  case ROUTE_TO:
    route_to = g_new0 (RouteTo, 1);
    *route_to = (RouteTo) { ask->net, g_steal_pointer (&ask->call) };
    net_lookup (ask->net, &ask->addr, route_found, route_to);
    break;
  }
}

static void
arrive (gpointer data)
{
  Ask **slot = data, *ask = g_steal_pointer (slot);
  net_when_ready (ask->net, run_ask, ask, ask_free);
}

static void
slot_free (gpointer data)
{
  Ask **slot = data;
  if (*slot)
    ask_free (*slot);
  g_free (slot);
}

/* Takes what is set in @wanted; the rest is filled in here. */
static void
post (IkePlugin *self, IkeCall *call, const Ask *wanted, const char *interface)
{
  KernelXfrm *kernel = ike_plugin_state (self);
  Ask *ask = g_memdup2 (wanted, sizeof *wanted), **slot = g_new0 (Ask *, 1);
  ask->net = kernel->net;
  ask->call = call;
  ask->addr.port = 0;
  ask->prefix_len = MIN (ask->prefix_len, ike_addr_len (&ask->addr) * 8);
  if (interface)
    g_strlcpy (ask->interface, interface, sizeof ask->interface);
  *slot = ask;
  net_post (kernel->net, arrive, slot, slot_free);
}

static void
add_address (IkePlugin *self, IkeCall *call, const IkeAddr *addr, guint prefix_len,
             const char *interface)
{
  post (self, call, &(Ask){ .kind = ADD_ADDRESS, .addr = *addr, .prefix_len = prefix_len },
        interface);
}

static void
remove_address (IkePlugin *self, IkeCall *call, const IkeAddr *addr, guint prefix_len,
                const char *interface)
{
  post (self, call, &(Ask){ .kind = REMOVE_ADDRESS, .addr = *addr, .prefix_len = prefix_len },
        interface);
}

static void
add_route (IkePlugin *self, IkeCall *call, const IkeAddr *net, guint prefix_len,
           const char *interface, const IkeAddr *source)
{
  Ask ask = { .kind = ADD_ROUTE, .addr = *net, .prefix_len = prefix_len };
  if (source)
    ask.source = *source;
  post (self, call, &ask, interface);
}

static void
remove_route (IkePlugin *self, IkeCall *call, const IkeAddr *net, guint prefix_len,
              const char *interface)
{
  post (self, call, &(Ask){ .kind = REMOVE_ROUTE, .addr = *net, .prefix_len = prefix_len },
        interface);
}

static void
source_for (IkePlugin *self, IkeCall *call, const IkeAddr *peer)
{
  post (self, call, &(Ask){ .kind = SOURCE_FOR, .addr = *peer }, NULL);
}

static void
route_to (IkePlugin *self, IkeCall *call, const IkeAddr *peer)
{
  post (self, call, &(Ask){ .kind = ROUTE_TO, .addr = *peer }, NULL);
}

static gboolean
is_local (IkePlugin *self, const IkeAddr *addr)
{
  KernelXfrm *kernel = ike_plugin_state (self);
  return net_is_local (kernel->net, addr);
}

static guint
addresses (IkePlugin *self, IkeKernelAddress *out, guint max)
{
  KernelXfrm *kernel = ike_plugin_state (self);
  return net_addresses (kernel->net, out, max);
}

const IkeKernelNetClass net_class = {
  .struct_size = sizeof (IkeKernelNetClass),
  .add_address = add_address,
  .remove_address = remove_address,
  .add_route = add_route,
  .remove_route = remove_route,
  .source_for = source_for,
  .is_local = is_local,
  .route_to = route_to,
  .addresses = addresses,
};
