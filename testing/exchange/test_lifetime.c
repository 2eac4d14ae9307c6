/* SPDX-License-Identifier: Apache-2.0 */
/* test_lifetime.c - life times over days of virtual time, what the kernel says of spent keys, and
 * peers that do not let SAs be replaced. */
#include "exchange/bed.h"
#include <ikebana/plugin.h>
#include <string.h>

#define IKE_NEVER BED_NEVER
#define CHILD_NEVER BED_PFS BED_NEVER

static Bed *
make (gconstpointer flags, const char *conn, const char *child)
{
  return bed_new (
      &(BedOptions){ .seed = 4, .flags = GPOINTER_TO_UINT (flags), .conn = conn, .child = child });
}

static guint
n_in (const GString *log, const char *text)
{
  guint n = 0;
  const char *at;

  for (at = log->str; (at = strstr (at, text)); at += strlen (text))
    n++;
  return n;
}

static void
assert_count (const Pair *pair, const char *counter, guint64 least, guint64 most)
{
  guint64 n = pair_count (&pair->a, counter);

  g_assert_cmpuint (n, >=, least);
  g_assert_cmpuint (n, <=, most);
  g_assert_cmpuint (pair_count (&pair->b, counter), ==, n);
}

/* -- days */

static void
check_days (Bed *bed, guint64 least_ike, guint64 most_ike, guint64 least_child, guint64 most_child)
{
  guint day;

  for (day = 0; day < 3; day++) {
    pair_run (bed->pair, 24 * 3600);
    flow_run (bed->flow, 1);
  }
  /* What was replaced just now, or lost a collision, stays a while longer. */
  pair_run (bed->pair, 200);
  flow_run (bed->flow, 1);
  assert_count (bed->pair, "ike.rekeyed", least_ike, most_ike);
  assert_count (bed->pair, "child.rekeyed", least_child, most_child);
  assert_count (bed->pair, "ike.established", 1, 1);
  assert_count (bed->pair, "ike.closed", 0, 0);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
  bed_free (bed);
}

/* Whoever is first replaces it, and then both begin anew: an hour and 20 minutes less up to a tenth
 * of that, and one that loses a collision does not count. */
static void
test_equal_times (gconstpointer flags)
{
  check_days (make (flags, "rekey_time = 1h\nrand_time = 6m\n",
                    BED_PFS "rekey_time = 20m\nrand_time = 2m\nlife_time = 30m\n"),
              72, 81, 216, 245);
}

static void
test_no_jitter (gconstpointer flags)
{
  check_days (
      make (flags, "rekey_time = 1h\nrand_time = 0\n", BED_PFS "rekey_time = 20m\nrand_time = 0\n"),
      70, 72, 200, 216);
}

/* The shorter time counts, whoever has it. */
static void
test_different_times (gconstpointer flags)
{
  check_days (bed_new (&(BedOptions){ .seed = 5,
                                      .flags = GPOINTER_TO_UINT (flags),
                                      .conn_of = { "rekey_time = 3h\nrand_time = 0\n",
                                                   "rekey_time = 2h\nrand_time = 0\n" },
                                      .child_of = { BED_PFS "rekey_time = 40m\nrand_time = 0\n",
                                                    BED_PFS "rekey_time = 5h\nrand_time = 0\n" } }),
              35, 36, 105, 108);
}

static void
test_reauth_days (gconstpointer flags)
{
  Bed *bed = make (flags, "rekey_time = 3h\nreauth_time = 7h\nrand_time = 0\nover_time = 30m\n",
                   BED_PFS "rekey_time = 1h\nrand_time = 0\n");

  pair_run (bed->pair, 70 * 3600 + 30);
  assert_count (bed->pair, "ike.established", 11, 11);
  assert_count (bed->pair, "ike.closed", 10, 10);
  /* Twice between one and the next. */
  assert_count (bed->pair, "ike.rekeyed", 20, 20);
  bed_assert_one (bed);
  bed_free (bed);
}

