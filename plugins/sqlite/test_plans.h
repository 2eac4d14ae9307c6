/* SPDX-License-Identifier: Apache-2.0 */
/* test_plans.h - how SQLite goes about the statements of a transaction: while they are watched, none reads a table as a
 * whole or puts rows in order first, unless the test allows that. */
#pragma once
#include <string.h>

#include "sqlite/connection.h"

typedef struct {
  gboolean (*may_sort) (const char *sql);     /* NULL: none may */
  const char *(*wanted) (const char *sql);    /* a part of one of its steps; NULL, or returns NULL: any will do */
} PlansRule;

static struct {
  PlansRule rule;
  gboolean (*exec) (IkeSqliteTx *, const IkeSqliteStatement *, GError **);
  IkeSqliteRows *(*query) (IkeSqliteTx *, const IkeSqliteStatement *, guint, GError **);
  gboolean (*each) (IkeSqliteTx *, const IkeSqliteStatement *, gboolean (*) (const IkeSqliteValue *, guint, gpointer),
                    gpointer, GError **);
  guint n_explained, n_rows;                  /* statements; rows that they gave */
} plans;

static void
plans_assert (IkeSqliteTx *tx, const IkeSqliteStatement *statement)
{
  g_autofree char *sql = g_strconcat ("EXPLAIN QUERY PLAN ", statement->sql, NULL);
  const IkeSqliteStatement explain = { sql, statement->args, statement->n_args };
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeSqliteRows) rows = plans.query (tx, &explain, 100, &error);
  gboolean may_sort = plans.rule.may_sort && plans.rule.may_sort (statement->sql);
  const char *wanted = plans.rule.wanted ? plans.rule.wanted (statement->sql) : NULL;

  g_assert_no_error (error);
  plans.n_explained++;
  for (guint i = 0; i < rows->n_rows; i++) {
    const char *step = ike_sqlite_value_text (ike_sqlite_rows_get (rows, i, 3));
    if (wanted && strstr (step, wanted))
      wanted = NULL;
    if (g_str_has_prefix (step, "SCAN") || (!may_sort && strstr (step, "TEMP B-TREE")))
      g_error ("%s: %s", statement->sql, step);
  }
  if (wanted)
    g_error ("%s: no %s", statement->sql, wanted);
}

static gboolean
plans_exec (IkeSqliteTx *tx, const IkeSqliteStatement *statement, GError **error)
{
  plans_assert (tx, statement);
  return plans.exec (tx, statement, error);
}

static IkeSqliteRows *
plans_query (IkeSqliteTx *tx, const IkeSqliteStatement *statement, guint max, GError **error)
{
  IkeSqliteRows *rows;

  plans_assert (tx, statement);
  rows = plans.query (tx, statement, max, error);
  plans.n_rows += rows ? rows->n_rows : 0;
  return rows;
}

static gboolean
plans_each (IkeSqliteTx *tx, const IkeSqliteStatement *statement,
            gboolean (*row) (const IkeSqliteValue *values, guint n, gpointer data), gpointer data, GError **error)
{
  plans_assert (tx, statement);
  return plans.each (tx, statement, row, data, error);
}

static inline void
plans_watch (IkeSqliteTx *tx, const PlansRule *rule_or_null)
{
  memset (&plans, 0, sizeof plans);
  if (rule_or_null)
    plans.rule = *rule_or_null;
  plans.exec = tx->exec;
  plans.query = tx->query;
  plans.each = tx->each;
  tx->exec = plans_exec;
  tx->query = plans_query;
  tx->each = plans_each;
}

static inline void
plans_end (IkeSqliteTx *tx)
{
  tx->exec = plans.exec;
  tx->query = plans.query;
  tx->each = plans.each;
}
