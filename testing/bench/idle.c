/* SPDX-License-Identifier: Apache-2.0 */
/* idle.c - what SAs cost that only live: one end has them and asks all peers for life, or replaces
 * them, the other one answers.  Two engines in one process over net-sim and kernel-fake; hours of
 * their clock, by the CPU time of each.  Prints "name value" lines; testing/bench/run makes tables
 * of them.
 *
 * usage: bench-idle [--count N] [--delay SECONDS] [--minutes N] [--rekey-ike SECONDS]
 *          [--rekey-child SECONDS] [--pfs] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ikebana/model.h>
#include <ikebana/sa.h>
#include "bench/bench_engine.h"

enum { ASKER, ANSWERER, WIRE, N_PARTS };

typedef struct {
  IkeSim *sim;
  IkeEngine *engines[2];
  IkeConn *conn;
  char *error; /* of the setup that runs; "" when it worked */
} Bench;

/* What the asker does; 0: never. */
typedef struct {
  int delay, rekey_ike, rekey_child;
  gboolean has_pfs;
} Ask;

static double
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

static IkeEngine *
engine_new (Bench *bench, guint i, const Ask *ask)
{
  static const char *const plugins[] = { "ikev2",       "crypto-openssl", "auth-psk", "net-sim",
                                         "kernel-fake", "store-file",     NULL };
  g_autofree char *settings = g_strdup_printf (
      "core { shards = 1\n log_rate = 0\n log { default = notice } }\n"
      "plugins { net-sim { load = yes\n addresses = 10.0.0.%u }\n kernel-fake { load = yes } }\n"
      "connections { pair {\n local_addrs = 10.0.0.%u\n remote_addrs = 10.0.0.%u\n dpd_delay = %d\n"
      "    rekey_time = %d\n over_time = 100000\n rand_time = %d\n"
      "    proposals = aes256gcm16-prfsha256-x25519\n"
      "    local { auth = psk\n id = %c.test }\n remote { auth = psk\n id = %c.test }\n"
      "    children { net { local_ts = 10.%u.0.0/16\n remote_ts = 10.%u.0.0/16\n"
      "      rekey_time = %d\n life_time = 100000\n rand_time = %d\n"
      "      esp_proposals = aes256gcm16%s } } } }\n"
      "secrets { ike-pair { secret = correct-horse-battery } }\n",
      i + 1, i + 1, 2 - i, i ? 0 : ask->delay, i ? 0 : ask->rekey_ike, i ? 0 : ask->rekey_ike / 2,
      "ab"[i], "ba"[i], i + 1, 2 - i, i ? 0 : ask->rekey_child, i ? 0 : ask->rekey_child / 2,
      ask->has_pfs ? "-x25519" : "");
  return bench_engine_new (&(IkeEngineOptions){
      .name = i ? "b" : "a",
      .sim = bench->sim,
      .n_shards = 1,
      .settings = settings,
      .plugins = plugins,
  });
}

static void
up_done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  ((Bench *) owner)->error = g_strdup (error ? error : "");
  ike_tree_free (result);
}

static const IkeCallClass up_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "bench up",
  .timeout_ms = 3600 * 1000,
  .then = up_done,
  .undo = (GDestroyNotify) ike_tree_free,
};

static void
start_up (gpointer data)
{
  Bench *bench = data;

  ike_initiate (bench->engines[ASKER], bench->conn, NULL,
                ike_loop_call (ike_engine_control (bench->engines[ASKER]), &up_call, bench, NULL));
}

/* Each is of a connection with a name of its own, or it would be the same one. */
static void
one_up (Bench *bench, int number)
{
  g_free (bench->conn->name);
  bench->conn->name = g_strdup_printf ("peer-%d", number);
  ike_loop_post (ike_engine_control (bench->engines[ASKER]), start_up, bench, NULL);
  while (!bench->error)
    ike_sim_step (bench->sim, G_MAXINT64);
  if (*bench->error)
    g_error ("setup %d: %s", number, bench->error);
  g_clear_pointer (&bench->error, g_free);
}

static guint
next_part (const Bench *bench)
{
  IkeLoop *next = ike_sim_next_loop (bench->sim);

  return !next ? WIRE : ike_loop_engine (next) == bench->engines[ANSWERER] ? ANSWERER : ASKER;
}

