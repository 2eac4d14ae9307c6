/* SPDX-License-Identifier: Apache-2.0 */
/* test_order.c - the orders that are computed at the start, as `ikebana plugins --order` shows
 * them: all of them stand in order.txt, so that nothing changes its place unnoticed. */
#include "exchange/built.h"
#include <string.h>

static void
show_exchange (GString *text, const IkeTree *steps)
{
  for (guint i = 0; i < ike_tree_n (steps); i++) {
    const IkeTree *step = ike_tree_nth (steps, i);
    const char *reads = ike_tree_string (step, "reads", NULL);
    g_string_append_printf (text, "  %-10s %s (%s)%s%s\n", ike_tree_string (step, "phase", ""),
                            ike_tree_string (step, "task", ""),
                            ike_tree_string (step, "plugin", ""), reads ? " reads " : "",
                            reads ? reads : "");
  }
}

static void
show_names (GString *text, const IkeTree *list)
{
  char buffer[32];

  for (guint i = 0; i < ike_tree_n (list); i++)
    g_string_append_printf (text, " %s", ike_tree_text (ike_tree_nth (list, i), buffer));
  g_string_append_c (text, '\n');
}

static char *
show (const IkeTree *order)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < ike_tree_n (order); i++) {
    const IkeTree *part = ike_tree_nth (order, i);
    const char *name = ike_tree_name (part);
    g_string_append (text, name);
    if (!strcmp (name, "plugins")) {
      show_names (text, part);
      continue;
    }
    g_string_append_c (text, '\n');
    if (strcmp (name, "hooks")) {
      show_exchange (text, part);
      continue;
    }
    for (guint k = 0; k < ike_tree_n (part); k++) {
      g_string_append_printf (text, "  %s", ike_tree_name (ike_tree_nth (part, k)));
      show_names (text, ike_tree_nth (part, k));
    }
  }
  return g_string_free (text, FALSE);
}

/* A plugin that @wanted has and this tree was built without; NULL: none. */
static char *
not_built (const char *wanted, const char *text)
{
  g_autofree char *first = g_strndup (wanted, strcspn (wanted, "\n")),
                  *ours = g_strndup (text, strcspn (text, "\n"));
  g_auto (GStrv) all = g_strsplit (first, " ", -1), built = g_strsplit (ours, " ", -1);

  for (guint i = 0; all[i]; i++)
    if (!g_strv_contains ((const char *const *) built, all[i]))
      return g_strdup (all[i]);
  return NULL;
}

static void
test_order (gconstpointer flags)
{
  g_autoptr (GPtrArray) names = built_plugins ();
  Pair *pair = pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                                         .plugins = (const char *const *) names->pdata });
  IkeTree *args = ike_tree_new_section ();
  g_autoptr (IkeTree) order = NULL;
  g_autofree char *path = g_build_filename (g_getenv ("IKE_TOP_SRCDIR"), "testing", "exchange",
                                            "order.txt", NULL),
                  *wanted = NULL, *text = NULL, *missing = NULL;

  ike_tree_set_bool (args, "order", TRUE);
  order = pair_command (&pair->a, "plugins", args, NULL);
  text = show (order);
  g_assert_true (g_file_get_contents (path, &wanted, NULL, NULL));
  missing = not_built (wanted, text);
  if (missing)
    g_test_skip (missing);
  else if (strcmp (text, wanted)) {
    g_autofree char *now = g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "order.txt", NULL);
    g_file_set_contents (now, text, -1, NULL);
    g_error ("%s has another order; compare it with %s, and put that in its place if it is meant",
             path, now);
  }
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("order", "everything-has-its-place", test_order);
  return g_test_run ();
}
