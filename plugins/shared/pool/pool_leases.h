/* SPDX-License-Identifier: Apache-2.0 */
/* pool_leases.h - who has which address of a pool, in memory: leases that are online, with the SAs that hold them, and
 * leases that are remembered for when their client comes back.
 *
 * Whatever the size of the pool, an address is found in constant time, and memory is used for leases only.  No lock:
 * the owner's. */
#pragma once
#include <ikebana/pool.h>
#include "pool_addrs.h"

typedef struct _PoolLeases PoolLeases;

typedef struct {
  IkeAddr   addr;
  IkeIdent *identity;                         /* NULL: an anonymous client */
  guint     n_holders;                        /* SAs; 0: offline */
  gint64    since_us;                         /* it went online, or offline */
} PoolLease;

/* @addrs stay the caller's until _set_addrs() or _free().  No more than @max_offline leases are remembered. */
PoolLeases *pool_leases_new       (const PoolAddrs *addrs, guint max_offline);
void        pool_leases_free      (PoolLeases *leases);
/* Other addresses: leases that still fit stay; of others those that are online, until they are given back.  How many of
 * these there are.  The same addresses again cost nothing. */
guint       pool_leases_set_addrs (PoolLeases *leases, const PoolAddrs *addrs);
gboolean    pool_leases_is_online (const PoolLeases *leases, const IkeAddr *addr);
/* Addresses that @is_taken are nobody's to get: some other pool has given them. NULL: none are. */
void        pool_leases_set_guard (PoolLeases *leases, gboolean (*is_taken) (const IkeAddr *addr, gpointer data),
                                   gpointer data);

/* An address for @query, in this order: the one that the client has, if the SA is of the same host (one that is made
 * before the old one is closed) or asks for it; the one that it asks for, if nobody has or had it; the one that it had
 * last; one that nobody had; the one that was not used for the longest time.  FALSE with @why (g_free). */
gboolean    pool_leases_acquire   (PoolLeases *leases, const IkeLeaseQuery *query, gint64 now_us, IkeAddr *out,
                                   char **why);
/* What was acquired by @query.  Twice, or never acquired: nothing happens. */
void        pool_leases_release   (PoolLeases *leases, const IkeLeaseQuery *query, const IkeAddr *addr, gint64 now_us);

guint64     pool_leases_n_online  (const PoolLeases *leases);
guint64     pool_leases_n_offline (const PoolLeases *leases);
/* In no order; @each must not change them. */
void        pool_leases_each      (const PoolLeases *leases, void (*each) (const PoolLease *lease, gpointer data),
                                   gpointer data);
