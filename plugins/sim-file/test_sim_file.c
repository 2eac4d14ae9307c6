/* SPDX-License-Identifier: Apache-2.0 */
/* test_sim_file.c - files of cards, and sequence numbers that never come twice. */
#include <glib/gstdio.h>
#include <string.h>

#include <ikebana/crypto.h>
#include <ikebana/model.h>

#include "shared/sim/bench.h"
#include "shared/sim/milenage.h"
#include "shared/consumer/test_consumer.h"

#define IMSI "232010000000000"
#define K "465b5ce8b199b49faa5f0a2ee238a6bc"
#define OPC "cd63cb71954a9f4e48a5994e37a02baf"

static const char card[] = IMSI " " K " opc=" OPC " 8000 000000000020\n";

/* -- asking */

typedef enum { TRIPLETS, QUINTUPLET, GSM, AKA } Question;

typedef struct {
  SimBench *bench;
  Question question;
  IkeSimQuery query;
  gpointer result;
  char *error;
} Ask;

static void
told (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Ask *ask = owner;

  ask->result = result;
  ask->error = g_strdup (error);
}

static const IkeCallClass call_class = {
  .struct_size = sizeof call_class, .name = "ask", .timeout_ms = 1000, .then = told
};

static void
run_ask (gpointer data)
{
  Ask *ask = data;
  IkeEngine *engine = ask->bench->engine;
  const IkeProvided *file = ike_feature_find (engine, "sim:file", NULL);
  const IkeSimClass *klass = file->ops;
  IkeCall *call = ike_loop_call (ike_engine_shard (engine, 0), &call_class, ask, NULL);

  (ask->question == TRIPLETS     ? klass->triplets
   : ask->question == QUINTUPLET ? klass->quintuplet
   : ask->question == GSM        ? klass->run_gsm
                                 : klass->run_aka) (file->plugin, &ask->query, call);
}

/* The answer, to be freed; NULL and *@error, to be freed too; or both NULL. */
static gpointer
ask (SimBench *bench, Question question, const IkeSimQuery *query, char **error)
{
  Ask asked = { bench, question, *query, NULL, NULL };

  asked.query.struct_size = sizeof asked.query;
  if (!asked.query.card)
    asked.query.card = IMSI;
  ike_loop_post (ike_engine_shard (bench->engine, 0), run_ask, &asked, NULL);
  ike_sim_settle (bench->sim);
  if (error)
    *error = asked.error;
  else
    g_assert_cmpstr (asked.error, ==, NULL);
  return asked.result;
}

/* The SQN in AUTN of the card above. */
static guint64
sqn_of (SimBench *bench, const IkeSimQuintuplet *quintuplet)
{
  const IkeCipher *aes = ike_cipher_find (bench->engine, 12, 128);
  static const Milenage keys = {
    .k = { 0x46, 0x5b, 0x5c, 0xe8, 0xb1, 0x99, 0xb4, 0x9f, 0xaa, 0x5f, 0x0a, 0x2e, 0xe2, 0x38, 0xa6,
           0xbc },
    .opc = { 0xcd, 0x63, 0xcb, 0x71, 0x95, 0x4a, 0x9f, 0x4e, 0x48, 0xa5, 0x99, 0x4e, 0x37, 0xa0,
             0x2b, 0xaf },
  };
  MilenageKeys made;
  guint64 sqn = 0;

  g_assert_true (milenage_keys (aes, &keys, quintuplet->rand, &made));
  for (guint i = 0; i < sizeof made.ak; i++)
    sqn = sqn << 8 | (quintuplet->autn[i] ^ made.ak[i]);
  return sqn;
}

static guint64
next_sqn (SimBench *bench)
{
  IkeSimQuintuplet *quintuplet = ask (bench, QUINTUPLET, &(IkeSimQuery){ 0 }, NULL);
  guint64 sqn;

  g_assert_nonnull (quintuplet);
  g_assert_cmpuint (quintuplet->outcome, ==, IKE_SIM_DONE);
  sqn = sqn_of (bench, quintuplet);
  ike_sim_quintuplet_free (quintuplet);
  return sqn;
}

/* -- files */

