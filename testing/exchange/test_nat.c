/* SPDX-License-Identifier: Apache-2.0 */
/* test_nat.c - a life behind NAT: keepalives, both ends hidden, encapsulation without need, and
 * several clients behind one address.  Who moves an SA is in test_rebinding.c. */
#include "exchange/pair.h"
#include <string.h>

#define PROPOSALS "proposals = aes256gcm16-prfsha256-x25519\n"
#define NET_A "net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n }\n"
#define NET_B "net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n }\n"
#define BODY_A PROPOSALS "children { " NET_A "}\n"
#define BODY_B PROPOSALS "remote_addrs = %any\n children { " NET_B "}\n"

static IkeAddr
addr (const char *text, guint16 port)
{
  IkeAddr a;

  g_assert_true (ike_addr_parse (&a, text, NULL));
  a.port = port;
  return a;
}

/* What `status` says of the @nth SA of @end. */
static char *
told (PairEnd *end, guint nth, const char *key)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *sa = ike_tree_nth (ike_tree_get (status, "sas"), nth);
  char buffer[32];

  g_assert_nonnull (sa);
  return g_strdup (ike_tree_text (ike_tree_get (sa, key), buffer));
}

static void
assert_told (PairEnd *end, const char *key, const char *value)
{
  g_autofree char *is = told (end, 0, key);

  g_assert_cmpstr (is, ==, value);
}

/* -- `a` is behind NAT */

static Pair *
hidden_pair (gconstpointer flags, const char *more_a, const char *more_b, gboolean is_hidden)
{
  g_autofree char *a = g_strconcat (BODY_A, more_a, NULL), *b = g_strconcat (BODY_B, more_b, NULL);
  Pair *pair = pair_new (
      &(PairOptions){ .flags = GPOINTER_TO_UINT (flags), .seed = 3, .connection = { a, b } });
  IkeAddr inside = addr ("10.0.0.1", 0), outside = addr ("10.0.0.99", 0);

  if (is_hidden)
    pair->a.net_ops->nat_add (pair->a.net, &inside, &outside);
  pair_assert_up (pair, "net");
  return pair;
}

static guint64
sent_by (const PairEnd *end)
{
  return pair_count (end, "output.keepalives");
}

/* RFC 3948, 4: "if no other packet to the peer has been sent in M seconds.  M is a locally
 * configurable parameter with a default value of 20 seconds." */
static void
test_keepalives (gconstpointer flags)
{
  Pair *pair = hidden_pair (flags, "", "", TRUE);

  pair_run (pair, 19);
  g_assert_cmpuint (sent_by (&pair->a), ==, 0);
  pair_run (pair, 2);
  g_assert_cmpuint (sent_by (&pair->a), ==, 1);
  g_assert_cmpuint (pair_count (&pair->b, "net.keepalive-rx"), ==, 1);
  pair_run (pair, 200);
  g_assert_cmpuint (sent_by (&pair->a), ==, 11);
  g_assert_cmpuint (pair_count (&pair->b, "net.keepalive-rx"), ==, 11);
  g_assert_cmpuint (pair_count (&pair->b, "input.bad-header"), ==, 0);
  /* Who is not behind NAT sends none. */
  g_assert_cmpuint (sent_by (&pair->b), ==, 0);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 100);
  g_assert_cmpuint (sent_by (&pair->a), ==, 11);
  pair_free (pair);
}

