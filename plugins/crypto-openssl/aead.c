/* SPDX-License-Identifier: Apache-2.0 */
/* aead.c - combined modes: AES-GCM (RFC 4106, 5282), AES-CCM (RFC 4309, 5282), ChaCha20-Poly1305
 * (RFC 7634). */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <string.h>

#include "private.h"

enum { NONCE_MAX = 12, IV_LEN = 8, SALT_MAX = 4 };

typedef struct {
  CipherId cipher;
  guint8 key_len, salt_len, icv_len;
  gboolean is_ccm; /* wants lengths before anything else */
} AeadSpec;

typedef struct {
  const AeadSpec *spec;
  EVP_CIPHER_CTX *context;
  gboolean is_sealing; /* keyed contexts: the direction and salt of the key */
  guint8 salt[SALT_MAX];
} Aead;

static void
aead_free (gpointer data)
{
  Aead *aead = data;

  EVP_CIPHER_CTX_free (aead->context);
  ike_wipe (aead, sizeof *aead);
  g_free (aead);
}

static gboolean
aead_set_lengths (EVP_CIPHER_CTX *context, const AeadSpec *spec)
{
  if (!spec->is_ccm)
    return TRUE;
  return EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_IVLEN, spec->salt_len + IV_LEN, NULL) == 1
         && EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_TAG, spec->icv_len, NULL) == 1;
}

static gpointer
aead_new (IkePlugin *self, const AeadSpec *spec)
{
  const State *state = ike_plugin_state (self);

  if (!state->ciphers[spec->cipher])
    return NULL;

  Aead *aead = g_new0 (Aead, 1);

  aead->spec = spec;
  aead->context = EVP_CIPHER_CTX_new ();
  if (aead->context
      && EVP_CipherInit_ex2 (aead->context, state->ciphers[spec->cipher], NULL, NULL, 1, NULL) == 1
      && aead_set_lengths (aead->context, spec))
    return aead;
  ERR_clear_error ();
  aead_free (aead);
  return NULL;
}

/* Sets nonce, key (unless it is set already), the tag to expect, and takes in @aad. */
static gboolean
aead_begin (Aead *aead, const guint8 *key, const guint8 *salt, const guint8 *iv, const IkePart *aad,
            gsize len, const guint8 *icv_to_check)
{
  const AeadSpec *spec = aead->spec;
  guint8 nonce[NONCE_MAX];
  OSSL_PARAM params[] = { OSSL_PARAM_END, OSSL_PARAM_END };
  int n;

  if (len > G_MAXINT || aad->len > G_MAXINT)
    return FALSE;
  memcpy (nonce, salt, spec->salt_len);
  memcpy (nonce + spec->salt_len, iv, IV_LEN);
  if (icv_to_check)
    params[0] = OSSL_PARAM_construct_octet_string (OSSL_CIPHER_PARAM_AEAD_TAG,
                                                   (void *) icv_to_check, spec->icv_len);
  /* An empty list of parameters costs more than the rest of this call. */
  if (EVP_CipherInit_ex2 (aead->context, NULL, key, nonce, icv_to_check == NULL,
                          icv_to_check ? params : NULL)
      != 1)
    return FALSE;
  if (spec->is_ccm && EVP_CipherUpdate (aead->context, NULL, &n, NULL, (int) len) != 1)
    return FALSE;
  return aad->len == 0
         || EVP_CipherUpdate (aead->context, NULL, &n, aad->data, (int) aad->len) == 1;
}

static gboolean
aead_finish (Aead *aead, const guint8 *in, gsize len, guint8 *out, guint8 *icv_out)
{
  static const guint8 nothing;
  guint8 rest[EVP_MAX_BLOCK_LENGTH];
  int n = 0;

  /* CCM checks and makes its tag in this call, so it is made for an empty text too. */
  if (EVP_CipherUpdate (aead->context, out ? out : rest, &n, len > 0 ? in : &nothing, (int) len)
          != 1
      || (gsize) n != len)
    return FALSE;
  if (EVP_CipherFinal_ex (aead->context, rest, &n) != 1 || n != 0)
    return FALSE;
  if (!icv_out)
    return TRUE;

  OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string (OSSL_CIPHER_PARAM_AEAD_TAG, icv_out,
                                                             aead->spec->icv_len),
                          OSSL_PARAM_END };

  return EVP_CIPHER_CTX_get_params (aead->context, params) == 1;
}

