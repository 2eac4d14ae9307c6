/* SPDX-License-Identifier: Apache-2.0 */
/* mobike.h - what the files of this plugin share.
 *
 * What is kept of an SA hangs in a slot from IKE_SA_INIT on, and in a list of its shard from when both ends said
 * MOBIKE_SUPPORTED.  "Ours" is an SA that we began, or its first ancestor: RFC 4555 calls us its initiator then, and
 * we decide by which addresses it goes. */
#pragma once
#include <string.h>
#include <ikebana/engine.h>
#include <ikebana/exchange.h>
#include <ikebana/log.h>
#include <ikebana/plugin.h>
#include <ikebana/tree.h>

enum {
  N_UNACCEPTABLE_ADDRESSES = 40, N_UNEXPECTED_NAT_DETECTED = 41, N_MOBIKE_SUPPORTED = 16396,
  N_ADDITIONAL_IP4_ADDRESS = 16397, N_ADDITIONAL_IP6_ADDRESS = 16398, N_NO_ADDITIONAL_ADDRESSES = 16399,
  N_UPDATE_SA_ADDRESSES = 16400, N_COOKIE2 = 16401, N_NO_NATS_ALLOWED = 16402,
};
enum { ADDRS_MAX = 16, ADDRS_TOLD_MAX = 8, COOKIE_LEN = 16, SEEN_LEN = 20 };

/* Hosts, without ports; the better ones first. */
typedef struct { guint n; IkeAddr list[ADDRS_MAX]; } Addrs;

typedef struct _Mobike Mobike;
typedef struct _MobikeSa MobikeSa;

struct _MobikeSa {
  MobikeSa *next, **link;                     /* of the shard; link NULL: not agreed */
  Mobike   *mobike;
  IkeSa    *sa;
  guint8    has_natt : 1,                     /* the peer does NAT traversal: it sent NAT detection */
    is_offered : 1,                           /* the peer said MOBIKE_SUPPORTED */
    wants_update : 1, wants_list : 1, wants_check : 1,   /* for the next request */
    asks_update : 1, asks_list : 1, asks_check : 1,      /* by the one under way */
    is_looking : 1, looks_again : 1, is_lost : 1,        /* lost: our address is gone, we answered the SA */
    is_probing : 1,                           /* a request went by other addresses than those of the SA */
    is_guess : 1,                             /* nothing was heard yet from the peer's address in use */
    is_moved : 1,                             /* @back is where the SA was before it was moved */
    has_seen : 1,
    is_led_away : 1;                          /* by ESP, from @said, where the peer says that it is */
  guint     looked_at, n_refused;             /* candidate in hand; updates refused in a row */
  guint32   generation;                       /* of the addresses: what was asked about an earlier one says nothing */
  guint32   newest_update, newest_list;       /* message ID of the peer, + 1; 0: none */
  Addrs    *peer, *told;                      /* what the peer has, what it knows of us; NULL: nothing yet */
  IkeAddr   back_local, back_remote, said;
  guint8    seen[SEEN_LEN];                   /* hash of where the peer sees us */
};

struct _Mobike {
  IkePlugin  *plugin;
  IkeEngine  *engine;
  guint32     slot, option;
  gboolean    tells, checks;
  guint64     patience_ms;
  const IkeProvided *net;                     /* kernel:net; NULL: none */
  MobikeSa  **shards;                         /* heads of lists */
  guint32     n_moves, n_updates, n_checks, n_probes, n_refusals;   /* counters */
};

/* mobike.c */
Mobike   *mobike_of      (IkePlugin *plugin);
MobikeSa *mobike_sa      (const Mobike *mobike, const IkeSa *sa);    /* NULL: nothing is kept of it */
MobikeSa *mobike_agreed  (const Mobike *mobike, const IkeSa *sa);    /* NULL: not both ends can */
MobikeSa *mobike_note    (Mobike *mobike, IkeSa *sa);                /* makes what is kept */
void      mobike_agree   (MobikeSa *s);
gboolean  mobike_is_up   (const MobikeSa *s);                        /* and no other stands in its place */
gboolean  mobike_is_there (const MobikeSa *s);                       /* or it is on its way out, and closes politely */
void      mobike_begin   (MobikeSa *s);                              /* the operation that sends what is wanted */
void      mobike_log     (const MobikeSa *s, guint32 level, const char *format, ...) G_GNUC_PRINTF (3, 4);
void      mobike_count   (const MobikeSa *s, guint32 counter);

/* addresses.c */
gboolean  addrs_have     (const Addrs *addrs_or_null, const IkeAddr *host);
void      addrs_add      (Addrs *addrs, const IkeAddr *host);        /* once, while there is room */
/* Is that one of a network behind the end, which is reached through the tunnel? */
gboolean  addrs_are_inside (const MobikeSa *s, gboolean is_local, const IkeAddr *host);
/* Those of this machine that the connection may use. */
void      addrs_own      (const MobikeSa *s, Addrs *out);
/* Is @host there, and may the connection use it? */
gboolean  addrs_are_ours (const MobikeSa *s, const IkeAddr *host);
/* Writes them, but for the one of @x, and remembers what the peer knows now. */
void      addrs_tell     (MobikeSa *s, const IkeExchange *x, gboolean is_update, IkeWriter *out);
gboolean  addrs_changed  (const MobikeSa *s, const Addrs *own);
/* The peer's, from the address of @x and the notifies recorded in it. */
void      addrs_hear     (MobikeSa *s, const IkeExchange *x);

/* nats.c */
void      nats_forbid    (const IkeExchange *x, IkeWriter *out);     /* NO_NATS_ALLOWED */
gboolean  nats_are_seen  (const IkeExchange *x);                     /* the peer's does not fit */

/* path.c */
void      path_look      (MobikeSa *s);                              /* are the addresses still the right ones? */
/* The SA goes by these hosts from now on; tells the peer. */
void      path_move      (MobikeSa *s, const IkeAddr *local, const IkeAddr *remote);
void      path_refused   (MobikeSa *s, IkeTask *task);               /* the peer does not take them */
IkeHookVerdict path_net_change (IkePlugin *plugin, IkeSa *none, IkeNetChangeEvent *event);

extern const IkeTaskClass agree_float_task, agree_task, update_task, probe_task;
extern const IkeTransmitClass probe_transmit;
