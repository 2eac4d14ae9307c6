/* SPDX-License-Identifier: Apache-2.0 */
/* sa.h - IKE SAs and CHILD_SAs, as plugins see them.
 *
 * All functions run on the SA's owner shard unless they say otherwise; a debug build asserts it.  An SA is destroyed at
 * the end of the turn in which somebody asked for it, never inside a handler. */
#pragma once
#include <ikebana/bus.h>
#include <ikebana/crypto.h>
#include <ikebana/ident.h>
#include <ikebana/message.h>
#include <ikebana/model.h>
#include <ikebana/net.h>
#include <ikebana/runtime.h>

IKE_BEGIN_DECLS

typedef enum {
  IKE_SA_CREATED, IKE_SA_CONNECTING, IKE_SA_ESTABLISHED, IKE_SA_REKEYING, IKE_SA_REKEYED, IKE_SA_DELETING, IKE_SA_DEAD,
  IKE_SA_N_STATES,
} IkeSaState;

typedef enum {
  IKE_CHILD_CREATED, IKE_CHILD_INSTALLED, IKE_CHILD_REKEYING, IKE_CHILD_REKEYED, IKE_CHILD_DELETING, IKE_CHILD_DEAD,
} IkeChildState;

/* -- what it is */

IkeEngine      *ike_sa_engine    (const IkeSa *sa);
IkeLoop        *ike_sa_loop      (const IkeSa *sa);
IkeSaRef        ike_sa_ref       (const IkeSa *sa);
guint32         ike_sa_unique_id (const IkeSa *sa);
IkeSaState      ike_sa_state     (const IkeSa *sa);
const char     *ike_sa_state_name (IkeSaState state);
gboolean        ike_sa_is_initiator (const IkeSa *sa);         /* the original initiator */
gboolean        ike_sa_was_ours  (const IkeSa *sa);            /* we began it, or its first ancestor */
guint64         ike_sa_spi       (const IkeSa *sa, gboolean of_initiator);
IkeConn        *ike_sa_conn      (const IkeSa *sa);            /* NULL: not selected yet */
const IkeAddr  *ike_sa_local     (const IkeSa *sa);
const IkeAddr  *ike_sa_remote    (const IkeSa *sa);
const IkeIdent *ike_sa_local_id  (const IkeSa *sa);            /* NULL: not known yet */
const IkeIdent *ike_sa_remote_id (const IkeSa *sa);
const IkeChoice *ike_sa_choice   (const IkeSa *sa);
gint64          ike_sa_now_us    (const IkeSa *sa);            /* the engine's clock: virtual in simulation */
gint64          ike_sa_established_us (const IkeSa *sa);
/* The @name of the SA in logs: "home[3]". Valid for this turn. */
const char     *ike_sa_name      (const IkeSa *sa);

/* -- what is decided about it */

void ike_sa_set_conn      (IkeSa *sa, IkeConn *conn);          /* takes a reference of its own */
void ike_sa_set_local_id  (IkeSa *sa, IkeIdent *id_take);
void ike_sa_set_remote_id (IkeSa *sa, IkeIdent *id_take);
void ike_sa_set_choice    (IkeSa *sa, const IkeChoice *choice);
void ike_sa_set_peer_spi  (IkeSa *sa, guint64 spi);
/* We are behind NAT, the peer is: both float to the marked port, ESP is encapsulated.  May be asked later. */
void     ike_sa_set_nat   (IkeSa *sa, gboolean local_behind, gboolean remote_behind);
gboolean ike_sa_nat_local (const IkeSa *sa);
gboolean ike_sa_nat_remote (const IkeSa *sa);
/* It is on the marked port: only from there ESP goes in UDP (RFC 7296, 2.23). */
gboolean ike_sa_has_floated (const IkeSa *sa);
/* Both sides said that they can (RFC 7383): large messages may be cut from now on, and fragments are taken. */
void     ike_sa_set_fragmentation (IkeSa *sa, gboolean is_agreed);
gboolean ike_sa_has_fragmentation (const IkeSa *sa);
/* To the marked port of both ends, from the next message on; the initiator, before AUTH. */
void ike_sa_float         (IkeSa *sa);
/* The path, applied unless a newer message ID of the peer was heard (@message_id; G_MAXUINT32: locally decided). */
void ike_sa_set_endpoints (IkeSa *sa, const IkeAddr *local, const IkeAddr *remote, guint32 message_id);
/* From when @is_held is set until it is taken back, CHILD_SAs, new ones too, are between the addresses that the SA has
 * now, wherever it moves: till it is sure that the peer is where it says.  Then they follow.  Goes on with an heir. */
