/* SPDX-License-Identifier: Apache-2.0 */
/* test_fakes.c - the bench; see test_fakes.h.  The plugins that pretend are in test_fake_pki.c and
 * test_fake_net.c. */
#include <string.h>
#include <ikebana/command.h>
#include <ikebana/plugin.h>
#include "shared/consumer/test_consumer.h"
#include "test_fakes_private.h"

TEST_CONSUMER ("revocation", IkeRevocationClass);

/* The plugins that pretend find the bench here; one test runs at a time. */
Bench *fake_bench;

static void
server_free (gpointer data)
{
  g_free (((FakeServer *) data)->text);
  g_free (data);
}

void
bench_open (Bench *bench, guint32 flags, const char *settings)
{
  static const char *const plugins[] = { "revocation", "consumer", "fake-pki", "fake-net", NULL };
  const IkePluginInfo *builtin[] = { &test_consumer, &fake_pki_plugin, &fake_net_plugin, NULL };
  g_autofree char *text =
      g_strdup_printf ("plugins { revocation { critical = yes\n%s\n } }", settings);
  const IkeProvided *provided;

  *bench = (Bench){ .sim = ike_sim_new (1) };
  fake_bench = bench;
  bench->made = g_ptr_array_new_with_free_func ((GDestroyNotify) fake_crl_unref);
  bench->servers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, server_free);
  bench->engine = test_engine_new ((IkeEngineOptions){ .flags = flags,
                                                       .sim = bench->sim,
                                                       .settings = text,
                                                       .plugins = plugins,
                                                       .builtin = builtin });
  provided = test_find (bench->engine, "revocation:x509");
  bench->ops = provided->ops;
  bench->plugin = provided->plugin;
  bench->root = fake_cert_new ("root", "root", 0, NULL, NULL);
  bench->ca = fake_cert_new ("ca", "root", 1, NULL, NULL);
  bench->leaf = fake_cert_new ("leaf", "ca", 2, NULL, NULL);
  /* What is known about the CA itself is good, unless a test says otherwise. */
  bench->local[0] = g_strdup ("CRL issuer=root number=1 this=0 next=999999999");
}

void
bench_close (Bench *bench)
{
  ike_engine_free (bench->engine);
  ike_sim_free (bench->sim);
  fake_cert_unref (bench->root);
  fake_cert_unref (bench->ca);
  fake_cert_unref (bench->leaf);
  g_hash_table_unref (bench->servers);
  g_ptr_array_unref (bench->made);
  for (guint i = 0; i < FAKE_LOCAL_MAX; i++)
    g_free (bench->local[i]);
  g_assert_cmpint (fake_n_objects, ==, 0);
  g_assert_cmpuint (bench->n_stalls, ==, 0);
}

FakeServer *
bench_serve (Bench *bench, const char *uri, gint64 delay_ms, const char *text)
{
  FakeServer *server = g_hash_table_lookup (bench->servers, uri);

  if (!server) {
    server = g_new0 (FakeServer, 1);
    g_hash_table_insert (bench->servers, g_strdup (uri), server);
  }
  server->delay_ms = delay_ms;
  g_free (server->text);
  server->text = g_strdup (text);
  return server;
}

guint
asked (Bench *bench, const char *uri)
{
  FakeServer *server = g_hash_table_lookup (bench->servers, uri);

  return server ? server->n_asked : 0;
}

void
bench_leaf (Bench *bench, guint serial, const char *ocsp_uri, const char *crl_uri)
{
  fake_cert_unref (bench->leaf);
  bench->leaf = fake_cert_new ("leaf", "ca", serial, ocsp_uri, crl_uri);
}

/* -- asking */

typedef struct {
  Outcome *outcome;
  guint policy, n_stapled;
  GBytes *stapled[16];
  IkeCert *chain[IKE_CHAIN_MAX];
  guint n;
  gboolean is_staple;
} Request;

static void
done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Outcome *outcome = owner;

  g_assert_false (outcome->is_done);
  outcome->is_done = TRUE;
  outcome->at_us += ike_sim_now_us (outcome->bench->sim);
  outcome->error = g_strdup (error);
  if (result && data)
    outcome->staple = result;
  else if (result) {
    outcome->verdict = *(IkeRevocationVerdict *) result;
    g_free (result);
  }
}

static const IkeCallClass call_class = {
  .struct_size = sizeof call_class,
  .name = "test check",
  .timeout_ms = 3600 * 1000,
  .then = done,
  .undo = g_free,
};

static void
begin (gpointer data)
{
  Request *request = data;
  Bench *bench = request->outcome->bench;
  IkeRevocationQuery query = { .struct_size = sizeof query,
                               .policy = request->policy,
                               .chain = request->chain,
                               .n = request->n,
                               .ocsp = request->stapled,
                               .n_ocsp = request->n_stapled };
  IkeCall *call = ike_loop_call (ike_engine_shard (bench->engine, 0), &call_class, request->outcome,
                                 GINT_TO_POINTER (request->is_staple));

  if (request->is_staple)
    bench->ops->staple (bench->plugin, request->chain[0], request->chain[1], call);
  else
    bench->ops->check (bench->plugin, &query, call);
}

