/* SPDX-License-Identifier: Apache-2.0 */
/* test_skeleton.c - the command tells how many SAs came up. */
#include "two.h"

static const char *const plugins[] = { "skeleton", NULL };

static gint64
ask (Two *two)
{
  g_autofree char *why = NULL;
  IkeTree *result = two_command (two, 0, "skeleton-count", NULL, &why);
  gint64 n;

  g_assert_cmpstr (why, ==, NULL);
  n = ike_tree_int (result, "up", -1);
  ike_tree_free (result);
  return n;
}

static void
test_counts (void)
{
  g_autoptr (GError) error = NULL;
  Two *two = two_new (&(TwoOptions){ .plugins = plugins }, &error);
  g_autofree char *why = NULL;

  g_assert_no_error (error);
  g_assert_cmpint (ask (two), ==, 0);
  why = two_up (two);
  g_assert_cmpstr (why, ==, NULL);
  g_assert_cmpint (ask (two), ==, 1);
  two_free (two);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/skeleton/counts-what-came-up", test_counts);
  return g_test_run ();
}
