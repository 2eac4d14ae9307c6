/* SPDX-License-Identifier: Apache-2.0 */
/* test_skeleton.c - the notify goes both ways, and who does not have it is told all the same. */
#include "two.h"

static const char *const plugins[] = { "skeleton", NULL };

static void
test_both (void)
{
  guint64 n[2];
  g_autofree char *why = two_try (&(TwoOptions){ .plugins = plugins }, "skeleton.called", n);

  g_assert_cmpstr (why, ==, NULL);
  g_assert_cmpuint (n[0], ==, 1);
  g_assert_cmpuint (n[1], ==, 1);
}

static void
test_one (void)
{
  const TwoOptions options = { .plugins = plugins,
                               .more = { NULL, "plugins { skeleton { load = no } }" } };
  guint64 n[2];
  g_autofree char *why = two_try (&options, "skeleton.called", n);

  g_assert_cmpstr (why, ==, NULL);
  g_assert_cmpuint (n[0], ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/skeleton/both-ends-hear-the-number", test_both);
  g_test_add_func ("/skeleton/a-peer-without-it-comes-up", test_one);
  return g_test_run ();
}
