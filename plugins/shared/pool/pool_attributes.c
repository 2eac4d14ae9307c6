/* SPDX-License-Identifier: Apache-2.0 */
/* pool_attributes.c - attributes of configuration payloads; see pool_attributes.h. */
#include "config.h"
#include "pool_attributes.h"
#include <ikebana/error.h>
#include <ikebana/reader.h>
#include <string.h>

/* What the values of a type are made of. */
typedef enum {
  ADDRESS,
  MASK,
  SUBNET4,
  SUBNET6,
  ADDRESS6_LEN,
  DOMAIN,
  TRUST_ANCHOR,
  ENCDNS,
  TEXT,
  TYPES
} Form;

typedef struct {
  guint16 type;
  guint8 form, family;
  const char *name;
} Known;

static const Known known[] = {
  { IKE_CFG_INTERNAL_IP4_ADDRESS, ADDRESS, 4, "INTERNAL_IP4_ADDRESS" },
  { IKE_CFG_INTERNAL_IP4_NETMASK, MASK, 4, "INTERNAL_IP4_NETMASK" },
  { IKE_CFG_INTERNAL_IP4_DNS, ADDRESS, 4, "INTERNAL_IP4_DNS" },
  { IKE_CFG_INTERNAL_IP4_NBNS, ADDRESS, 4, "INTERNAL_IP4_NBNS" },
  { IKE_CFG_INTERNAL_IP4_DHCP, ADDRESS, 4, "INTERNAL_IP4_DHCP" },
  { IKE_CFG_APPLICATION_VERSION, TEXT, 0, "APPLICATION_VERSION" },
  { IKE_CFG_INTERNAL_IP6_ADDRESS, ADDRESS6_LEN, 6, "INTERNAL_IP6_ADDRESS" },
  { IKE_CFG_INTERNAL_IP6_DNS, ADDRESS, 6, "INTERNAL_IP6_DNS" },
  { IKE_CFG_INTERNAL_IP6_DHCP, ADDRESS, 6, "INTERNAL_IP6_DHCP" },
  { IKE_CFG_INTERNAL_IP4_SUBNET, SUBNET4, 4, "INTERNAL_IP4_SUBNET" },
  { IKE_CFG_SUPPORTED_ATTRIBUTES, TYPES, 0, "SUPPORTED_ATTRIBUTES" },
  { IKE_CFG_INTERNAL_IP6_SUBNET, SUBNET6, 6, "INTERNAL_IP6_SUBNET" },
  { IKE_CFG_INTERNAL_DNS_DOMAIN, DOMAIN, 0, "INTERNAL_DNS_DOMAIN" },
  { IKE_CFG_INTERNAL_DNSSEC_TA, TRUST_ANCHOR, 0, "INTERNAL_DNSSEC_TA" },
  { IKE_CFG_ENCDNS_IP4, ENCDNS, 4, "ENCDNS_IP4" },
  { IKE_CFG_ENCDNS_IP6, ENCDNS, 6, "ENCDNS_IP6" },
  { IKE_CFG_ENCDNS_DIGEST_INFO, ENCDNS, 0, "ENCDNS_DIGEST_INFO" },
  { IKE_CFG_INTERNAL_IP4_SERVER, ADDRESS, 4, "INTERNAL_IP4_SERVER" },
  { IKE_CFG_INTERNAL_IP6_SERVER, ADDRESS, 6, "INTERNAL_IP6_SERVER" },
};

static const Known *
known_of (guint16 type)
{
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (known[i].type == type)
      return &known[i];
  return NULL;
}

const char *
pool_attribute_name (guint16 type)
{
  const Known *entry = known_of (type);

  return entry ? entry->name : NULL;
}

/* -- arrays */

static void
clear (gpointer data)
{
  g_free (((PoolAttribute *) data)->value);
}

GArray *
pool_attributes_new (void)
{
  GArray *attributes = g_array_new (FALSE, TRUE, sizeof (PoolAttribute));

  g_array_set_clear_func (attributes, clear);
  return attributes;
}

