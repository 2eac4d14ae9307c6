/* SPDX-License-Identifier: Apache-2.0 */
/* pki.h - keys, certificates and what is signed about them: the ops of `service:pki`.
 *
 * A crypto plugin offers the service; who authenticates peers, keeps credentials or checks revocation uses it.  Objects
 * are immutable and counted atomically; every function may run on any thread, does its work at once, touches neither
 * network nor files, and reads the clock from its arguments only.  What comes in may come from a peer: sizes are bound,
 * and nothing is accepted that is not DER where it says DER.  Functions that make an object return NULL with @error,
 * a sentence for people (IKE_ERROR_CRYPTO: cannot be read or used; IKE_ERROR_UNSUPPORTED: of a kind that this library
 * does not know; IKE_ERROR_DENIED: a passphrase is missing or wrong). */
#pragma once
#include <ikebana/crypto.h>
#include <ikebana/ident.h>
#include <ikebana/plugin.h>
#include <ikebana/runtime.h>

IKE_BEGIN_DECLS

typedef struct _IkePubkey IkePubkey;
typedef struct _IkeCert IkeCert;
typedef struct _IkeCrl IkeCrl;
typedef struct _IkeTrust IkeTrust;            /* a set of trust anchors, ready to be used */

/* Bounds: of one certificate or key in DER, of a file of them, of a chain with its anchor, of what one may list. */
enum { IKE_CERT_MAX_SIZE = 65535, IKE_CERT_MAX_FILE = 4 << 20, IKE_CHAIN_MAX = 10, IKE_CERT_MAX_NAMES = 256,
       IKE_CERT_MAX_URIS = 16, IKE_KEY_ID_LEN = 20 };

/* -- keys and signatures */

typedef enum { IKE_KEY_RSA = 1, IKE_KEY_ECDSA, IKE_KEY_ED25519, IKE_KEY_ED448, IKE_KEY_OTHER } IkeKeyType;

/* AUTH methods, hash algorithms (RFC 7427, 7; RFC 8420), certificate encodings (RFC 7296, 3.6; RFC 7670; RFC 4806). */
enum { IKE_AUTH_RSA = 1, IKE_AUTH_ECDSA_256 = 9, IKE_AUTH_ECDSA_384, IKE_AUTH_ECDSA_521, IKE_AUTH_SIGNATURE = 14 };
enum { IKE_SIGHASH_SHA1 = 1, IKE_SIGHASH_SHA2_256, IKE_SIGHASH_SHA2_384, IKE_SIGHASH_SHA2_512, IKE_SIGHASH_IDENTITY };
enum { IKE_CERT_X509 = 4, IKE_CERT_CRL = 7, IKE_CERT_HASH_URL = 12, IKE_CERT_HASH_URL_BUNDLE = 13, IKE_CERT_OCSP = 14,
       IKE_CERT_RAW_KEY = 15 };

/* One way to sign: data, the same in every engine. */
typedef struct {
  guint32     struct_size;
  const char *name;                           /* "ecdsa-sha384", "rsa-pss-sha256", "ed25519", "rsa-sha1-v1" */
  guint8      key_type;                       /* IkeKeyType */
  guint8      method;                         /* of the AUTH payload: IKE_AUTH_SIGNATURE, or an older one */
  guint16     hash_id;                        /* IKE_SIGHASH_…; IDENTITY: the algorithm hashes itself */
  guint16     key_bits;                       /* only with keys of this size (the older ECDSA methods); 0: any */
  gboolean    is_pss;
  /* IKE_AUTH_SIGNATURE: DER of the AlgorithmIdentifier.  The first is what we send; whatever a peer sends must equal
   * one of them, byte by byte.  Ends with data == NULL. */
  IkePart     algorithms[9];
} IkeSigScheme;

typedef struct _IkeKey IkeKey;

