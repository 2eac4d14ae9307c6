/* SPDX-License-Identifier: Apache-2.0 */
/* leases.h - who has, and had, which address: tables in a database, and what is done with them in a transaction.
 *
 * An address is in `leases` from when it is first given; `holders` says which SAs have it now, and without any it is
 * remembered for its client.  So an address has one row, whatever pools there are, and cannot be given twice.
 * Holders are those of one process: its session stands in the database, and the first thing that another one does is
 * to take them all away, while the clients keep their addresses. */
#pragma once
#include <ikebana/sqlite.h>
#include "shared/pool/pool_conf.h"

/* The component "pools" and its migrations. */
extern const char *const leases_migrations[];

typedef struct {
  gint64  session;                            /* of this process */
  guint64 max_leases;                         /* of one pool; then those that are offline are used again */
} LeasesRules;

/* FALSE with @error: the database fails, or IKE_ERROR_BUSY: the pool is full. */
gboolean leases_acquire (IkeSqliteTx *tx, const LeasesRules *rules, const PoolConf *conf, const IkeLeaseQuery *query,
                         IkeAddr *out, GError **error);
/* Not held by @query: nothing happens. */
gboolean leases_release (IkeSqliteTx *tx, const LeasesRules *rules, const IkeLeaseQuery *query, const IkeAddr *addr,
                         GError **error);
/* -- forget.c */

/* Forgets what ended before @before_us. */
gboolean leases_forget_history (IkeSqliteTx *tx, gint64 before_us, GError **error);
/* Of those that are offline, and that clients got by wishing, forgets the oldest beyond max_leases. */
gboolean leases_cut            (IkeSqliteTx *tx, const LeasesRules *rules, const PoolConf *conf, GError **error);

/* -- list.c: for people */

enum { LEASES_LISTED_MAX = 100000 };

gboolean leases_count   (IkeSqliteTx *tx, const LeasesRules *rules, const char *pool, gint64 *online, gint64 *offline,
                         GError **error);
gboolean leases_list    (IkeSqliteTx *tx, const LeasesRules *rules, IkeTree *list, GError **error);
/* Of an address, an identity, or all (NULL); the newest first. */
typedef struct {
  const char *address, *identity;
  guint       max;
} LeasesPast;
gboolean leases_history (IkeSqliteTx *tx, const LeasesPast *past, IkeTree *list, GError **error);

/* -- leases.c */

gboolean leases_begin_session  (IkeSqliteTx *tx, const LeasesRules *rules, GError **error);
gboolean leases_drop           (IkeSqliteTx *tx, const char *address, GError **error);
/* What `fresh` counts in: it begins anew where this differs. */
char    *leases_describe_addrs (const PoolConf *conf);
