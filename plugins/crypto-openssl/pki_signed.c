/* SPDX-License-Identifier: Apache-2.0 */
/* pki_signed.c - signatures over certificates, CRLs and OCSP responses. */
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "pki.h"

enum { WEAK_DIGEST_LEN = 20 }; /* SHA-1; two documents with one hash can be made (RFC 6194) */

/* RSASSA-PSS says in its parameters which hash it is; SHA-1 is what is not said (RFC 4055, 3.1). */
static int
pss_digest (const X509_ALGOR *algorithm)
{
  const ASN1_TYPE *parameters = algorithm->parameter;
  RSA_PSS_PARAMS *pss =
      parameters ? ASN1_TYPE_unpack_sequence (ASN1_ITEM_rptr (RSA_PSS_PARAMS), parameters) : NULL;
  int nid = NID_sha1;

  if (pss && pss->hashAlgorithm)
    nid = OBJ_obj2nid (pss->hashAlgorithm->algorithm);
  RSA_PSS_PARAMS_free (pss);
  ERR_clear_error ();
  return nid;
}

gboolean
pki_is_weak (const X509_ALGOR *algorithm)
{
  int nid = OBJ_obj2nid (algorithm->algorithm), digest = NID_undef;
  const EVP_MD *md;

  if (nid == NID_rsassaPss)
    digest = pss_digest (algorithm);
  else if (OBJ_find_sigid_algs (nid, &digest, NULL) != 1)
    return FALSE; /* nobody can verify it */
  md = digest == NID_undef ? NULL : EVP_get_digestbynid (digest);
  /* Ed25519 and Ed448 name no hash; one that libcrypto does not know is not verified either. */
  return md && EVP_MD_get_size (md) <= WEAK_DIGEST_LEN;
}

/* libcrypto verifies what it would write; wrapped like this it writes what came. */
gboolean
pki_is_signed (State *state, const PkiSigned *what, EVP_PKEY *pkey)
{
  ASN1_STRING *raw = ASN1_STRING_type_new (V_ASN1_SEQUENCE);
  ASN1_TYPE *any = ASN1_TYPE_new ();
  gboolean is_right = FALSE;

  if (any && raw && ASN1_STRING_set (raw, what->data, (int) what->len) == 1) {
    ASN1_TYPE_set (any, V_ASN1_SEQUENCE, g_steal_pointer (&raw));
    is_right = !pki_is_weak (what->algorithm)
               && ASN1_item_verify_ex (ASN1_ITEM_rptr (ASN1_ANY), what->algorithm, what->signature,
                                       any, NULL, pkey, state->library, NULL)
                      == 1;
  }
  ASN1_TYPE_free (any);
  ASN1_STRING_free (raw);
  ERR_clear_error ();
  return is_right;
}

gboolean
pki_cert_issued (const IkeCert *issuer, const IkeCert *cert)
{
  gboolean is_so = X509_check_issued (issuer->x509, cert->x509) == X509_V_OK
                   && !pki_is_weak (X509_get0_tbs_sigalg (cert->x509))
                   && X509_verify (cert->x509, X509_get0_pubkey (issuer->x509)) == 1;

  ERR_clear_error ();
  return is_so;
}
