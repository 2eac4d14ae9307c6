/* SPDX-License-Identifier: Apache-2.0 */
/* pki_names.c - whom a certificate stands for: its alternative names, and identities held against
 * them and the subject.
 *
 * RFC 4945, 3.1.9: "While nothing prevents an FQDN, USER_FQDN, or IP address information from
 * appearing somewhere in the Subject contents, such entries MUST NOT be interpreted as identity
 * information for the purposes of matching with ID".  So the common name is never looked at. */
#define _GNU_SOURCE /* memrchr */
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <ikebana/error.h>

#include "pki.h"

/* -- GeneralName to IkeIdent */

/* Text with a NUL, a control character or something that is not ASCII is nobody's name: who reads
 * on behind the NUL and who does not would see different people. */
static IkeIdent *
ident_of_text (guint8 type, const ASN1_IA5STRING *text)
{
  const guint8 *data = ASN1_STRING_get0_data (text);
  int len = ASN1_STRING_length (text);

  for (int i = 0; i < len; i++)
    if (!g_ascii_isprint ((char) data[i]))
      return NULL;
  return len > 0 ? ike_ident_new (type, data, (gsize) len) : NULL;
}

/* RFC 4945, 5.1.3.6.2: "CIDR notation MUST NOT be used in the SubjectAltName extension." */
static IkeIdent *
ident_of_address (const ASN1_OCTET_STRING *address)
{
  int len = ASN1_STRING_length (address);

  if (len != 4 && len != 16)
    return NULL;
  return ike_ident_new (len == 4 ? IKE_ID_IPV4_ADDR : IKE_ID_IPV6_ADDR,
                        ASN1_STRING_get0_data (address), (gsize) len);
}

static IkeIdent *
ident_of_dn (const X509_NAME *name)
{
  const guint8 *der;
  gsize len;

  if (X509_NAME_entry_count (name) == 0 || X509_NAME_get0_der (name, &der, &len) != 1)
    return NULL;
  return ike_ident_new (IKE_ID_DER_ASN1_DN, der, len);
}

/* NULL: of a kind that is no identity in IKE. */
static IkeIdent *
ident_of_general_name (const GENERAL_NAME *name)
{
  switch (name->type) {
  case GEN_DNS:
    return ident_of_text (IKE_ID_FQDN, name->d.dNSName);
  case GEN_EMAIL:
    return ident_of_text (IKE_ID_RFC822_ADDR, name->d.rfc822Name);
  case GEN_IPADD:
    return ident_of_address (name->d.iPAddress);
  case GEN_DIRNAME:
    return ident_of_dn (name->d.directoryName);
  default:
    return NULL;
  }
}

/* libcrypto glues the pieces of a constructed string together also where the tag is implicit. */
static gboolean
is_written_so (const GENERAL_NAMES *names, const X509 *x509)
{
  int at = X509_get_ext_by_NID (x509, NID_subject_alt_name, -1);
  const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data (X509_get_ext (x509, at));
  guint8 *again = NULL;
  int len = i2d_GENERAL_NAMES (names, &again);
  gboolean is_same = len > 0 && len == ASN1_STRING_length (value)
                     && memcmp (again, ASN1_STRING_get0_data (value), (gsize) len) == 0;

  OPENSSL_free (again);
  return is_same;
}

static gboolean
add_names (IkeCert *cert, const GENERAL_NAMES *names, GError **error)
{
  int n = sk_GENERAL_NAME_num (names);

  if (n > IKE_CERT_MAX_NAMES || !is_written_so (names, cert->x509)) {
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                         n > IKE_CERT_MAX_NAMES ? "the certificate has more than 256 names"
                                                : "the certificate's other names are not in DER");
    return FALSE;
  }
  for (int i = 0; i < n; i++) {
    IkeIdent *ident = ident_of_general_name (sk_GENERAL_NAME_value (names, i));

    if (ident)
      g_ptr_array_add (cert->names, ident);
  }
  return TRUE;
}

gboolean
pki_cert_fill_names (IkeCert *cert, GError **error)
{
  GENERAL_NAMES *names = X509_get_ext_d2i (cert->x509, NID_subject_alt_name, NULL, NULL);
  gboolean is_good = !names || add_names (cert, names, error);

  GENERAL_NAMES_free (names);
  cert->info.names = (const IkeIdent *const *) cert->names->pdata;
  cert->info.n_names = cert->names->len;
  return is_good;
}

/* For people.  One without a subject goes by the first of its other names. */
char *
pki_cert_format (const IkeCert *cert, char *out, gsize out_size)
{
  if (X509_NAME_entry_count (X509_get_subject_name (cert->x509)) > 0)
    return ike_ident_format (cert->subject, out, out_size);
  if (cert->names->len)
    return ike_ident_format (g_ptr_array_index (cert->names, 0), out, out_size);
  g_strlcpy (out, "without a name", out_size);
  return out;
}

/* -- comparison */

static gboolean
is_equal_folded (const guint8 *a, const guint8 *b, gsize len)
{
  for (gsize i = 0; i < len; i++)
    if (g_ascii_tolower ((char) a[i]) != g_ascii_tolower ((char) b[i]))
      return FALSE;
  return TRUE;
}

