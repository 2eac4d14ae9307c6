/* SPDX-License-Identifier: Apache-2.0 */
/* net_path.c - what an outbound policy needs of routing.
 *
 * A policy alone only protects packets that come with the right source.  So packets of this
 * machine that go to the other side get a route with the address that the policy is for; it leaves
 * by the way to the peer.  Where an XFRM interface was made, routes lead into that instead, and the
 * peer's own address is thrown out of our table to be looked up in the next one, lest what comes
 * out of the tunnel goes into it again.  A policy to pass is a way out of our table, too. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include "net_private.h"

enum { SETTLE_MS = 200, ROUTES_MAX = NET_PREFIXES_MAX + 2 };

typedef struct {
  NetDone  done;
  gpointer data;
} Waiter;

typedef struct {
  NetPathWant  want;
  Net         *net;
  guint        n_users;
  GArray      *waiters;                       /* Waiter */
  GArray      *routes;                        /* NetRouteInfo: as wanted now */
  guint8       turn;                          /* 0, 1: the owner of @routes */
  gboolean     is_asked, is_again, is_dead;   /* a lookup is under way; its answer is old */
} Path;

gboolean
net_path_of (const IkeKernelPolicy *policy, NetPathWant *out)
{
  const IkeSelector *ends[] = { &policy->source, &policy->destination };
  memset (out, 0, sizeof *out);
  if (policy->direction != IKE_DIR_OUT || policy->source.family != policy->destination.family)
    return FALSE;
  if (policy->mode != IKE_MODE_TUNNEL && policy->mode != IKE_MODE_BEET
      && policy->mode != IKE_MODE_PASS)
    return FALSE;
  /* Routes know no protocols and ports. */
  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    if (ends[i]->protocol || ends[i]->port_first || ends[i]->port_last != G_MAXUINT16)
      return FALSE;
  /* The operator's interface has the operator's routes. */
  if (policy->if_id && !(policy->flags & IKE_KERNEL_MAKE_INTERFACE))
    return FALSE;
  out->source = policy->source;
  out->destination = policy->destination;
  out->outer_source = policy->outer_source;
  out->outer_destination = policy->outer_destination;
  out->reqid = policy->reqid;
  out->if_id = policy->if_id;
  out->is_pass = policy->mode == IKE_MODE_PASS;
  return TRUE;
}

static guint32
hash_bytes (guint32 hash, const guint8 *bytes, gsize len)
{
  for (gsize i = 0; i < len; i++)
    hash = (hash ^ bytes[i]) * 16777619u;
  return hash;
}

guint
net_path_hash (gconstpointer data)
{
  const NetPathWant *want = &((const Path *) data)->want;
  guint32 hash = want->reqid ^ want->if_id;
  hash = hash_bytes (hash, want->source.first, 16);
  hash = hash_bytes (hash, want->destination.first, 16);
  return hash_bytes (hash, want->destination.last, 16);
}

gboolean
net_path_equal (gconstpointer a, gconstpointer b)
{
  const NetPathWant *x = &((const Path *) a)->want, *y = &((const Path *) b)->want;
  return x->reqid == y->reqid && x->if_id == y->if_id && x->is_pass == y->is_pass
         && ike_selector_equal (&x->source, &y->source)
         && ike_selector_equal (&x->destination, &y->destination);
}

void
net_path_free (gpointer data)
{
  Path *path = data;
  g_array_unref (path->waiters);
  g_array_unref (path->routes);
  g_free (path);
}

/* -- which routes */

/* Destinations as prefixes; a default route of the main table is the machine's own, so there it is
 * two halves. */
static guint
destinations (const Path *path, guint32 table, NetRouteInfo out[static ROUTES_MAX])
{
  guint n = net_prefixes (&path->want.destination, out);
  if (n > NET_PREFIXES_MAX) {
    char text[128];
    ike_log (path->net->engine, IKE_LOG_ERROR, "kernel-xfrm",
             "%s takes more than %u routes and gets none; narrow remote_ts to subnets",
             ike_selector_format (&path->want.destination, text, sizeof text),
             (guint) NET_PREFIXES_MAX);
    return 0;
  }
  if (n == 1 && out[0].prefix_len == 0 && table == RT_TABLE_MAIN) {
    out[0].prefix_len = 1;
    out[1] = out[0];
    out[1].net.bytes[0] = 0x80;
    n = 2;
  }
  for (guint i = 0; i < n; i++) {
    out[i].table = table;
    out[i].type = RTN_UNICAST;
  }
  return n;
}

