/* SPDX-License-Identifier: Apache-2.0 */
/* sa_private.h - the structs behind IKE SAs: shards and their tables, exchanges, operations, windows.
 *
 * Everything here is touched on the owner shard only, unless it is const after start (classes) or says otherwise. */
#pragma once
#include "base/order.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "engine_private.h"
#include "base/siphash.h"
#include "runtime/timer_private.h"
#include "sa/classes.h"
#include "wire/message_private.h"
#include <ikebana/arena.h>
#include <ikebana/auth.h>
#include <ikebana/bus.h>
#include <ikebana/exchange.h>

typedef struct _IkeShard IkeShard;
typedef struct _IkeHalfOpenTable IkeHalfOpenTable;
typedef struct _IkeKeys IkeKeys;
typedef struct _IkeHeld IkeHeld;
typedef struct _IkeReauth IkeReauth;
typedef struct _IkeTwins IkeTwins;
typedef struct _IkeUser IkeUser;              /* user.c */
typedef struct _IkeTwinTable IkeTwinTable;

enum {
  IKE_RETRIES_MAX = 5,
  WAITS_MAX = 1000,                           /* one after the other, of a task in one message */
  IKE_WINDOW_MAX = 16,
  IKE_TASKS_MAX = 64,                         /* task classes in one engine: a bit each */
  IKE_EXCHANGE_ARENA_MAX = 112 * 1024,        /* what tasks need, and a message in the making that is parked */
  IKE_MESSAGE_ARENA_MAX = 80 * 1024,          /* a message of 64 KiB and the views into it */
  IKE_FIRST_MESSAGE_MAX = 8 * 1024,           /* what a first message may make us keep for a peer that proved nothing */
  IKE_KEPT_MAX = 48 * 1024,                   /* bytes of payloads that an operation keeps */
  IKE_RECORDS_MAX = 64,                       /* notifies recorded per exchange */
  IKE_EXPLAIN_RECORDS = 128,                  /* failed negotiations remembered */
  IKE_AWAITED_MAX = 8,                        /* operations of the peer that wait for its next request */
};

typedef struct {
  guint32 bad_header, bad_version, bad_spi, bad_id, bad_icv, bad_syntax, bad_state, bad_payload, retransmit, forwarded,
    forwarded_twice, received, sent, resent, gated, refused, orphans, half_open_limit, timeouts, established, closed,
    initiated, failed, rekeyed, child_rekeyed, forwarded_first, fragment_refused, fragment_timeouts, parked_limit,
    acquires, acquires_merged, acquires_refused, acquires_unknown, keepalives, asked, source_limit, prefix_limit,
    replaced;
} IkeSaCounters;

/* -- what SAs of all shards are found by (index.c) */

/* first in what is indexed; @link: what points to it */
typedef struct _IkeIndexed { struct _IkeIndexed *next, **link; guint8 key[16]; } IkeIndexed;
typedef struct { pthread_mutex_t lock; IkeIndexed **chains; guint32 n, n_chains; } IkeStripe;
enum { IKE_STRIPES = 64 };
typedef struct { IkeStripe stripes[IKE_STRIPES]; } IkeIndex;

/* An SA that is up, by both identities (unique.c).  Read under the lock of its stripe. */
typedef struct {
  IkeIndexed indexed;
  IkeSaRef   sa;
  gint64     since_us;
  guint32    unique_id;
  gboolean   is_in, is_ours;                  /* ours: we began it */
  gboolean   is_coming;                       /* it is not up yet, but the peer may think so */
  IkeAddr    remote;                          /* where the peer is */
} IkePresence;

typedef struct _IkeClaims IkeClaims;          /* claims.c */

/* -- manager */

struct _IkeSaManager {
  IkeEngine        *engine;
  IkeClasses        classes;
  IkeShard        **shards;
  guint8            buckets[256];
  guint8            secret[16];               /* siphash key: slot masks, half-open table, digests */
  atomic_uint       next_unique, next_child, next_shard, next_if_id;
  atomic_uint       n_acquires;               /* on their way to control */
  atomic_ullong     next_serial;
  atomic_uint       n_sas, n_half_open;
  IkeHalfOpenTable *half_open;                /* of each source and prefix; any shard */
  guint32           max_half_open, half_open_timeout_s, max_parked;
  guint32           block_threshold, block_threshold_prefix;   /* 0: any number */
  const IkeProvided *net, *kernel, *kernel_net;   /* NULL: not ready */
  const IkeNetClass *net_class;
  const IkeKernelClass *kernel_class;
  guint32           vrf_option;               /* handle, with has_vrf_option */
  gboolean          has_vrf_option;
  IkeSlotClass     *slots;
  guint             n_slots;
  IkeSaCounters     count;
  IkeHookPoint     *on_datagram, *on_message, *on_conn, *on_proposal, *on_authorize, *on_narrow, *on_keys, *on_state,
    *on_child, *on_updown, *on_endpoint, *on_liveness, *on_rekey, *on_child_rekey,
    *on_child_leaves, *on_net_change, *on_describe;
  void            (*shutdown_done) (IkeEngine *engine);
  IkeTree         **records;                  /* control: ring of failed negotiations, for explain */
  guint             next_record;
  IkeIndex         *peers, *claims;           /* any shard */
  IkeTwinTable     *twins;                    /* any thread; see twins.c */
  GHashTable       *by_conn;                  /* control: name → IkeKnown (known.c): its SAs */
  struct _IkeTraps *traps;                    /* control */
  GHashTable       *kept_up;                  /* control: name → what shall be up (keep_up.c) */
  guint32           retry_s, retry_limit_s;
  gboolean          closes_idle;              /* inactivity_close_ike */
  gboolean          is_ending;                /* control */
};

