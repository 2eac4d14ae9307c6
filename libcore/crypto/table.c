/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - algorithms by number: built once from the ready features, then only read. */
#include "crypto/crypto_private.h"

#include <string.h>

#include <ikebana/error.h>

enum { ICV_MAX = 64, IV_MAX = 16, KE_VALUE_MAX = 1 << 14 };

static const char *const kind_names[N_ALGORITHM_KINDS] = { "aead", "cipher", "integ",
                                                           "prf",  "hash",   "ke" };

static inline guint64
key_make (AlgorithmKind kind, guint16 transform, guint16 key_bits)
{
  return (guint64) kind << 32 | (guint64) transform << 16 | key_bits;
}

/* Of what is found by name: no transform number has such a key, and the slot keeps them apart. */
static inline guint64
key_make_unnumbered (const Algorithm *algorithm)
{
  return (guint64) 1 << 63 | algorithm->slot;
}

static inline guint
key_hash (guint64 key)
{
  return (guint) (key * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) >> 40);
}

/* Each reader takes what the table needs out of a class and returns NULL, or what is wrong with
 * the class. */

static const char *
read_aead (Algorithm *algorithm)
{
  const IkeAeadClass *klass = algorithm->klass;

  algorithm->key = key_make (ALGORITHM_AEAD, klass->transform, klass->key_bits);
  algorithm->scratch_new = klass->scratch_new;
  algorithm->scratch_free = klass->scratch_free;
  if (!klass->seal || !klass->open)
    return "it has no seal or no open function";
  if (klass->key_len + klass->salt_len > IKE_SECRET_MAX || klass->iv_len > IV_MAX
      || klass->icv_len > ICV_MAX)
    return "its key, IV or ICV is too long";
  return NULL;
}

static const char *
read_cipher (Algorithm *algorithm)
{
  const IkeCipherClass *klass = algorithm->klass;

  algorithm->key = klass->transform ? key_make (ALGORITHM_CIPHER, klass->transform, klass->key_bits)
                                    : key_make_unnumbered (algorithm);
  algorithm->scratch_new = klass->scratch_new;
  algorithm->scratch_free = klass->scratch_free;
  if (!klass->encrypt || !klass->decrypt)
    return "it has no encrypt or no decrypt function";
  if (klass->key_len + klass->salt_len > IKE_SECRET_MAX || klass->iv_len > IV_MAX
      || klass->block_len == 0 || klass->block_len > IV_MAX)
    return "its key, IV or block length is not possible";
  return NULL;
}

static const char *
read_integ (Algorithm *algorithm)
{
  const IkeIntegClass *klass = algorithm->klass;

  algorithm->key = key_make (ALGORITHM_INTEG, klass->transform, 0);
  algorithm->scratch_new = klass->scratch_new;
  algorithm->scratch_free = klass->scratch_free;
  if (!klass->mac)
    return "it has no mac function";
  if (klass->key_len > IKE_SECRET_MAX || klass->icv_len == 0 || klass->icv_len > ICV_MAX)
    return "its key or ICV length is not possible";
  return NULL;
}

static const char *
read_prf (Algorithm *algorithm)
{
  const IkePrfClass *klass = algorithm->klass;

  algorithm->key = key_make (ALGORITHM_PRF, klass->transform, 0);
  algorithm->scratch_new = klass->scratch_new;
  algorithm->scratch_free = klass->scratch_free;
  if (!klass->prf)
    return "it has no prf function";
  if (klass->out_len == 0 || klass->out_len > IKE_SECRET_MAX || klass->key_len > IKE_SECRET_MAX)
    return "its key or output length is not possible";
  return NULL;
}

static const char *
read_hash (Algorithm *algorithm)
{
  const IkeHashClass *klass = algorithm->klass;

  algorithm->key = key_make_unnumbered (algorithm);
  algorithm->scratch_new = klass->scratch_new;
  algorithm->scratch_free = klass->scratch_free;
  if (!klass->hash)
    return "it has no hash function";
  if (klass->out_len == 0 || klass->out_len > IKE_SECRET_MAX)
    return "its output length is not possible";
  return NULL;
}

