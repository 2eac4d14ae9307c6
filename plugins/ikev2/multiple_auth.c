/* SPDX-License-Identifier: Apache-2.0 */
/* multiple_auth.c - MULTIPLE_AUTH_SUPPORTED (RFC 4739, 2.1): "The peers announce support for this
 * IKEv2 extension by including a MULTIPLE_AUTH_SUPPORTED notification in the IKE_SA_INIT response
 * (responder) and the first IKE_AUTH request (initiator)." */
#include "ikev2.h"

enum { FIRST_AUTH = 1 };

static gboolean
send_supported (IkePlugin *self, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  gboolean is_init = !strcmp (ike_exchange_name (x), "IKE_SA_INIT");

  if (is_init ? ike_exchange_is_initiator (x)
              : !ike_exchange_is_initiator (x) || ike_sa_conn (sa)->n_local < 2
                    || ike_sa_auth_round (sa, TRUE) > 0)
    return FALSE;
  ike_notify_write (out, 0, IKEV2_N_MULTIPLE_AUTH_SUPPORTED, NULL, 0, NULL, 0);
  return TRUE;
}

static const IkeNotifyClass supported_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = IKEV2_N_MULTIPLE_AUTH_SUPPORTED,
  .max_count = 1,
  .exchanges = "IKE_SA_INIT IKE_AUTH",
  .send = send_supported,
};

const IkeFeature ikev2_multiple_auth_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "notify:MULTIPLE_AUTH_SUPPORTED",
  .ops = &supported_notify,
};
