/* SPDX-License-Identifier: Apache-2.0 */
/* calls.c - questions that are answered later, once, by whoever comes first.
 *
 * One atomic word holds the outcome; the worker and the owner's loop each try to set it, by one
 * compare-and-swap.  Two references keep the memory: the worker's (which becomes the completion
 * node's) and the owner's. */
#include "config.h"
#include <sched.h>
#include <string.h>
#include "runtime/call_private.h"
#include "runtime/loop_private.h"
#include "runtime/offload_private.h"
#include "runtime/sim_private.h"

enum {
  CALL_PENDING, CALL_ANSWERED, CALL_TIMED_OUT, CALL_CANCELLED,
  CALL_OUTCOME = 3,
  CALL_HEARS = 4,                             /* the worker wants to hear of a cancel */
  CALL_TELLING = 8,                           /* it is being told, right now */
  CALL_SETTLED = 16,                          /* the worker has answered, whoever won */
};

/* Work longer than LONG_WORK_US goes to the offload pool: a turn takes four messages, which then
 * stay below 5 ms on a machine half as fast as the one that costs were measured on. */
enum { REASON_SIZE = 256, LONG_WORK_US = 700 };

struct _IkeCall {
  IkeNode             node;
  IkeNode             foreign;                /* tests: carries the answer to another thread */
  IkeTimer            timeout;                /* on home; armed until it is over for the owner */
  const IkeCallClass *klass;
  IkeLoop            *home;
  atomic_uint         state, n_refs;

  gpointer            owner, data;            /* home's: */
  IkeCall            *next;
  IkeCallDelivered    delivered;
  gboolean            is_held, is_over, has_owner;

  gpointer            result;                 /* the worker's until it is ANSWERED, then home's */
  gboolean            has_failed;
  char               *reason;

  void              (*cancelled) (gpointer worker);
  gpointer            worker;
  _Atomic (pthread_t) teller;
};

static void
call_unref (IkeCall *call)
{
  if (atomic_fetch_sub_explicit (&call->n_refs, 1, memory_order_acq_rel) != 1)
    return;
  ike_loop_unref (call->home);
  g_free (call->reason);
  g_free (call);
}

const IkeCallClass *
ike_call_class (const IkeCall *call)
{
  return call->klass;
}

IkeCall **
ike_call_next (IkeCall *call)
{
  return &call->next;
}

/* -- the owner's side */

/* The owner is done with it: frees what belongs to the owner's side. */
static void
call_release (IkeCall *call)
{
  gpointer data = g_steal_pointer (&call->data);

  ike_timer_disarm (&call->timeout);
  call->has_owner = FALSE;
  if (call->klass->free_data)
    call->klass->free_data (data);
  call_unref (call);
}

void
ike_call_finish (IkeCall *call)
{
  gpointer result = NULL;
  const char *error = NULL;

  g_return_if_fail (call->has_owner && call->is_over);
  if ((atomic_load_explicit (&call->state, memory_order_acquire) & CALL_OUTCOME) == CALL_TIMED_OUT)
    error = "timed out";
  else if (call->has_failed)
    error = call->reason;
  else
    result = g_steal_pointer (&call->result);
  /* `then` may drop everything around it, but not this call any more. */
  call->has_owner = FALSE;
  ike_timer_disarm (&call->timeout);
  if (call->klass->then)
    call->klass->then (call->owner, call->data, result, error);
  else if (call->klass->undo && result)
    call->klass->undo (result);
  call_release (call);
}

static void
call_deliver (IkeCall *call)
{
  call->is_over = TRUE;
  ike_timer_disarm (&call->timeout);
  if (call->delivered)
    call->delivered (call, call->owner);
  else
    ike_call_finish (call);
}

static void
call_undo (IkeCall *call)
{
  gpointer result = g_steal_pointer (&call->result);

  if (result && call->klass->undo)
    call->klass->undo (result);
}

/* Sets the outcome unless there is one; tells the worker.  TRUE when it was still open. */
static gboolean
call_close (IkeCall *call, guint outcome)
{
  guint state = atomic_load_explicit (&call->state, memory_order_acquire);

  do {
    if ((state & CALL_OUTCOME) != CALL_PENDING)
      return FALSE;
    atomic_store_explicit (&call->teller, pthread_self (), memory_order_relaxed);
  } while (!atomic_compare_exchange_weak_explicit (
      &call->state, &state, state | outcome | (state & CALL_HEARS ? CALL_TELLING : 0),
      memory_order_acq_rel, memory_order_acquire));
  if (state & CALL_HEARS) {
    call->cancelled (call->worker);
    atomic_fetch_and_explicit (&call->state, ~(guint) CALL_TELLING, memory_order_release);
  }
  return TRUE;
}

