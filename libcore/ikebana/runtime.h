/* SPDX-License-Identifier: Apache-2.0 */
/* runtime.h - where code runs and how it waits.
 *
 * Every thread is an executor (IkeLoop).  An IkeSa is touched only on the shard that owns it; everybody else holds an
 * IkeSaRef and posts.  Nothing blocks: what takes time is a call that is answered later.  In simulation all loops of
 * all engines are queues on one OS thread with a virtual clock, and the same code runs. */
#pragma once
#include <ikebana/defs.h>

IKE_BEGIN_DECLS

typedef void (*IkeFunc) (gpointer data);

/* -- loops */

IkeLoop  *ike_engine_control (IkeEngine *engine);
guint     ike_engine_n_shards (IkeEngine *engine);
IkeLoop  *ike_engine_shard   (IkeEngine *engine, guint k);
IkeLoop  *ike_engine_io      (IkeEngine *engine);      /* shared loop for sockets of plugins (curl, RADIUS, control) */
IkeLoop  *ike_engine_observer (IkeEngine *engine);     /* taps and log sinks */
/* A loop of its own thread for a plugin, named for "ikebana jobs"; from activate, stopped and freed by
 * ike_loop_free() in deactivate (joins the thread; queued data is freed, not run).  Control. */
IkeLoop  *ike_loop_new   (IkePlugin *plugin, const char *name, GError **error);
void      ike_loop_free  (IkeLoop *loop);
IkeEngine *ike_loop_engine (IkeLoop *loop);
const char *ike_loop_name (IkeLoop *loop);
gboolean  ike_loop_is_current (IkeLoop *loop);         /* are we running on it? */
IkeLoop  *ike_loop_current (void);                     /* the loop this code runs on, or NULL */
/* monotonic, cached per turn; virtual in simulation. Any thread */
gint64    ike_loop_now_us (IkeLoop *loop);
gint64    ike_engine_now_us (IkeEngine *engine);       /* monotonic */
gint64    ike_engine_wall_us (IkeEngine *engine);      /* since 1970 */
gboolean  ike_engine_is_simulated (IkeEngine *engine);
void      ike_engine_random (IkeEngine *engine, void *out, gsize len);  /* any thread; seeded in simulation */

/* Runs @run (@data) on @loop, once; @free_data (may be NULL) exactly once, whatever happens.  Any thread; never
 * fails. */
void      ike_loop_post (IkeLoop *loop, IkeFunc run, gpointer data_take, GDestroyNotify free_data);

/* A timer of a loop.  On that loop.  Fires once; a periodic one adds itself again.  ike_timer_stop() from its own
 * function is fine; after it fired the pointer is dead. */
IkeTimer *ike_loop_timer_add (IkeLoop *loop, guint64 delay_ms, IkeFunc run, gpointer data_take,
                              GDestroyNotify free_data);
void      ike_timer_stop     (IkeTimer *timer_or_null);

/* Watches a file descriptor (not in simulation). @events: EPOLLIN | EPOLLOUT, level-triggered.  On that loop, or while
 * the plugin activates.  The descriptor stays the caller's. */
IkeWatch *ike_loop_watch     (IkeLoop *loop, int fd, guint32 events,
                              void (*ready) (int fd, guint32 events, gpointer data),
                              gpointer data);
void      ike_watch_set_events (IkeWatch *watch, guint32 events);
void      ike_watch_free     (IkeWatch *watch_or_null);

/* Runs @work on the offload pool, then @done on @back (both get @data).  FALSE when the pool's bounded queue is full:
 * then nothing was taken.  In simulation it is a queue like the others.  Any thread. */
gboolean  ike_offload (IkeEngine *engine, const char *name, IkeFunc work, IkeLoop *back, IkeFunc done, gpointer data)
  G_GNUC_WARN_UNUSED_RESULT;

/* -- jobs and timers of an SA */

