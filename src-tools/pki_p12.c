/* SPDX-License-Identifier: Apache-2.0 */
/* pki_p12.c - `pki p12`: a key with its certificates in one file (PKCS#12, RFC 7292). */
#include <openssl/pkcs12.h>
#include <string.h>
#include "pki.h"

enum { ITERATIONS = 100000 };

static const PkiOption p12_options[] = {
  { "cert", PKI_TEXT, FALSE, "FILE", "the certificate" },
  { "key", PKI_TEXT, FALSE, "FILE", "its private key, not encrypted or under the same passphrase" },
  { "cacert", PKI_TEXT, TRUE, "FILE", "certificates of CAs to go with it" },
  { "name", PKI_TEXT, FALSE, "TEXT", "what programs call it" },
  { NULL },
};
static const PkiOption *const p12_groups[] = { p12_options, pki_passphrase_options,
                                               pki_output_options, NULL };

static gboolean
read_all (const PkiArgs *args, X509 **cert, EVP_PKEY **key, X509Stack *others, GError **error)
{
  const char *cert_path = pki_need (args, "cert", error), *key_path, *path;

  if (!cert_path || !(key_path = pki_need (args, "key", error))
      || !(*cert = pki_read_cert (cert_path, error))
      || !(*key = pki_read_key (args, key_path, error)))
    return FALSE;
  if (X509_check_private_key (*cert, *key) != 1)
    return pki_fail (error, "the key in %s does not belong to the certificate in %s", key_path,
                     cert_path);
  for (guint i = 0; (path = pki_nth (args, "cacert", i)); i++)
    if (!pki_read_certs (path, others, error))
      return FALSE;
  return TRUE;
}

static gboolean
run_p12 (const PkiArgs *args, GError **error)
{
  g_autoptr (X509) cert = NULL;
  g_autoptr (EVP_PKEY) key = NULL;
  g_autoptr (X509Stack) others = sk_X509_new_null ();
  g_autoptr (BIO) out = BIO_new (BIO_s_mem ());
  char *passphrase;
  PKCS12 *p12;
  gboolean is_encoded;

  if (g_strcmp0 (pki_text (args, "form"), "pem") == 0)
    return pki_usage (error, "PKCS#12 is always DER; leave out --form");
  if (!read_all (args, &cert, &key, others, error))
    return FALSE;
  passphrase = pki_passphrase (args, "the PKCS#12 file", TRUE, error);
  if (!passphrase)
    return FALSE;
  p12 = PKCS12_create (passphrase, pki_text (args, "name"), key, cert, others, NID_aes_256_cbc,
                       NID_aes_256_cbc, ITERATIONS, -1, 0);
  is_encoded = p12 && PKCS12_set_mac (p12, passphrase, -1, NULL, 0, ITERATIONS, EVP_sha256 ()) == 1
               && i2d_PKCS12_bio (out, p12) == 1;
  PKCS12_free (p12);
  pki_passphrase_free (passphrase);
  return is_encoded ? pki_write (args, out, TRUE, error)
                    : pki_fail (error, "cannot make the PKCS#12 file");
}

const PkiCommand pki_p12_command = {
  .name = "p12",
  .summary = "put a key and its certificates into one file (PKCS#12)",
  .notes = "Everything in it is encrypted with AES-256 (PBES2).",
  .groups = p12_groups,
  .run = run_p12,
};
