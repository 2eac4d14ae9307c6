/* SPDX-License-Identifier: Apache-2.0 */
/* attributes.c - packets of EAP-SIM, EAP-AKA and EAP-AKA', read and written. */
#include "attributes.h"

#include <string.h>

/* How the value of an attribute stands behind its type and length. */
typedef enum {
  SHAPE_FIXED,   /* two bytes reserved, then the value, of exactly this length */
  SHAPE_PLAIN,   /* the value alone, exactly this long; two bytes are a number or reserved */
  SHAPE_ANY,     /* two bytes reserved, then the value, up to the end */
  SHAPE_LENGTH,  /* the actual length in bytes, the value, padding */
  SHAPE_BITS,    /* the actual length in bits */
  SHAPE_PADDING, /* nothing but zeros */
} Shape;

enum { SKIPPABLE = 128, UNIT = 4 };

static const struct {
  guint8 number, shape;
  guint8 min, max; /* bytes of the value */
} attributes[N_SIM_ATTRIBUTES] = {
  [AT_RAND] = { 1, SHAPE_ANY, 16, 48 },
  [AT_AUTN] = { 2, SHAPE_FIXED, 16, 16 },
  [AT_RES] = { 3, SHAPE_BITS, 4, 16 },
  [AT_AUTS] = { 4, SHAPE_PLAIN, 14, 14 },
  [AT_PADDING] = { 6, SHAPE_PADDING, 2, 10 },
  [AT_NONCE_MT] = { 7, SHAPE_FIXED, 16, 16 },
  [AT_PERMANENT_ID_REQ] = { 10, SHAPE_PLAIN, 2, 2 },
  [AT_MAC] = { 11, SHAPE_FIXED, 16, 16 },
  [AT_NOTIFICATION] = { 12, SHAPE_PLAIN, 2, 2 },
  [AT_ANY_ID_REQ] = { 13, SHAPE_PLAIN, 2, 2 },
  [AT_IDENTITY] = { 14, SHAPE_LENGTH, 1, IKE_EAP_IDENTITY_MAX },
  [AT_VERSION_LIST] = { 15, SHAPE_LENGTH, 2, 254 },
  [AT_SELECTED_VERSION] = { 16, SHAPE_PLAIN, 2, 2 },
  [AT_FULLAUTH_ID_REQ] = { 17, SHAPE_PLAIN, 2, 2 },
  [AT_COUNTER] = { 19, SHAPE_PLAIN, 2, 2 },
  [AT_COUNTER_TOO_SMALL] = { 20, SHAPE_PLAIN, 2, 2 },
  [AT_NONCE_S] = { 21, SHAPE_FIXED, 16, 16 },
  [AT_CLIENT_ERROR_CODE] = { 22, SHAPE_PLAIN, 2, 2 },
  [AT_KDF_INPUT] = { 23, SHAPE_LENGTH, 0, 255 },
  [AT_KDF] = { 24, SHAPE_PLAIN, 2, 2 },
  [AT_IV] = { 129, SHAPE_FIXED, 16, 16 },
  [AT_ENCR_DATA] = { 130, SHAPE_ANY, 16, 0 },
  [AT_NEXT_PSEUDONYM] = { 132, SHAPE_LENGTH, 1, IKE_EAP_IDENTITY_MAX },
  [AT_NEXT_REAUTH_ID] = { 133, SHAPE_LENGTH, 1, IKE_EAP_IDENTITY_MAX },
  [AT_CHECKCODE] = { 134, SHAPE_ANY, 0, 32 },
  [AT_RESULT_IND] = { 135, SHAPE_PLAIN, 2, 2 },
  [AT_BIDDING] = { 136, SHAPE_PLAIN, 2, 2 },
};

static SimAttribute
find (guint8 number)
{
  for (guint i = 0; i < N_SIM_ATTRIBUTES; i++)
    if (attributes[i].number == number)
      return i;
  return N_SIM_ATTRIBUTES;
}

static gboolean
is_length_right (SimAttribute attribute, gsize len)
{
  guint max = attributes[attribute].max;

  return len >= attributes[attribute].min && (max == 0 || len <= max);
}

static gboolean
is_zero (IkeReader *reader)
{
  while (ike_reader_left (reader))
    if (ike_reader_u8 (reader))
      return FALSE;
  return TRUE;
}

