/* SPDX-License-Identifier: Apache-2.0 */
/* test_limits.c - what is bounded: exchanges that wait, first messages, the time of a shutdown. */
#include "exchange/attacks.h"

/* -- exchanges that wait */

static const char second[2][400]
  = { "connections { other {\n local_addrs = 10.0.0.1\n remote_addrs = 10.0.0.2\n"
      " proposals = aes256gcm16-prfsha256-x25519\n retransmit_tries = 1\n"
      " local { auth = psk\n id = c.test\n }\n remote { auth = psk\n id = b.test\n }\n children {\n"
      " third { local_ts = 10.21.0.0/16\n remote_ts = 10.22.0.0/16\n }\n"
      " more { local_ts = 10.31.0.0/16\n remote_ts = 10.32.0.0/16\n } } } }\n",
      "core { max_parked = 1 }\n"
      "connections { other {\n local_addrs = 10.0.0.2\n remote_addrs = %any\n"
      " proposals = aes256gcm16-prfsha256-x25519\n"
      " local { auth = psk\n id = b.test\n }\n remote { auth = psk\n id = c.test\n }\n children {\n"
      " third { local_ts = 10.22.0.0/16\n remote_ts = 10.21.0.0/16\n }\n"
      " more { local_ts = 10.32.0.0/16\n remote_ts = 10.31.0.0/16\n } } } }\n" };

/* `b` lets one exchange wait, and has two SAs with `a`; the kernel of `b` is slow from now on. */
static Forge *
forge_slow (gconstpointer flags)
{
  PairOptions o = attack_options_of (flags);
  Forge *forge;
  g_autofree char *error = NULL;

  o.more[0] = second[0];
  o.more[1] = second[1];
  forge = forge_new (&o);
  attack_up (forge, "net");
  error = pair_up_of (forge->pair, &forge->pair->a, "other", "third");
  g_assert_cmpstr (error, ==, NULL);
  g_assert_cmpuint (pair_count (&forge->pair->b, "input.parked-limit"), ==, 0);
  forge->pair->b.kernel_ops->delay (forge->pair->b.kernel, 1000);
  forge_clear (forge);
  return forge;
}

static void
test_parked (gconstpointer flags)
{
  Forge *forge = forge_slow (flags);
  PairEnd *b = &forge->pair->b;
  char *first, *put_off;

  pair_begin_up (forge->pair, &forge->pair->a, "pair", "pfs", &first);
  forge_run_ms (forge, 100);
  pair_begin_up (forge->pair, &forge->pair->a, "other", "more", &put_off);
  forge_run_ms (forge, 200);
  g_assert_null (first);
  g_assert_null (put_off);
  g_assert_cmpuint (pair_count (b, "input.parked-limit"), ==, 1);
  /* What was begun goes on, the SA stays, and what was put off works later. */
  pair_run (forge->pair, 10);
  g_assert_cmpstr (first, ==, "");
  g_assert_cmpuint (b->kernel_ops->n_spis (b->kernel), ==, 0);
  g_assert_cmpstr (put_off, ==, "");
  g_assert_cmpuint (forge_n_sas (b), ==, 2);
  g_assert_cmpuint (b->kernel_ops->n_sas (b->kernel), ==, 8);
  pair_assert_twins (forge->pair);
  g_free (first);
  g_free (put_off);
  forge_free (forge);
}

static void
ignore_error (IkeSa *sa, gpointer data, const char *error)
{
  *(gboolean *) data = error == NULL;
}

static void
ask_for_life (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_begin (sa, "liveness", NULL, ignore_error, data));
}

/* First messages are dropped while as many wait as may, nothing is kept of them, and SAs that are
 * up are served. */
