/* SPDX-License-Identifier: Apache-2.0 */
/* manager.c - where the SAs of an engine begin and end: classes, buckets, shards, limits, and the
 * polite shutdown. */
#include "sa/keep_up.h"
#include "sa/known.h"
#include <string.h>

enum { MAX_HALF_OPEN = 100000, MAX_PARKED = 10000, HALF_OPEN_TIMEOUT_S = 30 };
enum { RETRY_S = 10, RETRY_LIMIT_S = 600 };
enum { BLOCK_THRESHOLD = 100, BLOCK_THRESHOLD_PREFIX = 1000 };

static void
make_counters (IkeSaManager *manager)
{
  static const struct { const char *name; gsize at;
  } counters[] = {
#define COUNTER(member, name) { name, G_STRUCT_OFFSET (IkeSaCounters, member) }
    COUNTER (received, "input.received"),
    COUNTER (bad_header, "input.bad-header"),
    COUNTER (bad_version, "input.bad-version"),
    COUNTER (bad_spi, "input.unknown-spi"),
    COUNTER (bad_id, "input.bad-message-id"),
    COUNTER (bad_icv, "input.bad-icv"),
    COUNTER (bad_syntax, "input.bad-syntax"),
    COUNTER (bad_state, "input.bad-state"),
    COUNTER (bad_payload, "input.bad-payload"),
    COUNTER (retransmit, "input.retransmits"),
    COUNTER (forwarded, "shard.forwarded"),
    COUNTER (forwarded_twice, "shard.forwarded-twice"),
    COUNTER (forwarded_first, "shard.forwarded-first"),
    COUNTER (sent, "output.sent"),
    COUNTER (resent, "output.retransmits"),
    COUNTER (keepalives, "output.keepalives"),
    COUNTER (asked, "ike.asked-for-life"),
    COUNTER (gated, "input.gated"),
    COUNTER (refused, "input.lane-full"),
    COUNTER (orphans, "output.orphans"),
    COUNTER (fragment_refused, "input.fragments-refused"),
    COUNTER (fragment_timeouts, "input.fragments-missing"),
    COUNTER (half_open_limit, "input.half-open-limit"),
    COUNTER (source_limit, "input.source-limit"),
    COUNTER (prefix_limit, "input.prefix-limit"),
    COUNTER (replaced, "output.replaced"),
    COUNTER (parked_limit, "input.parked-limit"),
    COUNTER (timeouts, "ike.timeouts"),
    COUNTER (established, "ike.established"),
    COUNTER (closed, "ike.closed"),
    COUNTER (initiated, "ike.initiated"),
    COUNTER (failed, "ike.failed"),
    COUNTER (rekeyed, "ike.rekeyed"),
    COUNTER (child_rekeyed, "child.rekeyed"),
    COUNTER (acquires, "trap.acquires"),
    COUNTER (acquires_merged, "trap.acquires-merged"),
    COUNTER (acquires_refused, "trap.acquires-refused"),
    COUNTER (acquires_unknown, "trap.acquires-unknown"),
#undef COUNTER
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (counters); i++)
    G_STRUCT_MEMBER (guint32, &manager->count, counters[i].at) =
        ike_counter (manager->engine, counters[i].name);
}

/* Before plugins activate: they register slots. */
void
ike_sas_new (IkeEngine *engine)
{
  IkeSaManager *manager = g_new0 (IkeSaManager, 1);
  guint i;

  engine->sas = manager;
  engine->find_sa = ike_sa_lookup;
  engine->config_applied = ike_sas_apply_config;
  manager->engine = engine;
  manager->twins = ike_twin_table_new ();
  manager->records = g_new0 (IkeTree *, IKE_EXPLAIN_RECORDS);
  manager->by_conn = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, ike_known_free);
  manager->traps = ike_traps_new (engine);
  manager->peers = ike_index_new ();
  manager->claims = ike_index_new ();
  manager->kept_up = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, ike_keep_up_free);
  for (i = 0; i < 256; i++)
    manager->buckets[i] = (guint8) (i % engine->n_shards);
  ike_engine_random (engine, manager->secret, sizeof manager->secret);
  manager->half_open = ike_half_open_table_new ();
  make_counters (manager);
  manager->on_datagram = ike_hook_point (engine, "datagram");
  manager->on_message = ike_hook_point (engine, "message");
  manager->on_conn = ike_hook_point (engine, "config-selected");
  manager->on_proposal = ike_hook_point (engine, "proposal-selected");
  manager->on_authorize = ike_hook_point (engine, "authorize");
  manager->on_narrow = ike_hook_point (engine, "narrow");
  manager->on_keys = ike_hook_point (engine, "keys-derived");
  manager->on_state = ike_hook_point (engine, "ike-state");
  manager->on_child = ike_hook_point (engine, "child-updown");
  manager->on_updown = ike_hook_point (engine, "ike-updown");
  manager->on_endpoint = ike_hook_point (engine, "endpoint-changed");
  manager->on_liveness = ike_hook_point (engine, "liveness");
  manager->on_rekey = ike_hook_point (engine, "ike-rekeyed");
  manager->on_child_rekey = ike_hook_point (engine, "child-rekeyed");
  manager->on_child_leaves = ike_hook_point (engine, "child-leaves");
  manager->on_net_change = ike_hook_point (engine, "net-change");
  manager->on_describe = ike_hook_point (engine, "ike-describe");
}

static const IkeProvided *
first_of (IkeEngine *engine, const char *kind)
{
  guint n;
  const IkeProvided *const *found = ike_feature_list (engine, kind, &n);

  return n ? found[0] : NULL;
}

