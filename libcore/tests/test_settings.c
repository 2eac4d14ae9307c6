/* SPDX-License-Identifier: Apache-2.0 */
/* test_settings.c - the grammar of settings files, rule by rule, right and wrong. */
#include "base/tree_private.h"
#include <glib/gstdio.h>
#include <ikebana/error.h>
#include <string.h>

static IkeTree *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  IkeTree *tree = ike_settings_parse (text, strlen (text), "test.conf", &error);
  g_assert_no_error (error);
  return tree;
}

/* @text fails with an error that begins with @place and holds @words. */
static void
assert_wrong (const char *text, const char *place, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) tree = ike_settings_parse (text, strlen (text), "test.conf", &error);

  g_assert_null (tree);
  g_assert_error (error, IKE_ERROR, IKE_ERROR_SYNTAX);
  if (!g_str_has_prefix (error->message, place) || !strstr (error->message, words))
    g_error ("expected \"%s … %s\", got \"%s\"", place, words, error->message);
}

static void
assert_value (const char *text, const char *path, const char *expected)
{
  g_autoptr (IkeTree) tree = parse (text);
  g_assert_cmpstr (ike_tree_string (tree, path, NULL), ==, expected);
}

static void
test_names (void)
{
  assert_value ("a-b_c/d;e%f = 1", "a-b_c/d;e%f", "1");
  assert_value ("a{b{c=1}}", "a.b.c", "1");
  assert_wrong ("\na.b = 1", "test.conf:2:", "no dot");
  assert_wrong ("\"a\" = 1", "test.conf:1:", "quoted");
  assert_wrong ("= 1", "test.conf:1:", "expected a name");
  assert_wrong ("a, b = 1", "test.conf:1:", "expected '='");
  assert_wrong ("a", "test.conf:1:", "the end of the file");
}

static void
test_name_lengths (void)
{
  g_autofree char *longest = g_strnfill (255, 'n'), *good = NULL, *bad = NULL;

  good = g_strdup_printf ("%s = 1", longest);
  bad = g_strdup_printf ("%sx = 1", longest);
  assert_value (good, longest, "1");
  assert_wrong (bad, "test.conf:1:", "longer than 255");
}

static void
test_blanks (void)
{
  assert_value ("a\n\n{\n b\t=\r\n}\na {\n  c = \t x  y\t z \r\n}\r\n", "a.c", "x y z");
  assert_value ("a # note\n # more\n { b = 1 }", "a.b", "1");
  assert_value ("k = \"a\r\nb\"", "k", "a\nb");
  assert_value ("k = a\rb", "k", "a b");
}

static void
test_comments (void)
{
  assert_value ("# a = 1\na = b#c", "a", "b");
  assert_value ("a = \"b#c\" # d", "a", "b#c");
  assert_value ("a = b ; c // d", "a", "b ; c // d");
  assert_value ("a = 1#", "a", "1");
}

static void
test_values (void)
{
  assert_value ("equals = a setting with = and { character", "equals",
                "a setting with = and { character");
  assert_value ("s { a = b }", "s.a", "b");
  assert_value ("a = b c = d", "a", "b c = d");
  assert_value ("a = x:y.z,w", "a", "x:y.z,w");
  assert_value ("a = x\"y\"z \"  \"", "a", "x y z   ");
  assert_wrong ("s { a = b } }", "test.conf:1:", "closes no section");
  assert_wrong ("s {\n a = b\n\n", "test.conf:1:", "has no end");
}

static void
test_quotes (void)
{
  assert_value ("a = \"\\n\\r\\t\\\"\\\\\\x\\#\"", "a", "\n\r\t\"\\x#");
  assert_value ("a = \"one \\\ntwo\"", "a", "one two");
  assert_value ("a = \"one \\\r\ntwo\"", "a", "one two");
  assert_value ("a = \"one\ntwo\"", "a", "one\ntwo");
  assert_wrong ("\na = \"b\n\n", "test.conf:2:", "no end");
  assert_wrong ("a = \"b\\", "test.conf:1:", "no end");
}

static void
test_lines_are_counted (void)
{
  g_autoptr (IkeTree) tree = parse ("a = \"1\n2\\\n3\"\nb = 1\n# x\n\nc\n{\n d = 2\n}\n");

  g_assert_cmpstr (ike_tree_where (ike_tree_get (tree, "a")), ==, "test.conf:1");
  g_assert_cmpstr (ike_tree_where (ike_tree_get (tree, "b")), ==, "test.conf:4");
  g_assert_cmpstr (ike_tree_where (ike_tree_get (tree, "c")), ==, "test.conf:7");
  g_assert_cmpstr (ike_tree_where (ike_tree_get (tree, "c.d")), ==, "test.conf:9");
}

