/* SPDX-License-Identifier: Apache-2.0 */
/* natd.c - NAT detection (RFC 7296, 2.23) in IKE_SA_INIT. */
#include "ikev2.h"
#include "shared/natd/natd.h"

static IkeTaskResult
natd_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  natd_write (ike_task_sa (task), x, out);
  return IKE_TASK_DONE;
}

static IkeTaskResult
natd_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  const IkeHeader *header = ike_message_header (in);
  IkeSa *sa = ike_task_sa (task);
  gboolean local_behind, remote_behind;

  if (natd_read (ike_sa_engine (sa), x, header, &local_behind, &remote_behind))
    ike_sa_set_nat (sa, local_behind, remote_behind);
  return IKE_TASK_DONE;
}

/* -- where ESP has to go in UDP */

static gboolean
needed_wanted (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return !in && ike_sa_conn (sa) && ike_sa_conn (sa)->encap;
}

/* Before keys are made of the answer: anybody may have taken the notifies away. */
static IkeTaskResult
needed_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  if (!ike_message_find (in, IKE_PAYLOAD_SA, 0)
      || (ike_exchange_record (x, IKE_N_NAT_DETECTION_SOURCE_IP, 0)
          && ike_exchange_record (x, IKE_N_NAT_DETECTION_DESTINATION_IP, 0)))
    return IKE_TASK_DONE;
  return ike_task_disbelieve (task, "the peer does not detect NAT, so ESP cannot go in UDP, which "
                                    "encap = yes wants; set encap = no");
}

const IkeTaskClass ikev2_natd_needed_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT",
  .after = "phase:init",
  .before = "init",
  .operations = "establish",
  .reads = "notify:NAT_DETECTION_SOURCE_IP notify:NAT_DETECTION_DESTINATION_IP",
  .wanted = needed_wanted,
  .process = needed_process,
};

const IkeTaskClass ikev2_natd_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT IKE_SESSION_RESUME",
  .after = "phase:init init",
  .operations = "establish",
  .reads = "notify:NAT_DETECTION_SOURCE_IP notify:NAT_DETECTION_DESTINATION_IP",
  .process = natd_process,
  .build = natd_build,
};
