/* SPDX-License-Identifier: Apache-2.0 */
/* known.c - things known, and the cache of them; see known.h. */
#include <string.h>
#include <ikebana/engine.h>
#include "known.h"

/* A parsed entry of a CRL takes about this much beside its DER. */
enum { CRL_ENTRY_SIZE = 32 };

static Known *
known_new (Cache *cache, KnownKind kind, const char *label)
{
  Known *known = g_new0 (Known, 1);

  known->cache = cache;
  known->n_refs = 1;
  known->kind = (guint8) kind;
  known->label = g_strdup (label);
  known->size = sizeof *known + strlen (label) + 1;
  known->link.data = known;
  return known;
}

Known *
known_new_crl (Cache *cache, IkeCrl *crl, const char *label)
{
  Known *known = known_new (cache, KNOWN_CRL, label);

  known->crl = crl;
  known->covered = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  known->size +=
      g_bytes_get_size (cache->pki->crl_der (crl)) + cache->pki->crl_info (crl)->n * CRL_ENTRY_SIZE;
  return known;
}

Known *
known_new_ocsp (Cache *cache, const IkeRevocation *says, GBytes *response, const char *subject,
                const char *label)
{
  Known *known = known_new (cache, KNOWN_OCSP, label);

  known->says = *says;
  known->subject = g_strdup (subject);
  known->response = g_bytes_ref (response);
  known->size += g_bytes_get_size (response) + strlen (subject) + 1;
  return known;
}

Known *
known_new_failure (Cache *cache, const char *label, const char *why)
{
  Known *known = known_new (cache, KNOWN_FAILURE, label);

  known->why = g_strdup (why);
  known->size += strlen (why) + 1;
  return known;
}

Known *
known_ref (Known *known)
{
  known->n_refs++;
  return known;
}

gboolean
known_is_large (const Known *known)
{
  return known->kind == KNOWN_CRL
         && g_bytes_get_size (known->cache->pki->crl_der (known->crl)) > KNOWN_LARGE;
}

/* -- the end of a CRL: with half a million entries it takes a while, too */

typedef struct {
  const IkePkiOps *pki;
  IkeCrl *crl;
} Last;

static void
last_work (gpointer data)
{
  Last *last = data;

  last->pki->crl_unref (last->crl);
}

static void
crl_drop (Cache *cache, IkeCrl *crl, gboolean is_large)
{
  Last now = { cache->pki, crl }, *later;

  if (is_large) {
    later = g_memdup2 (&now, sizeof now);
    if (ike_offload (cache->engine, "free CRL", last_work, ike_engine_io (cache->engine), g_free,
                     later))
      return;
    g_free (later);
  }
  last_work (&now);
}

void
known_unref (Known *known)
{
  if (!known || --known->n_refs > 0)
    return;
  if (known->crl)
    crl_drop (known->cache, known->crl, known_is_large (known));
  g_clear_pointer (&known->covered, g_hash_table_unref);
  g_clear_pointer (&known->response, g_bytes_unref);
  g_free (known->why);
  g_free (known->subject);
  g_free (known->key);
  g_free (known->label);
  g_free (known);
}

/* -- cache */

void
cache_init (Cache *cache, IkeEngine *engine, const IkePkiOps *pki, gsize max_size, gint64 max_time)
{
  *cache = (Cache){ .engine = engine, .pki = pki, .max_size = max_size, .max_time = max_time };
  cache->by_key = g_hash_table_new (g_str_hash, g_str_equal);
  g_queue_init (&cache->order);
}

static void
cache_remove (Cache *cache, Known *known)
{
  g_hash_table_remove (cache->by_key, known->key);
  g_queue_unlink (&cache->order, &known->link);
  cache->size -= known->size;
  g_clear_pointer (&known->key, g_free);
  known_unref (known);
}

void
cache_clear (Cache *cache)
{
  while (cache->order.head)
    cache_remove (cache, cache->order.head->data);
}

void
cache_free (Cache *cache)
{
  if (!cache->by_key)
    return;
  cache_clear (cache);
  g_clear_pointer (&cache->by_key, g_hash_table_unref);
}

void
cache_put (Cache *cache, const char *key, Known *known, gint64 now, gint64 until, gint64 keep)
{
  Known *before = g_hash_table_lookup (cache->by_key, key);

  g_return_if_fail (!known->key);
  if (before)
    cache_remove (cache, before);
  known->fresh_until = MIN (until, now + cache->max_time);
  known->keep_until = MAX (keep, known->fresh_until);
  if (known->fresh_until <= now || known->size > cache->max_size)
    return;
  while (cache->size + known->size > cache->max_size)
    cache_remove (cache, cache->order.head->data);
  known->key = g_strdup (key);
  cache->size += known->size;
  g_hash_table_insert (cache->by_key, known->key, known_ref (known));
  g_queue_push_tail_link (&cache->order, &known->link);
}

Known *
cache_find_old (Cache *cache, const char *key, gint64 now)
{
  Known *known = g_hash_table_lookup (cache->by_key, key);

  if (!known)
    return NULL;
  if (known->keep_until <= now) {
    cache_remove (cache, known);
    return NULL;
  }
  g_queue_unlink (&cache->order, &known->link);
  g_queue_push_tail_link (&cache->order, &known->link);
  return known;
}

Known *
cache_find (Cache *cache, const char *key, gint64 now)
{
  Known *known = cache_find_old (cache, key, now);

  if (!known || known->fresh_until <= now)
    return NULL;
  known->hits++;
  return known;
}
