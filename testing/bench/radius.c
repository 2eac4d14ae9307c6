/* SPDX-License-Identifier: Apache-2.0 */
/* radius.c - users by EAP-MSCHAPv2 over RADIUS: a gateway, its clients and a RADIUS server are
 * three engines in one process, over net-sim and kernel-fake, in virtual time.  All users begin at
 * once. With --stop they begin a millisecond apart, the server says nothing any more from the
 * middle on, and SAs that are up are asked for life meanwhile.  Prints "name value" lines;
 * testing/bench/run makes tables of them.
 *
 * usage: bench-radius [--count N] [--stop] */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ikebana/model.h>
#include <ikebana/sa.h>
#include "bench/radius_server.h"
#include "bench/bench_engine.h"

enum { CLIENTS, GATEWAY, SERVER, WIRE, N_PARTS };

typedef struct {
  IkeSim *sim;
  IkeEngine *engines[3];
  gint64 *took_us; /* of each user that got in */
  guint n, n_up, n_failed, n_over;
  guint stop_at;       /* with --stop: so many are in */
  GHashTable *reasons; /* why others did not: text → how many */
} Bench;

typedef struct {
  Bench *bench;
  gint64 began_us;
} User;

static double
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

/* -- settings */

#define SECRET "correct-horse-battery-staple"
#define PASSWORDS(text, i)                                                                         \
  g_string_append_printf (text, " eap-%u { id = user-%u\n secret = pass-%u\n }\n", i, i, i)

static char *
settings_of_clients (guint n, guint n_idle)
{
  GString *text = g_string_new (
      "core { shards = 1\n log_rate = 0\n log { default = error } }\n"
      "plugins { net-sim { load = yes\n addresses = 10.0.0.1 }\n kernel-fake { load = yes\n"
      " addresses = 10.0.0.1 } }\n secrets { ike-gw { secret = " SECRET " }\n");

  for (guint i = 0; i < n; i++)
    PASSWORDS (text, i);
  g_string_append (text, "}\nconnections {\n");
  for (guint i = 0; i < n + n_idle; i++) {
    g_autofree char *net =
        g_strdup_printf ("local_ts = 10.%u.%u.0/24\n", 100 + i / 256 % 100, i % 256);
    g_string_append_printf (
        text,
        " user-%u { local_addrs = 10.0.0.1\n remote_addrs = 10.0.0.2\n %s\n"
        "  proposals = aes256gcm16-prfsha256-x25519\n"
        "  local { auth = %s\n id = user-%u }\n remote { auth = psk\n id = %s.test }\n"
        "  children { net { %s remote_ts = 10.2.0.0/16\n esp_proposals = aes256gcm16 } } }\n",
        i, i < n ? "vips = 0.0.0.0" : "", i < n ? "eap-mschapv2" : "psk", i, i < n ? "gw" : "idle",
        i < n ? "" : net);
  }
  return g_string_free (g_string_append (text, "}\n"), FALSE);
}

static char *
settings_of_gateway (void)
{
  return g_strdup (
      "core { shards = 1\n log_rate = 0\n block_threshold = 0\n block_threshold_prefix = 0\n"
      " log { default = error } }\n"
      "plugins { net-sim { load = yes\n addresses = 10.0.0.2 }\n kernel-fake { load = yes\n"
      " addresses = 10.0.0.2 }\n radius { servers { one { address = 10.0.0.3\n"
      " secret = " RADIUS_SERVER_SECRET " } } } }\n"
      "connections {\n rw { local_addrs = 10.0.0.2\n remote_addrs = %any\n pools = rw\n"
      "  proposals = aes256gcm16-prfsha256-x25519\n"
      "  local { auth = psk\n id = gw.test }\n remote { auth = eap-radius\n eap_id = %any }\n"
      "  children { net { local_ts = 10.2.0.0/16\n esp_proposals = aes256gcm16 } } }\n"
      " idle { local_addrs = 10.0.0.2\n remote_addrs = %any\n dpd_delay = 10s\n"
      "  proposals = aes256gcm16-prfsha256-x25519\n"
      "  local { auth = psk\n id = idle.test }\n remote { auth = psk }\n"
      "  children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.0.0.0/8\n"
      "   esp_proposals = aes256gcm16 } } } }\n"
      "pools { rw { addrs = 10.3.0.0/16 } }\n"
      "secrets { ike-gw { secret = " SECRET " } }\n");
}

