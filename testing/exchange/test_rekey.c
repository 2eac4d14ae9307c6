/* SPDX-License-Identifier: Apache-2.0 */
/* test_rekey.c - SAs in the place of others: by command, by time, by what the kernel says; from
 * either end, from both at once, while data flows. */
#include "exchange/bed.h"
#include <ikebana/command.h>
#include <string.h>

#define NEVER BED_NEVER
#define NO_PFS BED_NO_PFS
#define PFS BED_PFS

/* @conn and @child: more settings of both. */
static Bed *
make (gconstpointer flags, guint64 seed, const char *conn, const char *child)
{
  return bed_new (&(BedOptions){
      .seed = seed, .flags = GPOINTER_TO_UINT (flags), .conn = conn, .child = child });
}

/* -- by command */

static void
check_child (gconstpointer flags, const char *proposals, gboolean from_b)
{
  Bed *bed = make (flags, 1, NEVER, proposals);
  PairEnd *end = from_b ? &bed->pair->b : &bed->pair->a;
  g_autofree char *spi = bed_child_value (end, "spi-in"), *reqid = bed_child_value (end, "reqid"),
                  *new_spi = NULL, *new_reqid = NULL;

  flow_run (bed->flow, 1);
  bed_rekey (end, "net");
  flow_run (bed->flow, 10);
  new_spi = bed_child_value (end, "spi-in");
  new_reqid = bed_child_value (end, "reqid");
  g_assert_cmpstr (new_spi, !=, spi);
  g_assert_cmpstr (new_reqid, ==, reqid);
  g_assert_cmpuint (pair_count (&bed->pair->a, "child.rekeyed"), ==, 1);
  g_assert_cmpuint (pair_count (&bed->pair->b, "child.rekeyed"), ==, 1);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
  bed_free (bed);
}

static void
test_child (gconstpointer flags)
{
  check_child (flags, NO_PFS, FALSE);
  check_child (flags, NO_PFS, TRUE);
  check_child (flags, PFS, FALSE);
  check_child (flags, PFS, TRUE);
}

static void
check_ike (gconstpointer flags, gboolean from_b)
{
  Bed *bed = make (flags, 2, NEVER, PFS NEVER);
  PairEnd *end = from_b ? &bed->pair->b : &bed->pair->a;
  g_autofree char *spi = bed_sa_value (end, "initiator-spi"),
                  *child = bed_child_value (end, "spi-in"), *new_spi = NULL, *same_child = NULL;

  flow_run (bed->flow, 1);
  bed_rekey (end, NULL);
  flow_run (bed->flow, 10);
  new_spi = bed_sa_value (end, "initiator-spi");
  same_child = bed_child_value (end, "spi-in");
  g_assert_cmpstr (new_spi, !=, spi);
  g_assert_cmpstr (same_child, ==, child);
  bed_assert_one (bed);
  /* Control goes on: the other end replaces the child, then the IKE SA once more. */
  bed_rekey (from_b ? &bed->pair->a : &bed->pair->b, "net");
  flow_run (bed->flow, 10);
  bed_rekey (from_b ? &bed->pair->a : &bed->pair->b, NULL);
  flow_run (bed->flow, 10);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
  pair_down (bed->pair, "pair", NULL);
  pair_run (bed->pair, 10);
  g_assert_cmpuint (bed_n_sas (&bed->pair->a), ==, 0);
  g_assert_cmpuint (bed_n_sas (&bed->pair->b), ==, 0);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.established"), ==, 1);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.closed"), ==, 1);
  g_assert_cmpuint (pair_count (&bed->pair->b, "ike.closed"), ==, 1);
  g_assert_cmpuint (pair_count (&bed->pair->b, "ike.failed"), ==, 0);
  bed_free (bed);
}

static void
test_ike (gconstpointer flags)
{
  check_ike (flags, FALSE);
  check_ike (flags, TRUE);
}

/* -- both at once */

static void
test_child_collision (gconstpointer flags)
{
  guint redundant = 0;

  for (guint64 seed = 1; seed <= 8; seed++) {
    Bed *bed = make (flags, seed, NEVER, PFS NEVER);
    flow_run (bed->flow, 1);
    bed_rekey (&bed->pair->a, "net");
    bed_rekey (&bed->pair->b, "net");
    flow_run (bed->flow, 15);
    bed_assert_one (bed);
    bed_assert_no_loss (bed);
    redundant += strstr (bed->pair->a.log->str, "the peer's stays") != NULL;
    bed_free (bed);
  }
  /* Whose nonce is the lowest is a matter of chance. */
  g_assert_cmpuint (redundant, >, 0);
  g_assert_cmpuint (redundant, <, 8);
}

