/* SPDX-License-Identifier: Apache-2.0 */
/* test_mobike.c - peers that move and peers with several addresses (RFC 4555): tagged packets flow
 * through what moves, over the in-memory wire, and each one that does not arrive is counted. */
#include "exchange/bed.h"
#include "exchange/mobile.h"

#define DPD "dpd_delay = 5s\n"

static Mobile *
mobile_between (gconstpointer flags, const char *conn, const char *of_a, const char *of_b)
{
  return mobile_new_with (
      &(MobileOptions){ .flags = flags, .conn = { conn, NULL }, .starts_with = { of_a, of_b } });
}

static void
assert_n_sas (Mobile *m, guint n)
{
  g_assert_cmpuint (bed_n_sas (&m->pair->a), ==, n);
  g_assert_cmpuint (bed_n_sas (&m->pair->b), ==, n);
}

static void
assert_encap (Mobile *m, gboolean is_encapsulated)
{
  g_autofree char *a = bed_child_value (&m->pair->a, "encap"),
                  *b = bed_child_value (&m->pair->b, "encap");

  g_assert_cmpstr (a, ==, is_encapsulated ? "yes" : "no");
  g_assert_cmpstr (b, ==, is_encapsulated ? "yes" : "no");
}

/* -- a client that moves */

static void
test_moves (gconstpointer flags)
{
  Mobile *m = mobile_new (flags, NULL, NULL);
  g_autofree char *port = bed_sa_value (&m->pair->a, "remote-port");

  /* RFC 4555, 3.3: port 4500 "even if no NAT was detected". */
  g_assert_cmpstr (port, ==, "4500");
  mobile_flow (m, 1000);
  mobile_set (m, &m->pair->a, "10.0.0.3");
  mobile_flow (m, 1000);
  mobile_assert_path (m, "10.0.0.3", "10.0.0.2");
  g_assert_cmpuint (m->n_lost, <=, 2);
  g_assert_cmpuint (pair_count (&m->pair->a, "mobike.moves"), ==, 1);
  g_assert_cmpuint (pair_count (&m->pair->b, "mobike.moves"), ==, 1);
  g_assert_cmpuint (pair_count (&m->pair->b, "mobike.checks"), ==, 1);
  assert_encap (m, FALSE);
  mobile_free (m);
}

/* From one family to the other, and back. */
static void
test_family (gconstpointer flags)
{
  Mobile *m = mobile_between (flags, NULL, "10.0.0.1, fd00::1", "10.0.0.2, fd00::2");

  mobile_flow (m, 500);
  mobile_set (m, &m->pair->a, "fd00::1");
  mobile_flow (m, 1000);
  mobile_assert_path (m, "fd00::1", "fd00::2");
  mobile_set (m, &m->pair->a, "10.0.0.3");
  mobile_flow (m, 1000);
  mobile_assert_path (m, "10.0.0.3", "10.0.0.2");
  /* To another address of the peer only once it was asked there: a round trip each. */
  g_assert_cmpuint (m->n_lost, <=, 6);
  mobile_free (m);
}

static void
test_twice (gconstpointer flags)
{
  Mobile *m = mobile_new (flags, NULL, NULL);
  guint i;

  mobile_flow (m, 500);
  for (i = 0; i < 25; i++) {
    mobile_set (m, &m->pair->a, i % 2 ? "10.0.0.3" : "10.0.0.5");
    mobile_run_ms (m, i);
  }
  mobile_run_ms (m, 10000);
  mobile_assert_path (m, "10.0.0.5", "10.0.0.2");
  mobile_flow (m, 500);
  g_assert_cmpuint (m->n_lost, ==, 0);
  assert_n_sas (m, 1);
  mobile_free (m);
}

/* For a while it has no address at all. */
static void
test_gap (gconstpointer flags)
{
  Mobile *m = mobile_new (flags, NULL, NULL);

  m->pair->a.kernel_ops->set_local (m->pair->a.kernel, NULL, 0);
  mobile_wire (m, &m->pair->a, "10.0.0.7");
  mobile_run_ms (m, 20000);
  mobile_set (m, &m->pair->a, "10.0.0.3");
  mobile_run_ms (m, 100);
  mobile_assert_path (m, "10.0.0.3", "10.0.0.2");
  mobile_free (m);
}

/* -- NAT that comes and goes */

