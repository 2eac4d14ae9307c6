/* SPDX-License-Identifier: Apache-2.0 */
/* eap_ttls.c - EAP-TTLS, version 0 (RFC 5281; with TLS 1.3 as RFC 9427 has it): `auth = eap-ttls`.
 *
 * The server shows a certificate, and the peer, in the tunnel that it makes, a password: by PAP,
 * CHAP or MS-CHAP-V2, or in a conversation by EAP of its own.  A server takes whichever the peer
 * chooses; who the peer is, is what it says in the tunnel, whatever it said outside. */
#include "config.h"

#include "private.h"

#define CLASS(end_name)                                                                            \
  {                                                                                                \
    .struct_size = sizeof (IkeEapClass), .type = IKE_EAP_TYPE_TTLS,                                \
    .flags = IKE_EAP_MAKES_MSK | IKE_EAP_IS_MUTUAL, .begin = ttls_##end_name##_begin,              \
    .step = eap_inner_step, .end = eap_inner_end, .check = eap_tunnel_check                        \
  }

static const IkeEapClass server_class = CLASS (server), peer_class = CLASS (peer);

static const char *const wants[] = { MSCHAP_NEEDS, NULL };
static const IkeFeature server_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "eap-server:ttls",
                                           .ops = &server_class,
                                           .needs = eap_tunnel_needs,
                                           .wants = wants };
static const IkeFeature peer_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "eap-peer:ttls",
                                         .ops = &peer_class,
                                         .needs = eap_tunnel_needs,
                                         .wants = wants };
static const IkeFeature *const features[] = { &server_feature, &peer_feature, NULL };
static const IkeFeatureKind *const kinds[] = { EAP_TUNNEL_KINDS, NULL };

static const IkeOptionInfo method_option = {
  sizeof (IkeOptionInfo), "plugin/phase2_method", "string", "mschapv2",
  "Server: the EAP method in the tunnel, where the peer speaks EAP there."
};
static const IkeOptionInfo way_option = { sizeof (IkeOptionInfo), "plugin/phase2",
                                          "enum:eap|pap|chap|mschapv2", "eap",
                                          "Peer: how it shows its password in the tunnel." };
static const IkeOptionInfo *const options[] = { EAP_TUNNEL_OPTIONS, &method_option, &way_option,
                                                NULL };

gboolean
ttls_say_eap (EapInner *inner, const guint8 *packet, gsize len)
{
  /* Large enough for all of it: what grows leaves copies behind, and this may be a password. */
  g_autoptr (GByteArray) avps = g_byte_array_sized_new ((guint) len + 16);
  gboolean is_said;

  ttls_avp_add (avps, TTLS_EAP, 0, packet, len);
  is_said = eap_tunnel_say (inner->tunnel, avps->data, avps->len);
  ike_wipe (avps->data, avps->len);
  return is_said;
}

static void
plugin_free (gpointer data)
{
  TtlsPlugin *plugin = data;

  g_free (plugin->method);
  g_free (plugin);
}

static TtlsWay
way_of (const char *text)
{
  static const char *const words[] = { "eap", "pap", "chap", "mschapv2" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (text, words[i]))
      return (TtlsWay) i;
  return TTLS_BY_EAP;
}

static gboolean
eap_ttls_activate (IkePlugin *self, GError **error)
{
  TtlsPlugin *plugin = g_new0 (TtlsPlugin, 1);

  ike_plugin_set_state (self, plugin, plugin_free);
  plugin->method = g_strdup (ike_plugin_option (self, "phase2_method"));
  plugin->way = way_of (ike_plugin_option (self, "phase2"));
  return eap_tunnel_plugin_init (&plugin->tunnel, self, IKE_EAP_TYPE_TTLS, error);
}

IKE_PLUGIN (ike_plugin, "eap-ttls", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "EAP-TTLS (RFC 5281)", .features = features, .kinds = kinds,
            .options = options, .activate = eap_ttls_activate);
