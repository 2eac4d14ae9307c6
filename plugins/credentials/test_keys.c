/* SPDX-License-Identifier: Apache-2.0 */
/* test_keys.c - keys that are encrypted, and the sections that have their passphrases. */
#include <string.h>

#include "test_support.h"

static const MakeCert root = { .cn = "Root", .is_ca = TRUE };
static const MakeCert moon = { .cn = "moon", .names = "DNS:moon.example" };

typedef struct {
  Bench bench;
  X509 *root, *moon;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  bench_init (&fixture->bench);
  fixture->root = make_cert (&root, "root", NULL, "root");
  fixture->moon = make_cert (&moon, "moon", fixture->root, "root");
  bench_put_cert (&fixture->bench, "x509/moon.pem", fixture->moon);
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  X509_free (fixture->root);
  X509_free (fixture->moon);
  bench_clear (&fixture->bench);
}

/* One problem, like @pattern. */
static void
assert_problem (Bench *bench, const char *settings, const char *pattern)
{
  g_autofree char *problems = NULL;

  bench_settings (bench, settings);
  problems = bench_reload (bench);
  if (!g_pattern_match_simple (pattern, problems))
    g_error ("the problems of \"%s\" are\n%snot %s", settings, problems, pattern);
}

/* -- private */

static void
test_passphrase (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_put_key (bench, "private/moon.pem", "moon", "tranquility");
  bench_settings (bench, "secrets { private-m { file = moon.pem\n secret = tranquility } }");
  bench_start (bench);
  bench_assert_no_log (bench, "error: *");
  bench_assert_no_log (bench, "notice: *");
  assert_own (bench, NULL, "CN=moon private/moon.pem");
}

static void
test_passphrase_forms (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_put_key (bench, "private/moon.pem", "moon", "tranquility");
  bench_settings (bench,
                  "secrets { private { file = moon.pem\n secret = 0x7472616e7175696c697479 } }");
  bench_start (bench);
  assert_own (bench, NULL, "CN=moon private/moon.pem");
  bench_settings (bench, "secrets { private { file = moon.pem\n secret = 0sdHJhbnF1aWxpdHk= } }");
  bench_reload_fine (bench);
  assert_own (bench, NULL, "CN=moon private/moon.pem");
}

static void
test_wrong_passphrase (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_put_key (bench, "private/moon.pem", "moon", "tranquility");
  bench_start (bench);
  assert_problem (bench, "secrets { private-m { file = moon.pem\n secret = serenity } }",
                  "*ikebana.conf:1: secrets.private-m.file: private/moon.pem: cannot be decrypted, "
                  "is the secret right? (*)\n");
  g_autofree char *own = bench_own_of (bench, "moon.example");
  g_assert_true (g_str_has_prefix (own, "- no private key for certificate CN=moon (x509/moon.pem); "
                                        "put it into private/ (private/moon.pem cannot be "
                                        "decrypted"));
}

static void
test_no_passphrase (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_put_key (bench, "private/moon.pem", "moon", "tranquility");
  bench_start (bench);
  bench_assert_log (bench, "notice: private/moon.pem: is encrypted and there is no passphrase; add "
                           "secrets.private-NAME { file = moon.pem  secret = … }");
  assert_own (bench, NULL,
              "- no private key for certificate CN=moon (x509/moon.pem); put it into private/ "
              "(private/moon.pem is encrypted and there is no passphrase; add "
              "secrets.private-NAME { file = moon.pem  secret = … })");
  bench_forget_log (bench);
  bench_reload_fine (bench);
  bench_assert_no_log (bench, "*encrypted*");
}

/* The same file, with and without. */
static void
test_passphrase_comes_and_goes (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  IkeCredentials *before, *after;

  bench_put_key (bench, "private/moon.pem", "moon", "tranquility");
  bench_start (bench);
  bench_settings (bench, "secrets { private-m { file = moon.pem\n secret = tranquility } }");
  bench_reload_fine (bench);
  assert_own (bench, NULL, "CN=moon private/moon.pem");
  before = bench->ops->get (bench->plugin);
  bench_reload_fine (bench);
  after = bench->ops->get (bench->plugin);
  g_assert_true (before == after);
  bench->ops->unref (before);
  bench->ops->unref (after);
  bench_forget_log (bench);
  bench_settings (bench, "");
  bench_reload_fine (bench);
  bench_assert_log (bench, "notice: private/moon.pem: is encrypted*");
  g_autofree char *own = bench_own_of (bench, NULL);
  g_assert_true (g_str_has_prefix (own, "- no private key"));
}

