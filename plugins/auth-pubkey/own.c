/* SPDX-License-Identifier: Apache-2.0 */
/* own.c - which certificate and key we authenticate with, by which scheme, and the signature. */
#include "pubkey.h"

#include <string.h>

/* -- schemes */

/* What the peer said that it can verify.  RFC 7427, 4: "When calculating the digital signature, a
 * peer MUST pick one algorithm sent by the other peer."  One that said nothing gets a method of RFC
 * 7296 or RFC 4754. */
static gboolean
peer_takes (const PubkeyPeer *peer, const IkeSigScheme *scheme, guint i)
{
  if (peer->has_announced && peer->announced
      && !(i < PUBKEY_SCHEMES_MAX && peer->announced >> i & 1))
    return FALSE;
  if (scheme->method == IKE_AUTH_SIGNATURE)
    return peer->has_hashes && peer->hashes >> scheme->hash_id & 1;
  /* RFC 7296, 3.8: "SHOULD use SHA-1 as the default hash function when generating signatures"; the
   * other hashes of this method are for verifying. */
  return !peer->has_hashes
         && (scheme->method != IKE_AUTH_RSA || scheme->hash_id == IKE_SIGHASH_SHA1);
}

/* The hash that is as strong as the key. */
static guint16
fitting_hash (const IkePubkeyInfo *key)
{
  guint32 low = key->type == IKE_KEY_RSA ? 3072 : 256, high = key->type == IKE_KEY_RSA ? 7680 : 384;

  return key->bits <= low    ? IKE_SIGHASH_SHA2_256
         : key->bits <= high ? IKE_SIGHASH_SHA2_384
                             : IKE_SIGHASH_SHA2_512;
}

/* More is better: first the order of hashes in the configuration, else the hash that fits, else the
 * next stronger one. */
static guint
liking (const Pubkey *pubkey, const PubkeyRule *rule, const IkeSigScheme *scheme,
        const IkePubkeyInfo *key)
{
  guint fitting = fitting_hash (key), score = 1;
  gboolean wants_pss = rule->has_pss || (pubkey->wants_pss && !rule->has_pkcs1);

  for (guint i = 0; i < rule->n_hashes; i++)
    if (rule->hashes[i] == scheme->hash_id)
      return 100 + 2 * (RULE_HASHES_MAX - i) + (scheme->is_pss == wants_pss);
  if (scheme->hash_id >= fitting)
    score = 40 - 2 * (scheme->hash_id - fitting);
  else
    score = 2 + 2 * scheme->hash_id;
  return score + (scheme->is_pss == wants_pss);
}

static const IkeSigScheme *
choose_scheme (const PubkeyPeer *peer, const PubkeyRule *rule, const IkeKey *key)
{
  Pubkey *pubkey = peer->pubkey;
  const IkePubkeyInfo *info = pubkey->pki->pubkey_info (key->pubkey);
  const IkeSigScheme *scheme, *best = NULL;
  guint best_score = 0;

  for (guint i = 0; (scheme = pubkey->pki->scheme (pubkey->pki_at->plugin, i)); i++) {
    guint score;
    if (scheme->key_type != info->type || (scheme->key_bits && scheme->key_bits != info->bits)
        || !peer_takes (peer, scheme, i) || !pubkey_rule_takes_scheme (rule, scheme)
        || (key->klass->can && !key->klass->can (key, scheme)))
      continue;
    score = liking (pubkey, rule, scheme, info);
    if (score > best_score) {
      best = scheme;
      best_score = score;
    }
  }
  return best;
}

/* -- the credential */

typedef struct {
  const PubkeyPeer *peer;
  const PubkeyRule *rule;
  gboolean has_refused;
} Taste;

static gboolean
accept_key (const IkeKey *key, gpointer data)
{
  Taste *taste = data;
  const Pubkey *pubkey = taste->peer->pubkey;

  if (pubkey_rule_takes_key (taste->rule, pubkey->pki->pubkey_info (key->pubkey))
      && choose_scheme (taste->peer, taste->rule, key))
    return TRUE;
  taste->has_refused = TRUE;
  return FALSE;
}

static char *
no_scheme (const PubkeyPeer *peer, char *why)
{
  const char *hint = peer->has_hashes
                         ? "the peer takes no signature that `auth` and our keys allow"
                         : "the peer does not know RFC 7427, and no older signature fits our keys "
                           "and `auth`";
  char *text = g_strdup_printf ("%s%s%s", hint, why ? "; " : "", why ? why : "");

  g_free (why);
  return text;
}

