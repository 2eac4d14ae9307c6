/* SPDX-License-Identifier: Apache-2.0 */
/* natd.c - NAT detection (RFC 7296, 2.23): each side says what addresses it sent with; a hash that
 * does not fit what arrived tells of a NAT between. */
#include "ikev2.h"

enum { HASH_LEN = 20 };

static gboolean
hash_of (IkeTask *task, guint64 spi_i, guint64 spi_r, const IkeAddr *addr, guint8 out[HASH_LEN])
{
  const IkeHash *sha1 = ike_hash_find (ike_sa_engine (ike_task_sa (task)), "sha1");
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
static IkeTaskResult
natd_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  IkeSa *sa = ike_task_sa (task);
  guint64 spi_i = ike_sa_spi (sa, TRUE), spi_r = ike_sa_spi (sa, FALSE);
  IkeConn *conn = ike_sa_conn (sa);
  guint8 hash[HASH_LEN];

  if (!hash_of (task, spi_i, spi_r, ike_exchange_local (x), hash))
    return IKE_TASK_DONE;
  if (conn && conn->encap)
    ike_engine_random (ike_sa_engine (sa), hash, sizeof hash);
  ike_notify_write (out, 0, IKE_N_NAT_DETECTION_SOURCE_IP, NULL, 0, hash, sizeof hash);
  if (hash_of (task, spi_i, spi_r, ike_exchange_remote (x), hash))
    ike_notify_write (out, 0, IKE_N_NAT_DETECTION_DESTINATION_IP, NULL, 0, hash, sizeof hash);
  return IKE_TASK_DONE;
}

/* "multiple NAT_DETECTION_SOURCE_IP payloads in a message if the sender does not know which of
 * several network attachments will be used": one that fits is enough. */
static gboolean
is_any_equal (IkeExchange *x, guint16 type, const guint8 hash[HASH_LEN])
{
  const IkeNotify *notify;
  guint i;

  for (i = 0; (notify = ike_exchange_record (x, type, i)); i++)
    if (ike_equal (notify->data, hash, HASH_LEN))
      return TRUE;
  return FALSE;
}

static IkeTaskResult
natd_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  IkeSa *sa = ike_task_sa (task);
  const IkeHeader *header = ike_message_header (in);
  guint8 source[HASH_LEN], destination[HASH_LEN];
  gboolean local_behind, remote_behind;

  if (!ike_exchange_record (x, IKE_N_NAT_DETECTION_SOURCE_IP, 0)
      || !ike_exchange_record (x, IKE_N_NAT_DETECTION_DESTINATION_IP, 0)
      || !hash_of (task, header->spi_initiator, header->spi_responder, ike_exchange_remote (x),
                   source)
      || !hash_of (task, header->spi_initiator, header->spi_responder, ike_exchange_local (x),
                   destination))
    return IKE_TASK_DONE;
  remote_behind = !is_any_equal (x, IKE_N_NAT_DETECTION_SOURCE_IP, source);
  local_behind = !is_any_equal (x, IKE_N_NAT_DETECTION_DESTINATION_IP, destination);
  ike_sa_set_nat (sa, local_behind, remote_behind);
  return IKE_TASK_DONE;
}

/* -- where ESP has to go in UDP */

static gboolean
needed_wanted (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return !in && ike_sa_conn (sa) && ike_sa_conn (sa)->encap;
}

/* Before keys are made of the answer: anybody may have taken the notifies away. */
static IkeTaskResult
needed_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  if (!ike_message_find (in, IKE_PAYLOAD_SA, 0)
      || (ike_exchange_record (x, IKE_N_NAT_DETECTION_SOURCE_IP, 0)
          && ike_exchange_record (x, IKE_N_NAT_DETECTION_DESTINATION_IP, 0)))
    return IKE_TASK_DONE;
  return ike_task_disbelieve (task, "the peer does not detect NAT, so ESP cannot go in UDP, which "
                                    "encap = yes wants; set encap = no");
}

const IkeTaskClass ikev2_natd_needed_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT",
  .after = "phase:init",
  .before = "init",
  .operations = "establish",
  .reads = "notify:NAT_DETECTION_SOURCE_IP notify:NAT_DETECTION_DESTINATION_IP",
  .wanted = needed_wanted,
  .process = needed_process,
};

const IkeTaskClass ikev2_natd_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT",
  .after = "phase:init init",
  .operations = "establish",
  .reads = "notify:NAT_DETECTION_SOURCE_IP notify:NAT_DETECTION_DESTINATION_IP",
  .process = natd_process,
  .build = natd_build,
};
