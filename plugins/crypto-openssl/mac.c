/* SPDX-License-Identifier: Apache-2.0 */
/* mac.c - hashes, HMAC (RFC 2104, 4868), AES-XCBC (RFC 3566, 4434) and AES-CMAC (RFC 4493, 4494,
 * 4615).
 *
 * The three constructions are written out here on kept digest and cipher contexts: libcrypto's
 * own copy the key to the heap, or make a cipher context anew, with every key they are given,
 * and here every message brings its key.  What is left is the one allocation that 3.0 makes
 * itself for every digest it starts. */
#include <openssl/err.h>
#include <string.h>

#include "private.h"

enum { HMAC_BLOCK_MAX = 128, AES_BLOCK = 16, CHUNK = 32 * AES_BLOCK };

typedef struct {
  DigestId digest;
  guint8 block_len, out_len;
} HashSpec;

typedef struct {
  const EVP_MD *digest;
  EVP_MD_CTX *context;
  guint8 block_len, out_len, icv_len;
} Hash;

static void
hash_free (gpointer data)
{
  Hash *hash = data;

  EVP_MD_CTX_free (hash->context);
  g_free (hash);
}

static gpointer
hash_new (IkePlugin *self, const HashSpec *spec, guint8 icv_len)
{
  const State *state = ike_plugin_state (self);

  if (!state->digests[spec->digest])
    return NULL;

  Hash *hash = g_new0 (Hash, 1);

  hash->digest = state->digests[spec->digest];
  hash->context = EVP_MD_CTX_new ();
  hash->block_len = spec->block_len;
  hash->out_len = spec->out_len;
  hash->icv_len = icv_len;
  if (hash->context)
    return hash;
  hash_free (hash);
  return NULL;
}

static gboolean
hash_parts (Hash *hash, const guint8 *prefix, const IkePart *parts, guint n_parts, guint8 *out)
{
  gboolean is_done = EVP_DigestInit_ex2 (hash->context, hash->digest, NULL) == 1;

  if (is_done && prefix)
    is_done = EVP_DigestUpdate (hash->context, prefix, hash->block_len) == 1;
  for (guint i = 0; is_done && i < n_parts; i++)
    if (parts[i].len > 0)
      is_done = EVP_DigestUpdate (hash->context, parts[i].data, parts[i].len) == 1;
  is_done = is_done && EVP_DigestFinal_ex (hash->context, out, NULL) == 1;
  if (!is_done)
    ERR_clear_error ();
  return is_done;
}

static gboolean
hash_run (gpointer scratch, const IkePart *parts, guint n_parts, guint8 *out)
{
  return hash_parts (scratch, NULL, parts, n_parts, out);
}

/* RFC 2104, 2: "H(K XOR opad, H(K XOR ipad, text))"; a key longer than a block is hashed first. */
static gboolean
hmac_run (gpointer scratch, const guint8 *key, gsize key_len, const IkePart *parts, guint n_parts,
          guint8 *out)
{
  Hash *hash = scratch;
  guint8 pad[HMAC_BLOCK_MAX] = { 0 }, inner[EVP_MAX_MD_SIZE];
  IkePart long_key = { key, key_len }, inner_part = { inner, hash->out_len };
  gboolean is_done = TRUE;

  if (key_len > hash->block_len)
    is_done = hash_parts (hash, NULL, &long_key, 1, pad);
  else if (key_len > 0)
    memcpy (pad, key, key_len);
  for (guint i = 0; i < hash->block_len; i++)
    pad[i] ^= 0x36;
  is_done = is_done && hash_parts (hash, pad, parts, n_parts, inner);
  for (guint i = 0; i < hash->block_len; i++)
    pad[i] ^= 0x36 ^ 0x5c;
  is_done = is_done && hash_parts (hash, pad, &inner_part, 1, out);
  ike_wipe (pad, sizeof pad);
  ike_wipe (inner, sizeof inner);
  return is_done;
}

/* RFC 4868, 2.3: "the first N bits of the output", and the key is as long as the hash. */
static gboolean
hmac_mac (gpointer scratch, const guint8 *key, const IkePart *parts, guint n_parts, guint8 *icv)
{
  const Hash *hash = scratch;
  guint8 whole[EVP_MAX_MD_SIZE];

  if (!hmac_run (scratch, key, hash->out_len, parts, n_parts, whole))
    return FALSE;
  memcpy (icv, whole, hash->icv_len);
  return TRUE;
}

typedef struct {
  EVP_CIPHER_CTX *ecb, *cbc;
} BlockMac;

