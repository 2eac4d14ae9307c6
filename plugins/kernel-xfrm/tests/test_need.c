/* SPDX-License-Identifier: Apache-2.0 */
/* test_need.c - what policies need of routing, and XFRM interfaces. */
#include "config.h"
#include "net_bed.h"

/* -- batches */

typedef struct {
  IkeKernelSa     sas[2];
  IkeKernelPolicy policy;
  IkeKernelBatch  batch;
  char           *error;
  atomic_int      is_done;
} Child;

/* An SA pair from 192.0.2.1 to @peer with an outbound policy; @if_id 0: without an interface. */
static void
child_init (Child *child, const char *local_ts, const char *remote_ts, const char *peer,
            guint32 if_id)
{
  memset (child, 0, sizeof *child);
  child->policy = (IkeKernelPolicy) { .struct_size = sizeof (IkeKernelPolicy),
                                      .direction = IKE_DIR_OUT,
                                      .mode = IKE_MODE_TUNNEL,
                                      .protocol = IKE_PROTOCOL_ESP,
                                      .reqid = 1,
                                      .if_id = if_id,
                                      .flags = if_id ? IKE_KERNEL_MAKE_INTERFACE : 0 };
  g_assert_true (ike_selector_parse (&child->policy.source, local_ts, NULL));
  g_assert_true (ike_selector_parse (&child->policy.destination, remote_ts, NULL));
  g_assert_true (ike_addr_parse (&child->policy.outer_source,
                                 strchr (peer, ':') ? "2001:db8:1::1" : "192.0.2.1", NULL));
  g_assert_true (ike_addr_parse (&child->policy.outer_destination, peer, NULL));
  for (guint i = 0; i < 2; i++)
    child->sas[i] = (IkeKernelSa) { .struct_size = sizeof (IkeKernelSa),
                                    .direction = i ? IKE_DIR_OUT : IKE_DIR_IN,
                                    .reqid = 1,
                                    .if_id = if_id,
                                    .flags = child->policy.flags,
                                    .source = child->policy.outer_source,
                                    .destination = child->policy.outer_destination,
                                    .link_name = if_id ? "ike-1" : NULL };
  child->batch = (IkeKernelBatch) { sizeof (IkeKernelBatch), 2, 1, child->sas, &child->policy };
}

static void
child_done (gpointer data, const char *error)
{
  Child *child = data;
  child->error = g_strdup (error);
  atomic_store (&child->is_done, 1);
}

static void
need_child (gpointer data)
{
  Child *child = data;
  net_need (bed.kernel.net, &child->batch, child_done, child);
}

static void
drop_child (gpointer data)
{
  Child *child = data;
  net_drop (bed.kernel.net, &child->batch);
  atomic_store (&child->is_done, 1);
}

static void
move_child (gpointer data)
{
  Child *child = data;
  net_moved (bed.kernel.net, &child->sas[1], &child->sas[0]);
  atomic_store (&child->is_done, 1);
}

static char *
on_loop (Child *child, IkeFunc what)
{
  atomic_store (&child->is_done, 0);
  ike_loop_post (bed.kernel.loop, what, child, NULL);
  g_assert_true (until (is_set, &child->is_done));
  return g_steal_pointer (&child->error);
}


static void
need (Child *child)
{
  g_assert_cmpstr (on_loop (child, need_child), ==, NULL);
}

static void
drop (Child *child)
{
  on_loop (child, drop_child);
}

#define ROUTE "ip route show table 220 | grep -q "

/* -- routes of policies */

static void
test_source_route (void)
{
  Child child;
  make_machine ();
  begin (&usual);
  child_init (&child, "10.1.0.0/24", "10.2.0.0/16", "203.0.113.1", 0);
  need (&child);
  assert_runs (ROUTE "'10.2.0.0/16 via 192.0.2.254 dev left .*src 10.1.0.1' && ip rule | grep "
               "-q ^220:");
  drop (&child);
  assert_soon ("! ip route show table 220 | grep .");
  child_init (&child, "2001:db8:2::/64", "2001:db8:a::/48", "2001:db8:77::1", 0);
  need (&child);
  assert_runs ("ip -6 route show table 220 | grep -q "
               "'2001:db8:a::/48 via 2001:db8:1::fe dev left .*src 2001:db8:2::1'");
  end ();
  assert_runs ("! ip -6 route show table 220 | grep . && ! ip rule | grep 220 && ! ip -6 rule | "
               "grep 220");
}

