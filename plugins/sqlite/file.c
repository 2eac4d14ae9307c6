/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - works wait here for their file, and all that wait become one transaction.
 *
 * A work comes to the loop as a post, and the first one posts a flush: that runs behind all
 * posts that are there already, and while it waits for the disk, the next ones gather.  So the
 * batches are as large as the disk is slow, and nobody has to wait for a timer. */
#include <ikebana/error.h>
#include "service.h"

typedef struct {
  File *file;
  IkeSqliteWork work;
  gpointer data;
  IkeCall *call;
  gpointer result;
  GError *error;
} Job;

static void
job_end (Job *job)
{
  Service *service = job->file->service;

  if (job->error)
    ike_counter_add (service->engine, service->n_failures, 1);
  if (job->call && job->error)
    ike_call_fail (job->call, job->error->message);
  else if (job->call)
    ike_call_answer (job->call, job->result);
  else if (job->error)
    ike_log (service->engine, IKE_LOG_ERROR, "sqlite", "%s: %s", job->work.name,
             job->error->message);
  else if (job->result && job->work.free_result)
    job->work.free_result (job->result);
  if (job->work.free_data)
    job->work.free_data (job->data);
  atomic_fetch_sub (&job->file->n_waiting, 1);
  g_clear_error (&job->error);
  g_free (job);
}

static void
job_fail (Job *job, const GError *error)
{
  if (job->result && job->work.free_result)
    job->work.free_result (job->result);
  job->result = NULL;
  if (!job->error)
    job->error = g_error_copy (error);
}

/* -- a batch */

static void
take_batch (File *file, GPtrArray *batch, gboolean *is_reading)
{
  *is_reading = TRUE;
  while (batch->len < SERVICE_BATCH_MAX && !g_queue_is_empty (&file->waiting)) {
    Job *job = g_queue_pop_head (&file->waiting);
    g_ptr_array_add (batch, job);
    *is_reading &= job->work.is_reading;
  }
}

/* A work that fails is taken back alone, and the others go on. */
static void
run_job (Connection *writer, Job *job)
{
  if (!connection_mark (writer, &job->error))
    return;
  job->result = job->work.run (connection_tx (writer), job->data, &job->error);
  if (!job->error && connection_keep (writer, &job->error))
    return;
  connection_unmark (writer);
  job_fail (job, job->error);
}

static gboolean
run_batch (File *file, const GPtrArray *batch, gboolean is_reading, GError **error)
{
  Connection *writer = file->writer;

  if (!connection_begin (writer, is_reading, ike_engine_wall_us (file->service->engine), error))
    return FALSE;
  for (guint i = 0; i < batch->len; i++) {
    Job *job = batch->pdata[i];
    run_job (writer, job);
    if (!connection_is_in_transaction (writer)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM,
                   "%s: taken back because of another change: %s", file->path,
                   job->error ? job->error->message : job->work.name);
      return FALSE;
    }
  }
  return connection_commit (writer, error);
}

void
file_flush (File *file)
{
  Service *service = file->service;
  g_autoptr (GPtrArray) batch = g_ptr_array_new ();

  for (; !g_queue_is_empty (&file->waiting); g_ptr_array_set_size (batch, 0)) {
    g_autoptr (GError) error = NULL;
    gboolean is_reading, is_committed;
    take_batch (file, batch, &is_reading);
    is_committed = run_batch (file, batch, is_reading, &error);
    ike_counter_add (service->engine, service->n_commits, 1);
    ike_counter_add (service->engine, service->n_works, batch->len);
    for (guint i = 0; i < batch->len; i++) {
      Job *job = batch->pdata[i];
      if (!is_committed)
        job_fail (job, error);
      job_end (job);
    }
  }
}

/* -- on the way to the loop */

static void
flush_posted (gpointer data)
{
  File *file = data;

  file->is_flushing = FALSE;
  file_flush (file);
}

typedef struct {
  Job *job;
} Post;

static void
enqueue (gpointer data)
{
  Post *post = data;
  File *file = post->job->file;

  g_queue_push_tail (&file->waiting, g_steal_pointer (&post->job));
  if (!file->is_flushing) {
    file->is_flushing = TRUE;
    ike_loop_post (file->service->loop, flush_posted, file, NULL);
  }
}

/* What the loop did not come to before it ended is done by service_stop(). */
static void
post_free (gpointer data)
{
  Post *post = data;

  if (post->job)
    g_queue_push_tail (&post->job->file->waiting, post->job);
  g_free (post);
}

static void
refuse (Job *job, const char *why)
{
  g_set_error (&job->error, IKE_ERROR, IKE_ERROR_BUSY, "%s: %s", job->file->path, why);
  job_end (job);
}

void
file_run (IkeSqliteDb *db, const IkeSqliteWork *work, gpointer data_take, IkeCall *call_or_null)
{
  Service *service = db->file->service;
  Job *job = g_new0 (Job, 1);
  Post *post;

  job->file = db->file;
  memcpy (&job->work, work, MIN (work->struct_size, sizeof *work));
  job->data = data_take;
  job->call = call_or_null;
  if (atomic_fetch_add (&db->file->n_waiting, 1) >= SERVICE_WAITING_MAX) {
    refuse (job, "too many changes wait already");
    return;
  }
  if (!service->loop) {
    refuse (job, "the daemon ends");
    return;
  }
  post = g_new (Post, 1);
  post->job = job;
  ike_loop_post (service->loop, enqueue, post, post_free);
}

/* -- files */

File *
file_new (Service *service, const char *path, GError **error)
{
  const ConnectionOptions options = {
    .path = path,
    .kind = service->loop ? CONNECTION_WRITES : CONNECTION_COPIES,
    .busy_ms = service->busy_ms,
    .is_synced = service->is_synced,
  };
  Connection *writer = connection_open (&options, error);
  File *file;

  if (!writer)
    return NULL;
  file = g_new0 (File, 1);
  file->service = service;
  file->path = g_strdup (path);
  file->writer = writer;
  file->dbs = g_ptr_array_new_with_free_func (g_free);
  g_queue_init (&file->waiting);
  return file;
}

void
file_free (gpointer data)
{
  File *file = data;

  connection_close (file->reader);
  connection_close (file->writer);
  g_ptr_array_unref (file->dbs);
  g_free (file->path);
  g_free (file);
}
