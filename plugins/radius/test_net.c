/* SPDX-License-Identifier: Apache-2.0 */
/* test_net.c - RADIUS servers in memory; see test_net.h. */
#include "test_net.h"

enum { DELAY_US = 500, FIRST_PORT = 40000 };

/* What an engine opened. */
typedef struct {
  RadiusNet *net;
  IkeLoop *io;
  IkeAddr local, remote;
  IkeRadiusReceiver receiver;
  gpointer owner;
} Station;

typedef struct {
  IkeAddr at;
  RadiusServe serve;
  gpointer user;
} Server;

struct _RadiusNet {
  IkeSim *sim;
  gint64 delay_us;
  guint16 next_port;
  GPtrArray *stations;
  GArray *servers;
};

typedef struct {
  RadiusNet *net;
  IkeAddr from, to;
  IkeSecretBlob *data; /* wiped, so that tests can tell who left something behind */
} Flight;

static gpointer
net_new (IkeSim *sim)
{
  RadiusNet *net = g_new0 (RadiusNet, 1);

  net->sim = sim;
  net->delay_us = DELAY_US;
  net->next_port = FIRST_PORT;
  net->stations = g_ptr_array_new_with_free_func (g_free);
  net->servers = g_array_new (FALSE, TRUE, sizeof (Server));
  return net;
}

static void
net_free (gpointer data)
{
  RadiusNet *net = data;

  g_ptr_array_unref (net->stations);
  g_array_unref (net->servers);
  g_free (net);
}

RadiusNet *
radius_net (IkeSim *sim)
{
  return ike_sim_shared (sim, "radius-net", net_new, net_free);
}

void
radius_net_delay (RadiusNet *net, gint64 delay_us)
{
  net->delay_us = delay_us;
}

static Server *
server_at (RadiusNet *net, const IkeAddr *at)
{
  for (guint i = 0; i < net->servers->len; i++) {
    Server *server = &g_array_index (net->servers, Server, i);
    if (ike_addr_equal (&server->at, at))
      return server;
  }
  return NULL;
}

void
radius_net_serve (RadiusNet *net, const IkeAddr *at, RadiusServe serve, gpointer user)
{
  Server *known = server_at (net, at), server = { *at, serve, user };

  if (known)
    *known = server;
  else
    g_array_append_val (net->servers, server);
}

/* -- datagrams */

static void
flight_free (gpointer data)
{
  Flight *flight = data;

  ike_secret_blob_unref (flight->data);
  g_free (flight);
}

static Flight *
flight_copy (const Flight *flight)
{
  Flight *copy = g_new (Flight, 1);

  *copy = *flight;
  ike_secret_blob_ref (copy->data);
  return copy;
}

/* A socket that is connected hears from its server only; one that listens hears from everybody.
 * Some tests lie about where a datagram comes from, so who checks that is the plugin. */
static Station *
station_at (RadiusNet *net, const IkeAddr *at)
{
  for (guint i = 0; i < net->stations->len; i++) {
    Station *station = g_ptr_array_index (net->stations, i);
    if (station->local.port == at->port && station->local.family == at->family)
      return station;
  }
  return NULL;
}

/* On the io loop of the engine that has the station, if that is still there. */
static void
arrive_at_station (gpointer data)
{
  Flight *flight = data;
  Station *station = station_at (flight->net, &flight->to);
  const guint8 *bytes = ike_secret_blob_data (flight->data);
  gsize len = ike_secret_blob_len (flight->data);

  if (station)
    station->receiver.received (station->owner, &flight->from, bytes, len);
}

static void
arrive (gpointer data)
{
  Flight *flight = data;
  Station *station = station_at (flight->net, &flight->to);
  Server *server = server_at (flight->net, &flight->to);
  const guint8 *bytes = ike_secret_blob_data (flight->data);
  gsize len = ike_secret_blob_len (flight->data);

  if (server && server->serve)
    server->serve (flight->net, &flight->to, &flight->from, bytes, len, server->user);
  else if (station)
    ike_loop_post (station->io, arrive_at_station, flight_copy (flight), flight_free);
}

void
radius_net_send (RadiusNet *net, const IkeAddr *from, const IkeAddr *to, const void *data,
                 gsize len)
{
  Flight *flight = g_new0 (Flight, 1);

  flight->net = net;
  flight->from = *from;
  flight->to = *to;
  flight->data = ike_secret_blob_new (data, len);
  ike_sim_at (net->sim, ike_sim_now_us (net->sim) + net->delay_us, arrive, flight, flight_free);
}

/* -- the transport */

static gpointer
net_open (IkePlugin *self, const IkeAddr *local, const IkeAddr *remote,
          const IkeRadiusReceiver *receiver, gpointer owner, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (self);
  RadiusNet *net = radius_net (ike_engine_sim (engine));
  Station *station = g_new0 (Station, 1);

  station->net = net;
  station->io = ike_engine_io (engine);
  station->remote = *remote;
  station->local = *local;
  if (!station->local.family)
    station->local.family = remote->family;
  if (!station->local.port)
    station->local.port = net->next_port++;
  station->receiver = *receiver;
  station->owner = owner;
  g_ptr_array_add (net->stations, station);
  return station;
}

static gboolean
net_send (gpointer socket, const IkeAddr *to, const guint8 *data, gsize len)
{
  Station *station = socket;

  radius_net_send (station->net, &station->local, to, data, len);
  return TRUE;
}

static void
net_close (gpointer socket)
{
  Station *station = socket;

  g_ptr_array_remove_fast (station->net->stations, station);
}

static const IkeRadiusTransportClass transport_class = { sizeof (IkeRadiusTransportClass), net_open,
                                                         net_send, net_close };
static const IkeFeature transport_feature = { .struct_size = sizeof (IkeFeature),
                                              .provides = "radius-transport:memory",
                                              .ops = &transport_class };
static const IkeFeature *const features[] = { &transport_feature, NULL };

const IkePluginInfo radius_net_plugin = {
  .struct_size = sizeof radius_net_plugin,
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "radius-net",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "RADIUS servers in memory, for tests",
  .features = features,
};
