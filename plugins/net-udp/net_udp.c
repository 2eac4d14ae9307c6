/* SPDX-License-Identifier: Apache-2.0 */
/* net_udp.c - the plugin: UDP sockets of the two IKE ports as `net:udp`.
 *
 * Each port × family is one reuseport group whose steering program hands every datagram to the
 * shard that owns its SA; that shard's loop watches the socket.  Nothing depends on the program:
 * ike_input() forwards what came to another shard.  The ESP sockets are watched here and feed
 * the attached sink, until the kernel plugin asks for one while it activates: from then on its
 * own loop reads it. */
#include "config.h"
#include <string.h>
#include <sys/epoll.h>
#include <ikebana/tree.h>
#include "resolve.h"
#include "udp.h"

enum { MAX_SHARDS = 85 }; /* 3N sockets in one byte */

typedef struct {
  IkePlugin *self;
  IkeEngine *engine;
  Udp *udp;
  IkeEspSink sink_class; /* set while plugins activate, before any shard runs */
  gpointer sink;
  guint32 counters[UDP_N_COUNTS];
} NetUdp;

static const char *const counter_names[UDP_N_COUNTS] = {
  "net.rx",        "net.tx",           "net.truncated",       "net.short",
  "net.forwarded", "net.keepalive-rx", "net.keepalive-tx",    "net.esp-rx",
  "net.esp-tx",    "net.tx-failed",    "net.wrong-interface",
};

static NetUdp *
state_of (IkePlugin *self)
{
  return ike_plugin_state (self);
}

/* -- what the sockets tell */

static void
owner_ike (gpointer owner, guint shard, const IkeDatagram *datagram)
{
  ike_input (((NetUdp *) owner)->engine, shard, datagram);
}

static void
owner_esp (gpointer owner, const IkeDatagram *datagrams, guint n)
{
  NetUdp *net = owner;
  if (net->sink_class.received)
    net->sink_class.received (net->sink, datagrams, n);
}

static void
owner_count (gpointer owner, UdpCount what, guint n)
{
  NetUdp *net = owner;
  ike_counter_add (net->engine, net->counters[what], n);
}

static int
owner_shard (gpointer owner, const guint8 *data, gsize len)
{
  return ike_input_shard (((NetUdp *) owner)->engine, data, len);
}

typedef struct {
  NetUdp *net;
  guint shard;
} Flush;

static void
run_flush (gpointer data)
{
  Flush *flush = data;
  if (flush->net->udp)
    udp_flush (flush->net->udp, flush->shard);
}

/* What a timer or a job sends is flushed by the engine at the end of the turn, or here in the
 * next one. */
static void
owner_queued (gpointer owner, guint shard)
{
  NetUdp *net = owner;
  Flush flush = { net, shard };
  ike_loop_post (ike_engine_shard (net->engine, shard), run_flush, g_memdup2 (&flush, sizeof flush),
                 g_free);
}

static void
owner_warn (gpointer owner, const char *text)
{
  ike_log (((NetUdp *) owner)->engine, IKE_LOG_NOTICE, "net", "%s", text);
}

static const UdpOwnerClass owner_class = {
  .ike = owner_ike,
  .esp = owner_esp,
  .count = owner_count,
  .shard = owner_shard,
  .queued = owner_queued,
  .warn = owner_warn,
};

/* -- the class */

static gboolean
net_send (IkePlugin *self, guint shard, const IkeDatagram *datagram)
{
  return udp_send (state_of (self)->udp, shard, datagram);
}

static void
net_flush (IkePlugin *self, guint shard)
{
  udp_flush (state_of (self)->udp, shard);
}

static void
net_ports (IkePlugin *self, guint16 *plain, guint16 *marked)
{
  *plain = state_of (self)->udp->plain;
  *marked = state_of (self)->udp->marked;
}

static void
net_resolve (IkePlugin *self, IkeCall *call, const char *name, guint8 family)
{
  resolve_name (ike_plugin_engine (self), call, name, family);
}

static void
net_attach_esp (IkePlugin *self, const IkeEspSink *sink_class, gpointer sink)
{
  NetUdp *net = state_of (self);
  memset (&net->sink_class, 0, sizeof net->sink_class);
  if (sink_class)
    memcpy (&net->sink_class, sink_class, MIN (sink_class->struct_size, sizeof net->sink_class));
  net->sink = sink;
}

