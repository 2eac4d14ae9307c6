/* SPDX-License-Identifier: Apache-2.0 */
/* operation.c - what somebody wants done with an SA: queued by priority, run through exchanges,
 * ended once.  The peer's operations are here too; they live as long as their exchanges ask for a
 * next one. */
#include "sa/elsewhere.h"
#include <string.h>

IkeOperation *
ike_operation_new (IkeSa *sa, const char *name, const IkeOperationInfo *info, gpointer args_take)
{
  IkeOperation *op = g_new0 (IkeOperation, 1);

  op->sa = sa;
  op->name = info ? info->name : name;
  op->info = info;
  op->args = args_take;
  op->is_passive = info == NULL;
  return op;
}

static void
add_done (IkeOperation *op, const IkeDone *done)
{
  IkeDone *d;

  if (!done->done)
    return;
  d = g_memdup2 (done, sizeof *done);
  d->next = op->dones;
  op->dones = d;
}

IkeTask *
ike_operation_task (IkeOperation *op, const IkeTaskInfo *info)
{
  guint i;

  for (i = 0; i < op->n_tasks; i++)
    if (op->tasks[i]->info == info)
      return op->tasks[i];
  return NULL;
}

void
ike_operation_drop_task (IkeOperation *op, IkeTask *task)
{
  guint i;

  for (i = 0; i < op->n_tasks && op->tasks[i] != task; i++)
    ;
  g_assert (i < op->n_tasks);
  op->tasks[i] = op->tasks[--op->n_tasks];
  ike_task_drop_calls (task);
  if (task->info->klass->dispose)
    task->info->klass->dispose (task);
  ike_wipe (task->data, task->info->klass->instance_size);
  g_free (task);
}

static void
tell_absent (IkeOperation *op)
{
  const IkeClasses *classes = &op->sa->shard->manager->classes;
  guint i;

  if (!op->exchange || op->failure)
    return;
  for (i = 0; i < classes->n_absents; i++) {
    const IkeNotifyInfo *info = classes->absents[i];
    if (!(op->notified >> i & 1) && (info->exchanges >> op->exchange->info->index & 1))
      info->klass->absent (info->plugin, op->sa, op->exchange);
  }
}

static void
free_args (const IkeOperationInfo *info, gpointer args)
{
  if (args && info && info->klass->free_args)
    info->klass->free_args (args);
}

static gboolean
touches_ike (const IkeOperation *op)
{
  return op->info->klass->touches == IKE_TOUCHES_IKE;
}

/* Frees it and tells those who wait; @op is off every list. */
void
ike_operation_free (IkeOperation *op, const char *error)
{
  IkeDone *d;

  if (op->is_running && !op->is_passive) {
    op->sa->n_running--;
    op->sa->n_running_ike -= touches_ike (op);
  }
  ike_timer_stop (op->timer);
  while (op->n_tasks)
    ike_operation_drop_task (op, op->tasks[op->n_tasks - 1]);
  while ((d = op->dones)) {
    op->dones = d->next;
    d->done (op->sa, d->data, error);
    g_free (d);
  }
  if (op->exchange)
    op->exchange->operation = NULL;
  free_args (op->info, op->args);
  free_args (op->followed_by, op->next_args);
  if (op->kept) {
    ike_arena_clear (&op->kept->arena);
    g_free (op->kept);
  }
  g_free (op->trigger);
  g_free (op->failure);
  g_free (op);
}

static void
unlink_operation (IkeOperation *op)
{
  IkeOperation **link = op->is_passive ? &op->sa->passive : &op->sa->operations;

  for (; *link; link = &(*link)->next)
    if (*link == op) {
      *link = op->next;
      return;
    }
}

static void
insert_by_priority (IkeSa *sa, IkeOperation *op)
{
  IkeOperation **link = &sa->operations;

  while (*link
         && ((*link)->is_running || (*link)->info->klass->priority >= op->info->klass->priority))
    link = &(*link)->next;
  op->next = *link;
  *link = op;
}

static gboolean
is_same (const IkeOperation *op, const IkeOperationInfo *info, gconstpointer args)
{
  return op->info == info && !op->is_running
         && (!info->klass->is_same || info->klass->is_same (op->args, args));
}

/* An equal one that waits already takes the place of a new one. */
static IkeOperation *
queue (IkeSa *sa, const IkeOperationInfo *info, gpointer args_take, IkeTrigger *trigger_take)
{
  IkeOperation *op;

  for (op = sa->operations; op; op = op->next)
    if (!trigger_take && is_same (op, info, args_take)) {
      free_args (info, args_take);
      return op;
    }
  op = ike_operation_new (sa, NULL, info, args_take);
  op->trigger = trigger_take;
  insert_by_priority (sa, op);
  return op;
}

