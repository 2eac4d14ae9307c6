/* SPDX-License-Identifier: Apache-2.0 */
/* eap_md5.c - EAP-MD5-Challenge (RFC 3748, 5.4; RFC 1994): `auth = eap-md5`.
 *
 * The peer hashes the server's challenge with its password.  Whoever sees both may guess passwords
 * at leisure, the server proves nothing, and no key comes of it: it is for passwords that are long,
 * inside IKE, whose gateway has shown a certificate. */
#include "config.h"
#include <string.h>

#include <ikebana/plugin.h>
#include <ikebana/secret.h>

#include "shared/eap/packet.h"

enum { DIGEST_LEN = 16, CHALLENGE_LEN = 16, BODY_MAX = 1 + DIGEST_LEN };

/* RFC 1994, 4.1: "the Response Value is the one-way hash calculated over a stream of octets
 * consisting of the Identifier, followed by (concatenated with) the "secret", followed by
 * (concatenated with) the Challenge Value." */
static void
compute (guint8 identifier, IkeSecretBlob *secret, const IkePart *challenge,
         guint8 out[static DIGEST_LEN])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_MD5);
  gsize len = DIGEST_LEN;

  g_checksum_update (checksum, &identifier, 1);
  g_checksum_update (checksum, ike_secret_blob_data (secret),
                     (gssize) ike_secret_blob_len (secret));
  g_checksum_update (checksum, challenge->data, (gssize) challenge->len);
  g_checksum_get_digest (checksum, out, &len);
}

/* RFC 1994, 4.1: one octet of length, that many of value, and a name, which RFC 3748 has no use
 * for.  "The Value field is one or more octets." */
static gboolean
read_value (EapPacket *packet, IkePart *value)
{
  value->len = ike_reader_u8 (&packet->body);
  value->data = ike_reader_bytes (&packet->body, value->len);
  return value->data && value->len > 0;
}

/* -- the server */

typedef struct {
  const IkeEapContext *context;
  gboolean has_asked, has_ended;
  guint8 identifier;
  guint8 challenge[CHALLENGE_LEN];
} Server;

static gpointer
server_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  Server *server;

  if (!context->identity) {
    *why = g_strdup ("EAP-MD5: nobody has said who the peer is");
    return NULL;
  }
  server = g_new0 (Server, 1);
  server->context = context;
  return server;
}

static IkeEapStep *
challenge (Server *server, guint8 identifier)
{
  guint8 body[BODY_MAX] = { CHALLENGE_LEN };
  IkePart part = { body, sizeof body };

  ike_engine_random (server->context->engine, server->challenge, CHALLENGE_LEN);
  memcpy (body + 1, server->challenge, CHALLENGE_LEN);
  server->identifier = identifier;
  server->has_asked = TRUE;
  return eap_step_request (identifier, IKE_EAP_TYPE_MD5, &part);
}

/* Who has no secret is compared with one that nobody knows, so that the peer cannot tell. */
static IkeEapStep *
judge (Server *server, const IkePart *value)
{
  g_autoptr (IkeSecretBlob) secret =
      eap_secret_of_peer (server->context, "eap", server->context->identity);
  IkePart part = { server->challenge, CHALLENGE_LEN };
  gboolean is_known = secret != NULL, is_right;
  guint8 expected[DIGEST_LEN];

  if (!is_known) {
    secret = ike_secret_blob_new (NULL, DIGEST_LEN);
    ike_engine_random (server->context->engine, ike_secret_blob_data (secret), DIGEST_LEN);
  }
  compute (server->identifier, secret, &part, expected);
  is_right = ike_equal (expected, value->data, DIGEST_LEN);
  ike_wipe (expected, sizeof expected);
  if (is_right && is_known)
    return eap_step_done ();
  return eap_step_refused ("EAP-MD5", server->context->identity, is_known);
}

static IkeEapStep *
serve (Server *server, const guint8 *packet, gsize len)
{
  IkePart data = { packet, len }, value;
  EapPacket response;

  if (!server->has_asked || server->has_ended)
    return eap_step_failed ("EAP-MD5: the peer answers what was not asked");
  server->has_ended = TRUE;
  if (!eap_packet_expect (&response, &data, IKE_EAP_CODE_RESPONSE, IKE_EAP_TYPE_MD5)
      || response.identifier != server->identifier || !read_value (&response, &value)
      || value.len != DIGEST_LEN)
    return eap_step_failed ("EAP-MD5: the peer's answer is malformed");
  return judge (server, &value);
}

static void
server_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  ike_call_answer (call, packet ? serve (state, packet, len) : challenge (state, identifier));
}

static void
server_end (gpointer state)
{
  g_free (state);
}

/* -- the peer */

typedef struct {
  IkeSecretBlob *secret;
  gboolean has_answered;
} Peer;

static gpointer
peer_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  IkeSecretBlob *secret = eap_secret_of_ours (context, "eap");
  Peer *peer;

  if (!secret) {
    *why = eap_no_secret ("EAP-MD5", context->identity);
    return NULL;
  }
  peer = g_new0 (Peer, 1);
  peer->secret = secret;
  return peer;
}

/* Each answer lets whoever asked guess once more: one is all that a conversation needs. */
static IkeEapStep *
respond (Peer *peer, const guint8 *packet, gsize len)
{
  IkePart data = { packet, len }, value, part;
  guint8 body[BODY_MAX] = { DIGEST_LEN };
  EapPacket request;
  IkeEapStep *step;

  if (!eap_packet_expect (&request, &data, IKE_EAP_CODE_REQUEST, IKE_EAP_TYPE_MD5)
      || !read_value (&request, &value))
    return eap_step_failed ("EAP-MD5: the server's challenge is malformed");
  if (peer->has_answered)
    return eap_step_failed ("EAP-MD5: the server challenges us twice");
  peer->has_answered = TRUE;
  compute (request.identifier, peer->secret, &value, body + 1);
  part = (IkePart){ body, sizeof body };
  step = eap_step_response (request.identifier, IKE_EAP_TYPE_MD5, &part);
  step->outcome = IKE_EAP_DONE;
  return step;
}

static void
peer_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  ike_call_answer (call, respond (state, packet, len));
}

static void
peer_end (gpointer state)
{
  Peer *peer = state;

  ike_secret_blob_unref (peer->secret);
  g_free (peer);
}

static const IkeEapClass server_class = {
  .struct_size = sizeof (IkeEapClass),
  .type = IKE_EAP_TYPE_MD5,
  .begin = server_begin,
  .step = server_step,
  .end = server_end,
};
static const IkeEapClass peer_class = {
  .struct_size = sizeof (IkeEapClass),
  .type = IKE_EAP_TYPE_MD5,
  .begin = peer_begin,
  .step = peer_step,
  .end = peer_end,
};
static const IkeFeature server_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "eap-server:md5",
  .ops = &server_class,
};
static const IkeFeature peer_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "eap-peer:md5",
  .ops = &peer_class,
};
static const IkeFeature *const features[] = { &server_feature, &peer_feature, NULL };

IKE_PLUGIN (ike_plugin, "eap-md5", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "EAP: passwords hashed with a challenge (RFC 3748, 5.4)",
            .features = features);
