/* SPDX-License-Identifier: Apache-2.0 */
/* pki_issue.c - `pki self`, `pki issue` and `pki req`: certificates, and requests for them. */
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <string.h>
#include "pki.h"

enum { LIFETIME_DAYS = 1095, SERIAL_LEN = 16 };

static const PkiOption subject_options[] = {
  { "dn", PKI_TEXT, FALSE, "DN", "subject, like \"C=CH, O=Example, CN=moon.example\"" },
  { NULL },
};

static const PkiOption lifetime_options[] = {
  { "lifetime", PKI_NUMBER, FALSE, "DAYS",
    "how long it is valid; by default 1095, at most as long as the CA is" },
  { "not-before", PKI_TEXT, FALSE, "TIME",
    "from when on; 2030-01-31, @SECONDS, +10d; now by default" },
  { "not-after", PKI_TEXT, FALSE, "TIME", "until when, instead of --lifetime" },
  { "serial", PKI_TEXT, FALSE, "HEX", "serial number; random by default" },
  { NULL },
};

/* -- making a certificate */

static gboolean
set_serial (const PkiArgs *args, X509 *cert, GError **error)
{
  const char *text = pki_text (args, "serial");
  g_autoptr (ASN1_INTEGER) serial = NULL;
  guint8 bytes[SERIAL_LEN];

  if (text) {
    serial = pki_serial (text, error);
    return serial && X509_set_serialNumber (cert, serial) == 1;
  }
  if (RAND_bytes (bytes, sizeof bytes) != 1)
    return pki_fail (error, "there are no random bytes");
  /* Positive, and always of the same length. */
  bytes[0] = (bytes[0] & 0x7f) | 0x40;
  serial = ASN1_INTEGER_new ();
  ASN1_STRING_set (serial, bytes, sizeof bytes);
  return X509_set_serialNumber (cert, serial) == 1;
}

static gboolean
set_times (const PkiArgs *args, X509 *cert, X509 *issuer, GError **error)
{
  PkiPeriod period = { .from = "not-before", .until = "not-after", .days = LIFETIME_DAYS };
  gboolean is_said = pki_has (args, "lifetime") || pki_has (args, "not-after");
  gint64 end = issuer != cert ? pki_time_value (X509_get0_notAfter (issuer)) : G_MAXINT64;

  if (!pki_period (args, &period, error))
    return FALSE;
  if (!is_said && end > period.first)
    period.last = MIN (period.last, end);
  if (!ASN1_TIME_set (X509_getm_notBefore (cert), (time_t) period.first)
      || !ASN1_TIME_set (X509_getm_notAfter (cert), (time_t) period.last))
    return pki_fail (error, "these times cannot be written");
  if (period.last > end) {
    g_autofree char *text = pki_time_text (X509_get0_notAfter (issuer));
    pki_note ("the certificate of the CA ends before this one, at %s", text);
  }
  return TRUE;
}

/* What is certified: a key, its subject, its names. */
typedef struct {
  EVP_PKEY *key;
  X509_NAME *subject;
  GENERAL_NAMES *names; /* NULL: none */
} Applicant;

static void
applicant_clear (Applicant *applicant)
{
  EVP_PKEY_free (applicant->key);
  X509_NAME_free (applicant->subject);
  GENERAL_NAMES_free (applicant->names);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Applicant, applicant_clear)

static gboolean
write_cert (const PkiArgs *args, X509 *cert, GError **error)
{
  g_autoptr (BIO) out = BIO_new (BIO_s_mem ());

  if ((pki_is_der (args) ? i2d_X509_bio (out, cert) : PEM_write_bio_X509 (out, cert)) != 1)
    return pki_fail (error, "cannot encode the certificate");
  return pki_write (args, out, FALSE, error);
}

