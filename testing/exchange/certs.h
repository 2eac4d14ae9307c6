/* SPDX-License-Identifier: Apache-2.0 */
/* certs.h - keys and certificates for exchange tests, made by `ikebana pki` when a test first asks for them.
 *
 * A certificate NAME and its key are the files NAME.pem and NAME.key of one directory, which lives as long as the program.
 * A home is a directory like /etc/ikebana, into which a test puts what one end shall have. */
#pragma once
#include "exchange/pair.h"

/* Runs `ikebana pki` in the directory with words split at blanks (quotes as in a shell); the test fails when it does. */
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
/* The usual: each end has its certificate a or b, issued by `root`, which both trust. */
typedef struct {
  char *home[2], *settings[2], *connection[2];
} CertsEnds;
/* @key_type of both ends; @body: further settings of the connections, may be NULL. */
void  certs_ends_init  (CertsEnds *ends, PairOptions *options, const char *key_type, const char *body);
void  certs_ends_clear (CertsEnds *ends);
