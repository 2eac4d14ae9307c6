/* SPDX-License-Identifier: Apache-2.0 */
/* redirect.c - the plugin `redirect`: gateways send their clients to other gateways, and we go
 * where a gateway sends us (RFC 5685).
 *
 * A policy says who is to go where: a plugin of the kind `redirect-policy`, or one of those in
 * policy.c.  It is asked at the first message of a client and when it has authenticated itself;
 * those that are up already are sent by the command `redirect`.  A client that follows begins from
 * scratch at the other address, with the same connection: whoever answers there has to prove the
 * same identity. */
#include "redirect/redirect.h"

/* -- with an SA */

static gpointer
trail_inherit (IkeSa *from, IkeSa *to, gpointer state)
{
  return g_memdup2 (state, sizeof (Trail));
}

/* RFC 5685, 3: "The VPN client includes the IP address of the original VPN gateway that redirected
 * the client in the REDIRECTED_FROM notification." */
static gpointer
trail_restart (IkeSa *from, IkeSa *to, gpointer state)
{
  Trail *trail = g_memdup2 (state, sizeof *trail);

  trail->from = *ike_sa_remote (from);
  return trail;
}

static const IkeSlotClass trail_slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "redirect",
  .destroy = g_free,
  .inherit = trail_inherit,
  .restart = trail_restart,
  .share = trail_inherit,
};

Trail *
redirect_trail (Redirect *self, IkeSa *sa)
{
  if (!ike_sa_slot (sa, self->slot))
    ike_sa_set_slot (sa, self->slot, g_new0 (Trail, 1));
  return ike_sa_slot (sa, self->slot);
}

static IkeHookVerdict
updown (IkePlugin *plugin, IkeSa *sa, IkeUpDownEvent *event)
{
  Redirect *self = ike_plugin_state (plugin);

  if (!ike_sa_was_ours (sa))
    atomic_fetch_add (&self->n_sas, event->is_up ? 1u : -1u);
  return IKE_HOOK_PASS;
}

/* -- notifies */

static gboolean
is_ours_to_say (const Redirect *self, const IkeSa *sa, const IkeExchange *x)
{
  return ike_exchange_is_initiator (x) && redirect_follows (self, sa);
}

/* RFC 5685, 3: "The VPN client indicates support ... by including a REDIRECT_SUPPORTED notification
 * message in the initial IKE_SA_INIT request". */
static gboolean
send_supported (IkePlugin *plugin, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  if (!is_ours_to_say (ike_plugin_state (plugin), sa, x))
    return FALSE;
  ike_notify_write (out, 0, REDIRECT_SUPPORTED, NULL, 0, NULL, 0);
  return TRUE;
}

/* RFC 5685, 3: "the client MUST include the REDIRECTED_FROM payload". */
static gboolean
send_from (IkePlugin *plugin, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  Redirect *self = ike_plugin_state (plugin);
  const Trail *trail = ike_sa_slot (sa, self->slot);
  Gateway from;

  if (!trail || !trail->from.family || !is_ours_to_say (self, sa, x))
    return FALSE;
  redirect_gateway_of_addr (&from, &trail->from);
  redirect_gateway_write (&from, REDIRECTED_FROM, NULL, out);
  return TRUE;
}

static gboolean
is_first (const IkeExchange *x)
{
  return strstr (REDIRECT_FIRST, ike_exchange_name (x)) != NULL;
}

/* RFC 5685, 9.2: "The 'Nonce Data' field is present in the REDIRECT payload only when the REDIRECT
 * payload is sent in the IKE_SA_INIT response message.  It MUST NOT be included ... if sent in an
 * IKE_AUTH response or in a gateway-initiated redirect message." */
static gboolean
received (IkePlugin *plugin, IkeSa *sa, IkeExchange *x, const IkeNotify *notify)
{
  Gateway gateway;
  IkePart rest;

  return redirect_gateway_read (notify, &gateway, &rest)
         && (is_first (x) ? rest.len >= IKE_NONCE_MIN && rest.len <= IKE_NONCE_MAX : rest.len == 0);
}

static const IkeNotifyClass supported_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = REDIRECT_SUPPORTED,
  .max_len = G_MAXUINT16,
  .max_count = 1,
  .exchanges = REDIRECT_FIRST,
  .send = send_supported,
};
static const IkeNotifyClass from_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = REDIRECTED_FROM,
  .max_len = G_MAXUINT16,
  .max_count = 1,
  .exchanges = REDIRECT_FIRST,
  .send = send_from,
};
static const IkeNotifyClass redirect_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = REDIRECT,
  .max_len = G_MAXUINT16,
  .max_count = 1,
  .exchanges = REDIRECT_FIRST " IKE_AUTH INFORMATIONAL",
  .received = received,
};

/* -- tasks */

static void
dispose (IkeTask *task)
{
  Step *step = ike_task_data (task);

  g_free (step->path);
  g_free (step->error);
}

