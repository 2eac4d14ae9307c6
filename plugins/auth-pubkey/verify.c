/* SPDX-License-Identifier: Apache-2.0 */
/* verify.c - is the peer who it says to be?  The signature, the identity, the chain, then whether
 * something of it was revoked.
 *
 * What costs time is done on copies and references, where the call sends it; what is found is
 * judged on the shard.  Nothing is fetched before the signature is right and the chain trusted. */
#include "verify.h"

#include <string.h>

#include "shared/revoked/revoked.h"

static void
verify_unref (gpointer data)
{
  Verify *verify = data;
  const IkePkiOps *pki = verify->pubkey->pki;

  if (!g_atomic_int_dec_and_test (&verify->references))
    return;
  if (verify->call)
    ike_call_fail (verify->call, "the signature was not checked in time");
  for (guint i = 0; i < verify->n_keys; i++) {
    pki->cert_unref (verify->keys[i].cert);
    pki->pubkey_unref (verify->keys[i].key);
  }
  for (guint i = 0; i < verify->n_sent; i++)
    g_bytes_unref (verify->sent[i]);
  g_clear_pointer (&verify->sent_raw, g_bytes_unref);
  for (guint i = 0; i < verify->n_certs; i++)
    pki->cert_unref (verify->certs[i]);
  pki->pubkey_unref (verify->raw);
  g_free (verify->cert_error);
  for (guint i = 0; i < verify->n_ocsp; i++)
    g_bytes_unref (verify->ocsp[i]);
  pki->chain_clear (&verify->chain);
  pubkey_conf_clear (&verify->rules);
  verify->pubkey->credentials->unref (verify->credentials);
  ike_ident_unref (verify->peer_id);
  g_bytes_unref (verify->octets);
  g_free (verify->signature);
  g_free (verify);
}

static Verify *
verify_ref (Verify *verify)
{
  g_atomic_int_inc (&verify->references);
  return verify;
}

static gpointer
judge_work (gpointer arg, const char **error)
{
  pubkey_judge (arg);
  return arg;
}

/* Microseconds, roughly: reading a public key takes libcrypto 3.0 longer than most signatures.  Of
 * those the length tells the size of the key, and CAs have keys like those below them. */
static guint32
cost_of (const Verify *verify)
{
  guint32 len = (guint32) verify->signature_len, one = 600;

  if (verify->schemes[0]->key_type == IKE_KEY_RSA)
    one = 10 + len * len / 3000;
  else if (verify->schemes[0]->key_type == IKE_KEY_ECDSA)
    one = len <= 72 ? 80 : 1000;
  else if (verify->schemes[0]->key_type == IKE_KEY_ED25519)
    one = 110;
  return 2 * one + verify->n_sent * (300 + one);
}

/* -- on the shard again */

static void
refuse (Verify *verify, const char *reason)
{
  ike_call_fail (g_steal_pointer (&verify->call), reason);
}

static void
accept_peer (Verify *verify, IkeSa *sa)
{
  IkeCertificateEvent event = { sizeof event, verify->chain.chain, verify->chain.n, verify->peer_id,
                                NULL };

  if (ike_certificate_hook_emit (verify->pubkey->on_certificate, sa, &event) == IKE_HOOK_REJECT)
    refuse (verify, event.reason ? event.reason : "a plugin did not take the certificate");
  else
    ike_call_answer (g_steal_pointer (&verify->call), (gpointer) verify->scheme->name);
}

static void
revocation_known (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Verify *verify = data;
  g_autofree char *why = revoked_why (verify->rules.revocation, result, error);

  if (why)
    refuse (verify, why);
  else
    accept_peer (verify, owner);
}

static const IkeCallClass revocation_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "revocation",
  .timeout_ms = 15000,
  .then = revocation_known,
  .undo = g_free,
  .free_data = verify_unref,
};