static void
test_unset (void)
{
  g_autoptr (IkeTree) tree = parse ("a = 1\na =\nb = \"\"\nc = # 1\n");

  g_assert_null (ike_tree_get (tree, "a"));
  g_assert_null (ike_tree_get (tree, "c"));
  g_assert_cmpstr (ike_tree_string (tree, "b", NULL), ==, "");
  g_assert_cmpuint (ike_tree_n (tree), ==, 3);
}

static void
test_repeats (void)
{
  g_autoptr (IkeTree) tree =
      parse ("s { a = 1\n b = 2\n t { x = 1 } }\ns { c = 3\n a = 4\n t { y = 2 } }\n");

  g_assert_cmpuint (ike_tree_n (tree), ==, 1);
  g_assert_cmpstr (ike_tree_string (tree, "s.a", NULL), ==, "4");
  g_assert_cmpstr (ike_tree_string (tree, "s.t.x", NULL), ==, "1");
  g_assert_cmpstr (ike_tree_string (tree, "s.t.y", NULL), ==, "2");
  g_assert_cmpstr (ike_tree_name (ike_tree_nth (ike_tree_get (tree, "s"), 0)), ==, "a");
  g_assert_cmpstr (ike_tree_name (ike_tree_nth (ike_tree_get (tree, "s"), 3)), ==, "c");
}

static void
test_key_and_section_of_one_name (void)
{
  g_autoptr (IkeTree) tree = parse ("s = 1\ns { a = 2 }\n");

  g_assert_cmpstr (ike_tree_string (tree, "s", NULL), ==, "1");
  g_assert_cmpstr (ike_tree_string (tree, "s.a", NULL), ==, "2");
}

/* -- includes */

typedef struct { char *directory; } Files;

