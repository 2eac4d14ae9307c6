/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - AUTH in IKE_AUTH (RFC 7296, 1.2, 2.15 and 2.16; RFC 4739): what both ends do alike.  The
 * methods are features `auth:…`. */
#include "auth.h"

static void
auth_dispose (IkeTask *task)
{
  Auth *self = ike_task_data (task);

  for (guint i = 0; i < self->n_candidates; i++)
    ike_conn_unref (self->candidates[i]);
  ikev2_auth_talk_clear (self);
  g_free (self->ours);
  ike_auth_turn_free (self->turn);
  g_free (self->error);
  g_free (self->refusal);
}

/* -- calls */

static void
heard (Auth *self, const char *error)
{
  g_free (self->error);
  self->error = g_strdup (error);
}

static void
signed_ (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Auth *self = ike_task_data (owner);

  g_free (self->ours);
  self->ours = result;
  heard (self, error);
}

static void
verified (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Auth *self = ike_task_data (owner);

  self->is_verified = result != NULL;
  heard (self, error);
}

static void
talked (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Auth *self = ike_task_data (owner);

  ike_auth_turn_free (self->turn);
  self->turn = result;
  heard (self, error);
}

static const IkeCallClass sign_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "sign AUTH",
  .timeout_ms = 30000,
  .then = signed_,
  .undo = g_free,
};
static const IkeCallClass verify_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "verify AUTH",
  .timeout_ms = 30000,
  .then = verified,
};
/* A server elsewhere may be asked, and another one when that is silent. */
static const IkeCallClass talk_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "turn of an authentication",
  .timeout_ms = 90000,
  .then = talked,
  .undo = ike_auth_turn_free,
};

/* `auth = eap-mschapv2` is a matter of `auth:eap`: the first part names the feature, unless all of
 * it does. */
const IkeProvided *
ikev2_auth_method (IkeSa *sa, const IkeAuthConf *conf)
{
  IkeEngine *engine = ike_sa_engine (sa);
  char name[128];
  const IkeProvided *found;

  g_snprintf (name, sizeof name, "auth:%s", conf->auth);
  found = ike_feature_find (engine, name, NULL);
  if (found)
    return found;
  name[strlen ("auth:") + strcspn (conf->auth, "-:/ ")] = '\0';
  return ike_feature_find (engine, name, NULL);
}

IkeTaskResult
ikev2_auth_sign (IkeTask *task, const IkeProvided *method, const IkeAuthConf *conf)
{
  IkeSa *sa = ike_task_sa (task);
  g_autoptr (GBytes) octets = ike_sa_auth_octets (sa, ike_sa_is_initiator (sa));

  if (!method || !octets)
    return ike_task_fail (task, IKE_N_AUTHENTICATION_FAILED, NULL, 0,
                          method ? "the octets to sign could not be made"
                                 : "the authentication method of `local` is not there");
  ((const IkeAuthClass *) method->ops)
      ->sign (method->plugin, ike_task_call (task, &sign_call, NULL), sa, conf, octets);
  return IKE_TASK_WAIT;
}

IkeTaskResult
ikev2_auth_verify (IkeTask *task, const IkeProvided *method, const IkeAuthConf *conf,
                   const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_AUTH, 0);
  g_autoptr (GBytes) octets = ike_sa_auth_octets (sa, !ike_sa_is_initiator (sa));
  IkeVerdict verdict = { 0 };
  IkeTypedView auth;

  self->is_verified = FALSE;
  if (!ike_auth_read (payload, &auth, &verdict))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  if (!method || !octets)
    return ike_task_fail (task, IKE_N_AUTHENTICATION_FAILED, NULL, 0,
                          method ? "the signed octets could not be made"
                                 : "the authentication method of `remote` is not there");
  self->method = auth.type;
  ((const IkeAuthClass *) method->ops)
      ->verify (method->plugin, ike_task_call (task, &verify_call, NULL), sa, conf, auth.type,
                auth.data, auth.len, octets);
  return IKE_TASK_WAIT;
}

/* -- talks */

gboolean
ikev2_auth_is_mutual (IkeSa *sa, const IkeAuthConf *conf, gboolean is_local)
{
  const IkeProvided *method = conf ? ikev2_auth_method (sa, conf) : NULL;
  const IkeAuthClass *klass = method ? method->ops : NULL;

  return klass && klass->talks && klass->is_mutual
         && klass->is_mutual (method->plugin, sa, conf, is_local);
}

void
ikev2_auth_talk_clear (Auth *self)
{
  if (self->talk)
    ((const IkeAuthClass *) self->talker->ops)->talk_end (self->talk);
  self->talk = NULL;
  self->is_talked = FALSE;
  g_clear_pointer (&self->talk_conn, ike_conn_unref);
}

