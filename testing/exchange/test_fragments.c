/* SPDX-License-Identifier: Apache-2.0 */
/* test_fragments.c - messages in fragments (RFC 7383): lost, repeated and out of order; agreed on
 * or not; and what a peer that knows the keys may make of them. */
#include "exchange/forge.h"
#include <string.h>

enum { EX_AUTH = 35, EX_INFO = 37, N_SUBNETS = 40, SIZE = 576, N_MAX = 16 };

/* A child of so many selectors that IKE_AUTH goes out in several pieces both ways. */
static char *
connection_of (guint i, const char *fragmentation)
{
  GString *text =
      g_string_new ("retransmit_tries = 6\n proposals = aes256gcm16-prfsha256-x25519\n");
  guint side, k;

  g_string_append_printf (text, "fragment_size = %d\n fragmentation = %s\n children { net {\n",
                          SIZE, fragmentation);
  for (side = 0; side < 2; side++) {
    g_string_append (text, side ? "\n remote_ts = " : " local_ts = ");
    for (k = 0; k < N_SUBNETS; k++)
      g_string_append_printf (text, "%s10.%u.%u.0/24", k ? ", " : "", 1 + (side ^ i), 2 * k);
  }
  g_string_append (text, "\n esp_proposals = aes256gcm16 } }\n");
  return g_string_free (text, FALSE);
}

typedef struct {
  char *connections[2];
  guint n_requests, n_responses;              /* datagrams of IKE_AUTH */
  gsize longest;
} Net;

static void
watch (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  Net *net = data;

  if (event != IKE_SIM_SENT || packet->exchange != EX_AUTH)
    return;
  (*(packet->is_response ? &net->n_responses : &net->n_requests))++;
  net->longest = MAX (net->longest, packet->len);
}

static Pair *
begin (Net *net, gconstpointer flags, const char *of_a, const char *of_b)
{
  Pair *pair;

  *net = (Net) { { connection_of (0, of_a), connection_of (1, of_b) } };
  pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags),
                                    .connection = { net->connections[0], net->connections[1] } });
  pair->a.net_ops->tap_add (pair->a.net, watch, net);
  return pair;
}

static void
end (Net *net, Pair *pair)
{
  pair_assert_twins (pair);
  pair_free (pair);
  g_free (net->connections[0]);
  g_free (net->connections[1]);
}

static void
add_rule (Pair *pair, guint action, guint first, guint n_times)
{
  IkeSimRule rule = { .struct_size = sizeof rule,
                      .action = action,
                      .exchange = EX_AUTH,
                      .first = first,
                      .n_times = n_times };

  pair->a.net_ops->rule_add (pair->a.net, &rule);
}

/* -- between two that agree */

static void
test_cut (gconstpointer flags)
{
  Net net;
  Pair *pair = begin (&net, flags, "yes", "yes");

  pair_assert_up (pair, NULL);
  g_assert_cmpuint (net.n_requests, >, 2);
  g_assert_cmpuint (net.n_responses, >, 2);
  g_assert_cmpuint (net.longest, <=, SIZE - 28);
  g_assert_cmpuint (net.longest, >, SIZE - 28 - 16);
  g_assert_cmpuint (pair_count (&pair->b, "input.fragments-refused"), ==, 0);
  end (&net, pair);
}

static void
test_lost (gconstpointer flags)
{
  guint nth, n_all = N_MAX;

  for (nth = 1; nth <= n_all; nth++) {
    Net net;
    Pair *pair = begin (&net, flags, "yes", "yes");
    add_rule (pair, IKE_SIM_DROP, nth, 1);
    pair_assert_up (pair, NULL);
    /* The first time all were sent is the one without a loss that matters. */
    n_all = MIN (n_all, net.n_requests + net.n_responses);
    end (&net, pair);
  }
  g_assert_cmpuint (n_all, >, 4);
}

static void
test_twice (gconstpointer flags)
{
  Net net;
  Pair *pair = begin (&net, flags, "yes", "yes");

  add_rule (pair, IKE_SIM_DUPLICATE, 0, 0);
  pair_assert_up (pair, NULL);
  end (&net, pair);
}

static void
test_swapped (gconstpointer flags)
{
  guint nth;

  for (nth = 1; nth <= 2; nth++) {
    Net net;
    Pair *pair = begin (&net, flags, "yes", "yes");
    add_rule (pair, IKE_SIM_SWAP, nth, 1);
    pair_assert_up (pair, NULL);
    g_assert_cmpuint (pair_count (&pair->a, "output.retransmits"), ==, 0);
    end (&net, pair);
  }
}

/* Whoever does not want it gets whole messages; `accept` takes fragments and sends none. */
static void
test_agreement (gconstpointer flags)
{
  static const struct { const char *a, *b; gboolean is_request_cut, is_response_cut; } cases[] = {
    { "no", "yes", FALSE, FALSE },
    { "yes", "no", FALSE, FALSE },
    { "accept", "yes", FALSE, TRUE },
    { "yes", "accept", TRUE, FALSE },
    { "force", "force", TRUE, TRUE },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    Net net;
    Pair *pair = begin (&net, flags, cases[i].a, cases[i].b);
    pair_assert_up (pair, NULL);
    g_assert_cmpint (net.n_requests > 1, ==, cases[i].is_request_cut);
    g_assert_cmpint (net.n_responses > 1, ==, cases[i].is_response_cut);
    end (&net, pair);
  }
}

