/* SPDX-License-Identifier: Apache-2.0 */
/* net_bed.h - a Net in a network namespace of its own, and what tests ask of it.  One program
 * includes it, once; it is skipped where namespaces are not permitted. */
#pragma once
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
#include <ikebana/engine.h>
#include "../net_private.h"

enum { SKIP = 77, PATIENCE_S = 60, EVENTS_MAX = 4096 };

static struct {
  pthread_t   thread;
  IkeEngine  *engine;
  KernelXfrm  kernel;
  NetOptions  options;
  atomic_int  is_up, may_end;
  pthread_mutex_t lock;                       /* of what is heard: the loop's thread and the test's */
  char       *heard[EVENTS_MAX];
  guint       n_heard;
  atomic_int  n_errors;                       /* logged */
} bed = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* -- the machine */

static gboolean G_GNUC_PRINTF (1, 2)
run (const char *format, ...)
{
  va_list args;
  g_autofree char *command = NULL, *quiet = NULL;
  va_start (args, format);
  command = g_strdup_vprintf (format, args);
  va_end (args);
  quiet = g_strdup_printf ("{ %s ; } >/dev/null 2>&1", command);
  return system (quiet) == 0;
}

static gboolean
until (gboolean (*is_so) (gconstpointer data), gconstpointer data)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  while (!is_so (data) && g_get_monotonic_time () < deadline)
    usleep (2000);
  return is_so (data);
}

static gboolean
command_works (gconstpointer command)
{
  return run ("%s", (const char *) command);
}

static gboolean
is_set (gconstpointer flag)
{
  return atomic_load ((atomic_int *) flag) != 0;
}

#define assert_soon(command) g_assert_true (until (command_works, command))
#define assert_runs(...) g_assert_true (run (__VA_ARGS__))

/* Two links with addresses, the default route by the first. */
static void
make_machine (void)
{
  g_assert_cmpint (unshare (CLONE_NEWNET), ==, 0);
  assert_runs ("ip link set lo up; ip link add left type veth peer name left-end;"
               "ip link add right type veth peer name right-end;"
               "for i in left left-end right right-end; do"
               "  sysctl -w net.ipv6.conf.$i.accept_dad=0; ip link set $i up; done;"
               "ip addr add 192.0.2.1/24 dev left; ip addr add 198.51.100.1/24 dev right;"
               "ip addr add 2001:db8:1::1/64 dev left nodad; ip addr add 2001:db8:2::1/64 dev right nodad;"
               "ip addr add 10.1.0.1/24 dev right;"
               "ip route add default via 192.0.2.254 && ip -6 route add default via 2001:db8:1::fe");
  /* Linux finishes them a moment later, and takes them as sources of routes only then. */
  assert_soon ("! ip -6 addr show tentative | grep .");
}

/* -- the engine */

void
ike_kernel_net_changed (IkePlugin *self, const IkeKernelNetEvent *event)
{
  static const char *const words[] = { "address", "link", "route", "lost" };
  char text[IKE_ADDR_TEXT_SIZE] = "";
  if (event->addr.family)
    ike_addr_format (&event->addr, FALSE, text);
  pthread_mutex_lock (&bed.lock);
  if (bed.n_heard < EVENTS_MAX)
    bed.heard[bed.n_heard++] =
        g_strdup_printf ("%s %s %s/%u %s", words[event->what], event->is_added ? "here" : "gone",
                         text, event->prefix_len, event->interface ? event->interface : "");
  pthread_mutex_unlock (&bed.lock);
}

static void
log_text (const IkeLogRecord *record, gpointer data)
{
  if (record->level == IKE_LOG_ERROR && strcmp (record->group, "kernel-xfrm") == 0)
    atomic_fetch_add (&bed.n_errors, 1);
  g_test_message ("%s", record->text);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  bed.kernel = (KernelXfrm) { .plugin = self, .engine = ike_plugin_engine (self) };
  ike_plugin_set_state (self, &bed.kernel, NULL);
  bed.kernel.loop = ike_loop_new (self, "netlink", error);
  g_assert_nonnull (bed.kernel.loop);
  bed.kernel.net = net_new (&bed.kernel, &bed.options, error);
  if (bed.kernel.net)
    net_start (bed.kernel.net);
  return bed.kernel.net != NULL;
}

static void
deactivate (IkePlugin *self)
{
  net_stop (bed.kernel.net);
  ike_loop_free (bed.kernel.loop);
  net_free (bed.kernel.net);
}

