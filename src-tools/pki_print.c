/* SPDX-License-Identifier: Apache-2.0 */
/* pki_print.c - `pki print`: shows what is in a file. */
#include <openssl/ocsp.h>
#include <openssl/pkcs12.h>
#include <string.h>
#include "pki.h"

static const PkiOption print_options[] = {
  { "in", PKI_TEXT, FALSE, "FILE", "the file" },
  { "type", PKI_TEXT, FALSE, "auto|cert|crl|key|pub|req|p12|ocsp",
    "what it is; auto looks into it" },
  { "json", PKI_SWITCH, FALSE, NULL, "print JSON instead of text" },
  { NULL },
};
static const PkiOption *const print_groups[] = { print_options, pki_passphrase_options, NULL };

/* -- PKCS#12 */

static PKCS12 *
open_p12 (const PkiArgs *args, GBytes *bytes, const char *path, char **passphrase, GError **error)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  PKCS12 *p12 = d2i_PKCS12 (NULL, &data, (long) len);

  if (!p12) {
    pki_fail (error, "%s cannot be read as PKCS#12", pki_path (path));
    return NULL;
  }
  if (PKCS12_verify_mac (p12, NULL, 0) == 1 || PKCS12_verify_mac (p12, "", 0) == 1)
    return p12;
  *passphrase = pki_passphrase (args, pki_path (path), FALSE, error);
  if (*passphrase && PKCS12_verify_mac (p12, *passphrase, -1) == 1)
    return p12;
  if (*passphrase)
    g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED, "%s: the passphrase is wrong",
                 pki_path (path));
  PKCS12_free (p12);
  return NULL;
}

static Json *
describe_p12 (const PkiArgs *args, GBytes *bytes, const char *path, GError **error)
{
  char *passphrase = NULL;
  PKCS12 *p12 = open_p12 (args, bytes, path, &passphrase, error);
  g_autoptr (EVP_PKEY) key = NULL;
  g_autoptr (X509) cert = NULL;
  g_autoptr (X509Stack) others = NULL;
  gboolean is_read = p12 && PKCS12_parse (p12, passphrase, &key, &cert, &others) == 1;
  Json *object, *list;

  PKCS12_free (p12);
  pki_passphrase_free (passphrase);
  if (!is_read) {
    if (error && !*error)
      pki_fail (error, "%s cannot be decrypted", pki_path (path));
    return NULL;
  }
  object = json_object_new_object ();
  list = json_object_new_array ();
  json_object_object_add (object, "private-key", key ? pki_describe_key (key) : NULL);
  json_object_object_add (object, "certificate",
                          cert ? pki_describe_cert (cert, pki_now ()) : NULL);
  json_object_object_add (object, "others", list);
  for (int i = 0; i < sk_X509_num (others); i++)
    json_object_array_add (list, pki_describe_cert (sk_X509_value (others, i), pki_now ()));
  return object;
}

/* -- OCSP */

static Json *
describe_single (OCSP_SINGLERESP *single)
{
  static const char *const states[] = { "good", "revoked", "unknown" };
  Json *object = json_object_new_object ();
  ASN1_GENERALIZEDTIME *date = NULL, *from = NULL, *until = NULL;
  int reason = -1, state = OCSP_single_get0_status (single, &reason, &date, &from, &until);
  ASN1_INTEGER *serial = NULL;
  g_autofree char *number = NULL, *why = NULL, *from_text = pki_time_text (from);

  OCSP_id_get0_info (NULL, NULL, NULL, &serial, (OCSP_CERTID *) OCSP_SINGLERESP_get0_id (single));
  number = pki_serial_text (serial);
  json_object_object_add (object, "serial", json_object_new_string (number));
  json_object_object_add (object, "state",
                          json_object_new_string (state >= 0 && state < 3 ? states[state] : "?"));
  if (date) {
    g_autofree char *text = pki_time_text (date);
    json_object_object_add (object, "date", json_object_new_string (text));
    why = pki_reason_text (MAX (reason, 0));
    json_object_object_add (object, "reason", json_object_new_string (why));
  }
  json_object_object_add (object, "this-update", json_object_new_string (from_text));
  if (until) {
    g_autofree char *text = pki_time_text (until);
    json_object_object_add (object, "next-update", json_object_new_string (text));
  }
  return object;
}

