/* SPDX-License-Identifier: Apache-2.0 */
/* test_own.c - which certificate and key we authenticate with, and why there is none. */
#include <string.h>

#include "test_support.h"

static const MakeCert root = { .cn = "Root", .is_ca = TRUE };
static const MakeCert other_root = { .cn = "Other", .is_ca = TRUE };
static const MakeCert middle = { .cn = "Middle", .is_ca = TRUE };

typedef struct {
  Bench bench;
  X509 *root, *other, *middle;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  bench_init (&fixture->bench);
  fixture->root = make_cert (&root, "root", NULL, "root");
  fixture->other = make_cert (&other_root, "other", NULL, "other");
  fixture->middle = make_cert (&middle, "middle", fixture->root, "root");
  bench_put_cert (&fixture->bench, "x509ca/root.pem", fixture->root);
  bench_put_cert (&fixture->bench, "x509ca/other.pem", fixture->other);
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  X509_free (fixture->root);
  X509_free (fixture->other);
  X509_free (fixture->middle);
  bench_clear (&fixture->bench);
}

/* A certificate in x509/CN.pem, of the root unless said otherwise; its key in private/CN.pem. */
static void
put (Bench *bench, const MakeCert *what, X509 *issuer, const char *issuer_key)
{
  g_autofree char *cert_file = g_strdup_printf ("x509/%s.pem", what->cn);
  g_autofree char *key_file = g_strdup_printf ("private/%s.pem", what->cn);
  X509 *cert = make_cert (what, what->cn, issuer, issuer_key);

  bench_put_cert (bench, cert_file, cert);
  bench_put_key (bench, key_file, what->cn, NULL);
  X509_free (cert);
}

static void
key_id_of (X509 *cert, guint8 id[static IKE_KEY_ID_LEN])
{
  guint8 *der = NULL;
  int len = i2d_X509_PUBKEY (X509_get_X509_PUBKEY (cert), &der);
  g_autoptr (GChecksum) sha1 = g_checksum_new (G_CHECKSUM_SHA1);
  gsize id_len = IKE_KEY_ID_LEN;

  g_checksum_update (sha1, der, len);
  g_checksum_get_digest (sha1, id, &id_len);
  OPENSSL_free (der);
}

#define assert_query(bench, expected, ...)                                                         \
  G_STMT_START                                                                                     \
  {                                                                                                \
    IkeOwnQuery query_is = { .struct_size = sizeof query_is, __VA_ARGS__ };                        \
    query_is.now = query_is.now ? query_is.now : NOW;                                              \
    g_autofree char *own_is = bench_own (bench, &query_is);                                        \
    g_assert_cmpstr (own_is, ==, expected);                                                        \
  }                                                                                                \
  G_STMT_END

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* -- by identity */

static void
test_identity (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert moon = { .cn = "moon",
                                 .names = "DNS:moon.example,email:luna@moon.example" };
  static const MakeCert sun = { .cn = "sun", .names = "DNS:Sun.Example,IP:192.0.2.1" };
  Bench *bench = &fixture->bench;

  put (bench, &moon, fixture->root, "root");
  put (bench, &sun, fixture->root, "root");
  bench_start (bench);
  assert_own (bench, "moon.example", "CN=moon private/moon.pem");
  assert_own (bench, "luna@moon.example", "CN=moon private/moon.pem");
  assert_own (bench, "sun.example", "CN=sun private/sun.pem");
  assert_own (bench, "SUN.example", "CN=sun private/sun.pem");
  assert_own (bench, "192.0.2.1", "CN=sun private/sun.pem");
  assert_own (bench, "CN=moon", "CN=moon private/moon.pem");
  assert_own (bench, "mars.example",
              "- no certificate stands for mars.example; have: CN=moon, moon.example, "
              "luna@moon.example; CN=sun, Sun.Example, 192.0.2.1");
  assert_own (bench, "192.0.2.2",
              "- no certificate stands for 192.0.2.2; have: CN=moon, moon.example, "
              "luna@moon.example; CN=sun, Sun.Example, 192.0.2.1");
}

/* -- the best of several */

static void
test_newest (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert a = { .cn = "a", .names = "DNS:moon.example", .from = -20, .to = 400 };
  static const MakeCert b = { .cn = "b", .names = "DNS:moon.example", .from = -5, .to = 100 };
  static const MakeCert c = { .cn = "c", .names = "DNS:moon.example", .from = -30, .to = 900 };
  Bench *bench = &fixture->bench;

  put (bench, &a, fixture->root, "root");
  put (bench, &b, fixture->root, "root");
  put (bench, &c, fixture->root, "root");
  bench_start (bench);
  assert_own (bench, NULL, "CN=b private/b.pem");
  assert_own (bench, "moon.example", "CN=b private/b.pem");
}

