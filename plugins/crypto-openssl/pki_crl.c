/* SPDX-License-Identifier: Apache-2.0 */
/* pki_crl.c - certificate revocation lists (RFC 5280, 5).
 *
 * A list may have half a million entries.  libcrypto makes objects of all of them and sorts at the
 * first question, under a lock; here each entry is 16 bytes that point into the DER, sorted when
 * the list is read, and nothing changes afterwards.  Only what stands around the entries goes
 * through libcrypto. */
#include <string.h>

#include <openssl/err.h>

#include <ikebana/error.h>

#include "pki.h"

enum {
  CRL_MAX_SIZE = 64 << 20,
  EXTENSIONS_MAX = 64,
  POINT_NAMES_MAX = 64,
  REASON_REMOVED = 8, /* removeFromCRL (RFC 5280, 5.3.1) */
};

typedef struct {
  guint32 serial; /* where it stands in the DER */
  guint8 serial_len, reason;
  gint64 when;
} Entry;

struct _IkeCrl {
  gint references; /* atomic */
  State *state;
  GBytes *der;
  IkeCrlInfo info; /* points to what the list owns below */
  IkeIdent *issuer;
  X509_NAME *issuer_name;
  PkiSigned is_signed; /* points to the two below */
  X509_ALGOR *algorithm;
  ASN1_BIT_STRING *signature;
  X509_EXTENSIONS *extensions;
  AUTHORITY_KEYID *authority;
  ISSUING_DIST_POINT *scope; /* NULL: all that the issuer issued */
  GPtrArray *freshest_uris;
  GArray *entries;
  gboolean is_v2;
};

/* -- pieces */

static guint8
next_tag (const IkeReader *r)
{
  return ike_reader_left (r) ? r->data[r->pos] : 0;
}

/* The next element as it stands there, with its header. */
static const guint8 *
take_whole (IkeReader *r, guint8 tag, gsize *len)
{
  gsize from = r->pos;
  IkeReader content;

  if (!pki_der_take (r, tag, &content))
    return NULL;
  *len = r->pos - from;
  return r->data + from;
}

static gboolean
take_time (IkeReader *r, gint64 *seconds)
{
  IkeReader text;
  guint8 tag;

  return pki_der_next (r, &tag, &text) && pki_time_parse (tag, text.data, text.len, seconds);
}

static IkePart
integer_of (const guint8 *der, gsize len)
{
  IkeReader r, content;

  ike_reader_init (&r, der, len);
  if (!pki_der_take (&r, 0x02, &content))
    return (IkePart){ NULL, 0 };
  return (IkePart){ content.data, content.len };
}

/* -- entries */

/* RFC 5280, 5.3: "If a CRL contains a critical CRL entry extension that the application cannot
 * process, then the application MUST NOT use that CRL to determine the status of any
 * certificates."  5.3.3: certificateIssuer makes it an indirect one. */
static const char *
read_entry_extension (IkeReader *r, Entry *entry)
{
  IkeReader extension, oid, critical = { 0 }, value;

  pki_der_take (r, 0x30, &extension);
  pki_der_take (&extension, 0x06, &oid);
  if (next_tag (&extension) == 0x01)
    pki_der_take (&extension, 0x01, &critical);
  pki_der_take (&extension, 0x04, &value);
  if (!ike_reader_is_done (&extension))
    return "an entry of it has an extension that cannot be read";
  if (oid.len == 3 && memcmp (oid.data, "\x55\x1d\x15", 3) == 0) {
    if (value.len != 3 || memcmp (value.data, "\x0a\x01", 2) != 0 || value.data[2] > 10)
      return "an entry of it has a reason that does not exist";
    entry->reason = value.data[2];
    return NULL;
  }
  if (oid.len == 3 && memcmp (oid.data, "\x55\x1d\x1d", 3) == 0)
    return "it is indirect, for certificates of several issuers";
  if (critical.len && critical.data[0])
    return "an entry of it has a critical extension that is not understood";
  return NULL;
}

