/* SPDX-License-Identifier: Apache-2.0 */
/* test_files.c - CRLs that are kept in a directory, and the commands. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ikebana/tree.h>
#include "test_fakes.h"

#define OCSP_URI "http://ocsp.example/"
#define CRL_URI "http://crl.example/ca.crl"
#define CRL_TEXT "CRL issuer=ca number=1 this=0 next=9999"

enum { STRICT = IKE_REVOCATION_STRICT };

typedef struct {
  char *directory, *path, *settings;
} Files;

static void
files_open (Files *files)
{
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, CRL_URI, -1);
  g_autofree char *name = g_strconcat (hash, ".crl", NULL);

  files->directory = g_dir_make_tmp ("ikebana-revocation-XXXXXX", NULL);
  g_assert_nonnull (files->directory);
  files->path = g_build_filename (files->directory, name, NULL);
  files->settings = g_strdup_printf ("cache_dir = %s", files->directory);
}

/* Nothing but the file, if that, is in the directory. */
static void
files_close (Files *files)
{
  g_unlink (files->path);
  g_assert_cmpint (g_rmdir (files->directory), ==, 0);
  g_free (files->directory);
  g_free (files->path);
  g_free (files->settings);
}

/* One engine after another; each has nothing but the directory.  How often it asked. */
static guint
check_once (Files *files, guint32 flags, const char *text, gboolean is_good)
{
  Bench bench;
  guint n;

  bench_open (&bench, flags, files->settings);
  bench_leaf (&bench, 2, NULL, CRL_URI);
  bench_serve (&bench, CRL_URI, 20, text);
  assert_verdict (&bench, STRICT, is_good, FALSE, is_good ? NULL : "CN=leaf");
  n = asked (&bench, CRL_URI);
  bench_close (&bench);
  return n;
}

static void
assert_file (Files *files, const char *expected)
{
  g_autofree char *text = NULL;

  g_file_get_contents (files->path, &text, NULL, NULL);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_restart (guint32 flags)
{
  Files files;

  files_open (&files);
  g_assert_cmpuint (check_once (&files, flags, CRL_TEXT, TRUE), ==, 1);
  assert_file (&files, CRL_TEXT);
  g_assert_cmpuint (check_once (&files, flags, NULL, TRUE), ==, 0);
  files_close (&files);
}

static void
test_bad_files (guint32 flags)
{
  static const char *const texts[] = { "garbage", "", "CRL issuer=ca number=1 this=-99 next=-9" };
  g_autofree char *elsewhere = NULL;
  Files files;

  files_open (&files);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_assert_true (g_file_set_contents (files.path, texts[i], -1, NULL));
    g_assert_cmpuint (check_once (&files, flags, CRL_TEXT, TRUE), ==, 1);
    assert_file (&files, CRL_TEXT);
  }
  /* Neither what lies elsewhere, nor what is no file. */
  elsewhere = g_strconcat (files.path, ".elsewhere", NULL);
  g_assert_cmpint (g_rename (files.path, elsewhere), ==, 0);
  g_assert_cmpint (symlink (elsewhere, files.path), ==, 0);
  g_assert_cmpuint (check_once (&files, flags, CRL_TEXT, TRUE), ==, 1);
  g_unlink (elsewhere);
  g_unlink (files.path);
  g_assert_cmpint (mkfifo (files.path, 0600), ==, 0);
  g_assert_cmpuint (check_once (&files, flags, CRL_TEXT, TRUE), ==, 1);
  files_close (&files);
}

static void
test_only_verified (guint32 flags)
{
  Files files;

  files_open (&files);
  g_assert_cmpuint (
      check_once (&files, flags, "CRL issuer=ca signer=mallory number=1 this=0 next=9999", FALSE),
      ==, 1);
  assert_file (&files, NULL);
  files_close (&files);
}

