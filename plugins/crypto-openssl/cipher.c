/* SPDX-License-Identifier: Apache-2.0 */
/* cipher.c - encryption alone: AES-CBC (RFC 3602), AES-CTR (RFC 3686, 5930), 3DES (RFC 2451),
 * NULL (RFC 2410); and DES for MS-CHAP-V2, which no proposal can name. */
#include <openssl/err.h>
#include <string.h>

#include "private.h"

enum { COUNTER_LEN = 4, CTR_NONCE_LEN = 4, CTR_IV_LEN = 8 };

typedef struct {
  CipherId cipher;
  guint8 key_len, block_len;
  gboolean is_counter;
} CipherSpec;

typedef struct {
  const CipherSpec *spec;
  EVP_CIPHER_CTX *context;
} Cipher;

static void
cipher_free (gpointer data)
{
  Cipher *cipher = data;

  EVP_CIPHER_CTX_free (cipher->context);
  g_free (cipher);
}

static gpointer
cipher_new (IkePlugin *self, const CipherSpec *spec)
{
  const State *state = ike_plugin_state (self);

  if (!state->ciphers[spec->cipher])
    return NULL;

  Cipher *cipher = g_new0 (Cipher, 1);

  cipher->spec = spec;
  cipher->context = EVP_CIPHER_CTX_new ();
  if (cipher->context
      && EVP_CipherInit_ex2 (cipher->context, state->ciphers[spec->cipher], NULL, NULL, 1, NULL)
             == 1
      && EVP_CIPHER_CTX_set_padding (cipher->context, 0) == 1)
    return cipher;
  ERR_clear_error ();
  cipher_free (cipher);
  return NULL;
}

static gboolean
cipher_run (Cipher *cipher, const guint8 *key, const guint8 *iv, gboolean is_encrypting,
            const IkePart *data)
{
  int n;

  if (data->len > G_MAXINT || data->len % cipher->spec->block_len != 0)
    return FALSE;
  if (data->len == 0)
    return TRUE;
  if (EVP_CipherInit_ex2 (cipher->context, NULL, key, iv, is_encrypting, NULL) == 1
      && EVP_CipherUpdate (cipher->context, (guint8 *) data->data, &n, data->data, (int) data->len)
             == 1
      && (gsize) n == data->len)
    return TRUE;
  ERR_clear_error ();
  return FALSE;
}

/* RFC 3686, 4: the counter block is nonce | IV | block counter, and "The block counter value is
 * initially one". */
static gboolean
counter_run (Cipher *cipher, const guint8 *key, const guint8 *iv, const IkePart *data)
{
  guint8 block[CTR_NONCE_LEN + CTR_IV_LEN + COUNTER_LEN] = { 0 };

  memcpy (block, key + cipher->spec->key_len, CTR_NONCE_LEN);
  memcpy (block + CTR_NONCE_LEN, iv, CTR_IV_LEN);
  block[sizeof block - 1] = 1;
  return cipher_run (cipher, key, block, TRUE, data);
}

static gboolean
cipher_encrypt (gpointer scratch, const guint8 *key, const guint8 *iv, guint8 *data, gsize len)
{
  Cipher *cipher = scratch;
  IkePart part = { data, len };

  return cipher->spec->is_counter ? counter_run (cipher, key, iv, &part)
                                  : cipher_run (cipher, key, iv, TRUE, &part);
}

static gboolean
cipher_decrypt (gpointer scratch, const guint8 *key, const guint8 *iv, guint8 *data, gsize len)
{
  Cipher *cipher = scratch;
  IkePart part = { data, len };

  return cipher->spec->is_counter ? counter_run (cipher, key, iv, &part)
                                  : cipher_run (cipher, key, iv, FALSE, &part);
}

#define CIPHER_FEATURE(symbol, feature_name)                                                       \
  static gboolean symbol##_probe (IkePlugin *self, GError **error)                                 \
  {                                                                                                \
    return probe_cipher (self, "cipher:" feature_name, &symbol##_class, error);                    \
  }                                                                                                \
  const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                        \
                                        .provides = "cipher:" feature_name,                        \
                                        .ops = &symbol##_class,                                    \
                                        .probe = symbol##_probe }

#define CIPHER(symbol, feature_name, transform_id, wire_bits, key, salt, iv, block, cipher_id,     \
               counter, flag)                                                                      \
  static gpointer symbol##_new (IkePlugin *self)                                                   \
  {                                                                                                \
    static const CipherSpec spec = { cipher_id, key, block, counter };                             \
    return cipher_new (self, &spec);                                                               \
  }                                                                                                \
  static const IkeCipherClass symbol##_class = {                                                   \
    .struct_size = sizeof (IkeCipherClass),                                                        \
    .transform = transform_id,                                                                     \
    .key_bits = wire_bits,                                                                         \
    .key_len = key,                                                                                \
    .salt_len = salt,                                                                              \
    .iv_len = iv,                                                                                  \
    .block_len = block,                                                                            \
    .flags = flag,                                                                                 \
    .scratch_new = symbol##_new,                                                                   \
    .scratch_free = cipher_free,                                                                   \
    .encrypt = cipher_encrypt,                                                                     \
    .decrypt = cipher_decrypt,                                                                     \
  };                                                                                               \
  CIPHER_FEATURE (symbol, feature_name)

CIPHER (cbc_128, "aes-cbc/128", 12, 128, 16, 0, 16, 16, CIPHER_AES_128_CBC, FALSE, 0);
CIPHER (cbc_192, "aes-cbc/192", 12, 192, 24, 0, 16, 16, CIPHER_AES_192_CBC, FALSE, 0);
CIPHER (cbc_256, "aes-cbc/256", 12, 256, 32, 0, 16, 16, CIPHER_AES_256_CBC, FALSE, 0);
CIPHER (ctr_128, "aes-ctr/128", 13, 128, 16, 4, 8, 1, CIPHER_AES_128_CTR, TRUE,
        IKE_CRYPTO_IV_COUNTER);
CIPHER (ctr_192, "aes-ctr/192", 13, 192, 24, 4, 8, 1, CIPHER_AES_192_CTR, TRUE,
        IKE_CRYPTO_IV_COUNTER);
CIPHER (ctr_256, "aes-ctr/256", 13, 256, 32, 4, 8, 1, CIPHER_AES_256_CTR, TRUE,
        IKE_CRYPTO_IV_COUNTER);
CIPHER (triple_des, "3des", 3, 0, 24, 0, 8, 8, CIPHER_3DES_CBC, FALSE, IKE_CRYPTO_OFF);
CIPHER (des_ecb, "des-ecb", 0, 0, 8, 0, 0, 8, CIPHER_DES_ECB, FALSE,
        IKE_CRYPTO_NOT_IKE | IKE_CRYPTO_NOT_ESP | IKE_CRYPTO_OFF);

/* RFC 2410: "NULL does nothing to alter plaintext data."  There is no context, so the plugin
 * stands for it. */
static gpointer
null_new (IkePlugin *self)
{
  return self;
}

static void
null_free (gpointer scratch)
{
}

static gboolean
null_run (gpointer scratch, const guint8 *key, const guint8 *iv, guint8 *data, gsize len)
{
  return TRUE;
}

static const IkeCipherClass null_class = {
  .struct_size = sizeof (IkeCipherClass),
  .transform = 11,
  .block_len = 1,
  .flags = IKE_CRYPTO_NOT_IKE | IKE_CRYPTO_OFF,
  .scratch_new = null_new,
  .scratch_free = null_free,
  .encrypt = null_run,
  .decrypt = null_run,
};
CIPHER_FEATURE (null, "null");