/* The peer is on the link; the tunnel carries the other family. */
static void
test_near_peer (void)
{
  Child child;
  make_machine ();
  begin (&usual);
  child_init (&child, "2001:db8:2::/64", "2001:db8:a::/48", "192.0.2.9", 0);
  need (&child);
  assert_runs ("ip -6 route show table 220 | grep -q '2001:db8:a::/48 dev left .*src "
               "2001:db8:2::1'");
  end ();
}

static void
assert_no_route (const char *local_ts, const char *remote_ts, void (*change) (Child *child))
{
  Child child;
  child_init (&child, local_ts, remote_ts, "203.0.113.1", 0);
  if (change)
    change (&child);
  need (&child);
  assert_runs ("! ip route show table 220 | grep .");
  drop (&child);
}

static void
make_transport (Child *child)
{
  child->policy.mode = IKE_MODE_TRANSPORT;
}

static void
make_operators (Child *child)
{
  child->policy.if_id = child->sas[0].if_id = child->sas[1].if_id = 7;
}

static void
make_inbound (Child *child)
{
  child->policy.direction = IKE_DIR_IN;
}

static void
test_no_route (void)
{
  make_machine ();
  begin (&usual);
  assert_no_route ("172.20.0.0/16", "10.2.0.0/16", NULL);
  assert_no_route ("192.0.2.1/32", "203.0.113.1/32", NULL);
  assert_no_route ("10.1.0.0/24[tcp]", "10.2.0.0/16", NULL);
  assert_no_route ("10.1.0.0/24", "10.2.0.0/16[udp/53]", NULL);
  assert_no_route ("10.1.0.0/24", "10.2.0.0/16", make_transport);
  assert_no_route ("10.1.0.0/24", "10.2.0.0/16", make_operators);
  assert_no_route ("10.1.0.0/24", "10.2.0.0/16", make_inbound);
  g_assert_cmpint (atomic_load (&bed.n_errors), ==, 0);
  end ();
  begin (&(NetOptions) { .table = 220, .priority = 220 });
  assert_no_route ("10.1.0.0/24", "10.2.0.0/16", NULL);
  end ();
}

static void
test_range (void)
{
  Child child;
  make_machine ();
  begin (&usual);
  child_init (&child, "10.1.0.0/24", "10.2.0.255-10.2.2.2", "203.0.113.1", 0);
  need (&child);
  assert_runs ("test $(ip route show table 220 | wc -l) = 4");
  assert_runs (ROUTE "'^10.2.0.255 ' && " ROUTE "'10.2.1.0/24 ' && " ROUTE "'10.2.2.0/31 ' && "
               ROUTE "'^10.2.2.2 '");
  drop (&child);
  assert_soon ("! ip route show table 220 | grep .");
  end ();
}

static void
test_users (void)
{
  Child old, new_;
  make_machine ();
  begin (&usual);
  child_init (&old, "10.1.0.0/24", "10.2.0.0/16", "203.0.113.1", 0);
  child_init (&new_, "10.1.0.0/24", "10.2.0.0/16", "198.51.100.9", 0);
  need (&old);
  need (&old);
  new_.policy.reqid = 2;
  need (&new_);
  assert_runs (ROUTE "'10.2.0.0/16 dev right .*src 10.1.0.1'");
  drop (&new_);
  assert_soon (ROUTE "'10.2.0.0/16 via 192.0.2.254 dev left'");
  drop (&old);
  assert_runs (ROUTE "'10.2.0.0/16 via 192.0.2.254 dev left'");
  drop (&old);
  assert_soon ("! ip route show table 220 | grep .");
  drop (&old);
  end ();
}

