/* SPDX-License-Identifier: Apache-2.0 */
/* fetcher.c - who waits for which transfer, and which of them run; see fetcher.h. */
#include <string.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include "fetcher.h"

static void start_waiting (Fetcher *fetcher);

/* -- waiters */

static void
waiter_free (Waiter *waiter)
{
  ike_timer_stop (waiter->timer);
  g_free (waiter);
}

void
waiter_fail (Waiter *waiter, const char *reason)
{
  ike_call_fail (waiter->call, reason);
  waiter_free (waiter);
}

static void
count_running (Fetcher *fetcher, const char *host, int change)
{
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (fetcher->by_host, host)) + (guint) change;

  if (n)
    g_hash_table_replace (fetcher->by_host, g_strdup (host), GUINT_TO_POINTER (n));
  else
    g_hash_table_remove (fetcher->by_host, host);
}

/* Takes it out of all tables; a new one that is equal is then a transfer of its own. */
static void
transfer_leave (Transfer *transfer)
{
  Fetcher *fetcher = transfer->fetcher;

  if (transfer->key && g_hash_table_lookup (fetcher->by_key, transfer->key) == transfer)
    g_hash_table_remove (fetcher->by_key, transfer->key);
  if (g_ptr_array_remove_fast (fetcher->running, transfer))
    count_running (fetcher, transfer->host, -1);
  else
    g_queue_remove (&fetcher->queue, transfer);
}

/* Nobody waits for it any more. */
static void
transfer_abandon (Transfer *transfer)
{
  Fetcher *fetcher = transfer->fetcher;

  if (transfer->easy)
    curl_multi_remove_handle (fetcher->multi, transfer->easy);
  transfer_leave (transfer);
  transfer_free (transfer);
  start_waiting (fetcher);
}

static void
waiter_give_up (Waiter *waiter, const char *reason)
{
  Transfer *transfer = waiter->transfer;

  g_ptr_array_remove_fast (transfer->waiters, waiter);
  ike_counter_add (waiter->fetcher->engine, waiter->fetcher->n_failures, 1);
  waiter_fail (waiter, reason);
  if (transfer->waiters->len == 0)
    transfer_abandon (transfer);
}

static void
on_timeout (gpointer data)
{
  Waiter *waiter = data;
  const char *uri = waiter->transfer->uri;
  char shown[128], reason[FETCH_REASON_SIZE];

  waiter->timer = NULL;
  ike_escape (shown, sizeof shown, uri, strlen (uri));
  g_snprintf (reason, sizeof reason, "%s: no answer within %u ms", shown, waiter->timeout_ms);
  waiter_give_up (waiter, reason);
}

/* -- cancelled calls */

static void
collect_cancelled (Transfer *transfer, GPtrArray *found)
{
  for (guint i = 0; i < transfer->waiters->len; i++) {
    Waiter *waiter = g_ptr_array_index (transfer->waiters, i);
    if (atomic_load (&waiter->is_cancelled))
      g_ptr_array_add (found, waiter);
  }
}

static void
sweep (gpointer data)
{
  Fetcher *fetcher = data;
  g_autoptr (GPtrArray) found = g_ptr_array_new ();

  /* Whoever finds it set from now on posts another sweep; what was marked before is seen here. */
  atomic_exchange (&fetcher->is_sweeping, FALSE);
  for (guint i = 0; i < fetcher->running->len; i++)
    collect_cancelled (g_ptr_array_index (fetcher->running, i), found);
  for (GList *link = fetcher->queue.head; link; link = link->next)
    collect_cancelled (link->data, found);
  /* Nothing else ends meanwhile, so what was found stays alive. */
  fetcher->is_held = TRUE;
  for (guint i = 0; i < found->len; i++)
    waiter_give_up (g_ptr_array_index (found, i), "cancelled");
  fetcher->is_held = FALSE;
  start_waiting (fetcher);
}

/* A waiter lives until its call was answered, and answering waits for this function; the sweep
 * needs no waiter, only the fetcher, which lives as long as any loop. */
void
fetcher_cancelled (gpointer data)
{
  Waiter *waiter = data;
  Fetcher *fetcher = waiter->fetcher;

  atomic_store (&waiter->is_cancelled, TRUE);
  if (!atomic_exchange (&fetcher->is_sweeping, TRUE))
    ike_loop_post (fetcher->io, sweep, fetcher, NULL);
}

/* -- transfers */

/* The last one gets our reference: what others free on their threads is not touched here again. */
static void
answer_all (Transfer *transfer, GBytes *got_take)
{
  guint n = transfer->waiters->len;

  for (guint i = 0; i < n; i++) {
    Waiter *waiter = g_ptr_array_index (transfer->waiters, i);
    ike_call_answer (waiter->call, i + 1 < n ? g_bytes_ref (got_take) : got_take);
    waiter_free (waiter);
  }
  g_ptr_array_set_size (transfer->waiters, 0);
}

