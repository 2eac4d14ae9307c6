/* SPDX-License-Identifier: Apache-2.0 */
/* tables.c - cards as rows: keys and numbers of a card, and its triplets, the least used first. */
#include "tables.h"

#include <string.h>

#include <ikebana/error.h>

const char *const sim_tables[] = {
  "CREATE TABLE sim_cards ("
  "  name TEXT PRIMARY KEY NOT NULL,"
  "  k BLOB NOT NULL CHECK (typeof (k) = 'blob' AND length (k) = 16),"
  "  opc BLOB NOT NULL CHECK (typeof (opc) = 'blob' AND length (opc) = 16),"
  "  amf BLOB NOT NULL DEFAULT x'8000' CHECK (typeof (amf) = 'blob' AND length (amf) = 2),"
  "  sqn INTEGER NOT NULL DEFAULT 0 CHECK (sqn BETWEEN 0 AND 281474976710655),"
  "  seen BLOB CHECK (seen IS NULL OR typeof (seen) = 'blob'));"
  "CREATE TABLE sim_triplets ("
  "  id INTEGER PRIMARY KEY,"
  "  card TEXT NOT NULL,"
  "  rand BLOB NOT NULL CHECK (typeof (rand) = 'blob' AND length (rand) = 16),"
  "  sres BLOB NOT NULL CHECK (typeof (sres) = 'blob' AND length (sres) = 4),"
  "  kc BLOB NOT NULL CHECK (typeof (kc) = 'blob' AND length (kc) = 8),"
  "  used INTEGER NOT NULL DEFAULT 0);"
  "CREATE INDEX sim_triplets_of ON sim_triplets (card, used, id);",
  "CREATE INDEX sim_triplets_rand ON sim_triplets (card, rand, id);",
  NULL,
};

/* A blob of exactly @len bytes: the schema says so, but other processes may write the file. */
static gboolean
take_blob (const IkeSqliteRows *rows, guint row, guint column, gpointer out, gsize len)
{
  const IkeSqliteValue *value = ike_sqlite_rows_get (rows, row, column);

  if (value->type != IKE_SQLITE_BLOB || value->len != len)
    return FALSE;
  memcpy (out, value->data, len);
  return TRUE;
}

static gboolean
refuse (const char *name, const char *what, GError **error)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "table %s: a row of card %s cannot be used",
               what, name);
  return FALSE;
}

/* The window of the card's side: big-endian, SQN and then a SEQ for each IND. */
enum { SEEN_LEN = (1 + SIM_INDS) * 8 };

static void
take_window (const IkeSqliteRows *rows, SimWindow *window, guint64 sqn)
{
  guint64 words[1 + SIM_INDS];

  sim_window_init (window, sqn);
  if (!take_blob (rows, 0, 4, words, SEEN_LEN))
    return;
  window->highest = GUINT64_FROM_BE (words[0]);
  for (guint i = 0; i < SIM_INDS; i++)
    window->seq[i] = GUINT64_FROM_BE (words[1 + i]);
}

static gboolean
load_keys (IkeSqliteTx *tx, SimCard *card, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (card->name) };
  const IkeSqliteStatement select = {
    "SELECT k, opc, amf, sqn, seen FROM sim_cards WHERE name = ?1", args, 1
  };
  g_autoptr (IkeSqliteRows) rows = tx->query (tx, &select, 1, error);
  Milenage keys;
  gboolean is_good;

  if (!rows)
    return FALSE;
  if (!rows->n_rows)
    return TRUE;
  is_good = take_blob (rows, 0, 0, keys.k, sizeof keys.k)
            && take_blob (rows, 0, 1, keys.opc, sizeof keys.opc)
            && take_blob (rows, 0, 2, card->amf, sizeof card->amf);
  if (is_good)
    card->keys = ike_secret_blob_new (&keys, sizeof keys);
  ike_wipe (&keys, sizeof keys);
  card->given = (guint64) ike_sqlite_rows_get (rows, 0, 3)->integer & SIM_SQN_MAX;
  take_window (rows, &card->window, card->given);
  return is_good || refuse (card->name, "sim_cards", error);
}

