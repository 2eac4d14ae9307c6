/* SPDX-License-Identifier: Apache-2.0 */
/* childless.c - IKE SAs that are made without a CHILD_SA (RFC 6023).
 *
 * Who answers says in IKE_SA_INIT that it takes them; who begins leaves SA and selectors out of
 * IKE_AUTH then, when no child is wanted, or when the connection wants each child to come with
 * CREATE_CHILD_SA, and so with a key exchange of its own. */
#include "config.h"
#include <ikebana/exchange.h>
#include <ikebana/log.h>
#include <ikebana/plugin.h>
#include <ikebana/proposal.h>
#include <ikebana/tree.h>

enum { CHILDLESS_IKEV2_SUPPORTED = 16418 };
typedef enum { ALLOW, PREFER, FORCE, NEVER } Mode;

typedef struct {
  guint32 option, slot;
} Childless;

static Mode
mode_of (IkePlugin *plugin, IkeSa *sa)
{
  const Childless *self = ike_plugin_state (plugin);
  const IkeConn *conn = ike_sa_conn (sa);

  return conn ? (Mode) ike_option_uint (conn->options, self->option) : NEVER;
}

/* -- what the peer takes; the slot of the SA is set when it said so */

static const IkeSlotClass slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "childless",
};

/* RFC 6023, 3: "A supporting responder MUST include the Notify payload, described in Section 4,
 * within the IKE_SA_INIT response."  "A supporting responder that has been configured not to
 * support this extension" "MUST NOT advertise the capability".  4: "Protocol ID (1 octet) MUST be
 * 1". */
static gboolean
send_supported (IkePlugin *plugin, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  if (ike_exchange_is_initiator (x) || mode_of (plugin, sa) == NEVER)
    return FALSE;
  ike_notify_write (out, IKE_PROTOCOL_IKE, CHILDLESS_IKEV2_SUPPORTED, NULL, 0, NULL, 0);
  return TRUE;
}

static const IkeNotifyClass supported_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = CHILDLESS_IKEV2_SUPPORTED,
  .max_count = 1,
  .exchanges = "IKE_SA_INIT",
  .send = send_supported,
};
static const IkeFeature notify_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "notify:CHILDLESS_IKEV2_SUPPORTED",
                                           .ops = &supported_notify };

static const char *
child_of (IkeTask *task)
{
  const char *name = ike_operation_args (ike_task_operation (task));

  return name && *name ? name : NULL;
}

static gboolean
is_ours (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return !in;
}

static IkeTaskResult
init_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  if (child_of (task) || mode_of (ike_task_plugin (task), ike_task_sa (task)) != NEVER)
    return IKE_TASK_DONE;
  return ike_task_fail (task, 0, NULL, 0,
                        "no child is named, and the connection wants no IKE SA without one; name "
                        "a child, or set childless = allow");
}

/* RFC 6023, 3: "The initiator MUST NOT send the modified IKE_AUTH request if the notification was
 * not present."  Anybody may have taken it away from the answer, so the true one is waited for. */
static IkeTaskResult
init_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  const Childless *self = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  gboolean is_able = ike_exchange_record (x, CHILDLESS_IKEV2_SUPPORTED, 0) != NULL;

  ike_sa_set_slot (sa, self->slot, GUINT_TO_POINTER (is_able));
  if (is_able || !ike_message_find (in, IKE_PAYLOAD_SA, 0))
    return IKE_TASK_DONE;
  if (!child_of (task))
    return ike_task_disbelieve (task, "the peer makes no IKE SA without a child (RFC 6023); name "
                                      "a child");
  if (mode_of (ike_task_plugin (task), sa) == FORCE)
    return ike_task_disbelieve (task, "the peer makes no IKE SA without a child (RFC 6023), which "
                                      "childless = force wants; set childless = prefer");
  return IKE_TASK_DONE;
}

/* Before whoever makes keys of the answer. */
static const IkeTaskClass init_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT",
  .after = "phase:init",
  .before = "init",
  .operations = "establish",
  .reads = "notify:CHILDLESS_IKEV2_SUPPORTED",
  .wanted = is_ours,
  .process = init_process,
  .build = init_build,
};
static const IkeFeature init_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "task:childless-init",
                                         .ops = &init_task };

