/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c - settings as rows: a tree is read from them and written into them.
 *
 * Rows become a tree by way of the grammar of settings: each is a line "a { b { c = "…" } }",
 * and the parser merges them.  So a tree from the database is exactly one that a file could have
 * made. */
#include <ikebana/error.h>
#include "store.h"

enum { NAME_MAX_LEN = 255, DEPTH_MAX = 60 };

static const char *const sections[] = { "connections", "secrets", "pools", "authorities", NULL };

/* -- paths */

/* As the grammar has them: what a name cannot hold. */
static gboolean
check_name (const char *name, const char *path, GError **error)
{
  gsize len = strlen (name);

  if (len > 0 && len <= NAME_MAX_LEN && strcspn (name, "#{}:.,=\"\r\n\t ") == len)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
               "\"%s\" is no path: names between dots are not empty, of at most %u bytes, and hold "
               "none of # { } : , = \" and no blanks",
               path, (guint) NAME_MAX_LEN);
  return FALSE;
}

gboolean
store_path_check (const char *path, GError **error)
{
  g_auto (GStrv) names = g_strsplit (path, ".", DEPTH_MAX + 1);
  const char *nearest;

  for (guint i = 0; names[i]; i++)
    if (!check_name (names[i], path, error))
      return FALSE;
  if (names[0] && g_strv_contains (sections, names[0]))
    return TRUE;
  nearest = names[0] ? ike_nearest (names[0], sections) : NULL;
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
               "\"%s\" does not begin with connections, secrets, pools or authorities%s%s%s", path,
               nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
  return FALSE;
}

gboolean
store_path_is_secret (const char *path)
{
  const char *name = strrchr (path, '.');

  return g_str_has_prefix (path, "secrets.") && name
         && (g_str_equal (name, ".secret") || g_str_equal (name, ".pin"));
}

/* -- as text */

void
store_format_value (GString *text, const char *value_or_null)
{
  static const char special[] = "\"\\\n\r\t", letter[] = "\"\\nrt";

  if (!value_or_null)
    return;
  g_string_append_c (text, '"');
  for (const char *at = value_or_null; *at; at++) {
    const char *found = strchr (special, *at);
    if (found)
      g_string_append_c (text, '\\');
    g_string_append_c (text, found ? letter[found - special] : *at);
  }
  g_string_append_c (text, '"');
}

static void
format_section (GString *text, const IkeTree *tree, guint depth)
{
  char buffer[32];

  for (guint i = 0; i < ike_tree_n (tree); i++) {
    const IkeTree *child = ike_tree_nth (tree, i);
    g_string_append_printf (text, "%*s%s", (int) depth * 2, "", ike_tree_name (child));
    if (ike_tree_type (child) != IKE_TREE_SECTION) {
      g_string_append (text, " = ");
      store_format_value (text, ike_tree_text (child, buffer));
      g_string_append_c (text, '\n');
      continue;
    }
    /* With a blank, a section "include" would be read as a file to include. */
    g_string_append (text, g_str_equal (ike_tree_name (child), "include") ? "{\n" : " {\n");
    format_section (text, child, depth + 1);
    g_string_append_printf (text, "%*s}\n", (int) depth * 2, "");
  }
}

char *
store_format (const IkeTree *tree)
{
  GString *text = g_string_new (NULL);

  format_section (text, tree, 0);
  return g_string_free (text, FALSE);
}

/* -- reading */

typedef struct {
  const StoreKey *key;
  GString *text;
  GError *error;
} Reading;

static gboolean
add_value (Reading *reading, const char *path, const IkeSqliteValue *value)
{
  g_autoptr (IkeSecretBlob) secret = NULL;
  char *text;

  if (value->type != IKE_SQLITE_BLOB) {
    store_format_value (reading->text,
                        value->type == IKE_SQLITE_TEXT ? ike_sqlite_value_text (value) : NULL);
    return TRUE;
  }
  secret = store_unwrap (reading->key, path, value->data, value->len, &reading->error);
  if (!secret)
    return FALSE;
  text = g_strndup ((char *) ike_secret_blob_data (secret), ike_secret_blob_len (secret));
  store_format_value (reading->text, text);
  ike_wipe (text, ike_secret_blob_len (secret));
  g_free (text);
  return TRUE;
}