static void
test_bad_files (void)
{
  static const char *const files[] = {
    IMSI "\n",
    IMSI " " K "\n",
    IMSI " " K " " OPC " 8000\n",
    IMSI " " K " opc=" OPC " 8000 000000000020 7\n",
    IMSI " " K "0 opc=" OPC "\n",
    IMSI " " K " opc=" OPC "0\n",
    IMSI " " K " opx=" OPC "\n",
    IMSI " " K " op" OPC "\n",
    IMSI " " K " opc=" OPC " 80000\n",
    IMSI " " K " opc=" OPC " 8000 20\n",
    IMSI " " K " opc=" OPC " 8000 00000000002g\n",
    "a\x01 " K " opc=" OPC "\n",
    IMSI "," K ",d1d2d3,a0a1a2a3a4a5a6a7\n",
    IMSI "," K ",d1d2d3d4,a0a1a2a3a4a5a6\n",
    IMSI ",465b,d1d2d3d4,a0a1a2a3a4a5a6a7\n",
    IMSI " " K " opc=" OPC "\n" IMSI " " K " opc=" OPC "\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *text = g_strconcat ("# first line\n", files[i], NULL);
    SimBench *bench = sim_bench_new (text, "", NULL);
    g_autofree char *why = ike_plugin_explain (bench->engine, "sim-file");
    g_autofree char *where =
        g_strdup_printf ("%s:%u: ", bench->cards, i + 1 < G_N_ELEMENTS (files) ? 2 : 3);

    g_assert_null (ike_feature_find (bench->engine, "sim:file", NULL));
    if (!strstr (why, where))
      g_error ("%u: %s", i, why);
    sim_bench_free (bench);
  }
}

static void
test_good_files (void)
{
  static const char *const files[] = {
    IMSI "," K ",opc=" OPC ",8000,000000000020",
    "  " IMSI " , " K "\topc=" OPC " # a card\r\n\r\n#\n",
    "\n" IMSI " " K " op=cdc202d5123e20f62b6d676ac72cb318\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    SimBench *bench = sim_bench_new (files[i], "", NULL);

    g_assert_cmpuint (next_sqn (bench), >, 0);
    sim_bench_free (bench);
  }
}

static void
test_unknown (void)
{
  SimBench *bench = sim_bench_new (IMSI "," K ",d1d2d3d4,a0a1a2a3a4a5a6a7\n", "", NULL);
  guint8 rand[16] = { 0 };
  IkeSimTriplets *triplets;
  char *error;

  /* Who has triplets only is not asked for a quintuplet; and who is not there for nothing. */
  g_assert_null (ask (bench, QUINTUPLET, &(IkeSimQuery){ 0 }, NULL));
  g_assert_null (ask (bench, AKA, &(IkeSimQuery){ .rand = rand, .autn = rand }, NULL));
  g_assert_null (ask (bench, TRIPLETS, &(IkeSimQuery){ .card = "x", .n = 3 }, NULL));
  triplets = ask (bench, TRIPLETS, &(IkeSimQuery){ .n = 3 }, NULL);
  g_assert_cmpuint (triplets->n, ==, 1);
  ike_sim_triplets_free (triplets);
  g_assert_null (ask (bench, GSM, &(IkeSimQuery){ .rand = rand, .n = 1 }, &error));
  g_assert_nonnull (strstr (error, "no triplet"));
  g_free (error);
  sim_bench_free (bench);
}

/* -- numbers */

static char *
marks_path (SimBench *bench)
{
  return g_strconcat (bench->cards, ".sqn", NULL);
}

static guint
n_lines (const char *path)
{
  g_autofree char *text = NULL;
  guint n = 0;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  for (const char *c = text; *c; c++)
    n += *c == '\n';
  return n;
}

/* Whatever happens to the daemon, no number comes again; and the disk is not asked each time. */
static void
test_never_back (void)
{
  SimBench *bench = sim_bench_new (card, "", NULL);
  g_autofree char *path = marks_path (bench);
  guint64 last = 0x20;

  for (guint i = 0; i < 8; i++) {
    for (guint k = 0; k < 100; k++) {
      guint64 sqn = next_sqn (bench);

      g_assert_cmpuint (sqn >> 5, >, last >> 5);
      last = sqn;
    }
    g_assert_cmpuint (n_lines (path), <=, 3);
    sim_bench_restart (bench, "", i % 2);
  }
  sim_bench_free (bench);
}

/* The machine stopped while a line was written. */
static void
test_torn (void)
{
  SimBench *bench = sim_bench_new (card, "", NULL);
  g_autofree char *path = marks_path (bench), *text = NULL, *torn = NULL;
  guint64 last = next_sqn (bench);

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  torn = g_strconcat (text, IMSI " ffff", NULL);
  g_assert_true (g_file_set_contents (path, torn, -1, NULL));
  sim_bench_restart (bench, "", FALSE);
  g_assert_cmpuint (next_sqn (bench), >, last);
  g_assert_cmpuint (next_sqn (bench), <, 0xffff);
  sim_bench_free (bench);
}

