/* SPDX-License-Identifier: Apache-2.0 */
/* resync.c - another node of a cluster had an SA before, and counted further than is known here, or
 * the peer did: message IDs, and sequence numbers of what CHILD_SAs send, go up to be safe. */
#include "sa/child_private.h"
#include "sa/sa_private.h"

void
ike_sa_message_ids (const IkeSa *sa, guint32 *next_sent, guint32 *next_received)
{
  *next_sent = sa->window.next_sent;
  *next_received = ike_window_next_received (&sa->window);
}

/* What the peer is asked, and may never have heard of, or have answered to somebody else. */
static void
abandon_ours (IkeSa *sa, guint32 below)
{
  IkeExchange *x = sa->window.in_flight, *next;

  for (; x && !sa->is_doomed; x = next) {
    next = x->next;
    if (x->is_outside || x->is_answered || x->message_id >= below)
      continue;
    ike_exchange_abandon (x, "the message IDs of the IKE SA were agreed on anew");
    next = sa->window.in_flight;
  }
}

static void
forget_theirs (IkeSa *sa, guint32 below)
{
  IkeExchange *x;
  IkeOperation *op;

  while ((x = ike_window_forget (&sa->window, below))) {
    op = x->operation;
    ike_exchange_free (x);
    if (op)
      ike_operation_end (op, "the message IDs of the IKE SA were agreed on anew");
  }
}

void
ike_sa_raise_message_ids (IkeSa *sa, guint32 next_sent, guint32 next_received)
{
  ike_sa_assert_owner (sa);
  if (sa->is_doomed)
    return;
  sa->window.next_sent = MAX (sa->window.next_sent, next_sent);
  forget_theirs (sa, next_received);
  abandon_ours (sa, next_sent);
  if (!sa->is_doomed)
    ike_operations_kick (sa);
}

static void
skipped (gpointer owner, gpointer data, gpointer result, const char *error)
{
  if (error)
    ike_sa_progress (owner, IKE_LOG_ERROR,
                     "the sequence number of a CHILD_SA could not be raised (%s): the peer may "
                     "drop what goes through it until it is rekeyed",
                     error);
}

static const IkeCallClass skip_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "raise the sequence number of a CHILD_SA",
  .timeout_ms = 10000,
  .then = skipped,
};

void
ike_child_skip (IkeChild *child, guint64 by)
{
  IkeSaManager *manager = child->sa->shard->manager;
  IkeKernelSa old, new_;

  ike_child_fill_kernel_sa (child, FALSE, &old);
  new_ = old;
  new_.skip = by;
  manager->kernel_class->update (manager->kernel->plugin, ike_sa_call (child->sa, &skip_call, NULL),
                                 &old, &new_);
}

guint64
ike_child_take_skip (IkeChild *child)
{
  guint64 by = child->skip;

  child->skip = 0;
  return by;
}

/* What was restored is not in the kernel yet, and must not begin with numbers that were used. */
gboolean
ike_sa_skip_sequences (IkeSa *sa, guint64 by)
{
  IkeSaManager *manager = sa->shard->manager;
  IkeChild *child;

  ike_sa_assert_owner (sa);
  if (!(ike_kernel_offers (manager->engine) & IKE_KERNEL_CAN_SKIP))
    return FALSE;
  for (child = sa->children; child; child = child->next) {
    if (!child->is_installed || child->held)
      child->skip += MIN (by, G_MAXUINT64 - child->skip);
    else
      ike_child_skip (child, by);
  }
  return TRUE;
}
