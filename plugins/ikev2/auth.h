/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h - what the files of the task `auth` share.
 *
 * Each end proves one identity after another, a *round* each (RFC 4739), mostly one.  A round takes one AUTH, or a talk
 * (EAP) and then an AUTH of both ends with what came of it.  A message is looked at in stages, since each may wait. */
#pragma once
#include "ikev2.h"
#include "ikev2_private.h"

/* RFC 7619: of nobody. */
enum { IKEV2_METHOD_NULL = 13 };

typedef enum { AUTH_LOOK, AUTH_VERIFIED, AUTH_TALK, AUTH_TALKED, AUTH_SIGN, AUTH_SIGNED, AUTH_END } AuthStage;

typedef struct {
  AuthStage      stage;                       /* of the message in hand */
  IkeAuthValue  *ours;                        /* AUTH that goes out next */
  IkeAuthTurn   *turn;                        /* of the talk: what goes out next */
  char          *error;                       /* of the last call; NULL: it worked */
  gboolean       is_verified, has_failed_sent;
  guint8         method;                      /* of the peer's last AUTH */
  guint          own, theirs;                 /* rounds that are done */
  /* The talk: `talk` is there while it lasts; then, till both have sent its AUTH, `is_talked`. */
  const IkeProvided *talker;
  const IkeAuthConf *talk_conf;
  IkeConn       *talk_conn;                   /* whose that is */
  gpointer       talk;
  gboolean       is_talked;
  gboolean       is_left_out;                 /* whoever answers leaves its own AUTH out till then (RFC 5998) */
  gboolean       is_warned;                   /* why the talk will fail is explained */
  gboolean       is_kept, is_empty;           /* the first request, for the last; ours has nothing in it */
  guint          n_asked;                     /* authorizers that allow the peer */
  gboolean       is_hook_asked;
  char          *refusal;                     /* by one of them: for people */
  IkeConn       *candidates[IKEV2_CANDIDATES_MAX]; /* responder; a reference each */
  guint          n_candidates, next_candidate;
} Auth;

/* auth.c */
IkeTaskResult ikev2_auth_sign   (IkeTask *task, const IkeProvided *method, const IkeAuthConf *conf);
/* AUTH of @in by @method: a call; `is_verified` and `error` tell. */
IkeTaskResult ikev2_auth_verify (IkeTask *task, const IkeProvided *method, const IkeAuthConf *conf,
                                 const IkeMessage *in);
/* Begins the talk by which one of us authenticates itself as @conf says. */
IkeTaskResult ikev2_auth_talk_begin (IkeTask *task, const IkeAuthConf *conf, gboolean is_local);
IkeTaskResult ikev2_auth_talk   (IkeTask *task, const IkePayload *payload_or_null);
void          ikev2_auth_talk_clear (Auth *self);
/* Is this what @conf lets its end leave out its own AUTH for? */
gboolean      ikev2_auth_is_mutual  (IkeSa *sa, const IkeAuthConf *conf, gboolean is_local);
/* Tells people why the peer is not let in; the sentence, g_free. */
char         *ikev2_auth_explain (IkeTask *task, const char *phase, const char *why, IkeTree *details_take);
/* The same, and fails with AUTHENTICATION_FAILED. */
IkeTaskResult ikev2_auth_refuse (IkeTask *task, const char *phase, const char *why, IkeTree *details_take);
IkeIdent     *ikev2_auth_read_id (const IkeMessage *in, guint8 type, IkeVerdict *verdict);
/* Does this very message say that another authentication follows? */
gboolean      ikev2_auth_another (const IkeMessage *in);
/* authorize.c: DONE: no plugin refuses the peer; it may take calls. */
IkeTaskResult ikev2_authorize (IkeTask *task);
void          ikev2_auth_write  (Auth *self, IkeWriter *out, gboolean is_followed);
void          ikev2_auth_write_turn (Auth *self, IkeWriter *out);

/* auth_ask.c, auth_answer.c */
IkeTaskResult ikev2_auth_build_request    (IkeTask *task, IkeWriter *out);
IkeTaskResult ikev2_auth_process_response (IkeTask *task, IkeExchange *x, const IkeMessage *in);
IkeTaskResult ikev2_auth_process_request  (IkeTask *task, IkeExchange *x, const IkeMessage *in);
IkeTaskResult ikev2_auth_build_response   (IkeTask *task, IkeWriter *out);

/* auth_candidates.c: connections that a peer who authenticates by @method (0: it wants to be talked with) may mean.
 * DONE: there is at least one. */
IkeTaskResult ikev2_auth_collect (IkeTask *task, IkeExchange *x, const IkeMessage *in, guint8 method);
/* Makes the next one the SA's. FALSE: there is none. */
gboolean      ikev2_auth_next_candidate (IkeTask *task);
/* After a talk: a candidate that it fits is the SA's; else why not, g_free. */
char         *ikev2_auth_fit (IkeTask *task);
