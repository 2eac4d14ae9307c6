/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - reads and makes what stands inside EAP-MSCHAPv2 packets. */
#include <string.h>

#include <ikebana/writer.h>

#include "mschapv2.h"

enum { RESPONSE_VALUE_LEN = 49, RESERVED_LEN = 8 };

/* Draft, 2: MS-Length is the length of the packet without the five octets in front of the
 * OpCode.  A peer's Success and Failure are the OpCode alone. */
gboolean
mschapv2_read (Mschapv2Message *message, EapPacket *packet)
{
  IkeReader *body = &packet->body;
  gsize len = body->len;

  message->op = ike_reader_u8 (body);
  message->is_acknowledgement = ike_reader_is_done (body);
  message->id = 0;
  if (!message->is_acknowledgement) {
    message->id = ike_reader_u8 (body);
    if (ike_reader_u16 (body) != len)
      return FALSE;
  }
  message->body = *body;
  return !body->failed;
}

static gboolean
read_name (IkeReader *body, IkePart *name)
{
  name->len = ike_reader_left (body);
  name->data = ike_reader_bytes (body, name->len);
  return name->data && name->len <= IKE_EAP_IDENTITY_MAX;
}

gboolean
mschapv2_read_challenge (const Mschapv2Message *message, Mschapv2Challenge *challenge)
{
  IkeReader body = message->body;

  if (ike_reader_u8 (&body) != MSCHAP_CHALLENGE_LEN)
    return FALSE;
  challenge->challenge = ike_reader_bytes (&body, MSCHAP_CHALLENGE_LEN);
  return read_name (&body, &challenge->name);
}

/* RFC 2759, 4: Peer-Challenge, eight octets that "must be zero", NT-Response, and flags that "must
 * be zero"; neither of the two enters into the proof, and nothing here depends on them. */
gboolean
mschapv2_read_response (const Mschapv2Message *message, Mschapv2Response *response)
{
  IkeReader body = message->body;

  if (ike_reader_u8 (&body) != RESPONSE_VALUE_LEN)
    return FALSE;
  response->peer_challenge = ike_reader_bytes (&body, MSCHAP_CHALLENGE_LEN);
  ike_reader_bytes (&body, RESERVED_LEN);
  response->response = ike_reader_bytes (&body, MSCHAP_RESPONSE_LEN);
  ike_reader_u8 (&body);
  return read_name (&body, &response->name) && response->name.len > 0;
}

/* RFC 2759, 5: "S=<auth_string> M=<message>", "40 hexadecimal digits.  The hexadecimal digits
 * A-F (if present) MUST be uppercase"; ours are, those of others need not be. */
gboolean
mschapv2_read_success (const Mschapv2Message *message, guint8 proof[static MSCHAP_PROOF_LEN])
{
  IkeReader body = message->body;

  if (ike_reader_u8 (&body) != 'S' || ike_reader_u8 (&body) != '=')
    return FALSE;
  for (guint i = 0; i < MSCHAP_PROOF_LEN; i++) {
    int high = g_ascii_xdigit_value ((char) ike_reader_u8 (&body)),
        low = g_ascii_xdigit_value ((char) ike_reader_u8 (&body));

    if (high < 0 || low < 0)
      return FALSE;
    proof[i] = (guint8) (high << 4 | low);
  }
  return ike_reader_left (&body) == 0 || ike_reader_u8 (&body) == ' ';
}

/* RFC 2759, 6: "E=eeeeeeeeee R=r C=cccccccccccccccccccccccccccccccc V=vvvvvvvvvv M=<msg>"; M is the
 * last one and may have blanks in it.  Whatever it says, the answer is the same, so nothing here is
 * refused. */
void
mschapv2_read_failure (const Mschapv2Message *message, Mschapv2Failure *failure)
{
  IkeReader body = message->body;

  *failure = (Mschapv2Failure){ 0 };
  while (ike_reader_left (&body) >= 2) {
    guint8 key = ike_reader_u8 (&body), byte = ike_reader_u8 (&body);

    if (key == 'M' && byte == '=') {
      failure->message.len = ike_reader_left (&body);
      failure->message.data = ike_reader_bytes (&body, failure->message.len);
      return;
    }
    while (byte != ' ' && ike_reader_left (&body)) {
      byte = ike_reader_u8 (&body);
      if (key == 'E' && g_ascii_isdigit (byte) && failure->error < 100000)
        failure->error = 10 * failure->error + (guint32) (byte - '0');
    }
  }
}

guint8 *
mschapv2_make (Mschapv2Op op, guint8 id, const IkePart *parts, guint n_parts, gsize *len)
{
  IkeWriter writer;

  *len = MSCHAPV2_HEADER_LEN;
  for (guint i = 0; i < n_parts; i++)
    *len += parts[i].len;

  guint8 *bytes = g_malloc (*len);

  ike_writer_init (&writer, bytes, *len);
  ike_writer_u8 (&writer, (guint8) op);
  ike_writer_u8 (&writer, id);
  ike_writer_u16 (&writer, (guint16) *len);
  for (guint i = 0; i < n_parts; i++)
    ike_writer_bytes (&writer, parts[i].data, parts[i].len);
  return bytes;
}

void
mschapv2_hex (const guint8 *bytes, gsize len, char *out)
{
  static const char digits[] = "0123456789ABCDEF";

  for (gsize i = 0; i < len; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
}
