/* SPDX-License-Identifier: Apache-2.0 */
/* list.c - leases and their history, for people. */
#include <ikebana/error.h>
#include "leases.h"
#include "shared/pool/pool_tell.h"

static gboolean
count (IkeSqliteTx *tx, const char *sql, const char *pool, gint64 *n, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (pool) };
  const IkeSqliteStatement statement = { sql, args, 1 };
  g_autoptr (IkeSqliteRows) rows = tx->query (tx, &statement, 1, error);

  if (rows)
    *n = ike_sqlite_rows_get (rows, 0, 0)->integer;
  return rows != NULL;
}

/* One after the other: each has an index of its own. */
gboolean
leases_count (IkeSqliteTx *tx, const LeasesRules *rules, const char *pool, gint64 *online,
              gint64 *offline, GError **error)
{
  return leases_begin_session (tx, rules, error)
         && count (tx, "SELECT count(*) FROM leases WHERE pool = ?1 AND n_holders > 0", pool,
                   online, error)
         && count (tx, "SELECT count(*) FROM leases WHERE pool = ?1 AND n_holders = 0", pool,
                   offline, error);
}

typedef struct {
  IkeTree *list;
  gint64 now_us;
} Listing;

/* Columns: pool, address, id_type, id, n_holders, since_us. */
static gboolean
add_lease (const IkeSqliteValue *row, guint n, gpointer data)
{
  Listing *listing = data;
  gboolean is_known = row[2].type == IKE_SQLITE_INT;
  g_autoptr (IkeIdent) identity =
      is_known ? ike_ident_new ((guint8) row[2].integer, row[3].data, row[3].len) : NULL;
  PoolLeaseRow lease = { ike_sqlite_value_text (&row[0]), ike_sqlite_value_text (&row[1]), identity,
                         row[4].integer, row[5].integer };

  pool_lease_row (ike_tree_add_section (listing->list, NULL), &lease, listing->now_us);
  return TRUE;
}

gboolean
leases_list (IkeSqliteTx *tx, const LeasesRules *rules, IkeTree *list, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_int (LEASES_LISTED_MAX) };
  const IkeSqliteStatement statement = {
    "SELECT pool, address, id_type, id, n_holders, since_us FROM leases LIMIT ?1", args, 1
  };
  Listing listing = { list, tx->now_us };

  return leases_begin_session (tx, rules, error)
         && tx->each (tx, &statement, add_lease, &listing, error);
}

static void
set_time (IkeTree *one, const char *key, const IkeSqliteValue *value)
{
  g_autoptr (GDateTime) time = NULL;
  g_autofree char *text = NULL;

  if (value->type != IKE_SQLITE_INT)
    return;
  time = g_date_time_new_from_unix_utc (value->integer / G_USEC_PER_SEC);
  text = time ? g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ") : NULL;
  ike_tree_set_string (one, key, text ? text : "");
}

static gboolean
add_past (const IkeSqliteValue *row, guint n, gpointer data)
{
  static const char *const keys[] = { "address", "pool", "identity", "remote" };
  IkeTree *one = ike_tree_add_section (data, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    ike_tree_set_string (one, keys[i], ike_sqlite_value_text (&row[i]));
  set_time (one, "acquired", &row[4]);
  set_time (one, "released", &row[5]);
  return TRUE;
}

#define HISTORY(which)                                                                             \
  "SELECT address, pool, identity, remote, acquired_us, released_us FROM history " which " LIMIT " \
  "?3"
#define NEWEST " ORDER BY acquired_us DESC, id DESC"

/* By what is asked for, so that SQLite goes by the index of that.  Of all, ids are in the order of
 * time. */
static const char *
history_of (const LeasesPast *past)
{
  if (past->address && past->identity)
    return HISTORY ("WHERE address = ?1 AND client = ?2" NEWEST);
  if (past->address)
    return HISTORY ("WHERE address = ?1" NEWEST);
  return past->identity ? HISTORY ("WHERE client = ?2" NEWEST) : HISTORY ("ORDER BY id DESC");
}

gboolean
leases_history (IkeSqliteTx *tx, const LeasesPast *past, IkeTree *list, GError **error)
{
  g_autofree char *client = past->identity ? g_ascii_strdown (past->identity, -1) : NULL;
  const IkeSqliteValue args[] = { ike_sqlite_text (past->address), ike_sqlite_text (client),
                                  ike_sqlite_int (past->max) };
  const IkeSqliteStatement statement = { history_of (past), args, 3 };

  return tx->each (tx, &statement, add_past, list, error);
}