void ike_sa_hold_children (IkeSa *sa, gboolean is_held);
/* What has no answer yet goes out at once, by the present path, and its tries are counted anew. */
void ike_sa_send_again    (IkeSa *sa);
/* Authenticated both ways: the SA counts as up; emits `ike-up`. */
void ike_sa_set_established (IkeSa *sa);
/* A delete is on its way: nothing new begins on it. */
void ike_sa_set_deleting  (IkeSa *sa);
/* How many requests may be in flight, each way (SET_WINDOW_SIZE): those that we take, those that the peer takes.  Used
 * once AUTH is done; never gets smaller. */
void ike_sa_set_window (IkeSa *sa, guint ours, guint theirs);
void ike_sa_window     (const IkeSa *sa, guint *ours, guint *theirs);
/* The ID of our next request, and of the peer's next one: after the newest that came. */
void ike_sa_message_ids (const IkeSa *sa, guint32 *next_sent, guint32 *next_received);
/* Another node of a cluster has used IDs below these, or may have: both go up to that, never down.  What is under way
 * below them is waited for no longer: requests of ours begin anew after a while, those of the peer are forgotten. */
void ike_sa_raise_message_ids (IkeSa *sa, guint32 next_sent, guint32 next_received);
/* The same for what we send in CHILD_SAs: sequence numbers go up by @by, also of one that is not in the kernel yet,
 * before its first packet.  FALSE: the kernel plugin cannot (IKE_KERNEL_CAN_SKIP). */
gboolean ike_sa_skip_sequences (IkeSa *sa, guint64 by);
/* The peer authenticated as nobody (RFC 7619): its identity is what it likes, and stands for no other SA of it. */
void ike_sa_set_anonymous (IkeSa *sa);
gboolean ike_sa_is_anonymous (const IkeSa *sa);
/* The name that the peer proved inside its authentication, where that is another than its identity (EAP): for unique,
 * leases, accounts and people.  Without one it is the identity; NULL: not known yet. */
void            ike_sa_set_user (IkeSa *sa, IkeIdent *user_take);
const IkeIdent *ike_sa_user     (const IkeSa *sa);
/* By which section `local` or `remote` that end authenticates itself at present (RFC 4739: there may be several); the
 * first, till another is set, and again when the connection changes.  NULL: no connection yet, or no such section. */
const IkeAuthConf *ike_sa_auth_conf      (const IkeSa *sa, gboolean is_local);
guint              ike_sa_auth_round     (const IkeSa *sa, gboolean is_local);
void               ike_sa_set_auth_round (IkeSa *sa, gboolean is_local, guint round);
/* Groups that an authentication found the peer to be in; more than GROUPS_MAX are left out. */
enum { IKE_SA_GROUPS_MAX = 32, IKE_SA_VIRTUAL_IPS_MAX = 8 };
void            ike_sa_add_group   (IkeSa *sa, const char *group);
void            ike_sa_remove_group (IkeSa *sa, const char *group);
gboolean        ike_sa_is_in_group (const IkeSa *sa, const char *group);
/* Addresses that an end has inside the tunnel because the other gave it to it (RFC 7296, 2.19): ours, or the peer's.
 * `dynamic` in the selectors of children stands for them.  Kept when the SA is rekeyed.  FALSE: there are too many. */