static void
choose_own (PubkeyPeer *peer, IkeSa *sa, const IkeAuthConf *conf)
{
  Pubkey *pubkey = peer->pubkey;
  IkeCredentials *credentials = pubkey->credentials->get (pubkey->credentials_at->plugin);
  PubkeyConf rules;
  Taste taste = { .peer = peer, .rule = &rules.constraint.ike };
  IkeOwnQuery query = {
    .struct_size = sizeof query,
    .id = conf->id && ike_ident_type (conf->id) != IKE_ID_ANY ? conf->id : NULL,
    .ca_ids = peer->ca_ids ? peer->ca_ids->data : NULL,
    .n_ca_ids = peer->ca_ids ? peer->ca_ids->len / IKE_KEY_ID_LEN : 0,
    .now = ike_engine_wall_us (pubkey->engine) / G_USEC_PER_SEC,
    .accept = accept_key,
    .data = &taste,
  };

  if (!credentials) {
    peer->why = g_strdup ("the plugin that keeps certificates and keys has ended");
    return;
  }
  pubkey_conf_read (pubkey, conf, TRUE, &rules);
  query.certs = (const char *const *) rules.certs;
  query.pubkeys = (const char *const *) rules.pubkeys;
  peer->own.struct_size = sizeof peer->own;
  if (pubkey->credentials->own (credentials, &query, &peer->own, &peer->why))
    peer->scheme = choose_scheme (peer, &rules.constraint.ike, peer->own.key);
  else if (taste.has_refused)
    peer->why = no_scheme (peer, peer->why);
  pubkey_conf_clear (&rules);
  pubkey->credentials->unref (credentials);
}

/* A responder may try several connections: each has its own. */
const IkeOwn *
pubkey_own (Pubkey *pubkey, IkeSa *sa, const IkeAuthConf *conf)
{
  PubkeyPeer *peer = pubkey_peer (pubkey, sa);

  if (peer->own_conf != conf) {
    pubkey->credentials->own_clear (&peer->own);
    g_clear_pointer (&peer->why, g_free);
    g_clear_pointer (&peer->staple, g_bytes_unref);
    peer->has_asked_staple = FALSE;
    peer->scheme = NULL;
    peer->own_conf = conf;
    choose_own (peer, sa, conf);
  }
  return peer->own.key && peer->scheme ? &peer->own : NULL;
}

/* RFC 4945, 3.1.5: the subject's name, when the configuration says nothing else. */
IkeIdent *
pubkey_identity (IkePlugin *self, IkeSa *sa, const IkeAuthConf *conf)
{
  Pubkey *pubkey = ike_plugin_state (self);
  const IkeOwn *own = pubkey_own (pubkey, sa, conf);
  const IkeCertInfo *info = own && own->cert ? pubkey->pki->cert_info (own->cert) : NULL;
  gsize len = 0;

  if (!info)
    return NULL;
  ike_ident_data (info->subject, &len);
  if (len > 2)
    return ike_ident_ref (info->subject);
  return info->n_names ? ike_ident_ref (info->names[0]) : NULL;
}

/* -- the signature */

typedef struct {
  IkeCall *call;
  const IkeSigScheme *scheme;
} Signing;

/* Whoever waits is told, also when the SA went away meanwhile. */
static void
signing_free (gpointer data)
{
  Signing *signing = data;

  if (signing->call)
    ike_call_fail (signing->call, "the signature was not made in time");
  g_free (signing);
}

/* RFC 7427, 3: "ASN.1 Length (1 octet)", "Algorithm Identifier (variable length)", and the
 * signature behind them. */
static void
signature_made (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Signing *signing = data;
  g_autoptr (GBytes) signature = result;
  const IkeSigScheme *scheme = signing->scheme;
  gboolean is_new = scheme->method == IKE_AUTH_SIGNATURE;
  gsize len = 0, head = is_new ? 1 + scheme->algorithms[0].len : 0;
  const guint8 *bytes = signature ? g_bytes_get_data (signature, &len) : NULL;
  IkeCall *call = g_steal_pointer (&signing->call);

  if (!signature) {
    ike_call_fail (call, error);
    return;
  }
  if (len > G_MAXUINT16 || head > 256) {
    ike_call_fail (call, "the signature is longer than an AUTH payload");
    return;
  }
  IkeAuthValue *value = g_malloc (sizeof *value + head + len);
  value->method = scheme->method;
  value->len = (guint32) (head + len);
  if (is_new) {
    value->data[0] = (guint8) scheme->algorithms[0].len;
    memcpy (value->data + 1, scheme->algorithms[0].data, scheme->algorithms[0].len);
  }
  memcpy (value->data + head, bytes, len);
  ike_call_answer (call, value);
}

static const IkeCallClass signature_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "signature",
  .timeout_ms = 20000,
  .then = signature_made,
  .undo = (GDestroyNotify) g_bytes_unref,
  .free_data = signing_free,
};

void
pubkey_sign (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, GBytes *octets)
{
  Pubkey *pubkey = ike_plugin_state (self);
  const IkeOwn *own = pubkey_own (pubkey, sa, conf);
  const PubkeyPeer *peer = pubkey_peer (pubkey, sa);
  Signing *signing;

  if (!own) {
    ike_call_fail (call, peer->why ? peer->why : "there is no key to sign with");
    return;
  }
  signing = g_new0 (Signing, 1);
  signing->call = call;
  signing->scheme = peer->scheme;
  own->key->klass->sign (own->key, pubkey->engine, peer->scheme, octets,
                         ike_sa_call (sa, &signature_call, signing));
}
