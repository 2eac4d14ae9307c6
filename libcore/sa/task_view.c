/* SPDX-License-Identifier: Apache-2.0 */
/* task_view.c - what a task may know of itself and of the exchange that runs it. */
#include "sa/sa_private.h"

gboolean
ike_exchange_is_initiator (const IkeExchange *x)
{
  return x->is_initiator;
}

const char *
ike_exchange_name (const IkeExchange *x)
{
  return x->info->name;
}

guint32
ike_exchange_message_id (const IkeExchange *x)
{
  return x->message_id;
}

const char *
ike_exchange_operation (const IkeExchange *x)
{
  return x->operation ? x->operation->name : NULL;
}

gboolean
ike_exchange_is_outside_window (const IkeExchange *x)
{
  return x->is_outside;
}

IkeOperation *
ike_exchange_running (const IkeExchange *x)
{
  return x->operation;
}

void *
ike_exchange_alloc (IkeExchange *x, gsize size)
{
  return ike_arena_alloc (&x->arena, size);
}

const IkeAddr *
ike_exchange_local (const IkeExchange *x)
{
  return &x->local;
}

const IkeAddr *
ike_exchange_remote (const IkeExchange *x)
{
  return &x->remote;
}

guint
ike_exchange_retries (const IkeExchange *x)
{
  return x->retries;
}

void *ike_task_data (IkeTask *task) { return task->data; }
IkeSa *ike_task_sa (IkeTask *task) { return task->operation->sa; }
IkePlugin *ike_task_plugin (IkeTask *task) { return task->info->plugin; }
IkeExchange *ike_task_exchange (IkeTask *task) { return task->exchange; }
IkeOperation *ike_task_operation (IkeTask *task) { return task->operation; }
const char *ike_task_name (IkeTask *task) { return task->info->name; }
