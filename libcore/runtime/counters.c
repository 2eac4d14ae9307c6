/* SPDX-License-Identifier: Apache-2.0 */
/* counters.c - named numbers that any thread adds to.
 *
 * Each loop adds in a stripe of its own, so that counting on one shard does not slow another;
 * listing sums them up. */
#include "config.h"
#include <string.h>
#include "runtime/loop_private.h"

/* Counter 0 is where everything beyond the last goes. */
enum { N_STRIPES = 16, COUNTERS_MAX = 1024 };

struct _IkeCounters {
  /* Names are added while starting and looked up by listings, on control, but also read on request
   * of any thread. */
  pthread_mutex_t      lock;
  guint32              n;
  char                *names[COUNTERS_MAX];
  atomic_uint_fast64_t values[N_STRIPES][COUNTERS_MAX] __attribute__ ((aligned (64)));
};

IkeCounters *
ike_counters_new (IkeEngine *engine)
{
  IkeCounters *counters = NULL;

  if (posix_memalign ((void **) &counters, 64, sizeof *counters) != 0)
    g_error ("out of memory");
  memset (counters, 0, sizeof *counters);
  pthread_mutex_init (&counters->lock, NULL);
  counters->names[counters->n++] = g_strdup ("counters.overflow");
  return counters;
}

void
ike_counters_free (IkeCounters *counters)
{
  if (!counters)
    return;
  for (guint32 i = 0; i < counters->n; i++)
    g_free (counters->names[i]);
  pthread_mutex_destroy (&counters->lock);
  free (counters);
}

/* COUNTERS_MAX when there is none. */
static guint32
counter_find (const IkeCounters *counters, const char *name)
{
  for (guint32 i = 0; i < counters->n; i++)
    if (strcmp (counters->names[i], name) == 0)
      return i;
  return COUNTERS_MAX;
}

guint32
ike_counter (IkeEngine *engine, const char *name)
{
  IkeCounters *counters = engine->counters;
  guint32 handle;

  pthread_mutex_lock (&counters->lock);
  handle = counter_find (counters, name);
  if (handle == COUNTERS_MAX && counters->n < COUNTERS_MAX) {
    handle = counters->n;
    counters->names[counters->n++] = g_strdup (name);
  }
  pthread_mutex_unlock (&counters->lock);
  return handle == COUNTERS_MAX ? 0 : handle;
}

void
ike_counter_add (IkeEngine *engine, guint32 handle, guint64 n)
{
  IkeLoop *loop = ike_loop_current ();
  guint stripe = loop ? loop->index % N_STRIPES : N_STRIPES - 1;

  g_return_if_fail (handle < COUNTERS_MAX);
  atomic_fetch_add_explicit (&engine->counters->values[stripe][handle], n, memory_order_relaxed);
}

static guint64
counter_sum (IkeCounters *counters, guint32 handle)
{
  guint64 sum = 0;

  for (guint stripe = 0; stripe < N_STRIPES; stripe++)
    sum += atomic_load_explicit (&counters->values[stripe][handle], memory_order_relaxed);
  return sum;
}

guint64
ike_counter_get (IkeEngine *engine, const char *name)
{
  guint32 handle;

  pthread_mutex_lock (&engine->counters->lock);
  handle = counter_find (engine->counters, name);
  pthread_mutex_unlock (&engine->counters->lock);
  return handle == COUNTERS_MAX ? 0 : counter_sum (engine->counters, handle);
}

/* The section @key of @tree.  A counter that has this name already moves into it, as "total". */
static IkeTree *
stats_section (IkeTree *tree, const char *key)
{
  IkeTree *below = (IkeTree *) ike_tree_get (tree, key);
  gint64 own;

  if (!below)
    return ike_tree_add_section (tree, key);
  if (ike_tree_type (below) == IKE_TREE_SECTION)
    return below;
  own = ike_tree_int (below, NULL, 0);
  below = ike_tree_add_section (tree, key);
  ike_tree_set_int (below, "total", own);
  return below;
}

/* "input.bad-length" stands in section "input". */
static void
stats_set (IkeTree *tree, const char *name, guint64 value)
{
  g_auto (GStrv) parts = g_strsplit (name, ".", -1);
  guint i;

  for (i = 0; parts[i + 1]; i++)
    tree = stats_section (tree, parts[i]);
  if (ike_tree_get (tree, parts[i]))
    ike_tree_set_int (stats_section (tree, parts[i]), "total", (gint64) value);
  else
    ike_tree_set_int (tree, parts[i], (gint64) value);
}

IkeTree *
ike_engine_stats (IkeEngine *engine)
{
  IkeCounters *counters = engine->counters;
  IkeTree *stats = ike_tree_new_section ();

  pthread_mutex_lock (&counters->lock);
  for (guint32 i = 0; i < counters->n; i++)
    stats_set (stats, counters->names[i], counter_sum (counters, i));
  pthread_mutex_unlock (&counters->lock);
  return stats;
}
