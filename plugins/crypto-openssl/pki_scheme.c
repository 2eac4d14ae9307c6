/* SPDX-License-Identifier: Apache-2.0 */
/* pki_scheme.c - the ways to sign, as data, and which of them this libcrypto can.
 *
 * Each has a known answer that is verified, and refused with one bit changed, when the plugin is
 * loaded; one that fails (it is not in this libcrypto, or a policy forbids it) is not listed. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <ikebana/error.h>
#include <ikebana/log.h>

#include "pki.h"
#include "pki_vectors.h"
#include "vectors.h"

/* clang-format off */
#define DER(text) { (const guint8 *) text, sizeof text - 1 }

/* RFC 7427, A.1: "all included here need NULL optional parameters present in the ASN.1." */
#define RSA_ALGORITHM(octet) \
  DER ("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01" octet "\x05\x00")
/* RFC 7427, A.3: "the optional parameters are always omitted." */
#define ECDSA_SHA1_ALGORITHM DER ("\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01")
#define ECDSA_SHA2_ALGORITHM(octet) DER ("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03" octet)
/* RFC 8420, A: "Parameters are absent." */
#define EDDSA_ALGORITHM(octet) DER ("\x30\x05\x06\x03\x2b\x65" octet)

/* Pieces of RFC 7427, A.4: the hash's identifier with and without NULL as [0] and within [1], the
 * salt's length as [2], the trailer field as [3]. */
#define OID_PSS "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
#define OID_MGF1 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
#define OID_SHA2(octet) "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02" octet
#define HASH_NULL(octet) "\xa0\x0f\x30\x0d" OID_SHA2 (octet) "\x05\x00"
#define HASH_BARE(octet) "\xa0\x0d\x30\x0b" OID_SHA2 (octet)
#define MASK_NULL(octet) "\xa1\x1c\x30\x1a" OID_MGF1 "\x30\x0d" OID_SHA2 (octet) "\x05\x00"
#define MASK_BARE(octet) "\xa1\x1a\x30\x18" OID_MGF1 "\x30\x0b" OID_SHA2 (octet)
#define SALT(octet) "\xa2\x03\x02\x01" octet
#define TRAILER "\xa3\x03\x02\x01\x01"

/* RFC 4055, 2.1: "All implementations MUST accept both NULL and absent parameters as legal and
 * equivalent encodings"; 3.1: who signs "MUST omit the trailerField field", who verifies "MUST
 * recognize both".  The first is what all send. */
#define PSS_ALGORITHMS(hash, salt) { \
    DER ("\x30\x41" OID_PSS "\x30\x34" HASH_NULL (hash) MASK_NULL (hash) SALT (salt)), \
    DER ("\x30\x46" OID_PSS "\x30\x39" HASH_NULL (hash) MASK_NULL (hash) SALT (salt) TRAILER), \
    DER ("\x30\x3d" OID_PSS "\x30\x30" HASH_BARE (hash) MASK_BARE (hash) SALT (salt)), \
    DER ("\x30\x42" OID_PSS "\x30\x35" HASH_BARE (hash) MASK_BARE (hash) SALT (salt) TRAILER), \
    DER ("\x30\x3f" OID_PSS "\x30\x32" HASH_NULL (hash) MASK_BARE (hash) SALT (salt)), \
    DER ("\x30\x44" OID_PSS "\x30\x37" HASH_NULL (hash) MASK_BARE (hash) SALT (salt) TRAILER), \
    DER ("\x30\x3f" OID_PSS "\x30\x32" HASH_BARE (hash) MASK_NULL (hash) SALT (salt)), \
    DER ("\x30\x44" OID_PSS "\x30\x37" HASH_BARE (hash) MASK_NULL (hash) SALT (salt) TRAILER), \
  }

#define SCHEME(scheme_name, type, auth_method, hash, ...) \
  { .struct_size = sizeof (IkeSigScheme), .name = scheme_name, .key_type = type, \
    .method = auth_method, .hash_id = hash, __VA_ARGS__ }

