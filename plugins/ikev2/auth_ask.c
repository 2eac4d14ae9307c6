/* SPDX-License-Identifier: Apache-2.0 */
/* auth_ask.c - AUTH of who begins an IKE SA: one identity after another is proven to the peer, and
 * the peer's are verified, until both have done all that the connection says. */
#include "auth.h"

/* -- requests */

static gboolean
talks (IkeSa *sa, const IkeAuthConf *conf)
{
  const IkeProvided *method = ikev2_auth_method (sa, conf);

  return method && ((const IkeAuthClass *) method->ops)->talks;
}

/* A round that begins: with AUTH, or without, for RFC 7296, 2.16: "An initiator indicates a desire
 * to use EAP by leaving out the AUTH payload". */
static IkeTaskResult
build_round (IkeTask *task, IkeWriter *out)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const IkeAuthConf *conf = ike_sa_auth_conf (sa, TRUE);

  if (!conf)
    return ikev2_auth_refuse (task, "auth", "the connection does not say how we authenticate",
                              NULL);
  if (talks (sa, conf))
    return self->talk ? IKE_TASK_DONE : ikev2_auth_talk_begin (task, conf, TRUE);
  if (!self->ours && !self->error)
    return ikev2_auth_sign (task, ikev2_auth_method (sa, conf), conf);
  if (!self->ours)
    return ikev2_auth_refuse (task, "auth", self->error, NULL);
  self->own++;
  ikev2_auth_write (self, out, self->own < ike_sa_conn (sa)->n_local);
  return IKE_TASK_DONE;
}

/* RFC 7296, 2.16: "the EAP AUTH payloads MUST be included in the two messages following the one
 * containing the EAP Success message." */
static IkeTaskResult
build_proof (IkeTask *task, IkeWriter *out)
{
  Auth *self = ike_task_data (task);

  if (!self->ours && !self->error)
    return ikev2_auth_sign (task, self->talker, self->talk_conf);
  if (!self->ours)
    return ikev2_auth_refuse (task, "auth", self->error, NULL);
  self->own++;
  ikev2_auth_write (self, out, self->own < ike_sa_conn (ike_task_sa (task))->n_local);
  return IKE_TASK_DONE;
}

IkeTaskResult
ikev2_auth_build_request (IkeTask *task, IkeWriter *out)
{
  Auth *self = ike_task_data (task);

  self->stage = AUTH_LOOK;
  if (self->is_talked)
    return build_proof (task, out);
  if (self->turn) {
    ikev2_auth_write_turn (self, out);
    return ike_task_next (task, "IKE_AUTH");
  }
  return self->is_empty ? IKE_TASK_DONE : build_round (task, out);
}

/* -- responses */

static const char *
meaning_of (guint16 error)
{
  switch (error) {
  case IKE_N_AUTHENTICATION_FAILED:
    return ": it may not know this identity, or not take what we authenticate with";
  case IKE_N_INVALID_SYNTAX:
    return ": what we sent has not the form that it wants; maybe it takes a CHILD_SA with IKE_AUTH "
           "only, or none with it (see childless at both ends)";
  case IKE_N_INTERNAL_ADDRESS_FAILURE:
    return ": it gave us no address; see vips here, and pools there";
  default:
    return "";
  }
}

