/* SPDX-License-Identifier: Apache-2.0 */
/* test_qcd.c - who lost its state proves it, and nobody else proves anything (RFC 6290). */
#include "exchange/forge.h"
#include <glib/gstdio.h>
#include <string.h>

enum { CREATE_CHILD_SA = 36, INFORMATIONAL = 37, TOKEN = 16419, TOKEN_LEN = 32 };

#define SPI_1 G_GUINT64_CONSTANT (0x1111111111111111)
#define SPI_2 G_GUINT64_CONSTANT (0x2222222222222222)

/* -- two ends with the plugin; b is who crashes, whoever began */

#define CONNECTION(local, remote)                                                                  \
  "proposals = aes256gcm16-prfsha256-x25519\nrekey_time = 0\n"                                     \
  "children { net { local_ts = 10." local ".0.0/16\n remote_ts = 10." remote ".0.0/16\n"           \
  " esp_proposals = aes256gcm16\n dpd_action = start\n rekey_time = 0\n } }\n"

typedef struct {
  Forge *forge;
  Pair *pair;
  char *dir, *more[2];
  PairOptions options; /* for an end that starts again */
} Ends;

static const char *const plugins[] = { "qcd", NULL }, *const plugins_again[] = { "forge", "qcd",
                                                                                 NULL };
static const IkePluginInfo *const builtin_again[] = { &forge_plugin, NULL };

static Ends *
ends_new (gconstpointer flags, guint n_shards, const char *more_a, const char *more_b)
{
  const char *more[] = { more_a, more_b };
  Ends *ends = g_new0 (Ends, 1);
  guint i;

  ends->dir = g_dir_make_tmp ("qcd-XXXXXX", NULL);
  ends->options = (PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                                 .n_shards = n_shards,
                                 .connection = { CONNECTION ("1", "2"), CONNECTION ("2", "1") },
                                 .plugins = plugins };
  for (i = 0; i < 2; i++)
    ends->options.more[i] = ends->more[i] =
        g_strdup_printf ("plugins { qcd { secret_file = %s/%c\n %s\n } }\n", ends->dir, "ab"[i],
                         more[i] ? more[i] : "");
  ends->forge = forge_new (&ends->options);
  ends->pair = ends->forge->pair;
  ends->options.plugins = plugins_again;
  ends->options.builtin = builtin_again;
  return ends;
}

static void
ends_free (Ends *ends)
{
  guint i;

  forge_free (ends->forge);
  for (i = 0; i < 2; i++) {
    g_autofree char *path = g_strdup_printf ("%s/%c", ends->dir, "ab"[i]);
    g_unlink (path);
    g_free (ends->more[i]);
  }
  g_assert_cmpint (g_rmdir (ends->dir), ==, 0);
  g_free (ends->dir);
  g_free (ends);
}

static void
up (Ends *ends, gboolean by_b)
{
  g_autofree char *error =
      pair_up_of (ends->pair, by_b ? &ends->pair->b : &ends->pair->a, "pair", NULL);

  g_assert_cmpstr (error, ==, NULL);
  pair_run (ends->pair, 1);
}

static void
crash_b (Ends *ends)
{
  pair_restart (ends->pair, &ends->pair->b, &ends->options);
}

static void
begin_liveness (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_begin (sa, "liveness", NULL, NULL, NULL));
}

static void
begin_rekey (IkeSa *sa, gpointer data)
{
  ike_sa_replace (sa);
}

static void
rekey (Ends *ends, gboolean by_b)
{
  guint64 n = pair_count (&ends->pair->a, "ike.rekeyed");

  forge_on_sa (by_b ? &ends->pair->b : &ends->pair->a, by_b ? &ends->forge->b : &ends->forge->a,
               begin_rekey, NULL);
  pair_run (ends->pair, 2);
  g_assert_cmpuint (pair_count (&ends->pair->a, "ike.rekeyed"), ==, n + 1);
}

static guint64
n_closed (Ends *ends)
{
  return pair_count (&ends->pair->a, "ike.closed");
}

