/* SPDX-License-Identifier: Apache-2.0 */
/* half_open.c - how many SAs of peers may be half open: in all, of one source, of one prefix.
 *
 * Sources are counted in a table of fixed size that all shards add to without a lock: a source has
 * a cell in each row, by a keyed hash that nobody outside can aim, and what it has is the least of
 * them.  So a count may be too high, when others fell into all of its cells, but never too low. */
#include "sa/sa_private.h"

enum { LEVELS = 2, ROWS = 4, ROW_CELLS = 65536, REPORT_US = 10 * G_USEC_PER_SEC };
enum { SOURCE, PREFIX }; /* levels */

struct _IkeHalfOpenTable {
  atomic_uint cells[LEVELS][ROWS][ROW_CELLS];
};

IkeHalfOpenTable *
ike_half_open_table_new (void)
{
  return g_new0 (IkeHalfOpenTable, 1);
}

/* RFC 8019, 4.2: "In IPv4, it makes sense to limit the number of half-open SAs based on IP address
 * ...  For IPv6, ISPs assign between a /48 and a /64, so it does not make sense for rate limiting
 * to work on single IPv6 IPs". */
static guint64
hash_of (const IkeSaManager *manager, const IkeAddr *source, guint level)
{
  static const guint lens[LEVELS][2] = { [SOURCE] = { 4, 8 }, [PREFIX] = { 3, 6 } };
  struct {
    guint8 level, family, bytes[8];
  } key = { (guint8) level, source->family, { 0 } };

  memcpy (key.bytes, source->bytes, lens[level][source->family == 6]);
  return ike_siphash (manager->secret, &key, sizeof key);
}

/* The cell of @row: each has its 16 bits of the hash. */
static atomic_uint *
cell_of (const IkeSaManager *manager, guint level, guint row, guint64 hash)
{
  return &manager->half_open->cells[level][row][hash >> 16 * row & (ROW_CELLS - 1)];
}

static void
change (IkeSa *sa, int by)
{
  IkeSaManager *manager = sa->shard->manager;
  guint level, row;

  atomic_fetch_add (&manager->n_half_open, (guint) by);
  for (level = 0; level < LEVELS; level++)
    for (row = 0; row < ROWS; row++)
      atomic_fetch_add_explicit (cell_of (manager, level, row, sa->half_open_hashes[level]),
                                 (guint) by, memory_order_relaxed);
}

void
ike_half_open_one_more (IkeSa *sa)
{
  guint level;

  for (level = 0; level < LEVELS; level++)
    sa->half_open_hashes[level] = hash_of (sa->shard->manager, &sa->remote, level);
  change (sa, 1);
}

void
ike_half_open_one_less (IkeSa *sa)
{
  change (sa, -1);
}

static guint32
count_of (const IkeSaManager *manager, const IkeAddr *source, guint level)
{
  guint64 hash = hash_of (manager, source, level);
  guint32 least = G_MAXUINT32;
  guint row;

  for (row = 0; row < ROWS; row++)
    least = MIN (least,
                 atomic_load_explicit (cell_of (manager, level, row, hash), memory_order_relaxed));
  return least;
}

void
ike_half_open_count (IkeEngine *engine, const IkeAddr *source, IkeHalfOpen *out)
{
  const IkeSaManager *manager = engine->sas;
  IkeHalfOpen counts = { .struct_size = out->struct_size };

  counts.all = atomic_load (&manager->n_half_open);
  counts.source = count_of (manager, source, SOURCE);
  counts.prefix = count_of (manager, source, PREFIX);
  memcpy (out, &counts, MIN (out->struct_size, sizeof counts));
}

/* A flood fills no log: it is told of when it begins, and then how much was dropped, not often. */
static void
report (IkeShard *shard, const IkeAddr *source, const char *limit, guint32 n)
{
  gint64 now = ike_loop_now_us (shard->loop);
  char text[IKE_ADDR_TEXT_SIZE];

  if (shard->n_dropped++ > 0 && now - shard->dropped_report_us < REPORT_US)
    return;
  ike_addr_format (source, FALSE, text);
  ike_log (shard->manager->engine, IKE_LOG_NOTICE, "ike",
           "first messages are dropped, %" G_GUINT64_FORMAT " so far: %s is %u, the last one came "
           "from %s",
           shard->n_dropped, limit, n, text);
  shard->dropped_report_us = now;
}

static gboolean
drop (IkeShard *shard, const IkeAddr *source, guint32 counter, const char *limit, guint32 n)
{
  ike_counter_add (shard->manager->engine, counter, 1);
  report (shard, source, limit, n);
  return FALSE;
}

/* Two shards that ask at one time may go over a limit by one: that many more are no harm. */
gboolean
ike_half_open_may_come (IkeShard *shard, const IkeAddr *source)
{
  IkeSaManager *manager = shard->manager;

  if (atomic_load (&manager->n_half_open) >= manager->max_half_open)
    return drop (shard, source, manager->count.half_open_limit, "max_half_open",
                 manager->max_half_open);
  if (manager->block_threshold && count_of (manager, source, SOURCE) >= manager->block_threshold)
    return drop (shard, source, manager->count.source_limit, "block_threshold",
                 manager->block_threshold);
  if (manager->block_threshold_prefix
      && count_of (manager, source, PREFIX) >= manager->block_threshold_prefix)
    return drop (shard, source, manager->count.prefix_limit, "block_threshold_prefix",
                 manager->block_threshold_prefix);
  return TRUE;
}
