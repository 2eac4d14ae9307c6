/* SPDX-License-Identifier: Apache-2.0 */
/* ah.c - writes and checks AH headers. */
#include "config.h"
#include <string.h>
#include <ikebana/reader.h>
#include "ah.h"

static void
put_u32 (guint8 *at, guint32 value)
{
  value = GUINT32_TO_BE (value);
  memcpy (at, &value, 4);
}

guint
ah_header_len (guint icv_len, guint8 family)
{
  guint align = family == 4 ? 4 : 8;
  return (AH_FIXED_LEN + icv_len + align - 1) / align * align;
}

gboolean
ah_peek (const guint8 *ah, gsize len, guint32 *spi, guint32 *sequence_low)
{
  IkeReader r;
  ike_reader_init (&r, ah, len);
  ike_reader_u32 (&r);
  *spi = ike_reader_u32 (&r);
  *sequence_low = ike_reader_u32 (&r);
  return !r.failed;
}

/* -- what changes on the way becomes zero (RFC 4302, 3.3.3.1) */

/* RFC 4302, appendix A1: end of list, no operation, security, extended security, commercial
 * security, router alert, sender directed delivery. */
static gboolean
is_immutable_option (guint8 type)
{
  return type == 130 || type == 133 || type == 134 || type == 148 || type == 149;
}

static gboolean
clear_ipv4_options (guint8 *options, gsize len)
{
  gsize at = 0;
  while (at < len && options[at] != 0) {
    gsize option_len = options[at] == 1 ? 1 : at + 1 < len ? options[at + 1] : 0;
    if (option_len == 0 || (options[at] != 1 && option_len < 2) || option_len > len - at)
      return FALSE;
    if (options[at] != 1 && !is_immutable_option (options[at]))
      memset (options + at, 0, option_len);
    at += option_len;
  }
  return TRUE;
}

static gboolean
clear_ipv4 (guint8 *header, gsize len)
{
  if (len < 20 || (header[0] & 15) * 4u != len || header[9] != AH_PROTOCOL)
    return FALSE;
  header[1] = 0;                              /* DSCP and ECN */
  header[6] = header[7] = 0;                  /* flags and fragment offset */
  header[8] = 0;                              /* TTL */
  header[10] = header[11] = 0;                /* checksum */
  return clear_ipv4_options (header + 20, len - 20);
}

/* "For any option for which contents may change en-route, the entire "Option Data" field must be
 * treated as zero-valued octets" (3.3.3.1.2.2): the third highest bit of its type says so. */
static gboolean
clear_ipv6_options (guint8 *options, gsize len)
{
  gsize at = 0;
  while (at < len) {
    gsize data_len;
    if (options[at] == 0) {
      at++;
      continue;
    }
    if (len - at < 2 || (data_len = options[at + 1]) > len - at - 2)
      return FALSE;
    if (options[at] & 0x20)
      memset (options + at + 2, 0, data_len);
    at += 2 + data_len;
  }
  return TRUE;
}

/* A routing header is covered as it arrives at the end of its way; one that is not there yet
 * cannot be. */
static gboolean
clear_ipv6 (guint8 *header, gsize len)
{
  gsize at = 40;
  guint8 next;
  if (len < 40)
    return FALSE;
  next = header[6];
  memset (header, 0, 4);                      /* DSCP, ECN, flow label */
  header[0] = 0x60;
  header[7] = 0;                              /* hop limit */
  while (at < len) {
    gsize extension_len = len - at >= 8 ? (header[at + 1] + 1u) * 8 : G_MAXSIZE;
    if (extension_len > len - at)
      return FALSE;
    if (next == 43 ? header[at + 3] != 0
                   : (next != 0 && next != 60)
                         || !clear_ipv6_options (header + at + 2, extension_len - 2))
      return FALSE;
    next = header[at];
    at += extension_len;
  }
  return next == AH_PROTOCOL;
}

static gboolean
clear_mutable (guint8 *header, gsize len)
{
  if (len == 0)
    return FALSE;
  return header[0] >> 4 == 4 ? clear_ipv4 (header, len)
         : header[0] >> 4 == 6 && clear_ipv6 (header, len);
}

/* -- the ICV */

/* "the AH header (…) and the ICV (which is set to zero for this computation), and explicit padding
 * bytes (if any)", everything behind, and the high-order bits of the ESN. */
static AhVerdict
make_icv (const AhKeys *keys, guint64 sequence, const guint8 *packet, gsize len, gsize ah_at,
          guint header_len, guint8 *icv)
{
  static const guint8 zeros[AH_ICV_MAX];
  guint8 before[AH_BEFORE_MAX], high[4];
  gsize icv_len = keys->integ->icv_len, padding_at = ah_at + AH_FIXED_LEN + icv_len,
        payload_at = ah_at + header_len;
  IkePart parts[] = { { before, ah_at },
                      { packet + ah_at, AH_FIXED_LEN },
                      { zeros, icv_len },
                      { packet + padding_at, payload_at - padding_at },
                      { packet + payload_at, len - payload_at },
                      { high, 4 } };
  if (ah_at > sizeof before)
    return AH_MALFORMED;
  memcpy (before, packet, ah_at);
  if (!clear_mutable (before, ah_at))
    return AH_MALFORMED;
  put_u32 (high, (guint32) (sequence >> 32));
  return keys->integ->mac (keys->scratch, keys->key, parts,
                           G_N_ELEMENTS (parts) - (keys->is_esn ? 0 : 1), icv)
             ? AH_OK
             : AH_BAD_ICV;
}

gboolean
ah_seal (const AhKeys *keys, const AhContent *content, guint8 *packet, gsize len, gsize ah_at)
{
  guint header_len = ah_header_len (keys->integ->icv_len, packet[0] >> 4);
  guint8 *ah = packet + ah_at, icv[AH_ICV_MAX];
  if (keys->integ->icv_len > AH_ICV_MAX || ah_at > len || len - ah_at < header_len)
    return FALSE;
  memset (ah, 0, header_len);
  ah[0] = content->next_header;
  ah[1] = (guint8) (header_len / 4 - 2);
  put_u32 (ah + 4, content->spi);
  put_u32 (ah + 8, (guint32) content->sequence);
  if (make_icv (keys, content->sequence, packet, len, ah_at, header_len, icv) != AH_OK)
    return FALSE;
  memcpy (ah + AH_FIXED_LEN, icv, keys->integ->icv_len);
  return TRUE;
}

/* Linux pads to 64 bits for IPv4 too, so that much is taken. */
AhVerdict
ah_open (const AhKeys *keys, guint64 sequence, const guint8 *packet, gsize len, gsize ah_at,
         guint *header_len, guint8 *next_header)
{
  guint icv_len = keys->integ->icv_len;
  const guint8 *ah = packet + ah_at;
  guint8 icv[AH_ICV_MAX];
  AhVerdict verdict;
  if (icv_len > AH_ICV_MAX || ah_at > len || len - ah_at < AH_FIXED_LEN)
    return AH_MALFORMED;
  *header_len = (ah[1] + 2u) * 4;
  if (*header_len > len - ah_at
      || (*header_len != ah_header_len (icv_len, packet[0] >> 4)
          && *header_len != ah_header_len (icv_len, 6)))
    return AH_MALFORMED;
  verdict = make_icv (keys, sequence, packet, len, ah_at, *header_len, icv);
  if (verdict != AH_OK)
    return verdict;
  *next_header = ah[0];
  return ike_equal (icv, ah + AH_FIXED_LEN, icv_len) ? AH_OK : AH_BAD_ICV;
}
