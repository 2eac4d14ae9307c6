/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_support.c - what the tests of keys and signatures share. */
#include <string.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "test_pki_support.h"

void
pki_open (Pki *pki, guint64 seed)
{
  const IkeProvided *provided;

  bench_open (&pki->bench, seed);
  provided = bench_feature (&pki->bench, "service:pki");
  pki->ops = provided->ops;
  pki->plugin = provided->plugin;
}

void
pki_close (Pki *pki)
{
  bench_close (&pki->bench);
}

static EVP_PKEY *
generate (EVP_PKEY_CTX *context)
{
  EVP_PKEY *pkey = NULL;

  g_assert_cmpint (EVP_PKEY_generate (context, &pkey), ==, 1);
  EVP_PKEY_CTX_free (context);
  return pkey;
}

EVP_PKEY *
make_rsa (const char *type, guint bits, guint exponent)
{
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name (NULL, type, NULL);
  BIGNUM *e = BN_new ();

  g_assert_cmpint (BN_set_word (e, exponent), ==, 1);
  g_assert_cmpint (EVP_PKEY_keygen_init (context), ==, 1);
  g_assert_cmpint (EVP_PKEY_CTX_set_rsa_keygen_bits (context, (int) bits), ==, 1);
  g_assert_cmpint (EVP_PKEY_CTX_set1_rsa_keygen_pubexp (context, e), ==, 1);
  BN_free (e);
  return generate (context);
}

EVP_PKEY *
make_ec (const char *curve)
{
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name (NULL, "EC", NULL);

  g_assert_cmpint (EVP_PKEY_keygen_init (context), ==, 1);
  g_assert_cmpint (EVP_PKEY_CTX_set_group_name (context, curve), ==, 1);
  return generate (context);
}

EVP_PKEY *
make_key (const char *type)
{
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name (NULL, type, NULL);

  g_assert_cmpint (EVP_PKEY_keygen_init (context), ==, 1);
  return generate (context);
}

const IkeSigScheme *
scheme_of (Pki *pki, const char *name)
{
  const IkeSigScheme *scheme = NULL;

  for (guint i = 0; (scheme = pki->ops->scheme (pki->plugin, i)); i++)
    if (strcmp (scheme->name, name) == 0)
      break;
  g_assert_nonnull (scheme);
  return scheme;
}

IkePubkey *
pubkey_of (Pki *pki, EVP_PKEY *pkey)
{
  g_autoptr (GError) error = NULL;
  guint8 *der = NULL;
  int len = i2d_PUBKEY (pkey, &der);
  IkePubkey *pubkey = pki->ops->pubkey_parse (pki->plugin, der, (gsize) len, &error);

  g_assert_no_error (error);
  OPENSSL_free (der);
  return pubkey;
}

IkeKey *
key_of (Pki *pki, EVP_PKEY *pkey)
{
  g_autoptr (GError) error = NULL;
  PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8 (pkey);
  guint8 *der = NULL;
  int len = i2d_PKCS8_PRIV_KEY_INFO (info, &der);
  IkeKey *key = pki->ops->key_parse (pki->plugin, der, (gsize) len, NULL, "made.pem", &error);

  g_assert_no_error (error);
  OPENSSL_free (der);
  PKCS8_PRIV_KEY_INFO_free (info);
  return key;
}

typedef struct {
  Pki *pki;
  IkeKey *key;
  const IkeSigScheme *scheme;
  GBytes *octets, *signature;
  char *error;
} Request;

static void
on_signed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Request *request = owner;

  request->signature = result;
  request->error = g_strdup (error);
}

static void
signature_undo (gpointer result)
{
  g_bytes_unref (result);
}

static const IkeCallClass sign_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "sign",
  .timeout_ms = 10000,
  .then = on_signed,
  .undo = signature_undo,
};

static void
request_begin (gpointer data)
{
  Request *request = data;
  IkeEngine *engine = request->pki->bench.engine;
  IkeCall *call = ike_loop_call (ike_engine_shard (engine, 0), &sign_call, request, NULL);

  request->key->klass->sign (request->key, engine, request->scheme, request->octets, call);
}

GBytes *
sign (Pki *pki, IkeKey *key, const IkeSigScheme *scheme, const char *text, char **error)
{
  Request request = { pki, key, scheme, g_bytes_new (text, strlen (text)), NULL, NULL };

  bench_on_shard (&pki->bench, request_begin, &request);
  g_bytes_unref (request.octets);
  g_assert_true ((request.signature == NULL) == (request.error != NULL));
  if (error)
    *error = request.error;
  else
    g_free (request.error);
  return request.signature;
}

gboolean
verify (Pki *pki, const IkePubkey *pubkey, const IkeSigScheme *scheme, const char *text,
        const guint8 *data, gsize len)
{
  IkePart part = { (const guint8 *) text, strlen (text) };

  return pki->ops->verify (pki->plugin, pubkey, scheme, &part, 1, data, len);
}
