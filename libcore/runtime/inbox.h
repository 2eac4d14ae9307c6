/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.h - the queue in front of a loop: any thread puts nodes in, the loop takes all of them at once.
 *
 * Beside the nodes, the one word of the inbox says "its loop sleeps" and "its loop is gone", which is why this is no
 * IkeQueue: a post learns from the same compare-and-swap that puts its node in whether it must wake the loop, and a
 * post to a loop that is being freed on another thread is refused instead of lost. */
#pragma once
#include <stdatomic.h>
#include <glib.h>

typedef struct _IkeNode IkeNode;
/* Something queued.  @run is called once: on the loop, or with @is_alive FALSE on the thread that gives the loop up;
 * then it only frees.  The node is its own to free either way. */
struct _IkeNode {
  IkeNode    *next;
  void      (*run) (IkeNode *node, gboolean is_alive);
  const char *name;                           /* static: what "ikebana jobs" and the stall report call it */
  guint8      lane;                           /* IKE_QUEUE_… of loop_private.h */
};

typedef struct {
  _Atomic (IkeNode *) newest;
} IkeInbox;

typedef enum { IKE_INBOX_PUT, IKE_INBOX_WAKE, IKE_INBOX_CLOSED } IkeInboxAnswer;

#define IKE_INBOX_ASLEEP ((IkeNode *) 1)
#define IKE_INBOX_GONE   ((IkeNode *) 2)

/* Any thread.  WAKE: put in, and the loop has to be woken by the caller.  CLOSED: not put in. */
static inline IkeInboxAnswer
ike_inbox_put (IkeInbox *inbox, IkeNode *node)
{
  IkeNode *newest = atomic_load_explicit (&inbox->newest, memory_order_relaxed);

  do {
    if (newest == IKE_INBOX_GONE)
      return IKE_INBOX_CLOSED;
    node->next = newest == IKE_INBOX_ASLEEP ? NULL : newest;
  } while (!atomic_compare_exchange_weak_explicit (&inbox->newest, &newest, node, memory_order_acq_rel,
                                                   memory_order_relaxed));
  return newest == IKE_INBOX_ASLEEP ? IKE_INBOX_WAKE : IKE_INBOX_PUT;
}

/* The loop: what was put in, oldest first, linked by next; @is_last refuses whatever comes later. */
static inline IkeNode *
ike_inbox_take (IkeInbox *inbox, gboolean is_last)
{
  IkeNode *oldest = NULL, *node, *next;

  if (!is_last && !atomic_load_explicit (&inbox->newest, memory_order_relaxed))
    return NULL;
  node = atomic_exchange_explicit (&inbox->newest, is_last ? IKE_INBOX_GONE : NULL, memory_order_acq_rel);
  if (node == IKE_INBOX_ASLEEP || node == IKE_INBOX_GONE)
    return NULL;
  for (; node; node = next) {
    next = node->next;
    node->next = oldest;
    oldest = node;
  }
  return oldest;
}

/* The loop, before it sleeps: FALSE when there is something to do instead. */
static inline gboolean
ike_inbox_sleep (IkeInbox *inbox)
{
  IkeNode *expected = NULL;
  return atomic_compare_exchange_strong_explicit (&inbox->newest, &expected, IKE_INBOX_ASLEEP, memory_order_acq_rel,
                                                  memory_order_relaxed)
         || expected == IKE_INBOX_ASLEEP;
}

static inline void
ike_inbox_wake (IkeInbox *inbox)
{
  IkeNode *expected = IKE_INBOX_ASLEEP;
  atomic_compare_exchange_strong_explicit (&inbox->newest, &expected, NULL, memory_order_acq_rel, memory_order_relaxed);
}
