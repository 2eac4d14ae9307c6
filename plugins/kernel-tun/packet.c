/* SPDX-License-Identifier: Apache-2.0 */
/* packet.c - reads inner IPv4 and IPv6 packets. */
#include "config.h"
#include <string.h>
#include <ikebana/kernel.h>
#include <ikebana/reader.h>
#include "packet.h"

static gboolean
broken (const char **reason, const char *text)
{
  *reason = text;
  return FALSE;
}

/* The upper layer of a whole packet or a first fragment.  What is cut off before the ports is
 * OPAQUE, not an error: RFC 4301, 4.4.1.1: a fragment may not contain them. */
static void
parse_upper (Packet *packet, const guint8 *data, gsize len)
{
  IkeReader r;
  guint16 first, second;
  ike_reader_init (&r, data, len);
  first = ike_reader_u16 (&r);
  switch (packet->protocol) {
  case PACKET_PROTO_ICMP:
  case PACKET_PROTO_ICMPV6:
    second = first;
    break;
  case PACKET_PROTO_TCP:
  case PACKET_PROTO_UDP:
  case 33:                                    /* DCCP */
  case 132:                                   /* SCTP */
  case 136:                                   /* UDP-Lite */
    second = ike_reader_u16 (&r);
    break;
  default:
    return;
  }
  if (r.failed)
    return;
  packet->ports = PACKET_PORTS_KNOWN;
  packet->source_port = first;
  packet->destination_port = second;
}

static gboolean
parse_ipv4 (Packet *packet, const guint8 *data, gsize len, const char **reason)
{
  IkeReader r;
  guint8 first;
  guint16 total, fragment;
  const guint8 *source, *destination;
  gsize header_len;
  ike_reader_init (&r, data, len);
  first = ike_reader_u8 (&r);
  packet->traffic_class = ike_reader_u8 (&r);
  total = ike_reader_u16 (&r);
  ike_reader_u16 (&r);
  fragment = ike_reader_u16 (&r);
  ike_reader_u8 (&r);
  packet->protocol = ike_reader_u8 (&r);
  ike_reader_u16 (&r);
  source = ike_reader_bytes (&r, 4);
  destination = ike_reader_bytes (&r, 4);
  header_len = (first & 15) * 4u;
  if (r.failed || header_len < 20 || total < header_len || total > len)
    return broken (reason, "IPv4 header with wrong lengths");
  memcpy (packet->source, source, 4);
  memcpy (packet->destination, destination, 4);
  packet->family = 4;
  packet->len = total;
  packet->upper_at = (guint32) header_len;
  packet->has_df = (fragment & 0x4000) != 0;
  packet->is_fragment = (fragment & 0x3fff) != 0;
  packet->is_first = (fragment & 0x1fff) == 0;
  if (packet->is_first)
    parse_upper (packet, data + header_len, total - header_len);
  return TRUE;
}

/* Reads one extension header.  FALSE: @next is not one, or nothing behind it can be read. */
static gboolean
next_extension (Packet *packet, IkeReader *r, guint8 *next)
{
  guint8 after, len;
  guint16 fragment;
  switch (*next) {
  case 0:                                     /* hop-by-hop options */
  case 43:                                    /* routing */
  case 60:                                    /* destination options */
    after = ike_reader_u8 (r);
    len = ike_reader_u8 (r);
    ike_reader_bytes (r, 6 + len * 8u);
    break;
  /* AH inside the tunnel: its length is in other units */
  case 51:
    after = ike_reader_u8 (r);
    len = ike_reader_u8 (r);
    ike_reader_bytes (r, (len + 2) * 4u - 2);
    break;
  case 44:
    after = ike_reader_u8 (r);
    ike_reader_u8 (r);
    fragment = ike_reader_u16 (r);
    ike_reader_u32 (r);
    packet->is_fragment = (fragment & 0xfff9) != 0;
    packet->is_first = (fragment & 0xfff8) == 0;
    break;
  default:
    return FALSE;
  }
  *next = after;
  return packet->is_first && !r->failed;
}

static gboolean
is_extension (guint8 next)
{
  return next == 0 || next == 43 || next == 44 || next == 51 || next == 60;
}

