/* SPDX-License-Identifier: Apache-2.0 */
/* constraint.c - `auth = rsa-2048-sha256`, `ecdsa-384-sha384`, `pubkey-ike:rsa/pss-sha512`: which
 * keys and signatures are good enough.
 *
 * As swanctl has it: words for keys, each with a least strength; words for hashes; what follows
 * `ike:` is about the signature in AUTH only, what stands before it about certificates, and about
 * both when there is no `ike:`. */
#include "pubkey.h"

#include <string.h>

typedef struct {
  const char *word;
  guint8 types;
  gboolean is_pss, is_pkcs1;
} KeyWord;

#define BIT(type) (guint8) (1 << (type))
#define EDDSA (BIT (IKE_KEY_ED25519) | BIT (IKE_KEY_ED448))

static const KeyWord key_words[] = {
  { "pubkey", 0, FALSE, FALSE },
  { "rsa", BIT (IKE_KEY_RSA), FALSE, FALSE },
  { "rsa/pkcs1", BIT (IKE_KEY_RSA), FALSE, TRUE },
  { "rsa/pss", BIT (IKE_KEY_RSA), TRUE, FALSE },
  { "ecdsa", BIT (IKE_KEY_ECDSA), FALSE, FALSE },
  { "eddsa", EDDSA, FALSE, FALSE },
  { "ed25519", BIT (IKE_KEY_ED25519), FALSE, FALSE },
  { "ed448", BIT (IKE_KEY_ED448), FALSE, FALSE },
};

static const struct {
  const char *word;
  guint16 hash;
} hash_words[] = {
  { "sha1", IKE_SIGHASH_SHA1 },         { "sha256", IKE_SIGHASH_SHA2_256 },
  { "sha384", IKE_SIGHASH_SHA2_384 },   { "sha512", IKE_SIGHASH_SHA2_512 },
  { "identity", IKE_SIGHASH_IDENTITY },
};

static const KeyWord *
key_word (const char *word)
{
  for (guint i = 0; i < G_N_ELEMENTS (key_words); i++)
    if (strcmp (key_words[i].word, word) == 0)
      return &key_words[i];
  return NULL;
}

static gboolean
add_hash (PubkeyRule *rule, const char *word)
{
  for (guint i = 0; i < G_N_ELEMENTS (hash_words); i++)
    if (strcmp (hash_words[i].word, word) == 0 && rule->n_hashes < RULE_HASHES_MAX) {
      rule->hashes[rule->n_hashes++] = hash_words[i].hash;
      return TRUE;
    }
  return FALSE;
}

/* A number is the least strength of the key named last. */
static gboolean
add_strength (PubkeyRule *rule, const KeyWord *of, const char *word)
{
  guint64 bits;

  if (!of || !ike_value_uint (word, &bits) || bits > 16384)
    return FALSE;
  if (of->types == BIT (IKE_KEY_RSA))
    rule->min_rsa = (guint16) bits;
  else if (of->types == BIT (IKE_KEY_ECDSA))
    rule->min_ecdsa = (guint16) bits;
  else
    return FALSE;
  return TRUE;
}

static gboolean
add_word (PubkeyRule *rule, const KeyWord **last, const char *word)
{
  const KeyWord *key = key_word (word);

  if (!key)
    return add_hash (rule, word) || add_strength (rule, *last, word);
  rule->types |= key->types;
  rule->has_pss |= key->is_pss;
  rule->has_pkcs1 |= key->is_pkcs1;
  *last = key;
  return TRUE;
}

gboolean
pubkey_constraint_parse (const char *text, PubkeyConstraint *out, char **why)
{
  g_auto (GStrv) words = g_strsplit (text, "-", -1);
  const KeyWord *last = NULL;
  PubkeyRule *rule = &out->chain;

  memset (out, 0, sizeof *out);
  for (guint i = 0; words[i]; i++) {
    const char *word = words[i];
    if (g_str_has_prefix (word, "ike:")) {
      rule = &out->ike;
      last = NULL;
      word += strlen ("ike:");
    }
    if (!add_word (rule, &last, word)) {
      *why = g_strdup_printf ("'%s' in '%s' is no key, strength or hash; such as rsa-2048-sha256, "
                              "ecdsa-384-sha384, ed25519, ike:rsa/pss-sha256",
                              word, text);
      return FALSE;
    }
  }
  if (rule == &out->chain)
    out->ike = out->chain;
  return TRUE;
}

static gboolean
takes_type (const PubkeyRule *rule, guint8 type)
{
  return rule->types == 0 || (type < 8 && rule->types & BIT (type));
}

gboolean
pubkey_rule_takes_key (const PubkeyRule *rule, const IkePubkeyInfo *key)
{
  return takes_type (rule, key->type) && !(key->type == IKE_KEY_RSA && key->bits < rule->min_rsa)
         && !(key->type == IKE_KEY_ECDSA && key->bits < rule->min_ecdsa);
}

/* An algorithm that hashes itself is taken where its key is named, whatever the hashes. */
static gboolean
takes_hash (const PubkeyRule *rule, guint8 key_type, guint16 hash_id)
{
  if (rule->n_hashes == 0 || (hash_id == IKE_SIGHASH_IDENTITY && rule->types & BIT (key_type)))
    return TRUE;
  for (guint i = 0; i < rule->n_hashes; i++)
    if (rule->hashes[i] == hash_id)
      return TRUE;
  return FALSE;
}

gboolean
pubkey_rule_takes_scheme (const PubkeyRule *rule, const IkeSigScheme *scheme)
{
  if (!takes_type (rule, scheme->key_type) || !takes_hash (rule, scheme->key_type, scheme->hash_id))
    return FALSE;
  if (scheme->key_type != IKE_KEY_RSA || rule->has_pss == rule->has_pkcs1)
    return TRUE;
  return scheme->is_pss == rule->has_pss;
}

gboolean
pubkey_rule_takes_chain (const PubkeyRule *rule, const IkePkiOps *pki, IkeCert *const *chain,
                         guint n, char **why)
{
  char subject[128];

  for (guint i = 0; i < n; i++) {
    const IkeCertInfo *info = pki->cert_info (chain[i]);
    const IkePubkeyInfo *key = pki->pubkey_info (info->pubkey);
    ike_ident_format (info->subject, subject, sizeof subject);
    if (!pubkey_rule_takes_key (rule, key)) {
      *why = g_strdup_printf ("the key of certificate %s, %s, is not one that `auth` takes",
                              subject, key->name);
      return FALSE;
    }
    /* Nobody relies on what an anchor says about itself. */
    if (i + 1 < n && !takes_hash (rule, info->signature_type, info->signature_hash)) {
      *why = g_strdup_printf ("certificate %s is signed with a hash that `auth` does not take",
                              subject);
      return FALSE;
    }
  }
  return TRUE;
}