static void
test_valid_first (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert old = { .cn = "old", .names = "DNS:moon.example", .from = -30, .to = 400 };
  static const MakeCert over = { .cn = "over", .names = "DNS:moon.example", .from = -20, .to = -1 };
  static const MakeCert soon = { .cn = "soon", .names = "DNS:moon.example", .from = 5, .to = 400 };
  Bench *bench = &fixture->bench;

  put (bench, &old, fixture->root, "root");
  put (bench, &over, fixture->root, "root");
  put (bench, &soon, fixture->root, "root");
  bench_start (bench);
  assert_own (bench, NULL, "CN=old private/old.pem");
  assert_query (bench, "CN=soon private/soon.pem", .now = NOW + 10 * DAY);
  bench_assert_log (bench, "error: x509/over.pem: certificate CN=over expired at "
                           "2025-12-31T00:00:00Z; peers will refuse it, renew it");
  bench_assert_log (bench, "error: x509/soon.pem: certificate CN=soon is not valid before "
                           "2026-01-06T00:00:00Z*");
  bench_assert_no_log (bench, "*CN=old*");
}

/* One that is over is better than none: the peer says what it thinks of it. */
static void
test_only_expired (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert over = { .cn = "over", .names = "DNS:moon.example", .from = -20, .to = -1 };
  Bench *bench = &fixture->bench;

  put (bench, &over, fixture->root, "root");
  bench_start (bench);
  assert_own (bench, "moon.example", "CN=over private/over.pem");
}

static void
test_signing (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert a = { .cn = "a", .from = -20, .to = 400, .usage = "digitalSignature" };
  static const MakeCert b = { .cn = "b", .from = -5, .to = 400, .usage = "keyEncipherment" };
  Bench *bench = &fixture->bench;

  put (bench, &a, fixture->root, "root");
  put (bench, &b, fixture->root, "root");
  bench_start (bench);
  assert_own (bench, NULL, "CN=a private/a.pem");
}

static void
test_asked_for (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert a = { .cn = "a", .from = -20, .to = 400 };
  static const MakeCert b = { .cn = "b", .from = -15, .to = 400 };
  static const MakeCert c = { .cn = "c", .from = -5, .to = 400 };
  Bench *bench = &fixture->bench;
  guint8 ids[3][IKE_KEY_ID_LEN] = { { 1 } };

  bench_put_cert (bench, "x509ca/middle.pem", fixture->middle);
  put (bench, &a, fixture->other, "other");
  put (bench, &b, fixture->middle, "middle");
  put (bench, &c, fixture->root, "root");
  bench_start (bench);
  assert_query (bench, "CN=c private/c.pem", .ca_ids = ids[0], .n_ca_ids = 1);
  key_id_of (fixture->other, ids[1]);
  assert_query (bench, "CN=a private/a.pem", .ca_ids = ids[0], .n_ca_ids = 2);
  key_id_of (fixture->middle, ids[1]);
  assert_query (bench, "CN=b private/b.pem +CN=Middle", .ca_ids = ids[0], .n_ca_ids = 2);
  /* Through the intermediate one, too; then the newest. */
  key_id_of (fixture->root, ids[0]);
  assert_query (bench, "CN=c private/c.pem", .ca_ids = ids[0], .n_ca_ids = 1);
  key_id_of (fixture->other, ids[2]);
  assert_query (bench, "CN=c private/c.pem", .ca_ids = ids[0], .n_ca_ids = 3);
}

/* -- named */

static void
test_named (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert a = { .cn = "a", .names = "DNS:a.example", .from = -20, .to = 400 };
  static const MakeCert b = { .cn = "b", .names = "DNS:b.example", .from = -5, .to = 400 };
  Bench *bench = &fixture->bench;
  g_autoptr (IkeIdent) id = ike_ident_parse ("b.example", NULL);
  g_autoptr (IkeIdent) nobody = ike_ident_parse ("c.example", NULL);

  put (bench, &a, fixture->root, "root");
  put (bench, &b, fixture->root, "root");
  bench_require (bench, "cert:a.pem");
  bench_require (bench, "cert:b.pem");
  bench_start (bench);
  assert_query (bench, "CN=a private/a.pem", .certs = NAMES ("a.pem", "b.pem"));
  assert_query (bench, "CN=b private/b.pem", .certs = NAMES ("b.pem", "a.pem"));
  assert_query (bench, "CN=b private/b.pem", .certs = NAMES ("a.pem", "b.pem"), .id = id);
  assert_query (bench,
                "- certificate CN=a (x509/a.pem) does not stand for c.example; it stands for CN=a, "
                "a.example",
                .certs = NAMES ("a.pem"), .id = nobody);
  assert_query (bench, "- certificate c.pem is not loaded; see ikebana certs",
                .certs = NAMES ("c.pem"));
}

