/* SPDX-License-Identifier: Apache-2.0 */
/* test_tree.c - values as trees, and their text. */
#include "base/tree_private.h"
#include <string.h>

static void
test_replace_keeps_place (void)
{
  g_autoptr (IkeTree) tree = ike_tree_new_section ();

  ike_tree_set_string (tree, "a", "1");
  ike_tree_set_int (tree, "b", 2);
  ike_tree_set_bool (tree, "a", TRUE);
  g_assert_cmpuint (ike_tree_n (tree), ==, 2);
  g_assert_cmpstr (ike_tree_name (ike_tree_nth (tree, 0)), ==, "a");
  g_assert_true (ike_tree_bool (tree, "a", FALSE));
  g_assert_cmpint (ike_tree_int (tree, "b", 0), ==, 2);
  ike_tree_add_section (tree, "a");
  g_assert_cmpuint (ike_tree_n (tree), ==, 2);
  g_assert_cmpint (ike_tree_type (ike_tree_get (tree, "a")), ==, IKE_TREE_SECTION);
}

static void
test_paths (void)
{
  g_autoptr (IkeTree) tree = ike_tree_new_section ();
  IkeTree *list = ike_tree_add_list (ike_tree_add_section (tree, "outer"), "items");

  ike_tree_set_string (ike_tree_add_section (list, NULL), "name", "first");
  ike_tree_set_string (ike_tree_add_section (list, NULL), "name", "second");
  ike_tree_set_int (tree, "shard.forwarded", 7);
  ike_tree_set_null (tree, "nothing");
  g_assert_cmpstr (ike_tree_string (tree, "outer.items.1.name", NULL), ==, "second");
  g_assert_null (ike_tree_get (tree, "outer.items.2"));
  g_assert_null (ike_tree_get (tree, "outer.items.x"));
  g_assert_null (ike_tree_get (tree, "outer.missing.name"));
  g_assert_cmpint (ike_tree_int (tree, "shard.forwarded", 0), ==, 7);
  g_assert_null (ike_tree_get (tree, "nothing"));
  g_assert_null (ike_tree_get (NULL, "a"));
  g_assert_cmpint (ike_tree_int (tree, "missing", -3), ==, -3);
}

static void
test_text_is_converted (void)
{
  g_autoptr (IkeTree) tree = ike_tree_new_section ();
  char buffer[32];

  ike_tree_set_string (tree, "n", "-0x10");
  ike_tree_set_string (tree, "t", "Enabled");
  ike_tree_set_string (tree, "x", "12 apples");
  ike_tree_set_format (tree, "f", "%d-%s", 5, "five");
  g_assert_cmpint (ike_tree_int (tree, "n", 0), ==, -16);
  g_assert_true (ike_tree_bool (tree, "t", FALSE));
  g_assert_cmpint (ike_tree_int (tree, "x", 99), ==, 99);
  g_assert_cmpstr (ike_tree_string (tree, "f", NULL), ==, "5-five");
  ike_tree_set_int (tree, "n", G_MININT64);
  g_assert_cmpstr (ike_tree_text (ike_tree_get (tree, "n"), buffer), ==, "-9223372036854775808");
  g_assert_null (ike_tree_string (tree, "n", NULL));
  g_assert_null (ike_tree_text (tree, buffer));
}

static void
test_many_children_are_indexed (void)
{
  g_autoptr (IkeTree) tree = ike_tree_new_section ();
  g_autoptr (IkeTree) copy = NULL;
  char name[16];

  for (int i = 0; i < 500; i++) {
    g_snprintf (name, sizeof name, "k%d", i);
    ike_tree_set_int (tree, name, i);
  }
  copy = ike_tree_copy (tree);
  g_assert_true (ike_tree_equal (tree, copy));
  for (int i = 0; i < 500; i += 2) {
    g_snprintf (name, sizeof name, "k%d", i);
    g_assert_true (ike_tree_remove (tree, name));
    g_assert_false (ike_tree_remove (tree, name));
  }
  g_assert_cmpuint (ike_tree_n (tree), ==, 250);
  g_assert_false (ike_tree_equal (tree, copy));
  g_assert_cmpint (ike_tree_int (tree, "k499", 0), ==, 499);
  g_assert_null (ike_tree_get (tree, "k498"));
  ike_tree_set_int (tree, "k499", 1);
  g_assert_cmpint (ike_tree_int (tree, "k499", 0), ==, 1);
  g_assert_cmpstr (ike_tree_name (ike_tree_nth (tree, 249)), ==, "k499");
}

