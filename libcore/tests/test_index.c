/* SPDX-License-Identifier: Apache-2.0 */
/* test_index.c - the hash that all shards share: what is in it is found, by any thread. */
#include "sa/sa_private.h"

enum { N = 20000, N_THREADS = 4 };

typedef struct {
  IkeIndexed indexed;
  guint number;
} Entry;

/* Two entries of each key. */
static void
entry_init (Entry *entry, guint number)
{
  guint32 half = number / 2;

  memset (entry, 0, sizeof *entry);
  ike_siphash128 ((const guint8 *) "0123456789abcdef", &half, sizeof half, entry->indexed.key);
  entry->number = number;
}

static void
add (IkeIndex *index, Entry *entry)
{
  IkeStripe *stripe = ike_index_lock (index, entry->indexed.key);

  ike_index_add (stripe, &entry->indexed);
  ike_index_unlock (stripe);
}

static void
take (IkeIndex *index, Entry *entry)
{
  IkeStripe *stripe = ike_index_lock (index, entry->indexed.key);

  ike_index_remove (stripe, &entry->indexed);
  ike_index_unlock (stripe);
}

/* How many entries have its key; all of them must be of its pair. */
static guint
count (IkeIndex *index, const Entry *entry)
{
  IkeStripe *stripe = ike_index_lock (index, entry->indexed.key);
  IkeIndexed *found = NULL;
  guint n = 0;

  while ((found = ike_index_next (stripe, entry->indexed.key, found))) {
    g_assert_cmpuint (((Entry *) found)->number / 2, ==, entry->number / 2);
    n++;
  }
  ike_index_unlock (stripe);
  return n;
}

static void
test_find (void)
{
  IkeIndex *index = ike_index_new ();
  Entry *entries = g_new (Entry, N);

  for (guint i = 0; i < N; i++) {
    entry_init (&entries[i], i);
    g_assert_cmpuint (count (index, &entries[i]), ==, i % 2);
    add (index, &entries[i]);
  }
  for (guint i = 0; i < N; i++)
    g_assert_cmpuint (count (index, &entries[i]), ==, 2);
  for (guint i = 0; i < N; i += 2) {
    take (index, &entries[i]);
    g_assert_cmpuint (count (index, &entries[i]), ==, 1);
  }
  for (guint i = 1; i < N; i += 2) {
    take (index, &entries[i]);
    g_assert_cmpuint (count (index, &entries[i]), ==, 0);
  }
  g_free (entries);
  ike_index_free (index);
}

typedef struct {
  IkeIndex *index;
  guint first;
} Work;

static void *
work (void *data)
{
  const Work *w = data;
  Entry *entries = g_new (Entry, N / N_THREADS);

  for (guint round = 0; round < 3; round++) {
    for (guint i = 0; i < N / N_THREADS; i++) {
      entry_init (&entries[i], w->first + i * N_THREADS);
      add (w->index, &entries[i]);
      g_assert_cmpuint (count (w->index, &entries[i]), >=, 1);
    }
    for (guint i = 0; i < N / N_THREADS; i++)
      take (w->index, &entries[i]);
  }
  g_free (entries);
  return NULL;
}

static void
test_threads (void)
{
  IkeIndex *index = ike_index_new ();
  pthread_t threads[N_THREADS];
  Work works[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++) {
    works[i] = (Work){ index, i };
    g_assert_cmpint (pthread_create (&threads[i], NULL, work, &works[i]), ==, 0);
  }
  for (guint i = 0; i < N_THREADS; i++)
    pthread_join (threads[i], NULL);
  ike_index_free (index);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/index/what-is-in-it-is-found", test_find);
  g_test_add_func ("/index/threads-meet", test_threads);
  return g_test_run ();
}
