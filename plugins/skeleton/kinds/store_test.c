/* SPDX-License-Identifier: Apache-2.0 */
/* test_skeleton.c - two ends whose secret stands in a file of ours. */
#include "two.h"
#include <glib/gstdio.h>

static const char *const plugins[] = { "skeleton", NULL };

/* Both ends have a file of this content, and no other secret. */
static char *
try (const char *content, guint64 n[2])
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL, *more = NULL;
  int fd = g_file_open_tmp ("skeleton-XXXXXX", &name, &error);
  char *why;

  g_assert_no_error (error);
  g_close (fd, NULL);
  g_file_set_contents (name, content, -1, &error);
  g_assert_no_error (error);
  more = g_strdup_printf ("plugins { skeleton { file = %s } }", name);
  why = two_try (&(TwoOptions){ .plugins = plugins, .more = { more, more }, .has_no_secret = TRUE },
                 "skeleton.called", n);
  g_unlink (name);
  return why;
}

static void
test_right (void)
{
  guint64 n[2];
  g_autofree char *why = try ("# both ends\na.test  sesame\n\nb.test sesame\n", n);

  g_assert_cmpstr (why, ==, NULL);
  g_assert_cmpuint (n[0], >, 0);
}

static void
test_missing (void)
{
  guint64 n[2];
  g_autofree char *why = try ("c.test sesame\n", n);

  g_assert_nonnull (why);
  g_assert_cmpuint (n[0], >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/skeleton/secrets-of-the-file-are-used", test_right);
  g_test_add_func ("/skeleton/who-is-not-in-it-has-none", test_missing);
  return g_test_run ();
}
