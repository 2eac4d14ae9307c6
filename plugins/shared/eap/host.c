/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - what both kinds of hosts have: a method, its present turn, and whoever waits for it. */
#include "host_private.h"

const IkeProvided *
eap_method_find (const IkeEapContext *context, const char *kind, const char *method, char **why)
{
  g_autofree char *feature = g_strconcat (kind, ":", method, NULL);
  const IkeProvided *found = ike_feature_find (context->engine, feature, NULL);

  if (!found && why)
    *why = ike_plugin_explain (context->engine, feature);
  return found;
}

gboolean
eap_host_begin (EapHost *host, const IkeProvided *method, char **why)
{
  eap_host_end (host);
  host->method = method;
  host->klass = method->ops;
  host->state = host->klass->begin (method->plugin, &host->context, why);
  if (!host->state && !*why)
    *why = g_strdup_printf ("the method %s does not begin", method->name);
  return host->state != NULL;
}

void
eap_host_end (EapHost *host)
{
  if (host->turn)
    ike_call_cancel (g_steal_pointer (&host->turn));
  if (host->state)
    host->klass->end (g_steal_pointer (&host->state));
}

static void
turned (gpointer owner, gpointer data, gpointer result, const char *error)
{
  EapHost *host = owner;
  IkeEapStep *step = result;

  host->turn = NULL;
  if (!step)
    step = eap_step_failed ("%s: %s", host->method->name, error);
  host->turned (host, step);
}

static const IkeCallClass turn_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "turn of an EAP method",
  .timeout_ms = 80000,
  .then = turned,
  .undo = ike_eap_step_free,
};

static void
forget_packet (EapHost *host)
{
  if (host->packet)
    ike_wipe (host->packet, host->len);
  g_clear_pointer (&host->packet, g_free);
  host->len = 0;
}

void
eap_host_keep (EapHost *host, const guint8 *packet, gsize len)
{
  guint8 *copy = g_memdup2 (packet, len);

  forget_packet (host);
  host->packet = copy;
  host->len = len;
}

void
eap_host_run (EapHost *host, gboolean has_packet, guint8 identifier)
{
  host->turn = ike_loop_call (host->context.loop, &turn_call, host, NULL);
  host->klass->step (host->state, host->turn, has_packet ? host->packet : NULL,
                     has_packet ? host->len : 0, identifier);
}

void
eap_host_answer (EapHost *host, IkeEapStep *step_take)
{
  ike_call_answer (g_steal_pointer (&host->call), step_take);
}

gboolean
eap_host_is_open (EapHost *host, IkeCall *call)
{
  g_return_val_if_fail (!host->call, FALSE);
  host->call = call;
  if (!host->is_over && ++host->n_turns <= IKE_EAP_TURNS_MAX)
    return TRUE;
  eap_host_answer (host, eap_step_failed ("the EAP conversation does not end"));
  return FALSE;
}

void
eap_host_clear (EapHost *host)
{
  eap_host_end (host);
  if (host->call)
    ike_call_fail (g_steal_pointer (&host->call), "the EAP conversation was given up");
  ike_ident_unref (host->identity);
  forget_packet (host);
}
