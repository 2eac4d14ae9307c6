/* SPDX-License-Identifier: Apache-2.0 */
/* pki_key_parse.c - private keys as files hold them: PKCS#8, encrypted PKCS#8, PKCS#1 and SEC 1,
 * PEM or DER, and the older encryption of PEM.
 *
 * A passphrase comes with the file or not at all: nothing here ever asks on a terminal. */
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <string.h>

#include <ikebana/error.h>

#include "pki.h"

enum { LABEL_MAX = 64 };

typedef struct {
  IkeSecretBlob *passphrase; /* or NULL */
  gboolean was_asked;
} Passphrase;

static int
passphrase_give (char *out, size_t size, size_t *len, const OSSL_PARAM params[], void *data)
{
  Passphrase *self = data;

  self->was_asked = TRUE;
  if (!self->passphrase || ike_secret_blob_len (self->passphrase) > size)
    return 0;
  *len = ike_secret_blob_len (self->passphrase);
  if (*len)
    memcpy (out, ike_secret_blob_data (self->passphrase), *len);
  return 1;
}

/* The first private key of a PEM text, which may hold certificates and parameters of curves too.
 * Sets @data to it; FALSE when there is none. */
static gboolean
pem_find (const guint8 **data, gsize *len)
{
  static const char head[] = "-----BEGIN ", tail[] = "PRIVATE KEY-----";
  const char *text = (const char *) *data, *end = text + *len, *at = text;

  while ((at = g_strstr_len (at, end - at, head))) {
    const char *label = at + strlen (head);
    gsize most = MIN ((gsize) (end - label), LABEL_MAX);
    const char *line_end = memchr (label, '\n', most);

    if (g_strstr_len (label, line_end ? line_end - label : (gssize) most, tail)) {
      *data = (const guint8 *) at;
      *len = (gsize) (end - at);
      return TRUE;
    }
    at = label;
  }
  return FALSE;
}

static gboolean
is_openssh (const guint8 *data, gsize len)
{
  return g_strstr_len ((const char *) data, (gssize) len, "-----BEGIN OPENSSH PRIVATE KEY") != NULL;
}

/* What libcrypto says of a file that it cannot read is seldom of use, but of one that it cannot
 * decrypt it may name the cipher. */
static void
set_reason (const Passphrase *passphrase, const guint8 *data, gsize len, GError **error)
{
  if (passphrase->was_asked && !passphrase->passphrase)
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_DENIED,
                         "the private key is encrypted, and no passphrase for it is known; give "
                         "one in section secrets");
  else if (passphrase->was_asked)
    pki_fail (error, IKE_ERROR_DENIED, "the passphrase does not open the private key");
  else if (is_openssh (data, len))
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                         "this is a key in the format of OpenSSH; convert it with \"ssh-keygen -p "
                         "-m PKCS8 -f FILE\"");
  else
    pki_fail (error, IKE_ERROR_CRYPTO, "this is no private key that can be read");
  ERR_clear_error ();
}

static gboolean
size_is_sane (gsize len, GError **error)
{
  if (len > 0 && len <= IKE_CERT_MAX_SIZE)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "no private key has %" G_GSIZE_FORMAT " bytes",
               len);
  return FALSE;
}

IkeKey *
pki_key_parse (IkePlugin *self, const guint8 *data, gsize len, IkeSecretBlob *passphrase_or_null,
               const char *label, GError **error)
{
  State *state = state_get (self, error);
  Passphrase passphrase = { passphrase_or_null, FALSE };
  OSSL_DECODER_CTX *decoder;
  EVP_PKEY *pkey = NULL;
  const guint8 *at = data;
  gsize left = len;
  gboolean is_pem;
  IkeKey *key = NULL;

  if (!state || !size_is_sane (len, error))
    return NULL;
  is_pem = pem_find (&at, &left);
  decoder = OSSL_DECODER_CTX_new_for_pkey (&pkey, is_pem ? "PEM" : "DER", NULL, NULL,
                                           EVP_PKEY_KEYPAIR, state->library, NULL);
  if (!decoder || OSSL_DECODER_CTX_set_passphrase_cb (decoder, passphrase_give, &passphrase) != 1
      || OSSL_DECODER_from_data (decoder, &at, &left) != 1 || !pkey)
    set_reason (&passphrase, data, len, error);
  else if (!is_pem && left)
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                         "something stands behind the private key");
  else
    key = pki_key_new (state, pkey, label, error);
  OSSL_DECODER_CTX_free (decoder);
  EVP_PKEY_free (pkey);
  ERR_clear_error ();
  return key;
}
