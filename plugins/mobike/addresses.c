/* SPDX-License-Identifier: Apache-2.0 */
/* addresses.c - the addresses of both ends: ours as the kernel has them, the peer's as it tells
 * them (RFC 4555, 3.4 and 3.6). */
#include "config.h"
#include <ikebana/kernel.h>
#include "mobike.h"

enum { KERNEL_MAX = 64 };

gboolean
addrs_have (const Addrs *addrs, const IkeAddr *host)
{
  guint i;

  for (i = 0; addrs && i < addrs->n; i++)
    if (ike_addr_same_host (&addrs->list[i], host))
      return TRUE;
  return FALSE;
}

void
addrs_add (Addrs *addrs, const IkeAddr *host)
{
  if (addrs->n == ADDRS_MAX || addrs_have (addrs, host))
    return;
  addrs->list[addrs->n] = *host;
  addrs->list[addrs->n++].port = 0;
}

/* -- inside and outside */

/* What goes there goes through the tunnel.  That of everything says nothing. */
static gboolean
is_through (const IkeSelector *selector, const IkeAddr *host)
{
  IkeAddr addr = *host;

  addr.port = 4500;
  return !selector->is_dynamic && ike_selector_prefix_len (selector) != 0
         && ike_selector_matches (selector, 17, &addr);
}

gboolean
addrs_are_inside (const MobikeSa *s, gboolean is_local, const IkeAddr *host)
{
  const IkeAddr *present = is_local ? ike_sa_local (s->sa) : ike_sa_remote (s->sa);
  const IkeConn *conn = ike_sa_conn (s->sa);
  guint i, k;

  for (i = 0; conn && i < conn->n_children; i++) {
    const IkeChildConf *child = conn->children[i];
    const IkeSelector *selectors = is_local ? child->local_ts : child->remote_ts;
    for (k = 0; k < (is_local ? child->n_local_ts : child->n_remote_ts); k++)
      if (is_through (&selectors[k], host) && !is_through (&selectors[k], present))
        return TRUE;
  }
  return FALSE;
}

/* -- ours */

static guint
kernel_addresses (const MobikeSa *s, IkeKernelAddress out[static KERNEL_MAX])
{
  const IkeKernelNetClass *net = s->mobike->net ? s->mobike->net->ops : NULL;

  return net && net->addresses ? net->addresses (s->mobike->net->plugin, out, KERNEL_MAX) : 0;
}

void
addrs_own (const MobikeSa *s, Addrs *out)
{
  const IkeConn *conn = ike_sa_conn (s->sa);
  IkeKernelAddress all[KERNEL_MAX];
  guint n = kernel_addresses (s, all), i;

  out->n = 0;
  for (i = 0; conn && i < n; i++)
    if (ike_conn_has_addr (conn, TRUE, &all[i].addr) && !addrs_are_inside (s, TRUE, &all[i].addr))
      addrs_add (out, &all[i].addr);
}

/* Also one that is told to nobody, as those of one link. */
gboolean
addrs_are_ours (const MobikeSa *s, const IkeAddr *host)
{
  const IkeKernelNetClass *net = s->mobike->net ? s->mobike->net->ops : NULL;
  const IkeConn *conn = ike_sa_conn (s->sa);

  return net && conn && net->is_local (s->mobike->net->plugin, host)
         && ike_conn_has_addr (conn, TRUE, host);
}

/* The order means nothing. */
gboolean
addrs_changed (const MobikeSa *s, const Addrs *own)
{
  guint i;

  if (!s->mobike->tells || !s->told)
    return FALSE;
  if (s->told->n != own->n)
    return TRUE;
  for (i = 0; i < own->n; i++)
    if (!addrs_have (s->told, &own->list[i]))
      return TRUE;
  return FALSE;
}

/* RFC 4555, 3.6: "If the exchange initiator has several addresses, one of them is placed in the IP
 * header, and the rest in ADDITIONAL_IP4_ADDRESS/ADDITIONAL_IP6_ADDRESS notifications."  With only
 * one, "the message contains the NO_ADDITIONAL_ADDRESSES notification". */
void
addrs_tell (MobikeSa *s, const IkeExchange *x, gboolean is_update, IkeWriter *out)
{
  guint i, n_told[2] = { 0, 0 };

  if (!s->told)
    s->told = g_new0 (Addrs, 1);
  addrs_own (s, s->told);
  for (i = 0; s->mobike->tells && i < s->told->n; i++) {
    const IkeAddr *addr = &s->told->list[i];
    gboolean is_6 = addr->family == 6;
    if (ike_addr_same_host (addr, ike_exchange_local (x)) || n_told[is_6] == ADDRS_TOLD_MAX)
      continue;
    n_told[is_6]++;
    ike_notify_write (out, 0, is_6 ? N_ADDITIONAL_IP6_ADDRESS : N_ADDITIONAL_IP4_ADDRESS, NULL, 0,
                      addr->bytes, ike_addr_len (addr));
  }
  if (is_update && !n_told[0] && !n_told[1])
    ike_notify_write (out, 0, N_NO_ADDITIONAL_ADDRESSES, NULL, 0, NULL, 0);
}

/* -- the peer's */

/* Nobody is reached there, or everybody. */
static gboolean
is_nonsense (const IkeAddr *addr)
{
  const guint8 *b = addr->bytes;

  if (ike_addr_is_any (addr))
    return TRUE;
  if (addr->family == 4)
    return b[0] == 0 || b[0] == 127 || b[0] >= 224;
  return b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) || (b[0] == 0 && b[1] == 0);
}

static void
hear_all (MobikeSa *s, const IkeExchange *x, guint16 type)
{
  const IkeNotify *notify;
  guint i;

  for (i = 0; (notify = ike_exchange_record (x, type, i)); i++) {
    IkeAddr addr = { .family = type == N_ADDITIONAL_IP6_ADDRESS ? 6 : 4 };
    memcpy (addr.bytes, notify->data, MIN (notify->len, sizeof addr.bytes));
    if (!is_nonsense (&addr) && !addrs_are_inside (s, FALSE, &addr))
      addrs_add (s->peer, &addr);
  }
}

/* RFC 4555, 3.6: "The new list of addresses replaces the old information". */
void
addrs_hear (MobikeSa *s, const IkeExchange *x)
{
  g_free (s->peer);
  s->peer = g_new0 (Addrs, 1);
  addrs_add (s->peer, ike_exchange_remote (x));
  hear_all (s, x, N_ADDITIONAL_IP4_ADDRESS);
  hear_all (s, x, N_ADDITIONAL_IP6_ADDRESS);
}