static void
block_mac_free (gpointer data)
{
  BlockMac *mac = data;

  EVP_CIPHER_CTX_free (mac->ecb);
  EVP_CIPHER_CTX_free (mac->cbc);
  g_free (mac);
}

static EVP_CIPHER_CTX *
block_context_new (const EVP_CIPHER *cipher)
{
  EVP_CIPHER_CTX *context = cipher ? EVP_CIPHER_CTX_new () : NULL;

  if (context && EVP_CipherInit_ex2 (context, cipher, NULL, NULL, 1, NULL) == 1
      && EVP_CIPHER_CTX_set_padding (context, 0) == 1)
    return context;
  ERR_clear_error ();
  EVP_CIPHER_CTX_free (context);
  return NULL;
}

static gpointer
block_mac_new (IkePlugin *self)
{
  const State *state = ike_plugin_state (self);
  BlockMac *mac = g_new0 (BlockMac, 1);

  mac->ecb = block_context_new (state->ciphers[CIPHER_AES_128_ECB]);
  mac->cbc = block_context_new (state->ciphers[CIPHER_AES_128_CBC]);
  if (mac->ecb && mac->cbc)
    return mac;
  block_mac_free (mac);
  return NULL;
}

static gboolean
block_encrypt (EVP_CIPHER_CTX *context, const guint8 *in, gsize len, guint8 *out)
{
  int n;

  return EVP_CipherUpdate (context, out, &n, in, (int) len) == 1 && (gsize) n == len;
}

/* What XCBC and CMAC share: CBC over all blocks but the last, then the last one, whole or padded
 * with 10…, with the subkey for its case added. */
typedef struct {
  guint8 chain[AES_BLOCK];                    /* key of the CBC */
  guint8 whole[AES_BLOCK], padded[AES_BLOCK]; /* what is added to the last block */
} BlockKeys;

static gboolean
block_mac_parts (BlockMac *mac, const BlockKeys *keys, const IkePart *parts, guint n_parts,
                 guint8 *out)
{
  static const guint8 zero[AES_BLOCK];
  guint8 chunk[CHUNK], last[AES_BLOCK] = { 0 };
  gsize n = 0;

  if (EVP_CipherInit_ex2 (mac->cbc, NULL, keys->chain, zero, 1, NULL) != 1)
    return FALSE;
  for (guint i = 0; i < n_parts; i++) {
    for (gsize at = 0, take; at < parts[i].len; at += take, n += take) {
      if (n == CHUNK && !block_encrypt (mac->cbc, chunk, n, chunk))
        return FALSE;
      n %= CHUNK;
      take = MIN (CHUNK - n, parts[i].len - at);
      memcpy (chunk + n, parts[i].data + at, take);
    }
  }

  gsize n_last = n == 0 ? 0 : (n - 1) % AES_BLOCK + 1;
  const guint8 *subkey = n_last == AES_BLOCK ? keys->whole : keys->padded;

  memcpy (last, chunk + n - n_last, n_last);
  if (n_last < AES_BLOCK)
    last[n_last] = 0x80;
  for (guint i = 0; i < AES_BLOCK; i++)
    last[i] ^= subkey[i];
  return (n == n_last || block_encrypt (mac->cbc, chunk, n - n_last, chunk))
         && block_encrypt (mac->cbc, last, AES_BLOCK, out);
}

/* RFC 3566, 4: "K1 = 0x01010101010101010101010101010101 encrypted with Key K", and K2, K3
 * likewise. */
static gboolean
xcbc_keys (BlockMac *mac, const guint8 *key, BlockKeys *keys)
{
  memset (keys->chain, 0x01, AES_BLOCK);
  memset (keys->whole, 0x02, AES_BLOCK);
  memset (keys->padded, 0x03, AES_BLOCK);
  return EVP_CipherInit_ex2 (mac->ecb, NULL, key, NULL, 1, NULL) == 1
         && block_encrypt (mac->ecb, (guint8 *) keys, sizeof *keys, (guint8 *) keys);
}

static void
block_double (const guint8 *in, guint8 *out)
{
  guint8 carry = in[0] >> 7;

  for (guint i = 0; i < AES_BLOCK - 1; i++)
    out[i] = (guint8) (in[i] << 1 | in[i + 1] >> 7);
  /* RFC 4493, 2.3: "const_Rb is 0x87"; without a branch on a secret bit. */
  out[AES_BLOCK - 1] = (guint8) (in[AES_BLOCK - 1] << 1) ^ (guint8) (0x87 & -carry);
}

