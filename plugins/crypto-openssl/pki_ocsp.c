/* SPDX-License-Identifier: Apache-2.0 */
/* pki_ocsp.c - questions to OCSP responders and their answers (RFC 6960).
 *
 * libcrypto reads and writes the messages.  Whose word an answer is, and whether it is in its
 * time, is found out here: libcrypto would look at the system's clock, and verify certificates in
 * its global context. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <ikebana/error.h>

#include "pki.h"

enum { CERTS_MAX = 16, SINGLES_MAX = 256, SLACK = 300 /* seconds that clocks may differ */ };

static gboolean
deny (GError **error, const char *why)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "the OCSP response is not believed: %s", why);
  return FALSE;
}

/* -- the question */

static gboolean
add_question (OCSP_REQUEST *request, const IkeCert *cert, const IkeCert *issuer)
{
  const EVP_MD *sha1 = cert->state->digests[DIGEST_SHA1];
  OCSP_CERTID *id = sha1 ? OCSP_cert_to_id (sha1, cert->x509, issuer->x509) : NULL;

  if (id && OCSP_request_add0_id (request, id))
    return TRUE;
  OCSP_CERTID_free (id);
  return FALSE;
}

GBytes *
pki_ocsp_request (IkePlugin *self, const IkeCert *cert, const IkeCert *issuer, const guint8 *nonce,
                  gsize nonce_len, GError **error)
{
  OCSP_REQUEST *request = OCSP_REQUEST_new ();
  guint8 *der = NULL, bytes[128];
  GBytes *result = NULL;
  gboolean is_made = request && nonce_len <= sizeof bytes && add_question (request, cert, issuer);
  int len = -1;

  if (is_made && nonce && nonce_len) {
    memcpy (bytes, nonce, nonce_len);
    is_made = OCSP_request_add1_nonce (request, bytes, (int) nonce_len) == 1;
  }
  if (is_made)
    len = i2d_OCSP_REQUEST (request, &der);
  if (len > 0)
    result = g_bytes_new (der, (gsize) len);
  else
    pki_fail (error, IKE_ERROR_CRYPTO, "an OCSP request cannot be made");
  OPENSSL_free (der);
  OCSP_REQUEST_free (request);
  ERR_clear_error ();
  return result;
}

/* -- who answers */

typedef struct {
  State *state;
  const IkeCert *cert, *issuer;
  gint64 now;
  OCSP_BASICRESP *basic;
  PkiSigned is_signed;
} Answer;

/* OCSPResponse ::= SEQUENCE { responseStatus, [0] SEQUENCE { responseType, OCTET STRING { SEQUENCE
 * { tbsResponseData, … } } } }: what is signed, as it came. */
static gboolean
find_signed (Answer *answer, const guint8 *data, gsize len)
{
  IkeReader r, response, tagged, bytes, octets, basic, tbs;

  ike_reader_init (&r, data, len);
  pki_der_take (&r, 0x30, &response);
  pki_der_take (&response, 0x0a, &tbs);
  pki_der_take (&response, 0xa0, &tagged);
  pki_der_take (&tagged, 0x30, &bytes);
  pki_der_take (&bytes, 0x06, &tbs);
  if (!pki_der_take (&bytes, 0x04, &octets) || !pki_der_is_strict (octets.data, octets.len)
      || !pki_der_take (&octets, 0x30, &basic) || !pki_der_take (&basic, 0x30, &tbs))
    return FALSE;
  answer->is_signed = (PkiSigned){
    .data = basic.data,
    .len = basic.pos,
    .algorithm = OCSP_resp_get0_tbs_sigalg (answer->basic),
    .signature = OCSP_resp_get0_signature (answer->basic),
  };
  return TRUE;
}

/* ResponderID: a name, or the SHA-1 of a key. */
static gboolean
is_responder (const Answer *answer, const IkeCert *cert)
{
  const ASN1_OCTET_STRING *key = NULL;
  const X509_NAME *name = NULL;

  if (OCSP_resp_get0_id (answer->basic, &key, &name) != 1)
    return FALSE;
  if (name)
    return X509_NAME_cmp (name, X509_get_subject_name (cert->x509)) == 0;
  return key && ASN1_STRING_length (key) == IKE_KEY_ID_LEN
         && memcmp (ASN1_STRING_get0_data (key), cert->pubkey->info.subject_id, IKE_KEY_ID_LEN)
                == 0;
}