static guint32
seconds_of (const IkeTree *settings, const char *path, guint32 fallback)
{
  const char *text = ike_tree_string (settings, path, NULL);
  guint64 seconds;

  return text && ike_value_time (text, &seconds) ? (guint32) MIN (seconds, 86400) : fallback;
}

gboolean
ike_sas_start (IkeEngine *engine, GError **error)
{
  IkeSaManager *manager = engine->sas;
  const IkeTree *settings = ike_engine_settings (engine);
  guint i;

  manager->net = first_of (engine, "net");
  manager->kernel = ike_feature_find (engine, "kernel:ipsec", NULL);
  manager->kernel_net = ike_feature_find (engine, "kernel:net", NULL);
  manager->net_class = manager->net ? manager->net->ops : NULL;
  manager->kernel_class = manager->kernel ? manager->kernel->ops : NULL;
  manager->has_vrf_option = ike_option_find (engine, "connection/vrf", &manager->vrf_option, NULL);
  manager->max_half_open = (guint32) ike_tree_int (settings, "core.max_half_open", MAX_HALF_OPEN);
  manager->block_threshold =
      (guint32) ike_tree_int (settings, "core.block_threshold", BLOCK_THRESHOLD);
  manager->block_threshold_prefix =
      (guint32) ike_tree_int (settings, "core.block_threshold_prefix", BLOCK_THRESHOLD_PREFIX);
  manager->max_parked = (guint32) ike_tree_int (settings, "core.max_parked", MAX_PARKED);
  manager->half_open_timeout_s =
      (guint32) ike_tree_int (settings, "core.half_open_timeout", HALF_OPEN_TIMEOUT_S);
  manager->retry_s = seconds_of (settings, "core.retry_initiate_interval", RETRY_S);
  manager->retry_limit_s = seconds_of (settings, "core.retry_initiate_limit", RETRY_LIMIT_S);
  manager->closes_idle = ike_tree_bool (settings, "core.inactivity_close_ike", FALSE);
  if (!ike_classes_load (manager, error)) {
    g_prefix_error (error, "the protocol's classes do not fit together: ");
    return FALSE;
  }
  manager->shards = g_new0 (IkeShard *, engine->n_shards + 1);
  for (i = 0; i < engine->n_shards; i++)
    manager->shards[i] = ike_shard_new (manager, i);
  return TRUE;
}

IkeTree *
ike_sas_order (IkeEngine *engine)
{
  return engine->sas ? ike_classes_order (&engine->sas->classes) : NULL;
}

/* The next shard for an SA that we begin. */
guint
ike_sas_pick_shard (IkeSaManager *manager)
{
  return atomic_fetch_add (&manager->next_shard, 1) % manager->engine->n_shards;
}

/* -- the polite end */

static void
end_one (IkeSa *sa, gpointer data)
{
  ike_sa_ends (sa, IKE_END_SHUTDOWN);
  if (sa->state < IKE_SA_ESTABLISHED || !ike_sa_begin (sa, "delete", NULL, NULL, NULL))
    ike_sa_destroy (sa, "the daemon ends");
}

static void
tell_control (gpointer data)
{
  IkeSaManager *manager = data;
  void (*done) (IkeEngine *engine) = manager->shutdown_done;

  manager->shutdown_done = NULL;
  if (done)
    done (manager->engine);
}

void
ike_shard_check_empty (IkeShard *shard)
{
  IkeSaManager *manager = shard->manager;

  if (shard->is_closing && atomic_load (&manager->n_sas) == 0)
    ike_loop_post (ike_engine_control (manager->engine), tell_control, manager, NULL);
}

typedef struct { IkeShard *shard; guint32 from; } Closing;

static void
close_shard (gpointer data)
{
  Closing *closing = data, *more;

  closing->shard->is_closing = TRUE;
  closing->from = ike_table_walk (closing->shard, closing->from, end_one, NULL);
  if (closing->from == G_MAXUINT32) {
    ike_shard_check_empty (closing->shard);
    return;
  }
  more = g_memdup2 (closing, sizeof *closing);
  ike_loop_post (closing->shard->loop, close_shard, more, g_free);
}

void
ike_sas_shutdown (IkeEngine *engine, void (*done) (IkeEngine *engine))
{
  IkeSaManager *manager = engine->sas;
  guint i;

  if (!manager || !manager->shards) {
    done (engine);
    return;
  }
  manager->is_ending = TRUE;
  ike_keep_up_end (engine, NULL, NULL, NULL);
  manager->shutdown_done = done;
  ike_traps_close (manager->traps);
  for (i = 0; i < engine->n_shards; i++) {
    Closing *closing = g_new0 (Closing, 1);
    closing->shard = manager->shards[i];
    ike_loop_post (manager->shards[i]->loop, close_shard, closing, g_free);
  }
}

void
ike_sas_free (IkeSaManager *manager)
{
  guint i;

  if (!manager)
    return;
  manager->is_ending = TRUE;
  ike_keep_up_end (manager->engine, NULL, NULL, NULL);
  for (i = 0; manager->shards && i < manager->engine->n_shards; i++)
    ike_shard_clear (manager->shards[i]);
  ike_traps_free (g_steal_pointer (&manager->traps));
  ike_engine_drain (manager->engine);
  for (i = 0; manager->shards && i < manager->engine->n_shards; i++)
    ike_shard_free (manager->shards[i]);
  g_free (manager->shards);
  g_free (manager->half_open);
  g_free (manager->slots);
  ike_classes_clear (&manager->classes);
  ike_explain_clear (manager);
  ike_index_free (manager->peers);
  ike_index_free (manager->claims);
  g_hash_table_unref (manager->kept_up);
  g_hash_table_unref (manager->by_conn);
  ike_twin_table_free (manager->twins);
  g_free (manager);
}
