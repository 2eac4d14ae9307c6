/* SPDX-License-Identifier: Apache-2.0 */
/* pki_ocsp.c - `pki ocsp`: a responder (RFC 6960) for tests, which serves files, too. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <string.h>
#include <unistd.h>
#include "pki.h"
#include "pki_http.h"

enum { LIFETIME_S = 3600, SINGLES_MAX = 64, SLASHES_MAX = 8, DELAY_MAX_MS = 600000 };

#define FAILURES "internal-error|try-later|sig-required|unauthorized"

static const PkiOption ocsp_options[] = {
  { "cacert", PKI_TEXT, FALSE, "FILE", "the CA whose certificates are asked about" },
  { "key", PKI_TEXT, FALSE, "FILE",
    "private key that signs the answers: of the CA or of --signer" },
  { "signer", PKI_TEXT, FALSE, "CERT", "whom the CA gave the right to (--flag ocspSigning)" },
  { "revoked", PKI_TEXT, TRUE, "SERIAL[:REASON]", "what is revoked" },
  { "unknown", PKI_TEXT, TRUE, "SERIAL", "what nothing is known of; all else is good" },
  { "crl", PKI_TEXT, FALSE, "FILE", "what is revoked, from a CRL" },
  { "address", PKI_TEXT, FALSE, "ADDRESS", "where to listen; 127.0.0.1 by default" },
  { "port", PKI_NUMBER, FALSE, "N", "0 by default: any; it is printed" },
  { "serve", PKI_TEXT, FALSE, "DIR", "serve the files below this directory, too" },
  { "requests", PKI_NUMBER, FALSE, "N", "end after so many requests" },
  { "delay-ms", PKI_NUMBER, FALSE, "N", "wait before each answer" },
  { "lifetime", PKI_NUMBER, FALSE, "SECONDS",
    "how long an answer holds; 3600 by default, 0: not said" },
  { "this-update", PKI_TEXT, FALSE, "TIME", "since when it holds; now by default" },
  { "no-nonce", PKI_SWITCH, FALSE, NULL, "do not give back the nonce of the request" },
  { "by-key", PKI_SWITCH, FALSE, NULL, "name the responder by its key, not by its subject" },
  { "fail", PKI_TEXT, FALSE, FAILURES, "answer every request with this error" },
  { "verbose", PKI_SWITCH, FALSE, NULL, "print a line for every request" },
  { NULL },
};
static const PkiOption *const ocsp_groups[] = { ocsp_options, pki_sign_options,
                                                pki_passphrase_options, NULL };

typedef struct {
  const PkiArgs *args;
  X509 *ca, *signer; /* @ca NULL: files only */
  EVP_PKEY *key;
  X509_CRL *crl;
  GHashTable *revoked; /* serial number in hexadecimal: reason */
  GHashTable *unknown;
  gint64 this_update; /* 0: the time of the answer */
  int directory;      /* or -1 */
} Responder;

static void
responder_clear (Responder *responder)
{
  X509_free (responder->ca);
  X509_free (responder->signer);
  EVP_PKEY_free (responder->key);
  X509_CRL_free (responder->crl);
  g_clear_pointer (&responder->revoked, g_hash_table_unref);
  g_clear_pointer (&responder->unknown, g_hash_table_unref);
  if (responder->directory >= 0)
    close (responder->directory);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Responder, responder_clear)

/* -- one certificate */

typedef struct {
  int status, reason;
  ASN1_TIME *revoked_at; /* owned; NULL when it is not revoked */
} Verdict;

static gboolean
is_of_ca (const Responder *responder, OCSP_CERTID *id)
{
  ASN1_OBJECT *algorithm = NULL;
  const EVP_MD *digest;
  OCSP_CERTID *ours;
  gboolean is_same;

  OCSP_id_get0_info (NULL, &algorithm, NULL, NULL, id);
  digest = EVP_get_digestbyobj (algorithm);
  ours = digest ? OCSP_cert_to_id (digest, NULL, responder->ca) : NULL;
  is_same = ours && OCSP_id_issuer_cmp (ours, id) == 0;
  OCSP_CERTID_free (ours);
  return is_same;
}

