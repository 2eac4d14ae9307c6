/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - IKE_AUTH of an SA that is resumed (RFC 5723, 4.3.3): both ends prove that they have its
 * keys, and are who they were. */
#include "resumption.h"
#include <string.h>

enum { METHOD_SHARED_KEY = 2 };

static Seat *
seat (IkeTask *task)
{
  return seat_of (ike_plugin_state (ike_task_plugin (task)), ike_task_sa (task));
}

static gboolean
is_resumed (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  const Seat *seat = seat_find (ike_plugin_state (plugin), sa);

  return seat && seat->is_resumed && ike_sa_state (sa) < IKE_SA_ESTABLISHED;
}

static IkeTaskResult
refuse (IkeTask *task, const char *why)
{
  char remote[IKE_ADDR_TEXT_SIZE];
  g_autofree char *sentence =
      g_strdup_printf ("peer %s: the IKE SA is not resumed; %s",
                       ike_addr_format (ike_sa_remote (ike_task_sa (task)), FALSE, remote), why);

  ike_task_explain (task, "resumption", sentence, NULL);
  return ike_task_fail (task, IKE_N_AUTHENTICATION_FAILED, NULL, 0, sentence);
}

/* RFC 5723, 4.3.3: "AUTH = prf(SK_px, <message octets>)"; "The exact material to be signed is
 * defined in Section 2.15 of [RFC4306]." */
static gboolean
auth_value (IkeSa *sa, gboolean of_initiator, guint8 out[IKE_SECRET_MAX], gsize *len)
{
  g_autoptr (GBytes) octets = ike_sa_auth_octets (sa, of_initiator);
  IkePart part;

  if (!octets)
    return FALSE;
  part.data = g_bytes_get_data (octets, &part.len);
  return ike_sa_prf_auth (sa, of_initiator, &part, 1, out, len);
}

/* -- what we say */

enum { UNIQUE_NEVER = 3 };

/* As in any other first request of IKE_AUTH (RFC 7296, 2.4): the SA that was lost may not be lost
 * to the gateway. */
static void
write_contact (IkeSa *sa, const Session *session, IkeWriter *out)
{
  if (ike_sa_conn (sa)->unique != UNIQUE_NEVER && !session->is_anonymous
      && !ike_sa_has_other (sa, session->id_i, session->id_r))
    ike_notify_write (out, 0, IKE_N_INITIAL_CONTACT, NULL, 0, NULL, 0);
}

static IkeTaskResult
auth_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  IkeSa *sa = ike_task_sa (task);
  const Session *session = seat (task)->session;
  gboolean is_initiator = ike_exchange_is_initiator (x);
  guint8 value[IKE_SECRET_MAX];
  gsize len;

  if (is_initiator) {
    ike_sa_set_local_id (sa, ike_ident_ref (session->id_i));
    ike_sa_set_remote_id (sa, ike_ident_ref (session->id_r));
  }
  if (!auth_value (sa, is_initiator, value, &len))
    return ike_task_abort (task, "AUTH could not be computed");
  if (is_initiator)
    ike_id_write (out, IKE_PAYLOAD_IDI, session->id_i);
  ike_id_write (out, IKE_PAYLOAD_IDR, session->id_r);
  ike_auth_write (out, METHOD_SHARED_KEY, value, len);
  if (is_initiator)
    write_contact (sa, session, out);
  else
    g_clear_pointer (&seat (task)->session, session_free);
  return IKE_TASK_DONE;
}

/* -- what the peer says */

/* RFC 5723, 4.3.3: "The IDi value sent in the IKE_AUTH exchange MUST be identical to the value
 * included in the ticket."  "As a result, the IDr value sent (by the gateway, and optionally by the
 * client) in this exchange MUST also be identical to the value included in the ticket." */
static gboolean
is_id (const IkeMessage *in, guint8 type, const IkeIdent *wanted, gboolean is_optional)
{
  const IkePayload *payload = ike_message_find (in, type, 0);
  IkeVerdict verdict = { 0 };
  IkeTypedView view;
  gsize len;
  const guint8 *data = ike_ident_data (wanted, &len);

  if (!payload)
    return is_optional;
  return ike_id_read (payload, &view, &verdict) && view.type == ike_ident_type (wanted)
         && view.len == len && !memcmp (view.data, data, len);
}

/* NULL, or why not. */
static const char *
check_auth (IkeSa *sa, const IkeMessage *in, gboolean of_initiator)
{
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_AUTH, 0);
  guint8 value[IKE_SECRET_MAX];
  IkeVerdict verdict = { 0 };
  IkeTypedView auth;
  gsize len;

  if (!payload || !ike_auth_read (payload, &auth, &verdict))
    return "it sent no AUTH";
  /* "A CERT payload MUST NOT be included in this exchange". */
  if (ike_message_find (in, IKE_PAYLOAD_CERT, 0))
    return "it sent a certificate, which proves nothing here";
  if (!auth_value (sa, of_initiator, value, &len))
    return "its AUTH could not be computed";
  if (auth.type != METHOD_SHARED_KEY || auth.len != len || !ike_equal (auth.data, value, len))
    return "its AUTH does not fit: it does not have the keys of the ticket";
  return NULL;
}