/* RFC 6960, 4.2.2.2: "a certificate issued directly by the CA that issued the certificate in
 * question" with a "value of id-kp-OCSPSigning in an extended key usage extension".  NULL: it may;
 * else why not. */
static const char *
judge_delegate (const Answer *answer, const IkeCert *delegate)
{
  const IkeCertInfo *info = &delegate->info;

  if (!(info->flags & IKE_CERT_EKU_OCSP))
    return "its signer has no extended key usage OCSPSigning";
  if (!(info->flags & IKE_CERT_CAN_SIGN))
    return "its signer's key usage is not for signatures";
  if (X509_get_extension_flags (delegate->x509) & (EXFLAG_CRITICAL | EXFLAG_PROXY))
    return "its signer has a critical extension that is not understood";
  if (info->not_before > answer->now || info->not_after < answer->now)
    return "its signer's certificate is not in its time";
  if (!pki_cert_issued (answer->issuer, delegate))
    return "its signer was not given the right by the certificate's issuer";
  return NULL;
}

static gboolean
is_signed_by (const Answer *answer, const IkeCert *signer)
{
  return pki_is_signed (answer->state, &answer->is_signed, X509_get0_pubkey (signer->x509));
}

/* libcrypto's certificate lives in another context, and was read leniently. */
static IkeCert *
read_again (const Answer *answer, const X509 *x509)
{
  guint8 *der = NULL;
  int len = i2d_X509 (x509, &der);
  IkeCert *cert = len > 0 ? pki_cert_new (answer->state, der, (gsize) len, NULL) : NULL;

  OPENSSL_free (der);
  return cert;
}

/* NULL: signed by somebody who may; else why not. */
static const char *
judge_delegates (const Answer *answer)
{
  const STACK_OF (X509) *certs = OCSP_resp_get0_certs (answer->basic);
  const char *why = "it is not signed by the certificate's issuer, nor by somebody it came with";

  for (int i = 0; i < sk_X509_num (certs); i++) {
    IkeCert *delegate = read_again (answer, sk_X509_value (certs, i));
    const char *this_why = NULL;

    if (!delegate || !is_responder (answer, delegate)) {
      pki_cert_unref (delegate);
      continue;
    }
    this_why = judge_delegate (answer, delegate);
    if (!this_why && !is_signed_by (answer, delegate))
      this_why = "its signature is wrong";
    pki_cert_unref (delegate);
    if (!this_why)
      return NULL;
    why = this_why;
  }
  return why;
}

static const char *
judge_signer (const Answer *answer)
{
  if (pki_is_weak (answer->is_signed.algorithm))
    return "its signature uses a weak hash (SHA-1, MD5 or older)";
  if (sk_X509_num (OCSP_resp_get0_certs (answer->basic)) > CERTS_MAX)
    return "it comes with more than 16 certificates";
  /* Whatever a CA's key usage says: what it could say in a CRL it may say here. */
  if (is_responder (answer, answer->issuer) && is_signed_by (answer, answer->issuer))
    return NULL;
  return judge_delegates (answer);
}

/* -- what is said about the certificate */

static gboolean
is_hash (const ASN1_OCTET_STRING *hash, const EVP_MD *md, const guint8 *data, gsize len)
{
  guint8 own[EVP_MAX_MD_SIZE];
  guint own_len;

  return EVP_Digest (data, len, own, &own_len, md, NULL) == 1
         && ASN1_STRING_length (hash) == (int) own_len
         && memcmp (ASN1_STRING_get0_data (hash), own, own_len) == 0;
}

/* RFC 6960, 4.1.1: the hashes are of "the issuer's name field in the certificate being checked"
 * and of "the value (excluding tag and length) of the subject public key field in the issuer's
 * certificate". */