/* RFC 4493, 2.3: "L := AES-128(K, const_Zero)", K1 and K2 are L doubled once and twice. */
static gboolean
cmac_keys (BlockMac *mac, const guint8 *key, BlockKeys *keys)
{
  guint8 l[AES_BLOCK] = { 0 };
  gboolean is_done = EVP_CipherInit_ex2 (mac->ecb, NULL, key, NULL, 1, NULL) == 1
                     && block_encrypt (mac->ecb, l, AES_BLOCK, l);

  memcpy (keys->chain, key, AES_BLOCK);
  block_double (l, keys->whole);
  block_double (keys->whole, keys->padded);
  ike_wipe (l, sizeof l);
  return is_done;
}

typedef gboolean (*BlockKeysFunc) (BlockMac *mac, const guint8 *key, BlockKeys *keys);

static gboolean
block_mac_run (BlockMac *mac, BlockKeysFunc make_keys, const guint8 *key, const IkePart *parts,
               guint n_parts, guint8 *out)
{
  BlockKeys keys;
  gboolean is_done =
      make_keys (mac, key, &keys) && block_mac_parts (mac, &keys, parts, n_parts, out);

  ike_wipe (&keys, sizeof keys);
  if (!is_done)
    ERR_clear_error ();
  return is_done;
}

static gboolean
xcbc_mac (gpointer scratch, const guint8 *key, const IkePart *parts, guint n_parts, guint8 *icv)
{
  guint8 whole[AES_BLOCK];

  if (!block_mac_run (scratch, xcbc_keys, key, parts, n_parts, whole))
    return FALSE;
  memcpy (icv, whole, 12);
  return TRUE;
}

static gboolean
cmac_mac (gpointer scratch, const guint8 *key, const IkePart *parts, guint n_parts, guint8 *icv)
{
  guint8 whole[AES_BLOCK];

  if (!block_mac_run (scratch, cmac_keys, key, parts, n_parts, whole))
    return FALSE;
  memcpy (icv, whole, 12);
  return TRUE;
}

/* RFC 4434, 2: "If the key has fewer than 128 bits, lengthen it to exactly 128 bits by padding
 * it on the right with zero bits.  If the key is 129 bits or longer, shorten it … In that
 * re-application of this algorithm, the key is 128 zero bits; the message is the too-long
 * current key."  RFC 4615, 3: a key of any other length than 128 bits, shorter ones too, goes
 * through AES-CMAC with a key of zeros. */
static gboolean
block_prf (BlockMac *mac, BlockKeysFunc make_keys, const IkePart *key, const IkePart *parts,
           guint n_parts, guint8 *out)
{
  static const guint8 zero[AES_BLOCK];
  guint8 fixed[AES_BLOCK] = { 0 };
  gboolean is_done = TRUE;

  if (key->len > AES_BLOCK || (key->len < AES_BLOCK && make_keys == cmac_keys))
    is_done = block_mac_run (mac, make_keys, zero, key, 1, fixed);
  else if (key->len > 0)
    memcpy (fixed, key->data, key->len);
  is_done = is_done && block_mac_run (mac, make_keys, fixed, parts, n_parts, out);
  ike_wipe (fixed, sizeof fixed);
  return is_done;
}

static gboolean
xcbc_prf (gpointer scratch, const guint8 *key, gsize key_len, const IkePart *parts, guint n_parts,
          guint8 *out)
{
  IkePart key_part = { key, key_len };

  return block_prf (scratch, xcbc_keys, &key_part, parts, n_parts, out);
}

static gboolean
cmac_prf (gpointer scratch, const guint8 *key, gsize key_len, const IkePart *parts, guint n_parts,
          guint8 *out)
{
  IkePart key_part = { key, key_len };

  return block_prf (scratch, cmac_keys, &key_part, parts, n_parts, out);
}

