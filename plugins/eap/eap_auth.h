/* SPDX-License-Identifier: Apache-2.0 */
/* eap_auth.h - what the files of the plugin `eap` share. */
#pragma once
#include "shared/eap/host.h"
#include <ikebana/auth.h>
#include <ikebana/exchange.h>

typedef struct {
  IkePlugin    *self;
  IkeEngine    *engine;
  guint32       slot;                         /* Proof */
  guint32       local_eap_id, local_aaa_id, remote_eap_id, remote_groups;
  IkeHookPoint *on_done;
} Eap;

/* What came of the talk of an SA, till that is up. */
typedef struct {
  IkeSecretBlob *msk;                         /* NULL: none yet, or the method makes none */
  gboolean       is_done;                     /* the talk is over, and both are content */
  gboolean       is_only;                     /* who answers has no other AUTH (RFC 5998) */
  gboolean       has_said_only;               /* the peer: EAP_ONLY_AUTHENTICATION */
} Proof;

Proof      *eap_proof (Eap *eap, IkeSa *sa);  /* made when it is first needed */
/* "mschapv2" of "eap-mschapv2"; NULL: any. */
const char *eap_method_of (const IkeAuthConf *conf);

/* talk.c: see IkeAuthClass. */
gpointer eap_talk_begin (IkePlugin *self, IkeSa *sa, const IkeAuthConf *conf, gboolean is_local, char **why);
void     eap_talk       (gpointer talk, IkeCall *call, const guint8 *body, gsize len);
void     eap_talk_end   (gpointer talk);
