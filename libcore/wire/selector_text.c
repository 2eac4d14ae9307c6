/* SPDX-License-Identifier: Apache-2.0 */
/* selector_text.c - traffic selectors as configuration writes them, and back. */
#include <netdb.h>
#include <string.h>
#include "wire/selector_private.h"

typedef struct {
  const char *name;
  guint8      number;
} Protocol;

/* The usual ones do not depend on what the system's files hold; the first name of a number is the
 * one shown. */
static const Protocol protocols[] = {
  { "icmp", 1 },       { "igmp", 2 },   { "ipip", 4 },    { "tcp", 6 },       { "udp", 17 },
  { "dccp", 33 },      { "ipv6", 41 },  { "gre", 47 },    { "esp", 50 },      { "ah", 51 },
  { "ipv6-icmp", 58 }, { "icmp6", 58 }, { "icmpv6", 58 }, { "ospf", 89 },     { "pim", 103 },
  { "l2tp", 115 },     { "sctp", 132 }, { "mh", 135 },    { "udplite", 136 },
};

static gboolean
bad (GError **error, const char *text, const char *why)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX, "traffic selector \"%s\": %s", text, why);
  return FALSE;
}

static gboolean
parse_protocol (const char *word, guint8 *protocol)
{
  struct protoent entry, *found = NULL;
  char buffer[1024];
  guint64 number;

  if (!*word || g_ascii_strcasecmp (word, "any") == 0)
    return TRUE;
  if (g_ascii_string_to_unsigned (word, 10, 0, 255, &number, NULL)) {
    *protocol = (guint8) number;
    return TRUE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (protocols); i++)
    if (g_ascii_strcasecmp (protocols[i].name, word) == 0) {
      *protocol = protocols[i].number;
      return TRUE;
    }
  if (getprotobyname_r (word, &entry, buffer, sizeof buffer, &found) != 0 || !found
      || found->p_proto < 0 || found->p_proto > 255)
    return FALSE;
  *protocol = (guint8) found->p_proto;
  return TRUE;
}

static gboolean
parse_port (const char *word, guint16 *port)
{
  struct servent entry, *found = NULL;
  char buffer[1024];
  guint64 number;

  if (g_ascii_string_to_unsigned (word, 10, 0, 65535, &number, NULL)) {
    *port = (guint16) number;
    return TRUE;
  }
  if (!*word || getservbyname_r (word, NULL, &entry, buffer, sizeof buffer, &found) != 0 || !found)
    return FALSE;
  *port = g_ntohs ((guint16) found->s_port);
  return TRUE;
}

static gboolean
parse_ports (const char *word, IkeSelector *selector)
{
  const char *dash = strchr (word, '-');
  g_autofree char *first = dash ? g_strndup (word, (gsize) (dash - word)) : NULL;

  if (!*word || g_ascii_strcasecmp (word, "any") == 0)
    return TRUE;
  if (g_ascii_strcasecmp (word, "opaque") == 0) {
    selector->port_first = IKE_PORT_OPAQUE_FIRST;
    selector->port_last = IKE_PORT_OPAQUE_LAST;
    return TRUE;
  }
  /* A service's name may hold a '-', so a whole name goes before a range. */
  if (parse_port (word, &selector->port_first)) {
    selector->port_last = selector->port_first;
    return TRUE;
  }
  return dash && parse_port (first, &selector->port_first)
         && parse_port (dash + 1, &selector->port_last)
         && selector->port_first <= selector->port_last;
}

/* "[proto/port]", "[proto]", "[/port]". */
static gboolean
parse_brackets (char *inside, IkeSelector *selector, const char *text, GError **error)
{
  char *slash = strchr (inside, '/');

  if (slash)
    *slash++ = 0;
  if (!parse_protocol (g_strstrip (inside), &selector->protocol))
    return bad (error, text, "the protocol is not known");
  if (slash && !parse_ports (g_strstrip (slash), selector))
    return bad (error, text, "the port is no number, range, service, \"opaque\" or \"any\"");
  return TRUE;
}

static gboolean
set_prefix (IkeSelector *selector, const IkeAddr *addr, guint bits)
{
  selector->family = addr->family;
  memcpy (selector->first, addr->bytes, sizeof selector->first);
  memcpy (selector->last, addr->bytes, sizeof selector->last);
  for (guint i = bits; i < ike_addr_len (addr) * 8; i++) {
    selector->first[i / 8] &= (guint8) ~(0x80 >> i % 8);
    selector->last[i / 8] |= (guint8) (0x80 >> i % 8);
  }
  return TRUE;
}

