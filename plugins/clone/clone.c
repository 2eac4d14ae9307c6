/* SPDX-License-Identifier: Apache-2.0 */
/* clone.c - further IKE SAs from one that is up, without authenticating once more (RFC 7791).
 *
 * Both ends say in IKE_AUTH that they can; then either replaces the IKE SA with a notify that says
 * that the old one stays.  Those that came from one another are a family, of a limited size. */
#include "clone/clone.h"

enum { CLONE_IKE_SA_SUPPORTED = 16432, CLONE_IKE_SA = 16433 };

static Member *
join (Family *family, gboolean is_clone)
{
  Member *member = g_new0 (Member, 1);

  *member = (Member){ .family = family, .is_clone = is_clone };
  family->n++;
  return member;
}

static void
leave (gpointer state)
{
  Member *member = state;

  if (!--member->family->n)
    g_free (member->family);
  g_free (member);
}

static gpointer
inherit (IkeSa *from, IkeSa *to, gpointer state)
{
  const Member *member = state;

  return join (member->family, member->is_clone);
}

static gpointer
share (IkeSa *from, IkeSa *to, gpointer state)
{
  Member *member = state;

  member->newest = ike_sa_unique_id (to);
  return join (member->family, TRUE);
}

static const IkeSlotClass slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "clone",
  .destroy = leave,
  .inherit = inherit,
  .share = share,
};

/* -- agreeing on it */

static gboolean
is_willing (const Clone *self, const IkeSa *sa)
{
  const IkeConn *conn = ike_sa_conn (sa);

  return conn && ike_option_uint (conn->options, self->option);
}

/* RFC 7791, 5.1: "If both initiator and responder send this notification during the IKE_AUTH
 * exchange, peers may clone this IKE SA.  In the other case, the IKE SA MUST NOT be cloned." */
static IkeTaskResult
support_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  const Clone *self = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);

  if (!ike_exchange_record (x, CLONE_IKE_SA_SUPPORTED, 0) || !is_willing (self, sa)
      || ike_sa_state (sa) < IKE_SA_ESTABLISHED)
    return IKE_TASK_DONE;
  ike_sa_set_slot (sa, self->slot, join (g_new0 (Family, 1), FALSE));
  return IKE_TASK_DONE;
}

/* "in case of multiple IKE_AUTH exchanges -- in the first IKE_AUTH message from initiator and in
 * the last IKE_AUTH message from responder". */
static IkeTaskResult
support_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  const Clone *self = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);

  if (ike_exchange_is_initiator (x) ? is_willing (self, sa) : ike_sa_slot (sa, self->slot) != NULL)
    ike_notify_write (out, 0, CLONE_IKE_SA_SUPPORTED, NULL, 0, NULL, 0);
  return IKE_TASK_DONE;
}

static const IkeTaskClass support_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:finish",
  .operations = "establish",
  .reads = "notify:CLONE_IKE_SA_SUPPORTED",
  .process = support_process,
  .build = support_build,
};

/* -- cloning */

/* NULL, or why not. */
static const char *
refusal (const Clone *self, const IkeSa *sa)
{
  const Member *member = ike_sa_slot (sa, self->slot);

  if (!member)
    return "it was not agreed on when the IKE SA came up; set clone = yes at both ends";
  if (member->family->n >= self->most)
    return "there are as many as plugins.clone.max allows";
  if (ike_sa_stands_alone (sa))
    return "a plugin keeps something with this IKE SA that there can be only once, such as an "
           "account";
  return NULL;
}

static gboolean
is_ours (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return !in;
}

/* RFC 7791, 5.2: "The initiator of the rekey exchange includes the CLONE_IKE_SA notification in a
 * CREATE_CHILD_SA request for rekeying the IKE SA." */
static IkeTaskResult
request_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  const char *why = refusal (ike_plugin_state (ike_task_plugin (task)), ike_task_sa (task));

  if (why)
    return ike_task_fail (task, 0, NULL, 0, why);
  ike_notify_write (out, 0, CLONE_IKE_SA, NULL, 0, NULL, 0);
  return IKE_TASK_DONE;
}

