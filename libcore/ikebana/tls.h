/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - TLS 1.2 and 1.3 over bytes that somebody else carries: the ops of `service:tls`.
 *
 * A session is fed what came from the other end and drained of what goes there; it has no socket, no timer and no
 * loop.  Certificates and trust are those of `service:credentials` and `service:pki`, judged while the handshake runs
 * and without fetching anything; whether one of them was revoked is asked by the session's owner (fetch.h), with
 * @chain of IkeTlsInfo, before it believes.  Sessions are never resumed and never renegotiated.
 *
 * A session is used by one thread at a time, any. */
#pragma once
#include <ikebana/credentials.h>

IKE_BEGIN_DECLS

typedef struct _IkeTls IkeTls;

enum { IKE_TLS_1_2 = 0x0303, IKE_TLS_1_3 = 0x0304 };

/* What the other end may make us hold: bytes of its handshake when nothing else is said, ciphertext that nobody reads,
 * what waits to be drained; and what one write() takes. */
enum { IKE_TLS_HANDSHAKE_MAX = 64 << 10, IKE_TLS_INPUT_MAX = 256 << 10, IKE_TLS_OUTPUT_MAX = 256 << 10,
       IKE_TLS_WRITE_MAX = 16384 };

typedef enum {
  IKE_TLS_HANDSHAKE,
  IKE_TLS_UP,                                 /* application data both ways */
  IKE_TLS_CLOSED,                             /* the other end said so; what came before may be read */
  IKE_TLS_FAILED,                             /* see reason(); what is left to drain is an alert */
} IkeTlsState;

typedef enum { IKE_TLS_NONE, IKE_TLS_OPTIONAL, IKE_TLS_REQUIRED } IkeTlsWant;

typedef struct {
  guint32            struct_size;
  gboolean           is_server;
  guint16            min_version, max_version;   /* IKE_TLS_1_x; 0: the plugin's options */
  guint8             own;                     /* IkeTlsWant: a certificate of ours; a server has one in any case */
  guint8             peer;                    /* IkeTlsWant: server: the client's; a client sees the server's */
  const IkeIdent    *own_id;                  /* as in IkeOwnQuery: NULL: whoever the certificate stands for */
  const char *const *own_certs;               /* likewise: NULL: any with a key */
  const char *const *cacerts;                 /* names of CAs that may have issued the peer's; NULL: all that we have */
  const IkeIdent    *expected;                /* whom the peer's must stand for; NULL, %any: anybody */
  const char        *server_name;             /* client: Server Name Indication (RFC 6066, 3); NULL: none */
  guint32            max_handshake;           /* bytes of the peer's handshake; 0: IKE_TLS_HANDSHAKE_MAX */
} IkeTlsConf;

typedef struct {
  guint32         struct_size;
  guint16         version;                    /* IKE_TLS_1_x */
  const char     *cipher;                     /* "TLS_AES_256_GCM_SHA384" */
  IkeCert *const *chain;                      /* the peer's, trusted: leaf first, anchor last; the session's own */
  guint           n;                          /* 0: it has shown none */
} IkeTlsInfo;

typedef struct {
  guint32 struct_size;

  /* A session of @conf, which is copied; a client's first flight can be drained at once.  NULL with @error: there is no
   * certificate or key that will do, a name is not known. */
  IkeTls     *(*open)   (IkePlugin *self, const IkeTlsConf *conf, GError **error);
  void        (*free)   (IkeTls *tls_or_null);          /* without a word to the peer */
  /* All of @data is taken, in any pieces. */
  IkeTlsState (*feed)   (IkeTls *tls, const guint8 *data, gsize len);
  IkeTlsState (*state)  (const IkeTls *tls);
  /* Bytes for the other end: how many there are; takes up to @max of them, returns how many. */
  gsize       (*pending) (const IkeTls *tls);
  gsize       (*drain)  (IkeTls *tls, guint8 *out, gsize max);
  /* Application data: how much came into @out, 0: none at present (or no more, see state()). */
  gsize       (*read)   (IkeTls *tls, guint8 *out, gsize max);
  /* All of it or nothing: FALSE when the session is not UP, @len is 0 or above IKE_TLS_WRITE_MAX, or too much waits to
   * be drained. */
  gboolean    (*write)  (IkeTls *tls, const guint8 *data, gsize len);
  /* close_notify can be drained; nothing is written any more. */
  void        (*close)  (IkeTls *tls);
  /* FAILED: why, for people, escaped; belongs to the session.  NULL: nothing is wrong. */
  const char *(*reason) (const IkeTls *tls);
  /* UP, and CLOSED after that: what was agreed.  Belongs to the session. */
  const IkeTlsInfo *(*info) (const IkeTls *tls);
  /* Keying material (RFC 5705; RFC 8446, 7.5) under @label; @context NULL: none is given, which in TLS 1.2 differs from
   * an empty one.  FALSE: not UP, or CLOSED and never was, or the library failed. */
  gboolean    (*export_key) (IkeTls *tls, const char *label, const guint8 *context, gsize context_len, guint8 *out,
                             gsize len);
} IkeTlsOps;

IKE_END_DECLS