static void
judge_by_crl (const Responder *responder, ASN1_INTEGER *serial, Verdict *verdict)
{
  X509_REVOKED *entry = NULL;
  ASN1_ENUMERATED *reason;

  if (!responder->crl || X509_CRL_get0_by_serial (responder->crl, &entry, serial) != 1)
    return;
  reason = X509_REVOKED_get_ext_d2i (entry, NID_crl_reason, NULL, NULL);
  verdict->status = V_OCSP_CERTSTATUS_REVOKED;
  verdict->reason = reason ? (int) ASN1_ENUMERATED_get (reason) : -1;
  verdict->revoked_at = ASN1_STRING_dup (X509_REVOKED_get0_revocationDate (entry));
  ASN1_ENUMERATED_free (reason);
}

static Verdict
judge (const Responder *responder, OCSP_CERTID *id, gint64 now)
{
  Verdict verdict = { .status = V_OCSP_CERTSTATUS_GOOD, .reason = -1 };
  g_autofree char *text = NULL;
  ASN1_INTEGER *serial = NULL;
  gpointer reason;

  OCSP_id_get0_info (NULL, NULL, NULL, &serial, id);
  text = pki_serial_text (serial);
  if (!is_of_ca (responder, id) || g_hash_table_contains (responder->unknown, text)) {
    verdict.status = V_OCSP_CERTSTATUS_UNKNOWN;
  } else if (g_hash_table_lookup_extended (responder->revoked, text, NULL, &reason)) {
    verdict.status = V_OCSP_CERTSTATUS_REVOKED;
    verdict.reason = GPOINTER_TO_INT (reason);
    verdict.revoked_at = ASN1_TIME_set (NULL, (time_t) now);
  } else {
    judge_by_crl (responder, serial, &verdict);
  }
  return verdict;
}

static gboolean
add_status (const Responder *responder, OCSP_BASICRESP *basic, OCSP_CERTID *id)
{
  gint64 now = responder->this_update ? responder->this_update : pki_now ();
  gint64 lifetime_s = (gint64) pki_number (responder->args, "lifetime", LIFETIME_S);
  Verdict verdict = judge (responder, id, now);
  g_autoptr (ASN1_TIME) from = ASN1_GENERALIZEDTIME_set (NULL, (time_t) now);
  g_autoptr (ASN1_TIME) until =
      lifetime_s ? ASN1_GENERALIZEDTIME_set (NULL, (time_t) (now + lifetime_s)) : NULL;
  gboolean is_added = OCSP_basic_add1_status (basic, id, verdict.status, verdict.reason,
                                              verdict.revoked_at, from, until)
                      != NULL;

  ASN1_TIME_free (verdict.revoked_at);
  return is_added;
}

/* -- a request */

static OCSP_BASICRESP *
answer_request (const Responder *responder, OCSP_REQUEST *request)
{
  gboolean is_by_key = pki_has (responder->args, "by-key");
  OCSP_BASICRESP *basic = OCSP_BASICRESP_new ();
  g_autoptr (EVP_MD_CTX) signer = pki_signer (responder->args, responder->key, NULL);
  gboolean is_good = signer != NULL;

  for (int i = 0; is_good && i < OCSP_request_onereq_count (request); i++)
    is_good =
        add_status (responder, basic, OCSP_onereq_get0_id (OCSP_request_onereq_get0 (request, i)));
  if (is_good && !pki_has (responder->args, "no-nonce"))
    is_good = OCSP_copy_nonce (basic, request) > 0;
  if (is_good
      && OCSP_basic_sign_ctx (basic, responder->signer ? responder->signer : responder->ca, signer,
                              NULL, is_by_key ? OCSP_RESPID_KEY : 0)
             == 1)
    return basic;
  OCSP_BASICRESP_free (basic);
  return NULL;
}