static void
test_no_key (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert a = { .cn = "a", .names = "DNS:a.example" };
  Bench *bench = &fixture->bench;

  put (bench, &a, fixture->root, "root");
  bench_remove (bench, "private/a.pem");
  bench_require (bench, "cert:a.pem");
  bench_start (bench);
  assert_query (bench, "- no private key for certificate CN=a (x509/a.pem); put it into private/",
                .certs = NAMES ("a.pem"));
  assert_own (bench, "a.example",
              "- no private key for certificate CN=a (x509/a.pem); put it into private/");
  assert_own (bench, NULL,
              "- no private key for certificate CN=a (x509/a.pem); put it into private/");
}

static gboolean
refuse_all (const IkeKey *key, gpointer data)
{
  return FALSE;
}

static gboolean
accept_label (const IkeKey *key, gpointer data)
{
  return g_str_equal (key->label, data);
}

static void
test_accept (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert a = { .cn = "a", .names = "DNS:a.example", .from = -20, .to = 400 };
  static const MakeCert b = { .cn = "b", .from = -5, .to = 400 };
  Bench *bench = &fixture->bench;
  g_autoptr (IkeIdent) id = ike_ident_parse ("a.example", NULL);
  char label[] = "private/a.pem";

  put (bench, &a, fixture->root, "root");
  put (bench, &b, fixture->root, "root");
  bench_require (bench, "cert:a.pem");
  bench_start (bench);
  assert_query (bench, "CN=a private/a.pem", .accept = accept_label, .data = label);
  assert_query (bench,
                "- no key of a certificate for anybody is among those that the peer and this "
                "connection allow",
                .accept = refuse_all);
  assert_query (bench,
                "- no key of a certificate for a.example is among those that the peer and this "
                "connection allow",
                .accept = refuse_all, .id = id);
  assert_query (bench,
                "- the key of certificate CN=a (x509/a.pem), ECDSA P-256, is not among those that "
                "the peer and this connection allow",
                .accept = refuse_all, .certs = NAMES ("a.pem"));
}

/* -- raw public keys */

static void
test_raw (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert a = { .cn = "a" };
  Bench *bench = &fixture->bench;
  g_autofree char *moon = pem_pubkey ("moon"), *sun = pem_pubkey ("sun");

  put (bench, &a, fixture->root, "root");
  bench_write (bench, "pubkey/moon.pem", moon);
  bench_write (bench, "pubkey/sun.pem", sun);
  bench_put_key (bench, "private/moon.pem", "moon", NULL);
  bench_require (bench, "pubkey:moon.pem");
  bench_require (bench, "pubkey:sun.pem");
  bench_start (bench);
  g_assert_cmpstr (bench->refused->str, ==, "");
  assert_query (bench, "raw private/moon.pem", .pubkeys = NAMES ("moon.pem"));
  assert_query (bench, "raw private/moon.pem", .pubkeys = NAMES ("sun.pem", "moon.pem"));
  assert_query (bench, "- no private key for public key sun.pem; put it into private/",
                .pubkeys = NAMES ("sun.pem"));
  assert_query (bench, "- public key mars.pem is not loaded; see ikebana certs",
                .pubkeys = NAMES ("mars.pem"));
  assert_query (bench,
                "- the key of public key moon.pem, ECDSA P-256, is not among those that the peer "
                "and this connection allow",
                .pubkeys = NAMES ("moon.pem"), .accept = refuse_all);
}

/* -- issuers */

static void
test_chain (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert low = { .cn = "Low", .is_ca = TRUE };
  static const MakeCert impostor = { .cn = "Low", .is_ca = TRUE, .from = -1, .to = 400 };
  static const MakeCert a = { .cn = "a" };
  Bench *bench = &fixture->bench;
  X509 *lower = make_cert (&low, "low", fixture->middle, "middle");
  X509 *wrong = make_cert (&impostor, "wrong", fixture->other, "other");

  bench_put_cert (bench, "x509ca/middle.pem", fixture->middle);
  bench_put_cert (bench, "x509ca/low.pem", lower);
  bench_put_cert (bench, "x509ca/wrong.pem", wrong);
  put (bench, &a, lower, "low");
  bench_start (bench);
  /* The one of the same name that did not issue it is left alone; the root is not sent. */
  assert_own (bench, NULL, "CN=a private/a.pem +CN=Low +CN=Middle");
  bench_remove (bench, "x509ca/middle.pem");
  bench_reload_fine (bench);
  assert_own (bench, NULL, "CN=a private/a.pem +CN=Low");
  X509_free (lower);
  X509_free (wrong);
}

