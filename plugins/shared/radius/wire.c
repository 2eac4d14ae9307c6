/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c - RADIUS packets as such; see wire.h.
 *
 * MD5 is what the protocol is made of, for signatures and for hiding passwords; GLib has it. */
#include "shared/radius/wire.h"

enum { AUTHENTICATOR_AT = 4, BLOCK = 16, HIDDEN_MAX = 240 };

/* -- reading */

/* RFC 2869, 5.14: Length of Message-Authenticator is 18. */
static const char *
note_attribute (RadiusPacket *packet, const IkeRadiusAttribute *attribute)
{
  if (attribute->type == IKE_RADIUS_EAP_MESSAGE)
    packet->has_eap = TRUE;
  if (attribute->type != IKE_RADIUS_MESSAGE_AUTHENTICATOR)
    return NULL;
  if (attribute->len != RADIUS_MAC_LEN)
    return "a Message-Authenticator of wrong length";
  if (packet->mac_at)
    return "two Message-Authenticators";
  packet->mac_at = (gsize) (attribute->value - packet->data);
  return NULL;
}

static const char *
parse_attributes (RadiusPacket *packet)
{
  IkeReader r;
  IkeRadiusAttribute attribute;

  ike_reader_init (&r, packet->attributes, packet->attributes_len);
  while (ike_reader_left (&r) > 0) {
    const char *wrong;

    if (!ike_radius_read_one (&r, &attribute))
      return "an attribute that does not end within the packet";
    wrong = note_attribute (packet, &attribute);
    if (wrong)
      return wrong;
  }
  return NULL;
}

const char *
radius_parse (RadiusPacket *packet, const void *data, gsize len)
{
  IkeReader r;
  gsize said;

  memset (packet, 0, sizeof *packet);
  ike_reader_init (&r, data, len);
  packet->data = data;
  packet->code = ike_reader_u8 (&r);
  packet->identifier = ike_reader_u8 (&r);
  said = ike_reader_u16 (&r);
  packet->authenticator = ike_reader_bytes (&r, RADIUS_AUTHENTICATOR_LEN);
  /* RFC 2865, 3: "The minimum length is 20 and maximum length is 4096." */
  if (r.failed || said < IKE_RADIUS_HEADER_LEN || said > IKE_RADIUS_PACKET_MAX)
    return "no RADIUS packet by its length";
  /* RFC 2865, 3: "Octets outside the range of the Length field MUST be treated as padding and
   * ignored on reception.  If the packet is shorter than the Length field indicates, it MUST be
   * silently discarded." */
  packet->len = said;
  packet->attributes_len = said - IKE_RADIUS_HEADER_LEN;
  packet->attributes = ike_reader_bytes (&r, packet->attributes_len);
  return packet->attributes ? parse_attributes (packet) : "a packet that was cut";
}

/* -- signatures */

static void
md5 (const IkePart *parts, guint n_parts, guint8 out[static BLOCK])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_MD5);
  gsize len = BLOCK;

  for (guint i = 0; i < n_parts; i++)
    g_checksum_update (checksum, parts[i].data, (gssize) parts[i].len);
  g_checksum_get_digest (checksum, out, &len);
}

/* RFC 2865, 3: "MD5(Code+ID+Length+RequestAuth+Attributes+Secret)" */
static void
sign (const guint8 *data, gsize len, const guint8 *authenticator, RadiusSecret secret,
      guint8 out[static BLOCK])
{
  const IkePart parts[] = { { data, AUTHENTICATOR_AT },
                            { authenticator, RADIUS_AUTHENTICATOR_LEN },
                            { data + IKE_RADIUS_HEADER_LEN, len - IKE_RADIUS_HEADER_LEN },
                            { secret.data, secret.len } };

  md5 (parts, G_N_ELEMENTS (parts), out);
}

/* RFC 3579, 3.2: "Message-Authenticator = HMAC-MD5 (Type, Identifier, Length, Request
 * Authenticator, Attributes)", for which "the signature string should be considered to be sixteen
 * octets of zero". */
