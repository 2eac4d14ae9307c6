/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c - the walk: a message through its tasks, half by half, parking where a task waits.
 *
 * The initiator builds, sends, and processes; the responder processes, builds, and sends.  Each
 * half is a walk over the steps that were sorted at load.  Nothing is entered twice for one
 * datagram except where a WAIT lies between. */
#include "sa/sa_private.h"
#include <string.h>

static void run_half (IkeExchange *x);

static gboolean
is_first_half (const IkeExchange *x)
{
  return (x->half == IKE_HALF_BUILD) == x->is_initiator;
}

IkeExchange *
ike_exchange_new (IkeSa *sa, const IkeExchangeInfo *info, gboolean is_initiator, guint32 id)
{
  IkeExchange *x = g_new0 (IkeExchange, 1);

  x->sa = sa;
  x->info = info;
  x->is_initiator = is_initiator;
  x->message_id = id;
  x->local = sa->local;
  x->remote = sa->remote;
  x->is_marked = sa->is_marked;
  x->keys = sa->keys;
  ike_arena_init (&x->arena, sa->shard->arenas, IKE_EXCHANGE_ARENA_MAX);
  ike_arena_init (&x->in_arena, sa->shard->arenas, IKE_MESSAGE_ARENA_MAX);
  return x;
}

void
ike_exchange_free (IkeExchange *x)
{
  guint i;

  ike_transmit_stop (x);
  if (x->is_parked)
    x->sa->shard->n_parked--;
  if (x->operation) {
    for (i = 0; i < x->operation->n_tasks; i++)
      x->operation->tasks[i]->exchange = NULL;
    if (x->operation->exchange == x)
      x->operation->exchange = NULL;
  }
  ike_arena_clear (&x->arena);
  ike_arena_clear (&x->in_arena);
  g_free (x->notify_data);
  g_bytes_unref (x->last_word);
  g_free (x->reason);
  g_free (x->packet);
  g_free (x);
}

/* -- tasks */

static gboolean
is_wanted (IkeExchange *x, const IkeTaskInfo *info)
{
  IkeOperation *op = x->operation;

  if (op->tasks_done >> info->index & 1)
    return FALSE;
  if (x->is_initiator && info->operations
      && !g_strv_contains ((const char *const *) info->operations, op->name))
    return FALSE;
  return !info->klass->wanted || info->klass->wanted (info->plugin, x->sa, x, x->in);
}

static gboolean
make_task (IkeExchange *x, const IkeTaskInfo *info)
{
  IkeOperation *op = x->operation;
  IkeTask *task;

  if (op->n_tasks == G_N_ELEMENTS (op->tasks))
    return FALSE;
  task = g_malloc0 (sizeof *task + info->klass->instance_size);
  task->info = info;
  task->operation = op;
  task->data = task + 1;
  op->tasks[op->n_tasks++] = task;
  return TRUE;
}

/* Makes the instances that this exchange wants; how many of them are main tasks. */
static guint
gather_tasks (IkeExchange *x)
{
  const IkeStep *steps = x->info->steps;
  guint64 wanted = 0, displaced = 0;
  guint i, n_main = 0;

  for (i = 0; i < x->info->n_steps; i++)
    if (ike_operation_task (x->operation, steps[i].task) || is_wanted (x, steps[i].task)) {
      wanted |= G_GUINT64_CONSTANT (1) << steps[i].task->index;
      displaced |= steps[i].task->displaces;
    }
  for (i = 0; i < x->info->n_steps; i++) {
    const IkeTaskInfo *info = steps[i].task;
    gboolean is_there = ike_operation_task (x->operation, info) != NULL;
    if (!is_there && (wanted & ~displaced) >> info->index & 1)
      is_there = make_task (x, info);
    n_main += is_there && info->klass->is_main;
  }
  return n_main;
}

