/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_support.c - a directory to make keys in, and programs that run there. */
#include "test_pki_support.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>

void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = g_dir_make_tmp ("ikebana-pki-XXXXXX", NULL);
  g_assert_nonnull (fixture->directory);
}

static void
remove_all (const char *path)
{
  GDir *directory = g_dir_open (path, 0, NULL);
  const char *name;

  while (directory && (name = g_dir_read_name (directory))) {
    g_autofree char *entry = g_build_filename (path, name, NULL);
    if (g_file_test (entry, G_FILE_TEST_IS_DIR) && !g_file_test (entry, G_FILE_TEST_IS_SYMLINK))
      remove_all (entry);
    else
      g_unlink (entry);
  }
  if (directory)
    g_dir_close (directory);
  g_rmdir (path);
}

void
tear_down (Fixture *fixture, gconstpointer data)
{
  remove_all (fixture->directory);
  g_free (fixture->directory);
  g_free (fixture->output);
  g_free (fixture->errors);
}

/* -- files and text */

char *
path_of (const Fixture *fixture, const char *name)
{
  return g_build_filename (fixture->directory, name, NULL);
}

void
write_text (const Fixture *fixture, const char *name, const char *text)
{
  g_autofree char *path = path_of (fixture, name);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

char *
read_text (const Fixture *fixture, const char *name, gsize *len)
{
  g_autofree char *path = path_of (fixture, name);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, len, &error);
  g_assert_no_error (error);
  return text;
}

void
assert_has (const char *text, const char *words)
{
  if (!strstr (text, words))
    g_error ("\"%s\" is not in \"%s\"", words, text);
}

void
assert_lacks (const char *text, const char *words)
{
  if (strstr (text, words))
    g_error ("\"%s\" is in \"%s\"", words, text);
}

/* -- programs */

static void
run (Fixture *fixture, char **argv)
{
  g_autoptr (GError) error = NULL;
  char *output = NULL;
  int result;

  g_clear_pointer (&fixture->output, g_free);
  g_clear_pointer (&fixture->errors, g_free);
  g_spawn_sync (fixture->directory, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output,
                &fixture->errors, &result, &error);
  g_assert_no_error (error);
  fixture->output = output;
  g_assert_true (WIFEXITED (result));
  fixture->status = WEXITSTATUS (result);
}

char **
pki_argv (const char *words)
{
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *near = g_build_filename (top ? top : "..", "src-tools", "ikebana", NULL),
                  *program = g_canonicalize_filename (near, NULL),
                  *line = g_strconcat (program, "|pki|", words, NULL);

  return g_strsplit (line, "|", -1);
}

void
pki (Fixture *fixture, const char *words)
{
  g_auto (GStrv) argv = pki_argv (words);

  run (fixture, argv);
}

void
pki_ok (Fixture *fixture, const char *words)
{
  pki (fixture, words);
  if (fixture->status != 0)
    g_error ("pki %s: %d, %s", words, fixture->status, fixture->errors);
}

void
pki_fails (Fixture *fixture, int status, const char *text, const char *words)
{
  pki (fixture, words);
  if (fixture->status != status)
    g_error ("pki %s: %d instead of %d, %s", words, fixture->status, status, fixture->errors);
  assert_has (fixture->errors, text);
}

static void
run_openssl (Fixture *fixture, const char *words)
{
  g_autofree char *line = g_strconcat ("openssl|", words, NULL), *both = NULL;
  g_auto (GStrv) argv = g_strsplit (line, "|", -1);

  run (fixture, argv);
  both = g_strconcat (fixture->output, fixture->errors, NULL);
  g_free (fixture->output);
  fixture->output = g_steal_pointer (&both);
}

void
openssl (Fixture *fixture, const char *words)
{
  run_openssl (fixture, words);
  if (fixture->status != 0)
    g_error ("openssl %s: %d, %s", words, fixture->status, fixture->output);
}

void
openssl_fails (Fixture *fixture, const char *words)
{
  run_openssl (fixture, words);
  g_assert_cmpint (fixture->status, !=, 0);
}

/* -- what tests begin with */

void
make_chain (Fixture *fixture)
{
  pki_ok (fixture, "gen|--out|ca.key");
  pki_ok (fixture, "gen|--type|ed25519|--out|sub.key");
  pki_ok (fixture, "gen|--out|moon.key");
  pki_ok (fixture, "self|--in|ca.key|--dn|C=CH, O=Example, CN=Example CA|--ca|--lifetime|3650|"
                   "--out|ca.crt");
  pki_ok (fixture, "issue|--cacert|ca.crt|--cakey|ca.key|--in|sub.key|--dn|C=CH, O=Example, CN=Sub|"
                   "--ca|--pathlen|0|--lifetime|2000|--out|sub.crt");
  pki_ok (fixture, "issue|--cacert|sub.crt|--cakey|sub.key|--in|moon.key|--serial|0a0b|"
                   "--dn|C=CH, O=Example, CN=moon.example|--san|moon.example|--out|moon.crt");
}

struct json_object *
printed (Fixture *fixture, const char *words)
{
  g_autofree char *line = g_strconcat ("print|--json|", words, NULL);
  struct json_object *object;

  pki_ok (fixture, line);
  object = json_tokener_parse (fixture->output);
  g_assert_nonnull (object);
  return object;
}

const char *
text_at (struct json_object *object, const char *path)
{
  g_auto (GStrv) names = g_strsplit (path, ".", -1);

  for (guint i = 0; names[i]; i++) {
    if (json_object_is_type (object, json_type_array))
      object = json_object_array_get_idx (object, (size_t) g_ascii_strtoull (names[i], NULL, 10));
    else if (!json_object_object_get_ex (object, names[i], &object))
      object = NULL;
    if (!object)
      return "";
  }
  return json_object_get_string (object);
}
