/* SPDX-License-Identifier: Apache-2.0 */
/* mid_sync.c - the plugin `mid-sync`: another member of a cluster goes on with an IKE SA, and
 * agrees with the peer on message IDs and replay counters anew (RFC 6311).
 *
 * Both ends say in IKE_AUTH that they can.  Whoever restores the SA from a snapshot, which is older
 * than what its last owner and the peer did, asks for both as soon as it has it, in a message with
 * ID 0 that stands outside the window; the other end, which calls itself the peer below, answers
 * with what it knows, and both use the higher values. */
#include "config.h"
#include <string.h>
#include <ikebana/bus.h>
#include <ikebana/engine.h>
#include <ikebana/exchange.h>
#include <ikebana/kernel.h>
#include <ikebana/log.h>
#include <ikebana/reader.h>
#include <ikebana/runtime.h>
#include <ikebana/writer.h>
#include "mid_sync.h"

/* IDs end (RFC 7296, 2.2): nobody has really used so many, and an SA without any left can not even
 * be closed. */
#define ID_LIMIT 0xf0000000u
#define VERY_MANY (1u << 30)

gboolean
mid_sync_agreed (const MidSync *self, const IkeSa *sa, guint8 what)
{
  const Sync *sync = ike_sa_slot (sa, self->slot);

  return sync && (sync->ours & sync->theirs & what);
}

/* -- what is kept */

static gpointer
sync_inherit (IkeSa *from, IkeSa *to, gpointer state)
{
  const Sync *old = state;
  Sync *sync = g_new0 (Sync, 1);

  sync->ours = old->ours;
  sync->theirs = old->theirs;
  return sync;
}

static gint64
wall_s (const IkeSa *sa)
{
  return ike_engine_wall_us (ike_sa_engine (sa)) / G_USEC_PER_SEC;
}

/* RFC 6311, 5: "The peer's capabilities with regard to this extension are part of the IKEv2 SA
 * state, and thus MUST be shared between the cluster members." */
static void
sync_snapshot (IkeSa *sa, gpointer state, IkeWriter *out)
{
  const Sync *sync = state;

  ike_writer_u8 (out, sync->ours);
  ike_writer_u8 (out, sync->theirs);
  ike_writer_u64 (out, sync->above);
  ike_writer_u64 (out, (guint64) wall_s (sa));
}

static gpointer sync_restore (IkeSa *sa, IkeReader *in);

static const IkeSlotClass sync_slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "mid-sync",
  .destroy = g_free,
  .inherit = sync_inherit,
  .snapshot = sync_snapshot,
  .restore = sync_restore,
  .share = sync_inherit,
};

Sync *
mid_sync_of (const MidSync *self, IkeSa *sa)
{
  Sync *sync = ike_sa_slot (sa, self->slot);

  if (!sync) {
    sync = g_new0 (Sync, 1);
    ike_sa_set_slot (sa, self->slot, sync);
  }
  return sync;
}

/* -- the two notifies */

typedef struct {
  guint32 nonce, send, receive;
} Ids;

static gboolean
read_ids (const IkeMessage *message, Ids *ids)
{
  IkeNotify notify;
  IkeReader r;

  if (!ike_message_notify (message, MID_SYNC_IDS, 0, &notify) || notify.len != 12)
    return FALSE;
  ike_reader_init (&r, notify.data, notify.len);
  *ids = (Ids){ ike_reader_u32 (&r), 0, 0 };
  ids->send = ike_reader_u32 (&r);
  ids->receive = ike_reader_u32 (&r);
  return TRUE;
}

static void
write_ids (IkeWriter *out, const Ids *ids)
{
  guint32 wire[3] = { GUINT32_TO_BE (ids->nonce), GUINT32_TO_BE (ids->send),
                      GUINT32_TO_BE (ids->receive) };

  ike_notify_write (out, 0, MID_SYNC_IDS, NULL, 0, wire, sizeof wire);
}