gboolean        ike_sa_add_virtual_ip     (IkeSa *sa, gboolean is_ours, const IkeAddr *addr);
void            ike_sa_forget_virtual_ips (IkeSa *sa, gboolean is_ours);
const IkeAddr  *ike_sa_virtual_ips        (const IkeSa *sa, gboolean is_ours, guint *n);
/* Who uses @sa, as bytes for ourselves: user, groups, virtual addresses. */
void            ike_sa_write_user (const IkeSa *sa, IkeWriter *out);
/* The same for @sa from what was written.  FALSE: malformed; a part of it may have been taken. */
gboolean        ike_sa_read_user  (IkeSa *sa, IkeReader *in);
/* How many there may be of one peer (RFC 7296, 2.4; `unique`), by both identities.  INITIAL_CONTACT came with AUTH: */
void ike_sa_set_first_contact (IkeSa *sa);
/* Responder, when the peer is authenticated and the SA about to be up: the older ones go, or, FALSE, this one shall
 * not come up, and @why (g_free) says so. */
gboolean ike_sa_settle_unique (IkeSa *sa, char **why);
/* Is there one between these identities that is up, or may be for the peer?  For others @sa is one from now on. */
gboolean ike_sa_has_other (IkeSa *sa, const IkeIdent *local, const IkeIdent *remote);
/* Goes down at the end of the turn, without a word on the wire. @reason: for people. */
void ike_sa_destroy       (IkeSa *sa, const char *reason);
/* The same for a peer that has proven to have no memory of it: as one that does not answer, so `dpd_action` of its
 * children, and nobody waits. */
void ike_sa_lost          (IkeSa *sa, const char *reason);
/* An IKE SA of ours begins from scratch at @where (a port of 0: that of the connection), sent from @local (NULL: as
 * @sa), with the same connection and children.  One that is still being set up goes at once, and whoever waits for it
 * waits for the new one; one that is up is closed when the new one is, and stays if that does not come up.  Whoever
 * calls it limits how often.  FALSE: it is going already, is not ours, or no SA can be made. */
gboolean ike_sa_restart   (IkeSa *sa, const IkeAddr *local, const IkeAddr *where, const char *why);

/* -- operations */

/* Queues @operation ("establish", "delete", …: a feature `operation:NAME`) behind the window, by its priority.  An
 * equal one that is queued takes this one's place.  @done (may be NULL) hears the end on the owner shard: @error
 * NULL on success. FALSE: no such operation, or the SA is going; then @args_take was freed and @done is not called. */
gboolean ike_sa_begin (IkeSa *sa, const char *operation, gpointer args_take,
                       void (*done) (IkeSa *sa, gpointer data, const char *error), gpointer data);
gpointer ike_operation_args (IkeOperation *operation);

/* The packet that an operation was begun for. */
typedef struct {
  guint32     struct_size;
  guint32     acquire;                        /* sequence number of the kernel's question; 0: none */
  IkeSelector local, remote;
} IkeTrigger;
/* NULL: no packet asked for it. */
const IkeTrigger *ike_operation_trigger (const IkeOperation *operation);
/* Any thread: makes an SA for @conn (reference taken), establishes it with the child @child_name (NULL: the first child
 * of the connection; "": none), or adds the child to an SA of the same connection that is up or coming up.  Answers
 * @call with an IkeTree (result) or fails with the reason. */
void ike_initiate (IkeEngine *engine, IkeConn *conn, const char *child_name_or_null, IkeCall *call);
/* Any thread: SAs (or children) by name, answers with an IkeTree {n, names}. */
void ike_terminate (IkeEngine *engine, const char *conn_or_null, const char *child_or_null, guint32 unique_id,
                    gboolean is_forced, IkeCall *call);

/* Any thread: @each for every IKE SA, on its shard, some at a time; what is made meanwhile may be left out.
 * Then @free_data (may be NULL), on the last of these shards, or when the engine ends first: shards share @data. */
void ike_sa_each (IkeEngine *engine, void (*each) (IkeSa *sa, gpointer data), gpointer data_take,
                  GDestroyNotify free_data);