static gboolean
net_esp_send (IkePlugin *self, const IkeDatagram *datagrams, guint n)
{
  return udp_esp_send (state_of (self)->udp, datagrams, n);
}

static int
net_esp_socket (IkePlugin *self, guint k, guint8 family)
{
  UdpSocket *own = udp_esp_socket (state_of (self)->udp, k, family);
  if (!own)
    return -1;
  own->is_lent = TRUE;
  return own->fd;
}

static void
net_keepalive (IkePlugin *self, guint shard, const IkeAddr *local, const IkeAddr *remote)
{
  udp_keepalive (state_of (self)->udp, shard, local, remote);
}

static void
net_each_socket (IkePlugin *self,
                 void (*each) (gpointer data, int fd, guint8 family, gboolean is_marked),
                 gpointer data)
{
  const Udp *udp = state_of (self)->udp;
  for (guint i = 0; i < udp->groups->len; i++) {
    const UdpGroup *group = g_ptr_array_index (udp->groups, i);
    for (guint k = 0; k < group->n; k++)
      each (data, group->sockets[k].fd, group->family, group->is_marked);
  }
}

static void
net_describe (IkePlugin *self, IkeTree *into)
{
  const NetUdp *net = state_of (self);
  IkeTree *listening;
  ike_tree_set_string (into, "name", "udp");
  ike_tree_set_format (into, "text", "UDP ports %u and %u", net->udp->plain, net->udp->marked);
  ike_tree_set_int (into, "port", net->udp->plain);
  ike_tree_set_int (into, "port_nat_t", net->udp->marked);
  listening = ike_tree_add_list (into, "listening");
  for (guint i = 0; i < net->udp->groups->len; i++) {
    const UdpGroup *group = g_ptr_array_index (net->udp->groups, i);
    IkeTree *item = ike_tree_add_section (listening, NULL);
    char text[IKE_ADDR_TEXT_SIZE];
    ike_tree_set_string (item, "address", ike_addr_format (&group->address, FALSE, text));
    ike_tree_set_int (item, "port", group->address.port);
    ike_tree_set_int (item, "sockets", group->n);
    ike_tree_set_bool (item, "steered", group->is_steered);
  }
}

static const IkeNetClass net_class = {
  .struct_size = sizeof (IkeNetClass),
  .send = net_send,
  .flush = net_flush,
  .ports = net_ports,
  .resolve = net_resolve,
  .attach_esp = net_attach_esp,
  .esp_send = net_esp_send,
  .esp_socket = net_esp_socket,
  .describe = net_describe,
  .keepalive = net_keepalive,
  .each_socket = net_each_socket,
};

/* -- coming and going */

static void
is_readable (int fd, guint32 events, gpointer data)
{
  UdpSocket *own = data;
  if (!own->is_lent)
    udp_read (own);
}

/* The first job of each shard.  By then all plugins are active: a kernel plugin has asked for an
 * ESP socket or not. */
static void
run_watch (gpointer data)
{
  UdpSocket *own = data;
  NetUdp *net = own->group->udp->owner;
  if (own->is_lent)
    return;
  if (!ike_loop_watch (ike_engine_shard (net->engine, own->shard), own->fd, EPOLLIN, is_readable,
                       own))
    owner_warn (
        net,
        "a socket cannot be watched, its datagrams are lost: raise the limit of file descriptors");
}

static void
watch_all (NetUdp *net)
{
  for (guint i = 0; i < net->udp->groups->len; i++) {
    UdpGroup *group = g_ptr_array_index (net->udp->groups, i);
    for (guint j = 0; j < group->n; j++)
      ike_loop_post (ike_engine_shard (net->engine, group->sockets[j].shard), run_watch,
                     &group->sockets[j], NULL);
  }
}

static gboolean
read_addresses (IkePlugin *self, GArray *addresses, GError **error)
{
  g_auto (GStrv) texts = ike_plugin_option_list (self, "addresses");
  for (guint i = 0; texts && texts[i]; i++) {
    IkeAddr addr;
    if (!ike_addr_parse (&addr, texts[i], error)) {
      g_prefix_error (error, "addresses: ");
      return FALSE;
    }
    if (ike_addr_is_any (&addr)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                   "addresses: %s is no address; leave the option out to listen on all", texts[i]);
      return FALSE;
    }
    g_array_append_val (addresses, addr);
  }
  return TRUE;
}