/* The clock is read where the next item is of somebody else. */
static void
idle (Bench *bench, gint64 us, double spent_ns[N_PARTS])
{
  gint64 until = ike_sim_now_us (bench->sim) + us;
  guint part = next_part (bench), next;
  double begin = now_ns (), now;
  gboolean goes_on = TRUE;

  while (goes_on) {
    goes_on = ike_sim_step (bench->sim, until);
    next = next_part (bench);
    if (goes_on && next == part)
      continue;
    now = now_ns ();
    spent_ns[part] += now - begin;
    begin = now;
    part = next;
  }
}

/* By the CPU time of both ends together. */
static void
print_rekeys (const Bench *bench, const double spent_ns[N_PARTS])
{
  static const char *const names[] = { "ike.rekeyed", "child.rekeyed" };
  double cpu_s = (spent_ns[ASKER] + spent_ns[ANSWERER]) / 1e9;
  guint64 n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    n += ike_counter_get (bench->engines[ASKER], names[i]);
  if (!n)
    return;
  printf ("rekeys %" G_GUINT64_FORMAT "\n", n);
  printf ("rekeys_per_cpu_s %.6g\n", (double) n / cpu_s);
  printf ("us_per_rekey_at_each_end %.6g\n", cpu_s * 1e6 / 2 / (double) n);
}

int
main (int argc, char **argv)
{
  int n_count = 10000, minutes = 10;
  Ask ask = { 30, 0, 0, FALSE };
  double spent_ns[N_PARTS] = { 0 }, hours;
  GOptionEntry entries[] = {
    { "count", 0, 0, G_OPTION_ARG_INT, &n_count, "SAs", "N" },
    { "delay", 0, 0, G_OPTION_ARG_INT, &ask.delay, "dpd_delay; 0: nobody is asked", "SECONDS" },
    { "rekey-ike", 0, 0, G_OPTION_ARG_INT, &ask.rekey_ike, "rekey_time of IKE SAs", "SECONDS" },
    { "rekey-child", 0, 0, G_OPTION_ARG_INT, &ask.rekey_child, "the same of CHILD_SAs", "SECONDS" },
    { "pfs", 0, 0, G_OPTION_ARG_NONE, &ask.has_pfs, "CHILD_SAs with X25519", NULL },
    { "minutes", 0, 0, G_OPTION_ARG_INT, &minutes, "of the engines' clock", "N" },
    { NULL }
  };
  GOptionContext *context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeConfig) config = NULL;
  Bench bench = { 0 };
  guint64 sent;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);
  g_option_context_free (context);
  bench.sim = ike_sim_new (1);
  bench.engines[ASKER] = engine_new (&bench, ASKER, &ask);
  bench.engines[ANSWERER] = engine_new (&bench, ANSWERER, &ask);
  config = ike_engine_config (bench.engines[ASKER]);
  if (!config || !ike_config_conn (config, "pair"))
    g_error ("the connection is not there; is IKE_TOP_BUILDDIR set?");
  bench.conn = ike_conn_ref (ike_config_conn (config, "pair"));
  for (int i = 0; i < n_count; i++)
    one_up (&bench, i);
  sent = ike_counter_get (bench.engines[ASKER], "output.sent");
  idle (&bench, (gint64) minutes * 60 * G_USEC_PER_SEC, spent_ns);
  if (ike_counter_get (bench.engines[ASKER], "ike.established") != (guint64) n_count
      || ike_counter_get (bench.engines[ASKER], "ike.closed") != 0)
    g_error ("not all are up");
  hours = minutes / 60.0;
  sent = ike_counter_get (bench.engines[ASKER], "output.sent") - sent;
  printf ("asker_cpu_s_per_hour %.6g\n", spent_ns[ASKER] / 1e9 / hours);
  printf ("answerer_cpu_s_per_hour %.6g\n", spent_ns[ANSWERER] / 1e9 / hours);
  printf ("wire_cpu_s_per_hour %.6g\n", spent_ns[WIRE] / 1e9 / hours);
  printf ("asked_per_hour %.6g\n", (double) sent / hours);
  if (sent)
    printf ("asker_us_per_question %.6g\n", spent_ns[ASKER] / 1e3 / (double) sent);
  print_rekeys (&bench, spent_ns);
  fflush (stdout);
  _exit (EXIT_SUCCESS);
}
