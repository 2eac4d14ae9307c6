/* SPDX-License-Identifier: Apache-2.0 */
/* users.c - users of EAP: a name with a password, or with the hash that MSCHAPv2 needs. */
#include <ikebana/error.h>
#include <ikebana/ident.h>
#include "store.h"

gboolean
store_user_check (const char *name, GError **error)
{
  g_autoptr (IkeIdent) ident = NULL;
  gsize len = strlen (name);

  if (len == 0 || len > STORE_USER_MAX || !g_utf8_validate (name, (gssize) len, NULL)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
                 "the name of a user is a text of 1 to %u bytes", (guint) STORE_USER_MAX);
    return FALSE;
  }
  for (gsize i = 0; i < len; i++)
    if (g_ascii_iscntrl (name[i])) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
                   "the name of a user holds no control characters");
      return FALSE;
    }
  ident = ike_ident_parse (name, error);
  if (ident && ike_ident_is_pattern (ident)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX, "%s stands for many, and is no user", name);
    return FALSE;
  }
  return ident != NULL;
}

/* -- writing */

/* A secret as it is kept: a blob when it is wrapped, else a text. */
static gboolean
keep (const StoreContext *context, const char *path, IkeSecretBlob *secret, GBytes **wrapped,
      IkeSqliteValue *value, GError **error)
{
  if (!secret)
    return TRUE;
  *value = ike_sqlite_text ("");
  value->data = ike_secret_blob_data (secret);
  value->len = ike_secret_blob_len (secret);
  if (!context->key->key)
    return TRUE;
  *wrapped = store_wrap (context->key, path, value->data, value->len, error);
  if (*wrapped)
    *value = ike_sqlite_blob (g_bytes_get_data (*wrapped, NULL), g_bytes_get_size (*wrapped));
  return *wrapped != NULL;
}

gboolean
store_user_set (IkeSqliteTx *tx, const StoreContext *context, const StoreUser *user, GError **error)
{
  g_autofree char *secret_path = g_strconcat ("users.", user->name, ".secret", NULL);
  g_autofree char *ntlm_path = g_strconcat ("users.", user->name, ".ntlm", NULL);
  g_autofree char *path = g_strconcat ("users.", user->name, NULL);
  g_autoptr (GBytes) secret = NULL, ntlm = NULL;
  IkeSqliteValue args[3] = { ike_sqlite_text (user->name), ike_sqlite_null (), ike_sqlite_null () };
  const IkeSqliteStatement statement = {
    "INSERT INTO users (name, secret, ntlm) VALUES (?1, ?2, ?3)"
    " ON CONFLICT (name) DO UPDATE SET secret = ?2, ntlm = ?3",
    args, 3
  };

  return store_user_check (user->name, error)
         && keep (context, secret_path, user->secret, &secret, &args[1], error)
         && keep (context, ntlm_path, user->ntlm, &ntlm, &args[2], error)
         && tx->exec (tx, &statement, error) && store_audit (tx, context, "set", path, error);
}

gboolean
store_user_remove (IkeSqliteTx *tx, const StoreContext *context, const char *name,
                   gboolean *was_there, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (name) };
  const IkeSqliteStatement statement = { "DELETE FROM users WHERE name = ?1", args, 1 };
  g_autofree char *path = g_strconcat ("users.", name, NULL);

  if (!tx->exec (tx, &statement, error))
    return FALSE;
  *was_there = tx->n_changed > 0;
  return !*was_there || store_audit (tx, context, "remove", path, error);
}

/* -- reading */

typedef struct {
  const StoreKey *key;
  IkeTree *tree;
  GError *error;
} Reading;

/* A password is written in base64, since it may begin like a number of settings; a hash is one. */
static gboolean
add_secret (Reading *reading, const IkeSqliteValue *row, const char *kind, const char *column,
            const IkeSqliteValue *value)
{
  const char *name = ike_sqlite_value_text (&row[1]);
  g_autofree char *path = g_strconcat ("users.", name, ".", column, NULL);
  g_autofree char *key = g_strdup_printf ("%s-user-%" G_GINT64_FORMAT, kind, row[0].integer);
  g_autoptr (IkeSecretBlob) secret = NULL;
  gboolean is_hash = g_str_equal (kind, "ntlm");
  IkeTree *section, *secrets;
  char *text;

  if (value->type == IKE_SQLITE_NULL)
    return TRUE;
  secret = value->type == IKE_SQLITE_BLOB
               ? store_unwrap (reading->key, path, value->data, value->len, &reading->error)
               : ike_secret_blob_new (value->data, value->len);
  if (!secret)
    return FALSE;
  text = is_hash ? g_strndup ((char *) ike_secret_blob_data (secret), ike_secret_blob_len (secret))
                 : g_base64_encode (ike_secret_blob_data (secret), ike_secret_blob_len (secret));
  secrets = (IkeTree *) ike_tree_get (reading->tree, "secrets");
  section = ike_tree_add_section (
      secrets ? secrets : ike_tree_add_section (reading->tree, "secrets"), key);
  ike_tree_set_string (section, "id", name);
  ike_tree_set_format (section, "secret", "%s%s", is_hash ? "" : "0s", text);
  ike_wipe (text, strlen (text));
  g_free (text);
  return TRUE;
}

static gboolean
add_user (const IkeSqliteValue *row, guint n, gpointer data)
{
  return add_secret (data, row, "eap", "secret", &row[2])
         && add_secret (data, row, "ntlm", "ntlm", &row[3]);
}

gboolean
store_users_read (IkeSqliteTx *tx, const StoreKey *key, IkeTree *tree, GError **error)
{
  const IkeSqliteStatement statement = { "SELECT id, name, secret, ntlm FROM users ORDER BY id",
                                         NULL, 0 };
  Reading reading = { key, tree, NULL };

  if (!tx->each (tx, &statement, add_user, &reading, error))
    return FALSE;
  if (reading.error)
    g_propagate_error (error, reading.error);
  return !reading.error;
}
