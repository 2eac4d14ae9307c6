/* SPDX-License-Identifier: Apache-2.0 */
/* bare.c - takes IP headers off and puts them on. */
#include "config.h"
#include <string.h>
#include <netinet/in.h>
#include "bare.h"

enum { HOP_LIMIT = 64, IPV4_LEN = 20, IPV6_LEN = 40, DONT_FRAGMENT = 0x40 };

/* Options of IPv4, and headers that routers read: the sockets that send outer packets know none
 * of them.  Destination options may stand behind ESP (RFC 4303, 3.1.1). */
gboolean
bare_strip (const Packet *packet, const guint8 *data, guint32 *at, guint8 *next_header)
{
  if (packet->is_fragment)
    return FALSE;
  *at = packet->family == 4 ? IPV4_LEN : IPV6_LEN;
  *next_header = data[packet->family == 4 ? 9 : 6];
  if (packet->family == 4)
    return packet->upper_at == IPV4_LEN;
  return *next_header != IPPROTO_HOPOPTS && *next_header != IPPROTO_ROUTING
         && *next_header != IPPROTO_FRAGMENT;
}

gboolean
bare_is_between (const BareHosts *hosts, const Packet *packet)
{
  gsize len = packet->family == 4 ? 4 : 16;
  return hosts->family == packet->family && memcmp (hosts->source, packet->source, len) == 0
         && memcmp (hosts->destination, packet->destination, len) == 0;
}

static void
put_u16 (guint8 *at, gsize value)
{
  at[0] = (guint8) (value >> 8);
  at[1] = (guint8) value;
}

/* It has been put together already, so nobody shall cut it again. */
static void
build_ipv4 (const BareHosts *hosts, const BareHeader *header, guint8 *out, gsize len)
{
  memset (out, 0, IPV4_LEN);
  out[0] = 0x45;
  out[1] = header->traffic_class;
  put_u16 (out + 2, IPV4_LEN + len);
  out[6] = DONT_FRAGMENT;
  out[8] = header->hop_limit ? header->hop_limit : HOP_LIMIT;
  out[9] = header->next_header;
  memcpy (out + 12, hosts->source, 4);
  memcpy (out + 16, hosts->destination, 4);
  put_u16 (out + 10, packet_checksum (0, out, IPV4_LEN));
}

static void
build_ipv6 (const BareHosts *hosts, const BareHeader *header, guint8 *out, gsize len)
{
  memset (out, 0, IPV6_LEN);
  out[0] = (guint8) (0x60 | header->traffic_class >> 4);
  out[1] = (guint8) (header->traffic_class << 4);
  put_u16 (out + 4, len);
  out[6] = header->next_header;
  out[7] = header->hop_limit ? header->hop_limit : HOP_LIMIT;
  memcpy (out + 8, hosts->source, 16);
  memcpy (out + 24, hosts->destination, 16);
}

gsize
bare_build (const BareHosts *hosts, const BareHeader *header, guint8 *payload, gsize len)
{
  gsize header_len = hosts->family == 4 ? IPV4_LEN : IPV6_LEN;
  if (len + (hosts->family == 4 ? IPV4_LEN : 0) > G_MAXUINT16)
    return 0;
  if (hosts->family == 4)
    build_ipv4 (hosts, header, payload - header_len, len);
  else
    build_ipv6 (hosts, header, payload - header_len, len);
  return header_len;
}

/* -- checksums */

static guint32
add_words (guint32 sum, const guint8 *bytes, gsize len, guint16 turn)
{
  for (gsize i = 0; i < len; i += 2)
    sum += (guint16) ((bytes[i] << 8 | bytes[i + 1]) ^ turn);
  return sum;
}

static gsize
checksum_at (guint8 protocol)
{
  switch (protocol) {
  case PACKET_PROTO_TCP:
    return 16;
  case PACKET_PROTO_UDP:
    return 6;
  case PACKET_PROTO_ICMPV6:
    return 2;
  default:
    return 0;
  }
}

/* RFC 1624: HC' = ~(~HC + ~m + m'). */
void
bare_fix_checksum (const BareHosts *hosts, const BareHosts *original, guint8 protocol,
                   guint8 *payload, gsize len)
{
  gsize at = checksum_at (protocol), addr_len = hosts->family == 4 ? 4 : 16;
  guint32 sum;
  if (at == 0 || len < at + 2 || hosts->family != original->family)
    return;
  sum = (guint32) (payload[at] << 8 | payload[at + 1]);
  /* RFC 768: "An all zero transmitted checksum value means that the transmitter generated no
   * checksum". */
  if (protocol == PACKET_PROTO_UDP && sum == 0)
    return;
  sum ^= 0xffff;
  sum = add_words (sum, original->source, addr_len, 0xffff);
  sum = add_words (sum, original->destination, addr_len, 0xffff);
  sum = add_words (sum, hosts->source, addr_len, 0);
  sum = add_words (sum, hosts->destination, addr_len, 0);
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  sum ^= 0xffff;
  if (protocol == PACKET_PROTO_UDP && sum == 0)
    sum = 0xffff;
  put_u16 (payload + at, sum);
}
