/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_ocsp.c - OCSP: what is asked, and which answers are believed. */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include <ikebana/error.h>

#include "pki_make.h"

#define NONCE "sixteen bytes it"

typedef struct {
  Pki pki;
  Made *ca, *leaf, *other;
} Fixture;

static void
fixture_open (Fixture *b)
{
  pki_open (&b->pki);
  b->ca = MAKE (&b->pki, .subject = "C=CH/CN=ca", .extensions = MAKE_CA);
  b->leaf = MAKE (&b->pki, .subject = "CN=moon", .issuer = b->ca, .serial = 0x1234);
  b->other = MAKE (&b->pki, .subject = "CN=sun", .issuer = b->ca, .serial = 0x1235);
}

static gboolean
read_it (Fixture *b, GBytes *der_take, const char *nonce, IkeRevocation *out, GError **error)
{
  gsize len;
  const guint8 *der = g_bytes_get_data (der_take, &len);
  gboolean is_good = b->pki.ops->ocsp_read (b->pki.plugin, der, len, b->leaf->cert, b->ca->cert,
                                            (const guint8 *) nonce, nonce ? strlen (nonce) : 0,
                                            MAKE_NOW, out, error);

  g_bytes_unref (der_take);
  return is_good;
}

static MakeOcsp
completed (Fixture *b, const MakeOcsp *how, const MakeSingle *usual)
{
  MakeOcsp full = *how;

  full.signer = full.signer ? full.signer : b->ca;
  if (!full.singles) {
    full.singles = usual;
    full.n_singles = 1;
  }
  return full;
}

static IkeRevocation
good_with (Fixture *b, const MakeOcsp *how, const char *nonce)
{
  g_autoptr (GError) error = NULL;
  const MakeSingle usual = { .cert = b->leaf, .issuer = b->ca };
  MakeOcsp full = completed (b, how, &usual);
  IkeRevocation said;

  read_it (b, make_ocsp (&full), nonce, &said, &error);
  g_assert_no_error (error);
  return said;
}

static void
bad_with (Fixture *b, const MakeOcsp *how, const char *nonce, const char *why)
{
  g_autoptr (GError) error = NULL;
  const MakeSingle usual = { .cert = b->leaf, .issuer = b->ca };
  MakeOcsp full = completed (b, how, &usual);
  IkeRevocation said;

  g_assert_false (read_it (b, make_ocsp (&full), nonce, &said, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_CRYPTO);
  if (!strstr (error->message, why))
    g_error ("refused, but: %s", error->message);
  g_assert_cmpint (said.revoked, ==, IKE_REVOKED_UNKNOWN);
  g_assert_false (said.has_nonce);
}

#define GOOD(b, ...) good_with (b, &(MakeOcsp){ __VA_ARGS__ }, NULL)
#define BAD(b, why, ...) bad_with (b, &(MakeOcsp){ __VA_ARGS__ }, NULL, why)
#define SINGLES(...)                                                                               \
  .singles = (MakeSingle[]){ __VA_ARGS__ },                                                        \
  .n_singles = sizeof ((MakeSingle[]){ __VA_ARGS__ }) / sizeof (MakeSingle)

static void
test_request (void)
{
  Fixture b;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) with = NULL, without = NULL;
  OCSP_REQUEST *request;
  OCSP_CERTID *id;
  const guint8 *der;
  gsize len;

  fixture_open (&b);
  with = b.pki.ops->ocsp_request (b.pki.plugin, b.leaf->cert, b.ca->cert, (const guint8 *) NONCE,
                                  strlen (NONCE), &error);
  g_assert_no_error (error);
  der = g_bytes_get_data (with, &len);
  request = d2i_OCSP_REQUEST (NULL, &der, (long) len);
  g_assert_nonnull (request);
  g_assert_cmpint (OCSP_request_onereq_count (request), ==, 1);
  id = OCSP_cert_to_id (EVP_sha1 (), b.leaf->x509, b.ca->x509);
  g_assert_cmpint (OCSP_id_cmp (id, OCSP_onereq_get0_id (OCSP_request_onereq_get0 (request, 0))),
                   ==, 0);
  g_assert_nonnull (memmem (g_bytes_get_data (with, NULL), len, NONCE, strlen (NONCE)));
  OCSP_CERTID_free (id);
  OCSP_REQUEST_free (request);
  without = b.pki.ops->ocsp_request (b.pki.plugin, b.leaf->cert, b.ca->cert, NULL, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (without), <, len);
  g_assert_null (b.pki.ops->ocsp_request (b.pki.plugin, b.leaf->cert, b.ca->cert,
                                          (const guint8 *) NONCE, 129, &error));
  g_assert_nonnull (error);
  pki_close (&b.pki);
}

