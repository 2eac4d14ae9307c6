/* SPDX-License-Identifier: Apache-2.0 */
/* test_reauth.c - IKE SAs that are authenticated anew (RFC 7296, 2.8.3), before the old one is
 * broken and after, and what becomes of the old one when that fails. */
#include "exchange/bed.h"
#include <string.h>

#define BREAK "core { make_before_break = no }\n"

static gboolean
is_over (Pair *pair, gpointer data)
{
  return ((BedAnswer *) data)->is_over;
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

static Bed *
make (gconstpointer flags, const char *conn, guint n_children)
{
  return bed_new (&(BedOptions){ .seed = 1,
                                 .flags = GPOINTER_TO_UINT (flags),
                                 .conn = conn,
                                 .child = BED_PFS BED_NEVER,
                                 .n_children = n_children });
}

/* Nothing that comes from the host of @from arrives any more. */
static void
cut (Bed *bed, const char *from)
{
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP };

  g_assert_true (ike_addr_parse (&rule.from, from, NULL));
  bed->pair->a.net_ops->rule_add (bed->pair->a.net, &rule);
}

/* -- by command */

static void
check_command (gconstpointer flags, guint n_children)
{
  Bed *bed = make (flags, BED_NEVER, n_children);
  g_autofree char *spi = bed_sa_value (&bed->pair->a, "initiator-spi"), *new_spi = NULL,
                  *reqid = bed_child_value (&bed->pair->b, "reqid"), *same_reqid = NULL;
  BedAnswer answer;

  flow_run (bed->flow, 1);
  bed_reauth (&bed->pair->a, &answer);
  flow_until (bed->flow, is_over, &answer);
  g_assert_cmpstr (answer.error, ==, NULL);
  /* The answer comes when the new one is up: nothing has to be waited for but the Delete. */
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.established"), ==, 2);
  flow_run (bed->flow, 2);
  /* Packets of the old one pass the policies of the new one. */
  same_reqid = bed_child_value (&bed->pair->b, "reqid");
  if (n_children == 1)
    g_assert_cmpstr (same_reqid, ==, reqid);
  new_spi = bed_sa_value (&bed->pair->a, "initiator-spi");
  g_assert_cmpstr (new_spi, !=, spi);
  g_assert_cmpuint (pair_count (&bed->pair->b, "ike.closed"), ==, 1);
  bed_assert_n (bed, n_children);
  bed_assert_no_loss (bed);
  bed_free (bed);
}

/* The new IKE SA may live elsewhere than the old one, at the end that answers. */
static void
test_shards (gconstpointer flags)
{
  guint64 seed;

  for (seed = 1; seed <= 4; seed++) {
    Bed *bed = bed_new (&(BedOptions){ .seed = seed,
                                       .flags = GPOINTER_TO_UINT (flags),
                                       .conn = BED_NEVER,
                                       .child = BED_PFS BED_NEVER,
                                       .n_children = 2,
                                       .n_shards = 4 });
    BedAnswer answer;

    flow_run (bed->flow, 1);
    bed_reauth (&bed->pair->a, &answer);
    flow_until (bed->flow, is_over, &answer);
    g_assert_cmpstr (answer.error, ==, NULL);
    flow_run (bed->flow, 2);
    bed_assert_n (bed, 2);
    bed_assert_no_loss (bed);
    bed_free (bed);
  }
}

static gboolean
is_installing (Pair *pair, gpointer data)
{
  return pair->b.kernel_ops->n_sas (pair->b.kernel) > 2;
}

static void
forgotten (gpointer owner, gpointer data, gpointer result, const char *error)
{
  ike_tree_free (result);
}

static const IkeCallClass forget_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "test down",
  .timeout_ms = 60 * 1000,
  .then = forgotten,
  .undo = (GDestroyNotify) ike_tree_free,
};

static void
forget_oldest (gpointer data)
{
  IkeEngine *engine = ((PairEnd *) data)->engine;

  ike_terminate (engine, NULL, NULL, 1, TRUE,
                 ike_loop_call (ike_engine_control (engine), &forget_call, data, NULL));
}

/* As when INITIAL_CONTACT is heard on another shard: whoever answers has nothing to wait for, and
 * sends by the new one as soon as it is there. */
