/* SPDX-License-Identifier: Apache-2.0 */
/* known.h - what the control loop knows of a connection: its SAs, whoever began them, and, while one is being made,
 * who waits for it and which addresses were tried.  So two that ask at once find one SA. */
#pragma once
#include "sa/sa_private.h"

enum { IKE_KNOWN_SAS_MAX = 4, IKE_KNOWN_ADDRS_MAX = 8 };

typedef struct {
  IkeSaRef sa;
  gboolean is_up, is_initiator;
  gint64   created_us, up_us;
  guint8   nonce[32];                         /* the beginning of the lower one */
  gsize    nonce_len;                         /* 0: not known */
  char    *peer;                              /* the identity it proved */
} IkeKnownSa;

typedef struct {
  IkeEngine *engine;
  IkeKnownSa *sas;                            /* the one to use first */
  guint      n;
  gboolean   is_making;
  GPtrArray *waiting;                         /* until one is made */
  /* One round through `remote_addrs`. */
  guint      host;                            /* the next of them */
  IkeAddr   *addrs;                           /* of the last one */
  guint      n_addrs, addr;
  guint      n_rounds;
  gboolean   was_silent;                      /* an address of this round did not answer */
  guint64    made, failed;                    /* serials: of the SA made last, of the last one of the last round */
  char      *why;                             /* of the last address */
} IkeKnown;

IkeKnown *ike_known_of     (IkeEngine *engine, const char *conn);    /* makes it */
void      ike_known_free   (gpointer known);
/* Moves it to the front, if it is there already; takes @sa->peer. */
void      ike_known_add    (IkeKnown *known, const IkeKnownSa *sa);
void      ike_known_forget (IkeKnown *known, guint64 serial);
/* A new round begins. */
void      ike_known_rewind (IkeKnown *known);
void      ike_known_set_addrs (IkeKnown *known, const IkeAddr *addrs, guint n);
/* Does anything of @conn say where to go? */
gboolean  ike_conn_has_address (const IkeConn *conn);