/* Where a private key lives. */
typedef struct {
  guint32     struct_size;
  const char *origin;                         /* "file", "token": for people */
  /* Any loop.  Signs @octets (a reference is taken if kept) and answers with the signature as a GBytes, in the form
   * that an AUTH payload carries it, or fails with a reason for people.  Goes to the offload pool where it is long. */
  void      (*sign)      (IkeKey *key, IkeEngine *engine, const IkeSigScheme *scheme, GBytes *octets, IkeCall *call);
  /* NULL: all schemes of its type. */
  gboolean  (*can)       (const IkeKey *key, const IkeSigScheme *scheme);
  void      (*free_key)  (IkeKey *key);       /* with all of it */
  /* PKCS#8 in DER, unencrypted; NULL: the library failed.  NULL function: the key cannot leave where it is. */
  IkeSecretBlob *(*export_der) (IkeKey *key);
} IkeKeyClass;

/* The head of a private key; who makes one embeds it first in a struct of its own, with @references 1. */
struct _IkeKey {
  guint32            struct_size;
  gint               references;              /* atomic */
  const IkeKeyClass *klass;
  IkePubkey         *pubkey;                  /* a reference */
  char              *label;                   /* where it came from: a file, a token's object; for people */
};

static inline IkeKey *
ike_key_ref (IkeKey *key)
{
  g_atomic_int_inc (&key->references);
  return key;
}

static inline void
ike_key_unref (IkeKey *key)
{
  if (key && g_atomic_int_dec_and_test (&key->references))
    key->klass->free_key (key);
}

typedef struct {
  guint32      struct_size;
  guint8       type;                          /* IkeKeyType */
  guint32      bits;
  const guint8 *spki;                         /* SubjectPublicKeyInfo, DER */
  gsize        spki_len;
  guint8       id[IKE_KEY_ID_LEN];            /* SHA-1 of @spki: what CERTREQ names (RFC 7296, 3.7) */
  guint8       subject_id[IKE_KEY_ID_LEN];    /* SHA-1 of the key's bits alone (RFC 5280, 4.2.1.2 (1)) */
  const char  *name;                          /* "RSA 2048", "ECDSA P-256", "Ed25519" */
} IkePubkeyInfo;

/* -- certificates */

enum {
  IKE_CERT_IS_CA = 1 << 0,                    /* basicConstraints CA, or an X.509v1 that signed itself */
  IKE_CERT_IS_SELF_SIGNED = 1 << 1,           /* issued by its own name and key */
  IKE_CERT_HAS_KEY_USAGE = 1 << 2,
  IKE_CERT_CAN_SIGN = 1 << 3,                 /* digitalSignature or nonRepudiation, or no key usage at all */
  IKE_CERT_CAN_SIGN_CRL = 1 << 4,             /* cRLSign, or no key usage at all */
  IKE_CERT_HAS_EKU = 1 << 5,
  IKE_CERT_EKU_ANY = 1 << 6,
  IKE_CERT_EKU_SERVER = 1 << 7,
  IKE_CERT_EKU_CLIENT = 1 << 8,
  IKE_CERT_EKU_IKE_INTERMEDIATE = 1 << 9,     /* 1.3.6.1.5.5.8.2.2 */
  IKE_CERT_EKU_IPSEC_IKE = 1 << 10,           /* 1.3.6.1.5.5.7.3.17 (RFC 4945, 5.1.3.12) */
  IKE_CERT_EKU_OCSP = 1 << 11,
};

typedef struct {
  guint32           struct_size;
  guint32           flags;                    /* IKE_CERT_… */
  const IkePubkey  *pubkey;
  const IkeIdent   *subject, *issuer;         /* DER_ASN1_DN; the subject may be empty */
  IkePart           serial;                   /* content of the INTEGER */
  gint64            not_before, not_after;    /* seconds since 1970 */
  const IkeIdent *const *names;               /* subjectAltName: FQDN, RFC822_ADDR, IPV4_ADDR, IPV6_ADDR, DER_ASN1_DN */
  guint             n_names;
  const char *const *crl_uris, *const *ocsp_uris;   /* NULL-terminated, never NULL */
  IkePart           subject_key_id, authority_key_id;   /* data NULL: not there */
  guint8            sha256[32];               /* of the DER */
  guint8            sha1[20];                 /* of the DER: hash-and-URL (RFC 7296, 3.6) */
  guint8            signature_type;           /* IkeKeyType of the key that signed it */
  guint16           signature_hash;           /* IKE_SIGHASH_…; 0: another */
} IkeCertInfo;

