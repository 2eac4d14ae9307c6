/* SPDX-License-Identifier: Apache-2.0 */
/* leases.c - which address a client gets, in SQL; see leases.h. */
#include <string.h>
#include <ikebana/error.h>
#include "leases.h"
#include "shared/pool/pool_keys.h"
#include "shared/pool/pool_tell.h"

/* How many of a client's, or of the oldest leases are looked at before the next way is tried. */
enum { LOOKED_AT = 16 };

const char *const leases_migrations[] = {
  "CREATE TABLE leases (address TEXT PRIMARY KEY, family INTEGER NOT NULL, pool TEXT NOT NULL,"
  "  client TEXT, id_type INTEGER, id BLOB, n_holders INTEGER NOT NULL, since_us INTEGER NOT NULL)"
  "  WITHOUT ROWID;"
  "CREATE INDEX leases_client ON leases (client, pool, family) WHERE client IS NOT NULL;"
  "CREATE INDEX leases_offline ON leases (pool, family, since_us) WHERE n_holders = 0;"
  "CREATE TABLE holders (address TEXT NOT NULL REFERENCES leases ON DELETE CASCADE,"
  "  unique_id INTEGER NOT NULL, remote TEXT NOT NULL, history INTEGER NOT NULL,"
  "  PRIMARY KEY (address, unique_id)) WITHOUT ROWID;"
  "CREATE TABLE fresh (pool TEXT NOT NULL, family INTEGER NOT NULL, addrs TEXT NOT NULL,"
  "  next INTEGER NOT NULL, PRIMARY KEY (pool, family)) WITHOUT ROWID;"
  "CREATE TABLE history (id INTEGER PRIMARY KEY, address TEXT NOT NULL, pool TEXT NOT NULL,"
  "  client TEXT, identity TEXT, remote TEXT NOT NULL, acquired_us INTEGER NOT NULL,"
  "  released_us INTEGER);"
  "CREATE INDEX history_address ON history (address, acquired_us);"
  "CREATE INDEX history_client ON history (client, acquired_us) WHERE client IS NOT NULL;"
  "CREATE INDEX history_released ON history (released_us) WHERE released_us IS NOT NULL;"
  "CREATE INDEX history_open ON history (id) WHERE released_us IS NULL;"
  "CREATE TABLE session (one INTEGER PRIMARY KEY CHECK (one = 1), id INTEGER NOT NULL);",
  "CREATE INDEX leases_online ON leases (pool) WHERE n_holders > 0;",
  NULL,
};

/* -- what is asked */

typedef struct {
  IkeSqliteTx *tx;
  const LeasesRules *rules;
  const PoolConf *conf;
  const IkeLeaseQuery *query;
  guint family;
  char client[POOL_CLIENT_TEXT_MAX]; /* "": anonymous */
  char remote[IKE_ADDR_TEXT_SIZE], host[IKE_ADDR_TEXT_SIZE];
} Ask;

static IkeSqliteValue
client_of (const Ask *ask)
{
  return ike_sqlite_text (ask->client[0] ? ask->client : NULL);
}

/* Columns 0 to 2 of a row: address, id_type, id. */
static gboolean
is_clients (const Ask *ask, const IkeSqliteValue *row)
{
  IkeIdent *owner;
  gboolean is_equal;

  if (!ask->query->identity || row[1].type != IKE_SQLITE_INT || row[2].type != IKE_SQLITE_BLOB)
    return FALSE;
  owner = ike_ident_new ((guint8) row[1].integer, row[2].data, row[2].len);
  is_equal = ike_ident_equal (owner, ask->query->identity);
  ike_ident_unref (owner);
  return is_equal;
}

static gboolean
is_of_pool (const Ask *ask, const IkeSqliteValue *row, IkeAddr *addr)
{
  return ike_addr_parse (addr, ike_sqlite_value_text (row), NULL)
         && pool_addrs_has (ask->conf->addrs, addr);
}

/* -- sessions */