#define INTEG(symbol, feature_name, transform_id, key, icv, new_func, free_func, mac_func)         \
  static const IkeIntegClass symbol##_class = {                                                    \
    .struct_size = sizeof (IkeIntegClass),                                                         \
    .transform = transform_id,                                                                     \
    .key_len = key,                                                                                \
    .icv_len = icv,                                                                                \
    .scratch_new = new_func,                                                                       \
    .scratch_free = free_func,                                                                     \
    .mac = mac_func,                                                                               \
  };                                                                                               \
  static gboolean symbol##_probe (IkePlugin *self, GError **error)                                 \
  {                                                                                                \
    return probe_integ (self, "integ:" feature_name, &symbol##_class, error);                      \
  }                                                                                                \
  const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                        \
                                        .provides = "integ:" feature_name,                         \
                                        .ops = &symbol##_class,                                    \
                                        .probe = symbol##_probe }

#define PRF(symbol, feature_name, transform_id, len, fixed, new_func, free_func, prf_func)         \
  static const IkePrfClass symbol##_class = {                                                      \
    .struct_size = sizeof (IkePrfClass),                                                           \
    .transform = transform_id,                                                                     \
    .out_len = len,                                                                                \
    .key_len = len,                                                                                \
    .is_key_fixed = fixed,                                                                         \
    .scratch_new = new_func,                                                                       \
    .scratch_free = free_func,                                                                     \
    .prf = prf_func,                                                                               \
  };                                                                                               \
  static gboolean symbol##_probe (IkePlugin *self, GError **error)                                 \
  {                                                                                                \
    return probe_prf (self, "prf:" feature_name, &symbol##_class, error);                          \
  }                                                                                                \
  const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                        \
                                        .provides = "prf:" feature_name,                           \
                                        .ops = &symbol##_class,                                    \
                                        .probe = symbol##_probe }

/* What hangs on one digest: the hash itself, its HMAC cut to an ICV, its HMAC as PRF. */
#define DIGEST(symbol, hash_name, number, block, len, icv, digest_id)                              \
  static const HashSpec symbol##_spec = { digest_id, block, len };                                 \
  static gpointer symbol##_new (IkePlugin *self)                                                   \
  {                                                                                                \
    return hash_new (self, &symbol##_spec, icv);                                                   \
  }                                                                                                \
  static const IkeHashClass hash_##symbol##_class = {                                              \
    .struct_size = sizeof (IkeHashClass),                                                          \
    .hash_id = number,                                                                             \
    .out_len = len,                                                                                \
    .scratch_new = symbol##_new,                                                                   \
    .scratch_free = hash_free,                                                                     \
    .hash = hash_run,                                                                              \
  };                                                                                               \
  static gboolean hash_##symbol##_probe (IkePlugin *self, GError **error)                          \
  {                                                                                                \
    return probe_hash (self, "hash:" hash_name, &hash_##symbol##_class, error);                    \
  }                                                                                                \
  const IkeFeature hash_##symbol##_feature = { .struct_size = sizeof (IkeFeature),                 \
                                               .provides = "hash:" hash_name,                      \
                                               .ops = &hash_##symbol##_class,                      \
                                               .probe = hash_##symbol##_probe }

DIGEST (sha1, "sha1", 1, 64, 20, 12, DIGEST_SHA1);
DIGEST (sha2_256, "sha256", 2, 64, 32, 16, DIGEST_SHA2_256);
DIGEST (sha2_384, "sha384", 3, 128, 48, 24, DIGEST_SHA2_384);
DIGEST (sha2_512, "sha512", 4, 128, 64, 32, DIGEST_SHA2_512);
DIGEST (md4, "md4", 0, 64, 16, 0, DIGEST_MD4);

INTEG (integ_sha1, "hmac-sha1-96", 2, 20, 12, sha1_new, hash_free, hmac_mac);
INTEG (integ_xcbc, "aes-xcbc-96", 5, 16, 12, block_mac_new, block_mac_free, xcbc_mac);
INTEG (integ_cmac, "aes-cmac-96", 8, 16, 12, block_mac_new, block_mac_free, cmac_mac);
INTEG (integ_sha2_256, "hmac-sha2-256-128", 12, 32, 16, sha2_256_new, hash_free, hmac_mac);
INTEG (integ_sha2_384, "hmac-sha2-384-192", 13, 48, 24, sha2_384_new, hash_free, hmac_mac);
INTEG (integ_sha2_512, "hmac-sha2-512-256", 14, 64, 32, sha2_512_new, hash_free, hmac_mac);

PRF (prf_sha1, "hmac-sha1", 2, 20, FALSE, sha1_new, hash_free, hmac_run);
PRF (prf_xcbc, "aes-xcbc", 4, 16, TRUE, block_mac_new, block_mac_free, xcbc_prf);
PRF (prf_sha2_256, "hmac-sha2-256", 5, 32, FALSE, sha2_256_new, hash_free, hmac_run);
PRF (prf_sha2_384, "hmac-sha2-384", 6, 48, FALSE, sha2_384_new, hash_free, hmac_run);
PRF (prf_sha2_512, "hmac-sha2-512", 7, 64, FALSE, sha2_512_new, hash_free, hmac_run);
PRF (prf_cmac, "aes-cmac", 8, 16, TRUE, block_mac_new, block_mac_free, cmac_prf);
