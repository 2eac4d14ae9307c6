/* SPDX-License-Identifier: Apache-2.0 */
/* test_environment.c - the environment of updown programs: what is in it, and what never is. */
#include <string.h>
#include "environment.h"

static IkeTree *
make_body (const char *local_ts, const char *remote_ts)
{
  IkeTree *body = ike_tree_new_section (), *ike = ike_tree_add_section (body, "ike");
  ike_tree_set_string (body, "connection", "home");
  ike_tree_set_string (body, "child", "net");
  ike_tree_set_int (body, "reqid", 7);
  ike_tree_set_string (body, "mode", "TUNNEL");
  ike_tree_set_string (body, "protocol", "ESP");
  ike_tree_set_string (body, "spi-in", "c0ffee01");
  ike_tree_set_int (ike, "unique-id", 3);
  ike_tree_set_string (ike, "local-host", "192.0.2.1");
  ike_tree_set_string (ike, "remote-host", "192.0.2.2");
  ike_tree_set_string (ike, "local-id", "moon.example");
  ike_tree_set_string (ike, "remote-id", "C=CH, O=Example, CN=sun");
  ike_tree_set_string (ike_tree_add_list (body, "local-ts"), NULL, local_ts);
  ike_tree_set_string (ike_tree_add_list (body, "remote-ts"), NULL, remote_ts);
  return body;
}

static const char *
value_of (char **environment, const char *name)
{
  return g_environ_getenv (environment, name);
}

static void
assert_value (char **environment, const char *name, const char *expected)
{
  g_assert_cmpstr (value_of (environment, name), ==, expected);
}

static void
test_client (void)
{
  g_autoptr (IkeTree) body = make_body ("10.1.0.0/16", "10.2.0.0/24[tcp/80]");
  g_autoptr (GPtrArray) all = updown_environments (body, TRUE, NULL);
  char **environment;
  g_assert_cmpuint (all->len, ==, 1);
  environment = g_ptr_array_index (all, 0);
  assert_value (environment, "PLUTO_VERB", "up-client");
  assert_value (environment, "PLUTO_CONNECTION", "net");
  assert_value (environment, "PLUTO_IKE_CONNECTION", "home");
  assert_value (environment, "PLUTO_REQID", "7");
  assert_value (environment, "PLUTO_UNIQUEID", "3");
  assert_value (environment, "PLUTO_PROTO", "esp");
  assert_value (environment, "PLUTO_MODE", "tunnel");
  assert_value (environment, "PLUTO_ME", "192.0.2.1");
  assert_value (environment, "PLUTO_PEER", "192.0.2.2");
  assert_value (environment, "PLUTO_MY_ID", "moon.example");
  assert_value (environment, "PLUTO_PEER_ID", "C=CH, O=Example, CN=sun");
  assert_value (environment, "PLUTO_MY_CLIENT", "10.1.0.0/16");
  assert_value (environment, "PLUTO_MY_PORT", "0");
  assert_value (environment, "PLUTO_PEER_CLIENT", "10.2.0.0/24");
  assert_value (environment, "PLUTO_PEER_PORT", "80");
  assert_value (environment, "PLUTO_PEER_PROTOCOL", "6");
  g_assert_nonnull (value_of (environment, "PATH"));
}

static void
test_verbs (void)
{
  g_autoptr (IkeTree) host = make_body ("192.0.2.1/32", "192.0.2.2/32");
  g_autoptr (IkeTree) v6 = make_body ("2001:db8:1::/48", "2001:db8:2::/48");
  g_autoptr (GPtrArray) down_host = updown_environments (host, FALSE, NULL);
  g_autoptr (GPtrArray) up_v6 = updown_environments (v6, TRUE, NULL);
  assert_value (g_ptr_array_index (down_host, 0), "PLUTO_VERB", "down-host");
  assert_value (g_ptr_array_index (up_v6, 0), "PLUTO_VERB", "up-client-v6");
  assert_value (g_ptr_array_index (up_v6, 0), "PLUTO_PEER_CLIENT", "2001:db8:2::/48");
}