/* -- chains */

typedef enum {
  IKE_CHAIN_OK,
  IKE_CHAIN_EXPIRED, IKE_CHAIN_NOT_YET_VALID, IKE_CHAIN_UNKNOWN_CA, IKE_CHAIN_NOT_A_CA, IKE_CHAIN_PATH_LENGTH,
  IKE_CHAIN_NAME_CONSTRAINT, IKE_CHAIN_KEY_USAGE, IKE_CHAIN_POLICY, IKE_CHAIN_BAD_SIGNATURE, IKE_CHAIN_WEAK,
  IKE_CHAIN_CRITICAL_EXTENSION, IKE_CHAIN_OTHER,
} IkeChainError;

typedef struct {
  guint32            struct_size;
  IkeCert           *leaf;
  IkeCert *const    *others;                  /* untrusted, in any order */
  guint              n_others;
  const IkeTrust    *trust;
  gint64             now;                     /* seconds since 1970 */
  const char *const *policies;                /* OIDs in dotted form, one of which the chain must have; NULL: any */
} IkeChainQuery;

typedef struct {
  guint32  struct_size;
  IkeCert *chain[IKE_CHAIN_MAX];              /* IKE_CHAIN_OK: leaf first, anchor last; references of the caller's */
  guint    n;
  guint8   error;                             /* IkeChainError */
  char     reason[320];                       /* for people, names the certificate; "" when it is OK */
} IkeChainResult;

/* -- revocation */

typedef struct {
  guint32          struct_size;
  const IkeIdent  *issuer;
  IkePart          number;                    /* CRL number; data NULL: none */
  IkePart          base;                      /* delta CRL: the number of its base; data NULL: it is no delta */
  gint64           this_update, next_update;  /* seconds since 1970; next_update 0: not said */
  gsize            n;                         /* entries */
  IkePart          authority_key_id;
  const char *const *freshest_uris;           /* where its deltas are */
} IkeCrlInfo;

typedef enum { IKE_REVOKED_NOT, IKE_REVOKED_YES, IKE_REVOKED_UNKNOWN, IKE_REVOKED_REMOVED } IkeRevoked;

typedef struct {
  guint32 struct_size;
  guint8  revoked;                            /* IkeRevoked; REMOVED: a delta takes an entry of its base back */
  guint8  reason;                             /* CRLReason (RFC 5280, 5.3.1) */
  gint64  revoked_at;                         /* seconds since 1970 */
  gint64  this_update, next_update;           /* of the OCSP response; next_update 0: not said */
  gboolean has_nonce;                         /* the response carried the nonce that was asked with */
} IkeRevocation;

/* -- the service */