static const IkeSigScheme schemes[] = {
  SCHEME ("ed25519", IKE_KEY_ED25519, IKE_AUTH_SIGNATURE, IKE_SIGHASH_IDENTITY,
          .algorithms = { EDDSA_ALGORITHM ("\x70") }),
  SCHEME ("ed448", IKE_KEY_ED448, IKE_AUTH_SIGNATURE, IKE_SIGHASH_IDENTITY,
          .algorithms = { EDDSA_ALGORITHM ("\x71") }),
  SCHEME ("ecdsa-sha256", IKE_KEY_ECDSA, IKE_AUTH_SIGNATURE, IKE_SIGHASH_SHA2_256,
          .algorithms = { ECDSA_SHA2_ALGORITHM ("\x02") }),
  SCHEME ("ecdsa-sha384", IKE_KEY_ECDSA, IKE_AUTH_SIGNATURE, IKE_SIGHASH_SHA2_384,
          .algorithms = { ECDSA_SHA2_ALGORITHM ("\x03") }),
  SCHEME ("ecdsa-sha512", IKE_KEY_ECDSA, IKE_AUTH_SIGNATURE, IKE_SIGHASH_SHA2_512,
          .algorithms = { ECDSA_SHA2_ALGORITHM ("\x04") }),
  SCHEME ("rsa-pss-sha256", IKE_KEY_RSA, IKE_AUTH_SIGNATURE, IKE_SIGHASH_SHA2_256,
          .is_pss = TRUE, .algorithms = PSS_ALGORITHMS ("\x01", "\x20")),
  SCHEME ("rsa-pss-sha384", IKE_KEY_RSA, IKE_AUTH_SIGNATURE, IKE_SIGHASH_SHA2_384,
          .is_pss = TRUE, .algorithms = PSS_ALGORITHMS ("\x02", "\x30")),
  SCHEME ("rsa-pss-sha512", IKE_KEY_RSA, IKE_AUTH_SIGNATURE, IKE_SIGHASH_SHA2_512,
          .is_pss = TRUE, .algorithms = PSS_ALGORITHMS ("\x03", "\x40")),
  SCHEME ("rsa-sha256", IKE_KEY_RSA, IKE_AUTH_SIGNATURE, IKE_SIGHASH_SHA2_256,
          .algorithms = { RSA_ALGORITHM ("\x0b") }),
  SCHEME ("rsa-sha384", IKE_KEY_RSA, IKE_AUTH_SIGNATURE, IKE_SIGHASH_SHA2_384,
          .algorithms = { RSA_ALGORITHM ("\x0c") }),
  SCHEME ("rsa-sha512", IKE_KEY_RSA, IKE_AUTH_SIGNATURE, IKE_SIGHASH_SHA2_512,
          .algorithms = { RSA_ALGORITHM ("\x0d") }),
  SCHEME ("ecdsa-sha1", IKE_KEY_ECDSA, IKE_AUTH_SIGNATURE, IKE_SIGHASH_SHA1,
          .algorithms = { ECDSA_SHA1_ALGORITHM }),
  SCHEME ("rsa-sha1", IKE_KEY_RSA, IKE_AUTH_SIGNATURE, IKE_SIGHASH_SHA1,
          .algorithms = { RSA_ALGORITHM ("\x05") }),
  SCHEME ("ecdsa-p256-v1", IKE_KEY_ECDSA, IKE_AUTH_ECDSA_256, IKE_SIGHASH_SHA2_256,
          .key_bits = 256),
  SCHEME ("ecdsa-p384-v1", IKE_KEY_ECDSA, IKE_AUTH_ECDSA_384, IKE_SIGHASH_SHA2_384,
          .key_bits = 384),
  SCHEME ("ecdsa-p521-v1", IKE_KEY_ECDSA, IKE_AUTH_ECDSA_521, IKE_SIGHASH_SHA2_512,
          .key_bits = 521),
  SCHEME ("rsa-sha1-v1", IKE_KEY_RSA, IKE_AUTH_RSA, IKE_SIGHASH_SHA1),
  SCHEME ("rsa-sha256-v1", IKE_KEY_RSA, IKE_AUTH_RSA, IKE_SIGHASH_SHA2_256),
  SCHEME ("rsa-sha384-v1", IKE_KEY_RSA, IKE_AUTH_RSA, IKE_SIGHASH_SHA2_384),
  SCHEME ("rsa-sha512-v1", IKE_KEY_RSA, IKE_AUTH_RSA, IKE_SIGHASH_SHA2_512),
};
/* clang-format on */