static const char *
read_entry (IkeCrl *crl, const guint8 *der, IkeReader *list)
{
  IkeReader entry, serial, extensions;
  Entry one = { 0 };
  const char *why;

  pki_der_take (list, 0x30, &entry);
  if (!pki_der_take (&entry, 0x02, &serial) || serial.len > G_MAXUINT8
      || !take_time (&entry, &one.when))
    return "an entry of it cannot be read";
  one.serial = (guint32) (serial.data - der);
  one.serial_len = (guint8) serial.len;
  if (crl->is_v2 && next_tag (&entry) == 0x30) {
    pki_der_take (&entry, 0x30, &extensions);
    while (!ike_reader_is_done (&extensions)) {
      why = read_entry_extension (&extensions, &one);
      if (why)
        return why;
    }
  }
  if (!ike_reader_is_done (&entry))
    return "an entry of it cannot be read";
  g_array_append_val (crl->entries, one);
  return NULL;
}

static int
compare_serials (const guint8 *a, gsize a_len, const guint8 *b, gsize b_len)
{
  if (a_len != b_len)
    return a_len < b_len ? -1 : 1;
  return memcmp (a, b, a_len);
}

static int
compare_entries (gconstpointer a, gconstpointer b, gpointer der)
{
  const Entry *left = a, *right = b;
  const guint8 *base = der;

  return compare_serials (base + left->serial, left->serial_len, base + right->serial,
                          right->serial_len);
}

/* -- extensions of the list */

static gboolean
is_scope_sane (const ISSUING_DIST_POINT *scope)
{
  const DIST_POINT_NAME *name = scope->distpoint;

  /* RFC 5280, 5.2.5: "at most one of onlyContainsUserCerts, onlyContainsCACerts, and
   * onlyContainsAttributeCerts may be set to TRUE". */
  if ((scope->onlyuser > 0) + (scope->onlyCA > 0) + (scope->onlyattr > 0) > 1)
    return FALSE;
  return !name || name->type != 0 || sk_GENERAL_NAME_num (name->name.fullname) <= POINT_NAMES_MAX;
}

static const char *
read_extension (IkeCrl *crl, X509_EXTENSION *extension)
{
  const ASN1_OCTET_STRING *octets = X509_EXTENSION_get_data (extension);
  const guint8 *value = ASN1_STRING_get0_data (octets), *at = value;
  long len = ASN1_STRING_length (octets);
  int nid = OBJ_obj2nid (X509_EXTENSION_get_object (extension));
  CRL_DIST_POINTS *points;

  switch (nid) {
  case NID_crl_number:
    crl->info.number = integer_of (value, (gsize) len);
    return crl->info.number.data ? NULL : "its number cannot be read";
  case NID_delta_crl:
    crl->info.base = integer_of (value, (gsize) len);
    return crl->info.base.data ? NULL : "the number of its base cannot be read";
  case NID_authority_key_identifier:
    crl->authority = d2i_AUTHORITY_KEYID (NULL, &at, len);
    return crl->authority ? NULL : "its authority key identifier cannot be read";
  case NID_issuing_distribution_point:
    crl->scope = d2i_ISSUING_DIST_POINT (NULL, &at, len);
    if (!crl->scope || !is_scope_sane (crl->scope))
      return "its issuing distribution point cannot be read";
    return crl->scope->indirectCRL > 0 ? "it is indirect, for certificates of several issuers"
                                       : NULL;
  case NID_freshest_crl:
    points = d2i_CRL_DIST_POINTS (NULL, &at, len);
    pki_add_crl_uris (crl->freshest_uris, points);
    CRL_DIST_POINTS_free (points);
    return points ? NULL : "where its deltas are cannot be read";
  default:
    /* RFC 5280, 5.2: "If a CRL contains a critical extension that the application cannot process,
     * then the application MUST NOT use that CRL". */
    return X509_EXTENSION_get_critical (extension)
               ? "it has a critical extension that is not understood"
               : NULL;
  }
}

static gboolean
is_repeated (const X509_EXTENSIONS *extensions, int i)
{
  const ASN1_OBJECT *object = X509_EXTENSION_get_object (sk_X509_EXTENSION_value (extensions, i));

  for (int j = 0; j < i; j++)
    if (OBJ_cmp (object, X509_EXTENSION_get_object (sk_X509_EXTENSION_value (extensions, j))) == 0)
      return TRUE;
  return FALSE;
}

