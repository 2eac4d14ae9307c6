/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_crl.c - CRLs: what is read, what is refused, whose they are and what they say. */
#include <string.h>

#include <ikebana/error.h>

#include "pki_make.h"

#define CRL_EXTENSIONS "authorityKeyIdentifier=keyid\n2.5.29.20=DER:02020123\n"

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

static IkeCrl *
parse (Fixture *b, GBytes *der_take, GError **error)
{
  IkeCrl *crl = b->pki.ops->crl_parse (b->pki.plugin, der_take, error);

  g_bytes_unref (der_take);
  return crl;
}

static IkeCrl *
make (Fixture *b, const MakeCrl *how)
{
  g_autoptr (GError) error = NULL;
  MakeCrl full = *how;
  IkeCrl *crl;

  full.issuer = full.issuer ? full.issuer : b->ca;
  crl = parse (b, make_crl (&full), &error);
  g_assert_no_error (error);
  return crl;
}

static void
assert_refused (Fixture *b, const MakeCrl *how, const char *why)
{
  g_autoptr (GError) error = NULL;
  MakeCrl full = *how;

  full.issuer = b->ca;
  g_assert_null (parse (b, make_crl (&full), &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_CRYPTO);
  if (!strstr (error->message, why))
    g_error ("refused, but: %s", error->message);
}

static IkeRevocation
find (Fixture *b, const IkeCrl *crl, const Made *made)
{
  IkeRevocation said;

  b->pki.ops->crl_find (crl, made->cert, &said);
  return said;
}

static gboolean
is_by (Fixture *b, const IkeCrl *crl, const Made *issuer, const Made *made)
{
  return b->pki.ops->crl_is_by (crl, issuer->cert, made ? made->cert : NULL);
}

static void
test_info (void)
{
  static const MakeRevoked revoked[] = { { .serial = 7, .reason = -1 } };
  Fixture b;
  IkeCrl *crl;
  const IkeCrlInfo *info;

  fixture_open (&b);
  crl = make (&b, &(MakeCrl){ .revoked = revoked,
                              .n_revoked = 1,
                              .extensions = CRL_EXTENSIONS "freshestCRL=URI:http://d.example/\n" });
  info = b.pki.ops->crl_info (crl);
  g_assert_true (ike_ident_equal (info->issuer, b.pki.ops->cert_info (b.ca->cert)->subject));
  g_assert_cmpmem (info->number.data, info->number.len, "\x01\x23", 2);
  g_assert_null (info->base.data);
  g_assert_cmpint (info->this_update, ==, MAKE_NOW - 3600);
  g_assert_cmpint (info->next_update, ==, MAKE_NOW + MAKE_DAY);
  g_assert_cmpuint (info->n, ==, 1);
  g_assert_cmpmem (info->authority_key_id.data, info->authority_key_id.len,
                   b.pki.ops->cert_info (b.ca->cert)->subject_key_id.data, 20);
  g_assert_cmpstr (info->freshest_uris[0], ==, "http://d.example/");
  g_assert_null (info->freshest_uris[1]);
  b.pki.ops->crl_unref (crl);
  crl = make (&b, &(MakeCrl){ .next_update = -1 });
  info = b.pki.ops->crl_info (crl);
  g_assert_cmpint (info->next_update, ==, 0);
  g_assert_cmpuint (info->n, ==, 0);
  g_assert_null (info->number.data);
  g_assert_null (info->freshest_uris[0]);
  b.pki.ops->crl_unref (crl);
  crl = make (&b, &(MakeCrl){ .version = 1 });
  g_assert_true (is_by (&b, crl, b.ca, b.leaf));
  b.pki.ops->crl_unref (crl);
  pki_close (&b.pki);
}

static void
test_find (void)
{
  static const MakeRevoked revoked[] = {
    { .serial = 0x99999, .reason = -1 },
    { .serial = 0x1234, .reason = 1, .when = MAKE_NOW - 77 },
    { .serial = 3, .reason = 6 },
    { .serial = 0x80, .reason = -1 },
    { .serial = 0x1236,
      .reason = 8,
      .extensions = "2.5.29.24=DER:180f32303236303131343132303030305a" },
  };
  Fixture b;
  IkeCrl *crl;
  IkeRevocation said;
  Made *stranger, *same_name, *holds, *high, *removed;

  fixture_open (&b);
  stranger = MAKE (&b.pki, .subject = "CN=x", .issuer = b.leaf, .serial = 0x1234);
  same_name =
      MAKE (&b.pki, .subject = "CN=y", .issuer_name = "C=ch/CN=CA", .issuer = b.ca, .serial = 3);
  holds = MAKE (&b.pki, .subject = "CN=z", .issuer = b.ca, .serial = 3);
  high = MAKE (&b.pki, .subject = "CN=z", .issuer = b.ca, .serial = 0x80);
  removed = MAKE (&b.pki, .subject = "CN=z", .issuer = b.ca, .serial = 0x1236);
  crl = make (&b, &(MakeCrl){ .revoked = revoked, .n_revoked = G_N_ELEMENTS (revoked) });
  said = find (&b, crl, b.leaf);
  g_assert_cmpint (said.revoked, ==, IKE_REVOKED_YES);
  g_assert_cmpint (said.reason, ==, 1);
  g_assert_cmpint (said.revoked_at, ==, MAKE_NOW - 77);
  g_assert_cmpint (find (&b, crl, b.other).revoked, ==, IKE_REVOKED_NOT);
  g_assert_cmpint (find (&b, crl, stranger).revoked, ==, IKE_REVOKED_UNKNOWN);
  g_assert_cmpint (find (&b, crl, same_name).revoked, ==, IKE_REVOKED_YES);
  g_assert_cmpint (find (&b, crl, holds).reason, ==, 6); /* certificateHold */
  g_assert_cmpint (find (&b, crl, high).revoked, ==, IKE_REVOKED_YES);
  /* In a whole list nothing is taken back. */
  g_assert_cmpint (find (&b, crl, removed).revoked, ==, IKE_REVOKED_YES);
  b.pki.ops->crl_unref (crl);
  crl =
      make (&b, &(MakeCrl){ .revoked = revoked,
                            .n_revoked = G_N_ELEMENTS (revoked),
                            .extensions = "2.5.29.20=DER:020105\n2.5.29.27=critical,DER:020104" });
  g_assert_cmpmem (b.pki.ops->crl_info (crl)->base.data, b.pki.ops->crl_info (crl)->base.len, "\4",
                   1);
  g_assert_cmpint (find (&b, crl, removed).revoked, ==, IKE_REVOKED_REMOVED);
  g_assert_cmpint (find (&b, crl, b.leaf).revoked, ==, IKE_REVOKED_YES);
  b.pki.ops->crl_unref (crl);
  pki_close (&b.pki);
}

/* 40,000 entries, the half of what there could be, in an order that is none. */
static void
test_many (void)
{
  enum { N = 40000 };
  g_autofree MakeRevoked *revoked = g_new0 (MakeRevoked, N);
  Fixture b;
  IkeCrl *crl;

  fixture_open (&b);
  for (guint i = 0; i < N; i++) {
    revoked[i].serial = 2 * ((guint64) i * 7919 % N) + 1;
    revoked[i].reason = -1;
  }
  crl = make (&b, &(MakeCrl){ .revoked = revoked, .n_revoked = N });
  g_assert_cmpuint (b.pki.ops->crl_info (crl)->n, ==, N);
  for (guint i = 1; i < 2 * N; i += 997) {
    Made *made = MAKE (&b.pki, .subject = "CN=x", .issuer = b.ca, .serial = i);

    g_assert_cmpint (find (&b, crl, made).revoked, ==, i & 1 ? IKE_REVOKED_YES : IKE_REVOKED_NOT);
  }
  b.pki.ops->crl_unref (crl);
  pki_close (&b.pki);
}

static void
test_issuer (void)
{
  EVP_PKEY *rsa = make_rsa (1024);
  static const char *const weak[] = { "SHA1", "MD5" };
  Fixture b;
  IkeCrl *crl;
  Made *twin, *no_sign, *signs, *weak_ca, *plain;

  fixture_open (&b);
  twin = MAKE (&b.pki, .subject = "C=CH/CN=ca", .extensions = MAKE_CA);
  no_sign = MAKE (&b.pki, .subject = "CN=d", .extensions = "keyUsage=keyCertSign");
  signs = MAKE (&b.pki, .subject = "CN=d", .key_of = no_sign, .extensions = "keyUsage=cRLSign");
  plain = MAKE (&b.pki, .subject = "CN=d", .key_of = no_sign);
  crl = make (&b, &(MakeCrl){ .extensions = CRL_EXTENSIONS });
  g_assert_true (is_by (&b, crl, b.ca, NULL));
  g_assert_true (is_by (&b, crl, b.ca, b.leaf));
  g_assert_false (is_by (&b, crl, twin, NULL));
  g_assert_false (is_by (&b, crl, b.leaf, NULL));
  g_assert_false (is_by (&b, crl, b.ca, MAKE (&b.pki, .subject = "CN=x")));
  b.pki.ops->crl_unref (crl);
  /* The same key, called by another identifier. */
  twin = MAKE (&b.pki, .subject = "C=CH/CN=ca", .key_of = b.ca,
               .extensions = "basicConstraints=CA:TRUE\nsubjectKeyIdentifier=0102");
  crl = make (&b, &(MakeCrl){ .extensions = CRL_EXTENSIONS });
  g_assert_false (is_by (&b, crl, twin, NULL));
  b.pki.ops->crl_unref (crl);
  crl = make (&b, &(MakeCrl){ 0 });
  g_assert_true (is_by (&b, crl, twin, NULL));
  b.pki.ops->crl_unref (crl);
  twin = MAKE (&b.pki, .subject = "C=CH/CN=ca", .extensions = MAKE_CA);
  /* Without the key's identifier it is its signature that differs. */
  crl = make (&b, &(MakeCrl){ 0 });
  g_assert_true (is_by (&b, crl, b.ca, b.leaf));
  g_assert_false (is_by (&b, crl, twin, b.leaf));
  b.pki.ops->crl_unref (crl);
  crl = make (&b, &(MakeCrl){ .is_spoiled = TRUE });
  g_assert_false (is_by (&b, crl, b.ca, b.leaf));
  b.pki.ops->crl_unref (crl);
  crl = make (&b, &(MakeCrl){ .signer = twin });
  g_assert_false (is_by (&b, crl, b.ca, b.leaf));
  b.pki.ops->crl_unref (crl);
  crl = make (&b, &(MakeCrl){ .issuer = signs });
  g_assert_true (is_by (&b, crl, signs, NULL));
  g_assert_true (is_by (&b, crl, plain, NULL));
  g_assert_false (is_by (&b, crl, no_sign, NULL));
  b.pki.ops->crl_unref (crl);
  weak_ca = MAKE (&b.pki, .subject = "CN=w", .key = rsa, .extensions = MAKE_CA);
  for (guint i = 0; i < G_N_ELEMENTS (weak); i++) {
    crl = make (&b, &(MakeCrl){ .issuer = weak_ca, .digest = weak[i] });
    g_assert_false (is_by (&b, crl, weak_ca, NULL));
    b.pki.ops->crl_unref (crl);
  }
  crl = make (&b, &(MakeCrl){ .issuer = weak_ca, .digest = "SHA256" });
  g_assert_true (is_by (&b, crl, weak_ca, NULL));
  b.pki.ops->crl_unref (crl);
  EVP_PKEY_free (rsa);
  pki_close (&b.pki);
}

static void
test_scope (void)
{
  static const struct {
    const char *scope;
    gboolean leaf, ca, pointed;
  } cases[] = {
    { "onlyuser:TRUE", TRUE, FALSE, TRUE },
    { "onlyCA:TRUE", FALSE, TRUE, FALSE },
    { "onlyAA:TRUE", FALSE, FALSE, FALSE },
    { "onlysomereasons:keyCompromise", FALSE, FALSE, FALSE },
    { "fullname:URI:http://p.example/1", FALSE, FALSE, TRUE },
    { "fullname:URI:http://p.example/2", FALSE, FALSE, FALSE },
  };
  Fixture b;
  Made *sub, *pointed;

  fixture_open (&b);
  sub = MAKE (&b.pki, .subject = "CN=sub", .issuer = b.ca, .extensions = MAKE_CA);
  pointed = MAKE (&b.pki, .subject = "CN=p", .issuer = b.ca,
                  .extensions = "crlDistributionPoints=URI:http://p.example/1");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text =
        g_strconcat ("issuingDistributionPoint=critical,", cases[i].scope, NULL);
    IkeCrl *crl = make (&b, &(MakeCrl){ .extensions = text });

    g_test_message ("%s", cases[i].scope);
    g_assert_true (is_by (&b, crl, b.ca, NULL));
    g_assert_true (is_by (&b, crl, b.ca, b.leaf) == cases[i].leaf);
    g_assert_true (is_by (&b, crl, b.ca, sub) == cases[i].ca);
    g_assert_true (is_by (&b, crl, b.ca, pointed) == cases[i].pointed);
    b.pki.ops->crl_unref (crl);
  }
  pki_close (&b.pki);
}