typedef struct {
  guint32 struct_size;

  /* Schemes, the ones we like best first; NULL: the end. */
  const IkeSigScheme *(*scheme) (IkePlugin *self, guint i);
  /* TRUE only if @signature, in the form of AUTH, is right. */
  gboolean (*verify) (IkePlugin *self, const IkePubkey *pubkey, const IkeSigScheme *scheme, const IkePart *parts,
                      guint n_parts, const guint8 *signature, gsize len);

  /* SubjectPublicKeyInfo or PKCS#1 RSAPublicKey, DER or PEM. */
  IkePubkey *(*pubkey_parse) (IkePlugin *self, const guint8 *data, gsize len, GError **error);
  IkePubkey *(*pubkey_ref)   (const IkePubkey *pubkey);
  void       (*pubkey_unref) (IkePubkey *pubkey_or_null);
  const IkePubkeyInfo *(*pubkey_info) (const IkePubkey *pubkey);

  /* PKCS#8 (encrypted too), PKCS#1, SEC 1; PEM or DER.  @label is copied. */
  IkeKey  *(*key_parse) (IkePlugin *self, const guint8 *data, gsize len, IkeSecretBlob *passphrase_or_null,
                         const char *label, GError **error);
  /* Adds IkeKey and IkeCert, a reference each, to the arrays. */
  gboolean (*pkcs12_parse) (IkePlugin *self, const guint8 *data, gsize len, IkeSecretBlob *passphrase_or_null,
                            const char *label, GPtrArray *keys, GPtrArray *certs, GError **error);

  /* One certificate in DER, nothing behind it. */
  IkeCert  *(*cert_parse) (IkePlugin *self, const guint8 *data, gsize len, GError **error);
  /* All certificates of a PEM text, or one in DER; adds a reference each to @out, at least one when it returns TRUE. */
  gboolean  (*certs_parse) (IkePlugin *self, const guint8 *data, gsize len, GPtrArray *out, GError **error);
  IkeCert  *(*cert_ref)   (const IkeCert *cert);
  void      (*cert_unref) (IkeCert *cert_or_null);
  GBytes   *(*cert_der)   (const IkeCert *cert);    /* belongs to the certificate */
  const IkeCertInfo *(*cert_info) (const IkeCert *cert);
  /* Does it stand for @id?  A DN must equal the subject (or a directoryName among the alternative names), attribute by
   * attribute as RFC 5280, 7.1 compares them; all else one of the alternative names (RFC 4945, 3.1); a wildcard in a
   * certificate's DNS name is no pattern.  A key ID is compared with the subject key identifier. */
  gboolean  (*cert_has)   (const IkeCert *cert, const IkeIdent *id);
  gboolean  (*cert_issued) (const IkeCert *issuer, const IkeCert *cert);   /* name, key IDs and signature */

  /* Every certificate of @certs is an anchor, an intermediate one too. */
  IkeTrust *(*trust_new)   (IkePlugin *self, IkeCert *const *certs, guint n);
  IkeTrust *(*trust_ref)   (const IkeTrust *trust);
  void      (*trust_unref) (IkeTrust *trust_or_null);
  gboolean  (*chain_check) (IkePlugin *self, const IkeChainQuery *query, IkeChainResult *result);
  void      (*chain_clear) (IkeChainResult *result);  /* gives the references back */

  /* DER or PEM; refused when it is indirect, or has a critical extension that is not understood. */
  IkeCrl   *(*crl_parse) (IkePlugin *self, GBytes *data, GError **error);
  IkeCrl   *(*crl_ref)   (const IkeCrl *crl);
  void      (*crl_unref) (IkeCrl *crl_or_null);
  GBytes   *(*crl_der)   (const IkeCrl *crl);
  const IkeCrlInfo *(*crl_info) (const IkeCrl *crl);
  /* Issuer's name, its right to sign CRLs, the signature; and that it covers certificates like @cert_or_null. */
  gboolean  (*crl_is_by) (const IkeCrl *crl, const IkeCert *issuer, const IkeCert *cert_or_null);
  void      (*crl_find)  (const IkeCrl *crl, const IkeCert *cert, IkeRevocation *out);

  /* @nonce may be NULL. */
  GBytes   *(*ocsp_request) (IkePlugin *self, const IkeCert *cert, const IkeCert *issuer, const guint8 *nonce,
                             gsize nonce_len, GError **error);
  /* The answer about @cert: signed by @issuer, or by somebody whom it gave the right (RFC 6960, 4.2.2.2), in its time
   * at @now.  A nonce that is there must be the one asked with.  FALSE with @error: not to be believed. */
  gboolean  (*ocsp_read) (IkePlugin *self, const guint8 *data, gsize len, const IkeCert *cert, const IkeCert *issuer,
                          const guint8 *nonce, gsize nonce_len, gint64 now, IkeRevocation *out, GError **error);
} IkePkiOps;

IKE_END_DECLS
