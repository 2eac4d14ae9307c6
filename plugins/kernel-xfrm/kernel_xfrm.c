/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_xfrm.c - IPsec by the Linux kernel.
 *
 * SAs and policies go into XFRM over netlink, on a loop of the plugin's own: the kernel works while
 * it is written to and may load modules meanwhile, and no shard waits for that.  At the start the
 * plugin really installs and deletes SAs with each algorithm and option, so that only what this
 * kernel does is negotiated; where it has no ESP at all, the next plugin that offers
 * `kernel:ipsec` gets it.
 *
 * Tunnel, transport and BEET mode, ESP and AH, UDP encapsulation, ESN, windows up to 4096 packets,
 * IPComp, TFC padding, marks, interface IDs, hardware offload, security labels; traps, PASS and
 * DROP policies.  Which of two policies wins is a matter of their priority, which the narrower one
 * has (selectors.c).  Hardware offload `auto` means crypto offload where the device has it.
 *
 * XFRM does not know whose an SA is.  Ours have reqids above `reqid_base`, except where the
 * operator chose one, and a journal in `state_dir` says which; nothing else in the kernel is
 * touched.  After a crash SAs of the journal are deleted at the start, its policies stay in force
 * until they are taken over or `takeover_delay` is over (takeover.c).  At a regular end everything
 * goes. */
#include "config.h"
#include <errno.h>
#include <unistd.h>
#include <linux/netlink.h>
#include "kernel_xfrm.h"
#include "net_private.h"
#include "xfrm.h"

enum { REQID_BASE_MIN = 65536, REQID_BASE_MAX = 1000000000 };

#define OPTION(option_path, option_type, option_fallback, option_doc)                              \
  &(const IkeOptionInfo)                                                                           \
  {                                                                                                \
    sizeof (IkeOptionInfo), option_path, option_type, option_fallback, option_doc                  \
  }

static const IkeOptionInfo *const options[] = {
  OPTION ("plugin/state_dir", "string", "/var/lib/ikebana",
          "Directory of the journal of what is ours in the kernel. Empty: none; then a crash "
          "leaves SAs and policies behind."),
  OPTION ("plugin/reqid_base", "uint", "1000000000",
          "Reqids of the kernel are those of children plus one, two or three times this number, by "
          "turns from start to start; 65536 to 1000000000. A reqid that a connection sets is left "
          "as it is."),
  OPTION ("plugin/hash_ipv4", "string", NULL,
          "LOCAL/REMOTE: policies whose prefixes are at least so long are found by hash, others in "
          "a list, which is slow with thousands of them; 16/32 suits a gateway of many hosts. "
          "Of the whole network namespace; unset: as it is."),
  OPTION ("plugin/hash_ipv6", "string", NULL, "As hash_ipv4, for IPv6."),
  OPTION ("plugin/takeover_delay", "time", "60s",
          "How long policies that a crash left behind stay when nobody installs them again."),
  OPTION ("plugin/acquire_expires", "time", "165s",
          "How long the kernel keeps an SPI, or waits for an SA, while IKE negotiates; longer than "
          "all retransmissions take. 0: as it is."),
  OPTION ("plugin/keep_first_packets", "bool", "yes",
          "Let the kernel keep packets that met a trap, up to 100 of each policy for up to a "
          "minute, and send them when there is an SA (net.core.xfrm_larval_drop = 0, in the "
          "daemon's network namespace). no: as it is; Linux drops them unless it was told not to."),
  OPTION ("plugin/install_routes", "bool", "yes",
          "Make routes for tunnels: with the address that a tunnel is for as their source, or "
          "into the XFRM interface that was made for it."),
  OPTION ("plugin/routing_table", "uint", "220",
          "Table for these routes; 0: the main one, without a rule of its own."),
  OPTION ("plugin/routing_table_prio", "uint", "220",
          "Priority of the rule that leads to the table; before the main table's (32766)."),
  OPTION ("plugin/namespace", "string", NULL,
          "Network namespace of the SAs, policies, interfaces, addresses and routes (a name as of "
          "`ip netns`, or a path); unset: the daemon's."),
  OPTION ("connection/vrf", "string", NULL,
          "VRF device that the XFRM interface of this connection belongs to; its routes go to the "
          "table of the VRF. With if_id = %unique or %unique-dir."),
  NULL,
};

static KernelXfrm *
state_of (IkePlugin *self)
{
  return ike_plugin_state (self);
}

Xfrm *
xfrm_of (IkePlugin *plugin)
{
  return state_of (plugin)->xfrm;
}

const XfrmCan *
xfrm_can_of (IkePlugin *plugin)
{
  return state_of (plugin)->can;
}

