/* SPDX-License-Identifier: Apache-2.0 */
/* test_store.c - `ikebana store`: settings in and out, users, wrapped secrets, writers at one
 * time. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "store.h"

typedef struct {
  char *directory, *output, *errors;
  int status;
} Fixture;

static const char *const files[] = { "store.db", "store.db-wal", "store.db-shm", "in.conf",
                                     "out.conf", "key",          "old",          "secret" };

static void
set_up (Fixture *f, gconstpointer unused)
{
  f->directory = g_dir_make_tmp ("ikebana-store-XXXXXX", NULL);
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *path = g_build_filename (f->directory, files[i], NULL);
    g_unlink (path);
  }
  g_assert_cmpint (g_rmdir (f->directory), ==, 0);
  g_free (f->directory);
  g_free (f->output);
  g_free (f->errors);
}

static void
write_file (Fixture *f, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (f->directory, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
}

/* @words: between '|'. */
static char **
argv_of (const char *words)
{
  g_autofree char *program =
      g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "src-tools", "ikebana-store", NULL);
  g_autofree char *line =
      g_strconcat (program, "|--database=store.db|--settings=/nonexistent|", words, NULL);

  return g_strsplit (line, "|", -1);
}

static void
store (Fixture *f, const char *words)
{
  g_auto (GStrv) argv = argv_of (words);
  g_autoptr (GError) error = NULL;
  int status;

  g_clear_pointer (&f->output, g_free);
  g_clear_pointer (&f->errors, g_free);
  g_spawn_sync (f->directory, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &f->output, &f->errors,
                &status, &error);
  g_assert_no_error (error);
  g_assert_true (WIFEXITED (status));
  f->status = WEXITSTATUS (status);
}

static void
store_ok (Fixture *f, const char *words)
{
  store (f, words);
  if (f->status != 0)
    g_error ("store %s: %d, %s", words, f->status, f->errors);
}

static void
store_fails (Fixture *f, int status, const char *text, const char *words)
{
  store (f, words);
  if (f->status != status || !strstr (f->errors, text))
    g_error ("store %s: %d, %s", words, f->status, f->errors);
}

static const char home[] =
    "connections {\n  home {\n    local_addrs = \"192.0.2.1\"\n    local {\n      auth = \"psk\"\n"
    "    }\n  }\n}\nsecrets {\n  ike-1 {\n    id = \"sun\"\n    secret = \"geheim\"\n  }\n}\n";

/* -- settings */

static void
test_round_trip (Fixture *f, gconstpointer unused)
{
  g_autofree char *first = NULL;

  write_file (f, "in.conf", home);
  store_fails (f, 6, "there is no database", "export");
  store_ok (f, "import|in.conf|--dry-run");
  g_assert_cmpstr (f->output, ==, "2 changed, if this were no dry run\n");
  store_ok (f, "export");
  g_assert_cmpstr (f->output, ==, "");
  store_ok (f, "import|in.conf");
  g_assert_cmpstr (f->output, ==, "2 changed\n");
  g_assert_nonnull (strstr (f->errors, "has secrets in clear"));
  store_ok (f, "export");
  g_assert_cmpstr (f->output, ==, home);
  first = g_steal_pointer (&f->output);
  write_file (f, "out.conf", first);
  store_ok (f, "import|out.conf|--replace");
  g_assert_cmpstr (f->output, ==, "0 changed\n");
  store_ok (f, "export|--no-secrets");
  g_assert_null (strstr (f->output, "geheim"));
  store_ok (f, "export|--json");
  g_assert_nonnull (strstr (f->output, "\"local_addrs\": \"192.0.2.1\""));
}

static void
test_values (Fixture *f, gconstpointer unused)
{
  write_file (f, "in.conf", home);
  store_ok (f, "import|in.conf");
  store_ok (f, "set|connections.home.version|2");
  store_ok (f, "get|connections.home.version");
  g_assert_cmpstr (f->output, ==, "2\n");
  store_ok (f, "get|connections.home");
  g_assert_cmpstr (f->output, ==, "local_addrs\nlocal\nversion\n");
  store_ok (f, "list|connections");
  g_assert_cmpstr (f->output, ==,
                   "connections.home.local_addrs = 192.0.2.1\nconnections.home.local.auth = psk\n"
                   "connections.home.version = 2\n");
  store_fails (f, 4, "is a secret; --secrets shows it", "get|secrets.ike-1.secret");
  store_ok (f, "get|secrets.ike-1.secret|--secrets");
  g_assert_cmpstr (f->output, ==, "geheim\n");
  store_ok (f, "list");
  g_assert_null (strstr (f->output, "geheim"));
  store_ok (f, "unset|connections.home.local");
  store_fails (f, 6, "there is no", "unset|connections.home.local");
  store_fails (f, 6, "there is no", "get|connections.home.local");
  store_fails (f, 2, "did you mean connections?", "set|connection.a.b|c");
  store_fails (f, 2, "did you mean \"export\"?", "exprot");
  store_fails (f, 2, "it is get PATH", "get");
  store_ok (f, "audit|--json");
  g_assert_nonnull (strstr (f->output, "\"path\": \"connections.home.local\""));
  g_assert_null (strstr (f->output, "geheim"));
}

static void
test_wrong_file (Fixture *f, gconstpointer unused)
{
  write_file (f, "in.conf", "connections {");
  store_fails (f, 2, "in.conf:1", "import|in.conf");
  store_ok (f, "users");
  store_ok (f, "list");
  g_assert_cmpstr (f->output, ==, "");
}

/* -- users and keys */