static void
begin_half (IkeExchange *x, IkeHalf half)
{
  x->half = half;
  x->cursor = 0;
  x->stop_phase = G_MAXUINT;
  if (half == IKE_HALF_BUILD && !x->is_failed) {
    ike_exchange_open (x);
    ike_exchange_send_notifies (x, TRUE);
  }
  run_half (x);
}

/* -- the end of halves */

static void
drop_finished (IkeOperation *op)
{
  guint i;

  for (i = op->n_tasks; i-- > 0;)
    if (op->tasks[i]->is_finished) {
      op->tasks_done |= G_GUINT64_CONSTANT (1) << op->tasks[i]->info->index;
      ike_operation_drop_task (op, op->tasks[i]);
    } else
      op->tasks[i]->exchange = NULL;
  op->tasks_done &= ~op->repeats;
  op->repeats = 0;
}

/* RFC 7296, 2.3: "An IKE endpoint MUST NOT exceed the peer's stated window size".  A request takes
 * its place when it is begun: it may wait while it is built, and no other is sent meanwhile. */
static void
take_place (IkeExchange *x)
{
  x->has_place = TRUE;
  (*(x->is_outside ? &x->sa->window.n_outside : &x->sa->window.n_in_flight))++;
}

static void
unlink_exchange (IkeExchange *x)
{
  IkeExchange **link;

  if (x->has_place)
    (*(x->is_outside ? &x->sa->window.n_outside : &x->sa->window.n_in_flight))--;
  x->has_place = FALSE;
  if (!x->is_in_flight)
    return;
  x->is_in_flight = FALSE;
  for (link = &x->sa->window.in_flight; *link != x; link = &(*link)->next)
    ;
  *link = x->next;
}

/* The request did not work out: the operation ends; an SA that was not up goes, and is told so when
 * keys are there. */
static void
fail_operation (IkeExchange *x)
{
  IkeSa *sa = x->sa;
  IkeOperation *op = x->operation;
  guint16 notify = x->notify;
  gboolean can_tell = x->in && x->in->is_protected && notify;
  g_autofree char *reason = g_strdup (x->reason ? x->reason : "failed");

  op->failure = g_strdup (reason);
  unlink_exchange (x);
  ike_exchange_free (x);
  if (sa->state >= IKE_SA_ESTABLISHED && notify != IKE_N_INVALID_SYNTAX) {
    ike_operation_end (op, reason);
    return;
  }
  g_free (sa->down_reason);
  sa->down_reason = g_strdup (reason);
  ike_sa_set_state (sa, IKE_SA_DELETING);
  ike_operation_end (op, reason);
  /* RFC 7296, 2.21.2: the initiator that fails to authenticate its peer says so in an INFORMATIONAL
   * exchange. */
  if (!can_tell || !ike_sa_begin (sa, "delete", GUINT_TO_POINTER (notify), NULL, NULL))
    ike_sa_destroy (sa, reason);
}

void
ike_exchange_gave_up (IkeExchange *x, const char *why)
{
  IkeSa *sa = x->sa;

  ike_counter_add (sa->shard->manager->engine, sa->shard->manager->count.timeouts, 1);
  ike_exchange_fail (x, 0, NULL, 0, why);
  sa->has_timed_out = TRUE;
  if (sa->state >= IKE_SA_ESTABLISHED) {
    ike_liveness_lost (sa);
    ike_sa_destroy (sa, why);
  } else
    fail_operation (x);
}

void
ike_exchange_abandon (IkeExchange *x, const char *why)
{
  IkeOperation *op = x->operation;

  unlink_exchange (x);
  ike_exchange_free (x);
  ike_operation_put_off (op, why);
}

/* Whatever tasks made of it they make of the next one. */
static void
drop_answer (IkeExchange *x)
{
  guint i;

  for (i = 0; i < x->operation->n_tasks; i++)
    x->operation->tasks[i]->is_finished = x->operation->tasks[i]->is_asked = FALSE;
  x->in = NULL;
  x->n_records = 0;
  x->is_answered = FALSE;
  x->sa->peer_spi = 0;
  ike_arena_clear (&x->in_arena);
}

