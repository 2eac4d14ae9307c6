/* SPDX-License-Identifier: Apache-2.0 */
/* test_config.c - virtual addresses: who gets which, what children carry then, and when they are given back. */
#include "exchange/bed.h"
#include <string.h>

static const char *const plugins[] = { "config-payload", "pool-memory", NULL };

#define CHILD(local, remote)                                                                       \
  "proposals = aes256gcm16-prfsha256-x25519\n children { net { local_ts = " local                  \
  "\n remote_ts = " remote "\n esp_proposals = aes256gcm16\n } }\n"
#define CLIENT(vips) "vips = " vips "\n" CHILD ("dynamic", "10.2.0.0/16, fd02::/16")
#define GATEWAY(pools) "pools = " pools "\n" CHILD ("10.2.0.0/16, fd02::/16", "dynamic")
#define POOLS(body) "pools { " body " }\n"
#define RW "rw { addrs = 10.3.0.0/24, fd03::/64\n dns = 10.2.0.53\n }\n"

static PairOptions
options (gconstpointer flags, const char *client, const char *gateway, const char *pools)
{
  return (PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                        .connection = { client, gateway },
                        .more = { NULL, pools },
                        .plugins = plugins };
}

static Pair *
bring_up (gconstpointer flags, const char *client, const char *gateway, const char *pools)
{
  PairOptions o = options (flags, client, gateway, pools);
  Pair *pair = pair_new (&o);

  pair_assert_up (pair, NULL);
  return pair;
}

static char *
list_of (const IkeTree *list)
{
  GString *text = g_string_new (NULL);
  char buffer[32];

  for (guint i = 0; list && i < ike_tree_n (list); i++)
    g_string_append_printf (text, "%s%s", i ? " " : "",
                            ike_tree_text (ike_tree_nth (list, i), buffer));
  return g_string_free (text, FALSE);
}

/* Of the newest IKE SA of an end. */
static void
assert_list (PairEnd *end, const char *key, const char *expected)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *sas = ike_tree_get (status, "sas");
  g_autofree char *text = NULL;

  g_assert_nonnull (sas);
  g_assert_cmpuint (ike_tree_n (sas), >, 0);
  text = list_of (ike_tree_get (ike_tree_nth (sas, ike_tree_n (sas) - 1), key));
  g_assert_cmpstr (text, ==, expected);
}

static void
assert_child (PairEnd *end, const char *key, const char *expected)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *sas = ike_tree_get (status, "sas"),
                *children = ike_tree_get (ike_tree_nth (sas, ike_tree_n (sas) - 1), "children");
  g_autofree char *text = NULL;

  g_assert_nonnull (children);
  g_assert_cmpuint (ike_tree_n (children), ==, 1);
  text = list_of (ike_tree_get (ike_tree_nth (children, 0), key));
  g_assert_cmpstr (text, ==, expected);
}

static void
assert_pool (PairEnd *end, gint64 n_online, gint64 n_offline)
{
  g_autoptr (IkeTree) result = pair_command (end, "pools", NULL, NULL);
  const IkeTree *pool = ike_tree_nth (ike_tree_get (result, "pools"), 0);

  g_assert_cmpint (ike_tree_int (pool, "online", -1), ==, n_online);
  g_assert_cmpint (ike_tree_int (pool, "offline", -1), ==, n_offline);
}

static guint
n_addresses (PairEnd *end)
{
  return end->kernel_ops->n_addresses (end->kernel);
}

static void
test_one (gconstpointer flags)
{
  Pair *pair = bring_up (flags, CLIENT ("0.0.0.0"), GATEWAY ("rw"), POOLS (RW));

  assert_list (&pair->a, "local-vips", "10.3.0.1");
  assert_list (&pair->b, "remote-vips", "10.3.0.1");
  assert_child (&pair->a, "local-ts", "10.3.0.1/32");
  assert_child (&pair->b, "remote-ts", "10.3.0.1/32");
  g_assert_cmpuint (n_addresses (&pair->a), ==, 1);
  g_assert_cmpuint (n_addresses (&pair->b), ==, 0);
  assert_pool (&pair->b, 1, 0);
  pair_assert_twins (pair);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 1);
  g_assert_cmpuint (n_addresses (&pair->a), ==, 0);
  assert_pool (&pair->b, 0, 1);
  pair_free (pair);
}

