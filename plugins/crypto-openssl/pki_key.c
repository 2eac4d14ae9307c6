/* SPDX-License-Identifier: Apache-2.0 */
/* pki_key.c - private keys that this process holds, and signing with them. */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <string.h>

#include <ikebana/error.h>

#include "pki.h"

typedef struct {
  IkeKey key;
  State *state;
  EVP_PKEY *pkey;
} FileKey;

typedef struct {
  FileKey *key;
  const IkeSigScheme *scheme;
  GBytes *octets;
} Job;

/* RFC 4754, 7: "The bit lengths of r and s are enforced, if necessary, by pre-pending the value
 * with zeros." */
static GBytes *
raw_new (const guint8 *der, gsize der_len, guint bits)
{
  int half = (int) (bits + 7) / 8;
  g_autofree guint8 *raw = g_malloc0 (2 * (gsize) half);
  ECDSA_SIG *numbers = d2i_ECDSA_SIG (NULL, &der, (long) der_len);
  gboolean is_done = numbers && BN_bn2binpad (ECDSA_SIG_get0_r (numbers), raw, half) == half
                     && BN_bn2binpad (ECDSA_SIG_get0_s (numbers), raw + half, half) == half;

  ECDSA_SIG_free (numbers);
  return is_done ? g_bytes_new_take (g_steal_pointer (&raw), 2 * (gsize) half) : NULL;
}

/* NULL: the library failed.  A fault within a signature by the Chinese remainder theorem, which
 * would tell the key, is found by libcrypto: it checks the result with the public exponent. */
static GBytes *
sign_now (State *state, EVP_PKEY *pkey, const IkeSigScheme *scheme, GBytes *octets)
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  gsize message_len, len = (gsize) MAX (EVP_PKEY_get_size (pkey), 0);
  const guint8 *message = g_bytes_get_data (octets, &message_len);
  g_autofree guint8 *out = g_malloc0 (len + 1);
  gboolean is_done =
      context && pki_scheme_setup (state, scheme, context, pkey, TRUE)
      && EVP_DigestSign (context, out, &len, message ? message : (const guint8 *) "", message_len)
             == 1;

  EVP_MD_CTX_free (context);
  ERR_clear_error ();
  if (!is_done)
    return NULL;
  if (scheme->key_type == IKE_KEY_ECDSA && scheme->method != IKE_AUTH_SIGNATURE)
    return raw_new (out, len, scheme->key_bits);
  return g_bytes_new_take (g_steal_pointer (&out), len);
}

static void
job_free (gpointer data)
{
  Job *job = data;

  ike_key_unref (&job->key->key);
  g_bytes_unref (job->octets);
  g_free (job);
}

static gpointer
job_run (gpointer data, const char **error)
{
  const Job *job = data;
  GBytes *signature = sign_now (job->key->state, job->key->pkey, job->scheme, job->octets);

  if (!signature)
    *error = "libcrypto cannot sign with this key";
  return signature;
}

/* Microseconds, on the slower of the processors that were measured: RSA above 2048 bits takes three
 * times as long where libcrypto has no code for its instructions. */
static guint32
cost_us (const IkePubkeyInfo *info)
{
  static const struct {
    guint32 bits, cost;
  } rsa[] = { { 2048, 250 }, { 3072, 1800 }, { 4096, 4200 }, { 8192, 30000 } };

  switch ((IkeKeyType) info->type) {
  case IKE_KEY_RSA:
    for (guint i = 0; i < G_N_ELEMENTS (rsa); i++)
      if (info->bits <= rsa[i].bits)
        return rsa[i].cost;
    return 200000;
  case IKE_KEY_ECDSA:
    return strcmp (info->name, "ECDSA P-256") == 0 ? 20 : 1000;
  case IKE_KEY_ED25519:
    return 40;
  case IKE_KEY_ED448:
    return 200;
  case IKE_KEY_OTHER:
  default:
    return 1000;
  }
}

