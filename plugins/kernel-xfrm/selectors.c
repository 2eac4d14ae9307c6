/* SPDX-License-Identifier: Apache-2.0 */
/* selectors.c - selectors of IKE as the kernel can say them, and which policy wins. */
#include "config.h"
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <ikebana/error.h>
#include "selectors.h"

enum {
  PIECES_MAX = 256,                           /* that one policy may become */
  ICMP = 1, ICMPV6 = 58, MOBILITY = 135,
  PRIORITY_PASS = 100000, PRIORITY_NORMAL = 200000, PRIORITY_DROP = 300000,
};

/* -- addresses */

int
xfrm_family (guint8 family)
{
  return family == 6 ? AF_INET6 : family == 4 ? AF_INET : AF_UNSPEC;
}

void
xfrm_address_set (xfrm_address_t *to, const IkeAddr *from)
{
  memset (to, 0, sizeof *to);
  memcpy (to, from->bytes, ike_addr_len (from));
}

void
xfrm_address_get (IkeAddr *to, const xfrm_address_t *from, int family)
{
  memset (to, 0, sizeof *to);
  to->family = family == AF_INET6 ? 6 : family == AF_INET ? 4 : 0;
  memcpy (to->bytes, from, ike_addr_len (to));
}

/* -- ranges into prefixes: the longest block that begins where the rest begins, again and again */

static gboolean
get_bit (const guint8 *bytes, guint bit)
{
  return bytes[bit / 8] >> (7 - bit % 8) & 1;
}

static void
fill_host_bits (const guint8 *from, guint prefix_len, guint n_bits, guint8 *to)
{
  memcpy (to, from, n_bits / 8);
  for (guint bit = prefix_len; bit < n_bits; bit++)
    to[bit / 8] |= (guint8) (1 << (7 - bit % 8));
}

/* FALSE when it overflows. */
static gboolean
increment (guint8 *bytes, guint n_bytes)
{
  for (guint i = n_bytes; i-- > 0;)
    if (++bytes[i])
      return TRUE;
  return FALSE;
}

static void
expand_addresses (const IkeSelector *selector, GArray *into)
{
  guint n_bytes = selector->family == 6 ? 16 : 4, n_bits = 8 * n_bytes;
  IkeSelector piece = *selector;
  gboolean is_more = memcmp (selector->first, selector->last, n_bytes) <= 0;
  while (is_more && into->len <= PIECES_MAX) {
    guint prefix_len = n_bits;
    guint8 last[16];
    memcpy (piece.last, piece.first, n_bytes);
    while (prefix_len > 0 && !get_bit (piece.first, prefix_len - 1)) {
      fill_host_bits (piece.first, prefix_len - 1, n_bits, last);
      if (memcmp (last, selector->last, n_bytes) > 0)
        break;
      memcpy (piece.last, last, n_bytes);
      prefix_len--;
    }
    g_array_append_val (into, piece);
    memcpy (piece.first, piece.last, n_bytes);
    is_more = increment (piece.first, n_bytes)
              && memcmp (piece.first, selector->last, n_bytes) <= 0;
  }
}

static gboolean
has_types (guint8 protocol)
{
  return protocol == ICMP || protocol == ICMPV6 || protocol == MOBILITY;
}

static gboolean
is_any_port (const IkeSelector *selector)
{
  return selector->port_first == 0 && selector->port_last == 65535;
}

static void
expand_ports (const IkeSelector *selector, GArray *into)
{
  guint32 first = selector->port_first;
  IkeSelector piece = *selector;
  if (has_types (selector->protocol)) {
    g_array_append_val (into, piece);
    return;
  }
  while (first <= selector->port_last && into->len <= PIECES_MAX) {
    guint32 size = 1;
    while (size < 65536 && !(first & size) && first + 2 * size - 1 <= selector->port_last)
      size *= 2;
    piece.port_first = (guint16) first;
    piece.port_last = (guint16) (first + size - 1);
    g_array_append_val (into, piece);
    first += size;
  }
}

