/* SPDX-License-Identifier: Apache-2.0 */
/* test_tables.c - a configuration in tables: what comes back is what was put in, secrets are
 * wrapped, changes are written down, old databases are brought up to date. */
#include <sqlite3.h>
#include <sys/stat.h>
#include <glib/gstdio.h>
#include <ikebana/error.h>
#include "shared/store/store.h"
#include "sqlite/connection.h"

/* A cipher that is one only in form: what it seals with one key, nonce and path, it opens with
 * these. */
static guint32
sum (const guint8 *key, const guint8 *nonce, const char *aad, const guint8 *data, gsize len)
{
  guint32 value = 5381;

  for (guint i = 0; i < STORE_KEY_LEN; i++)
    value = value * 33 + key[i];
  for (guint i = 0; i < STORE_NONCE_LEN; i++)
    value = value * 33 + nonce[i];
  for (; *aad; aad++)
    value = value * 33 + (guint8) *aad;
  for (gsize i = 0; i < len; i++)
    value = value * 33 + data[i];
  return value;
}

static void
cross (const guint8 *key, guint8 *data, gsize len)
{
  for (gsize i = 0; i < len; i++)
    data[i] ^= (guint8) (key[i % STORE_KEY_LEN] | 0x80);
}

static gboolean
fake_seal (gpointer self, const guint8 *key, const guint8 *nonce, const char *aad, guint8 *data,
           gsize len, guint8 *tag)
{
  guint32 value;

  cross (key, data, len);
  value = sum (key, nonce, aad, data, len);
  memset (tag, 0, STORE_TAG_LEN);
  memcpy (tag, &value, sizeof value);
  return TRUE;
}

static gboolean
fake_open (gpointer self, const guint8 *key, const guint8 *nonce, const char *aad, guint8 *data,
           gsize len, const guint8 *tag)
{
  guint8 expected[STORE_TAG_LEN] = { 0 };
  guint32 value = sum (key, nonce, aad, data, len);

  memcpy (expected, &value, sizeof value);
  cross (key, data, len);
  return memcmp (tag, expected, sizeof expected) == 0;
}

static void
fake_random (gpointer self, void *out, gsize len)
{
  memset (out, (int) ++*(guint *) self, len);
}

typedef struct {
  Connection *connection;
  IkeSqliteTx *tx;
  guint counter;
  StoreKey key;
  StoreContext context;
} Fixture;

static void
use_key (Fixture *f, guint8 byte)
{
  guint8 bytes[STORE_KEY_LEN];

  memset (bytes, byte, sizeof bytes);
  ike_secret_blob_unref (f->key.key);
  f->key.key = ike_secret_blob_new (bytes, sizeof bytes);
}

static void
set_up (Fixture *f, gconstpointer unused)
{
  const ConnectionOptions options = { ":memory:", CONNECTION_WRITES, 100, FALSE };

  f->connection = connection_open (&options, NULL);
  g_assert_true (connection_migrate (f->connection, "store", store_migrations, NULL));
  f->tx = connection_tx (f->connection);
  f->tx->now_us = 77;
  f->key.cipher = (StoreCipher){ &f->counter, fake_seal, fake_open, fake_random };
  f->context = (StoreContext){ &f->key, "tester" };
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  ike_secret_blob_unref (f->key.key);
  connection_close (f->connection);
}

static IkeTree *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  IkeTree *tree = ike_settings_parse (text, strlen (text), "test", &error);

  g_assert_no_error (error);
  return tree;
}

static IkeTree *
read_back (Fixture *f, const char *path)
{
  g_autoptr (GError) error = NULL;
  IkeTree *tree = store_read (f->tx, &f->key, path, "db", &error);

  g_assert_no_error (error);
  return tree;
}

static guint
import (Fixture *f, const char *text, gboolean is_whole)
{
  g_autoptr (IkeTree) tree = parse (text);
  g_autoptr (GError) error = NULL;
  guint n;

  store_import (f->tx, &f->context, tree, is_whole, &n, &error);
  g_assert_no_error (error);
  return n;
}