static void
test_refused (void)
{
  static const MakeRevoked
      indirect = { .serial = 1, .reason = -1, .extensions = "2.5.29.29=critical,DER:3000" },
      unknown = { .serial = 1, .reason = -1, .extensions = "1.2.3.4=critical,DER:3000" },
      harmless = { .serial = 1, .reason = -1, .extensions = "1.2.3.4=DER:3000" },
      odd = { .serial = 1, .reason = 11 };
  Fixture b;

  fixture_open (&b);
  assert_refused (&b,
                  &(MakeCrl){ .extensions = "issuingDistributionPoint=critical,indirectCRL:TRUE" },
                  "indirect");
  assert_refused (&b, &(MakeCrl){ .revoked = &indirect, .n_revoked = 1 }, "indirect");
  assert_refused (&b, &(MakeCrl){ .revoked = &unknown, .n_revoked = 1 },
                  "entry of it has a critical extension");
  assert_refused (&b, &(MakeCrl){ .revoked = &odd, .n_revoked = 1 }, "reason");
  b.pki.ops->crl_unref (make (&b, &(MakeCrl){ .revoked = &harmless, .n_revoked = 1 }));
  assert_refused (&b, &(MakeCrl){ .extensions = "1.2.3.4=critical,DER:3000" },
                  "critical extension");
  b.pki.ops->crl_unref (make (&b, &(MakeCrl){ .extensions = "1.2.3.4=DER:3000" }));
  assert_refused (&b,
                  &(MakeCrl){ .extensions = "issuingDistributionPoint=onlyuser:TRUE,onlyCA:TRUE" },
                  "issuing distribution point");
  assert_refused (&b, &(MakeCrl){ .extensions = "2.5.29.20=DER:020105\ncrlNumber=DER:020105" },
                  "twice");
  assert_refused (&b, &(MakeCrl){ .extensions = "2.5.29.20=DER:02010500" }, "not DER");
  assert_refused (&b, &(MakeCrl){ .extensions = "2.5.29.20=DER:0500" }, "number");
  assert_refused (&b, &(MakeCrl){ .version = 1, .extensions = "1.2.3.4=DER:3000" },
                  "stands behind");
  assert_refused (&b, &(MakeCrl){ .version = 3 }, "version");
  pki_close (&b.pki);
}