static void
call_timed_out (IkeTimer *timer)
{
  IkeCall *call = (IkeCall *) (void *) ((char *) timer - G_STRUCT_OFFSET (IkeCall, timeout));

  /* An answer that won is on its way here. */
  if (call_close (call, CALL_TIMED_OUT))
    call_deliver (call);
}

void
ike_call_drop (IkeCall *call)
{
  gboolean was_over = call->is_over;

  g_return_if_fail (call->has_owner);
  call->is_held = FALSE;
  /* Answered and not over: the answer is on its way, and is undone when it arrives. */
  if (!call_close (call, CALL_CANCELLED) && was_over
      && (atomic_load_explicit (&call->state, memory_order_acquire) & CALL_OUTCOME)
             == CALL_ANSWERED)
    call_undo (call);
  call_release (call);
}

static void
call_loop_is_gone (IkeTimer *timer)
{
  ike_call_drop ((IkeCall *) (void *) ((char *) timer - G_STRUCT_OFFSET (IkeCall, timeout)));
}

static const IkeTimerClass timeout_class = { call_timed_out, call_loop_is_gone };

/* The answer arrives at home; the reference that came with it was the worker's. */
static void
call_arrives (IkeNode *node, gboolean is_alive)
{
  IkeCall *call = (IkeCall *) node;

  if (!call->has_owner)
    call_undo (call);
  else if (is_alive)
    call_deliver (call);
  else {
    call->is_over = TRUE;
    ike_call_drop (call);
  }
  call_unref (call);
}

static void call_hand_over (IkeNode *foreign, gboolean is_alive);

IkeCall *
ike_call_new (IkeLoop *home, const IkeCallClass *klass, gpointer owner, gpointer data_take,
              IkeCallDelivered delivered)
{
  IkeCall *call;

  g_return_val_if_fail (ike_loop_is_current (home), NULL);
  call = g_new0 (IkeCall, 1);
  call->node = (IkeNode) { .run = call_arrives, .name = klass->name, .lane = IKE_QUEUE_POSTS };
  call->foreign = (IkeNode) { .run = call_hand_over, .name = klass->name };
  call->klass = klass;
  call->home = ike_loop_ref (home);
  atomic_init (&call->state, CALL_PENDING);
  atomic_init (&call->n_refs, 2);
  call->owner = owner;
  call->data = data_take;
  call->delivered = delivered;
  call->has_owner = TRUE;
  ike_timer_init (&call->timeout, home, &timeout_class, klass->name);
  ike_timer_arm (&call->timeout, MAX (klass->timeout_ms, 1));
  return call;
}

IkeCall *
ike_loop_call (IkeLoop *loop, const IkeCallClass *klass, gpointer owner, gpointer data_take)
{
  return ike_call_new (loop, klass, owner, data_take, NULL);
}

void
ike_call_cancel (IkeCall *call)
{
  g_return_if_fail (ike_loop_is_current (call->home));
  ike_call_drop (call);
}

void
ike_call_hold (IkeCall *call)
{
  call->is_held =
      !(call->home->engine->options.flags & (IKE_ENGINE_FORCE_WAITS | IKE_ENGINE_FOREIGN_ANSWERS));
}

gboolean
ike_call_poll (IkeCall *call)
{
  gboolean is_here = call->is_held && call->is_over;

  call->is_held = FALSE;
  return is_here;
}

/* -- the worker's side */

static void
call_arrive_soon (IkeCall *call)
{
  IkeSim *sim = call->home->engine->sim;

  if (sim && ike_sim_shuffles (sim))
    ike_sim_ready_node (sim, call->home, &call->node);
  else
    ike_loop_put (call->home, &call->node);
}

/* A worker may free what it gave to ike_call_on_cancel() once it has answered, so this waits for a
 * cancel that is being told on another thread, which takes no longer than that function. */
static void
call_wait_for_teller (IkeCall *call)
{
  while (atomic_load_explicit (&call->state, memory_order_acquire) & CALL_TELLING) {
    if (pthread_equal (atomic_load_explicit (&call->teller, memory_order_relaxed), pthread_self ()))
      return;
    sched_yield ();
  }
}