static gint64
ask_number (Fixture *f, const char *sql)
{
  const IkeSqliteStatement ask = { sql, NULL, 0 };
  g_autoptr (IkeSqliteRows) rows = f->tx->query (f->tx, &ask, 1, NULL);

  return ike_sqlite_rows_get (rows, 0, 0)->integer;
}

/* -- settings */

/* A value and a section of one name, nothing, odd characters, an empty section, "include". */
static const char odd[] =
    "connections {\n b {\n  local_addrs = 192.0.2.1, 192.0.2.2\n  local = x\n  local { auth = psk\n"
    "   id = \"C=CH, O=\\\"Q\\\\\\\"\" }\n  none =\n  empty = \"\"\n  void { }\n"
    "  two = \" a\\nb\\tc\\rd # } { = \"\n  include = yes\n  include{ c = d }\n }\n a { version = "
    "2 }\n}\n"
    "secrets { ike-1 { id = x\n secret = \"0sabc=\" } token { pin = 1234\n handle = 01 } }\n"
    "pools { rw { addrs = 10.3.0.0/24 } }\nauthorities { ca { cacert = ca.pem } }\n";

static void
test_round_trip (Fixture *f, gconstpointer key)
{
  g_autoptr (IkeTree) tree = parse (odd), back = NULL, again = NULL;
  g_autofree char *text = NULL, *second = NULL;

  if (key)
    use_key (f, 1);
  g_assert_cmpuint (import (f, odd, FALSE), ==, 6);
  back = read_back (f, NULL);
  g_assert_true (ike_tree_equal (tree, back));
  g_assert_cmpstr (ike_tree_where (ike_tree_get (back, "connections.a.version")), ==, "db");
  text = store_format (tree);
  second = store_format (back);
  g_assert_cmpstr (text, ==, second);
  again = parse (text);
  g_assert_true (ike_tree_equal (again, tree));
}

static void
test_same (Fixture *f, gconstpointer unused)
{
  gint64 revision, later;

  use_key (f, 1);
  import (f, odd, FALSE);
  g_assert_true (store_revision (f->tx, &revision, NULL));
  g_assert_cmpuint (import (f, odd, TRUE), ==, 0);
  g_assert_true (store_revision (f->tx, &later, NULL));
  g_assert_cmpint (revision, ==, later);
  g_assert_cmpuint (import (f, "connections { a { version = 1 } }", FALSE), ==, 1);
  g_assert_cmpint (ask_number (f, "SELECT count(*) FROM settings WHERE path = 'connections.b'"), ==,
                   1);
  g_assert_cmpuint (import (f, "connections { a { version = 1 } }", TRUE), ==, 5);
  g_assert_cmpint (ask_number (f, "SELECT count(*) FROM settings WHERE path LIKE '%.%'"), ==, 2);
}

static void
test_set (Fixture *f, gconstpointer unused)
{
  static const char *const wrong[] = { "",
                                       "connections",
                                       "connection.a.b",
                                       "connections..b",
                                       "connections.a b",
                                       "connections.a.",
                                       ".a",
                                       "connections.{.x",
                                       "users.carol" };
  g_autoptr (IkeTree) tree = NULL;
  gint64 n;

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_false (store_set (f->tx, &f->context, wrong[i], "x", NULL));
  import (f, "connections { a { local { auth = psk } remote { auth = psk } } }", FALSE);
  g_assert_true (
      store_set (f->tx, &f->context, "connections.a.local.id", "me'); DROP TABLE x", NULL));
  g_assert_true (store_set (f->tx, &f->context, "connections.b.version", "2", NULL));
  g_assert_true (store_set (f->tx, &f->context, "connections.a.local.auth", "pubkey", NULL));
  tree = read_back (f, "connections");
  g_assert_cmpstr (ike_tree_string (tree, "connections.a.local.id", NULL), ==,
                   "me'); DROP TABLE x");
  g_assert_cmpstr (ike_tree_string (tree, "connections.a.local.auth", NULL), ==, "pubkey");
  g_assert_cmpstr (ike_tree_string (tree, "connections.a.remote.auth", NULL), ==, "psk");
  g_assert_cmpstr (ike_tree_name (ike_tree_nth (ike_tree_get (tree, "connections"), 1)), ==, "b");
  g_assert_true (store_remove (f->tx, &f->context, "connections.a.local", &n, NULL));
  g_assert_cmpint (n, ==, 3);
  g_assert_true (store_remove (f->tx, &f->context, "connections.nobody", &n, NULL));
  g_assert_cmpint (n, ==, 0);
}

