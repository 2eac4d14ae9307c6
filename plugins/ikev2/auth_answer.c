/* SPDX-License-Identifier: Apache-2.0 */
/* auth_answer.c - AUTH of who answers: the peer's identities are verified one after another,
 * with a talk where it asks for one, and ours are proven, until both have done what the
 * connection says. */
#include "auth.h"

/* -- the peer's */

static IkeTaskResult
start_verifying (IkeTask *task, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const IkeAuthConf *conf = ike_sa_auth_conf (sa, FALSE);

  self->stage = AUTH_VERIFIED;
  return ikev2_auth_verify (task, conf ? ikev2_auth_method (sa, conf) : NULL, conf, in);
}

/* A later round: the connection is known, and says whom it expects. */
static IkeTaskResult
begin_later_round (IkeTask *task, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const IkeAuthConf *conf;
  const IkeProvided *method;

  ike_sa_set_auth_round (sa, FALSE, self->theirs);
  conf = ike_sa_auth_conf (sa, FALSE);
  if (!conf || self->talk)
    return ikev2_auth_refuse (
        task, "auth", "it begins another authentication than the connection asks for", NULL);
  if (conf->id && !ike_ident_match (ike_sa_remote_id (sa), conf->id))
    return ikev2_auth_refuse (task, "identity",
                              "the connection expects another identity in this "
                              "round",
                              NULL);
  method = ikev2_auth_method (sa, conf);
  if (ike_message_find (in, IKE_PAYLOAD_AUTH, 0))
    return start_verifying (task, in);
  if (!method || !((const IkeAuthClass *) method->ops)->talks)
    return ikev2_auth_refuse (task, "auth",
                              "it sent no AUTH payload: it wants EAP, which this "
                              "round does not offer",
                              NULL);
  self->stage = AUTH_TALK;
  return ikev2_auth_talk_begin (task, conf, FALSE);
}

static IkeTaskResult
begin_first_round (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_AUTH, 0);
  Auth *self = ike_task_data (task);
  IkeVerdict verdict = { 0 };
  IkeTypedView auth = { 0 };
  IkeTaskResult result;

  if (payload && !ike_auth_read (payload, &auth, &verdict))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  if (payload && !auth.type)
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, "AUTH of no method");
  result = ikev2_auth_collect (task, x, in, auth.type);
  if (result != IKE_TASK_DONE)
    return result;
  ikev2_auth_next_candidate (task);
  if (payload)
    return start_verifying (task, in);
  self->stage = AUTH_TALK;
  return ikev2_auth_talk_begin (task, ike_sa_auth_conf (ike_task_sa (task), FALSE), FALSE);
}

static IkeTaskResult
look (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  IkeVerdict verdict = { 0 };
  gboolean has_auth = ike_message_find (in, IKE_PAYLOAD_AUTH, 0) != NULL;
  IkeIdent *id;

  if (ike_message_find (in, IKE_PAYLOAD_IDI, 0)) {
    id = ikev2_auth_read_id (in, IKE_PAYLOAD_IDI, &verdict);
    if (!id)
      return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
    ike_sa_set_remote_id (sa, id);
    return self->n_candidates ? begin_later_round (task, in) : begin_first_round (task, x, in);
  }
  if (has_auth && self->is_talked) {
    self->stage = AUTH_VERIFIED;
    return ikev2_auth_verify (task, self->talker, self->talk_conf, in);
  }
  self->stage = AUTH_TALK;
  if (!self->n_candidates)
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, "the first request has no identity");
  if (has_auth || self->is_talked)
    return ikev2_auth_refuse (task, "auth", "it sent AUTH where none was due, or none where it was",
                              NULL);
  return IKE_TASK_DONE;
}

/* How many times the peer wants to authenticate itself must fit, as everything else of a
 * connection. */
static gboolean
is_enough (IkeTask *task, const IkeMessage *in)
{
  const Auth *self = ike_task_data (task);

  return ikev2_auth_another (in) == (self->theirs + 1 < ike_sa_conn (ike_task_sa (task))->n_remote);
}