/* @issuer_or_null: NULL when it signs itself. */
static gboolean
certify (const PkiArgs *args, const Applicant *applicant, X509 *issuer_or_null, EVP_PKEY *key,
         GError **error)
{
  g_autoptr (X509) cert = X509_new ();
  X509 *issuer = issuer_or_null ? issuer_or_null : cert;
  g_autoptr (EVP_MD_CTX) signer = NULL;

  if (!set_serial (args, cert, error) || !set_times (args, cert, issuer, error))
    return FALSE;
  if (X509_set_version (cert, X509_VERSION_3) != 1
      || X509_set_subject_name (cert, applicant->subject) != 1
      || X509_set_issuer_name (cert, X509_get_subject_name (issuer)) != 1
      || X509_set_pubkey (cert, applicant->key) != 1)
    return pki_fail (error, "cannot make the certificate");
  if (!pki_extend_cert (args, cert, issuer, applicant->names, error))
    return FALSE;
  signer = pki_signer (args, key, error);
  if (!signer)
    return FALSE;
  if (X509_sign_ctx (cert, signer) <= 0)
    return pki_fail (error, "cannot sign the certificate");
  return write_cert (args, cert, error);
}

/* -- self */

static const PkiOption self_options[] = {
  { "in", PKI_TEXT, FALSE, "KEY", "the private key" },
  { NULL },
};
static const PkiOption *const self_groups[] = { self_options,          subject_options,
                                                pki_extension_options, lifetime_options,
                                                pki_sign_options,      pki_passphrase_options,
                                                pki_output_options,    NULL };

static gboolean
run_self (const PkiArgs *args, GError **error)
{
  g_auto (Applicant) applicant = { NULL };
  const char *dn = pki_need (args, "dn", error);

  if (!dn || !(applicant.subject = pki_dn (dn, error)) || !pki_sans (args, &applicant.names, error)
      || !(applicant.key = pki_read_key (args, pki_text (args, "in"), error)))
    return FALSE;
  return certify (args, &applicant, NULL, applicant.key, error);
}

const PkiCommand pki_self_command = {
  .name = "self",
  .summary = "make a certificate that is signed by its own key: a root CA",
  .notes = "With --ca it can issue others; without, a peer must have this very certificate.",
  .groups = self_groups,
  .run = run_self,
};

/* -- issue */

static const PkiOption issue_options[] = {
  { "cacert", PKI_TEXT, FALSE, "FILE", "certificate of the CA" },
  { "cakey", PKI_TEXT, FALSE, "FILE", "its private key" },
  { "in", PKI_TEXT, FALSE, "FILE", "what is certified: a public key, a private key or a request" },
  { "type", PKI_TEXT, FALSE, "auto|pub|key|req|cert", "what that is; auto looks into it" },
  { NULL },
};
static const PkiOption *const issue_groups[] = { issue_options,         subject_options,
                                                 pki_extension_options, lifetime_options,
                                                 pki_sign_options,      pki_passphrase_options,
                                                 pki_output_options,    NULL };

/* Subject and names of a request count where the command line has none. */
static gboolean
take_request (X509_REQ *req, const char *path, Applicant *applicant, GError **error)
{
  EVP_PKEY *key = X509_REQ_get0_pubkey (req);
  STACK_OF (X509_EXTENSION) * wanted;

  if (!key || X509_REQ_verify (req, key) != 1)
    return pki_fail (error, "the request in %s is not signed by its own key", pki_path (path));
  if (!applicant->subject)
    applicant->subject = X509_NAME_dup (X509_REQ_get_subject_name (req));
  if (!applicant->names) {
    wanted = X509_REQ_get_extensions (req);
    applicant->names = X509V3_get_d2i (wanted, NID_subject_alt_name, NULL, NULL);
    sk_X509_EXTENSION_pop_free (wanted, X509_EXTENSION_free);
  }
  return TRUE;
}

