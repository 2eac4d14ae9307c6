/* SPDX-License-Identifier: Apache-2.0 */
/* net_route.c - routes of ours, each with those who want it, and the rule that leads to our table.
 *
 * Several may want the way to one network, and differently: the last one has it, and when that one
 * goes the one before gets it back.  In our own table we replace what is there; in a table of
 * others (the main one, that of a VRF) what they made stays, and ours is not made. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include "net_private.h"

typedef struct {
  gconstpointer owner;
  NetRouteInfo  info;
} Want;

typedef struct {
  IkeAddr  net;
  guint8   prefix_len;
  guint32  table;
  GArray  *wants;                             /* Want; the last one counts */
  gboolean has_failed;                        /* was said */
} Route;

guint
net_route_hash (gconstpointer data)
{
  const Route *route = data;
  guint32 hash = route->prefix_len ^ route->table << 8;
  for (guint i = 0; i < 16; i++)
    hash = (hash ^ route->net.bytes[i]) * 16777619u;
  return hash;
}

gboolean
net_route_equal (gconstpointer a, gconstpointer b)
{
  const Route *x = a, *y = b;
  return x->prefix_len == y->prefix_len && x->table == y->table
         && ike_addr_same_host (&x->net, &y->net);
}

void
net_route_free (gpointer data)
{
  Route *route = data;
  g_array_unref (route->wants);
  g_free (route);
}

gboolean
net_route_is_ours (const Net *net, const NetRouteInfo *route)
{
  return route->protocol == NET_PROTOCOL
         || (net->options.table && route->table == net->options.table);
}

guint32
net_route_table (const Net *net)
{
  return net->options.table ? net->options.table : RT_TABLE_MAIN;
}

/* -- the rule: comes with the first route, so that a machine without tunnels is left as it was */

typedef struct {
  Net    *net;
  guint8  family;
} RuleAsked;

static void
rule_done (gpointer data, const NetlinkAnswer *answer)
{
  g_autofree RuleAsked *asked = data;
  Net *net = asked->net;
  /* Whoever made the same rule takes it away, too. */
  net->has_rule[asked->family == 6] = answer->error == 0;
  if (answer->error && answer->error != EEXIST && answer->error != ECANCELED)
    ike_log (net->engine, IKE_LOG_ERROR, "kernel-xfrm",
             "cannot make the routing rule %u for table %u, so tunnels have no routes: %s",
             net->options.priority, net->options.table, answer->reason);
}

static void
need_rule (Net *net, guint8 family)
{
  NetRuleInfo rule = { .family = family, .priority = net->options.priority,
                       .table = net->options.table };
  guint8 buffer[NET_MESSAGE_SIZE];
  RuleAsked *asked;
  if (!net->options.table || net->has_rule[family == 6])
    return;
  net->has_rule[family == 6] = TRUE;
  asked = g_new0 (RuleAsked, 1);
  *asked = (RuleAsked) { net, family };
  net_ask (net, net_write_rule (buffer, TRUE, &rule), rule_done, asked);
}

/* -- into the kernel */

typedef struct {
  Net     *net;
  Route key;                               /* without wants */
  IkeCall *call;                              /* may be NULL */
  gboolean is_renewal;
} RouteAsked;

static char *
describe (const Route *route)
{
  char text[IKE_ADDR_TEXT_SIZE];
  return g_strdup_printf ("%s/%u in table %u", ike_addr_format (&route->net, FALSE, text),
                          route->prefix_len, route->table);
}

/* A renewal may come between the loss of a way and the next one. */
static void
say_failure (const RouteAsked *asked, const NetlinkAnswer *answer)
{
  Route *route = g_hash_table_lookup (asked->net->routes, &asked->key);
  g_autofree char *what = describe (&asked->key);
  if (!route || route->has_failed)
    return;
  route->has_failed = TRUE;
  ike_log (asked->net->engine, asked->is_renewal ? IKE_LOG_INFO : IKE_LOG_ERROR, "kernel-xfrm",
           "cannot make a route to %s: %s%s", what, answer->reason,
           answer->error == EEXIST ? "; there is one of somebody else's, which is left alone" : "");
}

