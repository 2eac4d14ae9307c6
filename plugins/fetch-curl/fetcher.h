/* SPDX-License-Identifier: Apache-2.0 */
/* fetcher.h - transfers, who waits for them, and curl's multi interface on the io loop.
 *
 * Everything here is the io loop's, except what says otherwise.  A waiter is one call of somebody; a transfer is one
 * request to a server, with at least one waiter; equal GETs that are under way are one transfer.  A transfer is in
 * the queue until its host and the whole have room for it. */
#pragma once
#include <stdatomic.h>
#include <curl/curl.h>
#include <ikebana/engine.h>
#include <ikebana/fetch.h>
#include "rules.h"

enum { FETCH_QUEUE_MAX = 1024, FETCH_HEADER_MAX = 64 * 1024, FETCH_REASON_SIZE = 256 };

typedef struct _Fetcher Fetcher;
typedef struct _Transfer Transfer;

typedef struct {
  Fetcher    *fetcher;
  IkeCall    *call;
  Transfer   *transfer;                       /* NULL: on its way to the io loop */
  IkeTimer   *timer;
  guint32     timeout_ms;
  atomic_bool is_cancelled;                   /* set on any thread; seen by fetcher_sweep () */
} Waiter;

struct _Transfer {
  Fetcher    *fetcher;
  GPtrArray  *waiters;
  char       *key;                            /* equal ones are one transfer; NULL: none is equal to it */
  char       *uri, *host;                     /* of the hop that runs: as curl reads it; "name:port" */
  GBytes     *body;                           /* NULL: GET */
  char       *content_type, *accept;
  guint32     max_size;
  guint       n_redirects;

  CURL       *easy;                           /* NULL: in the queue */
  struct curl_slist *headers;
  GByteArray *got;
  gsize       n_headers, n_dropped;           /* bytes of headers; of a body that nobody wants */
  gboolean    is_large;
  char        denied[IKE_ADDR_TEXT_SIZE];     /* an address that the rules forbid */
  char        error[CURL_ERROR_SIZE];
};

typedef struct {
  guint       max_redirects, max_parallel, max_per_host;
  guint64     connect_timeout_ms;
  char       *user_agent, *proxy;
} FetchLimits;

struct _Fetcher {
  IkeEngine  *engine;
  IkeLoop    *io;
  Rules      *rules;                          /* constant, as limits: any thread */
  FetchLimits limits;
  guint32     n_fetches, n_failures, n_bytes; /* counters */
  atomic_bool is_sweeping;                    /* a sweep is posted */

  gboolean    is_closed, is_held;             /* for good; while others are ended */
  CURLM      *multi;
  IkeTimer   *timer;                          /* curl's */
  GHashTable *by_key;                         /* key → Transfer */
  GHashTable *by_host;                        /* host → how many run */
  GQueue      queue;                          /* Transfer */
  GPtrArray  *running;                        /* Transfer */
};

/* -- transfer.c */

Transfer *transfer_new  (Fetcher *fetcher, const IkeFetchRequest *request);
void      transfer_free (Transfer *transfer);          /* without waiters, and no longer with curl */
/* Makes the handle for the hop at hand.  FALSE: curl cannot do what the rules ask for. */
gboolean  transfer_prepare (Transfer *transfer);

typedef enum { TRANSFER_OK, TRANSFER_REDIRECTED, TRANSFER_FAILED } TransferResult;

/* What became of it, as curl says with @code.  REDIRECTED: uri and host are of the next hop; FAILED: @reason is set. */
TransferResult transfer_judge (Transfer *transfer, CURLcode code, char reason[static FETCH_REASON_SIZE]);

/* -- fetcher.c */

/* A new waiter, and a transfer of what it wants, in which it may be the second; of no use when the call is over. */
void      fetcher_add (Fetcher *fetcher, Waiter *waiter_take, Transfer *transfer_take);
void      fetcher_close (Fetcher *fetcher);            /* control, when the loops stand still: all fail */
/* Any thread: the call is over for its owner. */
void      fetcher_cancelled (gpointer waiter);
/* Fails the call and frees the waiter, which has no transfer. */
void      waiter_fail (Waiter *waiter_take, const char *reason);

/* -- multi.c */

gboolean  multi_open  (Fetcher *fetcher, GError **error);
void      multi_close (Fetcher *fetcher);
/* fetcher.c: curl is done with a transfer; it is no longer curl's. */
void      fetcher_done (Fetcher *fetcher, Transfer *transfer, CURLcode code);
