/* SPDX-License-Identifier: Apache-2.0 */
/* agree.c - IKE_SA_INIT and IKE_AUTH: both ends say that they can (RFC 4555, 3.2 to 3.4). */
#include "config.h"
#include "mobike.h"

static gboolean
is_allowed (const Mobike *mobike, const IkeSa *sa)
{
  const IkeConn *conn = ike_sa_conn (sa);

  return conn && ike_option_uint (conn->options, mobike->option);
}

/* -- IKE_SA_INIT */

/* RFC 4555, 3.3: "implementations that support both this specification and NAT Traversal MUST
 * change to port 4500 if the correspondent also supports both, even if no NAT was detected between
 * them".  That it supports MOBIKE it says in IKE_AUTH only, which this is about. */
static IkeTaskResult
float_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Mobike *mobike = mobike_of (ike_task_plugin (task));
  const IkeNotify *seen = ike_exchange_record (x, IKE_N_NAT_DETECTION_DESTINATION_IP, 0);
  IkeSa *sa = ike_task_sa (task);
  gboolean is_ours = ike_exchange_is_initiator (x);
  MobikeSa *s;

  if (is_ours && !is_allowed (mobike, sa))
    return IKE_TASK_DONE;
  s = mobike_note (mobike, sa);
  s->has_natt = seen && ike_exchange_record (x, IKE_N_NAT_DETECTION_SOURCE_IP, 0);
  if (!s->has_natt || !is_ours)
    return IKE_TASK_DONE;
  memcpy (s->seen, seen->data, SEEN_LEN);
  s->has_seen = TRUE;
  ike_sa_float (sa);
  return IKE_TASK_DONE;
}

const IkeTaskClass agree_float_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT",
  .after = "phase:init natd",
  .operations = "establish",
  .reads = "notify:NAT_DETECTION_SOURCE_IP notify:NAT_DETECTION_DESTINATION_IP",
  .process = float_process,
};

/* -- IKE_AUTH */

static void
agree (MobikeSa *s, const IkeExchange *x)
{
  if (s->link)
    return;
  addrs_hear (s, x);
  mobike_agree (s);
  mobike_log (s, IKE_LOG_DEBUG, "the peer may move, and has %u addresses that we know", s->peer->n);
}

/* What is read here was said by somebody whom AUTH has proven by now. */
static IkeTaskResult
agree_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Mobike *mobike = mobike_of (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  MobikeSa *s;

  if (ike_sa_state (sa) < IKE_SA_ESTABLISHED || !is_allowed (mobike, sa)
      || !ike_exchange_record (x, N_MOBIKE_SUPPORTED, 0))
    return IKE_TASK_DONE;
  s = mobike_note (mobike, sa);
  s->is_offered = TRUE;
  if (ike_exchange_is_initiator (x)) {
    agree (s, x);
    return IKE_TASK_DONE;
  }
  /* RFC 4555, 3.9: "a response containing an UNEXPECTED_NAT_DETECTED notification is sent." */
  if (nats_are_seen (x))
    return ike_task_fail (task, N_UNEXPECTED_NAT_DETECTED, NULL, 0,
                          "the peer forbids NAT, and its addresses were changed on the way; allow "
                          "NAT traversal there, or take the NAT away");
  return IKE_TASK_DONE;
}

static IkeTaskResult
agree_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Mobike *mobike = mobike_of (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  MobikeSa *s = mobike_sa (mobike, sa);
  gboolean is_ours = ike_exchange_is_initiator (x);

  if (!s || !is_allowed (mobike, sa)
      || (!is_ours && (!s->is_offered || ike_sa_state (sa) < IKE_SA_ESTABLISHED)))
    return IKE_TASK_DONE;
  ike_notify_write (out, 0, N_MOBIKE_SUPPORTED, NULL, 0, NULL, 0);
  addrs_tell (s, x, FALSE, out);
  /* RFC 4555, 3.9: "when NAT Traversal is not enabled, all messages that can update the addresses
   * ... (the first IKE_AUTH request and ...) MUST also include a NO_NATS_ALLOWED notification." */
  if (is_ours && !s->has_natt)
    nats_forbid (x, out);
  if (!is_ours)
    agree (s, x);
  return IKE_TASK_DONE;
}

const IkeTaskClass agree_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:finish",
  .operations = "establish",
  .reads = "notify:MOBIKE_SUPPORTED notify:ADDITIONAL_IP4_ADDRESS notify:ADDITIONAL_IP6_ADDRESS "
           "notify:NO_NATS_ALLOWED notify:UNEXPECTED_NAT_DETECTED",
  .process = agree_process,
  .build = agree_build,
};