static gboolean
take_triplets (SimCard *card, const IkeSqliteRows *rows, GError **error)
{
  for (guint i = 0; i < rows->n_rows; i++) {
    IkeSimTriplet triplet;

    if (!take_blob (rows, i, 0, triplet.rand, sizeof triplet.rand)
        || !take_blob (rows, i, 1, triplet.sres, sizeof triplet.sres)
        || !take_blob (rows, i, 2, triplet.kc, sizeof triplet.kc))
      return refuse (card->name, "sim_triplets", error);
    sim_card_add_triplet (card, &triplet);
    ike_wipe (&triplet, sizeof triplet);
  }
  return TRUE;
}

/* The @n that were given least, which then are given once more. */
static gboolean
load_least_used (IkeSqliteTx *tx, SimCard *card, guint n, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (card->name), ike_sqlite_int (n) };
  const IkeSqliteStatement select = {
    "SELECT rand, sres, kc FROM sim_triplets WHERE card = ?1 ORDER BY used, id LIMIT ?2", args, 2
  };
  const IkeSqliteStatement use = {
    "UPDATE sim_triplets SET used = used + 1 WHERE id IN (SELECT id FROM sim_triplets "
    "WHERE card = ?1 ORDER BY used, id LIMIT ?2)",
    args, 2
  };
  g_autoptr (IkeSqliteRows) rows = tx->query (tx, &select, n, error);

  return rows && take_triplets (card, rows, error) && (!rows->n_rows || tx->exec (tx, &use, error));
}

static gboolean
load_of_rand (IkeSqliteTx *tx, SimCard *card, const guint8 *rand, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (card->name),
                                  ike_sqlite_blob (rand, IKE_SIM_RAND_LEN) };
  const IkeSqliteStatement select = {
    "SELECT rand, sres, kc FROM sim_triplets WHERE card = ?1 AND rand = ?2 ORDER BY id LIMIT 1",
    args, 2
  };
  g_autoptr (IkeSqliteRows) rows = tx->query (tx, &select, 1, error);

  return rows && take_triplets (card, rows, error);
}

static gboolean
load_triplets (IkeSqliteTx *tx, SimCard *card, const SimRequest *asked, GError **error)
{
  if (asked->want == SIM_WANT_TRIPLETS)
    return load_least_used (tx, card, asked->n, error);
  for (guint i = 0; asked->want == SIM_WANT_GSM && i < asked->n; i++)
    if (!load_of_rand (tx, card, asked->rand + i * IKE_SIM_RAND_LEN, error))
      return FALSE;
  return TRUE;
}

/* A card that has other triplets than those asked for is known: nobody else has to be asked. */
static gboolean
has_triplets (IkeSqliteTx *tx, const SimCard *card, GError **error)
{
  const IkeSqliteValue args[] = { ike_sqlite_text (card->name) };
  const IkeSqliteStatement select = { "SELECT 1 FROM sim_triplets WHERE card = ?1 LIMIT 1", args,
                                      1 };
  g_autoptr (IkeSqliteRows) rows = tx->query (tx, &select, 1, error);

  return rows && rows->n_rows;
}

SimCard *
sim_table_load (IkeSqliteTx *tx, const SimRequest *asked, GError **error)
{
  SimCard *card = sim_card_new (asked->card);

  if (load_keys (tx, card, error) && load_triplets (tx, card, asked, error)
      && (card->keys || card->triplets->len
          || (asked->want == SIM_WANT_GSM && has_triplets (tx, card, error))))
    return card;
  sim_card_free (card);
  return NULL;
}

gboolean
sim_table_save (IkeSqliteTx *tx, const SimCard *card, GError **error)
{
  guint64 words[1 + SIM_INDS] = { GUINT64_TO_BE (card->window.highest) };
  const IkeSqliteValue args[] = { ike_sqlite_text (card->name),
                                  ike_sqlite_int ((gint64) card->given),
                                  ike_sqlite_blob (words, SEEN_LEN) };
  const IkeSqliteStatement update = { "UPDATE sim_cards SET sqn = ?2, seen = ?3 WHERE name = ?1",
                                      args, 3 };

  for (guint i = 0; i < SIM_INDS; i++)
    words[1 + i] = GUINT64_TO_BE (card->window.seq[i]);
  return tx->exec (tx, &update, error);
}
