/* SPDX-License-Identifier: Apache-2.0 */
/* xfrm.c - how fast kernel-xfrm gets SAs and policies into the kernel and out of it, and what they
 * cost there and here; to be run by xfrm-installs in a namespace of its own. */
#include "config.h"
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <ikebana/engine.h>
#include <ikebana/kernel.h>

enum { IN_FLIGHT = 1000, N_SHARDS = 1 };

typedef struct {
  guint n;                                    /* children */
  gboolean is_removing;
  guint    n_begun, n_done;
  gint64   begun_us;
  struct rusage begun_use;
  struct mallinfo2 heap;
  guint64  available_kb;
  IkeEngine *engine;
  const IkeProvided *kernel;
  const IkeKernelClass *klass;
} Bench;

static guint8 key[64] = { 1, 2, 3 };

static void
set_net (IkeSelector *selector, const char *text)
{
  if (!ike_selector_parse (selector, text, NULL))
    g_error ("%s is no selector", text);
}

static void
fill (guint k, IkeKernelSa sas[2], IkeKernelPolicy policies[3])
{
  static const IkeDirection directions[] = { IKE_DIR_OUT, IKE_DIR_IN, IKE_DIR_FWD };
  char inner[2][32];
  g_snprintf (inner[0], sizeof inner[0], "10.0.0.0/16");
  g_snprintf (inner[1], sizeof inner[1], "10.%u.%u.%u/32", 1 + (k >> 16), k >> 8 & 255, k & 255);
  memset (sas, 0, 2 * sizeof *sas);
  memset (policies, 0, 3 * sizeof *policies);
  for (guint i = 0; i < 2; i++) {
    IkeKernelSa *sa = &sas[i];
    *sa = (IkeKernelSa){ .struct_size = sizeof *sa,
                         .protocol = IKE_PROTOCOL_ESP,
                         .mode = IKE_MODE_TUNNEL,
                         .direction = i ? IKE_DIR_OUT : IKE_DIR_IN,
                         .spi = 0x10000000 * (i + 1) + k,
                         .reqid = 1 + k,
                         .encr = { IKE_TRANSFORM_ENCR, 0, 20, 256 },
                         .encr_key = key,
                         .encr_key_len = 36,
                         .replay_window = i ? 0 : 32,
                         .child = k };
    (void) ike_addr_parse (i ? &sa->source : &sa->destination, "192.0.2.1", NULL);
    (void) ike_addr_parse (i ? &sa->destination : &sa->source, "192.0.2.2", NULL);
  }
  for (guint i = 0; i < 3; i++) {
    gboolean is_out = directions[i] == IKE_DIR_OUT;
    policies[i] = (IkeKernelPolicy){ .struct_size = sizeof policies[i],
                                     .direction = (guint8) directions[i],
                                     .mode = IKE_MODE_TUNNEL,
                                     .protocol = IKE_PROTOCOL_ESP,
                                     .reqid = 1 + k,
                                     .spi = is_out ? sas[1].spi : 0,
                                     .outer_source = sas[is_out].source,
                                     .outer_destination = sas[is_out].destination };
    set_net (&policies[i].source, inner[!is_out]);
    set_net (&policies[i].destination, inner[is_out]);
  }
}

static guint64
get_available_kb (void)
{
  g_autofree char *text = NULL;
  const char *at = g_file_get_contents ("/proc/meminfo", &text, NULL, NULL)
                       ? strstr (text, "MemAvailable:")
                       : NULL;
  return at ? g_ascii_strtoull (at + strlen ("MemAvailable:"), NULL, 10) : 0;
}

static double
seconds_of (const struct rusage *use)
{
  return (double) (use->ru_utime.tv_sec + use->ru_stime.tv_sec)
         + (double) (use->ru_utime.tv_usec + use->ru_stime.tv_usec) / 1e6;
}

static void next (Bench *bench);
static void finish (Bench *bench);

static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Bench *bench = owner;
  if (error)
    g_error ("%s", error);
  bench->n_done++;
  if (bench->n_begun < bench->n)
    next (bench);
  else if (bench->n_done == bench->n)
    finish (bench);
}

