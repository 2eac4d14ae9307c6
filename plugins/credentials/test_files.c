/* SPDX-License-Identifier: Apache-2.0 */
/* test_files.c - directories: what is read, what is left out, and what a reload changes. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "test_support.h"

static const MakeCert root = { .cn = "Root", .is_ca = TRUE };
static const MakeCert moon = { .cn = "moon", .names = "DNS:moon.example" };
static const MakeCert sun = { .cn = "sun", .names = "DNS:sun.example" };

typedef struct {
  Bench bench;
  X509 *root, *moon, *sun;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  bench_init (&fixture->bench);
  fixture->root = make_cert (&root, "root", NULL, "root");
  fixture->moon = make_cert (&moon, "moon", fixture->root, "root");
  fixture->sun = make_cert (&sun, "sun", fixture->root, "root");
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  X509_free (fixture->root);
  X509_free (fixture->moon);
  X509_free (fixture->sun);
  bench_clear (&fixture->bench);
}

/* The usual: a root, and moon with its key. */
static void
lay_out (Fixture *fixture)
{
  bench_put_cert (&fixture->bench, "x509ca/root.pem", fixture->root);
  bench_put_cert (&fixture->bench, "x509/moon.pem", fixture->moon);
  bench_put_key (&fixture->bench, "private/moon.pem", "moon", NULL);
}

/* The certificate that own() finds for moon.example, without a reference. */
static const IkeCert *
moon_of (Bench *bench, IkeCredentials *credentials)
{
  g_autoptr (IkeIdent) id = ike_ident_parse ("moon.example", NULL);
  const IkeOwnQuery query = { .struct_size = sizeof query, .id = id, .now = NOW };
  IkeOwn own;
  const IkeCert *cert;

  if (!bench->ops->own (credentials, &query, &own, NULL))
    return NULL;
  cert = own.cert;
  bench->ops->own_clear (&own);
  return cert;
}

/* -- what is read */

static void
test_directories (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *crl = pem_crl (fixture->root, "root"), *pubkey = pem_pubkey ("sun");
  IkeCredentials *credentials;

  lay_out (fixture);
  bench_write (bench, "x509crl/root.pem", crl);
  bench_write (bench, "pubkey/sun.pem", pubkey);
  bench_put_cert (bench, "x509/sun.pem", fixture->sun);
  bench_put_key (bench, "ecdsa/sun.pem", "sun", NULL);
  bench_require (bench, "pubkey:sun.pem");
  bench_start (bench);
  g_assert_cmpstr (bench->refused->str, ==, "");
  assert_own (bench, "moon.example", "CN=moon private/moon.pem");
  assert_own (bench, "sun.example", "CN=sun ecdsa/sun.pem");
  assert_cas (bench, NULL, "CN=Root");
  credentials = bench->ops->get (bench->plugin);
  g_assert_nonnull (bench->ops->crl (credentials, 0));
  g_assert_null (bench->ops->crl (credentials, 1));
  g_assert_nonnull (bench->ops->pubkey (credentials, "sun.pem"));
  g_assert_null (bench->ops->pubkey (credentials, "moon.pem"));
  bench->ops->unref (credentials);
  bench_assert_no_log (bench, "error: *");
}

static void
test_der (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_write_bytes (bench, "x509ca/root.der", der_cert (fixture->root));
  bench_write_bytes (bench, "x509/moon.der", der_cert (fixture->moon));
  bench_put_key (bench, "private/moon.pem", "moon", NULL);
  bench_start (bench);
  assert_own (bench, "moon.example", "CN=moon private/moon.pem");
  assert_cas (bench, NULL, "CN=Root");
}