/* Not sooner than rekey_time - rand_time, not later than rekey_time. */
static void
test_jitter (gconstpointer flags)
{
  Bed *bed = make (flags, "rekey_time = 10h\nrand_time = 2h\n",
                   BED_PFS "rekey_time = 2h\nrand_time = 1h\nlife_time = 3h\n");

  pair_run (bed->pair, 3595);
  assert_count (bed->pair, "child.rekeyed", 0, 0);
  pair_run (bed->pair, 3620);
  assert_count (bed->pair, "child.rekeyed", 1, 2);
  pair_run (bed->pair, 8 * 3600 - 3595 - 3620 - 5);
  assert_count (bed->pair, "ike.rekeyed", 0, 0);
  pair_run (bed->pair, 2 * 3600 + 30);
  assert_count (bed->pair, "ike.rekeyed", 1, 1);
  bed_free (bed);
}

/* -- what the kernel says */

static guint32
spi_of (PairEnd *end)
{
  g_autofree char *text = bed_child_value (end, "spi-in");

  return (guint32) g_ascii_strtoull (text, NULL, 16);
}

static void
expire (PairEnd *end, guint32 spi, gboolean is_hard)
{
  g_assert_true (end->kernel_ops->expire (end->kernel, IKE_DIR_IN, spi, is_hard));
}

static void
test_soft (gconstpointer flags)
{
  Bed *bed = make (flags, IKE_NEVER, CHILD_NEVER);
  guint32 spi_a = spi_of (&bed->pair->a), spi_b;

  flow_run (bed->flow, 1);
  /* Twice: each direction may say so. */
  expire (&bed->pair->a, spi_a, FALSE);
  expire (&bed->pair->a, spi_a, FALSE);
  flow_run (bed->flow, 10);
  assert_count (bed->pair, "child.rekeyed", 1, 1);
  bed_assert_one (bed);
  /* Both ends at once, then one that an heir of the IKE SA has got. */
  spi_a = spi_of (&bed->pair->a);
  spi_b = spi_of (&bed->pair->b);
  expire (&bed->pair->a, spi_a, FALSE);
  expire (&bed->pair->b, spi_b, FALSE);
  flow_run (bed->flow, 10);
  assert_count (bed->pair, "child.rekeyed", 2, 2);
  bed_rekey (&bed->pair->b, NULL);
  flow_run (bed->flow, 10);
  expire (&bed->pair->a, spi_of (&bed->pair->a), FALSE);
  flow_run (bed->flow, 10);
  assert_count (bed->pair, "child.rekeyed", 3, 3);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
  bed_free (bed);
}

static void
check_hard (gconstpointer flags, gboolean is_moved, gboolean is_soft_first)
{
  Bed *bed = make (flags, IKE_NEVER, CHILD_NEVER);
  guint32 spi;

  if (is_moved)
    bed_rekey (&bed->pair->a, NULL);
  pair_run (bed->pair, 10);
  spi = spi_of (&bed->pair->a);
  if (is_soft_first)
    expire (&bed->pair->a, spi, FALSE);
  expire (&bed->pair->a, spi, TRUE);
  pair_run (bed->pair, 20);
  g_assert_cmpuint (bed_n_sas (&bed->pair->a), ==, 1);
  g_assert_cmpuint (bed_n_sas (&bed->pair->b), ==, 1);
  /* Of one that was being replaced either nothing is left, or the new one at both ends. */
  g_assert_cmpuint (bed_n_children (&bed->pair->a), ==, bed_n_children (&bed->pair->b));
  g_assert_cmpuint (bed_n_children (&bed->pair->a), <=, is_soft_first);
  g_assert_cmpuint (bed->pair->a.kernel_ops->n_sas (bed->pair->a.kernel), ==,
                    2 * bed_n_children (&bed->pair->a));
  pair_assert_twins (bed->pair);
  bed_free (bed);
}

static void
test_hard (gconstpointer flags)
{
  check_hard (flags, FALSE, FALSE);
  check_hard (flags, TRUE, FALSE);
  check_hard (flags, FALSE, TRUE);
  check_hard (flags, TRUE, TRUE);
}

/* -- a peer that refuses */

static struct {
  IkeEngine *engine; /* NULL: nobody refuses */
  guint16 notify;
  guint n;
} refusal;

static gboolean
refuse_wanted (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return in && ike_sa_engine (sa) == refusal.engine && !ike_exchange_is_initiator (x);
}

static IkeTaskResult
refuse (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  refusal.n++;
  return ike_task_fail (task, refusal.notify, NULL, 0, "the test refuses");
}

