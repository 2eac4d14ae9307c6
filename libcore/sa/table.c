/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - finds an SA by what its SPI says: no hash, one index.
 *
 * Our SPI is bucket 8 | slot 24 (masked) | random 32.  The bucket names the shard, the slot the
 * place in its table; the random half is compared, so a guess of the slot finds nothing.  Slots
 * grow by chunks, so that no datagram ever pays for moving a table.  Half-open SAs of responders
 * are also found by what repeats of a first message have in common. */
#include "sa/sa_private.h"
#include <string.h>

/* The mask of a slot depends on the random half, so that two SPIs say nothing about each other's
 * slots. */
static guint32
slot_mask (const IkeSaManager *manager, guint32 random)
{
  return (guint32) ike_siphash (manager->secret, &random, sizeof random) & 0xffffff;
}

static IkeSa **
place_of (IkeShard *shard, guint32 slot)
{
  guint32 chunk = slot / IKE_CHUNK_SAS;

  return chunk < shard->n_chunks ? &shard->chunks[chunk]->sas[slot % IKE_CHUNK_SAS] : NULL;
}

static gboolean
grow (IkeShard *shard)
{
  guint32 first = shard->n_chunks * IKE_CHUNK_SAS, i;

  if (shard->n_chunks == 0x1000000 / IKE_CHUNK_SAS)
    return FALSE;
  if (shard->n_chunks == shard->n_chunk_room) {
    shard->n_chunk_room = MAX (16, shard->n_chunk_room * 2);
    shard->chunks = g_renew (IkeChunk *, shard->chunks, shard->n_chunk_room);
  }
  shard->chunks[shard->n_chunks++] = g_new0 (IkeChunk, 1);
  /* All slots may be free at once. */
  if (shard->n_chunks * IKE_CHUNK_SAS > shard->n_free_room) {
    shard->n_free_room = MAX (2 * shard->n_free_room, shard->n_chunks * IKE_CHUNK_SAS);
    shard->free_slots = g_renew (guint32, shard->free_slots, shard->n_free_room);
  }
  for (i = IKE_CHUNK_SAS; i-- > 0;)
    shard->free_slots[shard->n_free++] = first + i;
  return TRUE;
}

static guint8
pick_bucket (IkeShard *shard)
{
  guint8 bucket = shard->next_bucket;

  do
    bucket++;
  while (shard->manager->buckets[bucket] != shard->index);
  return shard->next_bucket = bucket;
}

gboolean
ike_table_add (IkeShard *shard, IkeSa *sa, int bucket)
{
  guint32 random;

  if (bucket < 0 || shard->manager->buckets[bucket] != shard->index)
    bucket = pick_bucket (shard);
  if (shard->n_free == 0 && !grow (shard))
    return FALSE;
  /* The oldest free slot is as good as any: the random half tells a new tenant from the one before.
   */
  sa->slot = shard->free_slots[--shard->n_free];
  *place_of (shard, sa->slot) = sa;
  do
    ike_engine_random (shard->manager->engine, &random, sizeof random);
  while (random == 0);
  sa->our_spi = (guint64) bucket << 56
                | (guint64) (sa->slot ^ slot_mask (shard->manager, random)) << 32 | random;
  shard->n_sas++;
  atomic_fetch_add (&shard->manager->n_sas, 1);
  return TRUE;
}

void
ike_table_remove (IkeShard *shard, IkeSa *sa)
{
  IkeSa **place = place_of (shard, sa->slot);

  g_assert (place && *place == sa);
  if (shard->adopted)
    g_hash_table_remove (shard->adopted, &sa->our_spi);
  *place = NULL;
  shard->free_slots[shard->n_free++] = sa->slot;
  shard->n_sas--;
  atomic_fetch_sub (&shard->manager->n_sas, 1);
}

/* SPIs of another node say nothing about slots here.  A hash is fine for these: there are few, and
 * none on a node that took nothing over. */
void
ike_table_adopt (IkeShard *shard, IkeSa *sa, guint64 our_spi)
{
  if (!shard->adopted)
    shard->adopted = g_hash_table_new (g_int64_hash, g_int64_equal);
  sa->our_spi = our_spi;
  g_hash_table_insert (shard->adopted, &sa->our_spi, sa);
}

static IkeSa *
find_adopted (IkeShard *shard, guint64 our_spi)
{
  IkeSa *sa = g_hash_table_lookup (shard->adopted, &our_spi);

  return sa && !sa->is_doomed ? sa : NULL;
}

