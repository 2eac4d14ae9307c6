/* SPDX-License-Identifier: Apache-2.0 */
/* server.c - what a peer says in the tunnel is judged: a password, or a conversation by EAP, whose
 * identity is the one that counts. */
#include "private.h"

/* Messages without anything in them, such as the answer to our Finished. */
enum { SILENCES_MAX = 3 };

typedef struct {
  EapTunnel *tunnel;
  const TtlsPlugin *plugin;
  const IkeEapContext *context;
  IkeEapContext inner_context;
  EapServer *inner; /* NULL: the peer does not talk by EAP */
  IkeIdent *identity;
  guint n_silences;
  gboolean is_proven; /* MS-CHAP-V2: the peer has still to like our answer */
} Server;

static void
server_free (gpointer data)
{
  Server *server = data;

  ike_ident_unref (server->identity);
  g_free (server);
}

/* -- EAP */

static void
say_eap (Server *server, const guint8 *packet, gsize len)
{
  g_autoptr (GByteArray) avps = g_byte_array_new ();

  ttls_avp_add (avps, TTLS_EAP, 0, packet, len);
  if (eap_tunnel_say (server->tunnel, avps->data, avps->len))
    eap_tunnel_more (server->tunnel);
  else
    eap_tunnel_fail (server->tunnel, "the method in the tunnel says more than fits");
}

static void
inner_stepped (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Server *server = owner;
  IkeEapStep *step = result;

  if (error || eap_tunnel_has_ended (server->tunnel))
    eap_tunnel_fail (server->tunnel, error ? error : "the conversation was ended");
  else if (step->outcome == IKE_EAP_MORE) {
    eap_tunnel_warn (server->tunnel, step->reason);
    say_eap (server, step->packet, step->len);
  } else if (step->outcome == IKE_EAP_DONE)
    eap_tunnel_done (server->tunnel,
                     step->identity ? ike_ident_ref (step->identity)
                                    : ike_ident_ref (server->identity),
                     g_steal_pointer (&step->groups));
  else
    eap_tunnel_fail (server->tunnel, step->reason);
  ike_eap_step_free (step);
}

static void
tunnel_unref (gpointer data)
{
  eap_tunnel_unref (data);
}

static const IkeCallClass inner_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "method in EAP-TTLS",
  .timeout_ms = 60000,
  .then = inner_stepped,
  .undo = ike_eap_step_free,
  .free_data = tunnel_unref,
};

static void
run_inner (Server *server, const guint8 *packet, gsize len)
{
  eap_server_step (
      server->inner,
      ike_loop_call (server->context->loop, &inner_call, server, eap_tunnel_ref (server->tunnel)),
      packet, len);
}

/* RFC 5281, 11.2.1: "The client initiates EAP by tunneling EAP-Response/Identity to the TTLS
 * server." */
static void
begin_inner (Server *server, const IkePart *eap)
{
  g_autofree char *why = NULL;
  EapPacket packet;

  if (!eap_packet_read (&packet, eap->data, eap->len) || packet.code != IKE_EAP_CODE_RESPONSE
      || packet.type != IKE_EAP_TYPE_IDENTITY) {
    eap_tunnel_fail (server->tunnel, "the peer does not begin EAP with its identity in the tunnel");
    return;
  }
  server->identity =
      eap_identity_new (packet.body.data + packet.body.pos, ike_reader_left (&packet.body));
  server->inner_context = *server->context;
  server->inner_context.identity = server->identity;
  server->inner_context.depth++;
  if (server->identity)
    server->inner = eap_server_new (&server->inner_context, server->plugin->method, FALSE, &why);
  if (server->inner)
    run_inner (server, NULL, 0);
  else
    eap_tunnel_fail (server->tunnel, why ? why : "the peer does not say who it is in the tunnel");
}

/* -- passwords */

static gboolean
check_password (Server *server, const TtlsAvps *avps, IkeSecretBlob *password,
                guint8 success[static TTLS_MS_SUCCESS_LEN], const char **why)
{
  if (avps->password.data)
    return ttls_check_pap (avps, password, why);
  if (avps->chap_password.data)
    return ttls_check_chap (server->tunnel, avps, password, why);
  return ttls_check_mschapv2 (server->tunnel, server->context->engine, avps, password, success,
                              why);
}

