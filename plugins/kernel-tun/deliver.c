/* SPDX-License-Identifier: Apache-2.0 */
/* deliver.c - writes inner packets to the TUN device, TCP segments of one stream together. */
#include "config.h"
#include <sys/uio.h>
#include "kernel_tun.h"

G_STATIC_ASSERT (sizeof (SegmentHeader) == 10);    /* as the kernel has it */

static void
write_with (TunLoop *loop, const SegmentHeader *header, const guint8 *data, gsize len)
{
  const TunDevice *device = &loop->kernel->device;
  struct iovec parts[2] = { { (void *) header, device->has_offload ? sizeof *header : 0 },
                            { (void *) data, len } };
  if (writev (device->queues[loop->index], parts, 2) < 0)
    tun_count (loop->kernel, loop->kernel->counters.tun_failed);
}

void
tun_write (TunLoop *loop, const guint8 *packet, gsize len)
{
  static const SegmentHeader nothing_to_do;
  write_with (loop, &nothing_to_do, packet, len);
}

void
tun_deliver_end (TunLoop *loop)
{
  SegmentHeader header;
  gsize len = gather_finish (&loop->gather, &header);
  if (len)
    write_with (loop, &header, loop->gather.data, len);
}

/* What is gathered goes first, whatever comes: so the order stays. */
void
tun_deliver (TunLoop *loop, const Packet *packet, const guint8 *data)
{
  if (loop->kernel->device.has_offload) {
    if (gather_add (&loop->gather, packet, data))
      return;
    tun_deliver_end (loop);
    if (gather_add (&loop->gather, packet, data))
      return;
  }
  tun_write (loop, data, packet->len);
}