/* When it is asked with another group, that says so, too. */
static IkeTaskResult
request_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_record (x, IKE_N_INVALID_KE_PAYLOAD, 0)
             ? ike_task_next (task, "CREATE_CHILD_SA")
             : IKE_TASK_DONE;
}

static const IkeTaskClass request_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "CREATE_CHILD_SA",
  .after = "phase:main",
  .before = "rekey",
  .operations = "rekey-beside",
  .wanted = is_ours,
  .process = request_process,
  .build = request_build,
};

/* RFC 7791, 5.3: "If the initiator wants to clone more IKE SAs than the responder is able or is
 * configured to handle, the responder SHOULD reject the request with the NO_ADDITIONAL_SAS
 * notification." */
static IkeHookVerdict
asked (IkePlugin *plugin, IkeSa *sa, IkeHeirEvent *event)
{
  if (!ike_exchange_record (event->x, CLONE_IKE_SA, 0))
    return IKE_HOOK_PASS;
  event->stays = TRUE;
  event->notify = IKE_N_NO_ADDITIONAL_SAS;
  event->reason = refusal (ike_plugin_state (plugin), sa);
  return event->reason ? IKE_HOOK_REJECT : IKE_HOOK_PASS;
}

/* RFC 7791, 6: no SPI, no data. */
static const IkeNotifyClass supported_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = CLONE_IKE_SA_SUPPORTED,
  .max_count = 1,
  .exchanges = "IKE_AUTH",
};
static const IkeNotifyClass clone_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = CLONE_IKE_SA,
  .max_count = 1,
  .exchanges = "CREATE_CHILD_SA",
};

/* -- the plugin */

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  guint64 most = ike_plugin_option_uint (plugin, "max");
  Clone *self;

  if (most < 2) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "plugins.clone.max = %" G_GUINT64_FORMAT
                 " leaves no room for a clone, for the IKE "
                 "SA that it is made of counts; 2 is the least, and clone = no of a connection "
                 "allows none",
                 most);
    return FALSE;
  }
  self = g_new0 (Clone, 1);
  self->most = (guint) MIN (most, G_MAXUINT);
  self->slot = ike_slot_register (plugin, &slot);
  ike_plugin_set_state (plugin, self, g_free);
  return ike_option_find (ike_plugin_engine (plugin), "connection/clone", &self->option, error)
         && ike_heir_hook_add (plugin, "clone", NULL, asked, error);
}

#define FEATURE(symbol, name, class_)                                                              \
  static const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                 \
                                               .provides = name,                                   \
                                               .ops = &class_ }
FEATURE (support, "task:clone-support", support_task);
FEATURE (request, "task:clone", request_task);
FEATURE (supported, "notify:CLONE_IKE_SA_SUPPORTED", supported_notify);
FEATURE (clone, "notify:CLONE_IKE_SA", clone_notify);

static const IkeOptionInfo option_clone = {
  .struct_size = sizeof (IkeOptionInfo),
  .path = "connection/clone",
  .type = "bool",
  .fallback = "no",
  .doc = "Let either end make further IKE SAs from one that is up, without authenticating once "
         "more (RFC 7791).",
};
static const IkeOptionInfo option_max = {
  .struct_size = sizeof (IkeOptionInfo),
  .path = "plugin/max",
  .type = "uint",
  .fallback = "8",
  .doc = "Most IKE SAs that come from one another, and stand beside each other; 2 at least.",
};
static const IkeOptionInfo *const options[] = { &option_clone, &option_max, NULL };
static const IkeFeature *const features[] = { &support_feature,       &request_feature,
                                              &supported_feature,     &clone_feature,
                                              &clone_command_feature, NULL };

IKE_PLUGIN (ike_plugin, "clone", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "further IKE SAs from one that is up (RFC 7791)", .features = features,
            .options = options, .activate = activate);
