/* SPDX-License-Identifier: Apache-2.0 */
/* segment.h - large packets of the device cut into what the tunnel carries, and put together again.
 *
 * A device with offload gives a TCP stream in packets of up to 64 kB with unfinished checksums, and
 * takes such packets back.  Both ways are here, over plain buffers; what does not lie within a
 * packet is refused. */
#pragma once
#include "packet.h"

/* `struct virtio_net_hdr` of the kernel, in host order. */
typedef struct {
  guint8  flags, kind;
  guint16 header_len, segment_len, checksum_start, checksum_offset;
} SegmentHeader;

enum {
  SEGMENT_NEEDS_CHECKSUM = 1,                 /* flags */
  SEGMENT_NONE = 0, SEGMENT_TCP4 = 1, SEGMENT_TCP6 = 4, SEGMENT_UDP = 5, SEGMENT_ECN = 0x80,
};

/* A large packet, and how far it has been cut. */
typedef struct {
  const guint8 *data;
  Packet        packet;
  guint32       header_len, segment_len;      /* of IP and upper layer; of what follows */
  guint32       at, n;
  gboolean      is_tcp;
} Segments;

/* FALSE: nothing that can be cut as @header says; @reason is static text. */
gboolean segments_init (Segments *segments, const SegmentHeader *header, const guint8 *data,
                        gsize len, const char **reason);
/* The length of the next one, before it is written; 0: there are no more. */
gsize    segments_peek (const Segments *segments);
void     segments_next (Segments *segments, guint8 *out);
/* Finishes the checksum of a packet that is not cut.  FALSE: it does not lie within the packet. */
gboolean segment_finish (const SegmentHeader *header, guint8 *data, gsize len);

/* Segments of one TCP stream in a row. */
typedef struct {
  guint8  *data;                              /* GATHER_SIZE bytes */
  guint32  len, n;                            /* n 0: empty */
  guint32  header_len, upper_at, segment_len, next_sequence;
  guint8   family;
  gboolean is_full;                           /* nothing may follow */
} Gather;

enum { GATHER_SIZE = 65535 };

/* FALSE: it does not belong there, and was not taken. */
gboolean gather_add    (Gather *gather, const Packet *packet, const guint8 *data);
/* What to write to the device; the gather is empty then, its data still there. */
gsize    gather_finish (Gather *gather, SegmentHeader *header);
