/* SPDX-License-Identifier: Apache-2.0 */
/* skeleton.c - a notify of our own: in IKE_AUTH each end tells the other a number, and counts what
 * it is told.
 *
 * The class says where the notify may stand and how long it may be; what does not fit never comes
 * here.  Notifies only record: what is to follow from one is done by a task (kind `task`). */
#include <ikebana/engine.h>
#include <ikebana/exchange.h>
#include <ikebana/plugin.h>

/* RFC 7296, 3.10.1: types 40960 to 65535 are for private use, among ends that agreed on them. */
enum { NOTIFY_SKELETON = 40960, GREETING = 42 };

/* One for each engine; a plugin has no variables of its own. */
typedef struct {
  guint32 n_heard;
} Skeleton;

/* Owner shard.  TRUE: what was written is sent. */
static gboolean
skeleton_send (IkePlugin *self, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  guint32 value = GUINT32_TO_BE (GREETING);

  ike_notify_write (out, 0, NOTIFY_SKELETON, NULL, 0, &value, sizeof value);
  return TRUE;
}

/* Owner shard.  FALSE: it is not valid, and counts as not received. */
static gboolean
skeleton_received (IkePlugin *self, IkeSa *sa, IkeExchange *x, const IkeNotify *notify)
{
  Skeleton *state = ike_plugin_state (self);
  IkeReader reader;

  ike_reader_init (&reader, notify->data, notify->len);
  if (ike_reader_u32 (&reader) != GREETING)
    return FALSE;
  ike_counter_add (ike_plugin_engine (self), state->n_heard, 1);
  return TRUE;
}

static gboolean
skeleton_activate (IkePlugin *self, GError **error)
{
  Skeleton *state = g_new0 (Skeleton, 1);

  ike_plugin_set_state (self, state, g_free);
  state->n_heard = ike_counter (ike_plugin_engine (self), "skeleton.called");
  return TRUE;
}

static const IkeNotifyClass notify_class = {
  .struct_size = sizeof notify_class,
  .type = NOTIFY_SKELETON,
  .min_len = 4,
  .max_len = 4,
  .max_count = 1,
  .exchanges = "IKE_AUTH",
  .send = skeleton_send,
  .received = skeleton_received,
};

static const IkeFeature notify_feature = {
  .struct_size = sizeof notify_feature,
  .provides = "notify:SKELETON",
  .ops = &notify_class,
};

static const IkeFeature *const features[] = { &notify_feature, NULL };

IKE_PLUGIN (ike_plugin, "skeleton", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "tells the peer a number in IKE_AUTH", .features = features,
            .activate = skeleton_activate);
