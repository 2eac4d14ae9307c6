/* SPDX-License-Identifier: Apache-2.0 */
/* eap_mschapv2.c - EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2-02; RFC 2759, 3079): `auth =
 * eap-mschapv2`, the method of Windows and Apple clients.
 *
 * Server and peer show each other that they know the same password, without saying it, and get a
 * key.  Whoever hears it can try passwords, and the cipher in it is broken by brute force: it
 * belongs into IKE with a gateway that has shown its certificate, or into a tunnel.
 *
 * The password is a secret of type eap, or its NT hash one of type ntlm. */
#include "config.h"

#include <ikebana/plugin.h>

#include "mschapv2.h"

static const char *const needs[] = { MSCHAP_NEEDS, NULL };

static const IkeFeature server_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "eap-server:mschapv2",
  .ops = &mschapv2_server_class,
  .needs = needs,
};
static const IkeFeature peer_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "eap-peer:mschapv2",
  .ops = &mschapv2_peer_class,
  .needs = needs,
};
static const IkeFeature *const features[] = { &server_feature, &peer_feature, NULL };

IKE_PLUGIN (ike_plugin, "eap-mschapv2", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "EAP: passwords as Windows and Apple clients prove them",
            .features = features);
