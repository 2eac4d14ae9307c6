/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory that goes all at once: what an exchange needs while it lasts.
 *
 * Chunks come from a cache that belongs to one thread (a shard's), so a warm engine allocates nothing here.  A bound is
 * given at the start; beyond it allocation fails, because what is kept is the peer's choice. */
#pragma once
#include <ikebana/defs.h>

IKE_BEGIN_DECLS

typedef struct _IkeArenaChunk IkeArenaChunk;
typedef struct _IkeArenaCache IkeArenaCache;

typedef struct {
  IkeArenaChunk *chunks;
  IkeArenaCache *cache;                       /* may be NULL: malloc and free */
  guint8        *at;
  gsize          left;
  gsize          used, limit;                 /* bytes */
} IkeArena;

IkeArenaCache *ike_arena_cache_new  (gsize keep_bytes);
void           ike_arena_cache_free (IkeArenaCache *cache);

void  ike_arena_init  (IkeArena *arena, IkeArenaCache *cache_or_null, gsize limit_bytes);
void  ike_arena_clear (IkeArena *arena);      /* wipes and gives everything back */
/* Zeroed, aligned to 16; NULL beyond the limit. */
void *ike_arena_alloc (IkeArena *arena, gsize size);
void *ike_arena_copy  (IkeArena *arena, const void *data, gsize len);

IKE_END_DECLS
