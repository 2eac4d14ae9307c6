/* SPDX-License-Identifier: Apache-2.0 */
/* nats.c - NO_NATS_ALLOWED (RFC 4555, 3.9 and 4.2.6): with a peer that does no NAT traversal the
 * addresses of a message are protected by saying them once more inside. */
#include "config.h"
#include "mobike.h"

enum { NATS_MAX = 36 };

/* Source, destination, and their ports. */
static gsize
write_addresses (const IkeAddr *source, const IkeAddr *destination, guint8 out[static NATS_MAX])
{
  IkeWriter w;

  ike_writer_init (&w, out, NATS_MAX);
  ike_writer_bytes (&w, source->bytes, ike_addr_len (source));
  ike_writer_bytes (&w, destination->bytes, ike_addr_len (destination));
  ike_writer_u16 (&w, source->port);
  ike_writer_u16 (&w, destination->port);
  return w.len;
}

void
nats_forbid (const IkeExchange *x, IkeWriter *out)
{
  guint8 data[NATS_MAX];
  gsize len = write_addresses (ike_exchange_local (x), ike_exchange_remote (x), data);

  ike_notify_write (out, 0, N_NO_NATS_ALLOWED, NULL, 0, data, len);
}

/* "The exchange responder MUST verify that the contents of the NO_NATS_ALLOWED notification match
 * the addresses in the IP header." */
gboolean
nats_are_seen (const IkeExchange *x)
{
  const IkeNotify *notify = ike_exchange_record (x, N_NO_NATS_ALLOWED, 0);
  guint8 data[NATS_MAX];
  gsize len = write_addresses (ike_exchange_remote (x), ike_exchange_local (x), data);

  return notify && (notify->len != len || memcmp (notify->data, data, len) != 0);
}
