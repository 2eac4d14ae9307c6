/* SPDX-License-Identifier: Apache-2.0 */
/* natd.c - hashes of addresses, written and compared; see natd.h. */
#include "natd.h"

static gboolean
hash_of (IkeEngine *engine, guint64 spi_i, guint64 spi_r, const IkeAddr *addr,
         guint8 out[static NATD_LEN])
{
  const IkeHash *sha1 = ike_hash_find (engine, "sha1");
  guint64 spis[2] = { GUINT64_TO_BE (spi_i), GUINT64_TO_BE (spi_r) };
  guint16 port = GUINT16_TO_BE (addr->port);
  IkePart parts[] = { { (guint8 *) spis, sizeof spis },
                      { addr->bytes, ike_addr_len (addr) },
                      { (guint8 *) &port, 2 } };

  return sha1 && ike_hash_run (sha1, parts, G_N_ELEMENTS (parts), out);
}

/* "The data associated with these notifications is a SHA-1 digest of the SPIs (in the order they
 * appear in the header), IP address, and port from which this packet was sent."  With `encap` the
 * source is said wrongly on purpose, so that both sides find a NAT and encapsulate. */
void
natd_write (IkeSa *sa, const IkeExchange *x, IkeWriter *out)
{
  IkeEngine *engine = ike_sa_engine (sa);
  guint64 spi_i = ike_sa_spi (sa, TRUE), spi_r = ike_sa_spi (sa, FALSE);
  IkeConn *conn = ike_sa_conn (sa);
  guint8 hash[NATD_LEN];

  if (!hash_of (engine, spi_i, spi_r, ike_exchange_local (x), hash))
    return;
  if (conn && conn->encap)
    ike_engine_random (engine, hash, sizeof hash);
  ike_notify_write (out, 0, IKE_N_NAT_DETECTION_SOURCE_IP, NULL, 0, hash, sizeof hash);
  if (hash_of (engine, spi_i, spi_r, ike_exchange_remote (x), hash))
    ike_notify_write (out, 0, IKE_N_NAT_DETECTION_DESTINATION_IP, NULL, 0, hash, sizeof hash);
}

/* "multiple NAT_DETECTION_SOURCE_IP payloads in a message if the sender does not know which of
 * several network attachments will be used": one that fits is enough. */
static gboolean
is_any_equal (const IkeExchange *x, guint16 type, const guint8 hash[static NATD_LEN])
{
  const IkeNotify *notify;
  guint i;

  for (i = 0; (notify = ike_exchange_record (x, type, i)); i++)
    if (ike_equal (notify->data, hash, NATD_LEN))
      return TRUE;
  return FALSE;
}

gboolean
natd_read (IkeEngine *engine, const IkeExchange *x, const IkeHeader *header, gboolean *local_behind,
           gboolean *remote_behind)
{
  guint8 source[NATD_LEN], destination[NATD_LEN];

  if (!ike_exchange_record (x, IKE_N_NAT_DETECTION_SOURCE_IP, 0)
      || !ike_exchange_record (x, IKE_N_NAT_DETECTION_DESTINATION_IP, 0)
      || !hash_of (engine, header->spi_initiator, header->spi_responder, ike_exchange_remote (x),
                   source)
      || !hash_of (engine, header->spi_initiator, header->spi_responder, ike_exchange_local (x),
                   destination))
    return FALSE;
  *remote_behind = !is_any_equal (x, IKE_N_NAT_DETECTION_SOURCE_IP, source);
  *local_behind = !is_any_equal (x, IKE_N_NAT_DETECTION_DESTINATION_IP, destination);
  return TRUE;
}
