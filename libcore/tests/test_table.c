/* SPDX-License-Identifier: Apache-2.0 */
/* test_table.c - SAs by SPI and half-open ones by what their first message was. */
#include "tests/runtime_test.h"
#include "sa/sa_private.h"

typedef struct { IkeSim *sim; IkeEngine *engine; IkeShard *shard; } Table;

static void
set_up (Table *t, gconstpointer unused)
{
  t->sim = ike_sim_new (1);
  t->engine = test_engine_new_full (t->sim, 0, 2, 0, NULL, NULL);
  t->shard = t->engine->sas->shards[1];
}

static void
tear_down (Table *t, gconstpointer unused)
{
  ike_engine_free (t->engine);
  ike_sim_free (t->sim);
}

static IkeSa *
add (Table *t)
{
  IkeSa *sa = g_new0 (IkeSa, 1);

  sa->shard = t->shard;
  ike_window_init (&sa->window);
  g_assert_true (ike_table_add (t->shard, sa, -1));
  return sa;
}

static void
drop (Table *t, IkeSa *sa)
{
  ike_half_open_remove (sa);
  ike_table_remove (t->shard, sa);
  ike_window_clear (&sa->window);
  g_free (sa);
}

static void
count_one (IkeSa *sa, gpointer data)
{
  ++*(guint *) data;
}

static guint
n_walked (Table *t)
{
  guint32 from = 0;
  guint n = 0;

  while (from != G_MAXUINT32)
    from = ike_table_walk (t->shard, from, count_one, &n);
  return n;
}

static void
test_grow (Table *t, gconstpointer unused)
{
  enum { N = 3 * IKE_CHUNK_SAS + 7 };
  IkeSa *sas[N];
  guint round, i;

  for (round = 0; round < 3; round++) {
    for (i = 0; i < N; i++) {
      sas[i] = add (t);
      g_assert_cmpuint (t->engine->sas->buckets[sas[i]->our_spi >> 56], ==, 1);
    }
    g_assert_cmpuint (t->shard->n_chunks, ==, 4);
    for (i = 0; i < N; i++)
      g_assert_true (ike_table_find (t->shard, sas[i]->our_spi) == sas[i]);
    g_assert_cmpuint (n_walked (t), ==, N);
    /* All of them free at once, which is more than were free when the last chunk came. */
    for (i = 0; i < N; i++)
      drop (t, sas[i]);
    g_assert_cmpuint (n_walked (t), ==, 0);
    g_assert_cmpuint (t->shard->n_sas, ==, 0);
  }
}

static void
test_guess (Table *t, gconstpointer unused)
{
  IkeSa *sa = add (t);
  guint64 spi = sa->our_spi;
  guint bit;

  for (bit = 0; bit < 64; bit++)
    g_assert_null (ike_table_find (t->shard, spi ^ G_GUINT64_CONSTANT (1) << bit));
  g_assert_null (ike_table_find (t->shard, 0));
  g_assert_null (ike_table_find (t->shard, G_MAXUINT64));
  sa->is_doomed = TRUE;
  g_assert_null (ike_table_find (t->shard, spi));
  drop (t, sa);
  g_assert_null (ike_table_find (t->shard, spi));
}

static void
test_reuse (Table *t, gconstpointer unused)
{
  IkeSa *first = add (t), *second;
  guint64 spi = first->our_spi;
  guint32 slot = first->slot;

  drop (t, first);
  second = add (t);
  g_assert_cmpuint (second->slot, ==, slot);
  g_assert_cmphex (second->our_spi, !=, spi);
  g_assert_null (ike_table_find (t->shard, spi));
  g_assert_true (ike_table_find (t->shard, second->our_spi) == second);
  drop (t, second);
}

