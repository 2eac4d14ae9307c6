/* SPDX-License-Identifier: Apache-2.0 */
/* test_setup.c - IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL between two engines, three
 * times: plain, every wait forced, every completion from another thread in random order. */
#include "exchange/pair.h"
#include <string.h>

static void
assert_up_of (Pair *pair, PairEnd *end, const char *child)
{
  g_autofree char *error = pair_up_of (pair, end, "pair", child);

  if (error)
    g_test_message ("%s\n-- a --\n%s-- b --\n%s", error, pair->a.log->str, pair->b.log->str);
  g_assert_cmpstr (error, ==, NULL);
}

static void
assert_up (Pair *pair, const char *child)
{
  assert_up_of (pair, &pair->a, child);
}

static void
assert_gone (Pair *pair)
{
  g_autoptr (IkeTree) a = pair_status (&pair->a), b = pair_status (&pair->b);

  g_assert_cmpuint (ike_tree_n (ike_tree_get (a, "sas")), ==, 0);
  g_assert_cmpuint (ike_tree_n (ike_tree_get (b, "sas")), ==, 0);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 0);
  g_assert_cmpuint (pair->a.kernel_ops->n_spis (pair->a.kernel), ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_spis (pair->b.kernel), ==, 0);
}

static const char two_children[2][400] = {
  "proposals = aes256gcm16-prfsha256-x25519\n children {\n"
  " net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n esp_proposals = aes256gcm16\n }\n"
  " pfs { local_ts = 10.11.0.0/16\n remote_ts = 10.12.0.0/16\n esp_proposals = "
  "aes128-sha256-ecp256\n }\n }\n",
  "proposals = aes256gcm16-prfsha256-x25519\n children {\n"
  " net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n esp_proposals = aes256gcm16\n }\n"
  " pfs { local_ts = 10.12.0.0/16\n remote_ts = 10.11.0.0/16\n esp_proposals = "
  "aes128-sha256-ecp256\n }\n }\n"
};

static PairOptions
two (guint32 flags)
{
  return (PairOptions) { .flags = flags, .connection = { two_children[0], two_children[1] } };
}

/* -- what works */

static void
test_up (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags) });

  assert_up (pair, NULL);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 2);
  pair_assert_twins (pair);
  g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 1);
  pair_free (pair);
}

static void
test_further_children (gconstpointer flags)
{
  PairOptions o = two (GPOINTER_TO_UINT (flags));
  Pair *pair = pair_new (&o);

  assert_up (pair, "net");
  assert_up (pair, "pfs");
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 4);
  pair_assert_twins (pair);
  g_assert_cmpuint (pair_count (&pair->a, "ike.established"), ==, 1);
  pair_free (pair);
}

static void
test_delete (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags) });

  assert_up (pair, NULL);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 1);
  assert_gone (pair);
  assert_up (pair, NULL);
  ike_tree_free (pair_command (&pair->b, "down", ({
    IkeTree *t = ike_tree_new_section ();
    ike_tree_set_bool (t, "all", TRUE);
    t;
  }),
                               NULL));
  pair_run (pair, 1);
  assert_gone (pair);
  pair_free (pair);
}

static void
test_delete_child (gconstpointer flags)
{
  PairOptions o = two (GPOINTER_TO_UINT (flags));
  Pair *pair = pair_new (&o);

  assert_up (pair, "net");
  assert_up (pair, "pfs");
  pair_down (pair, NULL, "pfs");
  pair_run (pair, 1);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 2);
  pair_assert_twins (pair);
  assert_up (pair, "pfs");
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 4);
  pair_assert_twins (pair);
  pair_free (pair);
}

static void
test_other_group (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) {
    .flags = GPOINTER_TO_UINT (flags),
    .connection = { "proposals = aes128-sha256-modp2048-x25519\n children { net { } }\n",
                    "proposals = aes128-sha256-x25519\n children { net { } }\n" } });

  assert_up (pair, NULL);
  pair_assert_twins (pair);
  g_assert_nonnull (strstr (pair->a.log->str, "another key exchange group"));
  pair_free (pair);
}

static void
test_other_group_of_child (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) {
    .flags = GPOINTER_TO_UINT (flags),
    .connection = { "children { net { }\n two { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n"
                    "esp_proposals = aes128-sha256-ecp256-x25519\n } }\n",
                    "children { net { }\n two { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n"
                    "esp_proposals = aes128-sha256-x25519\n } }\n" } });

  assert_up (pair, "net");
  assert_up (pair, "two");
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 4);
  pair_assert_twins (pair);
  pair_free (pair);
}

