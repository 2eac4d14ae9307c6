/* SPDX-License-Identifier: Apache-2.0 */
/* inner.h - what PEAP and EAP-TTLS have in common beyond the tunnel: a conversation by EAP in it, hosted by either end.
 *
 * A method's state begins with an EapInner.  A turn ends as in tunnel.h; what runs the inner conversation ends it, at
 * once or later. */
#pragma once
#include "shared/eap-tls/tunnel.h"
#include "shared/eap/host.h"

IKE_BEGIN_DECLS

typedef struct _EapInner EapInner;

typedef struct {
  const char *name;                           /* of the method, for people */
  gboolean    is_server;
  gsize       size;                           /* of the whole state */
  void      (*talk)  (EapInner *inner, const guint8 *data, gsize len);    /* as that of EapTunnelUser */
  /* Says a packet of the inner conversation in the tunnel, in the form that it has there; FALSE: it does not fit. */
  gboolean  (*say)   (EapInner *inner, const guint8 *packet, gsize len);
  /* Server: the inner conversation is DONE or has FAILED; this ends the turn. */
  void      (*ended) (EapInner *inner, IkeEapStep *step);
  void      (*clear) (EapInner *inner);       /* may be NULL */
  gboolean    ends_content;                   /* peer: is done once the inner method is content */
} EapInnerClass;

struct _EapInner {
  const EapInnerClass *klass;
  gconstpointer        plugin;                /* its state, which begins with an EapTunnelPlugin */
  const IkeEapContext *context;
  EapTunnel           *tunnel;
  IkeEapContext        inside;
  EapServer           *server;                /* NULL, as the next: nobody speaks EAP inside */
  EapPeer             *peer;
};

/* For IkeEapClass.begin; .step and .end. */
gpointer eap_inner_new  (const EapInnerClass *klass, IkePlugin *self, const IkeEapContext *context, char **why);
void     eap_inner_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier);
void     eap_inner_end  (gpointer state);

/* Begins the conversation inside; FALSE: it cannot be, and the turn has ended with that. */
gboolean eap_inner_be_peer   (EapInner *inner);
/* @identity, which lasts as long as the state, or NULL: the peer is asked for it. */
gboolean eap_inner_be_server (EapInner *inner, const char *method, const IkeIdent *identity_or_null);
/* What the other end says in it; a server's first turn has no @packet. */
void     eap_inner_run       (EapInner *inner, const guint8 *packet, gsize len);

IKE_END_DECLS
