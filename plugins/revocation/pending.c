/* SPDX-License-Identifier: Apache-2.0 */
/* pending.c - what is being asked for: each thing once, for all who wait for it.
 *
 * What could not be had is remembered as such, so that a server that is down is not asked again at
 * once, and checks that need not wait for it do not. */
#include <string.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include "pending.h"

enum { ANSWERED_MAX = 1024, SHOWN_SIZE = 112 };

/* -- waiting */

void
wait_stop (Wait *wait)
{
  Pending *pending = g_steal_pointer (&wait->pending);

  if (pending)
    g_queue_unlink (&pending->waits, &wait->link);
}

static void
pending_free (Pending *pending)
{
  const IkePkiOps *pki = pending->revocation->pki;

  pki->cert_unref (pending->cert);
  pki->cert_unref (pending->issuer);
  known_unref (pending->known);
  g_free (pending->key);
  g_free (pending->uri);
  g_free (pending->shown);
  g_free (pending->ocsp_key);
  g_free (pending);
}

Pending *
pending_join (Revocation *revocation, char *key_take, const char *uri, Wait *wait)
{
  Pending *pending = g_hash_table_lookup (revocation->pending, key_take), *made = NULL;

  if (!pending) {
    pending = made = g_new0 (Pending, 1);
    pending->revocation = revocation;
    pending->key = key_take;
    pending->uri = g_strdup (uri);
    pending->shown = g_malloc (SHOWN_SIZE);
    ike_escape (pending->shown, SHOWN_SIZE, uri ? uri : "a CRL", strlen (uri ? uri : "a CRL"));
    g_queue_init (&pending->waits);
    g_hash_table_insert (revocation->pending, pending->key, pending);
  } else
    g_free (key_take);
  wait->link.data = wait;
  wait->pending = pending;
  g_queue_push_tail_link (&pending->waits, &wait->link);
  return made;
}

void
pending_end (Pending *pending, Known *known_take)
{
  Revocation *revocation = pending->revocation;
  GList *link;

  g_hash_table_remove (revocation->pending, pending->key);
  while ((link = g_queue_pop_head_link (&pending->waits))) {
    Wait *wait = link->data;
    wait->pending = NULL;
    wait->done (wait, known_take);
  }
  known_unref (known_take);
  pending_free (pending);
}

void
pending_fail (Pending *pending, const char *key, const char *why)
{
  Revocation *revocation = pending->revocation;
  Known *known = known_new_failure (&revocation->cache, pending->uri ? pending->uri : "", why);
  gint64 now = revocation_now (revocation), until = now + revocation->limits.retry_s;

  ike_log (revocation->engine, IKE_LOG_INFO, "revocation", "%s", why);
  if (key)
    cache_put (&revocation->cache, key, known, now, until, until);
  pending_end (pending, known);
}

void
pending_fail_uri (Pending *pending, const char *what)
{
  g_autofree char *key = key_of_failure (pending->uri);
  g_autofree char *why = g_strdup_printf ("%s: %s", pending->shown, what);

  pending_fail (pending, key, why);
}

/* -- jobs */

Job *
job_new (Pending *pending)
{
  Job *job = g_new0 (Job, 1);

  job->revocation = pending->revocation;
  job->key = g_strdup (pending->key);
  return job;
}

void
job_free (gpointer data)
{
  Job *job = data;
  const IkePkiOps *pki = job->revocation->pki;

  pki->crl_unref (job->crl);
  pki->cert_unref (job->issuer);
  pki->cert_unref (job->cert);
  g_clear_pointer (&job->data, g_bytes_unref);
  g_clear_error (&job->error);
  g_free (job->key);
  g_free (job->path);
  g_free (job->why);
  g_free (job);
}

Pending *
job_pending (const Job *job)
{
  return g_hash_table_lookup (job->revocation->pending, job->key);
}

static void
run_failure (gpointer data)
{
  Job *job = data;
  Pending *pending = job_pending (job);

  if (pending)
    pending_fail (pending, NULL, job->why);
}

void
pending_fail_soon (Pending *pending, const char *why)
{
  Job *job = job_new (pending);

  job->why = g_strdup_printf ("%s: %s", pending->shown, why);
  ike_loop_post (job->revocation->io, run_failure, job, job_free);
}

