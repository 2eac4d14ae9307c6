/* SPDX-License-Identifier: Apache-2.0 */
/* inner.c - a conversation by EAP inside a tunnel. */
#include "shared/eap-tls/inner.h"

enum { TURN_TIMEOUT_MS = 60000 };

/* -- what comes of a turn inside */

static void
say (EapInner *inner, const IkeEapStep *step)
{
  eap_tunnel_warn (inner->tunnel, step->reason);
  if (!inner->klass->say (inner, step->packet, step->len))
    eap_tunnel_fail (inner->tunnel, "the method in the tunnel says more than fits");
  else if (inner->klass->ends_content && eap_peer_is_content (inner->peer))
    eap_tunnel_done (inner->tunnel, NULL, NULL);
  else
    eap_tunnel_more (inner->tunnel);
}

static void
stepped (gpointer owner, gpointer data, gpointer result, const char *error)
{
  EapInner *inner = owner;
  IkeEapStep *step = result;

  if (error || eap_tunnel_has_ended (inner->tunnel))
    eap_tunnel_fail (inner->tunnel, error ? error : "the conversation was ended");
  else if (step->outcome == IKE_EAP_MORE && step->len > IKE_EAP_HEADER_LEN)
    say (inner, step);
  else if (step->outcome == IKE_EAP_MORE || !inner->klass->is_server)
    eap_tunnel_fail (inner->tunnel,
                     step->reason ? step->reason : "the method in the tunnel is mute");
  else
    inner->klass->ended (inner, step);
  ike_eap_step_free (step);
}

static void
tunnel_unref (gpointer data)
{
  eap_tunnel_unref (data);
}

static const IkeCallClass step_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "method in a tunnel",
  .timeout_ms = TURN_TIMEOUT_MS,
  .then = stepped,
  .undo = ike_eap_step_free,
  .free_data = tunnel_unref,
};

/* -- turns */

void
eap_inner_run (EapInner *inner, const guint8 *packet, gsize len)
{
  IkeCall *call =
      ike_loop_call (inner->context->loop, &step_call, inner, eap_tunnel_ref (inner->tunnel));

  if (inner->klass->is_server)
    eap_server_step (inner->server, call, packet, len);
  else
    eap_peer_step (inner->peer, call, packet, len);
}

gboolean
eap_inner_be_peer (EapInner *inner)
{
  g_autofree char *why = NULL;

  inner->inside = *inner->context;
  inner->inside.depth++;
  inner->peer = eap_peer_new (&inner->inside, NULL, &why);
  if (!inner->peer)
    eap_tunnel_fail (inner->tunnel, why);
  return inner->peer != NULL;
}

gboolean
eap_inner_be_server (EapInner *inner, const char *method, const IkeIdent *identity_or_null)
{
  g_autofree char *why = NULL;

  inner->inside = *inner->context;
  inner->inside.identity = identity_or_null;
  inner->inside.depth++;
  inner->server = eap_server_new (&inner->inside, method, identity_or_null == NULL, &why);
  if (!inner->server)
    eap_tunnel_fail (inner->tunnel, why);
  return inner->server != NULL;
}

/* -- the state of a method */

static void
talk (gpointer user, const guint8 *data, gsize len)
{
  EapInner *inner = user;

  inner->klass->talk (inner, data, len);
}

static void
inner_free (gpointer user)
{
  EapInner *inner = user;

  if (inner->klass->clear)
    inner->klass->clear (inner);
  g_free (inner);
}

/* The certificate is the server's, who asks for none. */
static const EapTunnelUser tunnel_user = {
  .talk = talk, .free_user = inner_free, .own = IKE_TLS_NONE, .peer = IKE_TLS_NONE
};

gpointer
eap_inner_new (const EapInnerClass *klass, IkePlugin *self, const IkeEapContext *context,
               char **why)
{
  EapInner *inner;

  if (context->depth) {
    *why = g_strdup_printf ("%s does not go into the tunnel of another method", klass->name);
    return NULL;
  }
  inner = g_malloc0 (klass->size);
  inner->klass = klass;
  inner->plugin = ike_plugin_state (self);
  inner->context = context;
  inner->tunnel =
      eap_tunnel_new (inner->plugin, context, klass->is_server, &tunnel_user, inner, why);
  if (inner->tunnel)
    return inner;
  inner_free (inner);
  return NULL;
}

void
eap_inner_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  eap_tunnel_step (((EapInner *) state)->tunnel, call, packet, len, identifier);
}

void
eap_inner_end (gpointer state)
{
  EapInner *inner = state;

  g_clear_pointer (&inner->server, eap_server_free);
  g_clear_pointer (&inner->peer, eap_peer_free);
  eap_tunnel_end (inner->tunnel);
}
