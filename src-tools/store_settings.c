/* SPDX-License-Identifier: Apache-2.0 */
/* store_settings.c - import, export, set, unset, get, list. */
#include <stdio.h>
#include <string.h>
#include "store.h"

/* -- in */

static gboolean
run_import (StoreTool *tool, const char *const *words, GError **error)
{
  g_autoptr (IkeTree) tree = ike_settings_load (words[0], error);
  guint n = 0;

  if (!tree || !store_import (tool->tx, &tool->context, tree, tool->is_whole, &n, error))
    return FALSE;
  if (tool->is_json)
    printf ("{\"changed\": %u, \"dry-run\": %s}\n", n, tool->is_dry ? "true" : "false");
  else
    printf ("%u changed%s\n", n, tool->is_dry ? ", if this were no dry run" : "");
  return TRUE;
}

static gboolean
run_set (StoreTool *tool, const char *const *words, GError **error)
{
  g_autoptr (IkeSecretBlob) secret = NULL;
  char *text;
  gboolean is_done;

  if (words[1])
    return store_set (tool->tx, &tool->context, words[0], words[1], error);
  /* Not on the command line, which everybody sees in the list of processes. */
  secret = store_read_secret (tool, error);
  if (!secret)
    return FALSE;
  text = g_strndup ((char *) ike_secret_blob_data (secret), ike_secret_blob_len (secret));
  is_done = store_set (tool->tx, &tool->context, words[0], text, error);
  ike_wipe (text, strlen (text));
  g_free (text);
  return is_done;
}

static gboolean
run_unset (StoreTool *tool, const char *const *words, GError **error)
{
  gint64 n;

  if (!store_remove (tool->tx, &tool->context, words[0], &n, error))
    return FALSE;
  if (n == 0)
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "there is no %s", words[0]);
  return n > 0;
}

/* -- out */

static gboolean
run_export (StoreTool *tool, const char *const *words, GError **error)
{
  g_autoptr (IkeTree) tree = NULL;
  const StoreKey *key = tool->leaves_out_secrets ? NULL : &tool->key;
  char *text;

  if (words[0] && !store_path_check (words[0], error))
    return FALSE;
  tree = store_read (tool->tx, key, words[0], "database", error);
  if (!tree || (key && !words[0] && !store_users_read (tool->tx, key, tree, error)))
    return FALSE;
  if (tool->is_json) {
    store_print_json (tree);
    return TRUE;
  }
  text = store_format (tree);
  fputs (text, stdout);
  ike_wipe (text, strlen (text));
  g_free (text);
  return TRUE;
}

static void
print_value (const char *path, const char *value_or_null)
{
  g_autofree char *clean = show_clean (value_or_null ? value_or_null : "");

  if (path)
    printf ("%s = %s\n", path, clean);
  else
    printf ("%s\n", clean);
}

static gboolean
run_get (StoreTool *tool, const char *const *words, GError **error)
{
  g_autoptr (IkeTree) tree = NULL;
  const IkeTree *node;
  char buffer[32];

  if (!store_path_check (words[0], error))
    return FALSE;
  if (store_path_is_secret (words[0]) && !tool->shows_secrets) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED, "%s is a secret; --secrets shows it",
                 words[0]);
    return FALSE;
  }
  tree =
      store_read (tool->tx, tool->shows_secrets ? &tool->key : NULL, words[0], "database", error);
  if (!tree)
    return FALSE;
  node = ike_tree_get (tree, words[0]);
  if (!node) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "there is no %s", words[0]);
    return FALSE;
  }
  if (tool->is_json)
    store_print_json (node);
  else if (ike_tree_type (node) == IKE_TREE_SECTION)
    for (guint i = 0; i < ike_tree_n (node); i++)
      printf ("%s\n", ike_tree_name (ike_tree_nth (node, i)));
  else
    print_value (NULL, ike_tree_text (node, buffer));
  return TRUE;
}

static void
list_below (const IkeTree *tree, GString *path)
{
  gsize len = path->len;
  char buffer[32];

  for (guint i = 0; i < ike_tree_n (tree); i++) {
    const IkeTree *child = ike_tree_nth (tree, i);
    g_string_append_printf (path, "%s%s", len ? "." : "", ike_tree_name (child));
    if (ike_tree_type (child) == IKE_TREE_SECTION)
      list_below (child, path);
    else
      print_value (path->str, ike_tree_text (child, buffer));
    g_string_truncate (path, len);
  }
}

static gboolean
run_list (StoreTool *tool, const char *const *words, GError **error)
{
  g_autoptr (GString) path = g_string_new (NULL);
  g_autoptr (IkeTree) tree = NULL;

  if (words[0] && !store_path_check (words[0], error))
    return FALSE;
  tree =
      store_read (tool->tx, tool->shows_secrets ? &tool->key : NULL, words[0], "database", error);
  if (tree && tool->is_json)
    store_print_json (tree);
  else if (tree)
    list_below (tree, path);
  return tree != NULL;
}

const StoreCommand store_settings_commands[] = {
  { "import", "FILE [--replace] [--dry-run]",
    "take connections, secrets, pools and authorities from a swanctl.conf", 1, 1, TRUE,
    run_import },
  { "export", "[PATH] [--no-secrets]", "write what is there as a swanctl.conf", 0, 1, FALSE,
    run_export },
  { "set", "PATH [VALUE]", "set one value; without VALUE it is the first line of standard input", 1,
    2, TRUE, run_set },
  { "unset", "PATH", "remove a value, or a section with all in it", 1, 1, TRUE, run_unset },
  { "get", "PATH [--secrets]", "show one value, or the names in a section", 1, 1, FALSE, run_get },
  { "list", "[PATH] [--secrets]", "show all values as PATH = VALUE", 0, 1, FALSE, run_list },
  { NULL },
};
