/* SPDX-License-Identifier: Apache-2.0 */
/* pki_crl.c - `pki crl`: lists of certificates that were revoked, whole ones and deltas. */
#include <openssl/pem.h>
#include <string.h>
#include "pki.h"

enum { LIFETIME_DAYS = 15, NUMBER_DIGITS_MAX = 48 };

static const PkiOption crl_options[] = {
  { "cacert", PKI_TEXT, FALSE, "FILE", "certificate of the CA" },
  { "cakey", PKI_TEXT, FALSE, "FILE", "its private key" },
  { "cert", PKI_TEXT, TRUE, "FILE", "certificate that is revoked" },
  { "serial", PKI_TEXT, TRUE, "HEX", "or its serial number" },
  { "reason", PKI_TEXT, TRUE, "WORD",
    "why, such as key-compromise; behind the --cert or --serial that it is about" },
  { "date", PKI_TEXT, TRUE, "TIME", "since when; behind it, too; now by default" },
  { "lastcrl", PKI_TEXT, FALSE, "FILE",
    "the CRL before: its entries stay, its number is counted on" },
  { "number", PKI_TEXT, FALSE, "N", "number of this CRL; 1, or one more than that of --lastcrl" },
  { "base", PKI_TEXT, FALSE, "N", "make a delta to the CRL of this number" },
  { "freshest", PKI_TEXT, TRUE, "URI", "where deltas to this CRL are" },
  { "lifetime", PKI_NUMBER, FALSE, "DAYS", "until the next one; 15 by default" },
  { "this-update", PKI_TEXT, FALSE, "TIME", "when it was made; now by default" },
  { "next-update", PKI_TEXT, FALSE, "TIME", "when the next one comes, instead of --lifetime" },
  { NULL },
};
static const PkiOption *const crl_groups[] = { crl_options, pki_sign_options,
                                               pki_passphrase_options, pki_output_options, NULL };

/* -- entries */

typedef struct {
  const PkiArgs *args;
  GHashTable *entries; /* serial number in hexadecimal: X509_REVOKED */
  X509_REVOKED *last;  /* the one that --reason and --date are about */
  char *last_serial;
  X509 *issuer;
  gboolean is_delta;
} Listing;

static void
free_entry (gpointer entry)
{
  X509_REVOKED_free (entry);
}