static void
test_narrowing (gconstpointer flags)
{
  Pair *pair = pair_new (
      &(PairOptions) { .flags = GPOINTER_TO_UINT (flags),
                       .connection = { "children { net { local_ts = 10.1.0.0/16, fd01::/64\n "
                                       "remote_ts = 0.0.0.0/0, ::/0\n } }\n",
                                       "children { net { local_ts = 10.2.3.0/24[tcp/80], "
                                       "fd02::/64\n remote_ts = 10.0.0.0/8, fd01::/48\n } }\n" } });
  g_autoptr (IkeTree) status = NULL;
  const IkeTree *child;

  assert_up (pair, NULL);
  status = pair_status (&pair->a);
  child =
      ike_tree_nth (ike_tree_get (ike_tree_nth (ike_tree_get (status, "sas"), 0), "children"), 0);
  g_assert_cmpstr (ike_tree_text (ike_tree_nth (ike_tree_get (child, "remote-ts"), 0), NULL), ==,
                   "10.2.3.0/24[tcp/80]");
  g_assert_cmpstr (ike_tree_text (ike_tree_nth (ike_tree_get (child, "remote-ts"), 1), NULL), ==,
                   "fd02::/64");
  pair_assert_twins (pair);
  pair_free (pair);
}

static void
test_two_ups_make_one (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags) });
  char *first, *second;

  pair_begin_up (pair, &pair->a, "pair", NULL, &first);
  pair_begin_up (pair, &pair->a, "pair", NULL, &second);
  while (!first || !second)
    g_assert_true (ike_sim_step (pair->sim, G_MAXINT64));
  g_assert_cmpstr (first, ==, "");
  g_assert_cmpstr (second, ==, "");
  g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 1);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 2);
  g_free (first);
  g_free (second);
  pair_free (pair);
}

static void
test_up_again (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags) });

  assert_up (pair, NULL);
  assert_up (pair, NULL);
  g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 1);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 2);
  pair_free (pair);
}

/* Whoever of the two asks, there is one IKE SA, with what was asked for. */
static void
test_up_of_the_other (gconstpointer flags)
{
  PairOptions o = two (GPOINTER_TO_UINT (flags));
  Pair *pair = pair_new (&o);

  assert_up (pair, "net");
  assert_up_of (pair, &pair->b, "net");
  g_assert_nonnull (strstr (pair->b.log->str, "net is up already"));
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 2);
  assert_up_of (pair, &pair->b, "pfs");
  assert_up (pair, "pfs");
  g_assert_cmpuint (pair_count (&pair->a, "ike.established"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 1);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 4);
  pair_assert_twins (pair);
  /* Gone, it is made anew. */
  pair_down (pair, "pair", NULL);
  pair_run (pair, 1);
  assert_gone (pair);
  assert_up_of (pair, &pair->b, "net");
  g_assert_cmpuint (pair_count (&pair->a, "ike.established"), ==, 2);
  pair_assert_twins (pair);
  pair_free (pair);
}

/* Both at the same moment: two IKE SAs, which RFC 7296 allows; from then on, neither makes more. */
static void
test_ups_that_cross (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags) });
  char *at_a, *at_b;

  pair_begin_up (pair, &pair->a, "pair", NULL, &at_a);
  pair_begin_up (pair, &pair->b, "pair", NULL, &at_b);
  while (!at_a || !at_b)
    g_assert_true (ike_sim_step (pair->sim, G_MAXINT64));
  g_assert_cmpstr (at_a, ==, "");
  g_assert_cmpstr (at_b, ==, "");
  pair_run (pair, 1);
  assert_up (pair, NULL);
  assert_up_of (pair, &pair->b, NULL);
  g_assert_cmpuint (pair_count (&pair->a, "ike.established"), ==, 2);
  g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 2);
  pair_assert_twins (pair);
  g_free (at_a);
  g_free (at_b);
  pair_free (pair);
}

