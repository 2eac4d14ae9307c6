/* SPDX-License-Identifier: Apache-2.0 */
/* ident.c - identities as values: made from the wire, matched, shown. */
#include <string.h>
#include <ikebana/error.h>
#include "base/dn.h"
#include "base/ident_private.h"

IkeIdent *
ike_ident_new_kind (guint8 type, IkePatternKind kind, const void *data, gsize len)
{
  IkeIdent *ident = g_malloc0 (sizeof *ident + len + 1);

  atomic_init (&ident->refs, 1);
  ident->type = type;
  ident->kind = (guint8) kind;
  ident->len = len;
  if (len)
    memcpy (ident->data, data, len);
  return ident;
}

IkeIdent *
ike_ident_new (guint8 type, const void *data, gsize len)
{
  return ike_ident_new_kind (type, IKE_PATTERN_EXACT, data, len);
}

IkeIdent *
ike_ident_from_addr (const IkeAddr *addr)
{
  if (addr->family == 0)
    return ike_ident_new_kind (IKE_ID_ANY, IKE_PATTERN_ANY, NULL, 0);
  return ike_ident_new (addr->family == 4 ? IKE_ID_IPV4_ADDR : IKE_ID_IPV6_ADDR, addr->bytes,
                        ike_addr_len (addr));
}

IkeIdent *
ike_ident_ref (const IkeIdent *ident)
{
  IkeIdent *counted = (IkeIdent *) ident;     /* immutable but for its counter */

  if (counted)
    atomic_fetch_add_explicit (&counted->refs, 1, memory_order_relaxed);
  return counted;
}

void
ike_ident_unref (IkeIdent *ident)
{
  if (!ident || atomic_fetch_sub_explicit (&ident->refs, 1, memory_order_acq_rel) != 1)
    return;
  if (ident->regex)
    g_regex_unref (ident->regex);
  g_free (ident);
}

guint8
ike_ident_type (const IkeIdent *ident)
{
  return ident->type;
}

const guint8 *
ike_ident_data (const IkeIdent *ident, gsize *len)
{
  if (len)
    *len = ident->len;
  return ident->data;
}

gboolean
ike_ident_is_pattern (const IkeIdent *ident)
{
  return ident->kind != IKE_PATTERN_EXACT;
}

/* -- matching */

static gboolean
is_caseless (guint8 type)
{
  return type == IKE_ID_FQDN || type == IKE_ID_RFC822_ADDR;
}

/* ASCII only, and by length: a NUL in the middle ends nothing. */
static gboolean
folded_equal (const guint8 *a, const guint8 *b, gsize len)
{
  for (gsize i = 0; i < len; i++)
    if (g_ascii_tolower ((char) a[i]) != g_ascii_tolower ((char) b[i]))
      return FALSE;
  return TRUE;
}

gboolean
ike_ident_equal (const IkeIdent *a, const IkeIdent *b)
{
  if (a == b)
    return TRUE;
  if (a->type != b->type || a->kind != b->kind)
    return FALSE;
  if (a->len == b->len && memcmp (a->data, b->data, a->len) == 0)
    return TRUE;
  if (is_caseless (a->type) && a->kind != IKE_PATTERN_REGEX)
    return a->len == b->len && folded_equal (a->data, b->data, a->len);
  if (a->type == IKE_ID_DER_ASN1_DN && a->kind != IKE_PATTERN_REGEX)
    return ike_dn_match (a->data, a->len, b->data, b->len, FALSE) == 20;
  return FALSE;
}

static guint
match_suffix (const IkeIdent *ident, const IkeIdent *pattern)
{
  gsize suffix_len = pattern->len - 1;        /* behind the '*' */

  if (ident->type != pattern->type || ident->len < suffix_len)
    return 0;
  if (!folded_equal (ident->data + ident->len - suffix_len, pattern->data + 1, suffix_len))
    return 0;
  /* "*.example.com" is a host of that domain: something stands before the dot. */
  return ident->len > suffix_len ? 19 : 0;
}

static guint
match_range (const IkeIdent *ident, const IkeIdent *pattern)
{
  gsize len = ike_addr_len (&pattern->first);
  guint8 type = len == 4 ? IKE_ID_IPV4_ADDR : IKE_ID_IPV6_ADDR;

  if (ident->type != type || ident->kind != IKE_PATTERN_EXACT || ident->len != len)
    return 0;
  if (memcmp (ident->data, pattern->first.bytes, len) < 0
      || memcmp (ident->data, pattern->last.bytes, len) > 0)
    return 0;
  return 3 + pattern->range_bits * 16 / (guint) (len * 8);
}

