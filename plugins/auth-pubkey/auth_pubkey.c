/* SPDX-License-Identifier: Apache-2.0 */
/* auth_pubkey.c - authentication with certificates and public keys: `auth = pubkey`,
 * `rsa-2048-sha256`, …
 *
 * Digital signatures by RFC 7427 and RFC 8420, the older methods of RFC 7296 and RFC 4754 with
 * peers that know nothing else, certificates by RFC 7296 and RFC 4945, raw public keys by RFC 7670,
 * hashes and URLs of certificates, OCSP in IKE by RFC 4806, announcements by RFC 9593.
 *
 * Keys and certificates are objects of `service:pki`, what this host has of them is in
 * `service:credentials`, and whether a certificate was revoked is asked of `revocation:…`, after
 * the signature was found right and the chain trusted: nobody else makes us fetch anything. */
#include "config.h"
#include <string.h>

#include <ikebana/error.h>

#include "pubkey.h"

/* -- the slot */

static void
clear_certs (PubkeyPeer *peer)
{
  const IkePkiOps *pki = peer->pubkey->pki;

  for (guint i = 0; i < peer->n_sent; i++)
    if (peer->sent[i])
      g_bytes_unref (peer->sent[i]);
  for (guint i = 0; i < peer->n_certs; i++)
    pki->cert_unref (peer->certs[i]);
  g_clear_pointer (&peer->sent_raw, g_bytes_unref);
  for (guint i = 0; i < peer->n_ocsp; i++)
    g_bytes_unref (peer->ocsp[i]);
  pki->pubkey_unref (peer->raw);
  g_free (peer->cert_error);
}

static void
peer_free (gpointer data)
{
  PubkeyPeer *peer = data;

  clear_certs (peer);
  peer->pubkey->credentials->own_clear (&peer->own);
  g_clear_pointer (&peer->ca_ids, g_byte_array_unref);
  g_clear_pointer (&peer->staple, g_bytes_unref);
  g_free (peer->why);
  g_free (peer);
}

static const IkeSlotClass peer_slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "auth-pubkey",
  .destroy = peer_free,
};

PubkeyPeer *
pubkey_peer (Pubkey *pubkey, IkeSa *sa)
{
  PubkeyPeer *peer = ike_sa_slot (sa, pubkey->slot);

  if (!peer) {
    peer = g_new0 (PubkeyPeer, 1);
    peer->pubkey = pubkey;
    peer->own.struct_size = sizeof peer->own;
    ike_sa_set_slot (sa, pubkey->slot, peer);
  }
  return peer;
}

/* Once the SA is up, nobody asks any more; but a responder has its certificates still to send. */
static IkeHookVerdict
ike_is_up (IkePlugin *self, IkeSa *sa, IkeUpDownEvent *event)
{
  Pubkey *pubkey = ike_plugin_state (self);

  if (event->is_up && ike_sa_is_initiator (sa))
    ike_sa_set_slot (sa, pubkey->slot, NULL);
  return IKE_HOOK_PASS;
}

/* -- the state */

static gboolean
find_handles (Pubkey *pubkey, GError **error)
{
  const struct {
    const char *path;
    guint32 *handle;
  } all[] = {
    { "local/certs", &pubkey->local_certs },
    { "local/pubkeys", &pubkey->local_pubkeys },
    { "remote/certs", &pubkey->remote_certs },
    { "remote/cacerts", &pubkey->remote_cacerts },
    { "remote/pubkeys", &pubkey->remote_pubkeys },
    { "remote/ca_id", &pubkey->remote_ca_id },
    { "remote/cert_policy", &pubkey->remote_cert_policy },
    { "remote/revocation", &pubkey->remote_revocation },
    { "connection/send_cert", &pubkey->send_cert },
    { "connection/send_certreq", &pubkey->send_certreq },
    { "connection/ocsp", &pubkey->ocsp },
  };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    if (!ike_option_find (pubkey->engine, all[i].path, all[i].handle, error))
      return FALSE;
  return TRUE;
}

Pubkey *
pubkey_state (IkePlugin *self, GError **error)
{
  Pubkey *pubkey = ike_plugin_state (self);
  IkeEngine *engine = ike_plugin_engine (self);

  if (pubkey)
    return pubkey;
  pubkey = g_new0 (Pubkey, 1);
  pubkey->self = self;
  pubkey->engine = engine;
  pubkey->pki_at = ike_feature_find (engine, "service:pki", error);
  if (pubkey->pki_at)
    pubkey->credentials_at = ike_feature_find (engine, "service:credentials", error);
  if (!pubkey->credentials_at || !find_handles (pubkey, error)) {
    g_free (pubkey);
    return NULL;
  }
  pubkey->pki = pubkey->pki_at->ops;
  pubkey->credentials = pubkey->credentials_at->ops;
  pubkey->wants_pss = ike_plugin_option_bool (self, "rsa_pss");
  pubkey->knows_signatures = ike_plugin_option_bool (self, "signature_authentication");
  pubkey->wants_hash_url = ike_plugin_option_bool (self, "hash_and_url");
  pubkey->wants_announcements = ike_plugin_option_bool (self, "announce_methods");
  ike_plugin_set_state (self, pubkey, g_free);
  return pubkey;
}

