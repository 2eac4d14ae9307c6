/* SPDX-License-Identifier: Apache-2.0 */
/* seams.h - throw-away plugins that prove the seams of the engine; each is what an extension of its kind would be. */
#pragma once
#include <ikebana/exchange.h>

/* A feature of a table in the same file. */
#define SEAM_FEATURE(symbol, name, class_)                                                                            \
  static const IkeFeature symbol = { .struct_size = sizeof (IkeFeature), .provides = name, .ops = &class_ }

#define SEAM_UP (1u << IKE_SA_ESTABLISHED | 1u << IKE_SA_REKEYING)

extern const IkePluginInfo seam_intermediate_plugin;   /* an exchange before IKE_AUTH: keys and AUTH octets */
extern const IkePluginInfo seam_followup_plugin;       /* an operation across two exchanges, at both ends */
extern const IkePluginInfo seam_sync_plugin;           /* message ID 0 outside the window */
extern const IkePluginInfo seam_token_plugin;          /* an answer to orphans that is a proof */
extern const IkePluginInfo seam_resume_plugin;         /* a slot that goes into snapshots, and elsewhere */
extern const IkePluginInfo seam_v1_plugin;             /* another major version */

extern const IkePluginInfo seam_stand_in_plugin;       /* an exchange in the place of IKE_SA_INIT */
extern const IkePluginInfo seam_roam_plugin;           /* what moves SAs stands on this */

/* State of seam-roam in an engine, for tests: behind feature transmit:roam. */
typedef struct { guint n_changes[8], what, n_paced; } SeamRoam;

/* State of seam-stand-in in an engine, for tests: behind feature service:seam-stand-in. */
typedef struct { gboolean is_wanted, is_silent; guint n_asked, n_judged, n_disposed; } SeamStandIn;

/* State of seam-sync in an engine, for tests: behind feature id-0:sync. */
typedef struct { guint32 slot; gboolean is_silent; guint n_accepted, n_refused; } SeamSync;

/* The number that seam-resume keeps with an SA; 0: none.  Its shard. */
void    seam_resume_set (IkeSa *sa, guint32 number);
guint32 seam_resume_get (IkeSa *sa);

/* State of seam-v1 in an engine, for tests: behind feature protocol:1. */
typedef struct { guint n_second, n_unknown, n_malformed; } SeamV1;
