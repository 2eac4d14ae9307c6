/* SPDX-License-Identifier: Apache-2.0 */
/* eap_gtc.c - EAP-GTC, generic token card (RFC 3748, 5.6): `auth = eap-gtc`.
 *
 * The server asks, the peer answers with its password as it is.  So it goes where nobody else
 * reads it: into the tunnel of another method, or into IKE_AUTH with a gateway that has shown
 * who it is. */
#include "config.h"
#include <string.h>

#include <ikebana/plugin.h>
#include <ikebana/secret.h>

#include "shared/eap/packet.h"

/* -- the server */

typedef struct {
  const IkeEapContext *context;
  gboolean has_asked, has_ended;
  guint8 identifier;
} Server;

static gpointer
server_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  Server *server;

  if (!context->identity) {
    *why = g_strdup ("EAP-GTC: nobody has said who the peer is");
    return NULL;
  }
  server = g_new0 (Server, 1);
  server->context = context;
  return server;
}

static IkeEapStep *
ask (Server *server, guint8 identifier)
{
  static const char prompt[] = "Password: ";
  IkePart part = { (const guint8 *) prompt, sizeof prompt - 1 };

  server->identifier = identifier;
  server->has_asked = TRUE;
  return eap_step_request (identifier, IKE_EAP_TYPE_GTC, &part);
}

/* Constant time in the password; that its length shows is what ike_equal() says too. */
static gboolean
is_password (IkeSecretBlob *secret, const IkeReader *said)
{
  return secret && ike_secret_blob_len (secret) == said->len && said->len > 0
         && ike_equal (ike_secret_blob_data (secret), said->data, said->len);
}

static IkeEapStep *
serve (Server *server, const guint8 *packet, gsize len)
{
  IkePart data = { packet, len };
  EapPacket response;

  if (!server->has_asked || server->has_ended)
    return eap_step_failed ("EAP-GTC: the peer answers what was not asked");
  server->has_ended = TRUE;
  if (!eap_packet_expect (&response, &data, IKE_EAP_CODE_RESPONSE, IKE_EAP_TYPE_GTC)
      || response.identifier != server->identifier)
    return eap_step_failed ("EAP-GTC: the peer's answer is malformed");

  g_autoptr (IkeSecretBlob) secret =
      eap_secret_of_peer (server->context, "eap", server->context->identity);

  if (is_password (secret, &response.body))
    return eap_step_done ();
  return eap_step_refused ("EAP-GTC", server->context->identity, secret != NULL);
}

static void
server_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  ike_call_answer (call, packet ? serve (state, packet, len) : ask (state, identifier));
}

static void
server_end (gpointer state)
{
  g_free (state);
}

/* -- the peer */

typedef struct {
  IkeSecretBlob *secret;
  gboolean has_answered;
} Peer;

static gpointer
peer_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  IkeSecretBlob *secret = eap_secret_of_ours (context, "eap");
  Peer *peer;

  if (!secret) {
    *why = eap_no_secret ("EAP-GTC", context->identity);
    return NULL;
  }
  peer = g_new0 (Peer, 1);
  peer->secret = secret;
  return peer;
}

/* Nobody is here to read what the server displays.  A second question says that the first answer
 * was not taken, and there is no other. */
static IkeEapStep *
respond (Peer *peer, const guint8 *packet, gsize len)
{
  IkePart data = { packet, len }, password;
  EapPacket request;
  IkeEapStep *step;

  if (!eap_packet_expect (&request, &data, IKE_EAP_CODE_REQUEST, IKE_EAP_TYPE_GTC))
    return eap_step_failed ("EAP-GTC: the server's question is malformed");
  if (peer->has_answered)
    return eap_step_failed ("EAP-GTC: the server asks for the password again");
  peer->has_answered = TRUE;
  password = (IkePart){ ike_secret_blob_data (peer->secret), ike_secret_blob_len (peer->secret) };
  step = eap_step_response (request.identifier, IKE_EAP_TYPE_GTC, &password);
  step->outcome = IKE_EAP_DONE;
  return step;
}

static void
peer_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  ike_call_answer (call, respond (state, packet, len));
}

static void
peer_end (gpointer state)
{
  Peer *peer = state;

  ike_secret_blob_unref (peer->secret);
  g_free (peer);
}

static const IkeEapClass server_class = {
  .struct_size = sizeof (IkeEapClass),
  .type = IKE_EAP_TYPE_GTC,
  .flags = IKE_EAP_NEEDS_TUNNEL,
  .begin = server_begin,
  .step = server_step,
  .end = server_end,
};
static const IkeEapClass peer_class = {
  .struct_size = sizeof (IkeEapClass),
  .type = IKE_EAP_TYPE_GTC,
  .flags = IKE_EAP_NEEDS_TUNNEL,
  .begin = peer_begin,
  .step = peer_step,
  .end = peer_end,
};
static const IkeFeature server_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "eap-server:gtc",
  .ops = &server_class,
};
static const IkeFeature peer_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "eap-peer:gtc",
  .ops = &peer_class,
};
static const IkeFeature *const features[] = { &server_feature, &peer_feature, NULL };

IKE_PLUGIN (ike_plugin, "eap-gtc", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "EAP: passwords inside a tunnel (RFC 3748, 5.6)", .features = features);
