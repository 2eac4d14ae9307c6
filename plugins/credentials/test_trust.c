/* SPDX-License-Identifier: Apache-2.0 */
/* test_trust.c - anchors, what is pinned, section `authorities`, and what somebody unloads. */
#include <string.h>

#include "test_support.h"

static const MakeCert root = { .cn = "Root", .is_ca = TRUE };
static const MakeCert other_root = { .cn = "Other", .is_ca = TRUE };
static const MakeCert middle = { .cn = "Middle", .is_ca = TRUE };
static const MakeCert moon = { .cn = "moon", .names = "DNS:moon.example" };

typedef struct {
  Bench bench;
  X509 *root, *other, *middle, *moon;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  bench_init (&fixture->bench);
  fixture->root = make_cert (&root, "root", NULL, "root");
  fixture->other = make_cert (&other_root, "other", NULL, "other");
  fixture->middle = make_cert (&middle, "middle", fixture->root, "root");
  fixture->moon = make_cert (&moon, "moon", fixture->middle, "middle");
  bench_put_cert (&fixture->bench, "x509ca/root.pem", fixture->root);
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  X509_free (fixture->root);
  X509_free (fixture->other);
  X509_free (fixture->middle);
  X509_free (fixture->moon);
  bench_clear (&fixture->bench);
}

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* The certificate in the file of that name of the test, as the service reads it. */
static IkeCert *
parse (Bench *bench, X509 *x509)
{
  g_autoptr (GBytes) der = der_cert (x509);
  g_autoptr (GError) error = NULL;
  gsize len;
  const guint8 *data = g_bytes_get_data (der, &len);
  const IkeProvided *pki = ike_feature_find (bench->engine, "service:pki", NULL);
  IkeCert *cert = bench->pki->cert_parse (pki->plugin, data, len, &error);

  g_assert_no_error (error);
  return cert;
}

/* -- anchors */

static gboolean
is_trusted (Bench *bench, X509 *leaf, const char *const *names)
{
  IkeCredentials *credentials = bench->ops->get (bench->plugin);
  const IkeProvided *pki = ike_feature_find (bench->engine, "service:pki", NULL);
  IkeCert *cert = parse (bench, leaf);
  const IkeChainQuery query = { .struct_size = sizeof query,
                                .leaf = cert,
                                .trust = bench->ops->trust (credentials, names),
                                .now = NOW };
  IkeChainResult result = { .struct_size = sizeof result };
  gboolean is_good = bench->pki->chain_check (pki->plugin, &query, &result);

  bench->pki->chain_clear (&result);
  bench->pki->cert_unref (cert);
  bench->ops->unref (credentials);
  return is_good;
}

static void
test_all_and_named (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_put_cert (bench, "x509ca/other.pem", fixture->other);
  bench_put_cert (bench, "x509ca/middle.pem", fixture->middle);
  bench_require (bench, "ca:root.pem");
  bench_require (bench, "ca:other.pem");
  bench_require (bench, "ca:middle.pem");
  bench_start (bench);
  assert_cas (bench, NULL, "CN=Middle, CN=Other, CN=Root");
  assert_cas (bench, NAMES ("root.pem"), "CN=Root");
  assert_cas (bench, NAMES ("other.pem", "root.pem", "other.pem"), "CN=Other, CN=Root");
  g_assert_true (is_trusted (bench, fixture->moon, NULL));
  /* An intermediate one is an anchor. */
  g_assert_true (is_trusted (bench, fixture->moon, NAMES ("middle.pem")));
  g_assert_false (is_trusted (bench, fixture->moon, NAMES ("other.pem")));
}

static void
test_unknown_name_trusts_nobody (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_put_cert (bench, "x509ca/middle.pem", fixture->middle);
  bench_start (bench);
  assert_cas (bench, NAMES ("middle.pem"), "");
  g_assert_false (is_trusted (bench, fixture->moon, NAMES ("middle.pem")));
  g_assert_false (is_trusted (bench, fixture->moon, (const char *const[]){ NULL }));
}

static void
test_made_once (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  IkeCredentials *credentials;

  bench_require (bench, "ca:root.pem");
  bench_start (bench);
  credentials = bench->ops->get (bench->plugin);
  g_assert_true (bench->ops->trust (credentials, NULL) == bench->ops->trust (credentials, NULL));
  g_assert_true (bench->ops->trust (credentials, NAMES ("root.pem"))
                 == bench->ops->trust (credentials, NAMES ("root.pem")));
  g_assert_true (bench->ops->trust (credentials, NULL)
                 != bench->ops->trust (credentials, NAMES ("root.pem")));
  bench->ops->unref (credentials);
}

