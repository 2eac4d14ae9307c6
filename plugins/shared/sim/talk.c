/* SPDX-License-Identifier: Apache-2.0 */
/* talk.c - the course of a conversation that the methods of cards have in common. */
#include "talk.h"

#include "shared/eap/packet.h"

#include <string.h>

gpointer
sim_talk_new (const SimTalkClass *klass, IkePlugin *plugin, const IkeEapContext *context,
              char **why)
{
  SimTalk *talk = g_malloc0 (klass->size);

  talk->klass = klass;
  talk->plugin = plugin;
  talk->context = context;
  sim_crypto_find (&talk->crypto, context->engine);
  if (context->identity) {
    gsize len;
    const guint8 *identity = ike_ident_data (context->identity, &len);

    sim_talk_identify (talk, identity, len);
  }
  /* RFC 4186, 4.2.1.4: the identity of a peer is that of its card. */
  if (!klass->is_server && !talk->card[0]) {
    *why = g_strdup ("eap_id must name the card: IMSI@realm with a digit for the method before it");
    sim_talk_end (talk);
    return NULL;
  }
  return talk;
}

static void
talk_free (SimTalk *talk)
{
  if (talk->klass->clear)
    talk->klass->clear (talk);
  g_free (talk->reason);
  ike_wipe (talk, talk->klass->size);
  g_free (talk);
}

void
sim_talk_end (gpointer state)
{
  SimTalk *talk = state;
  IkeCall *step = g_steal_pointer (&talk->step);

  if (talk->asking)
    ike_call_cancel (talk->asking);
  talk_free (talk);
  if (step)
    ike_call_fail (step, "the conversation was ended");
}

gboolean
sim_talk_identify (SimTalk *talk, const void *identity, gsize len)
{
  const char *text = identity;
  gsize user = 0;

  talk->card[0] = '\0';
  talk->identity_len = 0;
  /* A name with a zero in it would be cut, and be another's. */
  if (len == 0 || len > sizeof talk->identity || memchr (identity, 0, len))
    return FALSE;
  memcpy (talk->identity, identity, len);
  talk->identity_len = len;
  while (user < len && text[user] != '@') {
    if (!g_ascii_isgraph (text[user]))
      return FALSE;
    user++;
  }
  memcpy (talk->card, text, user);
  talk->card[user] = '\0';
  return user > 0;
}

IkePart
sim_talk_identity (const SimTalk *talk)
{
  return (IkePart){ talk->identity, talk->identity_len };
}

/* -- answers to a turn */

/* Whom we proved, where that is another than was said. */
static IkeIdent *
proven (const SimTalk *talk)
{
  gsize len = 0;
  const guint8 *said =
      talk->context->identity ? ike_ident_data (talk->context->identity, &len) : NULL;

  if (!talk->klass->is_server
      || (said && len == talk->identity_len && memcmp (said, talk->identity, len) == 0))
    return NULL;
  return eap_identity_new (talk->identity, talk->identity_len);
}

/* Last. */
static void
answer (SimTalk *talk, IkeEapOutcome outcome, gboolean has_packet, const char *reason)
{
  IkeEapStep *step = g_new0 (IkeEapStep, 1);

  step->struct_size = sizeof *step;
  step->outcome = outcome;
  step->reason = g_strdup (reason);
  if (has_packet) {
    step->packet = g_memdup2 (talk->buffer, talk->out.len);
    step->len = talk->out.len;
  }
  if (outcome == IKE_EAP_DONE) {
    step->msk = ike_secret_blob_new (talk->keys.msk, sizeof talk->keys.msk);
    step->identity = proven (talk);
  }
  ike_call_answer (g_steal_pointer (&talk->step), step);
}

/* Last. */
static void
cannot (SimTalk *talk)
{
  ike_call_fail (g_steal_pointer (&talk->step), "the crypto library failed");
}

IkeWriter *
sim_talk_packet (SimTalk *talk, guint8 subtype)
{
  sim_write_begin (&talk->out, talk->buffer,
                   talk->klass->is_server ? IKE_EAP_CODE_REQUEST : IKE_EAP_CODE_RESPONSE,
                   talk->identifier, talk->klass->type, subtype);
  return &talk->out;
}

void
sim_talk_send (SimTalk *talk)
{
  if (sim_write_end (&talk->out))
    answer (talk, IKE_EAP_MORE, TRUE, NULL);
  else
    cannot (talk);
}

