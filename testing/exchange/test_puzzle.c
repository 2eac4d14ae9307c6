/* SPDX-License-Identifier: Apache-2.0 */
/* test_puzzle.c - puzzles for first messages (RFC 8019): two engines with each other, and strangers
 * who solve them, or do not. */
#include "exchange/first.h"

#include "puzzle/solve.h"

static const char *const plugins[] = { "cookie", "puzzle", NULL };

static const char anybody[] = "remote_addrs = %any\n proposals = aes256gcm16-prfsha256-x25519\n "
                              "children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n"
                              " esp_proposals = aes256gcm16\n } }\n";

/* From one half-open SA on; half-open ones of others count. */
#define EASY "threshold = 1\n difficulty = 9\n difficulty_max = 9\n legacy = 0\n"

static Forge *
forge_puzzled (gconstpointer flags, const char *of_a, const char *of_b)
{
  g_autofree char *a = g_strdup_printf ("plugins { puzzle { %s } }\n", of_a),
                  *b = g_strdup_printf ("plugins { puzzle { %s }\n cookie { threshold = 1\n } }\n",
                                        of_b);

  return forge_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                                    .connection = { attack_bodies[0], anybody },
                                    .more = { a, b },
                                    .plugins = plugins });
}

static guint64
count (const PairEnd *end, const char *name)
{
  g_autofree char *whole = g_strdup_printf ("puzzle.%s", name);

  return pair_count (end, whole);
}

/* One SA is half open; from now on puzzles are given. */
static void
occupy (Forge *forge)
{
  FirstAnswer answer = first_send (forge, &(First){ .spi = SPI + 1000, .from = "172.16.9.9" });

  g_assert_true (first_is_sa (&answer));
}

/* By GLib's HMAC, not by the engines'. */
static gsize
solve (const FirstAnswer *got, guint8 *out)
{
  g_autoptr (GHmac) hmac = NULL;
  guint32 number;
  gsize len = 0;

  for (number = 0; len < 16; number++) {
    guint32 wire = GUINT32_TO_BE (number);
    guint8 digest[32];
    gsize digest_len = sizeof digest;
    hmac = g_hmac_new (G_CHECKSUM_SHA256, (const guint8 *) &wire, sizeof wire);
    g_hmac_update (hmac, got->cookie, (gssize) got->cookie_len);
    g_hmac_get_digest (hmac, digest, &digest_len);
    g_clear_pointer (&hmac, g_hmac_unref);
    if (digest[31] == 0 && (got->puzzle[2] < 9 || !(digest[30] & 1))) {
      memcpy (out + len, &wire, sizeof wire);
      len += sizeof wire;
    }
  }
  return len;
}

static void
test_up (gconstpointer flags)
{
  Forge *forge = forge_puzzled (flags, "", EASY);
  const ForgePacket *answer, *solved;
  PairEnd *a = &forge->pair->a, *b = &forge->pair->b;
  gsize len;

  occupy (forge);
  forge_clear (forge);
  attack_up (forge, "net");
  pair_assert_twins (forge->pair);
  g_assert_cmpuint (count (b, "sent"), ==, 1);
  g_assert_cmpuint (count (b, "solved"), ==, 1);
  g_assert_cmpuint (count (a, "ours-solved"), ==, 1);
  g_assert_cmpuint (pair_count (b, "cookie.accepted"), ==, 1);
  /* COOKIE and PUZZLE came alone; COOKIE goes back as the first payload, and PS with it. */
  answer = forge_sent (forge, TRUE, 0);
  g_assert_cmpuint (answer->data[16], ==, IKE_PAYLOAD_NOTIFY);
  g_assert_cmpuint (answer->data[28], ==, IKE_PAYLOAD_NOTIFY);
  solved = forge_sent (forge, FALSE, 1);
  g_assert_cmpuint (solved->data[16], ==, IKE_PAYLOAD_NOTIFY);
  g_assert_nonnull (pair_payload (solved->data[16], (guint8 *) solved->data + IKE_HEADER_LEN,
                                  solved->len - IKE_HEADER_LEN, IKE_PAYLOAD_PS, &len));
  g_assert_cmpuint (len, ==, 16);
  forge_free (forge);
}

