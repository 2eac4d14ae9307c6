/* SPDX-License-Identifier: Apache-2.0 */
/* pki_verify.c - whether a signature is right.
 *
 * It comes from a peer that nobody knows yet: its length and form are looked at first, and there
 * is one form only.  libcrypto builds what it expects of PKCS#1 v1.5 and compares. */
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>

#include <ikebana/error.h>

#include "pki.h"

enum { ED25519_LEN = 64, ED448_LEN = 114, OCTETS_MAX = 1 << 20 };

/* What is given to libcrypto: the signature itself, or in @owned, from OPENSSL_malloc. */
typedef struct {
  const guint8 *data;
  gsize len;
  guint8 *owned;
} Form;

/* RFC 3279, 2.2.3: the value is DER of Ecdsa-Sig-Value.  Numbers out of range are refused by
 * libcrypto; that there is one encoding of them is not left to it. */
static gboolean
form_der (Form *form, const guint8 *signature, gsize len)
{
  const guint8 *at = signature;
  ECDSA_SIG *numbers = d2i_ECDSA_SIG (NULL, &at, (long) len);
  guint8 *again = NULL;
  int again_len = numbers ? i2d_ECDSA_SIG (numbers, &again) : -1;
  gboolean is_strict =
      again_len > 0 && (gsize) again_len == len && memcmp (again, signature, len) == 0;

  ECDSA_SIG_free (numbers);
  OPENSSL_free (again);
  *form = (Form){ signature, len, NULL };
  return is_strict;
}

/* RFC 4754, 7: "the concatenation of a pair of integers r and s", each as long as the order. */
static gboolean
form_raw (Form *form, guint bits, const guint8 *signature, gsize len)
{
  gsize half = (bits + 7) / 8;
  ECDSA_SIG *numbers = len == 2 * half ? ECDSA_SIG_new () : NULL;
  BIGNUM *r = numbers ? BN_bin2bn (signature, (int) half, NULL) : NULL;
  BIGNUM *s = numbers ? BN_bin2bn (signature + half, (int) half, NULL) : NULL;
  int der_len = -1;

  *form = (Form){ 0 };
  if (r && s && ECDSA_SIG_set0 (numbers, r, s) == 1) {
    der_len = i2d_ECDSA_SIG (numbers, &form->owned);
  } else {
    BN_free (r);
    BN_free (s);
  }
  ECDSA_SIG_free (numbers);
  form->data = form->owned;
  form->len = (gsize) MAX (der_len, 0);
  return der_len > 0;
}

/* y of the points of small order, without the sign of x.  A signature with such an R tells the
 * private key (S is then k times it), so that nobody makes one; libcrypto takes some. */
static gboolean
has_small_order (const guint8 *point, gsize len)
{
  static const struct {
    gsize len;
    const char *y;
  } small[] = {
    { 32, "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
          "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" },
    { 32, "\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f" },
    { 32, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
          "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" },
    { 32, "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39"
          "\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a" },
    { 32, "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6"
          "\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05" },
    { 57, "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
          "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
          "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" },
    { 57, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
          "\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00" },
    { 57, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
          "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
          "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" },
  };
  guint8 y[ED448_LEN / 2];

  memcpy (y, point, len);
  y[len - 1] &= 0x7f;
  for (guint i = 0; i < G_N_ELEMENTS (small); i++)
    if (small[i].len == len && memcmp (small[i].y, y, len) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
form_set (Form *form, const IkePubkey *pubkey, const IkeSigScheme *scheme, const guint8 *signature,
          gsize len)
{
  gsize longest = (gsize) MAX (EVP_PKEY_get_size (pubkey->pkey), 0);

  *form = (Form){ signature, len, NULL };
  switch ((IkeKeyType) scheme->key_type) {
  case IKE_KEY_RSA:
    /* RFC 8017, 8.1.2 and 8.2.2: "If the length of the signature S is not k octets, output
     * 'invalid signature' and stop." */
    return len == longest;
  case IKE_KEY_ECDSA:
    if (scheme->method != IKE_AUTH_SIGNATURE)
      return form_raw (form, scheme->key_bits, signature, len);
    return len > 0 && len <= longest && form_der (form, signature, len);
  case IKE_KEY_ED25519:
    return len == ED25519_LEN && !has_small_order (signature, ED25519_LEN / 2);
  case IKE_KEY_ED448:
    return len == ED448_LEN && !has_small_order (signature, ED448_LEN / 2);
  case IKE_KEY_OTHER:
  default:
    return FALSE;
  }
}

/* libcrypto takes the message of EdDSA as a whole only. */
static gboolean
verify_whole (EVP_MD_CTX *context, const Form *form, const IkePart *parts, guint n_parts)
{
  g_autofree guint8 *glued = NULL;
  const guint8 *message = n_parts ? parts[0].data : NULL;
  gsize len = 0, at = 0;

  for (guint i = 0; i < n_parts; i++) {
    if (parts[i].len > OCTETS_MAX - len)
      return FALSE;
    len += parts[i].len;
  }
  if (n_parts > 1) {
    message = glued = g_malloc (len + 1);
    for (guint i = 0; i < n_parts; at += parts[i++].len)
      if (parts[i].len)
        memcpy (glued + at, parts[i].data, parts[i].len);
  }
  return EVP_DigestVerify (context, form->data, form->len, message ? message : (const guint8 *) "",
                           len)
         == 1;
}

static gboolean
verify_parts (EVP_MD_CTX *context, const Form *form, const IkePart *parts, guint n_parts)
{
  for (guint i = 0; i < n_parts; i++)
    if (EVP_DigestVerifyUpdate (context, parts[i].data, parts[i].len) != 1)
      return FALSE;
  return EVP_DigestVerifyFinal (context, form->data, form->len) == 1;
}

gboolean
pki_verify_by (State *state, const IkePubkey *pubkey, const IkeSigScheme *scheme,
               const IkePart *parts, guint n_parts, const guint8 *signature, gsize len)
{
  EVP_MD_CTX *context;
  gboolean is_right = FALSE;
  Form form;

  if (!signature || !pki_scheme_fits (scheme, pubkey))
    return FALSE;
  context = EVP_MD_CTX_new ();
  if (form_set (&form, pubkey, scheme, signature, len) && context
      && pki_scheme_setup (state, scheme, context, pubkey->pkey, FALSE))
    is_right = scheme->hash_id == IKE_SIGHASH_IDENTITY
                   ? verify_whole (context, &form, parts, n_parts)
                   : verify_parts (context, &form, parts, n_parts);
  EVP_MD_CTX_free (context);
  OPENSSL_free (form.owned);
  ERR_clear_error ();
  return is_right;
}

gboolean
pki_verify (IkePlugin *self, const IkePubkey *pubkey, const IkeSigScheme *scheme,
            const IkePart *parts, guint n_parts, const guint8 *signature, gsize len)
{
  State *state = ike_plugin_state (self);

  return state && pki_verify_by (state, pubkey, scheme, parts, n_parts, signature, len);
}