static void
test_settings (gconstpointer flags)
{
  static const struct {
    const char *more;
    gboolean is_hidden;
    guint64 n;
  } cases[] = {
    { "keep_alive = 0\n", TRUE, 0 },
    { "keep_alive = 5s\n", TRUE, 20 },
    { "", FALSE, 0 },
    /* Encapsulation that is only wanted has no mapping to keep. */
    { "encap = yes\n", FALSE, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Pair *pair = hidden_pair (flags, cases[i].more, cases[i].more, cases[i].is_hidden);
    pair_run (pair, 101);
    g_assert_cmpuint (sent_by (&pair->a), ==, cases[i].n);
    g_assert_cmpuint (sent_by (&pair->b), ==, 0);
    pair_free (pair);
  }
}

static guint32
spi_of (PairEnd *end, IkeDirection direction)
{
  IkeFakeSa sa = { .struct_size = sizeof sa };

  for (guint i = 0; end->kernel_ops->nth_sa (end->kernel, i, &sa); i++)
    if (sa.direction == direction)
      return sa.spi;
  g_assert_not_reached ();
}

static void
set_use (PairEnd *end, IkeDirection direction)
{
  IkeKernelUse use = { .packets = 1, .last_use_us = ike_engine_now_us (end->engine) };

  g_assert_true (end->kernel_ops->set_use (end->kernel, direction, spi_of (end, direction), &use));
}

/* ESP that goes out keeps the mapping as well, and what comes in does not. */
static void
test_esp_counts (gconstpointer flags)
{
  Pair *pair = hidden_pair (flags, "", "", TRUE);
  guint64 n_asked;

  for (guint i = 0; i < 10; i++) {
    pair_run (pair, 15);
    set_use (&pair->a, IKE_DIR_OUT);
  }
  g_assert_cmpuint (sent_by (&pair->a), ==, 0);
  n_asked = pair->a.kernel_ops->n_calls (pair->a.kernel, IKE_FAKE_QUERY);
  g_assert_cmpuint (n_asked, <=, 10);
  /* The last packet counts, not when it was asked for. */
  pair_run (pair, 19);
  g_assert_cmpuint (sent_by (&pair->a), ==, 0);
  pair_run (pair, 2);
  g_assert_cmpuint (sent_by (&pair->a), ==, 1);
  for (guint i = 0; i < 4; i++) {
    set_use (&pair->a, IKE_DIR_IN);
    pair_run (pair, 10);
  }
  g_assert_cmpuint (sent_by (&pair->a), ==, 3);
  pair_free (pair);
}

/* A kernel plugin that fails, or does not answer, costs a keepalive that was not needed. */
static void
test_no_answer (gconstpointer flags)
{
  Pair *pair = hidden_pair (flags, "", "", TRUE);

  pair->a.kernel_ops->fail_next (pair->a.kernel, IKE_FAKE_QUERY, "out of order");
  pair_run (pair, 21);
  g_assert_cmpuint (sent_by (&pair->a), ==, 1);
  pair->a.kernel_ops->delay (pair->a.kernel, 60000);
  pair_run (pair, 24);
  g_assert_cmpuint (sent_by (&pair->a), ==, 2);
  pair_free (pair);
}

/* One for the path, however many CHILD_SAs use it; and they are not all asked. */
static void
test_one_per_path (gconstpointer flags)
{
  g_autoptr (GString) more = g_string_new ("children {\n");
  Pair *pair;
  guint64 n_asked;

  for (guint i = 0; i < 20; i++)
    g_string_append_printf (more, "c%u { local_ts = 10.1.%u.0/24\n remote_ts = 10.2.0.0/16\n }\n",
                            i, i);
  g_string_append (more, "}\n");
  pair = hidden_pair (flags, more->str, "", TRUE);
  for (guint i = 0; i < 20; i++) {
    g_autofree char *name = g_strdup_printf ("c%u", i), *error = pair_up (pair, name);
    g_assert_cmpstr (error, ==, NULL);
  }
  n_asked = pair->a.kernel_ops->n_calls (pair->a.kernel, IKE_FAKE_QUERY);
  pair_run (pair, 201);
  g_assert_cmpuint (sent_by (&pair->a), ==, 10);
  n_asked = pair->a.kernel_ops->n_calls (pair->a.kernel, IKE_FAKE_QUERY) - n_asked;
  g_assert_cmpuint (n_asked, >=, 10);
  g_assert_cmpuint (n_asked, <=, 40);
  pair_free (pair);
}

/* Nobody proven, nobody to keep a mapping for: who says that there is a NAT gets nothing by it. */
static void
test_not_before_auth (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                                         .connection = { BODY_A, BODY_B },
                                         .more = { NULL, "core { half_open_timeout = 600 }\n" } });
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP, .exchange = 35 };
  IkeAddr inside = addr ("10.0.0.1", 0), outside = addr ("10.0.0.99", 0);
  IkeAddr hidden = addr ("10.0.0.2", 0), shown = addr ("10.0.0.98", 0);
  g_autofree char *error = NULL;

  pair->a.net_ops->nat_add (pair->a.net, &inside, &outside);
  pair->a.net_ops->nat_add_static (pair->a.net, &hidden, &shown);
  pair->a.net_ops->rule_add (pair->a.net, &rule);
  error = pair_up (pair, "net");
  g_assert_nonnull (error);
  pair_run (pair, 100);
  g_assert_cmpuint (sent_by (&pair->a), ==, 0);
  g_assert_cmpuint (sent_by (&pair->b), ==, 0);
  pair_free (pair);
}

