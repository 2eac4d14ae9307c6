/* SPDX-License-Identifier: Apache-2.0 */
/* routes.c - routes that lead into the TUN device what a policy covers, and rules that keep our own
 * packets out of it.
 *
 * Routes stand in two tables of our own: TABLE is looked up before the main table, TABLE + 1,
 * which holds default routes only, after it, so that a tunnel for everything leaves the networks
 * that the machine is connected to alone.  Packets of this machine that are IKE or ESP by their
 * source port or protocol use the main table whatever the tunnels say; so a tunnel may lead to
 * the peer's own address.
 *
 * What transport mode carries is said by rules: what this machine sends to the peer, of the
 * protocol and ports of the policy, looks up TABLE + 2, which leads to the device; everything else
 * goes to the peer as ever.
 *
 * What a PASS policy covers looks up the main table, by rules that stand before all of these.
 * Where such a policy names addresses of this machine, a program that does not bind to one gets
 * its route before it has one: its packets come to the device, and are dropped there.  Used by the
 * administration loop. */
#include "config.h"
#include <string.h>
#include <netinet/in.h>
#include <linux/rtnetlink.h>
#include "kernel_tun.h"

enum { PREFIXES_MAX = 64, N_RULES = 9 };
/* Where rules stand behind the first one's priority. */
enum {
  RULE_PLAIN,
  RULE_MARKED,
  RULE_ESP,
  RULE_AH,
  RULE_PASS,
  RULE_HOSTS,
  RULE_TABLE,
  RULE_MAIN,
  RULE_DEFAULT
};

/* A route that one or more policies want. */
typedef struct {
  NetlinkRoute route;
  guint n_users;
} Route;

typedef struct {
  NetlinkRule rule;
  guint n_users;
} HostRule;

struct _TunRoutes {
  TunKernel *kernel;
  Netlink netlink;
  guint32 table, priority;
  gboolean has_rules[2]; /* IPv4, IPv6 */
  GHashTable *by_key;    /* Route, found by its NetlinkRoute */
  GPtrArray *rules;      /* HostRule */
};

static guint
route_hash (gconstpointer data)
{
  const NetlinkRoute *route = data;
  guint32 hash = route->prefix_len ^ (guint32) route->type << 8;
  for (guint i = 0; i < 16; i++)
    hash = (hash ^ route->net.bytes[i]) * 16777619u;
  return hash;
}

static gboolean
route_equal (gconstpointer a, gconstpointer b)
{
  const NetlinkRoute *x = a, *y = b;
  return x->prefix_len == y->prefix_len && x->type == y->type && x->table == y->table
         && ike_addr_same_host (&x->net, &y->net);
}

TunRoutes *
tun_routes_new (TunKernel *kernel)
{
  TunRoutes *routes = g_new0 (TunRoutes, 1);
  routes->kernel = kernel;
  routes->netlink.fd = -1;
  routes->table = (guint32) ike_plugin_option_uint (kernel->plugin, "route_table");
  routes->priority = (guint32) ike_plugin_option_uint (kernel->plugin, "rule_priority");
  routes->rules = g_ptr_array_new_with_free_func (g_free);
  routes->by_key = g_hash_table_new_full (route_hash, route_equal, NULL, g_free);
  return routes;
}

/* -- rules */

static void
rule_nth (const TunRoutes *routes, guint8 family, guint i, NetlinkRule *rule)
{
  const TunKernel *kernel = routes->kernel;
  memset (rule, 0, sizeof *rule);
  rule->family = family;
  rule->priority = routes->priority + i;
  rule->table = RT_TABLE_MAIN;
  rule->is_local = i <= RULE_AH;
  switch (i) {
  case RULE_PLAIN:
  case RULE_MARKED:
    rule->protocol = PACKET_PROTO_UDP;
    rule->port_first = i == RULE_PLAIN ? kernel->plain_port : kernel->marked_port;
    rule->port_last = rule->port_first;
    break;
  case RULE_ESP:
    rule->protocol = IPPROTO_ESP;
    break;
  case RULE_AH:
    /* Where the IP header is made by the sender, the kernel may not ask it for the protocol. */
    rule->protocol = family == 6 ? IPPROTO_AH : 0;
    rule->mark = family == 6 ? 0 : kernel->mark;
    break;
  case RULE_MAIN:
    rule->skips_default = TRUE;
    break;
  default:
    rule->table = routes->table + (i == RULE_DEFAULT);
    break;
  }
}

