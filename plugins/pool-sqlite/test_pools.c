/* SPDX-License-Identifier: Apache-2.0 */
/* test_pools.c - the plugin in engines: pools of the settings, leases through restarts,
 * listings. */
#include "test_engine.h"
#include <sqlite3.h>
#include <string.h>
#include <ikebana/model.h>

static void
set_up (Bench *bench, gconstpointer unused)
{
  bench_make_directory (bench);
}

static void
tear_down (Bench *bench, gconstpointer unused)
{
  bench_stop (bench);
  bench_remove_directory (bench);
}

static void
note_type (guint16 type, const void *value, gsize len, gpointer data)
{
  *(guint *) data += type == IKE_CFG_INTERNAL_IP4_DNS && len == 4;
}

static void
test_settings (Bench *bench, gconstpointer unused)
{
  g_autoptr (IkeTree) pools = NULL, leases = NULL;
  guint n_dns = 0;

  bench_start (bench, "10.3.0.0/29", 1);
  g_assert_true (bench->class->has (bench->plugin, "rw"));
  g_assert_false (bench->class->has (bench->plugin, "other"));
  bench->class->attributes (bench->plugin, "rw", note_type, &n_dns);
  g_assert_cmpuint (n_dns, ==, 1);
  bench_ask (bench, 7, 7);
  g_assert_cmpuint (bench->n_failed, ==, 1);
  bench_release (bench, 2);
  ike_sim_settle (bench->sim);
  pools = bench_list (bench, FALSE);
  g_assert_cmpuint (ike_tree_n (pools), ==, 1);
  g_assert_cmpstr (ike_tree_string (pools, "0.pool", NULL), ==, "rw");
  g_assert_cmpstr (ike_tree_string (pools, "0.keeper", NULL), ==, "sqlite");
  g_assert_cmpint (ike_tree_int (pools, "0.size4", 0), ==, 6);
  g_assert_cmpint (ike_tree_int (pools, "0.online", 0), ==, 5);
  g_assert_cmpint (ike_tree_int (pools, "0.offline", 0), ==, 1);
  leases = bench_list (bench, TRUE);
  g_assert_cmpuint (ike_tree_n (leases), ==, 6);
  g_assert_cmpstr (ike_tree_string (leases, "2.status", NULL), ==, "offline");
  g_assert_cmpstr (ike_tree_string (leases, "2.identity", NULL), ==, "client-2");
}

/* What was given back at the end is given back after a start; the rest too. */
static void
test_restart (Bench *bench, gconstpointer unused)
{
  g_autoptr (GHashTable) before = NULL;
  g_autoptr (IkeTree) pools = NULL;
  GHashTableIter iter;
  gpointer name, address;

  bench_start (bench, "10.3.0.0/24", 1);
  bench_ask (bench, 200, 50);
  for (guint i = 0; i < 100; i++)
    bench_release (bench, i);
  before = g_hash_table_ref (bench->addresses);
  bench_stop (bench);
  bench_start (bench, "10.3.0.0/24", 2);
  pools = bench_list (bench, FALSE);
  g_assert_cmpint (ike_tree_int (pools, "0.online", -1), ==, 0);
  g_assert_cmpint (ike_tree_int (pools, "0.offline", -1), ==, 200);
  bench_ask (bench, 200, 200);
  g_assert_cmpuint (bench->n_failed, ==, 0);
  g_hash_table_iter_init (&iter, before);
  while (g_hash_table_iter_next (&iter, &name, &address))
    g_assert_cmpstr (g_hash_table_lookup (bench->addresses, name), ==, address);
}

static void
test_one_daemon (Bench *bench, gconstpointer unused)
{
  Bench second = { .path = bench->path };
  g_autoptr (GError) error = NULL;

  bench_start (bench, "10.3.0.0/24", 1);
  g_assert_false (bench_try_start (&second, "10.3.0.0/24", 2, &error));
  g_assert_nonnull (strstr (error->message, "another daemon gives addresses out of this database"));
  bench_stop (&second);
}

