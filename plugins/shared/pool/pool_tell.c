/* SPDX-License-Identifier: Apache-2.0 */
/* pool_tell.c - pools and leases for people; see pool_tell.h. */
#include "config.h"
#include "pool_tell.h"

void
pool_list_row (IkeTree *row, const PoolConf *conf, const char *keeper, gint64 n_online,
               gint64 n_offline)
{
  ike_tree_set_string (row, "pool", conf->name);
  ike_tree_set_string (row, "keeper", keeper);
  ike_tree_set_int (row, "size4", (gint64) pool_addrs_n (conf->addrs, 4));
  ike_tree_set_int (row, "size6", (gint64) pool_addrs_n (conf->addrs, 6));
  ike_tree_set_int (row, "online", n_online);
  ike_tree_set_int (row, "offline", n_offline);
}

void
pool_lease_row (IkeTree *row, const PoolLeaseRow *lease, gint64 now_us)
{
  char text[512] = "anonymous";

  if (lease->identity)
    ike_ident_format (lease->identity, text, sizeof text);
  ike_tree_set_string (row, "pool", lease->pool);
  ike_tree_set_string (row, "address", lease->address);
  ike_tree_set_string (row, "identity", text);
  ike_tree_set_string (row, "status", lease->n_holders ? "online" : "offline");
  ike_tree_set_int (row, "sas", lease->n_holders);
  ike_tree_set_int (row, "since-s", (now_us - lease->since_us) / G_USEC_PER_SEC);
}

char *
pool_why_none (const char *pool, const PoolAddrs *addrs, guint family)
{
  guint64 n = pool_addrs_n (addrs, family);

  return n ? g_strdup_printf ("pool %s is full: all %" G_GUINT64_FORMAT " addresses are in use",
                              pool, n)
           : g_strdup_printf ("pool %s has no IPv%u addresses", pool, family);
}
