/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_radius_reply.c - a packet as a RADIUS server may have sent it.
 *
 * What is taken can be walked to its end, attribute by attribute, and what is read of these lies
 * within them; signed with the secret it is authentic, and with one bit changed it is not.
 *
 * Covers: plugins/shared/radius/wire.c */
#include "shared/radius/wire.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

static const guint8 authenticator[RADIUS_AUTHENTICATOR_LEN] = { 1, 2, 3 };
static const RadiusSecret secret = { (const guint8 *) "testing123", 10 };

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static void
check_secrets (const IkeRadiusAttribute *attribute)
{
  g_autoptr (IkeSecretBlob) key = radius_read_mppe_key (attribute, authenticator, secret);
  g_autoptr (IkeSecretBlob) password = radius_read_password (attribute, authenticator, secret);

  check (!key || ike_secret_blob_len (key) < attribute->len);
  check (!password || ike_secret_blob_len (password) <= attribute->len);
}

static gsize
check_attribute (const IkeRadiusAttribute *attribute)
{
  IkeAddr addr;
  guint bits;
  guint32 number;

  check_secrets (attribute);
  check (ike_radius_get_u32 (attribute, &number) == (attribute->len == 4));
  if (ike_radius_get_addr (attribute, &addr))
    check (ike_addr_len (&addr) == attribute->len);
  if (ike_radius_get_prefix (attribute, &addr, &bits))
    check (bits <= 128 && (bits + 7) / 8 + 2 <= attribute->len);
  return attribute->len;
}

static void
check_attributes (const RadiusPacket *packet)
{
  IkeRadiusIter iter;
  IkeRadiusAttribute attribute, found;
  gsize sum = 0, joined_len, n = 0;
  g_autofree guint8 *joined = ike_radius_join (packet->attributes, packet->attributes_len,
                                               IKE_RADIUS_EAP_MESSAGE, &joined_len);

  ike_radius_iter_init (&iter, packet->attributes, packet->attributes_len);
  while (ike_radius_next (&iter, &attribute)) {
    sum += check_attribute (&attribute) + 2;
    n++;
    check (ike_radius_find (packet->attributes, packet->attributes_len, attribute.vendor,
                            attribute.type, &found)
           && found.value <= attribute.value);
  }
  check (ike_radius_iter_is_done (&iter));
  check (sum <= packet->attributes_len && n <= packet->attributes_len / 2);
  check (joined_len <= packet->attributes_len && (joined != NULL) == (joined_len > 0));
  check (!joined || packet->has_eap);
}

static void
check_signed (const RadiusPacket *packet)
{
  guint8 out[IKE_RADIUS_PACKET_MAX + 18];
  IkeWriter w;
  RadiusPacket again;

  ike_writer_init (&w, out, sizeof out);
  radius_begin (&w, packet->code, packet->identifier, packet->mac_at == 0);
  ike_writer_bytes (&w, packet->attributes, packet->attributes_len);
  if (!radius_end_response (&w, authenticator, packet->mac_at == 0, secret))
    return;
  check (!radius_parse (&again, w.data, w.len));
  check (radius_response_is_authentic (&again, authenticator, secret));
  check (packet->mac_at || radius_mac_is_authentic (&again, authenticator, secret));
  w.data[w.len - 1] ^= 1;
  check (radius_parse (&again, w.data, w.len)
         || !radius_response_is_authentic (&again, authenticator, secret));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  /* Of its own size, so that ASan sees what is read behind it. */
  g_autofree guint8 *copy = g_malloc (MAX (len, 1));
  RadiusPacket packet;

  if (len)
    memcpy (copy, data, len);
  if (radius_parse (&packet, copy, len))
    return 0;
  check (packet.len <= len && packet.attributes_len + IKE_RADIUS_HEADER_LEN == packet.len);
  check (!packet.mac_at || packet.mac_at + RADIUS_MAC_LEN <= packet.len);
  check_attributes (&packet);
  radius_response_is_authentic (&packet, authenticator, secret);
  radius_request_is_authentic (&packet, secret);
  radius_mac_is_authentic (&packet, NULL, secret);
  check_signed (&packet);
  return 0;
}