static gboolean
init_wanted (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  IkeNotify notify;

  return in ? ike_message_notify (in, REDIRECT_SUPPORTED, 0, &notify)
                  || ike_message_notify (in, REDIRECTED_FROM, 0, &notify)
            : redirect_follows (ike_plugin_state (plugin), sa);
}

/* RFC 5685, 3: "The gateway MUST keep track of those clients that indicated support for the
 * redirect mechanism and those that didn't." */
static IkeTaskResult
init_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Redirect *self = ike_plugin_state (ike_task_plugin (task));
  const IkeNotify *from = ike_exchange_record (x, REDIRECTED_FROM, 0);
  Gateway gateway;
  IkePart rest;
  Trail *trail;

  if (ike_exchange_is_initiator (x))
    return redirect_client_init (task, x, in);
  trail = redirect_trail (self, ike_task_sa (task));
  trail->peer_follows = TRUE;
  if (from && redirect_gateway_read (from, &gateway, &rest))
    redirect_gateway_addr (&gateway, &trail->from);
  return IKE_TASK_DONE;
}

static const IkeTaskClass init_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = REDIRECT_FIRST,
  .after = "phase:init",
  .before = "init resume",
  .operations = "establish",
  .reads = "notify:REDIRECT notify:REDIRECT_SUPPORTED notify:REDIRECTED_FROM",
  .instance_size = sizeof (Step),
  .wanted = init_wanted,
  .process = init_process,
  .dispose = dispose,
};

static gboolean
auth_wanted (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  Redirect *self = ike_plugin_state (plugin);

  return in ? atomic_load (&self->is_on) : redirect_follows (self, sa);
}

static IkeTaskResult
auth_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_initiator (x) ? redirect_client_auth (task, x)
                                       : redirect_gateway_auth (task, x);
}

static IkeTaskResult
auth_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  const Step *step = ike_task_data (task);

  if (!step->is_sent)
    return IKE_TASK_DONE;
  redirect_gateway_write (&step->gateway, REDIRECT, NULL, out);
  redirect_gateway_told (ike_task_sa (task), ike_plugin_state (ike_task_plugin (task)),
                         &step->gateway);
  return IKE_TASK_DONE;
}

static const IkeTaskClass auth_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:authorized",
  .operations = "establish",
  .reads = "notify:REDIRECT",
  .instance_size = sizeof (Step),
  .wanted = auth_wanted,
  .process = auth_process,
  .build = auth_build,
  .dispose = dispose,
};

static gboolean
told_wanted (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return !in || ike_exchange_record (x, REDIRECT, 0);
}

static IkeTaskResult
told_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  if (ike_exchange_is_initiator (x))
    redirect_gateway_told (ike_task_sa (task), ike_plugin_state (ike_task_plugin (task)),
                           ike_operation_args (ike_task_operation (task)));
  else
    redirect_client_told (task, x);
  return IKE_TASK_DONE;
}

/* RFC 5685, 5: "The gateway MUST NOT include any nonce data in the REDIRECT payload". */
static IkeTaskResult
told_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  if (ike_exchange_is_initiator (x))
    redirect_gateway_write (ike_operation_args (ike_task_operation (task)), REDIRECT, NULL, out);
  return IKE_TASK_DONE;
}

static const IkeTaskClass told_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "INFORMATIONAL",
  .after = "phase:main",
  .operations = "redirect",
  .reads = "notify:REDIRECT",
  .wanted = told_wanted,
  .process = told_process,
  .build = told_build,
};

/* RFC 5685, 3: "HDR(A,0), N(REDIRECT, New_GW_ID, Ni_data)". */
static const IkeStateRow rows[] = {
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, 1u << IKE_SA_CONNECTING, "N(REDIRECT)" },
  { 0, 0, 0, NULL },
};
static const IkeShapeClass shape = { sizeof (IkeShapeClass), "IKE_SA_INIT", rows };
static const IkeShapeClass resume_shape = { sizeof (IkeShapeClass), "IKE_SESSION_RESUME", rows };

/* -- the plugin */

static void
redirect_free (gpointer data)
{
  Redirect *self = data;

  redirect_settings_free (self->settings);
  redirect_settings_free (self->next);
  pthread_mutex_destroy (&self->lock);
  g_free (self);
}

static gboolean
reload_check (IkePlugin *plugin, GError **error)
{
  Redirect *self = ike_plugin_state (plugin);

  g_clear_pointer (&self->next, redirect_settings_free);
  self->next = redirect_settings_read (plugin, error);
  return self->next != NULL;
}

/* What was told of a gateway stays true. */
static void
keep_loads (const Settings *from, Settings *to)
{
  guint i, k;

  for (i = 0; i < to->gateways->len; i++)
    for (k = 0; k < from->gateways->len; k++) {
      Listed *listed = to->gateways->pdata[i];
      const Listed *old = from->gateways->pdata[k];
      if (!g_ascii_strcasecmp (listed->name, old->name))
        listed->load = old->load;
    }
}

