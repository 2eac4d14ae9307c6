/* SPDX-License-Identifier: Apache-2.0 */
/* pki_extensions.c - the extensions of a certificate (RFC 5280, 4.2; RFC 4945, 5.1.3), from
 * options. */
#include <openssl/evp.h>
#include <string.h>
#include "pki.h"

enum { PATHLEN_MAX = 255 };

#define KEY_USAGES                                                                                 \
  "digitalSignature|nonRepudiation|keyEncipherment|keyAgreement|keyCertSign|crlSign"
#define PURPOSES "serverAuth|clientAuth|ikeIntermediate|ipsecIKE|ocspSigning|anyPurpose"

const PkiOption pki_extension_options[] = {
  { "san", PKI_TEXT, TRUE, "NAME",
    "name of the subject: host, address, user@host; or dns:, email:, ip:, dn:, uri:" },
  { "ca", PKI_SWITCH, FALSE, NULL, "a CA's certificate" },
  { "pathlen", PKI_NUMBER, FALSE, "N", "how many CAs may stand below it" },
  { "flag", PKI_TEXT, TRUE, PURPOSES "|" KEY_USAGES "|none|ocspNoCheck",
    "what the key is for; without a key usage digitalSignature, none: not said" },
  { "crl", PKI_TEXT, TRUE, "URI", "where its CRL is" },
  { "freshest", PKI_TEXT, TRUE, "URI", "where delta CRLs are" },
  { "ocsp", PKI_TEXT, TRUE, "URI", "where its OCSP responder is" },
  { "policy", PKI_TEXT, TRUE, "OID", "policy under which it was issued" },
  { "nc-permitted", PKI_TEXT, TRUE, "TYPE:VALUE",
    "names that this CA may certify: dns:, email:, ip:10.0.0.0/8, dn:, uri:" },
  { "nc-excluded", PKI_TEXT, TRUE, "TYPE:VALUE", "names that it may not" },
  { "critical", PKI_TEXT, TRUE, "OID", "critical extension that nobody knows, for tests" },
  { NULL },
};

static const struct {
  const char *word, *oid;
} purposes[] = {
  { "serverAuth", "1.3.6.1.5.5.7.3.1" },      { "clientAuth", "1.3.6.1.5.5.7.3.2" },
  { "ocspSigning", "1.3.6.1.5.5.7.3.9" },     { "ipsecIKE", "1.3.6.1.5.5.7.3.17" },
  { "ikeIntermediate", "1.3.6.1.5.5.8.2.2" }, { "anyPurpose", "2.5.29.37.0" },
};

static const struct {
  const char *word;
  int bit;
} usages[] = { { "digitalSignature", 0 }, { "nonRepudiation", 1 }, { "keyEncipherment", 2 },
               { "keyAgreement", 4 },     { "keyCertSign", 5 },    { "crlSign", 6 } };

const char *
pki_purpose_word (const char *oid)
{
  for (guint i = 0; i < G_N_ELEMENTS (purposes); i++)
    if (strcmp (purposes[i].oid, oid) == 0)
      return purposes[i].word;
  return NULL;
}

