/* SPDX-License-Identifier: Apache-2.0 */
/* test_bench.c - see test_bench.h. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "test_bench.h"

/* -- engines */

static const IkeFeatureKind keys_kind = { sizeof keys_kind,     "keys", 1, 0, sizeof (IkeKeysClass),
                                          sizeof (IkeKeysClass) };
static const IkeFeatureKind *const kinds[] = { &keys_kind, NULL };

static const guint32 no_ops = sizeof no_ops;
static const char *const needs[] = { "keys:pkcs11", NULL };
static const IkeFeature consumer_feature = { .struct_size = sizeof consumer_feature,
                                             .provides = "service:test-consumer",
                                             .ops = &no_ops,
                                             .needs = needs };
static const IkeFeature *const features[] = { &consumer_feature, NULL };

/* Stands in for whoever keeps credentials. */
static const IkePluginInfo consumer = {
  .struct_size = sizeof consumer,
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "test-consumer",
  .version = "1.0",
  .license = "Apache-2.0",
  .summary = "declares the kind keys",
  .features = features,
  .kinds = kinds,
};

static IkeEngine *
start (IkeSim *sim, const char *settings)
{
  static const char *const plugins[] = { "crypto-openssl", "pkcs11", "test-consumer", NULL };
  const IkePluginInfo *builtin[] = { &consumer, NULL };
  g_autofree char *directory = g_strconcat (g_getenv ("IKE_TOP_BUILDDIR"), "/plugins/.libs", NULL);
  g_autoptr (GError) error = NULL;
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .name = "bench",
                               .sim = sim,
                               .n_shards = 2,
                               .settings = settings,
                               .plugin_dir = directory,
                               .plugins = plugins,
                               .builtin = builtin };
  IkeEngine *engine = ike_engine_new (&options, &error);

  g_assert_no_error (error);
  ike_engine_start (engine, &error);
  g_assert_no_error (error);
  return engine;
}

static void
find_pki (Bench *bench)
{
  const IkeProvided *pki = ike_feature_find (bench->engine, "service:pki", NULL);

  g_assert_nonnull (pki);
  bench->pki = pki->ops;
  bench->pki_plugin = pki->plugin;
}

void
bench_open (Bench *bench, const char *settings)
{
  memset (bench, 0, sizeof *bench);
  bench->sim = ike_sim_new (1);
  bench->engine = start (bench->sim, settings);
  find_pki (bench);
}

static void
wait_for (sem_t *semaphore)
{
  struct timespec limit;

  clock_gettime (CLOCK_REALTIME, &limit);
  limit.tv_sec += 60;
  g_assert_cmpint (sem_timedwait (semaphore, &limit), ==, 0);
}

/* Whoever quits has returned from that before the engine goes. */
static void *
run_real (void *data)
{
  Bench *bench = data;

  bench->engine = start (NULL, bench->settings);
  sem_post (&bench->started);
  ike_engine_run (bench->engine);
  wait_for (&bench->may_end);
  ike_engine_free (bench->engine);
  return NULL;
}

void
bench_open_real (Bench *bench, const char *settings)
{
  memset (bench, 0, sizeof *bench);
  bench->settings = settings;
  sem_init (&bench->started, 0, 0);
  sem_init (&bench->may_end, 0, 0);
  g_assert_cmpint (pthread_create (&bench->thread, NULL, run_real, bench), ==, 0);
  wait_for (&bench->started);
  find_pki (bench);
}

char *
bench_explain (const char *settings)
{
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine = start (sim, settings);
  char *why = ike_plugin_explain (engine, "pkcs11");

  g_assert_null (ike_feature_find (engine, "keys:pkcs11", NULL));
  ike_engine_free (engine);
  ike_sim_free (sim);
  return why;
}

void
bench_close (Bench *bench)
{
  if (bench->sim) {
    ike_engine_free (bench->engine);
    ike_sim_free (bench->sim);
    return;
  }
  ike_engine_quit (bench->engine);
  sem_post (&bench->may_end);
  pthread_join (bench->thread, NULL);
  sem_destroy (&bench->started);
  sem_destroy (&bench->may_end);
}

void
bench_on_control (Bench *bench, IkeFunc run, gpointer data)
{
  ike_loop_post (ike_engine_control (bench->engine), run, data, NULL);
  if (bench->sim)
    ike_sim_settle (bench->sim);
}

/* -- answers */

void
answer_init (Answer *answer)
{
  memset (answer, 0, sizeof *answer);
  sem_init (&answer->done, 0, 0);
}

void
answer_wait (Bench *bench, Answer *answer)
{
  if (bench->sim) {
    ike_sim_settle (bench->sim);
    g_assert_cmpint (sem_trywait (&answer->done), ==, 0);
  } else
    wait_for (&answer->done);
  sem_destroy (&answer->done);
}

static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Answer *answer = data;

  answer->result = result;
  answer->error = g_strdup (error);
  sem_post (&answer->done);
}

const IkeCallClass answer_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "answer",
  .timeout_ms = 120000,
  .then = answered,
};

/* -- loading */

typedef struct {
  Bench *bench;
  const char *section;
  Answer answer;
} Loading;

