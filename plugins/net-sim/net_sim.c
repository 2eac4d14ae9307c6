/* SPDX-License-Identifier: Apache-2.0 */
/* net_sim.c - the plugin: an engine's place on the in-memory wire, as `net:sim`, and
 * `service:net-sim` for tests.
 *
 * Simulation runs on one OS thread, so nothing here takes a lock.  A packet that arrives is
 * handed to the shard that a reuseport group would hand it to (ike_input_shard(); a first
 * message goes by its source), or, with `steer = no`, to shard 0 always, so that the engine has
 * to forward. */
#include "config.h"
#include <string.h>
#include <ikebana/error.h>
#include "wire.h"

enum { MARKER = 4, KEEPALIVE = 0xff };

static Endpoint *
endpoint_of (IkePlugin *self)
{
  return ike_plugin_state (self);
}

void
endpoint_unref (Endpoint *endpoint)
{
  if (--endpoint->n_refs > 0)
    return;
  g_array_unref (endpoint->addresses);
  wire_unref (endpoint->wire);
  g_free (endpoint);
}

static gboolean
has_address (const Endpoint *endpoint, const IkeAddr *host)
{
  for (guint i = 0; i < endpoint->addresses->len; i++) {
    if (ike_addr_same_host (&g_array_index (endpoint->addresses, IkeAddr, i), host))
      return TRUE;
  }
  return FALSE;
}

static const IkeAddr *
first_address (const Endpoint *endpoint, guint8 family)
{
  for (guint i = 0; i < endpoint->addresses->len; i++) {
    const IkeAddr *own = &g_array_index (endpoint->addresses, IkeAddr, i);
    if (own->family == family)
      return own;
  }
  return NULL;
}

/* -- in */

static void
fill_datagram (const Packet *packet, gsize skip, IkeDatagram *out)
{
  memset (out, 0, sizeof *out);
  out->struct_size = sizeof *out;
  out->local = packet->to;
  out->remote = packet->from;
  out->data = packet->data + skip;
  out->len = packet->len - skip;
}

static void
deliver_ike (gpointer data)
{
  Packet *packet = data;
  Endpoint *endpoint = packet->endpoint;
  gboolean is_marked = packet->to.port == endpoint->marked;
  IkeDatagram datagram;
  if (!endpoint->is_active)
    return;
  fill_datagram (packet, is_marked ? MARKER : 0, &datagram);
  datagram.flags = is_marked ? IKE_NET_MARKED : 0;
  ike_counter_add (endpoint->engine, endpoint->counter_rx, 1);
  ike_input (endpoint->engine, packet->shard, &datagram);
}

static void
deliver_esp (gpointer data)
{
  Packet *packet = data;
  Endpoint *endpoint = packet->endpoint;
  IkeDatagram datagram;
  if (!endpoint->is_active)
    return;
  fill_datagram (packet, 0, &datagram);
  ike_counter_add (endpoint->engine, endpoint->counter_esp_rx, 1);
  if (endpoint->sink_class.received)
    endpoint->sink_class.received (endpoint->sink, &datagram, 1);
}

static guint32
shard_for (const Endpoint *endpoint, const Packet *packet, const guint8 *data, gsize len)
{
  guint n_shards = ike_engine_n_shards (endpoint->engine);
  int shard;
  if (n_shards == 1 || !endpoint->is_steered)
    return 0;
  shard = ike_input_shard (endpoint->engine, data, len);
  return shard >= 0 ? (guint32) shard : addr_hash (&packet->from) % n_shards;
}

/* RFC 3948, 2.2 and 2.3: on the port shared with ESP, four zero bytes go before an IKE header,
 * and one octet 0xFF is a keepalive, which the receiver ignores. */