static gboolean
change_rules (TunRoutes *routes, gboolean add, guint8 family, GError **error)
{
  for (guint i = 0; i < N_RULES; i++) {
    NetlinkRule rule;
    rule_nth (routes, family, i, &rule);
    if (i == RULE_PASS || i == RULE_HOSTS || (i <= RULE_MARKED && rule.port_first == 0))
      continue;
    if (!netlink_rule (&routes->netlink, add, &rule, error))
      return FALSE;
  }
  return TRUE;
}

/* The rules come with the first route, so that a machine without tunnels is left as it was. */
static gboolean
need_rules (TunRoutes *routes, guint8 family, GError **error)
{
  gboolean *has = &routes->has_rules[family == 6];
  if (routes->netlink.fd < 0 && !netlink_open (&routes->netlink, error))
    return FALSE;
  if (*has)
    return TRUE;
  if (!change_rules (routes, TRUE, family, error)) {
    change_rules (routes, FALSE, family, NULL);
    return FALSE;
  }
  return *has = TRUE;
}

void
tun_routes_free (TunRoutes *routes)
{
  GHashTableIter iter;
  gpointer route;
  if (!routes)
    return;
  g_hash_table_iter_init (&iter, routes->by_key);
  while (routes->netlink.fd >= 0 && g_hash_table_iter_next (&iter, NULL, &route))
    netlink_route (&routes->netlink, FALSE, route, NULL);
  for (guint i = 0; i < routes->rules->len && routes->netlink.fd >= 0; i++)
    netlink_rule (&routes->netlink, FALSE,
                  &((HostRule *) g_ptr_array_index (routes->rules, i))->rule, NULL);
  g_ptr_array_unref (routes->rules);
  for (guint i = 0; i < 2; i++)
    if (routes->has_rules[i])
      change_rules (routes, FALSE, i ? 6 : 4, NULL);
  g_hash_table_unref (routes->by_key);
  netlink_close (&routes->netlink);
  g_free (routes);
}

/* -- prefixes */

/* Sets the bits from @prefix_len on. */
static void
last_of (const guint8 *first, guint n_bits, guint prefix_len, guint8 *last)
{
  memcpy (last, first, n_bits / 8);
  for (guint i = prefix_len; i < n_bits; i++)
    last[i / 8] |= (guint8) (0x80 >> i % 8);
}

static gboolean
bits_are_zero (const guint8 *addr, guint from, guint n_bits)
{
  for (guint i = from; i < n_bits; i++)
    if (addr[i / 8] & (0x80 >> i % 8))
      return FALSE;
  return TRUE;
}

/* The address after @addr; FALSE when that was the last one. */
static gboolean
increment (guint8 *addr, guint len)
{
  while (len-- > 0)
    if (++addr[len])
      return TRUE;
  return FALSE;
}

/* Cuts the range of @selector into prefixes, largest first from the left. */
static guint
to_prefixes (const IkeSelector *selector, NetlinkRoute out[static PREFIXES_MAX])
{
  guint n_bits = selector->family == 4 ? 32 : 128, n = 0;
  guint8 at[16], last[16];
  memcpy (at, selector->first, 16);
  while (n < PREFIXES_MAX) {
    guint prefix_len = n_bits;
    while (prefix_len > 0 && bits_are_zero (at, prefix_len - 1, n_bits)) {
      last_of (at, n_bits, prefix_len - 1, last);
      if (memcmp (last, selector->last, n_bits / 8) > 0)
        break;
      prefix_len--;
    }
    memset (&out[n], 0, sizeof out[n]);
    out[n].net.family = selector->family;
    memcpy (out[n].net.bytes, at, n_bits / 8);
    out[n++].prefix_len = (guint8) prefix_len;
    last_of (at, n_bits, prefix_len, last);
    if (memcmp (last, selector->last, n_bits / 8) >= 0 || !increment (last, n_bits / 8))
      return n;
    memcpy (at, last, n_bits / 8);
  }
  return PREFIXES_MAX + 1;
}

/* -- routes */

static void
drop_route (TunRoutes *routes, const NetlinkRoute *key)
{
  Route *route = g_hash_table_lookup (routes->by_key, key);
  if (!route || --route->n_users > 0)
    return;
  netlink_route (&routes->netlink, FALSE, &route->route, NULL);
  g_hash_table_remove (routes->by_key, key);
}

