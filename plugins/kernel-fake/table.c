/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - the recorded SAs, striped by SPI. */
#include "config.h"
#include <string.h>
#include "fake.h"

enum { FIRST_BUCKETS = 16 };

/* With their first buckets, so that what an engine without SAs has in use is always the same. */
void
fake_table_init (Fake *fake)
{
  for (guint i = 0; i < FAKE_STRIPES; i++) {
    pthread_mutex_init (&fake->stripes[i].lock, NULL);
    fake->stripes[i].n_buckets = FIRST_BUCKETS;
    fake->stripes[i].buckets = g_new0 (FakeSa *, FIRST_BUCKETS);
  }
}

void
fake_sa_free (FakeSa *sa)
{
  if (sa->record)
    ike_wipe (sa->record, sizeof *sa->record);
  g_free (sa->record);
  g_free (sa);
}

void
fake_table_clear (Fake *fake)
{
  for (guint i = 0; i < FAKE_STRIPES; i++) {
    FakeStripe *stripe = &fake->stripes[i];
    for (guint32 b = 0; b < stripe->n_buckets; b++)
      while (stripe->buckets[b]) {
        FakeSa *sa = stripe->buckets[b];
        stripe->buckets[b] = sa->next;
        fake_sa_free (sa);
      }
    g_free (stripe->buckets);
    pthread_mutex_destroy (&stripe->lock);
  }
}

static guint32
mix (guint32 spi)
{
  spi *= 2654435761u;
  return spi ^ spi >> 16;
}

FakeStripe *
fake_lock (Fake *fake, guint32 spi)
{
  FakeStripe *stripe = &fake->stripes[mix (spi) % FAKE_STRIPES];
  pthread_mutex_lock (&stripe->lock);
  return stripe;
}

void
fake_unlock (FakeStripe *stripe)
{
  pthread_mutex_unlock (&stripe->lock);
}

static FakeSa **
bucket_of (FakeStripe *stripe, guint32 spi)
{
  return &stripe->buckets[mix (spi) / FAKE_STRIPES & (stripe->n_buckets - 1)];
}

static gboolean
is_it (const FakeSa *sa, guint8 direction, guint32 spi, const IkeAddr *destination)
{
  return sa->spi == spi && sa->direction == direction
         && (!destination || direction == IKE_DIR_IN
             || ike_addr_same_host (&sa->destination, destination));
}

FakeSa *
fake_find (FakeStripe *stripe, guint8 direction, guint32 spi, const IkeAddr *destination)
{
  for (FakeSa *sa = *bucket_of (stripe, spi); sa; sa = sa->next)
    if (is_it (sa, direction, spi, destination))
      return sa;
  return NULL;
}

static void
grow (FakeStripe *stripe)
{
  FakeSa **old = stripe->buckets;
  guint32 n_old = stripe->n_buckets;
  stripe->n_buckets = n_old * 2;
  stripe->buckets = g_new0 (FakeSa *, stripe->n_buckets);
  for (guint32 b = 0; b < n_old; b++)
    while (old[b]) {
      FakeSa *sa = old[b];
      old[b] = sa->next;
      sa->next = *bucket_of (stripe, sa->spi);
      *bucket_of (stripe, sa->spi) = sa;
    }
  g_free (old);
}

void
fake_insert (Fake *fake, FakeStripe *stripe, FakeSa *sa)
{
  if (stripe->n >= stripe->n_buckets)
    grow (stripe);
  stripe->n++;
  sa->number = atomic_fetch_add (&fake->last_number, 1) + 1;
  sa->next = *bucket_of (stripe, sa->spi);
  *bucket_of (stripe, sa->spi) = sa;
  atomic_fetch_add (&fake->n_sas, 1);
}

gboolean
fake_delete (Fake *fake, FakeStripe *stripe, guint8 direction, guint32 spi,
             const IkeAddr *destination)
{
  FakeSa **at = bucket_of (stripe, spi);
  FakeSa *sa;
  while (*at && !is_it (*at, direction, spi, destination))
    at = &(*at)->next;
  if (!*at)
    return FALSE;
  sa = *at;
  *at = sa->next;
  stripe->n--;
  fake_sa_free (sa);
  atomic_fetch_sub (&fake->n_sas, 1);
  return TRUE;
}
