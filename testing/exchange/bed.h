/* SPDX-License-Identifier: Apache-2.0 */
/* bed.h - two ends with one connection, up, and data that flows: what tests of replaced SAs lie on. */
#pragma once
#include "exchange/flow.h"

#define BED_NO_PFS "esp_proposals = aes256gcm16\n"
#define BED_PFS "esp_proposals = aes256gcm16-x25519\n"
#define BED_NEVER "rekey_time = 0\n"

typedef struct {
  guint64     seed;
  guint32     flags;                          /* IKE_ENGINE_… */
  guint       n_children;                     /* net, net2, net3; 0: 1 */
  guint       n_shards;                       /* 0: 1 */
  const char *conn, *child;                   /* more settings of both; NULL: none */
  const char *conn_of[2], *child_of[2], *more_of[2];   /* and of each */
  const char *const *plugins;
  const IkePluginInfo *const *builtin;
} BedOptions;

typedef struct {
  Pair *pair;
  Flow *flow;
  char *connection[2];
} Bed;

Bed  *bed_new  (const BedOptions *options);              /* all children are up */
void  bed_free (Bed *bed);
guint bed_n_sas      (PairEnd *end);
guint bed_n_children (PairEnd *end);                     /* of its newest IKE SA */
/* Of the first child of the first IKE SA, as `status` shows it. */
char *bed_child_value (PairEnd *end, const char *key);
char *bed_sa_value    (PairEnd *end, const char *key);
/* One IKE SA and its CHILD_SAs at each end, which are the same, and nothing beside them. */
void  bed_assert_one (Bed *bed);
void  bed_assert_n   (Bed *bed, guint n_children);
void  bed_assert_no_loss (Bed *bed);

/* `rekey`, begun and not waited for. */
typedef struct { gboolean is_over; char *error; } BedAnswer;
void  bed_rekey  (PairEnd *end, const char *child_or_null);
void  bed_down   (PairEnd *end, const char *child_or_null);   /* `down`, the same */
/* Its answer goes to @answer, which stays that long. */
void  bed_reauth (PairEnd *end, BedAnswer *answer);
