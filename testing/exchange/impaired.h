/* SPDX-License-Identifier: Apache-2.0 */
/* impaired.h - pairs of engines in which the plugin impair is loaded, and its commands. */
#pragma once
#include "exchange/forge.h"
#include <string.h>

static const char *const impaired_plugins[] = { "impair", NULL };

static inline PairOptions
impaired_options (gconstpointer flags, const char *a, const char *b)
{
  return (PairOptions) { .flags = GPOINTER_TO_UINT (flags) | IKE_ENGINE_FOR_TESTS,
                         .connection = { a, b },
                         .plugins = impaired_plugins };
}

/* @text: "drop out exchange=IKE_AUTH count=2", as on the command line. */
static inline IkeTree *
impaired_args (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  IkeTree *args = ike_tree_new_section ();

  for (guint i = 0; words[i]; i++) {
    char *equals = strchr (words[i], '=');
    if (equals)
      *equals = 0;
    ike_tree_set_string (args, equals ? words[i] : i ? "direction" : "action",
                         equals ? equals + 1 : words[i]);
  }
  return args;
}

/* The number of the new rule. */
static inline guint
impair (PairEnd *end, const char *text)
{
  g_autoptr (IkeTree) result = pair_command (end, "impair-add", impaired_args (text), NULL);

  return (guint) ike_tree_int (result, "rule", 0);
}

/* "seen", "hits" or "held" of a rule. */
static inline guint
impaired (PairEnd *end, guint rule, const char *what)
{
  g_autoptr (IkeTree) result = pair_command (end, "impair", NULL, NULL);
  const IkeTree *rules = ike_tree_get (result, "rules");

  for (guint i = 0; i < ike_tree_n (rules); i++)
    if (ike_tree_int (ike_tree_nth (rules, i), "rule", 0) == rule)
      return (guint) ike_tree_int (ike_tree_nth (rules, i), what, 0);
  g_error ("no rule %u", rule);
}

/* How many datagrams are held in all. */
static inline guint
impaired_held (PairEnd *end)
{
  g_autoptr (IkeTree) result = pair_command (end, "impair", NULL, NULL);

  return ike_tree_n (ike_tree_get (result, "held"));
}

/* Lets go, or drops, the oldest @count of those that @rule (0: any) holds; they must be there. */
static inline void
impaired_drip (PairEnd *end, guint rule, guint count, gboolean drops)
{
  IkeTree *args = ike_tree_new_section ();
  g_autoptr (IkeTree) result = NULL;

  ike_tree_set_int (args, "count", count);
  if (rule)
    ike_tree_set_int (args, "rule", rule);
  ike_tree_set_bool (args, "drop", drops);
  result = pair_command (end, "impair-drip", args, NULL);
  g_assert_cmpint (ike_tree_int (result, "let-go", 0), ==, count);
}

static inline void
impaired_clear (PairEnd *end)
{
  ike_tree_free (pair_command (end, "impair-clear", NULL, NULL));
}

static inline void
pair_run_ms (Pair *pair, gint64 ms)
{
  gint64 until = ike_sim_now_us (pair->sim) + ms * 1000;

  while (ike_sim_step (pair->sim, until))
    ;
}

/* Nothing of SAs is left, in the engine and in its kernel. */
static inline void
assert_nothing (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);

  if (ike_tree_n (ike_tree_get (status, "sas")) != 0)
    g_error ("an SA is left\n%s", end->log->str);
  g_assert_cmpuint (end->kernel_ops->n_sas (end->kernel), ==, 0);
  g_assert_cmpuint (end->kernel_ops->n_spis (end->kernel), ==, 0);
  g_assert_cmpuint (end->kernel_ops->n_policies (end->kernel), ==, 0);
}
