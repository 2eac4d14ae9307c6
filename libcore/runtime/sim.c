/* SPDX-License-Identifier: Apache-2.0 */
/* sim.c - virtual time: one ordered queue over all loops and timers of all engines of a simulation.
 *
 * A binary heap by (time, tie, sequence).  The tie is 0, so that things run in the order in which
 * they came, or with IKE_ENGINE_SHUFFLE a number drawn from the seed.  What is posted to a queue of
 * a loop stays in its order even then, as it does between real threads: the heap holds only turns
 * for that queue. */
#include "config.h"
#include <string.h>
#include "runtime/loop_private.h"
#include "runtime/sim_private.h"

typedef enum { SIM_TURN, SIM_NODE, SIM_TIMER } SimKind;

typedef struct {
  gint64   time_us;
  guint64  tie, sequence;
  SimKind  kind;
  guint    queue;                             /* TURN */
  IkeLoop *loop;                              /* TURN and TIMER; NODE: may be NULL */
  gpointer item;                              /* NODE and TIMER */
} SimItem;

typedef struct {
  char          *name;
  gpointer       object;
  GDestroyNotify free_object;
} SimShared;

struct _IkeSim {
  gint64      now_us;
  guint64     seed, sequence;
  guint64     rng[4], shuffle_rng[4];
  gboolean    shuffles;
  guint32     n_entered;
  GArray     *heap;                           /* SimItem */
  GArray     *shared;                         /* SimShared, in order of making */
  IkeForeign *foreign;
};

/* -- the heap */

static SimItem *
heap_at (IkeSim *sim, guint position)
{
  return &g_array_index (sim->heap, SimItem, position);
}

static gboolean
item_is_before (const SimItem *a, const SimItem *b)
{
  if (a->time_us != b->time_us)
    return a->time_us < b->time_us;
  return a->tie != b->tie ? a->tie < b->tie : a->sequence < b->sequence;
}

static void
heap_set (IkeSim *sim, guint position, const SimItem *item)
{
  *heap_at (sim, position) = *item;
  if (item->kind == SIM_TIMER)
    ((IkeTimer *) item->item)->position = position;
}

/* Puts @item where it belongs, seen from the free place @position. */
static void
heap_settle (IkeSim *sim, guint position, SimItem item)
{
  while (position && item_is_before (&item, heap_at (sim, (position - 1) / 2))) {
    heap_set (sim, position, heap_at (sim, (position - 1) / 2));
    position = (position - 1) / 2;
  }
  for (;;) {
    guint child = 2 * position + 1;

    if (child + 1 < sim->heap->len
        && item_is_before (heap_at (sim, child + 1), heap_at (sim, child)))
      child++;
    if (child >= sim->heap->len || !item_is_before (heap_at (sim, child), &item))
      break;
    heap_set (sim, position, heap_at (sim, child));
    position = child;
  }
  heap_set (sim, position, &item);
}

static void
heap_add (IkeSim *sim, SimItem item)
{
  item.sequence = ++sim->sequence;
  item.tie = sim->shuffles ? ike_rng_next (sim->shuffle_rng) : 0;
  g_array_set_size (sim->heap, sim->heap->len + 1);
  heap_settle (sim, sim->heap->len - 1, item);
}

static void
heap_remove (IkeSim *sim, guint position)
{
  SimItem last = *heap_at (sim, sim->heap->len - 1);

  g_array_set_size (sim->heap, sim->heap->len - 1);
  if (position < sim->heap->len)
    heap_settle (sim, position, last);
}

/* -- what loops, timers and calls put in */

void
ike_sim_ready (IkeSim *sim, IkeLoop *loop, guint queue)
{
  heap_add (sim,
            (SimItem) { .time_us = sim->now_us, .kind = SIM_TURN, .loop = loop, .queue = queue });
}

gboolean
ike_sim_shuffles (const IkeSim *sim)
{
  return sim->shuffles;
}

