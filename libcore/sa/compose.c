/* SPDX-License-Identifier: Apache-2.0 */
/* compose.c - a message in the making: opened with its header, filled by tasks, shown to the
 * message hook, sealed; and one that came, shown to it as well. */
#include "sa/sa_private.h"

gboolean
ike_exchange_is_clear (const IkeExchange *x)
{
  return x->info->klass->flags & IKE_EXCHANGE_CLEAR;
}

/* The peer's is as it came: it may be one that nobody here knows. */
static guint8
number_of (const IkeExchange *x)
{
  return x->is_initiator || !x->in ? x->info->klass->number : x->in->header.exchange;
}

void
ike_exchange_open (IkeExchange *x)
{
  IkeSa *sa = x->sa;
  gboolean hides_spi = ike_exchange_is_clear (x) && !x->is_initiator && x->is_failed;
  IkeHeader header = {
    .spi_initiator = ike_sa_spi (sa, TRUE),
    .version = 0x20,
    .exchange = number_of (x),
    .flags = (guint8) ((sa->is_initiator ? IKE_FLAG_INITIATOR : 0)
                       | (x->is_initiator ? 0 : IKE_FLAG_RESPONSE)),
    .message_id = x->message_id,
  };

  /* RFC 7296, 2.6: an IKE_SA_INIT response that makes no SA has a responder's SPI of zero. */
  header.spi_responder = hides_spi ? 0 : ike_sa_spi (sa, FALSE);
  ike_writer_init (&x->out, sa->shard->buffer, IKE_MESSAGE_MAX);
  ike_header_write (&x->out, &header);
  if (!ike_exchange_is_clear (x)) {
    ike_outer_write (x);
    ike_payload_open (&x->out, IKE_PAYLOAD_SK, FALSE);
    ike_writer_reserve (&x->out, ike_seal_prefix (sa) - IKE_HEADER_LEN - 4);
  }
  x->inner_at = x->out.len;
}

static gboolean
emit_message (IkeExchange *x, gboolean is_inbound, const guint8 **plain, gsize *len, guint8 *first)
{
  IkeSaManager *manager = x->sa->shard->manager;
  IkeMessageEvent event = { sizeof event,
                            is_inbound,
                            is_inbound != x->is_initiator,
                            number_of (x),
                            x->message_id,
                            x->keys ? x->keys->generation : 0,
                            *plain,
                            *len,
                            *first };

  if (ike_message_hook_emit (manager->on_message, x->sa, &event) == IKE_HOOK_REJECT)
    return FALSE;
  *plain = event.plain;
  *len = event.len;
  *first = event.first_payload;
  return TRUE;
}

/* Shows what was built to the message hook, and takes what that puts in its place. */
static gboolean
show_built (IkeExchange *x)
{
  IkeWriter *w = &x->out;
  guint8 *first = &w->data[ike_exchange_is_clear (x) ? 16 : ike_outer_end (w)];
  const guint8 *built = w->data + x->inner_at, *plain = built;
  gsize len = w->len - x->inner_at;

  if (!emit_message (x, FALSE, &plain, &len, first) || len > w->size - x->inner_at)
    return FALSE;
  if (plain != built && len)
    memmove (w->data + x->inner_at, plain, len);
  w->len = x->inner_at + len;
  return TRUE;
}

/* Closes and seals what was built; a copy that the caller owns, or NULL. */
guint8 *
ike_exchange_close (IkeExchange *x, gsize *len)
{
  IkeWriter *w = &x->out;
  gsize limit = ike_exchange_is_clear (x) ? 0 : ike_fragment_limit (x);

  if (w->failed || !show_built (x))
    return NULL;
  if (limit && ike_sealed_len (x->sa, x->inner_at, w->len - x->inner_at) > limit)
    return ike_fragment_seal (x->sa, (IkeKeys *) x->keys, w, x->inner_at, limit, len);
  if (ike_exchange_is_clear (x))
    ike_message_close (w);
  else if (!ike_seal (x->sa, (IkeKeys *) x->keys, w, x->inner_at))
    return NULL;
  *len = w->len;
  return g_memdup2 (w->data, w->len);
}

void
ike_exchange_write_failure (IkeExchange *x)
{
  ike_exchange_open (x);
  if (x->last_word) {
    gsize len;
    const guint8 *body = g_bytes_get_data (x->last_word, &len);
    ike_payload_write (&x->out, x->last_word_type, body, len);
  } else if (x->notify)
    ike_notify_write (&x->out, x->notify_protocol, x->notify, x->notify_spi, x->notify_spi_len,
                      x->notify_data, x->notify_len);
}

gboolean
ike_exchange_show (IkeExchange *x, const guint8 **plain, gsize *len, guint8 *first)
{
  const guint8 *came = *plain;

  if (!emit_message (x, TRUE, plain, len, first))
    return FALSE;
  if (*plain != came && *len)
    *plain = ike_arena_copy (&x->in_arena, *plain, *len);
  return *plain || !*len;
}
