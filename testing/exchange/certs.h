/* SPDX-License-Identifier: Apache-2.0 */
/* certs.h - keys and certificates for exchange tests, made by `ikebana pki` when a test first asks for them.
 *
 * A certificate NAME and its key are the files NAME.pem and NAME.key of one directory, which lives as long as the
 * program. A home is a directory like /etc/ikebana, into which a test puts what one end shall have. */
#pragma once
#include "exchange/pair.h"

/* Runs `ikebana pki` in the directory with words split at blanks (quotes as in a shell); the test fails when it
 * does. */
void  certs_pki (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* A key "rsa 2048", "ecdsa 384", "ed25519"; made once. */
void  certs_key (const char *name, const char *type);
/* A CA; @issuer NULL: it signs itself. */
void  certs_ca (const char *name, const char *key_type, const char *issuer, const char *more);
/* An end's certificate with subject C=CH, O=Test, CN=NAME; @more: options such as "--san a.test".  All made once. */
void  certs_end (const char *name, const char *key_type, const char *issuer, const char *more);
const char *certs_directory (void);
char *certs_path (const char *format, ...) G_GNUC_PRINTF (1, 2);           /* in the directory; g_free */

/* A new home, and NAME.pem or NAME.key put into one of its directories. */
char *certs_home (void);
void  certs_put  (const char *home, const char *directory, const char *file);
void  certs_home_free (char *home);
void  certs_clear (void);                                                  /* at the end of the program */

/* Settings for PairOptions.more: where the credentials are, and further ones of plugins. */
char *certs_settings (const char *home, const char *more_or_null);
/* One try: what each end has, how its connection reads, what shall come of it. */
typedef struct {
  const char *name;
  const char *files[2];                       /* "x509ca/root.pem x509/a.pem private/a.key" */
  const char *conf[2];                        /* settings of connections.pair beside the usual */
  const char *plugins[2];                     /* settings of plugins */
  /* NULL: it comes up; else what the reason of the end that refuses (0: a, the initiator) holds, in `explain` too. */
  const char *refused[2];
} CertsCase;

/* What went out in IKE_AUTH, as the taps of the test saw it. */
typedef struct {
  guint8 method;                              /* of AUTH */
  guint8 algorithm[80];                       /* its AlgorithmIdentifier */
  guint  algorithm_len;
  guint  n_certs, n_certreqs, encodings;      /* bits 1 << encoding, of CERT */
  gsize  len;                                 /* of the plaintext */
} CertsSeen;
extern CertsSeen certs_seen[2];               /* of a's request, of b's response */
/* While not NULL: is called for each IKE_AUTH plaintext before it is sealed, and may change it in place. */
extern void (*certs_tamper) (gboolean by_b, guint8 first, guint8 *plain, gsize len);

/* The plugin "judge", which has the last word about the certificate of whoever began, and says "not on Sundays": how
 * often it was asked, and how long the chain was then. */
extern const IkePluginInfo certs_judge;
extern guint certs_n_judged, certs_judged_chain;

/* Runs a case in the mode of @flags; further plugins and descriptors may be in @options_or_null. */
void certs_case_run (const CertsCase *c, gconstpointer flags, const PairOptions *options_or_null);
/* The same in steps: the pair, whose homes are freed with certs_pair_free(). */
Pair *certs_pair_new  (const CertsCase *c, gconstpointer flags, const PairOptions *options_or_null);
void  certs_pair_free (Pair *pair);
const char *certs_pair_home (guint end);
/* For those who make their pair otherwise: fills in `more` and `connection`. */
void  certs_options_init  (const CertsCase *c, PairOptions *options);
void  certs_options_clear (void);
void  certs_case_check (const CertsCase *c, Pair *pair);
/* root, and a and b of ECDSA P-256 issued by it. */
void  certs_usual (void);
#define CERTS_A "x509ca/root.pem x509/a.pem private/a.key"
#define CERTS_B "x509ca/root.pem x509/b.pem private/b.key"
