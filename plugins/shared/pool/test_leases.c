/* SPDX-License-Identifier: Apache-2.0 */
/* test_leases.c - leases in memory: rules one by one, then random operations beside a model. */
#include "pool_leases.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
  PoolAddrs *addrs;
  PoolLeases *leases;
  gint64 now_us;
} Bench;

static Bench
bench_new (const char *text, guint max_offline)
{
  Bench bench = { .addrs = pool_addrs_parse (text, NULL) };

  bench.leases = pool_leases_new (bench.addrs, max_offline);
  return bench;
}

static void
bench_clear (Bench *bench)
{
  pool_leases_free (bench->leases);
  g_free (bench->addrs);
}

/* @who has a host of its own, unless it names one ("alice@9"). */
static IkeLeaseQuery
query_of (const char *who, const char *wanted, guint32 unique_id)
{
  const char *at = strchr (who, '@');
  g_autofree char *name = at ? g_strndup (who, (gsize) (at - who)) : g_strdup (who);
  IkeLeaseQuery query = { .struct_size = sizeof query, .pool = "p", .unique_id = unique_id };

  query.identity = *name ? ike_ident_parse (name, NULL) : NULL;
  g_assert_true (ike_addr_parse (&query.wanted, wanted, NULL));
  query.remote.family = 4;
  query.remote.bytes[3] = (guint8) (at ? atoi (at + 1) : name[0]);
  query.remote.port = 500;
  return query;
}

static char *
acquire (Bench *bench, const char *who, const char *wanted, guint32 unique_id)
{
  IkeLeaseQuery query = query_of (who, wanted, unique_id);
  char text[IKE_ADDR_TEXT_SIZE], *why = NULL;
  IkeAddr out;
  gboolean ok = pool_leases_acquire (bench->leases, &query, ++bench->now_us, &out, &why);

  ike_ident_unref ((IkeIdent *) query.identity);
  return ok ? g_strdup (ike_addr_format (&out, FALSE, text)) : why;
}

static void
assert_gets (Bench *bench, const char *who, const char *wanted, guint32 unique_id,
             const char *expected)
{
  g_autofree char *got = acquire (bench, who, wanted, unique_id);

  g_assert_cmpstr (got, ==, expected);
}

static void
release (Bench *bench, const char *who, guint32 unique_id, const char *text)
{
  IkeLeaseQuery query = query_of (who, "0.0.0.0", unique_id);
  IkeAddr addr;

  g_assert_true (ike_addr_parse (&addr, text, NULL));
  pool_leases_release (bench->leases, &query, &addr, ++bench->now_us);
  ike_ident_unref ((IkeIdent *) query.identity);
}

static void
assert_counts (const Bench *bench, guint n_online, guint n_offline)
{
  g_assert_cmpuint (pool_leases_n_online (bench->leases), ==, n_online);
  g_assert_cmpuint (pool_leases_n_offline (bench->leases), ==, n_offline);
}

static void
test_sticky (void)
{
  Bench bench = bench_new ("10.3.0.0/29, fd00::/126", 100);

  assert_gets (&bench, "alice", "0.0.0.0", 1, "10.3.0.1");
  assert_gets (&bench, "bob", "0.0.0.0", 2, "10.3.0.2");
  assert_gets (&bench, "bob", "::", 2, "fd00::1");
  release (&bench, "alice", 1, "10.3.0.1");
  assert_gets (&bench, "carol", "0.0.0.0", 3, "10.3.0.3");
  assert_gets (&bench, "ALICE", "0.0.0.0", 4, "10.3.0.1");
  assert_counts (&bench, 4, 0);
  bench_clear (&bench);
}

/* A second device of the same user is another client; a second SA of the same host is not. */
static void
test_shared (void)
{
  Bench bench = bench_new ("10.3.0.0/29", 100);

  assert_gets (&bench, "alice@1", "0.0.0.0", 1, "10.3.0.1");
  assert_gets (&bench, "alice@1", "0.0.0.0", 2, "10.3.0.1");
  assert_gets (&bench, "alice@2", "0.0.0.0", 3, "10.3.0.2");
  assert_gets (&bench, "alice@3", "10.3.0.2", 4, "10.3.0.2");
  assert_counts (&bench, 2, 0);
  release (&bench, "alice", 1, "10.3.0.1");
  release (&bench, "alice", 1, "10.3.0.1");
  release (&bench, "alice", 99, "10.3.0.1");
  assert_counts (&bench, 2, 0);
  release (&bench, "alice", 2, "10.3.0.1");
  assert_counts (&bench, 1, 1);
  bench_clear (&bench);
}