static IkeAddr
host (const char *text)
{
  IkeAddr addr;

  g_assert_true (ike_addr_parse (&addr, text, NULL));
  return addr;
}

static void
nat_add (Mobile *m, const char *inside)
{
  IkeAddr from = host (inside), to = host ("10.0.0.99");

  m->pair->a.net_ops->nat_add (m->pair->a.net, &from, &to);
}

static void
test_nat (gconstpointer flags)
{
  Mobile *m = mobile_new (flags, NULL, NULL);
  g_autofree char *of_b = NULL;

  nat_add (m, "10.0.0.3");
  mobile_set (m, &m->pair->a, "10.0.0.3");
  mobile_run_ms (m, 200);
  assert_encap (m, TRUE);
  of_b = mobile_path (&m->pair->b);
  g_assert_cmpstr (of_b, ==, "10.0.0.2 10.0.0.99");
  mobile_flow (m, 500);
  g_assert_cmpuint (m->n_lost, ==, 0);
  mobile_set (m, &m->pair->a, "10.0.0.5");
  mobile_run_ms (m, 200);
  assert_encap (m, FALSE);
  mobile_assert_path (m, "10.0.0.5", "10.0.0.2");
  mobile_flow (m, 500);
  g_assert_cmpuint (m->n_lost, ==, 0);
  mobile_free (m);
}

/* RFC 4555, 3.8: a NAT that forgets shows in the answer to a liveness check. */
static void
test_nat_forgets (gconstpointer flags)
{
  Mobile *m = mobile_new_with (
      &(MobileOptions){ .flags = flags, .conn = { DPD, NULL }, .stays_down = TRUE });
  g_autofree char *before = NULL, *after = NULL;

  nat_add (m, "10.0.0.1");
  pair_assert_up (m->pair, "net");
  before = bed_sa_value (&m->pair->b, "remote-port");
  m->pair->a.net_ops->nat_forget (m->pair->a.net);
  mobile_run_ms (m, 7000);
  after = bed_sa_value (&m->pair->b, "remote-port");
  g_assert_cmpstr (before, !=, after);
  g_assert_cmpuint (pair_count (&m->pair->a, "mobike.updates"), ==, 1);
  mobile_flow (m, 500);
  g_assert_cmpuint (m->n_lost, ==, 0);
  mobile_free (m);
}

static guint32
inbound_spi (PairEnd *end)
{
  IkeFakeSa sa = { .struct_size = sizeof sa };

  for (guint i = 0; end->kernel_ops->nth_sa (end->kernel, i, &sa); i++)
    if (sa.direction == IKE_DIR_IN)
      return sa.spi;
  g_assert_not_reached ();
}

/* ESP leads to another port of the NAT, which then has the old one again: what the client says
 * comes from there, and it knows of no change. */
static void
test_nat_returns (gconstpointer flags)
{
  Mobile *m = mobile_new_with (&(MobileOptions){ .flags = flags, .stays_down = TRUE });
  PairEnd *b = &m->pair->b;
  IkeAddr other = host ("10.0.0.99");
  g_autofree char *before = NULL, *led = NULL, *after = NULL;

  other.port = 54500;
  nat_add (m, "10.0.0.1");
  pair_assert_up (m->pair, "net");
  before = bed_sa_value (b, "remote-port");
  g_assert_true (b->kernel_ops->mapping (b->kernel, inbound_spi (b), &other));
  ike_sim_settle (m->pair->sim);
  led = bed_sa_value (b, "remote-port");
  g_assert_cmpstr (led, ==, "54500");
  bed_rekey (&m->pair->a, "net");
  mobile_run_ms (m, 500);
  after = bed_sa_value (b, "remote-port");
  g_assert_cmpstr (after, ==, before);
  g_assert_cmpuint (pair_count (&m->pair->a, "mobike.updates"), ==, 0);
  mobile_free (m);
}

/* -- who answered has other addresses */

static char *
peer_addresses (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *list =
      ike_tree_get (ike_tree_nth (ike_tree_get (status, "sas"), 0), "peer-addresses");
  GString *all = g_string_new (NULL);
  char text[IKE_ADDR_TEXT_SIZE];
  guint i;

  for (i = 0; list && i < ike_tree_n (list); i++)
    g_string_append_printf (all, "%s%s", i ? " " : "",
                            ike_tree_text (ike_tree_nth (list, i), text));
  return g_string_free (all, FALSE);
}

