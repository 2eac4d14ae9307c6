/* SPDX-License-Identifier: Apache-2.0 */
/* test_tables.c - what a question takes from the tables, and how SQLite finds it, on a database in
 * memory. */
#include "tables.h"

#include <string.h>

#include "sqlite/test_plans.h"

enum { N_TRIPLETS = 2000 };

typedef struct {
  Connection *connection;
  IkeSqliteTx *tx;
} Fixture;

static void
set_up (Fixture *f, gconstpointer unused)
{
  const ConnectionOptions options = { ":memory:", CONNECTION_WRITES, 100, FALSE };

  f->connection = connection_open (&options, NULL);
  g_assert_true (connection_migrate (f->connection, "sim", sim_tables, NULL));
  f->tx = connection_tx (f->connection);
  plans_watch (f->tx, NULL);
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  plans_end (f->tx);
  connection_close (f->connection);
}

/* -- triplets */

/* The @i-th of card 7: its RAND ends with the number. */
static void
number_rand (guint8 rand[static IKE_SIM_RAND_LEN], guint i)
{
  memset (rand, 0, IKE_SIM_RAND_LEN);
  rand[IKE_SIM_RAND_LEN - 2] = (guint8) (i >> 8);
  rand[IKE_SIM_RAND_LEN - 1] = (guint8) i;
}

static void
add_triplets (Fixture *f, guint n)
{
  for (guint i = 0; i < n; i++) {
    guint8 rand[IKE_SIM_RAND_LEN];
    const IkeSqliteValue args[] = { ike_sqlite_blob (rand, sizeof rand) };
    const IkeSqliteStatement insert = {
      "INSERT INTO sim_triplets (card, rand, sres, kc) VALUES ('7', ?1, x'01020304', "
      "x'0102030405060708')",
      args, 1
    };

    number_rand (rand, i);
    g_assert_true (plans.exec (f->tx, &insert, NULL));
  }
}

static guint
n_of (const SimCard *card)
{
  return card ? card->triplets->len : 0;
}

/* Of very many triplets those are taken that the network asks for, wherever they stand. */
static void
test_run (Fixture *f, gconstpointer unused)
{
  static const guint wanted[] = { 1, N_TRIPLETS / 2, N_TRIPLETS - 1 };
  SimRequest asked = { .want = SIM_WANT_GSM, .card = (char *) "7", .n = G_N_ELEMENTS (wanted) };
  g_autoptr (GError) error = NULL;
  SimCard *card;

  add_triplets (f, N_TRIPLETS);
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    number_rand (asked.rand + i * IKE_SIM_RAND_LEN, wanted[i]);
  plans.n_explained = plans.n_rows = 0;
  card = sim_table_load (f->tx, &asked, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_of (card), ==, G_N_ELEMENTS (wanted));
  g_assert_cmpuint (plans.n_rows, ==, G_N_ELEMENTS (wanted));
  g_assert_cmpuint (plans.n_explained, >=, 2);
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++) {
    const IkeSimTriplet *triplet =
        (const IkeSimTriplet *) (void *) ike_secret_blob_data (card->triplets->pdata[i]);
    g_assert_cmpmem (triplet->rand, IKE_SIM_RAND_LEN, asked.rand + i * IKE_SIM_RAND_LEN,
                     IKE_SIM_RAND_LEN);
  }
  sim_card_free (card);
}

/* A card that has none of them is known all the same; another one is not. */
static void
test_run_others (Fixture *f, gconstpointer unused)
{
  SimRequest asked = { .want = SIM_WANT_GSM, .card = (char *) "7", .n = 2 };
  g_autoptr (GError) error = NULL;
  SimCard *card;

  add_triplets (f, 3);
  number_rand (asked.rand, 100);
  number_rand (asked.rand + IKE_SIM_RAND_LEN, 101);
  card = sim_table_load (f->tx, &asked, &error);
  g_assert_nonnull (card);
  g_assert_cmpuint (n_of (card), ==, 0);
  sim_card_free (card);
  asked.card = (char *) "8";
  g_assert_null (sim_table_load (f->tx, &asked, &error));
  g_assert_no_error (error);
}

/* As the network: so many as are wanted, and in turn. */
static void
test_give (Fixture *f, gconstpointer unused)
{
  const SimRequest asked = { .want = SIM_WANT_TRIPLETS, .card = (char *) "7", .n = 2 };
  g_autoptr (GError) error = NULL;

  add_triplets (f, N_TRIPLETS);
  for (guint i = 0; i < 5; i++) {
    guint8 first[IKE_SIM_RAND_LEN];
    SimCard *card;

    plans.n_rows = 0;
    card = sim_table_load (f->tx, &asked, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (n_of (card), ==, 2);
    g_assert_cmpuint (plans.n_rows, ==, 2);
    number_rand (first, 2 * i);
    g_assert_cmpmem (ike_secret_blob_data (card->triplets->pdata[0]), sizeof first, first,
                     sizeof first);
    sim_card_free (card);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)
  ADD ("/sim-sqlite/a-card-takes-what-it-is-asked-for", test_run);
  ADD ("/sim-sqlite/a-card-without-that-is-known", test_run_others);
  ADD ("/sim-sqlite/a-network-takes-what-it-gives", test_give);
#undef ADD
  return g_test_run ();
}
