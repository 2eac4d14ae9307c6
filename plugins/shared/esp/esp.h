/* SPDX-License-Identifier: Apache-2.0 */
/* esp.h - one ESP packet (RFC 4303), sealed or opened in place.
 *
 * Pure functions over a buffer and the algorithm classes of the crypto plugins: no sockets, no
 * tables, no clock.  The caller brings the 64-bit sequence number and, for ciphers that need
 * one, an unpredictable IV. */
#pragma once
#include <ikebana/crypto.h>

enum {
  ESP_HEADER_LEN = 8,                         /* SPI and sequence number */
  ESP_IV_MAX = 16,
  ESP_ICV_MAX = 64,
  ESP_ALIGN_MAX = 64,
  ESP_HEAD_MAX = ESP_HEADER_LEN + ESP_IV_MAX,
  ESP_TAIL_MAX = 2 + ESP_ALIGN_MAX + ESP_ICV_MAX,
  ESP_NEXT_IPV4 = 4, ESP_NEXT_IPV6 = 41,
  ESP_NEXT_NONE = 59,                         /* dummy packet (RFC 4303, 2.6) */
};

/* Sizes that follow from the algorithms of an SA. */
typedef struct {
  guint16 head_len;                           /* SPI, sequence number, IV */
  guint16 iv_len, icv_len, align;
  guint8  needs_random_iv;
} EspSizes;

/* The algorithms of an SA, with the contexts of the thread that works.  Either @aead, or @integ
 * with @cipher (NULL: NULL encryption, RFC 2410). */
typedef struct {
  const IkeAeadClass   *aead;
  /* of keyed_new(), or NULL: then @aead_scratch and @encr_key */
  gpointer              keyed;
  gpointer              aead_scratch;
  const IkeCipherClass *cipher;
  gpointer              cipher_scratch;
  const IkeIntegClass  *integ;
  gpointer              integ_scratch;
  const guint8         *encr_key, *integ_key;
  gboolean              is_esn;
} EspKeys;

typedef enum {
  ESP_OK,
  /* not even room for header, IV, trailer and ICV, or not aligned */
  ESP_SHORT,
  ESP_BAD_ICV,
  ESP_BAD_PADDING,
} EspVerdict;

typedef struct {
  guint8 *payload;
  gsize   len;
  guint8  next_header;
} EspPayload;

/* FALSE when the algorithms cannot be used together, or are larger than this code has room for. */
gboolean   esp_sizes_init (EspSizes *sizes, const IkeAeadClass *aead, const IkeCipherClass *cipher,
                           const IkeIntegClass *integ);
/* Bytes that ESP adds at most to a payload. */
guint      esp_overhead   (const EspSizes *sizes);

/* What to put into a packet. */
typedef struct {
  guint32       spi;
  guint64       sequence;
  /* iv_len bytes, when the sizes say that it is needed */
  const guint8 *random_iv;
  /* of the payload, which stands at packet + head_len */
  gsize         len;
  gsize         tfc_len;                      /* zeros after it (RFC 4303, 2.7) */
  guint8        next_header;
} EspContent;

/* Returns the length of the packet, 0 when @room is too small or the library failed. */
gsize      esp_seal (const EspKeys *keys, const EspSizes *sizes, const EspContent *content,
                     guint8 *packet, gsize room);
/* @sequence: as inferred, with the high half when ESN is on. */
EspVerdict esp_open (const EspKeys *keys, const EspSizes *sizes, guint64 sequence, guint8 *packet,
                     gsize len,
                     EspPayload *payload);

/* SPI and low half of the sequence number; FALSE when the packet is too short.  Host order. */
gboolean   esp_peek (const guint8 *packet, gsize len, guint32 *spi, guint32 *sequence_low);