/* -- secrets */

static void
test_secrets (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) none = NULL, refused = NULL, moved = NULL;

  use_key (f, 1);
  import (f, "secrets { ike-1 { id = x\n secret = geheim } ike-2 { secret = anders } }", FALSE);
  g_assert_cmpint (ask_number (f, "SELECT count(*) FROM settings WHERE value LIKE '%geheim%'"), ==,
                   0);
  g_assert_cmpint (ask_number (f, "SELECT count(*) FROM settings WHERE typeof (value) = 'blob'"),
                   ==, 2);
  none = store_read (f->tx, NULL, NULL, "db", NULL);
  g_assert_cmpstr (ike_tree_string (none, "secrets.ike-1.id", NULL), ==, "x");
  g_assert_null (ike_tree_get (none, "secrets.ike-1.secret"));
  use_key (f, 2);
  refused = store_read (f->tx, &f->key, NULL, "db", &error);
  g_assert_null (refused);
  g_assert_error (error, IKE_ERROR, IKE_ERROR_CRYPTO);
  g_assert_true (g_str_has_prefix (error->message, "secrets.ike-1.secret: cannot be unwrapped"));
  /* One secret in the place of another is refused too. */
  use_key (f, 1);
  ask_number (f, "SELECT 1");
  const IkeSqliteStatement swap = {
    "UPDATE settings SET value = (SELECT value FROM settings WHERE path = 'secrets.ike-2.secret')"
    " WHERE path = 'secrets.ike-1.secret'",
    NULL, 0
  };
  g_assert_true (f->tx->exec (f->tx, &swap, NULL));
  moved = store_read (f->tx, &f->key, NULL, "db", NULL);
  g_assert_null (moved);
}

static void
test_damaged (Fixture *f, gconstpointer unused)
{
  g_autoptr (GBytes) wrapped = NULL;
  gsize len;

  use_key (f, 1);
  wrapped = store_wrap (&f->key, "secrets.a.secret", "geheim", 6, NULL);
  const guint8 *data = g_bytes_get_data (wrapped, &len);
  for (gsize i = 0; i < len; i++) {
    g_autofree guint8 *cut = g_memdup2 (data, len);
    IkeSecretBlob *secret = store_unwrap (&f->key, "secrets.a.secret", data, i, NULL);
    g_assert_null (secret);
    cut[i] ^= 1;
    secret = store_unwrap (&f->key, "secrets.a.secret", cut, len, NULL);
    g_assert_null (secret);
  }
  g_autoptr (IkeSecretBlob) good = store_unwrap (&f->key, "secrets.a.secret", data, len, NULL);
  g_assert_cmpmem (ike_secret_blob_data (good), ike_secret_blob_len (good), "geheim", 6);
}

static void
test_rewrap (Fixture *f, gconstpointer unused)
{
  StoreKey none = { .key = NULL }, old;
  g_autoptr (IkeTree) clear = parse (odd), back = NULL;
  guint n;

  import (f, odd, FALSE);
  use_key (f, 1);
  g_assert_true (store_rewrap (f->tx, &f->context, &none, &n, NULL));
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpint (ask_number (f, "SELECT count(*) FROM settings WHERE typeof (value) = 'blob'"),
                   ==, 2);
  old = f->key;
  f->key.key = NULL;
  use_key (f, 2);
  g_assert_true (store_rewrap (f->tx, &f->context, &old, &n, NULL));
  back = read_back (f, NULL);
  g_assert_true (ike_tree_equal (back, clear));
  ike_secret_blob_unref (old.key);
}

