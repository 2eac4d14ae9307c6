/* SPDX-License-Identifier: Apache-2.0 */
/* each.c - plugins go through all IKE SAs: on all shards at once, some at a time, so that nothing
 * else waits for long. */
#include "sa/sa_private.h"

typedef struct {
  atomic_int references; /* shards that are not through */
  void (*each) (IkeSa *sa, gpointer data);
  gpointer data;
  GDestroyNotify free_data;
} Each;

typedef struct {
  Each *each;
  IkeShard *shard;
  guint32 from;
} Walk;

static void
walk_free (gpointer data)
{
  Walk *w = data;

  if (w->each && atomic_fetch_sub (&w->each->references, 1) == 1) {
    if (w->each->free_data)
      w->each->free_data (w->each->data);
    g_free (w->each);
  }
  g_free (w);
}

static void
show (IkeSa *sa, gpointer data)
{
  const Each *each = data;

  if (!sa->is_silent && !sa->is_doomed)
    each->each (sa, each->data);
}

static void
walk (gpointer data)
{
  Walk *w = data, *more;

  w->from = ike_table_walk (w->shard, w->from, show, w->each);
  if (w->from == G_MAXUINT32)
    return;
  more = g_memdup2 (w, sizeof *w);
  w->each = NULL;
  ike_loop_post (more->shard->loop, walk, more, walk_free);
}

void
ike_sa_each (IkeEngine *engine, void (*each) (IkeSa *sa, gpointer data), gpointer data_take,
             GDestroyNotify free_data)
{
  Each *all = g_new0 (Each, 1);
  guint i;

  all->each = each;
  all->data = data_take;
  all->free_data = free_data;
  atomic_init (&all->references, (int) engine->n_shards);
  for (i = 0; i < engine->n_shards; i++) {
    Walk *w = g_new0 (Walk, 1);
    w->each = all;
    w->shard = engine->sas->shards[i];
    ike_loop_post (w->shard->loop, walk, w, walk_free);
  }
}
