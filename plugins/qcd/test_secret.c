/* SPDX-License-Identifier: Apache-2.0 */
/* test_secret.c - the file with the secret: made once, read again, and refused when it is no
 * secret. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "secret.h"

typedef struct {
  char *dir, *path;
} File;

static const guint8 first[32] = { 1, 2, 3 }, second[32] = { 4, 5, 6 };

static void
file_set_up (File *file, gconstpointer data)
{
  file->dir = g_dir_make_tmp ("qcd-XXXXXX", NULL);
  file->path = g_build_filename (file->dir, "below", "secret", NULL);
}

static void
file_tear_down (File *file, gconstpointer data)
{
  g_autofree char *below = g_path_get_dirname (file->path);

  g_unlink (file->path);
  g_rmdir (below);
  g_rmdir (file->dir);
  g_free (file->path);
  g_free (file->dir);
}

static void
assert_opens (const File *file, const guint8 *random, const guint8 *bytes, gsize len)
{
  g_autoptr (GError) error = NULL;
  QcdSecret secret;

  g_assert_true (qcd_secret_open (&secret, file->path, random, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (ike_secret_blob_data (secret.bytes), ike_secret_blob_len (secret.bytes), bytes,
                   len);
  qcd_secret_close (&secret);
}

static void
assert_refused (const File *file, const char *why)
{
  g_autoptr (GError) error = NULL;
  QcdSecret secret;

  g_assert_false (qcd_secret_open (&secret, file->path, second, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, why));
  g_assert_nonnull (strstr (error->message, file->path));
  g_assert_null (secret.bytes);
  g_assert_cmpint (secret.fd, ==, -1);
}

static void
test_made_once (File *file, gconstpointer data)
{
  struct stat at;

  assert_opens (file, first, first, sizeof first);
  g_assert_cmpint (g_stat (file->path, &at), ==, 0);
  g_assert_cmpuint (at.st_mode & 07777, ==, 0600);
  assert_opens (file, second, first, sizeof first);
}

/* A crash before anything was written. */
static void
test_empty (File *file, gconstpointer data)
{
  assert_opens (file, first, first, sizeof first);
  g_assert_cmpint (truncate (file->path, 0), ==, 0);
  assert_opens (file, second, second, sizeof second);
}

static void
test_refused (File *file, gconstpointer data)
{
  guint8 bytes[65] = { 7 };

  assert_opens (file, first, first, sizeof first);
  g_assert_true (g_file_set_contents (file->path, (char *) bytes, 31, NULL));
  g_chmod (file->path, 0600);
  assert_refused (file, "no secret of 32 to 64 bytes");
  g_assert_true (g_file_set_contents (file->path, (char *) bytes, 65, NULL));
  g_chmod (file->path, 0600);
  assert_refused (file, "no secret of 32 to 64 bytes");
  g_assert_true (g_file_set_contents (file->path, (char *) bytes, 64, NULL));
  g_chmod (file->path, 0640);
  assert_refused (file, "can be read by others");
  g_chmod (file->path, 0600);
  assert_opens (file, second, bytes, 64);
}

static void
test_no_file (File *file, gconstpointer data)
{
  g_autofree char *target = g_build_filename (file->dir, "target", NULL);
  g_autofree char *below = g_path_get_dirname (file->path);

  g_assert_cmpint (g_mkdir_with_parents (file->path, 0700), ==, 0);
  assert_refused (file, "cannot be opened or made");
  g_rmdir (file->path);
  g_assert_cmpint (symlink (target, file->path), ==, 0);
  assert_refused (file, "cannot be opened or made");
  g_assert_false (g_file_test (target, G_FILE_TEST_EXISTS));
  g_unlink (file->path);
  g_assert_cmpint (mkfifo (file->path, 0600), ==, 0);
  assert_refused (file, "is no file");
}

/* Whoever shares it might end the SAs of the other. */
static void
test_shared (File *file, gconstpointer data)
{
  QcdSecret secret;

  g_assert_true (qcd_secret_open (&secret, file->path, first, NULL));
  assert_refused (file, "in use by another daemon");
  qcd_secret_close (&secret);
  assert_opens (file, second, first, sizeof first);
}

#define TEST(name, func)                                                                           \
  g_test_add ("/qcd/secret/" name, File, NULL, file_set_up, func, file_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  TEST ("is-made-once", test_made_once);
  TEST ("an-empty-file-is-filled", test_empty);
  TEST ("what-is-none-is-refused", test_refused);
  TEST ("what-is-no-file-is-refused", test_no_file);
  TEST ("is-of-one-daemon-only", test_shared);
  return g_test_run ();
}