static OCSP_RESPONSE *
respond (const Responder *responder, OCSP_REQUEST *request_or_null)
{
  static const int failures[] = { OCSP_RESPONSE_STATUS_INTERNALERROR, OCSP_RESPONSE_STATUS_TRYLATER,
                                  OCSP_RESPONSE_STATUS_SIGREQUIRED,
                                  OCSP_RESPONSE_STATUS_UNAUTHORIZED };
  g_auto (GStrv) words = g_strsplit (FAILURES, "|", -1);
  const char *word = pki_text (responder->args, "fail");
  OCSP_BASICRESP *basic;
  OCSP_RESPONSE *response;
  int n = request_or_null ? OCSP_request_onereq_count (request_or_null) : 0;

  for (guint i = 0; word && words[i]; i++)
    if (strcmp (words[i], word) == 0)
      return OCSP_response_create (failures[i], NULL);
  if (n < 1 || n > SINGLES_MAX)
    return OCSP_response_create (OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, NULL);
  basic = answer_request (responder, request_or_null);
  response = OCSP_response_create (
      basic ? OCSP_RESPONSE_STATUS_SUCCESSFUL : OCSP_RESPONSE_STATUS_INTERNALERROR, basic);
  OCSP_BASICRESP_free (basic);
  return response;
}

static OCSP_REQUEST *
parse_request (const guint8 *data, gsize len)
{
  const guint8 *end = data;
  OCSP_REQUEST *request = d2i_OCSP_REQUEST (NULL, &end, (long) len);

  if (request && end == data + len)
    return request;
  OCSP_REQUEST_free (request);
  return NULL;
}

/* RFC 6960, A.1: "GET {url}/{url-encoding of base-64 encoding of the DER encoding of the
 * OCSPRequest}".  Both parts may hold a slash. */
static OCSP_REQUEST *
request_of_path (const char *path)
{
  for (guint left = SLASHES_MAX; path && left > 0; left--, path = strchr (path + 1, '/')) {
    gsize len = 0;
    g_autofree guint8 *data = g_base64_decode (path + 1, &len);
    OCSP_REQUEST *request = len > 0 ? parse_request (data, len) : NULL;
    if (request)
      return request;
  }
  return NULL;
}

static void
answer_ocsp (const Responder *responder, OCSP_REQUEST *request_or_null, PkiHttpAnswer *answer)
{
  OCSP_RESPONSE *response = respond (responder, request_or_null);
  guint8 *der = NULL;
  int len = response ? i2d_OCSP_RESPONSE (response, &der) : -1;

  *answer = (PkiHttpAnswer){ .status = 500 };
  if (len > 0)
    *answer = (PkiHttpAnswer){ 200, "application/ocsp-response", g_bytes_new (der, (gsize) len) };
  OPENSSL_free (der);
  OCSP_RESPONSE_free (response);
  ERR_clear_error ();
}

static void
answer_http (const PkiHttpRequest *request, const guint8 *body, PkiHttpAnswer *answer,
             gpointer data)
{
  const Responder *responder = data;
  OCSP_REQUEST *asked = NULL;

  if (!request->is_post && responder->directory >= 0
      && pki_http_serve (responder->directory, request->path, answer))
    return;
  if (responder->ca && request->is_post)
    asked = parse_request (body, request->body_len);
  else if (responder->ca)
    asked = request_of_path (request->path);
  if (asked || (responder->ca && request->is_post))
    answer_ocsp (responder, asked, answer);
  else
    answer->status = request->is_post ? 405 : 404;
  OCSP_REQUEST_free (asked);
}

/* -- beginning */