static void
test_nat (gconstpointer flags)
{
  Pair *pair = pair_new (
      &(PairOptions) { .flags = GPOINTER_TO_UINT (flags),
                       .connection = { NULL, "remote_addrs = %any\n children { net { local_ts = "
                                             "10.2.0.0/16\n remote_ts = 10.1.0.0/16\n } }\n" } });
  IkeAddr inside, outside;
  g_autoptr (IkeTree) status = NULL;
  const IkeTree *sa;

  ike_addr_parse (&inside, "10.0.0.1", NULL);
  ike_addr_parse (&outside, "10.0.0.99", NULL);
  pair->a.net_ops->nat_add (pair->a.net, &inside, &outside);
  assert_up (pair, NULL);
  pair_assert_twins (pair);
  status = pair_status (&pair->b);
  sa = ike_tree_nth (ike_tree_get (status, "sas"), 0);
  g_assert_cmpint (ike_tree_int (sa, "local-port", 0), ==, 4500);
  g_assert_cmpstr (ike_tree_string (sa, "remote-host", ""), ==, "10.0.0.99");
  g_assert_true (ike_tree_bool (sa, "nat-remote", FALSE));
  g_assert_true (ike_tree_bool (ike_tree_nth (ike_tree_get (sa, "children"), 0), "encap", FALSE));
  pair_free (pair);
}

/* A secret, an address, no options: all of it by default; the peer has `default` proposals and
 * takes anybody. */
static void
test_up_host (gconstpointer flags)
{
  Pair *pair = pair_new (
      &(PairOptions) { .flags = GPOINTER_TO_UINT (flags),
                       .connection = { NULL, "local { id = 10.0.0.2\n }\n remote { id = %any\n }\n "
                                             "remote_addrs = %any\n children { any { } }\n" } });
  IkeTree *args = ike_tree_new_section ();
  g_autoptr (IkeTree) result = NULL;

  ike_tree_set_string (args, "name", "10.0.0.2");
  result = pair_command (&pair->a, "up", args, NULL);
  g_assert_cmpstr (ike_tree_string (result, "state", ""), ==, "ESTABLISHED");
  g_assert_cmpstr (
      ike_tree_text (
          ike_tree_nth (
              ike_tree_get (ike_tree_nth (ike_tree_get (result, "children"), 0), "remote-ts"), 0),
          NULL),
      ==, "10.0.0.2/32");
  pair_assert_twins (pair);
  pair_free (pair);
}

static void
test_start_action (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) {
    .flags = GPOINTER_TO_UINT (flags),
    .connection = { "children { net { start_action = start\n } }\n", "children { net { } }\n" } });

  pair_run (pair, 2);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 2);
  pair_assert_twins (pair);
  pair_free (pair);
}

/* -- loss */

static void
test_every_datagram_lost_once (gconstpointer flags)
{
  guint nth;

  for (nth = 1; nth <= 4; nth++) {
    Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags) });
    IkeSimRule rule = {
      .struct_size = sizeof rule, .action = IKE_SIM_DROP, .first = nth, .n_times = 1
    };
    guint id = pair->a.net_ops->rule_add (pair->a.net, &rule);

    assert_up (pair, NULL);
    g_assert_cmpuint (pair->a.net_ops->rule_hits (pair->a.net, id), ==, 1);
    pair_run (pair, 40);
    g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 1);
    pair_assert_twins (pair);
    pair_free (pair);
  }
}

static void
test_everything_twice (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags) });
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DUPLICATE };

  pair->a.net_ops->rule_add (pair->a.net, &rule);
  assert_up (pair, NULL);
  pair_run (pair, 40);
  g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->b, "input.retransmits"), >=, 2);
  pair_assert_twins (pair);
  pair_free (pair);
}

static void
test_nobody_there (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags) });
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP };
  g_autofree char *error = NULL;
  g_autoptr (IkeTree) record = NULL;

  pair->a.net_ops->rule_add (pair->a.net, &rule);
  error = pair_up (pair, NULL);
  g_assert_nonnull (strstr (error, "no answer from 10.0.0.2"));
  record = pair_explain (&pair->a);
  g_assert_cmpstr (ike_tree_string (record, "phase", ""), ==, "timeout");
  assert_gone (pair);
  pair_free (pair);
}

/* Two children are wanted, and one attempt serves both. */
static void
begin_two (Pair *pair, char *errors[2])
{
  pair_begin_up (pair, &pair->a, "pair", "net", &errors[0]);
  pair_begin_up (pair, &pair->a, "pair", "pfs", &errors[1]);
  while (!errors[0] || !errors[1])
    g_assert_true (ike_sim_step (pair->sim, G_MAXINT64));
}

