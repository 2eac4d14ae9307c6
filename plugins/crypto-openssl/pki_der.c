/* SPDX-License-Identifier: Apache-2.0 */
/* pki_der.c - what libcrypto is lenient about: DER that must be DER, times, PEM with text around.
 *
 * libcrypto takes BER where it is asked for DER, and stops reading where a value ends.  Two readers
 * that differ about what a certificate says are a way in, so everything is held against X.690
 * first: one value, nothing behind it, and each part of it in its only form. */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "pki.h"

enum {
  TAG_BOOLEAN = 0x01,
  TAG_INTEGER = 0x02,
  TAG_BIT_STRING = 0x03,
  TAG_NULL = 0x05,
  TAG_OID = 0x06,
  TAG_EXTERNAL = 0x28,
  TAG_ENUMERATED = 0x0a,
  TAG_SEQUENCE = 0x30,
  TAG_SET = 0x31,
  TAG_CONSTRUCTED = 0x20,
  TAG_CLASS = 0xc0,
  DEPTH_MAX = 32, /* certificates nest a dozen deep */
};

/* X.690, 10.1: "The definite form of length encoding shall be used, encoded in the minimum number
 * of octets." */
static gsize
read_length (IkeReader *r)
{
  guint8 first = ike_reader_u8 (r);
  gsize n = first & 0x7f, len = 0;
  const guint8 *octets;

  if (first < 0x80)
    return first;
  if (n == 0 || n > 4)
    r->failed = TRUE;
  octets = ike_reader_bytes (r, n);
  if (!octets)
    return 0;
  for (gsize i = 0; i < n; i++)
    len = len << 8 | octets[i];
  r->failed |= octets[0] == 0 || len < 0x80;
  return len;
}

/* Tags of more than one octet have no place in what is read here. */
gboolean
pki_der_next (IkeReader *r, guint8 *tag, IkeReader *content)
{
  gsize len;

  *tag = ike_reader_u8 (r);
  r->failed |= (*tag & 0x1f) == 0x1f;
  len = read_length (r);
  return ike_reader_sub (r, len, content);
}

gboolean
pki_der_take (IkeReader *r, guint8 tag, IkeReader *content)
{
  guint8 found;

  if (pki_der_next (r, &found, content) && found == tag)
    return TRUE;
  r->failed = TRUE;
  return FALSE;
}

/* -- X.690, 8 and 11: the only form of a value */

static gboolean
is_minimal_integer (const guint8 *octets, gsize len)
{
  if (len < 2)
    return len == 1;
  return !(octets[0] == 0x00 && octets[1] < 0x80) && !(octets[0] == 0xff && octets[1] >= 0x80);
}

static gboolean
is_bit_string (const guint8 *octets, gsize len)
{
  if (len == 0 || octets[0] > 7 || (len == 1 && octets[0]))
    return FALSE;
  return (octets[len - 1] & ((1 << octets[0]) - 1)) == 0;
}

static gboolean
is_oid (const guint8 *octets, gsize len)
{
  gboolean is_first = TRUE;

  for (gsize i = 0; i < len; i++) {
    if (is_first && octets[i] == 0x80)
      return FALSE;
    is_first = octets[i] < 0x80;
  }
  return len > 0 && is_first;
}

static gboolean
is_primitive (guint8 tag, const IkeReader *content)
{
  switch (tag) {
  case TAG_BOOLEAN:
    return content->len == 1 && (content->data[0] == 0 || content->data[0] == 0xff);
  case TAG_INTEGER:
  case TAG_ENUMERATED:
    return is_minimal_integer (content->data, content->len);
  case TAG_BIT_STRING:
    return is_bit_string (content->data, content->len);
  case TAG_NULL:
    return content->len == 0;
  case TAG_OID:
    return is_oid (content->data, content->len);
  default:
    return tag != 0 && tag != (TAG_SEQUENCE & ~TAG_CONSTRUCTED)
           && tag != (TAG_SET & ~TAG_CONSTRUCTED) && tag != (TAG_EXTERNAL & ~TAG_CONSTRUCTED);
  }
}

/* X.690, 10.2: "For bitstring, octetstring and restricted character string types, the constructed
 * form of encoding shall not be used." */
static gboolean
may_be_constructed (guint8 tag)
{
  return (tag & TAG_CLASS) != 0 || tag == TAG_SEQUENCE || tag == TAG_SET || tag == TAG_EXTERNAL;
}

typedef struct {
  IkeReader left;
  gboolean is_set;
  const guint8 *before; /* the element before this one in a SET */
  gsize before_len;
} Level;

/* X.690, 11.6: "The encodings of the component values of a set-of value shall appear in ascending
 * order".  (A SET of different things is sorted by tag, which comes first.) */
static gboolean
is_in_order (Level *level, const guint8 *element, gsize len)
{
  const guint8 *before = level->before;
  gsize before_len = level->before_len;
  int order = before ? memcmp (before, element, MIN (before_len, len)) : -1;

  level->before = element;
  level->before_len = len;
  return !level->is_set || order < 0 || (order == 0 && before_len <= len);
}

gboolean
pki_der_is_strict (const guint8 *data, gsize len)
{
  Level levels[DEPTH_MAX] = { 0 };
  guint n = 1;

  ike_reader_init (&levels[0].left, data, len);
  if (len == 0)
    return FALSE;
  while (n) {
    Level *level = &levels[n - 1];
    gsize from = level->left.pos;
    IkeReader content;
    guint8 tag;

    if (ike_reader_is_done (&level->left)) {
      n--;
      continue;
    }
    if ((n == 1 && from) || !pki_der_next (&level->left, &tag, &content)
        || !is_in_order (level, level->left.data + from, level->left.pos - from))
      return FALSE;
    if (!(tag & TAG_CONSTRUCTED)) {
      if (!is_primitive (tag, &content))
        return FALSE;
      continue;
    }
    if (n == DEPTH_MAX || !may_be_constructed (tag))
      return FALSE;
    levels[n++] = (Level){ .left = content, .is_set = tag == TAG_SET };
  }
  return TRUE;
}