static void
key_sign (IkeKey *key, IkeEngine *engine, const IkeSigScheme *scheme, GBytes *octets, IkeCall *call)
{
  Job *job;

  if (!pki_scheme_signs (scheme, key->pubkey)) {
    g_autofree char *reason = g_strdup_printf ("the key of %s (%s) cannot sign by %s", key->label,
                                               key->pubkey->info.name, scheme->name);

    ike_call_fail (call, reason);
    return;
  }
  job = g_new (Job, 1);
  *job = (Job){ (FileKey *) ike_key_ref (key), scheme, g_bytes_ref (octets) };
  ike_call_run (call, engine, cost_us (&key->pubkey->info), job_run, job, job_free);
}

static gboolean
key_can (const IkeKey *key, const IkeSigScheme *scheme)
{
  return pki_scheme_signs (scheme, key->pubkey);
}

static void
key_free (IkeKey *key)
{
  FileKey *self = (FileKey *) key;

  pki_pubkey_unref (key->pubkey);
  EVP_PKEY_free (self->pkey);
  g_free (key->label);
  g_free (self);
}

static IkeSecretBlob *
key_export_der (IkeKey *key)
{
  PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8 (((FileKey *) key)->pkey);
  int len = info ? i2d_PKCS8_PRIV_KEY_INFO (info, NULL) : 0;
  IkeSecretBlob *blob = len > 0 ? ike_secret_blob_new (NULL, (gsize) len) : NULL;
  guint8 *at = blob ? ike_secret_blob_data (blob) : NULL;

  if (blob && i2d_PKCS8_PRIV_KEY_INFO (info, &at) != len)
    g_clear_pointer (&blob, ike_secret_blob_unref);
  PKCS8_PRIV_KEY_INFO_free (info);
  ERR_clear_error ();
  return blob;
}

static const IkeKeyClass file_key_class = {
  .struct_size = sizeof (IkeKeyClass),
  .origin = "file",
  .sign = key_sign,
  .can = key_can,
  .free_key = key_free,
  .export_der = key_export_der,
};

static const IkeSigScheme *
first_scheme (const State *state, const IkePubkey *pubkey)
{
  for (guint i = 0; state->schemes[i]; i++)
    if (pki_scheme_signs (state->schemes[i], pubkey))
      return state->schemes[i];
  return NULL;
}

/* A file may hold a public part that belongs to another key, which libcrypto believes; the peer
 * would then be the first to find out. */
static gboolean
halves_fit (State *state, EVP_PKEY *pkey, const IkePubkey *pubkey, GError **error)
{
  const IkeSigScheme *scheme = first_scheme (state, pubkey);
  g_autoptr (GBytes) octets = g_bytes_new_static ("trial", 5), signature = NULL;
  IkePart part = { (const guint8 *) "trial", 5 };

  if (!scheme) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, "a key of type %s cannot sign",
                 pubkey->info.name);
    return FALSE;
  }
  signature = sign_now (state, pkey, scheme, octets);
  if (signature
      && pki_verify_by (state, pubkey, scheme, &part, 1, g_bytes_get_data (signature, NULL),
                        g_bytes_get_size (signature)))
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO,
               "the private part of this %s key does not fit its public part; make it anew",
               pubkey->info.name);
  return FALSE;
}

IkeKey *
pki_key_new (State *state, EVP_PKEY *pkey, const char *label, GError **error)
{
  IkePubkey *pubkey = pki_pubkey_new (pkey, error);
  FileKey *key;

  if (!pubkey)
    return NULL;
  if (!halves_fit (state, pkey, pubkey, error)) {
    pki_pubkey_unref (pubkey);
    return NULL;
  }
  key = g_new0 (FileKey, 1);
  key->key = (IkeKey){ .struct_size = sizeof (IkeKey),
                       .references = 1,
                       .klass = &file_key_class,
                       .pubkey = pubkey,
                       .label = g_strdup (label) };
  key->state = state;
  key->pkey = pkey;
  EVP_PKEY_up_ref (pkey);
  return &key->key;
}
