/* SPDX-License-Identifier: Apache-2.0 */
/* pool_addrs.h - which addresses a pool has: prefixes and ranges of both families, as numbers from 0.
 *
 * Immutable once parsed, and of a size that does not depend on how many addresses there are. */
#pragma once
#include <ikebana/addr.h>

/* Of a range with more addresses so many are used: nobody leases them all. */
#define POOL_RANGE_MAX (G_GUINT64_CONSTANT (1) << 48)
enum { POOL_RANGES_MAX = 256 };

typedef struct {
  IkeAddr first;
  guint64 n;
  guint64 at;                                 /* number of the first one, among all of its family */
} PoolRange;

typedef struct {
  guint     n_ranges;
  guint64   n[2];                             /* IPv4, IPv6 */
  PoolRange ranges[];
} PoolAddrs;

/* "10.3.0.0/24", "10.3.0.10-10.3.0.99", "fd00::/64", one address, and several of these between commas.  Of a prefix
 * with more than two addresses the network itself is left out, and in IPv4 the broadcast address; one that is written
 * with the address of a host begins there.  NULL with @error: not well-formed, too many, or some overlap. */
PoolAddrs *pool_addrs_parse    (const char *text, GError **error);
guint64    pool_addrs_n        (const PoolAddrs *addrs, guint family);
/* The address of number @i < n. */
void       pool_addrs_nth      (const PoolAddrs *addrs, guint family, guint64 i, IkeAddr *out);
gboolean   pool_addrs_has      (const PoolAddrs *addrs, const IkeAddr *addr);
/* The number of @addr; FALSE: it is none of them. */
gboolean   pool_addrs_find     (const PoolAddrs *addrs, const IkeAddr *addr, guint64 *i);
gboolean   pool_addrs_overlap  (const PoolAddrs *a, const PoolAddrs *b);
/* The same addresses under the same numbers. */
gboolean   pool_addrs_equal    (const PoolAddrs *a, const PoolAddrs *b);