static gboolean
parse_ipv6 (Packet *packet, const guint8 *data, gsize len, const char **reason)
{
  IkeReader r;
  guint8 next;
  guint32 payload_len;
  guint n = 0;
  const guint8 *source, *destination;
  ike_reader_init (&r, data, len);
  packet->traffic_class = (guint8) (ike_reader_u32 (&r) >> 20);
  payload_len = ike_reader_u16 (&r);
  next = ike_reader_u8 (&r);
  ike_reader_u8 (&r);
  source = ike_reader_bytes (&r, 16);
  destination = ike_reader_bytes (&r, 16);
  if (r.failed || payload_len > len - 40)
    return broken (reason, "IPv6 header with wrong lengths");
  memcpy (packet->source, source, 16);
  memcpy (packet->destination, destination, 16);
  packet->family = 6;
  packet->has_df = TRUE;
  packet->is_first = TRUE;
  packet->len = 40 + payload_len;
  r.len = packet->len;
  while (n++ < PACKET_MAX_EXTENSIONS && next_extension (packet, &r, &next))
    continue;
  packet->protocol = next;
  if (r.failed)
    return broken (reason, "IPv6 extension header that is cut off");
  packet->upper_at = (guint32) r.pos;
  if (packet->is_first && is_extension (next))
    return broken (reason, "too many IPv6 extension headers");
  packet->is_protocol_opaque = !packet->is_first && is_extension (next);
  if (packet->is_first)
    parse_upper (packet, data + r.pos, packet->len - r.pos);
  return TRUE;
}

gboolean
packet_parse (Packet *packet, const guint8 *data, gsize len, const char **reason)
{
  memset (packet, 0, sizeof *packet);
  if (len == 0)
    return broken (reason, "empty packet");
  if (data[0] >> 4 == 4)
    return parse_ipv4 (packet, data, len, reason);
  if (data[0] >> 4 == 6)
    return parse_ipv6 (packet, data, len, reason);
  return broken (reason, "neither IPv4 nor IPv6");
}

static void
to_addr (const Packet *packet, const guint8 *bytes, guint16 port, IkeAddr *addr)
{
  memset (addr, 0, sizeof *addr);
  addr->family = packet->family;
  addr->port = port;
  memcpy (addr->bytes, bytes, packet->family == 4 ? 4 : 16);
}

void
packet_source (const Packet *packet, IkeAddr *addr)
{
  to_addr (packet, packet->source, packet->source_port, addr);
}

void
packet_destination (const Packet *packet, IkeAddr *addr)
{
  to_addr (packet, packet->destination, packet->destination_port, addr);
}

/* -- traffic class */

enum { ECN_NOT = 0, ECN_ECT1 = 1, ECN_ECT0 = 2, ECN_CE = 3 };

/* RFC 6040, 4.1: normal mode copies the ECN field; compatibility mode clears it. */
guint8
packet_outer_class (const Packet *packet, guint32 flags)
{
  guint8 outer = 0;
  if (flags & IKE_KERNEL_COPY_DSCP_OUT)
    outer |= packet->traffic_class & 0xfc;
  if (flags & IKE_KERNEL_COPY_ECN)
    outer |= packet->traffic_class & 3;
  return outer;
}

/* The header checksum is made anew: it is short, and what came may have been wrong. */
static void
set_class (const Packet *packet, guint8 *data, guint8 traffic_class)
{
  guint16 sum;
  if (packet->family == 6) {
    data[0] = (guint8) (0x60 | traffic_class >> 4);
    data[1] = (guint8) (traffic_class << 4 | (data[1] & 15));
    return;
  }
  data[1] = traffic_class;
  data[10] = data[11] = 0;
  sum = GUINT16_TO_BE (packet_checksum (0, data, packet->upper_at));
  memcpy (data + 10, &sum, 2);
}

/* RFC 6040, figure 4. */
static int
merge_ecn (guint8 inner, guint8 outer)
{
  if (inner == ECN_NOT)
    return outer == ECN_CE ? -1 : ECN_NOT;
  if (outer == ECN_CE || inner == ECN_CE)
    return ECN_CE;
  return inner == ECN_ECT0 && outer == ECN_ECT1 ? ECN_ECT1 : inner;
}

gboolean
packet_merge_class (const Packet *packet, guint8 *data, guint8 outer_class, guint32 flags)
{
  guint8 merged = packet->traffic_class;
  int ecn = flags & IKE_KERNEL_COPY_ECN ? merge_ecn (merged & 3, outer_class & 3) : merged & 3;
  if (ecn < 0)
    return FALSE;
  if (flags & IKE_KERNEL_COPY_DSCP_IN)
    merged = outer_class;
  merged = (guint8) ((merged & 0xfc) | ecn);
  if (merged != packet->traffic_class)
    set_class (packet, data, merged);
  return TRUE;
}