void
job_offload (Pending *pending, const char *name, IkeFunc work, IkeFunc done, Job *job_take)
{
  Revocation *revocation = pending->revocation;

  if (ike_offload (revocation->engine, name, work, revocation->io, done, job_take))
    return;
  job_free (job_take);
  pending_fail_soon (pending, "too much work is waiting already");
}

/* -- fetching */

static const IkeProvided *
find_fetcher (Revocation *revocation, const char *uri)
{
  g_autofree char *scheme = g_ascii_strdown (uri, (gssize) strcspn (uri, ":"));
  guint n = 0;
  const IkeProvided *const *all = ike_feature_list (revocation->engine, "fetch", &n);

  for (guint i = 0; i < n; i++)
    if (strcmp (all[i]->name, scheme) == 0)
      return all[i];
  return NULL;
}

void
pending_fetch (Pending *pending, IkeFetchRequest *request)
{
  Revocation *revocation = pending->revocation;
  const IkeProvided *fetcher = find_fetcher (revocation, pending->uri);

  if (!fetcher) {
    pending_fail_soon (pending, "no plugin fetches URIs of this kind");
    return;
  }
  request->struct_size = sizeof *request;
  request->uri = pending->uri;
  request->timeout_ms = revocation->fetch_class.timeout_ms;
  ike_counter_add (revocation->engine, revocation->n_fetches, 1);
  pending->begun_us = ike_engine_now_us (revocation->engine);
  pending->call = ike_loop_call (revocation->io, &revocation->fetch_class, pending, NULL);
  ((const IkeFetchClass *) fetcher->ops)->fetch (fetcher->plugin, request, pending->call);
}

/* A responder that answered others meanwhile is busy, not down. */
static gboolean
has_answered_since (Pending *pending)
{
  const gint64 *last = g_hash_table_lookup (pending->revocation->answered, pending->uri);

  return last && *last > pending->begun_us;
}

static void
note_answered (Revocation *revocation, const char *uri)
{
  gint64 now_us = ike_engine_now_us (revocation->engine);

  if (g_hash_table_size (revocation->answered) >= ANSWERED_MAX)
    g_hash_table_remove_all (revocation->answered);
  g_hash_table_replace (revocation->answered, g_strdup (uri), g_memdup2 (&now_us, sizeof now_us));
}

static void
fetch_failed (Pending *pending, const char *error)
{
  g_autofree char *key = NULL, *why = NULL;

  if (pending->ocsp_key && has_answered_since (pending))
    key = key_of_answer (pending->ocsp_key, pending->uri);
  else
    key = key_of_failure (pending->uri);
  if (strcmp (error, "timed out") == 0)
    why = g_strdup_printf ("%s: no answer within %" G_GUINT64_FORMAT " s", pending->shown,
                           pending->revocation->limits.fetch_timeout_s);
  else if (strstr (error, "://"))
    why = g_strdup (error);
  else
    why = g_strdup_printf ("%s: %s", pending->shown, error);
  pending_fail (pending, key, why);
}

static void
fetch_done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Pending *pending = owner;

  pending->call = NULL;
  if (error) {
    fetch_failed (pending, error);
    return;
  }
  note_answered (pending->revocation, pending->uri);
  pending->came (pending, result);
}

void
pending_open (Revocation *revocation)
{
  revocation->pending = g_hash_table_new (g_str_hash, g_str_equal);
  revocation->answered = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  revocation->fetch_class = (IkeCallClass){
    .struct_size = sizeof (IkeCallClass),
    .name = "fetch for revocation",
    .timeout_ms = (guint32) (revocation->limits.fetch_timeout_s * 1000),
    .then = fetch_done,
    .undo = (GDestroyNotify) g_bytes_unref,
  };
}

void
pending_close (Revocation *revocation)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, revocation->pending);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    Pending *pending = value;
    g_hash_table_iter_steal (&iter);
    if (pending->call)
      ike_call_cancel (pending->call);
    while (pending->waits.head)
      wait_stop (pending->waits.head->data);
    pending_free (pending);
  }
}