/* -- from a peer that knows the keys */

typedef struct {
  Forge  *forge;
  Net     net;
  guint32 id;                                 /* next request of `a` */
} Peer;

static void
meet (Peer *peer, gconstpointer flags, const char *fragmentation)
{
  peer->net = (Net) { { connection_of (0, fragmentation), connection_of (1, fragmentation) } };
  peer->forge = forge_new (
      &(PairOptions) { .flags = GPOINTER_TO_UINT (flags),
                       .connection = { peer->net.connections[0], peer->net.connections[1] } });
  pair_assert_up (peer->forge->pair, NULL);
  forge_clear (peer->forge);
  peer->id = 2;
}

static void
part (Peer *peer)
{
  forge_free (peer->forge);
  g_free (peer->net.connections[0]);
  g_free (peer->net.connections[1]);
}

static guint64
refused (Peer *peer)
{
  return pair_count (&peer->forge->pair->b, "input.fragments-refused");
}

/* A notify that nobody knows, of @len bytes in all. */
static guint8 *
notify_of (gsize len)
{
  guint8 *plain = g_malloc0 (len);

  plain[2] = (guint8) (len >> 8);
  plain[3] = (guint8) len;
  plain[6] = 0xf0;
  return plain;
}

static void
send_part (Peer *peer, guint16 number, guint16 total, const guint8 *chunk, gsize len, int spoil)
{
  g_autofree guint8 *out = g_malloc (IKE_MESSAGE_MAX + 100);
  ForgeHead head = { .from_a = TRUE,
                     .exchange = EX_INFO,
                     .id = peer->id,
                     .is_fragment = TRUE,
                     .number = number,
                     .total = total };
  gsize n = forge_write_plain (peer->forge, &head, number == 1 ? IKE_PAYLOAD_NOTIFY : 0, chunk,
                               len, out);

  if (spoil)
    out[n - (gsize) spoil] ^= 1;
  forge_inject (peer->forge, TRUE, out, n);
  forge_run_ms (peer->forge, 10);
}

/* The @number-th of three pieces of a notify of 90 bytes. */
static void
send_third (Peer *peer, guint16 number, int spoil)
{
  g_autofree guint8 *plain = notify_of (90);

  send_part (peer, number, 3, plain + 30 * (number - 1), 30, spoil);
}

static guint
n_answers (Peer *peer)
{
  return forge_n_sent (peer->forge, TRUE);
}

static void
assert_answered (Peer *peer, guint n)
{
  g_assert_cmpuint (n_answers (peer), ==, n);
  if (n)
    g_assert_cmpint (forge_says (peer->forge, forge_sent (peer->forge, TRUE, n - 1)), ==,
                     FORGE_EMPTY);
}

static void
test_order (gconstpointer flags)
{
  static const guint16 orders[][3] = { { 1, 2, 3 }, { 3, 2, 1 }, { 2, 3, 1 } };
  Peer peer;
  guint i, k;

  meet (&peer, flags, "yes");
  for (i = 0; i < G_N_ELEMENTS (orders); i++, peer.id++)
    for (k = 0; k < 3; k++) {
      assert_answered (&peer, i);
      send_third (&peer, orders[i][k], 0);
    }
  assert_answered (&peer, 3);
  g_assert_cmpuint (refused (&peer), ==, 0);
  part (&peer);
}

/* RFC 7383, 2.6.1: only an authentic first fragment makes the responder repeat itself. */
static void
test_repeated (gconstpointer flags)
{
  Peer peer;
  guint16 number;

  meet (&peer, flags, "yes");
  for (number = 1; number <= 3; number++)
    send_third (&peer, number, 0);
  assert_answered (&peer, 1);
  send_third (&peer, 2, 0);
  send_third (&peer, 3, 0);
  send_third (&peer, 1, 1);
  send_third (&peer, 1, 40);
  assert_answered (&peer, 1);
  send_third (&peer, 1, 0);
  assert_answered (&peer, 2);
  part (&peer);
}

static void
test_duplicates (gconstpointer flags)
{
  Peer peer;
  guint i;

  meet (&peer, flags, "yes");
  for (i = 0; i < 5; i++)
    send_third (&peer, 2, 0);
  g_assert_cmpuint (refused (&peer), ==, 4);
  send_third (&peer, 1, 0);
  send_third (&peer, 3, 5);
  g_assert_cmpuint (pair_count (&peer.forge->pair->b, "input.bad-icv"), ==, 1);
  assert_answered (&peer, 0);
  send_third (&peer, 3, 0);
  assert_answered (&peer, 1);
  part (&peer);
}

