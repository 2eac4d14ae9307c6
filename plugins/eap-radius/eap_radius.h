/* SPDX-License-Identifier: Apache-2.0 */
/* eap_radius.h - what the files of eap-radius offer each other.
 *
 * A *relay* (relay.c) is one conversation, on the shard of its SA.  What comes of it is a *seat* (seat.c): hung on the
 * SA and its heirs, it knows what the server granted, when the session ends, and what it carried (traffic.c).  Once the
 * SA is up, the seat has a *session*: an immutable record of what identifies it, shared with the io loop, where a table
 * finds sessions for a server that asks (table.c, dynamic.c) and where accounts are delivered (accounts.c). */
#pragma once
#include <ikebana/eap.h>
#include <ikebana/command.h>
#include <ikebana/engine.h>
#include <ikebana/exchange.h>
#include <ikebana/log.h>
#include <ikebana/queue.h>
#include "grant.h"

enum { SESSION_ID_SIZE = 32, SESSION_ATTRIBUTES_MAX = 1800, INTERIM_MIN_S = 60 };

/* An account has those of its session, Class, and a few numbers. */
G_STATIC_ASSERT (SESSION_ATTRIBUTES_MAX + GRANT_CLASSES_MAX + 256 <= IKE_RADIUS_ATTRIBUTES_MAX);

typedef struct _Accounts Accounts;
typedef struct _Table Table;
typedef struct _Seat Seat;

typedef struct {
  IkePlugin          *plugin;
  IkeEngine          *engine;
  IkeLoop            *io;
  const IkeProvided  *service;                /* service:radius */
  const IkeRadiusOps *radius;
  guint32             slot, group_option;
  guint               grant_flags;            /* GRANT_…_IS_GROUP */
  gboolean            accounts, accounts_need_vip, has_station_ports;
  char               *nas_identifier;         /* that fits into an attribute; NULL: that of each server */
  guint32             interim_s;
  guint64             start_id;               /* random: in the IDs of sessions of this start */
  gint                n_ids;                  /* atomic */
  gint                n_open;                 /* accounts whose Stop is not queued yet; atomic */
  struct { guint32 accepted, refused, failed, begun, ended, disconnected, changed; } count;
  Accounts           *accounting;             /* the io loop's; NULL: accounting = no */
  Table              *table;                  /* the io loop's */
} EapRadius;

/* -- session.c */

/* Immutable and counted; any thread. */
typedef struct {
  gint    references;                         /* atomic */
  char   *group;                              /* of servers; NULL: all */
  char   *conn, *user;                        /* for people: user is escaped */
  gint64  since_us;                           /* wall clock */
  gsize   len;
  guint8  attributes[];                       /* that tell it from others: in its accounts, and what DAE looks for */
} Session;

Session *session_new   (EapRadius *self, const IkeWriter *attributes, const char *group_or_null, const char *conn);
Session *session_ref   (Session *session);
void     session_unref (gpointer session);    /* NULL is fine */
/* Has it all of these attributes? */
gboolean session_has   (const Session *session, const guint8 *attributes, gsize len);
void     session_id_new (EapRadius *self, char out[SESSION_ID_SIZE]);

/* -- relay.c */

extern const IkeEapClass eap_radius_relay_class;

/* -- seat.c; all on the shard of the SA */

/* What a relay knows when the server says yes. */
typedef struct {
  Grant        *grant;                        /* its contents are taken */
  const guint8 *user, *nas;                   /* User-Name; attributes of the requests beside it */
  gsize         user_len, nas_len;
  const char   *group;
} Admission;

void     seat_take     (EapRadius *self, IkeSa *sa, const Admission *admission);
gboolean seat_activate (EapRadius *self, GError **error);
extern const IkeTaskClass eap_radius_task_class;
/* What was granted, until the session begins; NULL: nothing. */
const Grant *seat_grant (const EapRadius *self, const IkeSa *sa);
/* The SA that has the seat of @sa now: itself, or its heir; serial 0: it has none. */
IkeSaRef seat_where    (EapRadius *self, IkeSa *sa);
/* What a CoA-Request says. */
void     seat_change   (EapRadius *self, IkeSa *sa, const Grant *grant);
/* Closes the SA; @cause of RFC 2866, 5.10. */
void     seat_close    (EapRadius *self, IkeSa *sa, guint32 cause, const char *why);

