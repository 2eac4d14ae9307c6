/* SPDX-License-Identifier: Apache-2.0 */
/* window_size.c - how many requests may be under way at one time (RFC 7296, 2.3).
 *
 * "The SET_WINDOW_SIZE notification asserts that the sending endpoint is capable of keeping state
 * for multiple outstanding exchanges".  Each end says how many it takes, in IKE_AUTH, if that is
 * more than one; the engine uses it once AUTH is done. */
#include "ikev2.h"

/* A request is not authentic yet while this runs: what it says waits in the SA until AUTH is. */
static gboolean
received_size (IkePlugin *self, IkeSa *sa, IkeExchange *x, const IkeNotify *notify)
{
  guint ours, theirs;
  guint32 size;

  memcpy (&size, notify->data, sizeof size);
  ike_sa_window (sa, &ours, &theirs);
  ike_sa_set_window (sa, ours, GUINT32_FROM_BE (size));
  return TRUE;
}

/* Once, when the connection is known: the responder's may be another one before AUTH. */
static gboolean
send_size (IkePlugin *self, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  const IkeConn *conn = ike_sa_conn (sa);
  guint ours, theirs;
  guint32 size;

  ike_sa_window (sa, &ours, &theirs);
  if (!conn || conn->window_size <= ours || strcmp (ike_exchange_name (x), "IKE_AUTH") != 0
      || (!ike_exchange_is_initiator (x) && ike_sa_state (sa) < IKE_SA_ESTABLISHED))
    return FALSE;
  size = GUINT32_TO_BE (conn->window_size);
  ike_notify_write (out, 0, IKE_N_SET_WINDOW_SIZE, NULL, 0, &size, sizeof size);
  ike_sa_set_window (sa, conn->window_size, theirs);
  return TRUE;
}

/* INFORMATIONAL: "you can only increase it", and an IKE SA that was rekeyed begins with 1 again. */
static const IkeNotifyClass size_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = IKE_N_SET_WINDOW_SIZE,
  .min_len = 4,
  .max_len = 4,
  .max_count = 1,
  .exchanges = "IKE_AUTH INFORMATIONAL",
  .send = send_size,
  .received = received_size,
};

const IkeFeature ikev2_window_size_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "notify:SET_WINDOW_SIZE",
  .ops = &size_notify,
};
