/* SPDX-License-Identifier: Apache-2.0 */
/* sync.c - an INFORMATIONAL request with message ID 0, outside the window, as RFC 6311 needs after
 * a fail-over: agreed on in IKE_AUTH, and with a counter that only grows as its replay rule. */
#include "seams/seams.h"
#include <string.h>

enum { SUPPORTED = 16420, SYNC = 16422 };

typedef struct { guint32 sent, seen; } Counters;

static SeamSync *
plugin_of (IkePlugin *self)
{
  return ike_plugin_state (self);
}

static guint32
counter_of (const IkeNotify *notify)
{
  guint32 counter;

  memcpy (&counter, notify->data, sizeof counter);
  return GUINT32_FROM_BE (counter);
}

/* -- agreed on in IKE_AUTH */

static gboolean
supported_send (IkePlugin *self, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  if (plugin_of (self)->is_silent)
    return FALSE;
  ike_notify_write (out, 0, SUPPORTED, NULL, 0, NULL, 0);
  return TRUE;
}

static gboolean
supported_received (IkePlugin *self, IkeSa *sa, IkeExchange *x, const IkeNotify *notify)
{
  if (!plugin_of (self)->is_silent)
    ike_sa_set_slot (sa, plugin_of (self)->slot, g_new0 (Counters, 1));
  return TRUE;
}

/* -- message ID 0 */

static gboolean
is_open (IkePlugin *self, const IkeSa *sa)
{
  return ike_sa_slot (sa, plugin_of (self)->slot) != NULL;
}

static gboolean
accept (IkePlugin *self, IkeSa *sa, const IkeMessage *request)
{
  Counters *counters = ike_sa_slot (sa, plugin_of (self)->slot);
  IkeNotify notify;

  if (ike_message_n (request) != 1 || !ike_message_notify (request, SYNC, 0, &notify)
      || notify.len != 4)
    return FALSE;
  if (counter_of (&notify) <= counters->seen) {
    plugin_of (self)->n_refused++;
    return FALSE;
  }
  counters->seen = counter_of (&notify);
  plugin_of (self)->n_accepted++;
  return TRUE;
}

static gboolean
answers (IkePlugin *self, IkeSa *sa, const IkeMessage *response)
{
  const Counters *counters = ike_sa_slot (sa, plugin_of (self)->slot);
  IkeNotify notify;

  return ike_message_notify (response, SYNC, 0, &notify) && notify.len == 4
         && counter_of (&notify) == counters->sent;
}

static IkeTaskResult
sync_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  IkeSa *sa = ike_task_sa (task);
  Counters *counters = ike_sa_slot (sa, plugin_of (ike_task_plugin (task))->slot);
  guint32 counter = 1;

  if (counters)
    counter = ike_exchange_is_initiator (x) ? ++counters->sent : counters->seen;
  counter = GUINT32_TO_BE (counter);
  ike_notify_write (out, 0, SYNC, NULL, 0, &counter, sizeof counter);
  return IKE_TASK_DONE;
}

static IkeTaskResult
sync_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Counters *counters = ike_sa_slot (ike_task_sa (task), plugin_of (ike_task_plugin (task))->slot);
  const IkeNotify *notify = ike_exchange_record (x, SYNC, 0);

  if (ike_exchange_is_initiator (x)
      && (!notify || !counters || counter_of (notify) != counters->sent))
    return ike_task_fail (task, 0, NULL, 0, "the peer answered something else");
  return IKE_TASK_DONE;
}

static gboolean
sync_wanted (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_outside_window (x);
}

/* -- the tables */

static const IkeIdZeroClass id_0 = {
  .struct_size = sizeof (IkeIdZeroClass),
  .exchange = "INFORMATIONAL",
  .is_open = is_open,
  .accept = accept,
  .answers = answers,
};
static const IkeNotifyClass supported = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = SUPPORTED,
  .max_count = 1,
  .exchanges = "IKE_AUTH",
  .send = supported_send,
  .received = supported_received,
};
static const IkeNotifyClass sync = {
  .struct_size = sizeof (IkeNotifyClass), .type = SYNC, .min_len = 4, .max_len = 4, .max_count = 1,
  .exchanges = "INFORMATIONAL",
};
static const IkeOperationClass operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "INFORMATIONAL",
  .priority = 600,
  .is_outside_window = TRUE,
};
static const IkeTaskClass task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "INFORMATIONAL",
  .operations = "sync",
  .wanted = sync_wanted,
  .process = sync_process,
  .build = sync_build,
};

SEAM_FEATURE (id_0_feature, "id-0:sync", id_0);
SEAM_FEATURE (supported_feature, "notify:IKEV2_MESSAGE_ID_SYNC_SUPPORTED", supported);
SEAM_FEATURE (sync_feature, "notify:IKEV2_MESSAGE_ID_SYNC", sync);
SEAM_FEATURE (operation_feature, "operation:sync", operation);
SEAM_FEATURE (task_feature, "task:sync", task);

static const IkeFeature *const features[] = {
  &id_0_feature, &supported_feature, &sync_feature, &operation_feature, &task_feature, NULL,
};
static const IkeOptionInfo silent = { sizeof silent, "plugin/silent", "bool", "no",
                                      "Agrees on nothing." };
static const IkeOptionInfo *const options[] = { &silent, NULL };
static const IkeSlotClass slot = { .struct_size = sizeof (IkeSlotClass),
                                   .name = "sync",
                                   .destroy = g_free };

static gboolean
activate (IkePlugin *self, GError **error)
{
  SeamSync *plugin = g_new0 (SeamSync, 1);

  plugin->slot = ike_slot_register (self, &slot);
  plugin->is_silent = ike_plugin_option_bool (self, "silent");
  ike_plugin_set_state (self, plugin, g_free);
  return TRUE;
}

IKE_PLUGIN (seam_sync_plugin, "seam-sync", 0, .version = "0", .license = "Apache-2.0",
            .summary = "message ID 0 outside the window", .features = features, .options = options,
            .activate = activate);
