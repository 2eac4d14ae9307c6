/* SPDX-License-Identifier: Apache-2.0 */
/* relay.c - `eap-server:radius`: carries the packets of a whole EAP conversation to a RADIUS server
 * and back (RFC 3579).  What it means is the server's and the peer's. */
#include "eap_radius.h"
#include "shared/eap/packet.h"

/* RFC 3580, 3.8 and RFC 2865, 5.41, 5.6 */
enum { PORT_TYPE_VIRTUAL = 5, SERVICE_FRAMED = 2, MTU_DEFAULT = 1024, STATE_MAX = 253 };

typedef struct {
  EapRadius *self;
  const IkeEapContext *context; /* NULL: the host gave it up */
  char *group;
  guint8 nas[1024]; /* attributes of all requests, and of the accounts */
  gsize nas_len;
  guint8 user[IKE_RADIUS_VALUE_MAX];
  gsize user_len;
  guint8 state[STATE_MAX];
  gsize state_len;
  guint32 server;   /* who wants the next request; 0: any */
  IkeCall *turn;    /* of the host, to be answered; NULL: none */
  IkeCall *request; /* ours, under way; NULL: none */
} Relay;

/* -- what we say about ourselves and the peer */

/* RFC 3580, 3.20 and 3.21 know addresses of link layers; here it is the ends of the IKE SA, as
 * "192.0.2.1[4500]". */
static void
add_station (const EapRadius *self, IkeWriter *w, guint8 type, const IkeAddr *addr)
{
  char host[IKE_ADDR_TEXT_SIZE], text[IKE_ADDR_TEXT_SIZE + 8];

  ike_addr_format (addr, FALSE, host);
  if (self->has_station_ports)
    g_snprintf (text, sizeof text, "%s[%u]", host, addr->port);
  else
    g_strlcpy (text, host, sizeof text);
  ike_radius_add_text (w, type, text);
}

static void
add_cut (IkeWriter *w, guint8 type, const char *text)
{
  ike_radius_add (w, type, text, MIN (strlen (text), (gsize) IKE_RADIUS_VALUE_MAX));
}

/* RFC 2865, 4.1: an Access-Request "MUST contain either a NAS-IP-Address attribute or a
 * NAS-Identifier attribute (or both)"; the latter is the service's.  RFC 5176, 3: "A NAS
 * implementing this specification SHOULD send an Acct-Session-Id ... within an Access-Request". */
static void
write_nas (Relay *relay)
{
  const IkeEapContext *context = relay->context;
  const IkeSa *sa = context->sa;
  char id[SESSION_ID_SIZE];
  IkeWriter w;

  ike_writer_init (&w, relay->nas, sizeof relay->nas);
  if (sa) {
    const IkeAddr *local = ike_sa_local (sa);
    ike_radius_add_addr (
        &w, local->family == 6 ? IKE_RADIUS_NAS_IPV6_ADDRESS : IKE_RADIUS_NAS_IP_ADDRESS, local);
    ike_radius_add_u32 (&w, IKE_RADIUS_NAS_PORT, ike_sa_unique_id (sa));
    add_station (relay->self, &w, IKE_RADIUS_CALLED_STATION_ID, local);
    add_station (relay->self, &w, IKE_RADIUS_CALLING_STATION_ID, ike_sa_remote (sa));
  }
  ike_radius_add_u32 (&w, IKE_RADIUS_NAS_PORT_TYPE, PORT_TYPE_VIRTUAL);
  ike_radius_add_u32 (&w, IKE_RADIUS_SERVICE_TYPE, SERVICE_FRAMED);
  if (relay->self->nas_identifier)
    ike_radius_add_text (&w, IKE_RADIUS_NAS_IDENTIFIER, relay->self->nas_identifier);
  if (context->conn && context->conn[0])
    add_cut (&w, IKE_RADIUS_NAS_PORT_ID, context->conn);
  session_id_new (relay->self, id);
  ike_radius_add_text (&w, IKE_RADIUS_ACCT_SESSION_ID, id);
  relay->nas_len = w.len;
}

/* RFC 3579, 2.1: "the NAS MUST copy the contents of the Type-Data field of the
 * EAP-Response/Identity received from the peer into the User-Name attribute and MUST include the
 * Type-Data field of the EAP-Response/Identity in the User-Name attribute in every subsequent
 * Access-Request." */
static void
learn_user (Relay *relay, const guint8 *packet, gsize len)
{
  const IkeIdent *identity = relay->context->identity;
  const guint8 *user = packet + IKE_EAP_HEADER_LEN + 1;
  gsize user_len = len - IKE_EAP_HEADER_LEN - 1;

  if (len <= IKE_EAP_HEADER_LEN + 1 || packet[IKE_EAP_HEADER_LEN] != IKE_EAP_TYPE_IDENTITY) {
    user_len = 0;
    user = identity ? ike_ident_data (identity, &user_len) : NULL;
  }
  if (!user_len || user_len > sizeof relay->user)
    return;
  memcpy (relay->user, user, user_len);
  relay->user_len = user_len;
}