static void
request_free (gpointer data)
{
  Request *request = data;

  for (guint i = 0; i < request->n_stapled; i++)
    g_bytes_unref (request->stapled[i]);
  g_free (request);
}

static void
ask_full (Bench *bench, const IkeRevocationQuery *query, gboolean is_staple, Outcome *outcome)
{
  Request *request = g_new0 (Request, 1);

  *outcome = (Outcome){ .bench = bench, .at_us = -ike_sim_now_us (bench->sim) };
  request->outcome = outcome;
  request->is_staple = is_staple;
  request->policy = query->policy;
  request->n = query->n;
  memcpy (request->chain, query->chain, query->n * sizeof *query->chain);
  for (guint i = 0; i < query->n_ocsp; i++)
    request->stapled[request->n_stapled++] = g_bytes_ref (query->ocsp[i]);
  ike_loop_post (ike_engine_shard (bench->engine, 0), begin, request, request_free);
}

void
ask_with (Bench *bench, const IkeRevocationQuery *query, Outcome *outcome)
{
  ask_full (bench, query, FALSE, outcome);
}

void
ask (Bench *bench, guint policy, Outcome *outcome)
{
  IkeCert *chain[] = { bench->leaf, bench->ca, bench->root };
  IkeRevocationQuery query = { .policy = policy, .chain = chain, .n = 3 };

  ask_with (bench, &query, outcome);
}

void
ask_staple (Bench *bench, Outcome *outcome)
{
  IkeCert *chain[] = { bench->leaf, bench->ca };
  IkeRevocationQuery query = { .chain = chain, .n = 2 };

  ask_full (bench, &query, TRUE, outcome);
}

void
run (Bench *bench)
{
  while (ike_sim_step (bench->sim, G_MAXINT64))
    ;
}

void
run_for (Bench *bench, gint64 seconds)
{
  gint64 until = ike_sim_now_us (bench->sim) + seconds * G_USEC_PER_SEC;

  while (ike_sim_step (bench->sim, until))
    ;
}

void
outcome_clear (Outcome *outcome)
{
  g_clear_pointer (&outcome->error, g_free);
  g_clear_pointer (&outcome->staple, g_bytes_unref);
}

void
assert_verdict (Bench *bench, guint policy, gboolean is_good, gboolean is_revoked,
                const char *reason)
{
  Outcome outcome;

  ask (bench, policy, &outcome);
  run_for (bench, 10);
  g_assert_true (outcome.is_done);
  g_assert_cmpstr (outcome.error, ==, NULL);
  if (outcome.verdict.is_good != is_good || outcome.verdict.is_revoked != is_revoked
      || (reason ? !strstr (outcome.verdict.reason, reason) : outcome.verdict.reason[0] != 0))
    g_error ("good %d, revoked %d: \"%s\", and not \"%s\"", outcome.verdict.is_good,
             outcome.verdict.is_revoked, outcome.verdict.reason, reason ? reason : "");
  outcome_clear (&outcome);
}

/* -- commands */

static void
command_done (gpointer transport, const IkeTree *result, const char *code, const char *message)
{
  g_assert_cmpstr (code, ==, NULL);
  *(IkeTree **) transport = ike_tree_copy (result);
}

static const IkeRequestSink sink = { .struct_size = sizeof sink, .done = command_done };

typedef struct {
  Bench *bench;
  const char *name;
  IkeTree **result;
} Command;

static void
command_run (gpointer data)
{
  Command *command = data;

  ike_command_run (command->bench->engine, command->name, NULL, FALSE, &sink, command->result);
}

IkeTree *
bench_command (Bench *bench, const char *name)
{
  IkeTree *result = NULL;
  Command command = { bench, name, &result };

  ike_loop_post (ike_engine_control (bench->engine), command_run, &command, NULL);
  run_for (bench, 1);
  g_assert_nonnull (result);
  return result;
}

/* -- tests */

typedef struct {
  void (*test) (guint32 flags);
  guint32 flags;
} Test;

static void
run_test (gconstpointer data)
{
  const Test *test = data;

  test->test (test->flags);
}

void
add_test (const char *name, void (*test) (guint32 flags))
{
  static const struct {
    const char *name;
    guint32 flags;
  } modes[] = {
    { "plain", 0 },
    { "shuffled", IKE_ENGINE_SHUFFLE },
    { "foreign-answers", IKE_ENGINE_FORCE_WAITS | IKE_ENGINE_FOREIGN_ANSWERS },
  };

  for (guint i = 0; i < G_N_ELEMENTS (modes); i++) {
    g_autofree char *path = g_strdup_printf ("/revocation/%s/%s", name, modes[i].name);
    Test *one = g_new (Test, 1);
    *one = (Test){ test, modes[i].flags };
    g_test_add_data_func_full (path, one, run_test, g_free);
  }
}
