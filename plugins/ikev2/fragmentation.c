/* SPDX-License-Identifier: Apache-2.0 */
/* fragmentation.c - agreeing on fragments (RFC 7383, 2.3); cutting and gathering is the engine's.
 *
 * "The initiator indicates its support for IKE fragmentation and willingness to use it by including
 * a Notification payload of type IKEV2_FRAGMENTATION_SUPPORTED in the IKE_SA_INIT request message.
 * If the responder also supports this extension and is willing to use it, it includes this
 * notification in the response message." */
#include "ikev2.h"

enum { FRAGMENTATION_SUPPORTED = 16430 };

static gboolean
is_willing (IkeSa *sa)
{
  const IkeConn *conn = ike_sa_conn (sa);

  return !conn || conn->fragmentation != 0;
}

/* The responder has its connection only now. */
static gboolean
send_supported (IkePlugin *self, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  if (!is_willing (sa))
    ike_sa_set_fragmentation (sa, FALSE);
  else if (ike_exchange_is_initiator (x) || ike_sa_has_fragmentation (sa)) {
    ike_notify_write (out, 0, FRAGMENTATION_SUPPORTED, NULL, 0, NULL, 0);
    return TRUE;
  }
  return FALSE;
}

static gboolean
received_supported (IkePlugin *self, IkeSa *sa, IkeExchange *x, const IkeNotify *notify)
{
  if (is_willing (sa))
    ike_sa_set_fragmentation (sa, TRUE);
  return TRUE;
}

static const IkeNotifyClass supported_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = FRAGMENTATION_SUPPORTED,
  .max_count = 1,
  .exchanges = "IKE_SA_INIT IKE_SESSION_RESUME",
  .send = send_supported,
  .received = received_supported,
};

const IkeFeature ikev2_fragmentation_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "notify:IKEV2_FRAGMENTATION_SUPPORTED",
  .ops = &supported_notify,
};

const IkeFeature ikev2_fragmentation_acts_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "acts:connection/fragmentation",
  .ops = &supported_notify,
};
