/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.h - how an exchange is composed.
 *
 * An operation (establish, create a child, delete, …) runs through one or more exchanges; an exchange walks its
 * tasks in an order that was sorted once at load: the initiator all `build` of the request, then all `process` of
 * the response; the responder all `process` of the request, then all `build` of the response.  The core says when,
 * tasks say how. */
#pragma once
#include <ikebana/plugin.h>
#include <ikebana/sa.h>

IKE_BEGIN_DECLS

typedef enum {
  IKE_TASK_DONE,                              /* satisfied with this message */
  IKE_TASK_NEXT,                              /* the operation goes on with a new message ID; see ike_task_next() */
  IKE_TASK_RETRY,                             /* same exchange again, message ID 0: cookie, other group; 5 at most */
  IKE_TASK_WAIT,                              /* calls are out, else the SA ends; called again when all are answered */
  IKE_TASK_FAIL,                              /* answer with the notify set by ike_task_fail() */
  IKE_TASK_ABORT,                             /* the SA goes down; see ike_task_abort() */
  IKE_TASK_DISBELIEVE,                        /* as if this answer had not come; see ike_task_disbelieve() */
  IKE_TASK_LATER,                             /* the operation begins anew after a while; see ike_task_later() */
} IkeTaskResult;

/* Kind `task`.  An instance lives from the first exchange of the operation that it is wanted in until it returns DONE
 * from its second half (initiator: process; responder: build), or the operation ends.  When process or build returns
 * NEXT, the walk of that half ends there: later phases are not reached with this message. */
typedef struct {
  guint32       struct_size;
  const char   *exchanges;                    /* "IKE_AUTH", "CREATE_CHILD_SA INFORMATIONAL" */
  /* phases ("phase:auth": it belongs to that phase's place) or task names */
  const char   *after, *before;
  const char   *operations;                   /* initiator: only in these ("establish create-child"); NULL: any */
  const char   *reads;                        /* notify records it looks at: "notify:INITIAL_CONTACT"; for `--order` */
  gboolean      is_main;                      /* the one task without which the exchange makes no sense */
  guint32       instance_size;                /* zeroed, wiped and freed by the engine */
  /* NULL: always */
  gboolean      (*wanted)  (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in_or_null);
  IkeTaskResult (*process) (IkeTask *task, IkeExchange *x, const IkeMessage *in);   /* NULL: DONE */
  IkeTaskResult (*build)   (IkeTask *task, IkeExchange *x, IkeWriter *out);         /* NULL: DONE */
  void          (*dispose) (IkeTask *task);                                         /* may be NULL */
  /* Task names that leave a message alone when this one is wanted in it: how an extension takes a form of an exchange
   * over from its usual main task.  May be NULL. */
  const char   *instead_of;
  /* Responder, after NEXT: is @in, a request of the exchange that was asked for, the next one of this very operation?
   * Several may be open at once.  NULL: yes. */
  gboolean      (*continues) (IkeTask *task, const IkeMessage *in);
} IkeTaskClass;

void         *ike_task_data      (IkeTask *task);
IkeSa        *ike_task_sa        (IkeTask *task);
IkePlugin    *ike_task_plugin    (IkeTask *task);
IkeExchange  *ike_task_exchange  (IkeTask *task);
IkeOperation *ike_task_operation (IkeTask *task);
const char   *ike_task_name      (IkeTask *task);
IkeTaskResult ike_task_next  (IkeTask *task, const char *exchange);                       /* returns NEXT */
/* Returns RETRY, or, when there were too many already, DISBELIEVE: then change nothing. */
IkeTaskResult ike_task_retry (IkeTask *task, const char *reason_static);
/* The peer does not want this exchange, which stands in for another (IkeExchangeClass.instead_of): that one begins
 * anew, with message ID 0 and tasks of its own.  Returns RETRY or DISBELIEVE, as ike_task_retry() does. */
IkeTaskResult ike_task_give_way (IkeTask *task, const char *reason_static);
/* For the answer to an unprotected request, before anything was made of it: anybody may have sent it, so it is
 * dropped, and the true one may still come.  @reason (copied) is what people hear when none does.  Else it is
 * ike_task_abort(). */
IkeTaskResult ike_task_disbelieve (IkeTask *task, const char *reason);
/* @notify: the error for the peer; @data of the notify may be NULL; @reason for people (copied, may be formatted). */
/* returns FAIL */
IkeTaskResult ike_task_fail  (IkeTask *task, guint16 notify, const void *data, gsize len, const char *reason);
/* The same about the SA of an SPI of four bytes (CHILD_SA_NOT_FOUND; RFC 7296, 3.10). */
IkeTaskResult ike_task_fail_about (IkeTask *task, guint16 notify, guint8 protocol, const guint8 spi[4],
                                   const char *reason);
