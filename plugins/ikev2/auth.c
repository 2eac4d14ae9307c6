/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - identities and AUTH in IKE_AUTH (RFC 7296, 1.2 and 2.15).  The methods are features
 * `auth:…`. */
#include "ikev2.h"
#include "ikev2_private.h"

/* RFC 7619: of nobody. */
enum { METHOD_NULL = 13 };

typedef struct {
  IkeAuthValue *ours;
  char *error;
  gboolean is_verified, is_known;            /* known: the identities were looked at */
  guint8 method;                             /* of the peer's AUTH */
  IkeConn *candidates[IKEV2_CANDIDATES_MAX]; /* responder; a reference each */
  guint n_candidates, next_candidate;
} Auth;

static void
auth_dispose (IkeTask *task)
{
  Auth *self = ike_task_data (task);
  guint i;

  for (i = 0; i < self->n_candidates; i++)
    ike_conn_unref (self->candidates[i]);
  g_free (self->ours);
  g_free (self->error);
}

static void
signed_ (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Auth *self = ike_task_data (owner);

  self->ours = result;
  g_free (self->error);
  self->error = g_strdup (error);
}

static void
verified (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Auth *self = ike_task_data (owner);

  self->is_verified = result != NULL;
  g_free (self->error);
  self->error = g_strdup (error);
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

static IkeTaskResult
start_signing (IkeTask *task)
{
  IkeSa *sa = ike_task_sa (task);
  IkeConn *conn = ike_sa_conn (sa);
  const IkeAuthConf *conf = conn->n_local ? &conn->local[0] : NULL;
  const IkeProvided *method = conf ? ikev2_auth_method (sa, conf) : NULL;
  g_autoptr (GBytes) octets = ike_sa_auth_octets (sa, ike_sa_is_initiator (sa));

  if (!method || !octets)
    return ike_task_fail (task, IKE_N_AUTHENTICATION_FAILED, NULL, 0,
                          method ? "the octets to sign could not be made"
                                 : "the authentication method of `local` is not there");
  ((const IkeAuthClass *) method->ops)
      ->sign (method->plugin, ike_task_call (task, &sign_call, NULL), sa, conf, octets);
  return IKE_TASK_WAIT;
}

static IkeTaskResult
start_verifying (IkeTask *task, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  IkeConn *conn = ike_sa_conn (sa);
  const IkeAuthConf *conf = conn->n_remote ? &conn->remote[0] : NULL;
  const IkeProvided *method = conf ? ikev2_auth_method (sa, conf) : NULL;
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_AUTH, 0);
  g_autoptr (GBytes) octets = ike_sa_auth_octets (sa, !ike_sa_is_initiator (sa));
  IkeVerdict verdict = { 0 };
  IkeTypedView auth;

  if (!payload)
    return ike_task_fail (
        task, IKE_N_AUTHENTICATION_FAILED, NULL, 0,
        "the peer sent no AUTH payload: it wants EAP, which this connection does not offer");
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

static IkeTaskResult
refuse (IkeTask *task, const char *phase, const char *why, IkeTree *details)
{
  char text[256] = "an unknown identity", remote[IKE_ADDR_TEXT_SIZE];
  const IkeIdent *id = ike_sa_remote_id (ike_task_sa (task));
  g_autofree char *sentence = NULL;

  ike_addr_format (ike_sa_remote (ike_task_sa (task)), FALSE, remote);
  if (id)
    ike_ident_format (id, text, sizeof text);
  sentence = g_strdup_printf ("peer %s (%s): authentication failed; %s", remote, text, why);
  ike_task_explain (task, phase, sentence, details);
  return ike_task_fail (task, IKE_N_AUTHENTICATION_FAILED, NULL, 0, sentence);
}

static IkeIdent *
read_id (IkeTask *task, const IkeMessage *in, guint8 type, IkeVerdict *verdict)
{
  const IkePayload *payload = ike_message_find (in, type, 0);
  IkeTypedView id;

  return payload && ike_id_read (payload, &id, verdict) ? ike_ident_new (id.type, id.data, id.len)
                                                        : NULL;
}

static gboolean
is_authorized (IkeTask *task, char **why)
{
  const Auth *self = ike_task_data (task);
  Ikev2 *ikev2 = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  IkeAuthorizeEvent event = { sizeof event, ike_sa_remote_id (sa), NULL, NULL };
  const IkeConn *conn = ike_sa_conn (sa);

  if (self->method == METHOD_NULL)
    ike_sa_set_anonymous (sa);
  event.method = conn->n_remote ? conn->remote[0].auth : "";
  if (ike_authorize_hook_emit (ikev2->on_authorize, sa, &event) != IKE_HOOK_REJECT)
    return TRUE;
  *why = g_strdup (event.reason ? event.reason : "a plugin did not authorize the peer");
  return FALSE;
}

/* -- initiator */

static IkeTaskResult
build_request (IkeTask *task, IkeWriter *out)
{
  Auth *self = ike_task_data (task);

  if (!self->ours && !self->error)
    return start_signing (task);
  if (!self->ours)
    return refuse (task, "auth", self->error, NULL);
  ike_auth_write (out, self->ours->method, self->ours->data, self->ours->len);
  return IKE_TASK_DONE;
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
  guint i;

  for (i = 0; i < G_N_ELEMENTS (errors); i++)
    if (ike_exchange_record (x, errors[i], 0)) {
      name = ike_notify_name (errors[i]);
      break;
    }
  ike_addr_format (ike_sa_remote (ike_task_sa (task)), FALSE, remote);
  ike_ident_format (ike_sa_local_id (ike_task_sa (task)), ours, sizeof ours);
  sentence = g_strdup_printf ("peer %s refused us as %s: %s; its log says why: it may not know "
                              "this identity, or not take what we authenticate with",
                              remote, ours, name);
  ike_task_explain (task, "auth", sentence, NULL);
  return ike_task_fail (task, 0, NULL, 0, sentence);
}

static IkeTaskResult
identify_responder (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const IkeConn *conn = ike_sa_conn (sa);
  const IkeAuthConf *conf = conn->n_remote ? &conn->remote[0] : NULL;
  IkeVerdict verdict = { 0 };
  IkeIdent *id;

  self->is_known = TRUE;
  if (!ike_message_find (in, IKE_PAYLOAD_IDR, 0) || !ike_message_find (in, IKE_PAYLOAD_AUTH, 0))
    return answer_without_auth (task, x);
  id = read_id (task, in, IKE_PAYLOAD_IDR, &verdict);
  if (!id)
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  ike_sa_set_remote_id (sa, id);
  if (conf && conf->id && !ike_ident_match (id, conf->id)) {
    IkeTree *details = ike_tree_new_section ();
    char got[256], wanted[256];
    g_autofree char *why = NULL;
    ike_tree_set_string (details, "got", ike_ident_format (id, got, sizeof got));
    ike_tree_set_string (details, "wanted", ike_ident_format (conf->id, wanted, sizeof wanted));
    ike_tree_set_format (details, "setting", "connections.%s.%s.id", conn->name, conf->name);
    why = g_strdup_printf ("it says to be %s, connection %s wants %s", got, conn->name, wanted);
    return refuse (task, "identity", why, details);
  }
  return start_verifying (task, in);
}

static IkeTaskResult
process_response (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  g_autofree char *why = NULL;

  if (!self->is_known)
    return identify_responder (task, x, in);
  if (!self->is_verified)
    return refuse (task, "auth", self->error ? self->error : "not verified", NULL);
  if (!is_authorized (task, &why))
    return refuse (task, "authorize", why, NULL);
  ike_sa_set_established (ike_task_sa (task));
  return IKE_TASK_DONE;
}

/* -- responder */

/* Could @conn verify AUTH of @method?  One that could not is no candidate, whoever the peer is: so
 * each certificate is looked at for connections that want certificates. */
static gboolean
takes_method (IkeSa *sa, const IkeConn *conn, guint8 method)
{
  const IkeProvided *found = conn->n_remote ? ikev2_auth_method (sa, &conn->remote[0]) : NULL;
  const IkeAuthClass *klass = found ? found->ops : NULL;

  for (guint i = 0; klass && i < G_N_ELEMENTS (klass->methods) && klass->methods[i]; i++)
    if (klass->methods[i] == method)
      return TRUE;
  return FALSE;
}

static void
note_method (IkeTree *reasons, const IkeConn *conn, guint8 method)
{
  IkeTree *reason = reasons ? ike_tree_add_section (reasons, NULL) : NULL;

  if (!reason)
    return;
  ike_tree_set_string (reason, "connection", conn->name);
  ike_tree_set_format (reason, "why", "it wants %s, the peer authenticates by method %u (%s)",
                       conn->n_remote ? conn->remote[0].auth : "nothing", method,
                       ikev2_method_name (method));
}

/* Connections that fit both identities and would have chosen the same proposal; best first. */
static void
collect_candidates (IkeTask *task, IkeExchange *x, guint8 method, const IkeIdent *wanted,
                    IkeTree *reasons)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  g_autoptr (IkeConfig) config = ike_engine_config (ike_sa_engine (sa));
  IkeConn *found[IKEV2_CANDIDATES_MAX];
  IkeProposal chosen = { .number = 1, .protocol = IKE_PROTOCOL_IKE };
  IkeChoice choice;
  guint n, i;

  for (i = 1; i < IKE_TRANSFORM_TYPES; i++)
    if (ike_sa_choice (sa)->chosen[i].type)
      chosen.transforms[chosen.n_transforms++] = ike_sa_choice (sa)->chosen[i];
  n = config ? ike_config_match (config, 2, ike_exchange_local (x), ike_exchange_remote (x), wanted,
                                 ike_sa_remote_id (sa), found, IKEV2_CANDIDATES_MAX, reasons)
             : 0;
  for (i = 0; i < n; i++)
    if (method && !takes_method (sa, found[i], method))
      note_method (reasons, found[i], method);
    else if (ike_proposals_select (found[i]->proposals, &chosen, 1, 0, &choice))
      self->candidates[self->n_candidates++] = ike_conn_ref (found[i]);
}

