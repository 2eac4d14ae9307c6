/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_esp.c - ESP packets whose ICV is always right, and what is inside of them, as a data path treats it.
 *
 * The first byte says how: bit 0 ESN, bit 1 an inner packet without ESP around it, bits 2 and 3 the outer ECN. */
#include "config.h"
#include <stdlib.h>
#include <string.h>
#include <ikebana/kernel.h>
#include "shared/esp/esp.h"
#include "kernel-tun/packet.h"
#include "kernel-tun/replay.h"
#include "kernel-tun/spd.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static gboolean
mac (gpointer scratch, const guint8 *key, const IkePart *parts, guint n_parts, guint8 *icv)
{
  memset (icv, 0, 12);
  return TRUE;
}

static const IkeIntegClass always = { .struct_size = sizeof always, .icv_len = 12, .mac = mac };

static void
check (gboolean is_true)
{
  if (!is_true)
    abort ();
}

static void
inner (guint8 *data, gsize len, guint8 outer_class)
{
  static const IkeSelector all4 = { .family = 4, .port_last = 65535, .last = { 255, 255, 255, 255 } };
  static const IkeSelector some6 = { .family = 6, .protocol = 17, .port_first = 53, .port_last = 53 };
  guint8 error[PACKET_ERROR_MAX];
  const char *reason = NULL;
  Packet packet;
  gsize error_len;
  if (!packet_parse (&packet, data, len, &reason)) {
    check (reason != NULL);
    return;
  }
  check (packet.len <= len && packet.upper_at <= packet.len);
  check (packet.family == 6 || spd_matches (&all4, &all4, &packet));
  spd_matches (&some6, &some6, &packet);
  error_len = packet_too_big (&packet, data, 1280, error);
  check (error_len <= sizeof error);
  check (error_len == 0 || packet_parse (&(Packet) { 0 }, error, error_len, &reason));
  packet_merge_class (&packet, data, outer_class, IKE_KERNEL_COPY_ECN | IKE_KERNEL_COPY_DSCP_IN);
  check (packet_parse (&packet, data, len, &reason));
}

static void
outer (guint8 *data, gsize len, guint8 mode)
{
  EspKeys keys = { .integ = &always, .is_esn = mode & 1 };
  g_autofree Replay *replay = replay_new (64, mode & 1);
  EspSizes sizes;
  EspPayload payload;
  guint32 spi, sequence;
  check (esp_sizes_init (&sizes, NULL, NULL, &always));
  if (!esp_peek (data, len, &spi, &sequence))
    return;
  if (len >= 12)
    memset (data + len - 12, 0, 12);
  replay_check (replay, replay_infer (replay, sequence));
  replay_update (replay, replay_infer (replay, sequence));
  if (esp_open (&keys, &sizes, sequence, data, len, &payload) != ESP_OK)
    return;
  check (payload.payload >= data && payload.payload + payload.len <= data + len);
  inner (payload.payload, payload.len, mode >> 2 & 3);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree guint8 *copy = NULL;
  if (size < 1)
    return 0;
  copy = g_memdup2 (data + 1, size - 1);
  if (!copy)
    return 0;
  if (data[0] & 2)
    inner (copy, size - 1, data[0] >> 2 & 3);
  else
    outer (copy, size - 1, data[0]);
  return 0;
}