/* What is too hard for `a` is left; then it is a peer that knows no puzzles, and may have luck. */
static void
test_too_hard (gconstpointer flags)
{
  guint legacy;

  for (legacy = 0; legacy <= 100; legacy += 100) {
    g_autofree char *of_b = g_strdup_printf (
        "threshold = 1\n difficulty = 12\n difficulty_max = 12\n legacy = %u\n", legacy);
    Forge *forge = forge_puzzled (flags, "solve_max = 11\n", of_b);
    PairEnd *b = &forge->pair->b;
    char *error;

    occupy (forge);
    pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
    pair_run (forge->pair, 20);
    g_assert_cmpuint (count (&forge->pair->a, "ours-left"), ==, 1);
    g_assert_cmpuint (count (&forge->pair->a, "ours-solved"), ==, 0);
    g_assert_cmpuint (count (b, "missing"), >=, 1);
    g_assert_nonnull (error);
    g_assert_cmpuint (forge_n_sas (b), ==, legacy ? 2 : 1);
    if (legacy)
      g_assert_cmpstr (error, ==, "");
    else
      g_assert_cmpstr (error, !=, "");
    g_free (error);
    forge_free (forge);
  }
}

static void
shut_down (gpointer engine)
{
  ike_engine_shutdown (engine, 5000);
}

/* The work is done in slices, and given up with the attempt: the engine ends at once. */
static void
test_given_up (gconstpointer flags)
{
  Forge *forge = forge_puzzled (flags, "solve_max = 32\n solve_time = 3600\n",
                                "threshold = 1\n difficulty = 32\n difficulty_max = 32\n");
  IkeEngine *engine = forge->pair->a.engine;
  char *error = NULL;
  guint i;

  occupy (forge);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
  while (count (&forge->pair->b, "sent") == 0)
    g_assert_true (ike_sim_step (forge->pair->sim, G_MAXINT64));
  for (i = 0; i < 20; i++)
    ike_sim_step (forge->pair->sim, G_MAXINT64);
  g_assert_null (error);
  ike_loop_post (ike_engine_control (engine), shut_down, engine, NULL);
  for (i = 0; !ike_engine_is_quitting (engine); i++) {
    g_assert_cmpuint (i, <, 50);
    g_assert_true (ike_sim_step (forge->pair->sim, G_MAXINT64));
  }
  g_assert_cmpuint (count (&forge->pair->a, "ours-solved"), ==, 0);
  forge_free (forge);
  g_free (error);
}

/* -- the second one, for IKE_AUTH */

#define TWO EASY "auth_difficulty = 9\n"

static guint
first_payload (const ForgePacket *packet)
{
  return packet->data[16];
}

/* PS stands in front of SK, of the first fragment if there are several; one that overtakes it comes
 * again. */