static gboolean
read_applicant (const PkiArgs *args, Applicant *applicant, GError **error)
{
  const char *path = pki_text (args, "in"), *dn = pki_text (args, "dn");
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (X509_REQ) req = NULL;
  PkiKind kind;

  if ((dn && !(applicant->subject = pki_dn (dn, error)))
      || !pki_sans (args, &applicant->names, error) || !(bytes = pki_read_bytes (path, error)))
    return FALSE;
  kind = pki_kind (pki_text (args, "type"), bytes);
  applicant->key = pki_any_pub (args, bytes, path, kind, error);
  if (!applicant->key)
    return FALSE;
  if (kind == PKI_REQ) {
    req = pki_req_from (bytes, path, error);
    return req && take_request (req, path, applicant, error);
  }
  return applicant->subject || pki_need (args, "dn", error);
}

static gboolean
run_issue (const PkiArgs *args, GError **error)
{
  g_auto (Applicant) applicant = { NULL };
  g_autoptr (X509) issuer = NULL;
  g_autoptr (EVP_PKEY) key = NULL;

  return pki_read_ca (args, &issuer, &key, error) && read_applicant (args, &applicant, error)
         && certify (args, &applicant, issuer, key, error);
}

const PkiCommand pki_issue_command = {
  .name = "issue",
  .summary = "issue a certificate by a CA",
  .notes = "Of a request the subject and the alternative names are taken unless --dn or --san say "
           "others;\nnothing else that it asks for is.",
  .groups = issue_groups,
  .run = run_issue,
};

/* -- req */

static const PkiOption req_options[] = {
  { "in", PKI_TEXT, FALSE, "KEY", "the private key" },
  { "san", PKI_TEXT, TRUE, "NAME",
    "name of the subject: host, address, user@host; or dns:, email:, ip:, dn:, uri:" },
  { NULL },
};
static const PkiOption *const req_groups[] = { req_options,        subject_options,
                                               pki_sign_options,   pki_passphrase_options,
                                               pki_output_options, NULL };

static gboolean
ask_for_names (X509_REQ *req, GENERAL_NAMES *names)
{
  STACK_OF (X509_EXTENSION) *wanted = NULL;
  gboolean is_added =
      X509V3_add1_i2d (&wanted, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1
      && X509_REQ_add_extensions (req, wanted) == 1;

  sk_X509_EXTENSION_pop_free (wanted, X509_EXTENSION_free);
  return is_added;
}

static gboolean
run_req (const PkiArgs *args, GError **error)
{
  g_auto (Applicant) applicant = { NULL };
  g_autoptr (X509_REQ) req = X509_REQ_new ();
  g_autoptr (EVP_MD_CTX) signer = NULL;
  g_autoptr (BIO) out = BIO_new (BIO_s_mem ());
  const char *dn = pki_need (args, "dn", error);

  if (!dn || !(applicant.subject = pki_dn (dn, error)) || !pki_sans (args, &applicant.names, error)
      || !(applicant.key = pki_read_key (args, pki_text (args, "in"), error))
      || !(signer = pki_signer (args, applicant.key, error)))
    return FALSE;
  if (X509_REQ_set_version (req, X509_REQ_VERSION_1) != 1
      || X509_REQ_set_subject_name (req, applicant.subject) != 1
      || X509_REQ_set_pubkey (req, applicant.key) != 1
      || (applicant.names && !ask_for_names (req, applicant.names))
      || X509_REQ_sign_ctx (req, signer) <= 0)
    return pki_fail (error, "cannot make the request");
  if ((pki_is_der (args) ? i2d_X509_REQ_bio (out, req) : PEM_write_bio_X509_REQ (out, req)) != 1)
    return pki_fail (error, "cannot encode the request");
  return pki_write (args, out, FALSE, error);
}

const PkiCommand pki_req_command = {
  .name = "req",
  .summary = "make a certificate request (PKCS#10) for a CA elsewhere",
  .groups = req_groups,
  .run = run_req,
};
