/* SPDX-License-Identifier: Apache-2.0 */
/* test_eap_sim.c - EAP-SIM, a server against a peer, with packets changed on their way. */
#include <string.h>

#include "shared/sim/attributes.h"
#include "shared/sim/bench.h"

#define IDENTITY "1232010000000000@eapsim.foo"

static const char triplets[] =
    "232010000000000,101112131415161718191a1b1c1d1e1f,d1d2d3d4,a0a1a2a3a4a5a6a7\n"
    "232010000000000,202122232425262728292a2b2c2d2e2f,e1e2e3e4,b0b1b2b3b4b5b6b7\n"
    "232010000000000,303132333435363738393a3b3c3d3e3f,f1f2f3f4,c0c1c2c3c4c5c6c7\n";
static const char milenage[] = "232010000000000 465b5ce8b199b49faa5f0a2ee238a6bc "
                               "op=cdc202d5123e20f62b6d676ac72cb318\n";

/* -- what goes well */

static void
good (const char *cards, const char *options, guint n_packets)
{
  SimBench *bench = sim_bench_new (cards, options, NULL);
  SimConversation talk;

  sim_converse (&talk, bench, "sim", IDENTITY, NULL, NULL);
  sim_conversation_is_good (&talk);
  g_assert_cmpuint (talk.packets->len, ==, n_packets);
  g_assert_null (talk.server.step->identity);
  sim_conversation_clear (&talk);
  sim_bench_free (bench);
}

static void
test_triplets (void)
{
  good (triplets, "", 4);
}

static void
test_milenage (void)
{
  good (milenage, "", 4);
}

static void
test_without_request (void)
{
  good (triplets, "eap-sim { request_identity = no }", 4);
}

static void
test_result_indication (void)
{
  good (triplets, "eap-sim { result_indications = yes }", 6);
}

static void
test_three_challenges (void)
{
  good (milenage, "eap-sim { min_challenges = 3 }", 4);
}

/* -- realms */

static guint
n_warnings (const char *options, const char *id)
{
  SimBench *bench = sim_bench_new (milenage, options, NULL);
  const IkeProvided *found = ike_feature_find (bench->engine, "eap-server:sim", NULL);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (IkeIdent) ident = ike_ident_parse (id, NULL);
  const IkeAuthConf conf = { .id = ident };

  ((const IkeEapClass *) found->ops)->check (found->plugin, &conf, problems);
  for (guint i = 0; i < problems->len; i++)
    g_assert_true (g_str_has_prefix (problems->pdata[i], "warning: auth: nobody is let in: "));
  sim_bench_free (bench);
  return problems->len;
}

/* Whoever writes a pattern that any card could meet hears of it before a card comes. */
static void
test_warnings (void)
{
  g_assert_cmpuint (n_warnings ("", "*@eapsim.foo"), ==, 1);
  g_assert_cmpuint (n_warnings ("eap-sim { realms = eapsim.foo }", "*@eapsim.foo"), ==, 0);
  g_assert_cmpuint (n_warnings ("", "%any"), ==, 0);
  g_assert_cmpuint (n_warnings ("", IDENTITY), ==, 0);
}

/* -- what is changed on its way */

#define R1 "101112131415161718191a1b1c1d1e1f"
#define R2 "202122232425262728292a2b2c2d2e2f"
#define MAC "0b050000 00000000000000000000000000000000"
#define NONCE "07050000 00000000000000000000000000000000"

