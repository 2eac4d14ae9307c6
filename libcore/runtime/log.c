/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - from a sentence anywhere to the sinks on the observer loop.
 *
 * Thresholds and rates are per group.  Until the sinks are found, after they are gone, and always
 * for errors, records go to the fallback that whoever made the engine gave.  What is said before
 * the sinks are found waits for them as well: why a plugin is not there belongs into the log. */
#include "config.h"
#include <string.h>
#include "runtime/loop_private.h"

/* Records on their way to the sinks; errors may go over it, so that they are not lost in what
 * caused them. */
enum { RECORDS_MAX = 4096, ERRORS_MAX = 512 };
/* Groups with thresholds of their own, and buckets that limit the rate (groups share one when their
 * names collide). */
enum { GROUPS_MAX = 64, N_BUCKETS = 64, RATE_DEFAULT = 1000 };

typedef struct {
  char *name;
  int   level;                                /* the highest that is wanted; -1: none */
} Group;

/* What is wanted, const once it is there.  Any thread may look at it while a reload puts another in
 * its place, so older ones stay to the end: they are small, and made only when the settings differ.
 */
typedef struct _Levels Levels;
struct _Levels {
  Levels *older;
  Group   groups[GROUPS_MAX];
  guint   n_groups;
  int     level, level_max;                   /* of other groups; the highest of all */
  guint32 rate;                               /* records per second and group; 0: no limit */
};

typedef struct {
  atomic_uint_fast64_t second;                /* of the engine's clock */
  atomic_uint          n;                     /* records in it */
  atomic_uint          n_left_out;            /* since the last that got through */
} Bucket;

typedef struct _Queued Queued;

struct _IkeLogger {
  IkeEngine                *engine;
  Levels *_Atomic           levels;
  Bucket                    buckets[N_BUCKETS];
  const IkeProvided *const *sinks;
  guint                     n_sinks;
  atomic_bool               has_sinks;
  atomic_bool               is_early;         /* they may come yet */
  Queued *_Atomic           early;            /* what waits for them, the newest first */
  atomic_uint               n_queued;
  atomic_bool               is_flush_due;
  guint32                   lost, limited;    /* counters */
};

/* A record with its texts behind it. */
struct _Queued {
  IkeNode      node;
  Queued      *older;                         /* while it waits for the sinks */
  IkeLogger   *logger;
  IkeLogRecord record;
  char         text[];
};

/* -- thresholds */

static int
level_of (const char *word, int fallback)
{
  static const char *const words[] = { "none", "error", "notice", "info", "debug" };

  for (guint i = 0; word && i < G_N_ELEMENTS (words); i++)
    if (strcmp (word, words[i]) == 0)
      return (int) i - 1;
  return fallback;
}

static Levels *
levels_new (const IkeTree *settings)
{
  const IkeTree *log = settings ? ike_tree_get (settings, "core.log") : NULL;
  gint64 rate = settings ? ike_tree_int (settings, "core.log_rate", RATE_DEFAULT) : RATE_DEFAULT;
  Levels *levels = g_new0 (Levels, 1);

  levels->rate = (guint32) CLAMP (rate, 0, G_MAXINT32);
  levels->level = log ? level_of (ike_tree_string (log, "default", NULL), IKE_LOG_INFO)
                      : IKE_LOG_INFO;
  levels->level_max = levels->level;
  for (guint i = 0; log && i < ike_tree_n (log) && levels->n_groups < GROUPS_MAX; i++) {
    const IkeTree *leaf = ike_tree_nth (log, i);
    Group *group = &levels->groups[levels->n_groups++];

    group->name = g_strdup (ike_tree_name (leaf));
    group->level = level_of (ike_tree_string (leaf, NULL, NULL), levels->level);
    levels->level_max = MAX (levels->level_max, group->level);
  }
  return levels;
}

static void
levels_free (Levels *levels)
{
  for (guint i = 0; i < levels->n_groups; i++)
    g_free (levels->groups[i].name);
  g_free (levels);
}

static gboolean
is_same (const Levels *a, const Levels *b)
{
  if (a->n_groups != b->n_groups || a->level != b->level || a->rate != b->rate)
    return FALSE;
  for (guint i = 0; i < a->n_groups; i++)
    if (strcmp (a->groups[i].name, b->groups[i].name) || a->groups[i].level != b->groups[i].level)
      return FALSE;
  return TRUE;
}