/* RFC 6311, 6.4: "if the ESN bit is 1, the field's size is 8 octets; otherwise, it is 4 octets.  We
 * note that this constrains the Child SAs of each IKE SA to either all have the ESN bit on or off."
 * 0: there are none, or of both kinds. */
static gsize
delta_len (IkeSa *sa)
{
  guint n = ike_sa_n_children (sa), n_esn = 0, i;

  for (i = 0; i < n; i++)
    n_esn += ike_child_choice (ike_sa_child (sa, i))->chosen[IKE_TRANSFORM_SN].id == 1;
  return n == 0 || (n_esn && n_esn < n) ? 0 : n_esn ? 8 : 4;
}

static void
write_delta (MidSync *self, IkeSa *sa, IkeWriter *out)
{
  gsize len = delta_len (sa);
  guint64 delta = GUINT64_TO_BE (self->replay_gap);

  if (self->replay_gap && len)
    ike_notify_write (out, 0, MID_SYNC_REPLAY, NULL, 0, (guint8 *) &delta + 8 - len, len);
}

/* RFC 6311, 5.2: by "a very large number, e.g., 2**30.  In the latter case, a rekey SHOULD follow
 * shortly afterwards, to ensure that the counter never wraps around." */
static void
rekey_children (IkeSa *sa)
{
  guint i, n = ike_sa_n_children (sa);

  for (i = 0; i < n; i++) {
    IkeChild *child = ike_sa_child (sa, i);
    IkeChildRef ref = ike_child_ref (child);
    if (!ike_child_is_replaced (child) && !ike_child_is_going (child))
      ike_sa_begin (sa, "rekey-child", g_memdup2 (&ref, sizeof ref), NULL, NULL);
  }
}

/* RFC 6311, 5.2: "it MUST increment the replay counters for all Child SAs associated with the
 * current IKE SA by the amount requested by the cluster member." */
static void
raise_replay (IkeSa *sa, const IkeNotify *notify)
{
  guint64 delta = 0;
  gsize i;

  if (notify->len != delta_len (sa)) {
    ike_sa_log_text (sa, IKE_LOG_ERROR, "mid-sync",
                     "the peer wants replay counters raised by a number of another length than "
                     "its CHILD_SAs have: they stay as they are; rekey them if no data arrives");
    return;
  }
  for (i = 0; i < notify->len; i++)
    delta = delta << 8 | notify->data[i];
  if (!ike_sa_skip_sequences (sa, delta))
    ike_sa_log_text (sa, IKE_LOG_ERROR, "mid-sync",
                     "the kernel plugin cannot raise replay counters: rekey the CHILD_SAs if no "
                     "data arrives");
  else if (delta >= VERY_MANY)
    rekey_children (sa);
}

/* -- the peer */

static gboolean
is_open (IkePlugin *plugin, const IkeSa *sa)
{
  return mid_sync_agreed (ike_plugin_state (plugin), sa, CAN_IDS);
}

/* RFC 6311, 5.1: "Both the request and the response MUST NOT contain any additional payloads, other
 * than an optional IPSEC_REPLAY_COUNTER_SYNC notification in the request." */
static gboolean
has_form (const MidSync *self, IkeSa *sa, const IkeMessage *message, gboolean is_request)
{
  IkeNotify notify;
  guint n = ike_message_n (message);

  return n == 1
         || (n == 2 && is_request && mid_sync_agreed (self, sa, CAN_REPLAY)
             && ike_message_notify (message, MID_SYNC_REPLAY, 0, &notify)
             && (notify.len == 4 || notify.len == 8));
}

/* RFC 6311, 5.1: "The peer MUST silently drop any received synchronization message if M1 is lower
 * than or equal to the highest value it has seen from the cluster.  This includes any previous
 * received synchronization messages": those raised what we expect next. */
