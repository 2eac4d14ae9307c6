/* SPDX-License-Identifier: Apache-2.0 */
/* pool_addrs.c - the addresses of a pool; see pool_addrs.h. */
#include "config.h"
#include "pool_addrs.h"
#include <ikebana/error.h>
#include <ikebana/tree.h>
#include <string.h>

/* An address as a number. */
typedef struct {
  guint64 high, low;
} Number;

static Number
number_of (const IkeAddr *addr)
{
  guint len = ike_addr_len (addr);
  Number number = { 0, 0 };

  for (guint i = 0; i < len; i++) {
    number.high = number.high << 8 | number.low >> 56;
    number.low = number.low << 8 | addr->bytes[i];
  }
  return number;
}

static IkeAddr
addr_of (guint family, Number number)
{
  IkeAddr addr = { .family = (guint8) family };

  for (guint i = ike_addr_len (&addr); i-- > 0;) {
    addr.bytes[i] = (guint8) number.low;
    number.low = number.low >> 8 | number.high << 56;
    number.high >>= 8;
  }
  return addr;
}

static Number
plus (Number a, guint64 b)
{
  return (Number){ a.high + (a.low + b < a.low), a.low + b };
}

static int
compare (Number a, Number b)
{
  if (a.high != b.high)
    return a.high < b.high ? -1 : 1;
  return a.low < b.low ? -1 : a.low > b.low;
}

/* How many from @first to @last, both among them; no more than are used. */
static guint64
count (Number first, Number last)
{
  guint64 high = last.high - first.high - (last.low < first.low), n = last.low - first.low;

  return high || n >= POOL_RANGE_MAX ? POOL_RANGE_MAX : n + 1;
}

/* -- text */

static gboolean
fail (GError **error, const char *text, const char *why)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "'%s' %s", text, why);
  return FALSE;
}

static gboolean
add (GArray *ranges, guint family, Number first, Number last)
{
  PoolRange range = { .first = addr_of (family, first), .n = count (first, last) };

  g_array_append_val (ranges, range);
  return TRUE;
}

static gboolean
parse_range (GArray *ranges, const char *text, const char *dash, GError **error)
{
  g_autofree char *from = g_strstrip (g_strndup (text, (gsize) (dash - text)));
  g_autofree char *to = g_strstrip (g_strdup (dash + 1));
  IkeAddr first, last;

  if (!ike_addr_parse (&first, from, NULL) || !ike_addr_parse (&last, to, NULL) || !first.family
      || first.family != last.family)
    return fail (error, text, "is no range; write 10.3.0.10-10.3.0.99");
  if (compare (number_of (&first), number_of (&last)) > 0)
    return fail (error, text, "ends before it begins");
  return add (ranges, first.family, number_of (&first), number_of (&last));
}

/* The first and last number of the prefix that @number is in. */
static void
prefix_of (Number number, guint host_bits, Number *first, Number *last)
{
  guint64 low = host_bits >= 64 ? G_MAXUINT64 : (G_GUINT64_CONSTANT (1) << host_bits) - 1;
  guint64 high = host_bits <= 64    ? 0
                 : host_bits >= 128 ? G_MAXUINT64
                                    : (G_GUINT64_CONSTANT (1) << (host_bits - 64)) - 1;

  *first = (Number){ number.high & ~high, number.low & ~low };
  *last = (Number){ number.high | high, number.low | low };
}

/* RFC 4291, 2.6.1: the first address of an IPv6 prefix is that of its routers.  RFC 3021: a prefix
 * of two addresses has neither a network's nor a broadcast one. */
static gboolean
parse_prefix (GArray *ranges, const char *text, const char *slash, GError **error)
{
  g_autofree char *net = g_strstrip (g_strndup (text, (gsize) (slash - text)));
  guint64 len;
  guint host_bits;
  Number number, first, last;
  IkeAddr addr;

  if (!ike_addr_parse (&addr, net, NULL) || !addr.family || !g_ascii_isdigit (slash[1])
      || !g_ascii_string_to_unsigned (slash + 1, 10, 0, ike_addr_len (&addr) * 8, &len, NULL))
    return fail (error, text, "is no prefix; write 10.3.0.0/24 or fd00::/64");
  host_bits = ike_addr_len (&addr) * 8 - (guint) len;
  number = number_of (&addr);
  prefix_of (number, host_bits, &first, &last);
  if (host_bits < 2)
    return add (ranges, addr.family, number, last);
  if (compare (number, first) == 0)
    number = plus (number, 1);
  if (addr.family == 4)
    last.low--;
  if (compare (number, last) > 0)
    return fail (error, text, "begins at its last address and has none to give");
  return add (ranges, addr.family, number, last);
}

