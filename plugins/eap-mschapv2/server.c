/* SPDX-License-Identifier: Apache-2.0 */
/* server.c - challenges a peer, and shows it that we know its password too. */
#include <string.h>

#include "mschapv2.h"

typedef enum {
  SERVER_BEGUN,
  SERVER_CHALLENGED,
  SERVER_SUCCEEDED,
  SERVER_REFUSED,
  SERVER_ENDED
} Phase;

typedef struct {
  const IkeEapContext *context;
  MschapCrypto crypto;
  Phase phase;
  guint8 identifier; /* of the last request */
  guint8 id;         /* of the challenge, and of all that follows */
  guint8 challenge[MSCHAP_CHALLENGE_LEN];
  IkeSecretBlob *msk; /* once the response was right */
  IkeIdent *proven;   /* whose secret that was */
  char *reason;       /* once it was wrong */
} Server;

static gpointer
server_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  Server *server = g_new0 (Server, 1);

  server->context = context;
  if (mschap_crypto_find (context->engine, &server->crypto))
    return server;
  g_free (server);
  *why = g_strdup ("EAP-MSCHAPv2: MD4, SHA-1 or DES is not there");
  return NULL;
}

static IkeEapStep *
request (Server *server, guint8 identifier, Mschapv2Op op, const IkePart *parts, guint n_parts)
{
  gsize len;
  g_autofree guint8 *bytes = mschapv2_make (op, server->id, parts, n_parts, &len);
  IkePart body = { bytes, len };
  IkeEapStep *step = eap_step_request (identifier, IKE_EAP_TYPE_MSCHAPV2, &body);

  ike_wipe (bytes, len);
  server->identifier = identifier;
  return step;
}

static IkeEapStep *
challenge (Server *server, guint8 identifier)
{
  static const guint8 value_len = MSCHAP_CHALLENGE_LEN;
  static const char name[] = "ikebana";
  IkePart parts[] = { { &value_len, 1 },
                      { server->challenge, MSCHAP_CHALLENGE_LEN },
                      { (const guint8 *) name, sizeof name - 1 } };

  ike_engine_random (server->context->engine, server->challenge, MSCHAP_CHALLENGE_LEN);
  server->id = identifier;
  server->phase = SERVER_CHALLENGED;
  return request (server, identifier, MSCHAPV2_CHALLENGE, parts, G_N_ELEMENTS (parts));
}

/* The user of a response, as its secret is written: with the domain that the peer puts in front of
 * the name, else without.  A hash of nothing that anybody knows is found for who has none, so that
 * what follows is the same for all.  TRUE: there is one. */
static gboolean
find_user (Server *server, const IkePart *name, guint8 hash[static MSCHAP_HASH_LEN])
{
  const guint8 *slash = memchr (name->data, '\\', name->len);
  gsize domain_len = slash ? (gsize) (slash + 1 - name->data) : 0;

  for (gsize skip = 0;; skip = domain_len) {
    g_clear_pointer (&server->proven, ike_ident_unref);
    server->proven = eap_identity_new (name->data + skip, name->len - skip);
    if (server->proven
        && mschapv2_hash_of_peer (&server->crypto, server->context, server->proven, hash))
      return TRUE;
    if (skip == domain_len)
      break;
  }
  ike_engine_random (server->context->engine, hash, MSCHAP_HASH_LEN);
  return FALSE;
}

static IkeEapStep *
succeed (Server *server, guint8 identifier, const guint8 proof[static MSCHAP_PROOF_LEN])
{
  char text[2 * MSCHAP_PROOF_LEN];
  IkePart parts[] = { { (const guint8 *) "S=", 2 },
                      { (const guint8 *) text, sizeof text },
                      { (const guint8 *) " M=Welcome", 10 } };

  mschapv2_hex (proof, MSCHAP_PROOF_LEN, text);
  server->phase = SERVER_SUCCEEDED;
  return request (server, identifier, MSCHAPV2_SUCCESS, parts, G_N_ELEMENTS (parts));
}

/* RFC 2759, 6: 691 is ERROR_AUTHENTICATION_FAILURE, R=0 that it cannot be tried again; the
 * challenge would be the one for a retry, and V=3 says that we know how to change passwords by
 * this version. The same for who does not exist. */
static IkeEapStep *
refuse (Server *server, guint8 identifier)
{
  guint8 fresh[MSCHAP_CHALLENGE_LEN];
  char text[2 * MSCHAP_CHALLENGE_LEN];
  IkePart parts[] = { { (const guint8 *) "E=691 R=0 C=", 12 },
                      { (const guint8 *) text, sizeof text },
                      { (const guint8 *) " V=3 M=Authentication failed", 28 } };

  ike_engine_random (server->context->engine, fresh, sizeof fresh);
  mschapv2_hex (fresh, sizeof fresh, text);
  server->phase = SERVER_REFUSED;
  return request (server, identifier, MSCHAPV2_FAILURE, parts, G_N_ELEMENTS (parts));
}

static char *
why_refused (const IkePart *name, gboolean is_known)
{
  g_autoptr (IkeIdent) identity = ike_ident_new (IKE_ID_FQDN, name->data, name->len);
  char text[128];

  if (!is_known)
    return eap_no_secret ("EAP-MSCHAPv2", identity);
  return g_strdup_printf ("EAP-MSCHAPv2: the password of %s is wrong",
                          ike_ident_format (identity, text, sizeof text));
}