static void
test_families (gconstpointer flags)
{
  static const struct {
    const char *client, *vips, *ts;
  } cases[] = {
    { CLIENT ("::"), "fd03::1", "fd03::1/128" },
    { CLIENT ("0.0.0.0, ::"), "10.3.0.1 fd03::1", "10.3.0.1/32 fd03::1/128" },
    { CLIENT ("0.0.0.0, 0.0.0.0, ::"), "10.3.0.1 10.3.0.2 fd03::1",
      "10.3.0.1/32 10.3.0.2/32 fd03::1/128" },
    { CLIENT ("10.3.0.77"), "10.3.0.77", "10.3.0.77/32" },
    { CLIENT ("10.9.9.9"), "10.3.0.1", "10.3.0.1/32" },
    { CLIENT ("fd03::abcd, 10.3.0.8"), "fd03::abcd 10.3.0.8", "fd03::abcd/128 10.3.0.8/32" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Pair *pair = bring_up (flags, cases[i].client, GATEWAY ("rw"), POOLS (RW));
    assert_list (&pair->a, "local-vips", cases[i].vips);
    assert_list (&pair->b, "remote-vips", cases[i].vips);
    assert_child (&pair->a, "local-ts", cases[i].ts);
    assert_child (&pair->b, "remote-ts", cases[i].ts);
    pair_free (pair);
  }
}

/* RFC 7296, 3.15.4: a family that the gateway has not is left out; only without any address it is a failure. */
static void
test_partly (gconstpointer flags)
{
  Pair *pair = bring_up (flags, CLIENT ("0.0.0.0, ::"), GATEWAY ("rw"),
                         POOLS ("rw { addrs = fd03::/64 }\n"));

  assert_list (&pair->a, "local-vips", "fd03::1");
  assert_child (&pair->a, "local-ts", "fd03::1/128");
  pair_free (pair);
}

static void
assert_no_child (gconstpointer flags, const char *client, const char *gateway, const char *pools,
                 const char *expected)
{
  PairOptions o = options (flags, client, gateway, pools);
  Pair *pair = pair_new (&o);
  g_autofree char *error = pair_up (pair, NULL);

  if (!error || !g_pattern_match_simple (expected, error))
    g_error ("%s\n%s\n%s", error, pair->a.log->str, pair->b.log->str);
  pair_run (pair, 5);
  g_assert_cmpuint (bed_n_sas (&pair->a), ==, 1);
  g_assert_cmpuint (bed_n_sas (&pair->b), ==, 1);
  g_assert_cmpuint (bed_n_children (&pair->a), ==, 0);
  g_assert_cmpuint (bed_n_children (&pair->b), ==, 0);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 0);
  pair_free (pair);
}

/* RFC 7296, 2.21.2: the IKE SA stays. */
static void
test_no_address (gconstpointer flags)
{
  assert_no_child (flags, CLIENT ("0.0.0.0"), GATEWAY ("rw"), POOLS ("rw { addrs = fd03::/64 }\n"),
                   "*INTERNAL_ADDRESS_FAILURE*");
  assert_no_child (flags, CLIENT ("0.0.0.0"), GATEWAY ("elsewhere"), POOLS (RW),
                   "*INTERNAL_ADDRESS_FAILURE*");
  assert_no_child (flags, CLIENT ("0.0.0.0"), CHILD ("10.2.0.0/16", "dynamic"), NULL,
                   "*INTERNAL_ADDRESS_FAILURE*");
  assert_no_child (flags, CHILD ("dynamic", "10.2.0.0/16"), GATEWAY ("rw"), POOLS (RW),
                   "*FAILED_CP_REQUIRED*");
}

static void
test_rekeyed (gconstpointer flags)
{
  Pair *pair = bring_up (flags, CLIENT ("0.0.0.0"), GATEWAY ("rw"), POOLS (RW));

  for (guint i = 0; i < 3; i++) {
    bed_rekey (i == 1 ? &pair->b : &pair->a, i == 2 ? "net" : NULL);
    pair_run (pair, 20);
    assert_list (&pair->a, "local-vips", "10.3.0.1");
    assert_list (&pair->b, "remote-vips", "10.3.0.1");
    assert_child (&pair->a, "local-ts", "10.3.0.1/32");
    g_assert_cmpuint (n_addresses (&pair->a), ==, 1);
    assert_pool (&pair->b, 1, 0);
  }
  pair_down (pair, "pair", NULL);
  pair_run (pair, 300);
  g_assert_cmpuint (n_addresses (&pair->a), ==, 0);
  assert_pool (&pair->b, 0, 1);
  pair_free (pair);
}

static void
test_reauthenticated (gconstpointer flags)
{
  Pair *pair = bring_up (flags, CLIENT ("0.0.0.0, ::"), GATEWAY ("rw"), POOLS (RW));
  BedAnswer answer = { 0 };

  bed_reauth (&pair->a, &answer);
  pair_run (pair, 20);
  g_assert_true (answer.is_over);
  g_assert_cmpstr (answer.error, ==, NULL);
  g_assert_cmpuint (bed_n_sas (&pair->a), ==, 1);
  assert_list (&pair->a, "local-vips", "10.3.0.1 fd03::1");
  assert_child (&pair->b, "remote-ts", "10.3.0.1/32 fd03::1/128");
  g_assert_cmpuint (n_addresses (&pair->a), ==, 2);
  assert_pool (&pair->b, 2, 0);
  pair_assert_twins (pair);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("config", "a-client-gets-an-address-until-it-goes", test_one);
  pair_add_test ("config", "families-and-wishes", test_families);
  pair_add_test ("config", "what-there-is-not-is-left-out", test_partly);
  pair_add_test ("config", "without-an-address-there-is-no-child", test_no_address);
  pair_add_test ("config", "addresses-outlive-what-is-rekeyed", test_rekeyed);
  pair_add_test ("config", "addresses-outlive-a-reauthentication", test_reauthenticated);
  return g_test_run ();
}
