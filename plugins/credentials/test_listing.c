/* SPDX-License-Identifier: Apache-2.0 */
/* test_listing.c - `ikebana certs`: its order, what it leaves out, and what it says of each. */
#include <string.h>

#include "test_support.h"

static const MakeCert root = { .cn = "Root", .is_ca = TRUE, .from = -100, .to = 4000 };
static const MakeCert over = { .cn = "over", .from = -100, .to = -2 };
static const MakeCert soon = {
  .cn = "soon", .names = "DNS:soon.example,IP:2001:db8::1", .to = 20, .from = -100
};
static const MakeCert late = { .cn = "late", .from = -100, .to = 300 };

typedef struct {
  Bench bench;
  X509 *soon;
} Fixture;

static void
put (Bench *bench, const char *file, const MakeCert *what, X509 *issuer, const char *issuer_key)
{
  X509 *cert = make_cert (what, what->cn, issuer, issuer_key);

  bench_put_cert (bench, file, cert);
  X509_free (cert);
}

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  X509 *issuer = make_cert (&root, "Root", NULL, "Root");
  g_autofree char *crl = pem_crl (issuer, "Root"), *pubkey = pem_pubkey ("soon");

  bench_init (bench);
  bench_put_cert (bench, "x509ca/root.pem", issuer);
  put (bench, "x509/late.pem", &late, issuer, "Root");
  put (bench, "x509/over.pem", &over, issuer, "Root");
  fixture->soon = make_cert (&soon, "soon", issuer, "Root");
  bench_put_cert (bench, "x509/soon.pem", fixture->soon);
  bench_put_key (bench, "private/soon.pem", "soon", NULL);
  bench_write (bench, "x509crl/root.crl", crl);
  bench_write (bench, "pubkey/soon.pub", pubkey);
  bench_write (bench, "x509/bad.pem", "garbage");
  bench_put_key (bench, "private/locked.pem", "late", "tranquility");
  X509_free (issuer);
  bench_start (bench);
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  X509_free (fixture->soon);
  bench_clear (&fixture->bench);
}

static IkeTree *
args (const char *type, gint64 expiring)
{
  IkeTree *tree = ike_tree_new_section ();

  if (type)
    ike_tree_set_string (tree, "type", type);
  if (expiring >= 0)
    ike_tree_set_int (tree, "expiring", expiring);
  return tree;
}

/* The files of the rows, in order. */
static char *
files_of (Bench *bench, const char *type, gint64 expiring)
{
  g_autoptr (IkeTree) result = bench_command (bench, "certs", args (type, expiring), NULL);
  const IkeTree *list = ike_tree_get (result, "certs");
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < ike_tree_n (list); i++)
    g_string_append_printf (text, "%s%s", i ? " " : "",
                            ike_tree_string (ike_tree_nth (list, i), "file", "?"));
  return g_string_free (text, FALSE);
}

#define assert_files(bench, type, expiring, expected)                                              \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autofree char *files_are = files_of (bench, type, expiring);                                 \
    g_assert_cmpstr (files_are, ==, expected);                                                     \
  }                                                                                                \
  G_STMT_END

static void
test_order (Fixture *fixture, gconstpointer unused)
{
  assert_files (&fixture->bench, NULL, -1,
                "x509/bad.pem private/locked.pem x509/over.pem x509crl/root.crl x509/soon.pem "
                "x509/late.pem x509ca/root.pem pubkey/soon.pub private/soon.pem");
}

static void
test_types (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *error = NULL;

  assert_files (bench, "x509", -1, "x509/bad.pem x509/over.pem x509/soon.pem x509/late.pem");
  assert_files (bench, "x509ca", -1, "x509ca/root.pem");
  assert_files (bench, "crl", -1, "x509crl/root.crl");
  assert_files (bench, "key", -1, "private/locked.pem private/soon.pem");
  assert_files (bench, "pubkey", -1, "pubkey/soon.pub");
  g_assert_null (bench_command (bench, "certs", args ("all", -1), &error));
  g_assert_true (g_str_has_prefix (error, "usage: "));
}

static void
test_expiring (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  assert_files (bench, "x509", 20, "x509/bad.pem x509/over.pem x509/soon.pem");
  assert_files (bench, "x509", 19, "x509/bad.pem x509/over.pem");
  assert_files (bench, NULL, 0, "x509/bad.pem private/locked.pem x509/over.pem");
  assert_files (bench, "x509ca", G_MAXUINT32, "x509ca/root.pem");
}

static const IkeTree *
row_of (const IkeTree *result, const char *file)
{
  guint i = bench_row (result, file);

  g_assert_cmpuint (i, !=, G_MAXUINT);
  return ike_tree_nth (ike_tree_get (result, "certs"), i);
}

