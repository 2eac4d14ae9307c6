/* SPDX-License-Identifier: Apache-2.0 */
/* test_config.c - virtual addresses: who gets which, what children carry then, and when they are
 * given back. */
#include "exchange/bed.h"
#include <glib/gstdio.h>
#include <ikebana/pool.h>
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

static void
assert_leased (PairEnd *end, const char *address, const char *identity)
{
  g_autoptr (IkeTree) result = pair_command (end, "leases", NULL, NULL);
  const IkeTree *leases = ike_tree_get (result, "leases");
  guint n = 0;

  for (guint i = 0; i < ike_tree_n (leases); i++) {
    const IkeTree *lease = ike_tree_nth (leases, i);
    if (g_strcmp0 (ike_tree_string (lease, "address", NULL), address))
      continue;
    n++;
    g_assert_cmpstr (ike_tree_string (lease, "identity", ""), ==, identity);
    g_assert_cmpstr (ike_tree_string (lease, "status", ""), ==, "online");
    g_assert_cmpint (ike_tree_int (lease, "sas", -1), ==, 1);
  }
  g_assert_cmpuint (n, ==, 1);
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

/* RFC 7296, 3.15.4: "The responder sends INTERNAL_ADDRESS_FAILURE only if no addresses can be
 * assigned." */
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
                   "*INTERNAL_ADDRESS_FAILURE*gave us no address; see vips here, and pools there*");
  assert_no_child (flags, CLIENT ("0.0.0.0"), GATEWAY ("elsewhere"), POOLS (RW),
                   "*INTERNAL_ADDRESS_FAILURE*gave us no address; see vips here, and pools there*");
  assert_no_child (flags, CLIENT ("0.0.0.0"), CHILD ("10.2.0.0/16", "dynamic"), NULL,
                   "*INTERNAL_ADDRESS_FAILURE*gave us no address; see vips here, and pools there*");
  assert_no_child (flags, CHILD ("dynamic", "10.2.0.0/16"), GATEWAY ("rw"), POOLS (RW),
                   "*FAILED_CP_REQUIRED*wants us to ask it for an address; set vips here*");
}

static void
test_rekeyed (gconstpointer flags)
{
  Pair *pair = bring_up (flags, CLIENT ("0.0.0.0"), GATEWAY ("rw"), POOLS (RW));

  for (guint i = 0; i < 3; i++) {
    bed_rekey (i == 1 ? &pair->b : &pair->a, i == 2 ? "net" : NULL);
    pair_run (pair, 20);
    g_assert_cmpuint (pair_count (&pair->a, "ike.rekeyed"), ==, MIN (i + 1, 2));
    g_assert_cmpuint (pair_count (&pair->a, "child.rekeyed"), ==, i / 2);
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

/* -- several clients */

#define SECOND(more)                                                                               \
  "connections { second {\n local_addrs = 10.0.0.11\n remote_addrs = 10.0.0.2\n"                   \
  "local { auth = psk\n id = second.test\n }\n remote { auth = psk\n id = b.test\n }\n" more       \
  "} }\n plugins { net-sim { addresses = 10.0.0.1, 10.0.0.11\n } }\n"                              \
  "secrets { ike-second { secret = correct-horse-battery\n } }\n"
#define ANYBODY "remote { id = %any\n }\n remote_addrs = %any\n"

static void
assert_two (Pair *pair)
{
  g_autofree char *error = pair_up_of (pair, &pair->a, "second", NULL);

  if (error)
    g_error ("%s\n%s", error, pair->b.log->str);
  assert_pool (&pair->b, 2, 0);
  pair_assert_twins (pair);
  g_assert_cmpuint (n_addresses (&pair->a), ==, 2);
}

/* RFC 3948, 5.1: with addresses that the gateway gives nobody's are the same. */
static void
test_one_nat (gconstpointer flags)
{
  PairOptions o = options (flags, CLIENT ("0.0.0.0"), GATEWAY ("rw") ANYBODY, POOLS (RW));
  Pair *pair;
  IkeAddr inside[2], outside;

  o.more[0] = SECOND (CLIENT ("0.0.0.0"));
  pair = pair_new (&o);
  g_assert_true (ike_addr_parse (&inside[0], "10.0.0.1", NULL));
  g_assert_true (ike_addr_parse (&inside[1], "10.0.0.11", NULL));
  g_assert_true (ike_addr_parse (&outside, "10.0.0.99", NULL));
  for (guint i = 0; i < 2; i++)
    pair->a.net_ops->nat_add (pair->a.net, &inside[i], &outside);
  pair_assert_up (pair, NULL);
  assert_two (pair);
  pair_free (pair);
}

static void
test_full (gconstpointer flags)
{
  PairOptions o = options (flags, CLIENT ("0.0.0.0"), GATEWAY ("rw") ANYBODY,
                           POOLS ("rw { addrs = 10.3.0.7\n }\n"));
  g_autofree char *error = NULL;
  Pair *pair;

  o.more[0] = SECOND (CLIENT ("0.0.0.0"));
  pair = pair_new (&o);
  pair_assert_up (pair, NULL);
  error = pair_up_of (pair, &pair->a, "second", NULL);
  g_assert_true (g_pattern_match_simple ("*INTERNAL_ADDRESS_FAILURE*", error));
  g_assert_nonnull (strstr (pair->b.log->str, "pool rw is full"));
  pair_down (pair, "second", NULL);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 1);
  /* What the first one had is given to the second now, for there is nothing else. */
  g_clear_pointer (&error, g_free);
  error = pair_up_of (pair, &pair->a, "second", NULL);
  g_assert_cmpstr (error, ==, NULL);
  assert_pool (&pair->b, 1, 0);
  pair_free (pair);
}

static void
test_sticky (gconstpointer flags)
{
  PairOptions o = options (flags, CLIENT ("0.0.0.0"), GATEWAY ("rw") ANYBODY, POOLS (RW));
  Pair *pair;

  o.more[0] = SECOND (CLIENT ("0.0.0.0"));
  pair = pair_new (&o);
  pair_assert_up (pair, NULL);
  assert_two (pair);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 1);
  assert_pool (&pair->b, 1, 1);
  pair_assert_up (pair, NULL);
  assert_leased (&pair->b, "10.3.0.1", "a.test");
  assert_leased (&pair->b, "10.3.0.2", "second.test");
  assert_pool (&pair->b, 2, 0);
  pair_free (pair);
}

