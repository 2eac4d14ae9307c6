/* SPDX-License-Identifier: Apache-2.0 */
/* avp.c - reads and writes sequences of AVPs. */
#include "avp.h"

#include <ikebana/reader.h>
#include <ikebana/writer.h>

enum { FLAG_VENDOR = 0x80, FLAG_MANDATORY = 0x40, HEADER_LEN = 8, VENDOR_LEN = 4 };

static IkePart *
place_of (TtlsAvps *avps, guint32 code, guint32 vendor)
{
  if (vendor == TTLS_MICROSOFT)
    switch (code) {
    case TTLS_MS_ERROR:
      return &avps->ms_error;
    case TTLS_MS_CHALLENGE:
      return &avps->ms_challenge;
    case TTLS_MS_RESPONSE:
      return &avps->ms_response;
    case TTLS_MS_SUCCESS:
      return &avps->ms_success;
    default:
      return NULL;
    }
  if (vendor)
    return NULL;
  switch (code) {
  case TTLS_USER:
    return &avps->user;
  case TTLS_PASSWORD:
    return &avps->password;
  case TTLS_CHAP_PASSWORD:
    return &avps->chap_password;
  case TTLS_CHAP_CHALLENGE:
    return &avps->chap_challenge;
  case TTLS_EAP:
    return &avps->eap;
  default:
    return NULL;
  }
}

/* RFC 5281, 10.1: "If set to 1, this indicates that the receiving party MUST fail the negotiation
 * if it does not understand the AVP". */
static gboolean
take (TtlsAvps *avps, IkeReader *r, const char **why)
{
  guint32 code = ike_reader_u32 (r), flags_len = ike_reader_u32 (r), vendor = 0;
  guint8 flags = (guint8) (flags_len >> 24);
  gsize len = flags_len & 0xffffff, head = HEADER_LEN + (flags & FLAG_VENDOR ? VENDOR_LEN : 0);
  const guint8 *data;
  IkePart *place;

  if (flags & FLAG_VENDOR)
    vendor = ike_reader_u32 (r);
  data = len >= head ? ike_reader_bytes (r, len - head) : NULL;
  if (!data) {
    *why = "an AVP in the tunnel is cut";
    return FALSE;
  }
  /* "it must be padded with zeros to the next four-octet boundary"; some leave that out at the
   * end. */
  ike_reader_bytes (r, MIN (-len & 3, ike_reader_left (r)));
  place = place_of (avps, code, vendor);
  if (!place && flags & FLAG_MANDATORY)
    *why = "an AVP in the tunnel must be understood, and is not known here";
  else if (place && place->data)
    *why = "an AVP is twice in the tunnel";
  else if (place)
    *place = (IkePart){ data, len - head };
  return !*why;
}

gboolean
ttls_avps_read (const guint8 *data, gsize len, TtlsAvps *avps, const char **why)
{
  IkeReader r;

  *avps = (TtlsAvps){ .user = { NULL, 0 } };
  *why = NULL;
  ike_reader_init (&r, data, len);
  for (guint i = 0; ike_reader_left (&r); i++) {
    if (i == TTLS_AVPS_MAX)
      *why = "there are too many AVPs in the tunnel";
    if (*why || !take (avps, &r, why))
      return FALSE;
  }
  return TRUE;
}

void
ttls_avp_add (GByteArray *out, guint32 code, guint32 vendor, const guint8 *data, gsize len)
{
  static const guint8 zeros[3];
  guint8 head[HEADER_LEN + VENDOR_LEN];
  gsize head_len = HEADER_LEN + (vendor ? VENDOR_LEN : 0);
  guint8 flags = FLAG_MANDATORY | (vendor ? FLAG_VENDOR : 0);
  IkeWriter w;

  ike_writer_init (&w, head, sizeof head);
  ike_writer_u32 (&w, code);
  ike_writer_u32 (&w, (guint32) flags << 24 | (guint32) (head_len + len));
  if (vendor)
    ike_writer_u32 (&w, vendor);
  g_byte_array_append (out, zeros, -out->len & 3);
  g_byte_array_append (out, head, (guint) head_len);
  g_byte_array_append (out, data, (guint) len);
  g_byte_array_append (out, zeros, -out->len & 3);
}