static void
fail_all (Transfer *transfer, const char *reason)
{
  for (guint i = 0; i < transfer->waiters->len; i++)
    waiter_fail (g_ptr_array_index (transfer->waiters, i), reason);
  g_ptr_array_set_size (transfer->waiters, 0);
}

static void
end_with_failure (Transfer *transfer, const char *reason)
{
  Fetcher *fetcher = transfer->fetcher;

  ike_counter_add (fetcher->engine, fetcher->n_failures, transfer->waiters->len);
  ike_log (fetcher->engine, IKE_LOG_DEBUG, "fetch", "%s", reason);
  transfer_leave (transfer);
  fail_all (transfer, reason);
  transfer_free (transfer);
}

static void
end_with_answer (Transfer *transfer)
{
  Fetcher *fetcher = transfer->fetcher;
  GBytes *got = g_byte_array_free_to_bytes (g_steal_pointer (&transfer->got));

  ike_counter_add (fetcher->engine, fetcher->n_bytes, g_bytes_get_size (got));
  transfer_leave (transfer);
  answer_all (transfer, got);
  transfer_free (transfer);
}

/* FALSE: it failed, and is gone. */
static gboolean
transfer_run (Transfer *transfer)
{
  Fetcher *fetcher = transfer->fetcher;

  if (transfer_prepare (transfer)
      && curl_multi_add_handle (fetcher->multi, transfer->easy) == CURLM_OK)
    return TRUE;
  end_with_failure (transfer, "libcurl cannot begin a transfer");
  return FALSE;
}

void
fetcher_done (Fetcher *fetcher, Transfer *transfer, CURLcode code)
{
  char reason[FETCH_REASON_SIZE];
  g_autofree char *host = g_strdup (transfer->host);
  TransferResult result = transfer_judge (transfer, code, reason);

  if (result == TRANSFER_REDIRECTED) {
    count_running (fetcher, host, -1);
    count_running (fetcher, transfer->host, 1);
    transfer_run (transfer);
  } else if (result == TRANSFER_OK)
    end_with_answer (transfer);
  else
    end_with_failure (transfer, reason);
  start_waiting (fetcher);
}

static gboolean
has_room (Fetcher *fetcher, const Transfer *transfer)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (fetcher->by_host, transfer->host))
         < fetcher->limits.max_per_host;
}

static Transfer *
next_of_queue (Fetcher *fetcher)
{
  if (fetcher->is_closed || fetcher->is_held
      || fetcher->running->len >= fetcher->limits.max_parallel)
    return NULL;
  for (GList *link = fetcher->queue.head; link; link = link->next)
    if (has_room (fetcher, link->data)) {
      Transfer *transfer = link->data;
      g_queue_delete_link (&fetcher->queue, link);
      return transfer;
    }
  return NULL;
}

static void
start_waiting (Fetcher *fetcher)
{
  Transfer *transfer;

  while ((transfer = next_of_queue (fetcher))) {
    g_ptr_array_add (fetcher->running, transfer);
    count_running (fetcher, transfer->host, 1);
    ike_counter_add (fetcher->engine, fetcher->n_fetches, 1);
    transfer_run (transfer);
  }
}

void
fetcher_add (Fetcher *fetcher, Waiter *waiter, Transfer *made)
{
  Transfer *transfer = made->key ? g_hash_table_lookup (fetcher->by_key, made->key) : NULL;
  gboolean is_new = !transfer;

  if (is_new && (fetcher->is_closed || fetcher->queue.length >= FETCH_QUEUE_MAX)) {
    transfer_free (made);
    waiter_fail (waiter,
                 fetcher->is_closed ? "the daemon ends" : "too many transfers are waiting already");
    return;
  }
  if (is_new) {
    transfer = made;
    g_queue_push_tail (&fetcher->queue, transfer);
    if (transfer->key)
      g_hash_table_insert (fetcher->by_key, transfer->key, transfer);
  } else
    transfer_free (made);
  waiter->transfer = transfer;
  g_ptr_array_add (transfer->waiters, waiter);
  waiter->timer = ike_loop_timer_add (fetcher->io, waiter->timeout_ms, on_timeout, waiter, NULL);
  if (is_new)
    start_waiting (fetcher);
}

void
fetcher_close (Fetcher *fetcher)
{
  fetcher->is_closed = TRUE;
  while (fetcher->running->len > 0) {
    Transfer *transfer = g_ptr_array_index (fetcher->running, 0);
    fail_all (transfer, "the daemon ends");
    transfer_abandon (transfer);
  }
  while (fetcher->queue.length > 0) {
    Transfer *transfer = fetcher->queue.head->data;
    fail_all (transfer, "the daemon ends");
    transfer_abandon (transfer);
  }
}