static gboolean
accept (IkePlugin *plugin, IkeSa *sa, const IkeMessage *request)
{
  MidSync *self = ike_plugin_state (plugin);
  guint32 next_sent, next_received;
  Ids ids;

  ike_sa_message_ids (sa, &next_sent, &next_received);
  if (!read_ids (request, &ids))
    return FALSE;
  if (has_form (self, sa, request, TRUE) && ids.send >= next_received
      && ids.send >= mid_sync_of (self, sa)->above && ids.send < ID_LIMIT && ids.receive < ID_LIMIT)
    return TRUE;
  ike_counter_add (ike_sa_engine (sa), self->n_dropped, 1);
  return FALSE;
}

/* RFC 6311, 5.1: "A response MUST be silently dropped if the received nonce does not match the one
 * that was sent."  Neither value may be lower than what we said.  What another plugin asks is not
 * ours. */
static gboolean
answers (IkePlugin *plugin, IkeSa *sa, const IkeMessage *response)
{
  MidSync *self = ike_plugin_state (plugin);
  const Sync *sync = ike_sa_slot (sa, self->slot);
  Ids ids;

  if (!sync || !sync->is_under_way)
    return TRUE;
  if (has_form (self, sa, response, FALSE) && read_ids (response, &ids) && ids.nonce == sync->nonce
      && ids.receive >= sync->m1 && ids.send >= sync->p1 && ids.send < ID_LIMIT
      && ids.receive < ID_LIMIT)
    return TRUE;
  ike_counter_add (ike_sa_engine (sa), self->n_dropped, 1);
  return FALSE;
}

static const IkeIdZeroClass id_0 = {
  .struct_size = sizeof (IkeIdZeroClass),
  .exchange = "INFORMATIONAL",
  .is_open = is_open,
  .accept = accept,
  .answers = answers,
};

/* RFC 6311, 5.1: "M2 MUST be at least the higher of the received M1, and one more than the highest
 * sender value received from the cluster"; "P2 MUST be the higher of the received P1 value, and one
 * more than the highest sender value used by the peer."  9: "The peer should not wait for any
 * pending responses". */
static void
take_request (MidSync *self, IkeSa *sa, const IkeMessage *in, IkeExchange *x)
{
  const IkeNotify *delta = ike_exchange_record (x, MID_SYNC_REPLAY, 0);
  Sync *sync = mid_sync_of (self, sa);
  guint32 next_sent, next_received;
  Ids ids;

  if (!read_ids (in, &ids))
    return;
  sync->their_nonce = ids.nonce;
  sync->above = (guint64) ids.send + 1;
  ike_sa_log_text (sa, IKE_LOG_NOTICE, "mid-sync",
                   "another member of the peer's cluster goes on with it: message IDs are agreed "
                   "on anew");
  ike_sa_message_ids (sa, &next_sent, &next_received);
  ike_sa_raise_message_ids (sa, MAX (ids.receive, next_sent), ids.send);
  ike_counter_add (ike_sa_engine (sa), self->n_agreed, 1);
  if (delta)
    raise_replay (sa, delta);
}

/* -- the member that takes over */

/* RFC 6311, 5.1: "M1 MUST be chosen so that it is larger than any value known to have been used.
 * It is RECOMMENDED to increment the known value at least by the size of the IKE sender window."
 * And by the age of the snapshot, in seconds: so a second member that takes over from the same one
 * asks for more than the first, without having heard of it. */
static void
choose (const MidSync *self, IkeSa *sa, Sync *sync)
{
  guint32 next_sent, next_received;
  gint64 age = sync->taken_s ? CLAMP (wall_s (sa) - sync->taken_s, 0, 0x1000000) : 0;
  guint ours, theirs;

  ike_sa_message_ids (sa, &next_sent, &next_received);
  ike_sa_window (sa, &ours, &theirs);
  sync->m1 = next_sent + MAX (self->id_gap, theirs) + (guint32) age;
  sync->p1 = next_received;
  ike_engine_random (ike_sa_engine (sa), &sync->nonce, sizeof sync->nonce);
  sync->is_under_way = TRUE;
  /* What else is sent meanwhile has an ID that the peer did not see before. */
  ike_sa_raise_message_ids (sa, sync->m1, sync->p1);
}

