/* SPDX-License-Identifier: Apache-2.0 */
/* known.h - what was learnt from somewhere, and the cache of it.
 *
 * A thing known is a CRL, what an OCSP responder says about one certificate, or that nothing could be had from where
 * it was asked for.  It is counted, and of the io loop, as the cache is.  Times are seconds since 1970. */
#pragma once
#include <ikebana/fetch.h>

typedef enum { KNOWN_CRL, KNOWN_OCSP, KNOWN_FAILURE } KnownKind;

/* Above this many bytes a CRL is no work for the io loop. */
enum { KNOWN_LARGE = 64 * 1024 };

typedef struct {
  IkeEngine  *engine;
  const IkePkiOps *pki;
  gsize       max_size, size;
  gint64      max_time;                       /* nothing is fresh for longer */
  GHashTable *by_key;
  GQueue      order;
} Cache;

typedef struct {
  Cache      *cache;                          /* which it is or may be in */
  guint       n_refs;
  guint8      kind;                           /* KnownKind */
  char       *key;                            /* in the cache; NULL: it is none of it */
  char       *label;                          /* where it came from: a URI, or for people */
  gint64      fresh_until, keep_until;        /* asked for anew; forgotten */
  gsize       size;                           /* bytes of memory, about */
  guint64     hits;
  GList       link;                           /* of the cache, least recently used first */

  IkeCrl     *crl;                            /* KNOWN_CRL */
  GHashTable *covered;                        /* text of a kind of certificates → it speaks about them, or not */
  gboolean    is_unsaved;                     /* fetched, and not yet in a file */
  IkeRevocation says;                         /* KNOWN_OCSP */
  char       *subject;                        /* about whom */
  GBytes     *response;
  char       *why;                            /* KNOWN_FAILURE: a sentence */
} Known;

/* @label is copied. */
Known   *known_new_crl     (Cache *cache, IkeCrl *crl_take, const char *label);
Known   *known_new_ocsp    (Cache *cache, const IkeRevocation *says, GBytes *response, const char *subject,
                            const char *label);
Known   *known_new_failure (Cache *cache, const char *label, const char *why);
Known   *known_ref         (Known *known);
void     known_unref       (Known *known_or_null);
gboolean known_is_large    (const Known *known);

void     cache_init  (Cache *cache, IkeEngine *engine, const IkePkiOps *pki, gsize max_size, gint64 max_time);
void     cache_clear (Cache *cache);          /* forgets everything; may go on to be used */
void     cache_free  (Cache *cache);
/* Until @until it is fresh, until @keep it may be used when nothing newer is to be had.  What is larger than the cache,
 * or is not fresh at @now, is not put in. */
void     cache_put   (Cache *cache, const char *key, Known *known, gint64 now, gint64 until, gint64 keep);
Known   *cache_find  (Cache *cache, const char *key, gint64 now);           /* fresh; no reference */
Known   *cache_find_old (Cache *cache, const char *key, gint64 now);        /* not yet forgotten; no reference */