/* -- shard */

typedef struct _IkeAttachment { struct _IkeAttachment *next; const char *gate; GBytes *bytes; } IkeAttachment;

enum { IKE_CHUNK_SAS = 256, IKE_HALF_OPEN_CHAINS = 4096 };

typedef struct { IkeSa *sas[IKE_CHUNK_SAS]; } IkeChunk;

struct _IkeShard {
  IkeSaManager  *manager;
  IkeLoop       *loop;
  guint          index;
  IkeChunk     **chunks;                      /* 24-bit slot: 65,536 chunks at most; grows by chunks */
  guint32        n_chunks, n_chunk_room;
  GHashTable    *adopted;                     /* SPI → IkeSa of SAs taken over; NULL: none */
  guint32       *free_slots;
  guint32        n_free, n_free_room;
  IkeSa         *half_open[IKE_HALF_OPEN_CHAINS];
  guint8         next_bucket;
  guint8        *buffer;                      /* messages are built here; 64 KiB */
  IkeArenaCache *arenas;
  IkeSa         *doomed;                      /* destroyed at the end of the turn */
  IkeChild      *dead_children;               /* out of their SA; freed then too */
  GHashTable    *moved;                       /* serial → IkeChild: the kernel knows it by an older IKE SA */
  gboolean       is_reaping;
  guint          n_sas, n_parked;
  gsize          gathered_bytes;              /* of messages that came in part, of all SAs */
  gint64         orphan_window_us;            /* rate limit of answers to messages without an SA */
  guint          n_orphans_answered;
  IkeAttachment *forwarded;                   /* to the first message in hand, by gates of the shard that got it */
  gint64         dropped_report_us;           /* first messages dropped by a limit: when the log said so */
  guint64        n_dropped;
  char           name[128];                   /* of ike_sa_name() */
  gboolean       is_closing, is_busy;        /* busy: the buffer holds a message in the making */
};

/* -- SA */

/* Both IKE_SA_INIT messages and nonces: needed until AUTH is done. */
typedef struct {
  guint8 *request, *response;
  gsize   request_len, response_len;
  guint8 *nonce_i, *nonce_r;
  gsize   nonce_i_len, nonce_r_len;
} IkeInit;

/* One generation of keys, packed; lengths follow from the choice. */
struct _IkeKeys {
  guint32  generation;
  guint32  first_request_sent, first_request_received;  /* message IDs from which this generation counts */
  IkeKeys *older;
  guint64  iv_counter;
  guint16  prf_len, encr_len, integ_len;
  guint8   bytes[];                           /* SK_d ai ar ei er pi pr */
};

typedef struct {
  guint32      id;
  gboolean     is_used, is_done;
  guint8       digest[16];                    /* of the bytes of the request */
  guint8      *response;                      /* sealed; NULL while parked */
  guint32      response_len;
  IkeExchange *exchange;                      /* running or parked */
} IkeReceived;

typedef struct {
  guint32      next_sent;                     /* ID of our next request */
  guint32      base_received;                 /* lowest ID of theirs that is not done */
  guint        size_sent, size_received;
  guint        n_in_flight;                   /* ours, from when they are begun: one that is built may wait */
  guint        n_outside;                     /* the same, of those with ID 0 outside the window */
  IkeExchange *in_flight;
  IkeReceived *received;                      /* size_received entries, by id % size; made when first used */
} IkeWindow;

/* The last request with ID 0 outside the window, and its answer. */
typedef struct {
  guint8  digest[16];
  guint8 *response;                           /* NULL: not answered yet */
  guint32 response_len;
} IkeOutside;

typedef struct _IkeGathering IkeGathering;
typedef struct _IkeProgress IkeProgress;      /* who wants to hear sentences about an SA */
typedef struct _IkeWatcher { struct _IkeWatcher *next; IkeProgress *progress; } IkeWatcher;

