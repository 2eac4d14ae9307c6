/* SPDX-License-Identifier: Apache-2.0 */
/* ikev2.h - what the files of this plugin share. */
#pragma once
#include <string.h>
#include <ikebana/auth.h>
#include <ikebana/exchange.h>
#include <ikebana/tree.h>

/* Bits of a connection's candidates tried in one message. */
enum { IKEV2_CANDIDATES_MAX = 16, IKEV2_NONCE_LEN = 32 };

extern const IkeFeature ikev2_fragmentation_feature, ikev2_fragmentation_acts_feature;
extern const IkeTaskClass ikev2_init_task, ikev2_natd_task, ikev2_auth_task, ikev2_child_task, ikev2_create_child_task,
  ikev2_delete_task, ikev2_informational_task;

/* child_select.c: proposals and selectors of a CHILD_SA. */
typedef struct {
  IkeSelector local[IKE_SELECTORS_MAX], remote[IKE_SELECTORS_MAX];
  guint       n_local, n_remote;
} Ikev2Selectors;

const IkeProposals *ikev2_child_proposals (const IkeChildConf *conf);
/* What @conf allows on this SA: `dynamic` becomes the hosts. */
void     ikev2_selectors_of (IkeSa *sa, const IkeChildConf *conf, Ikev2Selectors *out);
gboolean ikev2_selectors_read (IkeTask *task, const IkeMessage *in, gboolean is_initiator, Ikev2Selectors *out);
/* Responder: the child of the connection that fits what is offered best, narrowed. NULL: none, and @why says so. */
const IkeChildConf *ikev2_choose_child (IkeSa *sa, const Ikev2Selectors *offered, guint8 mode, Ikev2Selectors *narrowed,
                                        char **why);
char    *ikev2_selectors_format (const Ikev2Selectors *selectors);
/* What ike_proposals_explain() left in @details says which keyword to add; this says where. */
void     ikev2_name_setting (IkeTree *details, const char *path);

/* delete.c: TRUE when we ask. */
gboolean ikev2_is_ours (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in);
