/* SPDX-License-Identifier: Apache-2.0 */
/* actions.c - what becomes of a CHILD_SA that was up and ends: `close_action` when the peer took
 * it away or something went wrong, `dpd_action` when the peer is dead, nothing when we wanted it
 * so. */
#include "sa/sa_private.h"
#include "sa/keep_up.h"

void
ike_sa_ends (IkeSa *sa, IkeEnding ending)
{
  if (!sa->ending)
    sa->ending = (guint8) ending;
}

IkeEnding
ike_sa_ending (const IkeSa *sa)
{
  return (IkeEnding) sa->ending;
}

void
ike_child_ends (IkeChild *child, IkeEnding ending)
{
  if (!child->ending)
    child->ending = (guint8) ending;
}

/* A trap that is there stays as it is. */
static void
act (const IkeChild *child, guint32 action, IkeKeepWhy why, const char *reason)
{
  IkeEngine *engine = child->sa->shard->manager->engine;
  IkeKeepGone gone = { reason, ike_sa_now_us (child->sa) - child->sa->established_us };

  if (action & IKE_ACTION_TRAP)
    ike_traps_add (engine, child->conn, child->conf);
  if (action & IKE_ACTION_START)
    ike_keep_up (engine, child->conn->name, child->conf->name, why, &gone);
}

void
ike_child_act (const IkeChild *child, const char *reason)
{
  IkeEnding ending = child->ending ? child->ending : child->sa->ending;

  if (child->sa->shard->is_closing)
    return;
  switch (ending) {
  case IKE_END_OURS:
  case IKE_END_SHUTDOWN:
    break;
  case IKE_END_DEAD:
    act (child, child->conf->dpd_action, IKE_KEEP_DEAD, reason);
    break;
  case IKE_END_TWIN:
    ike_keep_up (child->sa->shard->manager->engine, child->conn->name, child->conf->name,
                 IKE_KEEP_MOVE, NULL);
    break;
  case IKE_END_FAULT:
  case IKE_END_UNSAID:
    act (child, child->conf->close_action, IKE_KEEP_RESTART, reason);
    break;
  }
}
