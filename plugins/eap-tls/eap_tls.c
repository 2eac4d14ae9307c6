/* SPDX-License-Identifier: Apache-2.0 */
/* eap_tls.c - EAP-TLS (RFC 5216, and with TLS 1.3 RFC 9190): `auth = eap-tls`, both ends show
 * certificates.
 *
 * A server takes a peer whose certificate was issued by one of the CAs of the connection (cacerts,
 * else all that there are), is not revoked as far as `revocation` asks, and stands for the EAP
 * identity.  That is any of its alternative names, or its subject; "host/NAME" is looked for as
 * NAME.  An identity that begins with '@', or is "anonymous" with or without a realm, says nothing
 * (RFC 9190, 2.1.8): then the certificate alone says who it is, by the first e-mail address or host
 * name in it, else its subject.
 *
 * A peer shows one of the certificates that its section names, else one that stands for its
 * identity, and takes a server whose certificate stands for aaa_id, or the gateway's identity. */
#include "config.h"

#include "shared/eap-tls/tunnel.h"

typedef struct {
  EapTunnel *tunnel;
  const EapTunnelPlugin *plugin;
  IkeIdent *said; /* server: who the peer says to be; NULL: that is not said */
  guint n_talks;
} Method;

static void
method_free (gpointer data)
{
  Method *method = data;

  ike_ident_unref (method->said);
  g_free (method);
}

/* RFC 5216, 5.2: "Where the peer identity represents a user and not a resource, a subjectAltName of
 * type rfc822Name SHOULD be used", and dNSName for a host. */
static IkeIdent *
proven_identity (const Method *method)
{
  static const guint8 order[] = { IKE_ID_RFC822_ADDR, IKE_ID_FQDN };
  const IkeTlsInfo *info = eap_tunnel_info (method->tunnel);
  const IkeCertInfo *cert = method->plugin->pki->cert_info (info->chain[0]);
  gsize len;

  if (method->said)
    return ike_ident_ref (method->said);
  for (guint k = 0; k < G_N_ELEMENTS (order); k++)
    for (guint i = 0; i < cert->n_names; i++)
      if (ike_ident_type (cert->names[i]) == order[k])
        return ike_ident_ref ((IkeIdent *) cert->names[i]);
  ike_ident_data (cert->subject, &len);
  if (len > 2 || cert->n_names == 0)
    return ike_ident_ref ((IkeIdent *) cert->subject);
  return ike_ident_ref ((IkeIdent *) cert->names[0]);
}

/* RFC 9190, 2.5: "When an EAP-TLS server has successfully processed the TLS client Finished and
 * sent its last handshake message ..., it sends an encrypted TLS record with application data
 * 0x00."  In TLS 1.2 its Finished is what goes here.  Either is answered by a packet without
 * data. */
static void
server_talk (gpointer user, const guint8 *data, gsize len)
{
  static const guint8 commitment[1] = { 0 };
  Method *method = user;
  gboolean is_new = eap_tunnel_info (method->tunnel)->version == IKE_TLS_1_3;

  if (len)
    eap_tunnel_fail (method->tunnel, "the peer sent data through EAP-TLS, which carries none");
  else if (method->n_talks++ > 0)
    eap_tunnel_done (method->tunnel, proven_identity (method), NULL);
  else if (is_new && !eap_tunnel_say (method->tunnel, commitment, sizeof commitment))
    eap_tunnel_fail (method->tunnel, "the protected success cannot be sent");
  else
    eap_tunnel_more (method->tunnel);
}

/* RFC 9190, 2.1.1: "TLS application data 0x00 is therefore to be interpreted as success after the
 * EAP-Request that contains TLS application data 0x00."  What comes before may be messages of TLS
 * without data. */
static void
peer_talk (gpointer user, const guint8 *data, gsize len)
{
  Method *method = user;

  if (eap_tunnel_info (method->tunnel)->version != IKE_TLS_1_3) {
    if (len)
      eap_tunnel_fail (method->tunnel, "the server sent data through EAP-TLS, which carries none");
    else
      eap_tunnel_done (method->tunnel, NULL, NULL);
  } else if (len == 1 && data[0] == 0)
    eap_tunnel_done (method->tunnel, NULL, NULL);
  else if (len)
    eap_tunnel_fail (method->tunnel, "the server sent data that is no protected success");
  else
    eap_tunnel_more (method->tunnel);
}

static const EapTunnelUser server_user = { .talk = server_talk,
                                           .free_user = method_free,
                                           .peer = IKE_TLS_REQUIRED };
static const EapTunnelUser peer_user = { .talk = peer_talk,
                                         .free_user = method_free,
                                         .own = IKE_TLS_REQUIRED };

static gpointer
begin (IkePlugin *self, const IkeEapContext *context, gboolean is_server, char **why)
{
  Method *method = g_new0 (Method, 1);

  method->plugin = ike_plugin_state (self);
  if (is_server && !eap_identity_is_anonymous (context->identity))
    method->said = ike_ident_ref ((IkeIdent *) context->identity);
  method->tunnel = eap_tunnel_new (method->plugin, context, is_server,
                                   is_server ? &server_user : &peer_user, method, why);
  if (method->tunnel)
    return method->tunnel;
  method_free (method);
  return NULL;
}

static gpointer
server_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  return begin (self, context, TRUE, why);
}

static gpointer
peer_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  return begin (self, context, FALSE, why);
}

static void
step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  eap_tunnel_step (state, call, packet, len, identifier);
}

static void
end (gpointer state)
{
  eap_tunnel_end (state);
}

#define CLASS(begin_func)                                                                          \
  {                                                                                                \
    .struct_size = sizeof (IkeEapClass), .type = IKE_EAP_TYPE_TLS,                                 \
    .flags = IKE_EAP_MAKES_MSK | IKE_EAP_IS_MUTUAL, .begin = begin_func, .step = step, .end = end, \
    .check = eap_tunnel_check                                                                      \
  }

static const IkeEapClass server_class = CLASS (server_begin), peer_class = CLASS (peer_begin);

static const IkeFeature server_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "eap-server:tls",
                                           .ops = &server_class,
                                           .needs = eap_tunnel_needs };
static const IkeFeature peer_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "eap-peer:tls",
                                         .ops = &peer_class,
                                         .needs = eap_tunnel_needs };
static const IkeFeature *const features[] = { &server_feature, &peer_feature, NULL };
static const IkeFeatureKind *const kinds[] = { EAP_TUNNEL_KINDS, NULL };
static const IkeOptionInfo *const options[] = { EAP_TUNNEL_OPTIONS, NULL };

static gboolean
eap_tls_activate (IkePlugin *self, GError **error)
{
  EapTunnelPlugin *plugin = g_new0 (EapTunnelPlugin, 1);

  ike_plugin_set_state (self, plugin, g_free);
  return eap_tunnel_plugin_init (plugin, self, IKE_EAP_TYPE_TLS, error);
}

IKE_PLUGIN (ike_plugin, "eap-tls", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "EAP-TLS (RFC 5216, RFC 9190)", .features = features, .kinds = kinds,
            .options = options, .activate = eap_tls_activate);
