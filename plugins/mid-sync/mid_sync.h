/* SPDX-License-Identifier: Apache-2.0 */
/* mid_sync.h - what the files of this plugin share. */
#pragma once
#include <ikebana/exchange.h>
#include <ikebana/plugin.h>

enum { MID_SYNC_IDS_SUPPORTED = 16420, MID_SYNC_REPLAY_SUPPORTED, MID_SYNC_IDS, MID_SYNC_REPLAY };
enum { CAN_IDS = 1, CAN_REPLAY = 2 };

typedef struct {
  guint8  offers;                             /* CAN_… that the settings allow */
  guint32 slot, id_gap;
  guint64 replay_gap;
  guint32 n_asked, n_agreed, n_dropped;       /* counters */
} MidSync;

/* Of an IKE SA.  RFC 6311, 5: "Only a capability whose support was asserted by both parties can be used during the
 * lifetime of the SA": an heir has these, and nothing of the rest, for its message IDs begin anew. */
typedef struct {
  guint8   ours, theirs;                      /* CAN_… as both said */
  gboolean is_under_way;                      /* we asked for these: */
  guint32  nonce, m1, p1;
  guint32  their_nonce;
  guint64  above;                             /* M1 of the peer must be as high: beyond what it asked for before */
  gint64   taken_s;                           /* the wall clock when the snapshot was taken */
} Sync;

Sync    *mid_sync_of     (const MidSync *self, IkeSa *sa);
gboolean mid_sync_agreed (const MidSync *self, const IkeSa *sa, guint8 what);

extern const IkeFeature mid_sync_ids_supported_feature, mid_sync_replay_supported_feature;