/* Packets: 0 Start, 1 its answer, 2 Challenge, 3 its answer. */
static const SimChange changes[] = {
  /* Start, as the peer gets it. */
  { .turn = 0, .with = "0a 0f020002 00020000", .peer_says = "no version" },
  { .turn = 0, .with = "0a 0d010000", .peer_says = "attributes that it must have" },
  { .turn = 0, .with = "0a 0f020002 00010000 01050000" R1, .peer_says = "attributes that it" },
  { .turn = 0, .append = "08010000", .peer_says = "not known" },
  { .turn = 0, .with = "0b 010d0000" R1 R2 R1 MAC, .peer_says = "before the beginning" },
  { .turn = 0, .with = "0d " MAC, .peer_says = "we keep none" },
  { .turn = 0, .with = "0f ", .peer_says = "not due: subtype 15" },
  /* The version list goes into the keys. */
  { .turn = 0, .with = "0a 0d010000 0f020004 00010002", .peer_says = "its MAC is wrong" },
  /* The answer to it. */
  { .turn = 1, .attribute = 16, .at = 3, .flip = 3, .server_says = "version that was not offered" },
  { .turn = 1, .attribute = 7, .at = 9, .flip = 1, .peer_says = "its MAC is wrong" },
  { .turn = 1, .with = "0a 10010001" NONCE, .server_says = "attributes that it must have" },
  /* Of a card that is not known: asked for once more, and all is well. */
  { .turn = 1, .with = "0a 0e020001 31000000 10010001" NONCE },
  { .turn = 1, .with = "0a 0e020001 35000000" },
  { .turn = 1, .with = "0b " MAC, .server_says = "not due" },
  { .turn = 1, .with = "0e 16010000", .server_says = "client error 0" },
  { .turn = 1, .with = "0e 16010001", .server_says = "client error 1, no version" },
  { .turn = 1, .with = "0e 1601ffff", .server_says = "client error 65535" },
  { .turn = 1, .with = "0e ", .server_says = "not due" },
  { .turn = 1, .append = "7f010000", .server_says = "not known" },
  /* The challenge. */
  { .turn = 2, .attribute = 1, .at = 4, .flip = 1, .peer_says = "no triplet for a RAND" },
  { .turn = 2, .attribute = 11, .at = 19, .flip = 1, .peer_says = "its MAC is wrong" },
  { .turn = 2, .with = "0b 01090000" R1 R1 MAC, .peer_says = "a RAND twice" },
  { .turn = 2, .with = "0b 010d0000" R1 R2 R1 MAC, .peer_says = "a RAND twice" },
  { .turn = 2, .with = "0b 01070000" R1 "0000000000000000" MAC, .peer_says = "half of one" },
  { .turn = 2, .with = "0b 01050000" R1 MAC, .peer_says = "fewer challenges" },
  { .turn = 2, .with = "0b 01090000" R1 R2, .peer_says = "attributes that it must have" },
  { .turn = 2, .append = "87010000", .peer_says = "its MAC is wrong" },
  { .turn = 2, .with = "0a 0a010000 0f020002 00010000", .server_says = "not due" },
  { .turn = 2, .with = "0a 0d010000 0f020002 00010000", .peer_says = "out of turn" },
  { .turn = 2, .with = "0a 0f020002 00010000", .peer_says = "out of turn" },
  { .turn = 2, .with = "0c 0c014000", .peer_says = "general failure" },
  { .turn = 2, .with = "0c 0c010402", .peer_says = "not allowed now" },
  { .turn = 2, .with = "0c 0c018000", .peer_says = "not allowed now" },
  { .turn = 2, .with = "0c 0c01c000", .peer_says = "not allowed now" },
  { .turn = 2, .with = "0c 0c014000" MAC, .peer_says = "not allowed now" },
  /* The answer to it. */
  { .turn = 3, .attribute = 11, .at = 4, .flip = 0x80, .server_says = "not that of the card" },
  { .turn = 3, .append = "87010000", .server_says = "attributes that it must have" },
  { .turn = 3, .with = "0b ", .server_says = "attributes that it must have" },
  { .turn = 3, .with = "0e 16010003", .server_says = "knows already" },
};

static void
test_changes (void)
{
  SimBench *bench = sim_bench_new (triplets, "", NULL);

  sim_try_changes (bench, "sim", IDENTITY, changes, G_N_ELEMENTS (changes));
  sim_bench_free (bench);
}