/* -- the conversation */

static gpointer
relay_begin (IkePlugin *plugin, const IkeEapContext *context, char **why)
{
  EapRadius *self = ike_plugin_state (plugin);
  const char *group =
      context->conf ? ike_option_text (context->conf->options, self->group_option) : NULL;
  guint32 any;
  Relay *relay;

  if (self->radius->servers (self->service->plugin, group, &any, 1) == 0) {
    *why = group ? g_strdup_printf ("no RADIUS server is in the group %s (radius_group); see "
                                    "plugins.radius.servers",
                                    group)
                 : g_strdup ("no RADIUS server is configured; see plugins.radius.servers");
    return NULL;
  }
  relay = g_new0 (Relay, 1);
  relay->self = self;
  relay->context = context;
  relay->group = g_strdup (group);
  write_nas (relay);
  return relay;
}

static void
relay_free (Relay *relay)
{
  g_free (relay->group);
  g_free (relay);
}

/* Nobody waits for the server any more: it is not asked again, and its identifier is free.  Giving
 * the request up answers the turn (asked_free()), and with that goes the relay.  While the engine
 * ends its calls go with the loop. */
static void
relay_end (gpointer state)
{
  Relay *relay = state;
  IkeLoop *loop = relay->context->loop;

  relay->context = NULL;
  if (!relay->turn)
    relay_free (relay);
  else if (relay->request && ike_loop_is_current (loop))
    ike_call_cancel (relay->request);
}

/* The host hears, and is not heard of again if it went away meanwhile. */
static void
answer_turn (Relay *relay, IkeEapStep *step)
{
  IkeCall *turn = g_steal_pointer (&relay->turn);

  ike_call_answer (turn, step);
  if (!relay->context)
    relay_free (relay);
}

static IkeEapStep *
step_new (IkeEapOutcome outcome)
{
  IkeEapStep *step = g_new0 (IkeEapStep, 1);

  step->struct_size = sizeof *step;
  step->outcome = (guint8) outcome;
  return step;
}

static IkeEapStep *
step_failed (Relay *relay, char *reason_take)
{
  IkeEapStep *step = step_new (IKE_EAP_FAILED);

  ike_counter_add (relay->self->engine, relay->self->count.failed, 1);
  step->reason = reason_take;
  return step;
}

/* -- what the server says */

/* The EAP packet in @reply, without what is behind its own length (RFC 3748, 4.1: "Octets outside
 * the range of the Length field should be treated as Data Link Layer padding and MUST be ignored").
 * NULL: there is none, or none of @code. */
static guint8 *
eap_of (const IkeRadiusReply *reply, guint8 code, gsize *len)
{
  gsize joined_len;
  guint8 *packet =
      ike_radius_join (reply->attributes, reply->len, IKE_RADIUS_EAP_MESSAGE, &joined_len);
  gsize least = IKE_EAP_HEADER_LEN + (code == IKE_EAP_CODE_REQUEST);
  IkeReader r;
  guint8 its_code;

  ike_reader_init (&r, packet, joined_len);
  its_code = ike_reader_u8 (&r);
  ike_reader_u8 (&r);
  *len = ike_reader_u16 (&r);
  if (!r.failed && its_code == code && *len >= least && *len <= joined_len
      && *len <= IKE_EAP_PACKET_MAX)
    return packet;
  g_free (packet);
  return NULL;
}

/* RFC 2865, 5.24: State "MUST be sent unmodified from the client to the server in the new
 * Access-Request reply to that challenge". */
static IkeEapStep *
challenged (Relay *relay, const IkeRadiusReply *reply)
{
  IkeRadiusAttribute found;
  gsize len;
  guint8 *packet = eap_of (reply, IKE_EAP_CODE_REQUEST, &len);
  IkeEapStep *step;

  if (!packet)
    return step_failed (relay, g_strdup_printf ("RADIUS server %s sent an Access-Challenge without "
                                                "an EAP request",
                                                reply->server_name));
  relay->state_len = 0;
  if (ike_radius_find (reply->attributes, reply->len, 0, IKE_RADIUS_STATE, &found)) {
    memcpy (relay->state, found.value, found.len);
    relay->state_len = found.len;
  }
  relay->server = reply->server;
  step = step_new (IKE_EAP_MORE);
  step->packet = packet;
  step->len = len;
  return step;
}

