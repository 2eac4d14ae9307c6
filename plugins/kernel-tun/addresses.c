/* SPDX-License-Identifier: Apache-2.0 */
/* addresses.c - `kernel:net`: addresses and routes of this machine, asked and changed on the
 * administration loop. */
#include "config.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <linux/rtnetlink.h>
#include "kernel_tun.h"

struct _TunAddresses {
  TunKernel *kernel;
  Netlink netlink;
  int monitor;
  IkeWatch *watch;
  /* is_local() must answer at once on any thread, so it cannot be a job: the lock is between
   * those who ask and the administration loop that swaps the list. */
  pthread_mutex_t lock;
  GArray *list; /* NetlinkAddress */
};

static TunKernel *
kernel_of (IkePlugin *plugin)
{
  return ike_plugin_state (plugin);
}

static void
refresh (TunAddresses *addresses)
{
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (NetlinkAddress));
  g_autoptr (GError) error = NULL;
  GArray *old;
  if (!netlink_addresses (&addresses->netlink, list, &error)) {
    ike_log (addresses->kernel->engine, IKE_LOG_ERROR, "kernel-tun", "%s", error->message);
    return;
  }
  pthread_mutex_lock (&addresses->lock);
  old = addresses->list;
  addresses->list = g_steal_pointer (&list);
  pthread_mutex_unlock (&addresses->lock);
  list = old;
}

static void
monitor_ready (int fd, guint32 events, gpointer data)
{
  TunAddresses *addresses = data;
  TunKernel *kernel = addresses->kernel;
  IkeKernelNetEvent event = { .struct_size = sizeof event };
  guint32 changes = netlink_changes (fd, kernel->device.interface);
  /* Ours, too, are local. */
  if (changes != 1 << IKE_CHANGE_ROUTE)
    refresh (addresses);
  for (; event.what <= IKE_CHANGE_LOST; event.what++)
    if (changes >> event.what & 1)
      ike_kernel_net_changed (kernel->plugin, &event);
}

TunAddresses *
tun_addresses_new (TunKernel *kernel, GError **error)
{
  TunAddresses *addresses = g_new0 (TunAddresses, 1);
  addresses->kernel = kernel;
  addresses->monitor = netlink_watch ();
  addresses->list = g_array_new (FALSE, FALSE, sizeof (NetlinkAddress));
  pthread_mutex_init (&addresses->lock, NULL);
  if (!netlink_open (&addresses->netlink, error)) {
    tun_addresses_free (addresses);
    return NULL;
  }
  refresh (addresses);
  if (addresses->monitor >= 0)
    addresses->watch =
        ike_loop_watch (kernel->admin_loop, addresses->monitor, EPOLLIN, monitor_ready, addresses);
  return addresses;
}

void
tun_addresses_free (TunAddresses *addresses)
{
  if (!addresses)
    return;
  netlink_close (&addresses->netlink);
  if (addresses->monitor >= 0)
    close (addresses->monitor);
  pthread_mutex_destroy (&addresses->lock);
  g_array_unref (addresses->list);
  g_free (addresses);
}

static gboolean
find_within (TunAddresses *addresses, const IkeSelector *selector, IkeAddr *addr)
{
  gboolean is_found = FALSE;
  gsize len = selector->family == 4 ? 4 : 16;
  pthread_mutex_lock (&addresses->lock);
  for (guint i = 0; i < addresses->list->len && !is_found; i++) {
    const IkeAddr *own = &g_array_index (addresses->list, NetlinkAddress, i).addr;
    /* Loopback addresses are no source for what leaves the machine. */
    gboolean is_loopback = own->family == 4 ? own->bytes[0] == 127 : own->bytes[0] == 0;
    is_found = own->family == selector->family && !is_loopback
               && memcmp (own->bytes, selector->first, len) >= 0
               && memcmp (own->bytes, selector->last, len) <= 0;
    if (is_found)
      *addr = *own;
  }
  pthread_mutex_unlock (&addresses->lock);
  return is_found;
}

/* Another plugin may have added one just now; of IPv6 addresses Linux tells some time after it
 * has them. */