struct _IkeSa {
  IkeShard     *shard;
  guint64       serial, our_spi, peer_spi;
  guint32       slot, unique_id;
  guint8        major, state;
  guint8        is_initiator : 1, is_doomed : 1, is_half_open : 1, nat_local : 1, nat_remote : 1, is_marked : 1,
    was_up : 1, may_fragment : 1;
  guint8        was_ours : 1;                 /* we began its first ancestor */
  guint8        is_silent : 1;                /* another stands for it: of its end nobody hears */
  guint8        was_retried : 1, is_doubtful : 1, is_wary : 1,   /* see ike_exchange_doubt() */
    is_asking : 1,                            /* the kernel, for the keepalive */
    is_first_contact : 1,                     /* the peer says so: INITIAL_CONTACT */
    is_anonymous : 1;                         /* remote_id is what the peer says, and nothing proves it */
  guint8        children_held : 1;
  guint8        has_timed_out : 1, is_retry : 1,  /* retry: a repeated attempt, which says little until it is up */
    is_taken_down : 1;                        /* by command, or because its connection was removed */
  guint8        n_setup_extensions, ending;   /* ending: IkeEnding */
  guint8        window_ours, window_theirs;   /* agreed on, for when the SA is up; 0: nothing was said */
  guint         n_running, n_running_ike;     /* of `operations`; of these, what touches the IKE SA */
  IkeAddr       local, remote;
  guint32       endpoint_id;                  /* newest message ID of the peer, + 1: older ones move nothing */
  IkeConn      *conn;
  IkeIdent     *local_id, *remote_id;
  IkeChoice    *choice;
  const IkeAead *aead;
  const IkeCipher *cipher;
  const IkeInteg *integ;
  const IkePrf *prf;
  IkeInit      *init;
  IkeKeys      *keys;                         /* newest generation */
  IkeWindow     window;
  IkeOutside   *outside;                      /* NULL: there was none */
  IkeGathering *gatherings;                   /* messages that came in part */
  IkeOperation *operations;                   /* queued and running ones of ours, by priority */
  IkeOperation *passive;                      /* the peer's, that span exchanges */
  IkeChild     *children, *lingering;         /* lingering: replaced, and heard for a while */
  guint         n_children;
  gpointer     *slots;
  IkeAttachment *attachments;
  IkeTimer     *setup_timer, *keepalive_timer;
  IkeTimerList  timers;
  IkeCall      *calls;
  IkeWatcher   *watchers;
  IkeSa        *half_next, *doomed_next;
  guint64       half_open_hashes[2];          /* of its source and prefix, as they are counted */
  gint64        created_us, established_us, last_in_us, last_out_us, last_esp_us, moved_us;   /* moved: by ESP */
  guint         n_uses_asked;                 /* of the kernel, by liveness.c */
  char         *down_reason;
  char         *hint;                         /* an unauthenticated error heard while connecting */
  guint32       if_id_in, if_id_out;          /* given to this SA by %unique; 0: not yet, or never */
  gint64        rekey_us, reauth_us, end_us;  /* when these are due; 0: never */
  gint64        proof_end_us;                 /* the end of whatever has not been authenticated anew; inherited */
  char         *sent_by;                      /* the peer that sent us to this one, for people; NULL: none */
  char         *proof_end_why;                /* NULL: its time is over; inherited */
  IkeReauth    *reauth;                       /* one is being made from scratch in its place */
  IkeTimer     *life_timer;
  IkePresence   presence;
  IkeUser      *user;                         /* NULL: its identity says all */
  IkeAddr       held_local, held_remote;      /* with children_held: between what its children are */
  guint8        auth_rounds[2];               /* which section of the peer's, and of ours, is in hand */
};

/* -- exchanges and operations */

struct _IkeKept {
  guint      n, room;
  IkePayload payloads[64];
  guint      n_records;
  IkeNotify  records[32];
  gsize      bytes;
  IkeArena   arena;
};

struct _IkeTask {
  const IkeTaskInfo *info;
  IkeOperation      *operation;
  IkeExchange       *exchange;                /* the one that runs it now */
  IkeCall           *calls;
  guint              n_waits;                 /* since it was done with a message */
  gboolean           is_finished;             /* DONE in the second half: goes at the end of the exchange */
  gboolean           is_asked;                /* ours: its request is built, and no answer was shown to it yet */
  gpointer           data;                    /* instance_size bytes behind this struct */
};

typedef struct _IkeDone { struct _IkeDone *next; void (*done) (IkeSa *,
                                                               gpointer, const char *); gpointer data; } IkeDone;

struct _IkeOperation {
  IkeOperation           *next;
  IkeSa                  *sa;
  const IkeOperationInfo *info;               /* NULL: the peer's */
  const char             *name;               /* "establish"; NULL: the peer's, within one exchange */
  gpointer                args;
  IkeDone                *dones;
  IkeExchange            *exchange;           /* running now */
  const IkeExchangeInfo  *next_exchange;      /* asked for by NEXT */
  const IkeExchangeInfo  *awaited;            /* the peer's: its next request is to be this */
  IkeTimer               *timer;              /* of one that is awaited, or put off */
  gint64                  first_us, again_us; /* put off: since when, until when; 0: it is not */
  guint                   n_put_off;
  guint64                 tasks_done, repeats;      /* bits; repeats: of these, wanted anew in the next exchange */
  IkeTask                *tasks[IKE_TASKS_MAX / 2];
  guint                   n_tasks;
  IkeKept                *kept;
  guint64                 skipped;            /* bits of phases of the exchange class below; kept over its rounds */
  const IkeExchangeInfo  *skipped_of;
  guint64                 notified;           /* bits of classes->absents that were seen */
  char                   *failure;            /* reason, for people */
  IkeTrigger             *trigger;            /* NULL: no packet asked for it */
  const IkeOperationInfo *followed_by;        /* begins when this one ended well; NULL: nothing */
  gpointer                next_args;          /* of that */
  gboolean                is_running, is_passive;
};

typedef enum { IKE_HALF_BUILD, IKE_HALF_PROCESS } IkeHalf;