static IkeTaskResult
check_verified (IkeTask *task, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  gboolean is_open = self->theirs == 0 && !self->is_talked; /* other candidates may do */
  g_autofree char *why = NULL;

  self->stage = AUTH_TALK;
  if (is_open && (!self->is_verified || !is_enough (task, in)) && ikev2_auth_next_candidate (task))
    return start_verifying (task, in);
  if (!self->is_verified)
    return ikev2_auth_refuse (task, "auth", self->error ? self->error : "not verified", NULL);
  if (self->is_talked)
    why = ikev2_auth_fit (task);
  if (why)
    return ikev2_auth_refuse (task, "authorize", why, NULL);
  if (!is_enough (task, in))
    return ikev2_auth_refuse (
        task, "auth", "it authenticates more or fewer times than the connection asks", NULL);
  self->theirs++;
  return IKE_TASK_DONE;
}

static IkeTaskResult
go_on_talking (IkeTask *task, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  gboolean is_beginning = ike_message_find (in, IKE_PAYLOAD_IDI, 0) != NULL;
  const IkePayload *said =
      self->talk ? ike_message_find (in, ((const IkeAuthClass *) self->talker->ops)->talks, 0)
                 : NULL;

  self->stage = AUTH_SIGN;
  if (!self->talk || self->is_talked)
    return said ? ikev2_auth_refuse (task, "auth", "it goes on after the end of the talk", NULL)
                : IKE_TASK_DONE;
  if (!said && !is_beginning)
    return ikev2_auth_refuse (task, "auth", "it does not answer in the talk it asked for", NULL);
  self->stage = AUTH_TALKED;
  return ikev2_auth_talk (task, is_beginning ? NULL : said);
}

/* RFC 7296, 2.16: "if the authentication method has failed, the responder MUST send an EAP payload
 * containing the Failure message." */
static IkeTaskResult
check_turn (IkeTask *task)
{
  Auth *self = ike_task_data (task);
  guint8 payload = ((const IkeAuthClass *) self->talker->ops)->talks;
  g_autofree char *why = NULL;
  GBytes *last_word;

  self->stage = AUTH_SIGN;
  if (self->turn && self->turn->outcome != IKE_AUTH_TALK_FAILED) {
    self->is_talked = self->turn->outcome == IKE_AUTH_TALK_DONE;
    if (self->turn->reason && !self->is_warned)
      g_free (ikev2_auth_explain (task, "auth", self->turn->reason, NULL));
    self->is_warned |= self->turn->reason != NULL;
    return IKE_TASK_DONE;
  }
  why = g_strdup (self->turn ? self->turn->reason : self->error);
  last_word = self->turn ? g_steal_pointer (&self->turn->body) : NULL;
  if (self->is_warned)
    ike_task_fail (task, IKE_N_AUTHENTICATION_FAILED, NULL, 0, why);
  else
    ikev2_auth_refuse (task, "auth", why ? why : "failed", NULL);
  return last_word ? ike_task_fail_saying (task, payload, last_word, IKE_N_AUTHENTICATION_FAILED,
                                           why ? why : "failed")
                   : IKE_TASK_FAIL;
}

/* -- ours */

/* What we prove in this answer: what came of the talk, whose AUTH the peer just sent, or the next
 * of our identities. */
