/* SPDX-License-Identifier: Apache-2.0 */
/* child_mode.c - what is said of a CHILD_SA beside its proposals: transport mode with what NAT
 * makes of its selectors (RFC 7296, 1.3.1 and 2.23.1), BEET, compression (2.22). */
#include "ikev2.h"

/* RFC 3173, 3.3: "values from 0 to 63 define well-known compression algorithms", up to 255 is
 * reserved, "256-61439 are negotiated between the two nodes", the rest is for private use. */
enum { CPI_MIN = 256, CPI_MAX = 61439, IPCOMP_LEN = 3 };

/* -- selectors */

/* The one address that all of @selectors name; its scope and port are not said there. */
static gboolean
one_address (const IkeSelector *selectors, guint n, IkeAddr *addr)
{
  gsize len = n && selectors[0].family == 4 ? 4 : 16;
  guint i;

  for (i = 0; i < n; i++)
    if (selectors[i].family != selectors[0].family
        || memcmp (selectors[i].first, selectors[i].last, len) != 0
        || memcmp (selectors[i].first, selectors[0].first, len) != 0)
      return FALSE;
  if (n == 0)
    return FALSE;
  memset (addr, 0, sizeof *addr);
  addr->family = selectors[0].family;
  memcpy (addr->bytes, selectors[0].first, len);
  return TRUE;
}

gboolean
ikev2_selectors_are_hosts (const Ikev2Selectors *selectors)
{
  IkeAddr local, remote;

  return one_address (selectors->local, selectors->n_local, &local)
         && one_address (selectors->remote, selectors->n_remote, &remote)
         && local.family == remote.family;
}

guint
ikev2_selectors_within (IkeSelector *selectors, guint n, const IkeAddr *host)
{
  IkeAddr addr = *host;
  IkeSelector all;
  guint i, n_left = 0;

  addr.port = 0;
  ike_selector_of_addr (&all, 0, &addr);
  for (i = 0; i < n; i++) {
    IkeSelector both;
    if (ike_selector_intersect (&selectors[i], &all, &both))
      selectors[n_left++] = both;
  }
  return n_left;
}

static void
substitute (IkeSelector *selectors, guint n, const IkeAddr *addr)
{
  gsize len = ike_addr_len (addr);
  guint i;

  for (i = 0; i < n; i++) {
    memcpy (selectors[i].first, addr->bytes, len);
    memcpy (selectors[i].last, addr->bytes, len);
  }
}

/* One side: a NAT before it hides how the peer must call it. */
static gboolean
translate_side (IkeSelector *selectors, guint n, gboolean is_behind_nat, const IkeAddr *host,
                IkeAddr *original)
{
  if (!one_address (selectors, n, original) || original->family != host->family)
    return FALSE;
  if (is_behind_nat)
    substitute (selectors, n, host);
  return is_behind_nat || ike_addr_same_host (original, host);
}

gboolean
ikev2_selectors_translate (IkeSa *sa, Ikev2Selectors *selectors, gboolean is_offer,
                           Ikev2Originals *originals)
{
  const IkeAddr *local = ike_sa_local (sa), *remote = ike_sa_remote (sa);

  memset (originals, 0, sizeof *originals);
  if (!ike_sa_nat_local (sa) && !ike_sa_nat_remote (sa)) {
    if (!is_offer)
      return TRUE;
    selectors->n_local = ikev2_selectors_within (selectors->local, selectors->n_local, local);
    selectors->n_remote = ikev2_selectors_within (selectors->remote, selectors->n_remote, remote);
    return selectors->n_local && selectors->n_remote;
  }
  return translate_side (selectors->local, selectors->n_local, ike_sa_nat_local (sa), local,
                         &originals->local)
         && translate_side (selectors->remote, selectors->n_remote, ike_sa_nat_remote (sa), remote,
                            &originals->remote);
}

/* -- modes */

/* Who proposes both at once is taken at the standard's word. */
guint8
ikev2_mode_of (const IkeExchange *x)
{
  if (ike_exchange_record (x, IKE_N_USE_TRANSPORT_MODE, 0))
    return IKE_MODE_TRANSPORT;
  return ike_exchange_record (x, IKEV2_N_USE_BEET_MODE, 0) ? IKE_MODE_BEET : IKE_MODE_TUNNEL;
}

void
ikev2_mode_write (IkeWriter *out, guint8 mode)
{
  if (mode == IKE_MODE_TRANSPORT)
    ike_notify_write (out, 0, IKE_N_USE_TRANSPORT_MODE, NULL, 0, NULL, 0);
  else if (mode == IKE_MODE_BEET)
    ike_notify_write (out, 0, IKEV2_N_USE_BEET_MODE, NULL, 0, NULL, 0);
}

/* -- compression */

void
ikev2_ipcomp_write (IkeWriter *out, guint16 cpi)
{
  guint8 data[IPCOMP_LEN] = { (guint8) (cpi >> 8), (guint8) cpi, IKEV2_IPCOMP_DEFLATE };

  ike_notify_write (out, 0, IKE_N_IPCOMP_SUPPORTED, NULL, 0, data, sizeof data);
}

/* RFC 2394 defines no attributes of DEFLATE.  0: not one of ours. */
static guint16
cpi_of (const IkeNotify *notify)
{
  guint16 cpi = (guint16) (notify->data[0] << 8 | notify->data[1]);

  return notify->len == IPCOMP_LEN && notify->data[2] == IKEV2_IPCOMP_DEFLATE && cpi >= CPI_MIN
                 && cpi <= CPI_MAX
             ? cpi
             : 0;
}

guint16
ikev2_ipcomp_offered (const IkeExchange *x)
{
  const IkeNotify *notify;
  guint16 cpi = 0;
  guint i;

  for (i = 0; !cpi && (notify = ike_exchange_record (x, IKE_N_IPCOMP_SUPPORTED, i)); i++)
    cpi = cpi_of (notify);
  return cpi;
}

/* "implementations of this specification MUST NOT accept an IPComp algorithm that was not proposed,
 * MUST NOT accept more than one" */
gboolean
ikev2_ipcomp_answered (const IkeExchange *x, gboolean was_offered, guint16 *cpi)
{
  const IkeNotify *notify = ike_exchange_record (x, IKE_N_IPCOMP_SUPPORTED, 0);

  *cpi = 0;
  if (!notify)
    return TRUE;
  if (!was_offered || ike_exchange_record (x, IKE_N_IPCOMP_SUPPORTED, 1))
    return FALSE;
  *cpi = cpi_of (notify);
  return *cpi != 0;
}
