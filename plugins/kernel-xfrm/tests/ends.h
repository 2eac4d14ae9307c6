/* SPDX-License-Identifier: Apache-2.0 */
/* ends.h - two ends of a tunnel on a kernel that has ESP: an engine with the plugin each, on a thread
 * and in a namespace of its own, and what the test asks of them.  One program includes it, once. */
#pragma once
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
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
  const IkeProvided *kernel;
  atomic_int         is_ready, may_end;
  const char        *takeover_delay;
} Side;

static Side left = { .name = "left", .namespace = -1 },
            right = { .name = "right", .namespace = -1 };
static int home = -1;
static char *work_dir;

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

static gboolean G_GNUC_PRINTF (2, 3)
run_in (const Side *side, const char *format, ...)
{
  va_list args;
  g_autofree char *command = NULL;
  gboolean is_good;
  va_start (args, format);
  command = g_strdup_vprintf (format, args);
  va_end (args);
  g_assert_cmpint (setns (side->namespace, CLONE_NEWNET), ==, 0);
  is_good = run ("{ %s ; } >%s/output 2>&1", command, work_dir);
  g_assert_cmpint (setns (home, CLONE_NEWNET), ==, 0);
  return is_good;
}

/* What the last command said. */
static char *
output (void)
{
  g_autofree char *path = g_build_filename (work_dir, "output", NULL);
  char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

/* -- kernel events: they come to the test, not to the SAs of an engine, which do not know them */

static atomic_int n_soft, n_hard, n_acquired, n_mapped;
static atomic_uint acquire_sequence, acquire_reqid, acquire_protocol, mapped_port;

void
ike_kernel_expire (IkePlugin *self, IkeSaRef sa, guint64 child, guint32 spi, gboolean is_hard)
{
  atomic_fetch_add (is_hard ? &n_hard : &n_soft, 1);
}

void
ike_kernel_acquire (IkePlugin *self, const IkeKernelAcquire *acquire)
{
  atomic_store (&acquire_sequence, acquire->sequence);
  atomic_store (&acquire_reqid, acquire->reqid);
  atomic_store (&acquire_protocol, acquire->source.protocol);
  atomic_fetch_add (&n_acquired, 1);
}

void
ike_kernel_mapping (IkePlugin *self, IkeSaRef sa, guint64 child, guint32 spi,
                    const IkeAddr *new_source)
{
  atomic_store (&mapped_port, new_source->port);
  atomic_fetch_add (&n_mapped, 1);
}

/* -- engines */

static void
log_text (const IkeLogRecord *record, gpointer data)
{
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
  static const char *const plugins[] = { "crypto-openssl", "net-udp", "kernel-xfrm", NULL };
  Side *side = data;
  g_autofree char *dir = g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", ".libs", NULL);
  g_autofree char *settings = g_strdup_printf (
      "plugins { kernel-xfrm { state_dir = %s/state\n takeover_delay = %s } }", work_dir,
      side->takeover_delay ? side->takeover_delay : "60s");
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .plugin_dir = dir,
                               .n_shards = N_SHARDS,
                               .plugins = plugins,
                               .catalog_file = "/nonexistent",
                               .settings = settings,
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
  atomic_store (&side->is_ready, 1);
  ike_engine_run (side->engine);
  /* Whoever says quit uses the engine until that returns. */
  wait_for (&side->may_end);
  ike_engine_free (side->engine);
  return NULL;
}

static void
begin_side (Side *side)
{
  atomic_store (&side->is_ready, 0);
  atomic_store (&side->may_end, 0);
  g_assert_cmpint (pthread_create (&side->thread, NULL, live, side), ==, 0);
  wait_for (&side->is_ready);
}

static void
end_side (Side *side)
{
  ike_engine_quit (side->engine);
  atomic_store (&side->may_end, 1);
  pthread_join (side->thread, NULL);
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
ask_query_policy (Question *q, IkeCall *call)
{
  kernel_of (q->side)->query_policy (q->side->kernel->plugin, call, q->data);
}

/* Of the protocol @more, from and to the two addresses. */
static void
ask_spi (Question *q, IkeCall *call)
{
  const IkeAddr *ends = q->data;
  kernel_of (q->side)->get_spi (q->side->kernel->plugin, call, GPOINTER_TO_UINT (q->more), &ends[0],
                                &ends[1], (IkeSaRef){ 0 });
}