G_STATIC_ASSERT (G_N_ELEMENTS (schemes) <= SCHEMES_MAX);

static const struct {
  DigestId id;
  guint16 len;
} hashes[] = {
  [IKE_SIGHASH_SHA1] = { DIGEST_SHA1, 20 },
  [IKE_SIGHASH_SHA2_256] = { DIGEST_SHA2_256, 32 },
  [IKE_SIGHASH_SHA2_384] = { DIGEST_SHA2_384, 48 },
  [IKE_SIGHASH_SHA2_512] = { DIGEST_SHA2_512, 64 },
};

static gboolean
rsa_fits (const IkeSigScheme *scheme, const IkePubkey *pubkey)
{
  if (scheme->hash_id >= G_N_ELEMENTS (hashes))
    return FALSE;
  /* RFC 4055, 1.2: id-RSASSA-PSS is there for when "the RSA private key owner wishes to limit the
   * use of the public key exclusively to RSASSA-PSS". */
  if (!scheme->is_pss)
    return !EVP_PKEY_is_a (pubkey->pkey, "RSA-PSS");
  /* RFC 8017, 9.1.1: emLen is "at least 8hLen + 8sLen + 9" bits; emBits is one less than the
   * modulus has. */
  return pubkey->info.bits - 1 >= 16u * hashes[scheme->hash_id].len + 9;
}

/* RFC 4754, 4: the curves are those of RFC 5903; one of Brainpool may have as many bits. */
static gboolean
ecdsa_fits (const IkeSigScheme *scheme, const IkePubkey *pubkey)
{
  static const char *const curves[] = { "ECDSA P-256", "ECDSA P-384", "ECDSA P-521" };

  return scheme->method == IKE_AUTH_SIGNATURE
         || (scheme->method >= IKE_AUTH_ECDSA_256 && scheme->method <= IKE_AUTH_ECDSA_521
             && strcmp (pubkey->info.name, curves[scheme->method - IKE_AUTH_ECDSA_256]) == 0);
}

gboolean
pki_scheme_fits (const IkeSigScheme *scheme, const IkePubkey *pubkey)
{
  if (scheme->key_type != pubkey->info.type
      || (scheme->key_bits && scheme->key_bits != pubkey->info.bits))
    return FALSE;
  if (scheme->key_type == IKE_KEY_RSA)
    return rsa_fits (scheme, pubkey);
  return scheme->key_type != IKE_KEY_ECDSA || ecdsa_fits (scheme, pubkey);
}

/* RFC 7296, 3.8: of method 1, "implementations that support this type SHOULD support signatures
 * that use SHA-1 as the hash function and SHOULD use SHA-1 as the default hash function when
 * generating signatures."  Others are verified only: no peer can tell that it knows them. */
gboolean
pki_scheme_signs (const IkeSigScheme *scheme, const IkePubkey *pubkey)
{
  return pki_scheme_fits (scheme, pubkey)
         && (scheme->method != IKE_AUTH_RSA || scheme->hash_id == IKE_SIGHASH_SHA1);
}