static void
test_pairs (void)
{
  g_autoptr (IkeTree) body = make_body ("10.1.0.0/16", "10.2.0.0/16");
  g_autoptr (GPtrArray) all = NULL;
  IkeTree *local = ike_tree_add_list (body, "local-ts");
  ike_tree_set_string (local, NULL, "10.1.0.0/16");
  ike_tree_set_string (local, NULL, "10.3.0.0/16");
  ike_tree_set_string (local, NULL, "2001:db8::/32");
  all = updown_environments (body, TRUE, NULL);
  g_assert_cmpuint (all->len, ==, 2);
  assert_value (g_ptr_array_index (all, 1), "PLUTO_MY_CLIENT", "10.3.0.0/16");
}

static void
test_range (void)
{
  g_autoptr (IkeTree) body = make_body ("10.0.0.4-10.0.0.9", "10.2.0.0/16");
  g_autoptr (GPtrArray) all = updown_environments (body, TRUE, NULL);
  assert_value (g_ptr_array_index (all, 0), "PLUTO_MY_CLIENT", "10.0.0.0/28");
}

static void
test_virtual_addresses (void)
{
  g_autoptr (IkeTree) body = make_body ("10.1.0.1/32", "0.0.0.0/0");
  g_autoptr (GPtrArray) all = NULL;
  IkeTree *list = ike_tree_add_list ((IkeTree *) ike_tree_get (body, "ike"), "local-vips");
  ike_tree_set_string (list, NULL, "10.1.0.1");
  ike_tree_set_string (list, NULL, "2001:db8::7");
  all = updown_environments (body, TRUE, NULL);
  assert_value (g_ptr_array_index (all, 0), "PLUTO_MY_SOURCEIP", "10.1.0.1");
  assert_value (g_ptr_array_index (all, 0), "PLUTO_MY_SOURCEIP4_1", "10.1.0.1");
  assert_value (g_ptr_array_index (all, 0), "PLUTO_MY_SOURCEIP6_1", "2001:db8::7");
}

static void
test_hostile_identities (void)
{
  static const char *const hostile[] = {
    "a`id`", "$(reboot)", "x;reboot", "a|b",  "a&b",      "a>b",         "a\nPLUTO_VERB=x",
    "a\"b",  "a'b",       "a\\b",     "-rf",  " x",       "a*b",         "a?b",
    "{a,b}", "~root",     "a!b",      "a\tb", "\x1b[31m", "caf\xc3\xa9",
  };
  for (guint i = 0; i < G_N_ELEMENTS (hostile); i++) {
    g_autoptr (IkeTree) body = make_body ("10.1.0.0/16", "10.2.0.0/16");
    g_autoptr (GPtrArray) refused = g_ptr_array_new_with_free_func (g_free), all = NULL;
    IkeTree *ike = ike_tree_add_section (body, "ike");
    ike_tree_set_string (ike, "local-host", "192.0.2.1");
    ike_tree_set_string (ike, "remote-host", "192.0.2.2");
    ike_tree_set_string (ike, "remote-id", hostile[i]);
    all = updown_environments (body, TRUE, refused);
    g_assert_cmpuint (all->len, ==, 1);
    assert_value (g_ptr_array_index (all, 0), "PLUTO_PEER_ID", NULL);
    assert_value (g_ptr_array_index (all, 0), "PLUTO_PEER", "192.0.2.2");
    g_assert_cmpuint (refused->len, ==, 1);
    g_assert_cmpstr (g_ptr_array_index (refused, 0), ==, "PLUTO_PEER_ID");
    for (char **variable = g_ptr_array_index (all, 0); *variable != NULL; variable++)
      g_assert_null (strstr (*variable, hostile[i]));
  }
}

