/* SPDX-License-Identifier: Apache-2.0 */
/* auth_lifetime.c - repeated authentication (RFC 4478): who answered an IKE SA tells who began it
 * when to authenticate anew, in the last answer of IKE_AUTH and, for an SA that took another's
 * place, in an INFORMATIONAL exchange.  Who was told begins early enough to try more than once. */
#include "config.h"
#include <ikebana/exchange.h>
#include <ikebana/log.h>
#include <ikebana/plugin.h>

enum { AUTH_LIFETIME = 16403, MARGIN_MAX_S = 600, TELL_AGAIN_MS = 5000 };

typedef struct {
  guint32 option, slot;
  guint64 least_s;
  IkeHookPoint *on_limit;
} Lifetime;

/* Of an SA, and of those that take its place. */
typedef struct {
  gint64 since_us;   /* it was authenticated */
  guint64 allowed_s; /* what the peer was told then; 0: nothing, or we are who is told */
} Proof;

static gpointer
proof_inherit (IkeSa *from, IkeSa *to, gpointer state)
{
  return g_memdup2 (state, sizeof (Proof));
}

/* What stands beside an SA was not authenticated itself, and is not authenticated anew. */
static gpointer
proof_share (IkeSa *from, IkeSa *to, gpointer state)
{
  return NULL;
}

static const IkeSlotClass proof_slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "auth-lifetime",
  .destroy = g_free,
  .inherit = proof_inherit,
  .share = proof_share,
};

static Proof *
note (Lifetime *self, IkeSa *sa, guint64 allowed_s)
{
  Proof *proof = g_new0 (Proof, 1);

  *proof = (Proof){ ike_sa_now_us (sa), allowed_s };
  ike_sa_set_slot (sa, self->slot, proof);
  return proof;
}

static guint64
age_s (const IkeSa *sa, const Proof *proof)
{
  return (guint64) (ike_sa_now_us (sa) - proof->since_us) / G_USEC_PER_SEC;
}

/* -- we tell */

static guint64
allowed_s (const Lifetime *self, const IkeConn *conn)
{
  guint64 own = ike_option_uint (conn->options, self->option);

  return own ? own : conn->reauth_time;
}

/* RFC 4478, 3: "Lifetime is the amount of time (in seconds) left before the peer should repeat the
 * Initial exchange." */
static void
write_lifetime (IkeWriter *out, guint64 left_s)
{
  guint32 value = GUINT32_TO_BE ((guint32) MIN (left_s, G_MAXUINT32));

  ike_notify_write (out, 0, AUTH_LIFETIME, NULL, 0, &value, sizeof value);
}

/* RFC 4478, 2: "The original Responder that sends the AUTH_LIFETIME notification SHOULD send a
 * DELETE notification soon after the end of the lifetime period". */
static void
tell_first (Lifetime *self, IkeSa *sa, IkeWriter *out)
{
  const IkeConn *conn = ike_sa_conn (sa);
  guint64 seconds = conn ? allowed_s (self, conn) : 0;
  IkeProofLimitEvent limit = { sizeof limit, seconds };

  if (ike_sa_state (sa) != IKE_SA_ESTABLISHED)
    return;
  ike_proof_limit_hook_emit (self->on_limit, sa, &limit);
  if (!limit.seconds)
    return;
  note (self, sa, limit.seconds);
  write_lifetime (out, limit.seconds);
  if (seconds)
    ike_sa_end_in (sa, seconds + conn->over_time);
}

static void
tell_again (Lifetime *self, IkeSa *sa, IkeWriter *out)
{
  const Proof *proof = ike_sa_slot (sa, self->slot);

  if (proof)
    write_lifetime (out, proof->allowed_s - MIN (age_s (sa, proof), proof->allowed_s));
}

static void
begin_telling (IkeSa *sa, gpointer data)
{
  ike_sa_begin (sa, "auth-lifetime", NULL, NULL, NULL);
}

static const IkeJobClass again_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "AUTH_LIFETIME of a replaced SA",
  .lane = IKE_LANE_ESTABLISHED,
  .run = begin_telling,
};

/* RFC 4478, 2: "If the IKE SA is rekeyed, then the time limit applies to the new SA."  Not every
 * peer keeps it in mind.  A little later, when the peer surely uses the new SA. */
static IkeHookVerdict
rekeyed (IkePlugin *plugin, IkeSa *sa, IkeRekeyEvent *event)
{
  Lifetime *self = ike_plugin_state (plugin);
  const Proof *proof = ike_sa_slot (sa, self->slot);

  if (proof && proof->allowed_s && !ike_sa_was_ours (sa))
    ike_sa_timer_add (sa, TELL_AGAIN_MS, &again_job, NULL);
  return IKE_HOOK_PASS;
}

/* -- we are told */

/* What a peer may ask for: RFC 4478, 5: "An Initiator MAY set reasonable limits on the amount of
 * time in the AUTH_LIFETIME notification", counted from the authentication; so that zero, which
 * means at once, makes no endless circle of it. */
static guint64
reasonable (const Lifetime *self, const IkeSa *sa, const Proof *proof, guint64 wanted_s)
{
  guint64 age = age_s (sa, proof);

  return MAX (wanted_s, self->least_s > age ? self->least_s - age : 1);
}

