/* SPDX-License-Identifier: Apache-2.0 */
/* private.h - what the files of PEAP share. */
#pragma once
#include "shared/eap-tls/tunnel.h"
#include "shared/eap/host.h"

#include "inner.h"

typedef struct {
  EapTunnelPlugin tunnel;                     /* first */
  char           *method;                     /* server: in the tunnel */
} PeapPlugin;

/* server.c, peer.c: IkeEapClass.begin, .step and .end. */
gpointer peap_server_begin (IkePlugin *self, const IkeEapContext *context, char **why);
void     peap_server_step  (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier);
void     peap_server_end   (gpointer state);
gpointer peap_peer_begin   (IkePlugin *self, const IkeEapContext *context, char **why);
void     peap_peer_step    (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier);
void     peap_peer_end     (gpointer state);
