/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h - authentication methods (RFC 7296, 2.15): the kind `auth`, consumed by the IKEv2 exchanges.
 *
 * A method signs our AUTH payload and verifies the peer's.  Both are calls by contract: keys may be on a device, a
 * check may have to ask somebody.  `auth:psk` is chosen by `auth = psk`; a method may serve several words of
 * configuration. */
#pragma once
#include <ikebana/sa.h>

IKE_BEGIN_DECLS

typedef struct {
  guint8  method;                             /* of the AUTH payload */
  guint32 len;
  guint8  data[];
} IkeAuthValue;                               /* g_malloc */

typedef enum { IKE_AUTH_TALK_MORE, IKE_AUTH_TALK_DONE, IKE_AUTH_TALK_FAILED } IkeAuthTalk;

typedef struct {
  guint8  outcome;                            /* IkeAuthTalk */
  GBytes *body;                               /* of our payload; NULL: none is due.  FAILED: for the peer */
  char   *reason;                             /* FAILED: for people.  MORE: why it will fail, or NULL */
  gboolean is_theirs;                         /* FAILED: the other end said so, and is not told */
} IkeAuthTurn;                                /* g_malloc, its parts too */

static inline void
ike_auth_turn_free (gpointer turn_or_null)
{
  IkeAuthTurn *turn = (IkeAuthTurn *) turn_or_null;

  if (!turn)
    return;
  g_bytes_unref (turn->body);
  g_free (turn->reason);
  g_free (turn);
}

typedef struct {
  guint32     struct_size;
  guint8      methods[8];                     /* AUTH methods it verifies, zero-terminated */
  /* Owner shard.  Signs @octets (a reference is taken if kept) as @conf of the connection says; answers with an
   * IkeAuthValue, or fails with a reason for people. */
  void      (*sign)   (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, GBytes *octets);
  /* Answers with a non-NULL static text: how the peer was authenticated ("pre-shared key"), or fails with a reason for
   * people; the peer is told AUTHENTICATION_FAILED only. */
  void      (*verify) (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, guint8 method,
                       const guint8 *value,
                       gsize len, GBytes *octets);
  /* What follows may be NULL. */
  /* Control, while a configuration is built, also under --check when nothing is active: can what @conf asks for be
   * done?  Adds "KEY: sentence" to @problems for what cannot; what begins with "warning: " fails nothing.  Called for
   * connections that did not change, too. */
  void      (*check)    (IkePlugin *self, const IkeAuthConf *conf, gboolean is_local, GPtrArray *problems);
  /* Owner shard.  Who we are where @conf has no id: with a reference; NULL: our address. */
  IkeIdent *(*identity) (IkePlugin *self, IkeSa *sa, const IkeAuthConf *conf);
  /* Of a method that talks before it signs: the type of the payload that carries what it says (48: EAP, RFC 7296,
   * 2.16; 49: GSPM, RFC 6467); 0: it signs at once.  While one end talks, the other only answers: the initiator of
   * the SA shows by an IKE_AUTH request without AUTH that it wants to be talked with, and signs when the talk is
   * DONE, and with what came of it; sign and verify find that in the SA's slot of the plugin. */
  guint8      talks;
  /* Owner shard.  @is_local: we are the one who is authenticated, so that the other begins.  NULL with @why
   * (g_free). */
  gpointer  (*talk_begin) (IkePlugin *self, IkeSa *sa, const IkeAuthConf *conf, gboolean is_local, char **why);
  /* One turn: @body is that of the other's payload, valid until @call is answered; NULL: begin.  Answers with an
   * IkeAuthTurn, or fails with a reason for people. */
  void      (*talk)       (gpointer talk, IkeCall *call, const guint8 *body, gsize len);
  void      (*talk_end)   (gpointer talk);    /* also in the middle of a turn */
  /* Does @conf of who answers mean that it proves itself in the talk alone, and leaves its own AUTH out till then (RFC
   * 5998)?  NULL: no. */
  gboolean  (*is_mutual)  (IkePlugin *self, IkeSa *sa, const IkeAuthConf *conf, gboolean is_local);
  /* Who answers, when the talk is over and its AUTH is right: does what is known of the peer now fit @conf?  FALSE:
   * @why (g_free).  NULL: yes. */
  gboolean  (*fits)       (IkePlugin *self, IkeSa *sa, const IkeAuthConf *conf, char **why);
} IkeAuthClass;

/* Whether a peer may come in that has authenticated itself.  g_malloc, its parts too. */
typedef struct {
  guint32  struct_size;
  gboolean is_allowed;
  char    *reason;                            /* not allowed: for people; the peer is told AUTHENTICATION_FAILED only */
  char   **groups;                            /* that it is in from now on; or NULL */
  char    *pool;                              /* its addresses come from this pool first; NULL: from the connection's */
} IkeAuthorizerAnswer;

static inline void
ike_authorizer_answer_free (gpointer answer_or_null)
{
  IkeAuthorizerAnswer *answer = (IkeAuthorizerAnswer *) answer_or_null;

  if (!answer)
    return;
  g_free (answer->reason);
  g_strfreev (answer->groups);
  g_free (answer->pool);
  g_free (answer);
}

/* Kind `authorizer`: like the hook `authorize`, but it may take its time.  All are asked, one after the other in load
 * order, when everything is proven and before the SA is up; the first who does not allow the peer decides. */
typedef struct {
  guint32 struct_size;
  /* Owner shard; copies what it keeps of @sa.  Answers with an IkeAuthorizerAnswer; one that fails, or takes longer
   * than IKE_AUTHORIZER_MS, does not allow it. */
  void  (*authorize) (IkePlugin *self, IkeCall *call, IkeSa *sa);
} IkeAuthorizerClass;
enum { IKE_AUTHORIZER_MS = 20000 };

IKE_END_DECLS
