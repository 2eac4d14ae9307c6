/* SPDX-License-Identifier: Apache-2.0 */
/* ident_parse.c - identities and patterns as configuration writes them. */
#include <string.h>
#include <ikebana/error.h>
#include "base/dn.h"
#include "base/ident_private.h"

static IkeIdent *
syntax_error (GError **error, const char *text, const char *why)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX, "identity \"%s\": %s", text, why);
  return NULL;
}

/* -- ranges of addresses */

/* The bits that all addresses between @first and @last have in common. */
static guint8
common_bits (const IkeAddr *first, const IkeAddr *last)
{
  guint bits = 0, max = ike_addr_len (first) * 8;

  while (bits < max
         && ((first->bytes[bits / 8] ^ last->bytes[bits / 8]) >> (7 - bits % 8) & 1) == 0)
    bits++;
  return (guint8) bits;
}

static gboolean
parse_prefix (const char *text, const char *slash, IkeAddr *first, IkeAddr *last)
{
  g_autofree char *host = g_strndup (text, (gsize) (slash - text));
  guint64 bits;

  if (!ike_addr_parse (first, host, NULL) || first->scope
      || !g_ascii_string_to_unsigned (slash + 1, 10, 0, ike_addr_len (first) * 8, &bits, NULL))
    return FALSE;
  *last = *first;
  for (guint i = (guint) bits; i < ike_addr_len (first) * 8; i++) {
    first->bytes[i / 8] &= (guint8) ~(0x80 >> i % 8);
    last->bytes[i / 8] |= (guint8) (0x80 >> i % 8);
  }
  return ike_addr_len (first) != 0;
}

static gboolean
parse_span (const char *text, const char *dash, IkeAddr *first, IkeAddr *last)
{
  g_autofree char *host = g_strndup (text, (gsize) (dash - text));

  return ike_addr_parse (first, g_strstrip (host), NULL)
         && ike_addr_parse (last, dash + 1 + strspn (dash + 1, " "), NULL)
         && first->family == last->family && ike_addr_len (first) != 0 && !first->scope
         && !last->scope && ike_addr_compare (first, last) <= 0;
}

/* NULL when @text is no range. */
static IkeIdent *
parse_range (const char *text, guint8 family_or_any)
{
  const char *slash = strchr (text, '/'), *dash = strchr (text, '-');
  IkeAddr first, last;
  IkeIdent *ident;

  if (!(slash && parse_prefix (text, slash, &first, &last))
      && !(dash && parse_span (text, dash, &first, &last)))
    return NULL;
  if (family_or_any && first.family != family_or_any)
    return NULL;
  ident = ike_ident_new_kind (first.family == 4 ? IKE_ID_IPV4_ADDR : IKE_ID_IPV6_ADDR,
                              IKE_PATTERN_RANGE, text, strlen (text));
  ident->first = first;
  ident->last = last;
  ident->range_bits = common_bits (&first, &last);
  return ident;
}

/* -- one type */

static IkeIdent *
new_name (guint8 type, const char *name)
{
  return ike_ident_new_kind (type, name[0] == '*' ? IKE_PATTERN_SUFFIX : IKE_PATTERN_EXACT, name,
                             strlen (name));
}

static IkeIdent *
parse_addr (const char *text, guint8 family_or_any, GError **error)
{
  IkeIdent *range = parse_range (text, family_or_any);
  IkeAddr addr;

  if (range)
    return range;
  if (!ike_addr_parse (&addr, text, NULL) || addr.family == 0
      || (family_or_any && addr.family != family_or_any))
    return syntax_error (error, text, family_or_any == 6 ? "not an IPv6 address, prefix or range"
                                                         : "not an IPv4 address, prefix or range");
  return ike_ident_from_addr (&addr);
}

static IkeIdent *
parse_dn (const char *text, GError **error)
{
  g_autoptr (GByteArray) der = NULL;
  gboolean has_wildcard;

  der = ike_dn_parse (text, &has_wildcard, error);
  if (!der) {
    g_prefix_error (error, "identity \"%s\": ", text);
    return NULL;
  }
  return ike_ident_new_kind (IKE_ID_DER_ASN1_DN, has_wildcard ? IKE_PATTERN_DN : IKE_PATTERN_EXACT,
                             der->data, der->len);
}

static IkeIdent *
parse_hex (guint8 type, const char *text, const char *digits, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (const char *at = digits; *at; at += 2) {
    guint8 byte;
    if (at != digits && *at == ':')
      at++;
    if (!g_ascii_isxdigit (at[0]) || !g_ascii_isxdigit (at[1]))
      return syntax_error (error, text, "pairs of hexadecimal digits are wanted behind '#'");
    byte = (guint8) (g_ascii_xdigit_value (at[0]) << 4 | g_ascii_xdigit_value (at[1]));
    g_byte_array_append (bytes, &byte, 1);
  }
  return ike_ident_new (type, bytes->data, bytes->len);
}

/* "^…$": anchored at both ends, any case, raw bytes. */
static IkeIdent *
parse_regex (guint8 type, const char *text, const char *regex, GError **error)
{
  /* The subject is a peer's: a bound on the steps keeps a bad pattern from being a way to stop a
   * shard. */
  g_autofree char *limited = g_strconcat ("(*LIMIT_MATCH=20000)", regex, NULL);
  GRegex *compiled =
      g_regex_new (limited, G_REGEX_RAW | G_REGEX_CASELESS | G_REGEX_DOLLAR_ENDONLY, 0, error);
  IkeIdent *ident;

  if (!compiled) {
    g_prefix_error (error, "identity \"%s\": ", text);
    return NULL;
  }
  ident = ike_ident_new_kind (type, IKE_PATTERN_REGEX, regex, strlen (regex));
  ident->regex = compiled;
  return ident;
}

