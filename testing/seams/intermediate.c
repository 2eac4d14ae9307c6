/* SPDX-License-Identifier: Apache-2.0 */
/* intermediate.c - an exchange before IKE_AUTH that changes keys and what AUTH signs, as RFC 9242
 * and RFC 9370 do: two IKE_INTERMEDIATE exchanges with a key exchange each, and IntAuth over both.
 */
#include "seams/further_ke.h"
#include "seams/seams.h"
#include <string.h>

enum { SUPPORTED = 16438, NUMBER = 43, ROUNDS = 2, INITIATOR = 0, RESPONDER = 1 };
static const guint16 groups[ROUNDS] = { 31, 19 };

typedef struct { guint32 slot; gboolean is_tampering; } Plugin;
typedef struct {
  guint n_messages;
  guint32 last_id;
  guint8 chain[2][IKE_SECRET_MAX];
  gsize len[2];
} Negotiated;
typedef struct { guint round; FurtherKe ke; } Further;

static Negotiated *
negotiated (IkePlugin *self, const IkeSa *sa)
{
  return ike_sa_slot (sa, ((Plugin *) ike_plugin_state (self))->slot);
}

/* -- IKE_SA_INIT: asked for and agreed on */

static gboolean
supported_send (IkePlugin *self, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  if (!ike_exchange_is_initiator (x) && !negotiated (self, sa))
    return FALSE;
  ike_notify_write (out, 0, SUPPORTED, NULL, 0, NULL, 0);
  return TRUE;
}

static gboolean
supported_received (IkePlugin *self, IkeSa *sa, IkeExchange *x, const IkeNotify *notify)
{
  ike_sa_set_slot (sa, ((Plugin *) ike_plugin_state (self))->slot, g_new0 (Negotiated, 1));
  return TRUE;
}

static IkeTaskResult
after_init (IkeTask *task)
{
  return negotiated (ike_task_plugin (task), ike_task_sa (task))
             ? ike_task_next (task, "IKE_INTERMEDIATE")
             : IKE_TASK_DONE;
}

static IkeTaskResult
ask_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_initiator (x) ? after_init (task) : IKE_TASK_DONE;
}

static IkeTaskResult
ask_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  return ike_exchange_is_initiator (x) ? IKE_TASK_DONE : after_init (task);
}

/* -- IKE_INTERMEDIATE */

/* What is said next is sealed with new keys; this message still has those that it began with. */
static IkeTaskResult
mix (IkeTask *task)
{
  Further *self = ike_task_data (task);
  IkeSecretBlob *secret = further_ke_secret (&self->ke);

  if (!ike_sa_keys_mix (ike_task_sa (task), ike_secret_blob_data (secret),
                        ike_secret_blob_len (secret)))
    return ike_task_abort (task, "the keys could not be derived");
  further_ke_clear (&self->ke);
  return ike_task_next (task, ++self->round < ROUNDS ? "IKE_INTERMEDIATE" : "IKE_AUTH");
}

static IkeTaskResult
further_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Further *self = ike_task_data (task);
  IkeTaskResult result = further_ke_build (task, &self->ke, groups[self->round], out);

  return result != IKE_TASK_DONE || ike_exchange_is_initiator (x) ? result : mix (task);
}

static IkeTaskResult
further_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Further *self = ike_task_data (task);
  IkeTaskResult result;

  if (self->round == ROUNDS)
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, "more key exchanges than agreed on");
  result = further_ke_process (task, &self->ke, groups[self->round], in);
  return result != IKE_TASK_DONE || !ike_exchange_is_initiator (x) ? result : mix (task);
}

static void
further_dispose (IkeTask *task)
{
  further_ke_clear (&((Further *) ike_task_data (task))->ke);
}

static gboolean
further_wanted (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return negotiated (self, sa) != NULL;
}

/* -- IntAuth (RFC 9242, 3.3.2) */

/* IntAuth_[i/r]n = prf (SK_p[i/r]n, IntAuth_[i/r]n-1 | A | P), with the keys that the message was
 * sealed with. */