IkeTaskResult
ikev2_auth_talk_begin (IkeTask *task, const IkeAuthConf *conf, gboolean is_local)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  g_autofree char *why = NULL;

  ikev2_auth_talk_clear (self);
  self->talker = ikev2_auth_method (sa, conf);
  self->talk_conf = conf;
  self->talk_conn = ike_conn_ref (ike_sa_conn (sa));
  self->talk = ((const IkeAuthClass *) self->talker->ops)
                   ->talk_begin (self->talker->plugin, sa, conf, is_local, &why);
  return self->talk ? IKE_TASK_DONE : ikev2_auth_refuse (task, "auth", why ? why : "failed", NULL);
}

IkeTaskResult
ikev2_auth_talk (IkeTask *task, const IkePayload *payload_or_null)
{
  Auth *self = ike_task_data (task);

  ((const IkeAuthClass *) self->talker->ops)
      ->talk (self->talk, ike_task_call (task, &talk_call, NULL),
              payload_or_null ? payload_or_null->data : NULL,
              payload_or_null ? payload_or_null->len : 0);
  return IKE_TASK_WAIT;
}

/* -- what both write and read */

char *
ikev2_auth_explain (IkeTask *task, const char *phase, const char *why, IkeTree *details)
{
  char text[256] = "an unknown identity", remote[IKE_ADDR_TEXT_SIZE];
  const IkeIdent *id = ike_sa_user (ike_task_sa (task));
  char *sentence;

  ike_addr_format (ike_sa_remote (ike_task_sa (task)), FALSE, remote);
  if (id)
    ike_ident_format (id, text, sizeof text);
  sentence = g_strdup_printf ("peer %s (%s): authentication failed; %s", remote, text, why);
  ike_task_explain (task, phase, sentence, details);
  return sentence;
}

IkeTaskResult
ikev2_auth_refuse (IkeTask *task, const char *phase, const char *why, IkeTree *details)
{
  g_autofree char *sentence = ikev2_auth_explain (task, phase, why, details);

  return ike_task_fail (task, IKE_N_AUTHENTICATION_FAILED, NULL, 0, sentence);
}

IkeIdent *
ikev2_auth_read_id (const IkeMessage *in, guint8 type, IkeVerdict *verdict)
{
  const IkePayload *payload = ike_message_find (in, type, 0);
  IkeTypedView id;

  return payload && ike_id_read (payload, &id, verdict) ? ike_ident_new (id.type, id.data, id.len)
                                                        : NULL;
}

gboolean
ikev2_auth_another (const IkeMessage *in)
{
  IkeVerdict verdict = { 0 };
  IkeNotify notify;

  for (guint i = 0; i < ike_message_n (in); i++) {
    const IkePayload *payload = ike_message_nth (in, i);
    if (payload->type == IKE_PAYLOAD_NOTIFY && ike_notify_read (payload, &notify, &verdict)
        && notify.type == IKEV2_N_ANOTHER_AUTH_FOLLOWS)
      return TRUE;
  }
  return FALSE;
}

void
ikev2_auth_write (Auth *self, IkeWriter *out, gboolean is_followed)
{
  ike_auth_write (out, self->ours->method, self->ours->data, self->ours->len);
  g_clear_pointer (&self->ours, g_free);
  if (is_followed)
    ike_notify_write (out, 0, IKEV2_N_ANOTHER_AUTH_FOLLOWS, NULL, 0, NULL, 0);
}

void
ikev2_auth_write_turn (Auth *self, IkeWriter *out)
{
  gsize len = 0;
  const guint8 *body =
      self->turn && self->turn->body ? g_bytes_get_data (self->turn->body, &len) : NULL;

  if (body)
    ike_payload_write (out, ((const IkeAuthClass *) self->talker->ops)->talks, body, len);
  g_clear_pointer (&self->turn, ike_auth_turn_free);
}

/* -- the class */

static IkeTaskResult
auth_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  return ike_exchange_is_initiator (x) ? ikev2_auth_build_request (task, out)
                                       : ikev2_auth_build_response (task, out);
}

static IkeTaskResult
auth_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_initiator (x) ? ikev2_auth_process_response (task, x, in)
                                       : ikev2_auth_process_request (task, x, in);
}

const IkeTaskClass ikev2_auth_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:auth",
  .operations = "establish",
  .reads = "notify:AUTHENTICATION_FAILED notify:ANOTHER_AUTH_FOLLOWS",
  .is_main = TRUE,
  .instance_size = sizeof (Auth),
  .process = auth_process,
  .build = auth_build,
  .dispose = auth_dispose,
};