/* What was to follow begins; whoever waited waits for that. */
static void
follow (IkeOperation *op)
{
  IkeOperation *next =
      queue (op->sa, op->followed_by, g_steal_pointer (&op->next_args), op->trigger);
  IkeDone **last = &next->dones;

  op->trigger = NULL;
  while (*last)
    last = &(*last)->next;
  *last = g_steal_pointer (&op->dones);
}

void
ike_operation_end (IkeOperation *op, const char *error)
{
  IkeSa *sa = op->sa;

  unlink_operation (op);
  if (!error)
    tell_absent (op);
  if (!error && op->followed_by && !sa->is_doomed)
    follow (op);
  ike_operation_free (op, error);
  if (sa->state == IKE_SA_ESTABLISHED && !sa->passive)
    ike_init_clear (sa);
  if (sa->state >= IKE_SA_ESTABLISHED)
    ike_keys_forget_older (sa);
  if (!sa->is_doomed)
    ike_operations_kick (sa);
}

/* -- the peer's */

static gboolean
is_next_of (const IkeOperation *op, const IkeExchangeInfo *info, const IkeMessage *in)
{
  guint i;

  if (op->awaited != info || op->exchange)
    return FALSE;
  for (i = 0; i < op->n_tasks; i++)
    if (op->tasks[i]->info->klass->continues
        && !op->tasks[i]->info->klass->continues (op->tasks[i], in))
      return FALSE;
  return TRUE;
}

IkeOperation *
ike_operation_of_request (IkeSa *sa, const IkeExchangeInfo *info, const IkeMessage *in)
{
  const char *name = info->klass->operation;
  IkeOperation *op;

  for (op = sa->passive; op; op = op->next)
    if (is_next_of (op, info, in)
        || (name && op->name && !strcmp (op->name, name) && !op->exchange)) {
      op->awaited = NULL;
      ike_timer_stop (g_steal_pointer (&op->timer));
      return op;
    }
  op = ike_operation_new (sa, name, NULL, NULL);
  op->next = sa->passive;
  op->is_running = TRUE;
  sa->passive = op;
  return op;
}

static void
stop_waiting (IkeSa *sa, gpointer data)
{
  IkeOperation *op = data;

  op->timer = NULL;
  ike_operation_end (op, "the peer did not go on");
}

static const IkeJobClass await_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "operation of the peer",
  .lane = IKE_LANE_ESTABLISHED,
  .run = stop_waiting,
};

/* The operation stays for the peer's next request, for a while, and only so many: the newest are
 * listed first. */
void
ike_operation_await (IkeOperation *op, const IkeExchangeInfo *next)
{
  IkeSa *sa = op->sa;
  IkeOperation *other, *oldest = NULL;
  guint n = 0;

  op->awaited = next;
  if (sa->state < IKE_SA_ESTABLISHED)
    return;
  op->timer =
      ike_sa_timer_add (sa, sa->shard->manager->half_open_timeout_s * 1000ull, &await_job, op);
  for (other = sa->passive; other; other = other->next)
    if (other->awaited) {
      n++;
      oldest = other;
    }
  if (n > IKE_AWAITED_MAX)
    ike_operation_end (oldest, "the peer began too much at once");
}

/* -- ours */

gboolean
ike_sa_begin_for (IkeSa *sa, const char *operation, gpointer args_take, const IkeTrigger *trigger,
                  IkeDone done)
{
  const IkeOperationInfo *info = ike_classes_operation (&sa->shard->manager->classes, operation);

  ike_sa_assert_owner (sa);
  if (!info || sa->is_doomed) {
    free_args (info, args_take);
    return FALSE;
  }
  add_done (queue (sa, info, args_take, trigger ? g_memdup2 (trigger, sizeof *trigger) : NULL),
            &done);
  ike_operations_kick (sa);
  return TRUE;
}

gboolean
ike_sa_begin (IkeSa *sa, const char *operation, gpointer args_take,
              void (*done) (IkeSa *sa, gpointer data, const char *error), gpointer data)
{
  return ike_sa_begin_for (sa, operation, args_take, NULL, (IkeDone) { NULL, done, data });
}

gpointer
ike_operation_args (IkeOperation *operation)
{
  return operation->args;
}

const IkeTrigger *
ike_operation_trigger (const IkeOperation *operation)
{
  return operation->trigger;
}

gboolean
ike_operation_hand_over (IkeOperation *op, IkeSa *next)
{
  if (!ike_sa_begin_for (next, op->name, g_strdup (op->args), op->trigger, (IkeDone) { 0 }))
    return FALSE;
  /* It may have ended already, if there was nothing to begin with. */
  if (next->operations) {
    next->operations->dones = g_steal_pointer (&op->dones);
    g_clear_pointer (&op->trigger, g_free);
  }
  return TRUE;
}

