/* SPDX-License-Identifier: Apache-2.0 */
/* path.c - where the peer is: NAT between the ends, the addresses of an SA, and whom they follow.
 *
 * Only what is proven moves an SA: a message whose tag was right and whose ID is the newest, or ESP
 * whose ICV was.  A repeated message is answered to where it came from, and moves nothing. */
#include "sa/sa_private.h"

enum { MOVE_AGAIN_US = G_USEC_PER_SEC };

void
ike_sa_float (IkeSa *sa)
{
  const IkeSaManager *manager = sa->shard->manager;
  guint16 plain = 0, marked = 0;

  ike_sa_assert_owner (sa);
  if (sa->is_marked || !manager->net_class)
    return;
  manager->net_class->ports (manager->net->plugin, &plain, &marked);
  sa->is_marked = TRUE;
  sa->local.port = marked;
  sa->remote.port = sa->conn && sa->conn->remote_port && sa->conn->remote_port != 500
                        ? sa->conn->remote_port
                        : marked;
}

/* RFC 7296, 2.23: "An IPsec endpoint that discovers a NAT between it and its correspondent ... MUST
 * send all subsequent traffic from port 4500".  So does who wants to encapsulate without one. */
void
ike_sa_set_nat (IkeSa *sa, gboolean local_behind, gboolean remote_behind)
{
  gboolean is_new = sa->nat_local != !!local_behind || sa->nat_remote != !!remote_behind;

  ike_sa_assert_owner (sa);
  sa->nat_local = local_behind != 0;
  sa->nat_remote = remote_behind != 0;
  if ((local_behind || remote_behind || (sa->conn && sa->conn->encap)) && sa->is_initiator)
    ike_sa_float (sa);
  ike_keepalive_start (sa);
  if (is_new && sa->state >= IKE_SA_ESTABLISHED)
    ike_children_update_endpoints (sa);
}

void
ike_sa_hold_children (IkeSa *sa, gboolean is_held)
{
  ike_sa_assert_owner (sa);
  if (is_held && !sa->children_held) {
    sa->held_local = sa->local;
    sa->held_remote = sa->remote;
  }
  if (is_held == sa->children_held)
    return;
  sa->children_held = is_held != 0;
  if (!is_held)
    ike_children_update_endpoints (sa);
}

/* What the old one learned while the heir was made. */
void
ike_path_inherit (IkeSa *heir, const IkeSa *old)
{
  heir->local = old->local;
  heir->remote = old->remote;
  heir->is_marked = old->is_marked;
  heir->nat_local = old->nat_local;
  heir->nat_remote = old->nat_remote;
  heir->children_held = old->children_held;
  heir->held_local = old->held_local;
  heir->held_remote = old->held_remote;
}

/* -- moving */

static void
set_addresses (IkeSa *sa, const IkeAddr *local, const IkeAddr *remote, gboolean is_marked)
{
  gboolean was_half_open = sa->is_half_open;

  if (was_half_open)
    ike_half_open_remove (sa);
  sa->local = *local;
  sa->remote = *remote;
  sa->is_marked = is_marked != 0;
  ike_unique_moved (sa);
  if (was_half_open)
    ike_half_open_add (sa);
}

typedef enum { DECIDED, FOLLOWS_IKE, FOLLOWS_ESP } Why;

static void
move (IkeSa *sa, const IkeAddr *local, const IkeAddr *remote, gboolean is_marked, Why why)
{
  IkeEngine *engine = sa->shard->manager->engine;
  gboolean is_followed = why != DECIDED, is_ours = ike_addr_equal (&sa->remote, remote);
  IkeEndpointEvent event = { sizeof event, local, remote, is_followed, why == FOLLOWS_ESP };
  char from[IKE_ADDR_TEXT_SIZE], to[IKE_ADDR_TEXT_SIZE];

  if (ike_addr_equal (&sa->local, local) && ike_addr_equal (&sa->remote, remote))
    return;
  if ((ike_endpoint_hook_emit (sa->shard->manager->on_endpoint, sa, &event) == IKE_HOOK_REJECT
       && is_followed)
      || sa->is_doomed)
    return;
  ike_addr_format (&sa->remote, TRUE, from);
  set_addresses (sa, local, remote, is_marked);
  if (sa->state < IKE_SA_ESTABLISHED)
    return;
  if (is_ours)
    ike_sa_progress (sa, IKE_LOG_INFO, "we are at %s now, towards %s",
                     ike_addr_format (&sa->local, TRUE, to), from);
  else
    ike_sa_progress (sa, IKE_LOG_INFO, "the peer at %s is at %s now", from,
                     ike_addr_format (&sa->remote, TRUE, to));
  ike_children_update_endpoints (sa);
  if (ike_event_is_wanted (engine, "endpoint-changed"))
    ike_event_emit (engine, ike_event_new (engine, "endpoint-changed", ike_sa_event_body (sa)));
}

