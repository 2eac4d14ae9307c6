/* SPDX-License-Identifier: Apache-2.0 */
/* server.c - a conversation as its server: who is it, the method, the verdict (RFC 3748, 4). */
#include "host_private.h"
#include <string.h>

struct _EapServer {
  EapHost host;              /* first */
  const IkeProvided *wanted; /* the method that proves the peer */
  guint8 identifier, next;   /* of the request that is out; of the one behind it */
  gboolean asks, is_out;     /* the identity; a request is */
};

static void turned (EapHost *host, IkeEapStep *step);

EapServer *
eap_server_new (const IkeEapContext *context, const char *method, gboolean asks, char **why)
{
  const IkeProvided *wanted = eap_method_find (context, "eap-server", method, why);
  EapServer *self;

  if (!wanted)
    return NULL;
  self = g_new0 (EapServer, 1);
  self->host.context = *context;
  self->host.turned = turned;
  self->wanted = wanted;
  self->asks = asks || !context->identity;
  ike_engine_random (context->engine, &self->identifier, 1);
  self->next = (guint8) (self->identifier + 1);
  return self;
}

guint32
eap_server_flags (const EapServer *self)
{
  return ((const IkeEapClass *) self->wanted->ops)->flags;
}

void
eap_server_set_identifier (EapServer *self, guint8 identifier)
{
  self->next = identifier;
}

void
eap_server_free (EapServer *self)
{
  if (!self)
    return;
  eap_host_clear (&self->host);
  g_free (self);
}

/* -- verdicts */

/* RFC 3748, 4.2: "the Identifier field ... MUST match the Identifier field of the Response packet
 * that it is sent in response to." */
static void
end (EapServer *self, guint8 code, IkeEapStep *step)
{
  self->host.is_over = TRUE;
  if (!step->packet)
    step->packet = eap_packet_new (code, self->identifier, 0, NULL, &step->len);
  if (step->outcome == IKE_EAP_DONE && !step->identity && self->host.context.identity)
    step->identity = ike_ident_ref (self->host.context.identity);
  eap_host_answer (&self->host, step);
}

static void
fail (EapServer *self, const char *reason)
{
  end (self, IKE_EAP_CODE_FAILURE, eap_step_failed ("%s", reason));
}

/* -- turns */

static void
begin (EapServer *self, const IkeProvided *method, gboolean has_packet)
{
  g_autofree char *why = NULL;

  if (eap_host_begin (&self->host, method, &why))
    eap_host_run (&self->host, has_packet, self->next);
  else
    fail (self, why);
}

/* A relay speaks for somebody who has not heard the identity yet. */
static void
begin_wanted (EapServer *self)
{
  gboolean is_relay = (eap_server_flags (self) & IKE_EAP_IS_RELAY) != 0;
  EapHost *host = &self->host;
  g_autofree guint8 *bytes = NULL;
  IkePart body = { NULL, 0 };

  if (is_relay && !host->packet) {
    bytes = eap_identity_bytes (host->context.identity, &body.len);
    body.data = bytes;
    host->packet = eap_packet_new (IKE_EAP_CODE_RESPONSE, self->identifier, IKE_EAP_TYPE_IDENTITY,
                                   &body, &host->len);
  }
  begin (self, self->wanted, is_relay);
}

static void
identified (EapServer *self, IkeEapStep *step)
{
  self->asks = FALSE;
  self->is_out = FALSE;
  ike_ident_unref (self->host.identity);
  self->host.identity = g_steal_pointer (&step->identity);
  self->host.context.identity = self->host.identity;
  ike_eap_step_free (step);
  if (self->host.identity)
    begin_wanted (self);
  else
    fail (self, "the peer does not say who it is");
}

static void
turned (EapHost *host, IkeEapStep *step)
{
  EapServer *self = (EapServer *) host;

  if (step->outcome == IKE_EAP_MORE && step->packet && step->len >= IKE_EAP_HEADER_LEN) {
    self->identifier = step->packet[1];
    self->next = (guint8) (self->identifier + 1);
    self->is_out = TRUE;
    eap_host_answer (host, step);
  } else if (step->outcome == IKE_EAP_DONE && self->asks)
    identified (self, step);
  else if (step->outcome == IKE_EAP_DONE)
    end (self, IKE_EAP_CODE_SUCCESS, step);
  else {
    if (step->outcome != IKE_EAP_FAILED) {
      ike_eap_step_free (step);
      step = eap_step_failed ("the method %s says nothing", host->method->name);
    }
    end (self, IKE_EAP_CODE_FAILURE, step);
  }
}

/* RFC 3748, 5.3.1: "Where the peer receives a Request for an unacceptable authentication Type ...
 * a Nak Response (Type 3) MUST be sent." */
static void
refused (EapServer *self, const EapPacket *packet)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint8 types[8];
  guint n = eap_nak_read (packet, types, G_N_ELEMENTS (types));

  g_string_printf (text, "the peer does not do eap-%s", self->wanted->name);
  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "%s %u%s%s", i ? "," : "; it asks for EAP type", types[i],
                            eap_type_name (types[i]) ? " " : "",
                            eap_type_name (types[i]) ? eap_type_name (types[i]) : "");
  fail (self, text->str);
}

static gboolean
is_expected (const EapServer *self, const EapPacket *packet)
{
  return self->is_out && packet->code == IKE_EAP_CODE_RESPONSE
         && packet->identifier == self->identifier;
}

void
eap_server_step (EapServer *self, IkeCall *call, const guint8 *data, gsize len)
{
  EapHost *host = &self->host;
  EapPacket packet;
  g_autofree char *why = NULL;

  if (!eap_host_is_open (host, call))
    return;
  if (!data && !host->state) {
    const IkeProvided *first =
        self->asks ? eap_method_find (&host->context, "eap-server", "identity", &why) : NULL;
    if (self->asks && !first)
      fail (self, why);
    else if (first)
      begin (self, first, FALSE);
    else
      begin_wanted (self);
    return;
  }
  if (!data || !eap_packet_read (&packet, data, len) || !is_expected (self, &packet)) {
    fail (self, "the peer's EAP packet is malformed, or answers nothing that was asked");
    return;
  }
  eap_host_keep (host, data, len);
  self->is_out = FALSE;
  if (packet.type == IKE_EAP_TYPE_NAK
      && !(host->klass->flags & (IKE_EAP_IS_RELAY | IKE_EAP_CHOOSES)))
    refused (self, &packet);
  else if (host->klass->type && packet.type != host->klass->type)
    fail (self, "the peer answers another method than it was asked for");
  else
    eap_host_run (host, TRUE, self->next);
}
