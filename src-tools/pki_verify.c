/* SPDX-License-Identifier: Apache-2.0 */
/* pki_verify.c - `pki verify`: is a certificate to be trusted, and if not, why. */
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include "pki.h"

enum { AUTH_LEVEL = 1 };

static const PkiOption verify_options[] = {
  { "in", PKI_TEXT, FALSE, "CERT", "the certificate" },
  { "cacert", PKI_TEXT, TRUE, "FILE",
    "CAs to trust; without one the certificate must trust itself" },
  { "cert", PKI_TEXT, TRUE, "FILE", "certificates that may stand between" },
  { "crl", PKI_TEXT, TRUE, "FILE",
    "CRLs, deltas too; then the certificate must be covered by one" },
  { "at", PKI_TEXT, FALSE, "TIME", "as if it were then; now by default" },
  { NULL },
};
static const PkiOption *const verify_groups[] = { verify_options, NULL };

typedef struct {
  X509 *cert;
  X509Stack *anchors, *others;
  CrlStack *crls;
  gint64 at;
} Question;

static void
question_clear (Question *question)
{
  X509_free (question->cert);
  x509_stack_free (question->anchors);
  x509_stack_free (question->others);
  crl_stack_free (question->crls);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Question, question_clear)

G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_STORE, X509_STORE_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_STORE_CTX, X509_STORE_CTX_free)

/* -- why not */

/* The @i-th CRL of the issuer of @cert; NULL: the end. */
static X509_CRL *
crl_of (const Question *question, X509 *cert, int i)
{
  for (int at = 0; at < sk_X509_CRL_num (question->crls); at++) {
    X509_CRL *crl = sk_X509_CRL_value (question->crls, at);
    if (X509_NAME_cmp (X509_CRL_get_issuer (crl), X509_get_issuer_name (cert)) == 0 && i-- == 0)
      return crl;
  }
  return NULL;
}

static char *
why_revoked (const Question *question, X509 *cert)
{
  X509_CRL *crl;

  for (int i = 0; (crl = crl_of (question, cert, i)); i++) {
    X509_REVOKED *entry = NULL;
    g_autoptr (Json) about = NULL;
    if (X509_CRL_get0_by_cert (crl, &entry, cert) != 1)
      continue;
    about = pki_describe_revoked (entry);
    return g_strdup_printf ("was revoked at %s (%s)", tool_text (about, "date", "?"),
                            tool_text (about, "reason", "?"));
  }
  return g_strdup ("was revoked");
}

static char *
why_crl (const Question *question, int code, X509 *cert)
{
  g_autofree char *issuer = pki_dn_text (X509_get_issuer_name (cert)), *when = NULL;
  X509_CRL *crl = crl_of (question, cert, 0);

  if (code == X509_V_ERR_UNABLE_TO_GET_CRL || !crl)
    return g_strdup_printf ("is covered by no CRL: give one of \"%s\" with --crl", issuer);
  if (code == X509_V_ERR_CRL_HAS_EXPIRED) {
    when = pki_time_text (X509_CRL_get0_nextUpdate (crl));
    return g_strdup_printf ("is covered by an old CRL of \"%s\" only: the next was due at %s",
                            issuer, when);
  }
  when = pki_time_text (X509_CRL_get0_lastUpdate (crl));
  return g_strdup_printf ("is covered by a CRL of \"%s\" that begins at %s only", issuer, when);
}

static char *
why_not (const Question *question, int code, X509 *cert)
{
  g_autofree char *text = NULL;

  switch (code) {
  case X509_V_ERR_CERT_HAS_EXPIRED:
    text = pki_time_text (X509_get0_notAfter (cert));
    return g_strdup_printf ("expired at %s", text);
  case X509_V_ERR_CERT_NOT_YET_VALID:
    text = pki_time_text (X509_get0_notBefore (cert));
    return g_strdup_printf ("is not valid before %s", text);
  case X509_V_ERR_CERT_REVOKED:
    return why_revoked (question, cert);
  case X509_V_ERR_UNABLE_TO_GET_CRL:
  case X509_V_ERR_CRL_HAS_EXPIRED:
  case X509_V_ERR_CRL_NOT_YET_VALID:
    return why_crl (question, code, cert);
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    text = pki_dn_text (X509_get_issuer_name (cert));
    return g_strdup_printf ("was issued by \"%s\", which is not among --cacert and --cert, or has "
                            "another key there",
                            text);
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    return g_strdup ("is signed by itself and not among --cacert");
  default:
    return g_strdup_printf ("is refused: %s", X509_verify_cert_error_string (code));
  }
}

static gboolean
refuse (const PkiArgs *args, const Question *question, X509_STORE_CTX *ctx, GError **error)
{
  X509 *current = X509_STORE_CTX_get_current_cert (ctx);
  X509 *cert = current ? current : question->cert;
  g_autofree char *subject = pki_dn_text (X509_get_subject_name (cert));
  g_autofree char *why = why_not (question, X509_STORE_CTX_get_error (ctx), cert);

  ERR_clear_error ();
  g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED, "%s is not to be trusted: \"%s\" %s",
               pki_path (pki_text (args, "in")), subject, why);
  return FALSE;
}

