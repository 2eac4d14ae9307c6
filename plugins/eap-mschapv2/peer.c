/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c - answers a server's challenge, and lets it show that it knows our password too. */
#include <string.h>

#include <ikebana/error.h>

#include "mschapv2.h"

typedef enum { PEER_BEGUN, PEER_ANSWERED, PEER_ENDED } Phase;

typedef struct {
  const IkeEapContext *context;
  MschapCrypto crypto;
  Phase phase;
  guint8 hash[MSCHAP_HASH_LEN]; /* of our password */
  guint8 response[MSCHAP_RESPONSE_LEN];
  guint8 short_challenge[MSCHAP_SHORT_LEN];
} Peer;

static void
peer_end (gpointer state)
{
  ike_wipe (state, sizeof (Peer));
  g_free (state);
}

static char *
prepare (Peer *peer)
{
  const IkeEapContext *context = peer->context;
  gsize len = 0;

  if (context->identity)
    g_free (eap_identity_bytes (context->identity, &len));
  if (len == 0 || len > IKE_EAP_IDENTITY_MAX)
    return g_strdup ("EAP-MSCHAPv2: we have no name to give; set eap_id");
  if (!mschap_crypto_find (context->engine, &peer->crypto))
    return g_strdup ("EAP-MSCHAPv2: MD4, SHA-1 or DES is not there");
  if (!mschapv2_hash_of_ours (&peer->crypto, context, peer->hash))
    return eap_no_secret ("EAP-MSCHAPv2", context->identity);
  return NULL;
}

static gpointer
peer_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  Peer *peer = g_new0 (Peer, 1);
  char *problem;

  peer->context = context;
  problem = prepare (peer);
  if (!problem)
    return peer;
  peer_end (peer);
  *why = problem;
  return NULL;
}

static IkeEapStep *
acknowledge (guint8 identifier, Mschapv2Op op)
{
  guint8 byte = (guint8) op;
  IkePart body = { &byte, 1 };

  return eap_step_response (identifier, IKE_EAP_TYPE_MSCHAPV2, &body);
}

static IkeEapStep *
malformed (void)
{
  return eap_step_failed ("EAP-MSCHAPv2: the server's message is malformed");
}

static IkeEapStep *
respond (Peer *peer, const Mschapv2Message *message, guint8 identifier)
{
  static const guint8 value_len = 49, reserved[8], flags;
  guint8 peer_challenge[MSCHAP_CHALLENGE_LEN];
  Mschapv2Challenge said;
  IkePart name, body;
  IkeEapStep *step;

  if (!mschapv2_read_challenge (message, &said))
    return malformed ();
  g_autofree guint8 *bytes = eap_identity_bytes (peer->context->identity, &name.len);

  name.data = bytes;
  ike_engine_random (peer->context->engine, peer_challenge, sizeof peer_challenge);
  if (!mschap_challenge_hash (&peer->crypto, peer_challenge, said.challenge, &name,
                              peer->short_challenge)
      || !mschap_response (&peer->crypto, peer->hash, peer->short_challenge, peer->response))
    return eap_step_failed ("EAP-MSCHAPv2: MD4, SHA-1 or DES failed");

  IkePart parts[] = { { &value_len, 1 },
                      { peer_challenge, sizeof peer_challenge },
                      { reserved, sizeof reserved },
                      { peer->response, sizeof peer->response },
                      { &flags, 1 },
                      name };
  g_autofree guint8 *answer =
      mschapv2_make (MSCHAPV2_RESPONSE, message->id, parts, G_N_ELEMENTS (parts), &body.len);

  body.data = answer;
  peer->phase = PEER_ANSWERED;
  step = eap_step_response (identifier, IKE_EAP_TYPE_MSCHAPV2, &body);
  ike_wipe (answer, body.len);
  return step;
}

/* RFC 2759, 8.8: the peer computes the authenticator's response too and compares; who cannot
 * show it does not know the password, and gets no acknowledgement. */
