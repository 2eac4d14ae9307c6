/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c - cuts large TCP and UDP packets, and finishes checksums. */
#include "config.h"
#include <string.h>
#include "segment.h"

enum { TCP_SEQUENCE_AT = 4, TCP_LENGTH_AT = 12, TCP_FLAGS_AT = 13, TCP_CHECKSUM_AT = 16 };
enum { UDP_LENGTH_AT = 4, UDP_CHECKSUM_AT = 6, TCP_HEADER_LEN = 20, UDP_HEADER_LEN = 8 };
enum { FIN = 0x01, PSH = 0x08, CWR = 0x80 };

static guint16
get_u16 (const guint8 *at)
{
  return (guint16) (at[0] << 8 | at[1]);
}

static void
put_u16 (guint8 *at, guint32 value)
{
  at[0] = (guint8) (value >> 8);
  at[1] = (guint8) value;
}

static guint32
get_u32 (const guint8 *at)
{
  return (guint32) get_u16 (at) << 16 | get_u16 (at + 2);
}

static gboolean
refuse (const char **reason, const char *text)
{
  *reason = text;
  return FALSE;
}

gboolean
segments_init (Segments *s, const SegmentHeader *header, const guint8 *data, gsize len,
               const char **reason)
{
  guint8 kind = header->kind & ~SEGMENT_ECN;
  guint32 upper_len;
  memset (s, 0, sizeof *s);
  if (!packet_parse (&s->packet, data, len, reason))
    return FALSE;
  s->is_tcp = kind == SEGMENT_TCP4 || kind == SEGMENT_TCP6;
  if (!s->is_tcp && kind != SEGMENT_UDP)
    return refuse (reason, "a kind of large packet that is not known");
  if (s->packet.protocol != (s->is_tcp ? PACKET_PROTO_TCP : PACKET_PROTO_UDP)
      || s->packet.is_fragment || s->packet.len != len
      || (s->is_tcp && s->packet.family != (kind == SEGMENT_TCP4 ? 4 : 6)))
    return refuse (reason, "a large packet is not what its header says");
  upper_len = s->packet.len - s->packet.upper_at;
  if (upper_len < (s->is_tcp ? TCP_HEADER_LEN : UDP_HEADER_LEN) || header->segment_len == 0)
    return refuse (reason, "a large packet is cut off");
  s->header_len = UDP_HEADER_LEN;
  if (s->is_tcp)
    s->header_len = (data[s->packet.upper_at + TCP_LENGTH_AT] >> 4) * 4u;
  if (s->header_len > upper_len || (s->is_tcp && s->header_len < TCP_HEADER_LEN)
      || s->header_len == upper_len)
    return refuse (reason, "a large packet holds nothing");
  s->header_len += s->packet.upper_at;
  s->segment_len = header->segment_len;
  s->at = s->header_len;
  s->data = data;
  return TRUE;
}

gsize
segments_peek (const Segments *s)
{
  guint32 left = s->packet.len - s->at;
  return left ? s->header_len + MIN (left, s->segment_len) : 0;
}

static void
fix_ip (const Segments *s, guint8 *out, guint32 len)
{
  if (s->packet.family == 6) {
    put_u16 (out + 4, len - 40);
    return;
  }
  put_u16 (out + 2, len);
  /* RFC 6864: of what is not fragmented the ID says nothing; else it has to differ. */
  put_u16 (out + 4, get_u16 (s->data + 4) + s->n);
  put_u16 (out + 10, 0);
  put_u16 (out + 10, packet_checksum (0, out, s->packet.upper_at));
}

static guint32
pseudo_sum (const Packet *packet, guint32 upper_len)
{
  guint32 sum = packet->protocol + upper_len;
  for (guint i = 0; i < (packet->family == 4 ? 4u : 16u); i += 2)
    sum += (guint32) get_u16 (packet->source + i) + get_u16 (packet->destination + i);
  return sum;
}

/* As RFC 9293, 3.4 and RFC 768 have it; zero would say that a UDP packet has none. */
static void
write_checksum (const Segments *s, guint8 *out, guint32 len)
{
  guint8 *at = out + s->packet.upper_at + (s->is_tcp ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT);
  guint32 upper_len = len - s->packet.upper_at;
  guint16 checksum;
  put_u16 (at, 0);
  checksum
    = packet_checksum (pseudo_sum (&s->packet, upper_len), out + s->packet.upper_at, upper_len);
  put_u16 (at, checksum ? checksum : 0xffff);
}

void
segments_next (Segments *s, guint8 *out)
{
  guint32 len = (guint32) segments_peek (s), carried = len - s->header_len;
  guint8 *upper = out + s->packet.upper_at;
  gboolean is_last = s->at + carried == s->packet.len;
  memcpy (out, s->data, s->header_len);
  memcpy (out + s->header_len, s->data + s->at, carried);
  fix_ip (s, out, len);
  if (s->is_tcp) {
    guint32 sequence = get_u32 (upper + TCP_SEQUENCE_AT) + s->at - s->header_len;
    put_u16 (upper + TCP_SEQUENCE_AT, sequence >> 16);
    put_u16 (upper + TCP_SEQUENCE_AT + 2, sequence);
    /* RFC 3168, 6.1.2: CWR is for the first new data; the others are for the last byte. */
    if (!is_last)
      upper[TCP_FLAGS_AT] &= (guint8) ~(FIN | PSH);
    if (s->n > 0)
      upper[TCP_FLAGS_AT] &= (guint8) ~CWR;
  } else {
    put_u16 (upper + UDP_LENGTH_AT, len - s->packet.upper_at);
  }
  write_checksum (s, out, len);
  s->at += carried;
  s->n++;
}

/* The sum of the pseudo header stands in the field already. */
gboolean
segment_finish (const SegmentHeader *header, guint8 *data, gsize len)
{
  gsize start = header->checksum_start, at = start + header->checksum_offset;
  guint16 checksum;
  if (!(header->flags & SEGMENT_NEEDS_CHECKSUM))
    return TRUE;
  if (at + 2 > len || start >= len)
    return FALSE;
  checksum = packet_checksum (0, data + start, len - start);
  put_u16 (data + at, checksum ? checksum : 0xffff);
  return TRUE;
}