static void
free_state (gpointer state)
{
  KernelXfrm *kernel = state;
  g_free (kernel->can);
  g_free (kernel);
}

/* The first probe, or activate, makes it. */
static KernelXfrm *
make_state (IkePlugin *self)
{
  KernelXfrm *kernel = state_of (self);
  if (kernel)
    return kernel;
  kernel = g_new0 (KernelXfrm, 1);
  kernel->plugin = self;
  kernel->engine = ike_plugin_engine (self);
  kernel->can = g_new0 (XfrmCan, 1);
  ike_plugin_set_state (self, kernel, free_state);
  return kernel;
}

static gboolean
probe_ipsec (IkePlugin *self, GError **error)
{
  KernelXfrm *kernel = make_state (self);
  int fd;
  if (ike_engine_is_simulated (kernel->engine)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "a simulation has no kernel; use kernel-fake");
    return FALSE;
  }
  fd = net_socket (ike_plugin_option (self, "namespace"), NETLINK_XFRM, error);
  if (fd < 0) {
    g_prefix_error (error, "the kernel has no XFRM (CONFIG_XFRM_USER): ");
    return FALSE;
  }
  kernel->has_ipsec = xfrm_probe (kernel->engine, fd, NULL, kernel->can, error);
  close (fd);
  return kernel->has_ipsec;
}

static gboolean
start_ipsec (KernelXfrm *kernel, GError **error)
{
  IkePlugin *self = kernel->plugin;
  guint64 base = ike_plugin_option_uint (self, "reqid_base");
  guint64 patience = ike_plugin_option_uint (self, "acquire_expires");
  const XfrmCan *can = kernel->can;
  XfrmSetup setup = { .loop = kernel->loop,
                      .net = kernel->net,
                      .requests = -1,
                      .events = -1,
                      .namespace = ike_plugin_option (self, "namespace"),
                      .thresholds = { ike_plugin_option (self, "hash_ipv4"),
                                      ike_plugin_option (self, "hash_ipv6") },
                      .state_dir = ike_plugin_option (self, "state_dir"),
                      .reqid_base = (guint32) CLAMP (base, REQID_BASE_MIN, REQID_BASE_MAX),
                      .stale_delay_s = (guint) MIN (
                          ike_plugin_option_uint (self, "takeover_delay"), G_MAXUINT / 1000),
                      .can = can };
  kernel->xfrm = xfrm_new (self, &setup, error);
  if (!kernel->xfrm)
    return FALSE;
  if (patience && !(setup.namespace && *setup.namespace))
    xfrm_set_patience (kernel->engine, (guint) MIN (patience, 86400));
  if (ike_plugin_option_bool (self, "keep_first_packets")
      && !(setup.namespace && *setup.namespace))
    xfrm_keep_first_packets (kernel->engine);
  xfrm_prepare_sockets (kernel->engine);
  if (!can->has_ipv6)
    ike_log (kernel->engine, IKE_LOG_NOTICE, "kernel-xfrm",
             "the kernel has no ESP over IPv6; load the module esp6 if it is wanted");
  return TRUE;
}

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

/* Requests in between fail: nobody may be told to wait for a loop that is gone. */
static void
stop (KernelXfrm *kernel)
{
  xfrm_stop (kernel->xfrm);
  if (kernel->net)
    net_stop (kernel->net);
  if (kernel->loop)
    ike_loop_free (g_steal_pointer (&kernel->loop));
  net_free (g_steal_pointer (&kernel->net));
  g_clear_pointer (&kernel->xfrm, xfrm_free);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  KernelXfrm *kernel = make_state (self);
  kernel->loop = ike_loop_new (self, "netlink", error);
  if (!kernel->loop || !start_net (kernel, error)
      || (kernel->has_ipsec && !start_ipsec (kernel, error))) {
    stop (kernel);
    return FALSE;
  }
  return TRUE;
}

static void
deactivate (IkePlugin *self)
{
  stop (state_of (self));
}

/* Ports and sockets of IKE are asked for while activating. */
static const char *const wants[] = { "net:*", NULL };

static const IkeFeature feature_ipsec = { .struct_size = sizeof (IkeFeature),
                                          .provides = "kernel:ipsec",
                                          .ops = &xfrm_kernel_class,
                                          .wants = wants,
                                          .probe = probe_ipsec,
                                          .rank = 10 };
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
  = { &feature_ipsec,    &feature_net,         &acts_if_id,           &acts_if_id_in,
      &acts_if_id_out,   &acts_child_if_id,    &acts_child_if_id_in,  &acts_child_if_id_out,
      NULL };

IKE_PLUGIN (ike_plugin, "kernel-xfrm", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "IPsec by the Linux kernel (XFRM)", .features = features,
            .options = options, .activate = activate, .deactivate = deactivate);