struct _IkeExchange {
  IkeExchange           *next;                /* in flight */
  IkeSa                 *sa;
  const IkeExchangeInfo *info;
  IkeOperation          *operation;
  gboolean               is_initiator;
  guint32                message_id;
  guint                  retries;             /* RETRY */
  IkeArena               arena;
  IkeArena               in_arena;            /* the message in hand: a forged response costs nothing that stays */
  IkeMessage            *in;
  IkeAddr                local, remote;
  IkeHalf                half;
  guint                  cursor, reached;     /* step in hand; how many were reached in the first half */
  guint                  stop_phase;          /* no step behind this phase is walked */
  gboolean               is_outside;          /* message ID 0, not of the window */
  gboolean               has_place;           /* counted in n_in_flight, or n_outside */
  gboolean               is_parked, wants_retry, is_in_flight, is_failed, is_aborted, is_marked;
  gboolean               was_up;                 /* the SA, when the request came */
  gboolean               is_answered, is_disbelieved;   /* the answer is in hand; it is not to be believed */
  gboolean               is_hinted, is_asked_again;
  gboolean               is_put_off;             /* the operation begins anew later */
  gboolean               gives_way;              /* with wants_retry: to what it stands for */
  gint64                 hint_until_us;
  IkeWriter              out;
  guint8                *saved;               /* what was built before a WAIT, and the IkeWriter's state with it */
  gsize                  inner_at;            /* where the payloads begin in the buffer */
  guint16                notify;              /* is_failed: what the peer is told, 0 for nothing */
  guint8                *notify_data;
  gsize                  notify_len;
  guint8                 notify_protocol, notify_spi_len;   /* what it is about */
  guint8                 notify_spi[4];
  char                  *reason;              /* for people */
  GBytes                *last_word;           /* is_failed: body of a payload of this type in place of the notify */
  guint8                 last_word_type;
  IkeNotify             *records;
  guint                  n_records;
  guint8                *packet;              /* sealed request, for retransmits */
  gsize                  packet_len;
  guint                  n_sent;
  IkeTimer              *timer;
  const IkeKeys         *keys;                /* generation it is sealed with */
};

/* -- functions, by file */

/* table.c */
IkeShard *ike_shard_new  (IkeSaManager *manager, guint index);
void      ike_shard_free (IkeShard *shard);
void      ike_shard_clear (IkeShard *shard);                         /* sa.c: frees all SAs, at the very end */
void      ike_shard_check_empty (IkeShard *shard);                    /* manager.c: shutdown waits for this */
/* Gives slot and SPI, in @bucket if that is one of this shard's. */
gboolean  ike_table_add  (IkeShard *shard, IkeSa *sa, int bucket);
/* Gives @sa an SPI that another node chose: found through a side table. */
void      ike_table_adopt  (IkeShard *shard, IkeSa *sa, guint64 our_spi);
void      ike_table_remove (IkeShard *shard, IkeSa *sa);
IkeSa    *ike_table_find (IkeShard *shard, guint64 our_spi);
void      ike_half_open_add    (IkeSa *sa);
void      ike_half_open_remove (IkeSa *sa);
IkeSa    *ike_half_open_find (IkeShard *shard, guint64 peer_spi, const IkeAddr *remote, const guint8 *data, gsize len);
void      ike_message_digest (IkeSaManager *manager, const guint8 *data, gsize len, guint8 out[16]);
/* Calls @each for up to 256 SAs from slot @from; returns the slot to go on with, G_MAXUINT32 at the end. */
guint32   ike_table_walk (IkeShard *shard, guint32 from, void (*each) (IkeSa *sa, gpointer data), gpointer data);

/* sa.c */
IkeShard *ike_sa_shard_current (IkeEngine *engine);
IkeSa    *ike_sa_new  (IkeShard *shard, guint8 major, gboolean is_initiator, const IkeAddr *local,
                       const IkeAddr *remote, IkeConn *conn);
IkeSa    *ike_sa_new_beside (IkeSa *old, gboolean is_initiator);        /* the same shard, bucket, path, connection */
void      ike_sa_set_state (IkeSa *sa, IkeSaState state);
void      ike_shard_reap_later (IkeShard *shard);
void      ike_sa_progress (IkeSa *sa, guint32 level, const char *format, ...) G_GNUC_PRINTF (3, 4);
void      ike_sa_assert_owner (const IkeSa *sa);
void      ike_sa_resolve_crypto (IkeSa *sa);
/* With all its children, or those of one name: there may be thousands. */
IkeTree  *ike_sa_describe (IkeSa *sa, const char *child_or_null);
void      ike_init_keep  (IkeSa *sa, gboolean is_request, const guint8 *data, gsize len);
void      ike_init_clear (IkeSa *sa);
void      ike_sa_arm_setup (IkeSa *sa);                              /* half-open SAs do not stay for ever */
IkeTree  *ike_sa_event_body (IkeSa *sa);
void      ike_sa_watch (IkeSa *sa, IkeProgress *progress);
void      ike_watchers_move (IkeSa *from, IkeSa *to);

/* keys.c, seal.c */
IkeKeys *ike_keys_new   (const IkeSa *sa);                            /* room for what the choice needs */
void     ike_keys_free  (IkeKeys *keys);
void     ike_keys_forget_older (IkeSa *sa);                           /* all but those that an exchange still needs */
const guint8 *ike_keys_part (const IkeKeys *keys, guint which, gsize *len);   /* 0 d 1 ai 2 ar 3 ei 4 er 5 pi 6 pr */
gboolean ike_keys_child (IkeSa *sa, const guint8 *secret, gsize secret_len, const guint8 *ni, gsize ni_len,
                         const guint8 *nr, gsize nr_len,
                         guint8 *out, gsize out_len);