static gboolean
parse_one (GArray *ranges, const char *text, GError **error)
{
  const char *slash = strchr (text, '/'), *dash = strchr (text, '-');
  IkeAddr addr;

  if (slash)
    return parse_prefix (ranges, text, slash, error);
  if (dash)
    return parse_range (ranges, text, dash, error);
  if (!ike_addr_parse (&addr, text, NULL) || ike_addr_is_any (&addr))
    return fail (error, text, "is no address, prefix or range");
  return add (ranges, addr.family, number_of (&addr), number_of (&addr));
}

/* -- ranges */

static gboolean
ranges_overlap (const PoolRange *a, const PoolRange *b)
{
  Number first_a = number_of (&a->first), first_b = number_of (&b->first);

  if (a->first.family != b->first.family)
    return FALSE;
  return compare (first_a, plus (first_b, b->n - 1)) <= 0
         && compare (first_b, plus (first_a, a->n - 1)) <= 0;
}

static PoolAddrs *
number_all (const GArray *ranges, const char *text, GError **error)
{
  PoolAddrs *addrs = g_malloc0 (sizeof *addrs + ranges->len * sizeof (PoolRange));

  for (guint i = 0; i < ranges->len; i++) {
    PoolRange *range = &addrs->ranges[addrs->n_ranges];
    guint64 *n;
    *range = g_array_index (ranges, PoolRange, i);
    n = &addrs->n[range->first.family == 6];
    for (guint k = 0; k < i; k++)
      if (ranges_overlap (range, &addrs->ranges[k])) {
        fail (error, text, "names an address twice");
        g_free (addrs);
        return NULL;
      }
    range->at = *n;
    *n += range->n;
    addrs->n_ranges++;
  }
  return addrs;
}

PoolAddrs *
pool_addrs_parse (const char *text, GError **error)
{
  g_auto (GStrv) parts = ike_value_list (text);
  g_autoptr (GArray) ranges = g_array_new (FALSE, TRUE, sizeof (PoolRange));

  if (g_strv_length (parts) > POOL_RANGES_MAX) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "has more than %u parts",
                 (guint) POOL_RANGES_MAX);
    return NULL;
  }
  for (guint i = 0; parts[i]; i++)
    if (!parse_one (ranges, parts[i], error))
      return NULL;
  return number_all (ranges, text, error);
}

guint64
pool_addrs_n (const PoolAddrs *addrs, guint family)
{
  return addrs->n[family == 6];
}

void
pool_addrs_nth (const PoolAddrs *addrs, guint family, guint64 i, IkeAddr *out)
{
  for (guint k = 0; k < addrs->n_ranges; k++) {
    const PoolRange *range = &addrs->ranges[k];
    if (range->first.family != family || i - range->at >= range->n)
      continue;
    *out = addr_of (family, plus (number_of (&range->first), i - range->at));
    return;
  }
  memset (out, 0, sizeof *out);
}

gboolean
pool_addrs_has (const PoolAddrs *addrs, const IkeAddr *addr)
{
  guint64 i;

  return pool_addrs_find (addrs, addr, &i);
}

gboolean
pool_addrs_find (const PoolAddrs *addrs, const IkeAddr *addr, guint64 *i)
{
  PoolRange one = { .first = *addr, .n = 1 };

  for (guint k = 0; k < addrs->n_ranges; k++)
    if (ranges_overlap (&addrs->ranges[k], &one)) {
      *i = addrs->ranges[k].at + (number_of (addr).low - number_of (&addrs->ranges[k].first).low);
      return TRUE;
    }
  return FALSE;
}

gboolean
pool_addrs_overlap (const PoolAddrs *a, const PoolAddrs *b)
{
  for (guint i = 0; i < a->n_ranges; i++)
    for (guint k = 0; k < b->n_ranges; k++)
      if (ranges_overlap (&a->ranges[i], &b->ranges[k]))
        return TRUE;
  return FALSE;
}

gboolean
pool_addrs_equal (const PoolAddrs *a, const PoolAddrs *b)
{
  if (a->n_ranges != b->n_ranges)
    return FALSE;
  for (guint i = 0; i < a->n_ranges; i++)
    if (a->ranges[i].n != b->ranges[i].n
        || !ike_addr_same_host (&a->ranges[i].first, &b->ranges[i].first))
      return FALSE;
  return TRUE;
}
