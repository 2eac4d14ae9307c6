/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - the only place that asks the system for the time. */
#include "config.h"
#include <time.h>
#include "runtime/loop_private.h"
#include "runtime/sim_private.h"

/* Where the wall clock of a simulation begins: 2026-01-01, inside the validity of certificates made
 * for tests. */
#define SIMULATED_EPOCH_US (G_GINT64_CONSTANT (1767225600) * G_USEC_PER_SEC)

static gint64
clock_us (clockid_t which)
{
  struct timespec now;

  clock_gettime (which, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

gint64
ike_clock_monotonic_us (void)
{
  return clock_us (CLOCK_MONOTONIC);
}

gint64
ike_clock_wall_us (void)
{
  return clock_us (CLOCK_REALTIME);
}

gint64
ike_engine_now_us (IkeEngine *engine)
{
  return engine->sim ? ike_sim_now_us (engine->sim) : ike_clock_monotonic_us ();
}

gint64
ike_engine_wall_us (IkeEngine *engine)
{
  return engine->sim ? SIMULATED_EPOCH_US + ike_sim_now_us (engine->sim) + engine->wall_shift_us
                     : ike_clock_wall_us ();
}

void
ike_sim_shift_wall (IkeEngine *engine, gint64 by_us)
{
  g_return_if_fail (engine->sim);
  engine->wall_shift_us += by_us;
}

IkeSim *
ike_engine_sim (IkeEngine *engine)
{
  return engine->sim;
}

gboolean
ike_engine_is_simulated (IkeEngine *engine)
{
  return engine->sim != NULL;
}