static guint
match_regex (const IkeIdent *ident, const IkeIdent *pattern)
{
  g_autoptr (GString) text = NULL;

  /* The subject is the peer's choice, so it is short; the match itself is limited where the pattern
   * is compiled. */
  if (ident->type != pattern->type || ident->kind != IKE_PATTERN_EXACT
      || ident->len > IKE_IDENT_REGEX_SUBJECT_MAX)
    return 0;
  text = g_string_new (NULL);
  if (ident->type != IKE_ID_DER_ASN1_DN)
    g_string_append_len (text, (const char *) ident->data, (gssize) ident->len);
  else if (!ike_dn_format (ident->data, ident->len, text))
    return 0;
  return g_regex_match_full (pattern->regex, text->str, (gssize) text->len, 0, 0, NULL, NULL) ? 2
                                                                                              : 0;
}

guint
ike_ident_match (const IkeIdent *ident, const IkeIdent *pattern)
{
  if (pattern->kind != IKE_PATTERN_ANY && ike_ident_equal (ident, pattern))
    return 20;
  switch ((IkePatternKind) pattern->kind) {
  case IKE_PATTERN_ANY:
    return 1;
  case IKE_PATTERN_SUFFIX:
    return match_suffix (ident, pattern);
  case IKE_PATTERN_DN:
    if (ident->type != IKE_ID_DER_ASN1_DN)
      return 0;
    return ike_dn_match (ident->data, ident->len, pattern->data, pattern->len, TRUE);
  case IKE_PATTERN_RANGE:
    return match_range (ident, pattern);
  case IKE_PATTERN_REGEX:
    return match_regex (ident, pattern);
  case IKE_PATTERN_EXACT:
    break;
  }
  return 0;
}

/* -- text */

/* Already escaped UTF-8, cut where a character ends. */
static char *
copy_cut (char *out, gsize out_size, const char *text)
{
  gsize len = strlen (text);

  if (len < out_size) {
    memcpy (out, text, len + 1);
    return out;
  }
  if (out_size < 4) {
    out[0] = 0;
    return out;
  }
  len = out_size - 4;
  while (len && ((guint8) text[len] & 0xc0) == 0x80)
    len--;
  memcpy (out, text, len);
  memcpy (out + len, "\xe2\x80\xa6", 4);
  return out;
}

static char *
format_hex (const IkeIdent *ident, const char *prefix, char *out, gsize out_size)
{
  g_autoptr (GString) text = g_string_new (prefix);

  for (gsize i = 0; i < ident->len && text->len < out_size; i++)
    g_string_append_printf (text, "%02x", ident->data[i]);
  return copy_cut (out, out_size, text->str);
}

static char *
format_addr (const IkeIdent *ident, char *out, gsize out_size)
{
  IkeAddr addr = { .family = ident->type == IKE_ID_IPV4_ADDR ? 4 : 6 };
  char text[IKE_ADDR_TEXT_SIZE];

  if (ident->len != ike_addr_len (&addr))
    return format_hex (ident, ident->type == IKE_ID_IPV4_ADDR ? "ipv4:#" : "ipv6:#", out, out_size);
  memcpy (addr.bytes, ident->data, ident->len);
  return copy_cut (out, out_size, ike_addr_format (&addr, FALSE, text));
}

static char *
format_dn (const IkeIdent *ident, char *out, gsize out_size)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (!ike_dn_format (ident->data, ident->len, text))
    return format_hex (ident, "asn1dn:#", out, out_size);
  return copy_cut (out, out_size, text->str);
}

static gboolean
is_printable (const IkeIdent *ident)
{
  for (gsize i = 0; i < ident->len; i++)
    if (!g_ascii_isprint ((char) ident->data[i]))
      return FALSE;
  return ident->len > 0;
}

char *
ike_ident_format (const IkeIdent *ident, char *out, gsize out_size)
{
  char prefix[16];

  if (out_size == 0)
    return out;
  if (ident->kind == IKE_PATTERN_ANY)
    return copy_cut (out, out_size, "%any");
  if (ident->kind == IKE_PATTERN_REGEX || ident->kind == IKE_PATTERN_RANGE)
    return ike_escape (out, out_size, ident->data, ident->len);
  switch (ident->type) {
  case IKE_ID_IPV4_ADDR:
  case IKE_ID_IPV6_ADDR:
    return format_addr (ident, out, out_size);
  case IKE_ID_FQDN:
  case IKE_ID_RFC822_ADDR:
    return ike_escape (out, out_size, ident->data, ident->len);
  case IKE_ID_DER_ASN1_DN:
    return format_dn (ident, out, out_size);
  case IKE_ID_NULL:
    return copy_cut (out, out_size, "%null");
  case IKE_ID_KEY_ID:
    if (is_printable (ident))
      return ike_escape (out, out_size, ident->data, ident->len);
    return format_hex (ident, "@#", out, out_size);
  default:
    g_snprintf (prefix, sizeof prefix, "{%u}:#", ident->type);
    return format_hex (ident, prefix, out, out_size);
  }
}