/* RFC 4945, 3.1.2: "case-insensitive string comparison MUST be performed. [...] Substring,
 * wildcard, or regular expression matching MUST NOT be performed".  5.1.3.6.1: "Implementations
 * MUST NOT generate names that contain wildcards", so that one with them is nobody's. */
static gboolean
is_same_fqdn (const guint8 *a, gsize a_len, const guint8 *b, gsize b_len)
{
  a_len -= a_len && a[a_len - 1] == '.';
  b_len -= b_len && b[b_len - 1] == '.';
  return a_len && a_len == b_len && !memchr (a, '*', a_len) && is_equal_folded (a, b, a_len);
}

/* RFC 5280, 7.5: "Two email addresses are considered to match if: 1) the local-part of each name
 * is an exact match, AND 2) the host-part of each name matches using a case-insensitive ASCII
 * comparison."  (RFC 4945, 3.1.3 would fold the local part too: the stricter one of the two.) */
static gboolean
is_same_email (const guint8 *a, gsize a_len, const guint8 *b, gsize b_len)
{
  const guint8 *at = memrchr (a, '@', a_len);
  gsize local_len = at ? (gsize) (at - a) : a_len;

  return a_len && a_len == b_len && !memchr (a, '*', a_len) && memcmp (a, b, local_len) == 0
         && is_equal_folded (a + local_len, b + local_len, a_len - local_len);
}

/* RFC 5280, 7.1, by the form that libcrypto compares names in: UTF-8, small letters, blanks
 * folded. */
static gboolean
is_same_dn (const X509_NAME *name, const guint8 *der, gsize len)
{
  const guint8 *at = der;
  X509_NAME *other = d2i_X509_NAME (NULL, &at, (long) len);
  gboolean is_same = other && X509_NAME_entry_count (name) > 0 && X509_NAME_cmp (name, other) == 0;

  X509_NAME_free (other);
  ERR_clear_error ();
  return is_same;
}

static gboolean
is_same_dn_ident (const IkeIdent *ident, const guint8 *der, gsize len)
{
  gsize own_len;
  const guint8 *own = ike_ident_data (ident, &own_len), *at = own;
  X509_NAME *name = d2i_X509_NAME (NULL, &at, (long) own_len);
  gboolean is_same = name && is_same_dn (name, der, len);

  X509_NAME_free (name);
  return is_same;
}

static gboolean
is_same (const IkeIdent *name, guint8 type, const guint8 *data, gsize len)
{
  gsize name_len;
  const guint8 *name_data = ike_ident_data (name, &name_len);

  if (ike_ident_type (name) != type)
    return FALSE;
  switch (type) {
  case IKE_ID_FQDN:
    return is_same_fqdn (name_data, name_len, data, len);
  case IKE_ID_RFC822_ADDR:
    return is_same_email (name_data, name_len, data, len);
  case IKE_ID_DER_ASN1_DN:
    return is_same_dn_ident (name, data, len);
  default:
    return name_len == len && memcmp (name_data, data, len) == 0;
  }
}

static gboolean
has_name (const IkeCert *cert, guint8 type, const guint8 *data, gsize len)
{
  if (type == IKE_ID_DER_ASN1_DN) {
    if (len > IKE_CERT_MAX_SIZE || !pki_der_is_strict (data, len))
      return FALSE;
    if (is_same_dn (X509_get_subject_name (cert->x509), data, len))
      return TRUE;
  }
  for (guint i = 0; i < cert->names->len; i++)
    if (is_same (g_ptr_array_index (cert->names, i), type, data, len))
      return TRUE;
  return FALSE;
}

/* RFC 4945, 3.1.6 lets nobody send one; one that says what another type says too is understood. */
static gboolean
has_general_name (const IkeCert *cert, const guint8 *der, gsize len)
{
  const guint8 *at = der, *data;
  GENERAL_NAME *name = NULL;
  IkeIdent *ident = NULL;
  gboolean has = FALSE;

  if (len <= IKE_CERT_MAX_SIZE && pki_der_is_strict (der, len))
    name = d2i_GENERAL_NAME (NULL, &at, (long) len);
  if (name && at == der + len)
    ident = ident_of_general_name (name);
  if (ident) {
    data = ike_ident_data (ident, &len);
    has = has_name (cert, ike_ident_type (ident), data, len);
  }
  ike_ident_unref (ident);
  GENERAL_NAME_free (name);
  ERR_clear_error ();
  return has;
}

gboolean
pki_cert_has (const IkeCert *cert, const IkeIdent *id)
{
  const IkePart *key_id = &cert->info.subject_key_id;
  gsize len;
  const guint8 *data = ike_ident_data (id, &len);

  if (ike_ident_is_pattern (id))
    return FALSE;
  switch (ike_ident_type (id)) {
  case IKE_ID_IPV4_ADDR:
  case IKE_ID_IPV6_ADDR:
  case IKE_ID_FQDN:
  case IKE_ID_RFC822_ADDR:
  case IKE_ID_DER_ASN1_DN:
    return has_name (cert, ike_ident_type (id), data, len);
  case IKE_ID_DER_ASN1_GN:
    return has_general_name (cert, data, len);
  case IKE_ID_KEY_ID:
    return key_id->data && key_id->len && key_id->len == len
           && memcmp (key_id->data, data, len) == 0;
  default:
    return FALSE;
  }
}
