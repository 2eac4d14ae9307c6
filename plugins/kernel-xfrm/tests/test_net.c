/* SPDX-License-Identifier: Apache-2.0 */
/* test_net.c - tests kernel:net against the kernel, in network namespaces of its own: addresses,
 * events, routes and rules, the way to a peer. */
#include "config.h"
#include "net_bed.h"

static gboolean
has_heard (gconstpointer pattern)
{
  gboolean is_there = FALSE;
  pthread_mutex_lock (&bed.lock);
  for (guint i = 0; i < bed.n_heard && !is_there; i++)
    is_there = g_pattern_match_simple (pattern, bed.heard[i]);
  pthread_mutex_unlock (&bed.lock);
  return is_there;
}

#define assert_heard(pattern) g_assert_true (until (has_heard, pattern))

static void
ask_add_route (Question *q, IkeCall *call)
{
  net_class.add_route (bed.kernel.plugin, call, &q->addr, q->prefix_len, q->interface, NULL);
}

static void
ask_remove_route (Question *q, IkeCall *call)
{
  net_class.remove_route (bed.kernel.plugin, call, &q->addr, q->prefix_len, q->interface);
}

static void
ask_way (Question *q, IkeCall *call)
{
  net_class.route_to (bed.kernel.plugin, call, &q->addr);
}

static gboolean
is_not_local (gconstpointer text)
{
  return !is_local (text);
}

/* -- addresses */

static void
test_local (void)
{
  make_machine ();
  begin (&usual);
  g_assert_true (until (is_local, "192.0.2.1"));
  g_assert_true (is_local ("2001:db8:2::1"));
  g_assert_true (is_local ("127.0.0.1"));
  g_assert_false (is_local ("192.0.2.2"));
  assert_runs ("ip addr add 192.0.2.2/24 dev left");
  g_assert_true (until (is_local, "192.0.2.2"));
  assert_runs ("ip addr del 192.0.2.2/24 dev left");
  g_assert_true (until (is_not_local, "192.0.2.2"));
  end ();
}

static void
test_two_users (void)
{
  make_machine ();
  begin (&usual);
  do_it (ask_add_address, "10.9.0.5", 32, "right");
  g_assert_true (is_local ("10.9.0.5"));
  do_it (ask_add_address, "10.9.0.5", 32, "right");
  assert_runs ("ip -4 -o addr show dev right | grep -c '10.9.0.5/32' | grep -qx 1");
  do_it (ask_remove_address, "10.9.0.5", 32, "right");
  assert_runs ("ip -4 -o addr show dev right | grep -q '10.9.0.5/32'");
  do_it (ask_remove_address, "10.9.0.5", 32, "right");
  assert_soon ("! ip -4 -o addr show | grep -q '10.9.0.5/32'");
  g_assert_true (until (is_not_local, "10.9.0.5"));
  end ();
}

static void
test_default_interface (void)
{
  make_machine ();
  begin (&usual);
  do_it (ask_add_address, "10.9.0.5", 32, NULL);
  assert_runs ("ip -4 -o addr show dev left | grep -q '10.9.0.5/32'");
  do_it (ask_add_address, "2001:db8:9::5", 128, NULL);
  assert_runs ("ip -6 -o addr show dev left | grep 2001:db8:9::5/128 | grep -v tentative | grep "
               "-q deprecated");
  assert_runs ("ip route del default");
  do_it (ask_add_address, "10.9.0.6", 32, NULL);
  assert_runs ("ip -4 -o addr show dev lo | grep -q '10.9.0.6/32'");
  end ();
  assert_runs ("! ip addr | grep -e 10.9.0 -e 2001:db8:9");
}

/* "Any interface" and its name are two ways to say the same. */
static void
test_two_names (void)
{
  make_machine ();
  begin (&usual);
  do_it (ask_add_address, "10.9.0.5", 32, NULL);
  do_it (ask_add_address, "10.9.0.5", 32, "left");
  do_it (ask_remove_address, "10.9.0.5", 32, NULL);
  do_it (ask_add_address, "10.9.0.7", 32, NULL);
  assert_runs ("ip addr show dev left | grep -q 10.9.0.5/32");
  do_it (ask_remove_address, "10.9.0.5", 32, "left");
  assert_soon ("! ip addr show dev left | grep -q 10.9.0.5/32");
  end ();
}

