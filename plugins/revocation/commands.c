/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - `ikebana revocation` lists what is known, `ikebana revocation-flush` forgets it. */
#include <string.h>
#include <ikebana/command.h>
#include <ikebana/error.h>
#include "revocation.h"

enum { ROWS_PER_TURN = 256 };

/* On the io loop, where the cache is; made and finished on the control loop. */
typedef struct {
  Revocation *revocation;
  IkeRequest *request;
  IkeTree *result, *rows;
  GPtrArray *known; /* references */
  guint at;
} Listing;

static void
listing_free (Listing *listing)
{
  ike_tree_free (listing->result);
  g_clear_pointer (&listing->known, g_ptr_array_unref);
  g_free (listing);
}

static void
listing_finish (gpointer data)
{
  Listing *listing = data;

  ike_request_finish (listing->request, g_steal_pointer (&listing->result));
}

static void
finish_on_control (Listing *listing)
{
  ike_loop_post (ike_engine_control (listing->revocation->engine), listing_finish, listing,
                 (GDestroyNotify) listing_free);
}

/* -- listing */

static const char *
says_of (Revocation *revocation, const Known *known, gint64 now)
{
  if (known->kind == KNOWN_FAILURE)
    return known->why;
  if (known->kind == KNOWN_OCSP)
    return known->says.revoked == IKE_REVOKED_YES ? "revoked" : "good";
  if (known->fresh_until <= now)
    return "old";
  return revocation->pki->crl_info (known->crl)->base.data ? "delta" : "complete";
}

static void
add_row (Listing *listing, const Known *known, gint64 now)
{
  static const char *const kinds[] = { "crl", "ocsp", "failed" };
  g_autoptr (GDateTime) until = g_date_time_new_from_unix_utc (known->fresh_until);
  g_autofree char *text = until ? g_date_time_format (until, "%Y-%m-%d %H:%M:%S UTC") : NULL;
  IkeTree *row = ike_tree_add_section (listing->rows, NULL);
  char name[160];

  ike_tree_set_string (row, "kind", kinds[known->kind]);
  ike_tree_set_string (row, "from",
                       ike_escape (name, sizeof name, known->label, strlen (known->label)));
  if (known->subject)
    ike_tree_set_string (row, "certificate", known->subject);
  if (known->crl)
    ike_tree_set_int (row, "entries", (gint64) listing->revocation->pki->crl_info (known->crl)->n);
  ike_tree_set_string (row, "says", says_of (listing->revocation, known, now));
  ike_tree_set_string (row, "until", text);
  ike_tree_set_int (row, "size", (gint64) known->size);
  ike_tree_set_int (row, "hits", (gint64) known->hits);
}

/* In pieces, between which checks go on. */
static void
list_some (gpointer data)
{
  Listing *listing = data;
  Revocation *revocation = listing->revocation;
  gint64 now = revocation_now (revocation);
  guint end = MIN (listing->at + ROWS_PER_TURN, listing->known->len);

  for (; listing->at < end; listing->at++)
    add_row (listing, g_ptr_array_index (listing->known, listing->at), now);
  if (end < listing->known->len) {
    ike_loop_post (revocation->io, list_some, listing, NULL);
    return;
  }
  g_clear_pointer (&listing->known, g_ptr_array_unref);
  finish_on_control (listing);
}

static void
list_begin (gpointer data)
{
  Listing *listing = data;
  Cache *cache = &listing->revocation->cache;

  listing->result = ike_tree_new_section ();
  ike_tree_set_int (listing->result, "size", (gint64) cache->size);
  ike_tree_set_int (listing->result, "max-size", (gint64) cache->max_size);
  ike_tree_set_int (listing->result, "checks", listing->revocation->checks.length);
  listing->rows = ike_tree_add_list (listing->result, "cache");
  listing->known = g_ptr_array_new_with_free_func ((GDestroyNotify) known_unref);
  for (GList *link = cache->order.tail; link; link = link->prev)
    g_ptr_array_add (listing->known, known_ref (link->data));
  list_some (listing);
}

static void
run_list (IkePlugin *self, IkeRequest *request)
{
  Listing *listing = g_new0 (Listing, 1);

  listing->revocation = ike_plugin_state (self);
  listing->request = request;
  ike_loop_post (listing->revocation->io, list_begin, listing, NULL);
}

/* -- flush */

static void
clear_files (gpointer data)
{
  Listing *listing = data;

  disk_clear (listing->revocation->limits.cache_dir);
}

static void
cleared_files (gpointer data)
{
  finish_on_control (data);
}

static void
flush (gpointer data)
{
  Listing *listing = data;
  Revocation *revocation = listing->revocation;

  listing->result = ike_tree_new_section ();
  ike_tree_set_int (listing->result, "forgotten", revocation->cache.order.length);
  cache_clear (&revocation->cache);
  if (revocation->limits.cache_dir
      && ike_offload (revocation->engine, "remove CRLs", clear_files, revocation->io, cleared_files,
                      listing))
    return;
  finish_on_control (listing);
}

static void
run_flush (IkePlugin *self, IkeRequest *request)
{
  Listing *listing = g_new0 (Listing, 1);

  listing->revocation = ike_plugin_state (self);
  listing->request = request;
  ike_loop_post (listing->revocation->io, flush, listing, NULL);
}

static const IkeCommandClass list_class = {
  .struct_size = sizeof list_class,
  .flags = IKE_COMMAND_READ_ONLY,
  .summary = "Show the CRLs and OCSP responses that are known, and where none could be had",
  .columns =
      "KIND:kind FROM:from CERTIFICATE:certificate SAYS:says UNTIL:until SIZE:size HITS:hits",
  .rows_path = "cache",
  .run = run_list,
};

static const IkeCommandClass flush_class = {
  .struct_size = sizeof flush_class,
  .summary = "Forget all CRLs and OCSP responses, and those in files too",
  .run = run_flush,
};

static const char *const needs[] = { "service:pki", NULL };

const IkeFeature revocation_list_feature = { .struct_size = sizeof (IkeFeature),
                                             .provides = "command:revocation",
                                             .ops = &list_class,
                                             .needs = needs };
const IkeFeature revocation_flush_feature = { .struct_size = sizeof (IkeFeature),
                                              .provides = "command:revocation-flush",
                                              .ops = &flush_class,
                                              .needs = needs };
