/* SPDX-License-Identifier: Apache-2.0 */
/* index.c - what SAs of all shards are found by: a hash in stripes, each with a lock of its own.
 *
 * Any two shards may meet here, for some hundred nanoseconds.  A job instead would cost each setup
 * two trips to another thread before its answer, for what is nearly always "nobody else".  Keys are
 * keyed digests, so peers cannot make entries collide; an entry is part of what it stands for, so
 * nothing here outgrows the SAs. */
#include "sa/sa_private.h"

enum { FIRST_CHAINS = 16 };

IkeIndex *
ike_index_new (void)
{
  IkeIndex *index = g_new0 (IkeIndex, 1);
  guint i;

  for (i = 0; i < IKE_STRIPES; i++)
    pthread_mutex_init (&index->stripes[i].lock, NULL);
  return index;
}

void
ike_index_free (IkeIndex *index)
{
  guint i;

  for (i = 0; i < IKE_STRIPES; i++) {
    g_assert (index->stripes[i].n == 0);
    pthread_mutex_destroy (&index->stripes[i].lock);
    g_free (index->stripes[i].chains);
  }
  g_free (index);
}

IkeStripe *
ike_index_lock (IkeIndex *index, const guint8 key[static 16])
{
  IkeStripe *stripe = &index->stripes[key[0] % IKE_STRIPES];

  pthread_mutex_lock (&stripe->lock);
  return stripe;
}

void
ike_index_unlock (IkeStripe *stripe)
{
  pthread_mutex_unlock (&stripe->lock);
}

/* The first byte chose the stripe. */
static IkeIndexed **
chain_of (const IkeStripe *stripe, const guint8 key[static 16])
{
  guint32 hash;

  memcpy (&hash, key + 4, sizeof hash);
  return &stripe->chains[hash & (stripe->n_chains - 1)];
}

IkeIndexed *
ike_index_next (IkeStripe *stripe, const guint8 key[static 16], IkeIndexed *after)
{
  IkeIndexed *entry = after ? after->next : stripe->n ? *chain_of (stripe, key) : NULL;

  while (entry && memcmp (entry->key, key, sizeof entry->key) != 0)
    entry = entry->next;
  return entry;
}

static void
link_entry (IkeStripe *stripe, IkeIndexed *entry)
{
  IkeIndexed **chain = chain_of (stripe, entry->key);

  entry->next = *chain;
  entry->link = chain;
  if (entry->next)
    entry->next->link = &entry->next;
  *chain = entry;
}

/* One stripe at a time, so that nobody waits for all of them. */
static void
grow (IkeStripe *stripe)
{
  IkeIndexed **old = stripe->chains, *entry;
  guint32 n_old = stripe->n_chains, i;

  stripe->n_chains = MAX (FIRST_CHAINS, 2 * n_old);
  stripe->chains = g_new0 (IkeIndexed *, stripe->n_chains);
  for (i = 0; i < n_old; i++)
    while ((entry = old[i])) {
      old[i] = entry->next;
      link_entry (stripe, entry);
    }
  g_free (old);
}

void
ike_index_add (IkeStripe *stripe, IkeIndexed *entry)
{
  if (stripe->n == stripe->n_chains)
    grow (stripe);
  link_entry (stripe, entry);
  stripe->n++;
}

/* There may be thousands of one key. */
void
ike_index_remove (IkeStripe *stripe, IkeIndexed *entry)
{
  *entry->link = entry->next;
  if (entry->next)
    entry->next->link = entry->link;
  stripe->n--;
}