/* RFC 6311, 5.2: "Upon failover, the newly active member MUST increment its own replay counter". */
static IkeTaskResult
ask (MidSync *self, IkeTask *task, IkeWriter *out)
{
  IkeSa *sa = ike_task_sa (task);
  Sync *sync = mid_sync_of (self, sa);

  if (!mid_sync_agreed (self, sa, CAN_IDS))
    return ike_task_fail (task, 0, NULL, 0, "the peer cannot agree on message IDs anew");
  choose (self, sa, sync);
  write_ids (out, &(Ids){ sync->nonce, sync->m1, sync->p1 });
  if (mid_sync_agreed (self, sa, CAN_REPLAY)) {
    ike_sa_skip_sequences (sa, self->replay_gap);
    write_delta (self, sa, out);
  }
  ike_counter_add (ike_sa_engine (sa), self->n_asked, 1);
  return IKE_TASK_DONE;
}

static void
take_answer (MidSync *self, IkeSa *sa, const IkeMessage *in)
{
  Sync *sync = mid_sync_of (self, sa);
  Ids ids;

  if (!read_ids (in, &ids))
    return;
  sync->is_under_way = FALSE;
  ike_sa_raise_message_ids (sa, ids.receive, ids.send);
  ike_counter_add (ike_sa_engine (sa), self->n_agreed, 1);
  ike_sa_log_text (sa, IKE_LOG_NOTICE, "mid-sync", "message IDs were agreed on anew");
}

static void
begin (IkeSa *sa, gpointer data)
{
  ike_sa_begin (sa, "mid-sync", NULL, NULL, NULL);
}

static const IkeJobClass begin_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "message IDs of a restored IKE SA",
  .lane = IKE_LANE_ESTABLISHED,
  .run = begin,
};

/* RFC 6311, 7: "When it has just received control from the active member and wishes to update the
 * values proactively". */
static gpointer
sync_restore (IkeSa *sa, IkeReader *in)
{
  Sync *sync = g_new0 (Sync, 1);

  sync->ours = ike_reader_u8 (in);
  sync->theirs = ike_reader_u8 (in);
  sync->above = ike_reader_u64 (in);
  sync->taken_s = (gint64) ike_reader_u64 (in);
  if ((sync->ours & sync->theirs & CAN_IDS)
      && !ike_sa_post (ike_sa_engine (sa), ike_sa_ref (sa), &begin_job, NULL))
    g_assert_not_reached ();
  return sync;
}

/* -- the exchange, at both ends */

static gboolean
wanted (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_outside_window (x) || ike_exchange_record (x, MID_SYNC_REPLAY, 0);
}

/* RFC 6311, 5: "If the newly active member wishes to perform only IPsec replay counter
 * synchronization, it generates a regular IKEv2 Informational exchange". */
static IkeTaskResult
process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  MidSync *self = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);

  if (ike_exchange_is_initiator (x))
    take_answer (self, sa, in);
  else if (ike_exchange_is_outside_window (x))
    take_request (self, sa, in, x);
  else if (mid_sync_agreed (self, sa, CAN_REPLAY))
    raise_replay (sa, ike_exchange_record (x, MID_SYNC_REPLAY, 0));
  return IKE_TASK_DONE;
}

static IkeTaskResult
build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  MidSync *self = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  Ids ids = { mid_sync_of (self, sa)->their_nonce, 0, 0 };

  if (ike_exchange_is_initiator (x))
    return ask (self, task, out);
  if (!ike_exchange_is_outside_window (x))
    return IKE_TASK_DONE;
  ike_sa_message_ids (sa, &ids.send, &ids.receive);
  write_ids (out, &ids);
  return IKE_TASK_DONE;
}

