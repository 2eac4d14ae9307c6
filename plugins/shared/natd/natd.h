/* SPDX-License-Identifier: Apache-2.0 */
/* natd.h - NAT detection (RFC 7296, 2.23): each side says what addresses it sent with; a hash that does not fit what
 * arrived tells of a NAT between. */
#pragma once
#include <ikebana/exchange.h>

enum { NATD_LEN = 20 };

/* Both notifies, for a message between the addresses of @x. */
void     natd_write (IkeSa *sa, const IkeExchange *x, IkeWriter *out);
/* Who is behind NAT, by the notifies recorded in @x.  FALSE: there are none. */
gboolean natd_read  (IkeEngine *engine, const IkeExchange *x, const IkeHeader *header, gboolean *local_behind,
                     gboolean *remote_behind);