void
endpoint_arrive (Endpoint *endpoint, Packet *packet_take)
{
  gboolean is_marked = packet_take->to.port == endpoint->marked;
  gboolean is_ike = TRUE;
  gsize skip = 0;
  if (is_marked && packet_take->len == 1 && packet_take->data[0] == KEEPALIVE) {
    ike_counter_add (endpoint->engine, endpoint->counter_keepalive, 1);
    packet_free (packet_take);
    return;
  }
  if (is_marked && packet_take->len < MARKER) {
    ike_counter_add (endpoint->engine, endpoint->counter_short, 1);
    packet_free (packet_take);
    return;
  }
  if (is_marked) {
    is_ike = memcmp (packet_take->data, "\0\0\0\0", MARKER) == 0;
    skip = is_ike ? MARKER : 0;
  }
  packet_take->endpoint = endpoint;
  endpoint->n_refs++;
  packet_take->shard =
      is_ike ? shard_for (endpoint, packet_take, packet_take->data + skip, packet_take->len - skip)
             : addr_hash (&packet_take->from) % ike_engine_n_shards (endpoint->engine);
  ike_loop_post (ike_engine_shard (endpoint->engine, packet_take->shard),
                 is_ike ? deliver_ike : deliver_esp, packet_take, packet_free);
}

/* -- out */

/* An address that is not ours sends nothing, as a kernel would say (EADDRNOTAVAIL); none means
 * ours of that family. */
static gboolean
choose_source (const Endpoint *endpoint, const IkeDatagram *datagram, guint16 port, IkeAddr *from)
{
  const IkeAddr *own = first_address (endpoint, datagram->remote.family);
  char text[IKE_ADDR_TEXT_SIZE];
  *from = datagram->local;
  if (ike_addr_is_any (from) && own)
    *from = *own;
  if (from->port == 0)
    from->port = port;
  if (from->family == datagram->remote.family && has_address (endpoint, from))
    return TRUE;
  ike_log (endpoint->engine, IKE_LOG_INFO, "net",
           "cannot send from %s: not an address of this engine",
           ike_addr_format (from, FALSE, text));
  return FALSE;
}

static gboolean
send_bytes (Endpoint *endpoint, const IkeDatagram *datagram, gboolean is_marked, guint16 port)
{
  gsize skip = is_marked ? MARKER : 0;
  IkeAddr from;
  Packet *packet;
  if (!endpoint->is_active || datagram->len > G_MAXUINT16 - skip
      || !choose_source (endpoint, datagram, port, &from))
    return FALSE;
  packet = wire_packet (endpoint->wire, &from, &datagram->remote, datagram->len + skip);
  memset (packet->data, 0, skip);
  memcpy (packet->data + skip, datagram->data, datagram->len);
  wire_send (endpoint->wire, packet, -1);
  return TRUE;
}

static gboolean
net_send (IkePlugin *self, guint shard, const IkeDatagram *datagram)
{
  Endpoint *endpoint = endpoint_of (self);
  gboolean is_marked = (datagram->flags & IKE_NET_MARKED) != 0;
  if (!send_bytes (endpoint, datagram, is_marked, is_marked ? endpoint->marked : endpoint->plain))
    return FALSE;
  ike_counter_add (endpoint->engine, endpoint->counter_tx, 1);
  return TRUE;
}

static gboolean
net_esp_send (IkePlugin *self, const IkeDatagram *datagrams, guint n)
{
  Endpoint *endpoint = endpoint_of (self);
  gboolean is_sent = TRUE;
  for (guint i = 0; i < n; i++) {
    if (send_bytes (endpoint, &datagrams[i], FALSE, endpoint->marked))
      ike_counter_add (endpoint->engine, endpoint->counter_esp_tx, 1);
    else
      is_sent = FALSE;
  }
  return is_sent;
}

static void
net_keepalive (IkePlugin *self, guint shard, const IkeAddr *local, const IkeAddr *remote)
{
  static const guint8 octet = KEEPALIVE;
  const IkeDatagram datagram = {
    .struct_size = sizeof datagram, .local = *local, .remote = *remote, .data = &octet, .len = 1
  };
  send_bytes (endpoint_of (self), &datagram, FALSE, endpoint_of (self)->marked);
}

/* -- the rest of the class */

static void
net_ports (IkePlugin *self, guint16 *plain, guint16 *marked)
{
  *plain = endpoint_of (self)->plain;
  *marked = endpoint_of (self)->marked;
}