static const IkeTaskClass sync_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "INFORMATIONAL",
  .operations = "mid-sync",
  .reads = "notify:IPSEC_REPLAY_COUNTER_SYNC",
  .wanted = wanted,
  .process = process,
  .build = build,
};
static const IkeOperationClass sync_operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "INFORMATIONAL",
  .priority = 600,
  .is_outside_window = TRUE,
};

static const IkeNotifyClass ids_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = MID_SYNC_IDS,
  .max_len = 12,
  .max_count = 1,
  .exchanges = "INFORMATIONAL",
};
static const IkeNotifyClass replay_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = MID_SYNC_REPLAY,
  .max_len = 8,
  .max_count = 1,
  .exchanges = "INFORMATIONAL",
};

/* -- the plugin */

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  MidSync *self = g_new0 (MidSync, 1);
  IkeEngine *engine = ike_plugin_engine (plugin);
  guint64 replay_gap = ike_plugin_option_uint (plugin, "replay_gap");

  self->offers = (guint8) ((ike_plugin_option_bool (plugin, "message_ids") ? CAN_IDS : 0)
                           | (ike_plugin_option_bool (plugin, "replay_counters") ? CAN_REPLAY : 0));
  self->id_gap = (guint32) CLAMP (ike_plugin_option_uint (plugin, "id_gap"), 1, 0x1000000);
  self->replay_gap = MIN (replay_gap, VERY_MANY - 1);
  if (replay_gap >= VERY_MANY)
    ike_log (engine, IKE_LOG_NOTICE, "mid-sync",
             "plugins.mid-sync.replay_gap = %" G_GUINT64_FORMAT ": %u is the most, and is taken",
             replay_gap, VERY_MANY - 1);
  self->slot = ike_slot_register (plugin, &sync_slot);
  self->n_asked = ike_counter (engine, "mid-sync.asked");
  self->n_agreed = ike_counter (engine, "mid-sync.agreed");
  self->n_dropped = ike_counter (engine, "mid-sync.dropped");
  ike_plugin_set_state (plugin, self, g_free);
  return TRUE;
}

#define FEATURE(symbol, feature_name, table)                                                       \
  static const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                 \
                                               .provides = feature_name,                           \
                                               .ops = &table }
#define OPTION(symbol, option_name, option_type, option_fallback, option_doc)                      \
  static const IkeOptionInfo symbol##_option = { sizeof (IkeOptionInfo), "plugin/" option_name,    \
                                                 option_type, option_fallback, option_doc }

FEATURE (id_0, "id-0:mid-sync", id_0);
FEATURE (ids, "notify:IKEV2_MESSAGE_ID_SYNC", ids_notify);
FEATURE (replay, "notify:IPSEC_REPLAY_COUNTER_SYNC", replay_notify);
FEATURE (task, "task:mid-sync", sync_task);
FEATURE (operation, "operation:mid-sync", sync_operation);

OPTION (ids, "message_ids", "bool", "yes", "Agree on message IDs anew with a peer that can.");
OPTION (replay, "replay_counters", "bool", "yes",
        "The same for replay counters of CHILD_SAs, if the kernel plugin can raise them.");
OPTION (id_gap, "id_gap", "uint", "64",
        "So many requests may have been sent since the snapshot that an IKE SA is restored from.");
OPTION (replay_gap, "replay_gap", "uint", "1048576",
        "So many packets may have gone through a CHILD_SA since then, at most 2^30 - 1; 0: replay "
        "counters are left alone.");

static const IkeOptionInfo *const options[] = { &ids_option, &replay_option, &id_gap_option,
                                                &replay_gap_option, NULL };
static const IkeFeature *const features[] = { &id_0_feature,
                                              &mid_sync_ids_supported_feature,
                                              &mid_sync_replay_supported_feature,
                                              &ids_feature,
                                              &replay_feature,
                                              &task_feature,
                                              &operation_feature,
                                              NULL };

IKE_PLUGIN (ike_plugin, "mid-sync", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "message IDs and replay counters in clusters (RFC 6311)",
            .features = features, .options = options, .activate = activate);
