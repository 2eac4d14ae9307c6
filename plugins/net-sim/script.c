/* SPDX-License-Identifier: Apache-2.0 */
/* script.c - decides what becomes of a packet: rules, random misfortune, the test's function;
 * and tells the taps. */
#include <string.h>
#include "wire.h"

typedef struct {
  guint id;
  IkeSimRule rule;
  guint n_matched, n_hits;
} Rule;

typedef struct {
  guint id;
  IkeSimTap tap;
  gpointer data;
} Tap;

struct _Script {
  gint64 latency_us, jitter_us;
  IkeSimChaos chaos;
  IkeSimScript function;
  gpointer function_data;
  GArray *rules, *taps;
  guint last_id;
};

Script *
script_new (void)
{
  Script *script = g_new0 (Script, 1);
  script->latency_us = SIM_LATENCY_US;
  script->rules = g_array_new (FALSE, TRUE, sizeof (Rule));
  script->taps = g_array_new (FALSE, TRUE, sizeof (Tap));
  return script;
}

void
script_free (Script *script)
{
  g_array_unref (script->rules);
  g_array_unref (script->taps);
  g_free (script);
}

static gboolean
end_matches (const IkeAddr *wanted, const IkeAddr *is)
{
  return (wanted->family == 0 || ike_addr_same_host (wanted, is))
         && (wanted->port == 0 || wanted->port == is->port);
}

static gboolean
rule_matches (const IkeSimRule *rule, const IkeSimPacket *packet)
{
  if (!end_matches (&rule->from, &packet->from) || !end_matches (&rule->to, &packet->to))
    return FALSE;
  if (rule->exchange != 0 && rule->exchange != packet->exchange)
    return FALSE;
  if (rule->which != IKE_SIM_ANY
      && (!packet->ike || packet->is_response != (rule->which == IKE_SIM_RESPONSE)))
    return FALSE;
  return !rule->matches || rule->matches (packet, rule->data);
}

static void
rule_act (const IkeSimRule *rule, Packet *packet, Lot *lot)
{
  switch ((IkeSimAction) rule->action) {
  case IKE_SIM_DROP:
    lot->n_copies = 0;
    break;
  case IKE_SIM_DUPLICATE:
    lot->n_copies += lot->n_copies ? MAX (rule->argument, 1) : 0;
    break;
  case IKE_SIM_DELAY:
    lot->delay_us += rule->argument;
    break;
  case IKE_SIM_SWAP:
    lot->is_swapped = TRUE;
    break;
  case IKE_SIM_CORRUPT:
    if (packet->len > 0)
      packet->data[rule->argument % packet->len] ^= 0xff;
    break;
  case IKE_SIM_TRUNCATE:
    packet_resize (packet, MIN (rule->argument, packet->len));
    break;
  }
}

static void
apply_rules (Script *script, Packet *packet, Lot *lot)
{
  for (guint i = 0; i < script->rules->len; i++) {
    Rule *rule = &g_array_index (script->rules, Rule, i);
    guint first = MAX (rule->rule.first, 1);
    IkeSimPacket view;
    packet_describe (packet, &view);
    if (!rule_matches (&rule->rule, &view))
      continue;
    rule->n_matched++;
    if (rule->n_matched < first
        || (rule->rule.n_times && rule->n_matched - first >= rule->rule.n_times))
      continue;
    rule->n_hits++;
    rule_act (&rule->rule, packet, lot);
  }
}

static guint32
draw (const Packet *packet, guint32 below)
{
  guint32 value;
  ike_sim_random (packet->wire->sim, &value, sizeof value);
  return value % below;
}