/* By path only: it is an anchor where it is named, and nowhere else. */
static void
test_absolute (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *path = g_build_filename (bench->dir, "middle.pem", NULL);
  g_autofree char *name = g_strconcat ("ca:", path, NULL);

  bench_put_cert (bench, "middle.pem", fixture->middle);
  bench_require (bench, name);
  bench_start (bench);
  assert_cas (bench, NULL, "CN=Root");
  assert_cas (bench, NAMES (path), "CN=Middle");
  g_assert_true (is_trusted (bench, fixture->moon, NAMES (path)));
}

/* -- pinned */

static gboolean
is_pinned (Bench *bench, X509 *x509)
{
  IkeCredentials *credentials = bench->ops->get (bench->plugin);
  IkeCert *cert = parse (bench, x509);
  gboolean found = bench->ops->is_pinned (credentials, cert);

  bench->pki->cert_unref (cert);
  bench->ops->unref (credentials);
  return found;
}

static void
test_pinned (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *text = pem_certs (fixture->moon, fixture->middle, NULL);

  bench_write (bench, "x509/moon.pem", text);
  bench_start (bench);
  g_assert_true (is_pinned (bench, fixture->moon));
  g_assert_false (is_pinned (bench, fixture->middle));
  g_assert_false (is_pinned (bench, fixture->root));
  bench_remove (bench, "x509/moon.pem");
  bench_put_cert (bench, "moon.pem", fixture->moon);
  bench_reload_fine (bench);
  g_assert_false (is_pinned (bench, fixture->moon));
}

/* -- authorities */

static char *
authority_of (Bench *bench, X509 *x509)
{
  IkeCredentials *credentials = bench->ops->get (bench->plugin);
  IkeCert *cert = parse (bench, x509);
  IkeAuthority found = { .struct_size = sizeof found };
  char *text = g_strdup ("nothing");

  if (bench->ops->authority (credentials, cert, &found)) {
    g_autofree char *crls = g_strjoinv (" ", (char **) found.crl_uris);
    g_autofree char *ocsps = g_strjoinv (" ", (char **) found.ocsp_uris);
    g_free (text);
    text =
        g_strdup_printf ("%s|%s|%s", crls, ocsps, found.cert_uri_base ? found.cert_uri_base : "-");
  }
  bench->pki->cert_unref (cert);
  bench->ops->unref (credentials);
  return text;
}

#define assert_authority(bench, cert, expected)                                                    \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autofree char *authority_is = authority_of (bench, cert);                                    \
    g_assert_cmpstr (authority_is, ==, expected);                                                  \
  }                                                                                                \
  G_STMT_END

static void
test_authority (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *text =
      g_strdup_printf ("authorities { r { cacert = root.pem\n crl_uris = http://a/x, http://b/y\n"
                       " ocsp_uris = http://c/\n cert_uri_base = http://d/ }\n"
                       " o { file = %s/other.pem } }",
                       bench->dir);

  bench_put_cert (bench, "other.pem", fixture->other);
  bench_settings (bench, text);
  bench_start (bench);
  bench_assert_no_log (bench, "error: *");
  assert_authority (bench, fixture->root, "http://a/x http://b/y|http://c/|http://d/");
  assert_authority (bench, fixture->other, "||-");
  assert_authority (bench, fixture->middle, "nothing");
  /* A CA that has a section is an anchor, wherever its file is. */
  assert_cas (bench, NULL, "CN=Root, CN=Other");
  bench_settings (bench, "authorities { r { cacert = root.pem\n crl_uris = http://z/ } }");
  bench_reload_fine (bench);
  assert_authority (bench, fixture->root, "http://z/||-");
  assert_authority (bench, fixture->other, "nothing");
  assert_cas (bench, NULL, "CN=Root");
}

static void
assert_problem (Bench *bench, const char *settings, const char *pattern)
{
  g_autofree char *problems = NULL;

  bench_settings (bench, settings);
  problems = bench_reload (bench);
  if (!g_pattern_match_simple (pattern, problems))
    g_error ("the problems of \"%s\" are\n%snot %s", settings, problems, pattern);
}