/* Time for several tries, and not all clients at once that came up at once. */
static guint64
begin_in (const IkeSa *sa, guint64 left_s)
{
  guint64 margin = MIN (left_s / 10, MARGIN_MAX_S);
  guint32 random;

  ike_engine_random (ike_sa_engine (sa), &random, sizeof random);
  return left_s - margin - random % (margin + 1);
}

static void
obey (Lifetime *self, IkeSa *sa, const IkeNotify *notify)
{
  const Proof *proof = ike_sa_slot (sa, self->slot);
  guint32 wanted;
  guint64 seconds;
  g_autofree char *text = NULL;

  if (!proof)
    proof = note (self, sa, 0);
  memcpy (&wanted, notify->data, sizeof wanted);
  wanted = GUINT32_FROM_BE (wanted);
  seconds = begin_in (sa, reasonable (self, sa, proof, wanted));
  text =
      g_strdup_printf ("the peer wants authentication anew within %u s; begun in %" G_GUINT64_FORMAT
                       " s at the latest",
                       wanted, seconds);
  ike_sa_log_text (sa, IKE_LOG_INFO, "ike", text);
  ike_sa_reauthenticate_in (sa, seconds);
}

/* -- the task */

static gboolean
is_auth (const IkeExchange *x)
{
  return !strcmp (ike_exchange_name (x), "IKE_AUTH");
}

static gboolean
wanted (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return is_auth (x) || !in || ike_exchange_record (x, AUTH_LIFETIME, 0);
}

/* RFC 4478, 2: "The AUTH_LIFETIME notification MUST be protected and MAY be sent by the original
 * Responder at any time."  From nobody else it means anything.  In IKE_AUTH this is reached when
 * the peer has authenticated. */
static IkeTaskResult
process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Lifetime *self = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  const IkeNotify *notify = ike_exchange_record (x, AUTH_LIFETIME, 0);

  if (ike_exchange_is_initiator (x) != is_auth (x) || !ike_sa_was_ours (sa)
      || ike_sa_state (sa) < IKE_SA_ESTABLISHED)
    return IKE_TASK_DONE;
  if (is_auth (x))
    note (self, sa, 0);
  if (notify)
    obey (self, sa, notify);
  return IKE_TASK_DONE;
}

static IkeTaskResult
build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Lifetime *self = ike_plugin_state (ike_task_plugin (task));

  if (is_auth (x) && !ike_exchange_is_initiator (x))
    tell_first (self, ike_task_sa (task), out);
  else if (!is_auth (x) && ike_exchange_is_initiator (x))
    tell_again (self, ike_task_sa (task), out);
  return IKE_TASK_DONE;
}

static const IkeTaskClass lifetime_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH INFORMATIONAL",
  .after = "phase:finish",
  .operations = "establish auth-lifetime",
  .reads = "notify:AUTH_LIFETIME",
  .wanted = wanted,
  .process = process,
  .build = build,
};
static const IkeFeature task_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "task:auth-lifetime",
                                         .ops = &lifetime_task };

static const IkeNotifyClass lifetime_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = AUTH_LIFETIME,
  .min_len = 4,
  .max_len = 4,
  .max_count = 1,
  .exchanges = "IKE_AUTH INFORMATIONAL",
};
static const IkeFeature notify_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "notify:AUTH_LIFETIME",
                                           .ops = &lifetime_notify };

static const IkeOperationClass lifetime_operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "INFORMATIONAL",
  .priority = 100,
  .touches = IKE_TOUCHES_NOTHING,
};
static const IkeFeature operation_feature = { .struct_size = sizeof (IkeFeature),
                                              .provides = "operation:auth-lifetime",
                                              .ops = &lifetime_operation };

/* -- the plugin */

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  Lifetime *self = g_new0 (Lifetime, 1);

  self->least_s = ike_plugin_option_uint (plugin, "min_lifetime");
  self->on_limit = ike_hook_point (ike_plugin_engine (plugin), "proof-limit");
  self->slot = ike_slot_register (plugin, &proof_slot);
  ike_plugin_set_state (plugin, self, g_free);
  return ike_option_find (ike_plugin_engine (plugin), "connection/auth_lifetime", &self->option,
                          error)
         && ike_rekey_hook_add (plugin, "auth-lifetime", NULL, rekeyed, error);
}

static const IkeOptionInfo option_lifetime = {
  .struct_size = sizeof (IkeOptionInfo),
  .path = "connection/auth_lifetime",
  .type = "time",
  .fallback = "0",
  .doc = "When a peer that began the IKE SA is told to authenticate anew; it is closed over_time "
         "after "
         "that. 0: at reauth_time, if that is set.",
};
static const IkeOptionInfo option_least = {
  .struct_size = sizeof (IkeOptionInfo),
  .path = "plugin/min_lifetime",
  .type = "time",
  .fallback = "300s",
  .doc = "Least time from one authentication to the next: a peer that asks for less has to wait.",
};
static const IkeOptionInfo *const options[] = { &option_lifetime, &option_least, NULL };
static const IkeFeature *const features[] = { &task_feature, &notify_feature, &operation_feature,
                                              NULL };

IKE_PLUGIN (ike_plugin, "auth-lifetime", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "repeated authentication (RFC 4478)", .features = features,
            .options = options, .activate = activate);
