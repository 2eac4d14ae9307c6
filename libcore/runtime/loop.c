/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - the executor: queues, timers and descriptors of one thread, turn by turn. */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "runtime/loop_private.h"
#include "runtime/sim_private.h"

enum { EVENTS_PER_TURN = 64 };

/* How much of each queue one turn runs: a flood of new peers gets its share and no more. */
static const guint quantum[IKE_N_QUEUES] = { 256, 128, 64, 16 };

/* The one mutable static: which executor this thread is.  It cannot hang off an engine, because it
 * is how code finds out which engine's loop it runs on. */
static _Thread_local IkeLoop *current_loop;

struct _IkeWatch {
  IkeWatch *next, **at;
  IkeLoop  *loop;
  int       fd;                               /* -1: freed, waits for the end of the turn */
  guint32   events;
  void    (*ready) (int fd, guint32 events, gpointer data);
  gpointer  data;
};

IkeLoop *
ike_loop_current (void)
{
  return current_loop;
}

IkeLoop *
ike_loop_enter (IkeLoop *loop)
{
  IkeLoop *before = current_loop;

  current_loop = loop;
  return before;
}

/* A thread that may touch several loops (control while starting and ending, the one thread of a
 * simulation) is on all of them as long as none runs; once the engine runs, only on the one whose
 * turn it is. */
gboolean
ike_loop_is_current (IkeLoop *loop)
{
  if (current_loop == loop)
    return TRUE;
  if (!pthread_equal (atomic_load_explicit (&loop->home, memory_order_relaxed), pthread_self ()))
    return FALSE;
  return !current_loop || !loop->engine->is_running;
}

IkeEngine *
ike_loop_engine (IkeLoop *loop)
{
  return loop->engine;
}

const char *
ike_loop_name (IkeLoop *loop)
{
  return loop->name;
}

guint
ike_loop_shard_index (IkeLoop *loop)
{
  return loop->shard;
}

gpointer *
ike_loop_crypto_slot (IkeLoop *loop)
{
  return &loop->crypto;
}

gint64
ike_loop_now_us (IkeLoop *loop)
{
  if (loop->engine->sim)
    return ike_sim_now_us (loop->engine->sim);
  if (current_loop == loop)
    return atomic_load_explicit (&loop->now_us, memory_order_relaxed);
  return ike_clock_monotonic_us ();
}

guint64
ike_loop_tick (IkeLoop *loop)
{
  return (guint64) atomic_load_explicit (&loop->now_us, memory_order_relaxed) / 1000;
}

static void
loop_update_now (IkeLoop *loop)
{
  atomic_store_explicit (&loop->now_us, ike_clock_monotonic_us (), memory_order_relaxed);
}

/* -- putting in */

void
ike_loop_wake (IkeLoop *loop)
{
  guint64 one = 1;
  int saved = errno;

  /* Edge-triggered and never read: each write is an event, and 2^64 of them do not happen. */
  while (loop->event_fd >= 0 && write (loop->event_fd, &one, sizeof one) < 0 && errno == EINTR)
    ;
  errno = saved;
}

void
ike_loop_put (IkeLoop *loop, IkeNode *node)
{
  IkeInboxAnswer answer;

  if (loop->engine->sim || current_loop == loop) {
    if (atomic_load_explicit (&loop->inbox.newest, memory_order_relaxed) == IKE_INBOX_GONE) {
      node->run (node, FALSE);
      return;
    }
    ike_node_list_append (&loop->queues[node->lane], node);
    if (loop->engine->sim)
      ike_sim_ready (loop->engine->sim, loop, node->lane);
    return;
  }
  answer = ike_inbox_put (&loop->inbox, node);
  if (answer == IKE_INBOX_WAKE)
    ike_loop_wake (loop);
  else if (answer == IKE_INBOX_CLOSED)
    node->run (node, FALSE);
}

typedef struct {
  IkeNode        node;
  IkeFunc        run;
  gpointer       data;
  GDestroyNotify free_data;
} Post;