gboolean
tun_addresses_within (TunAddresses *addresses, const IkeSelector *selector, IkeAddr *addr)
{
  if (find_within (addresses, selector, addr))
    return TRUE;
  refresh (addresses);
  return find_within (addresses, selector, addr);
}

static gboolean
is_local (IkePlugin *self, const IkeAddr *addr)
{
  TunAddresses *addresses = kernel_of (self)->addresses;
  gboolean is_found = FALSE;
  pthread_mutex_lock (&addresses->lock);
  for (guint i = 0; i < addresses->list->len && !is_found; i++)
    is_found = ike_addr_same_host (&g_array_index (addresses->list, NetlinkAddress, i).addr, addr);
  pthread_mutex_unlock (&addresses->lock);
  return is_found;
}

/* What a peer gave us is on our device. */
static gboolean
is_for_peers (const TunKernel *kernel, const NetlinkAddress *own)
{
  static const guint unfit = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED;
  return (own->scope == RT_SCOPE_UNIVERSE || own->scope == RT_SCOPE_SITE)
         && own->interface != kernel->device.interface && !(own->flags & unfit);
}

static guint
list_addresses (IkePlugin *self, IkeKernelAddress *out, guint max)
{
  TunKernel *kernel = kernel_of (self);
  TunAddresses *addresses = kernel->addresses;
  guint n = 0;
  pthread_mutex_lock (&addresses->lock);
  for (guint i = 0; i < addresses->list->len && n < max; i++) {
    const NetlinkAddress *own = &g_array_index (addresses->list, NetlinkAddress, i);
    char name[IF_NAMESIZE] = "";
    if (!is_for_peers (kernel, own))
      continue;
    out[n] = (IkeKernelAddress){ .addr = own->addr };
    if (if_indextoname (own->interface, name))
      g_strlcpy (out[n].interface, name, sizeof out[n].interface);
    n++;
  }
  pthread_mutex_unlock (&addresses->lock);
  return n;
}

/* -- questions */

typedef enum {
  ASK_ADD_ADDRESS,
  ASK_REMOVE_ADDRESS,
  ASK_ADD_ROUTE,
  ASK_REMOVE_ROUTE,
  ASK_SOURCE,
  ASK_WAY
} AskKind;

typedef struct {
  TunKernel *kernel;
  /* NULL when nobody wants to know, or it was answered */
  IkeCall *call;
  AskKind kind;
  IkeAddr addr, source;
  guint prefix_len;
  char interface[IFNAMSIZ];
} Ask;

static void
answer (Ask *ask, gpointer result, const GError *error)
{
  IkeCall *call = g_steal_pointer (&ask->call);
  if (error)
    ike_log (ask->kernel->engine, call ? IKE_LOG_INFO : IKE_LOG_NOTICE, "kernel-tun", "%s",
             error->message);
  if (call && error)
    ike_call_fail (call, error->message);
  else if (call)
    ike_call_answer (call, result);
}

static void
free_ask (gpointer data)
{
  Ask *ask = data;
  if (ask->call)
    ike_call_fail (ask->call, "kernel-tun was stopped");
  g_free (ask);
}

static gboolean
find_interface (const Ask *ask, guint32 *interface, GError **error)
{
  *interface = ask->interface[0] ? if_nametoindex (ask->interface) : ask->kernel->device.interface;
  if (!*interface)
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "there is no interface %s", ask->interface);
  return *interface != 0;
}

static gboolean
change_route (Ask *ask, guint32 interface, GError **error)
{
  NetlinkRoute route = { .net = ask->addr,
                         .prefix_len = (guint8) ask->prefix_len,
                         .type = RTN_UNICAST,
                         .table = RT_TABLE_MAIN,
                         .interface = interface,
                         .source = ask->source };
  return netlink_route (&ask->kernel->addresses->netlink, ask->kind == ASK_ADD_ROUTE, &route,
                        error);
}

