/* SPDX-License-Identifier: Apache-2.0 */
/* eap_identity.c - EAP-Identity (RFC 3748, 5.1): a server asks who the peer is, a peer says so.
 *
 * It proves nothing.  What the peer says is the name by which a method then finds a secret, and
 * which policy is about once that method has proved it. */
#include "config.h"

#include <ikebana/plugin.h>

#include "shared/eap/packet.h"

static gpointer
server_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  return (gpointer) context;
}

/* RFC 3748, 5.1: "The Identity Response field MUST NOT be null terminated"; a NUL anywhere would
 * end the name for some who read it and not for others. */
static IkeEapStep *
take_identity (const guint8 *packet, gsize len)
{
  IkePart data = { packet, len };
  EapPacket response;
  IkeEapStep *step;

  if (!eap_packet_expect (&response, &data, IKE_EAP_CODE_RESPONSE, IKE_EAP_TYPE_IDENTITY))
    return eap_step_failed ("EAP-Identity: the peer's answer is malformed");

  g_autoptr (IkeIdent) identity = eap_identity_new (response.body.data, response.body.len);

  if (!identity)
    return eap_step_failed ("EAP-Identity: the peer's name does not have 1 to %d bytes, or has a "
                            "NUL in it",
                            IKE_EAP_IDENTITY_MAX);
  step = eap_step_done ();
  step->identity = g_steal_pointer (&identity);
  return step;
}

static void
server_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  ike_call_answer (call, packet ? take_identity (packet, len)
                                : eap_step_request (identifier, IKE_EAP_TYPE_IDENTITY, NULL));
}

static gpointer
peer_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  gsize len = 0;

  if (context->identity)
    g_free (eap_identity_bytes (context->identity, &len));
  if (len > 0 && len <= IKE_EAP_IDENTITY_MAX)
    return (gpointer) context;
  *why = g_strdup_printf ("EAP-Identity: we have no name of 1 to %d bytes to give; set eap_id",
                          IKE_EAP_IDENTITY_MAX);
  return NULL;
}

static void
peer_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  const IkeEapContext *context = state;
  IkePart data = { packet, len }, name;
  EapPacket request;
  IkeEapStep *step;

  if (!eap_packet_expect (&request, &data, IKE_EAP_CODE_REQUEST, IKE_EAP_TYPE_IDENTITY)) {
    ike_call_answer (call, eap_step_failed ("EAP-Identity: the server's request is malformed"));
    return;
  }
  g_autofree guint8 *bytes = eap_identity_bytes (context->identity, &name.len);

  name.data = bytes;
  step = eap_step_response (request.identifier, IKE_EAP_TYPE_IDENTITY, &name);
  step->outcome = IKE_EAP_DONE;
  ike_call_answer (call, step);
}

/* The state is the host's context. */
static void
end (gpointer state)
{
}

static const IkeEapClass server_class = {
  .struct_size = sizeof (IkeEapClass),
  .type = IKE_EAP_TYPE_IDENTITY,
  .begin = server_begin,
  .step = server_step,
  .end = end,
};
static const IkeEapClass peer_class = {
  .struct_size = sizeof (IkeEapClass),
  .type = IKE_EAP_TYPE_IDENTITY,
  .begin = peer_begin,
  .step = peer_step,
  .end = end,
};
static const IkeFeature server_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "eap-server:identity",
  .ops = &server_class,
};
static const IkeFeature peer_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "eap-peer:identity",
  .ops = &peer_class,
};
static const IkeFeature *const features[] = { &server_feature, &peer_feature, NULL };

IKE_PLUGIN (ike_plugin, "eap-identity", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "EAP: asking and saying who somebody is (RFC 3748, 5.1)",
            .features = features);