/* The salt is as long as the hash, neither more nor less: so the identifiers say. */
static gboolean
set_padding (const IkeSigScheme *scheme, EVP_PKEY_CTX *context)
{
  if (!scheme->is_pss)
    return EVP_PKEY_CTX_set_rsa_padding (context, RSA_PKCS1_PADDING) == 1;
  return EVP_PKEY_CTX_set_rsa_padding (context, RSA_PKCS1_PSS_PADDING) == 1
         && EVP_PKEY_CTX_set_rsa_pss_saltlen (context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

gboolean
pki_scheme_setup (State *state, const IkeSigScheme *scheme, EVP_MD_CTX *context, EVP_PKEY *pkey,
                  gboolean is_signing)
{
  int (*init) (EVP_MD_CTX *, EVP_PKEY_CTX **, const char *, OSSL_LIB_CTX *, const char *,
               EVP_PKEY *, const OSSL_PARAM *) =
      is_signing ? EVP_DigestSignInit_ex : EVP_DigestVerifyInit_ex;
  const EVP_MD *digest = NULL;
  EVP_PKEY_CTX *key_context = NULL;

  if (scheme->hash_id != IKE_SIGHASH_IDENTITY) {
    digest =
        scheme->hash_id < G_N_ELEMENTS (hashes) ? state->digests[hashes[scheme->hash_id].id] : NULL;
    if (!digest)
      return FALSE;
  }
  return init (context, &key_context, digest ? EVP_MD_get0_name (digest) : NULL, state->library,
               NULL, pkey, NULL)
             == 1
         && (scheme->key_type != IKE_KEY_RSA || set_padding (scheme, key_context));
}

static guint8 *
read_hexadecimal (const char *text, gsize *len)
{
  guint8 *bytes = g_malloc (strlen (text) / 2 + 1);

  *len = strlen (text) / 2;
  for (gsize i = 0; i < *len; i++)
    bytes[i] =
        (guint8) (g_ascii_xdigit_value (text[2 * i]) << 4 | g_ascii_xdigit_value (text[2 * i + 1]));
  return bytes;
}

static gboolean
answer_is_right (IkePlugin *self, const IkeSigScheme *scheme, const PkiVector *vector)
{
  gsize spki_len, message_len, signature_len;
  g_autofree guint8 *spki = read_hexadecimal (vector->spki, &spki_len),
                    *message = read_hexadecimal (vector->message, &message_len),
                    *signature = read_hexadecimal (vector->signature, &signature_len);
  IkePubkey *pubkey = pki_pubkey_parse (self, spki, spki_len, NULL);
  IkePart parts[] = { { message, message_len / 2 },
                      { message + message_len / 2, message_len - message_len / 2 } };
  const char *spoiled = probe_spoiled_feature ();
  gboolean is_right;

  if (!pubkey)
    return FALSE;
  if (spoiled && g_str_has_prefix (spoiled, "scheme:") && strcmp (spoiled + 7, scheme->name) == 0)
    signature[signature_len - 1] ^= 1;
  is_right = pki_verify (self, pubkey, scheme, parts, 2, signature, signature_len);
  signature[signature_len - 1] ^= 1;
  is_right = is_right && !pki_verify (self, pubkey, scheme, parts, 2, signature, signature_len);
  pki_pubkey_unref (pubkey);
  return is_right;
}

static gboolean
is_known_to_work (IkePlugin *self, const IkeSigScheme *scheme)
{
  guint n_run = 0;

  if (probe_was_right (self, scheme->name))
    return TRUE;
  for (guint i = 0; i < n_pki_vectors; i++)
    for (guint k = 0; k < G_N_ELEMENTS (pki_vectors[i].schemes); k++) {
      if (g_strcmp0 (pki_vectors[i].schemes[k], scheme->name) != 0)
        continue;
      if (!answer_is_right (self, scheme, &pki_vectors[i]))
        return FALSE;
      n_run++;
    }
  if (n_run)
    probe_remember (self, scheme->name);
  return n_run > 0;
}

gboolean
pki_schemes_probe (IkePlugin *self, GError **error)
{
  State *state = ike_plugin_state (self);
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    if (is_known_to_work (self, &schemes[i]))
      state->schemes[n++] = &schemes[i];
    else
      ike_log (ike_plugin_engine (self), IKE_LOG_NOTICE, "crypto-openssl",
               "signatures by %s cannot be had: this libcrypto does not give the known answer (it "
               "is disabled, or a policy forbids it)",
               schemes[i].name);
  state->schemes[n] = NULL;
  if (n == 0)
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                         "this libcrypto gives none of the known answers of signatures");
  return n > 0;
}

const IkeSigScheme *
pki_scheme (IkePlugin *self, guint i)
{
  const State *state = ike_plugin_state (self);

  return state && i < SCHEMES_MAX ? state->schemes[i] : NULL;
}