static void
test_malformed (void)
{
  static const MakeRevoked revoked[] = { { .serial = 7, .reason = 1 },
                                         { .serial = 8, .reason = -1 } };
  Fixture b;
  g_autoptr (GBytes) good = NULL;
  const guint8 *der;
  gsize len;

  fixture_open (&b);
  good = make_crl (&(MakeCrl){
      .issuer = b.ca, .revoked = revoked, .n_revoked = 2, .extensions = CRL_EXTENSIONS });
  der = g_bytes_get_data (good, &len);
  for (gsize i = 0; i < len; i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (parse (&b, g_bytes_new (der, i), &error));
    g_assert_nonnull (error);
  }
  {
    g_autofree guint8 *more = g_malloc0 (len + 1);

    memcpy (more, der, len);
    g_assert_null (parse (&b, g_bytes_new (more, len + 1), NULL));
    /* Whatever one byte is, it is read or refused; what is read has a wrong signature. */
    for (gsize i = 0; i < len; i++) {
      IkeCrl *crl;

      more[i] ^= 0x21;
      crl = parse (&b, g_bytes_new (more, len), NULL);
      if (crl)
        g_assert_false (is_by (&b, crl, b.ca, b.leaf));
      b.pki.ops->crl_unref (crl);
      more[i] ^= 0x21;
    }
  }
  pki_close (&b.pki);
}

