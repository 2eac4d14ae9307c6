/* SPDX-License-Identifier: Apache-2.0 */
/* pki_describe.c - keys, certificates, CRLs and requests as values to show, for people or as
 * JSON. */
#include <string.h>
#include "pki.h"

enum { ENTRIES_MAX = 10000 };

static void
add_text (Json *object, const char *name, const char *text)
{
  json_object_object_add (object, name, json_object_new_string (text));
}

static void
add_take (Json *object, const char *name, char *text)
{
  add_text (object, name, text);
  g_free (text);
}

/* Consumes @list, which is shown when something is in it. */
static void
add_list (Json *object, const char *name, Json *list)
{
  if (json_object_array_length (list) > 0)
    json_object_object_add (object, name, list);
  else
    json_object_put (list);
}

static void
push_take (Json *list, char *text)
{
  json_object_array_add (list, json_object_new_string (text));
  g_free (text);
}

/* -- keys */

/* The names of FIPS 186 for people; OpenSSL has older ones. */
static const char *
curve_name (const char *group)
{
  if (strcmp (group, "prime256v1") == 0)
    return "P-256";
  if (strcmp (group, "secp384r1") == 0)
    return "P-384";
  return strcmp (group, "secp521r1") == 0 ? "P-521" : group;
}

static char *
key_name (EVP_PKEY *key)
{
  char group[64] = "";

  if (EVP_PKEY_is_a (key, "EC") && EVP_PKEY_get_group_name (key, group, sizeof group, NULL) == 1)
    return g_strdup_printf ("ECDSA %s", curve_name (group));
  if (EVP_PKEY_is_a (key, "RSA"))
    return g_strdup_printf ("RSA %d", EVP_PKEY_get_bits (key));
  return g_strdup (EVP_PKEY_get0_type_name (key));
}

static void
add_hash (Json *object, const char *name, const EVP_MD *digest, const guint8 *data, gsize len)
{
  guint8 hash[EVP_MAX_MD_SIZE];
  guint hash_len = 0;

  if (EVP_Digest (data, len, hash, &hash_len, digest, NULL) == 1)
    add_take (object, name, pki_hex (hash, hash_len, ':'));
}

Json *
pki_describe_key (EVP_PKEY *key)
{
  Json *object = json_object_new_object ();
  X509_PUBKEY *spki = NULL;
  const guint8 *bits = NULL;
  guint8 *der = NULL;
  int bits_len = 0, der_len;

  add_take (object, "type", key_name (key));
  if (X509_PUBKEY_set (&spki, key) == 1
      && X509_PUBKEY_get0_param (NULL, &bits, &bits_len, NULL, spki) == 1)
    add_hash (object, "subject-key-id", EVP_sha1 (), bits, (gsize) bits_len);
  der_len = spki ? i2d_X509_PUBKEY (spki, &der) : 0;
  if (der_len > 0) {
    /* RFC 7296, 3.7: what a CERTREQ payload names. */
    add_hash (object, "key-id", EVP_sha1 (), der, (gsize) der_len);
    add_hash (object, "sha256", EVP_sha256 (), der, (gsize) der_len);
  }
  OPENSSL_free (der);
  X509_PUBKEY_free (spki);
  return object;
}

/* -- extensions */

static Json *
describe_names (const void *value)
{
  const GENERAL_NAMES *names = value;
  Json *list = json_object_new_array ();

  for (int i = 0; i < sk_GENERAL_NAME_num (names); i++)
    push_take (list, pki_name_text (sk_GENERAL_NAME_value (names, i), FALSE));
  return list;
}

static Json *
describe_points (const void *value)
{
  const CRL_DIST_POINTS *points = value;
  Json *list = json_object_new_array ();

  for (int i = 0; i < sk_DIST_POINT_num (points); i++) {
    DIST_POINT_NAME *name = sk_DIST_POINT_value (points, i)->distpoint;
    for (int j = 0; name && name->type == 0 && j < sk_GENERAL_NAME_num (name->name.fullname); j++)
      push_take (list, pki_name_text (sk_GENERAL_NAME_value (name->name.fullname, j), FALSE));
  }
  return list;
}