static void
test_equal_ignores_order_of_keys (void)
{
  g_autoptr (IkeTree) a = ike_tree_new_section (), b = ike_tree_new_section ();

  ike_tree_set_string (a, "x", "1"), ike_tree_set_string (a, "y", "2");
  ike_tree_set_string (b, "y", "2"), ike_tree_set_string (b, "x", "1");
  ike_tree_set_where (b, "file", 3);
  g_assert_true (ike_tree_equal (a, b));
  ike_tree_set_int (b, "x", 1);
  g_assert_false (ike_tree_equal (a, b));
  ike_tree_set_string (ike_tree_add_list (a, "l"), NULL, "1");
  ike_tree_set_string (ike_tree_add_list (b, "l"), NULL, "2");
  ike_tree_set_string (b, "x", "1");
  g_assert_false (ike_tree_equal (a, b));
}

static void
test_deep_trees_are_freed (void)
{
  IkeTree *tree = ike_tree_new_list (), *at = tree;

  for (int i = 0; i < 200000; i++)
    at = ike_tree_add_list (at, NULL);
  ike_tree_free (tree);
}

static void
test_text_escapes (void)
{
  g_autoptr (IkeTree) tree = ike_tree_new_section ();
  g_autofree char *line = NULL;

  ike_tree_set_string (tree, "q\"\n", "a\\b\x1b[31m\xc2\x9b\xff\xc3\xa9\xe2\x80\xae");
  ike_tree_set_bool (ike_tree_add_list (tree, "l"), NULL, TRUE);
  ike_tree_set_null (tree, "n");
  ike_tree_set_int (tree, "i", -5);
  line = ike_tree_serialize (tree, FALSE);
  g_assert_cmpstr (
      line, ==,
      "{\"q\\\"\\n\": \"a\\\\b\\u001b[31m\\u009b\\\\xff\xc3\xa9\\u202e\", \"l\": [true], "
      "\"n\": null, \"i\": -5}");
}

static void
test_text_is_indented (void)
{
  g_autoptr (IkeTree) tree = ike_tree_new_section ();
  g_autofree char *text = NULL;

  ike_tree_set_int (ike_tree_add_section (tree, "a"), "b", 1);
  ike_tree_add_list (tree, "empty");
  text = ike_tree_serialize (tree, TRUE);
  g_assert_cmpstr (text, ==, "{\n  \"a\": {\n    \"b\": 1\n  },\n  \"empty\": []\n}");
}

static void
test_origin (void)
{
  g_autoptr (IkeTree) tree = ike_settings_parse ("a { b = c }", 11, "file", NULL);

  g_assert_cmpstr (ike_tree_where (ike_tree_get (tree, "a.b")), ==, "file:1");
  ike_tree_set_origin (tree, "database");
  g_assert_cmpstr (ike_tree_where (ike_tree_get (tree, "a.b")), ==, "database");
  g_assert_cmpstr (ike_tree_where (tree), ==, "database");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tree/replacing-a-key-keeps-its-place", test_replace_keeps_place);
  g_test_add_func ("/tree/paths-go-through-sections-and-lists", test_paths);
  g_test_add_func ("/tree/text-is-converted-when-it-fits", test_text_is_converted);
  g_test_add_func ("/tree/many-children-are-found-and-removed", test_many_children_are_indexed);
  g_test_add_func ("/tree/equality-ignores-the-order-of-keys-and-places",
                   test_equal_ignores_order_of_keys);
  g_test_add_func ("/tree/deep-trees-are-freed-without-recursion", test_deep_trees_are_freed);
  g_test_add_func ("/tree/control-characters-are-escaped", test_text_escapes);
  g_test_add_func ("/tree/text-may-be-indented", test_text_is_indented);
  g_test_add_func ("/tree/an-origin-is-the-place-of-all-below", test_origin);
  return g_test_run ();
}