void
sim_talk_send_mac (SimTalk *talk, IkePart extra, IkeEapOutcome outcome)
{
  if (outcome == IKE_EAP_DONE)
    talk->phase = SIM_PHASE_OVER;
  if (sim_write_mac (&talk->out, &talk->crypto, &talk->keys, extra))
    answer (talk, outcome, TRUE, NULL);
  else
    cannot (talk);
}

void
sim_talk_give_up (SimTalk *talk, gboolean has_packet, const char *reason)
{
  answer (talk, IKE_EAP_FAILED, has_packet && sim_write_end (&talk->out), reason);
}

void
sim_talk_error (SimTalk *talk, guint16 code, const char *reason)
{
  sim_write_number (sim_talk_packet (talk, SIM_CLIENT_ERROR), AT_CLIENT_ERROR_CODE, code);
  sim_talk_give_up (talk, TRUE, reason);
}

/* RFC 4186, 6.3.2: "If an EAP-SIM server detects an error in a received EAP-SIM response, the
 * server MUST issue the EAP-Request/SIM/Notification packet with an AT_NOTIFICATION code that
 * implies failure."  6.3.1: "if an EAP-SIM peer detects an error in a received EAP-SIM packet, the
 * EAP-SIM implementation responds with the EAP-Response/SIM/Client-Error packet." */
void
sim_talk_fail (SimTalk *talk, const char *format, ...)
{
  g_autofree char *reason = NULL;
  va_list args;

  va_start (args, format);
  reason = g_strdup_vprintf (format, args);
  va_end (args);
  if (!talk->klass->is_server) {
    sim_talk_error (talk, SIM_ERROR_UNABLE, reason);
    return;
  }
  talk->phase = SIM_PHASE_FAILING;
  talk->reason = g_steal_pointer (&reason);
  sim_write_number (sim_talk_packet (talk, SIM_NOTIFICATION), AT_NOTIFICATION, SIM_NOTE_FAILURE);
  sim_talk_send (talk);
}

void
sim_talk_succeed (SimTalk *talk, gboolean indicate)
{
  if (!indicate) {
    answer (talk, IKE_EAP_DONE, FALSE, NULL);
    return;
  }
  talk->phase = SIM_PHASE_INDICATING;
  sim_write_number (sim_talk_packet (talk, SIM_NOTIFICATION), AT_NOTIFICATION, SIM_NOTE_SUCCESS);
  sim_talk_send_mac (talk, (IkePart){ 0 }, IKE_EAP_MORE);
}

/* RFC 4186, 4.2.1.8: "the peer MAY ignore the AT_ENCR_DATA attribute and always use the permanent
 * identity": so we do, but not when it is malformed. */
const char *
sim_talk_sealed (SimTalk *talk)
{
  guint8 plain[SIM_PACKET_MAX];
  SimPacket inner;
  const char *wrong;

  if (!(talk->packet.has & SIM_BIT (AT_ENCR_DATA)))
    return NULL;
  wrong = sim_open (&talk->crypto, &talk->keys, &talk->packet, plain, &inner);
  if (!wrong && !sim_packet_fits (&inner, 0, SIM_BIT (AT_PADDING)))
    wrong = "an encrypted attribute that has no place there";
  ike_wipe (plain, sizeof plain);
  return wrong;
}

/* -- turns */

/* RFC 4186, 6.3.1: "In response to the EAP-Response/SIM/Client-Error, the EAP server MUST issue the
 * EAP-Failure packet". */
static void
client_error (SimTalk *talk, const SimPacket *packet)
{
  static const char *const texts[] = { "it cannot process what we sent, or does not trust it",
                                       "no version in common", "too few challenges",
                                       "challenges that it knows already" };
  guint16 code = sim_packet_number (packet, AT_CLIENT_ERROR_CODE);
  g_autofree char *reason =
      g_strdup_printf ("the peer refuses: client error %u, %s", code,
                       code < G_N_ELEMENTS (texts) ? texts[code] : "which is not known here");

  sim_talk_give_up (talk, FALSE, reason);
}

/* RFC 4186, 9.8: "The AT_MAC attribute MUST be included if the P bit of the notification code in
 * AT_NOTIFICATION is set to zero, and MUST NOT be included in cases when the P bit is set to one."
 * 6.1: "If the P bit is set to one, the notification can only by used before the EAP/SIM/Challenge
 * round ...  if the P bit is set to one, then the S bit MUST be set to zero."  6.2: "Success
 * indications with the AT_NOTIFICATION code "Success" (32768) can only be used if both the server
 * and the peer indicate they want to use them". */
