/* SPDX-License-Identifier: Apache-2.0 */
/* header.c - the fixed header of a message (RFC 7296, 3.1), both ways. */
#include <ikebana/message.h>

enum { NEXT_PAYLOAD_AT = 16, LENGTH_AT = 24 };

gboolean
ike_header_read (const guint8 *data, gsize len, IkeHeader *header, IkeVerdict *verdict)
{
  IkeReader r;

  ike_reader_init (&r, data, len);
  header->spi_initiator = ike_reader_u64 (&r);
  header->spi_responder = ike_reader_u64 (&r);
  header->next_payload = ike_reader_u8 (&r);
  header->version = ike_reader_u8 (&r);
  header->exchange = ike_reader_u8 (&r);
  header->flags = ike_reader_u8 (&r);
  header->message_id = ike_reader_u32 (&r);
  header->length = ike_reader_u32 (&r);
  if (r.failed)
    return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, 0, (guint32) len,
                            "shorter than a header");
  if (header->length != len)
    return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, 0, LENGTH_AT,
                            "length differs from that of the datagram");
  /* RFC 7296, 3.1: "This value MUST NOT be zero." */
  if (header->spi_initiator == 0)
    return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, 0, 0, "SPI of the initiator is zero");
  return TRUE;
}

void
ike_header_write (IkeWriter *w, const IkeHeader *header)
{
  gsize start = w->len;

  ike_writer_u64 (w, header->spi_initiator);
  ike_writer_u64 (w, header->spi_responder);
  ike_writer_u8 (w, IKE_PAYLOAD_NONE);
  ike_writer_u8 (w, header->version);
  ike_writer_u8 (w, header->exchange);
  ike_writer_u8 (w, header->flags);
  ike_writer_u32 (w, header->message_id);
  ike_writer_u32 (w, 0);
  w->next_at = start + NEXT_PAYLOAD_AT;
}

void
ike_message_close (IkeWriter *w)
{
  IkeWriter at;

  if (w->failed || w->len < IKE_HEADER_LEN || w->len > IKE_MESSAGE_MAX) {
    w->failed = TRUE;
    return;
  }
  ike_writer_init (&at, w->data + LENGTH_AT, 4);
  ike_writer_u32 (&at, (guint32) w->len);
}