/* The worker's fields are written; tries to win. */
static void
call_complete (IkeCall *call)
{
  guint state = atomic_load_explicit (&call->state, memory_order_acquire);

  do {
    if ((state & CALL_OUTCOME) != CALL_PENDING) {
      call_wait_for_teller (call);
      call_undo (call);
      call_unref (call);
      return;
    }
  } while (!atomic_compare_exchange_weak_explicit (&call->state, &state, state | CALL_ANSWERED,
                                                   memory_order_acq_rel, memory_order_acquire));
  /* is_held is home's own, so another thread does not look at it. */
  if (ike_loop_current () == call->home && call->is_held) {
    call->is_over = TRUE;
    call_unref (call);
    return;
  }
  call_arrive_soon (call);
}

static void
call_hand_over (IkeNode *foreign, gboolean is_alive)
{
  call_complete ((IkeCall *) (void *) ((char *) foreign - G_STRUCT_OFFSET (IkeCall, foreign)));
}

/* FALSE: a worker's mistake.  The reference that would be given back is not its own any more. */
static gboolean
call_is_open (IkeCall *call)
{
  guint before = atomic_fetch_or_explicit (&call->state, CALL_SETTLED, memory_order_relaxed);

  if (!(before & CALL_SETTLED))
    return TRUE;
  g_critical ("the call \"%s\" is answered twice: whoever answers or fails a call is done with it",
              call->klass->name);
  return FALSE;
}

static void
call_settle (IkeCall *call)
{
  IkeEngine *engine = call->home->engine;

  if (engine->sim && engine->options.flags & IKE_ENGINE_FOREIGN_ANSWERS)
    ike_sim_answer_elsewhere (engine->sim, &call->foreign);
  else
    call_complete (call);
}

void
ike_call_answer (IkeCall *call, gpointer result_take)
{
  if (!call_is_open (call)) {
    if (call->klass->undo && result_take)
      call->klass->undo (result_take);
    return;
  }
  call->result = result_take;
  call_settle (call);
}

/* Cuts at a character, so that UTF-8 stays UTF-8. */
static char *
reason_copy (const char *reason)
{
  gsize len = reason ? strlen (reason) : 0;

  if (len < REASON_SIZE)
    return g_strdup (reason ? reason : "failed");
  for (len = REASON_SIZE - 1; len && (reason[len] & 0xc0) == 0x80; len--)
    ;
  return g_strndup (reason, len);
}

void
ike_call_fail (IkeCall *call, const char *reason)
{
  if (!call_is_open (call))
    return;
  call->has_failed = TRUE;
  call->reason = reason_copy (reason);
  call_settle (call);
}

void
ike_call_on_cancel (IkeCall *call, void (*cancelled) (gpointer worker), gpointer worker)
{
  guint before;

  g_return_if_fail (cancelled && !call->cancelled);
  call->worker = worker;
  call->cancelled = cancelled;
  before = atomic_fetch_or_explicit (&call->state, CALL_HEARS, memory_order_acq_rel);
  if ((before & CALL_OUTCOME) == CALL_TIMED_OUT || (before & CALL_OUTCOME) == CALL_CANCELLED)
    cancelled (worker);
}

/* -- work for the pool */

typedef struct {
  IkeCall       *call;
  gpointer     (*work) (gpointer arg, const char **error);
  gpointer       arg;
  GDestroyNotify free_arg;
} Work;

static void
work_run (gpointer data)
{
  Work *work = data;
  const char *error = NULL;
  gpointer result = work->work (work->arg, &error);

  if (error)
    ike_call_fail (work->call, error);
  else
    ike_call_answer (work->call, result);
  if (work->free_arg)
    work->free_arg (work->arg);
}

void
ike_call_run (IkeCall *call, IkeEngine *engine, guint32 cost_us,
              gpointer (*work) (gpointer arg, const char **error), gpointer arg_take,
              GDestroyNotify free_arg)
{
  Work now = { call, work, arg_take, free_arg }, *later;

  if (cost_us <= LONG_WORK_US) {
    work_run (&now);
    return;
  }
  later = g_new (Work, 1);
  *later = now;
  if (ike_offload_push (engine, call->klass->name, work_run, later, g_free))
    return;
  g_free (later);
  ike_call_fail (call, "too much work is waiting already");
  if (free_arg)
    free_arg (arg_take);
}