static gboolean
is_about (const Answer *answer, const OCSP_CERTID *id)
{
  ASN1_OCTET_STRING *name_hash, *key_hash;
  ASN1_OBJECT *algorithm;
  ASN1_INTEGER *serial;
  const guint8 *name, *key;
  const EVP_MD *md;
  gsize name_len;
  int key_len;

  if (OCSP_id_get0_info (&name_hash, &algorithm, &key_hash, &serial, (OCSP_CERTID *) id) != 1
      || ASN1_INTEGER_cmp (serial, X509_get0_serialNumber (answer->cert->x509)) != 0)
    return FALSE;
  md = answer->state->digests[OBJ_obj2nid (algorithm) == NID_sha1 ? DIGEST_SHA1 : DIGEST_SHA2_256];
  if (!md || (OBJ_obj2nid (algorithm) != NID_sha1 && OBJ_obj2nid (algorithm) != NID_sha256))
    return FALSE;
  name = ike_ident_data (answer->cert->issuer, &name_len);
  return X509_PUBKEY_get0_param (NULL, &key, &key_len, NULL,
                                 X509_get_X509_PUBKEY (answer->issuer->x509))
             == 1
         && is_hash (name_hash, md, name, name_len) && is_hash (key_hash, md, key, (gsize) key_len);
}

/* RFC 6960, 4.2.2.1: "Responses whose nextUpdate value is earlier than the local system time value
 * SHOULD be considered unreliable.  Responses whose thisUpdate time is later than the local system
 * time SHOULD be considered unreliable." */
static const char *
judge_time (const Answer *answer, const ASN1_GENERALIZEDTIME *this_update,
            const ASN1_GENERALIZEDTIME *next_update, IkeRevocation *out)
{
  if (!pki_time_of (this_update, &out->this_update)
      || (next_update && !pki_time_of (next_update, &out->next_update))
      || (next_update && out->next_update < out->this_update))
    return "its dates make no sense";
  if (out->this_update > answer->now + SLACK)
    return "it is from the future";
  if (next_update && out->next_update < answer->now - SLACK)
    return "it is out of date";
  return NULL;
}

static gboolean
has_critical (OCSP_SINGLERESP *single)
{
  return OCSP_SINGLERESP_get_ext_by_critical (single, 1, -1) >= 0;
}

static const char *
read_single (const Answer *answer, OCSP_SINGLERESP *single, IkeRevocation *out)
{
  ASN1_GENERALIZEDTIME *revoked_at = NULL, *this_update = NULL, *next_update = NULL;
  int reason = -1;
  int status = OCSP_single_get0_status (single, &reason, &revoked_at, &this_update, &next_update);
  const char *why = judge_time (answer, this_update, next_update, out);

  if (why)
    return why;
  if (has_critical (single))
    return "it has a critical extension that is not understood";
  out->revoked = status == V_OCSP_CERTSTATUS_GOOD      ? IKE_REVOKED_NOT
                 : status == V_OCSP_CERTSTATUS_REVOKED ? IKE_REVOKED_YES
                                                       : IKE_REVOKED_UNKNOWN;
  if (status != V_OCSP_CERTSTATUS_REVOKED)
    return NULL;
  out->reason = reason > 0 && reason <= 10 ? (guint8) reason : 0;
  return pki_time_of (revoked_at, &out->revoked_at) ? NULL : "its dates make no sense";
}

/* Of several that fit, the newest that is in its time. */
static const char *
read_singles (const Answer *answer, IkeRevocation *out)
{
  int n = OCSP_resp_count (answer->basic);
  const char *why = "it says nothing about the certificate", *this_why;
  gboolean has_one = FALSE;

  if (n > SINGLES_MAX)
    return "it is about more than 256 certificates";
  for (int i = 0; i < n; i++) {
    OCSP_SINGLERESP *single = OCSP_resp_get0 (answer->basic, i);
    IkeRevocation one = { .struct_size = sizeof one };

    if (!is_about (answer, OCSP_SINGLERESP_get0_id (single)))
      continue;
    this_why = read_single (answer, single, &one);
    if (this_why) {
      why = this_why;
      continue;
    }
    if (!has_one || one.this_update > out->this_update)
      *out = one;
    has_one = TRUE;
  }
  return has_one ? NULL : why;
}

/* -- the answer */

/* RFC 6960, 4.4.1: the extension's value is the nonce as an OCTET STRING.  Who asked without one
 * has nothing to compare: an answer that a peer passes on has the peer's (RFC 4806, 5). */
