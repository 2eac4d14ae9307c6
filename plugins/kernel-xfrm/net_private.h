/* SPDX-License-Identifier: Apache-2.0 */
/* net_private.h - `kernel:net`: addresses, links, routes and rules of this machine, in a network
 * namespace of choice.
 *
 * A Net belongs to the plugin's loop, and is changed there only.  Links and addresses are kept and
 * follow the kernel's events; routes are asked for, for there may be very many of them.  What we
 * make is counted, and taken away when its last user goes, or when the Net is freed; what a daemon
 * that was killed has left is taken away when the next one starts (NET_PROTOCOL). */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "kernel_xfrm.h"
#include "net_message.h"
#include "netlink.h"

typedef struct {
  gboolean    installs_routes;
  guint32     table, priority;                /* table 0: the main one, and no rule */
  const char *namespace;                      /* NULL: the daemon's */
  guint16     port;                           /* that IKE packets come from; 0: not known */
} NetOptions;

typedef struct {
  Netlink   *requests, *events;
  gboolean   is_ready;                        /* links and addresses are known, old things are gone */
  gboolean   is_stale;                        /* changed while they were listed */
  gboolean   is_listing;
  GHashTable *new_links;                      /* of a listing */
  GArray    *new_addresses;
  /* Any thread may ask for addresses and links and must be answered at once, so it cannot be a
   * job: the lock is between those who ask and the loop, which alone changes them. */
  pthread_mutex_t lock;
  GHashTable *links;                          /* index → NetLinkInfo */
  GArray    *addresses;                       /* NetAddressInfo */
} NetCache;

struct _Net {
  IkePlugin  *plugin;
  IkeEngine  *engine;
  IkeLoop    *loop;
  NetCache    cache;
  NetOptions  options;
  char       *namespace;
  /* Between those who post and the control thread that ends the loop: a job cannot say that there
   * are no more jobs. */
  pthread_rwlock_t lock;
  atomic_bool is_stopping;
  gboolean    is_running;                     /* one of @waiting */
  int         last_fd;                        /* for what is taken away when the loop is gone; -1: nothing is */
  GQueue      waiting;                        /* NetJob: until the cache is ready */
  GHashTable *vips;                           /* themselves (net_address.c) */
  GHashTable *made;                           /* if_id → Made (net_link.c) */
  GHashTable *routes, *paths;                 /* themselves (net_route.c, net_path.c) */
  gboolean    has_rule[2];                    /* IPv4, IPv6 */
  IkeTimer   *settle;                         /* paths are looked at again */
  gboolean    must_renew;                     /* routes, too */
  GArray     *old_routes, *old_rules;         /* while an earlier process is swept away */
};

typedef void (*NetEach) (Net *net, const struct nlmsghdr *message);

/* -- net.c: control.  net_new() opens sockets; net_new_with() takes those that a test made (without
 * a listener: it calls net_listener itself). */
Net     *net_new   (KernelXfrm *kernel, const NetOptions *options, GError **error);
Net     *net_new_with (KernelXfrm *kernel, const NetOptions *options, Netlink *requests);
void     net_start (Net *net);
/* Nothing is posted from now on; then the loop is freed, then the Net. */
void     net_stop  (Net *net);
void     net_free  (Net *net);
/* Any thread; @data is freed without being run when the loop ends. */
void     net_post  (Net *net, IkeFunc run, gpointer data_take, GDestroyNotify free_data);
/* On the loop: runs @run (@data) as soon as the cache is ready. */
void     net_when_ready (Net *net, IkeFunc run, gpointer data_take, GDestroyNotify free_data);
void     net_is_ready (Net *net);
/* As netlink_ask() and netlink_dump(); @done is never called before they return, unless the plugin
 * stops. */
void     net_ask  (Net *net, const struct nlmsghdr *message, NetlinkDone done, gpointer data);
void     net_dump (Net *net, const struct nlmsghdr *message, NetlinkEach each, NetlinkDone done, gpointer data);
extern const NetlinkListener net_listener;
extern const guint net_groups[];
extern const IkeKernelNetClass net_class;

/* -- net_cache.c */
void     net_cache_init    (NetCache *cache);
void     net_cache_clear   (NetCache *cache);
void     net_cache_refresh (Net *net);
void     net_cache_event   (Net *net, const struct nlmsghdr *message);
void     net_cache_lost    (Net *net);
void     net_cache_drop_ours (Net *net);      /* what an earlier process left: asks the kernel to remove it */
void     net_cache_add     (Net *net, const NetAddressInfo *address);
void     net_cache_add_link (Net *net, const NetLinkInfo *link);
gboolean net_is_local      (Net *net, const IkeAddr *addr);
guint    net_addresses     (Net *net, IkeKernelAddress *out, guint max);
/* FALSE: there is none. */
gboolean net_find_link     (Net *net, const char *name, NetLinkInfo *out);
gboolean net_find_index    (Net *net, guint32 index, NetLinkInfo *out);
gboolean net_find_if_id    (Net *net, guint32 if_id, NetLinkInfo *out);
gboolean net_find_address  (Net *net, const IkeAddr *addr, NetAddressInfo *out);
/* An address within the selector that packets may come from; @best when it is one. */
gboolean net_find_within   (Net *net, const IkeSelector *selector, const IkeAddr *best, IkeAddr *out);
/* One to talk to @peer from, on the link. */
gboolean net_find_source   (Net *net, guint32 interface, const IkeAddr *peer, IkeAddr *out);