static void
test_users (Fixture *f, gconstpointer unused)
{
  write_file (f, "secret", "Ar3etTnp\n");
  store_ok (f, "users|set|carol@example.org|--secret-file=secret");
  write_file (f, "secret", "8846F7EAEE8FB117AD06BDD830B7586C");
  store_ok (f, "users|set|dave|--ntlm|--secret-file=secret");
  store_fails (f, 2, "stands for many", "users|set|*|--secret-file=secret");
  write_file (f, "secret", "");
  store_fails (f, 2, "the secret is a line", "users|set|erin|--secret-file=secret");
  store_ok (f, "users");
  g_assert_cmpstr (f->output, ==, "carol@example.org  password\ndave  ntlm\n");
  store_ok (f, "export");
  g_assert_nonnull (strstr (f->output, "secret = \"0sQXIzZXRUbnA=\""));
  g_assert_nonnull (strstr (f->output, "secret = \"0x8846F7EAEE8FB117AD06BDD830B7586C\""));
  store_ok (f, "users|remove|dave");
  store_fails (f, 6, "there is no user dave", "users|remove|dave");
}

static void
test_wrapped (Fixture *f, gconstpointer unused)
{
  g_autofree char *path = g_build_filename (f->directory, "store.db", NULL), *raw = NULL;
  gsize len;

  write_file (f, "in.conf", home);
  write_file (f, "key", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk");
  write_file (f, "old", "oooooooooooooooooooooooooooooooo");
  store_ok (f, "import|in.conf|--key-file=old");
  g_assert_cmpstr (f->errors, ==, "");
  store_fails (f, 1, "secrets.ike-1.secret: is wrapped, and no key file", "export");
  store_fails (f, 1, "cannot be unwrapped", "export|--key-file=key");
  store_ok (f, "wrap|--key-file=key|--old-key-file=old");
  g_assert_cmpstr (f->output, ==, "1 secrets wrapped\n");
  store_ok (f, "export|--key-file=key");
  g_assert_cmpstr (f->output, ==, home);
  store_fails (f, 2, "name a key file", "wrap");
  g_assert_true (g_file_get_contents (path, &raw, &len, NULL));
  g_assert_null (g_strstr_len (raw, (gssize) len, "geheim"));
}

/* What test_store_sqlite of the plugin unwraps with the daemon's cipher. */
static void
test_cipher (void)
{
  static const char wrapped[] = "SUtXMQECAwQFBgcICQoLDBB3PggEdBg1DSWB1lZyOcVGl0lbOcw=";
  gsize len;
  g_autofree guint8 *blob = g_base64_decode (wrapped, &len);
  g_autoptr (IkeSecretBlob) secret = NULL, other = NULL, again = NULL;
  g_autoptr (GBytes) sealed = NULL;
  StoreKey key = { .key = ike_secret_blob_new ("kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", 32) };

  store_cipher_init (&key.cipher);
  secret = store_unwrap (&key, "secrets.ike-1.secret", blob, len, NULL);
  g_assert_cmpmem (ike_secret_blob_data (secret), ike_secret_blob_len (secret), "geheim", 6);
  other = store_unwrap (&key, "secrets.ike-2.secret", blob, len, NULL);
  g_assert_null (other);
  sealed = store_wrap (&key, "a", "b", 1, NULL);
  again =
      store_unwrap (&key, "a", g_bytes_get_data (sealed, NULL), g_bytes_get_size (sealed), NULL);
  g_assert_cmpmem (ike_secret_blob_data (again), ike_secret_blob_len (again), "b", 1);
  ike_secret_blob_unref (key.key);
}

/* -- several at one time */

enum { AT_ONE_TIME = 5, ROUNDS = 2 };

static void
test_writers (Fixture *f, gconstpointer unused)
{
  store_ok (f, "set|connections.a.version|2");
  for (guint round = 0; round < ROUNDS; round++) {
    GPid pids[AT_ONE_TIME];
    for (guint i = 0; i < AT_ONE_TIME; i++) {
      g_autofree char *words = g_strdup_printf ("set|connections.c-%u-%u.version|2", round, i);
      g_auto (GStrv) argv = argv_of (words);
      g_assert_true (g_spawn_async (f->directory, argv, NULL,
                                    G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                                    NULL, &pids[i], NULL));
    }
    for (guint i = 0; i < AT_ONE_TIME; i++) {
      int status;
      g_assert_cmpint (waitpid (pids[i], &status, 0), ==, pids[i]);
      g_assert_cmpint (status, ==, 0);
    }
  }
  store_ok (f, "get|connections");
  g_auto (GStrv) names = g_strsplit (g_strstrip (f->output), "\n", -1);
  g_assert_cmpuint (g_strv_length (names), ==, 1 + ROUNDS * AT_ONE_TIME);
  store_ok (f, "audit");
  g_auto (GStrv) changes = g_strsplit (g_strstrip (f->output), "\n", -1);
  g_assert_cmpuint (g_strv_length (changes), ==, 1 + ROUNDS * AT_ONE_TIME);
}

int
main (int argc, char **argv)
{
  /* Processes end here, not machines: memory will do for a disk, and is faster. */
  if (g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR))
    g_setenv ("TMPDIR", "/dev/shm", TRUE);
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)
  ADD ("/store/what-is-imported-is-exported-as-it-was", test_round_trip);
  ADD ("/store/values-are-set-and-shown-and-secrets-are-not", test_values);
  ADD ("/store/a-wrong-file-changes-nothing", test_wrong_file);
  ADD ("/store/users-come-and-go", test_users);
  ADD ("/store/secrets-are-wrapped-with-a-key-file", test_wrapped);
  ADD ("/store/writers-at-one-time-all-succeed", test_writers);
#undef ADD
  g_test_add_func ("/store/tool-and-daemon-wrap-alike", test_cipher);
  return g_test_run ();
}
