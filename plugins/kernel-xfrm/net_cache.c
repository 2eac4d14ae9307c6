/* SPDX-License-Identifier: Apache-2.0 */
/* net_cache.c - links and addresses as the kernel last told, and its events. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include "net_private.h"

void
net_cache_init (NetCache *cache)
{
  pthread_mutex_init (&cache->lock, NULL);
  cache->links = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  cache->addresses = g_array_new (FALSE, FALSE, sizeof (NetAddressInfo));
}

void
net_cache_clear (NetCache *cache)
{
  pthread_mutex_destroy (&cache->lock);
  g_hash_table_unref (cache->links);
  g_array_unref (cache->addresses);
  g_clear_pointer (&cache->new_links, g_hash_table_unref);
  g_clear_pointer (&cache->new_addresses, g_array_unref);
}

/* -- changes */

static void
put_link (GHashTable *links, const NetLinkInfo *link)
{
  g_hash_table_replace (links, GUINT_TO_POINTER (link->index), g_memdup2 (link, sizeof *link));
}

static guint
find_place (const GArray *addresses, const NetAddressInfo *address)
{
  guint i;
  for (i = 0; i < addresses->len; i++) {
    const NetAddressInfo *other = &g_array_index (addresses, NetAddressInfo, i);
    if (other->interface == address->interface && other->prefix_len == address->prefix_len
        && ike_addr_same_host (&other->addr, &address->addr))
      break;
  }
  return i;
}

static void
put_address (GArray *addresses, const NetAddressInfo *address)
{
  guint at = find_place (addresses, address);
  if (at < addresses->len)
    g_array_index (addresses, NetAddressInfo, at) = *address;
  else
    g_array_append_vals (addresses, address, 1);
}

void
net_cache_add (Net *net, const NetAddressInfo *address)
{
  pthread_mutex_lock (&net->cache.lock);
  put_address (net->cache.addresses, address);
  pthread_mutex_unlock (&net->cache.lock);
}

void
net_cache_add_link (Net *net, const NetLinkInfo *link)
{
  pthread_mutex_lock (&net->cache.lock);
  put_link (net->cache.links, link);
  pthread_mutex_unlock (&net->cache.lock);
}

static void
swept (gpointer data, const NetlinkAnswer *answer)
{
  Net *net = data;
  if (answer->error && answer->error != ENODEV && answer->error != EADDRNOTAVAIL
      && answer->error != ECANCELED)
    ike_log (net->engine, IKE_LOG_ERROR, "kernel-xfrm",
             "cannot remove what an earlier process left: %s", answer->reason);
}

static gboolean
drop_link (gpointer index, gpointer value, gpointer data)
{
  const NetLinkInfo *link = value;
  guint8 buffer[NET_MESSAGE_SIZE];
  if (link->is_ours)
    net_ask (data, net_write_link_delete (buffer, link->index), swept, data);
  return link->is_ours;
}

void
net_cache_drop_ours (Net *net)
{
  GArray *addresses = net->cache.addresses;
  guint8 buffer[NET_MESSAGE_SIZE];
  pthread_mutex_lock (&net->cache.lock);
  g_hash_table_foreach_remove (net->cache.links, drop_link, net);
  for (guint i = addresses->len; i > 0; i--) {
    const NetAddressInfo *address = &g_array_index (addresses, NetAddressInfo, i - 1);
    if (address->protocol != NET_PROTOCOL)
      continue;
    net_ask (net, net_write_address (buffer, FALSE, address), swept, net);
    g_array_remove_index (addresses, i - 1);
  }
  pthread_mutex_unlock (&net->cache.lock);
}

/* -- listing */

static void
each_link (gpointer data, const struct nlmsghdr *message)
{
  Net *net = data;
  NetLinkInfo link;
  if (net_read_link (message, &link))
    put_link (net->cache.new_links, &link);
}

static void
each_address (gpointer data, const struct nlmsghdr *message)
{
  Net *net = data;
  NetAddressInfo address;
  if (net_read_address (message, &address))
    put_address (net->cache.new_addresses, &address);
}