/* A way takes 10 ms: a asks, and knows after 20; 100 ms later everything is up again. */
static void
assert_known_at_once (Ends *ends)
{
  guint64 n = pair_count (&ends->pair->a, "ike.established");

  crash_b (ends);
  forge_on_sa (&ends->pair->a, &ends->forge->a, begin_liveness, NULL);
  forge_run_ms (ends->forge, 15);
  g_assert_cmpuint (pair_count (&ends->pair->a, "qcd.verified"), ==, 0);
  forge_run_ms (ends->forge, 10);
  g_assert_cmpuint (pair_count (&ends->pair->b, "qcd.sent"), ==, 1);
  g_assert_cmpuint (pair_count (&ends->pair->a, "qcd.verified"), ==, 1);
  g_assert_cmpuint (n_closed (ends), ==, 1);
  forge_run_ms (ends->forge, 100);
  g_assert_cmpuint (pair_count (&ends->pair->a, "ike.established"), ==, n + 1);
  g_assert_cmpuint (pair_count (&ends->pair->a, "ike.timeouts"), ==, 0);
  g_assert_cmpuint (forge_n_sas (&ends->pair->a), ==, 1);
  pair_assert_twins (ends->pair);
}

static void
test_at_once (gconstpointer flags)
{
  guint by_b;

  for (by_b = 0; by_b < 2; by_b++) {
    Ends *ends = ends_new (flags, 1, NULL, NULL);
    up (ends, by_b);
    assert_known_at_once (ends);
    ends_free (ends);
  }
}

/* RFC 6290, 4.3: who answers says it in the answer, who asks in an exchange of its own. */
static void
test_rekeyed (gconstpointer flags)
{
  guint i;

  for (i = 0; i < 4; i++) {
    Ends *ends = ends_new (flags, 1, NULL, NULL);
    up (ends, i & 1);
    rekey (ends, i >> 1);
    rekey (ends, i >> 1);
    assert_known_at_once (ends);
    ends_free (ends);
  }
}

/* Both replace it at once: whichever stays, its tokens are known. */
static void
test_collision (gconstpointer flags)
{
  Ends *ends = ends_new (flags, 1, NULL, NULL);
  IkeTree *args = ike_tree_new_section ();
  g_autofree char *error = NULL;
  ForgeSa old;

  up (ends, FALSE);
  old = forge_sa (ends->forge);
  forge_on_sa (&ends->pair->a, &ends->forge->a, begin_rekey, NULL);
  forge_on_sa (&ends->pair->b, &ends->forge->b, begin_rekey, NULL);
  pair_run (ends->pair, 60);
  g_assert_cmpuint (forge_n_sas (&ends->pair->a), ==, 1);
  g_assert_cmpuint (old.spi_i, !=, ends->forge->spi_i);
  crash_b (ends);
  /* Of two heirs the forge knows the keys that were made last, maybe those of the other. */
  ike_tree_set_string (args, "name", "pair");
  ike_tree_free (pair_command (&ends->pair->a, "rekey", args, &error));
  g_assert_nonnull (error);
  pair_run (ends->pair, 1);
  g_assert_cmpuint (pair_count (&ends->pair->a, "qcd.verified"), ==, 1);
  g_assert_cmpuint (pair_count (&ends->pair->a, "ike.timeouts"), ==, 0);
  pair_assert_twins (ends->pair);
  ends_free (ends);
}

static void
take_snapshot (IkeSa *sa, gpointer data)
{
  static const guint8 key[32] = { 1 };

  *(GBytes **) data = ike_sa_snapshot (sa, key, NULL);
  g_assert_nonnull (*(GBytes **) data);
}

/* The token of the peer goes with the IKE SA to another daemon. */
static void
test_restored (gconstpointer flags)
{
  static const guint8 key[32] = { 1 };
  Ends *ends = ends_new (flags, 1, NULL, NULL);
  g_autoptr (GBytes) blob = NULL;
  g_autofree char *error = NULL;

  up (ends, FALSE);
  forge_on_sa (&ends->pair->a, &ends->forge->a, take_snapshot, &blob);
  pair_restart (ends->pair, &ends->pair->a, &ends->options);
  error = pair_restore (ends->pair, &ends->pair->a, blob, key, &ends->forge->a.sa);
  g_assert_cmpstr (error, ==, NULL);
  crash_b (ends);
  forge_on_sa (&ends->pair->a, &ends->forge->a, begin_liveness, NULL);
  pair_run (ends->pair, 1);
  g_assert_cmpuint (pair_count (&ends->pair->a, "qcd.verified"), ==, 1);
  g_assert_cmpuint (n_closed (ends), ==, 1);
  ends_free (ends);
}