/* The same, and the answer has one payload of type @payload with @body in place of the notify: for protocols with a
 * last word of their own (EAP-Failure). */
IkeTaskResult ike_task_fail_saying (IkeTask *task, guint8 payload, GBytes *body_take, guint16 notify,
                                    const char *reason);
IkeTaskResult ike_task_abort (IkeTask *task, const char *reason);                         /* returns ABORT */
/* For the answer that the peer cannot do it now (TEMPORARY_FAILURE; RFC 7296, 2.25): the operation gives up its place
 * and its tasks, and begins anew after seconds that grow; after several minutes it fails, and the SA is closed.
 * Returns LATER. */
IkeTaskResult ike_task_later (IkeTask *task, const char *reason);
/* A structured record for `ikebana explain`: emits `negotiation-failed` with phase, peer, reason and @details
 * (taken, may be NULL). */
void          ike_task_explain (IkeTask *task, const char *phase, const char *reason, IkeTree *details_take);
/* Succeeds without phase @phase of the running operation (redirect, childless, failed CP beside a valid AUTH). */
void          ike_operation_skip (IkeTask *task, const char *phase, const char *reason_static);
/* When the running operation of ours has ended well, @operation begins on the same SA, for the same packet, and whoever
 * waits for this one waits for that one instead; the last who says so counts.  FALSE: no such operation, or it is the
 * peer's; then @args_take was freed. */
gboolean      ike_operation_followed_by (IkeTask *task, const char *operation, gpointer args_take);
/* Part of the operation failed, the SA stays: whoever waits for the operation hears of it when it ends (RFC 7296,
 * 2.21.2). */
void          ike_operation_complain (IkeTask *task, const char *reason);
/* The tasks of phase @phase that are done with this operation are wanted anew in its further exchanges: for rounds that
 * repeat (RFC 4739). */
void          ike_operation_repeat (IkeTask *task, const char *phase);
/* Keeps the payloads of @types (zero-terminated) of the present message for later messages of the operation (bounded);
 * ike_message_find() sees them.  Of notifies those that were recorded are kept; ike_exchange_record() sees them. */
gboolean      ike_message_keep (IkeTask *task, const IkeMessage *message, const guint8 *types);

gboolean      ike_exchange_is_initiator (const IkeExchange *x);     /* did we send the request? */
const char   *ike_exchange_name         (const IkeExchange *x);
guint32       ike_exchange_message_id   (const IkeExchange *x);
const char   *ike_exchange_operation    (const IkeExchange *x);     /* "establish"; responder: NULL unless it spans */
IkeOperation *ike_exchange_running      (const IkeExchange *x);     /* the operation that this exchange is part of */
/* Memory that lives as long as the exchange; NULL beyond its bound. */
void         *ike_exchange_alloc        (IkeExchange *x, gsize size);
/* The addresses the message in hand came with. */
const IkeAddr *ike_exchange_local       (const IkeExchange *x);
const IkeAddr *ike_exchange_remote      (const IkeExchange *x);
/* How often this exchange was tried (RETRY): 0 at first. */
guint          ike_exchange_retries     (const IkeExchange *x);
/* Value of an earlier recorded notify of this exchange, by IANA type; NULL: none. */
const IkeNotify *ike_exchange_record    (const IkeExchange *x, guint16 type, guint nth);

/* Kind `notify`: validates and records; only tasks act, after their phase.  One class owns a number. */
typedef struct {
  guint32     struct_size;
  guint16     type;
  guint16     min_len, max_len, max_count;    /* max_len 0: no data; max_count 0: no limit */
  gboolean    is_unprotected_ok;              /* may be looked at in a clear message on a live SA (crash tokens) */
  const char *exchanges;                      /* where it may appear, "*" for all */
  gint32      weight;                         /* send before (< 0) or after (>= 0) the payloads of tasks */
  /* may be NULL; FALSE: nothing sent */
  gboolean  (*send)     (IkePlugin *self, IkeSa *sa, IkeExchange *x, IkeWriter *out);
  /* may be NULL; FALSE: invalid, not recorded */
  gboolean  (*received) (IkePlugin *self, IkeSa *sa, IkeExchange *x, const IkeNotify *notify);
  /* may be NULL: an operation in whose messages it never came has ended */
  void      (*absent)   (IkePlugin *self, IkeSa *sa, IkeExchange *x);
  /* for is_unprotected_ok */
  void      (*unprotected) (IkePlugin *self, IkeSa *sa, const IkeNotify *notify, const IkeDatagram *from);
} IkeNotifyClass;

/* Kind `gate`: a stateless verdict on a first message, before an SA exists.  Called on the shard that received it, in
 * declared order.  @attachment: bytes for the SA that will be made, found by ike_sa_attachment (sa, gate's name). */
