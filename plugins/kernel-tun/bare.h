/* SPDX-License-Identifier: Apache-2.0 */
/* bare.h - packets that an SA carries without their IP header, as transport mode and BEET do: the
 * header taken off, and put before again at the other end. */
#pragma once
#include "packet.h"

enum { BARE_HEADER_MAX = 40 };

/* Between whom, in the direction of the SA. */
typedef struct {
  guint8 family;
  guint8 source[16], destination[16];
} BareHosts;

/* What the outer header says for the one that is not there. */
typedef struct {
  guint8 next_header, traffic_class, hop_limit;   /* hop_limit 0: not known */
} BareHeader;

/* Where in a whole packet begins what is carried, and what it is.  FALSE: its header says more than
 * an outer one can. */
gboolean bare_strip  (const Packet *packet, const guint8 *data, guint32 *at, guint8 *next_header);
/* Is it a packet between these hosts? */
gboolean bare_is_between (const BareHosts *hosts, const Packet *packet);
/* Writes the header before @payload, where there is room for it, and returns its length; 0: such a
 * packet would be too long. */
gsize    bare_build  (const BareHosts *hosts, const BareHeader *header, guint8 *payload, gsize len);
/* RFC 3948, 3.1.2: the peer made the checksum of an upper layer with @original, and its packet is
 * now one between @hosts. */
void     bare_fix_checksum (const BareHosts *hosts, const BareHosts *original, guint8 protocol,
                            guint8 *payload, gsize len);