/* RFC 4186, 6.3.2: the server's failure is a notification, and then it is over. */
static void
test_failure_is_notified (void)
{
  const SimChange wrong = { .turn = 3, .attribute = 11, .at = 4, .flip = 1 };
  SimBench *bench = sim_bench_new (triplets, "", NULL);
  SimConversation talk;
  const GByteArray *note;

  sim_converse (&talk, bench, "sim", IDENTITY, sim_change, (gpointer) &wrong);
  sim_conversation_is_refused (&talk, "not that of the card");
  note = talk.packets->pdata[4];
  g_assert_cmpmem (note->data + 5, note->len - 5, "\x0c\0\0\x0c\x01\x40\0", 7);
  sim_conversation_clear (&talk);
  sim_bench_free (bench);
}

/* A note of success is only what both asked for, and is not forged. */
static void
test_forged_indication (void)
{
  const SimChange forged = { .turn = 4, .attribute = 11, .at = 10, .flip = 1 };
  SimBench *bench = sim_bench_new (triplets, "eap-sim { result_indications = yes }", NULL);
  SimConversation talk;

  sim_converse (&talk, bench, "sim", IDENTITY, sim_change, (gpointer) &forged);
  sim_conversation_is_left (&talk, "not by the server");
  sim_conversation_clear (&talk);
  sim_bench_free (bench);
}

/* -- identities */

static void
keep_level (guint turn, GByteArray *packet, gpointer data)
{
  if (packet->data[0] == IKE_EAP_CODE_REQUEST && packet->data[5] == SIM_START)
    g_string_append_c (data, (char) ('0' + packet->data[SIM_HEADER_LEN]));
}

/* Any, then one for full authentication, then the permanent one; and who is not known is named
 * so that nothing of it can harm a terminal. */
static void
test_unknown_card (void)
{
  SimBench *bench = sim_bench_new (triplets, "", NULL);
  g_autoptr (GString) levels = g_string_new (NULL);
  SimConversation talk;

  sim_converse (&talk, bench, "sim", "3pseudonym@eapsim\n\x1b[1m", keep_level, levels);
  sim_conversation_is_refused (&talk, "\"3pseudonym@eapsim\\x0a\\x1b[1m\"");
  g_assert_cmpstr (levels->str, ==, "=A:");
  sim_conversation_clear (&talk);
  sim_bench_free (bench);
}

/* The peer says another card inside of the method than outside: that one is proven. */
static void
test_other_identity (void)
{
  SimBench *bench = sim_bench_new (triplets, "", NULL);
  SimEnd server, peer;
  char text[128];

  sim_end_begin (&server, bench, "eap-server:sim", "anonymous@eapsim.foo");
  sim_end_begin (&peer, bench, "eap-peer:sim", IDENTITY);
  sim_end_step (&server, NULL, 0, 1);
  for (guint8 i = 1; i <= 2; i++) {
    sim_end_step (&peer, server.step->packet, server.step->len, i);
    sim_end_step (&server, peer.step->packet, peer.step->len, i + 1);
  }
  g_assert_cmpuint (server.step->outcome, ==, IKE_EAP_DONE);
  g_assert_cmpstr (ike_ident_format (server.step->identity, text, sizeof text), ==, IDENTITY);
  sim_end_clear (&server);
  sim_end_clear (&peer);
  sim_bench_free (bench);
}

static void
test_no_identity (void)
{
  static const char *const bad[] = { "@realm", "12 34@realm",
                                     "a\x01"
                                     "b" };
  SimBench *bench = sim_bench_new (triplets, "", NULL);
  SimEnd peer;

  for (guint i = 0; i <= G_N_ELEMENTS (bad); i++) {
    sim_end_begin (&peer, bench, "eap-peer:sim", i < G_N_ELEMENTS (bad) ? bad[i] : NULL);
    g_assert_null (peer.state);
    g_assert_nonnull (strstr (peer.error, "eap_id"));
    sim_end_clear (&peer);
  }
  sim_bench_free (bench);
}

/* -- ends in the middle, and those who know cards */

typedef struct {
  IkeCall *call; /* one that is not answered yet */
} Slow;

static void
ask_slowly (IkePlugin *self, const IkeSimQuery *query, IkeCall *call)
{
  Slow *slow = ike_plugin_state (self);

  slow->call = call;
}