static gboolean
pubkey_activate (IkePlugin *self, GError **error)
{
  Pubkey *pubkey = pubkey_state (self, error);

  if (!pubkey)
    return FALSE;
  pubkey->on_certificate = ike_hook_point (pubkey->engine, "certificate-verdict");
  pubkey->slot = ike_slot_register (self, &peer_slot);
  return ike_ike_updown_hook_add (self, "auth-pubkey", NULL, ike_is_up, error);
}

/* -- the features */

static const IkeAuthClass pubkey_class = {
  .struct_size = sizeof (IkeAuthClass),
  .methods = { IKE_AUTH_RSA, IKE_AUTH_ECDSA_256, IKE_AUTH_ECDSA_384, IKE_AUTH_ECDSA_521,
               IKE_AUTH_SIGNATURE },
  .sign = pubkey_sign,
  .verify = pubkey_verify,
  .check = pubkey_check,
  .identity = pubkey_identity,
};

const char *const pubkey_needs[] = { "service:pki", "service:credentials", NULL };
static const char *const wants[] = { "revocation:x509", "fetch:http", NULL };

/* First words of what may stand behind `auth =`. */
#define AUTH(symbol, word)                                                                         \
  static const IkeFeature symbol = { .struct_size = sizeof (IkeFeature),                           \
                                     .provides = "auth:" word,                                     \
                                     .ops = &pubkey_class,                                         \
                                     .needs = pubkey_needs,                                        \
                                     .wants = wants }
AUTH (auth_pubkey, "pubkey");
AUTH (auth_rsa, "rsa");
AUTH (auth_ecdsa, "ecdsa");
AUTH (auth_eddsa, "eddsa");
AUTH (auth_ed25519, "ed25519");
AUTH (auth_ed448, "ed448");
AUTH (auth_ike, "ike");

static const IkeFeature *const features[] = {
  &auth_pubkey,
  &auth_rsa,
  &auth_ecdsa,
  &auth_eddsa,
  &auth_ed25519,
  &auth_ed448,
  &auth_ike,
  &pubkey_hashes_feature,
  &pubkey_methods_feature,
  &pubkey_init_feature,
  &pubkey_certs_feature,
  &pubkey_lookup_feature,
  NULL,
};

#define KIND(kind_name, type, last)                                                                \
  &(const IkeFeatureKind)                                                                          \
  {                                                                                                \
    sizeof (IkeFeatureKind), kind_name, 1, 0, G_STRUCT_OFFSET (type, last) + sizeof (gpointer),    \
        sizeof (type)                                                                              \
  }

static const IkeFeatureKind *const kinds[] = {
  KIND ("service:pki", IkePkiOps, ocsp_read),
  KIND ("service:credentials", IkeCredentialsOps, crl),
  KIND ("revocation", IkeRevocationClass, check),
  KIND ("fetch", IkeFetchClass, fetch),
  NULL,
};

#define OPTION(path, type, fallback, doc)                                                          \
  &(const IkeOptionInfo)                                                                           \
  {                                                                                                \
    sizeof (IkeOptionInfo), path, type, fallback, doc                                              \
  }

static const IkeOptionInfo *const options[] = {
  OPTION (
      "plugin/rsa_pss", "bool", "no",
      "Sign with RSASSA-PSS where `auth` leaves it open and the peer takes it; else with PKCS#1 "
      "v1.5. Both are verified."),
  OPTION (
      "plugin/signature_authentication", "bool", "yes",
      "Tell peers that we know digital signatures (RFC 7427). Without it the methods of RFC 7296 "
      "and RFC 4754 are used, with SHA-1 for RSA."),
  OPTION ("plugin/hash_and_url", "bool", "no",
          "Fetch certificates that a peer names by hash and URL, before it has proved who it is; "
          "fetch-curl's `hosts` says from where."),
  OPTION ("plugin/announce_methods", "bool", "yes",
          "Tell peers which signatures we verify (RFC 9593)."),
  OPTION ("connection/send_cert", "enum:ifasked|always|never", "ifasked",
          "When to send our certificates."),
  OPTION ("connection/send_certreq", "bool", "yes", "Ask the peer for certificates of our CAs."),
  OPTION ("connection/ocsp", "enum:both|reply|request|never", "reply",
          "OCSP responses in IKE (RFC 4806): send one when asked, ask for one, or both."),
  OPTION ("local/certs", "list", NULL, "Files of certificates, one of which we authenticate with."),
  OPTION ("local/pubkeys", "list", NULL, "Files of raw public keys, likewise (RFC 7670)."),
  OPTION ("remote/certs", "list", NULL, "Files of certificates, one of which the peer must have."),
  OPTION ("remote/cacerts", "list", NULL,
          "Files of CAs, one of which must have issued the peer's."),
  OPTION ("remote/pubkeys", "list", NULL, "Files of raw public keys, one of which is the peer's."),
  OPTION ("remote/ca_id", "string", NULL, "The identity of a CA that must be in the peer's chain."),
  OPTION ("remote/cert_policy", "list", NULL,
          "OIDs of certificate policies, one of which the peer's chain must have."),
  OPTION ("remote/revocation", "enum:relaxed|ifuri|strict", "relaxed",
          "Whether it must be known that no certificate was revoked: no; when the certificate says "
          "where to ask; always."),
  NULL,
};

IKE_PLUGIN (ike_plugin, "auth-pubkey", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "authentication with certificates and public keys", .features = features,
            .kinds = kinds, .options = options, .activate = pubkey_activate);