static void
test_everything (void)
{
  Child child;
  make_machine ();
  begin (&usual);
  do_it (ask_add_address, "10.9.0.5", 32, "left");
  child_init (&child, "10.9.0.5/32", "0.0.0.0/0", "203.0.113.1", 0);
  need (&child);
  assert_runs (ROUTE "'default via 192.0.2.254 dev left .*src 10.9.0.5'");
  assert_runs ("ip route get 8.8.8.8 | grep -q 'src 10.9.0.5'");
  assert_source ("203.0.113.1", "192.0.2.1");
  do_it (ask_remove_address, "10.9.0.5", 32, "left");
  drop (&child);
  end ();
  begin (&(NetOptions) { .installs_routes = TRUE });
  child_init (&child, "10.1.0.0/24", "0.0.0.0/0", "203.0.113.1", 0);
  need (&child);
  assert_runs ("ip route | grep -q '0.0.0.0/1 via 192.0.2.254 dev left .*src 10.1.0.1' && "
               "ip route | grep -q '128.0.0.0/1 via' && ip route | grep -q '^default'");
  end ();
  assert_runs ("! ip route | grep /1 && ip route | grep -q '^default'");
}

static void
test_changes (void)
{
  Child child;
  make_machine ();
  begin (&usual);
  child_init (&child, "10.1.0.0/24", "10.2.0.0/16", "203.0.113.1", 0);
  need (&child);
  assert_runs ("ip route replace default via 198.51.100.254");
  assert_soon (ROUTE "'10.2.0.0/16 via 198.51.100.254 dev right .*src 10.1.0.1'");
  assert_runs ("ip route add 203.0.113.0/24 via 192.0.2.253");
  assert_soon (ROUTE "'10.2.0.0/16 via 192.0.2.253 dev left'");
  assert_runs ("ip link set left down");
  assert_soon (ROUTE "'10.2.0.0/16 via 198.51.100.254 dev right'");
  assert_runs ("ip addr del 10.1.0.1/24 dev right");
  assert_soon ("! ip route show table 220 | grep .");
  assert_runs ("ip addr add 10.1.0.2/24 dev right");
  assert_soon (ROUTE "'10.2.0.0/16 via 198.51.100.254 dev right .*src 10.1.0.2'");
  end ();
}

static void
test_moved (void)
{
  Child child;
  make_machine ();
  begin (&usual);
  child_init (&child, "10.1.0.0/24", "10.2.0.0/16", "203.0.113.1", 0);
  need (&child);
  g_assert_true (ike_addr_parse (&child.sas[0].destination, "198.51.100.77", NULL));
  on_loop (&child, move_child);
  assert_soon (ROUTE "'10.2.0.0/16 dev right .*src 10.1.0.1'");
  drop (&child);
  assert_soon ("! ip route show table 220 | grep .");
  end ();
}

static void
test_pass (void)
{
  Child all, lan;
  make_machine ();
  begin (&usual);
  do_it (ask_add_address, "10.9.0.5", 32, "left");
  child_init (&all, "10.9.0.5/32", "0.0.0.0/0", "203.0.113.1", 0);
  child_init (&lan, "10.1.0.0/24", "10.1.0.0/24", "203.0.113.1", 0);
  lan.policy.mode = IKE_MODE_PASS;
  lan.policy.reqid = 0;
  need (&all);
  assert_runs ("ip route get 10.1.0.77 | grep -q 'src 10.9.0.5'");
  need (&lan);
  assert_runs (ROUTE "'throw 10.1.0.0/24' && ip route get 10.1.0.77 | grep -q 'dev right src "
               "10.1.0.1'");
  drop (&lan);
  assert_soon ("ip route get 10.1.0.77 | grep -q 'src 10.9.0.5'");
  drop (&all);
  end ();
}

/* -- XFRM interfaces */

static gboolean has_xfrm;

static void
test_no_interfaces (void)
{
  Child child;
  g_autofree char *error = NULL;
  if (has_xfrm) {
    g_test_skip ("this kernel has XFRM interfaces");
    return;
  }
  make_machine ();
  begin (&usual);
  child_init (&child, "10.1.0.0/24", "10.2.0.0/16", "203.0.113.1", 65537);
  error = on_loop (&child, need_child);
  g_assert_nonnull (strstr (error, "cannot make interface ike-1 (interface ID 65537): "));
  g_assert_nonnull (strstr (error, "CONFIG_XFRM_INTERFACE"));
  assert_runs ("! ip route show table 220 | grep .");
  end ();
}

#define SKIP_WITHOUT_XFRM()                                                                        \
  if (!has_xfrm) {                                                                                 \
    g_test_skip ("this kernel has no XFRM interfaces");                                            \
    return;                                                                                        \
  }

