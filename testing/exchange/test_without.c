/* SPDX-License-Identifier: Apache-2.0 */
/* test_without.c - each plugin that was built is left out at one end in turn: what the others do
 * goes on. */
#include "exchange/bed.h"
#include "exchange/built.h"

/* Without these there is nothing to be tested. */
static gboolean
is_needed (const char *plugin)
{
  return !strcmp (plugin, "ikev2");
}

static gboolean
is_there (PairEnd *end, const char *plugin)
{
  g_autoptr (IkeTree) result = pair_command (end, "plugins", NULL, NULL);
  const IkeTree *rows = ike_tree_get (result, "plugins");

  for (guint i = 0; i < ike_tree_n (rows); i++)
    if (!strcmp (ike_tree_string (ike_tree_nth (rows, i), "name", ""), plugin))
      return !strcmp (ike_tree_string (ike_tree_nth (rows, i), "state", ""), "ready");
  g_error ("no plugin %s", plugin);
}

/* Up, replaced from both ends, and down. */
static void
go_through (gconstpointer flags, const GPtrArray *names, const char *plugin, guint where)
{
  g_autofree char *off = g_strdup_printf ("plugins { %s { load = no } }\n", plugin);
  Bed *bed =
      bed_new (&(BedOptions){ .seed = 5,
                              .flags = GPOINTER_TO_UINT (flags),
                              .child = BED_PFS BED_NEVER,
                              .conn = BED_NEVER,
                              .more_of = { where == 0 ? off : NULL, where == 1 ? off : NULL },
                              .plugins = (const char *const *) names->pdata });
  PairEnd *ends[] = { &bed->pair->a, &bed->pair->b };

  g_assert_cmpint (is_there (ends[0], plugin), ==, where != 0);
  g_assert_cmpint (is_there (ends[1], plugin), ==, where != 1);
  for (guint i = 0; i < 2; i++) {
    bed_rekey (ends[i], "net");
    flow_run (bed->flow, 5);
    bed_rekey (ends[i], NULL);
    flow_run (bed->flow, 5);
  }
  g_assert_cmpuint (pair_count (ends[0], "ike.rekeyed"), ==, 2);
  g_assert_cmpuint (pair_count (ends[1], "ike.rekeyed"), ==, 2);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
  bed_down (ends[1], NULL);
  flow_run (bed->flow, 5);
  g_assert_cmpuint (bed_n_sas (ends[0]), ==, 0);
  g_assert_cmpuint (bed_n_sas (ends[1]), ==, 0);
  bed_free (bed);
}

static void
test_without (gconstpointer flags)
{
  g_autoptr (GPtrArray) names = built_plugins ();

  for (guint i = 0; names->pdata[i]; i++) {
    if (is_needed (names->pdata[i]))
      continue;
    g_test_message ("without %s", (const char *) names->pdata[i]);
    go_through (flags, names, names->pdata[i], 0);
    go_through (flags, names, names->pdata[i], 1);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("without", "each-plugin-at-either-end", test_without);
  return g_test_run ();
}
