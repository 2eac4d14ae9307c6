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

#include "shared/eap/once.h"

enum { DIGEST_LEN = 16, CHALLENGE_LEN = EAP_ONCE_CHALLENGE_LEN, BODY_MAX = 1 + DIGEST_LEN };

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

static IkeEapStep *
ask (EapOnce *server)
{
  guint8 body[BODY_MAX] = { CHALLENGE_LEN };
  IkePart part = { body, sizeof body };

  ike_engine_random (server->context->engine, server->challenge, CHALLENGE_LEN);
  memcpy (body + 1, server->challenge, CHALLENGE_LEN);
  return eap_step_request (server->identifier, IKE_EAP_TYPE_MD5, &part);
}

/* Who has no secret is compared with one that nobody knows, so that the peer cannot tell. */
static IkeEapStep *
judge (EapOnce *server, EapPacket *response)
{
  const IkeEapContext *context = server->context;
  g_autoptr (IkeSecretBlob) secret = eap_secret_of_peer (context, "eap", context->identity);
  IkePart value, challenge = { server->challenge, CHALLENGE_LEN };
  gboolean is_known = secret != NULL, is_right;
  guint8 expected[DIGEST_LEN];

  if (!read_value (response, &value) || value.len != DIGEST_LEN)
    return NULL;
  if (!is_known) {
    secret = ike_secret_blob_new (NULL, DIGEST_LEN);
    ike_engine_random (context->engine, ike_secret_blob_data (secret), DIGEST_LEN);
  }
  compute (server->identifier, secret, &challenge, expected);
  is_right = ike_equal (expected, value.data, DIGEST_LEN);
  ike_wipe (expected, sizeof expected);
  if (is_right && is_known)
    return eap_step_done ();
  return eap_step_refused (server->klass->name, context->identity, is_known);
}

static IkeEapStep *
answer (EapOnce *peer, EapPacket *request)
{
  guint8 body[BODY_MAX] = { DIGEST_LEN };
  IkePart value, part = { body, sizeof body };

  if (!read_value (request, &value))
    return NULL;
  compute (request->identifier, peer->secret, &value, body + 1);
  return eap_step_response (request->identifier, IKE_EAP_TYPE_MD5, &part);
}

static const EapOnceClass method = {
  .name = "EAP-MD5",
  .type = IKE_EAP_TYPE_MD5,
  .ask = ask,
  .judge = judge,
  .answer = answer,
  .malformed = "the server's challenge is malformed",
  .again = "the server challenges us twice",
};

EAP_ONCE_FEATURES (features, method, "md5", IKE_EAP_TYPE_MD5, 0);

IKE_PLUGIN (ike_plugin, "eap-md5", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "EAP: passwords hashed with a challenge (RFC 3748, 5.4)",
            .features = features);
