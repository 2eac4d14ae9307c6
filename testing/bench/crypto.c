/* SPDX-License-Identifier: Apache-2.0 */
/* crypto.c - what the algorithms cost here, as a table: ns for the symmetric ones, µs for the
 * steps of a key exchange, each with its ratio to AES-GCM-16/256 or Curve25519, because a bare
 * number says more about the machine.
 *
 * usage: bench-crypto [PLUGIN-DIRECTORY]   (every plugin found there is measured) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ikebana/crypto.h>
#include <ikebana/engine.h>

enum { N_SIZES = 3, TURN_NS = 4 * 1000 * 1000, VALUE_MAX = 1 << 14, TEXT_MAX = 1400 };

static const gsize sizes[N_SIZES] = { 64, 256, TEXT_MAX };

/* One thing to do again and again; FALSE when it fails. */
typedef gboolean (*Work) (gpointer data);

typedef struct {
  const IkeProvided *provided;
  IkeEngine *engine;
  gpointer keyed;
  gsize len;
  guint8 key[IKE_SECRET_MAX], iv[16], aad[8], text[TEXT_MAX], icv[64];
} Job;

/* The time of this thread, so that a busy machine spoils less. */
static double
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

/* How long @n of them take; negative when one fails. */
static double
turn_ns (Work work, gpointer data, guint n)
{
  double begin = now_ns ();

  for (guint i = 0; i < n; i++)
    if (!work (data))
      return -1;
  return now_ns () - begin;
}

/* The best of five turns of 4 ms: what interferes only ever adds. Negative when @work fails. */
static double
cost_ns (Work work, gpointer data)
{
  guint n = 1;
  double spent = turn_ns (work, data, n), best;

  while (spent >= 0 && spent < TURN_NS && n < 1 << 24) {
    n *= 2;
    spent = turn_ns (work, data, n);
  }
  best = spent / n;
  for (guint turn = 0; turn < 4 && spent >= 0; turn++) {
    spent = turn_ns (work, data, n);
    best = MIN (best, spent / n);
  }
  return best;
}

static gboolean
seal_scratch (gpointer data)
{
  Job *job = data;
  const IkeAeadClass *klass = job->provided->ops;

  return ike_aead_seal (ike_aead_find (job->engine, klass->transform, klass->key_bits), job->key,
                        job->iv, job->aad, sizeof job->aad, job->text, job->len, job->icv);
}

static gboolean
seal_keyed (gpointer data)
{
  Job *job = data;
  const IkeAeadClass *klass = job->provided->ops;

  return klass->keyed_seal (job->keyed, job->iv, job->aad, sizeof job->aad, job->text, job->len,
                            job->text, job->icv);
}

static gboolean
encrypt (gpointer data)
{
  Job *job = data;
  const IkeCipherClass *klass = job->provided->ops;

  return ike_cipher_encrypt (ike_cipher_find_name (job->engine, job->provided->name), job->key,
                             job->iv, job->text, job->len - job->len % klass->block_len);
}

static gboolean
authenticate (gpointer data)
{
  Job *job = data;
  const IkeIntegClass *klass = job->provided->ops;
  IkePart part = { job->text, job->len };

  return ike_integ_mac (ike_integ_find (job->engine, klass->transform), job->key, &part, 1,
                        job->icv);
}

static gboolean
run_prf (gpointer data)
{
  Job *job = data;
  const IkePrfClass *klass = job->provided->ops;
  IkePart part = { job->text, job->len };

  return ike_prf_run (ike_prf_find (job->engine, klass->transform), job->key, klass->key_len, &part,
                      1, job->icv);
}

static void
print_row (Job *job, const char *suffix, Work work, double base[N_SIZES])
{
  g_autofree char *name = g_strconcat (job->provided->feature, suffix, NULL);

  printf ("%-32s", name);
  for (guint i = 0; i < N_SIZES; i++) {
    job->len = sizes[i];

    double cost = cost_ns (work, job);

    if (base[i] == 0)
      base[i] = cost;
    printf (" %8.0f %6.2f", cost, cost / base[i]);
  }
  printf ("\n");
}

static void
print_kind (IkeEngine *engine, const char *kind, Work work, double base[N_SIZES])
{
  guint n;
  const IkeProvided *const *list = ike_feature_list (engine, kind, &n);

  for (guint i = 0; i < n; i++) {
    g_autofree Job *job = g_new0 (Job, 1);

    job->provided = list[i];
    job->engine = engine;
    print_row (job, "", work, base);
  }
}

