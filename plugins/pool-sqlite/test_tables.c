/* SPDX-License-Identifier: Apache-2.0 */
/* test_tables.c - who gets which address, on a database in memory. */
#include <string.h>
#include <ikebana/error.h>
#include "leases.h"
#include "sqlite/test_plans.h"

typedef struct {
  Connection *connection;
  IkeSqliteTx *tx;
  LeasesRules rules;
  PoolConf conf;
  IkeAddr addr;
  char text[IKE_ADDR_TEXT_SIZE];
  char *error;
} Fixture;

static void
set_addrs (Fixture *f, const char *text)
{
  g_free (f->conf.addrs);
  f->conf.addrs = pool_addrs_parse (text, NULL);
}

static void
set_up (Fixture *f, gconstpointer unused)
{
  const ConnectionOptions options = { ":memory:", CONNECTION_WRITES, 100, FALSE };

  f->connection = connection_open (&options, NULL);
  g_assert_true (connection_migrate (f->connection, "pools", leases_migrations, NULL));
  f->tx = connection_tx (f->connection);
  f->tx->now_us = 1000;
  f->rules = (LeasesRules){ 1, 1000 };
  f->conf.name = (char *) "rw";
  set_addrs (f, "10.3.0.1-10.3.0.3, fd00::1-fd00::2");
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  g_free (f->error);
  g_free (f->conf.addrs);
  connection_close (f->connection);
}

typedef struct {
  const char *identity, *wanted, *remote;
  guint32 unique_id;
} Who;

static IkeLeaseQuery
query_of (const Fixture *f, const Who *who)
{
  IkeLeaseQuery query = { .struct_size = sizeof query,
                          .pool = f->conf.name,
                          .unique_id = who->unique_id };

  query.identity = who->identity ? ike_ident_parse (who->identity, NULL) : NULL;
  g_assert_true (ike_addr_parse (&query.wanted, who->wanted, NULL));
  g_assert_true (ike_addr_parse (&query.remote, who->remote, NULL));
  query.remote.port = 4500;
  return query;
}

/* "" when there is none. */
static const char *
acquire (Fixture *f, const Who *who)
{
  IkeLeaseQuery query = query_of (f, who);
  g_autoptr (GError) error = NULL;
  gboolean is_done;

  f->tx->now_us++;
  is_done = leases_acquire (f->tx, &f->rules, &f->conf, &query, &f->addr, &error);
  ike_ident_unref ((IkeIdent *) query.identity);
  g_free (f->error);
  f->error = is_done ? NULL : g_strdup (error->message);
  return is_done ? ike_addr_format (&f->addr, FALSE, f->text) : "";
}

static void
release (Fixture *f, const Who *who, const char *addr)
{
  IkeLeaseQuery query = query_of (f, who);
  IkeAddr at;

  f->tx->now_us++;
  g_assert_true (ike_addr_parse (&at, addr, NULL));
  g_assert_true (leases_release (f->tx, &f->rules, &query, &at, NULL));
  ike_ident_unref ((IkeIdent *) query.identity);
}

static void
assert_counts (Fixture *f, gint64 online, gint64 offline)
{
  gint64 n_online, n_offline;

  g_assert_true (leases_count (f->tx, &f->rules, "rw", &n_online, &n_offline, NULL));
  g_assert_cmpint (n_online, ==, online);
  g_assert_cmpint (n_offline, ==, offline);
}

#define WHO(identity, id)                                                                          \
  &(const Who)                                                                                     \
  {                                                                                                \
    identity, "%any4", "192.0.2.1", id                                                             \
  }