/* The SA that takes its place gets the same two. */
static void
test_two_of_one (void)
{
  Bench bench = bench_new ("10.3.0.0/29", 100);

  for (guint32 sa = 1; sa <= 2; sa++) {
    g_autofree char *first = acquire (&bench, "alice", "0.0.0.0", sa),
                    *second = acquire (&bench, "alice", "0.0.0.0", sa);
    g_assert_cmpstr (first, !=, second);
    assert_counts (&bench, 2, 0);
  }
  assert_gets (&bench, "alice", "10.3.0.1", 2, "10.3.0.3");
  bench_clear (&bench);
}

static void
test_wishes (void)
{
  Bench bench = bench_new ("10.3.0.0/29", 100);

  assert_gets (&bench, "alice", "10.3.0.4", 1, "10.3.0.4");
  assert_gets (&bench, "bob", "10.3.0.4", 2, "10.3.0.1");
  assert_gets (&bench, "carol", "10.9.9.9", 3, "10.3.0.2");
  assert_gets (&bench, "dave", "10.3.0.0", 4, "10.3.0.3");
  assert_gets (&bench, "erin", "0.0.0.0", 5, "10.3.0.5");
  release (&bench, "alice", 1, "10.3.0.4");
  /* What another had is not for the asking, while there is anything else. */
  assert_gets (&bench, "mallory", "10.3.0.4", 6, "10.3.0.6");
  assert_gets (&bench, "alice", "0.0.0.0", 7, "10.3.0.4");
  bench_clear (&bench);
}

static void
test_full (void)
{
  Bench bench = bench_new ("10.3.0.0/30", 100);

  assert_gets (&bench, "alice", "0.0.0.0", 1, "10.3.0.1");
  assert_gets (&bench, "bob", "0.0.0.0", 2, "10.3.0.2");
  assert_gets (&bench, "carol", "0.0.0.0", 3, "pool p is full: all 2 addresses are in use");
  assert_gets (&bench, "carol", "::", 3, "pool p has no IPv6 addresses");
  release (&bench, "bob", 2, "10.3.0.2");
  release (&bench, "alice", 1, "10.3.0.1");
  /* The one that was not used for longer. */
  assert_gets (&bench, "carol", "0.0.0.0", 3, "10.3.0.2");
  assert_gets (&bench, "bob", "0.0.0.0", 4, "10.3.0.1");
  assert_gets (&bench, "alice", "0.0.0.0", 5, "pool p is full: all 2 addresses are in use");
  assert_counts (&bench, 2, 0);
  bench_clear (&bench);
}

static void
test_memory (void)
{
  Bench bench = bench_new ("fd00::/64", 10);

  for (guint i = 0; i < 1000; i++) {
    g_autofree char *who = g_strdup_printf ("user%u", i), *got = acquire (&bench, who, "::", i);
    release (&bench, who, i, got);
  }
  assert_counts (&bench, 0, 10);
  assert_gets (&bench, "user999", "::", 1, "fd00::a");
  bench_clear (&bench);
}

/* A client that wishes for others every time; all the same no address is lost. */
static void
test_memory_of_wishes (void)
{
  Bench bench = bench_new ("10.3.0.0/24", 10);

  for (guint i = 1; i <= 4; i++) {
    g_autofree char *who = g_strdup_printf ("user%u", i);
    g_autofree char *got = acquire (&bench, who, "0.0.0.0", i);
  }
  for (guint i = 0; i < 200; i++) {
    g_autofree char *wish = g_strdup_printf ("10.3.0.%u", i + 50);
    assert_gets (&bench, "mallory", wish, 100 + i, wish);
    release (&bench, "mallory", 100 + i, wish);
  }
  assert_counts (&bench, 4, 10);
  for (guint i = 5; i <= 254; i++) {
    g_autofree char *who = g_strdup_printf ("user%u", i);
    g_autofree char *got = acquire (&bench, who, "0.0.0.0", 1000 + i);
    g_assert_true (g_str_has_prefix (got, "10.3.0."));
  }
  assert_counts (&bench, 254, 0);
  /* All at once: each can be given again. */
  for (guint i = 1; i <= 254; i++)
    for (guint who = 1; who <= 254; who++) {
      g_autofree char *addr = g_strdup_printf ("10.3.0.%u", i);
      release (&bench, "x", who <= 4 ? who : 1000 + who, addr);
    }
  assert_counts (&bench, 0, 254);
  bench_clear (&bench);
}

