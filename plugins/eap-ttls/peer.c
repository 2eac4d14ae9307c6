/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c - what we say in the tunnel: our password, or answers by EAP. */
#include "private.h"

#include <string.h>

typedef enum { TLS_DONE, IN_EAP, AWAITS_PROOF, CONTENT } State;

typedef struct {
  EapInner inner;
  State state;
  guint n_talks;
  guint8 success[TTLS_MS_SUCCESS_LEN]; /* AWAITS_PROOF */
} Peer;

static const TtlsPlugin *
plugin_of (const Peer *peer)
{
  return peer->inner.plugin;
}

/* The turn ends, and as far as we are concerned the conversation. */
static void
finish (Peer *peer)
{
  peer->state = CONTENT;
  eap_tunnel_done (peer->inner.tunnel, NULL, NULL);
}

/* -- EAP */

/* RFC 5281, 11.2.1: "Even a TTLS-unaware EAP protocol run could be used, if TTLS makes it appear as
 * if an EAP-Request/Identity message was actually received." */
static void
begin_eap (Peer *peer)
{
  static const guint8 request[] = { IKE_EAP_CODE_REQUEST, 0, 0, 5, IKE_EAP_TYPE_IDENTITY };

  peer->state = IN_EAP;
  if (eap_inner_be_peer (&peer->inner))
    eap_inner_run (&peer->inner, request, sizeof request);
}

/* -- passwords */

static void
say_password (Peer *peer)
{
  /* Large enough for all of it: what grows leaves copies behind. */
  g_autoptr (GByteArray) out = g_byte_array_sized_new (1024);
  g_autoptr (IkeSecretBlob) password = eap_secret_of_ours (peer->inner.context, "eap");
  g_autofree guint8 *name = NULL;
  g_autofree char *why = NULL;
  IkePart user = { NULL, 0 };
  gboolean is_said = TRUE;

  if (!password || !peer->inner.context->identity) {
    why = eap_no_secret ("EAP-TTLS", peer->inner.context->identity);
    eap_tunnel_fail (peer->inner.tunnel, why);
    return;
  }
  user.data = name = eap_identity_bytes (peer->inner.context->identity, &user.len);
  ttls_avp_add (out, TTLS_USER, 0, user.data, user.len);
  if (plugin_of (peer)->way == TTLS_BY_PAP)
    is_said = ttls_say_pap (out, password);
  else if (plugin_of (peer)->way == TTLS_BY_CHAP)
    is_said = ttls_say_chap (peer->inner.tunnel, out, password);
  else
    is_said = ttls_say_mschapv2 (peer->inner.tunnel, peer->inner.context->engine, &user, password,
                                 out, peer->success);
  is_said = is_said && eap_tunnel_say (peer->inner.tunnel, out->data, out->len);
  ike_wipe (out->data, out->len);
  if (!is_said)
    eap_tunnel_fail (peer->inner.tunnel,
                     "the password cannot be shown in the way that phase2 asks for");
  else if (plugin_of (peer)->way == TTLS_BY_MSCHAPV2) {
    peer->state = AWAITS_PROOF;
    eap_tunnel_more (peer->inner.tunnel);
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
    eap_tunnel_fail (peer->inner.tunnel, avps->ms_error.data
                                             ? "the server refuses our name or password"
                                             : "the server does not know our password");
}

/* -- turns */

/* With TLS 1.3 the handshake ends with what we send.  What is to be said waits until the server has
 * heard that; older servers expect nothing behind it. */
static void
begin_phase_2 (Peer *peer, gsize len)
{
  gboolean is_new = eap_tunnel_info (peer->inner.tunnel)->version == IKE_TLS_1_3;

  if (len)
    eap_tunnel_fail (peer->inner.tunnel, "the server speaks first in the tunnel");
  else if (is_new && peer->n_talks++ == 0)
    eap_tunnel_more (peer->inner.tunnel);
  else if (plugin_of (peer)->way == TTLS_BY_EAP)
    begin_eap (peer);
  else
    say_password (peer);
}

static void
talk (EapInner *inner, const guint8 *data, gsize len)
{
  Peer *peer = (Peer *) inner;
  const char *why;
  TtlsAvps avps;

  if (peer->state == TLS_DONE)
    begin_phase_2 (peer, len);
  else if (!ttls_avps_read (data, len, &avps, &why))
    eap_tunnel_fail (inner->tunnel, why);
  else if (peer->state == AWAITS_PROOF)
    judge_proof (peer, &avps);
  else if (inner->peer && avps.eap.data)
    eap_inner_run (inner, avps.eap.data, avps.eap.len);
  else
    eap_tunnel_fail (inner->tunnel, "the server says nothing in the tunnel that is known");
}

static const EapInnerClass peer_class = {
  .name = "EAP-TTLS", .size = sizeof (Peer), .talk = talk, .say = ttls_say_eap, .ends_content = TRUE
};

gpointer
ttls_peer_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  return eap_inner_new (&peer_class, self, context, why);
}