static void
begin_load (gpointer data)
{
  Loading *loading = data;
  IkeEngine *engine = loading->bench->engine;
  const IkeProvided *keys = ike_feature_find (engine, "keys:pkcs11", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) tree =
      ike_settings_parse (loading->section, strlen (loading->section), "test", &error);

  g_assert_no_error (error);
  g_assert_nonnull (keys);
  ((const IkeKeysClass *) keys->ops)
      ->load (keys->plugin, tree,
              ike_loop_call (ike_engine_control (engine), &answer_call, NULL, &loading->answer));
}

IkeKeySet *
bench_load (Bench *bench, const char *section, char **error)
{
  Loading loading = { .bench = bench, .section = section };

  answer_init (&loading.answer);
  bench_on_control (bench, begin_load, &loading);
  answer_wait (bench, &loading.answer);
  g_assert_true ((loading.answer.result == NULL) == (loading.answer.error != NULL));
  *error = loading.answer.error;
  return loading.answer.result;
}

void
key_set_clear (Bench *bench, IkeKeySet *set)
{
  g_ptr_array_unref (set->keys);
  g_ptr_array_unref (set->certs);
  g_free (set);
}

Key *
bench_key (Bench *bench, const char *section)
{
  char *error;
  IkeKeySet *set = bench_load (bench, section, &error);
  IkeKey *key;

  g_assert_cmpstr (error, ==, NULL);
  g_assert_cmpuint (set->keys->len, ==, 1);
  key = ike_key_ref (set->keys->pdata[0]);
  key_set_clear (bench, set);
  g_assert_cmpstr (key->klass->origin, ==, "token");
  return (Key *) key;
}

void
bench_no_key (Bench *bench, const char *section, const char *text)
{
  g_autofree char *error = NULL;

  g_assert_null (bench_load (bench, section, &error));
  if (!strstr (error, text))
    g_error ("\"%s\" does not say \"%s\"", error, text);
}

/* -- signing */

typedef struct {
  Bench *bench;
  Key *key;
  const IkeSigScheme *scheme;
  GBytes *octets;
  Answer answer;
} Signing;

static void
begin_sign (gpointer data)
{
  Signing *signing = data;
  IkeEngine *engine = signing->bench->engine;
  IkeCall *call = ike_loop_call (ike_engine_control (engine), &answer_call, NULL, &signing->answer);

  signing->key->head.klass->sign (&signing->key->head, engine, signing->scheme, signing->octets,
                                  call);
}

GBytes *
bench_sign (Bench *bench, Key *key, const IkeSigScheme *scheme, GBytes *octets, char **error)
{
  Signing signing = { .bench = bench, .key = key, .scheme = scheme, .octets = octets };

  answer_init (&signing.answer);
  bench_on_control (bench, begin_sign, &signing);
  answer_wait (bench, &signing.answer);
  g_assert_true ((signing.answer.result == NULL) == (signing.answer.error != NULL));
  *error = signing.answer.error;
  return signing.answer.result;
}

const IkeSigScheme *
bench_scheme (Bench *bench, const char *name)
{
  const IkeSigScheme *scheme;

  for (guint i = 0; (scheme = bench->pki->scheme (bench->pki_plugin, i)); i++)
    if (strcmp (scheme->name, name) == 0)
      return scheme;
  g_error ("there is no scheme %s", name);
}

gboolean
bench_verify (Bench *bench, Key *key, const IkeSigScheme *scheme, GBytes *octets, GBytes *signature)
{
  IkePart part;
  gsize len;
  const guint8 *data = g_bytes_get_data (signature, &len);

  part.data = g_bytes_get_data (octets, &part.len);
  return bench->pki->verify (bench->pki_plugin, key->head.pubkey, scheme, &part, 1, data, len);
}

void
bench_prove (Bench *bench, Key *key, const char *name)
{
  static const char text[] = "what is signed";
  const IkeSigScheme *scheme = bench_scheme (bench, name);
  g_autoptr (GBytes) octets = g_bytes_new_static (text, sizeof text),
                     others = g_bytes_new_static (text, sizeof text - 1);
  char *error;
  g_autoptr (GBytes) signature = bench_sign (bench, key, scheme, octets, &error);

  g_assert_cmpstr (error, ==, NULL);
  g_assert_true (bench_verify (bench, key, scheme, octets, signature));
  g_assert_false (bench_verify (bench, key, scheme, others, signature));
}

/* -- the command */

static void
listing_done (gpointer transport, const IkeTree *result, const char *error_code,
              const char *message)
{
  Answer *answer = transport;

  answer->result = result ? ike_tree_copy (result) : NULL;
  answer->error = g_strdup (message);
  sem_post (&answer->done);
}

typedef struct {
  Bench *bench;
  Answer answer;
} Listing;

static void
begin_tokens (gpointer data)
{
  static const IkeRequestSink sink = { .struct_size = sizeof sink, .done = listing_done };
  Listing *listing = data;

  ike_command_run (listing->bench->engine, "tokens", ike_tree_new_section (), TRUE, &sink,
                   &listing->answer);
}

IkeTree *
bench_tokens (Bench *bench)
{
  Listing listing = { .bench = bench };

  answer_init (&listing.answer);
  bench_on_control (bench, begin_tokens, &listing);
  answer_wait (bench, &listing.answer);
  g_assert_cmpstr (listing.answer.error, ==, NULL);
  return listing.answer.result;
}