/* -- IKE_AUTH */

static IkeTaskResult
refuse (IkeTask *task, const char *why)
{
  IkeSa *sa = ike_task_sa (task);
  char remote[IKE_ADDR_TEXT_SIZE];
  g_autofree char *sentence = NULL;
  IkeTree *details = ike_tree_new_section ();

  ike_addr_format (ike_sa_remote (sa), FALSE, remote);
  sentence = g_strdup_printf ("peer %s: %s", remote, why);
  ike_tree_set_format (details, "setting", "connections.%s.childless", ike_sa_conn (sa)->name);
  ike_task_explain (task, "child", sentence, details);
  return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, sentence);
}

/* RFC 6023, 3: a responder that does not support this "SHOULD reply with an INVALID_SYNTAX Notify
 * payload if the client sends an IKE_AUTH request that is modified".  Half of a CHILD_SA is for
 * whoever makes such. */
static IkeTaskResult
auth_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Mode mode = mode_of (ike_task_plugin (task), ike_task_sa (task));
  gboolean has_any = ike_message_find (in, IKE_PAYLOAD_SA, 0)
                     || ike_message_find (in, IKE_PAYLOAD_TSI, 0)
                     || ike_message_find (in, IKE_PAYLOAD_TSR, 0);

  if (ike_exchange_is_initiator (x))
    return IKE_TASK_DONE;
  if (has_any && mode == FORCE)
    return refuse (task, "it wants a CHILD_SA with IKE_AUTH, which childless = force forbids; set "
                         "childless = prefer or force there, or allow here");
  if (!has_any && mode == NEVER)
    return refuse (task, "it wants no CHILD_SA with IKE_AUTH, which childless = never forbids; "
                         "set childless = never there, or allow here");
  if (!has_any)
    ike_operation_skip (task, "child", "the peer wants none yet (RFC 6023)");
  return IKE_TASK_DONE;
}

static IkeTaskResult
auth_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  const Childless *self = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  Mode mode = mode_of (ike_task_plugin (task), sa);
  const char *child = child_of (task);

  if (!ike_exchange_is_initiator (x) || !ike_sa_slot (sa, self->slot))
    return IKE_TASK_DONE;
  if (child && mode != PREFER && mode != FORCE)
    return IKE_TASK_DONE;
  ike_operation_skip (task, "child",
                      child ? "it follows by CREATE_CHILD_SA (RFC 6023)" : "none is wanted");
  if (child && !ike_operation_followed_by (task, "create-child", g_strdup (child)))
    return ike_task_fail (task, 0, NULL, 0, "no plugin makes further children");
  return IKE_TASK_DONE;
}

static const IkeTaskClass auth_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:authorized",
  .operations = "establish",
  .process = auth_process,
  .build = auth_build,
};
static const IkeFeature auth_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "task:childless",
                                         .ops = &auth_task };

static const IkeFeature acts_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "acts:connection/childless",
                                         .ops = &auth_task };

/* -- the plugin */

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  Childless *self = g_new0 (Childless, 1);

  self->slot = ike_slot_register (plugin, &slot);
  ike_plugin_set_state (plugin, self, g_free);
  return ike_option_find (ike_plugin_engine (plugin), "connection/childless", &self->option, error);
}

static const IkeOptionInfo option = {
  .struct_size = sizeof (IkeOptionInfo),
  .path = "connection/childless",
  .type = "enum:allow|prefer|force|never",
  .fallback = "allow",
  .doc =
      "IKE SAs that are made without a CHILD_SA: allow takes them; prefer also makes them, where "
      "the peer takes them, and the child follows; force does nothing else; never takes none.",
};
static const IkeOptionInfo *const options[] = { &option, NULL };
static const IkeFeature *const features[] = { &notify_feature, &init_feature, &auth_feature,
                                              &acts_feature, NULL };

IKE_PLUGIN (ike_plugin, "childless", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "IKE SAs without a CHILD_SA (RFC 6023)", .features = features,
            .options = options, .activate = activate);