static void
test_nobody_there_for_two (gconstpointer flags)
{
  PairOptions o = two (GPOINTER_TO_UINT (flags));
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP };
  Pair *pair = pair_new (&o);
  char *errors[2];

  pair->a.net_ops->rule_add (pair->a.net, &rule);
  begin_two (pair, errors);
  g_assert_nonnull (strstr (errors[0], "no answer from 10.0.0.2"));
  g_assert_nonnull (strstr (errors[1], "no answer from 10.0.0.2"));
  assert_gone (pair);
  g_free (errors[0]);
  g_free (errors[1]);
  pair_free (pair);
}

/* What waits for the SA is never asked of a peer that did not prove who it is: it is told that the
 * SA goes, and nothing else. */
static void
test_what_waits_is_not_asked_of_strangers (gconstpointer flags)
{
  g_autofree char *body = g_strconcat ("remote { id = *.wrong\n }\n", two_children[0], NULL);
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags),
                                          .connection = { body, two_children[1] } });
  IkeSimRule asked = { .struct_size = sizeof asked, .action = IKE_SIM_DELAY, .exchange = 36 },
             told = { .struct_size = sizeof told, .action = IKE_SIM_DELAY, .exchange = 37 };
  guint asked_id = pair->a.net_ops->rule_add (pair->a.net, &asked),
        told_id = pair->a.net_ops->rule_add (pair->a.net, &told);
  char *errors[2];

  begin_two (pair, errors);
  g_assert_nonnull (strstr (errors[0], "connection pair wants *.wrong"));
  g_assert_cmpstr (errors[1], !=, "");
  pair_run (pair, 40);
  g_assert_cmpuint (pair->a.net_ops->rule_hits (pair->a.net, asked_id), ==, 0);
  g_assert_cmpuint (pair->a.net_ops->rule_hits (pair->a.net, told_id), ==, 2);
  assert_gone (pair);
  g_free (errors[0]);
  g_free (errors[1]);
  pair_free (pair);
}

static void
test_half_open_ends (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags) });
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP, .exchange = 35 };
  g_autofree char *error = NULL;
  g_autoptr (IkeTree) record = NULL;

  pair->a.net_ops->rule_add (pair->a.net, &rule);
  error = pair_up (pair, NULL);
  g_assert_nonnull (error);
  record = pair_explain (&pair->b);
  g_assert_nonnull (strstr (ike_tree_string (record, "reason", ""), "began and did not go on"));
  assert_gone (pair);
  pair_free (pair);
}

/* -- refusals, and why */

static void
assert_refused (Pair *pair, const char *phase_a, const char *phase_b, const char *sentence_b)
{
  g_autofree char *error = pair_up (pair, NULL);
  g_autoptr (IkeTree) a = pair_explain (&pair->a), b = pair_explain (&pair->b);

  g_assert_nonnull (error);
  g_assert_cmpstr (ike_tree_string (a, "phase", ""), ==, phase_a);
  g_assert_cmpstr (ike_tree_string (b, "phase", ""), ==, phase_b);
  if (!strstr (ike_tree_string (b, "reason", ""), sentence_b))
    g_error ("%s", ike_tree_string (b, "reason", ""));
}

static void
test_no_proposal (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) {
      .flags = GPOINTER_TO_UINT (flags),
      .connection = { "proposals = aes128-sha256-modp2048\n children { net { } }\n", NULL } });
  g_autoptr (IkeTree) record = NULL, ours = NULL;
  const IkeTree *entry;

  assert_refused (pair, "refused", "proposal", "no proposal chosen");
  ours = pair_explain (&pair->a);
  g_assert_cmpuint (ike_tree_n (ike_tree_get (ours, "details.offered")), ==, 1);
  record = pair_explain (&pair->b);
  entry = ike_tree_nth (
      ike_tree_get (ike_tree_nth (ike_tree_get (record, "details.connections"), 0), "candidates"),
      0);
  g_assert_cmpstr (ike_tree_string (entry, "differs", ""), ==, "ENCR");
  g_assert_cmpstr (ike_tree_string (entry, "offered", ""), ==, "aes-cbc-128");
  g_assert_cmpstr (ike_tree_string (entry, "accepted", ""), ==, "aes-gcm-16-256");
  g_assert_cmpstr (ike_tree_string (entry, "setting", ""), ==, "aes in connections.pair.proposals");
  pair_run (pair, 40);
  assert_gone (pair);
  pair_free (pair);
}