/* For a command with the arguments `name` (of a connection) and `id` (a number): begins @operation, which takes a text
 * (g_free) or nothing, on the IKE SAs that they mean, and finishes @request with { n, names } when all has ended, or
 * fails it with the first reason.  Control. */
void ike_request_begin (IkeRequest *request, const char *operation, const char *text_or_null);

/* -- slots: state that a plugin keeps with an SA */

typedef struct {
  guint32        struct_size;
  const char    *name;
  GDestroyNotify destroy;                                        /* owner shard */
  gpointer     (*inherit)  (IkeSa *from, IkeSa *to, gpointer state);   /* IKE rekey; NULL: not inherited */
  void         (*snapshot) (IkeSa *sa, gpointer state, IkeWriter *out); /* NULL: not kept */
  gpointer     (*restore)  (IkeSa *sa, IkeReader *in);
  gpointer     (*restart)  (IkeSa *from, IkeSa *to, gpointer state);   /* ike_sa_restart(); NULL: left behind */
  /* An IKE SA beside @from, made of its keys, while both go on: what @to has; may be NULL.  Without this function a
   * state that is inherited is one that there can be once only: then nothing is made beside the SA that has it. */
  gpointer     (*share)    (IkeSa *from, IkeSa *to, gpointer state);
} IkeSlotClass;

/* While activating. Control. */
guint32  ike_slot_register (IkePlugin *plugin, const IkeSlotClass *klass);
gpointer ike_sa_slot     (const IkeSa *sa, guint32 slot);
void     ike_sa_set_slot (IkeSa *sa, guint32 slot, gpointer state_take);   /* destroys what was there */

/* -- keys */

/* Fresh SPI of ours is chosen when the SA is made.  SKEYSEED and SK_* of IKE_SA_INIT (RFC 7296, 2.14); the choice
 * must be set.  FALSE: the crypto plugin failed. */
gboolean ike_sa_keys_init  (IkeSa *sa, const guint8 *secret, gsize secret_len, const guint8 *nonce_i, gsize nonce_i_len,
                            const guint8 *nonce_r, gsize nonce_r_len);
/* A further key exchange (RFC 9370, 2.2.2): SKEYSEED(n) = prf (SK_d(n-1), SK(n) | Ni | Nr); a new generation, for
 * messages sealed from the next exchange on. */
gboolean ike_sa_keys_mix   (IkeSa *sa, const guint8 *secret, gsize secret_len);
/* A pre-shared key mixed into SK_d, SK_pi, SK_pr (RFC 8784, 3). */
gboolean ike_sa_keys_mix_psk (IkeSa *sa, const guint8 *psk, gsize psk_len);
/* Rekey and resumption: seeds a new SA from an old one: SKEYSEED = prf (SK_d (old), secret | Ni | Nr).  The @secret
 * of a resumption is its label, the ASCII string "Resumption" without a NUL (RFC 5723, 5.1). */
gboolean ike_sa_keys_seed  (IkeSa *sa, IkeSa *old, const guint8 *secret, gsize secret_len, const guint8 *nonce_i,
                            gsize nonce_i_len,
                            const guint8 *nonce_r, gsize nonce_r_len);
/* What later SAs may be seeded from when this one is gone: SK_d.  FALSE: there are no keys yet.  Clear it in time. */
gboolean ike_sa_keys_keep  (const IkeSa *sa, IkeSecret *kept);
/* As ike_sa_keys_seed(), from what was kept of an SA with the same choice. */
gboolean ike_sa_keys_seed_from (IkeSa *sa, const IkeSecret *kept, const IkePart *secret, const IkePart *nonce_i,
                                const IkePart *nonce_r);
guint32  ike_sa_key_generation (const IkeSa *sa);
/* prf (SK_px, parts): for those who authenticate more (IntAuth of RFC 9242).  The result has the PRF's length. */
gboolean ike_sa_prf_auth   (IkeSa *sa, gboolean of_initiator, const IkePart *parts, guint n_parts, guint8 *out,
                            gsize *out_len);
/* The same with the keys of an earlier generation: those that a message was sealed with (IkeMessageEvent), when its own
 * exchange has changed them already.  FALSE: that generation is gone. */