/* Down is down, and what is replaced is not missed: a Delete whose answer was lost finds nobody. */
static void
test_deleted (gconstpointer flags)
{
  Ends *ends = ends_new (flags, 1, NULL, NULL);
  IkeSimRule rule = {
    .struct_size = sizeof rule, .action = IKE_SIM_DROP, .exchange = INFORMATIONAL, .n_times = 1
  };

  up (ends, FALSE);
  g_assert_true (ike_addr_parse (&rule.from, "10.0.0.2", NULL));
  ends->pair->a.net_ops->rule_add (ends->pair->a.net, &rule);
  pair_down (ends->pair, "pair", NULL);
  pair_run (ends->pair, 60);
  g_assert_cmpuint (pair_count (&ends->pair->b, "qcd.sent"), ==, 1);
  g_assert_cmpuint (forge_n_sas (&ends->pair->a), ==, 0);
  g_assert_cmpuint (pair_count (&ends->pair->a, "ike.established"), ==, 1);
  g_assert_cmpuint (ends->pair->a.kernel_ops->n_sas (ends->pair->a.kernel), ==, 0);
  ends_free (ends);
}

/* -- tokens of others, and other tokens */

/* What looks like a protected request, to @to_b, of whoever is not there. */
static void
ask (Ends *ends, gboolean to_b, guint8 flags, guint64 spi_i, guint64 spi_r, guint8 first)
{
  guint8 message[80] = { [16] = first, [17] = 0x20, [18] = INFORMATIONAL,      [19] = flags,
                         [23] = 9,     [27] = 80,   [31] = 80 - IKE_HEADER_LEN };

  spi_i = GUINT64_TO_BE (spi_i);
  spi_r = GUINT64_TO_BE (spi_r);
  memcpy (message, &spi_i, 8);
  memcpy (message + 8, &spi_r, 8);
  forge_clear (ends->forge);
  forge_inject_from (ends->forge, "10.0.0.9", 500, to_b, message, sizeof message);
  forge_run_ms (ends->forge, 30);
}

/* The token that was sent to who asked; FALSE: none was. */
static gboolean
heard (Ends *ends, guint8 token[TOKEN_LEN])
{
  const ForgePacket *packet = NULL;
  guint i;

  for (i = 0; i < ends->forge->sent->len && !packet; i++) {
    const ForgePacket *p = ends->forge->sent->pdata[i];
    packet = p->to.bytes[3] == 9 ? p : NULL;
  }
  if (!packet)
    return FALSE;
  /* INVALID_IKE_SPI, and the token at the end. */
  g_assert_cmpuint (packet->len, ==, IKE_HEADER_LEN + 8 + 8 + TOKEN_LEN);
  g_assert_cmpint (forge_says (ends->forge, packet), ==, IKE_N_INVALID_IKE_SPI);
  memcpy (token, packet->data + packet->len - TOKEN_LEN, TOKEN_LEN);
  return TRUE;
}

/* @n notifies with @len bytes each, the last with the true ones, to the end that is not @from_b. */
static void
present (Ends *ends, gboolean from_b, const guint8 *token, gsize len, guint n, guint64 spi_i,
         guint64 spi_r, gboolean from_initiator)
{
  guint8 body[8][4 + 160] = { { 0 } }, message[2048];
  ForgeHead head = { .from_a = from_initiator,
                     .is_response = TRUE,
                     .is_clear = TRUE,
                     .exchange = INFORMATIONAL,
                     .id = 9,
                     .spi_i = spi_i,
                     .spi_r = spi_r };
  ForgeChain chain = { 0 };
  guint i;

  for (i = 0; i < n; i++) {
    body[i][0] = IKE_PROTOCOL_IKE;
    body[i][2] = TOKEN >> 8;
    body[i][3] = TOKEN & 0xff;
    if (i + 1 == n)
      memcpy (body[i] + 4, token, len);
    forge_add (&chain, IKE_PAYLOAD_NOTIFY, body[i], 4 + len);
  }
  len = forge_write (ends->forge, &head, &chain, message);
  forge_inject_from (ends->forge, "10.0.0.77", 1234, !from_b, message, len);
}

/* b is gone; @token is what it says about the SA of a then. */
static void
lose_b (Ends *ends, guint8 token[TOKEN_LEN])
{
  crash_b (ends);
  ask (ends, TRUE, IKE_FLAG_INITIATOR, ends->forge->spi_i, ends->forge->spi_r, IKE_PAYLOAD_SK);
  g_assert_true (heard (ends, token));
}

