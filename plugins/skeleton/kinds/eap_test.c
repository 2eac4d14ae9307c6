/* SPDX-License-Identifier: Apache-2.0 */
/* test_skeleton.c - one round, and the peer is in or not, whether answers come at once or late. */
#include "two.h"

static const char *const plugins[] = { "skeleton", NULL };

static void
test_round (gconstpointer flags)
{
  static const char *const passwords[] = { NULL, "secrets { eap-two { secret = another } }" };

  for (guint i = 0; i < G_N_ELEMENTS (passwords); i++) {
    const TwoOptions options = { .plugins = plugins,
                                 .auth = { "eap-skeleton", "psk" },
                                 .more = { passwords[i], NULL },
                                 .flags = GPOINTER_TO_UINT (flags) };
    guint64 n[2];
    g_autofree char *why = two_try (&options, "skeleton.called", n);

    g_assert_cmpint (why == NULL, ==, passwords[i] == NULL);
    g_assert_cmpuint (n[1], ==, 1);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/skeleton/who-has-the-password-comes-in", NULL, test_round);
  g_test_add_data_func ("/skeleton/answers-are-late", GUINT_TO_POINTER (IKE_ENGINE_FORCE_WAITS),
                        test_round);
  return g_test_run ();
}
