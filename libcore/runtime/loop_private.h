/* SPDX-License-Identifier: Apache-2.0 */
/* loop_private.h - a loop from inside, for the files of runtime/. */
#pragma once
#include <pthread.h>
#include "engine_private.h"
#include "runtime/inbox.h"
#include "runtime/timer_private.h"

/* Queues of a loop, in the order in which a turn drains them.  POSTS: ike_loop_post, answers of calls. */
enum { IKE_QUEUE_POSTS, IKE_QUEUE_ESTABLISHED, IKE_QUEUE_SETUP, IKE_QUEUE_NEW, IKE_N_QUEUES };
enum {
  IKE_NEW_JOBS_MAX = 4096,                    /* of lane NEW, per shard: what comes above is refused */
  IKE_STALL_US = 5000,                        /* a job that runs longer is reported by name */
  IKE_N_JOB_NAMES = 128,                      /* power of two; further names share the last one */
};

typedef struct {
  IkeNode *first, **end;
  guint    n;
} IkeNodeList;

/* Written by the loop, read by anybody. */
typedef struct {
  _Atomic (const char *) name;
  atomic_uint_fast64_t   count, stalls;
  atomic_int_fast64_t    longest_us;
} IkeJobRecord;

struct _IkeLoop {
  IkeEngine           *engine;
  IkeLoop             *next, *previous;       /* all of the engine; control only */
  char                *name;
  atomic_uint          n_refs;
  guint32              index;                 /* of all loops of the engine */
  guint32              shard;                 /* G_MAXUINT32: none */
  gboolean             has_thread;            /* wants one of its own */
  gboolean             is_started;            /* pthread_join is due */
  pthread_t            thread;
  _Atomic (pthread_t)  home;                  /* the thread that may touch it */
  atomic_bool          is_stopping;
  gpointer             crypto;                /* scratch contexts */

  IkeInbox             inbox __attribute__ ((aligned (64)));
  atomic_uint          n_new;                 /* jobs of lane NEW in all queues */
  atomic_uint          n_waiting;             /* as of the last turn, for listings */

  IkeNodeList          queues[IKE_N_QUEUES] __attribute__ ((aligned (64)));
  _Atomic gint64       now_us;
  int                  epoll_fd, event_fd;
  IkeWatch            *watches, *dead_watches;
  IkeWheel             wheel;
  IkeJobRecord         jobs[IKE_N_JOB_NAMES];
};

struct _IkeRuntime {
  IkeLoop       *loops;                       /* control only */
  guint32        n_loops_made;
  guint          stage;                       /* how far ike_engine_start came */
  gboolean       reports_stalls;
  guint32        stalls;                      /* counter */
  guint32        new_refused;                 /* counter */
  atomic_bool    is_quitting;
  guint64        rng[4];                      /* simulation */
  IkeLoop       *offload_loop;                /* simulation */
  IkeTimer       shutdown_timer;
  guint          n_ending;                    /* plugins that still have something to say */
};

/* Control: a loop of the core (@plugin's are made of it too).  @shard: G_MAXUINT32 for none. */
IkeLoop *ike_loop_make   (IkeEngine *engine, const char *name, guint32 shard, gboolean has_thread, GError **error);
gboolean ike_loop_start  (IkeLoop *loop, GError **error);   /* its thread, if it wants one */
void     ike_loop_stop   (IkeLoop *loop);                   /* joins; the caller's thread owns the loop now */
void     ike_loop_run    (IkeLoop *loop);                   /* on this thread until stopped */
void     ike_loop_wake   (IkeLoop *loop);                   /* any thread, async-signal-safe */
gboolean ike_loop_drain  (IkeLoop *loop);                   /* runs what is queued now; FALSE: nothing was */
IkeLoop *ike_loop_ref    (IkeLoop *loop);
void     ike_loop_unref  (IkeLoop *loop);
/* Makes @loop (or NULL) the current one of this thread, returns the one before. */
IkeLoop *ike_loop_enter  (IkeLoop *loop);
/* Any thread.  A closed loop cancels the node at once. */
void     ike_loop_put    (IkeLoop *loop, IkeNode *node);
/* Simulation: runs the oldest of a queue. */
void     ike_loop_run_queued (IkeLoop *loop, guint queue);
void     ike_loop_run_node (IkeLoop *loop, IkeNode *node);
/* Counts a job that ran from @start_us to @end_us. */
void     ike_loop_account (IkeLoop *loop, const char *name, gint64 start_us, gint64 end_us);
IkeTree *ike_loop_describe (IkeLoop *loop);
guint64  ike_loop_tick   (IkeLoop *loop);

static inline void
ike_node_list_init (IkeNodeList *list)
{
  list->first = NULL;
  list->end = &list->first;
  list->n = 0;
}

static inline void
ike_node_list_append (IkeNodeList *list, IkeNode *node)
{
  node->next = NULL;
  *list->end = node;
  list->end = &node->next;
  list->n++;
}

static inline IkeNode *
ike_node_list_pop (IkeNodeList *list)
{
  IkeNode *node = list->first;

  if (!node)
    return NULL;
  list->first = node->next;
  if (!list->first)
    list->end = &list->first;
  list->n--;
  return node;
}

/* clock.c and rng.c */
gint64 ike_clock_monotonic_us (void);
gint64 ike_clock_wall_us      (void);
void   ike_rng_seed (guint64 state[4], guint64 seed, guint64 stream);
guint64 ike_rng_next (guint64 state[4]);
void   ike_rng_fill (guint64 state[4], void *out, gsize len);
