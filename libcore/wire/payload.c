/* SPDX-License-Identifier: Apache-2.0 */
/* payload.c - the chain of payloads (RFC 7296, 3.2), of clear messages and of what came out of SK
 * alike. */
#include <ikebana/message.h>

enum { CRITICAL = 0x80, PAYLOAD_HEADER_LEN = 4 };

/* RFC 7296 defines 33 (SA) to 48; what plugins add is known to the caller's @is_known. */
static gboolean
is_in_rfc7296 (guint8 type)
{
  return type >= IKE_PAYLOAD_SA && type < IKE_PAYLOAD_GSPM;
}

static gboolean
ends_chain (guint8 type)
{
  return type == IKE_PAYLOAD_SK || type == IKE_PAYLOAD_SKF;
}

static gboolean
read_one (IkeReader *r, guint8 type, guint32 offset, IkePayload *payload, IkeVerdict *verdict)
{
  guint16 len;
  guint8 flags;

  payload->type = type;
  payload->reserved = 0;
  payload->offset = offset + (guint32) r->pos;
  payload->next = ike_reader_u8 (r);
  flags = ike_reader_u8 (r);
  len = ike_reader_u16 (r);
  payload->is_critical = (flags & CRITICAL) != 0;
  if (r->failed)
    return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, type, payload->offset,
                            "payload header is cut off");
  if (len < PAYLOAD_HEADER_LEN)
    return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, type, payload->offset,
                            "payload is shorter than its header");
  payload->len = (guint32) len - PAYLOAD_HEADER_LEN;
  payload->data = ike_reader_bytes (r, payload->len);
  if (!payload->data)
    return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, type, payload->offset,
                            "payload is longer than the message");
  return TRUE;
}

gboolean
ike_payloads_read (guint8 first, const guint8 *data, gsize len, guint32 offset,
                   gboolean (*is_known) (guint8 type, gconstpointer arg), gconstpointer arg,
                   IkePayload *out, guint max, guint *n_out, IkeVerdict *verdict)
{
  guint8 type = first;
  guint n = 0;
  IkeReader r;

  *n_out = 0;
  ike_reader_init (&r, data, len);
  while (type != IKE_PAYLOAD_NONE) {
    if (n == max)
      return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, type, offset + (guint32) r.pos,
                              "too many payloads");
    if (!read_one (&r, type, offset, &out[n], verdict))
      return FALSE;
    /* RFC 7296, 2.5: "If the critical flag is set and the payload type is unrecognized, the message
     * MUST be rejected and the response to the IKE request containing that payload MUST include a
     * Notify payload UNSUPPORTED_CRITICAL_PAYLOAD". */
    if (out[n].is_critical && !is_in_rfc7296 (type) && !(is_known && is_known (type, arg)))
      return ike_verdict_set (verdict, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, type, out[n].offset,
                              "critical payload is not known");
    /* RFC 7296, 3.14: the Next Payload of SK is that of the first one inside, so nothing can follow
     * it. */
    type = ends_chain (type) ? IKE_PAYLOAD_NONE : out[n].next;
    n++;
  }
  if (!ike_reader_is_done (&r))
    return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, n ? out[n - 1].type : 0,
                            offset + (guint32) r.pos, "bytes behind the last payload");
  *n_out = n;
  return TRUE;
}

gsize
ike_payload_open (IkeWriter *w, guint8 type, gboolean is_critical)
{
  gsize mark = w->len;

  /* A buffer without a header or payload in front has nothing to link to; its owner knows the first
   * type. */
  if (!w->failed && w->next_at < w->len)
    w->data[w->next_at] = type;
  w->next_at = mark;
  ike_writer_u8 (w, IKE_PAYLOAD_NONE);
  ike_writer_u8 (w, is_critical ? CRITICAL : 0);
  ike_writer_u16 (w, 0);
  return mark;
}

void
ike_payload_close (IkeWriter *w, gsize mark)
{
  ike_writer_close_u16 (w, mark + 2, 2);
}

void
ike_payload_write (IkeWriter *w, guint8 type, const void *body, gsize len)
{
  gsize mark = ike_payload_open (w, type, FALSE);

  ike_writer_bytes (w, body, len);
  ike_payload_close (w, mark);
}