static const IkeFeature feature
    = { .struct_size = sizeof (IkeFeature), .provides = "kernel:net", .ops = &net_class };
static const IkeFeature *const features[] = { &feature, NULL };
static const IkePluginInfo plugin = { .struct_size = sizeof (IkePluginInfo),
                                      .abi_major = IKE_ABI_MAJOR,
                                      .abi_minor = IKE_ABI_MINOR,
                                      .name = "net-bed",
                                      .version = "1",
                                      .license = "Apache-2.0",
                                      .summary = "kernel:net in a test",
                                      .features = features,
                                      .activate = activate,
                                      .deactivate = deactivate };

static void *
live (void *data)
{
  static const IkePluginInfo *const builtin[] = { &plugin, NULL };
  static const char *const plugins[] = { "net-bed", NULL };
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .n_shards = 1,
                               .plugin_dir = "/nonexistent",
                               .plugins = plugins,
                               .builtin = builtin,
                               .catalog_file = "/nonexistent",
                               .settings = "",
                               .log_fallback = log_text };
  g_autoptr (GError) error = NULL;
  bed.engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (bed.engine, &error);
  g_assert_no_error (error);
  g_assert_nonnull (ike_feature_find (bed.engine, "kernel:net", &error));
  atomic_store (&bed.is_up, 1);
  ike_engine_run (bed.engine);
  g_assert_true (until (is_set, &bed.may_end));
  ike_engine_free (bed.engine);
  return NULL;
}

static void
begin (const NetOptions *options)
{
  bed.options = *options;
  for (guint i = 0; i < bed.n_heard; i++)
    g_free (bed.heard[i]);
  bed.n_heard = 0;
  atomic_store (&bed.n_errors, 0);
  atomic_store (&bed.is_up, 0);
  atomic_store (&bed.may_end, 0);
  g_assert_cmpint (pthread_create (&bed.thread, NULL, live, NULL), ==, 0);
  g_assert_true (until (is_set, &bed.is_up));
}

static void
end (void)
{
  ike_engine_quit (bed.engine);
  atomic_store (&bed.may_end, 1);
  pthread_join (bed.thread, NULL);
}

static const NetOptions usual = { .installs_routes = TRUE, .table = 220, .priority = 220 };

/* -- questions: from the test's thread to the control loop and back */

typedef struct Question Question;
struct Question {
  void      (*ask) (Question *question, IkeCall *call);
  IkeAddr     addr;
  guint       prefix_len;
  const char *interface;
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
put (gpointer data)
{
  Question *question = data;
  question->ask (question, ike_loop_call (ike_engine_control (bed.engine), &call_class, question,
                                          NULL));
}

/* NULL: it was done; else the error, to be freed. */
static char *
ask (Question *question, const char *addr, guint prefix_len, const char *interface)
{
  g_assert_true (ike_addr_parse (&question->addr, addr, NULL));
  question->prefix_len = prefix_len;
  question->interface = interface;
  ike_loop_post (ike_engine_control (bed.engine), put, question, NULL);
  g_assert_true (until (is_set, &question->is_answered));
  return question->error;
}

static void
ask_add_address (Question *q, IkeCall *call)
{
  net_class.add_address (bed.kernel.plugin, call, &q->addr, q->prefix_len, q->interface);
}

static void
ask_remove_address (Question *q, IkeCall *call)
{
  net_class.remove_address (bed.kernel.plugin, call, &q->addr, q->prefix_len, q->interface);
}

static void
ask_source (Question *q, IkeCall *call)
{
  net_class.source_for (bed.kernel.plugin, call, &q->addr);
}

static void
do_it (void (*what) (Question *, IkeCall *), const char *addr, guint prefix_len,
       const char *interface)
{
  Question question = { .ask = what };
  g_assert_cmpstr (ask (&question, addr, prefix_len, interface), ==, NULL);
}

static void
assert_source (const char *peer, const char *expected)
{
  Question question = { .ask = ask_source };
  char text[IKE_ADDR_TEXT_SIZE];
  g_assert_cmpstr (ask (&question, peer, 0, NULL), ==, NULL);
  g_assert_cmpstr (ike_addr_format (question.result, FALSE, text), ==, expected);
  g_free (question.result);
}

static gboolean
is_local (gconstpointer text)
{
  IkeAddr addr;
  g_assert_true (ike_addr_parse (&addr, text, NULL));
  return net_class.is_local (bed.kernel.plugin, &addr);
}