static const Levels *
levels_of (const IkeLogger *logger)
{
  return atomic_load_explicit (&logger->levels, memory_order_acquire);
}

void
ike_logger_configure (IkeEngine *engine)
{
  IkeLogger *logger = engine->logger;
  Levels *levels = levels_new (ike_engine_settings (engine));

  if (is_same (levels, levels_of (logger))) {
    levels_free (levels);
    return;
  }
  levels->older = (Levels *) levels_of (logger);
  atomic_store_explicit (&logger->levels, levels, memory_order_release);
}

gboolean
ike_log_wants (IkeEngine *engine, guint32 level, const char *group)
{
  const Levels *levels = levels_of (engine->logger);

  if ((int) level > levels->level_max)
    return FALSE;
  for (guint i = 0; i < levels->n_groups; i++)
    if (strcmp (levels->groups[i].name, group) == 0)
      return (int) level <= levels->groups[i].level;
  return (int) level <= levels->level;
}

/* -- on the observer loop */

static void
flush_sinks (gpointer data)
{
  IkeLogger *logger = data;

  atomic_store_explicit (&logger->is_flush_due, FALSE, memory_order_relaxed);
  for (guint i = 0; i < logger->n_sinks; i++) {
    const IkeLogSinkClass *sink = logger->sinks[i]->ops;

    if (sink->flush)
      sink->flush (logger->sinks[i]->plugin);
  }
}

/* Behind what is queued now, so that a batch is flushed once. */
static void
flush_later (IkeLogger *logger)
{
  if (!atomic_exchange_explicit (&logger->is_flush_due, TRUE, memory_order_relaxed))
    ike_loop_post (logger->engine->observer, flush_sinks, logger, NULL);
}

static void
record_arrives (IkeNode *node, gboolean is_alive)
{
  Queued *queued = (Queued *) node;
  IkeLogger *logger = queued->logger;

  atomic_fetch_sub_explicit (&logger->n_queued, 1, memory_order_relaxed);
  for (guint i = 0; is_alive && i < logger->n_sinks; i++)
    ((const IkeLogSinkClass *) logger->sinks[i]->ops)
        ->write (logger->sinks[i]->plugin, &queued->record);
  if (is_alive && logger->n_sinks)
    flush_later (logger);
  g_free (queued);
}

/* -- anywhere */

static Queued *
queued_new (IkeLogger *logger, const IkeLogRecord *record)
{
  gsize group_len = strlen (record->group) + 1, text_len = strlen (record->text) + 1;
  gsize subject_len = record->subject ? strlen (record->subject) + 1 : 0;
  Queued *queued = g_malloc (sizeof *queued + group_len + text_len + subject_len);

  queued->node = (IkeNode) { .run = record_arrives, .name = "log", .lane = IKE_QUEUE_POSTS };
  queued->logger = logger;
  queued->record = *record;
  queued->record.group = memcpy (queued->text, record->group, group_len);
  queued->record.text = memcpy (queued->text + group_len, record->text, text_len);
  if (subject_len)
    queued->record.subject =
        memcpy (queued->text + group_len + text_len, record->subject, subject_len);
  return queued;
}

static void
record_queue (IkeLogger *logger, const IkeLogRecord *record, gboolean has_sinks)
{
  guint limit = RECORDS_MAX + (record->level == IKE_LOG_ERROR ? ERRORS_MAX : 0);
  Queued *queued;

  if (atomic_fetch_add_explicit (&logger->n_queued, 1, memory_order_relaxed) >= limit) {
    atomic_fetch_sub_explicit (&logger->n_queued, 1, memory_order_relaxed);
    ike_counter_add (logger->engine, logger->lost, 1);
    return;
  }
  queued = queued_new (logger, record);
  if (has_sinks) {
    ike_loop_put (logger->engine->observer, &queued->node);
    return;
  }
  queued->older = atomic_load (&logger->early);
  while (!atomic_compare_exchange_weak (&logger->early, &queued->older, queued))
    ;
}

