/* SPDX-License-Identifier: Apache-2.0 */
/* judge.c - did the key of a peer make this signature, does its certificate stand for it, and do we
 * trust that?  On any thread. */
#include "verify.h"

#include <string.h>

void
pubkey_say (Verify *verify, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_vsnprintf (verify->reason, sizeof verify->reason, format, args);
  va_end (args);
}

static char *
name_of (const Verify *verify, const IkeCert *cert, char out[static 128])
{
  return ike_ident_format (verify->pubkey->pki->cert_info (cert)->subject, out, 128);
}

static const IkeSigScheme *
find_maker (const Verify *verify, guint k)
{
  const IkePkiOps *pki = verify->pubkey->pki;
  IkePart part;

  part.data = g_bytes_get_data (verify->octets, &part.len);
  for (guint i = 0; i < verify->n_schemes; i++)
    if (pki->verify (verify->pubkey->pki_at->plugin, verify->keys[k].key, verify->schemes[i], &part,
                     1, verify->signature, verify->signature_len))
      return verify->schemes[i];
  return NULL;
}

static void
say_whom_it_stands_for (Verify *verify, const IkeCert *cert)
{
  const IkeCertInfo *info = verify->pubkey->pki->cert_info (cert);
  g_autoptr (GString) names = g_string_new (NULL);
  char subject[128], wanted[128], name[128];

  for (guint i = 0; i < MIN (info->n_names, 4); i++)
    g_string_append_printf (names, "%s%s", i ? ", " : " or ",
                            ike_ident_format (info->names[i], name, sizeof name));
  pubkey_say (verify, "it says to be %s, but its certificate stands for %s%s only",
              ike_ident_format (verify->peer_id, wanted, sizeof wanted),
              name_of (verify, cert, subject), names->str);
}

/* Somebody put it into our files: no chain is needed, but it has its time. */
static gboolean
judge_pinned (Verify *verify, IkeCert *cert)
{
  const IkeCertInfo *info = verify->pubkey->pki->cert_info (cert);
  char subject[128];

  if (verify->now >= info->not_before && verify->now <= info->not_after) {
    verify->chain.chain[0] = verify->pubkey->pki->cert_ref (cert);
    verify->chain.n = 1;
    return TRUE;
  }
  pubkey_say (verify, "certificate %s, which we know, is %s", name_of (verify, cert, subject),
              verify->now < info->not_before ? "not valid yet" : "expired");
  return FALSE;
}

static gboolean
judge_chain (Verify *verify, guint k)
{
  const IkePkiOps *pki = verify->pubkey->pki;
  IkeChainQuery query = {
    .struct_size = sizeof query,
    .leaf = verify->keys[k].cert,
    .others = verify->certs + 1,
    .n_others = verify->n_certs ? verify->n_certs - 1 : 0,
    .trust = verify->trust,
    .now = verify->now,
    .policies = (const char *const *) verify->rules.policies,
  };

  if (pki->chain_check (verify->pubkey->pki_at->plugin, &query, &verify->chain))
    return TRUE;
  if (verify->keys[k].is_pinned && !verify->rules.cacerts && !verify->rules.ca_id
      && !verify->rules.policies)
    return judge_pinned (verify, verify->keys[k].cert);
  pubkey_say (verify, "%s", verify->chain.reason);
  return FALSE;
}

/* `ca_id`: somebody of that name must have issued it, however far up. */
static gboolean
judge_ca_id (Verify *verify)
{
  char text[128];

  if (!verify->rules.ca_id)
    return TRUE;
  for (guint i = 1; i < verify->chain.n; i++)
    if (verify->pubkey->pki->cert_has (verify->chain.chain[i], verify->rules.ca_id))
      return TRUE;
  pubkey_say (verify, "no CA in the chain of its certificate is %s, as `ca_id` wants",
              ike_ident_format (verify->rules.ca_id, text, sizeof text));
  return FALSE;
}

static gboolean
judge_certificate (Verify *verify, guint k)
{
  IkeCert *cert = verify->keys[k].cert;
  g_autofree char *why = NULL;

  if (!verify->pubkey->pki->cert_has (cert, verify->peer_id)) {
    say_whom_it_stands_for (verify, cert);
    return FALSE;
  }
  if (!judge_chain (verify, k) || !judge_ca_id (verify))
    return FALSE;
  if (!pubkey_rule_takes_chain (&verify->rules.constraint.chain, verify->pubkey->pki,
                                verify->chain.chain, verify->chain.n, &why)) {
    pubkey_say (verify, "%s", why);
    return FALSE;
  }
  return TRUE;
}

static void
add_key (Verify *verify, IkeCert *cert, const IkePubkey *key, gboolean is_pinned)
{
  const IkePkiOps *pki = verify->pubkey->pki;
  guint n = verify->n_keys;

  if (n == KEYS_MAX)
    return;
  verify->keys[n].cert = cert ? pki->cert_ref (cert) : NULL;
  verify->keys[n].key = pki->pubkey_ref (key);
  verify->keys[n].is_pinned = is_pinned;
  verify->n_keys++;
}

static gboolean
is_same_cert (const Verify *verify, const IkeCert *a, const IkeCert *b)
{
  return memcmp (verify->pubkey->pki->cert_info (a)->sha256,
                 verify->pubkey->pki->cert_info (b)->sha256, 32)
         == 0;
}