/* Of those that are read; what others hold need not be DER. */
static gboolean
is_strict (X509_EXTENSION *extension)
{
  static const int nids[] = { NID_crl_number, NID_delta_crl, NID_authority_key_identifier,
                              NID_issuing_distribution_point, NID_freshest_crl };
  const ASN1_OCTET_STRING *octets = X509_EXTENSION_get_data (extension);
  int nid = OBJ_obj2nid (X509_EXTENSION_get_object (extension));

  for (guint i = 0; i < G_N_ELEMENTS (nids); i++)
    if (nid == nids[i])
      return pki_der_is_strict (ASN1_STRING_get0_data (octets),
                                (gsize) ASN1_STRING_length (octets));
  return TRUE;
}

static const char *
read_extensions (IkeCrl *crl, IkeReader *tagged)
{
  gsize len;
  const guint8 *at = take_whole (tagged, 0x30, &len);
  const char *why = NULL;

  if (at && ike_reader_is_done (tagged))
    crl->extensions = d2i_X509_EXTENSIONS (NULL, &at, (long) len);
  if (!crl->extensions)
    return "its extensions cannot be read";
  if (sk_X509_EXTENSION_num (crl->extensions) > EXTENSIONS_MAX)
    return "it has more than 64 extensions";
  for (int i = 0; !why && i < sk_X509_EXTENSION_num (crl->extensions); i++) {
    X509_EXTENSION *extension = sk_X509_EXTENSION_value (crl->extensions, i);

    if (is_repeated (crl->extensions, i) || !is_strict (extension))
      return "it has an extension twice, or one that is not DER";
    why = read_extension (crl, extension);
  }
  if (crl->authority && crl->authority->keyid)
    crl->info.authority_key_id = (IkePart){ ASN1_STRING_get0_data (crl->authority->keyid),
                                            (gsize) ASN1_STRING_length (crl->authority->keyid) };
  return why;
}

/* -- the list */

static gboolean
read_issuer (IkeCrl *crl, IkeReader *tbs)
{
  gsize len;
  const guint8 *der = take_whole (tbs, 0x30, &len), *at = der;

  if (!der)
    return FALSE;
  crl->issuer_name = d2i_X509_NAME (NULL, &at, (long) len);
  crl->info.issuer = crl->issuer = ike_ident_new (IKE_ID_DER_ASN1_DN, der, len);
  return crl->issuer_name && X509_NAME_entry_count (crl->issuer_name) > 0;
}

/* TBSCertList ::= SEQUENCE { version?, signature, issuer, thisUpdate, nextUpdate?,
 * revokedCertificates?, [0] crlExtensions? } */
static const char *
read_tbs (IkeCrl *crl, const guint8 *der, IkeReader tbs, const IkePart *algorithm)
{
  IkePart version = { NULL, 0 };
  IkeReader list = { 0 }, skipped, tagged;
  const guint8 *inner;
  gsize len;
  const char *why = NULL;

  if (next_tag (&tbs) == 0x02) {
    pki_der_take (&tbs, 0x02, &skipped);
    version = (IkePart){ skipped.data, skipped.len };
  }
  crl->is_v2 = version.data && version.len == 1 && version.data[0] == 1;
  inner = take_whole (&tbs, 0x30, &len);
  if ((version.data && !crl->is_v2) || !inner || len != algorithm->len
      || memcmp (inner, algorithm->data, len) != 0)
    return "its version or its algorithm is not right";
  if (!read_issuer (crl, &tbs) || !take_time (&tbs, &crl->info.this_update))
    return "its issuer or date cannot be read";
  if (next_tag (&tbs) == 0x17 || next_tag (&tbs) == 0x18)
    if (!take_time (&tbs, &crl->info.next_update))
      return "the date of the next one cannot be read";
  if (next_tag (&tbs) == 0x30)
    pki_der_take (&tbs, 0x30, &list);
  while (!why && !ike_reader_is_done (&list))
    why = read_entry (crl, der, &list);
  if (!why && crl->is_v2 && next_tag (&tbs) == 0xa0) {
    pki_der_take (&tbs, 0xa0, &tagged);
    why = read_extensions (crl, &tagged);
  }
  if (!why && !ike_reader_is_done (&tbs))
    why = "something stands behind its entries";
  return why;
}

/* CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signatureValue } */
static const char *
read_crl (IkeCrl *crl)
{
  gsize len;
  const guint8 *der = g_bytes_get_data (crl->der, &len), *at;
  IkeReader r, list, tbs, tbs_again;
  IkePart algorithm;
  const char *why;

  if (len > CRL_MAX_SIZE || !pki_der_is_strict (der, len))
    return len > CRL_MAX_SIZE ? "it is longer than 64 MB" : "it is not in DER";
  ike_reader_init (&r, der, len);
  pki_der_take (&r, 0x30, &list);
  tbs_again = list;
  crl->is_signed.data = take_whole (&list, 0x30, &crl->is_signed.len);
  pki_der_take (&tbs_again, 0x30, &tbs);
  algorithm.data = at = take_whole (&list, 0x30, &algorithm.len);
  if (!at || !(crl->algorithm = d2i_X509_ALGOR (NULL, &at, (long) algorithm.len)))
    return "its algorithm cannot be read";
  at = take_whole (&list, 0x03, &len);
  if (!at || !(crl->signature = d2i_ASN1_BIT_STRING (NULL, &at, (long) len))
      || !ike_reader_is_done (&list))
    return "its signature cannot be read";
  crl->is_signed.algorithm = crl->algorithm;
  crl->is_signed.signature = crl->signature;
  why = read_tbs (crl, der, tbs, &algorithm);
  g_array_sort_with_data (crl->entries, compare_entries, (gpointer) der);
  return why;
}

static GBytes *
der_of (GBytes *data, GError **error)
{
  gsize len, der_len;
  const guint8 *text = g_bytes_get_data (data, &len);
  IkeReader r;
  guint8 *der;

  if (pki_looks_like_der (text, len))
    return g_bytes_ref (data);
  ike_reader_init (&r, text, len);
  if (pki_pem_next (&r, "X509 CRL", &der, &der_len) > 0)
    return g_bytes_new_take (der, der_len);
  g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                       "there is no CRL here, neither PEM nor DER");
  return NULL;
}

IkeCrl *
pki_crl_parse (IkePlugin *self, GBytes *data, GError **error)
{
  State *state = state_get (self, error);
  GBytes *der = state ? der_of (data, error) : NULL;
  IkeCrl *crl;
  const char *why;

  if (!der)
    return NULL;
  crl = g_new0 (IkeCrl, 1);
  crl->references = 1;
  crl->state = state;
  crl->der = der;
  crl->info.struct_size = sizeof crl->info;
  crl->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  crl->freshest_uris = g_ptr_array_new_with_free_func (g_free);
  why = read_crl (crl);
  ERR_clear_error ();
  if (why) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "the CRL is not taken: %s", why);
    pki_crl_unref (crl);
    return NULL;
  }
  g_ptr_array_add (crl->freshest_uris, NULL);
  crl->info.freshest_uris = (const char *const *) crl->freshest_uris->pdata;
  crl->info.n = crl->entries->len;
  return crl;
}

IkeCrl *
pki_crl_ref (const IkeCrl *crl)
{
  g_atomic_int_inc (&((IkeCrl *) crl)->references);
  return (IkeCrl *) crl;
}

void
pki_crl_unref (IkeCrl *crl)
{
  if (!crl || !g_atomic_int_dec_and_test (&crl->references))
    return;
  ike_ident_unref (crl->issuer);
  X509_NAME_free (crl->issuer_name);
  X509_ALGOR_free (crl->algorithm);
  ASN1_BIT_STRING_free (crl->signature);
  sk_X509_EXTENSION_pop_free (crl->extensions, X509_EXTENSION_free);
  AUTHORITY_KEYID_free (crl->authority);
  ISSUING_DIST_POINT_free (crl->scope);
  g_ptr_array_unref (crl->freshest_uris);
  g_array_unref (crl->entries);
  g_bytes_unref (crl->der);
  g_free (crl);
}

GBytes *
pki_crl_der (const IkeCrl *crl)
{
  return crl->der;
}

const IkeCrlInfo *
pki_crl_info (const IkeCrl *crl)
{
  return &crl->info;
}

/* -- whose it is, and what it covers */