static void
test_other_fields (void)
{
  g_autoptr (IkeTree) body = make_body ("10.1.0.0/16", "10.2.0.0/16");
  g_autoptr (GPtrArray) refused = g_ptr_array_new_with_free_func (g_free), all = NULL;
  g_autofree char *long_name = g_strnfill (513, 'a');
  ike_tree_set_string (body, "interface", "eth0;x");
  ike_tree_set_string (body, "spi-in", "zz zz");
  ike_tree_set_string (body, "child", long_name);
  ike_tree_set_string ((IkeTree *) ike_tree_get (body, "ike"), "local-vips", "10.0.0.1 $(x)");
  all = updown_environments (body, TRUE, refused);
  assert_value (g_ptr_array_index (all, 0), "PLUTO_INTERFACE", NULL);
  assert_value (g_ptr_array_index (all, 0), "PLUTO_SPI_IN", NULL);
  assert_value (g_ptr_array_index (all, 0), "PLUTO_CONNECTION", NULL);
  assert_value (g_ptr_array_index (all, 0), "PLUTO_MY_SOURCEIP", NULL);
  g_assert_cmpuint (refused->len, ==, 5);
}

static void
test_own_environment (void)
{
  g_autoptr (IkeTree) body = make_body ("10.1.0.0/16", "10.2.0.0/16");
  g_autoptr (GPtrArray) all = NULL;
  g_setenv ("LD_PRELOAD_FOR_TEST", "x", TRUE);
  all = updown_environments (body, TRUE, NULL);
  for (char **variable = g_ptr_array_index (all, 0); *variable != NULL; variable++)
    g_assert_true (g_str_has_prefix (*variable, "PLUTO_") || g_str_has_prefix (*variable, "PATH="));
}

static void
test_wrong_bodies (void)
{
  g_autoptr (IkeTree) empty = ike_tree_new_section ();
  g_autoptr (IkeTree) broken = make_body ("not a selector", "10.2.0.0/16");
  g_autoptr (GPtrArray) none = updown_environments (empty, TRUE, NULL);
  g_autoptr (GPtrArray) none_either = updown_environments (broken, TRUE, NULL);
  g_assert_cmpuint (none->len, ==, 0);
  g_assert_cmpuint (none_either->len, ==, 0);
}

static void
test_argv (void)
{
  g_auto (GStrv) argv = updown_argv ("/usr/lib/x/updown --mode 'a b' $HOME", NULL);
  g_autoptr (GError) relative = NULL, open = NULL;
  g_assert_nonnull (argv);
  g_assert_cmpuint (g_strv_length (argv), ==, 4);
  g_assert_cmpstr (argv[2], ==, "a b");
  g_assert_cmpstr (argv[3], ==, "$HOME");
  g_assert_null (updown_argv ("ipsec _updown", &relative));
  g_assert_nonnull (strstr (relative->message, "absolute path"));
  g_assert_null (updown_argv ("/x 'open", &open));
  g_assert_nonnull (open);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/updown/variables-are-those-of-the-event", test_client);
  g_test_add_func ("/updown/verb-names-direction-host-and-family", test_verbs);
  g_test_add_func ("/updown/one-run-per-pair-of-selectors-of-one-family", test_pairs);
  g_test_add_func ("/updown/a-range-becomes-the-prefix-that-covers-it", test_range);
  g_test_add_func ("/updown/virtual-addresses-are-numbered-by-family", test_virtual_addresses);
  g_test_add_func ("/updown/a-hostile-identity-is-left-out-whole", test_hostile_identities);
  g_test_add_func ("/updown/every-variable-has-its-set-of-characters", test_other_fields);
  g_test_add_func ("/updown/nothing-of-the-daemons-environment-is-passed-on", test_own_environment);
  g_test_add_func ("/updown/an-event-without-selectors-runs-nothing", test_wrong_bodies);
  g_test_add_func ("/updown/the-program-is-split-without-a-shell", test_argv);
  return g_test_run ();
}
