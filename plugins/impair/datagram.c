/* SPDX-License-Identifier: Apache-2.0 */
/* datagram.c - datagrams lost, repeated, late, out of order, damaged, or held back until somebody
 * lets them go. */
#include "config.h"
#include "impair.h"
#include <string.h>

enum { OVERTAKE_MS = 1000, DATAGRAM_MAX = G_MAXUINT16 };

void
impair_throw_away (gpointer data)
{
  Packet *packet = data;

  atomic_fetch_sub (&packet->impair->n_kept, 1);
  rule_unref (packet->rule);
  g_free (packet);
}

/* A copy; NULL: there are too many, and it is lost. */
static Packet *
keep (Impair *impair, Rule *rule, const IkeDatagramEvent *event)
{
  gsize len = event->datagram->len;
  Packet *packet;

  if (atomic_fetch_add (&impair->n_kept, 1) >= IMPAIR_KEPT_MAX) {
    atomic_fetch_sub (&impair->n_kept, 1);
    ike_counter_add (impair->engine, impair->lost, 1);
    return NULL;
  }
  packet = g_malloc (sizeof *packet + len);
  packet->impair = impair;
  packet->rule = rule_ref (rule);
  packet->shard = event->shard;
  packet->number = 0;
  packet->timer = NULL;
  packet->is_inbound = event->is_inbound;
  packet->datagram = *event->datagram;
  packet->datagram.data = packet->data;
  if (len)
    memcpy (packet->data, event->datagram->data, len);
  return packet;
}

static void
send (Packet *packet)
{
  Impair *impair = packet->impair;
  const IkeNetClass *net = impair->net ? impair->net->ops : NULL;

  if (!atomic_load (&impair->is_active))
    return;
  if (packet->is_inbound) {
    packet->datagram.flags |= IKE_NET_RELEASED;
    ike_input (impair->engine, packet->shard, &packet->datagram);
  } else if (net)
    net->send (impair->net->plugin, packet->shard, &packet->datagram);
}

static void
send_kept (gpointer data)
{
  send (data);
}

void
impair_put_through (Packet *packet)
{
  ike_loop_post (ike_engine_shard (packet->impair->engine, packet->shard), send_kept, packet,
                 impair_throw_away);
}

/* -- the actions that keep */

/* Control.  From here on it is this loop's. */
static void
hold (gpointer data)
{
  Packet **box = data, *packet = g_steal_pointer (box);

  packet->number = ++packet->impair->next_held;
  g_queue_push_tail (&packet->impair->held, packet);
}

static void
free_box (gpointer data)
{
  Packet **box = data;

  if (*box)
    impair_throw_away (*box);
  g_free (box);
}

static void
begin_hold (Packet *packet)
{
  Packet **box = g_new (Packet *, 1);

  *box = packet;
  ike_loop_post (ike_engine_control (packet->impair->engine), hold, box, free_box);
}

/* None came to overtake it. */
static void
overtake_nobody (gpointer data)
{
  Packet *packet = data;

  packet->timer = NULL;
  g_queue_remove (&packet->impair->shards[packet->shard].overtaken, packet);
  impair_put_through (packet);
}

/* What came before goes on after the one in hand: when this turn is over. */
static void
let_overtake (ImpairShard *shard, gboolean is_inbound)
{
  GList *link = shard->overtaken.head;

  while (link) {
    GList *next = link->next;
    Packet *packet = link->data;
    if (packet->is_inbound == is_inbound) {
      g_queue_delete_link (&shard->overtaken, link);
      ike_timer_stop (packet->timer);
      impair_put_through (packet);
    }
    link = next;
  }
}

static void
keep_back (Impair *impair, Rule *rule, const IkeDatagramEvent *event)
{
  IkeLoop *loop = ike_engine_shard (impair->engine, event->shard);
  Packet *packet = keep (impair, rule, event);

  if (!packet)
    return;
  switch (rule->action) {
  case RULE_DELAY:
    ike_loop_timer_add (loop, rule->ms, send_kept, packet, impair_throw_away);
    return;
  case RULE_HOLD:
    begin_hold (packet);
    return;
  case RULE_REORDER:
    g_queue_push_tail (&impair->shards[event->shard].overtaken, packet);
    packet->timer = ike_loop_timer_add (loop, OVERTAKE_MS, overtake_nobody, packet, NULL);
    return;
  default:
    impair_put_through (packet);
  }
}

/* -- the others */

static void
corrupt (ImpairShard *shard, const Rule *rule, IkeDatagram *datagram)
{
  gsize len = MIN (datagram->len, DATAGRAM_MAX), at;

  if (len == 0)
    return;
  at = rule->byte < 0 ? len - 1 : (gsize) rule->byte % len;
  if (!shard->buffers[0])
    shard->buffers[0] = g_malloc (IKE_MESSAGE_MAX);
  memcpy (shard->buffers[0], datagram->data, len);
  shard->buffers[0][at] ^= 0xff;
  datagram->data = shard->buffers[0];
  datagram->len = len;
}

static IkeHookVerdict
act (Impair *impair, Rule *rule, IkeDatagramEvent *event)
{
  IkeDatagram *datagram = event->datagram;

  switch (rule->action) {
  case RULE_CORRUPT:
    corrupt (&impair->shards[event->shard], rule, datagram);
    return IKE_HOOK_PASS;
  case RULE_TRUNCATE:
    datagram->len = MIN (datagram->len, (gsize) rule->byte);
    return IKE_HOOK_PASS;
  case RULE_DUPLICATE:
    keep_back (impair, rule, event);
    return IKE_HOOK_PASS;
  case RULE_DROP:
    return IKE_HOOK_REJECT;
  default:
    keep_back (impair, rule, event);
    return IKE_HOOK_REJECT;
  }
}

static RuleSubject
subject_of (const IkeDatagramEvent *event, const IkeSa *sa)
{
  const IkeDatagram *datagram = event->datagram;
  RuleSubject subject = { .is_inbound = event->is_inbound, .exchange = -1 };
  IkeHeader header;
  IkeVerdict verdict = { 0 };

  if (ike_header_read (datagram->data, datagram->len, &header, &verdict)) {
    subject.exchange = header.exchange;
    subject.is_request = !(header.flags & IKE_FLAG_RESPONSE);
    subject.id = header.message_id;
  }
  rule_subject_of_sa (&subject, sa);
  return subject;
}

/* The first rule that strikes decides. */
IkeHookVerdict
impair_on_datagram (IkePlugin *self, IkeSa *sa, IkeDatagramEvent *event)
{
  Impair *impair = ike_plugin_state (self);
  ImpairShard *shard = &impair->shards[event->shard];
  IkeHookVerdict verdict = IKE_HOOK_PASS;
  RuleSubject subject;

  if (shard->rules->n_on[RULE_ON_DATAGRAM]) {
    subject = subject_of (event, sa);
    for (guint i = 0; i < shard->rules->n; i++) {
      Rule *rule = shard->rules->rules[i];
      if (rule->level != RULE_ON_DATAGRAM || !rule_fits (rule, &subject) || !rule_strikes (rule))
        continue;
      verdict = act (impair, rule, event);
      break;
    }
  }
  if (verdict == IKE_HOOK_PASS)
    let_overtake (shard, event->is_inbound);
  return verdict;
}