/* Many marks: the file is made anew, and does not grow without end. */
static void
test_bounded (void)
{
  GString *cards = g_string_new (NULL);
  SimBench *bench;
  g_autofree char *path = NULL;

  for (guint i = 0; i < 16; i++)
    g_string_append_printf (cards, "%u " K " opc=" OPC "\n", i);
  bench = sim_bench_new (cards->str, "", NULL);
  path = marks_path (bench);
  for (guint i = 0; i < 16 * 64 * 18; i++) {
    char name[16];

    g_snprintf (name, sizeof name, "%u", i % 16);
    ike_sim_quintuplet_free (ask (bench, QUINTUPLET, &(IkeSimQuery){ .card = name }, NULL));
  }
  g_assert_cmpuint (n_lines (path), <, 280);
  sim_bench_free (bench);
  g_string_free (cards, TRUE);
}

/* Where no mark can be written, no number is given out; the rest works. */
static void
test_read_only (void)
{
  SimBench *bench = sim_bench_new (card, "sim-file { sqn_file = \"/nonexistent/sqn\" }", NULL);
  char *error;

  g_assert_null (ask (bench, QUINTUPLET, &(IkeSimQuery){ 0 }, &error));
  g_assert_nonnull (strstr (error, "/nonexistent/sqn"));
  g_free (error);
  ike_sim_triplets_free (ask (bench, TRIPLETS, &(IkeSimQuery){ .n = 3 }, NULL));
  sim_bench_free (bench);
}

static void
test_used_up (void)
{
  SimBench *bench = sim_bench_new (IMSI " " K " opc=" OPC " 8000 ffffffffffc0\n", "", NULL);
  char *error;

  g_assert_cmphex (next_sqn (bench), ==, 0xffffffffffe1);
  g_assert_null (ask (bench, QUINTUPLET, &(IkeSimQuery){ 0 }, &error));
  g_assert_nonnull (strstr (error, "used up"));
  g_free (error);
  sim_bench_free (bench);
}

/* -- the card's side */

static guint
run_card (SimBench *bench, const IkeSimQuintuplet *of)
{
  IkeSimQuintuplet *answer =
      ask (bench, AKA, &(IkeSimQuery){ .n = 1, .rand = of->rand, .autn = of->autn }, NULL);
  guint outcome = answer->outcome;

  if (outcome == IKE_SIM_DONE)
    g_assert_cmpmem (answer->res, answer->res_len, of->res, of->res_len);
  ike_sim_quintuplet_free (answer);
  return outcome;
}

/* Out of order is fine within the window; nothing is taken twice. */
static void
test_window (void)
{
  SimBench *bench = sim_bench_new (card, "", NULL);
  IkeSimQuintuplet *made[40];

  for (guint i = 0; i < G_N_ELEMENTS (made); i++)
    made[i] = ask (bench, QUINTUPLET, &(IkeSimQuery){ 0 }, NULL);
  g_assert_cmpuint (run_card (bench, made[20]), ==, IKE_SIM_DONE);
  g_assert_cmpuint (run_card (bench, made[20]), ==, IKE_SIM_RESYNC);
  g_assert_cmpuint (run_card (bench, made[10]), ==, IKE_SIM_DONE);
  g_assert_cmpuint (run_card (bench, made[10]), ==, IKE_SIM_RESYNC);
  g_assert_cmpuint (run_card (bench, made[39]), ==, IKE_SIM_DONE);
  /* Of the same IND as 39, 32 before it. */
  g_assert_cmpuint (run_card (bench, made[7]), ==, IKE_SIM_RESYNC);
  made[30]->autn[15] ^= 1;
  g_assert_cmpuint (run_card (bench, made[30]), ==, IKE_SIM_REFUSED);
  for (guint i = 0; i < G_N_ELEMENTS (made); i++)
    ike_sim_quintuplet_free (made[i]);
  sim_bench_free (bench);
}

/* AUTS of the card moves the network on, and never back. */
static void
test_resync (void)
{
  SimBench *bench = sim_bench_new (card, "", NULL);
  IkeSimQuintuplet *old = ask (bench, QUINTUPLET, &(IkeSimQuery){ 0 }, NULL), *answer, *made;
  guint64 last = 0;

  g_assert_cmpuint (run_card (bench, old), ==, IKE_SIM_DONE);
  answer = ask (bench, AKA, &(IkeSimQuery){ .n = 1, .rand = old->rand, .autn = old->autn }, NULL);
  g_assert_cmpuint (answer->outcome, ==, IKE_SIM_RESYNC);
  for (guint i = 0; i < 5; i++)
    last = next_sqn (bench);
  made = ask (bench, QUINTUPLET, &(IkeSimQuery){ .rand = old->rand, .auts = answer->auts }, NULL);
  g_assert_cmpuint (made->outcome, ==, IKE_SIM_DONE);
  g_assert_cmpuint (sqn_of (bench, made), >, last);
  ike_sim_quintuplet_free (made);
  answer->auts[0] ^= 1;
  made = ask (bench, QUINTUPLET, &(IkeSimQuery){ .rand = old->rand, .auts = answer->auts }, NULL);
  g_assert_cmpuint (made->outcome, ==, IKE_SIM_REFUSED);
  ike_sim_quintuplet_free (made);
  ike_sim_quintuplet_free (answer);
  ike_sim_quintuplet_free (old);
  sim_bench_free (bench);
}

