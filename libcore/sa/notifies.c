/* SPDX-License-Identifier: Apache-2.0 */
/* notifies.c - the notifies of an exchange: those that came are validated and recorded, those of
 * ours are sent. */
#include "sa/sa_private.h"

static void
mark_seen (IkeExchange *x, const IkeNotifyInfo *info)
{
  const IkeClasses *classes = &x->sa->shard->manager->classes;
  guint i;

  for (i = 0; i < classes->n_absents; i++)
    if (classes->absents[i] == info)
      x->operation->notified |= G_GUINT64_CONSTANT (1) << i;
}

static gboolean
record_one (IkeExchange *x, const IkeNotify *notify, IkeVerdict *verdict)
{
  const IkeNotifyInfo *info = ike_classes_notify (&x->sa->shard->manager->classes, notify->type);
  const IkeNotifyClass *klass = info ? info->klass : NULL;
  guint i, n = 0;

  if (!info || !(info->exchanges >> x->info->index & 1)) {
    /* RFC 7296, 3.10.1: unknown error types in a response mean that the request failed; unknown
     * status is ignored. */
    if (notify->type < IKE_N_FIRST_STATUS && x->is_initiator && x->in->is_protected) {
      const char *name = ike_notify_name (notify->type);
      ike_exchange_fail (x, 0, NULL, 0,
                         name ? name : "the peer answered with an error we do not know");
    }
    return TRUE;
  }
  for (i = 0; i < x->n_records; i++)
    n += x->records[i].type == notify->type;
  if (notify->len < klass->min_len || notify->len > klass->max_len)
    return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, IKE_PAYLOAD_NOTIFY, 0,
                            "a notify has the wrong length");
  if ((klass->max_count && n >= klass->max_count) || x->n_records == IKE_RECORDS_MAX)
    return TRUE;
  if (klass->received && !klass->received (info->plugin, x->sa, x, notify))
    return TRUE;
  mark_seen (x, info);
  x->records[x->n_records++] = *notify;
  return TRUE;
}

gboolean
ike_exchange_record_notifies (IkeExchange *x, IkeVerdict *verdict)
{
  const IkePayload *payload;
  IkeNotify notify;
  guint i;

  x->n_records = 0;
  if (!ike_message_find (x->in, IKE_PAYLOAD_NOTIFY, 0))
    return TRUE;
  if (!x->records)
    x->records = ike_arena_alloc (&x->arena, IKE_RECORDS_MAX * sizeof (IkeNotify));
  for (i = 0; x->records && i < x->in->n; i++) {
    payload = &x->in->payloads[i];
    if (payload->type != IKE_PAYLOAD_NOTIFY)
      continue;
    if (!ike_notify_read (payload, &notify, verdict) || !record_one (x, &notify, verdict))
      return FALSE;
  }
  return x->records != NULL;
}

const IkeNotify *
ike_exchange_record (const IkeExchange *x, guint16 type, guint nth)
{
  const IkeKept *kept = x->operation ? x->operation->kept : NULL;
  guint i;

  for (i = 0; i < x->n_records; i++)
    if (x->records[i].type == type && nth-- == 0)
      return &x->records[i];
  for (i = 0; kept && i < kept->n_records; i++)
    if (kept->records[i].type == type && nth-- == 0)
      return &kept->records[i];
  return NULL;
}

gboolean
ike_exchange_keep_record (const IkeExchange *x, IkeKept *kept, const IkePayload *payload)
{
  IkeVerdict verdict = { 0 };
  IkeNotify notify;
  guint i;

  if (!ike_notify_read (payload, &notify, &verdict))
    return TRUE;
  for (i = 0; i < x->n_records && x->records[i].data != notify.data; i++)
    ;
  if (i == x->n_records || x->records[i].type != notify.type)
    return TRUE;
  if (kept->n_records == G_N_ELEMENTS (kept->records))
    return FALSE;
  notify.data = ike_arena_copy (&kept->arena, notify.data, notify.len);
  notify.spi = ike_arena_copy (&kept->arena, notify.spi, notify.spi_len);
  kept->records[kept->n_records++] = notify;
  return notify.data && notify.spi;
}

void
ike_exchange_send_notifies (IkeExchange *x, gboolean is_early)
{
  guint i;

  for (i = 0; i < x->info->n_senders; i++) {
    const IkeNotifyInfo *info = x->info->senders[i];
    if ((info->klass->weight < 0) == is_early)
      info->klass->send (info->plugin, x->sa, x, &x->out);
  }
}
