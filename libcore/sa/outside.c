/* SPDX-License-Identifier: Apache-2.0 */
/* outside.c - requests with message ID 0 that stand outside the window (kind `id-0`): which they
 * are, and the answer that is kept of the last one. */
#include "sa/sa_private.h"
#include <string.h>

/* Might a request with ID 0 be of a form that stands outside the window?  Only what was agreed on
 * is even decrypted. */
gboolean
ike_outside_may_be (const IkeSa *sa, const IkeHeader *header, const IkeExchangeInfo *info)
{
  const IkeClasses *classes = &sa->shard->manager->classes;
  guint i;

  if (header->message_id != 0 || sa->state < IKE_SA_ESTABLISHED
      || (sa->outside && !sa->outside->response))
    return FALSE;
  for (i = 0; i < classes->n_id_0s; i++) {
    const IkeIdZeroClass *klass = classes->id_0s[i].ops;
    if (!strcmp (klass->exchange, info->name) && klass->is_open (classes->id_0s[i].plugin, sa))
      return TRUE;
  }
  return (info->klass->flags & IKE_EXCHANGE_ID_0) && info->klass->id_0;
}

gboolean
ike_outside_is (IkeSa *sa, const IkeMessage *m, const IkeExchangeInfo *info)
{
  const IkeClasses *classes = &sa->shard->manager->classes;
  guint i;

  for (i = 0; i < classes->n_id_0s; i++) {
    const IkeIdZeroClass *klass = classes->id_0s[i].ops;
    if (!strcmp (klass->exchange, info->name) && klass->is_open (classes->id_0s[i].plugin, sa)
        && klass->accept (classes->id_0s[i].plugin, sa, m))
      return TRUE;
  }
  return (info->klass->flags & IKE_EXCHANGE_ID_0) && info->klass->id_0
         && info->klass->id_0 (info->plugin, sa, m);
}

gboolean
ike_outside_answers (IkeSa *sa, const IkeMessage *m, const IkeExchangeInfo *info)
{
  const IkeClasses *classes = &sa->shard->manager->classes;
  guint i;

  for (i = 0; i < classes->n_id_0s; i++) {
    const IkeIdZeroClass *klass = classes->id_0s[i].ops;
    if (!strcmp (klass->exchange, info->name) && klass->is_open (classes->id_0s[i].plugin, sa)
        && klass->answers && !klass->answers (classes->id_0s[i].plugin, sa, m))
      return FALSE;
  }
  return TRUE;
}

/* A repeat of the last one gets the same bytes again; older ones have to get past the replay rule.
 */
gboolean
ike_outside_repeat (IkeSa *sa, const guint8 digest[16], const IkeDatagram *datagram)
{
  IkeReceived entry = { 0 };

  if (!sa->outside || memcmp (sa->outside->digest, digest, sizeof sa->outside->digest) != 0)
    return FALSE;
  ike_counter_add (sa->shard->manager->engine, sa->shard->manager->count.retransmit, 1);
  entry.response = sa->outside->response;
  entry.response_len = sa->outside->response_len;
  if (entry.response)
    ike_transmit_repeat (sa, &entry, datagram);
  return TRUE;
}

void
ike_outside_accept (IkeSa *sa, const guint8 digest[16])
{
  if (!sa->outside)
    sa->outside = g_new0 (IkeOutside, 1);
  g_clear_pointer (&sa->outside->response, g_free);
  memcpy (sa->outside->digest, digest, sizeof sa->outside->digest);
}