static Json *
describe_basic (OCSP_BASICRESP *basic)
{
  Json *object = json_object_new_object (), *list = json_object_new_array ();
  g_autofree char *produced = pki_time_text (OCSP_resp_get0_produced_at (basic));
  const STACK_OF (X509) *certs = OCSP_resp_get0_certs (basic);
  const X509_NAME *name = NULL;
  const ASN1_OCTET_STRING *id = NULL;

  OCSP_resp_get0_id (basic, &id, &name);
  if (name) {
    g_autofree char *text = pki_dn_text (name);
    json_object_object_add (object, "responder", json_object_new_string (text));
  } else if (id) {
    g_autofree char *text =
        pki_hex (ASN1_STRING_get0_data (id), (gsize) ASN1_STRING_length (id), ':');
    json_object_object_add (object, "responder-key-id", json_object_new_string (text));
  }
  json_object_object_add (object, "produced", json_object_new_string (produced));
  json_object_object_add (
      object, "nonce",
      json_object_new_boolean (OCSP_BASICRESP_get_ext_by_NID (basic, NID_id_pkix_OCSP_Nonce, -1)
                               >= 0));
  json_object_object_add (object, "certificates",
                          json_object_new_int (MAX (sk_X509_num (certs), 0)));
  for (int i = 0; i < OCSP_resp_count (basic); i++)
    json_object_array_add (list, describe_single (OCSP_resp_get0 (basic, i)));
  json_object_object_add (object, "answers", list);
  return object;
}

static Json *
describe_ocsp (GBytes *bytes, const char *path, GError **error)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  OCSP_RESPONSE *response = d2i_OCSP_RESPONSE (NULL, &data, (long) len);
  OCSP_BASICRESP *basic;
  Json *object;

  if (!response) {
    pki_fail (error, "%s cannot be read as an OCSP response", pki_path (path));
    return NULL;
  }
  basic = OCSP_response_get1_basic (response);
  object = basic ? describe_basic (basic) : json_object_new_object ();
  json_object_object_add (
      object, "status",
      json_object_new_string (OCSP_response_status_str (OCSP_response_status (response))));
  OCSP_BASICRESP_free (basic);
  OCSP_RESPONSE_free (response);
  return object;
}

/* -- anything */

static Json *
describe_public (const PkiArgs *args, GBytes *bytes, const char *path, PkiKind kind, GError **error)
{
  g_autoptr (EVP_PKEY) key = pki_any_pub (args, bytes, path, kind, error);
  Json *object = key ? pki_describe_key (key) : NULL;

  if (object)
    json_object_object_add (object, "private", json_object_new_boolean (kind == PKI_KEY));
  return object;
}

/* All of a file; one without a list around it. */
static Json *
describe_certs (GBytes *bytes, const char *path, GError **error)
{
  g_autoptr (X509Stack) certs = sk_X509_new_null ();
  Json *list;

  if (!pki_certs_from (bytes, path, certs, error))
    return NULL;
  if (sk_X509_num (certs) == 1)
    return pki_describe_cert (sk_X509_value (certs, 0), pki_now ());
  list = json_object_new_array ();
  for (int i = 0; i < sk_X509_num (certs); i++)
    json_object_array_add (list, pki_describe_cert (sk_X509_value (certs, i), pki_now ()));
  return list;
}

static Json *
describe (const PkiArgs *args, GBytes *bytes, const char *path, PkiKind kind, GError **error)
{
  g_autoptr (X509_CRL) crl = NULL;
  g_autoptr (X509_REQ) req = NULL;

  switch (kind) {
  case PKI_CERT:
    return describe_certs (bytes, path, error);
  case PKI_CRL:
    crl = pki_crl_from (bytes, path, error);
    return crl ? pki_describe_crl (crl, pki_now ()) : NULL;
  case PKI_REQ:
    req = pki_req_from (bytes, path, error);
    return req ? pki_describe_req (req) : NULL;
  case PKI_P12:
    return describe_p12 (args, bytes, path, error);
  case PKI_OCSP:
    return describe_ocsp (bytes, path, error);
  case PKI_KEY:
  case PKI_PUB:
    return describe_public (args, bytes, path, kind, error);
  case PKI_UNKNOWN:
    break;
  }
  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO,
               "%s holds nothing that is known here; is it PEM or DER?", pki_path (path));
  return NULL;
}

static gboolean
run_print (const PkiArgs *args, GError **error)
{
  const char *path = pki_text (args, "in");
  g_autoptr (GBytes) bytes = pki_read_bytes (path, error);
  g_autoptr (Json) about = NULL;
  Tool tool = { 0 };

  if (bytes)
    about = describe (args, bytes, path, pki_kind (pki_text (args, "type"), bytes), error);
  if (!about)
    return FALSE;
  if (pki_has (args, "json"))
    show_json (about, TRUE);
  else
    show_indented (&tool, about, 0);
  return TRUE;
}

const PkiCommand pki_print_command = {
  .name = "print",
  .summary = "show what is in a file: a certificate, a CRL, a key, a request, …",
  .groups = print_groups,
  .run = run_print,
};
