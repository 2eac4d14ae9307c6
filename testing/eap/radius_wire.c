/* SPDX-License-Identifier: Apache-2.0 */
/* radius_wire.c - see radius_wire.h. */
#include <ikebana/crypto.h>
#include "radius_wire.h"

enum {
  VENDOR_MICROSOFT = 311,
  MS_MPPE_SEND_KEY = 16,
  MS_MPPE_RECV_KEY = 17,
  KEY_LEN = 32,
  MD5_LEN = 16
};

static IkePart
text_part (const char *text)
{
  return (IkePart){ (const guint8 *) text, strlen (text) };
}

static void
md5 (guint8 out[MD5_LEN], const IkePart *parts, guint n)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_MD5);
  gsize len = MD5_LEN;

  for (guint i = 0; i < n; i++)
    g_checksum_update (sum, parts[i].data, (gssize) parts[i].len);
  g_checksum_get_digest (sum, out, &len);
}

static void
hmac_md5 (guint8 out[MD5_LEN], const char *secret, const guint8 *data, gsize len)
{
  g_autoptr (GHmac) hmac = g_hmac_new (G_CHECKSUM_MD5, (const guchar *) secret, strlen (secret));
  gsize out_len = MD5_LEN;

  g_hmac_update (hmac, data, (gssize) len);
  g_hmac_get_digest (hmac, out, &out_len);
}

/* RFC 3579, 3.2: Message-Authenticator = HMAC-MD5 (Type, Identifier, Length, Request
 * Authenticator, Attributes) […] the Message-Authenticator […] should be considered to be
 * sixteen octets of zero. */
static gboolean
is_authentic (const guint8 *data, gsize len, gsize at, const char *secret)
{
  guint8 copy[RADIUS_PACKET_MAX], wanted[MD5_LEN];

  memcpy (copy, data, len);
  memset (copy + at, 0, MD5_LEN);
  hmac_md5 (wanted, secret, copy, len);
  return ike_equal (wanted, data + at, MD5_LEN);
}

/* One attribute; @authenticator_at: where the value of Message-Authenticator stands. */
static gboolean
read_attribute (RadiusRequest *request, IkeReader *r, gsize *authenticator_at)
{
  guint8 type = ike_reader_u8 (r), len = ike_reader_u8 (r);
  gsize at = r->pos;
  const guint8 *value = len >= 2 ? ike_reader_bytes (r, len - 2u) : NULL;

  if (!value)
    return FALSE;
  len = (guint8) (len - 2);
  if (type == RADIUS_EAP_MESSAGE) {
    memcpy (request->eap + request->eap_len, value, len);
    request->eap_len += len;
  } else if (type == RADIUS_STATE) {
    memcpy (request->state, value, len);
    request->state_len = len;
  } else if (type == RADIUS_MESSAGE_AUTHENTICATOR) {
    *authenticator_at = len == MD5_LEN && *authenticator_at == 0 ? at : G_MAXSIZE;
  }
  return TRUE;
}

const char *
radius_request_read (RadiusRequest *request, const guint8 *data, gsize len, const char *secret)
{
  IkeReader r;
  gsize authenticator_at = 0;
  const guint8 *authenticator;

  memset (request, 0, sizeof *request);
  ike_reader_init (&r, data, len);
  request->code = ike_reader_u8 (&r);
  request->identifier = ike_reader_u8 (&r);
  if (ike_reader_u16 (&r) != len || len > RADIUS_PACKET_MAX)
    return "its length is not that of the datagram";
  authenticator = ike_reader_bytes (&r, RADIUS_AUTHENTICATOR_LEN);
  if (!authenticator || request->code != RADIUS_ACCESS_REQUEST)
    return "it is no Access-Request";
  memcpy (request->authenticator, authenticator, RADIUS_AUTHENTICATOR_LEN);
  while (ike_reader_left (&r) > 0)
    if (!read_attribute (request, &r, &authenticator_at))
      return "an attribute is cut off";
  if (authenticator_at == 0 || authenticator_at == G_MAXSIZE)
    return "it has no Message-Authenticator, or more than one";
  return is_authentic (data, len, authenticator_at, secret) ? NULL
                                                            : "its Message-Authenticator is wrong";
}

