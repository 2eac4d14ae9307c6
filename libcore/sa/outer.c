/* SPDX-License-Identifier: Apache-2.0 */
/* outer.c - payloads of protected requests that stand in front of SK: written by plugins, and shown
 * to them before a message is opened. */
#include "sa/sa_private.h"

void
ike_outer_write (IkeExchange *x)
{
  const IkeClasses *classes = &x->sa->shard->manager->classes;
  guint i;

  if (!x->is_initiator || x->is_failed)
    return;
  for (i = 0; i < classes->n_outers; i++) {
    const IkeOuterClass *klass = classes->outers[i].ops;
    if (klass->write && strstr (klass->exchanges, x->info->name))
      klass->write (classes->outers[i].plugin, x->sa, x, &x->out);
  }
}

gboolean
ike_outer_check (IkeSa *sa, const IkeExchangeInfo *info, const IkeMessage *outer)
{
  const IkeClasses *classes = &sa->shard->manager->classes;
  guint i;

  for (i = 0; i < classes->n_outers; i++) {
    const IkeOuterClass *klass = classes->outers[i].ops;
    if (klass->check && info->name && strstr (klass->exchanges, info->name)
        && !klass->check (classes->outers[i].plugin, sa, outer))
      return FALSE;
  }
  return TRUE;
}

/* Of a message that we made: each length in it is right. */
gsize
ike_outer_end (const IkeWriter *w)
{
  gsize at = IKE_HEADER_LEN;
  guint8 type = w->data[16];

  while (type != IKE_PAYLOAD_SK && type != IKE_PAYLOAD_SKF) {
    g_assert (at + 4 <= w->len);
    type = w->data[at];
    at += MAX ((gsize) w->data[at + 2] << 8 | w->data[at + 3], 4);
  }
  return at;
}
