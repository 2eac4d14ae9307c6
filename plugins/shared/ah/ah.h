/* SPDX-License-Identifier: Apache-2.0 */
/* ah.h - one AH packet (RFC 4302): its header is written into, or checked within, a whole IP packet.
 *
 * Pure functions over a buffer and the integrity class of a crypto plugin, as those of esp.h.  The ICV covers the IP
 * header too, but for what changes on the way. */
#pragma once
#include <ikebana/crypto.h>

enum {
  AH_FIXED_LEN = 12,                          /* next header, length, reserved, SPI, sequence number */
  AH_ICV_MAX = 64,
  AH_HEADER_MAX = AH_FIXED_LEN + AH_ICV_MAX + 4,
  AH_BEFORE_MAX = 1024,                       /* IP header with its options or extension headers */
  AH_PROTOCOL = 51,
};

typedef struct {
  const IkeIntegClass *integ;
  gpointer             scratch;
  const guint8        *key;
  gboolean             is_esn;
} AhKeys;

typedef enum {
  AH_OK,
  /* what stands before or within it has wrong lengths, or cannot be verified here */
  AH_MALFORMED,
  AH_BAD_ICV,
} AhVerdict;

/* RFC 4302, 3.3.3.2.1: a multiple of 32 bits (IPv4) or 64 bits (IPv6). */
guint     ah_header_len (guint icv_len, guint8 family);

/* What to write. */
typedef struct {
  guint32 spi;
  guint64 sequence;
  guint8  next_header;
} AhContent;

/* @packet is whole: IP header (its protocol is AH), room of ah_header_len() at @ah_at, payload.  FALSE: it is
 * malformed, or the library failed. */
gboolean  ah_seal (const AhKeys *keys, const AhContent *content, guint8 *packet, gsize len, gsize ah_at);
/* @sequence: as inferred, with the high half when ESN is on. */
AhVerdict ah_open (const AhKeys *keys, guint64 sequence, const guint8 *packet, gsize len, gsize ah_at,
                   guint *header_len, guint8 *next_header);
/* SPI and low half of the sequence number of the header at @ah; FALSE: too short.  Host order. */
gboolean  ah_peek (const guint8 *ah, gsize len, guint32 *spi, guint32 *sequence_low);