/* RFC 5280, 5.1.1.2: the algorithm outside, which is not signed, "MUST contain the same algorithm
 * identifier as the signature field in the sequence tbsCertList". */
static void
test_two_algorithms (void)
{
  static const guint8 ed25519[] = { 0x30, 5, 6, 3, 0x2b, 0x65, 0x70 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) good = NULL;
  g_autofree guint8 *bad = NULL;
  Fixture b;
  gsize len, at;

  fixture_open (&b);
  good = make_crl (&(MakeCrl){ .issuer = b.ca });
  bad = g_memdup2 (g_bytes_get_data (good, &len), g_bytes_get_size (good));
  for (at = len - sizeof ed25519; memcmp (bad + at, ed25519, sizeof ed25519) != 0; at--)
    ;
  bad[at + 6] = 0x71;
  g_assert_null (parse (&b, g_bytes_new (bad, len), &error));
  g_assert_nonnull (strstr (error->message, "algorithm"));
  pki_close (&b.pki);
}

static void
test_pem (void)
{
  Fixture b;
  g_autoptr (GBytes) der = NULL;
  g_autofree char *pem = NULL, *text = NULL;
  IkeCrl *crl;

  fixture_open (&b);
  der = make_crl (&(MakeCrl){ .issuer = b.ca });
  pem = make_pem ("X509 CRL", der);
  text = g_strconcat ("Revoked:\n", pem, "\n", NULL);
  crl = parse (&b, g_bytes_new (text, strlen (text)), NULL);
  g_assert_nonnull (crl);
  g_assert_true (g_bytes_equal (b.pki.ops->crl_der (crl), der));
  g_assert_true (is_by (&b, crl, b.ca, b.leaf));
  b.pki.ops->crl_unref (b.pki.ops->crl_ref (crl));
  b.pki.ops->crl_unref (crl);
  g_assert_null (parse (&b, g_bytes_new ("", 0), NULL));
  g_assert_null (parse (&b, g_bytes_new ("text", 4), NULL));
  pki_close (&b.pki);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crl/what-it-says-of-itself-is-read", test_info);
  g_test_add_func ("/crl/entries-are-found-with-reason-and-date", test_find);
  g_test_add_func ("/crl/any-of-many-entries-is-found", test_many);
  g_test_add_func ("/crl/its-issuer-has-the-name-the-key-and-the-right", test_issuer);
  g_test_add_func ("/crl/its-scope-is-kept", test_scope);
  g_test_add_func ("/crl/indirect-or-not-understood-it-is-refused", test_refused);
  g_test_add_func ("/crl/malformed-it-is-refused-or-not-signed", test_malformed);
  g_test_add_func ("/crl/of-two-algorithms-it-is-refused", test_two_algorithms);
  g_test_add_func ("/crl/it-may-be-pem", test_pem);
  return g_test_run ();
}