static void
take_user (IkeSa *sa, const Session *session)
{
  IkeReader r;

  ike_reader_init (&r, g_bytes_get_data (session->user, NULL), g_bytes_get_size (session->user));
  /* RFC 5723, 5: "Internal IP address: Not resumed". */
  if (ike_sa_read_user (sa, &r)) {
    ike_sa_forget_virtual_ips (sa, FALSE);
    ike_sa_forget_virtual_ips (sa, TRUE);
  }
  if (session->is_anonymous)
    ike_sa_set_anonymous (sa);
}

static char *
why_not_authorized (Resumption *self, IkeSa *sa, const Session *session)
{
  IkeAuthorizeEvent event = { sizeof event, ike_sa_user (sa), session->method, NULL };

  if (ike_authorize_hook_emit (self->on_authorize, sa, &event) != IKE_HOOK_REJECT)
    return NULL;
  return g_strdup (event.reason ? event.reason : "a plugin did not authorize the peer");
}

/* The peer proves that it has the keys, and is let in as who it was; else why not, g_free. */
static char *
admit (Seat *seat_, IkeSa *sa, const IkeMessage *in, gboolean of_initiator)
{
  const char *why = check_auth (sa, in, of_initiator);

  if (why)
    return g_strdup (why);
  take_user (sa, seat_->session);
  return why_not_authorized (seat_->self, sa, seat_->session);
}

/* An SA is not good for longer than the authentication that it goes back to. */
static void
set_ends (IkeSa *sa, const Session *session)
{
  gint64 now = ike_engine_wall_us (ike_sa_engine (sa)) / G_USEC_PER_SEC;
  guint64 reauth = ike_sa_conn (sa)->reauth_time;

  if (session->ends_s)
    ike_sa_end_in (sa, (guint64) MAX (session->ends_s - now, 1));
  if (reauth)
    ike_sa_reauthenticate_in (sa, (guint64) MAX (session->proven_s + (gint64) reauth - now, 1));
}

static IkeTaskResult
process_request (IkeTask *task, const IkeMessage *in)
{
  IkeSa *sa = ike_task_sa (task);
  Seat *seat_ = seat (task);
  const Session *session = seat_->session;
  g_autofree char *why = NULL;

  ike_sa_set_local_id (sa, ike_ident_ref (session->id_r));
  ike_sa_set_remote_id (sa, ike_ident_ref (session->id_i));
  if (!is_id (in, IKE_PAYLOAD_IDI, session->id_i, FALSE)
      || !is_id (in, IKE_PAYLOAD_IDR, session->id_r, TRUE))
    return refuse (task, "the identities are others than those of the ticket");
  why = admit (seat_, sa, in, TRUE);
  if (why)
    return refuse (task, why);
  /* RFC 5723, 4.3.1: "a ticket is considered as used only when an IKE SA has been established
   * successfully with it." */
  if (!gateway_use (seat_->self, sa, session))
    return refuse (task, "the ticket was used meanwhile");
  if (!ike_sa_settle_unique (sa, &why))
    return refuse (task, why);
  set_ends (sa, session);
  ike_sa_set_established (sa);
  return IKE_TASK_DONE;
}

static IkeTaskResult
process_response (IkeTask *task, const IkeMessage *in)
{
  IkeSa *sa = ike_task_sa (task);
  Seat *seat_ = seat (task);
  g_autofree char *why = NULL;

  if (!is_id (in, IKE_PAYLOAD_IDR, seat_->session->id_r, FALSE))
    return refuse (task, "it does not say to be who gave us the ticket");
  why = admit (seat_, sa, in, FALSE);
  if (why)
    return refuse (task, why);
  set_ends (sa, seat_->session);
  ike_counter_add (seat_->self->engine, seat_->self->count.resumed, 1);
  ike_sa_log_text (sa, IKE_LOG_INFO, "resumption", "resumed by a ticket");
  ike_sa_set_established (sa);
  g_clear_pointer (&seat_->session, session_free);
  return IKE_TASK_DONE;
}

static IkeTaskResult
auth_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_initiator (x) ? process_response (task, in) : process_request (task, in);
}

/* In the place of all that would prove an identity another way. */
static const IkeTaskClass auth_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:auth",
  .operations = "establish",
  .is_main = TRUE,
  .wanted = is_resumed,
  .process = auth_process,
  .build = auth_build,
  .instead_of = "auth identity certificates",
};
const IkeFeature resume_auth_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "task:resume-auth",
                                         .ops = &auth_task };