static void
run_kick (IkeSa *sa, gpointer data)
{
  ike_operations_kick (sa);
}

static const IkeJobClass kick_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "operations",
  .lane = IKE_LANE_ESTABLISHED,
  .run = run_kick,
};

/* What is protected waits until there is somebody at the other end who has proven who he is. */
static gboolean
is_time_for (const IkeSa *sa, const IkeOperation *op)
{
  const IkeExchangeInfo *info =
      ike_classes_exchange (&sa->shard->manager->classes, op->info->klass->exchange);

  if (op->again_us)
    return FALSE;
  /* It is going, perhaps without ever having had keys: only the delete itself begins now. */
  if (sa->state > IKE_SA_REKEYING && !touches_ike (op))
    return FALSE;
  return !info || (info->klass->flags & IKE_EXCHANGE_CLEAR) || sa->state >= IKE_SA_ESTABLISHED;
}

/* RFC 7296, 2.25: what touches the IKE SA itself does not run beside anything of ours.  While it
 * waits for that, nothing overtakes it: with a window there would always be something. */
static IkeOperation *
next_to_start (IkeSa *sa)
{
  IkeOperation *op;
  gboolean has_place = ike_window_may_send (&sa->window),
           has_outside = ike_window_may_send_outside (&sa->window);

  if (sa->n_running_ike || (!has_place && !has_outside))
    return NULL;
  /* Thousands may wait, and mostly because there is no place. */
  for (op = sa->operations; op; op = op->next)
    if (!op->is_running && (op->info->klass->is_outside_window ? has_outside : has_place)
        && is_time_for (sa, op))
      return touches_ike (op) && sa->n_running ? NULL : op;
  return NULL;
}

static void
start (IkeSa *sa, IkeOperation *op, const IkeExchangeInfo *info)
{
  op->is_running = TRUE;
  sa->n_running++;
  sa->n_running_ike += touches_ike (op);
  ike_exchange_begin (sa, op, info);
}

/* Starts what may start.  While a message is built on this shard it waits for a job: there is one
 * buffer. */
void
ike_operations_kick (IkeSa *sa)
{
  IkeOperation *op;
  const IkeExchangeInfo *info;

  while (!sa->is_doomed && (op = next_to_start (sa))) {
    if (sa->shard->is_busy) {
      if (!ike_sa_post (sa->shard->manager->engine, ike_sa_ref (sa), &kick_job, NULL))
        g_assert_not_reached ();
      return;
    }
    info = ike_classes_first (&sa->shard->manager->classes, op->info->klass->exchange, sa);
    if (!info) {
      ike_operation_end (op, "no plugin provides the exchange that this needs");
      return;
    }
    start (sa, op, info);
  }
}

/* -- put off */

enum { PUT_OFF_FIRST_MS = 2000, PUT_OFF_MOST_MS = 30000, PUT_OFF_LIMIT_S = 180 };

static void
begin_again (IkeSa *sa, gpointer data)
{
  IkeOperation *op = data;

  op->timer = NULL;
  op->again_us = 0;
  ike_operations_kick (sa);
}

static const IkeJobClass again_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "operation that was put off",
  .lane = IKE_LANE_ESTABLISHED,
  .run = begin_again,
};

static void
arm_again (IkeOperation *op)
{
  gint64 left_ms = (op->again_us - ike_sa_now_us (op->sa) + 999) / 1000;

  op->timer = ike_sa_timer_add (op->sa, (guint64) MAX (left_ms, 1), &again_job, op);
}

/* Twice as long each time, and as much again at random, so that two who wait for each other do not
 * meet again. */
static gint64
pause_us (IkeOperation *op)
{
  guint32 base = MIN (PUT_OFF_FIRST_MS << MIN (op->n_put_off, 8), PUT_OFF_MOST_MS), random;

  ike_engine_random (op->sa->shard->manager->engine, &random, sizeof random);
  return (base + random % base) * 1000ll;
}

/* RFC 7296, 2.25: "If a peer continues to receive TEMPORARY_FAILURE on the same IKE SA after
 * several minutes, it SHOULD conclude that the state information is out of sync and close the
 * IKE SA." */
static void
give_up (IkeOperation *op, const char *reason)
{
  IkeSa *sa = op->sa;

  ike_sa_progress (sa, IKE_LOG_ERROR, "%s did not come about for minutes (%s): the SA is closed",
                   op->name, reason);
  ike_operation_end (op, reason);
  ike_sa_ends (sa, IKE_END_FAULT);
  if (!sa->is_doomed && !ike_sa_begin (sa, "delete", NULL, NULL, NULL))
    ike_sa_destroy (sa, reason);
}