static void
test_auth (gconstpointer flags)
{
  g_autofree char *name = g_strnfill (500, 'x');
  g_autofree char *long_a = g_strdup_printf ("fragment_size = 576\n local { id = %s.test\n }\n%s",
                                             name, attack_bodies[0]),
                  *long_b = g_strdup_printf ("remote { id = %s.test\n }\n%s", name, anybody);
  guint is_cut;

  for (is_cut = 0; is_cut < 2; is_cut++) {
    Forge *forge = forge_new (&(PairOptions){
        .flags = GPOINTER_TO_UINT (flags),
        .connection = { is_cut ? long_a : attack_bodies[0], is_cut ? long_b : anybody },
        .more = { NULL, "plugins { puzzle { " TWO " }\n cookie { threshold = 1\n } }\n" },
        .plugins = plugins });
    PairEnd *a = &forge->pair->a, *b = &forge->pair->b;
    gsize len;

    occupy (forge);
    forge_clear (forge);
    attack_up (forge, "net");
    pair_assert_twins (forge->pair);
    g_assert_cmpuint (count (b, "sent"), ==, 2);
    g_assert_cmpuint (count (b, "solved"), ==, 2);
    g_assert_cmpuint (count (a, "ours-solved"), ==, 2);
    g_assert_cmpuint (count (b, "wrong"), ==, 0);
    g_assert_cmpuint (first_payload (forge_sent (forge, FALSE, 2)), ==, IKE_PAYLOAD_PS);
    g_assert_nonnull (pair_payload (IKE_PAYLOAD_PS,
                                    (guint8 *) forge_sent (forge, FALSE, 2)->data + IKE_HEADER_LEN,
                                    40, IKE_PAYLOAD_PS, &len));
    g_assert_cmpuint (len, ==, 16);
    if (is_cut) {
      g_assert_cmpuint (forge_n_sent (forge, FALSE), >, 3);
      g_assert_cmpuint (first_payload (forge_sent (forge, FALSE, 3)), ==, IKE_PAYLOAD_SKF);
      g_assert_cmpuint (forge_sent (forge, FALSE, 2)->len, <=, 576 - 28);
    } else {
      g_assert_cmpuint (count (b, "missing"), ==, 0);
      g_assert_cmpuint (forge_n_sent (forge, FALSE), ==, 3);
    }
    forge_free (forge);
  }
}

/* Without it IKE_AUTH is dropped unseen, and so it is with a wrong one. */
static void
test_auth_unsolved (gconstpointer flags)
{
  Forge *forge = forge_puzzled (flags, "", TWO);
  PairEnd *b = &forge->pair->b;
  g_autofree guint8 *good = NULL, *bad = NULL;
  guint8 ps[20], message[2000];
  gsize len, ps_len = 20;
  char *error;

  occupy (forge);
  forge_clear (forge);
  attack_drop (forge, EX_AUTH, IKE_SIM_REQUEST);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
  pair_run (forge->pair, 1);
  good = attack_copy_of (forge_sent (forge, FALSE, 2), &len);
  g_assert_cmpuint (good[18], ==, EX_AUTH);
  /* The same without PS. */
  g_assert_cmpuint (good[IKE_HEADER_LEN + 3], ==, ps_len);
  memcpy (ps, good + IKE_HEADER_LEN, ps_len);
  memcpy (message, good, IKE_HEADER_LEN);
  memcpy (message + IKE_HEADER_LEN, good + IKE_HEADER_LEN + ps_len, len - IKE_HEADER_LEN - ps_len);
  message[16] = ps[0];
  message[26] = (guint8) ((len - ps_len) >> 8);
  message[27] = (guint8) (len - ps_len);
  forge_clear (forge);
  forge_inject (forge, TRUE, message, len - ps_len);
  forge_run_ms (forge, 20);
  g_assert_cmpuint (count (b, "missing"), ==, 1);
  /* With one bit more or less. */
  bad = g_memdup2 (good, len);
  bad[IKE_HEADER_LEN + 4] ^= 0x40;
  forge_inject (forge, TRUE, bad, len);
  forge_run_ms (forge, 20);
  g_assert_cmpuint (count (b, "wrong"), ==, 1);
  g_assert_cmpuint (pair_count (b, "input.bad-icv"), ==, 0);
  g_assert_cmpuint (forge_n_sent (forge, TRUE), ==, 0);
  attack_drop_nothing (forge);
  forge_inject (forge, TRUE, good, len);
  pair_run (forge->pair, 10);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  pair_assert_twins (forge->pair);
  forge_free (forge);
}