static GArray *
expand (const IkeSelector *selector)
{
  g_autoptr (GArray) ports = g_array_new (FALSE, FALSE, sizeof (IkeSelector));
  GArray *all = g_array_new (FALSE, FALSE, sizeof (IkeSelector));
  expand_ports (selector, ports);
  for (guint i = 0; i < ports->len; i++)
    expand_addresses (&g_array_index (ports, IkeSelector, i), all);
  return all;
}

static gboolean
refuse (GError **error, const IkeSelector *source, const IkeSelector *destination, const char *why)
{
  char from[128], to[128];
  g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
               "the kernel cannot have a policy for %s === %s: %s",
               ike_selector_format (source, from, sizeof from),
               ike_selector_format (destination, to, sizeof to), why);
  return FALSE;
}

gboolean
xfrm_policy_expand (const IkeKernelPolicy *policy, GArray *into, GError **error)
{
  g_autoptr (GArray) sources = expand (&policy->source);
  g_autoptr (GArray) destinations = expand (&policy->destination);
  struct xfrm_selector like;
  if (policy->source.port_first > policy->source.port_last
      || policy->destination.port_first > policy->destination.port_last)
    return refuse (error, &policy->source, &policy->destination,
                   "it has no selector for packets without ports (OPAQUE)");
  if (!sources->len || !destinations->len)
    return refuse (error, &policy->source, &policy->destination, "a range is empty");
  if (sources->len * destinations->len > PIECES_MAX)
    return refuse (error, &policy->source, &policy->destination,
                   "it has no ranges, and so many prefixes and ports were needed; use networks");
  for (guint i = 0; i < sources->len; i++)
    for (guint k = 0; k < destinations->len; k++) {
      IkeKernelPolicy piece = *policy;
      piece.source = g_array_index (sources, IkeSelector, i);
      piece.destination = g_array_index (destinations, IkeSelector, k);
      if (!xfrm_selector_set (&like, &piece.source, &piece.destination, error))
        return FALSE;
      /* As the kernel would tell it, so that what it tells is found. */
      xfrm_selector_get (&like, &piece.source, &piece.destination);
      g_array_append_val (into, piece);
    }
  return TRUE;
}

/* -- to the kernel */

static gboolean
set_port (const IkeSelector *selector, guint16 *port, guint16 *mask)
{
  guint32 size = (guint32) selector->port_last - selector->port_first + 1;
  if (selector->port_first > selector->port_last || (size & (size - 1))
      || (selector->port_first & (size - 1)))
    return FALSE;
  *port = htons (selector->port_first);
  *mask = htons ((guint16) ~(size - 1));
  return TRUE;
}

/* RFC 4301, 4.4.1.1: for ICMP the "16-bit selector" is "constructed" of type and code, type in the
 * upper half.  The kernel takes the type for the source port and the code for the destination's. */
static gboolean
set_type (struct xfrm_selector *to, const IkeSelector *source, const IkeSelector *destination)
{
  const IkeSelector *with = is_any_port (source) ? destination : source;
  guint first = with->port_first, last = with->port_last;
  if (!is_any_port (source) && !is_any_port (destination)
      && (source->port_first != destination->port_first
          || source->port_last != destination->port_last))
    return FALSE;
  if (is_any_port (with))
    return TRUE;
  if (first > last || first >> 8 != last >> 8)
    return FALSE;
  to->sport = htons ((guint16) (first >> 8));
  to->sport_mask = 0xffff;
  if ((first & 255) == 0 && (last & 255) == 255)
    return TRUE;
  to->dport = htons (first & 255);
  to->dport_mask = 0xffff;
  return first == last;
}