static gboolean
aead_done (gboolean is_done)
{
  if (!is_done)
    ERR_clear_error ();
  return is_done;
}

static gboolean
aead_seal (gpointer scratch, const guint8 *key, const guint8 *iv, const guint8 *aad, gsize aad_len,
           guint8 *data, gsize len, guint8 *icv)
{
  Aead *aead = scratch;
  IkePart header = { aad, aad_len };

  return aead_done (aead_begin (aead, key, key + aead->spec->key_len, iv, &header, len, NULL)
                    && aead_finish (aead, data, len, data, icv));
}

static gboolean
aead_open (gpointer scratch, const guint8 *key, const guint8 *iv, const guint8 *aad, gsize aad_len,
           guint8 *data, gsize len, const guint8 *icv)
{
  Aead *aead = scratch;
  IkePart header = { aad, aad_len };

  return aead_done (aead_begin (aead, key, key + aead->spec->key_len, iv, &header, len, icv)
                    && aead_finish (aead, data, len, data, NULL));
}

static gpointer
aead_keyed_new (IkePlugin *self, const AeadSpec *spec, const guint8 *key, gboolean is_sealing)
{
  Aead *aead = aead_new (self, spec);

  if (!aead)
    return NULL;
  aead->is_sealing = is_sealing;
  memcpy (aead->salt, key + spec->key_len, spec->salt_len);
  if (EVP_CipherInit_ex2 (aead->context, NULL, key, NULL, is_sealing, NULL) == 1)
    return aead;
  ERR_clear_error ();
  aead_free (aead);
  return NULL;
}

static gboolean
aead_keyed_seal (gpointer keyed, const guint8 *iv, const guint8 *aad, gsize aad_len,
                 const guint8 *in, gsize len, guint8 *out, guint8 *icv)
{
  Aead *aead = keyed;
  IkePart header = { aad, aad_len };

  return aead->is_sealing
         && aead_done (aead_begin (aead, NULL, aead->salt, iv, &header, len, NULL)
                       && aead_finish (aead, in, len, out, icv));
}

static gboolean
aead_keyed_open (gpointer keyed, const guint8 *iv, const guint8 *aad, gsize aad_len,
                 const guint8 *in, gsize len, guint8 *out, const guint8 *icv)
{
  Aead *aead = keyed;
  IkePart header = { aad, aad_len };

  return !aead->is_sealing
         && aead_done (aead_begin (aead, NULL, aead->salt, iv, &header, len, icv)
                       && aead_finish (aead, in, len, out, NULL));
}

/* One class and its feature: a name for C, a name for people, the numbers of the registry, the
 * cipher. */
