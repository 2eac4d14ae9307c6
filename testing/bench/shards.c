/* SPDX-License-Identifier: Apache-2.0 */
/* shards.c - two real engines in one process, over the loopback interface: the CPU time of a setup,
 * and how many datagrams one shard hands to another.  Prints "name value" lines.
 *
 * usage: bench-shards [--shards N] [--count N] [--no-cbpf] [--port N] [--proposal IKE-PROPOSAL]
 * (see README.md) */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ikebana/engine.h>
#include <ikebana/model.h>
#include <ikebana/sa.h>

enum { IN_FLIGHT = 32, DEADLINE_S = 60 };

typedef struct {
  int n_shards, n_count, port;
  gboolean has_no_cbpf;
  char *proposal;
} Options;

typedef struct {
  const Options *options;
  IkeEngine *engines[2];
  int n_begun, n_failed;                      /* control thread of the initiator */
  atomic_int n_done;                          /* -1: the responder is not there yet */
  double begin_us;                            /* CPU of the process */
} Bench;

static double
cpu_us (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6
         + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* -- engines */

/* An engine keeps one SA per connection that it begins, so there is one for each setup. */
static void
add_connections (GString *text, const Options *o, guint i)
{
  int k, n = i == 0 ? o->n_count : 1;

  for (k = 0; k < n; k++)
    g_string_append_printf (
        text,
        "c%d {\n local_addrs = 127.0.0.1\n remote_addrs = 127.0.0.1\n remote_port = %d\n"
        " proposals = %s\n"
        " local { auth = psk\n id = %c.test }\n remote { auth = psk\n id = %c.test }\n"
        " children { net%d { local_ts = 10.%u.0.0/16\n remote_ts = 10.%u.0.0/16\n"
        "  esp_proposals = aes256gcm16 } } }\n",
        k, o->port + (i == 0 ? 2 : 0), o->proposal, "ab"[i], "ba"[i], k, i + 1, 2 - i);
}

static char *
settings_of (const Options *o, guint i)
{
  GString *text = g_string_new (NULL);
  int port = o->port + 2 * (int) i;

  g_string_append_printf (text,
                          "core { log { default = notice } }\n"
                          "plugins { kernel-fake { load = yes }\n"
                          "  net-udp { port = %d\n port_nat_t = %d\n ipv6 = no\n cbpf = %s } }\n"
                          "secrets { ike-pair { secret = correct-horse-battery } }\n"
                          "connections {\n",
                          port, port + 1, o->has_no_cbpf ? "no" : "yes");
  add_connections (text, o, i);
  g_string_append (text, "}\n");
  return g_string_free (text, FALSE);
}

static void
show_error (const IkeLogRecord *record, gpointer data)
{
  if (record->level == IKE_LOG_ERROR)
    fprintf (stderr, "%s: %s\n", record->group, record->text);
}

static IkeEngine *
engine_new (const Options *o, guint i)
{
  static const char *const plugins[]
    = { "ikev2", "crypto-openssl", "auth-psk", "net-udp", "kernel-fake", "store-file", NULL };
  g_autofree char *settings = settings_of (o, i);
  g_autofree char *dir = g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", ".libs", NULL);
  g_autoptr (GError) error = NULL;
  IkeEngineOptions options = {
    .struct_size = sizeof options,
    .flags = IKE_ENGINE_NO_CONFIG,
    .name = i ? "b" : "a",
    .n_shards = (guint) o->n_shards,
    .n_offload = G_MAXUINT32,
    .settings = settings,
    .plugin_dir = dir,
    .plugins = plugins,
    .log_fallback = show_error,
  };
  IkeEngine *engine = ike_engine_new (&options, &error);

  if (!engine || !ike_engine_start (engine, &error))
    g_error ("%s", error->message);
  return engine;
}

/* -- setups */

static void begin_one (Bench *bench);

static void
up_done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Bench *bench = owner;

  if (error && bench->n_failed++ == 0)
    fprintf (stderr, "up: %s\n", error);
  ike_tree_free (result);
  atomic_fetch_add (&bench->n_done, 1);
  begin_one (bench);
}

static const IkeCallClass up_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "bench up",
  .timeout_ms = DEADLINE_S * 1000,
  .then = up_done,
  .undo = (GDestroyNotify) ike_tree_free,
};

static void
begin_one (Bench *bench)
{
  g_autoptr (IkeConfig) config = ike_engine_config (bench->engines[0]);
  char name[24];
  IkeConn *conn;

  if (bench->n_begun == bench->options->n_count)
    return;
  g_snprintf (name, sizeof name, "c%d", bench->n_begun++);
  conn = ike_config_conn (config, name);
  if (!conn)
    g_error ("the connection is not there; is IKE_TOP_BUILDDIR set?");
  ike_initiate (bench->engines[0], conn, NULL,
                ike_loop_call (ike_engine_control (bench->engines[0]), &up_call, bench, NULL));
}

