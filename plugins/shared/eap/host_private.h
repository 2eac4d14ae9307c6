/* SPDX-License-Identifier: Apache-2.0 */
/* host_private.h - what both kinds of hosts have. */
#pragma once
#include "host.h"

typedef struct _EapHost EapHost;
struct _EapHost {
  IkeEapContext      context;                 /* for its methods */
  IkeIdent          *identity;                /* the one of the context, where it was learnt; a reference */
  const IkeProvided *method;                  /* the present one */
  const IkeEapClass *klass;
  gpointer           state;                   /* of the method; NULL: none has begun */
  IkeCall           *turn, *call;             /* the method's; that of whoever waits for the host */
  guint              n_turns;
  gboolean           is_over;
  guint8            *packet;                  /* that of the turn, which the method may look at until it answers */
  gsize              len;
  void             (*turned) (EapHost *host, IkeEapStep *step_take);
};

/* NULL: @why (g_free; may be NULL) says which plugin is missing. */
const IkeProvided *eap_method_find (const IkeEapContext *context, const char *kind, const char *method, char **why);
/* Ends the present method, and begins another. */
gboolean eap_host_begin  (EapHost *host, const IkeProvided *method, char **why);
void     eap_host_end    (EapHost *host);
/* Keeps a copy of what arrived, wiping the one before: there may be a password in it. */
void     eap_host_keep   (EapHost *host, const guint8 *packet, gsize len);
/* A turn of the method, about what was kept; @has_packet FALSE: it begins.  `turned` gets what comes of it. */
void     eap_host_run    (EapHost *host, gboolean has_packet, guint8 identifier);
/* Takes the call of a turn.  FALSE: it was answered, there is nothing to be done. */
gboolean eap_host_is_open (EapHost *host, IkeCall *call);
void     eap_host_answer (EapHost *host, IkeEapStep *step_take);
void     eap_host_clear  (EapHost *host);