static void
net_resolve (IkePlugin *self, IkeCall *call, const char *name, guint8 family)
{
  g_autoptr (GArray) found = g_array_new (FALSE, TRUE, sizeof (IkeAddr));
  g_autofree char *reason = NULL;
  const GArray *known = g_hash_table_lookup (endpoint_of (self)->wire->hosts, name);
  IkeAddr addr;
  for (guint i = 0; known && i < known->len; i++) {
    addr = g_array_index (known, IkeAddr, i);
    if (family == 0 || addr.family == family)
      g_array_append_val (found, addr);
  }
  if (!known && ike_addr_parse (&addr, name, NULL) && (family == 0 || addr.family == family))
    g_array_append_val (found, addr);
  if (found->len > 0) {
    ike_call_answer (call, g_steal_pointer (&found));
    return;
  }
  reason = g_strdup_printf ("host name %s is not known", name);
  ike_call_fail (call, reason);
}

static void
net_attach_esp (IkePlugin *self, const IkeEspSink *sink_class, gpointer sink)
{
  Endpoint *endpoint = endpoint_of (self);
  memset (&endpoint->sink_class, 0, sizeof endpoint->sink_class);
  if (sink_class)
    memcpy (&endpoint->sink_class, sink_class,
            MIN (sink_class->struct_size, sizeof endpoint->sink_class));
  endpoint->sink = sink;
}

static int
net_esp_socket (IkePlugin *self, guint k, guint8 family)
{
  return -1;
}

static void
net_describe (IkePlugin *self, IkeTree *into)
{
  const Endpoint *endpoint = endpoint_of (self);
  IkeTree *addresses;
  char text[IKE_ADDR_TEXT_SIZE];
  ike_tree_set_string (into, "name", "sim");
  ike_tree_set_string (into, "text", "in-memory network of a simulation");
  ike_tree_set_int (into, "port", endpoint->plain);
  ike_tree_set_int (into, "port_nat_t", endpoint->marked);
  addresses = ike_tree_add_list (into, "addresses");
  for (guint i = 0; i < endpoint->addresses->len; i++)
    ike_tree_set_string (
        addresses, NULL,
        ike_addr_format (&g_array_index (endpoint->addresses, IkeAddr, i), FALSE, text));
}

static const IkeNetClass net_class = {
  .struct_size = sizeof (IkeNetClass),
  .send = net_send,
  .ports = net_ports,
  .resolve = net_resolve,
  .attach_esp = net_attach_esp,
  .esp_send = net_esp_send,
  .esp_socket = net_esp_socket,
  .describe = net_describe,
  .keepalive = net_keepalive,
};

/* -- for tests */

static Wire *
wire_of (IkePlugin *self)
{
  return endpoint_of (self)->wire;
}

static void
ops_set_latency (IkePlugin *self, gint64 latency_us, gint64 jitter_us)
{
  script_set_latency (wire_of (self)->script, latency_us, jitter_us);
}

static void
ops_set_chaos (IkePlugin *self, const IkeSimChaos *chaos_or_null)
{
  script_set_chaos (wire_of (self)->script, chaos_or_null);
}

static void
ops_set_script (IkePlugin *self, IkeSimScript script_or_null, gpointer data)
{
  script_set_function (wire_of (self)->script, script_or_null, data);
}

static guint
ops_rule_add (IkePlugin *self, const IkeSimRule *rule)
{
  return script_rule_add (wire_of (self)->script, rule);
}

static guint
ops_rule_hits (IkePlugin *self, guint id)
{
  return script_rule_hits (wire_of (self)->script, id);
}

static void
ops_rule_remove (IkePlugin *self, guint id)
{
  script_rule_remove (wire_of (self)->script, id);
}

static guint
ops_tap_add (IkePlugin *self, IkeSimTap tap, gpointer data)
{
  return script_tap_add (wire_of (self)->script, tap, data);
}

static void
ops_tap_remove (IkePlugin *self, guint id)
{
  script_tap_remove (wire_of (self)->script, id);
}

static void
ops_nat_add (IkePlugin *self, const IkeAddr *inside, const IkeAddr *outside)
{
  nat_add (wire_of (self)->nat, inside, outside);
}

static void
ops_nat_add_static (IkePlugin *self, const IkeAddr *inside, const IkeAddr *outside)
{
  nat_add_static (wire_of (self)->nat, inside, outside);
}

static void
ops_nat_remove (IkePlugin *self, const IkeAddr *inside_or_null)
{
  nat_remove (wire_of (self)->nat, inside_or_null);
}

