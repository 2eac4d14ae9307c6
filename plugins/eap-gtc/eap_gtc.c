/* SPDX-License-Identifier: Apache-2.0 */
/* eap_gtc.c - EAP-GTC, generic token card (RFC 3748, 5.6): `auth = eap-gtc`.
 *
 * The server asks, the peer answers with its password as it is.  So it goes where nobody else
 * reads it: into the tunnel of another method, or into IKE_AUTH with a gateway that has shown
 * who it is. */
#include "config.h"

#include <ikebana/plugin.h>
#include <ikebana/secret.h>

#include "shared/eap/once.h"

static IkeEapStep *
ask (EapOnce *server)
{
  static const char prompt[] = "Password: ";
  IkePart part = { (const guint8 *) prompt, sizeof prompt - 1 };

  return eap_step_request (server->identifier, IKE_EAP_TYPE_GTC, &part);
}

/* Constant time in the password; that its length shows is what ike_equal() says too. */
static gboolean
is_password (IkeSecretBlob *secret, const IkeReader *said)
{
  return secret && ike_secret_blob_len (secret) == said->len && said->len > 0
         && ike_equal (ike_secret_blob_data (secret), said->data, said->len);
}

static IkeEapStep *
judge (EapOnce *server, EapPacket *response)
{
  const IkeEapContext *context = server->context;
  g_autoptr (IkeSecretBlob) secret = eap_secret_of_peer (context, "eap", context->identity);

  if (is_password (secret, &response->body))
    return eap_step_done ();
  return eap_step_refused (server->klass->name, context->identity, secret != NULL);
}

/* Nobody is here to read what the server displays. */
static IkeEapStep *
answer (EapOnce *peer, EapPacket *request)
{
  IkePart password = { ike_secret_blob_data (peer->secret), ike_secret_blob_len (peer->secret) };

  return eap_step_response (request->identifier, IKE_EAP_TYPE_GTC, &password);
}

static const EapOnceClass method = {
  .name = "EAP-GTC",
  .type = IKE_EAP_TYPE_GTC,
  .ask = ask,
  .judge = judge,
  .answer = answer,
  .malformed = "the server's question is malformed",
  .again = "the server asks for the password again",
};

EAP_ONCE_FEATURES (features, method, "gtc", IKE_EAP_TYPE_GTC, IKE_EAP_NEEDS_TUNNEL);

IKE_PLUGIN (ike_plugin, "eap-gtc", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "EAP: passwords inside a tunnel (RFC 3748, 5.6)", .features = features);