void
ike_sim_ready_node (IkeSim *sim, IkeLoop *loop, IkeNode *node)
{
  if (atomic_load_explicit (&loop->inbox.newest, memory_order_relaxed) == IKE_INBOX_GONE)
    node->run (node, FALSE);
  else
    heap_add (sim,
              (SimItem) { .time_us = sim->now_us, .kind = SIM_NODE, .loop = loop, .item = node });
}

/* Armed timers are known by a link that is not NULL; here it links nothing. */
void
ike_sim_timer_add (IkeSim *sim, IkeTimer *timer)
{
  timer->link.next = &timer->link;
  heap_add (sim, (SimItem) { .time_us = (gint64) timer->tick,
                             .kind = SIM_TIMER,
                             .loop = timer->loop,
                             .item = timer });
}

void
ike_sim_timer_remove (IkeSim *sim, IkeTimer *timer)
{
  timer->link.next = NULL;
  heap_remove (sim, timer->position);
}

typedef struct {
  IkeNode        node;
  IkeFunc        run;
  gpointer       data;
  GDestroyNotify free_data;
} Closure;

static void
closure_run (IkeNode *node, gboolean is_alive)
{
  Closure closure = *(Closure *) node;

  g_free (node);
  if (is_alive)
    closure.run (closure.data);
  if (closure.free_data)
    closure.free_data (closure.data);
}

void
ike_sim_at (IkeSim *sim, gint64 time_us, IkeFunc run, gpointer data_take, GDestroyNotify free_data)
{
  Closure *closure = g_new (Closure, 1);

  closure->node = (IkeNode) { .run = closure_run, .name = "script" };
  closure->run = run;
  closure->data = data_take;
  closure->free_data = free_data;
  heap_add (sim,
            (SimItem) { .time_us = MAX (time_us, sim->now_us), .kind = SIM_NODE, .item = closure });
}

static void
item_drop (const SimItem *item)
{
  IkeTimer *timer = item->item;

  if (item->kind == SIM_NODE)
    ((IkeNode *) item->item)->run (item->item, FALSE);
  else if (item->kind == SIM_TIMER) {
    timer->link.next = NULL;
    if (timer->klass->drop)
      timer->klass->drop (timer);
  }
}

/* Dropping one thing may stop or post others, so each search begins anew. */
static gboolean
sim_drop_one (IkeSim *sim, IkeLoop *loop)
{
  for (guint i = 0; i < sim->heap->len; i++) {
    SimItem item = *heap_at (sim, i);

    if (item.loop != loop)
      continue;
    heap_remove (sim, i);
    item_drop (&item);
    return TRUE;
  }
  return FALSE;
}

void
ike_sim_forget_loop (IkeSim *sim, IkeLoop *loop)
{
  while (sim_drop_one (sim, loop))
    ;
}

/* -- stepping */

static void
item_run (const SimItem *item)
{
  IkeLoop *before = ike_loop_enter (item->loop);

  if (item->kind == SIM_TURN)
    ike_loop_run_queued (item->loop, item->queue);
  else if (item->kind == SIM_TIMER) {
    ((IkeTimer *) item->item)->link.next = NULL;
    ike_timer_fire (item->item);
  } else if (item->loop)
    ike_loop_run_node (item->loop, item->item);
  else
    ((IkeNode *) item->item)->run (item->item, TRUE);
  ike_loop_enter (before);
}

/* Answers that another thread gives may come late, but never after everything else is quiet. */
static void
sim_hear_foreign (IkeSim *sim)
{
  gboolean is_quiet;

  if (!sim->foreign || !ike_foreign_n (sim->foreign))
    return;
  is_quiet = !sim->heap->len || heap_at (sim, 0)->time_us > sim->now_us;
  ike_foreign_flush (sim->foreign, is_quiet);
}

IkeLoop *
ike_sim_next_loop (const IkeSim *sim)
{
  return sim->heap->len ? g_array_index (sim->heap, SimItem, 0).loop : NULL;
}