/* bytes before the first inner payload, from the header */
guint    ike_seal_prefix (const IkeSa *sa);
gboolean ike_seal (IkeSa *sa, IkeKeys *keys, IkeWriter *w, gsize inner_at);
/* Bytes of a message of which @inner_len bytes from @inner_at on are sealed; how many fit into @limit. */
gsize    ike_sealed_len (const IkeSa *sa, gsize inner_at, gsize inner_len);
gsize    ike_seal_room (const IkeSa *sa, gsize inner_at, gsize limit);
/* Opens the SK payload of @message, copied into @arena: its payloads become those inside. @verdict->reason NULL on
 * FALSE: the tag is bad, or it is malformed before that: say nothing. */
gboolean ike_open (IkeSa *sa, const IkeKeys *keys, IkeArena *arena, IkeMessage *message, guint8 *first,
                   const guint8 **plain, gsize *plain_len);

/* fragment.c */
/* Largest message that goes out as it is; 0: they are never cut. */
gsize    ike_fragment_limit (const IkeExchange *x);
/* What is in @whole from @inner_at on as sealed fragments of at most @limit bytes, one behind the other; the caller
 * frees.  NULL: there would be too many. */
guint8  *ike_fragment_seal (IkeSa *sa, IkeKeys *keys, const IkeWriter *whole, gsize inner_at, gsize limit, gsize *len);
/* Does @outer prove to be fragment 1 (RFC 7383, 2.6.1)? */
gboolean ike_fragment_is_first (IkeSa *sa, const IkeKeys *keys, const IkeMessage *outer);
/* As ike_open() for a message that ends in SKF.  TRUE: this was the last one, and all is in @arena. */
gboolean ike_fragment_take (IkeSa *sa, const IkeKeys *keys, IkeArena *arena, const IkeMessage *outer, guint8 *first,
                            const guint8 **plain, gsize *len);
void     ike_fragments_clear (IkeSa *sa);

/* datagram.c */
/* FALSE: a hook took it.  Else what @datagram says now is what counts. */
gboolean ike_datagram_passes   (IkeShard *shard, IkeSa *sa_or_null, gboolean is_inbound, IkeDatagram *datagram);
/* The same for one that came in; @wanted: the shard that is to handle it, -1: any. */
gboolean ike_datagram_comes_in (IkeShard *shard, int wanted, IkeDatagram *datagram);

/* clear.c */
/* Opens an answer to @to in the shard's buffer. */
void     ike_clear_open (IkeShard *shard, const IkeHeader *to, IkeWriter *w);
/* Sends it, unless it is longer than @max. */
gboolean ike_clear_send (IkeShard *shard, const IkeDatagram *to, gsize max, IkeWriter *w);
gboolean ike_clear_may_answer (IkeShard *shard);                      /* they are limited by the second */
void     ike_clear_answer_version (IkeShard *shard, const IkeDatagram *datagram, const IkeHeader *header);
void     ike_clear_answer_orphan  (IkeShard *shard, const IkeDatagram *datagram, const IkeHeader *header);

/* first.c */
IkeSa   *ike_first_new (IkeShard *shard, guint8 major, guint64 peer_spi, const IkeDatagram *first);
/* FALSE, counted: too many wait, or are half-open */
gboolean ike_first_may_come (IkeShard *shard, const IkeAddr *source);

/* half_open.c */
IkeHalfOpenTable *ike_half_open_table_new (void);                     /* g_free */
void     ike_half_open_one_more (IkeSa *sa);                           /* of where it comes from now */
void     ike_half_open_one_less (IkeSa *sa);                           /* of where it came from then */
/* FALSE: counted, and logged now and then. */
gboolean ike_half_open_may_come (IkeShard *shard, const IkeAddr *source);

/* outer.c: payloads in front of SK */
void     ike_outer_write (IkeExchange *x);
gboolean ike_outer_check (IkeSa *sa, const IkeExchangeInfo *info, const IkeMessage *outer);
gsize    ike_outer_end   (const IkeWriter *w);                        /* where SK, or SKF, begins */

/* gates.c */
/* TRUE: all let it pass; what they attach is put before @attached. */
gboolean ike_gates_pass (IkeShard *shard, const IkeDatagram *datagram, const IkeMessage *first,
                         const IkeExchangeInfo *info, IkeAttachment **attached);
/* TRUE: an answer of @len bytes is not to be sent, another was in its place. */
gboolean ike_gates_replace (IkeExchange *x, gsize len);
void     ike_attachments_free (IkeAttachment *a);

/* outside.c */
/* before it is opened */
gboolean ike_outside_may_be (const IkeSa *sa, const IkeHeader *header, const IkeExchangeInfo *info);
gboolean ike_outside_is     (IkeSa *sa, const IkeMessage *m, const IkeExchangeInfo *info);
gboolean ike_outside_answers (IkeSa *sa, const IkeMessage *m, const IkeExchangeInfo *info);
/* TRUE: it was the last one again */
gboolean ike_outside_repeat (IkeSa *sa, const guint8 digest[16], const IkeDatagram *datagram);
void     ike_outside_accept (IkeSa *sa, const guint8 digest[16]);

/* input.c */
void     ike_input_v2 (IkeShard *shard, const IkeDatagram *datagram);

