/* SPDX-License-Identifier: Apache-2.0 */
/* pki_make.h - what the tests of certificates share: an engine with the service, and certificates, CRLs and OCSP
 * responses made by libcrypto as a test wants them, wrong ones too. */
#pragma once
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "test_support.h"
#include <ikebana/pki.h>

/* 2026-01-15 12:00:00 UTC, and what certificates are valid from and to when nothing else is said. */
#define MAKE_NOW G_GINT64_CONSTANT (1768478400)
enum { MAKE_DAY = 86400 };

typedef struct {
  X509     *x509;
  EVP_PKEY *key;
  GBytes   *der;
  IkeCert  *cert;                             /* NULL: the service refuses it */
  GError   *error;                            /* why */
} Made;

typedef struct {
  Bench            bench;
  const IkePkiOps *ops;
  IkePlugin       *plugin;
  GPtrArray       *made;                      /* everything goes with it */
} Pki;

typedef struct {
  const char *subject;                        /* "C=CH/CN=moon"; "" or NULL: empty */
  const Made *issuer;                         /* NULL: itself */
  const char *issuer_name;                    /* NULL: the issuer's subject */
  const Made *key_of;                         /* has the same key; NULL: one of its own, Ed25519 */
  EVP_PKEY   *key;                            /* instead; a reference is taken */
  /* As openssl.cnf has them, "name=value" lines; sections may follow. */
  const char *extensions;
  gint64      not_before, not_after;          /* 0: a day before MAKE_NOW, a year behind it */
  guint64     serial;                         /* 0: counts on */
  int         version;                        /* 0: 3 */
  int         string_type;                    /* of the subject; 0: UTF8String */
  const char *digest;                         /* NULL: what the key has; "PSS-SHA256": RSASSA-PSS */
  gboolean    is_spoiled;                     /* one bit of the signature is wrong */
} MakeCert;

typedef struct {
  guint64     serial;
  gint64      when;                           /* 0: a day before MAKE_NOW */
  int         reason;                         /* -1: none is said */
  const char *extensions;
} MakeRevoked;

typedef struct {
  const Made        *issuer;
  const Made        *signer;                  /* NULL: @issuer */
  gint64             this_update, next_update;   /* 0: an hour before MAKE_NOW, a day behind; next -1: none */
  const MakeRevoked *revoked;
  guint              n_revoked;
  const char        *extensions;
  const char        *digest;
  int                version;                 /* 0: 2 */
  gboolean           is_spoiled;
} MakeCrl;

typedef struct {
  const Made *cert, *issuer;
  int         status;                         /* V_OCSP_CERTSTATUS_… */
  int         reason;
  gint64      revoked_at, this_update, next_update;   /* as in MakeCrl */
  const char *digest;                         /* of the CertID; NULL: SHA1 */
  const char *extensions;
} MakeSingle;

typedef struct {
  const MakeSingle *singles;
  guint             n_singles;
  const Made       *signer;
  const Made       *sent;                     /* the certificate that comes with it; NULL: none */
  gboolean          is_by_key;                /* ResponderID */
  const char       *nonce;
  const char       *extensions;
  const char       *digest;
  int               status;                   /* of the response, OCSP_RESPONSE_STATUS_… */
  gboolean          is_spoiled;
} MakeOcsp;

void  pki_open  (Pki *pki);
void  pki_open_real (Pki *pki);               /* with threads */
void  pki_close (Pki *pki);
/* Belongs to @pki. */
Made *pki_make  (Pki *pki, const MakeCert *how);
/* "C=CH, O=Example, CN=moon", self-signed, serial number 0x80, with names of all kinds. */
Made *pki_make_full (Pki *pki);
/* An RSA key, made anew. */
EVP_PKEY *make_rsa (guint bits);
/* Parses @der; what comes out belongs to @pki. */
Made *pki_read  (Pki *pki, const guint8 *der, gsize len);
/* @made as the test has changed its x509 since, signed anew by itself. */
Made *pki_again (Pki *pki, const Made *made);
GBytes *make_crl  (const MakeCrl *how);
GBytes *make_ocsp (const MakeOcsp *how);
char   *make_pem  (const char *label, GBytes *der);

#define MAKE(pki, ...) pki_make (pki, &(MakeCert){ __VA_ARGS__ })
/* What most roots, intermediates and leaves of a test have. */
#define MAKE_CA "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
#define MAKE_AKI "authorityKeyIdentifier=keyid\n"
