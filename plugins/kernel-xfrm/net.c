/* SPDX-License-Identifier: Apache-2.0 */
/* net.c - a Net as a whole: its sockets, its beginning and its end. */
#include "config.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/rtnetlink.h>
#include "net_private.h"

const guint net_groups[] = { RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                             RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  0 };

typedef struct {
  IkeFunc        run;
  gpointer       data;
  GDestroyNotify free_data;
} Job;

static void
free_job (gpointer data)
{
  Job *job = data;
  if (job->free_data)
    job->free_data (job->data);
  g_free (job);
}

/* -- asking */

static const NetlinkAnswer stopped = { ECANCELED, "the plugin is stopped", NULL };

void
net_ask (Net *net, const struct nlmsghdr *message, NetlinkDone done, gpointer data)
{
  if (net->is_stopping) {
    done (data, &stopped);
    return;
  }
  netlink_ask (net->cache.requests, message, done, data);
}

void
net_dump (Net *net, const struct nlmsghdr *message, NetlinkEach each, NetlinkDone done,
          gpointer data)
{
  if (net->is_stopping) {
    done (data, &stopped);
    return;
  }
  netlink_dump (net->cache.requests, message, each, done, data);
}

/* -- being ready */

void
net_when_ready (Net *net, IkeFunc run, gpointer data, GDestroyNotify free_data)
{
  Job *job = g_new0 (Job, 1);
  *job = (Job) { run, data, free_data };
  g_queue_push_tail (&net->waiting, job);
  if (net->cache.is_ready)
    net_is_ready (net);
}

/* One after the other also when one of them asks for more. */
void
net_is_ready (Net *net)
{
  gboolean is_inner = net->is_running;
  net->cache.is_ready = TRUE;
  if (is_inner)
    return;
  net->is_running = TRUE;
  netlink_cork (net->cache.requests);
  while (!g_queue_is_empty (&net->waiting)) {
    Job *job = g_queue_pop_head (&net->waiting);
    job->run (job->data);
    free_job (job);
  }
  net->is_running = FALSE;
  netlink_uncork (net->cache.requests);
}

void
net_post (Net *net, IkeFunc run, gpointer data, GDestroyNotify free_data)
{
  pthread_rwlock_rdlock (&net->lock);
  if (!net->is_stopping)
    ike_loop_post (net->loop, run, g_steal_pointer (&data), free_data);
  pthread_rwlock_unlock (&net->lock);
  if (data)
    free_data (data);
}

/* -- events: what they lead to is sent together, and answered when they are all taken */

static void
heard (gpointer data, const struct nlmsghdr *message)
{
  Net *net = data;
  netlink_cork (net->cache.requests);
  net_cache_event (net, message);
  netlink_uncork (net->cache.requests);
}

static void
lost (gpointer data)
{
  Net *net = data;
  netlink_cork (net->cache.requests);
  net_cache_lost (net);
  netlink_uncork (net->cache.requests);
}

const NetlinkListener net_listener = { heard, lost };

/* -- life */

static Net *
make (KernelXfrm *kernel, const NetOptions *options)
{
  Net *net = g_new0 (Net, 1);
  net->plugin = kernel->plugin;
  net->engine = kernel->engine;
  net->loop = kernel->loop;
  net->options = *options;
  net->namespace = g_strdup (options->namespace);
  net->options.namespace = net->namespace;
  net->last_fd = -1;
  net_cache_init (&net->cache);
  g_queue_init (&net->waiting);
  pthread_rwlock_init (&net->lock, NULL);
  net->vips = g_hash_table_new_full (net_vip_hash, net_vip_equal, net_vip_free, NULL);
  net->made = g_hash_table_new_full (NULL, NULL, NULL, net_made_free);
  net->routes = g_hash_table_new_full (net_route_hash, net_route_equal, net_route_free, NULL);
  net->paths = g_hash_table_new_full (net_path_hash, net_path_equal, net_path_free, NULL);
  return net;
}

Net *
net_new_with (KernelXfrm *kernel, const NetOptions *options, Netlink *requests)
{
  Net *net = make (kernel, options);
  net->cache.requests = requests;
  return net;
}

static Netlink *
listen_to (Net *net, int fd, GError **error)
{
  if (netlink_join (fd, net_groups, error))
    return netlink_new (net->loop, fd, NULL, &net_listener, net);
  close (fd);
  return NULL;
}

Net *
net_new (KernelXfrm *kernel, const NetOptions *options, GError **error)
{
  Net *net = make (kernel, options);
  int requests = net_socket (options->namespace, NETLINK_ROUTE, error);
  int events = requests < 0 ? -1 : net_socket (options->namespace, NETLINK_ROUTE, error);
  net->last_fd = events < 0 ? -1 : net_socket (options->namespace, NETLINK_ROUTE, error);
  if (requests >= 0)
    net->cache.requests = netlink_new (net->loop, requests, NULL, NULL, NULL);
  if (events >= 0)
    net->cache.events = listen_to (net, events, error);
  if (net->last_fd >= 0 && net->cache.events)
    return net;
  net_stop (net);
  net_free (net);
  return NULL;
}

static void
start (gpointer data)
{
  Net *net = data;
  netlink_cork (net->cache.requests);
  net_cache_refresh (net);
  netlink_uncork (net->cache.requests);
}

static void
nothing (gpointer data)
{
}

void
net_start (Net *net)
{
  net_post (net, start, net, nothing);
}

void
net_stop (Net *net)
{
  pthread_rwlock_wrlock (&net->lock);
  net->is_stopping = TRUE;
  pthread_rwlock_unlock (&net->lock);
}

void
net_free (Net *net)
{
  if (!net)
    return;
  g_queue_clear_full (&net->waiting, free_job);
  netlink_free (net->cache.events);
  netlink_free (net->cache.requests);
  net_sweep_end (net);
  g_hash_table_unref (net->paths);
  g_hash_table_unref (net->routes);
  g_hash_table_unref (net->made);
  g_hash_table_unref (net->vips);
  g_clear_pointer (&net->old_rules, g_array_unref);
  g_clear_pointer (&net->old_routes, g_array_unref);
  net_cache_clear (&net->cache);
  pthread_rwlock_destroy (&net->lock);
  g_free (net->namespace);
  g_free (net);
}