static IkeTaskResult
try_candidate (IkeTask *task, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);

  ike_sa_set_conn (sa, self->candidates[self->next_candidate++]);
  ike_sa_set_local_id (sa, ikev2_own_id (sa));
  return start_verifying (task, in);
}

static IkeTaskResult
identify_initiator (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  IkeVerdict verdict = { 0 };
  IkeIdent *id = read_id (task, in, IKE_PAYLOAD_IDI, &verdict);
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_AUTH, 0);
  IkeTypedView auth = { 0 };
  g_autoptr (IkeIdent) wanted = NULL;
  IkeTree *details;

  self->is_known = TRUE;
  if (!id)
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0,
                          verdict.reason ? verdict.reason : "no identity");
  ike_sa_set_remote_id (ike_task_sa (task), id);
  if (payload && !ike_auth_read (payload, &auth, &verdict))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  wanted = read_id (task, in, IKE_PAYLOAD_IDR, &verdict);
  details = ike_tree_new_section ();
  collect_candidates (task, x, auth.type, wanted, ike_tree_add_list (details, "connections"));
  if (self->n_candidates == 0) {
    char text[256];
    g_autofree char *why =
        wanted
            ? g_strdup_printf ("no connection fits this identity and %s, which it asks for as ours",
                               ike_ident_format (wanted, text, sizeof text))
            : g_strdup ("no connection fits this identity");
    return refuse (task, "identity", why, details);
  }
  ike_tree_free (details);
  return try_candidate (task, in);
}

