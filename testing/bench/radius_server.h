/* SPDX-License-Identifier: Apache-2.0 */
/* radius_server.h - a RADIUS server in simulation: EAP conversations of an engine's `eap-server:` methods, reached
 * through the kind `radius-transport` of another engine of the same simulation. */
#pragma once
#include <ikebana/engine.h>

#define RADIUS_SERVER "radius-server"           /* the object of that name that the engines of a simulation share */
#define RADIUS_SERVER_SECRET "testing-testing-123"

typedef struct _RadiusServer RadiusServer;

gpointer radius_server_new   (IkeSim *sim);     /* for ike_sim_shared() */
void     radius_server_free  (gpointer server);
/* @engine runs the methods, and has the users' secrets; @method: of the kind `eap-server`. */
void     radius_server_serve (RadiusServer *server, IkeEngine *engine, const char *method);
/* It hears nothing any more. */
void     radius_server_stop  (RadiusServer *server);

/* The plugin "bench-radius", for the engine that asks. */
extern const IkePluginInfo radius_server_transport;
/* What it does beside, while it activates: the program's. */
gboolean radius_server_watch (IkePlugin *self, GError **error);
