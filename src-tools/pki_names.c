/* SPDX-License-Identifier: Apache-2.0 */
/* pki_names.c - names of people and hosts as swanctl.conf writes them, and as certificates hold
 * them. */
#include <string.h>
#include "pki.h"

enum { TEXT_SIZE = 2048, SERIAL_MAX = 20 };

/* -- reading */

X509_NAME *
pki_dn (const char *text, GError **error)
{
  g_autofree char *typed = g_strconcat ("asn1dn:", text, NULL);
  g_autoptr (GError) wrong = NULL;
  g_autoptr (IkeIdent) ident = ike_ident_parse (typed, &wrong);
  const guint8 *der;
  X509_NAME *name;
  gsize len;

  if (!ident || ike_ident_is_pattern (ident)) {
    pki_usage (
        error,
        "\"%s\" is no distinguished name: %s; write it like \"C=CH, O=Example, CN=moon.example\"",
        text, wrong ? strrchr (wrong->message, ':') + 2 : "it holds a pattern");
    return NULL;
  }
  der = ike_ident_data (ident, &len);
  name = d2i_X509_NAME (NULL, &der, (long) len);
  if (!name)
    pki_fail (error, "the distinguished name \"%s\" cannot be used", text);
  return name;
}

static GENERAL_NAME *
general_text (int type, const guint8 *data, gsize len, const char *text, GError **error)
{
  GENERAL_NAME *name;
  ASN1_IA5STRING *value;

  for (gsize i = 0; i < len; i++)
    if (data[i] <= 0x20 || data[i] >= 0x7f)
      len = 0;
  if (len == 0) {
    pki_usage (error,
               "\"%s\" must be visible ASCII characters; write names in other scripts as xn--…",
               text);
    return NULL;
  }
  name = GENERAL_NAME_new ();
  value = ASN1_IA5STRING_new ();
  ASN1_STRING_set (value, data, (int) len);
  GENERAL_NAME_set0_value (name, type, value);
  return name;
}

static GENERAL_NAME *
general_octets (const guint8 *data, gsize len)
{
  GENERAL_NAME *name = GENERAL_NAME_new ();
  ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new ();

  ASN1_OCTET_STRING_set (value, data, (int) len);
  GENERAL_NAME_set0_value (name, GEN_IPADD, value);
  return name;
}

static GENERAL_NAME *
general_dn (const char *text, GError **error)
{
  GENERAL_NAME *name;
  X509_NAME *dn = pki_dn (text, error);

  if (!dn)
    return NULL;
  name = GENERAL_NAME_new ();
  GENERAL_NAME_set0_value (name, GEN_DIRNAME, dn);
  return name;
}

GENERAL_NAME *
pki_uri (const char *text, GError **error)
{
  if (!strstr (text, "://")) {
    pki_usage (error, "\"%s\" is no URI; write http://HOST/PATH", text);
    return NULL;
  }
  return general_text (GEN_URI, (const guint8 *) text, strlen (text), text, error);
}

static GENERAL_NAME *
general_ident (const IkeIdent *ident, const char *text, GError **error)
{
  gsize len;
  const guint8 *data = ike_ident_data (ident, &len);
  guint8 type = ike_ident_type (ident);
  gboolean is_pattern = ike_ident_is_pattern (ident);

  /* "*.example" is a pattern to swanctl, and a name in a certificate. */
  if (type == IKE_ID_FQDN && data && !memchr (data, '@', len))
    return general_text (GEN_DNS, data, len, text, error);
  if (type == IKE_ID_RFC822_ADDR && !is_pattern && memchr (data, '@', len))
    return general_text (GEN_EMAIL, data, len, text, error);
  if ((type == IKE_ID_IPV4_ADDR || type == IKE_ID_IPV6_ADDR) && !is_pattern)
    return general_octets (data, len);
  pki_usage (error,
             "\"%s\" is no name for a certificate; write a host name, an address, user@host, or "
             "dns:…, email:…, ip:…, dn:…, uri:…",
             text);
  return NULL;
}