static void
post_run (IkeNode *node, gboolean is_alive)
{
  Post post = *(Post *) node;

  g_free (node);
  if (is_alive)
    post.run (post.data);
  if (post.free_data)
    post.free_data (post.data);
}

void
ike_loop_post (IkeLoop *loop, IkeFunc run, gpointer data_take, GDestroyNotify free_data)
{
  Post *post = g_new (Post, 1);

  post->node = (IkeNode) { .run = post_run, .name = "post", .lane = IKE_QUEUE_POSTS };
  post->run = run;
  post->data = data_take;
  post->free_data = free_data;
  ike_loop_put (loop, &post->node);
}

/* -- running */

static IkeJobRecord *
job_record (IkeLoop *loop, const char *name)
{
  guint at = (guint) (((gsize) name >> 3) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) >> 57);

  for (guint i = 0; i < 8; i++) {
    IkeJobRecord *record = &loop->jobs[(at + i) & (IKE_N_JOB_NAMES - 1)];
    const char *has = atomic_load_explicit (&record->name, memory_order_relaxed);

    if (has == name)
      return record;
    if (!has) {
      atomic_store_explicit (&record->name, name, memory_order_release);
      return record;
    }
  }
  return &loop->jobs[at];
}

static void
job_report_stall (IkeLoop *loop, IkeJobRecord *record, const char *name, gint64 took_us)
{
  IkeEngine *engine = loop->engine;

  atomic_fetch_add_explicit (&record->stalls, 1, memory_order_relaxed);
  ike_counter_add (engine, engine->runtime->stalls, 1);
  if (engine->runtime->reports_stalls)
    ike_log (engine, IKE_LOG_NOTICE, "core", "job %s held loop %s for %" G_GINT64_FORMAT " ms",
             name, loop->name, took_us / 1000);
}

void
ike_loop_account (IkeLoop *loop, const char *name, gint64 start_us, gint64 end_us)
{
  IkeJobRecord *record = job_record (loop, name);
  gint64 took_us = end_us - start_us;

  /* Only this thread writes, so a load and a store do. */
  atomic_store_explicit (&record->count,
                         atomic_load_explicit (&record->count, memory_order_relaxed) + 1,
                         memory_order_relaxed);
  if (took_us > (gint64) atomic_load_explicit (&record->longest_us, memory_order_relaxed))
    atomic_store_explicit (&record->longest_us, took_us, memory_order_relaxed);
  if (took_us > IKE_STALL_US)
    job_report_stall (loop, record, name, took_us);
}

void
ike_loop_run_node (IkeLoop *loop, IkeNode *node)
{
  const char *name = node->name;
  gint64 start_us = atomic_load_explicit (&loop->now_us, memory_order_relaxed), end_us;

  node->run (node, TRUE);
  if (loop->engine->sim) {
    ike_loop_account (loop, name, 0, 0);
    return;
  }
  end_us = ike_clock_monotonic_us ();
  atomic_store_explicit (&loop->now_us, end_us, memory_order_relaxed);
  ike_loop_account (loop, name, start_us, end_us);
}

void
ike_loop_run_queued (IkeLoop *loop, guint queue)
{
  IkeNode *node = ike_node_list_pop (&loop->queues[queue]);

  if (node)
    ike_loop_run_node (loop, node);
}

static void
loop_sort_inbox (IkeLoop *loop, gboolean is_last)
{
  IkeNode *next, *node = ike_inbox_take (&loop->inbox, is_last);

  for (; node; node = next) {
    next = node->next;
    ike_node_list_append (&loop->queues[node->lane], node);
  }
}

/* TRUE when something is left. */
static gboolean
loop_run_queues (IkeLoop *loop)
{
  guint n_left = 0;

  for (guint queue = 0; queue < IKE_N_QUEUES; queue++) {
    for (guint i = 0; i < quantum[queue] && loop->queues[queue].first; i++)
      ike_loop_run_queued (loop, queue);
    n_left += loop->queues[queue].n;
  }
  atomic_store_explicit (&loop->n_waiting, n_left, memory_order_relaxed);
  return n_left > 0;
}