static const IkeTaskClass refuse_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "CREATE_CHILD_SA",
  .after = "phase:main",
  .before = "rekey create-child",
  .wanted = refuse_wanted,
  .process = refuse,
};
static const IkeFeature refuse_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "task:refuse",
                                           .ops = &refuse_task };
static const IkeFeature *const refuse_features[] = { &refuse_feature, NULL };
static const IkePluginInfo refuse_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "refuse",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "refuses what is asked for",
  .features = refuse_features,
};

static Bed *
make_refused (gconstpointer flags, guint16 notify, const char *conn, const char *child)
{
  static const IkePluginInfo *const builtin[] = { &refuse_plugin, NULL };
  Bed *bed = bed_new (&(BedOptions){ .seed = 6,
                                     .flags = GPOINTER_TO_UINT (flags),
                                     .conn_of = { conn, IKE_NEVER },
                                     .child_of = { child, CHILD_NEVER },
                                     .builtin = builtin });

  refusal.engine = bed->pair->b.engine;
  refusal.notify = notify;
  refusal.n = 0;
  return bed;
}

static void
refused_free (Bed *bed)
{
  refusal.engine = NULL;
  bed_free (bed);
}

/* It is tried again each 10 to 30 s, and ends when its time is over; the IKE SA goes on. */
static void
check_child_refused (gconstpointer flags, guint16 notify)
{
  Bed *bed = make_refused (flags, notify, IKE_NEVER,
                           BED_PFS "rekey_time = 10m\nrand_time = 0\nlife_time = 20m\n");

  pair_run (bed->pair, 1195);
  g_assert_cmpuint (refusal.n, >=, 600 / 31);
  g_assert_cmpuint (refusal.n, <=, 600 / 10 + 1);
  bed_assert_one (bed);
  pair_run (bed->pair, 10);
  g_assert_cmpuint (bed_n_children (&bed->pair->a), ==, 0);
  g_assert_cmpuint (bed_n_children (&bed->pair->b), ==, 0);
  g_assert_cmpuint (bed_n_sas (&bed->pair->a), ==, 1);
  refused_free (bed);
}

static void
test_child_refused (gconstpointer flags)
{
  check_child_refused (flags, IKE_N_NO_PROPOSAL_CHOSEN);
  check_child_refused (flags, IKE_N_TS_UNACCEPTABLE);
}

static void
test_ike_refused (gconstpointer flags)
{
  Bed *bed = make_refused (flags, IKE_N_NO_PROPOSAL_CHOSEN,
                           "rekey_time = 1h\nrand_time = 0\nover_time = 10m\n", CHILD_NEVER);

  pair_run (bed->pair, 4195);
  g_assert_cmpuint (refusal.n, >=, 600 / 31);
  g_assert_cmpuint (refusal.n, <=, 600 / 10 + 1);
  bed_assert_one (bed);
  pair_run (bed->pair, 10);
  g_assert_cmpuint (bed_n_sas (&bed->pair->a), ==, 0);
  g_assert_cmpuint (bed_n_sas (&bed->pair->b), ==, 0);
  refused_free (bed);
}

/* RFC 7296, 4: "If the responder rejects the CREATE_CHILD_SA request with a NO_ADDITIONAL_SAS
 * notification, the implementation MUST be capable of instead deleting the old SA and creating a
 * new one." */
static void
check_no_additional (gconstpointer flags, const char *conn, const char *child)
{
  Bed *bed = make_refused (flags, IKE_N_NO_ADDITIONAL_SAS, conn, child);

  pair_run (bed->pair, 595);
  flow_run (bed->flow, 15);
  g_assert_cmpuint (refusal.n, ==, 1);
  assert_count (bed->pair, "ike.established", 2, 2);
  assert_count (bed->pair, "ike.closed", 1, 1);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
  refused_free (bed);
}

static void
test_no_additional (gconstpointer flags)
{
  check_no_additional (flags, IKE_NEVER, BED_NO_PFS "rekey_time = 10m\nrand_time = 0\n");
  check_no_additional (flags, "rekey_time = 10m\nrand_time = 0\n", CHILD_NEVER);
}

