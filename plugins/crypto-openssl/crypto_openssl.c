/* SPDX-License-Identifier: Apache-2.0 */
/* crypto_openssl.c - the algorithms of RFC 8247 and RFC 8221 through OpenSSL's libcrypto, 3.0 or
 * newer.
 *
 * Each algorithm is a feature of its own, with a known-answer test that runs when it is loaded;
 * one that fails, or that this libcrypto does not have (a FIPS build, a distribution's policy),
 * is not offered and says so.  Everything is fetched once; contexts are kept and keyed anew, so
 * that a warm path allocates nothing. */
#include <openssl/err.h>
#include <openssl/provider.h>

#include <ikebana/error.h>

#include "private.h"
#include "shared/openssl/random.h"

static const char *const cipher_names[N_CIPHERS] = {
  [CIPHER_AES_128_CBC] = "AES-128-CBC",
  [CIPHER_AES_192_CBC] = "AES-192-CBC",
  [CIPHER_AES_256_CBC] = "AES-256-CBC",
  [CIPHER_AES_128_CTR] = "AES-128-CTR",
  [CIPHER_AES_192_CTR] = "AES-192-CTR",
  [CIPHER_AES_256_CTR] = "AES-256-CTR",
  [CIPHER_AES_128_GCM] = "AES-128-GCM",
  [CIPHER_AES_192_GCM] = "AES-192-GCM",
  [CIPHER_AES_256_GCM] = "AES-256-GCM",
  [CIPHER_AES_128_CCM] = "AES-128-CCM",
  [CIPHER_AES_192_CCM] = "AES-192-CCM",
  [CIPHER_AES_256_CCM] = "AES-256-CCM",
  [CIPHER_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
  [CIPHER_3DES_CBC] = "DES-EDE3-CBC",
  [CIPHER_AES_128_ECB] = "AES-128-ECB",
  [CIPHER_DES_ECB] = "DES-ECB",
};

static const char *const digest_names[N_DIGESTS] = {
  [DIGEST_SHA1] = "SHA1",         [DIGEST_SHA2_256] = "SHA2-256", [DIGEST_SHA2_384] = "SHA2-384",
  [DIGEST_SHA2_512] = "SHA2-512", [DIGEST_MD4] = "MD4",
};

static void
state_free (gpointer data)
{
  State *state = data;

  for (guint i = 0; i < N_CIPHERS; i++)
    EVP_CIPHER_free (state->ciphers[i]);
  for (guint i = 0; i < N_DIGESTS; i++)
    EVP_MD_free (state->digests[i]);
  groups_free (state);
  if (state->legacy_provider)
    OSSL_PROVIDER_unload (state->legacy_provider);
  OSSL_LIB_CTX_free (state->legacy_library);
  if (state->default_provider)
    OSSL_PROVIDER_unload (state->default_provider);
  if (state->random_provider)
    OSSL_PROVIDER_unload (state->random_provider);
  OSSL_LIB_CTX_free (state->library);
  g_free (state);
}

/* MD4 and DES come from a library context of their own, so that nothing else that is fetched, a key
 * file's cipher for one, ever gets a weak algorithm that it did not ask for. */
static void
legacy_load (State *state)
{
  state->legacy_library = OSSL_LIB_CTX_new ();
  if (state->legacy_library)
    state->legacy_provider = OSSL_PROVIDER_load (state->legacy_library, "legacy");
}

static State *
state_new (IkeEngine *engine, GError **error)
{
  State *state = g_new0 (State, 1);

  state->library = OSSL_LIB_CTX_new ();
  if (state->library)
    state->random_provider = random_provider_load (state->library, engine);
  if (state->random_provider)
    state->default_provider = OSSL_PROVIDER_load (state->library, "default");
  if (!state->default_provider) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                 "libcrypto (%s): cannot make a library context with the %s provider",
                 OpenSSL_version (OPENSSL_VERSION),
                 state->random_provider ? "default" : "engine's random");
    ERR_clear_error ();
    state_free (state);
    return NULL;
  }
  legacy_load (state);
  for (guint i = 0; i < N_CIPHERS; i++)
    state->ciphers[i] = EVP_CIPHER_fetch (
        i < CIPHER_DES_ECB ? state->library : state->legacy_library, cipher_names[i], NULL);
  for (guint i = 0; i < N_DIGESTS; i++)
    state->digests[i] = EVP_MD_fetch (i < DIGEST_MD4 ? state->library : state->legacy_library,
                                      digest_names[i], NULL);
  groups_load (state);
  ERR_clear_error ();
  return state;
}

State *
state_get (IkePlugin *self, GError **error)
{
  State *state = ike_plugin_state (self);

  if (state)
    return state;
  state = state_new (ike_plugin_engine (self), error);
  if (state)
    ike_plugin_set_state (self, state, state_free);
  return state;
}

static gboolean
crypto_activate (IkePlugin *self, GError **error)
{
  return state_get (self, error) != NULL;
}

#define FEATURE_POINTER(symbol) &symbol##_feature,

static const IkeFeature *const features[] = { EACH_FEATURE (FEATURE_POINTER) NULL };

IKE_PLUGIN (ike_plugin, "crypto-openssl", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "Ciphers, hashes and key exchange by OpenSSL's libcrypto",
            .features = features, .activate = crypto_activate);