/* What is expected, what we would show, and the key: all three, whether or not they will be
 * used. */
typedef struct {
  guint8 response[MSCHAP_RESPONSE_LEN], proof[MSCHAP_PROOF_LEN], msk[MSCHAP_MSK_LEN];
} Computed;

static gboolean
compute (const Server *server, const Mschapv2Response *said, const guint8 *hash, Computed *out)
{
  guint8 short_challenge[MSCHAP_SHORT_LEN];

  return mschap_challenge_hash (&server->crypto, said->peer_challenge, server->challenge,
                                &said->name, short_challenge)
         && mschap_response (&server->crypto, hash, short_challenge, out->response)
         && mschap_proof (&server->crypto, hash, said->response, short_challenge, out->proof)
         && mschap_msk (&server->crypto, hash, said->response, out->msk);
}

static IkeEapStep *
judge (Server *server, const Mschapv2Response *said, guint8 identifier)
{
  guint8 hash[MSCHAP_HASH_LEN];
  gboolean is_known = find_user (server, &said->name, hash), is_computed, is_right;
  IkeEapStep *step;
  Computed ours;

  is_computed = compute (server, said, hash, &ours);
  ike_wipe (hash, sizeof hash);
  is_right = is_computed && ike_equal (ours.response, said->response, MSCHAP_RESPONSE_LEN);
  if (!is_computed)
    step = eap_step_failed ("EAP-MSCHAPv2: MD4, SHA-1 or DES failed");
  else if (is_right && is_known) {
    server->msk = ike_secret_blob_new (ours.msk, sizeof ours.msk);
    step = succeed (server, identifier, ours.proof);
  } else {
    server->reason = why_refused (&said->name, is_known);
    step = refuse (server, identifier);
    step->reason = g_strdup (server->reason); /* some peers never acknowledge it */
  }
  ike_wipe (&ours, sizeof ours);
  return step;
}

/* An identity that policy was not asked about yet is handed up: so nobody who has one password gets
 * what is for another. */
static IkeEapStep *
finish (Server *server)
{
  IkeEapStep *step = eap_step_done ();
  const IkeIdent *said = server->context->identity;

  step->msk = g_steal_pointer (&server->msk);
  if (!said || !ike_ident_equal (said, server->proven))
    step->identity = g_steal_pointer (&server->proven);
  return step;
}

static IkeEapStep *
malformed (void)
{
  return eap_step_failed ("EAP-MSCHAPv2: the peer's message is malformed");
}

static IkeEapStep *
take_response (Server *server, const Mschapv2Message *message, guint8 identifier)
{
  Mschapv2Response said;

  if (message->op != MSCHAPV2_RESPONSE || message->is_acknowledgement || message->id != server->id
      || !mschapv2_read_response (message, &said))
    return malformed ();
  return judge (server, &said, identifier);
}

static IkeEapStep *
take_acknowledgement (Server *server, const Mschapv2Message *message)
{
  gboolean has_succeeded = server->phase == SERVER_SUCCEEDED;

  server->phase = SERVER_ENDED;
  if (!has_succeeded)
    return eap_step_failed ("%s%s", server->reason,
                            message->op == MSCHAPV2_CHANGE_PASSWORD
                                ? " (the peer wants to change it, which is not done here)"
                                : "");
  if (message->op == MSCHAPV2_FAILURE)
    return eap_step_failed ("EAP-MSCHAPv2: the peer does not take our proof that we know its "
                            "password");
  if (message->op != MSCHAPV2_SUCCESS || !message->is_acknowledgement)
    return malformed ();
  return finish (server);
}

static IkeEapStep *
serve (Server *server, const IkePart *data, guint8 identifier)
{
  Phase phase = server->phase;
  Mschapv2Message message;
  EapPacket response;

  if (phase == SERVER_BEGUN || phase == SERVER_ENDED)
    return eap_step_failed ("EAP-MSCHAPv2: the peer answers what was not asked");
  if (!eap_packet_expect (&response, data, IKE_EAP_CODE_RESPONSE, IKE_EAP_TYPE_MSCHAPV2)
      || response.identifier != server->identifier || !mschapv2_read (&message, &response)) {
    server->phase = SERVER_ENDED;
    return server->reason ? eap_step_failed ("%s", server->reason) : malformed ();
  }
  if (phase != SERVER_CHALLENGED)
    return take_acknowledgement (server, &message);
  server->phase = SERVER_ENDED;
  return take_response (server, &message, identifier);
}

static void
server_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  Server *server = state;
  IkePart data = { packet, len };

  if (packet)
    ike_call_answer (call, serve (server, &data, identifier));
  else
    ike_call_answer (call, challenge (server, identifier));
}

static void
server_end (gpointer state)
{
  Server *server = state;

  ike_secret_blob_unref (server->msk);
  ike_ident_unref (server->proven);
  g_free (server->reason);
  g_free (server);
}

const IkeEapClass mschapv2_server_class = {
  .struct_size = sizeof (IkeEapClass),
  .type = IKE_EAP_TYPE_MSCHAPV2,
  .flags = IKE_EAP_MAKES_MSK,
  .begin = server_begin,
  .step = server_step,
  .end = server_end,
};
