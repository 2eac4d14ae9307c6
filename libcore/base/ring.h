/* SPDX-License-Identifier: Apache-2.0 */
/* ring.h - the two queues that cross threads; internal, not installed.
 *
 * IkeQueue: any number of producers, one consumer, unbounded and intrusive: the node is part of what is queued, so a
 * push allocates nothing and never fails.  IkeRing: one producer, one consumer, bounded. */
#pragma once
#include <stdatomic.h>
#include <glib.h>

enum { IKE_CACHE_LINE = 64 };

typedef struct _IkeQueueNode IkeQueueNode;
struct _IkeQueueNode {
  _Atomic (IkeQueueNode *) next;
};

typedef struct {
  _Atomic (IkeQueueNode *) newest;       /* producers */
  char          apart[IKE_CACHE_LINE];   /* of padding, not alignment: these live in structs from malloc */
  IkeQueueNode *oldest;                  /* consumer only */
  IkeQueueNode  sentinel;
} IkeQueue;

/* The queue must not move once it is used. */
void          ike_queue_init (IkeQueue *queue);
/* Any thread.  @node belongs to the queue until it is popped.  Sequentially consistent: whoever pushes and then
 * reads an "asleep" flag, against a consumer that sets the flag and then asks ike_queue_is_empty(), cannot be
 * missed. */
void          ike_queue_push (IkeQueue *queue, IkeQueueNode *node);
/* Consumer.  NULL when there is nothing, or when the next push has begun and not ended: then is_empty() says FALSE. */
IkeQueueNode *ike_queue_pop  (IkeQueue *queue);
/* Consumer.  Has every push that began been popped? */
gboolean      ike_queue_is_empty (IkeQueue *queue);

/* The struct that holds @member, from its node. */
#define IKE_QUEUE_ITEM(node, Type, member) ((Type *) (void *) ((char *) (node) - G_STRUCT_OFFSET (Type, member)))

typedef struct {
  gpointer     *slots;
  gsize         mask;
  char          apart[IKE_CACHE_LINE];
  gsize         seen_out;                /* producer's copy of `out` */
  atomic_size_t in;
  char          apart_too[IKE_CACHE_LINE];
  gsize         seen_in;                 /* consumer's copy of `in` */
  atomic_size_t out;
} IkeRing;

/* @capacity is rounded up to a power of two. */
void     ike_ring_init  (IkeRing *ring, gsize capacity);
void     ike_ring_clear (IkeRing *ring);               /* frees the slots, not what is in them */
gboolean ike_ring_push  (IkeRing *ring, gpointer item);  /* producer; FALSE: full. @item is not NULL */
gpointer ike_ring_pop   (IkeRing *ring);               /* consumer; NULL: empty */
gsize    ike_ring_len   (IkeRing *ring);               /* about; exact for whoever stands still with the other side */