/* Lanes of a shard's queue, drained in this order with a quantum each.  Only NEW may refuse a job. */
typedef enum { IKE_LANE_ESTABLISHED, IKE_LANE_SETUP, IKE_LANE_NEW } IkeLane;

typedef struct {
  guint32        struct_size;
  const char    *name;                        /* shown by "ikebana jobs" and the stall report */
  guint32        lane;                        /* IkeLane */
  void         (*run)  (IkeSa *sa, gpointer data);   /* owner shard; skipped when the SA is gone */
  GDestroyNotify free;                               /* may be NULL; exactly once, whatever happened */
} IkeJobClass;

/* Any thread.  Takes @data_take, also when it returns FALSE (lane NEW full). */
gboolean  ike_sa_post   (IkeEngine *engine, IkeSaRef to, const IkeJobClass *klass, gpointer data_take)
  G_GNUC_WARN_UNUSED_RESULT;
/* A job for a shard, in a lane, with no SA (run gets NULL). */
gboolean  ike_shard_post (IkeLoop *shard, const IkeJobClass *klass, gpointer data_take) G_GNUC_WARN_UNUSED_RESULT;

/* Owner shard.  The timer belongs to @sa and dies with it. */
IkeTimer *ike_sa_timer_add (IkeSa *sa, guint64 delay_ms, const IkeJobClass *klass, gpointer data_take);

/* -- calls */

/* A call: started by its owner, answered once by anybody, on any thread.  The first of answer, time-out and cancel
 * wins; a result that lost goes to @undo on the thread that lost, so that a lease or a kernel SA that comes late is
 * given back. The completion node is part of the call, so answering never fails. */
typedef struct {
  guint32     struct_size;
  const char *name;
  guint32     timeout_ms;                     /* never 0 */
  guint32     cost_us;                        /* hint for the one who works; 0: unknown */
  /* Owner's executor, once, unless the owner is gone or cancelled.  @owner: the IkeTask, IkeSa or gpointer it was made
   * with.  @error: NULL on an answer, static or call-owned text when it failed or timed out (@result is then NULL). */
  void      (*then)   (gpointer owner, gpointer data, gpointer result, const char *error);
  /* any thread; frees a result nobody wanted; may be NULL if there is nothing to free */
  void      (*undo)   (gpointer result);
  GDestroyNotify free_data;                   /* may be NULL; @data, when the call is over */
} IkeCallClass;

IkeCall *ike_task_call (IkeTask *task, const IkeCallClass *klass, gpointer data_take);  /* the task then returns WAIT */
/* outlives exchanges, dies with the SA */
IkeCall *ike_sa_call   (IkeSa *sa, const IkeCallClass *klass, gpointer data_take);
IkeCall *ike_loop_call (IkeLoop *loop, const IkeCallClass *klass, gpointer owner, gpointer data_take);
/* The worker: answers with a result (the receiver's @then frees it), or fails with a reason (copied, cut at 255 bytes).
 * Any thread, exactly once; never fails; the call must not be used afterwards.  A second answer to a call that still
 * is there is said (a GLib critical), and changes nothing. */
void     ike_call_answer (IkeCall *call, gpointer result_take);
void     ike_call_fail   (IkeCall *call, const char *reason);
/* The worker may ask to hear of a cancel or time-out, once, on any thread; it must still answer. */
void     ike_call_on_cancel (IkeCall *call, void (*cancelled) (gpointer worker), gpointer worker);
/* The owner of an ike_loop_call gives up. On its loop. */
void     ike_call_cancel (IkeCall *call);
/* Ordinary helper: @work (result) on the offload pool when @cost_us says it is long, else at once on this thread. */
void     ike_call_run    (IkeCall *call, IkeEngine *engine, guint32 cost_us,
                          gpointer (*work) (gpointer arg, const char **error),
                          gpointer arg_take, GDestroyNotify free_arg);

IKE_END_DECLS
