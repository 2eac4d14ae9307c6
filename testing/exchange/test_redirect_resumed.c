/* SPDX-License-Identifier: Apache-2.0 */
/* test_redirect_resumed.c - who comes back with a ticket is sent to another gateway of the group,
 * which opens it (RFC 5723, 5.1, and RFC 5685). */
#include "exchange/trio.h"
#include <glib/gstdio.h>
#include <string.h>

static const char *const plugins[] = { "resumption", NULL };

typedef struct {
  Trio *trio;
  char *file;
  guint n_resumes[2]; /* requests of IKE_SESSION_RESUME to b, to c */
} Group;

static void
count_resumes (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  Group *group = data;

  if (event == IKE_SIM_ARRIVED && packet->exchange == 38 && packet->to.bytes[3] > 1)
    group->n_resumes[packet->to.bytes[3] == 3]++;
}

/* @both: c has the keys, too. */
static void
group_open (Group *group, gconstpointer flags, gboolean both)
{
  g_autofree char *directory = g_dir_make_tmp ("ikebana-tickets-XXXXXX", NULL), *b = NULL,
                  *c = NULL;

  memset (group, 0, sizeof *group);
  group->file = g_build_filename (directory, "keys", NULL);
  g_assert_true (g_file_set_contents (
      group->file,
      "0011223344556677 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", -1,
      NULL));
  g_assert_cmpint (g_chmod (group->file, 0600), ==, 0);
  b = g_strdup_printf ("plugins { resumption { key_file = %s }\n"
                       " redirect { policy = least-loaded\n gateways = 10.0.0.3\n } }\n",
                       group->file);
  c = g_strdup_printf ("plugins { resumption { key_file = %s } }\n", both ? group->file : "");
  group->trio = trio_new (flags, &(TrioOptions){ .b = b,
                                                 .c = c,
                                                 .conn_a = "resumption = yes\n dpd_delay = 10s\n",
                                                 .conn_b = "resumption = yes\n redirect = init\n",
                                                 .conn_c = "resumption = yes\n",
                                                 .plugins = plugins });
  group->trio->pair->a.net_ops->tap_add (group->trio->pair->a.net, count_resumes, group);
}

static void
group_close (Group *group)
{
  g_autofree char *directory = g_path_get_dirname (group->file);

  trio_free (group->trio);
  g_unlink (group->file);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
  g_free (group->file);
}

/* Nothing gets through until both ends know. */
static void
lose (Pair *pair)
{
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP };
  guint64 n = pair_count (&pair->a, "ike.closed");
  guint cut = pair->a.net_ops->rule_add (pair->a.net, &rule);

  while (pair_count (&pair->a, "ike.closed") == n)
    pair_run (pair, 10);
  pair->a.net_ops->rule_remove (pair->a.net, cut);
}

static void
tell_c_is_idle (Pair *pair)
{
  IkeTree *args = ike_tree_new_section ();

  ike_tree_set_string (args, "gateway", "10.0.0.3");
  ike_tree_set_int (args, "load", 0);
  ike_tree_free (pair_command (&pair->b, "redirect-load", args, NULL));
}

static void
check (gconstpointer flags, gboolean both)
{
  Group group;
  Pair *pair;

  group_open (&group, flags, both);
  pair = group.trio->pair;
  trio_assert_up (group.trio);
  g_assert_cmpuint (trio_n_sas (&pair->b), ==, 1);
  lose (pair);
  tell_c_is_idle (pair);
  trio_assert_up (group.trio);
  pair_run (pair, 5);
  g_assert_cmpuint (trio_n_sas (&group.trio->c), ==, 1);
  g_assert_cmpuint (pair_count (&pair->b, "redirect.sent"), ==, 1);
  g_assert_cmpuint (group.n_resumes[0], ==, 1);
  g_assert_cmpuint (group.n_resumes[1], ==, 1);
  g_assert_cmpuint (pair_count (&pair->a, "resumption.fell-back"), ==, !both);
  group_close (&group);
}

static void
test_same_keys (gconstpointer flags)
{
  check (flags, TRUE);
}

static void
test_other_keys (gconstpointer flags)
{
  check (flags, FALSE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("redirect", "resumed-at-another-gateway", test_same_keys);
  pair_add_test ("redirect", "another-gateway-has-other-keys", test_other_keys);
  return g_test_run ();
}