static gboolean
read_revoked (Responder *responder, const char *text, GError **error)
{
  const char *colon = strchr (text, ':');
  g_autofree char *hex = colon ? g_strndup (text, (gsize) (colon - text)) : g_strdup (text);
  g_autoptr (ASN1_INTEGER) serial = pki_serial (hex, error);
  int reason = colon && serial ? pki_reason (colon + 1, error) : -1;

  if (!serial || (colon && reason < 0))
    return FALSE;
  g_hash_table_insert (responder->revoked, pki_serial_text (serial), GINT_TO_POINTER (reason));
  return TRUE;
}

static gboolean
read_lists (Responder *responder, GError **error)
{
  const PkiArgs *args = responder->args;
  const char *text = pki_text (args, "crl");

  if (text && !(responder->crl = pki_read_crl (text, error)))
    return FALSE;
  for (guint i = 0; (text = pki_nth (args, "revoked", i)); i++)
    if (!read_revoked (responder, text, error))
      return FALSE;
  for (guint i = 0; (text = pki_nth (args, "unknown", i)); i++) {
    g_autoptr (ASN1_INTEGER) serial = pki_serial (text, error);
    if (!serial)
      return FALSE;
    g_hash_table_add (responder->unknown, pki_serial_text (serial));
  }
  text = pki_text (args, "this-update");
  return !text || pki_time (text, pki_now (), &responder->this_update, error);
}

static gboolean
read_keys (Responder *responder, GError **error)
{
  const PkiArgs *args = responder->args;
  const char *signer = pki_text (args, "signer"), *ca = pki_need (args, "cacert", error), *key;
  g_autoptr (EVP_MD_CTX) trial = NULL;

  if (!ca || !(key = pki_need (args, "key", error)) || !(responder->ca = pki_read_cert (ca, error))
      || (signer && !(responder->signer = pki_read_cert (signer, error)))
      || !(responder->key = pki_read_key (args, key, error)))
    return FALSE;
  if (X509_check_private_key (signer ? responder->signer : responder->ca, responder->key) != 1) {
    ERR_clear_error ();
    return pki_fail (error, "the key in %s does not belong to the certificate in %s", key,
                     signer ? signer : ca);
  }
  trial = pki_signer (args, responder->key, error);
  return trial != NULL;
}

static gboolean
open_directory (Responder *responder, GError **error)
{
  const char *path = pki_text (responder->args, "serve");

  if (!path)
    return TRUE;
  responder->directory = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (responder->directory >= 0)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot serve %s: %s", path, g_strerror (errno));
  return FALSE;
}

static gboolean
run_ocsp (const PkiArgs *args, GError **error)
{
  g_auto (Responder) responder = { .args = args, .directory = -1 };
  PkiHttpServer server = {
    .address = pki_text (args, "address"),
    .port = (guint) pki_number (args, "port", 0),
    .n_requests = (guint) pki_number (args, "requests", 0),
    .delay_ms = (guint) pki_number (args, "delay-ms", 0),
    .is_verbose = pki_has (args, "verbose"),
    .answer = answer_http,
    .data = &responder,
  };

  if (server.port > G_MAXUINT16 || server.delay_ms > DELAY_MAX_MS)
    return pki_usage (error, "--port is at most 65535, --delay-ms %d", DELAY_MAX_MS);
  responder.revoked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  responder.unknown = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if ((pki_has (args, "cacert") || !pki_has (args, "serve")) && !read_keys (&responder, error))
    return FALSE;
  return read_lists (&responder, error) && open_directory (&responder, error)
         && pki_http_run (&server, error);
}

const PkiCommand pki_ocsp_command = {
  .name = "ocsp",
  .summary = "answer whether certificates are revoked (OCSP), and serve files: for tests",
  .notes =
      "It listens on loopback unless --address says otherwise, answers one request at a time, and\n"
      "ends after --requests or with SIGTERM.  Only --serve: no OCSP.",
  .groups = ocsp_groups,
  .run = run_ocsp,
};
