/* SPDX-License-Identifier: Apache-2.0 */
/* test_wire.c - what the wire does to packets: delay, rules, translation, taps.
 *
 * The wire is tested alone: the few functions of a simulation that it uses, and the engine's end
 * of it, are here. */
#include "config.h"
#include <string.h>
#include "wire.h"

/* -- a simulation in little */

typedef struct {
  gint64 time_us;
  guint number;
  IkeFunc run;
  gpointer data;
  GDestroyNotify free_data;
} Closure;

struct _IkeSim {
  gint64 now_us;
  guint n_closures;
  GArray *closures;
  GRand *rand;
  gpointer shared;
  GDestroyNotify free_shared;
};

gint64
ike_sim_now_us (const IkeSim *sim)
{
  return sim->now_us;
}

void
ike_sim_random (IkeSim *sim, void *out, gsize len)
{
  for (gsize i = 0; i < len; i++)
    ((guint8 *) out)[i] = (guint8) g_rand_int (sim->rand);
}

gpointer
ike_sim_shared (IkeSim *sim, const char *name, gpointer (*make) (IkeSim *),
                GDestroyNotify free_object)
{
  if (!sim->shared)
    sim->shared = make (sim);
  sim->free_shared = free_object;
  return sim->shared;
}

void
ike_sim_at (IkeSim *sim, gint64 time_us, IkeFunc run, gpointer data_take, GDestroyNotify free_data)
{
  Closure closure = { time_us, sim->n_closures++, run, data_take, free_data };
  g_array_append_val (sim->closures, closure);
}

static gint
closure_order (gconstpointer a, gconstpointer b)
{
  const Closure *x = a, *y = b;
  if (x->time_us != y->time_us)
    return x->time_us < y->time_us ? -1 : 1;
  return x->number < y->number ? -1 : 1;
}

static void
run_all (IkeSim *sim)
{
  while (sim->closures->len > 0) {
    Closure next;
    g_array_sort (sim->closures, closure_order);
    next = g_array_index (sim->closures, Closure, 0);
    g_array_remove_index (sim->closures, 0);
    sim->now_us = next.time_us;
    next.run (next.data);
    next.free_data (next.data);
  }
}

/* -- two ends */

typedef struct {
  IkeSim sim;
  Wire *wire;
  Endpoint *ends[2];
  GString *heard; /* first byte of everything that arrived, in order */
  gint64 last_us;
  IkeAddr last_from, last_to;
  gsize last_len;
  GString *taps;
} Fixture;

static Fixture *current; /* of a test program, which runs one test at a time */

void
endpoint_arrive (Endpoint *endpoint, Packet *packet_take)
{
  g_string_append_c (current->heard, (char) packet_take->data[0]);
  current->last_us = current->sim.now_us;
  current->last_from = packet_take->from;
  current->last_to = packet_take->to;
  current->last_len = packet_take->len;
  packet_free (packet_take);
}

void
endpoint_unref (Endpoint *endpoint)
{
  g_assert_not_reached ();
}

static IkeAddr
addr (const char *text, guint16 port)
{
  IkeAddr out;
  g_assert_true (ike_addr_parse (&out, text, NULL));
  out.port = port;
  return out;
}

static void
setup (Fixture *fixture, gconstpointer data)
{
  static const char *const hosts[] = { "192.0.2.1", "192.0.2.2" };
  current = fixture;
  fixture->sim.closures = g_array_new (FALSE, TRUE, sizeof (Closure));
  fixture->sim.rand = g_rand_new_with_seed (42);
  fixture->wire = wire_get (&fixture->sim);
  fixture->heard = g_string_new (NULL);
  fixture->taps = g_string_new (NULL);
  for (guint i = 0; i < 2; i++) {
    IkeAddr host = addr (hosts[i], 0);
    fixture->ends[i] = g_new0 (Endpoint, 1);
    fixture->ends[i]->plain = 500;
    fixture->ends[i]->marked = 4500;
    g_assert_true (wire_listen (fixture->wire, fixture->ends[i], &host));
  }
}

static void
teardown (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < fixture->sim.closures->len; i++) {
    Closure *closure = &g_array_index (fixture->sim.closures, Closure, i);
    closure->free_data (closure->data);
  }
  fixture->sim.free_shared (fixture->sim.shared);
  g_free (fixture->ends[0]);
  g_free (fixture->ends[1]);
  g_array_unref (fixture->sim.closures);
  g_rand_free (fixture->sim.rand);
  g_string_free (fixture->heard, TRUE);
  g_string_free (fixture->taps, TRUE);
}

static void
send_from (Fixture *fixture, const IkeAddr *from, const IkeAddr *to, const void *data, gsize len)
{
  Packet *packet = wire_packet (fixture->wire, from, to, len);
  memcpy (packet->data, data, len);
  wire_send (fixture->wire, packet, -1);
}

/* Each letter of @text is a datagram from the first end to the second. */
static void
send_letters (Fixture *fixture, const char *text)
{
  IkeAddr from = addr ("192.0.2.1", 500), to = addr ("192.0.2.2", 500);
  for (; *text; text++)
    send_from (fixture, &from, &to, text, 1);
}

