/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_tun.c - ESP and AH in user space over a TUN device: where the kernel has neither, or
 * shall not have them.
 *
 * The plugin makes one TUN device with a queue for each shard and reads it in loops of its own,
 * never on a shard.  Loop k owns queue k, the ESP sockets of index k of the net plugin, a raw ESP
 * socket of each family, and the inbound SAs whose SPI begins with byte k + 1; the plugin chooses
 * SPIs so.  One more loop administers: it answers the requests of the shards, talks rtnetlink, and
 * is the only one that makes and frees SAs and policies.  Outbound policies are immutable tables
 * that it swaps by pointer (spd.c); what was replaced is freed after a round over all loops.
 *
 * What a policy covers is routed into the device by a routing table of our own (option
 * `route_table`), looked up before the main one; a tunnel for everything (0.0.0.0/0) stands in the
 * table after it, looked up behind the main table without its default route, so that connected
 * networks stay reachable.  Packets that this machine sends from the IKE ports, and raw ESP, never
 * use these tables, so IKE and ESP cannot loop into the tunnel even when it leads to the peer
 * itself.
 *
 * Tunnel mode with IPv4 and IPv6 in any combination, transport mode and BEET; UDP encapsulation,
 * raw ESP and AH, ESN, windows up to 4096 packets.  In transport mode rules lead what this machine
 * sends to the peer, of the protocol and ports of the policy, into the device; seal.c takes its IP
 * header off and has the socket make the same one again, inbound.c puts it back (bare.c), with
 * checksums mended behind NAT; several peers behind one NAT are told apart by who began a flow
 * (flows.c).  Fragments are put together first (reassemble.c).  Not carried without a header of
 * their own are IPv4 packets with options, and IPv6 packets with hop-by-hop options or routing
 * headers; BEET is without AH, and without the pseudo header for options.  AH takes raw sockets,
 * and is not offered where there are none.
 *
 * DF is copied where the SA says so: what does not fit the path is answered with "fragmentation
 * needed" or "packet too big"; else the kernel fragments the outer packet.  After decapsulation the
 * inner packet must match what the SA was negotiated for, or it is dropped and counted
 * (`esp.bad-selector`).  PASS policies become routes past the device, as far as destinations can
 * say it; DROP policies drop. */
#include "config.h"
#include <string.h>
#include "kernel_tun.h"

static const IkeOptionInfo option_device = { sizeof (IkeOptionInfo), "plugin/device", "string",
                                             "ike%d",
                                             "Name of the TUN device; %d: the first free number." };
static const IkeOptionInfo option_mtu
  = { sizeof (IkeOptionInfo), "plugin/mtu", "uint", "1400",
      "MTU of the TUN device; leaves room for ESP and UDP on a path of 1500 bytes." };
static const IkeOptionInfo option_table
  = { sizeof (IkeOptionInfo), "plugin/route_table", "uint", "210",
      "Routing table for remote networks; the next one holds default routes, the one after it "
      "what transport mode carries." };
static const IkeOptionInfo option_priority
  = { sizeof (IkeOptionInfo), "plugin/rule_priority", "uint", "210",
      "Priority of the first of nine routing rules; must come before the main table's "
      "(32766)." };
static const IkeOptionInfo option_offload
  = { sizeof (IkeOptionInfo), "plugin/offload", "bool", "yes",
      "Exchange large packets with the kernel, and cut and gather them here; much faster." };
static const IkeOptionInfo option_mark
  = { sizeof (IkeOptionInfo), "plugin/mark", "uint", "462",
      "Mark of our IPv4 packets with AH, for one of the routing rules; must be nobody else's." };
static const IkeOptionInfo *const options[] = { &option_device, &option_mtu,     &option_table,
                                                &option_priority, &option_offload, &option_mark,
                                                NULL };

static gboolean
probe (IkePlugin *self, GError **error)
{
  if (ike_engine_is_simulated (ike_plugin_engine (self))) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "a simulation has no TUN devices; use kernel-fake");
    return FALSE;
  }
  return tun_probe (error);
}

static void
make_counters (IkeEngine *engine, TunCounters *c)
{
  c->esp_in = ike_counter (engine, "esp.in");
  c->esp_out = ike_counter (engine, "esp.out");
  c->bad_icv = ike_counter (engine, "esp.bad-icv");
  c->replay = ike_counter (engine, "esp.replay");
  c->no_sa = ike_counter (engine, "esp.no-sa");
  c->bad_selector = ike_counter (engine, "esp.bad-selector");
  c->malformed = ike_counter (engine, "esp.malformed");
  c->bad_ecn = ike_counter (engine, "esp.bad-ecn");
  c->dummy = ike_counter (engine, "esp.dummy");
  c->expired = ike_counter (engine, "esp.expired");
  c->overload = ike_counter (engine, "esp.overload");
  c->send_failed = ike_counter (engine, "esp.send-failed");
  c->too_big = ike_counter (engine, "esp.too-big");
  c->exhausted = ike_counter (engine, "esp.exhausted");
  c->no_policy = ike_counter (engine, "tun.no-policy");
  c->policy_drop = ike_counter (engine, "tun.policy-drop");
  c->no_tunnel = ike_counter (engine, "tun.no-tunnel");
  c->own_packet = ike_counter (engine, "tun.own-packet");
  c->tun_malformed = ike_counter (engine, "tun.malformed");
  c->tun_failed = ike_counter (engine, "tun.write-failed");
}