static void
test_address_of_others (void)
{
  make_machine ();
  assert_runs ("ip addr add 10.9.0.5/32 dev left");
  begin (&usual);
  do_it (ask_add_address, "10.9.0.5", 32, "left");
  do_it (ask_remove_address, "10.9.0.5", 32, "left");
  do_it (ask_add_address, "10.9.0.6", 32, "left");
  end ();
  assert_runs ("ip addr show dev left | grep -q 10.9.0.5/32 && ! ip addr | grep -q 10.9.0.6");
}

static void
test_wrong_address (void)
{
  Question no_link = { .ask = ask_add_address };
  make_machine ();
  begin (&usual);
  ask (&no_link, "10.9.0.5", 32, "nowhere");
  g_assert_cmpstr (no_link.error, ==,
                   "cannot add address 10.9.0.5/32 to interface nowhere: there is no such "
               "interface");
  do_it (ask_remove_address, "10.9.0.99", 32, "left");
  g_free (no_link.error);
  end ();
}

/* -- events */

static void
test_events (void)
{
  make_machine ();
  begin (&usual);
  g_assert_true (until (is_local, "192.0.2.1"));
  assert_runs ("ip addr add 192.0.2.77/32 dev left; ip addr del 192.0.2.77/32 dev left");
  assert_heard ("address here 192.0.2.77/32 left");
  assert_heard ("address gone 192.0.2.77/32 left");
  assert_runs ("ip route add 203.0.113.0/24 dev right; ip route del 203.0.113.0/24");
  assert_heard ("route here 203.0.113.0/24 right");
  assert_heard ("route gone 203.0.113.0/24 right");
  assert_runs ("ip link set right-end down");
  assert_heard ("link gone /0 right");
  assert_runs ("ip link set right-end up");
  assert_heard ("link here /0 right");
  do_it (ask_add_route, "203.0.113.128", 25, "right");
  do_it (ask_add_address, "10.9.0.5", 32, "left");
  assert_runs ("ip route add 203.0.112.0/24 dev right");
  assert_heard ("route here 203.0.112.0/24 right");
  /* Ours are nobody's news. */
  g_assert_false (has_heard ("route * 203.0.113.128/25 *"));
  g_assert_false (has_heard ("address * 10.9.0.5/32 *"));
  end ();
}

static void
test_lost (void)
{
  make_machine ();
  begin (&usual);
  g_assert_true (until (is_local, "192.0.2.1"));
  assert_runs ("ip addr add 192.0.2.78/32 dev left");
  g_assert_true (until (is_local, "192.0.2.78"));
  ike_loop_post (bed.kernel.loop, net_listener.lost, bed.kernel.net, NULL);
  assert_heard ("lost gone /0 ");
  g_assert_true (until (is_local, "192.0.2.78"));
  end ();
}

/* -- the way to a peer */

static void
test_sources (void)
{
  Question way = { .ask = ask_way }, none = { .ask = ask_source };
  char text[IKE_ADDR_TEXT_SIZE];
  IkeKernelRoute *route;
  make_machine ();
  assert_runs ("ip route add 203.0.113.0/24 via 198.51.100.254 mtu 1300;"
               "ip route add 203.0.113.7/32 via 192.0.2.254 src 192.0.2.1;"
               "ip route add unreachable 203.0.113.8");
  begin (&usual);
  assert_source ("8.8.8.8", "192.0.2.1");
  assert_source ("198.51.100.9", "198.51.100.1");
  assert_source ("203.0.113.1", "198.51.100.1");
  assert_source ("203.0.113.7", "192.0.2.1");
  assert_source ("2001:db8:2::9", "2001:db8:2::1");
  assert_source ("2001:db8:77::9", "2001:db8:1::1");
  g_assert_cmpstr (ask (&way, "203.0.113.1", 0, NULL), ==, NULL);
  route = way.result;
  g_assert_cmpstr (ike_addr_format (&route->source, FALSE, text), ==, "198.51.100.1");
  g_assert_cmpstr (ike_addr_format (&route->gateway, FALSE, text), ==, "198.51.100.254");
  g_assert_cmpstr (route->interface, ==, "right");
  g_assert_cmpuint (route->mtu, ==, 1300);
  g_free (route);
  g_assert_nonnull (strstr (ask (&none, "203.0.113.8", 0, NULL), "no route to 203.0.113.8: "));
  g_free (none.error);
  end ();
}

