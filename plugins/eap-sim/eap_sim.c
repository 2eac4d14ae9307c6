/* SPDX-License-Identifier: Apache-2.0 */
/* eap_sim.c - EAP-SIM (RFC 4186): authentication by the cards of GSM, as server and as peer.
 *
 * `auth = eap-sim`; the cards are known to plugins of the kind `sim`.  The server always
 * authenticates in full and gives no pseudonyms; the peer takes them and does not use them. */
#include "config.h"
#include "eap_sim.h"

static void
options_free (gpointer data)
{
  sim_options_clear (data);
  g_free (data);
}

static gboolean
sim_activate (IkePlugin *self, GError **error)
{
  EapSimOptions *options = g_new0 (EapSimOptions, 1);

  sim_options_read (&options->common, self);
  options->min_challenges = ike_plugin_option_uint (self, "min_challenges") >= IKE_SIM_TRIPLETS_MAX
                                ? IKE_SIM_TRIPLETS_MAX
                                : SIM_CHALLENGES_MIN;
  ike_plugin_set_state (self, options, options_free);
  return TRUE;
}

static const char *const needs[] = { SIM_NEEDS, "sim:*", NULL };

/* RFC 4186, 12.1: keys of 128 bits at most, which rest on 64-bit ones of GSM; both ends prove
 * themselves. */
SIM_METHOD (server, "eap-server:sim", needs, sim_server_class, IKE_EAP_TYPE_SIM);
SIM_METHOD (peer, "eap-peer:sim", needs, sim_peer_class, IKE_EAP_TYPE_SIM);
static const IkeFeature *const features[] = { &server, &peer, NULL };

static const IkeFeatureKind *const kinds[] = { &sim_cards_kind, NULL };

static const IkeOptionInfo min_challenges = {
  .struct_size = sizeof min_challenges,
  .path = "plugin/min_challenges",
  .type = "uint",
  .fallback = "2",
  .doc = "Peer: how many challenges of GSM the server must combine, 2 or 3.",
};
static const IkeOptionInfo *const options[] = { SIM_OPTIONS, &min_challenges, NULL };

IKE_PLUGIN (ike_plugin, "eap-sim", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "authentication by cards of GSM (RFC 4186)", .features = features,
            .kinds = kinds, .options = options, .activate = sim_activate);
