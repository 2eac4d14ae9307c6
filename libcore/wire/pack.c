/* SPDX-License-Identifier: Apache-2.0 */
/* pack.c - values as bytes that only we read again. */
#include <ikebana/pack.h>
#include <string.h>

void
ike_pack_text (IkeWriter *w, const char *text)
{
  gsize len = text ? strlen (text) : 0;

  w->failed |= len > G_MAXUINT16;
  ike_writer_u16 (w, (guint16) len);
  ike_writer_bytes (w, text ? text : "", len);
}

char *
ike_unpack_text (IkeReader *r)
{
  guint16 len = ike_reader_u16 (r);
  const guint8 *data = ike_reader_bytes (r, len);

  r->failed |= data && memchr (data, 0, len);
  return r->failed ? NULL : g_strndup ((const char *) data, len);
}

void
ike_pack_addr (IkeWriter *w, const IkeAddr *addr)
{
  ike_writer_u8 (w, addr->family);
  ike_writer_u16 (w, addr->port);
  ike_writer_u32 (w, addr->scope);
  ike_writer_bytes (w, addr->bytes, sizeof addr->bytes);
}

void
ike_unpack_addr (IkeReader *r, IkeAddr *addr)
{
  const guint8 *bytes;

  memset (addr, 0, sizeof *addr);
  addr->family = ike_reader_u8 (r);
  addr->port = ike_reader_u16 (r);
  addr->scope = ike_reader_u32 (r);
  bytes = ike_reader_bytes (r, sizeof addr->bytes);
  if (bytes)
    memcpy (addr->bytes, bytes, sizeof addr->bytes);
}

void
ike_pack_ident (IkeWriter *w, const IkeIdent *ident)
{
  gsize len = 0;
  const guint8 *data = ident ? ike_ident_data (ident, &len) : NULL;

  w->failed |= len > G_MAXUINT16;
  ike_writer_u8 (w, ident ? ike_ident_type (ident) : 0);
  ike_writer_u16 (w, (guint16) len);
  ike_writer_bytes (w, data, len);
}

IkeIdent *
ike_unpack_ident (IkeReader *r)
{
  guint8 type = ike_reader_u8 (r);
  guint16 len = ike_reader_u16 (r);
  const guint8 *data = ike_reader_bytes (r, len);

  return type && data ? ike_ident_new (type, data, len) : NULL;
}

void
ike_pack_choice (IkeWriter *w, const IkeChoice *choice)
{
  guint i;

  ike_writer_u8 (w, choice->protocol);
  for (i = 0; i < IKE_TRANSFORM_TYPES; i++) {
    ike_writer_u8 (w, choice->chosen[i].type);
    ike_writer_u16 (w, choice->chosen[i].id);
    ike_writer_u16 (w, choice->chosen[i].key_bits);
  }
}

void
ike_unpack_choice (IkeReader *r, IkeChoice *choice)
{
  guint i;

  memset (choice, 0, sizeof *choice);
  choice->protocol = ike_reader_u8 (r);
  for (i = 0; i < IKE_TRANSFORM_TYPES; i++) {
    choice->chosen[i].type = ike_reader_u8 (r);
    choice->chosen[i].id = ike_reader_u16 (r);
    choice->chosen[i].key_bits = ike_reader_u16 (r);
  }
}