typedef enum { IKE_GATE_PASS, IKE_GATE_REPLY, IKE_GATE_DROP } IkeGateVerdict;
typedef struct {
  guint32        struct_size;
  const char    *exchanges, *after;
  IkeGateVerdict (*judge) (IkePlugin *self, const IkeDatagram *datagram, const IkeMessage *first, IkeWriter *reply,
                           GBytes **attachment);
  /* May be NULL.  The answer to @first has @answer_len bytes, more than @first: does its source have to prove first
   * that it is there?  TRUE: @reply is sent in its place, and the SA that was made goes.  Shard of that SA. */
  gboolean       (*replace) (IkePlugin *self, const IkeDatagram *datagram, const IkeMessage *first, gsize answer_len,
                             IkeWriter *reply);
} IkeGateClass;
GBytes *ike_sa_attachment (const IkeSa *sa, const char *gate);
/* How many SAs of peers are half open: in all, of this source, of its prefix.  A source is an IPv4 address or an IPv6
 * /64, a prefix an IPv4 /24 or an IPv6 /48 (RFC 8019, 4.2); counts of them may be a little too high, never too low.
 * Any thread. */
typedef struct { guint32 struct_size; guint32 all, source, prefix; } IkeHalfOpen;
void    ike_half_open_count (IkeEngine *engine, const IkeAddr *source, IkeHalfOpen *out);

/* Kind `outer`: payloads of a protected request that stand in front of SK, in the clear: what is to be seen before
 * anything is decrypted. */
typedef struct {
  guint32     struct_size;
  const char *exchanges;
  /* Whole payloads, when the request is built.  May be NULL. */
  void      (*write) (IkePlugin *self, IkeSa *sa, const IkeExchange *x, IkeWriter *out);
  /* A new request came, and nothing in it is proven yet: @outer holds the payloads up to SK, or to SKF of a fragment.
   * FALSE: it is dropped, as if it had not come.  May be NULL. */
  gboolean  (*check) (IkePlugin *self, IkeSa *sa, const IkeMessage *outer);
} IkeOuterClass;

/* Kind `orphan`: a message for an SPI that we do not know; rate-limited by the core. TRUE: @reply holds payloads to
 * answer in the clear (behind a header made by the core), no other orphan is asked. */
typedef struct {
  guint32   struct_size;
  const char *after;
  gboolean (*answer) (IkePlugin *self, const IkeDatagram *datagram, const IkeHeader *header, IkeWriter *reply);
} IkeOrphanClass;

/* Kind `operation`. */
enum { IKE_TOUCHES_NOTHING, IKE_TOUCHES_CHILD, IKE_TOUCHES_IKE };
typedef struct {
  guint32     struct_size;
  const char *exchange;                       /* the first one */
  /* higher goes first: delete 400, endpoints 300, rekey 200, create 150, liveness 100 */
  guint32     priority;
  guint32     touches;
  gboolean  (*is_same)   (gconstpointer a, gconstpointer b);   /* args of two of this class; NULL: always the same */
  GDestroyNotify free_args;
  gboolean    is_outside_window;              /* its one exchange has message ID 0, outside the window; see `id-0` */
} IkeOperationClass;

/* Kind `exchange`, named by IANA: `exchange:IKE_AUTH`. */
/* makes an SA; unprotected; form with message ID 0 outside the window */
enum { IKE_EXCHANGE_INITIAL = 1, IKE_EXCHANGE_CLEAR = 2, IKE_EXCHANGE_ID_0 = 4 };
enum { IKE_ROW_REQUEST = 1, IKE_ROW_RESPONSE = 2 };
enum { IKE_ROLE_INITIATOR = 1, IKE_ROLE_RESPONDER = 2, IKE_ROLE_BOTH = 3 };
typedef struct {
  guint32     direction;                      /* of the message that comes in */
  guint32     roles;                          /* of the receiver, as original initiator or responder of the SA */
  guint32     states;                         /* bits 1 << IkeSaState */
  /* "SA KE Nonce N* V*": name, '?' 0..1, '*' any, '+' 1..; "N(COOKIE)": this notify alone is the shape */
  const char *shape;
} IkeStateRow;
typedef struct {
  guint32            struct_size;
  guint8             number;
  guint8             flags;
  const char        *after, *before;          /* other exchanges it stands between, for `--order` and NEXT checks */
  const char        *phases;                  /* in order: "identify auth authorized config child finish" */
  const IkeStateRow *rows;                    /* ends with direction == 0 */
  const char        *operation;               /* of the responder, when it spans exchanges: "establish"; may be NULL */
  /* IKE_EXCHANGE_ID_0: accept this one? its replay rule */
  gboolean         (*id_0) (IkePlugin *self, IkeSa *sa, const IkeMessage *message);
  /* IKE_EXCHANGE_INITIAL: another one that operations of ours begin with, and this one in its place where @wanted
   * says so.  Where the peer does not answer this one, or a task gives way, that other one follows all the same. */
  const char        *instead_of;
  gboolean         (*wanted) (IkePlugin *self, IkeSa *sa);
} IkeExchangeClass;