static void
test_interface (void)
{
  Child child, other;
  SKIP_WITHOUT_XFRM ();
  make_machine ();
  begin (&usual);
  child_init (&child, "10.1.0.0/24", "10.2.0.0/16", "203.0.113.1", 65537);
  need (&child);
  assert_runs ("ip -d link show ike-1 | grep -q 'xfrm if_id 0x10001' && ip link show ike-1 | "
               "grep -q UP");
  assert_runs (ROUTE "'10.2.0.0/16 dev ike-1 .*src 10.1.0.1'");
  child_init (&other, "10.1.0.0/24", "10.3.0.0/16", "203.0.113.1", 65537);
  need (&other);
  drop (&child);
  assert_runs (ROUTE "'10.3.0.0/16 dev ike-1' && ! " ROUTE "10.2.0.0/16");
  drop (&other);
  assert_soon ("! ip link show ike-1 && ! ip route show table 220 | grep .");
  /* The same ID once more, at once. */
  need (&child);
  drop (&child);
  need (&child);
  assert_runs (ROUTE "'10.2.0.0/16 dev ike-1'");
  g_assert_cmpint (atomic_load (&bed.n_errors), ==, 0);
  end ();
  assert_runs ("! ip link show ike-1 && ! ip rule | grep 220");
}

/* What comes out of the tunnel must not go into it again. */
static void
test_interface_for_everything (void)
{
  Child child;
  SKIP_WITHOUT_XFRM ();
  make_machine ();
  begin (&usual);
  child_init (&child, "0.0.0.0/0", "0.0.0.0/0", "203.0.113.1", 65537);
  need (&child);
  assert_runs (ROUTE "'default dev ike-1' && " ROUTE "'throw 203.0.113.1'");
  assert_runs ("ip route get 203.0.113.1 | grep -q 'via 192.0.2.254 dev left'");
  assert_runs ("ip route get 8.8.8.8 | grep -q 'dev ike-1'");
  assert_source ("203.0.113.1", "192.0.2.1");
  assert_source ("8.8.8.8", "192.0.2.1");
  g_assert_true (ike_addr_parse (&child.sas[0].destination, "203.0.113.9", NULL));
  on_loop (&child, move_child);
  assert_soon (ROUTE "'throw 203.0.113.9' && ! " ROUTE "'throw 203.0.113.1 '");
  drop (&child);
  assert_soon ("! ip route show table 220 | grep .");
  child_init (&child, "192.0.2.1/32", "203.0.113.1/32", "203.0.113.1", 65537);
  need (&child);
  assert_runs ("ip route get 203.0.113.1 | grep -q 'via 192.0.2.254 dev left'");
  end ();
}

static void
test_two_directions (void)
{
  Child child;
  SKIP_WITHOUT_XFRM ();
  make_machine ();
  begin (&usual);
  child_init (&child, "10.1.0.0/24", "10.2.0.0/16", "203.0.113.1", 65538);
  child.sas[0].if_id = 65537;
  child.sas[1].link_name = "ike-2";
  need (&child);
  assert_runs ("ip link show ike-1 && ip link show ike-2 && " ROUTE "'10.2.0.0/16 dev ike-2'");
  drop (&child);
  assert_soon ("! ip link show ike-1 && ! ip link show ike-2");
  end ();
}

static void
test_interface_of_others (void)
{
  Child child;
  g_autofree char *error = NULL;
  SKIP_WITHOUT_XFRM ();
  make_machine ();
  assert_runs ("ip link add mine type xfrm if_id 65537 && ip link set mine up &&"
               "ip link add ike-2 type veth peer name z");
  begin (&usual);
  child_init (&child, "10.1.0.0/24", "10.2.0.0/16", "203.0.113.1", 65537);
  need (&child);
  assert_runs (ROUTE "'10.2.0.0/16 dev mine' && ! ip link show ike-1");
  drop (&child);
  assert_soon ("! " ROUTE "10.2");
  assert_runs ("ip link show mine");
  child_init (&child, "10.1.0.0/24", "10.2.0.0/16", "203.0.113.1", 65538);
  child.sas[0].link_name = child.sas[1].link_name = "ike-2";
  error = on_loop (&child, need_child);
  g_assert_cmpstr (error, ==,
                   "cannot make interface ike-2 (interface ID 65538): there is another "
               "interface of "
                   "this name");
  end ();
  assert_runs ("ip link show mine && ip link show ike-2");
}

