/* SPDX-License-Identifier: Apache-2.0 */
/* traffic.c - tagged packets of the hosts behind the ends, and what became of each: it arrived
 * under the SA that it was sealed in, or it is known why not.
 *
 * A packet on the wire is known by SPI and sequence number; what came from the net plugin under
 * another is only excused when the network changed bytes of it. */
#include <string.h>
#include "sim.h"

enum { MAGIC = 0x7a99ed, MARKED = 4500 };

typedef enum { UNDERWAY, ARRIVED, LOST, GONE_AT_RECEIVER, UNREAD } Fate;

/* What is inside. */
typedef struct {
  guint32 magic, number, link, child, side, reserved;
} Tag;

typedef struct {
  Tag tag;
  guint32 spi, sequence, from, to, generation; /* generation: of the receiver */
  guint64 hash, number;                        /* of the sealed bytes; on the wire */
  gint64 sent_us, reached_us;
  Fate fate;
} Packet;

struct _Traffic {
  GHashTable *packets; /* SPI << 32 | sequence → Packet */
  Packet *sending;
  guint32 n_tags, marked;
  guint n_spoiled; /* reached their end with other bytes, and are not judged yet */
};

static guint
key_hash (gconstpointer key)
{
  return (guint) (*(const guint64 *) key ^ *(const guint64 *) key >> 32);
}

Traffic *
traffic_new (void)
{
  Traffic *traffic = g_new0 (Traffic, 1);

  traffic->packets = g_hash_table_new_full (key_hash, g_int64_equal, g_free, g_free);
  return traffic;
}

void
traffic_free (Traffic *traffic)
{
  g_hash_table_unref (traffic->packets);
  g_free (traffic);
}