static void
test_flood_while_parked (gconstpointer flags)
{
  enum { N = 1000 };
  Forge *forge = forge_slow (flags);
  PairEnd *b = &forge->pair->b;
  g_autofree guint8 *body = g_malloc (4096);
  guint8 ke[4 + 32] = { 0, 31 }, id[32] = { 1 };
  ForgeChain chain = { 0 };
  gboolean is_alive = FALSE;
  char *first;
  guint i;

  forge_add (&chain, IKE_PAYLOAD_SA, body, attack_write_transforms (4, body));
  forge_add (&chain, IKE_PAYLOAD_KE, ke, sizeof ke);
  forge_add (&chain, IKE_PAYLOAD_NONCE, id, sizeof id);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "pfs", &first);
  forge_run_ms (forge, 100);
  forge_clear (forge);
  for (i = 0; i < N; i++) {
    ForgeHead head = { .from_a = TRUE, .exchange = EX_INIT, .is_clear = TRUE, .spi_i = SPI + i };
    g_autofree guint8 *message = g_malloc (4096);
    gsize len = forge_write (forge, &head, &chain, message);
    pair_inject (forge->pair, "10.0.0.1", "10.0.0.2", message, len);
  }
  forge_run_ms (forge, 10);
  g_assert_cmpuint (pair_count (b, "input.parked-limit"), ==, N);
  g_assert_cmpuint (forge_n_sent (forge, TRUE), ==, 0);
  forge_on_sa (&forge->pair->a, &forge->a, ask_for_life, &is_alive);
  forge_run_ms (forge, 100);
  g_assert_true (is_alive);
  g_assert_null (first);
  pair_run (forge->pair, 10);
  g_assert_cmpstr (first, ==, "");
  g_assert_cmpuint (forge_n_sas (b), ==, 2);
  g_free (first);
  forge_free (forge);
}

/* -- first messages */

/* What a first message makes us keep is bounded by 8 KiB; one of just that size still counts. */
static void
test_first_message (gconstpointer flags)
{
  static const gsize sizes[] = { 8191, 8192, 8193, 8194, 20000 };
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);
  g_autofree guint8 *message = g_malloc (66000), *junk = g_malloc0 (20000);
  guint8 sa[64], ke[4 + 32] = { 0, 31 }, nonce[32] = { 1 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    guint64 before = pair_count (&forge->pair->b, "input.bad-header");
    gboolean is_small = sizes[i] <= 8192;
    ForgeHead head = { .from_a = TRUE, .exchange = EX_INIT, .is_clear = TRUE, .spi_i = SPI + i };
    ForgeChain chain = { 0 };
    gsize len;

    forge_add (&chain, IKE_PAYLOAD_SA, sa, attack_write_transforms (4, sa));
    forge_add (&chain, IKE_PAYLOAD_KE, ke, sizeof ke);
    forge_add (&chain, IKE_PAYLOAD_NONCE, nonce, sizeof nonce);
    len = forge_write (forge, &head, &chain, message);
    forge_add (&chain, IKE_PAYLOAD_VENDOR, junk, sizes[i] - len - 4);
    len = forge_write (forge, &head, &chain, message);
    g_assert_cmpuint (len, ==, sizes[i]);
    forge_clear (forge);
    forge_inject (forge, TRUE, message, len);
    forge_run_ms (forge, 10);
    g_assert_cmpuint (forge_n_sent (forge, TRUE), ==, is_small);
    g_assert_cmpuint (pair_count (&forge->pair->b, "input.bad-header") - before, ==, !is_small);
    g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
  }
  forge_free (forge);
}

/* -- the end */

static void
shut_down (gpointer engine)
{
  ike_engine_shutdown (engine, 5000);
}

/* SAs are deleted, and who does not answer is not waited for longer than that. */
static void
test_shutdown (gconstpointer flags)
{
  guint is_deaf;

  for (is_deaf = 0; is_deaf < 2; is_deaf++) {
    PairOptions o = attack_options_of (flags);
    Forge *forge = forge_new (&o);
    IkeEngine *engine = forge->pair->a.engine;

    attack_up (forge, "net");
    if (is_deaf)
      attack_drop (forge, 0, IKE_SIM_ANY);
    ike_loop_post (ike_engine_control (engine), shut_down, engine, NULL);
    forge_run_ms (forge, 4900);
    g_assert_cmpint (ike_engine_is_quitting (engine), ==, !is_deaf);
    forge_run_ms (forge, 200);
    g_assert_true (ike_engine_is_quitting (engine));
    g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, is_deaf);
    forge_free (forge);
  }
}

/* Asked for, and the engine ends before anything came of it: nothing is left over. */
static void
test_end_at_once (gconstpointer flags)
{
  PairOptions o = attack_options_of (flags);
  Pair *pair = pair_new (&o);
  char *error = NULL;

  pair_begin_up (pair, &pair->a, "pair", NULL, &error);
  pair_free (pair);
  g_free (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("limits", "exchanges-that-wait-are-so-many-and-no-more", test_parked);
  pair_add_test ("limits", "first-messages-are-dropped-while-too-much-waits",
                 test_flood_while_parked);
  pair_add_test ("limits", "first-messages-have-8-kib", test_first_message);
  pair_add_test ("limits", "a-shutdown-does-not-wait-for-ever", test_shutdown);
  pair_add_test ("limits", "an-engine-that-ends-at-once-begins-nothing", test_end_at_once);
  return g_test_run ();
}
