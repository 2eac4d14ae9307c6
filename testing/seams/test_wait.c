/* SPDX-License-Identifier: Apache-2.0 */
/* test_wait.c - a task that waits for nothing ends its exchange, and holds up nobody else. */
#include <ikebana/exchange.h>
#include <string.h>
#include "exchange/pair.h"

/* What the task does wrong, at the end that begins; both engines run in this thread. */
static enum { NO_CALL, ANSWERED_EACH_TIME } fault;

static void
then (gpointer owner, gpointer data, gpointer result, const char *error)
{
}

static const IkeCallClass call_class = {
  .struct_size = sizeof (IkeCallClass),
  .name = "an answer that is there at once",
  .timeout_ms = 1000,
  .then = then,
};

static IkeTaskResult
build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  if (!ike_exchange_is_initiator (x))
    return IKE_TASK_DONE;
  if (fault == ANSWERED_EACH_TIME)
    ike_call_answer (ike_task_call (task, &call_class, NULL), NULL);
  return IKE_TASK_WAIT;
}

static const IkeTaskClass task_class = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "INFORMATIONAL",
  .operations = "liveness",
  .build = build,
};
static const IkeFeature feature = { .struct_size = sizeof (IkeFeature),
                                    .provides = "task:forgetful",
                                    .ops = &task_class };
static const IkeFeature *const features[] = { &feature, NULL };
static const IkePluginInfo plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "forgetful",
  .version = "0",
  .license = "Apache-2.0",
  .summary = "waits for nothing, for tests",
  .features = features,
};
static const IkePluginInfo *const builtin[] = { &plugin, NULL };

static void
run (gconstpointer flags, const char *why)
{
  Pair *pair = pair_new (&(PairOptions){
      .flags = GPOINTER_TO_UINT (flags),
      .connection = { "dpd_delay = 5s\n children { net { local_ts = 10.1.0.0/16\n remote_ts = "
                      "10.2.0.0/16\n } }\n",
                      NULL },
      .builtin = builtin });

  pair_assert_up (pair, NULL);
  pair_run (pair, 10);
  if (!strstr (pair->a.log->str, why))
    g_error ("not said: %s, but: %s", why, pair->a.log->str);
  pair_free (pair);
}

static void
test_no_call (gconstpointer flags)
{
  fault = NO_CALL;
  run (flags, "task forgetful of plugin forgetful returns WAIT and has no call out");
}

static void
test_answered (gconstpointer flags)
{
  fault = ANSWERED_EACH_TIME;
  run (flags, "task forgetful of plugin forgetful returns WAIT whatever its calls answer");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("wait", "without-a-call-ends-the-exchange", test_no_call);
  pair_add_test ("wait", "for-one-answer-after-the-other-ends-it", test_answered);
  return g_test_run ();
}