static void
record_send (IkeLogger *logger, guint32 level, const char *group, const char *subject,
             const char *text)
{
  const IkeEngineOptions *options = &logger->engine->options;
  gboolean has_sinks = atomic_load_explicit (&logger->has_sinks, memory_order_acquire);
  IkeLogRecord record = { sizeof record, level,   ike_engine_wall_us (logger->engine),
                          group,         subject, text };

  if (has_sinks || atomic_load_explicit (&logger->is_early, memory_order_relaxed))
    record_queue (logger, &record, has_sinks);
  if (options->log_fallback && (!has_sinks || level == IKE_LOG_ERROR))
    options->log_fallback (&record, options->log_data);
}

/* FALSE: more than its rate in this second.  Says afterwards how many were left out.  Several
 * threads may let a few more through at the turn of a second, which does no harm. */
static gboolean
bucket_admits (IkeLogger *logger, guint32 level, const char *group)
{
  Bucket *bucket = &logger->buckets[g_str_hash (group) % N_BUCKETS];
  guint64 second = (guint64) ike_engine_now_us (logger->engine) / G_USEC_PER_SEC;
  char text[96];
  guint32 rate = levels_of (logger)->rate;
  guint n_left_out;

  if (level == IKE_LOG_ERROR || !rate)
    return TRUE;
  if (atomic_exchange_explicit (&bucket->second, second, memory_order_relaxed) != second)
    atomic_store_explicit (&bucket->n, 0, memory_order_relaxed);
  /* The state of an SA is worth more than an exchange. */
  if (atomic_fetch_add_explicit (&bucket->n, 1, memory_order_relaxed)
      >= (level == IKE_LOG_NOTICE ? 2 * (guint64) rate : rate)) {
    atomic_fetch_add_explicit (&bucket->n_left_out, 1, memory_order_relaxed);
    ike_counter_add (logger->engine, logger->limited, 1);
    return FALSE;
  }
  n_left_out = atomic_exchange_explicit (&bucket->n_left_out, 0, memory_order_relaxed);
  if (n_left_out) {
    g_snprintf (text, sizeof text,
                "%u lines were left out: more than core.log_rate = %u in a second", n_left_out,
                rate);
    record_send (logger, IKE_LOG_NOTICE, group, NULL, text);
  }
  return TRUE;
}

void
ike_log_text (IkeEngine *engine, guint32 level, const char *group, const char *subject,
              const char *text)
{
  if (ike_log_wants (engine, level, group) && bucket_admits (engine->logger, level, group))
    record_send (engine->logger, level, group, subject, text);
}

/* -- making and ending */

IkeLogger *
ike_logger_new (IkeEngine *engine)
{
  IkeLogger *logger = g_new0 (IkeLogger, 1);

  logger->engine = engine;
  atomic_init (&logger->levels, levels_new (NULL));
  atomic_init (&logger->is_early, TRUE);
  logger->lost = ike_counter (engine, "log.lost");
  logger->limited = ike_counter (engine, "log.limited");
  return logger;
}

/* Those that waited, in the order in which they were said: to the sinks, or away. */
static void
end_early (IkeLogger *logger)
{
  Queued *queued, *newer = NULL;

  atomic_store_explicit (&logger->is_early, FALSE, memory_order_relaxed);
  for (queued = atomic_exchange (&logger->early, NULL); queued;) {
    Queued *older = queued->older;
    queued->older = newer;
    newer = queued;
    queued = older;
  }
  for (queued = newer; queued; queued = newer) {
    newer = queued->older;
    if (logger->n_sinks)
      ike_loop_put (logger->engine->observer, &queued->node);
    else
      record_arrives (&queued->node, FALSE);
  }
}

void
ike_logger_start (IkeEngine *engine, const IkeProvided *const *sinks, guint n)
{
  IkeLogger *logger = engine->logger;

  logger->sinks = sinks;
  logger->n_sinks = n;
  atomic_store_explicit (&logger->has_sinks, logger->n_sinks > 0, memory_order_release);
  end_early (logger);
}

void
ike_logger_stop (IkeEngine *engine)
{
  atomic_store_explicit (&engine->logger->has_sinks, FALSE, memory_order_release);
  end_early (engine->logger);
  while (ike_loop_drain (engine->observer))
    ;
  engine->logger->n_sinks = 0;
}

void
ike_logger_free (IkeLogger *logger)
{
  Levels *levels, *older;

  if (!logger)
    return;
  for (levels = (Levels *) levels_of (logger); levels; levels = older) {
    older = levels->older;
    levels_free (levels);
  }
  g_free (logger);
}