/* Makes @value the value alone of @body, which is what stands behind type and length. */
static gboolean
read_value (SimAttribute attribute, IkeReader *body, IkeReader *value)
{
  Shape shape = attributes[attribute].shape;
  gsize len;

  if (shape == SHAPE_PLAIN || shape == SHAPE_PADDING) {
    len = ike_reader_left (body);
  } else if (shape == SHAPE_FIXED || shape == SHAPE_ANY) {
    ike_reader_u16 (body);
    len = ike_reader_left (body);
  } else {
    guint16 said = ike_reader_u16 (body);

    if (shape == SHAPE_BITS && said % 8)
      return FALSE;
    len = shape == SHAPE_BITS ? said / 8 : said;
    /* There is less padding than a unit of length. */
    if (ike_reader_left (body) >= len + UNIT)
      return FALSE;
  }
  if (!is_length_right (attribute, len) || !ike_reader_sub (body, len, value))
    return FALSE;
  /* RFC 4186, 10.12: "The recipient of the message MUST verify that the pad bytes are set to
   * zero." */
  return shape != SHAPE_PADDING || is_zero (&(IkeReader){ .data = value->data, .len = value->len });
}

static const char *
read_one (SimPacket *packet, guint8 number, IkeReader *body)
{
  SimAttribute attribute = find (number);

  /* RFC 4186, 8.1: "Attributes numbered within the range 0 through 127 are called non-skippable
   * attributes. ...  When a skippable attribute is encountered and is not recognized, it is
   * ignored." */
  if (attribute == N_SIM_ATTRIBUTES)
    return number < SKIPPABLE ? "an attribute that is not known and must be" : NULL;

  IkeReader value;

  if (!read_value (attribute, body, &value))
    return "an attribute of the wrong length";
  if (attribute == AT_KDF) {
    if (packet->n_kdfs == SIM_KDFS_MAX)
      return "too many key derivation functions";
    packet->kdfs[packet->n_kdfs++] = (guint16) (value.data[0] << 8 | value.data[1]);
  } else if (packet->has & SIM_BIT (attribute)) {
    return "an attribute twice";
  }
  packet->has |= SIM_BIT (attribute);
  packet->value[attribute] = value;
  if (attribute == AT_MAC)
    packet->mac_at = (gsize) (value.data - packet->data);
  return NULL;
}

static const char *
read_all (SimPacket *packet, IkeReader *reader)
{
  const guint32 sealed = SIM_BIT (AT_IV) | SIM_BIT (AT_ENCR_DATA);
  guint32 asks;

  while (ike_reader_left (reader)) {
    guint8 number = ike_reader_u8 (reader), units = ike_reader_u8 (reader);
    const char *wrong;
    IkeReader body;

    if (units == 0 || !ike_reader_sub (reader, (gsize) units * UNIT - 2, &body))
      return "an attribute that does not end";
    if ((wrong = read_one (packet, number, &body)))
      return wrong;
  }
  /* RFC 4186, 10.1: "only one of them can be included at the same time.  If one of the attributes
   * AT_IV and AT_ENCR_DATA is included, then both of the attributes MUST be included." */
  asks = packet->has & SIM_ID_REQUESTS;
  if (asks & (asks - 1))
    return "several requests for an identity";
  if ((packet->has & sealed) && (packet->has & sealed) != sealed)
    return "encrypted attributes without IV";
  return reader->failed ? "an attribute that does not end" : NULL;
}

const char *
sim_attributes_read (SimPacket *packet, const guint8 *data, gsize len)
{
  IkeReader reader;

  memset (packet, 0, sizeof *packet);
  packet->data = data;
  packet->len = len;
  ike_reader_init (&reader, data, len);
  return read_all (packet, &reader);
}

const char *
sim_packet_read (SimPacket *packet, guint8 type, const guint8 *data, gsize len)
{
  IkeReader reader;
  guint16 said;

  memset (packet, 0, sizeof *packet);
  packet->data = data;
  packet->len = len;
  ike_reader_init (&reader, data, len);
  packet->code = ike_reader_u8 (&reader);
  packet->identifier = ike_reader_u8 (&reader);
  said = ike_reader_u16 (&reader);
  packet->type = ike_reader_u8 (&reader);
  packet->subtype = ike_reader_u8 (&reader);
  ike_reader_u16 (&reader);
  if (reader.failed || said != len)
    return "a length that is not the packet's";
  if (packet->type != type)
    return "a packet of another method";
  return read_all (packet, &reader);
}