static void
test_forged (gconstpointer flags)
{
  Ends *ends = ends_new (flags, 1, NULL, NULL);
  guint64 i, r, bit;
  guint8 token[160] = { 0 };

  up (ends, FALSE);
  i = ends->forge->spi_i;
  r = ends->forge->spi_r;
  lose_b (ends, token);
  for (bit = 0; bit < 8 * TOKEN_LEN; bit++) {
    token[bit / 8] ^= 1u << bit % 8;
    present (ends, TRUE, token, TOKEN_LEN, 1, i, r, FALSE);
    token[bit / 8] ^= 1u << bit % 8;
  }
  g_assert_cmpuint (pair_count (&ends->pair->a, "qcd.refused"), ==, 8 * TOKEN_LEN);
  for (bit = 0; bit < 150; bit++)
    if (bit != TOKEN_LEN)
      present (ends, TRUE, token, bit, 1, i, r, FALSE);
  /* Of another SA, in the wrong direction. */
  present (ends, TRUE, token, TOKEN_LEN, 1, i ^ 1, r, FALSE);
  present (ends, TRUE, token, TOKEN_LEN, 1, i, r ^ 1, FALSE);
  present (ends, TRUE, token, TOKEN_LEN, 1, r, i, FALSE);
  present (ends, TRUE, token, TOKEN_LEN, 1, i, r, TRUE);
  g_assert_cmpuint (n_closed (ends), ==, 0);
  g_assert_cmpuint (pair_count (&ends->pair->a, "qcd.verified"), ==, 0);
  /* RFC 6290, 4.5: "the token taker MUST support at least four QCD_TOKEN notifications in a single
   * packet", and it comes from anywhere. */
  present (ends, TRUE, token, TOKEN_LEN, 4, i, r, FALSE);
  g_assert_cmpuint (n_closed (ends), ==, 1);
  present (ends, TRUE, token, TOKEN_LEN, 1, i, r, FALSE);
  g_assert_cmpuint (pair_count (&ends->pair->a, "qcd.verified"), ==, 1);
  ends_free (ends);
}

/* RFC 6290, 9.2: "A token maker MUST NOT send a valid QCD token in an unprotected message for an
 * existing IKE SA."  Whatever is asked of either end about an SA that lives, nothing that comes of
 * it ends it. */
static void
test_living (gconstpointer flags)
{
  Ends *ends = ends_new (flags, 3, NULL, NULL);
  guint round, side, n_answers = 0;
  guint64 spis[2];
  guint8 token[TOKEN_LEN];

  up (ends, FALSE);
  spis[0] = ends->forge->spi_i;
  spis[1] = ends->forge->spi_r;
  for (side = 0; side < 2; side++)
    for (round = 0; round < 16; round++) {
      guint64 i = spis[round & 1], r = spis[round >> 1 & 1];
      guint to;
      ask (ends, side, round & 4 ? IKE_FLAG_INITIATOR : 0, i, r,
           round & 8 ? IKE_PAYLOAD_SK : IKE_PAYLOAD_SKF);
      if (!heard (ends, token))
        continue;
      n_answers++;
      for (to = 0; to < 4; to++)
        present (ends, to & 1, token, TOKEN_LEN, 1, spis[0], spis[1], to >> 1);
      pair_run (ends->pair, 2);
    }
  g_assert_cmpuint (n_answers, >, 0);
  g_assert_cmpuint (pair_count (&ends->pair->a, "qcd.verified")
                        + pair_count (&ends->pair->b, "qcd.verified"),
                    ==, 0);
  g_assert_cmpuint (pair_count (&ends->pair->a, "qcd.refused"), >, 0);
  g_assert_cmpuint (pair_count (&ends->pair->b, "qcd.refused"), >, 0);
  g_assert_cmpuint (n_closed (ends) + pair_count (&ends->pair->b, "ike.closed"), ==, 0);
  ends_free (ends);
}