static void
test_sticky (Fixture *f, gconstpointer unused)
{
  g_assert_cmpstr (acquire (f, WHO ("a", 1)), ==, "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO ("b", 2)), ==, "10.3.0.2");
  release (f, WHO ("a", 1), "10.3.0.1");
  release (f, WHO ("a", 1), "10.3.0.1");
  release (f, WHO ("x", 9), "10.3.0.2");
  assert_counts (f, 1, 1);
  g_assert_cmpstr (acquire (f, WHO ("c", 3)), ==, "10.3.0.3");
  g_assert_cmpstr (acquire (f, WHO ("A", 4)), ==, "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO ("d", 5)), ==, "");
  g_assert_cmpstr (f->error, ==, "pool rw is full: all 3 addresses are in use");
  release (f, WHO ("b", 2), "10.3.0.2");
  release (f, WHO ("a", 4), "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO ("d", 6)), ==, "10.3.0.2");
  g_assert_cmpstr (acquire (f, WHO ("b", 7)), ==, "10.3.0.1");
  assert_counts (f, 3, 0);
}

static void
test_shared (Fixture *f, gconstpointer unused)
{
  const Who other = { "a", "%any4", "192.0.2.9", 3 };

  g_assert_cmpstr (acquire (f, WHO ("a", 1)), ==, "10.3.0.1");
  /* Made before the old one is closed; a second address for one SA; the same client elsewhere. */
  g_assert_cmpstr (acquire (f, WHO ("a", 2)), ==, "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO ("a", 2)), ==, "10.3.0.2");
  g_assert_cmpstr (acquire (f, &other), ==, "10.3.0.3");
  release (f, WHO ("a", 1), "10.3.0.1");
  assert_counts (f, 3, 0);
  release (f, WHO ("a", 2), "10.3.0.1");
  assert_counts (f, 2, 1);
}

static void
test_wanted (Fixture *f, gconstpointer unused)
{
  const Who third = { "a", "10.3.0.3", "192.0.2.1", 1 },
            stolen = { "b", "10.3.0.3", "192.0.2.2", 2 };
  const Who outside = { "c", "10.9.9.9", "192.0.2.3", 3 },
            back = { "a", "10.3.0.3", "192.0.2.7", 4 };
  const Who six = { "a", "%any6", "192.0.2.1", 1 };

  g_assert_cmpstr (acquire (f, &third), ==, "10.3.0.3");
  g_assert_cmpstr (acquire (f, &stolen), ==, "10.3.0.1");
  g_assert_cmpstr (acquire (f, &outside), ==, "10.3.0.2");
  release (f, &third, "10.3.0.3");
  g_assert_cmpstr (acquire (f, &back), ==, "10.3.0.3");
  g_assert_cmpstr (acquire (f, &six), ==, "fd00::1");
}

static void
test_anonymous (Fixture *f, gconstpointer unused)
{
  g_assert_cmpstr (acquire (f, WHO (NULL, 1)), ==, "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO (NULL, 2)), ==, "10.3.0.2");
  release (f, WHO (NULL, 1), "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO (NULL, 3)), ==, "10.3.0.3");
  g_assert_cmpstr (acquire (f, WHO (NULL, 4)), ==, "10.3.0.1");
}

/* Another process: nobody holds anything any more, and everybody gets what was his. */
static void
test_session (Fixture *f, gconstpointer unused)
{
  g_assert_cmpstr (acquire (f, WHO ("a", 1)), ==, "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO ("b", 2)), ==, "10.3.0.2");
  f->rules.session = 2;
  assert_counts (f, 0, 2);
  g_assert_cmpstr (acquire (f, WHO ("b", 1)), ==, "10.3.0.2");
  g_assert_cmpstr (acquire (f, WHO ("c", 2)), ==, "10.3.0.3");
  g_assert_cmpstr (acquire (f, WHO ("a", 3)), ==, "10.3.0.1");
}

static void
test_other_addrs (Fixture *f, gconstpointer unused)
{
  g_assert_cmpstr (acquire (f, WHO ("a", 1)), ==, "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO ("b", 2)), ==, "10.3.0.2");
  release (f, WHO ("a", 1), "10.3.0.1");
  set_addrs (f, "10.3.0.2-10.3.0.4");
  g_assert_cmpstr (acquire (f, WHO ("a", 3)), ==, "10.3.0.3");
  g_assert_cmpstr (acquire (f, WHO ("c", 4)), ==, "10.3.0.4");
  g_assert_cmpstr (acquire (f, WHO ("d", 5)), ==, "");
  assert_counts (f, 3, 0);
  set_addrs (f, "fd00::1");
  g_assert_cmpstr (acquire (f, WHO ("d", 5)), ==, "");
  g_assert_cmpstr (f->error, ==, "pool rw has no IPv4 addresses");
}

/* Clients had them when the pool lost them; the one that it still has is behind. */
static void
test_lost_addrs (Fixture *f, gconstpointer unused)
{
  enum { N_LOST = 40 };
  char addr[32];

  set_addrs (f, "10.3.1.1-10.3.1.40, 10.3.0.1");
  for (guint32 i = 1; i <= N_LOST + 1; i++) {
    g_autofree char *name = g_strdup_printf ("user%u", i);
    g_assert_cmpstr (acquire (f, WHO (name, i)), !=, "");
  }
  set_addrs (f, "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO ("a", 100)), ==, "");
  for (guint32 i = 1; i <= N_LOST; i++) {
    g_snprintf (addr, sizeof addr, "10.3.1.%u", i);
    release (f, WHO ("x", i), addr);
  }
  release (f, WHO ("x", N_LOST + 1), "10.3.0.1");
  assert_counts (f, 0, N_LOST + 1);
  g_assert_cmpstr (acquire (f, WHO ("a", 100)), ==, "10.3.0.1");
  assert_counts (f, 1, 0);
}

/* What clients of the other name are remembered with goes to those of the new one; what they have
 * does not. */
static void
test_renamed (Fixture *f, gconstpointer unused)
{
  g_assert_cmpstr (acquire (f, WHO ("a", 1)), ==, "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO ("b", 2)), ==, "10.3.0.2");
  release (f, WHO ("a", 1), "10.3.0.1");
  f->conf.name = (char *) "new";
  g_assert_cmpstr (acquire (f, WHO ("c", 3)), ==, "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO ("d", 4)), ==, "10.3.0.3");
  g_assert_cmpstr (acquire (f, WHO ("e", 5)), ==, "");
}

static void
test_most (Fixture *f, gconstpointer unused)
{
  f->rules.max_leases = 2;
  set_addrs (f, "10.0.0.0/8");
  g_assert_cmpstr (acquire (f, WHO ("a", 1)), ==, "10.0.0.1");
  g_assert_cmpstr (acquire (f, WHO ("b", 2)), ==, "10.0.0.2");
  release (f, WHO ("b", 2), "10.0.0.2");
  g_assert_cmpstr (acquire (f, WHO ("c", 3)), ==, "10.0.0.2");
  /* What is in use is not counted out. */
  g_assert_cmpstr (acquire (f, WHO ("d", 4)), ==, "10.0.0.3");
}

/* A client that wishes for others every time; all the same no address is lost. */
static void
test_most_wishes (Fixture *f, gconstpointer unused)
{
  char wish[32];

  f->rules.max_leases = 3;
  set_addrs (f, "10.3.0.1-10.3.0.20");
  g_assert_cmpstr (acquire (f, WHO ("a", 1)), ==, "10.3.0.1");
  release (f, WHO ("a", 1), "10.3.0.1");
  for (guint32 i = 10; i < 20; i++) {
    g_snprintf (wish, sizeof wish, "10.3.0.%u", i);
    g_assert_cmpstr (acquire (f, &(const Who){ "b", wish, "192.0.2.1", i }), ==, wish);
    release (f, WHO ("b", i), wish);
  }
  assert_counts (f, 0, 11);
  g_assert_true (leases_cut (f->tx, &f->rules, &f->conf, NULL));
  assert_counts (f, 0, 3);
  g_assert_cmpstr (acquire (f, WHO ("a", 2)), ==, "10.3.0.1");
  for (guint32 i = 2; i <= 20; i++) {
    g_autofree char *name = g_strdup_printf ("user%u", i);
    g_assert_cmpstr (acquire (f, WHO (name, 100 + i)), !=, "");
  }
  assert_counts (f, 20, 0);
}

static void
test_history (Fixture *f, gconstpointer unused)
{
  g_autoptr (IkeTree) all = ike_tree_new_list (), one = ike_tree_new_list (),
                      his = ike_tree_new_list (), later = ike_tree_new_list ();
  const LeasesPast everything = { NULL, NULL, 10 }, address = { "10.3.0.1", NULL, 10 };
  const LeasesPast client = { NULL, "B", 10 };

  acquire (f, WHO ("a", 1));
  acquire (f, WHO ("b'; DROP TABLE leases; --", 2));
  acquire (f, WHO ("b", 3));
  release (f, WHO ("a", 1), "10.3.0.1");
  g_assert_true (leases_history (f->tx, &everything, all, NULL));
  g_assert_cmpuint (ike_tree_n (all), ==, 3);
  g_assert_true (leases_history (f->tx, &address, one, NULL));
  g_assert_cmpuint (ike_tree_n (one), ==, 1);
  g_assert_cmpstr (ike_tree_string (one, "0.released", NULL), ==, "1970-01-01T00:00:00Z");
  g_assert_cmpstr (ike_tree_string (one, "0.remote", NULL), ==, "192.0.2.1");
  g_assert_true (leases_history (f->tx, &client, his, NULL));
  g_assert_cmpuint (ike_tree_n (his), ==, 1);
  g_assert_null (ike_tree_get (his, "0.released"));
  g_assert_true (leases_forget_history (f->tx, f->tx->now_us + 1, NULL));
  g_assert_true (leases_history (f->tx, &everything, later, NULL));
  g_assert_cmpuint (ike_tree_n (later), ==, 2);
}

/* -- how SQLite goes about it */

static gboolean
is_of_client (const char *sql)
{
  return strstr (sql, "client = ?1 AND") != NULL;
}

/* Of a client, what is the client's, which may be put in order; of a pool, what is so already. */
static const char *
index_of (const char *sql)
{
  return is_of_client (sql) ? "USING INDEX leases_client (client=? AND pool=?" : NULL;
}

static const PlansRule rule = { is_of_client, index_of };

/* Who asks for one client or address waits for no others. */
static void
test_plans_of_listings (Fixture *f, gconstpointer unused)
{
  static const LeasesPast pasts[] = { { "10.3.0.1", NULL, 10 },
                                      { NULL, "a", 10 },
                                      { "10.3.0.1", "a", 10 } };

  acquire (f, WHO ("a", 1));
  acquire (f, WHO ("b", 2));
  release (f, WHO ("b", 2), "10.3.0.2");
  plans_watch (f->tx, &rule);
  assert_counts (f, 1, 1);
  for (guint i = 0; i < G_N_ELEMENTS (pasts); i++) {
    g_autoptr (IkeTree) list = ike_tree_new_list ();
    g_assert_true (leases_history (f->tx, &pasts[i], list, NULL));
    g_assert_cmpuint (ike_tree_n (list), ==, 1);
  }
  plans_end (f->tx);
}

/* All ways to an address, and back. */
static void
test_plans (Fixture *f, gconstpointer unused)
{
  const Who third = { "c", "10.3.0.3", "192.0.2.1", 3 };

  acquire (f, WHO ("a", 1));
  plans_watch (f->tx, &rule);
  g_assert_cmpstr (acquire (f, WHO ("b", 2)), ==, "10.3.0.2");
  g_assert_cmpstr (acquire (f, &third), ==, "10.3.0.3");
  release (f, WHO ("a", 1), "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO ("d", 4)), ==, "10.3.0.1");
  g_assert_cmpstr (acquire (f, WHO ("e", 5)), ==, "");
  plans_end (f->tx);
  g_assert_cmpuint (plans.n_explained, >, 30);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)
  ADD ("/pool-sqlite/a-client-gets-its-address-again-and-new-ones-the-oldest", test_sticky);
  ADD ("/pool-sqlite/an-sa-that-replaces-another-shares-its-address", test_shared);
  ADD ("/pool-sqlite/what-a-client-asks-for-it-gets-if-it-is-nobody-elses", test_wanted);
  ADD ("/pool-sqlite/anonymous-clients-get-addresses-too", test_anonymous);
  ADD ("/pool-sqlite/another-process-takes-over-what-clients-had", test_session);
  ADD ("/pool-sqlite/a-pool-with-other-addresses-gives-none-twice", test_other_addrs);
  ADD ("/pool-sqlite/addresses-that-a-pool-lost-hide-none-that-it-has", test_lost_addrs);
  ADD ("/pool-sqlite/a-pool-of-another-name-has-the-same-addresses", test_renamed);
  ADD ("/pool-sqlite/so-many-clients-are-remembered", test_most);
  ADD ("/pool-sqlite/wishes-are-remembered-no-more-than-others", test_most_wishes);
  ADD ("/pool-sqlite/history-says-who-had-what", test_history);
  ADD ("/pool-sqlite/listings-of-one-look-at-that-one", test_plans_of_listings);
  ADD ("/pool-sqlite/no-way-to-an-address-looks-at-everybodys", test_plans);
#undef ADD
  return g_test_run ();
}
