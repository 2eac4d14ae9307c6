/* SPDX-License-Identifier: Apache-2.0 */
/* weather.c - what the network does to a datagram: loss, duplication, reordering, corruption and
 * delay of the day, ends that are cut off from each other, and clients behind NAT. */
#include <string.h>
#include "sim.h"

static const Weather calm = { .latency_us = 10000 };

/* Per mille.  What is corrupted is taken for noise: rare. */
static const Weather kinds[] = {
  { .latency_us = 10000 },
  { .latency_us = 40000, .jitter_us = 20000 },
  { .loss = 50, .latency_us = 20000, .jitter_us = 10000 },
  { .loss = 200, .latency_us = 30000, .jitter_us = 30000 },
  { .duplicate = 300, .latency_us = 15000 },
  { .reorder = 300, .latency_us = 20000, .jitter_us = 40000 },
  { .loss = 100, .duplicate = 100, .reorder = 100, .latency_us = 50000, .jitter_us = 100000 },
  { .loss = 30, .corrupt = 30, .latency_us = 20000 },
  { .latency_us = 900000, .jitter_us = 700000 },
  { .loss = 500, .latency_us = 20000 },
};

static void
apply (World *world)
{
  const Weather *w = &world->weather;
  IkeSimChaos chaos = { sizeof chaos, w->loss, w->duplicate, w->reorder, w->corrupt };
  guint i;

  /* The wire is one: any engine that lives will do. */
  for (i = 0; i < world->n_ends && !world->ends[i].engine; i++)
    ;
  if (i == world->n_ends)
    return;
  world->ends[i].net_ops->set_latency (world->ends[i].net, w->latency_us, w->jitter_us);
  world->ends[i].net_ops->set_chaos (world->ends[i].net, &chaos);
}

void
weather_set (World *world, const Weather *weather)
{
  world->weather = weather ? *weather : calm;
  world_note (
      world, NULL, "weather: loss %u, duplicates %u, reordered %u, corrupt %u per mille, %u+%u ms",
      world->weather.loss, world->weather.duplicate, world->weather.reorder, world->weather.corrupt,
      (guint) (world->weather.latency_us / 1000), (guint) (world->weather.jitter_us / 1000));
  apply (world);
}

void
weather_draw (World *world, guint kind)
{
  weather_set (world, &kinds[kind % G_N_ELEMENTS (kinds)]);
}

/* -- partitions */

static void
judge (const IkeSimPacket *packet, IkeSimFate *fate, gpointer data)
{
  World *world = data;
  End *from = world_end_at (world, &packet->from), *to = world_end_at (world, &packet->to);

  if (from && to && world->is_cut[from->index][to->index])
    fate->n_copies = 0;
}

static void
cut_pair (World *world, guint a, guint b, gboolean is_cut)
{
  world->is_cut[a][b] = world->is_cut[b][a] = is_cut;
}

void
weather_cut (World *world, guint a, guint b, gboolean is_cut)
{
  guint i;

  for (i = 0; i < world->n_ends; i++)
    if (i != a && (i == b || b == world->n_ends))
      cut_pair (world, a, i, is_cut);
  world_note (world, &world->ends[a], "%s %s", is_cut ? "cut off from" : "heard again by",
              b < world->n_ends ? world->ends[b].name : "everybody");
}

void
weather_heal (World *world)
{
  guint a, b;

  for (a = 0; a < world->n_ends; a++)
    for (b = a + 1; b < world->n_ends; b++)
      cut_pair (world, a, b, FALSE);
  world_note (world, NULL, "nobody is cut off any more");
}

/* -- the beginning */

void
weather_begin (World *world)
{
  End *any = &world->ends[0];
  gboolean is_added[ENDS_MAX] = { FALSE };
  guint i;

  any->net_ops->tap_add (any->net, observe_wire, world);
  any->net_ops->set_script (any->net, judge, world);
  weather_set (world, NULL);
  for (i = 0; i < world->links->len; i++) {
    const Link *link = world_link (world, i);
    IkeAddr outside = { .family = 4, .bytes = { 192, 0, 2, (guint8) (link->ends[1]->index + 1) } };
    if (!link->is_nat || is_added[link->ends[1]->index])
      continue;
    any->net_ops->nat_add (any->net, &link->ends[1]->addr, &outside);
    is_added[link->ends[1]->index] = TRUE;
  }
}
