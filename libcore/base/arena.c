/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c - memory that goes all at once, from chunks that a thread keeps warm. */
#include <stdlib.h>
#include <string.h>
#include <ikebana/arena.h>
#include <ikebana/secret.h>

enum { CHUNK_SIZE = 4096, ALIGN = 16 };

struct _IkeArenaChunk {
  IkeArenaChunk *next;
  gsize          size;                   /* of data, bytes */
  guint8         data[] __attribute__ ((aligned (ALIGN)));
};

struct _IkeArenaCache {
  IkeArenaChunk *chunks;                 /* all of CHUNK_SIZE, all zero */
  gsize          kept, keep;             /* bytes */
};

enum { CHUNK_DATA = CHUNK_SIZE - sizeof (IkeArenaChunk) };

IkeArenaCache *
ike_arena_cache_new (gsize keep_bytes)
{
  IkeArenaCache *cache = g_new0 (IkeArenaCache, 1);
  cache->keep = keep_bytes;
  return cache;
}

void
ike_arena_cache_free (IkeArenaCache *cache)
{
  if (!cache)
    return;
  while (cache->chunks) {
    IkeArenaChunk *chunk = cache->chunks;
    cache->chunks = chunk->next;
    free (chunk);
  }
  g_free (cache);
}

void
ike_arena_init (IkeArena *arena, IkeArenaCache *cache_or_null, gsize limit_bytes)
{
  memset (arena, 0, sizeof *arena);
  arena->cache = cache_or_null;
  arena->limit = limit_bytes;
}

static void
chunk_give_back (IkeArenaCache *cache, IkeArenaChunk *chunk, gsize used)
{
  /* What an exchange keeps may be decrypted: it is wiped, which also makes the chunk zero for its
   * next user. */
  ike_wipe (chunk->data, used);
  if (!cache || chunk->size != CHUNK_DATA || cache->kept + CHUNK_SIZE > cache->keep) {
    free (chunk);
    return;
  }
  chunk->next = cache->chunks;
  cache->chunks = chunk;
  cache->kept += CHUNK_SIZE;
}

void
ike_arena_clear (IkeArena *arena)
{
  while (arena->chunks) {
    IkeArenaChunk *chunk = arena->chunks;
    arena->chunks = chunk->next;
    chunk_give_back (arena->cache, chunk, chunk->size);
  }
  arena->at = NULL;
  arena->left = 0;
  arena->used = 0;
}

static IkeArenaChunk *
chunk_take (IkeArenaCache *cache, gsize size)
{
  IkeArenaChunk *chunk;

  if (size == CHUNK_DATA && cache && cache->chunks) {
    chunk = cache->chunks;
    cache->chunks = chunk->next;
    cache->kept -= CHUNK_SIZE;
    return chunk;
  }
  chunk = calloc (1, sizeof *chunk + size);
  if (chunk)
    chunk->size = size;
  return chunk;
}

/* A large piece gets a chunk of its own behind the current one, so that the room left there is not
 * lost. */
static void *
alloc_large (IkeArena *arena, gsize size)
{
  IkeArenaChunk *chunk = chunk_take (arena->cache, size);

  if (!chunk)
    return NULL;
  if (arena->chunks) {
    chunk->next = arena->chunks->next;
    arena->chunks->next = chunk;
  } else {
    chunk->next = NULL;
    arena->chunks = chunk;
  }
  arena->used += size;
  return chunk->data;
}

static gboolean
grow (IkeArena *arena)
{
  IkeArenaChunk *chunk = chunk_take (arena->cache, CHUNK_DATA);

  if (!chunk)
    return FALSE;
  chunk->next = arena->chunks;
  arena->chunks = chunk;
  arena->at = chunk->data;
  arena->left = chunk->size;
  return TRUE;
}

void *
ike_arena_alloc (IkeArena *arena, gsize size)
{
  gsize room;
  void *at;

  if (size > arena->limit)
    return NULL;
  room = (MAX (size, 1) + ALIGN - 1) / ALIGN * ALIGN;
  if (room > arena->limit - arena->used)
    return NULL;
  if (room > arena->left && room > CHUNK_DATA / 4)
    return alloc_large (arena, room);
  if (room > arena->left && !grow (arena))
    return NULL;
  at = arena->at;
  arena->at += room;
  arena->left -= room;
  arena->used += room;
  return at;
}

void *
ike_arena_copy (IkeArena *arena, const void *data, gsize len)
{
  void *copy = ike_arena_alloc (arena, len);

  if (copy && len)
    memcpy (copy, data, len);
  return copy;
}