static void
ask_revocation (Verify *verify, IkeSa *sa)
{
  IkeRevocationQuery query = {
    .struct_size = sizeof query,
    .policy = verify->rules.revocation,
    .chain = verify->chain.chain,
    .n = verify->chain.n,
    .ocsp = verify->ocsp,
    .n_ocsp = verify->n_ocsp,
  };
  const char *why;
  const IkeProvided *revocation = revoked_find (verify->pubkey->engine, &query, &why);

  if (revocation)
    revoked_ask (revocation, &query, ike_sa_call (sa, &revocation_call, verify_ref (verify)));
  else if (why)
    refuse (verify, why);
  else
    accept_peer (verify, sa);
}

/* For the next connection that may take this peer. */
static void
remember (PubkeyPeer *peer, const Verify *verify)
{
  const IkePkiOps *pki = peer->pubkey->pki;

  peer->is_refuted |= verify->is_refuted;
  if (peer->is_parsed)
    return;
  peer->is_parsed = TRUE;
  for (guint i = 0; i < verify->n_certs; i++)
    peer->certs[peer->n_certs++] = pki->cert_ref (verify->certs[i]);
  peer->raw = verify->raw ? pki->pubkey_ref (verify->raw) : NULL;
  if (!peer->cert_error)
    peer->cert_error = g_strdup (verify->cert_error);
}

static void
judged (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Verify *verify = data;
  PubkeyPeer *peer = pubkey_peer (verify->pubkey, owner);

  if (error) {
    refuse (verify, error);
    return;
  }
  remember (peer, verify);
  if (verify->is_good)
    ask_revocation (verify, owner);
  else
    refuse (verify, verify->reason);
}

static const IkeCallClass judge_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "signature and certificates",
  .timeout_ms = 10000,
  .then = judged,
  .free_data = verify_unref,
};

/* -- what there is to judge */

/* RFC 7427, 3: "ASN.1 Length (1 octet)", "Algorithm Identifier (variable length)", which must be
 * one that we know, byte by byte; only what we said that we know (RFC 7427, 4). */
static gboolean
read_new (Verify *verify, const guint8 *value, gsize len)
{
  Pubkey *pubkey = verify->pubkey;
  guint32 hashes = pubkey_our_hashes (pubkey);
  const IkeSigScheme *scheme;
  const guint8 *algorithm;
  IkeReader r;
  guint8 n;

  ike_reader_init (&r, value, len);
  n = ike_reader_u8 (&r);
  algorithm = ike_reader_bytes (&r, n);
  if (!algorithm || n == 0 || ike_reader_left (&r) == 0) {
    pubkey_say (verify, "its AUTH holds no digital signature as RFC 7427 writes it");
    return FALSE;
  }
  for (guint i = 0; (scheme = pubkey->pki->scheme (pubkey->pki_at->plugin, i)); i++)
    for (guint k = 0; scheme->method == IKE_AUTH_SIGNATURE && scheme->algorithms[k].data; k++)
      if (scheme->algorithms[k].len == n && memcmp (scheme->algorithms[k].data, algorithm, n) == 0
          && hashes >> scheme->hash_id & 1) {
        verify->schemes[verify->n_schemes++] = scheme;
        verify->signature_len = ike_reader_left (&r);
        verify->signature =
            g_memdup2 (ike_reader_bytes (&r, verify->signature_len), verify->signature_len);
        return TRUE;
      }
  pubkey_say (verify, "it signs by an algorithm that we did not offer to verify");
  return FALSE;
}

static gboolean
read_old (Verify *verify, guint8 method, const guint8 *value, gsize len)
{
  Pubkey *pubkey = verify->pubkey;
  const IkeSigScheme *scheme;

  for (guint i = 0; (scheme = pubkey->pki->scheme (pubkey->pki_at->plugin, i)); i++)
    if (scheme->method == method && verify->n_schemes < G_N_ELEMENTS (verify->schemes))
      verify->schemes[verify->n_schemes++] = scheme;
  if (verify->n_schemes == 0) {
    pubkey_say (verify, "it authenticates by method %u, which nothing that is loaded verifies",
                method);
    return FALSE;
  }
  verify->signature_len = len;
  verify->signature = g_memdup2 (value, len);
  return TRUE;
}

