/* SPDX-License-Identifier: Apache-2.0 */
/* script.c - what is going to happen, drawn from the seed: a list of deeds with their times.
 *
 * Long idle stretches cost nothing, for the clock leaps over them; what goes wrong mostly goes
 * wrong when things happen at once, so deeds come in clusters. */
#include "sim.h"

static const struct {
  Deed deed;
  guint weight;
  int needs;
} weights[] = {
  { DO_UP, 14, -1 },
  { DO_DOWN, 9, -1 },
  { DO_COLLIDE, 14, -1 },
  { DO_REKEY, 12, CAN_REKEY },
  { DO_REKEY_IKE, 10, CAN_REKEY },
  { DO_REAUTH, 3, CAN_REAUTH },
  { DO_TRAFFIC, 16, -1 },
  { DO_WEATHER, 10, -1 },
  { DO_CUT, 4, -1 },
  { DO_HEAL, 5, -1 },
  { DO_CRASH, 4, -1 },
  { DO_NAT_FORGET, 3, -1 },
  { DO_EXPIRE, 5, -1 },
  { DO_WALL, 2, -1 },
  { DO_KERNEL_FAIL, 3, -1 },
  { DO_KERNEL_DELAY, 3, -1 },
};

static Deed
draw_deed (World *world)
{
  guint total = 0, at, i;

  for (i = 0; i < G_N_ELEMENTS (weights); i++)
    if (weights[i].needs < 0 || world_can (world, (Can) weights[i].needs))
      total += weights[i].weight;
  at = dice_below (&world->dice, total);
  for (i = 0; i < G_N_ELEMENTS (weights); i++) {
    if (weights[i].needs >= 0 && !world_can (world, (Can) weights[i].needs))
      continue;
    if (at < weights[i].weight)
      return weights[i].deed;
    at -= weights[i].weight;
  }
  return DO_TRAFFIC;
}

static gint64
draw_pause (Dice *dice)
{
  switch (dice_below (dice, 10)) {
  case 0:
  case 1:
    return 0;
  case 2:
  case 3:
    return dice_below (dice, 50000);
  case 4:
  case 5:
    return dice_range (dice, 50, 3000) * 1000ll;
  case 6:
  case 7:
    return dice_range (dice, 3, 40) * (gint64) SECOND;
  case 8:
    return dice_range (dice, 40, 400) * (gint64) SECOND;
  default:
    return dice_chance (dice, 70) ? dice_range (dice, 400, 1200) * (gint64) SECOND
                                  : dice_range (dice, 1, 5) * 3600 * (gint64) SECOND;
  }
}

static int
by_time (gconstpointer a, gconstpointer b)
{
  const Event *x = a, *y = b;

  return x->at_us < y->at_us ? -1 : x->at_us > y->at_us;
}

static void
add (World *world, gint64 at_us, Deed deed, guint a, guint b, guint c)
{
  Event event = { at_us, deed, a, b, c };

  g_array_append_val (world->events, event);
}

static void
draw_event (World *world, gint64 at_us)
{
  Dice *dice = &world->dice;
  Deed deed = draw_deed (world);
  guint link = dice_below (dice, world->links->len), end = dice_below (dice, world->n_ends);

  switch (deed) {
  case DO_CRASH:
    add (world, at_us, DO_CRASH, end, dice_chance (dice, 30), 0);
    add (world, at_us + dice_range (dice, 1, 90) * (gint64) SECOND, DO_RESTART, end, 0, 0);
    break;
  case DO_CUT:
    add (world, at_us, DO_CUT, end,
         dice_chance (dice, 50) ? world->n_ends : dice_below (dice, world->n_ends), 0);
    add (world, at_us + dice_range (dice, 5, 300) * (gint64) SECOND, DO_HEAL, 0, 0, 0);
    break;
  case DO_EXPIRE:
  case DO_WALL:
  case DO_KERNEL_FAIL:
  case DO_KERNEL_DELAY:
    add (world, at_us, deed, end, dice_below (dice, 1000), dice_below (dice, 1000));
    break;
  default:
    add (world, at_us, deed, link, dice_below (dice, 2), (guint) dice_next (dice) & 0xffff);
    break;
  }
}

void
script_draw (World *world)
{
  Dice *dice = &world->dice;
  guint n = dice_range (dice, 20, 80), i;
  gint64 at_us = 0;

  for (i = 0; i < world->links->len; i++)
    if (dice_chance (dice, 80))
      add (world, dice_below (dice, 2000000), DO_UP, i, dice_below (dice, 2), 0);
  for (i = 0; i < n; i++) {
    at_us += draw_pause (dice);
    draw_event (world, at_us);
  }
  g_array_sort (world->events, by_time);
}
