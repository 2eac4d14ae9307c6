/* SPDX-License-Identifier: Apache-2.0 */
/* resumption.c - a gateway restarts, and all its clients come back: with tickets, and without, in
 * one run.  Clients and gateway are two engines in one process, over net-sim and kernel-fake, in
 * virtual time.  Clients find out by asking for life.  Prints "name value" lines.
 *
 * usage: bench-resumption [--count N] [--eap] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include <ikebana/model.h>
#include <ikebana/sa.h>
#include "bench/bench_engine.h"

enum { CLIENTS, GATEWAY, WIRE, N_PARTS };

typedef struct {
  gint n;
  gboolean is_eap;
  char *key_file;
} Options;

typedef struct {
  const Options *o;
  gboolean has_tickets;
  IkeSim *sim;
  IkeEngine *engines[2];
  guint n_up;
  gint64 begun_us; /* when the first one knew, and began anew */
  double spent_ns[N_PARTS];
} Bench;

typedef struct {
  double gateway_us, clients_us, found_out_s, back_s, full;
} Result;

static double
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

/* -- engines */

static char *
settings_of_clients (const Bench *bench)
{
  const Options *o = bench->o;
  GString *text = g_string_new (
      "core { shards = 1\n log_rate = 0\n log { default = error } }\n"
      "plugins { net-sim { load = yes\n addresses = 10.0.0.1 }\n kernel-fake { load = yes\n"
      " addresses = 10.0.0.1 } }\n secrets { ike-gw { secret = correct-horse }\n");

  for (gint i = 0; o->is_eap && i < o->n; i++)
    g_string_append_printf (text, " eap-%d { id = user-%d\n secret = pass-%d\n }\n", i, i, i);
  g_string_append (text, "}\nconnections {\n");
  for (gint i = 0; i < o->n; i++)
    g_string_append_printf (
        text,
        " user-%d { local_addrs = 10.0.0.1\n remote_addrs = 10.0.0.2\n resumption = %s\n"
        "  proposals = aes256gcm16-prfsha256-x25519\n dpd_delay = 60s\n retransmit_tries = 2\n"
        "  local { auth = %s\n id = user-%d }\n remote { auth = psk\n id = gw.test }\n"
        "  children { net { local_ts = 10.%d.%d.0/24\n remote_ts = 10.2.0.0/16\n"
        "   esp_proposals = aes256gcm16\n dpd_action = restart } } }\n",
        i, bench->has_tickets ? "yes" : "no", o->is_eap ? "eap-mschapv2" : "psk", i,
        100 + i / 256 % 100, i % 256);
  return g_string_free (g_string_append (text, "}\n"), FALSE);
}

static char *
settings_of_gateway (const Bench *bench)
{
  const Options *o = bench->o;
  GString *text = g_string_new (NULL);

  g_string_append_printf (
      text,
      "core { shards = 1\n log_rate = 0\n block_threshold = 0\n block_threshold_prefix = 0\n"
      " max_half_open = 100000\n log { default = error } }\n"
      "plugins { net-sim { load = yes\n addresses = 10.0.0.2 }\n kernel-fake { load = yes\n"
      " addresses = 10.0.0.2 }\n resumption { key_file = %s } }\n"
      "connections {\n rw { local_addrs = 10.0.0.2\n remote_addrs = %%any\n resumption = yes\n"
      "  proposals = aes256gcm16-prfsha256-x25519\n local { auth = psk\n id = gw.test }\n"
      "  remote { auth = %s }\n children { net { local_ts = 10.2.0.0/16\n"
      "   remote_ts = 10.0.0.0/8\n esp_proposals = aes256gcm16 } } } }\n"
      "secrets { ike-gw { secret = correct-horse }\n",
      o->key_file, o->is_eap ? "eap-mschapv2\n eap_id = %any" : "psk");
  for (gint i = 0; o->is_eap && i < o->n; i++)
    g_string_append_printf (text, " eap-%d { id = user-%d\n secret = pass-%d\n }\n", i, i, i);
  return g_string_free (g_string_append (text, "}\n"), FALSE);
}

static IkeEngine *
engine_new (Bench *bench, guint i)
{
  static const char *const plugins[] = {
    "ikev2",       "crypto-openssl", "auth-psk",   "eap", "eap-identity", "eap-mschapv2", "net-sim",
    "kernel-fake", "store-file",     "resumption", NULL
  };
  g_autofree char *settings =
      i == CLIENTS ? settings_of_clients (bench) : settings_of_gateway (bench);
  return bench_engine_new (&(IkeEngineOptions){
      .name = i == CLIENTS ? "clients" : "gateway",
      .sim = bench->sim,
      .n_shards = 1,
      .settings = settings,
      .plugins = plugins,
  });
}

/* -- setups */

static void
is_up (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Bench *bench = owner;

  if (error)
    g_error ("a client did not come up: %s", error);
  bench->n_up++;
  ike_tree_free (result);
}

static const IkeCallClass up_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "bench client",
  .timeout_ms = 3600 * 1000,
  .then = is_up,
  .undo = (GDestroyNotify) ike_tree_free,
};

