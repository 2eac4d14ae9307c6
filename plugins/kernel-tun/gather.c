/* SPDX-License-Identifier: Apache-2.0 */
/* gather.c - puts TCP segments that follow each other into one packet for the device.
 *
 * Only what can be told apart from nothing later: cutting the packet gives the same segments again,
 * so a segment is taken when its checksum is right, its header differs in nothing but sequence
 * number, checksum and PSH, and it is as long as those before (the last one may be shorter). */
#include "config.h"
#include <string.h>
#include "segment.h"

enum { TCP_SEQUENCE_AT = 4, TCP_LENGTH_AT = 12, TCP_FLAGS_AT = 13, TCP_CHECKSUM_AT = 16 };
enum { TCP_HEADER_LEN = 20, ACK = 0x10, PSH = 0x08 };

/* Where the upper layer begins when there are no options. */
static guint32
plain_header_len (guint8 family)
{
  return family == 4 ? 20 : 40;
}

static guint32
get_u32 (const guint8 *at)
{
  return (guint32) at[0] << 24 | (guint32) at[1] << 16 | (guint32) at[2] << 8 | at[3];
}

static void
put_u16 (guint8 *at, guint32 value)
{
  at[0] = (guint8) (value >> 8);
  at[1] = (guint8) value;
}

static guint32
pseudo_sum (guint8 family, const guint8 *data, guint32 upper_len)
{
  const guint8 *addrs = family == 4 ? data + 12 : data + 8;
  guint32 sum = PACKET_PROTO_TCP + upper_len;
  for (guint i = 0; i < (family == 4 ? 8u : 32u); i += 2)
    sum += (guint32) addrs[i] << 8 | addrs[i + 1];
  return sum;
}

/* New checksums are made for the device, which would make right what was spoiled on the way. */
static gboolean
is_checksum_right (const Packet *packet, const guint8 *data)
{
  guint32 upper_len = packet->len - packet->upper_at;
  if (packet->family == 4 && packet_checksum (0, data, packet->upper_at) != 0)
    return FALSE;
  return packet_checksum (pseudo_sum (packet->family, data, upper_len), data + packet->upper_at,
                          upper_len) == 0;
}

/* Returns the length of both headers, 0: no segment that can be gathered. */
static guint32
candidate (const Packet *packet, const guint8 *data)
{
  const guint8 *tcp = data + packet->upper_at;
  guint32 upper_len = packet->len - packet->upper_at, tcp_len;
  if (packet->protocol != PACKET_PROTO_TCP || packet->is_fragment || !packet->has_df
      || packet->upper_at != plain_header_len (packet->family) || upper_len < TCP_HEADER_LEN)
    return 0;
  tcp_len = (tcp[TCP_LENGTH_AT] >> 4) * 4u;
  if (tcp_len < TCP_HEADER_LEN || tcp_len >= upper_len || (tcp[TCP_FLAGS_AT] & ~PSH) != ACK)
    return 0;
  return packet->upper_at + tcp_len;
}

/* All but the length, the ID and the checksum of IPv4. */
static gboolean
is_same_ip (guint8 family, const guint8 *a, const guint8 *b)
{
  if (family == 6)
    return memcmp (a, b, 4) == 0 && memcmp (a + 6, b + 6, 34) == 0;
  return memcmp (a, b, 2) == 0 && memcmp (a + 6, b + 6, 4) == 0 && memcmp (a + 12, b + 12, 8) == 0;
}

static gboolean
is_same_tcp (const guint8 *a, const guint8 *b, guint32 len)
{
  return memcmp (a, b, TCP_SEQUENCE_AT) == 0 && memcmp (a + 8, b + 8, 5) == 0
         && memcmp (a + 14, b + 14, 2) == 0
         && memcmp (a + TCP_CHECKSUM_AT + 2, b + TCP_CHECKSUM_AT + 2, len - 18) == 0;
}

static gboolean
fits (const Gather *gather, const Packet *packet, const guint8 *data, guint32 header_len)
{
  guint32 carried = packet->len - header_len;
  return !gather->is_full && gather->family == packet->family && gather->header_len == header_len
         && carried <= gather->segment_len && gather->len + carried <= GATHER_SIZE
         && get_u32 (data + packet->upper_at + TCP_SEQUENCE_AT) == gather->next_sequence
         && is_same_ip (packet->family, gather->data, data)
         && is_same_tcp (gather->data + gather->upper_at, data + packet->upper_at,
                         header_len - packet->upper_at);
}

static void
begin (Gather *gather, const Packet *packet, const guint8 *data, guint32 header_len)
{
  gather->family = packet->family;
  gather->upper_at = packet->upper_at;
  gather->header_len = header_len;
  gather->segment_len = packet->len - header_len;
  gather->next_sequence = get_u32 (data + packet->upper_at + TCP_SEQUENCE_AT);
  gather->len = header_len;
  gather->is_full = FALSE;
  memcpy (gather->data, data, header_len);
}

gboolean
gather_add (Gather *gather, const Packet *packet, const guint8 *data)
{
  guint32 header_len = candidate (packet, data), carried = packet->len - header_len;
  guint8 flags;
  if (!header_len || packet->len > GATHER_SIZE || !is_checksum_right (packet, data))
    return FALSE;
  if (gather->n == 0)
    begin (gather, packet, data, header_len);
  else if (!fits (gather, packet, data, header_len))
    return FALSE;
  memcpy (gather->data + gather->len, data + header_len, carried);
  gather->len += carried;
  gather->next_sequence += carried;
  gather->n++;
  flags = data[packet->upper_at + TCP_FLAGS_AT];
  gather->data[gather->upper_at + TCP_FLAGS_AT] |= flags;
  gather->is_full = (flags & PSH) != 0 || carried < gather->segment_len;
  return TRUE;
}

static void
close_many (Gather *gather, SegmentHeader *header)
{
  guint8 *data = gather->data;
  guint32 upper_len = gather->len - gather->upper_at, sum;
  if (gather->family == 4) {
    put_u16 (data + 2, gather->len);
    put_u16 (data + 10, 0);
    put_u16 (data + 10, packet_checksum (0, data, gather->upper_at));
  } else {
    put_u16 (data + 4, upper_len);
  }
  for (sum = pseudo_sum (gather->family, data, upper_len); sum >> 16;)
    sum = (sum & 0xffff) + (sum >> 16);
  put_u16 (data + gather->upper_at + TCP_CHECKSUM_AT, sum);
  *header = (SegmentHeader) {
    .flags = SEGMENT_NEEDS_CHECKSUM,
    .kind = gather->family == 4 ? SEGMENT_TCP4 : SEGMENT_TCP6,
    .header_len = (guint16) gather->header_len,
    .segment_len = (guint16) gather->segment_len,
    .checksum_start = (guint16) gather->upper_at,
    .checksum_offset = TCP_CHECKSUM_AT,
  };
}

gsize
gather_finish (Gather *gather, SegmentHeader *header)
{
  gsize len = gather->len;
  memset (header, 0, sizeof *header);
  if (gather->n == 0)
    return 0;
  /* One alone is as it came, its checksum with it. */
  if (gather->n > 1)
    close_many (gather, header);
  gather->n = gather->len = 0;
  return len;
}