static const char *
read_nonce (const Answer *answer, const IkePart *nonce, IkeRevocation *out)
{
  int at = OCSP_BASICRESP_get_ext_by_NID (answer->basic, NID_id_pkix_OCSP_Nonce, -1);
  const ASN1_OCTET_STRING *value;
  IkeReader r, octets;

  if (at < 0 || !nonce->data || !nonce->len)
    return NULL;
  value = X509_EXTENSION_get_data (OCSP_BASICRESP_get_ext (answer->basic, at));
  ike_reader_init (&r, ASN1_STRING_get0_data (value), (gsize) ASN1_STRING_length (value));
  out->has_nonce = pki_der_take (&r, 0x04, &octets) && ike_reader_is_done (&r)
                   && octets.len == nonce->len
                   && memcmp (octets.data, nonce->data, nonce->len) == 0;
  return out->has_nonce ? NULL : "its nonce is not ours";
}

static gboolean
has_critical_extension (const Answer *answer)
{
  int at = -1;

  while ((at = OCSP_BASICRESP_get_ext_by_critical (answer->basic, 1, at)) >= 0)
    if (OBJ_obj2nid (X509_EXTENSION_get_object (OCSP_BASICRESP_get_ext (answer->basic, at)))
        != NID_id_pkix_OCSP_Nonce)
      return TRUE;
  return FALSE;
}

static const char *
judge (Answer *answer, const guint8 *data, gsize len, const IkePart *nonce, IkeRevocation *out)
{
  IkeRevocation said = { 0 };
  const char *why;

  if (!find_signed (answer, data, len))
    return "it is not in DER";
  if (has_critical_extension (answer))
    return "it has a critical extension that is not understood";
  why = read_nonce (answer, nonce, out);
  if (!why)
    why = judge_signer (answer);
  if (!why)
    why = read_singles (answer, &said);
  said.has_nonce = out->has_nonce;
  if (!why)
    *out = said;
  return why;
}

/* RFC 6960, 4.2.1: an error has no more to say than its number. */
static const char *
status_text (int status)
{
  switch (status) {
  case OCSP_RESPONSE_STATUS_MALFORMEDREQUEST:
    return "the responder did not understand the question";
  case OCSP_RESPONSE_STATUS_INTERNALERROR:
    return "the responder has an internal error";
  case OCSP_RESPONSE_STATUS_TRYLATER:
    return "the responder asks to try later";
  case OCSP_RESPONSE_STATUS_SIGREQUIRED:
    return "the responder answers only signed questions";
  case OCSP_RESPONSE_STATUS_UNAUTHORIZED:
    return "the responder does not answer for this CA, or not to us";
  default:
    return "its status is not known";
  }
}

gboolean
pki_ocsp_read (IkePlugin *self, const guint8 *data, gsize len, const IkeCert *cert,
               const IkeCert *issuer, const guint8 *nonce, gsize nonce_len, gint64 now,
               IkeRevocation *out, GError **error)
{
  Answer answer = { .state = cert->state, .cert = cert, .issuer = issuer, .now = now };
  const IkePart nonce_part = { nonce, nonce_len };
  OCSP_RESPONSE *response = NULL;
  const guint8 *at = data;
  const char *why = NULL;

  *out = (IkeRevocation){ .struct_size = sizeof *out, .revoked = IKE_REVOKED_UNKNOWN };
  if (len > IKE_CERT_MAX_SIZE || !pki_der_is_strict (data, len))
    return deny (error,
                 len > IKE_CERT_MAX_SIZE ? "it is longer than 65535 bytes" : "it is not in DER");
  response = d2i_OCSP_RESPONSE (NULL, &at, (long) len);
  if (!response)
    why = "it cannot be read";
  else if (OCSP_response_status (response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    why = status_text (OCSP_response_status (response));
  else if (!(answer.basic = OCSP_response_get1_basic (response)))
    why = "it is of a kind that is not known";
  else
    why = judge (&answer, data, len, &nonce_part, out);
  OCSP_BASICRESP_free (answer.basic);
  OCSP_RESPONSE_free (response);
  ERR_clear_error ();
  if (!why)
    return TRUE;
  *out = (IkeRevocation){ .struct_size = sizeof *out, .revoked = IKE_REVOKED_UNKNOWN };
  return deny (error, why);
}
