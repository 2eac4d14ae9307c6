/* SPDX-License-Identifier: Apache-2.0 */
/* trio.c - a client and two gateways; see trio.h. */
#include "exchange/trio.h"
#include <string.h>

static const char base[] = "proposals = aes256gcm16-prfsha256-x25519\n";
/* The gateways have the same identity and the same networks. */
static const char child[] = "children { net { local_ts = 10.%u.0.0/16\n remote_ts = 10.%u.0.0/16\n"
                            " esp_proposals = aes256gcm16\n } }\n";

static char *
connection_of (const char *more, guint role)
{
  g_autofree char *children = g_strdup_printf (child, role, 3 - role);

  return g_strconcat (base, more ? more : "", more && strstr (more, "children") ? "" : children,
                      NULL);
}

Trio *
trio_new (gconstpointer flags, const TrioOptions *o)
{
  g_autofree char *a = connection_of (o->conn_a, 1), *b = connection_of (o->conn_b, 2),
                  *c = connection_of (o->conn_c, 2);
  g_autoptr (GPtrArray) plugins = g_ptr_array_new ();
  PairOptions options = { .seed = 7,
                          .flags = GPOINTER_TO_UINT (flags),
                          .connection = { a, b },
                          .more = { o->a, o->b },
                          .builtin = o->builtin };
  Trio *trio = g_new0 (Trio, 1);

  g_ptr_array_add (plugins, (gpointer) "redirect");
  for (guint i = 0; o->plugins && o->plugins[i]; i++)
    g_ptr_array_add (plugins, (gpointer) o->plugins[i]);
  g_ptr_array_add (plugins, NULL);
  options.plugins = (const char *const *) plugins->pdata;
  trio->forge = forge_new (&options);
  trio->pair = trio->forge->pair;
  options.connection[1] = c;
  options.more[1] = o->c;
  if (o->builtin)
    g_ptr_array_insert (plugins, 0, (gpointer) o->builtin[0]->name);
  options.plugins = (const char *const *) plugins->pdata;
  pair_add_third (trio->pair, &trio->c, &options);
  return trio;
}

void
trio_free (Trio *trio)
{
  pair_end_third (&trio->c);
  forge_free (trio->forge);
  g_free (trio);
}

guint
trio_n_sas (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *sas = ike_tree_get (status, "sas");
  guint i, n = 0;

  for (i = 0; i < ike_tree_n (sas); i++)
    n += g_str_equal (ike_tree_string (ike_tree_nth (sas, i), "state", ""), "ESTABLISHED");
  return n;
}

static void
show (Trio *trio)
{
  g_test_message ("-- a --\n%s-- b --\n%s-- c --\n%s", trio->pair->a.log->str,
                  trio->pair->b.log->str, trio->c.log->str);
}

void
trio_assert_up (Trio *trio)
{
  g_autofree char *error = pair_up (trio->pair, NULL);

  if (error)
    show (trio);
  g_assert_cmpstr (error, ==, NULL);
}

static void
assert_at (Trio *trio, PairEnd *here, PairEnd *other)
{
  PairEnd *ends[] = { &trio->pair->a, here };
  guint i;

  pair_run (trio->pair, 5);
  if (trio_n_sas (&trio->pair->a) != 1 || trio_n_sas (here) != 1 || trio_n_sas (other))
    show (trio);
  for (i = 0; i < 2; i++) {
    g_assert_cmpuint (trio_n_sas (ends[i]), ==, 1);
    g_assert_cmpuint (ends[i]->kernel_ops->n_sas (ends[i]->kernel), ==, 2);
    g_assert_cmpuint (ends[i]->kernel_ops->n_policies (ends[i]->kernel), ==, 3);
    g_assert_cmpuint (ends[i]->kernel_ops->n_spis (ends[i]->kernel), ==, 0);
  }
  g_assert_cmpuint (trio_n_sas (other), ==, 0);
  g_assert_cmpuint (other->kernel_ops->n_sas (other->kernel), ==, 0);
}

void
trio_assert_at_b (Trio *trio)
{
  assert_at (trio, &trio->pair->b, &trio->c);
}

void
trio_assert_at_c (Trio *trio)
{
  assert_at (trio, &trio->c, &trio->pair->b);
}