/* Columns: path, is_section, value. */
static gboolean
add_row (const IkeSqliteValue *row, guint n, gpointer data)
{
  Reading *reading = data;
  const char *path = ike_sqlite_value_text (&row[0]), *at, *dot;
  guint depth = 0;

  if (!store_path_check (path, &reading->error))
    return FALSE;
  if (!reading->key && store_path_is_secret (path))
    return TRUE;
  for (at = path; (dot = strchr (at, '.')); at = dot + 1, depth++) {
    g_string_append_len (reading->text, at, dot - at);
    g_string_append_c (reading->text, '{');
  }
  g_string_append (reading->text, at);
  g_string_append_c (reading->text, row[1].integer ? '{' : '=');
  if (!row[1].integer && !add_value (reading, path, &row[2]))
    return FALSE;
  for (depth += row[1].integer ? 1 : 0; depth; depth--)
    g_string_append_c (reading->text, '}');
  g_string_append_c (reading->text, '\n');
  return TRUE;
}

/* What is at @path and below: between "path." and "path/", the next character. */
static gboolean
read_rows (IkeSqliteTx *tx, Reading *reading, const char *path_or_null, GError **error)
{
  g_autofree char *low = g_strconcat (path_or_null ? path_or_null : "", ".", NULL);
  g_autofree char *high = g_strconcat (path_or_null ? path_or_null : "", "/", NULL);
  const IkeSqliteValue args[] = { ike_sqlite_text (path_or_null), ike_sqlite_text (low),
                                  ike_sqlite_text (high) };
  const IkeSqliteStatement all = { "SELECT path, is_section, value FROM settings ORDER BY position",
                                   NULL, 0 };
  const IkeSqliteStatement some = {
    "SELECT path, is_section, value FROM settings WHERE path = ?1 OR (path > ?2 AND path < ?3)"
    " ORDER BY position",
    args, 3
  };

  if (!tx->each (tx, path_or_null ? &some : &all, add_row, reading, error))
    return FALSE;
  if (reading->error)
    g_propagate_error (error, reading->error);
  return !reading->error;
}

IkeTree *
store_read (IkeSqliteTx *tx, const StoreKey *key, const char *path_or_null, const char *origin,
            GError **error)
{
  Reading reading = { key, g_string_new (NULL), NULL };
  IkeTree *tree = NULL;

  if (read_rows (tx, &reading, path_or_null, error))
    tree = ike_settings_parse (reading.text->str, reading.text->len, origin, error);
  if (tree)
    ike_tree_set_origin (tree, origin);
  ike_wipe (reading.text->str, reading.text->len);
  g_string_free (reading.text, TRUE);
  return tree;
}

/* -- writing */

static gboolean
put_row (IkeSqliteTx *tx, const char *path, gboolean is_section, const IkeSqliteValue *value,
         GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (path), ike_sqlite_int (is_section), *value };
  /* What is there keeps its place. */
  const IkeSqliteStatement statement = {
    "INSERT INTO settings (path, is_section, value, position) VALUES (?1, ?2, ?3,"
    " (SELECT ifnull (max (position), 0) + 1 FROM settings))"
    " ON CONFLICT (path, is_section) DO UPDATE SET value = ?3",
    args, 3
  };

  return tx->exec (tx, &statement, error);
}