static gboolean
parse_addr (const char *text, IkeAddr *addr)
{
  return ike_addr_parse (addr, text, NULL) && ike_addr_len (addr) != 0 && addr->scope == 0;
}

/* "net/bits", "first-last" or one address. */
static gboolean
parse_addrs (char *text, IkeSelector *selector)
{
  char *slash = strchr (text, '/'), *dash = strchr (text, '-');
  IkeAddr first, last;
  guint64 bits;

  if (slash) {
    *slash++ = 0;
    return parse_addr (text, &first)
           && g_ascii_string_to_unsigned (slash, 10, 0, ike_addr_len (&first) * 8, &bits, NULL)
           && set_prefix (selector, &first, (guint) bits);
  }
  if (!dash)
    return parse_addr (text, &first) && set_prefix (selector, &first, ike_addr_len (&first) * 8);
  *dash++ = 0;
  if (!parse_addr (g_strstrip (text), &first) || !parse_addr (g_strstrip (dash), &last)
      || first.family != last.family || ike_addr_compare (&first, &last) > 0)
    return FALSE;
  selector->family = first.family;
  memcpy (selector->first, first.bytes, sizeof selector->first);
  memcpy (selector->last, last.bytes, sizeof selector->last);
  return TRUE;
}

gboolean
ike_selector_parse (IkeSelector *selector, const char *text, GError **error)
{
  g_autofree char *copy = g_strstrip (g_strdup (text));
  char *open = strchr (copy, '['), *close;

  memset (selector, 0, sizeof *selector);
  selector->port_last = IKE_PORT_ANY_LAST;
  if (open) {
    *open++ = 0;
    close = strchr (open, ']');
    if (!close || close[1])
      return bad (error, text, "\"[protocol/port]\" must end it");
    *close = 0;
    if (!parse_brackets (open, selector, text, error))
      return FALSE;
  }
  g_strchomp (copy);
  if (g_ascii_strcasecmp (copy, "dynamic") == 0) {
    selector->is_dynamic = 1;
    return TRUE;
  }
  return parse_addrs (copy, selector)
         || bad (error, text, "not an address, prefix, range or \"dynamic\"");
}

/* -- back to text */

/* What was written so far; what does not fit is cut off. */
typedef struct {
  char *out;
  gsize size, len;
} Text;

static void add (Text *text, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add (Text *text, const char *format, ...)
{
  va_list args;
  int len;

  va_start (args, format);
  len = g_vsnprintf (text->out + text->len, text->size - text->len, format, args);
  va_end (args);
  if (len > 0)
    text->len = MIN (text->len + (gsize) len, text->size - 1);
}

static void
format_addrs (const IkeSelector *selector, Text *out)
{
  IkeAddr first = { .family = selector->family }, last = first;
  char text[IKE_ADDR_TEXT_SIZE];
  int bits = ike_selector_prefix_len (selector);

  memcpy (first.bytes, selector->first, sizeof first.bytes);
  memcpy (last.bytes, selector->last, sizeof last.bytes);
  if (selector->is_dynamic) {
    add (out, "dynamic");
    return;
  }
  add (out, "%s", ike_addr_format (&first, FALSE, text));
  if (bits >= 0)
    add (out, "/%d", bits);
  else
    add (out, "-%s", ike_addr_format (&last, FALSE, text));
}

static void
format_ports (const IkeSelector *selector, Text *out)
{
  if (ike_selector_is_opaque (selector))
    add (out, "/opaque");
  else if (selector->port_first == selector->port_last)
    add (out, "/%u", selector->port_first);
  else if (!ike_selector_is_any_port (selector))
    add (out, "/%u-%u", selector->port_first, selector->port_last);
}

static void
format_protocol (guint8 protocol, Text *out)
{
  if (protocol == 0)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (protocols); i++)
    if (protocols[i].number == protocol) {
      add (out, "%s", protocols[i].name);
      return;
    }
  add (out, "%u", protocol);
}

char *
ike_selector_format (const IkeSelector *selector, char *out, gsize size)
{
  Text text = { out, size, 0 };

  if (size == 0)
    return out;
  format_addrs (selector, &text);
  if (selector->protocol || !ike_selector_is_any_port (selector)) {
    add (&text, "[");
    format_protocol (selector->protocol, &text);
    format_ports (selector, &text);
    add (&text, "]");
  }
  return out;
}