GENERAL_NAME *
pki_san (const char *text, GError **error)
{
  g_autoptr (IkeIdent) ident = NULL;

  if (g_ascii_strncasecmp (text, "dn:", 3) == 0)
    return general_dn (text + 3, error);
  if (g_ascii_strncasecmp (text, "asn1dn:", 7) == 0)
    return general_dn (text + 7, error);
  if (g_ascii_strncasecmp (text, "uri:", 4) == 0)
    return pki_uri (text + 4, error);
  if (strchr (text, '=') && !strchr (text, ':'))
    return general_dn (text, error);
  ident = ike_ident_parse (g_ascii_strncasecmp (text, "ip:", 3) == 0 ? text + 3 : text, NULL);
  if (!ident
      || (g_ascii_strncasecmp (text, "ip:", 3) == 0 && ike_ident_type (ident) == IKE_ID_FQDN)) {
    pki_usage (error, "\"%s\" is no IP address", text);
    return NULL;
  }
  return general_ident (ident, text, error);
}

/* RFC 5280, 4.2.1.10: "the iPAddress field of GeneralName MUST contain eight (8) octets, encoded in
 * the style of RFC 4632 (CIDR) to represent an address range". */
static GENERAL_NAME *
general_net (const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, "/", 2);
  gboolean is_addr;
  guint8 octets[32] = { 0 };
  guint64 bits;
  IkeAddr addr;
  guint len;

  is_addr = parts[0] && ike_addr_parse (&addr, parts[0], NULL) && ike_addr_len (&addr) > 0;
  len = is_addr ? ike_addr_len (&addr) : 0;
  bits = len * 8;
  if (!is_addr || (parts[1] && !g_ascii_string_to_unsigned (parts[1], 10, 0, bits, &bits, NULL))) {
    pki_usage (error, "\"%s\" is no address range; write ip:10.0.0.0/8", text);
    return NULL;
  }
  for (guint i = 0; i < bits; i++)
    octets[len + i / 8] |= (guint8) (0x80 >> i % 8);
  for (guint i = 0; i < len; i++)
    octets[i] = addr.bytes[i] & octets[len + i];
  return general_octets (octets, len * 2);
}

GENERAL_NAME *
pki_subtree (const char *text, GError **error)
{
  static const char types[] = "dns|email|ip|dn|uri";
  const char *colon = strchr (text, ':'), *value = colon ? colon + 1 : "";
  g_autofree char *type = colon ? g_ascii_strdown (text, colon - text) : g_strdup (text);
  gsize len = strlen (value);

  if (!pki_choice (types, type, "the type of a name constraint", error))
    return NULL;
  if (strcmp (type, "ip") == 0)
    return general_net (value, error);
  if (strcmp (type, "dn") == 0)
    return general_dn (value, error);
  return general_text (type[0] == 'd'   ? GEN_DNS
                       : type[0] == 'e' ? GEN_EMAIL
                                        : GEN_URI,
                       (const guint8 *) value, len, text, error);
}

ASN1_INTEGER *
pki_serial (const char *hex, GError **error)
{
  g_autofree char *digits = g_strdup (g_str_has_prefix (hex, "0x") ? hex + 2 : hex);
  g_autoptr (BIGNUM) number = NULL;
  char *to = digits;
  gsize len;

  for (const char *at = digits; *at; at++)
    if (*at != ':')
      *to++ = *at;
  *to = 0;
  len = strlen (digits);
  if (len == 0 || len > SERIAL_MAX * 2 || strspn (digits, "0123456789abcdefABCDEF") != len
      || BN_hex2bn (&number, digits) == 0 || BN_is_zero (number)) {
    pki_usage (error, "\"%s\" is no serial number; write up to %d bytes in hexadecimal, not zero",
               hex, SERIAL_MAX);
    return NULL;
  }
  return BN_to_ASN1_INTEGER (number, NULL);
}

