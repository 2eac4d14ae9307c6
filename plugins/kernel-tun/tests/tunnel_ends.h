/* SPDX-License-Identifier: Apache-2.0 */
/* tunnel_ends.h - the two ends of test_tunnel.c: an engine each, on a thread and in a namespace of its
 * own, and what the test asks of their kernel plugins.  One program includes it, once. */
#pragma once
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <pthread.h>
#include <ikebana/engine.h>
#include <ikebana/kernel.h>

enum { SKIP = 77, PATIENCE_S = 60, N_SHARDS = 2 };

/* One end of the tunnel. */
typedef struct {
  const char        *name;
  int                namespace;
  pthread_t          thread;
  IkeEngine         *engine;
  const IkeProvided *kernel, *net;
  atomic_int         is_ready, may_end;
} Side;

static Side left = { .name = "left", .namespace = -1 },
            right = { .name = "right", .namespace = -1 };
static int home = -1;

static gboolean G_GNUC_PRINTF (1, 2)
run (const char *format, ...)
{
  va_list args;
  g_autofree char *command = NULL;
  va_start (args, format);
  command = g_strdup_vprintf (format, args);
  va_end (args);
  return system (command) == 0;
}

static gboolean
run_in (const Side *side, const char *command)
{
  gboolean is_good;
  g_assert_cmpint (setns (side->namespace, CLONE_NEWNET), ==, 0);
  is_good = run ("{ %s ; } >/dev/null 2>&1", command);
  g_assert_cmpint (setns (home, CLONE_NEWNET), ==, 0);
  return is_good;
}

/* -- kernel events: they come to the test, not to the SAs of an engine, which do not know them */

static atomic_int n_soft, n_hard, n_acquired, n_mapped;

void
ike_kernel_expire (IkePlugin *self, IkeSaRef sa, guint64 child, guint32 spi, gboolean is_hard)
{
  atomic_fetch_add (is_hard ? &n_hard : &n_soft, 1);
}

void
ike_kernel_acquire (IkePlugin *self, const IkeKernelAcquire *acquire)
{
  g_assert_cmpuint (acquire->reqid, ==, 1);
  g_assert_cmpuint (acquire->source.protocol, ==, 1);
  g_assert_cmpuint (acquire->destination.protocol, ==, 1);
  atomic_fetch_add (&n_acquired, 1);
}

void
ike_kernel_mapping (IkePlugin *self, IkeSaRef sa, guint64 child, guint32 spi,
                    const IkeAddr *new_source)
{
  g_assert_cmpuint (new_source->port, ==, 4500);
  atomic_fetch_add (&n_mapped, 1);
}

/* -- engines */

static void
log_text (const IkeLogRecord *record, gpointer data)
{
  if (record->level == IKE_LOG_ERROR)
    g_test_message ("%s: %s", (const char *) data, record->text);
}

static void
wait_for (atomic_int *flag)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  while (!atomic_load (flag) && g_get_monotonic_time () < deadline)
    usleep (1000);
  g_assert_true (atomic_load (flag));
}

static void *
live (void *data)
{
  static const char *const plugins[] = { "crypto-openssl", "net-udp", "kernel-tun", NULL };
  Side *side = data;
  g_autofree char *dir = g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", ".libs", NULL);
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .plugin_dir = dir,
                               .n_shards = N_SHARDS,
                               .plugins = plugins,
                               .catalog_file = "/nonexistent",
                               .settings = "plugins { kernel-tun { device = ipsec0 } }",
                               .log_fallback = log_text,
                               .log_data = (gpointer) side->name };
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (setns (side->namespace, CLONE_NEWNET), ==, 0);
  side->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (side->engine, &error);
  g_assert_no_error (error);
  side->kernel = ike_feature_find (side->engine, "kernel:ipsec", &error);
  g_assert_no_error (error);
  side->net = ike_feature_find (side->engine, "kernel:net", &error);
  g_assert_no_error (error);
  atomic_store (&side->is_ready, 1);
  ike_engine_run (side->engine);
  /* Whoever says quit uses the engine until that returns. */
  wait_for (&side->may_end);
  ike_engine_free (side->engine);
  return NULL;
}

/* -- requests, from the test's thread to the control loop and back */

typedef struct _Question Question;
struct _Question {
  Side       *side;
  void      (*ask) (Question *question, IkeCall *call);
  gconstpointer data, more;
  gpointer    result;
  char       *error;
  atomic_int  is_answered;
};

static void
then (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Question *question = owner;
  question->result = result;
  question->error = g_strdup (error);
  atomic_store (&question->is_answered, 1);
}

static const IkeCallClass call_class = { .struct_size = sizeof (IkeCallClass),
                                         .name = "test",
                                         .timeout_ms = PATIENCE_S * 1000,
                                         .then = then };

static void
begin (gpointer data)
{
  Question *question = data;
  question->ask (question, ike_loop_call (ike_engine_control (question->side->engine), &call_class,
                                          question, NULL));
}

/* NULL with @error (may be NULL: then it must not fail). */
static gpointer
ask (Question *question, char **error)
{
  ike_loop_post (ike_engine_control (question->side->engine), begin, question, NULL);
  wait_for (&question->is_answered);
  if (error)
    *error = question->error;
  else
    g_assert_cmpstr (question->error, ==, NULL);
  return question->result;
}

static const IkeKernelClass *
kernel_of (const Side *side)
{
  return side->kernel->ops;
}

static void
ask_install (Question *q, IkeCall *call)
{
  kernel_of (q->side)->install (q->side->kernel->plugin, call, q->data);
}

static void
ask_remove (Question *q, IkeCall *call)
{
  kernel_of (q->side)->remove (q->side->kernel->plugin, call, q->data);
}

static void
ask_query (Question *q, IkeCall *call)
{
  kernel_of (q->side)->query (q->side->kernel->plugin, call, q->data);
}

static void
ask_update (Question *q, IkeCall *call)
{
  kernel_of (q->side)->update (q->side->kernel->plugin, call, q->data, q->more);
}

static void
ask_spi (Question *q, IkeCall *call)
{
  IkeAddr any = { 0 };
  kernel_of (q->side)->get_spi (q->side->kernel->plugin, call, IKE_PROTOCOL_ESP, &any, &any,
                                (IkeSaRef){ 0 });
}

static void
ask_address (Question *q, IkeCall *call)
{
  const IkeKernelNetClass *klass = q->side->net->ops;
  klass->add_address (q->side->net->plugin, call, q->data,
                      ((const IkeAddr *) q->data)->family == 4 ? 32 : 128, NULL);
}

static void
ask_source (Question *q, IkeCall *call)
{
  const IkeKernelNetClass *klass = q->side->net->ops;
  klass->source_for (q->side->net->plugin, call, q->data);
}
