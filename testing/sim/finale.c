/* SPDX-License-Identifier: Apache-2.0 */
/* finale.c - how each run ends: the weather clears up, everybody is back, and then everything has
 * to work: connections come up, no packet is lost, all goes down, and nothing is left. */
#include <malloc.h>
#include <string.h>
#include "sim.h"

enum { PROBES = 12, CYCLES = 12, GROWTHS = 6 };

/* AddressSanitizer's malloc does not count, and what glibc keeps for each thread it counts as in
 * use. */
#if defined(__SANITIZE_ADDRESS__)
enum { COUNTS = FALSE };
#else
enum { COUNTS = TRUE };
#endif

static gboolean
measures_heap (void)
{
  const char *tunables = g_getenv ("GLIBC_TUNABLES");

  return COUNTS && tunables && strstr (tunables, "tcache_count=0");
}

static gint64
longest_give_up (World *world)
{
  gint64 longest = 0;
  guint i;

  for (i = 0; i < world->links->len; i++)
    longest = MAX (longest, world_link (world, i)->give_up_us);
  return longest;
}

static gboolean
run_for (World *world, gint64 us)
{
  return world_run (world, world_now (world) + us);
}

static void
clear_up (World *world)
{
  guint i, operation;

  weather_heal (world);
  for (i = 0; i < world->n_ends; i++) {
    End *end = &world->ends[i];
    if (!end->engine)
      end_start (end);
    end->kernel_ops->delay (end->kernel, 0);
    for (operation = 0; operation < IKE_FAKE_N_OPERATIONS; operation++)
      end->kernel_ops->fail_next (end->kernel, (IkeFakeOperation) operation, NULL);
  }
  weather_set (world, NULL);
}

/* -- up again */

/* Where nothing tells an end that it is alone, it is told: without a word, for the other is not
 * there. */
static void
forget_what_cannot_heal (World *world)
{
  guint i, side;

  for (i = 0; i < world->links->len; i++) {
    Link *link = world_link (world, i);
    gboolean heals = !link->is_child_forced && world_can (world, CAN_DPD) && link->dpd_s[0]
                     && link->dpd_s[1]
                     && (!link->is_nat || world_can (world, CAN_REBIND));
    for (side = 0; side < 2 && !heals; side++)
      command_force_down (link, side, -1);
  }
}

/* Who is behind NAT begins. */
static gboolean
all_up (World *world)
{
  guint refused = world->n_refused, i;

  for (i = 0; i < world->links->len; i++)
    command_run (world_link (world, i)->ends[1], "up", topology_args (world_link (world, i), 0));
  if (!run_for (world, longest_give_up (world)))
    return FALSE;
  if (world->n_refused != refused)
    world_fault (world, "in fair weather %u of %u connections do not come up",
                 world->n_refused - refused, world->links->len);
  return !world->fault;
}

static gboolean
probe (World *world, gboolean with_rekeying)
{
  gint64 gap_us = 20000;
  guint64 missing;
  guint i;

  traffic_mark (world);
  for (i = 0; i < world->links->len; i++)
    traffic_burst (world, world_link (world, i), 0, PROBES, gap_us);
  if (!run_for (world, 3 * gap_us))
    return FALSE;
  for (i = 0; with_rekeying && i < world->links->len; i++) {
    Link *link = world_link (world, i);
    command_run (link->ends[i % 2], "rekey", topology_args (link, i % 3 ? 0 : -1));
  }
  if (!run_for (world, 10 * SECOND))
    return FALSE;
  missing = traffic_missing (world);
  if (missing)
    world_fault (world, "in fair weather %u of %u packets%s did not arrive", (guint) missing,
                 2 * PROBES * world->links->len, with_rekeying ? ", sent while SAs rekeyed," : "");
  return !world->fault;
}

/* -- down */

static void
down_everywhere (World *world)
{
  guint i;

  for (i = 0; i < world->n_ends; i++) {
    IkeTree *args = ike_tree_new_section ();
    ike_tree_set_bool (args, "all", TRUE);
    command_run (&world->ends[i], "down", args);
  }
}