static char *
settings_of_server (guint n)
{
  GString *text = g_string_new ("core { shards = 1\n log { default = error } }\nsecrets {\n");

  for (guint i = 0; i < n; i++)
    PASSWORDS (text, i);
  return g_string_free (g_string_append (text, "}\n"), FALSE);
}

static IkeEngine *
engine_new (Bench *bench, guint i, char *settings_take)
{
  static const char *const plugins[3][16] = {
    { "ikev2", "crypto-openssl", "auth-psk", "eap", "eap-identity", "eap-mschapv2", "net-sim",
      "kernel-fake", "store-file", "config-payload", NULL },
    { "ikev2", "crypto-openssl", "auth-psk", "eap", "eap-identity", "eap-radius", "radius",
      "net-sim", "kernel-fake", "store-file", "config-payload", "pool-memory", "bench-radius",
      NULL },
    { "crypto-openssl", "eap", "eap-identity", "eap-mschapv2", "store-file", NULL },
  };
  static const IkePluginInfo *const builtin[] = { &radius_server_transport, NULL };
  g_autofree char *settings = settings_take;
  return bench_engine_new (&(IkeEngineOptions){
      .name = i == CLIENTS   ? "clients"
              : i == GATEWAY ? "gateway"
                             : "server",
      .sim = bench->sim,
      .n_shards = 1,
      .settings = settings,
      .plugins = plugins[i],
      .builtin = i == GATEWAY ? builtin : NULL,
  });
}

/* -- setups */

static void
user_is_over (gpointer owner, gpointer data, gpointer result, const char *error)
{
  User *user = owner;
  Bench *bench = user->bench;

  bench->n_over++;
  if (error) {
    gpointer n = g_hash_table_lookup (bench->reasons, error);
    g_hash_table_insert (bench->reasons, g_strdup (error),
                         GUINT_TO_POINTER (GPOINTER_TO_UINT (n) + 1));
    bench->n_failed++;
  } else
    bench->took_us[bench->n_up++] = ike_sim_now_us (bench->sim) - user->began_us;
  if (bench->stop_at && bench->n_up == bench->stop_at)
    radius_server_stop (ike_sim_shared (bench->sim, RADIUS_SERVER, NULL, NULL));
  ike_tree_free (result);
  g_free (user);
}

static const IkeCallClass user_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "bench user",
  .timeout_ms = 3600 * 1000,
  .then = user_is_over,
  .undo = (GDestroyNotify) ike_tree_free,
};

/* @apart_ms from one to the next. */
typedef struct {
  Bench *bench;
  guint next, end, apart_ms;
} Start;

static void
start_one (Bench *bench, guint i)
{
  IkeEngine *clients = bench->engines[CLIENTS];
  g_autoptr (IkeConfig) config = ike_engine_config (clients);
  g_autofree char *name = g_strdup_printf ("user-%u", i);
  User *user = g_new0 (User, 1);

  *user = (User){ bench, ike_sim_now_us (bench->sim) };
  ike_initiate (clients, ike_config_conn (config, name), "net",
                ike_loop_call (ike_engine_control (clients), &user_call, user, NULL));
}

static void
start_users (gpointer data)
{
  Start *start = data;
  IkeLoop *control = ike_engine_control (start->bench->engines[CLIENTS]);

  do
    start_one (start->bench, start->next++);
  while (start->next < start->end && !start->apart_ms);
  if (start->next < start->end)
    ike_loop_timer_add (control, start->apart_ms, start_users, g_memdup2 (start, sizeof *start),
                        g_free);
}