static void
test_no_connection (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) {
      .flags = GPOINTER_TO_UINT (flags),
      .connection = { NULL, "remote_addrs = 10.9.9.9\n children { net { } }\n" } });

  assert_refused (pair, "refused", "connection", "no connection is configured");
  pair_free (pair);
}

static void
test_wrong_secret (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) {
    .flags = GPOINTER_TO_UINT (flags), .secrets = { NULL, "secret = something-else-entirely\n" } });

  assert_refused (pair, "auth", "auth", "does not fit our shared secret");
  pair_run (pair, 40);
  assert_gone (pair);
  pair_free (pair);
}

static void
test_wrong_identity (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) {
    .flags = GPOINTER_TO_UINT (flags),
    .connection = { NULL, "remote { id = somebody.else\n }\n children { net { } }\n" } });

  assert_refused (pair, "auth", "identity", "no connection fits this identity");
  pair_free (pair);
}

static void
test_wrong_identity_of_responder (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) {
    .flags = GPOINTER_TO_UINT (flags),
    .connection = { "remote { id = *.wrong\n }\n children { net { } }\n", NULL } });
  g_autofree char *error = pair_up (pair, NULL);
  g_autoptr (IkeTree) a = pair_explain (&pair->a);

  g_assert_nonnull (strstr (error, "connection pair wants *.wrong"));
  g_assert_cmpstr (ike_tree_string (a, "details.setting", ""), ==, "connections.pair.remote.id");
  pair_run (pair, 40);
  assert_gone (pair);
  pair_free (pair);
}

/* RFC 7296, 2.21.2: the IKE SA stays when only the child fails. */
static void
test_no_selectors (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) {
      .flags = GPOINTER_TO_UINT (flags),
      .connection = {
          NULL, "children { net { local_ts = 192.168.0.0/24\n remote_ts = 10.1.0.0/16\n } }\n" } });
  g_autoptr (IkeTree) status = NULL;

  assert_refused (pair, "selectors", "selectors", "the peer wants 10.2.0.0/16 === 10.1.0.0/16");
  status = pair_status (&pair->b);
  g_assert_cmpuint (ike_tree_n (ike_tree_get (status, "sas")), ==, 1);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 0);
  g_assert_cmpuint (pair->a.kernel_ops->n_spis (pair->a.kernel), ==, 0);
  pair_free (pair);
}

static void
test_kernel_says_no (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags) });
  g_autofree char *error = NULL;

  pair->b.kernel_ops->fail_next (pair->b.kernel, IKE_FAKE_INSTALL, "no such algorithm here");
  error = pair_up (pair, NULL);
  g_assert_nonnull (error);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 0);
  g_assert_cmpuint (pair->a.kernel_ops->n_spis (pair->a.kernel), ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_spis (pair->b.kernel), ==, 0);
  g_assert_nonnull (strstr (pair->b.log->str, "no such algorithm here"));
  pair_free (pair);
}

/* -- algorithms */

static void
test_algorithms (void)
{
  static const char *const ike[] = {
    "aes128-sha1-modp2048",
    "aes192-sha256-modp3072",
    "aes256-sha384-modp4096",
    "aes256-sha512-ecp521",
    "aes128ctr-sha256-ecp256",
    "aes256gcm8-prfsha256-ecp384",
    "aes192gcm12-prfsha384-curve448",
    "aes128ccm8-prfsha1-curve25519",
    "aes256ccm16-prfsha512-ecp256bp",
    "aes128ccm12-prfaesxcbc-ecp384bp",
    "chacha20poly1305-prfsha256-ecp512bp",
    "aes128-aesxcbc-prfaescmac-x25519",
    "aes128-aescmac-prfaesxcbc-x448",
    "3des-sha1-modp1024",
    "aes128-sha256-modp1536",
  };
  static const char *const esp[] = {
    "aes128-sha1",      "aes192-sha256",   "aes256-sha384", "aes256-sha512-esn", "aes128ctr-sha256",
    "aes256gcm8",       "aes192gcm12-esn", "aes128ccm8",    "aes256ccm16",       "aes128ccm12",
    "chacha20poly1305", "aes128-aesxcbc",  "null-aescmac",  "3des-sha1",         "null-sha256",
  };
  guint i;

  G_STATIC_ASSERT (G_N_ELEMENTS (ike) == G_N_ELEMENTS (esp));
  for (i = 0; i < G_N_ELEMENTS (ike); i++) {
    g_autofree char *body = g_strdup_printf (
        "proposals = %s\n children { net { esp_proposals = %s\n } }\n", ike[i], esp[i]);
    Pair *pair = pair_new (&(PairOptions) { .connection = { body, body } });

    g_test_message ("%s / %s", ike[i], esp[i]);
    assert_up (pair, NULL);
    pair_assert_twins (pair);
    pair_free (pair);
  }
}