static void
shut_down (gpointer data)
{
  ike_engine_shutdown (((End *) data)->engine, 60000);
}

static gboolean
all_down (World *world)
{
  down_everywhere (world);
  if (!run_for (world, longest_give_up (world) + 60 * SECOND))
    return FALSE;
  down_everywhere (world);
  return run_for (world, longest_give_up (world) + 60 * SECOND);
}

static gboolean
comes_back (World *world)
{
  guint i;

  for (i = 0; i < world->links->len; i++) {
    const Link *link = world_link (world, i);
    if (link->restarts[0] || link->restarts[1] || link->has_traps
        || (world_can (world, CAN_RETRY) && (link->starts[0] || link->starts[1])))
      return TRUE;
  }
  return FALSE;
}

/* What is up for ever comes back; there the engines have to end. */
static gboolean
end_politely (World *world)
{
  guint i;

  for (i = 0; i < world->n_ends; i++)
    ike_loop_post (ike_engine_control (world->ends[i].engine), shut_down, &world->ends[i], NULL);
  return run_for (world, 2 * longest_give_up (world) + 120 * SECOND);
}

/* -- what is left */

static void
look_for_rests (World *world, gboolean has_ended)
{
  guint i, n_waiting = ike_sim_n_waiting (world->sim),
           allowed = world->options.n_idle * world->n_ends;

  for (i = 0; i < world->n_ends && !world->fault; i++) {
    const End *end = &world->ends[i];
    guint n_kernel = end->kernel_ops->n_sas (end->kernel);
    guint n_policies = end->kernel_ops->n_policies (end->kernel);
    guint n_spis = end->kernel_ops->n_spis (end->kernel);
    if (end->sas->len || n_kernel || n_spis)
      world_fault (world,
                   "%s: all is down, and there are %u IKE SAs, %u SAs and %u SPIs in the kernel",
                   end->name, end->sas->len, n_kernel, n_spis);
    else if (n_policies && !has_ended)
      world_fault (world, "%s: all is down, and there are %u policies in the kernel", end->name,
                   n_policies);
  }
  if (!has_ended && n_waiting > allowed)
    world_fault (world, "all is down, and %u timers, jobs or calls wait; %u would be right",
                 n_waiting, allowed);
  if (world->n_asked != world->n_answered)
    world_fault (world, "%u control commands were never answered",
                 world->n_asked - world->n_answered);
  traffic_judge (world);
}

static gsize
heap_in_use (World *world)
{
  traffic_forget (world);
  g_hash_table_remove_all (world->gone);
  return mallinfo2 ().uordblks;
}

/* Up and down some more, until what is kept warm is warm: what grows each time again is a leak,
 * whatever still points to it. */
static void
look_for_growth (World *world)
{
  gsize before = 0, now;
  guint i, n_growths = 0;

  for (i = 0; i < CYCLES; i++) {
    if (!all_up (world) || !probe (world, FALSE) || !all_down (world))
      return;
    now = heap_in_use (world);
    n_growths = now > before ? n_growths + 1 : 0;
    before = now;
  }
  if (n_growths >= GROWTHS)
    world_fault (world, "each time that all goes up and down more memory is in use");
}

void
finale (World *world)
{
  gboolean returns = comes_back (world);
  gint64 settled_us = 3 * longest_give_up (world) + 200 * SECOND;

  world_note (world, NULL, "the finale: everybody is back, and the weather is fair");
  clear_up (world);
  if (!run_for (world, settled_us))
    return;
  forget_what_cannot_heal (world);
  if (!run_for (world, SECOND) || !all_up (world) || !probe (world, FALSE))
    return;
  /* Shuffled, what arrives at one instant comes in any order, also a packet behind the delete of
   * its SA. */
  if (world_can (world, CAN_LOSSLESS) && !(world->engine_flags & IKE_ENGINE_SHUFFLE)
      && !probe (world, TRUE))
    return;
  if (returns ? !end_politely (world) : !all_down (world))
    return;
  look_for_rests (world, returns);
  if (!returns && !world->fault && measures_heap () && !world->options.chart
      && world->options.seed % 8 == 0)
    look_for_growth (world);
}
