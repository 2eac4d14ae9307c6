/* SPDX-License-Identifier: Apache-2.0 */
/* eap_sim.c - EAP-SIM (RFC 4186): authentication by the cards of GSM, as server and as peer.
 *
 * `auth = eap-sim`; the cards are known to plugins of the kind `sim`.  The server always
 * authenticates in full and gives no pseudonyms; the peer takes them and does not use them. */
#include "config.h"
#include "eap_sim.h"

static gboolean
sim_activate (IkePlugin *self, GError **error)
{
  SimOptions *options = g_new0 (SimOptions, 1);

  options->request_identity = ike_plugin_option_bool (self, "request_identity");
  options->result_indications = ike_plugin_option_bool (self, "result_indications");
  options->min_challenges = ike_plugin_option_uint (self, "min_challenges") >= IKE_SIM_TRIPLETS_MAX
                                ? IKE_SIM_TRIPLETS_MAX
                                : SIM_CHALLENGES_MIN;
  ike_plugin_set_state (self, options, g_free);
  return TRUE;
}

static gpointer
begin_server (IkePlugin *self, const IkeEapContext *context, char **why)
{
  return sim_talk_new (&sim_server_class, self, context, why);
}

static gpointer
begin_peer (IkePlugin *self, const IkeEapContext *context, char **why)
{
  return sim_talk_new (&sim_peer_class, self, context, why);
}

/* RFC 4186, 12.1: keys of 128 bits at most, which rest on 64-bit ones of GSM; both ends prove
 * themselves. */
#define EAP_CLASS(begin_function)                                                                  \
  {                                                                                                \
    .struct_size = sizeof (IkeEapClass), .type = IKE_EAP_TYPE_SIM,                                 \
    .flags = IKE_EAP_MAKES_MSK | IKE_EAP_IS_MUTUAL, .begin = begin_function,                       \
    .step = sim_talk_step, .end = sim_talk_end                                                     \
  }

static const IkeEapClass server = EAP_CLASS (begin_server);
static const IkeEapClass peer = EAP_CLASS (begin_peer);

static const char *const needs[] = { SIM_NEEDS, "sim:*", NULL };
static const IkeFeature server_feature = {
  .struct_size = sizeof server_feature, .provides = "eap-server:sim", .ops = &server, .needs = needs
};
static const IkeFeature peer_feature = {
  .struct_size = sizeof peer_feature, .provides = "eap-peer:sim", .ops = &peer, .needs = needs
};
static const IkeFeature *const features[] = { &server_feature, &peer_feature, NULL };

static const IkeFeatureKind cards = { .struct_size = sizeof cards,
                                      .name = "sim",
                                      .major = 1,
                                      .ops_size_min = sizeof (IkeSimClass),
                                      .ops_size_max = sizeof (IkeSimClass) };
static const IkeFeatureKind *const kinds[] = { &cards, NULL };

static const IkeOptionInfo request_identity = {
  .struct_size = sizeof request_identity,
  .path = "plugin/request_identity",
  .type = "bool",
  .fallback = "yes",
  .doc = "Server: ask for the card's identity inside the method.",
};
static const IkeOptionInfo result_indications = {
  .struct_size = sizeof result_indications,
  .path = "plugin/result_indications",
  .type = "bool",
  .fallback = "no",
  .doc = "Server: tell the peer of success in a packet that is protected.",
};
static const IkeOptionInfo min_challenges = {
  .struct_size = sizeof min_challenges,
  .path = "plugin/min_challenges",
  .type = "uint",
  .fallback = "2",
  .doc = "Peer: how many challenges of GSM the server must combine, 2 or 3.",
};
static const IkeOptionInfo *const options[] = { &request_identity, &result_indications,
                                                &min_challenges, NULL };

IKE_PLUGIN (ike_plugin, "eap-sim", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "authentication by cards of GSM (RFC 4186)", .features = features,
            .kinds = kinds, .options = options, .activate = sim_activate);