/* RFC 8019, 7.2.2: "MUST solve"; what we cannot do is as if it had not come. */
static void
test_auth_too_hard (gconstpointer flags)
{
  Forge *forge = forge_puzzled (flags, "solve_max = 9\n", EASY "auth_difficulty = 10\n");
  char *error;

  occupy (forge);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
  pair_run (forge->pair, 60);
  g_assert_nonnull (strstr (error, "a puzzle of 10 bits"));
  g_assert_cmpuint (forge_n_sas (&forge->pair->a), ==, 0);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
  g_free (error);
  forge_free (forge);
}

/* -- strangers */

static void
assert_puzzle (const FirstAnswer *answer, guint8 bits)
{
  g_assert_true (first_is_cookie (answer));
  g_assert_true (answer->has_puzzle);
  g_assert_cmpmem (answer->puzzle, 3, ((guint8[]){ 0, 5, bits }), 3);
}

static void
test_solved_and_not (gconstpointer flags)
{
  Forge *forge = forge_puzzled (flags, "", EASY);
  PairEnd *b = &forge->pair->b;
  FirstAnswer got, answer;
  guint8 solution[PUZZLE_SOLUTION_MAX], wrong[PUZZLE_SOLUTION_MAX];
  First ask = { .spi = SPI };
  guint i;

  occupy (forge);
  got = first_send (forge, &ask);
  assert_puzzle (&got, 9);
  g_assert_cmpuint (forge_n_sas (b), ==, 1);
  ask.cookie = got.cookie;
  ask.cookie_len = got.cookie_len;
  ask.solution = wrong;
  ask.solution_len = solve (&got, solution);
  /* Each key counts, none may be there twice, and there are four of one length. */
  for (i = 0; i < 4; i++) {
    memcpy (wrong, solution, ask.solution_len);
    wrong[4 * i] ^= 0x80;
    answer = first_send (forge, &ask);
    assert_puzzle (&answer, 9);
  }
  memcpy (wrong + 12, wrong, 4);
  answer = first_send (forge, &ask);
  assert_puzzle (&answer, 9);
  memcpy (wrong, solution, ask.solution_len);
  for (i = 0; i < 3; i++) {
    ask.solution_len = (gsize[]){ 0, 12, 15 }[i];
    answer = first_send (forge, &ask);
    assert_puzzle (&answer, 9);
  }
  g_assert_cmpuint (count (b, "wrong"), ==, 8);
  /* None at all: no answer, for there are peers that know no puzzles, and that is their lot. */
  ask.solution = NULL;
  answer = first_send (forge, &ask);
  g_assert_false (answer.is_there);
  g_assert_cmpuint (count (b, "missing"), ==, 1);
  /* With the cookie of somebody else it is a first message. */
  ask.solution = solution;
  ask.solution_len = 16;
  ask.port = 501;
  answer = first_send (forge, &ask);
  assert_puzzle (&answer, 9);
  g_assert_cmpuint (count (b, "solved"), ==, 0);
  ask.port = 0;
  answer = first_send (forge, &ask);
  g_assert_true (first_is_sa (&answer));
  g_assert_cmpuint (count (b, "solved"), ==, 1);
  g_assert_cmpuint (forge_n_sas (b), ==, 2);
  forge_free (forge);
}

/* RFC 8019, 10: nobody gains from a solution twice. */
static void
test_used_once (gconstpointer flags)
{
  Forge *forge = forge_puzzled (flags, "", EASY);
  PairEnd *b = &forge->pair->b;
  guint8 solution[PUZZLE_SOLUTION_MAX];
  First ask = { .spi = SPI };
  FirstAnswer got, answer;

  occupy (forge);
  got = first_send (forge, &ask);
  ask.cookie = got.cookie;
  ask.cookie_len = got.cookie_len;
  ask.solution = solution;
  ask.solution_len = solve (&got, solution);
  answer = first_send (forge, &ask);
  g_assert_true (first_is_sa (&answer));
  /* The same once more is a retransmission. */
  answer = first_send (forge, &ask);
  g_assert_true (first_is_sa (&answer));
  g_assert_cmpuint (forge_n_sas (b), ==, 2);
  /* With the same cookie, and so the same nonce and SPI, but other bytes: the keys turned round. */
  memcpy (solution + 16, solution, 4);
  memmove (solution, solution + 4, 16);
  answer = first_send (forge, &ask);
  assert_puzzle (&answer, 9);
  g_assert_cmpuint (count (b, "reused"), ==, 1);
  g_assert_cmpuint (forge_n_sas (b), ==, 2);
  /* And when its SA is gone it is too old. */
  memmove (solution + 4, solution, 16);
  memcpy (solution, solution + 16, 4);
  pair_run (forge->pair, 31);
  occupy (forge);
  answer = first_send (forge, &ask);
  assert_puzzle (&answer, 9);
  forge_free (forge);
}

