/* SPDX-License-Identifier: Apache-2.0 */
/* flows.h - which of several peers behind one NAT a flow belongs to.
 *
 * In transport mode they have one address and maybe the same selectors.  RFC 3948, 5.2: "simple
 * filter lookups may not be sufficient to determine which SA has to be used to send traffic.
 * Implementations MUST handle this situation".  So a flow is answered through the SA that it came
 * by.  A table without locks that forgets: two flows in one slot push each other out, and then the
 * policies decide. */
#pragma once
#include "packet.h"

enum { FLOWS_SLOTS = 4096 };
typedef struct { _Atomic guint64 slots[FLOWS_SLOTS]; } Flows;

/* An inbound packet came by @reqid.  Any thread. */
void    flows_note (Flows *flows, const Packet *inbound, guint32 reqid);
/* The reqid that the other direction of this flow came by; 0: not known. */
guint32 flows_find (Flows *flows, const Packet *outbound);