void
pool_attributes_add (GArray *attributes, guint16 type, const void *value, gsize len)
{
  PoolAttribute attribute = { type, (guint16) len, g_memdup2 (value, len) };

  g_array_append_val (attributes, attribute);
}

/* -- pieces */

gboolean
pool_is_domain (const char *name, gsize len)
{
  gsize label = 0;

  for (gsize i = 0; i < len; i++) {
    if (name[i] == '.' ? label == 0
                       : !g_ascii_isalnum (name[i]) && name[i] != '-' && name[i] != '_')
      return FALSE;
    label = name[i] == '.' ? 0 : label + 1;
    if (label > 63 || (label == 1 && name[i] == '-'))
      return FALSE;
  }
  return label > 0 && len <= 253;
}

gboolean
pool_hex_read (const char *text, guint8 *out, gsize max, gsize *len)
{
  gsize n = strlen (text);

  if (n == 0 || n % 2 || n / 2 > max)
    return FALSE;
  for (gsize i = 0; i < n; i++) {
    int digit = g_ascii_xdigit_value (text[i]);
    if (digit < 0)
      return FALSE;
    out[i / 2] = (guint8) (i % 2 ? out[i / 2] | digit : digit << 4);
  }
  *len = n / 2;
  return TRUE;
}

void
pool_hex_append (GString *text, const guint8 *data, gsize len)
{
  for (gsize i = 0; i < len && i < 256; i++)
    g_string_append_printf (text, "%02x", data[i]);
}

static void
problem (GPtrArray *problems, const char *key, const char *item, const char *why)
{
  g_ptr_array_add (problems, g_strdup_printf ("%s: '%s' %s", key, item, why));
}

/* -- settings */

/* Types of IPv4 and IPv6; 0: there is none. */
static const struct {
  const char *key;
  guint16 types[2];
} addresses[] = {
  { "dns", { IKE_CFG_INTERNAL_IP4_DNS, IKE_CFG_INTERNAL_IP6_DNS } },
  { "nbns", { IKE_CFG_INTERNAL_IP4_NBNS, 0 } },
  { "dhcp", { IKE_CFG_INTERNAL_IP4_DHCP, IKE_CFG_INTERNAL_IP6_DHCP } },
  { "netmask", { IKE_CFG_INTERNAL_IP4_NETMASK, 0 } },
  { "server", { IKE_CFG_INTERNAL_IP4_SERVER, IKE_CFG_INTERNAL_IP6_SERVER } },
};

static const char *
read_address (GArray *attributes, const guint16 types[2], const char *item)
{
  IkeAddr addr;

  if (!ike_addr_parse (&addr, item, NULL) || !addr.family)
    return "is no address";
  if (!types[addr.family == 6])
    return "must be an IPv4 address; there is no such attribute for IPv6";
  pool_attributes_add (attributes, types[addr.family == 6], addr.bytes, ike_addr_len (&addr));
  return NULL;
}

/* RFC 7296, 3.15.1: of IPv4 an address and a netmask, of IPv6 an address and the length of the
 * prefix.  @type 0: by family. */
static const char *
read_subnet (GArray *attributes, guint16 type, const char *item)
{
  const char *slash = strchr (item, '/');
  g_autofree char *net = slash ? g_strndup (item, (gsize) (slash - item)) : NULL;
  guint64 prefix_len;
  guint8 value[17];
  IkeAddr addr;

  if (!net || !ike_addr_parse (&addr, net, NULL) || !addr.family || !g_ascii_isdigit (slash[1])
      || !g_ascii_string_to_unsigned (slash + 1, 10, 0, ike_addr_len (&addr) * 8, &prefix_len,
                                      NULL))
    return "is no subnet; write 10.0.0.0/8 or 2001:db8::/32";
  memcpy (value, addr.bytes, 16);
  if (addr.family == 4) {
    guint32 mask = GUINT32_TO_BE (prefix_len ? G_MAXUINT32 << (32 - prefix_len) : 0);
    memcpy (value + 4, &mask, 4);
    pool_attributes_add (attributes, type ? type : IKE_CFG_INTERNAL_IP4_SUBNET, value, 8);
    return NULL;
  }
  value[16] = (guint8) prefix_len;
  pool_attributes_add (attributes, type ? type : IKE_CFG_INTERNAL_IP6_SUBNET, value, 17);
  return NULL;
}

