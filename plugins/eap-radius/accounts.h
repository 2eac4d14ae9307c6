/* SPDX-License-Identifier: Apache-2.0 */
/* accounts.h - what waits for a server: records, in a stream for each session, in a lane for each group of servers.
 * All of it is the io loop's. */
#pragma once
#include "eap_radius.h"

typedef struct _Record Record;
typedef struct _Stream Stream;

/* What is told about a session, once. */
struct _Record {
  Record *next;                               /* of its stream */
  guint64 id;                                 /* in the queue that outlives us; 0: not in it */
  gint64  wall_us;                            /* when it happened */
  char   *group;                              /* of servers; NULL: all */
  char    session[SESSION_ID_SIZE];           /* Acct-Session-Id */
  guint8  status;                             /* AcctStatus */
  gsize   len;
  guint8  attributes[];
};

Record *record_new   (AcctStatus status, const char *group, const guint8 *attributes, gsize len);
void    record_free  (gpointer record);       /* NULL is fine */
/* As it is written down. FALSE: it does not fit. */
gboolean record_write (const Record *record, IkeWriter *w);
/* NULL: it is malformed. */
Record *record_read  (const guint8 *data, gsize len);

/* The accounts of one group of servers. */
typedef struct {
  Accounts *accounts;
  char     *group;
  GQueue    ready;                            /* Stream: with something to send, nothing under way */
  guint     n_in_flight;
  guint     pause_s;                          /* 0: the last one was taken */
  IkeTimer *timer;                            /* NULL: no pause at present */
  gint64    since_us, taken_us;               /* when it began; when the last one was taken */
} Lane;

/* The accounts of a session. */
struct _Stream {
  GList    link;                              /* in lane->ready */
  Lane    *lane;
  Record  *first, *last;
  gboolean is_ready, is_busy;                 /* busy: the first is under way */
  gint64   sent_us;                           /* since when */
};

struct _Accounts {
  EapRadius           *self;
  GHashTable          *streams;               /* Acct-Session-Id → Stream: those that have something to send */
  GHashTable          *lanes;                 /* group, or "" → Lane */
  const IkeProvided   *provided;              /* the queue that outlives us; NULL: none */
  const IkeQueueClass *queue;
  guint64              next_id;
  guint                n, max;                /* records */
  guint                n_before;              /* what is to be over before the first is delivered */
  guint                n_last;                /* last words that are under way */
  IkeCall             *finishing;             /* to be answered when all is said; NULL: not yet */
  guint32              delivered, lost;       /* counters */
};

/* accounts.c: delivering */
void    accounts_enqueue (Accounts *accounts, Record *record_take);
void    accounts_keep    (Accounts *accounts, Record *record);     /* writes it down, unless it is */
Record *accounts_record  (Accounts *accounts, AcctStatus status, const char *group, IkeWriter *w);
/* As it is now, to @server; 0: to any of its group. */
void    accounts_request (Accounts *accounts, const Record *record, guint32 server, IkeCall *call);
void    lane_pump        (Lane *lane);
void    lane_free        (gpointer lane);
void    stream_free      (gpointer stream);

/* accounts_life.c */
/* One is answered: maybe the end can be told. */
void    accounts_end_if_done (Accounts *accounts);
