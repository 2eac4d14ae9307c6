/* SPDX-License-Identifier: Apache-2.0 */
/* test_pair.h - an EAP method's server against its peer, by the functions of their classes, in one engine. */
#pragma once
#include <ikebana/eap.h>

#include "tls/test_support.h"

typedef struct _EapPair EapPair;

/* One end.  Of the other, only its packets are known. */
typedef struct {
  const IkeEapClass *klass;
  IkePlugin         *plugin;
  IkeEapContext      context;
  gpointer           state;
  char              *why;                     /* it could not begin */
  IkeEapStep        *step;                    /* the last one */
  char              *error;                   /* the call failed */
  gboolean           is_done;                 /* peer: it was content once; what followed was asked for all the same */
  IkeSecretBlob     *msk;
} EapEnd;

struct _EapPair {
  TlsBench *bench;                            /* one for all pairs with the same settings */
  EapEnd   server, peer;
  guint    n_packets;
  gsize    longest;                           /* of them */
  /* May be NULL: sees each packet, and may change it in place (cut it, not make it longer); FALSE: the peer hears
   * EAP-Success in its place. */
  gboolean (*tamper) (EapPair *pair, gboolean by_server, guint8 *packet, gsize *len);
  gpointer data;
};

typedef struct {
  const char *method;                         /* "tls" */
  const char *settings;                       /* of plugins */
  const char *const *plugins;                 /* that have it; NULL-terminated */
  const char *identity;                       /* as the server hears it; NULL: not said */
  const char *own;                            /* the peer's own name, NULL: @identity */
  const char *server_id;                      /* the server's own; NULL: server.test */
  const char *other;                          /* whom the peer expects; NULL: @server_id */
  const char *connections;                    /* as in TlsBenchOptions; its `test` has the sections of both ends */
  guint32     mtu;
  const IkePluginInfo *more;                  /* a further plugin, linked into the test; or NULL */
} EapPairOptions;

/* For `tamper`, with one of these as `data`: the last byte of the packet number @at is changed, where it is not a mere
 * acknowledgement. */
typedef struct {
  guint at, n_changed;
} EapChange;
gboolean eap_pair_flip (EapPair *pair, gboolean by_server, guint8 *packet, gsize *len);
/* Likewise, with a number: that packet and what follows get lost. */
gboolean eap_pair_drop (EapPair *pair, gboolean by_server, guint8 *packet, gsize *len);

/* Between eap_pair_open() and eap_pair_run(): one end closes TLS after whatever it says in the tunnel, in the same
 * flight. */
void eap_pair_hang_up (EapPair *pair, gboolean is_server);

void eap_pair_open  (EapPair *pair, const EapPairOptions *options);
void eap_pair_close (EapPair *pair);
void eap_pair_clear (void);                   /* at the end of the program */
/* Until both are DONE, or one has FAILED. */
void eap_pair_run   (EapPair *pair);
/* One turn of @end, which shall have a state. */
void eap_end_step   (EapPair *pair, EapEnd *end, const guint8 *packet, gsize len, guint8 identifier);

/* Both are DONE and have the same key. */
void eap_pair_assert_done   (EapPair *pair, const char *identity_or_null);
/* The server, the peer FAILED, and its reason has @text. */
void eap_pair_assert_failed (const EapEnd *end, const char *text);
