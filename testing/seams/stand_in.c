/* SPDX-License-Identifier: Apache-2.0 */
/* stand_in.c - an exchange that begins an IKE SA in the place of IKE_SA_INIT, where it is wanted,
 * and that the peer refuses, or never answers. */
#include "seams/seams.h"

enum { KNOCK = 240 };

static gboolean
knock_wanted (IkePlugin *self, IkeSa *sa)
{
  SeamStandIn *state = ike_plugin_state (self);

  state->n_asked++;
  return state->is_wanted;
}

static const IkeStateRow knock_rows[] = {
  { IKE_ROW_REQUEST, IKE_ROLE_RESPONDER, 1u << IKE_SA_CREATED, "Nonce N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, 1u << IKE_SA_CONNECTING, "N* V*" },
  { 0, 0, 0, NULL },
};
static const IkeExchangeClass knock = {
  .struct_size = sizeof (IkeExchangeClass),
  .number = KNOCK,
  .flags = IKE_EXCHANGE_INITIAL | IKE_EXCHANGE_CLEAR,
  .before = "IKE_AUTH",
  .phases = "knock",
  .rows = knock_rows,
  .operation = "establish",
  .instead_of = "IKE_SA_INIT",
  .wanted = knock_wanted,
};
SEAM_FEATURE (knock_feature, "exchange:SEAM_KNOCK", knock);

static IkeTaskResult
knock_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_task_give_way (task, "nobody is to knock");
}

static IkeTaskResult
knock_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  static const guint8 nonce[IKE_NONCE_MIN];

  ike_payload_write (out, IKE_PAYLOAD_NONCE, nonce, sizeof nonce);
  return IKE_TASK_DONE;
}

static void
knock_dispose (IkeTask *task)
{
  SeamStandIn *state = ike_plugin_state (ike_task_plugin (task));

  state->n_disposed++;
}

static const IkeTaskClass knock_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "SEAM_KNOCK",
  .after = "phase:knock",
  .is_main = TRUE,
  .process = knock_process,
  .build = knock_build,
  .dispose = knock_dispose,
};
SEAM_FEATURE (knock_task_feature, "task:seam-knock", knock_task);

/* Says no, without an SA. */
static IkeGateVerdict
knock_judge (IkePlugin *self, const IkeDatagram *datagram, const IkeMessage *first,
             IkeWriter *reply, GBytes **attachment)
{
  SeamStandIn *state = ike_plugin_state (self);

  state->n_judged++;
  return state->is_silent ? IKE_GATE_DROP : IKE_GATE_REPLY;
}

static const IkeGateClass knock_gate = {
  .struct_size = sizeof (IkeGateClass),
  .exchanges = "SEAM_KNOCK",
  .judge = knock_judge,
};
SEAM_FEATURE (knock_gate_feature, "gate:seam-knock", knock_gate);

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, g_new0 (SeamStandIn, 1), g_free);
  return TRUE;
}

static const guint32 service = sizeof service;
SEAM_FEATURE (service_feature, "service:seam-stand-in", service);
static const IkeFeature *const features[] = { &knock_feature, &knock_task_feature,
                                              &knock_gate_feature, &service_feature, NULL };

IKE_PLUGIN (seam_stand_in_plugin, "seam-stand-in", 0, .version = "0", .license = "Apache-2.0",
            .summary = "an exchange in the place of IKE_SA_INIT", .features = features,
            .activate = activate);