static void
ops_nat_forget (IkePlugin *self)
{
  nat_forget (wire_of (self)->nat);
}

static void
ops_inject (IkePlugin *self, const IkeAddr *from, const IkeAddr *to, const void *data, gsize len,
            gint64 delay_us)
{
  Packet *packet = wire_packet (wire_of (self), from, to, len);
  if (len > 0)
    memcpy (packet->data, data, len);
  wire_send (wire_of (self), packet, MAX (delay_us, 0));
}

static void
ops_host_add (IkePlugin *self, const char *name, const IkeAddr *addr)
{
  GArray *addrs = g_array_new (FALSE, FALSE, sizeof *addr);
  g_array_append_val (addrs, *addr);
  g_hash_table_insert (wire_of (self)->hosts, g_strdup (name), addrs);
}

static void
ops_host_add_further (IkePlugin *self, const char *name, const IkeAddr *addr)
{
  GArray *addrs = g_hash_table_lookup (wire_of (self)->hosts, name);
  if (addrs)
    g_array_append_val (addrs, *addr);
  else
    ops_host_add (self, name, addr);
}

static gboolean
ops_address_add (IkePlugin *self, const IkeAddr *addr)
{
  Endpoint *endpoint = endpoint_of (self);
  IkeAddr host = *addr;
  host.port = 0;
  if (ike_addr_is_any (&host) || !wire_listen (endpoint->wire, endpoint, &host))
    return FALSE;
  g_array_append_val (endpoint->addresses, host);
  return TRUE;
}

static void
ops_address_remove (IkePlugin *self, const IkeAddr *addr)
{
  Endpoint *endpoint = endpoint_of (self);
  for (guint i = endpoint->addresses->len; i-- > 0;) {
    IkeAddr host = g_array_index (endpoint->addresses, IkeAddr, i);
    if (!ike_addr_same_host (&host, addr))
      continue;
    wire_unlisten (endpoint->wire, endpoint, &host);
    g_array_remove_index (endpoint->addresses, i);
  }
}

static guint64
ops_count (IkePlugin *self, IkeSimEvent event)
{
  return (guint) event < IKE_SIM_N_EVENTS ? wire_of (self)->count[event] : 0;
}

static const IkeSimNetOps sim_ops = {
  .struct_size = sizeof (IkeSimNetOps),
  .set_latency = ops_set_latency,
  .set_chaos = ops_set_chaos,
  .set_script = ops_set_script,
  .rule_add = ops_rule_add,
  .rule_hits = ops_rule_hits,
  .rule_remove = ops_rule_remove,
  .tap_add = ops_tap_add,
  .tap_remove = ops_tap_remove,
  .nat_add = ops_nat_add,
  .nat_add_static = ops_nat_add_static,
  .nat_remove = ops_nat_remove,
  .nat_forget = ops_nat_forget,
  .inject = ops_inject,
  .host_add = ops_host_add,
  .address_add = ops_address_add,
  .address_remove = ops_address_remove,
  .count = ops_count,
  .host_add_further = ops_host_add_further,
};

/* -- the plugin */

static gboolean
take_addresses (IkePlugin *self, Endpoint *endpoint, GError **error)
{
  g_auto (GStrv) texts = ike_plugin_option_list (self, "addresses");
  for (guint i = 0; texts && texts[i]; i++) {
    IkeAddr addr;
    if (!ike_addr_parse (&addr, texts[i], error)) {
      g_prefix_error (error, "addresses: ");
      return FALSE;
    }
    if (!ops_address_add (self, &addr)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "addresses: %s is %s", texts[i],
                   ike_addr_is_any (&addr) ? "no address of a host"
                                           : "taken by another engine of this simulation");
      return FALSE;
    }
  }
  return TRUE;
}

/* An engine that named no address gets 192.0.2.N and 2001:db8::N (RFC 5737, RFC 3849). */
static gboolean
invent_addresses (IkePlugin *self, Endpoint *endpoint, GError **error)
{
  guint32 n = ++endpoint->wire->n_addresses;
  for (guint i = 0; i < 2; i++) {
    g_autofree char *text =
        i ? g_strdup_printf ("2001:db8::%x", n) : g_strdup_printf ("192.0.2.%u", n);
    IkeAddr addr;
    if (!ike_addr_parse (&addr, text, error))
      return FALSE;
    if (!ops_address_add (self, &addr)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "%s is taken; set plugins.net-sim.addresses",
                   text);
      return FALSE;
    }
  }
  return TRUE;
}

