/* SPDX-License-Identifier: Apache-2.0 */
/* test_eap_aka.c - EAP-AKA and EAP-AKA', a server against a peer, with packets changed on their
 * way. */
#include <string.h>

#include "shared/sim/attributes.h"
#include "shared/sim/bench.h"

#define K "232010000000000, 465b5ce8b199b49faa5f0a2ee238a6bc, opc=cd63cb71954a9f4e48a5994e37a02baf"
#define OTHER_K                                                                                    \
  "232010000000000, 0396eb317b6d1c36f19c1c84cd6ffd16, opc=cd63cb71954a9f4e48a5994e37a02baf"

static const char card[] = K ", 8000, 000000000020\n";

static const char *
identity_of (const char *method)
{
  return strcmp (method, "aka") == 0 ? "0232010000000000@wlan.example"
                                     : "6232010000000000@wlan.example";
}

/* -- what goes well */

static void
good (const char *method, const char *options, guint n_packets)
{
  SimBench *bench = sim_bench_new (card, options, NULL);

  /* More than once: numbers go on. */
  for (guint i = 0; i < 3; i++) {
    SimConversation talk;

    sim_converse (&talk, bench, method, identity_of (method), NULL, NULL);
    sim_conversation_is_good (&talk);
    g_assert_cmpuint (talk.packets->len, ==, n_packets);
    sim_conversation_clear (&talk);
  }
  sim_bench_free (bench);
}

static void
test_good (gconstpointer method)
{
  good (method, "", 4);
}

static void
test_without_request (gconstpointer method)
{
  good (method, "eap-aka { request_identity = no }", 2);
}

static void
test_result_indication (gconstpointer method)
{
  good (method, "eap-aka { result_indications = yes }", 6);
}

static void
test_network_name (gconstpointer method)
{
  good (method, "eap-aka { network_name = \"HRPD:a\" }", 4);
}

/* -- a server and a peer that do not know the same */

typedef struct {
  const char *method, *server, *peer; /* cards */
  const char *server_options, *peer_options;
  SimTamper tamper;
  gconstpointer data;
  const char *peer_says, *server_says;
  guint n_packets;
} Pair;

static void
run_pair (const Pair *pair)
{
  SimBench *benches[2] = {
    sim_bench_new (pair->server, pair->server_options ? pair->server_options : "", NULL),
    sim_bench_new (pair->peer, pair->peer_options ? pair->peer_options : "", NULL),
  };
  SimConversation talk;

  sim_converse_between (&talk, benches, pair->method, identity_of (pair->method), pair->tamper,
                        (gpointer) pair->data);
  if (pair->peer_says)
    sim_conversation_is_left (&talk, pair->peer_says);
  if (pair->server_says)
    sim_conversation_is_refused (&talk, pair->server_says);
  if (!pair->peer_says && !pair->server_says)
    sim_conversation_is_good (&talk);
  if (pair->n_packets)
    g_assert_cmpuint (talk.packets->len, ==, pair->n_packets);
  sim_conversation_clear (&talk);
  sim_bench_free (benches[0]);
  sim_bench_free (benches[1]);
}

/* The card has seen higher numbers: AUTS, and a challenge that goes on from there. */
static void
test_resync (gconstpointer method)
{
  run_pair (&(Pair){
      .method = method, .server = card, .peer = K ", 8000, 000010000000\n", .n_packets = 6 });
}

/* The server is further ahead than a card follows, and never goes back. */
static void
test_resync_twice (gconstpointer method)
{
  run_pair (&(Pair){ .method = method,
                     .server = K ", 8000, 800000000000\n",
                     .peer = card,
                     .peer_says = "is not fresh either",
                     .server_says = "client error 0" });
}