static gboolean
put_sections (IkeSqliteTx *tx, const char *path, GError **error)
{
  const IkeSqliteValue none = ike_sqlite_null ();

  for (const char *dot = strchr (path, '.'); dot; dot = strchr (dot + 1, '.')) {
    g_autofree char *section = g_strndup (path, (gsize) (dot - path));
    if (!put_row (tx, section, TRUE, &none, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
put_value (IkeSqliteTx *tx, const StoreContext *context, const char *path,
           const char *value_or_null, GError **error)
{
  IkeSqliteValue value = ike_sqlite_text (value_or_null);
  g_autoptr (GBytes) wrapped = NULL;

  if (value_or_null && context->key->key && store_path_is_secret (path)) {
    wrapped = store_wrap (context->key, path, value_or_null, strlen (value_or_null), error);
    if (!wrapped)
      return FALSE;
    value = ike_sqlite_blob (g_bytes_get_data (wrapped, NULL), g_bytes_get_size (wrapped));
  }
  return put_row (tx, path, FALSE, &value, error);
}

gboolean
store_set (IkeSqliteTx *tx, const StoreContext *context, const char *path, const char *value,
           GError **error)
{
  if (!store_path_check (path, error))
    return FALSE;
  if (!strchr (path, '.')) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX, "\"%s\" is a section; name a value in it",
                 path);
    return FALSE;
  }
  return put_sections (tx, path, error) && put_value (tx, context, path, value, error)
         && store_audit (tx, context, "set", path, error);
}

static gboolean
drop (IkeSqliteTx *tx, const char *path, gint64 *n, GError **error)
{
  g_autofree char *low = g_strconcat (path, ".", NULL), *high = g_strconcat (path, "/", NULL);
  const IkeSqliteValue args[] = { ike_sqlite_text (path), ike_sqlite_text (low),
                                  ike_sqlite_text (high) };
  const IkeSqliteStatement statement = {
    "DELETE FROM settings WHERE path = ?1 OR (path > ?2 AND path < ?3)", args, 3
  };

  if (!tx->exec (tx, &statement, error))
    return FALSE;
  *n = tx->n_changed;
  return TRUE;
}

gboolean
store_remove (IkeSqliteTx *tx, const StoreContext *context, const char *path, gint64 *n,
              GError **error)
{
  return store_path_check (path, error) && drop (tx, path, n, error)
         && (!*n || store_audit (tx, context, "remove", path, error));
}

/* -- whole trees */

static gboolean put_tree (IkeSqliteTx *tx, const StoreContext *context, const char *path,
                          const IkeTree *tree, GError **error);

static gboolean
put_section (IkeSqliteTx *tx, const StoreContext *context, const char *path, const IkeTree *tree,
             GError **error)
{
  const IkeSqliteValue none = ike_sqlite_null ();

  if (!put_row (tx, path, TRUE, &none, error))
    return FALSE;
  for (guint i = 0; i < ike_tree_n (tree); i++) {
    const IkeTree *child = ike_tree_nth (tree, i);
    g_autofree char *at = g_strconcat (path, ".", ike_tree_name (child), NULL);
    if (!put_tree (tx, context, at, child, error))
      return FALSE;
  }
  return TRUE;
}

/* Trees of settings are not deeper than their grammar allows. */
static gboolean
put_tree (IkeSqliteTx *tx, const StoreContext *context, const char *path, const IkeTree *tree,
          GError **error)
{
  char buffer[32];

  if (!store_path_check (path, error))
    return FALSE;
  if (ike_tree_type (tree) == IKE_TREE_SECTION)
    return put_section (tx, context, path, tree, error);
  if (ike_tree_type (tree) != IKE_TREE_LIST)
    return put_value (tx, context, path, ike_tree_text (tree, buffer), error);
  g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, "%s is a list, which settings do not have",
               path);
  return FALSE;
}

/* One that cannot be read, because its secret was wrapped with another key, is another one. */
static gboolean
is_same (IkeSqliteTx *tx, const StoreContext *context, const char *path, const IkeTree *next)
{
  g_autoptr (IkeTree) now = store_read (tx, context->key, path, path, NULL);
  const IkeTree *there = now ? ike_tree_get (now, path) : NULL;

  return there && ike_tree_equal (there, next);
}

static gboolean
import_section (IkeSqliteTx *tx, const StoreContext *context, const IkeTree *section, guint *n,
                GError **error)
{
  for (guint i = 0; i < ike_tree_n (section); i++) {
    const IkeTree *child = ike_tree_nth (section, i);
    g_autofree char *path = g_strconcat (ike_tree_name (section), ".", ike_tree_name (child), NULL);
    gint64 n_gone;
    if (is_same (tx, context, path, child))
      continue;
    (*n)++;
    if (!drop (tx, path, &n_gone, error) || !put_sections (tx, path, error)
        || !put_tree (tx, context, path, child, error)
        || !store_audit (tx, context, "import", path, error))
      return FALSE;
  }
  return TRUE;
}

/* What is in the database and not in @tree, two levels deep. */
static gboolean
drop_others (IkeSqliteTx *tx, const StoreContext *context, const IkeTree *tree, guint *n,
             GError **error)
{
  const IkeSqliteStatement ask = { "SELECT DISTINCT path FROM settings", NULL, 0 };
  g_autoptr (IkeSqliteRows) rows = tx->query (tx, &ask, G_MAXUINT, error);

  if (!rows)
    return FALSE;
  for (guint i = 0; i < rows->n_rows; i++) {
    const char *path = ike_sqlite_value_text (ike_sqlite_rows_get (rows, i, 0));
    const char *dot = strchr (path, '.');
    gint64 n_gone;
    if (!dot || strchr (dot + 1, '.') || ike_tree_get (tree, path))
      continue;
    if (!store_remove (tx, context, path, &n_gone, error))
      return FALSE;
    (*n)++;
  }
  return TRUE;
}

gboolean
store_import (IkeSqliteTx *tx, const StoreContext *context, const IkeTree *tree, gboolean is_whole,
              guint *n, GError **error)
{
  *n = 0;
  for (guint i = 0; sections[i]; i++) {
    const IkeTree *section = ike_tree_get (tree, sections[i]);
    if (section && ike_tree_type (section) == IKE_TREE_SECTION
        && !import_section (tx, context, section, n, error))
      return FALSE;
  }
  return !is_whole || drop_others (tx, context, tree, n, error);
}