/* Neither our own table nor an address of ours counts, whatever they say. */
static void
test_sources_past_ours (void)
{
  Question way = { .ask = ask_way };
  IkeKernelRoute *route;
  make_machine ();
  begin (&usual);
  do_it (ask_add_address, "10.9.0.5", 32, "right");
  do_it (ask_add_route, "0.0.0.0", 0, "right");
  do_it (ask_add_route, "203.0.113.1", 32, "right");
  assert_runs ("ip rule | grep -q '^220:.*lookup 220'");
  assert_runs ("ip route get 203.0.113.1 | grep -q 'dev right'");
  assert_source ("203.0.113.1", "192.0.2.1");
  assert_source ("198.51.100.7", "198.51.100.1");
  g_assert_cmpstr (ask (&way, "203.0.113.1", 0, NULL), ==, NULL);
  route = way.result;
  g_assert_cmpstr (route->interface, ==, "left");
  g_assert_cmpuint (route->mtu, ==, 1500);
  g_free (route);
  end ();
}

/* -- routes and their rule */

static void
test_route_and_rule (void)
{
  make_machine ();
  begin (&usual);
  do_it (ask_add_address, "10.9.0.5", 32, "left");
  assert_runs ("! ip rule | grep 220");
  do_it (ask_add_route, "10.2.0.0", 16, "right");
  do_it (ask_add_route, "10.2.0.0", 16, "left");
  assert_runs ("ip route show table 220 | grep -q '10.2.0.0/16 dev left'");
  do_it (ask_add_route, "10.3.0.0", 16, "right");
  assert_runs ("ip rule | grep -c 'lookup 220' | grep -qx 1 && ! ip -6 rule | grep 220");
  do_it (ask_remove_route, "10.2.0.0", 16, "left");
  assert_soon ("ip route show table 220 | grep -q '10.2.0.0/16 dev right'");
  do_it (ask_remove_route, "10.2.0.0", 16, "right");
  assert_soon ("! ip route show table 220 | grep 10.2.0.0/16");
  do_it (ask_add_route, "2001:db8:a::", 48, "right");
  assert_runs ("ip -6 rule | grep -q '^220:' && ip -6 route show table 220 | grep -q "
               "2001:db8:a::/48");
  end ();
  assert_runs ("! ip rule | grep 220 && ! ip -6 rule | grep 220");
  assert_runs ("! ip route show table 220 | grep . && ! ip -6 route show table 220 | grep .");
}

static void
test_rule_of_others (void)
{
  make_machine ();
  assert_runs ("ip rule add pref 220 lookup 220; ip rule add pref 219 from 10.0.0.0/8 lookup main");
  begin (&usual);
  do_it (ask_add_route, "10.2.0.0", 16, "right");
  do_it (ask_add_address, "10.9.0.5", 32, "left");
  end ();
  assert_runs ("ip rule | grep -c lookup | grep -qx 5 && ip rule | grep -q '^220:'");
}

static void
test_main_table (void)
{
  Question taken = { .ask = ask_add_route };
  make_machine ();
  assert_runs ("ip route add 10.3.0.0/16 dev left");
  begin (&(NetOptions) { .installs_routes = TRUE });
  do_it (ask_add_route, "10.2.0.0", 16, "right");
  assert_runs ("ip route | grep -q '10.2.0.0/16 dev right' && ! ip rule | grep 220");
  g_assert_nonnull (strstr (ask (&taken, "10.3.0.0", 16, "right"), "10.3.0.0/16 in table 254"));
  g_free (taken.error);
  end ();
  assert_runs ("! ip route | grep 10.2.0.0/16 && ip route | grep -q '10.3.0.0/16 dev left'");
}

/* -- after kill -9 */