gboolean
ike_sim_step (IkeSim *sim, gint64 until_us)
{
  SimItem item;

  sim_hear_foreign (sim);
  if (!sim->heap->len || heap_at (sim, 0)->time_us > until_us) {
    if (until_us != G_MAXINT64)
      sim->now_us = MAX (sim->now_us, until_us);
    return FALSE;
  }
  item = *heap_at (sim, 0);
  heap_remove (sim, 0);
  sim->now_us = MAX (sim->now_us, item.time_us);
  item_run (&item);
  return TRUE;
}

void
ike_sim_settle (IkeSim *sim)
{
  while (ike_sim_step (sim, sim->now_us))
    ;
}

gboolean
ike_engine_step (IkeEngine *engine)
{
  IkeSim *sim = engine->sim;

  g_return_val_if_fail (sim, FALSE);
  ike_sim_settle (sim);
  if (!sim->heap->len)
    return FALSE;
  return ike_sim_step (sim, heap_at (sim, 0)->time_us);
}

/* -- foreign answers */

void
ike_sim_answer_elsewhere (IkeSim *sim, IkeNode *node)
{
  ike_foreign_add (sim->foreign, node);
}

void
ike_sim_flush (IkeSim *sim)
{
  if (sim->foreign)
    ike_foreign_flush (sim->foreign, TRUE);
}

/* -- the simulation */

IkeSim *
ike_sim_new (guint64 seed)
{
  IkeSim *sim = g_new0 (IkeSim, 1);

  sim->seed = seed;
  sim->heap = g_array_new (FALSE, FALSE, sizeof (SimItem));
  sim->shared = g_array_new (FALSE, FALSE, sizeof (SimShared));
  /* Engines draw from streams 1, 2, …; these are far from them. */
  ike_rng_seed (sim->rng, seed, G_MAXUINT32);
  ike_rng_seed (sim->shuffle_rng, seed, (guint64) G_MAXUINT32 + 1);
  return sim;
}

guint32
ike_sim_enter (IkeSim *sim, IkeEngine *engine, guint64 rng[4])
{
  guint32 flags = engine->options.flags;

  sim->n_entered++;
  ike_rng_seed (rng, sim->seed, sim->n_entered);
  sim->shuffles |= (flags & IKE_ENGINE_SHUFFLE) != 0;
  if (flags & IKE_ENGINE_FOREIGN_ANSWERS && !sim->foreign)
    sim->foreign = ike_foreign_new (sim->seed);
  return sim->n_entered;
}

void
ike_sim_free (IkeSim *sim)
{
  if (!sim)
    return;
  ike_sim_flush (sim);
  while (sim->heap->len) {
    SimItem item = *heap_at (sim, 0);

    heap_remove (sim, 0);
    item_drop (&item);
  }
  for (guint i = sim->shared->len; i--;) {
    SimShared *shared = &g_array_index (sim->shared, SimShared, i);

    if (shared->free_object)
      shared->free_object (shared->object);
    g_free (shared->name);
  }
  ike_foreign_free (sim->foreign);
  g_array_unref (sim->heap);
  g_array_unref (sim->shared);
  g_free (sim);
}

gint64
ike_sim_now_us (const IkeSim *sim)
{
  return sim->now_us;
}

guint
ike_sim_n_waiting (const IkeSim *sim)
{
  return sim->heap->len + (sim->foreign ? ike_foreign_n (sim->foreign) : 0);
}

void
ike_sim_random (IkeSim *sim, void *out, gsize len)
{
  ike_rng_fill (sim->rng, out, len);
}

gpointer
ike_sim_shared (IkeSim *sim, const char *name, gpointer (*make) (IkeSim *sim),
                GDestroyNotify free_object)
{
  SimShared made = { .free_object = free_object };

  for (guint i = 0; i < sim->shared->len; i++)
    if (strcmp (g_array_index (sim->shared, SimShared, i).name, name) == 0)
      return g_array_index (sim->shared, SimShared, i).object;
  made.name = g_strdup (name);
  made.object = make (sim);
  g_array_append_val (sim->shared, made);
  return made.object;
}