int
pki_reason (const char *word, GError **error)
{
  g_auto (GStrv) words = g_strsplit (PKI_REASONS, "|", -1);

  if (!pki_choice (PKI_REASONS, word, "the reason of a revocation", error))
    return -1;
  for (int i = 0; words[i]; i++)
    if (strcmp (words[i], word) == 0)
      return i;
  return -1;
}

/* -- showing */

char *
pki_reason_text (gint64 reason)
{
  g_auto (GStrv) words = g_strsplit (PKI_REASONS, "|", -1);

  if (reason < 0 || reason >= g_strv_length (words))
    return g_strdup_printf ("%" G_GINT64_FORMAT, reason);
  return g_strdup (words[reason]);
}

char *
pki_hex (const guint8 *data, gsize len, char separator_or_0)
{
  GString *out = g_string_sized_new (len * 3 + 1);

  for (gsize i = 0; i < len; i++) {
    if (i > 0 && separator_or_0)
      g_string_append_c (out, separator_or_0);
    g_string_append_printf (out, "%02x", data[i]);
  }
  return g_string_free (out, FALSE);
}

char *
pki_serial_text (const ASN1_INTEGER *serial)
{
  g_autofree char *digits =
      pki_hex (ASN1_STRING_get0_data (serial), (gsize) MAX (ASN1_STRING_length (serial), 0), 0);

  return g_strconcat (ASN1_STRING_type (serial) == V_ASN1_NEG_INTEGER ? "-" : "", digits, NULL);
}

char *
pki_dn_text (const X509_NAME *name)
{
  g_autoptr (IkeIdent) ident = NULL;
  const guint8 *der = NULL;
  char text[TEXT_SIZE];
  size_t len = 0;

  if (X509_NAME_get0_der (name, &der, &len) != 1)
    return g_strdup ("unreadable");
  ident = ike_ident_new (IKE_ID_DER_ASN1_DN, der, len);
  return g_strdup (ike_ident_format (ident, text, sizeof text));
}

static char *
address_text (const guint8 *data, gsize len, gboolean is_subtree)
{
  IkeAddr addr = { .family = (len == 4 || (is_subtree && len == 8)) ? 4 : 6 };
  char text[IKE_ADDR_TEXT_SIZE];
  guint bits = 0, size = ike_addr_len (&addr);

  if (len != (is_subtree ? size * 2 : size))
    return g_strdup ("ip:unreadable");
  memcpy (addr.bytes, data, size);
  for (guint i = size * 8; is_subtree && i < size * 16; i++)
    bits += (data[i / 8] >> (7 - i % 8)) & 1;
  ike_addr_format (&addr, FALSE, text);
  return is_subtree ? g_strdup_printf ("ip:%s/%u", text, bits) : g_strdup_printf ("ip:%s", text);
}

char *
pki_name_text (const GENERAL_NAME *name, gboolean is_subtree)
{
  static const struct {
    int type;
    const char *prefix;
  } texts[] = { { GEN_DNS, "dns:" }, { GEN_EMAIL, "email:" }, { GEN_URI, "uri:" } };
  int type;
  void *value = GENERAL_NAME_get0_value (name, &type);
  g_autofree char *text = NULL;

  if (type == GEN_DIRNAME) {
    text = pki_dn_text (value);
    return g_strconcat ("dn:", text, NULL);
  }
  if (type == GEN_IPADD)
    return address_text (ASN1_STRING_get0_data (value), (gsize) ASN1_STRING_length (value),
                         is_subtree);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    if (texts[i].type == type) {
      char escaped[TEXT_SIZE];
      ike_escape (escaped, sizeof escaped, ASN1_STRING_get0_data (value),
                  (gsize) ASN1_STRING_length (value));
      return g_strconcat (texts[i].prefix, escaped, NULL);
    }
  return g_strdup_printf ("a name of type %d", type);
}