static void
test_anonymous (void)
{
  Bench bench = bench_new ("10.3.0.0/29", 100);

  assert_gets (&bench, "@1", "0.0.0.0", 1, "10.3.0.1");
  assert_gets (&bench, "@1", "0.0.0.0", 2, "10.3.0.2");
  assert_gets (&bench, "@1", "10.3.0.1", 3, "10.3.0.3");
  release (&bench, "@1", 1, "10.3.0.1");
  assert_counts (&bench, 2, 1);
  bench_clear (&bench);
}

static void
test_reload (void)
{
  Bench bench = bench_new ("10.3.0.0/29", 100);
  g_autofree PoolAddrs *smaller = pool_addrs_parse ("10.3.0.2-10.3.0.3", NULL);

  assert_gets (&bench, "alice", "0.0.0.0", 1, "10.3.0.1");
  assert_gets (&bench, "bob", "0.0.0.0", 2, "10.3.0.2");
  assert_gets (&bench, "carol", "0.0.0.0", 3, "10.3.0.3");
  assert_gets (&bench, "dave", "0.0.0.0", 4, "10.3.0.4");
  release (&bench, "carol", 3, "10.3.0.3");
  release (&bench, "dave", 4, "10.3.0.4");
  pool_leases_set_addrs (bench.leases, smaller);
  assert_counts (&bench, 2, 1);
  /* It fits no more, and nobody else gets it while it is in use. */
  assert_gets (&bench, "erin", "10.3.0.1", 5, "10.3.0.3");
  assert_gets (&bench, "frank", "0.0.0.0", 6, "pool p is full: all 2 addresses are in use");
  pool_leases_set_addrs (bench.leases, bench.addrs);
  assert_gets (&bench, "frank", "10.3.0.1", 6, "10.3.0.4");
  pool_leases_set_addrs (bench.leases, smaller);
  release (&bench, "alice", 1, "10.3.0.1");
  assert_counts (&bench, 3, 0);
  bench_clear (&bench);
}

static gboolean
is_taken (const IkeAddr *addr, gpointer data)
{
  ++*(guint *) data;
  return TRUE;
}

/* Somebody else has them all, so each is looked at; not again at the next request. */
static void
test_full_is_remembered (void)
{
  Bench bench = bench_new ("10.3.0.0/22", 100);
  g_autofree PoolAddrs *again = pool_addrs_parse ("10.3.0.0/22", NULL),
                       *others = pool_addrs_parse ("10.3.0.1-10.3.3.254", NULL),
                       *fewer = pool_addrs_parse ("10.3.0.0/23", NULL);
  const char *why = "pool p is full: all 1022 addresses are in use";
  guint n_looks = 0;

  pool_leases_set_guard (bench.leases, is_taken, &n_looks);
  assert_gets (&bench, "alice", "0.0.0.0", 1, why);
  g_assert_cmpuint (n_looks, >=, 1022);
  n_looks = 0;
  assert_gets (&bench, "alice", "0.0.0.0", 1, why);
  g_assert_cmpuint (n_looks, <=, 32);
  /* Nor after a reload that changes nothing. */
  pool_leases_set_addrs (bench.leases, again);
  pool_leases_set_addrs (bench.leases, others);
  n_looks = 0;
  assert_gets (&bench, "alice", "0.0.0.0", 1, why);
  g_assert_cmpuint (n_looks, <=, 32);
  pool_leases_set_addrs (bench.leases, fewer);
  n_looks = 0;
  assert_gets (&bench, "alice", "0.0.0.0", 1, "pool p is full: all 510 addresses are in use");
  g_assert_cmpuint (n_looks, >=, 510);
  bench_clear (&bench);
}

static gboolean
is_not_the_last (const IkeAddr *addr, gpointer data)
{
  return addr->bytes[3] != 254;
}

/* The others of those that were passed over stay taken. */
static void
test_freed_behind (void)
{
  Bench bench = bench_new ("10.3.0.0/24", 100);
  guint n_looks = 0, n_tries = 0;

  pool_leases_set_guard (bench.leases, is_taken, &n_looks);
  assert_gets (&bench, "alice", "0.0.0.0", 1, "pool p is full: all 254 addresses are in use");
  pool_leases_set_guard (bench.leases, is_not_the_last, NULL);
  for (gboolean is_there = FALSE; !is_there; n_tries++) {
    g_autofree char *got = acquire (&bench, "alice", "0.0.0.0", 1);
    is_there = !strcmp (got, "10.3.0.254");
    g_assert_cmpuint (n_tries, <, 254 / 16 + 1);
  }
  bench_clear (&bench);
}

