/* SPDX-License-Identifier: Apache-2.0 */
/* decoded.c - our certificates and keys as OpenSSL has them, kept while the credentials stay the
 * same: decoding one takes longer than all else that a session needs before its first byte. */
#include <pthread.h>

#include <openssl/x509.h>

#include <ikebana/engine.h>

#include "private.h"

/* One pair.  It has references to what it was made of, so that nothing else gets their places. */
struct _Decoded {
  gint references;
  const IkePkiOps *pki;
  IkeCert *cert;
  IkeKey *key;
  X509 *x509;
  EVP_PKEY *pkey;
  STACK_OF (X509) * chain;
};

static Decoded *
ref (Decoded *decoded)
{
  g_atomic_int_inc (&decoded->references);
  return decoded;
}

void
decoded_unref (gpointer data)
{
  Decoded *decoded = data;

  if (!decoded || !g_atomic_int_dec_and_test (&decoded->references))
    return;
  X509_free (decoded->x509);
  EVP_PKEY_free (decoded->pkey);
  sk_X509_pop_free (decoded->chain, X509_free);
  decoded->pki->cert_unref (decoded->cert);
  ike_key_unref (decoded->key);
  g_free (decoded);
}

gboolean
decoded_use (const Decoded *decoded, SSL *ssl)
{
  return SSL_use_certificate (ssl, decoded->x509) == 1
         && SSL_use_PrivateKey (ssl, decoded->pkey) == 1
         && SSL_set1_chain (ssl, decoded->chain) == 1;
}

/* -- decoding */

static EVP_PKEY *
key_read (const Tls *tls, IkeKey *key)
{
  g_autoptr (IkeSecretBlob) der = key->klass->export_der (key);
  const guint8 *at = der ? ike_secret_blob_data (der) : NULL;
  PKCS8_PRIV_KEY_INFO *info =
      der ? d2i_PKCS8_PRIV_KEY_INFO (NULL, &at, (long) ike_secret_blob_len (der)) : NULL;
  EVP_PKEY *pkey = info ? EVP_PKCS82PKEY_ex (info, tls->library, NULL) : NULL;

  PKCS8_PRIV_KEY_INFO_free (info);
  return pkey;
}

static X509 *
cert_read (const Tls *tls, const IkeCert *cert)
{
  GBytes *der = tls->pki->cert_der (cert);
  gsize len;
  const guint8 *at = g_bytes_get_data (der, &len);
  X509 *x509 = X509_new_ex (tls->library, NULL);

  if (x509 && !d2i_X509 (&x509, &at, (long) len))
    return NULL;
  return x509;
}

static gboolean
chain_read (const Tls *tls, const IkeOwn *own, STACK_OF (X509) * chain)
{
  for (guint i = 0; chain && i < own->n_chain; i++) {
    X509 *x509 = cert_read (tls, own->chain[i]);

    if (!x509 || !sk_X509_push (chain, x509)) {
      X509_free (x509);
      return FALSE;
    }
  }
  return chain != NULL;
}

static Decoded *
decode (const Tls *tls, const IkeOwn *own)
{
  Decoded *decoded = g_new0 (Decoded, 1);

  ike_counter_add (tls->engine, tls->n_decoded, 1);
  decoded->references = 1;
  decoded->pki = tls->pki;
  decoded->cert = tls->pki->cert_ref (own->cert);
  decoded->key = ike_key_ref (own->key);
  decoded->x509 = cert_read (tls, own->cert);
  decoded->pkey = decoded->x509 ? key_read (tls, own->key) : NULL;
  decoded->chain = decoded->pkey ? sk_X509_new_null () : NULL;
  if (chain_read (tls, own, decoded->chain))
    return decoded;
  decoded_unref (decoded);
  return NULL;
}

/* -- what is kept */

/* The shards and the I/O thread open sessions, and open() has its answer at once, so that this can
 * be no job.  The lock is held for a look into the table, never while anything is decoded: of two
 * who do so at the same time one throws its own away. */
struct _DecodedTable {
  pthread_mutex_t lock;
  guint64 generation;  /* of the credentials that they are of */
  GHashTable *by_cert; /* IkeCert → Decoded; only looked up */
};

DecodedTable *
decoded_table_new (void)
{
  DecodedTable *table = g_new0 (DecodedTable, 1);

  pthread_mutex_init (&table->lock, NULL);
  table->by_cert = g_hash_table_new_full (NULL, NULL, NULL, decoded_unref);
  return table;
}

void
decoded_table_free (DecodedTable *table)
{
  g_hash_table_unref (table->by_cert);
  pthread_mutex_destroy (&table->lock);
  g_free (table);
}

/* Of other credentials than last time nothing is kept: a key that was taken away is gone. */
static Decoded *
find (DecodedTable *table, guint64 generation, const IkeOwn *own)
{
  Decoded *found;

  pthread_mutex_lock (&table->lock);
  if (table->generation != generation)
    g_hash_table_remove_all (table->by_cert);
  table->generation = generation;
  found = g_hash_table_lookup (table->by_cert, own->cert);
  found = found && found->key == own->key ? ref (found) : NULL;
  pthread_mutex_unlock (&table->lock);
  return found;
}

static void
keep (DecodedTable *table, guint64 generation, Decoded *decoded)
{
  pthread_mutex_lock (&table->lock);
  if (table->generation == generation)
    g_hash_table_replace (table->by_cert, decoded->cert, ref (decoded));
  pthread_mutex_unlock (&table->lock);
}

void
decoded_forget (DecodedTable *table)
{
  pthread_mutex_lock (&table->lock);
  g_hash_table_remove_all (table->by_cert);
  pthread_mutex_unlock (&table->lock);
}

Decoded *
decoded_get (const Tls *tls, const IkeOwn *own)
{
  guint64 generation = tls->credentials->generation (own->credentials);
  Decoded *decoded = find (tls->decoded, generation, own);

  if (decoded)
    return decoded;
  decoded = decode (tls, own);
  if (decoded)
    keep (tls->decoded, generation, decoded);
  return decoded;
}
