/* SPDX-License-Identifier: Apache-2.0 */
/* pki_pubkey.c - public keys, from SubjectPublicKeyInfo or PKCS#1, and what is asked of them. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>

#include <ikebana/error.h>

#include "pki.h"

/* Larger ones cost an attacker nothing and a verifier much. */
enum { RSA_MIN_BITS = 1024, RSA_MAX_BITS = 16384, RSA_EXPONENT_MAX_BITS = 64, EC_MIN_BITS = 160 };

/* Names of curves as people know them. */
static const char *
curve_name (const char *group)
{
  static const struct {
    const char *group, *name;
  } names[] = {
    { "prime256v1", "P-256" },
    { "secp384r1", "P-384" },
    { "secp521r1", "P-521" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (names[i].group, group) == 0)
      return names[i].name;
  return group;
}

static gboolean
judge_rsa (IkePubkey *pubkey, GError **error)
{
  BIGNUM *e = NULL;
  guint bits = pubkey->info.bits;
  gboolean is_sane = bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS
                     && EVP_PKEY_get_bn_param (pubkey->pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1
                     && BN_num_bits (e) <= RSA_EXPONENT_MAX_BITS && BN_is_odd (e) && !BN_is_one (e);

  BN_free (e);
  ERR_clear_error ();
  pubkey->name = g_strdup_printf ("RSA %u", bits);
  if (!is_sane)
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "an RSA key of %u bits, or with an exponent that is even, 1 or too large, is not "
                 "taken; use %d to %d bits",
                 bits, RSA_MIN_BITS, RSA_MAX_BITS);
  return is_sane;
}

/* Parameters that are spelt out instead of named may be anybody's choice (CVE-2020-0601). */
static gboolean
judge_ec (IkePubkey *pubkey, GError **error)
{
  char group[64];
  gsize len;
  int is_explicit = 0;

  if (EVP_PKEY_get_group_name (pubkey->pkey, group, sizeof group, &len) != 1
      || (EVP_PKEY_get_int_param (pubkey->pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                  &is_explicit)
              == 1
          && is_explicit)) {
    ERR_clear_error ();
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                         "an EC key whose curve has no name is not taken");
    return FALSE;
  }
  pubkey->name = g_strdup_printf ("ECDSA %s", curve_name (group));
  if (pubkey->info.bits >= EC_MIN_BITS)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
               "an EC key on %s is too weak to be taken; use P-256 or larger", group);
  return FALSE;
}

static gboolean
judge (IkePubkey *pubkey, GError **error)
{
  if (EVP_PKEY_is_a (pubkey->pkey, "RSA") || EVP_PKEY_is_a (pubkey->pkey, "RSA-PSS")) {
    pubkey->info.type = IKE_KEY_RSA;
    return judge_rsa (pubkey, error);
  }
  if (EVP_PKEY_is_a (pubkey->pkey, "EC")) {
    pubkey->info.type = IKE_KEY_ECDSA;
    return judge_ec (pubkey, error);
  }
  pubkey->info.type = EVP_PKEY_is_a (pubkey->pkey, "ED25519") ? IKE_KEY_ED25519
                      : EVP_PKEY_is_a (pubkey->pkey, "ED448") ? IKE_KEY_ED448
                                                              : IKE_KEY_OTHER;
  pubkey->name =
      g_strdup (pubkey->info.type == IKE_KEY_ED25519 ? "Ed25519"
                : pubkey->info.type == IKE_KEY_ED448 ? "Ed448"
                                                     : EVP_PKEY_get0_type_name (pubkey->pkey));
  return TRUE;
}

/* SubjectPublicKeyInfo ::= SEQUENCE { algorithm, BIT STRING }: of all of it, and of the bits alone.
 */
