/* SPDX-License-Identifier: Apache-2.0 */
/* eap_aka.c - EAP-AKA (RFC 4187) and EAP-AKA' (RFC 9048): authentication by the cards of UMTS and
 * what came after it, as server and as peer.
 *
 * `auth = eap-aka` and `auth = eap-aka-prime`; the cards are known to plugins of the kind `sim`.
 * The server always authenticates in full and gives no pseudonyms; the peer takes them and does
 * not use them. */
#include "config.h"
#include "eap_aka.h"

#include <string.h>

#include <ikebana/error.h>

static void
options_free (gpointer data)
{
  AkaOptions *options = data;

  sim_options_clear (&options->common);
  g_free (options->network_name);
  g_free (options);
}

static gboolean
aka_activate (IkePlugin *self, GError **error)
{
  AkaOptions *options = g_new0 (AkaOptions, 1);

  ike_plugin_set_state (self, options, options_free);
  sim_options_read (&options->common, self);
  options->prefers_prime = ike_plugin_option_bool (self, "prefer_prime");
  options->network_name = g_strdup (ike_plugin_option (self, "network_name"));
  if (!options->network_name || strlen (options->network_name) <= AKA_NETWORK_MAX)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "network_name has more than %u bytes",
               AKA_NETWORK_MAX);
  return FALSE;
}

static const char *const needs[] = { SIM_NEEDS, "sim:*", NULL };
static const char *const prime_needs[] = { SIM_NEEDS_PRIME, "sim:*", NULL };

SIM_METHOD (server, "eap-server:aka", needs, aka_server_class, IKE_EAP_TYPE_AKA);
SIM_METHOD (peer, "eap-peer:aka", needs, aka_peer_class, IKE_EAP_TYPE_AKA);
SIM_METHOD (prime_server, "eap-server:aka-prime", prime_needs, aka_prime_server_class,
            IKE_EAP_TYPE_AKA_PRIME);
SIM_METHOD (prime_peer, "eap-peer:aka-prime", prime_needs, aka_prime_peer_class,
            IKE_EAP_TYPE_AKA_PRIME);
static const IkeFeature *const features[] = { &server, &peer, &prime_server, &prime_peer, NULL };

static const IkeFeatureKind *const kinds[] = { &sim_cards_kind, NULL };

static const IkeOptionInfo network_name = {
  .struct_size = sizeof network_name,
  .path = "plugin/network_name",
  .type = "string",
  .doc = "eap-aka-prime: the name of the access network, which goes into the keys; unset: WLAN for "
         "a server, any for a peer.",
};
static const IkeOptionInfo prefer_prime = {
  .struct_size = sizeof prefer_prime,
  .path = "plugin/prefer_prime",
  .type = "bool",
  .fallback = "no",
  .doc = "EAP-AKA' is preferred to EAP-AKA: a server says so, and a peer refuses EAP-AKA of one "
         "that does.",
};
static const IkeOptionInfo *const options[] = { SIM_OPTIONS, &network_name, &prefer_prime, NULL };

IKE_PLUGIN (ike_plugin, "eap-aka", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "authentication by cards of UMTS (RFC 4187, RFC 9048)", .features = features,
            .kinds = kinds, .options = options, .activate = aka_activate);
