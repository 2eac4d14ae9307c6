/* SPDX-License-Identifier: Apache-2.0 */
/* test_support.h - a directory with certificates made for the test, and an engine with virtual time that reads it. */
#pragma once
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <ikebana/command.h>
#include <ikebana/credentials.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/log.h>

/* The wall clock of a simulation begins here. */
enum { NOW = 1767225600, DAY = 86400 };

/* -- certificates */

typedef struct {
  const char *cn;
  const char *names;                          /* subjectAltName as OpenSSL writes it: "DNS:moon.example"; or NULL */
  int         from, to;                       /* days from now; both 0: -10 to 400 */
  gboolean    is_ca;
  const char *usage;                          /* keyUsage: "keyEncipherment"; NULL: none */
  const char *purpose;                        /* extendedKeyUsage: "clientAuth"; NULL: none */
} MakeCert;

/* Of this name, the same key within one test program: making one takes time. */
EVP_PKEY *make_key    (const char *name);
/* Signed with the key @issuer_key; @issuer NULL: self-signed. */
X509     *make_cert   (const MakeCert *what, const char *key, X509 *issuer_or_null, const char *issuer_key);
char     *pem_certs   (X509 *first, ...) G_GNUC_NULL_TERMINATED;
char     *pem_key     (const char *key, const char *passphrase_or_null);
char     *pem_pubkey  (const char *key);
char     *pem_crl     (X509 *issuer, const char *issuer_key);
GBytes   *der_cert    (X509 *cert);
GBytes   *der_pkcs12  (const char *key, X509 *cert, X509 *ca, const char *passphrase);
char     *hex_of      (GBytes *bytes);
char     *fingerprint (X509 *cert);           /* SHA-256 in lower case */

/* -- the engine */

typedef struct {
  IkeSim     *sim;
  IkeEngine  *engine;
  char       *dir;
  IkePlugin  *plugin;                         /* of service:credentials */
  const IkeCredentialsOps *ops;
  IkePkiOps  *pki;                            /* the engine's copy */
  GString    *log;
  GPtrArray  *required;                       /* "cert:NAME", "ca:NAME", "pubkey:NAME" */
  GString    *refused;                        /* what require() said of the last */
  GPtrArray  *loads;                          /* IkeCall: what the provider of keys has been asked */
  GString    *sections;                       /* and what about */
} Bench;

void bench_init  (Bench *bench);              /* a directory, empty */
void bench_start (Bench *bench);              /* the engine */
void bench_check (Bench *bench);              /* as `ikebanad --check`; what it says goes to the log */
void bench_clear (Bench *bench);              /* with the directory */
/* Text of the settings file beyond what the tests need. */
void bench_settings (Bench *bench, const char *text);
void bench_write (Bench *bench, const char *file, const char *text);
void bench_write_bytes (Bench *bench, const char *file, GBytes *bytes_take);
void bench_put_cert (Bench *bench, const char *file, X509 *cert);
void bench_put_key  (Bench *bench, const char *file, const char *key, const char *passphrase_or_null);
void bench_remove (Bench *bench, const char *file);
void bench_chmod  (Bench *bench, const char *file, int mode);
void bench_require (Bench *bench, const char *what);
/* Problems in one text. */
char *bench_reload (Bench *bench);
void bench_reload_fine (Bench *bench);        /* without problems */
/* As `ikebana up` of a connection that was not there: a configuration, but no reload. */
void bench_add_conn (Bench *bench);
void bench_assert_log (Bench *bench, const char *pattern);     /* a line like that, since the log was looked at */
void bench_assert_no_log (Bench *bench, const char *pattern);
void bench_forget_log (Bench *bench);
IkeTree *bench_command (Bench *bench, const char *name, IkeTree *args_take, char **error);
guint bench_row (const IkeTree *certs, const char *file);      /* its place in the list; G_MAXUINT: none */

/* own(): "SUBJECT FILE-LABEL-OF-KEY +CHAIN…", or "- WHY". */
char *bench_own (Bench *bench, const IkeOwnQuery *query);
char *bench_own_of (Bench *bench, const char *id_or_null);
/* "CN, CN" of the anchors of these names. */
char *bench_cas (Bench *bench, const char *const *names);
char *subject (Bench *bench, const IkeCert *cert);

#define assert_own(bench, id, expected)                                                            \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autofree char *own_is = bench_own_of (bench, id);                                            \
    g_assert_cmpstr (own_is, ==, expected);                                                        \
  }                                                                                                \
  G_STMT_END

#define assert_cas(bench, names, expected)                                                         \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autofree char *cas_are = bench_cas (bench, names);                                           \
    g_assert_cmpstr (cas_are, ==, expected);                                                       \
  }                                                                                                \
  G_STMT_END
