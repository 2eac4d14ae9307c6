/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c - carries packets from one engine to another: pool, delay, delivery by address. */
#include <string.h>
#include "wire.h"

enum { POOL_KEEP = 256, IKE_HEADER = 28 };

guint
addr_hash (gconstpointer addr)
{
  const IkeAddr *a = addr;
  guint32 hash = 2166136261u ^ a->family;
  for (guint i = 0; i < sizeof a->bytes; i++)
    hash = (hash ^ a->bytes[i]) * 16777619u;
  return (hash ^ a->port) * 16777619u;
}

gboolean
addr_equal (gconstpointer a, gconstpointer b)
{
  return ike_addr_equal (a, b);
}

static gpointer
wire_new (IkeSim *sim)
{
  Wire *wire = g_new0 (Wire, 1);
  wire->n_refs = 1;
  wire->sim = sim;
  wire->listeners = g_hash_table_new_full (addr_hash, addr_equal, g_free, NULL);
  wire->hosts =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_array_unref);
  wire->script = script_new ();
  wire->nat = nat_new ();
  return wire;
}

static void
packet_destroy (Packet *packet)
{
  if (packet->data != packet->room)
    g_free (packet->data);
  g_free (packet);
}

static void
packets_destroy (Packet *packet)
{
  while (packet) {
    Packet *next = packet->next;
    packet_destroy (packet);
    packet = next;
  }
}

Wire *
wire_ref (Wire *wire)
{
  wire->n_refs++;
  return wire;
}

void
wire_unref (Wire *wire)
{
  if (--wire->n_refs > 0)
    return;
  packets_destroy (wire->pool);
  g_hash_table_unref (wire->listeners);
  g_hash_table_unref (wire->hosts);
  script_free (wire->script);
  nat_free (wire->nat);
  g_free (wire);
}

/* The simulation ends: packets that were held back will never have a next one to follow. */
static void
wire_leave (gpointer data)
{
  Wire *wire = data;
  while (wire->held) {
    Packet *packet = wire->held;
    wire->held = packet->next;
    packet_free (packet);
  }
  wire_unref (wire);
}

Wire *
wire_get (IkeSim *sim)
{
  return ike_sim_shared (sim, "net-sim", wire_new, wire_leave);
}

Packet *
wire_packet (Wire *wire, const IkeAddr *from, const IkeAddr *to, gsize len)
{
  Packet *packet = wire->pool;
  if (packet) {
    wire->pool = packet->next;
    wire->n_pool--;
  } else {
    packet = g_new (Packet, 1);
    packet->data = packet->room;
  }
  packet->n_refs = 1;
  packet->next = NULL;
  packet->wire = wire_ref (wire);
  packet->endpoint = NULL;
  packet->from = *from;
  packet->to = *to;
  packet->number = 0;
  packet->shard = 0;
  packet->len = (guint32) len;
  if (len > PACKET_ROOM)
    packet->data = g_malloc (len);
  return packet;
}

void
packet_free (gpointer data)
{
  Packet *packet = data;
  Wire *wire = packet->wire;
  if (--packet->n_refs > 0)
    return;
  if (packet->endpoint)
    endpoint_unref (packet->endpoint);
  if (packet->data != packet->room) {
    g_free (packet->data);
    packet->data = packet->room;
  }
  if (wire->n_pool < POOL_KEEP) {
    packet->next = wire->pool;
    wire->pool = packet;
    wire->n_pool++;
  } else {
    packet_destroy (packet);
  }
  wire_unref (wire);
}

/* Keeps what fits of the content. */
void
packet_resize (Packet *packet, gsize len)
{
  if (len > PACKET_ROOM && len > packet->len) {
    guint8 *data = g_malloc (len);
    memcpy (data, packet->data, packet->len);
    if (packet->data != packet->room)
      g_free (packet->data);
    packet->data = data;
  }
  packet->len = (guint32) len;
}

/* Port 500 has no marker; anywhere else four zero bytes come before the header (RFC 3948, 2.2).
 * On whichever port it is, a version octet of 1.x or 2.x and a length field that fits tell an
 * IKE header from ESP. */
static const guint8 *
find_ike (const guint8 *data, gsize len)
{
  gsize at = len >= 4 && memcmp (data, "\0\0\0\0", 4) == 0 ? 4 : 0;
  guint32 claimed;
  guint8 major;
  if (len < at + IKE_HEADER)
    return NULL;
  major = data[at + 17] >> 4;
  memcpy (&claimed, data + at + 24, sizeof claimed);
  return (major == 1 || major == 2) && GUINT32_FROM_BE (claimed) == len - at ? data + at : NULL;
}