/* With -m perf: what an idle SA behind NAT costs, both engines and the wire between them. */
static void
test_cost (void)
{
  enum { PERIODS = 100000 };
  Pair *pair = hidden_pair (NULL, "", "", TRUE);
  double seconds;

  g_test_timer_start ();
  pair_run (pair, 20 * PERIODS);
  seconds = g_test_timer_elapsed ();
  g_assert_cmpuint (sent_by (&pair->a), >=, PERIODS - 1);
  g_test_minimized_result (seconds * 1e6 / PERIODS, "%.2f us per keepalive",
                           seconds * 1e6 / PERIODS);
  pair_free (pair);
}

/* -- both are hidden */

static void
test_both_hidden (gconstpointer flags)
{
  Pair *pair =
      pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                                .connection = { "remote_addrs = 10.0.0.98\n" BODY_A, BODY_B } });
  IkeAddr inside = addr ("10.0.0.1", 0), outside = addr ("10.0.0.99", 0);
  IkeAddr hidden = addr ("10.0.0.2", 0), shown = addr ("10.0.0.98", 0);

  pair->a.net_ops->nat_add (pair->a.net, &inside, &outside);
  pair->a.net_ops->nat_add_static (pair->a.net, &hidden, &shown);
  pair_assert_up (pair, "net");
  pair_assert_twins (pair);
  assert_told (&pair->a, "nat-local", "yes");
  assert_told (&pair->a, "nat-remote", "yes");
  assert_told (&pair->b, "nat-local", "yes");
  assert_told (&pair->b, "nat-remote", "yes");
  assert_told (&pair->a, "remote-host", "10.0.0.98");
  assert_told (&pair->b, "remote-host", "10.0.0.99");
  /* Each has its own mapping to keep. */
  pair_run (pair, 101);
  g_assert_cmpuint (sent_by (&pair->a), ==, 5);
  g_assert_cmpuint (sent_by (&pair->b), ==, 5);
  pair_free (pair);
}

/* -- encapsulation where there is no NAT */

static void
assert_encapsulated (PairEnd *end)
{
  IkeFakeSa sa = { .struct_size = sizeof sa };
  guint i;

  for (i = 0; end->kernel_ops->nth_sa (end->kernel, i, &sa); i++) {
    g_assert_true (sa.flags & IKE_KERNEL_ENCAP);
    g_assert_cmpuint (sa.source.port, ==, 4500);
    g_assert_cmpuint (sa.destination.port, ==, 4500);
  }
  g_assert_cmpuint (i, ==, 2);
}

/* Either end may want it: its peer finds a NAT before it, and both encapsulate. */
static void
test_encap (gconstpointer flags)
{
  static const char *const cases[][2] = { { "encap = yes\n", "" },
                                          { "", "encap = yes\n" },
                                          { "encap = yes\n", "encap = yes\n" } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Pair *pair = hidden_pair (flags, cases[i][0], cases[i][1], FALSE);
    assert_encapsulated (&pair->a);
    assert_encapsulated (&pair->b);
    pair_assert_twins (pair);
    assert_told (&pair->a, "nat-local", "no");
    assert_told (&pair->b, "nat-local", "no");
    assert_told (&pair->a, "nat-remote", *cases[i][1] ? "yes" : "no");
    assert_told (&pair->b, "nat-remote", *cases[i][0] ? "yes" : "no");
    pair_free (pair);
  }
}