static void
apply_chaos (const Script *script, Packet *packet, Lot *lot)
{
  const IkeSimChaos *chaos = &script->chaos;
  if (chaos->loss && draw (packet, 1000) < chaos->loss)
    lot->n_copies = 0;
  if (lot->n_copies && chaos->duplicate && draw (packet, 1000) < chaos->duplicate)
    lot->n_copies++;
  if (chaos->reorder && draw (packet, 1000) < chaos->reorder)
    lot->delay_us +=
        script->latency_us + draw (packet, 3 * (guint32) MAX (script->latency_us, 1000));
  if (chaos->corrupt && packet->len > 0 && draw (packet, 1000) < chaos->corrupt)
    packet->data[draw (packet, packet->len)] ^= (guint8) (1 + draw (packet, 255));
}

static void
apply_function (const Script *script, Packet *packet, Lot *lot)
{
  IkeSimFate fate = { sizeof fate, lot->n_copies, lot->delay_us, NULL, 0 };
  IkeSimPacket view;
  packet_describe (packet, &view);
  script->function (&view, &fate, script->function_data);
  lot->n_copies = fate.n_copies;
  lot->delay_us = fate.delay_us;
  if (fate.data) {
    g_autofree guint8 *data = g_memdup2 (fate.data, fate.len);
    packet_resize (packet, fate.len);
    if (data)
      memcpy (packet->data, data, fate.len);
  }
}

void
script_judge (Script *script, Packet *packet, Lot *lot)
{
  const IkeSimChaos *chaos = &script->chaos;
  lot->delay_us = script->latency_us;
  if (script->jitter_us > 0)
    lot->delay_us += draw (packet, (guint32) MIN (script->jitter_us, G_MAXINT32));
  if (script->rules->len > 0)
    apply_rules (script, packet, lot);
  if (chaos->loss || chaos->duplicate || chaos->reorder || chaos->corrupt)
    apply_chaos (script, packet, lot);
  if (script->function)
    apply_function (script, packet, lot);
}

void
script_tell (Script *script, IkeSimEvent event, const IkeSimPacket *packet)
{
  /* A tap may remove itself. */
  for (guint i = 0; i < script->taps->len; i++) {
    Tap tap = g_array_index (script->taps, Tap, i);
    tap.tap (event, packet, tap.data);
    if (i < script->taps->len && g_array_index (script->taps, Tap, i).id != tap.id)
      i--;
  }
}

gboolean
script_is_heard (const Script *script)
{
  return script->taps->len > 0;
}

void
script_set_latency (Script *script, gint64 latency_us, gint64 jitter_us)
{
  script->latency_us = latency_us;
  script->jitter_us = jitter_us;
}

void
script_set_chaos (Script *script, const IkeSimChaos *chaos_or_null)
{
  memset (&script->chaos, 0, sizeof script->chaos);
  if (chaos_or_null)
    memcpy (&script->chaos, chaos_or_null, MIN (chaos_or_null->struct_size, sizeof script->chaos));
}

void
script_set_function (Script *script, IkeSimScript function, gpointer data)
{
  script->function = function;
  script->function_data = data;
}

guint
script_rule_add (Script *script, const IkeSimRule *rule)
{
  Rule own = { .id = ++script->last_id };
  memcpy (&own.rule, rule, MIN (rule->struct_size, sizeof own.rule));
  g_array_append_val (script->rules, own);
  return own.id;
}

guint
script_rule_hits (const Script *script, guint id)
{
  for (guint i = 0; i < script->rules->len; i++) {
    const Rule *rule = &g_array_index (script->rules, Rule, i);
    if (rule->id == id)
      return rule->n_hits;
  }
  return 0;
}

void
script_rule_remove (Script *script, guint id)
{
  for (guint i = script->rules->len; i-- > 0;) {
    if (id == 0 || g_array_index (script->rules, Rule, i).id == id)
      g_array_remove_index (script->rules, i);
  }
}

guint
script_tap_add (Script *script, IkeSimTap tap, gpointer data)
{
  Tap own = { ++script->last_id, tap, data };
  g_array_append_val (script->taps, own);
  return own.id;
}

void
script_tap_remove (Script *script, guint id)
{
  for (guint i = script->taps->len; i-- > 0;) {
    if (id == 0 || g_array_index (script->taps, Tap, i).id == id)
      g_array_remove_index (script->taps, i);
  }
}
