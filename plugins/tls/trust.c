/* SPDX-License-Identifier: Apache-2.0 */
/* trust.c - whether the peer's certificate is believed: by `service:pki`, with the CAs of the
 * session, while the handshake waits.  Nothing is fetched here. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include <ikebana/error.h>
#include <ikebana/runtime.h>

#include "private.h"

/* So many names of CAs go into a CertificateRequest; with more, the client chooses by itself. */
enum { CAS_MAX = 64 };

/* The alert that the peer gets follows from this. */
static int
error_of (guint8 chain_error)
{
  switch ((IkeChainError) chain_error) {
  case IKE_CHAIN_EXPIRED:
    return X509_V_ERR_CERT_HAS_EXPIRED;
  case IKE_CHAIN_NOT_YET_VALID:
    return X509_V_ERR_CERT_NOT_YET_VALID;
  case IKE_CHAIN_UNKNOWN_CA:
    return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
  case IKE_CHAIN_BAD_SIGNATURE:
    return X509_V_ERR_CERT_SIGNATURE_FAILURE;
  case IKE_CHAIN_NOT_A_CA:
    return X509_V_ERR_INVALID_CA;
  case IKE_CHAIN_KEY_USAGE:
    return X509_V_ERR_INVALID_PURPOSE;
  case IKE_CHAIN_OK:
  case IKE_CHAIN_PATH_LENGTH:
  case IKE_CHAIN_NAME_CONSTRAINT:
  case IKE_CHAIN_POLICY:
  case IKE_CHAIN_WEAK:
  case IKE_CHAIN_CRITICAL_EXTENSION:
  case IKE_CHAIN_OTHER:
  default:
    return X509_V_ERR_CERT_REJECTED;
  }
}

/* Adds what the peer sent, its own first, to @certs; how many, 0: @error of OpenSSL is set. */
static guint
read_sent (IkeTls *session, X509_STORE_CTX *store, IkeCert *certs[static IKE_CHAIN_MAX])
{
  STACK_OF (X509) *sent = X509_STORE_CTX_get0_untrusted (store);
  int n_sent = sk_X509_num (sent);
  guint n = 0;

  if (n_sent < 1 || n_sent > IKE_CHAIN_MAX) {
    reason_set (session, "the peer sent %d certificates; more than %d are not looked at",
                MAX (n_sent, 0), IKE_CHAIN_MAX);
    return 0;
  }
  for (int i = 0; i < n_sent; i++) {
    g_autoptr (GError) error = NULL;
    guint8 *der = NULL;
    int len = i2d_X509 (sk_X509_value (sent, i), &der);

    certs[n] =
        len > 0 ? session->tls->pki->cert_parse (session->tls->pki_plugin, der, (gsize) len, &error)
                : NULL;
    OPENSSL_free (der);
    n += certs[n] != NULL;
    if (n == 0) {
      reason_set (session, "the peer's certificate cannot be read: %s",
                  error ? error->message : "out of memory");
      return 0;
    }
  }
  return n;
}

/* RFC 5216, 5.3 and RFC 5280, 4.2.1.12: "If the extension is present, then the certificate MUST
 * only be used for one of the purposes indicated." */
static gboolean
has_purpose (const IkeTls *session, const IkeCertInfo *info)
{
  guint32 wanted = session->is_server ? IKE_CERT_EKU_CLIENT : IKE_CERT_EKU_SERVER;

  return !(info->flags & IKE_CERT_HAS_EKU) || info->flags & (wanted | IKE_CERT_EKU_ANY);
}

/* Of a pattern, any name of the certificate must fit. */
static gboolean
stands_for (const IkeTls *session, const IkeCert *cert, const IkeCertInfo *info)
{
  if (!ike_ident_is_pattern (session->expected))
    return session->tls->pki->cert_has (cert, session->expected);
  for (guint i = 0; i < info->n_names; i++)
    if (ike_ident_match (info->names[i], session->expected))
      return TRUE;
  return ike_ident_match (info->subject, session->expected) > 0;
}

static int
judge (IkeTls *session, IkeCert *const *certs, guint n)
{
  const Tls *tls = session->tls;
  char who[160], expected[160];
  const IkeCertInfo *info = tls->pki->cert_info (certs[0]);
  IkeChainQuery query = {
    .struct_size = sizeof query,
    .leaf = certs[0],
    .others = certs + 1,
    .n_others = n - 1,
    .trust = session->trust,
    .now = ike_engine_wall_us (tls->engine) / G_USEC_PER_SEC,
  };

  ike_ident_format (info->subject, who, sizeof who);
  if (!tls->pki->chain_check (tls->pki_plugin, &query, &session->chain)
      || session->chain.error != IKE_CHAIN_OK) {
    reason_set (session, "the peer's certificate is not trusted: %s", session->chain.reason);
    return error_of (session->chain.error);
  }
  if (!has_purpose (session, info)) {
    reason_set (session, "the peer's certificate %s is not for %s: its extended key usage says so",
                who, session->is_server ? "clients of TLS" : "servers of TLS");
    return X509_V_ERR_INVALID_PURPOSE;
  }
  if (session->expected && !stands_for (session, certs[0], info)) {
    reason_set (session, "the peer's certificate %s does not stand for %s", who,
                ike_ident_format (session->expected, expected, sizeof expected));
    return X509_V_ERR_HOSTNAME_MISMATCH;
  }
  return X509_V_OK;
}

int
trust_verify (X509_STORE_CTX *store, void *unused)
{
  const SSL *ssl = X509_STORE_CTX_get_ex_data (store, SSL_get_ex_data_X509_STORE_CTX_idx ());
  IkeTls *session = SSL_get_app_data (ssl);
  IkeCert *certs[IKE_CHAIN_MAX] = { NULL };
  guint n;
  int error = X509_V_ERR_CERT_REJECTED;

  /* Once in a session: a second chain would go with the first one's name. */
  if (session->chain.n) {
    reason_set (session, "the peer showed certificates twice");
    X509_STORE_CTX_set_error (store, error);
    return 0;
  }
  n = read_sent (session, store, certs);
  if (n)
    error = judge (session, certs, n);
  for (guint i = 0; i < n; i++)
    session->tls->pki->cert_unref (certs[i]);
  ERR_clear_error ();
  X509_STORE_CTX_set_error (store, error);
  return error == X509_V_OK;
}

/* RFC 8446, 4.2.4: "The "certificate_authorities" extension is used to indicate the certificate
 * authorities (CAs) which an endpoint supports". */
void
trust_name_cas (IkeTls *session, const char *const *cacerts)
{
  const Tls *tls = session->tls;
  STACK_OF (X509_NAME) * names;
  IkeCert *ca;

  if (tls->credentials->ca (session->credentials, cacerts, CAS_MAX))
    return;
  names = sk_X509_NAME_new_null ();
  for (guint i = 0; (ca = tls->credentials->ca (session->credentials, cacerts, i)); i++) {
    gsize len;
    const guint8 *at = ike_ident_data (tls->pki->cert_info (ca)->subject, &len);
    X509_NAME *name = d2i_X509_NAME (NULL, &at, (long) len);

    if (name && !sk_X509_NAME_push (names, name))
      X509_NAME_free (name);
  }
  SSL_set0_CA_list (session->ssl, names);
  ERR_clear_error ();
}
