/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_settings.c - settings files: any bytes, with includes of three files in a directory of our
 * own.
 *
 * Covers: libcore/config/lexer.c libcore/config/settings.c libcore/config/references.c
 * libcore/base/values.c libcore/base/tree_text.c */
#include <stdlib.h>
#include <string.h>
#include <glib/gstdio.h>
#include <ikebana/tree.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);
int LLVMFuzzerInitialize (int *argc, char ***argv);

/* The harness is a program of its own: these are its only state. */
static char *directory, *main_file;

static void
remove_files (void)
{
  static const char *const names[] = { "good.conf", "loop.conf", "wrong.conf" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (directory, names[i], NULL);
    g_unlink (path);
  }
  g_rmdir (directory);
}

static void
write_file (const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  directory = g_dir_make_tmp ("ikebana-fuzz-XXXXXX", NULL);
  g_assert_nonnull (directory);
  main_file = g_build_filename (directory, "main.conf", NULL);
  write_file ("good.conf", "g { h = 1 }\ni : g { }\n");
  write_file ("loop.conf", "include loop.conf\n");
  write_file ("wrong.conf", "x y\n");
  atexit (remove_files);
  return 0;
}

static void
try_values (const IkeTree *tree)
{
  static const char *const names[] = { "rekey_time", "local", "remote", NULL };
  guint64 number;
  gboolean truth;

  for (guint i = 0; i < ike_tree_n (tree); i++) {
    const IkeTree *child = ike_tree_nth (tree, i);
    const char *text = ike_tree_string (child, NULL, NULL);
    g_assert_true (g_str_has_prefix (ike_tree_where (child), directory)
                   || !*ike_tree_where (child));
    ike_nearest (ike_tree_name (child), names);
    if (text) {
      g_strfreev (ike_value_list (text));
      ike_value_bool (text, &truth);
      ike_value_uint (text, &number);
      ike_value_time (text, &number);
      ike_value_bytes (text, &number);
    }
    try_values (child);
  }
}

static void
try_merge (const IkeTree *tree)
{
  g_autoptr (IkeTree) copy = ike_tree_copy (tree);
  g_autofree char *good = g_build_filename (directory, "good.conf", NULL),
                  *wrong = g_build_filename (directory, "wrong.conf", NULL);

  g_assert_true (ike_tree_equal (tree, copy));
  g_assert_false (ike_settings_merge_file (copy, wrong, NULL));
  g_assert_true (ike_tree_equal (tree, copy));
  if (ike_settings_merge_file (copy, good, NULL))
    g_assert_cmpstr (ike_tree_string (copy, "i.h", NULL), !=, NULL);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) tree = NULL;
  g_autofree char *text = NULL;

  /* Only our own files are included. */
  if (size > 65536 || memchr (data, '/', size))
    return 0;
  tree = ike_settings_parse ((const char *) data, size, main_file, &error);
  g_assert_true ((tree == NULL) == (error != NULL));
  if (!tree) {
    g_assert_true (g_str_has_prefix (error->message, directory));
    return 0;
  }
  text = ike_tree_serialize (tree, size & 1);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  try_values (tree);
  try_merge (tree);
  return 0;
}
