/* SPDX-License-Identifier: Apache-2.0 */
/* server.c - what a peer says in the tunnel is judged: a password, or a conversation by EAP, whose
 * identity is the one that counts. */
#include "private.h"

/* Messages without anything in them, such as the answer to our Finished. */
enum { SILENCES_MAX = 3 };

typedef struct {
  EapInner inner;
  IkeIdent *identity;
  guint n_silences;
  gboolean is_proven; /* MS-CHAP-V2: the peer has still to like our answer */
} Server;

static void
clear (EapInner *inner)
{
  ike_ident_unref (((Server *) inner)->identity);
}

/* -- EAP */

static void
ended (EapInner *inner, IkeEapStep *step)
{
  if (step->outcome == IKE_EAP_DONE)
    eap_tunnel_done (inner->tunnel,
                     ike_ident_ref (step->identity ? step->identity : ((Server *) inner)->identity),
                     g_steal_pointer (&step->groups));
  else
    eap_tunnel_fail (inner->tunnel, step->reason);
}

/* RFC 5281, 11.2.1: "The client initiates EAP by tunneling EAP-Response/Identity to the TTLS
 * server." */
static void
begin_eap (Server *server, const IkePart *eap)
{
  const TtlsPlugin *plugin = server->inner.plugin;
  EapPacket packet;

  if (!eap_packet_read (&packet, eap->data, eap->len) || packet.code != IKE_EAP_CODE_RESPONSE
      || packet.type != IKE_EAP_TYPE_IDENTITY) {
    eap_tunnel_fail (server->inner.tunnel,
                     "the peer does not begin EAP with its identity in the tunnel");
    return;
  }
  server->identity =
      eap_identity_new (packet.body.data + packet.body.pos, ike_reader_left (&packet.body));
  if (!server->identity)
    eap_tunnel_fail (server->inner.tunnel, "the peer does not say who it is in the tunnel");
  else if (eap_inner_be_server (&server->inner, plugin->method, server->identity))
    eap_inner_run (&server->inner, NULL, 0);
}

/* -- passwords */

static gboolean
check_password (Server *server, const TtlsAvps *avps, IkeSecretBlob *password,
                guint8 success[static TTLS_MS_SUCCESS_LEN], const char **why)
{
  if (avps->password.data)
    return ttls_check_pap (avps, password, why);
  if (avps->chap_password.data)
    return ttls_check_chap (server->inner.tunnel, avps, password, why);
  return ttls_check_mschapv2 (server->inner.tunnel, server->inner.context->engine, avps, password,
                              success, why);
}

static void
refuse (Server *server, const char *why)
{
  char name[128];
  g_autofree char *text = g_strdup_printf (
      "in EAP-TTLS, %s: %s", ike_ident_format (server->identity, name, sizeof name), why);

  eap_tunnel_fail (server->inner.tunnel, text);
}

/* RFC 5281, 11.2.4: "The TTLS server tunnels this AVP to the client.  Note that the authentication
 * is not yet complete; the client must still accept the authentication response". */
static void
prove_ourselves (Server *server, const guint8 success[static TTLS_MS_SUCCESS_LEN])
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  server->is_proven = TRUE;
  ttls_avp_add (out, TTLS_MS_SUCCESS, TTLS_MICROSOFT, success, TTLS_MS_SUCCESS_LEN);
  if (eap_tunnel_say (server->inner.tunnel, out->data, out->len))
    eap_tunnel_more (server->inner.tunnel);
  else
    eap_tunnel_fail (server->inner.tunnel, "the answer to MS-CHAP-V2 cannot be sent");
}

static void
judge_password (Server *server, const TtlsAvps *avps)
{
  guint8 success[TTLS_MS_SUCCESS_LEN];
  const char *why = NULL;

  ike_ident_unref (server->identity);
  server->identity = eap_identity_new (avps->user.data, avps->user.len);
  if (!server->identity) {
    eap_tunnel_fail (server->inner.tunnel, "the peer does not say who it is in the tunnel");
    return;
  }

  g_autoptr (IkeSecretBlob) password =
      eap_secret_of_peer (server->inner.context, "eap", server->identity);

  if (!password)
    refuse (server, "nobody of that name is known; give it a secret in section secrets");
  else if (!check_password (server, avps, password, success, &why))
    refuse (server, why);
  else if (avps->ms_response.data && !avps->password.data && !avps->chap_password.data)
    prove_ourselves (server, success);
  else
    eap_tunnel_done (server->inner.tunnel, ike_ident_ref (server->identity), NULL);
}

/* -- turns */

static void
talk (EapInner *inner, const guint8 *data, gsize len)
{
  Server *server = (Server *) inner;
  const char *why;
  TtlsAvps avps;

  if (len == 0 && server->is_proven)
    eap_tunnel_done (inner->tunnel, ike_ident_ref (server->identity), NULL);
  else if (len == 0 && !inner->server && server->n_silences++ < SILENCES_MAX)
    eap_tunnel_more (inner->tunnel);
  else if (len == 0)
    eap_tunnel_fail (inner->tunnel, "the peer says nothing in the tunnel");
  else if (!ttls_avps_read (data, len, &avps, &why))
    eap_tunnel_fail (inner->tunnel, why);
  else if (server->is_proven)
    eap_tunnel_fail (inner->tunnel, "the peer does not take our answer to MS-CHAP-V2");
  else if (avps.eap.data && inner->server)
    eap_inner_run (inner, avps.eap.data, avps.eap.len);
  else if (avps.eap.data)
    begin_eap (server, &avps.eap);
  else if (!inner->server && avps.user.data
           && (avps.password.data || avps.chap_password.data || avps.ms_response.data))
    judge_password (server, &avps);
  else
    eap_tunnel_fail (inner->tunnel,
                     "the peer authenticates in the tunnel by nothing that is known");
}

static const EapInnerClass server_class = { .name = "EAP-TTLS",
                                            .is_server = TRUE,
                                            .size = sizeof (Server),
                                            .talk = talk,
                                            .say = ttls_say_eap,
                                            .ended = ended,
                                            .clear = clear };

gpointer
ttls_server_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  return eap_inner_new (&server_class, self, context, why);
}