static void
listing_clear (Listing *listing)
{
  g_clear_pointer (&listing->entries, g_hash_table_unref);
  g_clear_pointer (&listing->last_serial, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Listing, listing_clear)

/* What was listed already is listed anew. */
static void
list_serial (Listing *listing, const ASN1_INTEGER *serial)
{
  ASN1_TIME *now = ASN1_TIME_set (NULL, (time_t) pki_now ());

  listing->last = X509_REVOKED_new ();
  X509_REVOKED_set_serialNumber (listing->last, (ASN1_INTEGER *) serial);
  X509_REVOKED_set_revocationDate (listing->last, now);
  ASN1_TIME_free (now);
  g_free (listing->last_serial);
  listing->last_serial = pki_serial_text (serial);
  g_hash_table_replace (listing->entries, g_strdup (listing->last_serial), listing->last);
}

static gboolean
list_cert (Listing *listing, const char *path, GError **error)
{
  g_autoptr (X509) cert = pki_read_cert (path, error);

  if (!cert)
    return FALSE;
  if (X509_NAME_cmp (X509_get_issuer_name (cert), X509_get_subject_name (listing->issuer)) != 0) {
    g_autofree char *theirs = pki_dn_text (X509_get_issuer_name (cert));
    return pki_fail (error, "%s was not issued by this CA, but by \"%s\"", path, theirs);
  }
  list_serial (listing, X509_get0_serialNumber (cert));
  return TRUE;
}

static gboolean
set_reason (Listing *listing, const char *word, GError **error)
{
  int reason = pki_reason (word, error);
  ASN1_ENUMERATED *value;

  if (reason < 0)
    return FALSE;
  if (reason == CRL_REASON_REMOVE_FROM_CRL && !listing->is_delta) {
    g_hash_table_remove (listing->entries, listing->last_serial);
    listing->last = NULL;
    return TRUE;
  }
  /* RFC 5280, 5.3.1: "the reason code CRL entry extension SHOULD be absent instead of using the
   * unspecified (0) reasonCode value". */
  if (reason == CRL_REASON_UNSPECIFIED)
    return TRUE;
  value = ASN1_ENUMERATED_new ();
  ASN1_ENUMERATED_set (value, reason);
  X509_REVOKED_add1_ext_i2d (listing->last, NID_crl_reason, value, 0, X509V3_ADD_REPLACE);
  ASN1_ENUMERATED_free (value);
  return TRUE;
}

static gboolean
set_date (Listing *listing, const char *text, GError **error)
{
  g_autoptr (ASN1_TIME) time = NULL;
  gint64 seconds;

  if (!pki_time (text, pki_now (), &seconds, error))
    return FALSE;
  time = ASN1_TIME_set (NULL, (time_t) seconds);
  return X509_REVOKED_set_revocationDate (listing->last, time) == 1;
}

static gboolean
list_given (Listing *listing, const PkiGiven *given, GError **error)
{
  const char *name = given->option->name;
  g_autoptr (ASN1_INTEGER) serial = NULL;

  if (strcmp (name, "cert") == 0)
    return list_cert (listing, given->value, error);
  if (strcmp (name, "serial") == 0) {
    if (!(serial = pki_serial (given->value, error)))
      return FALSE;
    list_serial (listing, serial);
    return TRUE;
  }
  if (strcmp (name, "reason") != 0 && strcmp (name, "date") != 0)
    return TRUE;
  if (!listing->last)
    return pki_usage (error, "--%s stands behind the --cert or --serial that it is about", name);
  return name[0] == 'r' ? set_reason (listing, given->value, error)
                        : set_date (listing, given->value, error);
}

static void
list_last (Listing *listing, X509_CRL *crl)
{
  STACK_OF (X509_REVOKED) *revoked = X509_CRL_get_REVOKED (crl);

  for (int i = 0; i < sk_X509_REVOKED_num (revoked); i++) {
    X509_REVOKED *entry = X509_REVOKED_dup (sk_X509_REVOKED_value (revoked, i));
    g_hash_table_replace (listing->entries,
                          pki_serial_text (X509_REVOKED_get0_serialNumber (entry)), entry);
  }
}

/* -- the list */

static ASN1_INTEGER *
read_number (const char *text, GError **error)
{
  g_autoptr (BIGNUM) number = NULL;
  gsize len = strlen (text);

  if (len == 0 || len > NUMBER_DIGITS_MAX || strspn (text, "0123456789") != len
      || BN_dec2bn (&number, text) == 0) {
    pki_usage (error, "\"%s\" is no number of a CRL; write it in decimal digits", text);
    return NULL;
  }
  return BN_to_ASN1_INTEGER (number, NULL);
}

static ASN1_INTEGER *
choose_number (const PkiArgs *args, X509_CRL *last_or_null, GError **error)
{
  const char *text = pki_text (args, "number");
  g_autoptr (ASN1_INTEGER) before = NULL;
  g_autoptr (BIGNUM) number = NULL;

  if (text)
    return read_number (text, error);
  if (last_or_null)
    before = X509_CRL_get_ext_d2i (last_or_null, NID_crl_number, NULL, NULL);
  number = before ? ASN1_INTEGER_to_BN (before, NULL) : BN_new ();
  BN_add_word (number, 1);
  return BN_to_ASN1_INTEGER (number, NULL);
}

/* RFC 5280, 5.2.4: "The delta CRL indicator is a critical CRL extension". */
static gboolean
set_numbers (const PkiArgs *args, X509_CRL *crl, X509_CRL *last_or_null, GError **error)
{
  g_autoptr (ASN1_INTEGER) number = choose_number (args, last_or_null, error), base = NULL;
  const char *base_text = pki_text (args, "base");

  if (!number || (base_text && !(base = read_number (base_text, error))))
    return FALSE;
  if (X509_CRL_add1_ext_i2d (crl, NID_crl_number, number, 0, X509V3_ADD_DEFAULT) != 1
      || (base && X509_CRL_add1_ext_i2d (crl, NID_delta_crl, base, 1, X509V3_ADD_DEFAULT) != 1))
    return pki_fail (error, "cannot number the CRL");
  return TRUE;
}

static gboolean
set_freshest (const PkiArgs *args, X509_CRL *crl, GError **error)
{
  CRL_DIST_POINTS *points = pki_points (args, "freshest", error);
  gboolean is_added;

  if (!points)
    return FALSE;
  is_added = sk_DIST_POINT_num (points) == 0
             || X509_CRL_add1_ext_i2d (crl, NID_freshest_crl, points, 0, X509V3_ADD_DEFAULT) == 1;
  sk_DIST_POINT_pop_free (points, DIST_POINT_free);
  return is_added;
}

static gboolean
set_issuer (X509_CRL *crl, X509 *issuer, GError **error)
{
  AUTHORITY_KEYID *authority = pki_authority_of (issuer);
  gboolean is_added =
      X509_CRL_set_version (crl, X509_CRL_VERSION_2) == 1
      && X509_CRL_set_issuer_name (crl, X509_get_subject_name (issuer)) == 1
      && X509_CRL_add1_ext_i2d (crl, NID_authority_key_identifier, authority, 0, X509V3_ADD_DEFAULT)
             == 1;

  AUTHORITY_KEYID_free (authority);
  return is_added ? TRUE : pki_fail (error, "cannot make the CRL");
}

static gboolean
set_times (const PkiArgs *args, X509_CRL *crl, GError **error)
{
  g_autoptr (ASN1_TIME) from = NULL, until = NULL;
  PkiPeriod period = { .from = "this-update", .until = "next-update", .days = LIFETIME_DAYS };

  if (!pki_period (args, &period, error))
    return FALSE;
  from = ASN1_TIME_set (NULL, (time_t) period.first);
  until = ASN1_TIME_set (NULL, (time_t) period.last);
  return X509_CRL_set1_lastUpdate (crl, from) == 1 && X509_CRL_set1_nextUpdate (crl, until) == 1;
}

static void
take_entries (X509_CRL *crl, Listing *listing)
{
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, listing->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    X509_CRL_add0_revoked (crl, X509_REVOKED_dup (entry));
  X509_CRL_sort (crl);
}

static gboolean
sign_and_write (const PkiArgs *args, X509_CRL *crl, EVP_PKEY *key, GError **error)
{
  g_autoptr (EVP_MD_CTX) signer = pki_signer (args, key, error);
  g_autoptr (BIO) out = BIO_new (BIO_s_mem ());

  if (!signer)
    return FALSE;
  if (X509_CRL_sign_ctx (crl, signer) <= 0
      || (pki_is_der (args) ? i2d_X509_CRL_bio (out, crl) : PEM_write_bio_X509_CRL (out, crl)) != 1)
    return pki_fail (error, "cannot sign the CRL");
  return pki_write (args, out, FALSE, error);
}

static gboolean
run_crl (const PkiArgs *args, GError **error)
{
  g_autoptr (X509) issuer = NULL;
  g_autoptr (EVP_PKEY) key = NULL;
  g_autoptr (X509_CRL) crl = X509_CRL_new (), last = NULL;
  const char *last_path = pki_text (args, "lastcrl");
  g_auto (Listing) listing = { .args = args, .is_delta = pki_has (args, "base") };

  if (!pki_read_ca (args, &issuer, &key, error)
      || (last_path && !(last = pki_read_crl (last_path, error))))
    return FALSE;
  listing.issuer = issuer;
  listing.entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_entry);
  /* A delta says what changed since its base. */
  if (last && !listing.is_delta)
    list_last (&listing, last);
  for (guint i = 0; i < args->given->len; i++)
    if (!list_given (&listing, &g_array_index (args->given, PkiGiven, i), error))
      return FALSE;
  if (!set_issuer (crl, issuer, error) || !set_times (args, crl, error)
      || !set_numbers (args, crl, last, error) || !set_freshest (args, crl, error))
    return FALSE;
  take_entries (crl, &listing);
  return sign_and_write (args, crl, key, error);
}

const PkiCommand pki_crl_command = {
  .name = "crl",
  .alias = "signcrl",
  .summary = "sign a list of revoked certificates (CRL)",
  .notes = "Without --base, remove-from-crl takes an entry of --lastcrl out of the list.",
  .groups = crl_groups,
  .run = run_crl,
};
