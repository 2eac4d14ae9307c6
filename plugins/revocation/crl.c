/* SPDX-License-Identifier: Apache-2.0 */
/* crl.c - CRLs by their URI: from a file, if there is a directory for them, else fetched.
 *
 * Large ones are parsed on the offload pool. */
#include "judge.h"
#include "pending.h"

char *
key_of_crl (const char *uri)
{
  return g_strconcat ("crl ", uri, NULL);
}

static void
crl_came (Pending *pending, IkeCrl *crl_take, gint64 until, gboolean is_unsaved)
{
  Revocation *revocation = pending->revocation;
  const IkeCrlInfo *info = revocation->pki->crl_info (crl_take);
  gint64 now = revocation_now (revocation), end_s = judge_crl_until (info);
  Known *known = known_new_crl (&revocation->cache, crl_take, pending->uri);

  known->is_unsaved = is_unsaved && revocation->limits.cache_dir;
  /* One that is over, or has no end, is asked for anew soon, but not by everybody at once. */
  if (!info->next_update || end_s <= now)
    until = MIN (until, now + revocation->limits.retry_s);
  else
    until = MIN (until, end_s);
  cache_put (&revocation->cache, pending->key, known, now, until,
             end_s + revocation->limits.grace_s);
  pending_end (pending, known);
}

static void
work_parse (gpointer data)
{
  Job *job = data;

  job->crl = job->revocation->pki->crl_parse (job->revocation->pki_provided->plugin, job->data,
                                              &job->error);
}

static void
done_parse (gpointer data)
{
  Job *job = data;
  Pending *pending = job_pending (job);

  if (pending && job->crl)
    crl_came (pending, g_steal_pointer (&job->crl), G_MAXINT64, TRUE);
  else if (pending)
    pending_fail_uri (pending, job->error ? job->error->message : "this is no CRL");
  job_free (job);
}

static void
crl_fetched (Pending *pending, GBytes *got_take)
{
  Job *job = job_new (pending);

  job->data = got_take;
  if (g_bytes_get_size (got_take) > KNOWN_LARGE) {
    job_offload (pending, "parse CRL", work_parse, done_parse, job);
    return;
  }
  work_parse (job);
  done_parse (job);
}

static void
fetch_crl (Pending *pending)
{
  IkeFetchRequest request = { .max_size = pending->revocation->limits.max_crl };

  pending->came = crl_fetched;
  pending_fetch (pending, &request);
}

static void
work_read (gpointer data)
{
  Job *job = data;

  job->data = disk_read (job->path, job->revocation->limits.max_crl, &job->written);
  if (job->data)
    work_parse (job);
}

static void
done_read (gpointer data)
{
  Job *job = data;
  Revocation *revocation = job->revocation;
  Pending *pending = job_pending (job);
  gint64 now = revocation_now (revocation), until = job->written + revocation->cache.max_time;

  if (pending && job->crl && until > now
      && judge_crl_until (revocation->pki->crl_info (job->crl)) > now)
    crl_came (pending, g_steal_pointer (&job->crl), until, FALSE);
  else if (pending && !revocation->is_closed)
    fetch_crl (pending);
  job_free (job);
}

void
pending_crl (Revocation *revocation, const char *uri, Wait *wait)
{
  Pending *pending = pending_join (revocation, key_of_crl (uri), uri, wait);
  Job *job;

  if (!pending)
    return;
  if (!revocation->limits.cache_dir) {
    fetch_crl (pending);
    return;
  }
  job = job_new (pending);
  job->path = disk_path (revocation->limits.cache_dir, uri);
  job_offload (pending, "read CRL", work_read, done_read, job);
}
