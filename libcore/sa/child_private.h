/* SPDX-License-Identifier: Apache-2.0 */
/* child_private.h - the struct behind a CHILD_SA, and what the files about it offer each other.
 *
 * Comes with sa_private.h, whose structs it needs.  Owner shard, as all there. */
#pragma once
#include "sa/sa_private.h"

/* child.c */
struct _IkeChild {
  IkeChild     *next, *dead_next;
  IkeSa        *sa;
  guint64       serial;
  guint32       unique_id, reqid, spi_in, spi_out;
  guint8        state, protocol, mode, is_asked, is_installed, is_dead;   /* asked: of the kernel */
  guint8        n_local, n_remote;
  guint8        is_going;                     /* its end is asked for; DELETING once the peer may know */
  guint8        ending, n_uses_asked;         /* IkeEnding; of the kernel, by liveness.c */
  IkeChildConf const *conf;                   /* of sa->conn */
  IkeConn      *conn;
  IkeSelector  *selectors;                    /* local, then remote */
  IkeChoice     choice;
  gint64        installed_us, used_us;        /* used: either way, as far as the kernel was asked */
  IkeAddr       local, remote;                /* as installed */
  guint32       flags;
  guint32       if_id_in, if_id_out;
  char         *link_in, *link_out;           /* names of interfaces to be made; NULL: none */
  IkeAddr       original_local, original_remote;   /* behind NAT, as the peer knows the hosts; family 0: no NAT */
  guint16       cpi_in, cpi_out;
  guint8        ipcomp;                       /* IPCOMP_… that was agreed on; 0: none */
  guint8        is_moved;                     /* to another IKE SA than the kernel knows: in shard->moved */
  guint8        is_replaced;                  /* another one has taken its place, or is about to */
  guint8        is_up;                        /* it, or its predecessor, was told to be up, and not yet down */
  guint8        is_redundant;                 /* lost a collision: its maker closes it */
  guint32       confirmed_at;                 /* window.base_received from which the peer has it for sure; 0: it has */
  guint32       mark_id;                      /* what %unique marks are made of */
  guint64       replaces;                     /* serial of the one that this one succeeds; 0: none */
  IkeHeld      *held;                         /* outbound keys, while the one before it still sends */
  IkeTwins     *twins;                        /* those who carry the same; NULL: not known yet */
  gint64        soft_us, hard_us;             /* when it is to be replaced, and when it ends; 0: never */
  IkeTimer     *life_timer, *linger_timer;
  guint32       acquire;                      /* the kernel's question that it answers; 0: none */
  guint64       skip;                         /* sequence numbers to leave out when its outbound SA is installed */
  IkeClaims    *claims;                       /* NULL: none yet, or none needed */
};
enum { IKE_DIRS_IN = 1 << IKE_DIR_IN | 1 << IKE_DIR_FWD, IKE_DIRS_OUT = 1 << IKE_DIR_OUT,
       IKE_DIRS_ALL = IKE_DIRS_IN | IKE_DIRS_OUT };
IkeChild *ike_child_make (IkeSa *sa, IkeConn *conn, const IkeChildConf *conf);      /* without interface IDs */
IkeKernelPolicy *ike_child_make_policies (const IkeChild *child, guint directions, guint *n);
void     ike_child_bury_later (IkeChild *child);
void     ike_child_fill_kernel_sa (const IkeChild *child, gboolean is_inbound, IkeKernelSa *out);   /* no keys */
void     ike_child_free (IkeChild *child, const char *reason);
IkeTree *ike_child_describe (const IkeChild *child);
void     ike_children_update_endpoints (IkeSa *sa);
void     ike_children_bury (IkeShard *shard);                         /* frees those that are gone */

/* resync.c */
void     ike_child_skip (IkeChild *child, guint64 by);         /* sequence numbers of one that sends */
guint64  ike_child_take_skip (IkeChild *child);                /* of one that is about to */

/* claims.c */
void     ike_child_claim_anyway (IkeChild *child);
void     ike_child_unclaim (IkeChild *child);
void     ike_child_fill_policy (const IkeChild *child, IkeDirection direction, const IkeSelector *local,
                                const IkeSelector *remote, IkeKernelPolicy *out);

/* if_ids.c */
void     ike_child_take_if_ids (IkeChild *child);
void     ike_child_inherit_if_ids (IkeChild *child, const IkeChild *old);
void     ike_child_free_if_ids (IkeChild *child);
void     ike_child_fill_link   (const IkeChild *child, gboolean is_inbound, IkeKernelSa *out);
void     ike_child_describe_if_ids (const IkeChild *child, IkeTree *into);

/* successor.c */
void     ike_child_hold_outbound (IkeChild *child, const IkeKernelSa *out);   /* copies its keys */
void     ike_child_drop_held  (IkeChild *child);
void     ike_child_await_peer (IkeChild *child);               /* its answer is about to go out */
IkeChild *ike_child_successor (const IkeChild *old);           /* installed; NULL: none */
void     ike_child_succeed    (IkeChild *gone);                /* whoever succeeds it takes its traffic over */
void     ike_child_remove     (IkeChild *child);               /* from the kernel, then buries it */
void     ike_children_end_lingering (IkeSa *sa);               /* those that were replaced and are heard yet */
void     ike_child_use_held   (IkeChild *child);               /* if it holds back; once it is installed */
void     ike_child_start_holding (IkeChild *child);            /* it is installed */

/* twins.c */
IkeTwinTable *ike_twin_table_new (void);
void     ike_twin_table_free (IkeTwinTable *table);
/* Those who carry the same have one reqid.  TRUE: there is one already; who holds back then says so before. */
gboolean ike_child_join_twins (IkeChild *child, gboolean may_hold);
void     ike_child_inherit_twins (IkeChild *child, const IkeChild *old);
void     ike_child_leave_twins (IkeChild *child);
void     ike_child_end_hold_later (IkeChild *child);

/* child_modes.c: what a mode and the options of a child make of a request to the kernel plugin */
void     ike_child_fill_modes (const IkeChild *child, gboolean is_inbound, IkeKernelSa *out);
void     ike_child_fill_policy_modes (const IkeChild *child, gboolean is_out, IkeKernelPolicy *out);
void     ike_child_drop_cpi (IkeChild *child);                               /* gives back one that is not installed */
void     ike_child_describe_modes (const IkeChild *child, IkeTree *into);