gboolean ike_sa_prf_auth_of (IkeSa *sa, guint32 generation, gboolean of_initiator, const IkePart *parts, guint n_parts,
                             guint8 *out, gsize *out_len);
const IkePrf *ike_sa_prf   (const IkeSa *sa);
/* The octets that AUTH of that side signs: its IKE_SA_INIT message | the other's nonce | prf (SK_px, ID'), changed by
 * `auth-octets` features. NULL when keys, messages or the identity are missing.  Free with g_bytes_unref. */
GBytes  *ike_sa_auth_octets (IkeSa *sa, gboolean of_initiator);
/* Until AUTH is done.  The initiator's is known as soon as its first message is sent, the responder's with the keys;
 * NULL: not known. */
const guint8 *ike_sa_nonce (const IkeSa *sa, gboolean of_initiator, gsize *len);

/* -- CHILD_SAs */

IkeChild           *ike_child_new   (IkeSa *sa, const IkeChildConf *conf);   /* CREATED; belongs to @sa */
IkeChildRef         ike_child_ref   (const IkeChild *child);
IkeChild           *ike_child_get   (IkeSa *sa, IkeChildRef ref);            /* NULL: gone */
IkeChild           *ike_child_by_spi (IkeSa *sa, guint8 protocol, guint32 spi, gboolean is_inbound);
guint               ike_sa_n_children (const IkeSa *sa);
IkeChild           *ike_sa_child    (const IkeSa *sa, guint i);
const IkeChildConf *ike_child_conf  (const IkeChild *child);
IkeChildState       ike_child_state (const IkeChild *child);
guint8              ike_child_protocol (const IkeChild *child);
guint32             ike_child_spi   (const IkeChild *child, gboolean is_inbound);
const IkeChoice    *ike_child_choice (const IkeChild *child);
const IkeSelector  *ike_child_selectors (const IkeChild *child, gboolean is_local, guint *n);
void                ike_child_set_spi   (IkeChild *child, gboolean is_inbound, guint32 spi);
void                ike_child_set_state (IkeChild *child, IkeChildState state);
void                ike_child_set_choice (IkeChild *child, const IkeChoice *choice);
void                ike_child_set_selectors (IkeChild *child, gboolean is_local, const IkeSelector *selectors, guint n);
/* Its outbound SA answers the kernel's question about @trigger. */
void                ike_child_set_trigger (IkeChild *child, const IkeTrigger *trigger);
void                ike_child_set_mode  (IkeChild *child, guint8 mode);
guint8              ike_child_mode      (const IkeChild *child);             /* IkeMode */
/* Transport mode behind NAT: the hosts as the peer knows them (RFC 7296, 2.23.1). */
void                ike_child_set_originals (IkeChild *child, const IkeAddr *local, const IkeAddr *remote);
/* Compress by @transform (RFC 7296, 3.10.1): @cpi is the peer's, ours is that of ike_child_get_cpi(). */
void                ike_child_set_ipcomp (IkeChild *child, guint8 transform, guint16 cpi);
guint16             ike_child_cpi       (const IkeChild *child, gboolean is_inbound);     /* 0: none */
/* Our inbound SPI from the kernel plugin; @call gets what IkeKernelClass.get_spi answers. */
void                ike_child_get_spi   (IkeChild *child, IkeCall *call);
/* The same for a CPI; ask only a kernel plugin with IKE_KERNEL_CAN_IPCOMP. */
void                ike_child_get_cpi   (IkeChild *child, IkeCall *call);
/* With its mode and selectors set: claims the traffic, so that no other peer's CHILD_SA takes it away.  FALSE: the
 * child of another peer carries just that; @why (g_free) names it, and what helps. */
gboolean            ike_child_claim     (IkeChild *child, char **why);
/* KEYMAT (RFC 7296, 2.17) from the present SK_d, then both SAs and the policies into the kernel.  @secret NULL: no PFS.
 * Which keys are whose follows from @is_initiator: did we send the request? */