/* b's request comes late, while a installs what b answered: whose SA stays is decided then. */
static void
check_late_collision (gconstpointer flags, guint64 seed, guint32 late_us, guint *n_lost)
{
  const IkeSimRule rule = { .struct_size = sizeof rule,
                            .action = IKE_SIM_DELAY,
                            .argument = late_us,
                            .exchange = 36,
                            .which = IKE_SIM_REQUEST,
                            .from = { .family = 4, .bytes = { 10, 0, 0, 2 } } };
  Bed *bed = make (flags, seed, NEVER, PFS NEVER);

  flow_run (bed->flow, 1);
  bed->pair->a.net_ops->rule_add (bed->pair->a.net, &rule);
  bed->pair->a.kernel_ops->delay (bed->pair->a.kernel, 20);
  bed_rekey (&bed->pair->a, "net");
  bed_rekey (&bed->pair->b, "net");
  flow_run (bed->flow, 15);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
  *n_lost += strstr (bed->pair->a.log->str, "the peer's stays") != NULL;
  bed_free (bed);
}

static void
test_late_collision (gconstpointer flags)
{
  guint n_lost = 0;

  for (guint64 seed = 1; seed <= 5; seed++)
    for (guint32 late_us = 20000; late_us <= 60000; late_us += 10000)
      check_late_collision (flags, seed, late_us, &n_lost);
  g_assert_cmpuint (n_lost, >, 0);
  g_assert_cmpuint (n_lost, <, 25);
}

static void
test_ike_collision (gconstpointer flags)
{
  guint redundant = 0;

  for (guint64 seed = 1; seed <= 8; seed++) {
    Bed *bed = make (flags, seed, NEVER, PFS NEVER);
    flow_run (bed->flow, 1);
    bed_rekey (&bed->pair->a, NULL);
    bed_rekey (&bed->pair->b, NULL);
    flow_run (bed->flow, 15);
    bed_assert_one (bed);
    bed_assert_no_loss (bed);
    redundant += strstr (bed->pair->a.log->str, "the peer's stays") != NULL;
    bed_free (bed);
  }
  g_assert_cmpuint (redundant, >, 0);
  g_assert_cmpuint (redundant, <, 8);
}

/* RFC 7296, 2.25: one of them waits. */
static void
test_ike_against_child (gconstpointer flags)
{
  Bed *bed = make (flags, 5, NEVER, PFS NEVER);

  flow_run (bed->flow, 1);
  bed_rekey (&bed->pair->a, NULL);
  bed_rekey (&bed->pair->b, "net");
  flow_run (bed->flow, 60);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.rekeyed"), ==, 1);
  g_assert_cmpuint (pair_count (&bed->pair->a, "child.rekeyed"), ==, 1);
  bed_free (bed);
}

/* RFC 7296, 2.8.1: "A's first packet (req1) is lost"; and the same of IKE SAs, 2.8.2. */
static void
check_late (gconstpointer flags, const char *child)
{
  Bed *bed = make (flags, 6, NEVER, PFS NEVER);
  IkeSimRule rule = { .struct_size = sizeof rule,
                      .action = IKE_SIM_DROP,
                      .n_times = 1,
                      .exchange = 36,
                      .which = IKE_SIM_REQUEST };

  g_assert_true (ike_addr_parse (&rule.from, "10.0.0.1", NULL));
  bed->pair->a.net_ops->rule_add (bed->pair->a.net, &rule);
  bed_rekey (&bed->pair->a, child);
  bed_rekey (&bed->pair->b, child);
  flow_run (bed->flow, 60);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
  bed_free (bed);
}

static void
test_late (gconstpointer flags)
{
  check_late (flags, "net");
  check_late (flags, NULL);
}

/* A's answer is lost: when A's own is the one that stays, B hears of nothing but the end of the old
 * one, and forgets what it asked for.  A does not keep what nobody else knows. */
static void
test_answer_lost (gconstpointer flags)
{
  guint forgotten = 0;

  for (guint64 seed = 1; seed <= 8; seed++) {
    Bed *bed = make (flags, seed, NEVER, PFS NEVER);
    IkeSimRule rule = { .struct_size = sizeof rule,
                        .action = IKE_SIM_DROP,
                        .n_times = 1,
                        .exchange = 36,
                        .which = IKE_SIM_RESPONSE };

    g_assert_true (ike_addr_parse (&rule.from, "10.0.0.1", NULL));
    bed->pair->a.net_ops->rule_add (bed->pair->a.net, &rule);
    flow_run (bed->flow, 1);
    bed_rekey (&bed->pair->a, NULL);
    bed_rekey (&bed->pair->b, NULL);
    flow_run (bed->flow, 5);
    forgotten += bed_n_sas (&bed->pair->a) > bed_n_sas (&bed->pair->b);
    flow_run (bed->flow, 10);
    bed_assert_one (bed);
    bed_assert_no_loss (bed);
    bed_free (bed);
  }
  g_assert_cmpuint (forgotten, >, 0);
}

/* -- against other things */