/* -- determinism */

static guint64
run_seed (guint64 seed)
{
  PairOptions o = two (IKE_ENGINE_SHUFFLE);
  IkeSimChaos chaos = { sizeof chaos, 50, 50, 50, 20 };
  Pair *pair;
  guint64 hash;
  char *error;

  o.seed = seed;
  o.n_shards = 1 + seed % 3;
  pair = pair_new (&o);
  pair->a.net_ops->set_chaos (pair->a.net, &chaos);
  error = pair_up (pair, "net");
  g_free (error);
  error = pair_up (pair, "pfs");
  g_free (error);
  pair_run (pair, 100);
  hash = pair_hash (pair);
  pair_free (pair);
  return hash;
}

static void
test_seeds (void)
{
  guint64 seed, previous = 0;
  guint n_different = 0;

  for (seed = 1; seed <= 50; seed++) {
    guint64 first = run_seed (seed);
    g_assert_cmphex (first, ==, run_seed (seed));
    n_different += first != previous;
    previous = first;
  }
  g_assert_cmpuint (n_different, >, 40);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("setup", "two-engines-come-up-with-a-child", test_up);
  pair_add_test ("setup", "further-children-with-and-without-pfs", test_further_children);
  pair_add_test ("setup", "either-side-deletes", test_delete);
  pair_add_test ("setup", "a-child-is-deleted-and-made-again", test_delete_child);
  pair_add_test ("setup", "another-group-is-asked-for", test_other_group);
  pair_add_test ("setup", "another-group-is-asked-for-in-create-child-sa",
                 test_other_group_of_child);
  pair_add_test ("setup", "selectors-are-narrowed", test_narrowing);
  pair_add_test ("setup", "two-ups-make-one-sa", test_two_ups_make_one);
  pair_add_test ("setup", "what-is-up-is-not-made-again", test_up_again);
  pair_add_test ("setup", "what-the-peer-brought-up-is-not-made-again", test_up_of_the_other);
  pair_add_test ("setup", "ups-that-cross-make-two-and-no-more", test_ups_that_cross);
  pair_add_test ("setup", "nat-is-found-and-both-float", test_nat);
  pair_add_test ("setup", "up-host-needs-a-secret-and-nothing-else", test_up_host);
  pair_add_test ("setup", "start-action-starts", test_start_action);
  pair_add_test ("setup", "every-datagram-may-be-lost-once", test_every_datagram_lost_once);
  pair_add_test ("setup", "every-datagram-may-come-twice", test_everything_twice);
  pair_add_test ("setup", "nobody-there-says-so", test_nobody_there);
  pair_add_test ("setup", "nobody-there-says-so-to-all-who-wait", test_nobody_there_for_two);
  pair_add_test ("setup", "what-waits-is-not-asked-of-strangers",
                 test_what_waits_is_not_asked_of_strangers);
  pair_add_test ("setup", "half-open-sas-end", test_half_open_ends);
  pair_add_test ("setup", "no-proposal-is-explained", test_no_proposal);
  pair_add_test ("setup", "no-connection-is-explained", test_no_connection);
  pair_add_test ("setup", "a-wrong-secret-is-explained", test_wrong_secret);
  pair_add_test ("setup", "a-wrong-identity-is-explained", test_wrong_identity);
  pair_add_test ("setup", "the-responders-identity-is-checked", test_wrong_identity_of_responder);
  pair_add_test ("setup", "without-selectors-the-ike-sa-stays", test_no_selectors);
  pair_add_test ("setup", "a-kernel-that-says-no-leaves-nothing", test_kernel_says_no);
  g_test_add_func ("/setup/all-algorithms", test_algorithms);
  g_test_add_func ("/setup/fifty-seeds-twice-give-the-same-events", test_seeds);
  return g_test_run ();
}