static gboolean
want_route (TunRoutes *routes, const NetlinkRoute *wanted, GError **error)
{
  Route *route = g_hash_table_lookup (routes->by_key, wanted);
  if (route) {
    /* Of several policies the newest one says where packets come from: a client may have got
     * another address. */
    if (wanted->source.family && !ike_addr_same_host (&wanted->source, &route->route.source)) {
      if (!netlink_route (&routes->netlink, TRUE, wanted, error))
        return FALSE;
      route->route = *wanted;
    }
    route->n_users++;
    return TRUE;
  }
  if (!need_rules (routes, wanted->net.family, error)
      || !netlink_route (&routes->netlink, TRUE, wanted, error))
    return FALSE;
  route = g_new0 (Route, 1);
  route->route = *wanted;
  route->n_users = 1;
  g_hash_table_add (routes->by_key, route);
  return TRUE;
}

/* What a policy needs: its destinations lead to the device, from @source where that has a family.
 * 0: nothing, or too much. */
static guint
wanted_routes (TunRoutes *routes, const SpdPolicy *policy, const IkeAddr *source,
               NetlinkRoute out[static PREFIXES_MAX])
{
  TunKernel *kernel = routes->kernel;
  guint n = to_prefixes (&policy->destination, out);
  for (guint i = 0; i < n && n <= PREFIXES_MAX; i++) {
    out[i].type = RTN_UNICAST;
    out[i].table = policy->mode == IKE_MODE_TRANSPORT ? routes->table + 2
                                                      : routes->table + (out[i].prefix_len == 0);
    out[i].interface = kernel->device.interface;
    out[i].source = *source;
  }
  return n <= PREFIXES_MAX ? n : 0;
}

/* -- rules of transport mode */

gboolean
tun_is_any_port (const IkeSelector *selector)
{
  return selector->port_first == 0 && selector->port_last == G_MAXUINT16;
}

static gboolean
has_ports (const IkeSelector *selector)
{
  return selector->protocol && selector->protocol != PACKET_PROTO_ICMP
         && selector->protocol != PACKET_PROTO_ICMPV6 && selector->port_first <= selector->port_last
         && !tun_is_any_port (selector);
}

static void
say_ports (const SpdPolicy *policy, NetlinkRule *rule)
{
  if (has_ports (&policy->source)) {
    rule->port_first = policy->source.port_first;
    rule->port_last = policy->source.port_last;
  }
  if (has_ports (&policy->destination)) {
    rule->peer_port_first = policy->destination.port_first;
    rule->peer_port_last = policy->destination.port_last;
  }
}

/* What rules cannot say (a type of ICMP) they leave out: what comes to the device and is not of
 * the policy is dropped there. */
static void
hosts_rule (const TunRoutes *routes, const SpdPolicy *policy, NetlinkRule *rule)
{
  memset (rule, 0, sizeof *rule);
  rule->family = policy->destination.family;
  rule->priority = routes->priority + RULE_HOSTS;
  rule->table = routes->table + 2;
  rule->is_local = TRUE;
  rule->protocol = policy->destination.protocol;
  rule->peer.family = policy->destination.family;
  memcpy (rule->peer.bytes, policy->destination.first, 16);
  rule->peer_len = policy->destination.family == 4 ? 32 : 128;
  say_ports (policy, rule);
}

static HostRule *
find_rule (TunRoutes *routes, const NetlinkRule *wanted)
{
  for (guint i = 0; i < routes->rules->len; i++) {
    HostRule *rule = g_ptr_array_index (routes->rules, i);
    if (memcmp (&rule->rule, wanted, sizeof *wanted) == 0)
      return rule;
  }
  return NULL;
}

static gboolean
want_rule (TunRoutes *routes, const NetlinkRule *wanted, GError **error)
{
  HostRule *rule = find_rule (routes, wanted);
  if (rule) {
    rule->n_users++;
    return TRUE;
  }
  if (!netlink_rule (&routes->netlink, TRUE, wanted, error))
    return FALSE;
  rule = g_new0 (HostRule, 1);
  memcpy (&rule->rule, wanted, sizeof *wanted);
  rule->n_users = 1;
  g_ptr_array_add (routes->rules, rule);
  return TRUE;
}

static void
drop_rule (TunRoutes *routes, const NetlinkRule *wanted)
{
  HostRule *rule = find_rule (routes, wanted);
  if (!rule || --rule->n_users > 0)
    return;
  netlink_rule (&routes->netlink, FALSE, wanted, NULL);
  g_ptr_array_remove (routes->rules, rule);
}

