/* SPDX-License-Identifier: Apache-2.0 */
/* once.c - one question, one answer. */
#include "shared/eap/once.h"

#include <ikebana/secret.h>

static EapOnce *
once_new (const EapOnceClass *klass, const IkeEapContext *context)
{
  EapOnce *once = g_new0 (EapOnce, 1);

  once->klass = klass;
  once->context = context;
  return once;
}

gpointer
eap_once_server (const EapOnceClass *klass, const IkeEapContext *context, char **why)
{
  EapOnce *server;

  if (!context->identity) {
    *why = g_strdup_printf ("%s: nobody has said who the peer is", klass->name);
    return NULL;
  }
  server = once_new (klass, context);
  server->is_server = TRUE;
  return server;
}

gpointer
eap_once_peer (const EapOnceClass *klass, const IkeEapContext *context, char **why)
{
  IkeSecretBlob *secret = eap_secret_of_ours (context, "eap");
  EapOnce *peer;

  if (!secret) {
    *why = eap_no_secret (klass->name, context->identity);
    return NULL;
  }
  peer = once_new (klass, context);
  peer->secret = secret;
  return peer;
}

void
eap_once_end (gpointer state)
{
  EapOnce *once = state;

  ike_secret_blob_unref (once->secret);
  g_free (once);
}

static IkeEapStep *
ask (EapOnce *server, guint8 identifier)
{
  server->identifier = identifier;
  server->has_asked = TRUE;
  return server->klass->ask (server);
}

static IkeEapStep *
serve (EapOnce *server, const IkePart *data)
{
  const EapOnceClass *klass = server->klass;
  IkeEapStep *step = NULL;
  EapPacket response;

  if (!server->has_asked || server->is_over)
    return eap_step_failed ("%s: the peer answers what was not asked", klass->name);
  server->is_over = TRUE;
  if (eap_packet_expect (&response, data, IKE_EAP_CODE_RESPONSE, klass->type)
      && response.identifier == server->identifier)
    step = klass->judge (server, &response);
  return step ? step : eap_step_failed ("%s: the peer's answer is malformed", klass->name);
}

/* A second request says that the first answer was not taken, and there is no other; and each would
 * let whoever asks guess once more. */
static IkeEapStep *
respond (EapOnce *peer, const IkePart *data)
{
  const EapOnceClass *klass = peer->klass;
  EapPacket request;
  IkeEapStep *step;

  if (!eap_packet_expect (&request, data, IKE_EAP_CODE_REQUEST, klass->type))
    return eap_step_failed ("%s: %s", klass->name, klass->malformed);
  if (peer->is_over)
    return eap_step_failed ("%s: %s", klass->name, klass->again);
  step = klass->answer (peer, &request);
  if (!step)
    return eap_step_failed ("%s: %s", klass->name, klass->malformed);
  peer->is_over = TRUE;
  step->outcome = IKE_EAP_DONE;
  return step;
}

void
eap_once_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  EapOnce *once = state;
  IkePart data = { packet, len };

  if (!once->is_server)
    ike_call_answer (call, respond (once, &data));
  else if (packet)
    ike_call_answer (call, serve (once, &data));
  else
    ike_call_answer (call, ask (once, identifier));
}
