/* SPDX-License-Identifier: Apache-2.0 */
/* pki.h - what the parts of `ikebana-pki` share.
 *
 * `ikebana pki COMMAND …` makes keys and certificates, for operators and for tests.  Each command has a table of its
 * options (pki_options.c reads the command line by it, and makes help and completion from it) and one function that
 * runs it.  Files and passphrases are in pki_files.c, keys and certificates in files in pki_load.c, names and
 * times in pki_names.c and pki_time.c. */
#pragma once
#include <ikebana/error.h>
#include <ikebana/ident.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include "show.h"

enum { PKI_FILE_MAX = 4 << 20, PKI_DAY = 86400 };

G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_REQ, X509_REQ_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_CRL, X509_CRL_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_NAME, X509_NAME_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GENERAL_NAME, GENERAL_NAME_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GENERAL_NAMES, GENERAL_NAMES_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ASN1_INTEGER, ASN1_INTEGER_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ASN1_TIME, ASN1_TIME_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIGNUM, BN_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIO, BIO_free_all)

typedef STACK_OF (X509) X509Stack;
typedef STACK_OF (X509_CRL) CrlStack;
static inline void
x509_stack_free (X509Stack *stack)
{
  sk_X509_pop_free (stack, X509_free);
}
static inline void
crl_stack_free (CrlStack *stack)
{
  sk_X509_CRL_pop_free (stack, X509_CRL_free);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509Stack, x509_stack_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CrlStack, crl_stack_free)

/* -- command lines (pki_options.c) */

typedef enum { PKI_SWITCH, PKI_TEXT, PKI_NUMBER } PkiOptionKind;

typedef struct {
  const char *name;
  guint8      kind;                           /* PkiOptionKind */
  gboolean    is_list;                        /* may be given several times */
  const char *value;                          /* what stands for its value in the help; "a|b": one of these */
  const char *doc;
} PkiOption;

typedef struct _PkiArgs PkiArgs;

typedef struct {
  const char *name, *alias;                   /* @alias: what others call it, or NULL */
  const char *summary, *notes;
  const PkiOption *const *groups;             /* NULL-terminated; each ends with a name that is NULL */
  /* FALSE with @error: IKE_ERROR_SYNTAX when the command line is wrong. */
  gboolean  (*run) (const PkiArgs *args, GError **error);
} PkiCommand;

typedef struct {
  const PkiOption *option;
  const char      *value;
} PkiGiven;

struct _PkiArgs {
  const PkiCommand *command;
  GArray           *given;                    /* PkiGiven, in order */
  gboolean          wants_help;
};

gboolean    pki_args_read  (PkiArgs *args, const PkiCommand *command, const char *const *words, GError **error);
void        pki_args_clear (PkiArgs *args);
/* NULL or FALSE when it was not given. */
const char *pki_text       (const PkiArgs *args, const char *name);
const char *pki_nth        (const PkiArgs *args, const char *name, guint i);
gboolean    pki_has        (const PkiArgs *args, const char *name);
guint64     pki_number     (const PkiArgs *args, const char *name, guint64 fallback);
/* Fails when it was not given. */
const char *pki_need       (const PkiArgs *args, const char *name, GError **error);
void        pki_print_help (const PkiCommand *command);
/* Words that could stand where the last of @words stands. */
void        pki_complete   (const PkiCommand *command, const char *const *words);
/* @word must be one of "a|b|c"; @what names it in the complaint. */
gboolean    pki_choice     (const char *choices, const char *word, const char *what, GError **error);

extern const PkiOption pki_output_options[], pki_passphrase_options[];

/* -- the commands */

extern const PkiCommand pki_gen_command, pki_pub_command, pki_self_command, pki_req_command, pki_issue_command,
                        pki_crl_command, pki_ocsp_command, pki_print_command, pki_verify_command, pki_p12_command;

/* -- files (pki_files.c); NULL and "-" are standard input or output */

/* The bytes are wiped when they are freed. */
GBytes     *pki_read_bytes (const char *path, GError **error);
/* To --out, or to standard output.  @is_secret: for the owner only, and nothing that is there is overwritten without
 * --force. */
gboolean    pki_write      (const PkiArgs *args, BIO *content, gboolean is_secret, GError **error);
gboolean    pki_is_der     (const PkiArgs *args);
/* For people: the path, or "standard input". */
const char *pki_path       (const char *path);
/* From --passphrase-file, IKEBANA_PASSPHRASE, or the terminal.  Wiped by the caller; NULL: there is none. */
char       *pki_passphrase (const PkiArgs *args, const char *what, gboolean is_new, GError **error);
void        pki_passphrase_free (char *passphrase);
G_GNUC_PRINTF (1, 2) void pki_note (const char *format, ...);
/* Sets @error from @format and from the first error that OpenSSL noted; FALSE. */
G_GNUC_PRINTF (2, 3) gboolean pki_fail (GError **error, const char *format, ...);
G_GNUC_PRINTF (2, 3) gboolean pki_usage (GError **error, const char *format, ...);

/* -- keys and certificates in files (pki_load.c) */

