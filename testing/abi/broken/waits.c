/* SPDX-License-Identifier: Apache-2.0 */
/* waits.c - breaks a rule: keeps what it needs after a wait where another job clears it, and only
 * works where the answer was there at once. */
#include <ikebana/exchange.h>
#include <ikebana/plugin.h>

typedef struct {
  guint number;
} State;
typedef struct {
  gboolean has_asked;
} Asked;

static void
then (gpointer owner, gpointer data, gpointer result, const char *error)
{
}

static const IkeCallClass call_class = {
  .struct_size = sizeof call_class,
  .name = "at once",
  .timeout_ms = 1000,
  .then = then,
};

static void
forget (gpointer data)
{
  ((State *) data)->number = 0;
}

static IkeTaskResult
build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  State *state = ike_plugin_state (ike_task_plugin (task));
  Asked *asked = ike_task_data (task);

  if (asked->has_asked)
    return state->number ? IKE_TASK_DONE : ike_task_abort (task, "the number is gone");
  asked->has_asked = TRUE;
  state->number = 7;
  ike_loop_post (ike_loop_current (), forget, state, NULL);
  ike_call_answer (ike_task_call (task, &call_class, NULL), NULL);
  return IKE_TASK_WAIT;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, g_new0 (State, 1), g_free);
  return TRUE;
}

static const IkeTaskClass task_class = {
  .struct_size = sizeof task_class,
  .exchanges = "IKE_AUTH",
  .instance_size = sizeof (Asked),
  .build = build,
};

static const IkeFeature feature = {
  .struct_size = sizeof feature,
  .provides = "task:waits",
  .ops = &task_class,
};

static const IkeFeature *const features[] = { &feature, NULL };

IKE_PLUGIN (ike_plugin, "waits", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "does not wait", .features = features, .activate = activate);
