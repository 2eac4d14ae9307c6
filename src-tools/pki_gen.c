/* SPDX-License-Identifier: Apache-2.0 */
/* pki_gen.c - `pki gen`: makes a private key; `pki pub`: shows the public one. */
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <string.h>
#include "pki.h"

enum { ITERATIONS = 100000 };

#define KEY_TYPES "rsa|ecdsa|ed25519|ed448"
#define CURVES "P-256|P-384|P-521|brainpoolP256r1|brainpoolP384r1|brainpoolP512r1"

static const PkiOption gen_options[] = {
  { "type", PKI_TEXT, FALSE, KEY_TYPES, "kind of key; ecdsa by default" },
  { "size", PKI_NUMBER, FALSE, "BITS",
    "rsa: 2048, 3072 (default), 4096; ecdsa: 256 (default), 384, 521" },
  { "curve", PKI_TEXT, FALSE, CURVES, "instead of the size, for ecdsa" },
  { "encrypt", PKI_SWITCH, FALSE, NULL, "under a passphrase (AES-256); so does --passphrase-file" },
  { NULL },
};
static const PkiOption *const gen_groups[] = { gen_options, pki_passphrase_options,
                                               pki_output_options, NULL };

/* -- making */

static EVP_PKEY *
make (EVP_PKEY_CTX *ctx, const char *what, GError **error)
{
  EVP_PKEY *key = NULL;

  if (EVP_PKEY_generate (ctx, &key) != 1)
    pki_fail (error, "cannot make a key of type %s", what);
  return key;
}