static void
test_status (void)
{
  Fixture b;
  IkeRevocation said;

  fixture_open (&b);
  said = GOOD (&b, 0);
  g_assert_cmpint (said.revoked, ==, IKE_REVOKED_NOT);
  g_assert_cmpint (said.this_update, ==, MAKE_NOW - 3600);
  g_assert_cmpint (said.next_update, ==, MAKE_NOW + 3600);
  g_assert_false (said.has_nonce);
  said = GOOD (&b, SINGLES ({ .cert = b.leaf,
                              .issuer = b.ca,
                              .status = V_OCSP_CERTSTATUS_REVOKED,
                              .reason = 1,
                              .revoked_at = MAKE_NOW - 55,
                              .next_update = -1 }));
  g_assert_cmpint (said.revoked, ==, IKE_REVOKED_YES);
  g_assert_cmpint (said.reason, ==, 1);
  g_assert_cmpint (said.revoked_at, ==, MAKE_NOW - 55);
  g_assert_cmpint (said.next_update, ==, 0);
  said = GOOD (&b, SINGLES ({ .cert = b.leaf,
                              .issuer = b.ca,
                              .status = V_OCSP_CERTSTATUS_REVOKED,
                              .reason = OCSP_REVOKED_STATUS_NOSTATUS }));
  g_assert_cmpint (said.revoked, ==, IKE_REVOKED_YES);
  g_assert_cmpint (said.reason, ==, 0);
  said =
      GOOD (&b, SINGLES ({ .cert = b.leaf, .issuer = b.ca, .status = V_OCSP_CERTSTATUS_UNKNOWN }));
  g_assert_cmpint (said.revoked, ==, IKE_REVOKED_UNKNOWN);
  GOOD (&b, .is_by_key = TRUE);
  BAD (&b, "try later", .status = OCSP_RESPONSE_STATUS_TRYLATER);
  BAD (&b, "not to us", .status = OCSP_RESPONSE_STATUS_UNAUTHORIZED);
  BAD (&b, "status is not known", .status = 4);
  pki_close (&b.pki);
}

static void
test_about (void)
{
  Fixture b;
  Made *twin, *same;

  fixture_open (&b);
  twin = MAKE (&b.pki, .subject = "C=CH/CN=ca", .extensions = MAKE_CA);
  same = MAKE (&b.pki, .subject = "CN=moon", .issuer = twin, .serial = 0x1234);
  BAD (&b, "says nothing", SINGLES ({ .cert = b.other, .issuer = b.ca }));
  /* The same serial number and issuer's name, another key. */
  BAD (&b, "says nothing", SINGLES ({ .cert = same, .issuer = twin }));
  /* The same key under another name. */
  twin = MAKE (&b.pki, .subject = "CN=cb", .key_of = b.ca, .extensions = MAKE_CA);
  same = MAKE (&b.pki, .subject = "CN=moon", .issuer = twin, .serial = 0x1234);
  BAD (&b, "says nothing", SINGLES ({ .cert = same, .issuer = twin }));
  GOOD (&b, SINGLES ({ .cert = b.leaf, .issuer = b.ca, .digest = "SHA256" }));
  BAD (&b, "says nothing", SINGLES ({ .cert = b.leaf, .issuer = b.ca, .digest = "SHA512" }));
  /* Several: the one that fits; of those the newest that is in its time. */
  g_assert_cmpint (
      GOOD (&b, SINGLES ({ .cert = b.other, .issuer = b.ca, .status = V_OCSP_CERTSTATUS_REVOKED },
                         { .cert = b.leaf, .issuer = b.ca }))
          .revoked,
      ==, IKE_REVOKED_NOT);
  g_assert_cmpint (
      GOOD (&b, SINGLES ({ .cert = b.leaf,
                           .issuer = b.ca,
                           .status = V_OCSP_CERTSTATUS_REVOKED,
                           .this_update = MAKE_NOW - 60 },
                         { .cert = b.leaf, .issuer = b.ca },
                         { .cert = b.leaf, .issuer = b.ca, .this_update = MAKE_NOW + 900 }))
          .revoked,
      ==, IKE_REVOKED_YES);
  pki_close (&b.pki);
}

static void
test_critical (void)
{
  static const char critical[] = "1.2.3.4=critical,DER:0500", plain[] = "1.2.3.4=DER:0500";
  Fixture b;

  fixture_open (&b);
  BAD (&b, "critical extension", .extensions = critical);
  GOOD (&b, .extensions = plain);
  BAD (&b, "critical extension",
       SINGLES ({ .cert = b.leaf, .issuer = b.ca, .extensions = critical }));
  GOOD (&b, SINGLES ({ .cert = b.leaf, .issuer = b.ca, .extensions = plain }));
  pki_close (&b.pki);
}

