/* SPDX-License-Identifier: Apache-2.0 */
/* method.c - see method.h. */
#include "method.h"

const IkeOptionInfo sim_identity_option = {
  .struct_size = sizeof sim_identity_option,
  .path = "plugin/request_identity",
  .type = "bool",
  .fallback = "yes",
  .doc = "Server: ask for the card's identity inside the method.",
};
const IkeOptionInfo sim_indications_option = {
  .struct_size = sizeof sim_indications_option,
  .path = "plugin/result_indications",
  .type = "bool",
  .fallback = "no",
  .doc = "Server: tell the peer of success in a packet that is protected.",
};
const IkeFeatureKind sim_cards_kind = { .struct_size = sizeof sim_cards_kind,
                                        .name = "sim",
                                        .major = 1,
                                        .ops_size_min = sizeof (IkeSimClass),
                                        .ops_size_max = sizeof (IkeSimClass) };

void
sim_options_read (SimOptions *options, IkePlugin *self)
{
  options->request_identity = ike_plugin_option_bool (self, "request_identity");
  options->result_indications = ike_plugin_option_bool (self, "result_indications");
}

const SimOptions *
sim_options (const SimTalk *talk)
{
  return ike_plugin_state (talk->plugin);
}