/* Routes of a policy to pass: out of our table. */
static guint
routes_past (const Path *path, NetRouteInfo out[static ROUTES_MAX])
{
  guint n = path->net->options.table ? destinations (path, path->net->options.table, out) : 0;
  for (guint i = 0; i < n; i++)
    out[i].type = RTN_THROW;
  return n;
}

static guint
routes_into (const Path *path, NetRouteInfo out[static ROUTES_MAX])
{
  Net *net = path->net;
  const IkeAddr *peer = &path->want.outer_destination;
  guint32 index, table;
  NetRouteInfo all[ROUTES_MAX];
  gboolean holds_peer = FALSE, is_vrf;
  IkeAddr source = { 0 };
  guint n, n_out = 0, n_bits = peer->family == 4 ? 32 : 128;
  if (!net_link_of (net, path->want.if_id, &index, &table))
    return 0;
  is_vrf = table != 0;
  n = destinations (path, is_vrf ? table : net_route_table (net), all);
  if (!net_find_within (net, &path->want.source, &path->want.outer_source, &source))
    source.family = 0;
  for (guint i = 0; i < n; i++) {
    gboolean is_around = !is_vrf && all[i].net.family == peer->family
                         && ike_addr_in_prefix (peer, &all[i].net, all[i].prefix_len);
    holds_peer |= is_around;
    if (is_around && (all[i].prefix_len == n_bits || !net->options.table))
      continue;
    out[n_out] = all[i];
    out[n_out].interface = index;
    out[n_out++].source = source;
  }
  if (holds_peer && net->options.table) {
    NetRouteInfo away = { .net = *peer, .family = peer->family, .prefix_len = (guint8) n_bits,
                          .type = RTN_THROW, .table = net->options.table };
    away.net.port = 0;
    out[n_out++] = away;
  } else if (holds_peer && path->waiters->len) {
    ike_log (net->engine, IKE_LOG_ERROR, "kernel-xfrm",
             "the tunnel leads to the peer's own address and gets no route there; use "
             "routing_table");
  }
  return n_out;
}

static guint
routes_along (const Path *path, const NetWay *way, NetRouteInfo out[static ROUTES_MAX])
{
  Net *net = path->net;
  const NetPathWant *want = &path->want;
  IkeAddr source;
  guint n;
  if (!net_find_within (net, &want->source, &want->outer_source, &source))
    return 0;
  n = destinations (path, net_route_table (net), out);
  /* Between the two hosts themselves the way is what it would be. */
  if (n == 1 && ike_addr_same_host (&out[0].net, &want->outer_destination)
      && out[0].prefix_len == ike_addr_len (&out[0].net) * 8
      && ike_addr_same_host (&source, &want->outer_source))
    return 0;
  for (guint i = 0; i < n; i++) {
    out[i].interface = way->interface;
    out[i].source = source;
    /* A gateway of the other family does not lead there; the outer packet finds its way itself. */
    if (way->gateway.family == out[i].net.family)
      out[i].gateway = way->gateway;
  }
  return n;
}

/* -- changes */

static gconstpointer
owner_of (const Path *path, guint8 turn)
{
  return (const guint8 *) path + turn;
}

/* The new ones first, so that what stays is not away for a moment. */
static void
set_routes (Path *path, const NetRouteInfo *routes, guint n)
{
  g_autoptr (GArray) old = path->routes;
  guint8 old_turn = path->turn;
  path->turn = !old_turn;
  path->routes = g_array_new (FALSE, FALSE, sizeof (NetRouteInfo));
  g_array_append_vals (path->routes, routes, n);
  for (guint i = 0; i < n; i++)
    net_route_want (path->net, owner_of (path, path->turn), &routes[i], NULL);
  for (guint i = 0; i < old->len; i++)
    net_route_unwant (path->net, owner_of (path, old_turn),
                      &g_array_index (old, NetRouteInfo, i));
}