static gboolean
read_port (IkePlugin *self, const char *name, guint16 *port, GError **error)
{
  guint64 value = ike_plugin_option_uint (self, name);
  if (value > G_MAXUINT16) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "%s: %" G_GUINT64_FORMAT " is no port (0-65535)", name, value);
    return FALSE;
  }
  *port = (guint16) value;
  return TRUE;
}

static gboolean
open_sockets (NetUdp *net, GError **error)
{
  IkePlugin *self = net->self;
  g_autoptr (GArray) addresses = g_array_new (FALSE, TRUE, sizeof (IkeAddr));
  g_auto (GStrv) interfaces = ike_plugin_option_list (self, "interfaces");
  UdpOptions options = {
    .wants_ipv4 = ike_plugin_option_bool (self, "ipv4"),
    .wants_ipv6 = ike_plugin_option_bool (self, "ipv6"),
    .wants_steering = ike_plugin_option_bool (self, "cbpf"),
    .n_shards = ike_engine_n_shards (net->engine),
    .buckets = ike_engine_buckets (net->engine),
    .interfaces = (const char *const *) interfaces,
    .max_packet = (guint) CLAMP (ike_plugin_option_uint (self, "max_packet"), 1280, 65535),
  };
  if (!read_port (self, "port", &options.plain, error)
      || !read_port (self, "port_nat_t", &options.marked, error)
      || !read_addresses (self, addresses, error))
    return FALSE;
  if (options.plain == options.marked && options.plain != 0) {
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CONFIG,
                         "port and port_nat_t must be two different ports");
    return FALSE;
  }
  options.addresses = (const IkeAddr *) addresses->data;
  options.n_addresses = addresses->len;
  /* The table of shards is a byte each, and a group of 3N sockets is named by a byte too. */
  options.wants_steering = options.wants_steering && options.n_shards <= MAX_SHARDS;
  net->udp = udp_new (&options, &owner_class, net, error);
  return net->udp != NULL;
}

static void
net_free (gpointer data)
{
  NetUdp *net = data;
  udp_free (net->udp);
  g_free (net);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  NetUdp *net;
  if (ike_engine_is_simulated (ike_plugin_engine (self))) {
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                         "has no place in a simulation; load net-sim instead");
    return FALSE;
  }
  net = g_new0 (NetUdp, 1);
  net->self = self;
  net->engine = ike_plugin_engine (self);
  ike_plugin_set_state (self, net, net_free);
  for (guint i = 0; i < UDP_N_COUNTS; i++)
    net->counters[i] = ike_counter (net->engine, counter_names[i]);
  if (!open_sockets (net, error))
    return FALSE;
  watch_all (net);
  return TRUE;
}

static const IkeFeature net_feature = { .struct_size = sizeof (IkeFeature),
                                        .provides = "net:udp",
                                        .ops = &net_class };
static const IkeFeature *const features[] = { &net_feature, NULL };

#define OPTION(option_path, option_type, option_fallback, option_doc)                              \
  &(const IkeOptionInfo)                                                                           \
  {                                                                                                \
    sizeof (IkeOptionInfo), option_path, option_type, option_fallback, option_doc                  \
  }

static const IkeOptionInfo *const options[] = {
  OPTION ("plugin/port", "uint", "500",
          "UDP port of IKE.  0: any free one, for a daemon that only initiates."),
  OPTION ("plugin/port_nat_t", "uint", "4500",
          "UDP port that IKE shares with ESP (NAT traversal).  0: any free one."),
  OPTION ("plugin/addresses", "list", NULL, "Listen on these addresses only; unset: on all."),
  OPTION ("plugin/interfaces", "list", NULL,
          "Take only what came in on these interfaces; unset: on all."),
  OPTION ("plugin/ipv4", "bool", "yes", "Use IPv4."),
  OPTION ("plugin/ipv6", "bool", "yes", "Use IPv6, where the system has it."),
  OPTION ("plugin/cbpf", "bool", "yes",
          "Let the kernel hand each datagram to the thread that owns its SA; no: threads forward "
          "to each other."),
  OPTION ("plugin/max_packet", "bytes", "10000",
          "Largest datagram that is taken; larger ones are dropped and counted."),
  NULL,
};

IKE_PLUGIN (ike_plugin, "net-udp", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "UDP sockets, NAT traversal", .features = features, .options = options,
            .activate = activate);
