/* SPDX-License-Identifier: Apache-2.0 */
/* offload.c - threads for work that takes longer than a shard may, behind a bounded queue. */
#include "config.h"
#include <signal.h>
#include "runtime/offload_private.h"

enum { QUEUE_MAX = 1024, THREADS_MAX = 64 };

typedef struct {
  const char *name;
  IkeFunc     work, after;
  gpointer    data;
} Item;

struct _IkeOffload {
  IkeEngine      *engine;
  atomic_uint     n_threads;
  guint           n_started;
  pthread_t       threads[THREADS_MAX];
  /* Between whoever hands work in and the pool's threads, which have no loop to post to: they only
   * wait for this. */
  pthread_mutex_t lock;
  pthread_cond_t  more;
  guint           first, n;
  gboolean        is_ending;
  atomic_uint     depth;
  Item            items[QUEUE_MAX];
};

static void
item_run (const Item *item)
{
  item->work (item->data);
  if (item->after)
    item->after (item->data);
}

static gboolean
offload_take (IkeOffload *offload, Item *item)
{
  gboolean has_one;

  pthread_mutex_lock (&offload->lock);
  while (!offload->n && !offload->is_ending)
    pthread_cond_wait (&offload->more, &offload->lock);
  has_one = offload->n > 0;
  if (has_one) {
    *item = offload->items[offload->first];
    offload->first = (offload->first + 1) % QUEUE_MAX;
    offload->n--;
    atomic_store_explicit (&offload->depth, offload->n, memory_order_relaxed);
  }
  pthread_mutex_unlock (&offload->lock);
  return has_one;
}

static void *
offload_thread (void *data)
{
  Item item;

  while (offload_take (data, &item))
    item_run (&item);
  return NULL;
}

/* In simulation an item is a job of a loop that all engines' order contains. */
typedef struct {
  IkeNode node;
  Item    item;
} Simulated;

static void
simulated_run (IkeNode *node, gboolean is_alive)
{
  Item item = ((Simulated *) node)->item;

  g_free (node);
  item_run (&item);
}

static void
offload_simulate (IkeOffload *offload, const Item *item)
{
  Simulated *simulated = g_new (Simulated, 1);

  simulated->node = (IkeNode) { .run = simulated_run, .name = item->name, .lane = IKE_QUEUE_POSTS };
  simulated->item = *item;
  ike_loop_put (offload->engine->runtime->offload_loop, &simulated->node);
}

gboolean
ike_offload_push (IkeEngine *engine, const char *name, IkeFunc work, gpointer data, IkeFunc after)
{
  IkeOffload *offload = engine->offload;
  Item item = { name, work, after, data };
  gboolean has_room;

  if (!offload || (!engine->sim && !offload->n_threads)) {
    item_run (&item);
    return TRUE;
  }
  if (engine->sim) {
    offload_simulate (offload, &item);
    return TRUE;
  }
  pthread_mutex_lock (&offload->lock);
  has_room = offload->n < QUEUE_MAX && !offload->is_ending;
  if (has_room) {
    offload->items[(offload->first + offload->n) % QUEUE_MAX] = item;
    offload->n++;
    atomic_store_explicit (&offload->depth, offload->n, memory_order_relaxed);
    pthread_cond_signal (&offload->more);
  }
  pthread_mutex_unlock (&offload->lock);
  return has_room;
}

guint
ike_offload_depth (IkeEngine *engine)
{
  return engine->offload ? atomic_load_explicit (&engine->offload->depth, memory_order_relaxed) : 0;
}

/* -- with a way back */

typedef struct {
  IkeNode  node;
  IkeFunc  work, done;
  gpointer data;
  IkeLoop *back;
} Errand;

/* @data has no other owner than @done, so it runs even when its loop is being freed. */
static void
errand_is_back (IkeNode *node, gboolean is_alive)
{
  Errand errand = *(Errand *) node;

  g_free (node);
  errand.done (errand.data);
  ike_loop_unref (errand.back);
}

static void
errand_work (gpointer data)
{
  Errand *errand = data;

  errand->work (errand->data);
}

static void
errand_return (gpointer data)
{
  Errand *errand = data;

  ike_loop_put (errand->back, &errand->node);
}

gboolean
ike_offload (IkeEngine *engine, const char *name, IkeFunc work, IkeLoop *back, IkeFunc done,
             gpointer data)
{
  Errand *errand = g_new (Errand, 1);

  errand->node = (IkeNode) { .run = errand_is_back, .name = name, .lane = IKE_QUEUE_POSTS };
  errand->work = work;
  errand->done = done;
  errand->data = data;
  errand->back = ike_loop_ref (back);
  if (ike_offload_push (engine, name, errand_work, errand, errand_return))
    return TRUE;
  ike_loop_unref (back);
  g_free (errand);
  return FALSE;
}

/* -- making and ending */

IkeOffload *
ike_offload_new (IkeEngine *engine, guint n_threads)
{
  IkeOffload *offload = g_new0 (IkeOffload, 1);

  offload->engine = engine;
  offload->n_threads = engine->sim ? 0 : MIN (n_threads, THREADS_MAX);
  pthread_mutex_init (&offload->lock, NULL);
  pthread_cond_init (&offload->more, NULL);
  return offload;
}

gboolean
ike_offload_start (IkeOffload *offload, GError **error)
{
  sigset_t all, before;
  int failed = 0;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  while (offload->n_started < offload->n_threads && !failed) {
    failed = pthread_create (&offload->threads[offload->n_started], NULL, offload_thread, offload);
    if (!failed)
      pthread_setname_np (offload->threads[offload->n_started++], "ike/offload");
  }
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (failed)
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot start an offload thread: %s",
                 g_strerror (failed));
  return !failed;
}

void
ike_offload_stop (IkeOffload *offload)
{
  Item item;

  pthread_mutex_lock (&offload->lock);
  offload->is_ending = TRUE;
  pthread_cond_broadcast (&offload->more);
  pthread_mutex_unlock (&offload->lock);
  while (offload->n_started)
    pthread_join (offload->threads[--offload->n_started], NULL);
  /* Handed in before the threads were started. */
  while (offload_take (offload, &item))
    item_run (&item);
  /* From now on work is done where it comes up. */
  offload->n_threads = 0;
}

void
ike_offload_free (IkeOffload *offload)
{
  if (!offload)
    return;
  pthread_cond_destroy (&offload->more);
  pthread_mutex_destroy (&offload->lock);
  g_free (offload);
}

IkeTree *
ike_offload_describe (IkeOffload *offload)
{
  IkeTree *tree = ike_tree_new_section ();

  ike_tree_set_int (tree, "threads", offload->n_threads);
  ike_tree_set_int (tree, "waiting", atomic_load_explicit (&offload->depth, memory_order_relaxed));
  return tree;
}
