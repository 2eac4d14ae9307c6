/* SPDX-License-Identifier: Apache-2.0 */
/* test_match.c - which connections a peer may be, best first, and why the others are not. */
#include "tests/config_fixture.h"

static const char settings[] =
    "connections {\n"
    "any { version = 2\n local { auth = psk }\n remote { auth = psk\n id = *.example } }\n"
    "net { remote_addrs = 198.51.100.0/24\n local { auth = psk }\n remote { auth = psk } }\n"
    "range { remote_addrs = 203.0.113.5-203.0.113.9\n local { auth = psk }\n remote { auth = psk } "
    "}\n"
    "exact { local_addrs = 192.0.2.1\n remote_addrs = 198.51.100.7\n local { auth = psk\n id = "
    "moon.example }\n"
    "        remote { auth = psk\n id = sun.example } }\n"
    "six { remote_addrs = %any6\n local { auth = psk }\n remote { auth = psk } }\n"
    "name { version = 1\n remote_addrs = gw.example.org\n local { auth = psk }\n remote { auth = "
    "psk } }\n"
    "}";

static void
set_up (ConfigFixture *fixture, gconstpointer unused)
{
  config_fixture_init (fixture, "", NULL);
  config_fixture_build (fixture, settings, NULL);
  config_fixture_assert_clean (fixture);
}

static void
tear_down (ConfigFixture *fixture, gconstpointer unused)
{
  config_fixture_clear (fixture);
}

static void
assert_match (ConfigFixture *fixture, guint version, const char *local, const char *remote,
              const char *local_id, const char *remote_id, const char *expected)
{
  g_autoptr (GString) names = g_string_new (NULL);
  g_autoptr (IkeIdent) ours = local_id ? ike_ident_parse (local_id, NULL) : NULL;
  g_autoptr (IkeIdent) theirs = remote_id ? ike_ident_parse (remote_id, NULL) : NULL;
  IkeAddr from, to;
  IkeConn *found[8];
  guint n;

  g_assert_true (ike_addr_parse (&to, local, NULL));
  g_assert_true (ike_addr_parse (&from, remote, NULL));
  n = ike_config_match (fixture->config, version, &to, &from, ours, theirs, found,
                        G_N_ELEMENTS (found), NULL);
  for (guint i = 0; i < n; i++)
    g_string_append_printf (names, "%s%s", i ? " " : "", found[i]->name);
  g_assert_cmpstr (names->str, ==, expected);
}

static void
test_addresses (ConfigFixture *fixture, gconstpointer unused)
{
  assert_match (fixture, 2, "192.0.2.1", "198.51.100.7", NULL, NULL, "exact net any");
  assert_match (fixture, 2, "192.0.2.2", "198.51.100.7", NULL, NULL, "net any");
  assert_match (fixture, 2, "192.0.2.1", "203.0.113.5", NULL, NULL, "range any");
  assert_match (fixture, 2, "192.0.2.1", "203.0.113.10", NULL, NULL, "any");
  assert_match (fixture, 2, "2001:db8::1", "2001:db8::2", NULL, NULL, "any six");
  assert_match (fixture, 1, "192.0.2.1", "192.0.2.9", NULL, NULL, "name");
  assert_match (fixture, 0, "192.0.2.1", "192.0.2.9", NULL, NULL, "any name");
}

static void
test_identities (ConfigFixture *fixture, gconstpointer unused)
{
  assert_match (fixture, 2, "192.0.2.1", "198.51.100.7", "moon.example", "sun.example",
                "exact net any");
  assert_match (fixture, 2, "192.0.2.1", "198.51.100.7", "mars.example", "sun.example", "net any");
  assert_match (fixture, 2, "192.0.2.1", "198.51.100.7", NULL, "venus.org", "net");
  assert_match (fixture, 2, "192.0.2.1", "192.0.2.7", NULL, "venus.org", "");
}

static void
test_best_are_kept (ConfigFixture *fixture, gconstpointer unused)
{
  IkeAddr from, to;
  IkeConn *found[1];

  g_assert_true (ike_addr_parse (&to, "192.0.2.1", NULL));
  g_assert_true (ike_addr_parse (&from, "198.51.100.7", NULL));
  g_assert_cmpuint (ike_config_match (fixture->config, 2, &to, &from, NULL, NULL, found, 1, NULL),
                    ==, 1);
  g_assert_cmpstr (found[0]->name, ==, "exact");
  g_assert_cmpuint (ike_config_match (fixture->config, 2, &to, &from, NULL, NULL, found, 0, NULL),
                    ==, 0);
}

static void
test_reasons (ConfigFixture *fixture, gconstpointer unused)
{
  g_autoptr (IkeTree) reasons = ike_tree_new_list ();
  g_autoptr (IkeIdent) theirs = ike_ident_parse ("venus.org", NULL);
  IkeAddr from, to;
  IkeConn *found[8];

  g_assert_true (ike_addr_parse (&to, "192.0.2.1", NULL));
  g_assert_true (ike_addr_parse (&from, "198.51.100.8", NULL));
  ike_config_match (fixture->config, 2, &to, &from, NULL, theirs, found, 8, reasons);
  g_assert_cmpstr (ike_tree_string (reasons, "0.connection", NULL), ==, "any");
  g_assert_cmpstr (ike_tree_string (reasons, "0.why", NULL), ==,
                   "remote.id is *.example, not venus.org");
  g_assert_cmpstr (ike_tree_string (reasons, "1.connection", NULL), ==, "range");
  g_assert_cmpstr (ike_tree_string (reasons, "1.why", NULL), ==,
                   "remote_addrs does not hold 198.51.100.8");
  g_assert_cmpstr (ike_tree_string (reasons, "4.why", NULL), ==, "version is 1");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, function)                                                                       \
  g_test_add ("/match/" name, ConfigFixture, NULL, set_up, function, tear_down)
  TEST ("the-most-exact-address-wins", test_addresses);
  TEST ("identities-decide-among-addresses", test_identities);
  TEST ("the-best-are-kept-when-room-is-short", test_best_are_kept);
  TEST ("those-left-out-have-reasons", test_reasons);
  return g_test_run ();
}