IkeSa *
ike_table_find (IkeShard *shard, guint64 our_spi)
{
  guint32 slot =
      (guint32) (our_spi >> 32 & 0xffffff) ^ slot_mask (shard->manager, (guint32) our_spi);
  IkeSa **place = place_of (shard, slot);

  if (place && *place && (*place)->our_spi == our_spi)
    return (*place)->is_doomed ? NULL : *place;
  return shard->adopted ? find_adopted (shard, our_spi) : NULL;
}

guint32
ike_table_walk (IkeShard *shard, guint32 from, void (*each) (IkeSa *sa, gpointer data),
                gpointer data)
{
  guint32 end = MIN (shard->n_chunks * IKE_CHUNK_SAS, from + IKE_CHUNK_SAS), slot;

  for (slot = from; slot < end; slot++) {
    IkeSa *sa = *place_of (shard, slot);
    if (sa && !sa->is_doomed)
      each (sa, data);
  }
  return end < shard->n_chunks * IKE_CHUNK_SAS ? end : G_MAXUINT32;
}

void
ike_message_digest (IkeSaManager *manager, const guint8 *data, gsize len, guint8 out[16])
{
  ike_siphash128 (manager->secret, data, len, out);
}

/* The key of a half-open SA: the peer's SPI and where it comes from. */
static guint
half_open_chain (IkeShard *shard, guint64 peer_spi, const IkeAddr *remote)
{
  struct {
    guint64 spi;
    IkeAddr remote;
  } key;

  memset (&key, 0, sizeof key);
  key.spi = peer_spi;
  key.remote = *remote;
  return (guint) (ike_siphash (shard->manager->secret, &key, sizeof key) % IKE_HALF_OPEN_CHAINS);
}

void
ike_half_open_add (IkeSa *sa)
{
  IkeSa **chain = &sa->shard->half_open[half_open_chain (sa->shard, sa->peer_spi, &sa->remote)];

  sa->half_next = *chain;
  *chain = sa;
  sa->is_half_open = TRUE;
  ike_half_open_one_more (sa);
}

void
ike_half_open_remove (IkeSa *sa)
{
  IkeShard *shard = sa->shard;
  guint i;

  if (!sa->is_half_open)
    return;
  sa->is_half_open = FALSE;
  ike_half_open_one_less (sa);
  /* The endpoints may have changed since: then the chain is not the one that they name now. */
  for (i = half_open_chain (shard, sa->peer_spi, &sa->remote);;
       i = (i + 1) % IKE_HALF_OPEN_CHAINS) {
    IkeSa **link;
    for (link = &shard->half_open[i]; *link; link = &(*link)->half_next)
      if (*link == sa) {
        *link = sa->half_next;
        return;
      }
  }
}

/* RFC 7296, 2.1: the responder tells a repeated request by SPI, address and content: two initiators
 * behind one NAT may have chosen the same SPI. */
IkeSa *
ike_half_open_find (IkeShard *shard, guint64 peer_spi, const IkeAddr *remote, const guint8 *data,
                    gsize len)
{
  guint8 digest[16];
  IkeSa *sa = shard->half_open[half_open_chain (shard, peer_spi, remote)];

  if (!sa)
    return NULL;
  ike_message_digest (shard->manager, data, len, digest);
  for (; sa; sa = sa->half_next)
    if (sa->peer_spi == peer_spi && ike_addr_equal (&sa->remote, remote) && sa->window.received
        && !memcmp (sa->window.received[0].digest, digest, sizeof digest))
      return sa;
  return NULL;
}

IkeSa *
ike_sa_lookup (IkeEngine *engine, IkeSaRef ref)
{
  IkeSaManager *manager = engine->sas;
  IkeSa **place =
      ref.shard < engine->n_shards ? place_of (manager->shards[ref.shard], ref.slot) : NULL;

  return place && *place && (*place)->serial == ref.serial && !(*place)->is_doomed ? *place : NULL;
}

IkeShard *
ike_shard_new (IkeSaManager *manager, guint index)
{
  IkeShard *shard = g_new0 (IkeShard, 1);

  shard->manager = manager;
  shard->index = index;
  shard->loop = ike_engine_shard (manager->engine, index);
  shard->buffer = g_malloc (IKE_MESSAGE_MAX);
  shard->arenas = ike_arena_cache_new (1024 * 1024);
  return shard;
}

void
ike_shard_free (IkeShard *shard)
{
  guint32 i;

  if (!shard)
    return;
  for (i = 0; i < shard->n_chunks; i++)
    g_free (shard->chunks[i]);
  g_free (shard->chunks);
  g_clear_pointer (&shard->adopted, g_hash_table_unref);
  g_clear_pointer (&shard->moved, g_hash_table_unref);
  g_free (shard->free_slots);
  g_free (shard->buffer);
  ike_arena_cache_free (shard->arenas);
  g_free (shard);
}