/* Without a socket of our own ESP comes through this, on a shard. */
static void
received (gpointer sink, const IkeDatagram *datagrams, guint n)
{
  TunKernel *kernel = sink;
  for (guint i = 0; i < n; i++) {
    TunArrival arrival = { .data = (guint8 *) datagrams[i].data,
                           .len = datagrams[i].len,
                           .remote = datagrams[i].remote,
                           .protocol = IKE_PROTOCOL_ESP,
                           .is_encap = TRUE };
    tun_inbound_forward (kernel, &arrival);
  }
}

static const IkeEspSink sink_class = { sizeof (IkeEspSink), received };

static gboolean
find_net (TunKernel *kernel, GError **error)
{
  guint n = 0;
  const IkeProvided *const *list = ike_feature_list (kernel->engine, "net", &n);
  if (n == 0) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                 "kernel-tun needs a net plugin, and none is ready");
    return FALSE;
  }
  kernel->net = list[0]->ops;
  kernel->net_plugin = list[0]->plugin;
  if (kernel->net->ports)
    kernel->net->ports (kernel->net_plugin, &kernel->plain_port, &kernel->marked_port);
  return TRUE;
}

static gboolean
start_loops (TunKernel *kernel, GError **error)
{
  guint n = MIN (ike_engine_n_shards (kernel->engine), (guint) TUN_QUEUES_MAX);
  TunWanted wanted = { .pattern = ike_plugin_option (kernel->plugin, "device"),
                       .n_queues = n,
                       .mtu = kernel->mtu,
                       .has_offload = ike_plugin_option_bool (kernel->plugin, "offload") };
  if (!tun_open (&kernel->device, &wanted, error))
    return FALSE;
  kernel->admin_loop = ike_loop_new (kernel->plugin, "esp-admin", error);
  if (!kernel->admin_loop)
    return FALSE;
  kernel->addresses = tun_addresses_new (kernel, error);
  if (!kernel->addresses)
    return FALSE;
  kernel->admin = tun_admin_new (kernel);
  kernel->loops = g_new0 (TunLoop *, n);
  for (; kernel->n_loops < n; kernel->n_loops++) {
    kernel->loops[kernel->n_loops] = tun_loop_new (kernel, kernel->n_loops, error);
    if (!kernel->loops[kernel->n_loops])
      return FALSE;
  }
  return TRUE;
}

/* ESP loops first: the rounds that they end go to the administration loop. */
static void
stop (TunKernel *kernel)
{
  if (kernel->net && kernel->net->attach_esp)
    kernel->net->attach_esp (kernel->net_plugin, NULL, NULL);
  pthread_rwlock_wrlock (&kernel->lock);
  kernel->is_stopping = TRUE;
  pthread_rwlock_unlock (&kernel->lock);
  for (guint i = 0; i < kernel->n_loops; i++)
    tun_loop_stop (kernel->loops[i]);
  /* It reads this pointer until it is joined. */
  if (kernel->admin_loop)
    ike_loop_free (kernel->admin_loop);
  kernel->admin_loop = NULL;
  for (guint i = 0; i < kernel->n_loops; i++)
    tun_loop_free (kernel->loops[i]);
  g_clear_pointer (&kernel->loops, g_free);
  kernel->n_loops = 0;
  g_clear_pointer (&kernel->admin, tun_admin_free);
  g_clear_pointer (&kernel->addresses, tun_addresses_free);
  g_clear_pointer (&kernel->spd, spd_free);
  tun_close (&kernel->device);
}

static void
free_state (gpointer state)
{
  TunKernel *kernel = state;
  pthread_rwlock_destroy (&kernel->lock);
  g_free (kernel);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  TunKernel *kernel = g_new0 (TunKernel, 1);
  kernel->plugin = self;
  kernel->engine = ike_plugin_engine (self);
  kernel->mtu = (guint) CLAMP (ike_plugin_option_uint (self, "mtu"), 576, 65535);
  kernel->mark = (guint32) ike_plugin_option_uint (self, "mark");
  kernel->spd = spd_new (tun_admin_retire, kernel);
  make_counters (kernel->engine, &kernel->counters);
  pthread_rwlock_init (&kernel->lock, NULL);
  ike_plugin_set_state (self, kernel, free_state);
  if (!find_net (kernel, error) || !start_loops (kernel, error)) {
    stop (kernel);
    return FALSE;
  }
  if (kernel->net->attach_esp)
    kernel->net->attach_esp (kernel->net_plugin, &sink_class, kernel);
  return TRUE;
}

static void
deactivate (IkePlugin *self)
{
  stop (ike_plugin_state (self));
}

/* The contexts of the loops belong to the algorithms' plugin, which must end later. */
static const char *const wants[] = {
  "net:udp", "net:sim", "aead:aes-gcm-16/256", "cipher:aes-cbc/256", "integ:hmac-sha2-256-128", NULL
};

static const IkeFeature feature_ipsec = { .struct_size = sizeof (IkeFeature),
                                          .provides = "kernel:ipsec",
                                          .ops = &tun_kernel_class,
                                          .wants = wants,
                                          .probe = probe };
static const IkeFeature feature_net = { .struct_size = sizeof (IkeFeature),
                                        .provides = "kernel:net",
                                        .ops = &tun_net_class,
                                        .wants = wants,
                                        .probe = probe };
static const IkeFeature *const features[] = { &feature_ipsec, &feature_net, NULL };

IKE_PLUGIN (ike_plugin, "kernel-tun", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "ESP and AH in user space over a TUN device", .features = features,
            .options = options, .activate = activate, .deactivate = deactivate);
