/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_pki_key.c - files of private and of public keys, PKCS#12, and signatures.
 *
 * The first byte: 0, a private key follows, 1, a public key, 3, a PKCS#12 file without a
 * passphrase, 4, one with the passphrase x, else a signature; then the next byte says which of the
 * known answers it is held against.  No signature but the known one may be right.
 *
 * Covers: plugins/crypto-openssl/pki_key_parse.c plugins/crypto-openssl/pki_pkcs12.c
 * plugins/crypto-openssl/pki_pubkey.c plugins/crypto-openssl/pki_verify.c */
#include <stdlib.h>
#include <string.h>
#include <ikebana/pki.h>
#include "crypto-openssl/pki_vectors.h"
#include "crypto-openssl/test_support.h"

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const guint8 *data, size_t len);

extern const IkePluginInfo ike_plugin;

static Bench bench;
static const IkePkiOps *ops;
static IkePlugin *plugin;
static struct {
  IkePubkey *pubkey;
  guint8 *message, *signature;
  gsize message_len, signature_len;
} known[64];

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static void
shut_down (void)
{
  for (guint i = 0; i < n_pki_vectors; i++) {
    ops->pubkey_unref (known[i].pubkey);
    g_free (known[i].message);
    g_free (known[i].signature);
  }
  bench_close (&bench);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  const IkeProvided *provided;

  bench_open_builtin (&bench, 1, &ike_plugin);
  provided = bench_feature (&bench, "service:pki");
  ops = provided->ops;
  plugin = provided->plugin;
  check (n_pki_vectors <= G_N_ELEMENTS (known));
  for (guint i = 0; i < n_pki_vectors; i++) {
    gsize len;
    g_autofree guint8 *spki = bytes_of (pki_vectors[i].spki, &len);

    known[i].pubkey = ops->pubkey_parse (plugin, spki, len, NULL);
    known[i].message = bytes_of (pki_vectors[i].message, &known[i].message_len);
    known[i].signature = bytes_of (pki_vectors[i].signature, &known[i].signature_len);
    check (known[i].pubkey != NULL);
  }
  atexit (shut_down);
  return 0;
}

/* What was read is read again from what is written of it. */
static void
check_pubkey (const IkePubkey *pubkey)
{
  const IkePubkeyInfo *info = ops->pubkey_info (pubkey), *again_info;
  g_autoptr (GError) error = NULL;
  IkePubkey *again;

  check (info->name && info->spki_len > 0 && info->spki_len <= IKE_CERT_MAX_SIZE);
  check (info->type >= IKE_KEY_RSA && info->type <= IKE_KEY_OTHER);
  again = ops->pubkey_parse (plugin, info->spki, info->spki_len, &error);
  check (again != NULL);
  again_info = ops->pubkey_info (again);
  check (again_info->type == info->type && again_info->bits == info->bits);
  check (memcmp (again_info->id, info->id, IKE_KEY_ID_LEN) == 0);
  check (memcmp (again_info->subject_id, info->subject_id, IKE_KEY_ID_LEN) == 0);
  ops->pubkey_unref (again);
}

static void
try_private (const guint8 *data, gsize len)
{
  g_autoptr (GError) error = NULL;
  IkeKey *key = ops->key_parse (plugin, data, len, NULL, "fuzz", &error);

  check ((key == NULL) == (error != NULL));
  if (!key)
    return;
  check_pubkey (key->pubkey);
  ike_key_unref (key);
}

static void
try_public (const guint8 *data, gsize len)
{
  static const guint8 zeros[2048];
  IkePart part = { data, len };
  g_autoptr (GError) error = NULL;
  IkePubkey *pubkey = ops->pubkey_parse (plugin, data, len, &error);
  const IkeSigScheme *scheme;

  check ((pubkey == NULL) == (error != NULL));
  if (!pubkey)
    return;
  check_pubkey (pubkey);
  for (guint i = 0; (scheme = ops->scheme (plugin, i)); i++)
    for (gsize size = 8; size <= sizeof zeros; size *= 2)
      check (!ops->verify (plugin, pubkey, scheme, &part, 1, zeros, size));
  ops->pubkey_unref (pubkey);
}

/* All of it or nothing. */
static void
try_pkcs12 (const guint8 *data, gsize len, gboolean has_passphrase)
{
  g_autoptr (IkeSecretBlob) passphrase = has_passphrase ? ike_secret_blob_new ("x", 1) : NULL;
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func ((GDestroyNotify) ike_key_unref),
                        certs = g_ptr_array_new_with_free_func ((GDestroyNotify) ops->cert_unref);
  g_autoptr (GError) error = NULL;
  gboolean is_read = ops->pkcs12_parse (plugin, data, len, passphrase, "fuzz", keys, certs, &error);

  check (is_read == (error == NULL));
  check (is_read == (keys->len + certs->len > 0));
}

/* RFC 7427 or an older method: both mean the same signature by RSA. */
static gboolean
is_known_scheme (guint i, const char *name)
{
  for (guint k = 0; k < G_N_ELEMENTS (pki_vectors[i].schemes); k++)
    if (g_strcmp0 (pki_vectors[i].schemes[k], name) == 0)
      return TRUE;
  return FALSE;
}

static void
try_signature (guint which, const guint8 *signature, gsize len)
{
  guint i = which % n_pki_vectors;
  IkePart parts[] = { { known[i].message, known[i].message_len / 2 },
                      { known[i].message + known[i].message_len / 2,
                        known[i].message_len - known[i].message_len / 2 } };
  gboolean is_known = len == known[i].signature_len
                      && (len == 0 || memcmp (signature, known[i].signature, len) == 0);
  const IkeSigScheme *scheme;

  for (guint k = 0; (scheme = ops->scheme (plugin, k)); k++)
    check (ops->verify (plugin, known[i].pubkey, scheme, parts, 2, signature, len)
           == (is_known && is_known_scheme (i, scheme->name)));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t len)
{
  if (len < 2)
    return 0;
  if (data[0] == 0)
    try_private (data + 1, len - 1);
  else if (data[0] == 1)
    try_public (data + 1, len - 1);
  else if (data[0] == 3 || data[0] == 4)
    try_pkcs12 (data + 1, len - 1, data[0] == 4);
  else
    try_signature (data[1], data + 2, len - 2);
  return 0;
}
