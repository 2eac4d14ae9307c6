/* SPDX-License-Identifier: Apache-2.0 */
/* test_guide.c - plugins of the guide do what it says of them: tickets open doors, visits end, and
 * who is no guest stays out. */
#include "two.h"
#include <ikebana/tree.h>
#include <string.h>

static char *
try_ticket (const char *settings, const char *plugin_options)
{
  static const char *const plugins[] = { "service", "ticket", NULL };
  g_autofree char *more = g_strdup_printf ("plugins { ticket { %s } }\n"
                                           "connections { two { local { %s } } }\n",
                                           plugin_options, settings);

  return two_try (
      &(TwoOptions){ .plugins = plugins, .auth = { "ticket", "ticket" }, .more = { more, more } },
      NULL, NULL);
}

static void
test_ticket (void)
{
  static const char service[] = "service = http://tickets.example.org/is/";
  g_autofree char *known = try_ticket ("ticket = sesame", service);
  g_autofree char *unknown = try_ticket ("ticket = poppy", service);
  g_autofree char *none = try_ticket ("", service);
  g_autofree char *nobody = try_ticket ("ticket = sesame", "");

  g_assert_cmpstr (known, ==, NULL);
  g_assert_nonnull (unknown);
  g_assert_nonnull (none);
  g_assert_nonnull (strstr (none, "we have no ticket"));
  g_assert_nonnull (nobody);
}

/* What @end tells of its SAs. */
static char *
status (Two *two, guint end)
{
  g_autofree char *why = NULL;
  IkeTree *tree = two_command (two, end, "status", NULL, &why);
  char *text;

  g_assert_cmpstr (why, ==, NULL);
  text = ike_tree_serialize (tree, FALSE);
  ike_tree_free (tree);
  return text;
}

static void
assert_visit (Two *two, gboolean goes_on)
{
  for (guint i = 0; i < 2; i++) {
    g_autofree char *text = status (two, i);
    g_assert_cmpint (strstr (text, "visit-seconds") != NULL, ==, goes_on);
  }
}

/* Ten hours: the SA that ends is not the first one. */
static void
test_visit (void)
{
  static const char *const plugins[] = { "visit", NULL };
  const TwoOptions options = { .plugins = plugins,
                               .more = { "connections { two { rekey_time = 4h } }",
                                         "connections { two { rekey_time = 0\n visit = 10h } }" } };
  g_autoptr (GError) error = NULL;
  Two *two = two_new (&options, &error);
  g_autofree char *why = NULL;

  g_assert_no_error (error);
  why = two_up (two);
  g_assert_cmpstr (why, ==, NULL);
  two_run (two, 9 * 3600);
  assert_visit (two, TRUE);
  two_run (two, 3700);
  assert_visit (two, FALSE);
  two_free (two);
}

static char *
try_guest (const char *names)
{
  static const char *const plugins[] = { "guests", NULL };
  g_autofree char *more = g_strdup_printf ("plugins { guests { names = %s } }", names);

  return two_try (&(TwoOptions){ .plugins = plugins, .more = { NULL, more } }, NULL, NULL);
}

static void
test_guests (void)
{
  g_autofree char *in = try_guest ("c.test, a.test"), *out = try_guest ("c.test");

  g_assert_cmpstr (in, ==, NULL);
  g_assert_nonnull (out);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/guide/a-ticket-opens-where-the-service-knows-it", test_ticket);
  g_test_add_func ("/guide/a-visit-ends-also-after-a-rekey", test_visit);
  g_test_add_func ("/guide/who-is-no-guest-stays-out", test_guests);
  return g_test_run ();
}
