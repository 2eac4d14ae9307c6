/* SPDX-License-Identifier: Apache-2.0 */
/* inner.c - headers that are left out, and TLVs. */
#include "inner.h"

#include <string.h>

#include <ikebana/reader.h>
#include <ikebana/writer.h>

enum { TLV_MANDATORY = 0x8000, TLV_TYPE_MASK = 0x3fff };

/* Whoever leaves headers out does it by what the packet is; and some servers write a whole Request
 * for the identity, and EAP-Success or EAP-Failure as they are. */
static gboolean
is_whole (const guint8 *data, gsize len, guint8 code)
{
  if (len < IKE_EAP_HEADER_LEN || ((gsize) data[2] << 8 | data[3]) != len)
    return FALSE;
  if (code == IKE_EAP_CODE_REQUEST && len == IKE_EAP_HEADER_LEN)
    return data[0] == IKE_EAP_CODE_SUCCESS || data[0] == IKE_EAP_CODE_FAILURE;
  if (data[0] != code || len == IKE_EAP_HEADER_LEN)
    return FALSE;
  return data[4] == PEAP_TYPE_EXTENSIONS
         || (code == IKE_EAP_CODE_REQUEST && len == 5 && data[4] == IKE_EAP_TYPE_IDENTITY);
}

guint8 *
peap_expand (const guint8 *data, gsize len, guint8 code, guint8 identifier, gsize *out_len)
{
  guint8 *packet;

  if (len == 0 || len > IKE_EAP_PACKET_MAX)
    return NULL;
  if (is_whole (data, len, code)) {
    *out_len = len;
    return g_memdup2 (data, len);
  }
  *out_len = len + IKE_EAP_HEADER_LEN;
  packet = g_malloc (*out_len);
  packet[0] = code;
  packet[1] = identifier;
  packet[2] = (guint8) (*out_len >> 8);
  packet[3] = (guint8) *out_len;
  memcpy (packet + IKE_EAP_HEADER_LEN, data, len);
  return packet;
}

gboolean
peap_is_extensions (const guint8 *packet, gsize len)
{
  return len > IKE_EAP_HEADER_LEN && packet[4] == PEAP_TYPE_EXTENSIONS;
}

/* A crypto binding is marked mandatory, and may be left unanswered by who has no key of the inner
 * method to bind. */
gboolean
peap_result_read (const guint8 *packet, gsize len, guint16 *result, const char **why)
{
  IkeReader r, value;

  *why = NULL;
  *result = 0;
  ike_reader_init (&r, packet, len);
  ike_reader_bytes (&r, IKE_EAP_HEADER_LEN + 1);
  for (guint i = 0; !*why && ike_reader_left (&r); i++) {
    guint16 type = ike_reader_u16 (&r), value_len = ike_reader_u16 (&r);

    if (!ike_reader_sub (&r, value_len, &value) || i == PEAP_TLVS_MAX)
      *why = "the TLVs in the tunnel are cut, or too many";
    else if ((type & TLV_TYPE_MASK) == PEAP_TLV_RESULT) {
      if (*result || value_len != 2)
        *why = "a Result in the tunnel is malformed, or there are two";
      *result = ike_reader_u16 (&value);
    } else if (type & TLV_MANDATORY && (type & TLV_TYPE_MASK) != PEAP_TLV_CRYPTO_BINDING)
      *why = "a TLV in the tunnel must be understood, and is not known here";
  }
  if (!*why && *result != PEAP_SUCCESS && *result != PEAP_FAILURE)
    *why = "the other end does not say in the tunnel what came of it";
  return !*why && !r.failed;
}

void
peap_result_write (guint8 code, guint8 identifier, guint16 result,
                   guint8 out[static PEAP_RESULT_LEN])
{
  IkeWriter w;

  ike_writer_init (&w, out, PEAP_RESULT_LEN);
  ike_writer_u8 (&w, code);
  ike_writer_u8 (&w, identifier);
  ike_writer_u16 (&w, PEAP_RESULT_LEN);
  ike_writer_u8 (&w, PEAP_TYPE_EXTENSIONS);
  ike_writer_u16 (&w, TLV_MANDATORY | PEAP_TLV_RESULT);
  ike_writer_u16 (&w, 2);
  ike_writer_u16 (&w, result);
}