SimIdLevel
sim_packet_level (const SimPacket *packet)
{
  if (packet->has & SIM_BIT (AT_ANY_ID_REQ))
    return SIM_ID_ANY;
  if (packet->has & SIM_BIT (AT_FULLAUTH_ID_REQ))
    return SIM_ID_FULLAUTH;
  return packet->has & SIM_BIT (AT_PERMANENT_ID_REQ) ? SIM_ID_PERMANENT : SIM_ID_NONE;
}

SimAttribute
sim_level_request (SimIdLevel level)
{
  static const SimAttribute requests[] = { [SIM_ID_ANY] = AT_ANY_ID_REQ,
                                           [SIM_ID_FULLAUTH] = AT_FULLAUTH_ID_REQ,
                                           [SIM_ID_PERMANENT] = AT_PERMANENT_ID_REQ };

  return requests[level];
}

gboolean
sim_packet_fits (const SimPacket *packet, guint32 must, guint32 may)
{
  guint32 others = packet->has & ~(must | may);

  if ((packet->has & must) != must)
    return FALSE;
  for (guint i = 0; i < N_SIM_ATTRIBUTES; i++)
    if ((others & SIM_BIT (i)) && attributes[i].number < SKIPPABLE)
      return FALSE;
  return TRUE;
}

guint16
sim_packet_number (const SimPacket *packet, SimAttribute attribute)
{
  IkeReader reader = packet->value[attribute];

  return packet->has & SIM_BIT (attribute) ? ike_reader_u16 (&reader) : 0;
}

const guint8 *
sim_packet_value (const SimPacket *packet, SimAttribute attribute, gsize *len)
{
  if (len)
    *len = packet->value[attribute].len;
  return packet->value[attribute].data;
}

void
sim_write_begin (IkeWriter *writer, guint8 *buffer, guint8 code, guint8 identifier, guint8 type,
                 guint8 subtype)
{
  ike_writer_init (writer, buffer, SIM_PACKET_MAX);
  ike_writer_u8 (writer, code);
  ike_writer_u8 (writer, identifier);
  ike_writer_u16 (writer, 0);
  ike_writer_u8 (writer, type);
  ike_writer_u8 (writer, subtype);
  ike_writer_u16 (writer, 0);
}

void
sim_write_number (IkeWriter *writer, SimAttribute attribute, guint16 number)
{
  ike_writer_u8 (writer, attributes[attribute].number);
  ike_writer_u8 (writer, 1);
  ike_writer_u16 (writer, number);
}

void
sim_write_empty (IkeWriter *writer, SimAttribute attribute)
{
  sim_write_number (writer, attribute, 0);
}

/* Type, length, two bytes, the value and zeros up to the next unit. */
static void
write_padded (IkeWriter *writer, SimAttribute attribute, guint16 first, IkePart value)
{
  static const guint8 zeros[UNIT];
  gsize padding = (UNIT - value.len % UNIT) % UNIT;
  gsize units = 1 + (value.len + padding) / UNIT;

  if (units > G_MAXUINT8) {
    writer->failed = TRUE;
    return;
  }
  sim_write_number (writer, attribute, first);
  if (!writer->failed)
    writer->data[writer->len - 3] = (guint8) units;
  ike_writer_bytes (writer, value.data, value.len);
  ike_writer_bytes (writer, zeros, padding);
}

void
sim_write_value (IkeWriter *writer, SimAttribute attribute, const void *value, gsize len)
{
  if (attributes[attribute].shape != SHAPE_PLAIN) {
    write_padded (writer, attribute, 0, (IkePart){ value, len });
    return;
  }
  ike_writer_u8 (writer, attributes[attribute].number);
  ike_writer_u8 (writer, (guint8) ((len + 2) / UNIT));
  ike_writer_bytes (writer, value, len);
}

void
sim_write_counted (IkeWriter *writer, SimAttribute attribute, const void *value, gsize len)
{
  gboolean is_bits = attributes[attribute].shape == SHAPE_BITS;

  write_padded (writer, attribute, (guint16) (is_bits ? len * 8 : len), (IkePart){ value, len });
}

gboolean
sim_write_end (IkeWriter *writer)
{
  if (writer->failed)
    return FALSE;
  writer->data[2] = (guint8) (writer->len >> 8);
  writer->data[3] = (guint8) writer->len;
  return TRUE;
}