void                ike_child_install   (IkeChild *child, gboolean is_initiator, const guint8 *secret, gsize secret_len,
                                         const guint8 *nonce_i, gsize nonce_i_len, const guint8 *nonce_r,
                                         gsize nonce_r_len, IkeCall *call);
/* After install was answered: INSTALLED, events and updown. */
void                ike_child_set_up    (IkeChild *child);
/* Takes it out of the kernel and the SA at the end of the turn; emits `child-down` if it was up. */
void                ike_child_destroy   (IkeChild *child, const char *reason);

/* A new CHILD_SA in the place of @old, CREATED: with its connection, reqid, mode, interface IDs and marks.  When we
 * answer a request, it is installed inbound only: outbound it takes over when @old goes (RFC 7296, 2.8). */
IkeChild           *ike_child_new_successor (IkeChild *old);
IkeChild           *ike_child_predecessor   (const IkeChild *child);         /* NULL: none, or gone */
/* Its end was asked for; another has its place, or is about to. */
gboolean            ike_child_is_going      (const IkeChild *child);
gboolean            ike_child_is_replaced   (const IkeChild *child);
/* Does the peer have it?  One that the peer asked for may be unknown to it while our answer is on its way. */
gboolean            ike_child_is_confirmed  (const IkeChild *child);
/* It lost a collision: its maker closes it, and until then it is no successor. */
void                ike_child_set_redundant (IkeChild *child);
/* What it carried so far, in one direction: @call gets what IkeKernelClass.query answers. */
void                ike_child_query     (const IkeChild *child, gboolean is_inbound, IkeCall *call);

/* -- an IKE SA in the place of another */

/* On the shard of @old, with its connection, identities and path; CREATED.  NULL: there are too many SAs, or the engine
 * ends.  It is nobody's business until it inherits: no event, no counter tells of it. */
IkeSa *ike_sa_new_heir     (IkeSa *old, gboolean is_initiator);
/* Its keys are there: ESTABLISHED.  Without an inheritance, or a Delete, it goes after minutes. */
void   ike_sa_set_heir_up  (IkeSa *heir);
/* It lost a collision: its maker closes it soon, or does not know it, and then it goes by itself after 10 seconds. */
void   ike_sa_set_redundant (IkeSa *heir);
/* Children, queued operations, slots, and whoever watches; @old becomes REKEYED, and is silent from then on.  Emits
 * `ike-rekeyed`.  Once, else nothing. */
void   ike_sa_inherit      (IkeSa *heir, IkeSa *old);
/* Or it stands beside @old, which keeps all it has: up, with the connection, identities, path and virtual addresses of
 * @old and what its slots share, with a life of its own keys, but no longer than @old's authentication is good for.
 * Nobody's `up` finds it.  Emits `ike-up`.  Once, else nothing. */
void   ike_sa_stand_beside (IkeSa *heir, IkeSa *old);
/* The name of a slot that there can be once only; NULL: there is none, and another may stand beside @sa. */
const char *ike_sa_stands_alone (const IkeSa *sa);
/* TRUE: an heir that has not inherited, or one that has left everything to its heir.  Nothing is made in it. */
gboolean ike_sa_is_silent  (const IkeSa *sa);
/* ESTABLISHED to REKEYING, and back. */
void   ike_sa_set_rekeying (IkeSa *sa, gboolean is_rekeying);
/* Replaces @sa by the operation `rekey`. */
void   ike_sa_replace      (IkeSa *sa);
/* Begins from scratch and closes @sa when the new one is up, or, with `core.make_before_break = no`, before (RFC 7296,
 * 2.8.3).  FALSE: it is not ours to begin, for the peer began @sa; or that goes already. */