static const char *
read_ke (Algorithm *algorithm)
{
  const IkeKeClass *klass = algorithm->klass;

  algorithm->key = key_make (ALGORITHM_KE, klass->transform, 0);
  if (!klass->offer || !klass->answer || !klass->finish || !klass->pair_free)
    return "it lacks one of offer, answer, finish and pair_free";
  if (klass->offer_len == 0 || klass->offer_len > KE_VALUE_MAX || klass->answer_len == 0
      || klass->answer_len > KE_VALUE_MAX)
    return "the length of its public values is not possible";
  return NULL;
}

static const char *(*const readers[N_ALGORITHM_KINDS]) (Algorithm *algorithm) = {
  read_aead, read_cipher, read_integ, read_prf, read_hash, read_ke
};

static gboolean
algorithm_init (Algorithm *algorithm, AlgorithmKind kind, const IkeProvided *provided,
                GError **error)
{
  algorithm->kind = kind;
  algorithm->klass = provided->ops;
  algorithm->plugin = provided->plugin;
  algorithm->feature = provided->feature;

  const char *wrong = readers[kind](algorithm);

  if (!wrong && kind != ALGORITHM_KE && (!algorithm->scratch_new || !algorithm->scratch_free))
    wrong = "it has no scratch_new or no scratch_free function";
  if (!wrong)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "plugin %s: feature %s cannot be used: %s",
               ike_plugin_name (provided->plugin), provided->feature, wrong);
  return FALSE;
}

static gboolean
table_insert (IkeCryptoTable *table, const Algorithm *algorithm, GError **error)
{
  guint at = key_hash (algorithm->key) & table->bucket_mask;

  for (; table->buckets[at]; at = (at + 1) & table->bucket_mask) {
    if (table->buckets[at]->key != algorithm->key)
      continue;
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                 "features %s (plugin %s) and %s (plugin %s) have the same transform number; "
                 "disable one of them",
                 table->buckets[at]->feature, ike_plugin_name (table->buckets[at]->plugin),
                 algorithm->feature, ike_plugin_name (algorithm->plugin));
    return FALSE;
  }
  table->buckets[at] = algorithm;
  return TRUE;
}

static gboolean
table_fill (IkeCryptoTable *table, GError **error)
{
  guint slot = 0;

  for (AlgorithmKind kind = 0; kind < N_ALGORITHM_KINDS; kind++) {
    guint n;
    const IkeProvided *const *list = ike_feature_list (table->engine, kind_names[kind], &n);

    for (guint i = 0; i < n; i++, slot++) {
      Algorithm *algorithm = &table->algorithms[slot];

      algorithm->table = table;
      algorithm->slot = slot;
      if (!algorithm_init (algorithm, kind, list[i], error)
          || !table_insert (table, algorithm, error))
        return FALSE;
    }
  }
  return TRUE;
}

gboolean
ike_crypto_start (IkeEngine *engine, GError **error)
{
  g_autofree IkeCryptoTable *table = g_new0 (IkeCryptoTable, 1);
  guint n_buckets = 16;

  table->engine = engine;
  for (AlgorithmKind kind = 0; kind < N_ALGORITHM_KINDS; kind++) {
    guint n;

    ike_feature_list (engine, kind_names[kind], &n);
    table->n_algorithms += n;
  }
  while (n_buckets < 2 * table->n_algorithms)
    n_buckets *= 2;
  table->bucket_mask = n_buckets - 1;
  table->buckets = g_new0 (const Algorithm *, n_buckets);
  table->algorithms = g_new0 (Algorithm, table->n_algorithms);
  if (!table_fill (table, error)) {
    g_free (table->buckets);
    g_free (table->algorithms);
    return FALSE;
  }
  table->sets = g_ptr_array_new ();
  pthread_mutex_init (&table->lock, NULL);
  engine->crypto = g_steal_pointer (&table);
  engine->free_scratches = crypto_scratches_free;
  return TRUE;
}