/* One that is being made, and one whose place is taken, live too. */
static void
test_in_the_making (gconstpointer flags)
{
  Ends *ends = ends_new (flags, 3, NULL, NULL);
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP, .exchange = 35 };
  ForgeSa old;
  guint8 token[TOKEN_LEN];
  char *error = NULL;
  guint id;

  id = ends->pair->a.net_ops->rule_add (ends->pair->a.net, &rule);
  pair_begin_up (ends->pair, &ends->pair->a, "pair", NULL, &error);
  pair_run (ends->pair, 2);
  ask (ends, TRUE, IKE_FLAG_INITIATOR, ends->forge->spi_i, ends->forge->spi_r, IKE_PAYLOAD_SK);
  g_assert_false (heard (ends, token));
  ends->pair->a.net_ops->rule_remove (ends->pair->a.net, id);
  pair_run (ends->pair, 30);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  /* The Delete of the old one is lost for a while: both are there. */
  old = forge_sa (ends->forge);
  rule.exchange = INFORMATIONAL;
  ends->pair->a.net_ops->rule_add (ends->pair->a.net, &rule);
  rekey (ends, FALSE);
  ask (ends, TRUE, IKE_FLAG_INITIATOR, old.spi_i, old.spi_r, IKE_PAYLOAD_SK);
  g_assert_false (heard (ends, token));
  ask (ends, TRUE, IKE_FLAG_INITIATOR, ends->forge->spi_i, ends->forge->spi_r, IKE_PAYLOAD_SK);
  g_assert_false (heard (ends, token));
  g_assert_cmpuint (pair_count (&ends->pair->b, "qcd.sent"), ==, 0);
  ends_free (ends);
}

/* RFC 6290, 9.3: each pair of SPIs has another token, and so has each secret. */
static void
test_tokens_differ (gconstpointer flags)
{
  Ends *ends = ends_new (flags, 1, NULL, NULL);
  guint8 tokens[6][TOKEN_LEN];
  guint i, k;

  ask (ends, TRUE, IKE_FLAG_INITIATOR, SPI_1, SPI_2, IKE_PAYLOAD_SK);
  g_assert_true (heard (ends, tokens[0]));
  ask (ends, TRUE, IKE_FLAG_INITIATOR, SPI_1 + 1, SPI_2, IKE_PAYLOAD_SK);
  g_assert_true (heard (ends, tokens[1]));
  ask (ends, TRUE, IKE_FLAG_INITIATOR, SPI_1, SPI_2 + 1, IKE_PAYLOAD_SK);
  g_assert_true (heard (ends, tokens[2]));
  ask (ends, TRUE, IKE_FLAG_INITIATOR, SPI_2, SPI_1, IKE_PAYLOAD_SK);
  g_assert_true (heard (ends, tokens[3]));
  ask (ends, TRUE, 0, SPI_1, SPI_2, IKE_PAYLOAD_SK);
  g_assert_true (heard (ends, tokens[4]));
  ask (ends, FALSE, IKE_FLAG_INITIATOR, SPI_1, SPI_2, IKE_PAYLOAD_SK);
  g_assert_true (heard (ends, tokens[5]));
  for (i = 0; i < G_N_ELEMENTS (tokens); i++)
    for (k = 0; k < i; k++)
      g_assert_cmpint (memcmp (tokens[i], tokens[k], TOKEN_LEN), !=, 0);
  /* The same, over a crash. */
  crash_b (ends);
  ask (ends, TRUE, IKE_FLAG_INITIATOR, SPI_1, SPI_2, IKE_PAYLOAD_SK);
  g_assert_true (heard (ends, tokens[1]));
  g_assert_cmpmem (tokens[0], TOKEN_LEN, tokens[1], TOKEN_LEN);
  ends_free (ends);
}

static void
test_unanswered (gconstpointer flags)
{
  Ends *ends = ends_new (flags, 1, NULL, NULL);
  guint8 token[TOKEN_LEN];

  /* What is not protected, or an answer, or has no SPIs. */
  ask (ends, TRUE, IKE_FLAG_INITIATOR, SPI_1, SPI_2, IKE_PAYLOAD_NOTIFY);
  g_assert_false (heard (ends, token));
  ask (ends, TRUE, IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE, SPI_1, SPI_2, IKE_PAYLOAD_SK);
  g_assert_false (heard (ends, token));
  ask (ends, TRUE, IKE_FLAG_INITIATOR, SPI_1, 0, IKE_PAYLOAD_SK);
  g_assert_false (heard (ends, token));
  ask (ends, TRUE, IKE_FLAG_INITIATOR, 0, SPI_1, IKE_PAYLOAD_SK);
  g_assert_false (heard (ends, token));
  ends_free (ends);
}

/* What a peer tells under protection: too short and too long ones mean nothing, and the last one
 * counts. */
