/* SPDX-License-Identifier: Apache-2.0 */
/* dn.c - distinguished names: text to DER and back, and comparison attribute by attribute. */
#include <string.h>
#include <ikebana/error.h>
#include <ikebana/reader.h>
#include "base/dn.h"

enum {
  TAG_OID = 0x06,
  TAG_UTF8 = 0x0c,
  TAG_PRINTABLE = 0x13,
  TAG_T61 = 0x14,
  TAG_IA5 = 0x16,
  TAG_VISIBLE = 0x1a,
  TAG_SEQUENCE = 0x30,
  TAG_SET = 0x31
};

/* -- reading DER */

typedef struct {
  IkeReader names, set;                  /* what is left of the name, and of the current RDN */
} DnReader;

typedef struct {
  const guint8 *oid, *value;
  gsize         oid_len, value_len;
  guint8        tag;                     /* of the value */
  gboolean      is_first;                /* of its RDN */
} DnAttribute;

/* A DER length (X.690, 10.1: definite, and the fewest octets possible); more than 64 kB is nobody's
 * name. */
static gsize
read_length (IkeReader *r)
{
  guint8 first = ike_reader_u8 (r);
  gsize len;

  if (first < 0x80)
    return first;
  if (first == 0x81) {
    len = ike_reader_u8 (r);
    r->failed |= len < 0x80;
    return len;
  }
  len = ike_reader_u16 (r);
  r->failed |= first != 0x82 || len < 0x100;
  return len;
}

static gboolean
read_tlv (IkeReader *r, guint8 *tag, IkeReader *content)
{
  gsize len;

  *tag = ike_reader_u8 (r);
  r->failed |= (*tag & 0x1f) == 0x1f;    /* tags of more than one octet have no place here */
  len = read_length (r);
  return ike_reader_sub (r, len, content);
}

static gboolean
read_tagged (IkeReader *r, guint8 wanted, IkeReader *content)
{
  guint8 tag;
  return read_tlv (r, &tag, content) && tag == wanted;
}

static gboolean
dn_reader_init (DnReader *dn, const guint8 *der, gsize len)
{
  IkeReader all;

  ike_reader_init (&all, der, len);
  ike_reader_init (&dn->set, NULL, 0);
  return read_tagged (&all, TAG_SEQUENCE, &dn->names) && ike_reader_is_done (&all);
}

/* 1: an attribute, 0: the end, -1: malformed. */
static int
dn_reader_next (DnReader *dn, DnAttribute *attribute)
{
  IkeReader pair, oid, value;

  attribute->is_first = ike_reader_is_done (&dn->set);
  if (attribute->is_first) {
    if (ike_reader_is_done (&dn->names))
      return 0;
    if (!read_tagged (&dn->names, TAG_SET, &dn->set) || dn->set.len == 0)
      return -1;
  }
  if (!read_tagged (&dn->set, TAG_SEQUENCE, &pair) || !read_tagged (&pair, TAG_OID, &oid)
      || oid.len == 0 || !read_tlv (&pair, &attribute->tag, &value) || !ike_reader_is_done (&pair))
    return -1;
  attribute->oid = oid.data;
  attribute->oid_len = oid.len;
  attribute->value = value.data;
  attribute->value_len = value.len;
  return 1;
}

/* -- comparison */

static gboolean
is_text (guint8 tag)
{
  return tag == TAG_UTF8 || tag == TAG_PRINTABLE || tag == TAG_T61 || tag == TAG_IA5
         || tag == TAG_VISIBLE;
}

/* The next character as RFC 5280, 7.1 compares it: runs of blanks are one blank, and there are none
 * at either end. -1: end */
static int
next_folded (const guint8 *text, gsize len, gsize *at, gboolean is_start)
{
  gsize blanks_from = *at;

  while (*at < len && text[*at] == ' ')
    (*at)++;
  if (*at == len)
    return -1;
  if (*at > blanks_from && !is_start)
    return ' ';
  return g_ascii_tolower ((char) text[(*at)++]) & 0xff;
}

