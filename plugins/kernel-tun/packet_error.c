/* SPDX-License-Identifier: Apache-2.0 */
/* packet_error.c - tells the sender of an inner packet that it is too big for the tunnel. */
#include "config.h"
#include <string.h>
#include <ikebana/writer.h>
#include "packet.h"

enum { HOP_LIMIT = 64, ERROR_MAX_IPV4 = 576 };

/* RFC 1071, 2: the sum may be made in any byte order and in wider words, and is folded at the
 * end. */
static guint64
sum_words (const guint8 *data, gsize len)
{
  guint64 sum = 0, word;
  guint8 rest[8] = { 0 };
  for (; len >= 8; data += 8, len -= 8) {
    memcpy (&word, data, 8);
    sum += (word & G_MAXUINT32) + (word >> 32);
  }
  memcpy (rest, data, len);
  memcpy (&word, rest, 8);
  return sum + (word & G_MAXUINT32) + (word >> 32);
}

static guint16
fold (guint64 sum)
{
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return (guint16) sum;
}

guint16
packet_checksum (guint32 sum, const guint8 *data, gsize len)
{
  guint16 words = fold (sum_words (data, len));
  return (guint16) ~fold ((guint64) sum + GUINT16_FROM_BE (words));
}

static gboolean
is_icmp_error (const Packet *packet)
{
  guint8 type = (guint8) (packet->source_port >> 8);
  if (packet->protocol == PACKET_PROTO_ICMP && packet->family == 4)
    return packet->ports != PACKET_PORTS_KNOWN || type == 3 || type == 4 || type == 5 || type == 11
           || type == 12;
  if (packet->protocol == PACKET_PROTO_ICMPV6 && packet->family == 6)
    return packet->ports != PACKET_PORTS_KNOWN || type < 128;
  return FALSE;
}

static gboolean
is_unicast (const Packet *packet, const guint8 *addr)
{
  static const guint8 zeros[16];
  if (packet->family == 6)
    return addr[0] != 0xff && memcmp (addr, zeros, 16) != 0;
  return addr[0] != 0 && addr[0] < 224;
}

static void
put_checksum (guint8 *at, guint16 sum)
{
  at[0] = (guint8) (sum >> 8);
  at[1] = (guint8) sum;
}

/* The error seems to come from where the packet was going: the one address that is surely routed
 * into the tunnel. */
static gsize
too_big_ipv4 (const Packet *packet, const guint8 *data, guint32 mtu, guint8 *out)
{
  gsize quoted = MIN (packet->len, (guint32) ERROR_MAX_IPV4 - 28);
  IkeWriter w;
  ike_writer_init (&w, out, PACKET_ERROR_MAX);
  ike_writer_u16 (&w, 0x4500);
  ike_writer_u16 (&w, (guint16) (28 + quoted));
  ike_writer_u32 (&w, 0);
  ike_writer_u8 (&w, HOP_LIMIT);
  ike_writer_u8 (&w, PACKET_PROTO_ICMP);
  ike_writer_u16 (&w, 0);
  ike_writer_bytes (&w, packet->destination, 4);
  ike_writer_bytes (&w, packet->source, 4);
  ike_writer_u16 (&w, 0x0304);                /* unreachable, fragmentation needed */
  ike_writer_u32 (&w, 0);
  ike_writer_u16 (&w, (guint16) MIN (mtu, (guint32) G_MAXUINT16));
  ike_writer_bytes (&w, data, quoted);
  put_checksum (out + 10, packet_checksum (0, out, 20));
  put_checksum (out + 22, packet_checksum (0, out + 20, w.len - 20));
  return w.len;
}

static gsize
too_big_ipv6 (const Packet *packet, const guint8 *data, guint32 mtu, guint8 *out)
{
  gsize quoted = MIN (packet->len, (guint32) PACKET_ERROR_MAX - 48);
  guint32 sum = PACKET_PROTO_ICMPV6 + 8 + (guint32) quoted;
  IkeWriter w;
  ike_writer_init (&w, out, PACKET_ERROR_MAX);
  ike_writer_u32 (&w, 0x60000000);
  ike_writer_u16 (&w, (guint16) (8 + quoted));
  ike_writer_u8 (&w, PACKET_PROTO_ICMPV6);
  ike_writer_u8 (&w, HOP_LIMIT);
  ike_writer_bytes (&w, packet->destination, 16);
  ike_writer_bytes (&w, packet->source, 16);
  ike_writer_u16 (&w, 0x0200);                /* packet too big */
  ike_writer_u16 (&w, 0);
  ike_writer_u32 (&w, mtu);
  ike_writer_bytes (&w, data, quoted);
  for (guint i = 8; i < 40; i += 2)
    sum += (guint32) out[i] << 8 | out[i + 1];
  put_checksum (out + 42, packet_checksum (sum, out + 40, w.len - 40));
  return w.len;
}

gsize
packet_too_big (const Packet *packet, const guint8 *data, guint32 mtu,
                guint8 out[static PACKET_ERROR_MAX])
{
  if (!packet->is_first || is_icmp_error (packet) || !is_unicast (packet, packet->source)
      || !is_unicast (packet, packet->destination))
    return 0;
  return packet->family == 4 ? too_big_ipv4 (packet, data, mtu, out)
                             : too_big_ipv6 (packet, data, mtu, out);
}