/* path.c: where a message came from whose tag was good */
void     ike_path_of_request  (IkeSa *sa, const IkeExchange *x);
void     ike_path_of_response (IkeSa *sa, const IkeExchange *x);
void     ike_path_of_child    (IkeSa *sa, const IkeChild *child, const IkeAddr *source);
void     ike_path_inherit     (IkeSa *heir, const IkeSa *old);

/* keepalive.c */
void     ike_keepalive_start (IkeSa *sa);                             /* if it is behind NAT and up */

/* window.c */
void     ike_window_init  (IkeWindow *window);
void     ike_window_clear (IkeWindow *window);
typedef enum { IKE_WINDOW_NEW, IKE_WINDOW_REPEAT, IKE_WINDOW_PARKED, IKE_WINDOW_OTHER,
               IKE_WINDOW_OUTSIDE } IkeWindowVerdict;
/* What is a request of this ID, whose bytes have this digest? NEW changes nothing yet. */
IkeWindowVerdict ike_window_judge (IkeWindow *window, guint32 id, const guint8 digest[16], IkeReceived **entry);
IkeReceived *ike_window_accept (IkeWindow *window, guint32 id, const guint8 digest[16], IkeExchange *x);
void     ike_window_answered (IkeWindow *window, guint32 id, guint8 *response_take, guint32 len);
void     ike_window_resize (IkeWindow *window, guint size_sent, guint size_received);
guint32  ike_window_next_received (const IkeWindow *window);          /* after the newest that came */
IkeExchange *ike_window_forget (IkeWindow *window, guint32 below);    /* returns, one by one, what was in hand */
gboolean ike_window_may_send (const IkeWindow *window);
/* The same for a request with ID 0 outside of it: one at a time, and never beside an ordinary request of ID 0. */
gboolean ike_window_may_send_outside (const IkeWindow *window);

/* exchange.c */
void     ike_exchange_begin   (IkeSa *sa, IkeOperation *op, const IkeExchangeInfo *info);     /* as initiator */
void     ike_exchange_respond (IkeSa *sa, IkeExchange *x);                                   /* process, then build */
void     ike_exchange_response (IkeExchange *x, IkeMessage *in);
void     ike_exchange_resume  (IkeExchange *x);
void     ike_exchange_free    (IkeExchange *x);
IkeExchange *ike_exchange_new (IkeSa *sa, const IkeExchangeInfo *info, gboolean is_initiator, guint32 id);
void     ike_exchange_doubt   (IkeSa *sa);                            /* an answer came to what was given up */
void     ike_exchange_gave_up (IkeExchange *x, const char *why);
void     ike_exchange_abandon (IkeExchange *x, const char *why);   /* ours, without an answer: begins anew */
gboolean ike_exchange_give_way (IkeExchange *x);                       /* FALSE: it stands in for nothing */
void     ike_exchange_fail    (IkeExchange *x, guint16 notify, const void *data, gsize len, const char *reason);
/* The message hook for what came in.  FALSE: it is refused.  Else the three name what is to be processed. */
gboolean ike_exchange_show    (IkeExchange *x, const guint8 **plain, gsize *len, guint8 *first);

/* compose.c */
gboolean ike_exchange_is_clear (const IkeExchange *x);
void     ike_exchange_open    (IkeExchange *x);
/* Shows it to the message hook and seals it; a copy that the caller owns, or NULL. */
guint8  *ike_exchange_close   (IkeExchange *x, gsize *len);
void     ike_exchange_write_failure (IkeExchange *x);

/* notifies.c */
gboolean ike_exchange_record_notifies (IkeExchange *x, IkeVerdict *verdict);
/* before, or behind, the payloads of tasks */
void     ike_exchange_send_notifies   (IkeExchange *x, gboolean is_early);
gboolean ike_exchange_keep_record     (const IkeExchange *x, IkeKept *kept, const IkePayload *payload);

/* operation.c */
IkeOperation *ike_operation_new  (IkeSa *sa, const char *name, const IkeOperationInfo *info, gpointer args_take);
void     ike_operation_free (IkeOperation *op, const char *error);
void     ike_operations_kick (IkeSa *sa);
IkeTask *ike_operation_task (IkeOperation *op, const IkeTaskInfo *info);
void     ike_operation_drop_task (IkeOperation *op, IkeTask *task);
void     ike_operation_end  (IkeOperation *op, const char *error);
/* the one it goes on with, or a new one */
IkeOperation *ike_operation_of_request (IkeSa *sa, const IkeExchangeInfo *info, const IkeMessage *in);
void     ike_operation_await (IkeOperation *op, const IkeExchangeInfo *next);
void     ike_operation_put_off (IkeOperation *op, const char *reason);
/* Those that have not begun go on with another IKE SA, unless they were about @from itself. */
void     ike_operations_move (IkeSa *from, IkeSa *to);
gboolean ike_operation_is_skipped (const IkeOperation *op, guint phase);
/* ike_sa_begin() for a packet (copied; may be NULL). */
gboolean ike_sa_begin_for (IkeSa *sa, const char *operation, gpointer args_take, const IkeTrigger *trigger,
                           IkeDone done);

