/* SPDX-License-Identifier: Apache-2.0 */
/* private.h - what the files of EAP-TTLS share. */
#pragma once
#include "shared/eap-tls/inner.h"
#include "shared/mschap/mschap.h"

#include "avp.h"

/* How a peer shows its password. */
typedef enum { TTLS_BY_EAP, TTLS_BY_PAP, TTLS_BY_CHAP, TTLS_BY_MSCHAPV2 } TtlsWay;

typedef struct {
  EapTunnelPlugin tunnel;                     /* first */
  char           *method;                     /* server: of EAP in the tunnel */
  TtlsWay         way;                        /* peer */
} TtlsPlugin;

/* server.c, peer.c: IkeEapClass.begin. */
gpointer ttls_server_begin (IkePlugin *self, const IkeEapContext *context, char **why);
gpointer ttls_peer_begin   (IkePlugin *self, const IkeEapContext *context, char **why);

/* eap_ttls.c: EapInnerClass.say. */
gboolean ttls_say_eap (EapInner *inner, const guint8 *packet, gsize len);

/* passwords.c.  RFC 5281, 11.1: what both ends know, and neither can choose; the identifier is its last byte. */
typedef struct { guint8 challenge[TTLS_CHALLENGE_LEN], identifier; } TtlsChallenge;
gboolean ttls_challenge (EapTunnel *tunnel, TtlsChallenge *out);

enum { TTLS_MD5_LEN = 16, TTLS_MS_RESPONSE_LEN = 50, TTLS_MS_SUCCESS_LEN = 43 };
void     ttls_chap (const TtlsChallenge *challenge, IkeSecretBlob *password, guint8 out[static TTLS_MD5_LEN]);
/* A server: is @avps, of a user with @password, right?  FALSE with a static reason, which names no secret. */
gboolean ttls_check_pap  (const TtlsAvps *avps, IkeSecretBlob *password, const char **why);
gboolean ttls_check_chap (EapTunnel *tunnel, const TtlsAvps *avps, IkeSecretBlob *password, const char **why);
/* @success gets the value of MS-CHAP2-Success. */
gboolean ttls_check_mschapv2 (EapTunnel *tunnel, IkeEngine *engine, const TtlsAvps *avps, IkeSecretBlob *password,
                              guint8 success[static TTLS_MS_SUCCESS_LEN], const char **why);
/* A peer: the AVPs behind User-Name, and, of MS-CHAP-V2, what the server must answer.  FALSE: the library failed,
 * or the password is too long. */
gboolean ttls_say_pap  (GByteArray *out, IkeSecretBlob *password);
gboolean ttls_say_chap (EapTunnel *tunnel, GByteArray *out, IkeSecretBlob *password);
gboolean ttls_say_mschapv2 (EapTunnel *tunnel, IkeEngine *engine, const IkePart *user, IkeSecretBlob *password,
                            GByteArray *out, guint8 success[static TTLS_MS_SUCCESS_LEN]);
