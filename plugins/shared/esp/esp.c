/* SPDX-License-Identifier: Apache-2.0 */
/* esp.c - builds and takes apart ESP packets. */
#include "config.h"
#include <string.h>
#include <ikebana/reader.h>
#include "esp.h"

static void
put_u32 (guint8 *at, guint32 value)
{
  value = GUINT32_TO_BE (value);
  memcpy (at, &value, 4);
}

gboolean
esp_sizes_init (EspSizes *sizes, const IkeAeadClass *aead, const IkeCipherClass *cipher,
                const IkeIntegClass *integ)
{
  memset (sizes, 0, sizeof *sizes);
  sizes->align = 4;
  if (aead) {
    /* RFC 8750 algorithms have no IV on the wire and need the sequence number as nonce: not
     * offered here. */
    if (cipher || integ || aead->iv_len == 0 || aead->icv_len == 0)
      return FALSE;
    sizes->iv_len = aead->iv_len;
    sizes->icv_len = aead->icv_len;
  } else {
    /* RFC 8221, 4: "encryption without authentication … MUST NOT be used". */
    if (!integ || integ->icv_len == 0)
      return FALSE;
    sizes->iv_len = cipher ? cipher->iv_len : 0;
    sizes->icv_len = integ->icv_len;
    sizes->align = cipher ? MAX (cipher->block_len, 4) : 4;
    sizes->needs_random_iv = cipher && cipher->iv_len && !(cipher->flags & IKE_CRYPTO_IV_COUNTER);
  }
  sizes->head_len = ESP_HEADER_LEN + sizes->iv_len;
  return sizes->iv_len <= ESP_IV_MAX && sizes->icv_len <= ESP_ICV_MAX
         && sizes->align <= ESP_ALIGN_MAX && (sizes->align & (sizes->align - 1)) == 0;
}

guint
esp_overhead (const EspSizes *sizes)
{
  return sizes->head_len + sizes->align - 1 + 2 + sizes->icv_len;
}

gboolean
esp_peek (const guint8 *packet, gsize len, guint32 *spi, guint32 *sequence_low)
{
  IkeReader r;
  ike_reader_init (&r, packet, len);
  *spi = ike_reader_u32 (&r);
  *sequence_low = ike_reader_u32 (&r);
  return !r.failed;
}

/* RFC 4106, 5: the AAD is the SPI and the 32-bit sequence number, or the SPI and the 64-bit one
 * when ESN is on. */
static gsize
make_aad (const EspKeys *keys, const guint8 *packet, guint64 sequence, guint8 aad[static 12])
{
  if (!keys->is_esn) {
    memcpy (aad, packet, 8);
    return 8;
  }
  memcpy (aad, packet, 4);
  put_u32 (aad + 4, (guint32) (sequence >> 32));
  put_u32 (aad + 8, (guint32) sequence);
  return 12;
}

/* RFC 4303, 2.8: the high-order 32 bits are part of the ICV computation as if they followed the
 * Next Header field, and are not transmitted. */
static gboolean
make_icv (const EspKeys *keys, const guint8 *packet, gsize len, guint64 sequence, guint8 *icv)
{
  guint8 high[4];
  IkePart parts[2] = { { packet, len }, { high, 4 } };
  put_u32 (high, (guint32) (sequence >> 32));
  return keys->integ->mac (keys->integ_scratch, keys->integ_key, parts, keys->is_esn ? 2 : 1, icv);
}

/* A counter never repeats, and each direction has keys of its own, so the sequence number is the
 * IV (RFC 4106, 3.1). */
static void
write_iv (const EspSizes *sizes, const EspContent *content, guint8 *iv)
{
  guint64 counter = GUINT64_TO_BE (content->sequence);
  if (sizes->needs_random_iv) {
    memcpy (iv, content->random_iv, sizes->iv_len);
    return;
  }
  memset (iv, 0, sizes->iv_len);
  if (sizes->iv_len >= 8)
    memcpy (iv + sizes->iv_len - 8, &counter, 8);
}

/* RFC 4303, 2.4: "The Padding bytes are initialized with a series of (unsigned, 1-byte) integer
 * values … 1, 2, 3". */