static void
loop_bury_watches (IkeLoop *loop)
{
  while (loop->dead_watches) {
    IkeWatch *watch = loop->dead_watches;

    loop->dead_watches = watch->next;
    g_free (watch);
  }
}

static void
loop_run_watches (IkeLoop *loop, const struct epoll_event *events, int n)
{
  for (int i = 0; i < n; i++) {
    IkeWatch *watch = events[i].data.ptr;
    gint64 start_us = atomic_load_explicit (&loop->now_us, memory_order_relaxed);

    if (!watch || watch->fd < 0)
      continue;
    watch->ready (watch->fd, events[i].events, watch->data);
    loop_update_now (loop);
    ike_loop_account (loop, "watch", start_us,
                      atomic_load_explicit (&loop->now_us, memory_order_relaxed));
  }
}

/* How long the loop may sleep, in ms; -1: until it is woken. */
static int
loop_timeout (IkeLoop *loop)
{
  gint64 now_us = atomic_load_explicit (&loop->now_us, memory_order_relaxed), wait_us;
  guint64 tick;

  if (!ike_wheel_next (&loop->wheel, &tick))
    return -1;
  wait_us = (gint64) tick * 1000 - now_us;
  return wait_us <= 0 ? 0 : (int) MIN ((wait_us + 999) / 1000, 60 * 60 * 1000);
}

static void
loop_turn (IkeLoop *loop)
{
  struct epoll_event events[EVENTS_PER_TURN];
  gboolean is_busy;
  int timeout_ms, n;

  loop_sort_inbox (loop, FALSE);
  is_busy = loop_run_queues (loop);
  ike_wheel_run (&loop->wheel, ike_loop_tick (loop));
  for (guint queue = 0; queue < IKE_N_QUEUES; queue++)
    is_busy |= loop->queues[queue].first != NULL;
  timeout_ms = is_busy ? 0 : loop_timeout (loop);
  if (timeout_ms && !ike_inbox_sleep (&loop->inbox))
    timeout_ms = 0;
  /* Whoever stops a loop sets the flag and then writes the eventfd, so that a sleep that begins
   * here ends at once. */
  n = epoll_wait (loop->epoll_fd, events, EVENTS_PER_TURN, timeout_ms);
  if (timeout_ms)
    ike_inbox_wake (&loop->inbox);
  loop_update_now (loop);
  loop_run_watches (loop, events, n);
  loop_bury_watches (loop);
}

void
ike_loop_run (IkeLoop *loop)
{
  IkeLoop *before = ike_loop_enter (loop);

  loop_update_now (loop);
  while (!atomic_load_explicit (&loop->is_stopping, memory_order_acquire))
    loop_turn (loop);
  ike_loop_enter (before);
}

gboolean
ike_loop_drain (IkeLoop *loop)
{
  IkeLoop *before = ike_loop_enter (loop);
  guint n_total = 0;

  if (!loop->engine->sim)
    loop_update_now (loop);
  loop_sort_inbox (loop, FALSE);
  for (guint queue = 0; queue < IKE_N_QUEUES; queue++)
    for (guint n = loop->queues[queue].n; n; n--, n_total++)
      ike_loop_run_queued (loop, queue);
  ike_loop_enter (before);
  return n_total > 0;
}

/* -- watches */