#define AEAD(symbol, feature_name, transform_id, bits, wire_bits, salt, icv, cipher_id, ccm)       \
  static const AeadSpec symbol##_spec = { cipher_id, (bits) / 8, salt, icv, ccm };                 \
  static gpointer symbol##_new (IkePlugin *self)                                                   \
  {                                                                                                \
    return aead_new (self, &symbol##_spec);                                                        \
  }                                                                                                \
  static gpointer symbol##_keyed_new (IkePlugin *self, const guint8 *key, gboolean is_sealing)     \
  {                                                                                                \
    return aead_keyed_new (self, &symbol##_spec, key, is_sealing);                                 \
  }                                                                                                \
  static const IkeAeadClass symbol##_class = {                                                     \
    .struct_size = sizeof (IkeAeadClass),                                                          \
    .transform = transform_id,                                                                     \
    .key_bits = wire_bits,                                                                         \
    .key_len = (bits) / 8,                                                                         \
    .salt_len = salt,                                                                              \
    .iv_len = IV_LEN,                                                                              \
    .icv_len = icv,                                                                                \
    .flags = IKE_CRYPTO_IV_COUNTER,                                                                \
    .scratch_new = symbol##_new,                                                                   \
    .scratch_free = aead_free,                                                                     \
    .seal = aead_seal,                                                                             \
    .open = aead_open,                                                                             \
    .keyed_new = symbol##_keyed_new,                                                               \
    .keyed_free = aead_free,                                                                       \
    .keyed_seal = aead_keyed_seal,                                                                 \
    .keyed_open = aead_keyed_open,                                                                 \
  };                                                                                               \
  static gboolean symbol##_probe (IkePlugin *self, GError **error)                                 \
  {                                                                                                \
    return probe_aead (self, "aead:" feature_name, &symbol##_class, error);                        \
  }                                                                                                \
  const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                        \
                                        .provides = "aead:" feature_name,                          \
                                        .ops = &symbol##_class,                                    \
                                        .probe = symbol##_probe }

AEAD (gcm_8_128, "aes-gcm-8/128", 18, 128, 128, 4, 8, CIPHER_AES_128_GCM, FALSE);
AEAD (gcm_8_192, "aes-gcm-8/192", 18, 192, 192, 4, 8, CIPHER_AES_192_GCM, FALSE);
AEAD (gcm_8_256, "aes-gcm-8/256", 18, 256, 256, 4, 8, CIPHER_AES_256_GCM, FALSE);
AEAD (gcm_12_128, "aes-gcm-12/128", 19, 128, 128, 4, 12, CIPHER_AES_128_GCM, FALSE);
AEAD (gcm_12_192, "aes-gcm-12/192", 19, 192, 192, 4, 12, CIPHER_AES_192_GCM, FALSE);
AEAD (gcm_12_256, "aes-gcm-12/256", 19, 256, 256, 4, 12, CIPHER_AES_256_GCM, FALSE);
AEAD (gcm_16_128, "aes-gcm-16/128", 20, 128, 128, 4, 16, CIPHER_AES_128_GCM, FALSE);
AEAD (gcm_16_192, "aes-gcm-16/192", 20, 192, 192, 4, 16, CIPHER_AES_192_GCM, FALSE);
AEAD (gcm_16_256, "aes-gcm-16/256", 20, 256, 256, 4, 16, CIPHER_AES_256_GCM, FALSE);
AEAD (ccm_8_128, "aes-ccm-8/128", 14, 128, 128, 3, 8, CIPHER_AES_128_CCM, TRUE);
AEAD (ccm_8_192, "aes-ccm-8/192", 14, 192, 192, 3, 8, CIPHER_AES_192_CCM, TRUE);
AEAD (ccm_8_256, "aes-ccm-8/256", 14, 256, 256, 3, 8, CIPHER_AES_256_CCM, TRUE);
AEAD (ccm_12_128, "aes-ccm-12/128", 15, 128, 128, 3, 12, CIPHER_AES_128_CCM, TRUE);
AEAD (ccm_12_192, "aes-ccm-12/192", 15, 192, 192, 3, 12, CIPHER_AES_192_CCM, TRUE);
AEAD (ccm_12_256, "aes-ccm-12/256", 15, 256, 256, 3, 12, CIPHER_AES_256_CCM, TRUE);
AEAD (ccm_16_128, "aes-ccm-16/128", 16, 128, 128, 3, 16, CIPHER_AES_128_CCM, TRUE);
AEAD (ccm_16_192, "aes-ccm-16/192", 16, 192, 192, 3, 16, CIPHER_AES_192_CCM, TRUE);
AEAD (ccm_16_256, "aes-ccm-16/256", 16, 256, 256, 3, 16, CIPHER_AES_256_CCM, TRUE);
/* RFC 7296, 3.3.5: "The Key Length attribute MUST NOT be used with transforms that use a
 * fixed-length key." */
AEAD (chacha20_poly1305, "chacha20-poly1305", 28, 256, 0, 4, 16, CIPHER_CHACHA20_POLY1305, FALSE);