static void
assert_peers (Mobile *m, const char *as_a_sees, const char *as_b_sees)
{
  g_autofree char *a = peer_addresses (&m->pair->a), *b = peer_addresses (&m->pair->b);

  g_assert_cmpstr (a, ==, as_a_sees);
  g_assert_cmpstr (b, ==, as_b_sees);
}

static void
test_lists (gconstpointer flags)
{
  Mobile *m = mobile_between (flags, NULL, "10.0.0.1, fd00::3", "10.0.0.2, 10.0.0.4, fd00::2");

  assert_peers (m, "10.0.0.2 10.0.0.4 fd00::2", "10.0.0.1 fd00::3");
  mobile_set (m, &m->pair->b, "10.0.0.2, 10.0.0.6");
  mobile_set (m, &m->pair->a, "10.0.0.1");
  mobile_run_ms (m, 200);
  assert_peers (m, "10.0.0.2 10.0.0.6", "10.0.0.1");
  mobile_set (m, &m->pair->b, "10.0.0.2");
  mobile_run_ms (m, 200);
  assert_peers (m, "10.0.0.2", "10.0.0.1");
  mobile_assert_path (m, "10.0.0.1", "10.0.0.2");
  g_assert_cmpuint (pair_count (&m->pair->a, "mobike.moves"), ==, 0);
  mobile_free (m);
}

/* What is behind an end is reached through the tunnel, and no way for it. */
static void
test_inside (gconstpointer flags)
{
  Mobile *m = mobile_between (flags, NULL, "10.0.0.1, 10.0.0.3", "10.0.0.2, 10.0.0.4");
  IkeAddr with_inner[] = { host ("10.0.0.2"), host ("10.2.0.1"), host ("10.0.0.4") };

  m->pair->b.kernel_ops->set_local (m->pair->b.kernel, with_inner, 3);
  mobile_run_ms (m, 200);
  assert_peers (m, "10.0.0.2 10.0.0.4", "10.0.0.1 10.0.0.3");
  /* That changes nothing: it is not even said. */
  g_assert_cmpuint (pair_count (&m->pair->b, "mobike.updates"), ==, 0);
  mobile_free (m);
}

static void
test_responder_moves (gconstpointer flags)
{
  Mobile *m = mobile_between (flags, NULL, NULL, "10.0.0.2, 10.0.0.4");

  mobile_flow (m, 500);
  mobile_set (m, &m->pair->b, "10.0.0.4");
  mobile_flow (m, 1000);
  mobile_assert_path (m, "10.0.0.1", "10.0.0.4");
  /* An address that it has not told of before. */
  mobile_set (m, &m->pair->b, "10.0.0.6");
  mobile_flow (m, 1000);
  mobile_assert_path (m, "10.0.0.1", "10.0.0.6");
  g_assert_cmpuint (m->n_lost, <=, 6);
  mobile_free (m);
}

/* -- ways that die, and no kernel knows */

static void
cut (Mobile *m, const char *from, const char *to)
{
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP };

  if (from)
    rule.from = host (from);
  if (to)
    rule.to = host (to);
  m->pair->a.net_ops->rule_add (m->pair->a.net, &rule);
}

static void
check_probing (gconstpointer flags, const char *dead, const char *a, const char *b)
{
  Mobile *m = mobile_between (flags, DPD, "10.0.0.1, 10.0.0.3", "10.0.0.2, 10.0.0.4");

  cut (m, dead, NULL);
  cut (m, NULL, dead);
  mobile_run_ms (m, 40000);
  mobile_assert_path (m, a, b);
  mobile_flow (m, 500);
  g_assert_cmpuint (m->n_lost, ==, 0);
  assert_n_sas (m, 1);
  g_assert_cmpuint (pair_count (&m->pair->a, "mobike.probes"), >, 0);
  mobile_free (m);
}

static void
test_probes (gconstpointer flags)
{
  check_probing (flags, "10.0.0.1", "10.0.0.3", "10.0.0.2");
  check_probing (flags, "10.0.0.2", "10.0.0.1", "10.0.0.4");
}

