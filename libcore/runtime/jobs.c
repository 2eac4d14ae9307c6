/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.c - jobs for shards in their lanes, with or without an SA. */
#include "config.h"
#include "runtime/loop_private.h"

typedef struct {
  IkeNode            node;
  const IkeJobClass *klass;
  IkeLoop           *shard;
  gpointer           data;
  IkeSaRef           to;                      /* serial 0: no SA */
} Job;

static void
job_free_data (const IkeJobClass *klass, gpointer data)
{
  if (klass->free)
    klass->free (data);
}

static void
job_run (IkeNode *node, gboolean is_alive)
{
  Job job = *(Job *) node;
  IkeEngine *engine = job.shard->engine;
  IkeSa *sa = NULL;

  g_free (node);
  if (job.node.lane == IKE_QUEUE_NEW)
    atomic_fetch_sub_explicit (&job.shard->n_new, 1, memory_order_relaxed);
  if (is_alive && job.to.serial && engine->find_sa)
    sa = engine->find_sa (engine, job.to);
  if (is_alive && (sa || !job.to.serial))
    job.klass->run (sa, job.data);
  job_free_data (job.klass, job.data);
}

/* The bound is checked before it is raised, so that a burst from several threads goes over it by
 * their number at most. */
static gboolean
job_put (IkeLoop *shard, IkeSaRef to, const IkeJobClass *klass, gpointer data)
{
  guint8 lane = (guint8) (IKE_QUEUE_ESTABLISHED + klass->lane);
  Job *job;

  if (lane == IKE_QUEUE_NEW) {
    if (atomic_load_explicit (&shard->n_new, memory_order_relaxed) >= IKE_NEW_JOBS_MAX) {
      ike_counter_add (shard->engine, shard->engine->runtime->new_refused, 1);
      job_free_data (klass, data);
      return FALSE;
    }
    atomic_fetch_add_explicit (&shard->n_new, 1, memory_order_relaxed);
  }
  job = g_new (Job, 1);
  job->node = (IkeNode) { .run = job_run, .name = klass->name, .lane = lane };
  job->klass = klass;
  job->shard = shard;
  job->data = data;
  job->to = to;
  ike_loop_put (shard, &job->node);
  return TRUE;
}

gboolean
ike_shard_post (IkeLoop *shard, const IkeJobClass *klass, gpointer data_take)
{
  g_return_val_if_fail (klass->lane <= IKE_LANE_NEW, FALSE);
  return job_put (shard, (IkeSaRef) { 0 }, klass, data_take);
}

gboolean
ike_sa_post (IkeEngine *engine, IkeSaRef to, const IkeJobClass *klass, gpointer data_take)
{
  g_return_val_if_fail (klass->lane <= IKE_LANE_NEW, FALSE);
  /* A reference to nothing is an SA that is gone. */
  if (!to.serial || to.shard >= engine->n_shards) {
    job_free_data (klass, data_take);
    return TRUE;
  }
  return job_put (engine->shards[to.shard], to, klass, data_take);
}