static void
added (gpointer data, const NetlinkAnswer *answer)
{
  g_autofree RouteAsked *asked = data;
  g_autofree char *what = describe (&asked->key);
  Route *route;
  if (answer->error && asked->call) {
    g_autofree char *why =
        g_strdup_printf ("cannot make a route to %s: %s", what, answer->reason);
    ike_call_fail (asked->call, why);
    return;
  }
  if (asked->call)
    ike_call_answer (asked->call, GUINT_TO_POINTER (1));
  if (answer->error == ECANCELED)
    return;
  route = g_hash_table_lookup (asked->net->routes, &asked->key);
  if (answer->error)
    say_failure (asked, answer);
  else if (route)
    route->has_failed = FALSE;
}

static void
removed (gpointer data, const NetlinkAnswer *answer)
{
  g_autofree RouteAsked *asked = data;
  g_autofree char *what = describe (&asked->key);
  /* It goes with its interface, and maybe that went first. */
  if (answer->error && answer->error != ESRCH && answer->error != ENODEV
      && answer->error != ECANCELED)
    ike_log (asked->net->engine, IKE_LOG_ERROR, "kernel-xfrm", "cannot remove the route to %s: %s",
             what, answer->reason);
}

static RouteAsked *
asked_new (Net *net, const Route *route, IkeCall *call)
{
  RouteAsked *asked = g_new0 (RouteAsked, 1);
  asked->net = net;
  asked->key = *route;
  asked->key.wants = NULL;
  asked->call = call;
  return asked;
}

static void
delete_route (Net *net, const Route *route, const NetRouteInfo *info)
{
  guint8 buffer[NET_MESSAGE_SIZE];
  net_ask (net, net_write_route (buffer, FALSE, info, FALSE), removed,
               asked_new (net, route, NULL));
}

/* What was wanted last. */
static void
put_route (Net *net, const Route *route, IkeCall *call, gboolean is_renewal)
{
  const Want *want = &g_array_index (route->wants, Want, route->wants->len - 1);
  gboolean is_own = net->options.table && route->table == net->options.table;
  NetRouteInfo info = want->info;
  RouteAsked *asked = asked_new (net, route, call);
  guint8 buffer[NET_MESSAGE_SIZE];
  asked->is_renewal = is_renewal;
  if (is_own)
    need_rule (net, route->net.family);
  else
    delete_route (net, route, &info);
  net_ask (net, net_write_route (buffer, TRUE, &info, is_own), added, asked);
}

/* -- wants */

static gboolean
is_same_way (const NetRouteInfo *a, const NetRouteInfo *b)
{
  return a->type == b->type && a->interface == b->interface
         && ike_addr_same_host (&a->gateway, &b->gateway)
         && ike_addr_same_host (&a->source, &b->source);
}

static Route *
find (Net *net, const NetRouteInfo *info)
{
  Route key = { .net = info->net, .prefix_len = info->prefix_len, .table = info->table };
  return g_hash_table_lookup (net->routes, &key);
}

void
net_route_want (Net *net, gconstpointer owner, const NetRouteInfo *wanted, IkeCall *call)
{
  Route *route = find (net, wanted);
  Want want = { owner, *wanted };
  const Want *top;
  if (!route) {
    route = g_new0 (Route, 1);
    route->net = wanted->net;
    route->prefix_len = wanted->prefix_len;
    route->table = wanted->table;
    route->wants = g_array_new (FALSE, FALSE, sizeof (Want));
    g_hash_table_add (net->routes, route);
  }
  top = route->wants->len ? &g_array_index (route->wants, Want, route->wants->len - 1) : NULL;
  if (top && is_same_way (&top->info, wanted) && !route->has_failed) {
    g_array_append_val (route->wants, want);
    if (call)
      ike_call_answer (call, GUINT_TO_POINTER (1));
    return;
  }
  g_array_append_val (route->wants, want);
  put_route (net, route, call, FALSE);
}