static void
test_bad_authority (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_put_cert (bench, "x509ca/leaf.pem", fixture->moon);
  bench_start (bench);
  assert_problem (bench, "authorities { a { crl_uris = http://a/ } }",
                  "*ikebana.conf:1: authorities.a: says for no CA what it is about*");
  assert_problem (bench, "authorities {\n a { cacert = none.pem } }",
                  "*ikebana.conf:2: authorities.a.cacert: CA certificate x509ca/none.pem: cannot "
                  "be opened: No such file*");
  assert_problem (bench, "authorities { a { cacert = leaf.pem } }",
                  "*: authorities.a.cacert: CA certificate x509ca/leaf.pem: this is no CA*");
  assert_problem (bench, "authorities { a { cacert = root.pem\n crl_uris = here } }",
                  "*: authorities.a.crl_uris: here is no URI; write http://HOST/PATH\n");
  assert_problem (bench, "authorities { a { cacert = root.pem\n crl_uri = http://a/ } }",
                  "*ikebana.conf:2: authorities.a.crl_uri: unknown key, did you mean crl_uris?\n");
  assert_problem (bench, "authorities { a { cacert = root.pem }\n b { cacert = root.pem } }",
                  "*warning: *ikebana.conf:2: authorities.b.cacert: *authorities.a*\n");
  assert_authority (bench, fixture->root, "||-");
}

/* -- unloading */

static IkeTree *
unload_args (const char *certificate)
{
  IkeTree *args = ike_tree_new_section ();

  ike_tree_set_string (args, "certificate", certificate);
  return args;
}

static void
unload (Bench *bench, const char *certificate, gint64 n)
{
  g_autoptr (IkeTree) result =
      bench_command (bench, "certs-unload", unload_args (certificate), NULL);

  g_assert_cmpint (ike_tree_int (result, "unloaded", -1), ==, n);
}

static void
test_unload (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *digest = fingerprint (fixture->other);
  g_autofree char *upper = g_ascii_strup (digest, -1);
  IkeCredentials *credentials;
  IkeCert *found[2];

  bench_put_cert (bench, "x509ca/other.pem", fixture->other);
  bench_put_cert (bench, "x509/moon.pem", fixture->moon);
  bench_put_key (bench, "private/moon.pem", "moon", NULL);
  bench_require (bench, "cert:moon.pem");
  bench_require (bench, "ca:other.pem");
  bench_start (bench);
  unload (bench, upper, 1);
  assert_cas (bench, NULL, "CN=Root");
  assert_cas (bench, NAMES ("other.pem"), "");
  unload (bench, "x509/moon.pem", 1);
  g_assert_false (is_pinned (bench, fixture->moon));
  credentials = bench->ops->get (bench->plugin);
  g_assert_cmpuint (bench->ops->certs (credentials, IKE_CREDENTIAL_CERT, "moon.pem", found, 2), ==,
                    0);
  bench->ops->unref (credentials);
  g_autofree char *own = bench_own_of (bench, NULL);
  g_assert_true (g_str_has_prefix (own, "- no certificate with its private key is loaded"));
  /* A connection that is added on the way brings nothing back, a reload does. */
  bench_add_conn (bench);
  assert_cas (bench, NULL, "CN=Root");
  bench_reload_fine (bench);
  assert_cas (bench, NULL, "CN=Other, CN=Root");
  assert_own (bench, NULL, "CN=moon private/moon.pem");
  g_assert_true (is_pinned (bench, fixture->moon));
}

static void
test_unload_nothing (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *error = NULL;

  bench_start (bench);
  g_assert_null (bench_command (bench, "certs-unload", unload_args ("none.pem"), &error));
  g_assert_cmpstr (error, ==,
                   "not-found: no certificate is loaded from none.pem, and none has it as its "
                   "SHA-256; see ikebana certs");
  assert_cas (bench, NULL, "CN=Root");
  unload (bench, "root.pem", 1);
  g_clear_pointer (&error, g_free);
  g_assert_null (bench_command (bench, "certs-unload", unload_args ("root.pem"), &error));
  g_assert_true (g_str_has_prefix (error, "not-found: "));
}

#define ADD(name, function)                                                                        \
  g_test_add ("/credentials/trust/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("anchors-are-all-cas-or-those-named", test_all_and_named);
  ADD ("a-name-that-is-not-there-trusts-nobody", test_unknown_name_trusts_nobody);
  ADD ("anchors-are-made-once", test_made_once);
  ADD ("a-ca-that-is-only-named-is-no-anchor-for-others", test_absolute);
  ADD ("the-first-certificate-of-a-file-in-x509-is-pinned", test_pinned);
  ADD ("an-authority-is-bound-to-its-certificate", test_authority);
  ADD ("what-is-wrong-with-an-authority-is-told", test_bad_authority);
  ADD ("what-is-unloaded-is-gone-until-the-next-reload", test_unload);
  ADD ("unloading-nothing-is-an-error", test_unload_nothing);
  return g_test_run ();
}