static gboolean
slow_activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, g_new0 (Slow, 1), g_free);
  return TRUE;
}

static const IkeSimClass slow_class = { .struct_size = sizeof slow_class,
                                        .triplets = ask_slowly,
                                        .run_gsm = ask_slowly };
static const IkeFeature slow_feature = { .struct_size = sizeof slow_feature,
                                         .provides = "sim:test",
                                         .ops = &slow_class };
static const IkeFeature *const slow_features[] = { &slow_feature, NULL };
static const IkePluginInfo slow_plugin = { .struct_size = sizeof slow_plugin,
                                           .abi_major = IKE_ABI_MAJOR,
                                           .abi_minor = IKE_ABI_MINOR,
                                           .name = "sim-test",
                                           .version = "1.0",
                                           .license = "Apache-2.0",
                                           .summary = "a part of the test",
                                           .features = slow_features,
                                           .activate = slow_activate };
static const IkePluginInfo *const slow_plugins[] = { &slow_plugin, NULL };

static void
answer_late (gpointer data)
{
  ike_call_answer (data, g_new0 (IkeSimTriplets, 1));
}

static void
run_end (gpointer data)
{
  SimEnd *end = data;
  const IkeEapClass *klass = end->method->ops;

  klass->end (g_steal_pointer (&end->state));
}

/* The conversation ends while a card is asked for; the answer comes later, and is thrown away. */
static void
test_end_while_asking (void)
{
  SimBench *bench = sim_bench_new ("", "", slow_plugins);
  Slow *slow = ike_plugin_state (ike_feature_find (bench->engine, "sim:test", NULL)->plugin);
  static const guint8 start[] = { 2,   1,   0,   60,  18,  10,  0,   0,   14,  8,   0,   27,  '1',
                                  '2', '3', '2', '0', '1', '0', '0', '0', '0', '0', '0', '0', '0',
                                  '0', '0', '@', 'e', 'a', 'p', 's', 'i', 'm', '.', 'f', 'o', 'o' };
  GByteArray *packet = g_byte_array_new ();
  SimEnd server;

  g_byte_array_append (packet, start, sizeof start);
  sim_add_hex (packet, "00 10010001" NONCE);
  packet->data[3] = (guint8) packet->len;
  sim_end_begin (&server, bench, "eap-server:sim", NULL);
  sim_end_step (&server, NULL, 0, 1);
  sim_end_post (&server, packet->data, packet->len, 2);
  g_assert_nonnull (slow->call);
  g_assert_null (server.step);
  ike_loop_post (server.context.loop, run_end, &server, NULL);
  ike_sim_settle (bench->sim);
  g_assert_nonnull (server.error);
  ike_loop_post (ike_engine_control (bench->engine), answer_late, slow->call, NULL);
  ike_sim_settle (bench->sim);
  g_byte_array_unref (packet);
  sim_end_clear (&server);
  sim_bench_free (bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/eap-sim/realms-that-any-card-could-say", test_warnings);
  g_test_add_func ("/eap-sim/good-with-triplets", test_triplets);
  g_test_add_func ("/eap-sim/good-with-milenage", test_milenage);
  g_test_add_func ("/eap-sim/good-without-a-request-for-the-identity", test_without_request);
  g_test_add_func ("/eap-sim/good-with-result-indications", test_result_indication);
  g_test_add_func ("/eap-sim/good-with-three-challenges", test_three_challenges);
  g_test_add_func ("/eap-sim/what-is-changed-is-refused", test_changes);
  g_test_add_func ("/eap-sim/failure-is-notified", test_failure_is_notified);
  g_test_add_func ("/eap-sim/forged-result-indication-is-refused", test_forged_indication);
  g_test_add_func ("/eap-sim/unknown-card-is-asked-for-three-times", test_unknown_card);
  g_test_add_func ("/eap-sim/proves-the-identity-of-the-method", test_other_identity);
  g_test_add_func ("/eap-sim/peer-needs-an-identity", test_no_identity);
  g_test_add_func ("/eap-sim/ends-while-a-card-is-asked-for", test_end_while_asking);
  return g_test_run ();
}
