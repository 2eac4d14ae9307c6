/* SPDX-License-Identifier: Apache-2.0 */
/* addr.c - IP addresses as values: text, sockaddr, comparison, prefixes. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <ikebana/addr.h>
#include <ikebana/error.h>

static gboolean
parse_keyword (IkeAddr *addr, const char *text)
{
  if (g_str_equal (text, "%any4"))
    addr->family = 4;
  else if (g_str_equal (text, "%any6"))
    addr->family = 6;
  else
    return g_str_equal (text, "%any");
  return TRUE;
}

/* The zone of a link-local address (RFC 4007, 11): an interface by name or number. */
static gboolean
parse_zone (IkeAddr *addr, const char *zone)
{
  guint64 index;

  if (g_ascii_string_to_unsigned (zone, 10, 1, G_MAXUINT32, &index, NULL)) {
    addr->scope = (guint32) index;
    return TRUE;
  }
  addr->scope = if_nametoindex (zone);
  return addr->scope != 0;
}

static gboolean
parse_ipv6 (IkeAddr *addr, const char *text)
{
  char host[INET6_ADDRSTRLEN];
  const char *zone = strchr (text, '%');
  gsize len = zone ? (gsize) (zone - text) : strlen (text);

  if (len >= sizeof host)
    return FALSE;
  memcpy (host, text, len);
  host[len] = 0;
  if (inet_pton (AF_INET6, host, addr->bytes) != 1)
    return FALSE;
  addr->family = 6;
  return !zone || parse_zone (addr, zone + 1);
}

gboolean
ike_addr_parse (IkeAddr *addr, const char *text, GError **error)
{
  memset (addr, 0, sizeof *addr);
  if (parse_keyword (addr, text))
    return TRUE;
  if (inet_pton (AF_INET, text, addr->bytes) == 1) {
    addr->family = 4;
    return TRUE;
  }
  if (parse_ipv6 (addr, text))
    return TRUE;
  memset (addr, 0, sizeof *addr);
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
               "\"%s\" is not an IP address, %%any, %%any4 or %%any6", text);
  return FALSE;
}

char *
ike_addr_format (const IkeAddr *addr, gboolean with_port, char out[IKE_ADDR_TEXT_SIZE])
{
  char host[INET6_ADDRSTRLEN + 12] = "%any";
  gsize len;

  if (addr->family == 4)
    inet_ntop (AF_INET, addr->bytes, host, sizeof host);
  else if (addr->family == 6)
    inet_ntop (AF_INET6, addr->bytes, host, sizeof host);
  len = strlen (host);
  if (addr->family == 6 && addr->scope)
    g_snprintf (host + len, sizeof host - len, "%%%u", addr->scope);
  if (!with_port)
    g_strlcpy (out, host, IKE_ADDR_TEXT_SIZE);
  else
    g_snprintf (out, IKE_ADDR_TEXT_SIZE, addr->family == 6 ? "[%s]:%u" : "%s:%u", host, addr->port);
  return out;
}

guint
ike_addr_len (const IkeAddr *addr)
{
  return addr->family == 4 ? 4 : addr->family == 6 ? 16 : 0;
}

gboolean
ike_addr_is_any (const IkeAddr *addr)
{
  static const guint8 zero[16];
  return memcmp (addr->bytes, zero, ike_addr_len (addr)) == 0;
}

int
ike_addr_compare (const IkeAddr *a, const IkeAddr *b)
{
  if (a->family != b->family)
    return a->family < b->family ? -1 : 1;
  return memcmp (a->bytes, b->bytes, ike_addr_len (a));
}

gboolean
ike_addr_same_host (const IkeAddr *a, const IkeAddr *b)
{
  return ike_addr_compare (a, b) == 0 && a->scope == b->scope;
}

gboolean
ike_addr_equal (const IkeAddr *a, const IkeAddr *b)
{
  return ike_addr_same_host (a, b) && a->port == b->port;
}

static void
from_ipv6 (IkeAddr *addr, const struct sockaddr_in6 *sin6)
{
  addr->port = ntohs (sin6->sin6_port);
  if (IN6_IS_ADDR_V4MAPPED (&sin6->sin6_addr)) {
    addr->family = 4;
    memcpy (addr->bytes, sin6->sin6_addr.s6_addr + 12, 4);
    return;
  }
  addr->family = 6;
  memcpy (addr->bytes, &sin6->sin6_addr, 16);
  if (IN6_IS_ADDR_LINKLOCAL (&sin6->sin6_addr))
    addr->scope = sin6->sin6_scope_id;
}

gboolean
ike_addr_from_sockaddr (IkeAddr *addr, const struct sockaddr *sa, guint32 len)
{
  struct sockaddr_in sin;
  struct sockaddr_in6 sin6;
  sa_family_t family;

  memset (addr, 0, sizeof *addr);
  if (len < sizeof family)
    return FALSE;
  memcpy (&family, &sa->sa_family, sizeof family);
  if (family == AF_INET && len >= sizeof sin) {
    memcpy (&sin, sa, sizeof sin);
    addr->family = 4;
    addr->port = ntohs (sin.sin_port);
    memcpy (addr->bytes, &sin.sin_addr, 4);
    return TRUE;
  }
  if (family == AF_INET6 && len >= sizeof sin6) {
    memcpy (&sin6, sa, sizeof sin6);
    from_ipv6 (addr, &sin6);
    return TRUE;
  }
  return FALSE;
}

guint32
ike_addr_to_sockaddr (const IkeAddr *addr, void *storage)
{
  struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons (addr->port) };
  struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
                               .sin6_port = htons (addr->port),
                               .sin6_scope_id = addr->scope };

  if (addr->family == 4) {
    memcpy (&sin.sin_addr, addr->bytes, 4);
    memcpy (storage, &sin, sizeof sin);
    return sizeof sin;
  }
  if (addr->family == 6) {
    memcpy (&sin6.sin6_addr, addr->bytes, 16);
    memcpy (storage, &sin6, sizeof sin6);
    return sizeof sin6;
  }
  return 0;
}

gboolean
ike_addr_in_prefix (const IkeAddr *addr, const IkeAddr *net, guint prefix_len)
{
  guint whole = prefix_len / 8, rest = prefix_len % 8;
  guint8 mask = (guint8) (0xff << (8 - rest));

  if (addr->family != net->family || ike_addr_len (addr) == 0
      || prefix_len > ike_addr_len (addr) * 8)
    return FALSE;
  if (memcmp (addr->bytes, net->bytes, whole) != 0)
    return FALSE;
  return rest == 0 || ((addr->bytes[whole] ^ net->bytes[whole]) & mask) == 0;
}
