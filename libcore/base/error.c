/* SPDX-License-Identifier: Apache-2.0 */
/* error.c - the error domain, verdicts on what a peer sent, and its bytes made safe to show. */
#include <string.h>
#include <ikebana/error.h>

GQuark
ike_error_quark (void)
{
  return g_quark_from_static_string ("ike-error");
}

gboolean
ike_verdict_set (IkeVerdict *verdict, guint16 notify, guint8 payload, guint32 offset,
                 const char *reason_static)
{
  if (verdict) {
    verdict->reason = reason_static;
    verdict->offset = offset;
    verdict->notify = notify;
    verdict->payload = payload;
  }
  return FALSE;
}

/* One byte as it is shown; returns how many characters. */
static gsize
escape_byte (char out[5], guint8 byte)
{
  static const char hex[] = "0123456789abcdef";

  if (byte == '"' || byte == '\\' || byte == '\'') {
    out[0] = '\\';
    out[1] = (char) byte;
    return 2;
  }
  if (byte >= 0x20 && byte < 0x7f) {
    out[0] = (char) byte;
    return 1;
  }
  out[0] = '\\';
  out[1] = 'x';
  out[2] = hex[byte >> 4];
  out[3] = hex[byte & 15];
  return 4;
}

char *
ike_escape (char *out, gsize out_size, const void *data, gsize len)
{
  static const char ellipsis[] = "\xe2\x80\xa6";
  const guint8 *bytes = data;
  gsize at = 0, cut_at = 0;              /* cut_at: the last place where the ellipsis still fits */

  if (out_size == 0)
    return out;
  for (gsize i = 0; i < len; i++) {
    char piece[5];
    gsize n = escape_byte (piece, bytes[i]);
    if (at + n >= out_size) {
      if (cut_at + sizeof ellipsis <= out_size) {
        memcpy (out + cut_at, ellipsis, sizeof ellipsis - 1);
        cut_at += sizeof ellipsis - 1;
      }
      out[cut_at] = 0;
      return out;
    }
    memcpy (out + at, piece, n);
    at += n;
    if (at + sizeof ellipsis <= out_size)
      cut_at = at;
  }
  out[at] = 0;
  return out;
}
