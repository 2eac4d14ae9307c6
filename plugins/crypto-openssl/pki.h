/* SPDX-License-Identifier: Apache-2.0 */
/* pki.h - what the files of `service:pki` share: the objects behind the opaque names, and who makes them. */
#pragma once
#include <openssl/x509v3.h>

#include "private.h"
#include <ikebana/error.h>
#include <ikebana/pki.h>
#include <ikebana/reader.h>

/* Objects refer to the library context of their engine, which outlives them (ike_plugin_set_state). */
struct _IkePubkey {
  gint          references;                   /* atomic */
  EVP_PKEY     *pkey;
  guint8       *spki;
  char         *name;
  IkePubkeyInfo info;
};

struct _IkeCert {
  gint        references;                     /* atomic */
  State      *state;
  X509       *x509;
  GBytes     *der;
  IkePubkey  *pubkey;
  IkeCertInfo info;                           /* points to what the certificate owns below */
  IkeIdent   *subject, *issuer;
  GPtrArray  *names;                          /* IkeIdent */
  GPtrArray  *crl_uris, *ocsp_uris;           /* text, with a NULL at the end */
};

/* pki.c */
extern const IkePkiOps pki_ops;
/* Sets @error from libcrypto's queue, which is emptied: "WHAT: its reason".  Returns FALSE. */
gboolean pki_fail (GError **error, IkeErrorCode code, const char *what);

/* pki_pubkey.c */
/* Takes a reference of @pkey.  NULL: a key of a kind or size that is not taken (RSA 1024 to 16384 bits with an exponent
 * of at most 64, EC on a curve with a name, Ed25519, Ed448, and what libcrypto knows beyond). */
IkePubkey *pki_pubkey_new (EVP_PKEY *pkey, GError **error);
/* Likewise, with the SubjectPublicKeyInfo that it was read from: to write one anew is dear. */
IkePubkey *pki_pubkey_new_from (EVP_PKEY *pkey, const guint8 *spki, gsize len, GError **error);
IkePubkey *pki_pubkey_parse (IkePlugin *self, const guint8 *data, gsize len, GError **error);
IkePubkey *pki_pubkey_ref   (const IkePubkey *pubkey);
void       pki_pubkey_unref (IkePubkey *pubkey);
const IkePubkeyInfo *pki_pubkey_info (const IkePubkey *pubkey);

/* pki_scheme.c */
/* Finds out which schemes this libcrypto has (known-answer tests); while loading. */
gboolean pki_schemes_probe (IkePlugin *self, GError **error);
const IkeSigScheme *pki_scheme (IkePlugin *self, guint i);
/* Can a key like @pubkey make, or have made, such signatures? */
gboolean pki_scheme_fits (const IkeSigScheme *scheme, const IkePubkey *pubkey);
/* Fits, and is one that we sign by. */
gboolean pki_scheme_signs (const IkeSigScheme *scheme, const IkePubkey *pubkey);
/* Prepares @context to sign or verify by @scheme. */
gboolean pki_scheme_setup (State *state, const IkeSigScheme *scheme, EVP_MD_CTX *context, EVP_PKEY *pkey,
                           gboolean is_signing);

/* pki_verify.c */
gboolean pki_verify_by (State *state, const IkePubkey *pubkey, const IkeSigScheme *scheme, const IkePart *parts,
                        guint n_parts, const guint8 *signature, gsize len);
gboolean pki_verify (IkePlugin *self, const IkePubkey *pubkey, const IkeSigScheme *scheme, const IkePart *parts,
                     guint n_parts, const guint8 *signature, gsize len);

/* pki_key.c, pki_pkcs12.c */
/* Takes a reference of @pkey. */
IkeKey  *pki_key_new (State *state, EVP_PKEY *pkey, const char *label, GError **error);
IkeKey  *pki_key_parse (IkePlugin *self, const guint8 *data, gsize len, IkeSecretBlob *passphrase_or_null,
                        const char *label, GError **error);
gboolean pki_pkcs12_parse (IkePlugin *self, const guint8 *data, gsize len, IkeSecretBlob *passphrase_or_null,
                           const char *label, GPtrArray *keys, GPtrArray *certs, GError **error);

