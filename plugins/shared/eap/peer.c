/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c - a conversation as the peer: answers what it is asked, by the methods it may use, and
 * believes a success only when its method is content. */
#include "host_private.h"
#include <string.h>

struct _EapPeer {
  EapHost host;        /* first; of the method */
  EapHost asking;      /* of EAP-Identity, which is asked beside it */
  char *only;          /* the one method, or NULL */
  guint32 unusable[8]; /* a bit for each type that could not begin */
  gboolean is_content; /* what the method wants proven is; its key is there */
  guint8 identifier;   /* of the request in hand */
  gboolean has_failed; /* the method is content with nothing that may still come */
  IkeSecretBlob *msk;
  char *complaint; /* what the method said of a failure that it had to acknowledge */
};

static void turned (EapHost *host, IkeEapStep *step);
static void identity_turned (EapHost *host, IkeEapStep *step);

EapPeer *
eap_peer_new (const IkeEapContext *context, const char *method_or_null, char **why)
{
  EapPeer *self;

  if (method_or_null && !eap_method_find (context, "eap-peer", method_or_null, why))
    return NULL;
  self = g_new0 (EapPeer, 1);
  self->host.context = *context;
  self->host.turned = turned;
  self->asking.context = *context;
  self->asking.turned = identity_turned;
  self->only = g_strdup (method_or_null);
  return self;
}

void
eap_peer_free (EapPeer *self)
{
  if (!self)
    return;
  eap_host_clear (&self->asking);
  eap_host_clear (&self->host);
  ike_secret_blob_unref (self->msk);
  g_free (self->complaint);
  g_free (self->only);
  g_free (self);
}

static const IkeEapClass *
chosen (const EapPeer *self)
{
  return self->host.state ? self->host.klass : NULL;
}

guint32
eap_peer_flags (const EapPeer *self)
{
  return chosen (self) ? chosen (self)->flags : 0;
}

gboolean
eap_peer_is_content (const EapPeer *self)
{
  return self->is_content;
}

const char *
eap_peer_method (const EapPeer *self)
{
  return chosen (self) ? self->host.method->name : NULL;
}

/* -- which method */

static gboolean
may_use (const EapPeer *self, const IkeProvided *provided)
{
  const IkeEapClass *klass = provided->ops;

  if (klass->type <= IKE_EAP_TYPE_NAK || self->unusable[klass->type / 32] >> klass->type % 32 & 1)
    return FALSE;
  if (self->only)
    return !strcmp (provided->name, self->only);
  return self->host.context.depth > 0 || !(klass->flags & IKE_EAP_NEEDS_TUNNEL);
}

static const IkeProvided *
method_of (const EapPeer *self, guint8 type)
{
  guint n = 0;
  const IkeProvided *const *all = ike_feature_list (self->host.context.engine, "eap-peer", &n);

  for (guint i = 0; i < n; i++)
    if (may_use (self, all[i]) && ((const IkeEapClass *) all[i]->ops)->type == type)
      return all[i];
  return NULL;
}

/* RFC 3748, 5.3.1: "the Type-Data field of the Nak Response contains one or more octets indicating
 * the desired authentication Type(s)". */
static void
refuse (EapPeer *self)
{
  IkeEapStep *step = eap_step_response (self->identifier, IKE_EAP_TYPE_NAK, NULL);
  guint n = 0, n_types = 0;
  const IkeProvided *const *all = ike_feature_list (self->host.context.engine, "eap-peer", &n);
  guint8 types[16];

  for (guint i = 0; i < n && n_types < G_N_ELEMENTS (types); i++)
    if (may_use (self, all[i]))
      types[n_types++] = ((const IkeEapClass *) all[i]->ops)->type;
  g_free (step->packet);
  step->packet = eap_nak_new (self->identifier, types, n_types, &step->len);
  eap_host_answer (&self->host, step);
}

/* -- turns */

static void
fail (EapPeer *self, const char *reason)
{
  self->host.is_over = TRUE;
  eap_host_answer (&self->host, eap_step_failed ("%s", reason));
}

static void
turned (EapHost *host, IkeEapStep *step)
{
  EapPeer *self = (EapPeer *) host;

  /* What a method says last, an acknowledgement or an alert, still goes to the server, who has
   * to end the conversation at its side. */
  if (step->outcome == IKE_EAP_FAILED && step->packet) {
    self->has_failed = TRUE;
    self->is_content = FALSE;
    step->outcome = IKE_EAP_MORE;
  }
  if (step->outcome == IKE_EAP_FAILED) {
    host->is_over = TRUE;
    eap_host_answer (host, step);
    return;
  }
  if (step->reason) {
    g_free (self->complaint);
    self->complaint = g_steal_pointer (&step->reason);
  }
  if (step->outcome == IKE_EAP_DONE) {
    self->is_content = TRUE;
    ike_secret_blob_unref (self->msk);
    self->msk = g_steal_pointer (&step->msk);
    step->outcome = IKE_EAP_MORE;
  }
  if (step->packet)
    eap_host_answer (host, step);
  else {
    ike_eap_step_free (step);
    fail (self, "the method has nothing to answer");
  }
}

