/* SPDX-License-Identifier: Apache-2.0 */
/* pubkey.c - the public half of a token's key, and its certificates.
 *
 * Tokens differ in what they keep beside a private key: a public key object, a certificate, the
 * numbers in the private key itself.  All are tried in this order, and the first that service:pki
 * can read and that is of the private key's type is it. */
#include "private.h"

enum { MAX_EXPONENT = 64, MAX_PARAMS = 512, MAX_POINT_BYTES = 1024 };

static guint8
type_of (CK_KEY_TYPE type)
{
  switch (type) {
  case CKK_RSA:
    return IKE_KEY_RSA;
  case CKK_EC:
    return IKE_KEY_ECDSA;
  case CKK_EC_EDWARDS:
    return IKE_KEY_ED25519;
  default:
    return IKE_KEY_OTHER;
  }
}

/* Takes @pubkey. */
static IkePubkey *
of_type (State *state, IkePubkey *pubkey, guint8 type)
{
  if (pubkey && state->pki->pubkey_info (pubkey)->type == type)
    return pubkey;
  state->pki->pubkey_unref (pubkey);
  return NULL;
}

/* Takes @spki, which may be NULL. */
static IkePubkey *
parse (State *state, GBytes *spki, guint8 type)
{
  IkePubkey *pubkey;
  const guint8 *data;
  gsize len;

  if (!spki)
    return NULL;
  data = g_bytes_get_data (spki, &len);
  pubkey = state->pki->pubkey_parse (state->pki_plugin, data, len, NULL);
  g_bytes_unref (spki);
  return of_type (state, pubkey, type);
}

static IkePubkey *
from_curve (Token *token, CK_OBJECT_HANDLE object, guint8 type)
{
  g_autoptr (GBytes) params = object_bytes (token, object, CKA_EC_PARAMS, MAX_PARAMS),
                     point = object_bytes (token, object, CKA_EC_POINT, MAX_POINT_BYTES);
  IkePubkey *pubkey;

  if (!point)
    return NULL;
  if (type == IKE_KEY_ED25519)
    return parse (token->state, spki_edwards (point), type);
  if (!params)
    return NULL;
  pubkey = parse (token->state, spki_ec (params, point, FALSE), type);
  return pubkey ? pubkey : parse (token->state, spki_ec (params, point, TRUE), type);
}

/* From what stands in @object, be it the public or the private key. */
static IkePubkey *
from_key (Token *token, CK_OBJECT_HANDLE object, guint8 type)
{
  g_autoptr (GBytes) modulus = NULL, exponent = NULL;
  IkePubkey *pubkey = NULL;

  if (type == IKE_KEY_RSA) {
    modulus = object_bytes (token, object, CKA_MODULUS, MAX_MODULUS);
    exponent = object_bytes (token, object, CKA_PUBLIC_EXPONENT, MAX_EXPONENT);
    if (modulus && exponent)
      pubkey = parse (token->state, spki_rsa (modulus, exponent), type);
  } else
    pubkey = from_curve (token, object, type);
  return pubkey
             ? pubkey
             : parse (token->state,
                      object_bytes (token, object, CKA_PUBLIC_KEY_INFO, IKE_CERT_MAX_SIZE), type);
}

static IkePubkey *
from_public_keys (Token *token, const Pattern *pattern, guint8 type)
{
  CK_RV rv;
  g_autoptr (GArray) found = objects_find (token, pattern, MAX_OBJECTS, &rv);
  IkePubkey *pubkey = NULL;

  for (guint i = 0; found && !pubkey && i < found->len; i++)
    pubkey = from_key (token, g_array_index (found, CK_OBJECT_HANDLE, i), type);
  return pubkey;
}

static IkePubkey *
from_certs (Token *token, GBytes *id, guint8 type)
{
  const IkePkiOps *pki = token->state->pki;
  g_autoptr (GPtrArray) certs = g_ptr_array_new_with_free_func ((GDestroyNotify) pki->cert_unref);
  IkePubkey *pubkey = NULL;

  token_certs (token, id, certs);
  for (guint i = 0; !pubkey && i < certs->len; i++) {
    const IkeCertInfo *info = pki->cert_info (g_ptr_array_index (certs, i));
    pubkey = of_type (token->state, pki->pubkey_ref (info->pubkey), type);
  }
  return pubkey;
}

IkePubkey *
token_pubkey (Token *token, CK_OBJECT_HANDLE private_key, GBytes *id, GBytes *label, GError **error)
{
  Pattern pattern = { .klass = CKO_PUBLIC_KEY, .id = id, .label = id ? NULL : label };
  CK_KEY_TYPE key_type;
  IkePubkey *pubkey = NULL;
  guint8 type;

  if (!object_ulong (token, private_key, CKA_KEY_TYPE, &key_type)
      || (type = type_of (key_type)) == IKE_KEY_OTHER) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "token %s: the key is neither RSA nor ECDSA nor Ed25519", token->name);
    return NULL;
  }
  if (id || label)
    pubkey = from_public_keys (token, &pattern, type);
  if (!pubkey && id)
    pubkey = from_certs (token, id, type);
  if (!pubkey)
    pubkey = from_key (token, private_key, type);
  if (!pubkey)
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND,
                 "token %s has neither public key nor certificate, that could be used, with the ID "
                 "of the private key; put one there",
                 token->name);
  return pubkey;
}

void
token_certs (Token *token, GBytes *id, GPtrArray *out)
{
  State *state = token->state;
  Pattern pattern = { .klass = CKO_CERTIFICATE, .id = id, .is_x509 = TRUE };
  CK_RV rv;
  g_autoptr (GArray) found = objects_find (token, &pattern, MAX_OBJECTS, &rv);

  for (guint i = 0; found && i < found->len; i++) {
    g_autoptr (GBytes) der = object_bytes (token, g_array_index (found, CK_OBJECT_HANDLE, i),
                                           CKA_VALUE, IKE_CERT_MAX_SIZE);
    g_autoptr (GError) error = NULL;
    IkeCert *cert = NULL;
    gsize len = 0;
    const guint8 *data = der ? g_bytes_get_data (der, &len) : NULL;

    if (data)
      cert = state->pki->cert_parse (state->pki_plugin, data, len, &error);
    if (cert)
      g_ptr_array_add (out, cert);
    else
      ike_log (state->engine, IKE_LOG_NOTICE, "pkcs11",
               "token %s: a certificate beside the key is left out: %s", token->name,
               error ? error->message : "it cannot be read");
  }
}