static Json *
describe_responders (const void *value)
{
  const AUTHORITY_INFO_ACCESS *accesses = value;
  Json *list = json_object_new_array ();

  for (int i = 0; i < sk_ACCESS_DESCRIPTION_num (accesses); i++) {
    ACCESS_DESCRIPTION *access = sk_ACCESS_DESCRIPTION_value (accesses, i);
    if (OBJ_obj2nid (access->method) == NID_ad_OCSP)
      push_take (list, pki_name_text (access->location, FALSE));
  }
  return list;
}

static char *
oid_text (const ASN1_OBJECT *oid)
{
  char text[128];

  if (OBJ_obj2txt (text, sizeof text, oid, 1) <= 0)
    return g_strdup ("unreadable");
  return g_strdup (text);
}

static Json *
describe_purposes (const void *value)
{
  const EXTENDED_KEY_USAGE *purposes = value;
  Json *list = json_object_new_array ();

  for (int i = 0; i < sk_ASN1_OBJECT_num (purposes); i++) {
    g_autofree char *oid = oid_text (sk_ASN1_OBJECT_value (purposes, i));
    const char *word = pki_purpose_word (oid);
    push_take (list, g_strdup (word ? word : oid));
  }
  return list;
}

static Json *
describe_policies (const void *value)
{
  const CERTIFICATEPOLICIES *policies = value;
  Json *list = json_object_new_array ();

  for (int i = 0; i < sk_POLICYINFO_num (policies); i++)
    push_take (list, oid_text (sk_POLICYINFO_value (policies, i)->policyid));
  return list;
}

static Json *
describe_subtrees (const STACK_OF (GENERAL_SUBTREE) * subtrees)
{
  Json *list = json_object_new_array ();

  for (int i = 0; i < sk_GENERAL_SUBTREE_num (subtrees); i++)
    push_take (list, pki_name_text (sk_GENERAL_SUBTREE_value (subtrees, i)->base, TRUE));
  return list;
}

static Json *
describe_usage (const void *value)
{
  const ASN1_BIT_STRING *bits = value;
  static const char *const words[] = { "digitalSignature", "nonRepudiation", "keyEncipherment",
                                       "dataEncipherment", "keyAgreement",   "keyCertSign",
                                       "crlSign",          "encipherOnly",   "decipherOnly" };
  Json *list = json_object_new_array ();

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (ASN1_BIT_STRING_get_bit (bits, (int) i))
      push_take (list, g_strdup (words[i]));
  return list;
}

static const struct {
  int nid;
  const char *name;
  Json *(*describe) (const void *value);
} extensions[] = {
  { NID_subject_alt_name, "names", describe_names },
  { NID_key_usage, "usage", describe_usage },
  { NID_ext_key_usage, "purposes", describe_purposes },
  { NID_crl_distribution_points, "crl", describe_points },
  { NID_freshest_crl, "freshest", describe_points },
  { NID_info_access, "ocsp", describe_responders },
  { NID_certificate_policies, "policies", describe_policies },
};

static void
add_extension (Json *object, X509 *cert, guint i)
{
  const X509V3_EXT_METHOD *method = X509V3_EXT_get_nid (extensions[i].nid);
  void *value = X509_get_ext_d2i (cert, extensions[i].nid, NULL, NULL);

  if (!value)
    return;
  add_list (object, extensions[i].name, extensions[i].describe (value));
  ASN1_item_free (value, ASN1_ITEM_ptr (method->it));
}

