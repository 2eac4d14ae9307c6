/* SPDX-License-Identifier: Apache-2.0 */
/* task.c - tasks that take part in every exchange, and fail it, or make it wait. */
#include "config.h"
#include "impair.h"

enum { CALL_MS = 60 * 60 * 1000 };

typedef struct {
  guint waited_for; /* number of the rule that it waits, or waited, for */
} TaskState;

/* -- waiting: a call that a timer answers */

static void
waited (gpointer owner, gpointer data, gpointer result, const char *error)
{
}

static const IkeCallClass wait_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "impair wait",
  .timeout_ms = CALL_MS,
  .then = waited,
};

static void
time_is_up (gpointer data)
{
  IkeCall **call = data;

  ike_call_answer (g_steal_pointer (call), NULL);
}

/* When the loop ends first, the call is answered all the same. */
static void
free_wait (gpointer data)
{
  IkeCall **call = data;

  if (*call)
    time_is_up (call);
  g_free (call);
}

static IkeTaskResult
wait_for (IkeTask *task, const Rule *rule)
{
  IkeCall **call = g_new (IkeCall *, 1);

  *call = ike_task_call (task, &wait_call, NULL);
  ike_loop_timer_add (ike_sa_loop (ike_task_sa (task)), rule->ms, time_is_up, call, free_wait);
  return IKE_TASK_WAIT;
}

/* -- the walk */

static IkeTaskResult
fail (IkeTask *task, const Rule *rule)
{
  gsize len = 0;
  const void *data = rule->data ? g_bytes_get_data (rule->data, &len) : NULL;
  g_autofree char *text = rule_format (rule), *reason = g_strdup_printf ("impaired: %s", text);

  return ike_task_fail (task, (guint16) rule->notify, data, len, reason);
}

/* Called again after a wait: with the rules behind that one. */
static IkeTaskResult
run (IkeTask *task, const IkeExchange *x, gboolean is_inbound)
{
  Impair *impair = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  const RuleSet *set = impair->shards[ike_sa_ref (sa).shard].rules;
  TaskState *state = ike_task_data (task);
  guint waited_for = state->waited_for, i;
  RuleSubject subject = { .is_inbound = is_inbound,
                          .is_request = is_inbound != ike_exchange_is_initiator (x),
                          .exchange = rule_exchange_number (ike_exchange_name (x)),
                          .id = ike_exchange_message_id (x) };

  rule_subject_of_sa (&subject, sa);
  state->waited_for = 0;
  for (i = 0; i < set->n; i++) {
    Rule *rule = set->rules[i];
    if (rule->level != RULE_ON_TASK || rule->number <= waited_for || !rule_fits (rule, &subject)
        || !rule_strikes (rule))
      continue;
    if (rule->action == RULE_FAIL)
      return fail (task, rule);
    state->waited_for = rule->number;
    return wait_for (task, rule);
  }
  return IKE_TASK_DONE;
}

static IkeTaskResult
process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return run (task, x, TRUE);
}

static IkeTaskResult
build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  return run (task, x, FALSE);
}

static gboolean
wanted (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  const Impair *impair = ike_plugin_state (self);

  return impair->shards[ike_sa_ref (sa).shard].rules->n_on[RULE_ON_TASK] > 0;
}

/* What is let go is sent by the plugin that has the sockets. */
static const char *const wants[] = { "net:*", NULL };

/* One for each exchange: an instance is done with the first exchange that it took part in, and an
 * operation may have several.  They go first, so that what they fail has done nothing yet. */
#define TASK(symbol, task_name, exchange, others)                                                  \
  static const IkeTaskClass symbol##_class = {                                                     \
    .struct_size = sizeof (IkeTaskClass),                                                          \
    .exchanges = exchange,                                                                         \
    .before = others,                                                                              \
    .instance_size = sizeof (TaskState),                                                           \
    .wanted = wanted,                                                                              \
    .process = process,                                                                            \
    .build = build,                                                                                \
  };                                                                                               \
  const IkeFeature symbol = { .struct_size = sizeof (IkeFeature),                                  \
                              .provides = "task:" task_name,                                       \
                              .ops = &symbol##_class,                                              \
                              .wants = wants }

TASK (impair_init_task, "impair-init", "IKE_SA_INIT", "init natd");
TASK (impair_auth_task, "impair-auth", "IKE_AUTH", "identity");
TASK (impair_child_task, "impair-child", "CREATE_CHILD_SA", "create-child rekey");
TASK (impair_informational_task, "impair-informational", "INFORMATIONAL", "delete informational");
TASK (impair_resume_task, "impair-resume", "IKE_SESSION_RESUME", NULL);
TASK (impair_intermediate_task, "impair-intermediate", "IKE_INTERMEDIATE", NULL);
TASK (impair_followup_task, "impair-followup", "IKE_FOLLOWUP_KE", NULL);