static void
complain (Net *net, const char *what, const NetlinkAnswer *answer)
{
  ike_log (net->engine, IKE_LOG_ERROR, "kernel-xfrm", "cannot list the %s of this machine: %s",
           what, answer->reason);
}

static void
links_done (gpointer data, const NetlinkAnswer *answer)
{
  Net *net = data;
  if (answer->error && answer->error != ECANCELED)
    complain (net, "links", answer);
}

/* An event that comes during a listing may be older or newer than what is listed: then it is
 * listed again. */
static void
addresses_done (gpointer data, const NetlinkAnswer *answer)
{
  Net *net = data;
  NetCache *cache = &net->cache;
  GHashTable *links = g_steal_pointer (&cache->new_links);
  GArray *addresses = g_steal_pointer (&cache->new_addresses);
  cache->is_listing = FALSE;
  if (answer->error == ECANCELED) {
    g_hash_table_unref (links);
    g_array_unref (addresses);
    return;
  }
  if (answer->error)
    complain (net, "addresses", answer);
  pthread_mutex_lock (&cache->lock);
  g_hash_table_unref (cache->links);
  g_array_unref (cache->addresses);
  cache->links = links;
  cache->addresses = addresses;
  pthread_mutex_unlock (&cache->lock);
  if (cache->is_stale)
    net_cache_refresh (net);
  else if (!cache->is_ready)
    net_sweep_start (net);
}

void
net_cache_refresh (Net *net)
{
  NetCache *cache = &net->cache;
  guint8 buffer[NET_MESSAGE_SIZE];
  cache->is_stale = cache->is_listing;
  if (cache->is_listing)
    return;
  cache->is_listing = TRUE;
  cache->new_links = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  cache->new_addresses = g_array_new (FALSE, FALSE, sizeof (NetAddressInfo));
  net_dump (net, net_write_dump (buffer, RTM_GETLINK, 0), each_link, links_done, net);
  net_dump (net, net_write_dump (buffer, RTM_GETADDR, 0), each_address,
                addresses_done, net);
}

/* -- events */

static void
tell (Net *net, IkeKernelChange what, gboolean is_added, const IkeAddr *addr, guint prefix_len,
      guint32 interface)
{
  IkeKernelNetEvent event = { .struct_size = sizeof event,
                              .what = (guint8) what,
                              .is_added = is_added,
                              .prefix_len = prefix_len };
  NetLinkInfo link;
  if (addr)
    event.addr = *addr;
  if (interface && net_find_index (net, interface, &link))
    event.interface = link.name;
  ike_kernel_net_changed (net->plugin, &event);
}

/* Ours are nobody's news, and lead to no peer.  One that is being made does not say yet whose it
 * is. */
static gboolean
is_our_link (Net *net, const NetLinkInfo *link)
{
  return link->is_ours
         || (link->kind == NET_KIND_XFRM && net_link_is_wanted (net, link->if_id, link->name));
}