static gsize
write_trailer (const EspSizes *sizes, const EspContent *content, guint8 *at)
{
  gsize used = content->len + content->tfc_len + 2;
  gsize pad_len = (sizes->align - used % sizes->align) % sizes->align;
  memset (at, 0, content->tfc_len);
  at += content->tfc_len;
  for (gsize i = 0; i < pad_len; i++)
    at[i] = (guint8) (i + 1);
  at[pad_len] = (guint8) pad_len;
  at[pad_len + 1] = content->next_header;
  return used + pad_len;
}

static gboolean
seal_body (const EspKeys *keys, const EspSizes *sizes, guint64 sequence, guint8 *packet,
           gsize body_len)
{
  guint8 aad[12], *iv = packet + ESP_HEADER_LEN, *body = packet + sizes->head_len,
                  *icv = body + body_len;
  gsize aad_len;
  if (!keys->aead)
    return (!keys->cipher
            || keys->cipher->encrypt (keys->cipher_scratch, keys->encr_key, iv, body, body_len))
           && make_icv (keys, packet, sizes->head_len + body_len, sequence, icv);
  aad_len = make_aad (keys, packet, sequence, aad);
  if (keys->keyed)
    return keys->aead->keyed_seal (keys->keyed, iv, aad, aad_len, body, body_len, body, icv);
  return keys->aead->seal (keys->aead_scratch, keys->encr_key, iv, aad, aad_len, body, body_len,
                           icv);
}

gsize
esp_seal (const EspKeys *keys, const EspSizes *sizes, const EspContent *content, guint8 *packet,
          gsize room)
{
  gsize body_len;
  if (room < esp_overhead (sizes) || room - esp_overhead (sizes) < content->len
      || room - esp_overhead (sizes) - content->len < content->tfc_len)
    return 0;
  put_u32 (packet, content->spi);
  put_u32 (packet + 4, (guint32) content->sequence);
  write_iv (sizes, content, packet + ESP_HEADER_LEN);
  body_len = write_trailer (sizes, content, packet + sizes->head_len + content->len);
  if (!seal_body (keys, sizes, content->sequence, packet, body_len))
    return 0;
  return sizes->head_len + body_len + sizes->icv_len;
}

static gboolean
open_body (const EspKeys *keys, const EspSizes *sizes, guint64 sequence, guint8 *packet,
           gsize body_len)
{
  guint8 aad[12], expected[ESP_ICV_MAX];
  guint8 *iv = packet + ESP_HEADER_LEN, *body = packet + sizes->head_len, *icv = body + body_len;
  gsize aad_len;
  if (!keys->aead)
    return make_icv (keys, packet, sizes->head_len + body_len, sequence, expected)
           && ike_equal (expected, icv, sizes->icv_len)
           && (!keys->cipher
               || keys->cipher->decrypt (keys->cipher_scratch, keys->encr_key, iv, body, body_len));
  aad_len = make_aad (keys, packet, sequence, aad);
  if (keys->keyed)
    return keys->aead->keyed_open (keys->keyed, iv, aad, aad_len, body, body_len, body, icv);
  return keys->aead->open (keys->aead_scratch, keys->encr_key, iv, aad, aad_len, body, body_len,
                           icv);
}

/* RFC 4303, 2.4: "the receiver SHOULD inspect the Padding field".  It is authenticated, so what
 * is wrong here is a peer that cannot build packets, not an oracle. */
static EspVerdict
strip_trailer (guint8 *body, gsize body_len, EspPayload *payload)
{
  gsize pad_len = body[body_len - 2];
  guint8 *pad;
  if (body_len - 2 < pad_len)
    return ESP_BAD_PADDING;
  pad = body + body_len - 2 - pad_len;
  for (gsize i = 0; i < pad_len; i++)
    if (pad[i] != (guint8) (i + 1))
      return ESP_BAD_PADDING;
  payload->payload = body;
  payload->len = body_len - 2 - pad_len;
  payload->next_header = body[body_len - 1];
  return ESP_OK;
}

EspVerdict
esp_open (const EspKeys *keys, const EspSizes *sizes, guint64 sequence, guint8 *packet, gsize len,
          EspPayload *payload)
{
  gsize body_len;
  if (len < (gsize) sizes->head_len + sizes->icv_len + 2)
    return ESP_SHORT;
  body_len = len - sizes->head_len - sizes->icv_len;
  if (body_len % sizes->align)
    return ESP_SHORT;
  if (!open_body (keys, sizes, sequence, packet, body_len))
    return ESP_BAD_ICV;
  return strip_trailer (packet + sizes->head_len, body_len, payload);
}