/* As an administrator would, or a damaged file. */
static void
change_database (const Bench *bench, const char *sql)
{
  sqlite3 *other = NULL;

  g_assert_cmpint (sqlite3_open (bench->path, &other), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (other, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_close (other), ==, SQLITE_OK);
}

static void
assert_online (Bench *bench, gint64 n)
{
  g_autoptr (IkeTree) pools = bench_list (bench, FALSE);

  g_assert_cmpint (ike_tree_int (pools, "0.online", -1), ==, n);
}

static void
pass (const Bench *bench, gint64 seconds)
{
  gint64 until_us = ike_sim_now_us (bench->sim) + seconds * G_USEC_PER_SEC;

  while (ike_sim_step (bench->sim, until_us))
    ;
}

static void
test_release_fails (Bench *bench, gconstpointer unused)
{
  bench_start (bench, "10.3.0.0/29", 1);
  bench_ask (bench, 2, 2);
  change_database (bench, "CREATE TRIGGER stuck BEFORE DELETE ON holders"
                          " BEGIN SELECT RAISE (FAIL, 'stuck'); END");
  bench_release (bench, 0);
  pass (bench, 60);
  assert_online (bench, 2);
  change_database (bench, "DROP TRIGGER stuck");
  pass (bench, 60);
  assert_online (bench, 1);
  /* What waits for another try when all ends is left. */
  change_database (bench, "CREATE TRIGGER stuck BEFORE DELETE ON holders"
                          " BEGIN SELECT RAISE (FAIL, 'stuck'); END");
  bench_release (bench, 1);
  pass (bench, 1);
}

/* -- pools of two keepers */

static char *
read_sections (const Bench *bench, const char *text)
{
  static const char *const names[] = { "section:pools/memory", "section:pools/sqlite" };
  g_autoptr (IkeTree) tree = ike_settings_parse (text, strlen (text), "test", NULL);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  const IkeProvided *readers[G_N_ELEMENTS (names)];

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    readers[i] = ike_feature_find (bench->engine, names[i], NULL);
    ((const IkeSectionClass *) readers[i]->ops)->begin (readers[i]->plugin);
  }
  for (guint k = 0; k < ike_tree_n (tree); k++)
    for (guint i = 0; i < G_N_ELEMENTS (names); i++)
      ((const IkeSectionClass *) readers[i]->ops)
          ->add (readers[i]->plugin, ike_tree_nth (tree, k), problems);
  g_ptr_array_add (problems, NULL);
  return g_strjoinv ("\n", (char **) problems->pdata);
}

static void
test_two_keepers (Bench *bench, gconstpointer unused)
{
  static const struct {
    const char *text, *problem;
  } cases[] = {
    { "a { addrs = 10.4.0.0/24\n }\n b { addrs = 10.4.0.128/25\n store = sqlite\n }",
      "addrs: pool b (store = sqlite) has addresses of pool a (store = memory); neither store "
      "knows what the other has given" },
    { "a { addrs = fd04::/64\n store = SQLite\n }\n b { addrs = 10.4.0.1, fd04::7\n }",
      "addrs: pool b (store = memory) has addresses of pool a (store = sqlite); neither store "
      "knows what the other has given" },
    { "a { addrs = 10.4.0.0/25\n }\n b { addrs = 10.4.0.128/25\n store = sqlite\n }", "" },
    { "a { addrs = 10.4.0.0/24\n store = sqlite\n }\n b { addrs = 10.4.0.0/24\n store = sqlite\n "
      "}",
      "" },
    { "a { addrs = 10.4.0.0/24\n store = elsewhere\n }\n b { addrs = 10.4.0.0/24\n }", "" },
  };

  bench_start (bench, "10.3.0.0/24", 1);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *problem = read_sections (bench, cases[i].text);
    g_assert_cmpstr (problem, ==, cases[i].problem);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add (name, Bench, NULL, set_up, function, tear_down)
  ADD ("/pool-sqlite/pools-of-the-settings-have-leases-and-listings", test_settings);
  ADD ("/pool-sqlite/after-a-restart-everybody-gets-his-address", test_restart);
  ADD ("/pool-sqlite/two-daemons-do-not-share-a-database", test_one_daemon);
  ADD ("/pool-sqlite/what-cannot-be-given-back-is-tried-again", test_release_fails);
  ADD ("/pool-sqlite/pools-of-two-keepers-share-no-addresses", test_two_keepers);
#undef ADD
  return g_test_run ();
}
