/* SPDX-License-Identifier: Apache-2.0 */
/* test_reload.c - a connection is taken out of the settings: nobody gets in by it any more, what is
 * up stays up, and whoever reloads hears of it. */
#include "exchange/pair.h"
#include <glib/gstdio.h>
#include <string.h>

static const char theirs[]
  = "connections { other {\n local_addrs = 10.0.0.1\n remote_addrs = 10.0.0.2\n"
    " proposals = aes256gcm16-prfsha256-x25519\n retransmit_tries = 1\n"
    " local { auth = psk\n id = c.test\n }\n remote { auth = psk\n id = b.test\n }\n children {\n"
    " net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n }\n"
    " more { local_ts = 10.31.0.0/16\n remote_ts = 10.32.0.0/16\n } } } }\n";
static const char ours[]
  = "connections { other {\n local_addrs = 10.0.0.2\n remote_addrs = 10.0.0.1\n"
    " proposals = aes256gcm16-prfsha256-x25519\n"
    " local { auth = psk\n id = b.test\n }\n remote { auth = psk\n id = c.test\n }\n children {\n"
    " net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n }\n"
    " more { local_ts = 10.32.0.0/16\n remote_ts = 10.31.0.0/16\n } } } }\n";

typedef struct { Pair *pair; char *file; } Reload;

/* `b` reads the connection `other` from a file; its other one is for somebody else. */
static void
reload_init (Reload *r, gconstpointer flags)
{
  int fd = g_file_open_tmp ("ikebana-exchange-XXXXXX", &r->file, NULL);
  g_autofree char *include = g_strdup_printf ("include %s\n", r->file);

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (g_close (fd, NULL));
  g_assert_true (g_file_set_contents (r->file, ours, -1, NULL));
  r->pair = pair_new (
      &(PairOptions) { .flags = GPOINTER_TO_UINT (flags),
                       .connection = { NULL, "remote_addrs = 10.9.9.9\n children { net { } }\n" },
                       .more = { theirs, include } });
}

static void
reload_clear (Reload *r)
{
  pair_free (r->pair);
  g_unlink (r->file);
  g_free (r->file);
}

static IkeTree *
remove_it (Reload *r, gboolean is_dry)
{
  IkeTree *args = ike_tree_new_section ();

  ike_tree_set_bool (args, "dry-run", is_dry);
  g_assert_true (g_file_set_contents (r->file, "", -1, NULL));
  return pair_command (&r->pair->b, "reload", args, NULL);
}

static void
assert_up (Reload *r, const char *child)
{
  g_autofree char *error = pair_up_of (r->pair, &r->pair->a, "other", child);

  if (error)
    g_test_message ("%s\n-- a --\n%s-- b --\n%s", error, r->pair->a.log->str, r->pair->b.log->str);
  g_assert_cmpstr (error, ==, NULL);
}

static guint
n_sas (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);

  return ike_tree_n (ike_tree_get (status, "sas"));
}

static void
test_left (gconstpointer flags)
{
  Reload r;
  g_autoptr (IkeTree) dry = NULL, result = NULL, again = NULL;
  IkeTree *args = ike_tree_new_section ();

  reload_init (&r, flags);
  assert_up (&r, "net");
  dry = remove_it (&r, TRUE);
  g_assert_cmpstr (ike_tree_string (dry, "left.0.connection", ""), ==, "other");
  assert_up (&r, "more");
  result = remove_it (&r, FALSE);
  g_assert_cmpstr (ike_tree_string (result, "removed.0", ""), ==, "other");
  g_assert_cmpuint (ike_tree_n (ike_tree_get (result, "left")), ==, 1);
  g_assert_cmpstr (ike_tree_string (result, "left.0.connection", ""), ==, "other");
  g_assert_cmpint (ike_tree_int (result, "left.0.sas", 0), ==, 1);
  g_assert_nonnull (strstr (r.pair->b.log->str, "`ikebana down other` ends them"));
  pair_run (r.pair, 5);
  g_assert_cmpuint (n_sas (&r.pair->b), ==, 1);
  pair_assert_twins (r.pair);
  /* Said once; and the name still ends them. */
  again = remove_it (&r, FALSE);
  g_assert_cmpuint (ike_tree_n (ike_tree_get (again, "removed")), ==, 0);
  ike_tree_set_string (args, "name", "other");
  ike_tree_free (pair_command (&r.pair->b, "down", args, NULL));
  pair_run (r.pair, 1);
  g_assert_cmpuint (n_sas (&r.pair->a) + n_sas (&r.pair->b), ==, 0);
  g_assert_cmpuint (r.pair->b.kernel_ops->n_sas (r.pair->b.kernel), ==, 0);
  reload_clear (&r);
}

/* A first message gets the answer of somebody who never had it, and `up` finds nothing. */
static void
test_gone (gconstpointer flags)
{
  Reload r;
  IkeTree *args = ike_tree_new_section ();
  g_autofree char *error = NULL, *no_up = NULL;
  g_autoptr (IkeTree) record = NULL;

  reload_init (&r, flags);
  ike_tree_free (remove_it (&r, FALSE));
  error = pair_up_of (r.pair, &r.pair->a, "other", "net");
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error, "NO_PROPOSAL_CHOSEN"));
  record = pair_explain (&r.pair->b);
  g_assert_cmpstr (ike_tree_string (record, "phase", ""), ==, "connection");
  ike_tree_set_string (args, "name", "other");
  g_assert_null (pair_command (&r.pair->b, "up", args, &no_up));
  g_assert_nonnull (strstr (no_up, "there is no connection"));
  g_assert_cmpuint (pair_count (&r.pair->b, "ike.established"), ==, 0);
  reload_clear (&r);
}

/* It was there for IKE_SA_INIT, and is gone when IKE_AUTH comes. */
static void
test_gone_meanwhile (gconstpointer flags)
{
  Reload r;
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP, .exchange = 35 };
  char *error;

  reload_init (&r, flags);
  r.pair->a.net_ops->rule_add (r.pair->a.net, &rule);
  pair_begin_up (r.pair, &r.pair->a, "other", "net", &error);
  pair_run (r.pair, 1);
  g_assert_null (error);
  g_assert_cmpuint (n_sas (&r.pair->b), ==, 1);
  ike_tree_free (remove_it (&r, FALSE));
  r.pair->a.net_ops->rule_remove (r.pair->a.net, 0);
  pair_run (r.pair, 60);
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error, "AUTHENTICATION_FAILED"));
  g_assert_cmpuint (n_sas (&r.pair->b), ==, 0);
  g_assert_cmpuint (pair_count (&r.pair->b, "ike.established"), ==, 0);
  g_assert_cmpuint (r.pair->b.kernel_ops->n_sas (r.pair->b.kernel), ==, 0);
  g_free (error);
  reload_clear (&r);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("reload", "sas-of-removed-connections-stay-and-are-named", test_left);
  pair_add_test ("reload", "by-a-removed-connection-nobody-gets-in", test_gone);
  pair_add_test ("reload", "nor-who-had-begun-before-it-was-removed", test_gone_meanwhile);
  return g_test_run ();
}