static void
test_numbers (gconstpointer flags)
{
  static const guint16 bad[][2] = { { 0, 0 },   { 0, 3 },     { 1, 0 },         { 4, 3 },
                                    { 1, 257 }, { 1, 65535 }, { 65535, 65535 }, { 65535, 1 } };
  Peer peer;
  guint i;

  meet (&peer, flags, "yes");
  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    send_part (&peer, bad[i][0], bad[i][1], (const guint8 *) "x", 1, 0);
    g_assert_cmpuint (refused (&peer), ==, i + 1);
  }
  assert_answered (&peer, 0);
  part (&peer);
}

/* A greater total begins anew, a smaller one is dropped: what was cut in two ways is not mixed. */
static void
test_totals (gconstpointer flags)
{
  g_autofree guint8 *plain = notify_of (90);
  Peer peer;

  meet (&peer, flags, "yes");
  send_part (&peer, 1, 2, plain, 45, 0);
  send_third (&peer, 1, 0);
  send_part (&peer, 2, 2, plain + 45, 45, 0);
  g_assert_cmpuint (refused (&peer), ==, 1);
  send_third (&peer, 2, 0);
  assert_answered (&peer, 0);
  send_third (&peer, 3, 0);
  assert_answered (&peer, 1);
  part (&peer);
}

static void
test_empty (gconstpointer flags)
{
  g_autofree guint8 *plain = notify_of (90);
  Peer peer;

  meet (&peer, flags, "yes");
  send_part (&peer, 1, 4, plain, 0, 0);
  send_part (&peer, 2, 4, plain, 90, 0);
  send_part (&peer, 3, 4, plain, 0, 0);
  send_part (&peer, 3, 4, plain, 0, 0);
  assert_answered (&peer, 0);
  send_part (&peer, 4, 4, plain, 0, 0);
  assert_answered (&peer, 1);
  part (&peer);
}

static void
test_too_large (gconstpointer flags)
{
  g_autofree guint8 *plain = notify_of (60000);
  Peer peer;

  meet (&peer, flags, "yes");
  send_part (&peer, 1, 3, plain, 30000, 0);
  send_part (&peer, 2, 3, plain + 30000, 30000, 0);
  g_assert_cmpuint (refused (&peer), ==, 0);
  send_part (&peer, 3, 3, plain, 6000, 0);
  g_assert_cmpuint (refused (&peer), ==, 1);
  assert_answered (&peer, 0);
  part (&peer);
}

static void
test_too_late (gconstpointer flags)
{
  Peer peer;

  meet (&peer, flags, "yes");
  send_third (&peer, 1, 0);
  send_third (&peer, 2, 0);
  pair_run (peer.forge->pair, 31);
  g_assert_cmpuint (pair_count (&peer.forge->pair->b, "input.fragments-missing"), ==, 1);
  send_third (&peer, 3, 0);
  assert_answered (&peer, 0);
  part (&peer);
}

/* "IKE fragmentation MUST NOT be used unless both peers have indicated their support for it." */
static void
test_not_agreed (gconstpointer flags)
{
  Peer peer;
  guint16 number;

  meet (&peer, flags, "no");
  for (number = 1; number <= 3; number++)
    send_third (&peer, number, 0);
  assert_answered (&peer, 0);
  g_assert_cmpuint (pair_count (&peer.forge->pair->b, "input.bad-state"), ==, 3);
  part (&peer);
}

/* The SA goes while some are still missing. */
static void
test_abandoned (gconstpointer flags)
{
  Peer peer;

  meet (&peer, flags, "yes");
  send_third (&peer, 1, 0);
  pair_down (peer.forge->pair, "pair", NULL);
  g_assert_cmpuint (forge_n_sas (&peer.forge->pair->b), ==, 0);
  part (&peer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("fragments", "large-messages-are-cut-to-size", test_cut);
  pair_add_test ("fragments", "every-datagram-may-be-lost-once", test_lost);
  pair_add_test ("fragments", "every-datagram-may-come-twice", test_twice);
  pair_add_test ("fragments", "datagrams-may-overtake-each-other", test_swapped);
  pair_add_test ("fragments", "only-who-wants-it-sends-them", test_agreement);
  pair_add_test ("fragments", "any-order-will-do", test_order);
  pair_add_test ("fragments", "only-an-authentic-first-one-repeats-the-answer", test_repeated);
  pair_add_test ("fragments", "the-same-twice-counts-once", test_duplicates);
  pair_add_test ("fragments", "bad-numbers-are-refused-before-anything", test_numbers);
  pair_add_test ("fragments", "a-greater-total-begins-anew", test_totals);
  pair_add_test ("fragments", "empty-ones-are-fragments-too", test_empty);
  pair_add_test ("fragments", "a-message-has-its-largest-size", test_too_large);
  pair_add_test ("fragments", "what-never-gets-whole-is-forgotten", test_too_late);
  pair_add_test ("fragments", "without-agreement-they-are-dropped", test_not_agreed);
  pair_add_test ("fragments", "they-go-with-their-sa", test_abandoned);
  return g_test_run ();
}