static const char *
read_domain (GArray *attributes, const char *item)
{
  gsize len = strlen (item);

  if (!pool_is_domain (item, len))
    return "is no domain name; write example.com, without a dot at its end";
  pool_attributes_add (attributes, IKE_CFG_INTERNAL_DNS_DOMAIN, item, len);
  return NULL;
}

/* RFC 8598, 3.2: "The INTERNAL_DNSSEC_TA attribute MUST immediately follow the INTERNAL_DNS_DOMAIN
 * attribute that it applies to." */
static void
insert_behind (GArray *attributes, const char *domain, const guint8 *value, gsize len)
{
  PoolAttribute attribute = { IKE_CFG_INTERNAL_DNSSEC_TA, (guint16) len, NULL };
  gsize domain_len = strlen (domain);
  guint i;

  for (i = 0; i < attributes->len; i++) {
    const PoolAttribute *at = &g_array_index (attributes, PoolAttribute, i);
    if (at->type == IKE_CFG_INTERNAL_DNS_DOMAIN && at->len == domain_len
        && !g_ascii_strncasecmp ((const char *) at->value, domain, domain_len))
      break;
  }
  if (i == attributes->len)
    read_domain (attributes, domain);
  for (i++; i < attributes->len
            && g_array_index (attributes, PoolAttribute, i).type == IKE_CFG_INTERNAL_DNSSEC_TA;
       i++)
    ;
  attribute.value = g_memdup2 (value, len);
  g_array_insert_val (attributes, i, attribute);
}

/* "example.com 43547 8 2 b6225ab2…", as a DS record has it. */
static const char *
read_trust_anchor (GArray *attributes, const char *item)
{
  g_auto (GStrv) words = g_strsplit (item, " ", -1);
  guint8 value[4 + 64];
  guint64 number[3];
  gsize len = 0;

  if (g_strv_length (words) != 5 || !pool_is_domain (words[0], strlen (words[0]))
      || !g_ascii_string_to_unsigned (words[1], 10, 0, G_MAXUINT16, &number[0], NULL)
      || !g_ascii_string_to_unsigned (words[2], 10, 0, G_MAXUINT8, &number[1], NULL)
      || !g_ascii_string_to_unsigned (words[3], 10, 0, G_MAXUINT8, &number[2], NULL)
      || !pool_hex_read (words[4], value + 4, sizeof value - 4, &len))
    return "is no trust anchor; write DOMAIN KEYTAG ALGORITHM DIGESTTYPE DIGEST, as in a DS record";
  value[0] = (guint8) (number[0] >> 8);
  value[1] = (guint8) number[0];
  value[2] = (guint8) number[1];
  value[3] = (guint8) number[2];
  insert_behind (attributes, words[0], value, 4 + len);
  return NULL;
}

static const char *
read_number (GArray *attributes, guint16 type, const char *item)
{
  guint16 types[2] = { type, type };

  if (!type || type == IKE_CFG_INTERNAL_IP4_ADDRESS || type == IKE_CFG_INTERNAL_IP6_ADDRESS)
    return "cannot be given here; addresses come from addrs";
  if (!read_address (attributes, types, item) || !read_subnet (attributes, type, item))
    return NULL;
  if (strlen (item) > POOL_VALUE_MAX)
    return "is too long";
  pool_attributes_add (attributes, type, item, strlen (item));
  return NULL;
}

static const char *
read_item (GArray *attributes, const char *key, const char *item, gboolean *is_known)
{
  guint64 number;

  *is_known = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    if (!strcmp (key, addresses[i].key))
      return read_address (attributes, addresses[i].types, item);
  if (!strcmp (key, "subnet"))
    return read_subnet (attributes, 0, item);
  if (!strcmp (key, "split_dns"))
    return read_domain (attributes, item);
  if (!strcmp (key, "split_dns_ta"))
    return read_trust_anchor (attributes, item);
  if (!strcmp (key, "encdns"))
    return pool_encdns_read (attributes, item);
  if (!strcmp (key, "encdns_digest"))
    return pool_encdns_digest_read (attributes, item);
  *is_known = ike_value_uint (key, &number);
  if (!*is_known)
    return NULL;
  return number > 0x7fff ? "has a type beyond 32767"
                         : read_number (attributes, (guint16) number, item);
}

