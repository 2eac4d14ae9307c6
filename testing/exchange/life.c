/* SPDX-License-Identifier: Apache-2.0 */
/* life.c - see life.h. */
#include "exchange/life.h"
#include <string.h>

/* -- a plugin that counts, and lets IKE_AUTH wait */

static gint64
now_of (IkePlugin *self)
{
  return ike_engine_now_us (ike_plugin_engine (self));
}

static IkeHookVerdict
on_updown (IkePlugin *self, IkeSa *sa, IkeUpDownEvent *event)
{
  Life *life = ike_plugin_state (self);

  (*(event->is_up ? &life->n_up : &life->n_down))++;
  *(event->is_up ? &life->up_us : &life->down_us) = now_of (self);
  return IKE_HOOK_PASS;
}

static IkeHookVerdict
on_child (IkePlugin *self, IkeSa *sa, IkeChildEvent *event)
{
  Life *life = ike_plugin_state (self);

  (*(event->is_up ? &life->n_child_up : &life->n_child_down))++;
  return IKE_HOOK_PASS;
}

static IkeHookVerdict
on_liveness (IkePlugin *self, IkeSa *sa, IkeLivenessEvent *event)
{
  Life *life = ike_plugin_state (self);

  (*(event->is_alive ? &life->n_alive : &life->n_dead))++;
  *(event->is_alive ? &life->alive_us : &life->dead_us) = now_of (self);
  return IKE_HOOK_PASS;
}

static void
held (gpointer owner, gpointer data, gpointer result, const char *error)
{
}

static const IkeCallClass hold_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "hold",
  .timeout_ms = 3600 * 1000,
  .then = held,
};

static void
nothing (gpointer data)
{
}

/* Also when the loop ends first. */
static void
let_go (gpointer data)
{
  ike_call_answer (data, GUINT_TO_POINTER (1));
}

static IkeTaskResult
hold (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Life *life = ike_plugin_state (ike_task_plugin (task));
  IkeLoop *loop = ike_sa_loop (ike_task_sa (task));

  if (!life->n_holds)
    return IKE_TASK_DONE;
  life->n_holds--;
  ike_loop_timer_add (loop, life->hold_ms, nothing, ike_task_call (task, &hold_call, NULL), let_go);
  return IKE_TASK_WAIT;
}

static const IkeTaskClass hold_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:identify",
  .process = hold,
};

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, g_new0 (Life, 1), g_free);
  return ike_ike_updown_hook_add (self, "life", NULL, on_updown, error)
         && ike_child_updown_hook_add (self, "life", NULL, on_child, error)
         && ike_liveness_hook_add (self, "life", NULL, on_liveness, error);
}

static const IkeFeature hold_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "task:life-hold",
                                         .ops = &hold_task };
static const IkeFeature *const features[] = { &hold_feature, NULL };

static const IkePluginInfo life_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "life",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "what happens to SAs, for tests",
  .features = features,
  .activate = activate,
};

/* -- the pair */

typedef struct {
  Pair *pair;
  char *connection[2], *more[2];
  PairOptions options;
} LifePair;

static const char *const plugins[] = { "life", NULL };
static const IkePluginInfo *const builtin[] = { &life_plugin, NULL };
static LifePair current; /* tests run one after the other */

Pair *
life_new (gconstpointer flags, const char *connection_a, const char *connection_b,
          const char *more_a, const char *more_b)
{
  const char *connections[] = { connection_a, connection_b }, *more[] = { more_a, more_b };
  guint i;

  current.options =
      (PairOptions){ .flags = GPOINTER_TO_UINT (flags), .plugins = plugins, .builtin = builtin };
  for (i = 0; i < 2; i++) {
    current.connection[i] =
        g_strdup_printf ("proposals = aes256gcm16-prfsha256-x25519\n%s", connections[i]);
    current.options.connection[i] = current.connection[i];
    current.options.more[i] = current.more[i] = g_strdup (more[i]);
  }
  current.pair = pair_new (&current.options);
  return current.pair;
}

void
life_crash (Pair *pair, PairEnd *end)
{
  pair_restart (pair, end, &current.options);
}

void
life_free (Pair *pair)
{
  guint i;

  pair_free (pair);
  for (i = 0; i < 2; i++) {
    g_clear_pointer (&current.connection[i], g_free);
    g_clear_pointer (&current.more[i], g_free);
  }
}

Life *
life_of (const PairEnd *end)
{
  const IkeProvided *provided = ike_feature_find (end->engine, "task:life-hold", NULL);

  g_assert_nonnull (provided);
  return ike_plugin_state (provided->plugin);
}