/* RFC 7296, 2.21.1: what comes unprotected may be anybody's.  It is as if it had not come; what it
 * said is remembered for people, should nothing better come. */
static void
disbelieve (IkeExchange *x)
{
  x->is_disbelieved = FALSE;
  if (ike_message_find (x->in, IKE_PAYLOAD_SA, 0))
    ike_exchange_doubt (x->sa);
  drop_answer (x);
  ike_transmit_hint (x, x->reason);
}

/* The operation begins once more, as if it had done nothing yet. */
static void
give_way (IkeExchange *x)
{
  const IkeExchangeInfo *next = x->info->stands_for;
  IkeOperation *op = x->operation;
  IkeSa *sa = x->sa;

  unlink_exchange (x);
  while (op->n_tasks)
    ike_operation_drop_task (op, op->tasks[op->n_tasks - 1]);
  op->tasks_done = op->repeats = 0;
  op->next_exchange = NULL;
  ike_exchange_free (x);
  sa->was_retried = TRUE;
  sa->peer_spi = 0;
  sa->window.next_sent = 0;
  g_clear_pointer (&sa->hint, g_free);
  ike_timer_stop (g_steal_pointer (&sa->setup_timer));
  ike_sa_arm_setup (sa);
  ike_exchange_begin (sa, op, next);
}

gboolean
ike_exchange_give_way (IkeExchange *x)
{
  if (!x->info->stands_for || x->sa->state != IKE_SA_CONNECTING)
    return FALSE;
  ike_sa_progress (x->sa, IKE_LOG_INFO, "no answer to %s, so %s is tried", x->info->name,
                   x->info->stands_for->name);
  give_way (x);
  return TRUE;
}

static void
retry (IkeExchange *x)
{
  if (++x->retries > IKE_RETRIES_MAX) {
    ike_exchange_fail (x, 0, NULL, 0, "the peer asked for one more try too often");
    fail_operation (x);
    return;
  }
  if (x->gives_way) {
    give_way (x);
    return;
  }
  unlink_exchange (x);
  ike_transmit_stop (x);
  g_clear_pointer (&x->packet, g_free);
  x->wants_retry = FALSE;
  x->sa->was_retried = TRUE;
  drop_answer (x);
  x->n_sent = 0;
  x->is_hinted = x->is_asked_again = FALSE;
  g_clear_pointer (&x->sa->hint, g_free);
  x->operation->next_exchange = NULL;
  take_place (x);
  begin_half (x, IKE_HALF_BUILD);
}

/* Our exchange has its answer, and all tasks have looked at it. */
static void
conclude (IkeExchange *x)
{
  IkeSa *sa = x->sa;
  IkeOperation *op = x->operation;
  const IkeExchangeInfo *next;
  g_autofree char *why = NULL;

  if (x->is_failed) {
    fail_operation (x);
    return;
  }
  if (x->is_disbelieved) {
    disbelieve (x);
    return;
  }
  g_clear_pointer (&x->packet, g_free);
  if (x->wants_retry) {
    retry (x);
    return;
  }
  if (x->is_put_off) {
    unlink_exchange (x);
    why = g_strdup (x->reason);
    ike_exchange_free (x);
    ike_operation_put_off (op, why);
    return;
  }
  drop_finished (op);
  next = op->next_exchange;
  op->next_exchange = NULL;
  unlink_exchange (x);
  if (next) {
    ike_exchange_free (x);
    ike_exchange_begin (sa, op, next);
    return;
  }
  why = g_strdup (op->failure);
  ike_operation_end (op, why);
  ike_exchange_free (x);
}