typedef enum { PKI_UNKNOWN, PKI_CERT, PKI_CRL, PKI_KEY, PKI_PUB, PKI_REQ, PKI_P12, PKI_OCSP } PkiKind;

PkiKind     pki_kind_of    (GBytes *bytes);
/* By its word of --type, "auto" looks into @bytes. */
PkiKind     pki_kind       (const char *word, GBytes *bytes);
EVP_PKEY   *pki_read_key   (const PkiArgs *args, const char *path, GError **error);
X509       *pki_read_cert  (const char *path, GError **error);
gboolean    pki_read_certs (const char *path, X509Stack *out, GError **error);
X509_CRL   *pki_read_crl   (const char *path, GError **error);
EVP_PKEY   *pki_key_from   (const PkiArgs *args, GBytes *bytes, const char *path, GError **error);
X509       *pki_cert_from  (GBytes *bytes, const char *path, GError **error);
gboolean    pki_certs_from (GBytes *bytes, const char *path, X509Stack *out, GError **error);
X509_CRL   *pki_crl_from   (GBytes *bytes, const char *path, GError **error);
X509_REQ   *pki_req_from   (GBytes *bytes, const char *path, GError **error);
EVP_PKEY   *pki_pub_from   (GBytes *bytes, const char *path, GError **error);
/* The public key of something that is of @kind. */
EVP_PKEY   *pki_any_pub    (const PkiArgs *args, GBytes *bytes, const char *path, PkiKind kind, GError **error);
/* Reads --cacert and --cakey, and that they belong together. */
gboolean    pki_read_ca    (const PkiArgs *args, X509 **cert, EVP_PKEY **key, GError **error);

/* -- names, numbers and times (pki_names.c, pki_time.c) */

X509_NAME    *pki_dn        (const char *text, GError **error);
GENERAL_NAME *pki_san       (const char *text, GError **error);
GENERAL_NAME *pki_subtree   (const char *text, GError **error);   /* of name constraints: TYPE:VALUE */
GENERAL_NAME *pki_uri       (const char *text, GError **error);
char         *pki_dn_text   (const X509_NAME *name);
char         *pki_name_text (const GENERAL_NAME *name, gboolean is_subtree);
ASN1_INTEGER *pki_serial    (const char *hex, GError **error);
char         *pki_hex       (const guint8 *data, gsize len, char separator_or_0);
char         *pki_serial_text (const ASN1_INTEGER *serial);
/* "2030-01-31", "2030-01-31T12:00:00Z", "20300131120000Z", "@1900000000", "now", "+10d", "-2h". */
gboolean      pki_time      (const char *text, gint64 now, gint64 *out, GError **error);
/* Fills first and last from the options @from and @until; without @until last is --lifetime, or @days, later. */
typedef struct {
  const char *from, *until;
  guint       days;
  gint64      first, last;                    /* seconds since 1970 */
} PkiPeriod;
gboolean      pki_period (const PkiArgs *args, PkiPeriod *period, GError **error);
gint64        pki_now       (void);
char         *pki_time_text (const ASN1_TIME *time);
gint64        pki_time_value (const ASN1_TIME *time);

/* -- signing (pki_sign.c) */

/* The context to sign with: --digest and --rsa-padding, or what suits @key. */
EVP_MD_CTX *pki_signer     (const PkiArgs *args, EVP_PKEY *key, GError **error);
extern const PkiOption pki_sign_options[];

/* -- extensions (pki_extensions.c) */

extern const PkiOption pki_extension_options[];
/* @issuer: whose certificate it is, @cert itself when it signs itself; @names: alternative names or NULL. */
gboolean    pki_extend_cert (const PkiArgs *args, X509 *cert, X509 *issuer, GENERAL_NAMES *names, GError **error);
/* Those of --san; @names stays NULL when there are none. */
gboolean    pki_sans        (const PkiArgs *args, GENERAL_NAMES **names, GError **error);
/* The URIs of @option; an empty list when there are none, NULL when one is wrong. */
CRL_DIST_POINTS *pki_points (const PkiArgs *args, const char *option, GError **error);
AUTHORITY_KEYID *pki_authority_of (X509 *issuer);
/* What --flag calls a purpose (of extended key usage), or NULL. */
const char *pki_purpose_word (const char *oid);

/* -- what there is to say about them (pki_describe.c) */

Json       *pki_describe_key  (EVP_PKEY *key);
Json       *pki_describe_cert (X509 *cert, gint64 now);
Json       *pki_describe_crl  (X509_CRL *crl, gint64 now);
Json       *pki_describe_revoked (X509_REVOKED *entry);
Json       *pki_describe_req  (X509_REQ *req);

/* RFC 5280, 5.3.1: in the order of their numbers; 7 is nothing. */
#define PKI_REASONS "unspecified|key-compromise|ca-compromise|affiliation-changed|superseded|" \
                    "cessation-of-operation|certificate-hold|unused|remove-from-crl|privilege-withdrawn|aa-compromise"
char       *pki_reason_text   (gint64 reason);
/* -1 with @error when there is no such word. */
int         pki_reason        (const char *word, GError **error);