gboolean
pool_attribute_read (GArray *attributes, const char *key, const char *text, GPtrArray *problems)
{
  g_auto (GStrv) items = ike_value_list (text);
  gboolean is_known = TRUE;

  /* Cisco's attributes are of version 1. */
  if (!strcmp (key, "split_include") || !strcmp (key, "split_exclude")) {
    g_ptr_array_add (problems, g_strdup_printf ("warning: %s: is an attribute of IKEv1 clients and "
                                                "not sent; use subnet, or narrow local_ts",
                                                key));
    return TRUE;
  }
  if (!items[0])
    read_item (attributes, key, "", &is_known);
  for (guint i = 0; items[i] && is_known; i++) {
    const char *why = read_item (attributes, key, items[i], &is_known);
    if (why)
      problem (problems, key, items[i], why);
  }
  return is_known;
}

/* -- the wire */

static void
append_addr (GString *text, guint family, const guint8 *bytes)
{
  char out[IKE_ADDR_TEXT_SIZE];
  IkeAddr addr = { .family = (guint8) family };

  memcpy (addr.bytes, bytes, family == 4 ? 4 : 16);
  g_string_append (text, ike_addr_format (&addr, FALSE, out));
}

static gboolean
is_mask (const guint8 *bytes)
{
  guint32 mask;

  memcpy (&mask, bytes, 4);
  mask = ~GUINT32_FROM_BE (mask);
  return (mask & (mask + 1)) == 0;
}

static gboolean
is_fit (const Known *entry, const guint8 *value, gsize len)
{
  switch ((Form) entry->form) {
  case ADDRESS:
    return len == (entry->family == 4 ? 4 : 16);
  case MASK:
    return len == 4 && is_mask (value);
  case SUBNET4:
    return len == 8 && is_mask (value + 4);
  case SUBNET6:
  case ADDRESS6_LEN:
    return len == 17 && value[16] <= 128;
  case DOMAIN:
    return pool_is_domain ((const char *) value, len);
  case TRUST_ANCHOR:
    return len > 4 && len <= 4 + 64;
  case TYPES:
    return len % 2 == 0;
  case ENCDNS:
  case TEXT:
    break;
  }
  return TRUE;
}

static void
append_value (GString *text, const Known *entry, const guint8 *value, gsize len)
{
  char escaped[4 * 256 + 1];

  switch (entry ? (Form) entry->form : TYPES) {
  case ADDRESS:
  case MASK:
    append_addr (text, entry->family, value);
    break;
  case SUBNET4:
    append_addr (text, 4, value);
    g_string_append_c (text, '/');
    append_addr (text, 4, value + 4);
    break;
  case SUBNET6:
  case ADDRESS6_LEN:
    append_addr (text, 6, value);
    g_string_append_printf (text, "/%u", value[16]);
    break;
  case TRUST_ANCHOR:
    g_string_append_printf (text, "%u %u %u ", value[0] << 8 | value[1], value[2], value[3]);
    pool_hex_append (text, value + 4, len - 4);
    break;
  case DOMAIN:
  case TEXT:
    g_string_append (text, ike_escape (escaped, sizeof escaped, value, MIN (len, 256)));
    break;
  case ENCDNS:
  case TYPES:
    pool_hex_append (text, value, len);
    break;
  }
}

gboolean
pool_attribute_describe (guint16 type, const guint8 *value, gsize len, GString *text)
{
  const Known *entry = known_of (type);

  if (entry && entry->form == ENCDNS)
    return pool_encdns_describe (type, value, len, text);
  if (entry && !is_fit (entry, value, len))
    return FALSE;
  if (text)
    append_value (text, entry, value, len);
  return TRUE;
}