/* RFC 7296, 2.25: a while is waited for, longer each time. */
static void
check_put_off (gconstpointer flags, const char *conn, const char *child, const char *counter)
{
  Bed *bed = make_refused (flags, IKE_N_TEMPORARY_FAILURE, conn, child);
  guint n_first;

  pair_run (bed->pair, 600 + 30);
  n_first = refusal.n;
  g_assert_cmpuint (n_first, >=, 3);
  g_assert_cmpuint (n_first, <=, 5);
  pair_run (bed->pair, 60);
  g_assert_cmpuint (refusal.n - n_first, >=, 1);
  g_assert_cmpuint (refusal.n - n_first, <=, 3);
  refusal.engine = NULL;
  flow_run (bed->flow, 61);
  flow_run (bed->flow, 10);
  assert_count (bed->pair, counter, 1, 1);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
  refused_free (bed);
}

static void
test_put_off (gconstpointer flags)
{
  check_put_off (flags, IKE_NEVER, BED_PFS "rekey_time = 10m\nrand_time = 0\nlife_time = 1h\n",
                 "child.rekeyed");
  check_put_off (flags, "rekey_time = 10m\nrand_time = 0\nover_time = 1h\n", CHILD_NEVER,
                 "ike.rekeyed");
}

/* "If a peer continues to receive TEMPORARY_FAILURE on the same IKE SA after several minutes, it
 * SHOULD conclude that the state information is out of sync and close the IKE SA." */
static void
test_never_ready (gconstpointer flags)
{
  Bed *bed = make_refused (flags, IKE_N_TEMPORARY_FAILURE, IKE_NEVER,
                           BED_PFS "rekey_time = 10m\nrand_time = 0\nlife_time = 1h\n");

  pair_run (bed->pair, 600 + 175);
  bed_assert_one (bed);
  pair_run (bed->pair, 70);
  g_assert_cmpuint (refusal.n, >=, 5);
  g_assert_cmpuint (refusal.n, <=, 10);
  g_assert_cmpuint (bed_n_sas (&bed->pair->a), ==, 0);
  g_assert_cmpuint (bed_n_sas (&bed->pair->b), ==, 0);
  refused_free (bed);
}

/* RFC 7296, 2.25: "SHOULD silently delete the Child SA ... and send a request to create a new Child
 * SA from scratch". */
static void
test_not_found (gconstpointer flags)
{
  Bed *bed = make (flags, IKE_NEVER, BED_NO_PFS BED_NEVER);
  IkeTree *args = ike_tree_new_section ();

  ike_tree_set_string (args, "child", "net");
  ike_tree_set_bool (args, "force", TRUE);
  ike_tree_free (pair_command (&bed->pair->b, "down", args, NULL));
  g_assert_cmpuint (bed_n_children (&bed->pair->b), ==, 0);
  bed_rekey (&bed->pair->a, "net");
  pair_run (bed->pair, 10);
  g_assert_cmpuint (n_in (bed->pair->a.log, "made anew"), ==, 1);
  bed_assert_one (bed);
  bed_free (bed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("lifetime", "days-with-equal-times", test_equal_times);
  pair_add_test ("lifetime", "days-without-jitter", test_no_jitter);
  pair_add_test ("lifetime", "days-with-different-times", test_different_times);
  pair_add_test ("lifetime", "days-with-reauthentication", test_reauth_days);
  pair_add_test ("lifetime", "jitter-is-within-its-bounds", test_jitter);
  pair_add_test ("lifetime", "soft-expires-of-the-kernel", test_soft);
  pair_add_test ("lifetime", "hard-expires-of-the-kernel", test_hard);
  pair_add_test ("lifetime", "a-child-that-cannot-be-replaced-ends", test_child_refused);
  pair_add_test ("lifetime", "an-ike-sa-that-cannot-be-replaced-ends", test_ike_refused);
  pair_add_test ("lifetime", "no-additional-sas-makes-it-from-scratch", test_no_additional);
  pair_add_test ("lifetime", "temporary-failures-are-waited-for", test_put_off);
  pair_add_test ("lifetime", "temporary-failures-without-end-close-it", test_never_ready);
  pair_add_test ("lifetime", "a-child-that-the-peer-does-not-know-is-made-anew", test_not_found);
  return g_test_run ();
}