static void
test_forged_auts (gconstpointer method)
{
  const SimChange forged = { .turn = 3, .attribute = 4, .at = 10, .flip = 1 };

  run_pair (&(Pair){ .method = method,
                     .server = card,
                     .peer = K ", 8000, 000010000000\n",
                     .tamper = sim_change,
                     .data = &forged,
                     .peer_says = "general failure",
                     .server_says = "AUTS is not by the card" });
}

static void
test_other_keys (gconstpointer method)
{
  run_pair (&(Pair){ .method = method,
                     .server = card,
                     .peer = OTHER_K "\n",
                     .peer_says = "AUTN is wrong",
                     .server_says = "the card refuses us" });
}

static void
test_unknown_cards (gconstpointer method)
{
  run_pair (&(Pair){ .method = method,
                     .server = "",
                     .peer = card,
                     .peer_says = "general failure",
                     .server_says = "nobody here knows the card",
                     .n_packets = 8 });
  run_pair (&(Pair){ .method = method,
                     .server = card,
                     .peer = "",
                     .peer_says = "nobody here knows it",
                     .server_says = "client error 0" });
}

/* RFC 9048, 3.1: a prefix of whole fields matches. */
static void
test_network_names (void)
{
  static const struct {
    const char *server, *peer;
    gboolean is_good;
  } cases[] = {
    { "FOO:BAR", "FOO", TRUE },    { "FOO", "FOO:BAR", TRUE }, { "FOO", "FOO", TRUE },
    { "FOO:BAR", "FOO:B", FALSE }, { "FOOD", "FOO", FALSE },   { "FOO", "BAR", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *server =
        g_strdup_printf ("eap-aka { network_name = \"%s\" }", cases[i].server);
    g_autofree char *peer = g_strdup_printf ("eap-aka { network_name = \"%s\" }", cases[i].peer);

    run_pair (&(Pair){ .method = "aka-prime",
                       .server = card,
                       .peer = card,
                       .server_options = server,
                       .peer_options = peer,
                       .peer_says = cases[i].is_good ? NULL : "another name",
                       .server_says = cases[i].is_good ? NULL : "the card refuses us" });
  }
}

/* RFC 9048, 4: only where both ends prefer EAP-AKA' is EAP-AKA no good. */
static void
test_bidding (void)
{
  static const char prefers[] = "eap-aka { prefer_prime = yes }", *options[] = { "", prefers };

  for (guint i = 0; i < 4; i++) {
    const char *server = options[i & 1], *peer = options[i >> 1];
    Pair pair = {
      .method = "aka", .server = card, .peer = card, .server_options = server, .peer_options = peer
    };

    if (i == 3) {
      pair.peer_says = "somebody kept us from it";
      pair.server_says = "the card refuses us";
    }
    run_pair (&pair);
    pair.method = "aka-prime";
    pair.peer_says = pair.server_says = NULL;
    run_pair (&pair);
  }
}

/* -- what is changed on its way */

#define RAND "01050000 101112131415161718191a1b1c1d1e1f"
#define MAC "0b050000 00000000000000000000000000000000"

/* Packets: 0 Identity, 1 its answer, 2 Challenge, 3 its answer. */
static const SimChange changes[] = {
  { .turn = 0, .with = "05 0e020001 31000000", .peer_says = "out of turn" },
  { .turn = 0, .with = "05 ", .peer_says = "out of turn" },
  /* Another request than the server's is in the check code. */
  { .turn = 0, .with = "05 0a010000", .peer_says = "check code is wrong" },
  { .turn = 0, .with = "0d " MAC, .peer_says = "we keep none" },
  { .turn = 0, .with = "02 ", .peer_says = "not due: subtype 2" },
  { .turn = 0, .append = "7f010000", .peer_says = "not known" },
  { .turn = 1, .append = "87010000", .peer_says = "check code is wrong" },
  { .turn = 1, .attribute = 14, .at = 20, .flip = 1, .peer_says = "check code is wrong" },
  { .turn = 1, .attribute = 14, .at = 21, .flip = 1, .peer_says = "its MAC is wrong" },
  { .turn = 1, .with = "05 ", .server_says = "does not say its identity" },
  { .turn = 1, .with = "01 03020020 01020304" MAC, .server_says = "not due" },
  { .turn = 1, .with = "02 ", .server_says = "not due" },
  { .turn = 1, .with = "04 04040000 000000000000000000000000", .server_says = "not due" },
  { .turn = 1, .with = "0e 16010000", .server_says = "client error 0" },
  { .turn = 2,
    .attribute = 1,
    .at = 4,
    .flip = 1,
    .peer_says = "AUTN is wrong",
    .server_says = "the card refuses us" },
  { .turn = 2, .attribute = 2, .at = 4, .flip = 1, .peer_says = "AUTN is wrong" },
  { .turn = 2, .attribute = 2, .at = 19, .flip = 1, .peer_says = "AUTN is wrong" },
  { .turn = 2,
    .attribute = 11,
    .at = 4,
    .flip = 1,
    .peer_says = "its MAC is wrong",
    .server_says = "client error 0" },
  { .turn = 2, .attribute = 134, .at = 4, .flip = 1, .peer_says = "its MAC is wrong" },
  { .turn = 2, .append = "87010000", .peer_says = "its MAC is wrong" },
  { .turn = 2, .with = "01 " RAND MAC, .peer_says = "attributes that it must have" },
  { .turn = 2, .with = "01 " MAC, .peer_says = "attributes that it must have" },
  { .turn = 2, .with = "05 0d010000", .peer_says = "out of turn" },
  { .turn = 2, .with = "0c 0c014000", .peer_says = "general failure" },
  { .turn = 2, .with = "0c 0c018000" MAC, .peer_says = "not allowed now" },
  { .turn = 3, .attribute = 3, .at = 4, .flip = 1, .server_says = "not that of the card" },
  { .turn = 3, .attribute = 11, .at = 4, .flip = 1, .server_says = "not that of the card" },
  { .turn = 3, .append = "87010000", .server_says = "attributes that it must have" },
  { .turn = 3, .with = "01 " MAC, .server_says = "attributes that it must have" },
  { .turn = 3, .with = "04 ", .server_says = "without AUTS" },
  { .turn = 3, .with = "04 04040000 000000000000000000000000", .server_says = "not by the card" },
  { .turn = 3, .with = "02 ", .server_says = "the card refuses us" },
  { .turn = 3, .with = "05 0e020001 31000000", .server_says = "not due" },
  { .turn = 3, .with = "0b ", .server_says = "not due" },
};

static void
test_changes (gconstpointer method)
{
  SimBench *bench = sim_bench_new (card, "", NULL);

  sim_try_changes (bench, method, identity_of (method), changes, G_N_ELEMENTS (changes));
  sim_bench_free (bench);
}

#define KDF(n) "180100" n
#define INPUT "17020004 574c414e"

/* A challenge for EAP-AKA' whose AUTN has the separation bit; the card never sees it. */
#define PRIME(attributes) "01 " RAND "02050000 000000000000 8000 0000000000000000" MAC attributes

static const SimChange prime_changes[] = {
  { .turn = 2,
    .attribute = 2,
    .at = 10,
    .flip = 0x80,
    .peer_says = "separation bit",
    .server_says = "the card refuses us" },
  { .turn = 2, .with = PRIME (KDF ("01")), .peer_says = "names no network" },
  { .turn = 2, .with = PRIME (INPUT), .peer_says = "names no network" },
  { .turn = 2, .with = PRIME (KDF ("01") "17010000"), .peer_says = "names no network" },
  { .turn = 2, .with = PRIME (KDF ("02") INPUT), .peer_says = "no key derivation function" },
  { .turn = 2, .with = PRIME (KDF ("01") KDF ("01") INPUT), .peer_says = "derivation functions" },
  { .turn = 2,
    .with = PRIME (KDF ("02") KDF ("03") KDF ("02") INPUT),
    .peer_says = "derivation functions" },
  /* The peer asks for the one it has; our server offered no other. */
  { .turn = 2,
    .with = PRIME (KDF ("02") KDF ("01") INPUT),
    .peer_says = "general failure",
    .server_says = "attributes that it must have" },
  { .turn = 2, .with = PRIME (KDF ("01") INPUT), .peer_says = "AUTN is wrong" },
  { .turn = 2, .attribute = 23, .at = 4, .flip = 1, .peer_says = "its MAC is wrong" },
};

static void
test_prime_changes (void)
{
  SimBench *bench = sim_bench_new (card, "", NULL);

  sim_try_changes (bench, "aka-prime", identity_of ("aka-prime"), prime_changes,
                   G_N_ELEMENTS (prime_changes));
  sim_bench_free (bench);
}

/* After the peer's wish for another function, the list must be the old one with it in front. */
static void
test_kdf_change (void)
{
  static const struct {
    const char *second, *reason;
  } cases[] = {
    { PRIME (KDF ("01") KDF ("02") KDF ("01") INPUT), "AUTN is wrong" },
    { PRIME (KDF ("01") INPUT), "derivation functions" },
    { PRIME (KDF ("01") KDF ("01") INPUT), "derivation functions" },
    { PRIME (KDF ("02") KDF ("01") INPUT), "derivation functions" },
    { "05 0d010000", "out of turn" },
  };
  SimBench *bench = sim_bench_new (card, "", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const SimChange both[] = { { .with = PRIME (KDF ("02") KDF ("01") INPUT) },
                               { .with = cases[i].second } };
    SimEnd peer;

    sim_end_begin (&peer, bench, "eap-peer:aka-prime", identity_of ("aka-prime"));
    for (guint k = 0; k < G_N_ELEMENTS (both); k++) {
      GByteArray *packet =
          g_byte_array_append (g_byte_array_new (), (guint8[]){ 1, 1, 0, 0, 50, 1, 0, 0 }, 8);

      sim_change (0, packet, (gpointer) &both[k]);
      sim_end_step (&peer, packet->data, packet->len, 1);
      g_byte_array_unref (packet);
      if (k == 0)
        g_assert_cmpmem (peer.step->packet, peer.step->len, "\2\1\0\x0c\x32\1\0\0\x18\1\0\1", 12);
    }
    g_assert_cmpuint (peer.step->outcome, ==, IKE_EAP_FAILED);
    g_assert_nonnull (strstr (peer.step->reason, cases[i].reason));
    sim_end_clear (&peer);
  }
  sim_bench_free (bench);
}

static void
add (const char *name, GTestDataFunc test)
{
  g_autofree char *aka = g_strconcat ("/eap-aka/", name, NULL);
  g_autofree char *prime = g_strconcat ("/eap-aka-prime/", name, NULL);

  g_test_add_data_func (aka, "aka", test);
  g_test_add_data_func (prime, "aka-prime", test);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("good", test_good);
  add ("good-without-a-request-for-the-identity", test_without_request);
  add ("good-with-result-indications", test_result_indication);
  add ("good-with-another-network-name", test_network_name);
  add ("card-that-is-ahead-is-followed", test_resync);
  add ("second-failed-synchronization-ends-it", test_resync_twice);
  add ("forged-auts-is-refused", test_forged_auts);
  add ("other-keys-are-refused", test_other_keys);
  add ("unknown-cards", test_unknown_cards);
  add ("what-is-changed-is-refused", test_changes);
  g_test_add_func ("/eap-aka/both-prefer-the-better-one", test_bidding);
  g_test_add_func ("/eap-aka-prime/names-of-networks-are-compared", test_network_names);
  g_test_add_func ("/eap-aka-prime/what-is-changed-is-refused-too", test_prime_changes);
  g_test_add_func ("/eap-aka-prime/only-the-wanted-change-of-functions", test_kdf_change);
  return g_test_run ();
}
