/* SPDX-License-Identifier: Apache-2.0 */
/* test_authorizer.c - plugins that are asked, as a call, whether a peer may come in. */
#include "exchange/pair.h"
#include <ikebana/auth.h>
#include <string.h>

/* What each of the two says at the gateway (b), or at the client, and how often it was asked. */
static struct {
  gboolean is_allowed[2], fails, is_late, is_client;
  guint n[2];
  gboolean is_in_group;
} gate;

static gboolean
is_asked (IkeSa *sa)
{
  return ike_sa_is_initiator (sa) == gate.is_client;
}

static IkeAuthorizerAnswer *
answer_new (gboolean is_allowed)
{
  static const char *const groups[] = { "guests", NULL };
  IkeAuthorizerAnswer *answer = g_new0 (IkeAuthorizerAnswer, 1);

  answer->struct_size = sizeof *answer;
  answer->is_allowed = is_allowed;
  answer->reason = is_allowed ? NULL : g_strdup ("the list does not have it");
  answer->groups = g_strdupv ((char **) groups);
  answer->pool = g_strdup ("second");
  return answer;
}

static void
answer_late (gpointer call)
{
  ike_call_answer (call, answer_new (TRUE));
}

static void
decide (IkeCall *call, IkeSa *sa, guint which)
{
  if (!is_asked (sa)) {
    ike_call_answer (call, answer_new (TRUE));
    return;
  }
  gate.n[which]++;
  g_assert_cmpint (ike_sa_state (sa), !=, IKE_SA_ESTABLISHED);
  if (gate.fails)
    ike_call_fail (call, "nobody is there to ask");
  else if (gate.is_late)
    ike_loop_post (ike_engine_io (ike_sa_engine (sa)), answer_late, call, NULL);
  else
    ike_call_answer (call, answer_new (gate.is_allowed[which]));
}

static void
ask_first (IkePlugin *self, IkeCall *call, IkeSa *sa)
{
  decide (call, sa, 0);
}

static void
ask_second (IkePlugin *self, IkeCall *call, IkeSa *sa)
{
  if (is_asked (sa))
    gate.is_in_group = ike_sa_is_in_group (sa, "guests");
  decide (call, sa, 1);
}

static const IkeAuthorizerClass first = { sizeof first, ask_first };
static const IkeAuthorizerClass second = { sizeof second, ask_second };
static const IkeFeature first_feature = { .struct_size = sizeof (IkeFeature),
                                          .provides = "authorizer:first",
                                          .ops = &first };
static const IkeFeature second_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "authorizer:second",
                                           .ops = &second };
static const IkeFeature *const features[] = { &first_feature, &second_feature, NULL };

static const IkePluginInfo gate_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "gate",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "asks a list",
  .features = features,
};

static const IkePluginInfo *const builtin[] = { &gate_plugin, NULL };

static Pair *
make (gconstpointer flags, const PairOptions *more)
{
  PairOptions options = *more;

  options.flags = GPOINTER_TO_UINT (flags);
  options.builtin = builtin;
  return pair_new (&options);
}

static void
test_allowed (gconstpointer flags)
{
  Pair *pair = make (flags, &(PairOptions){ 0 });

  memset (&gate, 0, sizeof gate);
  gate.is_allowed[0] = gate.is_allowed[1] = TRUE;
  pair_assert_up (pair, NULL);
  g_assert_cmpuint (gate.n[0], ==, 1);
  g_assert_cmpuint (gate.n[1], ==, 1);
  g_assert_true (gate.is_in_group);
  pair_assert_twins (pair);
  pair_free (pair);
}

static void
test_late (gconstpointer flags)
{
  Pair *pair = make (flags, &(PairOptions){ 0 });

  memset (&gate, 0, sizeof gate);
  gate.is_late = TRUE;
  pair_assert_up (pair, NULL);
  g_assert_cmpuint (gate.n[0] + gate.n[1], ==, 2);
  pair_assert_twins (pair);
  pair_free (pair);
}

/* The peer is refused, the reason is told to people here, and nothing is left. */
static void
check_refused (gconstpointer flags, const char *reason, guint n_second)
{
  Pair *pair = make (flags, &(PairOptions){ 0 });
  g_autofree char *why = pair_up (pair, NULL);
  PairEnd *end = gate.is_client ? &pair->a : &pair->b;
  g_autoptr (IkeTree) told = pair_explain (end);

  g_assert_nonnull (why);
  g_assert_nonnull (strstr (ike_tree_string (told, "reason", ""), reason));
  g_assert_cmpuint (gate.n[0], ==, 1);
  g_assert_cmpuint (gate.n[1], ==, n_second);
  g_assert_cmpuint (pair_count (end, "ike.established"), ==, 0);
  g_assert_cmpuint (end->kernel_ops->n_sas (end->kernel), ==, 0);
  pair_free (pair);
}

static void
test_refused (gconstpointer flags)
{
  memset (&gate, 0, sizeof gate);
  gate.is_allowed[1] = TRUE;
  check_refused (flags, "the list does not have it", 0);
  memset (&gate, 0, sizeof gate);
  gate.is_allowed[0] = TRUE;
  check_refused (flags, "the list does not have it", 1);
}

static void
test_client (gconstpointer flags)
{
  memset (&gate, 0, sizeof gate);
  gate.is_client = TRUE;
  check_refused (flags, "the list does not have it", 0);
}

static void
test_failed (gconstpointer flags)
{
  memset (&gate, 0, sizeof gate);
  gate.fails = TRUE;
  check_refused (flags, "nobody is there to ask", 0);
}

/* The connection has a pool; the answer names another, which goes first. */
static void
test_pool (gconstpointer flags)
{
  static const char *const plugins[] = { "config-payload", "pool-memory", NULL };
  static const char body[] = "%s\n    proposals = aes256gcm16-prfsha256-x25519\n"
                             "    children { net { %s_ts = 10.9.0.0/16\n"
                             "      esp_proposals = aes256gcm16 } }\n";
  g_autofree char *a = g_strdup_printf (body, "vips = 0.0.0.0", "remote"),
                  *b = g_strdup_printf (body, "pools = one", "local");
  Pair *pair = make (flags, &(PairOptions){ .connection = { a, b },
                                            .more = { NULL, "pools { one { addrs = 10.1.0.0/24 }\n"
                                                            "  second { addrs = 10.2.0.0/24 } }" },
                                            .plugins = plugins });
  g_autofree char *text = NULL;

  memset (&gate, 0, sizeof gate);
  gate.is_allowed[0] = gate.is_allowed[1] = TRUE;
  pair_assert_up (pair, NULL);
  g_autoptr (IkeTree) status = pair_status (&pair->b);
  text = ike_tree_serialize (status, FALSE);
  g_assert_nonnull (strstr (text, "10.2.0."));
  g_assert_null (strstr (text, "10.1.0."));
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("authorizer", "all-are-asked-and-groups-are-known", test_allowed);
  pair_add_test ("authorizer", "an-answer-may-take-its-time", test_late);
  pair_add_test ("authorizer", "the-first-who-says-no-decides", test_refused);
  pair_add_test ("authorizer", "a-client-asks-about-its-gateway-too", test_client);
  pair_add_test ("authorizer", "who-cannot-say-does-not-allow", test_failed);
  pair_add_test ("authorizer", "its-pool-goes-first", test_pool);
  return g_test_run ();
}