static void
print_aeads (IkeEngine *engine, double base[N_SIZES])
{
  guint n;
  const IkeProvided *const *list = ike_feature_list (engine, "aead", &n);

  for (guint i = 0; i < n; i++) {
    const IkeAeadClass *klass = list[i]->ops;
    g_autofree Job *job = g_new0 (Job, 1);

    job->provided = list[i];
    job->engine = engine;
    print_row (job, "", seal_scratch, base);
    job->keyed = klass->keyed_new ? klass->keyed_new (list[i]->plugin, job->key, TRUE) : NULL;
    if (!job->keyed)
      continue;
    print_row (job, " keyed", seal_keyed, base);
    klass->keyed_free (job->keyed);
  }
}

typedef struct {
  const IkeProvided *provided;
  gpointer pair;
  guint8 offer[VALUE_MAX], answer[VALUE_MAX], other[VALUE_MAX];
} Exchange;

static gboolean
offer_once (gpointer data)
{
  Exchange *exchange = data;
  const IkeKeClass *ke = exchange->provided->ops;
  const char *error;
  gpointer pair = ke->offer (exchange->provided->plugin, exchange->other, &error);

  if (pair)
    ke->pair_free (pair);
  return pair != NULL;
}

static gboolean
answer_once (gpointer data)
{
  Exchange *exchange = data;
  const IkeKeClass *ke = exchange->provided->ops;
  gboolean is_peers_fault;
  const char *error;
  g_autoptr (IkeSecretBlob) secret =
      ke->answer (exchange->provided->plugin, exchange->offer, ke->offer_len, exchange->answer,
                  &is_peers_fault, &error);

  return secret != NULL;
}

static gboolean
finish_once (gpointer data)
{
  Exchange *exchange = data;
  const IkeKeClass *ke = exchange->provided->ops;
  gboolean is_peers_fault;
  const char *error;
  g_autoptr (IkeSecretBlob) secret =
      ke->finish (exchange->provided->plugin, exchange->pair, exchange->answer, ke->answer_len,
                  &is_peers_fault, &error);

  return secret != NULL;
}

static double
print_exchange (const IkeProvided *provided, double base)
{
  const IkeKeClass *ke = provided->ops;
  g_autofree Exchange *exchange = g_new0 (Exchange, 1);
  const char *error = "";

  exchange->provided = provided;
  exchange->pair = ke->offer (provided->plugin, exchange->offer, &error);
  if (!exchange->pair) {
    printf ("%-32s %s\n", provided->feature, error);
    return base;
  }

  double offer = cost_ns (offer_once, exchange) / 1e3,
         answer = cost_ns (answer_once, exchange) / 1e3,
         finish = cost_ns (finish_once, exchange) / 1e3;

  ke->pair_free (exchange->pair);
  printf ("%-32s %9.1f %9.1f %9.1f %8.2f %8u\n", provided->feature, offer, answer, finish,
          answer / (base > 0 ? base : answer), ke->cost_us);
  return base > 0 ? base : answer;
}

static void
print_exchanges (IkeEngine *engine)
{
  const IkeProvided *first = ike_feature_find (engine, "ke:curve25519", NULL);
  guint n;
  const IkeProvided *const *list = ike_feature_list (engine, "ke", &n);
  double base = 0;

  printf ("\n%-32s %9s %9s %9s %8s %8s\n", "µs", "offer", "answer", "finish", "ratio", "declared");
  if (first)
    base = print_exchange (first, base);
  for (guint i = 0; i < n; i++)
    if (list[i] != first)
      base = print_exchange (list[i], base);
}

static void
print_all (gpointer data)
{
  IkeEngine *engine = data;
  double base[N_SIZES] = { 0 };
  const IkeProvided *first = ike_feature_find (engine, "aead:aes-gcm-16/256", NULL);

  printf ("%-32s %8zu %6s %8zu %6s %8zu %6s\n", "ns for octets", sizes[0], "ratio", sizes[1],
          "ratio", sizes[2], "ratio");
  if (first) {
    g_autofree Job *job = g_new0 (Job, 1);

    job->provided = first;
    job->engine = engine;
    print_row (job, " (the measure)", seal_scratch, base);
  }
  print_aeads (engine, base);
  print_kind (engine, "cipher", encrypt, base);
  print_kind (engine, "integ", authenticate, base);
  print_kind (engine, "prf", run_prf, base);
  print_exchanges (engine);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  IkeSim *sim = ike_sim_new (1);
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .name = "bench",
                               .sim = sim,
                               .n_shards = 1,
                               .settings = "",
                               .plugin_dir = argc > 1 ? argv[1] : NULL };
  IkeEngine *engine = ike_engine_new (&options, &error);

  if (!engine || !ike_engine_start (engine, &error)) {
    fprintf (stderr, "bench-crypto: cannot start an engine: %s\n", error->message);
    ike_engine_free (engine);
    ike_sim_free (sim);
    return EXIT_FAILURE;
  }
  ike_loop_post (ike_engine_shard (engine, 0), print_all, engine, NULL);
  ike_sim_settle (sim);
  ike_engine_free (engine);
  ike_sim_free (sim);
  return EXIT_SUCCESS;
}