static guint64
bytes_hash (const guint8 *data, gsize len)
{
  guint64 hash = len;
  gsize i;

  for (i = 0; i < len; i++)
    hash = (hash ^ data[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash;
}

static guint32
number_at (const guint8 *at)
{
  return (guint32) at[0] << 24 | (guint32) at[1] << 16 | (guint32) at[2] << 8 | at[3];
}

static Packet *
find_number (World *world, guint64 number)
{
  GHashTableIter iter;
  gpointer packet;

  g_hash_table_iter_init (&iter, world->traffic->packets);
  while (g_hash_table_iter_next (&iter, NULL, &packet))
    if (((Packet *) packet)->number == number)
      return packet;
  return NULL;
}

static Packet *
find (World *world, guint32 spi, guint32 sequence)
{
  guint64 key = (guint64) spi << 32 | sequence;

  return g_hash_table_lookup (world->traffic->packets, &key);
}

/* -- sending */

typedef struct {
  World *world;
  Link *link;
  guint child, side;
} Send;

static void
send_one (gpointer data)
{
  const Send *s = data;
  Traffic *traffic = s->world->traffic;
  End *end = s->link->ends[s->side], *other = s->link->ends[1 - s->side];
  Packet *packet;
  IkeAddr from, to;
  guint32 sending;

  if (!end->engine)
    return;
  topology_host (s->link, s->side, s->child, &from);
  topology_host (s->link, 1 - s->side, s->child, &to);
  packet = g_new0 (Packet, 1);
  packet->tag = (Tag){ MAGIC, ++traffic->n_tags, s->link->index, s->child, s->side, 0 };
  packet->from = end->index;
  packet->to = other->index;
  packet->generation = other->generation;
  packet->sent_us = world_now (s->world);
  traffic->sending = packet;
  sending = end->kernel_ops->transmit (end->kernel, &from, &to, (const guint8 *) &packet->tag,
                                       sizeof packet->tag, &packet->spi);
  if (traffic->sending) {
    s->world->figures.n_unsent++;
    g_free (packet);
  }
  if (sending == IKE_FAKE_UNSENT && !s->world->fault)
    world_fault (s->world, "%s: a packet could not be sealed or sent", end->name);
  traffic->sending = NULL;
}

void
traffic_burst (World *world, Link *link, guint child, guint n, gint64 gap_us)
{
  guint i, side;

  for (i = 0; i < n; i++)
    for (side = 0; side < 2; side++) {
      Send *s = g_new (Send, 1);
      *s = (Send){ world, link, child, side };
      ike_sim_at (world->sim, world_now (world) + (gint64) i * gap_us, send_one, s, g_free);
    }
}

/* -- on the wire */

static gboolean
is_esp (const IkeSimPacket *packet)
{
  return !packet->ike && packet->len >= 8 && number_at (packet->data) != 0;
}

static void
sent (World *world, const IkeSimPacket *on_wire)
{
  Traffic *traffic = world->traffic;
  Packet *packet = g_steal_pointer (&traffic->sending);
  guint64 key;

  if (!packet)
    return;
  packet->spi = number_at (on_wire->data);
  packet->sequence = number_at (on_wire->data + 4);
  packet->number = on_wire->number;
  packet->hash = bytes_hash (on_wire->data, on_wire->len);
  key = (guint64) packet->spi << 32 | packet->sequence;
  if (g_hash_table_contains (traffic->packets, &key))
    world_fault (world, "%s: sequence number %u of SPI %08x is used twice",
                 world->ends[packet->from].name, packet->sequence, packet->spi);
  g_hash_table_insert (traffic->packets, g_memdup2 (&key, sizeof key), packet);
  world->figures.n_tags++;
}

/* What comes to the kernel with other bytes than were sent, even if it was no packet of ours. */
static void
arrived (World *world, const IkeSimPacket *on_wire, Packet *packet)
{
  if (packet && packet->hash == bytes_hash (on_wire->data, on_wire->len)) {
    packet->reached_us = world_now (world);
    return;
  }
  if (on_wire->to.port != MARKED)
    return;
  world->traffic->n_spoiled++;
  packet = find_number (world, on_wire->number);
  if (packet && packet->fate == UNDERWAY)
    packet->fate = LOST;
}

void
traffic_tap (World *world, IkeSimEvent event, const IkeSimPacket *on_wire)
{
  Packet *packet;

  if (!is_esp (on_wire))
    return;
  if (event == IKE_SIM_SENT) {
    sent (world, on_wire);
    return;
  }
  if (event == IKE_SIM_ARRIVED) {
    packet = find (world, number_at (on_wire->data), number_at (on_wire->data + 4));
    arrived (world, on_wire, packet);
    return;
  }
  /* What was lost may have been spoiled before. */
  packet = find_number (world, on_wire->number);
  if (packet && packet->fate == UNDERWAY)
    packet->fate = LOST;
}

/* -- at the other end */

static void
judge_unknown (End *end, Packet *packet)
{
  guint64 key = (guint64) IKE_DIR_IN << 32 | packet->spi;
  World *world = end->world;
  gsize gone_us;

  key ^= (guint64) (end->index + 1) << 48;
  gone_us = GPOINTER_TO_SIZE (g_hash_table_lookup (world->gone, &key));
  if (packet->fate != UNDERWAY && packet->fate != LOST)
    return;
  packet->fate = GONE_AT_RECEIVER;
  if (gone_us && gone_us >= (gsize) packet->sent_us)
    world->figures.n_late++;
  else
    world->figures.n_lonely++;
}

static void
judge_opened (End *end, Packet *packet, const IkeFakeArrival *arrival)
{
  World *world = end->world;

  if (arrival->len != sizeof packet->tag
      || memcmp (arrival->data, &packet->tag, sizeof packet->tag) != 0)
    world_fault (world, "%s: packet %u under SPI %08x holds something else", end->name,
                 packet->tag.number, arrival->spi);
  else if (end->index != packet->to)
    world_fault (world, "%s: packet %u was for %s", end->name, packet->tag.number,
                 world->ends[packet->to].name);
  packet->fate = ARRIVED;
}

static void
hear (const IkeFakeArrival *arrival, gpointer data)
{
  End *end = data;
  World *world = end->world;
  Packet *packet = find (world, arrival->spi, arrival->sequence);

  if (arrival->what == IKE_FAKE_OPENED && packet)
    judge_opened (end, packet, arrival);
  else if (packet && packet->reached_us && arrival->what == IKE_FAKE_UNKNOWN_SPI)
    judge_unknown (end, packet);
  else if (world->traffic->n_spoiled)
    world->traffic->n_spoiled--;
  else
    world_fault (world, "%s: a packet under SPI %08x does not open: the keys differ", end->name,
                 arrival->spi);
}

void
traffic_attach (End *end)
{
  end->kernel_ops->on_arrival (end->kernel, hear, end);
}

/* -- the count */

/* What reached an end that crashed before it looked is accounted for. */
static gboolean
is_open (World *world, Packet *packet)
{
  const End *to = &world->ends[packet->to];

  if (packet->fate == UNDERWAY && packet->reached_us
      && (!to->engine || to->generation != packet->generation))
    packet->fate = UNREAD;
  return packet->fate == UNDERWAY;
}

void
traffic_judge (World *world)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, world->traffic->packets);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Packet *packet = value;
    if (is_open (world, value))
      world_fault (world,
                   "packet %u from %s to %s (number %u of SPI %08x, #%" G_GUINT64_FORMAT
                   " on the wire, sent at %.6f s) is not accounted for",
                   packet->tag.number, world->ends[packet->from].name, world->ends[packet->to].name,
                   packet->sequence, packet->spi, packet->number,
                   (double) packet->sent_us / SECOND);
  }
}

void
traffic_mark (World *world)
{
  world->traffic->marked = world->traffic->n_tags;
}

void
traffic_forget (World *world)
{
  g_hash_table_remove_all (world->traffic->packets);
}

guint64
traffic_missing (const World *world)
{
  GHashTableIter iter;
  gpointer value;
  guint64 n = 0;

  g_hash_table_iter_init (&iter, world->traffic->packets);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Packet *packet = value;
    n += packet->tag.number > world->traffic->marked && packet->fate != ARRIVED;
  }
  return n;
}