/* The route first: a rule that leads nowhere falls through to the main table, in the clear. */
static gboolean
add_hosts (TunRoutes *routes, const SpdPolicy *policy, const NetlinkRoute *route, GError **error)
{
  NetlinkRule rule;
  hosts_rule (routes, policy, &rule);
  if (!want_route (routes, route, error))
    return FALSE;
  if (want_rule (routes, &rule, error))
    return TRUE;
  drop_route (routes, route);
  return FALSE;
}

static void
remove_hosts (TunRoutes *routes, const SpdPolicy *policy, const NetlinkRoute *route)
{
  NetlinkRule rule;
  hosts_rule (routes, policy, &rule);
  drop_rule (routes, &rule);
  drop_route (routes, route);
}

/* -- PASS */

static void
pass_rule (const TunRoutes *routes, const SpdPolicy *policy, const NetlinkRoute *from,
           const NetlinkRoute *to, NetlinkRule *rule)
{
  memset (rule, 0, sizeof *rule);
  rule->family = policy->destination.family;
  rule->priority = routes->priority + RULE_PASS;
  rule->table = RT_TABLE_MAIN;
  rule->protocol =
      policy->destination.protocol ? policy->destination.protocol : policy->source.protocol;
  if (from->prefix_len) {
    rule->source = from->net;
    rule->source_len = from->prefix_len;
  }
  if (to->prefix_len) {
    rule->peer = to->net;
    rule->peer_len = to->prefix_len;
  }
  say_ports (policy, rule);
}

/* The first @n rules of @policy are wanted, or no longer; how many there are, or were wanted. */
static guint
change_pass (TunRoutes *routes, const SpdPolicy *policy, gboolean add, guint n, GError **error)
{
  NetlinkRoute from[PREFIXES_MAX], to[PREFIXES_MAX];
  guint n_from = to_prefixes (&policy->source, from), n_to = to_prefixes (&policy->destination, to);
  NetlinkRule rule;
  n = n_from * n_to <= PREFIXES_MAX ? MIN (n, n_from * n_to) : 0;
  for (guint i = 0; i < n; i++) {
    pass_rule (routes, policy, &from[i / n_to], &to[i % n_to], &rule);
    if (!add)
      drop_rule (routes, &rule);
    else if (!want_rule (routes, &rule, error))
      return i;
  }
  return n;
}

static gboolean
add_pass (TunRoutes *routes, const SpdPolicy *policy, GError **error)
{
  GError *why = NULL;
  guint n;
  if (!need_rules (routes, policy->destination.family, error))
    return FALSE;
  n = change_pass (routes, policy, TRUE, G_MAXUINT, &why);
  if (n && !why)
    return TRUE;
  change_pass (routes, policy, FALSE, n, NULL);
  if (why)
    g_propagate_error (error, why);
  else
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "the ranges take more than %u rules; narrow local_ts or remote_ts to subnets",
                 (guint) PREFIXES_MAX);
  return FALSE;
}

gboolean
tun_routes_add (TunRoutes *routes, const SpdPolicy *policy, GError **error)
{
  NetlinkRoute wanted[PREFIXES_MAX];
  IkeAddr source = { 0 };
  guint n;
  if (policy->mode == IKE_MODE_PASS)
    return add_pass (routes, policy, error);
  tun_addresses_within (routes->kernel->addresses, &policy->source, &source);
  n = wanted_routes (routes, policy, &source, wanted);
  if (policy->mode == IKE_MODE_TRANSPORT)
    return add_hosts (routes, policy, &wanted[0], error);
  if (n == 0) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "the remote range takes more than %u routes; narrow remote_ts to subnets",
                 (guint) PREFIXES_MAX);
    return FALSE;
  }
  for (guint i = 0; i < n; i++) {
    if (want_route (routes, &wanted[i], error))
      continue;
    while (i-- > 0)
      drop_route (routes, &wanted[i]);
    return FALSE;
  }
  return TRUE;
}

void
tun_routes_remove (TunRoutes *routes, const SpdPolicy *policy)
{
  NetlinkRoute wanted[PREFIXES_MAX];
  IkeAddr any = { 0 };
  guint n;
  if (policy->mode == IKE_MODE_PASS) {
    change_pass (routes, policy, FALSE, G_MAXUINT, NULL);
    return;
  }
  n = wanted_routes (routes, policy, &any, wanted);
  if (policy->mode == IKE_MODE_TRANSPORT) {
    remove_hosts (routes, policy, &wanted[0]);
    return;
  }
  for (guint i = 0; i < n; i++)
    drop_route (routes, &wanted[i]);
}
