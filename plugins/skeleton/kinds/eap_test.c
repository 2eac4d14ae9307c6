/* SPDX-License-Identifier: Apache-2.0 */
/* test_skeleton.c - one round, and the peer is in or not, whether answers come at once or late. */
#include "two.h"

static const char *const plugins[] = { "skeleton", NULL };

/* @more: further settings of the end that proves itself by the method. */
static char *
try (const char *more, guint32 flags, guint64 n[2])
{
  return two_try (&(TwoOptions){ .plugins = plugins,
                                 .auth = { "eap-skeleton", "psk" },
                                 .more = { more, NULL },
                                 .flags = flags },
                  "skeleton.called", n);
}

static void
test_right (gconstpointer flags)
{
  guint64 n[2];
  g_autofree char *why = try (NULL, GPOINTER_TO_UINT (flags), n);

  g_assert_cmpstr (why, ==, NULL);
  g_assert_cmpuint (n[1], ==, 1);
}

static void
test_wrong (gconstpointer flags)
{
  guint64 n[2];
  g_autofree char *why =
      try ("secrets { eap-two { secret = another } }", GPOINTER_TO_UINT (flags), n);

  g_assert_nonnull (why);
  g_assert_cmpuint (n[1], ==, 1);
}

int
main (int argc, char **argv)
{
  const gpointer late = GUINT_TO_POINTER (IKE_ENGINE_FORCE_WAITS);

  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/skeleton/who-has-the-password-comes-in", NULL, test_right);
  g_test_add_data_func ("/skeleton/who-has-the-password-comes-in/late", late, test_right);
  g_test_add_data_func ("/skeleton/another-password", NULL, test_wrong);
  g_test_add_data_func ("/skeleton/another-password/late", late, test_wrong);
  return g_test_run ();
}