/* -- a packet that asks for the tunnel, from an address that is not there yet */

static void
test_trap (gconstpointer flags)
{
  IkeKernelAcquire acquire = { .struct_size = sizeof acquire, .sequence = 7 };
  IkeKernelPolicy policy;
  PairOptions o =
      options (flags,
               "vips = 0.0.0.0\n proposals = aes256gcm16-prfsha256-x25519\n children { net "
               "{ local_ts = dynamic\n remote_ts = 10.2.0.0/16\n start_action = trap\n "
               "esp_proposals = aes256gcm16\n } }\n",
               GATEWAY ("rw"), POOLS (RW));
  Pair *pair = pair_new (&o);
  char text[128];

  pair_run (pair, 1);
  g_assert_true (pair->a.kernel_ops->nth_policy (pair->a.kernel, 0, &policy));
  g_assert_cmpstr (ike_selector_format (&policy.source, text, sizeof text), ==, "0.0.0.0/0");
  acquire.reqid = policy.reqid;
  g_assert_true (ike_selector_parse (&acquire.source, "10.0.0.1", NULL));
  g_assert_true (ike_selector_parse (&acquire.destination, "10.2.0.9", NULL));
  pair->a.kernel_ops->acquire (pair->a.kernel, &acquire);
  pair_run (pair, 2);
  assert_list (&pair->a, "local-vips", "10.3.0.1");
  assert_child (&pair->a, "local-ts", "10.3.0.1/32");
  pair_assert_twins (pair);
  pair_free (pair);
}

/* -- name servers */

static void
assert_file (const char *path, const char *expected)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, expected);
}

#define DNS                                                                                        \
  "rw { addrs = 10.3.0.0/24\n dns = 10.2.0.53, fd02::53, 127.0.0.1\n split_dns = "                 \
  "corp.example, com\n encdns = 1 dot.example 10.2.0.53 alpn=dot\n }\n"