static void
test_certificate (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (IkeTree) result = bench_command (&fixture->bench, "certs", NULL, NULL);
  const IkeTree *row = row_of (result, "x509/soon.pem"), *names = ike_tree_get (row, "names");
  g_autofree char *digest = fingerprint (fixture->soon);

  g_assert_cmpstr (ike_tree_string (row, "kind", ""), ==, "x509");
  g_assert_cmpstr (ike_tree_string (row, "subject", ""), ==, "CN=soon");
  g_assert_cmpstr (ike_tree_string (row, "issuer", ""), ==, "CN=Root");
  g_assert_cmpstr (ike_tree_string (row, "not-before", ""), ==, "2025-09-23T00:00:00Z");
  g_assert_cmpstr (ike_tree_string (row, "not-after", ""), ==, "2026-01-21T00:00:00Z");
  g_assert_cmpint (ike_tree_int (row, "days", -1), ==, 20);
  g_assert_cmpstr (ike_tree_string (row, "key", ""), ==, "ECDSA P-256");
  g_assert_true (ike_tree_bool (row, "has-key", FALSE));
  g_assert_false (ike_tree_bool (row, "is-ca", TRUE));
  g_assert_cmpstr (ike_tree_string (row, "sha256", ""), ==, digest);
  g_assert_cmpuint (strlen (ike_tree_string (row, "serial", "")), >, 0);
  g_assert_cmpuint (ike_tree_n (names), ==, 2);
  g_assert_cmpstr (ike_tree_string (ike_tree_nth (names, 0), NULL, ""), ==, "soon.example");
  g_assert_cmpstr (ike_tree_string (ike_tree_nth (names, 1), NULL, ""), ==, "2001:db8::1");
  g_assert_false (ike_tree_bool (row_of (result, "x509/late.pem"), "has-key", TRUE));
  g_assert_cmpint (ike_tree_int (row_of (result, "x509/over.pem"), "days", 0), ==, -2);
  g_assert_true (ike_tree_bool (row_of (result, "x509ca/root.pem"), "is-ca", FALSE));
}

static void
test_others (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (IkeTree) result = bench_command (&fixture->bench, "certs", NULL, NULL);
  const IkeTree *key = row_of (result, "private/soon.pem");
  const IkeTree *pubkey = row_of (result, "pubkey/soon.pub");
  const IkeTree *crl = row_of (result, "x509crl/root.crl");

  g_assert_cmpstr (ike_tree_string (key, "subject", ""), ==, "private/soon.pem");
  g_assert_cmpstr (ike_tree_string (key, "origin", ""), ==, "file");
  g_assert_cmpstr (ike_tree_string (key, "key-id", "a"), ==,
                   ike_tree_string (pubkey, "key-id", "b"));
  g_assert_true (ike_tree_bool (pubkey, "has-key", FALSE));
  g_assert_cmpint (ike_tree_int (crl, "entries", -1), ==, 0);
  g_assert_cmpint (ike_tree_int (crl, "days", -1), ==, 5);
  g_assert_cmpstr (ike_tree_string (crl, "issuer", ""), ==, "CN=Root");
  g_assert_nonnull (
      strstr (ike_tree_string (row_of (result, "private/locked.pem"), "problem", ""), "encrypted"));
  g_assert_cmpstr (ike_tree_string (row_of (result, "x509/bad.pem"), "kind", ""), ==, "x509");
}

static void
test_no_secrets (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_settings (bench, "secrets { private { file = locked.pem\n secret = tranquility }\n"
                         "token-1 { handle = 0a\n pin = 918273 } }");
  g_free (bench_reload (bench));
  g_autoptr (IkeTree) result = bench_command (bench, "certs", NULL, NULL);
  g_autofree char *text = ike_tree_serialize (result, FALSE);
  g_assert_null (strstr (text, "tranquility"));
  g_assert_null (strstr (text, "918273"));
  g_assert_null (strstr (text, "PRIVATE"));
  g_assert_null (strstr (bench->log->str, "tranquility"));
  g_assert_null (strstr (bench->log->str, "918273"));
  ike_call_fail (bench->loads->pdata[0], "the test is over");
}

#define ADD(name, function)                                                                        \
  g_test_add ("/credentials/listing/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("problems-first-then-what-ends-first", test_order);
  ADD ("a-type-leaves-out-the-others", test_types);
  ADD ("what-ends-later-may-be-left-out", test_expiring);
  ADD ("a-certificate-is-described", test_certificate);
  ADD ("keys-and-crls-are-described", test_others);
  ADD ("secrets-are-in-no-listing-and-no-log", test_no_secrets);
  return g_test_run ();
}
