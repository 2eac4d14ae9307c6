/* SPDX-License-Identifier: Apache-2.0 */
/* private.h - what the files of tunnels share. */
#pragma once
#include "shared/eap-tls/frames.h"
#include "shared/eap-tls/tunnel.h"

IKE_BEGIN_DECLS

/* conf.c: names of certificates in a section, g_strfreev; NULL: none. */
char **eap_tunnel_names (const IkeAuthConf *conf, guint32 handle, const char *section_prefix);

IKE_END_DECLS
