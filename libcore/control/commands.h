/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h - the core's own control commands, as features for its descriptor. */
#pragma once
#include "engine_private.h"
#include <ikebana/command.h>
#include <ikebana/log.h>
#include <ikebana/plugin.h>

/* command:plugins, reload, stats, version, list-conns, log, events, jobs, options; and the log sink behind `log`.
 * NULL-terminated. */
extern const IkeFeature *const ike_control_features[];

/* listeners.c: what the commands log and events run. */
void ike_listen_log    (IkePlugin *self, IkeRequest *request);
void ike_listen_events (IkePlugin *self, IkeRequest *request);
extern const IkeLogSinkClass ike_listeners_sink;
/* listings.c */
void ike_list_conns    (IkePlugin *self, IkeRequest *request);
void ike_list_options  (IkePlugin *self, IkeRequest *request);