static void
test_gone_meanwhile (gconstpointer flags)
{
  Bed *bed = make (flags, BED_NEVER, 1);
  PairEnd *b = &bed->pair->b;
  IkeKernelPolicy policy = { .struct_size = sizeof policy };
  gboolean is_out = FALSE;
  BedAnswer answer;
  guint i;

  b->kernel_ops->delay (b->kernel, 300);
  bed_reauth (&bed->pair->a, &answer);
  flow_until (bed->flow, is_installing, NULL);
  ike_loop_post (ike_engine_control (b->engine), forget_oldest, b, NULL);
  flow_until (bed->flow, is_over, &answer);
  g_assert_cmpstr (answer.error, ==, NULL);
  g_assert_cmpuint (b->kernel_ops->n_sas (b->kernel), ==, 2);
  for (i = 0; b->kernel_ops->nth_policy (b->kernel, i, &policy); i++)
    is_out = is_out || policy.direction == IKE_DIR_OUT;
  g_assert_true (is_out);
  bed_free (bed);
}

static void
test_command (gconstpointer flags)
{
  check_command (flags, 1);
  check_command (flags, 3);
}

/* RFC 7296, 2.8.3: it "has to be initiated by the same party as the original IKE SA". */
static void
test_not_ours (gconstpointer flags)
{
  Bed *bed = make (flags, BED_NEVER, 1);
  BedAnswer answer;

  bed_reauth (&bed->pair->b, &answer);
  flow_until (bed->flow, is_over, &answer);
  g_assert_nonnull (strstr (answer.error, "the peer began it"));
  /* That holds for an SA that took its place, whoever made that. */
  bed_rekey (&bed->pair->b, NULL);
  flow_run (bed->flow, 5);
  g_free (answer.error);
  bed_reauth (&bed->pair->b, &answer);
  flow_until (bed->flow, is_over, &answer);
  g_assert_nonnull (strstr (answer.error, "the peer began it"));
  g_free (answer.error);
  bed_reauth (&bed->pair->a, &answer);
  flow_until (bed->flow, is_over, &answer);
  g_assert_cmpstr (answer.error, ==, NULL);
  flow_run (bed->flow, 2);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
  bed_free (bed);
}

static void
test_two_ask (gconstpointer flags)
{
  Bed *bed = make (flags, BED_NEVER, 2);
  BedAnswer first, second;

  bed_reauth (&bed->pair->a, &first);
  bed_reauth (&bed->pair->a, &second);
  flow_until (bed->flow, is_over, &first);
  flow_until (bed->flow, is_over, &second);
  g_assert_cmpstr (first.error, ==, NULL);
  g_assert_cmpstr (second.error, ==, NULL);
  flow_run (bed->flow, 2);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.established"), ==, 2);
  bed_assert_n (bed, 2);
  bed_assert_no_loss (bed);
  bed_free (bed);
}

/* The old one is rekeyed, by either end, while a new one is made: then its heir is closed. */
static void
check_with_rekey (gconstpointer flags, gboolean from_b)
{
  Bed *bed = make (flags, BED_NEVER, 2);
  BedAnswer answer;

  flow_run (bed->flow, 1);
  bed_reauth (&bed->pair->a, &answer);
  bed_rekey (from_b ? &bed->pair->b : &bed->pair->a, NULL);
  flow_until (bed->flow, is_over, &answer);
  g_assert_cmpstr (answer.error, ==, NULL);
  flow_run (bed->flow, 5);
  bed_assert_n (bed, 2);
  bed_assert_no_loss (bed);
  bed_free (bed);
}

static void
test_with_rekey (gconstpointer flags)
{
  check_with_rekey (flags, FALSE);
  check_with_rekey (flags, TRUE);
}

/* -- break before make */

static void
test_break_first (gconstpointer flags)
{
  Bed *bed = bed_new (&(BedOptions){ .flags = GPOINTER_TO_UINT (flags),
                                     .conn = BED_NEVER,
                                     .child = BED_PFS BED_NEVER,
                                     .more_of = { BREAK, NULL },
                                     .n_children = 3 });
  BedAnswer answer;
  guint n_unsent;

  flow_run (bed->flow, 1);
  bed_reauth (&bed->pair->a, &answer);
  flow_until (bed->flow, is_over, &answer);
  g_assert_cmpstr (answer.error, ==, NULL);
  g_assert_cmpuint (bed->flow->n_unsent, >, 0);
  n_unsent = bed->flow->n_unsent;
  flow_run (bed->flow, 2);
  g_assert_cmpuint (bed->flow->n_unsent, ==, n_unsent);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.closed"), ==, 1);
  bed_assert_n (bed, 3);
  bed_free (bed);
}