/* Each pair was tried, and it does not take longer than it does without. */
static void
test_dead (gconstpointer flags)
{
  Mobile *m = mobile_between (flags, DPD, "10.0.0.1, 10.0.0.3", "10.0.0.2, 10.0.0.4");

  cut (m, NULL, "10.0.0.2");
  cut (m, NULL, "10.0.0.4");
  mobile_run_ms (m, 160 * 1000);
  g_assert_cmpuint (bed_n_sas (&m->pair->a), ==, 1);
  mobile_run_ms (m, 20 * 1000);
  g_assert_cmpuint (bed_n_sas (&m->pair->a), ==, 0);
  g_assert_cmpuint (pair_count (&m->pair->a, "mobike.probes"), ==, 12);
  mobile_free (m);
}

/* RFC 4555, 3.11: who answered waits for five minutes. */
static void
test_patient (gconstpointer flags)
{
  Mobile *m = mobile_new_with (
      &(MobileOptions){ .flags = flags, .conn = { NULL, DPD }, .has_forge = FALSE });

  cut (m, NULL, "10.0.0.1");
  mobile_run_ms (m, 300 * 1000);
  g_assert_cmpuint (bed_n_sas (&m->pair->b), ==, 1);
  mobile_run_ms (m, 100 * 1000);
  g_assert_cmpuint (bed_n_sas (&m->pair->b), ==, 0);
  mobile_free (m);
}

/* -- where it was not agreed on */

static void
check_off (gconstpointer flags, guint end, const char *conn, const char *more)
{
  MobileOptions options = { .flags = flags };
  Mobile *m;

  options.conn[end] = conn;
  options.more[end] = more;
  m = mobile_new_with (&options);
  mobile_flow (m, 500);
  m->pair->a.kernel_ops->set_local (m->pair->a.kernel, (IkeAddr[]){ host ("10.0.0.3") }, 1);
  mobile_flow (m, 500);
  g_assert_cmpuint (m->n_lost, ==, 0);
  mobile_assert_path (m, "10.0.0.1", "10.0.0.2");
  g_assert_cmpuint (pair_count (&m->pair->a, "mobike.updates"), ==, 0);
  mobile_free (m);
}

static void
test_off (gconstpointer flags)
{
  guint end;

  for (end = 0; end < 2; end++) {
    check_off (flags, end, "mobike = no\n", NULL);
    check_off (flags, end, NULL, "plugins { mobike { load = no } }\n");
  }
}

static void
test_no_checks (gconstpointer flags)
{
  static const char off[] =
      "plugins { mobike { return_routability = no\n tell_addresses = no } }\n";
  Mobile *m = mobile_new_with (&(MobileOptions){ .flags = flags, .more = { off, off } });

  mobile_flow (m, 500);
  mobile_set (m, &m->pair->a, "10.0.0.3, 10.0.0.5");
  mobile_flow (m, 500);
  mobile_assert_path (m, "10.0.0.3", "10.0.0.2");
  g_assert_cmpuint (pair_count (&m->pair->b, "mobike.checks"), ==, 0);
  assert_peers (m, "10.0.0.2", "10.0.0.1");
  mobile_free (m);
}

/* -- beside rekeying */

static void
check_rekeying (gconstpointer flags, gboolean by_b, const char *child)
{
  Mobile *m = mobile_new (flags, NULL, NULL);
  PairEnd *end = by_b ? &m->pair->b : &m->pair->a;
  guint delay;

  for (delay = 0; delay < 60; delay += 7) {
    mobile_flow (m, 200);
    bed_rekey (end, child);
    mobile_run_ms (m, delay);
    mobile_set (m, &m->pair->a, delay / 7 % 2 ? "10.0.0.3" : "10.0.0.5");
    /* An answer to a Delete that was on its way to where nobody is any more does not come. */
    mobile_run_ms (m, 200 * 1000);
    mobile_assert_path (m, delay / 7 % 2 ? "10.0.0.3" : "10.0.0.5", "10.0.0.2");
    assert_n_sas (m, 1);
    mobile_flow (m, 200);
    g_assert_cmpuint (m->n_lost, ==, 0);
  }
  g_assert_cmpuint (pair_count (end, child ? "child.rekeyed" : "ike.rekeyed"), ==, 9);
  mobile_free (m);
}

static void
test_rekeying (gconstpointer flags)
{
  check_rekeying (flags, FALSE, NULL);
  check_rekeying (flags, TRUE, NULL);
  check_rekeying (flags, FALSE, "net");
  check_rekeying (flags, TRUE, "net");
}