/* -- several clients */

/* `a` is two clients: two addresses, two names, one inner address; `b` takes anybody. */
static Pair *
clients_pair (gconstpointer flags, const char *child, const char *more_b)
{
  g_autofree char *other = g_strdup_printf (
      "connections { other {\n local_addrs = 10.0.0.3\n remote_addrs = 10.0.0.2\n" PROPOSALS
      "local { auth = psk\n id = c.test\n }\n remote { auth = psk\n id = b.test\n }\n"
      "children { net { %s } } } }\n",
      child);
  g_autofree char *a = g_strdup_printf (PROPOSALS "children { net { %s } }\n", child);
  g_autofree char *b = g_strdup_printf (PROPOSALS "remote_addrs = %%any\n remote { id = %%any\n }\n"
                                                  "children { net { %s } }\n%s",
                                        strstr (child, "transport")
                                            ? "mode = transport\n"
                                            : "local_ts = 10.2.0.0/16\n remote_ts = 10.9.0.0/16\n",
                                        more_b);
  Pair *pair = pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                                         .n_shards = 3,
                                         .connection = { a, b },
                                         .more = { other, NULL } });
  IkeAddr first = addr ("10.0.0.1", 0), second = addr ("10.0.0.3", 0),
          outside = addr ("10.0.0.99", 0);

  g_assert_true (pair->a.net_ops->address_add (pair->a.net, &second));
  pair->a.net_ops->nat_add (pair->a.net, &first, &outside);
  pair->a.net_ops->nat_add (pair->a.net, &second, &outside);
  return pair;
}

#define SAME_INSIDE "local_ts = 10.9.0.5\n remote_ts = 10.2.0.0/16\n"

static void
test_same_inside (gconstpointer flags)
{
  Pair *pair = clients_pair (flags, SAME_INSIDE, "");
  g_autofree char *refused = NULL, *again = NULL, *first = NULL;
  g_autoptr (IkeTree) why = NULL;

  pair_assert_up (pair, "net");
  refused = pair_up_of (pair, &pair->a, "other", "net");
  g_assert_nonnull (refused);
  g_assert_nonnull (strstr (refused, "TS_UNACCEPTABLE"));
  why = pair_explain (&pair->b);
  g_assert_cmpstr (ike_tree_string (why, "phase", ""), ==, "selectors");
  g_assert_nonnull (strstr (ike_tree_string (why, "reason", ""),
                            "selector 10.9.0.5/32 is in use by a.test, CHILD_SA {1} of connection "
                            "pair; give each an if_id"));
  g_assert_nonnull (strstr (pair->b.log->str, "is in use by a.test"));
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 2);
  g_assert_cmpuint (pair->b.kernel_ops->n_spis (pair->b.kernel), ==, 0);
  /* What is in the way was asked whether it lives, and does. */
  pair_run (pair, 5);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 2);
  /* Once it is gone there is room. */
  pair_down (pair, "pair", NULL);
  again = pair_up_of (pair, &pair->a, "other", "net");
  g_assert_cmpstr (again, ==, NULL);
  first = pair_up_of (pair, &pair->a, "pair", "net");
  g_assert_nonnull (first);
  pair_free (pair);
}

/* One that is dead is found out, and the next try of the other gets in. */
static void
test_dead_one_makes_room (gconstpointer flags)
{
  Pair *pair = clients_pair (flags, SAME_INSIDE, "retransmit_tries = 1\n");
  IkeAddr first = addr ("10.0.0.1", 0);
  g_autofree char *refused = NULL, *again = NULL;

  pair_assert_up (pair, "net");
  pair->a.net_ops->address_remove (pair->a.net, &first);
  refused = pair_up_of (pair, &pair->a, "other", "net");
  g_assert_nonnull (refused);
  pair_run (pair, 60);
  again = pair_up_of (pair, &pair->a, "other", "net");
  g_assert_cmpstr (again, ==, NULL);
  pair_free (pair);
}

