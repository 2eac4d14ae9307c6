/* SPDX-License-Identifier: Apache-2.0 */
/* pool_tell.h - what keepers of pools tell people: rows of `pools` and `leases`, and why there is no address. */
#pragma once
#include <ikebana/ident.h>
#include <ikebana/tree.h>
#include "pool_conf.h"

/* Into @row, which is empty. */
void  pool_list_row  (IkeTree *row, const PoolConf *conf, const char *keeper, gint64 n_online, gint64 n_offline);

typedef struct {
  const char     *pool, *address;
  const IkeIdent *identity;                   /* NULL: an anonymous client */
  gint64          n_holders, since_us;        /* as in PoolLease */
} PoolLeaseRow;
void  pool_lease_row (IkeTree *row, const PoolLeaseRow *lease, gint64 now_us);

/* (transfer full): why @pool, with @addrs, gives no address of @family. */
char *pool_why_none  (const char *pool, const PoolAddrs *addrs, guint family);
