/* SPDX-License-Identifier: Apache-2.0 */
/* eap_sim.h - the two ends of EAP-SIM (RFC 4186). */
#pragma once
#include "shared/sim/method.h"

enum { SIM_VERSION = 1, SIM_CHALLENGES_MIN = 2, SIM_VERSIONS_MAX = 254 };

/* The plugin's options. */
typedef struct {
  SimOptions common;                          /* first */
  guint      min_challenges;
} EapSimOptions;

extern const SimTalkClass sim_server_class, sim_peer_class;