static void
assert_childless (Bed *bed)
{
  PairEnd *ends[] = { &bed->pair->a, &bed->pair->b };

  for (guint i = 0; i < 2; i++) {
    g_assert_cmpuint (bed_n_sas (ends[i]), ==, 1);
    g_assert_cmpuint (bed_n_children (ends[i]), ==, 0);
    g_assert_cmpuint (ends[i]->kernel_ops->n_sas (ends[i]->kernel), ==, 0);
    g_assert_cmpuint (ends[i]->kernel_ops->n_policies (ends[i]->kernel), ==, 0);
    g_assert_cmpuint (ends[i]->kernel_ops->n_spis (ends[i]->kernel), ==, 0);
  }
}

/* Whoever wants it down gets it down, whatever is under way; @ms between the two commands. */
static void
check_down (gconstpointer flags, gboolean is_same_end, guint ms)
{
  Bed *bed = make (flags, 7, NEVER, PFS NEVER);

  bed_rekey (&bed->pair->a, "net");
  while (ike_sim_step (bed->pair->sim, ike_sim_now_us (bed->pair->sim) + ms * 1000))
    ;
  bed_down (is_same_end ? &bed->pair->a : &bed->pair->b, "net");
  pair_run (bed->pair, 120);
  assert_childless (bed);
  pair_assert_up (bed->pair, "net");
  pair_run (bed->pair, 10);
  bed_assert_one (bed);
  bed_free (bed);
}

static void
test_down (gconstpointer flags)
{
  for (guint ms = 0; ms <= 60; ms += 10) {
    check_down (flags, FALSE, ms);
    check_down (flags, TRUE, ms);
  }
}

static void
check_ike_down (gconstpointer flags, gboolean is_same_end, guint ms)
{
  Bed *bed = make (flags, 8, NEVER, PFS NEVER);

  bed_rekey (&bed->pair->a, NULL);
  while (ike_sim_step (bed->pair->sim, ike_sim_now_us (bed->pair->sim) + ms * 1000))
    ;
  bed_down (is_same_end ? &bed->pair->a : &bed->pair->b, NULL);
  pair_run (bed->pair, 400);
  g_assert_cmpuint (bed_n_sas (&bed->pair->a) + bed_n_sas (&bed->pair->b), ==, 0);
  g_assert_cmpuint (bed->pair->a.kernel_ops->n_sas (bed->pair->a.kernel), ==, 0);
  g_assert_cmpuint (bed->pair->b.kernel_ops->n_sas (bed->pair->b.kernel), ==, 0);
  bed_free (bed);
}

static void
test_ike_down (gconstpointer flags)
{
  for (guint ms = 0; ms <= 60; ms += 10) {
    check_ike_down (flags, FALSE, ms);
    check_ike_down (flags, TRUE, ms);
  }
}

/* -- a long time */

/* Everything is replaced all the time, by both ends, through a bad network: no packet is lost that
 * was sent, and in the end there is one of each. */
static void
test_weather (gconstpointer flags)
{
  IkeSimChaos bad = { sizeof bad, 50, 50, 50, 20 }, good = { sizeof good, 0, 0, 0, 0 };

  for (guint64 seed = 1; seed <= 2; seed++) {
    Bed *bed = make (flags, seed, "rekey_time = 20\n over_time = 600\n rand_time = 10\n",
                        PFS "rekey_time = 10\n life_time = 600\n rand_time = 5\n");
    bed->pair->a.net_ops->set_chaos (bed->pair->a.net, &bad);
    flow_run (bed->flow, 300);
    bed->pair->a.net_ops->set_chaos (bed->pair->a.net, &good);
    g_assert_cmpuint (pair_count (&bed->pair->a, "ike.rekeyed"), >, 5);
    g_assert_cmpuint (pair_count (&bed->pair->a, "child.rekeyed"), >, 10);
    g_assert_cmpuint (pair_count (&bed->pair->a, "ike.closed"), ==, 0);
    bed_assert_no_loss (bed);
    bed_free (bed);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("rekey", "child-from-either-end", test_child);
  pair_add_test ("rekey", "ike-from-either-end", test_ike);
  pair_add_test ("rekey", "children-collide", test_child_collision);
  pair_add_test ("rekey", "children-collide-while-one-is-installed", test_late_collision);
  pair_add_test ("rekey", "ike-sas-collide", test_ike_collision);
  pair_add_test ("rekey", "ike-sas-collide-and-an-answer-is-lost", test_answer_lost);
  pair_add_test ("rekey", "ike-against-child", test_ike_against_child);
  pair_add_test ("rekey", "a-late-request-finds-it-replaced", test_late);
  pair_add_test ("rekey", "what-is-wanted-down-meanwhile-goes", test_down);
  pair_add_test ("rekey", "an-ike-sa-that-is-wanted-down-meanwhile-goes", test_ike_down);
  pair_add_test ("rekey", "bad-weather", test_weather);
  return g_test_run ();
}
