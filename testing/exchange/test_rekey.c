/* SPDX-License-Identifier: Apache-2.0 */
/* test_rekey.c - SAs in the place of others: by command, by time, by what the kernel says; from
 * either end, from both at once, while data flows. */
#include "exchange/bed.h"
#include <string.h>

/* @conn and @child: more settings of both. */
static Bed *
bed_make (gconstpointer flags, guint64 seed, const char *conn, const char *child)
{
  return bed_new (&(BedOptions){
      .seed = seed, .flags = GPOINTER_TO_UINT (flags), .conn = conn, .child = child });
}

/* -- by command */

static void
check_child (gconstpointer flags, const char *proposals, gboolean from_b)
{
  Bed *bed = bed_make (flags, 1, BED_NEVER, proposals);
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
  check_child (flags, BED_NO_PFS, FALSE);
  check_child (flags, BED_NO_PFS, TRUE);
  check_child (flags, BED_PFS, FALSE);
  check_child (flags, BED_PFS, TRUE);
}

static void
check_ike (gconstpointer flags, gboolean from_b)
{
  Bed *bed = bed_make (flags, 2, BED_NEVER, BED_PFS BED_NEVER);
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
    Bed *bed = bed_make (flags, seed, BED_NEVER, BED_PFS BED_NEVER);
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

static void
test_ike_collision (gconstpointer flags)
{
  guint redundant = 0;

  for (guint64 seed = 1; seed <= 8; seed++) {
    Bed *bed = bed_make (flags, seed, BED_NEVER, BED_PFS BED_NEVER);
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
  Bed *bed = bed_make (flags, 5, BED_NEVER, BED_PFS BED_NEVER);

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
  Bed *bed = bed_make (flags, 6, BED_NEVER, BED_PFS BED_NEVER);
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("rekey", "child-from-either-end", test_child);
  pair_add_test ("rekey", "ike-from-either-end", test_ike);
  pair_add_test ("rekey", "children-collide", test_child_collision);
  pair_add_test ("rekey", "ike-sas-collide", test_ike_collision);
  pair_add_test ("rekey", "ike-against-child", test_ike_against_child);
  pair_add_test ("rekey", "a-late-request-finds-it-replaced", test_late);
  return g_test_run ();
}
