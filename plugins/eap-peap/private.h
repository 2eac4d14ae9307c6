/* SPDX-License-Identifier: Apache-2.0 */
/* private.h - what the files of PEAP share. */
#pragma once
#include "shared/eap-tls/inner.h"

#include "inner.h"

typedef struct {
  EapTunnelPlugin tunnel;                     /* first */
  char           *method;                     /* server: in the tunnel */
} PeapPlugin;

/* server.c, peer.c: IkeEapClass.begin. */
gpointer peap_server_begin (IkePlugin *self, const IkeEapContext *context, char **why);
gpointer peap_peer_begin   (IkePlugin *self, const IkeEapContext *context, char **why);
