/* SPDX-License-Identifier: Apache-2.0 */
/* test_setup.c - IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL between two engines. */
#include "exchange/pair.h"
#include <string.h>

static void
assert_up (Pair *pair, const char *child)
{
  g_autofree char *error = pair_up (pair, child);

  if (error)
    g_test_message ("%s\n-- a --\n%s-- b --\n%s", error, pair->a.log->str, pair->b.log->str);
  g_assert_cmpstr (error, ==, NULL);
}

static void
test_up (void)
{
  Pair *pair = pair_new (NULL);

  assert_up (pair, NULL);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 2);
  pair_assert_twins (pair);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/setup/two-engines-come-up-with-a-child", test_up);
  return g_test_run ();
}