static IkeTaskResult
answer_without_auth (IkeTask *task, IkeExchange *x)
{
  static const guint16 errors[] = {
    IKE_N_AUTHENTICATION_FAILED, IKE_N_NO_PROPOSAL_CHOSEN,          IKE_N_TS_UNACCEPTABLE,
    IKE_N_INVALID_SYNTAX,        IKE_N_INTERNAL_ADDRESS_FAILURE,    IKE_N_TEMPORARY_FAILURE,
    IKE_N_FAILED_CP_REQUIRED,    IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD
  };
  char remote[IKE_ADDR_TEXT_SIZE], ours[256];
  g_autofree char *sentence = NULL;
  const char *name = "an answer without AUTH";
  guint16 notify = IKE_N_AUTHENTICATION_FAILED, error = 0; /* it may believe that all is well */
  guint i;

  for (i = 0; i < G_N_ELEMENTS (errors); i++)
    if (ike_exchange_record (x, errors[i], 0)) {
      name = ike_notify_name (errors[i]);
      error = errors[i];
      notify = 0;
      break;
    }
  ike_addr_format (ike_sa_remote (ike_task_sa (task)), FALSE, remote);
  ike_ident_format (ike_sa_local_id (ike_task_sa (task)), ours, sizeof ours);
  sentence = g_strdup_printf ("peer %s refused us as %s: %s; its log says why%s", remote, ours,
                              name, meaning_of (error));
  ike_task_explain (task, "auth", sentence, NULL);
  return ike_task_fail (task, notify, NULL, 0, sentence);
}

static IkeTaskResult
refuse_identity (IkeTask *task, const IkeAuthConf *conf, const IkeIdent *id)
{
  const IkeConn *conn = ike_sa_conn (ike_task_sa (task));
  IkeTree *details = ike_tree_new_section ();
  char got[256], wanted[256];
  g_autofree char *why = NULL;

  ike_tree_set_string (details, "got", ike_ident_format (id, got, sizeof got));
  ike_tree_set_string (details, "wanted", ike_ident_format (conf->id, wanted, sizeof wanted));
  ike_tree_set_format (details, "setting", "connections.%s.%s.id", conn->name, conf->name);
  why = g_strdup_printf ("it says to be %s, connection %s wants %s", got, conn->name, wanted);
  return ikev2_auth_refuse (task, "identity", why, details);
}

/* RFC 4739, 2.1: "The next IKE_AUTH message sent by this peer will contain a second identity
 * payload (IDi or IDr) and starts another authentication exchange." */
static IkeTaskResult
begin_their_round (IkeTask *task, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  IkeVerdict verdict = { 0 };
  const IkeAuthConf *conf;
  IkeIdent *id;

  ike_sa_set_auth_round (sa, FALSE, self->theirs);
  conf = ike_sa_auth_conf (sa, FALSE);
  if (!conf || self->is_left_out)
    return ikev2_auth_refuse (task, "auth", "it authenticates once more than the connection asks",
                              NULL);
  id = ikev2_auth_read_id (in, IKE_PAYLOAD_IDR, &verdict);
  if (!id)
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  ike_sa_set_remote_id (sa, id);
  if (conf->id && !ike_ident_match (id, conf->id))
    return refuse_identity (task, conf, id);
  if (ike_message_find (in, IKE_PAYLOAD_AUTH, 0)) {
    if (ikev2_auth_is_mutual (sa, conf, FALSE))
      return ikev2_auth_refuse (task, "auth",
                                "it authenticates before the EAP method did, which the connection "
                                "leaves to that alone; write remote { auth = pubkey }",
                                NULL);
    self->stage = AUTH_VERIFIED;
    return ikev2_auth_verify (task, ikev2_auth_method (sa, conf), conf, in);
  }
  /* RFC 5998, 3: "If the responder supports this notification and chooses to use it, it omits the
   * public-key-based AUTH payload". */
  self->is_left_out = self->talk && ikev2_auth_is_mutual (sa, conf, FALSE);
  self->stage = AUTH_TALK;
  return self->is_left_out ? IKE_TASK_DONE : answer_without_auth (task, ike_task_exchange (task));
}

static IkeTaskResult
look (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  gboolean has_auth = ike_message_find (in, IKE_PAYLOAD_AUTH, 0) != NULL;

  if (ike_message_find (in, IKE_PAYLOAD_IDR, 0))
    return begin_their_round (task, in);
  if (self->is_talked && has_auth) {
    self->stage = AUTH_VERIFIED;
    return ikev2_auth_verify (task, self->talker, self->talk_conf, in);
  }
  self->stage = AUTH_TALK;
  /* Before it has proven anything it has nothing to say but that it refuses. */
  if (has_auth || self->is_talked || (!self->theirs && !self->is_left_out))
    return answer_without_auth (task, x);
  return IKE_TASK_DONE;
}

