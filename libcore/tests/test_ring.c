/* SPDX-License-Identifier: Apache-2.0 */
/* test_ring.c - the queues between threads: order, emptiness, capacity, and nothing lost with many
 * producers. Also built to be run under ThreadSanitizer (configure --enable-sanitizers=thread). */
#include <pthread.h>
#include <sched.h>
#include "base/ring.h"

enum { N_PRODUCERS = 4, N_EACH = 20000 };

typedef struct {
  guint        producer, number;
  IkeQueueNode node;
} Item;

typedef struct {
  IkeQueue *queue;
  Item     *items;
} Producer;

static void
test_queue_order (void)
{
  Item items[5] = { 0 };
  IkeQueue queue;

  ike_queue_init (&queue);
  g_assert_true (ike_queue_is_empty (&queue));
  g_assert_null (ike_queue_pop (&queue));
  for (guint round = 0; round < 3; round++) {
    for (guint i = 0; i < 5; i++) {
      ike_queue_push (&queue, &items[i].node);
      g_assert_false (ike_queue_is_empty (&queue));
    }
    for (guint i = 0; i < 5; i++) {
      IkeQueueNode *node = ike_queue_pop (&queue);
      g_assert_true (IKE_QUEUE_ITEM (node, Item, node) == &items[i]);
    }
    g_assert_true (ike_queue_is_empty (&queue));
    g_assert_null (ike_queue_pop (&queue));
  }
}

static void
test_queue_reuse (void)
{
  Item item = { 0 };
  IkeQueue queue;

  ike_queue_init (&queue);
  for (guint i = 0; i < 100; i++) {
    ike_queue_push (&queue, &item.node);
    g_assert_true (ike_queue_pop (&queue) == &item.node);
    g_assert_true (ike_queue_is_empty (&queue));
  }
}

static void *
produce (void *data)
{
  Producer *producer = data;

  for (guint i = 0; i < N_EACH; i++)
    ike_queue_push (producer->queue, &producer->items[i].node);
  return NULL;
}

static void
test_queue_threads (void)
{
  guint next[N_PRODUCERS] = { 0 }, n = 0;
  Producer producers[N_PRODUCERS];
  pthread_t threads[N_PRODUCERS];
  IkeQueue queue;

  ike_queue_init (&queue);
  for (guint p = 0; p < N_PRODUCERS; p++) {
    producers[p] = (Producer) { &queue, g_new0 (Item, N_EACH) };
    for (guint i = 0; i < N_EACH; i++)
      producers[p].items[i] = (Item) { .producer = p, .number = i };
    g_assert_cmpint (pthread_create (&threads[p], NULL, produce, &producers[p]), ==, 0);
  }
  while (n < N_PRODUCERS * N_EACH) {
    IkeQueueNode *node = ike_queue_pop (&queue);
    Item *item;
    if (!node) {
      sched_yield ();
      continue;
    }
    item = IKE_QUEUE_ITEM (node, Item, node);
    g_assert_cmpuint (item->number, ==, next[item->producer]++);
    n++;
  }
  for (guint p = 0; p < N_PRODUCERS; p++)
    g_assert_cmpint (pthread_join (threads[p], NULL), ==, 0);
  g_assert_null (ike_queue_pop (&queue));
  g_assert_true (ike_queue_is_empty (&queue));
  for (guint p = 0; p < N_PRODUCERS; p++)
    g_free (producers[p].items);
}

static void
test_ring_capacity (void)
{
  guint8 things[8];
  IkeRing ring;

  ike_ring_init (&ring, 5);                   /* becomes 8 */
  for (guint round = 0; round < 3; round++) {
    g_assert_null (ike_ring_pop (&ring));
    for (guint i = 0; i < 8; i++)
      g_assert_true (ike_ring_push (&ring, &things[i]));
    g_assert_false (ike_ring_push (&ring, &things[0]));
    g_assert_cmpuint (ike_ring_len (&ring), ==, 8);
    for (guint i = 0; i < 8; i++)
      g_assert_true (ike_ring_pop (&ring) == &things[i]);
    g_assert_cmpuint (ike_ring_len (&ring), ==, 0);
  }
  ike_ring_clear (&ring);
}

static void *
produce_ring (void *data)
{
  for (gsize i = 1; i <= N_EACH;)
    if (ike_ring_push (data, GSIZE_TO_POINTER (i)))
      i++;
    else
      sched_yield ();
  return NULL;
}

static void
test_ring_threads (void)
{
  pthread_t thread;
  gsize wanted = 1;
  IkeRing ring;

  ike_ring_init (&ring, 16);
  g_assert_cmpint (pthread_create (&thread, NULL, produce_ring, &ring), ==, 0);
  while (wanted <= N_EACH) {
    gpointer item = ike_ring_pop (&ring);
    if (item)
      g_assert_cmpuint (GPOINTER_TO_SIZE (item), ==, wanted++);
    else
      sched_yield ();
  }
  g_assert_cmpint (pthread_join (thread, NULL), ==, 0);
  g_assert_null (ike_ring_pop (&ring));
  ike_ring_clear (&ring);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ring/queue-keeps-order-and-knows-when-it-is-empty", test_queue_order);
  g_test_add_func ("/ring/node-may-be-pushed-again-once-popped", test_queue_reuse);
  g_test_add_func ("/ring/queue-loses-nothing-of-many-producers", test_queue_threads);
  g_test_add_func ("/ring/ring-refuses-when-full", test_ring_capacity);
  g_test_add_func ("/ring/ring-keeps-order-between-threads", test_ring_threads);
  return g_test_run ();
}