static gboolean
take_over (IkeSqliteTx *tx, const LeasesRules *rules, GError **error)
{
  const IkeSqliteValue now[] = { ike_sqlite_int (tx->now_us) };
  const IkeSqliteValue id[] = { ike_sqlite_int (rules->session) };
  const IkeSqliteStatement steps[] = {
    { "DELETE FROM holders", NULL, 0 },
    { "UPDATE leases SET n_holders = 0, since_us = ?1 WHERE n_holders > 0", now, 1 },
    { "UPDATE history SET released_us = ?1 WHERE released_us IS NULL", now, 1 },
    { "INSERT OR REPLACE INTO session (one, id) VALUES (1, ?1)", id, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    if (!tx->exec (tx, &steps[i], error))
      return FALSE;
  return TRUE;
}

gboolean
leases_begin_session (IkeSqliteTx *tx, const LeasesRules *rules, GError **error)
{
  const IkeSqliteStatement ask = { "SELECT id FROM session WHERE one = 1", NULL, 0 };
  g_autoptr (IkeSqliteRows) rows = tx->query (tx, &ask, 1, error);

  if (!rows)
    return FALSE;
  if (rows->n_rows && ike_sqlite_rows_get (rows, 0, 0)->integer == rules->session)
    return TRUE;
  return take_over (tx, rules, error);
}

/* -- which one: each way finds an address, or none; FALSE is a failure */

/* An SA that takes the place of another before that is closed comes from the same host and port;
 * one that wants two addresses gets two. */
static gboolean
find_shared (const Ask *ask, IkeAddr *addr, GError **error)
{
  const IkeSqliteValue args[] = { client_of (ask), ike_sqlite_text (ask->query->pool),
                                  ike_sqlite_int (ask->family), ike_sqlite_text (ask->remote),
                                  ike_sqlite_int (ask->query->unique_id) };
  const IkeSqliteStatement statement = {
    "SELECT l.address, l.id_type, l.id FROM leases AS l JOIN holders AS h USING (address)"
    " WHERE l.client = ?1 AND l.pool = ?2 AND l.family = ?3 AND h.remote = ?4"
    " AND NOT EXISTS (SELECT 1 FROM holders AS own WHERE own.address = l.address"
    " AND own.unique_id = ?5) ORDER BY l.since_us DESC",
    args, 5
  };
  g_autoptr (IkeSqliteRows) rows = NULL;

  if (!ask->client[0])
    return TRUE;
  rows = ask->tx->query (ask->tx, &statement, LOOKED_AT, error);
  for (guint i = 0; rows && !addr->family && i < rows->n_rows; i++)
    if (is_clients (ask, ike_sqlite_rows_get (rows, i, 0))
        && !is_of_pool (ask, ike_sqlite_rows_get (rows, i, 0), addr))
      addr->family = 0;
  return rows != NULL;
}

/* RFC 7296, 3.15.1: "If a specific address is requested, it likely indicates that a previous
 * connection existed with this address and the requestor would like to reuse that address." */
static gboolean
find_wanted (const Ask *ask, IkeAddr *addr, GError **error)
{
  char text[IKE_ADDR_TEXT_SIZE];
  const IkeAddr *wanted = &ask->query->wanted;
  const IkeSqliteValue args[] = { ike_sqlite_text (ike_addr_format (wanted, FALSE, text)),
                                  ike_sqlite_int (ask->query->unique_id) };
  const IkeSqliteStatement statement = {
    "SELECT address, id_type, id, EXISTS (SELECT 1 FROM holders WHERE holders.address = ?1"
    " AND unique_id = ?2) FROM leases WHERE address = ?1",
    args, 2
  };
  g_autoptr (IkeSqliteRows) rows = NULL;

  if (ike_addr_is_any (wanted) || !pool_addrs_has (ask->conf->addrs, wanted))
    return TRUE;
  rows = ask->tx->query (ask->tx, &statement, 1, error);
  if (!rows)
    return FALSE;
  if (!rows->n_rows
      || (is_clients (ask, ike_sqlite_rows_get (rows, 0, 0))
          && !ike_sqlite_rows_get (rows, 0, 3)->integer))
    *addr = *wanted;
  return TRUE;
}

/* Left to itself, SQLite sorts by leases_offline, which has everybody's. */
static gboolean
find_own (const Ask *ask, IkeAddr *addr, GError **error)
{
  const IkeSqliteValue args[] = { client_of (ask), ike_sqlite_text (ask->query->pool),
                                  ike_sqlite_int (ask->family) };
  const IkeSqliteStatement statement = {
    "SELECT address, id_type, id FROM leases INDEXED BY leases_client"
    " WHERE client = ?1 AND pool = ?2 AND family = ?3 AND n_holders = 0 ORDER BY since_us DESC",
    args, 3
  };
  g_autoptr (IkeSqliteRows) rows = NULL;

  if (!ask->client[0])
    return TRUE;
  rows = ask->tx->query (ask->tx, &statement, LOOKED_AT, error);
  for (guint i = 0; rows && !addr->family && i < rows->n_rows; i++)
    if (is_clients (ask, ike_sqlite_rows_get (rows, i, 0))
        && !is_of_pool (ask, ike_sqlite_rows_get (rows, i, 0), addr))
      addr->family = 0;
  return rows != NULL;
}

gboolean
leases_drop (IkeSqliteTx *tx, const char *address, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (address) };
  const IkeSqliteStatement statement = { "DELETE FROM leases WHERE address = ?1", args, 1 };

  return tx->exec (tx, &statement, error);
}

/* Those that the pool lost while somebody had them are nobody's any more; behind so many of them
 * may be one that it has. */
static gboolean
find_oldest (const Ask *ask, IkeAddr *addr, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (ask->query->pool),
                                  ike_sqlite_int (ask->family) };
  const IkeSqliteStatement statement = {
    "SELECT address FROM leases WHERE pool = ?1 AND family = ?2 AND n_holders = 0"
    " ORDER BY since_us",
    args, 2
  };

  for (;;) {
    g_autoptr (IkeSqliteRows) rows = ask->tx->query (ask->tx, &statement, LOOKED_AT, error);
    if (!rows || !rows->n_rows)
      return rows != NULL;
    for (guint i = 0; i < rows->n_rows; i++) {
      const IkeSqliteValue *row = ike_sqlite_rows_get (rows, i, 0);
      if (is_of_pool (ask, row, addr))
        return TRUE;
      addr->family = 0;
      if (!leases_drop (ask->tx, ike_sqlite_value_text (row), error))
        return FALSE;
    }
  }
}

