/* SPDX-License-Identifier: Apache-2.0 */
/* eap_peap.c - PEAP, version 0, as Windows speaks it (with TLS 1.3 as RFC 9427 has it):
 * `auth = eap-peap`.
 *
 * The server shows a certificate; in the tunnel that it makes is a conversation by EAP, whose
 * identity is the one that counts.  It ends with a Result each way, also in the tunnel: an
 * EAP-Success outside alone is not believed.  A crypto binding is neither asked for nor
 * answered. */
#include "config.h"

#include "private.h"

/* PEAP is not among the methods that RFC 5998, 4 calls safe alone: the gateway authenticates itself
 * in IKE, too. */
static void
check_server (IkePlugin *self, const IkeAuthConf *conf, GPtrArray *problems)
{
  eap_tunnel_check (self, conf, problems);
  eap_tunnel_check_method (self, "phase2_method", problems);
}

#define CLASS(end_name, check_function)                                                            \
  {                                                                                                \
    .struct_size = sizeof (IkeEapClass), .type = IKE_EAP_TYPE_PEAP, .flags = IKE_EAP_MAKES_MSK,    \
    .begin = peap_##end_name##_begin, .step = eap_inner_step, .end = eap_inner_end,                \
    .check = check_function                                                                        \
  }

static const IkeEapClass server_class = CLASS (server, check_server),
                         peer_class = CLASS (peer, eap_tunnel_check);

static const IkeFeature server_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "eap-server:peap",
                                           .ops = &server_class,
                                           .needs = eap_tunnel_needs };
static const IkeFeature peer_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "eap-peer:peap",
                                         .ops = &peer_class,
                                         .needs = eap_tunnel_needs };
static const IkeFeature *const features[] = { &server_feature, &peer_feature, NULL };
static const IkeFeatureKind *const kinds[] = { EAP_TUNNEL_KINDS, NULL };

static const IkeOptionInfo method_option = { sizeof (IkeOptionInfo), "plugin/phase2_method",
                                             "string", "mschapv2",
                                             "Server: the EAP method in the tunnel." };
static const IkeOptionInfo *const options[] = { EAP_TUNNEL_OPTIONS, &method_option, NULL };

static void
plugin_free (gpointer data)
{
  PeapPlugin *plugin = data;

  g_free (plugin->method);
  g_free (plugin);
}

static gboolean
eap_peap_activate (IkePlugin *self, GError **error)
{
  PeapPlugin *plugin = g_new0 (PeapPlugin, 1);

  ike_plugin_set_state (self, plugin, plugin_free);
  plugin->method = g_strdup (ike_plugin_option (self, "phase2_method"));
  return eap_tunnel_plugin_init (&plugin->tunnel, self, IKE_EAP_TYPE_PEAP, error);
}

IKE_PLUGIN (ike_plugin, "eap-peap", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "PEAP, version 0", .features = features, .kinds = kinds, .options = options,
            .activate = eap_peap_activate);
