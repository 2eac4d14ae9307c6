/* SPDX-License-Identifier: Apache-2.0 */
/* authorize.c - whether a peer that has proven who it is may come in: the hook `authorize` is asked
 * first, because it answers at once, then whoever offers the kind `authorizer`, which may wait. */
#include "auth.h"
#include <ikebana/pool.h>

/* -- those who wait */

static void
take (IkeTask *task, const IkeAuthorizerAnswer *answer)
{
  const Ikev2 *ikev2 = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);

  for (guint i = 0; answer->groups && answer->groups[i]; i++)
    ike_sa_add_group (sa, answer->groups[i]);
  if (answer->pool)
    ike_sa_set_slot (sa, ikev2->pool, g_strdup (answer->pool));
}

static void
authorized (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Auth *self = ike_task_data (owner);
  const IkeAuthorizerAnswer *answer = result;

  if (answer && answer->is_allowed)
    take (owner, answer);
  else
    self->refusal = g_strdup (error                      ? error
                              : answer && answer->reason ? answer->reason
                                                         : "an authorizer does not allow the peer");
  ike_authorizer_answer_free (result);
}

static const IkeCallClass authorize_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "authorize",
  .timeout_ms = IKE_AUTHORIZER_MS,
  .then = authorized,
  .undo = ike_authorizer_answer_free,
};

/* -- the hook */

static char *
refused_by_hook (IkeTask *task)
{
  const Auth *self = ike_task_data (task);
  Ikev2 *ikev2 = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  IkeAuthorizeEvent event = { sizeof event, ike_sa_user (sa), NULL, NULL };
  const IkeConn *conn = ike_sa_conn (sa);

  if (self->method == IKEV2_METHOD_NULL)
    ike_sa_set_anonymous (sa);
  event.method = conn->n_remote ? conn->remote[0].auth : "";
  if (ike_authorize_hook_emit (ikev2->on_authorize, sa, &event) != IKE_HOOK_REJECT)
    return NULL;
  return g_strdup (event.reason ? event.reason : "a plugin did not authorize the peer");
}

/* -- both */

IkeTaskResult
ikev2_authorize (IkeTask *task)
{
  Auth *self = ike_task_data (task);
  g_autofree char *why = self->is_hook_asked ? NULL : refused_by_hook (task);
  guint n;
  const IkeProvided *const *all =
      ike_feature_list (ike_sa_engine (ike_task_sa (task)), "authorizer", &n);

  self->is_hook_asked = TRUE;
  if (self->refusal)
    return ikev2_auth_refuse (task, "authorize", self->refusal, NULL);
  if (why)
    return ikev2_auth_refuse (task, "authorize", why, NULL);
  if (self->n_asked == n)
    return IKE_TASK_DONE;
  const IkeProvided *next = all[self->n_asked++];
  ((const IkeAuthorizerClass *) next->ops)
      ->authorize (next->plugin, ike_task_call (task, &authorize_call, NULL), ike_task_sa (task));
  return IKE_TASK_WAIT;
}

/* -- addresses */

static IkeHookVerdict
assign (IkePlugin *self, IkeSa *sa, IkeAssignEvent *event)
{
  const Ikev2 *ikev2 = ike_plugin_state (self);
  const char *pool = ike_sa_slot (sa, ikev2->pool);

  if (pool && !event->pool[0])
    g_strlcpy (event->pool, pool, sizeof event->pool);
  return IKE_HOOK_PASS;
}

gboolean
ikev2_authorize_register (IkePlugin *self, Ikev2 *ikev2, GError **error)
{
  static const IkeSlotClass slot = {
    .struct_size = sizeof slot,
    .name = "pool of an authorizer",
    .destroy = g_free,
  };

  ikev2->pool = ike_slot_register (self, &slot);
  return ike_assign_hook_add (self, "authorizer", NULL, assign, error);
}