static guint
add_rule (Fixture *fixture, guint32 action, guint32 argument, guint32 first, guint32 n_times)
{
  IkeSimRule rule = { .struct_size = sizeof rule,
                      .action = action,
                      .argument = argument,
                      .first = first,
                      .n_times = n_times };
  return script_rule_add (fixture->wire->script, &rule);
}

static void
assert_heard (Fixture *fixture, const char *letters)
{
  run_all (&fixture->sim);
  g_assert_cmpstr (fixture->heard->str, ==, letters);
}

/* -- tests */

static void
test_arrives_in_order_after_the_latency (Fixture *fixture, gconstpointer data)
{
  send_letters (fixture, "abc");
  assert_heard (fixture, "abc");
  g_assert_cmpint (fixture->last_us, ==, SIM_LATENCY_US);
}

static void
test_nobody_there_is_told (Fixture *fixture, gconstpointer data)
{
  IkeAddr from = addr ("192.0.2.1", 500), to = addr ("192.0.2.9", 500);
  send_from (fixture, &from, &to, "x", 1);
  assert_heard (fixture, "");
  g_assert_cmpuint (fixture->wire->count[IKE_SIM_NOWHERE], ==, 1);
}

static void
test_address_is_taken_once (Fixture *fixture, gconstpointer data)
{
  IkeAddr host = addr ("192.0.2.1", 0);
  g_assert_false (wire_listen (fixture->wire, fixture->ends[1], &host));
  wire_unlisten (fixture->wire, fixture->ends[1], &host); /* not its own: stays */
  g_assert_false (wire_listen (fixture->wire, fixture->ends[1], &host));
  wire_unlisten (fixture->wire, fixture->ends[0], &host);
  g_assert_true (wire_listen (fixture->wire, fixture->ends[1], &host));
}

static void
test_second_and_third_are_lost (Fixture *fixture, gconstpointer data)
{
  guint id = add_rule (fixture, IKE_SIM_DROP, 0, 2, 2);
  send_letters (fixture, "abcd");
  assert_heard (fixture, "ad");
  g_assert_cmpuint (script_rule_hits (fixture->wire->script, id), ==, 2);
  g_assert_cmpuint (fixture->wire->count[IKE_SIM_LOST], ==, 2);
  script_rule_remove (fixture->wire->script, id);
  send_letters (fixture, "e");
  assert_heard (fixture, "ade");
}

static void
test_duplicates_delays_and_swaps (Fixture *fixture, gconstpointer data)
{
  add_rule (fixture, IKE_SIM_DUPLICATE, 2, 1, 1);
  add_rule (fixture, IKE_SIM_DELAY, 5, 2, 1);
  send_letters (fixture, "abc");
  assert_heard (fixture, "acaab");
  script_rule_remove (fixture->wire->script, 0);
  g_string_truncate (fixture->heard, 0);
  add_rule (fixture, IKE_SIM_SWAP, 0, 1, 1);
  send_letters (fixture, "xyz");
  assert_heard (fixture, "yzx");
}

static void
test_swap_without_a_next_one_is_lost_and_freed (Fixture *fixture, gconstpointer data)
{
  add_rule (fixture, IKE_SIM_SWAP, 0, 1, 1);
  send_letters (fixture, "x");
  assert_heard (fixture, "");
}

static void
test_corrupts_and_cuts (Fixture *fixture, gconstpointer data)
{
  IkeAddr from = addr ("192.0.2.1", 500), to = addr ("192.0.2.2", 500);
  add_rule (fixture, IKE_SIM_CORRUPT, 4, 1, 1);
  add_rule (fixture, IKE_SIM_TRUNCATE, 3, 2, 1);
  send_from (fixture, &from, &to, "abcd", 4);
  run_all (&fixture->sim);
  g_assert_cmpuint ((guint8) fixture->heard->str[0], ==, 'a' ^ 0xff);
  send_from (fixture, &from, &to, "abcd", 4);
  run_all (&fixture->sim);
  g_assert_cmpuint (fixture->last_len, ==, 3);
}

static void
test_rules_know_exchanges (Fixture *fixture, gconstpointer data)
{
  IkeAddr from = addr ("192.0.2.1", 4500), to = addr ("192.0.2.2", 4500);
  guint8 message[32] = { 0 };
  IkeSimRule rule = {
    .struct_size = sizeof rule, .action = IKE_SIM_DROP, .exchange = 35, .which = IKE_SIM_RESPONSE
  };
  guint id = script_rule_add (fixture->wire->script, &rule);
  message[4 + 17] = 0x20;
  message[4 + 18] = 35;
  message[4 + 27] = 28;
  send_from (fixture, &from, &to, message, sizeof message);
  g_assert_cmpuint (script_rule_hits (fixture->wire->script, id), ==, 0);
  message[4 + 19] = 0x20;
  send_from (fixture, &from, &to, message, sizeof message);
  g_assert_cmpuint (script_rule_hits (fixture->wire->script, id), ==, 1);
}

static void
replace (const IkeSimPacket *packet, IkeSimFate *fate, gpointer data)
{
  static const guint8 large[4000] = { 'L' };
  fate->data = large;
  fate->len = sizeof large;
  fate->delay_us = -7;
}