gboolean ike_sa_reauthenticate (IkeSa *sa, const char *why);
/* Why it ends, as far as is known: asked when it goes. */
typedef enum {
  IKE_END_UNSAID,                             /* the peer took it away, or something went wrong */
  IKE_END_FAULT,                              /* we delete what is spent, or failed */
  IKE_END_OURS,                               /* we wanted it */
  IKE_END_DEAD,                               /* the peer does not answer */
  IKE_END_TWIN,                               /* both ends began at the same time, and the other SA stays */
  IKE_END_SHUTDOWN,                           /* the daemon ends */
} IkeEnding;
IkeEnding ike_sa_ending (const IkeSa *sa);
/* No later than in @seconds; it may be sooner by configuration.  Inherited by heirs. */
void   ike_sa_reauthenticate_in (IkeSa *sa, guint64 seconds);
/* @sa, or whatever heir it has then, ends in @seconds, or sooner, unless another takes its place that was made from
 * scratch. */
void   ike_sa_end_in       (IkeSa *sa, guint64 seconds);
/* The same, and if it comes to that, @why is what people are told; of several the soonest counts. */
void   ike_sa_end_in_saying (IkeSa *sa, guint64 seconds, const char *why);
/* In how many seconds that is, rounded down; 0: never. */
guint64 ike_sa_ends_in     (const IkeSa *sa);

/* -- sending outside exchanges (other protocol versions, tests) */

/* The bytes go out on the SA's present path. */
void ike_sa_send_raw (IkeSa *sa, const guint8 *data, gsize len);

/* -- snapshot */

/* Seals what is needed to go on with @sa elsewhere or later (keys, SPIs, message IDs, children, slots) under @key (32
 * bytes, `aead:aes-gcm-16/256`).  NULL with @error.  Restore makes an established SA, its children not installed. */
GBytes  *ike_sa_snapshot (IkeSa *sa, const guint8 key[32], GError **error);
/* On any loop: the SA is made on the shard its bucket names; @call answers with an IkeSaRef* (g_free). */
void     ike_sa_restore  (IkeEngine *engine, GBytes *snapshot, const guint8 key[32], IkeCall *call);

/* Events that the core emits, each with a tree: ike-state, ike-up, ike-down, ike-failed, child-up, child-down,
 * child-failed, child-rekeyed, ike-rekeyed, negotiation-failed (see explain), endpoint-changed, message (debug
 * only), connection-waits (one that shall be up is tried again in a while). */

/* Hooks of the core.  Each point's event: */
typedef struct {
  guint32        struct_size;
  gboolean       is_inbound, is_request;
  guint8         exchange;
  guint32        message_id, key_generation;
  /* Whole plaintext: the payload chain inside SK, or that of a clear message.  It may be changed in place, or a hook
   * lets these three name a chain of its own, in memory that lasts until the walk ends: that is sent, or processed,
   * instead (copied).  What AUTH signs of a clear message are the bytes on the wire in any case. */
  const guint8  *plain;
  gsize          len;
  guint8         first_payload;
} IkeMessageEvent;
IKE_DECLARE_HOOK (message, "message", IkeMessageEvent);

/* An IKE datagram as it comes in, before anything of it is read, and as it goes out; each fragment and each repetition
 * is one.  On the shard that handles it; the SA is NULL where there is none (yet).  ACCEPT and PASS: it goes on, with
 * the bytes that @datagram names then (of a hook's own, they last until the walk ends).  REJECT: it goes no further.
 * A hook may keep a copy and put it through later, on that shard: what came in with ike_input() and IKE_NET_RELEASED,
 * what goes out with IkeNetClass.send. */
typedef struct {
  guint32      struct_size;
  gboolean     is_inbound;
  guint        shard;
  IkeDatagram *datagram;
} IkeDatagramEvent;
IKE_DECLARE_HOOK (datagram, "datagram", IkeDatagramEvent);

typedef struct { guint32 struct_size; IkeConn *conn; } IkeConnEvent;
IKE_DECLARE_HOOK (conn_selected, "config-selected", IkeConnEvent);

typedef struct { guint32 struct_size; gboolean is_child; const IkeChoice *choice; } IkeChoiceEvent;
IKE_DECLARE_HOOK (proposal, "proposal-selected", IkeChoiceEvent);

typedef struct { guint32 struct_size; const IkeIdent *peer; const char *method; const char *reason; } IkeAuthorizeEvent;
IKE_DECLARE_HOOK (authorize, "authorize", IkeAuthorizeEvent);

