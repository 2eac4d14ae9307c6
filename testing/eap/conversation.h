/* SPDX-License-Identifier: Apache-2.0 */
/* conversation.h - one EAP conversation on the server's side: the host (see ikebana/eap.h) of the methods that the
 * command line allows.  It knows nothing of what carries its packets. */
#pragma once
#include <ikebana/eap.h>

enum { METHODS_MAX = 8 };

typedef struct {
  const IkeProvided *identity;                /* of type 1 */
  const IkeProvided *methods[METHODS_MAX];    /* in the order of preference: the first one is proposed */
  guint              n_methods;
  IkeEngine         *engine;
  IkeConfig         *config;
  const IkeAuthConf *conf;                    /* section `remote` of the connection `front`; NULL: there is none */
} Methods;

typedef struct _Conversation Conversation;

/* What is to be said after a turn; what it points to is gone when `said` returns. */
typedef struct {
  guint8            outcome;                  /* IkeEapOutcome */
  const guint8     *packet;                   /* of EAP, always there */
  gsize             len;
  IkeSecretBlob    *msk;                      /* DONE; or NULL */
  const IkeIdent   *identity;                 /* DONE */
  const char       *reason;                   /* FAILED */
  const char *const *groups;                  /* DONE; or NULL */
} Saying;

/* Everything on @loop; @said is called once for each conversation_hear() that returns TRUE. */
Conversation *conversation_new  (const Methods *methods, IkeLoop *loop,
                                 void (*said) (gpointer data, const Saying *saying), gpointer data);
/* A packet of the peer, the first of which is its EAP-Response/Identity.  FALSE: dropped. */
gboolean      conversation_hear (Conversation *conversation, const guint8 *packet, gsize len);
void          conversation_free (Conversation *conversation_or_null);   /* not in `said` */
