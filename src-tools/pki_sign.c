/* SPDX-License-Identifier: Apache-2.0 */
/* pki_sign.c - how a key signs certificates, CRLs and answers. */
#include <openssl/rsa.h>
#include <string.h>
#include "pki.h"

const PkiOption pki_sign_options[] = {
  { "digest", PKI_TEXT, FALSE, "sha1|sha256|sha384|sha512",
    "hash to sign with; by default as strong as the key" },
  { "rsa-padding", PKI_TEXT, FALSE, "pkcs1|pss", "of signatures by RSA keys; pkcs1 by default" },
  { NULL },
};

static const EVP_MD *
choose_digest (const PkiArgs *args, EVP_PKEY *key)
{
  const char *word = pki_text (args, "digest");
  int bits = EVP_PKEY_get_bits (key);

  if (word)
    return EVP_get_digestbyname (word);
  if (EVP_PKEY_is_a (key, "EC") && bits > 256)
    return bits > 384 ? EVP_sha512 () : EVP_sha384 ();
  return EVP_sha256 ();
}

EVP_MD_CTX *
pki_signer (const PkiArgs *args, EVP_PKEY *key, GError **error)
{
  /* RFC 8032: these hash themselves. */
  gboolean is_edwards = EVP_PKEY_is_a (key, "ED25519") || EVP_PKEY_is_a (key, "ED448");
  gboolean is_pss = g_strcmp0 (pki_text (args, "rsa-padding"), "pss") == 0;
  g_autoptr (EVP_MD_CTX) ctx = EVP_MD_CTX_new ();
  EVP_PKEY_CTX *parameters = NULL;

  if (is_edwards && pki_has (args, "digest")) {
    pki_usage (error, "a key of type %s has a hash of its own; leave out --digest",
               EVP_PKEY_get0_type_name (key));
    return NULL;
  }
  if (is_pss && !EVP_PKEY_is_a (key, "RSA")) {
    pki_usage (error, "--rsa-padding is for RSA keys; this one is %s",
               EVP_PKEY_get0_type_name (key));
    return NULL;
  }
  if (EVP_DigestSignInit (ctx, &parameters, is_edwards ? NULL : choose_digest (args, key), NULL,
                          key)
          != 1
      || (is_pss
          && (EVP_PKEY_CTX_set_rsa_padding (parameters, RSA_PKCS1_PSS_PADDING) != 1
              || EVP_PKEY_CTX_set_rsa_pss_saltlen (parameters, RSA_PSS_SALTLEN_DIGEST) != 1))) {
    pki_fail (error, "cannot sign with this key");
    return NULL;
  }
  return g_steal_pointer (&ctx);
}