/* -- time and the wire */

static void
note (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  LifeWire *wire = data;
  char from[IKE_ADDR_TEXT_SIZE];

  if (event != IKE_SIM_SENT || packet->exchange != wire->exchange
      || packet->is_response != wire->wants_responses || wire->n == G_N_ELEMENTS (wire->at_us))
    return;
  ike_addr_format (&packet->from, FALSE, from);
  if (wire->from && strcmp (from, wire->from == 'a' ? "10.0.0.1" : "10.0.0.2") != 0)
    return;
  wire->at_us[wire->n] = packet->time_us;
  wire->to[wire->n++] = packet->to;
}

void
life_watch (Pair *pair, LifeWire *wire)
{
  pair->a.net_ops->tap_add (pair->a.net, note, wire);
}

gint64
life_now_us (Pair *pair)
{
  return ike_sim_now_us (pair->sim);
}

void
life_run_ms (Pair *pair, gint64 ms)
{
  gint64 until = life_now_us (pair) + ms * 1000;

  while (ike_sim_step (pair->sim, until))
    ;
}

void
life_use (Pair *pair, PairEnd *end, IkeDirection direction)
{
  IkeKernelUse use = { .bytes = 100, .packets = 1, .last_use_us = ike_engine_now_us (end->engine) };
  IkeFakeSa sa = { .struct_size = sizeof sa };
  guint i;

  for (i = 0; end->kernel_ops->nth_sa (end->kernel, i, &sa); i++)
    if (sa.direction == direction)
      g_assert_true (end->kernel_ops->set_use (end->kernel, direction, sa.spi, &use));
}

static void
down_done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  *(guint *) owner = (guint) ike_tree_int (result, "n", 0);
  ike_tree_free (result);
}

static const IkeCallClass down_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "test down",
  .timeout_ms = 600 * 1000,
  .then = down_done,
  .undo = (GDestroyNotify) ike_tree_free,
};

typedef struct {
  PairEnd *end;
  const char *child;
  gboolean is_forced;
  guint *n;
} Down;

static void
start_down (gpointer data)
{
  const Down *d = data;
  IkeEngine *engine = d->end->engine;

  ike_terminate (engine, "pair", d->child, 0, d->is_forced,
                 ike_loop_call (ike_engine_control (engine), &down_call, d->n, NULL));
}

guint
life_down (Pair *pair, PairEnd *end, const char *child, gboolean is_forced)
{
  static guint n; /* a Delete that nobody answers is waited for longer */
  Down d = { end, child, is_forced, &n };

  n = 0;
  ike_loop_post (ike_engine_control (end->engine), start_down, &d, NULL);
  life_run_ms (pair, 100);
  return n;
}

void
life_part (Pair *pair, gboolean are_apart)
{
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP };

  pair->b.net_ops->rule_remove (pair->b.net, 0);
  if (are_apart)
    pair->b.net_ops->rule_add (pair->b.net, &rule);
}

/* -- what there is */

guint
life_n_sas (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);

  return ike_tree_n (ike_tree_get (status, "sas"));
}

void
life_assert_one (Pair *pair, guint n_children)
{
  if (life_n_sas (&pair->a) != 1 || life_n_sas (&pair->b) != 1
      || pair->a.kernel_ops->n_sas (pair->a.kernel) != 2 * n_children
      || pair->b.kernel_ops->n_sas (pair->b.kernel) != 2 * n_children)
    g_test_message ("-- a --\n%s-- b --\n%s", pair->a.log->str, pair->b.log->str);
  g_assert_cmpuint (life_n_sas (&pair->a), ==, 1);
  g_assert_cmpuint (life_n_sas (&pair->b), ==, 1);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 2 * n_children);
  pair_assert_twins (pair);
}

void
life_assert_none (PairEnd *end)
{
  if (life_n_sas (end))
    g_test_message ("%s", end->log->str);
  g_assert_cmpuint (life_n_sas (end), ==, 0);
  g_assert_cmpuint (end->kernel_ops->n_sas (end->kernel), ==, 0);
  g_assert_cmpuint (end->kernel_ops->n_spis (end->kernel), ==, 0);
  g_assert_cmpuint (end->kernel_ops->n_policies (end->kernel), ==, 0);
}

IkeTree *
life_waiting (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *list = ike_tree_get (status, "waiting");

  g_assert_nonnull (list);
  g_assert_cmpuint (ike_tree_n (list), <=, 1);
  return ike_tree_n (list) ? ike_tree_copy (ike_tree_nth (list, 0)) : NULL;
}
