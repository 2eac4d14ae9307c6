/* SPDX-License-Identifier: Apache-2.0 */
/* private.h - what the files of this plugin share. */
#pragma once
#include <openssl/ssl.h>

#include <ikebana/tls.h>

typedef struct _Decoded Decoded;
typedef struct _DecodedTable DecodedTable;

/* Of one engine, made while the plugin activates. */
typedef struct {
  IkePlugin     *self;
  IkeEngine     *engine;
  OSSL_LIB_CTX  *library;
  OSSL_PROVIDER *random_provider, *default_provider;
  SSL_CTX       *client, *server;
  guint16        min_version, max_version;
  const IkePkiOps *pki;
  IkePlugin     *pki_plugin;
  const IkeCredentialsOps *credentials;
  IkePlugin     *credentials_plugin;
  DecodedTable  *decoded;
  guint32        n_decoded;                   /* a counter */
} Tls;

enum { REASON_SIZE = 512 };

struct _IkeTls {
  const Tls      *tls;
  SSL            *ssl;
  BIO            *in, *out;                   /* of @ssl */
  IkeTlsState     state;
  gboolean        is_server, wants_peer, is_closing;
  guint32         max_handshake;
  gsize           n_handshake;                /* bytes of the peer's so far */
  IkeIdent       *expected;                   /* NULL: anybody */
  IkeCredentials *credentials;                /* a snapshot, with what @trust is made of */
  const IkeTrust *trust;
  IkeChainResult  chain;
  IkeTlsInfo      info;
  int             alert;                      /* fatal, of the peer; -1: none */
  char            reason[REASON_SIZE];        /* "": nothing is wrong */
};

/* session.c */
extern const IkeTlsOps session_ops;

/* own.c: gives the certificate and key to @session.  FALSE with @error. */
gboolean own_use (IkeTls *session, const IkeTlsConf *conf, GError **error);

/* decoded.c: any thread. */
DecodedTable *decoded_table_new  (void);
void          decoded_table_free (DecodedTable *table);
/* Nothing is kept any more; sessions have what they use. */
void          decoded_forget     (DecodedTable *table);
/* The pair of @own, which has a certificate: what is kept, else decoded now.  A reference; NULL with errors in
 * OpenSSL's queue. */
Decoded      *decoded_get        (const Tls *tls, const IkeOwn *own);
void          decoded_unref      (gpointer decoded_or_null);
/* Gives it to @ssl.  FALSE: likewise. */
gboolean      decoded_use        (const Decoded *decoded, SSL *ssl);

/* trust.c: OpenSSL's verify callback, in the place of its own; and the names of CAs that a server sends. */
int  trust_verify (X509_STORE_CTX *store, void *unused);
void trust_name_cas (IkeTls *session, const char *const *cacerts);

/* reason.c */
/* Sets the reason, if there is none yet. */
void reason_set (IkeTls *session, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* From the peer's alert, or the library's queue of errors, which is emptied. */
void reason_of_library (IkeTls *session);
/* OpenSSL's info callback: notes alerts of the peer. */
void reason_note (const SSL *ssl, int where, int value);