static void
answer_all (Path *path)
{
  g_autoptr (GArray) waiters = path->waiters;
  path->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  for (guint i = 0; i < waiters->len; i++) {
    const Waiter *waiter = &g_array_index (waiters, Waiter, i);
    waiter->done (waiter->data, NULL);
  }
}

static void begin (Path *path);

static void
way_found (gpointer data, const NetWay *way, const char *error)
{
  Path *path = data;
  NetRouteInfo routes[ROUTES_MAX];
  guint n;
  path->is_asked = FALSE;
  if (path->is_dead) {
    answer_all (path);
    net_path_free (path);
    return;
  }
  if (path->is_again && !path->net->is_stopping) {
    begin (path);
    return;
  }
  if (!way && path->waiters->len)
    ike_log (path->net->engine, IKE_LOG_NOTICE, "kernel-xfrm",
             "a tunnel has no routes for now: %s", error);
  n = way ? routes_along (path, way, routes) : 0;
  set_routes (path, routes, n);
  answer_all (path);
}

static void
begin (Path *path)
{
  NetRouteInfo routes[ROUTES_MAX];
  guint n;
  path->is_again = path->is_asked;
  if (path->is_asked)
    return;
  if (!path->want.is_pass && !path->want.if_id) {
    path->is_asked = TRUE;
    net_lookup (path->net, &path->want.outer_destination, way_found, path);
    return;
  }
  n = path->want.is_pass ? routes_past (path, routes) : routes_into (path, routes);
  set_routes (path, routes, n);
  answer_all (path);
}

void
net_path_take (Net *net, const NetPathWant *want, NetDone done, gpointer data)
{
  Path key = { .want = *want }, *path = g_hash_table_lookup (net->paths, &key);
  Waiter waiter = { done, data };
  if (!net->options.installs_routes) {
    done (data, NULL);
    return;
  }
  if (!path) {
    path = g_new0 (Path, 1);
    path->net = net;
    path->want = *want;
    path->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
    path->routes = g_array_new (FALSE, FALSE, sizeof (NetRouteInfo));
    g_hash_table_add (net->paths, path);
  }
  path->want = *want;
  path->n_users++;
  g_array_append_val (path->waiters, waiter);
  begin (path);
}

void
net_path_drop (Net *net, const NetPathWant *want)
{
  Path key = { .want = *want }, *path = g_hash_table_lookup (net->paths, &key);
  if (!path || --path->n_users > 0)
    return;
  set_routes (path, NULL, 0);
  g_hash_table_steal (net->paths, path);
  path->is_dead = TRUE;
  if (!path->is_asked)
    net_path_free (path);
}

void
net_path_moved (Net *net, const IkeKernelSa *old, const IkeKernelSa *new_)
{
  GHashTableIter iter;
  gpointer key;
  g_hash_table_iter_init (&iter, net->paths);
  while (g_hash_table_iter_next (&iter, &key, NULL)) {
    Path *path = key;
    if (path->want.reqid != old->reqid || path->want.is_pass
        || !ike_addr_same_host (&path->want.outer_source, &old->source)
        || !ike_addr_same_host (&path->want.outer_destination, &old->destination))
      continue;
    path->want.outer_source = new_->source;
    path->want.outer_destination = new_->destination;
    begin (path);
  }
}

/* -- again */

static void
look_again (gpointer data)
{
  Net *net = data;
  GHashTableIter iter;
  gpointer path;
  net->settle = NULL;
  netlink_cork (net->cache.requests);
  if (net->must_renew)
    net_routes_renew (net);
  net->must_renew = FALSE;
  g_hash_table_iter_init (&iter, net->paths);
  while (g_hash_table_iter_next (&iter, &path, NULL))
    begin (path);
  netlink_uncork (net->cache.requests);
}

/* Changes come in swarms. */
void
net_paths_look_again (Net *net, gboolean renews)
{
  net->must_renew |= renews;
  if (!net->settle && !net->is_stopping
      && (g_hash_table_size (net->paths) || g_hash_table_size (net->routes)))
    net->settle = ike_loop_timer_add (net->loop, SETTLE_MS, look_again, net, NULL);
}