/* Kind `id-0`: a form of somebody's exchange that has message ID 0 and stands outside the window (RFC 6311):
 * protected as any other, never fragmented, repeated and answered as any other, with a replay rule of its own. */
typedef struct {
  guint32     struct_size;
  const char *exchange;
  /* agreed on? else nothing is even decrypted */
  gboolean  (*is_open) (IkePlugin *self, const IkeSa *sa);
  /* this one: its form, its replay rule? FALSE: judged by the window */
  gboolean  (*accept)  (IkePlugin *self, IkeSa *sa, const IkeMessage *request);
  /* Is this the answer to the one of ours that is under way, and not that to an older one, repeated?  All have ID 0.
   * FALSE: as if it had not come.  May be NULL: yes. */
  gboolean  (*answers) (IkePlugin *self, IkeSa *sa, const IkeMessage *response);
} IkeIdZeroClass;
/* Is this one of that form?  On both ends. */
gboolean ike_exchange_is_outside_window (const IkeExchange *x);

/* Kind `shape`: one more row for an exchange of somebody else. */
typedef struct {
  guint32            struct_size;
  const char        *exchange;
  const IkeStateRow *rows;
} IkeShapeClass;

/* Kind `payload`: a payload type that the core does not know. */
typedef struct {
  guint32     struct_size;
  guint8      type;
  const char *name;
  gboolean  (*check) (const IkePayload *payload, IkeVerdict *verdict);   /* may be NULL */
} IkePayloadClass;

/* Kind `auth-octets`: appends to, or replaces, what AUTH signs, in declared order. */
typedef struct {
  guint32     struct_size;
  const char *after;
  gboolean  (*change) (IkePlugin *self, IkeSa *sa, gboolean of_initiator, GByteArray *octets);   /* FALSE: fail AUTH */
} IkeAuthOctetsClass;

/* Kind `transmit`: which paths and what pace for one request; the one with a `takes` that says yes, else the
 * default. */
typedef struct {
  guint32   struct_size;
  gboolean (*takes) (IkePlugin *self, IkeSa *sa, const IkeExchange *x);
  /* Delay in ms before try @n+1 (n sends were made), 0: give up.  May change @local and @remote for the send. */
  guint32  (*pace)  (IkePlugin *self, IkeSa *sa, const IkeExchange *x, guint n, IkeAddr *local, IkeAddr *remote);
} IkeTransmitClass;
/* The default's delay behind the @n-th send; 0: it would have given up instead. */
guint32 ike_exchange_pace (const IkeExchange *x, guint n);

/* Kind `protocol`, by major version: `protocol:1`. */
typedef struct {
  guint32   struct_size;
  guint8    major;
  /* Which shard is it for? By its header; -1: any (a first message). Any shard. */
  int      (*peek)  (IkePlugin *self, const guint8 *data, gsize len);
  /* On that shard. */
  void     (*input) (IkePlugin *self, guint shard, const IkeDatagram *datagram);
} IkeProtocolClass;
/* For protocol plugins: an SA of this shard by our SPI; a new SA with a fresh SPI (shard of the caller). */
IkeSa *ike_sa_by_spi (IkeEngine *engine, guint shard, guint64 our_spi);
IkeSa *ike_sa_make   (IkeEngine *engine, guint shard, guint8 major, gboolean is_initiator, const IkeAddr *local,
                      const IkeAddr *remote, IkeConn *conn_or_null);
guint64 ike_sa_our_spi (const IkeSa *sa);
/* Responder, for a first message: an SA with a fresh SPI that counts as half-open and ends after their time unless
 * it comes up.  NULL: there are too many, or the engine ends; drop the message.  A repeat of the same bytes from the
 * same peer finds it.  Shard of the caller. */
IkeSa *ike_sa_make_first (IkeEngine *engine, guint shard, guint8 major, guint64 peer_spi, const IkeDatagram *first);
IkeSa *ike_sa_by_first   (IkeEngine *engine, guint shard, guint64 peer_spi, const IkeDatagram *first);
/* The shard where first messages with this SPI of the peer are handled, so that a repeat that comes to another
 * socket finds its SA: what `peek` answers for them.  Any thread. */
guint  ike_shard_of_first (IkeEngine *engine, guint64 peer_spi);

IKE_END_DECLS