typedef struct {
  guint32            struct_size;
  gboolean           is_initiator, is_response;   /* did we ask?  before sending, or after the answer */
  const IkeChildConf *conf;
  IkeSelector       *local, *remote;          /* room for IKE_SELECTORS_MAX; may be changed */
  guint              n_local, n_remote;
} IkeNarrowEvent;
IKE_DECLARE_HOOK (narrow, "narrow", IkeNarrowEvent);

typedef struct {
  guint32          struct_size;
  gboolean         is_child;
  IkeChild        *child;
  const IkeSecret *keys[8];
  const char      *names[8];
} IkeKeysEvent;
IKE_DECLARE_HOOK (keys, "keys-derived", IkeKeysEvent);

typedef struct { guint32 struct_size; IkeSaState from, to; } IkeStateEvent;
IKE_DECLARE_HOOK (state, "ike-state", IkeStateEvent);

typedef struct { guint32 struct_size; IkeChild *child; gboolean is_up; const char *reason; } IkeChildEvent;
IKE_DECLARE_HOOK (child_updown, "child-updown", IkeChildEvent);

/* @old goes, and @child has its place; of a row of these, child-updown tells the first and the last. */
typedef struct { guint32 struct_size; IkeChild *child, *old; } IkeChildRekeyEvent;
IKE_DECLARE_HOOK (child_rekey, "child-rekeyed", IkeChildRekeyEvent);

/* One direction is about to be taken out of the kernel: the last moment for ike_child_query().  A child that was
 * replaced is heard for a while after it sends no more. */
typedef struct { guint32 struct_size; IkeChild *child; gboolean is_inbound; } IkeChildLeavesEvent;
IKE_DECLARE_HOOK (child_leaves, "child-leaves", IkeChildLeavesEvent);

typedef struct { guint32 struct_size; gboolean is_up; const char *reason; } IkeUpDownEvent;
IKE_DECLARE_HOOK (ike_updown, "ike-updown", IkeUpDownEvent);

/* The SA of the event has taken the place of @old, which had its children till now. */
typedef struct { guint32 struct_size; IkeSa *old; } IkeRekeyEvent;
IKE_DECLARE_HOOK (rekey, "ike-rekeyed", IkeRekeyEvent);

/* The peer asks for an heir of the SA, in @x.  @stays: both agreed that the SA goes on, and that the new one stands
 * beside it.  REJECT: it is refused, with @notify, for @reason (static). */
typedef struct {
  guint32            struct_size;
  const IkeExchange *x;
  gboolean           stays;
  guint16            notify;
  const char        *reason;
} IkeHeirEvent;
IKE_DECLARE_HOOK (heir, "heir-asked", IkeHeirEvent);

/* Before the SA moves.  @is_followed: nobody decided it, authentic packets of a peer behind NAT come from there; then
 * REJECT keeps it where it is.  @is_by_esp: those packets were ESP. */
typedef struct {
  guint32        struct_size;
  const IkeAddr *local, *remote;
  gboolean       is_followed, is_by_esp;
} IkeEndpointEvent;
IKE_DECLARE_HOOK (endpoint, "endpoint-changed", IkeEndpointEvent);

/* How long the authentication of a peer is good for, before it is told so (RFC 4478): whoever has a limit of his own,
 * and ends the SA himself then, makes @seconds less.  0: for ever. */
typedef struct { guint32 struct_size; guint64 seconds; } IkeProofLimitEvent;
IKE_DECLARE_HOOK (proof_limit, "proof-limit", IkeProofLimitEvent);

typedef struct { guint32 struct_size; gboolean is_alive; } IkeLivenessEvent;
IKE_DECLARE_HOOK (liveness, "liveness", IkeLivenessEvent);

/* An SA is listed: what a plugin knows about it goes into @tree. */
typedef struct { guint32 struct_size; IkeTree *tree; } IkeDescribeEvent;
IKE_DECLARE_HOOK (describe, "ike-describe", IkeDescribeEvent);

IKE_END_DECLS