/* -- addresses that nobody had: all below `next` were given to somebody */

char *
leases_describe_addrs (const PoolConf *conf)
{
  GString *text = g_string_new (NULL);
  char first[IKE_ADDR_TEXT_SIZE];

  for (guint i = 0; i < conf->addrs->n_ranges; i++)
    g_string_append_printf (text, "%s+%" G_GUINT64_FORMAT " ",
                            ike_addr_format (&conf->addrs->ranges[i].first, FALSE, first),
                            conf->addrs->ranges[i].n);
  return g_string_free (text, FALSE);
}

static gboolean
set_next (const Ask *ask, const char *addrs, guint64 next, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (ask->query->pool), ike_sqlite_int (ask->family),
                                  ike_sqlite_text (addrs), ike_sqlite_int ((gint64) next) };
  const IkeSqliteStatement statement = {
    "INSERT OR REPLACE INTO fresh (pool, family, addrs, next) VALUES (?1, ?2, ?3, ?4)", args, 4
  };

  return ask->tx->exec (ask->tx, &statement, error);
}

typedef struct {
  const Ask *ask;
  GPtrArray *gone;
} Tidying;

static gboolean
note_gone (const IkeSqliteValue *row, guint n, gpointer data)
{
  Tidying *tidying = data;
  IkeAddr addr;

  if (!is_of_pool (tidying->ask, row, &addr))
    g_ptr_array_add (tidying->gone, g_strdup (ike_sqlite_value_text (row)));
  return TRUE;
}

/* The pool has other addresses than before: those that it lost are nobody's any more, once their
 * clients are gone. */
