/* SPDX-License-Identifier: Apache-2.0 */
/* cp.c - the body of a Configuration payload (RFC 7296, 3.15): its type and its attributes. */
#include <ikebana/message.h>

enum { BODY_AT = 4, ATTRIBUTES_AT = 8 };

static gboolean
next_attribute (IkeReader *r, IkeCpAttribute *attribute)
{
  guint16 len;

  /* RFC 7296, 3.15.1: the first bit "MUST be ignored on receipt". */
  attribute->type = ike_reader_u16 (r) & 0x7fff;
  len = ike_reader_u16 (r);
  attribute->len = len;
  attribute->data = ike_reader_bytes (r, len);
  return !r->failed;
}

gboolean
ike_cp_read (const IkePayload *payload, IkeCpView *cp, IkeVerdict *verdict)
{
  IkeCpAttribute attribute;
  IkeReader r;

  ike_reader_init (&r, payload->data, payload->len);
  cp->type = ike_reader_u8 (&r);
  ike_reader_bytes (&r, 3);
  if (r.failed)
    return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, payload->type, payload->offset + BODY_AT,
                            "configuration is cut off");
  ike_reader_sub (&r, ike_reader_left (&r), &cp->attributes);
  /* Walked once here, so that whoever goes through them later never meets a broken one halfway. */
  r = cp->attributes;
  while (ike_reader_left (&r))
    if (!next_attribute (&r, &attribute))
      return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, payload->type,
                              payload->offset + ATTRIBUTES_AT + (guint32) r.pos,
                              "configuration attribute is cut off");
  return TRUE;
}

gboolean
ike_cp_next (IkeCpView *cp, IkeCpAttribute *attribute)
{
  return ike_reader_left (&cp->attributes) && next_attribute (&cp->attributes, attribute);
}
