/* SPDX-License-Identifier: Apache-2.0 */
/* private.h - what the files of this plugin share.
 *
 * The state of one engine: a library context whose random numbers come from that engine, and
 * every algorithm fetched once.  A class function is told nothing but its scratch context, so
 * that context points to the spec of its class. */
#pragma once
#include <openssl/evp.h>

#include <ikebana/crypto.h>
#include <ikebana/pki.h>
#include <ikebana/plugin.h>

typedef enum {
  CIPHER_AES_128_CBC,
  CIPHER_AES_192_CBC,
  CIPHER_AES_256_CBC,
  CIPHER_AES_128_CTR,
  CIPHER_AES_192_CTR,
  CIPHER_AES_256_CTR,
  CIPHER_AES_128_GCM,
  CIPHER_AES_192_GCM,
  CIPHER_AES_256_GCM,
  CIPHER_AES_128_CCM,
  CIPHER_AES_192_CCM,
  CIPHER_AES_256_CCM,
  CIPHER_CHACHA20_POLY1305,
  CIPHER_3DES_CBC,
  CIPHER_AES_128_ECB,
  CIPHER_DES_ECB, /* from here on: of the legacy provider */
  N_CIPHERS,
} CipherId;

typedef enum {
  DIGEST_SHA1,
  DIGEST_SHA2_256,
  DIGEST_SHA2_384,
  DIGEST_SHA2_512,
  DIGEST_MD4, /* from here on: of the legacy provider */
  N_DIGESTS,
} DigestId;

typedef enum {
  GROUP_MODP1024,
  GROUP_MODP1536,
  GROUP_MODP2048,
  GROUP_MODP3072,
  GROUP_MODP4096,
  GROUP_MODP6144,
  GROUP_MODP8192,
  GROUP_ECP256,
  GROUP_ECP384,
  GROUP_ECP521,
  GROUP_BRAINPOOL256,
  GROUP_BRAINPOOL384,
  GROUP_BRAINPOOL512,
  GROUP_CURVE25519,
  GROUP_CURVE448,
  N_GROUPS,
} GroupId;

enum { SCHEMES_MAX = 32 };

typedef struct {
  OSSL_LIB_CTX *library;
  OSSL_PROVIDER *random_provider, *default_provider;
  OSSL_LIB_CTX *legacy_library;   /* what is fetched from it is seen by those who ask for it only */
  OSSL_PROVIDER *legacy_provider; /* NULL: not installed */
  EVP_CIPHER *ciphers[N_CIPHERS]; /* NULL: not in this libcrypto */
  EVP_MD *digests[N_DIGESTS];
  EVP_PKEY *groups[N_GROUPS]; /* domain parameters; NULL for curves that have none */
  guint8 *primes[N_GROUPS];   /* of MODP groups, public_len bytes */
  const IkeSigScheme *schemes[SCHEMES_MAX + 1]; /* that passed their probe; NULL at the end */
} State;

/* The state of @self, made at first use: probes run before activate, all on the control thread.
 * NULL with @error. */
State *state_get (IkePlugin *self, GError **error);

/* ke.c: domain parameters, part of the state. */
void groups_load (State *state);
void groups_free (State *state);

/* Every feature of this plugin: FEATURE (symbol). */
#define EACH_FEATURE(FEATURE)                                                                      \
  FEATURE (gcm_16_128)                                                                             \
  FEATURE (gcm_16_192) FEATURE (gcm_16_256) FEATURE (gcm_12_128) FEATURE (gcm_12_192) FEATURE (    \
      gcm_12_256) FEATURE (gcm_8_128) FEATURE (gcm_8_192) FEATURE (gcm_8_256) FEATURE (ccm_16_128) \
      FEATURE (ccm_16_192) FEATURE (ccm_16_256) FEATURE (ccm_12_128) FEATURE (ccm_12_192)          \
          FEATURE (ccm_12_256) FEATURE (ccm_8_128) FEATURE (ccm_8_192) FEATURE (ccm_8_256)         \
              FEATURE (chacha20_poly1305) FEATURE (cbc_128) FEATURE (cbc_192) FEATURE (cbc_256)    \
                  FEATURE (ctr_128) FEATURE (ctr_192) FEATURE (ctr_256) FEATURE (triple_des)       \
                      FEATURE (null) FEATURE (integ_sha1) FEATURE (integ_sha2_256) FEATURE (       \
                          integ_sha2_384) FEATURE (integ_sha2_512) FEATURE (integ_xcbc)            \
                          FEATURE (integ_cmac) FEATURE (prf_sha1) FEATURE (prf_sha2_256)           \
                              FEATURE (prf_sha2_384) FEATURE (prf_sha2_512) FEATURE (prf_xcbc)     \
                                  FEATURE (prf_cmac) FEATURE (hash_sha1) FEATURE (hash_sha2_256)   \
                                      FEATURE (hash_sha2_384) FEATURE (hash_sha2_512)              \
                                          FEATURE (hash_md4) FEATURE (des_ecb)                     \
                                          FEATURE (modp1024) FEATURE (modp1536) FEATURE (modp2048) \
                                              FEATURE (modp3072) FEATURE (modp4096)                \
                                                  FEATURE (modp6144) FEATURE (modp8192)            \
                                                      FEATURE (ecp256) FEATURE (ecp384)            \
                                                          FEATURE (ecp521) FEATURE (brainpool256)  \
                                                              FEATURE (brainpool384)               \
                                                                  FEATURE (brainpool512)           \
                                                                      FEATURE (curve25519)         \
                                                                          FEATURE (curve448) FEATURE (service_pki)

#define DECLARE_FEATURE(symbol) extern const IkeFeature symbol##_feature;
EACH_FEATURE (DECLARE_FEATURE)

/* ke.c: derives with a private key that is given, for known-answer tests. NULL when the library
 * failed. */
IkeSecretBlob *ke_derive_fixed (IkePlugin *self, GroupId group, const guint8 *private_key,
                                gsize private_len, const IkePart *peer);

/* probe.c: known-answer tests, the `probe` of a feature of that kind. */
gboolean probe_aead (IkePlugin *self, const char *feature, const IkeAeadClass *klass,
                     GError **error);
gboolean probe_cipher (IkePlugin *self, const char *feature, const IkeCipherClass *klass,
                       GError **error);
gboolean probe_integ (IkePlugin *self, const char *feature, const IkeIntegClass *klass,
                      GError **error);
gboolean probe_prf (IkePlugin *self, const char *feature, const IkePrfClass *klass, GError **error);
gboolean probe_hash (IkePlugin *self, const char *feature, const IkeHashClass *klass,
                     GError **error);
gboolean probe_ke (IkePlugin *self, const char *feature, GroupId group, const IkeKeClass *klass,
                   GError **error);
