/* SPDX-License-Identifier: Apache-2.0 */
/* test_net.h - RADIUS servers in memory, for engines in simulation: a plugin that provides `radius-transport:memory`.
 *
 * Give radius_net_plugin to the engine among its builtin ones ("radius-net"); then what its plugin `radius` sends goes
 * to what was put at that address by radius_net_serve(), and the answers come back, in virtual time.  One net for all
 * engines of a simulation. */
#pragma once
#include <ikebana/engine.h>
#include "shared/radius/wire.h"

typedef struct _RadiusNet RadiusNet;

/* Somebody at @at got a datagram.  Answers, now or later, by radius_net_send(). */
typedef void (*RadiusServe) (RadiusNet *net, const IkeAddr *at, const IkeAddr *from, const guint8 *data, gsize len,
                             gpointer user);

extern const IkePluginInfo radius_net_plugin;

RadiusNet *radius_net       (IkeSim *sim);
/* Puts somebody at @at (with a port), instead of who is there; NULL: nobody. */
void       radius_net_serve (RadiusNet *net, const IkeAddr *at, RadiusServe serve, gpointer user);
/* A datagram from anywhere, which arrives after the delay; to nobody it is lost. */
void       radius_net_send  (RadiusNet *net, const IkeAddr *from, const IkeAddr *to, const void *data, gsize len);
/* One way; 500 us at first. */
void       radius_net_delay (RadiusNet *net, gint64 delay_us);