static void
begin (Bench *bench, guint first, guint n, guint apart_ms)
{
  Start *start = g_new (Start, 1);

  *start = (Start){ bench, first, first + n, apart_ms };
  ike_loop_post (ike_engine_control (bench->engines[CLIENTS]), start_users, start, g_free);
}

static guint
next_part (const Bench *bench)
{
  IkeLoop *next = ike_sim_next_loop (bench->sim);

  for (guint i = 0; next && i < G_N_ELEMENTS (bench->engines); i++)
    if (ike_loop_engine (next) == bench->engines[i])
      return i;
  return WIRE;
}

/* Steps until so many are over; the clock is read where the next item is of somebody else. */
static void
run_until (Bench *bench, guint n_over, gint64 until_us, double spent_ns[N_PARTS])
{
  guint part = next_part (bench), next;
  double begin = now_ns (), now;

  while (bench->n_over < n_over && ike_sim_step (bench->sim, until_us)) {
    next = next_part (bench);
    if (next == part)
      continue;
    now = now_ns ();
    spent_ns[part] += now - begin;
    begin = now;
    part = next;
  }
  spent_ns[part] += now_ns () - begin;
}

static int
compare_us (gconstpointer a, gconstpointer b)
{
  return *(const gint64 *) a < *(const gint64 *) b ? -1 : *(const gint64 *) a > *(const gint64 *) b;
}

static double
percentile_ms (gint64 *us, guint n, double share)
{
  qsort (us, n, sizeof *us, compare_us);
  return n ? (double) us[MIN ((guint) (share * n), n - 1)] / 1e3 : 0;
}

/* -- asking for life meanwhile */

typedef struct {
  gint64 *asked_us; /* by unique ID of the SA; 0: it is not asked */
  gint64 *took_us;
  guint n, max, n_ids;
} Lives;

static Lives lives;

static IkeHookVerdict
on_message (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  gint64 now = ike_sa_now_us (sa);
  guint id = ike_sa_unique_id (sa);

  if (event->exchange != 37 || id >= lives.n_ids || !ike_sa_conn (sa)
      || strcmp (ike_sa_conn (sa)->name, "idle") != 0)
    return IKE_HOOK_PASS;
  if (!event->is_inbound && event->is_request)
    lives.asked_us[id] = now;
  else if (event->is_inbound && !event->is_request && lives.asked_us[id] && lives.n < lives.max)
    lives.took_us[lives.n++] = now - lives.asked_us[id];
  return IKE_HOOK_PASS;
}

/* What the gateway tells its operator. */
static guint n_explained;
static char *explained;

static void
on_failure (IkePlugin *self, const IkeEvent *event)
{
  n_explained++;
  g_free (explained);
  explained = g_strdup (ike_tree_string (ike_event_body (event), "reason", "nothing"));
}

gboolean
radius_server_watch (IkePlugin *self, GError **error)
{
  ike_tap_add (self, "negotiation-failed", on_failure);
  return ike_message_hook_add (self, "bench-radius", NULL, on_message, error);
}

static void
lives_init (guint n)
{
  lives.n_ids = 16 * n;
  lives.max = 100 * n;
  lives.asked_us = g_new0 (gint64, lives.n_ids);
  lives.took_us = g_new0 (gint64, lives.max);
}

static double
lives_p99_ms (void)
{
  double p99 = percentile_ms (lives.took_us, lives.n, 0.99);

  lives.n = 0;
  return p99;
}

static void
print_reasons (const Bench *bench)
{
  GHashTableIter iter;
  gpointer text, n;

  g_hash_table_iter_init (&iter, bench->reasons);
  while (g_hash_table_iter_next (&iter, &text, &n))
    fprintf (stderr, "%u clients: %s\n", GPOINTER_TO_UINT (n), (const char *) text);
  if (n_explained)
    fprintf (stderr, "%u at the gateway, such as: %s\n", n_explained, explained);
}

