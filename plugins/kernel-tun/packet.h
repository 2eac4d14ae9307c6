/* SPDX-License-Identifier: Apache-2.0 */
/* packet.h - inner IP packets: what selectors need to know of them, the traffic class, and the
 * errors sent back.
 *
 * Everything here reads packets that may be hostile (they come out of a tunnel, or from a
 * network behind us), through IkeReader and with a cap on extension headers. */
#pragma once
#include <ikebana/addr.h>

/* What stands in the place of ports (RFC 4301, 4.4.1.1: ANY, OPAQUE, or a value). */
typedef enum { PACKET_PORTS_OPAQUE, PACKET_PORTS_KNOWN } PacketPorts;

typedef struct {
  guint8  family;                             /* 4 or 6 */
  guint8  protocol;                           /* upper layer */
  guint8  ports;                              /* PacketPorts */
  guint8  traffic_class;
  guint8  is_fragment;                        /* any part of a fragmented packet */
  /* offset zero: a whole packet, or its first fragment */
  guint8  is_first;
  guint8  has_df;                             /* IPv6: always */
  /* a later IPv6 fragment that begins in an extension header */
  guint8  is_protocol_opaque;
  guint16 source_port, destination_port;      /* ICMP: both are type << 8 | code */
  guint32 len;                                /* by its header, never more than there is */
  guint32 upper_at;                           /* offset of the upper layer header */
  guint8  source[16], destination[16];
} Packet;

enum {
  PACKET_PROTO_ICMP = 1, PACKET_PROTO_TCP = 6, PACKET_PROTO_UDP = 17, PACKET_PROTO_ICMPV6 = 58,
  PACKET_MAX_EXTENSIONS = 8,
  PACKET_ERROR_MAX = 1280,
};

/* FALSE: not an IP packet, or a broken one; @reason is static text. */
gboolean packet_parse (Packet *packet, const guint8 *data, gsize len, const char **reason);
/* Source or destination as an address with its port. */
void     packet_source      (const Packet *packet, IkeAddr *addr);
void     packet_destination (const Packet *packet, IkeAddr *addr);

/* Traffic class of the outer header. */
guint8   packet_outer_class (const Packet *packet, guint32 flags);
/* RFC 6040, 4.2: merges the outer traffic class into the inner packet.  FALSE: it must be
 * dropped (CE on a packet that is not ECN-capable).  @flags: IKE_KERNEL_COPY_ECN and
 * _COPY_DSCP_IN. */
gboolean packet_merge_class (const Packet *packet, guint8 *data, guint8 outer_class, guint32 flags);

/* "Fragmentation needed" or "packet too big" about @data, for the one who sent it, with @mtu.
 * Returns its length, 0 when none must be sent (RFC 1122, 3.2.2; RFC 4443, 2.4). */
gsize    packet_too_big (const Packet *packet, const guint8 *data, guint32 mtu,
                         guint8 out[static PACKET_ERROR_MAX]);
guint16  packet_checksum (guint32 sum, const guint8 *data, gsize len);