static IkeEapStep *
check_proof (Peer *peer, const Mschapv2Message *message, guint8 identifier)
{
  guint8 said[MSCHAP_PROOF_LEN], expected[MSCHAP_PROOF_LEN];
  IkeEapStep *step;

  if (!mschapv2_read_success (message, said))
    return malformed ();

  g_autoptr (IkeSecretBlob) msk = ike_secret_blob_new (NULL, MSCHAP_MSK_LEN);

  if (!mschap_proof (&peer->crypto, peer->hash, peer->response, peer->short_challenge, expected)
      || !mschap_msk (&peer->crypto, peer->hash, peer->response, ike_secret_blob_data (msk)))
    return eap_step_failed ("EAP-MSCHAPv2: MD4, SHA-1 or DES failed");
  if (!ike_equal (said, expected, sizeof expected))
    return eap_step_failed ("EAP-MSCHAPv2: the server does not know our password: it is not whom "
                            "we trust, or has another one for us");
  step = acknowledge (identifier, MSCHAPV2_SUCCESS);
  step->outcome = IKE_EAP_DONE;
  step->msk = g_steal_pointer (&msk);
  return step;
}

/* RFC 2759, 6. */
static const char *
meaning (guint32 error)
{
  switch (error) {
  case 646:
    return "the server takes us at other hours only";
  case 647:
    return "the account is disabled";
  case 648:
    return "the password has expired; change it where it is kept, it is not changed from here";
  case 649:
    return "the account may not dial in";
  case 691:
    return "the server does not take the user name or the password";
  case 709:
    return "the server could not change the password";
  default:
    return "the server refuses us";
  }
}

/* Draft, 2.4: the peer acknowledges a failure with one of its own; a retry, or a change of the
 * password, would be the other answers, and need somebody who types.  The server then ends it with
 * EAP-Failure, and the reason is told with that. */
static IkeEapStep *
give_up (const Mschapv2Message *message, guint8 identifier)
{
  IkeEapStep *step = acknowledge (identifier, MSCHAPV2_FAILURE);
  Mschapv2Failure failure;
  char text[128];

  mschapv2_read_failure (message, &failure);
  ike_escape (text, sizeof text, failure.message.data, failure.message.len);
  step->reason = g_strdup_printf ("EAP-MSCHAPv2: %s (E=%u%s%s)", meaning (failure.error),
                                  failure.error, failure.message.len ? ": " : "", text);
  return step;
}

static IkeEapStep *
answer (Peer *peer, const IkePart *data)
{
  Phase phase = peer->phase;
  Mschapv2Message message;
  EapPacket request;

  peer->phase = PEER_ENDED;
  if (!eap_packet_expect (&request, data, IKE_EAP_CODE_REQUEST, IKE_EAP_TYPE_MSCHAPV2)
      || !mschapv2_read (&message, &request) || message.is_acknowledgement)
    return malformed ();
  if (message.op == MSCHAPV2_CHALLENGE && phase == PEER_BEGUN)
    return respond (peer, &message, request.identifier);
  if (message.op == MSCHAPV2_SUCCESS && phase == PEER_ANSWERED)
    return check_proof (peer, &message, request.identifier);
  if (message.op == MSCHAPV2_FAILURE && phase == PEER_ANSWERED)
    return give_up (&message, request.identifier);
  return eap_step_failed ("EAP-MSCHAPv2: the server says what does not come next (%u)", message.op);
}

static void
peer_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  IkePart data = { packet, len };

  ike_call_answer (call, answer (state, &data));
}

const IkeEapClass mschapv2_peer_class = {
  .struct_size = sizeof (IkeEapClass),
  .type = IKE_EAP_TYPE_MSCHAPV2,
  .flags = IKE_EAP_MAKES_MSK,
  .begin = peer_begin,
  .step = peer_step,
  .end = peer_end,
};