void
ike_operation_put_off (IkeOperation *op, const char *reason)
{
  IkeSa *sa = op->sa;
  gint64 now = ike_sa_now_us (sa);

  if (!op->first_us)
    op->first_us = now;
  if (now - op->first_us > PUT_OFF_LIMIT_S * G_USEC_PER_SEC) {
    give_up (op, reason);
    return;
  }
  while (op->n_tasks)
    ike_operation_drop_task (op, op->tasks[op->n_tasks - 1]);
  op->tasks_done = 0;
  op->next_exchange = NULL;
  op->is_running = FALSE;
  sa->n_running--;
  sa->n_running_ike -= touches_ike (op);
  op->again_us = now + pause_us (op);
  op->n_put_off++;
  ike_sa_progress (sa, IKE_LOG_INFO, "%s again in %.1f s: %s", op->name,
                   (double) (op->again_us - now) / G_USEC_PER_SEC, reason);
  arm_again (op);
  ike_operations_kick (sa);
}

/* RFC 7296, 2.8: the new IKE SA "is used for all control messages needed to maintain those Child
 * SAs". */
void
ike_operations_move (IkeSa *from, IkeSa *to)
{
  IkeOperation **link = &from->operations, *op;

  while ((op = *link)) {
    if (op->is_running || !strcmp (op->name, "rekey")) {
      link = &op->next;
      continue;
    }
    *link = op->next;
    ike_timer_stop (g_steal_pointer (&op->timer));
    op->sa = to;
    insert_by_priority (to, op);
    if (op->again_us)
      arm_again (op);
  }
  ike_operations_kick (to);
}

gboolean
ike_operation_is_skipped (const IkeOperation *op, guint phase)
{
  return op->skipped >> MIN (phase, 63) & 1;
}

void
ike_operation_skip (IkeTask *task, const char *phase, const char *reason_static)
{
  const IkeExchangeInfo *info = task->exchange->info;
  guint i;

  for (i = 0; info->phases[i]; i++)
    if (!strcmp (info->phases[i], phase))
      task->operation->skipped |= G_GUINT64_CONSTANT (1) << MIN (i, 63);
  ike_sa_progress (task->operation->sa, IKE_LOG_INFO, "%s goes on without %s: %s", info->name,
                   phase, reason_static);
}

gboolean
ike_operation_followed_by (IkeTask *task, const char *operation, gpointer args_take)
{
  IkeOperation *op = task->operation;
  const IkeOperationInfo *info =
      ike_classes_operation (&op->sa->shard->manager->classes, operation);

  if (!info || op->is_passive) {
    free_args (info, args_take);
    return FALSE;
  }
  free_args (op->followed_by, op->next_args);
  op->followed_by = info;
  op->next_args = args_take;
  return TRUE;
}

void
ike_operation_complain (IkeTask *task, const char *reason)
{
  g_free (task->operation->failure);
  task->operation->failure = g_strdup (reason);
}

/* -- what tasks ask of their operation */

static gboolean
is_kept_type (const guint8 *types, guint8 type)
{
  while (*types)
    if (*types++ == type)
      return TRUE;
  return FALSE;
}

void
ike_operation_repeat (IkeTask *task, const char *phase)
{
  const IkeExchangeInfo *info = task->exchange->info;
  guint i;

  for (i = 0; i < info->n_steps; i++)
    if (!strcmp (info->phases[info->steps[i].phase], phase))
      task->operation->repeats |= G_GUINT64_CONSTANT (1) << info->steps[i].task->index;
}

gboolean
ike_message_keep (IkeTask *task, const IkeMessage *message, const guint8 *types)
{
  IkeOperation *op = task->operation;
  guint i;

  if (!op->kept) {
    op->kept = g_new0 (IkeKept, 1);
    ike_arena_init (&op->kept->arena, op->sa->shard->arenas, IKE_KEPT_MAX);
  }
  for (i = 0; i < message->n; i++) {
    const IkePayload *p = &message->payloads[i];
    IkeKept *kept = op->kept;
    if (!is_kept_type (types, p->type))
      continue;
    if (p->type == IKE_PAYLOAD_NOTIFY) {
      if (!ike_exchange_keep_record (task->exchange, kept, p))
        return FALSE;
      continue;
    }
    if (kept->n == G_N_ELEMENTS (kept->payloads))
      return FALSE;
    kept->payloads[kept->n] = *p;
    kept->payloads[kept->n].data = ike_arena_copy (&kept->arena, p->data, p->len);
    if (!kept->payloads[kept->n].data)
      return FALSE;
    kept->n++;
  }
  return TRUE;
}
