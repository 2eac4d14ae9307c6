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

const IkeTaskClass ikev2_natd_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT IKE_SESSION_RESUME",
  .after = "phase:init init",
  .operations = "establish",
  .reads = "notify:NAT_DETECTION_SOURCE_IP notify:NAT_DETECTION_DESTINATION_IP",
  .process = natd_process,
  .build = natd_build,
};