/* -- reload */

static gboolean
reload (SimBench *bench, const char *cards)
{
  g_autoptr (GError) error = NULL;
  IkeTree *tree;

  g_assert_true (g_file_set_contents (bench->cards, cards, -1, NULL));
  tree = ike_engine_reload (bench->engine, FALSE, &error);
  ike_sim_settle (bench->sim);
  if (!tree)
    return FALSE;
  ike_tree_free (tree);
  return TRUE;
}

static void
test_reload (void)
{
  SimBench *bench = sim_bench_new (card, "", NULL);
  g_autofree char *more = g_strconcat (card, "7 " K " opc=" OPC "\n", NULL);
  IkeSimQuintuplet *seen = ask (bench, QUINTUPLET, &(IkeSimQuery){ 0 }, NULL);
  guint64 last = sqn_of (bench, seen);

  g_assert_cmpuint (run_card (bench, seen), ==, IKE_SIM_DONE);
  g_assert_null (ask (bench, QUINTUPLET, &(IkeSimQuery){ .card = "7" }, NULL));
  g_assert_false (reload (bench, "7 nonsense\n"));
  g_assert_cmpuint (next_sqn (bench), ==, last + 0x21);
  g_assert_true (reload (bench, more));
  /* The next number, and what the card has seen is not forgotten. */
  g_assert_cmpuint (next_sqn (bench), ==, last + 2 * 0x21);
  g_assert_cmpuint (run_card (bench, seen), ==, IKE_SIM_RESYNC);
  ike_sim_quintuplet_free (ask (bench, QUINTUPLET, &(IkeSimQuery){ .card = "7" }, NULL));
  ike_sim_quintuplet_free (seen);
  sim_bench_free (bench);
}

TEST_CONSUMER ("sim", IkeSimClass);

/* Else numbers would be marked in a file that is not read at the next start. */
static void
test_another_file (void)
{
  static const char *const plugins[] = { "crypto-openssl", "sim-file", "consumer", NULL };
  static const IkePluginInfo *const builtin[] = { &test_consumer, NULL };
  SimBench *bench = sim_bench_new (card, "", NULL);
  g_autofree char *plugin_dir =
      g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", ".libs", NULL);
  g_autofree char *conf = g_build_filename (bench->dir, "conf", NULL);
  g_autofree char *text = g_strdup_printf (
      "plugins { sim-file { file = \"%s\"\n sqn_file = \"%s.a\" } }", bench->cards, conf);
  g_autofree char *other = g_strdup_printf ("plugins { sim-file { file = \"%s\" } }", bench->cards);
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .sim = bench->sim,
                               .n_shards = 1,
                               .config_file = conf,
                               .plugin_dir = plugin_dir,
                               .plugins = plugins,
                               .builtin = builtin };
  g_autoptr (GError) error = NULL;
  IkeEngine *engine;

  g_assert_true (g_file_set_contents (conf, text, -1, NULL));
  engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (engine, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_set_contents (conf, other, -1, NULL));
  g_assert_null (ike_engine_reload (engine, FALSE, &error));
  g_assert_nonnull (strstr (error->message, "that needs a restart"));
  ike_engine_free (engine);
  sim_bench_free (bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sim-file/bad-lines-are-named", test_bad_files);
  g_test_add_func ("/sim-file/good-lines-are-read", test_good_files);
  g_test_add_func ("/sim-file/unknown-cards-are-nobody's-fault", test_unknown);
  g_test_add_func ("/sim-file/numbers-never-come-again", test_never_back);
  g_test_add_func ("/sim-file/half-a-line-is-not-read", test_torn);
  g_test_add_func ("/sim-file/file-of-numbers-is-bounded", test_bounded);
  g_test_add_func ("/sim-file/no-numbers-where-they-cannot-be-kept", test_read_only);
  g_test_add_func ("/sim-file/numbers-end", test_used_up);
  g_test_add_func ("/sim-file/card-takes-a-number-once", test_window);
  g_test_add_func ("/sim-file/auts-moves-on-and-never-back", test_resync);
  g_test_add_func ("/sim-file/reload-keeps-numbers", test_reload);
  g_test_add_func ("/sim-file/another-file-of-numbers-needs-a-restart", test_another_file);
  return g_test_run ();
}
