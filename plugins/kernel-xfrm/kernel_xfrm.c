/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_xfrm.c - IPsec by the Linux kernel. */
#include "config.h"
#include <errno.h>
#include <unistd.h>
#include <linux/netlink.h>
#include "kernel_xfrm.h"
#include "net_private.h"

static const IkeOptionInfo option_install_routes
  = { sizeof (IkeOptionInfo), "plugin/install_routes", "bool", "yes",
      "Make routes for tunnels: with the address that a tunnel is for as their source, or into the "
      "XFRM interface that was made for it." };
static const IkeOptionInfo option_routing_table
  = { sizeof (IkeOptionInfo), "plugin/routing_table", "uint", "220",
      "Table for these routes; 0: the main one, without a rule of its own." };
static const IkeOptionInfo option_routing_table_prio
  = { sizeof (IkeOptionInfo), "plugin/routing_table_prio", "uint", "220",
      "Priority of the rule that leads to the table; before the main table's (32766)." };
static const IkeOptionInfo option_namespace
  = { sizeof (IkeOptionInfo), "plugin/namespace", "string", NULL,
      "Network namespace of the SAs, policies, interfaces, addresses and routes (a name as of `ip "
      "netns`, or a path); unset: the daemon's." };
static const IkeOptionInfo option_vrf
  = { sizeof (IkeOptionInfo), "connection/vrf", "string", NULL,
      "VRF device that the XFRM interface of this connection belongs to; its routes go to the "
      "table of the VRF. With if_id = %unique or %unique-dir." };
static const IkeOptionInfo *const options[]
  = { &option_install_routes, &option_routing_table, &option_routing_table_prio,
      &option_namespace, &option_vrf, NULL };

/* Everybody may ask; what changes something must not fail for want of privileges later. */
static gboolean
probe_net (IkePlugin *self, GError **error)
{
  guint8 buffer[NET_MESSAGE_SIZE];
  char reason[256];
  int fd, failed;
  if (ike_engine_is_simulated (ike_plugin_engine (self))) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "a simulation has no kernel; use kernel-fake");
    return FALSE;
  }
  fd = net_socket (ike_plugin_option (self, "namespace"), NETLINK_ROUTE, error);
  if (fd < 0)
    return FALSE;
  failed = netlink_ask_now (fd, NULL, net_write_link_delete (buffer, G_MAXINT32), NULL, reason,
                            sizeof reason);
  close (fd);
  if (failed != EPERM)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED,
               "addresses and routes cannot be changed: the daemon needs CAP_NET_ADMIN");
  return FALSE;
}

static gboolean
start_net (KernelXfrm *kernel, GError **error)
{
  IkePlugin *self = kernel->plugin;
  NetOptions net = { .installs_routes = ike_plugin_option_bool (self, "install_routes"),
                     .table = (guint32) ike_plugin_option_uint (self, "routing_table"),
                     .priority = (guint32) ike_plugin_option_uint (self, "routing_table_prio"),
                     .namespace = ike_plugin_option (self, "namespace") };
  guint16 plain = 0;
  guint n = 0;
  const IkeProvided *const *found = ike_feature_list (kernel->engine, "net", &n);
  if (n && ((const IkeNetClass *) found[0]->ops)->ports)
    ((const IkeNetClass *) found[0]->ops)->ports (found[0]->plugin, &plain, &net.port);
  kernel->net = net_new (kernel, &net, error);
  if (kernel->net)
    net_start (kernel->net);
  return kernel->net != NULL;
}

static void
stop (KernelXfrm *kernel)
{
  if (kernel->net)
    net_stop (kernel->net);
  if (kernel->loop)
    ike_loop_free (g_steal_pointer (&kernel->loop));
  net_free (g_steal_pointer (&kernel->net));
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  KernelXfrm *kernel = g_new0 (KernelXfrm, 1);
  kernel->plugin = self;
  kernel->engine = ike_plugin_engine (self);
  ike_plugin_set_state (self, kernel, g_free);
  kernel->loop = ike_loop_new (self, "netlink", error);
  if (kernel->loop && start_net (kernel, error))
    return TRUE;
  stop (kernel);
  return FALSE;
}

static void
deactivate (IkePlugin *self)
{
  stop (ike_plugin_state (self));
}

/* The ports of IKE are asked for while activating. */
static const char *const wants[] = { "net:*", NULL };

static const IkeFeature feature_net = { .struct_size = sizeof (IkeFeature),
                                        .provides = "kernel:net",
                                        .ops = &net_class,
                                        .wants = wants,
                                        .probe = probe_net,
                                        .rank = 10 };

static const guint32 acts_ops = sizeof (guint32);
#define ACTS(name, what)                                                                           \
  static const IkeFeature name                                                                     \
    = { .struct_size = sizeof (IkeFeature), .provides = "acts:" what, .ops = &acts_ops }
ACTS (acts_if_id, "connection/if_id");
ACTS (acts_if_id_in, "connection/if_id_in");
ACTS (acts_if_id_out, "connection/if_id_out");
ACTS (acts_child_if_id, "child/if_id");
ACTS (acts_child_if_id_in, "child/if_id_in");
ACTS (acts_child_if_id_out, "child/if_id_out");

static const IkeFeature *const features[]
  = { &feature_net,         &acts_if_id,          &acts_if_id_in,         &acts_if_id_out,
      &acts_child_if_id,    &acts_child_if_id_in, &acts_child_if_id_out,  NULL };

IKE_PLUGIN (ike_plugin, "kernel-xfrm", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "IPsec by the Linux kernel (XFRM)", .features = features,
            .options = options, .activate = activate, .deactivate = deactivate);
