/* SPDX-License-Identifier: Apache-2.0 */
/* gates.c - plugins judge first messages before anything is kept of them, and answers to first
 * messages that are longer than those. */
#include "sa/sa_private.h"

static gboolean
is_for (const IkeGateClass *klass, const IkeExchangeInfo *info)
{
  return strstr (klass->exchanges, info->name) != NULL;
}

gboolean
ike_gates_pass (IkeShard *shard, const IkeDatagram *datagram, const IkeMessage *first,
                const IkeExchangeInfo *info, IkeAttachment **attached)
{
  const IkeClasses *classes = &shard->manager->classes;
  guint i;

  for (i = 0; i < classes->n_gates; i++) {
    const IkeGateClass *klass = classes->gates[i].ops;
    GBytes *bytes = NULL;
    IkeWriter w;
    IkeGateVerdict verdict;
    if (!is_for (klass, info))
      continue;
    ike_clear_open (shard, &first->header, &w);
    verdict = klass->judge (classes->gates[i].plugin, datagram, first, &w, &bytes);
    if (verdict == IKE_GATE_PASS) {
      if (bytes) {
        IkeAttachment *a = g_new0 (IkeAttachment, 1);
        a->gate = classes->gates[i].name;
        a->bytes = bytes;
        a->next = *attached;
        *attached = a;
      }
      continue;
    }
    ike_counter_add (shard->manager->engine, shard->manager->count.gated, 1);
    if (verdict == IKE_GATE_REPLY)
      ike_clear_send (shard, datagram, datagram->len, &w);
    return FALSE;
  }
  return TRUE;
}

gboolean
ike_gates_replace (IkeExchange *x, gsize len)
{
  IkeShard *shard = x->sa->shard;
  const IkeClasses *classes = &shard->manager->classes;
  IkeDatagram from = { .struct_size = sizeof from,
                       .flags = x->is_marked ? IKE_NET_MARKED : 0,
                       .local = x->local,
                       .remote = x->remote };
  guint i;

  if (!(x->info->klass->flags & IKE_EXCHANGE_INITIAL) || x->is_initiator || !x->in
      || len <= x->in->raw_len)
    return FALSE;
  from.data = x->in->raw;
  from.len = x->in->raw_len;
  for (i = 0; i < classes->n_gates; i++) {
    const IkeGateClass *klass = classes->gates[i].ops;
    IkeWriter w;
    if (!klass->replace || !is_for (klass, x->info))
      continue;
    ike_clear_open (shard, &x->in->header, &w);
    if (!klass->replace (classes->gates[i].plugin, &from, x->in, len, &w))
      continue;
    ike_counter_add (shard->manager->engine, shard->manager->count.replaced, 1);
    ike_clear_send (shard, &from, from.len, &w);
    return TRUE;
  }
  return FALSE;
}

void
ike_attachments_free (IkeAttachment *a)
{
  while (a) {
    IkeAttachment *next = a->next;
    g_bytes_unref (a->bytes);
    g_free (a);
    a = next;
  }
}