/* RFC 2866, 5.10 */
enum { CAUSE_USER_REQUEST = 1, CAUSE_LOST_CARRIER = 2, CAUSE_IDLE_TIMEOUT = 4, CAUSE_SESSION_TIMEOUT = 5,
       CAUSE_ADMIN_RESET = 6, CAUSE_ADMIN_REBOOT = 7, CAUSE_NAS_ERROR = 9, CAUSE_NAS_REQUEST = 10 };

/* -- assign.c: addresses and name servers */

gboolean assign_activate (EapRadius *self, GError **error);

/* -- traffic.c: octets and packets of the CHILD_SAs of a seat */

typedef struct { guint64 bytes, packets; } Volume;

typedef struct {
  GArray *children;                           /* of ChildVolume: those that are not yet counted for good */
  Volume  gone[2];                            /* of the others; out, in */
  gint64  last_use_us;                        /* of any of them; 0: never */
  guint   n_asked;                            /* questions under way */
  void  (*answered) (Seat *seat);             /* none is under way any more */
} Traffic;

Traffic *seat_traffic  (Seat *seat);
void     traffic_clear (Traffic *traffic);
/* Asks about all children of @sa; FALSE: there is nothing to ask. */
gboolean traffic_ask   (Seat *seat, IkeSa *sa);
/* One direction of @child leaves the kernel. */
void     traffic_leave (Seat *seat, IkeSa *sa, const IkeChild *child, gboolean is_inbound);
void     traffic_sum   (const Traffic *traffic, gboolean is_inbound, Volume *out);

/* -- accounts.c */

/* RFC 2866, 5.1 */
typedef enum { ACCT_START = 1, ACCT_STOP = 2, ACCT_INTERIM = 3, ACCT_ON = 7, ACCT_OFF = 8 } AcctStatus;

/* Control, while activating; the accounts are delivered on the io loop. */
Accounts *accounts_new    (EapRadius *self, guint max);
void      accounts_free   (Accounts *accounts);            /* no thread runs any more; NULL is fine */
/* Any thread: queued, and delivered until a server takes it.  @attributes: beside those of @session. */
void      accounts_add    (Accounts *accounts, Session *session, AcctStatus status, const IkeWriter *attributes);
/* Control: what can be delivered is, then @call is answered. */
void      accounts_finish (Accounts *accounts, IkeCall *call);
/* Control, when no thread runs any more: nobody waits for it. */
void      accounts_stop   (Accounts *accounts);            /* NULL is fine */

/* -- table.c: sessions by each attribute that may name them; the io loop's, the first three from any thread */

Table *table_new    (void);
void   table_free   (Table *table);                        /* NULL is fine */
void   table_add    (EapRadius *self, Session *session, IkeSaRef sa);
void   table_move   (EapRadius *self, Session *session, IkeSaRef sa);
void   table_remove (EapRadius *self, Session *session);
/* Calls @each for those that have all of these attributes, which are whole ones as on the wire.  FALSE: none of them is
 * one that sessions are found by.  @each changes nothing in the table. */
gboolean table_find (Table *table, const guint8 *attributes, gsize len,
                     void (*each) (Session *session, IkeSaRef sa, gpointer data), gpointer data);
/* From the @from-th on, at most @n: for listings.  Returns where to go on; 0: that was all. */
guint  table_walk   (Table *table, guint from, guint n,
                     void (*each) (Session *session, IkeSaRef sa, gpointer data), gpointer data);

/* -- dynamic.c */

void dynamic_received (IkePlugin *plugin, const IkeRadiusDynamic *request, IkeCall *call);

/* -- command.c */

extern const IkeCommandClass eap_radius_sessions_class;