/* Whoever replaced the IKE SA: who began the first one decides. */
static void
test_rekeyed_by_other (gconstpointer flags)
{
  Mobile *m = mobile_between (flags, NULL, NULL, "10.0.0.2, 10.0.0.4");

  bed_rekey (&m->pair->b, NULL);
  mobile_run_ms (m, 2000);
  assert_peers (m, "10.0.0.2 10.0.0.4", "10.0.0.1");
  mobile_set (m, &m->pair->a, "10.0.0.3");
  mobile_run_ms (m, 200);
  mobile_assert_path (m, "10.0.0.3", "10.0.0.2");
  mobile_set (m, &m->pair->b, "10.0.0.4");
  mobile_run_ms (m, 300);
  mobile_assert_path (m, "10.0.0.3", "10.0.0.4");
  mobile_free (m);
}

/* -- bad weather */

static void
test_fragments (gconstpointer flags)
{
  static const char small[] = "fragment_size = 576\n fragmentation = force\n";
  Mobile *m = mobile_new_with (&(MobileOptions){
      .flags = flags,
      .conn = { small, small },
      .starts_with = { "10.0.0.1, 10.0.0.7, fd00::1, fd00::3, fd00::5, fd00::7", NULL } });

  mobile_set (m, &m->pair->a, "10.0.0.3, 10.0.0.7, fd00::1, fd00::3, fd00::5, fd00::9");
  mobile_run_ms (m, 500);
  mobile_assert_path (m, "10.0.0.3", "10.0.0.2");
  assert_peers (m, "10.0.0.2", "10.0.0.3 10.0.0.7 fd00::1 fd00::3 fd00::5 fd00::9");
  mobile_free (m);
}

static void
test_weather (gconstpointer flags)
{
  IkeSimChaos chaos = {
    .struct_size = sizeof chaos, .loss = 250, .duplicate = 250, .reorder = 250
  };
  Mobile *m = mobile_new (flags, "window_size = 4\n", "window_size = 4\n");
  guint i;

  m->pair->a.net_ops->set_chaos (m->pair->a.net, &chaos);
  for (i = 0; i < 10; i++) {
    mobile_set (m, &m->pair->a, i % 2 ? "10.0.0.1" : "10.0.0.3");
    mobile_run_ms (m, 150 + 300 * (i % 3));
  }
  m->pair->a.net_ops->set_chaos (m->pair->a.net, NULL);
  mobile_run_ms (m, 120 * 1000);
  mobile_assert_path (m, "10.0.0.1", "10.0.0.2");
  mobile_flow (m, 500);
  g_assert_cmpuint (m->n_lost, ==, 0);
  assert_n_sas (m, 1);
  mobile_free (m);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("mobike", "a-client-moves", test_moves);
  pair_add_test ("mobike", "from-ipv4-to-ipv6-and-back", test_family);
  pair_add_test ("mobike", "one-move-after-the-other", test_twice);
  pair_add_test ("mobike", "no-address-for-a-while", test_gap);
  pair_add_test ("mobike", "nat-comes-and-goes", test_nat);
  pair_add_test ("mobike", "a-nat-that-has-the-old-port-again", test_nat_returns);
  pair_add_test ("mobike", "a-nat-that-forgets-shows-in-a-liveness-check", test_nat_forgets);
  pair_add_test ("mobike", "each-end-knows-the-others-addresses", test_lists);
  pair_add_test ("mobike", "addresses-inside-are-not-told", test_inside);
  pair_add_test ("mobike", "who-answered-goes-on-from-another-address", test_responder_moves);
  pair_add_test ("mobike", "a-dead-way-is-left-for-another", test_probes);
  pair_add_test ("mobike", "dead-is-who-answers-by-no-way", test_dead);
  pair_add_test ("mobike", "who-answered-is-patient", test_patient);
  pair_add_test ("mobike", "nothing-moves-where-one-end-does-not-want-it", test_off);
  pair_add_test ("mobike", "without-checks-and-lists", test_no_checks);
  pair_add_test ("mobike", "a-move-while-rekeying", test_rekeying);
  pair_add_test ("mobike", "who-replaced-the-sa-does-not-matter", test_rekeyed_by_other);
  pair_add_test ("mobike", "in-fragments", test_fragments);
  pair_add_test ("mobike", "in-bad-weather", test_weather);
  return g_test_run ();
}