static gboolean
is_note_allowed (SimTalk *talk, const SimPacket *packet)
{
  guint16 note = sim_packet_number (packet, AT_NOTIFICATION);
  gboolean is_early = (note & SIM_NOTE_P) != 0;

  if (!sim_packet_fits (packet, SIM_BIT (AT_NOTIFICATION), SIM_BIT (AT_MAC)))
    return FALSE;
  if ((note & SIM_NOTE_S) && (is_early || talk->phase != SIM_PHASE_INDICATING))
    return FALSE;
  if (is_early)
    return talk->phase == SIM_PHASE_OPEN && !(packet->has & SIM_BIT (AT_MAC));
  return talk->phase != SIM_PHASE_OPEN
         && sim_mac_is_right (&talk->crypto, &talk->keys, packet, (IkePart){ 0 });
}

/* "the peer MUST respond to the EAP server with an EAP-Response/SIM/Notification packet, even if
 * the peer did not recognize the notification code." */
static void
notified (SimTalk *talk, const SimPacket *packet)
{
  guint16 note = sim_packet_number (packet, AT_NOTIFICATION);
  g_autofree char *reason = NULL;

  if (!is_note_allowed (talk, packet)) {
    sim_talk_fail (talk, "a notification that is not allowed now, or not by the server");
    return;
  }
  sim_talk_packet (talk, SIM_NOTIFICATION);
  if (note & SIM_NOTE_S) {
    sim_talk_send_mac (talk, (IkePart){ 0 }, IKE_EAP_DONE);
    return;
  }
  if (!(note & SIM_NOTE_P)
      && !sim_write_mac (&talk->out, &talk->crypto, &talk->keys, (IkePart){ 0 })) {
    cannot (talk);
    return;
  }
  reason = g_strdup_printf ("the server refuses: notification %u%s", note,
                            note == SIM_NOTE_FAILURE ? ", general failure"
                            : note == 1026           ? ", temporarily denied access"
                            : note == 1031           ? ", not subscribed to the service"
                                                     : "");
  sim_talk_give_up (talk, TRUE, reason);
}

static void
server_received (SimTalk *talk, const SimPacket *packet)
{
  if (packet->subtype == SIM_CLIENT_ERROR
      && sim_packet_fits (packet, SIM_BIT (AT_CLIENT_ERROR_CODE), 0))
    client_error (talk, packet);
  else
    talk->klass->received (talk, packet);
}

static void
peer_received (SimTalk *talk, const SimPacket *packet)
{
  if (packet->subtype == SIM_NOTIFICATION)
    notified (talk, packet);
  else if (talk->phase != SIM_PHASE_OPEN)
    sim_talk_fail (talk, "the server goes on after it was authenticated");
  else if (packet->subtype == SIM_REAUTHENTICATION)
    sim_talk_fail (talk, "the server wants to go on with an earlier authentication; we keep none");
  else
    talk->klass->received (talk, packet);
}

void
sim_talk_step (gpointer state, IkeCall *call, const guint8 *data, gsize len, guint8 identifier)
{
  SimTalk *talk = state;
  gboolean is_server = talk->klass->is_server;
  const SimPacket *packet = &talk->packet;
  const char *wrong;

  talk->step = call;
  talk->identifier = is_server || len < 2 ? identifier : data[1];
  if (!data && is_server) {
    talk->klass->begin (talk);
    return;
  }
  if (is_server && talk->phase == SIM_PHASE_FAILING) {
    answer (talk, IKE_EAP_FAILED, FALSE, talk->reason);
    return;
  }
  /* RFC 4186, 6.2: "the server MUST ignore the contents of the EAP-SIM response it receives from
   * the EAP-Request/SIM/Notification with this code." */
  if (is_server && talk->phase == SIM_PHASE_INDICATING) {
    answer (talk, IKE_EAP_DONE, FALSE, NULL);
    return;
  }
  wrong = sim_packet_read (&talk->packet, talk->klass->type, data, len);
  if (!wrong && packet->code != (is_server ? IKE_EAP_CODE_RESPONSE : IKE_EAP_CODE_REQUEST))
    wrong = "a packet of the wrong code";
  if (wrong)
    sim_talk_fail (talk, "the %s sent %s", is_server ? "peer" : "server", wrong);
  else if (is_server)
    server_received (talk, packet);
  else
    peer_received (talk, packet);
}
