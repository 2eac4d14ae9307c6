/* SPDX-License-Identifier: Apache-2.0 */
/* elsewhere.h - SAs of ours that are begun from scratch in the place of others, at the same peer or at another address,
 * and what each part of the core does for it. */
#pragma once
#include "sa/sa_private.h"

/* Whence and whereto; unset: from where it is sent now, to where the peer is. */
typedef struct { IkeAddr local, remote; } IkePath;

/* elsewhere.c */
/* A new SA by @path (NULL: to the same peer), with the same children, whose operations tell @done; @n_begun (may be
 * NULL) grows by their number.  NULL: there are too many SAs, or the engine ends. */
IkeSa *ike_sa_begin_like (IkeSa *sa, const IkePath *path,
                          void (*done) (IkeSa *sa, gpointer data, const char *error), gpointer data, guint *n_begun);

/* reauth.c: as ike_sa_authenticate_anew(), by @path. */
const char *ike_sa_authenticate_elsewhere (IkeSa *sa, const IkePath *path, const char *why);

/* operation.c: what @op, an `establish`, was to do begins on @next, and whoever waits for it hears of that instead.
 * FALSE: as ike_sa_begin(). */
gboolean ike_operation_hand_over (IkeOperation *op, IkeSa *next);

/* slots.c: what plugins want to go along. */
void ike_slots_restart (IkeSa *from, IkeSa *to);

/* known.c: `up` is about that one now. */
void ike_initiate_moved (IkeSa *old, IkeSa *next);

/* initiate.c: the child that is meant where none is named; may be NULL. */
const IkeChildConf *ike_conn_first_tunnel (const IkeConn *conn);