static IkeHookVerdict
message_seen (IkePlugin *self, IkeSa *sa, IkeMessageEvent *e)
{
  Negotiated *n = negotiated (self, sa);
  guint side = e->is_request ? INITIATOR : RESPONDER;
  guint8 a[IKE_HEADER_LEN + 4];
  gsize sk_len = 4 + e->len;
  IkeHeader header = {
    .spi_initiator = ike_sa_spi (sa, TRUE),
    .spi_responder = ike_sa_spi (sa, FALSE),
    .version = 0x20,
    .exchange = NUMBER,
    .flags = e->is_request ? IKE_FLAG_INITIATOR : IKE_FLAG_RESPONSE,
    .message_id = e->message_id,
  };
  IkePart parts[3];
  IkeWriter w;

  if (!n || e->exchange != NUMBER)
    return IKE_HOOK_PASS;
  ike_writer_init (&w, a, sizeof a);
  ike_header_write (&w, &header);
  ike_payload_open (&w, IKE_PAYLOAD_SK, FALSE);
  a[27] = (guint8) (IKE_HEADER_LEN + sk_len);
  a[26] = (guint8) ((IKE_HEADER_LEN + sk_len) >> 8);
  a[28] = e->first_payload;
  a[30] = (guint8) (sk_len >> 8);
  a[31] = (guint8) sk_len;
  parts[0] = (IkePart) { n->chain[side], n->len[side] };
  parts[1] = (IkePart) { a, sizeof a };
  parts[2] = (IkePart) { e->plain, e->len };
  if (!ike_sa_prf_auth_of (sa, e->key_generation, side == INITIATOR, parts, 3, n->chain[side],
                           &n->len[side]))
    return IKE_HOOK_REJECT;
  n->chain[side][0] ^= ((Plugin *) ike_plugin_state (self))->is_tampering;
  n->n_messages++;
  n->last_id = e->message_id;
  return IKE_HOOK_PASS;
}

static gboolean
int_auth (IkePlugin *self, IkeSa *sa, gboolean of_initiator, GByteArray *octets)
{
  Negotiated *n = negotiated (self, sa);
  guint32 id;
  guint i;

  if (!n)
    return TRUE;
  /* Agreed on and left out is a downgrade. */
  if (n->n_messages != 2 * ROUNDS)
    return FALSE;
  for (i = 0; i < 2; i++)
    g_byte_array_append (octets, n->chain[i], (guint) n->len[i]);
  id = GUINT32_TO_BE (n->last_id + 1);
  g_byte_array_append (octets, (guint8 *) &id, sizeof id);
  return TRUE;
}

/* -- the tables */

static const IkeStateRow rows[] = {
  { IKE_ROW_REQUEST, IKE_ROLE_RESPONDER, 1u << IKE_SA_CONNECTING, "KE N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, 1u << IKE_SA_CONNECTING, "KE N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, 1u << IKE_SA_CONNECTING, "N+ V*" },
  { 0, 0, 0, NULL },
};
static const IkeExchangeClass exchange = {
  .struct_size = sizeof (IkeExchangeClass),
  .number = NUMBER,
  .after = "IKE_SA_INIT",
  .before = "IKE_AUTH",
  .phases = "main",
  .rows = rows,
  .operation = "establish",
};
static const IkeNotifyClass notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = SUPPORTED,
  .max_count = 1,
  .exchanges = "IKE_SA_INIT",
  .send = supported_send,
  .received = supported_received,
};
static const IkeTaskClass ask_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT",
  .after = "phase:init init",
  .operations = "establish",
  .process = ask_process,
  .build = ask_build,
};
static const IkeTaskClass further_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_INTERMEDIATE",
  .after = "phase:main",
  .is_main = TRUE,
  .operations = "establish",
  .instance_size = sizeof (Further),
  .wanted = further_wanted,
  .process = further_process,
  .build = further_build,
  .dispose = further_dispose,
};
static const IkeAuthOctetsClass octets = { .struct_size = sizeof (IkeAuthOctetsClass),
                                           .change = int_auth };

SEAM_FEATURE (exchange_feature, "exchange:IKE_INTERMEDIATE", exchange);
SEAM_FEATURE (notify_feature, "notify:INTERMEDIATE_EXCHANGE_SUPPORTED", notify);
SEAM_FEATURE (ask_feature, "task:intermediate-ask", ask_task);
SEAM_FEATURE (further_feature, "task:intermediate-ke", further_task);
SEAM_FEATURE (octets_feature, "auth-octets:intermediate", octets);

static const IkeFeature *const features[] = {
  &exchange_feature, &notify_feature, &ask_feature, &further_feature, &octets_feature, NULL,
};
static const IkeOptionInfo tamper = { sizeof tamper, "plugin/tamper", "bool", "no",
                                      "Computes IntAuth wrongly." };
static const IkeOptionInfo *const options[] = { &tamper, NULL };

static const IkeSlotClass slot = { .struct_size = sizeof (IkeSlotClass),
                                   .name = "intermediate",
                                   .destroy = g_free };

static gboolean
activate (IkePlugin *self, GError **error)
{
  Plugin *plugin = g_new0 (Plugin, 1);

  plugin->slot = ike_slot_register (self, &slot);
  plugin->is_tampering = ike_plugin_option_bool (self, "tamper");
  ike_plugin_set_state (self, plugin, g_free);
  return ike_message_hook_add (self, "intermediate", NULL, message_seen, error);
}

IKE_PLUGIN (seam_intermediate_plugin, "seam-intermediate", 0, .version = "0",
            .license = "Apache-2.0", .summary = "keys change before IKE_AUTH", .features = features,
            .options = options, .activate = activate);
