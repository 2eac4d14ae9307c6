/* SPDX-License-Identifier: Apache-2.0 */
/* loss.c - figures: how many setups succeed through loss, and how long they take. */
#include <stdlib.h>
#include "sim.h"

static int
by_number (gconstpointer a, gconstpointer b)
{
  return *(const gint64 *) a < *(const gint64 *) b ? -1 : *(const gint64 *) a > *(const gint64 *) b;
}

/* One setup from nothing; its time in virtual microseconds, or -1. */
static gint64
one_setup (World *world, Link *link)
{
  guint answered = world->n_answered, granted = world->n_granted, side;
  gint64 began = world_now (world), took;

  command_run (link->ends[0], "up", topology_args (link, 0));
  while (world->n_answered == answered && world_run (world, world_now (world) + 1000))
    ;
  took = world->n_granted > granted ? world_now (world) - began : -1;
  for (side = 0; side < 2; side++)
    command_force_down (link, side, -1);
  /* What the peer keeps half open goes meanwhile. */
  world_run (world, world_now (world) + 60 * (gint64) SECOND);
  return took;
}

static void
report (World *world, guint loss_per_mille, guint n)
{
  const Weather weather = { .loss = loss_per_mille, .latency_us = 10000 };
  g_autofree gint64 *took = g_new (gint64, n);
  guint n_ok = 0, i;

  weather_set (world, &weather);
  for (i = 0; i < n && !world->fault; i++) {
    gint64 us = one_setup (world, world_link (world, 0));
    if (us >= 0)
      took[n_ok++] = us;
  }
  qsort (took, n_ok, sizeof *took, by_number);
  if (n_ok)
    printf ("loss %4.1f %%: %u of %u setups, virtual time p50 %.3f s, p99 %.3f s, longest %.3f s\n",
            loss_per_mille / 10.0, n_ok, n, (double) took[n_ok / 2] / SECOND,
            (double) took[n_ok * 99 / 100] / SECOND, (double) took[n_ok - 1] / SECOND);
  else
    printf ("loss %4.1f %%: no setup of %u\n", loss_per_mille / 10.0, n);
}

int
loss_report (const Options *options, guint n)
{
  static const guint losses[] = { 0, 50, 200 };
  Options two = *options;
  int status;
  World *world;
  guint i;

  two.n_gateways = 2;
  two.n_clients = 0;
  two.is_plain = TRUE;
  world = world_new (&two);
  for (i = 0; i < G_N_ELEMENTS (losses); i++)
    report (world, losses[i], n);
  if (world->fault)
    printf ("%s\n", world->fault);
  status = world->fault != NULL;
  world_free (world);
  return status;
}
