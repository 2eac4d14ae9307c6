/* SPDX-License-Identifier: Apache-2.0 */
/* listeners.h - what the commands `log` and `events` run, and the log sink behind them. */
#pragma once
#include "engine_private.h"
#include <ikebana/command.h>
#include <ikebana/log.h>
#include <ikebana/plugin.h>

void ike_listen_log    (IkePlugin *self, IkeRequest *request);
void ike_listen_events (IkePlugin *self, IkeRequest *request);
extern const IkeLogSinkClass ike_listeners_sink;