/* transmit.c */
/* by the path the request came */
gboolean ike_transmit (IkeSa *sa, const guint8 *data, gsize len, const IkeExchange *x_or_null);
void     ike_transmit_request (IkeExchange *x);
void     ike_transmit_stop (IkeExchange *x);
void     ike_transmit_repeat (IkeSa *sa, const IkeReceived *entry, const IkeDatagram *datagram);
void     ike_transmit_hint (IkeExchange *x, const char *reason);
/* What all tries of one request take together. */
guint64  ike_transmit_longest_ms (const IkeConn *conn_or_null);

/* liveness.c */
void     ike_liveness_begin (IkeSa *sa);                              /* it is up: asks for life from now on */
void     ike_liveness_lost  (IkeSa *sa);                              /* a request got no answer */
/* Ends @child when it carries nothing for as long as its `inactivity` says; also after it came from another SA. */
void     ike_child_watch_idle (IkeChild *child);

/* actions.c */
/* Who knows first says so; nobody: IKE_END_UNSAID. */
void     ike_sa_ends    (IkeSa *sa, IkeEnding ending);
void     ike_child_ends (IkeChild *child, IkeEnding ending);
void     ike_child_act  (const IkeChild *child, const char *reason);   /* it was up, and is going */

/* calls.c */
void     ike_task_drop_calls (IkeTask *task);
gboolean ike_task_is_waiting (IkeTask *task);                         /* takes what was answered already */
void     ike_sa_drop_calls (IkeSa *sa);
void     ike_sa_stop_timers (IkeSa *sa);

/* index.c */
IkeIndex   *ike_index_new    (void);
void        ike_index_free   (IkeIndex *index);                        /* by then empty */
/* The stripe of @key, locked: briefly, and nothing is called meanwhile. */
IkeStripe  *ike_index_lock   (IkeIndex *index, const guint8 key[static 16]);
void        ike_index_unlock (IkeStripe *stripe);
/* The next entry of that key; @after NULL: the first. */
IkeIndexed *ike_index_next   (IkeStripe *stripe, const guint8 key[static 16], IkeIndexed *after);
void        ike_index_add    (IkeStripe *stripe, IkeIndexed *entry);
void        ike_index_remove (IkeStripe *stripe, IkeIndexed *entry);

/* user.c */
void ike_user_share    (IkeSa *sa, IkeSa *heir);
void ike_user_leave    (IkeSa *sa);
void ike_user_describe (const IkeSa *sa, IkeTree *tree);

/* unique.c */
void     ike_unique_enter (IkeSa *sa);                                /* it is up */
void     ike_unique_leave (IkeSa *sa);
void     ike_unique_moved (IkeSa *sa);                                /* its peer is elsewhere now */
void     ike_sa_probe     (IkeEngine *engine, IkeSaRef sa);           /* is its peer still alive? */

/* lifetime.c */
/* It was due at @due_us and failed; 0: it was not, nor will it be. */
void     ike_sa_retry_reauthentication (IkeSa *sa, gint64 due_us);
void     ike_child_fill_limits (const IkeChild *child, IkeKernelSa *out);
void     ike_child_arm     (IkeChild *child);                  /* it is up */
void     ike_child_rearm   (IkeChild *child);                  /* on its new SA */
void     ike_child_disarm  (IkeChild *child);
void     ike_child_soft_expired (IkeChild *child, const char *why);
void     ike_child_hard_expired (IkeChild *child, const char *why);
void     ike_sa_arm_life   (IkeSa *sa);                        /* it is up, and was authenticated */
void     ike_sa_arm_heir   (IkeSa *heir, IkeSa *old);          /* it took the place of @old */
void     ike_sa_arm_beside (IkeSa *heir, const IkeSa *old);

/* reauth.c */
/* @done (may be NULL) hears the end.  NULL, or why it is not begun; then @done is not called. */
const char *ike_sa_authenticate_anew (IkeSa *sa, const char *why,
                                      void (*done) (IkeSa *, gpointer, const char *), gpointer data);
/* What is being made in the place of @from will close @to instead; NULL: nobody. */
void     ike_reauth_move   (IkeSa *from, IkeSa *to_or_null);

/* removed.c */
/* After a reload: says in the log which SAs of @previous have no connection in @config any more. Control. */
void     ike_sas_log_removed (IkeEngine *engine, const IkeConfig *config, const IkeConfig *previous);

/* manager.c */
guint    ike_sas_pick_shard (IkeSaManager *manager);

/* progress.c */
struct _IkeProgress {
  atomic_int references;
  IkeEngine *engine;
  void     (*heard) (gpointer data, const char *text);   /* control loop */
  gpointer   data;                            /* NULL once nobody listens any more; control loop */
};
IkeProgress *ike_progress_new   (IkeEngine *engine, void (*heard) (gpointer data, const char *text), gpointer data);
IkeProgress *ike_progress_ref   (IkeProgress *progress);
void         ike_progress_unref (IkeProgress *progress);
void         ike_progress_tell  (IkeProgress *progress, const char *text);           /* any thread */

/* known.c, initiate.c */
void         ike_initiate_remember (IkeSa *sa);                       /* it is up: `up` finds it from now on */
void         ike_initiate_watched (IkeEngine *engine, IkeConn *conn, const char *child, IkeProgress *progress,
                                   IkeCall *call);
/* For a packet: a CHILD_SA that does not carry it does not do. */
void         ike_initiate_for (IkeEngine *engine, IkeConn *conn, const char *child, const IkeTrigger *trigger,
                               IkeCall *call);