/* RFC 5280, 7.1: "conforming implementations MUST [...] perform a case-insensitive comparison"
 * after "insignificant space handling".  Letters beyond ASCII are compared as they are: folding
 * them would need tables, and differing is the safe side. */
static gboolean
text_equal (const guint8 *a, gsize a_len, const guint8 *b, gsize b_len)
{
  gsize i = 0, j = 0;
  int left, right;

  left = next_folded (a, a_len, &i, TRUE);
  right = next_folded (b, b_len, &j, TRUE);
  while (left == right && left >= 0) {
    left = next_folded (a, a_len, &i, left == ' ');
    right = next_folded (b, b_len, &j, right == ' ');
  }
  return left == right;
}

static gboolean
value_equal (const DnAttribute *a, const DnAttribute *b)
{
  if (is_text (a->tag) && is_text (b->tag))
    return text_equal (a->value, a->value_len, b->value, b->value_len);
  return a->tag == b->tag && a->value_len == b->value_len
         && memcmp (a->value, b->value, a->value_len) == 0;
}

guint
ike_dn_match (const guint8 *der, gsize len, const guint8 *pattern, gsize pattern_len,
              gboolean has_wildcard)
{
  DnReader left, right;
  DnAttribute a, b;
  guint n_wild = 0;
  int got, wanted;

  if (!dn_reader_init (&left, der, len) || !dn_reader_init (&right, pattern, pattern_len))
    return 0;
  for (;;) {
    got = dn_reader_next (&left, &a);
    wanted = dn_reader_next (&right, &b);
    if (got != wanted || got < 0)
      return 0;
    if (got == 0)
      return n_wild > 18 ? 2 : 20 - n_wild;
    if (a.is_first != b.is_first || a.oid_len != b.oid_len || memcmp (a.oid, b.oid, a.oid_len) != 0)
      return 0;
    if (has_wildcard && is_text (b.tag) && b.value_len == 1 && b.value[0] == '*')
      n_wild++;
    else if (!value_equal (&a, &b))
      return 0;
  }
}

/* -- to text */

static void
format_oid (const DnAttribute *attribute, GString *out)
{
  guint64 arc = 0;
  gboolean is_first = TRUE;

  for (const IkeDnAttribute *known = ike_dn_attributes; known->name; known++)
    if (known->oid_len == attribute->oid_len
        && memcmp (known->oid, attribute->oid, known->oid_len) == 0) {
      g_string_append (out, known->name);
      return;
    }
  for (gsize i = 0; i < attribute->oid_len; i++) {
    arc = arc << 7 | (attribute->oid[i] & 0x7f); /* arcs above 64 bits show wrong, and only show */
    if (attribute->oid[i] & 0x80)
      continue;
    if (is_first)
      g_string_append_printf (out, "%u.%" G_GUINT64_FORMAT, arc < 80 ? (guint) arc / 40 : 2,
                              arc < 80 ? arc % 40 : arc - 80);
    else
      g_string_append_printf (out, ".%" G_GUINT64_FORMAT, arc);
    is_first = FALSE;
    arc = 0;
  }
}

static gboolean
is_c1_tail (guint8 c)
{
  return c >= 0x80 && c < 0xa0;
}

static void
format_value (const DnAttribute *attribute, GString *out)
{
  gboolean is_plain = is_text (attribute->tag);
  gboolean is_utf8 =
      is_plain
      && g_utf8_validate ((const char *) attribute->value, (gssize) attribute->value_len, NULL);

  if (!is_plain) {
    g_string_append_c (out, '#');
    for (gsize i = 0; i < attribute->value_len; i++)
      g_string_append_printf (out, "%02x", attribute->value[i]);
    return;
  }
  for (gsize i = 0; i < attribute->value_len; i++) {
    guint8 c = attribute->value[i];
    guint8 before = i > 0 ? attribute->value[i - 1] : 0;
    guint8 after = i + 1 < attribute->value_len ? attribute->value[i + 1] : 0;
    /* c2 80 to c2 9f are the C1 controls, which terminals obey too.  Both octets: half of one is no
     * text. */
    gboolean is_c1 = (before == 0xc2 && is_c1_tail (c)) || (c == 0xc2 && is_c1_tail (after));
    if (c < 0x20 || c == 0x7f || is_c1 || (c >= 0x80 && !is_utf8))
      g_string_append_printf (out, "\\x%02x", c);
    else if (strchr (",+\"\\/", c))
      g_string_append_printf (out, "\\%c", c);
    else
      g_string_append_c (out, (char) c);
  }
}