static IkeTaskResult
process_request (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Auth *self = ike_task_data (task);
  g_autofree char *why = NULL;

  if (!self->is_known)
    return identify_initiator (task, x, in);
  if (!self->is_verified)
    return self->next_candidate < self->n_candidates
               ? try_candidate (task, in)
               : refuse (task, "auth", self->error ? self->error : "not verified", NULL);
  if (!self->ours && !self->error) {
    if (!is_authorized (task, &why))
      return refuse (task, "authorize", why, NULL);
    return start_signing (task);
  }
  if (!self->ours)
    return refuse (task, "auth", self->error, NULL);
  if (!ike_sa_settle_unique (ike_task_sa (task), &why))
    return refuse (task, "unique", why, NULL);
  ike_sa_set_established (ike_task_sa (task));
  return IKE_TASK_DONE;
}

static IkeTaskResult
build_response (IkeTask *task, IkeWriter *out)
{
  Auth *self = ike_task_data (task);

  ike_auth_write (out, self->ours->method, self->ours->data, self->ours->len);
  return IKE_TASK_DONE;
}

/* -- the class */

static IkeTaskResult
auth_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  return ike_exchange_is_initiator (x) ? build_request (task, out) : build_response (task, out);
}

static IkeTaskResult
auth_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_initiator (x) ? process_response (task, x, in)
                                       : process_request (task, x, in);
}

const IkeTaskClass ikev2_auth_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:auth",
  .operations = "establish",
  .reads = "notify:AUTHENTICATION_FAILED",
  .is_main = TRUE,
  .instance_size = sizeof (Auth),
  .process = auth_process,
  .build = auth_build,
  .dispose = auth_dispose,
};