static gboolean
tidy (const Ask *ask, GError **error)
{
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func (g_free);
  const IkeSqliteValue args[] = { ike_sqlite_text (ask->query->pool),
                                  ike_sqlite_int (ask->family) };
  const IkeSqliteStatement offline = {
    "SELECT address FROM leases WHERE pool = ?1 AND family = ?2 AND n_holders = 0", args, 2
  };
  Tidying tidying = { ask, gone };

  if (!ask->tx->each (ask->tx, &offline, note_gone, &tidying, error))
    return FALSE;
  for (guint i = 0; i < gone->len; i++)
    if (!leases_drop (ask->tx, gone->pdata[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
read_next (const Ask *ask, const char *addrs, guint64 *next, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (ask->query->pool),
                                  ike_sqlite_int (ask->family) };
  const IkeSqliteStatement statement = {
    "SELECT addrs, next FROM fresh WHERE pool = ?1 AND family = ?2", args, 2
  };
  g_autoptr (IkeSqliteRows) rows = ask->tx->query (ask->tx, &statement, 1, error);

  *next = 0;
  if (!rows)
    return FALSE;
  if (rows->n_rows
      && g_str_equal (ike_sqlite_value_text (ike_sqlite_rows_get (rows, 0, 0)), addrs)) {
    *next = (guint64) MAX (ike_sqlite_rows_get (rows, 0, 1)->integer, 0);
    return TRUE;
  }
  return tidy (ask, error) && set_next (ask, addrs, 0, error);
}

/* What is remembered for another pool, which may have had another name before, is free. */
static gboolean
is_given (const Ask *ask, const IkeAddr *addr, gboolean *answer, GError **error)
{
  char text[IKE_ADDR_TEXT_SIZE];
  const IkeSqliteValue args[] = { ike_sqlite_text (ike_addr_format (addr, FALSE, text)),
                                  ike_sqlite_text (ask->query->pool) };
  const IkeSqliteStatement statement = {
    "SELECT 1 FROM leases WHERE address = ?1 AND (n_holders > 0 OR pool = ?2)", args, 2
  };
  g_autoptr (IkeSqliteRows) rows = ask->tx->query (ask->tx, &statement, 1, error);

  *answer = rows && rows->n_rows > 0;
  return rows != NULL;
}

static gboolean
find_fresh (const Ask *ask, IkeAddr *addr, GError **error)
{
  g_autofree char *addrs = leases_describe_addrs (ask->conf);
  guint64 n = pool_addrs_n (ask->conf->addrs, ask->family), first, next;
  gboolean is_taken = TRUE;
  IkeAddr at = { 0 };

  if (!read_next (ask, addrs, &first, error))
    return FALSE;
  /* So many clients are remembered; from now on the oldest ones are forgotten. */
  if (first >= ask->rules->max_leases && (!find_oldest (ask, addr, error) || addr->family))
    return addr->family != 0;
  for (next = first; is_taken && next < n; next++) {
    pool_addrs_nth (ask->conf->addrs, ask->family, next, &at);
    if (!is_given (ask, &at, &is_taken, error))
      return FALSE;
  }
  if (!is_taken)
    *addr = at;
  return next == first || set_next (ask, addrs, next, error);
}

/* -- taking and giving back */

static gboolean
note_history (const Ask *ask, const char *address, GError **error)
{
  char identity[POOL_CLIENT_TEXT_MAX] = "";
  const IkeSqliteValue args[] = {
    ike_sqlite_text (address),
    ike_sqlite_text (ask->query->pool),
    client_of (ask),
    ike_sqlite_text (ask->query->identity
                         ? ike_ident_format (ask->query->identity, identity, sizeof identity)
                         : NULL),
    ike_sqlite_text (ask->host),
    ike_sqlite_int (ask->tx->now_us),
  };
  const IkeSqliteStatement statement = {
    "INSERT INTO history (address, pool, client, identity, remote, acquired_us)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    args, 6
  };

  return ask->tx->exec (ask->tx, &statement, error);
}

static gboolean
note_holder (const Ask *ask, const char *address, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (address), ike_sqlite_int (ask->query->unique_id),
                                  ike_sqlite_text (ask->remote),
                                  ike_sqlite_int (ask->tx->last_id) };
  const IkeSqliteStatement statement = {
    "INSERT INTO holders (address, unique_id, remote, history) VALUES (?1, ?2, ?3, ?4)", args, 4
  };

  return ask->tx->exec (ask->tx, &statement, error);
}

static gboolean
take (const Ask *ask, const IkeAddr *addr, GError **error)
{
  char text[IKE_ADDR_TEXT_SIZE];
  const char *address = ike_addr_format (addr, FALSE, text);
  gsize len = 0;
  const guint8 *id = ask->query->identity ? ike_ident_data (ask->query->identity, &len) : NULL;
  const IkeSqliteValue args[] = {
    ike_sqlite_text (address),
    ike_sqlite_int (ask->family),
    ike_sqlite_text (ask->query->pool),
    client_of (ask),
    id ? ike_sqlite_int (ike_ident_type (ask->query->identity)) : ike_sqlite_null (),
    id ? ike_sqlite_blob (id, len) : ike_sqlite_null (),
    ike_sqlite_int (ask->tx->now_us),
  };
  const IkeSqliteStatement statement = {
    "INSERT INTO leases (address, family, pool, client, id_type, id, n_holders, since_us)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7)"
    " ON CONFLICT (address) DO UPDATE SET pool = ?3, client = ?4, id_type = ?5, id = ?6,"
    " since_us = CASE n_holders WHEN 0 THEN ?7 ELSE since_us END, n_holders = n_holders + 1",
    args, 7
  };

  return ask->tx->exec (ask->tx, &statement, error) && note_history (ask, address, error)
         && note_holder (ask, address, error);
}

static gboolean
pick (const Ask *ask, IkeAddr *addr, GError **error)
{
  static gboolean (*const ways[]) (const Ask *, IkeAddr *, GError **) = { find_shared, find_wanted,
                                                                          find_own, find_fresh,
                                                                          find_oldest };
  g_autofree char *why = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    if (!ways[i](ask, addr, error))
      return FALSE;
    if (addr->family)
      return TRUE;
  }
  why = pool_why_none (ask->query->pool, ask->conf->addrs, ask->family);
  g_set_error_literal (error, IKE_ERROR, IKE_ERROR_BUSY, why);
  return FALSE;
}

gboolean
leases_acquire (IkeSqliteTx *tx, const LeasesRules *rules, const PoolConf *conf,
                const IkeLeaseQuery *query, IkeAddr *out, GError **error)
{
  Ask ask = { .tx = tx,
              .rules = rules,
              .conf = conf,
              .query = query,
              .family = query->wanted.family == 6 ? 6 : 4 };

  memset (out, 0, sizeof *out);
  pool_client_text (query->identity, ask.client);
  ike_addr_format (&query->remote, TRUE, ask.remote);
  ike_addr_format (&query->remote, FALSE, ask.host);
  if (!leases_begin_session (tx, rules, error) || !pick (&ask, out, error))
    return FALSE;
  out->port = 0;
  return take (&ask, out, error);
}

gboolean
leases_release (IkeSqliteTx *tx, const LeasesRules *rules, const IkeLeaseQuery *query,
                const IkeAddr *addr, GError **error)
{
  char text[IKE_ADDR_TEXT_SIZE];
  const IkeSqliteValue args[] = { ike_sqlite_text (ike_addr_format (addr, FALSE, text)),
                                  ike_sqlite_int (query->unique_id), ike_sqlite_int (tx->now_us) };
  const IkeSqliteStatement end = {
    "UPDATE history SET released_us = ?3 WHERE id = (SELECT history FROM holders"
    " WHERE address = ?1 AND unique_id = ?2)",
    args, 3
  };
  const IkeSqliteStatement drop = { "DELETE FROM holders WHERE address = ?1 AND unique_id = ?2",
                                    args, 2 };
  const IkeSqliteValue lease_args[] = { args[0], args[2] };
  const IkeSqliteStatement lease = {
    "UPDATE leases SET since_us = CASE n_holders WHEN 1 THEN ?2 ELSE since_us END,"
    " n_holders = n_holders - 1 WHERE address = ?1",
    lease_args, 2
  };

  if (!leases_begin_session (tx, rules, error) || !tx->exec (tx, &end, error)
      || !tx->exec (tx, &drop, error))
    return FALSE;
  return tx->n_changed == 0 || tx->exec (tx, &lease, error);
}