/* -- what fails */

static struct {
  IkeEngine *engine; /* NULL: nobody refuses */
  guint n;
} refusal;

static IkeHookVerdict
authorize (IkePlugin *self, IkeSa *sa, IkeAuthorizeEvent *event)
{
  if (ike_sa_engine (sa) != refusal.engine)
    return IKE_HOOK_PASS;
  refusal.n++;
  return IKE_HOOK_REJECT;
}

static gboolean
refuse_activate (IkePlugin *self, GError **error)
{
  return ike_authorize_hook_add (self, "refuse", NULL, authorize, error);
}

static const IkePluginInfo refuse_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "refuse",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "refuses peers",
  .activate = refuse_activate,
};

/* A peer that refuses: each 10 to 30 s, until the life time of the old SA is over. */
static void
test_refused (gconstpointer flags)
{
  static const IkePluginInfo *const builtin[] = { &refuse_plugin, NULL };
  Bed *bed = bed_new (&(BedOptions){
      .flags = GPOINTER_TO_UINT (flags),
      .conn_of = { "rekey_time = 0\n reauth_time = 1h\n rand_time = 0\n over_time = 10m\n",
                   BED_NEVER },
      .child = BED_PFS BED_NEVER,
      .builtin = builtin });
  BedAnswer answer;

  refusal.engine = bed->pair->b.engine;
  refusal.n = 0;
  /* By command it is not tried again, and what is due stays due. */
  bed_reauth (&bed->pair->a, &answer);
  flow_until (bed->flow, is_over, &answer);
  g_assert_nonnull (answer.error);
  g_free (answer.error);
  pair_run (bed->pair, 3500);
  g_assert_cmpuint (refusal.n, ==, 1);
  pair_run (bed->pair, 600);
  flow_run (bed->flow, 1);
  g_assert_cmpuint (refusal.n, >=, 1 + 500 / 31);
  g_assert_cmpuint (refusal.n, <=, 1 + 500 / 10 + 1);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
  pair_run (bed->pair, 130);
  g_assert_cmpuint (bed_n_sas (&bed->pair->a), ==, 0);
  g_assert_cmpuint (bed_n_sas (&bed->pair->b), ==, 0);
  refusal.engine = NULL;
  bed_free (bed);
}

/* A peer that is out of reach for minutes: the old SA lives on, and what was due is tried again
 * until it is done. */
static void
test_unreachable (gconstpointer flags)
{
  Bed *bed =
      make (flags, "rekey_time = 0\n reauth_time = 1h\n rand_time = 0\n over_time = 1h\n", 2);
  const IkeSimNetOps *net = bed->pair->a.net_ops;

  pair_run (bed->pair, 3590);
  cut (bed, "10.0.0.1");
  flow_run (bed->flow, 300);
  g_assert_cmpuint (n_in (bed->pair->a.log, "could not be authenticated anew"), ==, 1);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.closed"), ==, 0);
  net->rule_remove (bed->pair->a.net, 0);
  flow_run (bed->flow, 300);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.established"), ==, 2);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.closed"), ==, 1);
  bed_assert_n (bed, 2);
  bed_assert_no_loss (bed);
  bed_free (bed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("reauth", "the-command-answers-when-the-new-sa-is-up", test_command);
  pair_add_test ("reauth", "on-several-shards", test_shards);
  pair_add_test ("reauth", "an-old-one-that-goes-meanwhile-is-not-waited-for", test_gone_meanwhile);
  pair_add_test ("reauth", "what-the-peer-began-is-not-ours-to-authenticate-anew", test_not_ours);
  pair_add_test ("reauth", "two-that-ask-get-one-new-sa", test_two_ask);
  pair_add_test ("reauth", "beside-a-rekeying", test_with_rekey);
  pair_add_test ("reauth", "broken-before-it-is-made", test_break_first);
  pair_add_test ("reauth", "a-peer-that-refuses-is-asked-again", test_refused);
  pair_add_test ("reauth", "an-unreachable-peer-is-tried-again", test_unreachable);
  return g_test_run ();
}
