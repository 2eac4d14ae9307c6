/* SPDX-License-Identifier: Apache-2.0 */
/* task_result.c - what a task says when it is not done: failed, to be tried again, not believed. */
#include "sa/sa_private.h"
#include <string.h>

void
ike_exchange_fail (IkeExchange *x, guint16 notify, const void *data, gsize len, const char *reason)
{
  x->is_failed = TRUE;
  x->notify = notify;
  g_free (x->notify_data);
  x->notify_data = len ? g_memdup2 (data, len) : NULL;
  x->notify_len = len;
  if (reason != x->reason) {
    g_free (x->reason);
    x->reason = g_strdup (reason);
  }
}

IkeTaskResult
ike_task_fail (IkeTask *task, guint16 notify, const void *data, gsize len, const char *reason)
{
  ike_exchange_fail (task->exchange, notify, data, len, reason);
  return IKE_TASK_FAIL;
}

IkeTaskResult
ike_task_fail_about (IkeTask *task, guint16 notify, guint8 protocol, const guint8 spi[4],
                     const char *reason)
{
  IkeExchange *x = task->exchange;

  x->notify_protocol = protocol;
  x->notify_spi_len = 4;
  memcpy (x->notify_spi, spi, 4);
  return ike_task_fail (task, notify, NULL, 0, reason);
}

IkeTaskResult
ike_task_fail_saying (IkeTask *task, guint8 payload, GBytes *body_take, guint16 notify,
                      const char *reason)
{
  IkeExchange *x = task->exchange;

  g_bytes_unref (x->last_word);
  x->last_word = body_take;
  x->last_word_type = payload;
  return ike_task_fail (task, notify, NULL, 0, reason);
}

IkeTaskResult
ike_task_abort (IkeTask *task, const char *reason)
{
  ike_exchange_fail (task->exchange, 0, NULL, 0, reason);
  return IKE_TASK_ABORT;
}

IkeTaskResult
ike_task_next (IkeTask *task, const char *exchange)
{
  IkeOperation *op = task->operation;
  const IkeExchangeInfo *info = ike_classes_exchange (&op->sa->shard->manager->classes, exchange);

  if (!info)
    return ike_task_abort (task, "the next exchange is not provided by any plugin");
  /* Several may ask: what stands earlier by declaration goes first, its own tasks ask for the rest.
   */
  if (!op->next_exchange || info->order < op->next_exchange->order)
    op->next_exchange = info;
  return IKE_TASK_NEXT;
}

/* Somebody who sees our first message may ask for it once more, in another form, before the peer's
 * answer to the first form arrives.  Nothing in that answer says which form it answers, and AUTH
 * signs one of them: so it fails, and the peer's SA is gone.  What shows it is that an answer comes
 * to a form that was given up.  Then the attempt is made anew, once, and warily: what asks for
 * another form is not followed before the true answer had its time.  A peer that does ask is obeyed
 * two seconds later.
 *
 * That is where it ends: who can hold back the peer's messages, or answers before the peer for
 * longer than those seconds, can keep us from getting up, as he could by cutting the line. */
void
ike_exchange_doubt (IkeSa *sa)
{
  if (sa->was_retried)
    sa->is_doubtful = TRUE;
}

/* RFC 7296, 2.6: "an initiator SHOULD limit the number of ... exchanges it tries before giving up";
 * what is asked for once too often is not believed, for the true answer may still come. */
IkeTaskResult
ike_task_retry (IkeTask *task, const char *reason_static)
{
  if (task->exchange->retries >= IKE_RETRIES_MAX)
    return ike_task_disbelieve (task, "the peer asked for one more try too often");
  if (task->exchange->sa->is_wary && !task->exchange->is_asked_again)
    return ike_task_disbelieve (task, reason_static);
  ike_sa_progress (task->operation->sa, IKE_LOG_INFO, "%s again: %s", task->exchange->info->name,
                   reason_static);
  return IKE_TASK_RETRY;
}

IkeTaskResult
ike_task_give_way (IkeTask *task, const char *reason_static)
{
  IkeExchange *x = task->exchange;
  IkeTaskResult result;

  if (!x->info->stands_for)
    return ike_task_abort (task, reason_static);
  result = ike_task_retry (task, reason_static);
  x->gives_way = result == IKE_TASK_RETRY;
  return result;
}

IkeTaskResult
ike_task_disbelieve (IkeTask *task, const char *reason)
{
  IkeExchange *x = task->exchange;

  if (!ike_exchange_is_clear (x) || !x->is_answered)
    return ike_task_abort (task, reason);
  g_free (x->reason);
  x->reason = g_strdup (reason);
  return IKE_TASK_DISBELIEVE;
}

IkeTaskResult
ike_task_later (IkeTask *task, const char *reason)
{
  g_free (task->exchange->reason);
  task->exchange->reason = g_strdup (reason);
  return IKE_TASK_LATER;
}
