/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_esp.c - ESP packets whose ICV is always right, and what is inside of them, as a data path
 * treats it.
 *
 * The first byte says how: bit 0 ESN, bit 1 an inner packet without ESP around it, bits 2 and 3 the
 * outer ECN, bits 4 and 5 the algorithms, bit 6 to seal the input and to open what comes of it.
 *
 * Covers: plugins/shared/esp/esp.c plugins/kernel-tun/packet.c plugins/kernel-tun/packet_error.c
 * plugins/kernel-tun/replay.c */
#include "config.h"
#include <stdlib.h>
#include <string.h>
#include <ikebana/kernel.h>
#include "shared/esp/esp.h"
#include "kernel-tun/packet.h"
#include "kernel-tun/replay.h"
#include "kernel-tun/spd.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Algorithms that turn bytes and nothing else: what counts is where they read and write. */
static gboolean
mac (gpointer scratch, const guint8 *key, const IkePart *parts, guint n_parts, guint8 *icv)
{
  memset (icv, 0, 12);
  return TRUE;
}

static gboolean
turn (guint8 *data, gsize len)
{
  for (gsize i = 0; i < len; i++)
    data[i] ^= 0x55;
  return TRUE;
}

static gboolean
cipher_turn (gpointer scratch, const guint8 *key, const guint8 *iv, guint8 *data, gsize len)
{
  return len % 16 == 0 && turn (data, len);
}

static gboolean
aead_seal (gpointer scratch, const guint8 *key, const guint8 *iv, const guint8 *aad, gsize aad_len,
           guint8 *data, gsize len, guint8 *icv)
{
  memset (icv, 0, 12);
  return turn (data, len);
}

static gboolean
aead_open (gpointer scratch, const guint8 *key, const guint8 *iv, const guint8 *aad, gsize aad_len,
           guint8 *data, gsize len, const guint8 *icv)
{
  static const guint8 zeros[12];
  return memcmp (icv, zeros, 12) == 0 && turn (data, len);
}

static gboolean
keyed_seal (gpointer keyed, const guint8 *iv, const guint8 *aad, gsize aad_len, const guint8 *in,
            gsize len, guint8 *out, guint8 *icv)
{
  return aead_seal (NULL, NULL, iv, aad, aad_len, out, len, icv);
}

static gboolean
keyed_open (gpointer keyed, const guint8 *iv, const guint8 *aad, gsize aad_len, const guint8 *in,
            gsize len, guint8 *out, const guint8 *icv)
{
  return aead_open (NULL, NULL, iv, aad, aad_len, out, len, icv);
}

static const IkeIntegClass integ = { .struct_size = sizeof integ, .icv_len = 12, .mac = mac };
static const IkeCipherClass cipher = { .struct_size = sizeof cipher, .iv_len = 16, .block_len = 16,
                                       .encrypt = cipher_turn, .decrypt = cipher_turn };
static const IkeAeadClass aead = { .struct_size = sizeof aead, .iv_len = 8, .icv_len = 12,
                                   .seal = aead_seal, .open = aead_open, .keyed_seal = keyed_seal,
                                   .keyed_open = keyed_open };

static void
check (gboolean is_true)
{
  if (!is_true)
    abort ();
}

static void
choose (guint8 mode, EspKeys *keys, EspSizes *sizes)
{
  guint8 suite = mode >> 4 & 3;
  *keys = (EspKeys) { .is_esn = mode & 1 };
  if (suite >= 2)
    keys->aead = &aead;
  else
    keys->integ = &integ;
  if (suite == 1)
    keys->cipher = &cipher;
  if (suite == 3)
    keys->keyed = keys;
  check (esp_sizes_init (sizes, keys->aead, keys->cipher, keys->integ));
}

static void
inner (guint8 *data, gsize len, guint8 outer_class)
{
  static const IkeSelector all4 = { .family = 4,
                                    .port_last = 65535,
                                    .last = { 255, 255, 255, 255 } };
  static const IkeSelector some6 = {
    .family = 6, .protocol = 17, .port_first = 53, .port_last = 53
  };
  guint8 error[PACKET_ERROR_MAX];
  const char *reason = NULL;
  Packet packet;
  IkeAddr addr;
  gsize error_len;
  if (!packet_parse (&packet, data, len, &reason)) {
    check (reason != NULL);
    return;
  }
  check (packet.len <= len && packet.upper_at <= packet.len);
  check (packet.family == 6 || spd_matches (&all4, &all4, &packet));
  spd_matches (&some6, &some6, &packet);
  packet_source (&packet, &addr);
  packet_destination (&packet, &addr);
  check (addr.family == packet.family);
  packet_outer_class (&packet, IKE_KERNEL_COPY_ECN | IKE_KERNEL_COPY_DSCP_OUT);
  error_len = packet_too_big (&packet, data, 1280, error);
  check (error_len <= sizeof error);
  check (error_len == 0 || packet_parse (&(Packet) { 0 }, error, error_len, &reason));
  packet_merge_class (&packet, data, outer_class, IKE_KERNEL_COPY_ECN | IKE_KERNEL_COPY_DSCP_IN);
  check (packet_parse (&packet, data, len, &reason));
}

static void
outer (guint8 *data, gsize len, guint8 mode)
{
  EspKeys keys;
  g_autofree Replay *replay = replay_new (64, mode & 1);
  EspSizes sizes;
  EspPayload payload;
  guint32 spi, sequence;
  guint64 inferred;
  choose (mode, &keys, &sizes);
  if (!esp_peek (data, len, &spi, &sequence))
    return;
  if (len >= 12)
    memset (data + len - 12, 0, 12);
  /* A window that has moved, with bits in it. */
  replay_update (replay, 1000);
  replay_update (replay, spi);
  inferred = replay_infer (replay, sequence);
  if (replay_check (replay, inferred) == REPLAY_OK) {
    replay_update (replay, inferred);
    check (inferred == 0 || replay_check (replay, inferred) != REPLAY_OK);
  }
  if (esp_open (&keys, &sizes, sequence, data, len, &payload) != ESP_OK)
    return;
  check (payload.payload >= data && payload.payload + payload.len <= data + len);
  inner (payload.payload, payload.len, mode >> 2 & 3);
}

/* Into a buffer without a byte to spare; one byte less must be refused. */
static void
seal (const guint8 *data, gsize len, guint8 mode)
{
  static const guint8 random_iv[16];
  EspKeys keys;
  EspSizes sizes;
  EspPayload payload;
  EspContent content = { .spi = 1, .sequence = 7, .random_iv = random_iv, .len = len,
                         .tfc_len = mode >> 2 & 3, .next_header = ESP_NEXT_IPV4 };
  g_autofree guint8 *packet = NULL;
  gsize room, sealed;
  choose (mode, &keys, &sizes);
  room = len + content.tfc_len + esp_overhead (&sizes);
  packet = g_malloc (room);
  memcpy (packet + sizes.head_len, data, len);
  check (esp_seal (&keys, &sizes, &content, packet, room - 1) == 0);
  sealed = esp_seal (&keys, &sizes, &content, packet, room);
  check (sealed > 0 && sealed <= room);
  check (esp_open (&keys, &sizes, 7, packet, sealed, &payload) == ESP_OK);
  check (payload.len == len + content.tfc_len && payload.next_header == ESP_NEXT_IPV4);
  check (memcmp (payload.payload, data, len) == 0);
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
  if (data[0] & 64)
    seal (copy, size - 1, data[0]);
  else if (data[0] & 2)
    inner (copy, size - 1, data[0] >> 2 & 3);
  else
    outer (copy, size - 1, data[0]);
  return 0;
}