static char *
refusal (const Relay *relay, const IkeRadiusReply *reply)
{
  char user[4 * IKE_RADIUS_VALUE_MAX + 1], said[4 * IKE_RADIUS_VALUE_MAX + 1];
  IkeRadiusAttribute found;

  ike_escape (user, sizeof user, relay->user, relay->user_len);
  if (!ike_radius_find (reply->attributes, reply->len, 0, IKE_RADIUS_REPLY_MESSAGE, &found)
      || found.len == 0)
    return g_strdup_printf ("RADIUS server %s refused user \"%s\"", reply->server_name, user);
  return g_strdup_printf ("RADIUS server %s refused user \"%s\": %s", reply->server_name, user,
                          ike_escape (said, sizeof said, found.value, found.len));
}

/* RFC 3579, 2.6.3 on contradictions: "the NAS MUST NOT "manufacture" EAP packets in order to
 * correct contradictory messages that it receives": what does not say Failure is not passed on. */
static IkeEapStep *
rejected (Relay *relay, const IkeRadiusReply *reply)
{
  IkeEapStep *step = step_new (IKE_EAP_FAILED);

  step->packet = eap_of (reply, IKE_EAP_CODE_FAILURE, &step->len);
  if (!step->packet)
    step->len = 0;
  step->reason = refusal (relay, reply);
  ike_counter_add (relay->self->engine, relay->self->count.refused, 1);
  return step;
}

/* RFC 2548, 2.4.2 and RFC 5216, 2.3: the first half of the MSK is what the server calls the key to
 * receive with.  RFC 3748, 7.10: the MSK "MUST be at least 64 octets in length"; what methods with
 * shorter keys leave over is zero. */
static IkeSecretBlob *
msk_of (const IkeRadiusReply *reply)
{
  gsize recv_len, send_len;
  IkeSecretBlob *msk;

  if (!reply->mppe_recv || !reply->mppe_send)
    return NULL;
  recv_len = ike_secret_blob_len (reply->mppe_recv);
  send_len = ike_secret_blob_len (reply->mppe_send);
  if (recv_len + send_len == 0)
    return NULL;
  msk = ike_secret_blob_new (NULL, MAX (recv_len + send_len, (gsize) IKE_EAP_MSK_MIN));
  memcpy (ike_secret_blob_data (msk), ike_secret_blob_data (reply->mppe_recv), recv_len);
  memcpy (ike_secret_blob_data (msk) + recv_len, ike_secret_blob_data (reply->mppe_send), send_len);
  return msk;
}

/* RFC 2865, 5.1: User-Name "MAY be sent in an Access-Accept packet, in which case the client SHOULD
 * use the name returned in the Access-Accept packet in all Accounting-Request packets for this
 * session": it is who was proven, where the peer said a pseudonym. */
static IkeIdent *
proven_identity (const Relay *relay, const Grant *grant)
{
  gboolean is_said =
      grant->user_len == relay->user_len && !memcmp (grant->user, relay->user, relay->user_len);

  return is_said ? NULL : eap_identity_new (grant->user, grant->user_len);
}

static void
complain (const Relay *relay, const IkeRadiusReply *reply, const GPtrArray *problems)
{
  if (problems->len)
    ike_log (relay->self->engine, IKE_LOG_INFO, "eap-radius",
             "RADIUS server %s sent %u attributes that cannot be used, among them %s",
             reply->server_name, problems->len, (const char *) problems->pdata[0]);
}

static void
admit (Relay *relay, Grant *grant)
{
  Admission admission = { grant,           relay->user,    relay->nas,
                          relay->user_len, relay->nas_len, relay->group };

  if (grant->user_len) {
    admission.user = grant->user;
    admission.user_len = grant->user_len;
  }
  if (relay->context && relay->context->sa)
    seat_take (relay->self, relay->context->sa, &admission);
  grant_clear (grant);
}

static IkeEapStep *
accepted (Relay *relay, const IkeRadiusReply *reply)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new ();
  gsize len;
  guint8 *packet = eap_of (reply, IKE_EAP_CODE_SUCCESS, &len);
  IkeEapStep *step;
  Grant grant;

  /* RFC 3579, 2.6.3: the peer "will be lead to believe that it failed authentication". */
  if (!packet)
    return step_failed (relay, g_strdup_printf ("RADIUS server %s sent an Access-Accept without an "
                                                "EAP-Success",
                                                reply->server_name));
  grant_read (&grant, reply->attributes, reply->len, relay->self->grant_flags, problems);
  complain (relay, reply, problems);
  step = step_new (IKE_EAP_DONE);
  step->packet = packet;
  step->len = len;
  step->msk = msk_of (reply);
  step->identity = proven_identity (relay, &grant);
  step->groups = grant_groups (&grant);
  ike_counter_add (relay->self->engine, relay->self->count.accepted, 1);
  admit (relay, &grant);
  return step;
}