/* SAs without RADIUS that are up before, and asked for life all the time. */
static void
bring_up_idle (Bench *bench, guint first, guint n, double spent_ns[N_PARTS])
{
  begin (bench, first, n, 0);
  run_until (bench, n, G_MAXINT64, spent_ns);
  if (bench->n_up != n) {
    print_reasons (bench);
    g_error ("%u of %u without RADIUS came up", bench->n_up, n);
  }
  run_until (bench, G_MAXUINT, ike_sim_now_us (bench->sim) + 60 * G_USEC_PER_SEC, spent_ns);
  printf ("dpd_p99_ms_before %.6g\n", lives_p99_ms ());
  bench->n_up = bench->n_over = 0;
}

static void
print_setups (Bench *bench, double spent_ns[N_PARTS], gint64 took_us, gsize heap)
{
  double cpu_s = 0;

  for (guint i = 0; i < N_PARTS; i++)
    cpu_s += spent_ns[i] / 1e9;
  printf ("users_up %u\nusers_refused %u\n", bench->n_up, bench->n_failed);
  printf ("virtual_s %.6g\n", (double) took_us / G_USEC_PER_SEC);
  printf ("users_per_cpu_s_of_gateway %.6g\n", bench->n / (spent_ns[GATEWAY] / 1e9));
  printf ("users_per_cpu_s_of_all %.6g\n", bench->n / cpu_s);
  printf ("gateway_us_per_user %.6g\n", spent_ns[GATEWAY] / 1e3 / bench->n);
  printf ("client_us_per_user %.6g\n", spent_ns[CLIENTS] / 1e3 / bench->n);
  printf ("server_us_per_user %.6g\n", spent_ns[SERVER] / 1e3 / bench->n);
  printf ("latency_p50_ms %.6g\n", percentile_ms (bench->took_us, bench->n_up, 0.5));
  printf ("latency_p99_ms %.6g\n", percentile_ms (bench->took_us, bench->n_up, 0.99));
  printf ("heap_per_user_both_ends %.6g\n", (double) heap / MAX (bench->n_up, 1));
}

int
main (int argc, char **argv)
{
  int n_count = 1000;
  gboolean stops = FALSE;
  GOptionEntry entries[] = { { "count", 0, 0, G_OPTION_ARG_INT, &n_count, "users", "N" },
                             { "stop", 0, 0, G_OPTION_ARG_NONE, &stops,
                               "the server stops when half of them are in", NULL },
                             { NULL } };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  double spent_ns[N_PARTS] = { 0 };
  Bench bench = { 0 };
  gint64 began_us;
  gsize heap;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);
  bench.n = (guint) n_count;
  bench.took_us = g_new0 (gint64, 2 * bench.n);
  bench.reasons = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  lives_init (bench.n);
  bench.sim = ike_sim_new (1);
  ike_sim_shared (bench.sim, RADIUS_SERVER, radius_server_new, radius_server_free);
  bench.engines[SERVER] = engine_new (&bench, SERVER, settings_of_server (bench.n));
  radius_server_serve (ike_sim_shared (bench.sim, RADIUS_SERVER, NULL, NULL), bench.engines[SERVER],
                       "mschapv2");
  bench.engines[GATEWAY] = engine_new (&bench, GATEWAY, settings_of_gateway ());
  bench.engines[CLIENTS] =
      engine_new (&bench, CLIENTS, settings_of_clients (bench.n, stops ? bench.n : 0));
  if (stops) {
    bring_up_idle (&bench, bench.n, bench.n, spent_ns);
    bench.stop_at = bench.n / 2;
  }
  memset (spent_ns, 0, sizeof spent_ns);
  heap = mallinfo2 ().uordblks;
  began_us = ike_sim_now_us (bench.sim);
  begin (&bench, 0, bench.n, stops ? 1 : 0);
  run_until (&bench, bench.n, G_MAXINT64, spent_ns);
  heap = mallinfo2 ().uordblks - heap;
  print_setups (&bench, spent_ns, ike_sim_now_us (bench.sim) - began_us, heap);
  if (stops)
    printf ("dpd_p99_ms_meanwhile %.6g\n", lives_p99_ms ());
  fflush (stdout);
  print_reasons (&bench);
  _exit (EXIT_SUCCESS);
}