static void
mac (const guint8 *data, gsize len, gsize mac_at, const guint8 *authenticator, RadiusSecret secret,
     guint8 out[static RADIUS_MAC_LEN])
{
  static const guint8 zeros[RADIUS_MAC_LEN];
  g_autoptr (GHmac) hmac = g_hmac_new (G_CHECKSUM_MD5, secret.data, secret.len);
  gsize behind = mac_at + RADIUS_MAC_LEN, out_len = RADIUS_MAC_LEN;

  g_hmac_update (hmac, data, AUTHENTICATOR_AT);
  g_hmac_update (hmac, authenticator, RADIUS_AUTHENTICATOR_LEN);
  g_hmac_update (hmac, data + IKE_RADIUS_HEADER_LEN, (gssize) (mac_at - IKE_RADIUS_HEADER_LEN));
  g_hmac_update (hmac, zeros, RADIUS_MAC_LEN);
  g_hmac_update (hmac, data + behind, (gssize) (len - behind));
  g_hmac_get_digest (hmac, out, &out_len);
}

static const guint8 no_authenticator[RADIUS_AUTHENTICATOR_LEN];

gboolean
radius_response_is_authentic (const RadiusPacket *packet, const guint8 *request_authenticator,
                              RadiusSecret secret)
{
  guint8 wanted[BLOCK];

  sign (packet->data, packet->len, request_authenticator, secret, wanted);
  return ike_equal (wanted, packet->authenticator, BLOCK);
}

gboolean
radius_request_is_authentic (const RadiusPacket *packet, RadiusSecret secret)
{
  return radius_response_is_authentic (packet, no_authenticator, secret);
}

gboolean
radius_mac_is_authentic (const RadiusPacket *packet, const guint8 *authenticator,
                         RadiusSecret secret)
{
  guint8 wanted[RADIUS_MAC_LEN];

  if (!packet->mac_at)
    return FALSE;
  mac (packet->data, packet->len, packet->mac_at, authenticator ? authenticator : no_authenticator,
       secret, wanted);
  return ike_equal (wanted, packet->data + packet->mac_at, RADIUS_MAC_LEN);
}

/* -- writing */

void
radius_begin (IkeWriter *w, guint8 code, guint8 identifier, gboolean with_mac)
{
  ike_writer_u8 (w, code);
  ike_writer_u8 (w, identifier);
  ike_writer_u16 (w, 0);
  ike_writer_bytes (w, no_authenticator, RADIUS_AUTHENTICATOR_LEN);
  if (with_mac)
    ike_radius_add (w, IKE_RADIUS_MESSAGE_AUTHENTICATOR, no_authenticator, RADIUS_MAC_LEN);
}

/* The Message-Authenticator is made first, for the authenticator signs it, too. */
static gboolean
end (IkeWriter *w, const guint8 *authenticator, gboolean with_mac, RadiusSecret secret)
{
  gsize mac_at = IKE_RADIUS_HEADER_LEN + 2;

  if (w->failed || w->len < IKE_RADIUS_HEADER_LEN || w->len > IKE_RADIUS_PACKET_MAX)
    return FALSE;
  w->data[2] = (guint8) (w->len >> 8);
  w->data[3] = (guint8) w->len;
  if (with_mac)
    mac (w->data, w->len, mac_at, authenticator, secret, w->data + mac_at);
  return TRUE;
}

gboolean
radius_end_request (IkeWriter *w, const guint8 *random, gboolean with_mac, RadiusSecret secret)
{
  guint8 signature[BLOCK];

  if (!end (w, random ? random : no_authenticator, with_mac, secret))
    return FALSE;
  if (!random)
    sign (w->data, w->len, no_authenticator, secret, signature);
  memcpy (w->data + AUTHENTICATOR_AT, random ? random : signature, RADIUS_AUTHENTICATOR_LEN);
  return TRUE;
}

gboolean
radius_end_response (IkeWriter *w, const guint8 *request_authenticator, gboolean with_mac,
                     RadiusSecret secret)
{
  if (!end (w, request_authenticator, with_mac, secret))
    return FALSE;
  sign (w->data, w->len, request_authenticator, secret, w->data + AUTHENTICATOR_AT);
  return TRUE;
}

/* -- what is hidden */

/* RFC 2865, 5.2: "b1 = MD5(S + RA), c(1) = p1 xor b1, b2 = MD5(S + c(1)), c(2) = p2 xor b2"; for
 * keys of RFC 2548 there is a salt behind RA in the first round.  In place, either direction. */
