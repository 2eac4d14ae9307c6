/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_xfrm.h - the plugin as a whole: two features that share a library and nothing else. */
#pragma once
#include <ikebana/engine.h>
#include <ikebana/kernel.h>
#include <ikebana/log.h>
#include <ikebana/net.h>
#include "link.h"

typedef struct _Xfrm Xfrm;                    /* kernel:ipsec */

/* State of the plugin.  What a feature needs is NULL while the feature is another plugin's. */
typedef struct {
  IkePlugin *plugin;
  IkeEngine *engine;
  IkeLoop   *loop;                            /* of both features */
  Xfrm      *xfrm;
  gpointer   can;                             /* XfrmCan, of the probe */
  /* Probed, and it works: what the settings gave to another plugin is not probed. */
  gboolean   has_ipsec;
  Net       *net;
} KernelXfrm;