gboolean
xfrm_selector_set (struct xfrm_selector *to, const IkeSelector *source,
                   const IkeSelector *destination, GError **error)
{
  int source_len = ike_selector_prefix_len (source);
  int destination_len = ike_selector_prefix_len (destination);
  guint8 protocol = source->protocol ? source->protocol : destination->protocol;
  gboolean is_good;
  memset (to, 0, sizeof *to);
  if (source->family != destination->family)
    return refuse (error, source, destination, "both ends must be of one address family");
  if (source->protocol && destination->protocol && source->protocol != destination->protocol)
    return refuse (error, source, destination, "both ends must be of one protocol");
  if (source_len < 0 || destination_len < 0)
    return refuse (error, source, destination, "it has networks, not ranges of addresses");
  to->family = (guint16) xfrm_family (source->family);
  to->proto = protocol;
  to->prefixlen_s = (guint8) source_len;
  to->prefixlen_d = (guint8) destination_len;
  memcpy (&to->saddr, source->first, source->family == 6 ? 16 : 4);
  memcpy (&to->daddr, destination->first, destination->family == 6 ? 16 : 4);
  is_good = has_types (protocol) ? set_type (to, source, destination)
                                 : set_port (source, &to->sport, &to->sport_mask)
                                       && set_port (destination, &to->dport, &to->dport_mask);
  return is_good || refuse (error, source, destination, "it has no such ranges of ports or types");
}

/* -- from the kernel */

static void
get_side (const xfrm_address_t *address, guint prefix_len, const struct xfrm_selector *from,
          IkeSelector *to)
{
  guint n_bits = from->family == AF_INET6 ? 128 : 32;
  memset (to, 0, sizeof *to);
  to->family = from->family == AF_INET6 ? 6 : 4;
  to->protocol = from->proto;
  to->port_last = 65535;
  memcpy (to->first, address, n_bits / 8);
  fill_host_bits (to->first, MIN (prefix_len, n_bits), n_bits, to->last);
}

static void
get_port (IkeSelector *to, guint16 port, guint16 mask)
{
  to->port_first = ntohs (port) & ntohs (mask);
  to->port_last = to->port_first | (guint16) ~ntohs (mask);
}

void
xfrm_selector_get (const struct xfrm_selector *from, IkeSelector *source, IkeSelector *destination)
{
  get_side (&from->saddr, from->prefixlen_s, from, source);
  get_side (&from->daddr, from->prefixlen_d, from, destination);
  if (!has_types (from->proto)) {
    get_port (source, from->sport, from->sport_mask);
    get_port (destination, from->dport, from->dport_mask);
  } else if (from->sport_mask) {
    guint type = (ntohs (from->sport) & 255u) << 8, code = ntohs (from->dport) & 255;
    source->port_first = (guint16) (type | (from->dport_mask ? code : 0));
    source->port_last = (guint16) (type | (from->dport_mask ? code : 255));
    destination->port_first = source->port_first;
    destination->port_last = source->port_last;
  }
}

/* -- priority */

static guint32
port_bits (const IkeSelector *selector)
{
  guint32 bits = 16;
  for (guint32 size = 1; size < 65536 && selector->port_last - selector->port_first >= (int) size;
       size *= 2)
    bits--;
  return bits;
}

guint32
xfrm_policy_priority (const IkeKernelPolicy *policy)
{
  guint32 base = policy->mode == IKE_MODE_PASS   ? PRIORITY_PASS
                 : policy->mode == IKE_MODE_DROP ? PRIORITY_DROP
                                                 : PRIORITY_NORMAL;
  guint32 narrow = (guint32) MAX (ike_selector_prefix_len (&policy->source), 0)
                   + (guint32) MAX (ike_selector_prefix_len (&policy->destination), 0);
  if (policy->priority)
    return policy->priority;
  narrow = narrow * 64 + port_bits (&policy->source) + port_bits (&policy->destination);
  narrow = narrow * 2 + (policy->source.protocol || policy->destination.protocol);
  narrow = narrow * 2 + (policy->direction == IKE_DIR_OUT && policy->interface);
  return base - narrow;
}
