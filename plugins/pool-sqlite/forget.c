/* SPDX-License-Identifier: Apache-2.0 */
/* forget.c - what is forgotten in time: history, and leases that are too many. */
#include "leases.h"

/* In one transaction, others wait behind it. */
enum { FORGOTTEN_MAX = 100000 };

gboolean
leases_forget_history (IkeSqliteTx *tx, gint64 before_us, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_int (before_us) };
  const IkeSqliteStatement statement = { "DELETE FROM history WHERE released_us < ?1", args, 1 };

  return tx->exec (tx, &statement, error);
}

typedef struct {
  const PoolConf *conf;
  guint64 next; /* of `fresh`: all below were given to somebody */
  gint64 n_too_many;
  GPtrArray *addresses;
} Cut;

/* FALSE: the database fails. */
static gboolean
read_number (IkeSqliteTx *tx, const IkeSqliteStatement *statement, gint64 *number, GError **error)
{
  g_autoptr (IkeSqliteRows) rows = tx->query (tx, statement, 1, error);

  *number = rows && rows->n_rows ? ike_sqlite_rows_get (rows, 0, 0)->integer : 0;
  return rows != NULL;
}

/* An address below `next` stays, for only its lease says that it can be given again; these are no
 * more than max_leases, or than were online at one time.  So what goes was wished for. */
static gboolean
note_one (const IkeSqliteValue *row, guint n, gpointer data)
{
  Cut *cut = data;
  guint64 i;
  IkeAddr addr;

  if (!ike_addr_parse (&addr, ike_sqlite_value_text (row), NULL)
      || !pool_addrs_find (cut->conf->addrs, &addr, &i) || i >= cut->next) {
    g_ptr_array_add (cut->addresses, g_strdup (ike_sqlite_value_text (row)));
    cut->n_too_many--;
  }
  return cut->n_too_many > 0 && cut->addresses->len < FORGOTTEN_MAX;
}

static gboolean
cut_family (IkeSqliteTx *tx, const LeasesRules *rules, const PoolConf *conf, guint family,
            GError **error)
{
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *addrs = leases_describe_addrs (conf);
  const IkeSqliteValue args[] = { ike_sqlite_text (conf->name), ike_sqlite_int (family),
                                  ike_sqlite_text (addrs) };
  const IkeSqliteStatement count = {
    "SELECT count(*) FROM leases WHERE pool = ?1 AND family = ?2 AND n_holders = 0", args, 2
  };
  const IkeSqliteStatement next = {
    "SELECT next FROM fresh WHERE pool = ?1 AND family = ?2 AND addrs = ?3", args, 3
  };
  const IkeSqliteStatement oldest = {
    "SELECT address FROM leases WHERE pool = ?1 AND family = ?2 AND n_holders = 0"
    " ORDER BY since_us",
    args, 2
  };
  Cut cut = { .conf = conf, .addresses = addresses };
  gint64 n, at;

  if (!read_number (tx, &count, &n, error) || !read_number (tx, &next, &at, error))
    return FALSE;
  cut.next = (guint64) MAX (at, 0);
  cut.n_too_many = n - (gint64) MIN (rules->max_leases, G_MAXINT64);
  if (cut.n_too_many > 0 && !tx->each (tx, &oldest, note_one, &cut, error))
    return FALSE;
  for (guint i = 0; i < addresses->len; i++)
    if (!leases_drop (tx, addresses->pdata[i], error))
      return FALSE;
  return TRUE;
}

gboolean
leases_cut (IkeSqliteTx *tx, const LeasesRules *rules, const PoolConf *conf, GError **error)
{
  return leases_begin_session (tx, rules, error) && cut_family (tx, rules, conf, 4, error)
         && cut_family (tx, rules, conf, 6, error);
}