/* `certs`: the peer's must be one of them; if it sent none, any of them may be. */
static void
add_named (Verify *verify, const IkeCert *sent)
{
  const Pubkey *pubkey = verify->pubkey;
  IkeCert *found[KEYS_MAX];

  for (guint i = 0; verify->rules.certs[i]; i++) {
    guint n = pubkey->credentials->certs (verify->credentials, IKE_CREDENTIAL_CERT,
                                          verify->rules.certs[i], found, KEYS_MAX);
    if (n && (!sent || is_same_cert (verify, sent, found[0])))
      add_key (verify, found[0], pubkey->pki->cert_info (found[0])->pubkey, TRUE);
  }
}

static void
add_raw (Verify *verify)
{
  const Pubkey *pubkey = verify->pubkey;
  const IkePkiOps *pki = pubkey->pki;

  for (guint i = 0; verify->rules.pubkeys && verify->rules.pubkeys[i]; i++) {
    const IkePubkey *key =
        pubkey->credentials->pubkey (verify->credentials, verify->rules.pubkeys[i]);
    if (key
        && (!verify->raw
            || memcmp (pki->pubkey_info (key)->id, pki->pubkey_info (verify->raw)->id,
                       IKE_KEY_ID_LEN)
                   == 0))
      add_key (verify, NULL, key, TRUE);
  }
}

/* It sent nothing: what we have about it. */
static void
add_known (Verify *verify)
{
  const Pubkey *pubkey = verify->pubkey;
  IkeCert *found[KEYS_MAX];
  guint n = pubkey->credentials->find (verify->credentials, verify->peer_id, found, KEYS_MAX);

  for (guint i = 0; i < n; i++)
    add_key (verify, found[i], pubkey->pki->cert_info (found[i])->pubkey, TRUE);
}

static gboolean
collect_keys (Verify *verify)
{
  const Pubkey *pubkey = verify->pubkey;
  IkeCert *sent = verify->n_certs ? verify->certs[0] : NULL;

  if (!sent)
    add_raw (verify);
  if (verify->rules.certs)
    add_named (verify, sent);
  else if (sent)
    add_key (verify, sent, pubkey->pki->cert_info (sent)->pubkey,
             pubkey->credentials->is_pinned (verify->credentials, sent));
  else if (!verify->raw && !verify->rules.pubkeys)
    add_known (verify);
  if (verify->n_keys)
    return TRUE;
  if (verify->cert_error)
    pubkey_say (verify, "its certificate cannot be used: %s", verify->cert_error);
  else if (sent || verify->raw)
    pubkey_say (verify, "its %s is none of those that `%s` names",
                sent ? "certificate" : "public key", sent ? "certs" : "pubkeys");
  else
    pubkey_say (verify, "it sent no certificate, and we have none for it");
  return FALSE;
}

/* A certificate that makes no sense is told only when there is no other. */
static void
note_error (Verify *verify, const GError *error)
{
  if (!verify->cert_error)
    verify->cert_error = g_strdup (error->message);
}

static void
parse_sent (Verify *verify)
{
  const Pubkey *pubkey = verify->pubkey;
  IkePlugin *plugin = pubkey->pki_at->plugin;

  for (guint i = 0; i < verify->n_sent; i++) {
    g_autoptr (GError) error = NULL;
    gsize len;
    const guint8 *data = g_bytes_get_data (verify->sent[i], &len);
    IkeCert *cert = pubkey->pki->cert_parse (plugin, data, len, &error);
    if (cert)
      verify->certs[verify->n_certs++] = cert;
    else
      note_error (verify, error);
  }
  if (verify->sent_raw) {
    g_autoptr (GError) error = NULL;
    gsize len;
    const guint8 *data = g_bytes_get_data (verify->sent_raw, &len);
    verify->raw = pubkey->pki->pubkey_parse (plugin, data, len, &error);
    if (!verify->raw)
      note_error (verify, error);
  }
}

void
pubkey_judge (Verify *verify)
{
  const IkePubkeyInfo *info;
  char subject[128];

  if (!verify->is_parsed)
    parse_sent (verify);
  if (!collect_keys (verify))
    return;
  for (guint k = 0; k < verify->n_keys; k++) {
    verify->scheme = find_maker (verify, k);
    if (!verify->scheme)
      continue;
    info = verify->pubkey->pki->pubkey_info (verify->keys[k].key);
    if (!pubkey_rule_takes_key (&verify->rules.constraint.ike, info)) {
      pubkey_say (verify, "it signs with a key of kind %s, which `auth` does not take", info->name);
      return;
    }
    verify->is_good = !verify->keys[k].cert || judge_certificate (verify, k);
    return;
  }
  /* A key that the peer sent is the same for every connection; keys that one names are not. */
  verify->is_refuted = (verify->n_certs || verify->raw) && !verify->is_narrowed;
  if (verify->n_keys == 1 && verify->keys[0].cert)
    pubkey_say (verify, "the signature in AUTH is not one by the key of its certificate %s",
                name_of (verify, verify->keys[0].cert, subject));
  else
    pubkey_say (verify, "the signature in AUTH is by none of the %u public keys known for it",
                verify->n_keys);
}
