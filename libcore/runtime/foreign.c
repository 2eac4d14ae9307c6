/* SPDX-License-Identifier: Apache-2.0 */
/* foreign.c - a thread that gives the answers of calls in a simulation, late and in random order.
 *
 * Tests run with it to find code that only works when answers come at once or in order, and (under
 * TSan) code that answers into memory of its own thread.  While the thread works the simulation
 * waits, so one seed still gives one run. */
#include "config.h"
#include <signal.h>
#include "runtime/loop_private.h"
#include "runtime/sim_private.h"

typedef enum { FOREIGN_IDLE, FOREIGN_WORK, FOREIGN_END } ForeignState;

struct _IkeForeign {
  GPtrArray      *nodes;                      /* IkeNode */
  guint64         rng[4];
  pthread_t       thread;
  /* The simulation's thread and the helper take turns. */
  pthread_mutex_t lock;
  pthread_cond_t  turn;
  ForeignState    state;
  guint           n_wanted;
};

static void
foreign_run (IkeForeign *foreign, guint n)
{
  while (n--) {
    guint pick = (guint) (ike_rng_next (foreign->rng) % foreign->nodes->len);
    IkeNode *node = g_ptr_array_remove_index_fast (foreign->nodes, pick);

    node->run (node, TRUE);
  }
}

static void *
foreign_thread (void *data)
{
  IkeForeign *foreign = data;

  pthread_mutex_lock (&foreign->lock);
  while (foreign->state != FOREIGN_END) {
    if (foreign->state == FOREIGN_WORK) {
      foreign_run (foreign, foreign->n_wanted);
      foreign->state = FOREIGN_IDLE;
      pthread_cond_broadcast (&foreign->turn);
    }
    while (foreign->state == FOREIGN_IDLE)
      pthread_cond_wait (&foreign->turn, &foreign->lock);
  }
  pthread_mutex_unlock (&foreign->lock);
  return NULL;
}

static void
foreign_ask (IkeForeign *foreign, ForeignState what)
{
  pthread_mutex_lock (&foreign->lock);
  foreign->state = what;
  pthread_cond_broadcast (&foreign->turn);
  while (foreign->state == FOREIGN_WORK)
    pthread_cond_wait (&foreign->turn, &foreign->lock);
  pthread_mutex_unlock (&foreign->lock);
}

void
ike_foreign_flush (IkeForeign *foreign, gboolean must)
{
  /* What an answer sets off may give further answers. */
  do {
    foreign->n_wanted = foreign->nodes->len;
    if (!must && foreign->n_wanted)
      foreign->n_wanted = (guint) (ike_rng_next (foreign->rng) % (foreign->n_wanted + 1));
    if (foreign->n_wanted)
      foreign_ask (foreign, FOREIGN_WORK);
  } while (must && foreign->nodes->len);
}

guint
ike_foreign_n (const IkeForeign *foreign)
{
  return foreign->nodes->len;
}

/* From an answer that the helper itself gave (an undo that answers another call), the lock is held
 * by this thread and the array is in its hands: the same code serves. */
void
ike_foreign_add (IkeForeign *foreign, IkeNode *node)
{
  g_ptr_array_add (foreign->nodes, node);
}

IkeForeign *
ike_foreign_new (guint64 seed)
{
  IkeForeign *foreign = g_new0 (IkeForeign, 1);
  sigset_t all, before;
  int failed;

  foreign->nodes = g_ptr_array_new ();
  ike_rng_seed (foreign->rng, seed, (guint64) G_MAXUINT32 + 2);
  pthread_mutex_init (&foreign->lock, NULL);
  pthread_cond_init (&foreign->turn, NULL);
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  failed = pthread_create (&foreign->thread, NULL, foreign_thread, foreign);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (failed)
    g_error ("no thread for foreign answers: %s", g_strerror (failed));
  return foreign;
}

void
ike_foreign_free (IkeForeign *foreign)
{
  if (!foreign)
    return;
  foreign_ask (foreign, FOREIGN_END);
  pthread_join (foreign->thread, NULL);
  pthread_cond_destroy (&foreign->turn);
  pthread_mutex_destroy (&foreign->lock);
  g_ptr_array_unref (foreign->nodes);
  g_free (foreign);
}
