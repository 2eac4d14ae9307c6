/* SPDX-License-Identifier: Apache-2.0 */
/* config_payload.c - configuration payloads (RFC 7296, 2.19 and 3.15): a client asks for addresses
 * and for what it has to know about the network behind the gateway, and gets it with the answer
 * that makes the IKE SA come up.
 *
 * A connection with `vips` asks.  A gateway takes addresses from who is in the hook `assign`, then
 * from the `pools` of the connection, whoever keeps them (kind `pool`).  Addresses are the SA's and
 * its heirs', and go with the last one. */
#include "config.h"
#include "config_payload.h"

typedef struct {
  gboolean is_asked;
  Gateway *gateway;
  Client *client;
} Exchange;

static void
dispose (IkeTask *task)
{
  Exchange *self = ike_task_data (task);

  gateway_free (self->gateway);
  client_free (self->client);
}

static gboolean
wanted (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return in ? ike_message_find (in, IKE_PAYLOAD_CP, 0) != NULL : client_wants (sa);
}

static IkeTaskResult
process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Exchange *self = ike_task_data (task);

  return ike_exchange_is_initiator (x) ? client_process (task, &self->client, in)
                                       : gateway_process (task, &self->gateway, in);
}

/* Where IKE_AUTH has several messages, the request is in the first one, with the selectors, and is
 * answered in the last one. */
static IkeTaskResult
build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Exchange *self = ike_task_data (task);

  if (!ike_exchange_is_initiator (x))
    return gateway_build (self->gateway, out);
  if (self->is_asked)
    return IKE_TASK_DONE;
  self->is_asked = TRUE;
  return client_build (task, out);
}

static const IkeTaskClass config_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:config",
  .operations = "establish",
  .reads = "notify:INTERNAL_ADDRESS_FAILURE notify:FAILED_CP_REQUIRED",
  .instance_size = sizeof (Exchange),
  .wanted = wanted,
  .process = process,
  .build = build,
  .dispose = dispose,
};
static const IkeFeature task_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "task:config-payload",
                                         .ops = &config_task };

/* -- INFORMATIONAL */

typedef struct {
  guint8 answer;
  gboolean has_version;
} Question;

static gboolean
is_question (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return in && !ike_exchange_is_initiator (x) && ike_message_find (in, IKE_PAYLOAD_CP, 0);
}

static IkeTaskResult
read_question (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Question *self = ike_task_data (task);
  IkeCpAttribute attribute;
  IkeVerdict verdict = { 0 };
  IkeCpView cp;

  if (!ike_cp_read (ike_message_find (in, IKE_PAYLOAD_CP, 0), &cp, &verdict))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  self->answer = cp.type == CFG_REQUEST ? CFG_REPLY : cp.type == CFG_SET ? CFG_ACK : 0;
  while (cp.type == CFG_REQUEST && ike_cp_next (&cp, &attribute))
    self->has_version |= attribute.type == IKE_CFG_APPLICATION_VERSION;
  return IKE_TASK_DONE;
}

/* RFC 7296, 2.20: "An IKE implementation MAY decline to give out version information ... In that
 * case, it MUST either return an empty string or no CP payload".  3.15.1: "If no attributes were
 * accepted, the responder MUST return either an empty CFG_ACK payload or a response message without
 * a CFG_ACK payload." */
static IkeTaskResult
answer_question (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  const Question *self = ike_task_data (task);
  gsize mark;

  if (!self->answer)
    return IKE_TASK_DONE;
  mark = ike_payload_open (out, IKE_PAYLOAD_CP, FALSE);
  ike_writer_u32 (out, (guint32) self->answer << 24);
  if (self->has_version)
    ike_writer_u32 (out, IKE_CFG_APPLICATION_VERSION << 16);
  ike_payload_close (out, mark);
  return IKE_TASK_DONE;
}

static const IkeTaskClass question_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "INFORMATIONAL",
  .after = "phase:finish",
  .instance_size = sizeof (Question),
  .wanted = is_question,
  .process = read_question,
  .build = answer_question,
};
static const IkeFeature question_feature = { .struct_size = sizeof (IkeFeature),
                                             .provides = "task:config-question",
                                             .ops = &question_task };

/* -- the plugin */

static const IkeFeature vips_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "acts:connection/vips",
                                         .ops = &config_task };
static const IkeFeature pools_feature = { .struct_size = sizeof (IkeFeature),
                                          .provides = "acts:connection/pools",
                                          .ops = &config_task };
static const IkeFeature *const features[] = {
  &task_feature,         &question_feature,      &vips_feature, &pools_feature,
  &config_pools_feature, &config_leases_feature, NULL
};

static const IkeFeatureKind pool_kind = { sizeof (IkeFeatureKind),
                                          "pool",
                                          1,
                                          0,
                                          offsetof (IkePoolClass, attributes)
                                              + sizeof (((IkePoolClass *) NULL)->attributes),
                                          sizeof (IkePoolClass) };
static const IkeFeatureKind *const kinds[] = { &pool_kind, NULL };

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  Config *config = g_new0 (Config, 1);

  config->engine = ike_plugin_engine (plugin);
  config->installs_addresses = ike_plugin_option_bool (plugin, "install_addresses");
  config->lease_slot = ike_slot_register (plugin, &config_lease_slot);
  config->held_slot = ike_slot_register (plugin, &config_held_slot);
  config->on_assign = ike_hook_point (config->engine, "assign");
  config->on_handle = ike_hook_point (config->engine, "handle");
  config->on_request = ike_hook_point (config->engine, "request-attributes");
  ike_plugin_set_state (plugin, config, g_free);
  return TRUE;
}

static const IkeOptionInfo option_install = {
  .struct_size = sizeof (IkeOptionInfo),
  .path = "plugin/install_addresses",
  .type = "bool",
  .fallback = "yes",
  .doc = "Put addresses that a gateway gives us on an interface. no: an updown program does it.",
};
static const IkeOptionInfo *const options[] = { &option_install, NULL };

IKE_PLUGIN (ike_plugin, "config-payload", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "configuration payloads: virtual addresses and name servers (RFC 7296)",
            .features = features, .kinds = kinds, .options = options, .activate = activate);