static void
test_times (void)
{
  Fixture b;

  fixture_open (&b);
#define AT(from, to)                                                                               \
  SINGLES ({ .cert = b.leaf, .issuer = b.ca, .this_update = from, .next_update = to })
  GOOD (&b, AT (MAKE_NOW + 300, MAKE_NOW + 3600));
  BAD (&b, "from the future", AT (MAKE_NOW + 301, MAKE_NOW + 3600));
  GOOD (&b, AT (MAKE_NOW - 3600, MAKE_NOW - 300));
  BAD (&b, "out of date", AT (MAKE_NOW - 3600, MAKE_NOW - 301));
  BAD (&b, "no sense", AT (MAKE_NOW - 3600, MAKE_NOW - 3601));
  GOOD (&b, AT (MAKE_NOW - 3600, -1));
#undef AT
  pki_close (&b.pki);
}

static void
test_nonce (void)
{
  Fixture b;
  static const MakeOcsp with = { .nonce = NONCE }, without, wrong = { .nonce = "sixteen bytes he" },
                        longer = { .nonce = NONCE "!" };

  fixture_open (&b);
  g_assert_true (good_with (&b, &with, NONCE).has_nonce);
  g_assert_false (good_with (&b, &without, NONCE).has_nonce);
  bad_with (&b, &wrong, NONCE, "nonce");
  bad_with (&b, &longer, NONCE, "nonce");
  /* Asked by somebody else: there is nothing to compare. */
  g_assert_false (good_with (&b, &with, NULL).has_nonce);
  pki_close (&b.pki);
}

static void
test_signer (void)
{
  static const char *const weak[] = { "SHA1", "MD5" };
  EVP_PKEY *rsa = make_rsa (1024);
  Fixture b;
  Made *twin, *stranger, *rsa_leaf, *leaf;

  fixture_open (&b);
  twin = MAKE (&b.pki, .subject = "C=CH/CN=ca", .extensions = MAKE_CA);
  stranger = MAKE (&b.pki, .subject = "CN=x", .extensions = MAKE_CA);
  BAD (&b, "not signed", .is_spoiled = TRUE);
  BAD (&b, "not signed", .signer = twin);
  BAD (&b, "OCSPSigning", .signer = twin, .sent = twin);
  BAD (&b, "not signed", .signer = stranger);
  BAD (&b, "OCSPSigning", .signer = stranger, .sent = stranger);
  BAD (&b, "not signed", .signer = stranger, .is_by_key = TRUE);
  /* A CA with RSA, for the hashes. */
  leaf = b.leaf;
  b.ca = MAKE (&b.pki, .subject = "CN=rsa", .key = rsa, .extensions = MAKE_CA);
  rsa_leaf = b.leaf = MAKE (&b.pki, .subject = "CN=moon", .issuer = b.ca);
  for (guint i = 0; i < G_N_ELEMENTS (weak); i++)
    BAD (&b, "weak hash", .digest = weak[i]);
  GOOD (&b, .digest = "SHA256");
  g_assert_true (rsa_leaf != leaf);
  EVP_PKEY_free (rsa);
  pki_close (&b.pki);
}

#define OCSP_EKU "extendedKeyUsage=OCSPSigning\n"