static IkeEapStep *
heard (Relay *relay, const IkeRadiusReply *reply)
{
  switch (reply->code) {
  case IKE_RADIUS_ACCESS_CHALLENGE:
    return challenged (relay, reply);
  case IKE_RADIUS_ACCESS_ACCEPT:
    return accepted (relay, reply);
  case IKE_RADIUS_ACCESS_REJECT:
    return rejected (relay, reply);
  default:
    return step_failed (relay, g_strdup_printf ("RADIUS server %s answered with code %u",
                                                reply->server_name, reply->code));
  }
}

/* Whose turn it is, until it is answered: also when the loop ends before a server says anything, or
 * when the host went away. */
typedef struct {
  Relay *relay;
} Asked;

static void
asked_free (gpointer data)
{
  Asked *asked = data;

  if (asked->relay) {
    const char *why = asked->relay->context ? "the daemon ends" : "the IKE SA is gone";
    asked->relay->request = NULL;
    answer_turn (asked->relay, step_failed (asked->relay, g_strdup (why)));
  }
  g_free (asked);
}

static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Relay *relay = g_steal_pointer (&((Asked *) data)->relay);
  IkeRadiusReply *reply = result;

  relay->request = NULL;
  answer_turn (relay, reply ? heard (relay, reply) : step_failed (relay, g_strdup (error)));
  ike_radius_reply_free (reply);
}

static const IkeCallClass request_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "Access-Request",
  /* The service's own limit is shorter. */
  .timeout_ms = 300 * 1000,
  .then = answered,
  .undo = ike_radius_reply_free,
  .free_data = asked_free,
};

/* -- what the peer says */

static gboolean
write_request (const Relay *relay, const guint8 *packet, gsize len, IkeWriter *w)
{
  guint32 mtu = relay->context->mtu ? relay->context->mtu : MTU_DEFAULT;

  ike_radius_add (w, IKE_RADIUS_USER_NAME, relay->user, relay->user_len);
  ike_writer_bytes (w, relay->nas, relay->nas_len);
  /* RFC 3579, 2.4: "the Framed-MTU attribute may be included in an Access-Request packet containing
   * an EAP-Message attribute so as to provide the RADIUS server with this information". */
  ike_radius_add_u32 (w, IKE_RADIUS_FRAMED_MTU, mtu);
  if (relay->state_len)
    ike_radius_add (w, IKE_RADIUS_STATE, relay->state, relay->state_len);
  ike_radius_add_long (w, IKE_RADIUS_EAP_MESSAGE, packet, len);
  return !w->failed;
}

static void
relay_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  Relay *relay = state;
  guint8 attributes[IKE_RADIUS_ATTRIBUTES_MAX];
  IkeRadiusRequest request = { .struct_size = sizeof request,
                               .code = IKE_RADIUS_ACCESS_REQUEST,
                               .group = relay->group,
                               .server = relay->server,
                               .attributes = attributes };
  IkeWriter w;

  relay->turn = call;
  if (packet && !relay->user_len)
    learn_user (relay, packet, len);
  ike_writer_init (&w, attributes, sizeof attributes);
  if (!relay->user_len)
    answer_turn (relay, step_failed (relay, g_strdup ("the peer names no user, or one that is "
                                                      "longer than RADIUS can carry")));
  else if (!write_request (relay, packet, len, &w))
    answer_turn (relay, step_failed (relay, g_strdup_printf ("an EAP packet of %" G_GSIZE_FORMAT
                                                             " bytes does not fit into a RADIUS "
                                                             "packet",
                                                             len)));
  else {
    Asked *asked = g_new (Asked, 1);
    asked->relay = relay;
    request.len = w.len;
    relay->request = ike_loop_call (relay->context->loop, &request_call, NULL, asked);
    relay->self->radius->request (relay->self->service->plugin, &request, relay->request);
  }
  ike_wipe (attributes, w.len);
}

/* Under --check there is no state, and no server to be known. */
static void
relay_check (IkePlugin *plugin, const IkeAuthConf *conf, GPtrArray *problems)
{
  EapRadius *self = ike_plugin_state (plugin);
  const char *group = self ? ike_option_text (conf->options, self->group_option) : NULL;
  guint32 any;

  if (group && self->radius->servers (self->service->plugin, group, &any, 1) == 0)
    g_ptr_array_add (problems, g_strdup_printf ("radius_group: no RADIUS server is in the group "
                                                "%s; see plugins.radius.servers",
                                                group));
}

const IkeEapClass eap_radius_relay_class = {
  .struct_size = sizeof (IkeEapClass),
  .flags = IKE_EAP_MAKES_MSK | IKE_EAP_IS_RELAY,
  .begin = relay_begin,
  .step = relay_step,
  .end = relay_end,
  .check = relay_check,
};