/* Two CAs that signed each other are no endless chain. */
static void
test_cross (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert one = { .cn = "One", .is_ca = TRUE };
  static const MakeCert two = { .cn = "Two", .is_ca = TRUE };
  static const MakeCert a = { .cn = "a" };
  Bench *bench = &fixture->bench;
  X509 *one_root = make_cert (&one, "one", NULL, "one");
  X509 *two_root = make_cert (&two, "two", NULL, "two");
  X509 *one_by_two = make_cert (&one, "one", two_root, "two");
  X509 *two_by_one = make_cert (&two, "two", one_root, "one");

  bench_put_cert (bench, "x509ca/1.pem", one_by_two);
  bench_put_cert (bench, "x509ca/2.pem", two_by_one);
  put (bench, &a, one_root, "one");
  bench_start (bench);
  assert_own (bench, NULL, "CN=a private/a.pem +CN=One +CN=Two");
  bench_put_cert (bench, "x509ca/3.pem", one_root);
  bench_reload_fine (bench);
  assert_own (bench, NULL, "CN=a private/a.pem");
  X509_free (one_root);
  X509_free (two_root);
  X509_free (one_by_two);
  X509_free (two_by_one);
}

static void
test_self_signed (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert a = { .cn = "a", .names = "DNS:a.example" };
  Bench *bench = &fixture->bench;

  put (bench, &a, NULL, "a");
  bench_start (bench);
  assert_own (bench, "a.example", "CN=a private/a.pem");
}

/* What was found stays, whatever becomes of the snapshot. */
static void
test_own_outlives (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert a = { .cn = "a" };
  Bench *bench = &fixture->bench;
  const IkeOwnQuery query = { .struct_size = sizeof query, .now = NOW };
  IkeCredentials *credentials;
  IkeOwn own;

  bench_put_cert (bench, "x509ca/middle.pem", fixture->middle);
  put (bench, &a, fixture->middle, "middle");
  bench_start (bench);
  credentials = bench->ops->get (bench->plugin);
  g_assert_true (bench->ops->own (credentials, &query, &own, NULL));
  bench->ops->unref (credentials);
  bench_remove (bench, "x509/a.pem");
  bench_remove (bench, "x509ca/middle.pem");
  bench_remove (bench, "private/a.pem");
  bench_reload_fine (bench);
  g_autofree char *name = subject (bench, own.cert), *issuer = subject (bench, own.chain[0]);
  g_assert_cmpstr (name, ==, "CN=a");
  g_assert_cmpstr (issuer, ==, "CN=Middle");
  bench->ops->own_clear (&own);
  g_assert_null (own.cert);
  bench->ops->own_clear (&own);
}

static void
test_expires_soon (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert a = { .cn = "a", .from = -20, .to = 29 };
  static const MakeCert b = { .cn = "b", .from = -20, .to = 31 };
  Bench *bench = &fixture->bench;

  put (bench, &a, fixture->root, "root");
  put (bench, &b, fixture->root, "root");
  bench_start (bench);
  bench_assert_log (bench, "notice: x509/a.pem: certificate CN=a expires in 29 days, at "
                           "2026-01-30T00:00:00Z; renew it");
  bench_assert_no_log (bench, "*CN=b*");
  bench_forget_log (bench);
  bench_settings (bench, "plugins { credentials { warn_before = 40d } }");
  bench_put_cert (bench, "x509ca/middle.pem", fixture->middle);
  bench_reload_fine (bench);
  bench_assert_no_log (bench, "*CN=a*");
}

#define ADD(name, function)                                                                        \
  g_test_add ("/credentials/own/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("the-certificate-stands-for-the-identity", test_identity);
  ADD ("the-newest-goes-first", test_newest);
  ADD ("one-that-is-valid-goes-before-one-that-is-not", test_valid_first);
  ADD ("one-that-is-over-is-better-than-none", test_only_expired);
  ADD ("one-that-may-sign-goes-before-one-that-may-not", test_signing);
  ADD ("what-a-ca-issued-that-was-asked-for-goes-first", test_asked_for);
  ADD ("named-certificates-are-tried-in-their-order", test_named);
  ADD ("a-certificate-without-its-key-is-told", test_no_key);
  ADD ("a-key-that-is-not-allowed-is-passed-over", test_accept);
  ADD ("raw-public-keys-find-their-private-key", test_raw);
  ADD ("issuers-are-found-up-to-the-root-by-signature", test_chain);
  ADD ("issuers-that-signed-each-other-are-no-endless-chain", test_cross);
  ADD ("one-that-signed-itself-has-no-issuers", test_self_signed);
  ADD ("what-was-found-outlives-its-snapshot", test_own_outlives);
  ADD ("one-that-ends-soon-is-told-once", test_expires_soon);
  return g_test_run ();
}