static void
identity_turned (EapHost *asking, IkeEapStep *step)
{
  EapPeer *self = (EapPeer *) (void *) ((char *) asking - G_STRUCT_OFFSET (EapPeer, asking));

  eap_host_end (asking);
  if (step->outcome == IKE_EAP_DONE)
    step->outcome = IKE_EAP_MORE;
  self->host.is_over = step->outcome == IKE_EAP_FAILED;
  eap_host_answer (&self->host, step);
}

static void
answer_identity (EapPeer *self, const EapPacket *packet, const guint8 *data, gsize len)
{
  g_autofree char *why = NULL;
  const IkeProvided *method = eap_method_find (&self->host.context, "eap-peer", "identity", &why);

  if (method && eap_host_begin (&self->asking, method, &why)) {
    eap_host_keep (&self->asking, data, len);
    eap_host_run (&self->asking, TRUE, packet->identifier);
  } else
    fail (self, why);
}

/* Another may.  RFC 3748, 5.3.1: "Where a peer receives a Request for an unacceptable
 * authentication Type (4-253,255), ... a Nak Response (Type 3) MUST be sent."  Why is told if
 * nothing comes of it. */
static void
cannot_begin (EapPeer *self, guint8 type, char *why_take)
{
  if (self->only)
    fail (self, why_take);
  else {
    self->unusable[type / 32] |= 1u << type % 32;
    refuse (self);
  }
  if (!self->complaint)
    self->complaint = why_take;
  else
    g_free (why_take);
}

static void
answer_method (EapPeer *self, const EapPacket *packet, const guint8 *data, gsize len)
{
  const IkeProvided *method;
  g_autofree char *why = NULL;

  if (chosen (self) && chosen (self)->type != packet->type) {
    fail (self, "the server changes the method in the middle of a conversation");
    return;
  }
  if (!chosen (self)) {
    method = method_of (self, packet->type);
    if (!method) {
      refuse (self);
      return;
    }
    if (!eap_host_begin (&self->host, method, &why)) {
      cannot_begin (self, packet->type, g_steal_pointer (&why));
      return;
    }
  }
  eap_host_keep (&self->host, data, len);
  eap_host_run (&self->host, TRUE, packet->identifier);
}

static void
answer_request (EapPeer *self, const EapPacket *packet, const guint8 *data, gsize len)
{
  self->identifier = packet->identifier;
  switch (packet->type) {
  case IKE_EAP_TYPE_IDENTITY:
    answer_identity (self, packet, data, len);
    return;
  case IKE_EAP_TYPE_NOTIFICATION:
    eap_host_answer (&self->host,
                     eap_step_response (packet->identifier, IKE_EAP_TYPE_NOTIFICATION, NULL));
    return;
  case IKE_EAP_TYPE_NAK:
    fail (self, "the server sends a Nak, which only peers do");
    return;
  default:
    answer_method (self, packet, data, len);
  }
}

/* RFC 3748, 4.2: "A peer MUST silently discard Success packets" that do not fit: there is no other
 * that may still come, so the conversation fails. */
static void
succeed (EapPeer *self, const EapPacket *packet)
{
  IkeEapStep *step;

  if (!self->is_content) {
    fail (self, "the server says EAP-Success before anything was proven");
    return;
  }
  if (packet->identifier != self->identifier
      && packet->identifier != (guint8) (self->identifier + 1)) {
    fail (self, "the server's EAP-Success has another identifier");
    return;
  }
  self->host.is_over = TRUE;
  step = eap_step_done ();
  step->msk = g_steal_pointer (&self->msk);
  eap_host_answer (&self->host, step);
}

void
eap_peer_step (EapPeer *self, IkeCall *call, const guint8 *data, gsize len)
{
  EapPacket packet;

  if (!eap_host_is_open (&self->host, call))
    return;
  if (!data || !eap_packet_read (&packet, data, len))
    fail (self, "the server's EAP packet is malformed");
  else if (self->has_failed)
    fail (self, self->complaint ? self->complaint : "the method failed");
  else if (packet.code == IKE_EAP_CODE_REQUEST)
    answer_request (self, &packet, data, len);
  else if (packet.code == IKE_EAP_CODE_SUCCESS)
    succeed (self, &packet);
  else if (packet.code == IKE_EAP_CODE_FAILURE)
    fail (self, self->complaint ? self->complaint : "the server refuses us: EAP-Failure");
  else
    fail (self, "the server sends a response, which only peers do");
}