static void
test_dns (gconstpointer flags)
{
  static const char *const with_dns[] = { "config-payload", "pool-memory", "resolve", NULL };
  static const char mine[] = "nameserver 192.0.2.1\n";
  g_autofree char *dir = g_dir_make_tmp ("ikebana-config-XXXXXX", NULL),
                  *path = g_build_filename (dir, "resolv.conf", NULL),
                  *settings = g_strdup_printf ("plugins { resolve { method = file\n file = %s\n "
                                               "show_encrypted = yes\n } }\n",
                                               path);
  PairOptions o = options (flags, "dns_domains = corp.example\n" CLIENT ("0.0.0.0"), GATEWAY ("rw"),
                           POOLS (DNS));
  Pair *pair;

  g_assert_true (g_file_set_contents (path, mine, -1, NULL));
  o.more[0] = settings;
  o.plugins = with_dns;
  pair = pair_new (&o);
  pair_assert_up (pair, NULL);
  pair_run (pair, 1);
  assert_file (path, "nameserver 10.2.0.53   # by ikebana\nnameserver fd02::53   # by ikebana\n"
                     "nameserver 192.0.2.1\n");
  g_assert_nonnull (strstr (pair->a.log->str, "name server 127.0.0.1 cannot be one"));
  g_assert_nonnull (strstr (pair->a.log->str, "domain com is not one of dns_domains"));
  g_assert_null (strstr (pair->a.log->str, "domain corp.example is not"));
  g_assert_nonnull (strstr (pair->a.log->str, "ENCDNS_IP4 1 dot.example 10.2.0.53 alpn=dot"));
  bed_rekey (&pair->a, NULL);
  pair_run (pair, 200);
  g_assert_cmpuint (bed_n_sas (&pair->a), ==, 1);
  g_assert_cmpuint (pair_count (&pair->a, "ike.rekeyed"), ==, 1);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 200);
  assert_file (path, mine);
  pair_free (pair);
  g_unlink (path);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

/* -- somebody wishes for addresses where the connection takes any */

static IkeHookVerdict
on_request (IkePlugin *self, IkeSa *sa, IkeRequestEvent *event)
{
  static const char *const wishes[] = { "10.3.0.9", "fd03::9", "10.3.0.10", "10.3.0.11" };

  for (guint i = 0; i < G_N_ELEMENTS (wishes); i++)
    g_assert_true (ike_addr_parse (&event->wishes[event->n_wishes++], wishes[i], NULL));
  return IKE_HOOK_PASS;
}

static gboolean
wisher_activate (IkePlugin *self, GError **error)
{
  return ike_request_hook_add (self, "wisher", NULL, on_request, error);
}

static const IkePluginInfo wisher_plugin = {
  .struct_size = sizeof wisher_plugin,
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "wisher",
  .version = "0",
  .license = "Apache-2.0",
  .summary = "wishes for addresses, for tests",
  .activate = wisher_activate,
};

/* Each takes the place of one that is left open; those that are named stay. */
static void
test_wisher (gconstpointer flags)
{
  static const char *const more[] = { "config-payload", "pool-memory", "wisher", NULL };
  static const IkePluginInfo *const builtin[] = { &wisher_plugin, NULL };
  PairOptions o =
      options (flags, CLIENT ("0.0.0.0, 10.3.0.20, ::, 0.0.0.0"), GATEWAY ("rw"), POOLS (RW));
  Pair *pair;

  o.plugins = more;
  o.builtin = builtin;
  pair = pair_new (&o);
  pair_assert_up (pair, NULL);
  assert_list (&pair->a, "local-vips", "10.3.0.9 10.3.0.20 fd03::9 10.3.0.10");
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("config", "a-client-gets-an-address-until-it-goes", test_one);
  g_test_add_data_func ("/config/families-and-wishes", GUINT_TO_POINTER (IKE_ENGINE_FORCE_WAITS),
                        test_families);
  g_test_add_data_func ("/config/what-there-is-not-is-left-out",
                        GUINT_TO_POINTER (IKE_ENGINE_FORCE_WAITS), test_partly);
  g_test_add_data_func ("/config/without-an-address-there-is-no-child",
                        GUINT_TO_POINTER (IKE_ENGINE_FORCE_WAITS), test_no_address);
  pair_add_test ("config", "two-clients-behind-one-nat", test_one_nat);
  g_test_add_data_func ("/config/a-full-pool-is-told", NULL, test_full);
  g_test_add_data_func ("/config/a-client-gets-the-same-again", NULL, test_sticky);
  g_test_add_data_func ("/config/a-packet-brings-it-up", NULL, test_trap);
  pair_add_test ("config", "name-servers-come-and-go", test_dns);
  pair_add_test ("config", "addresses-outlive-what-is-rekeyed", test_rekeyed);
  pair_add_test ("config", "addresses-outlive-a-reauthentication", test_reauthenticated);
  pair_add_test ("config", "a-plugin-wishes-where-any-is-taken", test_wisher);
  return g_test_run ();
}