static void
leave (gpointer data)
{
  Endpoint *endpoint = data;
  endpoint->is_active = FALSE;
  for (guint i = 0; i < endpoint->addresses->len; i++)
    wire_unlisten (endpoint->wire, endpoint, &g_array_index (endpoint->addresses, IkeAddr, i));
  g_array_set_size (endpoint->addresses, 0);
  endpoint_unref (endpoint);
}

static void
take_counters (Endpoint *endpoint)
{
  endpoint->counter_rx = ike_counter (endpoint->engine, "net.rx");
  endpoint->counter_tx = ike_counter (endpoint->engine, "net.tx");
  endpoint->counter_short = ike_counter (endpoint->engine, "net.short");
  endpoint->counter_keepalive = ike_counter (endpoint->engine, "net.keepalive-rx");
  endpoint->counter_esp_rx = ike_counter (endpoint->engine, "net.esp-rx");
  endpoint->counter_esp_tx = ike_counter (endpoint->engine, "net.esp-tx");
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (self);
  guint64 plain = ike_plugin_option_uint (self, "port"),
          marked = ike_plugin_option_uint (self, "port_nat_t");
  Endpoint *endpoint;
  if (!ike_engine_is_simulated (engine)) {
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                         "works in a simulation only; load net-udp instead");
    return FALSE;
  }
  if (plain == 0 || plain > G_MAXUINT16 || marked == 0 || marked > G_MAXUINT16 || plain == marked) {
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CONFIG,
                         "port and port_nat_t must be two different ports (1-65535)");
    return FALSE;
  }
  endpoint = g_new0 (Endpoint, 1);
  endpoint->n_refs = 1;
  endpoint->is_active = TRUE;
  endpoint->wire = wire_ref (wire_get (ike_engine_sim (engine)));
  endpoint->self = self;
  endpoint->engine = engine;
  endpoint->addresses = g_array_new (FALSE, TRUE, sizeof (IkeAddr));
  endpoint->plain = (guint16) plain;
  endpoint->marked = (guint16) marked;
  endpoint->is_steered = ike_plugin_option_bool (self, "steer");
  take_counters (endpoint);
  ike_plugin_set_state (self, endpoint, leave);
  if (!take_addresses (self, endpoint, error))
    return FALSE;
  return endpoint->addresses->len > 0 || invent_addresses (self, endpoint, error);
}

static void
deactivate (IkePlugin *self)
{
  endpoint_of (self)->is_active = FALSE;
}

static const IkeFeature net_feature = { .struct_size = sizeof (IkeFeature),
                                        .provides = "net:sim",
                                        .ops = &net_class };
static const IkeFeature service_feature = { .struct_size = sizeof (IkeFeature),
                                            .provides = "service:net-sim",
                                            .ops = &sim_ops };
static const IkeFeature *const features[] = { &net_feature, &service_feature, NULL };

#define OPTION(option_path, option_type, option_fallback, option_doc)                              \
  &(const IkeOptionInfo)                                                                           \
  {                                                                                                \
    sizeof (IkeOptionInfo), option_path, option_type, option_fallback, option_doc                  \
  }

static const IkeOptionInfo *const options[] = {
  OPTION ("plugin/addresses", "list", NULL,
          "Addresses of this engine on the wire; unset: one of each family is invented."),
  OPTION ("plugin/port", "uint", "500", "Port without the non-ESP marker."),
  OPTION ("plugin/port_nat_t", "uint", "4500",
          "Port shared with ESP, on which IKE messages carry the non-ESP marker."),
  OPTION ("plugin/steer", "bool", "yes",
          "Deliver each message on the shard that owns its SA; no: always on the first, so that "
          "the engine forwards."),
  NULL,
};

IKE_PLUGIN (ike_plugin, "net-sim", IKE_PLUGIN_ON_REQUEST, .version = PACKAGE_VERSION,
            .license = "Apache-2.0", .summary = "an in-memory network, for tests",
            .features = features, .options = options, .activate = activate,
            .deactivate = deactivate);
