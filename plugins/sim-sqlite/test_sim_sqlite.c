/* SPDX-License-Identifier: Apache-2.0 */
/* test_sim_sqlite.c - cards in a database that somebody else writes too. */
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

#include "shared/sim/bench.h"

#define IMSI "232010000000000"
#define K "x'465b5ce8b199b49faa5f0a2ee238a6bc'"
#define OPC "x'cd63cb71954a9f4e48a5994e37a02baf'"
#define CARD "INSERT INTO sim_cards (name, k, opc) VALUES ('" IMSI "', " K ", " OPC ");"
#define TRIPLET(n)                                                                                 \
  "INSERT INTO sim_triplets (card, rand, sres, kc) VALUES ('7', "                                  \
  "x'0000000000000000000000000000000" n "', x'0000000" n "', x'000000000000000" n "');"

typedef struct {
  char *dir, *path, *options;
  SimBench *bench;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("ikebana-cards-XXXXXX", NULL);
  f->path = g_build_filename (f->dir, "db", NULL);
  f->options = g_strdup_printf ("sim-sqlite { database = \"%s\" }", f->path);
  f->bench = sim_bench_new ("", f->options, NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  static const char *const ends[] = { "", "-wal", "-shm" };

  sim_bench_free (f->bench);
  for (guint i = 0; i < G_N_ELEMENTS (ends); i++) {
    g_autofree char *path = g_strconcat (f->path, ends[i], NULL);
    g_unlink (path);
  }
  g_rmdir (f->dir);
  g_free (f->dir);
  g_free (f->path);
  g_free (f->options);
}

/* By a connection of its own, as another process does it; is it done? */
static gboolean
sql (Fixture *f, const char *text)
{
  sqlite3 *db;
  int code;

  g_assert_cmpint (sqlite3_open (f->path, &db), ==, SQLITE_OK);
  code = sqlite3_exec (db, text, NULL, NULL, NULL);
  sqlite3_close (db);
  return code == SQLITE_OK;
}

static gint64
number (Fixture *f, const char *text)
{
  sqlite3_stmt *statement;
  sqlite3 *db;
  gint64 value;

  g_assert_cmpint (sqlite3_open (f->path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (db, text, -1, &statement, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_ROW);
  value = sqlite3_column_int64 (statement, 0);
  sqlite3_finalize (statement);
  sqlite3_close (db);
  return value;
}

static void
good (Fixture *f, const char *method, const char *identity)
{
  SimConversation talk;

  sim_converse (&talk, f->bench, method, identity, NULL, NULL);
  sim_conversation_is_good (&talk);
  sim_conversation_clear (&talk);
}

static void
refused (Fixture *f, const char *method, const char *identity, const char *reason)
{
  SimConversation talk;

  sim_converse (&talk, f->bench, method, identity, NULL, NULL);
  sim_conversation_is_refused (&talk, reason);
  sim_conversation_clear (&talk);
}

static void
test_good (Fixture *f, gconstpointer data)
{
  g_assert_true (sql (f, CARD));
  good (f, "sim", "1" IMSI "@x");
  good (f, "aka", "0" IMSI "@x");
  good (f, "aka-prime", "6" IMSI "@x");
}

/* Numbers go on from what is on the disk; the card takes none twice. */
static void
test_never_back (Fixture *f, gconstpointer data)
{
  gint64 last = 0;

  g_assert_true (sql (f, CARD));
  for (guint i = 0; i < 6; i++) {
    gint64 sqn;

    good (f, "aka", "0" IMSI "@x");
    sqn = number (f, "SELECT sqn FROM sim_cards");
    g_assert_cmpint (sqn, ==, last + 0x21);
    last = sqn;
    sim_bench_restart (f->bench, f->options, i % 2);
  }
  g_assert_true (sql (f, "UPDATE sim_cards SET sqn = 0"));
  /* Set back by somebody: the card notices, and AUTS moves it on. */
  good (f, "aka", "0" IMSI "@x");
  g_assert_cmpint (number (f, "SELECT sqn FROM sim_cards"), ==, last + 0x21);
}

static void
test_triplets (Fixture *f, gconstpointer data)
{
  g_assert_true (sql (f, TRIPLET ("1")));
  refused (f, "sim", "17@x", "less than two");
  g_assert_true (sql (f, TRIPLET ("2") TRIPLET ("3") TRIPLET ("4") TRIPLET ("5")));
  for (guint i = 0; i < 3; i++)
    good (f, "sim", "17@x");
  /* 1 + 3 * 3 in turn, of five. */
  g_assert_cmpint (number (f, "SELECT min (used) FROM sim_triplets"), ==, 2);
  g_assert_cmpint (number (f, "SELECT max (used) FROM sim_triplets"), ==, 2);
  refused (f, "aka", "07@x", "nobody here knows");
}

static void
test_unknown (Fixture *f, gconstpointer data)
{
  g_assert_true (sql (f, CARD));
  refused (f, "aka", "0x'OR/**/1=1--@x", "nobody here knows");
  refused (f, "sim", "1\"@x", "nobody here knows");
}

/* The schema refuses what cannot be; and where somebody went around it, nobody falls over. */
static void
test_bad_rows (Fixture *f, gconstpointer data)
{
  g_assert_false (sql (f, "INSERT INTO sim_cards (name, k, opc) VALUES ('1', x'00', " OPC ")"));
  g_assert_false (sql (f, "INSERT INTO sim_cards (name, k, opc) VALUES ('1', 'text', " OPC ")"));
  g_assert_true (sql (f, CARD "PRAGMA ignore_check_constraints = 1;"
                              "UPDATE sim_cards SET k = 'short', seen = x'00';"));
  refused (f, "aka", "0" IMSI "@x", "cannot be used");
  refused (f, "sim", "1" IMSI "@x", "cannot be used");
}

static void
test_used_up (Fixture *f, gconstpointer data)
{
  g_assert_true (sql (f, CARD "UPDATE sim_cards SET sqn = 281474976710655"));
  refused (f, "aka", "0" IMSI "@x", "used up");
}

#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/sim-sqlite/good", test_good);
  ADD ("/sim-sqlite/numbers-never-come-again", test_never_back);
  ADD ("/sim-sqlite/triplets-in-turn", test_triplets);
  ADD ("/sim-sqlite/unknown-cards", test_unknown);
  ADD ("/sim-sqlite/bad-rows", test_bad_rows);
  ADD ("/sim-sqlite/numbers-end", test_used_up);
  return g_test_run ();
}