static const IkeCallClass call_class = { .struct_size = sizeof (IkeCallClass),
                                         .name = "bench",
                                         .timeout_ms = 600000,
                                         .then = answered };

static void
next (Bench *bench)
{
  IkeKernelSa sas[2];
  IkeKernelPolicy policies[3];
  IkeKernelBatch batch = { sizeof batch, 2, 3, sas, policies };
  IkeCall *call = ike_loop_call (ike_engine_control (bench->engine), &call_class, bench, NULL);
  fill (bench->n_begun++, sas, policies);
  if (bench->is_removing)
    bench->klass->remove (bench->kernel->plugin, call, &batch);
  else
    bench->klass->install (bench->kernel->plugin, call, &batch);
}

static void
start (gpointer data)
{
  Bench *bench = data;
  guint first = MIN (bench->n, (guint) IN_FLIGHT);
  bench->n_begun = bench->n_done = 0;
  bench->begun_us = g_get_monotonic_time ();
  getrusage (RUSAGE_SELF, &bench->begun_use);
  bench->heap = mallinfo2 ();
  bench->available_kb = get_available_kb ();
  while (bench->n_begun < first)
    next (bench);
}

static void
finish (Bench *bench)
{
  double wall = (double) (g_get_monotonic_time () - bench->begun_us) / G_USEC_PER_SEC;
  struct rusage use;
  struct mallinfo2 heap = mallinfo2 ();
  double cpu;
  getrusage (RUSAGE_SELF, &use);
  cpu = seconds_of (&use) - seconds_of (&bench->begun_use);
  printf ("%s %u SA pairs with 3 policies each: %.2f s, %.0f pairs/s, %.0f pairs per CPU second\n",
          bench->is_removing ? "removed" : "installed", bench->n, wall, bench->n / wall,
          bench->n / cpu);
  if (!bench->is_removing) {
    printf ("heap of the plugin: %.0f bytes for a pair with its policies\n",
            ((double) heap.uordblks - (double) bench->heap.uordblks) / bench->n);
    printf ("memory of the kernel: %.0f bytes for a pair with its policies\n",
            ((double) bench->available_kb - (double) get_available_kb ()) * 1024 / bench->n);
  }
  fflush (stdout);
  if (bench->is_removing) {
    ike_engine_quit (bench->engine);
    return;
  }
  bench->is_removing = TRUE;
  ike_loop_post (ike_engine_control (bench->engine), start, bench, NULL);
}

static void
log_text (const IkeLogRecord *record, gpointer data)
{
  if (record->level == IKE_LOG_ERROR)
    fprintf (stderr, "%s\n", record->text);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "net-udp", "kernel-xfrm", NULL };
  g_autofree char *dir = g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", ".libs", NULL);
  /* Of the kernel's hash of policies; "": as it is. */
  g_autofree char *settings = g_strdup_printf (
      "plugins { kernel-xfrm { state_dir = /tmp/bench-xfrm\n hash_ipv4 = \"%s\" } }",
      argc > 2 ? argv[2] : "");
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .plugin_dir = dir,
                               .catalog_file = "/nonexistent",
                               .n_shards = N_SHARDS,
                               .plugins = plugins,
                               .settings = settings,
                               .log_fallback = log_text };
  g_autoptr (GError) error = NULL;
  Bench bench = { .n = argc > 1 ? (guint) g_ascii_strtoull (argv[1], NULL, 10) : 10000 };
  bench.engine = ike_engine_new (&options, &error);
  if (!bench.engine || !ike_engine_start (bench.engine, &error)) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  bench.kernel = ike_feature_find (bench.engine, "kernel:ipsec", &error);
  if (!bench.kernel) {
    fprintf (stderr, "%s\n", error->message);
    return 77;
  }
  bench.klass = bench.kernel->ops;
  ike_loop_post (ike_engine_control (bench.engine), start, &bench, NULL);
  ike_engine_run (bench.engine);
  ike_engine_free (bench.engine);
  return 0;
}