static void
add_name_constraints (Json *object, X509 *cert)
{
  NAME_CONSTRAINTS *constraints = X509_get_ext_d2i (cert, NID_name_constraints, NULL, NULL);

  if (!constraints)
    return;
  add_list (object, "nc-permitted", describe_subtrees (constraints->permittedSubtrees));
  add_list (object, "nc-excluded", describe_subtrees (constraints->excludedSubtrees));
  NAME_CONSTRAINTS_free (constraints);
}

static void
add_basic (Json *object, X509 *cert)
{
  BASIC_CONSTRAINTS *constraints = X509_get_ext_d2i (cert, NID_basic_constraints, NULL, NULL);

  json_object_object_add (object, "ca", json_object_new_boolean (constraints && constraints->ca));
  if (constraints && constraints->pathlen)
    json_object_object_add (object, "pathlen",
                            json_object_new_int64 (ASN1_INTEGER_get (constraints->pathlen)));
  BASIC_CONSTRAINTS_free (constraints);
}

/* Critical ones that OpenSSL knows no name for. */
static void
add_unknown (Json *object, X509 *cert)
{
  Json *list = json_object_new_array ();

  for (int i = 0; i < X509_get_ext_count (cert); i++) {
    X509_EXTENSION *extension = X509_get_ext (cert, i);
    if (X509_EXTENSION_get_critical (extension) && !X509_supported_extension (extension))
      push_take (list, oid_text (X509_EXTENSION_get_object (extension)));
  }
  add_list (object, "critical-unknown", list);
}

static void
add_key_id (Json *object, const char *name, const ASN1_OCTET_STRING *id)
{
  if (id)
    add_take (object, name,
              pki_hex (ASN1_STRING_get0_data (id), (gsize) ASN1_STRING_length (id), ':'));
}

static void
add_extensions (Json *object, X509 *cert)
{
  add_basic (object, cert);
  for (guint i = 0; i < G_N_ELEMENTS (extensions); i++)
    add_extension (object, cert, i);
  add_name_constraints (object, cert);
  if (X509_get_ext_by_NID (cert, NID_id_pkix_OCSP_noCheck, -1) >= 0)
    json_object_object_add (object, "ocsp-no-check", json_object_new_boolean (TRUE));
  add_unknown (object, cert);
}

/* -- certificates */

static const char *
state_of (const ASN1_TIME *from, const ASN1_TIME *until, gint64 now)
{
  if (now < pki_time_value (from))
    return "not yet valid";
  return until && now > pki_time_value (until) ? "expired" : "valid";
}

static const char *
signature_name (int nid)
{
  return nid == NID_undef ? "unknown" : OBJ_nid2ln (nid);
}

Json *
pki_describe_cert (X509 *cert, gint64 now)
{
  Json *object = json_object_new_object ();
  EVP_PKEY *key = X509_get0_pubkey (cert);
  const ASN1_TIME *from = X509_get0_notBefore (cert), *until = X509_get0_notAfter (cert);
  guint8 *der = NULL;
  int len;

  add_take (object, "subject", pki_dn_text (X509_get_subject_name (cert)));
  add_take (object, "issuer", pki_dn_text (X509_get_issuer_name (cert)));
  add_take (object, "serial", pki_serial_text (X509_get0_serialNumber (cert)));
  add_take (object, "not-before", pki_time_text (from));
  add_take (object, "not-after", pki_time_text (until));
  add_text (object, "validity", state_of (from, until, now));
  add_extensions (object, cert);
  add_text (object, "signature", signature_name (X509_get_signature_nid (cert)));
  add_key_id (object, "authority-key-id", X509_get0_authority_key_id (cert));
  json_object_object_add (object, "key", key ? pki_describe_key (key) : NULL);
  len = i2d_X509 (cert, &der);
  if (len > 0) {
    add_hash (object, "sha256", EVP_sha256 (), der, (gsize) len);
    /* RFC 7296, 3.6: what hash and URL names. */
    add_hash (object, "sha1", EVP_sha1 (), der, (gsize) len);
  }
  OPENSSL_free (der);
  return object;
}

