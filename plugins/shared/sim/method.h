/* SPDX-License-Identifier: Apache-2.0 */
/* method.h - what the plugins of the methods of cards have in common: options, features, and whom they ask. */
#pragma once
#include "talk.h"

/* The state of such a plugin begins with these options. */
typedef struct {
  gboolean request_identity, result_indications;
  char   **realms;                            /* of the cards; none: not said */
} SimOptions;

extern const IkeOptionInfo sim_identity_option, sim_indications_option, sim_realms_option;
#define SIM_OPTIONS &sim_identity_option, &sim_indications_option, &sim_realms_option
extern const IkeFeatureKind sim_cards_kind;

/* While the plugin activates. */
void sim_options_read (SimOptions *options, IkePlugin *self);
void sim_options_clear (SimOptions *options);
/* Those of a conversation's plugin. */
const SimOptions *sim_options (const SimTalk *talk);
/* Server: why the realm of the present identity is not taken (g_free); NULL: it is. */
char *sim_refuse_realm (const SimTalk *talk);
/* For IkeEapClass.check: can the pattern of a section be met by a realm that a card makes up? */
void sim_check (IkePlugin *self, const IkeAuthConf *conf, GPtrArray *problems);

/* Defines the feature @symbol: an end of a method, by its SimTalkClass. */
#define SIM_METHOD(symbol, feature_name, needs_of_it, talk_class, eap_type)                                            \
  static gpointer symbol##_begin (IkePlugin *self, const IkeEapContext *context, char **why)                           \
  {                                                                                                                    \
    return sim_talk_new (&talk_class, self, context, why);                                                             \
  }                                                                                                                    \
  static const IkeEapClass symbol##_class = { .struct_size = sizeof symbol##_class, .type = eap_type,                  \
                                              .flags = IKE_EAP_MAKES_MSK | IKE_EAP_IS_MUTUAL,                          \
                                              .begin = symbol##_begin, .step = sim_talk_step, .end = sim_talk_end,     \
                                              .check = sim_check };                                                    \
  static const IkeFeature symbol = { .struct_size = sizeof symbol, .provides = feature_name, .ops = &symbol##_class,   \
                                     .needs = needs_of_it }