static void
test_no_directory (guint32 flags)
{
  Files files;

  files_open (&files);
  g_free (files.settings);
  files.settings = g_strdup ("cache_dir = /proc/none/of/that");
  g_assert_cmpuint (check_once (&files, flags, CRL_TEXT, TRUE), ==, 1);
  files_close (&files);
}

/* -- commands */

static const char *
cell (const IkeTree *result, guint row, const char *column)
{
  return ike_tree_string (ike_tree_nth (ike_tree_get (result, "cache"), row), column, NULL);
}

static void
test_commands (guint32 flags)
{
  Files files;
  Bench bench;
  IkeTree *list, *flushed;

  files_open (&files);
  bench_open (&bench, flags, files.settings);
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  bench_serve (&bench, OCSP_URI, 20, NULL);
  bench_serve (&bench, CRL_URI, 20, CRL_TEXT);
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  bench_leaf (&bench, 3, "http://other.example/", NULL);
  bench_serve (&bench, "http://other.example/", 20, "OCSP status=good next=7200");
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  list = bench_command (&bench, "revocation");
  g_assert_cmpuint (ike_tree_n (ike_tree_get (list, "cache")), ==, 3);
  g_assert_cmpstr (cell (list, 0, "kind"), ==, "ocsp");
  g_assert_cmpstr (cell (list, 0, "from"), ==, "http://other.example/");
  g_assert_cmpstr (cell (list, 0, "certificate"), ==, "CN=leaf");
  g_assert_cmpstr (cell (list, 0, "says"), ==, "good");
  g_assert_cmpstr (cell (list, 0, "until"), ==, "2026-01-01 02:00:00 UTC");
  g_assert_cmpint (ike_tree_int (ike_tree_nth (ike_tree_get (list, "cache"), 0), "hits", -1), ==,
                   1);
  g_assert_cmpstr (cell (list, 1, "kind"), ==, "crl");
  g_assert_cmpstr (cell (list, 1, "says"), ==, "complete");
  g_assert_cmpstr (cell (list, 2, "kind"), ==, "failed");
  g_assert_nonnull (strstr (cell (list, 2, "says"), "HTTP status 404"));
  ike_tree_free (list);
  assert_file (&files, CRL_TEXT);
  flushed = bench_command (&bench, "revocation-flush");
  g_assert_cmpint (ike_tree_int (flushed, "forgotten", -1), ==, 3);
  ike_tree_free (flushed);
  assert_file (&files, NULL);
  list = bench_command (&bench, "revocation");
  g_assert_cmpuint (ike_tree_n (ike_tree_get (list, "cache")), ==, 0);
  ike_tree_free (list);
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  g_assert_cmpuint (asked (&bench, CRL_URI), ==, 2);
  bench_close (&bench);
  files_close (&files);
}

static void
test_long_list (guint32 flags)
{
  Bench bench;
  IkeTree *list;

  bench_open (&bench, flags, "");
  for (guint i = 0; i < 600; i++) {
    g_autofree char *uri = g_strdup_printf ("http://%u/", i);
    Outcome outcome;
    bench_leaf (&bench, 2, NULL, uri);
    ask (&bench, STRICT, &outcome);
    run_for (&bench, 0);
    g_assert_true (outcome.is_done);
  }
  list = bench_command (&bench, "revocation");
  g_assert_cmpuint (ike_tree_n (ike_tree_get (list, "cache")), ==, 600);
  ike_tree_free (list);
  bench_close (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_test ("a-crl-outlives-a-restart-in-its-file", test_restart);
  add_test ("a-file-that-is-of-no-use-is-replaced", test_bad_files);
  add_test ("only-what-the-issuer-signed-gets-into-a-file", test_only_verified);
  add_test ("without-the-directory-checks-go-on", test_no_directory);
  add_test ("what-is-known-is-listed-and-forgotten", test_commands);
  add_test ("a-long-list-is-made-in-pieces", test_long_list);
  return g_test_run ();
}