static void
test_delegate (void)
{
  static const struct {
    const char *extensions, *why;
    gint64 from, to;
    gboolean is_spoiled;
  } cases[] = {
    { OCSP_EKU, NULL, 0, 0, FALSE },
    { OCSP_EKU "keyUsage=digitalSignature", NULL, 0, 0, FALSE },
    { OCSP_EKU "noCheck=ignored", NULL, 0, 0, FALSE },
    { "extendedKeyUsage=serverAuth", "OCSPSigning", 0, 0, FALSE },
    { "extendedKeyUsage=anyExtendedKeyUsage", "OCSPSigning", 0, 0, FALSE },
    { NULL, "OCSPSigning", 0, 0, FALSE },
    { OCSP_EKU "keyUsage=keyEncipherment", "key usage", 0, 0, FALSE },
    { OCSP_EKU "1.2.3.4=critical,DER:0500", "critical", 0, 0, FALSE },
    { OCSP_EKU, "not in its time", 0, MAKE_NOW - 1, FALSE },
    { OCSP_EKU, "not in its time", MAKE_NOW + 1, 0, FALSE },
    { OCSP_EKU, "not given the right", 0, 0, TRUE },
  };
  Fixture b;
  Made *delegate, *sub, *stranger, *root;

  fixture_open (&b);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    delegate = MAKE (&b.pki, .subject = "CN=ocsp", .issuer = b.ca,
                     .extensions = cases[i].extensions, .not_before = cases[i].from,
                     .not_after = cases[i].to, .is_spoiled = cases[i].is_spoiled);
    if (cases[i].why) {
      BAD (&b, cases[i].why, .signer = delegate, .sent = delegate);
      continue;
    }
    GOOD (&b, .signer = delegate, .sent = delegate);
    GOOD (&b, .signer = delegate, .sent = delegate, .is_by_key = TRUE);
    BAD (&b, "not signed", .signer = delegate);
    BAD (&b, "signature is wrong", .signer = delegate, .sent = delegate, .is_spoiled = TRUE);
  }
  /* Not directly by the issuer: below it, beside it, above it. */
  sub = MAKE (&b.pki, .subject = "CN=sub", .issuer = b.ca, .extensions = MAKE_CA);
  delegate = MAKE (&b.pki, .subject = "CN=ocsp", .issuer = sub, .extensions = OCSP_EKU);
  BAD (&b, "not given the right", .signer = delegate, .sent = delegate);
  stranger = MAKE (&b.pki, .subject = "C=CH/CN=ca", .extensions = MAKE_CA);
  delegate = MAKE (&b.pki, .subject = "CN=ocsp", .issuer = stranger, .extensions = OCSP_EKU);
  BAD (&b, "not given the right", .signer = delegate, .sent = delegate);
  root = MAKE (&b.pki, .subject = "CN=root", .extensions = MAKE_CA OCSP_EKU);
  BAD (&b, "", .signer = root, .sent = root);
  pki_close (&b.pki);
}

static void
test_malformed (void)
{
  Fixture b;
  Made *delegate;
  MakeSingle single;
  g_autoptr (GBytes) good = NULL;
  const guint8 *der;
  gsize len;
  IkeRevocation said;
  g_autofree guint8 *copy = NULL;

  fixture_open (&b);
  delegate = MAKE (&b.pki, .subject = "CN=ocsp", .issuer = b.ca, .extensions = OCSP_EKU);
  single = (MakeSingle){ .cert = b.leaf, .issuer = b.ca };
  good = make_ocsp (&(MakeOcsp){
      .signer = delegate, .sent = delegate, .singles = &single, .n_singles = 1, .nonce = NONCE });
  der = g_bytes_get_data (good, &len);
  g_assert_true (read_it (&b, g_bytes_ref (good), NONCE, &said, NULL));
  for (gsize i = 0; i < len; i++)
    g_assert_false (read_it (&b, g_bytes_new (der, i), NONCE, &said, NULL));
  copy = g_malloc0 (70000);
  memcpy (copy, der, len);
  g_assert_false (read_it (&b, g_bytes_new (copy, len + 1), NONCE, &said, NULL));
  g_assert_false (read_it (&b, g_bytes_new (copy, 70000), NONCE, &said, NULL));
  /* One byte that differs is never believed. */
  for (gsize i = 0; i < len; i++) {
    copy[i] ^= 0x21;
    if (read_it (&b, g_bytes_new (copy, len), NONCE, &said, NULL))
      g_error ("byte %" G_GSIZE_FORMAT " does not matter", i);
    copy[i] ^= 0x21;
  }
  pki_close (&b.pki);
}

static void
test_bounds (void)
{
  enum { N = 257 };
  Fixture b;
  g_autofree MakeSingle *singles = g_new0 (MakeSingle, N);

  fixture_open (&b);
  for (guint i = 0; i < N; i++)
    singles[i] = (MakeSingle){ .cert = i ? b.other : b.leaf, .issuer = b.ca };
  GOOD (&b, .singles = singles, .n_singles = N - 1);
  BAD (&b, "256", .singles = singles, .n_singles = N);
  pki_close (&b.pki);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ocsp/a-request-names-the-certificate-and-may-have-a-nonce", test_request);
  g_test_add_func ("/ocsp/good-revoked-and-unknown-are-read", test_status);
  g_test_add_func ("/ocsp/it-is-about-this-certificate", test_about);
  g_test_add_func ("/ocsp/a-critical-extension-that-is-unknown-is-refused", test_critical);
  g_test_add_func ("/ocsp/it-is-in-its-time-with-five-minutes-of-slack", test_times);
  g_test_add_func ("/ocsp/a-nonce-is-ours", test_nonce);
  g_test_add_func ("/ocsp/it-is-signed-by-the-issuer", test_signer);
  g_test_add_func ("/ocsp/or-by-somebody-to-whom-the-issuer-gave-the-right", test_delegate);
  g_test_add_func ("/ocsp/malformed-or-changed-it-is-refused", test_malformed);
  g_test_add_func ("/ocsp/its-answers-are-bound", test_bounds);
  return g_test_run ();
}
