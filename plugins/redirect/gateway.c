/* SPDX-License-Identifier: Apache-2.0 */
/* gateway.c - clients that can be sent elsewhere are: at their first message, of which nothing is
 * kept then; when they have authenticated themselves; and while they are there.
 *
 * RFC 5685, 3: "If the IKE_SA_INIT request did not indicate support for the redirect mechanism, the
 * responder MUST NOT send the REDIRECT payload to the VPN client.  This is applicable to all
 * REDIRECT scenarios". */
#include "redirect/redirect.h"

enum { CANDIDATES_MAX = 16 };

static gboolean
is_willing (const Redirect *self, const IkeConn *conn, guint where)
{
  guint64 wanted = ike_option_uint (conn->options, self->redirect_option);

  return wanted == REDIRECT_ALWAYS || wanted == where;
}

/* -- in IKE_SA_INIT, or what stands in for it */

/* Nobody knows yet which connection it will be: so all that it may be have to agree. */
static gboolean
are_willing (const Redirect *self, const IkeDatagram *datagram)
{
  g_autoptr (IkeConfig) config = ike_engine_config (self->engine);
  IkeConn *conns[CANDIDATES_MAX];
  guint i, n = 0;

  if (config)
    n = ike_config_match (config, 2, &datagram->local, &datagram->remote, NULL, NULL, conns,
                          CANDIDATES_MAX, NULL);
  for (i = 0; i < n; i++)
    if (!is_willing (self, conns[i], REDIRECT_AT_INIT))
      return FALSE;
  return n > 0;
}

static gboolean
read_nonce (const IkeMessage *first, IkePart *nonce)
{
  const IkePayload *payload = ike_message_find (first, IKE_PAYLOAD_NONCE, 0);
  IkeVerdict verdict = { 0 };

  return payload && ike_nonce_read (payload, &nonce->data, &nonce->len, &verdict);
}

/* RFC 5685, 3: "The presence of the REDIRECT_FROM payload in the IKE_SA_INIT exchange with the new
 * gateway indicates to the new gateway that the client supports the redirect mechanism." */
static gboolean
can_follow (const IkeMessage *first, IkeAddr *from)
{
  IkeNotify notify;
  Gateway gateway;
  IkePart rest;

  memset (from, 0, sizeof *from);
  if (!ike_message_notify (first, REDIRECTED_FROM, 0, &notify))
    return ike_message_notify (first, REDIRECT_SUPPORTED, 0, &notify);
  return redirect_gateway_read (&notify, &gateway, &rest) && redirect_gateway_addr (&gateway, from);
}

/* RFC 5685, 3: the answer "includes information about the selected VPN gateway and the nonce data
 * from the Ni payload", "does not result in the creation of an IKE_SA and the responder Security
 * Parameter Index (SPI) will be zero."  What would be longer than the question is not said here,
 * for its sender has proven nothing. */
static IkeGateVerdict
judge (IkePlugin *plugin, const IkeDatagram *datagram, const IkeMessage *first, IkeWriter *reply,
       GBytes **attachment)
{
  Redirect *self = ike_plugin_state (plugin);
  IkeRedirectQuery query = { .struct_size = sizeof query,
                             .local = &datagram->local,
                             .remote = &datagram->remote };
  Gateway gateway;
  IkePart nonce;
  IkeAddr from;

  if (!atomic_load (&self->is_on) || !can_follow (first, &from) || !read_nonce (first, &nonce)
      || !are_willing (self, datagram))
    return IKE_GATE_PASS;
  query.from = from.family ? &from : NULL;
  if (!redirect_ask_policy (self, &query, &gateway)) {
    *attachment = g_bytes_new_static ("", 1);
    return IKE_GATE_PASS;
  }
  redirect_gateway_write (&gateway, REDIRECT, &nonce, reply);
  if (reply->failed || reply->len > datagram->len)
    return IKE_GATE_PASS;
  ike_counter_add (self->engine, self->n_sent, 1);
  return IKE_GATE_REPLY;
}

/* Under a flood only who gets our answers. */
static const IkeGateClass gate_class = {
  .struct_size = sizeof (IkeGateClass),
  .exchanges = REDIRECT_FIRST,
  .after = "cookie puzzle",
  .judge = judge,
};
const IkeFeature redirect_gate_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "gate:redirect",
                                           .ops = &gate_class };

/* -- of who has authenticated himself */

/* RFC 5685, 6: "it prevents the creation of a CHILD SA and sends the REDIRECT payload in the
 * IKE_AUTH response.  The gateway MUST verify the client's AUTH payload before".  11: "redirection
 * based on unauthenticated IDs should be avoided".  With EAP this is the last response. */
IkeTaskResult
redirect_gateway_auth (IkeTask *task, IkeExchange *x)
{
  Redirect *self = ike_plugin_state (ike_task_plugin (task));
  Step *step = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const Trail *trail = ike_sa_slot (sa, self->slot);
  IkeRedirectQuery query = { .struct_size = sizeof query,
                             .local = ike_sa_local (sa),
                             .remote = ike_sa_remote (sa),
                             .user = ike_sa_is_anonymous (sa) ? NULL : ike_sa_user (sa),
                             .conn = ike_sa_conn (sa),
                             .was_asked = ike_sa_attachment (sa, "redirect") != NULL };

  if (!trail || !trail->peer_follows || ike_sa_state (sa) != IKE_SA_ESTABLISHED
      || !is_willing (self, query.conn, REDIRECT_AT_AUTH))
    return IKE_TASK_DONE;
  query.from = trail->from.family ? &trail->from : NULL;
  step->is_sent = redirect_ask_policy (self, &query, &step->gateway);
  if (!step->is_sent)
    return IKE_TASK_DONE;
  ike_operation_skip (task, "config", "the client is sent to another gateway");
  ike_operation_skip (task, "child", "the client is sent to another gateway");
  return IKE_TASK_DONE;
}

/* RFC 5685, 5: "The gateway MAY also decide to delete the security associations without any
 * signaling from the client ...; however, it should allow sufficient time for the client to set up
 * the required security associations with the new security gateway.  This time period should be
 * configurable on the gateway." */
void
redirect_gateway_told (IkeSa *sa, Redirect *self, const Gateway *gateway)
{
  char to[IKE_REDIRECT_NAME_SIZE];
  g_autofree char *text = NULL, *why = NULL;
  guint64 grace_s;

  pthread_mutex_lock (&self->lock);
  grace_s = self->settings->grace_s;
  pthread_mutex_unlock (&self->lock);
  redirect_gateway_format (gateway, to);
  text = g_strconcat ("the client is sent to ", to, NULL);
  ike_sa_log_text (sa, IKE_LOG_NOTICE, "ike", text);
  ike_counter_add (self->engine, self->n_sent, 1);
  if (!grace_s)
    return;
  why = g_strconcat ("its client was sent to ", to,
                     ", and is still here after plugins.redirect.grace", NULL);
  ike_sa_end_in_saying (sa, grace_s, why);
}

/* -- while it is there */

static const IkeOperationClass operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "INFORMATIONAL",
  .priority = 250,
  .touches = IKE_TOUCHES_NOTHING,
  .free_args = g_free,
};
const IkeFeature redirect_operation_feature = { .struct_size = sizeof (IkeFeature),
                                                .provides = "operation:redirect",
                                                .ops = &operation };