IkeWatch *
ike_loop_watch (IkeLoop *loop, int fd, guint32 events,
                void (*ready) (int fd, guint32 events, gpointer data), gpointer data)
{
  struct epoll_event event = { .events = events };
  IkeWatch *watch;

  g_return_val_if_fail (!loop->engine->sim, NULL);
  g_return_val_if_fail (ike_loop_is_current (loop), NULL);
  g_return_val_if_fail (fd >= 0, NULL);
  watch = g_new0 (IkeWatch, 1);
  event.data.ptr = watch;
  if (epoll_ctl (loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
    ike_log (loop->engine, IKE_LOG_ERROR, "core", "loop %s cannot watch descriptor %d: %s",
             loop->name, fd, g_strerror (errno));
    g_free (watch);
    return NULL;
  }
  watch->loop = loop;
  watch->fd = fd;
  watch->events = events;
  watch->ready = ready;
  watch->data = data;
  watch->next = loop->watches;
  watch->at = &loop->watches;
  if (watch->next)
    watch->next->at = &watch->next;
  loop->watches = watch;
  return watch;
}

void
ike_watch_set_events (IkeWatch *watch, guint32 events)
{
  struct epoll_event event = { .events = events, .data.ptr = watch };

  g_return_if_fail (ike_loop_is_current (watch->loop));
  if (watch->events == events)
    return;
  watch->events = events;
  if (epoll_ctl (watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
    ike_log (watch->loop->engine, IKE_LOG_ERROR, "core", "loop %s cannot watch descriptor %d: %s",
             watch->loop->name, watch->fd, g_strerror (errno));
}

void
ike_watch_free (IkeWatch *watch)
{
  IkeLoop *loop;

  if (!watch)
    return;
  loop = watch->loop;
  g_return_if_fail (ike_loop_is_current (loop));
  *watch->at = watch->next;
  if (watch->next)
    watch->next->at = watch->at;
  /* Fails when the owner closed the descriptor first, which took it out as well. */
  epoll_ctl (loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
  watch->fd = -1;
  watch->next = loop->dead_watches;
  loop->dead_watches = watch;
}

/* -- making and ending */

static gboolean
loop_open (IkeLoop *loop, GError **error)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLET };

  loop->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  loop->event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (loop->epoll_fd >= 0 && loop->event_fd >= 0
      && epoll_ctl (loop->epoll_fd, EPOLL_CTL_ADD, loop->event_fd, &event) == 0)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot make loop %s: %s", loop->name,
               g_strerror (errno));
  return FALSE;
}

IkeLoop *
ike_loop_make (IkeEngine *engine, const char *name, guint32 shard, gboolean has_thread,
               GError **error)
{
  IkeRuntime *runtime = engine->runtime;
  IkeLoop *loop = NULL;

  if (posix_memalign ((void **) &loop, 64, sizeof *loop) != 0)
    g_error ("out of memory");
  memset (loop, 0, sizeof *loop);
  loop->engine = engine;
  loop->name = g_strdup (name);
  loop->shard = shard;
  loop->has_thread = has_thread && !engine->sim;
  loop->epoll_fd = loop->event_fd = -1;
  atomic_init (&loop->n_refs, 1);
  atomic_init (&loop->home, pthread_self ());
  for (guint queue = 0; queue < IKE_N_QUEUES; queue++)
    ike_node_list_init (&loop->queues[queue]);
  if (!engine->sim)
    loop_update_now (loop);
  ike_wheel_init (&loop->wheel, ike_loop_tick (loop));
  loop->index = runtime->n_loops_made++;
  loop->next = runtime->loops;
  if (loop->next)
    loop->next->previous = loop;
  runtime->loops = loop;
  if (!engine->sim && !loop_open (loop, error)) {
    ike_loop_free (loop);
    return NULL;
  }
  return loop;
}

IkeLoop *
ike_loop_new (IkePlugin *plugin, const char *name, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (plugin);
  IkeLoop *loop = ike_loop_make (engine, name, G_MAXUINT32, TRUE, error);

  /* While plugins activate no thread runs yet: this one begins with the others. */
  if (loop && engine->is_running && !ike_loop_start (loop, error)) {
    ike_loop_free (loop);
    return NULL;
  }
  return loop;
}

static void *
loop_thread (void *data)
{
  IkeLoop *loop = data;

  atomic_store_explicit (&loop->home, pthread_self (), memory_order_relaxed);
  ike_loop_run (loop);
  return NULL;
}

gboolean
ike_loop_start (IkeLoop *loop, GError **error)
{
  char thread_name[16];
  sigset_t all, before;
  int failed;

  if (!loop->has_thread || loop->is_started)
    return TRUE;
  /* Signals are the control thread's. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  failed = pthread_create (&loop->thread, NULL, loop_thread, loop);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (failed) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot start the thread of loop %s: %s",
                 loop->name, g_strerror (failed));
    return FALSE;
  }
  loop->is_started = TRUE;
  g_snprintf (thread_name, sizeof thread_name, "ike/%s", loop->name);
  pthread_setname_np (loop->thread, thread_name);
  return TRUE;
}

void
ike_loop_stop (IkeLoop *loop)
{
  atomic_store_explicit (&loop->is_stopping, TRUE, memory_order_release);
  ike_loop_wake (loop);
  if (!loop->is_started)
    return;
  pthread_join (loop->thread, NULL);
  loop->is_started = FALSE;
  atomic_store_explicit (&loop->home, pthread_self (), memory_order_relaxed);
}

IkeLoop *
ike_loop_ref (IkeLoop *loop)
{
  atomic_fetch_add_explicit (&loop->n_refs, 1, memory_order_relaxed);
  return loop;
}

/* What is left of a freed loop only refuses posts of calls and offloaded work that were under way.
 */
void
ike_loop_unref (IkeLoop *loop)
{
  if (atomic_fetch_sub_explicit (&loop->n_refs, 1, memory_order_acq_rel) != 1)
    return;
  if (loop->epoll_fd >= 0)
    close (loop->epoll_fd);
  if (loop->event_fd >= 0)
    close (loop->event_fd);
  g_free (loop->name);
  free (loop);
}

static void
loop_cancel_all (IkeLoop *loop)
{
  IkeNode *node;

  loop_sort_inbox (loop, TRUE);
  for (guint queue = 0; queue < IKE_N_QUEUES; queue++)
    while ((node = ike_node_list_pop (&loop->queues[queue])))
      node->run (node, FALSE);
  if (loop->engine->sim)
    ike_sim_forget_loop (loop->engine->sim, loop);
  else
    ike_wheel_clear (&loop->wheel);
}

void
ike_loop_free (IkeLoop *loop)
{
  IkeEngine *engine;
  IkeLoop *before;

  if (!loop)
    return;
  g_return_if_fail (!loop->is_started || !pthread_equal (loop->thread, pthread_self ()));
  engine = loop->engine;
  ike_loop_stop (loop);
  before = ike_loop_enter (loop);
  loop_cancel_all (loop);
  while (loop->watches)
    ike_watch_free (loop->watches);
  loop_bury_watches (loop);
  if (loop->crypto && engine->free_scratches)
    engine->free_scratches (engine, g_steal_pointer (&loop->crypto));
  ike_loop_enter (before == loop ? NULL : before);
  if (loop->next)
    loop->next->previous = loop->previous;
  if (loop->previous)
    loop->previous->next = loop->next;
  else
    engine->runtime->loops = loop->next;
  ike_loop_unref (loop);
}

/* -- listing */

IkeTree *
ike_loop_describe (IkeLoop *loop)
{
  IkeTree *tree = ike_tree_new_section (), *jobs;

  ike_tree_set_string (tree, "name", loop->name);
  ike_tree_set_int (tree, "waiting", atomic_load_explicit (&loop->n_waiting, memory_order_relaxed));
  jobs = ike_tree_add_list (tree, "jobs");
  for (guint i = 0; i < IKE_N_JOB_NAMES; i++) {
    IkeJobRecord *record = &loop->jobs[i];
    const char *name = atomic_load_explicit (&record->name, memory_order_acquire);
    IkeTree *job;

    if (!name)
      continue;
    job = ike_tree_add_section (jobs, NULL);
    ike_tree_set_string (job, "name", name);
    ike_tree_set_int (job, "count",
                      (gint64) atomic_load_explicit (&record->count, memory_order_relaxed));
    ike_tree_set_int (job, "longest_us",
                      (gint64) atomic_load_explicit (&record->longest_us, memory_order_relaxed));
    ike_tree_set_int (job, "stalls",
                      (gint64) atomic_load_explicit (&record->stalls, memory_order_relaxed));
  }
  return tree;
}
