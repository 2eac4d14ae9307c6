/* SPDX-License-Identifier: Apache-2.0 */
/* store_users.c - users, the audit, and wrapping secrets anew. */
#include <stdio.h>
#include <string.h>
#include "store.h"

/* -- users */

static gboolean
add_user (const IkeSqliteValue *row, guint n, gpointer data)
{
  IkeTree *one = ike_tree_add_section (data, NULL);

  ike_tree_set_string (one, "name", ike_sqlite_value_text (&row[0]));
  ike_tree_set_bool (one, "password", row[1].integer != 0);
  ike_tree_set_bool (one, "ntlm", row[2].integer != 0);
  return TRUE;
}

static gboolean
list_users (StoreTool *tool, GError **error)
{
  const IkeSqliteStatement statement = {
    "SELECT name, secret IS NOT NULL, ntlm IS NOT NULL FROM users ORDER BY name", NULL, 0
  };
  g_autoptr (IkeTree) list = ike_tree_new_list ();

  if (!tool->tx->each (tool->tx, &statement, add_user, list, error))
    return FALSE;
  if (tool->is_json) {
    store_print_json (list);
    return TRUE;
  }
  for (guint i = 0; i < ike_tree_n (list); i++) {
    const IkeTree *one = ike_tree_nth (list, i);
    g_autofree char *name = show_clean (ike_tree_string (one, "name", ""));
    printf ("%s%s%s\n", name, ike_tree_bool (one, "password", FALSE) ? "  password" : "",
            ike_tree_bool (one, "ntlm", FALSE) ? "  ntlm" : "");
  }
  return TRUE;
}

/* MSCHAPv2's hash of a password: 32 digits, as other tools print it. */
static IkeSecretBlob *
as_hash (IkeSecretBlob *typed, GError **error)
{
  const char *text = (const char *) ike_secret_blob_data (typed);
  gsize len = ike_secret_blob_len (typed);
  IkeSecretBlob *hash;

  if (len > 2 && g_ascii_strncasecmp (text, "0x", 2) == 0)
    text += 2, len -= 2;
  for (gsize i = 0; len == 32 && i < len; i++)
    if (!g_ascii_isxdigit (text[i]))
      len = 0;
  if (len != 32) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
                 "an NTLM hash is 32 hexadecimal digits, for 16 bytes");
    return NULL;
  }
  hash = ike_secret_blob_new (NULL, 34);
  memcpy (ike_secret_blob_data (hash), "0x", 2);
  memcpy (ike_secret_blob_data (hash) + 2, text, 32);
  return hash;
}

static gboolean
set_user (StoreTool *tool, const char *name, GError **error)
{
  g_autoptr (IkeSecretBlob) typed = NULL, hash = NULL;
  StoreUser user = { .name = name };

  if (!store_user_check (name, error))
    return FALSE;
  typed = store_read_secret (tool, error);
  if (!typed)
    return FALSE;
  if (tool->is_hash && !(hash = as_hash (typed, error)))
    return FALSE;
  user.secret = tool->is_hash ? NULL : typed;
  user.ntlm = hash;
  return store_user_set (tool->tx, &tool->context, &user, error);
}

static gboolean
remove_user (StoreTool *tool, const char *name, GError **error)
{
  gboolean was_there = FALSE;

  if (store_user_remove (tool->tx, &tool->context, name, &was_there, error) && !was_there)
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "there is no user %s", name);
  return was_there;
}

static gboolean
run_users (StoreTool *tool, const char *const *words, GError **error)
{
  if (!words[0] || (strcmp (words[0], "list") == 0 && !words[1]))
    return list_users (tool, error);
  if (strcmp (words[0], "set") == 0 && words[1])
    return set_user (tool, words[1], error);
  if (strcmp (words[0], "remove") == 0 && words[1])
    return remove_user (tool, words[1], error);
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
               "it is users list, users set NAME or users remove NAME");
  return FALSE;
}

/* -- the audit */

static gboolean
add_change (const IkeSqliteValue *row, guint n, gpointer data)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (row[0].integer / G_USEC_PER_SEC);
  g_autofree char *text = time ? g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ") : NULL;
  IkeTree *one = ike_tree_add_section (data, NULL);

  ike_tree_set_string (one, "time", text ? text : "");
  ike_tree_set_string (one, "who", ike_sqlite_value_text (&row[1]));
  ike_tree_set_string (one, "action", ike_sqlite_value_text (&row[2]));
  ike_tree_set_string (one, "path", ike_sqlite_value_text (&row[3]));
  return TRUE;
}

static gboolean
run_audit (StoreTool *tool, const char *const *words, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_int (tool->max) };
  const IkeSqliteStatement statement = {
    "SELECT time_us, who, action, path FROM audit ORDER BY id DESC LIMIT ?1", args, 1
  };
  g_autoptr (IkeTree) list = ike_tree_new_list ();

  if (!tool->tx->each (tool->tx, &statement, add_change, list, error))
    return FALSE;
  if (tool->is_json)
    store_print_json (list);
  for (guint i = 0; !tool->is_json && i < ike_tree_n (list); i++) {
    const IkeTree *one = ike_tree_nth (list, i);
    g_autofree char *who = show_clean (ike_tree_string (one, "who", ""));
    g_autofree char *path = show_clean (ike_tree_string (one, "path", ""));
    printf ("%s %s %s %s\n", ike_tree_string (one, "time", ""), who,
            ike_tree_string (one, "action", ""), path);
  }
  return TRUE;
}

/* -- wrapping anew */

static gboolean
run_wrap (StoreTool *tool, const char *const *words, GError **error)
{
  StoreKey old_key = tool->key;
  gboolean is_done;
  guint n = 0;

  if (!tool->key.key) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
                 "name a key file: --key-file, or plugins.store-sqlite.key_file in the settings");
    return FALSE;
  }
  if (tool->old_key_file) {
    old_key.key = store_key_read (tool->old_key_file, error);
    if (!old_key.key)
      return FALSE;
  }
  is_done = store_rewrap (tool->tx, &tool->context, &old_key, &n, error);
  if (tool->old_key_file)
    ike_secret_blob_unref (old_key.key);
  if (is_done && tool->is_json)
    printf ("{\"wrapped\": %u}\n", n);
  else if (is_done)
    printf ("%u secrets wrapped\n", n);
  return is_done;
}

const StoreCommand store_users_commands[] = {
  { "users", "[list] | set NAME [--ntlm] | remove NAME",
    "users of EAP; the secret is the first line of standard input", 0, 2, TRUE, run_users },
  { "audit", "[--max=N]", "show who changed what, the newest first", 0, 0, FALSE, run_audit },
  { "wrap", "[--old-key-file=FILE]", "wrap all secrets with the key file", 0, 0, TRUE, run_wrap },
  { NULL },
};