static void
begin_all (gpointer data)
{
  Bench *bench = data;
  int i;

  bench->begin_us = cpu_us ();
  for (i = 0; i < IN_FLIGHT; i++)
    begin_one (bench);
}

/* The thread that made an engine is its control thread. */
static void *
run_responder (void *data)
{
  Bench *bench = data;

  bench->engines[1] = engine_new (bench->options, 1);
  atomic_store (&bench->n_done, 0);
  ike_engine_run (bench->engines[1]);
  return NULL;
}

/* -- what is told */

static void
tell (const char *name, double value)
{
  printf ("%s %.6g\n", name, value);
}

static void
tell_counters (Bench *bench)
{
  static const char *const names[] = { "shard.forwarded",       "shard.forwarded-first",
                                       "shard.forwarded-twice", "ike.established",
                                       "input.received",        "output.retransmits" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (names); i++)
    tell (names[i], (double) (ike_counter_get (bench->engines[0], names[i])
                              + ike_counter_get (bench->engines[1], names[i])));
}

/* The longest turn of a job on a shard, and how many went over the 5 ms that are reported as
 * stalls.  On the control thread of @engine. */
static void
tell_jobs (IkeEngine *engine, const char *whose)
{
  g_autoptr (IkeTree) tree = ike_engine_jobs (engine);
  const IkeTree *loops = ike_tree_get (tree, "loops");
  gint64 longest = 0, stalls = 0;
  const char *name = "none";
  guint i, k;

  for (i = 0; i < ike_tree_n (loops); i++) {
    const IkeTree *loop = ike_tree_nth (loops, i), *jobs = ike_tree_get (loop, "jobs");
    if (!strstr (ike_tree_string (loop, "name", ""), "shard"))
      continue;
    for (k = 0; k < ike_tree_n (jobs); k++) {
      const IkeTree *job = ike_tree_nth (jobs, k);
      stalls += ike_tree_int (job, "stalls", 0);
      if (ike_tree_int (job, "longest_us", 0) > longest) {
        longest = ike_tree_int (job, "longest_us", 0);
        name = ike_tree_string (job, "name", "");
      }
    }
  }
  printf ("%s.longest_us %" G_GINT64_FORMAT "\n%s.stalls %" G_GINT64_FORMAT "\n", whose, longest,
          whose, stalls);
  if (stalls)
    fprintf (stderr, "%s: %" G_GINT64_FORMAT " us in \"%s\"\n", whose, longest, name);
}

static void
end_at_responder (gpointer data)
{
  Bench *bench = data;

  tell_jobs (bench->engines[1], "responder");
  fflush (stdout);
  _exit (bench->n_failed ? EXIT_FAILURE : EXIT_SUCCESS);
}

static gboolean
is_over (gpointer data)
{
  Bench *bench = data;
  int n = atomic_load (&bench->n_done);

  if (n < bench->options->n_count)
    return FALSE;
  tell ("pairs_per_cpu_second", n / (cpu_us () - bench->begin_us) * 1e6);
  tell ("failed", bench->n_failed);
  tell_counters (bench);
  tell_jobs (bench->engines[0], "initiator");
  ike_loop_post (ike_engine_control (bench->engines[1]), end_at_responder, bench, NULL);
  return TRUE;
}

static void
look (gpointer data)
{
  Bench *bench = data;

  if (!is_over (bench))
    ike_loop_timer_add (ike_engine_control (bench->engines[0]), 20, look, bench, NULL);
}

int
main (int argc, char **argv)
{
  Options o = { .n_count = 2000, .n_shards = 2, .port = 20500 };
  GOptionEntry entries[] = {
    { "count", 0, 0, G_OPTION_ARG_INT, &o.n_count, "setups", "N" },
    { "shards", 0, 0, G_OPTION_ARG_INT, &o.n_shards, "shards of each engine", "N" },
    { "port", 0, 0, G_OPTION_ARG_INT, &o.port, "the first of four UDP ports", "N" },
    { "proposal", 0, 0, G_OPTION_ARG_STRING, &o.proposal, "of the IKE SAs", "TEXT" },
    { "no-cbpf", 0, 0, G_OPTION_ARG_NONE, &o.has_no_cbpf, "the kernel does not steer", NULL },
    { NULL }
  };
  GOptionContext *context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  Bench bench = { .options = &o };
  pthread_t responder;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);
  g_option_context_free (context);
  if (!o.proposal)
    o.proposal = g_strdup ("aes256gcm16-prfsha256-x25519");
  alarm (2 * DEADLINE_S);
  atomic_init (&bench.n_done, -1);
  if (pthread_create (&responder, NULL, run_responder, &bench) != 0)
    g_error ("no thread");
  while (atomic_load (&bench.n_done) < 0)
    usleep (1000);
  bench.engines[0] = engine_new (&o, 0);
  ike_loop_post (ike_engine_control (bench.engines[0]), begin_all, &bench, NULL);
  ike_loop_post (ike_engine_control (bench.engines[0]), look, &bench, NULL);
  ike_engine_run (bench.engines[0]);
  return EXIT_SUCCESS;
}