gboolean
ike_dn_format (const guint8 *der, gsize len, GString *out)
{
  DnReader dn;
  DnAttribute attribute;
  gsize before = out->len;
  int got;

  if (!dn_reader_init (&dn, der, len))
    return FALSE;
  while ((got = dn_reader_next (&dn, &attribute)) > 0) {
    if (out->len > before)
      g_string_append (out, attribute.is_first ? ", " : "+");
    format_oid (&attribute, out);
    g_string_append_c (out, '=');
    format_value (&attribute, out);
  }
  if (got < 0)
    g_string_truncate (out, before);
  return got == 0;
}

/* -- from text */

static void
append_header (GByteArray *out, guint8 tag, gsize len)
{
  guint8 header[4] = { tag, (guint8) len };
  guint n = 2;

  if (len >= 0x100) {
    header[1] = 0x82;
    header[2] = (guint8) (len >> 8);
    header[3] = (guint8) len;
    n = 4;
  } else if (len >= 0x80) {
    header[1] = 0x81;
    header[2] = (guint8) len;
    n = 3;
  }
  g_byte_array_append (out, header, n);
}

static gsize
header_len (gsize len)
{
  return len >= 0x100 ? 4 : len >= 0x80 ? 3 : 2;
}

static gboolean
append_arc (guint8 *oid, gsize *len, guint64 arc)
{
  guint8 groups[10];
  guint n = 0;

  do {
    groups[n++] = arc & 0x7f;
    arc >>= 7;
  } while (arc);
  if (*len + n > IKE_DN_OID_MAX)
    return FALSE;
  while (n--)
    oid[(*len)++] = groups[n] | (n ? 0x80 : 0);
  return TRUE;
}

/* "2.5.4.3" as an OID; 0 when it is none. */
static gsize
parse_oid (const char *text, guint8 oid[IKE_DN_OID_MAX])
{
  g_auto (GStrv) arcs = g_strsplit (text, ".", -1);
  guint64 first, second, arc;
  gsize len = 0;

  if (g_strv_length (arcs) < 2 || !g_ascii_string_to_unsigned (arcs[0], 10, 0, 2, &first, NULL)
      || !g_ascii_string_to_unsigned (arcs[1], 10, 0, first < 2 ? 39 : G_MAXUINT32, &second, NULL))
    return 0;
  append_arc (oid, &len, first * 40 + second);
  for (guint i = 2; arcs[i]; i++)
    if (!g_ascii_string_to_unsigned (arcs[i], 10, 0, G_MAXUINT32, &arc, NULL)
        || !append_arc (oid, &len, arc))
      return 0;
  return len;
}

static gsize
find_oid (const char *name, guint8 oid[IKE_DN_OID_MAX], gboolean *is_ia5)
{
  *is_ia5 = FALSE;
  for (const IkeDnAttribute *known = ike_dn_attributes; known->name; known++)
    if (g_ascii_strcasecmp (known->name, name) == 0) {
      memcpy (oid, known->oid, known->oid_len);
      *is_ia5 = known->is_ia5;
      return known->oid_len;
    }
  return parse_oid (name, oid);
}

static guint8
tag_for (const GString *value, gboolean is_ia5)
{
  for (gsize i = 0; i < value->len; i++)
    if (value->str[i] == 0
        || (!g_ascii_isalnum (value->str[i]) && !strchr (" '()+,-./:=?", value->str[i])))
      return is_ia5 && (guint8) value->str[i] < 0x80 ? TAG_IA5 : TAG_UTF8;
  return is_ia5 ? TAG_IA5 : TAG_PRINTABLE;
}