Json *
pki_describe_req (X509_REQ *req)
{
  Json *object = json_object_new_object ();
  EVP_PKEY *key = X509_REQ_get0_pubkey (req);
  STACK_OF (X509_EXTENSION) *wanted = X509_REQ_get_extensions (req);
  GENERAL_NAMES *names = X509V3_get_d2i (wanted, NID_subject_alt_name, NULL, NULL);

  add_take (object, "subject", pki_dn_text (X509_REQ_get_subject_name (req)));
  if (names)
    add_list (object, "names", describe_names (names));
  add_text (object, "signature", signature_name (X509_REQ_get_signature_nid (req)));
  json_object_object_add (object, "signed-by-its-key",
                          json_object_new_boolean (key && X509_REQ_verify (req, key) == 1));
  json_object_object_add (object, "key", key ? pki_describe_key (key) : NULL);
  GENERAL_NAMES_free (names);
  sk_X509_EXTENSION_pop_free (wanted, X509_EXTENSION_free);
  return object;
}

/* -- CRLs */

Json *
pki_describe_revoked (X509_REVOKED *entry)
{
  Json *object = json_object_new_object ();
  ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i (entry, NID_crl_reason, NULL, NULL);

  add_take (object, "serial", pki_serial_text (X509_REVOKED_get0_serialNumber (entry)));
  add_take (object, "date", pki_time_text (X509_REVOKED_get0_revocationDate (entry)));
  add_take (object, "reason", pki_reason_text (reason ? ASN1_ENUMERATED_get (reason) : 0));
  ASN1_ENUMERATED_free (reason);
  return object;
}

static void
add_crl_number (Json *object, const char *name, X509_CRL *crl, int nid)
{
  g_autoptr (ASN1_INTEGER) number = X509_CRL_get_ext_d2i (crl, nid, NULL, NULL);
  g_autoptr (BIGNUM) value = number ? ASN1_INTEGER_to_BN (number, NULL) : NULL;
  char *text = value ? BN_bn2dec (value) : NULL;

  if (text)
    add_text (object, name, text);
  OPENSSL_free (text);
}

Json *
pki_describe_crl (X509_CRL *crl, gint64 now)
{
  Json *object = json_object_new_object (), *entries = json_object_new_array ();
  STACK_OF (X509_REVOKED) *revoked = X509_CRL_get_REVOKED (crl);
  const ASN1_TIME *from = X509_CRL_get0_lastUpdate (crl), *until = X509_CRL_get0_nextUpdate (crl);
  CRL_DIST_POINTS *freshest = X509_CRL_get_ext_d2i (crl, NID_freshest_crl, NULL, NULL);
  AUTHORITY_KEYID *authority = X509_CRL_get_ext_d2i (crl, NID_authority_key_identifier, NULL, NULL);

  add_take (object, "issuer", pki_dn_text (X509_CRL_get_issuer (crl)));
  add_crl_number (object, "number", crl, NID_crl_number);
  add_crl_number (object, "delta-to", crl, NID_delta_crl);
  add_take (object, "this-update", pki_time_text (from));
  if (until)
    add_take (object, "next-update", pki_time_text (until));
  add_text (object, "validity", state_of (from, until, now));
  add_text (object, "signature", signature_name (X509_CRL_get_signature_nid (crl)));
  add_key_id (object, "authority-key-id", authority ? authority->keyid : NULL);
  add_list (object, "freshest", describe_points (freshest));
  json_object_object_add (object, "entries", json_object_new_int (sk_X509_REVOKED_num (revoked)));
  for (int i = 0; i < MIN (sk_X509_REVOKED_num (revoked), ENTRIES_MAX); i++)
    json_object_array_add (entries, pki_describe_revoked (sk_X509_REVOKED_value (revoked, i)));
  add_list (object, "revoked", entries);
  AUTHORITY_KEYID_free (authority);
  CRL_DIST_POINTS_free (freshest);
  return object;
}