static void
test_killed (void)
{
  int ends[2];
  char byte;
  pid_t pid;
  make_machine ();
  g_assert_cmpint (pipe (ends), ==, 0);
  pid = fork ();
  if (pid == 0) {
    begin (&usual);
    do_it (ask_add_address, "10.9.0.5", 32, "left");
    do_it (ask_add_address, "2001:db8:9::5", 128, "left");
    do_it (ask_add_route, "10.2.0.0", 16, "right");
    do_it (ask_add_route, "2001:db8:a::", 48, "right");
    g_assert_cmpint (write (ends[1], "x", 1), ==, 1);
    pause ();
    _exit (1);
  }
  g_assert_cmpint (read (ends[0], &byte, 1), ==, 1);
  g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  assert_runs ("ip addr | grep -q 10.9.0.5 && ip rule | grep -q ^220: && ip route show table "
               "220 | grep -q 10.2");
  assert_runs ("ip rule add pref 220 lookup 221; ip route add 10.77.0.0/16 dev left table 220");
  begin (&usual);
  do_it (ask_add_address, "10.9.0.6", 32, "left");
  assert_runs ("! ip addr | grep -e 10.9.0.5 -e 2001:db8:9");
  assert_runs ("! ip rule | grep 'lookup 220' && ! ip -6 rule | grep 220 && ip rule | grep -q "
               "'lookup 221'");
  assert_runs ("! ip route show table 220 | grep 10.2 && ! ip -6 route show table 220 | grep .");
  assert_runs ("ip route show table 220 | grep -q 10.77");
  g_assert_false (is_local ("10.9.0.5"));
  end ();
  close (ends[0]);
  close (ends[1]);
}

/* -- another namespace */

static void
test_namespace (void)
{
  int ends[2];
  char byte = 0;
  pid_t pid;
  g_autofree char *path = NULL;
  NetOptions options = usual;
  make_machine ();
  g_assert_cmpint (pipe (ends), ==, 0);
  pid = fork ();
  if (pid == 0) {
    close (ends[1]);
    make_machine ();
    g_assert_true (run ("ip addr add 172.16.7.7/32 dev lo; ip link set left name there"));
    g_assert_cmpint (read (ends[0], &byte, 1), ==, 0);
    _exit (run ("ip addr | grep 10.9.0") ? 1 : 0);
  }
  path = g_strdup_printf ("/proc/%d/ns/net", pid);
  options.namespace = path;
  for (guint i = 0; i < 500 && !run ("nsenter --net=%s ip link show there", path); i++)
    usleep (10000);
  begin (&options);
  g_assert_true (until (is_local, "172.16.7.7"));
  do_it (ask_add_address, "10.9.0.5", 32, "there");
  assert_runs ("! ip addr | grep 10.9.0.5 && nsenter --net=%s ip addr show there | grep -q "
               "10.9.0.5", path);
  end ();
  close (ends[0]);
  close (ends[1]);
  {
    int status;
    g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
    g_assert_cmpint (status, ==, 0);
  }
}

static void
test_no_namespace (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (net_socket ("nobody-made-it", 0, &error), ==, -1);
  g_assert_nonnull (strstr (error->message, "/run/netns/nobody-made-it"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (unshare (CLONE_NEWNET) < 0 || !run ("ip link add x type veth peer name y")) {
    g_printerr ("skipped: network namespaces cannot be made here\n");
    return SKIP;
  }
  g_test_add_func ("/net/addresses-of-this-machine-are-known", test_local);
  g_test_add_func ("/net/an-address-of-two-stays-until-the-last", test_two_users);
  g_test_add_func ("/net/an-address-goes-where-the-default-route-goes", test_default_interface);
  g_test_add_func ("/net/an-address-asked-for-in-two-ways-is-one", test_two_names);
  g_test_add_func ("/net/an-address-of-others-stays", test_address_of_others);
  g_test_add_func ("/net/what-cannot-be-added-is-named", test_wrong_address);
  g_test_add_func ("/net/changes-become-events", test_events);
  g_test_add_func ("/net/after-a-loss-everything-is-asked-again", test_lost);
  g_test_add_func ("/net/the-source-follows-the-route", test_sources);
  g_test_add_func ("/net/the-way-to-a-peer-is-past-our-own-routes", test_sources_past_ours);
  g_test_add_func ("/net/routes-have-a-table-and-one-rule", test_route_and_rule);
  g_test_add_func ("/net/a-rule-of-others-stays", test_rule_of_others);
  g_test_add_func ("/net/routes-of-others-in-the-main-table-stay", test_main_table);
  g_test_add_func ("/net/what-a-killed-daemon-left-goes", test_killed);
  g_test_add_func ("/net/a-namespace-of-choice", test_namespace);
  g_test_add_func ("/net/a-namespace-that-is-not-there-is-named", test_no_namespace);
  return g_test_run ();
}