void
ike_sa_set_endpoints (IkeSa *sa, const IkeAddr *local, const IkeAddr *remote, guint32 message_id)
{
  ike_sa_assert_owner (sa);
  if (message_id != G_MAXUINT32) {
    if (message_id + 1 < sa->endpoint_id)
      return;
    sa->endpoint_id = message_id + 1;
  }
  move (sa, local, remote, sa->is_marked, DECIDED);
}

/* -- following */

/* RFC 7296, 2.23: "a host that does not support other methods of recovery ... and that is not
 * behind a NAT, SHOULD send all packets ... to the IP address and port in the validated packet",
 * and whose peer is behind one "should allow dynamic updates of the other system's IP address".
 *
 * "A host behind a NAT SHOULD NOT do this type of dynamic address update ... because it opens a
 * possible DoS attack".  Whoever began the SA knows where the peer is, and obeys.  A responder
 * behind NAT has a fixed mapping, or nobody could call it; its client's NAT is the one that forgets
 * mappings, and not to follow would lose that client until it gives up.  What the attack needs is
 * somebody on the path who sends a fresh packet on from elsewhere, and the peer's next one undoes
 * it. */
static gboolean
may_follow (const IkeSa *sa, const IkeAddr *remote, gboolean is_marked)
{
  return (sa->state == IKE_SA_ESTABLISHED || sa->state == IKE_SA_REKEYING) && sa->nat_remote
         && (!sa->nat_local || !sa->is_initiator) && is_marked >= sa->is_marked
         && remote->family == sa->remote.family;
}

/* "dynamic address update should only be done in response to a new packet; otherwise, an attacker
 * can revert the addresses with old replayed packets": with a window, a message may be new to us
 * and older than the last one. */
void
ike_path_of_request (IkeSa *sa, const IkeExchange *x)
{
  if (x->message_id < sa->endpoint_id)
    return;
  sa->endpoint_id = x->message_id + 1;
  /* Until AUTH is done the initiator may still change to the other port. */
  if (sa->state < IKE_SA_ESTABLISHED || may_follow (sa, &x->remote, x->is_marked))
    move (sa, &x->local, &x->remote, x->is_marked,
          sa->state >= IKE_SA_ESTABLISHED ? FOLLOWS_IKE : DECIDED);
}

/* Our own IDs tell which answer is the newest; the two counts say nothing of each other. */
void
ike_path_of_response (IkeSa *sa, const IkeExchange *x)
{
  if (x->message_id + 1 == sa->window.next_sent && !x->is_outside
      && may_follow (sa, &x->remote, x->is_marked))
    move (sa, &x->local, &x->remote, x->is_marked, FOLLOWS_IKE);
}

/* ESP came from elsewhere, and the kernel plugin found it authentic.  A peer that sends from two
 * places by turns does not keep us busy: what is left out here is told again. */
void
ike_path_of_child (IkeSa *sa, const IkeChild *child, const IkeAddr *source)
{
  gint64 now = ike_sa_now_us (sa);

  if ((child->state != IKE_CHILD_INSTALLED && child->state != IKE_CHILD_REKEYING)
      || !(child->flags & IKE_KERNEL_ENCAP) || !may_follow (sa, source, sa->is_marked)
      || (sa->moved_us && now - sa->moved_us < MOVE_AGAIN_US)
      || ike_addr_equal (&sa->remote, source))
    return;
  sa->moved_us = now;
  move (sa, &sa->local, source, sa->is_marked, FOLLOWS_ESP);
}