static gboolean
is_any_name (const GENERAL_NAMES *names, const GENERAL_NAMES *wanted)
{
  for (int i = 0; i < sk_GENERAL_NAME_num (names); i++)
    for (int j = 0; j < sk_GENERAL_NAME_num (wanted); j++)
      if (GENERAL_NAME_cmp (sk_GENERAL_NAME_value (names, i), sk_GENERAL_NAME_value (wanted, j))
          == 0)
        return TRUE;
  return FALSE;
}

/* RFC 4945, 5.1.3.13: "IKE implementations MUST support validating that the contents of
 * CRLDistributionPoints match those of the IssuingDistributionPoint to prevent CRL substitution".
 * A name relative to the issuer fits nothing. */
static gboolean
is_its_point (const DIST_POINT_NAME *name, const IkeCert *cert)
{
  CRL_DIST_POINTS *points = X509_get_ext_d2i (cert->x509, NID_crl_distribution_points, NULL, NULL);
  gboolean is_one = FALSE;

  for (int i = 0; !is_one && i < sk_DIST_POINT_num (points); i++) {
    const DIST_POINT *point = sk_DIST_POINT_value (points, i);

    is_one = name->type == 0 && point->distpoint && point->distpoint->type == 0 && !point->CRLissuer
             && is_any_name (point->distpoint->name.fullname, name->name.fullname);
  }
  CRL_DIST_POINTS_free (points);
  return is_one;
}

/* RFC 5280, 6.3.3 (b) (2). */
static gboolean
is_covered (const IkeCrl *crl, const IkeCert *cert)
{
  const ISSUING_DIST_POINT *scope = crl->scope;
  gboolean is_ca = (cert->info.flags & IKE_CERT_IS_CA) != 0;

  if (X509_NAME_cmp (crl->issuer_name, X509_get_issuer_name (cert->x509)) != 0)
    return FALSE;
  if (!scope)
    return TRUE;
  if (scope->onlyattr > 0 || scope->onlysomereasons || (scope->onlyuser > 0 && is_ca)
      || (scope->onlyCA > 0 && !is_ca))
    return FALSE;
  return !scope->distpoint || is_its_point (scope->distpoint, cert);
}

gboolean
pki_crl_is_by (const IkeCrl *crl, const IkeCert *issuer, const IkeCert *cert_or_null)
{
  gboolean is_by =
      X509_NAME_cmp (crl->issuer_name, X509_get_subject_name (issuer->x509)) == 0
      && (!crl->authority || X509_check_akid (issuer->x509, crl->authority) == X509_V_OK)
      && (issuer->info.flags & IKE_CERT_CAN_SIGN_CRL)
      && (!cert_or_null || is_covered (crl, cert_or_null))
      && pki_is_signed (crl->state, &crl->is_signed, X509_get0_pubkey (issuer->x509));

  ERR_clear_error ();
  return is_by;
}

static const Entry *
find_entry (const IkeCrl *crl, const IkePart *serial)
{
  const guint8 *der = g_bytes_get_data (crl->der, NULL);
  guint from = 0, to = crl->entries->len;

  while (from < to) {
    guint middle = from + (to - from) / 2;
    const Entry *entry = &g_array_index (crl->entries, Entry, middle);
    int order = compare_serials (der + entry->serial, entry->serial_len, serial->data, serial->len);

    if (order == 0)
      return entry;
    if (order < 0)
      from = middle + 1;
    else
      to = middle;
  }
  return NULL;
}

/* RFC 5280, 5.3.1: "The removeFromCRL (8) reason code value may only appear in delta CRLs": in a
 * whole one it is a revocation like any other. */
void
pki_crl_find (const IkeCrl *crl, const IkeCert *cert, IkeRevocation *out)
{
  const Entry *entry;

  memset (out, 0, sizeof *out);
  out->struct_size = sizeof *out;
  out->this_update = crl->info.this_update;
  out->next_update = crl->info.next_update;
  out->revoked = IKE_REVOKED_UNKNOWN;
  if (X509_NAME_cmp (crl->issuer_name, X509_get_issuer_name (cert->x509)) != 0)
    return;
  out->revoked = IKE_REVOKED_NOT;
  entry = find_entry (crl, &cert->info.serial);
  if (!entry)
    return;
  out->revoked = entry->reason == REASON_REMOVED && crl->info.base.data ? IKE_REVOKED_REMOVED
                                                                        : IKE_REVOKED_YES;
  out->reason = entry->reason;
  out->revoked_at = entry->when;
}