static void
hide (guint8 *data, gsize len, gboolean is_hidden, const IkePart *first, RadiusSecret secret)
{
  guint8 pad[BLOCK], last[BLOCK];

  for (gsize at = 0; at < len; at += BLOCK) {
    const IkePart begin[] = { { secret.data, secret.len }, first[0], first[1] };
    const IkePart next[] = { { secret.data, secret.len }, { last, BLOCK } };

    md5 (at ? next : begin, at ? 2 : 3, pad);
    if (is_hidden)
      memcpy (last, data + at, BLOCK);
    for (guint i = 0; i < BLOCK; i++)
      data[at + i] ^= pad[i];
    if (!is_hidden)
      memcpy (last, data + at, BLOCK);
  }
  ike_wipe (pad, sizeof pad);
}

static gsize
padded (gsize len)
{
  return len ? (len + BLOCK - 1) / BLOCK * BLOCK : BLOCK;
}

void
radius_add_password (IkeWriter *w, const guint8 *request_authenticator, RadiusSecret secret,
                     const void *password, gsize len)
{
  const IkePart first[] = { { request_authenticator, RADIUS_AUTHENTICATOR_LEN }, { NULL, 0 } };
  guint8 hidden[IKE_RADIUS_PASSWORD_MAX] = { 0 };

  if (len > sizeof hidden) {
    w->failed = TRUE;
    return;
  }
  if (len)
    memcpy (hidden, password, len);
  hide (hidden, padded (len), FALSE, first, secret);
  ike_radius_add (w, IKE_RADIUS_USER_PASSWORD, hidden, padded (len));
}

IkeSecretBlob *
radius_read_password (const IkeRadiusAttribute *attribute, const guint8 *request_authenticator,
                      RadiusSecret secret)
{
  const IkePart first[] = { { request_authenticator, RADIUS_AUTHENTICATOR_LEN }, { NULL, 0 } };
  guint8 plain[IKE_RADIUS_PASSWORD_MAX];
  gsize len = attribute->len;
  IkeSecretBlob *password;

  if (len == 0 || len > sizeof plain || len % BLOCK)
    return NULL;
  memcpy (plain, attribute->value, len);
  hide (plain, len, TRUE, first, secret);
  while (len && plain[len - 1] == 0)
    len--;
  password = ike_secret_blob_new (plain, len);
  ike_wipe (plain, sizeof plain);
  return password;
}

/* RFC 2548, 2.4.2: "The plaintext String field consists of three logical sub-fields: the
 * Key-Length and Key sub-fields (both of which are required), and the optional Padding
 * sub-field." */
void
radius_add_mppe_key (IkeWriter *w, guint8 type, guint16 salt, const guint8 *request_authenticator,
                     RadiusSecret secret, const void *key, gsize len)
{
  guint8 value[2 + HIDDEN_MAX] = { (guint8) (salt >> 8 | 0x80), (guint8) salt, (guint8) len };
  const IkePart first[] = { { request_authenticator, RADIUS_AUTHENTICATOR_LEN }, { value, 2 } };

  if (len > HIDDEN_MAX - 1) {
    w->failed = TRUE;
    return;
  }
  memcpy (value + 3, key, len);
  hide (value + 2, padded (len + 1), FALSE, first, secret);
  ike_radius_add_vendor (w, IKE_RADIUS_VENDOR_MICROSOFT, type, value, 2 + padded (len + 1));
}

IkeSecretBlob *
radius_read_mppe_key (const IkeRadiusAttribute *attribute, const guint8 *request_authenticator,
                      RadiusSecret secret)
{
  const IkePart first[] = { { request_authenticator, RADIUS_AUTHENTICATOR_LEN },
                            { attribute->value, 2 } };
  guint8 plain[HIDDEN_MAX];
  gsize len = attribute->len < 2 ? 0 : (gsize) attribute->len - 2;
  IkeSecretBlob *key = NULL;

  if (len == 0 || len > sizeof plain || len % BLOCK)
    return NULL;
  memcpy (plain, attribute->value + 2, len);
  hide (plain, len, TRUE, first, secret);
  if (plain[0] > 0 && plain[0] < len)
    key = ike_secret_blob_new (plain + 1, plain[0]);
  ike_wipe (plain, sizeof plain);
  return key;
}