static void
link_event (Net *net, gboolean is_new, const NetLinkInfo *link)
{
  NetLinkInfo before = { 0 };
  gboolean was_there = net_find_index (net, link->index, &before);
  gboolean is_up = is_new && (link->flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
  gboolean was_up = (before.flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
  gboolean is_ours = before.is_ours || is_our_link (net, link);
  net->cache.is_stale |= net->cache.is_listing;
  if (is_new) {
    NetLinkInfo now = *link;
    now.is_ours = is_ours;
    net_cache_add_link (net, &now);
  }
  if (!is_ours && (!was_there || is_up != was_up))
    tell (net, IKE_CHANGE_LINK, is_up, NULL, 0, link->index);
  if (!is_new) {
    pthread_mutex_lock (&net->cache.lock);
    g_hash_table_remove (net->cache.links, GUINT_TO_POINTER (link->index));
    pthread_mutex_unlock (&net->cache.lock);
  }
  if (!is_ours && (!was_there || is_up != was_up))
    net_paths_look_again (net, TRUE);
}

static void
address_event (Net *net, gboolean is_new, const NetAddressInfo *address)
{
  GArray *addresses = net->cache.addresses;
  guint at = find_place (addresses, address);
  gboolean was_there = at < addresses->len;
  /* Till nobody else turned out to have it, nothing comes from it. */
  gboolean is_ripe = was_there && is_new && !(address->flags & IFA_F_TENTATIVE)
                     && g_array_index (addresses, NetAddressInfo, at).flags & IFA_F_TENTATIVE;
  net->cache.is_stale |= net->cache.is_listing;
  pthread_mutex_lock (&net->cache.lock);
  if (is_new)
    put_address (addresses, address);
  else if (was_there)
    g_array_remove_index (addresses, at);
  pthread_mutex_unlock (&net->cache.lock);
  /* The life of an address is told again and again; one of ours is in the cache already. */
  if ((was_there == is_new && !is_ripe && address->protocol != NET_PROTOCOL)
      || net_link_is_made (net, address->interface))
    return;
  if (address->protocol != NET_PROTOCOL)
    tell (net, IKE_CHANGE_ADDRESS, is_new, &address->addr, address->prefix_len,
          address->interface);
  net_paths_look_again (net, TRUE);
}

/* The table `local` repeats what addresses say. */
static void
route_event (Net *net, gboolean is_new, const NetRouteInfo *route)
{
  if (route->is_cloned || route->table == RT_TABLE_LOCAL || net_route_is_ours (net, route)
      || net_link_is_made (net, route->interface))
    return;
  tell (net, IKE_CHANGE_ROUTE, is_new, &route->net, route->prefix_len, route->interface);
  net_paths_look_again (net, FALSE);
}

void
net_cache_event (Net *net, const struct nlmsghdr *message)
{
  NetLinkInfo link;
  NetAddressInfo address;
  NetRouteInfo route;
  if (net_read_link (message, &link))
    link_event (net, message->nlmsg_type == RTM_NEWLINK, &link);
  else if (net_read_address (message, &address))
    address_event (net, message->nlmsg_type == RTM_NEWADDR, &address);
  else if (net_read_route (message, &route))
    route_event (net, message->nlmsg_type == RTM_NEWROUTE, &route);
}

void
net_cache_lost (Net *net)
{
  IkeKernelNetEvent event = { .struct_size = sizeof event, .what = IKE_CHANGE_LOST };
  net_cache_refresh (net);
  net_paths_look_again (net, TRUE);
  ike_kernel_net_changed (net->plugin, &event);
}

/* -- questions */

gboolean
net_is_local (Net *net, const IkeAddr *addr)
{
  NetAddressInfo found;
  return net_find_address (net, addr, &found);
}

gboolean
net_find_address (Net *net, const IkeAddr *addr, NetAddressInfo *out)
{
  gboolean is_found = FALSE;
  pthread_mutex_lock (&net->cache.lock);
  for (guint i = 0; i < net->cache.addresses->len && !is_found; i++) {
    const NetAddressInfo *own = &g_array_index (net->cache.addresses, NetAddressInfo, i);
    is_found = own->addr.family == addr->family
               && memcmp (own->addr.bytes, addr->bytes, sizeof addr->bytes) == 0
               && (!addr->scope || own->addr.scope == addr->scope);
    if (is_found)
      *out = *own;
  }
  pthread_mutex_unlock (&net->cache.lock);
  return is_found;
}

gboolean
net_find_index (Net *net, guint32 index, NetLinkInfo *out)
{
  const NetLinkInfo *link;
  pthread_mutex_lock (&net->cache.lock);
  link = g_hash_table_lookup (net->cache.links, GUINT_TO_POINTER (index));
  if (link)
    *out = *link;
  pthread_mutex_unlock (&net->cache.lock);
  return link != NULL;
}

static gboolean
find_link (Net *net, const char *name, guint32 if_id, NetLinkInfo *out)
{
  GHashTableIter iter;
  gpointer value;
  gboolean is_found = FALSE;
  pthread_mutex_lock (&net->cache.lock);
  g_hash_table_iter_init (&iter, net->cache.links);
  while (!is_found && g_hash_table_iter_next (&iter, NULL, &value)) {
    const NetLinkInfo *link = value;
    is_found = name ? strcmp (link->name, name) == 0
                    : link->kind == NET_KIND_XFRM && link->if_id == if_id;
    if (is_found)
      *out = *link;
  }
  pthread_mutex_unlock (&net->cache.lock);
  return is_found;
}

gboolean
net_find_link (Net *net, const char *name, NetLinkInfo *out)
{
  return find_link (net, name, 0, out);
}

gboolean
net_find_if_id (Net *net, guint32 if_id, NetLinkInfo *out)
{
  return find_link (net, NULL, if_id, out);
}

/* Neither of loopback nor of one link only, and not on its way out. */
static gboolean
is_source (const NetAddressInfo *address)
{
  return address->scope == RT_SCOPE_UNIVERSE || address->scope == RT_SCOPE_SITE;
}

guint
net_addresses (Net *net, IkeKernelAddress *out, guint max)
{
  guint n = 0;
  pthread_mutex_lock (&net->cache.lock);
  for (guint i = 0; i < net->cache.addresses->len && n < max; i++) {
    const NetAddressInfo *own = &g_array_index (net->cache.addresses, NetAddressInfo, i);
    const NetLinkInfo *link =
        g_hash_table_lookup (net->cache.links, GUINT_TO_POINTER (own->interface));
    if (!is_source (own) || own->protocol == NET_PROTOCOL || !link || link->is_ours
        || !(link->flags & IFF_UP)
        || own->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED))
      continue;
    out[n] = (IkeKernelAddress){ .addr = own->addr };
    out[n].addr.scope = 0;
    g_strlcpy (out[n++].interface, link->name, sizeof out->interface);
  }
  pthread_mutex_unlock (&net->cache.lock);
  return n;
}

static gboolean
is_within (const IkeSelector *selector, const IkeAddr *addr)
{
  gsize len = ike_addr_len (addr);
  return addr->family == selector->family && memcmp (addr->bytes, selector->first, len) >= 0
         && memcmp (addr->bytes, selector->last, len) <= 0;
}

gboolean
net_find_within (Net *net, const IkeSelector *selector, const IkeAddr *best, IkeAddr *out)
{
  gboolean is_found = FALSE;
  if (is_within (selector, best) && net_is_local (net, best)) {
    *out = *best;
    return TRUE;
  }
  pthread_mutex_lock (&net->cache.lock);
  for (guint i = 0; i < net->cache.addresses->len; i++) {
    const NetAddressInfo *own = &g_array_index (net->cache.addresses, NetAddressInfo, i);
    /* What a peer gave us is meant for its tunnel, and newer is better. */
    gboolean is_given = own->protocol == NET_PROTOCOL;
    if (!is_source (own) || !is_within (selector, &own->addr) || (is_found && !is_given))
      continue;
    *out = own->addr;
    is_found = TRUE;
  }
  pthread_mutex_unlock (&net->cache.lock);
  out->scope = 0;
  return is_found;
}

gboolean
net_find_source (Net *net, guint32 interface, const IkeAddr *peer, IkeAddr *out)
{
  guint best = 0;
  pthread_mutex_lock (&net->cache.lock);
  for (guint i = 0; i < net->cache.addresses->len; i++) {
    const NetAddressInfo *own = &g_array_index (net->cache.addresses, NetAddressInfo, i);
    guint value = own->addr.family != peer->family || own->protocol == NET_PROTOCOL ? 0
                  : own->interface != interface ? is_source (own)
                  : ike_addr_in_prefix (peer, &own->addr, own->prefix_len) ? 4
                  : is_source (own)                                        ? 3
                                                                           : 2;
    if (value <= best)
      continue;
    best = value;
    *out = own->addr;
  }
  pthread_mutex_unlock (&net->cache.lock);
  return best > 0;
}

guint32
net_interface (Net *net, const char *name)
{
  NetLinkInfo link;
  return net_find_link (net, name, &link) ? link.index : 0;
}

guint32
net_interface_of (Net *net, const IkeAddr *addr)
{
  NetAddressInfo address;
  return net_find_address (net, addr, &address) ? address.interface : 0;
}