static void
test_vrf (void)
{
  Child child;
  g_autofree char *error = NULL;
  SKIP_WITHOUT_XFRM ();
  make_machine ();
  assert_runs ("ip link add blue type vrf table 1010 && ip link set blue up");
  begin (&usual);
  g_assert_true (until (is_local, "192.0.2.1"));
  child_init (&child, "10.1.0.0/24", "0.0.0.0/0", "203.0.113.1", 65537);
  child.sas[0].link_master = child.sas[1].link_master = "blue";
  need (&child);
  assert_runs ("ip link show ike-1 | grep -q 'master blue'");
  assert_runs ("ip route show table 1010 | grep -q 'default dev ike-1' && ! ip route show table "
               "220 | grep .");
  drop (&child);
  assert_soon ("! ip link show ike-1 && ! ip route show table 1010 | grep ike-1");
  child.sas[0].link_master = child.sas[1].link_master = "red";
  error = on_loop (&child, need_child);
  g_assert_nonnull (strstr (error, "there is no VRF red; make it first: ip link add red type vrf"));
  end ();
}

static void
test_killed (void)
{
  int ends[2];
  char byte;
  pid_t pid;
  Child child;
  SKIP_WITHOUT_XFRM ();
  make_machine ();
  assert_runs ("ip link add mine type xfrm if_id 7");
  g_assert_cmpint (pipe (ends), ==, 0);
  pid = fork ();
  if (pid == 0) {
    begin (&usual);
    child_init (&child, "10.1.0.0/24", "10.2.0.0/16", "203.0.113.1", 65537);
    need (&child);
    g_assert_cmpint (write (ends[1], "x", 1), ==, 1);
    pause ();
    _exit (1);
  }
  g_assert_cmpint (read (ends[0], &byte, 1), ==, 1);
  g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  assert_runs ("ip link show ike-1");
  begin (&usual);
  child_init (&child, "10.1.0.0/24", "10.4.0.0/16", "203.0.113.1", 65537);
  need (&child);
  assert_runs ("ip link show mine && " ROUTE "'10.4.0.0/16 dev ike-1' && ! " ROUTE "10.2");
  end ();
  assert_runs ("! ip link show ike-1 && ip link show mine");
  close (ends[0]);
  close (ends[1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (unshare (CLONE_NEWNET) < 0 || !run ("ip link add x type veth peer name y")) {
    g_printerr ("skipped: network namespaces cannot be made here\n");
    return SKIP;
  }
  has_xfrm = run ("ip link add probe type xfrm if_id 1");
  g_test_add_func ("/need/a-policy-has-a-route-with-its-own-address", test_source_route);
  g_test_add_func ("/need/a-peer-on-the-link-is-no-gateway", test_near_peer);
  g_test_add_func ("/need/what-needs-no-route-has-none", test_no_route);
  g_test_add_func ("/need/a-range-is-cut-into-prefixes", test_range);
  g_test_add_func ("/need/the-last-user-takes-the-route-away", test_users);
  g_test_add_func ("/need/a-tunnel-for-everything-leads-not-to-its-peer", test_everything);
  g_test_add_func ("/need/routes-follow-the-machine", test_changes);
  g_test_add_func ("/need/routes-follow-the-endpoints", test_moved);
  g_test_add_func ("/need/a-policy-to-pass-leads-out", test_pass);
  g_test_add_func ("/need/a-kernel-without-interfaces-is-named", test_no_interfaces);
  g_test_add_func ("/need/an-interface-comes-and-goes", test_interface);
  g_test_add_func ("/need/an-interface-for-all-does-not-loop", test_interface_for_everything);
  g_test_add_func ("/need/each-direction-may-have-one", test_two_directions);
  g_test_add_func ("/need/interfaces-of-others-stay", test_interface_of_others);
  g_test_add_func ("/need/a-vrf-has-its-interface-and-routes", test_vrf);
  g_test_add_func ("/need/interfaces-of-a-killed-daemon-go", test_killed);
  return g_test_run ();
}
