/* SPDX-License-Identifier: Apache-2.0 */
/* calls.c - calls whose owner is a task or an SA: what resumes a parked exchange, and what is given
 * back when its owner is gone before the answer. */
#include "sa/sa_private.h"
#include "runtime/call_private.h"

/* The calls of an owner are a list through the calls themselves. */
static void
push (IkeCall **list, IkeCall *call)
{
  *ike_call_next (call) = *list;
  *list = call;
}

static void
forget (IkeCall **list, IkeCall *call)
{
  while (*list && *list != call)
    list = ike_call_next (*list);
  if (*list)
    *list = *ike_call_next (call);
}

static void
drop_all (IkeCall **list)
{
  IkeCall *call;

  while ((call = *list)) {
    *list = *ike_call_next (call);
    ike_call_drop (call);
  }
}

static void
task_call_delivered (IkeCall *call, gpointer owner)
{
  IkeTask *task = owner;

  forget (&task->calls, call);
  ike_call_finish (call);
  if (!task->calls && task->exchange)
    ike_exchange_resume (task->exchange);
}

IkeCall *
ike_task_call (IkeTask *task, const IkeCallClass *klass, gpointer data_take)
{
  IkeSa *sa = task->operation->sa;
  IkeCall *call;

  ike_sa_assert_owner (sa);
  call = ike_call_new (sa->shard->loop, klass, task, data_take, task_call_delivered);
  push (&task->calls, call);
  ike_call_hold (call);
  return call;
}

/* Takes the answers that came while the task still ran; TRUE when some are still out. */
gboolean
ike_task_is_waiting (IkeTask *task)
{
  IkeCall **link = &task->calls, *call;

  while ((call = *link))
    if (ike_call_poll (call)) {
      *link = *ike_call_next (call);
      ike_call_finish (call);
      link = &task->calls;
    } else
      link = ike_call_next (call);
  return task->calls != NULL;
}

void
ike_task_drop_calls (IkeTask *task)
{
  drop_all (&task->calls);
}

static void
sa_call_delivered (IkeCall *call, gpointer owner)
{
  IkeSa *sa = owner;

  forget (&sa->calls, call);
  ike_call_finish (call);
}

IkeCall *
ike_sa_call (IkeSa *sa, const IkeCallClass *klass, gpointer data_take)
{
  IkeCall *call;

  ike_sa_assert_owner (sa);
  call = ike_call_new (sa->shard->loop, klass, sa, data_take, sa_call_delivered);
  push (&sa->calls, call);
  return call;
}

void
ike_sa_drop_calls (IkeSa *sa)
{
  drop_all (&sa->calls);
}

IkeTimer *
ike_sa_timer_add (IkeSa *sa, guint64 delay_ms, const IkeJobClass *klass, gpointer data_take)
{
  ike_sa_assert_owner (sa);
  return ike_owned_timer_add (sa->shard->loop, &sa->timers, delay_ms, klass, sa, data_take);
}
