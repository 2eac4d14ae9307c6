/* SPDX-License-Identifier: Apache-2.0 */
/* impair.c - things that go wrong, when somebody asks for it: messages lost, held back, changed,
 * exchanges that fail or wait.
 *
 * For tests only: an engine opens this plugin when it runs for tests, and the settings ask for it.
 * What is to go wrong is said by rules, over the control socket.  It is made of what every plugin
 * has: the hook `datagram` (below everything), the hook `message` (the plaintext), and tasks that
 * take part in every exchange. */
#include "config.h"
#include "impair.h"
#include <ikebana/log.h>

RuleSet *
impair_set_new (const GPtrArray *rules)
{
  RuleSet *set = g_malloc0 (sizeof *set + rules->len * sizeof set->rules[0]);

  set->references = 1;
  for (; set->n < rules->len; set->n++) {
    set->rules[set->n] = rule_ref (rules->pdata[set->n]);
    set->n_on[set->rules[set->n]->level]++;
  }
  return set;
}

RuleSet *
impair_set_ref (RuleSet *set)
{
  atomic_fetch_add (&set->references, 1);
  return set;
}

void
impair_set_unref (RuleSet *set)
{
  if (atomic_fetch_sub (&set->references, 1) > 1)
    return;
  for (guint i = 0; i < set->n; i++)
    rule_unref (set->rules[i]);
  g_free (set);
}

/* No thread runs any more. */
static void
impair_free (gpointer data)
{
  Impair *impair = data;

  for (guint i = 0; i < impair->n_shards; i++) {
    ImpairShard *shard = &impair->shards[i];
    impair_set_unref (shard->rules);
    g_queue_clear_full (&shard->overtaken, impair_throw_away);
    g_free (shard->buffers[0]);
    g_free (shard->buffers[1]);
  }
  g_queue_clear_full (&impair->held, impair_throw_away);
  g_ptr_array_unref (impair->rules);
  g_free (impair->shards);
  g_free (impair);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (self);
  Impair *impair = g_new0 (Impair, 1);
  guint n_nets;
  const IkeProvided *const *nets = ike_feature_list (engine, "net", &n_nets);

  impair->self = self;
  impair->engine = engine;
  impair->net = n_nets ? nets[0] : NULL;
  impair->n_shards = ike_engine_n_shards (engine);
  impair->shards = g_new0 (ImpairShard, impair->n_shards);
  impair->rules = g_ptr_array_new_with_free_func ((GDestroyNotify) rule_unref);
  impair->lost = ike_counter (engine, "impair.lost");
  for (guint i = 0; i < impair->n_shards; i++)
    impair->shards[i].rules = impair_set_new (impair->rules);
  atomic_store (&impair->is_active, TRUE);
  ike_plugin_set_state (self, impair, impair_free);
  ike_log (engine, IKE_LOG_NOTICE, "impair",
           "this engine runs for tests: `impair-add` can break any exchange");
  return ike_datagram_hook_add (self, "impair", NULL, impair_on_datagram, error)
         && ike_message_hook_add (self, "impair", NULL, impair_on_message, error);
}

static void
deactivate (IkePlugin *self)
{
  Impair *impair = ike_plugin_state (self);

  atomic_store (&impair->is_active, FALSE);
}

static const IkeFeature *const features[] = {
  &impair_init_task,
  &impair_auth_task,
  &impair_child_task,
  &impair_informational_task,
  &impair_resume_task,
  &impair_intermediate_task,
  &impair_followup_task,
  &impair_list_command,
  &impair_add_command,
  &impair_remove_command,
  &impair_drip_command,
  &impair_clear_command,
  NULL,
};

IKE_PLUGIN (ike_plugin, "impair", IKE_PLUGIN_ON_REQUEST | IKE_PLUGIN_FOR_TESTS,
            .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "breaks exchanges on purpose, for tests", .features = features,
            .activate = activate, .deactivate = deactivate);