static void
send_request (IkeExchange *x)
{
  IkeSa *sa = x->sa;

  if (x->is_failed) {
    fail_operation (x);
    return;
  }
  ike_exchange_send_notifies (x, FALSE);
  if (x->message_id != sa->window.next_sent && x->retries == 0 && !x->is_outside) {
    /* The ID is taken when the message goes out: what was built is stamped now. */
    x->message_id = sa->window.next_sent;
    if (x->out.len >= IKE_HEADER_LEN) {
      guint32 id = GUINT32_TO_BE (x->message_id);
      memcpy (x->out.data + 20, &id, 4);
    }
  }
  x->packet = ike_exchange_close (x, &x->packet_len);
  if (!x->packet) {
    ike_exchange_fail (x, 0, NULL, 0, "the request could not be built or sealed");
    fail_operation (x);
    return;
  }
  if (ike_exchange_is_clear (x))
    ike_init_keep (sa, TRUE, x->packet, x->packet_len);
  if (x->retries == 0 && !x->is_outside)
    sa->window.next_sent = x->message_id + 1;
  x->next = sa->window.in_flight;
  sa->window.in_flight = x;
  x->is_in_flight = TRUE;
  if (sa->state == IKE_SA_CREATED)
    ike_sa_set_state (sa, IKE_SA_CONNECTING);
  x->n_sent = 0;
  ike_transmit_request (x);
}

/* What becomes of the SA after an answer that says no: one that was not up when it was asked goes,
 * for the peer hears of no AUTH; and so does one whose peer sends malformed messages under its
 * protection (RFC 7296, 2.21.3). */
static gboolean
is_fatal (const IkeExchange *x)
{
  return x->is_failed
         && (x->is_aborted || !x->was_up
             || (x->notify == IKE_N_INVALID_SYNTAX && x->in && x->in->is_protected));
}

static void
send_response (IkeExchange *x)
{
  IkeSa *sa = x->sa;
  IkeOperation *op = x->operation;
  guint8 *packet;
  gsize len = 0;

  if (x->is_failed)
    ike_exchange_write_failure (x);
  else
    ike_exchange_send_notifies (x, FALSE);
  packet = ike_exchange_close (x, &len);
  if (!packet) {
    ike_sa_destroy (sa, "the answer could not be built or sealed");
    return;
  }
  if (ike_gates_replace (x, len)) {
    g_free (packet);
    ike_sa_destroy (sa, "its source is to prove itself first");
    return;
  }
  if (ike_exchange_is_clear (x) && !x->is_failed)
    ike_init_keep (sa, FALSE, packet, len);
  ike_transmit (sa, packet, len, x);
  if (x->is_outside) {
    sa->outside->response = packet;
    sa->outside->response_len = (guint32) len;
  } else
    ike_window_answered (&sa->window, x->message_id, packet, (guint32) len);
  if (is_fatal (x)) {
    g_autofree char *reason = g_strdup (x->reason ? x->reason : "the request was refused");
    ike_sa_destroy (sa, reason);
    return;
  }
  if (op) {
    drop_finished (op);
    if (!op->next_exchange || x->is_failed)
      ike_operation_end (op, x->is_failed ? x->reason : NULL);
    else
      ike_operation_await (op, g_steal_pointer (&op->next_exchange));
  }
  ike_exchange_free (x);
  if (!sa->is_doomed)
    ike_operations_kick (sa);
}

static void
half_done (IkeExchange *x)
{
  if (is_first_half (x)) {
    x->reached = x->cursor;
    if (x->is_initiator)
      send_request (x);
    else if (x->is_failed)
      send_response (x);
    else
      begin_half (x, IKE_HALF_BUILD);
  } else if (x->is_initiator)
    conclude (x);
  else
    send_response (x);
}

/* -- the walk */