static void
run_change (Ask *ask)
{
  TunAddresses *addresses = ask->kernel->addresses;
  g_autoptr (GError) error = NULL;
  guint32 interface;
  if (find_interface (ask, &interface, &error)) {
    if (ask->kind == ASK_ADD_ROUTE || ask->kind == ASK_REMOVE_ROUTE)
      change_route (ask, interface, &error);
    else if (netlink_address (&addresses->netlink, ask->kind == ASK_ADD_ADDRESS, &ask->addr,
                              ask->prefix_len, interface, &error))
      refresh (addresses);
  }
  answer (ask, GUINT_TO_POINTER (1), error);
}

static gpointer
way_of (const NetlinkPath *path)
{
  IkeKernelRoute *route = g_new0 (IkeKernelRoute, 1);
  char name[IF_NAMESIZE];
  *route = (IkeKernelRoute){
    .struct_size = sizeof *route, .source = path->source, .gateway = path->gateway, .mtu = path->mtu
  };
  if (if_indextoname (path->interface, name))
    g_strlcpy (route->interface, name, sizeof route->interface);
  return route;
}

static void
run_ask (gpointer data)
{
  Ask *ask = data;
  g_autoptr (GError) error = NULL;
  NetlinkPath path;
  if (ask->kind != ASK_SOURCE && ask->kind != ASK_WAY)
    run_change (ask);
  else if (!netlink_path (&ask->kernel->addresses->netlink, &ask->addr, ask->kernel->marked_port,
                          &path, &error))
    answer (ask, NULL, error);
  else if (ask->kind == ASK_WAY)
    answer (ask, way_of (&path), NULL);
  else
    answer (ask, g_memdup2 (&path.source, sizeof path.source), NULL);
}

/* Takes what is set in @wanted; the rest is filled in here. */
static void
post (IkePlugin *self, IkeCall *call, const Ask *wanted, const char *interface)
{
  Ask *ask = g_memdup2 (wanted, sizeof *wanted);
  ask->kernel = kernel_of (self);
  ask->call = call;
  ask->prefix_len = MIN (ask->prefix_len, ike_addr_len (&ask->addr) * 8);
  if (interface)
    g_strlcpy (ask->interface, interface, sizeof ask->interface);
  tun_post (ask->kernel, &ask->kernel->admin_loop, run_ask, ask, free_ask);
}

static void
add_address (IkePlugin *self, IkeCall *call, const IkeAddr *addr, guint prefix_len,
             const char *interface)
{
  Ask ask = { .kind = ASK_ADD_ADDRESS, .addr = *addr, .prefix_len = prefix_len };
  post (self, call, &ask, interface);
}

static void
remove_address (IkePlugin *self, IkeCall *call, const IkeAddr *addr, guint prefix_len,
                const char *interface)
{
  Ask ask = { .kind = ASK_REMOVE_ADDRESS, .addr = *addr, .prefix_len = prefix_len };
  post (self, call, &ask, interface);
}

static void
add_route (IkePlugin *self, IkeCall *call, const IkeAddr *net, guint prefix_len,
           const char *interface, const IkeAddr *source)
{
  Ask ask = { .kind = ASK_ADD_ROUTE, .addr = *net, .prefix_len = prefix_len };
  if (source)
    ask.source = *source;
  post (self, call, &ask, interface);
}

static void
remove_route (IkePlugin *self, IkeCall *call, const IkeAddr *net, guint prefix_len,
              const char *interface)
{
  Ask ask = { .kind = ASK_REMOVE_ROUTE, .addr = *net, .prefix_len = prefix_len };
  post (self, call, &ask, interface);
}

static void
source_for (IkePlugin *self, IkeCall *call, const IkeAddr *peer)
{
  Ask ask = { .kind = ASK_SOURCE, .addr = *peer };
  post (self, call, &ask, NULL);
}

static void
route_to (IkePlugin *self, IkeCall *call, const IkeAddr *peer)
{
  Ask ask = { .kind = ASK_WAY, .addr = *peer };
  post (self, call, &ask, NULL);
}

const IkeKernelNetClass tun_net_class = {
  .struct_size = sizeof (IkeKernelNetClass),
  .add_address = add_address,
  .remove_address = remove_address,
  .add_route = add_route,
  .remove_route = remove_route,
  .source_for = source_for,
  .is_local = is_local,
  .route_to = route_to,
  .addresses = list_addresses,
};