static void
test_key_file (Fixture *f, gconstpointer unused)
{
  g_autofree char *directory = g_dir_make_tmp ("ikebana-key-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "key", NULL);
  g_autoptr (GError) missing = NULL, open = NULL, size = NULL;
  g_autoptr (IkeSecretBlob) key = NULL;

  g_assert_null (store_key_read (path, &missing));
  g_assert_error (missing, IKE_ERROR, IKE_ERROR_NOT_FOUND);
  g_assert_true (g_file_set_contents (path, "0123456789abcdef0123456789abcdef", 32, NULL));
  g_assert_cmpint (g_chmod (path, 0640), ==, 0);
  g_assert_null (store_key_read (path, &open));
  g_assert_error (open, IKE_ERROR, IKE_ERROR_DENIED);
  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
  key = store_key_read (path, NULL);
  g_assert_cmpuint (ike_secret_blob_len (key), ==, 32);
  g_assert_true (g_file_set_contents (path, "0123456789abcdef0123456789abcde", 31, NULL));
  g_assert_null (store_key_read (path, &size));
  g_assert_error (size, IKE_ERROR, IKE_ERROR_SYNTAX);
  g_unlink (path);
  g_rmdir (directory);
}

/* -- users and the audit */

static void
test_users (Fixture *f, gconstpointer key)
{
  static const char *const wrong[] = { "", "*", "*@example.org", "%any", "a\nb", "\xff" };
  g_autoptr (IkeSecretBlob) password = ike_secret_blob_new ("0xhund", 6);
  g_autoptr (IkeSecretBlob) hash = ike_secret_blob_new ("0x8846f7eaee8fb117ad06bdd830b7586c", 34);
  const StoreUser carol = { "carol@example.org", password, NULL }, dave = { "dave", NULL, hash };
  g_autoptr (IkeTree) tree = ike_tree_new_section ();
  gboolean was_there;

  if (key)
    use_key (f, 1);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_false (store_user_check (wrong[i], NULL));
  g_assert_true (store_user_set (f->tx, &f->context, &carol, NULL));
  g_assert_true (store_user_set (f->tx, &f->context, &dave, NULL));
  g_assert_true (store_user_set (f->tx, &f->context, &carol, NULL));
  g_assert_true (store_users_read (f->tx, &f->key, tree, NULL));
  g_assert_cmpstr (ike_tree_string (tree, "secrets.eap-user-1.id", NULL), ==, "carol@example.org");
  g_assert_cmpstr (ike_tree_string (tree, "secrets.eap-user-1.secret", NULL), ==, "0sMHhodW5k");
  g_assert_cmpstr (ike_tree_string (tree, "secrets.ntlm-user-2.secret", NULL), ==,
                   "0x8846f7eaee8fb117ad06bdd830b7586c");
  g_assert_cmpuint (ike_tree_n (ike_tree_get (tree, "secrets")), ==, 2);
  g_assert_cmpint (ask_number (f, "SELECT count(*) FROM users WHERE typeof (secret) = 'blob'"), ==,
                   key ? 1 : 0);
  g_assert_true (store_user_remove (f->tx, &f->context, "dave", &was_there, NULL));
  g_assert_true (was_there);
  g_assert_true (store_user_remove (f->tx, &f->context, "dave", &was_there, NULL));
  g_assert_false (was_there);
}

static gboolean
find_secret (const IkeSqliteValue *row, guint n, gpointer data)
{
  g_assert_cmpint (row[0].integer, ==, 77);
  g_assert_cmpstr (ike_sqlite_value_text (&row[1]), ==, "tester");
  for (guint i = 2; i < n; i++)
    g_assert_null (strstr (ike_sqlite_value_text (&row[i]), "geheim"));
  ++*(guint *) data;
  return TRUE;
}

static void
test_audit (Fixture *f, gconstpointer unused)
{
  const IkeSqliteStatement ask = { "SELECT time_us, who, action, path FROM audit", NULL, 0 };
  g_autoptr (IkeSecretBlob) password = ike_secret_blob_new ("geheim", 6);
  const StoreUser carol = { "carol", password, NULL };
  guint n_rows = 0;
  gint64 n;

  import (f, "secrets { ike-1 { secret = geheim } } connections { a { version = 2 } }", FALSE);
  g_assert_true (store_set (f->tx, &f->context, "secrets.ike-1.secret", "geheimer", NULL));
  g_assert_true (store_user_set (f->tx, &f->context, &carol, NULL));
  g_assert_true (store_remove (f->tx, &f->context, "connections.a", &n, NULL));
  g_assert_true (f->tx->each (f->tx, &ask, find_secret, &n_rows, NULL));
  g_assert_cmpuint (n_rows, ==, 5);
}

/* -- older databases */

static void
test_version_1 (Fixture *unused, gconstpointer data)
{
  g_autofree char *sql_path =
      g_build_filename (g_getenv ("IKE_TOP_SRCDIR"), "plugins/store-sqlite/version_1.sql", NULL);
  g_autofree char *directory = g_dir_make_tmp ("ikebana-store-XXXXXX", NULL), *sql = NULL;
  g_autofree char *path = g_build_filename (directory, "store.db", NULL);
  const ConnectionOptions options = { path, CONNECTION_WRITES, 100, FALSE };
  g_autoptr (GError) error = NULL;
  Fixture f = { 0 };
  sqlite3 *old = NULL;

  g_file_get_contents (sql_path, &sql, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (sqlite3_open (path, &old), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (old, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (old);
  g_chmod (path, 0600);
  f.connection = connection_open (&options, &error);
  g_assert_no_error (error);
  connection_migrate (f.connection, "store", store_migrations, &error);
  g_assert_no_error (error);
  f.tx = connection_tx (f.connection);
  g_autoptr (IkeTree) tree = read_back (&f, NULL);
  g_assert_true (store_users_read (f.tx, &f.key, tree, NULL));
  g_assert_cmpstr (ike_tree_string (tree, "connections.home.version", NULL), ==, "2");
  g_assert_cmpstr (ike_tree_string (tree, "secrets.eap-user-1.id", NULL), ==, "carol");
  g_assert_cmpint (ask_number (&f, "SELECT version FROM schema WHERE component = 'store'"), ==, 2);
  connection_close (f.connection);
  g_unlink (path);
  g_rmdir (directory);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, data, function) g_test_add (name, Fixture, data, set_up, function, tear_down)
  ADD ("/store/any-tree-comes-back-as-it-was", NULL, test_round_trip);
  ADD ("/store/with-a-key-too", "key", test_round_trip);
  ADD ("/store/what-is-the-same-is-left-alone", NULL, test_same);
  ADD ("/store/one-value-is-set-in-its-place", NULL, test_set);
  ADD ("/store/secrets-are-wrapped-for-their-place", NULL, test_secrets);
  ADD ("/store/no-damaged-secret-is-unwrapped", NULL, test_damaged);
  ADD ("/store/secrets-are-wrapped-anew", NULL, test_rewrap);
  ADD ("/store/a-key-is-a-file-of-32-bytes-of-its-owner", NULL, test_key_file);
  ADD ("/store/users-are-secrets", NULL, test_users);
  ADD ("/store/users-are-wrapped-secrets", "key", test_users);
  ADD ("/store/the-audit-says-what-and-never-a-secret", NULL, test_audit);
#undef ADD
  g_test_add ("/store/a-database-of-version-1-is-brought-up-to-date", Fixture, NULL, NULL,
              test_version_1, NULL);
  return g_test_run ();
}