static void
reload_commit (IkePlugin *plugin)
{
  Redirect *self = ike_plugin_state (plugin);
  Settings *old;

  if (!self->next)
    return;
  pthread_mutex_lock (&self->lock);
  old = self->settings;
  if (old)
    keep_loads (old, self->next);
  self->settings = g_steal_pointer (&self->next);
  pthread_mutex_unlock (&self->lock);
  atomic_store (&self->is_on, self->settings->policy != NULL);
  redirect_settings_free (old);
}

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  Redirect *self = g_new0 (Redirect, 1);
  IkeEngine *engine = ike_plugin_engine (plugin);

  self->engine = engine;
  pthread_mutex_init (&self->lock, NULL);
  self->n_sent = ike_counter (engine, "redirect.sent");
  self->n_sought = ike_counter (engine, "redirect.sought");
  self->n_followed = ike_counter (engine, "redirect.followed");
  self->n_refused = ike_counter (engine, "redirect.refused");
  self->slot = ike_slot_register (plugin, &trail_slot);
  ike_plugin_set_state (plugin, self, redirect_free);
  if (!reload_check (plugin, error))
    return FALSE;
  reload_commit (plugin);
  return ike_option_find (engine, "connection/follow_redirects", &self->follow_option, error)
         && ike_option_find (engine, "connection/redirect", &self->redirect_option, error)
         && ike_ike_updown_hook_add (plugin, "redirect", NULL, updown, error);
}

static const char *const policies[] = { "redirect-policy:*", NULL };

#define FEATURE(symbol, name, class_, ...)                                                         \
  static const IkeFeature symbol##_feature = {                                                     \
    .struct_size = sizeof (IkeFeature), .provides = name, .ops = &class_, __VA_ARGS__              \
  }

FEATURE (supported_n, "notify:REDIRECT_SUPPORTED", supported_notify, .wants = policies);
FEATURE (from_n, "notify:REDIRECTED_FROM", from_notify, );
FEATURE (redirect_n, "notify:REDIRECT", redirect_notify, );
FEATURE (init_t, "task:redirect-init", init_task, );
FEATURE (auth_t, "task:redirect-auth", auth_task, );
FEATURE (told_t, "task:redirect", told_task, );
FEATURE (shape_s, "shape:redirect", shape, );
FEATURE (resume_shape_s, "shape:redirect-resume", resume_shape, );

static const IkeFeature *const features[] = {
  &supported_n_feature,
  &from_n_feature,
  &redirect_n_feature,
  &init_t_feature,
  &auth_t_feature,
  &told_t_feature,
  &shape_s_feature,
  &resume_shape_s_feature,
  &redirect_gate_feature,
  &redirect_operation_feature,
  &redirect_list_feature,
  &redirect_round_robin_feature,
  &redirect_least_loaded_feature,
  &redirect_command_feature,
  &redirect_load_feature,
  NULL,
};

static const IkeFeatureKind policy_kind = {
  sizeof (IkeFeatureKind),        "redirect-policy", 1, 0, sizeof (IkeRedirectPolicyClass),
  sizeof (IkeRedirectPolicyClass)
};
static const IkeFeatureKind *const kinds[] = { &policy_kind, NULL };

#define OPTION(symbol, option_path, option_type, option_fallback, option_doc)                      \
  static const IkeOptionInfo symbol##_option = { sizeof (IkeOptionInfo), option_path, option_type, \
                                                 option_fallback, option_doc }

OPTION (follow, "connection/follow_redirects", "bool", "yes",
        "Go where a gateway of this connection sends us. Whoever answers there has to prove the "
        "same identity.");
OPTION (redirect, "connection/redirect", "enum:no|init|auth|yes", "yes",
        "When the policy is asked whether a client is to go to another gateway: at its first "
        "message, before anything is known of it (init), when it has authenticated itself (auth), "
        "both times (yes), or never.");
OPTION (policy, "plugin/policy", "string", NULL,
        "Who says where clients are to go: list, round-robin, least-loaded, or what another plugin "
        "offers. Unset: they stay.");
OPTION (gateways, "plugin/gateways", "list", NULL,
        "The other gateways, addresses or host names; for round-robin this one too.");
OPTION (own, "plugin/own_names", "list", NULL,
        "Addresses and names in `gateways` that are this gateway; the address that a client came "
        "to is known to be.");
OPTION (limit, "plugin/limit", "uint", "0",
        "Clients are sent elsewhere only while so many IKE SAs of clients are here.");
OPTION (grace, "plugin/grace", "time", "60s",
        "A client that was sent elsewhere and is still here after this time is closed; 0: never.");
OPTION (most, "plugin/max_redirects", "uint", "5",
        "How often we go where we are sent within loop_period, for one IKE SA; 16 at most.");
OPTION (period, "plugin/loop_period", "time", "300s", "See max_redirects.");

static const IkeOptionInfo *const options[] = {
  &follow_option, &redirect_option, &policy_option, &gateways_option, &own_option,
  &limit_option,  &grace_option,    &most_option,   &period_option,   NULL,
};

IKE_PLUGIN (ike_plugin, "redirect", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "clients are sent to other gateways (RFC 5685)", .features = features,
            .kinds = kinds, .options = options, .activate = activate, .reload_check = reload_check,
            .reload_commit = reload_commit);