void
radius_reply_begin (IkeWriter *w, guint8 code, const RadiusRequest *request)
{
  static const guint8 none[MD5_LEN];

  ike_writer_u8 (w, code);
  ike_writer_u8 (w, request->identifier);
  ike_writer_u16 (w, 0);
  ike_writer_bytes (w, request->authenticator, RADIUS_AUTHENTICATOR_LEN);
  radius_reply_add (w, RADIUS_MESSAGE_AUTHENTICATOR, none, sizeof none);
}

void
radius_reply_add (IkeWriter *w, guint8 type, const void *value, gsize len)
{
  g_return_if_fail (len <= RADIUS_VALUE_MAX);
  ike_writer_u8 (w, type);
  ike_writer_u8 (w, (guint8) (len + 2));
  ike_writer_bytes (w, value, len);
}

void
radius_reply_eap (IkeWriter *w, const guint8 *packet, gsize len)
{
  for (gsize at = 0; at < len; at += RADIUS_VALUE_MAX)
    radius_reply_add (w, RADIUS_EAP_MESSAGE, packet + at, MIN (len - at, RADIUS_VALUE_MAX));
}

/* RFC 2548, 2.4.2: b(1) = MD5(S + R + A), c(1) = p(1) xor b(1); b(i) = MD5(S + c(i-1)), c(i) = p(i)
 * xor b(i). */
static void
add_key (IkeWriter *w, guint8 vendor_type, const guint8 *key, const RadiusRequest *request,
         const guint8 salt[2], const char *secret)
{
  guint8 text[1 + KEY_LEN + 15] = { KEY_LEN }, value[4 + 2 + 2 + sizeof text], block[MD5_LEN];
  guint8 *at = value + 8;

  memcpy (text + 1, key, KEY_LEN);
  memcpy (value,
          (guint8[]){ 0, 0, VENDOR_MICROSOFT >> 8, VENDOR_MICROSOFT & 0xff, vendor_type,
                      sizeof value - 4, salt[0], salt[1] },
          8);
  md5 (block,
       (IkePart[]){
           text_part (secret), { request->authenticator, RADIUS_AUTHENTICATOR_LEN }, { salt, 2 } },
       3);
  for (gsize done = 0; done < sizeof text; done += MD5_LEN, at += MD5_LEN) {
    for (guint i = 0; i < MD5_LEN; i++)
      at[i] = text[done + i] ^ block[i];
    md5 (block, (IkePart[]){ text_part (secret), { at, MD5_LEN } }, 2);
  }
  radius_reply_add (w, RADIUS_VENDOR, value, sizeof value);
  ike_wipe (text, sizeof text);
}

void
radius_reply_keys (IkeWriter *w, const guint8 *msk, const RadiusRequest *request, guint16 salt,
                   const char *secret)
{
  guint8 first[2] = { 0x80 | (guint8) (salt >> 8 & 0x7f), (guint8) (salt & 0xfe) };
  guint8 second[2] = { first[0], first[1] | 1 };

  add_key (w, MS_MPPE_RECV_KEY, msk, request, first, secret);
  add_key (w, MS_MPPE_SEND_KEY, msk + KEY_LEN, request, second, secret);
}

void
radius_reply_end (IkeWriter *w, const RadiusRequest *request, const char *secret)
{
  guint8 *authenticator = w->data + RADIUS_HEADER_LEN + 2, response[MD5_LEN];

  ike_writer_close_u16 (w, 2, 2);
  if (w->failed)
    return;
  hmac_md5 (authenticator, secret, w->data, w->len);
  /* RFC 2865, 3: MD5(Code+ID+Length+RequestAuth+Attributes+Secret), and that of the request stands
   * there yet. */
  md5 (response, (IkePart[]){ { w->data, w->len }, text_part (secret) }, 2);
  memcpy (w->data + 4, response, sizeof response);
}