static void
test_interface_each (gconstpointer flags)
{
  Pair *pair = clients_pair (flags, SAME_INSIDE, "if_id = %unique\n");
  g_autofree char *error = NULL, *port_1 = NULL, *port_2 = NULL;

  pair_assert_up (pair, "net");
  error = pair_up_of (pair, &pair->a, "other", "net");
  g_assert_cmpstr (error, ==, NULL);
  pair_assert_twins (pair);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 4);
  /* One address, two ports. */
  port_1 = told (&pair->b, 0, "remote-port");
  port_2 = told (&pair->b, 1, "remote-port");
  g_assert_cmpstr (port_1, !=, port_2);
  assert_told (&pair->b, "remote-host", "10.0.0.99");
  pair_free (pair);
}

static void
test_marks (gconstpointer flags)
{
  Pair *pair = clients_pair (flags, SAME_INSIDE,
                             "children { net { mark_in = %unique\n mark_out = %unique\n } }\n");
  g_autofree char *error = NULL;

  pair_assert_up (pair, "net");
  error = pair_up_of (pair, &pair->a, "other", "net");
  g_assert_cmpstr (error, ==, NULL);
  pair_free (pair);
}

/* RFC 3948, 5.2: in transport mode it is the NAT's address that they share. */
static void
test_transport (gconstpointer flags)
{
  Pair *pair = clients_pair (flags, "mode = transport\n", "");
  g_autofree char *refused = NULL;
  g_autoptr (IkeTree) why = NULL;

  pair_assert_up (pair, "net");
  refused = pair_up_of (pair, &pair->a, "other", "net");
  g_assert_nonnull (refused);
  why = pair_explain (&pair->b);
  g_assert_nonnull (
      strstr (ike_tree_string (why, "reason", ""), "selector 10.0.0.99/32 is in use"));
  pair_free (pair);
}

/* The same peer may have the same traffic twice, as while it rekeys. */
static void
test_same_peer (gconstpointer flags)
{
  Pair *pair = hidden_pair (flags,
                            "children { again { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n"
                            " } }\n",
                            "", TRUE);
  g_autofree char *error = pair_up (pair, "again");

  g_assert_cmpstr (error, ==, NULL);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 4);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("nat", "keepalives-go-out-when-nothing-else-does", test_keepalives);
  pair_add_test ("nat", "keepalives-as-the-settings-say", test_settings);
  pair_add_test ("nat", "esp-spares-a-keepalive", test_esp_counts);
  pair_add_test ("nat", "a-kernel-that-does-not-answer-costs-a-keepalive", test_no_answer);
  pair_add_test ("nat", "one-keepalive-for-all-children", test_one_per_path);
  pair_add_test ("nat", "no-keepalive-before-auth", test_not_before_auth);
  pair_add_test ("nat", "both-ends-hidden", test_both_hidden);
  pair_add_test ("nat", "either-end-may-force-encapsulation", test_encap);
  pair_add_test ("nat", "the-same-inner-address-is-refused-with-the-reason", test_same_inside);
  pair_add_test ("nat", "who-is-dead-makes-room", test_dead_one_makes_room);
  pair_add_test ("nat", "an-interface-each-carries-the-same-inner-address", test_interface_each);
  pair_add_test ("nat", "a-mark-each-carries-the-same-inner-address", test_marks);
  pair_add_test ("nat", "one-client-in-transport-mode", test_transport);
  pair_add_test ("nat", "a-peer-may-have-its-own-traffic-twice", test_same_peer);
  if (g_test_perf ())
    g_test_add_func ("/nat/cost-of-a-keepalive", test_cost);
  return g_test_run ();
}