static void
test_told (gconstpointer flags)
{
  static const guint8 lens[] = { 0, 15, 129, 16, 128, 32 };
  Ends *ends = ends_new (flags, 1, NULL, NULL);
  guint8 body[4 + 160] = { IKE_PROTOCOL_IKE, 0, TOKEN >> 8, TOKEN & 0xff }, token[160];
  guint i;

  up (ends, FALSE);
  for (i = 0; i < G_N_ELEMENTS (lens); i++) {
    ForgeHead head = { .exchange = INFORMATIONAL, .id = i };
    ForgeChain chain = { 0 };
    memset (body + 4, 'x', sizeof body - 4);
    forge_add (&chain, IKE_PAYLOAD_NOTIFY, body, 4 + lens[i]);
    forge_clear (ends->forge);
    forge_send (ends->forge, &head, &chain);
    g_assert_cmpint (forge_says (ends->forge, forge_sent (ends->forge, FALSE, 0)), ==, FORGE_EMPTY);
  }
  memset (token, 'x', sizeof token);
  present (ends, TRUE, token, 128, 1, ends->forge->spi_i, ends->forge->spi_r, FALSE);
  g_assert_cmpuint (n_closed (ends), ==, 0);
  present (ends, TRUE, token, 32, 1, ends->forge->spi_i, ends->forge->spi_r, FALSE);
  g_assert_cmpuint (n_closed (ends), ==, 1);
  ends_free (ends);
}

/* -- without it */

/* Either end does without, and everything else goes on: the crash is found out by waiting. */
static void
test_one_without (gconstpointer flags)
{
  static const char *const ways[][2] = { { "load = no", NULL },
                                         { NULL, "load = no" },
                                         { "taker = no", NULL },
                                         { NULL, "maker = no" },
                                         { "load = no", "load = no" } };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (ways); i++) {
    Ends *ends = ends_new (flags, 1, ways[i][0], ways[i][1]);
    up (ends, FALSE);
    rekey (ends, FALSE);
    rekey (ends, TRUE);
    pair_assert_twins (ends->pair);
    crash_b (ends);
    forge_on_sa (&ends->pair->a, &ends->forge->a, begin_liveness, NULL);
    pair_run (ends->pair, 10);
    g_assert_cmpuint (n_closed (ends), ==, 0);
    pair_run (ends->pair, 600);
    g_assert_cmpuint (n_closed (ends), ==, 1);
    g_assert_cmpuint (pair_count (&ends->pair->a, "ike.established"), ==, 2);
    pair_assert_twins (ends->pair);
    ends_free (ends);
  }
}

/* Another daemon has the secret: nothing is made of it, and it is said. */
static void
test_shared_secret (gconstpointer flags)
{
  Ends *ends = ends_new (flags, 1, NULL, NULL);
  guint8 token[TOKEN_LEN];

  g_free (ends->more[1]);
  ends->options.more[1] = ends->more[1] =
      g_strdup_printf ("plugins { qcd { secret_file = %s/a\n } }\n", ends->dir);
  crash_b (ends);
  g_assert_nonnull (strstr (ends->pair->b.log->str, "in use by another daemon"));
  ask (ends, TRUE, IKE_FLAG_INITIATOR, SPI_1, SPI_2, IKE_PAYLOAD_SK);
  g_assert_false (heard (ends, token));
  up (ends, FALSE);
  ends_free (ends);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("qcd", "a-crash-is-known-within-a-round-trip", test_at_once);
  pair_add_test ("qcd", "sas-that-took-anothers-place-have-tokens", test_rekeyed);
  pair_add_test ("qcd", "after-a-collision-too", test_collision);
  pair_add_test ("qcd", "tokens-go-with-a-restored-sa", test_restored);
  pair_add_test ("qcd", "what-was-closed-stays-closed", test_deleted);
  pair_add_test ("qcd", "forged-tokens-do-nothing", test_forged);
  pair_add_test ("qcd", "no-token-of-an-sa-that-lives", test_living);
  pair_add_test ("qcd", "nor-of-one-in-the-making", test_in_the_making);
  pair_add_test ("qcd", "tokens-differ", test_tokens_differ);
  pair_add_test ("qcd", "who-gets-no-answer", test_unanswered);
  pair_add_test ("qcd", "the-last-token-counts", test_told);
  pair_add_test ("qcd", "one-end-or-both-do-without", test_one_without);
  pair_add_test ("qcd", "a-secret-is-of-one-daemon", test_shared_secret);
  return g_test_run ();
}