/* The more is half open, the harder; and of whom there is more. */
static void
test_difficulty (gconstpointer flags)
{
  Forge *forge = forge_puzzled (
      flags, "", "threshold = 4\n threshold_source = 2\n difficulty = 8\n difficulty_max = 10\n");
  FirstAnswer answer;
  guint8 solution[PUZZLE_SOLUTION_MAX];
  guint i, bits = 0;

  for (i = 0; i < 17; i++) {
    g_autofree char *from = g_strdup_printf ("172.16.0.%u", i < 2 ? 1 : 100 + i);
    First ask = { .spi = SPI + i, .from = from };
    answer = first_send (forge, &ask);
    if (answer.has_puzzle) {
      bits = answer.puzzle[2];
      g_assert_cmpuint (bits, ==, i < 8 ? 8 : i < 16 ? 9 : 10);
      if (bits > 9)
        break;
    }
    if (first_is_cookie (&answer)) {
      guint8 cookie[64];
      memcpy (cookie, answer.cookie, answer.cookie_len);
      ask.cookie = cookie;
      ask.cookie_len = answer.cookie_len;
      if (answer.has_puzzle) {
        ask.solution = solution;
        ask.solution_len = solve (&answer, solution);
      }
      answer = first_send (forge, &ask);
    }
    g_assert_true (first_is_sa (&answer));
    if (i == 1) {
      answer = first_send (forge, &(First){ .spi = SPI + 500, .from = "172.16.0.1" });
      assert_puzzle (&answer, 8);
    }
  }
  g_assert_cmpuint (bits, ==, 10);
  forge_free (forge);
}

/* Nobody asks for puzzles in a quiet hour, and who brings a solution unasked is served. */
static void
test_quiet (gconstpointer flags)
{
  static const guint8 nothing[16] = { 1, 2, 3 };
  Forge *forge = forge_puzzled (flags, "", "");
  FirstAnswer answer =
      first_send (forge, &(First){ .solution = nothing, .solution_len = sizeof nothing });

  g_assert_true (first_is_sa (&answer));
  attack_up (forge, "net");
  g_assert_cmpuint (count (&forge->pair->b, "sent"), ==, 0);
  forge_free (forge);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("puzzle", "a-peer-solves-it", test_up);
  pair_add_test ("puzzle", "what-is-too-hard-is-left", test_too_hard);
  pair_add_test ("puzzle", "work-ends-with-its-attempt", test_given_up);
  pair_add_test ("puzzle", "ike-auth-has-one-too", test_auth);
  pair_add_test ("puzzle", "ike-auth-without-its-solution-is-dropped", test_auth_unsolved);
  pair_add_test ("puzzle", "ike-auth-that-is-too-hard-is-not-sent", test_auth_too_hard);
  pair_add_test ("puzzle", "who-solves-it-is-served", test_solved_and_not);
  pair_add_test ("puzzle", "a-solution-is-good-for-one-message", test_used_once);
  pair_add_test ("puzzle", "difficulty-grows-with-the-flood", test_difficulty);
  pair_add_test ("puzzle", "nobody-is-asked-in-a-quiet-hour", test_quiet);
  return g_test_run ();
}