/* -- times */

static guint
read_digits (IkeReader *r, guint n)
{
  guint value = 0;

  while (n--) {
    guint8 c = ike_reader_u8 (r);
    r->failed |= !g_ascii_isdigit ((char) c);
    value = value * 10 + (c & 0xfu);
  }
  return value;
}

/* Days since 1970 of a date of the Gregorian calendar: years begin in March, so that the day that
 * comes and goes is their last. */
static gint64
days_of (guint year, guint month, guint day)
{
  gint64 y = (gint64) year - (month <= 2);
  gint64 day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

  return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static guint
days_in (guint year, guint month)
{
  if (month == 2)
    return 28 + (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
  return 30 + (month + month / 8) % 2;
}

/* RFC 5280, 4.1.2.5.1 and 4.1.2.5.2: "values MUST be expressed in Greenwich Mean Time (Zulu) and
 * MUST include seconds", and "MUST NOT include fractional seconds". */
gboolean
pki_time_parse (int type, const guint8 *text, gsize len, gint64 *seconds)
{
  IkeReader r;
  guint year, month, day, hour, minute, second;

  ike_reader_init (&r, text, len);
  if (type != V_ASN1_UTCTIME && type != V_ASN1_GENERALIZEDTIME)
    return FALSE;
  year = read_digits (&r, type == V_ASN1_UTCTIME ? 2 : 4);
  if (type == V_ASN1_UTCTIME)
    year += year < 50 ? 2000 : 1900;
  month = read_digits (&r, 2);
  day = read_digits (&r, 2);
  hour = read_digits (&r, 2);
  minute = read_digits (&r, 2);
  second = read_digits (&r, 2);
  if (ike_reader_u8 (&r) != 'Z' || !ike_reader_is_done (&r) || year < 1 || month < 1 || month > 12
      || day < 1 || day > days_in (year, month) || hour > 23 || minute > 59 || second > 59)
    return FALSE;
  *seconds = days_of (year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
  return TRUE;
}

gboolean
pki_time_of (const ASN1_TIME *asn1, gint64 *seconds)
{
  return asn1
         && pki_time_parse (ASN1_STRING_type (asn1), ASN1_STRING_get0_data (asn1),
                            (gsize) ASN1_STRING_length (asn1), seconds);
}

/* "2026-01-02 03:04:05 UTC" */
char *
pki_time_format (gint64 seconds, char out[PKI_TIME_SIZE])
{
  gint64 clock = CLAMP (seconds, days_of (1, 1, 1) * 86400, days_of (9999, 12, 31) * 86400);
  guint year = 1970, month = 12;
  gint64 days = clock / 86400 - (clock % 86400 < 0);
  gint64 left = clock - days * 86400;

  year = (guint) (1970 + days / 366);
  while (days_of (year + 1, 1, 1) <= days)
    year++;
  while (days_of (year, 1, 1) > days)
    year--;
  while (days_of (year, month, 1) > days)
    month--;
  g_snprintf (out, PKI_TIME_SIZE, "%04u-%02u-%02u %02u:%02u:%02u UTC", year, month,
              (guint) (days - days_of (year, month, 1) + 1), (guint) (left / 3600),
              (guint) (left / 60 % 60), (guint) (left % 60));
  return out;
}

/* -- PEM */

static const guint8 *
find (const IkeReader *text, const char *what)
{
  if (ike_reader_left (text) == 0)
    return NULL;
  return memmem (text->data + text->pos, text->len - text->pos, what, strlen (what));
}

/* Base64 of RFC 4648, 4, with white space anywhere; NULL when anything else is there. */
static guint8 *
decode (const guint8 *text, gsize text_len, gsize *len)
{
  g_autofree char *packed = g_malloc (text_len + 1);
  gsize n = 0;

  for (gsize i = 0; i < text_len; i++) {
    char c = (char) text[i];
    if (!g_ascii_isalnum (c) && !memchr ("+/= \t\r\n", c, 7))
      return NULL;
    if (!g_ascii_isspace (c))
      packed[n++] = c;
  }
  packed[n] = 0;
  if (n == 0 || n % 4 || strcspn (packed, "=") < n - 2
      || (packed[n - 2] == '=' && packed[n - 1] != '='))
    return NULL;
  return g_base64_decode (packed, len);
}

/* What stands around a block, blocks of other kinds too, is passed over unread. */
int
pki_pem_next (IkeReader *text, const char *label, guint8 **der, gsize *len)
{
  g_autofree char *begin = g_strdup_printf ("-----BEGIN %s-----", label);
  g_autofree char *end = g_strdup_printf ("-----END %s-----", label);
  const guint8 *from = find (text, begin), *to;

  if (!from)
    return 0;
  from += strlen (begin);
  text->pos = (gsize) (from - text->data);
  to = find (text, end);
  *der = to ? decode (from, (gsize) (to - from), len) : NULL;
  text->pos = to ? (gsize) (to - text->data) + strlen (end) : text->len;
  return *der ? 1 : -1;
}

/* DER of what is read here is longer than 127 bytes, so its second byte is none of a text. */
gboolean
pki_looks_like_der (const guint8 *data, gsize len)
{
  return len >= 2 && data[0] == TAG_SEQUENCE && data[1] >= 0x80;
}
