/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h - the core's own control commands, as features for its descriptor. */
#pragma once
#include "engine_private.h"
#include <ikebana/command.h>
#include <ikebana/plugin.h>

/* command:plugins, reload, stats, version, list-conns, log, events, jobs, options; and the log sink behind `log`.
 * NULL-terminated. */
extern const IkeFeature *const ike_control_features[];
/* core_plugin.c: the core's own descriptors: its commands and options, and its commands about SAs; NULL-terminated. */
extern const IkePluginInfo *const ike_core_plugins[];

/* listings.c */
void ike_list_conns    (IkePlugin *self, IkeRequest *request);
void ike_list_options  (IkePlugin *self, IkeRequest *request);
