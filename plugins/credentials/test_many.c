/* SPDX-License-Identifier: Apache-2.0 */
/* test_many.c - ten thousand certificates: work is counted, not time. */
#include "test_support.h"

#include <stdio.h>

enum { N_FILES = 10000 };

static const MakeCert root = { .cn = "Root", .is_ca = TRUE };

/* How often the library was asked. */
static struct {
  guint n_parsed, n_has, n_issued;
  gboolean (*certs_parse) (IkePlugin *self, const guint8 *data, gsize len, GPtrArray *out,
                           GError **error);
  gboolean (*cert_has) (const IkeCert *cert, const IkeIdent *id);
  gboolean (*cert_issued) (const IkeCert *issuer, const IkeCert *cert);
} counted;

static gboolean
count_parse (IkePlugin *self, const guint8 *data, gsize len, GPtrArray *out, GError **error)
{
  counted.n_parsed++;
  return counted.certs_parse (self, data, len, out, error);
}

static gboolean
count_has (const IkeCert *cert, const IkeIdent *id)
{
  counted.n_has++;
  return counted.cert_has (cert, id);
}

static gboolean
count_issued (const IkeCert *issuer, const IkeCert *cert)
{
  counted.n_issued++;
  return counted.cert_issued (issuer, cert);
}

static void
begin_to_count (Bench *bench)
{
  counted.certs_parse = bench->pki->certs_parse;
  counted.cert_has = bench->pki->cert_has;
  counted.cert_issued = bench->pki->cert_issued;
  bench->pki->certs_parse = count_parse;
  bench->pki->cert_has = count_has;
  bench->pki->cert_issued = count_issued;
}

static void
put_numbered (Bench *bench, X509 *issuer, guint i)
{
  char cn[32], names[64], file[64];
  const MakeCert what = { .cn = cn, .names = names };

  g_snprintf (cn, sizeof cn, "host %u", i);
  g_snprintf (names, sizeof names, "DNS:h%u.example", i);
  g_snprintf (file, sizeof file, "x509/h%u.pem", i);
  X509 *cert = make_cert (&what, "shared", issuer, "root");
  bench_put_cert (bench, file, cert);
  X509_free (cert);
}

static void
test_many (void)
{
  X509 *issuer = make_cert (&root, "root", NULL, "root");
  Bench bench;

  bench_init (&bench);
  bench_put_cert (&bench, "x509ca/root.pem", issuer);
  bench_put_key (&bench, "private/shared.pem", "shared", NULL);
  bench_start (&bench);
  begin_to_count (&bench);
  for (guint i = 0; i < N_FILES; i++)
    put_numbered (&bench, issuer, i);
  bench_reload_fine (&bench);
  g_assert_cmpuint (counted.n_parsed, ==, N_FILES);
  assert_own (&bench, "h4711.example", "CN=host 4711 private/shared.pem");
  assert_own (&bench, "h9999.example", "CN=host 9999 private/shared.pem");
  g_assert_cmpuint (counted.n_has, ==, 2);
  g_assert_cmpuint (counted.n_issued, ==, 2);
  assert_own (&bench, "h4711.example", "CN=host 4711 private/shared.pem");
  g_assert_cmpuint (counted.n_issued, ==, 2);

  put_numbered (&bench, issuer, 4711);
  bench_remove (&bench, "x509/h0.pem");
  bench_reload_fine (&bench);
  g_assert_cmpuint (counted.n_parsed, ==, N_FILES + 1);
  assert_own (&bench, "h4711.example", "CN=host 4711 private/shared.pem");
  g_autoptr (IkeTree) certs = bench_command (&bench, "certs", NULL, NULL);
  g_assert_cmpuint (ike_tree_n (ike_tree_get (certs, "certs")), ==, N_FILES + 1);
  X509_free (issuer);
  bench_clear (&bench);
}

/* Who has none of them is told in one sentence, however many there are. */
static void
test_why_is_short (void)
{
  X509 *issuer = make_cert (&root, "root", NULL, "root");
  Bench bench;

  bench_init (&bench);
  bench_put_key (&bench, "private/shared.pem", "shared", NULL);
  for (guint i = 0; i < 100; i++)
    put_numbered (&bench, issuer, i);
  bench_start (&bench);
  assert_own (&bench, "nobody.example",
              "- no certificate stands for nobody.example; have: CN=host 0, h0.example; CN=host 1, "
              "h1.example; CN=host 10, h10.example; and 97 more");
  X509_free (issuer);
  bench_clear (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/credentials/many/ten-thousand-are-read-once-and-found-at-once", test_many);
  g_test_add_func ("/credentials/many/a-reason-stays-short", test_why_is_short);
  return g_test_run ();
}
