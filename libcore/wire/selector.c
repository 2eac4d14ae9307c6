/* SPDX-License-Identifier: Apache-2.0 */
/* selector.c - traffic selectors as sets: comparison, common parts, narrowing (RFC 7296, 2.9). */
#include <string.h>
#include "wire/selector_private.h"

gboolean
ike_selector_equal (const IkeSelector *a, const IkeSelector *b)
{
  guint len = ike_selector_addr_len (a);

  return a->family == b->family && a->is_dynamic == b->is_dynamic && a->protocol == b->protocol
         && a->port_first == b->port_first && a->port_last == b->port_last
         && memcmp (a->first, b->first, len) == 0 && memcmp (a->last, b->last, len) == 0;
}

static gboolean
intersect_ports (const IkeSelector *a, const IkeSelector *b, IkeSelector *out)
{
  /* RFC 4301, 4.4.1.1: ANY also stands for packets whose ports cannot be seen, OPAQUE for these
   * alone. */
  if (ike_selector_is_opaque (a) || ike_selector_is_opaque (b)) {
    out->port_first = IKE_PORT_OPAQUE_FIRST;
    out->port_last = IKE_PORT_OPAQUE_LAST;
    return (ike_selector_is_opaque (a) || ike_selector_is_any_port (a))
           && (ike_selector_is_opaque (b) || ike_selector_is_any_port (b));
  }
  out->port_first = MAX (a->port_first, b->port_first);
  out->port_last = MIN (a->port_last, b->port_last);
  return out->port_first <= out->port_last;
}

gboolean
ike_selector_intersect (const IkeSelector *a, const IkeSelector *b, IkeSelector *out)
{
  guint len = ike_selector_addr_len (a);
  IkeSelector common = { .family = a->family, .protocol = a->protocol ? a->protocol : b->protocol };

  /* A dynamic selector is no set yet: ike_selector_resolve() makes it one. */
  if (a->family != b->family || len == 0 || a->is_dynamic || b->is_dynamic)
    return FALSE;
  if (a->protocol && b->protocol && a->protocol != b->protocol)
    return FALSE;
  if (!intersect_ports (a, b, &common))
    return FALSE;
  memcpy (common.first, memcmp (a->first, b->first, len) >= 0 ? a->first : b->first, len);
  memcpy (common.last, memcmp (a->last, b->last, len) <= 0 ? a->last : b->last, len);
  if (memcmp (common.first, common.last, len) > 0)
    return FALSE;
  *out = common;
  return TRUE;
}

gboolean
ike_selector_covers (const IkeSelector *big, const IkeSelector *small_)
{
  IkeSelector common;

  return ike_selector_intersect (big, small_, &common) && ike_selector_equal (&common, small_);
}

gboolean
ike_selector_matches (const IkeSelector *selector, guint8 protocol, const IkeAddr *addr)
{
  guint len = ike_selector_addr_len (selector);

  if (selector->is_dynamic || len == 0 || addr->family != selector->family)
    return FALSE;
  if (selector->protocol && selector->protocol != protocol)
    return FALSE;
  if (memcmp (addr->bytes, selector->first, len) < 0
      || memcmp (addr->bytes, selector->last, len) > 0)
    return FALSE;
  return addr->port >= selector->port_first && addr->port <= selector->port_last;
}

int
ike_selector_prefix_len (const IkeSelector *selector)
{
  guint bits = ike_selector_addr_len (selector) * 8, at = 0;

  if (bits == 0 || selector->is_dynamic)
    return -1;
  while (at < bits && ((selector->first[at / 8] ^ selector->last[at / 8]) >> (7 - at % 8) & 1) == 0)
    at++;
  for (guint i = at; i < bits; i++)
    if ((selector->first[i / 8] >> (7 - i % 8) & 1) != 0
        || (selector->last[i / 8] >> (7 - i % 8) & 1) != 1)
      return -1;
  return (int) at;
}

void
ike_selector_of_addr (IkeSelector *selector, guint8 protocol, const IkeAddr *addr)
{
  gsize len = addr->family == 6 ? 16 : 4;

  memset (selector, 0, sizeof *selector);
  selector->family = addr->family;
  selector->protocol = protocol;
  selector->port_first = addr->port;
  selector->port_last = addr->port ? addr->port : 65535;
  memcpy (selector->first, addr->bytes, len);
  memcpy (selector->last, addr->bytes, len);
}

void
ike_selector_resolve (IkeSelector *selector, const IkeAddr *host)
{
  guint len = ike_addr_len (host);

  if (!selector->is_dynamic || len == 0)
    return;
  selector->is_dynamic = 0;
  selector->family = host->family;
  memset (selector->first, 0, sizeof selector->first);
  memset (selector->last, 0, sizeof selector->last);
  memcpy (selector->first, host->bytes, len);
  memcpy (selector->last, host->bytes, len);
}

static gboolean
is_covered (const IkeSelector *list, guint n, const IkeSelector *one)
{
  for (guint i = 0; i < n; i++)
    if (ike_selector_covers (&list[i], one))
      return TRUE;
  return FALSE;
}

/* Of two that are equal the first stays. */
static gboolean
is_part (const IkeSelector *list, guint n, const IkeSelector *one)
{
  for (guint i = 0; i < n; i++)
    if (ike_selector_covers (&list[i], one) && !ike_selector_equal (&list[i], one))
      return TRUE;
  return FALSE;
}

guint
ike_selectors_prune (IkeSelector *selectors, guint n)
{
  guint kept = 0;

  for (guint i = 0; i < n; i++)
    if (!is_covered (selectors, kept, &selectors[i])
        && !is_part (&selectors[i + 1], n - i - 1, &selectors[i]))
      selectors[kept++] = selectors[i];
  return kept;
}

guint
ike_selectors_narrow (const IkeSelector *ours, guint n_ours, const IkeSelector *offered,
                      guint n_offered, IkeSelector *out, guint max)
{
  guint n = 0;

  for (guint i = 0; i < n_offered; i++)
    for (guint j = 0; j < n_ours; j++) {
      IkeSelector common;
      if (n == max)
        return n;
      if (ike_selector_intersect (&offered[i], &ours[j], &common) && !is_covered (out, n, &common))
        out[n++] = common;
    }
  return ike_selectors_prune (out, n);
}