static void
test_bundle (Fixture *fixture, gconstpointer unused)
{
  static const MakeCert middle = { .cn = "Middle", .is_ca = TRUE };
  Bench *bench = &fixture->bench;
  X509 *issuer = make_cert (&middle, "middle", fixture->root, "root");
  X509 *leaf = make_cert (&moon, "moon", issuer, "middle");
  g_autofree char *text = pem_certs (leaf, issuer, NULL);
  g_autofree char *cas = pem_certs (fixture->root, issuer, NULL);

  bench_write (bench, "x509/moon.pem", text);
  bench_write (bench, "x509ca/all.pem", cas);
  bench_put_key (bench, "private/moon.pem", "moon", NULL);
  bench_put_key (bench, "private/middle.pem", "middle", NULL);
  bench_start (bench);
  assert_own (bench, "moon.example", "CN=moon private/moon.pem +CN=Middle");
  assert_own (bench, "CN=Middle",
              "- no certificate stands for CN=Middle; have: CN=moon, "
              "moon.example");
  assert_cas (bench, NULL, "CN=Root, CN=Middle");
  X509_free (issuer);
  X509_free (leaf);
}

static void
test_leftovers (Fixture *fixture, gconstpointer unused)
{
  static const char *const names[] = {
    "x509/.hidden",       "x509/moon.pem~",  "x509/moon.pem.bak",
    "x509/.moon.pem.swp", "x509/#moon.pem#", "x509/old/moon.pem"
  };
  Bench *bench = &fixture->bench;

  lay_out (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    bench_write (bench, names[i], "garbage");
  bench_start (bench);
  bench_assert_no_log (bench, "error: *");
  assert_own (bench, NULL, "CN=moon private/moon.pem");
}

/* -- what cannot be read */

static void
test_bad_files (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *huge = g_strnfill (IKE_CERT_MAX_FILE + 1, 'x');
  g_autofree char *fifo = g_build_filename (bench->dir, "x509", "fifo", NULL);

  lay_out (fixture);
  bench_write (bench, "x509/garbage.pem", "garbage");
  bench_write (bench, "x509/empty.pem", "");
  bench_write (bench, "x509/huge.pem", huge);
  bench_write (bench, "private/garbage.pem", "garbage");
  bench_write (bench, "x509crl/garbage.pem", "garbage");
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  bench_start (bench);
  bench_assert_log (bench, "error: x509/garbage.pem: *");
  bench_assert_log (bench, "error: x509/empty.pem: is empty");
  bench_assert_log (bench, "error: x509/huge.pem: is larger than 4194304 bytes; it cannot be a "
                           "certificate");
  bench_assert_log (bench, "error: private/garbage.pem: *");
  bench_assert_log (bench, "error: x509crl/garbage.pem: *");
  bench_assert_log (bench, "error: x509/fifo: is no regular file");
  assert_own (bench, NULL, "CN=moon private/moon.pem");
}

/* Root may read everything, so it becomes somebody else for the time of a reload. */
static void
reload_as_nobody (Bench *bench)
{
  gboolean was_root = geteuid () == 0;

  if (was_root) {
    bench_chmod (bench, ".", 0755);
    bench_chmod (bench, "ikebana.conf", 0644);
    bench_chmod (bench, "x509", 0755);
    bench_chmod (bench, "x509ca", 0);
    g_assert_cmpint (seteuid (65534), ==, 0);
  } else
    bench_chmod (bench, "x509ca", 0);
  bench_reload_fine (bench);
  if (was_root)
    g_assert_cmpint (seteuid (0), ==, 0);
  bench_chmod (bench, "x509ca", 0700);
}

static void
test_unreadable (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  lay_out (fixture);
  bench_start (bench);
  bench_put_cert (bench, "x509/sun.pem", fixture->sun);
  bench_chmod (bench, "x509/sun.pem", 0);
  reload_as_nobody (bench);
  bench_assert_log (bench, "error: x509/sun.pem: cannot be opened: Permission denied; give the "
                           "user that the daemon runs as*");
  bench_assert_log (bench, "error: */x509ca cannot be listed: *Permission denied");
  bench_forget_log (bench);
  bench_chmod (bench, "x509/sun.pem", 0600);
  bench_put_key (bench, "private/sun.pem", "sun", NULL);
  bench_reload_fine (bench);
  bench_assert_no_log (bench, "error: *");
  assert_own (bench, "sun.example", "CN=sun private/sun.pem");
}

static void
test_dangling (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *path = g_build_filename (bench->dir, "x509", "link.pem", NULL);

  lay_out (fixture);
  g_assert_cmpint (symlink ("nowhere.pem", path), ==, 0);
  bench_start (bench);
  bench_assert_log (bench, "error: x509/link.pem: cannot be opened: No such file*");
}

static void
test_open_to_others (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  lay_out (fixture);
  bench_chmod (bench, "private/moon.pem", 0640);
  bench_chmod (bench, "x509/moon.pem", 0644);
  bench_start (bench);
  bench_assert_log (bench, "notice: private/moon.pem: others than its owner may open it (mode "
                           "0640); chmod 600");
  bench_assert_no_log (bench, "*x509/moon.pem*");
  assert_own (bench, NULL, "CN=moon private/moon.pem");
}

static void
test_no_ca (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *both = pem_certs (fixture->sun, fixture->root, NULL);

  lay_out (fixture);
  bench_put_cert (bench, "x509ca/moon.pem", fixture->moon);
  bench_write (bench, "x509ca/root.pem", both);
  bench_require (bench, "ca:moon.pem");
  bench_require (bench, "ca:root.pem");
  bench_start (bench);
  bench_assert_log (bench, "notice: x509ca/moon.pem: this is no CA certificate*");
  bench_assert_log (bench, "notice: x509ca/root.pem: one of its certificates is no CA*");
  assert_cas (bench, NULL, "CN=Root");
  g_assert_true (g_str_has_prefix (bench->refused->str,
                                   "ca:moon.pem: CA certificate x509ca/moon.pem: this is no CA"));
  g_assert_null (strstr (bench->refused->str, "ca:root.pem"));
}

/* -- reload */

static void
test_unchanged (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  IkeCredentials *before, *after;
  g_autofree char *pubkey = pem_pubkey ("sun");

  lay_out (fixture);
  bench_write (bench, "x509/garbage.pem", "garbage");
  bench_start (bench);
  before = bench->ops->get (bench->plugin);
  bench_forget_log (bench);
  bench_reload_fine (bench);
  after = bench->ops->get (bench->plugin);
  g_assert_true (before == after);
  bench->ops->unref (after);
  bench_write (bench, "pubkey/sun.pem", pubkey);
  bench_reload_fine (bench);
  after = bench->ops->get (bench->plugin);
  g_assert_cmpuint (bench->ops->generation (before), !=, bench->ops->generation (after));
  g_assert_nonnull (moon_of (bench, before));
  g_assert_true (moon_of (bench, before) == moon_of (bench, after));
  bench_assert_no_log (bench, "*garbage*");
  bench->ops->unref (before);
  bench->ops->unref (after);
}

static void
test_changed (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  IkeCredentials *before, *after;
  const IkeCert *old;

  lay_out (fixture);
  bench_start (bench);
  before = bench->ops->get (bench->plugin);
  old = moon_of (bench, before);
  X509_free (fixture->moon);
  fixture->moon = make_cert (&moon, "moon", fixture->root, "root");
  bench_put_cert (bench, "x509/moon.pem", fixture->moon);
  g_assert_true (moon_of (bench, before) == old);
  bench_reload_fine (bench);
  after = bench->ops->get (bench->plugin);
  g_assert_nonnull (moon_of (bench, after));
  g_assert_true (moon_of (bench, after) != old);
  g_assert_true (moon_of (bench, before) == old);
  bench->ops->unref (before);
  bench->ops->unref (after);
}

static void
test_removed (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  IkeCredentials *before;

  lay_out (fixture);
  bench_require (bench, "cert:moon.pem");
  bench_start (bench);
  before = bench->ops->get (bench->plugin);
  bench_remove (bench, "x509ca/root.pem");
  bench_remove (bench, "x509/moon.pem");
  g_free (bench_reload (bench));
  g_assert_nonnull (strstr (bench->refused->str, "x509/moon.pem: cannot be opened: No such file"));
  assert_cas (bench, NULL, "");
  g_autofree char *why = g_strdup_printf ("- no certificate with its private key is loaded; put "
                                          "them into x509/ and private/ below %s",
                                          bench->dir);
  assert_own (bench, NULL, why);
  g_assert_nonnull (moon_of (bench, before));
  bench->ops->unref (before);
}

/* -- a set that is begun */

static const IkeSectionClass *
sections (Bench *bench)
{
  return ike_feature_find (bench->engine, "section:authorities", NULL)->ops;
}

static void
test_pending_is_invisible (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  IkeCredentials *credentials, *seen;
  IkeCert *found[2];

  lay_out (fixture);
  bench_start (bench);
  credentials = bench->ops->get (bench->plugin);
  bench_put_cert (bench, "x509/sun.pem", fixture->sun);
  bench_put_key (bench, "private/sun.pem", "sun", NULL);
  sections (bench)->begin (bench->plugin);
  g_assert_true (bench->ops->require (bench->plugin, IKE_CREDENTIAL_CERT, "sun.pem", NULL));
  seen = bench->ops->get (bench->plugin);
  g_assert_true (seen == credentials);
  g_assert_cmpuint (bench->ops->certs (seen, IKE_CREDENTIAL_CERT, "sun.pem", found, 2), ==, 0);
  bench->ops->unref (seen);
  sections (bench)->commit (bench->plugin);
  seen = bench->ops->get (bench->plugin);
  g_assert_cmpuint (bench->ops->certs (seen, IKE_CREDENTIAL_CERT, "sun.pem", found, 2), ==, 1);
  assert_own (bench, "sun.example", "CN=sun private/sun.pem");
  bench->ops->unref (seen);
  bench->ops->unref (credentials);
}

static void
test_dropped (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  IkeCredentials *before, *after;
  IkeCert *found[2];

  lay_out (fixture);
  bench_start (bench);
  before = bench->ops->get (bench->plugin);
  bench_put_cert (bench, "x509/sun.pem", fixture->sun);
  sections (bench)->begin (bench->plugin);
  g_assert_true (bench->ops->require (bench->plugin, IKE_CREDENTIAL_CERT, "sun.pem", NULL));
  bench_remove (bench, "x509/sun.pem");
  sections (bench)->begin (bench->plugin);
  sections (bench)->commit (bench->plugin);
  after = bench->ops->get (bench->plugin);
  g_assert_true (before == after);
  g_assert_cmpuint (bench->ops->certs (after, IKE_CREDENTIAL_CERT, "sun.pem", found, 2), ==, 0);
  bench->ops->unref (before);
  bench->ops->unref (after);
}

static void
test_dry_run (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  lay_out (fixture);
  bench_start (bench);
  bench_put_cert (bench, "x509/sun.pem", fixture->sun);
  bench_put_key (bench, "private/sun.pem", "sun", NULL);
  ike_tree_free (ike_engine_reload (bench->engine, TRUE, NULL));
  assert_own (bench, "sun.example",
              "- no certificate stands for sun.example; have: CN=moon, "
              "moon.example");
}

static void
test_check (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  lay_out (fixture);
  bench_require (bench, "cert:moon.pem");
  bench_require (bench, "cert:sun.pem");
  bench_settings (bench, "secrets { private-x { file = none.pem\n secret = x } }");
  bench_check (bench);
  bench_assert_log (bench, "*none.pem*");
  g_assert_true (g_str_has_prefix (bench->refused->str, "cert:sun.pem: "));
  g_assert_null (strstr (bench->refused->str, "moon"));
}

/* -- names */

static void
test_names (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autoptr (GBytes) der = der_cert (fixture->sun);
  g_autofree char *hex = hex_of (der), *path = g_build_filename (bench->dir, "far.pem", NULL);
  gsize len;
  const guint8 *data = g_bytes_get_data (der, &len);
  g_autofree char *base64 = g_base64_encode (data, len);
  g_autofree char *inline_hex = g_strconcat ("cert:0x", hex, NULL);
  g_autofree char *inline_base64 = g_strconcat ("cert:0s", base64, NULL);
  g_autofree char *far = g_strconcat ("cert:", path, NULL);
  IkeCredentials *credentials;
  IkeCert *found[3];

  lay_out (fixture);
  bench_put_cert (bench, "far.pem", fixture->moon);
  bench_require (bench, "cert:moon.pem");
  bench_require (bench, inline_hex);
  bench_require (bench, inline_base64);
  bench_require (bench, far);
  bench_start (bench);
  g_assert_cmpstr (bench->refused->str, ==, "");
  credentials = bench->ops->get (bench->plugin);
  for (guint i = 0; i < bench->required->len; i++) {
    const char *name = (const char *) bench->required->pdata[i] + strlen ("cert:");
    g_assert_cmpuint (bench->ops->certs (credentials, IKE_CREDENTIAL_CERT, name, found, 3), ==, 1);
    g_assert_cmpuint (bench->ops->certs (credentials, IKE_CREDENTIAL_CA, name, found, 3), ==, 0);
  }
  g_assert_cmpuint (bench->ops->certs (credentials, IKE_CREDENTIAL_CERT, "far.pem", found, 3), ==,
                    0);
  /* A certificate that is only named stands for us where it is named, and is pinned nowhere. */
  assert_own (bench, NULL, "CN=moon private/moon.pem");
  bench->ops->unref (credentials);
}

static void
test_bad_names (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  lay_out (fixture);
  bench_require (bench, "cert:0x123");
  bench_require (bench, "cert:0s!!");
  bench_require (bench, "cert:0x00");
  bench_require (bench, "cert:none.pem");
  bench_start (bench);
  g_assert_nonnull (strstr (bench->refused->str, "cert:0x123: certificate 0x123… in the "
                                                 "configuration: begins with 0x but is no "
                                                 "hexadecimal number of whole bytes\n"));
  g_assert_nonnull (strstr (bench->refused->str, "begins with 0s but is no base64 text"));
  g_assert_nonnull (strstr (bench->refused->str, "cert:0x00: certificate 0x00… in the "
                                                 "configuration: "));
  g_assert_nonnull (strstr (bench->refused->str, "cert:none.pem: certificate x509/none.pem: "
                                                 "cannot be opened: No such file"));
}

static void
test_no_directory (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *elsewhere = g_build_filename (bench->dir, "elsewhere", NULL);
  g_autofree char *text = g_strdup_printf ("plugins { credentials { directory = %s } }", elsewhere);

  lay_out (fixture);
  bench_settings (bench, text);
  bench_start (bench);
  assert_cas (bench, NULL, "");
  bench_assert_no_log (bench, "error: *");
  bench_put_cert (bench, "elsewhere/x509ca/root.pem", fixture->root);
  bench_reload_fine (bench);
  assert_cas (bench, NULL, "CN=Root");
  bench_settings (bench, "");
  bench_reload_fine (bench);
  assert_own (bench, NULL, "CN=moon private/moon.pem");
}

#define ADD(name, function)                                                                        \
  g_test_add ("/credentials/files/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("each-directory-gives-what-it-is-for", test_directories);
  ADD ("der-is-read-like-pem", test_der);
  ADD ("of-a-bundle-the-first-is-ours-and-the-rest-its-issuers", test_bundle);
  ADD ("hidden-files-leftovers-and-subdirectories-are-skipped", test_leftovers);
  ADD ("a-bad-file-is-told-and-harms-no-other", test_bad_files);
  ADD ("a-file-without-permission-is-told-with-its-remedy", test_unreadable);
  ADD ("a-link-to-nowhere-is-told", test_dangling);
  ADD ("a-key-that-others-may-read-is-a-warning", test_open_to_others);
  ADD ("what-is-no-ca-is-no-anchor", test_no_ca);
  ADD ("unchanged-files-keep-their-objects", test_unchanged);
  ADD ("a-changed-file-is-read-anew", test_changed);
  ADD ("a-removed-file-vanishes-from-the-next-snapshot-only", test_removed);
  ADD ("what-is-pending-is-seen-by-nobody", test_pending_is_invisible);
  ADD ("what-was-begun-and-not-committed-is-dropped", test_dropped);
  ADD ("a-dry-run-changes-nothing", test_dry_run);
  ADD ("a-check-reads-sections-and-names-without-activation", test_check);
  ADD ("names-are-files-paths-or-the-thing-itself", test_names);
  ADD ("a-bad-name-is-refused-with-a-reason", test_bad_names);
  ADD ("the-directory-may-be-elsewhere-and-may-change", test_no_directory);
  return g_test_run ();
}
