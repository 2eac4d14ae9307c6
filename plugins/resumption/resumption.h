/* SPDX-License-Identifier: Apache-2.0 */
/* resumption.h - what the files of this plugin share. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <ikebana/auth.h>
#include <ikebana/credentials.h>
#include <ikebana/engine.h>
#include <ikebana/exchange.h>
#include <ikebana/pool.h>
#include "keys.h"
#include "session.h"
#include "store.h"

enum {
  N_TICKET_LT_OPAQUE = 16409, N_TICKET_REQUEST, N_TICKET_ACK, N_TICKET_NACK, N_TICKET_OPAQUE,
  RESUMPTION_NONCE_LEN = 32, RESUMPTION_COOKIE_MAX = 64,
};

/* Virtual addresses that a client had. */
typedef struct {
  IkeAddr addrs[IKE_SA_VIRTUAL_IPS_MAX];
  guint   n;
} Addresses;

/* What a client has: it is used once, when the SA that it is of was lost. */
typedef struct {
  IkeConn *conn;                              /* whose it is; a connection that changed is another */
  Session *session;
  GBytes  *bytes;                             /* the ticket itself */
  gint64   expires_us;                        /* the engine's clock */
  Addresses had;                              /* when the SA was lost */
} Ticket;

typedef struct {
  guint32       option, slot;                 /* connection/resumption; Seat */
  IkeHookPoint *on_limit, *on_authorize;
  IkeEngine    *engine;
  const IkePkiOps *pki;                       /* NULL: nobody has certificates */
  const IkeProvided *keys_by;                 /* another plugin's; NULL: `ring` */
  KeyRing       ring, next_ring;              /* next: read by reload_check, control's */
  atomic_ullong lifetime_s, max_age_s, rotation_s;
  atomic_bool   by_reference;
  Store        *store;
  /* Tickets of SAs that were lost, by the name of the connection.  An SA ends on one shard, and the next begins on
   * another, at once and without a way between them; so there is a lock, held for a look. */
  pthread_mutex_t lock;
  GHashTable   *lost;
  struct { guint32 given, resumed, refused, fell_back; } count;
} Resumption;

/* Of an SA. */
typedef struct {
  Resumption *self;
  gint64      proven_s;                       /* wall clock: when its peer authenticated, or the first ancestor's */
  char       *method;                         /* by what */
  gint64      certs_end_s;                    /* gateway: as in the session */
  Ticket     *presented;                      /* client: what it begins with; until it is up */
  gboolean    is_spent;                       /* the gateway has taken it */
  Session    *session;                        /* it is being resumed from this; until it is up */
  gboolean    is_resumed;
  Ticket     *ticket;                         /* client: for when it is lost */
  guint       n_asked;                        /* client: times that it asked without getting one */
  gint64      granted_s;                      /* gateway: a ticket of it is good until then (wall); 0: none is out */
  Addresses   had;                            /* client: before it was resumed */
} Seat;

/* resumption.c */
Seat    *seat_of     (Resumption *self, IkeSa *sa);                          /* made when it is first asked for */
Seat    *seat_find   (const Resumption *self, const IkeSa *sa);              /* NULL: none yet */
gboolean resumption_is_on (const Resumption *self, const IkeConn *conn_or_null);

/* client.c */
void     ticket_free  (Ticket *ticket);
/* Takes the one that @sa may begin with, if there is one, and puts it into its seat. */
gboolean client_take  (Resumption *self, IkeSa *sa);
/* The SA was lost, or did not come up: @ticket is there for the next one. */
void     client_lost  (Resumption *self, Ticket *ticket_take);
/* One of the connection came up without it. */
void     client_forget (Resumption *self, const IkeConn *conn);
/* What the gateway answered to the request for a ticket. */
void     client_heard (Resumption *self, IkeSa *sa, const IkeExchange *x);
/* Asks for one in an exchange of its own, in @ms. */
void     client_ask_in (IkeSa *sa, guint64 ms);

/* gateway.c */
/* The answer to a request for a ticket. */
void     gateway_answer (Resumption *self, IkeSa *sa, IkeExchange *x, IkeWriter *out);
/* The session of a ticket that is good here and now.  NULL: @why (static). */
Session *gateway_open   (Resumption *self, const IkeAddr *local, const IkeAddr *remote, const guint8 *data, gsize len,
                         const char **why);
/* The connection that @session is of, if it would take it today.  With a reference. */
IkeConn *gateway_conn   (Resumption *self, const IkeAddr *local, const IkeAddr *remote, const Session *session,
                         const char **why);
/* After AUTH: TRUE: it was the first time. */
gboolean gateway_use    (Resumption *self, IkeSa *sa, const Session *session);

/* features */
extern const IkeFeature resume_exchange_feature, resume_task_feature, resume_gate_feature, resume_auth_feature,
  ticket_task_feature, ticket_operation_feature;
