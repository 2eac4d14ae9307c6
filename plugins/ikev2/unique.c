/* SPDX-License-Identifier: Apache-2.0 */
/* unique.c - INITIAL_CONTACT (RFC 7296, 2.4): said when there is no other SA with the peer, and
 * kept for when its sender is authenticated.  What follows from it, and from `unique`, is the
 * engine's. */
#include "ikev2.h"

enum { UNIQUE_NEVER = 3 };

/* "MUST be in the first IKE_AUTH request or response": of those the request is the one that tells
 * of a crash; who answers is told by the SA itself. */
static gboolean
received_contact (IkePlugin *self, IkeSa *sa, IkeExchange *x, const IkeNotify *notify)
{
  if (!ike_exchange_is_initiator (x))
    ike_sa_set_first_contact (sa);
  return TRUE;
}

static const IkeNotifyClass contact_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = IKE_N_INITIAL_CONTACT,
  .max_count = 1,
  .exchanges = "IKE_AUTH",
  .received = received_contact,
};

/* "MUST NOT be sent by an entity that may be replicated": whoever is, says unique = never. */
static gboolean
is_wanted (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return !in && ike_sa_auth_round (sa, TRUE) == 0 && ike_sa_conn (sa)->unique != UNIQUE_NEVER;
}

/* "The INITIAL_CONTACT notification asserts that this IKE SA is the only IKE SA currently active
 * between the authenticated identities": that takes knowing whom one calls. */
static IkeTaskResult
contact_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  IkeSa *sa = ike_task_sa (task);
  const IkeConn *conn = ike_sa_conn (sa);
  const IkeIdent *local = ike_sa_local_id (sa),
                 *remote = conn->n_remote ? conn->remote[0].id : NULL;

  if (local && ike_ident_type (local) != IKE_ID_NULL && remote
      && ike_ident_type (remote) != IKE_ID_ANY && ike_ident_type (remote) != IKE_ID_NULL
      && !ike_ident_is_pattern (remote) && !ike_sa_has_other (sa, local, remote))
    ike_notify_write (out, 0, IKE_N_INITIAL_CONTACT, NULL, 0, NULL, 0);
  return IKE_TASK_DONE;
}

/* One instance for the operation, so it is said in the first round only. */
const IkeTaskClass ikev2_contact_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:identify identity",
  .operations = "establish",
  .wanted = is_wanted,
  .build = contact_build,
};

const IkeFeature ikev2_contact_notify_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "notify:INITIAL_CONTACT",
  .ops = &contact_notify,
};

const IkeFeature ikev2_contact_task_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "task:initial-contact",
  .ops = &ikev2_contact_task,
};

const IkeFeature ikev2_unique_acts_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "acts:connection/unique",
  .ops = &contact_notify,
};