/* pki_cert.c, pki_names.c, pki_signed.c */
IkeCert *pki_cert_new   (State *state, const guint8 *der, gsize len, GError **error);
IkeCert *pki_cert_parse (IkePlugin *self, const guint8 *data, gsize len, GError **error);
gboolean pki_certs_parse (IkePlugin *self, const guint8 *data, gsize len, GPtrArray *out, GError **error);
IkeCert *pki_cert_ref   (const IkeCert *cert);
void     pki_cert_unref (IkeCert *cert);
GBytes  *pki_cert_der   (const IkeCert *cert);
const IkeCertInfo *pki_cert_info (const IkeCert *cert);
gboolean pki_cert_has   (const IkeCert *cert, const IkeIdent *id);
gboolean pki_cert_issued (const IkeCert *issuer, const IkeCert *cert);

/* pki_chain.c */
IkeTrust *pki_trust_new   (IkePlugin *self, IkeCert *const *certs, guint n);
IkeTrust *pki_trust_ref   (const IkeTrust *trust);
void      pki_trust_unref (IkeTrust *trust);
gboolean  pki_chain_check (IkePlugin *self, const IkeChainQuery *query, IkeChainResult *result);
void      pki_chain_clear (IkeChainResult *result);

/* pki_crl.c */
IkeCrl   *pki_crl_parse (IkePlugin *self, GBytes *data, GError **error);
IkeCrl   *pki_crl_ref   (const IkeCrl *crl);
void      pki_crl_unref (IkeCrl *crl);
GBytes   *pki_crl_der   (const IkeCrl *crl);
const IkeCrlInfo *pki_crl_info (const IkeCrl *crl);
gboolean  pki_crl_is_by (const IkeCrl *crl, const IkeCert *issuer, const IkeCert *cert_or_null);
void      pki_crl_find  (const IkeCrl *crl, const IkeCert *cert, IkeRevocation *out);

/* pki_ocsp.c */
GBytes   *pki_ocsp_request (IkePlugin *self, const IkeCert *cert, const IkeCert *issuer, const guint8 *nonce,
                            gsize nonce_len, GError **error);
gboolean  pki_ocsp_read (IkePlugin *self, const guint8 *data, gsize len, const IkeCert *cert, const IkeCert *issuer,
                         const guint8 *nonce, gsize nonce_len, gint64 now, IkeRevocation *out, GError **error);

/* pki_der.c */
enum { PKI_TIME_SIZE = 32 };
/* One value in DER, each part of it too, and nothing behind it. */
gboolean pki_der_is_strict (const guint8 *data, gsize len);
gboolean pki_der_next (IkeReader *r, guint8 *tag, IkeReader *content);
gboolean pki_der_take (IkeReader *r, guint8 tag, IkeReader *content);   /* fails on any other tag */
/* Seconds since 1970 of a UTCTime or GeneralizedTime (@type: V_ASN1_…) in the form of RFC 5280. */
gboolean pki_time_parse (int type, const guint8 *text, gsize len, gint64 *seconds);
gboolean pki_time_of (const ASN1_TIME *asn1, gint64 *seconds);
char    *pki_time_format (gint64 seconds, char out[PKI_TIME_SIZE]);
/* The next block of this label: 1 with @der (g_free), 0 there is none, -1 it cannot be read. */
int      pki_pem_next (IkeReader *text, const char *label, guint8 **der, gsize *len);
gboolean pki_looks_like_der (const guint8 *data, gsize len);   /* not like a text */

/* pki_cert.c, pki_names.c */
void     pki_add_crl_uris (GPtrArray *out, const CRL_DIST_POINTS *points);
gboolean pki_cert_fill_names (IkeCert *cert, GError **error);
char    *pki_cert_format (const IkeCert *cert, char *out, gsize out_size);   /* for people */

/* pki_signed.c */
typedef struct {
  const guint8          *data;                /* as it came, DER */
  gsize                  len;                 /* at most INT_MAX */
  const X509_ALGOR      *algorithm;
  const ASN1_BIT_STRING *signature;
} PkiSigned;

gboolean pki_is_weak (const X509_ALGOR *algorithm);   /* MD5, SHA-1 and the like */
/* Signed with a key that is @pkey's other half, and not weakly. */
gboolean pki_is_signed (State *state, const PkiSigned *what, EVP_PKEY *pkey);