/* RFC 7296, 3.8 leaves the hash of an RSA signature to its inside, so `auth` may exclude some. */
static gboolean
keep_allowed (Verify *verify)
{
  guint n = 0;
  const char *name = verify->schemes[0]->name;

  for (guint i = 0; i < verify->n_schemes; i++)
    if (pubkey_rule_takes_scheme (&verify->rules.constraint.ike, verify->schemes[i]))
      verify->schemes[n++] = verify->schemes[i];
  verify->is_narrowed = n < verify->n_schemes;
  verify->n_schemes = n;
  if (n == 0)
    pubkey_say (verify, "it signs by %s, which `auth` does not take", name);
  return n > 0;
}

static void
take_sent (Verify *verify, const PubkeyPeer *peer)
{
  const IkePkiOps *pki = verify->pubkey->pki;

  verify->is_parsed = peer->is_parsed;
  verify->cert_error = g_strdup (peer->cert_error);
  for (guint i = 0; i < peer->n_certs; i++)
    verify->certs[verify->n_certs++] = pki->cert_ref (peer->certs[i]);
  verify->raw = peer->raw ? pki->pubkey_ref (peer->raw) : NULL;
  for (guint i = 0; !peer->is_parsed && i < peer->n_sent; i++)
    verify->sent[verify->n_sent++] = g_bytes_ref (peer->sent[i]);
  verify->sent_raw = !peer->is_parsed && peer->sent_raw ? g_bytes_ref (peer->sent_raw) : NULL;
  for (guint i = 0; i < peer->n_ocsp; i++)
    verify->ocsp[verify->n_ocsp++] = g_bytes_ref (peer->ocsp[i]);
}

static Verify *
verify_new (Pubkey *pubkey, IkeCredentials *credentials_take, IkeSa *sa, const IkeAuthConf *conf,
            GBytes *octets)
{
  Verify *verify = g_new0 (Verify, 1);

  verify->references = 1;
  verify->pubkey = pubkey;
  verify->peer_id = ike_ident_ref (ike_sa_remote_id (sa));
  verify->octets = g_bytes_ref (octets);
  verify->now = ike_engine_wall_us (pubkey->engine) / G_USEC_PER_SEC;
  verify->chain.struct_size = sizeof verify->chain;
  pubkey_conf_read (pubkey, conf, FALSE, &verify->rules);
  verify->credentials = credentials_take;
  verify->trust =
      pubkey->credentials->trust (verify->credentials, (const char *const *) verify->rules.cacerts);
  return verify;
}

void
pubkey_verify (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, guint8 method,
               const guint8 *value, gsize len, GBytes *octets)
{
  Pubkey *pubkey = ike_plugin_state (self);
  const PubkeyPeer *peer = pubkey_peer (pubkey, sa);
  IkeCredentials *credentials = pubkey->credentials->get (pubkey->credentials_at->plugin);
  Verify *verify;
  gboolean is_read;

  if (!credentials) {
    ike_call_fail (call, "the plugin that keeps certificates and keys has ended");
    return;
  }
  if (peer->is_refuted) {
    pubkey->credentials->unref (credentials);
    ike_call_fail (call, "the signature in AUTH is not one by the key of its certificate");
    return;
  }
  verify = verify_new (pubkey, credentials, sa, conf, octets);
  verify->call = call;
  is_read = method == IKE_AUTH_SIGNATURE ? read_new (verify, value, len)
                                         : read_old (verify, method, value, len);
  take_sent (verify, peer);
  if (is_read && keep_allowed (verify))
    ike_call_run (ike_sa_call (sa, &judge_call, verify_ref (verify)), pubkey->engine,
                  cost_of (verify), judge_work, verify_ref (verify), verify_unref);
  else
    refuse (verify, verify->reason);
  verify_unref (verify);
}
