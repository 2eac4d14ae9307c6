/* SPDX-License-Identifier: Apache-2.0 */
/* clear.c - answers in the clear to whom no SA belongs: few, short, and nothing is remembered. */
#include "sa/sa_private.h"
#include "runtime/loop_private.h"

enum { ORPHANS_PER_SECOND = 20 };

static void
count (IkeShard *shard, guint32 counter)
{
  ike_counter_add (shard->manager->engine, counter, 1);
}

/* An address that was not proven never gets more bytes than it sent; @max says so, and where it may
 * be otherwise. */
gboolean
ike_clear_send (IkeShard *shard, const IkeDatagram *to, gsize max, IkeWriter *w)
{
  IkeSaManager *manager = shard->manager;
  IkeDatagram reply = { .struct_size = sizeof reply,
                        .flags = to->flags & IKE_NET_MARKED,
                        .local = to->local,
                        .remote = to->remote };

  ike_message_close (w);
  if (w->failed || w->len > max || !manager->net_class)
    return FALSE;
  reply.data = w->data;
  reply.len = w->len;
  count (shard, manager->count.sent);
  if (!ike_datagram_passes (shard, NULL, FALSE, &reply))
    return TRUE;
  return manager->net_class->send (manager->net->plugin, shard->index, &reply);
}

void
ike_clear_open (IkeShard *shard, const IkeHeader *to, IkeWriter *w)
{
  IkeHeader header = *to;

  header.flags = (guint8) ((~to->flags & IKE_FLAG_INITIATOR) | IKE_FLAG_RESPONSE);
  header.version = 0x20;
  header.next_payload = 0;
  ike_writer_init (w, shard->buffer, IKE_MESSAGE_MAX);
  ike_header_write (w, &header);
}

gboolean
ike_clear_may_answer (IkeShard *shard)
{
  gint64 now = ike_loop_now_us (shard->loop);

  if (now - shard->orphan_window_us >= G_USEC_PER_SEC) {
    shard->orphan_window_us = now;
    shard->n_orphans_answered = 0;
  }
  return shard->n_orphans_answered++ < ORPHANS_PER_SECOND;
}

/* RFC 7296, 2.5: a higher major version gets "INVALID_MAJOR_VERSION ... containing the closest
 * version number it supports", and the message "SHOULD" be dropped. */
void
ike_clear_answer_version (IkeShard *shard, const IkeDatagram *datagram, const IkeHeader *header)
{
  IkeWriter w;

  count (shard, shard->manager->count.bad_version);
  if (shard->is_busy || (header->flags & IKE_FLAG_RESPONSE) || !ike_clear_may_answer (shard))
    return;
  ike_clear_open (shard, header, &w);
  ike_notify_write (&w, 0, IKE_N_INVALID_MAJOR_VERSION, NULL, 0, NULL, 0);
  ike_clear_send (shard, datagram, datagram->len, &w);
}

/* RFC 7296, 2.21.4 and 1.5: a message for an SPI that we do not know: nothing that comes of it
 * changes any state. */
void
ike_clear_answer_orphan (IkeShard *shard, const IkeDatagram *datagram, const IkeHeader *header)
{
  const IkeClasses *classes = &shard->manager->classes;
  IkeWriter w;
  guint i;

  count (shard, shard->manager->count.bad_spi);
  if (shard->is_busy || (header->flags & IKE_FLAG_RESPONSE) || !ike_clear_may_answer (shard))
    return;
  for (i = 0; i < classes->n_orphans; i++) {
    const IkeOrphanClass *klass = classes->orphans[i].ops;
    ike_clear_open (shard, header, &w);
    if (klass->answer (classes->orphans[i].plugin, datagram, header, &w)) {
      /* Twice as many at most, so that nobody is worth much as an amplifier: the least protected
       * request has 57 bytes, an answer with a proof of 32 bytes has 76. */
      if (ike_clear_send (shard, datagram, 2 * datagram->len, &w))
        count (shard, shard->manager->count.orphans);
      return;
    }
  }
}