void
packet_describe (const Packet *packet, IkeSimPacket *out)
{
  memset (out, 0, sizeof *out);
  out->struct_size = sizeof *out;
  out->number = packet->number;
  out->time_us = ike_sim_now_us (packet->wire->sim);
  out->from = packet->from;
  out->to = packet->to;
  out->data = packet->data;
  out->len = packet->len;
  out->ike = find_ike (packet->data, packet->len);
  if (out->ike) {
    out->exchange = out->ike[18];
    out->is_response = (out->ike[19] & 0x20) != 0;
  }
}

void
wire_tell (Wire *wire, IkeSimEvent event, const Packet *packet)
{
  IkeSimPacket view;
  wire->count[event]++;
  if (!script_is_heard (wire->script))
    return;
  packet_describe (packet, &view);
  script_tell (wire->script, event, &view);
}

gboolean
wire_listen (Wire *wire, Endpoint *endpoint, const IkeAddr *host)
{
  const guint16 ports[] = { endpoint->plain, endpoint->marked };
  IkeAddr keys[2] = { *host, *host };
  for (guint i = 0; i < 2; i++) {
    keys[i].port = ports[i];
    if (g_hash_table_lookup (wire->listeners, &keys[i]))
      return FALSE;
  }
  for (guint i = 0; i < 2; i++)
    g_hash_table_insert (wire->listeners, g_memdup2 (&keys[i], sizeof keys[i]), endpoint);
  return TRUE;
}

void
wire_unlisten (Wire *wire, Endpoint *endpoint, const IkeAddr *host)
{
  IkeAddr key = *host;
  const guint16 ports[] = { endpoint->plain, endpoint->marked };
  for (guint i = 0; i < 2; i++) {
    key.port = ports[i];
    if (g_hash_table_lookup (wire->listeners, &key) == endpoint)
      g_hash_table_remove (wire->listeners, &key);
  }
}

static void
arrive (gpointer data)
{
  Packet *packet = data;
  Wire *wire = packet->wire;
  Endpoint *endpoint = g_hash_table_lookup (wire->listeners, &packet->to);
  if (!endpoint) {
    wire_tell (wire, IKE_SIM_NOWHERE, packet);
    return;
  }
  wire_tell (wire, IKE_SIM_ARRIVED, packet);
  packet->n_refs++; /* the closure's own goes when this function returns */
  endpoint_arrive (endpoint, packet);
}

static void
schedule (Packet *packet_take, gint64 delay_us)
{
  Wire *wire = packet_take->wire;
  ike_sim_at (wire->sim, ike_sim_now_us (wire->sim) + MAX (delay_us, 0), arrive, packet_take,
              packet_free);
}

static Packet *
packet_copy (const Packet *packet)
{
  Packet *copy = wire_packet (packet->wire, &packet->from, &packet->to, packet->len);
  copy->number = packet->number;
  memcpy (copy->data, packet->data, packet->len);
  return copy;
}

/* Packets held back go right behind the one that overtakes them. */
static void
release_held (Wire *wire, const Packet *overtaking, gint64 delay_us)
{
  Packet **at = &wire->held;
  while (*at) {
    Packet *packet = *at;
    if (ike_addr_equal (&packet->from, &overtaking->from)
        && ike_addr_equal (&packet->to, &overtaking->to)) {
      *at = packet->next;
      schedule (packet, delay_us + 1);
    } else {
      at = &packet->next;
    }
  }
}

void
wire_send (Wire *wire, Packet *packet_take, gint64 delay_us)
{
  Lot lot = { 1, delay_us, FALSE };
  packet_take->number = ++wire->n_sent;
  wire_tell (wire, IKE_SIM_SENT, packet_take);
  if (delay_us < 0)
    script_judge (wire->script, packet_take, &lot);
  if (lot.n_copies == 0) {
    wire_tell (wire, IKE_SIM_LOST, packet_take);
    packet_free (packet_take);
    return;
  }
  nat_translate (wire->nat, &packet_take->from, &packet_take->to);
  if (lot.is_swapped) {
    packet_take->next = wire->held;
    wire->held = packet_take;
    return;
  }
  release_held (wire, packet_take, lot.delay_us);
  for (guint i = 1; i < lot.n_copies; i++)
    schedule (packet_copy (packet_take), lot.delay_us + i);
  schedule (packet_take, lot.delay_us);
}