static IkeTaskResult
check_verified (IkeTask *task, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  const IkeConn *conn = ike_sa_conn (ike_task_sa (task));
  gboolean is_of_talk = self->is_talked && !ike_message_find (in, IKE_PAYLOAD_IDR, 0);

  self->stage = AUTH_TALK;
  if (!self->is_verified)
    return ikev2_auth_refuse (task, "auth", self->error ? self->error : "not verified", NULL);
  if (is_of_talk)
    ikev2_auth_talk_clear (self);
  if (!is_of_talk || self->is_left_out) {
    self->is_left_out = FALSE;
    self->theirs++;
    if (ikev2_auth_another (in) != (self->theirs < conn->n_remote))
      return ikev2_auth_refuse (task, "auth",
                                self->theirs < conn->n_remote
                                    ? "it authenticates fewer times than the connection asks"
                                    : "it wants to authenticate more times than the connection "
                                      "asks",
                                NULL);
  }
  return IKE_TASK_DONE;
}

/* What the peer says in the talk; a message without it ends here. */
static IkeTaskResult
go_on_talking (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  const IkePayload *said =
      self->talk ? ike_message_find (in, ((const IkeAuthClass *) self->talker->ops)->talks, 0)
                 : NULL;

  self->stage = AUTH_TALKED;
  if (said && self->is_talked)
    return ikev2_auth_refuse (task, "auth", "it goes on after the end of the talk", NULL);
  if (said)
    return ikev2_auth_talk (task, said);
  self->stage = AUTH_END;
  return self->talk && !self->is_talked ? answer_without_auth (task, x) : IKE_TASK_DONE;
}

static IkeTaskResult
check_turn (IkeTask *task)
{
  Auth *self = ike_task_data (task);

  self->stage = AUTH_END;
  if (!self->turn || self->turn->outcome == IKE_AUTH_TALK_FAILED) {
    g_autofree char *why = g_strdup (self->turn ? self->turn->reason : self->error);
    IkeTaskResult result = ikev2_auth_refuse (task, "auth", why ? why : "failed", NULL);
    return self->turn && self->turn->is_theirs ? ike_task_fail (task, 0, NULL, 0, why) : result;
  }
  self->is_talked = self->turn->outcome == IKE_AUTH_TALK_DONE;
  if (self->is_talked)
    g_clear_pointer (&self->turn, ike_auth_turn_free);
  return IKE_TASK_DONE;
}

/* Is everything proven?  If not, what the next request does. */
static IkeTaskResult
conclude (IkeTask *task)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const IkeConn *conn = ike_sa_conn (sa);
  IkeTaskResult result;

  g_clear_pointer (&self->error, g_free);
  self->is_empty = FALSE;
  if (self->turn || self->is_talked)
    return ike_task_next (task, "IKE_AUTH");
  if (self->own < conn->n_local) {
    ike_sa_set_auth_round (sa, TRUE, self->own);
    ike_operation_repeat (task, "identify");
    return ike_task_next (task, "IKE_AUTH");
  }
  if (self->theirs < conn->n_remote) {
    self->is_empty = TRUE;
    return ike_task_next (task, "IKE_AUTH");
  }
  result = ikev2_authorize (task);
  if (result != IKE_TASK_DONE)
    return result;
  ike_sa_set_established (sa);
  return IKE_TASK_DONE;
}

IkeTaskResult
ikev2_auth_process_response (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  IkeTaskResult result = IKE_TASK_DONE;

  while (result == IKE_TASK_DONE && self->stage != AUTH_END)
    switch (self->stage) {
    case AUTH_LOOK:
      result = look (task, x, in);
      break;
    case AUTH_VERIFIED:
      result = check_verified (task, in);
      break;
    case AUTH_TALK:
      result = go_on_talking (task, x, in);
      break;
    default:
      result = check_turn (task);
      break;
    }
  return result == IKE_TASK_DONE ? conclude (task) : result;
}
