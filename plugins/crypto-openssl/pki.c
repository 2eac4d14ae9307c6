/* SPDX-License-Identifier: Apache-2.0 */
/* pki.c - `service:pki` by OpenSSL: the table of its functions. */
#include <openssl/err.h>

#include <ikebana/error.h>

#include "pki.h"

gboolean
pki_fail (GError **error, IkeErrorCode code, const char *what)
{
  unsigned long first = ERR_get_error ();
  const char *reason = first ? ERR_reason_error_string (first) : NULL;

  g_set_error (error, IKE_ERROR, code, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
  ERR_clear_error ();
  return FALSE;
}

const IkePkiOps pki_ops = {
  .struct_size = sizeof (IkePkiOps),
  .scheme = pki_scheme,
  .verify = pki_verify,
  .pubkey_parse = pki_pubkey_parse,
  .pubkey_ref = pki_pubkey_ref,
  .pubkey_unref = pki_pubkey_unref,
  .pubkey_info = pki_pubkey_info,
  .key_parse = pki_key_parse,
  .pkcs12_parse = pki_pkcs12_parse,
  .cert_parse = pki_cert_parse,
  .certs_parse = pki_certs_parse,
  .cert_ref = pki_cert_ref,
  .cert_unref = pki_cert_unref,
  .cert_der = pki_cert_der,
  .cert_info = pki_cert_info,
  .cert_has = pki_cert_has,
  .cert_issued = pki_cert_issued,
  .trust_new = pki_trust_new,
  .trust_ref = pki_trust_ref,
  .trust_unref = pki_trust_unref,
  .chain_check = pki_chain_check,
  .chain_clear = pki_chain_clear,
  .crl_parse = pki_crl_parse,
  .crl_ref = pki_crl_ref,
  .crl_unref = pki_crl_unref,
  .crl_der = pki_crl_der,
  .crl_info = pki_crl_info,
  .crl_is_by = pki_crl_is_by,
  .crl_find = pki_crl_find,
  .ocsp_request = pki_ocsp_request,
  .ocsp_read = pki_ocsp_read,
};

static gboolean
probe_pki (IkePlugin *self, GError **error)
{
  return state_get (self, error) && pki_schemes_probe (self, error);
}

const IkeFeature service_pki_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "service:pki",
  .ops = &pki_ops,
  .probe = probe_pki,
};
