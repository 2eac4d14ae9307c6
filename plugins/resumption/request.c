/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - a ticket is asked for and given (RFC 5723, 4.1 and 4.2): in IKE_AUTH, or in an
 * INFORMATIONAL exchange of the client. */
#include "resumption.h"
#include <string.h>

static gboolean
is_wanted (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  if (in)
    return ike_exchange_record (x, N_TICKET_REQUEST, 0) != NULL;
  return strcmp (ike_exchange_name (x), "CREATE_CHILD_SA") != 0 && ike_sa_was_ours (sa)
         && resumption_is_on (ike_plugin_state (plugin), ike_sa_conn (sa));
}

/* Reached with the last answer of IKE_AUTH only, when the peer has proven who it is. */
static IkeTaskResult
process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  IkeSa *sa = ike_task_sa (task);

  if (ike_exchange_is_initiator (x) && ike_sa_state (sa) >= IKE_SA_ESTABLISHED)
    client_heard (ike_plugin_state (ike_task_plugin (task)), sa, x);
  return IKE_TASK_DONE;
}

/* RFC 5723, 4.2: "the N(TICKET_REQUEST) payload MUST be included in the first IKE_AUTH request, and
 * N(TICKET_LT_OPAQUE) (or TICKET_NACK/TICKET_ACK) MUST only be returned in the final IKE_AUTH
 * response." */
static IkeTaskResult
build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  IkeSa *sa = ike_task_sa (task);

  if (ike_exchange_is_initiator (x))
    ike_notify_write (out, 0, N_TICKET_REQUEST, NULL, 0, NULL, 0);
  else if (ike_sa_state (sa) >= IKE_SA_ESTABLISHED)
    gateway_answer (ike_plugin_state (ike_task_plugin (task)), sa, x, out);
  return IKE_TASK_DONE;
}

static const IkeTaskClass ticket_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH CREATE_CHILD_SA INFORMATIONAL",
  .after = "phase:finish",
  .operations = "establish ticket",
  .reads = "notify:TICKET_REQUEST notify:TICKET_LT_OPAQUE notify:TICKET_ACK",
  .wanted = is_wanted,
  .process = process,
  .build = build,
};
const IkeFeature ticket_task_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "task:ticket",
                                         .ops = &ticket_task };

static const IkeOperationClass ticket_operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "INFORMATIONAL",
  .priority = 90,
  .touches = IKE_TOUCHES_NOTHING,
};
const IkeFeature ticket_operation_feature = { .struct_size = sizeof (IkeFeature),
                                              .provides = "operation:ticket",
                                              .ops = &ticket_operation };