/* -- net_address.c: addresses that peers gave us */
void     net_add_address    (Net *net, IkeCall *call, const IkeAddr *addr, guint prefix_len, const char *interface);
void     net_remove_address (Net *net, IkeCall *call, const IkeAddr *addr, const char *interface);
void     net_vip_free (gpointer vip);
guint    net_vip_hash (gconstpointer vip);
gboolean net_vip_equal (gconstpointer a, gconstpointer b);
void     net_vip_sweep (Net *net, NetEach each);

/* -- net_lookup.c: the way to a peer, past what we made ourselves */
typedef struct {
  IkeAddr peer, source, gateway;
  guint32 interface, mtu;
} NetWay;
/* @way NULL: there is none, and @error says why.  Maybe before net_lookup() returns. */
typedef void (*NetWayFound) (gpointer data, const NetWay *way, const char *error);
void     net_lookup (Net *net, const IkeAddr *peer, NetWayFound found, gpointer data);
/* The device of the default route, 0: there is none. */
void     net_lookup_default (Net *net, guint8 family, NetWayFound found, gpointer data);

/* -- net_route.c: routes of ours, each with those who want it, and the rule of our table */
/* What stands in the kernel is what was wanted last. @owner tells the wants apart. */
void     net_route_want   (Net *net, gconstpointer owner, const NetRouteInfo *wanted, IkeCall *call_or_null);
void     net_route_unwant (Net *net, gconstpointer owner, const NetRouteInfo *wanted);
void     net_route_sweep  (Net *net, NetEach each);   /* the rule, too */
void     net_routes_renew (Net *net);         /* puts back what the kernel may have dropped */
void     net_route_free   (gpointer route);
guint    net_route_hash   (gconstpointer route);
gboolean net_route_equal  (gconstpointer a, gconstpointer b);
gboolean net_route_is_ours (const Net *net, const NetRouteInfo *route);
guint32  net_route_table  (const Net *net);
enum { NET_PREFIXES_MAX = 64 };
/* The range of @selector as prefixes in @out; more than NET_PREFIXES_MAX: there are too many. */
guint    net_prefixes (const IkeSelector *selector, NetRouteInfo out[static NET_PREFIXES_MAX]);

/* -- net_link.c: XFRM interfaces */
typedef struct {
  guint32  if_id;
  char     name[IFNAMSIZ], master[IFNAMSIZ];  /* master "": none */
} NetLinkWant;
void     net_link_take (Net *net, const NetLinkWant *want, NetDone done, gpointer data);
void     net_link_drop (Net *net, guint32 if_id);
/* Of an interface that is made for @if_id: its index, and the table for routes into it (0: ours). */
gboolean net_link_of   (Net *net, guint32 if_id, guint32 *index, guint32 *table);
gboolean net_link_is_made (Net *net, guint32 index);
gboolean net_link_is_wanted (Net *net, guint32 if_id, const char *name);
void     net_made_free (gpointer made);
void     net_link_sweep (Net *net, NetEach each);

/* -- net_path.c: routes of policies */
typedef struct {
  IkeSelector source, destination;
  IkeAddr     outer_source, outer_destination;
  guint32     reqid, if_id;                   /* if_id: with an interface of ours, else 0 */
  gboolean    is_pass;
} NetPathWant;
/* FALSE: the policy needs no route. */
gboolean net_path_of   (const IkeKernelPolicy *policy, NetPathWant *out);
void     net_path_take (Net *net, const NetPathWant *want, NetDone done, gpointer data);
void     net_path_drop (Net *net, const NetPathWant *want);
void     net_path_moved (Net *net, const IkeKernelSa *old, const IkeKernelSa *new_);
/* Soon.  @renews: the kernel may have dropped routes, which it does not say when a link or an
 * address goes. */
void     net_paths_look_again (Net *net, gboolean renews);
void     net_path_free (gpointer path);
guint    net_path_hash (gconstpointer path);
gboolean net_path_equal (gconstpointer a, gconstpointer b);

/* -- net_sweep.c */
/* Takes away what a killed daemon left, then net_is_ready(). */
void     net_sweep_start (Net *net);
/* Takes away all that is left of ours; control, on last_fd. */
void     net_sweep_end   (Net *net);

/* -- net_socket.c */
/* A netlink socket in the network namespace @name (a path when it has a slash), or ours when that
 * is NULL; -1 with @error. */
int      net_socket (const char *name, int bus, GError **error);