static char *
write_file (Files *files, const char *name, const char *text)
{
  char *path = g_build_filename (files->directory, name, NULL);
  g_autofree char *directory = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (directory, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static void
set_up (Files *files, gconstpointer unused)
{
  files->directory = g_dir_make_tmp ("ikebana-settings-XXXXXX", NULL);
  g_assert_nonnull (files->directory);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;

  while (directory && (name = g_dir_read_name (directory))) {
    g_autofree char *below = g_build_filename (path, name, NULL);
    remove_all (below);
  }
  g_remove (path);
}

static void
tear_down (Files *files, gconstpointer unused)
{
  remove_all (files->directory);
  g_free (files->directory);
}

static IkeTree *
load (Files *files, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = write_file (files, "main.conf", text);
  IkeTree *tree = ike_settings_load (path, &error);
  g_assert_no_error (error);
  return tree;
}

static void
assert_load_wrong (Files *files, const char *text, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = write_file (files, "main.conf", text);
  g_autoptr (IkeTree) tree = ike_settings_load (path, &error);

  g_assert_null (tree);
  g_assert_nonnull (error);
  if (!strstr (error->message, words))
    g_error ("expected \"%s\", got \"%s\"", words, error->message);
}

static void
test_include (Files *files, gconstpointer unused)
{
  g_autofree char *one = write_file (files, "d/1.conf", "x = 1\ninclude deep/*.conf\n");
  g_autofree char *two = write_file (files, "d/2.conf", "x = 2\n");
  g_autofree char *deep = write_file (files, "d/deep/3.conf", "y = 3\n");
  g_autoptr (IkeTree) tree = load (files, "s { include d/*.conf\n z = 4 }\ninclude = text\n");

  g_assert_cmpstr (ike_tree_string (tree, "s.x", NULL), ==, "2");
  g_assert_cmpstr (ike_tree_string (tree, "s.y", NULL), ==, "3");
  g_assert_cmpstr (ike_tree_string (tree, "s.z", NULL), ==, "4");
  g_assert_cmpstr (ike_tree_string (tree, "include", NULL), ==, "text");
  g_assert_true (g_str_has_suffix (ike_tree_where (ike_tree_get (tree, "s.x")), "d/2.conf:1"));
}

static void
test_include_patterns (Files *files, gconstpointer unused)
{
  g_autofree char *blank = write_file (files, "a b#c}.conf", "x = 1\n");
  g_autofree char *absolute = write_file (files, "abs.conf", "y = 2\n");
  g_autofree char *text =
      g_strdup_printf ("s {include a\\ b\\#c\\}.conf}\nt{ include \"a b#c}.conf\" }\n"
                       "include %s#note\ninclude missing.conf\ninclude \n"
                       "include { include abs.conf }\n",
                       absolute);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = write_file (files, "main.conf", text);
  g_autoptr (IkeTree) tree = ike_settings_load (path, &error);

  /* `include {` takes the brace for a pattern, and what follows is no statement. */
  g_assert_null (tree);
  g_assert_error (error, IKE_ERROR, IKE_ERROR_SYNTAX);
  *strstr (text, "include {") = '\0';
  tree = load (files, text);
  g_assert_cmpstr (ike_tree_string (tree, "s.x", NULL), ==, "1");
  g_assert_cmpstr (ike_tree_string (tree, "t.x", NULL), ==, "1");
  g_assert_cmpstr (ike_tree_string (tree, "y", NULL), ==, "2");
}

static void
test_include_wrong (Files *files, gconstpointer unused)
{
  g_autofree char *bad = write_file (files, "bad.conf", "\n}\n");

  assert_load_wrong (files, "s { include bad.conf\n }", "bad.conf:2: '}' closes no section");
  assert_load_wrong (files, "include main.conf\n", "include itself");
  assert_load_wrong (files, "include \"x\n", "no end");
}

static void
test_only_regular_files (Files *files, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ike_settings_load (files->directory, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_SYSTEM);
  g_clear_error (&error);
  g_assert_null (ike_settings_load ("/nonexistent/x.conf", &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND);
}

static void
test_merge_file (Files *files, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) tree = load (files, "s { a = 1\n b = 2 }\n");
  g_autofree char *more = write_file (files, "more.conf", "s { b = 3 }\nt : s { }\n");
  g_autofree char *bad = write_file (files, "bad.conf", "s { b = 4 }\nx y\n");

  g_assert_true (ike_settings_merge_file (tree, more, &error));
  g_assert_cmpstr (ike_tree_string (tree, "t.a", NULL), ==, "1");
  g_assert_cmpstr (ike_tree_string (tree, "t.b", NULL), ==, "3");
  g_assert_false (ike_settings_merge_file (tree, bad, &error));
  g_assert_cmpstr (ike_tree_string (tree, "s.b", NULL), ==, "3");
}

/* -- references */

static void
test_references (void)
{
  g_autoptr (IkeTree) tree = parse ("c : a, b.x {\n k = own\n sub { s = own } }\n"
                                    "a : z { k = a\n l = a\n sub { s = a\n t = a } }\n"
                                    "b { x { l = b\n m = b\n z = b } }\nz { z = z }\n");

  g_assert_cmpstr (ike_tree_string (tree, "c.k", NULL), ==, "own");
  g_assert_cmpstr (ike_tree_string (tree, "c.l", NULL), ==, "a");
  g_assert_cmpstr (ike_tree_string (tree, "c.m", NULL), ==, "b");
  g_assert_cmpstr (ike_tree_string (tree, "c.z", NULL), ==, "z");
  g_assert_cmpstr (ike_tree_string (tree, "c.sub.s", NULL), ==, "own");
  g_assert_cmpstr (ike_tree_string (tree, "c.sub.t", NULL), ==, "a");
  g_assert_cmpstr (ike_tree_name (ike_tree_nth (ike_tree_get (tree, "c"), 0)), ==, "k");
  g_assert_cmpstr (ike_tree_name (ike_tree_nth (ike_tree_get (tree, "c"), 2)), ==, "l");
}

static void
test_reference_spacing (void)
{
  assert_value ("b\n:\na ,\n a.c\n{\n}\na { k = 1 }", "b.k", "1");
  assert_wrong ("b : { }", "test.conf:1:", "inherits from, got '{'");
  assert_wrong ("b : a,\n { }", "test.conf:2:", "inherits from, got '{'");
  assert_wrong ("b : a. { }", "test.conf:1:", "inherits from");
  assert_wrong ("b : a = 1", "test.conf:1:", "expected '{'");
}

static void
test_references_hide (void)
{
  g_autoptr (IkeTree) tree = parse ("a { k = 1\n l = 2 }\nb : a { k =\n }\nc : b { }\n");

  g_assert_null (ike_tree_get (tree, "b.k"));
  g_assert_null (ike_tree_get (tree, "c.k"));
  g_assert_cmpstr (ike_tree_string (tree, "c.l", NULL), ==, "2");
}

static void
test_references_through_references (void)
{
  assert_value ("x : y { }\ny { z { k = v } }\nw : x.z { }", "w.k", "v");
  assert_value ("m { t { k = v } }\nc : m { n { t : common { } } }\ncommon { j = 1 }", "c.n.t.j",
                "1");
  assert_value ("common { r = 1h }\nconn : common { children { net : common { } } }",
                "conn.children.net.r", "1h");
  assert_value ("s : a { }\ns : b { }\na { x = 1 }\nb { y = 2 }", "s.y", "2");
}

static void
test_reference_cycles (void)
{
  g_autoptr (IkeTree) tree =
      parse ("a : b { x = 1 }\nb : a { y = 2 }\nc : c { z = 3 }\nd : nowhere.at.all { }\n"
             "e { f : e { k = 1 } }\n");

  g_assert_cmpstr (ike_tree_string (tree, "a.y", NULL), ==, "2");
  g_assert_cmpstr (ike_tree_string (tree, "b.x", NULL), ==, "1");
  g_assert_cmpstr (ike_tree_string (tree, "c.z", NULL), ==, "3");
  g_assert_cmpuint (ike_tree_n (ike_tree_get (tree, "d")), ==, 0);
  g_assert_cmpstr (ike_tree_string (tree, "e.f.k", NULL), ==, "1");
}

static void
test_reference_bombs (void)
{
  GString *text = g_string_new (NULL), *few = g_string_new (NULL), *chain = g_string_new (NULL);

  for (int i = 0; i < 40; i++)
    g_string_append_printf (text, "s%d { x : s%d { }\n y : s%d { } }\n", i, i + 1, i + 1);
  for (int i = 0; i < 15; i++)
    g_string_append_printf (few, "s%d { x : s%d { }\n y : s%d { } }\n", i, i + 1, i + 1);
  for (int i = 0; i < 200; i++)
    g_string_append_printf (chain, "s%d : s%d { }\n", i, i + 1);
  assert_wrong (text->str, "test.conf:", "inherit less");
  assert_wrong (few->str, "test.conf:", "inherit less");
  assert_wrong (chain->str, "test.conf:", "shorten the chain");
  g_string_free (text, TRUE);
  g_string_free (few, TRUE);
  g_string_free (chain, TRUE);
}

static void
test_caps (void)
{
  g_autoptr (GError) error = NULL;
  GString *good = g_string_new (NULL), *bad = g_string_new (NULL);

  for (int i = 0; i < 65; i++) {
    g_string_append (bad, "a {\n");
    if (i < 64)
      g_string_append (good, "a {\n");
  }
  for (int i = 0; i < 64; i++)
    g_string_append (good, "}");
  ike_tree_free (parse (good->str));
  assert_wrong (bad->str, "test.conf:65:", "nested more than 64 deep");
  g_assert_null (ike_settings_parse ("a = 1\n\0b", 8, "test.conf", &error));
  g_assert_cmpstr (error->message, ==,
                   "test.conf:2: a NUL byte; settings are text, is this another file?");
  g_string_free (good, TRUE);
  g_string_free (bad, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/settings/names-hold-no-signs", test_names);
  g_test_add_func ("/settings/names-have-a-length", test_name_lengths);
  g_test_add_func ("/settings/blanks-newlines-and-cr-are-skipped", test_blanks);
  g_test_add_func ("/settings/comments-begin-anywhere-outside-quotes", test_comments);
  g_test_add_func ("/settings/values-end-with-the-line-or-the-section", test_values);
  g_test_add_func ("/settings/quotes-and-escapes", test_quotes);
  g_test_add_func ("/settings/lines-are-counted", test_lines_are_counted);
  g_test_add_func ("/settings/an-empty-value-unsets", test_unset);
  g_test_add_func ("/settings/repeated-sections-merge", test_repeats);
  g_test_add_func ("/settings/a-key-and-a-section-may-share-a-name",
                   test_key_and_section_of_one_name);
  g_test_add ("/settings/includes-glob-beside-their-file", Files, NULL, set_up, test_include,
              tear_down);
  g_test_add ("/settings/include-patterns-have-escapes", Files, NULL, set_up, test_include_patterns,
              tear_down);
  g_test_add ("/settings/wrong-includes-are-errors", Files, NULL, set_up, test_include_wrong,
              tear_down);
  g_test_add ("/settings/only-regular-files-are-read", Files, NULL, set_up, test_only_regular_files,
              tear_down);
  g_test_add ("/settings/a-file-merges-whole-or-not-at-all", Files, NULL, set_up, test_merge_file,
              tear_down);
  g_test_add_func ("/settings/references-inherit-in-order", test_references);
  g_test_add_func ("/settings/references-may-span-lines", test_reference_spacing);
  g_test_add_func ("/settings/an-unset-key-hides-what-is-inherited", test_references_hide);
  g_test_add_func ("/settings/references-are-looked-up-through-references",
                   test_references_through_references);
  g_test_add_func ("/settings/reference-cycles-end", test_reference_cycles);
  g_test_add_func ("/settings/references-cannot-explode", test_reference_bombs);
  g_test_add_func ("/settings/depth-and-bytes-are-checked", test_caps);
  return g_test_run ();
}