static void
test_adopt (Table *t, gconstpointer unused)
{
  IkeSa *sa = add (t);
  guint64 own = sa->our_spi, foreign = G_GUINT64_CONSTANT (0x0123456789abcdef);

  ike_table_adopt (t->shard, sa, foreign);
  g_assert_true (ike_table_find (t->shard, foreign) == sa);
  g_assert_null (ike_table_find (t->shard, own));
  sa->is_doomed = TRUE;
  g_assert_null (ike_table_find (t->shard, foreign));
  drop (t, sa);
  g_assert_null (ike_table_find (t->shard, foreign));
}

static IkeSa *
half_open (Table *t, guint64 peer_spi, const IkeAddr *remote, const char *message)
{
  IkeSa *sa = add (t);
  guint8 digest[16];

  sa->peer_spi = peer_spi;
  sa->remote = *remote;
  ike_message_digest (t->engine->sas, (const guint8 *) message, strlen (message), digest);
  ike_window_accept (&sa->window, 0, digest, NULL);
  ike_half_open_add (sa);
  return sa;
}

static IkeSa *
find (Table *t, guint64 peer_spi, const IkeAddr *remote, const char *message)
{
  return ike_half_open_find (t->shard, peer_spi, remote, (const guint8 *) message,
                             strlen (message));
}

/* RFC 7296, 2.1: by SPI, address and content. */
static void
test_half_open (Table *t, gconstpointer unused)
{
  IkeAddr here, there;
  IkeSa *a, *b, *c;

  ike_addr_parse (&here, "192.0.2.1", NULL);
  ike_addr_parse (&there, "192.0.2.2", NULL);
  here.port = there.port = 500;
  a = half_open (t, 5, &here, "first");
  b = half_open (t, 5, &here, "second");
  c = half_open (t, 5, &there, "first");
  g_assert_cmpuint (atomic_load (&t->engine->sas->n_half_open), ==, 3);
  g_assert_true (find (t, 5, &here, "first") == a);
  g_assert_true (find (t, 5, &here, "second") == b);
  g_assert_true (find (t, 5, &there, "first") == c);
  g_assert_null (find (t, 6, &here, "first"));
  g_assert_null (find (t, 5, &here, "third"));
  here.port = 501;
  g_assert_null (find (t, 5, &here, "first"));
  /* It moved, and nobody told the table: it is still found for removal. */
  b->remote = there;
  ike_half_open_remove (b);
  ike_half_open_remove (b);
  here.port = 500;
  g_assert_null (find (t, 5, &here, "second"));
  g_assert_cmpuint (atomic_load (&t->engine->sas->n_half_open), ==, 2);
  drop (t, a);
  drop (t, b);
  drop (t, c);
  g_assert_cmpuint (atomic_load (&t->engine->sas->n_half_open), ==, 0);
}

static void
test_lookup (Table *t, gconstpointer unused)
{
  IkeSa *sa = add (t);
  IkeSaRef ref = { 7, sa->slot, 1 };

  sa->serial = 7;
  g_assert_true (ike_sa_lookup (t->engine, ref) == sa);
  g_assert_null (ike_sa_lookup (t->engine, (IkeSaRef) { 8, sa->slot, 1 }));
  g_assert_null (ike_sa_lookup (t->engine, (IkeSaRef) { 7, sa->slot + 1, 1 }));
  g_assert_null (ike_sa_lookup (t->engine, (IkeSaRef) { 7, 0xffffff, 1 }));
  g_assert_null (ike_sa_lookup (t->engine, (IkeSaRef) { 7, sa->slot, 2 }));
  drop (t, sa);
}

#define ADD(name, func) g_test_add ("/table/" name, Table, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("slots-grow-by-chunks-and-all-may-be-free", test_grow);
  ADD ("a-guessed-slot-finds-nothing", test_guess);
  ADD ("a-slot-is-used-again-under-another-spi", test_reuse);
  ADD ("foreign-spis-are-found-beside-the-table", test_adopt);
  ADD ("half-open-ones-are-found-by-their-message", test_half_open);
  ADD ("references-find-only-their-own", test_lookup);
  return g_test_run ();
}