/* What became of it: @error NULL, or why the child is not up. */
typedef struct {
  gboolean is_ike_up;                         /* the IKE SA at least */
  gboolean is_taken_down;                     /* somebody here did not want it */
  char    *error;
} IkeOutcome;
void         ike_outcome_free (IkeOutcome *outcome_or_null);
/* Control; @call is answered with an IkeOutcome.  @is_retry: it failed before, and says little this time. */
void         ike_initiate_outcome (IkeEngine *engine, IkeConn *conn, const char *child, gboolean is_retry,
                                   IkeCall *call);

/* traps.c: policies that ask for an SA when a packet comes, and shunts.  Functions that take an engine: any thread. */
typedef struct _IkeTraps IkeTraps;
IkeTraps *ike_traps_new   (IkeEngine *engine);
/* Control: they are taken out of the kernel. */
void      ike_traps_free  (IkeTraps *traps);
/* Control: no packet asks for anything any more. */
void      ike_traps_close (IkeTraps *traps);
/* Control: those that @config wants, and no others; what @previous had and did not change stays as it is. */
void      ike_traps_apply (IkeTraps *traps, IkeConfig *config, const IkeConfig *previous_or_null);
/* The policies of a child, whatever its start_action; it stays until it is removed, or the child is. */
void      ike_traps_add    (IkeEngine *engine, const IkeConn *conn, const IkeChildConf *conf);
void      ike_traps_remove (IkeEngine *engine, const IkeConn *conn, const IkeChildConf *conf);
gboolean  ike_traps_have (IkeTraps *traps, const IkeConn *conn, const IkeChildConf *conf);    /* control */
IkeTree  *ike_traps_describe (IkeTraps *traps);                                               /* control */
void      ike_traps_acquire  (IkeEngine *engine, const IkeKernelAcquire *acquire);

/* trap_policies.c: what a child without an SA is in the kernel */
/* Selectors of @conf with `dynamic` as @host, or everything where that is unset; in transport mode what is of @host.
 * Returns how many are in @out, which has room for 2 * IKE_SELECTORS_MAX. */
guint     ike_child_conf_selectors (const IkeChildConf *conf, gboolean is_local, const IkeAddr *host, IkeSelector *out);
/* Does every packet of @conf lie within what @child carries? */
gboolean  ike_child_carries_all (const IkeChild *child);
gboolean  ike_trap_needs_hosts  (const IkeChildConf *conf, gboolean is_local);
/* Between @local and @remote (unset: any).  The caller frees. */
IkeKernelPolicy *ike_trap_policies (const IkeConn *conn, const IkeChildConf *conf, const IkeAddr *local,
                                    const IkeAddr *remote, guint *n);
gboolean  ike_trap_policies_equal  (const IkeKernelPolicy *a, guint n_a, const IkeKernelPolicy *b, guint n_b);
/* Any thread. */
guint32   ike_child_conf_reqid     (IkeSaManager *manager, const IkeChildConf *conf, guint32 own_or_0);

/* terminate.c */
/* Ends those of this connection that we began and that are not up yet. Any thread. */
void         ike_terminate_begun (IkeEngine *engine, const char *conn);

/* chosen.c */
typedef struct _IkeChosen IkeChosen;
/* NULL, 0: any.  @names: what counts already, taken; may be NULL. */
typedef struct { const char *conn, *child; guint32 unique_id, flags; GPtrArray *names;
                 const char *operation, *text; } IkeWhich;   /* those: for ike_chosen_begin_asked() */
typedef struct {
  void   (*on_sa)    (IkeChosen *chosen, IkeSa *sa);
  void   (*on_child) (IkeChosen *chosen, IkeSa *sa, IkeChild *child);     /* one that is installed */
  gboolean is_error_told;                     /* the first operation that fails fails the call */
  gboolean is_for_silent;                     /* SAs, too, that nobody else hears of */
} IkeChosenClass;
/* What `name`, `child` and `id` of a command mean: a name may be that of a child.  Lives as long as both. */
IkeWhich     ike_chosen_asked (IkeRequest *request, const IkeConfig *config_or_null);
/* Answers @call with a tree { n, names }.  Any thread. */
void         ike_chosen_run   (IkeEngine *engine, const IkeChosenClass *klass, const IkeWhich *which, IkeCall *call);
void         ike_chosen_count (IkeChosen *chosen, const char *name, guint32 unique_id);
guint32      ike_chosen_flags (const IkeChosen *chosen);
void         ike_chosen_begin_asked (IkeChosen *chosen, IkeSa *sa);
void         ike_chosen_hold  (IkeChosen *chosen);   /* for something else; ike_chosen_ended() when it is over */
void         ike_chosen_ended (IkeSa *sa, gpointer chosen, const char *error);
/* An operation that the call waits for.  FALSE: nobody provides it; then @args_take was freed. */
gboolean     ike_chosen_begin (IkeChosen *chosen, IkeSa *sa, const char *operation, gpointer args_take);

/* explain.c */
void     ike_explain_failed (IkeSa *sa, const char *phase, const char *reason, IkeTree *details_take);
void     ike_explain_emit   (IkeEngine *engine, const char *phase, const IkeAddr *local, const IkeAddr *remote,
                             const char *conn,
                             const char *reason, IkeTree *details_take);
void     ike_explain_clear  (IkeSaManager *manager);

/* slots.c */
void     ike_slots_clear (IkeSa *sa);

#include "sa/child_private.h"
