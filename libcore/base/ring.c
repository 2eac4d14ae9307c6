/* SPDX-License-Identifier: Apache-2.0 */
/* ring.c - queues between threads, with C11 atomics only. */
#include "base/ring.h"

/* The list always holds at least the sentinel.  `newest` is exchanged first and linked after, so
 * between the two the chain is broken: pop then says NULL, and the producer that is about to link
 * wakes the consumer as for any push. */
void
ike_queue_init (IkeQueue *queue)
{
  atomic_init (&queue->sentinel.next, NULL);
  atomic_init (&queue->newest, &queue->sentinel);
  queue->oldest = &queue->sentinel;
}

void
ike_queue_push (IkeQueue *queue, IkeQueueNode *node)
{
  IkeQueueNode *before;

  atomic_store_explicit (&node->next, NULL, memory_order_relaxed);
  before = atomic_exchange (&queue->newest, node);
  atomic_store (&before->next, node);
}

IkeQueueNode *
ike_queue_pop (IkeQueue *queue)
{
  IkeQueueNode *node = queue->oldest;
  IkeQueueNode *next = atomic_load_explicit (&node->next, memory_order_acquire);

  if (node == &queue->sentinel) {
    if (!next)
      return NULL;
    queue->oldest = node = next;
    next = atomic_load_explicit (&node->next, memory_order_acquire);
  }
  if (next) {
    queue->oldest = next;
    return node;
  }
  if (node != atomic_load (&queue->newest))
    return NULL;
  /* @node is the last one: put the sentinel behind it, so that the list is not left empty. */
  ike_queue_push (queue, &queue->sentinel);
  next = atomic_load_explicit (&node->next, memory_order_acquire);
  if (!next)
    return NULL;
  queue->oldest = next;
  return node;
}

gboolean
ike_queue_is_empty (IkeQueue *queue)
{
  return queue->oldest == &queue->sentinel && atomic_load (&queue->newest) == &queue->sentinel;
}

void
ike_ring_init (IkeRing *ring, gsize capacity)
{
  gsize size = 1;

  while (size < capacity && size <= G_MAXSIZE / 2 / sizeof (gpointer))
    size *= 2;
  ring->slots = g_new0 (gpointer, size);
  ring->mask = size - 1;
  ring->seen_in = ring->seen_out = 0;
  atomic_init (&ring->in, 0);
  atomic_init (&ring->out, 0);
}

void
ike_ring_clear (IkeRing *ring)
{
  g_clear_pointer (&ring->slots, g_free);
}

gboolean
ike_ring_push (IkeRing *ring, gpointer item)
{
  gsize in = atomic_load_explicit (&ring->in, memory_order_relaxed);

  if (in - ring->seen_out > ring->mask) {
    ring->seen_out = atomic_load_explicit (&ring->out, memory_order_acquire);
    if (in - ring->seen_out > ring->mask)
      return FALSE;
  }
  ring->slots[in & ring->mask] = item;
  /* Sequentially consistent for the same reason as ike_queue_push(): a flag is read after it. */
  atomic_store (&ring->in, in + 1);
  return TRUE;
}

gpointer
ike_ring_pop (IkeRing *ring)
{
  gsize out = atomic_load_explicit (&ring->out, memory_order_relaxed);
  gpointer item;

  if (out == ring->seen_in) {
    ring->seen_in = atomic_load (&ring->in);
    if (out == ring->seen_in)
      return NULL;
  }
  item = ring->slots[out & ring->mask];
  atomic_store_explicit (&ring->out, out + 1, memory_order_release);
  return item;
}

gsize
ike_ring_len (IkeRing *ring)
{
  gsize out = atomic_load (&ring->out);
  return atomic_load (&ring->in) - out;
}