static EVP_PKEY *
make_rsa (const PkiArgs *args, GError **error)
{
  size_t bits = (size_t) pki_number (args, "size", 3072);
  g_autoptr (EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_name (NULL, "RSA", NULL);

  if (pki_has (args, "curve")) {
    pki_usage (error, "--curve is for --type ecdsa");
    return NULL;
  }
  /* 1024 is what tests of too weak keys want, and 8192 takes minutes. */
  if (bits < 1024 || bits > 8192 || bits % 8 != 0) {
    pki_usage (error, "--size of an RSA key is 2048, 3072 or 4096, not %zu", bits);
    return NULL;
  }
  if (bits < 2048)
    pki_note ("an RSA key of %zu bits is too short for anything but tests", bits);
  if (!ctx || EVP_PKEY_keygen_init (ctx) != 1
      || EVP_PKEY_CTX_set_rsa_keygen_bits (ctx, (int) bits) != 1) {
    pki_fail (error, "cannot make an RSA key of %zu bits", bits);
    return NULL;
  }
  return make (ctx, "rsa", error);
}

static const char *
choose_curve (const PkiArgs *args, GError **error)
{
  const char *curve = pki_text (args, "curve");
  guint64 bits = pki_number (args, "size", 256);

  if (curve && pki_has (args, "size")) {
    pki_usage (error, "--size and --curve say the same; give one");
    return NULL;
  }
  if (curve)
    return curve;
  if (bits == 256 || bits == 384 || bits == 521)
    return bits == 256 ? "P-256" : bits == 384 ? "P-384" : "P-521";
  pki_usage (error, "--size of an ECDSA key is 256, 384 or 521, not %u", (guint) bits);
  return NULL;
}

static EVP_PKEY *
make_ecdsa (const PkiArgs *args, GError **error)
{
  const char *curve = choose_curve (args, error);
  g_autoptr (EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_name (NULL, "EC", NULL);

  if (!curve)
    return NULL;
  if (!ctx || EVP_PKEY_keygen_init (ctx) != 1 || EVP_PKEY_CTX_set_group_name (ctx, curve) != 1) {
    pki_fail (error, "this OpenSSL has no curve %s", curve);
    return NULL;
  }
  return make (ctx, curve, error);
}

static EVP_PKEY *
make_edwards (const PkiArgs *args, const char *type, GError **error)
{
  g_autoptr (EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_name (NULL, type, NULL);

  if (pki_has (args, "size") || pki_has (args, "curve")) {
    pki_usage (error, "a key of type %s has one size only; leave out --size and --curve", type);
    return NULL;
  }
  if (!ctx || EVP_PKEY_keygen_init (ctx) != 1) {
    pki_fail (error, "this OpenSSL has no keys of type %s", type);
    return NULL;
  }
  return make (ctx, type, error);
}

static EVP_PKEY *
make_key (const PkiArgs *args, GError **error)
{
  const char *type = pki_text (args, "type");

  if (!type || strcmp (type, "ecdsa") == 0)
    return make_ecdsa (args, error);
  if (strcmp (type, "rsa") == 0)
    return make_rsa (args, error);
  return make_edwards (args, strcmp (type, "ed448") == 0 ? "ED448" : "ED25519", error);
}

/* -- writing */

/* PKCS#8; under a passphrase PBES2 with PBKDF2, HMAC-SHA-256 and AES-256. */
static gboolean
encode_encrypted (BIO *out, EVP_PKEY *key, char *passphrase, gboolean is_der)
{
  PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8 (key);
  X509_ALGOR *algorithm =
      PKCS5_pbe2_set_iv (EVP_aes_256_cbc (), ITERATIONS, NULL, 0, NULL, NID_hmacWithSHA256);
  X509_SIG *sealed = plain && algorithm
                         ? PKCS8_set0_pbe (passphrase, (int) strlen (passphrase), plain, algorithm)
                         : NULL;
  gboolean is_written =
      sealed && (is_der ? i2d_PKCS8_bio (out, sealed) : PEM_write_bio_PKCS8 (out, sealed)) == 1;

  if (!sealed)
    X509_ALGOR_free (algorithm);
  X509_SIG_free (sealed);
  PKCS8_PRIV_KEY_INFO_free (plain);
  return is_written;
}

static gboolean
encode_plain (BIO *out, EVP_PKEY *key, gboolean is_der)
{
  return (is_der ? i2d_PKCS8PrivateKey_bio (out, key, NULL, NULL, 0, NULL, NULL)
                 : PEM_write_bio_PKCS8PrivateKey (out, key, NULL, NULL, 0, NULL, NULL))
         == 1;
}

static gboolean
run_gen (const PkiArgs *args, GError **error)
{
  gboolean is_encrypted = pki_has (args, "encrypt") || pki_has (args, "passphrase-file");
  char *passphrase = is_encrypted ? pki_passphrase (args, "the new key", TRUE, error) : NULL;
  g_autoptr (BIO) out = BIO_new (BIO_s_secmem ());
  g_autoptr (EVP_PKEY) key = NULL;
  gboolean is_encoded;

  if (is_encrypted && !passphrase)
    return FALSE;
  key = make_key (args, error);
  if (!key) {
    pki_passphrase_free (passphrase);
    return FALSE;
  }
  is_encoded = is_encrypted ? encode_encrypted (out, key, passphrase, pki_is_der (args))
                            : encode_plain (out, key, pki_is_der (args));
  pki_passphrase_free (passphrase);
  return is_encoded ? pki_write (args, out, TRUE, error)
                    : pki_fail (error, "cannot encode the key");
}

const PkiCommand pki_gen_command = {
  .name = "gen",
  .summary = "make a private key",
  .notes = "The file is written for its owner only (0600), as PKCS#8, and never over another one.",
  .groups = gen_groups,
  .run = run_gen,
};

/* -- the public key */

static const PkiOption pub_options[] = {
  { "in", PKI_TEXT, FALSE, "FILE", "a private key, a certificate or a request" },
  { "type", PKI_TEXT, FALSE, "auto|key|cert|req|pub", "what it is; auto looks into it" },
  { "ids", PKI_SWITCH, FALSE, NULL, "show its kind and key identifiers instead" },
  { "json", PKI_SWITCH, FALSE, NULL, "with --ids: as JSON" },
  { NULL },
};
static const PkiOption *const pub_groups[] = { pub_options, pki_passphrase_options,
                                               pki_output_options, NULL };

static gboolean
run_pub (const PkiArgs *args, GError **error)
{
  const char *path = pki_text (args, "in");
  g_autoptr (GBytes) bytes = pki_read_bytes (path, error);
  g_autoptr (BIO) out = BIO_new (BIO_s_mem ());
  g_autoptr (EVP_PKEY) key = NULL;

  if (!bytes)
    return FALSE;
  key = pki_any_pub (args, bytes, path, pki_kind (pki_text (args, "type"), bytes), error);
  if (!key)
    return FALSE;
  if (pki_has (args, "ids")) {
    g_autoptr (Json) about = pki_describe_key (key);
    Tool tool = { .is_json = pki_has (args, "json") };
    if (tool.is_json)
      show_json (about, TRUE);
    else
      show_indented (&tool, about, 0);
    return TRUE;
  }
  if ((pki_is_der (args) ? i2d_PUBKEY_bio (out, key) : PEM_write_bio_PUBKEY (out, key)) != 1)
    return pki_fail (error, "cannot encode the public key");
  return pki_write (args, out, FALSE, error);
}

const PkiCommand pki_pub_command = {
  .name = "pub",
  .summary = "take the public key out of a key, a certificate or a request",
  .groups = pub_groups,
  .run = run_pub,
};
