/* SPDX-License-Identifier: Apache-2.0 */
/* test_skeleton.c - the hook is asked, and who is refused does not come in. */
#include "two.h"

static const char *const plugins[] = { "skeleton", NULL };

static void
test_asked (void)
{
  guint64 n[2];
  g_autofree char *why = two_try (&(TwoOptions){ .plugins = plugins }, "skeleton.called", n);

  g_assert_cmpstr (why, ==, NULL);
  g_assert_cmpuint (n[0] + n[1], ==, 2);
}

static void
test_refused (void)
{
  const TwoOptions options = {
    .plugins = plugins, .more = { NULL, "plugins { skeleton { refused = x.test, a.test } }" }
  };
  guint64 n[2];
  g_autofree char *why = two_try (&options, "skeleton.called", n);

  g_assert_nonnull (why);
  g_assert_cmpuint (n[1], ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/skeleton/is-asked-at-both-ends", test_asked);
  g_test_add_func ("/skeleton/who-is-refused-does-not-come-in", test_refused);
  return g_test_run ();
}
