/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_support.h - what the tests of keys and signatures share: the service in an engine in simulation, keys made
 * through libcrypto, signing through calls. */
#pragma once
#include <openssl/evp.h>

#include <ikebana/pki.h>

#include "test_support.h"

typedef struct {
  Bench bench;
  const IkePkiOps *ops;
  IkePlugin *plugin;
} Pki;

void pki_open  (Pki *pki, guint64 seed);
void pki_close (Pki *pki);

/* Of the default library context: "RSA", "RSA-PSS"; a curve's name; "ED25519", "ED448", …  EVP_PKEY_free. */
EVP_PKEY *make_rsa (const char *type, guint bits, guint exponent);
EVP_PKEY *make_ec  (const char *curve);
EVP_PKEY *make_key (const char *type);

const IkeSigScheme *scheme_of (Pki *pki, const char *name);
IkePubkey *pubkey_of (Pki *pki, EVP_PKEY *pkey);
/* By way of PKCS#8. */
IkeKey    *key_of    (Pki *pki, EVP_PKEY *pkey);

/* NULL with @error (may be NULL): why the call failed. */
GBytes *sign (Pki *pki, IkeKey *key, const IkeSigScheme *scheme, const char *text, char **error);
gboolean verify (Pki *pki, const IkePubkey *pubkey, const IkeSigScheme *scheme, const char *text, const guint8 *data,
                 gsize len);
