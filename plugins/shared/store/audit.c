/* SPDX-License-Identifier: Apache-2.0 */
/* audit.c - the tables, who changed them, and wrapping anew. */
#include <ikebana/error.h>
#include "store.h"

const char *const store_migrations[] = {
  /* A section and a value may have one name.  A secret is a text in clear, a blob when wrapped. */
  "CREATE TABLE settings (path TEXT NOT NULL, is_section INTEGER NOT NULL, value, position INTEGER "
  "NOT NULL,"
  "  PRIMARY KEY (path, is_section)) WITHOUT ROWID;"
  "CREATE INDEX settings_order ON settings (position);"
  "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, secret);"
  "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time_us INTEGER NOT NULL, who TEXT "
  "NOT NULL,"
  "  action TEXT NOT NULL, path TEXT NOT NULL);",
  /* MSCHAPv2 needs no more than the hash of a password. */
  "ALTER TABLE users ADD COLUMN ntlm",
  NULL,
};

gboolean
store_audit (IkeSqliteTx *tx, const StoreContext *context, const char *action, const char *path,
             GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_int (tx->now_us), ike_sqlite_text (context->who),
                                  ike_sqlite_text (action), ike_sqlite_text (path) };
  const IkeSqliteStatement statement = {
    "INSERT INTO audit (time_us, who, action, path) VALUES (?1, ?2, ?3, ?4)", args, 4
  };

  return tx->exec (tx, &statement, error);
}

gboolean
store_revision (IkeSqliteTx *tx, gint64 *revision, GError **error)
{
  const IkeSqliteStatement statement = { "SELECT ifnull (max (id), 0) FROM audit", NULL, 0 };
  g_autoptr (IkeSqliteRows) rows = tx->query (tx, &statement, 1, error);

  if (rows)
    *revision = ike_sqlite_rows_get (rows, 0, 0)->integer;
  return rows != NULL;
}

gboolean
store_has_clear (IkeSqliteTx *tx, gboolean *answer, GError **error)
{
  const IkeSqliteStatement ask = {
    "SELECT EXISTS (SELECT 1 FROM settings WHERE path > 'secrets.' AND path < 'secrets/'"
    " AND typeof (value) = 'text' AND (path LIKE '%.secret' OR path LIKE '%.pin'))"
    " OR EXISTS (SELECT 1 FROM users WHERE typeof (secret) = 'text' OR typeof (ntlm) = 'text')",
    NULL, 0
  };
  g_autoptr (IkeSqliteRows) rows = tx->query (tx, &ask, 1, error);

  if (rows)
    *answer = ike_sqlite_rows_get (rows, 0, 0)->integer != 0;
  return rows != NULL;
}

/* -- wrapping anew */

typedef struct {
  const char *ask, *tell;      /* path or name, and value; the same with a new value */
  const char *prefix, *suffix; /* around it: the path of the secret */
} Place;

static GBytes *
wrap_anew (const StoreContext *context, const StoreKey *old_key, const char *path,
           const IkeSqliteValue *value, GError **error)
{
  g_autoptr (IkeSecretBlob) secret = NULL;

  if (value->type == IKE_SQLITE_BLOB)
    secret = store_unwrap (old_key, path, value->data, value->len, error);
  else
    secret = ike_secret_blob_new (value->data, value->len);
  if (!secret)
    return NULL;
  return store_wrap (context->key, path, ike_secret_blob_data (secret),
                     ike_secret_blob_len (secret), error);
}

static gboolean
rewrap_row (IkeSqliteTx *tx, const StoreContext *context, const StoreKey *old_key,
            const Place *place, const IkeSqliteValue *row, GError **error)
{
  const char *name = ike_sqlite_value_text (&row[0]);
  g_autofree char *path = g_strconcat (place->prefix, name, place->suffix, NULL);
  g_autoptr (GBytes) wrapped = wrap_anew (context, old_key, path, &row[1], error);
  IkeSqliteValue args[2];

  if (!wrapped)
    return FALSE;
  args[0] = row[0];
  args[1] = ike_sqlite_blob (g_bytes_get_data (wrapped, NULL), g_bytes_get_size (wrapped));
  const IkeSqliteStatement tell = { place->tell, args, 2 };
  return tx->exec (tx, &tell, error);
}

gboolean
store_rewrap (IkeSqliteTx *tx, const StoreContext *context, const StoreKey *old_key, guint *n,
              GError **error)
{
  static const Place places[] = {
    { "SELECT path, value FROM settings WHERE path > 'secrets.' AND path < 'secrets/' AND NOT "
      "is_section"
      " AND value IS NOT NULL",
      "UPDATE settings SET value = ?2 WHERE path = ?1 AND NOT is_section", "", "" },
    { "SELECT name, secret FROM users WHERE secret IS NOT NULL",
      "UPDATE users SET secret = ?2 WHERE name = ?1", "users.", ".secret" },
    { "SELECT name, ntlm FROM users WHERE ntlm IS NOT NULL",
      "UPDATE users SET ntlm = ?2 WHERE name = ?1", "users.", ".ntlm" },
  };

  *n = 0;
  for (guint i = 0; i < G_N_ELEMENTS (places); i++) {
    const IkeSqliteStatement ask = { places[i].ask, NULL, 0 };
    g_autoptr (IkeSqliteRows) rows = tx->query (tx, &ask, G_MAXUINT, error);
    if (!rows)
      return FALSE;
    for (guint row = 0; row < rows->n_rows; row++) {
      const IkeSqliteValue *values = ike_sqlite_rows_get (rows, row, 0);
      if (i == 0 && !store_path_is_secret (ike_sqlite_value_text (values)))
        continue;
      if (!rewrap_row (tx, context, old_key, &places[i], values, error))
        return FALSE;
      (*n)++;
    }
  }
  return store_audit (tx, context, "wrap", "secrets", error);
}