typedef struct {
  const char *prefix;
  guint8      type;
  guint8      family;                    /* of addresses; else 0 */
  guint8      has_regex;
} TypePrefix;

static const TypePrefix prefixes[] = {
  { "ipv4:", IKE_ID_IPV4_ADDR, 4, 0 },
  { "ipv6:", IKE_ID_IPV6_ADDR, 6, 0 },
  { "ipv4net:", IKE_ID_IPV4_ADDR, 4, 0 },
  { "ipv6net:", IKE_ID_IPV6_ADDR, 6, 0 },
  { "ipv4range:", IKE_ID_IPV4_ADDR, 4, 0 },
  { "ipv6range:", IKE_ID_IPV6_ADDR, 6, 0 },
  { "rfc822:", IKE_ID_RFC822_ADDR, 0, 1 },
  { "email:", IKE_ID_RFC822_ADDR, 0, 1 },
  { "userfqdn:", IKE_ID_RFC822_ADDR, 0, 1 },
  { "fqdn:", IKE_ID_FQDN, 0, 1 },
  { "dns:", IKE_ID_FQDN, 0, 1 },
  { "asn1dn:", IKE_ID_DER_ASN1_DN, 0, 1 },
  { "asn1gn:", IKE_ID_DER_ASN1_GN, 0, 0 },
  { "keyid:", IKE_ID_KEY_ID, 0, 0 },
};

static IkeIdent *
parse_typed (const TypePrefix *prefix, const char *text, GError **error)
{
  const char *value = text + strlen (prefix->prefix);
  gsize len = strlen (value);

  if (value[0] == '#')
    return parse_hex (prefix->type, text, value + 1, error);
  if (prefix->has_regex && len >= 2 && value[0] == '^' && value[len - 1] == '$')
    return parse_regex (prefix->type, text, value, error);
  if (prefix->family)
    return parse_addr (value, prefix->family, error);
  if (prefix->type == IKE_ID_DER_ASN1_DN)
    return parse_dn (value, error);
  if (prefix->type == IKE_ID_FQDN || prefix->type == IKE_ID_RFC822_ADDR)
    return new_name (prefix->type, value);
  return ike_ident_new (prefix->type, value, len);
}

/* "{13}:#00": a type by its number. */
static IkeIdent *
parse_numbered (const char *text, GError **error)
{
  const char *close = strstr (text, "}:");
  g_autofree char *number = close ? g_strndup (text + 1, (gsize) (close - text - 1)) : NULL;
  guint64 type;

  if (!number || !g_ascii_string_to_unsigned (number, 10, 1, 255, &type, NULL))
    return syntax_error (error, text, "{1} to {255} and a colon are wanted first");
  if (close[2] == '#')
    return parse_hex ((guint8) type, text, close + 3, error);
  return ike_ident_new ((guint8) type, close + 2, strlen (close + 2));
}

/* -- any type */

static gboolean
is_any (const char *text)
{
  static const char *const words[] = { "",        "*",  "%any", "%any4", "%any6",
                                       "0.0.0.0", "::", "0::0", NULL };
  return g_strv_contains (words, text);
}

static IkeIdent *
parse_at (const char *text, GError **error)
{
  if (text[1] == '#')
    return parse_hex (IKE_ID_KEY_ID, text, text + 2, error);
  if (text[1] == '@')
    return new_name (IKE_ID_RFC822_ADDR, text + 2);
  return new_name (IKE_ID_FQDN, text + 1);
}

/* What a text without a type is, as strongSwan decides it: by the characters in it. */
static IkeIdent *
parse_untyped (const char *text, GError **error)
{
  IkeIdent *ident;
  IkeAddr addr;

  if (strchr (text, '='))
    return ike_dn_looks_like_one (text) ? parse_dn (text, error)
                                        : ike_ident_new (IKE_ID_KEY_ID, text, strlen (text));
  if (text[0] == '@')
    return parse_at (text, error);
  if (strchr (text, '@'))
    return new_name (IKE_ID_RFC822_ADDR, text);
  ident = parse_range (text, 0);
  if (ident)
    return ident;
  if (ike_addr_parse (&addr, text, NULL))
    return ike_ident_from_addr (&addr);
  if (strchr (text, ':'))
    return ike_ident_new (IKE_ID_KEY_ID, text, strlen (text));
  return new_name (IKE_ID_FQDN, text);
}

IkeIdent *
ike_ident_parse (const char *text, GError **error)
{
  if (is_any (text))
    return ike_ident_new_kind (IKE_ID_ANY, IKE_PATTERN_ANY, NULL, 0);
  if (g_str_equal (text, "%null"))
    return ike_ident_new (IKE_ID_NULL, NULL, 0);
  if (text[0] == '{')
    return parse_numbered (text, error);
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_ascii_strncasecmp (text, prefixes[i].prefix, strlen (prefixes[i].prefix)) == 0)
      return parse_typed (&prefixes[i], text, error);
  return parse_untyped (text, error);
}