/* -- asking */

/* CRLs of every CA are rarely at hand: above the certificate itself those count that were given. */
static int
excuse (int is_good, X509_STORE_CTX *ctx)
{
  return is_good
         || (X509_STORE_CTX_get_error (ctx) == X509_V_ERR_UNABLE_TO_GET_CRL
             && X509_STORE_CTX_get_error_depth (ctx) > 0);
}

static gboolean
read_question (const PkiArgs *args, Question *question, GError **error)
{
  const char *text, *at = pki_text (args, "at");

  question->anchors = sk_X509_new_null ();
  question->others = sk_X509_new_null ();
  question->crls = sk_X509_CRL_new_null ();
  question->at = pki_now ();
  if ((at && !pki_time (at, question->at, &question->at, error))
      || !(question->cert = pki_read_cert (pki_text (args, "in"), error)))
    return FALSE;
  for (guint i = 0; (text = pki_nth (args, "cacert", i)); i++)
    if (!pki_read_certs (text, question->anchors, error))
      return FALSE;
  for (guint i = 0; (text = pki_nth (args, "cert", i)); i++)
    if (!pki_read_certs (text, question->others, error))
      return FALSE;
  for (guint i = 0; (text = pki_nth (args, "crl", i)); i++) {
    X509_CRL *crl = pki_read_crl (text, error);
    if (!crl)
      return FALSE;
    sk_X509_CRL_push (question->crls, crl);
  }
  if (!pki_has (args, "cacert") && X509_up_ref (question->cert) == 1)
    sk_X509_push (question->anchors, question->cert);
  return TRUE;
}

static X509_STORE *
make_store (const Question *question)
{
  X509_STORE *store = X509_STORE_new ();
  X509_VERIFY_PARAM *parameters = X509_STORE_get0_param (store);

  /* Every CA of --cacert is an anchor, an intermediate one too, as it is for the daemon. */
  X509_STORE_set_flags (store, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time (parameters, (time_t) question->at);
  X509_VERIFY_PARAM_set_auth_level (parameters, AUTH_LEVEL);
  for (int i = 0; i < sk_X509_num (question->anchors); i++)
    X509_STORE_add_cert (store, sk_X509_value (question->anchors, i));
  for (int i = 0; i < sk_X509_CRL_num (question->crls); i++)
    X509_STORE_add_crl (store, sk_X509_CRL_value (question->crls, i));
  if (sk_X509_CRL_num (question->crls) > 0)
    X509_STORE_set_flags (store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL
                                     | X509_V_FLAG_USE_DELTAS);
  X509_STORE_set_verify_cb (store, excuse);
  return store;
}

static void
show_chain (X509_STORE_CTX *ctx)
{
  const X509Stack *chain = X509_STORE_CTX_get0_chain (ctx);

  printf ("trusted\n");
  for (int i = 0; i < sk_X509_num (chain); i++) {
    X509 *cert = sk_X509_value (chain, i);
    g_autofree char *subject = pki_dn_text (X509_get_subject_name (cert)),
                    *until = pki_time_text (X509_get0_notAfter (cert)),
                    *clean = show_clean (subject);
    printf ("  %s%s, until %s\n", i ? "issued by " : "", clean, until);
  }
}

/* A certificate that is its own anchor would be trusted without a look at its signature. */
static gboolean
check_own_signature (const PkiArgs *args, X509 *cert, GError **error)
{
  EVP_PKEY *key = X509_get0_pubkey (cert);

  if (pki_has (args, "cacert") || X509_self_signed (cert, 1) == 1)
    return TRUE;
  ERR_clear_error ();
  return pki_fail (error,
                   "%s is not to be trusted: it is not signed by its own key%s; name its CA "
                   "with --cacert",
                   pki_path (pki_text (args, "in")), key ? "" : ", which cannot be used");
}

static gboolean
run_verify (const PkiArgs *args, GError **error)
{
  g_auto (Question) question = { NULL };
  g_autoptr (X509_STORE) store = NULL;
  g_autoptr (X509_STORE_CTX) ctx = X509_STORE_CTX_new ();

  if (!read_question (args, &question, error) || !check_own_signature (args, question.cert, error))
    return FALSE;
  store = make_store (&question);
  if (X509_STORE_CTX_init (ctx, store, question.cert, question.others) != 1)
    return pki_fail (error, "cannot begin to verify");
  if (X509_verify_cert (ctx) != 1)
    return refuse (args, &question, ctx, error);
  show_chain (ctx);
  return TRUE;
}

const PkiCommand pki_verify_command = {
  .name = "verify",
  .summary = "is a certificate to be trusted? Exit status 1 and a reason when not",
  .groups = verify_groups,
  .run = run_verify,
};
