/* SPDX-License-Identifier: Apache-2.0 */
/* credentials.h - certificates and keys of this host, by what they are for: the ops of `service:credentials`.
 *
 * The plugin that offers it reads directories and sections of the configuration; others find in an immutable, counted
 * snapshot, on any thread, what they need: their own certificate and key, trust anchors, what a connection names.
 * Plugins with keys elsewhere (tokens) offer the kind `keys`. */
#pragma once
#include <ikebana/bus.h>
#include <ikebana/model.h>
#include <ikebana/pki.h>

IKE_BEGIN_DECLS

typedef struct _IkeCredentials IkeCredentials;

/* What a name in a connection stands for: a file below the directory for this kind (x509, x509ca, pubkey), an absolute
 * path, or, with 0x or 0s, the thing itself. */
typedef enum { IKE_CREDENTIAL_CERT, IKE_CREDENTIAL_CA, IKE_CREDENTIAL_PUBKEY } IkeCredentialKind;

/* Whom we want to be. */
typedef struct {
  guint32            struct_size;
  const IkeIdent    *id;                      /* NULL: whoever the certificate stands for */
  const char *const *certs;                   /* names; NULL: any with a key */
  const char *const *pubkeys;                 /* names of raw public keys, likewise */
  /* @n_ca_ids of IKE_KEY_ID_LEN bytes: CAs that the peer asked for; what they issued goes first. */
  const guint8      *ca_ids;
  guint              n_ca_ids;
  gint64             now;                     /* seconds since 1970: one that is valid goes before one that is not */
  /* May be NULL: is this key good enough?  The first pair that passes is taken. */
  gboolean         (*accept) (const IkeKey *key, gpointer data);
  gpointer           data;
} IkeOwnQuery;

/* References of the caller's; clear it if own() said TRUE. */
typedef struct {
  guint32  struct_size;
  IkeCert *cert;                              /* NULL: a raw public key */
  IkeCert *chain[IKE_CHAIN_MAX];              /* intermediate ones that we have, next to @cert first; not the root */
  guint    n_chain;
  IkeKey  *key;
  IkeCredentials *credentials;                /* where it was found, a reference */
} IkeOwn;

/* What section `authorities` says about a CA. */
typedef struct {
  guint32            struct_size;
  const char *const *crl_uris, *const *ocsp_uris;     /* NULL-terminated, never NULL */
  const char        *cert_uri_base;           /* or NULL */
} IkeAuthority;

typedef struct {
  guint32 struct_size;

  /* The present snapshot, with a reference.  Any thread. */
  IkeCredentials *(*get)   (IkePlugin *self);
  void            (*unref) (IkeCredentials *credentials_or_null);
  guint64         (*generation) (const IkeCredentials *credentials);   /* differs when anything does */

  /* Control, while a configuration is checked: reads what @name stands for into the snapshot to come.  FALSE with
   * @error: it cannot be had. */
  gboolean        (*require) (IkePlugin *self, IkeCredentialKind kind, const char *name, GError **error);

  /* Any thread; nothing gets a reference unless it says so. */
  guint           (*certs)   (const IkeCredentials *credentials, IkeCredentialKind kind, const char *name,
                              IkeCert **out, guint max);                /* of a name; how many */
  IkePubkey      *(*pubkey)  (const IkeCredentials *credentials, const char *name);    /* or NULL */
  /* A certificate that somebody put into `x509`: trusted as it is (found by its DER). */
  gboolean        (*is_pinned) (const IkeCredentials *credentials, const IkeCert *cert);
  /* Anchors: the CAs of these names, or all (NULL); made once and kept with the snapshot. */
  const IkeTrust *(*trust)   (const IkeCredentials *credentials, const char *const *cas_or_null);
  /* The @i-th CA of those; NULL: the end. */
  IkeCert        *(*ca)      (const IkeCredentials *credentials, const char *const *cas_or_null, guint i);
  gboolean        (*own)     (const IkeCredentials *credentials, const IkeOwnQuery *query, IkeOwn *out, char **why);
  void            (*own_clear) (IkeOwn *own);
  /* Fills @out, whose texts live as long as the snapshot. FALSE: nothing is said about it. */
  gboolean        (*authority) (const IkeCredentials *credentials, const IkeCert *ca, IkeAuthority *out);
  /* Certificates in `x509` that stand for @id, with or without a key of ours; how many. */
  guint           (*find)    (const IkeCredentials *credentials, const IkeIdent *id, IkeCert **out, guint max);
  /* The @i-th CRL that lies in `x509crl`; NULL: the end. */
  IkeCrl         *(*crl)     (const IkeCredentials *credentials, guint i);
} IkeCredentialsOps;

/* Kind `keys`: keys that are not files. */
typedef struct {
  guint32    struct_size;
  GPtrArray *keys;                            /* IkeKey, a reference each */
  GPtrArray *certs;                           /* IkeCert, likewise */
} IkeKeySet;                                  /* g_malloc; arrays with free functions */

typedef struct {
  guint32 struct_size;
  /* Control.  Looks for what a section `secrets.token*` describes (it is copied if kept), and answers with an
   * IkeKeySet, or fails with a reason for people. */
  void  (*load) (IkePlugin *self, const IkeTree *section, IkeCall *call);
} IkeKeysClass;

/* Emitted when the chain of a peer is trusted, was not found revoked, and its signature is right, in AUTH or in the TLS
 * of an EAP method, on the shard of the SA; REJECT with a static @reason refuses it. */
typedef struct {
  guint32         struct_size;
  IkeCert *const *chain;                      /* leaf first; n 0: a raw public key */
  guint           n;
  const IkeIdent *peer;
  const char     *reason;
} IkeCertificateEvent;
IKE_DECLARE_HOOK (certificate, "certificate-verdict", IkeCertificateEvent);

IKE_END_DECLS
