/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c - what we say in the tunnel: our password, or answers by EAP. */
#include "private.h"

#include <string.h>

typedef enum { TLS_DONE, IN_EAP, AWAITS_PROOF, CONTENT } State;

typedef struct {
  EapTunnel *tunnel;
  const TtlsPlugin *plugin;
  const IkeEapContext *context;
  IkeEapContext inner_context;
  EapPeer *inner;
  State state;
  guint n_talks;
  guint8 success[TTLS_MS_SUCCESS_LEN]; /* AWAITS_PROOF */
} Peer;

static void
peer_free (gpointer data)
{
  g_free (data);
}

/* The turn ends, and as far as we are concerned the conversation. */
static void
finish (Peer *peer)
{
  peer->state = CONTENT;
  eap_tunnel_done (peer->tunnel, NULL, NULL);
}

/* -- EAP */

static void
inner_stepped (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Peer *peer = owner;
  IkeEapStep *step = result;
  g_autoptr (GByteArray) avps = g_byte_array_new ();

  if (!error && step->packet)
    ttls_avp_add (avps, TTLS_EAP, 0, step->packet, step->len);
  if (error || eap_tunnel_has_ended (peer->tunnel))
    eap_tunnel_fail (peer->tunnel, error ? error : "the conversation was ended");
  else if (step->outcome == IKE_EAP_FAILED || !step->packet)
    eap_tunnel_fail (peer->tunnel,
                     step->reason ? step->reason : "the method in the tunnel is mute");
  else if (!eap_tunnel_say (peer->tunnel, avps->data, avps->len))
    eap_tunnel_fail (peer->tunnel, "the method in the tunnel says more than fits");
  else if (eap_peer_is_content (peer->inner))
    finish (peer);
  else
    eap_tunnel_more (peer->tunnel);
  ike_eap_step_free (step);
}

static void
tunnel_unref (gpointer data)
{
  eap_tunnel_unref (data);
}

static const IkeCallClass inner_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "method in EAP-TTLS",
  .timeout_ms = 60000,
  .then = inner_stepped,
  .undo = ike_eap_step_free,
  .free_data = tunnel_unref,
};

static void
run_inner (Peer *peer, const guint8 *packet, gsize len)
{
  eap_peer_step (
      peer->inner,
      ike_loop_call (peer->context->loop, &inner_call, peer, eap_tunnel_ref (peer->tunnel)), packet,
      len);
}

/* RFC 5281, 11.2.1: "Even a TTLS-unaware EAP protocol run could be used, if TTLS makes it appear as
 * if an EAP-Request/Identity message was actually received." */
static void
begin_inner (Peer *peer)
{
  static const guint8 request[] = { IKE_EAP_CODE_REQUEST, 0, 0, 5, IKE_EAP_TYPE_IDENTITY };
  g_autofree char *why = NULL;

  peer->inner_context = *peer->context;
  peer->inner_context.depth++;
  peer->inner = eap_peer_new (&peer->inner_context, NULL, &why);
  peer->state = IN_EAP;
  if (peer->inner)
    run_inner (peer, request, sizeof request);
  else
    eap_tunnel_fail (peer->tunnel, why);
}

/* -- passwords */

static void
say_password (Peer *peer)
{
  /* Large enough for all of it: what grows leaves copies behind. */
  g_autoptr (GByteArray) out = g_byte_array_sized_new (1024);
  g_autoptr (IkeSecretBlob) password = eap_secret_of_ours (peer->context, "eap");
  g_autofree guint8 *name = NULL;
  g_autofree char *why = NULL;
  IkePart user = { NULL, 0 };
  gboolean is_said = TRUE;

  if (!password || !peer->context->identity) {
    why = eap_no_secret ("EAP-TTLS", peer->context->identity);
    eap_tunnel_fail (peer->tunnel, why);
    return;
  }
  user.data = name = eap_identity_bytes (peer->context->identity, &user.len);
  ttls_avp_add (out, TTLS_USER, 0, user.data, user.len);
  if (peer->plugin->way == TTLS_BY_PAP)
    is_said = ttls_say_pap (out, password);
  else if (peer->plugin->way == TTLS_BY_CHAP)
    is_said = ttls_say_chap (peer->tunnel, out, password);
  else
    is_said = ttls_say_mschapv2 (peer->tunnel, peer->context->engine, &user, password, out,
                                 peer->success);
  is_said = is_said && eap_tunnel_say (peer->tunnel, out->data, out->len);
  ike_wipe (out->data, out->len);
  if (!is_said)
    eap_tunnel_fail (peer->tunnel, "the password cannot be shown in the way that phase2 asks for");
  else if (peer->plugin->way == TTLS_BY_MSCHAPV2) {
    peer->state = AWAITS_PROOF;
    eap_tunnel_more (peer->tunnel);
  } else
    finish (peer);
}

static void
judge_proof (Peer *peer, const TtlsAvps *avps)
{
  if (avps->ms_success.len == TTLS_MS_SUCCESS_LEN
      && ike_equal (avps->ms_success.data, peer->success, TTLS_MS_SUCCESS_LEN))
    finish (peer);
  else
    eap_tunnel_fail (peer->tunnel, avps->ms_error.data ? "the server refuses our name or password"
                                                       : "the server does not know our password");
}

/* -- turns */

/* With TLS 1.3 the handshake ends with what we send.  What is to be said waits until the server has
 * heard that; older servers expect nothing behind it. */
static void
begin_phase_2 (Peer *peer, gsize len)
{
  gboolean is_new = eap_tunnel_info (peer->tunnel)->version == IKE_TLS_1_3;

  if (len)
    eap_tunnel_fail (peer->tunnel, "the server speaks first in the tunnel");
  else if (is_new && peer->n_talks++ == 0)
    eap_tunnel_more (peer->tunnel);
  else if (peer->plugin->way == TTLS_BY_EAP)
    begin_inner (peer);
  else
    say_password (peer);
}

static void
peer_talk (gpointer user, const guint8 *data, gsize len)
{
  Peer *peer = user;
  const char *why;
  TtlsAvps avps;

  if (peer->state == TLS_DONE)
    begin_phase_2 (peer, len);
  else if (!ttls_avps_read (data, len, &avps, &why))
    eap_tunnel_fail (peer->tunnel, why);
  else if (peer->state == AWAITS_PROOF)
    judge_proof (peer, &avps);
  else if (peer->inner && avps.eap.data)
    run_inner (peer, avps.eap.data, avps.eap.len);
  else
    eap_tunnel_fail (peer->tunnel, "the server says nothing in the tunnel that is known");
}

static const EapTunnelUser user_class = { .talk = peer_talk,
                                          .free_user = peer_free,
                                          .own = IKE_TLS_NONE };

gpointer
ttls_peer_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  Peer *peer;

  if (context->depth) {
    *why = g_strdup ("EAP-TTLS does not go into the tunnel of another method");
    return NULL;
  }
  peer = g_new0 (Peer, 1);
  peer->plugin = ike_plugin_state (self);
  peer->context = context;
  peer->tunnel = eap_tunnel_new (&peer->plugin->tunnel, context, FALSE, &user_class, peer, why);
  if (peer->tunnel)
    return peer;
  peer_free (peer);
  return NULL;
}

void
ttls_peer_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  eap_tunnel_step (((Peer *) state)->tunnel, call, packet, len, identifier);
}

void
ttls_peer_end (gpointer state)
{
  Peer *peer = state;

  g_clear_pointer (&peer->inner, eap_peer_free);
  eap_tunnel_end (peer->tunnel);
}