static void
refuse (Server *server, const char *why)
{
  char name[128];
  g_autofree char *text = g_strdup_printf (
      "in EAP-TTLS, %s: %s", ike_ident_format (server->identity, name, sizeof name), why);

  eap_tunnel_fail (server->tunnel, text);
}

/* RFC 5281, 11.2.4: "The TTLS server tunnels this AVP to the client.  Note that the authentication
 * is not yet complete; the client must still accept the authentication response". */
static void
prove_ourselves (Server *server, const guint8 success[static TTLS_MS_SUCCESS_LEN])
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  server->is_proven = TRUE;
  ttls_avp_add (out, TTLS_MS_SUCCESS, TTLS_MICROSOFT, success, TTLS_MS_SUCCESS_LEN);
  if (eap_tunnel_say (server->tunnel, out->data, out->len))
    eap_tunnel_more (server->tunnel);
  else
    eap_tunnel_fail (server->tunnel, "the answer to MS-CHAP-V2 cannot be sent");
}

static void
judge_password (Server *server, const TtlsAvps *avps)
{
  guint8 success[TTLS_MS_SUCCESS_LEN];
  const char *why = NULL;

  ike_ident_unref (server->identity);
  server->identity = eap_identity_new (avps->user.data, avps->user.len);
  if (!server->identity) {
    eap_tunnel_fail (server->tunnel, "the peer does not say who it is in the tunnel");
    return;
  }

  g_autoptr (IkeSecretBlob) password =
      eap_secret_of_peer (server->context, "eap", server->identity);

  if (!password)
    refuse (server, "nobody of that name is known; give it a secret in section secrets");
  else if (!check_password (server, avps, password, success, &why))
    refuse (server, why);
  else if (avps->ms_response.data && !avps->password.data && !avps->chap_password.data)
    prove_ourselves (server, success);
  else
    eap_tunnel_done (server->tunnel, ike_ident_ref (server->identity), NULL);
}

/* -- turns */

static void
server_talk (gpointer user, const guint8 *data, gsize len)
{
  Server *server = user;
  const char *why;
  TtlsAvps avps;

  if (len == 0 && server->is_proven)
    eap_tunnel_done (server->tunnel, ike_ident_ref (server->identity), NULL);
  else if (len == 0 && !server->inner && server->n_silences++ < SILENCES_MAX)
    eap_tunnel_more (server->tunnel);
  else if (len == 0)
    eap_tunnel_fail (server->tunnel, "the peer says nothing in the tunnel");
  else if (!ttls_avps_read (data, len, &avps, &why))
    eap_tunnel_fail (server->tunnel, why);
  else if (server->is_proven)
    eap_tunnel_fail (server->tunnel, "the peer does not take our answer to MS-CHAP-V2");
  else if (avps.eap.data && server->inner)
    run_inner (server, avps.eap.data, avps.eap.len);
  else if (avps.eap.data)
    begin_inner (server, &avps.eap);
  else if (!server->inner && avps.user.data
           && (avps.password.data || avps.chap_password.data || avps.ms_response.data))
    judge_password (server, &avps);
  else
    eap_tunnel_fail (server->tunnel,
                     "the peer authenticates in the tunnel by nothing that is known");
}

static const EapTunnelUser user_class = { .talk = server_talk,
                                          .free_user = server_free,
                                          .peer = IKE_TLS_NONE };

gpointer
ttls_server_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  Server *server;

  if (context->depth) {
    *why = g_strdup ("EAP-TTLS does not go into the tunnel of another method");
    return NULL;
  }
  server = g_new0 (Server, 1);
  server->plugin = ike_plugin_state (self);
  server->context = context;
  server->tunnel =
      eap_tunnel_new (&server->plugin->tunnel, context, TRUE, &user_class, server, why);
  if (server->tunnel)
    return server;
  server_free (server);
  return NULL;
}

void
ttls_server_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  eap_tunnel_step (((Server *) state)->tunnel, call, packet, len, identifier);
}

void
ttls_server_end (gpointer state)
{
  Server *server = state;

  g_clear_pointer (&server->inner, eap_server_free);
  eap_tunnel_end (server->tunnel);
}