void
net_route_unwant (Net *net, gconstpointer owner, const NetRouteInfo *wanted)
{
  Route *route = find (net, wanted);
  gboolean was_top = TRUE;
  NetRouteInfo before;
  guint i;
  for (i = route ? route->wants->len : 0; i > 0; i--, was_top = FALSE)
    if (g_array_index (route->wants, Want, i - 1).owner == owner)
      break;
  if (i == 0)
    return;
  before = g_array_index (route->wants, Want, i - 1).info;
  g_array_remove_index (route->wants, i - 1);
  if (route->wants->len == 0) {
    delete_route (net, route, &before);
    g_hash_table_remove (net->routes, route);
  } else if (was_top
             && !is_same_way (&before,
                              &g_array_index (route->wants, Want, route->wants->len - 1).info)) {
    put_route (net, route, NULL, FALSE);
  }
}

void
net_routes_renew (Net *net)
{
  GHashTableIter iter;
  gpointer route;
  g_hash_table_iter_init (&iter, net->routes);
  while (g_hash_table_iter_next (&iter, &route, NULL))
    put_route (net, route, NULL, TRUE);
}

void
net_route_sweep (Net *net, NetEach each)
{
  GHashTableIter iter;
  gpointer value;
  guint8 buffer[NET_MESSAGE_SIZE];
  g_hash_table_iter_init (&iter, net->routes);
  while (g_hash_table_iter_next (&iter, &value, NULL)) {
    const Route *route = value;
    const Want *want = &g_array_index (route->wants, Want, route->wants->len - 1);
    each (net, net_write_route (buffer, FALSE, &want->info, FALSE));
  }
  for (guint i = 0; i < 2; i++) {
    NetRuleInfo rule = { .family = i ? 6 : 4, .priority = net->options.priority,
                         .table = net->options.table };
    if (net->has_rule[i])
      each (net, net_write_rule (buffer, FALSE, &rule));
  }
}

/* -- prefixes */

static void
fill_bits (const guint8 *first, guint n_bits, guint prefix_len, guint8 *last)
{
  memcpy (last, first, 16);
  for (guint i = prefix_len; i < n_bits; i++)
    last[i / 8] |= (guint8) (0x80 >> i % 8);
}

/* The shortest prefix that begins at @first and does not reach behind @end. */
static guint8
widest_prefix (const guint8 *first, const guint8 *end, guint n_bits, guint8 *last)
{
  guint prefix_len = n_bits;
  fill_bits (first, n_bits, prefix_len, last);
  while (prefix_len > 0) {
    guint bit = prefix_len - 1;
    guint8 wider[16];
    if (first[bit / 8] & (0x80 >> bit % 8))
      break;
    fill_bits (first, n_bits, bit, wider);
    if (memcmp (wider, end, n_bits / 8) > 0)
      break;
    memcpy (last, wider, 16);
    prefix_len = bit;
  }
  return (guint8) prefix_len;
}

guint
net_prefixes (const IkeSelector *selector, NetRouteInfo out[static NET_PREFIXES_MAX])
{
  guint n_bits = selector->family == 4 ? 32 : 128, n = 0;
  guint8 first[16], last[16];
  memcpy (first, selector->first, 16);
  while (n < NET_PREFIXES_MAX) {
    guint at = n_bits / 8;
    memset (&out[n], 0, sizeof out[n]);
    out[n].family = out[n].net.family = selector->family;
    memcpy (out[n].net.bytes, first, n_bits / 8);
    out[n++].prefix_len = widest_prefix (first, selector->last, n_bits, last);
    if (memcmp (last, selector->last, n_bits / 8) >= 0)
      return n;
    memcpy (first, last, 16);
    while (at-- > 0 && ++first[at] == 0)
      ;
  }
  return NET_PREFIXES_MAX + 1;
}
