/* SPDX-License-Identifier: Apache-2.0 */
/* test_if_ids.c - which interface IDs SAs and policies get, and for which an interface is asked
 * for. */
#include "exchange/pair.h"
#include <string.h>

#define PROPOSALS "proposals = aes256gcm16-prfsha256-x25519\n"
#define PEER                                                                                       \
  PROPOSALS "children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n }\n"             \
            "web { local_ts = 10.4.0.0/16\n remote_ts = 10.1.0.0/16\n }\n }\n"

static Pair *
pair_with (gconstpointer flags, const char *conn, const char *child)
{
  g_autofree char *text = g_strdup_printf (
      PROPOSALS "%s\nchildren { net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n%s\n }\n"
                "web { local_ts = 10.1.0.0/16\n remote_ts = 10.4.0.0/16\n%s\n }\n }\n",
      conn, child, child);
  Pair *pair = pair_new (
      &(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .connection = { text, PEER } });

  pair_assert_up (pair, "net");
  pair_assert_up (pair, "web");
  pair_assert_twins (pair);
  return pair;
}

/* The SAs of @end in the order of their children: net in, net out, web in, web out. */
static void
read_sas (PairEnd *end, IkeFakeSa sas[4])
{
  guint64 first = G_MAXUINT64;
  guint i;

  g_assert_cmpuint (end->kernel_ops->n_sas (end->kernel), ==, 4);
  for (i = 0; i < 4; i++) {
    IkeFakeSa sa = { .struct_size = sizeof sa };
    g_assert_true (end->kernel_ops->nth_sa (end->kernel, i, &sa));
    first = MIN (first, sa.child);
  }
  for (i = 0; i < 4; i++) {
    IkeFakeSa sa = { .struct_size = sizeof sa };
    g_assert_true (end->kernel_ops->nth_sa (end->kernel, i, &sa));
    sas[(sa.child == first ? 0 : 2) + (sa.direction == IKE_DIR_OUT)] = sa;
  }
}

static void
assert_ids (PairEnd *end, guint32 net_in, guint32 net_out, guint32 web_in, guint32 web_out)
{
  guint32 wanted[] = { net_in, net_out, web_in, web_out };
  IkeFakeSa sas[4];
  guint i, n = 0;
  IkeKernelPolicy policy;

  read_sas (end, sas);
  for (i = 0; i < 4; i++) {
    gboolean is_made = wanted[i] > 0x10000;
    g_autofree char *name = g_strdup_printf ("ike-%u", wanted[i] - 0x10000);
    g_assert_cmpuint (sas[i].if_id, ==, wanted[i]);
    g_assert_cmpstr (sas[i].link_name, ==, is_made ? name : "");
    g_assert_cmpint ((sas[i].flags & IKE_KERNEL_MAKE_INTERFACE) != 0, ==, is_made);
  }
  for (i = 0; end->kernel_ops->nth_policy (end->kernel, i, &policy); i++) {
    guint32 id = policy.reqid == sas[0].reqid ? (policy.direction == IKE_DIR_OUT ? net_out : net_in)
                 : policy.direction == IKE_DIR_OUT                               ? web_out
                                                                                 : web_in;
    g_assert_cmpuint (policy.if_id, ==, id);
    g_assert_cmpint ((policy.flags & IKE_KERNEL_MAKE_INTERFACE) != 0, ==, id > 0x10000);
    n++;
  }
  g_assert_cmpuint (n, ==, 6);
}

static const IkeTree *
nth_child (const IkeTree *status, guint i)
{
  return ike_tree_nth (ike_tree_get (ike_tree_nth (ike_tree_get (status, "sas"), 0), "children"),
                       i);
}

static void
test_connection (gconstpointer flags)
{
  Pair *pair = pair_with (flags, "if_id = %unique", "");
  g_autoptr (IkeTree) status = pair_status (&pair->a);

  assert_ids (&pair->a, 0x10001, 0x10001, 0x10001, 0x10001);
  assert_ids (&pair->b, 0, 0, 0, 0);
  g_assert_cmpint (ike_tree_int (nth_child (status, 0), "if-id-in", 0), ==, 0x10001);
  g_assert_cmpint (ike_tree_int (nth_child (status, 1), "if-id-out", 0), ==, 0x10001);
  g_assert_cmpstr (ike_tree_string (nth_child (status, 0), "interface", ""), ==, "ike-1");
  pair_free (pair);
}

static void
test_connection_dir (gconstpointer flags)
{
  Pair *pair = pair_with (flags, "if_id_in = %unique-dir\nif_id_out = %unique-dir", "");

  assert_ids (&pair->a, 0x10001, 0x10002, 0x10001, 0x10002);
  pair_free (pair);
}

static void
test_child (gconstpointer flags)
{
  Pair *pair = pair_with (flags, "", "if_id_in = %unique\nif_id_out = %unique");

  assert_ids (&pair->a, 0x10001, 0x10001, 0x10002, 0x10002);
  pair_free (pair);
}

static void
test_child_dir (gconstpointer flags)
{
  Pair *pair = pair_with (flags, "if_id = %unique", "if_id = %unique-dir");

  assert_ids (&pair->a, 0x10001, 0x10002, 0x10003, 0x10004);
  pair_free (pair);
}

static void
test_numbers (gconstpointer flags)
{
  Pair *pair = pair_with (flags, "if_id_in = 5\nif_id_out = 6", "if_id_out = 7");
  g_autoptr (IkeTree) status = pair_status (&pair->a);

  assert_ids (&pair->a, 5, 7, 5, 7);
  g_assert_null (ike_tree_get (nth_child (status, 0), "interface"));
  pair_free (pair);
}

static void
test_one_direction (gconstpointer flags)
{
  Pair *pair = pair_with (flags, "if_id_in = 5\nif_id_out = %unique", "");

  assert_ids (&pair->a, 5, 0x10001, 5, 0x10001);
  pair_free (pair);
}

/* Each IKE_SA has its own, for as long as it lives. */
static void
test_next_sa (gconstpointer flags)
{
  Pair *pair = pair_with (flags, "if_id = %unique", "");

  pair_down (pair, "pair", "web");
  pair_run (pair, 5);
  pair_assert_up (pair, "web");
  assert_ids (&pair->a, 0x10001, 0x10001, 0x10001, 0x10001);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 5);
  pair_assert_up (pair, "net");
  pair_assert_up (pair, "web");
  assert_ids (&pair->a, 0x10002, 0x10002, 0x10002, 0x10002);
  pair_free (pair);
}

static void
test_kernel_lacks (void)
{
  Pair *pair = pair_new (
      &(PairOptions) { .connection = { PROPOSALS "children { net { if_id = %unique\n }\n }\n" },
                       .more = { "plugins { kernel-fake { lacks = if-id } }" } });

  g_assert_nonnull (
      strstr (pair->a.log->str, "if_id: the kernel plugin kernel-fake knows no interface IDs"));
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("if-ids", "a-connection-has-one", test_connection);
  pair_add_test ("if-ids", "a-connection-has-one-each-way", test_connection_dir);
  pair_add_test ("if-ids", "a-child-has-one", test_child);
  pair_add_test ("if-ids", "a-child-has-its-own-each-way", test_child_dir);
  pair_add_test ("if-ids", "numbers-are-the-operators", test_numbers);
  pair_add_test ("if-ids", "one-direction-alone", test_one_direction);
  pair_add_test ("if-ids", "the-next-sa-has-the-next", test_next_sa);
  g_test_add_func ("/if-ids/a-kernel-without-is-said", test_kernel_lacks);
  return g_test_run ();
}