static gboolean
has_flag (const PkiArgs *args, const char *word)
{
  for (guint i = 0; pki_nth (args, "flag", i); i++)
    if (strcmp (pki_nth (args, "flag", i), word) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
attach (X509 *cert, int nid, void *value, gboolean is_critical, GError **error)
{
  if (X509_add1_ext_i2d (cert, nid, value, is_critical, X509V3_ADD_DEFAULT) == 1)
    return TRUE;
  return pki_fail (error, "cannot add the extension %s", OBJ_nid2ln (nid));
}

/* -- what the key may do */

static gboolean
add_constraints (const PkiArgs *args, X509 *cert, GError **error)
{
  BASIC_CONSTRAINTS *constraints;
  guint64 pathlen = pki_number (args, "pathlen", 0);
  gboolean is_added;

  if (!pki_has (args, "ca"))
    return pki_has (args, "pathlen") ? pki_usage (error, "--pathlen is for CAs; give --ca, too")
                                     : TRUE;
  if (pathlen > PATHLEN_MAX)
    return pki_usage (error, "--pathlen is at most %d", PATHLEN_MAX);
  constraints = BASIC_CONSTRAINTS_new ();
  constraints->ca = 0xff;
  if (pki_has (args, "pathlen")) {
    constraints->pathlen = ASN1_INTEGER_new ();
    ASN1_INTEGER_set (constraints->pathlen, (long) pathlen);
  }
  is_added = attach (cert, NID_basic_constraints, constraints, TRUE, error);
  BASIC_CONSTRAINTS_free (constraints);
  return is_added;
}

/* RFC 4945, 5.1.3.2: with a KeyUsage, "digitalSignature or nonRepudiation" must be set for IKE. */
static gboolean
add_usage (const PkiArgs *args, X509 *cert, GError **error)
{
  ASN1_BIT_STRING *bits;
  gboolean is_added, is_ca = pki_has (args, "ca"), is_said = is_ca;

  if (has_flag (args, "none"))
    return TRUE;
  bits = ASN1_BIT_STRING_new ();
  for (guint i = 0; i < G_N_ELEMENTS (usages); i++)
    if (has_flag (args, usages[i].word)) {
      ASN1_BIT_STRING_set_bit (bits, usages[i].bit, 1);
      is_said |= usages[i].bit != 6;
    }
  if (!is_said)
    ASN1_BIT_STRING_set_bit (bits, 0, 1);
  if (is_ca) {
    ASN1_BIT_STRING_set_bit (bits, 5, 1);
    ASN1_BIT_STRING_set_bit (bits, 6, 1);
  }
  is_added = attach (cert, NID_key_usage, bits, TRUE, error);
  ASN1_BIT_STRING_free (bits);
  return is_added;
}

static gboolean
add_purposes (const PkiArgs *args, X509 *cert, GError **error)
{
  EXTENDED_KEY_USAGE *list = sk_ASN1_OBJECT_new_null ();
  gboolean is_added = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (purposes); i++)
    if (has_flag (args, purposes[i].word))
      sk_ASN1_OBJECT_push (list, OBJ_txt2obj (purposes[i].oid, 1));
  if (sk_ASN1_OBJECT_num (list) > 0)
    is_added = attach (cert, NID_ext_key_usage, list, FALSE, error);
  sk_ASN1_OBJECT_pop_free (list, ASN1_OBJECT_free);
  return is_added;
}

static gboolean
add_no_check (const PkiArgs *args, X509 *cert, GError **error)
{
  ASN1_NULL *nothing;
  gboolean is_added;

  if (!has_flag (args, "ocspNoCheck"))
    return TRUE;
  nothing = ASN1_NULL_new ();
  is_added = attach (cert, NID_id_pkix_OCSP_noCheck, nothing, FALSE, error);
  ASN1_NULL_free (nothing);
  return is_added;
}

/* -- whose keys they are */

/* RFC 5280, 4.2.1.2 (1): "the 160-bit SHA-1 hash of the value of the BIT STRING
 * subjectPublicKey". */
static ASN1_OCTET_STRING *
key_id_of (X509 *cert)
{
  ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new ();
  guint8 hash[EVP_MAX_MD_SIZE];
  guint len = 0;

  X509_pubkey_digest (cert, EVP_sha1 (), hash, &len);
  ASN1_OCTET_STRING_set (id, hash, (int) len);
  return id;
}

AUTHORITY_KEYID *
pki_authority_of (X509 *issuer)
{
  const ASN1_OCTET_STRING *theirs = X509_get0_subject_key_id (issuer);
  AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new ();

  authority->keyid = theirs ? ASN1_OCTET_STRING_dup (theirs) : key_id_of (issuer);
  return authority;
}

static gboolean
add_key_ids (X509 *cert, X509 *issuer, GError **error)
{
  ASN1_OCTET_STRING *own = key_id_of (cert);
  AUTHORITY_KEYID *authority;
  gboolean is_added;

  /* Of one that is being made OpenSSL must not be asked: it would remember what is there so far. */
  if (issuer == cert) {
    authority = AUTHORITY_KEYID_new ();
    authority->keyid = ASN1_OCTET_STRING_dup (own);
  } else {
    authority = pki_authority_of (issuer);
  }
  is_added = attach (cert, NID_subject_key_identifier, own, FALSE, error)
             && attach (cert, NID_authority_key_identifier, authority, FALSE, error);
  AUTHORITY_KEYID_free (authority);
  ASN1_OCTET_STRING_free (own);
  return is_added;
}

/* -- names and places */

gboolean
pki_sans (const PkiArgs *args, GENERAL_NAMES **names, GError **error)
{
  const char *text;

  for (guint i = 0; (text = pki_nth (args, "san", i)); i++) {
    GENERAL_NAME *name = pki_san (text, error);
    if (!name)
      return FALSE;
    if (!*names)
      *names = GENERAL_NAMES_new ();
    sk_GENERAL_NAME_push (*names, name);
  }
  return TRUE;
}

/* RFC 5280, 4.2.1.6: "If the subject field contains an empty sequence, then the issuing CA MUST
 * include a subjectAltName extension that is marked as critical". */
static gboolean
add_names (X509 *cert, GENERAL_NAMES *names, GError **error)
{
  gboolean is_nameless = X509_NAME_entry_count (X509_get_subject_name (cert)) == 0;

  if (is_nameless && !names)
    return pki_usage (error, "--dn is empty; then --san must say whose certificate it is");
  return !names || attach (cert, NID_subject_alt_name, names, is_nameless, error);
}

CRL_DIST_POINTS *
pki_points (const PkiArgs *args, const char *option, GError **error)
{
  CRL_DIST_POINTS *points = sk_DIST_POINT_new_null ();
  const char *text;

  for (guint i = 0; (text = pki_nth (args, option, i)); i++) {
    GENERAL_NAME *uri = pki_uri (text, error);
    DIST_POINT *point;
    if (!uri) {
      sk_DIST_POINT_pop_free (points, DIST_POINT_free);
      return NULL;
    }
    point = DIST_POINT_new ();
    point->distpoint = DIST_POINT_NAME_new ();
    point->distpoint->type = 0;
    point->distpoint->name.fullname = GENERAL_NAMES_new ();
    sk_GENERAL_NAME_push (point->distpoint->name.fullname, uri);
    sk_DIST_POINT_push (points, point);
  }
  return points;
}

static gboolean
add_points (const PkiArgs *args, X509 *cert, const char *option, int nid, GError **error)
{
  CRL_DIST_POINTS *points = pki_points (args, option, error);
  gboolean is_added;

  if (!points)
    return FALSE;
  is_added = sk_DIST_POINT_num (points) == 0 || attach (cert, nid, points, FALSE, error);
  sk_DIST_POINT_pop_free (points, DIST_POINT_free);
  return is_added;
}

static gboolean
add_responders (const PkiArgs *args, X509 *cert, GError **error)
{
  AUTHORITY_INFO_ACCESS *list = sk_ACCESS_DESCRIPTION_new_null ();
  gboolean is_added = TRUE;
  const char *text;

  for (guint i = 0; is_added && (text = pki_nth (args, "ocsp", i)); i++) {
    GENERAL_NAME *uri = pki_uri (text, error);
    ACCESS_DESCRIPTION *access;
    if (!(is_added = uri != NULL))
      break;
    access = ACCESS_DESCRIPTION_new ();
    access->method = OBJ_nid2obj (NID_ad_OCSP);
    GENERAL_NAME_free (access->location);
    access->location = uri;
    sk_ACCESS_DESCRIPTION_push (list, access);
  }
  if (is_added && sk_ACCESS_DESCRIPTION_num (list) > 0)
    is_added = attach (cert, NID_info_access, list, FALSE, error);
  sk_ACCESS_DESCRIPTION_pop_free (list, ACCESS_DESCRIPTION_free);
  return is_added;
}

/* -- what a CA may do */

static gboolean
read_subtrees (const PkiArgs *args, const char *option, STACK_OF (GENERAL_SUBTREE) * *list,
               GError **error)
{
  const char *text;

  for (guint i = 0; (text = pki_nth (args, option, i)); i++) {
    GENERAL_NAME *base = pki_subtree (text, error);
    GENERAL_SUBTREE *subtree;
    if (!base)
      return FALSE;
    if (!*list)
      *list = sk_GENERAL_SUBTREE_new_null ();
    subtree = GENERAL_SUBTREE_new ();
    GENERAL_NAME_free (subtree->base);
    subtree->base = base;
    sk_GENERAL_SUBTREE_push (*list, subtree);
  }
  return TRUE;
}

/* RFC 5280, 4.2.1.10: it "MUST be used only in a CA certificate" and is critical. */
static gboolean
add_name_constraints (const PkiArgs *args, X509 *cert, GError **error)
{
  NAME_CONSTRAINTS *constraints;
  gboolean is_added;

  if (!pki_has (args, "nc-permitted") && !pki_has (args, "nc-excluded"))
    return TRUE;
  if (!pki_has (args, "ca"))
    return pki_usage (error, "--nc-permitted and --nc-excluded are for CAs; give --ca, too");
  constraints = NAME_CONSTRAINTS_new ();
  is_added = read_subtrees (args, "nc-permitted", &constraints->permittedSubtrees, error)
             && read_subtrees (args, "nc-excluded", &constraints->excludedSubtrees, error)
             && attach (cert, NID_name_constraints, constraints, TRUE, error);
  NAME_CONSTRAINTS_free (constraints);
  return is_added;
}

static ASN1_OBJECT *
read_oid (const char *text, GError **error)
{
  ASN1_OBJECT *oid = OBJ_txt2obj (text, 1);

  if (!oid)
    pki_usage (error, "\"%s\" is no object identifier; write it like 1.3.6.1.4.1.99999.1", text);
  return oid;
}

static gboolean
add_policies (const PkiArgs *args, X509 *cert, GError **error)
{
  CERTIFICATEPOLICIES *list = sk_POLICYINFO_new_null ();
  gboolean is_added = TRUE;
  const char *text;

  for (guint i = 0; is_added && (text = pki_nth (args, "policy", i)); i++) {
    ASN1_OBJECT *oid = read_oid (text, error);
    POLICYINFO *policy;
    if (!(is_added = oid != NULL))
      break;
    policy = POLICYINFO_new ();
    policy->policyid = oid;
    sk_POLICYINFO_push (list, policy);
  }
  if (is_added && sk_POLICYINFO_num (list) > 0)
    is_added = attach (cert, NID_certificate_policies, list, FALSE, error);
  sk_POLICYINFO_pop_free (list, POLICYINFO_free);
  return is_added;
}

static gboolean
add_unknown (const PkiArgs *args, X509 *cert, GError **error)
{
  static const guint8 null_der[] = { 5, 0 };
  const char *text;

  for (guint i = 0; (text = pki_nth (args, "critical", i)); i++) {
    ASN1_OBJECT *oid = read_oid (text, error);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new ();
    X509_EXTENSION *extension = NULL;
    ASN1_OCTET_STRING_set (value, null_der, sizeof null_der);
    if (oid && (extension = X509_EXTENSION_create_by_OBJ (NULL, oid, 1, value)))
      X509_add_ext (cert, extension, -1);
    X509_EXTENSION_free (extension);
    ASN1_OCTET_STRING_free (value);
    ASN1_OBJECT_free (oid);
    if (!oid)
      return FALSE;
  }
  return TRUE;
}

gboolean
pki_extend_cert (const PkiArgs *args, X509 *cert, X509 *issuer, GENERAL_NAMES *names,
                 GError **error)
{
  return add_constraints (args, cert, error) && add_usage (args, cert, error)
         && add_purposes (args, cert, error) && add_no_check (args, cert, error)
         && add_key_ids (cert, issuer, error) && add_names (cert, names, error)
         && add_points (args, cert, "crl", NID_crl_distribution_points, error)
         && add_points (args, cert, "freshest", NID_freshest_crl, error)
         && add_responders (args, cert, error) && add_name_constraints (args, cert, error)
         && add_policies (args, cert, error) && add_unknown (args, cert, error);
}