static void
test_script_may_replace_what_arrives (Fixture *fixture, gconstpointer data)
{
  script_set_function (fixture->wire->script, replace, NULL);
  send_letters (fixture, "a");
  assert_heard (fixture, "L");
  g_assert_cmpuint (fixture->last_len, ==, 4000);
  g_assert_cmpint (fixture->last_us, ==, 0);
}

static void
tap (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  static const char letters[IKE_SIM_N_EVENTS] = {
    [IKE_SIM_SENT] = 's', [IKE_SIM_LOST] = 'l', [IKE_SIM_ARRIVED] = 'a', [IKE_SIM_NOWHERE] = 'n'
  };
  g_string_append_c (((Fixture *) data)->taps, letters[event]);
}

static void
test_taps_hear_everything (Fixture *fixture, gconstpointer data)
{
  guint id = script_tap_add (fixture->wire->script, tap, fixture);
  add_rule (fixture, IKE_SIM_DROP, 0, 1, 1);
  send_letters (fixture, "ab");
  run_all (&fixture->sim);
  script_tap_remove (fixture->wire->script, id);
  send_letters (fixture, "c");
  run_all (&fixture->sim);
  g_assert_cmpstr (fixture->taps->str, ==, "slsa");
}

static void
test_translation_goes_both_ways_and_forgets (Fixture *fixture, gconstpointer data)
{
  IkeAddr inside = addr ("192.0.2.1", 500), outside = addr ("203.0.113.5", 0),
          peer = addr ("192.0.2.2", 500), first;
  nat_add (fixture->wire->nat, &inside, &outside);
  send_from (fixture, &inside, &peer, "a", 1);
  run_all (&fixture->sim);
  first = fixture->last_from;
  g_assert_true (ike_addr_same_host (&first, &outside));
  g_assert_cmpuint (first.port, !=, 500);
  send_from (fixture, &peer, &first, "b", 1);
  run_all (&fixture->sim);
  g_assert_true (ike_addr_equal (&fixture->last_to, &inside));
  send_from (fixture, &inside, &peer, "c", 1);
  run_all (&fixture->sim);
  g_assert_true (ike_addr_equal (&fixture->last_from, &first));

  nat_forget (fixture->wire->nat);
  send_from (fixture, &peer, &first, "lost", 4);
  send_from (fixture, &inside, &peer, "d", 1);
  assert_heard (fixture, "abcd");
  g_assert_false (ike_addr_equal (&fixture->last_from, &first));
}

static void
chaos_run (Fixture *fixture, GString *out)
{
  const IkeSimChaos chaos = {
    .struct_size = sizeof chaos, .loss = 200, .duplicate = 200, .reorder = 300
  };
  g_rand_set_seed (fixture->sim.rand, 7);
  script_set_chaos (fixture->wire->script, &chaos);
  send_letters (fixture, "abcdefghijklmnopqrstuvwxyz");
  run_all (&fixture->sim);
  g_string_assign (out, fixture->heard->str);
  g_string_truncate (fixture->heard, 0);
}

static void
test_misfortune_is_the_same_for_a_seed (Fixture *fixture, gconstpointer data)
{
  GString *first = g_string_new (NULL), *second = g_string_new (NULL);
  chaos_run (fixture, first);
  chaos_run (fixture, second);
  g_assert_cmpstr (first->str, ==, second->str);
  g_assert_cmpstr (first->str, !=, "abcdefghijklmnopqrstuvwxyz");
  g_string_free (first, TRUE);
  g_string_free (second, TRUE);
}

static void
test_pool_is_used_again (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 1000; i++) {
    send_letters (fixture, "ab");
    run_all (&fixture->sim);
  }
  g_assert_cmpuint (fixture->wire->n_pool, ==, 2);
}

#define TEST(name, function) g_test_add ("/net-sim/" name, Fixture, NULL, setup, function, teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  TEST ("arrives-in-order-after-the-latency", test_arrives_in_order_after_the_latency);
  TEST ("nobody-there-is-told", test_nobody_there_is_told);
  TEST ("address-is-taken-once", test_address_is_taken_once);
  TEST ("second-and-third-are-lost", test_second_and_third_are_lost);
  TEST ("duplicates-delays-and-swaps", test_duplicates_delays_and_swaps);
  TEST ("swap-without-a-next-one-is-lost-and-freed",
        test_swap_without_a_next_one_is_lost_and_freed);
  TEST ("corrupts-and-cuts", test_corrupts_and_cuts);
  TEST ("rules-know-exchanges", test_rules_know_exchanges);
  TEST ("script-may-replace-what-arrives", test_script_may_replace_what_arrives);
  TEST ("taps-hear-everything", test_taps_hear_everything);
  TEST ("translation-goes-both-ways-and-forgets", test_translation_goes_both_ways_and_forgets);
  TEST ("misfortune-is-the-same-for-a-seed", test_misfortune_is_the_same_for_a_seed);
  TEST ("pool-is-used-again", test_pool_is_used_again);
  return g_test_run ();
}