static gboolean
fill_ids (IkePubkey *pubkey)
{
  IkeReader r, spki, algorithm, bits;

  ike_reader_init (&r, pubkey->spki, pubkey->info.spki_len);
  pki_der_take (&r, 0x30, &spki);
  pki_der_take (&spki, 0x30, &algorithm);
  return pki_der_take (&spki, 0x03, &bits) && bits.len > 1
         && EVP_Digest (bits.data + 1, bits.len - 1, pubkey->info.subject_id, NULL, EVP_sha1 (),
                        NULL)
                == 1
         && EVP_Digest (pubkey->spki, pubkey->info.spki_len, pubkey->info.id, NULL, EVP_sha1 (),
                        NULL)
                == 1;
}

IkePubkey *
pki_pubkey_new_from (EVP_PKEY *pkey, const guint8 *spki, gsize len, GError **error)
{
  IkePubkey *pubkey = g_new0 (IkePubkey, 1);

  EVP_PKEY_up_ref (pkey);
  pubkey->references = 1;
  pubkey->pkey = pkey;
  pubkey->info.struct_size = sizeof pubkey->info;
  pubkey->info.bits = (guint32) MAX (EVP_PKEY_get_bits (pkey), 0);
  pubkey->info.spki = pubkey->spki = g_memdup2 (spki, len);
  pubkey->info.spki_len = len;
  if (!judge (pubkey, error)) {
    pki_pubkey_unref (pubkey);
    return NULL;
  }
  if (!fill_ids (pubkey)) {
    pki_fail (error, IKE_ERROR_CRYPTO, "a public key cannot be hashed");
    pki_pubkey_unref (pubkey);
    return NULL;
  }
  pubkey->info.name = pubkey->name;
  return pubkey;
}

IkePubkey *
pki_pubkey_new (EVP_PKEY *pkey, GError **error)
{
  IkePubkey *pubkey = NULL;
  guint8 *spki = NULL;
  int len = i2d_PUBKEY (pkey, &spki);

  if (len > 0 && len <= IKE_CERT_MAX_SIZE)
    pubkey = pki_pubkey_new_from (pkey, spki, (gsize) len, error);
  else
    pki_fail (error, IKE_ERROR_CRYPTO, "a public key cannot be written as DER");
  OPENSSL_free (spki);
  return pubkey;
}

/* Nothing may stand behind DER; PEM may have anything around it. */
IkePubkey *
pki_pubkey_parse (IkePlugin *self, const guint8 *data, gsize len, GError **error)
{
  State *state = state_get (self, error);
  EVP_PKEY *pkey = NULL;
  IkePubkey *pubkey = NULL;
  OSSL_DECODER_CTX *decoder;
  gsize left = len;
  const guint8 *at = data;

  if (!state)
    return NULL;
  if (len == 0 || len > IKE_CERT_MAX_SIZE) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "no public key has %" G_GSIZE_FORMAT " bytes",
                 len);
    return NULL;
  }
  decoder = OSSL_DECODER_CTX_new_for_pkey (&pkey, NULL, NULL, NULL, EVP_PKEY_PUBLIC_KEY,
                                           state->library, NULL);
  if (!decoder || OSSL_DECODER_from_data (decoder, &at, &left) != 1 || !pkey)
    pki_fail (error, IKE_ERROR_CRYPTO, "this is no public key that can be read");
  else if (data[0] == 0x30 && left)
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                         "something stands behind the public key");
  else
    pubkey = pki_pubkey_new (pkey, error);
  OSSL_DECODER_CTX_free (decoder);
  EVP_PKEY_free (pkey);
  ERR_clear_error ();
  return pubkey;
}

IkePubkey *
pki_pubkey_ref (const IkePubkey *pubkey)
{
  g_atomic_int_inc (&((IkePubkey *) pubkey)->references);
  return (IkePubkey *) pubkey;
}

void
pki_pubkey_unref (IkePubkey *pubkey)
{
  if (!pubkey || !g_atomic_int_dec_and_test (&pubkey->references))
    return;
  EVP_PKEY_free (pubkey->pkey);
  g_free (pubkey->spki);
  g_free (pubkey->name);
  g_free (pubkey);
}

const IkePubkeyInfo *
pki_pubkey_info (const IkePubkey *pubkey)
{
  return &pubkey->info;
}