static IkeTaskResult
start_signing (IkeTask *task, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const IkeConn *conn = ike_sa_conn (sa);
  gboolean is_of_talk = self->is_talked && ike_message_find (in, IKE_PAYLOAD_AUTH, 0)
                        && !ike_message_find (in, IKE_PAYLOAD_IDI, 0);
  const IkeAuthConf *conf;

  self->stage = AUTH_END;
  ike_sa_set_auth_round (sa, TRUE, is_of_talk || self->is_left_out ? G_MAXUINT : self->own);
  conf = ike_sa_auth_conf (sa, TRUE);
  if (is_of_talk) {
    self->stage = AUTH_SIGNED;
    return ikev2_auth_sign (task, self->talker, self->talk_conf);
  }
  if (!conf || self->own == conn->n_local)
    return IKE_TASK_DONE;
  if (self->own)
    ike_sa_set_local_id (sa, ikev2_own_id (sa));
  if (self->talk && ikev2_auth_is_mutual (sa, conf, TRUE)) {
    self->is_left_out = TRUE;
    return IKE_TASK_DONE;
  }
  self->stage = AUTH_SIGNED;
  return ikev2_auth_sign (task, ikev2_auth_method (sa, conf), conf);
}

static IkeTaskResult
check_signed (IkeTask *task)
{
  Auth *self = ike_task_data (task);
  gboolean is_of_talk = !ike_sa_auth_conf (ike_task_sa (task), TRUE);

  self->stage = AUTH_END;
  if (!self->ours)
    return ikev2_auth_refuse (task, "auth", self->error, NULL);
  if (is_of_talk)
    ikev2_auth_talk_clear (self);
  if (!is_of_talk || self->is_left_out)
    self->own++;
  if (is_of_talk)
    self->is_left_out = FALSE;
  return IKE_TASK_DONE;
}

/* -- the end */

static gboolean
is_over (IkeTask *task)
{
  const Auth *self = ike_task_data (task);
  const IkeConn *conn = ike_sa_conn (ike_task_sa (task));

  return self->theirs == conn->n_remote && self->own == conn->n_local && !self->talk;
}

/* RFC 7296, 2.16: the responder will "defer sending SAr2, TSi, and TSr until initiator
 * authentication is complete in a subsequent IKE_AUTH exchange." */
static IkeTaskResult
await_more (IkeTask *task, const IkeMessage *in)
{
  static const guint8 types[] = { IKE_PAYLOAD_SA, IKE_PAYLOAD_TSI,    IKE_PAYLOAD_TSR,
                                  IKE_PAYLOAD_CP, IKE_PAYLOAD_NOTIFY, 0 };
  Auth *self = ike_task_data (task);

  g_clear_pointer (&self->error, g_free);
  if (!self->is_kept && !ike_message_keep (task, in, types))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, "the first request is too long");
  self->is_kept = TRUE;
  ike_operation_repeat (task, "identify");
  return ike_task_next (task, "IKE_AUTH");
}

static IkeTaskResult
conclude (IkeTask *task, const IkeMessage *in)
{
  g_autofree char *why = NULL;
  IkeTaskResult result;

  if (!is_over (task))
    return await_more (task, in);
  result = ikev2_authorize (task);
  if (result != IKE_TASK_DONE)
    return result;
  if (!ike_sa_settle_unique (ike_task_sa (task), &why))
    return ikev2_auth_refuse (task, "unique", why, NULL);
  ike_sa_set_established (ike_task_sa (task));
  return IKE_TASK_DONE;
}

IkeTaskResult
ikev2_auth_process_request (IkeTask *task, IkeExchange *x, const IkeMessage *in)
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
      result = go_on_talking (task, in);
      break;
    case AUTH_TALKED:
      result = check_turn (task);
      break;
    case AUTH_SIGN:
      result = start_signing (task, in);
      break;
    default:
      result = check_signed (task);
      break;
    }
  return result == IKE_TASK_DONE ? conclude (task, in) : result;
}

IkeTaskResult
ikev2_auth_build_response (IkeTask *task, IkeWriter *out)
{
  Auth *self = ike_task_data (task);

  self->stage = AUTH_LOOK;
  if (self->ours)
    ikev2_auth_write (self, out, self->own < ike_sa_conn (ike_task_sa (task))->n_local);
  ikev2_auth_write_turn (self, out);
  return is_over (task) ? IKE_TASK_DONE : ike_task_next (task, "IKE_AUTH");
}
