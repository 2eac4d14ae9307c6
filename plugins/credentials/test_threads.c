/* SPDX-License-Identifier: Apache-2.0 */
/* test_threads.c - shards look for certificates while control puts new snapshots in place. */
#include <pthread.h>
#include <stdatomic.h>

#include "test_support.h"

enum { N_THREADS = 3, N_RELOADS = 40 };

static const MakeCert root = { .cn = "Root", .is_ca = TRUE };
static const MakeCert middle = { .cn = "Middle", .is_ca = TRUE };
static const MakeCert moon = { .cn = "moon", .names = "DNS:moon.example" };

typedef struct {
  Bench *bench;
  atomic_bool is_over;
  atomic_uint n_found;
} Race;

static void
look_once (Race *race, const IkeIdent *id)
{
  static const char *const names[] = { "root.pem", NULL };
  const IkeCredentialsOps *ops = race->bench->ops;
  IkeCredentials *credentials = ops->get (race->bench->plugin);
  const IkeOwnQuery query = { .struct_size = sizeof query, .id = id, .now = NOW };
  IkeOwn own;

  g_assert_nonnull (ops->trust (credentials, names));
  g_assert_nonnull (ops->ca (credentials, NULL, 0));
  g_assert_true (ops->own (credentials, &query, &own, NULL));
  ops->unref (credentials);
  g_assert_cmpuint (own.n_chain, ==, 1);
  ops->own_clear (&own);
  atomic_fetch_add (&race->n_found, 1);
}

static void *
look (void *data)
{
  Race *race = data;
  g_autoptr (IkeIdent) id = ike_ident_parse ("moon.example", NULL);

  while (!atomic_load (&race->is_over))
    look_once (race, id);
  look_once (race, id);
  return NULL;
}

static void
test_race (void)
{
  X509 *issuer = make_cert (&root, "root", NULL, "root");
  X509 *between = make_cert (&middle, "middle", issuer, "root");
  X509 *leaf = make_cert (&moon, "moon", between, "middle");
  pthread_t threads[N_THREADS];
  Bench bench;
  Race race = { .bench = &bench };

  bench_init (&bench);
  bench_put_cert (&bench, "x509ca/root.pem", issuer);
  bench_put_cert (&bench, "x509ca/middle.pem", between);
  bench_put_cert (&bench, "x509/moon.pem", leaf);
  bench_put_key (&bench, "private/moon.pem", "moon", NULL);
  bench_require (&bench, "ca:root.pem");
  bench_start (&bench);
  for (guint i = 0; i < N_THREADS; i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, look, &race), ==, 0);
  for (guint i = 0; i < N_RELOADS; i++) {
    bench_put_cert (&bench, "x509/moon.pem", leaf);
    bench_put_cert (&bench, i % 2 ? "x509ca/root.pem" : "x509ca/middle.pem",
                    i % 2 ? issuer : between);
    bench_reload_fine (&bench);
  }
  atomic_store (&race.is_over, TRUE);
  for (guint i = 0; i < N_THREADS; i++)
    g_assert_cmpint (pthread_join (threads[i], NULL), ==, 0);
  g_assert_cmpuint (atomic_load (&race.n_found), >=, N_THREADS);
  X509_free (issuer);
  X509_free (between);
  X509_free (leaf);
  bench_clear (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/credentials/threads/a-snapshot-in-use-outlives-the-next", test_race);
  return g_test_run ();
}