static void
append_rdn (GByteArray *out, const guint8 *oid, gsize oid_len, const GString *value,
            gboolean is_ia5)
{
  gsize pair_len = header_len (oid_len) + oid_len + header_len (value->len) + value->len;

  append_header (out, TAG_SET, header_len (pair_len) + pair_len);
  append_header (out, TAG_SEQUENCE, pair_len);
  append_header (out, TAG_OID, oid_len);
  g_byte_array_append (out, oid, (guint) oid_len);
  append_header (out, tag_for (value, is_ia5), value->len);
  g_byte_array_append (out, (const guint8 *) value->str, (guint) value->len);
}

/* One value up to @separator or the end: "quoted", or with \, \xNN and \other escaped as
 * ike_dn_format() writes it. Returns where it ended. */
static const char *
parse_value (const char *at, char separator, GString *value)
{
  gboolean is_quoted = FALSE;
  gsize keep = 0;                        /* blanks after this are not part of it */

  while (*at == ' ')
    at++;
  for (; *at && (is_quoted || *at != separator); at++) {
    if (*at == '"') {
      is_quoted = !is_quoted;
      keep = value->len;
      continue;
    }
    if (at[0] == '\\' && at[1] == 'x' && g_ascii_isxdigit (at[2]) && g_ascii_isxdigit (at[3])) {
      g_string_append_c (value,
                         (char) (g_ascii_xdigit_value (at[2]) << 4 | g_ascii_xdigit_value (at[3])));
      at += 3;
      keep = value->len;
      continue;
    }
    if (*at == '\\' && at[1])
      at++;
    g_string_append_c (value, *at);
    if (*at != ' ' || is_quoted)
      keep = value->len;
  }
  g_string_truncate (value, keep);
  return is_quoted ? NULL : at;
}

static char *
parse_name (const char **at, gboolean *found)
{
  const char *equals;

  while (**at == ' ')
    (*at)++;
  equals = strchr (*at, '=');
  *found = equals != NULL;
  if (!equals)
    return NULL;
  char *name = g_strndup (*at, (gsize) (equals - *at));
  *at = equals + 1;
  return g_strstrip (name);
}

gboolean
ike_dn_looks_like_one (const char *text)
{
  const char *at = text + (*text == '/');
  guint8 oid[IKE_DN_OID_MAX];
  gboolean found, is_ia5;
  g_autofree char *name = parse_name (&at, &found);

  return found && find_oid (name, oid, &is_ia5) > 0;
}

static const char *
parse_rdn (const char *at, char separator, GByteArray *body, gboolean *has_wildcard, GError **error)
{
  g_autoptr (GString) value = g_string_new (NULL);
  gboolean found, is_ia5, is_literal;
  guint8 oid[IKE_DN_OID_MAX];
  g_autofree char *name = parse_name (&at, &found);
  gsize oid_len = found ? find_oid (name, oid, &is_ia5) : 0;

  if (oid_len == 0) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
                 found ? "\"%s\" is not an attribute of a distinguished name" : "\"%s\" has no '='",
                 found ? name : at);
    return NULL;
  }
  while (*at == ' ')
    at++;
  is_literal = *at != '*';               /* \* and "*" are the character, * is any value */
  at = parse_value (at, separator, value);
  if (!at || value->len == 0) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
                 at ? "%s has no value" : "the quote of %s is not closed", name);
    return NULL;
  }
  *has_wildcard |= !is_literal && value->len == 1;
  append_rdn (body, oid, oid_len, value, is_ia5);
  return *at ? at + 1 : at;
}

GByteArray *
ike_dn_parse (const char *text, gboolean *has_wildcard, GError **error)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  char separator = *text == '/' ? '/' : ',';
  const char *at = text + (*text == '/');
  GByteArray *der;
  guint n = 0;

  *has_wildcard = FALSE;
  while (*at) {
    at = parse_rdn (at, separator, body, has_wildcard, error);
    if (!at)
      return NULL;
    if (++n > IKE_DN_RDNS_MAX || body->len > IKE_DN_DER_MAX) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX, "the distinguished name is too long");
      return NULL;
    }
    while (*at == ' ')
      at++;
  }
  der = g_byte_array_new ();
  append_header (der, TAG_SEQUENCE, body->len);
  g_byte_array_append (der, body->data, body->len);
  return der;
}