/* Those that are in use and not of the pool any more, whatever happens in between. */
static void
test_left (void)
{
  static const PoolAddrs none;
  Bench bench = bench_new ("10.3.0.0/29", 100);
  g_autofree PoolAddrs *one = pool_addrs_parse ("10.3.0.1", NULL),
                       *same = pool_addrs_parse ("10.3.0.1", NULL);

  for (guint32 i = 1; i <= 3; i++) {
    g_autofree char *who = g_strdup_printf ("%u", i), *got = acquire (&bench, who, "0.0.0.0", i);
  }
  g_assert_cmpuint (pool_leases_set_addrs (bench.leases, one), ==, 2);
  g_assert_cmpuint (pool_leases_set_addrs (bench.leases, same), ==, 2);
  release (&bench, "1", 1, "10.3.0.1");
  release (&bench, "3", 3, "10.3.0.3");
  g_assert_cmpuint (pool_leases_set_addrs (bench.leases, one), ==, 1);
  g_assert_cmpuint (pool_leases_set_addrs (bench.leases, &none), ==, 1);
  release (&bench, "2", 2, "10.3.0.2");
  g_assert_cmpuint (pool_leases_set_addrs (bench.leases, &none), ==, 0);
  bench_clear (&bench);
}

/* -- beside a model: who holds what, and that nobody holds what another has */

enum { N_USERS = 40, N_ADDRS = 24 };

typedef struct {
  int user;
  guint n;
} Slot;

static void
count_held (const PoolLease *lease, gpointer data)
{
  const Slot *slots = data;

  g_assert_cmpuint (lease->n_holders, ==, slots[lease->addr.bytes[3]].n);
}

static guint
last_byte (const char *text)
{
  return (guint) atoi (strrchr (text, '.') + 1);
}

static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (42);
  Bench bench = bench_new ("10.3.0.1-10.3.0.24", 1000);
  Slot slots[256] = { 0 };
  guint held[4096] = { 0 }, user_of[4096] = { 0 }, n_sas = 0;

  for (guint round = 0; round < 8000; round++) {
    guint sa = (guint) g_rand_int_range (rand, 0, (gint32) n_sas + 1);
    if (sa == n_sas || !held[sa]) {
      guint user = (guint) g_rand_int_range (rand, 0, N_USERS), at;
      g_autofree char *who = g_strdup_printf ("u%u@%d", user, g_rand_int_range (rand, 1, 4)),
                      *wanted = g_rand_boolean (rand)
                                    ? g_strdup ("0.0.0.0")
                                    : g_strdup_printf ("10.3.0.%d", g_rand_int_range (rand, 1, 30)),
                      *got = acquire (&bench, who, wanted, n_sas + 1);
      if (!strrchr (got, '.')) {
        for (guint i = 1; i <= N_ADDRS; i++)
          g_assert_cmpuint (slots[i].n, >, 0);
        continue;
      }
      at = last_byte (got);
      g_assert_true (!slots[at].n || slots[at].user == (int) user);
      slots[at].user = (int) user;
      slots[at].n++;
      held[n_sas] = at;
      user_of[n_sas++] = user;
      continue;
    }
    g_autofree char *who = g_strdup_printf ("u%u", user_of[sa]),
                    *addr = g_strdup_printf ("10.3.0.%u", held[sa]);
    release (&bench, who, sa + 1, addr);
    slots[held[sa]].n--;
    held[sa] = 0;
    pool_leases_each (bench.leases, count_held, slots);
  }
  g_assert_cmpuint (n_sas, >, 1000);
  bench_clear (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool-leases/the-same-client-gets-the-same-address", test_sticky);
  g_test_add_func ("/pool-leases/sas-of-one-host-share-a-lease", test_shared);
  g_test_add_func ("/pool-leases/an-sa-that-wants-two-gets-two", test_two_of_one);
  g_test_add_func ("/pool-leases/wishes-are-granted-where-nobody-else-was", test_wishes);
  g_test_add_func ("/pool-leases/full-means-the-oldest-offline-one-then-no", test_full);
  g_test_add_func ("/pool-leases/memory-is-for-what-is-remembered", test_memory);
  g_test_add_func ("/pool-leases/wishes-are-remembered-no-more-than-others", test_memory_of_wishes);
  g_test_add_func ("/pool-leases/anonymous-clients-share-nothing", test_anonymous);
  g_test_add_func ("/pool-leases/other-addresses-keep-what-fits", test_reload);
  g_test_add_func ("/pool-leases/a-full-pool-is-not-searched-again", test_full_is_remembered);
  g_test_add_func ("/pool-leases/what-is-free-again-is-found", test_freed_behind);
  g_test_add_func ("/pool-leases/what-a-pool-lost-is-counted-while-in-use", test_left);
  g_test_add_func ("/pool-leases/random-operations-agree-with-a-model", test_random);
  return g_test_run ();
}
