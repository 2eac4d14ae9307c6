/* SPDX-License-Identifier: Apache-2.0 */
/* reassemble.h - fragments of the device put together.
 *
 * RFC 4303, 3.1.1: "transport mode ESP is applied only to whole IP datagrams (not to IP fragments)",
 * and a device gives what is larger than its MTU in fragments.  They are of this machine and come
 * in a row, so a few datagrams at a time are enough, and none is waited for. */
#pragma once
#include "packet.h"

enum { REASSEMBLE_MAX = 4, REASSEMBLE_SIZE = 65535 + 40 };

typedef struct _Datagram Datagram;
typedef struct { Datagram *datagrams[REASSEMBLE_MAX]; guint next; } Reassembly;

void    reassembly_clear (Reassembly *reassembly);
/* Takes a fragment; the whole packet when it was the last one missing, valid till the next call,
 * else NULL.  @len: of what is returned. */
guint8 *reassemble (Reassembly *reassembly, const Packet *packet, const guint8 *data, gsize *len);