static void
start_all (gpointer data)
{
  Bench *bench = data;
  IkeEngine *clients = bench->engines[CLIENTS];
  g_autoptr (IkeConfig) config = ike_engine_config (clients);

  for (gint i = 0; i < bench->o->n; i++) {
    g_autofree char *name = g_strdup_printf ("user-%d", i);
    ike_initiate (clients, ike_config_conn (config, name), "net",
                  ike_loop_call (ike_engine_control (clients), &up_call, bench, NULL));
  }
}

static guint
next_part (const Bench *bench)
{
  IkeLoop *next = ike_sim_next_loop (bench->sim);

  return !next ? WIRE : ike_loop_engine (next) == bench->engines[GATEWAY] ? GATEWAY : CLIENTS;
}

/* Steps until the gateway has all; the clock is read where the next item is of somebody else. */
static void
run_until_all (Bench *bench)
{
  guint part = next_part (bench), next;
  double begin = now_ns (), now;

  while (ike_counter_get (bench->engines[GATEWAY], "ike.established") < (guint64) bench->o->n) {
    if (!bench->begun_us
        && ike_counter_get (bench->engines[CLIENTS], "ike.initiated") > (guint64) bench->o->n)
      bench->begun_us = ike_sim_now_us (bench->sim);
    for (guint i = 0; i < 20 && ike_sim_step (bench->sim, G_MAXINT64); i++) {
      next = next_part (bench);
      if (next == part)
        continue;
      now = now_ns ();
      bench->spent_ns[part] += now - begin;
      begin = now;
      part = next;
    }
  }
  bench->spent_ns[part] += now_ns () - begin;
}

/* -- one run */

static Result
measure (const Options *o, gboolean has_tickets)
{
  Bench bench = { .o = o, .has_tickets = has_tickets, .sim = ike_sim_new (1) };
  gint64 restarted_us;
  Result result;

  bench.engines[CLIENTS] = engine_new (&bench, CLIENTS);
  bench.engines[GATEWAY] = engine_new (&bench, GATEWAY);
  ike_loop_post (ike_engine_control (bench.engines[CLIENTS]), start_all, &bench, NULL);
  while (bench.n_up < (guint) o->n)
    if (!ike_sim_step (bench.sim, G_MAXINT64))
      g_error ("not all come up");
  ike_engine_free (bench.engines[GATEWAY]);
  bench.engines[GATEWAY] = engine_new (&bench, GATEWAY);
  restarted_us = ike_sim_now_us (bench.sim);
  for (guint i = 0; i < N_PARTS; i++)
    bench.spent_ns[i] = 0;
  run_until_all (&bench);
  result = (Result){
    .gateway_us = bench.spent_ns[GATEWAY] / o->n / 1e3,
    .clients_us = bench.spent_ns[CLIENTS] / o->n / 1e3,
    .found_out_s = (double) (bench.begun_us - restarted_us) / 1e6,
    .back_s = (double) (ike_sim_now_us (bench.sim) - bench.begun_us) / 1e6,
    .full = (double) o->n - (double) ike_counter_get (bench.engines[GATEWAY], "resumption.resumed"),
  };
  ike_engine_free (bench.engines[CLIENTS]);
  ike_engine_free (bench.engines[GATEWAY]);
  ike_sim_free (bench.sim);
  return result;
}

static void
tell (const char *how, const Result *result)
{
  printf ("%s_gateway_us %.6g\n%s_clients_us %.6g\n%s_found_out_s %.6g\n%s_back_s %.6g\n"
          "%s_full_handshakes %.6g\n",
          how, result->gateway_us, how, result->clients_us, how, result->found_out_s, how,
          result->back_s, how, result->full);
}

static void
make_key_file (Options *o)
{
  static const char key[] = "0011223344556677 "
                            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
  g_autofree char *directory = g_dir_make_tmp ("bench-resumption-XXXXXX", NULL);

  o->key_file = g_build_filename (directory, "keys", NULL);
  if (!g_file_set_contents (o->key_file, key, -1, NULL) || g_chmod (o->key_file, 0600) != 0)
    g_error ("%s cannot be written", o->key_file);
}

int
main (int argc, char **argv)
{
  Options o = { .n = 10000 };
  GOptionEntry entries[] = {
    { "count", 0, 0, G_OPTION_ARG_INT, &o.n, "clients", "N" },
    { "eap", 0, 0, G_OPTION_ARG_NONE, &o.is_eap, "users by EAP-MSCHAPv2", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *directory = NULL;
  Result with, without;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);
  make_key_file (&o);
  without = measure (&o, FALSE);
  with = measure (&o, TRUE);
  tell ("without", &without);
  tell ("with", &with);
  printf ("gateway_ratio %.4g\nclients_ratio %.4g\nback_ratio %.4g\n",
          with.gateway_us / without.gateway_us, with.clients_us / without.clients_us,
          with.back_s / without.back_s);
  directory = g_path_get_dirname (o.key_file);
  g_unlink (o.key_file);
  g_rmdir (directory);
  return EXIT_SUCCESS;
}