static IkeTaskResult
run_task (IkeExchange *x, IkeTask *task)
{
  const IkeTaskClass *klass = task->info->klass;

  task->exchange = x;
  if (x->half == IKE_HALF_BUILD)
    return klass->build ? klass->build (task, x, &x->out) : IKE_TASK_DONE;
  return klass->process ? klass->process (task, x, x->in) : IKE_TASK_DONE;
}

static void
park (IkeExchange *x)
{
  IkeSaManager *manager = x->sa->shard->manager;

  /* What we began ourselves is counted, too, but goes on: there is nobody to be refused. */
  if (!x->is_initiator && x->sa->shard->n_parked >= manager->max_parked) {
    ike_counter_add (manager->engine, manager->count.parked_limit, 1);
    ike_exchange_fail (x, IKE_N_TEMPORARY_FAILURE, NULL, 0, "too many exchanges wait already");
    return;
  }
  if (x->half == IKE_HALF_BUILD) {
    x->saved = ike_arena_copy (&x->arena, x->out.data, x->out.len);
    if (!x->saved) {
      ike_exchange_fail (x, IKE_N_TEMPORARY_FAILURE, NULL, 0, "no room to park a message");
      return;
    }
  }
  x->is_parked = TRUE;
  x->sa->shard->n_parked++;
}

/* FALSE: the walk ends here for now (parked, failed, or the SA is going). */
static gboolean
take_result (IkeExchange *x, IkeTask *task, IkeTaskResult result)
{
  switch (result) {
  case IKE_TASK_DONE:
    task->is_finished = !is_first_half (x);
    task->is_asked = x->is_initiator && is_first_half (x);
    return TRUE;
  case IKE_TASK_NEXT:
    task->is_asked = x->is_initiator && is_first_half (x);
    x->stop_phase = x->info->steps[x->cursor].phase;
    return TRUE;
  case IKE_TASK_RETRY:
    x->wants_retry = TRUE;
    return FALSE;
  case IKE_TASK_DISBELIEVE:
    x->is_disbelieved = TRUE;
    return FALSE;
  case IKE_TASK_LATER:
    x->is_put_off = TRUE;
    return FALSE;
  case IKE_TASK_ABORT:
    x->is_aborted = TRUE;
    G_GNUC_FALLTHROUGH;
  case IKE_TASK_FAIL:
    x->is_failed = TRUE;
    return FALSE;
  case IKE_TASK_WAIT:
    park (x);
    return FALSE;
  }
  return FALSE;
}

/* An operation that takes several exchanges may have the answer to what a task asks for in the last
 * of them only: meanwhile it does not ask again. */
static gboolean
is_to_run (const IkeExchange *x, const IkeTask *task, const IkeStep *step)
{
  return task && !task->is_finished && !ike_operation_is_skipped (x->operation, step->phase)
         && !(task->is_asked && x->is_initiator && is_first_half (x));
}

/* WAIT is for calls that are out: without one, or with such as are answered again and again, it
 * would never end. */
static IkeTaskResult
run_until_answered (IkeExchange *x, IkeTask *task)
{
  g_autofree char *text = NULL;
  IkeTaskResult result;

  while ((result = run_task (x, task)) == IKE_TASK_WAIT && !x->sa->is_doomed) {
    if (!task->calls || ++task->n_waits >= WAITS_MAX)
      break;
    if (ike_task_is_waiting (task) || x->sa->is_doomed)
      return result;
  }
  if (result != IKE_TASK_WAIT || x->sa->is_doomed) {
    task->n_waits = 0;
    return result;
  }
  text = g_strdup_printf ("task %s of plugin %s returns WAIT %s", ike_task_name (task),
                          ike_plugin_name (task->info->plugin),
                          task->calls ? "whatever its calls answer"
                                      : "and has no call out: make one with ike_task_call ()");
  ike_sa_log_text (x->sa, IKE_LOG_ERROR, "ike", text);
  return ike_task_abort (task, text);
}

