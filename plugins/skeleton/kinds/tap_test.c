/* SPDX-License-Identifier: Apache-2.0 */
/* test_skeleton.c - the tap hears of a child that comes and goes. */
#include "two.h"

static const char *const plugins[] = { "skeleton", NULL };

static void
test_heard (void)
{
  g_autoptr (GError) error = NULL;
  Two *two = two_new (&(TwoOptions){ .plugins = plugins }, &error);
  IkeTree *args = ike_tree_new_section ();
  g_autofree char *why = NULL, *why_down = NULL;

  g_assert_no_error (error);
  why = two_up (two);
  g_assert_cmpstr (why, ==, NULL);
  g_assert_cmpuint (two_count (two, 0, "skeleton.called"), ==, 1);
  ike_tree_set_string (args, "name", "two");
  ike_tree_free (two_command (two, 0, "down", args, &why_down));
  two_run (two, 1);
  g_assert_cmpstr (why_down, ==, NULL);
  g_assert_cmpuint (two_count (two, 0, "skeleton.called"), ==, 2);
  g_assert_cmpuint (two_count (two, 1, "skeleton.called"), ==, 2);
  two_free (two);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/skeleton/hears-of-a-child-that-comes-and-goes", test_heard);
  return g_test_run ();
}