void
ike_crypto_free (IkeCryptoTable *table)
{
  if (!table)
    return;
  /* A loop that is freed later finds no table and leaves its set alone: it goes here. */
  table->engine->crypto = NULL;
  crypto_scratch_free_all (table);
  pthread_mutex_destroy (&table->lock);
  g_ptr_array_unref (table->sets);
  g_free (table->buckets);
  g_free (table->algorithms);
  g_free (table);
}

static const Algorithm *
table_find (IkeEngine *engine, guint64 key)
{
  const IkeCryptoTable *table = engine->crypto;

  if (!table)
    return NULL;
  for (guint at = key_hash (key) & table->bucket_mask; table->buckets[at];
       at = (at + 1) & table->bucket_mask)
    if (table->buckets[at]->key == key)
      return table->buckets[at];
  return NULL;
}

const IkeAead *
ike_aead_find (IkeEngine *engine, guint16 transform, guint16 key_bits)
{
  return (const IkeAead *) table_find (engine, key_make (ALGORITHM_AEAD, transform, key_bits));
}

const IkeCipher *
ike_cipher_find (IkeEngine *engine, guint16 transform, guint16 key_bits)
{
  return (const IkeCipher *) table_find (engine, key_make (ALGORITHM_CIPHER, transform, key_bits));
}

const IkeInteg *
ike_integ_find (IkeEngine *engine, guint16 transform)
{
  return (const IkeInteg *) table_find (engine, key_make (ALGORITHM_INTEG, transform, 0));
}

const IkePrf *
ike_prf_find (IkeEngine *engine, guint16 transform)
{
  return (const IkePrf *) table_find (engine, key_make (ALGORITHM_PRF, transform, 0));
}

const IkeKe *
ike_ke_find (IkeEngine *engine, guint16 transform)
{
  return (const IkeKe *) table_find (engine, key_make (ALGORITHM_KE, transform, 0));
}

/* By name, so a walk; whoever uses it looks it up once and keeps it. */
static const Algorithm *
table_find_name (IkeEngine *engine, AlgorithmKind kind, const char *name)
{
  const IkeCryptoTable *table = engine->crypto;
  gsize prefix_len = strlen (kind_names[kind]) + 1;

  for (guint i = 0; table && i < table->n_algorithms; i++) {
    const Algorithm *algorithm = &table->algorithms[i];

    if (algorithm->kind == kind && strcmp (algorithm->feature + prefix_len, name) == 0)
      return algorithm;
  }
  return NULL;
}

const IkeHash *
ike_hash_find (IkeEngine *engine, const char *name)
{
  return (const IkeHash *) table_find_name (engine, ALGORITHM_HASH, name);
}

const IkeCipher *
ike_cipher_find_name (IkeEngine *engine, const char *name)
{
  return (const IkeCipher *) table_find_name (engine, ALGORITHM_CIPHER, name);
}

const IkeAeadClass *
ike_aead_class (const IkeAead *aead)
{
  return aead->algorithm.klass;
}

const IkeCipherClass *
ike_cipher_class (const IkeCipher *cipher)
{
  return cipher->algorithm.klass;
}

const IkeIntegClass *
ike_integ_class (const IkeInteg *integ)
{
  return integ->algorithm.klass;
}

const IkePrfClass *
ike_prf_class (const IkePrf *prf)
{
  return prf->algorithm.klass;
}

const IkeHashClass *
ike_hash_class (const IkeHash *hash)
{
  return hash->algorithm.klass;
}

const IkeKeClass *
ike_ke_class (const IkeKe *ke)
{
  return ke->algorithm.klass;
}

IkePlugin *
ike_aead_plugin (const IkeAead *aead)
{
  return aead->algorithm.plugin;
}

IkePlugin *
ike_cipher_plugin (const IkeCipher *cipher)
{
  return cipher->algorithm.plugin;
}

IkePlugin *
ike_integ_plugin (const IkeInteg *integ)
{
  return integ->algorithm.plugin;
}