static void
walk (IkeExchange *x)
{
  guint end = is_first_half (x) ? x->info->n_steps : x->reached;

  while (x->cursor < end && x->info->steps[x->cursor].phase <= x->stop_phase && !x->sa->is_doomed) {
    const IkeStep *step = &x->info->steps[x->cursor];
    IkeTask *task = ike_operation_task (x->operation, step->task);
    IkeTaskResult result;

    if (!is_to_run (x, task, step)) {
      x->cursor++;
      continue;
    }
    result = run_until_answered (x, task);
    if (x->sa->is_doomed || !take_result (x, task, result))
      return;
    x->cursor++;
  }
}

static void
run_half (IkeExchange *x)
{
  IkeShard *shard = x->sa->shard;
  gboolean was_busy = shard->is_busy;

  shard->is_busy = TRUE;
  if (!x->is_failed && !x->is_disbelieved && !x->sa->is_doomed)
    walk (x);
  if (!x->is_parked && !x->sa->is_doomed)
    half_done (x);
  shard->is_busy = was_busy;
}

void
ike_exchange_resume (IkeExchange *x)
{
  if (!x->is_parked || x->sa->is_doomed)
    return;
  x->is_parked = FALSE;
  x->sa->shard->n_parked--;
  if (x->half == IKE_HALF_BUILD) {
    memcpy (x->sa->shard->buffer, x->saved, x->out.len);
    x->saved = NULL;
  }
  run_half (x);
}

/* -- entries */

void
ike_exchange_begin (IkeSa *sa, IkeOperation *op, const IkeExchangeInfo *info)
{
  IkeExchange *x = ike_exchange_new (sa, info, TRUE, sa->window.next_sent);

  if (op->info && op->info->klass->is_outside_window) {
    x->is_outside = TRUE;
    x->message_id = 0;
  }
  take_place (x);
  x->operation = op;
  op->exchange = x;
  if (op->skipped_of != info)
    op->skipped = 0;
  op->skipped_of = info;
  gather_tasks (x);
  begin_half (x, IKE_HALF_BUILD);
}

/* A request that passed window, tag and state gate. @x->in is set; with is_failed it is only
 * answered. */
void
ike_exchange_respond (IkeSa *sa, IkeExchange *x)
{
  IkeVerdict verdict = { 0 };

  x->half = IKE_HALF_PROCESS;
  x->was_up = sa->state >= IKE_SA_ESTABLISHED;
  x->operation = ike_operation_of_request (sa, x->info, x->in);
  x->operation->exchange = x;
  if (x->operation->skipped_of != x->info)
    x->operation->skipped = 0;
  x->operation->skipped_of = x->info;
  x->in->kept = x->operation->kept;
  if (!x->is_failed && !ike_exchange_record_notifies (x, &verdict))
    ike_exchange_fail (x, verdict.notify, NULL, 0, verdict.reason);
  if (!x->is_failed && gather_tasks (x) != 1)
    ike_exchange_fail (x, IKE_N_INVALID_SYNTAX, NULL, 0, "no task takes this request");
  begin_half (x, IKE_HALF_PROCESS);
}

void
ike_exchange_response (IkeExchange *x, IkeMessage *in)
{
  IkeVerdict verdict = { 0 };

  ike_transmit_stop (x);
  x->is_answered = TRUE;
  x->in = in;
  in->kept = x->operation->kept;
  if (ike_exchange_is_clear (x))
    ike_init_keep (x->sa, FALSE, in->raw, in->raw_len);
  if (!ike_exchange_record_notifies (x, &verdict)) {
    ike_exchange_fail (x, IKE_N_INVALID_SYNTAX, NULL, 0,
                       verdict.reason ? verdict.reason : "no room for the notifies");
    x->is_disbelieved = ike_exchange_is_clear (x);
    x->is_failed = !x->is_disbelieved;
  }
  begin_half (x, IKE_HALF_PROCESS);
}

/* A hook's own chain is copied to where the message is. */
