/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - payloads and notifies left out, added or altered, before a message is sealed and
 * after it was opened. */
#include "config.h"
#include "edit.h"
#include "impair.h"

/* Two by turns: what one rule made is what the next one reads. */
static void
edit (ImpairShard *shard, Rule *rule, guint *turn, IkeMessageEvent *event)
{
  guint8 first = event->first_payload;
  IkeWriter out;

  if (!shard->buffers[*turn])
    shard->buffers[*turn] = g_malloc (IKE_MESSAGE_MAX);
  ike_writer_init (&out, shard->buffers[*turn], IKE_MESSAGE_MAX);
  if (!edit_chain (rule, event->plain, event->len, &first, &out) || !rule_strikes (rule))
    return;
  event->plain = out.data;
  event->len = out.len;
  event->first_payload = first;
  *turn = !*turn;
}

IkeHookVerdict
impair_on_message (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  Impair *impair = ike_plugin_state (self);
  ImpairShard *shard = &impair->shards[ike_sa_ref (sa).shard];
  RuleSubject subject = { .is_inbound = event->is_inbound,
                          .is_request = event->is_request,
                          .exchange = event->exchange,
                          .id = event->message_id };
  guint i, turn = 0;

  if (!shard->rules->n_on[RULE_ON_MESSAGE])
    return IKE_HOOK_PASS;
  rule_subject_of_sa (&subject, sa);
  for (i = 0; i < shard->rules->n; i++) {
    Rule *rule = shard->rules->rules[i];
    if (rule->level == RULE_ON_MESSAGE && rule_fits (rule, &subject))
      edit (shard, rule, &turn, event);
  }
  return IKE_HOOK_PASS;
}