static void
test_directory_of_section (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *far = g_build_filename (bench->dir, "far.pem", NULL);
  g_autofree char *text =
      g_strdup_printf ("secrets { private-1 { file = %s\n secret = tranquility } }", far);

  bench_put_key (bench, "ecdsa/moon.pem", "moon", "tranquility");
  bench_settings (bench, "secrets { ecdsa-m { file = moon.pem\n secret = tranquility } }");
  bench_start (bench);
  assert_own (bench, NULL, "CN=moon ecdsa/moon.pem");
  bench_remove (bench, "ecdsa/moon.pem");
  bench_put_key (bench, "pkcs8/moon.pem", "moon", "tranquility");
  bench_settings (bench, "secrets { pkcs8 { file = moon.pem\n secret = tranquility } }");
  bench_reload_fine (bench);
  assert_own (bench, NULL, "CN=moon pkcs8/moon.pem");
  bench_remove (bench, "pkcs8/moon.pem");
  bench_put_key (bench, "far.pem", "moon", "tranquility");
  bench_settings (bench, text);
  bench_reload_fine (bench);
  assert_own (bench, NULL, "CN=moon far.pem");
}

static void
test_bad_sections (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_put_key (bench, "private/moon.pem", "moon", NULL);
  bench_start (bench);
  assert_problem (bench, "secrets {\n private-m { file = sun.pem\n secret = x } }",
                  "*ikebana.conf:2: secrets.private-m.file: private/sun.pem: cannot be opened: No "
                  "such file or directory\n");
  assert_problem (bench, "secrets { private-m { secret = x } }",
                  "*: secrets.private-m.file: is missing\n");
  assert_problem (bench, "secrets { private-m { file = moon.pem } }",
                  "*: secrets.private-m.secret: is missing or empty*");
  assert_problem (bench, "secrets { private-m { file = moon.pem\n secret = 0x7 } }",
                  "*: secrets.private-m.secret: begins with 0x but*");
  assert_problem (bench, "secrets { private-m { file = moon.pem\n secrt = x\n secret = x } }",
                  "*ikebana.conf:2: secrets.private-m.secrt: unknown key, did you mean secret?\n");
  assert_own (bench, NULL, "CN=moon private/moon.pem");
}

/* -- PKCS#12 */

static void
test_pkcs12 (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_remove (bench, "x509/moon.pem");
  bench_write_bytes (bench, "pkcs12/moon.p12",
                     der_pkcs12 ("moon", fixture->moon, fixture->root, "tranquility"));
  bench_settings (bench, "secrets { pkcs12-m { file = moon.p12\n secret = tranquility } }");
  bench_start (bench);
  bench_assert_no_log (bench, "error: *");
  assert_own (bench, "moon.example", "CN=moon pkcs12/moon.p12");
  /* What comes along is no anchor. */
  assert_cas (bench, NULL, "");
}

static void
test_pkcs12_issuers (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert middle = { .cn = "Middle", .is_ca = TRUE };
  Bench *bench = &fixture->bench;
  X509 *issuer = make_cert (&middle, "middle", fixture->root, "root");
  X509 *leaf = make_cert (&moon, "moon", issuer, "middle");

  bench_remove (bench, "x509/moon.pem");
  bench_write_bytes (bench, "pkcs12/moon.p12", der_pkcs12 ("moon", leaf, issuer, "tranquility"));
  bench_settings (bench, "secrets { pkcs12 { file = moon.p12\n secret = tranquility } }");
  bench_start (bench);
  assert_own (bench, NULL, "CN=moon pkcs12/moon.p12 +CN=Middle");
  X509_free (issuer);
  X509_free (leaf);
}

static void
test_pkcs12_locked (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_write_bytes (bench, "pkcs12/moon.p12",
                     der_pkcs12 ("moon", fixture->moon, fixture->root, "tranquility"));
  bench_start (bench);
  bench_assert_log (bench, "notice: pkcs12/moon.p12: is encrypted and there is no passphrase; add "
                           "secrets.pkcs12-NAME { file = moon.p12  secret = … }");
  assert_problem (bench, "secrets { pkcs12 { file = moon.p12\n secret = serenity } }",
                  "*: secrets.pkcs12.file: pkcs12/moon.p12: cannot be decrypted, is the secret "
                  "right? (*)\n");
}

#define ADD(name, function)                                                                        \
  g_test_add ("/credentials/keys/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("an-encrypted-key-is-read-with-its-passphrase", test_passphrase);
  ADD ("a-passphrase-may-be-hexadecimal-or-base64", test_passphrase_forms);
  ADD ("a-wrong-passphrase-is-told-with-file-and-line", test_wrong_passphrase);
  ADD ("a-missing-passphrase-is-told-once-with-its-remedy", test_no_passphrase);
  ADD ("a-passphrase-may-come-and-go", test_passphrase_comes_and_goes);
  ADD ("the-name-of-a-section-is-that-of-its-directory", test_directory_of_section);
  ADD ("what-is-wrong-in-a-section-is-told", test_bad_sections);
  ADD ("a-pkcs12-container-has-certificate-and-key", test_pkcs12);
  ADD ("issuers-in-a-pkcs12-container-are-sent-along", test_pkcs12_issuers);
  ADD ("a-pkcs12-container-needs-its-passphrase", test_pkcs12_locked);
  return g_test_run ();
}
